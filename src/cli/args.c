/* Command lines to struct cli_args, by the table. getopt_long does the reading. */
#include "cli/run.h"

#include "base/near.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 96, FIRST_CODE = 256 };

/* What getopt wants, made from two lists of the table. */
struct spec {
    struct option longs[MAX_OPTIONS + 1];
    const struct cli_option *from[MAX_OPTIONS];
    char shorts[2 * MAX_OPTIONS + 3];
    int n;
};

static void add_list(struct spec *spec, const struct cli_option *list, size_t *io_short)
{
    for (; list && list->name; list++) {
        assert(spec->n < MAX_OPTIONS); /* the table has grown */
        spec->longs[spec->n] = (struct option){.name = list->name,
                                               .has_arg = list->arg ? required_argument : no_argument,
                                               .val = FIRST_CODE + spec->n};
        spec->from[spec->n++] = list;
        if (!list->letter) continue;
        spec->shorts[(*io_short)++] = list->letter;
        if (list->arg) spec->shorts[(*io_short)++] = ':';
    }
}

/* `stop`: at the first operand, which is the command's name. */
static void make_spec(struct spec *spec, const struct cli_option *own, bool stop)
{
    size_t n = 0;
    memset(spec, 0, sizeof *spec);
    if (stop) spec->shorts[n++] = '+';
    spec->shorts[n++] = ':'; /* we say ourselves what is wrong */
    add_list(spec, cli_globals, &n);
    add_list(spec, own, &n);
}

static const struct cli_option *option_of(const struct spec *spec, int code)
{
    if (code >= FIRST_CODE) return spec->from[code - FIRST_CODE];
    for (int i = 0; i < spec->n; i++)
        if (spec->from[i]->letter == code) return spec->from[i];
    return NULL;
}

static int complain(const char *command, const char *what, const char *option)
{
    struct screen screen;
    screen_open(&screen, stderr);
    screen_line(&screen, "recourse%s%s: %.200s %s (recourse help%s%s)", command ? " " : "",
                command ? command : "", option, what, command ? " " : "", command ? command : "");
    return CLI_USAGE;
}

/* Where an empty value says something: nobody any more, no time any more. Elsewhere it is a variable of the shell that is not
 * set, and is taken for nothing: neither for all nor for "not given". */
static bool may_be_empty(const struct cli_command *command, const struct cli_option *option)
{
    return command && command->run == cli_run_bulk &&
           (strcmp(option->name, "to") == 0 || strcmp(option->name, "due") == 0);
}

/* Says that there is no such option here, and which one may have been meant. */
static int complain_unknown(const char *command, const struct spec *spec, const char *said)
{
    const char *name = said + strspn(said, "-");
    struct rc_near near = {.wanted = {name, (uint32_t)strcspn(name, "=")}};
    char what[128] = "is not an option here";
    for (int i = 0; i < spec->n && name > said + 1; i++) rc_near_try(&near, rc_sv_of(spec->from[i]->name));
    if (near.best.p)
        snprintf(what, sizeof what, "is not an option here; did you mean --%.*s?", RC_SV_ARG(near.best));
    return complain(command, what, said);
}

static int read_options(int argc, char **argv, const struct spec *spec, struct cli_args *args)
{
    const char *command = args->command ? args->command->name : NULL;
    for (int code; (code = getopt_long(argc, argv, spec->shorts, spec->longs, NULL)) != -1;) {
        const char *said = optind > 0 && optind <= argc ? argv[optind - 1] : "?";
        if (code == ':') return complain(command, "needs a value", said);
        if (code == '?') return complain_unknown(command, spec, said);
        const struct cli_option *option = option_of(spec, code);
        if (!option || args->ngiven == CLI_MAX_GIVEN)
            return complain(command, "is one option too many", said);
        if (optarg && !*optarg && !may_be_empty(args->command, option)) {
            char name[64];
            snprintf(name, sizeof name, "--%s", option->name);
            return complain(command, "is empty: leave it out, or say which", name);
        }
        args->given[args->ngiven] = option;
        args->value[args->ngiven++] = optarg ? optarg : "";
    }
    return CLI_OK;
}

static const struct cli_command *find_command(const char *name)
{
    for (const struct cli_command *command = cli_commands; command->name; command++)
        if (strcmp(command->name, name) == 0) return command;
    return NULL;
}

const struct cli_command *cli_find(const char *name)
{
    return find_command(name);
}

struct rc_sv cli_near_command(const char *name)
{
    struct rc_near near = {.wanted = rc_sv_of(name)};
    for (const struct cli_command *command = cli_commands; command->name; command++)
        rc_near_try(&near, rc_sv_of(command->name));
    return near.best;
}

int cli_parse(int argc, char **argv, struct cli_args *args)
{
    struct spec spec;
    make_spec(&spec, NULL, true);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    int fault = read_options(argc, argv, &spec, args);
    if (fault || optind >= argc) return fault;
    args->command = find_command(argv[optind]);
    if (!args->command) {
        struct rc_sv near = cli_near_command(argv[optind]);
        struct screen screen;
        screen_open(&screen, stderr);
        screen_line(&screen, "recourse: there is no command \"%.200s\"%s%.*s%s (recourse help)", argv[optind],
                    near.p ? "; did you mean \"" : "", RC_SV_ARG(near), near.p ? "\"?" : "");
        return CLI_USAGE;
    }
    argc -= optind;
    argv += optind;
    make_spec(&spec, args->command->options, false);
    optind = 0;
    fault = read_options(argc, argv, &spec, args);
    args->operand = argv + optind;
    args->noperands = argc - optind;
    if (fault || cli_has(args, "help")) return fault;
    bool counted = args->noperands >= args->command->least && args->noperands <= args->command->most;
    bool verbs = strchr(args->command->args, '|') != NULL; /* what is meant stands behind one */
    bool empty = false;
    for (int i = 0; i < args->noperands && (i == 0 || verbs); i++) empty |= !*args->operand[i];
    if (counted && empty && args->command->run != cli_run_program) {
        fprintf(stderr,
                "recourse %s: an argument is empty, like a variable of the shell that is not set (recourse "
                "help %s)\n",
                args->command->name, args->command->name);
        return CLI_USAGE;
    }
    if (counted) return CLI_OK;
    fprintf(stderr, "usage: recourse %s%s%s (recourse help %s)\n", args->command->name,
            *args->command->args ? " " : "", args->command->args, args->command->name);
    return CLI_USAGE;
}

const char *cli_value(const struct cli_args *args, const char *name)
{
    for (unsigned i = args->ngiven; i-- > 0;)
        if (strcmp(args->given[i]->name, name) == 0) return args->value[i];
    return NULL;
}

bool cli_has(const struct cli_args *args, const char *name)
{
    return cli_value(args, name) != NULL;
}

const char *cli_each(const struct cli_args *args, const char *name, unsigned *io_at)
{
    while (*io_at < args->ngiven) {
        unsigned i = (*io_at)++;
        if (strcmp(args->given[i]->name, name) == 0) return args->value[i];
    }
    return NULL;
}
