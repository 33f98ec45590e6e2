/* A library to be loaded before a program (LD_PRELOAD): a machine whose clock is set, whose disk is slow to sync or to write, and whose disk
 * cannot be read. WORSE_CONTROL names a file of at least one struct worse, which is mapped: a test changes it while the program runs.
 *
 * WORSE_LOG (may be missing) gets a line for each sync below WORSE_FOLDER: when it began and when it returned, in monotonic nanoseconds. The
 * monotonic clock is never touched. Counting and failing begin with the constructor; only files below WORSE_FOLDER are slow or broken. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier): the names are the C library's */

enum { PAGE = 4096 };

#define EXPORT __attribute__((visibility("default")))

struct worse {                  /* test/e2e/worse.py knows it */
    _Atomic int64_t shift_us;   /* what is added to the wall clock */
    _Atomic int64_t asked;      /* times that the wall clock was asked while it was shifted */
    _Atomic int64_t slow;       /* so many of the next syncs are slow, */
    _Atomic int64_t slow_ms;    /* so long */
    _Atomic int64_t slow_done;  /* that were; one counts when it begins */
    _Atomic int64_t read_fails; /* so many of the next reads of the store's files fail with EIO */
    _Atomic int64_t read_failed;
    _Atomic int64_t write_us; /* each page that is written to the store's files takes so much longer */
    _Atomic int64_t written;  /* writes that did */
};

static struct worse none, *worse = &none;
static const char *folder;
static int log_fd = -1;

static int64_t monotonic_ns(void)
{
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the wall clock -------------------------------------------------------------------------------------------------------- */

EXPORT int clock_gettime(clockid_t id, struct timespec *ret)
{
    int code = (int)syscall(SYS_clock_gettime, id, ret);
    int64_t shift = atomic_load(&worse->shift_us);
    if (code != 0 || shift == 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return code;
    atomic_fetch_add(&worse->asked, 1);
    int64_t us = (int64_t)ret->tv_sec * 1000000 + ret->tv_nsec / 1000 + shift;
    ret->tv_sec = us / 1000000;
    ret->tv_nsec = us % 1000000 * 1000 + ret->tv_nsec % 1000;
    return 0;
}

EXPORT int gettimeofday(struct timeval *ret, void *zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *ret = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
    return 0;
}

EXPORT time_t time(time_t *ret)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (ret) *ret = t.tv_sec;
    return t.tv_sec;
}

/* ---- the disk -------------------------------------------------------------------------------------------------------------- */

static bool is_of_store(int fd)
{
    char link[64], path[512];
    if (!folder) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    return n > 0 && strncmp(path, folder, strlen(folder)) == 0;
}

/* Takes one of a counter that is above zero. */
static bool take(_Atomic int64_t *left)
{
    int64_t n = atomic_load(left);
    while (n > 0)
        if (atomic_compare_exchange_weak(left, &n, n - 1)) return true;
    return false;
}

static void sleep_us(int64_t us)
{
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static int slow_sync(int fd, long call)
{
    if (!is_of_store(fd)) return (int)syscall(call, fd);
    int64_t begun = monotonic_ns();
    if (take(&worse->slow)) {
        atomic_fetch_add(&worse->slow_done, 1);
        sleep_us(atomic_load(&worse->slow_ms) * 1000);
    }
    int code = (int)syscall(call, fd), error = errno;
    if (log_fd >= 0) {
        char line[64];
        int n = snprintf(line, sizeof line, "%lld %lld\n", (long long)begun, (long long)monotonic_ns());
        if (syscall(SYS_write, log_fd, line, n) != n) abort(); /* a test without its evidence tests nothing */
    }
    errno = error;
    return code;
}

EXPORT int fsync(int fd)
{
    return slow_sync(fd, SYS_fsync);
}

EXPORT int fdatasync(int fd)
{
    return slow_sync(fd, SYS_fdatasync);
}

static bool read_fails(int fd)
{
    if (atomic_load(&worse->read_fails) <= 0 || !is_of_store(fd) || !take(&worse->read_fails)) return false;
    atomic_fetch_add(&worse->read_failed, 1);
    errno = EIO;
    return true;
}

EXPORT ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
    return read_fails(fd) ? -1 : (ssize_t)syscall(SYS_pread64, fd, to, n, at);
}

EXPORT ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    return read_fails(fd) ? -1 : (ssize_t)syscall(SYS_pread64, fd, to, n, at);
}

static ssize_t slow_write(int fd, const void *from, size_t n, off64_t at)
{
    int64_t us = atomic_load(&worse->write_us);
    if (us > 0 && is_of_store(fd)) {
        atomic_fetch_add(&worse->written, 1);
        sleep_us(us * (int64_t)n / PAGE);
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, from, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    return slow_write(fd, from, n, at);
}

EXPORT ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    return slow_write(fd, from, n, at);
}

__attribute__((constructor)) static void begin(void)
{
    const char *control = getenv("WORSE_CONTROL"), *log = getenv("WORSE_LOG");
    folder = getenv("WORSE_FOLDER");
    if (log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (!control) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDWR | O_CLOEXEC, 0);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *worse, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        static const char said[] = "worse: the control file cannot be mapped\n";
        if (syscall(SYS_write, 2, said, sizeof said - 1) < 0) abort();
        abort();
    }
    worse = page;
    syscall(SYS_close, fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier) */
