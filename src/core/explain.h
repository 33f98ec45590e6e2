#pragma once
/* What a person who looks at a command needs to know, as data. Pure. The words are made from it by
 * codec/view.h. */
#include "core/core.h"

/* What a list says of a command beside its state. A completed command hangs on nothing. */
struct rc_standing {
    uint32_t node;           /* the step that the state hangs on now; UINT32_MAX: none does */
    uint8_t why;             /* enum rc_why: of that step */
    uint8_t next;            /* enum rc_next */
    rc_us next_at;           /* when, where that is known; 0 otherwise */
    struct rc_sv dependency; /* of that step; borrowed from the flow; empty: none */
};
void rc_command_standing(const struct rc_command *, struct rc_standing *ret);

/* A command below another one: its child, or a child of that one, and so on. */
struct rc_below {
    struct rc_link link;
    struct rc_sv type, display;
    uint8_t state; /* enum rc_state */
};

enum rc_received { RC_RECEIVED_NO, RC_RECEIVED_YES, RC_RECEIVED_MAYBE };

struct rc_explanation {
    uint32_t node; /* the step that decides the command's state now; UINT32_MAX: none does */
    enum rc_received
        received;       /* did the outside service receive the last request of that step's current purpose? */
    bool retry_is_safe; /* it can be had, and trying that step again makes no duplicate */
    const char *retry_reason; /* one sentence, static: why it is or is not safe */
    enum rc_next next;        /* what happens next by itself, or what a person has to do */
    rc_us next_at;            /* when, where that is known; 0 otherwise */
    struct rc_sv next_text;   /* the same in other words, by who knows more than the command; empty: none */
    bool can_be_settled; /* resolve: with happened and did_not_happen too, not only with accepted_as_is */
    struct rc_allowed allowed[RC_ACTIONS];
    /* of one that waits in its lane, filled in by who can look there: who holds a place, oldest first; borrowed */
    const struct rc_link *waits_behind;
    uint32_t nwaits_behind;
    /* Of one that waits for what it has started, filled in by who can look there: the line of commands from its child down to the one
     * that waits for a person; empty: none was found. Borrowed. */
    const struct rc_below *below;
    uint32_t nbelow;
};
void rc_command_explain(const struct rc_command *, struct rc_explanation *ret);

/* Whether a roll back comes to a step: its undo runs, or would where it turns out to have happened, if it has one. */
bool rc_may_be_undone(const struct rc_command *, uint32_t at);

/* What a roll back would do now. */
struct rc_undo_plan {
    uint32_t *node; /* whose undo would run, in the order in which they would start */
    uint32_t n;
    uint32_t at;    /* what it is bounded to, with what comes behind that; 0: it is of the whole */
    const bool *in; /* the same: whether an instance is of that part; NULL: the whole */
};
/* Of the part that the name of a step means; empty: of the whole. Everything is in the arena. RC_REFUSED (err says why) where that roll
 * back is not allowed. */
RC_MUST enum rc_status rc_command_undo_plan(const struct rc_command *, struct rc_sv step, struct rc_arena *,
                                            struct rc_undo_plan *ret, struct rc_error *);
