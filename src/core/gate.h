#pragma once
/* The gate aggregate: admission to one dependency. It hands out places; who has one may open an attempt in
 * this very commit. What waits is in the store, not here. Nothing of it is durable yet: places in use are
 * counted anew at start. */
#include "core/change.h"

struct rc_gate {
    uint64_t id;
    uint32_t in_use;
    bool backlog; /* steps wait in the store: a newcomer must queue behind them */
    bool closed;  /* nothing new leaves: the disk is full, or the server is stopping */
    /* the server has no place for newcomers: they queue. Of this moment: the engine says so before each message */
    bool crowded;
};

/* WANT: a place at once (an ADMIT message to the step), or none (it stays ready in the store, backlog is
 * set). OFFER: ADMIT for the oldest one, where a place is free. DONE: a place comes back. BACKLOG and CLOSED: what the
 * engine says of the store and of itself. */
RC_MUST enum rc_status rc_gate_step(const struct rc_gate *, const struct rc_ask *, const struct flow_set *,
                                    struct rc_arena *, struct rc_out *ret_out, struct rc_error *);
void rc_gate_apply(struct rc_gate *, const struct rc_change *);
/* How many places are free now. */
uint32_t rc_gate_free(const struct rc_gate *, const struct flow_set *);
