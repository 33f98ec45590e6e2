/* Which blocks an action can be about: those that could not decide, those that were taken back, those that were repeated as often as
 * the flow allows. */
#include "core/advance.h"

bool rc_block_is_undecided(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    return node->state == RC_STEP_ACTIVE && node->why == RC_WHY_EXPRESSION;
}

/* Nothing that was done in it would be done a second time. */
static bool can_begin_anew(const struct rc_command *c, uint32_t block)
{
    bool branches = rc_step_at(c, block)->block.undo == FLOW_UNDO_FAILED_BRANCH;
    for (uint32_t i = block + 1; i < rc_behind(c, block); i++) {
        const struct rc_node *node = &c->node[i];
        if (!rc_is_leaf(c, i)) continue;
        if (node->phase != RC_PHASE_NONE || rc_is_stuck(node) || node->doubt) return false;
        bool stays = node->state == RC_STEP_SUCCEEDED && !flow_nothing_to_undo(&rc_node_step(c, i)->call);
        if (node->round == UINT8_MAX || (stays && !branches)) return false;
    }
    return true;
}

bool rc_block_can_be_retried(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (!rc_command_is_forward(c) || rc_is_closed(c, at)) return false;
    if (rc_block_is_undecided(c, at)) return true;
    return node->tries && can_begin_anew(c, at);
}

bool rc_block_can_be_skipped(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (!rc_command_is_forward(c) || rc_is_closed(c, at) || at == 0) return false;
    bool over = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
    return rc_block_is_undecided(c, at) || (over && (node->tries || node->why == RC_WHY_IMPOSSIBLE));
}
