/* Reads that the disk refuses.
 *
 * That a read failed is no damage: it may be the disk that is away. But a page that is refused again and again, while another one is given, is lost
 * like one whose bits have changed: damage of what stands in it, and no reason to stop serving the rest. */
#include "store/sqlite/seal.h"

int sq_read(sqlite3_file *real, void *to, int n, sqlite3_int64 at)
{
    int code = real->pMethods->xRead(real, to, n, at);
    return code == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : code;
}

int sq_read_again(sqlite3_file *real, void *to, sqlite3_int64 at)
{
    static const int pauses_us[] = {0, 10000, 40000, 200000};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    unsigned char other[SQ_PAGE];
    for (size_t i = 0; i < sizeof pauses_us / sizeof *pauses_us; i++) {
        int code = sq_read(real, other, SQ_PAGE, at ? 0 : SQ_PAGE);
        if (code != SQLITE_OK) return SQLITE_IOERR_READ;
        if (pauses_us[i]) vfs->xSleep(vfs, pauses_us[i]);
        code = sq_read(real, to, SQ_PAGE, at);
        if (code != SQLITE_IOERR_READ) return code;
    }
    return SQLITE_IOERR_DATA;
}
