/* recourse schedule: what starts by itself, and when. */
#include "cli/run.h"

#include "base/limits.h"

enum { COLUMNS = 6 };

static void put_line(struct cli *cli, const char *name, struct rc_sv text)
{
    if (!text.n) return;
    fprintf(cli->screen.out, "%-10s ", name);
    screen_sv(&cli->screen, text);
    fputc('\n', cli->screen.out);
}

static struct rc_sv first_of(struct cel_value list)
{
    return list.kind == CEL_LIST && list.n ? cel_text(list.v.items[0]) : (struct rc_sv){0};
}

static void put_one(struct cli *cli, const struct cel_value *schedule)
{
    struct cel_value next = cli_member(schedule, "next"), runs = cli_member(schedule, "runs");
    put_line(cli, "flow", cli_text(schedule, "flow"));
    put_line(cli, "schedule", cli_text(schedule, "id"));
    put_line(cli, "cron", cli_text(schedule, "cron"));
    put_line(cli, "zone", cli_text(schedule, "zone"));
    put_line(cli, "namespace", cli_text(schedule, "namespace"));
    put_line(cli, "missed", cli_text(schedule, "missed"));
    put_line(cli, "overlap", cli_text(schedule, "overlap"));
    if (cli_bool(schedule, "paused")) put_line(cli, "state", RC_SV("paused"));
    put_line(cli, "last", cli_text(schedule, "last"));
    put_line(cli, "of", cli_text(schedule, "last_planned"));
    put_line(cli, "error", cli_text(schedule, "error"));
    fprintf(cli->screen.out, "%-10s %llu started, %llu missed, %llu left out\n", "runs",
            (unsigned long long)cli_number(&runs, "started"), (unsigned long long)cli_number(&runs, "missed"),
            (unsigned long long)cli_number(&runs, "left_out"));
    for (uint32_t i = 0; next.kind == CEL_LIST && i < next.n; i++)
        put_line(cli, i ? "" : "next", cel_text(next.v.items[i]));
}

static void put_list(struct cli *cli, struct cel_value schedules)
{
    static const struct screen_column column[COLUMNS] = {{"FLOW", 12, true},  {"SCHEDULE", 10, true},
                                                         {"CRON", 12, true},  {"ZONE", 8, true},
                                                         {"STATE", 6, false}, {"NEXT", 20, true}};
    uint32_t n = schedules.kind == CEL_LIST ? schedules.n : 0;
    if (!n && !cli->quiet) fputs("none\n", cli->screen.out);
    if (!n) return;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < n; i++) {
        const struct cel_value *one = &schedules.v.items[i];
        struct rc_sv *cell = &cells[(size_t)i * COLUMNS];
        bool wrong = cli_text(one, "error").n != 0, paused = cli_bool(one, "paused");
        cell[0] = cli_text(one, "flow");
        cell[1] = cli_text(one, "id");
        cell[2] = cli_text(one, "cron");
        cell[3] = cli_text(one, "zone");
        cell[4] = paused ? RC_SV("paused") : wrong ? RC_SV("error") : RC_SV("on");
        cell[5] = first_of(cli_member(one, "next"));
        tint[i] = wrong ? TINT_BAD : paused ? TINT_WARN : TINT_NONE;
    }
    screen_table(&cli->screen, column, COLUMNS, cells, n, 4, tint);
}

static int list(struct cli *cli)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/schedules");
    if (fault != CLI_OK) return fault;
    struct cel_value schedules = cli_member(&reply.answer.body, "schedules");
    if (cli->json) {
        cli_put_raw(cli, &reply);
    } else if (cli->quiet) {
        for (uint32_t i = 0; schedules.kind == CEL_LIST && i < schedules.n; i++) {
            screen_sv(&cli->screen, cli_text(&schedules.v.items[i], "flow"));
            fputc(' ', cli->screen.out);
            screen_sv(&cli->screen, cli_text(&schedules.v.items[i], "id"));
            fputc('\n', cli->screen.out);
        }
    } else {
        put_list(cli, schedules);
    }
    return CLI_OK;
}

static const char *path_of(struct cli *cli, const struct cli_args *args, const char *order)
{
    struct rc_sv flow = rc_client_escape(cli->arena, rc_sv_of(args->operand[1])),
                 id = rc_client_escape(cli->arena, rc_sv_of(args->operand[2]));
    struct rc_sv path = rc_text(cli->arena, "/v1/schedules/%.*s/%.*s%s%s", RC_SV_ARG(flow), RC_SV_ARG(id),
                                *order ? "/" : "", order);
    return path.p ? path.p : "/v1/schedules";
}

static int show(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "%s", path_of(cli, args, ""));
    if (fault != CLI_OK) return fault;
    const struct cel_value *answer = &reply.answer.body;
    if (cli->json) {
        cli_put_raw(cli, &reply);
    } else if (cli->quiet) {
        screen_sv(&cli->screen, first_of(cli_member(answer, "next")));
        fputc('\n', cli->screen.out);
    } else {
        put_one(cli, answer);
    }
    return CLI_OK;
}

static int order(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct rc_buf buf;
    const char *what = args->operand[0], *reason = cli_value(args, "reason"), *key = cli_value(args, "key");
    struct rc_json json = cli_body(cli, &buf);
    if (reason) rc_json_text(&json, "reason", reason);
    if (key) rc_json_text(&json, "key", key);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    rc_json_end_object(&json);
    int fault = cli_post(cli, &reply, path_of(cli, args, what), &buf, NULL);
    if (fault != CLI_OK) return fault;
    const struct cel_value *answer = &reply.answer.body;
    bool runs = strcmp(what, "run") == 0, paused = cli_bool(answer, "paused");
    if (cli->json) {
        cli_put_raw(cli, &reply);
    } else if (runs) {
        screen_sv(&cli->screen, cli_text(answer, "id"));
        fputc('\n', cli->screen.out);
    } else if (!cli->quiet && reply.answer.replayed) {
        fputs(paused ? "it was paused already\n" : "it was not paused\n", cli->screen.out);
    } else if (!cli->quiet) {
        fputs(paused ? "paused: nothing starts before it is resumed\n"
                     : "resumed: times that have passed meanwhile are left out\n",
              cli->screen.out);
    }
    return CLI_OK;
}

int cli_run_schedule(struct cli *cli, const struct cli_args *args)
{
    static const char *const orders[] = {"pause", "resume", "run"};
    const char *what = args->operand[0];
    if (strcmp(what, "list") == 0 && args->noperands == 1) return list(cli);
    if (strcmp(what, "show") == 0 && args->noperands == 3) return show(cli, args);
    for (unsigned i = 0; i < 3 && args->noperands == 3; i++)
        if (strcmp(what, orders[i]) == 0) return order(cli, args);
    return cli_usage(cli, "wants list, or show, pause, resume or run with FLOW and SCHEDULE");
}
