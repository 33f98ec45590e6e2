/* The calls (failing.h). They go to the kernel themselves, or to the sanitizer's own, so that nothing has to be looked up before it is
 * there. Files of <stdio.h> that are opened by name or number read and write through these, too; standard output does not. */
#include "failing.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier): the names are the C library's */

#define EXPORT __attribute__((visibility("default")))

const char *const failing_word[FAILING_KINDS] = {
#define X(code, word) word,
    FAILING_CALLS(X)
#undef X
};

static struct failing own = {.call = -1};
struct failing *failing = &own;
static const char *of_folder;

static bool fails(enum failing_call call)
{
    if (atomic_load(&failing->call) != (int)call || atomic_load(&failing->paused)) return false;
    unsigned long n = atomic_fetch_add(&failing->count, 1) + 1, at = atomic_load(&failing->at);
    if (n != at && !(n > at && atomic_load(&failing->on))) return false;
    atomic_fetch_add(&failing->fired, 1);
    return true;
}

static bool within(const char *path)
{
    return !of_folder || strncmp(path, of_folder, strlen(of_folder)) == 0;
}

static bool counts(enum failing_call call)
{
    return atomic_load(&failing->call) == (int)call;
}

static bool path_of(int fd, char ret[512])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, ret, 511);
    if (n >= 0) ret[n] = 0;
    return n > 0;
}

static bool of_store(int fd, enum failing_call call)
{
    char path[512];
    return counts(call) && path_of(fd, path) && path[0] == '/' && within(path);
}

static int no(int code)
{
    errno = code;
    return -1;
}

/* A disk that fails once is broken, one that goes on failing is full. */
static int no_write(void)
{
    return no(atomic_load(&failing->on) ? ENOSPC : EIO);
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

/* FAILING_SANITIZED: the program has a sanitizer, this file has none, since malloc is called before there is a shadow to write to. */
#ifdef FAILING_SANITIZED /* the sanitizer's names are weak, so these here come first */
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
extern void *REAL(malloc)(size_t);
extern void *REAL(calloc)(size_t, size_t);
extern void *REAL(realloc)(void *, size_t);
extern void REAL(free)(void *);
#ifdef FAILING_SANITIZED
extern int __interceptor_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
#endif

static struct {
    bool looked;
    const char *from, *to;
} sqlite;

static int look_for_sqlite(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (!strstr(info->dlpi_name, "libsqlite3")) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X)) continue;
        sqlite.from =
            (const char *)(info->dlpi_addr + header->p_vaddr); /* NOLINT(performance-no-int-to-ptr) */
        sqlite.to = sqlite.from + header->p_memsz;
    }
    return 1;
}

static bool memory_fails(const char *caller)
{
    int call = atomic_load(&failing->call);
    if (call != FAILING_MEMORY && call != FAILING_SQL) return false;
    if (!sqlite.looked) { /* here, where every library has been loaded */
        sqlite.looked = true;
        dl_iterate_phdr(look_for_sqlite, NULL);
    }
    bool of_sqlite = caller >= sqlite.from && caller < sqlite.to;
    return fails(of_sqlite ? FAILING_SQL : FAILING_MEMORY);
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *given(void *p)
{
    if (p) atomic_fetch_add_explicit(&failing->live, 1, memory_order_relaxed);
    return p;
}

#define CALLER ((const char *)__builtin_return_address(0))

EXPORT void *malloc(size_t n)
{
    return memory_fails(CALLER) ? no_memory() : given(REAL(malloc)(n));
}

EXPORT void *calloc(size_t n, size_t size)
{
    return memory_fails(CALLER) ? no_memory() : given(REAL(calloc)(n, size));
}

EXPORT void *realloc(void *old, size_t n)
{
    if (memory_fails(CALLER)) return no_memory();
    return old ? REAL(realloc)(old, n) : given(REAL(realloc)(old, n));
}

EXPORT void free(void *p)
{
    if (p) atomic_fetch_sub_explicit(&failing->live, 1, memory_order_relaxed);
    REAL(free)(p);
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static int open_at(int folder, const char *path, int flags, va_list args)
{
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): whoever calls has started it */
    int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, int) : 0;
    return fails(FAILING_OPEN) ? no(EMFILE) : (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define OPEN_AS(name)                                                                                        \
    EXPORT int name(const char *path, int flags, ...)                                                        \
    {                                                                                                        \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        int fd = open_at(AT_FDCWD, path, flags, args);                                                       \
        va_end(args);                                                                                        \
        return fd;                                                                                           \
    }
OPEN_AS(open)
OPEN_AS(open64)

EXPORT DIR *opendir(const char *path)
{
    static DIR *(*real)(const char *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "opendir");
    if (!fails(FAILING_OPEN)) return real(path);
    errno = EMFILE;
    return NULL;
}

EXPORT ssize_t read(int fd, void *to, size_t n)
{
    return of_store(fd, FAILING_READ) && fails(FAILING_READ) ? no(EIO) : syscall(SYS_read, fd, to, n);
}

static ssize_t read_at(int fd, void *to, size_t n, off_t at)
{
    return of_store(fd, FAILING_READ) && fails(FAILING_READ) ? no(EIO) : syscall(SYS_pread64, fd, to, n, at);
}

EXPORT ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    return read_at(fd, to, n, at);
}

EXPORT ssize_t pread64(int fd, void *to, size_t n, off_t at)
{
    return read_at(fd, to, n, at);
}

static bool is_shared_memory(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, "-shm") == 0;
}

static bool write_fails(int fd)
{
    char path[512];
    /* a file that is mapped and shorter than it should be ends the process: that is no write that was ignored */
    if (atomic_load(&failing->lie) && path_of(fd, path) && is_shared_memory(path)) return false;
    return of_store(fd, FAILING_WRITE) && fails(FAILING_WRITE);
}

static ssize_t not_written(size_t n)
{
    return atomic_load(&failing->lie) ? (ssize_t)n : no_write();
}

EXPORT ssize_t write(int fd, const void *from, size_t n)
{
    return write_fails(fd) ? not_written(n) : syscall(SYS_write, fd, from, n);
}

static ssize_t write_at(int fd, const void *from, size_t n, off_t at)
{
    return write_fails(fd) ? not_written(n) : syscall(SYS_pwrite64, fd, from, n, at);
}

EXPORT ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    return write_at(fd, from, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *from, size_t n, off_t at)
{
    return write_at(fd, from, n, at);
}

EXPORT int fsync(int fd)
{
    return of_store(fd, FAILING_SYNC) && fails(FAILING_SYNC) ? no(EIO) : (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
    return of_store(fd, FAILING_SYNC) && fails(FAILING_SYNC) ? no(EIO) : (int)syscall(SYS_fdatasync, fd);
}

static int cut(int fd, off_t n)
{
    return of_store(fd, FAILING_TRUNCATE) && fails(FAILING_TRUNCATE) ? no_write()
                                                                     : (int)syscall(SYS_ftruncate, fd, n);
}

EXPORT int ftruncate(int fd, off_t n)
{
    return cut(fd, n);
}

EXPORT int ftruncate64(int fd, off_t n)
{
    return cut(fd, n);
}

static int reserve(int fd, int mode, off_t at, off_t n)
{
    return of_store(fd, FAILING_TRUNCATE) && fails(FAILING_TRUNCATE)
               ? no_write()
               : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t n)
{
    return reserve(fd, mode, at, n);
}

EXPORT int fallocate64(int fd, int mode, off_t at, off_t n)
{
    return reserve(fd, mode, at, n);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n)
{
    return reserve(fd, 0, at, n) == 0 ? 0 : errno;
}

EXPORT int posix_fallocate64(int fd, off_t at, off_t n)
{
    return reserve(fd, 0, at, n) == 0 ? 0 : errno;
}

static bool name_fails(const char *path)
{
    return counts(FAILING_RENAME) && within(path) && fails(FAILING_RENAME);
}

EXPORT int rename(const char *from, const char *to)
{
    return name_fails(from) ? no(EIO) : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int unlink(const char *path)
{
    return name_fails(path) ? no(EIO) : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

EXPORT int chmod(const char *path, mode_t mode)
{
    return name_fails(path) ? no(EIO) : (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

static void *map(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (!(fd >= 0 && of_store(fd, FAILING_MAP) && fails(FAILING_MAP)))
        return (void *)syscall(SYS_mmap, at, n, prot, flags, fd,
                               offset); /* NOLINT(performance-no-int-to-ptr) */
    errno = ENOMEM;
    return MAP_FAILED;
}

EXPORT void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    return map(at, n, prot, flags, fd, offset);
}

EXPORT void *mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    return map(at, n, prot, flags, fd, offset);
}

/* ---- files of <stdio.h>: glibc's own reads and writes do not pass here, those of a cookie do ------------------------------ */

static ssize_t cookie_read(void *cookie, char *to, size_t n)
{
    return read((int)(ptrdiff_t)cookie, to, n);
}

static ssize_t cookie_write(void *cookie, const char *from, size_t n)
{
    ssize_t done = write((int)(ptrdiff_t)cookie, from, n);
    return done < 0 ? 0 : done; /* fopencookie(3): no negative value */
}

static int cookie_close(void *cookie)
{
    return close((int)(ptrdiff_t)cookie);
}

static FILE *file_of(int fd, const char *mode)
{
    const cookie_io_functions_t calls = {.read = cookie_read, .write = cookie_write, .close = cookie_close};
    return fopencookie((void *)(ptrdiff_t)fd, mode, calls); /* NOLINT(performance-no-int-to-ptr) */
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
    return file_of(fd, mode);
}

static FILE *file_open(const char *path, const char *mode)
{
    int flags = mode[0] == 'r'   ? O_RDONLY
                : mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
                                 : O_WRONLY | O_CREAT | O_APPEND;
    int fd = open(path, flags | O_CLOEXEC, 0666);
    FILE *file = fd >= 0 ? file_of(fd, mode) : NULL;
    if (fd >= 0 && !file) close(fd);
    return file;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
    return file_open(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
    return file_open(path, mode);
}

/* ---- the network, and what a server waits with ----------------------------------------------------------------------------- */

EXPORT int socket(int family, int type, int protocol)
{
    return fails(FAILING_SOCKET) ? no(EMFILE) : (int)syscall(SYS_socket, family, type, protocol);
}

EXPORT int socketpair(int family, int type, int protocol, int ret[2])
{
    return fails(FAILING_SOCKET) ? no(EMFILE) : (int)syscall(SYS_socketpair, family, type, protocol, ret);
}

EXPORT int pipe2(int ret[2], int flags)
{
    return fails(FAILING_SOCKET) ? no(EMFILE) : (int)syscall(SYS_pipe2, ret, flags);
}

EXPORT int pipe(int ret[2])
{
    return pipe2(ret, 0);
}

EXPORT int eventfd(unsigned count, int flags)
{
    return fails(FAILING_SOCKET) ? no(EMFILE) : (int)syscall(SYS_eventfd2, count, flags);
}

EXPORT int epoll_create1(int flags)
{
    return fails(FAILING_SOCKET) ? no(EMFILE) : (int)syscall(SYS_epoll_create1, flags);
}

EXPORT int epoll_create(int size)
{
    (void)size;
    return epoll_create1(0);
}

EXPORT int timerfd_create(int clock, int flags)
{
    return fails(FAILING_SOCKET) ? no(EMFILE) : (int)syscall(SYS_timerfd_create, clock, flags);
}

EXPORT int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    /* taking out needs nothing of the kernel */
    if (op != EPOLL_CTL_DEL && fails(FAILING_POLL)) return no(ENOSPC);
    return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    return fails(FAILING_CONNECT) ? no(ENOBUFS) : (int)syscall(SYS_connect, fd, to, n);
}

EXPORT int accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
    return fails(FAILING_ACCEPT) ? no(EMFILE) : (int)syscall(SYS_accept4, fd, from, n, flags);
}

EXPORT int accept(int fd, struct sockaddr *from, socklen_t *n)
{
    return accept4(fd, from, n, 0);
}

EXPORT ssize_t recv(int fd, void *to, size_t n, int flags)
{
    return fails(FAILING_RECEIVE) ? no(ECONNRESET) : syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
}

EXPORT ssize_t readv(int fd, const struct iovec *to, int n)
{
    return fails(FAILING_RECEIVE) ? no(ECONNRESET) : syscall(SYS_readv, fd, to, n);
}

EXPORT ssize_t send(int fd, const void *from, size_t n, int flags)
{
    return fails(FAILING_SEND) ? no(ECONNRESET) : syscall(SYS_sendto, fd, from, n, flags, NULL, 0);
}

EXPORT ssize_t writev(int fd, const struct iovec *from, int n)
{
    return fails(FAILING_SEND) ? no(ECONNRESET) : syscall(SYS_writev, fd, from, n);
}

EXPORT int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
#ifdef FAILING_SANITIZED
    return fails(FAILING_THREAD) ? EAGAIN : __interceptor_pthread_create(ret, attributes, run, arg);
#else
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return fails(FAILING_THREAD) ? EAGAIN : real(ret, attributes, run, arg);
#endif
}

/* ---- commands ---------------------------------------------------------------------------------------------------------- */

void failing_in(const char *folder)
{
    of_folder = folder;
}

void failing_arm(enum failing_call call, unsigned long at, bool on)
{
    atomic_store(&failing->count, 0);
    atomic_store(&failing->fired, 0);
    atomic_store(&failing->at, at);
    atomic_store(&failing->on, on);
    atomic_store(&failing->call, (int)call);
}

unsigned long failing_disarm(void)
{
    atomic_store(&failing->call, -1);
    return atomic_load(&failing->fired);
}

void failing_pause(void)
{
    atomic_fetch_add(&failing->paused, 1);
}

void failing_resume(void)
{
    atomic_fetch_sub(&failing->paused, 1);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAILING_CONTROL"), *folder = getenv("FAILING_FOLDER");
    if (!path) return;
    of_folder = folder;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    long at = syscall(SYS_mmap, NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (at > 0) failing = (struct failing *)at; /* NOLINT(performance-no-int-to-ptr) */
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,bugprone-reserved-identifier) */
