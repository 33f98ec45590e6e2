#pragma once
/* How often somebody may ask: token buckets, one per key, in the form of one time each (the generic cell rate algorithm, ITU-T
 * I.371). A key that has been quiet may ask for a second's worth at once; then `per_second` evenly.
 *
 * The table has a fixed size. Where a key finds its row full of others, it takes the place of the one that has asked least
 * lately: who is forgotten begins anew, so that a crowd of addresses can only make the bound laxer, never stricter. One thread. */
#include "base/clock.h"

enum { API_RATE_SETS = 1024, API_RATE_WAYS = 4 };

struct api_rate {
    struct api_rate_slot {
        uint64_t key, ns; /* ns: when the bucket is full again */
    } slot[API_RATE_SETS][API_RATE_WAYS];
};

/* The key of a name (FNV-1a, by Fowler, Noll and Vo). Names are given by administrators: nobody seeks two with the same key. */
uint64_t api_rate_key(struct rc_sv name);
/* Whether this key may ask now. If not, *ret_wait is how long it must wait. per_second 0: always; at most 1,000,000. */
bool api_rate_take(struct api_rate *, uint64_t key, uint32_t per_second, rc_us now, rc_us *ret_wait);
