/* recourse man: the manual from the table, as roff for man(7). One page for the program, one for each command. */
#include "cli/run.h"

#include "base/utf8.h"

/* Text as roff shows it: no character is a request or an escape. What stands in backquotes becomes bold. */
static void put_text(FILE *out, const char *text)
{
    bool code = false;
    for (size_t i = 0; text[i];) {
        uint32_t n = rc_utf8_length(text + i, (uint32_t)strlen(text + i));
        char c = text[i];
        if (n > 1)
            fprintf(out, "\\[u%04X]", rc_utf8_decode(text + i, n));
        else if (c == '`')
            fputs((code = !code) ? "\\fB" : "\\fR", out);
        else if (c == '\\' || c == '-' || c == '\'')
            fputs(c == '\\' ? "\\e" : c == '-' ? "\\-" : "\\(aq", out);
        else if (c == '.' && (i == 0 || text[i - 1] == '\n'))
            fputs("\\&.", out);
        else if (c == '\n')
            fputs("\n.PP\n", out); /* every line of a help text is a paragraph */
        else
            fputc(c, out);
        i += n ? n : 1;
    }
}

static void put_line(FILE *out, const char *text)
{
    put_text(out, text);
    fputc('\n', out);
}

static void put_options(FILE *out, const char *title, const struct cli_option *option)
{
    if (!option || !option->name) return;
    fprintf(out, ".SH %s\n", title);
    for (; option->name; option++) {
        fputs(".TP\n", out);
        if (option->letter) fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
        fputs("\\fB\\-\\-", out);
        put_text(out, option->name);
        fputs("\\fR", out);
        if (option->arg) {
            fputs("=\\fI", out);
            put_text(out, option->arg);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        put_text(out, option->text);
        if (option->otherwise) {
            fputs(" (default: ", out);
            put_text(out, option->otherwise);
            fputc(')', out);
        }
        fputc('\n', out);
    }
}

static void put_exits(FILE *out)
{
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (int code = 0; code < CLI_EXITS; code++) {
        fprintf(out, ".TP\n.B %d\n", code);
        put_line(out, cli_exit_text(code));
    }
}

static void put_synopsis(FILE *out, const struct cli_command *command)
{
    fputs(".SH SYNOPSIS\n.B recourse", out);
    fprintf(out, " %s\n", command ? command->name : "");
    if (!command) fputs(".I COMMAND\n", out);
    if (!command || (command->options && command->options->name)) fputs("[\\fIOPTION\\fR]...\n", out);
    if (command && *command->args) {
        fputs(".I ", out);
        put_line(out, command->args);
    }
}

static void put_command(FILE *out, const struct cli_command *command)
{
    fprintf(out, ".SH NAME\nrecourse\\-%s \\- ", command->name);
    put_line(out, command->text);
    put_synopsis(out, command);
    fputs(".SH DESCRIPTION\n", out);
    put_line(out, command->help ? command->help : command->text);
    put_options(out, "OPTIONS", command->options);
    put_options(out, "\"OPTIONS OF EVERY COMMAND\"", cli_globals);
    put_exits(out);
    fputs(".SH \"SEE ALSO\"\n.BR recourse (1)\n", out);
}

static void put_program(FILE *out)
{
    fputs(".SH NAME\nrecourse \\- ", out);
    put_line(out, CLI_ABOUT);
    put_synopsis(out, NULL);
    fputs(".SH COMMANDS\n", out);
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        fprintf(out, ".TP\n\\fB%s\\fR \\fI", command->name);
        put_text(out, command->args);
        fputs("\\fR\n", out);
        put_line(out, command->text);
    }
    put_options(out, "\"OPTIONS OF EVERY COMMAND\"", cli_globals);
    put_exits(out);
    fputs(".SH ENVIRONMENT\n", out);
    for (const struct cli_variable *variable = cli_variables; variable->name; variable++) {
        fprintf(out, ".TP\n.B %s\n", variable->name);
        put_line(out, variable->text);
    }
    fputs(".SH \"SEE ALSO\"\nEvery command has a page of its own, such as\n.BR recourse\\-submit (1).\n",
          out);
}

static int put_page(FILE *out, void *context)
{
    struct cli *cli = context;
    const struct cli_args *args = cli->args;
    const struct cli_command *command = args->noperands ? cli_find(args->operand[0]) : NULL;
    if (args->noperands && !command) return cli_usage(cli, "there is no command \"%s\"", args->operand[0]);
    fprintf(out, ".TH \"RECOURSE%s%s\" 1 \"\" \"recourse %s\"\n.nh\n.ad l\n", command ? "\\-" : "",
            command ? command->name : "", cli->host->version);
    if (command)
        put_command(out, command);
    else
        put_program(out);
    return CLI_OK;
}

int cli_run_man(struct cli *cli, const struct cli_args *args)
{
    (void)args;
    return cli_page(cli->json, "page", put_page, cli);
}
