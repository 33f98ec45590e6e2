/* What a step of a command that was made by hand comes to: which changes a difference of one field makes, what blocks and steps that cannot
 * go on come to, and that what is none of a function's business is left as it is. */
#include "hand.h"

#include "core/explain.h"
#include "core/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct test {
    struct hand hand;
    struct rc_arena *arena;
    struct rc_ask ask;
    struct rc_out out;
    struct rc_error err;
    struct rc_draft draft;
};

static int setup(void **state)
{
    struct test *test = test_calloc(1, sizeof *test);
    make(&test->hand);
    test->arena = rc_arena_new(0, 1 << 20);
    test->ask = (struct rc_ask){.kind = RC_MSG_ACTION, .now = 9};
    *state = test;
    return test->arena ? 0 : -1;
}

static int teardown(void **state)
{
    struct test *test = *state;
    rc_arena_free(test->arena);
    test_free(test);
    return 0;
}

/* A draft of the command as it stands in the hand. */
static struct rc_draft *begin(struct test *test)
{
    assert_int_equal(
        rc_draft_begin(&test->draft, &test->hand.c, &test->ask, NULL, test->arena, &test->out, &test->err),
        RC_OK);
    return &test->draft;
}

/* The only change that the draft makes of the command. */
static enum rc_change_kind changed(struct test *test)
{
    assert_int_equal(rc_draft_finish(&test->draft), RC_OK);
    assert_int_equal(test->out.nchange, 1);
    assert_int_equal(test->out.change[0].at, PAY);
    return (enum rc_change_kind)test->out.change[0].kind;
}

static void one_field_is_one_change(void **state)
{
    struct test *test = *state;
    struct cel_value pair[] = {cel_string(RC_SV("a")), cel_int(1)};
    struct rc_data *data = &test->hand.data[PAY];
    test->hand.c.state = (uint8_t)rc_command_derive(&test->hand.c);
    data->outputs = (struct cel_value){.kind = CEL_MAP, .v.items = pair};
    begin(test)->c.data[PAY].outputs.n = 1;
    assert_int_equal(changed(test), RC_CHANGE_OUTPUTS);
    begin(test)->c.data[PAY].external_id = RC_SV("7");
    assert_int_equal(changed(test), RC_CHANGE_OUTPUTS);
    begin(test)->c.data[PAY].request = (struct rc_h128){1, 2};
    assert_int_equal(changed(test), RC_CHANGE_REQUEST);
    begin(test)->c.data[PAY].outcome = RC_OUT_FAILED;
    assert_int_equal(changed(test), RC_CHANGE_FAULT);
    begin(test)->c.data[PAY].why = RC_WHY_STATUS;
    assert_int_equal(changed(test), RC_CHANGE_FAULT);
    begin(test)->c.data[PAY].times.since = 4;
    assert_int_equal(changed(test), RC_CHANGE_NODE);
    begin(test);
    assert_int_equal(rc_draft_finish(&test->draft), RC_OK);
    assert_int_equal(test->out.nchange, 0);
}

/* ---- needs and sides -------------------------------------------------------------------------------------------------- */

static void a_need_is_met_by_success_alone(void **state)
{
    struct test *test = *state;
    static const flow_node needs[] = {PAY};
    struct hand *hand = &test->hand;
    hand->step[SECOND].needs = needs;
    hand->step[SECOND].nneeds = 1;
    hand->node[FIRST].state = RC_STEP_SUCCEEDED;
    for (unsigned i = 0; i < RC_STEP_STATES; i++) {
        hand->node[PAY].state = (uint8_t)i;
        assert_int_equal(rc_step_needs_are_met(&hand->c, SECOND), i == RC_STEP_SUCCEEDED);
    }
    hand->node[PAY].state = RC_STEP_SUCCEEDED;
    hand->node[FIRST].state = RC_STEP_ACTIVE; /* the approval before it is still asked for */
    assert_false(rc_step_needs_are_met(&hand->c, SECOND));
    hand->node[FIRST].state = RC_STEP_REJECTED;
    assert_false(rc_step_needs_are_met(&hand->c, SECOND));
}

static void a_state_is_of_one_side(void **state)
{
    struct test *test = *state;
    for (unsigned i = 0; i < RC_STEP_STATES; i++) {
        bool undo = i == RC_STEP_UNDOING || i == RC_STEP_UNDO_UNKNOWN || i == RC_STEP_UNDO_FAILED ||
                    i == RC_STEP_UNDONE;
        test->hand.node[PAY].state = (uint8_t)i;
        assert_int_equal(rc_node_side(&test->hand.node[PAY])->undo, undo);
    }
}

/* The last key of a round, or of an undo, is not the first one again. */
static void what_was_done_too_often_is_not_done_again(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[PAY];
    const bool *in;
    uint32_t at;
    test->hand.step[PAY].call.undo.present = true;
    node->state = RC_STEP_UNDO_FAILED;
    node->undo_round = UINT8_MAX - 1;
    assert_true(rc_can_be_retried(&test->hand.c, PAY));
    node->undo_round = UINT8_MAX;
    assert_false(rc_can_be_retried(&test->hand.c, PAY));
    node->state = RC_STEP_SUCCEEDED;
    node->round = UINT8_MAX - 1;
    test->hand.node[ROOT].state = RC_STEP_ACTIVE;
    test->hand.c.state = RC_REVIEW;
    assert_int_equal(rc_part_find(&test->hand.c, RC_SV("pay"), test->arena, &at, &in, &test->err), RC_OK);
    assert_true(at == PAY && in[PAY] && in[DEEP] && !in[FIRST]);
    node->round = UINT8_MAX;
    assert_int_equal(rc_part_find(&test->hand.c, RC_SV("pay"), test->arena, &at, &in, &test->err),
                     RC_REFUSED);
    assert_non_null(strstr(test->err.text, "too often"));
    node->round = 0;
    test->hand.node[ROOT].state = RC_STEP_UNKNOWN; /* whether it had begun is not known */
    assert_int_equal(rc_part_find(&test->hand.c, RC_SV("pay"), test->arena, &at, &in, &test->err),
                     RC_REFUSED);
    assert_non_null(strstr(test->err.text, "has not begun"));
}

static void a_block_begins_anew_where_nothing_stands(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[DEEP];
    test->hand.node[BLOCK].state = RC_STEP_FAILED;
    assert_false(rc_block_can_be_retried(&test->hand.c, BLOCK));
    test->hand.node[BLOCK].tries = 1;
    assert_true(rc_block_can_be_retried(&test->hand.c, BLOCK));
    node->phase = RC_PHASE_READY;
    assert_false(rc_block_can_be_retried(&test->hand.c, BLOCK));
    node->phase = RC_PHASE_NONE;
    node->round = UINT8_MAX;
    assert_false(rc_block_can_be_retried(&test->hand.c, BLOCK));
    node->round = 0;
    node->doubt = 1;
    assert_false(rc_block_can_be_retried(&test->hand.c, BLOCK));
}

/* ---- the command's state ------------------------------------------------------------------------------------------------ */

static void a_command_that_stands_still(void **state)
{
    struct test *test = *state;
    struct rc_command *c = &test->hand.c;
    c->mode = RC_MODE_ROLL_BACK;
    assert_int_equal(rc_command_derive(c), RC_ROLLED_BACK);
    c->back = PAY; /* a part of it: a person goes on */
    assert_int_equal(rc_command_derive(c), RC_REVIEW);
    c->back = 0;
    c->mode = RC_MODE_HALT;
    assert_int_equal(rc_command_derive(c), RC_REVIEW);
    test->hand.node[PAY].phase = RC_PHASE_WAITING;
    assert_int_equal(rc_command_derive(c), RC_WAITING);
    test->hand.node[PAY].phase = RC_PHASE_DELAYED;
    assert_int_equal(rc_command_derive(c), RC_WAITING);
    test->hand.node[PAY].phase = RC_PHASE_OPEN;
    assert_int_equal(rc_command_derive(c), RC_RUNNING);
}

static void a_place_is_kept_by_what_can_go_on(void **state)
{
    struct test *test = *state;
    struct rc_command *c = &test->hand.c;
    const struct rc_identity id = {.lane = 4, .lane_key = RC_SV("k"), .priority = 3};
    test->ask.u.submit = &id;
    rc_place_submit(begin(test)); /* the flow has no lanes any more */
    assert_int_equal(test->draft.c.place.lane, 0);
    assert_int_equal(test->draft.c.priority, 3);
    test->hand.flow.lane.limit = 2;
    rc_place_submit(begin(test));
    assert_int_equal(test->draft.c.place.lane, 4);
    c->place = (struct rc_place){.lane = 4, .limit = 2, .state = RC_PLACE_WAITS};
    c->mode = RC_MODE_CANCEL;
    rc_place_grant(begin(test)); /* it has its place, and does not begin any more */
    assert_int_equal(test->draft.c.place.state, RC_PLACE_HOLDS);
    assert_int_equal(test->draft.c.node[ROOT].state, RC_STEP_IDLE);
    c->place.state = RC_PLACE_HOLDS;
    c->mode = RC_MODE_ROLL_BACK;
    c->back = PAY;
    rc_place_settle(begin(test)); /* a part only: it goes on later */
    assert_int_equal(test->draft.c.place.state, RC_PLACE_HOLDS);
    assert_int_equal(test->out.nmessage, 0);
    c->place.state = RC_PLACE_LEFT; /* a late fact sets it to work again: that cannot be refused */
    test->ask.kind = RC_MSG_RESULT;
    rc_place_settle(begin(test));
    assert_int_equal(test->draft.c.place.state, RC_PLACE_HOLDS);
    assert_int_equal(test->out.nmessage, 1);
    assert_int_equal(test->out.message[0].kind, RC_MSG_LANE_WANT);
    assert_int_equal(test->out.message[0].purpose, RC_WISH_STAY);
}

/* ---- doubt and blocks --------------------------------------------------------------------------------------------------- */

static void doubt_is_of_what_has_not_begun(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[DEEP];
    node->doubt = 1;
    assert_true(rc_is_in_doubt(&test->hand.c, BLOCK));
    rc_forget_doubt(begin(test), BLOCK, NODES);
    assert_int_equal(test->draft.c.node[DEEP].doubt, 0);
    node->state = RC_STEP_ACTIVE; /* it is asked, then */
    assert_false(rc_is_in_doubt(&test->hand.c, BLOCK));
    rc_forget_doubt(begin(test), BLOCK, NODES);
    assert_int_equal(test->draft.c.node[DEEP].doubt, 1);
    test->hand.node[BLOCK].state = RC_STEP_SKIPPED;
    test->hand.node[BLOCK].asks = 1;
    rc_left_out_settle(begin(test), BLOCK); /* it is over already */
    assert_int_equal(test->draft.c.node[BLOCK].asks, 1);
}

/* A block is under way as soon as it starts; what is in it starts by itself, and no attempt is made of the block. */
static void a_block_does_not_start_as_a_leaf(void **state)
{
    struct test *test = *state;
    static const enum flow_kind kinds[] = {FLOW_LINEAR, FLOW_PARALLEL, FLOW_CHOOSE,
                                           FLOW_EACH,   FLOW_REPEAT,   FLOW_FALLBACK};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        test->hand.step[BLOCK].kind = kinds[i];
        rc_leaf_start(begin(test), BLOCK);
        assert_int_equal(test->draft.c.node[BLOCK].state, RC_STEP_ACTIVE);
        test->draft.c.node[BLOCK].state = RC_STEP_IDLE;
        assert_memory_equal(test->draft.c.node, test->hand.node, sizeof test->hand.node);
        assert_memory_equal(test->draft.c.data, test->hand.data, sizeof test->hand.data);
        assert_true(test->draft.status == RC_OK && test->out.nmessage == 0 && test->out.neffect == 0);
    }
}

static void children_are_counted(void **state)
{
    struct test *test = *state;
    const struct rc_command *c = &test->hand.c;
    assert_int_equal(rc_branches(c, BLOCK), 1);
    assert_int_equal(rc_branch(c, BLOCK, 0), DEEP);
    assert_int_equal(rc_branch(c, BLOCK, 1), UINT32_MAX);
    assert_int_equal(rc_child_before(c, ROOT, 0, PAY), FIRST);
    assert_int_equal(rc_child_before(c, ROOT, 0, FIRST), UINT32_MAX);
    assert_int_equal(rc_child_before(c, ROOT, 0, NODES), BLOCK);
    assert_true(rc_phase_has_time(RC_PHASE_WAITING, 1) && rc_phase_has_time(RC_PHASE_DELAYED, 0));
    assert_false(rc_phase_has_time(RC_PHASE_WAITING, 0) || rc_phase_has_time(RC_PHASE_ASKED, 0));
    assert_string_equal(rc_held_word(UINT8_MAX).slug, "?");
}

/* ---- taking back -------------------------------------------------------------------------------------------------------- */

static void what_stands_is_not_reset(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[DEEP];
    *node = (struct rc_node){.node = DEEP, .parent = BLOCK, .state = RC_STEP_SUCCEEDED, .attempt = 3};
    rc_reset_subtree(begin(test), BLOCK);
    assert_memory_equal(&test->draft.c.node[DEEP], node, sizeof *node);
    test->hand.step[DEEP].call.undo.none = true;
    rc_reset_subtree(begin(test), BLOCK);
    assert_int_equal(test->draft.c.node[DEEP].state, RC_STEP_IDLE);
    assert_int_equal(test->draft.c.node[DEEP].round, 1);
    node->round = UINT8_MAX; /* the last round stays the last one */
    rc_reset_subtree(begin(test), BLOCK);
    assert_int_equal(test->draft.c.node[DEEP].state, RC_STEP_IDLE);
    assert_int_equal(test->draft.c.node[DEEP].round, UINT8_MAX);
}

/* What may have been done in another life of the store is to be taken back, too; and nothing is, before all is known. */
static void a_block_waits_until_all_is_known(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[DEEP];
    test->hand.step[BLOCK].block.undo = FLOW_UNDO_BLOCK;
    assert_false(rc_has_to_take_back(&test->hand.c, BLOCK));
    node->doubt = 1;
    assert_true(rc_has_to_take_back(&test->hand.c, BLOCK));
    node->state = RC_STEP_FAILED;
    assert_false(rc_has_to_take_back(&test->hand.c, BLOCK));
    test->hand.node[BLOCK].state = RC_STEP_UNDOING;
    test->hand.node[BLOCK].undo_round = RC_STEP_FAILED;
    rc_block_take_back(begin(test), BLOCK);
    assert_int_equal(test->draft.c.node[BLOCK].state, RC_STEP_FAILED);
    node->state = RC_STEP_UNKNOWN;
    rc_block_take_back(begin(test), BLOCK);
    assert_int_equal(test->draft.c.node[BLOCK].state, RC_STEP_UNDOING);
}

/* What could be tried again is not, in a block that is taken back: it has failed with its own reason, and not because of its policy. */
static void nothing_is_tried_again_in_what_is_taken_back(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[DEEP];
    *node =
        (struct rc_node){.node = DEEP, .parent = BLOCK, .state = RC_STEP_ACTIVE, .attempt = 1, .tries = 1};
    test->hand.step[DEEP].call.act.retry.attempts = 3;
    rc_step_again(begin(test), DEEP, RC_WHY_STATUS, 5);
    assert_int_equal(test->draft.c.node[DEEP].state, RC_STEP_ACTIVE);
    assert_int_equal(test->draft.c.node[DEEP].phase, RC_PHASE_DELAYED);
    assert_int_equal(test->draft.c.data[DEEP].times.due, test->ask.now + 5);
    test->hand.node[BLOCK].state = RC_STEP_UNDOING;
    rc_step_again(begin(test), DEEP, RC_WHY_STATUS, 5);
    assert_int_equal(test->draft.c.node[DEEP].state, RC_STEP_FAILED);
    assert_int_equal(test->draft.c.node[DEEP].why, RC_WHY_STATUS);
    assert_int_equal(test->draft.c.node[DEEP].phase, RC_PHASE_NONE);
}

/* What a person wants done again waits for the approval before it, and fails where that is refused. */
static void an_approval_comes_first_again(void **state)
{
    struct test *test = *state;
    struct hand *hand = &test->hand;
    hand->node[PAY].state = RC_STEP_ACTIVE;
    hand->node[FIRST].state = RC_STEP_ACTIVE;
    assert_int_equal(rc_advance_child(begin(test), PAY, true), RC_NOT_BEGUN);
    assert_memory_equal(test->draft.c.node, hand->node, sizeof hand->node);
    hand->node[FIRST].state = RC_STEP_REJECTED;
    hand->step[PAY].critical = true;
    assert_int_equal(rc_advance_child(begin(test), PAY, true), RC_ENDED);
    assert_int_equal(test->draft.c.node[PAY].state, RC_STEP_FAILED);
    assert_int_equal(test->draft.c.node[PAY].why, RC_WHY_NEEDS);
}

static void crashes_are_counted_to_their_bound(void **state)
{
    struct test *test = *state;
    struct rc_node *node = &test->hand.node[DEEP];
    *node = (struct rc_node){.node = DEEP,
                             .parent = BLOCK,
                             .state = RC_STEP_ACTIVE,
                             .phase = RC_PHASE_OPEN,
                             .attempt = 1,
                             .lost = UINT8_MAX - 1};
    for (unsigned i = 0; i < 2; i++, node->lost = UINT8_MAX) {
        rc_step_lost(begin(test), DEEP, true);
        assert_int_equal(test->draft.c.node[DEEP].lost, UINT8_MAX);
        assert_int_equal(test->draft.c.node[DEEP].state, RC_STEP_UNKNOWN);
        assert_int_equal(test->draft.c.node[DEEP].why, RC_WHY_CRASH_LOOP);
    }
}

/* What a roll back would undo is told, or that there is no room to say it. */
static void a_plan_without_room_is_none(void **state)
{
    struct test *test = *state;
    struct hand *hand = &test->hand;
    unsigned refused = 0;
    hand->step[PAY].call.undo.present = true;
    hand->node[PAY].state = RC_STEP_SUCCEEDED;
    hand->node[ROOT].state = RC_STEP_ACTIVE;
    hand->c.state = RC_REVIEW;
    for (size_t limit = 0; limit < 256; limit++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct rc_undo_plan plan = {.n = 77};
        enum rc_status status = rc_command_undo_plan(&hand->c, RC_SV("pay"), arena, &plan, &test->err);
        assert_true(status == RC_OK ? plan.n == 1 && plan.node[0] == PAY
                                    : status == RC_LIMIT && plan.n == 77);
        refused += status != RC_OK;
        rc_arena_free(arena);
    }
    assert_in_range(refused, NODES * sizeof(uint32_t), 200);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(one_field_is_one_change),
        RUN(a_need_is_met_by_success_alone),
        RUN(a_state_is_of_one_side),
        RUN(what_was_done_too_often_is_not_done_again),
        RUN(a_block_begins_anew_where_nothing_stands),
        RUN(a_command_that_stands_still),
        RUN(a_place_is_kept_by_what_can_go_on),
        RUN(doubt_is_of_what_has_not_begun),
        RUN(a_block_does_not_start_as_a_leaf),
        RUN(children_are_counted),
        RUN(a_plan_without_room_is_none),
        RUN(what_stands_is_not_reset),
        RUN(a_block_waits_until_all_is_known),
        RUN(nothing_is_tried_again_in_what_is_taken_back),
        RUN(an_approval_comes_first_again),
        RUN(crashes_are_counted_to_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
