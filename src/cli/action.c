/* recourse retry, check, cancel, rollback, resolve, skip, edit, assign, note, due, approve, deny, answer, move: says what it will touch, asks where that is wise, acts on
 * exactly the state that was shown (If-Match), and says what came of it. */
#include "cli/run.h"

#include <stdlib.h>

enum { INDENT = 4 };

struct action {
    const char *command, *action; /* as typed; as the API spells it */
    bool ask;                     /* a person is asked first */
    const char *done;
    const char *member; /* what the second operand is in the body; NULL: there is none */
    bool decides;       /* on what is shown, whatever else has changed */
};

static const struct action actions[] = {
    {"retry", "retry", false, "asked to try again"},
    {"check", "check", false, "asked to check"},
    {"cancel", "cancel", true, "asked to cancel"},
    {"rollback", "roll_back", true, "asked to roll back"},
    {"resolve", "resolve", true, "recorded"},
    {"skip", "skip", true, "left out"},
    {"edit", "edit", true, "replaced"},
    {"assign", "assign", false, "recorded", "owner"},
    {"note", "note", false, "recorded", "reason"},
    {"due", "due", false, "recorded", "due"},
    {"approve", "approve", true, "approved", NULL, true},
    {"deny", "deny", true, "denied", NULL, true},
    {"answer", "answer", true, "answered", "answer", true},
    {"move", "move", true, "moved", NULL, true},
};

static bool moves(const struct action *action)
{
    return strcmp(action->action, "move") == 0;
}

static const struct action *find_action(const char *command)
{
    for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].command, command) == 0) return &actions[i];
    return NULL;
}

static void put_undo(struct cli *cli, const struct cel_value *body)
{
    struct screen *screen = &cli->screen;
    struct cel_value undo = cli_member(body, "undo");
    struct rc_sv to = cli_text(body, "to");
    if (to.n) screen_line(screen, "  back to %.*s: what comes before it stays done", RC_SV_ARG(to));
    if (undo.kind != CEL_LIST || undo.n == 0) {
        fputs("  nothing has happened outside that would have to be undone\n", screen->out);
        return;
    }
    fputs("  would undo, in this order:\n", screen->out);
    uint64_t total = cli_number(body, "undo_total");
    for (uint32_t i = 0; i < undo.n; i++) { /* those of one wave have the same number */
        const struct cel_value *one = &undo.v.items[i];
        struct rc_sv id = cli_text(one, "external_id");
        fprintf(screen->out, "%*llu. ", INDENT, (unsigned long long)cli_number(one, "wave"));
        screen_sv(screen, cli_text(one, "step"));
        fputs(" at ", screen->out);
        screen_sv(screen, cli_text(one, "dependency"));
        if (id.n) {
            fputs(", made ", screen->out);
            screen_sv(screen, id);
        }
        fputc('\n', screen->out);
    }
    if (total > undo.n)
        fprintf(screen->out, "  and %llu more (recourse steps ID --state succeeded)\n",
                (unsigned long long)(total - undo.n));
    struct cel_value stays = cli_member(body, "irreversible");
    for (uint32_t i = 0; stays.kind == CEL_LIST && i < stays.n; i++)
        screen_line(screen, "  cannot be undone, where it has happened: %.*s",
                    RC_SV_ARG(cel_text(stays.v.items[i])));
}

/* What it will touch: the command, and what exactly this action does to it. */
static int show_target(struct cli *cli, const struct action *action, struct rc_sv id, struct cli_reply *reply)
{
    if (moves(action)) return cli_show_move(cli, id, reply);
    bool undo = strcmp(action->action, "roll_back") == 0;
    const char *step = undo ? cli_value(cli->args, "step") : NULL;
    struct rc_sv to = step ? rc_client_escape(cli->arena, rc_sv_of(step)) : (struct rc_sv){0};
    int fault = undo ? cli_get(cli, reply, "/v1/commands/%.*s/actions/roll_back%s%.*s", RC_SV_ARG(id),
                               step ? "?step=" : "", RC_SV_ARG(to))
                     : cli_get(cli, reply, "/v1/commands/%.*s/explain", RC_SV_ARG(id));
    if (fault != CLI_OK || cli->quiet || cli->json) return fault;
    const struct cel_value *body = &reply->answer.body;
    cli_put_head(cli, body);
    if (undo) {
        put_undo(cli, body);
        return CLI_OK;
    }
    struct cel_value all = cli_member(body, "actions"), one = cli_member(&all, action->action);
    struct cel_value what = cli_member(body, "what");
    screen_item(&cli->screen, action->command, 2 + 10, cli_text(&one, "text"));
    if (action->decides) cli_put_asks(cli, body);
    if (cli_text(&what, "step").n) screen_item(&cli->screen, "step", 2 + 10, cli_text(&what, "text"));
    /* a repeat with its own key may be allowed although a new action would not be */
    if (cli_bool(&one, "allowed") || cli_has(cli->args, "key")) return CLI_OK;
    (void)fflush(cli->screen.out);
    fputs("recourse: not possible now: ", stderr);
    screen_sv(&(struct screen){.out = stderr}, cli_text(&one, "why_not"));
    fputc('\n', stderr);
    return CLI_REFUSED;
}

static const char *verdict(const struct cli_args *args)
{
    static const struct {
        const char *option, *verdict;
    } row[] = {{"happened", "happened"}, {"did-not-happen", "did_not_happen"}, {"accept", "accepted_as_is"}};
    const char *found = NULL;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        if (!cli_has(args, row[i].option)) continue;
        if (found) return NULL;
        found = row[i].verdict;
    }
    return found;
}

static int put_body(struct cli *cli, const struct action *action, struct rc_sv digest, struct rc_buf *buf)
{
    static const struct {
        const char *option, *member;
    } text[] = {{"reason", "reason"}, {"key", "key"}, {"step", "step"}, {"external-id", "external_id"}};
    const struct cli_args *args = cli->args;
    struct rc_json json = cli_body(cli, buf);
    if (cli_actor(cli)) rc_json_text(&json, "actor", cli_actor(cli));
    for (unsigned i = 0; i < sizeof text / sizeof *text; i++)
        if (cli_has(args, text[i].option))
            rc_json_text(&json, text[i].member, cli_value(args, text[i].option));
    int fault = CLI_OK;
    if (digest.n) rc_json_sv(&json, "digest", digest);
    if (strcmp(action->action, "resolve") == 0) {
        const char *said = verdict(args), *reason = cli_value(args, "reason");
        if (!said) return cli_usage(cli, "wants exactly one of --happened, --did-not-happen and --accept");
        if (!reason || !*reason) return cli_usage(cli, "wants --reason: what is the evidence?");
        rc_json_text(&json, "verdict", said);
        fault = cli_put_json_option(cli, &json, "outputs", "outputs");
    } else if (strcmp(action->action, "edit") == 0) {
        if (!cli_has(args, "payload")) return cli_usage(cli, "wants --payload: the payload as it should be");
        fault = cli_put_json_option(cli, &json, "payload", "payload");
        if (fault == CLI_OK && cli_has(args, "ref")) fault = cli_put_refs(cli, &json, args);
    } else if (moves(action) && cli_has(args, "to")) {
        char *end;
        unsigned long version = strtoul(cli_value(args, "to"), &end, 10);
        if (!*cli_value(args, "to") || *end) return cli_usage(cli, "wants a version with --to, like 3");
        rc_json_u64(&json, "version", version);
    } else if (action->member) {
        rc_json_text(&json, action->member, args->operand[1]);
    }
    rc_json_end_object(&json);
    return fault;
}

/* What the decision is bound to: as somebody has seen it before, or as it is shown now. */
static struct rc_sv digest_of(struct cli *cli, const struct action *action, const struct cli_reply *shown)
{
    const char *said = cli_value(cli->args, "digest");
    bool answer = action->member != NULL;
    if (!said && moves(action)) return cli_text(&shown->answer.body, "digest");
    return said ? rc_sv_of(said) : cli_digest_of(&shown->answer.body, answer, cli_value(cli->args, "step"));
}

static void put_result(struct cli *cli, const struct action *action, const struct cli_reply *reply)
{
    struct screen *screen = &cli->screen;
    const struct cel_value *body = &reply->answer.body;
    if (cli->quiet) {
        screen_sv(screen, cli_text(body, "state"));
        fputc('\n', screen->out);
        return;
    }
    struct rc_sv successor = cli_text(body, "successor");
    fprintf(screen->out, "%s; now ", reply->answer.replayed ? "was done already" : action->done);
    cli_put_state(cli, body);
    if (!successor.n) return;
    fputs("its place has taken ", screen->out);
    screen_sv(screen, successor);
    fputc('\n', screen->out);
}

int cli_run_action(struct cli *cli, const struct cli_args *args)
{
    const struct action *action = find_action(args->command->name);
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(args->operand[0]));
    struct cli_reply shown, reply;
    struct rc_buf body;
    char path[CLI_MAX_PATH];
    int fault = put_body(cli, action, (struct rc_sv){0}, &body);
    if (fault == CLI_OK) fault = show_target(cli, action, id, &shown);
    if (fault == CLI_OK && moves(action) && cli_has(args, "plan")) return CLI_OK;
    if (fault == CLI_OK && action->decides)
        fault = put_body(cli, action, digest_of(cli, action, &shown), &body);
    if (fault != CLI_OK) return fault;
    if (action->ask && !cli_confirm(cli, "do it?")) {
        fputs("nothing was done\n", stderr);
        return CLI_DECLINED;
    }
    snprintf(path, sizeof path, "/v1/commands/%.*s/actions/%s", RC_SV_ARG(id), action->action);
    /* an action with a key of its own is idempotent: its repeat must not stumble over the state it has made */
    bool any = cli_has(args, "key") || action->decides; /* others may decide at the same time */
    fault = cli_post(cli, &reply, path, &body, any ? NULL : shown.answer.etag);
    if (fault != CLI_OK) return fault;
    if (cli->json)
        cli_put_raw(cli, &reply);
    else
        put_result(cli, action, &reply);
    return CLI_OK;
}
