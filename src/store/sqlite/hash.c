/* The numbers under which keys and refs stand. They are stored: the same for ever. SHA-256, because whoever submits
 * chooses the texts. */
#include "store/sqlite/db.h"

#include "base/id.h"

_Static_assert(RC_SEQ_MAX >> 40 == 0 && (int)SQ_PLACE_BITS == 63 - 40, "a place is a positive rowid");

static uint64_t hash_of(const struct rc_sv *texts, uint32_t n)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    for (uint32_t i = 0; i < n; i++) rc_sha256_add_sv(&sha, texts[i]);
    return rc_sha256_h128(&sha).hi >> (64 - SQ_HASH_BITS);
}

uint64_t sq_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key)
{
    return hash_of((struct rc_sv[]){ns, type, key}, 3);
}

uint64_t sq_ref_hash(struct rc_sv name, struct rc_sv value)
{
    return hash_of((struct rc_sv[]){name, value}, 2);
}

uint64_t sq_place(uint64_t hash, uint64_t seq, enum sq_bucket bits)
{
    uint64_t within = (UINT64_C(1) << bits) - 1;
    return seq >> bits << (SQ_PLACE_BITS + bits) | hash >> SQ_MORE_BITS << bits | (seq & within);
}

uint64_t sq_place_seq(uint64_t place, enum sq_bucket bits)
{
    uint64_t within = (UINT64_C(1) << bits) - 1;
    return place >> (SQ_PLACE_BITS + bits) << bits | (place & within);
}

uint64_t sq_place_hash(uint64_t place, enum sq_bucket bits)
{
    return place >> bits & ((UINT64_C(1) << SQ_PLACE_BITS) - 1);
}

bool sq_attention(unsigned state)
{
    return rc_state_rests(state) && state != RC_COMPLETED;
}

void sq_put_h128(struct rc_h128 hash, unsigned char ret_bytes[16])
{
    for (int i = 0; i < 8; i++) {
        ret_bytes[i] = (unsigned char)(hash.hi >> (56 - 8 * i));
        ret_bytes[8 + i] = (unsigned char)(hash.lo >> (56 - 8 * i));
    }
}

struct rc_h128 sq_h128(struct rc_sv bytes)
{
    struct rc_h128 hash = {0};
    if (bytes.n != 16) return hash;
    for (int i = 0; i < 8; i++) {
        hash.hi = hash.hi << 8 | (unsigned char)bytes.p[i];
        hash.lo = hash.lo << 8 | (unsigned char)bytes.p[8 + i];
    }
    return hash;
}
