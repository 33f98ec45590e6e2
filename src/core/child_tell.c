/* A command that a step of another one has started (core/child.h): what it is asked, and what it tells. */
#include "core/advance.h"
#include "core/child.h"

#include "base/id.h"

/* What a parent is told: states in which a command goes on by itself are one. */
static uint8_t told_state(const struct rc_command *c)
{
    enum rc_state state = rc_command_derive(c);
    return (uint8_t)(rc_state_rests(state) ? state : RC_RUNNING);
}

bool rc_child_is_asked(const struct rc_draft *draft)
{
    const struct rc_ask *ask = draft->ask;
    uint64_t parent = draft->c.parent.link.seq;
    return ask->kind == RC_MSG_ACTION && parent && ask->from.agg == RC_AGG_COMMAND && ask->from.id == parent;
}

const struct rc_act *rc_child_wish(struct rc_draft *draft, enum rc_status *ret)
{
    const struct rc_act *act = draft->ask->u.act;
    const struct rc_command *c = &draft->c;
    struct rc_allowed may = rc_command_allows(c, (enum rc_action)act->action);
    *ret = RC_OK;
    if (act->action == RC_ACTION_ROLL_BACK && draft->ask->attempt)
        rc_child_doubt(draft, draft->ask->order, false);
    if (may.allowed) return act;
    if (act->action == RC_ACTION_ROLL_BACK && rc_command_allows(c, RC_ACTION_CANCEL).allowed) {
        struct rc_act *other = rc_copy(draft->arena, act, sizeof *act); /* nothing of it has happened */
        if (other) other->action = RC_ACTION_CANCEL;
        if (!other) *ret = rc_fail_arena(draft->err, draft->arena);
        return other;
    }
    if (act->action == RC_ACTION_RETRY && !rc_command_in_flight(c) && draft->ask->purpose != RC_CHILD_MAY) {
        char id[RC_ID_TEXT + 1];
        rc_id_format(rc_id_of(c->id.seq, c->id.nonce), id);
        *ret = rc_fail(draft->err, RC_REFUSED, "%s, which it has started: %s", id, may.why_not);
    }
    return NULL; /* it is on its way there already, or has nothing to do */
}

/* {STEP: outputs} of what has succeeded outside of loops. */
static struct cel_value outputs_of(struct rc_draft *draft)
{
    const struct rc_command *c = &draft->c;
    uint32_t n = 0, bad;
    struct cel_value *pairs = RC_NEW_ARRAY(draft->arena, struct cel_value, 2 * (size_t)c->flow->nsteps);
    if (!pairs) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return cel_null();
    }
    for (uint32_t i = 1; i < c->nnodes; i++) {
        bool loop = false;
        for (uint32_t k = i; k && !loop; k = c->node[k].parent)
            loop = rc_step_at(c, c->node[k].parent)->copies > 1;
        if (loop || !rc_is_leaf(c, i) || c->node[i].state != RC_STEP_SUCCEEDED) continue;
        if (!rc_step_at(c, i)->id.n || c->data[i].outputs.kind != CEL_MAP) continue;
        pairs[2 * n] = cel_string(rc_step_at(c, i)->id);
        pairs[2 * n + 1] = c->data[i].outputs;
        n++;
    }
    if (!cel_map_sort(pairs, n, &bad))
        rc_draft_fail(draft, rc_fail(draft->err, RC_BUG, "two steps have one id"));
    return (struct cel_value){.kind = CEL_MAP, .n = n, .v.items = pairs};
}

/* The words of the first step that has not succeeded. */
static struct rc_sv fault_of(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++) {
        unsigned state = c->node[i].state;
        bool bad = state == RC_STEP_REJECTED || state == RC_STEP_FAILED || rc_is_stuck(&c->node[i]);
        if (rc_is_leaf(c, i) && bad && c->data[i].fault.n) return c->data[i].fault;
    }
    return (struct rc_sv){0};
}

/* Whether a roll back would have something to take back, now or once it is known what happened. */
static enum rc_stands stands(const struct rc_command *c)
{
    if (!rc_can_be_rolled_back(c)) return RC_STANDS_FOR_GOOD;
    if (rc_has_happened(c, 0)) return RC_STANDS;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        const struct rc_node *node = &c->node[i];
        /* another life of the store may have begun it */
        bool in_doubt = node->state == RC_STEP_IDLE && node->doubt;
        if (rc_is_leaf(c, i) && (node->state == RC_STEP_UNKNOWN || node->phase == RC_PHASE_OPEN || in_doubt))
            return RC_STANDS;
    }
    return RC_STANDS_NOTHING;
}

void rc_child_tell(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    const struct rc_ask *ask = draft->ask;
    bool acts = rc_child_is_asked(draft), asked = acts || ask->kind == RC_MSG_CHILD_TELL;
    uint8_t state = c->parent.link.seq ? told_state(c) : 0;
    if (!c->parent.link.seq || (state == c->parent.told && !asked)) return;
    struct rc_child_news *news = RC_NEW(draft->arena, struct rc_child_news);
    if (!news) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    bool back = c->mode == RC_MODE_ROLL_BACK;
    *news = (struct rc_child_news){.child = {c->id.seq, c->id.nonce},
                                   .node = c->parent.node,
                                   .round = c->parent.round,
                                   .state = state,
                                   .stands = (uint8_t)stands(c),
                                   .outputs = cel_null(),
                                   .text = rc_child_succeeded(state) ? (struct rc_sv){0} : fault_of(c)};
    bool wants_back = acts && ask->u.act->action == RC_ACTION_ROLL_BACK;
    news->stays = wants_back && news->stands && !back && rc_state_rests(state);
    if (rc_child_succeeded(state)) news->outputs = outputs_of(draft);
    c->parent.told = state;
    rc_draft_message(draft, (struct rc_ask){.kind = RC_MSG_CHILD,
                                            .to = {.agg = RC_AGG_COMMAND, .id = c->parent.link.seq},
                                            .node = c->parent.node,
                                            .u.news = news});
}
