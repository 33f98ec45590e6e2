#pragma once
/* What a move to another version of the flow would do to a command. Pure: the same command and the same versions give the same plan. */
#include "core/core.h"

/* What becomes of a step. */
enum rc_move_fate {
    RC_MOVE_KEPT, /* it is done, and stays so */
    RC_MOVE_AGAIN, /* it had begun and is not done, or leaves nothing behind and is worked out otherwise: it runs again */
    RC_MOVE_BEGINS,  /* it has not begun, or the version before did not have it */
    RC_MOVE_ASKED,   /* people had approved, or were asked: they are asked again */
    RC_MOVE_DROPPED, /* the new version has it no more, and nothing of it stands outside */
    RC_MOVE_REFUSED, /* it stands in the way: `why` */
    RC_MOVE_FATES
};

struct rc_move_step {
    /* number of the instance: in the new version, or of what is not there any more in the old one */
    uint32_t at;
    bool gone; /* the latter */
    uint8_t fate;
    const char *why; /* refused: one sentence, static */
};

struct rc_move_plan {
    const struct flow *to;
    /* the instances of the new version, for their names; what they are is not looked at */
    struct rc_command there;
    const uint32_t *was;       /* for each instance the one that it was, or RC_NOWHERE */
    struct rc_move_step *step; /* each leaf once, in the order of the new version, then what is gone */
    uint32_t nsteps, count[RC_MOVE_FATES];
    struct rc_h128 digest; /* of all that the plan says: whoever executes it names it */
};

/* A newer version in force; NULL: there is none. */
const struct flow *rc_move_newer(const struct rc_command *, const struct flow_set *);

/* RC_REFUSED where the command cannot be moved at all, or not to that version (0: the newest one in force), with the reason; RC_NOT_FOUND
 * where there is no such version. A plan with refused steps is a plan: executing it is refused. */
RC_MUST enum rc_status rc_move_make_plan(const struct rc_command *, const struct flow_set *, uint32_t version,
                                         struct rc_arena *, struct rc_move_plan *ret, struct rc_error *);
