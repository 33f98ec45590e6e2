#pragma once
/* Hashes. SHA-256 (FIPS 180-4) wherever the input may be hostile or the value is stored. */
#include "base/sv.h"

struct rc_h128 {
    uint64_t hi, lo;
};

struct rc_sha256 {
    uint32_t state[8];
    uint64_t length;
    unsigned char block[64];
};

void rc_sha256_init(struct rc_sha256 *);
void rc_sha256_add(struct rc_sha256 *, const void *, size_t n);
void rc_sha256_end(struct rc_sha256 *, unsigned char ret_digest[32]);

/* Adds a number, or a text with its length before it, so that no two sequences of fields give the same bytes.
 */
void rc_sha256_add_u64(struct rc_sha256 *, uint64_t);
void rc_sha256_add_sv(struct rc_sha256 *, struct rc_sv);
/* First 128 bits of the digest, big endian. */
struct rc_h128 rc_sha256_h128(struct rc_sha256 *);

static inline bool rc_h128_eq(struct rc_h128 a, struct rc_h128 b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static inline bool rc_h128_is_zero(struct rc_h128 a)
{
    return (a.hi | a.lo) == 0;
}

/* n bytes as 2 n lower-case hexadecimal digits and a NUL; and back: false where the text is not that. */
void rc_hex(const unsigned char *bytes, uint32_t n, char *ret_text);
bool rc_unhex(struct rc_sv text, unsigned char *ret_bytes, uint32_t n);
/* 32 lower-case hexadecimal digits, without NUL. */
void rc_h128_hex(struct rc_h128, char ret_text[32]);
/* Reads them back; false where text is not 32 hexadecimal digits. */
bool rc_h128_parse(struct rc_sv text, struct rc_h128 *ret);
