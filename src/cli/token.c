/* recourse token, recourse whoami. A secret is printed once, alone on standard output, so that it can go into a file. */
#include "cli/run.h"

#include <unistd.h>

enum { COLUMNS = 7 };

static void put_yes_no(struct cli *cli, const char *label, bool is)
{
    screen_item(&cli->screen, label, 2 + 12, is ? RC_SV("yes") : RC_SV("no"));
}

static struct rc_sv or_text(struct rc_sv text, const char *otherwise)
{
    return text.n ? text : rc_sv_of(otherwise);
}

static struct rc_sv state_of(struct cli *cli, const struct cel_value *token)
{
    (void)cli;
    if (cli_text(token, "revoked").n) return RC_SV("revoked");
    return cli_bool(token, "works") ? RC_SV("works") : RC_SV("expired");
}

static void put_token(struct cli *cli, const struct cel_value *token)
{
    struct screen *screen = &cli->screen;
    struct rc_arena *arena = cli->arena;
    fputs("token ", screen->out);
    screen_sv(screen, cli_text(token, "id"));
    fputs(", ", screen->out);
    screen_sv(screen, state_of(cli, token));
    fputc('\n', screen->out);
    screen_item(screen, "subject", 2 + 12, cli_text(token, "subject"));
    screen_item(screen, "role", 2 + 12, cli_text(token, "role"));
    screen_item(screen, "namespace", 2 + 12, or_text(cli_text(token, "namespace"), "all"));
    put_yes_no(cli, "act as", cli_bool(token, "act_as"));
    screen_item(screen, "created", 2 + 12,
                rc_text(arena, "%.*s by %.*s", RC_SV_ARG(cli_text(token, "created")),
                        RC_SV_ARG(cli_text(token, "created_by"))));
    screen_item(screen, "expires", 2 + 12, or_text(cli_text(token, "expires"), "never"));
    screen_item(screen, "last used", 2 + 12, or_text(cli_text(token, "used"), "never"));
    if (cli_text(token, "revoked").n) screen_item(screen, "revoked", 2 + 12, cli_text(token, "revoked"));
}

static int put_answer(struct cli *cli, const struct cli_reply *reply)
{
    if (cli->json)
        cli_put_raw(cli, reply);
    else if (!cli->quiet)
        put_token(cli, &reply->answer.body);
    return CLI_OK;
}

static const char *path_of(struct cli *cli, const char *id)
{
    struct rc_sv escaped = rc_client_escape(cli->arena, rc_sv_of(id));
    struct rc_sv path = rc_text(cli->arena, "/v1/tokens/%.*s", RC_SV_ARG(escaped));
    return path.p ? path.p : "/v1/tokens/";
}

/* ---- making -------------------------------------------------------------------------------------------- */

static int create(struct cli *cli, const char *subject)
{
    static const char *const option[][2] = {{"role", "role"},
                                            {"bind", "namespace"},
                                            {"expires", "expires"},
                                            {"lifetime", "lifetime"},
                                            {"reason", "reason"}};
    struct cli_reply reply;
    struct rc_buf buf;
    struct rc_json json = cli_body(cli, &buf);
    if (!cli_has(cli->args, "role"))
        return cli_usage(cli, "--role is needed: submitter, worker, viewer, operator or admin");
    rc_json_text(&json, "subject", subject);
    for (unsigned i = 0; i < sizeof option / sizeof *option; i++) {
        const char *value = cli_value(cli->args, option[i][0]);
        if (value) rc_json_text(&json, option[i][1], value);
    }
    if (cli_has(cli->args, "act-as")) rc_json_bool(&json, "act_as", true);
    rc_json_end_object(&json);
    int fault = cli_post(cli, &reply, "/v1/tokens", &buf, NULL);
    if (fault != CLI_OK) return fault;
    struct cel_value token = cli_member(&reply.answer.body, "token");
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    screen_sv(&cli->screen, cli_text(&reply.answer.body, "secret"));
    fputc('\n', cli->screen.out);
    (void)fflush(cli->screen.out);
    if (!cli->quiet && isatty(STDOUT_FILENO))
        screen_line(&cli->screen, "  this is token %.*s; nobody can show it again",
                    RC_SV_ARG(cli_text(&token, "id")));
    return CLI_OK;
}

/* ---- looking ------------------------------------------------------------------------------------------- */

static void put_table(struct cli *cli, struct cel_value tokens)
{
    static const struct screen_column column[COLUMNS] = {
        {"ID", 16, false},        {"SUBJECT", 8, true},   {"ROLE", 9, false}, {"NAMESPACE", 8, true},
        {"LAST USED", 12, false}, {"EXPIRES", 12, false}, {"STATE", 7, false}};
    struct rc_sv *cells = RC_NEW_ARRAY(cli->arena, struct rc_sv, (size_t)tokens.n * COLUMNS);
    enum tint *tint = RC_NEW_ARRAY(cli->arena, enum tint, tokens.n);
    if (!cells || !tint) return;
    for (uint32_t i = 0; i < tokens.n; i++) {
        const struct cel_value *token = &tokens.v.items[i];
        struct rc_sv *cell = &cells[i * COLUMNS];
        cell[0] = cli_text(token, "id");
        cell[1] = cli_text(token, "subject");
        cell[2] = cli_text(token, "role");
        cell[3] = or_text(cli_text(token, "namespace"), "all");
        cell[4] = or_text(screen_ago(&cli->screen, cli->arena, cli_text(token, "used")), "never");
        cell[5] = or_text(screen_ago(&cli->screen, cli->arena, cli_text(token, "expires")), "never");
        cell[6] = state_of(cli, token);
        tint[i] = cli_bool(token, "works") ? TINT_NONE : TINT_DIM;
    }
    screen_table(&cli->screen, column, COLUMNS, cells, tokens.n, COLUMNS - 1, tint);
}

static int list(struct cli *cli)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/tokens");
    if (fault != CLI_OK) return fault;
    struct cel_value tokens = cli_member(&reply.answer.body, "tokens");
    if (cli->json)
        cli_put_raw(cli, &reply);
    else if (cli->quiet)
        for (uint32_t i = 0; tokens.kind == CEL_LIST && i < tokens.n; i++)
            screen_line(&cli->screen, "%.*s", RC_SV_ARG(cli_text(&tokens.v.items[i], "id")));
    else if (tokens.kind == CEL_LIST && tokens.n)
        put_table(cli, tokens);
    else
        fputs("none\n", cli->screen.out);
    return CLI_OK;
}

static int show(struct cli *cli, const char *id)
{
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "%s", path_of(cli, id));
    return fault == CLI_OK ? put_answer(cli, &reply) : fault;
}

static int take_back(struct cli *cli, const char *id)
{
    struct cli_reply reply;
    int fault = cli_send(cli, &reply, "DELETE", path_of(cli, id), NULL);
    return fault == CLI_OK ? put_answer(cli, &reply) : fault;
}

int cli_run_token(struct cli *cli, const struct cli_args *args)
{
    const char *what = args->operand[0], *which = args->noperands > 1 ? args->operand[1] : NULL;
    bool create_it = strcmp(what, "create") == 0;
    if (cli_has(args, "store")) {
        if (create_it && which) return cli_run_program(cli, args);
        return cli_usage(cli, "--store goes with `create NAME` only");
    }
    if (create_it && which) return create(cli, which);
    if (strcmp(what, "list") == 0 && !which) return list(cli);
    if (strcmp(what, "show") == 0 && which) return show(cli, which);
    if (strcmp(what, "revoke") == 0 && which) return take_back(cli, which);
    return cli_usage(cli, "wants create NAME, list, show ID or revoke ID");
}

/* ---- whoami -------------------------------------------------------------------------------------------- */

int cli_run_whoami(struct cli *cli, const struct cli_args *args)
{
    (void)args;
    struct cli_reply reply;
    int fault = cli_get(cli, &reply, "/v1/whoami");
    if (fault != CLI_OK) return fault;
    const struct cel_value *body = &reply.answer.body;
    struct screen *screen = &cli->screen;
    if (cli->json) {
        cli_put_raw(cli, &reply);
        return CLI_OK;
    }
    screen_sv(screen, cli_text(body, "subject"));
    fputc('\n', screen->out);
    if (cli->quiet) return CLI_OK;
    struct cel_value permissions = cli_member(body, "permissions");
    struct rc_buf may = rc_buf_in(cli->arena, CLI_MAX_PATH);
    for (uint32_t i = 0; permissions.kind == CEL_LIST && i < permissions.n; i++) {
        if (i) rc_put_text(&may, ", ");
        rc_put(&may, cel_text(permissions.v.items[i]));
    }
    screen_item(screen, "role", 2 + 12, cli_text(body, "role"));
    screen_item(screen, "namespace", 2 + 12,
                rc_text(cli->arena, "%.*s%s", RC_SV_ARG(cli_text(body, "namespace")),
                        cli_bool(body, "bound") ? ", and no other" : ""));
    put_yes_no(cli, "act as", cli_bool(body, "act_as"));
    screen_item(screen, "may", 2 + 12, rc_buf_sv(&may));
    screen_item(screen, "token", 2 + 12, or_text(cli_text(body, "token"), "none is asked for"));
    if (cli_text(body, "token").n)
        screen_item(screen, "expires", 2 + 12, or_text(cli_text(body, "expires"), "never"));
    return CLI_OK;
}
