/* Reads a directory of definitions, or one file. The only I/O in defs/. */
#include "defs/defs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct list {
    struct rc_sv *name;
    uint32_t n, cap;
};

static bool is_definition(struct rc_sv name)
{
    return name.p[0] != '.' && (rc_sv_ends(name, RC_SV(".yaml")) || rc_sv_ends(name, RC_SV(".yml")));
}

static enum rc_status add_name(struct list *list, struct rc_sv name, struct rc_arena *arena,
                               struct rc_error *err)
{
    if (list->n == RC_MAX_DEF_FILES)
        return rc_fail(err, RC_LIMIT, "more than %d files of definitions", RC_MAX_DEF_FILES);
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? 2 * list->cap : 32;
        struct rc_sv *more = RC_NEW_ARRAY(arena, struct rc_sv, cap);
        if (!more) return rc_fail_arena(err, arena);
        if (list->n) memcpy(more, list->name, list->n * sizeof *more);
        list->name = more;
        list->cap = cap;
    }
    struct rc_sv copy = rc_copy_sv(arena, name);
    if (!copy.p) return rc_fail_arena(err, arena);
    list->name[list->n++] = copy;
    return RC_OK;
}

static int by_name(const void *a, const void *b)
{
    return rc_sv_cmp(*(const struct rc_sv *)a, *(const struct rc_sv *)b);
}

static enum rc_status list_names(const char *path, struct rc_arena *arena, struct list *ret,
                                 struct rc_error *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return rc_fail(err, errno == ENOENT || errno == ENOTDIR ? RC_NOT_FOUND : RC_IO,
                       "cannot open the directory '%s': %s", path, strerror(errno));
    enum rc_status status = RC_OK;
    while (status == RC_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry && errno) status = rc_fail(err, RC_IO, "cannot list '%s': %s", path, strerror(errno));
        if (!entry) break;
        struct rc_sv name = rc_sv_of(entry->d_name);
        if (is_definition(name)) status = add_name(ret, name, arena, err);
    }
    closedir(dir);
    if (status == RC_OK && ret->n) qsort(ret->name, ret->n, sizeof *ret->name, by_name);
    return status;
}

static enum rc_status read_open(int fd, const char *name, size_t size, struct rc_arena *arena,
                                struct rc_sv *ret, struct rc_error *err)
{
    char *text = rc_alloc_text(arena, size);
    if (!text) return rc_fail_arena(err, arena);
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, text + n, size - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return rc_fail(err, RC_IO, "cannot read '%s': %s", name, strerror(errno));
        if (got == 0) break; /* it became shorter meanwhile */
        n += (size_t)got;
    }
    *ret = (struct rc_sv){text, (uint32_t)n};
    return RC_OK;
}

/* Opens what the name leads to, when that lies in the directory; O_NONBLOCK so that a pipe cannot hold us. */
static enum rc_status open_inside(const char *root, const char *name, int *ret_fd, struct rc_error *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    size_t root_n = strlen(root), name_n = strlen(name);
    if (root_n + 1 + name_n >= sizeof path)
        return rc_fail(err, RC_INVALID, "the path of '%s' is too long", name);
    memcpy(path, root, root_n);
    path[root_n] = '/';
    memcpy(path + root_n + 1, name, name_n + 1);
    if (!realpath(path, real)) return rc_fail(err, RC_IO, "cannot read '%s': %s", name, strerror(errno));
    if (strncmp(real, root, root_n) != 0 || real[root_n] != '/')
        return rc_fail(err, RC_INVALID, "'%s' is a link that leads out of the directory", name);
    *ret_fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*ret_fd < 0) return rc_fail(err, RC_IO, "cannot open '%s': %s", name, strerror(errno));
    return RC_OK;
}

/* Reads and closes. *ret_text.p is NULL for a directory: it is left out. */
static enum rc_status read_and_close(int fd, const char *name, struct rc_arena *arena, struct rc_sv *ret_text,
                                     struct rc_error *err)
{
    struct stat info;
    enum rc_status status = RC_OK;
    if (fstat(fd, &info) != 0)
        status = rc_fail(err, RC_IO, "cannot look at '%s': %s", name, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        *ret_text = (struct rc_sv){0};
    else if (!S_ISREG(info.st_mode))
        status = rc_fail(err, RC_INVALID, "'%s' is no regular file", name);
    else if (info.st_size > RC_MAX_DEF_FILE)
        status = rc_fail(err, RC_LIMIT, "'%s' is larger than %d bytes", name, RC_MAX_DEF_FILE);
    else
        status = read_open(fd, name, (size_t)info.st_size, arena, ret_text, err);
    close(fd);
    return status;
}

static enum rc_status read_file(const char *root, const char *name, struct rc_arena *arena,
                                struct rc_sv *ret_text, struct rc_error *err)
{
    int fd = -1;
    enum rc_status status = open_inside(root, name, &fd, err);
    return status == RC_OK ? read_and_close(fd, name, arena, ret_text, err) : status;
}

enum rc_status defs_read_file(const char *path, struct rc_arena *arena, struct defs_file *ret,
                              struct rc_error *err)
{
    struct rc_sv text = {0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return rc_fail(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    enum rc_status status = read_and_close(fd, path, arena, &text, err);
    if (status != RC_OK) return status;
    if (!text.p) return rc_fail(err, RC_INVALID, "'%s' is a directory", path);
    *ret = (struct defs_file){.source = rc_sv_of(path), .text = text};
    return RC_OK;
}

enum rc_status defs_read_dir(const char *path, struct rc_arena *arena, struct defs_file **ret,
                             uint32_t *ret_n, struct rc_error *err)
{
    char root[PATH_MAX];
    struct list list = {0};
    enum rc_status status = list_names(path, arena, &list, err);
    if (status != RC_OK) return status;
    if (!realpath(path, root)) return rc_fail(err, RC_IO, "cannot find '%s': %s", path, strerror(errno));
    struct defs_file *files = RC_NEW_ARRAY(arena, struct defs_file, list.n);
    if (!files) return rc_fail_arena(err, arena);
    uint32_t n = 0;
    for (uint32_t i = 0; i < list.n; i++) {
        struct rc_sv text = {0};
        status = read_file(root, list.name[i].p, arena, &text, err);
        if (status != RC_OK) return status;
        if (text.p) files[n++] = (struct defs_file){.source = list.name[i], .text = text};
    }
    if (n == 0) return rc_fail(err, RC_NOT_FOUND, "'%s' has no files *.yaml or *.yml", path);
    *ret = files;
    *ret_n = n;
    return RC_OK;
}
