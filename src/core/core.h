#pragma once
/* The core: what an aggregate does next. Pure: time, ids and random numbers arrive in the message; results
 * live in the arena.
 *
 * step() reads a state and a message and says what changes and what leaves. apply() is the only thing that
 * changes a state. A step sees its own aggregate only; it reaches another one by a message. A message that is
 * a request (submit, action) may be refused: RC_REFUSED, RC_STALE …, nothing changes. One that is a fact
 * (result, lost, due) never is: a fact that comes too late (its attempt was settled otherwise) gives RC_OK
 * and no change.
 *
 * Other statuses: RC_NOMEM, RC_LIMIT (the arena refused: the caller drops the unit and may try again),
 * RC_BUG. */
#include "core/change.h"
#include "core/gate.h"

RC_MUST enum rc_status rc_command_step(const struct rc_command *, const struct rc_ask *,
                                       const struct flow_set *, struct rc_arena *, struct rc_out *ret_out,
                                       struct rc_error *);

/* Applies one change. A new command (RC_CHANGE_CREATE) needs an empty one with `flow` set; nodes are
 * allocated in the arena, which must live as long as the command; texts and values are copied into
 * it (a CREATE's are borrowed: the arena they live in becomes the command's). RC_BUG where the change does not fit: an edge that spec/states.def does not have, a node that is
 * not there; the command is untouched then. */
RC_MUST enum rc_status rc_command_apply(struct rc_command *, const struct rc_change *, struct rc_arena *,
                                        struct rc_error *);

/* The change that takes back `change`: what is there now. Meaningless for RC_CHANGE_CREATE. Borrows from the command. Inverses are
 * put back, newest first, by rc_command_restore, which checks nothing: for a unit that was refused half-way. */
struct rc_change rc_command_inverse(const struct rc_command *, const struct rc_change *);
void rc_command_restore(struct rc_command *, const struct rc_change *inverse);

/* Which actions are allowed now, and why each other one is not. */
struct rc_allowed {
    bool allowed;
    const char *why_not; /* one sentence, static; NULL where allowed */
};
/* Whether there is a step for which a person may say what happened. */
bool rc_command_can_be_settled(const struct rc_command *);
struct rc_allowed rc_command_allows(const struct rc_command *, enum rc_action);
