/* Which command has a key.
 *
 * The index leads with the bucket (db.h), so that writing it stays cheap for ever; but then a key that nobody has must be
 * asked of every bucket. Therefore the writer keeps a filter in memory that names the few buckets that may have it.
 *
 * The filter is one Bloom filter per bucket (Bloom, 1970), turned on its side: a slab is SLOTS words of 64 bits, one bit
 * for each of 64 buckets, so that the slots of one key, and-ed, answer for 64 buckets at once. With 16 bits a key and five
 * slots a bucket is named in vain once in 700 times, so that a new key costs no look even among millions. A slab is 8 MiB
 * and serves 4 million commands of the index; beyond SLABS_MAX of them every bucket is asked, which is slow and right. Bits are never
 * taken back: a key that was rolled back costs one look. The slots of a key are in the block of 32 KiB that the first bits of its hash name:
 * the index is in the order of the hash within a bucket, so that it is read into one block after the other, in the processor's cache (Putze,
 * Sanders and Singler, Cache-, Hash- and Space-Efficient Bloom Filters, 2007). Readers have no filter and ask every bucket.
 *
 * Made anew at every opening, but not before the store is used: reading the index (17 bytes a command) would keep whoever waits
 * for a first answer. It is read a piece at a time, behind each commit and while there is nothing to do, and a bucket that has not been read is asked. */
#include "store/sqlite/keys.h"

#include "base/id.h"
#include "base/random.h"
#include "store/sqlite/fresh.h"

#include <stdlib.h>

enum { SLOT_BITS = 20, BLOCK_BITS = 8, PROBES = 5, BUCKETS = 64 };
#define SLOTS (UINT64_C(1) << SLOT_BITS)

static void slots_of(uint64_t hash, uint64_t ret_slots[PROBES])
{
    uint64_t state = hash, bits = rc_mix(&state);
    uint64_t block = hash >> (SQ_HASH_BITS - BLOCK_BITS) << (SLOT_BITS - BLOCK_BITS);
    for (int i = 0; i < PROBES; i++, bits = rc_mix(&state))
        ret_slots[i] = block | bits >> (64 - SLOT_BITS + BLOCK_BITS);
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

/* The buckets of a slab that are not in the filter yet. */
static uint64_t unread_of(const struct sq_keys *keys, uint64_t slab)
{
    uint64_t first = slab * BUCKETS;
    if (keys->unread <= first) return 0;
    return keys->unread - first >= BUCKETS ? UINT64_MAX : (UINT64_C(1) << (keys->unread - first)) - 1;
}

uint64_t sq_keys_named(const struct sq_keys *keys, uint64_t slab, uint64_t hash)
{
    if (slab >= SQ_SLABS_MAX) return UINT64_MAX;
    uint64_t bits = keys->slab[slab] ? UINT64_MAX : 0, slots[PROBES];
    slots_of(hash, slots);
    for (int i = 0; bits && i < PROBES; i++) bits &= keys->slab[slab][slots[i]];
    return bits | unread_of(keys, slab);
}

void sq_keys_begin(struct sq_keys *keys, uint64_t last)
{
    if (last) keys->buckets = keys->unread = (last >> SQ_KEY_BUCKET) + 1;
    keys->at = 0;
}

/* Up to so many rows of the bucket below `unread`: RC_OK also where it is read through. */
static enum rc_status load_rows(struct sq_conn *conn, struct sq_keys *keys, uint32_t rows, uint32_t *ret_n)
{
    uint64_t bucket = keys->unread - 1, seq = bucket << SQ_KEY_BUCKET;
    uint64_t first = sq_place(0, seq, SQ_KEY_BUCKET),
             next = sq_place(0, seq + (UINT64_C(1) << SQ_KEY_BUCKET), SQ_KEY_BUCKET);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    struct sq run = sq_start(conn, SQ_KEYS);
    sq_u64(&run, keys->at ? keys->at : first - 1);
    sq_u64(&run, next - 1);
    sq_u64(&run, rows);
    for (; status == RC_OK && sq_row(&run); n++) {
        uint64_t place = sq_get_u64(&run, 0);
        uint64_t hash = sq_place_hash(place, SQ_KEY_BUCKET) << SQ_MORE_BITS | sq_get_u64(&run, 1);
        status = sq_keys_add(keys, hash, sq_place_seq(place, SQ_KEY_BUCKET));
        if (status == RC_OK) keys->at = place;
    }
    enum rc_status ended = sq_end(&run, "cannot read the keys", NULL);
    *ret_n = n;
    return status == RC_OK ? ended : status;
}

bool sq_keys_load_some(struct sq_conn *conn, struct sq_keys *keys, uint32_t rows)
{
    enum { BUCKET_ROWS = 64 }; /* what an empty bucket costs, in rows */
    uint32_t n = 0;
    while (keys->unread && rows) {
        if (load_rows(conn, keys, rows, &n) != RC_OK) return false;
        if (n == rows) return true; /* there may be more in this bucket */
        rows -= rows < n + BUCKET_ROWS ? rows : n + BUCKET_ROWS;
        keys->unread--;
        keys->at = 0;
    }
    return true;
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
    struct rc_sv ns_text, type_text;
    bool found;
    struct rc_key_match match;
};

/* Holds the rows of a statement against the whole key. */
static enum rc_status ask(struct sq *run, struct wanted *wanted, struct rc_error *err)
{
    while (!wanted->found && sq_row(run)) {
        wanted->found = sq_get_u64(run, 1) == wanted->ns && sq_get_u64(run, 2) == wanted->type &&
                        rc_sv_eq(sq_get_sv(run, 3), wanted->key);
        bool purged =
            sq_get_sv(run, 6).n && rc_h128_eq(sq_h128(sq_get_sv(run, 6)),
                                              rc_purged_key(wanted->ns_text, wanted->type_text, wanted->key));
        if (wanted->found)
            wanted->match = (struct rc_key_match){.seq = sq_get_u64(run, 0),
                                                  .nonce = sq_get_u64(run, 4),
                                                  .payload_hash = sq_h128(sq_get_sv(run, 5))};
        else if (purged)
            wanted->match =
                (struct rc_key_match){.seq = sq_get_u64(run, 0), .nonce = sq_get_u64(run, 7), .purged = true};
        wanted->found |= purged;
    }
    return sq_end(run, "cannot look up a key", err);
}

static enum rc_status ask_fresh(struct sq_conn *conn, uint64_t first, uint64_t last, struct wanted *wanted,
                                struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_FRESH_KEY);
    sq_u64(&run, first);
    sq_u64(&run, last);
    sq_sv(&run, wanted->key);
    return ask(&run, wanted, err);
}

/* Those that are not in the index yet: the writer knows which of them may have the key. */
static enum rc_status ask_all_fresh(struct sq_conn *conn, struct wanted *wanted, struct rc_error *err)
{
    uint64_t indexed = 0, seq = RC_SEQ_MAX + 1;
    enum rc_status status = conn->fresh ? RC_OK : sq_indexed(conn, &indexed, err);
    if (!conn->fresh && status == RC_OK) return ask_fresh(conn, indexed + 1, RC_SEQ_MAX, wanted, err);
    while (status == RC_OK && !wanted->found && (seq = sq_fresh_before(conn->fresh, wanted->hash, seq)) > 0)
        status = ask_fresh(conn, seq, seq, wanted, err);
    return status;
}

/* Those that share the hash within one bucket. */
static enum rc_status ask_bucket(struct sq_conn *conn, uint64_t bucket, struct wanted *wanted,
                                 struct rc_error *err)
{
    uint64_t first = bucket << SQ_KEY_BUCKET, last = first | ((UINT64_C(1) << SQ_KEY_BUCKET) - 1);
    struct sq run = sq_start(conn, SQ_KEY_RANGE);
    sq_u64(&run, sq_place(wanted->hash, first, SQ_KEY_BUCKET));
    sq_u64(&run, sq_place(wanted->hash, last, SQ_KEY_BUCKET));
    sq_u64(&run, SQ_MORE(wanted->hash));
    return ask(&run, wanted, err);
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
    struct wanted wanted = {.hash = hash, .key = key, .ns_text = ns, .type_text = type};
    enum rc_status status = sq_name_find(conn, ns, &wanted.ns, err);
    if (status == RC_OK) status = sq_name_find(conn, type, &wanted.type, err);
    if (status == RC_OK) status = ask_all_fresh(conn, &wanted, err);
    if (status == RC_OK && !wanted.found) status = ask_buckets(conn, &wanted, err);
    if (status != RC_OK) return status;
    if (!wanted.found) return rc_fail(err, RC_NOT_FOUND, "no command has this key");
    *ret = wanted.match;
    return RC_OK;
}
