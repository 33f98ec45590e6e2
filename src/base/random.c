/* Random bytes from the kernel. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

enum rc_status rc_random(void *ret_bytes, size_t n)
{
    char *p = ret_bytes;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return RC_IO;
        p += got;
        n -= (size_t)got;
    }
    return RC_OK;
}
