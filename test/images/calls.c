/* The calls, in front of the C library's. */
#include "calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "with 64 bits, `open` and its like are the functions that SQLite calls");

enum { FDS = 256, NOT_OURS = -2, FOLDER = -1 };

static struct {
    struct record *record; /* NULL: nothing is written down */
    bool paused;
    int fd[FDS];           /* the file behind a descriptor, plus 2: 0 is NOT_OURS */
    int now[RECORD_NAMES]; /* the file behind a name */
    uint64_t size[RECORD_FILES];
    uint64_t seed;
} calls;

void *must(void *memory)
{
    if (memory) return memory;
    fputs("out of memory\n", stderr);
    exit(2);
}

/* The C library's own; the name is that of the symbol. */
static void *next(const char *name)
{
    return must(dlsym(RTLD_NEXT, name));
}
#define NEXT(function, symbol)                                                                               \
    static __typeof__(function) *real;                                                                       \
    if (!real) real = (__typeof__(function) *)next(symbol)

/* ---- files in memory ---------------------------------------------------------------------------------------------------- */

static void reserve(struct bytes *bytes, size_t n)
{
    if (n <= bytes->cap) return;
    bytes->cap = n * 2;
    bytes->p = must(realloc(bytes->p, bytes->cap));
}

void bytes_resize(struct bytes *bytes, size_t n)
{
    reserve(bytes, n);
    if (n > bytes->n) memset(bytes->p + bytes->n, 0, n - bytes->n);
    bytes->n = n;
}

void bytes_put(struct bytes *bytes, uint64_t at, const uint8_t *data, size_t n)
{
    if (!n) return;
    if (at > bytes->n) bytes_resize(bytes, at);
    reserve(bytes, at + n);
    memcpy(bytes->p + at, data, n);
    if (at + n > bytes->n) bytes->n = at + n;
}

bool bytes_read(struct bytes *bytes, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bytes->n = 0;
    if (fd < 0) return false;
    bool fine = fstat(fd, &st) == 0;
    if (fine) bytes_resize(bytes, (size_t)st.st_size);
    fine = fine && pread(fd, bytes->p, bytes->n, 0) == (ssize_t)bytes->n;
    close(fd);
    return fine;
}

/* ---- the record --------------------------------------------------------------------------------------------------------- */

uint32_t record_name(struct record *record, const char *name)
{
    for (uint32_t i = 0; i < record->nnames; i++)
        if (strcmp(record->name[i], name) == 0) return i;
    if (record->nnames == RECORD_NAMES || strlen(name) >= RECORD_NAME) must(NULL);
    record->first[record->nnames] = -1;
    calls.now[record->nnames] = -1;
    snprintf(record->name[record->nnames], RECORD_NAME, "%s", name);
    return record->nnames++;
}

static void note(struct op op, const void *data)
{
    struct record *record = calls.record;
    if (record->n == record->cap) {
        record->cap = record->cap ? record->cap * 2 : 1024;
        record->op = must(realloc(record->op, record->cap * sizeof *record->op));
    }
    if (op.n) {
        op.data = must(malloc(op.n));
        memcpy(op.data, data, op.n);
    }
    record->op[record->n++] = op;
}

static int new_file(void)
{
    struct record *record = calls.record;
    if (record->nfiles == RECORD_FILES) must(NULL);
    calls.size[record->nfiles] = 0;
    return (int)record->nfiles++;
}

static bool is_index(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, "-shm") == 0;
}

/* The number of a name in the folder, or -1: it is not in it, or nothing is written down. */
static int name_of(const char *path)
{
    const struct record *record = calls.record;
    if (!record || calls.paused) return -1;
    size_t n = strlen(record->folder);
    if (strncmp(path, record->folder, n) != 0 || path[n] != '/') return -1;
    path += n + 1;
    return *path && !strchr(path, '/') && !is_index(path) ? (int)record_name(calls.record, path) : -1;
}

static int file_of(int fd)
{
    return calls.record && !calls.paused && fd >= 0 && fd < FDS ? calls.fd[fd] - 2 : NOT_OURS;
}

static void note_write(int file, uint64_t at, const void *data, size_t n)
{
    note((struct op){.kind = OP_WRITE, .file = (uint16_t)file, .at = at, .n = (uint32_t)n}, data);
    if (calls.size[file] < at + n) calls.size[file] = at + n;
}

static void note_size(int file, uint64_t size)
{
    if (calls.size[file] == size) return;
    note((struct op){.kind = OP_RESIZE, .file = (uint16_t)file, .at = size}, NULL);
    calls.size[file] = size;
}

/* What was written past these functions. */
static void catch_up(int fd, int file)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || (uint64_t)st.st_size <= calls.size[file]) return;
    struct bytes all = {0};
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    calls.paused = true;
    bool fine = bytes_read(&all, path);
    calls.paused = false;
    if (fine) note_write(file, 0, all.p, all.n);
    free(all.p);
}

void calls_begin(struct record *record, const char *folder)
{
    *record = (struct record){0};
    snprintf(record->folder, sizeof record->folder, "%s", folder);
    memset(calls.fd, 0, sizeof calls.fd);
    calls.record = record;
    calls.paused = true;
    DIR *dir = must(opendir(folder));
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        if (entry->d_name[0] == '.' || is_index(entry->d_name)) continue;
        uint32_t name = record_name(record, entry->d_name);
        int file = calls.now[name] = record->first[name] = new_file();
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!bytes_read(&record->content[file], path)) must(NULL);
        calls.size[file] = record->content[file].n;
    }
    closedir(dir);
    calls.paused = false;
}

void calls_end(void)
{
    calls.record = NULL;
}

void calls_pause(void)
{
    calls.paused = true;
}

void calls_go_on(void)
{
    calls.paused = false;
}

void record_free(struct record *record)
{
    for (uint32_t i = 0; i < record->n; i++) free(record->op[i].data);
    free(record->op);
    for (int i = 0; i < RECORD_FILES; i++) free(record->content[i].p);
    *record = (struct record){0};
}

void calls_seed(uint64_t seed)
{
    calls.seed = seed;
}

/* ---- the calls: the C library first, then the record --------------------------------------------------------------------- */

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): theirs are reserved names */

static void opened(int fd, const char *path, int flags)
{
    if (fd < 0 || fd >= FDS) return;
    calls.fd[fd] = NOT_OURS + 2;
    if (!calls.record || calls.paused) return;
    size_t n = strlen(calls.record->folder);
    if (strncmp(path, calls.record->folder, n) == 0 && path[n + (path[n] == '/')] == 0)
        calls.fd[fd] = FOLDER + 2;
    int name = name_of(path);
    if (name < 0) return;
    if (calls.now[name] < 0) {
        calls.now[name] = new_file();
        note((struct op){.kind = OP_CREATE, .name = (uint8_t)name, .file = (uint16_t)calls.now[name]}, NULL);
    }
    calls.fd[fd] = calls.now[name] + 2;
    if (flags & O_TRUNC) note_size(calls.now[name], 0);
}

int open(const char *path, int flags, ...)
{
    NEXT(open, "open64");
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    int fd = real(path, flags, mode);
    opened(fd, path, flags);
    return fd;
}

int close(int fd)
{
    NEXT(close, "close");
    int file = file_of(fd);
    if (file >= 0) catch_up(fd, file);
    if (fd >= 0 && fd < FDS) calls.fd[fd] = NOT_OURS + 2;
    return real(fd);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    NEXT(pwrite, "pwrite64");
    ssize_t done = real(fd, from, n, at);
    int file = file_of(fd);
    if (file >= 0 && done > 0) note_write(file, (uint64_t)at, from, (size_t)done);
    return done;
}

ssize_t write(int fd, const void *from, size_t n)
{
    NEXT(write, "write");
    int file = file_of(fd);
    off_t at = file >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real(fd, from, n);
    if (file >= 0 && done > 0) note_write(file, (uint64_t)at, from, (size_t)done);
    return done;
}

int ftruncate(int fd, off_t size)
{
    NEXT(ftruncate, "ftruncate64");
    int result = real(fd, size), file = file_of(fd);
    if (file >= 0 && result == 0) note_size(file, (uint64_t)size);
    return result;
}

int posix_fallocate(int fd, off_t at, off_t n)
{
    NEXT(posix_fallocate, "posix_fallocate64");
    int result = real(fd, at, n), file = file_of(fd);
    if (file >= 0 && result == 0 && calls.size[file] < (uint64_t)(at + n))
        note_size(file, (uint64_t)(at + n));
    return result;
}

static void synced(int fd)
{
    int file = file_of(fd);
    if (file == FOLDER) note((struct op){.kind = OP_SYNC_FOLDER}, NULL);
    if (file < 0) return;
    catch_up(fd, file);
    note((struct op){.kind = OP_SYNC, .file = (uint16_t)file}, NULL);
}

int fsync(int fd)
{
    NEXT(fsync, "fsync");
    int result = real(fd);
    if (result == 0) synced(fd);
    return result;
}

int fdatasync(int fd)
{
    NEXT(fdatasync, "fdatasync");
    int result = real(fd);
    if (result == 0) synced(fd);
    return result;
}

int rename(const char *from, const char *to)
{
    NEXT(rename, "rename");
    int result = real(from, to), error = errno, name = name_of(from), other = name_of(to);
    if (result == 0 && name >= 0 && other >= 0) {
        note((struct op){.kind = OP_RENAME,
                         .name = (uint8_t)name,
                         .to = (uint8_t)other,
                         .file = (uint16_t)calls.now[name]},
             NULL);
        calls.now[other] = calls.now[name];
        calls.now[name] = -1;
    }
    errno = error;
    return result;
}

int unlink(const char *path)
{
    NEXT(unlink, "unlink");
    int result = real(path), error = errno, name = name_of(path);
    if (result == 0 && name >= 0) {
        note((struct op){.kind = OP_UNLINK, .name = (uint8_t)name}, NULL);
        calls.now[name] = -1;
    }
    errno = error;
    return result;
}

ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    NEXT(getrandom, "getrandom");
    if (!calls.seed) return real(to, n, flags);
    for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)rc_mix(&calls.seed);
    return (ssize_t)n;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
