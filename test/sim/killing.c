/* A library to be loaded before the server (LD_PRELOAD): the process kills itself at a call of the system.
 *
 *   KILLING_AT      which of the calls that touch the disk or the network, from 1, counted over all threads from main() on
 *   KILLING_AFTER   set: behind the call, else before it
 *
 * SIGKILL to oneself is what kill -9 is: nothing of the process runs any more. */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static struct {
    unsigned long at;
    bool after;
    atomic_ulong count;
} killing;

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether this call is the one; before it the process dies at once. */
static bool is_it(void)
{
    if (!killing.at || atomic_fetch_add(&killing.count, 1) + 1 != killing.at) return false;
    if (!killing.after) die();
    return true;
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("KILLING_AT");
    if (at) killing.at = strtoul(at, NULL, 10);
    killing.after = getenv("KILLING_AFTER") != NULL;
    unsetenv("LD_PRELOAD"); /* for this program only */
}

/* NOLINTBEGIN(bugprone-macro-parentheses): a type and its parameters are no expressions */
#define WRAP(type, name, parameters, arguments)                                                              \
    EXPORT type name parameters                                                                              \
    {                                                                                                        \
        static type(*real) parameters;                                                                       \
        if (!real) *(void **)(&real) = dlsym(RTLD_NEXT, #name);                                              \
        bool now = is_it();                                                                                  \
        type ret = real arguments;                                                                           \
        if (now) die();                                                                                      \
        return ret;                                                                                          \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the names are the C library's */
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
