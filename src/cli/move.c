/* recourse move: the plan, as people read it. */
#include "cli/run.h"

enum { INDENT = 17 };

static void put_list(struct cli *cli, const char *label, const struct cel_value *body, const char *member)
{
    struct cel_value list = cli_member(body, member);
    for (uint32_t i = 0; list.kind == CEL_LIST && i < list.n; i++)
        screen_item(&cli->screen, i ? "" : label, INDENT, cel_text(list.v.items[i]));
}

static void put_refused(struct cli *cli, const struct cel_value *body)
{
    struct cel_value list = cli_member(body, "refused");
    for (uint32_t i = 0; list.kind == CEL_LIST && i < list.n; i++) {
        const struct cel_value *one = &list.v.items[i];
        screen_item(&cli->screen, i ? "" : "  in the way", INDENT,
                    rc_text(cli->arena, "%.*s: %.*s", RC_SV_ARG(cli_text(one, "step")),
                            RC_SV_ARG(cli_text(one, "reason"))));
    }
}

static void put_plan(struct cli *cli, const struct cel_value *body)
{
    cli_put_head(cli, body);
    screen_line(&cli->screen, "  from version %llu of its flow to version %llu",
                (unsigned long long)cli_number(body, "from"), (unsigned long long)cli_number(body, "to"));
    put_list(cli, "  stays done", body, "kept");
    put_list(cli, "  runs again", body, "again");
    put_list(cli, "  begins", body, "begins");
    put_list(cli, "  asked again", body, "asked_again");
    put_list(cli, "  dropped", body, "dropped");
    put_refused(cli, body);
}

int cli_show_move(struct cli *cli, struct rc_sv id, struct cli_reply *reply)
{
    const char *to = cli_value(cli->args, "to");
    struct rc_sv version = to ? rc_client_escape(cli->arena, rc_sv_of(to)) : (struct rc_sv){0};
    int fault = cli_get(cli, reply, "/v1/commands/%.*s/actions/move%s%.*s", RC_SV_ARG(id),
                        to ? "?version=" : "", RC_SV_ARG(version));
    bool plan = cli_has(cli->args, "plan"), says = !cli->quiet && !cli->json;
    if (fault == CLI_REFUSED && !plan && cli_has(cli->args, "key"))
        return CLI_OK; /* its repeat: it is moved already */
    if (fault != CLI_OK) return fault;
    const struct cel_value *body = &reply->answer.body;
    if (says) put_plan(cli, body);
    if (plan && cli->json) cli_put_raw(cli, reply);
    if (cli_bool(body, "possible")) return CLI_OK;
    if (!plan && (!says || cli_has(cli->args, "key"))) return CLI_OK; /* the server says why not */
    if (!says) return CLI_REFUSED;
    (void)fflush(cli->screen.out);
    fputs("recourse: not possible: see what is in the way\n", stderr);
    return CLI_REFUSED;
}
