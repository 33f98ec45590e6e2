/* Sync, rename, sync the folder. */
#include "base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum rc_status fail(const char *path, const char *doing, struct rc_error *err)
{
    return rc_fail(err, errno == ENOSPC || errno == EDQUOT ? RC_FULL : RC_IO, "%s: %s: %s", path, doing,
                   strerror(errno));
}

static enum rc_status sync_path(const char *path, int flags, struct rc_error *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return fail(path, "cannot be opened", err);
    enum rc_status status = fsync(fd) == 0 ? RC_OK : fail(path, "cannot be synced", err);
    close(fd);
    return status;
}

enum rc_status rc_place(const char *part, const char *to, struct rc_error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(to, '/');
    int n = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - to + 1) : 1, slash ? to : ".");
    if (n < 0 || (size_t)n >= sizeof folder) return rc_fail(err, RC_INVALID, "the path is too long");
    enum rc_status status = sync_path(part, O_RDWR, err);
    if (status != RC_OK) return status;
    bool is_new = access(to, F_OK) != 0;
    if (rename(part, to) != 0) return fail(to, "cannot be put in place", err);
    status = sync_path(folder, O_RDONLY | O_DIRECTORY, err);
    if (status != RC_OK && is_new) unlink(to);
    return status;
}
