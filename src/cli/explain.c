/* recourse explain: for a person who was just woken up. */
#include "cli/run.h"

enum { INDENT = 18, SHOWN_DONE = 10 };

static struct rc_sv attempt_text(struct cli *cli, const struct cel_value *attempt)
{
    struct rc_buf buf = rc_buf_in(cli->arena, 1 << 16);
    struct rc_sv began = cli_text(attempt, "began");
    rc_put_format(&buf, "%.*s, %.*s (attempt %llu), %.*s: %.*s", RC_SV_ARG(cli_text(attempt, "step")),
                  RC_SV_ARG(cli_text(attempt, "purpose")), (unsigned long long)cli_number(attempt, "attempt"),
                  RC_SV_ARG(screen_ago(&cli->screen, cli->arena, began)),
                  RC_SV_ARG(cli_text(attempt, "outcome_text")));
    bool worker =
        rc_sv_is(cli_text(attempt, "why"), "worker"); /* no status of its own: what it said is an outcome */
    if (cli_number(attempt, "status") && !worker)
        rc_put_format(&buf, " (answered with %llu)", (unsigned long long)cli_number(attempt, "status"));
    else if (cli_text(attempt, "why_text").n)
        rc_put_format(&buf, " (%.*s)", RC_SV_ARG(cli_text(attempt, "why_text")));
    return rc_buf_sv(&buf);
}

static void put_what(struct cli *cli, const struct cel_value *body)
{
    struct cel_value what = cli_member(body, "what");
    struct rc_sv error = cli_text(&what, "error");
    if (!cli_bool(body, "ended") || cli_text(&what, "step").n)
        screen_item(&cli->screen, "What happened", INDENT, cli_text(&what, "text"));
    if (error.n) screen_item(&cli->screen, "Error", INDENT, error);
    struct cel_value item = cli_member(&what, "item");
    struct rc_buf text = rc_buf_in(cli->arena, 1 << 16);
    if (item.kind == CEL_NULL) return;
    cel_put_json(&text, item);
    screen_item(&cli->screen, "For the item", INDENT, rc_buf_sv(&text));
}

/* The commands that it has started and waits for. */
static void put_children(struct cli *cli, const struct cel_value *body)
{
    struct cel_value children = cli_member(body, "children");
    for (uint32_t i = 0; children.kind == CEL_LIST && i < children.n; i++) {
        const struct cel_value *one = &children.v.items[i];
        screen_item(&cli->screen, "Has started", INDENT,
                    rc_text(cli->arena, "%.*s (%.*s): %.*s", RC_SV_ARG(cli_text(one, "id")),
                            RC_SV_ARG(cli_text(one, "step")), RC_SV_ARG(cli_text(one, "display"))));
    }
}

/* Down to the one that a person has to act on. */
static void put_below(struct cli *cli, const struct cel_value *body)
{
    struct cel_value below = cli_member(body, "hangs_on");
    for (uint32_t i = 0; below.kind == CEL_LIST && i < below.n; i++) {
        const struct cel_value *one = &below.v.items[i];
        screen_item(&cli->screen, i ? "" : "Hangs on", INDENT,
                    rc_text(cli->arena, "%.*s (%.*s): %.*s", RC_SV_ARG(cli_text(one, "id")),
                            RC_SV_ARG(cli_text(one, "type")), RC_SV_ARG(cli_text(one, "display"))));
    }
}

static void put_affected(struct cli *cli, const struct cel_value *body)
{
    struct cel_value affects = cli_member(body, "affects"), refs = cli_member(&affects, "refs");
    struct cel_value done = cli_member(&affects, "done");
    struct rc_sv text = cli_refs_text(cli, refs), actor = cli_text(&affects, "actor");
    screen_item(&cli->screen, "Affects", INDENT,
                rc_text(cli->arena, "%.*s%ssubmitted by %.*s", RC_SV_ARG(text), text.n ? ", " : "",
                        RC_SV_ARG(actor)));
    if (done.kind != CEL_LIST || done.n == 0) return;
    struct rc_buf buf = rc_buf_in(cli->arena, 1 << 16);
    for (uint32_t i = 0; i < done.n && i < SHOWN_DONE; i++) {
        struct rc_sv id = cli_text(&done.v.items[i], "external_id");
        rc_put_text(&buf, i ? ", " : "");
        rc_put(&buf, cli_text(&done.v.items[i], "step"));
        if (id.n) rc_put_format(&buf, " (%.*s)", RC_SV_ARG(id));
    }
    uint64_t total = cli_number(&affects, "done_total");
    if (total > SHOWN_DONE)
        rc_put_format(&buf, " and %llu more (recourse steps %.*s --state succeeded)",
                      (unsigned long long)(total - SHOWN_DONE), RC_SV_ARG(cli_text(body, "id")));
    screen_item(&cli->screen, "Already done", INDENT, rc_buf_sv(&buf));
}

static void put_answers(struct cli *cli, const struct cel_value *body)
{
    struct cel_value received = cli_member(body, "received"), last = cli_member(body, "last_attempt");
    struct cel_value retry = cli_member(body, "retry"), next = cli_member(body, "next");
    struct rc_sv at = screen_ago(&cli->screen, cli->arena, cli_text(&next, "at"));
    if (received.kind == CEL_MAP)
        screen_item(&cli->screen, "Did it arrive?", INDENT, cli_text(&received, "text"));
    put_affected(cli, body);
    if (last.kind == CEL_MAP) screen_item(&cli->screen, "Last attempt", INDENT, attempt_text(cli, &last));
    if (!cli_bool(body, "ended"))
        screen_item(&cli->screen, "Safe to retry?", INDENT,
                    rc_text(cli->arena, "%s: %.*s", cli_bool(&retry, "safe") ? "Yes" : "NO",
                            RC_SV_ARG(cli_text(&retry, "text"))));
    screen_item(&cli->screen, "Next", INDENT,
                rc_text(cli->arena, "%.*s%s%.*s%s", RC_SV_ARG(cli_text(&next, "text")), at.n ? " (" : "",
                        RC_SV_ARG(at), at.n ? ")" : ""));
}

/* What has to come true, and how often it was looked at. */
static void put_confirms(struct cli *cli, const struct cel_value *body)
{
    struct cel_value confirms = cli_member(body, "confirms");
    for (uint32_t i = 0; confirms.kind == CEL_LIST && i < confirms.n; i++) {
        const struct cel_value *one = &confirms.v.items[i];
        uint64_t looked = cli_number(one, "looked");
        screen_item(&cli->screen, "Confirms", INDENT,
                    rc_text(cli->arena, "%.*s: %.*s (since %.*s looked at %llu time%s; over %.*s)",
                            RC_SV_ARG(cli_text(one, "step")), RC_SV_ARG(cli_text(one, "holds")),
                            RC_SV_ARG(screen_ago(&cli->screen, cli->arena, cli_text(one, "since"))),
                            (unsigned long long)looked, looked == 1 ? "" : "s",
                            RC_SV_ARG(screen_ago(&cli->screen, cli->arena, cli_text(one, "until")))));
    }
}

/* The signals that it goes on with, and the commands whose end it waits for. */
static void put_waits(struct cli *cli, const struct cel_value *body)
{
    struct cel_value signals = cli_member(body, "waits_for"), behind = cli_member(body, "waits_behind");
    for (uint32_t i = 0; signals.kind == CEL_LIST && i < signals.n && i < SHOWN_DONE; i++) {
        const struct cel_value *one = &signals.v.items[i];
        screen_item(&cli->screen, i ? "" : "Waits for", INDENT,
                    rc_text(cli->arena, "signal %.*s with the id '%.*s' (%.*s)",
                            RC_SV_ARG(cli_text(one, "signal")), RC_SV_ARG(cli_text(one, "id")),
                            RC_SV_ARG(cli_text(one, "step"))));
    }
    if (signals.kind == CEL_LIST && signals.n > SHOWN_DONE)
        screen_item(&cli->screen, "", INDENT, rc_text(cli->arena, "and %u more", signals.n - SHOWN_DONE));
    for (uint32_t i = 0; behind.kind == CEL_LIST && i < behind.n; i++)
        screen_item(&cli->screen, i ? "" : "Waits behind", INDENT, cel_text(behind.v.items[i]));
}

/* What to type for an action; the hints are what it needs beside the id. */
static const struct {
    const char *action, *command, *hint;
    bool asked;
} spelling[] = {
    {"retry", "retry", ""},
    {"check", "check", ""},
    {"cancel", "cancel", ""},
    {"roll_back", "rollback", ""},
    {"resolve", "resolve", " --accept --reason …"},
    {"skip", "skip", ""},
    {"edit", "edit", " --payload …"},
    {"move", "move", ""},
    {"approve", "approve", "", true},
    {"deny", "deny", "", true},
    {"answer", "answer", " ANSWER", true},
};

static void put_actions(struct cli *cli, const struct cel_value *body)
{
    struct screen *screen = &cli->screen;
    struct cel_value actions = cli_member(body, "actions");
    struct rc_sv id = cli_text(body, "id");
    bool any = false;
    for (int pass = 1; pass >= 0; pass--) {
        bool titled = false;
        for (unsigned i = 0; i < sizeof spelling / sizeof *spelling; i++) {
            struct cel_value one = cli_member(&actions, spelling[i].action);
            if (one.kind != CEL_MAP || cli_bool(&one, "allowed") != (pass == 1)) continue;
            if (!pass && spelling[i].asked) continue; /* most commands ask nobody */
            if (!titled) {
                screen_tint(screen, TINT_BOLD);
                fputs(pass  ? "\nYou can\n"
                      : any ? "\nNot possible now\n"
                            : "\nThere is nothing to do\n",
                      screen->out);
                screen_tint(screen, TINT_NONE);
            }
            titled = true;
            if (pass) {
                any = true;
                const char *hint = cli_bool(&one, "settles_a_step")
                                       ? " --happened|--did-not-happen|--accept --reason …"
                                       : spelling[i].hint;
                screen_line(screen, "  recourse %s %.*s%s", spelling[i].command, RC_SV_ARG(id), hint);
                fprintf(screen->out, "%*s", INDENT, "");
                screen_wrap(screen, INDENT, INDENT, cli_text(&one, "text"));
            } else {
                screen_item(screen, spelling[i].command, INDENT, cli_text(&one, "why_not"));
            }
        }
    }
}

int cli_run_explain(struct cli *cli, const struct cli_args *args)
{
    struct cli_reply reply;
    struct rc_sv id = rc_client_escape(cli->arena, rc_sv_of(args->operand[0]));
    int fault = cli_get(cli, &reply, "/v1/commands/%.*s/explain", RC_SV_ARG(id));
    if (fault != CLI_OK) return fault;
    const struct cel_value *body = &reply.answer.body;
    struct cel_value what = cli_member(body, "what");
    if (cli->json) {
        cli_put_raw(cli, &reply);
    } else if (cli->quiet) {
        screen_sv(&cli->screen, cli_text(&what, "text"));
        fputc('\n', cli->screen.out);
    } else {
        cli_put_head(cli, body);
        fputc('\n', cli->screen.out);
        put_what(cli, body);
        put_answers(cli, body);
        put_confirms(cli, body);
        put_waits(cli, body);
        cli_put_asks(cli, body);
        put_children(cli, body);
        put_below(cli, body);
        put_actions(cli, body);
    }
    return CLI_OK;
}
