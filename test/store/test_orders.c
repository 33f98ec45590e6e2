/* What every store must keep of orders: queues that are stopped, and signals that a person has deleted. */
#include "kit.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

static const struct rc_author anna = {
    .subject = RC_SV("local"), .actor = RC_SV("anna"), .reason = RC_SV("a deploy")};

static enum rc_status stop(struct kit *kit, const char *queue, uint8_t state)
{
    const struct rc_order order = {
        .kind = RC_ORDER_QUEUE, .queue = rc_sv_of(queue), .state = state, .by = anna};
    kit->err = (struct rc_error){0};
    return rc_store_order(kit->store, &order, ++kit->now, &kit->err);
}

static uint32_t stopped(struct kit *kit, struct rc_stopped **ret)
{
    uint32_t n = 99;
    assert_ok(kit, rc_read_stopped(rc_store_self(kit->store), kit->arena, ret, &n, &kit->err));
    return n;
}

static struct rc_audit_entry newest(struct kit *kit, uint32_t expected)
{
    struct rc_audit_entry *entries = NULL;
    uint32_t n = 0;
    assert_ok(kit, rc_read_audit(rc_store_self(kit->store), &(struct rc_audit_page){0}, kit->arena,
                                 RC_MAX_PAGE, &entries, &n, &kit->err));
    assert_int_equal(n, expected);
    return entries[0];
}

static void a_stopped_queue_stays_stopped(void **state)
{
    struct kit *kit = *state;
    struct rc_stopped *rows;
    assert_int_equal(stopped(kit, &rows), 0);
    assert_ok(kit, stop(kit, "sounds", RC_QUEUE_DRAINING));
    assert_ok(kit, stop(kit, "images", RC_QUEUE_PAUSED));
    rc_us since = kit->now;
    kit_reopen(kit);
    assert_int_equal(stopped(kit, &rows), 2);
    assert_sv(rows[0].queue, "images");
    assert_int_equal(rows[0].state, RC_QUEUE_PAUSED);
    assert_true(rows[0].since == since);
    assert_sv(rows[0].by.subject, "local");
    assert_sv(rows[0].by.actor, "anna");
    assert_sv(rows[0].by.reason, "a deploy");
    assert_sv(rows[1].queue, "sounds");
    assert_int_equal(rows[1].state, RC_QUEUE_DRAINING);
    assert_ok(kit, stop(kit, "images", RC_QUEUE_DRAINING));
    assert_ok(kit, stop(kit, "sounds", RC_QUEUE_OPEN));
    assert_ok(kit, stop(kit, "sounds", RC_QUEUE_OPEN)); /* it goes on already */
    kit_reopen(kit);
    assert_int_equal(stopped(kit, &rows), 1);
    assert_sv(rows[0].queue, "images");
    assert_int_equal(rows[0].state, RC_QUEUE_DRAINING);
}

static void each_order_is_in_the_audit(void **state)
{
    struct kit *kit = *state;
    static const struct {
        uint8_t state, deed;
    } orders[] = {{RC_QUEUE_PAUSED, RC_DEED_PAUSE},
                  {RC_QUEUE_DRAINING, RC_DEED_DRAIN},
                  {RC_QUEUE_OPEN, RC_DEED_RESUME}};
    for (uint32_t i = 0; i < 3; i++) {
        assert_ok(kit, stop(kit, "images", orders[i].state));
        struct rc_audit_entry entry = newest(kit, i + 1);
        assert_int_equal(entry.what.kind, RC_AUDIT_QUEUE);
        assert_int_equal(entry.what.action, orders[i].deed);
        assert_true(entry.at == kit->now);
        assert_sv(entry.what.data,
                  "{\"subject\":\"local\",\"actor\":\"anna\",\"reason\":\"a deploy\",\"queue\":\"images\"}");
    }
    struct rc_audit_verdict verdict;
    assert_ok(kit, rc_audit_verify(rc_store_self(kit->store), NULL, &verdict, &kit->err));
    assert_true(verdict.entries == 3 && !verdict.broken);
}

static void so_many_queues_may_be_stopped_and_no_more(void **state)
{
    struct kit *kit = *state;
    struct rc_stopped *rows;
    char name[32];
    for (int i = 0; i < RC_MAX_STOPPED; i++) {
        snprintf(name, sizeof name, "q%04d", i);
        assert_ok(kit, stop(kit, name, RC_QUEUE_PAUSED));
    }
    assert_int_equal(stop(kit, "more", RC_QUEUE_PAUSED), RC_LIMIT);
    assert_non_null(strstr(kit->err.text, "1024"));
    assert_ok(kit, stop(kit, "q0000", RC_QUEUE_DRAINING)); /* it is one of them */
    assert_ok(kit, stop(kit, "more", RC_QUEUE_OPEN));
    assert_int_equal(stopped(kit, &rows), RC_MAX_STOPPED);
    assert_ok(kit, stop(kit, "q0000", RC_QUEUE_OPEN));
    assert_ok(kit, stop(kit, "more", RC_QUEUE_PAUSED));
}

static void what_cannot_be_stored_is_a_bug_of_who_asks(void **state)
{
    struct kit *kit = *state;
    static char longer[RC_MAX_REASON + 1];
    memset(longer, 'x', sizeof longer);
    struct rc_order order = {.kind = RC_ORDER_QUEUE, .queue = RC_SV("images"), .state = RC_QUEUE_PAUSED};
    order.by.reason = (struct rc_sv){longer, RC_MAX_REASON};
    assert_ok(kit, rc_store_order(kit->store, &order, ++kit->now, &kit->err));
    order.by.reason.n++;
    assert_int_equal(rc_store_order(kit->store, &order, ++kit->now, &kit->err), RC_BUG);
    assert_int_equal(stop(kit, "", RC_QUEUE_PAUSED), RC_BUG);
    assert_int_equal(stop(kit, "images", RC_QUEUE_STATES), RC_BUG);
    newest(kit, 1);
}

/* ---- signals -------------------------------------------------------------------------------------------------------- */

static struct rc_signal signal_of(uint64_t number, const char *ns, const char *id, const char *key)
{
    return (struct rc_signal){.number = number,
                              .ns = rc_sv_of(ns),
                              .name = RC_SV("paid"),
                              .id = rc_sv_of(id),
                              .key = rc_sv_of(key),
                              .asked = {number, 7},
                              .payload = cel_string(RC_SV("secret")),
                              .at = number};
}

static void put(struct kit *kit, const struct rc_signal *signals, uint32_t n)
{
    const struct rc_batch batch = {.signals = {signals, n, 0}, .high_water = ++kit->now};
    assert_ok(kit, rc_store_commit(kit->store, &batch, &kit->err));
}

static uint32_t kept(struct kit *kit, const char *ns, rc_us since, uint32_t most)
{
    uint32_t n = 99;
    assert_ok(kit, rc_read_signals_kept(rc_store_self(kit->store), rc_sv_of(ns), since, most, &n, &kit->err));
    return n;
}

static enum rc_status end(struct kit *kit, uint64_t number, const char *ns)
{
    const struct rc_order order = {.kind = RC_ORDER_SIGNAL, .signal = number, .ns = rc_sv_of(ns), .by = anna};
    kit->err = (struct rc_error){0};
    return rc_store_order(kit->store, &order, ++kit->now, &kit->err);
}

static void a_deleted_signal_is_nobodys_and_its_key_is_known(void **state)
{
    struct kit *kit = *state;
    struct rc_signal got, *all;
    uint32_t n;
    const struct rc_signal some[] = {signal_of(4, "default", "p1", "a"), signal_of(6, "default", "p1", "b")};
    put(kit, some, 2);
    assert_int_equal(end(kit, 4, "other"), RC_NOT_FOUND);
    assert_int_equal(end(kit, 5, ""), RC_NOT_FOUND);
    assert_int_equal(end(kit, 7, ""), RC_NOT_FOUND);
    assert_ok(kit, end(kit, 4, "default"));
    assert_int_equal(end(kit, 4, "default"), RC_NOT_FOUND);
    kit_reopen(kit);
    uint64_t mailbox = rc_mailbox_id(RC_SV("default"), RC_SV("paid"), RC_SV("p1"));
    assert_ok(kit,
              rc_read_signals(rc_store_self(kit->store), mailbox, 0, 0, kit->arena, 9, &all, &n, &kit->err));
    assert_int_equal(n, 1);
    assert_true(all[0].number == 6);
    assert_ok(kit, rc_read_signal_key(rc_store_self(kit->store), RC_SV("default"), RC_SV("a"), 0, kit->arena,
                                      &got, &kit->err));
    assert_true(got.taken.seq == RC_SIGNAL_DELETED && got.asked.hi == 4);
    assert_int_equal(got.payload.kind, CEL_NULL);
    struct rc_audit_entry entry = newest(kit, 1);
    assert_int_equal(entry.what.kind, RC_AUDIT_SIGNAL);
    assert_int_equal(entry.what.action, RC_DEED_REMOVE);
    assert_sv(entry.what.data,
              "{\"subject\":\"local\",\"actor\":\"anna\",\"reason\":\"a deploy\",\"signal\":4,"
              "\"namespace\":\"default\",\"name\":\"paid\"}");
}

static void those_of_a_namespace_are_counted(void **state)
{
    struct kit *kit = *state;
    struct rc_signal some[] = {signal_of(1, "default", "p1", "a"), signal_of(2, "other", "p1", "b"),
                               signal_of(3, "default", "p2", "c"), signal_of(4, "default", "p3", "d")};
    assert_int_equal(kept(kit, "default", 0, 9), 0);
    put(kit, some, 4);
    kit_reopen(kit);
    assert_int_equal(kept(kit, "default", 0, 9), 3);
    assert_int_equal(kept(kit, "default", 0, 2), 2);
    assert_int_equal(kept(kit, "default", 2, 9), 2);
    assert_int_equal(kept(kit, "other", 0, 9), 1);
    assert_int_equal(kept(kit, "nowhere", 0, 9), 0);
    some[0].taken = (struct rc_link){5, 6};
    put(kit, some, 1);
    assert_ok(kit, end(kit, 3, ""));
    assert_int_equal(kept(kit, "default", 0, 9), 1);
}

static void a_purge_takes_what_its_command_has_taken(void **state)
{
    struct kit *kit = *state;
    struct rc_signal got, some[] = {signal_of(1, "default", "p1", "a"), signal_of(2, "default", "p1", "b"),
                                    signal_of(3, "default", "p1", "c")};
    struct made *gone = kit_submit(kit, 1, "gone", RC_COMPLETED, false);
    kit_submit(kit, 2, "stays", RC_COMPLETED, false);
    some[0].taken = (struct rc_link){1, 1};
    some[1].taken = (struct rc_link){2, 1};
    put(kit, some, 3);
    const struct rc_purge_filter filter = {0};
    const struct rc_purge_one one = {.seq = 1, .rev = gone->command.rev};
    const struct rc_purge purge = {.commands = &one, .n = 1, .filter = &filter, .by = &anna};
    uint32_t n = 0;
    assert_ok(kit, rc_store_purge(kit->store, &purge, ++kit->now, &n, &kit->err));
    assert_int_equal(n, 1);
    kit_reopen(kit);
    static const struct {
        const char *key;
        enum rc_status status;
    } want[] = {{"a", RC_NOT_FOUND}, {"b", RC_OK}, {"c", RC_OK}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(rc_read_signal_key(rc_store_self(kit->store), RC_SV("default"),
                                            rc_sv_of(want[i].key), 0, kit->arena, &got, &kit->err),
                         want[i].status);
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, kit_setup, kit_teardown, kind                                                           \
    }
static int run(const char *name, struct kit_kind *kind)
{
    const struct CMUnitTest tests[] = {
        RUN(a_stopped_queue_stays_stopped),
        RUN(each_order_is_in_the_audit),
        RUN(so_many_queues_may_be_stopped_and_no_more),
        RUN(what_cannot_be_stored_is_a_bug_of_who_asks),
        RUN(a_deleted_signal_is_nobodys_and_its_key_is_known),
        RUN(those_of_a_namespace_are_counted),
        RUN(a_purge_takes_what_its_command_has_taken),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run("memory", &(struct kit_kind){.memory = true});
    return failed + run("sqlite", &(struct kit_kind){.memory = false});
}
