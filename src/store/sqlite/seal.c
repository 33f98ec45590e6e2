/* A seal on every page, so that bits that change on the disk are found before anybody believes them.
 *
 * SQLite finds a page whose structure does not fit, but not a number or a word in it that has become another one. So the store's files
 * are opened through a VFS of our own, which hands everything on to the default one, puts a seal into the last SQ_SEAL bytes of each page
 * that goes into the database file or into the log, and holds it against each page that comes back. The seal is a hash of the page's
 * other bytes and of its number. SQLite leaves these bytes alone ("reserved space" in sqlite.org/fileformat2), so every other program can
 * read the file, and fold its log; but a page that another program changes has no seal.
 *
 * THE LOG. SQLite writes the head of a frame, with a checksum over all before it and over the page as it was without the seal, and then
 * the page. So the head waits here until its page comes; then the chain of checksums is made anew over what is written. It starts from
 * what stands in the file, and a recovery reads no other. Within a large transaction SQLite may write a page of a frame again, and all
 * heads from there on later: a head that no page follows is linked to the page that is there.
 *
 * What does not fit is SQLITE_IOERR_DATA, which db.c makes RC_DAMAGED of; sq_broken says which page it was.
 *
 * So is a page that the disk does not give, again and again: again.c.
 *
 * A whole page that is missing, or was never written, is broken, too: in a log's database every page has been in the log before. */
#include "store/sqlite/seal.h"

#include <endian.h>

enum { LEAST_PAGE = 512 };

enum kind { PAGES, LOG, OTHER };

struct sealed {
    sqlite3_file base;
    sqlite3_file *real; /* of the VFS below */
    enum kind kind;
    /* of a log: a head that waits for its page (NONE: there is none), and what the chain came to with the frame written last */
    sqlite3_int64 waiting, last;
    bool known, big; /* the byte order of its checksums */
    unsigned char head[SQ_FRAME_HEAD], sum[8];
};
#define NONE (-1)

bool sq_unsafe_no_seals;

static _Thread_local struct sq_broken broken;

struct sq_broken sq_broken(void)
{
    return broken;
}

static int is_broken(bool log, uint64_t number)
{
    broken = (struct sq_broken){.log = log, .number = number};
    return sq_unsafe_no_seals ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static sqlite3_vfs *below(void)
{
    return sqlite3_vfs_find(NULL); /* asked each time: a test may have put one of its own there */
}

static sqlite3_file *real_of(sqlite3_file *base)
{
    return ((struct sealed *)(void *)base)->real;
}

/* ---- pages -------------------------------------------------------------------------------------------------------- */

static uint64_t le64(const unsigned char *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return le64toh(n);
}

enum { LANES = 4 }; /* side by side, so that a step need not wait for the one before it */

/* Different states become different ones. The odd number is SplitMix64's. */
static uint64_t step(uint64_t h)
{
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 29;
}

uint64_t sq_seal(const unsigned char *page, uint64_t number)
{
    enum { WORDS = (SQ_PAGE - SQ_SEAL) / 8 };
    uint64_t lane[LANES], h = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned k = 0; k < LANES; k++) lane[k] = h + k;
    unsigned i = 0;
    for (; i + LANES <= WORDS; i += LANES)
        for (unsigned k = 0; k < LANES; k++) lane[k] = step(lane[k] ^ le64(page + (size_t)8 * (i + k)));
    for (; i < WORDS; i++) lane[i % LANES] = step(lane[i % LANES] ^ le64(page + (size_t)8 * i));
    /* a change within eight bytes changes one lane, and with that the whole */
    for (unsigned k = 0; k < LANES; k++) h = step(h ^ lane[k]);
    return h;
}

static int read_page(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(base);
    int code = sq_read(real, to, n, at);
    if (code == SQLITE_IOERR_READ && n == SQ_PAGE) code = sq_read_again(real, to, at);
    if (code == SQLITE_IOERR_DATA)
        broken = (struct sq_broken){.number = (uint64_t)at / SQ_PAGE + 1, .refused = true};
    /* less than a page: the file's header, which SQLite looks at before it reads the first page */
    if (n < LEAST_PAGE || (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)) return code;
    uint64_t number = (uint64_t)at / SQ_PAGE + 1;
    if (code != SQLITE_OK || n != SQ_PAGE || at % SQ_PAGE) return is_broken(false, number);
    const unsigned char *page = to;
    return le64(page + SQ_PAGE - SQ_SEAL) == sq_seal(page, number) ? SQLITE_OK : is_broken(false, number);
}

static void put_seal(unsigned char page[SQ_PAGE], uint64_t number)
{
    uint64_t seal = sq_seal(page, number);
    for (unsigned i = 0; i < SQ_SEAL; i++) page[SQ_PAGE - SQ_SEAL + i] = (unsigned char)(seal >> 8 * i);
}

/* Pages that lie one behind the other (gather.c): sealed in a copy, as many as there is memory for. */
static int write_pages(sqlite3_file *base, const void *from, int n, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(base);
    if (n % SQ_PAGE || at % SQ_PAGE) return real->pMethods->xWrite(real, from, n, at);
    unsigned char one[SQ_PAGE], *many = n > SQ_PAGE ? sqlite3_malloc(n) : NULL;
    int piece = many ? n : SQ_PAGE, code = SQLITE_OK;
    for (int done = 0; code == SQLITE_OK && done < n; done += piece) {
        unsigned char *copy = many ? many : one;
        memcpy(copy, (const unsigned char *)from + done, (size_t)piece);
        for (int i = 0; i < piece; i += SQ_PAGE) put_seal(copy + i, (uint64_t)(at + done + i) / SQ_PAGE + 1);
        code = real->pMethods->xWrite(real, copy, piece, at + done);
    }
    sqlite3_free(many);
    return code;
}

/* ---- the log ------------------------------------------------------------------------------------------------------ */

static sqlite3_int64 frame_of(sqlite3_int64 at)
{
    return at < SQ_LOG_HEAD ? NONE : (at - SQ_LOG_HEAD) / SQ_FRAME;
}

static sqlite3_int64 begin_of(sqlite3_int64 frame)
{
    return SQ_LOG_HEAD + frame * SQ_FRAME;
}

static int learn_order(struct sealed *file)
{
    unsigned char magic[4];
    int code = sq_read(file->real, magic, sizeof magic, 0);
    file->known = code == SQLITE_OK;
    file->big = file->known && (magic[3] & 1);
    return code;
}

/* Links a frame to the one before it. */
static int link_frame(struct sealed *file, sqlite3_int64 frame, unsigned char head[SQ_FRAME_HEAD],
                      const unsigned char *page)
{
    uint32_t sum[2];
    int code = file->known ? SQLITE_OK : learn_order(file);
    if (code == SQLITE_OK && (frame == 0 || file->last != frame - 1))
        code = sq_read(file->real, file->sum, sizeof file->sum, begin_of(frame) - (frame ? SQ_PAGE + 8 : 8));
    if (code != SQLITE_OK) return code;
    for (unsigned i = 0; i < 2; i++) sum[i] = sq_be32(file->sum + 4 * (size_t)i);
    sq_log_add(sum, head, 8, file->big);
    sq_log_add(sum, page, SQ_PAGE, file->big);
    for (unsigned i = 0; i < 8; i++) file->sum[i] = (unsigned char)(sum[i / 4] >> (24 - 8 * (i % 4)));
    memcpy(head + 16, file->sum, sizeof file->sum);
    file->last = frame;
    return SQLITE_OK;
}

/* The head that waits belongs to a page that is there. */
static int settle_head(struct sealed *file)
{
    unsigned char page[SQ_PAGE];
    sqlite3_int64 frame = file->waiting;
    if (frame == NONE) return SQLITE_OK;
    file->waiting = NONE;
    int code = sq_read(file->real, page, sizeof page, begin_of(frame) + SQ_FRAME_HEAD);
    if (code == SQLITE_OK) code = link_frame(file, frame, file->head, page);
    if (code == SQLITE_OK)
        code = file->real->pMethods->xWrite(file->real, file->head, SQ_FRAME_HEAD, begin_of(frame));
    if (code != SQLITE_OK) file->last = NONE;
    return code;
}

static int read_frame(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
    struct sealed *file = (struct sealed *)(void *)base;
    unsigned char number[4];
    int code = settle_head(file);
    if (code == SQLITE_OK) code = sq_read(file->real, to, n, at);
    /* other lengths: SQLite reads heads, and whole frames whose sums it takes itself */
    if (code != SQLITE_OK || n != SQ_PAGE) return code;
    code = sq_read(file->real, number, sizeof number, at - SQ_FRAME_HEAD);
    if (code != SQLITE_OK) return code;
    const unsigned char *page = to;
    return le64(page + SQ_PAGE - SQ_SEAL) == sq_seal(page, sq_be32(number))
               ? SQLITE_OK
               : is_broken(true, (uint64_t)frame_of(at) + 1);
}

/* A page whose frame has its head already. */
static int write_again(struct sealed *file, unsigned char *page, sqlite3_int64 at)
{
    unsigned char number[4];
    int code = sq_read(file->real, number, sizeof number, at - SQ_FRAME_HEAD);
    if (code != SQLITE_OK) return code;
    put_seal(page, sq_be32(number));
    file->last = NONE;
    return file->real->pMethods->xWrite(file->real, page, SQ_PAGE, at);
}

/* n frames with their heads, sealed and linked in a copy. */
static int write_run(struct sealed *file, unsigned char *copy, const unsigned char *from, int n,
                     sqlite3_int64 frame)
{
    memcpy(copy, from, (size_t)n * SQ_FRAME);
    int code = SQLITE_OK;
    for (int i = 0; code == SQLITE_OK && i < n; i++) {
        unsigned char *head = copy + (size_t)i * SQ_FRAME, *page = head + SQ_FRAME_HEAD;
        put_seal(page, sq_be32(head));
        code = link_frame(file, frame + i, head, page);
    }
    if (code == SQLITE_OK)
        code = file->real->pMethods->xWrite(file->real, copy, n * SQ_FRAME, begin_of(frame));
    if (code != SQLITE_OK) file->last = NONE;
    return code;
}

static int write_frames(struct sealed *file, const unsigned char *from, int n, sqlite3_int64 frame)
{
    unsigned char one[SQ_FRAME], *many = n > 1 ? sqlite3_malloc(n * SQ_FRAME) : NULL;
    int piece = many ? n : 1, code = SQLITE_OK;
    for (int done = 0; code == SQLITE_OK && done < n; done += piece)
        code = write_run(file, many ? many : one, from + (size_t)done * SQ_FRAME, piece, frame + done);
    sqlite3_free(many);
    return code;
}

/* The page whose head waits, or one whose frame has its head already. */
static int write_one(struct sealed *file, const unsigned char *from, sqlite3_int64 frame)
{
    unsigned char whole[SQ_FRAME];
    memcpy(whole + SQ_FRAME_HEAD, from, SQ_PAGE);
    if (file->waiting != frame)
        return write_again(file, whole + SQ_FRAME_HEAD, begin_of(frame) + SQ_FRAME_HEAD);
    memcpy(whole, file->head, SQ_FRAME_HEAD);
    file->waiting = NONE;
    return write_frames(file, whole, 1, frame);
}

/* Heads and pages, alone or many of them one behind the other. */
static int write_log(sqlite3_file *base, const void *bytes, int n, sqlite3_int64 at)
{
    struct sealed *file = (struct sealed *)(void *)base;
    const unsigned char *from = bytes;
    int code = SQLITE_OK, piece;
    for (; code == SQLITE_OK && n > 0; from += piece, at += piece, n -= piece) {
        sqlite3_int64 frame = frame_of(at), within = frame == NONE ? 0 : at - begin_of(frame);
        bool head = frame != NONE && within == 0, page = within == SQ_FRAME_HEAD;
        if (!page || file->waiting != frame) code = settle_head(file);
        if (code != SQLITE_OK) return code;
        if (head && n >= SQ_FRAME) {
            piece = n / SQ_FRAME * SQ_FRAME;
            code = write_frames(file, from, n / SQ_FRAME, frame);
        } else if (head && n == SQ_FRAME_HEAD) {
            piece = n;
            memcpy(file->head, from, SQ_FRAME_HEAD);
            file->waiting = frame;
        } else if (page && n >= SQ_PAGE) {
            piece = SQ_PAGE;
            code = write_one(file, from, frame);
        } else { /* the log's own head, alone or before frames */
            piece = frame == NONE && n > SQ_LOG_HEAD - (int)at ? SQ_LOG_HEAD - (int)at : n;
            file->last = NONE;
            file->known = false;
            code = file->real->pMethods->xWrite(file->real, from, piece, at);
        }
    }
    return code;
}

/* ---- what is handed on -------------------------------------------------------------------------------------------- */

#define CALL(file, method, ...) real_of(file)->pMethods->method(real_of(file), __VA_ARGS__)

static int close_file(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);
    int settled = settle_head((struct sealed *)(void *)base), code = real->pMethods->xClose(real);
    sqlite3_free(real);
    return settled == SQLITE_OK ? code : settled;
}

static int read_file(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return sq_read(real_of(file), to, n, at);
}

static int write_file(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    return CALL(file, xWrite, from, n, at);
}

/* Before anything that looks at the file as it is. */
static int settled(sqlite3_file *file)
{
    return settle_head((struct sealed *)(void *)file);
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    int code = settled(file);
    return code == SQLITE_OK ? CALL(file, xTruncate, size) : code;
}

static int sync_file(sqlite3_file *file, int flags)
{
    int code = settled(file);
    return code == SQLITE_OK ? CALL(file, xSync, flags) : code;
}

static int size_of_file(sqlite3_file *file, sqlite3_int64 *ret)
{
    int code = settled(file);
    return code == SQLITE_OK ? CALL(file, xFileSize, ret) : code;
}

static int lock_file(sqlite3_file *file, int level)
{
    return CALL(file, xLock, level);
}

static int unlock_file(sqlite3_file *file, int level)
{
    return CALL(file, xUnlock, level);
}

static int is_reserved(sqlite3_file *file, int *ret)
{
    return CALL(file, xCheckReservedLock, ret);
}

static int control_file(sqlite3_file *file, int op, void *arg)
{
    return CALL(file, xFileControl, op, arg);
}

static int sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int map_index(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return CALL(file, xShmMap, page, size, extend, ret);
}

static int lock_index(sqlite3_file *file, int offset, int n, int flags)
{
    return CALL(file, xShmLock, offset, n, flags);
}

static void index_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int unmap_index(sqlite3_file *file, int remove)
{
    return CALL(file, xShmUnmap, remove);
}

#define METHODS(read, write)                                                                                 \
    {                                                                                                        \
        .iVersion = 2, .xClose = close_file, .xRead = (read), .xWrite = (write), .xTruncate = truncate_file, \
        .xSync = sync_file, .xFileSize = size_of_file, .xLock = lock_file, .xUnlock = unlock_file,           \
        .xCheckReservedLock = is_reserved, .xFileControl = control_file, .xSectorSize = sector_size,         \
        .xDeviceCharacteristics = characteristics, .xShmMap = map_index, .xShmLock = lock_index,             \
        .xShmBarrier = index_barrier, .xShmUnmap = unmap_index                                               \
    }
static const sqlite3_io_methods methods[] = {
    /* version 2: no file is mapped, every page is read */
    [PAGES] = METHODS(read_page, write_pages),
    [LOG] = METHODS(read_frame, write_log),
    [OTHER] = METHODS(read_file, write_file),
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    (void)vfs;
    struct sealed *file = (struct sealed *)(void *)base;
    sqlite3_vfs *real = below();
    *file = (struct sealed){.kind = flags & SQLITE_OPEN_MAIN_DB ? PAGES
                                    : flags & SQLITE_OPEN_WAL   ? LOG
                                                                : OTHER,
                            .waiting = NONE,
                            .last = NONE};
    file->real = sqlite3_malloc(real->szOsFile);
    if (!file->real) return SQLITE_NOMEM;
    memset(file->real, 0, (size_t)real->szOsFile);
    int code = real->xOpen(real, name, file->real, flags, ret_flags);
    if (code == SQLITE_OK) {
        file->base.pMethods = &methods[file->kind];
        return SQLITE_OK;
    }
    if (file->real->pMethods) file->real->pMethods->xClose(file->real);
    sqlite3_free(file->real);
    return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    return below()->xDelete(below(), name, sync_folder);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    (void)vfs;
    return below()->xAccess(below(), name, flags, ret);
}

static int full_name(sqlite3_vfs *vfs, const char *name, int n, char *ret)
{
    (void)vfs;
    return below()->xFullPathname(below(), name, n, ret);
}

static int randomness(sqlite3_vfs *vfs, int n, char *ret)
{
    (void)vfs;
    return below()->xRandomness(below(), n, ret);
}

static int sleep_for(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return below()->xSleep(below(), us);
}

static int current_time(sqlite3_vfs *vfs, double *ret)
{
    (void)vfs;
    return below()->xCurrentTime(below(), ret);
}

static int last_error(sqlite3_vfs *vfs, int n, char *ret)
{
    (void)vfs;
    return below()->xGetLastError(below(), n, ret);
}

static int current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    (void)vfs;
    return below()->xCurrentTimeInt64(below(), ret);
}

void rc_sqlite_alone(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused, and no matter, once SQLite is in use */
}

int sq_open(const char *path, int flags, sqlite3 **ret)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .szOsFile = (int)sizeof(struct sealed),
                              .mxPathname = 512, /* as SQLite's own have it */
                              .zName = "recourse",
                              .xOpen = open_file,
                              .xDelete = delete_file,
                              .xAccess = access_file,
                              .xFullPathname = full_name,
                              .xRandomness = randomness,
                              .xSleep = sleep_for,
                              .xCurrentTime = current_time,
                              .xGetLastError = last_error,
                              .xCurrentTimeInt64 = current_time_ms};
    *ret = NULL;
    int code = sqlite3_vfs_find(vfs.zName) ? SQLITE_OK : sqlite3_vfs_register(&vfs, 0);
    return code == SQLITE_OK ? sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, vfs.zName) : code;
}
