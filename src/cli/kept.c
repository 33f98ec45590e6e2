/* recourse signals: those that are kept, and deleting one. */
#include "cli/run.h"

enum { COLUMNS = 5 };

/* `more`: there may be some behind those that were looked at. */
static void put_list(struct cli *cli, const struct cel_value *page, bool more)
{
    static const struct screen_column column[COLUMNS] = {
        {"NUMBER", 6, false}, {"NAME", 8, true}, {"ID", 8, true}, {"KEY", 8, true}, {"KEPT SINCE", 8, false}};
    struct cel_value rows = cli_member(page, "signals");
    uint32_t n = rows.kind == CEL_LIST ? rows.n : 0;
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < n; i++) {
        const struct cel_value *one = &rows.v.items[i];
        struct rc_sv *cell = &cells[(size_t)i * COLUMNS];
        cell[0] = rc_text(cli->arena, "%llu", (unsigned long long)cli_number(one, "number"));
        cell[1] = cli_text(one, "name");
        cell[2] = cli_text(one, "id");
        cell[3] = cli_text(one, "key");
        cell[4] = screen_ago(&cli->screen, cli->arena, cli_text(one, "at"));
        tint[i] = TINT_NONE;
    }
    if (n)
        screen_table(&cli->screen, column, COLUMNS, cells, n, 0, tint);
    else
        fputs(more ? "none of those that were looked at\n" : "none\n", cli->screen.out);
}

static int list(struct cli *cli)
{
    static const struct cli_filter filters[] = {{"name", "name", false},   {"id", "id", false},
                                                {"since", "since", true},  {"until", "until", true},
                                                {"after", "after", false}, {"limit", "limit", false},
                                                {NULL, NULL, false}};
    struct cli_reply reply;
    int fault = cli_get_filtered(cli, &reply, "/v1/signals", filters);
    if (fault != CLI_OK) return fault;
    const struct cel_value *page = &reply.answer.body;
    struct cel_value rows = cli_member(page, "signals");
    uint64_t next = cli_number(page, "next");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    if (!cli->quiet) put_list(cli, page, next != 0);
    for (uint32_t i = 0; cli->quiet && rows.kind == CEL_LIST && i < rows.n; i++)
        fprintf(cli->screen.out, "%llu\n", (unsigned long long)cli_number(&rows.v.items[i], "number"));
    if (next && !cli->quiet)
        fprintf(cli->screen.out, "there may be more: add --after %llu\n", (unsigned long long)next);
    return CLI_OK;
}

static int delete (struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct rc_buf buf;
    const char *reason = cli_value(args, "reason");
    struct rc_sv number = rc_client_escape(cli->arena, rc_sv_of(args->operand[1]));
    struct rc_sv path = rc_text(cli->arena, "/v1/signals/%.*s/delete", RC_SV_ARG(number));
    if (!number.p || !path.p) return CLI_ERROR;
    struct rc_json json = cli_body(cli, &buf);
    if (reason) rc_json_text(&json, "reason", reason);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    rc_json_end_object(&json);
    int fault = cli_post(cli, &reply, path.p, &buf, NULL);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        fputs("deleted: nothing takes it, and its key is remembered\n", cli->screen.out);
    return CLI_OK;
}

int cli_run_signals(struct cli *cli, const struct cli_args *args)
{
    const char *what = args->noperands ? args->operand[0] : "list";
    if (strcmp(what, "list") == 0 && args->noperands <= 1) return list(cli);
    if (strcmp(what, "delete") == 0 && args->noperands == 2) return delete (cli, args);
    return cli_usage(cli, "wants list, or delete with the NUMBER of a signal");
}
