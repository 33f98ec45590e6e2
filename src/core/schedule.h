#pragma once
/* A schedule of a flow: which of its times are dealt with, and what comes next. One aggregate, which submits commands by messages. Pure.
 *
 * Times are the wall clock's. `planned` only grows, so that no clock which goes back starts anything twice; what a clock jumps over, or a
 * server that did not run, was missed, and the schedule says what becomes of it. */
#include "base/limits.h"
#include "core/change.h"

enum { RC_SCHEDULE_FAULT = 160 };

/* As it is stored, one row of fixed size. */
struct rc_schedule {
    char flow[RC_MAX_NAME + 1], id[RC_MAX_NAME + 1]; /* names, terminated */
    rc_us planned;                                   /* times up to this one are dealt with */
    rc_us accepted; /* times behind it up to this one shall run: they came in time, or are caught up */
    bool paused;
    struct rc_link last; /* the command of the last run; seq 0: there was none */
    rc_us last_planned;  /* for which time it was; 0: a person asked for it */
    uint64_t started, missed,
        skipped;   /* runs; missed and not caught up; left out, because the run before had not ended */
    rc_us changed; /* engine time */
    char fault[RC_SCHEDULE_FAULT]; /* why the next run could not be submitted; empty: nothing is wrong */
};

/* What comes next. */
struct rc_plan {
    rc_us run;                /* the time to submit for now; 0: none */
    struct rc_schedule after; /* what the row becomes */
    bool changed;             /* it differs */
    rc_us next;               /* of the wall clock: when to look again; UINT64_MAX: never by itself */
};
/* `busy`: the command of the last run has not ended. Bounded work. */
void rc_schedule_plan(const struct rc_schedule *, const struct flow_schedule *, rc_us wall, bool busy,
                      struct rc_plan *ret);

/* What a message to a schedule says beside its kind. */
struct rc_schedule_ask {
    const struct flow_schedule *of;
    bool busy;
    const struct rc_identity *submit; /* the command to be made; NULL: none */
    struct rc_link command;           /* it, or the one that has the key already; seq 0: none */
    struct rc_sv fault;               /* why none could be made; empty: nothing is wrong */
};
/* RC_MSG_PLAN: it begins, or begins anew, behind now. RC_MSG_OCCUR: what the plan says, with the command for its run; where there is none
 * because of a fault, the run stays to be made. RC_MSG_PAUSE, RC_MSG_RESUME (behind now), RC_MSG_RUN: what a person wants. At most one
 * change, RC_CHANGE_SCHEDULE, and one message. RC_BUG: another message. */
RC_MUST enum rc_status rc_schedule_step(const struct rc_schedule *, const struct rc_ask *, struct rc_arena *,
                                        struct rc_out *ret, struct rc_error *);
/* Whether a schedule that waits now wants `busy` to be known. */
bool rc_schedule_wants_busy(const struct rc_schedule *, const struct flow_schedule *, rc_us wall);
