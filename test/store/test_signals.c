/* What every store must keep of signals. */
#include "kit.h"

#include "base/limits.h"

static struct rc_signal signal_of(uint64_t number, const char *id, const char *key, const char *text,
                                  rc_us at)
{
    return (struct rc_signal){.number = number,
                              .ns = RC_SV("default"),
                              .name = RC_SV("paid"),
                              .id = rc_sv_of(id),
                              .key = rc_sv_of(key),
                              .asked = {number, number + 1},
                              .payload = cel_string(rc_sv_of(text)),
                              .at = at};
}

static enum rc_status write(struct kit *kit, const struct rc_signal *signals, uint32_t n, rc_us since)
{
    const struct rc_batch batch = {.signals = {signals, n, since}, .high_water = ++kit->now};
    kit->err = (struct rc_error){0};
    return rc_store_commit(kit->store, &batch, &kit->err);
}

static uint32_t kept(struct kit *kit, const char *id, rc_us since, uint64_t after, uint32_t cap,
                     struct rc_signal **ret)
{
    uint32_t n = 0;
    uint64_t mailbox = rc_mailbox_id(RC_SV("default"), RC_SV("paid"), rc_sv_of(id));
    assert_ok(kit, rc_read_signals(rc_store_self(kit->store), mailbox, since, after, kit->arena, cap, ret, &n,
                                   &kit->err));
    return n;
}

static uint64_t last(struct kit *kit)
{
    uint64_t number = 99;
    assert_ok(kit, rc_read_signal_last(rc_store_self(kit->store), &number, &kit->err));
    return number;
}

static enum rc_status find(struct kit *kit, const char *ns, const char *key, rc_us since,
                           struct rc_signal *ret)
{
    return rc_read_signal_key(rc_store_self(kit->store), rc_sv_of(ns), rc_sv_of(key), since, kit->arena, ret,
                              &kit->err);
}

static void what_is_kept_comes_back_in_order(void **state)
{
    struct kit *kit = *state;
    struct rc_signal *got,
        some[] = {signal_of(2, "p1", "b", "second", 20), signal_of(1, "p1", "a", "first", 10),
                  signal_of(3, "p2", "c", "other", 30)};
    assert_int_equal(last(kit), 0);
    assert_int_equal(kept(kit, "p1", 0, 0, 9, &got), 0);
    assert_ok(kit, write(kit, some, 3, 0));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(last(kit), 3);
        assert_int_equal(kept(kit, "p1", 0, 0, 9, &got), 2);
        assert_true(got[0].number == 1 && got[1].number == 2);
        assert_sv(cel_text(got[0].payload), "first");
        assert_true(got[0].at == 10 && got[0].asked.hi == 1 && got[0].asked.lo == 2 && !got[0].taken.seq);
        assert_sv(got[0].ns, "default");
        assert_sv(got[0].name, "paid");
        assert_sv(got[0].id, "p1");
        assert_sv(got[0].key, "a");
        assert_int_equal(kept(kit, "p1", 0, 1, 9, &got), 1);
        assert_int_equal(kept(kit, "p1", 11, 0, 9, &got), 1);
        assert_int_equal(kept(kit, "p1", 0, 0, 1, &got), 1);
        assert_int_equal(kept(kit, "p3", 0, 0, 9, &got), 0);
        kit_reopen(kit);
    }
}

static void what_is_taken_is_remembered_without_its_payload(void **state)
{
    struct kit *kit = *state;
    struct rc_signal *got, one = signal_of(1, "p1", "a", "text", 10), found;
    assert_ok(kit, write(kit, &one, 1, 0));
    struct rc_signal versions[] = {one, one};
    versions[1].taken = (struct rc_link){7, 77};
    versions[1].node = 3;
    assert_ok(kit, write(kit, versions, 2, 0)); /* the last one counts */
    kit_reopen(kit);
    assert_int_equal(kept(kit, "p1", 0, 0, 9, &got), 0);
    assert_ok(kit, find(kit, "default", "a", 10, &found));
    assert_true(found.number == 1 && found.taken.seq == 7 && found.taken.nonce == 77 && found.node == 3);
    assert_int_equal(found.payload.kind, CEL_NULL);
    assert_int_equal(find(kit, "default", "a", 11, &found), RC_NOT_FOUND);
    assert_int_equal(find(kit, "default", "b", 0, &found), RC_NOT_FOUND);
    assert_int_equal(find(kit, "other", "a", 0, &found), RC_NOT_FOUND);
    versions[1].taken = (struct rc_link){0}; /* given back */
    assert_ok(kit, write(kit, &versions[1], 1, 0));
    assert_int_equal(kept(kit, "p1", 0, 0, 9, &got), 1);
    assert_sv(cel_text(got[0].payload), "text");
}

static void what_is_old_is_forgotten(void **state)
{
    struct kit *kit = *state;
    struct rc_signal found, some[] = {signal_of(1, "p1", "a", "x", 10), signal_of(2, "p1", "b", "y", 20)};
    assert_ok(kit, write(kit, some, 2, 0));
    assert_ok(kit, write(kit, NULL, 0, 20));
    assert_int_equal(find(kit, "default", "a", 0, &found), RC_NOT_FOUND);
    assert_ok(kit, find(kit, "default", "b", 0, &found));
    assert_int_equal(last(kit), 2);
}

static void what_fails_leaves_nothing(void **state)
{
    struct kit *kit = *state;
    struct rc_signal *got, one = signal_of(1, "p1", "a", "x", 10), none = signal_of(0, "p1", "a", "x", 10);
    assert_int_equal(write(kit, &none, 1, 0), RC_BUG);
    none = signal_of(2, "", "b", "x", 10);
    assert_int_equal(write(kit, &none, 1, 0), RC_BUG);
    if (kit->memory) {
        rc_memory_fail_next(kit->store, RC_IO, false);
        assert_int_equal(write(kit, &one, 1, 0), RC_IO);
    }
    assert_int_equal(kept(kit, "p1", 0, 0, 9, &got), 0);
}

/* Numbers that a store cannot keep, and names without a letter. */
static void what_is_unsound_is_refused(void **state)
{
    struct kit *kit = *state;
    struct rc_signal *got;
    const uint64_t much = (uint64_t)INT64_MAX + 1;
    for (int wrong = 0; wrong < 7; wrong++) {
        struct rc_signal one = signal_of(1, "p1", "a", "x", 10);
        if (wrong == 0) one.number = much;
        if (wrong == 1) one.taken.seq = much;
        if (wrong == 2) one.ns = RC_SV("");
        if (wrong == 3) one.name = RC_SV("");
        if (wrong == 4) one.id = RC_SV("");
        if (wrong == 5) one.key = RC_SV("");
        if (wrong == 6) one.at = much;
        assert_int_equal(write(kit, &one, 1, 0), RC_BUG);
    }
    assert_int_equal(write(kit, NULL, 0, much), RC_BUG);
    assert_int_equal(kept(kit, "p1", 0, 0, 9, &got), 0);
    assert_int_equal(last(kit), 0);
}

/* With too little memory reading is refused, and says so; it works again with more. */
static void a_reader_without_room_reads_nothing(void **state)
{
    struct kit *kit = *state;
    struct rc_reader *self = rc_store_self(kit->store);
    struct rc_signal *got, found,
        some[] = {signal_of(1, "p1", "a", "first", 10), signal_of(2, "p1", "b", "second", 20)};
    uint64_t mailbox = rc_mailbox_id(RC_SV("default"), RC_SV("paid"), RC_SV("p1"));
    assert_ok(kit, write(kit, some, 2, 0));
    for (int by_key = 0; by_key < 2; by_key++) {
        unsigned refused = 0;
        for (size_t limit = 0;; limit += 1, refused++) {
            struct rc_arena *arena = rc_arena_new(0, limit);
            uint32_t n = 77;
            struct rc_error err = {0};
            enum rc_status status =
                by_key ? rc_read_signal_key(self, RC_SV("default"), RC_SV("b"), 0, arena, &found, &err)
                       : rc_read_signals(self, mailbox, 0, 0, arena, 9, &got, &n, &err);
            if (status == RC_OK && by_key) assert_sv(cel_text(found.payload), "second");
            if (status == RC_OK && !by_key) assert_true(n == 2 && got[1].number == 2);
            rc_arena_free(arena);
            if (status == RC_OK) break;
            if (status != RC_LIMIT && status != RC_NOMEM)
                fail_msg("%d at %zu bytes: %s", status, limit, err.text);
            assert_true(err.text[0] && n == 77);
        }
        assert_true(refused > 5);
    }
}

static void a_namespace_takes_its_signals_along(void **state)
{
    struct kit *kit = *state;
    struct rc_signal found, one = signal_of(1, "p1", "a", "x", 10);
    struct rc_access_change change = {.kind = RC_ACCESS_NAMESPACE_ADD, .ns = {.name = RC_SV("shop")}};
    assert_ok(kit, rc_store_access(kit->store, &change, ++kit->now, &kit->err));
    one.ns = RC_SV("shop");
    assert_ok(kit, write(kit, &one, 1, 0));
    assert_ok(kit, find(kit, "shop", "a", 0, &found));
    change.kind = RC_ACCESS_NAMESPACE_REMOVE;
    assert_ok(kit, rc_store_access(kit->store, &change, ++kit->now, &kit->err));
    assert_int_equal(find(kit, "shop", "a", 0, &found), RC_NOT_FOUND);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(what_is_kept_comes_back_in_order),
        RUN(what_is_taken_is_remembered_without_its_payload),
        RUN(what_is_old_is_forgotten),
        RUN(what_fails_leaves_nothing),
        RUN(what_is_unsound_is_refused),
        RUN(a_reader_without_room_reads_nothing),
        RUN(a_namespace_takes_its_signals_along),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
