/* The log that another process has left behind: is it what a crash leaves? (seal.h)
 *
 * A transaction is written and synced before the next one is begun. So after a crash at any moment only frames of the last one can be
 * missing or torn. A frame that does not fit, with a transaction that ended behind it and then another one, was whole once. Frames of
 * the log before this one, which it has not written over yet, have other salts and another chain.
 *
 * Frames of a transaction that did not come to its commit have the salts of this log, and the next one is written over the first of them
 * only: torn itself, it would look like one that was whole once. So they are taken out when the log is taken over, and, where a
 * transaction was taken back that was larger than the page cache or met the disk's end, before the next one is begun. */
#include "store/sqlite/seal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the chain of checksums ------------------------------------------------------------------------------------------- */

static uint32_t le32(const unsigned char *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return le32toh(n);
}

void sq_log_add(uint32_t io_sum[2], const unsigned char *bytes, size_t n, bool big)
{
    uint32_t a = io_sum[0], b = io_sum[1];
    for (size_t i = 0; i < n; i += 8) {
        a += (big ? sq_be32(bytes + i) : le32(bytes + i)) + b;
        b += (big ? sq_be32(bytes + i + 4) : le32(bytes + i + 4)) + a;
    }
    io_sum[0] = a;
    io_sum[1] = b;
}

bool sq_log_fits(const unsigned char before[8], const unsigned char *head, const unsigned char *page,
                 bool big)
{
    uint32_t sum[2] = {sq_be32(before), sq_be32(before + 4)};
    sq_log_add(sum, head, 8, big);
    sq_log_add(sum, page, SQ_PAGE, big);
    return sum[0] == sq_be32(head + 16) && sum[1] == sq_be32(head + 20);
}

/* ---- looking at it ---------------------------------------------------------------------------------------------------- */

enum { TRIES = 3 };

struct scan {
    int fd;
    const char *name;
    bool settle, big, there; /* there: its head is, and fits */
    unsigned char head[SQ_LOG_HEAD], before[8], frame[SQ_FRAME];
    uint64_t believed,
        committed;        /* frames that SQLite will believe, and those of them up to the last commit */
    uint64_t behind;      /* of the same log, behind the first one that does not fit */
    bool ended, followed; /* a transaction ended there; and another one came then */
};

/* *ret_n: bytes that are there. */
static enum rc_status take(const struct scan *scan, void *to, size_t n, off_t at, size_t *ret_n,
                           struct rc_error *err)
{
    ssize_t got = pread(scan->fd, to, n, at);
    if (got < 0) return sq_io_error(scan->name, "cannot be read", err);
    if (scan->settle && got > 0 && pwrite(scan->fd, to, (size_t)got, at) != got)
        return sq_io_error(scan->name, "cannot be rewritten", err);
    *ret_n = (size_t)got;
    return RC_OK;
}

static bool only_zeros(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i]) return false;
    return true;
}

static bool head_fits(struct scan *scan)
{
    const unsigned char *head = scan->head;
    scan->big = head[3] & 1;
    uint32_t sum[2] = {0, 0};
    sq_log_add(sum, head, 24, scan->big);
    return (sq_be32(head) & 0xfffffffe) == 0x377f0682 && sq_be32(head + 4) == 3007000 &&
           sq_be32(head + 8) == SQ_PAGE && sum[0] == sq_be32(head + 24) && sum[1] == sq_be32(head + 28);
}

static void look_at(struct scan *scan, uint64_t number)
{
    const unsigned char *head = scan->frame;
    bool fits = sq_log_fits(scan->before, head, head + SQ_FRAME_HEAD, scan->big);
    bool salted = memcmp(head + 8, scan->head + 16, 8) == 0, end = sq_be32(head + 4) != 0;
    memcpy(scan->before, head + 16, sizeof scan->before);
    if (fits && salted && scan->believed == number) {
        scan->believed++;
        if (end) scan->committed = number + 1;
    } else if (salted ||
               (fits && scan->believed == number)) { /* the frames of the log before fit each other, too */
        scan->behind++;
        /* a torn frame says nothing: its head may be half of an older one's */
        scan->followed |= fits && scan->ended;
        scan->ended |= fits && end;
    }
}

/* A log's head is synced before the first frame: where it does not fit, nothing but itself may stand there. */
static enum rc_status scan_log(struct scan *scan, struct rc_error *err)
{
    size_t n = 0;
    enum rc_status status = take(scan, scan->head, sizeof scan->head, 0, &n, err);
    if (status != RC_OK || n < sizeof scan->head) return status;
    bool fits = scan->there = head_fits(scan), empty = true;
    memcpy(scan->before, scan->head + 24, sizeof scan->before);
    for (uint64_t i = 0; status == RC_OK; i++) {
        status = take(scan, scan->frame, sizeof scan->frame, (off_t)(SQ_LOG_HEAD + i * SQ_FRAME), &n, err);
        if (status != RC_OK || n == 0) break;
        if (!fits)
            empty = empty && only_zeros(scan->frame, n);
        else if (n == sizeof scan->frame)
            look_at(scan, i);
    }
    if (status == RC_OK && !fits && !empty)
        return rc_fail(err, RC_DAMAGED,
                       "%s: is damaged: the head of the log does not fit, and transactions stand behind it",
                       scan->name);
    return status;
}

static enum rc_status judge(const struct scan *scan, struct rc_error *err)
{
    if (!scan->followed) return RC_OK;
    return rc_fail(err, RC_DAMAGED,
                   "%s: is damaged: frame %llu of the log does not fit, and transactions that were whole "
                   "stand behind it",
                   scan->name, (unsigned long long)scan->believed + 1);
}

/* Whether the log is the one of the note, or a later one, and reaches as far. */
static enum rc_status hold_against(const struct scan *scan, const struct sq_note *note, struct rc_error *err)
{
    if (!note || note->frames == 0) return RC_OK;
    if (!scan->there)
        return rc_fail(err, RC_DAMAGED,
                       "%s: is missing or empty: it held what was committed last (%u frames); put it back",
                       scan->name, note->frames);
    uint32_t salt = sq_be32(scan->head + 16);
    if ((int32_t)(salt - note->salt) < 0)
        return rc_fail(err, RC_DAMAGED, "%s: is not the log that the store had, but an older or another one",
                       scan->name);
    if (salt != note->salt || scan->committed >= note->frames) return RC_OK;
    return rc_fail(err, RC_DAMAGED, "%s: is damaged: %u frames were committed, and %llu of them are whole",
                   scan->name, note->frames, (unsigned long long)scan->committed);
}

static const unsigned char no_head[SQ_FRAME_HEAD];

/* What stands behind the last commit was not acknowledged; from now on it is no frame of this log any more. */
static enum rc_status forget_rest(const struct scan *scan, struct rc_error *err)
{
    unsigned char head[SQ_FRAME_HEAD];
    for (uint64_t i = scan->committed;; i++) {
        off_t at = (off_t)(SQ_LOG_HEAD + i * SQ_FRAME);
        ssize_t got = pread(scan->fd, head, sizeof head, at);
        if (got < 0) return sq_io_error(scan->name, "cannot be read", err);
        if (got < (ssize_t)sizeof head) return RC_OK;
        if (memcmp(head + 8, scan->head + 16, 8) != 0) continue;
        if (pwrite(scan->fd, no_head, sizeof no_head, at) != (ssize_t)sizeof no_head)
            return sq_io_error(scan->name, "cannot be rewritten", err);
    }
}

enum rc_status sq_log_check(const char *path, bool settle, const struct sq_note *note, uint64_t *ret_lost,
                            struct rc_error *err)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s-wal", path); /* open.c has checked the length */
    *ret_lost = 0;
    int fd = open(name, (settle ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    struct scan scan = {.fd = fd, .name = name};
    if (fd < 0)
        return errno == ENOENT ? hold_against(&scan, note, err) : sq_io_error(name, "cannot be opened", err);
    enum rc_status status = RC_OK;
    /* where somebody writes meanwhile, what was half there is whole when it is looked at again */
    for (int i = 0; i < (settle ? 1 : TRIES); i++) {
        scan = (struct scan){.fd = fd, .name = name, .settle = settle};
        status = scan_log(&scan, err);
        if (status == RC_OK) status = judge(&scan, err);
        if (status == RC_OK) status = hold_against(&scan, note, err);
        if (status != RC_DAMAGED) break;
    }
    if (status == RC_OK && settle && scan.there) status = forget_rest(&scan, err);
    if (status == RC_OK && settle && fsync(fd) != 0) status = sq_io_error(name, "cannot be synced", err);
    close(fd);
    if (status == RC_OK) *ret_lost = scan.believed - scan.committed + scan.behind;
    return status;
}

/* The last frame of the last commit stands no longer where it stood: what was taken back had begun the log anew. */
static bool has_begun_anew(const struct scan *scan, uint32_t frames)
{
    unsigned char head[SQ_FRAME_HEAD];
    off_t at = (off_t)(SQ_LOG_HEAD + (uint64_t)(frames - 1) * SQ_FRAME);
    if (!frames || scan->committed || pread(scan->fd, head, sizeof head, at) != (ssize_t)sizeof head)
        return false;
    return memcmp(head + 8, scan->head + 16, 8) != 0 || sq_be32(head + 4) == 0;
}

/* The writer's log; NULL: it is not open. */
static sqlite3_file *open_log(const struct sq_store *store)
{
    sqlite3_file *log = NULL;
    int code = sqlite3_file_control(store->self.conn.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    return code == SQLITE_OK && log && log->pMethods ? log : NULL;
}

/* The scan has the log's file and name. */
static enum rc_status forget_in(struct sq_store *store, struct scan *scan, struct rc_error *err)
{
    enum rc_status status = scan_log(scan, err);
    bool known = scan->committed == store->log_frames || has_begun_anew(scan, store->log_frames);
    if (status == RC_DAMAGED || (status == RC_OK && scan->there && !known))
        return sq_unknown(store, SQLITE_CORRUPT, "what was committed is not found in the log", err);
    if (status == RC_OK && scan->committed == 0) store->log_frames = store->folded = store->tried = 0;
    if (status == RC_OK && scan->there) status = forget_rest(scan, err);
    if (status == RC_OK && fsync(scan->fd) != 0) status = sq_io_error(scan->name, "cannot be synced", err);
    return status;
}

enum rc_status sq_log_forget(struct sq_store *store, struct rc_error *err)
{
    sqlite3_file *log = open_log(store);
    sqlite3_int64 size = 0;
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s-wal", store->path);
    store->rest = log != NULL;
    if (!log) return RC_OK;
    /* what is gathered still goes out first */
    if (log->pMethods->xFileSize(log, &size) != SQLITE_OK) return sq_io_error(name, "cannot be written", err);
    struct scan scan = {.fd = open(name, O_RDWR | O_CLOEXEC), .name = name};
    if (scan.fd < 0) return sq_io_error(name, "cannot be opened", err);
    enum rc_status status = forget_in(store, &scan, err);
    close(scan.fd);
    store->rest = status != RC_OK;
    return status;
}

void sq_note_log(struct sq_store *store)
{
    sqlite3_file *log = open_log(store);
    unsigned char salt[4];
    struct sq_note note = {.frames = store->log_frames};
    if (!log || store->rest) return; /* what was taken back may have begun the log anew */
    if (log->pMethods->xRead(log, salt, sizeof salt, 16) != SQLITE_OK) return;
    for (unsigned i = 0; i < sizeof salt; i++) note.salt = note.salt << 8 | salt[i];
    (void)sq_note_put(store->lock, &note); /* behind what is: the log is looked at less closely */
}

enum { AHEAD_LEAST = 64, AHEAD = 256 }; /* frames: fewer ahead than these, and so many are added */

void sq_log_ahead(struct sq_store *store)
{
    static const unsigned char zeros[SQ_FRAME * 16];
    sqlite3_int64 end = SQ_LOG_HEAD + (sqlite3_int64)store->log_frames * SQ_FRAME;
    sqlite3_int64 least = end + AHEAD_LEAST * SQ_FRAME, to = end + AHEAD * SQ_FRAME;
    if (!store->self.conn.gather || !store->log_frames || least <= store->log_size) return;
    sqlite3_file *log = open_log(store);
    int code = log ? log->pMethods->xFileSize(log, &store->log_size) : SQLITE_ERROR;
    if (code != SQLITE_OK || least <= store->log_size || !sq_room_is_ample(&store->room)) return;
    if (store->log_size < end) return; /* it was cut: the next commit must find that (sq_still_there) */
    while (code == SQLITE_OK && store->log_size < to) {
        code = log->pMethods->xWrite(log, zeros, sizeof zeros, store->log_size);
        if (code == SQLITE_OK) store->log_size += (sqlite3_int64)sizeof zeros;
    }
    /* nobody needs the zeros: what was not written or synced now is so by a commit, which hears of it */
    (void)log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

enum rc_status sq_note_no_log(struct sq_store *store, struct rc_error *err)
{
    const struct sq_note none = {0};
    if (sq_note_put(store->lock, &none) && fsync(store->lock) == 0) return RC_OK;
    return rc_fail(err, RC_IO, "%s.lock: cannot be written: %s", store->path, strerror(errno));
}

enum rc_status sq_cut_log(struct sq_store *store, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    enum rc_status noted = sq_note_no_log(store, err);
    if (noted != RC_OK) return noted;
    sqlite3_busy_timeout(conn->db, 0);
    int code = sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(conn->db, SQ_BUSY_MS);
    if (code == SQLITE_OK) {
        store->log_frames = store->folded = store->tried = 0;
        store->log_size = 0;
        return RC_OK;
    }
    sq_note_log(store);
    if ((code & 0xff) == SQLITE_BUSY) return rc_fail(err, RC_BUSY, "%s: a reader holds the log", store->path);
    return sq_fail(conn, code, "cannot fold the log into the database", err);
}
