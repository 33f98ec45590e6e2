/* Holds in the engine: nothing leaves, what was under way becomes unknown, and a person releases it once. */
#include "world.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {"a", "b", "c", "d"};

/* The process dies, and what stands on the disk then is an older state of so long ago. */
static void restore(struct world *world, rc_us ago)
{
    rc_us now = RC_SECONDS(1800000000) + world->now;
    rc_memory_come_from(world->disk, (struct rc_origin){RC_HELD_BACKUP, now - ago});
    world_crash(world);
}

static struct rc_hold newest(struct world *world)
{
    struct rc_hold *holds;
    uint32_t n;
    assert_int_equal(rc_read_holds(rc_store_self(world->store), world->arena, &holds, &n, &world->err),
                     RC_OK);
    assert_true(n > 0);
    return holds[0];
}

static struct rc_engine_stats stats(const struct world *world)
{
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    return stats;
}

static struct rc_request *releasing(const struct rc_hold *hold)
{
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_HOLD;
    request->u.hold.id = hold->id;
    request->u.hold.check = (uint32_t)hold->nonce;
    request->u.hold.watch = RC_SECONDS(60);
    request->u.hold.by = (struct rc_author){RC_SV("test"), RC_SV("olga"), RC_SV("looked at it")};
    return request;
}

static enum rc_status release(struct world *world, const struct rc_hold *hold, bool *ret_again)
{
    struct rc_request *request = releasing(hold);
    world_ask(world, request);
    enum rc_status status = request->status;
    if (ret_again) *ret_again = request->replayed;
    world_free_request(request);
    return status;
}

/* ---- holding -------------------------------------------------------------------------------------------------------- */

static void nothing_leaves_and_work_is_taken_in(void **state)
{
    struct world *world = *state;
    world_submit(world, "one", "out");
    assert_int_equal(world->nleft, 1);
    world_lose(world, 0, RC_WHY_TIMEOUT); /* its check is out, or would be */
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 2);
    restore(world, RC_SECONDS(3600));
    for (unsigned i = 0; i < 5; i++) {
        char key[8];
        snprintf(key, sizeof key, "new%u", i);
        assert_int_equal(world_state(world, world_submit(world, "one", key)), RC_PENDING);
        world_later(world, RC_SECONDS(3600)); /* whatever becomes due */
        assert_true(stats(world).held);
    }
    assert_int_equal(world->nleft, 2);
    assert_int_equal(world->sleep, UINT64_MAX); /* there is nothing to wait for but a person */
    world_crash(world);
    world_later(world, RC_SECONDS(3600));
    assert_int_equal(world->nleft, 2);
    struct rc_hold hold = newest(world);
    assert_true(hold.id == 1 && hold.cause == RC_HELD_BACKUP && hold.commands == 1 && hold.left == 0);
    assert_int_equal(release(world, &hold, NULL), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_false(stats(world).held);
    assert_int_equal(world->nleft, 4); /* two places */
    assert_int_equal(world->left[2].purpose, RC_CHECK);
}

static void what_was_under_way_is_unknown(void **state)
{
    struct world *world = *state;
    uint64_t out = world_submit(world, "one", "out"), blind = world_submit(world, "plain", "blind"),
             waits = world_submit(world, "one", "waits"), fine = world_submit(world, "two", "fine");
    world_answer(world, 0, 422, "{}"); /* refused: it rests */
    assert_int_equal(world_run(world), RC_OK);
    uint64_t again = world_submit(world, "one", "again");
    assert_int_equal(world->nleft, 3); /* out was answered: blind and waits are out, fine and again wait */
    restore(world, RC_SECONDS(600));
    assert_int_equal(world_run(world), RC_OK);
    struct rc_hold hold = newest(world);
    assert_true(hold.commands == 4 && hold.attempts == 2 && hold.left == 0);
    assert_true(hold.checks == 2 && hold.reviews == 2 && hold.repeats == 0);
    assert_int_equal(world_state(world, out), RC_REJECTED);
    assert_int_equal(world_state(world, blind), RC_REVIEW);
    assert_int_equal(world_state(world, fine), RC_REVIEW);
    struct rc_command c = world_read(world, waits);
    assert_true(c.node[1].state == RC_STEP_UNKNOWN && c.node[1].phase == RC_PHASE_READY &&
                c.node[1].why == RC_WHY_RESTORED);
    c = world_read(world, again);
    assert_true(c.node[1].state == RC_STEP_UNKNOWN && c.node[1].attempt == 0);
    assert_int_equal(world->nleft, 3);
    /* released: the two with a check are asked for, and nothing else leaves */
    assert_int_equal(release(world, &hold, NULL), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 5);
    for (unsigned i = 3; i < 5; i++) assert_int_equal(world->left[i].purpose, RC_CHECK);
    for (unsigned i = 3; i < 5; i++) world_answer(world, i, 200, "{\"there\": true}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 5);
    assert_int_equal(world_state(world, waits), RC_COMPLETED);
    assert_int_equal(world_state(world, again), RC_COMPLETED);
}

/* Negative control: without the hold the same start sends again what another life may have sent. */
static void without_a_hold_it_would_be_done_again(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 4; i++) world_submit(world, "one", keys[i]);
    assert_int_equal(world->nleft, 2);
    world->hold.unsafe_off = true;
    restore(world, RC_SECONDS(600));
    assert_int_equal(world_run(world), RC_OK);
    unsigned acts = 0;
    for (uint32_t i = 0; i < world->nleft; i++) acts += world->left[i].purpose == RC_ACT;
    while (acts < 4 && world->nleft < 10) { /* the checks of the two that were out come first */
        for (uint32_t i = 2; i < world->nleft; i++)
            if (world->left[i].purpose == RC_CHECK) world_answer(world, i, 200, "{\"there\": true}");
        assert_int_equal(world_run(world), RC_OK);
        acts = 0;
        for (uint32_t i = 0; i < world->nleft; i++) acts += world->left[i].purpose == RC_ACT;
    }
    assert_int_equal(acts, 4); /* what waited at the time of the backup has left unasked */
}

static enum rc_status act(struct world *world, uint64_t seq, enum rc_action action)
{
    struct rc_request *request = world_action(world, seq, action, "");
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    return status;
}

static void many_are_looked_through_in_turns(void **state)
{
    struct world *world = *state;
    enum { MANY = 1500 };
    for (unsigned i = 0; i < MANY; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        world_submit(world, "one", key);
    }
    restore(world, RC_SECONDS(600));
    struct rc_hold hold = newest(world);
    assert_int_equal(release(world, &hold, NULL), RC_BUSY); /* the first turn has not told all of them */
    hold = newest(world);
    assert_true(hold.left > 2 && hold.commands > 0 && hold.commands < MANY);
    /* nobody decides on what a command was before it is said what may have been done since */
    assert_int_equal(act(world, 2, RC_ACTION_CANCEL), RC_BUSY);
    assert_int_equal(act(world, 2, RC_ACTION_NOTE), RC_OK);
    assert_int_equal(act(world, MANY - 1, RC_ACTION_CANCEL), RC_OK); /* it is known of that one */
    hold = newest(world);
    assert_true(hold.left > 2 && hold.commands < MANY);
    uint64_t told = hold.commands;
    rc_memory_fail_next(world->store, RC_IO, false); /* nothing of the turn has happened */
    (void)!world_turn(world);
    assert_int_equal(newest(world).commands, told);
    rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, true); /* it has, and nobody knows */
    (void)!world_turn(world);
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    hold = newest(world);
    assert_true(hold.left == 0 && hold.commands == MANY && hold.checks == MANY && hold.attempts == 2);
    for (uint64_t seq = 1; seq <= MANY; seq += 37) {
        struct rc_command c = world_read(world, seq);
        assert_true(c.node[1].state == RC_STEP_UNKNOWN);
        assert_int_equal(c.rev, 2); /* each was told once */
    }
}

/* ---- releasing ------------------------------------------------------------------------------------------------------ */

static void only_what_was_seen_is_released_and_once(void **state)
{
    struct world *world = *state;
    bool again = false;
    world_submit(world, "one", "k");
    restore(world, RC_SECONDS(600));
    assert_int_equal(world_run(world), RC_OK);
    struct rc_hold hold = newest(world), wrong = hold;
    wrong.nonce++;
    assert_int_equal(release(world, &wrong, NULL), RC_NOT_FOUND);
    wrong = hold;
    wrong.id++;
    assert_int_equal(release(world, &wrong, NULL), RC_NOT_FOUND);
    assert_true(stats(world).held);
    rc_memory_fail_next(world->store, RC_IO, false);
    assert_int_equal(release(world, &hold, NULL), RC_IO);
    assert_int_equal(newest(world).released, 0);
    rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, true); /* who asked is not told */
    assert_int_equal(release(world, &hold, NULL), RC_COMMIT_UNKNOWN);
    world_crash(world);
    assert_int_equal(release(world, &hold, &again), RC_OK);
    assert_true(again);
    struct rc_hold after = newest(world);
    assert_true(after.released > hold.until - 1 && after.watch == after.released + RC_SECONDS(60));
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 2);
}

/* An older one is restored before the hold of the first was released: the window reaches back to the earlier of both. */
static void a_window_reaches_back_to_the_oldest(void **state)
{
    struct world *world = *state;
    world_submit(world, "one", "k");
    restore(world, RC_SECONDS(600));
    struct rc_hold first = newest(world);
    world_later(world, RC_SECONDS(10));
    restore(world, RC_SECONDS(1));
    assert_int_equal(world_run(world), RC_OK);
    struct rc_hold hold = newest(world);
    assert_true(hold.id == 2 && hold.from == first.from && hold.until > first.until);
    assert_int_equal(release(world, &first, NULL), RC_NOT_FOUND);
    assert_int_equal(release(world, &hold, NULL), RC_OK);
    world_later(world, RC_SECONDS(10));
    restore(world, RC_SECONDS(1)); /* the one before is over */
    hold = newest(world);
    assert_true(hold.id == 3 && hold.from > first.until);
}

static void a_hold_can_be_asked_for(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    world->hold.asked = true;
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    struct rc_hold hold = newest(world);
    assert_true(hold.id == 1 && hold.cause == RC_HELD_ASKED && hold.from && hold.from <= hold.until);
    assert_int_equal(world_read(world, seq).node[1].why, RC_WHY_RESTORED);
    world_crash(world); /* it holds already */
    assert_int_equal(newest(world).id, 1);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(release(world, &hold, NULL), RC_OK);
    world_crash(world);
    assert_int_equal(newest(world).id, 2); /* as long as it is asked for */
}

static void submissions_can_be_refused(void **state)
{
    struct world *world = *state;
    world_submit(world, "one", "k");
    world->hold.refuses = true;
    restore(world, RC_SECONDS(600));
    struct rc_request *request = world_submission(world, "one", "new", "{\"customer\": 7}");
    world_ask(world, request);
    assert_int_equal(request->status, RC_ON_HOLD);
    world_free_request(request);
    request = world_submission(world, "one", "k", "{\"customer\": 7}"); /* a repeat */
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    struct rc_hold hold = newest(world);
    assert_int_equal(release(world, &hold, NULL), RC_OK);
    world_submit(world, "one", "new");
}

/* ---- bulks ---------------------------------------------------------------------------------------------------------- */

static void bulks_do_not_go_on_by_themselves(void **state)
{
    struct world *world = *state;
    uint64_t seqs[4], id, nonce;
    for (unsigned i = 0; i < 4; i++) {
        seqs[i] = world_submit(world, "one", keys[i]);
        world_answer(world, i, 422, "{}");
        assert_int_equal(world_run(world), RC_OK);
    }
    struct rc_request *request = world_bulk(world, "b", (struct rc_act){.action = RC_ACTION_RETRY}, seqs, 4);
    world_ask(world, request);
    id = request->u.bulk.id;
    nonce = request->u.bulk.nonce;
    world_free_request(request);
    request = world_order(id, nonce, RC_BULK_RUNNING, true);
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    assert_int_equal(world_turn(world), RC_OK); /* the first wave is one item */
    uint32_t left = world->nleft;
    restore(world, RC_SECONDS(600));
    world_later(world, RC_SECONDS(100));
    assert_int_equal(world->nleft, left);
    struct rc_bulk bulk;
    assert_int_equal(rc_read_bulk(rc_store_self(world->store), id, world->arena, &bulk, &world->err), RC_OK);
    assert_int_equal(bulk.state, RC_BULK_PAUSED);
    struct rc_hold hold = newest(world);
    assert_int_equal(hold.bulks, 1);
    assert_int_equal(release(world, &hold, NULL), RC_OK);
    world_later(world, RC_SECONDS(100));
    assert_true(bulk.count[RC_ITEM_OPEN] >= 3);
    for (unsigned i = 1; i < 4; i++) assert_int_equal(world_state(world, seqs[i]), RC_REJECTED);
    request = world_order(id, nonce, RC_BULK_RUNNING, false); /* a person has looked */
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    for (unsigned i = 0; i < 10; i++) world_later(world, RC_SECONDS(2));
    assert_int_equal(rc_read_bulk(rc_store_self(world->store), id, world->arena, &bulk, &world->err), RC_OK);
    assert_int_equal(bulk.state, RC_BULK_DONE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(nothing_leaves_and_work_is_taken_in),
        CASE(what_was_under_way_is_unknown),
        CASE(without_a_hold_it_would_be_done_again),
        CASE(many_are_looked_through_in_turns),
        CASE(only_what_was_seen_is_released_and_once),
        CASE(a_window_reaches_back_to_the_oldest),
        CASE(a_hold_can_be_asked_for),
        CASE(submissions_can_be_refused),
        CASE(bulks_do_not_go_on_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
