#pragma once
/* When too much waits for the engine, measured in time: a short burst is taken in, a queue that stands is not. Private to engine/.
 *
 * A turn costs what every turn costs (the sync of the disk) and something for each unit. Both are learnt: the first from
 * small turns, the second from large ones. So a disk that is slow does not look like overload: what waits is taken by
 * one turn all the same. What waits is too much where its units would take longer than `wait`, or than four small turns,
 * whichever is longer. After it was too much for a tenth of a second without a break, requests are refused while it is, until none
 * had to be refused for a second: a queue that may grow again at once would only swing. The idea of looking at standing
 * queues, not at long ones, is CoDel's (RFC 8289). Pure: it has no clock. One thread, but for what says otherwise. */
#include "base/clock.h"

#include <stdatomic.h>

enum {
    RC_PACE_LEAST = 64,           /* units that may wait in any case */
    RC_PACE_SMALL = 4,            /* units of a small turn, at most */
    RC_PACE_LARGE = 16,           /* and of a large one, at least */
    RC_PACE_STANDING_US = 100000, /* how long it may be too much */
    RC_PACE_CALM_US = 1000000     /* without refusals, before it ends */
};

struct rc_pace {
    rc_us wait;            /* configured; 0: nothing is ever too much */
    uint64_t base_ns;      /* of a small turn; 0: not known yet */
    uint64_t unit_ns;      /* of a unit in a large one; 0: not known yet */
    rc_us too_much_since;  /* 0: it is not */
    rc_us refused_at;      /* the last time that somebody was refused, as far as it has been seen */
    _Atomic uint32_t most; /* that may wait; any thread reads it */
    _Atomic bool refused;  /* any thread sets it */
};

void rc_pace_init(struct rc_pace *, rc_us wait);
/* At the begin of each turn: what the one before was (0 units: nothing), how many requests are taken now, and the time. */
void rc_pace_turn(struct rc_pace *, uint32_t units, rc_us took, uint32_t taken, rc_us now);
