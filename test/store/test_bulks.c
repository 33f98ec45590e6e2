/* What every store must keep of bulks. */
#include "kit.h"

#include "base/limits.h"

#include <stdio.h>

static const struct rc_bulk_event made_event = {
    .rev = 1, .at = 5, .actor = RC_SV("olga"), .reason = RC_SV("why")};

static struct rc_bulk bulk_with(const char *key, uint32_t total)
{
    struct rc_bulk bulk = {.nonce = 77,
                           .rev = 1,
                           .state = RC_BULK_PREVIEW,
                           .ns = RC_SV("default"),
                           .asked = {1, 2},
                           .act = {.action = RC_ACTION_RESOLVE,
                                   .subject = RC_SV("token"),
                                   .actor = RC_SV("olga"),
                                   .reason = RC_SV("it was \"fixed\""),
                                   .verdict = RC_ACCEPTED_AS_IS},
                           .from = RC_SV("{\"type\":\"x\"}"),
                           .limit = 500,
                           .more = true,
                           .created = 10,
                           .expires = 100,
                           .changed = 10,
                           .total = total,
                           .allowed = total,
                           .rate = 5,
                           .stop_percent = 20};
    bulk.key = rc_sv_of(key);
    bulk.count[RC_ITEM_OPEN] = total;
    return bulk;
}

static struct rc_bulk_item *items_for(struct kit *kit, uint32_t n)
{
    struct rc_bulk_item *items = RC_NEW_ARRAY(kit->arena, struct rc_bulk_item, n);
    assert_non_null(items);
    for (uint32_t i = 0; i < n; i++)
        items[i] = (struct rc_bulk_item){.n = i + 1,
                                         .seq = 1000 - i,
                                         .nonce = UINT64_MAX - i,
                                         .rev = 3 + i,
                                         .state = RC_FAILED,
                                         .allowed = i % 2,
                                         .why = i % 2 ? (struct rc_sv){0} : RC_SV("it has ended"),
                                         .undoes = i % 2 ? RC_SV("[\"create\"]") : (struct rc_sv){0}};
    return items;
}

static enum rc_status make(struct kit *kit, const char *key, uint32_t n, uint64_t *ret_id)
{
    struct rc_bulk bulk = bulk_with(key, n);
    const struct rc_bulk_write write = {
        .bulk = &bulk, .made = true, .items = items_for(kit, n), .nitems = n, .event = &made_event};
    return rc_store_bulk(kit->store, &write, ret_id, &kit->err);
}

static struct rc_bulk look(struct kit *kit, uint64_t id)
{
    struct rc_bulk bulk;
    assert_ok(kit, rc_read_bulk(rc_store_self(kit->store), id, kit->arena, &bulk, &kit->err));
    return bulk;
}

static uint32_t read_items(struct kit *kit, uint64_t id, uint32_t results, uint32_t after, uint32_t cap,
                           struct rc_bulk_item **ret)
{
    uint32_t n;
    assert_ok(kit, rc_read_bulk_items(rc_store_self(kit->store), id, results, after, kit->arena, cap, ret, &n,
                                      &kit->err));
    return n;
}

/* ---- what is kept --------------------------------------------------------------------------------------------------- */

static void what_was_made_comes_back(void **state)
{
    struct kit *kit = *state;
    uint64_t id = 0, found;
    assert_ok(kit, make(kit, "k", 3, &id));
    assert_true(id > 0);
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        struct rc_bulk bulk = look(kit, id);
        assert_true(bulk.id == id && bulk.nonce == 77 && bulk.rev == 1 && bulk.state == RC_BULK_PREVIEW);
        assert_sv(bulk.ns, "default");
        assert_sv(bulk.key, "k");
        assert_true(rc_h128_eq(bulk.asked, (struct rc_h128){1, 2}));
        assert_true(bulk.act.action == RC_ACTION_RESOLVE && bulk.act.verdict == RC_ACCEPTED_AS_IS);
        assert_sv(bulk.act.reason, "it was \"fixed\"");
        assert_sv(bulk.act.actor, "olga");
        assert_sv(bulk.from, "{\"type\":\"x\"}");
        assert_true(bulk.limit == 500 && bulk.more && bulk.created == 10 && bulk.expires == 100);
        assert_true(bulk.total == 3 && bulk.allowed == 3 && bulk.rate == 5 && bulk.stop_percent == 20);
        assert_true(bulk.count[RC_ITEM_OPEN] == 3 && bulk.next == 0);
        struct rc_bulk_item *items;
        assert_int_equal(read_items(kit, id, 0, 0, 10, &items), 3);
        assert_true(items[1].n == 2 && items[1].seq == 999 && items[1].nonce == UINT64_MAX - 1);
        assert_true(items[1].rev == 4 && items[1].state == RC_FAILED && items[1].allowed);
        assert_sv(items[1].undoes, "[\"create\"]");
        assert_sv(items[0].why, "it has ended");
        assert_true(!items[0].allowed && items[0].undoes.n == 0 && items[0].result == RC_ITEM_OPEN);
        struct rc_bulk_event *events;
        uint32_t n;
        assert_ok(kit, rc_read_bulk_events(rc_store_self(kit->store), id, 0, kit->arena, 10, &events, &n,
                                           &kit->err));
        assert_int_equal(n, 1);
        assert_sv(events[0].actor, "olga");
        assert_true(events[0].subject.n == 0);
        assert_ok(kit, rc_read_bulk_key(rc_store_self(kit->store), RC_SV("default"), RC_SV("k"), &found,
                                        &kit->err));
        assert_true(found == id);
        assert_int_equal(
            rc_read_bulk_key(rc_store_self(kit->store), RC_SV("other"), RC_SV("k"), &found, &kit->err),
            RC_NOT_FOUND);
    }
}

static void results_and_states_are_kept_together(void **state)
{
    struct kit *kit = *state;
    uint64_t id = 0;
    assert_ok(kit, make(kit, "k", 5, &id));
    struct rc_bulk bulk = look(kit, id);
    struct rc_bulk_item *items, results[2];
    (void)read_items(kit, id, 0, 1, 2, &items);
    memcpy(results, items, sizeof results);
    results[0].result = RC_ITEM_DONE;
    results[1].result = RC_ITEM_REFUSED;
    results[1].fault = RC_SV("not now");
    results[0].acted = results[1].acted = 44;
    bulk.rev = 2;
    bulk.state = RC_BULK_STOPPED;
    bulk.next = 3;
    bulk.wave = 9;
    bulk.rate = 100;
    bulk.even_if_changed = true;
    bulk.act.actor = RC_SV("another");
    bulk.count[RC_ITEM_DONE] = 1;
    bulk.count[RC_ITEM_REFUSED] = 1;
    const struct rc_bulk_event event = {
        .rev = 2, .state = RC_BULK_STOPPED, .at = 44, .reason = RC_SV("too much")};
    const struct rc_bulk_write write = {.bulk = &bulk, .items = results, .nitems = 2, .event = &event};
    assert_ok(kit, rc_store_bulk(kit->store, &write, NULL, &kit->err));
    for (int again = 0; again < 2; again++, kit_reopen(kit)) {
        bulk = look(kit, id);
        assert_true(bulk.rev == 2 && bulk.state == RC_BULK_STOPPED && bulk.next == 3 && bulk.wave == 9);
        assert_true(bulk.rate == 100 && bulk.even_if_changed);
        assert_sv(bulk.act.actor, "another");
        assert_true(bulk.count[RC_ITEM_OPEN] == 3 && bulk.count[RC_ITEM_DONE] == 1 &&
                    bulk.count[RC_ITEM_REFUSED] == 1 && bulk.count[RC_ITEM_STALE] == 0);
        assert_int_equal(read_items(kit, id, 1u << RC_ITEM_OPEN, 0, 10, &items), 3);
        assert_true(items[0].n == 1 && items[1].n == 4 && items[2].n == 5);
        assert_int_equal(read_items(kit, id, 1u << RC_ITEM_REFUSED | 1u << RC_ITEM_DONE, 2, 10, &items), 1);
        assert_true(items[0].n == 3 && items[0].acted == 44);
        assert_sv(items[0].fault, "not now");
        assert_int_equal(read_items(kit, id, 0, 5, 10, &items), 0);
        struct rc_bulk_event *events;
        uint32_t n;
        assert_ok(kit, rc_read_bulk_events(rc_store_self(kit->store), id, 1, kit->arena, 10, &events, &n,
                                           &kit->err));
        assert_true(n == 1 && events[0].rev == 2 && events[0].state == RC_BULK_STOPPED);
    }
}

static void bulks_are_listed_newest_first(void **state)
{
    struct kit *kit = *state;
    uint64_t id[7];
    for (int i = 0; i < 7; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        assert_ok(kit, make(kit, key, 1, &id[i]));
        if (i) assert_true(id[i] > id[i - 1]);
    }
    struct rc_bulk running = look(kit, id[2]), *bulks;
    running.state = RC_BULK_RUNNING;
    const struct rc_bulk_write write = {.bulk = &running};
    assert_ok(kit, rc_store_bulk(kit->store, &write, NULL, &kit->err));
    uint32_t n;
    struct rc_reader *reader = rc_store_self(kit->store);
    assert_ok(kit, rc_read_bulks(reader, (struct rc_sv){0}, 0, 0, kit->arena, 3, &bulks, &n, &kit->err));
    assert_true(n == 3 && bulks[0].id == id[6] && bulks[2].id == id[4]);
    assert_ok(kit, rc_read_bulks(reader, RC_SV("default"), 0, id[4], kit->arena, 10, &bulks, &n, &kit->err));
    assert_true(n == 4 && bulks[0].id == id[3] && bulks[3].id == id[0]);
    assert_ok(kit, rc_read_bulks(reader, RC_SV("default"), 1u << RC_BULK_RUNNING, 0, kit->arena, 10, &bulks,
                                 &n, &kit->err));
    assert_true(n == 1 && bulks[0].id == id[2]);
    assert_ok(kit, rc_read_bulks(reader, RC_SV("other"), 0, 0, kit->arena, 10, &bulks, &n, &kit->err));
    assert_int_equal(n, 0);
}

static void what_people_do_stands_in_the_audit(void **state)
{
    struct kit *kit = *state;
    uint64_t id = 0;
    assert_ok(kit, make(kit, "k", 2, &id));
    struct rc_bulk bulk = look(kit, id);
    struct rc_bulk_event event = {
        .rev = 2, .state = RC_BULK_RUNNING, .at = 6, .actor = RC_SV("nina"), .reason = RC_SV("go")};
    bulk.state = RC_BULK_RUNNING;
    struct rc_bulk_write write = {.bulk = &bulk, .event = &event};
    assert_ok(kit, rc_store_bulk(kit->store, &write, NULL, &kit->err));
    event = (struct rc_bulk_event){.rev = 3, .state = RC_BULK_STOPPED, .at = 7}; /* by itself */
    assert_ok(kit, rc_store_bulk(kit->store, &write, NULL, &kit->err));
    event = (struct rc_bulk_event){.rev = 4, .state = RC_BULK_CANCELLED, .at = 8, .actor = RC_SV("nina")};
    assert_ok(kit, rc_store_bulk(kit->store, &write, NULL, &kit->err));
    bulk.id = 99; /* refused: no entry either */
    assert_int_equal(rc_store_bulk(kit->store, &write, NULL, &kit->err), RC_BUG);
    static const uint8_t deed[] = {RC_DEED_ADD, RC_DEED_START, RC_DEED_STOP};
    struct rc_audit_page page = {.ascending = true};
    struct rc_audit_verdict verdict;
    struct rc_audit_entry *entries;
    uint32_t n;
    struct rc_reader *reader = rc_store_self(kit->store);
    assert_ok(kit, rc_read_audit(reader, &page, kit->arena, 10, &entries, &n, &kit->err));
    assert_int_equal(n, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(entries[i].what.kind == RC_AUDIT_BULK && entries[i].what.action == deed[i]);
    assert_non_null(memmem(entries[1].what.data.p, entries[1].what.data.n, "\"reason\":\"go\"", 13));
    assert_ok(kit, rc_audit_verify(reader, NULL, &verdict, &kit->err));
    assert_true(verdict.entries == 3 && verdict.broken == 0);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------ */

static void what_contradicts_changes_nothing(void **state)
{
    struct kit *kit = *state;
    uint64_t id = 0;
    assert_ok(kit, make(kit, "k", 2, &id));
    assert_int_equal(make(kit, "k", 2, NULL), RC_BUG); /* the key is taken */
    struct rc_bulk bulk = look(kit, id);
    struct rc_bulk_item *items;
    (void)read_items(kit, id, 0, 0, 2, &items);
    bulk.state = RC_BULK_RUNNING;
    items[0].result = items[1].result = RC_ITEM_DONE;
    items[1].n = 3; /* there is none: the first one must not count either */
    struct rc_bulk_write write = {.bulk = &bulk, .items = items, .nitems = 2};
    assert_int_equal(rc_store_bulk(kit->store, &write, NULL, &kit->err), RC_BUG);
    items[1].n = 2;
    items[1].result = RC_ITEM_RESULTS;
    assert_int_equal(rc_store_bulk(kit->store, &write, NULL, &kit->err), RC_BUG);
    items[1].result = RC_ITEM_DONE;
    bulk.id = id + 1;
    assert_int_equal(rc_store_bulk(kit->store, &write, NULL, &kit->err), RC_BUG);
    assert_int_equal(look(kit, id).state, RC_BULK_PREVIEW);
    assert_int_equal(read_items(kit, id, 1u << RC_ITEM_OPEN, 0, 5, &items), 2);
    assert_int_equal(rc_read_bulk(rc_store_self(kit->store), id + 1, kit->arena, &bulk, &kit->err),
                     RC_NOT_FOUND);
}

static void the_largest_one_fits_and_no_larger_one(void **state)
{
    struct kit *kit = *state;
    uint64_t id = 0;
    struct rc_bulk_item *items;
    assert_ok(kit, make(kit, "k", RC_MAX_BULK, &id));
    assert_int_equal(make(kit, "l", RC_MAX_BULK + 1, NULL), RC_BUG);
    assert_int_equal(read_items(kit, id, 0, 0, RC_MAX_BULK, &items), RC_MAX_PAGE);
    assert_int_equal(read_items(kit, id, 0, RC_MAX_BULK - 1, 10, &items), 1);
}

static void expired_previews_are_forgotten_in_time(void **state)
{
    struct kit *kit = *state;
    uint64_t old = 0, run = 0, young = 0, new = 0;
    struct rc_bulk bulk;
    assert_ok(kit, make(kit, "old", 2, &old));
    assert_ok(kit, make(kit, "run", 2, &run));
    bulk = look(kit, run);
    bulk.state = RC_BULK_CANCELLED;
    const struct rc_bulk_write cancel = {.bulk = &bulk};
    assert_ok(kit, rc_store_bulk(kit->store, &cancel, NULL, &kit->err));
    assert_ok(kit, make(kit, "young", 2, &young));
    bulk = bulk_with("new", 1);
    bulk.expires = 300;
    struct rc_bulk_write write = {.bulk = &bulk,
                                  .made = true,
                                  .items = items_for(kit, 1),
                                  .nitems = 1,
                                  .event = &made_event,
                                  .forget_before = 100};
    assert_ok(kit, rc_store_bulk(kit->store, &write, &new, &kit->err));
    assert_int_equal(look(kit, old).state, RC_BULK_PREVIEW); /* it expired at 100, not before */
    bulk.key = RC_SV("newer");
    write.forget_before = 101;
    assert_ok(kit, rc_store_bulk(kit->store, &write, NULL, &kit->err));
    assert_int_equal(rc_read_bulk(rc_store_self(kit->store), old, kit->arena, &bulk, &kit->err),
                     RC_NOT_FOUND);
    assert_int_equal(rc_read_bulk(rc_store_self(kit->store), young, kit->arena, &bulk, &kit->err),
                     RC_NOT_FOUND);
    assert_int_equal(look(kit, run).state, RC_BULK_CANCELLED);
    assert_int_equal(look(kit, new).state, RC_BULK_PREVIEW);
    struct rc_bulk_item *items;
    assert_int_equal(read_items(kit, old, 0, 0, 10, &items), 0);
    uint64_t again = 0;
    assert_ok(kit, make(kit, "old", 1, &again)); /* its key is free, its number is not given again */
    assert_true(again > new);
}

static void a_row_is_found_by_its_number(void **state)
{
    struct kit *kit = *state;
    struct rc_row row;
    (void)kit_submit(kit, 3, "k", RC_FAILED, false);
    assert_ok(kit, rc_read_row(rc_store_self(kit->store), 3, kit->arena, &row, &kit->err));
    assert_true(row.seq == 3 && row.state == RC_FAILED && row.rev == 1);
    assert_sv(row.key, "k");
    assert_sv(row.ns, "default");
    assert_int_equal(rc_read_row(rc_store_self(kit->store), 4, kit->arena, &row, &kit->err), RC_NOT_FOUND);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(what_was_made_comes_back),
        RUN(results_and_states_are_kept_together),
        RUN(bulks_are_listed_newest_first),
        RUN(what_people_do_stands_in_the_audit),
        RUN(what_contradicts_changes_nothing),
        RUN(the_largest_one_fits_and_no_larger_one),
        RUN(expired_previews_are_forgotten_in_time),
        RUN(a_row_is_found_by_its_number),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
