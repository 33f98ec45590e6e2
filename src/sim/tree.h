#pragma once
/* Where the instances of a command stand, as flow.h numbers them; written for the proof, beside the core's own (private to sim/). */
#include "core/change.h"

static inline const struct flow_step *sim_step(const struct rc_command *c, uint32_t at)
{
    return rc_node_step(c, at);
}
static inline bool sim_is_call(const struct rc_command *c, uint32_t at)
{
    return sim_step(c, at)->kind == FLOW_CALL;
}
static inline bool sim_is_leaf(const struct rc_command *c, uint32_t at)
{
    return !flow_is_block(sim_step(c, at)->kind);
}
/* Whether a step of the core, which began with change `begin` of a record, ends before change k: each says last what state follows, and
 * names each node once, in their order, before what is of the whole command (core/draft.c). */
bool check_step_ends(const struct rc_record *, uint32_t begin, uint32_t k);
/* The number behind the last instance of a subtree. */
static inline uint32_t sim_behind(const struct rc_command *c, uint32_t at)
{
    return at + flow_instances(sim_step(c, at));
}
static inline bool sim_is_within(const struct rc_command *c, uint32_t at, uint32_t block)
{
    return at >= block && at < sim_behind(c, block);
}
/* Children of a block, of all copies, in order. */
#define SIM_EACH_CHILD(c, block, child)                                                                      \
    for (uint32_t child = (block) + 1; (child) < sim_behind(c, block); (child) = sim_behind(c, child))
/* The child of `block` that `at`, which stands in it, is or stands in. */
static inline uint32_t sim_child_with(const struct rc_command *c, uint32_t block, uint32_t at)
{
    while (c->node[at].parent != block) at = c->node[at].parent;
    return at;
}
/* The innermost block that both stand in. */
static inline uint32_t sim_common(const struct rc_command *c, uint32_t a, uint32_t b)
{
    uint32_t block = c->node[a].parent;
    while (!sim_is_within(c, b, block)) block = c->node[block].parent;
    return block;
}
/* The sibling that a need names. */
static inline uint32_t sim_need(const struct rc_command *c, uint32_t at, uint16_t number)
{
    return at - sim_step(c, at)->place + c->flow->steps[sim_step(c, at)->needs[number]].place;
}
/* Branches of a joined block: children, or items. */
static inline uint32_t sim_branches(const struct rc_command *c, uint32_t block)
{
    uint32_t n = 0;
    if (sim_step(c, block)->kind == FLOW_EACH)
        return c->data[block].outputs.kind == CEL_LIST ? c->data[block].outputs.n : 0;
    SIM_EACH_CHILD(c, block, child) n++;
    return n;
}
/* What happened in it and has to be undone where it is taken back. */
static inline bool sim_stands(const struct rc_command *c, uint32_t at)
{
    return sim_is_leaf(c, at) && c->node[at].state == RC_STEP_SUCCEEDED &&
           !flow_nothing_to_undo(&sim_step(c, at)->call);
}
static inline bool sim_has_failed(const struct rc_command *c, uint32_t at)
{
    return c->node[at].state == RC_STEP_FAILED || c->node[at].state == RC_STEP_REJECTED;
}
/* It is unknown, and nobody but a person goes on with it. */
static inline bool sim_is_left_unknown(const struct rc_command *c, uint32_t at)
{
    return c->node[at].state == RC_STEP_UNKNOWN && c->node[at].phase == RC_PHASE_NONE;
}
/* A loop around it is unknown: a person says whether it had begun. */
static inline bool sim_is_in_an_unknown_loop(const struct rc_command *c, uint32_t at)
{
    for (uint32_t block = c->node[at].parent; block; block = c->node[block].parent)
        if (c->node[block].state == RC_STEP_UNKNOWN) return true;
    return false;
}
static inline bool sim_is_undo_side(unsigned step_state)
{
    return step_state == RC_STEP_UNDOING || step_state == RC_STEP_UNDO_UNKNOWN ||
           step_state == RC_STEP_UNDO_FAILED || step_state == RC_STEP_UNDONE;
}
/* It has happened, and may be undone by now. */
static inline bool sim_has_succeeded(const struct rc_command *c, uint32_t at)
{
    return c->node[at].state == RC_STEP_SUCCEEDED ||
           (sim_is_leaf(c, at) && sim_is_undo_side(c->node[at].state));
}
/* An approval that the flow itself left out, so that it holds up nothing. */
static inline bool sim_was_not_wanted(const struct flow_step *step, const struct rc_node *node)
{
    return step->kind == FLOW_APPROVE && node->state == RC_STEP_SKIPPED && node->why == RC_WHY_CONDITION;
}
/* Over for what comes behind it. */
static inline bool sim_is_over(const struct rc_command *c, uint32_t at)
{
    unsigned state = c->node[at].state;
    return sim_has_succeeded(c, at) || state == RC_STEP_SKIPPED || sim_has_failed(c, at) ||
           (sim_is_left_unknown(c, at) && !sim_step(c, at)->critical);
}
