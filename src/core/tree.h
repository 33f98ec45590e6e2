#pragma once
/* Walking the instances of a command (for core/, and for codec/, which shows them): a block's children stand behind it in one piece, copy after copy, each
 * subtree in one piece (flow.h has the numbering).
 *
 *     RC_EACH_CHILD (c, block, copy, child) … */
#include "core/command.h"

static inline const struct flow_step *rc_step_at(const struct rc_command *c, uint32_t at)
{
    return &c->flow->steps[c->node[at].node];
}
/* The number behind the last instance of a subtree. */
static inline uint32_t rc_behind(const struct rc_command *c, uint32_t at)
{
    return at + flow_instances(rc_step_at(c, at));
}
static inline uint32_t rc_first_child(const struct rc_command *c, uint32_t block, uint32_t copy)
{
    return block + 1 + copy * rc_step_at(c, block)->body;
}
#define RC_EACH_CHILD(c, block, copy, child)                                                                 \
    for (uint32_t child = rc_first_child(c, block, copy),                                                    \
                  child##_end = (child) + rc_step_at(c, block)->body;                                        \
         (child) < child##_end; (child) = rc_behind(c, child))
#define RC_EACH_CHILD_BACK(c, block, copy, child)                                                            \
    for (uint32_t child = rc_last_child(c, block, copy); (child) != UINT32_MAX;                              \
         (child) = rc_child_before(c, block, copy, child))

/* UINT32_MAX where there is none. */
uint32_t rc_last_child(const struct rc_command *, uint32_t block, uint32_t copy);
uint32_t rc_child_before(const struct rc_command *, uint32_t block, uint32_t copy, uint32_t child);

static inline bool rc_is_within(const struct rc_command *c, uint32_t at, uint32_t block)
{
    return at >= block && at < rc_behind(c, block);
}
/* How many branches a joined block has now: the children of a parallel one, the items of an each (0 before its list is known). */
uint32_t rc_branches(const struct rc_command *, uint32_t block);
uint32_t rc_branch(const struct rc_command *, uint32_t block, uint32_t number);
/* How many of them must succeed (joined.c). */
uint32_t rc_needed(const struct rc_command *, uint32_t at);
/* Whether a block around it has failed by now, and gives up what is under way: what would begin in it again is given up at once (joined.c). */
bool rc_is_given_up(const struct rc_command *, uint32_t at);
/* The sibling that a need of `at` names. */
uint32_t rc_need(const struct rc_command *, uint32_t at, uint16_t number);
/* Passes of a repeat that have begun. */
uint32_t rc_passes(const struct rc_command *, uint32_t block);
/* The child that a choose has taken; UINT32_MAX: none yet. */
uint32_t rc_taken(const struct rc_command *, uint32_t block);

/* Whether a step that has not begun can begin still: not where a block around it is over, or has fewer items. */
bool rc_can_begin(const struct rc_command *, uint32_t at);
/* Whether nothing in a block has begun. */
bool rc_has_not_begun(const struct rc_command *, uint32_t block);
/* Whether a block with an `if` has failed before anything of it began: a retry looks at its `if` again. */
bool rc_could_not_begin(const struct rc_command *, uint32_t block);
/* Whether a text names the instance: the step's id, or within loops also its path (rc_node_path). What is
 * put around a step without a name of its own (its fallback, a branch) goes by the name of that step, too. */
bool rc_is_named(const struct rc_command *, uint32_t at, struct rc_sv name);
/* The same of its own names only. */
bool rc_has_name(const struct rc_command *, uint32_t at, struct rc_sv name);

/* Whether nothing that is done with the step would count any more: a fallback stands in for it, its block is taken back or
 * left out, enough of the others had succeeded, or a later pass of its loop has begun. */
bool rc_is_closed(const struct rc_command *, uint32_t at);
/* The same, but for passes: where later ones go with it, an earlier one counts. */
bool rc_is_over(const struct rc_command *, uint32_t at);
/* Whether it, or a block around it, is only settled (a straggler) or only asked (left out). */
bool rc_only_settled(const struct rc_command *, uint32_t at);
/* Whether it, or a block around it, is left out; and why. */
bool rc_only_asked(const struct rc_command *, uint32_t at);
enum rc_why rc_why_left_out(const struct rc_command *, uint32_t at);
