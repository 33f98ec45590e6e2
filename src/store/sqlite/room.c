/* Room on the disk: the reserve, and the operator's own limit.
 *
 * The reserve is a file beside the store (PATH.reserve) whose blocks the file system has given. When a commit that must
 * not fail meets the disk's end, a part of the file is cut off and the commit is tried again in the blocks that became
 * free. From the first commit that met the end until the reserve is whole again there is no room for new work.
 *
 * It is given back in parts, because on a disk that is shared others take what is free. */
#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DEFAULT_RESERVE (UINT64_C(16) << 20)
#define LEAST_PART      (UINT64_C(1) << 20)
/* With less than this free, nothing new is begun: the end is then rarely met in the middle of a commit, when attempts that
 * are about to leave stand in it; and a store that opens on a full disk knows it. */
#define MARGIN          (UINT64_C(1) << 20)
#define AMPLE           (UINT64_C(256) << 20)
#define LARGE_LOG       (UINT64_C(1) << 20)
enum { PARTS = 16 };

/* Blocks that the file has, which may be fewer than its length says. */
static uint64_t given(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return 0;
    uint64_t blocks = (uint64_t)st.st_blocks * 512, length = (uint64_t)st.st_size;
    return blocks < length ? blocks : length;
}

static void fill(struct sq_room *room)
{
    if (room->fd < 0) return;
    /* on failure it may have got a part: that is kept, and counted as what it is */
    int failed = posix_fallocate(room->fd, 0, (off_t)room->want);
    room->have = failed ? given(room->fd) : room->want;
    if (room->have >= room->want) room->full = false;
}

static void open_reserve(struct sq_room *room, const char *path)
{
    char name[PATH_MAX];
    struct stat st;
    snprintf(name, sizeof name, "%s.reserve", path); /* open.c has checked the length */
    room->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (room->fd >= 0 && fstat(room->fd, &st) == 0 && (uint64_t)st.st_size > room->want) {
        int failed = ftruncate(room->fd, (off_t)room->want);
        (void)failed; /* then it holds more than it should */
    }
}

void sq_room_open(struct sq_room *room, const char *path, const struct rc_sqlite_options *options)
{
    *room = (struct sq_room){.want = options->reserve ? options->reserve : DEFAULT_RESERVE,
                             .disk_limit = options->disk_limit};
    /* a store that cannot have its reserve opens all the same, and says that there is no room until it can */
    open_reserve(room, path);
    fill(room);
}

void sq_room_close(struct sq_room *room)
{
    if (room->fd >= 0) close(room->fd);
    room->fd = -1;
}

bool sq_room_release(struct sq_room *room)
{
    if (room->fd < 0 || room->have == 0) return false;
    uint64_t part = room->want / PARTS > LEAST_PART ? room->want / PARTS : LEAST_PART;
    uint64_t left = room->have > part ? room->have - part : 0;
    if (ftruncate(room->fd, (off_t)left) != 0) return false;
    room->have = left;
    return true;
}

/* Bytes of the store's own files. */
static uint64_t size_of(const char *path, const char *suffix)
{
    char name[PATH_MAX];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static enum rc_status check_limit(const struct sq_store *store, struct rc_error *err)
{
    uint64_t size = size_of(store->path, "") + size_of(store->path, "-wal");
    if (size < store->room.disk_limit) return RC_OK;
    return rc_fail(err, RC_FULL, "%s: has grown to %llu bytes; its limit is %llu", store->path,
                   (unsigned long long)size, (unsigned long long)store->room.disk_limit);
}

/* A log that a reader has held up for long may be what fills the disk: it is cut as soon as it can be. Folding it needs room itself, which the
 * reserve gives; both are there again when it is cut. */
static void cut_large_log(struct sq_store *store)
{
    if (size_of(store->path, "-wal") < LARGE_LOG) return;
    while (sq_cut_log(store, NULL) == RC_FULL && sq_room_release(&store->room)) {
    }
}

static uint64_t free_bytes_of(const struct sq_room *room)
{
    struct statvfs disk;
    return room->fd >= 0 && fstatvfs(room->fd, &disk) == 0 ? disk.f_bavail * disk.f_frsize : 0;
}

bool sq_room_is_ample(const struct sq_room *room)
{
    return !room->full && !room->disk_limit && free_bytes_of(room) >= AMPLE;
}

enum rc_status sq_room_check(struct sq_store *store, struct rc_error *err)
{
    struct sq_room *room = &store->room;
    if (room->fd < 0) open_reserve(room, store->path);
    uint64_t free_bytes = free_bytes_of(room);
    if (room->full || room->have < room->want || free_bytes < MARGIN) {
        uint64_t missing = room->want - room->have + room->want / 4; /* and some to work with */
        room->full = true;
        if (free_bytes < missing) {
            cut_large_log(store);
            free_bytes = free_bytes_of(room);
            missing = room->want - room->have + room->want / 4;
        }
        if (free_bytes >= missing) fill(room);
        if (room->full || room->have < room->want)
            return rc_fail(
                err, RC_FULL, "%s: the disk is full: %llu bytes more are needed before new work is taken on",
                store->path, (unsigned long long)(missing > free_bytes ? missing - free_bytes : missing));
    }
    return room->disk_limit ? check_limit(store, err) : RC_OK;
}
