/* What operators do. An action goes through the same functions as the engine's own decisions; what may be done when stands
 * in the guards, one per action, which both the step and `explain` use. */
#include "core/advance.h"
#include "core/people.h"

#include "base/limits.h"

/* ---- which steps an action is about ---------------------------------------------------------------------------------- */

static bool can_be_retried(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (rc_is_closed(c, at) && !rc_node_side(node)->undo) return false;
    if (rc_node_step(c, at)->kind == FLOW_CHILD && node->state != RC_STEP_UNKNOWN)
        return rc_child_can_be_retried(c, at);
    if (node->phase == RC_PHASE_DELAYED)
        return rc_node_step(c, at)->kind == FLOW_CALL ||
               flow_confirms(rc_node_step(c, at)); /* do not wait; a sleep can be skipped */
    if (node->state == RC_STEP_REJECTED && node->round == UINT8_MAX)
        return false; /* the next key would be the first one again */
    if (node->state == RC_STEP_REJECTED || node->state == RC_STEP_FAILED) return rc_command_is_forward(c);
    if (node->state == RC_STEP_UNDO_FAILED)
        return rc_node_step(c, at)->call.undo.present && node->undo_round < UINT8_MAX;
    bool again = rc_is_stuck(node) && rc_side_action(c, at)->repeatable && node->why != RC_WHY_KEY_EXPIRED;
    return again && (rc_node_side(node)->undo || (rc_command_is_forward(c) && rc_step_needs_are_met(c, at)));
}

static bool can_be_checked(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool unknown = node->state == RC_STEP_UNKNOWN || node->state == RC_STEP_UNDO_UNKNOWN;
    bool idle = node->phase == RC_PHASE_NONE || node->phase == RC_PHASE_DELAYED;
    return unknown && idle && rc_side_action(c, at)->check.present;
}

static bool can_be_resolved(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool open = node->state == RC_STEP_UNKNOWN || node->state == RC_STEP_UNDO_UNKNOWN ||
                node->state == RC_STEP_UNDO_FAILED;
    return open && node->phase != RC_PHASE_OPEN;
}

static bool cannot_be_undone(const struct rc_command *c, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(c, at)->call;
    return c->node[at].state == RC_STEP_SUCCEEDED && !call->undo.present && !flow_nothing_to_undo(call);
}

static bool can_be_undone(const struct rc_command *c, uint32_t at)
{
    return rc_child_stands(c, at) ||
           (c->node[at].state == RC_STEP_SUCCEEDED && rc_node_step(c, at)->call.undo.present);
}

static bool may_have_happened(const struct rc_command *c, uint32_t at)
{
    return (rc_has_left(c, at) || c->node[at].doubt || c->data[at].child.link.seq) &&
           (c->node[at].state == RC_STEP_ACTIVE || c->node[at].state == RC_STEP_UNKNOWN);
}

/* Known not to have happened, and nothing of it is out. */
static bool can_be_skipped(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (rc_is_closed(c, at) || flow_asks(rc_node_step(c, at)->kind)) return false; /* only people decide */
    if (node->phase == RC_PHASE_CHILD) return false; /* that one would go on, and nobody would wait for it */
    bool over = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
    bool waits = node->state == RC_STEP_ACTIVE && node->phase != RC_PHASE_OPEN;
    return rc_command_is_forward(c) && !node->doubt && (over || waits);
}

/* What stands outside, and would be done a second time if the whole were done again. */
static bool stands(const struct rc_command *c, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(c, at)->call;
    bool over =
        c->state == RC_COMPLETED || c->state == RC_PARTIAL; /* what leaves nothing behind is done, too */
    return c->node[at].state == RC_STEP_SUCCEEDED &&
           (over ? !call->act.reads_only : !flow_nothing_to_undo(call));
}

/* Nobody knows whether it stands outside. */
static bool may_stand(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    const struct rc_side *side = rc_node_side(node);
    return node->state == side->unknown || node->doubt || (side->undo && node->state != RC_STEP_UNDONE) ||
           rc_child_stands(c, at);
}

enum target {
    RETRYABLE,
    CHECKABLE,
    RESOLVABLE,
    UNDOABLE,
    NOT_UNDOABLE,
    MAYBE_HAPPENED,
    SKIPPABLE,
    STANDING,
    MAYBE_STANDING
};

static bool block_is(const struct rc_command *c, uint32_t at, enum target target)
{
    switch (target) {
    case RETRYABLE: return rc_block_can_be_retried(c, at);
    case SKIPPABLE: return rc_block_can_be_skipped(c, at);
    case RESOLVABLE:
    case MAYBE_HAPPENED:
    case MAYBE_STANDING: return c->node[at].state == RC_STEP_UNKNOWN;
    case CHECKABLE:
    case UNDOABLE:
    case NOT_UNDOABLE:
    case STANDING: break;
    }
    return false;
}

static bool is(const struct rc_command *c, uint32_t at, enum target target)
{
    if (!rc_is_leaf(c, at)) return block_is(c, at, target);
    switch (target) {
    case RETRYABLE: return can_be_retried(c, at);
    case CHECKABLE: return can_be_checked(c, at);
    case RESOLVABLE: return can_be_resolved(c, at);
    case UNDOABLE: return can_be_undone(c, at);
    case NOT_UNDOABLE: return cannot_be_undone(c, at);
    case MAYBE_HAPPENED: return may_have_happened(c, at);
    case SKIPPABLE: return can_be_skipped(c, at);
    case STANDING: return stands(c, at);
    case MAYBE_STANDING: return may_stand(c, at);
    }
    return false;
}

static bool any(const struct rc_command *c, enum target target)
{
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (is(c, i, target)) return true;
    return false;
}

/* ---- what is allowed ------------------------------------------------------------------------------------------------ */

enum { ROOM_TO_ACT = 16 }; /* records that are kept for a cancel and for accepting it as it is */

static const char full[] = "its history has reached its limit: it can be cancelled, or accepted as it is";
static const char accepted[] = "a person has accepted it as it is";
static const char replaced[] = "a successor has taken its place: act on that one";

/* What bars every action that lets the command go on. */
const char *rc_why_not_go_on(const struct rc_command *c)
{
    if (c->successor.seq) return replaced;
    if (c->mode == RC_MODE_ACCEPTED) return accepted;
    return rc_has_room(c, ROOM_TO_ACT) ? NULL : full;
}

static bool waits_for_a_child(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_CHILD) return true;
    return false;
}

/* Whether another command may take its place: nothing of this one may stand outside, else it would be done twice. NULL
 * where it may. */
static const char *why_not_replace(const struct rc_command *c)
{
    if (c->successor.seq) return replaced;
    if (c->parent.link.seq) return "another command has started it, and waits for it: act on that one";
    if (c->mode == RC_MODE_ACCEPTED) return accepted;
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    if (waits_for_a_child(c)) return "a command that it has started has not ended: cancel it first";
    if (any(c, MAYBE_STANDING)) return "it may have happened: find out first, with check or resolve";
    if (any(c, STANDING)) return "a step has happened: roll it back first, so that it is not done twice";
    return rc_has_room(c, ROOM_TO_ACT) ? NULL : full;
}

static bool waits_for_a_signal(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_WAITING) return true;
    return false;
}

/* NULL where allowed. */
static const char *why_not_retry(const struct rc_command *c)
{
    if (c->state == RC_ROLLED_BACK) return why_not_replace(c); /* the whole, as a new generation */
    if (any(c, RETRYABLE) || rc_command_waits_to_begin(c)) return rc_why_not_go_on(c);
    if (rc_command_waits_in_lane(c))
        return "it waits for its turn: others with the same concurrency key are at work";
    if (rc_state_ended(c->state) && c->state != RC_PARTIAL)
        return "it has ended; submit it again under another key";
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    if (c->state == RC_PENDING || c->state == RC_RUNNING)
        return "it waits for a free place at its dependency already";
    if (rc_first_asked(c)) return "it waits for people: they decide, or cancel it";
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_child_was_left(c, i))
            return "the command that it has started was given up, and something of it stands: roll that one "
                   "back "
                   "first";
    if (waits_for_a_child(c)) return "it waits for a command that it has started, which goes on by itself";
    if (waits_for_a_signal(c)) return "it waits for a signal: send that, or leave out the step with skip";
    if (any(c, CHECKABLE)) return "it may have happened: check it first, or say what happened with resolve";
    if (any(c, RESOLVABLE))
        return "it may have happened and cannot be repeated safely: find out, then use resolve";
    if (c->mode == RC_MODE_HALT) return rc_why_not_go_on(c); /* what has not begun */
    return "no step has failed in a way that another try could mend";
}

static const char *why_not_check(const struct rc_command *c)
{
    if (any(c, CHECKABLE)) return rc_why_not_go_on(c);
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    return any(c, RESOLVABLE) ? "the flow declares no check for the step that is unknown"
                              : "no step is unknown: there is nothing to find out";
}

static const char *why_not_cancel(const struct rc_command *c)
{
    if (rc_state_ended(c->state)) return "it has ended";
    if (c->mode == RC_MODE_CANCEL) return "it is being cancelled already";
    return c->mode == RC_MODE_ROLL_BACK ? "it is being rolled back" : NULL;
}

static const char *why_not_roll_back(const struct rc_command *c)
{
    if (c->mode == RC_MODE_ROLL_BACK && !c->back) return "it is being rolled back already, or was";
    if (any(c, NOT_UNDOABLE)) return "a step that happened declares no undo";
    bool something = any(c, UNDOABLE) || any(c, MAYBE_HAPPENED);
    return something ? rc_why_not_go_on(c) : "nothing has happened that could be undone: cancel it instead";
}

static const char *why_not_resolve(const struct rc_command *c)
{
    bool settles = c->state == RC_PARTIAL && any(c, RESOLVABLE); /* what was left unknown in it */
    if (rc_state_ended(c->state) && !settles) return "it has ended";
    return rc_command_in_flight(c) ? "an attempt is in flight; wait for its outcome" : NULL;
}

static const char *why_not_skip(const struct rc_command *c)
{
    if (c->back) return "a part of it is rolled back: retry it first, so that it is done anew";
    if (any(c, SKIPPABLE)) return rc_why_not_go_on(c);
    if (rc_state_ended(c->state)) return "it has ended";
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    if (any(c, RESOLVABLE)) return "the step may have happened: say with resolve whether it did";
    return "no step is known to have failed";
}

/* What people write beside a command: always, as long as it can be written. */
const char *rc_why_not_write(const struct rc_command *c)
{
    return rc_has_room(c, ROOM_TO_ACT) ? NULL : full;
}

struct rc_allowed rc_command_allows(const struct rc_command *c, enum rc_action action)
{
    const char *why_not = "there is no such action";
    switch (action) {
    case RC_ACTION_RETRY: why_not = why_not_retry(c); break;
    case RC_ACTION_CHECK: why_not = why_not_check(c); break;
    case RC_ACTION_CANCEL: why_not = why_not_cancel(c); break;
    case RC_ACTION_ROLL_BACK: why_not = why_not_roll_back(c); break;
    case RC_ACTION_RESOLVE: why_not = why_not_resolve(c); break;
    case RC_ACTION_SKIP: why_not = why_not_skip(c); break;
    case RC_ACTION_EDIT: why_not = why_not_replace(c); break;
    case RC_ACTION_ASSIGN:
    case RC_ACTION_NOTE:
    case RC_ACTION_DUE: why_not = rc_why_not_write(c); break;
    case RC_ACTION_APPROVE:
    case RC_ACTION_DENY:
    case RC_ACTION_ANSWER:
        why_not = rc_why_nobody_is_asked(c, action);
        if (!why_not) why_not = rc_why_not_go_on(c);
        break;
    case RC_ACTION_MOVE: why_not = rc_why_not_move(c); break;
    case RC_ACTIONS: break;
    }
    return (struct rc_allowed){why_not == NULL, why_not};
}

bool rc_command_can_be_settled(const struct rc_command *c)
{
    return any(c, RESOLVABLE);
}

/* ---- the actions ---------------------------------------------------------------------------------------------------- */

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
    new_round(draft, at);
    node->doubt |= node->state == rc_node_side(node)->unknown; /* repeated blindly, as the flow allows */
    node->state = rc_node_side(node)->active;
    node->lost = 0;
    if (rc_node_side(node)->undo)
        rc_step_start(draft, at); /* an action begins when its turn in the line has come */
}

bool rc_can_be_retried(const struct rc_command *c, uint32_t at)
{
    return is(c, at, RETRYABLE);
}

void rc_retry_all(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->nnodes; i++) n += is(c, i, RETRYABLE);
    draft->several = n > 1;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        if (is(c, i, RETRYABLE))
            rc_retry(draft, i);
        else if (c->mode == RC_MODE_FORWARD)
            rc_begin_what_needs(draft, i, i + 1);
    }
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
static enum rc_status pick(struct rc_draft *draft, struct rc_sv step, enum target target, uint32_t *ret)
{
    const struct rc_command *c = &draft->c;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        if (!is(c, i, target) || (step.n && !rc_is_named(c, i, step))) continue;
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
    return pick(draft, step, RESOLVABLE, ret);
}

static enum rc_status check_now(struct rc_draft *draft, const struct rc_act *act)
{
    uint32_t at = 0;
    enum rc_status status = pick(draft, act->step, CHECKABLE, &at);
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
    enum rc_status status = pick(draft, act->step, SKIPPABLE, &at);
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
    bool told = draft->ask->from.agg == RC_AGG_LANE; /* to give way: where it cannot, it is leaving anyway */
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
