/* One process at a time: flock(2) on STORE.lock, which holds the pid for the message.
 *
 * The kernel lets go when the process ends, however it ends, so that nothing is ever left locked. A flock belongs to the
 * open file, which children inherit: the descriptor is closed on exec, so a program that the server started cannot
 * keep it. The file stays when the store is closed (removing it would let two processes lock two files of one name);
 * it is emptied then, and a pid that is still there says that the last owner did not close the store. */
#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { PID_TEXT = 24 };

static enum rc_status held(int fd, const char *path, struct rc_error *err)
{
    char pid[PID_TEXT];
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = 0;
    pid[strcspn(pid, " \n")] = 0;
    if (pid[0]) return rc_fail(err, RC_LOCKED, "%s: in use by the process %s", path, pid);
    return rc_fail(err, RC_LOCKED, "%s: in use by another process", path);
}

enum rc_status sq_lock(const char *path, int *ret_fd, bool *ret_clean, struct rc_error *err)
{
    char name[PATH_MAX], pid[PID_TEXT];
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
