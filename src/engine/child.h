#pragma once
/* Children in the engine: for engine/ alone. */
#include "engine/state.h"

/* A command that a step has started in this turn; it lives until the turn has ended. */
struct rc_born {
    struct rc_request request;
    struct rc_hot *hot; /* NULL: it was there before */
    struct rc_born *next;
};

/* RC_MSG_CHILD_START: makes the child of a step, or finds the one that was made before. */
RC_MUST enum rc_status rc_child_unit(struct rc_engine *, const struct rc_ask *, struct rc_out *,
                                     struct rc_error *);
/* Takes back those that were made since there were `mark` of them: their unit has failed. */
void rc_children_undo(struct rc_engine *, uint32_t mark);
/* They count in their namespace: their unit has come through. */
void rc_children_count(struct rc_engine *, uint32_t mark);
void rc_children_end_turn(struct rc_engine *);
/* The unit `due` has failed. Where it was to start a child, its step is told; else the status as it was. */
RC_MUST enum rc_status rc_child_not_started(struct rc_engine *, const struct rc_ask *due, enum rc_status,
                                            struct rc_error *io_err);
/* Whether it is what a parent wants of a child that it waits for, and so can be asked for later. */
bool rc_child_is_waited_for(struct rc_engine *, const struct rc_ask *);
/* The unit is large: the child is not asked for this, and the parent is told so. */
RC_MUST enum rc_status rc_child_ask_later(struct rc_engine *, const struct rc_ask *, struct rc_out *,
                                          struct rc_error *);
/* A message between a parent and its child, where one of them cannot be read. */
RC_MUST enum rc_status rc_child_unreadable(struct rc_engine *, const struct rc_ask *, struct rc_out *,
                                           struct rc_error *);
