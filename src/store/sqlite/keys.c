/* Which command has a key.
 *
 * The index leads with the bucket (db.h), so that writing it stays cheap for ever; but then a key that nobody has must be
 * asked of every bucket. Therefore the writer keeps a filter in memory that names the few buckets that may have it.
 *
 * The filter is one Bloom filter per bucket (Bloom, 1970), turned on its side: a slab is SLOTS words of 64 bits, one bit
 * for each of 64 buckets, so that the slots of one key, and-ed, answer for 64 buckets at once. With 8 bits a key and four
 * slots a bucket is named in vain once in 30 times. A slab is 4 MiB and serves 4 million commands; beyond SLABS_MAX of
 * them every bucket is asked, which is slow and right. Bits are never taken back: a key that was rolled back costs one
 * look. Readers have no filter and ask every bucket.
 *
 * Rebuilt at every opening by reading the index once (14 bytes a command). */
#include "store/sqlite/keys.h"

#include "base/random.h"

#include <stdlib.h>

enum { SLOT_BITS = 19, PROBES = 4, BUCKETS = 64 };
#define SLOTS (UINT64_C(1) << SLOT_BITS)

/* The slots of a hash. The index keeps 23 bits of it, and these are all that the filter can go by. */
static void slots_of(uint64_t hash, uint64_t ret_slots[PROBES])
{
    uint64_t state = hash, bits = rc_mix(&state);
    for (int i = 0; i < PROBES; i++, bits = rc_mix(&state)) ret_slots[i] = bits >> (64 - SLOT_BITS);
}

enum rc_status sq_keys_add(struct sq_keys *keys, uint64_t hash, uint64_t seq)
{
    uint64_t bucket = seq >> SQ_KEY_BUCKET, slab = bucket / BUCKETS, slots[PROBES];
    if (keys->buckets <= bucket) keys->buckets = bucket + 1;
    if (slab >= SQ_SLABS_MAX) return RC_OK;
    if (!keys->slab[slab]) keys->slab[slab] = calloc(SLOTS, sizeof(uint64_t));
    if (!keys->slab[slab]) return RC_NOMEM;
    slots_of(hash, slots);
    for (int i = 0; i < PROBES; i++) keys->slab[slab][slots[i]] |= UINT64_C(1) << bucket % BUCKETS;
    return RC_OK;
}

uint64_t sq_keys_named(const struct sq_keys *keys, uint64_t slab, uint64_t hash)
{
    if (slab >= SQ_SLABS_MAX) return UINT64_MAX;
    if (!keys->slab[slab]) return 0;
    uint64_t bits = UINT64_MAX, slots[PROBES];
    slots_of(hash, slots);
    for (int i = 0; i < PROBES; i++) bits &= keys->slab[slab][slots[i]];
    return bits;
}

enum rc_status sq_keys_load(struct sq_conn *conn, struct sq_keys *keys, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    struct sq run = sq_start(conn, SQ_KEYS);
    while (status == RC_OK && sq_row(&run)) {
        uint64_t place = sq_get_u64(&run, 0);
        status = sq_keys_add(keys, sq_place_hash(place, SQ_KEY_BUCKET), sq_place_seq(place, SQ_KEY_BUCKET));
    }
    enum rc_status ended = sq_end(&run, "cannot read the keys", err);
    return status == RC_OK ? ended : rc_fail(err, status, "out of memory");
}

void sq_keys_free(struct sq_keys *keys)
{
    for (int i = 0; i < SQ_SLABS_MAX; i++) free(keys->slab[i]);
    *keys = (struct sq_keys){0};
}

/* ---- looking up --------------------------------------------------------------------------------------------------- */

struct wanted {
    uint64_t ns, type, hash;
    struct rc_sv key;
    struct rc_h128 purged; /* what would be left of it */
    bool found;
    struct rc_key_match match;
};

/* Holds the rows that share the hash within one bucket against the whole key. */
static enum rc_status ask_bucket(struct sq_conn *conn, uint64_t bucket, struct wanted *wanted,
                                 struct rc_error *err)
{
    uint64_t first = bucket << SQ_KEY_BUCKET, last = first | ((UINT64_C(1) << SQ_KEY_BUCKET) - 1);
    struct sq run = sq_start(conn, SQ_KEY_RANGE);
    sq_u64(&run, sq_place(wanted->hash, first, SQ_KEY_BUCKET));
    sq_u64(&run, sq_place(wanted->hash, last, SQ_KEY_BUCKET));
    while (!wanted->found && sq_row(&run)) {
        wanted->found = sq_get_u64(&run, 1) == wanted->ns && sq_get_u64(&run, 2) == wanted->type &&
                        rc_sv_eq(sq_get_sv(&run, 3), wanted->key);
        bool purged = sq_get_sv(&run, 6).n && rc_h128_eq(sq_h128(sq_get_sv(&run, 6)), wanted->purged);
        if (wanted->found)
            wanted->match = (struct rc_key_match){.seq = sq_get_u64(&run, 0),
                                                  .nonce = sq_get_u64(&run, 4),
                                                  .payload_hash = sq_h128(sq_get_sv(&run, 5))};
        else if (purged)
            wanted->match = (struct rc_key_match){
                .seq = sq_get_u64(&run, 0), .nonce = sq_get_u64(&run, 7), .purged = true};
        wanted->found |= purged;
    }
    return sq_end(&run, "cannot look up a key", err);
}

static enum rc_status count_buckets(struct sq_conn *conn, uint64_t *ret, struct rc_error *err)
{
    struct rc_high high = {0};
    enum rc_status status = conn->keys ? RC_OK : sq_high(conn, &high, err);
    *ret = conn->keys ? conn->keys->buckets : (high.seq >> SQ_KEY_BUCKET) + 1;
    return status;
}

/* Newest buckets first: what is asked for is mostly young. */
static enum rc_status ask_buckets(struct sq_conn *conn, struct wanted *wanted, struct rc_error *err)
{
    uint64_t buckets = 0;
    enum rc_status status = count_buckets(conn, &buckets, err);
    for (uint64_t slab = (buckets + BUCKETS - 1) / BUCKETS; status == RC_OK && slab-- > 0;) {
        uint64_t bits = conn->keys ? sq_keys_named(conn->keys, slab, wanted->hash) : UINT64_MAX;
        while (status == RC_OK && !wanted->found && bits) {
            uint64_t bit = 63 - (uint64_t)__builtin_clzll(bits);
            bits &= ~(UINT64_C(1) << bit);
            if (slab * BUCKETS + bit < buckets) status = ask_bucket(conn, slab * BUCKETS + bit, wanted, err);
        }
        if (wanted->found) break;
    }
    return status;
}

enum rc_status sq_key_find(struct sq_conn *conn, uint64_t hash, struct rc_sv ns, struct rc_sv type,
                           struct rc_sv key, struct rc_key_match *ret, struct rc_error *err)
{
    struct wanted wanted = {.hash = hash, .key = key, .purged = rc_purged_key(ns, type, key)};
    enum rc_status status = sq_name_find(conn, ns, &wanted.ns, err);
    if (status == RC_OK) status = sq_name_find(conn, type, &wanted.type, err);
    if (status == RC_OK) status = ask_buckets(conn, &wanted, err);
    if (status != RC_OK) return status;
    if (!wanted.found) return rc_fail(err, RC_NOT_FOUND, "no command has this key");
    *ret = wanted.match;
    return RC_OK;
}
