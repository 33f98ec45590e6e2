/* Checking and copying a store's file. */
#include "kit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void define(struct kit *kit)
{
    struct rc_definition def = {
        .kind = RC_DEF_FLOW, .name = RC_SV("a"), .text = RC_SV("one"), .source = RC_SV("a.yaml")};
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, 1, &kit->err));
}

/* Some of everything: what waits, what ended, what was acted on, what was purged. */
static void fill(struct kit *kit)
{
    const struct rc_work waits = {.phase = RC_PHASE_DELAYED, .order = 7, .node = 1};
    const struct rc_purge_filter filter = {0};
    const struct rc_author by = {0};
    const struct rc_purge_one one = {2, 2};
    uint32_t n = 0;
    define(kit);
    struct made_batch batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 1, "a"), RC_WAITING, false, &waits);
    kit_commit(kit, &batch, RC_OK);
    kit_result(kit, kit_submit(kit, 2, "b", RC_RUNNING, true), RC_COMPLETED, false);
    struct made *three = kit_submit(kit, 3, "c", RC_FAILED, false);
    batch = kit_begin(kit);
    made_action(&batch, three, RC_RUNNING, true, NULL);
    kit_commit(kit, &batch, RC_OK);
    assert_ok(kit, rc_store_purge(kit->store,
                                  &(struct rc_purge){.commands = &one, .n = 1, .filter = &filter, .by = &by},
                                  kit->now, &n, &kit->err));
    assert_int_equal(n, 1);
}

static void a_whole_store_passes(void **state)
{
    struct kit *kit = *state;
    struct rc_holdings kept = {0};
    fill(kit);
    for (int again = 0; again < 2; again++) { /* beside the writer, and without one */
        assert_ok(kit, rc_sqlite_check(kit->path, &kept, &kit->err));
        assert_true(kept.commands == 2 && kept.records == 3 && kept.purged == 1 && kept.entries == 3 &&
                    kept.bytes);
        if (!again) kit_close(kit);
    }
    kit_open(kit);
}

static const char *const damages[] = {
    "DELETE FROM history WHERE command = 1",
    "DELETE FROM history WHERE command = 3 AND rev = 2",
    "UPDATE history SET rev = 9 WHERE command = 3 AND rev = 1",
    "UPDATE history SET prev = 1 WHERE command = 3 AND rev = 2",
    "UPDATE command SET rev = 9 WHERE seq = 1",
    "UPDATE command SET flow = 77 WHERE seq = 1",
    "UPDATE command SET state = 3 WHERE seq = 3",
    "UPDATE tally SET commands = commands + 1",
    "UPDATE usage SET commands = 9",
    "DELETE FROM command_key WHERE place = (SELECT min(place) FROM command_key)",
    "INSERT INTO attention VALUES (1, 5, 99)",
    "INSERT INTO attention VALUES (1, 5, 1)",
    "DELETE FROM attention",
    "INSERT INTO purged VALUES (1, 1, zeroblob(16), 11, 1, 1, 1)",
    "INSERT INTO work VALUES (1, 0, 1, 99, 1)",
    "UPDATE high SET seq = 1",
    "UPDATE high SET change = 1",
    "UPDATE audit SET at = 9 WHERE number = 2",
    "DELETE FROM audit WHERE number = 3",
};

static void what_does_not_fit_is_found(void **state)
{
    struct kit *kit = *state;
    char copy[80];
    struct rc_holdings kept = {0};
    fill(kit);
    snprintf(copy, sizeof copy, "%s.copy", kit->path);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        assert_ok(kit, rc_sqlite_backup(kit->path, copy, i > 0, &kept, &kit->err));
        run_sql(copy, damages[i]);
        enum rc_status status = rc_sqlite_check(copy, &kept, &kit->err);
        if (status != RC_DAMAGED) fail_msg("%s: %s", damages[i], rc_status_slug(status));
        /* what is damaged is not copied on */
        char next[90];
        snprintf(next, sizeof next, "%s.next", kit->path);
        assert_int_equal(rc_sqlite_backup(copy, next, false, &kept, &kit->err), RC_DAMAGED);
        assert_int_equal(access(next, F_OK), -1);
        char part[120];
        snprintf(part, sizeof part, "%s.part", next);
        assert_int_equal(access(part, F_OK), -1);
    }
    /* bytes of a page */
    assert_ok(kit, rc_sqlite_backup(kit->path, copy, true, &kept, &kit->err));
    int fd = open(copy, O_RDWR);
    assert_true(fd >= 0);
    char junk[4096];
    memset(junk, 0x55, sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 4096), sizeof junk);
    close(fd);
    assert_int_equal(rc_sqlite_check(copy, &kept, &kit->err), RC_DAMAGED);
}

static void a_copy_is_a_store(void **state)
{
    struct kit *kit = *state;
    char copy[80];
    struct rc_holdings kept = {0}, again = {0};
    struct stat st;
    fill(kit);
    snprintf(copy, sizeof copy, "%s.copy", kit->path);
    umask(0);
    assert_ok(kit, rc_sqlite_backup(kit->path, copy, false, &kept, &kit->err));
    umask(022);
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    kit_submit(kit, 4, "d", RC_RUNNING, true); /* after it was made */
    const struct rc_sqlite_options options = {.path = copy};
    struct rc_store *store = NULL;
    assert_ok(kit, rc_sqlite_open(&options, &store, &kit->err));
    struct rc_key_match match;
    struct rc_reader *reader = rc_store_self(store);
    assert_ok(
        kit, rc_read_key(reader, RC_SV("default"), RC_SV("github.create_pr"), RC_SV("c"), &match, &kit->err));
    assert_int_equal(match.seq, 3);
    assert_ok(
        kit, rc_read_key(reader, RC_SV("default"), RC_SV("github.create_pr"), RC_SV("b"), &match, &kit->err));
    assert_true(match.purged);
    assert_int_equal(
        rc_read_key(reader, RC_SV("default"), RC_SV("github.create_pr"), RC_SV("d"), &match, &kit->err),
        RC_NOT_FOUND);
    /* it is a store in use now, and is not written over */
    assert_int_equal(rc_sqlite_backup(kit->path, copy, true, &again, &kit->err), RC_IN_USE);
    rc_store_close(store);
}

static void nothing_is_written_over_unasked(void **state)
{
    struct kit *kit = *state;
    char copy[80], other[96];
    struct rc_holdings kept = {0};
    fill(kit);
    snprintf(copy, sizeof copy, "%s.copy", kit->path);
    snprintf(other, sizeof other, "%s/nowhere/copy", kit->dir);
    FILE *file = fopen(copy, "w");
    assert_non_null(file);
    fputs("mine", file);
    fclose(file);
    assert_int_equal(rc_sqlite_backup(kit->path, copy, false, &kept, &kit->err), RC_IN_USE);
    assert_int_equal(rc_sqlite_backup(kit->path, kit->path, true, &kept, &kit->err), RC_IN_USE);
    assert_int_equal(rc_sqlite_backup(kit->path, kit->dir, true, &kept, &kit->err), RC_IN_USE);
    assert_int_equal(rc_sqlite_backup(kit->path, other, true, &kept, &kit->err), RC_IO);
    assert_int_equal(rc_sqlite_backup(kit->path, "", true, &kept, &kit->err), RC_INVALID);
    assert_int_equal(rc_sqlite_backup(other, copy, true, &kept, &kit->err), RC_NOT_FOUND);
    char text[8] = "";
    file = fopen(copy, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "mine"); /* whatever was refused has left it alone */
    assert_ok(kit, rc_sqlite_backup(kit->path, copy, true, &kept, &kit->err));
    assert_ok(kit, rc_sqlite_check(copy, &kept, &kit->err));
}

/* ---- beside a writer ------------------------------------------------------------------------------------------------ */

struct writing {
    struct kit *kit;
    _Atomic uint64_t done;
    _Atomic bool stop;
};

static void *write_on(void *context)
{
    struct writing *writing = context;
    for (uint64_t seq = 4; !atomic_load(&writing->stop) && seq < 20000; seq++) {
        char key[24];
        snprintf(key, sizeof key, "k%llu", (unsigned long long)seq);
        kit_submit(writing->kit, seq, key, RC_RUNNING, true);
        atomic_store(&writing->done, seq);
    }
    return NULL;
}

static void a_copy_under_load_has_all_that_was_there_before(void **state)
{
    struct kit *kit = *state;
    struct writing writing = {.kit = kit};
    pthread_t thread;
    char copy[80];
    fill(kit);
    snprintf(copy, sizeof copy, "%s.copy", kit->path);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writing), 0);
    for (int i = 0; i < 5; i++) {
        struct rc_holdings kept = {0};
        while (atomic_load(&writing.done) < 50 + 20 * (uint64_t)i) usleep(1000);
        uint64_t before = atomic_load(&writing.done);
        struct rc_error err;
        assert_int_equal(rc_sqlite_backup(kit->path, copy, true, &kept, &err), RC_OK);
        assert_true(kept.commands >= before - 1 && kept.commands <= atomic_load(&writing.done) + 1);
    }
    atomic_store(&writing.stop, true);
    pthread_join(thread, NULL);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, &kind                                                          \
    }

int main(void)
{
    struct kit_kind kind = {.memory = false};
    const struct CMUnitTest tests[] = {
        RUN(a_whole_store_passes),
        RUN(what_does_not_fit_is_found),
        RUN(a_copy_is_a_store),
        RUN(nothing_is_written_over_unasked),
        RUN(a_copy_under_load_has_all_that_was_there_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
