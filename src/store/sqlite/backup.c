/* A copy of a store: VACUUM INTO reads one state of it, beside a writer, and writes its tables anew. What it writes is not
 * synced by SQLite and may be half there after a crash; so it stands under another name until it is checked and synced. */
#include "base/place.h"
#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct copy {
    const char *store, *to;
    char part[PATH_MAX];
};

/* Whether a file stands beside that has at least so many bytes. */
static bool stands_beside(const char *path, const char *suffix, off_t least)
{
    char name[PATH_MAX];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) == 0 && st.st_size >= least;
}

static enum rc_status check_target(const struct copy *copy, bool force, struct rc_error *err)
{
    struct stat st, store;
    if (strlen(copy->to) + 16 >= PATH_MAX)
        return rc_fail(err, RC_INVALID, "the path of the copy is too long");
    /* a log would be taken for that of the copy; a lock says that it is somebody's store */
    if (stands_beside(copy->to, "-wal", 1) || stands_beside(copy->to, ".lock", 0))
        return rc_fail(
            err, RC_IN_USE,
            "%s: a log or a lock stands beside it: it is a store of its own, and is not written over",
            copy->to);
    if (lstat(copy->to, &st) != 0)
        return errno == ENOENT ? RC_OK : sq_io_error(copy->to, "cannot be looked at", err);
    if (!S_ISREG(st.st_mode)) return rc_fail(err, RC_IN_USE, "%s: is no regular file", copy->to);
    if (stat(copy->store, &store) == 0 && store.st_ino == st.st_ino && store.st_dev == st.st_dev)
        return rc_fail(err, RC_IN_USE, "%s: is the store itself", copy->to);
    return force ? RC_OK : rc_fail(err, RC_IN_USE, "%s: is there already (--force writes over it)", copy->to);
}

/* An empty file that only its owner can read: SQLite fills it. */
static enum rc_status make_part(const struct copy *copy, struct rc_error *err)
{
    if (unlink(copy->part) != 0 && errno != ENOENT) return sq_io_error(copy->part, "cannot be removed", err);
    int fd = open(copy->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return sq_io_error(copy->part, "cannot be created", err);
    close(fd);
    return RC_OK;
}

static enum rc_status fill(const struct copy *copy, struct rc_error *err)
{
    struct rc_reader *reader = NULL;
    enum rc_status status = rc_sqlite_look(copy->store, &reader, err);
    if (status != RC_OK) return status;
    struct sq_conn *conn = sq_conn_of(reader);
    sqlite3_stmt *stmt = NULL;
    status = sq_exec(conn, "PRAGMA query_only=OFF", err); /* of this connection: it writes the copy */
    int code = status == RC_OK ? sqlite3_prepare_v2(conn->db, "VACUUM INTO ?", -1, &stmt, NULL) : SQLITE_OK;
    if (status == RC_OK && code == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, copy->part, -1, SQLITE_STATIC);
        code = sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    if (status == RC_OK && code != SQLITE_DONE) status = sq_fail(conn, code, "cannot be copied", err);
    rc_reader_close(reader);
    return status;
}

/* The file is synced as a whole before it is put in place. */
static const char no_sync[] = "PRAGMA synchronous=OFF";

/* Of when the state is that is copied (0: of its last change); a copy of a copy has the mark already. */
static enum rc_status mark(const struct copy *copy, rc_us at, struct rc_error *err)
{
    char sql[160];
    struct sq_conn conn = {.path = copy->part};
    int code = sq_open(copy->part, SQLITE_OPEN_READWRITE, &conn.db);
    enum rc_status status = sq_fail(&conn, code, "cannot be opened", err);
    snprintf(
        sql, sizeof sql,
        "UPDATE life SET cause = %d, at = coalesce(nullif(%llu, 0), (SELECT at FROM high)) WHERE cause = 0",
        RC_HELD_BACKUP, (unsigned long long)at);
    if (status == RC_OK) status = sq_exec(&conn, no_sync, err);
    if (status == RC_OK) status = sq_exec(&conn, sql, err);
    sq_conn_close(&conn);
    return status;
}

/* Without a log, until it is opened as a store: so a log beside it is another store's (open.c). */
static enum rc_status set_no_log(const struct copy *copy, struct rc_error *err)
{
    struct sq_conn conn = {.path = copy->part};
    int code = sq_open(copy->part, SQLITE_OPEN_READWRITE, &conn.db);
    enum rc_status status = sq_fail(&conn, code, "cannot be opened", err);
    if (status == RC_OK) status = sq_exec(&conn, no_sync, err);
    if (status == RC_OK) status = sq_exec(&conn, "PRAGMA journal_mode=DELETE", err);
    sq_conn_close(&conn);
    return status;
}

/* What SQLite puts beside a file while it works on it, too. */
static void remove_part(const struct copy *copy)
{
    static const char *const suffixes[] = {"-journal", "-wal", "-shm", ""};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[PATH_MAX];
        int n = snprintf(name, sizeof name, "%s%s", copy->part, suffixes[i]);
        if (n > 0 && (size_t)n < sizeof name) unlink(name);
    }
}

enum rc_status rc_sqlite_is_free(const char *path, struct rc_error *err)
{
    const struct copy copy = {.store = path, .to = path};
    return check_target(&copy, false, err);
}

enum rc_status rc_sqlite_install(const char *part, const char *to, struct rc_holdings *ret,
                                 struct rc_error *err)
{
    struct copy copy = {.store = part, .to = to};
    struct rc_holdings holdings = {0};
    snprintf(copy.part, sizeof copy.part, "%s", part);
    enum rc_status status = rc_sqlite_check(part, &holdings, err);
    if (status == RC_OK) status = set_no_log(&copy, err);
    if (status == RC_OK) status = rc_place(copy.part, copy.to, err);
    if (status == RC_OK) *ret = holdings;
    return status;
}

static enum rc_status copy_as_of(const char *store, const char *to, bool force, rc_us at,
                                 struct rc_holdings *ret, struct rc_error *err)
{
    struct copy copy = {.store = store, .to = to};
    if (!to || !*to) return rc_fail(err, RC_INVALID, "the copy needs a path");
    enum rc_status status = check_target(&copy, force, err);
    if (status != RC_OK) return status;
    snprintf(copy.part, sizeof copy.part, "%s.part", to);
    status = make_part(&copy, err);
    if (status != RC_OK) return status;
    status = fill(&copy, err);
    if (status == RC_OK) status = mark(&copy, at, err);
    if (status == RC_OK) status = rc_sqlite_install(copy.part, to, ret, err);
    if (status != RC_OK) remove_part(&copy);
    return status;
}

enum rc_status rc_sqlite_backup(const char *store, const char *to, bool force, struct rc_holdings *ret,
                                struct rc_error *err)
{
    rc_us at = rc_clock_wall(); /* before: what is written meanwhile may be missing */
    return copy_as_of(store, to, force, at, ret, err);
}

enum rc_status sq_copy(const char *store, const char *to, struct rc_holdings *ret, struct rc_error *err)
{
    return copy_as_of(store, to, true, 0, ret, err);
}
