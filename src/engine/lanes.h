#pragma once
/* Lanes in memory: lane.c (internal to engine/). */
#include "base/error.h"
#include "core/change.h"

struct rc_engine;

/* One message to a lane. With RC_LANE_FULL err and engine->holder name who holds a place. */
RC_MUST enum rc_status rc_engine_step_lane(struct rc_engine *, const struct rc_ask *, struct rc_out *,
                                           struct rc_error *);
/* At the beginning of a turn: who may have a place and was not told gets it. */
RC_MUST enum rc_status rc_lanes_offer(struct rc_engine *, struct rc_error *);
/* At start: finds those with a free place for which somebody waits. */
RC_MUST enum rc_status rc_lanes_boot(struct rc_engine *, struct rc_error *);
void rc_lanes_trim(struct rc_engine *); /* between two turns */
void rc_lanes_forget(struct rc_engine *);
