/* Where the tree goes after something changed: what may start, which block has ended, what is undone next.
 *
 * Forward, a line does one child after the other; a critical child that fails ends it, another one does not, and neither does one that
 * is left unknown and is not critical. Backward, a roll back first waits until nothing is open or unknown any more, then undoes in
 * reverse structural order (rule 9). A cancelled command only settles what has left. */
#include "core/draft.h"

void rc_step_start(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    node->tries = node->asks = 0;
    node->cleared = 0;
    node->why = RC_WHY_NONE;
    draft->c.data[at].times = (struct rc_times){.keyed = draft->c.data[at].times.keyed};
    rc_step_want(draft, at);
}

/* ---- forward -------------------------------------------------------------------------------------------------------- */

bool rc_step_needs_are_met(const struct rc_command *c, uint32_t at)
{
    const struct flow_step *step = rc_node_step(c, at);
    for (uint16_t i = 0; i < step->nneeds; i++)
        if (c->node[step->needs[i]].state != RC_STEP_SUCCEEDED) return false;
    return true;
}

enum progress { MOVING, PASSED, ENDED };

/* What a child means for the line it stands in; starts it when its turn has come. */
static enum progress line_child(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    bool critical = rc_node_step(c, at)->critical;
    switch ((enum rc_step_state)node->state) {
    case RC_STEP_IDLE:
        if (!rc_step_needs_are_met(c, at) && !node->doubt) {
            rc_step_end(draft, at, RC_STEP_SKIPPED, RC_WHY_NEEDS);
            return PASSED;
        }
        node->state = RC_STEP_ACTIVE;
        if (!node->doubt) {
            rc_step_start(draft, at);
            return MOVING;
        }
        rc_step_start_in_doubt(draft, at);
        return critical || !rc_is_stuck(node) ? MOVING : PASSED;
    case RC_STEP_SUCCEEDED:
    case RC_STEP_SKIPPED: return PASSED;
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED: return critical ? ENDED : PASSED;
    case RC_STEP_UNKNOWN: return critical || !rc_is_stuck(node) ? MOVING : PASSED;
    case RC_STEP_ACTIVE:
        if (node->phase == RC_PHASE_NONE)
            rc_step_start(draft, at); /* to be done again, and its turn has come */
        return MOVING;
    case RC_STEP_UNDOING:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    return MOVING;
}

static void set_block(struct rc_draft *draft, uint32_t at, unsigned state, unsigned why)
{
    draft->c.node[at].state = (uint8_t)state;
    draft->c.node[at].why = (uint8_t)why;
}

static void advance_line(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    set_block(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    flow_node child = flow_first_child(c->flow, c->node[block].node);
    for (; child != FLOW_NONE; child = flow_next_sibling(c->flow, child)) {
        enum progress progress = line_child(draft, child);
        if (progress == MOVING) return;
        if (progress == ENDED) {
            set_block(draft, block, c->node[child].state, c->node[child].why);
            return;
        }
    }
    set_block(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
}

/* ---- backward ------------------------------------------------------------------------------------------------------- */

/* Takes back what waits and has not left; true when every leaf is settled: neither under way nor unknown. What may have been done after
 * the state that was restored is asked for in the order of the line, as far as it can have come. */
static bool settle_leaves(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    bool settled = true;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        struct rc_node *node = &c->node[i];
        if (!rc_is_leaf(c, i)) continue;
        if (node->state == RC_STEP_ACTIVE && node->phase != RC_PHASE_OPEN) rc_step_give_up(draft, i);
        if (node->state == RC_STEP_IDLE && node->doubt && settled) {
            node->state = RC_STEP_ACTIVE;
            rc_step_start_in_doubt(draft, i);
        }
        settled &= node->state != RC_STEP_ACTIVE && node->state != RC_STEP_UNKNOWN;
    }
    return settled;
}

static void start_undo(struct rc_draft *draft, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(&draft->c, at)->call;
    if (!call->undo.present) { /* it happened after the roll back was decided, and cannot be taken back */
        rc_step_end(draft, at, RC_STEP_UNDO_FAILED, RC_WHY_NO_UNDO);
        return;
    }
    draft->c.node[at].state = RC_STEP_UNDOING;
    draft->c.data[at].request = (struct rc_h128){0};
    if (draft->c.node[at].doubt) {
        rc_step_start_in_doubt(draft, at);
        return;
    }
    draft->c.data[at].times.keyed = 0;
    rc_step_start(draft, at);
}

/* Reverse order of a line: the last one that happened first, and the next when it is undone. */
static void undo_line(struct rc_draft *draft, uint32_t block)
{
    const struct rc_command *c = &draft->c;
    flow_node end = rc_node_step(c, block)->end;
    for (uint32_t i = end; i-- > block + 1u;) {
        const struct rc_node *node = &c->node[i];
        if (!rc_is_leaf(c, i)) continue;
        if (node->state == RC_STEP_SUCCEEDED && !flow_nothing_to_undo(&rc_node_step(c, i)->call)) {
            start_undo(draft, i);
            return;
        }
        if (node->state == RC_STEP_UNDOING || node->state == RC_STEP_UNDO_UNKNOWN ||
            node->state == RC_STEP_UNDO_FAILED)
            return;
    }
}

/* ---- entry ---------------------------------------------------------------------------------------------------------- */

static void advance_forward(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    advance_line(draft, 0);
    bool failed = c->node[0].state == RC_STEP_FAILED || c->node[0].state == RC_STEP_REJECTED;
    if (!failed || c->flow->on_failure != FLOW_ROLL_BACK) return;
    c->mode = RC_MODE_ROLL_BACK;
    c->why = c->node[0].why;
}

void rc_advance(struct rc_draft *draft)
{
    if (draft->c.mode == RC_MODE_FORWARD && rc_command_waits_to_begin(&draft->c)) return;
    if (draft->c.mode == RC_MODE_HALT) rc_clock_lift(draft, settle_leaves(draft));
    if (draft->c.mode == RC_MODE_FORWARD) advance_forward(draft);
    if (draft->c.mode == RC_MODE_CANCEL || draft->c.mode == RC_MODE_ROLL_BACK) {
        bool settled = settle_leaves(draft);
        if (settled && draft->c.mode == RC_MODE_ROLL_BACK) undo_line(draft, 0);
    }
}
