#pragma once
/* The writer's filter of keys, and looking them up (keys.c). */
#include "store/sqlite/db.h"

enum { SQ_SLABS_MAX = 64 }; /* of 8 MiB and 4 million commands each */

struct sq_keys {
    uint64_t *slab[SQ_SLABS_MAX]; /* made when their first command comes */
    uint64_t buckets;             /* behind the highest bucket that has a command */
    uint64_t unread;              /* the buckets below this one are not in the filter yet */
    rc_us read_last;              /* when a piece of them was read last, by the monotonic clock */
    uint64_t at;                  /* the last place that was read of the one below `unread`; 0: none */
};

/* The filter of a store that has commands up to `last`: nothing of the index is read yet. */
void sq_keys_begin(struct sq_keys *, uint64_t last);
/* Reads at most so many rows of the index into the filter, newest buckets first. False: it could not be read, and stays to be asked. */
bool sq_keys_load_some(struct sq_conn *, struct sq_keys *, uint32_t rows);
/* Before the row is written. RC_NOMEM. */
RC_MUST
enum rc_status sq_keys_add(struct sq_keys *, uint64_t hash, uint64_t seq);
/* The buckets of a slab (64 of them) that may have the hash, as bits. */
uint64_t sq_keys_named(const struct sq_keys *, uint64_t slab, uint64_t hash);
void sq_keys_free(struct sq_keys *);

/* The command behind a key and its sq_key_hash; RC_NOT_FOUND. Within one view of the store (sq_read_begin). */
RC_MUST
enum rc_status sq_key_find(struct sq_conn *, uint64_t hash, struct rc_sv ns, struct rc_sv type,
                           struct rc_sv key, struct rc_key_match *ret, struct rc_error *);
