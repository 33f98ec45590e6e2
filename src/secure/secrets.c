/* Secrets from files. */
#include "secure/secrets.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rc_secrets {
    int directory;
};

enum rc_status rc_secrets_open(const char *directory, struct rc_secrets **ret, struct rc_error *err)
{
    struct stat info;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rc_fail(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "secrets directory %s: %s", directory,
                       strerror(errno));
    if (fstat(fd, &info) == 0 && info.st_mode & S_IWOTH) {
        close(fd);
        return rc_fail(err, RC_FORBIDDEN, "secrets directory %s: everybody may write to it (chmod o-w)",
                       directory);
    }
    struct rc_secrets *secrets = malloc(sizeof *secrets);
    if (!secrets) {
        close(fd);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    secrets->directory = fd;
    *ret = secrets;
    return RC_OK;
}

void rc_secrets_close(struct rc_secrets *secrets)
{
    if (!secrets) return;
    close(secrets->directory);
    free(secrets);
}

static bool name_is_good(struct rc_sv name)
{
    if (name.n == 0 || name.n > RC_MAX_NAME || name.p[0] == '.') return false;
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                    c == '-' || c == '.';
        if (!good) return false;
    }
    return true;
}

/* Reads one byte more than is allowed, so that "too long" shows. Returns how many, or -1. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, buffer + n, size - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static enum rc_status read_secret(int fd, struct rc_sv name, struct rc_arena *arena, struct rc_sv *ret,
                                  struct rc_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return rc_fail(err, RC_IO, "secret %.*s is no regular file", RC_SV_ARG(name));
    char buffer[RC_MAX_SECRET + 1];
    ssize_t got = read_all(fd, buffer, sizeof buffer);
    enum rc_status status = RC_OK;
    if (got < 0) {
        status = rc_fail(err, RC_IO, "secret %.*s: %s", RC_SV_ARG(name), strerror(errno));
    } else if (got > RC_MAX_SECRET) {
        status =
            rc_fail(err, RC_LIMIT, "secret %.*s is longer than %d bytes", RC_SV_ARG(name), RC_MAX_SECRET);
    } else {
        uint32_t n = (uint32_t)got;
        if (n && buffer[n - 1] == '\n') n--;
        if (n && buffer[n - 1] == '\r') n--;
        struct rc_sv text = rc_copy_sv(arena, (struct rc_sv){buffer, n});
        if (text.p)
            *ret = text;
        else
            status = rc_fail_arena(err, arena);
    }
    explicit_bzero(buffer, sizeof buffer);
    return status;
}

enum rc_status rc_secrets_get(void *context, struct rc_sv name, struct rc_arena *arena, struct rc_sv *ret,
                              struct rc_error *err)
{
    const struct rc_secrets *secrets = context;
    char path[RC_MAX_NAME + 1];
    if (!name_is_good(name)) return rc_fail(err, RC_INVALID, "this is no name of a secret");
    if (!secrets)
        return rc_fail(err, RC_NOT_FOUND, "secret %.*s: the server was started without --secrets",
                       RC_SV_ARG(name));
    memcpy(path, name.p, name.n);
    path[name.n] = 0;
    /* O_NONBLOCK: a pipe with this name must not stop the sender */
    int fd = openat(secrets->directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return rc_fail(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "secret %s: %s", path, strerror(errno));
    enum rc_status status = read_secret(fd, name, arena, ret, err);
    close(fd);
    return status;
}
