/* What the doctor asks of the machine: room and speed of the disk, limits of the process, the clock. */
#include "server/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define MIB(n) ((uint64_t)(n) << 20)

/* ---- disk ---------------------------------------------------------------------------------------------- */

static uint64_t size_of(const char *store, const char *suffix)
{
    char path[4200];
    struct stat info;
    snprintf(path, sizeof path, "%s%s", store, suffix);
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

void doctor_disk(struct doctor *d)
{
    enum { LEAST_MIB = 64, LITTLE_MIB = 1024 };
    struct statvfs disk;
    if (statvfs(d->folder, &disk) != 0) {
        doctor_say(d, DOCTOR_ERROR, "make the directory, and give it to the user of the server", "%s: %s",
                   d->folder, strerror(errno));
        return;
    }
    uint64_t free_bytes = disk.f_bavail * disk.f_frsize, all = disk.f_blocks * disk.f_frsize;
    uint64_t used = size_of(d->store, "") + size_of(d->store, "-wal"),
             reserve = size_of(d->store, ".reserve");
    unsigned long long mib = free_bytes / MIB(1);
    if (free_bytes < MIB(LEAST_MIB))
        doctor_say(d, DOCTOR_ERROR, "make room, or move the store: new work is refused when the disk is full",
                   "%llu MiB are free at %s", mib, d->folder);
    else if (free_bytes < MIB(LITTLE_MIB) || free_bytes < all / 20)
        doctor_say(d, DOCTOR_WARNING, "make room before new work has to be refused",
                   "%llu MiB are free at %s, of %llu MiB", mib, d->folder,
                   (unsigned long long)(all / MIB(1)));
    else
        doctor_say(d, DOCTOR_OK, NULL,
                   "%llu MiB are free at %s; the store has %llu MiB and keeps a reserve of %llu MiB", mib,
                   d->folder, (unsigned long long)(used / MIB(1)), (unsigned long long)(reserve / MIB(1)));
    if (disk.f_files && disk.f_favail < 16)
        doctor_say(d, DOCTOR_ERROR, "remove files, or move the store", "no inodes are left at %s", d->folder);
    if (disk.f_flag & ST_RDONLY)
        doctor_say(d, DOCTOR_ERROR,
                   "mount it for writing (after an error of the disk Linux makes it read-only: dmesg)",
                   "%s is mounted read-only", d->folder);
}

/* ---- fsync --------------------------------------------------------------------------------------------- */

/* File systems that keep a promise of fsync not at all, or not as SQLite's log needs it (sqlite.org/wal.html). */
static void judge_file_system(struct doctor *d)
{
    static const struct {
        unsigned long magic; /* statfs(2) */
        enum doctor_level level;
        const char *text;
    } row[] = {
        {0x01021994, DOCTOR_WARNING, "tmpfs: the store is gone when the machine stops"},
        {0x858458f6, DOCTOR_WARNING, "ramfs: the store is gone when the machine stops"},
        {0x6969, DOCTOR_ERROR, "NFS, on which the log of SQLite does not work"},
        {0xff534d42, DOCTOR_ERROR, "CIFS, on which the log of SQLite does not work"},
        {0xfe534d42, DOCTOR_ERROR, "SMB, on which the log of SQLite does not work"},
    };
    struct statfs fs;
    if (statfs(d->folder, &fs) != 0) return;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        if ((unsigned long)fs.f_type == row[i].magic)
            doctor_say(d, row[i].level, "move the store to a disk of this machine", "%s is on %s", d->folder,
                       row[i].text);
}

static int by_size(const void *a, const void *b)
{
    const rc_us x = *(const rc_us *)a, y = *(const rc_us *)b;
    return (x > y) - (x < y);
}

enum { SYNCS = 200, BLOCK = 4096 };

/* As the store's log does it: appends, and syncs each. Returns how many were timed. */
static uint32_t time_syncs(int fd, rc_us ret_took[SYNCS])
{
    static const char block[BLOCK];
    uint32_t n = 0;
    for (rc_us begun = rc_clock_monotonic(), now = begun; n < SYNCS && now - begun < RC_SECONDS(1); n++) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) != 0) return 0;
        rc_us done = rc_clock_monotonic();
        ret_took[n] = done - now;
        now = done;
    }
    return n;
}

static void judge_syncs(struct doctor *d, rc_us *took, uint32_t n)
{
    qsort(took, n, sizeof *took, by_size);
    rc_us middle = took[n / 2], slow = took[n - 1 - n / 100];
    unsigned long long ms = middle / 1000, rest = middle % 1000 / 10;
    const char *text = "a sync of 4 KiB takes %llu.%02llu ms (the slowest %llu ms): about %llu commits a "
                       "second, each of many "
                       "commands";
    unsigned long long rate = middle ? 1000000 / middle : 1000000, worst = slow / 1000;
    char said[DOCTOR_TEXT];
    snprintf(said, sizeof said, text, ms, rest, worst, rate);
    if (middle >= RC_MS(50))
        doctor_say(d, DOCTOR_ERROR, "use a faster disk: every acknowledgement waits for a sync", "%s", said);
    else if (middle >= RC_MS(10) || slow >= RC_MS(500))
        doctor_say(d, DOCTOR_WARNING, "a faster disk would make answers quicker: each waits for a sync", "%s",
                   said);
    else if (middle < 20)
        doctor_say(
            d, DOCTOR_WARNING,
            "make sure that the disk, or the host of this machine, does not only say that it has written",
            "%s; no disk is that fast", said);
    else
        doctor_say(d, DOCTOR_OK, NULL, "%s", said);
}

void doctor_fsync(struct doctor *d)
{
    static rc_us took[SYNCS];
    char path[4200];
    snprintf(path, sizeof path, "%s/.recourse-doctor-XXXXXX", d->folder);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        doctor_say(d, DOCTOR_ERROR,
                   "run this as the user of the server, and give it the directory of the store",
                   "no file can be made in %s: %s", d->folder, strerror(errno));
        return;
    }
    (void)unlink(path);
    uint32_t n = time_syncs(fd, took);
    int error = errno;
    close(fd);
    if (n == 0)
        doctor_say(d, DOCTOR_ERROR, "look at the disk (dmesg), and at its room", "writing to %s: %s",
                   d->folder, strerror(error));
    else
        judge_syncs(d, took, n);
    judge_file_system(d);
}

/* ---- limits -------------------------------------------------------------------------------------------- */

void doctor_limits(struct doctor *d)
{
    enum { WANTED = 16384, LEAST = 256 };
    struct rlimit files, size;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        unsigned long long hard = files.rlim_max;
        if (hard < LEAST)
            doctor_say(d, DOCTOR_ERROR, "raise it (LimitNOFILE=65536 in the unit, ulimit -Hn)",
                       "%llu files may be open (RLIMIT_NOFILE)", hard);
        else if (hard < WANTED)
            doctor_say(
                d, DOCTOR_WARNING,
                "raise it (LimitNOFILE=65536 in the unit, ulimit -Hn) where many connections are expected",
                "%llu files may be open (RLIMIT_NOFILE): half of them serve clients", hard);
        else
            doctor_say(d, DOCTOR_OK, NULL, "%llu files may be open", hard);
    }
    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY)
        doctor_say(d, DOCTOR_ERROR, "lift it (LimitFSIZE=infinity in the unit, ulimit -f unlimited)",
                   "no file may be larger than %llu bytes (RLIMIT_FSIZE); the store would stop there",
                   (unsigned long long)size.rlim_cur);
}

/* ---- clock --------------------------------------------------------------------------------------------- */

static void judge_ntp(struct doctor *d)
{
    struct timex state = {0};
    int said = adjtimex(&state); /* modes 0: only looks */
    if (said < 0) return;        /* not allowed here: not known */
    if (said == TIME_ERROR || state.status & STA_UNSYNC)
        doctor_say(d, DOCTOR_WARNING,
                   "run systemd-timesyncd or chrony, where the host does not keep the clock",
                   "the clock is not synchronized, as far as the kernel knows");
}

void doctor_clock(struct doctor *d)
{
    enum { BEHIND_S = 60, YEAR_2024_S = 1704067200 };
    const struct timespec nap = {.tv_nsec = 10 * 1000000};
    rc_us wall = rc_clock_wall(), before = rc_clock_monotonic();
    nanosleep(&nap, NULL);
    rc_us passed = rc_clock_monotonic() - before;
    uint32_t n = d->n;
    if (passed < RC_MS(9) || passed > RC_SECONDS(10))
        doctor_say(d, DOCTOR_ERROR,
                   "look at the clock source of this machine (dmesg); in a virtual machine at its host",
                   "10 ms took %llu us on the monotonic clock", (unsigned long long)passed);
    if (wall < RC_SECONDS(YEAR_2024_S))
        doctor_say(d, DOCTOR_ERROR, "set the clock", "the clock is at a time before 2024");
    if (d->high_water > wall + RC_SECONDS(BEHIND_S)) {
        char behind[RC_SPAN_TEXT];
        rc_format_span(d->high_water - wall, behind);
        doctor_say(
            d, DOCTOR_ERROR,
            "set the clock; until it has caught up, times in the store stand still, and schedules are late",
            "the clock is %s behind the last time in the store", behind);
    }
    judge_ntp(d);
    if (d->n == n) doctor_say(d, DOCTOR_OK, NULL, "it goes forward, and is not behind the store");
}
