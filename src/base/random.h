#pragma once
/* Random numbers: from the kernel for what must not be guessed, from a seed for what must be repeatable. */
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

/* Fills from getrandom(2). RC_IO where the kernel refuses. Thread-safe. */
RC_MUST enum rc_status rc_random(void *ret_bytes, size_t n);

/* The next number of a stream (SplitMix64: Steele, Lea, Flood, 2014). The state is any number and is
 * advanced. */
static inline uint64_t rc_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
