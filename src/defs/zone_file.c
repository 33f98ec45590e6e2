/* Time zones from this machine's database, for those who read definitions: the core gets them as data. */
#include "defs/parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, char *bytes, size_t room, uint32_t *ret_n)
{
    size_t n = 0;
    ssize_t got = 1;
    while (n < room && (got = read(fd, bytes + n, room - n)) > 0) n += (size_t)got;
    *ret_n = (uint32_t)n;
    return got >= 0;
}

enum rc_status defs_read_zone(struct rc_sv name, struct rc_arena *arena, const struct cron_zone **ret,
                              struct rc_error *err)
{
    char path[sizeof "/usr/share/zoneinfo/" + RC_MAX_NAME], bytes[RC_MAX_ZONE + 1];
    struct stat info;
    uint32_t n = 0;
    if (!cron_is_zone_name(name))
        return rc_fail(err, RC_INVALID, "'%.*s' is no name of a time zone", RC_SV_ARG(name));
    if (rc_sv_is(name, "UTC")) {
        *ret = &cron_utc;
        return RC_OK;
    }
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", RC_SV_ARG(name));
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool fine =
        fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && read_all(fd, bytes, sizeof bytes, &n);
    if (fd >= 0) close(fd);
    if (!fine)
        return rc_fail(
            err, RC_NOT_FOUND,
            "there is no time zone '%.*s' in /usr/share/zoneinfo: names are like Europe/Berlin, and "
            "the package tzdata has them",
            RC_SV_ARG(name));
    return cron_zone_read((struct rc_sv){bytes, n}, arena, ret, err);
}
