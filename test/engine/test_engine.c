/* The engine on a disk in memory: what it promises at every commit, whatever becomes of it. */
#include "world.h"

#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the plain life ------------------------------------------------------------------------------------------------- */

static void a_command_lives(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    assert_int_equal(world->nleft, 1);
    assert_int_equal(world->left[0].of.id, seq);
    assert_int_equal(world_state(world, seq), RC_RUNNING);
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    assert_int_equal(world_read(world, seq).rev, 2); /* one record an event */
    assert_int_equal(world->nleft, 1);
}

static void outputs_reach_the_next_step_after_a_restart(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "two", "k");
    world_answer(world, 0, 200, "{\"id\": 2.0}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 2);
    struct rc_h128 before = world_read(world, seq).data[2].request;
    world_crash(
        world); /* the second attempt is lost; it is asked of a person, who says that it did not happen */
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_REVIEW);
    struct rc_request *request = world_action(world, seq, RC_ACTION_RESOLVE, "");
    request->u.act.act.verdict = RC_DID_NOT_HAPPEN;
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    world_free_request(request);
    world_later(world, RC_SECONDS(60));
    assert_int_equal(world->nleft, 3);
    struct rc_h128 after = world_read(world, seq).data[2].request;
    assert_true(rc_h128_eq(before, after)); /* the very same request, from outputs that were read back */
}

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

static void same_key_same_payload_is_the_same_command(void **state)
{
    struct world *world = *state;
    struct rc_request *twins[8];
    for (unsigned i = 0; i < 8; i++) { /* all in one turn */
        twins[i] = world_submission(world, "one", "k",
                                    i % 2 ? "{\"customer\": 7, \"a\": 1.0}" : "{\"a\": 1, \"customer\": 7}");
        assert_int_equal(rc_engine_post(world->engine, twins[i]), RC_OK);
    }
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(twins[i]->status, RC_OK);
        assert_int_equal(twins[i]->replayed, i > 0);
        assert_int_equal(twins[i]->command.seq, twins[0]->command.seq);
    }
    for (unsigned i = 0; i < 8; i++) world_free_request(twins[i]);
    assert_int_equal(world->nleft, 1);
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned restart = 0; restart < 2; restart++) { /* also when it has ended, and after a restart */
        struct rc_request *again = world_submission(world, "one", "k", "{\"customer\": 7, \"a\": 1}");
        world_ask(world, again);
        assert_true(again->status == RC_OK && again->replayed && again->command.state == RC_COMPLETED);
        world_free_request(again);
        world_crash(world);
    }
    assert_int_equal(world->nleft, 1);
}

static void same_key_other_payload_is_a_conflict_that_stores_nothing(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    struct rc_request *other = world_submission(world, "one", "k", "{\"customer\": 8}");
    world_ask(world, other);
    assert_int_equal(other->status, RC_KEY_CONFLICT);
    assert_int_equal(other->command.seq, seq);
    world_free_request(other);
    uint64_t next = world_submit(world, "plain", "k"); /* another type: another key */
    assert_int_equal(next, seq + 1);                   /* the conflict took no number */
}

/* ---- commits that fail ---------------------------------------------------------------------------------------------- */

static void a_refused_commit_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct rc_request *request = world_submission(world, "one", "k", "{\"customer\": 7}");
    rc_memory_fail_next(world->store, RC_FULL, false);
    world_ask(world, request);
    assert_int_equal(request->status, RC_FULL);
    assert_int_equal(world->nleft, 0);
    world_free_request(request);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_submit(world, "one", "k"), 1);
    assert_int_equal(world->nleft, 1);
}

static void a_result_survives_a_refused_commit(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    rc_memory_fail_next(world->store, RC_FULL, false);
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_turn(world), RC_FULL);
    assert_int_equal(world_state(world, seq), RC_RUNNING);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

static void after_an_unknown_commit_the_disk_says_what_is_true(void **state)
{
    struct world *world = *state;
    for (unsigned kept = 0; kept < 2; kept++) {
        const char *key = kept ? "kept" : "lost";
        uint32_t left = world->nleft;
        struct rc_request *request = world_submission(world, "one", key, "{\"customer\": 7}");
        rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, kept);
        world_ask(world, request);
        assert_int_equal(request->status, RC_COMMIT_UNKNOWN); /* the API closes the connection */
        assert_int_equal(world->nleft, left);                 /* nothing has left */
        world_free_request(request);
        assert_int_equal(world_run(world), RC_OK);
        struct rc_request *again = world_submission(world, "one", key, "{\"customer\": 7}");
        world_ask(world, again);
        assert_int_equal(again->status, RC_OK);
        assert_int_equal(again->replayed, kept);
        uint64_t seq = again->command.seq;
        world_free_request(again);
        world_later(world, RC_SECONDS(2));
        assert_int_equal(world->nleft, left + 1); /* once, whether the first commit was kept or not */
        world_answer(world, left, 201, "{}");
        assert_int_equal(world_run(world), RC_OK);
        assert_int_equal(world_state(world, seq), RC_COMPLETED);
        /* an attempt that was recorded and surely never left is no unknown */
        assert_int_equal(world_read(world, seq).node[1].attempt, 1 + kept);
        assert_int_equal(world_read(world, seq).node[1].asks, 0);
    }
}

static void a_result_in_an_unknown_commit_counts_once(void **state)
{
    struct world *world = *state;
    for (unsigned kept = 0; kept < 2; kept++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", kept);
        uint64_t seq = world_submit(world, "two", key);
        uint32_t first = world->nleft - 1;
        rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, kept);
        world_answer(world, first, 200, "{\"id\": 1}");
        assert_int_equal(world_turn(world), RC_OK); /* opened again at once */
        assert_int_equal(world->nleft, first + 1);  /* the second step has not left: nobody knew of it */
        assert_int_equal(world_run(world), RC_OK);
        world_later(world,
                    RC_SECONDS(120)); /* kept: its attempt is on record and never left; it is tried again */
        assert_int_equal(world->nleft, first + 2);
        world_answer(world, first + 1, 200, "{}");
        assert_int_equal(world_run(world), RC_OK);
        assert_int_equal(world_state(world, seq), RC_COMPLETED);
        assert_int_equal(world_read(world, seq).node[1].attempt, 1);
    }
}

static void while_the_store_cannot_be_opened_everybody_is_told(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    struct rc_store *thief = NULL;
    rc_memory_fail_next(world->store, RC_IO, false);
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_turn(world), RC_IO);
    assert_null(thief);
    assert_int_equal(world_run(world), RC_OK); /* read anew; the answer was kept */
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

static void what_the_store_will_never_take_fails_alone(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "out");
    struct rc_request *requests[3];
    for (unsigned i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        requests[i] = world_submission(world, "one", key, "{\"customer\": 7}");
        assert_int_equal(rc_engine_post(world->engine, requests[i]), RC_OK);
    }
    world_answer(world, 0, 201, "{}");
    rc_memory_fail_next(world->store, RC_LIMIT, false);
    assert_int_equal(world_turn(world), RC_OK); /* nothing was taken, nobody was told */
    for (unsigned i = 0; i < 3; i++) assert_false(*(bool *)requests[i]->owner);
    assert_int_equal(world_turn(world), RC_OK); /* one by one: the answer */
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    rc_memory_fail_next(world->store, RC_LIMIT, false);
    assert_int_equal(world_turn(world), RC_OK); /* the first submission is to blame */
    assert_true(*(bool *)requests[0]->owner);
    assert_int_equal(requests[0]->status, RC_LIMIT);
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 1; i < 3; i++) assert_int_equal(requests[i]->status, RC_OK);
    assert_int_equal(requests[2]->command.seq, seq + 2);
    for (unsigned i = 0; i < 3; i++) world_free_request(requests[i]);
    assert_int_equal(world->nleft, 3);
}

/* What a request found out in a turn that was dropped is forgotten: what looked like a repeat is what makes the command. */
static void a_request_that_runs_again_begins_anew(void **state)
{
    struct world *world = *state;
    struct rc_request *requests[2];
    for (unsigned i = 0; i < 2; i++) {
        requests[i] = world_submission(world, "one", "k", "{\"customer\": 7}");
        assert_int_equal(rc_engine_post(world->engine, requests[i]), RC_OK);
    }
    rc_memory_fail_next(world->store, RC_LIMIT, false);
    assert_int_equal(world_turn(world), RC_OK); /* together, and dropped: from now on one by one */
    rc_memory_fail_next(world->store, RC_NOMEM, false);
    assert_int_equal(world_turn(world), RC_NOMEM);
    assert_int_equal(requests[0]->status, RC_NOMEM);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(requests[1]->status, RC_OK);
    assert_false(requests[1]->replayed);
    assert_int_equal(requests[1]->command.seq, 1);
    for (unsigned i = 0; i < 2; i++) world_free_request(requests[i]);
}

static void a_fact_that_the_store_will_never_take_is_given_up(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    struct rc_engine_stats stats;
    world_answer(world, 0, 201, "{}");
    for (unsigned i = 0; i < 2; i++) { /* with others, and alone */
        rc_memory_fail_next(world->store, RC_BUG, false);
        assert_int_equal(world_turn(world), RC_OK);
    }
    assert_int_equal(world_run(world), RC_OK);
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.faults, 1);
    assert_int_equal(world_state(world, seq), RC_RUNNING); /* until the next start settles it */
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    world_answer(world, 1, 200, "{\"there\": true}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

/* ---- restarts ------------------------------------------------------------------------------------------------------- */

static void a_crash_makes_what_was_out_unknown_and_nothing_else(void **state)
{
    struct world *world = *state;
    uint64_t seqs[5];
    for (unsigned i = 0; i < 5; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        seqs[i] = world_submit(world, "one", key);
    }
    assert_int_equal(world->nleft, 2); /* two places */
    world_crash(world);
    for (unsigned i = 2; i < 5; i++) assert_int_equal(world_state(world, seqs[i]), RC_PENDING);
    assert_int_equal(world_turn(world), RC_OK);
    assert_int_equal(world->nleft, 4); /* the two that were out are asked about; they were first */
    assert_true(world->left[2].purpose == RC_CHECK && world->left[3].purpose == RC_CHECK);
    for (unsigned i = 2; i < 5; i++) assert_int_equal(world_read(world, seqs[i]).node[1].attempt, 0);
    for (uint32_t i = 2; i < world->nleft; i++) {
        world_answer(world, i, 200, "{\"there\": true}");
        assert_int_equal(world_run(world), RC_OK);
    }
    for (unsigned i = 0; i < 5; i++) assert_int_equal(world_state(world, seqs[i]), RC_COMPLETED);
    assert_int_equal(world->nleft, 2 + 2 + 3);
}

static void restarting_again_and_again_changes_nothing_more(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "plain", "k");
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_REVIEW);
    uint32_t rev = world_read(world, seq).rev;
    for (unsigned i = 0; i < 3; i++) {
        world_crash(world);
        assert_int_equal(world_run(world), RC_OK);
    }
    assert_int_equal(world_read(world, seq).rev, rev);
    assert_int_equal(world->nleft, 1);
}

static void time_does_not_go_back_over_a_restart(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    rc_us due = world_read(world, seq).data[1].times.due, created = world_read(world, seq).id.created;
    world->now = 0; /* and the wall clock with it */
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    uint64_t next = world_submit(world, "one", "k2");
    assert_true(world_read(world, next).id.created >= created);
    world_later(world, RC_SECONDS(2));
    assert_true(world_read(world, seq).changed >= due);
    assert_int_equal(world_read(world, seq).node[1].attempt, 2);
}

/* ---- waiting -------------------------------------------------------------------------------------------------------- */

static void places_are_never_exceeded_and_the_queue_is_fair(void **state)
{
    struct world *world = *state;
    enum { MANY = 2 * RC_WINDOW + 100 };
    for (unsigned i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        struct rc_request *request = world_submission(world, "plain", key, "{}");
        world_ask(world, request);
        assert_int_equal(request->status, RC_OK);
        world_free_request(request);
        world->now++;
    }
    assert_int_equal(world->nleft, 2);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(i < world->nleft && world->nleft <= i + 2);
        assert_int_equal(world->left[i].of.id, i + 1); /* in the order in which they came */
        world_answer(world, i, 200, "{}");
        assert_int_equal(world_turn(world), RC_OK);
        assert_int_equal(world_turn(world), RC_OK);
    }
    assert_int_equal(world->nleft, MANY);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, MANY), RC_COMPLETED);
}

static void many_wait_for_a_time(void **state)
{
    struct world *world = *state;
    enum { MANY = RC_WINDOW + 500 };
    for (uint32_t i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        world_submit(world, "plain", key);
        world_lose(world, i, RC_WHY_NOT_SENT);
        assert_int_equal(world_run(world), RC_OK);
        world->now++;
    }
    assert_int_equal(world->nleft, MANY);
    world_later(world, RC_SECONDS(2));
    for (uint32_t i = MANY; i < 2 * MANY; i++) {
        assert_true(i < world->nleft);
        world_answer(world, i, 200, "{}");
        assert_int_equal(world_run(world), RC_OK);
    }
    for (uint64_t seq = 1; seq <= MANY; seq++) assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

static void an_attempt_that_cannot_start_is_a_result(void **state)
{
    struct world *world = *state;
    world->refuse_start = true;
    uint64_t seq = world_submit(world, "one", "k");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_WAITING);
    world->refuse_start = false;
    world_later(world, RC_SECONDS(2));
    assert_int_equal(world->nleft, 1);
    world_answer(world, 0, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

/* ---- several at once ------------------------------------------------------------------------------------------------ */

/* n submissions linked in their order, keys k0, k1, … */
static struct rc_request **chain(struct world *world, unsigned n)
{
    struct rc_request **all = calloc(n, sizeof *all);
    assert_non_null(all);
    for (unsigned i = 0; i < n; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        all[i] = world_submission(world, "one", key, "{\"customer\": 7}");
        if (i) all[i - 1]->next = all[i];
    }
    return all;
}

static void free_chain(struct rc_request **all, unsigned n)
{
    for (unsigned i = 0; i < n; i++) world_free_request(all[i]);
    free(all);
}

static void what_is_posted_together_is_committed_together(void **state)
{
    struct world *world = *state;
    enum { N = 500 };
    struct rc_engine_stats before, after;
    struct rc_request **all = chain(world, N);
    rc_engine_stats(world->engine, &before);
    assert_int_equal(rc_engine_post_all(world->engine, all[0]), RC_OK);
    assert_int_equal(world_turn(world), RC_OK);
    rc_engine_stats(world->engine, &after);
    assert_int_equal(after.commits, before.commits + 1);
    for (unsigned i = 0; i < N; i++) {
        assert_true(*(bool *)all[i]->owner);
        assert_true(all[i]->status == RC_OK && !all[i]->replayed);
        assert_int_equal(all[i]->command.seq, all[0]->command.seq + i); /* in their order */
    }
    free_chain(all, N);
}

static void the_inbox_takes_all_or_none(void **state)
{
    struct world *world = *state;
    struct rc_request **all = chain(world, RC_MAX_INBOX + 1);
    assert_int_equal(rc_engine_post_all(world->engine, all[0]), RC_BUSY);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->replies, 0); /* none of them */
    all[RC_MAX_INBOX - 1]->next = NULL;
    assert_int_equal(rc_engine_post_all(world->engine, all[0]), RC_OK);
    assert_int_equal(rc_engine_post(world->engine, all[RC_MAX_INBOX]), RC_BUSY);
    world_crash(world);
    for (unsigned i = 0; i < RC_MAX_INBOX; i++) assert_int_equal(all[i]->status, RC_STOPPING);
    assert_false(*(bool *)all[RC_MAX_INBOX]->owner);
    free_chain(all, RC_MAX_INBOX + 1);
}

/* ---- actions -------------------------------------------------------------------------------------------------------- */

static void an_action_with_a_key_is_done_once(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    world_answer(world, 0, 422, "{}");
    assert_int_equal(world_run(world), RC_OK);
    struct rc_request *both[2];
    for (unsigned i = 0; i < 2; i++) { /* in one turn */
        both[i] = world_action(world, seq, RC_ACTION_RETRY, "click");
        assert_int_equal(rc_engine_post(world->engine, both[i]), RC_OK);
    }
    assert_int_equal(world_turn(world), RC_OK);
    assert_true(both[0]->status == RC_OK && !both[0]->replayed);
    assert_true(both[1]->status == RC_OK && both[1]->replayed);
    for (unsigned i = 0; i < 2; i++) world_free_request(both[i]);
    assert_int_equal(world->nleft, 2);
    world_answer(world, 1, 422, "{}");
    assert_int_equal(world_run(world), RC_OK);
    struct rc_request *later = world_action(world, seq, RC_ACTION_RETRY, "click");
    world_ask(world, later);
    assert_true(later->status == RC_OK && later->replayed);
    world_free_request(later);
    struct rc_request *other = world_action(world, seq, RC_ACTION_CANCEL, "click");
    world_ask(world, other);
    assert_int_equal(other->status, RC_KEY_CONFLICT);
    world_free_request(other);
    assert_int_equal(world->nleft, 2);
}

static void actions_on_what_is_not_there(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    struct rc_request *request = world_action(world, seq, RC_ACTION_CANCEL, "");
    request->u.act.check ^= 1; /* an id that was issued by another store */
    world_ask(world, request);
    assert_int_equal(request->status, RC_NOT_FOUND);
    request->u.act.seq = 4711;
    *(bool *)request->owner = false;
    world_ask(world, request);
    assert_int_equal(request->status, RC_NOT_FOUND);
    world_free_request(request);
    struct rc_request *stale = world_action(world, seq, RC_ACTION_CANCEL, "");
    stale->u.act.act.expected_rev = 77;
    world_ask(world, stale);
    assert_int_equal(stale->status, RC_STALE);
    world_free_request(stale);
    assert_int_equal(world_state(world, seq), RC_RUNNING);
}

/* ---- changes -------------------------------------------------------------------------------------------------------- */

static void a_change_is_told_when_it_is_true(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_submit(world, "one", "k");
    assert_int_equal(world->nchanged, 1);
    assert_true(world->changed.seq == seq && world->changed.state == RC_RUNNING && world->changed.rev == 1);
    struct rc_request *again = world_submission(world, "one", "k", "{\"customer\": 7}");
    world_ask(world, again);
    world_free_request(again);
    assert_int_equal(world->nchanged, 1); /* a repeat changes nothing */
    rc_memory_fail_next(world->store, RC_FULL, false);
    world_answer(world, 0, 201, "{}");
    (void)!world_turn(world);
    assert_int_equal(world->nchanged, 1); /* nor does what was not kept */
    world_later(world, RC_SECONDS(2));
    assert_int_equal(world->nchanged, 2);
    assert_true(world->changed.seq == seq && world->changed.state == RC_COMPLETED && world->changed.rev == 2);
    assert_int_equal(world->nany, 0);
}

static void after_an_unknown_commit_any_command_may_have_changed(void **state)
{
    struct world *world = *state;
    (void)world_submit(world, "one", "k");
    rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, true);
    world_answer(world, 0, 201, "{}");
    (void)!world_turn(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nany, 1);
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static void draining_starts_nothing_new(void **state)
{
    struct world *world = *state;
    struct rc_engine_stats stats;
    uint64_t first = world_submit(world, "two", "k");
    rc_engine_drain(world->engine);
    rc_engine_stats(world->engine, &stats);
    assert_false(stats.drained); /* the turn that runs may have begun before */
    struct rc_request *request = world_submission(world, "one", "other", "{\"customer\": 1}");
    assert_int_equal(rc_engine_post(world->engine, request), RC_STOPPING);
    world_free_request(request);
    world_answer(world, 0, 200, "{\"id\": 1}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 1); /* the second step waits */
    assert_int_equal(world_state(world, first), RC_RUNNING);
    rc_engine_stats(world->engine, &stats);
    assert_true(stats.drained);
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world->nleft, 2); /* and is no unknown after the start */
    assert_int_equal(world->left[1].purpose, RC_ACT);
}

static void a_request_that_waits_at_the_end_is_answered(void **state)
{
    struct world *world = *state;
    struct rc_request *request = world_submission(world, "one", "k", "{\"customer\": 1}");
    assert_int_equal(rc_engine_post(world->engine, request), RC_OK);
    world_crash(world);
    assert_true(*(bool *)request->owner);
    assert_int_equal(request->status, RC_STOPPING);
    world_free_request(request);
}

/* What comes behind the reading of the clock is heard in the turn after, so that nothing is heard before its time. */
static void what_comes_after_the_collection_waits_for_the_next_turn(void **state)
{
    struct world *world = *state;
    struct rc_request *first = world_submission(world, "one", "a", "{\"customer\": 1}");
    struct rc_request *second = world_submission(world, "one", "b", "{\"customer\": 1}");
    struct rc_request *third = world_submission(world, "one", "c", "{\"customer\": 1}");
    assert_int_equal(rc_engine_post(world->engine, first), RC_OK);
    rc_engine_collect(world->engine);
    assert_int_equal(rc_engine_post(world->engine, second), RC_OK);
    rc_engine_collect(world->engine); /* once for a turn */
    assert_int_equal(world_turn(world), RC_OK);
    assert_true(*(bool *)first->owner);
    assert_false(*(bool *)second->owner);
    assert_int_equal(world_turn(world), RC_OK);
    assert_true(*(bool *)second->owner);
    assert_int_equal(rc_engine_post(world->engine, third), RC_OK);
    rc_engine_collect(world->engine);
    world_crash(world); /* at the end nobody is forgotten, collected or not */
    assert_true(*(bool *)third->owner);
    assert_int_equal(third->status, RC_STOPPING);
    world_free_request(first);
    world_free_request(second);
    world_free_request(third);
}

/* ---- poison --------------------------------------------------------------------------------------------------------- */

/* The process dies while it runs this unit: the page still names it. */
static void die_with(struct world *world, uint64_t unit)
{
    world->suspects->running = unit;
    world_crash(world);
}

static void suspects_are_forgotten_when_they_turn_out_innocent(void **state)
{
    struct world *world = *state;
    uint64_t unit = 42;
    for (unsigned i = 0; i < RC_MAX_LOST; i++) {
        assert_false(rc_suspects_is_poison(world->suspects, unit));
        die_with(world, unit);
    }
    assert_true(rc_suspects_is_poison(world->suspects, unit));
    rc_suspects_enter(world->suspects, unit);
    rc_suspects_leave(world->suspects);
    assert_true(rc_suspects_is_poison(world->suspects, unit)); /* until the commit */
    rc_suspects_committed(world->suspects);
    assert_false(rc_suspects_is_poison(world->suspects, unit));
}

static void a_poisonous_submission_is_refused(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < RC_MAX_LOST; i++)
        die_with(world, rc_key_hash(RC_SV("default"), RC_SV("one"), RC_SV("bad")) | 1);
    struct rc_request *bad = world_submission(world, "one", "bad", "{\"customer\": 7}");
    world_ask(world, bad);
    assert_int_equal(bad->status, RC_SET_ASIDE);
    world_free_request(bad);
    assert_int_equal(world->nleft, 0);
    assert_int_equal(world_submit(world, "one", "good"), 1);
}

static void a_poisonous_step_waits_for_a_person(void **state)
{
    struct world *world = *state;
    uint64_t waiting = world_submit(world, "one", "waiting"), out = world_submit(world, "one", "out");
    world_lose(world, 0, RC_WHY_NOT_SENT);
    assert_int_equal(world_run(world), RC_OK);
    for (unsigned i = 0; i < RC_MAX_LOST; i++)
        die_with(world, rc_step_unit(waiting, 1)); /* no turn is ever finished */
    world_later(world, RC_SECONDS(2));
    assert_int_equal(world_state(world, waiting),
                     RC_FAILED); /* known not to have happened, and not tried again by itself */
    assert_int_equal(world_read(world, waiting).node[1].why, RC_WHY_CRASH_LOOP);
    assert_int_equal(world_state(world, out), RC_RUNNING); /* the other one is asked about as always */
    for (unsigned i = 0; i < RC_MAX_LOST; i++) die_with(world, rc_step_unit(out, 1));
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, out), RC_REVIEW);
    assert_int_equal(world_read(world, out).node[1].state, RC_STEP_UNKNOWN);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_command_lives),
        CASE(outputs_reach_the_next_step_after_a_restart),
        CASE(same_key_same_payload_is_the_same_command),
        CASE(same_key_other_payload_is_a_conflict_that_stores_nothing),
        CASE(a_refused_commit_leaves_nothing),
        CASE(a_result_survives_a_refused_commit),
        CASE(after_an_unknown_commit_the_disk_says_what_is_true),
        CASE(a_result_in_an_unknown_commit_counts_once),
        CASE(while_the_store_cannot_be_opened_everybody_is_told),
        CASE(what_the_store_will_never_take_fails_alone),
        CASE(a_request_that_runs_again_begins_anew),
        CASE(a_fact_that_the_store_will_never_take_is_given_up),
        CASE(a_crash_makes_what_was_out_unknown_and_nothing_else),
        CASE(restarting_again_and_again_changes_nothing_more),
        CASE(time_does_not_go_back_over_a_restart),
        CASE(places_are_never_exceeded_and_the_queue_is_fair),
        CASE(many_wait_for_a_time),
        CASE(an_attempt_that_cannot_start_is_a_result),
        CASE(what_is_posted_together_is_committed_together),
        CASE(the_inbox_takes_all_or_none),
        CASE(an_action_with_a_key_is_done_once),
        CASE(actions_on_what_is_not_there),
        CASE(a_change_is_told_when_it_is_true),
        CASE(after_an_unknown_commit_any_command_may_have_changed),
        CASE(draining_starts_nothing_new),
        CASE(a_request_that_waits_at_the_end_is_answered),
        CASE(what_comes_after_the_collection_waits_for_the_next_turn),
        CASE(suspects_are_forgotten_when_they_turn_out_innocent),
        CASE(a_poisonous_submission_is_refused),
        CASE(a_poisonous_step_waits_for_a_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
