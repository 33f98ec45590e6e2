/* What the small functions of the core say of commands that were made by hand: of two things that differ in one field only, of states that an
 * approval can stand in, of names at their bound, and of memory that runs out at each allocation. */
#include "hand.h"

#include "core/mailbox.h"
#include "core/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* ---- people --------------------------------------------------------------------------------------------------------- */

static void test_votes_differ(void **state)
{
    (void)state;
    const struct rc_vote vote = {.kind = RC_VOTE_ANSWERED,
                                 .role = 1,
                                 .at = 7,
                                 .subject = RC_SV("s"),
                                 .actor = RC_SV("a"),
                                 .answer = RC_SV("yes")};
    struct rc_vote other[7] = {vote, vote, vote, vote, vote, vote, vote};
    other[1].kind = RC_VOTE_APPROVED;
    other[2].role = 2;
    other[3].at = 8;
    other[4].subject = RC_SV("t");
    other[5].actor = RC_SV("b");
    other[6].answer = RC_SV("no");
    const struct rc_votes one = {1, &vote}, none = {0};
    for (unsigned i = 0; i < 7; i++) {
        const struct rc_votes two = {1, &other[i]};
        assert_int_equal(rc_votes_eq(&one, &two), i == 0);
    }
    assert_true(rc_votes_eq(&one, &one));
    assert_false(rc_votes_eq(&one, &none));
}

/* Too little room at each allocation in turn is an answer; with enough, nothing of the copy is the original's. */
static void test_votes_starved(void **state)
{
    (void)state;
    const struct rc_vote vote[] = {
        {.kind = RC_VOTE_APPROVED, .subject = RC_SV("subject"), .actor = RC_SV("actor"), .answer = RC_SV("")},
        {.kind = RC_VOTE_ANSWERED, .subject = RC_SV("other"), .actor = RC_SV("one"), .answer = RC_SV("yes")}};
    const struct rc_votes votes = {2, vote};
    unsigned refused = 0;
    for (size_t limit = 1; limit < 1024; limit++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct rc_votes copy = {0};
        assert_non_null(arena);
        bool copied = rc_votes_copy(arena, &votes, &copy);
        assert_int_equal(copied, rc_arena_status(arena) == RC_OK);
        assert_int_equal(copied, copy.n == 2);
        if (copied) {
            assert_true(rc_votes_eq(&copy, &votes));
            assert_ptr_not_equal(copy.vote[1].actor.p, vote[1].actor.p);
        }
        refused += !copied;
        rc_arena_free(arena);
    }
    assert_in_range(refused, sizeof vote, 1000);
}

static void test_vote_words(void **state)
{
    (void)state;
    assert_string_equal(rc_vote_word(RC_VOTE_DENIED), "denied");
    assert_string_equal(rc_vote_word(RC_VOTE_NONE), "?");
    assert_string_equal(rc_vote_word(RC_VOTE_KINDS), "?");
}

/* What one approval lets go, in each state that a step can have. */
static void test_release(void **state)
{
    (void)state;
    static const uint8_t says[RC_STEP_STATES] = {
        [RC_STEP_IDLE] = RC_RELEASE_OPEN,          [RC_STEP_ACTIVE] = RC_RELEASE_OPEN,
        [RC_STEP_SUCCEEDED] = RC_RELEASED,         [RC_STEP_SKIPPED] = RC_RELEASE_NEVER,
        [RC_STEP_REJECTED] = RC_RELEASE_NEVER,     [RC_STEP_FAILED] = RC_RELEASE_NEVER,
        [RC_STEP_UNKNOWN] = RC_RELEASE_NEVER,      [RC_STEP_UNDOING] = RC_RELEASE_NEVER,
        [RC_STEP_UNDO_UNKNOWN] = RC_RELEASE_NEVER, [RC_STEP_UNDO_FAILED] = RC_RELEASE_NEVER,
        [RC_STEP_UNDONE] = RC_RELEASE_NEVER};
    struct hand hand;
    make(&hand);
    for (unsigned i = 0; i < RC_STEP_STATES; i++) {
        hand.node[FIRST] = (struct rc_node){.node = FIRST, .state = (uint8_t)i, .why = RC_WHY_PERSON};
        assert_int_equal(rc_people_release(&hand.c, PAY), says[i]);
    }
    hand.node[FIRST].state = RC_STEP_SKIPPED;
    hand.node[FIRST].why = RC_WHY_CONDITION; /* the flow itself did not want it */
    assert_int_equal(rc_people_release(&hand.c, PAY), RC_RELEASED);
    assert_int_equal(rc_people_release(&hand.c, DEEP),
                     RC_RELEASE_OPEN); /* the second one stands before it, too */
    hand.node[SECOND].state = RC_STEP_FAILED;
    hand.node[FIRST].state = RC_STEP_ACTIVE;
    assert_int_equal(rc_people_release(&hand.c, DEEP), RC_RELEASE_NEVER); /* the worst of both */
    hand.flow.approves = false;
    assert_int_equal(rc_people_release(&hand.c, DEEP), RC_RELEASED);
}

static void test_covers(void **state)
{
    (void)state;
    static const struct {
        uint32_t approval, sibling;
        bool covers;
    } row[] = {{FIRST, PAY, true},   {FIRST, BLOCK, false}, {SECOND, BLOCK, true}, {FIRST, SECOND, false},
               {SECOND, PAY, false}, {FIRST, DEEP, false},  {SECOND, DEEP, false}, {FIRST, FIRST, false}};
    struct hand hand;
    make(&hand);
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(rc_approval_covers(&hand.c, row[i].approval, row[i].sibling), row[i].covers);
}

static void test_missing(void **state)
{
    (void)state;
    struct hand hand;
    make(&hand);
    const struct rc_vote vote[] = {
        {.kind = RC_VOTE_APPROVED}, {.kind = RC_VOTE_DENIED}, {.kind = RC_VOTE_APPROVED}};
    hand.step[FIRST].people.need = 2;
    for (uint32_t n = 0; n <= 3; n++) {
        hand.data[FIRST].votes = (struct rc_votes){n, vote};
        assert_int_equal(rc_people_missing(&hand.c, FIRST), n == 0 ? 2 : n < 3 ? 1 : 0);
    }
    assert_int_equal(rc_first_asked(&hand.c), 0);
    hand.node[SECOND].phase = RC_PHASE_ASKED;
    assert_int_equal(rc_first_asked(&hand.c), SECOND);
}

/* A step of the core by hand: no message, no changes. */
static struct rc_draft draft_of(struct hand *hand, struct rc_arena *arena, struct rc_error *err)
{
    static const struct rc_ask ask = {.kind = RC_MSG_ACTION, .now = 9};
    return (struct rc_draft){.c = hand->c, .ask = &ask, .arena = arena, .err = err};
}

/* The last person who has room, and the one behind. */
static void test_most_votes(void **state)
{
    (void)state;
    static struct rc_vote vote[RC_MAX_VOTES];
    const struct rc_act act = {.action = RC_ACTION_APPROVE, .actor = RC_SV("carl"), .expected_rev = 3},
                        nobody = {.action = RC_ACTION_APPROVE, .expected_rev = 3},
                        unseen = {.action = RC_ACTION_APPROVE, .actor = RC_SV("carl")};
    struct hand hand;
    make(&hand);
    hand.step[FIRST].people.need = RC_MAX_VOTES + 1;
    hand.node[FIRST].state = RC_STEP_ACTIVE;
    hand.node[FIRST].phase = RC_PHASE_ASKED;
    for (uint32_t n = RC_MAX_VOTES - 1; n <= RC_MAX_VOTES; n++) {
        struct rc_arena *arena = rc_arena_new(0, 1 << 20);
        struct rc_error err = {0};
        hand.data[FIRST].votes = (struct rc_votes){n, vote};
        struct rc_draft draft = draft_of(&hand, arena, &err);
        assert_int_equal(rc_people_decide(&draft, &unseen), RC_INVALID);
        assert_int_equal(rc_people_decide(&draft, &nobody), RC_REFUSED);
        assert_int_equal(rc_people_decide(&draft, &act), n < RC_MAX_VOTES ? RC_OK : RC_LIMIT);
        assert_int_equal(draft.status, RC_OK);
        assert_int_equal(hand.data[FIRST].votes.n, RC_MAX_VOTES);
        rc_arena_free(arena);
    }
}

/* As many people as can be on record have changed a command: one of them may once more, and nobody else. */
static void test_most_authors(void **state)
{
    (void)state;
    static struct rc_vote author[RC_MAX_VOTES];
    const struct rc_act carl = {.actor = RC_SV("carl")}, dora = {.actor = RC_SV("dora")};
    struct hand hand;
    make(&hand);
    for (uint32_t n = RC_MAX_VOTES - 1; n <= RC_MAX_VOTES; n++) {
        struct rc_arena *arena = rc_arena_new(0, 1 << 20);
        struct rc_error err = {0};
        struct rc_identity next = {0};
        author[0] = (struct rc_vote){.kind = RC_VOTE_AUTHOR, .actor = RC_SV("carl")};
        hand.data[ROOT].votes = (struct rc_votes){n, author};
        struct rc_draft draft = draft_of(&hand, arena, &err);
        assert_int_equal(rc_people_pass_on(&draft, &carl, &next), RC_OK);
        assert_int_equal(next.nauthors, n);
        assert_int_equal(rc_people_pass_on(&draft, &dora, &next), n < RC_MAX_VOTES ? RC_OK : RC_LIMIT);
        if (n < RC_MAX_VOTES) {
            assert_int_equal(next.nauthors, RC_MAX_VOTES);
            assert_true(rc_sv_is(next.authors[n].actor, "dora"));
        }
        rc_arena_free(arena);
    }
}

/* ---- places and clocks ------------------------------------------------------------------------------------------------ */

static void test_places_differ(void **state)
{
    (void)state;
    const struct rc_place place = {.lane = 3, .key = RC_SV("k"), .limit = 2, .state = RC_PLACE_HOLDS};
    struct rc_place other[5] = {place, place, place, place, place};
    other[1].lane++;
    other[2].limit++;
    other[3].state = RC_PLACE_LEFT;
    other[4].key = RC_SV("l");
    for (unsigned i = 0; i < 5; i++) assert_int_equal(rc_place_eq(&place, &other[i]), i == 0);
    const struct rc_clock clock = {.start = 1, .deadline = 2, .over = 3, .wall = 0};
    struct rc_clock late[5] = {clock, clock, clock, clock, clock};
    late[1].start++;
    late[2].deadline++;
    late[3].over++;
    late[4].wall = 1;
    for (unsigned i = 0; i < 5; i++) assert_int_equal(rc_clock_eq(&clock, &late[i]), i == 0);
}

static void test_key_is_free(void **state)
{
    (void)state;
    struct hand hand;
    make(&hand);
    struct rc_command *c = &hand.c;
    c->state = RC_COMPLETED;
    c->changed = 100;
    const struct flow never = {.key_reuse = FLOW_KEY_NEVER},
                      after = {.key_reuse = FLOW_KEY_AFTER, .key_after = 10},
                      failed = {.key_reuse = FLOW_KEY_AFTER_END, .key_states = 1u << RC_FAILED},
                      completed = {.key_reuse = FLOW_KEY_AFTER_END, .key_states = 1u << RC_COMPLETED};
    assert_false(rc_command_frees_key(c, &never, 1000));
    assert_false(rc_command_frees_key(c, &failed, 1000));
    assert_true(rc_command_frees_key(c, &completed, 0));
    assert_false(rc_command_frees_key(c, &after, 99)); /* a clock before the end of the command */
    assert_false(rc_command_frees_key(c, &after, 109));
    assert_true(rc_command_frees_key(c, &after, 110));
    c->state = RC_RUNNING;
    assert_false(rc_command_frees_key(c, &completed, 0));
}

/* A signal is a wait's own where namespace, name and id are; a node that there is not listens to nothing. */
static void test_listens(void **state)
{
    (void)state;
    struct hand hand;
    make(&hand);
    hand.c.id.ns = RC_SV("default");
    hand.step[PAY].kind = FLOW_WAIT;
    hand.step[PAY].wait.signal = RC_SV("paid");
    hand.data[PAY].external_id = RC_SV("7");
    hand.node[PAY].phase = RC_PHASE_WAITING;
    const struct rc_signal signal = {.ns = RC_SV("default"), .name = RC_SV("paid"), .id = RC_SV("7")};
    struct rc_signal ns = signal, name = signal, id = signal;
    ns.ns = RC_SV("other");
    name.name = RC_SV("failed");
    id.id = RC_SV("8");
    assert_true(rc_command_listens(&hand.c, PAY, &signal));
    assert_false(rc_command_listens(&hand.c, PAY, &ns));
    assert_false(rc_command_listens(&hand.c, PAY, &name));
    assert_false(rc_command_listens(&hand.c, PAY, &id));
    assert_false(rc_command_listens(&hand.c, SECOND, &signal));
    assert_false(rc_command_listens(&hand.c, NODES, &signal));
}

/* ---- the tree --------------------------------------------------------------------------------------------------------- */

static void test_within(void **state)
{
    (void)state;
    struct hand hand;
    make(&hand);
    for (uint32_t at = 0; at < NODES; at++) {
        assert_true(rc_is_within(&hand.c, at, ROOT));
        assert_int_equal(rc_is_within(&hand.c, at, BLOCK), at >= BLOCK);
        assert_int_equal(rc_is_within(&hand.c, at, PAY), at == PAY);
    }
}

static void test_names(void **state)
{
    (void)state;
    struct hand hand;
    make(&hand);
    assert_true(rc_is_named(&hand.c, PAY, RC_SV("pay")));
    assert_false(rc_is_named(&hand.c, PAY, RC_SV("deep")));
    assert_true(rc_is_named(&hand.c, BLOCK, RC_SV("deep"))); /* by the first step in it */
    assert_false(rc_has_name(&hand.c, BLOCK, RC_SV("deep")));
    assert_true(rc_is_named(&hand.c, BLOCK, RC_SV("parallel")));
    assert_false(rc_is_named(&hand.c, ROOT, RC_SV("first"))); /* the whole goes by no step's name */
    hand.step[BLOCK].body = 0;                                /* nothing is in it that could lend its name */
    assert_false(rc_is_named(&hand.c, BLOCK, RC_SV("deep")));
}

/* The longest name that is kept whole, and one that is longer. */
static void test_path_is_cut(void **state)
{
    (void)state;
    static char name[RC_MAX_PATH + 1];
    struct hand hand;
    struct rc_path path;
    make(&hand);
    memset(name, 'n', sizeof name);
    for (uint32_t more = 0; more < 2; more++) {
        hand.step[PAY].id = (struct rc_sv){name, RC_MAX_PATH + more};
        struct rc_sv text = rc_node_path(&hand.c, PAY, &path);
        assert_int_equal(text.n, RC_MAX_PATH);
        assert_memory_equal(text.p, name, RC_MAX_PATH);
        assert_int_equal(rc_has_name(&hand.c, PAY, (struct rc_sv){name, RC_MAX_PATH}), true);
    }
    assert_int_equal(rc_path_in(&hand.flow, ROOT, &path).n, 0);
    assert_int_equal(rc_path_in(&hand.flow, NODES, &path).n, 0);
    assert_true(rc_sv_is(rc_path_in(&hand.flow, DEEP, &path), "deep"));
}

/* A block with an `if` that failed before anything in it had begun; an attempt in it says otherwise, also of a step that is idle again. */
static void test_could_not_begin(void **state)
{
    (void)state;
    struct hand hand;
    make(&hand);
    hand.node[BLOCK].state = RC_STEP_FAILED;
    hand.node[BLOCK].tries = 1;
    assert_false(rc_could_not_begin(&hand.c, BLOCK));
    hand.step[BLOCK].cond = 1;
    assert_true(rc_could_not_begin(&hand.c, BLOCK));
    hand.node[BLOCK].tries = 0;
    assert_false(rc_could_not_begin(&hand.c, BLOCK));
    hand.node[BLOCK].tries = 1;
    hand.node[BLOCK].state = RC_STEP_REJECTED;
    assert_false(rc_could_not_begin(&hand.c, BLOCK));
    hand.node[BLOCK].state = RC_STEP_FAILED;
    hand.node[DEEP].attempt = 1;
    assert_false(rc_could_not_begin(&hand.c, BLOCK));
    hand.node[DEEP].attempt = 0;
    hand.node[DEEP].state = RC_STEP_SKIPPED;
    assert_false(rc_could_not_begin(&hand.c, BLOCK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_votes_differ),    cmocka_unit_test(test_votes_starved),
        cmocka_unit_test(test_vote_words),      cmocka_unit_test(test_release),
        cmocka_unit_test(test_covers),          cmocka_unit_test(test_missing),
        cmocka_unit_test(test_most_votes),      cmocka_unit_test(test_most_authors),
        cmocka_unit_test(test_places_differ),   cmocka_unit_test(test_key_is_free),
        cmocka_unit_test(test_listens),         cmocka_unit_test(test_within),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_path_is_cut),
        cmocka_unit_test(test_could_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
