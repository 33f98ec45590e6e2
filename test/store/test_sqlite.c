/* What only the SQLite store promises: which files it opens and what it says of the others, one process at a time, what
 * a killed process leaves behind, and that any sqlite3 shell can read it. */
#include "kit.h"

#include "base/limits.h"
#include "store/sqlite/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *beside(const struct kit *kit, const char *suffix)
{
    static char name[128];
    snprintf(name, sizeof name, "%s%s", kit->path, suffix);
    return name;
}

static bool exists(const char *name)
{
    return access(name, F_OK) == 0;
}

/* The closed store must not open: this status, and these words in the message. */
static void refused(struct kit *kit, enum rc_status expected, const char *words)
{
    kit->err = (struct rc_error){0};
    struct rc_store *store = NULL;
    enum rc_status status = rc_sqlite_open(&kit->options, &store, &kit->err);
    if (status != expected || !strstr(kit->err.text, words))
        fail_msg("%s: %s; expected %s: %s", rc_status_slug(status), kit->err.text, rc_status_slug(expected),
                 words);
    assert_null(store);
}

/* By the store's own VFS: what others write has no seals. */
static void shell(struct kit *kit, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open_v2(kit->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "recourse"),
                     SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, &message);
    if (code != SQLITE_OK) fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

/* First column of the first row, as text. */
static const char *ask(struct kit *kit, const char *sql)
{
    static char answer[1024];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open_v2(kit->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int code = sqlite3_step(stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    snprintf(answer, sizeof answer, "%s", text ? text : "NULL");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return answer;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

/* ---- which files open --------------------------------------------------------------------------------------------- */

static void a_new_store_is_whole(void **state)
{
    struct kit *kit = *state;
    assert_string_equal(ask(kit, "PRAGMA journal_mode"), "wal");
    assert_string_equal(ask(kit, "PRAGMA user_version"), "1");
    assert_string_equal(ask(kit, "PRAGMA application_id"), "1382241140");
    assert_string_equal(ask(kit, "PRAGMA integrity_check"), "ok");
    assert_false(exists(beside(kit, ".new")));
    assert_true(exists(beside(kit, ".reserve")));
    kit_submit(kit, 1, "a", RC_RUNNING, false);
    struct stat st;
    static const char *const written[] = {"", "-wal"}; /* by whoever made it, whatever the umask was */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(stat(beside(kit, written[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    kit_close(kit);
    assert_false(exists(beside(kit, "-wal"))); /* closed: one file, and nothing beside it that matters */
    assert_false(exists(beside(kit, "-shm")));
    assert_true(stat(beside(kit, ".lock"), &st) == 0 && st.st_size == 0);
    kit_open(kit);
}

static void a_half_made_store_is_made_anew(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    assert_int_equal(remove(kit->path), 0);
    refused(kit, RC_DAMAGED, "its reserve"); /* there was a store */
    assert_int_equal(remove(beside(kit, ".reserve")), 0);
    write_file(beside(kit, ".new"), "half", 4); /* killed while it was created */
    write_file(beside(kit, ".new-journal"), "half", 4);
    kit_open(kit);
    kit_submit(kit, 1, "a", RC_RUNNING, false);
    assert_false(exists(beside(kit, ".new")));
}

static void files_that_are_no_store_are_refused(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, "a", RC_RUNNING, false);
    kit_close(kit);
    char page[4096] = "SQLite format 3";
    struct stat st;
    assert_int_equal(stat(kit->path, &st), 0);

    assert_int_equal(truncate(kit->path, st.st_size - 4096), 0);
    refused(kit, RC_DAMAGED, "is cut short");
    assert_int_equal(truncate(kit->path, 4096), 0);
    refused(kit, RC_DAMAGED, "is cut short");
    assert_int_equal(truncate(kit->path, 50), 0);
    refused(kit, RC_DAMAGED, "no SQLite database");
    assert_int_equal(truncate(kit->path, 0), 0);
    refused(kit, RC_DAMAGED, "is empty");
    write_file(kit->path, "hello, world", 12);
    refused(kit, RC_DAMAGED, "no SQLite database");
    write_file(kit->path, page, sizeof page);
    refused(kit, RC_DAMAGED, "not a store of Recourse");
    remove(kit->path);
    char foreign[120];
    snprintf(foreign, sizeof foreign, "sqlite3 %s 'CREATE TABLE theirs (x)'", kit->path);
    assert_int_equal(system(foreign), 0);
    refused(kit, RC_DAMAGED, "an SQLite database, but not a store");
    assert_string_equal(ask(kit, "SELECT count(*) FROM sqlite_schema"),
                        "1"); /* and nothing was written to it */
    remove(kit->path);
    write_file(beside(kit, "-wal"), "somebody's log", 14);
    refused(kit, RC_DAMAGED, "its log");
    remove(beside(kit, "-wal"));
    remove(beside(kit, ".reserve"));
    kit_open(kit);
}

static void damage_is_found_after_a_crash(void **state)
{
    struct kit *kit = *state;
    for (uint64_t seq = 1; seq <= 300; seq++) {
        char key[16];
        snprintf(key, sizeof key, "%llu", (unsigned long long)seq);
        kit_submit(kit, seq, key, RC_RUNNING, false);
    }
    kit_close(kit);
    int root = atoi(ask(kit, "SELECT rootpage FROM sqlite_schema WHERE name = 'history'"));
    int fd = open(kit->path, O_RDWR);
    char noise[600];
    memset(noise, 0xa5, sizeof noise);
    assert_int_equal(pwrite(fd, noise, sizeof noise, (root - 1) * 4096L), sizeof noise);
    close(fd);
    write_file(beside(kit, ".lock"), "12345\n", 6); /* as a killed process leaves it */
    refused(kit, RC_DAMAGED, "is damaged");
    /* after a clean close it is not read through: the damage shows where it is met */
    write_file(beside(kit, ".lock"), "", 0);
    kit_open(kit);
    struct kit_history got;
    assert_int_equal(kit_history(kit, rc_store_self(kit->store), 5, 0, 10, &got), RC_DAMAGED);
    assert_non_null(strstr(kit->err.text, "store.db"));
    struct made_batch batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 301, "x"), RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_DAMAGED);
}

/* Rows that no version of ours has written. */
static void rows_that_do_not_fit_are_damage(void **state)
{
    struct kit *kit = *state;
    static const char *const faults[] = {
        "UPDATE history SET changes = 'x' WHERE change = 1",
        "UPDATE history SET changes = '[[7,99]]' WHERE change = 1",
        "UPDATE history SET body = NULL WHERE change = 1",
        "UPDATE history SET rev = 7 WHERE change = 2",
        "UPDATE history SET prev = 0 WHERE change = 2",
        "UPDATE history SET prev = 2 WHERE change = 2",
        "DELETE FROM history WHERE change = 1",
        "UPDATE command SET last = 99",
        "UPDATE command SET refs = '{' WHERE seq = 1",
        "DELETE FROM name",
    };
    struct made *made = kit_submit(kit, 1, "a", RC_RUNNING, false);
    kit_result(kit, made, RC_COMPLETED, false);
    kit_close(kit);
    char sql[160], copy[160];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s/keep.db'", kit->dir);
    snprintf(copy, sizeof copy, "cp %s/keep.db %s", kit->dir, kit->path);
    shell(kit, sql);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_int_equal(system(copy), 0);
        shell(kit, faults[i]);
        kit_open(kit);
        struct kit_history got;
        enum rc_status status = kit_history(kit, rc_store_self(kit->store), 1, 0, 10, &got);
        if (status != RC_DAMAGED) fail_msg("%s: %s", faults[i], rc_status_slug(status));
        assert_true(strstr(kit->err.text, "command 1") || strstr(kit->err.text, "store.db"));
        kit_close(kit);
    }
    assert_int_equal(system(copy), 0);
    kit_open(kit);
}

static void a_newer_store_is_refused(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    shell(kit, "PRAGMA user_version = 2");
    refused(kit, RC_NEWER, "schema 2; this one knows up to 1");
    shell(kit, "PRAGMA user_version = 1");
    kit_open(kit);
}

static void places_that_cannot_be_opened_say_why(void **state)
{
    struct kit *kit = *state;
    struct rc_sqlite_options options = kit->options;
    char name[128], longest[5000];
    kit_close(kit);

    kit->options.path = "/nowhere/at/all/store.db";
    refused(kit, RC_IO, "its directory does not exist");
    kit->options.path = kit->dir;
    refused(kit, RC_IO, "is no regular file");
    snprintf(name, sizeof name, "%s/", kit->dir);
    kit->options.path = name;
    refused(kit, RC_IO, "is no regular file");
    snprintf(name, sizeof name, "%s/missing/", kit->dir);
    kit->options.path = name;
    refused(kit, RC_IO, "does not exist");
    kit->options.path = "";
    refused(kit, RC_INVALID, "needs a path");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    kit->options.path = longest;
    refused(kit, RC_INVALID, "too long");
    kit->options = options;
    kit_open(kit);
}

/* Root may do everything: look at it with another user's eyes. */
static void no_permission_is_said(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    if (geteuid() != 0) skip();
    assert_int_equal(chmod(kit->dir, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rc_error err = {0};
        struct rc_store *store;
        bool right = seteuid(65534) == 0 && rc_sqlite_open(&kit->options, &store, &err) == RC_IO &&
                     strstr(err.text, "ermission");
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    kit_open(kit);
}

static void readers_cannot_write(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, "a", RC_RUNNING, false);
    struct rc_reader *reader;
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    assert_int_equal(kit_key(kit, reader, "a"), 1);
    rc_reader_close(reader);
}

/* ---- one process -------------------------------------------------------------------------------------------------- */

/* Starts a child that opens the store, says so, and then runs `work` until it is killed. */
static pid_t start(struct kit *kit, int *ret_pipe, void (*work)(struct kit *, int))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        if (rc_sqlite_open(&kit->options, &kit->store, &kit->err) != RC_OK) _exit(1);
        uint64_t zero = 0;
        if (write(ends[1], &zero, sizeof zero) != sizeof zero) _exit(2);
        work(kit, ends[1]);
        _exit(3);
    }
    close(ends[1]);
    uint64_t ready = 1;
    assert_int_equal(read(ends[0], &ready, sizeof ready), sizeof ready);
    *ret_pipe = ends[0];
    return child;
}

static void wait_for_end(struct kit *kit, int out)
{
    (void)kit;
    (void)out;
    for (;;) pause();
}

static void kill_child(pid_t child)
{
    int status;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void a_second_process_is_kept_out(void **state)
{
    struct kit *kit = *state;
    struct rc_store *second;
    assert_int_equal(rc_sqlite_open(&kit->options, &second, &kit->err), RC_LOCKED); /* the same process too */
    kit_close(kit);
    int out;
    char pid[32], link_name[64];
    pid_t child = start(kit, &out, wait_for_end);
    snprintf(pid, sizeof pid, "process %ld", (long)child);
    refused(kit, RC_LOCKED, pid);
    snprintf(link_name, sizeof link_name, "%s/link", kit->dir); /* by whatever name */
    assert_int_equal(symlink(kit->path, link_name), 0);
    struct rc_sqlite_options options = kit->options;
    kit->options.path = link_name;
    refused(kit, RC_LOCKED, pid);
    kit->options = options;
    kill_child(child); /* and nobody has to remove anything by hand */
    close(out);
    kit_open(kit);
}

/* A program that the server has started lives on: it must not keep the store. */
static void a_program_that_lives_on_does_not_hold_the_lock(void **state)
{
    struct kit *kit = *state;
    pid_t program = fork();
    if (program == 0) {
        execl("/bin/sleep", "sleep", "100", (char *)NULL);
        _exit(1);
    }
    char path[64], exe[64] = "";
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)program);
    for (int i = 0; i < 1000 && !strstr(exe, "sleep") && !strstr(exe, "busybox") && !strstr(exe, "coreutils");
         i++) {
        ssize_t n = readlink(path, exe, sizeof exe - 1);
        exe[n > 0 ? n : 0] = 0;
        usleep(2000);
    }
    kit_reopen(kit);
    kill(program, SIGKILL);
    waitpid(program, NULL, 0);
}

/* ---- killed ------------------------------------------------------------------------------------------------------- */

/* Commits batches of eight for ever, each of new commands and of results for the batch before, and reports the highest
 * number that was acknowledged. */
static void commit_for_ever(struct kit *kit, int out)
{
    struct made *last[8] = {0};
    uint64_t seq = kit_high(kit).seq;
    struct rc_arena *arenas[2] = {kit->arena, rc_arena_new(1 << 20, SIZE_MAX)};
    for (int turn = 0;; turn ^= 1) {
        kit->arena = arenas[turn];
        rc_arena_reset(kit->arena);
        struct made_batch batch = kit_begin(kit);
        for (int i = 0; i < 8; i++)
            if (last[i]) made_result(&batch, last[i], RC_COMPLETED, false, NULL);
        for (int i = 0; i < 8; i++) {
            char key[32];
            snprintf(key, sizeof key, "key %llu", (unsigned long long)++seq);
            last[i] = kit_new(kit, seq, key);
            made_submit(&batch, last[i], RC_RUNNING, true, NULL);
        }
        if (rc_store_commit(kit->store, &batch.batch, &kit->err) != RC_OK) _exit(4);
        if (write(out, &seq, sizeof seq) != sizeof seq) _exit(5);
        if (turn) {
            enum rc_status status = rc_store_idle(kit->store, &kit->err);
            if (status != RC_OK) _exit(6);
        }
    }
}

/* Everything that the child was told is kept, is; and what else is there is whole batches. (This shows that the order is
 * right: acknowledged after commit. That a commit is on the disk and not only in the kernel's memory a kill cannot show;
 * it passes with unsafe_no_sync too. Only taking the power away, or the simulator's disk, can.) */
static void what_was_acknowledged_survives_a_kill(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    uint64_t random = 99, acknowledged = 0;
    for (int round = 0; round < 12; round++) {
        int out;
        uint64_t seq;
        pid_t child = start(kit, &out, commit_for_ever);
        /* some batches in, however slow the machine is, and then at any moment */
        for (uint64_t batches = 1 + rc_mix(&random) % 8; batches-- > 0;) {
            assert_int_equal(read(out, &seq, sizeof seq), sizeof seq);
            acknowledged = seq;
        }
        usleep((useconds_t)(rc_mix(&random) % 3000));
        kill_child(child);
        while (read(out, &seq, sizeof seq) == sizeof seq) acknowledged = seq;
        close(out);
        assert_true(exists(beside(kit, "-wal")) || round == 0);
        kit_open(kit);
        uint64_t high = kit_high(kit).seq;
        assert_true(high >= acknowledged);
        assert_int_equal(high % 8, 0);
        for (uint64_t i = 1; i <= high; i++) {
            char key[32];
            struct kit_history got;
            snprintf(key, sizeof key, "key %llu", (unsigned long long)i);
            assert_int_equal(kit_key(kit, rc_store_self(kit->store), key), i);
            assert_ok(kit, kit_history(kit, rc_store_self(kit->store), i, 0, 10, &got));
            if (i <= acknowledged - acknowledged % 8 && i + 8 <= high) assert_true(got.n >= 1);
        }
        kit_close(kit);
        rc_arena_reset(kit->arena);
    }
    assert_true(acknowledged > 200);
    assert_string_equal(ask(kit, "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask(kit, "SELECT count(*) FROM command WHERE state NOT IN (2, 11)"), "0");
    assert_string_equal(ask(kit, "SELECT sum(commands) = (SELECT count(*) FROM command) FROM tally"), "1");
    kit_open(kit);
}

/* ---- inside ------------------------------------------------------------------------------------------------------- */

/* The index keeps 23 bits of a key's hash: a row of it that leads to another key's command is passed over. */
static void two_keys_may_share_a_hash(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, "one", RC_RUNNING, false);
    kit_submit(kit, 2, "two", RC_RUNNING, false);
    kit_submit(kit, 3, "three", RC_RUNNING, false);
    kit_close(kit);
    /* as if "three" had the hash of "two", and "two" were not there yet */
    shell(kit, "UPDATE command_key SET place = (place >> 16 << 16) + 3 WHERE place & 65535 = 2;"
               "DELETE FROM command WHERE seq = 2");
    kit_open(kit);
    struct rc_reader *reader;
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "two"), 0);
    assert_int_equal(kit_key(kit, reader, "two"), 0);
    kit_submit(kit, 4, "two", RC_RUNNING, false);
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "two"), 4);
    assert_int_equal(kit_key(kit, reader, "two"), 4);
    assert_int_equal(kit_key(kit, reader, "one"), 1);
    assert_int_equal(kit_key(kit, reader, "three"), 3);
    rc_reader_close(reader);
}

/* Keys and refs in many buckets, beyond one slab of the writer's filter (4 million commands) and beyond all of them (268
 * million), with and without the filter, while nothing of it is read after an opening, and when all of it is. */
/* A writer that has nothing else to do comes to the end of it. */
static void read_all_keys(struct kit *kit)
{
    enum { MOST = 10000 };
    int n = 0;
    for (; rc_store_has_more(kit->store) && n < MOST; n++)
        assert_ok(kit, rc_store_idle(kit->store, &kit->err));
    assert_true(n < MOST);
}

static void keys_are_found_in_every_bucket(void **state)
{
    struct kit *kit = *state;
    static const uint64_t seqs[] = {1,       4095,    4096,    65535,     65536,     65537,
                                    4194303, 4194304, 5000000, 268435455, 268435456, 300000000};
    enum { N = sizeof seqs / sizeof *seqs };
    for (int i = 0; i < N; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %d", i);
        kit_submit(kit, seqs[i], key, RC_COMPLETED, false);
    }
    for (int again = 0; again < 4; again++) {
        struct rc_reader *reader;
        if (again == 1) kit_reopen(kit);
        if (again == 1) assert_true(rc_store_has_more(kit->store)); /* keys that are not read yet */
        if (again == 3) read_all_keys(kit);
        assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
        for (int i = 0; i < N; i++) {
            char key[32];
            snprintf(key, sizeof key, "key %d", i);
            assert_int_equal(kit_key(kit, rc_store_self(kit->store), key), seqs[i]);
            if (i % 4 == 0) assert_int_equal(kit_key(kit, reader, key), seqs[i]);
            snprintf(key, sizeof key, "no key %d", i);
            assert_int_equal(kit_key(kit, rc_store_self(kit->store), key), 0);
        }
        rc_reader_close(reader);
        struct made_batch batch = kit_begin(kit);
        made_submit(&batch, kit_new(kit, 400, "key 8"), RC_RUNNING, false, NULL);
        kit_commit(kit, &batch, RC_BUG);
        struct rc_filter filter = {.ref = RC_SV("project"), .value = RC_SV("625000"), .before = 5000100};
        struct rc_row *rows;
        uint32_t n;
        uint64_t next;
        assert_ok(kit, rc_read_list(rc_store_self(kit->store), &filter, kit->arena, 5, &rows, &n, &next,
                                    &kit->err));
        assert_true(n == 1 && rows[0].seq == 5000000);
    }
}

/* A filter that says yes too often would cost a look into the index each time. */
static void the_filter_of_keys_is_sharp(void **state)
{
    (void)state;
    struct sq_keys keys = {0};
    uint64_t random = 5;
    enum { KEYS = 4 * 65536 };
    for (uint64_t seq = 0; seq < KEYS; seq++)
        assert_int_equal(sq_keys_add(&keys, rc_mix(&random) >> (64 - SQ_HASH_BITS), seq), RC_OK);
    uint64_t named = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t hash = rc_mix(&random) >> (64 - SQ_HASH_BITS);
        named += (uint64_t)__builtin_popcountll(sq_keys_named(&keys, 0, hash));
    }
    assert_true(named < 20000 * 4 / 250); /* of four full buckets, less than 4 in 1000 */
    random = 5;
    for (uint64_t seq = 0; seq < KEYS; seq++) /* and never no where it should say yes */
        assert_true(sq_keys_named(&keys, 0, rc_mix(&random) >> (64 - SQ_HASH_BITS)) >> (seq >> 16) & 1);
    assert_int_equal(sq_keys_named(&keys, 1, 1), 0);
    assert_true(sq_keys_named(&keys, SQ_SLABS_MAX, 1) == UINT64_MAX);
    sq_keys_free(&keys);
}

/* What is left to be done behind a commit makes room in the log: it must not fill a log that somebody has just cut. */
static void a_log_that_is_cut_right_behind_a_commit_is_missed(void **state)
{
    struct kit *kit = *state;
    struct made_batch batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 1, "first"), RC_COMPLETED, false, NULL);
    assert_ok(kit, rc_store_commit(kit->store, &batch.batch, &kit->err));
    assert_int_equal(truncate(beside(kit, "-wal"), 0), 0);
    rc_store_follow_up(kit->store);
    batch = kit_begin(kit);
    made_submit(&batch, kit_new(kit, 2, "second"), RC_COMPLETED, false, NULL);
    kit_commit(kit, &batch, RC_IO);
    assert_non_null(strstr(kit->err.text, "was cut"));
}

/* Closing the store must not take its note of the log back because there is none: it is missed by the next one who opens it. */
static void a_log_that_was_removed_is_missed_after_the_close(void **state)
{
    struct kit *kit = *state;
    for (int noticed = 0; noticed < 2; noticed++) {
        kit_submit(kit, (uint64_t)noticed + 1, noticed ? "second" : "first", RC_COMPLETED, false);
        rc_store_follow_up(kit->store);
        char aside[128];
        snprintf(aside, sizeof aside, "%s-aside", kit->path);
        assert_int_equal(rename(beside(kit, "-wal"), aside), 0);
        if (noticed) {
            struct made_batch batch = kit_begin(kit);
            made_submit(&batch, kit_new(kit, 3, "third"), RC_COMPLETED, false, NULL);
            kit_commit(kit, &batch, RC_IO);
        }
        kit_close(kit);
        refused(kit, RC_DAMAGED, "is missing or empty");
        assert_int_equal(rename(aside, beside(kit, "-wal")), 0);
        kit_open(kit);
        assert_int_equal(kit_key(kit, rc_store_self(kit->store), noticed ? "second" : "first"), noticed + 1);
    }
}

static void the_log_is_folded_when_idle_and_when_large(void **state)
{
    struct kit *kit = *state;
    struct stat log;
    uint64_t seq = 0;
    off_t largest = 0;
    for (int i = 0; i < 100; i++) {
        struct made_batch batch = kit_begin(kit);
        for (int j = 0; j < 1000; j++) {
            char key[32];
            snprintf(key, sizeof key, "key %llu", (unsigned long long)++seq);
            made_submit(&batch, kit_new(kit, seq, key), RC_COMPLETED, false, NULL);
        }
        kit_commit(kit, &batch, RC_OK);
        rc_arena_reset(kit->arena);
        assert_int_equal(stat(beside(kit, "-wal"), &log), 0);
        if (log.st_size > largest) largest = log.st_size;
    }
    assert_true(largest > 11 << 20 && largest < 24 << 20); /* folded within a commit, and then written over */
    assert_ok(kit, rc_store_idle(kit->store, &kit->err));
    struct stat file;
    assert_int_equal(stat(kit->path, &file), 0);
    assert_true((uint64_t)file.st_size > seq * 400);
    kit_submit(kit, seq + 1, "last", RC_RUNNING, false);
    assert_int_equal(kit_key(kit, rc_store_self(kit->store), "key 17"), 17);
}

/* Whether a step of a plan reads a whole table that grows with the commands. */
static bool reads_all(const char *step)
{
    static const char *const small[] = {"namespace", "token", "definition", "tally", "usage",
                                        "life",      "high",  "hold",       "bulk"};
    if (strncmp(step, "SCAN ", 5) != 0 || strstr(step, "CONSTANT ROW") || strstr(step, "(subquery-"))
        return false; /* rows of the statement's own: how a subquery finds its rows is a step of its own */
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        size_t n = strlen(small[i]);
        if (strncmp(step + 5, small[i], n) == 0 && (step[5 + n] == 0 || step[5 + n] == ' ')) return false;
    }
    return true;
}

static bool sorts(const char *step)
{
    return strncmp(step, "USE TEMP B-TREE", 15) == 0;
}

/* However many commands there are: no statement looks through all of them, and none sorts what it found. What is sorted is tokens,
 * namespaces and definitions, of which there are few. */
static void every_statement_uses_an_index(void **state)
{
    struct kit *kit = *state;
    static const enum sq_statement sorted[] = {SQ_TOKENS, SQ_TOKEN_DROP_DEAD, SQ_NS_ALL, SQ_DEF_LIVE,
                                               SQ_COUNTS};
    sqlite3 *db = sq_conn_of(rc_store_self(kit->store))->db;
    for (int i = 0; i < SQ_STATEMENTS; i++) {
        char sql[4096];
        sqlite3_stmt *plan;
        bool may_sort = false;
        for (size_t k = 0; k < sizeof sorted / sizeof *sorted; k++)
            may_sort |= sorted[k] == (enum sq_statement)i;
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sq_sql((enum sq_statement)i));
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            if (reads_all(step) || (sorts(step) && !may_sort)) fail_msg("%s\n%s", step, sql);
        }
        sqlite3_finalize(plan);
    }
}

static void a_purge_leaves_no_refs(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, "a", RC_PARTIAL, false);
    kit_submit(kit, 2, "b", RC_FAILED, false);
    assert_string_equal(ask(kit, "SELECT count(*) FROM attention WHERE seq = 1"), "3");
    const struct rc_purge_filter filter = {.ref = RC_SV("customer"), .value = RC_SV("0")};
    const struct rc_author by = {.subject = RC_SV("user:bo"), .actor = RC_SV("bo"), .reason = RC_SV("test")};
    const struct rc_purge_one one = {1, 1};
    const struct rc_purge what = {.commands = &one, .n = 1, .filter = &filter, .by = &by};
    uint32_t purged = 0;
    assert_ok(kit, rc_store_purge(kit->store, &what, kit->now, &purged, &kit->err));
    assert_int_equal(purged, 1);
    assert_string_equal(ask(kit, "SELECT group_concat(seq) FROM attention"), "2,2,2");
}

static void a_fold_beside_a_reader_loses_nothing(void **state)
{
    struct kit *kit = *state;
    struct rc_definition def = {
        .kind = RC_DEF_FLOW, .name = RC_SV("github.create_pr"), .text = RC_SV("flow: …")};
    uint64_t seq = 0;
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, kit->now, &kit->err));
    for (int round = 0; round < 3; round++) {
        sqlite3 *reader = NULL;
        struct rc_holdings kept;
        char key[2][24];
        for (int i = 0; i < 2; i++) snprintf(key[i], sizeof key[i], "key %d", 2 * round + i);
        kit_submit(kit, ++seq, key[0], RC_RUNNING, false);
        assert_int_equal(sqlite3_open(kit->path, &reader), SQLITE_OK);
        assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM command", NULL, NULL, NULL),
                         SQLITE_OK);
        kit_submit(kit, ++seq, key[1], RC_RUNNING, false);
        assert_ok(kit, sq_fold(sq_store_of(kit->store), &kit->err));
        assert_true(sq_store_of(kit->store)->folded <
                    sq_store_of(kit->store)->log_frames); /* it did end early */
        assert_int_equal(sqlite3_close(reader), SQLITE_OK);
        assert_ok(kit, rc_sqlite_check(kit->path, &kept, &kit->err));
    }
}

static void a_shell_can_read_everything(void **state)
{
    struct kit *kit = *state;
    struct rc_definition def = {
        .kind = RC_DEF_FLOW, .name = RC_SV("github.create_pr"), .text = RC_SV("flow: …")};
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, kit->now, &kit->err));
    struct made_batch batch = kit_begin(kit);
    struct made *made = kit_new(kit, 7, "seven"), *waits = kit_new(kit, 8, "eight");
    made_submit(&batch, made, RC_RUNNING, true, NULL);
    made_submit(&batch, waits, RC_PENDING, false, &(struct rc_work){RC_PHASE_DELAYED, 0, kit->now, 8, 1});
    kit_commit(kit, &batch, RC_OK);
    kit_result(kit, made, RC_FAILED, false);
    batch = kit_begin(kit);
    made_action(&batch, made, RC_RUNNING, false, NULL);
    kit_commit(kit, &batch, RC_OK);

    assert_string_equal(
        ask(kit, "SELECT type || ' ' || namespace || ' ' || key || ' ' || state || ' ' || flow FROM commands"
                 " WHERE seq = 7"),
        "github.create_pr default seven running github.create_pr 1");
    assert_string_equal(ask(kit, "SELECT payload ->> '$.repo' FROM commands WHERE seq = 7"),
                        "recourse/project-0");
    assert_string_equal(ask(kit, "SELECT created FROM commands WHERE seq = 8"), "2026-09-21T14:13:20.010Z");
    assert_string_equal(ask(kit, "SELECT group_concat(cause) FROM records WHERE command = 7"),
                        "submitted,result,action");
    assert_string_equal(ask(kit, "SELECT action || ' ' || actor FROM records WHERE action IS NOT NULL"),
                        "retry bo");
    assert_string_equal(ask(kit, "SELECT group_concat(kind) FROM changes WHERE command = 7"),
                        "create,node,state,node,outputs,state,state");
    assert_string_equal(
        ask(kit, "SELECT state || ' ' || phase || ' ' || why FROM changes WHERE command = 7 AND node = 1"),
        "active open none");
    assert_string_equal(
        ask(kit, "SELECT state FROM changes WHERE command = 7 AND kind = 'state' ORDER BY change DESC"),
        "running");
    assert_string_equal(ask(kit, "SELECT value FROM refs WHERE seq = 7 AND name = 'origin'"), "test");
    assert_string_equal(ask(kit, "SELECT phase || ' ' || seq FROM waiting"), "delayed 8");
    assert_string_equal(
        ask(kit, "SELECT kind || ' ' || name || ' ' || version || ' ' || active FROM definitions"),
        "flow github.create_pr 1 1");
    assert_string_equal(ask(kit, "SELECT count(*) FROM word WHERE list = 'state'"), "14");
}

/* A newer version knows more words: they are there after it has opened the store. */
static void words_are_kept_up_to_date(void **state)
{
    struct kit *kit = *state;
    kit_close(kit);
    shell(kit, "UPDATE word SET text = 'old' WHERE list = 'state' AND code = 3; DELETE FROM word WHERE list "
               "= 'why'");
    kit_open(kit);
    assert_string_equal(ask(kit, "SELECT text FROM word WHERE list = 'state' AND code = 3"),
                        "waiting for a time, a signal or people");
    assert_string_equal(ask(kit, "SELECT slug FROM word WHERE list = 'why' AND code = 2"), "timeout");
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_new_store_is_whole),
        RUN(a_half_made_store_is_made_anew),
        RUN(files_that_are_no_store_are_refused),
        RUN(damage_is_found_after_a_crash),
        RUN(rows_that_do_not_fit_are_damage),
        RUN(a_newer_store_is_refused),
        RUN(places_that_cannot_be_opened_say_why),
        RUN(no_permission_is_said),
        RUN(readers_cannot_write),
        RUN(a_second_process_is_kept_out),
        RUN(a_program_that_lives_on_does_not_hold_the_lock),
        RUN(what_was_acknowledged_survives_a_kill),
        RUN(two_keys_may_share_a_hash),
        RUN(keys_are_found_in_every_bucket),
        RUN(the_filter_of_keys_is_sharp),
        RUN(every_statement_uses_an_index),
        RUN(a_purge_leaves_no_refs),
        RUN(a_fold_beside_a_reader_loses_nothing),
        RUN(a_log_that_is_cut_right_behind_a_commit_is_missed),
        RUN(a_log_that_was_removed_is_missed_after_the_close),
        RUN(the_log_is_folded_when_idle_and_when_large),
        RUN(a_shell_can_read_everything),
        RUN(words_are_kept_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
