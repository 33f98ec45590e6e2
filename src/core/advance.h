#pragma once
/* What the rooms of the forward and backward walk share (private to core/). */
#include "core/draft.h"
#include "core/tree.h"

/* What a child means to the block that it stands in. */
enum rc_progress {
    RC_NOT_BEGUN, /* its turn has not come, or it was not allowed to start */
    RC_MOVING,    /* under way, or a person has to settle it first */
    RC_PASSED,    /* over, and the block goes on */
    RC_ENDED      /* over, and it matters to the block that it did not succeed */
};
/* What a child means to its block as it is. */
enum rc_progress rc_progress_of(const struct rc_command *, uint32_t at);
/* Brings a child as far as it comes now. */
enum rc_progress rc_advance_child(struct rc_draft *, uint32_t at, bool may_start);

void rc_block_set(struct rc_draft *, uint32_t at, unsigned state, unsigned why);
/* The block ends without success; what its `undo` names is taken back first. */
void rc_block_fail(struct rc_draft *, uint32_t at, unsigned state, unsigned why);

void rc_advance_line(struct rc_draft *, uint32_t block);

/* ---- joined.c */
void rc_advance_joined(struct rc_draft *, uint32_t block);
/* Whether the block goes on if this branch of it is done again, and the others stay as they are. */
bool rc_joined_goes_on(const struct rc_command *, uint32_t block, uint32_t branch);

/* ---- decide.c */
void rc_advance_choose(struct rc_draft *, uint32_t block);
void rc_advance_repeat(struct rc_draft *, uint32_t block);
void rc_advance_fallback(struct rc_draft *, uint32_t block);
/* The pause before the next pass is over. */
void rc_repeat_due(struct rc_draft *, uint32_t block);

/* ---- leaf.c */
/* A step begins, or begins anew. */
void rc_leaf_start(struct rc_draft *, uint32_t at);
/* The time to sleep is over. */
void rc_sleep_over(struct rc_draft *, uint32_t at);

/* Counters and times as of a step that has not begun. */
void rc_leaf_at_zero(struct rc_draft *, uint32_t at);
/* What it needs to begin cannot be worked out: a step or a block has failed before anything of it began. */
void rc_cannot_begin(struct rc_draft *, uint32_t at, enum rc_why, const struct rc_error *);
/* The same, where an expression has no value. */
void rc_leaf_cannot(struct rc_draft *, uint32_t at, const struct rc_error *);

/* ---- wait.c */
/* The step waits, and its mailbox is told. */
void rc_wait_start(struct rc_draft *, uint32_t at);
/* The signal is here. */
void rc_wait_signalled(struct rc_draft *, uint32_t at, const struct rc_signal *);
/* The time to wait is over. */
void rc_wait_over(struct rc_draft *, uint32_t at);

/* ---- ask.c */
/* People are asked. */
void rc_ask_start(struct rc_draft *, uint32_t at);
/* The time to decide is over. */
void rc_ask_over(struct rc_draft *, uint32_t at);
/* Nobody is asked any more, and it did not succeed. */
void rc_ask_end(struct rc_draft *, uint32_t at, unsigned state, enum rc_why);

/* ---- confirm.c */
/* The step begins: it is looked at, or asked, for the first time. */
void rc_confirm_start(struct rc_draft *, uint32_t at);
/* It is time to look at the expression. */
void rc_confirm_look(struct rc_draft *, uint32_t at);
/* ---- child.c: the step that starts a command */
void rc_child_start(struct rc_draft *, uint32_t at);
/* Its start is due. */
void rc_child_due(struct rc_draft *, uint32_t at);
/* The unit has become too large to ask the child in it: it is asked in the next one. */
void rc_child_put_off(struct rc_draft *, uint32_t at, const struct rc_act *);
/* It is, for what was put off. */
void rc_child_ask_now(struct rc_draft *, uint32_t at);
/* The server died each time the child was to be asked: it is not, and a person decides. */
void rc_child_set_aside(struct rc_draft *, uint32_t at);
/* It is not wanted any more: the child is cancelled or rolled back, and the step waits until it has ended. */
void rc_child_leave(struct rc_draft *, uint32_t at);
/* The command is not to succeed any more: a child that nobody waits for, and that a person could set to work again, is cancelled; what
 * stands of one of a step that was left out is rolled back with the command. */
void rc_child_close(struct rc_draft *, uint32_t at);
/* The step has succeeded, or the child stands though it has not: it is rolled back. */
void rc_child_undo(struct rc_draft *, uint32_t at);
/* What another life of the store may have done in this command is found out before it is done here: what it may have undone, and where it may
 * have gone on, what comes later. */
void rc_child_doubt(struct rc_draft *, rc_us since, bool later);
void rc_child_retry(struct rc_draft *, uint32_t at);
/* It has ended without success, and another one would do a second time what stands of it. */
bool rc_child_was_left(const struct rc_command *, uint32_t at);
bool rc_child_can_be_retried(const struct rc_command *, uint32_t at);
static inline bool rc_child_is_over(const struct rc_node *node)
{
    return node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
}
/* The same, or a person has left it out: nobody waits for its child. */
static inline bool rc_child_is_left(const struct rc_node *node)
{
    return rc_child_is_over(node) || node->state == RC_STEP_SKIPPED;
}
/* The child has not succeeded, and something of it stands. */
static inline bool rc_child_stands(const struct rc_command *c, uint32_t at)
{
    return rc_child_is_over(&c->node[at]) && c->data[at].child.stands;
}

/* ---- undo.c */
/* Takes back what waits and has not left, in the instances [from, end); true when every step there is settled: neither under way
 * nor unknown. */
bool rc_settle_leaves(struct rc_draft *, uint32_t from, uint32_t end);
/* Undoes what happened in a subtree, as far as it comes now; true where nothing is left to undo. */
bool rc_undo_subtree(struct rc_draft *, uint32_t at);
/* Goes on taking back what the undo of a block names. */
void rc_block_take_back(struct rc_draft *, uint32_t block);
/* Whether anything that can be undone has happened in a subtree, or is being undone. */
bool rc_has_happened(const struct rc_command *, uint32_t at);
/* Whether there is something to take back; whether all of it can be. */
bool rc_has_to_take_back(const struct rc_command *, uint32_t block);
bool rc_can_take_back(const struct rc_command *, uint32_t block);
/* Whether no step that happened is without an undo. */
bool rc_can_be_rolled_back(const struct rc_command *);
/* Whether a step has happened for good; of a child, whether something in it has. */
bool rc_cannot_be_undone(const struct rc_command *, uint32_t at);
/* A block that was taken back, or never decided what to do, begins anew. */
void rc_block_reset(struct rc_draft *, uint32_t block);
/* All of a subtree begins anew, but for what stands outside. */
void rc_reset_subtree(struct rc_draft *, uint32_t at);

/* ---- part.c: a roll back of a part */
/* For each instance whether it is one of the part that is rolled back with `at`. NULL: the arena is full. */
const bool *rc_part_of(const struct rc_command *, uint32_t at, struct rc_arena *);
/* The part that a name means; RC_REFUSED where it cannot be rolled back now. */
RC_MUST enum rc_status rc_part_find(const struct rc_command *, struct rc_sv name, struct rc_arena *,
                                    uint32_t *ret_at, const bool **ret_in, struct rc_error *);
/* Goes on undoing the part; when it is undone and nothing else is under way, the command is halted. */
void rc_part_undo(struct rc_draft *);
/* The part that was undone is to be done anew. */
void rc_part_reset(struct rc_draft *);

/* ---- leave.c: what is left out */
/* An idle node is left out: what another life of the store may have done in it is asked first. */
void rc_leave_out(struct rc_draft *, uint32_t at, enum rc_why);
/* Goes on asking in a block that is left out. */
void rc_left_out_settle(struct rc_draft *, uint32_t block);
/* An idle step in doubt is asked, or the loop around it that has not begun is a person's matter. */
void rc_ask_in_doubt(struct rc_draft *, uint32_t at);
/* Something in a subtree may have been done in another life of the store. */
bool rc_is_in_doubt(const struct rc_command *, uint32_t at);
/* Nobody has to be asked about these instances: they cannot have begun. */
void rc_forget_doubt(struct rc_draft *, uint32_t from, uint32_t end);

/* ---- act_block.c: blocks that people act on */
/* It waits for a person: what it is to do cannot be worked out. */
bool rc_block_is_undecided(const struct rc_command *, uint32_t block);
bool rc_block_can_be_retried(const struct rc_command *, uint32_t block);
bool rc_block_can_be_skipped(const struct rc_command *, uint32_t block);

/* ---- act_resolve.c */
RC_MUST enum rc_status rc_resolve(struct rc_draft *, const struct rc_act *);

/* ---- action.c: what act_retry.c and act_resolve.c share with it */
/* The step that a verdict names, or the only one that it can be about. */
RC_MUST enum rc_status rc_pick_unknown(struct rc_draft *, struct rc_sv step, uint32_t *ret);
/* What waits is dropped; the command ends as it is. */
RC_MUST enum rc_status rc_accept_as_is(struct rc_draft *, enum rc_why);
/* What bars what people write beside a command; NULL: nothing does. */
const char *rc_why_not_write(const struct rc_command *);
bool rc_can_be_retried(const struct rc_command *, uint32_t at);
void rc_retry(struct rc_draft *, uint32_t at);
