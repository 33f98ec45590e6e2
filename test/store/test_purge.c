/* Purging: what stores promise of it (both implementations), and that the bytes are gone (SQLite). */
#include "kit.h"

#include "base/limits.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rc_purge_filter all = {0};

static struct made *ended(struct kit *kit, uint64_t seq, const char *key)
{
    struct made *made = kit_submit(kit, seq, key, RC_FAILED, false);
    struct made_batch batch = kit_begin(kit);
    made_action(&batch, made, RC_RUNNING, true, NULL);
    made_result(&batch, made, RC_COMPLETED, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    return made;
}

static uint32_t purge(struct kit *kit, const struct rc_purge_one *ones, uint32_t n)
{
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("asked to be forgotten")};
    const struct rc_purge_filter filter = {.ref = RC_SV("customer"), .value = RC_SV("SECRETVALUE")};
    const struct rc_purge what = {.commands = ones, .n = n, .filter = &filter, .by = &by};
    uint32_t purged = UINT32_MAX;
    assert_ok(kit, rc_store_purge(kit->store, &what, kit->now, &purged, &kit->err));
    return purged;
}

static uint32_t purgeable(struct kit *kit, const struct rc_purge_filter *filter, uint64_t after, uint32_t cap,
                          struct rc_purge_row **ret, uint64_t *ret_next)
{
    uint32_t n = 0;
    assert_ok(kit, rc_read_purgeable(rc_store_self(kit->store), filter, after, kit->arena, cap, ret, &n,
                                     ret_next, &kit->err));
    return n;
}

static struct rc_key_match key_of(struct kit *kit, const char *key)
{
    struct rc_key_match match = {0};
    assert_ok(kit, rc_read_key(rc_store_self(kit->store), RC_SV("default"), RC_SV("github.create_pr"),
                               rc_sv_of(key), &match, &kit->err));
    return match;
}

static void nothing_is_left_but_a_tombstone(void **state)
{
    struct kit *kit = *state;
    struct made *one = ended(kit, 1, "a"), *two = ended(kit, 2, "b");
    struct rc_purged left;
    struct kit_history history;
    uint64_t counts[RC_STATES];
    struct rc_usage usage;
    struct rc_row *rows = NULL;
    uint32_t n = 0;
    uint64_t next = 0;
    assert_int_equal(rc_read_purged(rc_store_self(kit->store), 1, &left, &kit->err), RC_NOT_FOUND);
    assert_int_equal(purge(kit, &(struct rc_purge_one){1, 3}, 1), 1);

    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        struct rc_reader *reader = rc_store_self(kit->store);
        assert_int_equal(kit_history(kit, reader, 1, 0, 10, &history), RC_PURGED);
        assert_ok(kit, kit_history(kit, reader, 2, 0, 10, &history));
        assert_int_equal(history.n, 3);
        assert_ok(kit, rc_read_purged(reader, 1, &left, &kit->err));
        assert_true(left.seq == 1 && left.nonce == one->command.id.nonce && left.state == RC_COMPLETED);
        assert_true(left.changed == one->command.changed && left.at &&
                    left.generation == one->command.id.generation);
        struct rc_key_match match = key_of(kit, "a");
        assert_true(match.purged && match.seq == 1 && match.nonce == one->command.id.nonce);
        assert_false(key_of(kit, "b").purged);
        assert_int_equal(kit_key(kit, reader, "c"), 0);
        assert_ok(kit, rc_read_counts(reader, counts, &kit->err));
        assert_int_equal(counts[RC_COMPLETED], 1);
        const struct rc_filter filter = {.ref = RC_SV("origin"), .value = RC_SV("test")};
        assert_ok(kit, rc_read_list(reader, &filter, kit->arena, 10, &rows, &n, &next, &kit->err));
        assert_true(n == 1 && rows[0].seq == 2);
        /* who follows the changes goes on over the gap, also from within it */
        for (uint64_t after = 0; after <= 3; after++) {
            struct rc_news *news;
            assert_ok(kit, rc_read_changes(reader, after, kit->arena, 10, &news, &n, &kit->err));
            assert_true(n == 3 && news[0].change == 4 && news[0].seq == 2 && news[2].change == 6);
        }
        assert_ok(kit, rc_read_usage(reader, RC_SV("default"), &usage, &kit->err));
        assert_true(usage.commands == 1 && usage.bytes > 0);
        assert_int_equal(kit_high(kit).seq, 2);
    }
    uint64_t bytes = usage.bytes;
    assert_int_equal(purge(kit, &(struct rc_purge_one){2, two->command.rev}, 1), 1);
    assert_ok(kit, rc_read_usage(rc_store_self(kit->store), RC_SV("default"), &usage, &kit->err));
    assert_true(usage.commands == 0 && usage.open == 0 && usage.bytes == 0 && bytes > 0);
    assert_int_equal(kit_high(kit).seq, 2); /* a number is never given again */
}

static void the_audit_keeps_its_chain_and_loses_its_words(void **state)
{
    struct kit *kit = *state;
    ended(kit, 1, "a");
    ended(kit, 2, "b");
    assert_int_equal(purge(kit, &(struct rc_purge_one){1, 3}, 1), 1);
    struct rc_audit_entry *entries = NULL;
    uint32_t n = 0;
    assert_ok(kit, rc_read_audit(rc_store_self(kit->store), &(struct rc_audit_page){.ascending = true},
                                 kit->arena, 10, &entries, &n, &kit->err));
    assert_int_equal(n, 3);
    const unsigned char none[RC_AUDIT_SALT] = {0};
    assert_null(entries[0].what.data.p);
    assert_true(entries[0].purged && entries[0].nonce);
    assert_memory_equal(entries[0].salt, none, sizeof none);
    assert_true(entries[1].what.data.p && !entries[1].purged);
    assert_true(entries[2].what.kind == RC_AUDIT_PURGE && entries[2].what.action == RC_DEED_REMOVE);
    struct rc_sv data = entries[2].what.data;
    assert_non_null(memmem(data.p, data.n, "\"reason\":\"asked to be forgotten\"", 32));
    assert_non_null(memmem(data.p, data.n, "\"commands\":1,\"first\":1,\"last\":1", 31));
    assert_non_null(memmem(data.p, data.n, "\"ref\":\"customer\"", 16));
    assert_null(memmem(data.p, data.n, "SECRETVALUE", 11));
    struct rc_audit_verdict verdict = {0};
    assert_ok(kit, rc_audit_verify(rc_store_self(kit->store), NULL, &verdict, &kit->err));
    assert_true(!verdict.broken && verdict.entries == 3 && verdict.purged == 1);
}

static void only_what_has_ended_and_did_not_change_goes(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, "a", RC_RUNNING, true);
    kit_submit(kit, 2, "b", RC_FAILED, false);
    kit_submit(kit, 3, "c", RC_REVIEW, false);
    kit_submit(kit, 4, "d", RC_RESOLVED, true); /* settled by a person while its attempt is out */
    struct made *five = ended(kit, 5, "e");
    const struct rc_purge_one ones[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 2}, {6, 1}, {5, 4}};
    uint64_t before = kit_high(kit).audit;
    assert_int_equal(purge(kit, ones, 7), 0);
    assert_int_equal(kit_high(kit).audit, before); /* nothing was done, and nothing is said of it */
    assert_int_equal(purge(kit, NULL, 0), 0);
    kit_result(kit, five, RC_REVIEW, false);
    assert_int_equal(purge(kit, &(struct rc_purge_one){5, 4}, 1), 0);
    kit_result(kit, five, RC_ROLLED_BACK, false);
    assert_int_equal(purge(kit, &(struct rc_purge_one){5, 5}, 1), 1);
}

static void a_purged_key_stays_taken(void **state)
{
    struct kit *kit = *state;
    ended(kit, 1, "a");
    assert_int_equal(purge(kit, &(struct rc_purge_one){1, 3}, 1), 1);
    struct made_batch batch = kit_begin(kit);
    struct made *again = kit_new(kit, 2, "a");
    made_submit(&batch, again, RC_RUNNING, true, NULL);
    kit_commit(kit, &batch, RC_BUG); /* the engine asks before */
    /* a later generation may come, and is what the key names then */
    batch = kit_begin(kit);
    again = kit_new(kit, 2, "a");
    again->command.id.generation = 2;
    made_submit(&batch, again, RC_RUNNING, true, NULL);
    kit_commit(kit, &batch, RC_OK);
    assert_true(!key_of(kit, "a").purged && key_of(kit, "a").seq == 2);
    kit_result(kit, again, RC_COMPLETED, false);
    assert_int_equal(purge(kit, &(struct rc_purge_one){2, 2}, 1), 1);
    assert_true(key_of(kit, "a").purged && key_of(kit, "a").seq == 2);
}

static void what_may_be_purged_is_found(void **state)
{
    struct kit *kit = *state;
    enum { COMMANDS = 300 };
    for (uint64_t seq = 1; seq <= COMMANDS; seq++) {
        char key[16];
        snprintf(key, sizeof key, "k%llu", (unsigned long long)seq);
        struct made *made = kit_submit(kit, seq, key, RC_FAILED, false);
        if (seq % 3 == 0) kit_result(kit, made, RC_COMPLETED, false);
        if (seq % 3 == 1) kit_result(kit, made, RC_CANCELLED, false);
    }
    struct rc_purge_row *rows = NULL;
    uint64_t next = 0;
    assert_int_equal(purgeable(kit, &all, 0, 1000, &rows, &next), 200);
    assert_true(next == 0 && rows[0].seq == 1 && rows[1].seq == 3 && rows[199].seq == 300);
    assert_true(rows[0].state == RC_CANCELLED && rows[0].rev == 2 && rows[0].nonce && rows[0].changed);
    assert_sv(rows[0].type, "github.create_pr");
    /* in pages */
    uint32_t found = 0;
    for (uint64_t after = 0;; after = next) {
        uint32_t n = purgeable(kit, &all, after, 7, &rows, &next);
        for (uint32_t i = 1; i < n; i++) assert_true(rows[i].seq > rows[i - 1].seq);
        if (n) assert_true(rows[0].seq > after);
        found += n;
        if (!next) break;
    }
    assert_int_equal(found, 200);
    struct rc_purge_filter filter = {.states = 1u << RC_COMPLETED};
    assert_int_equal(purgeable(kit, &filter, 0, 1000, &rows, &next), 100);
    filter.states = 1u << RC_FAILED; /* not an end */
    assert_int_equal(purgeable(kit, &filter, 0, 1000, &rows, &next), 0);
    filter = (struct rc_purge_filter){.type = RC_SV("nobody")};
    assert_int_equal(purgeable(kit, &filter, 0, 1000, &rows, &next), 0);
    filter = (struct rc_purge_filter){.ns = RC_SV("nobody")};
    assert_int_equal(purgeable(kit, &filter, 0, 1000, &rows, &next), 0);
    /* customer is seq / 100 */
    filter = (struct rc_purge_filter){.ns = RC_SV("default"), .ref = RC_SV("customer"), .value = RC_SV("2")};
    uint32_t n = purgeable(kit, &filter, 0, 1000, &rows, &next);
    assert_true(n == 66 && next == 0 && rows[0].seq == 201 && rows[n - 1].seq == 298);
    assert_true(purgeable(kit, &filter, 250, 5, &rows, &next) == 5 && rows[0].seq == 252 &&
                next >= rows[4].seq);
    filter.value = RC_SV("77");
    assert_int_equal(purgeable(kit, &filter, 0, 1000, &rows, &next), 0);
    assert_int_equal(next, 0);
    /* by age */
    assert_int_equal(purgeable(kit, &all, 0, 1000, &rows, &next), 200);
    filter = (struct rc_purge_filter){.changed_before = rows[50].changed};
    assert_int_equal(purgeable(kit, &filter, 0, 1000, &rows, &next), 50);
    assert_int_equal(next, 0);
}

static void one_commit_has_a_largest_size(void **state)
{
    struct kit *kit = *state;
    static struct rc_purge_one ones[RC_MAX_PURGE + 1];
    for (uint32_t i = 0; i <= RC_MAX_PURGE; i++) ones[i] = (struct rc_purge_one){i + 1, 1};
    struct made_batch batch = kit_begin(kit);
    for (uint64_t seq = 1; seq <= RC_MAX_PURGE + 1; seq++) {
        char *key = malloc(16);
        snprintf(key, 16, "k%llu", (unsigned long long)seq);
        made_submit(&batch, made_new(kit->arena, seq, key, kit->now), RC_COMPLETED, false, NULL);
        free(key);
    }
    kit_commit(kit, &batch, RC_OK);
    const struct rc_author by = {0};
    struct rc_purge what = {.commands = ones, .n = RC_MAX_PURGE + 1, .filter = &all, .by = &by};
    uint32_t n = 0;
    assert_int_equal(rc_store_purge(kit->store, &what, kit->now, &n, &kit->err), RC_BUG);
    what.n = RC_MAX_PURGE;
    assert_ok(kit, rc_store_purge(kit->store, &what, kit->now, &n, &kit->err));
    assert_int_equal(n, RC_MAX_PURGE);
}

static void a_purge_that_fails_changes_nothing(void **state)
{
    struct kit *kit = *state;
    if (!kit->memory) skip(); /* test_faults.c breaks the disk under commits, of which this is one */
    ended(kit, 1, "a");
    const struct rc_author by = {0};
    const struct rc_purge_one one = {1, 3};
    const struct rc_purge what = {.commands = &one, .n = 1, .filter = &all, .by = &by};
    uint32_t n = 7;
    struct kit_history history;
    rc_memory_fail_next(kit->store, RC_IO, false);
    assert_int_equal(rc_store_purge(kit->store, &what, kit->now, &n, &kit->err), RC_IO);
    assert_int_equal(n, 7);
    assert_ok(kit, kit_history(kit, rc_store_self(kit->store), 1, 0, 10, &history));
    rc_memory_fail_next(kit->store, RC_COMMIT_UNKNOWN, true);
    assert_int_equal(rc_store_purge(kit->store, &what, kit->now, &n, &kit->err), RC_COMMIT_UNKNOWN);
    kit_reopen(kit);
    assert_int_equal(kit_history(kit, rc_store_self(kit->store), 1, 0, 10, &history), RC_PURGED);
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

/* How many of the store's files hold the text. */
static int files_with(const struct kit *kit, const char *text)
{
    int found = 0;
    DIR *dir = opendir(kit->dir);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s", kit->dir, entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file || entry->d_name[0] == '.') {
            if (file) fclose(file);
            continue;
        }
        fseek(file, 0, SEEK_END);
        long n = ftell(file);
        rewind(file);
        char *bytes = n > 0 ? malloc((size_t)n) : NULL;
        if (bytes && fread(bytes, 1, (size_t)n, file) == (size_t)n)
            found += memmem(bytes, (size_t)n, text, strlen(text)) != NULL;
        free(bytes);
        fclose(file);
    }
    closedir(dir);
    return found;
}

static void the_bytes_are_gone_after_compacting(void **state)
{
    struct kit *kit = *state;
    enum { COMMANDS = 400 };
    char key[64];
    struct rc_purge_one ones[COMMANDS / 2];
    for (uint64_t seq = 1; seq <= COMMANDS; seq++) {
        snprintf(key, sizeof key, "%s-%llu", seq % 2 ? "MARKER-goes" : "MARKER-stays",
                 (unsigned long long)seq);
        struct made *made = ended(kit, seq, key);
        if (seq % 2) ones[seq / 2] = (struct rc_purge_one){seq, made->command.rev};
    }
    kit_close(kit);
    sqlite3 *db; /* what a bulk action keeps of its commands */
    assert_int_equal(sqlite3_open_v2(kit->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "recourse"),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "INSERT INTO bulk_item VALUES (1, 0, 1, 1, 1, 1, 1, NULL, 'MARKER-goes', 0,"
                     " 'MARKER-goes', 0), (1, 1, 2, 1, 1, 1, 1, NULL, 'MARKER-stays', 0, NULL, 0)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    kit_open(kit);
    struct rc_reader *reader = NULL; /* one that is open does not hold it up */
    assert_ok(kit, rc_reader_open(kit->store, &reader, &kit->err));
    assert_true(files_with(kit, "MARKER-goes") > 0);
    assert_int_equal(purge(kit, ones, COMMANDS / 2), COMMANDS / 2);
    assert_ok(kit, rc_store_compact(kit->store, &kit->err));
    assert_int_equal(files_with(kit, "MARKER-goes"), 0);
    assert_true(files_with(kit, "MARKER-stays") > 0);
    rc_reader_close(reader);
    /* and it goes on as before */
    ended(kit, COMMANDS + 1, "new");
    assert_true(key_of(kit, "MARKER-goes-1").purged && !key_of(kit, "MARKER-stays-2").purged);
    kit_reopen(kit);
    assert_true(key_of(kit, "MARKER-goes-1").purged && !key_of(kit, "new").purged);
    assert_ok(kit, rc_store_compact(kit->store, &kit->err));
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(nothing_is_left_but_a_tombstone),
        RUN(the_audit_keeps_its_chain_and_loses_its_words),
        RUN(only_what_has_ended_and_did_not_change_goes),
        RUN(a_purged_key_stays_taken),
        RUN(what_may_be_purged_is_found),
        RUN(one_commit_has_a_largest_size),
        RUN(a_purge_that_fails_changes_nothing),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    struct kit_kind memory = {.memory = true}, *kind = &(struct kit_kind){.memory = false};
    const struct CMUnitTest of_files[] = {RUN(the_bytes_are_gone_after_compacting)};
    return run("memory", &memory) + run("sqlite", kind) +
           cmocka_run_group_tests_name("files", of_files, NULL, NULL);
}
