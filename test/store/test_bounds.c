/* What no store can keep is refused before anything happens, and what is asked for beyond the bounds is cut to them: both implementations. */
#include "deeds.h"

#include "base/id.h"
#include "base/limits.h"

#include <string.h>

/* ---- what cannot be kept --------------------------------------------------------------------------------------------- */

enum { WRONG_BATCHES = 12 };

static void spoil_batch(struct made_batch *batch, struct made *made, int how)
{
    struct rc_work *after = &batch->moves[0].after, *before = &batch->moves[0].before;
    const struct rc_work ready = {
        .phase = RC_PHASE_READY, .gate = 7, .order = 5, .seq = made->command.id.seq};
    *after = ready;
    if (how == 0) batch->records[0].seq = 0;
    if (how == 1) batch->records[0].rev = 0;
    if (how == 2) batch->records[0].cause = NULL;
    if (how == 3) batch->touched[0].command = NULL;
    if (how == 4) made->command.id.seq = 0;
    if (how == 5) made->command.id.seq = RC_SEQ_MAX + 1;
    if (how == 6) batch->touched[0].state_before = RC_STATES;
    if (how == 7) made->command.state = RC_STATES;
    if (how == 8) after->seq = 0;
    if (how == 9) after->seq = RC_SEQ_MAX + 1;
    if (how == 10) after->order = UINT64_MAX;
    if (how == 11) {
        *before = ready;
        before->gate = UINT64_MAX;
    }
}

static void a_batch_with_impossible_numbers(void **state)
{
    struct kit *kit = *state;
    struct rc_h128 empty = deeds_digest(kit);
    for (int how = 0; how < WRONG_BATCHES; how++) {
        struct made_batch batch = kit_begin(kit);
        struct made *made = kit_new(kit, 1, "key");
        made_submit(&batch, made, RC_PENDING, false, NULL);
        spoil_batch(&batch, made, how);
        kit_commit(kit, &batch, RC_BUG);
        assert_true(rc_h128_eq(empty, deeds_digest(kit)));
    }
    struct made_batch late = kit_begin(kit);
    made_submit(&late, kit_new(kit, 1, "key"), RC_PENDING, false, NULL);
    late.batch.high_water = UINT64_MAX;
    kit_commit(kit, &late, RC_BUG);
    kit_submit(kit, 1, "key", RC_PENDING, false);
}

static enum rc_status access_with(struct kit *kit, enum rc_access_kind kind, struct rc_namespace ns,
                                  struct rc_token token)
{
    const struct rc_access_change wanted = {.kind = (uint8_t)kind, .ns = ns, .token = token};
    kit->err = (struct rc_error){0};
    enum rc_status status = rc_store_access(kit->store, &wanted, kit->now, &kit->err);
    assert_int_equal(status, kit->err.status);
    return status;
}

static void a_namespace_or_token_that_cannot_be(void **state)
{
    struct kit *kit = *state;
    static char text[RC_MAX_ACTOR + 2];
    memset(text, 'a', sizeof text);
    struct rc_h128 empty = deeds_digest(kit);
    const struct rc_namespace shop = {.name = RC_SV("shop")};
    const struct rc_namespace spaces[] = {{.max_open = 1},
                                          {.name = {text, RC_MAX_NAME + 1}},
                                          {.name = shop.name, .max_open = UINT64_MAX},
                                          {.name = shop.name, .max_bytes = UINT64_MAX}};
    const struct rc_token good = {.id = 5, .subject = RC_SV("x"), .role = RC_ROLE_VIEWER};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        assert_int_equal(access_with(kit, RC_ACCESS_NAMESPACE_ADD, spaces[i], good), RC_BUG);
        assert_int_equal(access_with(kit, RC_ACCESS_NAMESPACE_SET, spaces[i], good), RC_BUG);
    }
    assert_int_equal(access_with(kit, RC_ACCESS_NAMESPACE_REMOVE, spaces[0], good), RC_BUG);
    for (int how = 0; how < 7; how++) {
        struct rc_token token = good;
        if (how == 0) token.id = 0;
        if (how == 1) token.id = UINT64_MAX;
        if (how == 2) token.subject.n = 0;
        if (how == 3) token.subject = (struct rc_sv){text, RC_MAX_ACTOR + 1};
        if (how == 4) token.author = (struct rc_sv){text, RC_MAX_ACTOR + 1};
        if (how == 5) token.role = RC_ROLES;
        if (how == 6) token.expires = UINT64_MAX;
        assert_int_equal(access_with(kit, RC_ACCESS_TOKEN_ADD, shop, token), RC_BUG);
    }
    assert_int_equal(access_with(kit, (enum rc_access_kind)99, shop, good), RC_BUG);
    assert_true(rc_h128_eq(empty, deeds_digest(kit)));
    struct rc_token longest = good;
    longest.subject = longest.author = (struct rc_sv){text, RC_MAX_ACTOR};
    assert_ok(kit, access_with(kit, RC_ACCESS_TOKEN_ADD, shop, longest));
}

static void a_bulk_that_cannot_be(void **state)
{
    struct kit *kit = *state;
    static struct rc_bulk_item many[RC_MAX_BULK + 1];
    const struct rc_bulk good = {.rev = 1, .ns = RC_SV("default"), .key = RC_SV("k"), .total = 1, .rate = 1};
    const struct rc_bulk_event event = {.rev = 1, .at = 5};
    struct rc_h128 empty = deeds_digest(kit);
    for (int how = 0; how < 10; how++) {
        struct rc_bulk bulk = good;
        struct rc_bulk_item item = {.n = 1, .seq = 1, .rev = 1, .state = RC_FAILED};
        struct rc_bulk_write write = {
            .bulk = &bulk, .made = true, .items = &item, .nitems = 1, .event = &event};
        if (how == 0) bulk.state = RC_BULK_STATES;
        if (how == 1) bulk.total = RC_MAX_BULK + 1;
        if (how == 2) bulk.id = 7; /* the store gives it */
        if (how == 3) bulk.total = 2;
        if (how == 4) write.event = NULL;
        if (how == 5) item.result = RC_ITEM_RESULTS;
        if (how == 6) item.state = RC_STATES;
        if (how == 7) item.seq = RC_SEQ_MAX + 1;
        if (how == 8) item.n = 2; /* from 1, without gaps */
        if (how == 9) write.items = many, write.nitems = RC_MAX_BULK + 1;
        uint64_t id = 77;
        assert_int_equal(rc_store_bulk(kit->store, &write, &id, &kit->err), RC_BUG);
        assert_int_equal(id, 77);
    }
    struct rc_bulk_item item = {.n = 0, .seq = 1};
    struct rc_bulk later = good; /* a change of one that is there names it, and its items by their numbers */
    struct rc_bulk_write change = {.bulk = &later, .items = &item, .nitems = 1};
    assert_int_equal(rc_store_bulk(kit->store, &change, NULL, &kit->err), RC_BUG);
    later.id = 1;
    assert_int_equal(rc_store_bulk(kit->store, &change, NULL, &kit->err), RC_BUG);
    assert_true(rc_h128_eq(empty, deeds_digest(kit)));
}

/* ---- what is cut to the bounds ------------------------------------------------------------------------------------------ */

static void the_largest_numbers_ask_for_everything(void **state)
{
    struct kit *kit = *state;
    struct doing doing;
    deeds_begin(&doing, kit);
    struct rc_reader *reader = rc_store_self(kit->store);
    uint32_t n = 0;
    uint64_t next = 0;
    struct rc_row *rows;
    assert_ok(kit, rc_read_list(reader, &(struct rc_filter){.before = UINT64_MAX}, kit->arena, UINT32_MAX,
                                &rows, &n, &next, &kit->err));
    assert_true(n == 5 && rows[0].seq == doing.ended && next == 0);
    struct kit_history got;
    assert_ok(kit, kit_history(kit, reader, doing.ended, 0, UINT32_MAX, &got));
    assert_int_equal(got.n, 3);
    struct rc_audit_entry *entries;
    assert_ok(kit, rc_read_audit(reader, &(struct rc_audit_page){.before = UINT64_MAX}, kit->arena,
                                 UINT32_MAX, &entries, &n, &kit->err));
    assert_int_equal(n, kit_high(kit).audit);
    assert_ok(kit, rc_read_audit(reader, &(struct rc_audit_page){.ascending = true, .after = UINT64_MAX},
                                 kit->arena, UINT32_MAX, &entries, &n, &kit->err));
    assert_int_equal(n, 0);
    struct rc_version *versions;
    assert_ok(kit, rc_read_versions(reader, RC_DEF_FLOW, RC_SV("github.create_pr"), UINT32_MAX, kit->arena,
                                    UINT32_MAX, &versions, &n, &kit->err));
    assert_int_equal(n, 1);
    struct rc_news *news;
    assert_ok(kit, rc_read_changes(reader, UINT64_MAX, kit->arena, UINT32_MAX, &news, &n, &kit->err));
    assert_int_equal(n, 0);
    struct rc_bulk *bulks;
    assert_ok(kit, rc_read_bulks(reader, RC_SV("default"), 0, UINT64_MAX, kit->arena, UINT32_MAX, &bulks, &n,
                                 &kit->err));
    assert_int_equal(n, 1);
    struct rc_bulk_event *events;
    assert_ok(kit, rc_read_bulk_events(reader, doing.kept_bulk, 0, kit->arena, 1, &events, &n, &kit->err));
    assert_true(n == 1 && events[0].rev == 1); /* and the smallest page is one */
    assert_ok(kit, rc_read_bulk_events(reader, 777, 0, kit->arena, UINT32_MAX, &events, &n, &kit->err));
    assert_int_equal(n, 0);
}

static uint32_t purgeable(struct kit *kit, const struct rc_purge_filter *filter, uint64_t after,
                          uint64_t *ret_first)
{
    struct rc_purge_row *rows;
    uint32_t n = 0;
    uint64_t next = 0;
    assert_ok(kit, rc_read_purgeable(rc_store_self(kit->store), filter, after, kit->arena, UINT32_MAX, &rows,
                                     &n, &next, &kit->err));
    assert_int_equal(next, 0);
    *ret_first = n ? rows[0].seq : 0;
    return n;
}

/* What has not ended, or is out, may be looked at where that is asked for; it is never offered to a purge. */
static void what_may_go_and_what_may_be_looked_at(void **state)
{
    struct kit *kit = *state;
    struct doing doing;
    uint64_t first;
    deeds_begin(&doing, kit);
    struct made *out = kit_submit(kit, kit_high(kit).seq + 1, "settled while it was out", RC_RESOLVED, true);
    assert_int_equal(purgeable(kit, &(struct rc_purge_filter){0}, 0, &first), 1);
    assert_int_equal(first, doing.ended);
    assert_int_equal(purgeable(kit, &(struct rc_purge_filter){.unended = true}, 0, &first), 6);
    assert_int_equal(first, 1);
    struct rc_purge_filter filter = {.unended = true, .states = 1u << RC_RESOLVED};
    assert_true(purgeable(kit, &filter, 0, &first) == 1 && first == out->command.id.seq);
    assert_int_equal(purgeable(kit, &filter, UINT64_MAX, &first), 0);
    /* by names that are there, and by others */
    filter = (struct rc_purge_filter){.ns = RC_SV("shop")};
    assert_int_equal(purgeable(kit, &filter, 0, &first), 0);
    filter = (struct rc_purge_filter){.ns = RC_SV("default"), .type = RC_SV("github.create_pr")};
    assert_int_equal(purgeable(kit, &filter, 0, &first), 1);
    filter.type = RC_SV("shop"); /* a name that the store knows, of something else */
    assert_int_equal(purgeable(kit, &filter, 0, &first), 0);
    filter = (struct rc_purge_filter){.ref = RC_SV("origin"), .value = RC_SV("nobody")};
    assert_int_equal(purgeable(kit, &filter, 0, &first), 0);
    filter.value = RC_SV("test");
    assert_int_equal(purgeable(kit, &filter, 0, &first), 1);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(a_batch_with_impossible_numbers),
        RUN(a_namespace_or_token_that_cannot_be),
        RUN(a_bulk_that_cannot_be),
        RUN(the_largest_numbers_ask_for_everything),
        RUN(what_may_go_and_what_may_be_looked_at),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    struct kit_kind memory = {.memory = true}, sqlite = {.memory = false};
    return run("memory", &memory) + run("sqlite", &sqlite);
}
