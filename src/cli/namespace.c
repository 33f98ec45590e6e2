/* recourse namespace */
#include "cli/run.h"

#include "base/num.h"

enum { COLUMNS = 6 };

static struct rc_sv of_most(struct cli *cli, const struct cel_value *ns, uint64_t used, const char *quota)
{
    uint64_t most = cli_number(ns, quota);
    return most ? rc_text(cli->arena, "%llu of %llu", (unsigned long long)used, (unsigned long long)most)
                : rc_text(cli->arena, "%llu", (unsigned long long)used);
}

static void put_row(struct cli *cli, const struct cel_value *ns, struct rc_sv cell[COLUMNS])
{
    struct cel_value usage = cli_member(ns, "usage");
    uint64_t rate = cli_number(ns, "max_rate");
    cell[0] = cli_text(ns, "name");
    cell[1] = rc_text(cli->arena, "%llu", (unsigned long long)cli_number(&usage, "commands"));
    cell[2] = of_most(cli, ns, cli_number(&usage, "open_commands"), "max_open");
    cell[3] = of_most(cli, ns, cli_number(&usage, "bytes"), "max_bytes");
    cell[4] = rate ? rc_text(cli->arena, "%llu a second", (unsigned long long)rate) : RC_SV("any");
    cell[5] = cli_text(ns, "created").n ? screen_ago(&cli->screen, cli->arena, cli_text(ns, "created"))
                                        : RC_SV("with the store");
}

static void put_table(struct cli *cli, const struct cel_value *all, uint32_t n)
{
    static const struct screen_column column[COLUMNS] = {{"NAMESPACE", 9, true}, {"COMMANDS", 8, false},
                                                         {"OPEN", 8, false},     {"BYTES", 8, false},
                                                         {"RATE", 8, false},     {"CREATED", 8, true}};
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < n; i++) {
        put_row(cli, &all[i], &cells[i * COLUMNS]);
        tint[i] = TINT_NONE;
    }
    screen_table(&cli->screen, column, COLUMNS, cells, n, 0, tint);
}

static int put_one(struct cli *cli, const struct cli_reply *reply)
{
    if (cli->json)
        cli_put_raw(cli, reply);
    else if (!cli->quiet)
        put_table(cli, &reply->answer.body, 1);
    return CLI_OK;
}

static int list(struct cli *cli)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/namespaces");
    if (fault != CLI_OK) return fault;
    struct cel_value all = cli_member(&reply.answer.body, "namespaces");
    uint32_t n = all.kind == CEL_LIST ? all.n : 0;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (cli->quiet)
        for (uint32_t i = 0; i < n; i++) {
            screen_sv(&cli->screen, cli_text(&all.v.items[i], "name"));
            fputc('\n', cli->screen.out);
        }
    else
        put_table(cli, all.v.items, n);
    return CLI_OK;
}

static int put_quotas(struct cli *cli, struct rc_json *json)
{
    static const char *const option[][2] = {
        {"max-open", "max_open"}, {"max-bytes", "max_bytes"}, {"max-rate", "max_rate"}};
    for (unsigned i = 0; i < sizeof option / sizeof *option; i++) {
        const char *text = cli_value(cli->args, option[i][0]);
        uint64_t number;
        if (!text) continue;
        if (!rc_parse_u64(rc_sv_of(text), &number))
            return cli_usage(cli, "--%s wants a whole number, not \"%s\"", option[i][0], text);
        rc_json_u64(json, option[i][1], number);
    }
    const char *reason = cli_value(cli->args, "reason");
    if (reason) rc_json_text(json, "reason", reason);
    return CLI_OK;
}

static const char *path_of(struct cli *cli, const char *name)
{
    struct rc_sv escaped = rc_client_escape(cli->arena, rc_sv_of(name));
    struct rc_sv path = rc_text(cli->arena, "/v1/namespaces/%.*s", RC_SV_ARG(escaped));
    return path.p ? path.p : "/v1/namespaces/";
}

static int change(struct cli *cli, const char *name, bool is_new)
{
    struct cli_reply reply;
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    if (is_new) rc_json_text(&json, "name", name);
    int fault = put_quotas(cli, &json);
    rc_json_end_object(&json);
    if (fault == CLI_OK)
        fault = is_new ? cli_post(cli, &reply, "/v1/namespaces", &buf, NULL)
                       : cli_send(cli, &reply, "PUT", path_of(cli, name), &buf);
    return fault == CLI_OK ? put_one(cli, &reply) : fault;
}

static int show(struct cli *cli, const char *name)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "%s", path_of(cli, name));
    return fault == CLI_OK ? put_one(cli, &reply) : fault;
}

static int remove_it(struct cli *cli, const char *name)
{
    struct cli_reply reply;
    int fault = cli_send(cli, &reply, "DELETE", path_of(cli, name), NULL);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (!cli->quiet)
        fputs("deleted\n", cli->screen.out);
    return CLI_OK;
}

int cli_run_namespace(struct cli *cli, const struct cli_args *args)
{
    const char *what = args->operand[0], *name = args->noperands > 1 ? args->operand[1] : NULL;
    if (strcmp(what, "list") == 0 && !name) return list(cli);
    if (strcmp(what, "create") == 0 && name) return change(cli, name, true);
    if (strcmp(what, "set") == 0 && name) return change(cli, name, false);
    if (strcmp(what, "show") == 0 && name) return show(cli, name);
    if (strcmp(what, "delete") == 0 && name) return remove_it(cli, name);
    return cli_usage(cli, "wants list, create NAME, show NAME, set NAME or delete NAME");
}
