/* What happens, as it happens: `events` and `watch`. Both read the server's stream of events and come back behind the last one when
 * the connection breaks, so that a restart of the server does not end them. */
#include "base/limits.h"
#include "base/num.h"
#include "cli/run.h"
#include "codec/json.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { EVENT_ARENA = 64 << 20, PAUSE_MS = 1000, MOST_PATH = 1024 };

struct follow {
    struct cli cli;  /* with an arena of its own, which is emptied between two connections */
    char last[32];   /* the id of the last event; empty: none yet */
    uint64_t left;   /* events until it is enough; UINT64_MAX: never */
    bool place_only; /* the first block is enough, which says where the stream begins */
    bool one_only;   /* one event is enough */
    bool print;      /* events are told */
    bool heard;      /* a stream of the server has begun */
};

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* "14:03:22.120  0000000202CM878J  github.create_pr 43/create_pr  create: an attempt ended (now completed)" */
static void put_event(struct cli *cli, struct rc_sv text)
{
    struct screen *screen = &cli->screen;
    struct rc_error ignored;
    struct cel_value event;
    if (rc_json_parse_within(text, 2 * RC_MAX_JSON_DEPTH, cli->arena, &event, &ignored) != RC_OK) return;
    if (cli->json) {
        (void)fwrite(text.p, 1, text.n, screen->out);
        fputc('\n', screen->out);
        return;
    }
    if (cli->quiet) {
        screen_sv(screen, cli_text(&event, "id"));
        fputc('\n', screen->out);
        return;
    }
    struct rc_sv step = cli_text(&event, "step"), action = cli_text(&event, "action"),
                 state = cli_text(&event, "state");
    screen->now = rc_clock_wall();
    screen_sv(screen, screen_clock(screen, cli->arena, cli_text(&event, "at")));
    fputs("  ", screen->out);
    screen_sv(screen, cli_text(&event, "id"));
    fputs("  ", screen->out);
    screen_sv(screen, cli_text(&event, "type"));
    fputc(' ', screen->out);
    screen_sv(screen, cli_text(&event, "key"));
    fputs("  ", screen->out);
    screen_sv(screen, rc_text(cli->arena, "%.*s%s", RC_SV_ARG(step), step.n ? ": " : ""));
    screen_sv(screen, action.n ? action : cli_text(&event, "text"));
    if (state.n) screen_sv(screen, rc_text(cli->arena, "; now %.*s", RC_SV_ARG(state)));
    fputc('\n', screen->out);
}

static bool take(void *context, const struct rc_client_event *event)
{
    struct follow *follow = context;
    follow->heard = true;
    if (event->id.n && event->id.n < sizeof follow->last) {
        memcpy(follow->last, event->id.p, event->id.n);
        follow->last[event->id.n] = 0;
    }
    bool told = event->data.n && !event->type.n;
    if (told && follow->print) {
        put_event(&follow->cli, event->data);
        if (fflush(follow->cli.screen.out) != 0) return false; /* nobody reads any more */
    }
    if (told && follow->left != UINT64_MAX) follow->left--;
    return follow->left != 0 && !follow->place_only && !(follow->one_only && told);
}

/* One connection: the path, with where to go on. */
static enum rc_status connect_once(struct follow *follow, const char *query, struct rc_error *err)
{
    char path[MOST_PATH];
    int n = snprintf(path, sizeof path, "/v1/events?%s%s%s", query, *follow->last ? "&last_event_id=" : "",
                     follow->last);
    rc_arena_reset(follow->cli.arena);
    if (n < 0 || n >= (int)sizeof path) return rc_fail(err, RC_LIMIT, "the filter is too long");
    return cli_follow(&follow->cli, path, take, follow, err);
}

static bool begin(struct follow *follow, const struct cli *cli)
{
    *follow = (struct follow){.cli = *cli, .left = UINT64_MAX};
    follow->cli.arena = rc_arena_new(CLI_MAX_PATH, EVENT_ARENA);
    return follow->cli.arena != NULL;
}

static int end(struct follow *follow, struct cli *cli, int code)
{
    cli->client = follow->cli.client; /* opened by the copy, closed with the original */
    rc_arena_free(follow->cli.arena);
    return code;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static bool add(struct cli *cli, struct rc_buf *query, const char *option)
{
    const char *text = cli_value(cli->args, option);
    if (!text) return true;
    struct rc_sv escaped = rc_client_escape(cli->arena, rc_sv_of(text));
    rc_put_format(query, "%s%s=%.*s", query->n ? "&" : "", option, RC_SV_ARG(escaped));
    return escaped.p != NULL;
}

int cli_run_events(struct cli *cli, const struct cli_args *args)
{
    struct follow follow;
    struct rc_buf query = rc_buf_in(cli->arena, MOST_PATH / 2);
    const char *after = cli_value(args, "after"), *most = cli_value(args, "limit");
    bool fine = add(cli, &query, "state") && add(cli, &query, "type") && add(cli, &query, "id");
    rc_put_char(&query, 0);
    if (!fine || query.status != RC_OK || (after && strlen(after) >= sizeof follow.last))
        return cli_usage(cli, "the filter is too long");
    if (!begin(&follow, cli)) return CLI_ERROR;
    follow.print = true;
    if (after) memcpy(follow.last, after, strlen(after) + 1);
    if (most && (!rc_parse_u64(rc_sv_of(most), &follow.left) || !follow.left))
        return end(&follow, cli, cli_usage(cli, "--limit must be a number from 1 on"));
    while (follow.left && !ferror(cli->screen.out)) {
        struct rc_error err = {0};
        enum rc_status status = connect_once(&follow, rc_buf_sv(&query).p, &err);
        /* a server that was there comes back */
        if (status != RC_OK && !(follow.heard && rc_status_retryable(status))) {
            struct cli_reply reply = {.status = status, .answer.body = cel_null()};
            return end(&follow, cli, cli_fail(cli, &reply, &err));
        }
        if (follow.left) pause_ms(PAUSE_MS);
    }
    return end(&follow, cli, CLI_OK);
}

/* ---- watch --------------------------------------------------------------------------------------------- */

/* By state; -1: it goes on. */
enum {
    EXIT_RC_ABSENT = -1,
    EXIT_RC_PENDING = -1,
    EXIT_RC_RUNNING = -1,
    EXIT_RC_WAITING = -1,
    EXIT_RC_ROLLING_BACK = -1,
    EXIT_RC_CANCELLING = -1,
    EXIT_RC_COMPLETED = CLI_OK,
    EXIT_RC_RESOLVED = CLI_OK,
    EXIT_RC_PARTIAL = CLI_PARTIAL,
    EXIT_RC_REVIEW = CLI_STUCK,
    EXIT_RC_FAILED = CLI_STUCK,
    EXIT_RC_REJECTED = CLI_STUCK,
    EXIT_RC_CANCELLED = CLI_UNDONE,
    EXIT_RC_ROLLED_BACK = CLI_UNDONE
};

static int exit_of(struct rc_sv state)
{
    static const struct {
        const char *slug;
        int code;
    } row[] = {
#define RC_COMMAND_STATE(number, word, ended, text) {word, EXIT_##number},
#include "states.def"
    };
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        if (rc_sv_is(state, row[i].slug)) return row[i].code;
    return -1;
}

/* Draws over what was drawn before: the picture is made first, so that its lines can be counted. */
static void draw(struct cli *cli, const struct cel_value *command, unsigned *io_lines)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = cli->screen.out, *picture = open_memstream(&text, &n);
    if (!picture) return;
    cli->screen.out = picture;
    cli->screen.now = rc_clock_wall();
    cli_put_head(cli, command);
    cli_put_steps(cli, command, false); /* a loop is one line, so that the picture fits the terminal */
    cli->screen.out = out;
    if (fclose(picture) == 0) {
        if (*io_lines) fprintf(out, "\033[%uA\033[J", *io_lines);
        (void)fwrite(text, 1, n, out);
        (void)fflush(out);
        *io_lines = 0;
        for (size_t i = 0; i < n; i++) *io_lines += text[i] == '\n';
    }
    free(text);
}

struct watching {
    bool redraw, began;
    unsigned lines;
};

/* What the command is like now; its exit code, or -1 where it goes on. */
static int show(struct follow *follow, struct rc_sv id, struct watching *watching)
{
    struct cli *cli = &follow->cli;
    struct cli_reply reply;
    rc_arena_reset(cli->arena);
    int fault = cli_get(cli, &reply, "/v1/commands/%.*s", RC_SV_ARG(id));
    if (fault != CLI_OK) return fault;
    const struct cel_value *command = &reply.answer.body;
    int code = exit_of(cli_text(command, "state"));
    if (watching->redraw)
        draw(cli, command, &watching->lines);
    else if (cli->json && code >= 0)
        cli_put_raw(cli, &reply);
    else if (cli->quiet && code >= 0)
        screen_line(&cli->screen, "%.*s", RC_SV_ARG(cli_text(command, "state")));
    else if (!cli->json && !cli->quiet && (code >= 0 || !watching->began))
        cli_put_state(cli, command);
    watching->began = true;
    (void)fflush(cli->screen.out);
    return code;
}

int cli_run_watch(struct cli *cli, const struct cli_args *args)
{
    struct follow follow;
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(args->operand[0]));
    struct rc_sv query = rc_text(cli->arena, "id=%.*s", RC_SV_ARG(id));
    struct watching watching = {.redraw = isatty(fileno(cli->screen.out)) && !cli->json && !cli->quiet};
    if (!query.p || query.n > MOST_PATH / 2) return cli_usage(cli, "\"%s\" is no id", args->operand[0]);
    if (!begin(&follow, cli)) return CLI_ERROR;
    /* whether there is such a command, before anything is followed */
    int code = show(&follow, id, &watching);
    follow.one_only = true;
    while (code < 0 && !ferror(cli->screen.out)) {
        struct rc_error err = {0};
        /* first the place, then the command, then what comes behind the place: so nothing falls between */
        follow.place_only = *follow.last == 0;
        follow.print = !watching.redraw && !cli->quiet;
        enum rc_status status = connect_once(&follow, query.p, &err);
        if (status != RC_OK && rc_status_retryable(status)) {
            pause_ms(PAUSE_MS);
            continue;
        }
        if (status != RC_OK) {
            struct cli_reply reply = {.status = status, .answer.body = cel_null()};
            code = cli_fail(cli, &reply, &err);
            break;
        }
        code = show(&follow, id, &watching);
    }
    return end(&follow, cli, code < 0 ? CLI_ERROR : code);
}
