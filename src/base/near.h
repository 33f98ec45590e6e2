#pragma once
/* "Did you mean": the candidate that lies nearest to a mistyped name. Pure. */
#include "base/sv.h"

/* A search. Start with {.wanted = name}, try every candidate, then read `best`. */
struct rc_near {
    struct rc_sv wanted;
    struct rc_sv best; /* p is NULL while no candidate is near enough to be worth a hint; borrowed */
    uint32_t distance; /* of best */
};

/* Optimal string alignment distance (insert, delete, replace, swap of neighbours) in bytes, ASCII case
 * ignored. Texts over 64 bytes are at distance UINT32_MAX from everything. */
uint32_t rc_distance(struct rc_sv, struct rc_sv);
/* Offers one candidate; on a tie the earlier one stays. */
void rc_near_try(struct rc_near *, struct rc_sv candidate);
