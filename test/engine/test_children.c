/* Commands that start commands, through the engine: what one of them asks of many, and what stands in the way of a start. */
#include "world.h"

#include "engine/state.h"
#include "store/memory/disk.h"

#include <stdio.h>
#include <string.h>

#define OUT OUT_WITH("")
#define OUT_WITH(more)                                                                                       \
    "dependency: out\nkind: http\nbase: http://127.0.0.1:1\nlimits: {concurrent: 1}\n"                       \
    "---\nflow: child\n" more "steps:\n"                                                                     \
    "  - {id: call, call: out, with: {method: POST, path: /x}, timeout: 1h, retry: {limit: {attempts: "      \
    "1}},\n"                                                                                                 \
    "     undo: {with: {method: DELETE, path: /x}}}\n"                                                       \
    "---\n"

enum { MANY = 1500 };

static const char many[] =
    OUT "flow: many\n"
        "payload: {type: object, properties: {items: {type: array, items: {type: integer}}}}\n"
        "steps:\n"
        "  - id: all\n"
        "    each: \"${payload.items}\"\n"
        "    max: 1500\n"
        "    width: 1500\n"
        "    steps: [{id: sub, flow: child}]\n";

static const char late[] = OUT "flow: late\n"
                               "deadline: 10s\n"
                               "on_deadline: cancel\n"
                               "steps:\n"
                               "  - {id: sub, flow: child}\n";

static const char narrow[] =
    OUT_WITH("concurrency: {key: one, limit: 1, when_full: refuse}\n") "flow: one\nsteps:\n  - {id: sub, "
                                                                       "flow: child}\n";

static uint64_t commands(struct world *world)
{
    struct rc_high high;
    assert_int_equal(rc_read_high(rc_store_self(world->store), &high, &world->err), RC_OK);
    return high.seq;
}

static uint64_t submit(struct world *world, const char *type, const char *payload)
{
    struct rc_request *request = world_submission(world, type, "k", payload);
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    uint64_t seq = request->command.seq;
    world_free_request(request);
    return seq;
}

static enum rc_status act(struct world *world, uint64_t seq, enum rc_action action, const char *key)
{
    struct rc_request *request = world_action(world, seq, action, key);
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    return status;
}

/* Each of them is asked, and each tells: the parent is copied once for all that they tell. */
static void a_parent_of_many_is_cancelled(void **state)
{
    struct world *world = *state = world_open(many);
    char payload[8 * MANY + 32], *end = payload;
    end += sprintf(end, "{\"items\": [0");
    for (unsigned i = 1; i < MANY; i++) end += sprintf(end, ",%u", i);
    sprintf(end, "]}");
    uint64_t seq = submit(world, "many", payload);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 1 + MANY);
    assert_int_equal(act(world, seq, RC_ACTION_CANCEL, "c"), RC_OK);
    assert_int_equal(world_state(world, seq), RC_CANCELLING); /* one has left */
    for (uint64_t child = seq + 1; child <= seq + MANY; child++)
        assert_int_equal(world_state(world, child), child == seq + 1 ? RC_CANCELLING : RC_CANCELLED);
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq + 1), RC_CANCELLED);
    assert_int_equal(world_state(world, seq), RC_CANCELLED);
}

/* The start was due before the deadline was, and is looked at behind it. */
static void nothing_is_started_behind_the_deadline(void **state)
{
    struct world *world = *state = world_open(late);
    world->dies_in = 2;
    struct rc_request *request = world_submission(world, "late", "k", "{}");
    assert_int_equal(rc_engine_post(world->engine, request), RC_OK);
    for (unsigned i = 0; i < 4 && !world->dead; i++) assert_int_equal(world_turn(world), RC_OK);
    assert_true(world->dead);
    world_later(world, RC_SECONDS(11));
    world_crash(world);
    world_free_request(request);
    assert_int_equal(commands(world), 1);
    assert_int_equal(world_read(world, 1).node[1].phase, RC_PHASE_DELAYED);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, 1), RC_CANCELLED);
    assert_int_equal(commands(world), 1);
}

/* What its parent asks for is not refused by its lane: it may be part of an answer. */
static void a_child_is_rolled_back_beside_others_in_its_lane(void **state)
{
    struct world *world = *state = world_open(narrow);
    uint64_t seq = submit(world, "one", "{}");
    assert_int_equal(world_run(world), RC_OK);
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    uint64_t other = submit(world, "child", "{}");
    assert_int_not_equal(act(world, seq + 1, RC_ACTION_ROLL_BACK, "a"), RC_OK); /* by a person: it is full */
    assert_int_equal(act(world, seq, RC_ACTION_ROLL_BACK, "b"), RC_OK);
    assert_int_equal(world_state(world, seq), RC_ROLLING_BACK);
    world_answer(world, 1, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, other), RC_COMPLETED);
    world_answer(world, 2, 200, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq + 1), RC_ROLLED_BACK);
    assert_int_equal(world_state(world, seq), RC_ROLLED_BACK);
}

/* A child is new work: its start waits until there is room. What people do to its parent meanwhile is done. */
static void a_full_disk_puts_the_start_off(void **state)
{
    struct world *world = *state = world_open(late);
    for (unsigned i = 0; i < 2; i++) {
        struct rc_request *request = world_submission(world, "late", i ? "b" : "a", "{}");
        assert_int_equal(rc_engine_post(world->engine, request), RC_OK);
        assert_int_equal(world_turn(world), RC_OK);
        assert_true(world_answered(request));
        world_free_request(request);
    }
    rc_memory_full(world->disk, true);
    uint64_t first = commands(world);
    assert_int_equal(first, 3); /* the first one has begun while the second one was taken in */
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), first);
    assert_int_equal(act(world, 3, RC_ACTION_CANCEL, "c"), RC_OK);
    assert_int_equal(world_state(world, 3), RC_CANCELLED);
    rc_memory_full(world->disk, false);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), first);
}

/* Nothing is left of a child that could not be made. */
static void a_child_whose_lane_refuses_is_not_there(void **state)
{
    struct world *world = *state = world_open(narrow);
    uint64_t other = submit(world, "child", "{}"), seq = submit(world, "one", "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 2);
    assert_int_equal(world_state(world, seq), RC_FAILED);
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(act(world, other, RC_ACTION_CANCEL, "c"), RC_OK);
    assert_int_equal(act(world, seq, RC_ACTION_RETRY, "r"), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 3);
    assert_int_equal(world_state(world, seq), RC_WAITING);
    world_answer(world, 1, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_parent_of_many_is_cancelled, world_teardown),
        cmocka_unit_test_teardown(nothing_is_started_behind_the_deadline, world_teardown),
        cmocka_unit_test_teardown(a_child_whose_lane_refuses_is_not_there, world_teardown),
        cmocka_unit_test_teardown(a_child_is_rolled_back_beside_others_in_its_lane, world_teardown),
        cmocka_unit_test_teardown(a_full_disk_puts_the_start_off, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
