/* The file beside the store that says how far it had come (store/hold.h): one line of fixed length,
 *
 *   recourse-life ID CHANGE AUDIT SUM
 *
 * the store's own number, the numbers of its last change and of the last entry of its audit, and a checksum. It is written over itself
 * behind each commit, from the page cache to the disk when the kernel likes: so it never says more than the store has kept, it is
 * right after the process was killed, and half a minute old at the most after a power cut.
 *
 * A line that is not whole counts as none; one that the disk refuses to give is an error. While the store has a mark nothing is written: should the process die before the hold is
 * begun, the next one finds the same. */
#include "store/sqlite/db.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 20, LINE = 14 + 3 * (DIGITS + 1) + 16 + 1 };

struct line {
    uint64_t id, change, audit;
};

static void format(const struct line *line, char ret[LINE + 1])
{
    int n = snprintf(ret, LINE + 1, "recourse-life %020llu %020llu %020llu ", (unsigned long long)line->id,
                     (unsigned long long)line->change, (unsigned long long)line->audit);
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add(&sha, ret, (size_t)n);
    snprintf(ret + n, (size_t)(LINE + 1 - n), "%016llx\n", (unsigned long long)rc_sha256_h128(&sha).hi);
}

static uint64_t digits(const char *text)
{
    uint64_t number = 0;
    for (int i = 0; i < DIGITS; i++) number = number * 10 + (unsigned)(text[i] - '0') % 10;
    return number;
}

enum seen { READ, NO_LINE, FAILED };

/* NO_LINE: there is none, or it is not one that was written here. FAILED: the disk did not say (errno). */
static enum seen read_line(int fd, struct line *ret)
{
    char text[LINE + 2], again[LINE + 1];
    ssize_t n = pread(fd, text, LINE + 1, 0);
    if (n < 0) return FAILED;
    if (n != LINE) return NO_LINE;
    const char *at = text + 14;
    *ret = (struct line){digits(at), digits(at + DIGITS + 1), digits(at + 2 * (DIGITS + 1))};
    format(ret, again);
    return memcmp(text, again, LINE) == 0 ? READ : NO_LINE;
}

static bool write_line(int fd, const struct line *line)
{
    char text[LINE + 1];
    format(line, text);
    return pwrite(fd, text, LINE, 0) == LINE;
}

/* What the store says of itself. */
static enum rc_status read_row(struct sq_store *store, struct line *ret, struct rc_origin *ret_mark,
                               struct rc_error *err)
{
    struct sq run = sq_start(&store->self.conn, SQ_LIFE);
    bool found = sq_row(&run);
    if (found) {
        *ret = (struct line){sq_get_u64(&run, 0), sq_get_u64(&run, 3), sq_get_u64(&run, 4)};
        *ret_mark = (struct rc_origin){(uint8_t)sq_get_u64(&run, 1), sq_get_u64(&run, 2)};
        if (ret_mark->cause && !ret_mark->at) ret_mark->at = sq_get_u64(&run, 5);
    }
    enum rc_status status = sq_end(&run, "cannot read whose life this is", err);
    if (status != RC_OK || found) return status;
    return rc_fail(err, RC_DAMAGED, "%s: the row of its life is missing", store->path);
}

static enum rc_held compare(const struct line *store, const struct line *beside)
{
    bool lived = store->change || store->audit;
    if (!beside) return lived ? RC_HELD_ALONE : RC_HELD_NONE;
    if (store->id != beside->id)
        return lived || beside->change || beside->audit ? RC_HELD_OTHER : RC_HELD_NONE;
    return store->change < beside->change || store->audit < beside->audit ? RC_HELD_OLDER : RC_HELD_NONE;
}

static int open_file(const struct sq_store *store, int flags)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s.life", store->path); /* open.c has checked the length */
    return open(name, O_RDWR | O_CLOEXEC | flags, 0600);
}

static enum rc_status cannot(const struct sq_store *store, const char *doing, struct rc_error *err)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s.life", store->path);
    return sq_io_error(name, doing, err);
}

/* From now on the file says what this store says. */
static enum rc_status take_over(struct sq_store *store, const struct line *line, struct rc_error *err)
{
    struct line there;
    if (store->life < 0) store->life = open_file(store, O_CREAT);
    if (store->life < 0) return cannot(store, "cannot be opened", err);
    bool known = read_line(store->life, &there) == READ;
    if (known && memcmp(&there, line, sizeof there) == 0) return RC_OK;
    if (ftruncate(store->life, LINE) != 0 || !write_line(store->life, line) || fdatasync(store->life) != 0)
        return cannot(store, "cannot be written", err);
    return RC_OK;
}

enum rc_status sq_life_open(struct sq_store *store, bool no_sync, struct rc_error *err)
{
    struct line row, beside;
    enum rc_status status = read_row(store, &row, &store->mark, err);
    if (status != RC_OK || no_sync) return status; /* what is not synced may go back by itself */
    store->life_id = row.id;
    store->life = open_file(store, 0);
    if (store->life < 0 && errno != ENOENT) return cannot(store, "cannot be opened", err);
    enum seen seen = store->life >= 0 ? read_line(store->life, &beside) : NO_LINE;
    /* as if there were none it would hold, until a person has looked for what is not missing */
    if (seen == FAILED) return cannot(store, "cannot be read", err);
    if (!store->mark.cause) {
        store->mark.cause = (uint8_t)compare(&row, seen == READ ? &beside : NULL);
        if (store->mark.cause) store->mark.at = store->high.high_water;
    }
    return store->mark.cause ? RC_OK : take_over(store, &row, err);
}

void sq_life_note(struct sq_store *store)
{
    struct line row;
    struct rc_origin mark;
    if (store->life < 0 || store->mark.cause || read_row(store, &row, &mark, NULL) != RC_OK) return;
    if (!mark.cause) (void)write_line(store->life, &row); /* not written: it says less than it could */
}

void sq_life_settle(struct sq_store *store)
{
    struct line row;
    struct rc_origin mark;
    store->mark = (struct rc_origin){0};
    if (!store->life_id || read_row(store, &row, &mark, NULL) != RC_OK) return;
    /* not written: the next one who opens the store begins another hold */
    enum rc_status status = take_over(store, &row, NULL);
    (void)status;
}

void sq_life_close(struct sq_store *store)
{
    if (store->life < 0) return;
    int failed = fdatasync(store->life);
    (void)failed; /* as after a power cut */
    close(store->life);
    store->life = -1;
}
