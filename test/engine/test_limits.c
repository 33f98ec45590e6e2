/* What the engine does at its bounds: long histories, used up memory, a full disk, and what stands in a queue. */
#include "world.h"

#include "base/limits.h"
#include "engine/state.h"

/* As the engine has it: reading a long history takes much. */
static const struct rc_command *hot(struct world *world, uint64_t seq)
{
    struct rc_hot *found;
    assert_int_equal(rc_engine_command(world->engine, seq, &found, &world->err), RC_OK);
    return &found->command;
}

/* Posts, runs one turn, and gives the status of the answer. */
static enum rc_status act(struct world *world, uint64_t seq, enum rc_action action, uint8_t verdict)
{
    struct rc_request *request = world_action_with(seq, hot(world, seq)->id.nonce, action, "");
    request->u.act.act.verdict = verdict;
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    return status;
}

/* ---- history -------------------------------------------------------------------------------------------------------- */

/* Answers that a person must mend, with all that is kept of them, and a retry after each. */
static void wear_out(struct world *world, uint64_t seq, unsigned status)
{
    static char excerpt[RC_MAX_EXCERPT];
    memset(excerpt, 'x', sizeof excerpt);
    while (rc_command_in_flight(hot(world, seq))) {
        struct rc_result result = {
            .reach = RC_ANSWERED, .status = (uint16_t)status, .excerpt = {excerpt, sizeof excerpt}};
        world_give(world, world->nleft - 1, result, NULL);
        assert_int_equal(world_turn(world), RC_OK);
        world->nleft = 0; /* the list is bounded, too */
        (void)act(world, seq, RC_ACTION_RETRY, 0);
    }
}

static void a_history_at_its_limit_can_be_ended(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "plain", "k");
    wear_out(world, seq, 401);
    assert_int_equal(hot(world, seq)->node[1].why, RC_WHY_HISTORY_FULL);
    assert_int_equal(hot(world, seq)->state, RC_FAILED);
    for (unsigned i = 0; i < 100; i++) (void)act(world, seq, RC_ACTION_RETRY, 0);
    assert_int_equal(act(world, seq, RC_ACTION_RETRY, 0), RC_REFUSED);
    assert_int_equal(act(world, seq, RC_ACTION_RESOLVE, RC_DID_NOT_HAPPEN), RC_REFUSED);
    assert_int_equal(act(world, seq, RC_ACTION_RESOLVE, RC_ACCEPTED_AS_IS), RC_OK);
    world_crash(world); /* and all of it can be read */
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(hot(world, seq)->state, RC_RESOLVED);
    assert_in_range(hot(world, seq)->rev, RC_MAX_HISTORY - 64, RC_MAX_HISTORY);
}

static void a_round_is_not_begun_when_its_key_was_used(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "plain", "k");
    wear_out(world, seq, 422);
    assert_int_equal(hot(world, seq)->node[1].round, UINT8_MAX);
    assert_int_equal(hot(world, seq)->state, RC_REJECTED);
    assert_int_equal(act(world, seq, RC_ACTION_CANCEL, 0), RC_OK);
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static void fill_memory_of(struct world *world, uint64_t seq)
{
    struct rc_hot *found = rc_cache_find(&world->engine->cache, seq);
    assert_non_null(found);
    while (rc_alloc_text(found->arena, 64 << 10)) continue;
    while (rc_alloc_text(found->arena, 1)) continue;
    assert_int_equal(rc_arena_status(found->arena), RC_LIMIT);
}

static void a_command_that_has_used_up_its_memory_goes_on(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    fill_memory_of(world, seq);
    world_answer(world, 0, 422, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_REJECTED);
    fill_memory_of(world, seq);
    assert_int_equal(act(world, seq, RC_ACTION_RETRY, 0), RC_OK);
    fill_memory_of(world, seq);
    world_lose(world, 1, RC_WHY_TIMEOUT);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_RUNNING);
    world_answer(world, 2, 200, "{\"there\": true}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.faults, 0);
}

/* ---- the store ------------------------------------------------------------------------------------------------------ */

static void what_is_essential_goes_alone_when_the_disk_is_full(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "two", "k");
    rc_memory_fail_next(world->store, RC_FULL,
                        false); /* the answer and the second step's attempt do not fit */
    world_answer(world, 0, 200, "{\"id\": 1}");
    assert_int_equal(world_turn(world), RC_FULL);
    assert_int_equal(world_read(world, seq).rev, 1);
    struct rc_request *request = world_submission(world, "one", "other", "{\"customer\": 1}");
    world_ask(world, request);
    assert_int_equal(request->status, RC_FULL);
    world_free_request(request);
    assert_int_equal(world_read(world, seq).node[1].state, RC_STEP_SUCCEEDED); /* the answer alone did */
    assert_int_equal(world->nleft, 1);
    assert_in_range(world->sleep, 1, RC_SECONDS(1));
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 2);
}

static void definitions_are_not_taken_in_while_the_store_is_shut(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, true);
    world->shut_reopen = 2;
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_turn(world), RC_IO);
    struct rc_request *request =
        world_definition("new", "dependency: new\nkind: http\nbase: http://127.0.0.1:2\n");
    world_ask(world, request);
    assert_int_equal(request->status, RC_IO);
    assert_non_null(request->arena);
    world_free_request(request);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    assert_null(flow_set_dependency(rc_engine_definitions(world->engine), RC_SV("new")));
}

/* A batch that the store will never take: whoever is to blame does not keep the others from going on. */
static void what_the_store_never_takes_is_left_alone(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    world->now += RC_SECONDS(2);
    for (unsigned i = 0; i < 2; i++) { /* in the batch, then alone */
        rc_memory_fail_next(world->store, RC_BUG, false);
        assert_int_equal(world_turn(world), RC_OK);
    }
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.faults, 1);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 1); /* it is not tried again and again */
    uint64_t other = world_submit(world, "one", "other");
    world_answer(world, 1, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, other), RC_COMPLETED);
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 3);
    assert_int_equal(world_state(world, seq), RC_RUNNING);
}

/* ---- queues --------------------------------------------------------------------------------------------------------- */

static const char narrow[] = "dependency: out\n"
                             "kind: http\n"
                             "base: http://127.0.0.1:1\n"
                             "limits: {concurrent: 1}\n"
                             "---\n"
                             "flow: back\n"
                             "on_failure: roll_back\n"
                             "steps:\n"
                             "  - id: first\n"
                             "    call: out\n"
                             "    with: {method: POST, path: /first}\n"
                             "    undo: {with: {method: DELETE, path: /first}}\n"
                             "  - id: second\n"
                             "    call: out\n"
                             "    with: {method: POST, path: /second}\n"
                             "    require: payload.ready\n";

/* The second step finds its place and cannot leave; the undo of the first, which begins with that, stands in the queue before it. */
static void what_comes_to_stand_in_front_is_called(void **state)
{
    struct world *world = *state = world_open(narrow);
    struct rc_request *requests[2];
    for (unsigned i = 0; i < 2; i++) {
        requests[i] = world_submission(world, "back", i ? "b" : "a", "{\"ready\": false}");
        world_ask(world, requests[i]);
        assert_int_equal(requests[i]->status, RC_OK);
        world_free_request(requests[i]);
        world->now++;
    }
    assert_int_equal(world->nleft, 1);
    world_answer(world, 0, 200, "{}");
    for (uint32_t i = 1; i < 4; i++) { /* undo of a, first of b, undo of b */
        assert_int_equal(world_run(world), RC_OK);
        assert_int_equal(world->nleft, i + 1);
        world_answer(world, i, 200, "{}");
    }
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, 1), RC_ROLLED_BACK);
    assert_int_equal(world_state(world, 2), RC_ROLLED_BACK);
}

static int nothing(void **state)
{
    *state = NULL;
    return 0;
}

/* ---- poison --------------------------------------------------------------------------------------------------------- */

static void what_was_set_aside_has_a_clean_record_again(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i < RC_MAX_LOST; i++) {
        world->suspects->running = rc_step_unit(seq, 1);
        world_crash(world);
    }
    uint64_t other = world_submit(world, "one", "other");
    world_later(world, RC_SECONDS(2));
    assert_int_equal(world_read(world, seq).node[1].why, RC_WHY_CRASH_LOOP);
    assert_int_equal(act(world, seq, RC_ACTION_RETRY, 0), RC_OK);
    assert_int_equal(world->nleft, 3);
    world_answer(world, 2, 201, "{}");
    world_answer(world, 1, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    assert_int_equal(world_state(world, other), RC_COMPLETED);
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.in_flight, 0);
}

/* A person does not wait until it is set aside: the answer to what left then is heard, and its place comes back. */
static void an_answer_is_heard_whatever_is_suspected(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i < RC_MAX_LOST; i++) {
        world->suspects->running = rc_step_unit(seq, 1);
        world_crash(world);
    }
    assert_int_equal(act(world, seq, RC_ACTION_RETRY, 0), RC_OK);
    assert_int_equal(world->nleft, 2);
    world_answer(world, 1, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.in_flight, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_history_at_its_limit_can_be_ended),
        CASE(a_round_is_not_begun_when_its_key_was_used),
        CASE(a_command_that_has_used_up_its_memory_goes_on),
        CASE(what_is_essential_goes_alone_when_the_disk_is_full),
        CASE(what_the_store_never_takes_is_left_alone),
        CASE(definitions_are_not_taken_in_while_the_store_is_shut),
        cmocka_unit_test_setup_teardown(what_comes_to_stand_in_front_is_called, nothing, world_teardown),
        CASE(what_was_set_aside_has_a_clean_record_again),
        CASE(an_answer_is_heard_whatever_is_suspected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
