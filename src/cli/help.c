/* Help from the table. */
#include "cli/run.h"

enum { NAME_WIDTH = 30 };

static void put_option(struct screen *screen, const struct cli_option *option)
{
    char name[128];
    snprintf(name, sizeof name, "%s%c%s--%s%s%s", option->letter ? "-" : "",
             option->letter ? option->letter : ' ', option->letter ? ", " : "   ", option->name,
             option->arg ? " " : "", option->arg ? option->arg : "");
    bool fits = screen_columns(rc_sv_of(name)) < NAME_WIDTH;
    if (fits) {
        fputs("  ", screen->out);
        screen_cell(screen, rc_sv_of(name), NAME_WIDTH, true);
    } else {
        fprintf(screen->out, "  %s\n%*s", name, NAME_WIDTH + 2, "");
    }
    char text[512];
    int n = option->otherwise
                ? snprintf(text, sizeof text, "%s (default: %s)", option->text, option->otherwise)
                : 0;
    bool whole = n > 0 && (size_t)n < sizeof text;
    screen_wrap(screen, NAME_WIDTH + 2, NAME_WIDTH + 2, rc_sv_of(whole ? text : option->text));
}

static void put_options(struct screen *screen, const char *title, const struct cli_option *option)
{
    if (!option || !option->name) return;
    screen_tint(screen, TINT_BOLD);
    fprintf(screen->out, "\n%s\n", title);
    screen_tint(screen, TINT_NONE);
    for (; option->name; option++) put_option(screen, option);
}

const char *cli_exit_text(int code)
{
    static const char *const text[CLI_EXITS] = {
        [CLI_OK] = "fine",
        [CLI_ERROR] = "it did not work",
        [CLI_USAGE] = "the command line is wrong; nothing was done",
        [CLI_REFUSED] = "refused: not allowed in this state, a conflict, or input that is not valid",
        [CLI_NOT_FOUND] = "there is no such thing",
        [CLI_UNREACHABLE] = "no server, or it cannot take work now; try again, with the same key",
        [CLI_DECLINED] = "a person said no",
    };
    return text[code];
}

static void put_exit_codes(struct screen *screen)
{
    screen_tint(screen, TINT_BOLD);
    fputs("\nExit codes\n", screen->out);
    screen_tint(screen, TINT_NONE);
    for (int code = 0; code < CLI_EXITS; code++)
        fprintf(screen->out, "  %d  %s\n", code, cli_exit_text(code));
}

void cli_put_help(struct cli *cli)
{
    struct screen *screen = &cli->screen;
    fputs("recourse: " CLI_ABOUT "\n\n"
          "usage: recourse COMMAND [OPTION]…\n",
          screen->out);
    screen_tint(screen, TINT_BOLD);
    fputs("\nCommands\n", screen->out);
    screen_tint(screen, TINT_NONE);
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        char name[64];
        snprintf(name, sizeof name, "%s %s", command->name, command->args);
        fputs("  ", screen->out);
        screen_cell(screen, rc_sv_of(name), NAME_WIDTH, true);
        screen_wrap(screen, NAME_WIDTH + 2, NAME_WIDTH + 2, rc_sv_of(command->text));
    }
    put_options(screen, "Options of every command", cli_globals);
    put_exit_codes(screen);
    fputs("\nSomething went wrong? `recourse list --state review,failed,rejected` shows what waits for a "
          "person,\n"
          "`recourse explain ID` says what happened, what is safe, and what can be done.\n",
          screen->out);
}

void cli_put_command_help(struct cli *cli, const struct cli_command *command)
{
    struct screen *screen = &cli->screen;
    fprintf(screen->out, "recourse %s: %s\n\nusage: recourse %s%s%s%s\n", command->name, command->text,
            command->name, *command->args ? " " : "", command->args,
            command->options && command->options->name ? " [OPTION]…" : "");
    for (const char *p = command->help; p && *p;) {
        const char *end = strchr(p, '\n');
        uint32_t n = end ? (uint32_t)(end - p) : (uint32_t)strlen(p);
        fputc('\n', screen->out);
        screen_wrap(screen, 0, 0, (struct rc_sv){p, n});
        p += n + (end != NULL);
    }
    put_options(screen, "Options", command->options);
    put_options(screen, "Options of every command", cli_globals);
}

int cli_run_help(struct cli *cli, const struct cli_args *args)
{
    const struct cli_command *command = args->noperands ? cli_find(args->operand[0]) : NULL;
    if (args->noperands && !command) return cli_usage(cli, "there is no command \"%s\"", args->operand[0]);
    if (command)
        cli_put_command_help(cli, command);
    else
        cli_put_help(cli);
    return CLI_OK;
}
