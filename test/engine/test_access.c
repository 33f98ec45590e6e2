/* Namespaces, tokens and quotas in the engine: what is known when, and what a namespace may take on. */
#include "world.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

static enum rc_status change(struct world *world, struct rc_access_change wanted)
{
    struct rc_request *request = world_access(wanted);
    world_ask(world, request);
    enum rc_status status = request->status;
    world->err = request->error;
    world_free_request(request);
    return status;
}

static void quota(struct world *world, struct rc_namespace ns)
{
    if (!ns.name.n) ns.name = RC_SV("default");
    assert_int_equal(change(world, (struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_SET, .ns = ns}),
                     RC_OK);
}

static struct rc_request *submission(struct world *world, const char *type, const char *ns, unsigned key)
{
    char text[16];
    snprintf(text, sizeof text, "k%u", key);
    struct rc_request *request = world_submission(world, type, text, "{\"customer\": 7}");
    request->u.submit.ns = rc_sv_of(ns);
    request->u.submit.key_hash = 0; /* it was that of another namespace */
    request->bytes = 100;
    return request;
}

static enum rc_status submit_to(struct world *world, const char *ns, unsigned key, uint32_t *ret_retry)
{
    struct rc_request *request = submission(world, "one", ns, key);
    world_ask(world, request);
    enum rc_status status = request->status;
    if (ret_retry) *ret_retry = request->retry_after;
    world_free_request(request);
    return status;
}

static enum rc_status submit(struct world *world, unsigned key)
{
    return submit_to(world, "default", key, NULL);
}

static struct rc_usage usage(struct world *world)
{
    struct rc_usage found;
    assert_int_equal(rc_read_usage(rc_store_self(world->store), RC_SV("default"), &found, &world->err),
                     RC_OK);
    return found;
}

/* ---- quotas --------------------------------------------------------------------------------------------------------- */

static void open_commands_are_bounded(void **state)
{
    struct world *world = *state;
    uint32_t retry = 0;
    quota(world, (struct rc_namespace){.max_open = 3});
    for (unsigned i = 0; i < 3; i++) assert_int_equal(submit(world, i), RC_OK);
    assert_int_equal(submit_to(world, "default", 3, &retry), RC_QUOTA);
    assert_true(retry > 0 && usage(world).open == 3 && usage(world).commands == 3);
    assert_int_equal(submit(world, 1), RC_OK); /* a repeat costs nothing */

    world_crash(world); /* what was in flight is checked first */
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(submit(world, 3), RC_QUOTA);
    struct rc_request *accept = world_action(world, 1, RC_ACTION_RESOLVE, "");
    accept->u.act.act.verdict = RC_ACCEPTED_AS_IS;
    struct rc_request *cancel = world_action(world, 3, RC_ACTION_CANCEL, "");
    world_ask(world, accept);
    world_ask(world, cancel); /* it had no place yet: it ends at once */
    world_free_request(accept);
    world_free_request(cancel);
    uint64_t open = usage(world).open;
    assert_in_range(open, 1, 2);
    for (unsigned i = 0; i < 3 - open; i++) assert_int_equal(submit(world, 10 + i), RC_OK);
    assert_int_equal(submit(world, 20), RC_QUOTA);
    quota(world, (struct rc_namespace){0});
    assert_int_equal(submit(world, 20), RC_OK);
}

/* In one turn, nothing of it stored yet. */
static void one_turn_does_not_pass_a_quota(void **state)
{
    struct world *world = *state;
    enum { ASKED = 10, MAY = 4 };
    struct rc_request *asked[ASKED];
    unsigned fine = 0, refused = 0;
    quota(world, (struct rc_namespace){.max_open = MAY});
    for (unsigned i = 0; i < ASKED; i++) {
        asked[i] = submission(world, "one", "default", i);
        assert_int_equal(rc_engine_post(world->engine, asked[i]), RC_OK);
    }
    assert_int_equal(world_turn(world), RC_OK);
    for (unsigned i = 0; i < ASKED; i++) {
        fine += asked[i]->status == RC_OK;
        refused += asked[i]->status == RC_QUOTA;
        world_free_request(asked[i]);
    }
    assert_true(fine == MAY && refused == ASKED - MAY);
    assert_int_equal(usage(world).commands, MAY);
}

/* What a turn took on that was then dropped is not counted. */
static void what_is_not_kept_does_not_count(void **state)
{
    struct world *world = *state;
    quota(world, (struct rc_namespace){.max_open = 1});
    rc_memory_fail_next(world->store, RC_NOMEM, false);
    assert_int_equal(submit(world, 1), RC_NOMEM);
    assert_int_equal(usage(world).commands, 0);
    assert_int_equal(submit(world, 1), RC_OK);
    assert_int_equal(submit(world, 2), RC_QUOTA);
}

static void bytes_are_bounded_at_the_byte(void **state)
{
    struct world *world = *state;
    assert_int_equal(submit(world, 0), RC_OK);
    uint64_t held = usage(world).bytes;
    quota(world, (struct rc_namespace){.max_bytes = held + 99});
    assert_int_equal(submit(world, 1), RC_QUOTA); /* it was sent as 100 */
    quota(world, (struct rc_namespace){.max_bytes = held + 100});
    assert_int_equal(submit(world, 1), RC_OK);
    assert_true(usage(world).bytes > held);
    uint32_t retry = 1;
    assert_int_equal(submit_to(world, "default", 2, &retry), RC_QUOTA);
    assert_int_equal(retry, 0); /* time does not help */
    world_crash(world);
    assert_int_equal(submit(world, 3), RC_QUOTA);
}

static void a_rate_comes_back_with_time(void **state)
{
    struct world *world = *state;
    uint32_t retry = 0;
    quota(world, (struct rc_namespace){.max_rate = 4});
    for (unsigned i = 0; i < 4; i++) assert_int_equal(submit(world, i), RC_OK);
    assert_int_equal(submit_to(world, "default", 4, &retry), RC_RATE);
    assert_int_equal(retry, 1);
    assert_int_equal(submit(world, 3), RC_OK); /* a repeat */
    world_later(world, RC_MS(250));
    assert_int_equal(submit(world, 4), RC_OK);
    assert_int_equal(submit(world, 5), RC_RATE);
    world_later(world, RC_SECONDS(3600)); /* the bucket holds one second */
    for (unsigned i = 5; i < 9; i++) assert_int_equal(submit(world, i), RC_OK);
    assert_int_equal(submit(world, 9), RC_RATE);
}

/* An edit: a new command with the key of another one, which was refused outside. */
static enum rc_status edit(struct world *world, uint64_t seq, uint32_t bytes)
{
    struct rc_command c = world_read(world, seq);
    struct rc_request *request = world_action_with(seq, c.id.nonce, RC_ACTION_EDIT, "");
    struct rc_submission in = {.actor = RC_SV("anna"), .payload = c.id.payload};
    struct rc_identity *next = RC_NEW(request->arena, struct rc_identity);
    uint32_t n;
    assert_non_null(next);
    assert_int_equal(rc_prepare_successor(rc_engine_definitions(world->engine), &c, &in, request->arena, next,
                                          &world->err, 1, &n),
                     RC_OK);
    next->nonce = c.id.nonce + 1;
    request->u.act.successor = next;
    request->bytes = bytes;
    world_ask(world, request);
    enum rc_status status = request->status;
    world_free_request(request);
    return status;
}

static void a_successor_is_new_too(void **state)
{
    struct world *world = *state;
    assert_int_equal(submit(world, 1), RC_OK);
    world_answer(world, 0, 422, "{}");
    assert_int_equal(world_run(world), RC_OK);
    assert_int_equal(world_state(world, 1), RC_REJECTED);
    uint64_t held = usage(world).bytes;
    quota(world, (struct rc_namespace){.max_bytes = held + 99});
    assert_int_equal(edit(world, 1, 100), RC_QUOTA);
    assert_int_equal(world_state(world, 1), RC_REJECTED); /* nothing of it has happened */
    assert_true(usage(world).commands == 1 && usage(world).bytes == held);
    quota(world, (struct rc_namespace){.max_open = 1, .max_bytes = held + 100, .max_rate = 1});
    assert_int_equal(edit(world, 1, 100), RC_OK); /* it takes the place of an open one */
    assert_true(usage(world).open == 1 && usage(world).commands == 2);
    quota(world, (struct rc_namespace){.max_open = 2, .max_rate = 1});
    assert_int_equal(submit(world, 2), RC_RATE); /* it has taken its part of the rate */
    world_later(world, RC_SECONDS(1));
    assert_int_equal(submit(world, 2), RC_OK);
    assert_int_equal(submit(world, 3), RC_QUOTA);
}

/* ---- namespaces and tokens ------------------------------------------------------------------------------------------ */

static void a_namespace_must_be_there(void **state)
{
    struct world *world = *state;
    const struct rc_namespace shop = {.name = RC_SV("shop"), .max_open = 1};
    assert_int_equal(submit_to(world, "shop", 1, NULL), RC_NOT_FOUND);
    assert_int_equal(change(world, (struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_ADD, .ns = shop}),
                     RC_OK);
    assert_int_equal(submit_to(world, "shop", 1, NULL), RC_OK);
    assert_int_equal(submit_to(world, "shop", 2, NULL), RC_QUOTA);
    assert_int_equal(submit(world, 1), RC_OK); /* the same key, another namespace, another command */
    assert_int_equal(usage(world).commands, 1);
    assert_int_equal(change(world, (struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_REMOVE, .ns = shop}),
                     RC_IN_USE);
}

/* The submission and the removal in one turn, whichever comes first. */
static void nothing_is_stored_in_a_namespace_that_goes(void **state)
{
    struct world *world = *state;
    const struct rc_access_change add = {.kind = RC_ACCESS_NAMESPACE_ADD, .ns = {.name = RC_SV("shop")}},
                                  remove = {.kind = RC_ACCESS_NAMESPACE_REMOVE,
                                            .ns = {.name = RC_SV("shop")}};
    for (int first = 0; first < 2; first++) {
        assert_int_equal(change(world, add), RC_OK);
        struct rc_request *submitted = submission(world, "one", "shop", (unsigned)first),
                          *removed = world_access(remove);
        assert_int_equal(rc_engine_post(world->engine, first ? removed : submitted), RC_OK);
        assert_int_equal(rc_engine_post(world->engine, first ? submitted : removed), RC_OK);
        assert_int_equal(world_turn(world), RC_OK);
        assert_int_equal(submitted->status, first ? RC_NOT_FOUND : RC_OK);
        assert_int_equal(removed->status, first ? RC_OK : RC_IN_USE);
        world_free_request(submitted);
        world_free_request(removed);
        if (first) break;
        /* it must go for the second round: nothing of it may be left */
        world_close(world);
        assert_int_equal(world_setup(state), 0);
        world = *state;
    }
}

static struct rc_access_change token(uint64_t id)
{
    return (struct rc_access_change){
        .kind = RC_ACCESS_TOKEN_ADD,
        .token = {.id = id, .subject = RC_SV("billing"), .role = RC_ROLE_VIEWER, .expires = 12345}};
}

static void what_was_answered_is_known(void **state)
{
    struct world *world = *state;
    const struct rc_known *known = rc_engine_known(world->engine);
    assert_non_null(rc_known_namespace(known, RC_SV("default")));
    assert_null(rc_known_namespace(known, RC_SV("shop")));
    assert_null(rc_known_token(known, 7));
    assert_int_equal(change(world, token(7)), RC_OK);
    assert_int_equal(change(world, token(8)), RC_OK); /* the one in between was never fetched */
    known = rc_engine_known(world->engine);
    assert_ptr_equal(known, rc_engine_known(world->engine));
    assert_true(rc_known_token(known, 7)->role == RC_ROLE_VIEWER && rc_known_token(known, 8));
    const struct rc_access_change revoke = {.kind = RC_ACCESS_TOKEN_REVOKE, .token = {.id = 7}};
    assert_int_equal(change(world, revoke), RC_OK);
    assert_true(rc_known_token(known, 7)->revoked == 0); /* a snapshot does not change */
    known = rc_engine_known(world->engine);
    assert_true(rc_known_token(known, 7)->revoked != 0);
    world_crash(world);
    known = rc_engine_known(world->engine);
    assert_true(rc_known_token(known, 7)->revoked != 0 && rc_known_token(known, 8)->revoked == 0);
}

/* It is not known whether the store has it: what is known afterwards is what the store has. */
static void what_is_known_is_what_is_stored(void **state)
{
    struct world *world = *state;
    for (unsigned kept = 0; kept < 2; kept++) {
        rc_memory_fail_next(world->store, RC_COMMIT_UNKNOWN, kept);
        assert_int_equal(change(world, token(7 + kept)), RC_COMMIT_UNKNOWN);
        assert_int_equal(world_run(world), RC_OK);
        const struct rc_known *known = rc_engine_known(world->engine);
        assert_true((rc_known_token(known, 7 + kept) != NULL) == (kept == 1));
    }
}

static void names_are_checked(void **state)
{
    struct world *world = *state;
    static const char *const wrong[] = {"a b", "a/b", "\xc3\xa4", "a\n"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct rc_access_change add = {.kind = RC_ACCESS_NAMESPACE_ADD,
                                             .ns = {.name = rc_sv_of(wrong[i])}};
        assert_int_equal(change(world, add), RC_INVALID);
        assert_string_equal(world->err.pointer, "/name");
    }
    struct rc_access_change made = token(7);
    made.token.subject = RC_SV("a\tb");
    assert_int_equal(change(world, made), RC_INVALID);
    assert_string_equal(world->err.pointer, "/subject");
    const struct rc_namespace fast = {.name = RC_SV("default"), .max_rate = RC_MAX_RATE + 1};
    assert_int_equal(change(world, (struct rc_access_change){.kind = RC_ACCESS_NAMESPACE_SET, .ns = fast}),
                     RC_INVALID);
    quota(world, (struct rc_namespace){.max_rate = RC_MAX_RATE});
    assert_int_equal(submit(world, 1), RC_OK);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(open_commands_are_bounded),
        CASE(one_turn_does_not_pass_a_quota),
        CASE(what_is_not_kept_does_not_count),
        CASE(bytes_are_bounded_at_the_byte),
        CASE(a_rate_comes_back_with_time),
        CASE(a_successor_is_new_too),
        CASE(a_namespace_must_be_there),
        CASE(nothing_is_stored_in_a_namespace_that_goes),
        CASE(what_was_answered_is_known),
        CASE(what_is_known_is_what_is_stored),
        CASE(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
