/* recourse lanes: who holds a place, and who waits; and what `show` says of a command's place. */
#include "cli/run.h"

enum { COLUMNS = 6, INDENT = 14 };

/* The commands of a list, the first one and how many more. */
static struct rc_sv first_of(struct cli *cli, const struct cel_value *lane, const char *list,
                             const char *count)
{
    struct cel_value all = cli_member(lane, list);
    unsigned long long n = cli_number(lane, count);
    if (all.kind != CEL_LIST || !all.n) return (struct rc_sv){0};
    struct rc_sv id = cli_text(&all.v.items[0], "command");
    return n > 1 ? rc_text(cli->arena, "%.*s and %llu more", RC_SV_ARG(id), n - 1) : id;
}

static void fill(struct cli *cli, const struct cel_value *lane, struct rc_sv *cell)
{
    struct cel_value waits = cli_member(lane, "first");
    bool any = waits.kind == CEL_LIST && waits.n;
    cell[0] = cli_text(lane, "flow");
    cell[1] = cli_text(lane, "key");
    cell[2] = rc_text(cli->arena, "%llu of %llu", (unsigned long long)cli_number(lane, "holding"),
                      (unsigned long long)cli_number(lane, "limit"));
    cell[3] = first_of(cli, lane, "holders", "holding");
    cell[4] = rc_text(cli->arena, "%llu%s", (unsigned long long)cli_number(lane, "queued"),
                      cli_bool(lane, "more") ? "+" : "");
    cell[5] = any ? screen_ago(&cli->screen, cli->arena, cli_text(&waits.v.items[0], "since")) : RC_SV("");
}

static void put_lanes(struct cli *cli, struct cel_value lanes)
{
    static const struct screen_column column[COLUMNS] = {
        {"FLOW", 6, true},     {"KEY", 6, true},      {"PLACES", 6, false},
        {"HELD BY", 16, true}, {"WAITING", 5, false}, {"THE FIRST SINCE", 8, false}};
    uint32_t n = lanes.kind == CEL_LIST ? lanes.n : 0;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < n; i++) {
        const struct cel_value *lane = &lanes.v.items[i];
        fill(cli, lane, &cells[(size_t)i * COLUMNS]);
        tint[i] = cli_number(lane, "queued") ? TINT_WARN : TINT_NONE;
    }
    if (n)
        screen_table(&cli->screen, column, COLUMNS, cells, n, 4, tint);
    else
        fputs("none\n", cli->screen.out);
}

void cli_put_lane(struct cli *cli, const struct cel_value *body)
{
    struct cel_value lane = cli_member(body, "concurrency");
    struct rc_sv place = cli_text(&lane, "place");
    if (lane.kind == CEL_MAP)
        screen_item(&cli->screen, "lane", INDENT,
                    rc_text(cli->arena, "%.*s, at most %llu at work%s", RC_SV_ARG(cli_text(&lane, "key")),
                            (unsigned long long)cli_number(&lane, "limit"),
                            rc_sv_is(place, "waits")   ? "; waits for its turn"
                            : rc_sv_is(place, "holds") ? "; holds a place"
                                                       : ""));
    if (cli_number(body, "priority"))
        screen_item(&cli->screen, "priority", INDENT,
                    rc_text(cli->arena, "%llu", (unsigned long long)cli_number(body, "priority")));
}

int cli_run_lanes(struct cli *cli, const struct cli_args *args)
{
    static const struct cli_filter filters[] = {{"type", "type", false},
                                                {"key", "key", false},
                                                {"after", "after", false},
                                                {"limit", "limit", false},
                                                {NULL, NULL, false}};
    struct cli_reply reply;
    (void)args;
    int fault = cli_get_filtered(cli, &reply, "/v1/lanes", filters);
    if (fault != CLI_OK) return fault;
    struct cel_value lanes = cli_member(&reply.answer.body, "lanes");
    struct rc_sv next = cli_text(&reply.answer.body, "next");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    if (!cli->quiet) put_lanes(cli, lanes);
    for (uint32_t i = 0; cli->quiet && lanes.kind == CEL_LIST && i < lanes.n; i++) {
        screen_sv(&cli->screen, cli_text(&lanes.v.items[i], "key"));
        fputc('\n', cli->screen.out);
    }
    if (next.n && !cli->quiet)
        fprintf(cli->screen.out, "there may be more: add --after %.*s\n", RC_SV_ARG(next));
    return CLI_OK;
}
