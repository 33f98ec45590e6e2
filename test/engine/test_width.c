/* The server's own bound of attempts in flight: never above it, fair between dependencies, nobody starves; and the bound of the signals that a
 * namespace keeps. */
#include "world.h"

#include "base/limits.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPENDENCY(name, concurrent)                                                                         \
    "dependency: " name "\nkind: http\nbase: http://127.0.0.1:1\nlimits: {concurrent: " concurrent "}\n---"  \
    "\n"
#define FLOW(name)                                                                                           \
    "flow: to." name "\nsteps:\n- id: do\n  call: " name "\n  with: {method: POST, path: /x}\n"              \
    "  repeatable: true\n"
static const char definitions[] = DEPENDENCY("a", "10") DEPENDENCY("b", "10") DEPENDENCY("c", "1")
    FLOW("a") "---\n" FLOW("b") "---\n" FLOW("c");

static int setup(void **state)
{
    *state = world_open(definitions);
    return 0;
}

static void bound(struct world *world, uint32_t most)
{
    world->engine->ports.max_in_flight = most;
}

/* Attempts that have left and were not answered, by the first letter of their dependency. */
static bool answered[WORLD_EFFECTS];

static uint32_t out(const struct world *world, const char *of)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < world->nleft; i++)
        n += !answered[i] && (!of || rc_sv_is(world->left[i].dependency->name, of));
    return n;
}

/* The oldest attempt at this dependency is answered. */
static void answer(struct world *world, const char *of)
{
    uint32_t i = 0;
    while (i < world->nleft && (answered[i] || !rc_sv_is(world->left[i].dependency->name, of))) i++;
    assert_true(i < world->nleft);
    answered[i] = true;
    world_answer(world, i, 200, "{}");
    assert_int_equal(world_run(world), RC_OK);
}

static void submit(struct world *world, const char *to, uint32_t n)
{
    static uint32_t last;
    char key[24], type[16];
    snprintf(type, sizeof type, "to.%s", to);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(key, sizeof key, "k%u", ++last);
        world_submit(world, type, key);
    }
}

static int open_bounded(void **state)
{
    memset(answered, 0, sizeof answered);
    return setup(state);
}

static void never_more_than_the_bound(void **state)
{
    struct world *world = *state;
    bound(world, 3);
    submit(world, "a", 2);
    submit(world, "b", 2);
    assert_int_equal(out(world, NULL), 3); /* at the bound */
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_true(stats.crowded && stats.in_flight == 3);
    assert_true(world->sleep > RC_MS(1)); /* it waits for answers, and does not look again and again */
    answer(world, "a");
    assert_int_equal(out(world, NULL), 3);
    answer(world, "a");
    answer(world, "b");
    rc_engine_stats(world->engine, &stats);
    assert_true(!stats.crowded && stats.in_flight == 1);
    answer(world, "b");
    assert_int_equal(world->nleft, 4);
}

static void without_a_bound_only_dependencies_do(void **state)
{
    struct world *world = *state;
    submit(world, "a", 8);
    submit(world, "b", 8);
    submit(world, "c", 2);
    assert_int_equal(out(world, NULL), 17);
}

static void a_slow_dependency_does_not_come_to_hold_all_places(void **state)
{
    struct world *world = *state;
    bound(world, 4);
    submit(world, "a", 10); /* it was alone: it has all places */
    submit(world, "b", 10);
    assert_int_equal(out(world, "a"), 4);
    answer(world, "a");
    answer(world, "a");
    assert_int_equal(out(world, "a"), 2);
    assert_int_equal(out(world, "b"), 2);
    for (int i = 0; i < 5; i++) { /* a is slow from now on, and keeps its share only */
        answer(world, "b");
        assert_int_equal(out(world, "a"), 2);
        assert_int_equal(out(world, "b"), 2);
    }
}

static void who_has_waited_longest_is_next_where_there_is_one_place(void **state)
{
    struct world *world = *state;
    static const char order[] = "abcabb";
    bound(world, 1);
    for (unsigned i = 0; order[i]; i++) {
        const char of[2] = {order[i]};
        submit(world, of, 1);
        world_later(world, 1);
    }
    for (unsigned i = 0; order[i]; i++) {
        const char of[2] = {order[i]};
        assert_int_equal(out(world, NULL), 1);
        assert_int_equal(out(world, of), 1);
        if (i == 1) submit(world, "c", 1); /* a newcomer queues behind all of them */
        answer(world, of);
    }
    assert_int_equal(out(world, "c"), 1);
}

/* In the turn in which a place becomes free somebody comes for another dependency. */
static void newcomers_do_not_pass_by(void **state)
{
    struct world *world = *state;
    static const char *const next[] = {"a", "b", "b"};
    bound(world, 1);
    submit(world, "a", 2);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t at = world->nleft;
        struct rc_request *late = world_submission(world, "to.b", i % 2 ? "x" : "y", "{}");
        assert_int_equal(rc_engine_post(world->engine, late), RC_OK);
        answer(world, out(world, "a") ? "a" : "b");
        assert_int_equal(late->status, RC_OK);
        world_free_request(late);
        assert_int_equal(world->nleft, at + 1);
        assert_true(rc_sv_is(world->left[at].dependency->name, next[i]));
    }
    assert_int_equal(out(world, NULL), 1);
}

static void a_full_dependency_holds_up_nobody_else(void **state)
{
    struct world *world = *state;
    bound(world, 3);
    submit(world, "c", 5); /* one at a time */
    submit(world, "a", 2);
    assert_int_equal(out(world, "c"), 1);
    assert_int_equal(out(world, "a"), 2);
    answer(world, "a");
    assert_int_equal(out(world, NULL), 2); /* the others are c's, which takes one at a time */
    struct rc_engine_stats stats;
    rc_engine_stats(world->engine, &stats);
    assert_false(stats.crowded);
    submit(world, "b", 1);
    assert_int_equal(out(world, "b"), 1);
}

static void after_a_crash_the_bound_holds(void **state)
{
    struct world *world = *state;
    bound(world, 2);
    submit(world, "a", 3);
    submit(world, "b", 3);
    for (uint32_t i = 0; i < world->nleft; i++) answered[i] = true; /* lost with the process */
    world_crash(world);
    bound(world, 2);
    assert_int_equal(world_run(world), RC_OK);
    for (int left = 40; left > 0 && out(world, NULL); left--) {
        assert_true(out(world, NULL) <= 2);
        answer(world, out(world, "a") ? "a" : "b");
        world_later(world, RC_SECONDS(60));
    }
    assert_int_equal(out(world, NULL), 0);
    for (uint64_t seq = 1; seq <= 6; seq++) assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

/* ---- signals of a namespace ----------------------------------------------------------------------------------------- */

static enum rc_status send(struct world *world, uint32_t n, char text[RC_ERROR_TEXT])
{
    char id[16];
    struct rc_request request = {.kind = RC_REQUEST_SIGNAL, .arena = world->arena};
    bool was_answered = false;
    request.owner = &was_answered;
    snprintf(id, sizeof id, "%u", n);
    request.u.signal.signal = (struct rc_signal){.ns = RC_SV("default"),
                                                 .name = RC_SV("paid"),
                                                 .id = rc_sv_of(id),
                                                 .key = rc_sv_of(id),
                                                 .payload = cel_null()};
    assert_int_equal(rc_engine_post(world->engine, &request), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_true(was_answered);
    if (text) snprintf(text, RC_ERROR_TEXT, "%s", request.error.text);
    return request.status;
}

static void a_namespace_keeps_so_many_signals(void **state)
{
    struct world *world = *state;
    char text[RC_ERROR_TEXT];
    for (uint32_t i = 0; i < RC_MAX_SIGNALS_OF_NS; i++) assert_int_equal(send(world, i, NULL), RC_OK);
    assert_int_equal(send(world, RC_MAX_SIGNALS_OF_NS, text), RC_QUOTA);
    assert_non_null(strstr(text, "10000"));
    assert_int_equal(send(world, 7, NULL), RC_OK); /* it is there already */
    struct rc_request end = {.kind = RC_REQUEST_SIGNAL_END, .u.signal_end = {.number = 1}};
    bool was_answered = false;
    end.owner = &was_answered;
    assert_int_equal(rc_engine_post(world->engine, &end), RC_OK);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(end.status, RC_OK);
    assert_int_equal(send(world, RC_MAX_SIGNALS_OF_NS, NULL), RC_OK);
    assert_int_equal(send(world, RC_MAX_SIGNALS_OF_NS + 1, NULL), RC_QUOTA);
}

static struct rc_work queues(uint64_t seq)
{
    return (struct rc_work){.phase = RC_PHASE_READY, .gate = 1, .order = 100 + seq, .seq = seq, .node = 1};
}

/* Of a unit that comes to nothing: nobody else's place is lost, and nothing that is not there is taken out. */
static void who_queued_in_vain_is_taken_out(void **state)
{
    (void)state;
    struct rc_window *window = calloc(1, sizeof *window);
    assert_non_null(window);
    for (uint64_t seq = 1; seq <= RC_WINDOW; seq++) {
        const struct rc_work row = queues(seq);
        rc_window_add(window, &row);
    }
    rc_window_pop(window);
    rc_window_remove(window, 1, 1, 101); /* it has its turn */
    rc_window_remove(window, 5, 2, 105);
    rc_window_remove(window, 5, 1, 106);
    assert_int_equal(window->n, RC_WINDOW - 1);
    rc_window_remove(window, 5, 1, 105);
    rc_window_remove(window, RC_WINDOW, 1, 100 + RC_WINDOW); /* the last one */
    assert_int_equal(window->n, RC_WINDOW - 3);
    assert_false(window->more);
    for (uint64_t seq = 2; seq < RC_WINDOW; seq++) {
        if (seq == 5) continue;
        assert_int_equal(rc_window_first(window)->seq, seq);
        rc_window_pop(window);
    }
    assert_null(rc_window_first(window));
    free(window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(never_more_than_the_bound, open_bounded, world_teardown),
        cmocka_unit_test_setup_teardown(without_a_bound_only_dependencies_do, open_bounded, world_teardown),
        cmocka_unit_test_setup_teardown(a_slow_dependency_does_not_come_to_hold_all_places, open_bounded,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(who_has_waited_longest_is_next_where_there_is_one_place, open_bounded,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(newcomers_do_not_pass_by, open_bounded, world_teardown),
        cmocka_unit_test_setup_teardown(a_full_dependency_holds_up_nobody_else, open_bounded, world_teardown),
        cmocka_unit_test_setup_teardown(after_a_crash_the_bound_holds, open_bounded, world_teardown),
        cmocka_unit_test_setup_teardown(a_namespace_keeps_so_many_signals, open_bounded, world_teardown),
        cmocka_unit_test(who_queued_in_vain_is_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
