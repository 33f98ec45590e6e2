/* What operators may do when: the guards, one per action, which both the step and `explain` use. */
#include "core/allow.h"

#include "core/advance.h"
#include "core/child.h"
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

static bool block_is(const struct rc_command *c, uint32_t at, enum rc_target target)
{
    switch (target) {
    case RC_RETRYABLE: return rc_block_can_be_retried(c, at);
    case RC_SKIPPABLE: return rc_block_can_be_skipped(c, at);
    case RC_RESOLVABLE:
    case RC_MAYBE_HAPPENED:
    case RC_MAYBE_STANDING: return c->node[at].state == RC_STEP_UNKNOWN;
    case RC_CHECKABLE:
    case RC_UNDOABLE:
    case RC_NOT_UNDOABLE:
    case RC_STANDING: break;
    }
    return false;
}

bool rc_is_target(const struct rc_command *c, uint32_t at, enum rc_target target)
{
    if (!rc_is_leaf(c, at)) return block_is(c, at, target);
    switch (target) {
    case RC_RETRYABLE: return can_be_retried(c, at);
    case RC_CHECKABLE: return can_be_checked(c, at);
    case RC_RESOLVABLE: return can_be_resolved(c, at);
    case RC_UNDOABLE: return can_be_undone(c, at);
    case RC_NOT_UNDOABLE: return rc_cannot_be_undone(c, at);
    case RC_MAYBE_HAPPENED: return may_have_happened(c, at);
    case RC_SKIPPABLE: return can_be_skipped(c, at);
    case RC_STANDING: return stands(c, at);
    case RC_MAYBE_STANDING: return may_stand(c, at);
    }
    return false;
}

bool rc_any_is(const struct rc_command *c, enum rc_target target)
{
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (rc_is_target(c, i, target)) return true;
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
    if (rc_any_is(c, RC_MAYBE_STANDING)) return "it may have happened: find out first, with check or resolve";
    if (rc_any_is(c, RC_STANDING))
        return "a step has happened: roll it back first, so that it is not done twice";
    return rc_has_room(c, ROOM_TO_ACT) ? NULL : full;
}

static bool waits_for_a_signal(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_WAITING) return true;
    return false;
}

/* What is repeatable is not repeated where nothing of it would count any more. */
static bool is_not_needed(const struct rc_command *c)
{
    bool any = false, all = true;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_is_target(c, i, RC_RESOLVABLE)) continue;
        any = true;
        all &= rc_is_leaf(c, i) && rc_is_closed(c, i) && rc_side_action(c, i)->repeatable;
    }
    return any && all;
}

static bool sleeps(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_DELAYED && rc_node_step(c, i)->kind == FLOW_SLEEP) return true;
    return false;
}

/* NULL where allowed. */
static const char *why_not_retry(const struct rc_command *c)
{
    if (c->state == RC_ROLLED_BACK) return why_not_replace(c); /* the whole, as a new generation */
    if (rc_any_is(c, RC_RETRYABLE) || rc_command_waits_to_begin(c)) return rc_why_not_go_on(c);
    if (rc_command_waits_in_lane(c))
        return "it waits for its turn: others with the same concurrency key are at work";
    if (rc_state_ended(c->state) && c->state != RC_PARTIAL)
        return "it has ended; submit it again under another key";
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    if (c->state == RC_PENDING || c->state == RC_RUNNING) return "it waits for its turn already";
    if (rc_first_asked(c)) return "it waits for people: they decide, or cancel it";
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_child_was_left(c, i))
            return "the command that it has started was given up, and something of it stands: roll that one "
                   "back "
                   "first";
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_child_rests(c, i)) return "it waits for a command that it has started: act on that one";
    if (waits_for_a_child(c)) return "it waits for a command that it has started, which goes on by itself";
    if (waits_for_a_signal(c)) return "it waits for a signal: send that, or leave out the step with skip";
    if (sleeps(c)) return "it sleeps until its time, and goes on by itself: leave out the step with skip";
    if (rc_any_is(c, RC_CHECKABLE))
        return "it may have happened: check it first, or say what happened with resolve";
    if (is_not_needed(c))
        return "it may have happened, and is not needed any more: find out, then use resolve";
    if (rc_any_is(c, RC_RESOLVABLE))
        return "it may have happened and cannot be repeated safely: find out, then use resolve";
    if (c->mode == RC_MODE_HALT) return rc_why_not_go_on(c); /* what has not begun */
    return "no step has failed in a way that another try could mend";
}

static const char *why_not_check(const struct rc_command *c)
{
    if (rc_any_is(c, RC_CHECKABLE)) return rc_why_not_go_on(c);
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    return rc_any_is(c, RC_RESOLVABLE) ? "the flow declares no check for the step that is unknown"
                                       : "no step is unknown: there is nothing to find out";
}

static const char *why_not_cancel(const struct rc_command *c)
{
    if (rc_state_ended(c->state)) return "it has ended";
    if (c->mode == RC_MODE_CANCEL) return "it is being cancelled already";
    return c->mode == RC_MODE_ROLL_BACK && !c->back ? "it is being rolled back" : NULL;
}

static const char *why_not_roll_back(const struct rc_command *c)
{
    if (c->mode == RC_MODE_ROLL_BACK && !c->back) return "it is being rolled back already, or was";
    if (rc_any_is(c, RC_NOT_UNDOABLE)) return "a step that happened declares no undo";
    bool something = rc_any_is(c, RC_UNDOABLE) || rc_any_is(c, RC_MAYBE_HAPPENED);
    return something ? rc_why_not_go_on(c) : "nothing has happened that could be undone: cancel it instead";
}

static const char *why_not_resolve(const struct rc_command *c)
{
    bool settles = c->state == RC_PARTIAL && rc_any_is(c, RC_RESOLVABLE); /* what was left unknown in it */
    if (rc_state_ended(c->state) && !settles) return "it has ended";
    return rc_command_in_flight(c) ? "an attempt is in flight; wait for its outcome" : NULL;
}

/* A step that people decide holds it up: they are asked, or have said no, or too late. */
static bool people_hold_it_up(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++) {
        unsigned state = c->node[i].state;
        bool holds = state == RC_STEP_FAILED || state == RC_STEP_REJECTED || rc_is_asked(c, i);
        if (flow_asks(rc_node_step(c, i)->kind) && holds) return true;
    }
    return false;
}

static const char *why_not_skip(const struct rc_command *c)
{
    if (c->back) return "a part of it is rolled back: retry it first, so that it is done anew";
    if (rc_any_is(c, RC_SKIPPABLE)) return rc_why_not_go_on(c);
    if (rc_state_ended(c->state)) return "it has ended";
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    if (rc_any_is(c, RC_RESOLVABLE)) return "the step may have happened: say with resolve whether it did";
    if (people_hold_it_up(c)) return "what people decide is never left out";
    if (waits_for_a_child(c)) return "it waits for a command that it has started: act on that one";
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
    return rc_any_is(c, RC_RESOLVABLE);
}

bool rc_can_be_retried(const struct rc_command *c, uint32_t at)
{
    return rc_is_target(c, at, RC_RETRYABLE);
}
