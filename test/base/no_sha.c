/* A processor without instructions for SHA-256. */
#include "base/sha.h"

/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is base/sha.h's */
bool rc_sha256_by_processor(uint32_t state[8], const unsigned char block[64])
{
    (void)state, (void)block;
    return false;
}
