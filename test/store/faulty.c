/* The failing VFS. */
#include "faulty.h"

#include "through.h"

#include <string.h>

static struct {
    struct through through;
    uint32_t calls[4][2];
    bool armed;
    enum faulty_call call;
    enum faulty_file file;
    uint32_t skip, fired;
    int code;
} faulty;

static int fails(sqlite3_file *file, enum faulty_call call)
{
    enum faulty_file kind = (enum faulty_file)through_of(file)->kind;
    faulty.calls[call][kind]++;
    if (!faulty.armed || call != faulty.call || kind != faulty.file) return SQLITE_OK;
    if (faulty.skip > 0) {
        faulty.skip--;
        return SQLITE_OK;
    }
    faulty.fired++;
    return faulty.code;
}

static int f_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    sqlite3_file *real = through_real(file);
    int code = fails(file, FAULTY_WRITE);
    int half = real->pMethods->xWrite(real, from, code == SQLITE_OK ? n : n / 2, at);
    return code == SQLITE_OK ? half : code;
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = through_real(file);
    int code = fails(file, FAULTY_TRUNCATE);
    return code == SQLITE_OK ? real->pMethods->xTruncate(real, size) : code;
}

static int f_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *real = through_real(file);
    int code = fails(file, FAULTY_SYNC);
    return code == SQLITE_OK ? real->pMethods->xSync(real, flags) : code;
}

static int f_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    sqlite3_file *real = through_real(file);
    int code = fails(file, FAULTY_SHM);
    return code == SQLITE_OK ? real->pMethods->xShmMap(real, page, size, extend, ret) : code;
}

static int kind_of(int flags)
{
    return flags & SQLITE_OPEN_WAL ? FAULTY_LOG : FAULTY_MAIN;
}

void faulty_install(void)
{
    memset(&faulty, 0, sizeof faulty);
    through_make(&faulty.through, "faulty", kind_of);
    faulty.through.methods.xWrite = f_write;
    faulty.through.methods.xTruncate = f_truncate;
    faulty.through.methods.xSync = f_sync;
    faulty.through.methods.xShmMap = f_shm_map;
    through_install(&faulty.through);
}

void faulty_remove(void)
{
    through_remove(&faulty.through);
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
