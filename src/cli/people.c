/* Who is asked for what: shown before somebody decides, with the digest that the decision is bound to. */
#include "cli/run.h"

#include "base/limits.h"

enum { INDENT = 18 };

static struct rc_sv json_of(struct cli *cli, struct cel_value value)
{
    struct rc_buf text = rc_buf_in(cli->arena, RC_MAX_OUTPUTS);
    cel_put_json(&text, value);
    return text.status == RC_OK ? rc_buf_sv(&text) : RC_SV("(too long to be shown)");
}

static void put_released(struct cli *cli, const struct cel_value *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        struct cel_value with = cli_member(&list->v.items[i], "with");
        struct rc_sv step = cli_text(&list->v.items[i], "step"), hash = cli_text(&list->v.items[i], "hash");
        struct rc_sv what = with.kind != CEL_NULL ? json_of(cli, with)
                            : hash.n              ? rc_text(cli->arena, "with the hash %.*s", RC_SV_ARG(hash))
                                                  : RC_SV("as far as it is known now");
        screen_item(&cli->screen, i ? "" : "  releases", INDENT,
                    rc_text(cli->arena, "%.*s: %.*s", RC_SV_ARG(step), RC_SV_ARG(what)));
    }
}

static void put_votes(struct cli *cli, const struct cel_value *votes)
{
    for (uint32_t i = 0; i < votes->n; i++) {
        const struct cel_value *vote = &votes->v.items[i];
        screen_item(&cli->screen, "", INDENT,
                    rc_text(cli->arena, "%.*s by %.*s", RC_SV_ARG(cli_text(vote, "vote")),
                            RC_SV_ARG(cli_text(vote, "actor"))));
    }
}

static void put_list(struct cli *cli, const char *label, const struct cel_value *one, const char *member)
{
    struct cel_value list = cli_member(one, member);
    struct rc_buf text = rc_buf_in(cli->arena, RC_MAX_OUTPUTS);
    for (uint32_t i = 0; list.kind == CEL_LIST && i < list.n; i++) {
        rc_put_text(&text, i ? ", " : "");
        rc_put(&text, cel_text(list.v.items[i]));
    }
    if (text.n) screen_item(&cli->screen, label, INDENT, rc_buf_sv(&text));
}

void cli_put_asks(struct cli *cli, const struct cel_value *body)
{
    struct cel_value asks = cli_member(body, "asks");
    for (uint32_t i = 0; asks.kind == CEL_LIST && i < asks.n; i++) {
        const struct cel_value *one = &asks.v.items[i];
        struct cel_value released = cli_member(one, "releases"), votes = cli_member(one, "votes");
        struct cel_value evidence = cli_member(one, "evidence");
        bool approval = released.kind == CEL_LIST;
        screen_item(&cli->screen, "Asked", INDENT,
                    rc_text(cli->arena, "%.*s at step %.*s", RC_SV_ARG(cli_text(one, "asks")),
                            RC_SV_ARG(cli_text(one, "step"))));
        if (approval) {
            put_released(cli, &released);
            screen_item(&cli->screen, "  missing", INDENT,
                        rc_text(cli->arena, "%llu of %llu", (unsigned long long)cli_number(one, "missing"),
                                (unsigned long long)cli_number(one, "need")));
        } else {
            screen_item(&cli->screen, "  question", INDENT, cli_text(one, "question"));
            if (evidence.kind != CEL_NULL)
                screen_item(&cli->screen, "  evidence", INDENT, json_of(cli, evidence));
            put_list(cli, "  answers", one, "answers");
        }
        put_list(cli, "  of", one, "of");
        put_list(cli, "  roles", one, "roles");
        if (votes.kind == CEL_LIST) put_votes(cli, &votes);
        screen_item(&cli->screen, "  digest", INDENT, cli_text(one, "digest"));
    }
}

struct rc_sv cli_digest_of(const struct cel_value *body, bool answer, const char *step)
{
    struct cel_value asks = cli_member(body, "asks");
    struct rc_sv found = {0};
    for (uint32_t i = 0; asks.kind == CEL_LIST && i < asks.n; i++) {
        const struct cel_value *one = &asks.v.items[i];
        bool asks_answer = rc_sv_is(cli_text(one, "asks"), "answer");
        if (asks_answer != answer || (step && !rc_sv_is(cli_text(one, "step"), step))) continue;
        if (found.n) return (struct rc_sv){0}; /* the server says that a step has to be named */
        found = cli_text(one, "digest");
    }
    return found;
}
