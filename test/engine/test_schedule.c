/* Schedules in the engine: each time once, whenever the process dies and whatever becomes of a commit. */
#include "world.h"

#include "base/limits.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE RC_SECONDS(60)

static const char dependency[] =
    "dependency: out\nkind: http\nbase: http://127.0.0.1:1\nlimits: {concurrent: 500}\n";

static void put_flow(char *text, size_t size, const char *name, const char *schedule)
{
    snprintf(
        text, size,
        "flow: %s\n%ssteps:\n  - id: a\n    call: out\n    with: {method: POST, path: /a}\n    timeout: 1h\n",
        name, schedule);
}

static struct world *open_with(const char *schedule)
{
    char text[2048], flow[1024];
    put_flow(flow, sizeof flow, "f", schedule);
    snprintf(text, sizeof text, "%s---\n%s", dependency, flow);
    struct world *world = world_open(text);
    assert_int_equal(world_run(world), RC_OK);
    return world;
}

static const char each[] = "schedule: [{id: s, cron: \"* * * * *\", missed: all, overlap: allow}]\n";

static uint32_t rows(struct world *world, struct rc_schedule **ret)
{
    uint32_t n = 0;
    assert_int_equal(rc_read_schedules(rc_store_self(world->store), world->arena, ret, &n, &world->err),
                     RC_OK);
    return n;
}

static struct rc_schedule row(struct world *world)
{
    struct rc_schedule *all;
    assert_int_equal(rows(world, &all), 1);
    return all[0];
}

static uint64_t commands(struct world *world)
{
    struct rc_high high;
    assert_int_equal(rc_read_high(rc_store_self(world->store), &high, &world->err), RC_OK);
    return high.seq;
}

/* Commands 1 to n are those of the first n minutes. */
static void assert_runs(struct world *world, uint64_t n)
{
    assert_int_equal(commands(world), n);
    for (uint64_t i = 1; i <= n; i++) {
        struct rc_command command = world_read(world, i);
        char want[64], time[RC_TIME_TEXT];
        rc_format_time(RC_SECONDS(1800000000) + i * MINUTE, time);
        snprintf(want, sizeof want, "schedule/s/%.19sZ", time);
        assert_true(rc_sv_is(command.id.key, want));
        assert_true(rc_sv_is(command.id.subject, "schedule/s"));
    }
}

/* Nobody looks before the next turn. */
static void to_minute(struct world *world, uint64_t n)
{
    world->now = n * MINUTE;
}

static void each_time_runs_once(void **state)
{
    (void)state;
    struct world *world = open_with(each);
    assert_int_equal(row(world).planned, RC_SECONDS(1800000000) + world->now);
    for (uint64_t i = 1; i <= 3; i++) {
        to_minute(world, i);
        assert_int_equal(world_run(world), RC_OK);
        assert_runs(world, i);
    }
    assert_int_equal(row(world).started, 3);
    assert_int_equal(world->nleft, 3);
    assert_true(world->sleep <= RC_CALENDAR_LOOK);
    world_close(world);
}

/* At every moment at which it can die around a time. */
static void a_crash_neither_loses_nor_doubles(void **state)
{
    (void)state;
    uint32_t died = 0;
    for (uint32_t moment = 1; moment < 12; moment++) {
        struct world *world = open_with(each);
        to_minute(world, 1);
        world->dies_in = moment;
        if (world_run(world) != RC_OK || world->dead) died++;
        world_crash(world);
        world->dies_in = 0;
        assert_int_equal(world_run(world), RC_OK);
        assert_runs(world, 1);
        to_minute(world, 2);
        assert_int_equal(world_run(world), RC_OK);
        assert_runs(world, 2);
        world_close(world);
    }
    assert_true(died >= 4); /* before and after the commit, before and after the start */
}

static void a_commit_that_fails_is_made_again(void **state)
{
    (void)state;
    static const struct {
        enum rc_status status;
        bool kept;
    } fault[] = {{RC_IO, false},
                 {RC_BUSY, false},
                 {RC_FULL, false},
                 {RC_COMMIT_UNKNOWN, false},
                 {RC_COMMIT_UNKNOWN, true}};
    for (size_t i = 0; i < sizeof fault / sizeof *fault; i++) {
        struct world *world = open_with(each);
        to_minute(world, 1);
        rc_memory_fail_next(world->store, fault[i].status, fault[i].kept);
        for (unsigned k = 0; k < 20; k++) {
            (void)!world_turn(world);
            world_later(world, RC_MS(250));
        }
        assert_int_equal(world_run(world), RC_OK);
        assert_runs(world, 1);
        assert_int_equal(row(world).started, 1);
        world_close(world);
    }
}

/* What cannot be submitted says why, stays due, and is not missed by that. */
static void what_is_in_the_way_is_told(void **state)
{
    (void)state;
    struct world *world = open_with(
        "schedule: [{id: s, cron: \"* * * * *\", missed: skip, overlap: allow, namespace: later}]\n");
    to_minute(world, 1);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 0);
    assert_non_null(strstr(row(world).fault, "later"));
    world_later(world, 3 * MINUTE);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 0);
    struct rc_request *request = world_access(
        (struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_ADD, .ns = {.name = RC_SV("later")}});
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    world_later(world, 2 * MINUTE);
    assert_int_equal(world_run(world), RC_OK);
    struct rc_command first = world_read(world, 1);
    assert_true(rc_sv_is(first.id.key, "schedule/s/2027-01-15T08:01:00Z") && rc_sv_is(first.id.ns, "later"));
    assert_string_equal(row(world).fault, "");
    world_close(world);
}

/* A person's run shows that nothing is in the way any more: what was put off goes with it, and not minutes later without a word. */
static void what_is_due_goes_with_a_run(void **state)
{
    (void)state;
    struct world *world = open_with(
        "schedule: [{id: s, cron: \"* * * * *\", missed: skip, overlap: allow, namespace: later}]\n");
    to_minute(world, 1);
    assert_int_equal(world_run(world), RC_OK);
    assert_non_null(strstr(row(world).fault, "later"));
    struct rc_request *request = world_access(
        (struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_ADD, .ns = {.name = RC_SV("later")}});
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    assert_int_equal(commands(world), 0); /* it is put off */
    request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_SCHEDULE;
    request->u.schedule.order = RC_SCHEDULE_RUN;
    request->u.schedule.flow = RC_SV("f");
    request->u.schedule.id = RC_SV("s");
    request->u.schedule.key = RC_SV("k");
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 2);
    assert_true(rc_sv_is(world_read(world, 1).id.key, "schedule/s/run/k"));
    assert_true(rc_sv_is(world_read(world, 2).id.key, "schedule/s/2027-01-15T08:01:00Z"));
    assert_string_equal(row(world).fault, "");
    world_close(world);
}

/* A time that kills the process again and again is not tried for ever. */
static void a_poisonous_time_is_set_aside(void **state)
{
    (void)state;
    struct world *world = open_with(each);
    to_minute(world, 1);
    for (unsigned i = 0; i < RC_MAX_LOST; i++) {
        world->suspects->running =
            flow_schedule_id(RC_SV("f"), RC_SV("s")) | 1; /* it died in the middle of it */
        world_crash(world);
    }
    assert_int_equal(world_run(world), RC_OK);
    assert_true(row(world).paused);
    assert_int_equal(commands(world), 0);
    world_close(world);
}

/* Another life of the store may have run what came since. */
static void an_older_state_runs_nothing_again(void **state)
{
    (void)state;
    struct world *world = open_with(each);
    to_minute(world, 1);
    assert_int_equal(world_run(world), RC_OK);
    to_minute(world, 10);
    rc_memory_come_from(world->disk,
                        (struct rc_origin){RC_HELD_BACKUP, RC_SECONDS(1800000000) + world->now - 8 * MINUTE});
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 1);
    struct rc_hold *holds;
    uint32_t n;
    assert_int_equal(rc_read_holds(rc_store_self(world->store), world->arena, &holds, &n, &world->err),
                     RC_OK);
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_HOLD;
    request->u.hold.id = holds[0].id;
    request->u.hold.check = (uint32_t)holds[0].nonce;
    request->u.hold.by = (struct rc_author){RC_SV("test"), RC_SV("olga"), RC_SV("looked at it")};
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 1);
    to_minute(world, 11);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(commands(world), 2);
    world_close(world);
}

static enum rc_status define(struct world *world, const char *text)
{
    struct rc_request *request = world_definition(NULL, text);
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    assert_int_equal(world_run(world), RC_OK);
    return status;
}

/* A schedule that leaves its flow is forgotten; one that comes back begins anew. */
static void definitions_are_followed(void **state)
{
    (void)state;
    struct world *world = open_with(each);
    struct rc_schedule *all;
    char flow[1024];
    put_flow(flow, sizeof flow, "f", "");
    assert_int_equal(define(world, flow), RC_OK);
    assert_int_equal(rows(world, &all), 0);
    to_minute(world, 5);
    assert_int_equal(world_run(world), RC_OK);
    put_flow(flow, sizeof flow, "f", each);
    assert_int_equal(define(world, flow), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(row(world).planned, RC_SECONDS(1800000000) + 5 * MINUTE);
    assert_int_equal(commands(world), 0);
    world_close(world);
}

/* However much of it there is: what is not forgotten for want of memory would not begin anew when it comes back. */
static void what_is_gone_is_forgotten_without_memory(void **state)
{
    (void)state;
    uint32_t refused = 0;
    for (uint32_t most = 256; most <= 16384; most += 256) {
        struct world *world =
            open_with("schedule: [{id: s, cron: \"* * * * *\"}, {id: t, cron: \"* * * * *\"}]\n");
        struct rc_schedule *all;
        char flow[1024];
        put_flow(flow, sizeof flow, "f", "");
        struct rc_request *request = world_definition(NULL, flow);
        world_ask(world, request);
        assert_int_equal(request->status, RC_OK);
        world_free_request(request);
        struct rc_arena *whole = world->engine->turn.arena;
        world->engine->turn.arena = rc_arena_new(0, most);
        assert_non_null(world->engine->turn.arena);
        refused += world_turn(world) != RC_OK;
        rc_arena_free(world->engine->turn.arena);
        world->engine->turn.arena = whole;
        assert_int_equal(world_run(world), RC_OK);
        assert_int_equal(rows(world, &all), 0);
        world_close(world);
    }
    assert_true(refused > 0);
}

/* What waits for the run before begins when that has ended, also where the clock was put back meanwhile. */
static void a_clock_that_goes_back_keeps_nothing_waiting(void **state)
{
    (void)state;
    struct world *world = open_with("schedule: [{id: s, cron: \"* * * * *\", overlap: queue}]\n");
    to_minute(world, 1);
    assert_int_equal(world_run(world), RC_OK);
    to_minute(world, 2);
    assert_int_equal(world_run(world), RC_OK);
    assert_runs(world, 1);
    world->ahead = -(int64_t)RC_SECONDS(3600);
    world_answer(world, 0, 200, "{}");
    world_later(world, RC_SECONDS(2));
    assert_runs(world, 2);
    world_close(world);
}

/* So many, and one more. */
static void there_is_a_bound(void **state)
{
    (void)state;
    static char schedule[RC_MAX_FLOW_SCHEDULES * 64], flow[sizeof schedule + 512];
    struct world *world = open_with("");
    int n = sprintf(schedule, "schedule:\n");
    for (unsigned i = 0; i < RC_MAX_FLOW_SCHEDULES; i++)
        n += sprintf(schedule + n, "  - {id: s%u, cron: 0 0 1 1 *}\n", i);
    for (unsigned i = 0; i < RC_MAX_SCHEDULES / RC_MAX_FLOW_SCHEDULES; i++) {
        char name[8];
        snprintf(name, sizeof name, "f%u", i);
        put_flow(flow, sizeof flow, name, schedule);
        assert_int_equal(define(world, flow), RC_OK);
    }
    struct rc_schedule *all;
    assert_int_equal(rows(world, &all), RC_MAX_SCHEDULES);
    put_flow(flow, sizeof flow, "g", each);
    assert_int_equal(define(world, flow), RC_LIMIT);
    put_flow(flow, sizeof flow, "f0", schedule); /* it takes the place of its own */
    assert_int_equal(define(world, flow), RC_OK);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_time_runs_once),
        cmocka_unit_test(a_crash_neither_loses_nor_doubles),
        cmocka_unit_test(a_commit_that_fails_is_made_again),
        cmocka_unit_test(what_is_in_the_way_is_told),
        cmocka_unit_test(what_is_due_goes_with_a_run),
        cmocka_unit_test(a_poisonous_time_is_set_aside),
        cmocka_unit_test(an_older_state_runs_nothing_again),
        cmocka_unit_test(definitions_are_followed),
        cmocka_unit_test(what_is_gone_is_forgotten_without_memory),
        cmocka_unit_test(a_clock_that_goes_back_keeps_nothing_waiting),
        cmocka_unit_test(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
