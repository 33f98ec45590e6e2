/* What is left out: a step that needs what is not there, a case that was not taken, a branch that is not needed any more.
 *
 * In a store that was restored another life may have done it nevertheless; then it is asked first, and left out when it is known
 * not to have happened. What was found to have happened stays done. A loop that has not begun here has nothing yet to ask about:
 * a person says whether it had begun there. */
#include "core/advance.h"

void rc_forget_doubt(struct rc_draft *draft, uint32_t from, uint32_t end)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = from; i < end; i++) {
        if (!rc_is_leaf(c, i) || c->node[i].state != RC_STEP_IDLE || !c->node[i].doubt) continue;
        c->node[i].doubt = 0;
        c->data[i].times.keyed = 0;
    }
}

bool rc_is_in_doubt(const struct rc_command *c, uint32_t at)
{
    for (uint32_t i = at; i < rc_behind(c, at); i++)
        if (rc_is_leaf(c, i) && c->node[i].state == RC_STEP_IDLE && c->node[i].doubt) return true;
    return false;
}

/* The outermost loop around a step that has not begun; UINT32_MAX: there is none. */
static uint32_t loop_around(const struct rc_command *c, uint32_t at)
{
    uint32_t loop = UINT32_MAX;
    for (uint32_t i = at; i; i = c->node[i].parent) {
        uint32_t parent = c->node[i].parent;
        enum flow_kind kind = rc_step_at(c, parent)->kind;
        if ((kind == FLOW_EACH || kind == FLOW_REPEAT) && c->node[parent].state == RC_STEP_IDLE)
            loop = parent;
    }
    return loop;
}

void rc_ask_in_doubt(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    uint32_t loop = loop_around(c, at);
    if (loop == UINT32_MAX) {
        c->node[at].state = RC_STEP_ACTIVE;
        rc_step_start_in_doubt(draft, at);
        return;
    }
    rc_forget_doubt(draft, loop, rc_behind(c, loop));
    rc_draft_fault(
        draft, loop, (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_RESTORED}, 0,
        RC_SV("it had not begun when the state was left behind: it may have been done after that"));
    rc_block_set(draft, loop, RC_STEP_UNKNOWN, RC_WHY_RESTORED);
}

void rc_leave_out(struct rc_draft *draft, uint32_t at, enum rc_why why)
{
    struct rc_command *c = &draft->c;
    if (!rc_is_in_doubt(c, at)) {
        rc_step_end(draft, at, RC_STEP_SKIPPED, why);
    } else if (rc_step_at(c, at)->kind == FLOW_CHILD) { /* to ask it would be to start it: a person knows */
        c->node[at].state = RC_STEP_ACTIVE;
        rc_step_start_in_doubt(draft, at);
    } else if (rc_is_leaf(c, at)) {
        rc_leaf_start(draft, at);
    } else {
        rc_block_set(draft, at, RC_STEP_ACTIVE, why);
        c->node[at].asks = 1;
        rc_left_out_settle(draft, at);
    }
}

void rc_left_out_settle(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[block];
    if (node->state != RC_STEP_ACTIVE || !rc_settle_leaves(draft, block + 1, rc_behind(c, block))) return;
    node->asks = 0;
    rc_step_end(draft, block, RC_STEP_SKIPPED, (enum rc_why)node->why);
}
