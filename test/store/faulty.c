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
    uint32_t page, times; /* of reads; times 0: none fails */
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

static int f_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    enum { PAGE = 4096 };
    sqlite3_file *real = through_real(file);
    bool hit = !faulty.page ||
               (at < (sqlite3_int64)faulty.page * PAGE && at + n > (faulty.page - 1) * (sqlite3_int64)PAGE);
    if (!faulty.times || through_of(file)->kind != FAULTY_MAIN || !hit)
        return real->pMethods->xRead(real, to, n, at);
    faulty.times--;
    faulty.fired++;
    return SQLITE_IOERR_CORRUPTFS; /* as unix says where errno is EIO */
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
    faulty.through.methods.xRead = f_read;
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

void faulty_page(uint32_t page, uint32_t times)
{
    faulty.page = page;
    faulty.times = times;
    faulty.fired = 0;
}

uint32_t faulty_stop(void)
{
    faulty.times = 0;
    faulty.armed = false;
    return faulty.fired;
}

uint32_t faulty_calls(enum faulty_call call, enum faulty_file file)
{
    return faulty.calls[call][file];
}
