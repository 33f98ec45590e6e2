/* Leases: on record before they are answered, kept over crashes and commits that nobody knows of, over when they run out, bounded. */
#include "world.h"

#include "base/limits.h"
#include "engine/state.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

static const char definitions[] = "dependency: images\n"
                                  "kind: worker\n"
                                  "lease: 30s\n"
                                  "---\n"
                                  "flow: resize\n"
                                  "steps:\n"
                                  "- id: do\n"
                                  "  call: images\n"
                                  "  with: {task: resize, input: {c: \"${payload.customer}\"}}\n"
                                  "  timeout: 2m\n"
                                  "---\n"
                                  "flow: second\n"
                                  "steps:\n"
                                  "- id: do\n"
                                  "  call: images\n"
                                  "  capability: \"2\"\n"
                                  "  with: {task: resize}\n"
                                  "---\n"
                                  "flow: third\n"
                                  "steps:\n"
                                  "- id: may\n"
                                  "  call: images\n"
                                  "  capability: \"2\"\n"
                                  "  critical: false\n"
                                  "  require: payload.customer == 8\n"
                                  "  with: {task: resize}\n"
                                  "- id: do\n"
                                  "  call: images\n"
                                  "  with: {task: resize}\n"
                                  "---\n"
                                  "dependency: films\n"
                                  "kind: worker\n"
                                  "---\n"
                                  "flow: fourth\n"
                                  "steps:\n"
                                  "- id: may\n"
                                  "  call: films\n"
                                  "  critical: false\n"
                                  "  require: payload.customer == 8\n"
                                  "  with: {task: cut}\n"
                                  "- id: do\n"
                                  "  call: images\n"
                                  "  with: {task: resize}\n";

/* A worker's request; `owner` as the world wants it. */
struct asked {
    struct rc_request request;
    bool answered;
    struct rc_lease_ask lease;
    struct rc_report_item item;
    struct rc_result result;
    struct rc_error error;
    struct rc_sv queue, capability;
};

static int setup(void **state)
{
    *state = world_open(definitions);
    return 0;
}

static struct asked *new_asked(enum rc_request_kind kind)
{
    struct asked *asked = calloc(1, sizeof *asked);
    assert_non_null(asked);
    asked->request.kind = kind;
    asked->request.owner = &asked->answered;
    return asked;
}

static struct asked *new_lease(uint32_t max, rc_us wait, const char *capability)
{
    struct asked *asked = new_asked(RC_REQUEST_LEASE);
    asked->queue = RC_SV("images");
    asked->capability = rc_sv_of(capability);
    asked->lease = (struct rc_lease_ask){.queues = &asked->queue,
                                         .nqueues = 1,
                                         .capabilities = &asked->capability,
                                         .ncapabilities = asked->capability.n > 0,
                                         .max = max,
                                         .wait = wait};
    asked->request.u.lease = &asked->lease;
    return asked;
}

static void post(struct world *world, struct asked *asked)
{
    assert_int_equal(rc_engine_post(world->engine, &asked->request), RC_OK);
    (void)world_turn(world);
}

static void drop(struct asked *asked)
{
    if (asked->request.kind == RC_REQUEST_LEASE) rc_tasks_free(asked->lease.tasks);
    free(asked);
}

/* The name of one task that waits. */
static struct rc_lease_name lease(struct world *world)
{
    struct asked *asked = new_lease(1, 0, "");
    post(world, asked);
    assert_true(asked->answered);
    assert_int_equal(asked->request.status, RC_OK);
    assert_int_equal(asked->lease.ntasks, 1);
    struct rc_lease_name name = asked->lease.tasks->lease;
    drop(asked);
    return name;
}

static enum rc_status tell(struct world *world, enum rc_request_kind kind, struct rc_lease_name name,
                           rc_us span)
{
    struct asked *asked = new_asked(kind);
    asked->result = (struct rc_result){
        .reach = RC_ANSWERED, .usable = true, .status = RC_REPORT_DONE, .headers = {.kind = CEL_MAP}};
    asked->item = (struct rc_report_item){
        .lease = name, .result = &asked->result, .error = &asked->error, .span = span};
    asked->request.u.report.items = &asked->item;
    asked->request.u.report.n = 1;
    post(world, asked);
    assert_true(asked->answered);
    enum rc_status status = asked->request.status == RC_OK ? asked->item.status : asked->request.status;
    drop(asked);
    return status;
}

static enum rc_status report(struct world *world, struct rc_lease_name name)
{
    return tell(world, RC_REQUEST_REPORT, name, 0);
}

static enum rc_step_state step_of(struct world *world, uint64_t seq)
{
    return (enum rc_step_state)world_read(world, seq).node[1].state;
}

/* ---- the record ------------------------------------------------------------------------------------------------------ */

static uint64_t watched;
static bool was_open;

static void look(struct world *world, struct rc_request *request)
{
    if (request->kind == RC_REQUEST_LEASE && request->u.lease->ntasks)
        was_open = world_read(world, watched).node[1].phase == RC_PHASE_OPEN;
}

static void the_attempt_is_on_disk_before_the_answer(void **state)
{
    struct world *world = *state;
    watched = world_submit(world, "resize", "k");
    assert_int_equal(world_read(world, watched).node[1].phase, RC_PHASE_READY);
    was_open = false;
    world->on_reply = look;
    struct rc_lease_name name = lease(world);
    assert_true(was_open);
    assert_int_equal(report(world, name), RC_OK);
    assert_int_equal(world_state(world, watched), RC_COMPLETED);
    assert_int_equal(report(world, name), RC_LEASE_LOST);
    assert_int_equal(world->nleft, 0); /* no executor has seen it */
}

static void who_waits_is_given_to_in_the_turn_of_the_submission(void **state)
{
    struct world *world = *state;
    struct asked *asked = new_lease(5, RC_SECONDS(20), "");
    post(world, asked);
    assert_false(asked->answered);
    uint64_t seq = world_submit(world, "resize", "k");
    assert_true(asked->answered);
    assert_int_equal(asked->lease.ntasks, 1);
    assert_int_equal(asked->lease.tasks->lease.command.seq, seq);
    drop(asked);
    asked = new_lease(1, RC_SECONDS(20), "");
    post(world, asked);
    assert_true(world->sleep <= RC_SECONDS(20));
    world_later(world, RC_SECONDS(20));
    assert_true(asked->answered);
    assert_int_equal(asked->lease.ntasks, 0);
    drop(asked);
}

/* ---- crashes and commits --------------------------------------------------------------------------------------------- */

static void a_lease_lives_through_a_crash(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "resize", "k"), other = world_submit(world, "resize", "l");
    struct rc_lease_name name = lease(world), silent = lease(world);
    struct rc_engine_stats stats;
    world_later(world, RC_SECONDS(29));
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.lost, 0);
    world_later(world, RC_SECONDS(29)); /* each has its whole length again */
    assert_int_equal(report(world, name), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    assert_int_equal(step_of(world, other), RC_STEP_ACTIVE);
    world_later(world, RC_SECONDS(2));
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(step_of(world, other), RC_STEP_UNKNOWN);
    assert_int_equal(report(world, silent), RC_LEASE_LOST);
    assert_int_equal(step_of(world, other), RC_STEP_UNKNOWN);
}

static void a_commit_that_fails_leases_nothing(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "resize", "k");
    static const enum rc_status fails[] = {RC_FULL, RC_IO, RC_NOMEM};
    for (size_t i = 0; i < sizeof fails / sizeof *fails; i++) {
        struct asked *asked = new_lease(1, RC_SECONDS(60), "");
        rc_memory_fail_next(world->store, fails[i], false);
        post(world, asked);
        assert_false(asked->answered);
        world_later(world, RC_SECONDS(1));
        world_later(world, RC_SECONDS(1));
        assert_true(asked->answered);
        assert_int_equal(asked->lease.ntasks, 1);
        assert_int_equal(world_read(world, seq).node[1].attempt, 1);
        assert_int_equal(report(world, asked->lease.tasks->lease), RC_OK);
        drop(asked);
        seq = world_submit(world, "resize", i ? "m" : "l");
    }
}

/* It was cancelled while it stood in its line: that one has had nothing, and is next. */
static void what_cannot_begin_is_no_service(void **state)
{
    struct world *world = *state;
    (void)world_submit(world, "resize", "first");
    (void)lease(world); /* so the other line is the one that has waited longest */
    uint64_t gone = world_submit(world, "resize", "gone"), next = world_submit(world, "resize", "next");
    uint64_t other = world_submit(world, "second", "other");
    (void)world_submit(world, "second", "last");
    struct rc_request *request = world_action(world, gone, RC_ACTION_CANCEL, "");
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    struct asked *asked = new_lease(2, 0, "2");
    post(world, asked);
    assert_int_equal(asked->lease.ntasks, 2);
    assert_int_equal(asked->lease.tasks->lease.command.seq, other);
    assert_int_equal(asked->lease.tasks->next->lease.command.seq, next);
    drop(asked);
}

/* Whether the commit was kept or not, nobody was told: what is open on disk never left, and is tried again. */
static void a_commit_that_nobody_knows_of_leases_once(void **state)
{
    struct world *world = *state;
    for (int kept = 0; kept < 2; kept++) {
        uint64_t seq = world_submit(world, "resize", kept ? "k" : "l");
        struct asked *asked = new_lease(1, RC_SECONDS(60), "");
        rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, kept);
        post(world, asked);
        assert_false(asked->answered);
        for (int i = 0; i < 10 && !asked->answered; i++) world_later(world, RC_SECONDS(5));
        assert_true(asked->answered);
        assert_int_equal(asked->lease.ntasks, 1);
        assert_int_equal(asked->lease.tasks->lease.attempt, 1 + kept);
        assert_int_equal(report(world, asked->lease.tasks->lease), RC_OK);
        assert_int_equal(world_state(world, seq), RC_COMPLETED);
        drop(asked);
    }
}

static void a_report_whose_commit_fails_may_be_sent_again(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "resize", "k");
    struct rc_lease_name name = lease(world);
    rc_memory_fail_next(world->store, RC_IO, false);
    assert_int_equal(report(world, name), RC_IO);
    world_later(world, RC_SECONDS(1));
    assert_int_equal(report(world, name), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

/* What was put on record in a turn that was dropped is not on record. */
static void a_late_report_whose_commit_fails_is_on_record_when_it_comes_again(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "resize", "k");
    struct rc_lease_name name = lease(world);
    world_later(world, RC_SECONDS(31));
    assert_int_equal(world_run(world), RC_OK);
    uint32_t before = world_read(world, seq).rev;
    rc_memory_fail_next(world->store, RC_IO, false);
    assert_int_equal(report(world, name), RC_IO);
    world_later(world, RC_SECONDS(1));
    assert_int_equal(report(world, name), RC_LEASE_LOST);
    assert_int_equal(world_read(world, seq).rev, before + 1);
    assert_int_equal(report(world, name), RC_LEASE_LOST);
    assert_int_equal(world_read(world, seq).rev, before + 1); /* once */
}

static void release_hold(struct world *world)
{
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_HOLD;
    request->u.hold.id = world->engine->hold.id;
    request->u.hold.check = (uint32_t)world->engine->hold.nonce;
    request->u.hold.watch = RC_SECONDS(60);
    request->u.hold.by = (struct rc_author){RC_SV("test"), RC_SV("olga"), RC_SV("looked at it")};
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
}

static void say_that_it_did_not_happen(struct world *world, uint64_t seq)
{
    struct rc_request *request = world_action(world, seq, RC_ACTION_RESOLVE, "");
    request->u.act.act.verdict = RC_DID_NOT_HAPPEN;
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    request = world_action(world, seq, RC_ACTION_RETRY, "");
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
}

/* A step that is not begun when its turn comes leads to one of another line. */
static void what_queues_while_tasks_are_given_is_given(void **state)
{
    struct world *world = *state;
    struct asked *asked = new_lease(1, RC_SECONDS(60), "2");
    post(world, asked);
    world_submit(world, "third", "k");
    assert_true(asked->answered);
    assert_int_equal(asked->lease.ntasks, 1);
    assert_int_equal(asked->lease.tasks->lease.node, 2);
    drop(asked);
}

/* So also where the other line was looked at before, for one who got nothing of it: what waited there could not begin either. */
static void what_queues_behind_one_who_got_nothing_is_given(void **state)
{
    struct world *world = *state;
    struct asked *first = new_lease(2, RC_SECONDS(60), ""), *second = new_lease(1, RC_SECONDS(60), "");
    second->queue = RC_SV("films");
    uint64_t gone = world_submit(world, "resize", "gone");
    uint64_t stays = world_submit(world, "fourth", "k");
    struct rc_request *cancel = world_action(world, gone, RC_ACTION_CANCEL, "");
    assert_int_equal(rc_engine_post(world->engine, cancel), RC_OK); /* its row is there until the turn ends */
    assert_int_equal(rc_engine_post(world->engine, &first->request), RC_OK);
    post(world, second);
    assert_true(first->answered);
    assert_int_equal(first->lease.ntasks, 1);
    assert_int_equal(first->lease.tasks->lease.command.seq, stays);
    assert_false(second->answered);
    world_free_request(cancel);
    atomic_store(&second->lease.gone, true);
    (void)world_turn(world);
    drop(first);
    drop(second);
}

/* Another life of the store has given an attempt of this number to somebody else. */
static void who_had_it_in_another_life_of_the_store_has_not_got_it_here(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "resize", "k");
    struct rc_memory_disk *copy = rc_memory_disk_copy(world->disk);
    struct rc_lease_name before = lease(world);
    rc_memory_come_from(copy, (struct rc_origin){RC_HELD_BACKUP, world->engine->now});
    world_replace(world, copy);
    assert_int_equal(world_run(world), RC_OK);
    release_hold(world);
    assert_int_equal(report(world, before), RC_NOT_FOUND);
    say_that_it_did_not_happen(world, seq);
    struct rc_lease_name now = lease(world);
    assert_int_equal(now.attempt, before.attempt);
    assert_int_equal(report(world, before), RC_LEASE_LOST);
    assert_int_equal(tell(world, RC_REQUEST_HEARTBEAT, before, 0), RC_LEASE_LOST);
    assert_int_equal(step_of(world, seq), RC_STEP_ACTIVE);
    assert_int_equal(report(world, now), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

/* A line whose window was forgotten is read anew before something else queues there. */
static void what_queues_behind_a_failed_commit_is_given(void **state)
{
    struct world *world = *state;
    world_submit(world, "resize", "k");
    assert_int_equal(report(world, lease(world)), RC_OK);
    struct rc_request *failed = world_submission(world, "resize", "l", "{\"customer\": 7}");
    rc_memory_fail_next(world->store, RC_NOMEM, false);
    world_ask(world, failed);
    assert_int_equal(failed->status, RC_NOMEM);
    world_free_request(failed);
    struct asked *asked = new_lease(1, RC_SECONDS(60), "");
    assert_int_equal(rc_engine_post(world->engine, &asked->request), RC_OK);
    world_submit(world, "resize", "m");
    assert_int_equal(world_run(world), RC_OK);
    assert_true(asked->answered);
    assert_int_equal(asked->lease.ntasks, 1);
    drop(asked);
}

/* ---- running out ----------------------------------------------------------------------------------------------------- */

/* Hundreds of leases with heartbeats in no order: each ends at its deadline, neither before nor long after. */
static void leases_run_out_in_the_order_of_their_deadlines(void **state)
{
    enum { N = 300 };
    struct world *world = *state;
    struct rc_lease_name name[N];
    rc_us deadline[N];
    char key[8];
    for (unsigned i = 0; i < N; i++) {
        snprintf(key, sizeof key, "k%u", i);
        world_submit(world, "resize", key);
        name[i] = lease(world);
    }
    for (unsigned i = 0; i < N; i++) {
        unsigned one = i * 7 % N;
        assert_int_equal(tell(world, RC_REQUEST_HEARTBEAT, name[one], RC_SECONDS(1 + one * 13 % 90)), RC_OK);
        deadline[one] = world->engine->now + RC_SECONDS(1 + one * 13 % 90);
    }
    for (unsigned second = 0; second < 91; second++) {
        world_later(world, RC_SECONDS(1));
        for (unsigned i = 0; i < N; i++) {
            uint64_t key_of = rc_attempt_key(name[i].command.seq, name[i].node, name[i].attempt);
            bool lives = rc_lease_find(world->engine, key_of) != NULL;
            assert_int_equal(lives, deadline[i] > world->engine->now);
        }
    }
    assert_int_equal(world->engine->leases.n, 0);
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i < N; i++) assert_int_equal(step_of(world, name[i].command.seq), RC_STEP_UNKNOWN);
}

static void no_heartbeat_goes_beyond_the_timeout(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "resize", "k");
    struct rc_lease_name name = lease(world);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(tell(world, RC_REQUEST_HEARTBEAT, name, RC_SECONDS(600)), RC_OK);
        world_later(world, RC_SECONDS(23));
    }
    assert_int_equal(step_of(world, seq), RC_STEP_ACTIVE);
    world_later(world, RC_SECONDS(6)); /* 121 s */
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(step_of(world, seq), RC_STEP_UNKNOWN);
    assert_int_equal(world_read(world, seq).data[1].why, RC_WHY_TIMEOUT);
    assert_int_equal(tell(world, RC_REQUEST_HEARTBEAT, name, 0), RC_LEASE_LOST);
}

/* ---- bounds and capabilities ------------------------------------------------------------------------------------------ */

static void so_many_may_wait_and_no_more(void **state)
{
    struct world *world = *state;
    static struct asked *asked[RC_MAX_POLLERS + 1];
    for (unsigned i = 0; i <= RC_MAX_POLLERS; i++) {
        asked[i] = new_lease(1, RC_SECONDS(60), "");
        assert_int_equal(rc_engine_post(world->engine, &asked[i]->request), RC_OK);
    }
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i < RC_MAX_POLLERS; i++) assert_false(asked[i]->answered);
    assert_true(asked[RC_MAX_POLLERS]->answered);
    assert_int_equal(asked[RC_MAX_POLLERS]->request.status, RC_BUSY);
    atomic_store(&asked[0]->lease.gone, true); /* one has gone: there is a place */
    world_submit(world, "resize", "k");
    assert_int_equal(asked[0]->lease.ntasks, 0);
    assert_int_equal(asked[1]->lease.ntasks, 1);
    rc_engine_drain(world->engine);
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i <= RC_MAX_POLLERS; i++) {
        assert_true(asked[i]->answered);
        drop(asked[i]);
    }
}

static void so_many_are_leased_and_no_more(void **state)
{
    struct world *world = *state;
    struct rc_lease made = {.deadline = UINT64_MAX, .most = UINT64_MAX};
    world_submit(world, "resize", "k");
    world_submit(world, "resize", "l");
    for (unsigned i = 0; i < RC_MAX_LEASES - 1; i++) {
        made.key = (UINT64_C(1) << 62) + i;
        assert_int_equal(rc_lease_add(world->engine, &made), RC_OK);
    }
    struct asked *asked = new_lease(2, 0, "");
    post(world, asked);
    assert_int_equal(asked->lease.ntasks, 1);
    struct asked *next = new_lease(2, 0, "");
    post(world, next);
    assert_int_equal(next->lease.ntasks, 0);
    assert_int_equal(report(world, asked->lease.tasks->lease), RC_OK);
    drop(next);
    next = new_lease(2, 0, "");
    post(world, next);
    assert_int_equal(next->lease.ntasks, 1);
    drop(asked);
    drop(next);
}

static void only_who_declares_it_gets_it(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "second", "k");
    struct asked *asked = new_lease(1, 0, "");
    post(world, asked);
    assert_int_equal(asked->lease.ntasks, 0);
    drop(asked);
    world_crash(world); /* what a line is for is found out again */
    assert_int_equal(world_run(world), RC_OK);
    asked = new_lease(1, 0, "1");
    post(world, asked);
    assert_int_equal(asked->lease.ntasks, 0);
    drop(asked);
    asked = new_lease(1, 0, "2");
    post(world, asked);
    assert_int_equal(asked->lease.ntasks, 1);
    assert_int_equal(asked->lease.tasks->lease.command.seq, seq);
    drop(asked);
}

static void names_are_read_as_they_are_written(void **state)
{
    (void)state;
    struct rc_lease_name name = {{.seq = RC_SEQ_MAX, .check = UINT32_MAX},
                                 RC_MAX_INSTANCES - 1,
                                 UINT16_MAX,
                                 {~0ull, 1}},
                         again;
    char text[RC_LEASE_TEXT + 1];
    rc_lease_format(&name, text);
    assert_true(strlen(text) <= RC_LEASE_TEXT);
    assert_true(rc_lease_parse(rc_sv_of(text), &again));
    assert_int_equal(again.command.seq, name.command.seq);
    assert_int_equal(again.node, name.node);
    assert_int_equal(again.attempt, name.attempt);
    assert_true(rc_h128_eq(again.secret, name.secret));
    name.node = RC_MAX_INSTANCES;
    char beyond[RC_LEASE_TEXT + 1];
    rc_lease_format(&name, beyond);
    assert_false(rc_lease_parse(rc_sv_of(beyond), &again));
    for (size_t n = 0; n < strlen(text); n++)
        assert_false(rc_lease_parse((struct rc_sv){text, (uint32_t)n}, &again));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_attempt_is_on_disk_before_the_answer),
        CASE(who_waits_is_given_to_in_the_turn_of_the_submission),
        CASE(a_lease_lives_through_a_crash),
        CASE(a_commit_that_fails_leases_nothing),
        CASE(what_cannot_begin_is_no_service),
        CASE(a_commit_that_nobody_knows_of_leases_once),
        CASE(a_report_whose_commit_fails_may_be_sent_again),
        CASE(a_late_report_whose_commit_fails_is_on_record_when_it_comes_again),
        CASE(what_queues_behind_a_failed_commit_is_given),
        CASE(what_queues_while_tasks_are_given_is_given),
        CASE(what_queues_behind_one_who_got_nothing_is_given),
        CASE(who_had_it_in_another_life_of_the_store_has_not_got_it_here),
        CASE(leases_run_out_in_the_order_of_their_deadlines),
        CASE(no_heartbeat_goes_beyond_the_timeout),
        CASE(so_many_may_wait_and_no_more),
        CASE(so_many_are_leased_and_no_more),
        CASE(only_who_declares_it_gets_it),
        CASE(names_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
