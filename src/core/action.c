/* What operators do. An action goes through the same functions as the engine's own decisions; what may be done when stands in allow.c. */
#include "core/advance.h"
#include "core/allow.h"
#include "core/people.h"

/* A definitive rejection that is retried is a new round: another key, another request. */
static void new_round(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    if (node->state == RC_STEP_REJECTED)
        node->round++;
    else if (node->state == RC_STEP_UNDO_FAILED && node->why == RC_WHY_STATUS)
        node->undo_round++;
    else
        return;
    draft->c.data[at].request = (struct rc_h128){0};
    draft->c.data[at].times.keyed = 0;
}

static void restart_block(struct rc_draft *draft, uint32_t at)
{
    draft->c.node[at].tries = 0;
    rc_step_end(draft, at, RC_STEP_IDLE, RC_WHY_NONE);
}

void rc_retry(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    if (!rc_is_leaf(&draft->c, at)) {
        if (rc_block_is_undecided(&draft->c, at))
            node->why = RC_WHY_NONE;
        else if (rc_could_not_begin(&draft->c, at))
            restart_block(draft, at);
        else
            rc_block_reset(draft, at);
        return;
    }
    if (node->state == RC_STEP_FAILED && !rc_has_left(&draft->c, at) && rc_node_step(&draft->c, at)->cond &&
        node->why == RC_WHY_EXPRESSION) {
        rc_step_end(draft, at, RC_STEP_IDLE, RC_WHY_NONE); /* its condition is looked at again */
        return;
    }
    if (node->phase == RC_PHASE_DELAYED) {
        if (rc_node_step(&draft->c, at)->kind == FLOW_CALL)
            rc_step_want(draft, at);
        else
            rc_confirm_look(draft, at);
        return;
    }
    if (rc_node_step(&draft->c, at)->kind == FLOW_CHILD) {
        rc_child_retry(draft, at);
        return;
    }
    if (node->state == RC_STEP_FAILED && draft->c.node[node->parent].state == RC_STEP_IDLE) {
        rc_step_end(draft, at, RC_STEP_IDLE, RC_WHY_NONE); /* it was only asked about: its block decides */
        return;
    }
    new_round(draft, at);
    node->doubt |= node->state == rc_node_side(node)->unknown; /* repeated blindly, as the flow allows */
    node->state = rc_node_side(node)->active;
    node->lost = 0;
    if (rc_node_side(node)->undo)
        rc_step_start(draft, at); /* an action begins when its turn in the line has come */
}

void rc_retry_all(struct rc_draft *draft)
{
    rc_retry_these(draft, 0, draft->c.nnodes);
}

static enum rc_status retry(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    if (rc_command_waits_to_begin(c)) {
        rc_command_start(draft);
        return RC_OK;
    }
    if (c->mode == RC_MODE_HALT) {
        if (c->back) rc_part_reset(draft);
        c->mode = RC_MODE_FORWARD;
        c->why = RC_WHY_NONE;
        if (c->place.lane && c->place.state == RC_PLACE_NONE) { /* it was halted before it began */
            rc_command_start(draft);
            return RC_OK;
        }
    }
    rc_retry_all(draft);
    return RC_OK;
}

/* The step that the action names, or the only one that it can be about. */
static enum rc_status pick(struct rc_draft *draft, struct rc_sv step, enum rc_target target, uint32_t *ret)
{
    const struct rc_command *c = &draft->c;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        if (!rc_is_target(c, i, target) || (step.n && !rc_is_named(c, i, step))) continue;
        *ret = i;
        n++;
    }
    if (n == 1) return RC_OK;
    if (n > 1) return rc_fail(draft->err, RC_REFUSED, "name the step: %u come into question", n);
    if (step.n)
        return rc_fail(draft->err, RC_REFUSED, "step '%.*s' is not one it can be done for now",
                       RC_SV_ARG(step));
    return rc_fail(draft->err, RC_REFUSED, "there is no step that it can be done for now");
}

enum rc_status rc_pick_unknown(struct rc_draft *draft, struct rc_sv step, uint32_t *ret)
{
    return pick(draft, step, RC_RESOLVABLE, ret);
}

static enum rc_status check_now(struct rc_draft *draft, const struct rc_act *act)
{
    uint32_t at = 0;
    enum rc_status status = pick(draft, act->step, RC_CHECKABLE, &at);
    if (status != RC_OK) return status;
    struct rc_node *node = &draft->c.node[at];
    node->asks = 0;
    node->lost = 0;
    if (!draft->c.data[at].times.since) draft->c.data[at].times.since = draft->ask->now;
    rc_step_want(draft, at);
    return RC_OK;
}

static enum rc_status turn_to(struct rc_draft *draft, enum rc_mode mode)
{
    draft->c.mode = (uint8_t)mode;
    draft->c.why = RC_WHY_PERSON;
    draft->c.back = 0;
    return RC_OK;
}

/* Of the whole, or of a part. What another roll back of a part has undone before will be done anew, whatever comes of this one. */
static enum rc_status roll_back(struct rc_draft *draft, const struct rc_act *act)
{
    uint32_t at = 0;
    const bool *in;
    if (!act->step.n) return turn_to(draft, RC_MODE_ROLL_BACK);
    enum rc_status status = rc_part_find(&draft->c, act->step, draft->arena, &at, &in, draft->err);
    if (status != RC_OK) return status;
    if (draft->c.back) rc_part_reset(draft);
    status = turn_to(draft, RC_MODE_ROLL_BACK);
    draft->c.back = at;
    return status;
}

/* What waits is dropped; the command ends as it is. */
enum rc_status rc_accept_as_is(struct rc_draft *draft, enum rc_why why)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (c->node[i].phase != RC_PHASE_NONE) {
            c->node[i].phase = RC_PHASE_NONE;
            c->data[i].times.due = 0;
        }
    c->mode = RC_MODE_ACCEPTED;
    c->why = (uint8_t)why;
    return RC_OK;
}

static enum rc_status skip(struct rc_draft *draft, const struct rc_act *act)
{
    uint32_t at = 0;
    enum rc_status status = pick(draft, act->step, RC_SKIPPABLE, &at);
    if (status != RC_OK) return status;
    if (!rc_is_leaf(&draft->c, at)) draft->c.node[at].tries = 0;
    rc_step_end(draft, at, RC_STEP_SKIPPED, RC_WHY_PERSON);
    return RC_OK;
}

/* The successor is made and this command is settled in the same commit, so that never both run. */
static enum rc_status replace(struct rc_draft *draft, const struct rc_act *act)
{
    struct rc_command *c = &draft->c;
    if (!act->successor) return rc_fail(draft->err, RC_STALE, "the command has moved on: look at it again");
    struct rc_identity *next = rc_copy(draft->arena, act->successor, sizeof *next);
    if (!next) return rc_fail_arena(draft->err, draft->arena);
    bool fits = rc_sv_eq(next->ns, c->id.ns) && rc_sv_eq(next->type, c->id.type) &&
                rc_sv_eq(next->key, c->id.key) && next->original.seq == c->id.seq &&
                next->generation > c->id.generation;
    if (!fits) return rc_fail(draft->err, RC_BUG, "a successor has the type and the key of its original");
    enum rc_status status = rc_people_pass_on(draft, act, next);
    if (status != RC_OK) return status;
    c->successor = (struct rc_link){next->seq, next->nonce};
    rc_draft_message(draft, (struct rc_ask){.kind = RC_MSG_SUBMIT,
                                            .to = {.agg = RC_AGG_COMMAND, .id = next->seq},
                                            .u.submit = next});
    return rc_state_ended(c->state) ? RC_OK : rc_accept_as_is(draft, RC_WHY_REPLACED);
}

static enum rc_status assign(struct rc_draft *draft, const struct rc_act *act)
{
    if (act->owner.n > RC_MAX_ACTOR)
        return rc_fail(draft->err, RC_INVALID, "an owner is at most %d bytes long", RC_MAX_ACTOR);
    draft->c.owner = act->owner;
    return RC_OK;
}

static enum rc_status note(struct rc_draft *draft, const struct rc_act *act)
{
    if (!act->reason.n) return rc_fail(draft->err, RC_INVALID, "a note needs a text");
    draft->c.notes++;
    return RC_OK;
}

enum rc_status rc_command_act(struct rc_draft *draft, const struct rc_act *act)
{
    const struct rc_command *c = &draft->c;
    if (act->action >= RC_ACTIONS) return rc_fail(draft->err, RC_INVALID, "there is no such action");
    if (act->expected_rev && act->expected_rev != c->rev)
        return rc_fail(draft->err, RC_STALE, "the command is at revision %u, not %u: look at it again",
                       c->rev, act->expected_rev);
    struct rc_allowed allowed = rc_command_allows(c, (enum rc_action)act->action);
    bool told =
        draft->ask->from.agg == RC_AGG_LANE; /* to give way: it may, but where it is leaving already */
    if (!allowed.allowed && told) return RC_OK;
    bool part = act->action == RC_ACTION_ROLL_BACK && act->step.n; /* whether that can be, it says itself */
    if (!allowed.allowed && !part) return rc_fail(draft->err, RC_REFUSED, "%s", allowed.why_not);
    switch ((enum rc_action)act->action) {
    case RC_ACTION_RETRY:
        if (act->step.n) return rc_retry_named(draft, act->step);
        return c->state == RC_ROLLED_BACK ? replace(draft, act) : retry(draft);
    case RC_ACTION_CHECK: return check_now(draft, act);
    case RC_ACTION_CANCEL: return turn_to(draft, RC_MODE_CANCEL);
    case RC_ACTION_ROLL_BACK: return roll_back(draft, act);
    case RC_ACTION_RESOLVE: return rc_resolve(draft, act);
    case RC_ACTION_SKIP: return skip(draft, act);
    case RC_ACTION_EDIT: return replace(draft, act);
    case RC_ACTION_ASSIGN: return assign(draft, act);
    case RC_ACTION_NOTE: return note(draft, act);
    case RC_ACTION_DUE: draft->c.due = act->due; return RC_OK;
    case RC_ACTION_APPROVE:
    case RC_ACTION_DENY:
    case RC_ACTION_ANSWER: return rc_people_decide(draft, act);
    case RC_ACTION_MOVE: return rc_command_move(draft, act);
    case RC_ACTIONS: break;
    }
    return RC_BUG;
}
