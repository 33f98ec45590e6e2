/* A copy in the place of a store. What stood there stays a whole store under another name, with all that belongs to it; its reserve stays where
 * it is, so that a server that is started between the steps is refused and makes no empty store. */
#include "base/place.h"
#include "store/sqlite/db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_there(const char *path, const char *suffix)
{
    char name[PATH_MAX];
    struct stat st;
    int n = snprintf(name, sizeof name, "%s%s", path, suffix);
    return n > 0 && (size_t)n < sizeof name && lstat(name, &st) == 0;
}

/* PATH.replaced-TIME, which is free. */
static enum rc_status name_old(const char *path, char *ret_kept, size_t room, struct rc_error *err)
{
    enum { TRIES = 100 };
    struct tm tm;
    time_t now = (time_t)(rc_clock_wall() / RC_SECONDS(1));
    gmtime_r(&now, &tm);
    for (unsigned i = 0; i < TRIES; i++) {
        char time[32];
        (void)!strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &tm);
        int n = i ? snprintf(ret_kept, room, "%s.replaced-%s-%u", path, time, i)
                  : snprintf(ret_kept, room, "%s.replaced-%s", path, time);
        if (n < 0 || (size_t)n + 16 >= room)
            return rc_fail(err, RC_INVALID, "the path of the store is too long");
        if (!is_there(ret_kept, "")) return RC_OK;
    }
    return rc_fail(err, RC_IN_USE, "%s: is there already", ret_kept);
}

static enum rc_status move_away(const char *path, const char *kept, struct rc_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".life", ".suspects", ".lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char from[PATH_MAX], to[PATH_MAX];
        snprintf(from, sizeof from, "%s%s", path, suffixes[i]);
        snprintf(to, sizeof to, "%s%s", kept, suffixes[i]);
        if (rename(from, to) != 0 && errno != ENOENT) return sq_io_error(from, "cannot be moved away", err);
    }
    return RC_OK;
}

/* With the store's lock held, so that no server runs on it. */
static enum rc_status replace(const char *part, const char *path, char *io_kept, size_t room,
                              struct rc_error *err)
{
    int guard = -1;
    enum rc_status status = RC_OK;
    if (is_there(path, "")) {
        status = sq_guard(path, &guard, err);
        if (status == RC_OK) status = name_old(path, io_kept, room, err);
        if (status == RC_OK) status = move_away(path, io_kept, err);
    } else if (is_there(path, "-wal")) {
        status =
            rc_fail(err, RC_IN_USE,
                    "%s: is missing, but its log is there: put the store back, or move the log away", path);
    }
    if (status == RC_OK) status = rc_place(part, path, err);
    if (guard >= 0) close(guard);
    return status;
}

enum rc_status rc_sqlite_restore(const char *from, const char *path, char *ret_kept, size_t room,
                                 struct rc_holdings *ret, struct rc_error *err)
{
    char part[PATH_MAX];
    struct sq_note note;
    struct stat copy, store;
    bool clean = false;
    int lock = -1;
    ret_kept[0] = '\0';
    int n = snprintf(part, sizeof part, "%s.restoring", path);
    if (n < 0 || (size_t)n + 48 >= sizeof part)
        return rc_fail(err, RC_INVALID, "the path of the store is too long");
    if (stat(from, &copy) == 0 && stat(path, &store) == 0 && copy.st_ino == store.st_ino &&
        copy.st_dev == store.st_dev)
        return rc_fail(err, RC_IN_USE, "%s: is the store itself", from);
    enum rc_status status = sq_lock(path, &lock, &clean, &note, err);
    if (status != RC_OK) return status;
    status = sq_copy(from, part, ret, err);
    if (status == RC_OK) {
        status = replace(part, path, ret_kept, room, err);
        if (status != RC_OK) unlink(part);
    }
    sq_unlock(lock, clean);
    return status;
}
