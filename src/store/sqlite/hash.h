#pragma once
/* The numbers under which keys and refs stand (hash.c). */
#include "base/hash.h"

/* A key or a ref of a command stands in an index by its place: 63 bits made of the command's bucket
 * (seq without its low bits), the first bits of the hash of the text, and the low bits of seq. The leading part grows with time, so that
 * new rows land on few pages however many there are, and a row names its command without another column. Beside a key's place stand
 * more bits of the hash, so that a look for a key that nobody has ends there. Texts may share a hash: what is found is always held
 * against the command's own row. */
enum sq_bucket {                     /* how many low bits of seq */
                 SQ_KEY_BUCKET = 16, /* large: a key is asked of all buckets */
                 SQ_REF_BUCKET =
                     12 /* small: a command has several refs, and a list begins with the newest anyway */
};
enum { SQ_PLACE_BITS = 23, SQ_MORE_BITS = 16, SQ_HASH_BITS = SQ_PLACE_BITS + SQ_MORE_BITS };
#define SQ_MORE(hash)                                                                                        \
    ((hash) & ((UINT64_C(1) << SQ_MORE_BITS) - 1)) /* of a key: the bits that its place has not */
uint64_t sq_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key);
uint64_t sq_ref_hash(struct rc_sv name, struct rc_sv value);
uint64_t sq_place(uint64_t hash, uint64_t seq, enum sq_bucket);
uint64_t sq_place_seq(uint64_t place, enum sq_bucket);
uint64_t sq_place_hash(uint64_t place, enum sq_bucket); /* its first SQ_PLACE_BITS */
/* Whether the refs of a command in this state stand in `attention`, whose rows lead with the whole hash. */
bool sq_attention(unsigned state);
/* 128 bits as 16 bytes, big endian. What is not 16 bytes long is zero. */
void sq_put_h128(struct rc_h128, unsigned char ret_bytes[16]);
struct rc_h128 sq_h128(struct rc_sv bytes);
