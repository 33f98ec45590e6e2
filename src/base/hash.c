/* SHA-256 as written down in FIPS 180-4, section 6.2. */
#include "base/hash.h"

#include "base/sha.h"

const uint32_t rc_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static uint32_t load32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store32(unsigned char *p, uint32_t x)
{
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(x >> (24 - 8 * i));
}

static void compress(uint32_t state[8], const unsigned char block[64])
{
    if (rc_sha256_by_processor(state, block)) return;
    uint32_t w[64];
    for (int t = 0; t < 16; t++) w[t] = load32(block + 4 * t);
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    /* names, not an array: they stay in registers, and the shift at the end of a round costs nothing */
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25), ch = (e & f) ^ (~e & g);
        uint32_t t1 = h + s1 + ch + rc_sha256_k[t] + w[t];
        uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void rc_sha256_init(struct rc_sha256 *sha)
{
    *sha = (struct rc_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                        0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void rc_sha256_add(struct rc_sha256 *sha, const void *data, size_t n)
{
    const unsigned char *p = data;
    while (n) {
        size_t at = sha->length % 64, part = 64 - at < n ? 64 - at : n;
        memcpy(sha->block + at, p, part);
        sha->length += part;
        p += part;
        n -= part;
        if (at + part == 64) compress(sha->state, sha->block);
    }
}

void rc_sha256_end(struct rc_sha256 *sha, unsigned char ret_digest[32])
{
    static const unsigned char pad[64] = {0x80};
    unsigned char bits[8];
    uint64_t length = sha->length * 8;
    store32(bits, (uint32_t)(length >> 32));
    store32(bits + 4, (uint32_t)length);
    rc_sha256_add(sha, pad, 1 + (119 - sha->length % 64) % 64);
    rc_sha256_add(sha, bits, sizeof bits);
    for (int i = 0; i < 8; i++) store32(ret_digest + 4 * i, sha->state[i]);
}

void rc_sha256_add_u64(struct rc_sha256 *sha, uint64_t number)
{
    unsigned char bytes[8];
    store32(bytes, (uint32_t)(number >> 32));
    store32(bytes + 4, (uint32_t)number);
    rc_sha256_add(sha, bytes, sizeof bytes);
}

void rc_sha256_add_sv(struct rc_sha256 *sha, struct rc_sv text)
{
    rc_sha256_add_u64(sha, text.n);
    rc_sha256_add(sha, text.p, text.n);
}

struct rc_h128 rc_sha256_h128(struct rc_sha256 *sha)
{
    unsigned char d[32];
    rc_sha256_end(sha, d);
    return (struct rc_h128){(uint64_t)load32(d) << 32 | load32(d + 4),
                            (uint64_t)load32(d + 8) << 32 | load32(d + 12)};
}

void rc_h128_hex(struct rc_h128 hash, char ret_text[32])
{
    for (int i = 0; i < 32; i++) {
        uint64_t half = i < 16 ? hash.hi : hash.lo;
        ret_text[i] = "0123456789abcdef"[half >> (60 - 4 * (i % 16)) & 15];
    }
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool rc_h128_parse(struct rc_sv text, struct rc_h128 *ret)
{
    uint64_t half[2] = {0};
    if (text.n != 32) return false;
    for (uint32_t i = 0; i < 32; i++) {
        int digit = digit_of(text.p[i]);
        if (digit < 0) return false;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)digit;
    }
    *ret = (struct rc_h128){half[0], half[1]};
    return true;
}

void rc_hex(const unsigned char *bytes, uint32_t n, char *ret_text)
{
    for (uint32_t i = 0; i < n; i++) {
        ret_text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        ret_text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    ret_text[2 * n] = 0;
}

bool rc_unhex(struct rc_sv text, unsigned char *ret_bytes, uint32_t n)
{
    if (text.n != 2 * n) return false;
    for (uint32_t i = 0; i < n; i++) {
        int high = digit_of(text.p[2 * i]), low = digit_of(text.p[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ret_bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
