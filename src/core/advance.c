/* Where the tree goes after something changed: what may start, which block has ended, what is undone next.
 *
 * Forward, the state of a block is worked out anew from its children, from the root down: each block looks at those that have
 * begun, and starts those whose turn has come. What was decided once stays (which case is taken, which items there are, that a
 * join was reached). Backward, a roll back first waits until nothing is open or unknown any more, then undoes in reverse
 * structural order (rule 9, undo.c). A cancelled command only settles what has left, and brings the undo of a block that it had
 * begun to its end. */
#include "core/advance.h"
#include "core/people.h"

void rc_block_set(struct rc_draft *draft, uint32_t at, unsigned state, unsigned why)
{
    draft->c.node[at].state = (uint8_t)state;
    draft->c.node[at].why = (uint8_t)why;
}

void rc_block_fail(struct rc_draft *draft, uint32_t at, unsigned state, unsigned why)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    const struct flow_block *block = &rc_step_at(c, at)->block;
    if (at) node->phase = RC_PHASE_NONE; /* what the root waits for is its clock */
    if (block->undo == FLOW_UNDO_NONE || !rc_has_to_take_back(c, at)) {
        rc_block_set(draft, at, state, why);
    } else if (!rc_can_take_back(c, at)) { /* nothing of it, then */
        rc_block_set(draft, at, RC_STEP_ACTIVE, RC_WHY_IRREVERSIBLE);
    } else {
        rc_block_set(draft, at, RC_STEP_UNDOING, why);
        node->undo_round = (uint8_t)state;
        rc_block_take_back(draft, at);
    }
}

/* ---- needs ---------------------------------------------------------------------------------------------------------- */

enum needs { MET, MISSING, OPEN };

/* A need that may still be met, or settled by a person, is open; what is not critical and left unknown counts as missing. */
static enum needs need(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    switch ((enum rc_step_state)node->state) {
    case RC_STEP_SUCCEEDED: return MET;
    case RC_STEP_IDLE:
    case RC_STEP_ACTIVE:
    case RC_STEP_UNDOING: return OPEN;
    case RC_STEP_UNKNOWN: return rc_is_stuck(node) && !rc_step_at(c, at)->critical ? MISSING : OPEN;
    case RC_STEP_SKIPPED: /* an approval that the flow itself left out was not wanted */
        return node->why == RC_WHY_CONDITION && rc_step_at(c, at)->kind == FLOW_APPROVE ? MET : MISSING;
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    return MISSING;
}

static enum needs needs_of(const struct rc_command *c, uint32_t at)
{
    const struct flow_step *step = rc_step_at(c, at);
    enum rc_release release = rc_people_release(c, at);
    if (release != RC_RELEASED) return release == RC_RELEASE_OPEN ? OPEN : MISSING;
    enum needs worst = MET;
    for (uint16_t i = 0; i < step->nneeds; i++) {
        enum needs one = need(c, rc_need(c, at, i));
        if (one == OPEN) return OPEN;
        if (one == MISSING && !step->cond) worst = MISSING; /* a condition of its own replaces this one */
    }
    return worst;
}

bool rc_step_needs_are_met(const struct rc_command *c, uint32_t at)
{
    return needs_of(c, at) == MET;
}

/* ---- a node's turn -------------------------------------------------------------------------------------------------- */

/* Its own condition; what a case is chosen by is looked at by its block. Where no other step can have made it come out otherwise in another
 * life of the store, what it leaves out cannot have begun there. */
static enum rc_status looks_at_condition(struct rc_draft *draft, uint32_t at, bool *ret,
                                         struct rc_error *error)
{
    const struct rc_command *c = &draft->c;
    flow_site condition = rc_step_at(c, at)->cond;
    *ret = true;
    if (!condition || rc_step_at(c, c->node[at].parent)->kind == FLOW_CHOOSE) return RC_OK;
    enum rc_status status = rc_site_holds(draft, at, condition, NULL, ret, error);
    bool same = !cel_prog_reads(c->flow->sites[condition].prog, FLOW_ROOT_STEPS);
    if (same && (status != RC_OK || !*ret)) rc_forget_doubt(draft, at, rc_behind(c, at));
    return status;
}

bool rc_step_condition_holds(struct rc_draft *draft, uint32_t at)
{
    struct rc_error error;
    bool holds;
    return looks_at_condition(draft, at, &holds, &error) == RC_OK && holds;
}

/* An idle node whose turn may have come: it begins, or is left out, or goes on waiting. */
static void begin(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    enum needs needs = needs_of(c, at);
    bool holds = true;
    struct rc_error error;
    if (needs == OPEN) return;
    enum rc_status status = needs == MET ? looks_at_condition(draft, at, &holds, &error) : RC_OK;
    bool asked = rc_step_at(c, at)->kind == FLOW_CALL &&
                 c->node[at].doubt; /* whether it was done, whatever its condition says */
    if (needs == MISSING) {
        rc_leave_out(draft, at, RC_WHY_NEEDS);
    } else if (status != RC_OK && !asked) {
        rc_cannot_begin(draft, at, RC_WHY_EXPRESSION, &error);
    } else if (!holds) {
        rc_leave_out(draft, at, RC_WHY_CONDITION);
    } else if (rc_is_leaf(c, at)) {
        rc_leaf_start(draft, at);
    } else {
        rc_block_set(draft, at, RC_STEP_ACTIVE, RC_WHY_NONE);
    }
}

enum rc_progress rc_progress_of(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool critical = rc_step_at(c, at)->critical;
    switch ((enum rc_step_state)node->state) {
    case RC_STEP_IDLE: return RC_NOT_BEGUN;
    case RC_STEP_SUCCEEDED:
    case RC_STEP_SKIPPED: return RC_PASSED;
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED: return critical ? RC_ENDED : RC_PASSED;
    case RC_STEP_UNKNOWN: return critical || !rc_is_stuck(node) ? RC_MOVING : RC_PASSED;
    case RC_STEP_ACTIVE:
    case RC_STEP_UNDOING:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    return RC_MOVING;
}

static void advance_block(struct rc_draft *draft, uint32_t at)
{
    const struct rc_node *node = &draft->c.node[at];
    if (node->state == RC_STEP_SKIPPED || node->state == RC_STEP_UNKNOWN || node->tries) return;
    if (node->state == RC_STEP_UNDOING) {
        rc_block_take_back(draft, at);
        return;
    }
    if (node->asks) {
        rc_left_out_settle(draft, at);
        return;
    }
    switch (rc_step_at(&draft->c, at)->kind) {
    case FLOW_LINEAR: rc_advance_line(draft, at); break;
    case FLOW_PARALLEL:
    case FLOW_EACH: rc_advance_joined(draft, at); break;
    case FLOW_CHOOSE: rc_advance_choose(draft, at); break;
    case FLOW_REPEAT: rc_advance_repeat(draft, at); break;
    case FLOW_FALLBACK: rc_advance_fallback(draft, at); break;
    case FLOW_CALL:
    case FLOW_SLEEP:
    case FLOW_SET:
    case FLOW_WAIT:
    case FLOW_APPROVE:
    case FLOW_CONFIRM:
    case FLOW_ESCALATE:
    case FLOW_CHILD: break;
    }
}

/* A person retries it together with what it needs: that comes first again. */
static bool waits_again(const struct rc_command *c, uint32_t at)
{
    for (uint16_t i = 0; i < rc_step_at(c, at)->nneeds; i++)
        if (need(c, rc_need(c, at, i)) == OPEN) return true;
    return false;
}

enum rc_progress rc_advance_child(struct rc_draft *draft, uint32_t at, bool may_start)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    may_start &= !draft->still;
    if (node->state == RC_STEP_IDLE && may_start) begin(draft, at);
    if (!rc_is_leaf(c, at)) {
        bool was = draft->still;
        draft->still |= waits_again(c, at);
        if (node->state != RC_STEP_IDLE) advance_block(draft, at);
        draft->still = was;
    } else if (node->state == RC_STEP_ACTIVE && node->phase == RC_PHASE_NONE) {
        enum rc_release release = rc_people_release(c, at);
        if (!may_start || release == RC_RELEASE_OPEN || waits_again(c, at)) return RC_NOT_BEGUN;
        if (release != RC_RELEASED)
            rc_step_end_unsent(draft, at, RC_STEP_FAILED, RC_WHY_NEEDS);
        else if (needs_of(c, at) == MISSING) /* it was only asked about when nothing new began */
            rc_step_end_unsent(draft, at, RC_STEP_SKIPPED, RC_WHY_NEEDS);
        else
            rc_leaf_start(draft, at); /* to be done again, and its turn has come */
    }
    return rc_progress_of(c, at);
}

/* One child after the other; a critical one that fails ends the line, unless it is to continue. */
void rc_advance_line(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    bool goes_on = rc_step_at(c, block)->block.on_error == FLOW_CONTINUE;
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    RC_EACH_CHILD (c, block, 0, child) {
        enum rc_progress progress = rc_advance_child(draft, child, true);
        if (progress == RC_MOVING || progress == RC_NOT_BEGUN) return;
        if (progress == RC_ENDED && !goes_on) {
            rc_block_fail(draft, block, c->node[child].state, c->node[child].why);
            return;
        }
    }
    rc_block_set(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
}

/* ---- entry ---------------------------------------------------------------------------------------------------------- */

static void advance_forward(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    struct rc_node *root = &c->node[0];
    advance_block(draft, 0);
    bool failed = root->state == RC_STEP_FAILED || root->state == RC_STEP_REJECTED;
    if (!failed || c->flow->on_failure != FLOW_ROLL_BACK) return;
    if (!rc_can_be_rolled_back(c)) {
        root->why = RC_WHY_IRREVERSIBLE;
        return;
    }
    c->mode = RC_MODE_ROLL_BACK;
    c->why = root->why;
}

/* Blocks whose undo had begun when the command was turned round. */
static void finish_taking_back(struct rc_draft *draft)
{
    for (uint32_t i = 0; i < draft->c.nnodes; i++)
        if (draft->c.node[i].state == RC_STEP_UNDOING && !rc_is_leaf(&draft->c, i))
            rc_block_take_back(draft, i);
}

/* Everything is settled. What was still out when the flow turned back by itself may have happened for good: then a person decides. */
static bool has_to_stop(const struct rc_command *c)
{
    if (c->why == RC_WHY_PERSON || rc_can_be_rolled_back(c)) return false;
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_is_leaf(c, i) && rc_node_side(&c->node[i])->undo) return false; /* it has begun */
    return true;
}

static void stop(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    bool late = c->why == RC_WHY_DEADLINE;
    c->mode = late ? RC_MODE_HALT : RC_MODE_FORWARD;
    if (late) return;
    c->why = RC_WHY_NONE;
    c->node[0].why = RC_WHY_IRREVERSIBLE;
}

void rc_advance(struct rc_draft *draft)
{
    if (draft->c.mode == RC_MODE_FORWARD &&
        (rc_command_waits_to_begin(&draft->c) || rc_command_waits_in_lane(&draft->c)))
        return;
    if (draft->c.mode == RC_MODE_HALT) {
        bool settled = rc_settle_leaves(draft, 1, draft->c.nnodes);
        rc_clock_lift(draft, settled && !draft->c.back);
    }
    if (draft->c.mode == RC_MODE_FORWARD) advance_forward(draft);
    if (draft->c.mode == RC_MODE_CANCEL || draft->c.mode == RC_MODE_ROLL_BACK) {
        bool settled = rc_settle_leaves(draft, 1, draft->c.nnodes);
        finish_taking_back(draft);
        if (draft->c.mode == RC_MODE_ROLL_BACK && draft->c.back)
            rc_part_undo(draft);
        else if (settled && draft->c.mode == RC_MODE_ROLL_BACK && has_to_stop(&draft->c))
            stop(draft);
        else if (settled && draft->c.mode == RC_MODE_ROLL_BACK)
            (void)rc_undo_subtree(draft, 0);
    }
}
