/* The numbers under which keys and refs stand. They are stored: the same forever. SHA-256, because whoever submits
 * chooses the texts. */
#include "store/sqlite/db.h"

uint64_t sq_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, ns);
    rc_sha256_add_sv(&sha, type);
    rc_sha256_add_sv(&sha, key);
    return rc_sha256_h128(&sha).hi & INT64_MAX;
}

uint64_t sq_ref_hash(struct rc_sv name, struct rc_sv value)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, name);
    rc_sha256_add_sv(&sha, value);
    return rc_sha256_h128(&sha).hi & ((UINT64_C(1) << SQ_REF_HASH_BITS) - 1);
}

uint64_t sq_ref_place(uint64_t hash, uint64_t seq)
{
    uint64_t bucket = seq >> SQ_REF_BUCKET_BITS, within = seq & ((UINT64_C(1) << SQ_REF_BUCKET_BITS) - 1);
    return bucket << (SQ_REF_HASH_BITS + SQ_REF_BUCKET_BITS) | hash << SQ_REF_BUCKET_BITS | within;
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

_Static_assert(40 - SQ_REF_BUCKET_BITS + SQ_REF_HASH_BITS + SQ_REF_BUCKET_BITS == 63,
               "a place is a positive rowid");
