/* recourse hold: what may be missing of a store that was restored, and releasing it. */
#include "cli/run.h"

#include "base/limits.h"

static void put_line(struct cli *cli, const char *name, struct rc_sv text)
{
    if (!text.n) return;
    fprintf(cli->screen.out, "%-10s ", name);
    screen_sv(&cli->screen, text);
    fputc('\n', cli->screen.out);
}

static void put_count(struct cli *cli, const struct cel_value *from, const char *name, const char *text)
{
    uint64_t n = cli_number(from, name);
    if (n) screen_line(&cli->screen, "%10llu %s", (unsigned long long)n, text);
}

static void put_window(struct cli *cli, const struct cel_value *window)
{
    struct rc_sv from = cli_text(window, "from");
    put_line(cli, "window", cli_text(window, "id"));
    put_line(cli, "because", cli_text(window, "cause_text"));
    put_line(cli, "from", from.n ? from : RC_SV("nobody knows when"));
    put_line(cli, "until", cli_text(window, "until"));
    put_line(cli, "released", cli_text(window, "released"));
    put_line(cli, "watched", cli_text(window, "watch"));
    put_count(cli, window, "commands", "commands were under way when the window began; of their steps");
    put_count(cli, window, "attempts", "had a request out");
    put_count(cli, window, "checks", "will be asked for");
    put_count(cli, window, "repeats", "will be repeated with the same key");
    put_count(cli, window, "reviews", "wait for a person: recourse list --state review --why restored");
    put_count(cli, window, "bulks", "bulks were running, and are paused");
}

static void put_held(struct cli *cli, const struct cel_value *answer)
{
    struct cel_value window = cli_member(answer, "window"), means = cli_member(answer, "means"),
                     resting = cli_member(answer, "resting");
    put_window(cli, &window);
    if (cli_bool(answer, "looking"))
        fputs("The commands of the old state are still being looked through: the counts grow.\n",
              cli->screen.out);
    for (uint32_t i = 0; resting.kind == CEL_MAP && i < resting.n; i++) {
        struct rc_sv state = cel_text(resting.v.items[2 * (size_t)i]);
        struct rc_sv text = rc_text(cli->arena, "commands in the state %.*s", RC_SV_ARG(state));
        char name[RC_MAX_NAME + 1];
        snprintf(name, sizeof name, "%.*s", RC_SV_ARG(state));
        if (text.p) put_count(cli, &resting, name, text.p);
    }
    put_count(cli, answer, "tokens", "tokens work");
    fputc('\n', cli->screen.out);
    for (uint32_t i = 0; means.kind == CEL_LIST && i < means.n; i++) {
        fputs("- ", cli->screen.out);
        screen_sv(&cli->screen, cel_text(means.v.items[i]));
        fputc('\n', cli->screen.out);
    }
    fputs("\nGo on with: recourse hold release ", cli->screen.out);
    screen_sv(&cli->screen, cli_text(&window, "id"));
    fputs(" --reason TEXT\n", cli->screen.out);
}

static int show(struct cli *cli)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/hold");
    if (fault != CLI_OK) return fault;
    const struct cel_value *answer = &reply.answer.body;
    struct cel_value window = cli_member(answer, "window"), before = cli_member(answer, "before");
    if (cli->json) {
        cli_put_raw(cli, &reply);
    } else if (cli->quiet) {
        if (cli_bool(answer, "held")) {
            screen_sv(&cli->screen, cli_text(&window, "id"));
            fputc('\n', cli->screen.out);
        }
    } else if (cli_bool(answer, "held")) {
        put_held(cli, answer);
    } else if (before.kind == CEL_LIST && before.n) {
        fputs("The store does not hold; its last window:\n", cli->screen.out);
        put_window(cli, &before.v.items[0]);
    } else {
        fputs("The store does not hold.\n", cli->screen.out);
    }
    return CLI_OK;
}

static int release(struct cli *cli, const char *window)
{
    struct cli_reply reply;
    struct rc_buf buf;
    const char *watch = cli_value(cli->args, "watch"), *reason = cli_value(cli->args, "reason"),
               *actor = cli_actor(cli);
    if (!reason) return cli_usage(cli, "wants --reason: what was looked at");
    struct rc_json json = cli_body(cli, &buf);
    rc_json_text(&json, "window", window);
    rc_json_text(&json, "reason", reason);
    if (watch) rc_json_text(&json, "watch", watch);
    if (actor) rc_json_text(&json, "actor", actor);
    rc_json_end_object(&json);
    int fault = cli_post(cli, &reply, "/v1/hold/release", &buf, NULL);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        fputs("released: what waits leaves now, and what is unknown is settled\n", cli->screen.out);
    return CLI_OK;
}

int cli_run_hold(struct cli *cli, const struct cli_args *args)
{
    const char *what = args->operand[0], *window = args->noperands > 1 ? args->operand[1] : NULL;
    if (strcmp(what, "show") == 0 && !window) return show(cli);
    if (strcmp(what, "release") == 0 && window) return release(cli, window);
    return cli_usage(cli, "wants show or release WINDOW");
}
