/* Telling people (engine/notice.c): once, in the commit of what they are told of, and later only where there was no room. */
#include "world.h"

#include "engine/state.h"
#include "store/memory/disk.h"

#include <stdio.h>
#include <string.h>

static const char definitions[] = "dependency: out\n"
                                  "kind: http\n"
                                  "base: http://127.0.0.1:1\n"
                                  "limits: {concurrent: 4096}\n"
                                  "---\n"
                                  "dependency: aside\n"
                                  "kind: http\n"
                                  "base: http://127.0.0.1:1\n"
                                  "limits: {concurrent: 4096}\n"
                                  "---\n"
                                  "flow: ask\n"
                                  "steps:\n"
                                  "  - {id: rest, sleep: 1m}\n"
                                  "  - id: ask\n"
                                  "    escalate: {question: what now, answers: [go, stop]}\n"
                                  "---\n"
                                  "flow: call\n"
                                  "steps:\n"
                                  "  - {id: first, call: out, with: {method: POST, path: /a}}\n"
                                  "  - id: ask\n"
                                  "    escalate: {question: what now, answers: [go, stop]}\n"
                                  "---\n"
                                  "flow: side\n"
                                  "steps:\n"
                                  "  - {id: first, call: aside, with: {method: POST, path: /a}}\n"
                                  "  - id: ask\n"
                                  "    escalate: {question: what now, answers: [go, stop]}\n"
                                  "---\n"
                                  "flow: late\n"
                                  "deadline: 10s\n"
                                  "on_deadline: cancel\n"
                                  "steps:\n"
                                  "  - {id: first, call: out, with: {method: POST, path: /a}, timeout: 1h}\n"
                                  "  - {id: second, call: out, with: {method: POST, path: /b}}\n"
                                  "---\n"
                                  "flow: tell\n"
                                  "steps:\n"
                                  "  - {id: say, set: {reason: \"${payload.reason}\"}}\n";

static void tells(struct world *world)
{
    world->engine->ports.notify = RC_SV("tell");
}

static struct world *open_world(void)
{
    struct world *world = world_open(definitions);
    world->on_boot = tells;
    tells(world);
    return world;
}

static uint64_t commands(struct world *world)
{
    struct rc_high high;
    assert_int_equal(rc_read_high(rc_store_self(world->store), &high, &world->err), RC_OK);
    return high.seq;
}

/* Command 1 has been told of, and it was this. */
static void assert_told(struct world *world, const char *reason)
{
    assert_int_equal(commands(world), 2);
    struct rc_command told = world_read(world, 2);
    assert_true(rc_sv_is(told.id.type, "tell"));
    assert_true(rc_sv_starts(told.id.key, RC_SV("notify/1/")));
    const struct cel_value *value = cel_map_get(&told.id.payload, "reason");
    assert_non_null(value);
    assert_true(rc_sv_is(cel_text(*value), reason));
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.faults, 0);
}

/* What was out is answered in the very turn in which the deadline is over, and comes first. */
static void a_deadline_is_told_whatever_comes_first_behind_it(void **state)
{
    (void)state;
    struct world *world = open_world();
    uint64_t seq = world_submit(world, "late", "k");
    world->now += RC_SECONDS(11);
    world_answer(world, 0, 200, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_CANCELLED);
    assert_told(world, "overdue");
    world_later(world, RC_SECONDS(3600));
    assert_told(world, "overdue");
    world_close(world);
}

/* At every moment at which the process can die around the question. */
static void a_crash_neither_loses_nor_doubles(void **state)
{
    (void)state;
    uint32_t died = 0;
    for (uint32_t moment = 1; moment < 8; moment++) {
        struct world *world = open_world();
        (void)world_submit(world, "ask", "k");
        world->now += RC_SECONDS(61);
        world->dies_in = moment;
        if (world_run(world) != RC_OK || world->dead) died++;
        world_crash(world);
        assert_int_equal(world_run(world), RC_OK);
        assert_told(world, "question");
        world_later(world, RC_SECONDS(60));
        assert_told(world, "question");
        world_close(world);
    }
    assert_true(died >= 2); /* before and after the commit */
}

static void a_commit_that_fails_is_made_again(void **state)
{
    (void)state;
    static const struct {
        enum rc_status status;
        bool kept;
    } fault[] = {{RC_IO, false}, {RC_BUSY, false}, {RC_COMMIT_UNKNOWN, false}, {RC_COMMIT_UNKNOWN, true}};
    for (size_t i = 0; i < sizeof fault / sizeof *fault; i++) {
        struct world *world = open_world();
        (void)world_submit(world, "ask", "k");
        world->now += RC_SECONDS(61);
        rc_memory_fail_next(world->store, fault[i].status, fault[i].kept);
        for (unsigned k = 0; k < 20; k++) (void)!world_turn(world);
        assert_int_equal(world_run(world), RC_OK);
        assert_told(world, "question");
        world_close(world);
    }
}

/* The answer fits alone; the telling waits for room. */
static struct world *full_world(void)
{
    struct world *world = open_world();
    uint64_t seq = world_submit(world, "call", "k");
    rc_memory_fail_next(world->store, RC_FULL, false);
    world_answer(world, 0, 200, "{}");
    assert_int_equal(world_turn(world), RC_FULL);
    assert_int_equal(world_turn(world), RC_OK);
    assert_int_equal(world_read(world, seq).node[2].phase, RC_PHASE_ASKED);
    assert_int_equal(commands(world), 1);
    return world;
}

static void what_there_is_no_room_for_is_told_later(void **state)
{
    (void)state;
    struct world *world = full_world();
    assert_in_range(world->sleep, 1, RC_SECONDS(1));
    assert_int_equal(world_run(world), RC_OK);
    assert_told(world, "question");
    world_later(world, RC_SECONDS(60));
    assert_told(world, "question");
    world_close(world);
}

/* The turn in which it was to be told later is dropped. */
static void later_again(void **state)
{
    (void)state;
    static const enum rc_status fault[] = {RC_FULL, RC_IO, RC_COMMIT_UNKNOWN};
    for (size_t i = 0; i < sizeof fault / sizeof *fault; i++) {
        struct world *world = full_world();
        rc_memory_fail_next(world->store, fault[i], false);
        for (unsigned k = 0; k < 20; k++) (void)!world_turn(world);
        assert_int_equal(world_run(world), RC_OK);
        assert_told(world, "question");
        world_close(world);
    }
}

/* The process dies before there is room, and at each moment of the turns in which it is told later. */
static void a_crash_before_there_is_room_loses_nothing(void **state)
{
    (void)state;
    uint32_t died = 0;
    for (uint32_t i = 0; i < 10; i++) {
        struct world *world = full_world();
        world->engine->full = i % 2; /* still, or not any more */
        world->dies_in = i / 2;
        for (unsigned k = 0; i / 2 && k < 3 && !world->dead; k++) (void)!world_turn(world);
        died += world->dead;
        world_crash(world);
        assert_int_equal(world_run(world), RC_OK);
        assert_told(world, "question");
        world_crash(world); /* what was told once is not told again */
        assert_int_equal(world_run(world), RC_OK);
        world_later(world, RC_SECONDS(60));
        assert_told(world, "question");
        assert_int_equal(world->engine->untold.first, 0);
        world_close(world);
    }
    assert_true(died >= 4);
}

/* A deadline that is over ends its command in the turn in which nobody can be told; the process dies. */
static void a_command_that_has_ended_is_told_of_after_a_crash(void **state)
{
    (void)state;
    struct world *world = open_world();
    uint64_t seq = world_submit(world, "late", "k");
    world->now += RC_SECONDS(11);
    world_answer(world, 0, 200, "{}");
    rc_memory_fail_next(world->store, RC_FULL, false);
    assert_int_equal(world_turn(world), RC_FULL);
    assert_int_equal(world_turn(world), RC_OK);
    assert_int_equal(commands(world), 1);
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_CANCELLED);
    assert_told(world, "overdue");
    world_close(world);
}

/* As many as there are: what is still to be told has no bound, and each is told once, over a crash in the middle of it. */
static void any_number_is_told_later(void **state)
{
    (void)state;
    enum { MANY = 4200 }; /* more than a turn takes, of answers and of what it looks at again */
    struct world *world = open_world();
    for (uint32_t i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        (void)world_submit(world, i % 2 ? "call" : "side", key);
    }
    rc_memory_full(world->disk, true);
    for (uint32_t i = 0; i < MANY; i++) world_answer(world, i, 200, "{}");
    for (unsigned k = 0; k < 5; k++) (void)!world_turn(world);
    for (uint64_t seq = 1; seq <= MANY; seq++)
        assert_int_equal(world_read(world, seq).node[2].phase, RC_PHASE_ASKED);
    assert_int_equal(commands(world), MANY);
    rc_memory_full(world->disk, false);
    world_crash(world);
    for (unsigned k = 0; k < 5; k++) (void)!world_turn(world);
    assert_in_range(commands(world), MANY + 1, 2 * MANY - 1);
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 2 * MANY);
    assert_int_equal(world->engine->untold.first, 0);
    world_close(world);
}

/* The store will never take the first of them: that one is a fault, and the next one is told. */
static void what_the_store_refuses_stands_in_nobodys_way(void **state)
{
    (void)state;
    struct world *world = open_world();
    uint64_t first = world_submit(world, "call", "k"), second = world_submit(world, "call", "l");
    world_answer(world, 0, 200, "{}");
    world_answer(world, 1, 200, "{}");
    rc_memory_fail_next(world->store, RC_FULL, false);
    assert_int_equal(world_turn(world), RC_FULL);
    assert_int_equal(world_turn(world), RC_OK);
    assert_int_equal(commands(world), second);
    for (unsigned k = 0; k < 2; k++) { /* both of them, and then the first alone */
        rc_memory_fail_next(world->store, RC_LIMIT, false);
        assert_int_equal(world_turn(world), RC_OK);
        assert_int_equal(commands(world), second);
    }
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), second + 1);
    assert_true(rc_sv_starts(world_read(world, second + 1).id.key, RC_SV("notify/2/")));
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.faults, 1);
    assert_int_equal(first, 1);
    assert_int_equal(world->engine->untold.first, 0);
    world_close(world);
}

/* It was decided meanwhile: nobody is wanted any more. */
static void what_is_settled_meanwhile_is_not_told(void **state)
{
    (void)state;
    struct world *world = full_world();
    struct rc_request *request = world_action(world, 1, RC_ACTION_CANCEL, "c");
    world->engine->full = true; /* still */
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    world_free_request(request);
    assert_int_equal(world_state(world, 1), RC_CANCELLED);
    assert_int_equal(commands(world), 1);
    world_close(world);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_deadline_is_told_whatever_comes_first_behind_it),
        CASE(a_crash_neither_loses_nor_doubles),
        CASE(a_commit_that_fails_is_made_again),
        CASE(what_there_is_no_room_for_is_told_later),
        CASE(later_again),
        CASE(a_crash_before_there_is_room_loses_nothing),
        CASE(a_command_that_has_ended_is_told_of_after_a_crash),
        CASE(any_number_is_told_later),
        CASE(what_the_store_refuses_stands_in_nobodys_way),
        CASE(what_is_settled_meanwhile_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
