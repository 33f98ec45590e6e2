/* Lanes through the engine: who gives way to a newer command. */
#include "world.h"

static const char replaces[] =
    "dependency: out\nkind: http\nbase: http://127.0.0.1:1\nlimits: {concurrent: 4}\n"
    "---\nflow: one\nconcurrency: {key: one, limit: 1, when_full: replace}\nsteps:\n"
    "  - {id: a, call: out, with: {method: POST, path: /a}, retry: {limit: {attempts: 1}},\n"
    "     undo: {with: {method: DELETE, path: /a}}}\n"
    "  - {id: b, call: out, with: {method: POST, path: /b}, timeout: 1h, retry: {limit: {attempts: 1}},\n"
    "     undo: {with: {method: DELETE, path: /b}}}\n";

static uint64_t submit(struct world *world, const char *key)
{
    uint64_t seq = world_submit(world, "one", key);
    assert_int_equal(world_run(world), RC_OK);
    return seq;
}

static void answer(struct world *world, uint32_t i, unsigned status)
{
    world_answer(world, i, status, "{}");
    assert_int_equal(world_run(world), RC_OK);
}

static unsigned place_of(struct world *world, uint64_t seq)
{
    return world_read(world, seq).place.state;
}

/* It is the oldest that stays: so it gives way, once, and the next newer one takes the place of another. */
static void of_which_a_part_is_rolled_back_gives_way(void **state)
{
    struct world *world = *state = world_open(replaces);
    uint64_t oldest = submit(world, "k1");
    answer(world, 0, 200);
    answer(world, 1, 422);
    struct rc_request *request = world_action(world, oldest, RC_ACTION_ROLL_BACK, "a");
    request->u.act.act.step = RC_SV("a");
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    assert_int_equal(world_state(world, oldest), RC_ROLLING_BACK);
    assert_int_equal(place_of(world, oldest), RC_PLACE_HOLDS);

    uint64_t middle = submit(world, "k2");
    assert_int_equal(world_state(world, oldest), RC_CANCELLING);
    assert_int_equal(place_of(world, oldest), RC_PLACE_YIELDS);
    assert_int_equal(place_of(world, middle), RC_PLACE_WAITS);
    world_crash(world);
    uint64_t newest = submit(world, "k3");
    assert_int_equal(world_state(world, middle), RC_CANCELLED);
    assert_int_equal(place_of(world, newest), RC_PLACE_WAITS);

    struct rc_request *settle = world_action(world, oldest, RC_ACTION_RESOLVE, "r"); /* the undo was lost */
    settle->u.act.act.verdict = RC_HAPPENED;
    world_ask(world, settle);
    assert_int_equal(settle->status, RC_OK);
    world_free_request(settle);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, oldest), RC_CANCELLED);
    assert_int_equal(place_of(world, newest), RC_PLACE_HOLDS);
    assert_int_equal(world_state(world, newest), RC_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(of_which_a_part_is_rolled_back_gives_way, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
