#pragma once
/* The public id of a command: 16 characters of Crockford's base32 (no I, L, O, U), upper case.
 *
 *   seq (40 bits)   dense number in commit order, so that ids sort by age
 *   shard (8 bits)  0 with an embedded store
 *   check (32 bits) random; low half of the command's nonce: an id cannot be guessed, and one that was issued
 * before an old backup was restored does not name another command afterwards */
#include "base/sv.h"

enum { RC_ID_TEXT = 16 };
#define RC_SEQ_MAX ((UINT64_C(1) << 40) - 1)

struct rc_id {
    uint64_t seq;
    uint32_t check;
    uint8_t shard;
};

/* Of what has a number and a nonce, whose low half is the check. */
static inline struct rc_id rc_id_of(uint64_t seq, uint64_t nonce)
{
    return (struct rc_id){.seq = seq, .check = (uint32_t)nonce};
}
/* Writes 16 characters and a NUL. */
void rc_id_format(struct rc_id, char ret_text[RC_ID_TEXT + 1]);
/* Reads either case, and i, l as 1, o as 0; false for anything else. */
bool rc_id_parse(struct rc_sv, struct rc_id *ret);
