/* Life of a store: which file it is, creating it, looking at it before it is believed, opening and closing.
 *
 * CREATING is atomic: the file is made under PATH.new, synced, renamed, and the directory is synced.
 *
 * BEFORE A FILE IS BELIEVED. Always: its header (an SQLite file, of ours, not cut short) and the version of its schema.
 * When the last owner did not close it and it has at most CHECK_MAX bytes: SQLite's quick_check, which reads all of it.
 * A larger file is not read through at every crash; what is damaged in it shows as RC_DAMAGED when it is read.
 *
 * A COPY (backup.c) has no log until it is opened as a store, and its header says so. A log beside it is another store's, which SQLite
 * would take for its own and make one file of both.
 *
 * A LOG THAT WAS LEFT BEHIND (crash, or a disk that failed) is first written over itself and synced. For what is in the
 * page cache may never have reached the disk: after a failed fsync Linux holds such pages as clean. Recovery would
 * believe the cache, and the next power failure would take back what somebody was told. */
#include "store/sqlite/gather.h"
#include "base/place.h"
#include "store/sqlite/fresh.h"
#include "store/sqlite/keys.h"
#include "store/sqlite/seal.h"
#include "store/sqlite/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SUFFIX_MAX = 16,       /* "-wal", ".reserve", … */
    LEGACY = 1,            /* in an SQLite file's header: it has no log */
    HEADER = 100,          /* bytes of an SQLite file's header (sqlite.org/fileformat2) */
    CHECK_MAX = 256 << 20, /* bytes up to which a store that was not closed is read through */
    FIRST_BATCH = 1 << 16,
    BATCH_LIMIT = 64 << 20
};

enum rc_status sq_io_error(const char *path, const char *doing, struct rc_error *err)
{
    return rc_fail(err, errno == ENOSPC || errno == EDQUOT ? RC_FULL : RC_IO, "%s: %s: %s", path, doing,
                   strerror(errno));
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

/* The file behind the path, so that two names of one store have one lock; of a new one, its directory's. */
static enum rc_status resolve(const char *path, char **ret, struct rc_error *err)
{
    if (!path || !*path) return rc_fail(err, RC_INVALID, "the store needs a path");
    char full[PATH_MAX], folder[PATH_MAX];
    if (strlen(path) + SUFFIX_MAX >= PATH_MAX)
        return rc_fail(err, RC_INVALID, "the path of the store is too long");
    if (!realpath(path, full)) {
        if (errno != ENOENT) return sq_io_error(path, "cannot be opened", err);
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
        if (!realpath(folder, full)) {
            if (errno == ENOENT) return rc_fail(err, RC_IO, "%s: its directory does not exist", path);
            return sq_io_error(path, "cannot be opened", err);
        }
        size_t n = strlen(full);
        if (!*base || n + 1 + strlen(base) >= sizeof full)
            return rc_fail(err, RC_INVALID, "%s: no name of a file, or too long", path);
        snprintf(full + n, sizeof full - n, "%s%s", n > 1 ? "/" : "", base);
    }
    if (strlen(full) + SUFFIX_MAX >= PATH_MAX)
        return rc_fail(err, RC_INVALID, "the path of the store is too long");
    *ret = strdup(full);
    return *ret ? RC_OK : rc_fail(err, RC_NOMEM, "out of memory");
}

static const char *beside(const char *path, const char *suffix, char ret[PATH_MAX])
{
    snprintf(ret, PATH_MAX, "%s%s", path, suffix);
    return ret;
}

static bool holds_something(const char *path, const char *suffix)
{
    char name[PATH_MAX];
    struct stat st;
    return stat(beside(path, suffix, name), &st) == 0 && st.st_size > 0;
}

static bool exists(const char *path, const char *suffix)
{
    char name[PATH_MAX];
    return access(beside(path, suffix, name), F_OK) == 0;
}

/* ---- creating ----------------------------------------------------------------------------------------------------- */

static enum rc_status fill_new(const char *name, struct rc_error *err)
{
    struct sq_conn conn = {.path = name};
    int code = sq_open(name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &conn.db), seal = SQ_SEAL;
    if (code == SQLITE_OK) code = sqlite3_file_control(conn.db, "main", SQLITE_FCNTL_RESERVE_BYTES, &seal);
    enum rc_status status = sq_fail(&conn, code, "cannot be created", err);
    /* nothing in it is worth a journal: a crash here leaves a file that the next start removes */
    if (status == RC_OK)
        status =
            sq_exec(&conn, "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
    if (status == RC_OK) status = sq_migrate(&conn, err);
    if (status == RC_OK) status = sq_write_words(&conn, err);
    if (status == RC_OK) status = sq_exec(&conn, "PRAGMA journal_mode=WAL", err);
    sq_conn_close(&conn);
    return status;
}

static enum rc_status create(const char *path, struct rc_error *err)
{
    static const char *const left_over[] = {".new", ".new-wal", ".new-shm", ".new-journal"};
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof left_over / sizeof *left_over; i++)
        if (unlink(beside(path, left_over[i], name)) != 0 && errno != ENOENT)
            return sq_io_error(name, "cannot be removed", err);
    /* what people submitted is nobody else's to read; SQLite gives the log the same mode */
    int fd = open(beside(path, ".new", name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) return sq_io_error(name, "cannot be created", err);
    close(fd);
    enum rc_status status = fill_new(name, err);
    if (status == RC_OK) status = rc_place(name, path, err);
    if (status != RC_OK) unlink(name);
    return status;
}

/* ---- looking at what is there ------------------------------------------------------------------------------------- */

static enum rc_status check_header(const char *path, const unsigned char *head, uint64_t size,
                                   struct rc_error *err)
{
    if (size == 0)
        return rc_fail(err, RC_DAMAGED, "%s: is empty, which a store never is; remove it to begin anew",
                       path);
    if (size < HEADER || memcmp(head, "SQLite format 3", 16) != 0)
        return rc_fail(err, RC_DAMAGED, "%s: is not a store of Recourse (no SQLite database)", path);
    if (sq_be32(head + 68) != SQ_APPLICATION_ID)
        return rc_fail(err, RC_DAMAGED, "%s: is an SQLite database, but not a store of Recourse", path);
    /* before the first page is held against its seal, which may be another one in that version */
    if (sq_be32(head + 60) > sq_schema_version)
        return rc_fail(err, RC_NEWER,
                       "%s: written by a newer version of Recourse (schema %u; this one knows up to %u)",
                       path, (unsigned)sq_be32(head + 60), (unsigned)sq_schema_version);
    uint64_t page = (uint64_t)head[16] << 8 | head[17], pages = sq_be32(head + 28);
    if (page != SQ_PAGE || head[20] != SQ_SEAL)
        return rc_fail(err, RC_DAMAGED,
                       "%s: is damaged: its header says pages of %llu bytes, of which %u are not used", path,
                       (unsigned long long)page, head[20]);
    /* while pages stand in the log, the file may be shorter than its first page says */
    if (size < page * pages && !holds_something(path, "-wal"))
        return rc_fail(err, RC_DAMAGED, "%s: is cut short: %llu bytes, and its header says %llu", path,
                       (unsigned long long)size, (unsigned long long)(page * pages));
    return RC_OK;
}

/* Reads the header with a descriptor of its own, which is closed before SQLite opens the file: closing any descriptor of
 * a file drops all POSIX locks of the process on it, SQLite's too. */
static enum rc_status check_file(const char *path, uint64_t *ret_size, bool *ret_copy, struct rc_error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return rc_fail(err, RC_IO, "%s: no permission to read and write it", path);
    if (fd < 0) return sq_io_error(path, "cannot be opened", err);
    unsigned char head[HEADER] = {0};
    struct stat st;
    ssize_t n = pread(fd, head, sizeof head, 0);
    bool failed = n < 0 || fstat(fd, &st) != 0;
    enum rc_status status = failed ? sq_io_error(path, "cannot be read", err) : RC_OK;
    close(fd);
    if (status == RC_OK) status = check_header(path, head, (uint64_t)st.st_size, err);
    if (status != RC_OK) return status;
    *ret_size = (uint64_t)st.st_size;
    *ret_copy = head[18] == LEGACY;
    return RC_OK;
}

enum { FOUND_MAX = 200 };

/* One run of a check: SQLITE_OK, SQLITE_CORRUPT with what it found first, or why it could not be made. */
static int check_once(sqlite3 *db, const char *pragma, char ret_found[FOUND_MAX])
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        const char *found = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(ret_found, FOUND_MAX, "%s", found ? found : "");
        code = !found ? SQLITE_NOMEM : strcmp(found, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    sqlite3_finalize(stmt);
    return code;
}

/* SQLite puts a page that it could not read among what it finds, mostly with the code of the failure. That the disk refused to give a page says
 * nothing of what stands in it. SQLITE_CORRUPT where there is no such code. */
static int refused_in(const char *found)
{
    static const char mark[] = "error code=";
    const char *at = strstr(found, mark);
    long code = at ? strtol(at + sizeof mark - 1, NULL, 10) : SQLITE_OK;
    return (code & 0xff) == SQLITE_IOERR ? (int)code : SQLITE_CORRUPT;
}

enum rc_status sq_integrity(struct sq_conn *conn, const char *pragma, struct rc_error *err)
{
    char found[FOUND_MAX], again[FOUND_MAX];
    int code = check_once(conn->db, pragma, found);
    /* a page that is damaged is so the second time, too */
    if (code == SQLITE_CORRUPT && check_once(conn->db, pragma, again) == SQLITE_OK) code = SQLITE_IOERR_READ;
    if (code == SQLITE_CORRUPT) code = refused_in(found);
    if (code != SQLITE_CORRUPT) return sq_fail(conn, code, "cannot be checked", err);
    const char *line =
        strncmp(found, "***", 3) == 0 ? strchr(found, '\n') : NULL; /* the name of the database */
    return rc_fail(err, RC_DAMAGED, "%s: is damaged: %s", conn->path, line ? line + 1 : found);
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static int on_commit(void *arg, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct sq_store *)arg)->log_frames = (uint32_t)frames;
    return SQLITE_OK;
}

/* What is not believed is left as it is until here. */
static enum rc_status fold_at_close(struct sq_conn *conn, struct rc_error *err)
{
    return sq_fail(conn, sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL),
                   "cannot be set up", err);
}

static enum rc_status open_writer(struct sq_store *store, const struct rc_sqlite_options *options, bool clean,
                                  const struct sq_note *note, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    uint64_t size = 0;
    bool copy = false;
    enum rc_status status = check_file(store->path, &size, &copy, err);
    bool log = holds_something(store->path, "-wal");
    uint64_t lost = 0;
    if (status == RC_OK && copy && log)
        status =
            rc_fail(err, RC_DAMAGED,
                    "%s: is a copy, and the log of another store stands beside it: remove %s-wal and %s-shm",
                    store->path, store->path, store->path);
    if (status == RC_OK && !copy) status = sq_log_check(store->path, true, note, &lost, err);
    if (status == RC_OK && lost)
        rc_fail(
            &store->note, RC_OK,
            "%s-wal: the last transaction is not whole, and nobody was told of it: %llu frames are left out",
            store->path, (unsigned long long)lost);
    if (status == RC_OK) status = sq_conn_open(conn, store->path, SQ_WRITER, options->unsafe_no_sync, err);
    if (status == RC_OK && copy) status = sq_exec(conn, "PRAGMA journal_mode=WAL", err);
    if (status == RC_OK) status = sq_migrate(conn, err);
    if (status == RC_OK && (log || !clean) && size <= CHECK_MAX)
        status = sq_check_tables(conn, &store->note, err);
    if (status == RC_OK) status = sq_write_words(conn, err);
    if (status == RC_OK) status = fold_at_close(conn, err);
    if (status != RC_OK) return status;
    store->believed = true;
    sqlite3_wal_hook(conn->db, on_commit, store);
    /* what was left in the log is folded, so that the log begins anew */
    status = log ? sq_fold(store, err) : RC_OK;
    if (status == RC_FULL) status = RC_OK; /* it is good where it is */
    if (status == RC_OK) status = sq_high(conn, &store->high, err);
    if (status == RC_OK) sq_keys_begin(store->keys, store->high.seq);
    store->base.more = store->keys->unread != 0;
    if (status == RC_OK) status = sq_life_open(store, options->unsafe_no_sync, err);
    if (status == RC_OK) status = sq_fresh_load(store, options->index_after, err);
    conn->keys = store->keys;
    conn->fresh = store->fresh;
    if (status == RC_OK && !options->unsafe_no_sync) conn->gather = sq_gather_begin(conn->db, SQ_GATHER_LOG);
    return status;
}

static enum rc_status open_store(struct sq_store *store, const struct rc_sqlite_options *options,
                                 struct rc_error *err)
{
    enum rc_status status = resolve(options->path, &store->path, err);
    if (status != RC_OK) return status;
    struct stat st;
    if (stat(store->path, &st) == 0 && !S_ISREG(st.st_mode))
        return rc_fail(err, RC_IO, "%s: is no regular file", store->path);
    bool clean = false;
    struct sq_note note = {0};
    status = sq_lock(store->path, &store->lock, &clean, &note, err);
    if (status != RC_OK) return status;
    if (access(store->path, F_OK) != 0) {
        if (errno != ENOENT) return sq_io_error(store->path, "cannot be opened", err);
        if (holds_something(store->path, "-wal"))
            return rc_fail(err, RC_DAMAGED, "%s: is missing, but its log %s-wal is there: put the store back",
                           store->path, store->path);
        if (exists(store->path, ".reserve"))
            return rc_fail(err, RC_DAMAGED,
                           "%s: is missing, but its reserve %s.reserve is there: put the store back, or "
                           "remove the reserve, too, "
                           "to begin anew",
                           store->path, store->path);
        note.frames = 0;
        status = create(store->path, err);
        if (status != RC_OK) return status;
    }
    store->batch = rc_arena_new(FIRST_BATCH, BATCH_LIMIT);
    store->text = rc_arena_new(FIRST_BATCH, BATCH_LIMIT);
    store->keys = calloc(1, sizeof *store->keys);
    store->fresh = calloc(1, sizeof *store->fresh);
    if (!store->batch || !store->text || !store->keys || !store->fresh)
        return rc_fail(err, RC_NOMEM, "out of memory");
    status = sq_guard(store->path, &store->guard, err);
    if (status == RC_OK) status = open_writer(store, options, clean, &note, err);
    if (status == RC_OK) sq_room_open(&store->room, store->path, options);
    return status;
}

/* SQLite folds the log when its last connection is closed, and removes it: then there is none to be missed. The folding, and the note
 * of it, come first and are synced, so that a power cut does not leave a note of a log that is gone. A log that is still needed keeps its
 * note, also where it is not there any more: somebody else has removed it then, and the next one who opens the store must say so.
 * Returns whether nothing is needed but the database. */
static bool close_writer(struct sq_store *store)
{
    bool sound = store->believed && !atomic_load(&store->base.poisoned);
    bool folded = sound && store->folded == store->log_frames;
    if (sound && holds_something(store->path, "-wal"))
        folded = sq_fold(store, NULL) == RC_OK && store->all_folded;
    /* a note that cannot be taken back keeps the log: it would be missed */
    if (folded) folded = sq_note_no_log(store, NULL) == RC_OK;
    if (!folded) (void)sqlite3_db_config(store->self.conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sound && !store->noted) sq_life_note(store);
    sq_conn_close(&store->self.conn);
    return folded;
}

/* `clean`: everything is in order, and the next opening need not look closely. */
static void free_store(struct sq_store *store, bool clean)
{
    if (store->self.conn.db && !close_writer(store)) clean = false;
    if (store->guard >= 0) close(store->guard);
    sq_life_close(store);
    sq_room_close(&store->room);
    if (store->lock >= 0) sq_unlock(store->lock, clean);
    rc_arena_free(store->batch);
    rc_arena_free(store->text);
    rc_map_free(&store->by_seq);
    if (store->keys) sq_keys_free(store->keys);
    free(store->keys);
    if (store->fresh) sq_fresh_free(store->fresh);
    free(store->fresh);
    free(store->path);
    free(store);
}

enum rc_status rc_sqlite_open(const struct rc_sqlite_options *options, struct rc_store **ret,
                              struct rc_error *err)
{
    struct sq_store *store = calloc(1, sizeof *store);
    if (!store) return rc_fail(err, RC_NOMEM, "out of memory");
    store->lock = store->guard = store->room.fd = store->life = -1;
    store->base.driver = store->self.base.driver = &sq_driver;
    store->base.self = &store->self.base;
    store->self.base.store = &store->base;
    enum rc_status status = open_store(store, options, err);
    if (status != RC_OK) {
        free_store(store, false);
        return status;
    }
    *ret = &store->base;
    return RC_OK;
}

static void close_store(struct rc_store *base)
{
    free_store(sq_store_of(base), !atomic_load(&base->poisoned));
}

/* How many instructions of SQLite's run until it is asked again: a millisecond's, or less. */
enum { WATCH_EVERY = 4000 };

/* Ends the statement once: what ends a read, and its view, must work then. */
static int watch(void *context)
{
    struct rc_reader *reader = context;
    return !reader->over && rc_reader_is_over(reader);
}

static enum rc_status open_reader(struct rc_store *base, struct rc_reader **ret, struct rc_error *err)
{
    struct sq_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return rc_fail(err, RC_NOMEM, "out of memory");
    reader->base = (struct rc_reader){.driver = &sq_driver, .store = base};
    enum rc_status status = sq_conn_open(&reader->conn, sq_store_of(base)->path, SQ_READER, false, err);
    if (status != RC_OK) {
        sq_conn_close(&reader->conn);
        free(reader);
        return status;
    }
    sqlite3_progress_handler(reader->conn.db, WATCH_EVERY, watch, &reader->base);
    *ret = &reader->base;
    return RC_OK;
}

static void close_reader(struct rc_reader *base)
{
    struct sq_reader *reader = (struct sq_reader *)(void *)base;
    sq_conn_close(&reader->conn);
    free(reader->path);
    free(reader);
}

static enum rc_status look(struct sq_reader *reader, const char *path, struct rc_error *err)
{
    uint64_t size = 0;
    bool copy = false;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return rc_fail(err, RC_NOT_FOUND, "%s: no such file", path);
    enum rc_status status = resolve(path, &reader->path, err);
    if (status == RC_OK) status = check_file(reader->path, &size, &copy, err);
    if (status == RC_OK) status = sq_conn_open(&reader->conn, reader->path, SQ_READER, false, err);
    if (status != RC_OK) return status;
    return sq_check_version(&reader->conn, err);
}

enum rc_status rc_sqlite_look(const char *path, struct rc_reader **ret, struct rc_error *err)
{
    struct sq_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return rc_fail(err, RC_NOMEM, "out of memory");
    reader->alone = (struct rc_store){.driver = &sq_driver};
    reader->base = (struct rc_reader){.driver = &sq_driver, .store = &reader->alone};
    enum rc_status status = look(reader, path, err);
    if (status == RC_OK)
        *ret = &reader->base;
    else
        close_reader(&reader->base);
    return status;
}

const char *rc_sqlite_note(const struct rc_store *store)
{
    return ((const struct sq_store *)(const void *)store)->note.text;
}

const struct rc_driver sq_driver = {
    .commit = sq_commit,
    .room = sq_room,
    .follow_up = sq_follow_up,
    .idle = sq_idle,
    .define = sq_define,
    .purge = sq_purge,
    .compact = sq_compact,
    .access = sq_access,
    .tokens_used = sq_tokens_used,
    .bulk = sq_bulk,
    .order = sq_order,
    .origin = sq_origin,
    .hold = sq_hold,
    .reader_open = open_reader,
    .reader_close = close_reader,
    .close = close_store,
    .key = sq_read_key,
    .history = sq_read_history,
    .work = sq_read_work,
    .signal_key = sq_read_signal_key,
    .signals = sq_read_signals,
    .signal_last = sq_read_signal_last,
    .signals_kept = sq_read_signals_kept,
    .stopped = sq_read_stopped,
    .work_count = sq_read_work_count,
    .gates = sq_read_gates,
    .schedules = sq_read_schedules,
    .in_flight = sq_read_in_flight,
    .list = sq_read_list,
    .audit = sq_read_audit,
    .row = sq_read_row,
    .purged = sq_read_purged,
    .purgeable = sq_read_purgeable,
    .changes = sq_read_changes,
    .counts = sq_read_counts,
    .definitions = sq_read_definitions,
    .versions = sq_read_versions,
    .definition = sq_read_definition,
    .namespaces = sq_read_namespaces,
    .usage = sq_read_usage,
    .tokens = sq_read_tokens,
    .high = sq_read_high,
    .holds = sq_read_holds,
    .bulk_at = sq_read_bulk,
    .bulk_key = sq_read_bulk_key,
    .bulks = sq_read_bulks,
    .bulk_items = sq_read_bulk_items,
    .bulk_events = sq_read_bulk_events,
};
