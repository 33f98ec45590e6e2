/* Purging through the engine: only what is over goes, whatever else happens in the same turn, and its key runs again only where
 * its flow says so. */
#include "world.h"

#include "codec/json.h"

static const char reusing[] = "dependency: out\nkind: http\nbase: http://127.0.0.1:1\n"
                              "---\nflow: often\nkey_reuse: after_end\nsteps:\n"
                              "  - id: call\n    call: out\n    with: {method: POST, path: /x}\n"
                              "---\nflow: later\nkey_reuse: {after: 1h}\nsteps:\n"
                              "  - id: call\n    call: out\n    with: {method: POST, path: /x}\n";

static struct rc_request *purge_of(const struct rc_purge_one *ones, uint32_t n)
{
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_PURGE;
    request->u.purge.commands = ones;
    request->u.purge.n = n;
    request->u.purge.filter = (struct rc_purge_filter){0};
    request->u.purge.by = (struct rc_author){.subject = RC_SV("anna"), .reason = RC_SV("asked")};
    return request;
}

static uint32_t purge(struct world *world, uint64_t seq, uint32_t rev)
{
    const struct rc_purge_one one = {seq, rev};
    struct rc_request *request = purge_of(&one, 1);
    world_ask(world, request);
    assert_int_equal(request->status, RC_OK);
    uint32_t purged = request->u.purge.purged;
    world_free_request(request);
    return purged;
}

static uint64_t complete(struct world *world, const char *type, const char *key)
{
    uint64_t seq = world_submit(world, type, key);
    world_answer(world, world->nleft - 1, 201, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
    return seq;
}

static enum rc_status submit(struct world *world, const char *type, const char *key)
{
    struct rc_request *request = world_submission(world, type, key, "{\"customer\": 7, \"new\": 1}");
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    return status;
}

/* Somebody acts on the first command of a key, after the key was used again: the key still leads to the second one. */
static void an_older_generation_does_not_take_the_key(void **state)
{
    struct world *world = *state = world_open(reusing);
    uint64_t first = complete(world, "often", "k"), second = world_submit(world, "often", "k");
    assert_int_not_equal(first, second);
    world_crash(world);
    assert_int_equal(world_run(world), RC_OK);
    struct rc_request *cancel = world_action(world, first, RC_ACTION_CANCEL, "a");
    world_ask(world, cancel);
    assert_int_equal(cancel->status, RC_REFUSED); /* it has ended long ago, and was read for this */
    struct rc_request *again = world_submission(world, "often", "k", "{\"customer\": 7}");
    world_ask(world, again);
    assert_true(again->replayed);
    assert_int_equal(again->command.seq, second);
    world_free_request(cancel);
    world_free_request(again);
}

static void a_purged_key_does_not_run_again(void **state)
{
    struct world *world = *state;
    uint64_t seq = complete(world, "one", "k"), nonce = world_read(world, seq).id.nonce;
    assert_int_equal(purge(world, seq, 2), 1);
    uint32_t left = world->nleft;
    assert_int_equal(submit(world, "one", "k"), RC_PURGED);
    world_crash(world);
    assert_int_equal(submit(world, "one", "k"), RC_PURGED);
    assert_int_equal(world->nleft, left);
    for (int wrong = 0; wrong < 2; wrong++) {
        struct rc_request *request = world_action_with(seq, nonce + (uint64_t)wrong, RC_ACTION_RETRY, "");
        world_ask(world, request);
        assert_int_equal(request->status, wrong ? RC_NOT_FOUND : RC_PURGED);
        world_free_request(request);
    }
    assert_int_equal(purge(world, seq, 2), 0); /* twice is once */
    assert_int_equal(submit(world, "one", "another"), RC_OK);
}

static void what_is_not_over_stays(void **state)
{
    struct world *world = *state;
    uint64_t running = world_submit(world, "one", "k");
    assert_int_equal(purge(world, running, 1), 0);
    assert_int_equal(purge(world, 77, 1), 0);
    uint64_t seq = complete(world, "one", "other");
    assert_int_equal(purge(world, seq, 1), 0); /* it has moved since it was found */
    assert_int_equal(world_state(world, running), RC_RUNNING);
    assert_int_equal(world_state(world, seq), RC_COMPLETED);
}

static void an_action_in_the_same_turn_wins(void **state)
{
    struct world *world = *state;
    uint64_t seq = complete(world, "one", "k");
    const struct rc_purge_one one = {seq, 2};
    struct rc_request *action = world_action(world, seq, RC_ACTION_NOTE, ""), *request = purge_of(&one, 1);
    action->u.act.act.reason = RC_SV("look again");
    assert_int_equal(rc_engine_post(world->engine, action), RC_OK);
    assert_int_equal(rc_engine_post(world->engine, request), RC_OK);
    assert_int_equal(world_turn(world), RC_OK);
    assert_true(world_answered(action) && world_answered(request));
    assert_true(action->status == RC_OK && request->status == RC_OK && request->u.purge.purged == 0);
    world_free_request(action);
    world_free_request(request);
    assert_int_equal(world_read(world, seq).rev, 3);
    assert_int_equal(purge(world, seq, 3), 1);
}

static void an_unknown_commit_of_a_purge_is_told_and_read_anew(void **state)
{
    struct world *world = *state;
    for (int kept = 0; kept < 2; kept++) {
        uint64_t seq = complete(world, "one", kept ? "a" : "b");
        const struct rc_purge_one one = {seq, 2};
        struct rc_request *request = purge_of(&one, 1);
        rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, kept);
        world_ask(world, request);
        assert_int_equal(request->status, RC_COMMIT_UNKNOWN);
        world_free_request(request);
        assert_int_equal(world_run(world), RC_OK);
        assert_int_equal(submit(world, "one", kept ? "a" : "b"), kept ? RC_PURGED : RC_KEY_CONFLICT);
    }
}

static void a_key_that_its_flow_frees_may_be_used_again(void **state)
{
    struct world *world = *state = world_open(reusing);
    uint64_t seq = complete(world, "often", "nightly");
    assert_int_equal(purge(world, seq, 2), 1);
    uint64_t next = complete(world, "often", "nightly");
    assert_int_equal(world_read(world, next).id.generation, 2);
    seq = complete(world, "later", "k");
    assert_int_equal(purge(world, seq, 2), 1);
    assert_int_equal(submit(world, "later", "k"), RC_PURGED);
    world_later(world, RC_SECONDS(3601));
    next = complete(world, "later", "k");
    assert_int_equal(world_read(world, next).id.generation, 2);
    assert_int_equal(purge(world, next, 2), 1); /* and of two that are purged, the last counts */
    assert_int_equal(submit(world, "later", "k"), RC_PURGED);
}

static void what_comes_to_a_purged_command_is_too_late(void **state)
{
    struct world *world = *state;
    struct rc_engine_stats stats;
    uint64_t seq = complete(world, "one", "k"), waiting = world_submit(world, "one", "w");
    uint32_t answered = world->nleft - 2;
    assert_int_equal(world->left[answered].of.id, seq);
    world_answer(world, world->nleft - 1, 429,
                 "{}"); /* waits for its next try, in the window of what is due */
    assert_int_equal(world_run(world), RC_OK);
    struct rc_request *cancel = world_action(world, waiting, RC_ACTION_CANCEL, "");
    world_ask(world, cancel);
    assert_int_equal(cancel->status, RC_OK);
    world_free_request(cancel);
    assert_int_equal(world_state(world, waiting), RC_CANCELLED);
    assert_int_equal(purge(world, seq, 2), 1);
    assert_int_equal(purge(world, waiting, world_read(world, waiting).rev), 1);
    world_answer(world, answered, 201, "{}");
    world_later(world, RC_SECONDS(60));
    rc_engine_stats(world->engine, &stats);
    assert_int_equal(stats.faults, 0);
    assert_true(stats.healthy);
}

/* The command is rejected, and a person puts another one with this payload in its place. */
static uint64_t edited(struct world *world, const char *key, const char *payload, uint64_t *ret_original)
{
    uint64_t seq = world_submit(world, "one", key);
    world_answer(world, world->nleft - 1, 422, "{}");
    assert_int_equal(world_run(world), RC_OK);
    struct rc_request *edit = world_action(world, seq, RC_ACTION_EDIT, "");
    struct rc_identity *next = RC_NEW(edit->arena, struct rc_identity);
    struct rc_command original = world_read(world, seq);
    struct rc_submission in = {.actor = RC_SV("anna")};
    uint32_t n;
    assert_non_null(next);
    assert_int_equal(rc_json_parse(rc_sv_of(payload), edit->arena, &in.payload, &world->err), RC_OK);
    assert_int_equal(rc_prepare_successor(rc_engine_definitions(world->engine), &original, &in, edit->arena,
                                          next, &world->err, 1, &n),
                     RC_OK);
    edit->u.act.successor = next;
    world_ask(world, edit);
    assert_int_equal(edit->status, RC_OK);
    uint64_t successor = edit->successor.seq;
    world_free_request(edit);
    *ret_original = seq;
    return successor;
}

/* Which command a submission with this payload is told of; its status goes to *ret_status. */
static uint64_t told_of(struct world *world, const char *key, const char *payload, enum rc_status *ret_status)
{
    struct rc_request *request = world_submission(world, "one", key, payload);
    world_ask(world, request);
    uint64_t seq = request->command.seq;
    *ret_status = request->status;
    world_free_request(request);
    return seq;
}

/* Looking at the original, for one who repeats that, does not make it what the key stands for. */
static void the_successor_is_what_its_key_stands_for(void **state)
{
    struct world *world = *state;
    enum rc_status status;
    uint64_t original, successor = edited(world, "k", "{\"customer\": 9}", &original);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(told_of(world, "k", "{\"customer\": 7}", &status), original);
        assert_int_equal(status, RC_OK);
        assert_int_equal(told_of(world, "k", "{\"customer\": 9}", &status), successor);
        assert_int_equal(status, RC_OK);
        assert_int_equal(told_of(world, "k", "{\"customer\": 8}", &status), successor);
        assert_int_equal(status, RC_KEY_CONFLICT);
    }
}

/* Of the command that was edited nothing is left to compare with: whoever sends something else than its successor has is told of that one. */
static void a_purged_original_is_not_what_a_repeat_is_told_of(void **state)
{
    struct world *world = *state;
    enum rc_status status;
    uint64_t original, successor = edited(world, "k", "{\"customer\": 9}", &original);
    assert_int_equal(purge(world, original, world_read(world, original).rev), 1);
    assert_int_equal(told_of(world, "k", "{\"customer\": 8}", &status), successor);
    assert_int_equal(status, RC_KEY_CONFLICT);
    assert_int_equal(told_of(world, "k", "{\"customer\": 9}", &status), successor);
    assert_int_equal(status, RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_older_generation_does_not_take_the_key, world_teardown),
        cmocka_unit_test_setup_teardown(a_purged_key_does_not_run_again, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_over_stays, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_action_in_the_same_turn_wins, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_unknown_commit_of_a_purge_is_told_and_read_anew, world_setup,
                                        world_teardown),
        cmocka_unit_test_teardown(a_key_that_its_flow_frees_may_be_used_again, world_teardown),
        cmocka_unit_test_setup_teardown(the_successor_is_what_its_key_stands_for, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_comes_to_a_purged_command_is_too_late, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_purged_original_is_not_what_a_repeat_is_told_of, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
