/* The log of an SQLite store after a power cut: what a transaction that was taken back has left in it is nothing that was ever whole. */
#include "kit.h"

#include "store/sqlite/seal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MUCH = 300, LOG_MOST = 4 << 20, FRAMES = LOG_MOST / SQ_FRAME };

struct log {
    size_t n;
    unsigned char bytes[LOG_MOST];
};
static struct log before, after;

static const char *log_of(const struct kit *kit)
{
    static char name[96];
    snprintf(name, sizeof name, "%s-wal", kit->path);
    return name;
}

static void read_log(const struct kit *kit, struct log *ret)
{
    int fd = open(log_of(kit), O_RDONLY | O_CLOEXEC);
    ssize_t n = pread(fd, ret->bytes, sizeof ret->bytes, 0);
    assert_true(n > SQ_LOG_HEAD && (size_t)n < sizeof ret->bytes);
    ret->n = (size_t)n;
    close(fd);
}

static unsigned char *frame_of(struct log *log, uint32_t i)
{
    return log->bytes + SQ_LOG_HEAD + (size_t)i * SQ_FRAME;
}

/* Frames from this one on that say they are of this log. */
static uint32_t of_this_log(struct log *log, uint32_t from)
{
    uint32_t n = 0;
    for (uint32_t i = from; SQ_LOG_HEAD + (size_t)(i + 1) * SQ_FRAME <= log->n; i++)
        n += memcmp(frame_of(log, i) + 8, log->bytes + 16, 8) == 0;
    return n;
}

/* Many commands, and the last one is one too many. */
static void take_back(struct kit *kit, uint32_t first)
{
    struct made_batch batch = kit_begin(kit);
    char key[32];
    for (uint32_t i = 0; i < MUCH; i++) {
        snprintf(key, sizeof key, "never %u", i);
        made_submit(&batch, kit_new(kit, first + i, key), RC_RUNNING, false, NULL);
    }
    made_submit(&batch, kit_new(kit, 1, "taken"), RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_BUG);
}

static void begin(struct kit *kit)
{
    for (uint32_t i = 1; i <= 3; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %u", i);
        kit_submit(kit, i, key, RC_RUNNING, false);
    }
    assert_ok(kit, sq_exec(&sq_store_of(kit->store)->self.conn, "PRAGMA cache_size=4; PRAGMA cache_spill=4",
                           &kit->err));
}

/* The power is cut while the frames from..to are written: the first of them do not come to the disk. */
static void cut(struct kit *kit, uint32_t from, uint32_t to)
{
    struct rc_store *store;
    char copy[1024], path[96];
    const struct rc_sqlite_options options = {.path = path, .reserve = 1 << 20};
    snprintf(path, sizeof path, "%s/copy.db", kit->dir);
    for (uint32_t lost = from; lost < to; lost++) {
        snprintf(copy, sizeof copy, "rm -f %s* && cp %s %s && cp %s.lock %s.lock && cp %s.life %s.life", path,
                 kit->path, path, kit->path, path, kit->path, path);
        assert_int_equal(system(copy), 0);
        snprintf(copy, sizeof copy, "%s-wal", path);
        memcpy(frame_of(&after, lost), frame_of(&before, lost), SQ_FRAME);
        int fd = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, after.bytes, after.n), after.n);
        close(fd);
        assert_ok(kit, rc_sqlite_open(&options, &store, &kit->err));
        rc_store_close(store);
    }
}

/* The note in the lock file is of the commit before: the last one was not acknowledged. */
static void after_a_power_cut(struct kit *kit, bool anew)
{
    begin(kit);
    const struct sq_store *store = sq_store_of(kit->store);
    if (anew) assert_ok(kit, sq_fold(sq_store_of(kit->store), &kit->err));
    for (uint32_t round = 0; round < 2; round++) {
        take_back(kit, 100);
        sq_note_log(sq_store_of(kit->store));
        read_log(kit, &before);
        uint32_t committed = anew && !round ? 0 : store->log_frames;
        assert_true(of_this_log(&before, committed) > 20); /* there is something to be mistaken */
        struct made_batch batch = kit_begin(kit);
        made_submit(&batch, kit_new(kit, 4 + round, round ? "five" : "four"), RC_RUNNING, false, NULL);
        assert_ok(kit, rc_store_commit(kit->store, &batch.batch, &kit->err));
        read_log(kit, &after);
        assert_true(store->log_frames > committed + 3);
        assert_int_equal(of_this_log(&after, committed), store->log_frames - committed);
        cut(kit, committed, store->log_frames - 1);
        rc_store_follow_up(kit->store);
    }
    kit_reopen(kit);
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "four"), 4);
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "never 1"), 0);
}

static void what_was_taken_back_was_never_whole(void **state)
{
    after_a_power_cut(*state, false);
}

static void nor_where_it_began_the_log_anew(void **state)
{
    after_a_power_cut(*state, true);
}

/* A log that does not hold any more what was committed is not touched: the store is opened again, and looked at. */
static void a_log_that_looks_otherwise_is_left_alone(void **state)
{
    struct kit *kit = *state;
    begin(kit);
    take_back(kit, 100);
    int fd = open(log_of(kit), O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "damage", 6, SQ_LOG_HEAD + SQ_FRAME_HEAD + 100), 6);
    close(fd);
    read_log(kit, &before);
    struct made_batch batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 4, "four"), RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_COMMIT_UNKNOWN);
    read_log(kit, &after);
    assert_true(before.n == after.n && memcmp(before.bytes, after.bytes, after.n) == 0);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, NULL                                                           \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_was_taken_back_was_never_whole),
        RUN(nor_where_it_began_the_log_anew),
        RUN(a_log_that_looks_otherwise_is_left_alone),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
