#pragma once
/* Hash map from a 64-bit key to a pointer. Keys must be spread already or small counters: they are mixed
 * once, without a secret, so that keys an attacker can choose freely must be hashed (SHA-256) by the caller.
 * One thread at a time. */
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

struct rc_map {
    struct rc_map_slot {
        uint64_t key;
        void *value; /* NULL: free slot */
    } * slot;
    size_t cap, n;
};

void rc_map_free(
    struct rc_map *); /* the values are not touched; the map is empty afterwards and may be used again */
void *rc_map_get(const struct rc_map *, uint64_t key); /* NULL where there is none */
/* Sets key to value (not NULL), replacing what was there. RC_NOMEM leaves the map as it was. */
RC_MUST enum rc_status rc_map_put(struct rc_map *, uint64_t key, void *value);
void *rc_map_remove(struct rc_map *, uint64_t key); /* what was there, or NULL */
