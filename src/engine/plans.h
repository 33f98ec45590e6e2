#pragma once
/* Schedules, as the engine runs them (internal to engine/): schedule.c. */
#include "engine/engine.h"

struct rc_planner {
    const struct flow *flow;
    const struct flow_schedule *of;
    struct rc_schedule row;
    rc_us next;                /* of the wall clock: when to look again */
    rc_us looked;              /* the same: when it was looked at last */
    rc_us again;               /* engine time: not before this, where something is in its way */
    uint32_t waits;            /* seconds that it waits then */
    bool fresh;                /* it has no row yet */
    bool touched;              /* in this turn */
    struct rc_request request; /* of its last run: its arena is the command's, or free again */
};
struct rc_planners {
    struct rc_planner *item;
    uint32_t n;
    const struct flow_set *set; /* which they are of; NULL: they are to be made */
};

/* One message to a schedule. */
RC_MUST enum rc_status rc_schedule_unit(struct rc_engine *, const struct rc_ask *, struct rc_out *,
                                        struct rc_error *);
/* What is due; each schedule once a turn. */
RC_MUST enum rc_status rc_schedules_run(struct rc_engine *, struct rc_error *);
void rc_schedules_end_turn(struct rc_engine *);
rc_us rc_schedules_sleep(const struct rc_engine *); /* UINT64_MAX: nothing will become due */
void rc_schedules_forget(struct rc_engine *);
void rc_request_schedule(struct rc_engine *, struct rc_request *);
