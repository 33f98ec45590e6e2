#pragma once
/* The writer's filter of keys, and looking them up (keys.c). */
#include "store/sqlite/db.h"

enum { SQ_SLABS_MAX = 64 }; /* of 4 MiB and 4 million commands each */

struct sq_keys {
    uint64_t *slab[SQ_SLABS_MAX]; /* made when their first command comes */
    uint64_t buckets;             /* behind the highest bucket that has a command */
};

/* Fills the filter from the index. */
RC_MUST
enum rc_status sq_keys_load(struct sq_conn *, struct sq_keys *, struct rc_error *);
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
