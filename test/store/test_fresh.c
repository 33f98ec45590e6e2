/* The newest commands, whose keys and refs wait for their places in the indexes (store/sqlite/fresh.h): they are found like all others, by the
 * writer and by readers, at any number of them that wait. */
#include "kit.h"

#include "store/sqlite/fresh.h"

#include <stdio.h>

enum { ENOUGH = 4, ORIGIN_CAP = 64 };

static int setup(void **state)
{
    if (kit_setup(state) != 0) return -1;
    struct kit *kit = *state;
    kit->options.index_after = ENOUGH;
    kit_reopen(kit);
    return 0;
}

static uint64_t rows(struct kit *kit, const char *table)
{
    char text[64];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    snprintf(text, sizeof text, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open_v2(kit->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    uint64_t n = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static const char *key_of(uint64_t seq)
{
    static char key[32];
    snprintf(key, sizeof key, "key %llu", (unsigned long long)seq);
    return key;
}

/* All of them have the ref `origin`, newest first. */
static void found_by_ref(struct kit *kit, struct rc_reader *reader, const uint64_t *seqs, uint32_t n)
{
    const struct rc_filter filter = {.before = UINT64_MAX, .ref = RC_SV("origin"), .value = RC_SV("test")};
    struct rc_row *found = NULL;
    uint32_t nfound = 0;
    uint64_t next = 7;
    assert_ok(kit, rc_read_list(reader, &filter, kit->arena, ORIGIN_CAP, &found, &nfound, &next, &kit->err));
    assert_int_equal(nfound, n);
    assert_int_equal(next, 0);
    for (uint32_t i = 0; i < n; i++) assert_int_equal(found[i].seq, seqs[n - 1 - i]);
    /* and page by page, wherever a page ends */
    struct rc_filter page = filter;
    for (uint32_t i = 0; i < n; i++) {
        assert_ok(kit, rc_read_list(reader, &page, kit->arena, 1, &found, &nfound, &next, &kit->err));
        assert_true(nfound == 1 && found[0].seq == seqs[n - 1 - i]);
        page.before = found[0].seq;
    }
    assert_ok(kit, rc_read_list(reader, &page, kit->arena, 1, &found, &nfound, &next, &kit->err));
    assert_int_equal(nfound, 0);
}

static void purgeable_by_ref(struct kit *kit, struct rc_reader *reader, const uint64_t *seqs, uint32_t n)
{
    const struct rc_purge_filter filter = {.states = UINT32_MAX,
                                           .unended = true,
                                           .changed_before = UINT64_MAX,
                                           .ref = RC_SV("origin"),
                                           .value = RC_SV("test")};
    struct rc_purge_row *found = NULL;
    uint32_t nfound = 0, all = 0;
    uint64_t next = 0;
    do {
        assert_ok(kit,
                  rc_read_purgeable(reader, &filter, next, kit->arena, 3, &found, &nfound, &next, &kit->err));
        assert_true(all + nfound <= n);
        for (uint32_t i = 0; i < nfound; i++) assert_int_equal(found[i].seq, seqs[all++]);
    } while (next);
    assert_int_equal(all, n);
}

static void all_are_found(struct kit *kit, const uint64_t *seqs, uint32_t n)
{
    struct rc_reader *beside;
    assert_ok(kit, rc_reader_open(kit->store, &beside, &kit->err));
    struct rc_reader *readers[] = {rc_store_self(kit->store), beside};
    for (int r = 0; r < 2; r++) {
        for (uint32_t i = 0; i < n; i++) assert_int_equal(kit_key(kit, readers[r], key_of(seqs[i])), seqs[i]);
        assert_int_equal(kit_key(kit, readers[r], "nobody's"), 0);
        found_by_ref(kit, readers[r], seqs, n);
        purgeable_by_ref(kit, readers[r], seqs, n);
    }
    rc_reader_close(beside);
}

static void those_that_wait_are_found_like_all_others(void **state)
{
    struct kit *kit = *state;
    uint64_t seqs[11] = {0};
    for (uint32_t n = 0; n < 11; n++) {
        seqs[n] = 100 + 3 * n; /* numbers may be missing */
        kit_submit(kit, seqs[n], key_of(seqs[n]), RC_RUNNING, false);
        assert_int_equal(rows(kit, "command_key"), (n + 1) / ENOUGH * ENOUGH);
        assert_int_equal(rows(kit, "ref"), 3 * ((n + 1) / ENOUGH * ENOUGH));
        all_are_found(kit, seqs, n + 1);
        kit_reopen(kit);
        all_are_found(kit, seqs, n + 1);
    }
    /* a key is taken, whether its command waits or not */
    for (uint32_t i = 0; i < 11; i++) {
        struct made_batch batch = kit_begin(kit);
        made_submit(&batch, kit_new(kit, 500, key_of(seqs[i])), RC_RUNNING, false, NULL);
        kit_commit(kit, &batch, RC_BUG);
    }
    all_are_found(kit, seqs, 11);
}

/* A number below what is indexed already cannot wait: nobody would look for it. */
static void a_late_number_does_not_wait(void **state)
{
    struct kit *kit = *state;
    for (uint64_t seq = 10; seq < 10 + ENOUGH + 1; seq++)
        kit_submit(kit, seq, key_of(seq), RC_RUNNING, false);
    assert_int_equal(rows(kit, "command_key"), ENOUGH);
    kit_submit(kit, 5, key_of(5), RC_RUNNING, false);
    assert_int_equal(rows(kit, "command_key"), ENOUGH + 2);
    const uint64_t seqs[] = {5, 10, 11, 12, 13, 14};
    all_are_found(kit, seqs, 6);
    kit_reopen(kit);
    all_are_found(kit, seqs, 6);
}

static void what_was_taken_back_does_not_wait(void **state)
{
    struct kit *kit = *state;
    kit_submit(kit, 1, key_of(1), RC_RUNNING, false);
    for (int last = 0; last < 2;
         last++) { /* the one that contradicts comes last, when the others would be written, and first */
        struct made_batch batch = kit_begin(kit);
        if (!last) made_submit(&batch, kit_new(kit, 90, key_of(1)), RC_RUNNING, false, NULL);
        for (uint64_t seq = 2; seq < 2 + ENOUGH; seq++)
            made_submit(&batch, kit_new(kit, seq, key_of(seq)), RC_RUNNING, false, NULL);
        if (last) made_submit(&batch, kit_new(kit, 90, key_of(2)), RC_RUNNING, false, NULL);
        kit_commit(kit, &batch, RC_BUG);
        const uint64_t first = 1;
        all_are_found(kit, &first, 1);
        assert_int_equal(kit_key(kit, rc_store_self(kit->store), key_of(2)), 0);
    }
    const uint64_t seqs[] = {1, 2};
    kit_submit(kit, 2, key_of(2), RC_RUNNING, false);
    all_are_found(kit, seqs, 2);
    assert_int_equal(rows(kit, "command_key"), 0);
}

/* More than have room at first, in one commit, and in one transaction with their places. */
static void many_may_wait(void **state)
{
    struct kit *kit = *state;
    kit->options.index_after = 3 * MADE_MAX - 10;
    kit_reopen(kit);
    for (uint64_t seq = 1, times = 0; times < 3; times++) {
        struct made_batch batch = kit_begin(kit);
        for (int i = 0; i < MADE_MAX; i++, seq++)
            made_submit(&batch, kit_new(kit, seq, key_of(seq)), RC_COMPLETED, false, NULL);
        kit_commit(kit, &batch, RC_OK);
        assert_int_equal(rows(kit, "command_key"), times < 2 ? 0 : 3 * MADE_MAX);
        assert_int_equal(kit_key(kit, rc_store_self(kit->store), key_of(seq - 1)), seq - 1);
        assert_int_equal(kit_key(kit, rc_store_self(kit->store), key_of(1)), 1);
    }
}

static void a_purged_command_does_not_wait(void **state)
{
    struct kit *kit = *state;
    const struct made *made = kit_submit(kit, 1, key_of(1), RC_COMPLETED, false);
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("bo"), RC_SV("asked to be forgotten")};
    const struct rc_purge_filter filter = {.states = UINT32_MAX};
    const struct rc_purge_one one = {1, made->command.rev};
    const struct rc_purge what = {.commands = &one, .n = 1, .filter = &filter, .by = &by};
    uint32_t n = 0;
    assert_int_equal(rows(kit, "command_key"), 0);
    assert_ok(kit, rc_store_purge(kit->store, &what, kit->now, &n, &kit->err));
    assert_int_equal(n, 1);
    assert_int_equal(rows(kit, "command_key"), 1);
    assert_int_equal(rows(kit, "ref"), 0);
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        struct rc_key_match match = {0};
        assert_ok(kit, rc_read_key(rc_store_self(kit->store), RC_SV("default"), RC_SV("github.create_pr"),
                                   rc_sv_of(key_of(1)), &match, &kit->err));
        assert_true(match.purged && match.seq == 1);
    }
}

static void hashes_may_be_shared(void **state)
{
    (void)state;
    struct sq_fresh_key keys[] = {{77, 5}, {78, 6}, {77, 9}, {77, 7}};
    struct sq_fresh fresh = {.keys = keys, .nkeys = 4};
    fresh.hint[77 / 64] = UINT64_C(1) << 77 % 64;
    assert_int_equal(sq_fresh_before(&fresh, 77, UINT64_MAX), 9);
    assert_int_equal(sq_fresh_before(&fresh, 77, 9), 7);
    assert_int_equal(sq_fresh_before(&fresh, 77, 7), 5);
    assert_int_equal(sq_fresh_before(&fresh, 77, 5), 0);
    assert_int_equal(sq_fresh_before(&fresh, 79, UINT64_MAX), 0);
    const uint64_t same_hint = 77 + (UINT64_C(1) << 20); /* a hint only says that it is worth a look */
    assert_int_equal(sq_fresh_before(&fresh, same_hint, UINT64_MAX), 0);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(those_that_wait_are_found_like_all_others),
        RUN(a_late_number_does_not_wait),
        RUN(what_was_taken_back_does_not_wait),
        RUN(many_may_wait),
        RUN(a_purged_command_does_not_wait),
        cmocka_unit_test(hashes_may_be_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
