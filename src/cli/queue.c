/* recourse queue: what waits for workers, and why; pausing, draining, resuming. */
#include "cli/run.h"

enum { QUEUES = 4, LINES = 5, LEASES = 5 };

static struct rc_sv number(struct cli *cli, const struct cel_value *from, const char *name)
{
    return rc_text(cli->arena, "%llu", (unsigned long long)cli_number(from, name));
}

static void fill_queue(struct cli *cli, const struct cel_value *queue, struct rc_sv *cell)
{
    struct cel_value lines = cli_member(queue, "lines");
    uint64_t steps = 0;
    for (uint32_t i = 0; lines.kind == CEL_LIST && i < lines.n; i++)
        steps += cli_number(&lines.v.items[i], "steps");
    cell[0] = cli_text(queue, "queue");
    cell[1] = cli_text(queue, "state");
    cell[2] = number(cli, queue, "leased");
    cell[3] = rc_text(cli->arena, "%llu", (unsigned long long)steps);
}

static void fill_line(struct cli *cli, const struct cel_value *line, struct rc_sv *cell)
{
    struct rc_sv steps = number(cli, line, "steps");
    cell[0] = cli_text(line, "namespace");
    cell[1] = cli_text(line, "dependency");
    cell[2] = cli_text(line, "capability");
    cell[3] = cli_bool(line, "more") ? rc_text(cli->arena, "%.*s+", RC_SV_ARG(steps)) : steps;
    cell[4] = cli_text(line, "why");
}

static void fill_lease(struct cli *cli, const struct cel_value *lease, struct rc_sv *cell)
{
    cell[0] = cli_text(lease, "command");
    cell[1] = cli_text(lease, "worker");
    cell[2] = screen_ago(&cli->screen, cli->arena, cli_text(lease, "since"));
    cell[3] = screen_ago(&cli->screen, cli->arena, cli_text(lease, "deadline"));
    cell[4] = cli_text(lease, "progress");
}

static void put_table(struct cli *cli, struct cel_value rows, const struct screen_column *column,
                      unsigned ncolumns, void (*fill)(struct cli *, const struct cel_value *, struct rc_sv *))
{
    uint32_t n = rows.kind == CEL_LIST ? rows.n : 0;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)n * ncolumns);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, n);
    if (!cells || !tint || !n) return;
    for (uint32_t i = 0; i < n; i++) {
        fill(cli, &rows.v.items[i], &cells[(size_t)i * ncolumns]);
        tint[i] = TINT_NONE;
    }
    screen_table(&cli->screen, column, ncolumns, cells, n, 0, tint);
}

static void put_queues(struct cli *cli, struct cel_value rows)
{
    static const struct screen_column column[QUEUES] = {
        {"QUEUE", 8, true}, {"STATE", 8, false}, {"LEASED", 6, false}, {"STEPS THAT WAIT", 6, false}};
    put_table(cli, rows, column, QUEUES, fill_queue);
}

static void put_queue(struct cli *cli, struct cel_value *queue)
{
    static const struct screen_column line[LINES] = {{"NAMESPACE", 8, false},
                                                     {"DEPENDENCY", 8, false},
                                                     {"CAPABILITY", 6, false},
                                                     {"STEPS", 5, false},
                                                     {"WHY THEY WAIT", 12, true}};
    static const struct screen_column lease[LEASES] = {{"COMMAND", 16, false},
                                                       {"WORKER", 6, false},
                                                       {"SINCE", 8, false},
                                                       {"UNTIL", 8, false},
                                                       {"PROGRESS", 8, true}};
    struct rc_sv by = cli_text(queue, "by"), reason = cli_text(queue, "reason");
    struct rc_sv since = screen_ago(&cli->screen, cli->arena, cli_text(queue, "since"));
    put_queues(cli, (struct cel_value){.kind = CEL_LIST, .n = 1, .v.items = queue});
    if (by.n) {
        fputs("stopped ", cli->screen.out);
        screen_sv(&cli->screen, since);
        fputs(" by ", cli->screen.out);
        screen_sv(&cli->screen, by);
        fputs(reason.n ? ": " : "", cli->screen.out);
        screen_sv(&cli->screen, reason);
        fputc('\n', cli->screen.out);
    }
    put_table(cli, cli_member(queue, "lines"), line, LINES, fill_line);
    put_table(cli, cli_member(queue, "leases"), lease, LEASES, fill_lease);
}

static int list(struct cli *cli)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/queues");
    if (fault != CLI_OK) return fault;
    struct cel_value all = cli_member(&reply.answer.body, "queues");
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        put_queues(cli, all);
    for (uint32_t i = 0; cli->quiet && !cli->json && all.kind == CEL_LIST && i < all.n; i++) {
        screen_sv(&cli->screen, cli_text(&all.v.items[i], "queue"));
        fputc('\n', cli->screen.out);
    }
    return CLI_OK;
}

static int one(struct cli *cli, const struct cli_args *args, const char *what, const char *name)
{
    struct cli_reply reply;
    struct rc_buf buf;
    struct rc_sv escaped = rc_client_escape(cli->arena, rc_sv_of(name));
    bool shows = strcmp(what, "show") == 0;
    struct rc_sv path = shows ? rc_text(cli->arena, "/v1/queues/%.*s", RC_SV_ARG(escaped))
                              : rc_text(cli->arena, "/v1/queues/%.*s/%s", RC_SV_ARG(escaped), what);
    if (!escaped.p || !path.p) return CLI_ERROR;
    const char *reason = cli_value(args, "reason");
    struct rc_json json = cli_body(cli, &buf);
    if (reason) rc_json_text(&json, "reason", reason);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    rc_json_end_object(&json);
    int fault = shows ? cli_get(cli, &reply, "%s", path.p) : cli_post(cli, &reply, path.p, &buf, NULL);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        put_queue(cli, &reply.answer.body);
    return CLI_OK;
}

int cli_run_queue(struct cli *cli, const struct cli_args *args)
{
    static const char *const orders[] = {"show", "pause", "drain", "resume"};
    const char *what = args->operand[0];
    if (strcmp(what, "list") == 0 && args->noperands == 1) return list(cli);
    for (size_t i = 0; args->noperands == 2 && i < sizeof orders / sizeof *orders; i++)
        if (strcmp(what, orders[i]) == 0) return one(cli, args, what, args->operand[1]);
    return cli_usage(cli, "wants list, or show, pause, drain or resume with a NAME");
}
