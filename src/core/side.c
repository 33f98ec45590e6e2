/* Doing a step, asking what became of it, undoing it and asking again are one mechanism: two sides (the action and its
 * undo), each with two purposes (do, ask). This table is all that differs. */
#include "core/draft.h"

static const struct rc_side act_side = {RC_STEP_ACTIVE,   RC_STEP_UNKNOWN, RC_STEP_SUCCEEDED,
                                        RC_STEP_REJECTED, RC_STEP_FAILED,  false};
static const struct rc_side undo_side = {RC_STEP_UNDOING,     RC_STEP_UNDO_UNKNOWN, RC_STEP_UNDONE,
                                         RC_STEP_UNDO_FAILED, RC_STEP_UNDO_FAILED,  true};

const struct rc_side *rc_node_side(const struct rc_node *node)
{
    switch ((enum rc_step_state)node->state) {
    case RC_STEP_IDLE:
    case RC_STEP_ACTIVE:
    case RC_STEP_UNKNOWN:
    case RC_STEP_SUCCEEDED:
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_SKIPPED: return &act_side;
    case RC_STEP_UNDOING:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_UNDONE: return &undo_side;
    case RC_STEP_STATES: break;
    }
    return &act_side;
}

const struct flow_action *rc_side_action(const struct rc_command *command, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(command, at)->call;
    return rc_node_side(&command->node[at])->undo ? &call->undo : &call->act;
}

enum rc_purpose rc_node_purpose(const struct rc_command *command, uint32_t at)
{
    const struct rc_node *node = &command->node[at];
    const struct rc_side *side = rc_node_side(node);
    if (node->state == side->unknown) return side->undo ? RC_UNDO_CHECK : RC_CHECK;
    if (side->undo) return RC_UNDO;
    return rc_node_step(command, at)->call.require.request && !node->cleared ? RC_REQUIRE : RC_ACT;
}
