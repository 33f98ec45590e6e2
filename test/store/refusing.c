/* Calls that fail on demand. */
#include "refusing.h"

#include "through.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct {
    struct through through;
    sqlite3_mem_methods memory;
    int (*open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
    bool armed, on, full;
    enum refusing kind;
    uint32_t at, calls, fired;
} state;

static bool fails(enum refusing kind)
{
    if (!state.armed || kind != state.kind) return false;
    state.calls++;
    if (state.on ? state.calls < state.at : state.calls != state.at) return false;
    state.fired++;
    errno = kind == REFUSE_MEMORY ? ENOMEM : state.full ? ENOSPC : EIO;
    return true;
}

void refuse(enum refusing kind, uint32_t at, bool on, bool full)
{
    state.kind = kind;
    state.at = at;
    state.on = on;
    state.full = full;
    state.calls = state.fired = 0;
    state.armed = true;
}

uint32_t refuse_stop(void)
{
    state.armed = false;
    return state.fired;
}

/* ---- our own calls: the linker gives these names, ld(1), --wrap ----------------------------------------------------- */

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name) */
#define WRAP(kind, type, failed, name, parameters, arguments)                                                \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        return fails(kind) ? (failed) : __real_##name arguments;                                             \
    }

WRAP(REFUSE_MEMORY, void *, NULL, malloc, (size_t n), (n))
WRAP(REFUSE_MEMORY, void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(REFUSE_MEMORY, void *, NULL, realloc, (void *old, size_t n), (old, n))
WRAP(REFUSE_MEMORY, char *, NULL, strdup, (const char *text), (text))
WRAP(REFUSE_SYSTEM, int, -1, ftruncate64, (int fd, off_t size), (fd, size))
WRAP(REFUSE_SYSTEM, int, -1, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(REFUSE_SYSTEM, int, -1, stat64, (const char *path, struct stat *st), (path, st))
WRAP(REFUSE_SYSTEM, int, -1, lstat64, (const char *path, struct stat *st), (path, st))
WRAP(REFUSE_SYSTEM, int, -1, fstatvfs64, (int fd, struct statvfs *st), (fd, st))
WRAP(REFUSE_SYSTEM, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(REFUSE_SYSTEM, int, -1, unlink, (const char *path), (path))
WRAP(REFUSE_SYSTEM, int, -1, access, (const char *path, int mode), (path, mode))
WRAP(REFUSE_SYSTEM, int, -1, flock, (int fd, int what), (fd, what))
WRAP(REFUSE_SYSTEM, int, errno, posix_fallocate64, (int fd, off_t at, off_t n), (fd, at, n))
WRAP(REFUSE_SYSTEM, ssize_t, -1, pread64, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP(REFUSE_SYSTEM, ssize_t, -1, pwrite64, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
WRAP(REFUSE_SYSTEM, ssize_t, -1, getrandom, (void *to, size_t n, unsigned flags), (to, n, flags))
WRAP(REFUSE_SYSTEM, char *, NULL, realpath, (const char *path, char *full), (path, full))

/* Nothing here is about power cuts: what does not fail need not wait for the disk. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return fails(REFUSE_SYSTEM) ? -1 : 0;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode =
        flags & O_CREAT ? va_arg(more, mode_t) : 0; /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(more);
    return fails(REFUSE_SYSTEM) ? -1 : __real_open64(path, flags, mode);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name) */

/* ---- SQLite's ------------------------------------------------------------------------------------------------------- */

static void *m_malloc(int n)
{
    return fails(REFUSE_SQLITE_MEMORY) ? NULL : state.memory.xMalloc(n);
}

static void *m_realloc(void *old, int n)
{
    return fails(REFUSE_SQLITE_MEMORY) ? NULL : state.memory.xRealloc(old, n);
}

#define THROUGH(kind, code, file, method, ...)                                                               \
    (fails(kind) ? (code) : through_real(file)->pMethods->method(through_real(file), __VA_ARGS__))

static int f_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return THROUGH(REFUSE_SQLITE_FILES, SQLITE_IOERR_READ, file, xRead, to, n, at);
}

static int f_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    return THROUGH(REFUSE_SQLITE_FILES, state.full ? SQLITE_FULL : SQLITE_IOERR_WRITE, file, xWrite, from, n,
                   at);
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return THROUGH(REFUSE_SQLITE_FILES, SQLITE_IOERR_TRUNCATE, file, xTruncate, size);
}

static int f_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return fails(REFUSE_SQLITE_FILES) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int f_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return THROUGH(REFUSE_SQLITE_FILES, SQLITE_IOERR_FSTAT, file, xFileSize, size);
}

static int f_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return THROUGH(REFUSE_SQLITE_FILES, SQLITE_IOERR_SHMMAP, file, xShmMap, page, size, extend, ret);
}

static int f_lock(sqlite3_file *file, int level)
{
    return THROUGH(REFUSE_SQLITE_LOCKS, SQLITE_BUSY, file, xLock, level);
}

static int f_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return flags & SQLITE_SHM_LOCK
               ? THROUGH(REFUSE_SQLITE_LOCKS, SQLITE_BUSY, file, xShmLock, offset, n, flags)
               : through_real(file)->pMethods->xShmLock(through_real(file), offset, n, flags);
}

static int any_kind(int flags)
{
    (void)flags;
    return 0;
}

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    file->pMethods = NULL; /* where it is not open */
    return fails(REFUSE_SQLITE_FILES) ? SQLITE_CANTOPEN : state.open(vfs, name, file, flags, ret_flags);
}

void refuse_install(void)
{
    bool fine = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &state.memory) == SQLITE_OK;
    sqlite3_mem_methods mine = state.memory;
    mine.xMalloc = m_malloc;
    mine.xRealloc = m_realloc;
    fine = fine && sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK;
    /* lookaside memory is taken from one large piece: without it every allocation is one that can fail */
    fine = fine && sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
    if (!fine) {
        fputs("SQLite was in use already\n", stderr);
        exit(1);
    }
    through_make(&state.through, "refusing", any_kind);
    state.open = state.through.vfs.xOpen;
    state.through.vfs.xOpen = f_open;
    sqlite3_io_methods *methods = &state.through.methods;
    methods->xRead = f_read;
    methods->xWrite = f_write;
    methods->xTruncate = f_truncate;
    methods->xSync = f_sync;
    methods->xFileSize = f_size;
    methods->xShmMap = f_shm_map;
    methods->xLock = f_lock;
    methods->xShmLock = f_shm_lock;
    through_install(&state.through);
}

void refuse_remove(void)
{
    through_remove(&state.through);
}
