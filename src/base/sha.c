/* SHA-256 with the SHA extensions of x86-64 (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2:
 * SHA256RNDS2, SHA256MSG1, SHA256MSG2): four times as fast as the rounds in hash.c, and every submission is hashed a
 * dozen times. Computes the same; test/base holds both to the same answers. */
#include "base/sha.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

/* CPUID is asked once: under a hypervisor it costs more than a block. */
static bool is_there(void)
{
    enum { UNKNOWN, ABSENT, PRESENT };
    enum { SSSE3 = 1 << 9, SSE41 = 1 << 19, SHA = 1 << 29 };
    static atomic_int known;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == UNKNOWN) {
        unsigned a, b, c, d, sha;
        bool has = __get_cpuid_count(7, 0, &a, &sha, &c, &d) && (sha & SHA) &&
                   __get_cpuid(1, &a, &b, &c, &d) && (c & SSSE3) && (c & SSE41);
        answer = has ? PRESENT : ABSENT;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == PRESENT;
}

static __m128i pack(uint32_t highest, uint32_t high, uint32_t low, uint32_t lowest)
{
    return _mm_set_epi32((int)highest, (int)high, (int)low, (int)lowest);
}

/* Four words of the message schedule from the sixteen before them. */
__attribute__((target("sha,ssse3,sse4.1"))) static __m128i schedule(__m128i w0, __m128i w1, __m128i w2,
                                                                    __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

/* The instructions want the eight variables as ABEF and CDGH, and do two rounds each. */
__attribute__((target("sha,ssse3,sse4.1"))) static void rounds(uint32_t state[8],
                                                               const unsigned char block[64])
{
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i before_abef = pack(state[0], state[1], state[4], state[5]), abef = before_abef;
    __m128i before_cdgh = pack(state[2], state[3], state[6], state[7]), cdgh = before_cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; i++)
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), big_endian);
    for (int i = 0; i < 16; i++) {
        __m128i k = _mm_loadu_si128((const __m128i *)(const void *)(rc_sha256_k + 4 * i));
        __m128i sum = _mm_add_epi32(w[0], k);
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
        __m128i next = schedule(w[0], w[1], w[2], w[3]); /* of the last four nobody takes any */
        w[0] = w[1], w[1] = w[2], w[2] = w[3], w[3] = next;
    }
    uint32_t abef_out[4], cdgh_out[4];
    _mm_storeu_si128((__m128i *)(void *)abef_out, _mm_add_epi32(abef, before_abef));
    _mm_storeu_si128((__m128i *)(void *)cdgh_out, _mm_add_epi32(cdgh, before_cdgh));
    state[0] = abef_out[3], state[1] = abef_out[2], state[4] = abef_out[1], state[5] = abef_out[0];
    state[2] = cdgh_out[3], state[3] = cdgh_out[2], state[6] = cdgh_out[1], state[7] = cdgh_out[0];
}

bool rc_sha256_by_processor(uint32_t state[8], const unsigned char block[64])
{
    if (!is_there()) return false;
    rounds(state, block);
    return true;
}

#else

bool rc_sha256_by_processor(uint32_t state[8], const unsigned char block[64])
{
    (void)state, (void)block;
    return false;
}

#endif
