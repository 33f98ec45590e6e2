#pragma once
/* The lane aggregate: who of the commands with one concurrency key may be at work. Nothing of it is stored by itself: who holds a place and
 * who waits are rows that follow from the commands (core/command.h: struct rc_place), in the same commit. Memory holds those who have
 * a place, and the first of those who wait. */
#include "core/change.h"

struct rc_lane_entry {
    uint64_t seq;
    rc_us order;    /* of who waits: the lowest comes first */
    uint16_t limit; /* of the version that the command was made with */
    bool yields;    /* of who holds a place: it is being cancelled or rolled back */
};

struct rc_lane {
    uint64_t id;
    uint16_t nholders, nwaiting;
    bool more; /* rows behind the last one that waits here may be in the store */
    struct rc_lane_entry holder[RC_MAX_LANE], waiting[RC_LANE_WINDOW];
};

/* WANT: a place at once (a GRANT message), or what the command wishes where there is none: RC_LANE_FULL, nothing changes; or it waits, and
 * where it is to replace others and `limit` stay, the oldest that is not leaving yet is cancelled (an ACTION message): one for each.
 * LEAVE: whoever waits first gets the place, as far as its own limit lets it. OFFER: the same. YIELD: it is leaving. A lane that nobody is in
 * any more is empty, and may be forgotten. */
RC_MUST enum rc_status rc_lane_step(const struct rc_lane *, const struct rc_ask *, struct rc_arena *,
                                    struct rc_lane *ret_after, struct rc_out *ret_out, struct rc_error *);
/* Puts one that waits in its place among those that memory holds. */
void rc_lane_queue(struct rc_lane *, struct rc_lane_entry);
/* Whether who waits first may have a place. */
bool rc_lane_may_grant(const struct rc_lane *);
/* Whether memory has come to the end of its part of the queue, and the store may have more of it. */
static inline bool rc_lane_is_short(const struct rc_lane *lane)
{
    return lane->more && lane->nwaiting == 0;
}
