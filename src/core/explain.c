/* What a person needs to know. Every sentence is a fixed text: what is particular (names, times, answers) is data beside it. */
#include "core/explain.h"

#include "core/advance.h"
#include "core/child.h"

static int rank_of_leaf(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool failed = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
    if (rc_is_stuck(node)) return 5;
    if (node->phase == RC_PHASE_ASKED || rc_child_rests(c, at)) return 3;
    if (failed && !rc_is_closed(c, at)) return rc_node_step(c, at)->critical ? 4 : 2;
    return node->phase != RC_PHASE_NONE;
}

/* Where a block cannot go on by itself, and no step in it is the reason. */
static int rank_of_block(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool waits_for_a_person =
        node->state == RC_STEP_UNKNOWN || (node->state == RC_STEP_ACTIVE && node->why == RC_WHY_EXPRESSION);
    if (waits_for_a_person) return 5;
    if (at && (node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED) && !rc_is_closed(c, at) &&
        (node->tries || node->why == RC_WHY_IMPOSSIBLE))
        return rc_node_step(c, at)->critical ? 3 : 2;
    return at && node->phase != RC_PHASE_NONE;
}

/* The step that the state hangs on: one that is stuck, else one that failed, else one that is under way. */
static uint32_t deciding_node(const struct rc_command *c)
{
    uint32_t best = UINT32_MAX;
    int best_rank = 0;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        int rank = rc_is_leaf(c, i) ? rank_of_leaf(c, i) : rank_of_block(c, i);
        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* By the last attempt that did not succeed; while one is out, nobody knows. */
static enum rc_received received(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    const struct rc_data *data = &c->data[at];
    if (!rc_has_left(c, at)) return node->doubt ? RC_RECEIVED_MAYBE : RC_RECEIVED_NO;
    if (node->phase == RC_PHASE_OPEN) return RC_RECEIVED_MAYBE;
    if (data->status) return RC_RECEIVED_YES;
    bool never_left = data->why == RC_WHY_NOT_SENT || data->why == RC_WHY_ADDRESS ||
                      data->why == RC_WHY_CONFIGURATION || data->why == RC_WHY_RELEASED;
    return never_left && !node->doubt ? RC_RECEIVED_NO : RC_RECEIVED_MAYBE;
}

/* What came to nothing, or was rejected, by time or by a person: there is no other side that refused it. */
static bool nobody_refused(const struct rc_node *node)
{
    return node->why == RC_WHY_UNCONFIRMED || node->why == RC_WHY_DENIED || node->why == RC_WHY_EXPIRED ||
           node->why == RC_WHY_NO_SIGNAL;
}

static void explain_retry(const struct rc_command *c, uint32_t at, struct rc_explanation *ret)
{
    const struct rc_node *node = &c->node[at];
    const struct rc_side *side = rc_node_side(node);
    const struct flow_action *action = rc_side_action(c, at);
    ret->retry_is_safe = true;
    if (node->phase == RC_PHASE_WAITING) {
        ret->retry_is_safe = false;
        ret->retry_reason = "it waits for a signal: there is nothing to try again";
    } else if (rc_child_rests(c, at)) {
        ret->retry_reason = "the command that it has started is retried: only what did not succeed there";
    } else if (node->phase == RC_PHASE_CHILD) {
        ret->retry_is_safe = false;
        ret->retry_reason = "it waits for the command that it has started: there is nothing to try again";
    } else if (node->phase == RC_PHASE_ASKED) {
        ret->retry_is_safe = false;
        ret->retry_reason = "it waits for people: there is nothing to try again";
    } else if (flow_confirms(rc_node_step(c, at))) {
        ret->retry_reason = "it only asks whether something has come true: to ask again changes nothing";
    } else if (node->phase == RC_PHASE_OPEN) {
        ret->retry_is_safe = false;
        ret->retry_reason = "an attempt is in flight; its outcome is not known yet";
    } else if (node->state == side->unknown && action->check.present && node->phase != RC_PHASE_NONE) {
        ret->retry_reason = "it is repeated only if the check finds that it did not happen";
    } else if (node->state == side->unknown && action->repeatable && node->why == RC_WHY_EXPRESSION) {
        ret->retry_is_safe = false;
        ret->retry_reason =
            "it may have happened, and its request cannot be made anew as it was sent: under the same "
            "Idempotency-Key no other one leaves";
    } else if (node->state == side->unknown && action->repeatable && node->why != RC_WHY_KEY_EXPIRED) {
        ret->retry_reason = "the flow declares it repeatable: the same Idempotency-Key goes out again";
    } else if (node->state == side->unknown) {
        ret->retry_is_safe = false;
        ret->retry_reason = "it may have happened: repeating it could do it twice";
    } else if (node->state == RC_STEP_UNDO_FAILED && !action->present) {
        ret->retry_is_safe = false;
        ret->retry_reason = "there is nothing to try: the flow declares no undo for this step";
    } else if (node->doubt && action->repeatable) {
        ret->retry_reason =
            "it may have happened; the flow declares it repeatable: the same Idempotency-Key goes out again";
    } else if (node->doubt) {
        ret->retry_is_safe = false;
        ret->retry_reason = "it may have happened: it is found out before it begins";
    } else if (side->undo) {
        ret->retry_reason = "it is known that the undo did not happen";
    } else if (node->why == RC_WHY_REQUIRE) {
        ret->retry_reason = "nothing was sent: what the step requires did not hold; it is looked at again";
    } else if (node->why == RC_WHY_CHILD) {
        ret->retry_reason =
            rc_state_ended(c->data[at].child.state)
                ? "the command that it has started has ended: another one is started"
                : "the command that it has started is retried: only what did not succeed there";
    } else if (nobody_refused(node)) {
        ret->retry_reason = node->why == RC_WHY_NO_SIGNAL ? "nothing was sent: it waits for its signal anew"
                                                          : "nothing was released: people are asked anew";
    } else if (node->state == RC_STEP_REJECTED) {
        ret->retry_reason =
            "the other side refused it, so it did not happen; the same request will be refused again "
            "unless something has changed there";
    } else {
        ret->retry_reason = "it is known that it did not happen";
    }
}

/* What would be safe and cannot be had is not offered: why not is said instead. */
static void deny_what_is_refused(const struct rc_command *c, struct rc_explanation *ret)
{
    const struct rc_allowed *retry = &ret->allowed[RC_ACTION_RETRY];
    if (!ret->retry_is_safe || (retry->allowed && rc_can_be_retried(c, ret->node))) return;
    ret->retry_is_safe = false;
    if (!retry->allowed)
        ret->retry_reason = retry->why_not;
    else
        ret->retry_reason = "another try of this step could mend nothing: retry tries others";
}

static bool may(const struct rc_command *c, enum rc_action action)
{
    return rc_command_allows(c, action).allowed;
}

/* Of a step that rests: what a person can do about it, and never what is refused. */
static enum rc_next next_by_person(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool again = may(c, RC_ACTION_RETRY), resolves = may(c, RC_ACTION_RESOLVE);
    if (node->why == RC_WHY_CONFIGURATION && again) return RC_NEXT_CONFIGURE;
    if (may(c, RC_ACTION_CHECK)) return RC_NEXT_CHECK;
    if (node->state == RC_STEP_UNDO_FAILED && resolves)
        return again ? RC_NEXT_UNDO_AGAIN : RC_NEXT_UNDO_BY_HAND;
    if (rc_is_stuck(node) && resolves) return RC_NEXT_RESOLVE;
    bool ends = may(c, RC_ACTION_CANCEL);
    bool refused = node->state == RC_STEP_REJECTED && !nobody_refused(node);
    if (again && ends) return refused ? RC_NEXT_CHANGE : RC_NEXT_RETRY;
    if (ends && may(c, RC_ACTION_SKIP)) return RC_NEXT_SKIP;
    return ends && resolves ? RC_NEXT_ACCEPT : RC_NEXT_SETTLES;
}

static enum rc_next next_of_node(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    enum rc_purpose purpose = rc_node_purpose(c, at);
    bool asks = purpose == RC_CHECK || purpose == RC_UNDO_CHECK;
    switch ((enum rc_phase)node->phase) {
    case RC_PHASE_OPEN: return asks ? RC_NEXT_CHECKED : RC_NEXT_ANSWER;
    case RC_PHASE_READY: return rc_node_step(c, at)->call.worker ? RC_NEXT_WORKER : RC_NEXT_PLACE;
    case RC_PHASE_DELAYED:
        if (flow_confirms(rc_node_step(c, at))) return RC_NEXT_CONFIRM;
        if (rc_node_step(c, at)->kind != FLOW_CALL) return RC_NEXT_GOES_ON; /* a sleep, a pause of a repeat */
        return asks ? RC_NEXT_CHECK_AGAIN : RC_NEXT_AGAIN;
    case RC_PHASE_WAITING: return RC_NEXT_SIGNAL;
    case RC_PHASE_ASKED:
        return rc_node_step(c, at)->kind == FLOW_APPROVE ? RC_NEXT_APPROVAL : RC_NEXT_DECISION;
    case RC_PHASE_CHILD: return rc_child_rests(c, at) ? RC_NEXT_CHILD_RESTS : RC_NEXT_CHILD;
    case RC_PHASE_NONE:
    case RC_PHASES: break;
    }
    return next_by_person(c, at);
}

/* What the command's clock has to say, over what its steps say. */
static void stand_by_clock(const struct rc_command *c, struct rc_standing *ret)
{
    if (c->mode == RC_MODE_FORWARD && rc_command_waits_to_begin(c)) {
        ret->next = RC_NEXT_STARTS;
        ret->next_at = c->data[0].times.due;
        return;
    }
    if (c->mode == RC_MODE_FORWARD && rc_command_waits_in_lane(c)) {
        ret->next = RC_NEXT_LANE;
        return;
    }
    bool stuck = ret->node != UINT32_MAX && rc_is_stuck(&c->node[ret->node]);
    if (stuck || c->mode == RC_MODE_FORWARD || c->mode == RC_MODE_ACCEPTED) return;
    if (c->why == RC_WHY_DEADLINE) ret->why = RC_WHY_DEADLINE;
    if (c->mode == RC_MODE_HALT && c->state == RC_REVIEW) {
        ret->next = !may(c, RC_ACTION_RETRY)    ? RC_NEXT_ACCEPT
                    : c->back                   ? RC_NEXT_ANEW
                    : c->why == RC_WHY_DEADLINE ? RC_NEXT_LATE
                                                : RC_NEXT_RETRY;
        ret->why = c->why;
    }
}

static void stand_by_steps(const struct rc_command *c, struct rc_standing *ret)
{
    bool ended = rc_state_ended(c->state);
    *ret = (struct rc_standing){.node = UINT32_MAX, .next = ended ? RC_NEXT_NOTHING : RC_NEXT_GOES_ON};
    if (c->state == RC_COMPLETED) return; /* it hangs on nothing */
    ret->node = deciding_node(c);
    if (ret->node == UINT32_MAX) return;
    const struct rc_node *node = &c->node[ret->node];
    const struct flow_step *step = rc_node_step(c, ret->node);
    ret->why = node->why;
    if (step->kind == FLOW_CALL) ret->dependency = c->flow->dependencies[step->call.dependency];
    if (ended) {
        /* a command that ended without waiting for it can be settled still */
        if (c->state == RC_PARTIAL && rc_is_stuck(node) && may(c, RC_ACTION_RESOLVE))
            ret->next = (uint8_t)next_by_person(c, ret->node);
        return;
    }
    ret->next = (uint8_t)next_of_node(c, ret->node);
    if (node->phase != RC_PHASE_NONE && node->phase != RC_PHASE_READY)
        ret->next_at = c->data[ret->node].times.due;
}

void rc_command_standing(const struct rc_command *c, struct rc_standing *ret)
{
    stand_by_steps(c, ret);
    stand_by_clock(c, ret);
}

void rc_command_explain(const struct rc_command *c, struct rc_explanation *ret)
{
    struct rc_standing standing;
    rc_command_standing(c, &standing);
    *ret = (struct rc_explanation){.node = standing.node,
                                   .retry_reason = "nothing is left to retry",
                                   .next = (enum rc_next)standing.next,
                                   .next_at = standing.next_at};
    for (unsigned i = 0; i < RC_ACTIONS; i++) ret->allowed[i] = rc_command_allows(c, (enum rc_action)i);
    ret->can_be_settled = rc_command_can_be_settled(c);
    bool whole = c->state == RC_ROLLED_BACK && ret->allowed[RC_ACTION_RETRY].allowed;
    if (whole) {
        ret->retry_is_safe = true;
        ret->retry_reason =
            "what had happened was undone: the whole is done again, by a new command with the same key";
    }
    if (rc_command_waits_to_begin(c)) {
        ret->retry_is_safe = true;
        ret->retry_reason = "it has not begun: retry starts it now";
    } else if (rc_command_waits_in_lane(c)) {
        ret->retry_reason = "it has not begun: its turn in its lane has not come";
    } else if (ret->node == UINT32_MAX && ret->allowed[RC_ACTION_RETRY].allowed) {
        ret->retry_is_safe = true;
        ret->retry_reason = c->back ? "what was rolled back is undone: it is done anew, under new keys"
                                    : "nothing is out: it goes on where it was halted, without its deadline";
    }
    if (ret->node == UINT32_MAX) return;
    ret->received = received(c, ret->node);
    if (whole) return;
    if (rc_state_ended(c->state) && !ret->allowed[RC_ACTION_RETRY].allowed) return;
    explain_retry(c, ret->node, ret);
    deny_what_is_refused(c, ret);
}

bool rc_may_be_undone(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    const struct rc_child *child = &c->data[at].child;
    bool under_way = node->phase == RC_PHASE_OPEN || (node->phase == RC_PHASE_CHILD && child->link.seq);
    return rc_is_leaf(c, at) &&
           (node->state == RC_STEP_SUCCEEDED || node->state == RC_STEP_UNKNOWN || under_way || child->stands);
}

enum rc_status rc_command_undo_plan(const struct rc_command *c, struct rc_sv step, struct rc_arena *arena,
                                    struct rc_undo_plan *ret, struct rc_error *err)
{
    struct rc_undo_plan plan = {0};
    struct rc_allowed allowed = rc_command_allows(c, RC_ACTION_ROLL_BACK);
    enum rc_status status = RC_OK;
    if (step.n)
        status = rc_part_find(c, step, arena, &plan.at, &plan.in, err);
    else if (!allowed.allowed)
        status = rc_fail(err, RC_REFUSED, "%s", allowed.why_not);
    if (status != RC_OK) return status;
    plan.node = RC_NEW_ARRAY(arena, uint32_t, c->nnodes);
    if (!plan.node) return rc_fail_arena(err, arena);
    for (uint32_t i = c->nnodes; i-- > 0;) {
        if (plan.in && !plan.in[i]) continue;
        if (rc_may_be_undone(c, i) && rc_node_step(c, i)->call.undo.present) plan.node[plan.n++] = i;
    }
    *ret = plan;
    return RC_OK;
}
