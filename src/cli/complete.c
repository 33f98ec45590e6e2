/* recourse completion: a script for bash, zsh or fish, made from the table. What a value may be follows from the name
 * that the table gives it: STATES, FILE, DIR, COMMAND, SHELL, or words with '|' between them; nothing is offered for others. */
#include "cli/run.h"

/* A list has commas between its words. */
enum value_kind { VALUE_ANY, VALUE_FILE, VALUE_DIR, VALUE_WORD, VALUE_LIST, VALUE_TYPE };

/* What a script runs for the types of the server that it would talk to; nothing where there is none. */
#define ASK_TYPES "recourse completion types 2>/dev/null"

static const char *const states[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) slug,
#include "states.def"
#undef RC_COMMAND_STATE
};

static void put_states(FILE *out, const char *arg)
{
    (void)arg;
    /* the first one is that of a command which is not there */
    for (unsigned i = 1; i < sizeof states / sizeof *states; i++) fprintf(out, "%s ", states[i]);
}

static void put_commands(FILE *out, const char *arg)
{
    (void)arg;
    for (const struct cli_command *command = cli_commands; command->name; command++)
        fprintf(out, "%s ", command->name);
}

static void put_commands_and_topics(FILE *out, const char *arg)
{
    put_commands(out, arg);
    for (const struct cli_topic *topic = cli_topics; topic->name; topic++) fprintf(out, "%s ", topic->name);
}

static void put_shells(FILE *out, const char *arg)
{
    (void)arg;
    fputs("bash zsh fish ", out);
}

/* "preview|run [ACTION|ID]": the words up to the first blank, and the actions where one may stand behind them. */
static void put_words(FILE *out, const char *arg)
{
    bool actions = strstr(arg, "ACTION") != NULL;
    for (; *arg && *arg != ' '; arg++) fputc(*arg == '|' ? ' ' : *arg, out);
    fputc(' ', out);
    for (const struct cli_command *command = cli_commands; actions && command->name; command++)
        if (command->run == cli_run_action) fprintf(out, "%s ", command->name);
}

static const struct value {
    const char *arg;
    enum value_kind kind;
    void (*put)(FILE *, const char *arg); /* the words, each with a blank behind it */
} values[] = {
    {"STATES", VALUE_LIST, put_states},
    {"TYPE", VALUE_TYPE, NULL},
    {"FILE", VALUE_FILE, NULL},
    {"DIR", VALUE_DIR, NULL},
    {"SHELL", VALUE_WORD, put_shells},
    {"[COMMAND]", VALUE_WORD, put_commands},
    {"[COMMAND|TOPIC]", VALUE_WORD, put_commands_and_topics},
};

static const struct value *value_of(const char *arg)
{
    static const struct value any = {"", VALUE_ANY, NULL}, words = {"|", VALUE_WORD, put_words};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].arg, arg) == 0) return &values[i];
    return strchr(arg, '|') ? &words : &any;
}

/* Text between single quotes of a shell; `special` are put behind a backslash. */
static void put_quoted(FILE *out, const char *text, const char *special, const char *quote)
{
    for (; *text; text++) {
        if (strchr(special, *text)) fputc('\\', out);
        if (*text == '\'')
            fputs(quote, out);
        else
            fputc(*text, out);
    }
}

/* ---- bash ---------------------------------------------------------------------------------------------- */

static void put_bash_value(FILE *out, const char *arg)
{
    const struct value *value = value_of(arg);
    switch (value->kind) {
    case VALUE_FILE: fputs("COMPREPLY=($(compgen -f -- \"$cur\"))", out); break;
    case VALUE_DIR: fputs("COMPREPLY=($(compgen -d -- \"$cur\"))", out); break;
    case VALUE_WORD:
    case VALUE_LIST:
        fputs("_recourse_words '", out);
        value->put(out, arg);
        fputc('\'', out);
        break;
    case VALUE_TYPE: fputs("_recourse_words \"$(" ASK_TYPES ")\"", out); break;
    case VALUE_ANY: fputs(":", out); break;
    }
}

/* Cases for the options that have a value: what to offer behind them. */
static void put_bash_options(FILE *out, const char *command, const struct cli_option *option)
{
    for (; option && option->name; option++) {
        if (!option->arg) continue;
        fprintf(out, "    %s:--%s", command, option->name);
        if (option->letter) fprintf(out, "|%s:-%c", command, option->letter);
        fputs(") ", out);
        put_bash_value(out, option->arg);
        fputs("; return ;;\n", out);
    }
}

static void put_names(FILE *out, const struct cli_option *option)
{
    for (; option && option->name; option++) fprintf(out, "--%s ", option->name);
}

static void put_bash(FILE *out)
{
    fputs(
        "# Completion of recourse for bash, made by `recourse completion bash`.\n"
        "# A list with commas is completed behind its last comma.\n"
        "_recourse_words() {\n    local before=\n    [[ $cur == *,* ]] && before=${cur%,*},\n"
        "    COMPREPLY=($(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\"))\n}\n"
        "_recourse() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= i\n"
        "    COMPREPLY=()\n"
        "    [[ $cur == = ]] && cur=\n"
        "    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n        "
        "--server|--actor|--token-file|--namespace)\n"
        "            [[ ${COMP_WORDS[i+1]} == = ]] && ((i++))\n            ((i++)) ;;\n        -*) ;;\n"
        "        *) command=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n    case $command:$prev in\n",
        out);
    put_bash_options(out, "*", cli_globals);
    for (const struct cli_command *command = cli_commands; command->name; command++)
        put_bash_options(out, command->name, command->options);
    fputs("    esac\n    local globals='", out);
    put_names(out, cli_globals);
    fputs("'\n    case $command:$cur in\n    :-*) _recourse_words \"$globals\" ;;\n    :*) _recourse_words '",
          out);
    put_commands(out, NULL);
    fputs("' ;;\n", out);
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        fprintf(out, "    %s:-*) _recourse_words \"", command->name);
        put_names(out, command->options);
        fprintf(out, "$globals\" ;;\n    %s:*) ", command->name);
        put_bash_value(out, command->args);
        fputs(" ;;\n", out);
    }
    fputs("    esac\n}\ncomplete -F _recourse recourse\n", out);
}

/* ---- zsh ----------------------------------------------------------------------------------------------- */

static void put_zsh_value(FILE *out, const char *arg)
{
    const struct value *value = value_of(arg);
    switch (value->kind) {
    case VALUE_FILE: fputs("_files", out); break;
    case VALUE_DIR: fputs("_files -/", out); break;
    case VALUE_WORD:
        fputc('(', out);
        value->put(out, arg);
        fputc(')', out);
        break;
    case VALUE_LIST:
        fputs("_sequence compadd - ", out);
        value->put(out, arg);
        break;
    case VALUE_TYPE: fputs("{compadd -- $(" ASK_TYPES ")}", out); break;
    case VALUE_ANY: fputc(' ', out); break;
    }
}

static void put_zsh_options(FILE *out, const struct cli_option *option)
{
    for (; option && option->name; option++) {
        for (int letter = 0; letter <= (option->letter != 0); letter++) {
            fputs(" \\\n        '*", out);
            if (letter)
                fprintf(out, "-%c%s[", option->letter, option->arg ? "+" : "");
            else
                fprintf(out, "--%s%s[", option->name, option->arg ? "=" : "");
            put_quoted(out, option->text, "[]\\:", "'\\''");
            fputc(']', out);
            if (option->arg) {
                fprintf(out, ":%s:", option->arg);
                put_zsh_value(out, option->arg);
            }
            fputc('\'', out);
        }
    }
}

static void put_zsh(FILE *out)
{
    fputs("#compdef recourse\n# Completion of recourse for zsh, made by `recourse completion zsh`.\n"
          "_recourse() {\n    local state line\n    local -a commands\n    commands=(\n",
          out);
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        fprintf(out, "        '%s:", command->name);
        put_quoted(out, command->text, "\\:", "'\\''");
        fputs("'\n", out);
    }
    fputs("    )\n    _arguments -C", out);
    put_zsh_options(out, cli_globals);
    fputs(" \\\n        '1: :->command' '*:: :->rest'\n    case $state in\n    command) _describe command "
          "commands ;;\n"
          "    rest)\n        case $words[1] in\n",
          out);
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        fprintf(out, "        %s) _arguments", command->name);
        put_zsh_options(out, cli_globals);
        put_zsh_options(out, command->options);
        if (command->most) {
            fputs(" \\\n        '1:operand:", out);
            put_zsh_value(out, command->args);
            fputc('\'', out);
        }
        fputs(" ;;\n", out);
    }
    fputs("        esac ;;\n    esac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _recourse "
          "\"$@\"\nelse\n"
          "    compdef _recourse recourse\nfi\n",
          out);
}

/* ---- fish ---------------------------------------------------------------------------------------------- */

static void put_fish_value(FILE *out, const char *arg)
{
    const struct value *value = value_of(arg);
    switch (value->kind) {
    case VALUE_FILE: fputs(" -F", out); break;
    case VALUE_DIR: fputs(" -f -a '(__fish_complete_directories)'", out); break;
    case VALUE_WORD:
    case VALUE_LIST:
        fputs(" -f -a '", out);
        value->put(out, arg);
        fputc('\'', out);
        break;
    case VALUE_TYPE: fputs(" -f -a '(" ASK_TYPES ")'", out); break;
    case VALUE_ANY: fputs(" -f", out); break;
    }
}

static void put_fish_options(FILE *out, const char *command, const struct cli_option *option)
{
    for (; option && option->name; option++) {
        fputs("complete -c recourse", out);
        if (command) fprintf(out, " -n '__fish_seen_subcommand_from %s'", command);
        fprintf(out, " -l %s", option->name);
        if (option->letter) fprintf(out, " -s %c", option->letter);
        if (option->arg) {
            fputs(" -r", out);
            put_fish_value(out, option->arg);
        }
        fputs(" -d '", out);
        put_quoted(out, option->text, "\\'", "'");
        fputs("'\n", out);
    }
}

static void put_fish(FILE *out)
{
    fputs("# Completion of recourse for fish, made by `recourse completion fish`.\ncomplete -c recourse -f\n",
          out);
    put_fish_options(out, NULL, cli_globals);
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        fprintf(out, "complete -c recourse -n __fish_use_subcommand -a %s -d '", command->name);
        put_quoted(out, command->text, "\\'", "'");
        fputs("'\n", out);
        if (value_of(command->args)->kind != VALUE_ANY) {
            fprintf(out, "complete -c recourse -n '__fish_seen_subcommand_from %s'", command->name);
            put_fish_value(out, command->args);
            fputc('\n', out);
        }
        put_fish_options(out, command->name, command->options);
    }
}

/* The names of the flows in force, one a line. */
static int put_types(struct cli *cli, FILE *out)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/definitions");
    if (fault != CLI_OK) return fault;
    struct screen screen = {.out = out};
    struct cel_value all = cli_member(&reply.answer.body, "definitions");
    for (uint32_t i = 0; all.kind == CEL_LIST && i < all.n; i++) {
        const struct cel_value *one = &all.v.items[i];
        if (!rc_sv_is(cli_text(one, "kind"), "flow")) continue;
        screen_line(&screen, "%.*s", RC_SV_ARG(cli_text(one, "name")));
    }
    return CLI_OK;
}

static int put_script(FILE *out, void *context)
{
    struct cli *cli = context;
    const struct cli_args *args = cli->args;
    static const struct {
        const char *shell;
        void (*put)(FILE *);
    } row[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        if (strcmp(row[i].shell, args->operand[0]) != 0) continue;
        row[i].put(out);
        return CLI_OK;
    }
    if (strcmp(args->operand[0], "types") == 0) return put_types(cli, out);
    return cli_usage(cli, "there are scripts for bash, zsh and fish, not for \"%s\"", args->operand[0]);
}

int cli_run_completion(struct cli *cli, const struct cli_args *args)
{
    (void)args;
    return cli_page(cli->json, "script", put_script, cli);
}
