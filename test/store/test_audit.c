/* The audit: what stores promise of it (both implementations), and what tampering with the file shows (SQLite). */
#include "kit.h"

#include "base/limits.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static struct made *act(struct kit *kit, struct made *made, enum rc_state state)
{
    struct made_batch batch = kit_begin(kit);
    made_action(&batch, made, state, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    return made;
}

static struct rc_audit_entry *entries(struct kit *kit, struct rc_audit_page page, uint32_t cap,
                                      uint32_t *ret_n)
{
    struct rc_audit_entry *all = NULL;
    assert_ok(kit, rc_read_audit(rc_store_self(kit->store), &page, kit->arena, cap, &all, ret_n, &kit->err));
    return all;
}

static struct rc_audit_verdict verify(struct kit *kit, const struct rc_audit_pin *pin)
{
    struct rc_audit_verdict verdict = {0};
    assert_ok(kit, rc_audit_verify(rc_store_self(kit->store), pin, &verdict, &kit->err));
    return verdict;
}

static void actions_are_recorded_in_their_commit(void **state)
{
    struct kit *kit = *state;
    uint32_t n = 0;
    struct made *made = kit_submit(kit, 1, "a", RC_FAILED, false);
    entries(kit, (struct rc_audit_page){0}, 10, &n);
    assert_int_equal(n, 0);
    act(kit, made, RC_RUNNING);
    kit_result(kit, made, RC_FAILED, false);
    act(kit, made, RC_CANCELLED);
    const struct rc_audit_entry *all = entries(kit, (struct rc_audit_page){0}, 10, &n);
    assert_int_equal(n, 2);
    assert_true(all[0].number == 2 && all[0].what.rev == 4 && all[1].number == 1 && all[1].what.rev == 2);
    assert_true(all[1].what.kind == RC_AUDIT_ACTION && all[1].what.action == RC_ACTION_RETRY);
    assert_true(all[1].what.command == 1 && all[1].nonce == made->command.id.nonce && !all[1].purged);
    assert_non_null(memmem(all[1].what.data.p, all[1].what.data.n, "user:bo", 7));
    assert_int_equal(kit_high(kit).audit, 2);
    struct rc_audit_verdict verdict = verify(kit, NULL);
    assert_true(!verdict.broken && !verdict.why && verdict.entries == 2 && verdict.head == 2);
    assert_memory_equal(verdict.hash, all[0].hash, RC_AUDIT_HASH);
    kit_reopen(kit);
    act(kit, made, RC_FAILED);
    assert_true(!verify(kit, NULL).broken && verify(kit, NULL).head == 3);
}

static void what_did_not_commit_leaves_no_entry(void **state)
{
    struct kit *kit = *state;
    struct made *made = kit_submit(kit, 1, "a", RC_FAILED, false);
    struct made_batch batch = kit_begin(kit);
    made_action(&batch, made, RC_RUNNING, false, NULL);
    batch.records[0].rev = 7; /* a gap */
    made->command.rev = 7;
    kit_commit(kit, &batch, RC_BUG);
    assert_int_equal(kit_high(kit).audit, 0);
    made->command.rev = 1;
    made->command.state = RC_FAILED;
    act(kit, made, RC_RUNNING);
    assert_true(verify(kit, NULL).entries == 1 && !verify(kit, NULL).broken);
}

static void definitions_are_recorded(void **state)
{
    struct kit *kit = *state;
    struct rc_definition def = {
        .kind = RC_DEF_FLOW, .name = RC_SV("a"), .text = RC_SV("one"), .source = RC_SV("a.yaml")};
    const struct rc_author by = {RC_SV("user:bo"), RC_SV("anna"), RC_SV("a better flow")};
    uint32_t n = 0;
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, &by, 1000, &kit->err));
    assert_ok(kit, rc_store_define(kit->store, &def, 1, NULL, 0, NULL, 2000, &kit->err));
    assert_ok(kit, rc_store_define(kit->store, NULL, 0, &def, 1, &by, 3000, &kit->err));
    assert_int_equal(rc_store_define(kit->store, NULL, 0, &def, 1, &by, 4000, &kit->err), RC_NOT_FOUND);
    const struct rc_audit_entry *all = entries(kit, (struct rc_audit_page){.ascending = true}, 10, &n);
    assert_int_equal(n, 3);
    static const enum rc_deed deed[] = {RC_DEED_ADD, RC_DEED_CHANGE, RC_DEED_REMOVE};
    for (uint32_t i = 0; i < n; i++) {
        assert_true(all[i].number == i + 1 && all[i].at == 1000 * (i + 1));
        assert_true(all[i].what.kind == RC_AUDIT_DEFINITION && all[i].what.action == deed[i]);
        assert_true(all[i].what.command == 0 && all[i].nonce == 0);
    }
    assert_sv(all[2].what.data, "{\"subject\":\"user:bo\",\"actor\":\"anna\",\"reason\":\"a better flow\","
                                "\"kind\":\"flow\",\"name\":\"a\"}");
    assert_non_null(memmem(all[1].what.data.p, all[1].what.data.n, "\"subject\":\"recourse\"", 20));
    assert_false(verify(kit, NULL).broken);
}

static void pages_go_both_ways(void **state)
{
    struct kit *kit = *state;
    enum { ENTRIES = RC_MAX_PAGE + 1 };
    struct made *one = kit_submit(kit, 1, "a", RC_FAILED, false),
                *two = kit_submit(kit, 2, "b", RC_FAILED, false);
    struct made_batch batch = kit_begin(kit);
    for (int i = 0; i < ENTRIES - 1; i++) made_action(&batch, one, RC_FAILED, false, NULL);
    made_action(&batch, two, RC_FAILED, false, NULL);
    kit_commit(kit, &batch, RC_OK);
    uint32_t n = 0;
    const struct rc_audit_entry *all = entries(kit, (struct rc_audit_page){0}, ENTRIES, &n);
    assert_int_equal(n, RC_MAX_PAGE); /* never more */
    assert_true(all[0].number == ENTRIES && all[n - 1].number == 2);
    all = entries(kit, (struct rc_audit_page){.before = 2}, ENTRIES, &n);
    assert_true(n == 1 && all[0].number == 1);
    all = entries(kit, (struct rc_audit_page){.command = 2}, ENTRIES, &n);
    assert_true(n == 1 && all[0].number == ENTRIES);
    all = entries(kit, (struct rc_audit_page){.ascending = true, .after = RC_MAX_PAGE}, ENTRIES, &n);
    assert_true(n == 1 && all[0].number == ENTRIES);
    assert_true(verify(kit, NULL).entries == ENTRIES && !verify(kit, NULL).broken);
}

static void a_pin_shows_a_chain_that_was_made_anew(void **state)
{
    struct kit *kit = *state;
    struct made *made = kit_submit(kit, 1, "a", RC_FAILED, false);
    act(kit, act(kit, made, RC_FAILED), RC_FAILED);
    struct rc_audit_verdict verdict = verify(kit, NULL);
    struct rc_audit_pin pin = {.number = verdict.head};
    memcpy(pin.hash, verdict.hash, sizeof pin.hash);
    act(kit, made, RC_FAILED);
    assert_false(verify(kit, &pin).broken);
    pin.hash[31] ^= 1;
    assert_int_equal(verify(kit, &pin).broken, 2);
    pin.hash[31] ^= 1;
    pin.number = 4;
    assert_int_equal(verify(kit, &pin).broken, 4);
}

static void hashes_are_written_in_hex(void **state)
{
    (void)state;
    unsigned char hash[RC_AUDIT_HASH], back[RC_AUDIT_HASH];
    char text[2 * RC_AUDIT_HASH + 1];
    for (int i = 0; i < RC_AUDIT_HASH; i++) hash[i] = (unsigned char)(i * 37);
    rc_hex(hash, RC_AUDIT_HASH, text);
    assert_true(rc_unhex(rc_sv_of(text), back, RC_AUDIT_HASH));
    assert_memory_equal(hash, back, sizeof hash);
    assert_false(rc_unhex((struct rc_sv){text, 63}, back, RC_AUDIT_HASH));
    text[5] = 'G';
    assert_false(rc_unhex(rc_sv_of(text), back, RC_AUDIT_HASH));
}

/* ---- tampering ---------------------------------------------------------------------------------------------------- */

/* What somebody does to the file with a shell, and the first entry that does not fit then. */
struct tamper {
    const char *sql;
    uint64_t broken;
};
static const struct tamper tampers[] = {
    {"UPDATE audit SET at = at + 1 WHERE number = 3", 3},
    {"UPDATE audit SET kind = 2 WHERE number = 3", 3},
    {"UPDATE audit SET command = 2 WHERE number = 3", 3},
    {"UPDATE audit SET rev = rev + 1 WHERE number = 3", 3},
    {"UPDATE audit SET action = 4 WHERE number = 3", 3},
    {"UPDATE audit SET data = replace(data, 'bo', 'al') WHERE number = 3", 3},
    {"UPDATE audit SET salt = zeroblob(16) WHERE number = 3", 3},
    {"UPDATE audit SET salt = x'00' WHERE number = 3", 3},
    {"UPDATE audit SET digest = zeroblob(32) WHERE number = 3", 3},
    {"UPDATE audit SET hash = zeroblob(32) WHERE number = 3", 3},
    {"UPDATE audit SET hash = zeroblob(32) WHERE number = 6", 6}, /* the last */
    {"UPDATE audit SET data = NULL, salt = NULL WHERE number = 3", 3},
    {"DELETE FROM audit WHERE number = 1", 1},
    {"DELETE FROM audit WHERE number = 3", 3},
    {"DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3", 3},
    {"DELETE FROM audit WHERE number > 4", 5}, /* a missing end */
    {"DELETE FROM audit", 1},
    {"UPDATE audit SET number = 100 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 4;"
     "UPDATE audit SET number = 4 WHERE number = 100",
     3},
    {"INSERT INTO audit SELECT 7, at, kind, command, rev, action, digest, hash, salt, data FROM audit WHERE "
     "number = 6",
     7},
    {NULL, 0},
};

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "recourse"),
                     SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void what_is_tampered_with_is_named(void **state)
{
    struct kit *kit = *state;
    char copy[80], sql[160];
    struct made *made = kit_submit(kit, 1, "a", RC_FAILED, false);
    for (int i = 0; i < 6; i++) act(kit, made, RC_FAILED);
    kit_close(kit);
    snprintf(copy, sizeof copy, "%s.copy", kit->path);
    for (const struct tamper *one = tampers; one->sql; one++) {
        struct rc_reader *reader = NULL;
        struct rc_audit_verdict verdict = {0};
        remove(copy);
        snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
        run_sql(kit->path, sql);
        assert_ok(kit, rc_sqlite_look(copy, &reader, &kit->err));
        assert_ok(kit, rc_audit_verify(reader, NULL, &verdict, &kit->err));
        assert_true(!verdict.broken && verdict.entries == 6);
        rc_reader_close(reader);
        run_sql(copy, one->sql);
        assert_ok(kit, rc_sqlite_look(copy, &reader, &kit->err));
        assert_ok(kit, rc_audit_verify(reader, NULL, &verdict, &kit->err));
        rc_reader_close(reader);
        if (verdict.broken != one->broken || !verdict.why)
            fail_msg("%s: %llu is said to be broken, not %llu", one->sql, (unsigned long long)verdict.broken,
                     (unsigned long long)one->broken);
    }
    remove(copy);
    kit_open(kit);
}

static void a_broken_chain_goes_on(void **state)
{
    struct kit *kit = *state;
    struct made *made = kit_submit(kit, 1, "a", RC_FAILED, false);
    act(kit, act(kit, made, RC_FAILED), RC_FAILED);
    kit_close(kit);
    run_sql(kit->path, "DELETE FROM audit WHERE number = 2");
    kit_open(kit);
    act(kit, made, RC_FAILED);
    assert_int_equal(kit_high(kit).audit, 3);
    assert_int_equal(verify(kit, NULL).broken, 2);
}

/* ---- looking without the lock -------------------------------------------------------------------------------------- */

static void a_reader_needs_no_lock(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *reader = NULL;
    struct rc_high high = {0};
    kit_submit(kit, 1, "a", RC_FAILED, false);
    assert_ok(kit, rc_sqlite_look(kit->path, &reader, &kit->err)); /* while the store is open */
    kit_submit(kit, 2, "b", RC_FAILED, false);
    assert_ok(kit, rc_read_high(reader, &high, &kit->err));
    assert_int_equal(high.seq, 2);
    rc_reader_close(reader);
    kit_submit(kit, 3, "c", RC_FAILED, false);
    kit_close(kit);
    assert_ok(kit, rc_sqlite_look(kit->path, &reader, &kit->err)); /* and with none */
    assert_ok(kit, rc_read_high(reader, &high, &kit->err));
    assert_int_equal(high.seq, 3);
    rc_reader_close(reader);
    kit_open(kit);
}

static void what_is_no_store_is_not_looked_at(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *reader = NULL;
    char path[80];
    snprintf(path, sizeof path, "%s.none", kit->path);
    assert_int_equal(rc_sqlite_look(path, &reader, &kit->err), RC_NOT_FOUND);
    assert_int_equal(rc_sqlite_look("", &reader, &kit->err), RC_NOT_FOUND);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no database at all", file);
    fclose(file);
    assert_int_equal(rc_sqlite_look(path, &reader, &kit->err), RC_DAMAGED);
    remove(path);
    kit_close(kit);
    run_sql(kit->path, "PRAGMA user_version = 99");
    assert_int_equal(rc_sqlite_look(kit->path, &reader, &kit->err), RC_NEWER);
    run_sql(kit->path, "PRAGMA user_version = 0");
    assert_int_equal(rc_sqlite_look(kit->path, &reader, &kit->err), RC_UNSUPPORTED);
    run_sql(kit->path, "PRAGMA user_version = 1");
    kit_open(kit);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(actions_are_recorded_in_their_commit),
        RUN(what_did_not_commit_leaves_no_entry),
        RUN(definitions_are_recorded),
        RUN(pages_go_both_ways),
        RUN(a_pin_shows_a_chain_that_was_made_anew),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    struct kit_kind memory = {.memory = true}, *kind = &(struct kit_kind){.memory = false};
    const struct CMUnitTest of_files[] = {
        cmocka_unit_test(hashes_are_written_in_hex),
        RUN(what_is_tampered_with_is_named),
        RUN(a_broken_chain_goes_on),
        RUN(a_reader_needs_no_lock),
        RUN(what_is_no_store_is_not_looked_at),
    };
    int failed = run("memory", &memory) + run("sqlite", kind);
    return failed + cmocka_run_group_tests_name("files", of_files, NULL, NULL);
}
