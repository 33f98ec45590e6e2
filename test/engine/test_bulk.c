/* Bulks in the engine: waves, orders, and that no crash makes an item be acted on twice. */
#include "world.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 24 };

struct made {
    uint64_t id, nonce;
};

/* Commands that were refused outside: a retry is allowed. */
static void submit_rejected(struct world *world, uint64_t *ret_seqs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        ret_seqs[i] = world_submit(world, "plain", key);
        world_answer(world, world->nleft - 1, 422, "{}");
        assert_int_equal(world_run(world), RC_OK);
        assert_int_equal(world_state(world, ret_seqs[i]), RC_REJECTED);
    }
}

static struct made make(struct world *world, const char *key, enum rc_action action, const uint64_t *seqs,
                        uint32_t n)
{
    struct rc_request *request = world_bulk(world, key, (struct rc_act){.action = (uint8_t)action}, seqs, n);
    world_ask(world, request);
    if (request->status != RC_OK) print_error("%s\n", request->error.text);
    assert_int_equal(request->status, RC_OK);
    struct made made = {request->u.bulk.id, request->u.bulk.nonce};
    world_free_request(request);
    return made;
}

struct how {
    uint32_t rate;
    uint8_t stop_percent;
    bool even_if_changed;
};

static enum rc_status order_with(struct world *world, struct made made, enum rc_bulk_state to, bool first,
                                 struct how how)
{
    struct rc_request *request = world_order(made.id, made.nonce, to, first);
    request->u.bulk.order.rate = how.rate;
    request->u.bulk.order.set_stop = how.stop_percent != 0;
    request->u.bulk.order.stop_percent = how.stop_percent;
    request->u.bulk.order.even_if_changed = how.even_if_changed;
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    return status;
}

static enum rc_status order(struct world *world, struct made made, enum rc_bulk_state to, bool first)
{
    return order_with(world, made, to, first, (struct how){0});
}

static enum rc_status run(struct world *world, struct made made, struct how how)
{
    return order_with(world, made, RC_BULK_RUNNING, true, how);
}

static struct rc_bulk look(struct world *world, struct made made)
{
    struct rc_reader *reader;
    struct rc_bulk bulk;
    assert_int_equal(rc_reader_open(world->store, &reader, &world->err), RC_OK);
    assert_int_equal(rc_read_bulk(reader, made.id, world->arena, &bulk, &world->err), RC_OK);
    rc_reader_close(reader);
    return bulk;
}

static struct rc_bulk_item item(struct world *world, struct made made, uint32_t n)
{
    struct rc_reader *reader;
    struct rc_bulk_item *items;
    uint32_t found;
    assert_int_equal(rc_reader_open(world->store, &reader, &world->err), RC_OK);
    assert_int_equal(
        rc_read_bulk_items(reader, made.id, 0, n - 1, world->arena, 1, &items, &found, &world->err), RC_OK);
    rc_reader_close(reader);
    assert_int_equal(found, 1);
    return items[0];
}

/* How often a command was acted on. */
static uint32_t acts(struct world *world, uint64_t seq)
{
    struct rc_reader *reader;
    struct rc_identity identity;
    struct rc_record *records;
    uint32_t n, found = 0;
    assert_int_equal(rc_reader_open(world->store, &reader, &world->err), RC_OK);
    assert_int_equal(
        rc_read_history(reader, seq, 0, RC_MAX_HISTORY, world->arena, &identity, &records, &n, &world->err),
        RC_OK);
    rc_reader_close(reader);
    for (uint32_t i = 0; i < n; i++) found += records[i].cause->kind == RC_MSG_ACTION;
    return found;
}

static uint32_t acts_in_all(struct world *world, const uint64_t *seqs, uint32_t n)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) found += acts(world, seqs[i]);
    return found;
}

/* ---- previews and orders --------------------------------------------------------------------------------------------- */

static void a_preview_does_nothing(void **state)
{
    struct world *world = *state;
    uint64_t seqs[3];
    submit_rejected(world, seqs, 3);
    struct made made = make(world, "b", RC_ACTION_RETRY, seqs, 3);
    world_later(world, RC_SECONDS(60));
    struct rc_bulk bulk = look(world, made);
    assert_int_equal(bulk.state, RC_BULK_PREVIEW);
    assert_int_equal(bulk.total, 3);
    assert_int_equal(bulk.allowed, 3);
    assert_int_equal(bulk.count[RC_ITEM_OPEN], 3);
    assert_int_equal(acts_in_all(world, seqs, 3), 0);
    assert_int_equal(world->nleft, 3);
}

static void its_key_makes_it_once(void **state)
{
    struct world *world = *state;
    uint64_t seqs[2];
    submit_rejected(world, seqs, 2);
    struct made made = make(world, "b", RC_ACTION_RETRY, seqs, 2);
    struct rc_request *again = world_bulk(world, "b", (struct rc_act){.action = RC_ACTION_RETRY}, seqs, 2);
    world_ask(world, again);
    assert_true(again->status == RC_OK && again->replayed);
    assert_int_equal(again->u.bulk.id, made.id);
    world_free_request(again);
    struct rc_request *other = world_bulk(world, "b", (struct rc_act){.action = RC_ACTION_CANCEL}, seqs, 2);
    world_ask(world, other);
    assert_int_equal(other->status, RC_KEY_CONFLICT);
    assert_int_equal(other->u.bulk.id, made.id);
    world_free_request(other);
}

static void orders_follow_the_edges(void **state)
{
    struct world *world = *state;
    uint64_t seqs[8];
    submit_rejected(world, seqs, 8);
    struct made made = make(world, "b", RC_ACTION_RETRY, seqs, 8);
    assert_int_equal(order(world, made, RC_BULK_PAUSED, false), RC_REFUSED);
    assert_int_equal(order(world, made, RC_BULK_RUNNING, false), RC_REFUSED); /* resume what never ran */
    struct rc_request *stale = world_order(made.id, made.nonce, RC_BULK_RUNNING, true);
    stale->u.bulk.order.expected_rev = 2;
    world_ask(world, stale);
    assert_int_equal(stale->status, RC_STALE);
    world_free_request(stale);
    assert_int_equal(order(world, (struct made){made.id, made.nonce + 1}, RC_BULK_RUNNING, true),
                     RC_NOT_FOUND);
    assert_int_equal(run(world, made, (struct how){.rate = 2}), RC_OK);
    assert_int_equal(order(world, made, RC_BULK_RUNNING, true), RC_REFUSED);
    assert_int_equal(order(world, made, RC_BULK_RUNNING, false), RC_REFUSED);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(order(world, made, RC_BULK_PAUSED, false), RC_OK);
    world_later(world, RC_SECONDS(10));
    assert_int_equal(look(world, made).next, 1);
    assert_int_equal(acts_in_all(world, seqs, 8), 1);
    assert_int_equal(order(world, made, RC_BULK_RUNNING, true), RC_REFUSED); /* run is for the first time */
    assert_int_equal(order(world, made, RC_BULK_RUNNING, false), RC_OK);
    world_later(world, RC_SECONDS(1));
    assert_int_equal(order(world, made, RC_BULK_CANCELLED, false), RC_OK);
    world_later(world, RC_SECONDS(10));
    struct rc_bulk bulk = look(world, made);
    assert_int_equal(bulk.state, RC_BULK_CANCELLED);
    assert_int_equal(bulk.count[RC_ITEM_DONE] + bulk.count[RC_ITEM_OPEN], 8);
    assert_true(bulk.count[RC_ITEM_OPEN] > 0);
    assert_int_equal(acts_in_all(world, seqs, 8), bulk.count[RC_ITEM_DONE]);
    assert_int_equal(order(world, made, RC_BULK_RUNNING, false), RC_REFUSED);
    assert_int_equal(order(world, made, RC_BULK_CANCELLED, false), RC_REFUSED);
}

static void a_preview_expires(void **state)
{
    struct world *world = *state;
    uint64_t seqs[1];
    submit_rejected(world, seqs, 1);
    struct made made = make(world, "b", RC_ACTION_RETRY, seqs, 1),
                in_time = make(world, "c", RC_ACTION_RETRY, seqs, 1);
    world_later(world, RC_SECONDS(RC_BULK_PREVIEW_S) - 1);
    assert_int_equal(run(world, in_time, (struct how){0}), RC_OK);
    world_later(world, 1);
    assert_int_equal(run(world, made, (struct how){0}), RC_REFUSED);
    assert_int_equal(look(world, made).state, RC_BULK_PREVIEW);
    /* and is forgotten in the end, when somebody makes another one */
    world_later(world, RC_SECONDS(RC_BULK_FORGET_S) + 1);
    (void)make(world, "d", RC_ACTION_RETRY, seqs, 1);
    struct rc_request *gone = world_order(made.id, made.nonce, RC_BULK_RUNNING, true);
    world_ask(world, gone);
    assert_int_equal(gone->status, RC_NOT_FOUND);
    world_free_request(gone);
    assert_int_equal(look(world, in_time).state, RC_BULK_DONE);
}

static void after_so_many_changes_it_can_only_be_cancelled(void **state)
{
    (void)state;
    struct rc_bulk bulk = {.rev = RC_MAX_BULK_REVS - 1, .state = RC_BULK_RUNNING}, after;
    struct rc_bulk_order pause = {.to = RC_BULK_PAUSED}, cancel = {.to = RC_BULK_CANCELLED};
    struct rc_bulk_event event;
    struct rc_error err;
    assert_int_equal(rc_bulk_obey(&bulk, &pause, 1, &after, &event, &err), RC_OK);
    bulk.rev = RC_MAX_BULK_REVS;
    assert_int_equal(rc_bulk_obey(&bulk, &pause, 1, &after, &event, &err), RC_REFUSED);
    assert_int_equal(rc_bulk_obey(&bulk, &cancel, 1, &after, &event, &err), RC_OK);
}

/* ---- waves ------------------------------------------------------------------------------------------------------------ */

static void waves_grow_up_to_the_rate(void **state)
{
    struct world *world = *state;
    static const uint32_t wave[] = {1, 2, 5, 7, 7, 2};
    uint64_t seqs[MANY];
    submit_rejected(world, seqs, MANY);
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, MANY);
    assert_int_equal(run(world, made, (struct how){.rate = 7}), RC_OK);
    for (uint32_t i = 0, n = 0; i < sizeof wave / sizeof *wave; i++) {
        assert_int_equal(world_run(world), RC_OK);
        n += wave[i];
        assert_int_equal(look(world, made).count[RC_ITEM_DONE], n);
        assert_int_equal(acts_in_all(world, seqs, MANY), n);
        world_later(world, RC_SECONDS(1) - 1); /* nothing before its time */
        assert_int_equal(look(world, made).count[RC_ITEM_DONE], n);
        world->now += 1;
    }
    struct rc_bulk bulk = look(world, made);
    assert_int_equal(bulk.state, RC_BULK_DONE);
    assert_int_equal(bulk.next, MANY);
    struct rc_command command = world_read(world, seqs[0]);
    assert_int_equal(command.state, RC_CANCELLED);
}

static void the_history_says_who_and_which_bulk(void **state)
{
    struct world *world = *state;
    struct rc_reader *reader;
    struct rc_identity identity;
    struct rc_record *records;
    uint64_t seqs[1];
    uint32_t n;
    submit_rejected(world, seqs, 1);
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, 1);
    assert_int_equal(run(world, made, (struct how){0}), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(rc_reader_open(world->store, &reader, &world->err), RC_OK);
    assert_int_equal(
        rc_read_history(reader, seqs[0], 0, 100, world->arena, &identity, &records, &n, &world->err), RC_OK);
    rc_reader_close(reader);
    const struct rc_act *act = records[n - 1].cause->u.act;
    assert_true(rc_sv_is(act->actor, "olga") && rc_sv_is(act->subject, "token"));
    assert_true(rc_sv_starts(act->key, RC_SV(RC_BULK_KEY)) && rc_sv_ends(act->key, RC_SV("/1")));
}

static void what_moved_since_the_preview_is_stale(void **state)
{
    struct world *world = *state;
    uint64_t seqs[2];
    submit_rejected(world, seqs, 2);
    struct made careful = make(world, "b", RC_ACTION_CANCEL, seqs, 1),
                made = make(world, "c", RC_ACTION_CANCEL, seqs + 1, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct rc_request *retry = world_action(world, seqs[i], RC_ACTION_RETRY, "");
        world_ask(world, retry);
        assert_int_equal(retry->status, RC_OK);
        world_free_request(retry);
        world_answer(world, world->nleft - 1, 422, "{}");
        assert_int_equal(world_run(world), RC_OK);
    }
    assert_int_equal(run(world, careful, (struct how){0}), RC_OK);
    assert_int_equal(run(world, made, (struct how){.even_if_changed = true}), RC_OK);
    world_later(world, RC_SECONDS(2));
    struct rc_bulk_item refused = item(world, careful, 1), done = item(world, made, 1);
    assert_int_equal(refused.result, RC_ITEM_STALE);
    assert_true(refused.fault.n > 0 && refused.acted > 0);
    assert_int_equal(done.result, RC_ITEM_DONE);
    assert_int_equal(world_state(world, seqs[0]), RC_REJECTED);
    assert_int_equal(world_state(world, seqs[1]), RC_CANCELLED);
}

static void too_many_surprises_stop_it(void **state)
{
    struct world *world = *state;
    uint64_t seqs[MANY];
    submit_rejected(world, seqs, MANY);
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, MANY);
    for (uint32_t i = 3; i < 5; i++) { /* two of the wave of five */
        struct rc_request *cancel = world_action(world, seqs[i], RC_ACTION_CANCEL, "");
        world_ask(world, cancel);
        assert_int_equal(cancel->status, RC_OK);
        world_free_request(cancel);
    }
    assert_int_equal(run(world, made, (struct how){.rate = 10, .stop_percent = 39}), RC_OK);
    world_later(world, RC_SECONDS(1));
    world_later(world, RC_SECONDS(1));
    world_later(world, RC_SECONDS(5));
    struct rc_bulk bulk = look(world, made);
    assert_int_equal(bulk.state, RC_BULK_STOPPED);
    assert_int_equal(bulk.next, 8);
    assert_int_equal(bulk.count[RC_ITEM_STALE], 2);
    assert_int_equal(order(world, made, RC_BULK_RUNNING, false), RC_OK); /* a person says go on */
    for (unsigned i = 0; i < 10; i++) world_later(world, RC_SECONDS(1));
    assert_int_equal(look(world, made).state, RC_BULK_DONE);
    assert_int_equal(acts_in_all(world, seqs, MANY), MANY);
}

/* At the share exactly it goes on; and what the preview had said is no surprise. */
static void what_was_foreseen_does_not_stop_it(void **state)
{
    struct world *world = *state;
    uint64_t seqs[8];
    submit_rejected(world, seqs, 8);
    for (uint32_t i = 0; i < 8; i++) {
        if (i == 3 || i == 4) continue;
        struct rc_request *cancel = world_action(world, seqs[i], RC_ACTION_CANCEL, "");
        world_ask(world, cancel);
        world_free_request(cancel);
    }
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, 8);
    assert_int_equal(look(world, made).allowed, 2);
    for (uint32_t i = 3; i < 5; i++) {
        struct rc_request *cancel = world_action(world, seqs[i], RC_ACTION_CANCEL, "");
        world_ask(world, cancel);
        world_free_request(cancel);
    }
    assert_int_equal(run(world, made, (struct how){.rate = 10, .stop_percent = 40, .even_if_changed = true}),
                     RC_OK);
    for (unsigned i = 0; i < 4; i++) world_later(world, RC_SECONDS(1));
    struct rc_bulk bulk = look(world, made);
    assert_int_equal(bulk.state, RC_BULK_DONE);
    assert_int_equal(bulk.count[RC_ITEM_REFUSED], 8);
}

static void an_empty_one_is_done_at_once(void **state)
{
    struct world *world = *state;
    struct made made = make(world, "b", RC_ACTION_CANCEL, NULL, 0);
    assert_int_equal(run(world, made, (struct how){0}), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(look(world, made).state, RC_BULK_DONE);
    assert_true(world->sleep == UINT64_MAX);
}

static void so_many_run_at_a_time_and_no_more(void **state)
{
    struct world *world = *state;
    struct made made[RC_MAX_BULKS + 1];
    uint64_t seqs[3];
    submit_rejected(world, seqs, 3);
    for (unsigned i = 0; i <= RC_MAX_BULKS; i++) {
        char key[8];
        snprintf(key, sizeof key, "b%u", i);
        made[i] = make(world, key, RC_ACTION_ROLL_BACK, seqs, 3); /* which is refused, as the preview says */
    }
    for (unsigned i = 0; i < RC_MAX_BULKS; i++)
        assert_int_equal(run(world, made[i], (struct how){.rate = 1}), RC_OK);
    assert_int_equal(run(world, made[RC_MAX_BULKS], (struct how){0}), RC_BUSY);
    world_crash(world); /* the same after a restart */
    assert_int_equal(run(world, made[RC_MAX_BULKS], (struct how){0}), RC_BUSY);
    for (unsigned i = 0; i < 4; i++) world_later(world, RC_SECONDS(1));
    for (unsigned i = 0; i < RC_MAX_BULKS; i++) assert_int_equal(look(world, made[i]).state, RC_BULK_DONE);
    assert_int_equal(run(world, made[RC_MAX_BULKS], (struct how){0}), RC_OK);
}

static void the_fastest_wave_is_whole(void **state)
{
    struct world *world = *state;
    enum { N = 1 + 2 + 5 + 10 + 20 + 50 + RC_MAX_BULK_RATE };
    static uint64_t seqs[N];
    submit_rejected(world, seqs, N);
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, N);
    assert_int_equal(run(world, made, (struct how){.rate = RC_MAX_BULK_RATE}), RC_OK);
    for (unsigned i = 0; i < 7; i++) world_later(world, RC_SECONDS(1));
    assert_int_equal(look(world, made).state, RC_BULK_DONE);
    assert_int_equal(look(world, made).count[RC_ITEM_DONE], N);
}

static void while_the_server_stops_no_wave_begins(void **state)
{
    struct world *world = *state;
    uint64_t seqs[4];
    submit_rejected(world, seqs, 4);
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, 4);
    assert_int_equal(run(world, made, (struct how){.rate = 1}), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    rc_engine_drain(world->engine);
    world_later(world, RC_SECONDS(10));
    assert_int_equal(look(world, made).next, 1);
    world_crash(world);
    for (unsigned i = 0; i < 4; i++) world_later(world, RC_SECONDS(1));
    assert_int_equal(look(world, made).state, RC_BULK_DONE);
    assert_int_equal(acts_in_all(world, seqs, 4), 4);
}

/* ---- crashes ---------------------------------------------------------------------------------------------------------- */

static unsigned failures;
static enum rc_status failure;
static bool kept;

/* The actions of a wave are on disk; the record of their results is about to fail. */
static enum rc_status fail_the_record(struct world *world, uint32_t i)
{
    (void)i;
    rc_memory_fail_next(world->store, failure, kept);
    failures++;
    return RC_OK;
}

/* What had left comes back refused, so that another retry would be allowed. */
static void refuse_what_left(struct world *world, uint32_t *io_answered)
{
    while (*io_answered < world->nleft) world_answer(world, (*io_answered)++, 422, "{}");
    (void)!world_turn(world);
}

/* A handle whose commit is unknown says nothing until the next turn has opened it again. */
static bool is_done(struct world *world, struct made made)
{
    struct rc_reader *reader;
    if (rc_reader_open(world->store, &reader, NULL) != RC_OK) return false;
    rc_reader_close(reader);
    return look(world, made).state == RC_BULK_DONE;
}

/* A bulk of retries whose records of results fail most of the time; returns how many actions there were in the end. */
static uint32_t retry_all(struct world *world, enum rc_status with, bool results_kept, bool crash)
{
    uint64_t seqs[MANY];
    submit_rejected(world, seqs, MANY);
    uint32_t answered = world->nleft;
    struct made made = make(world, "b", RC_ACTION_RETRY, seqs, MANY);
    failures = 0;
    failure = with;
    kept = results_kept;
    world->on_start = fail_the_record;
    assert_int_equal(run(world, made, (struct how){.rate = 7, .even_if_changed = true, .stop_percent = 100}),
                     RC_OK);
    for (unsigned i = 0; i < 400 && !is_done(world, made); i++) {
        (void)!world_turn(world);
        refuse_what_left(world, &answered);
        if (crash && i % 2 == 0) world_crash(world); /* with the results in memory only */
        world->on_start = i % 3 ? NULL : fail_the_record;
        world->now += RC_MS(250);
    }
    rc_memory_fail_next(world->store, RC_OK, false);
    assert_true(failures > 3);
    struct rc_bulk bulk = look(world, made);
    assert_int_equal(bulk.state, RC_BULK_DONE);
    assert_int_equal(bulk.count[RC_ITEM_OPEN], 0);
    return acts_in_all(world, seqs, MANY);
}

static void a_lost_record_of_results_repeats_nothing(void **state)
{
    assert_int_equal(retry_all(*state, RC_COMMIT_UNKNOWN, false, false), MANY);
}

static void a_record_that_nobody_knew_of_repeats_nothing(void **state)
{
    assert_int_equal(retry_all(*state, RC_COMMIT_UNKNOWN, true, false), MANY);
}

static void a_process_that_dies_before_the_record_repeats_nothing(void **state)
{
    assert_int_equal(retry_all(*state, RC_IO, false, true), MANY);
}

/* The same without the keys of the items: this is what they are for. */
static void without_the_items_keys_they_are_acted_on_twice(void **state)
{
    struct world *world = *state;
    world->without_keys = true;
    world_crash(world);
    assert_true(retry_all(world, RC_IO, false, true) > MANY);
}

static void it_goes_on_after_every_crash(void **state)
{
    struct world *world = *state;
    uint64_t seqs[MANY];
    submit_rejected(world, seqs, MANY);
    struct made made = make(world, "b", RC_ACTION_CANCEL, seqs, MANY);
    assert_int_equal(run(world, made, (struct how){.rate = 3}), RC_OK);
    unsigned i = 0;
    for (; i < 100 && look(world, made).state != RC_BULK_DONE; i++) {
        if (i % 4 == 0) rc_memory_fail_next(world->store, i % 8 ? RC_FULL : RC_IO, false);
        (void)!world_turn(world);
        if (i % 3 == 0) world_crash(world);
        world->now += RC_SECONDS(1);
    }
    assert_true(i < 100);
    assert_int_equal(acts_in_all(world, seqs, MANY), MANY);
    assert_int_equal(look(world, made).count[RC_ITEM_DONE], MANY);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_preview_does_nothing),
        CASE(its_key_makes_it_once),
        CASE(orders_follow_the_edges),
        CASE(a_preview_expires),
        CASE(after_so_many_changes_it_can_only_be_cancelled),
        CASE(waves_grow_up_to_the_rate),
        CASE(the_history_says_who_and_which_bulk),
        CASE(what_moved_since_the_preview_is_stale),
        CASE(too_many_surprises_stop_it),
        CASE(what_was_foreseen_does_not_stop_it),
        CASE(an_empty_one_is_done_at_once),
        CASE(so_many_run_at_a_time_and_no_more),
        CASE(the_fastest_wave_is_whole),
        CASE(while_the_server_stops_no_wave_begins),
        CASE(a_lost_record_of_results_repeats_nothing),
        CASE(a_record_that_nobody_knew_of_repeats_nothing),
        CASE(a_process_that_dies_before_the_record_repeats_nothing),
        CASE(without_the_items_keys_they_are_acted_on_twice),
        CASE(it_goes_on_after_every_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
