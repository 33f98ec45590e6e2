/* One process at a time: flock(2) on STORE.lock, which holds the pid for the message.
 *
 * The kernel lets go when the process ends, however it ends, so that nothing is ever left locked. A flock belongs to the
 * open file, which children inherit: the descriptor is closed on exec, so a program that the server started cannot
 * keep it. The file stays when the store is closed (removing it would let two processes lock two files of one name);
 * it is emptied then, and a pid that is still there says that the last owner did not close the store.
 *
 * A lock file that somebody removes would let a second process make one of its own: so the store's file is locked, too.
 *
 * Its second line says how far the log reached with the last commit, so that a log that has lost its end, or is gone, does not pass for
 * a shorter one. It is written after the commit and never synced: on disk it may be behind the log, never before it. */
#include "store/sqlite/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PID_TEXT = 21, NOTE_TEXT = 24 }; /* the second line stands behind the first, both of fixed width */

static enum rc_status held(int fd, const char *path, struct rc_error *err)
{
    char pid[PID_TEXT + 1];
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = 0;
    pid[strcspn(pid, " \n")] = 0;
    if (pid[0]) return rc_fail(err, RC_LOCKED, "%s: in use by the process %s", path, pid);
    return rc_fail(err, RC_LOCKED, "%s: in use by another process", path);
}

static void read_note(int fd, struct sq_note *ret)
{
    char text[NOTE_TEXT + 1];
    unsigned salt = 0, frames = 0;
    ssize_t n = pread(fd, text, NOTE_TEXT, PID_TEXT);
    text[n > 0 ? n : 0] = 0;
    bool there =
        n == NOTE_TEXT && sscanf(text, "log %8x %10u", &salt, &frames) == 2; /* NOLINT(cert-err34-c) */
    *ret = there ? (struct sq_note){.salt = salt, .frames = frames} : (struct sq_note){0};
}

bool sq_note_put(int fd, const struct sq_note *note)
{
    char text[NOTE_TEXT + 1];
    int n = snprintf(text, sizeof text, "log %08x %010u\n", note->salt, note->frames);
    return pwrite(fd, text, (size_t)n, PID_TEXT) == n;
}

bool sq_note_read(const char *path, struct sq_note *ret)
{
    char name[PATH_MAX];
    *ret = (struct sq_note){0};
    snprintf(name, sizeof name, "%s.lock", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;
    bool alone = flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (alone) read_note(fd, ret);
    close(fd);
    return alone;
}

enum rc_status sq_lock(const char *path, int *ret_fd, bool *ret_clean, struct sq_note *ret_note,
                       struct rc_error *err)
{
    char name[PATH_MAX], pid[PID_TEXT + 1];
    snprintf(name, sizeof name, "%s.lock", path); /* open.c has checked the length */
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return rc_fail(err, RC_IO, "%s: cannot be opened: %s", name, strerror(errno));
    enum rc_status status = RC_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? held(fd, path, err)
                     : rc_fail(err, RC_IO, "%s: cannot be locked: %s", name, strerror(errno));
        goto fail;
    }
    bool clean = lseek(fd, 0, SEEK_END) == 0;
    read_note(fd, ret_note);
    /* fixed width: goes over the one before. On a full disk it may not be written, which is no reason not to open: only
     * the message and the care of the next opening are less good */
    int n = snprintf(pid, sizeof pid, "%-20ld\n", (long)getpid());
    if (pwrite(fd, pid, (size_t)n, 0) != n && errno != ENOSPC && errno != EDQUOT) {
        status = rc_fail(err, RC_IO, "%s: cannot be written: %s", name, strerror(errno));
        goto fail;
    }
    *ret_fd = fd;
    *ret_clean = clean;
    return RC_OK;
fail:
    close(fd);
    return status;
}

void sq_unlock(int fd, bool clean)
{
    int failed = clean ? ftruncate(fd, 0) : 0;
    (void)failed; /* not emptied: the next one only looks more closely */
    close(fd);
}

enum rc_status sq_guard(const char *path, int *ret_fd, struct rc_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sq_io_error(path, "cannot be opened", err);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return RC_OK;
    }
    enum rc_status status =
        errno == EWOULDBLOCK
            ? rc_fail(err, RC_LOCKED,
                      "%s: in use by another process; its lock file %s.lock was removed or replaced", path,
                      path)
            : rc_fail(err, RC_IO, "%s: cannot be locked: %s", path, strerror(errno));
    close(fd);
    return status;
}

enum rc_status sq_still_there(struct sq_store *store, struct rc_error *err)
{
    char name[PATH_MAX];
    struct stat st;
    int moved = 0;
    int code = sqlite3_file_control(store->self.conn.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code == SQLITE_OK && moved)
        return rc_fail(err, RC_IO, "%s: was removed or replaced while the store is open", store->path);
    if (store->log_frames == 0) return RC_OK;
    snprintf(name, sizeof name, "%s-wal", store->path);
    if (stat(name, &st) != 0)
        return rc_fail(err, RC_IO, "%s: was removed while the store is open: %s", name, strerror(errno));
    if (!store->log_file) store->log_file = st.st_ino;
    if (st.st_ino != store->log_file)
        return rc_fail(err, RC_IO, "%s: was replaced while the store is open", name);
    if ((uint64_t)st.st_size < SQ_LOG_HEAD + (uint64_t)store->log_frames * SQ_FRAME)
        return rc_fail(err, RC_IO, "%s: was cut while the store is open", name);
    return RC_OK;
}
