/* What is gathered stands in `bytes`, for the place `at` in the file. The file's own methods stand behind; the struct begins with the methods
 * that take their place, so that a method finds its struct by the file. */
#include "store/sqlite/gather.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    GATHER_MAX = 128 * 1024 - 1
}; /* SQLite's files for Unix take no more at a time (os_unix.c, seekAndWriteFd) */

struct sq_gather {
    sqlite3_io_methods methods; /* first: the file points here */
    const sqlite3_io_methods *real;
    sqlite3_file *file;
    sqlite3_int64 at;
    int n;
    bool direct; /* nothing is gathered any more */
    unsigned char bytes[GATHER_MAX];
};

static struct sq_gather *gather_of(const sqlite3_file *file)
{
    return (struct sq_gather *)(void *)(uintptr_t)file->pMethods;
}

/* What was gathered goes out. Where it cannot, it is forgotten: SQLite hears of it and takes the transaction back. */
static int put_out(sqlite3_file *file)
{
    struct sq_gather *gather = gather_of(file);
    int n = gather->n;
    gather->n = 0;
    return n ? gather->real->xWrite(file, gather->bytes, n, gather->at) : SQLITE_OK;
}

static int gather_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    struct sq_gather *gather = gather_of(file);
    if (gather->n && (at != gather->at + gather->n || n > GATHER_MAX - gather->n)) {
        int code = put_out(file);
        if (code != SQLITE_OK) return code;
    }
    if (gather->direct || n > GATHER_MAX) return gather->real->xWrite(file, from, n, at);
    if (gather->n == 0) gather->at = at;
    memcpy(gather->bytes + gather->n, from, (size_t)n);
    gather->n += n;
    return SQLITE_OK;
}

static int gather_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    int code = put_out(file);
    return code == SQLITE_OK ? gather_of(file)->real->xRead(file, to, n, at) : code;
}

static int gather_sync(sqlite3_file *file, int flags)
{
    int code = put_out(file);
    return code == SQLITE_OK ? gather_of(file)->real->xSync(file, flags) : code;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = put_out(file);
    return code == SQLITE_OK ? gather_of(file)->real->xTruncate(file, size) : code;
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    int code = put_out(file);
    return code == SQLITE_OK ? gather_of(file)->real->xFileSize(file, ret) : code;
}

static int gather_close(sqlite3_file *file)
{
    int written = put_out(file), closed = gather_of(file)->real->xClose(file);
    return written == SQLITE_OK ? closed : written;
}

/* A fold asks for the locks of readers before it writes. Where it does not get one, it ends at that reader's state, without a sync, and
 * moves its mark all the same. */
static int gather_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct sq_gather *gather = gather_of(file);
    int code = gather->real->xShmLock(file, offset, n, flags);
    if (code == SQLITE_BUSY) gather->direct = true;
    return code;
}

struct sq_gather *sq_gather_begin(sqlite3 *db, enum sq_gathered which)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(db, "main", (int)which, &file);
    struct sq_gather *gather = code == SQLITE_OK && file && file->pMethods ? malloc(sizeof *gather) : NULL;
    if (!gather) return NULL;
    gather->file = file;
    gather->real = file->pMethods;
    gather->methods = *file->pMethods; /* the others take the same file and need no change */
    gather->methods.xWrite = gather_write;
    gather->methods.xRead = gather_read;
    gather->methods.xSync = gather_sync;
    gather->methods.xTruncate = gather_truncate;
    gather->methods.xFileSize = gather_size;
    gather->methods.xClose = gather_close;
    if (gather->methods.xShmLock) gather->methods.xShmLock = gather_lock;
    gather->n = 0;
    gather->direct = false;
    file->pMethods = &gather->methods;
    return gather;
}

bool sq_gather_end(struct sq_gather *gather)
{
    bool all = !gather || !gather->n;
    if (gather) gather->file->pMethods = gather->real;
    free(gather);
    return all;
}

void sq_gather_free(struct sq_gather *gather)
{
    free(gather);
}
