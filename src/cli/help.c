/* Help from the table. */
#include "cli/run.h"

#include "base/near.h"

enum { NAME_WIDTH = 30, NARROW = 70, NARROW_INDENT = 6, MAX_LINE = 512 };

/* A name in a column of its own and its text beside it; below it where the terminal is narrow or the name is long. */
static void put_named(struct screen *screen, const char *name, const char *text)
{
    bool narrow = screen->width < NARROW, beside = !narrow && screen_columns(rc_sv_of(name)) < NAME_WIDTH;
    unsigned indent = narrow ? NARROW_INDENT : NAME_WIDTH + 2;
    fputs("  ", screen->out);
    if (beside)
        screen_cell(screen, rc_sv_of(name), NAME_WIDTH, true);
    else
        fprintf(screen->out, "%s\n%*s", name, (int)indent, "");
    screen_wrap(screen, indent, indent, rc_sv_of(text));
}

static void put_title(struct screen *screen, const char *title)
{
    screen_tint(screen, TINT_BOLD);
    fprintf(screen->out, "\n%s\n", title);
    screen_tint(screen, TINT_NONE);
}

static void put_option(struct screen *screen, const struct cli_option *option)
{
    char name[128], text[MAX_LINE];
    snprintf(name, sizeof name, "%s%c%s--%s%s%s", option->letter ? "-" : "",
             option->letter ? option->letter : ' ', option->letter ? ", " : "   ", option->name,
             option->arg ? " " : "", option->arg ? option->arg : "");
    int n = option->otherwise
                ? snprintf(text, sizeof text, "%s (default: %s)", option->text, option->otherwise)
                : 0;
    bool whole = n > 0 && (size_t)n < sizeof text;
    put_named(screen, name, whole ? text : option->text);
}

static void put_options(struct screen *screen, const char *title, const struct cli_option *option)
{
    if (!option || !option->name) return;
    put_title(screen, title);
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
        [CLI_INCOMPLETE] =
            "with --wait: the command did not complete; `recourse explain` says why, or it goes on",
        [CLI_PARTIAL] = "watch: completed, but something that was not critical did not happen",
        [CLI_STUCK] = "watch: failed, rejected or in review: nothing happens until a person does something",
        [CLI_UNDONE] = "watch: cancelled or rolled back",
    };
    return text[code];
}

static void put_exit_codes(struct screen *screen)
{
    put_title(screen, "Exit codes");
    for (int code = 0; code < CLI_EXITS; code++) {
        fprintf(screen->out, "  %d  ", code);
        screen_wrap(screen, 5, 5, rc_sv_of(cli_exit_text(code)));
    }
}

static void put_topics(struct screen *screen)
{
    put_title(screen, "Topics (recourse help TOPIC)");
    for (const struct cli_topic *topic = cli_topics; topic->name; topic++)
        put_named(screen, topic->name, topic->title);
}

void cli_put_help(struct cli *cli)
{
    struct screen *screen = &cli->screen;
    screen_wrap(screen, 0, 0, RC_SV("recourse: " CLI_ABOUT));
    fputs("\nusage: recourse COMMAND [OPTION]…\n", screen->out);
    put_title(screen, "Commands");
    for (const struct cli_command *command = cli_commands; command->name; command++) {
        char name[MAX_LINE];
        snprintf(name, sizeof name, "%s%s%s", command->name, *command->args ? " " : "", command->args);
        put_named(screen, name, command->text);
    }
    put_options(screen, "Options of every command", cli_globals);
    put_topics(screen);
    put_exit_codes(screen);
    fputc('\n', screen->out);
    screen_wrap(
        screen, 0, 0,
        RC_SV("New here? `recourse help getting-started`. Something went wrong? `recourse list --state "
              "review,failed,rejected` shows what waits for a person, `recourse explain ID` says what "
              "happened, what is safe, and what can be done."));
}

void cli_put_command_help(struct cli *cli, const struct cli_command *command)
{
    struct screen *screen = &cli->screen;
    char line[MAX_LINE];
    snprintf(line, sizeof line, "recourse %s: %s", command->name, command->text);
    screen_wrap(screen, 0, 0, rc_sv_of(line));
    snprintf(line, sizeof line, "usage: recourse %s%s%s%s", command->name, *command->args ? " " : "",
             command->args, command->options && command->options->name ? " [OPTION]…" : "");
    fputc('\n', screen->out);
    screen_wrap(screen, 7, 0, rc_sv_of(line));
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

/* ---- topics -------------------------------------------------------------------------------------------- */

static const struct cli_topic *find_topic(const char *name)
{
    for (const struct cli_topic *topic = cli_topics; topic->name; topic++)
        if (strcmp(topic->name, name) == 0) return topic;
    return NULL;
}

static void put_topic(struct cli *cli, const struct cli_topic *topic)
{
    struct screen *screen = &cli->screen;
    char line[MAX_LINE];
    snprintf(line, sizeof line, "%s: %s", topic->name, topic->title);
    screen_tint(screen, TINT_BOLD);
    screen_wrap(screen, 0, 0, rc_sv_of(line));
    screen_tint(screen, TINT_NONE);
    bool example = false;
    for (const char *p = topic->text; *p;) {
        const char *end = strchr(p, '\n');
        uint32_t n = end ? (uint32_t)(end - p) : (uint32_t)strlen(p);
        bool verbatim = n > 2 && p[0] == ' ';
        if (!verbatim || !example) fputc('\n', screen->out); /* lines of an example stand together */
        if (verbatim)
            fprintf(screen->out, "%.*s\n", (int)n, p);
        else
            screen_wrap(screen, 0, 0, (struct rc_sv){p, n});
        example = verbatim;
        p += n + (end != NULL);
    }
}

/* ---- as data ------------------------------------------------------------------------------------------- */

static void put_options_json(struct rc_json *json, const struct cli_option *option)
{
    rc_json_array(json, "options");
    for (; option && option->name; option++) {
        const char letter[] = {option->letter, 0};
        rc_json_object(json, NULL);
        rc_json_text(json, "name", option->name);
        if (option->letter) rc_json_text(json, "letter", letter);
        if (option->arg) rc_json_text(json, "arg", option->arg);
        rc_json_text(json, "text", option->text);
        if (option->otherwise) rc_json_text(json, "default", option->otherwise);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

static void put_command_json(struct rc_json *json, const struct cli_command *command)
{
    rc_json_object(json, NULL);
    rc_json_text(json, "name", command->name);
    rc_json_text(json, "args", command->args);
    rc_json_text(json, "text", command->text);
    if (command->help) rc_json_text(json, "help", command->help);
    rc_json_u64(json, "least", (uint64_t)command->least);
    rc_json_u64(json, "most", (uint64_t)command->most);
    put_options_json(json, command->options);
    rc_json_end_object(json);
}

static void put_topic_json(struct rc_json *json, const struct cli_topic *topic)
{
    rc_json_object(json, NULL);
    rc_json_text(json, "name", topic->name);
    rc_json_text(json, "title", topic->title);
    rc_json_text(json, "text", topic->text);
    rc_json_end_object(json);
}

static void put_all_json(struct rc_json *json)
{
    rc_json_object(json, NULL);
    rc_json_array(json, "commands");
    for (const struct cli_command *command = cli_commands; command->name; command++)
        put_command_json(json, command);
    rc_json_end_array(json);
    put_options_json(json, cli_globals);
    rc_json_array(json, "exits");
    for (int code = 0; code < CLI_EXITS; code++) {
        rc_json_object(json, NULL);
        rc_json_u64(json, "code", (uint64_t)code);
        rc_json_text(json, "text", cli_exit_text(code));
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    rc_json_array(json, "topics");
    for (const struct cli_topic *topic = cli_topics; topic->name; topic++) put_topic_json(json, topic);
    rc_json_end_array(json);
    rc_json_end_object(json);
}

static int put_json(struct cli *cli, const struct cli_command *command, const struct cli_topic *topic)
{
    struct rc_buf buf = rc_buf_in(cli->arena, CLI_MAX_INPUT);
    struct rc_json json = {.buf = &buf};
    if (command)
        put_command_json(&json, command);
    else if (topic)
        put_topic_json(&json, topic);
    else
        put_all_json(&json);
    if (buf.status != RC_OK) {
        fputs("recourse: out of memory\n", stderr);
        return CLI_ERROR;
    }
    fprintf(cli->screen.out, "%.*s\n", RC_SV_ARG(rc_buf_sv(&buf)));
    return CLI_OK;
}

/* ---- recourse help ------------------------------------------------------------------------------------- */

static int complain(struct cli *cli, const char *name)
{
    struct rc_near near = {.wanted = rc_sv_of(name), .best = cli_near_command(name)};
    if (near.best.p) near.distance = rc_distance(near.wanted, near.best);
    for (const struct cli_topic *topic = cli_topics; topic->name; topic++)
        rc_near_try(&near, rc_sv_of(topic->name));
    return cli_usage(cli, "there is no command or topic \"%s\"%s%.*s%s", name,
                     near.best.p ? "; did you mean \"" : "", RC_SV_ARG(near.best), near.best.p ? "\"?" : "");
}

int cli_run_help(struct cli *cli, const struct cli_args *args)
{
    const char *name = args->noperands ? args->operand[0] : NULL;
    const struct cli_command *command = name ? cli_find(name) : NULL;
    const struct cli_topic *topic = name ? find_topic(name) : NULL;
    if (name && !command && !topic) return complain(cli, name);
    if (cli->json) return put_json(cli, command, topic);
    if (command)
        cli_put_command_help(cli, command);
    else if (topic)
        put_topic(cli, topic);
    else if (cli->quiet)
        for (command = cli_commands; command->name; command++)
            fprintf(cli->screen.out, "%s\n", command->name);
    else
        cli_put_help(cli);
    return CLI_OK;
}
