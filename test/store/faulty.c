/* The failing VFS. */
#include "faulty.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    sqlite3_file base;
    enum faulty_file kind;
    sqlite3_file *real; /* behind this struct, in the memory that SQLite gives */
};

static struct {
    sqlite3_vfs vfs, *real;
    sqlite3_io_methods methods;
    uint32_t calls[4][2];
    bool armed;
    enum faulty_call call;
    enum faulty_file file;
    uint32_t skip, fired;
    int code;
} faulty;

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)(void *)file)->real;
}

static int fails(sqlite3_file *file, enum faulty_call call)
{
    enum faulty_file kind = ((struct file *)(void *)file)->kind;
    faulty.calls[call][kind]++;
    if (!faulty.armed || call != faulty.call || kind != faulty.file) return SQLITE_OK;
    if (faulty.skip > 0) {
        faulty.skip--;
        return SQLITE_OK;
    }
    faulty.fired++;
    return faulty.code;
}

static int f_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int f_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return real(file)->pMethods->xRead(real(file), to, n, at);
}

static int f_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    int code = fails(file, FAULTY_WRITE);
    int half = real(file)->pMethods->xWrite(real(file), from, code == SQLITE_OK ? n : n / 2, at);
    return code == SQLITE_OK ? half : code;
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = fails(file, FAULTY_TRUNCATE);
    return code == SQLITE_OK ? real(file)->pMethods->xTruncate(real(file), size) : code;
}

static int f_sync(sqlite3_file *file, int flags)
{
    int code = fails(file, FAULTY_SYNC);
    return code == SQLITE_OK ? real(file)->pMethods->xSync(real(file), flags) : code;
}

static int f_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int f_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int f_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int f_reserved(sqlite3_file *file, int *ret)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), ret);
}

static int f_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int f_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int f_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int f_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    int code = fails(file, FAULTY_SHM);
    return code == SQLITE_OK ? real(file)->pMethods->xShmMap(real(file), page, size, extend, ret) : code;
}

static int f_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int f_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    (void)vfs;
    struct file *file = (struct file *)(void *)base;
    file->real = (sqlite3_file *)(void *)(file + 1);
    file->kind = flags & SQLITE_OPEN_WAL ? FAULTY_LOG : FAULTY_MAIN;
    file->base.pMethods = NULL;
    int code = faulty.real->xOpen(faulty.real, name, file->real, flags, ret_flags);
    if (code == SQLITE_OK) file->base.pMethods = &faulty.methods;
    return code;
}

void faulty_install(void)
{
    memset(&faulty, 0, sizeof faulty);
    faulty.real = sqlite3_vfs_find(NULL);
    faulty.vfs = *faulty.real;
    faulty.vfs.zName = "faulty";
    faulty.vfs.szOsFile = (int)sizeof(struct file) + faulty.real->szOsFile;
    faulty.vfs.xOpen = f_open;
    faulty.methods = (sqlite3_io_methods){.iVersion = 2, /* no memory mapping */
                                          .xClose = f_close,
                                          .xRead = f_read,
                                          .xWrite = f_write,
                                          .xTruncate = f_truncate,
                                          .xSync = f_sync,
                                          .xFileSize = f_size,
                                          .xLock = f_lock,
                                          .xUnlock = f_unlock,
                                          .xCheckReservedLock = f_reserved,
                                          .xFileControl = f_control,
                                          .xSectorSize = f_sector,
                                          .xDeviceCharacteristics = f_device,
                                          .xShmMap = f_shm_map,
                                          .xShmLock = f_shm_lock,
                                          .xShmBarrier = f_shm_barrier,
                                          .xShmUnmap = f_shm_unmap};
    if (sqlite3_vfs_register(&faulty.vfs, 1) != SQLITE_OK) {
        fputs("the failing VFS cannot be registered\n", stderr);
        exit(1);
    }
}

void faulty_remove(void)
{
    sqlite3_vfs_unregister(&faulty.vfs);
    sqlite3_vfs_register(faulty.real, 1);
}

void faulty_fail(enum faulty_call call, enum faulty_file file, uint32_t skip, int code)
{
    faulty.armed = true;
    faulty.call = call;
    faulty.file = file;
    faulty.skip = skip;
    faulty.code = code;
    faulty.fired = 0;
}

uint32_t faulty_stop(void)
{
    faulty.armed = false;
    return faulty.fired;
}

uint32_t faulty_calls(enum faulty_call call, enum faulty_file file)
{
    return faulty.calls[call][file];
}
