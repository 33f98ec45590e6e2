/* Command lines: each line of the input is a word. What the parser takes fits the table, and taken apart and put together again it
 * is the same command line. */
#include "fuzz.h"

#include "cli/run.h"

enum { WORDS = 96, WORD = 512 };

struct line {
    char text[WORDS][WORD];
    char *argv[WORDS + 1];
    int argc;
};

static void add(struct line *line, const char *text)
{
    if (line->argc == WORDS) return;
    snprintf(line->text[line->argc], WORD, "%s", text);
    line->argv[line->argc] = line->text[line->argc];
    line->argv[++line->argc] = NULL;
}

/* What is wrong is said on stderr: nobody reads it here. */
static int parse_silently(struct line *line, struct cli_args *ret)
{
    static FILE *nowhere; /* still reachable at the end */
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    FUZZ_LAW(nowhere != NULL);
    FILE *before = stderr;
    stderr = nowhere;
    *ret = (struct cli_args){0};
    int code = cli_parse(line->argc, line->argv, ret);
    stderr = before;
    return code;
}

static bool in_list(const struct cli_option *list, const struct cli_option *option)
{
    for (; list && list->name; list++)
        if (list == option) return true;
    return false;
}

static void fits_the_table(const struct cli_args *args)
{
    const struct cli_command *command = args->command;
    FUZZ_LAW(args->ngiven <= CLI_MAX_GIVEN);
    for (unsigned i = 0; i < args->ngiven; i++) {
        const struct cli_option *option = args->given[i];
        FUZZ_LAW(in_list(cli_globals, option) || (command && in_list(command->options, option)));
        FUZZ_LAW(args->value[i] && (option->arg || !*args->value[i]));
        FUZZ_LAW(cli_has(args, option->name));
    }
    if (!command || cli_has(args, "help")) return;
    FUZZ_LAW(cli_find(command->name) == command);
    FUZZ_LAW(args->noperands >= command->least && args->noperands <= command->most);
    for (int i = 0; i < args->noperands; i++) FUZZ_LAW(args->operand[i] != NULL);
}

/* The same, spelled out: long options with their values, and the operands behind "--". */
static void same_again(const struct cli_args *args)
{
    static struct line line; /* too large for a stack */
    struct cli_args again;
    char word[2 * WORD];
    line.argc = 0;
    add(&line, "recourse");
    add(&line, args->command->name);
    for (unsigned i = 0; i < args->ngiven; i++) {
        bool has_value = args->given[i]->arg != NULL;
        snprintf(word, sizeof word, "--%s%s%s", args->given[i]->name, has_value ? "=" : "", args->value[i]);
        if (strlen(word) >= WORD) return; /* it would be cut */
        add(&line, word);
    }
    add(&line, "--");
    for (int i = 0; i < args->noperands; i++) add(&line, args->operand[i]);
    if (line.argc == WORDS) return;
    FUZZ_LAW(parse_silently(&line, &again) == CLI_OK);
    FUZZ_LAW(again.command == args->command && again.ngiven == args->ngiven &&
             again.noperands == args->noperands);
    for (unsigned i = 0; i < again.ngiven; i++)
        FUZZ_LAW(again.given[i] == args->given[i] && strcmp(again.value[i], args->value[i]) == 0);
    for (int i = 0; i < again.noperands; i++) FUZZ_LAW(strcmp(again.operand[i], args->operand[i]) == 0);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    static struct line line;
    struct cli_args args;
    char word[WORD];
    (void)arena;
    line.argc = 0;
    add(&line, "recourse");
    while (input.n && line.argc < WORDS) {
        struct rc_sv one = fuzz_line(&input);
        snprintf(word, sizeof word, "%.*s", RC_SV_ARG(one));
        add(&line, word);
    }
    int code = parse_silently(&line, &args);
    FUZZ_LAW(code == CLI_OK || code == CLI_USAGE);
    if (code != CLI_OK) return;
    fits_the_table(&args);
    if (args.command) same_again(&args);
}
