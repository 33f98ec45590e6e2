#pragma once
/* One block of SHA-256 by the processor's own instructions. Internal to base/. */
#include <stdbool.h>
#include <stdint.h>

extern const uint32_t rc_sha256_k[64];

/* False where the processor has none: nothing has happened then. Any thread. */
bool rc_sha256_by_processor(uint32_t state[8], const unsigned char block[64]);
