/* Random bytes from the kernel. A few at a time come from a pool of the thread, so that not every id costs a system call. What was
 * given leaves the pool. A process that forks must not go on with both: ours starts other programs, and nothing else. */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { POOL = 256, FEW = 16 /* secrets are longer, and never in it */ };

static _Thread_local unsigned char pool[POOL];
static _Thread_local size_t left; /* at its end */

static enum rc_status ask_kernel(void *ret_bytes, size_t n)
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

enum rc_status rc_random(void *ret_bytes, size_t n)
{
    if (n > FEW) return ask_kernel(ret_bytes, n);
    if (left < n) {
        enum rc_status status = ask_kernel(pool, POOL);
        if (status != RC_OK) return status;
        left = POOL;
    }
    memcpy(ret_bytes, pool + POOL - left, n);
    memset(pool + POOL - left, 0, n);
    left -= n;
    return RC_OK;
}
