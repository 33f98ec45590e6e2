/* The calls that are handed through. */
#include "through.h"

#include <stdio.h>
#include <stdlib.h>

static struct through *installed; /* xOpen is not told which VFS's methods to give */

#define CALL(file, method, ...) through_real(file)->pMethods->method(through_real(file), __VA_ARGS__)

static int t_close(sqlite3_file *file)
{
    return through_real(file)->pMethods->xClose(through_real(file));
}

static int t_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return CALL(file, xRead, to, n, at);
}

static int t_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    return CALL(file, xWrite, from, n, at);
}

static int t_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return CALL(file, xTruncate, size);
}

static int t_sync(sqlite3_file *file, int flags)
{
    return CALL(file, xSync, flags);
}

static int t_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return CALL(file, xFileSize, size);
}

static int t_lock(sqlite3_file *file, int level)
{
    return CALL(file, xLock, level);
}

static int t_unlock(sqlite3_file *file, int level)
{
    return CALL(file, xUnlock, level);
}

static int t_reserved(sqlite3_file *file, int *ret)
{
    return CALL(file, xCheckReservedLock, ret);
}

static int t_control(sqlite3_file *file, int op, void *arg)
{
    return CALL(file, xFileControl, op, arg);
}

static int t_sector(sqlite3_file *file)
{
    return through_real(file)->pMethods->xSectorSize(through_real(file));
}

static int t_device(sqlite3_file *file)
{
    return through_real(file)->pMethods->xDeviceCharacteristics(through_real(file));
}

static int t_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return CALL(file, xShmMap, page, size, extend, ret);
}

static int t_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return CALL(file, xShmLock, offset, n, flags);
}

static void t_shm_barrier(sqlite3_file *file)
{
    through_real(file)->pMethods->xShmBarrier(through_real(file));
}

static int t_shm_unmap(sqlite3_file *file, int remove)
{
    return CALL(file, xShmUnmap, remove);
}

static int t_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    (void)vfs;
    struct through_file *file = through_of(base);
    file->real = (sqlite3_file *)(void *)(file + 1);
    file->kind = installed->kind(flags);
    file->base.pMethods = NULL;
    int code = installed->real->xOpen(installed->real, name, file->real, flags, ret_flags);
    if (code == SQLITE_OK) file->base.pMethods = &installed->methods;
    return code;
}

void through_make(struct through *through, const char *name, int (*kind)(int flags))
{
    through->real = sqlite3_vfs_find(NULL);
    through->vfs = *through->real;
    through->vfs.zName = name;
    through->vfs.szOsFile = (int)sizeof(struct through_file) + through->real->szOsFile;
    through->vfs.xOpen = t_open;
    through->kind = kind;
    through->methods = (sqlite3_io_methods){.iVersion = 2, /* no memory mapping */
                                            .xClose = t_close,
                                            .xRead = t_read,
                                            .xWrite = t_write,
                                            .xTruncate = t_truncate,
                                            .xSync = t_sync,
                                            .xFileSize = t_size,
                                            .xLock = t_lock,
                                            .xUnlock = t_unlock,
                                            .xCheckReservedLock = t_reserved,
                                            .xFileControl = t_control,
                                            .xSectorSize = t_sector,
                                            .xDeviceCharacteristics = t_device,
                                            .xShmMap = t_shm_map,
                                            .xShmLock = t_shm_lock,
                                            .xShmBarrier = t_shm_barrier,
                                            .xShmUnmap = t_shm_unmap};
}

void through_install(struct through *through)
{
    installed = through;
    if (sqlite3_vfs_register(&through->vfs, 1) == SQLITE_OK) return;
    fprintf(stderr, "the VFS \"%s\" cannot be registered\n", through->vfs.zName);
    exit(1);
}

void through_remove(struct through *through)
{
    sqlite3_vfs_unregister(&through->vfs);
    sqlite3_vfs_register(through->real, 1);
    installed = NULL;
}
