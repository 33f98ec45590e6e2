/* Storage when the disk fails, is full, or is taken away: what a commit may answer then, and what is there afterwards. */
#include "kit.h"

#include "base/limits.h"
#include "faulty.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct made_batch one_submission(struct kit *kit, uint64_t seq, struct made **ret)
{
    char key[32];
    snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
    struct made_batch batch = kit_begin(kit);
    *ret = kit_new(kit, seq, key);
    made_submit(&batch, *ret, RC_RUNNING, true, NULL);
    return batch;
}

/* One that the log takes in several writes (gather.h). */
static struct made_batch one_large_submission(struct kit *kit, uint64_t seq)
{
    enum { LARGE = RC_MAX_RECORD - 2 };
    char key[32];
    snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
    struct made_batch batch = kit_begin(kit);
    struct made *made = kit_new(kit, seq, key);
    char *text = rc_alloc_text(kit->arena, LARGE);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    made->command.id.payload = cel_string((struct rc_sv){text, LARGE});
    made_submit(&batch, made, RC_RUNNING, true, NULL);
    return batch;
}

/* How many records the command has; 0: it is not there. Whole, in either case. */
static uint32_t records_of(struct kit *kit, uint64_t seq)
{
    struct kit_history got;
    char key[32];
    snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
    enum rc_status status = kit_history(kit, rc_store_self(kit->store), seq, 0, 100, &got);
    uint64_t by_key = kit_key(kit, rc_store_self(kit->store), key);
    if (status == RC_NOT_FOUND) {
        assert_int_equal(by_key, 0);
        return 0;
    }
    assert_ok(kit, status);
    assert_int_equal(by_key, seq);
    return got.n;
}

/* Every method answers RC_IO once the handle is poisoned, readers too. */
static void assert_poisoned(struct kit *kit, struct rc_reader *reader)
{
    struct made *made;
    struct made_batch batch = one_submission(kit, 99, &made);
    struct kit_history got;
    struct rc_high high;
    struct rc_reader *another;
    kit_commit(kit, &batch, RC_IO);
    assert_int_equal(rc_store_room(kit->store, &kit->err), RC_IO);
    assert_int_equal(rc_store_idle(kit->store, &kit->err), RC_IO);
    assert_int_equal(rc_store_define(kit->store, NULL, 0, NULL, 0, NULL, 1, &kit->err), RC_IO);
    assert_int_equal(rc_reader_open(kit->store, &another, &kit->err), RC_IO);
    assert_int_equal(kit_history(kit, rc_store_self(kit->store), 1, 0, 10, &got), RC_IO);
    assert_int_equal(kit_history(kit, reader, 1, 0, 10, &got), RC_IO);
    assert_int_equal(rc_read_high(reader, &high, &kit->err), RC_IO);
}

/* ---- the memory store's disk -------------------------------------------------------------------------------------- */

static void a_refused_commit_leaves_nothing(void **state)
{
    struct kit *kit = *state;
    const enum rc_status answers[] = {RC_FULL, RC_IO, RC_NOMEM};
    for (int i = 0; i < 3; i++) {
        struct made *made;
        struct made_batch batch = one_submission(kit, 1, &made);
        rc_memory_fail_next(kit->store, answers[i], true);
        kit_commit(kit, &batch, answers[i]);
        assert_int_equal(records_of(kit, 1), 0);
    }
    struct made *made;
    struct made_batch batch = one_submission(kit, 1, &made);
    kit_commit(kit, &batch, RC_OK); /* the same batch may be tried again */
    assert_int_equal(records_of(kit, 1), 1);
}

static void an_unknown_commit_is_there_or_not(void **state)
{
    struct kit *kit = *state;
    struct made *made;
    for (int kept = 0; kept <= 1; kept++) {
        struct rc_reader *reader;
        assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
        struct made_batch batch = one_submission(kit, 1 + (uint64_t)kept, &made);
        rc_memory_fail_next(kit->store, RC_COMMIT_UNKNOWN, kept);
        kit_commit(kit, &batch, RC_COMMIT_UNKNOWN);
        assert_poisoned(kit, reader);
        rc_reader_close(reader);
        kit_reopen(kit);
        assert_int_equal(records_of(kit, 1 + (uint64_t)kept), kept);
    }
    struct rc_definition def = {.kind = RC_DEF_FLOW, .name = RC_SV("a")};
    rc_memory_fail_next(kit->store, RC_COMMIT_UNKNOWN, true);
    assert_int_equal(rc_store_define(kit->store, &def, 1, NULL, 0, NULL, 1, &kit->err), RC_COMMIT_UNKNOWN);
    kit_reopen(kit);
    assert_ok(kit, rc_read_definition(rc_store_self(kit->store), 1, kit->arena, &def, &kit->err));
}

static void one_handle_has_the_disk(void **state)
{
    struct kit *kit = *state;
    struct rc_store *second;
    assert_int_equal(rc_memory_open(kit->disk, &second, &kit->err), RC_LOCKED);
}

/* ---- SQLite over a failing file system ---------------------------------------------------------------------------- */

static int faulty_setup(void **state)
{
    faulty_install();
    return kit_setup(state);
}

static int faulty_teardown(void **state)
{
    faulty_stop();
    int failed = kit_teardown(state);
    faulty_remove();
    return failed;
}

static void a_failed_sync_is_unknown(void **state)
{
    struct kit *kit = *state;
    struct made *made, *lost;
    struct rc_reader *reader;
    struct made_batch batch = one_submission(kit, 1, &made);
    kit_commit(kit, &batch, RC_OK);
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    batch = one_submission(kit, 2, &lost);
    faulty_fail(FAULTY_SYNC, FAULTY_LOG, 0, SQLITE_IOERR_FSYNC);
    kit_commit(kit, &batch, RC_COMMIT_UNKNOWN);
    assert_int_equal(faulty_stop(), 1);
    assert_poisoned(kit, reader);
    rc_reader_close(reader);
    kit_reopen(kit);
    assert_int_equal(records_of(kit, 1), 1);
    assert_true(records_of(kit, 2) <= 1); /* either, but whole */
    batch = one_submission(kit, 3, &lost);
    kit_commit(kit, &batch, RC_OK);
}

/* The log's index cannot grow: that shows only after the sync, when the batch is on the disk. */
static void a_failure_behind_the_sync_is_unknown(void **state)
{
    struct kit *kit = *state;
    uint64_t seq = 1;
    enum rc_status status = RC_OK;
    faulty_fail(FAULTY_SHM, FAULTY_MAIN, 0, SQLITE_IOERR_SHMSIZE);
    while (status == RC_OK && seq < 20000) {
        struct made_batch batch = kit_begin(kit);
        for (int i = 0; i < 500; i++, seq++) {
            char key[32];
            snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
            made_submit(&batch, kit_new(kit, seq, key), RC_RUNNING, false, NULL);
        }
        status = rc_store_commit(kit->store, &batch.batch, &kit->err);
    }
    assert_true(faulty_stop() > 0);
    assert_int_equal(status, RC_COMMIT_UNKNOWN);
    kit_reopen(kit);
    uint64_t high = kit_high(kit).seq;
    assert_true(high == seq - 1 || high == seq - 501); /* all of the last batch, or nothing of it */
    assert_int_equal(records_of(kit, high), 1);
    assert_int_equal(records_of(kit, high + 1), 0);
}

/* Every write of one commit fails in turn, torn in its middle. ENOSPC: surely nothing happened. EIO: not known. */
static void every_write_of_a_commit_may_fail(void **state)
{
    struct kit *kit = *state;
    for (int full = 0; full <= 1; full++) {
        uint32_t failed = 0;
        for (bool fired = true; fired; failed += fired) {
            uint64_t seq = kit_high(kit).seq + 1;
            struct made_batch batch = one_large_submission(kit, seq);
            faulty_fail(FAULTY_WRITE, FAULTY_LOG, failed, full ? SQLITE_FULL : SQLITE_IOERR_WRITE);
            enum rc_status status = rc_store_commit(kit->store, &batch.batch, &kit->err);
            fired = faulty_stop() > 0;
            assert_int_equal(status, !fired ? RC_OK : full ? RC_FULL : RC_COMMIT_UNKNOWN);
            if (fired && !full) kit_reopen(kit);
            uint32_t there = records_of(kit, seq);
            assert_true(!fired ? there == 1 : full ? there == 0 : there <= 1);
            if (!fired || !full) continue;
            assert_ok(kit,
                      rc_store_room(kit->store, &kit->err)); /* the very same batch, once there is room */
            kit_commit(kit, &batch, RC_OK);
            assert_int_equal(records_of(kit, seq), 1);
        }
        assert_true(failed > 6);
    }
}

/* The log is written in large pieces: of a small commit all frames go out in one (the log's head is another). */
static void a_small_commit_is_written_in_one_piece(void **state)
{
    struct kit *kit = *state;
    for (uint64_t seq = 1; seq <= 5; seq++) {
        struct made *made;
        struct made_batch batch = one_submission(kit, seq, &made);
        faulty_fail(FAULTY_WRITE, FAULTY_LOG, 2, SQLITE_IOERR_WRITE);
        assert_ok(kit, rc_store_commit(kit->store, &batch.batch, &kit->err));
        assert_int_equal(faulty_stop(), 0);
    }
    kit_reopen(kit);
    for (uint64_t seq = 1; seq <= 5; seq++) assert_int_equal(records_of(kit, seq), 1);
}

/* The last commit that failed half-way leaves frames behind; what comes after it must not be mixed up with them. */
static void a_failed_commit_is_written_over(void **state)
{
    struct kit *kit = *state;
    for (uint64_t seq = 1; seq <= 20; seq++) {
        struct made_batch batch = one_large_submission(kit, seq);
        faulty_fail(FAULTY_WRITE, FAULTY_LOG, 3 + (uint32_t)seq % 5, SQLITE_FULL);
        kit_commit(kit, &batch, RC_FULL);
        assert_true(faulty_stop() > 0);
        assert_ok(kit, rc_store_room(kit->store, &kit->err));
        kit_commit(kit, &batch, RC_OK);
        if (seq % 7 == 0) kit_reopen(kit);
    }
    kit_reopen(kit);
    for (uint64_t seq = 1; seq <= 20; seq++) assert_int_equal(records_of(kit, seq), 1);
}

/* Folding the log fails: nothing is lost, and it is tried again. */
static void a_failed_checkpoint_loses_nothing(void **state)
{
    struct kit *kit = *state;
    for (int sync = 0; sync <= 1; sync++) {
        for (int i = 0; i < 60; i++) {
            struct made *made;
            struct made_batch batch = one_submission(kit, kit_high(kit).seq + 1, &made);
            kit_commit(kit, &batch, RC_OK);
        }
        faulty_fail(sync ? FAULTY_SYNC : FAULTY_WRITE, FAULTY_MAIN, 0,
                    sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE);
        assert_int_equal(rc_store_idle(kit->store, &kit->err), RC_IO);
        assert_true(faulty_stop() > 0);
        kit_submit(kit, kit_high(kit).seq + 1, sync ? "x" : "y", RC_RUNNING, false);
    }
    assert_ok(kit, rc_store_idle(kit->store, &kit->err));
    kit_reopen(kit);
    assert_int_equal(kit_high(kit).seq, 122);
}

/* A disk that fills while the log is folded is noticed before new work is taken on. */
static void a_full_disk_at_a_checkpoint_stops_new_work(void **state)
{
    struct kit *kit = *state;
    for (int i = 0; i < 60; i++) {
        struct made *made;
        struct made_batch batch = one_submission(kit, kit_high(kit).seq + 1, &made);
        kit_commit(kit, &batch, RC_OK);
    }
    faulty_fail(FAULTY_WRITE, FAULTY_MAIN, 2, SQLITE_FULL);
    assert_int_equal(rc_store_idle(kit->store, &kit->err), RC_FULL);
    assert_true(faulty_stop() > 0);
    assert_ok(kit,
              rc_store_room(kit->store, &kit->err)); /* there is room again, and it finds that by itself */
    kit_submit(kit, 61, "more", RC_RUNNING, false);
}

/* ---- a disk that is really full ----------------------------------------------------------------------------------- */

static void write_ballast(const char *dir, uint64_t bytes)
{
    char name[96], block[4096] = {0};
    snprintf(name, sizeof name, "%s/ballast", dir);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    for (uint64_t n = 0; n < bytes && fwrite(block, sizeof block, 1, file) == 1; n += sizeof block) {
    }
    fclose(file);
}

static uint64_t reserve_size(const char *dir)
{
    char name[96];
    struct stat st;
    snprintf(name, sizeof name, "%s/store.db.reserve", dir);
    assert_int_equal(stat(name, &st), 0);
    return (uint64_t)st.st_size;
}

static void a_full_disk_leaves_room_for_results(void **state)
{
    struct kit *kit = *state;
    kit_small_disk(kit, 4 << 20);
    const char *dir = kit->small;

    enum { OPEN = 400 };
    static struct made *open[OPEN];
    struct made_batch batch = kit_begin(kit);
    for (uint32_t i = 0; i < OPEN; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %u", i + 1);
        open[i] = kit_new(kit, i + 1, key);
        made_submit(&batch, open[i], RC_RUNNING, true, NULL);
    }
    kit_commit(kit, &batch, RC_OK);
    write_ballast(dir, 64 << 20); /* somebody fills the disk */

    uint64_t seq = OPEN;
    enum rc_status status = RC_OK;
    while (status == RC_OK && seq < 20000) { /* new work goes on in what the files already have, then stops */
        struct made *made;
        batch = one_submission(kit, ++seq, &made);
        status = rc_store_commit(kit->store, &batch.batch, &kit->err);
    }
    assert_int_equal(status, RC_FULL);
    assert_int_equal(records_of(kit, seq), 0);
    assert_int_equal(rc_store_room(kit->store, &kit->err), RC_FULL);
    assert_non_null(strstr(kit->err.text, "disk is full"));
    assert_int_equal(reserve_size(dir), 4 << 20); /* untouched */

    for (uint32_t i = 0; i < OPEN / 2; i++) { /* results of what has left are kept, one by one */
        batch = kit_begin(kit);
        made_result(&batch, open[i], RC_COMPLETED, false, NULL);
        batch.batch.essential = true;
        kit_commit(kit, &batch, RC_OK);
    }
    assert_true(reserve_size(dir) < 4 << 20);
    assert_int_equal(rc_store_room(kit->store, &kit->err), RC_FULL);
    kit_reopen(
        kit); /* also across a restart on the full disk, which may give the log's blocks to the reserve */
    for (uint32_t i = 0; i < OPEN; i++) assert_int_equal(records_of(kit, i + 1), i < OPEN / 2 ? 2 : 1);
    for (uint32_t i = OPEN / 2; i < OPEN; i++) {
        batch = kit_begin(kit);
        made_result(&batch, open[i], RC_COMPLETED, false, NULL);
        batch.batch.essential = true;
        kit_commit(kit, &batch, RC_OK);
    }

    char ballast[96]; /* somebody makes room */
    snprintf(ballast, sizeof ballast, "%s/ballast", dir);
    assert_int_equal(remove(ballast), 0);
    assert_ok(kit, rc_store_room(kit->store, &kit->err));
    assert_int_equal(reserve_size(dir), 4 << 20);
    kit_submit(kit, seq, "work resumes", RC_RUNNING, false);
}

/* Facts go on until the last part of the reserve is used; then even they are refused, and nothing is torn. */
static void an_empty_reserve_refuses_cleanly(void **state)
{
    struct kit *kit = *state;
    kit_small_disk(kit, 2 << 20);
    const char *dir = kit->small;
    struct made *made = kit_submit(kit, 1, "key 1", RC_RUNNING, true);
    write_ballast(dir, 64 << 20);
    uint32_t kept = 1;
    enum rc_status status = RC_OK;
    while (status == RC_OK && kept < 60000) {
        struct made before = *made;
        struct made_batch batch = kit_begin(kit);
        for (int i = 0; i < 20; i++) made_result(&batch, made, RC_RUNNING, true, NULL);
        batch.batch.essential = true;
        status = rc_store_commit(kit->store, &batch.batch, &kit->err);
        if (status == RC_OK) kept += 20;
        if (status != RC_OK) *made = before;
        if (kept % 4000 == 1)
            rc_arena_reset(kit->arena),
                made = memcpy(rc_alloc(kit->arena, sizeof *made), &before, sizeof before);
    }
    assert_int_equal(status, RC_FULL);
    assert_int_equal(reserve_size(dir), 0);
    struct kit_history got;
    assert_ok(kit, kit_history(kit, rc_store_self(kit->store), 1, kept - 1, 10, &got));
    assert_true(got.n == 1 && got.records[0].rev == kept);
}

static void a_limit_stops_new_work_only(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    kit->options.disk_limit = 1 << 20;
    kit_open(kit);
    struct rc_access_change token = {.kind = RC_ACCESS_TOKEN_ADD, .token = {.id = 5, .subject = RC_SV("x")}};
    assert_ok(kit, rc_store_access(kit->store, &token, kit->now, &kit->err));
    uint64_t seq = 0;
    enum rc_status status = RC_OK;
    struct made *made = NULL, *last = NULL;
    while (status == RC_OK && seq < 20000) {
        last = made;
        struct made_batch batch = one_submission(kit, ++seq, &made);
        status = rc_store_commit(kit->store, &batch.batch, &kit->err);
    }
    assert_int_equal(status, RC_FULL);
    assert_non_null(strstr(kit->err.text, "its limit is 1048576"));
    assert_int_equal(rc_store_room(kit->store, &kit->err), RC_FULL);
    struct rc_definition def = {.kind = RC_DEF_FLOW, .name = RC_SV("a")};
    assert_int_equal(rc_store_define(kit->store, &def, 1, NULL, 0, NULL, 1, &kit->err), RC_FULL);
    token.token.id = 6;
    assert_int_equal(rc_store_access(kit->store, &token, kit->now, &kit->err), RC_FULL);
    token = (struct rc_access_change){.kind = RC_ACCESS_TOKEN_REVOKE, .token = {.id = 5}};
    assert_ok(kit, rc_store_access(kit->store, &token, kit->now,
                                   &kit->err)); /* a stolen token does not wait for room */
    struct made_batch batch = kit_begin(kit);
    made_result(&batch, last, RC_COMPLETED, false, NULL);
    batch.batch.essential = true;
    kit_commit(kit, &batch, RC_OK);
    kit_close(kit);
    kit->options.disk_limit = 64 << 20; /* the operator gives more */
    kit_open(kit);
    assert_ok(kit, rc_store_room(kit->store, &kit->err));
    kit_submit(kit, seq, "more", RC_RUNNING, false);
}

/* ---- pages that the disk does not give -------------------------------------------------------------------------------- */

enum { PAGE = 4096, FOREVER = 1 << 30 };

/* Three commands in a closed store; *ret_page: a page on which only the history of the second stands. */
static void three_commands(struct kit *kit, uint32_t *ret_page)
{
    static char page[PAGE + 1]; /* ends */
    struct made *made;
    struct rc_definition def = {
        .kind = RC_DEF_FLOW, .name = RC_SV("github.create_pr"), .text = RC_SV("flow")};
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, kit->now, &kit->err));
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct made_batch batch = seq == 2 ? one_large_submission(kit, seq) : one_submission(kit, seq, &made);
        kit_commit(kit, &batch, RC_OK);
    }
    kit_close(kit);
    FILE *file = fopen(kit->path, "r");
    assert_non_null(file);
    for (uint32_t n = 1; fread(page, PAGE, 1, file) == 1; n++)
        if (strspn(page + 8, "x") == PAGE - 16)
            *ret_page = n; /* but for the next page's number, and the seal */
    (void)fclose(file);
    assert_true(*ret_page > 0);
}

static enum rc_status history_of(struct kit *kit, uint64_t seq)
{
    struct kit_history got;
    kit->err = (struct rc_error){0};
    return kit_history(kit, rc_store_self(kit->store), seq, 0, 100, &got);
}

/* The command that stands there is damaged, and says why; the others are served, and all can be written, also after another start. */
static void a_page_that_always_fails_is_damaged(void **state)
{
    struct kit *kit = *state;
    uint32_t page = 0;
    char words[64];
    struct rc_holdings kept;
    three_commands(kit, &page);
    snprintf(words, sizeof words, "page %u cannot be read, though others can", page);
    for (uint64_t start = 0; start < 2; start++) {
        faulty_page(page, FOREVER);
        kit_open(kit);
        assert_int_equal(history_of(kit, 1), RC_OK);
        assert_int_equal(history_of(kit, 3), RC_OK);
        assert_int_equal(history_of(kit, 2), RC_DAMAGED);
        assert_non_null(strstr(kit->err.text, words));
        struct made *made;
        struct made_batch batch = one_submission(kit, 4 + start, &made);
        kit_commit(kit, &batch, RC_OK);
        assert_int_equal(history_of(kit, 4 + start), RC_OK);
        kit_close(kit);
        assert_int_equal(rc_sqlite_check(kit->path, &kept, &kit->err), RC_DAMAGED);
        assert_non_null(strstr(kit->err.text, "histories that cannot be read: of 00000002"));
        assert_true(faulty_stop() > 0);
    }
    kit_open(kit); /* the disk gives it again */
    assert_int_equal(history_of(kit, 2), RC_OK);
    assert_ok(kit, rc_sqlite_check(kit->path, &kept, &kit->err));
}

static void a_page_that_fails_for_a_moment_is_read_again(void **state)
{
    struct kit *kit = *state;
    uint32_t page = 0;
    three_commands(kit, &page);
    for (uint32_t times = 1; times < 4; times++) {
        kit_open(kit);
        faulty_page(page, times);
        assert_int_equal(history_of(kit, 2), RC_OK);
        assert_int_equal(faulty_stop(), times);
        kit_close(kit);
    }
    kit_open(kit);
}

/* Nothing is said of any page: it is the disk. */
static void a_disk_that_gives_nothing_is_no_damage(void **state)
{
    struct kit *kit = *state;
    uint32_t page = 0;
    three_commands(kit, &page);
    kit_open(kit);
    faulty_page(0, FOREVER);
    assert_int_equal(history_of(kit, 2), RC_IO);
    assert_true(faulty_stop() > 0);
    assert_int_equal(history_of(kit, 2), RC_OK);
}

#define MEMORY(name)                                                                                         \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, &memory                                                        \
    }
#define FAULTY(name)                                                                                         \
    {                                                                                                        \
#name, name, faulty_setup, faulty_teardown, &sqlite                                                  \
    }
#define DISK(name)                                                                                           \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, &sqlite                                                        \
    }
int main(void)
{
    struct kit_kind memory = {.memory = true}, sqlite = {.memory = false};
    const struct CMUnitTest tests[] = {
        MEMORY(a_refused_commit_leaves_nothing),
        MEMORY(an_unknown_commit_is_there_or_not),
        MEMORY(one_handle_has_the_disk),
        FAULTY(a_failed_sync_is_unknown),
        FAULTY(a_failure_behind_the_sync_is_unknown),
        FAULTY(every_write_of_a_commit_may_fail),
        FAULTY(a_small_commit_is_written_in_one_piece),
        FAULTY(a_failed_commit_is_written_over),
        FAULTY(a_failed_checkpoint_loses_nothing),
        FAULTY(a_full_disk_at_a_checkpoint_stops_new_work),
        FAULTY(a_page_that_always_fails_is_damaged),
        FAULTY(a_page_that_fails_for_a_moment_is_read_again),
        FAULTY(a_disk_that_gives_nothing_is_no_damage),
        DISK(a_full_disk_leaves_room_for_results),
        DISK(an_empty_reserve_refuses_cleanly),
        DISK(a_limit_stops_new_work_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
