/* Decisions of people who are asked: who may decide, and what a decision leads to. */
#include "core/advance.h"
#include "core/people.h"

#include "base/limits.h"

static bool is_about(const struct rc_command *c, uint32_t at, unsigned action)
{
    enum flow_kind kind = rc_node_step(c, at)->kind;
    return rc_is_asked(c, at) && (kind == FLOW_ESCALATE) == (action == RC_ACTION_ANSWER);
}

const char *rc_why_nobody_is_asked(const struct rc_command *c, enum rc_action action)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (is_about(c, i, action)) return NULL;
    if (rc_state_ended(c->state)) return "it has ended";
    return action == RC_ACTION_ANSWER ? "no question is open" : "no approval is asked for";
}

/* ---- who may -------------------------------------------------------------------------------------------------------- */

static bool same(struct rc_sv a, struct rc_sv b)
{
    return a.n && rc_sv_eq(a, b);
}

/* The authenticated subject and the actor both count: whoever speaks for others is the same person every time. */
static bool same_person(const struct rc_act *act, struct rc_sv subject, struct rc_sv actor)
{
    return same(act->subject, subject) || same(act->subject, actor) || same(act->actor, subject) ||
           same(act->actor, actor);
}

static bool is_on(const struct rc_votes *votes, const struct rc_act *act)
{
    for (uint32_t i = 0; i < votes->n; i++)
        if (same_person(act, votes->vote[i].subject, votes->vote[i].actor)) return true;
    return false;
}

static bool is_wanted(const struct flow_people *people, const struct rc_act *act)
{
    bool named = people->nnames == 0;
    for (uint32_t i = 0; i < people->nnames; i++) named |= same(act->actor, people->names[i]);
    return named;
}

static enum rc_status may_decide(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    const struct rc_command *c = &draft->c;
    const struct flow_people *people = &rc_node_step(c, at)->people;
    struct rc_error *err = draft->err;
    bool has_role = !people->roles || (act->role && people->roles >> (act->role - 1) & 1);
    if (!act->actor.n) return rc_fail(err, RC_REFUSED, "nobody knows who decides: a decision needs a name");
    if (same(act->subject, c->id.subject) && !same(act->actor, c->id.actor))
        return rc_fail(
            err, RC_REFUSED,
            "whoever has started a command does not decide on it: '%.*s' and '%.*s' are both '%.*s' to "
            "the server; who decides needs a token of its own",
            RC_SV_ARG(c->id.actor), RC_SV_ARG(act->actor), RC_SV_ARG(act->subject));
    if (same_person(act, c->id.subject, c->id.actor))
        return rc_fail(err, RC_REFUSED, "whoever has started a command does not decide on it: '%.*s' has",
                       RC_SV_ARG(c->id.actor.n ? c->id.actor : c->id.subject));
    if (is_on(&c->data[0].votes, act))
        return rc_fail(err, RC_REFUSED,
                       "'%.*s' has made this command of an earlier one, and does not decide on it",
                       RC_SV_ARG(act->actor));
    if (is_on(&c->data[at].votes, act))
        return rc_fail(err, RC_REFUSED, "'%.*s' has decided already: one person has one vote",
                       RC_SV_ARG(act->actor));
    if (!has_role) return rc_fail(err, RC_REFUSED, "the flow asks people of another role");
    if (!is_wanted(people, act))
        return rc_fail(err, RC_REFUSED, "'%.*s' is not one of those whom the flow asks",
                       RC_SV_ARG(act->actor));
    if (c->data[at].votes.n >= RC_MAX_VOTES)
        return rc_fail(err, RC_LIMIT, "%d people have decided already", RC_MAX_VOTES);
    return RC_OK;
}

/* What was decided on is what is there: said by the digest, or in a bulk by the revision that its preview has shown. */
static enum rc_status is_what_was_shown(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    if (rc_h128_is_zero(act->digest)) {
        if (act->expected_rev || act->action != RC_ACTION_APPROVE) return RC_OK;
        return rc_fail(draft->err, RC_INVALID, "an approval names the digest of what it releases");
    }
    if (rc_h128_eq(act->digest, draft->c.data[at].request)) return RC_OK;
    return rc_fail(draft->err, RC_STALE, "this is not what was shown any more: look at it again");
}

/* ---- what it leads to ----------------------------------------------------------------------------------------------- */

static bool add_vote(struct rc_draft *draft, uint32_t at, struct rc_vote vote)
{
    struct rc_votes *votes = &draft->c.data[at].votes;
    struct rc_vote *list = RC_NEW_ARRAY(draft->arena, struct rc_vote, votes->n + 1);
    if (!list) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return false;
    }
    if (votes->n) memcpy(list, votes->vote, votes->n * sizeof *list);
    list[votes->n] = vote;
    *votes = (struct rc_votes){votes->n + 1, list};
    return true;
}

static void approved(struct rc_draft *draft, uint32_t at)
{
    struct rc_data *data = &draft->c.data[at];
    const struct rc_votes *votes = &data->votes;
    rc_us asked = data->times.first;
    struct cel_value *names = RC_NEW_ARRAY(draft->arena, struct cel_value, votes->n);
    if (!names) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    for (uint32_t i = 0; i < votes->n; i++) names[i] = cel_string(votes->vote[i].actor);
    struct cel_value by = {.kind = CEL_LIST, .n = votes->n, .v.items = names};
    struct cel_value outputs = rc_draft_map(draft, (const char *const[]){"by"}, &by, 1);
    rc_step_happened(draft, at, outputs, (struct rc_sv){0}, RC_WHY_NONE);
    data->times.first = asked; /* the digest is of it */
}

/* Who and why is the first thing that is asked of it. */
static void denied(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    struct rc_sv text = rc_text(draft->arena, "denied by '%.*s'%s%.*s", RC_SV_ARG(act->actor),
                                act->reason.n ? ": " : "", RC_SV_ARG(act->reason));
    if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, RC_WHY_DENIED}, 0, text);
    rc_ask_end(draft, at, RC_STEP_REJECTED, RC_WHY_DENIED);
}

static enum rc_status answer(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    const struct flow_people *people = &rc_node_step(&draft->c, at)->people;
    bool allowed = false;
    for (uint32_t i = 0; i < people->nanswers; i++) allowed |= rc_sv_eq(act->answer, people->answers[i]);
    if (!allowed)
        return rc_fail(draft->err, RC_INVALID, "'%.*s' is none of the answers that the flow allows",
                       RC_SV_ARG(act->answer));
    struct cel_value values[] = {cel_string(act->answer), cel_string(act->actor)};
    struct cel_value outputs = rc_draft_map(draft, (const char *const[]){"answer", "by"}, values, 2);
    rc_step_happened(draft, at, outputs, (struct rc_sv){0}, RC_WHY_NONE);
    return RC_OK;
}

static enum rc_status find(struct rc_draft *draft, const struct rc_act *act, uint32_t *ret)
{
    const struct rc_command *c = &draft->c;
    uint32_t n = 0;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        bool other = act->step.n
                         ? !rc_is_named(c, i, act->step)
                         : !rc_h128_is_zero(act->digest) && !rc_h128_eq(act->digest, c->data[i].request);
        if (!is_about(c, i, act->action) || other) continue;
        *ret = i;
        n++;
    }
    if (n == 1) return RC_OK;
    if (n > 1) return rc_fail(draft->err, RC_REFUSED, "name the step: %u come into question", n);
    if (act->step.n)
        return rc_fail(draft->err, RC_REFUSED, "nobody is asked at step '%.*s' now", RC_SV_ARG(act->step));
    return rc_fail(draft->err, RC_STALE, "this is not what was shown any more: look at it again");
}

enum rc_status rc_people_decide(struct rc_draft *draft, const struct rc_act *act)
{
    static const uint8_t kind[RC_ACTIONS] = {[RC_ACTION_APPROVE] = RC_VOTE_APPROVED,
                                             [RC_ACTION_DENY] = RC_VOTE_DENIED,
                                             [RC_ACTION_ANSWER] = RC_VOTE_ANSWERED};
    uint32_t at = 0;
    enum rc_status status = find(draft, act, &at);
    if (status == RC_OK) status = is_what_was_shown(draft, at, act);
    if (status == RC_OK) status = may_decide(draft, at, act);
    if (status != RC_OK) return status;
    struct rc_vote vote = {.kind = kind[act->action],
                           .role = act->role,
                           .at = draft->ask->now,
                           .subject = act->subject,
                           .actor = act->actor,
                           .answer = act->answer};
    if (!add_vote(draft, at, vote)) return RC_OK; /* the draft says why */
    if (act->action == RC_ACTION_ANSWER) return answer(draft, at, act);
    if (act->action == RC_ACTION_DENY)
        denied(draft, at, act);
    else if (rc_people_missing(&draft->c, at) == 0)
        approved(draft, at);
    return RC_OK;
}

/* ---- who has made a command of another one ----------------------------------------------------------------------------- */

/* As the subject or the actor of somebody who has started it or changed it. */
static bool is_an_author(const struct rc_command *c, struct rc_sv name)
{
    const struct rc_votes *votes = &c->data[0].votes;
    bool author = !name.n || same(name, c->id.subject) || same(name, c->id.actor);
    for (uint32_t i = 0; i < votes->n; i++)
        author |= same(name, votes->vote[i].subject) || same(name, votes->vote[i].actor);
    return author;
}

enum rc_status rc_people_pass_on(struct rc_draft *draft, const struct rc_act *act, struct rc_identity *next)
{
    const struct rc_votes *before = &draft->c.data[0].votes;
    uint32_t known = is_an_author(&draft->c, act->subject) && is_an_author(&draft->c, act->actor);
    struct rc_vote *list = RC_NEW_ARRAY(draft->arena, struct rc_vote, before->n + 1);
    if (!list) return rc_fail_arena(draft->err, draft->arena);
    if (before->n + !known > RC_MAX_VOTES)
        return rc_fail(draft->err, RC_LIMIT, "more than %d people have changed it", RC_MAX_VOTES);
    if (before->n) memcpy(list, before->vote, before->n * sizeof *list);
    list[before->n] = (struct rc_vote){.kind = RC_VOTE_AUTHOR,
                                       .role = act->role,
                                       .at = draft->ask->now,
                                       .subject = act->subject,
                                       .actor = act->actor};
    next->nauthors = before->n + !known;
    next->authors = list;
    return RC_OK;
}

void rc_people_submit(struct rc_draft *draft)
{
    const struct rc_identity *id = draft->ask->u.submit;
    draft->c.data[0].votes = (struct rc_votes){id->nauthors, id->authors};
}
