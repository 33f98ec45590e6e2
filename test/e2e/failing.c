/* A library to be loaded before a program (LD_PRELOAD): one call of the system fails as if the machine had nothing left.
 *
 *   FAILING_CALL   memory, open, write, sync, truncate, connect or thread
 *   FAILING_AT     which call of that kind fails, from 1
 *   FAILING_ON     set: all later ones fail, too
 *   FAILING_MARK   a file; it is made when a call was made to fail: a test of a fault that never fired tests nothing
 *
 * Counting begins with main(), so that it is the program that has to cope, not the loader. Only files below FAILING_FOLDER count for
 * write, sync and truncate where that is set: what fails is the disk of the store, not the terminal. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier): the names are the C library's */

/* the real functions have attributes and inline forms of their own; these stand beside them */
#define EXPORT __attribute__((visibility("default")))

enum call { MEMORY, OPEN, WRITE, SYNC, TRUNCATE, CONNECT, THREAD, CALLS };
static const char *const call_name[CALLS] = {"memory",   "open",    "write", "sync",
                                             "truncate", "connect", "thread"};

static struct {
    bool ready;
    int call; /* -1: none */
    unsigned long at;
    bool on;
    const char *mark, *folder;
    atomic_ulong count;
} failing = {.call = -1};

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool fails(enum call call)
{
    if (!failing.ready || (int)call != failing.call) return false;
    unsigned long n = atomic_fetch_add(&failing.count, 1) + 1;
    if (n != failing.at && !(failing.on && n > failing.at)) return false;
    if (failing.mark) {
        long fd = syscall(SYS_openat, AT_FDCWD, failing.mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0) syscall(SYS_close, fd);
    }
    return true;
}

static bool is_of_store(int fd)
{
    char link[64], path[512];
    if (!failing.ready || !failing.folder) return failing.ready;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    return n > 0 && strncmp(path, failing.folder, strlen(failing.folder)) == 0;
}

/* ---- memory: the C library's own names, so that nothing has to be looked up before it is there --------------------------- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

EXPORT void *malloc(size_t n)
{
    return fails(MEMORY) ? no_memory() : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t size)
{
    return fails(MEMORY) ? no_memory() : __libc_calloc(n, size);
}

EXPORT void *realloc(void *old, size_t n)
{
    return fails(MEMORY) ? no_memory() : __libc_realloc(old, n);
}

/* ---- files ---------------------------------------------------------------------------------------------------------------- */

static int error(int code)
{
    errno = code;
    return -1;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    return fails(OPEN) ? error(EMFILE) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    return fails(OPEN) ? error(EMFILE) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

EXPORT ssize_t write(int fd, const void *from, size_t n)
{
    return is_of_store(fd) && fails(WRITE) ? error(ENOSPC) : (ssize_t)syscall(SYS_write, fd, from, n);
}

EXPORT ssize_t pwrite64(int fd, const void *from, size_t n, off_t at)
{
    return is_of_store(fd) && fails(WRITE) ? error(EIO) : (ssize_t)syscall(SYS_pwrite64, fd, from, n, at);
}

EXPORT ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    return is_of_store(fd) && fails(WRITE) ? error(EIO) : (ssize_t)syscall(SYS_pwrite64, fd, from, n, at);
}

EXPORT int fsync(int fd)
{
    return is_of_store(fd) && fails(SYNC) ? error(EIO) : (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
    return is_of_store(fd) && fails(SYNC) ? error(EIO) : (int)syscall(SYS_fdatasync, fd);
}

EXPORT int ftruncate(int fd, off_t n)
{
    return is_of_store(fd) && fails(TRUNCATE) ? error(EIO) : (int)syscall(SYS_ftruncate, fd, n);
}

EXPORT int ftruncate64(int fd, off_t n)
{
    return is_of_store(fd) && fails(TRUNCATE) ? error(EIO) : (int)syscall(SYS_ftruncate, fd, n);
}

/* ---- the rest ------------------------------------------------------------------------------------------------------------- */

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    return fails(CONNECT) ? error(ENOBUFS) : (int)syscall(SYS_connect, fd, to, n);
}

EXPORT int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) *(void **)&real = next("pthread_create");
    return fails(THREAD) ? EAGAIN : real(ret, attributes, run, arg);
}

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("FAILING_CALL"), *at = getenv("FAILING_AT");
    failing.mark = getenv("FAILING_MARK");
    failing.folder = getenv("FAILING_FOLDER");
    failing.on = getenv("FAILING_ON") != NULL;
    failing.at = at ? strtoul(at, NULL, 10) : 0;
    for (int i = 0; call && i < CALLS; i++)
        if (strcmp(call, call_name[i]) == 0) failing.call = i;
    failing.ready = failing.at > 0;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier) */
