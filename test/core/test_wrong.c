/* What the core refuses, and that nothing is changed by it: messages that are none to an aggregate, changes that no row of spec/states.def allows,
 * actions with missing or impossible words, and memory that runs out at any allocation. */
#include "../golden/world.h"

#include "base/limits.h"
#include "codec/json.h"
#include "core/access.h"
#include "core/bulk.h"
#include "core/explain.h"
#include "defs/defs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char definitions[] =
    "dependency: out\nkind: http\nbase: http://127.0.0.1:8499\nallow_private: true\nlimits: {concurrent: 1}\n"
    "---\n"
    "flow: two\nsteps:\n"
    "  - id: first\n    call: out\n    with: {method: POST, path: \"/first/${command.key}\"}\n"
    "    check: {with: {method: GET, path: /first}, happened: size(response.body) == 1, outputs: {number: "
    "\"${response.body[0].number}\"}}\n"
    "    undo: {with: {method: DELETE, path: /first}}\n"
    "    outputs: {number: \"${response.body.number}\"}\n    external_id: number\n"
    "  - id: second\n    call: out\n"
    "    with: {method: POST, path: \"/second/${steps.first.outputs.number}\"}\n";

struct test {
    struct rc_arena *arena;
    struct world world;
    struct rc_error err;
};

static const struct flow_set *load(struct rc_arena *arena)
{
    struct defs_file file = {.source = RC_SV("test"), .text = rc_sv_of(definitions)};
    static struct defs_errors errors;
    struct defs_one *found;
    uint32_t n;
    if (defs_load(&file, 1, arena, &found, &n, &errors) != RC_OK) fail_msg("%s", errors.error[0].text);
    const struct flow_set *set = world_set_of(found, n, arena);
    assert_non_null(set);
    return set;
}

/* A command whose first step is out. */
static int setup(void **state)
{
    struct test *test = test_calloc(1, sizeof *test);
    test->arena = rc_arena_new(1 << 20, SIZE_MAX);
    struct world *world = &test->world;
    world_begin(world, test->arena, load(test->arena));
    world->identity = (struct rc_identity){.seq = 1,
                                           .nonce = 7,
                                           .flow = 2,
                                           .created = world->now,
                                           .ns = RC_SV("default"),
                                           .type = RC_SV("two"),
                                           .key = RC_SV("k"),
                                           .actor = RC_SV("anna"),
                                           .generation = 1,
                                           .payload = {.kind = CEL_MAP},
                                           .refs = {.kind = CEL_MAP}};
    world->command.flow = world->set->active[0];
    struct rc_ask ask = world_ask(world, RC_MSG_SUBMIT, 0);
    ask.u.submit = &world->identity;
    assert_int_equal(world_deliver(world, ask, &test->err), RC_OK);
    assert_int_equal(world->command.node[1].phase, RC_PHASE_OPEN);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    const char *broken = test->world.broken;
    rc_arena_free(test->arena);
    test_free(test);
    return broken ? -1 : 0;
}

static enum rc_status step(struct test *test, struct rc_ask ask, struct rc_out *ret)
{
    test->err = (struct rc_error){0};
    return rc_command_step(&test->world.command, &ask, test->world.set, test->arena, ret, &test->err);
}

static struct rc_result answer(struct test *test, const char *body)
{
    struct rc_result result = {
        .reach = RC_ANSWERED, .usable = true, .status = 201, .headers = {.kind = CEL_MAP}};
    assert_int_equal(rc_json_parse(rc_sv_of(body), test->arena, &result.body, NULL), RC_OK);
    return result;
}

static struct rc_ask result_ask(struct test *test, uint32_t at, uint16_t attempt,
                                const struct rc_result *result)
{
    struct rc_ask ask = world_ask(&test->world, RC_MSG_RESULT, at);
    ask.attempt = attempt;
    ask.u.result = result;
    return ask;
}

/* ---- messages --------------------------------------------------------------------------------------------------------- */

static void a_message_is_to_one_kind_of_aggregate(void **state)
{
    struct test *test = *state;
    const struct rc_gate gate = {.id = test->world.gate.id};
    struct rc_out out = {.nchange = 77};
    unsigned taken = 0;
    for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
        struct rc_ask ask = world_ask(&test->world, (rc_message_kind)kind, 1);
        bool to_gate = rc_message_is_to(kind) == RC_AGG_GATE;
        struct rc_out given;
        taken += to_gate;
        assert_int_equal(rc_gate_step(&gate, &ask, test->world.set, test->arena, &given, &test->err),
                         to_gate ? RC_OK : RC_BUG);
        if (!to_gate) assert_non_null(strstr(test->err.text, "is none to a gate"));
        if (rc_message_is_to(kind) == RC_AGG_COMMAND) continue;
        assert_int_equal(step(test, ask, &out), RC_BUG);
        assert_non_null(strstr(test->err.text, "is none to a command"));
        assert_int_equal(out.nchange, 77);
    }
    assert_true(taken > 0);
}

static void a_message_to_a_command_is_none_to_a_gate(void **state)
{
    struct test *test = *state;
    static const uint8_t kinds[] = {
        RC_MSG_SUBMIT,     RC_MSG_ADMIT,    RC_MSG_RESULT,     RC_MSG_LOST,       RC_MSG_DUE,
        RC_MSG_ACTION,     RC_MSG_RESTORED, RC_MSG_LATE,       RC_MSG_SIGNALLED,  RC_MSG_GRANT,
        RC_MSG_SIGNAL,     RC_MSG_LISTEN,   RC_MSG_LANE_WANT,  RC_MSG_LANE_OFFER, RC_MSG_LANE_LEAVE,
        RC_MSG_LANE_YIELD, RC_MSG_PLAN,     RC_MSG_OCCUR,      RC_MSG_PAUSE,      RC_MSG_RESUME,
        RC_MSG_RUN,        RC_MSG_CHILD,    RC_MSG_CHILD_TELL, RC_MSG_CHILD_START};
    struct rc_out out = {.nchange = 77};
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct rc_ask ask = world_ask(&test->world, kinds[i], 1);
        assert_int_equal(
            rc_gate_step(&test->world.gate, &ask, test->world.set, test->arena, &out, &test->err), RC_BUG);
        assert_int_equal(out.nchange, 77);
    }
}

static void a_command_is_submitted_once_and_first(void **state)
{
    struct test *test = *state;
    struct rc_out out;
    struct rc_ask again = world_ask(&test->world, RC_MSG_SUBMIT, 0), early = again;
    again.u.submit = &test->world.identity;
    assert_int_equal(step(test, again, &out), RC_BUG);
    struct rc_command none = {.flow = test->world.command.flow};
    early.kind = RC_MSG_DUE;
    assert_int_equal(rc_command_step(&none, &early, test->world.set, test->arena, &out, &test->err), RC_BUG);
}

/* Facts are never refused; those about nothing that is out change nothing. */
static void a_fact_about_nothing_changes_nothing(void **state)
{
    struct test *test = *state;
    const struct rc_result result = answer(test, "{\"number\": 5}");
    struct rc_ask asks[] = {
        result_ask(test, 77, 1, &result),         /* no such step */
        result_ask(test, 0, 1, &result),          /* a block */
        result_ask(test, 1, 2, &result),          /* an attempt that never was */
        result_ask(test, 2, 0, &result),          /* a step that has not begun */
        world_ask(&test->world, RC_MSG_DUE, 1),   /* it is not delayed */
        world_ask(&test->world, RC_MSG_LOST, 2),  /* the same */
        world_ask(&test->world, RC_MSG_LOST, 77), /* no such step */
        world_ask(&test->world, RC_MSG_DUE, 0),   /* the command waits for no time */
        world_ask(&test->world, RC_MSG_LOST, 0),  /* and was never set aside */
        world_ask(&test->world, RC_MSG_LOST, 0),
        world_ask(&test->world, RC_MSG_GRANT, 0), /* it wants no place */
        world_ask(&test->world, RC_MSG_ACTION, 0),
    };
    const struct rc_act leave = {.action =
                                     RC_ACTION_RETRY}; /* what a lane asks for is no order of a person's */
    size_t last = sizeof asks / sizeof *asks - 1;
    asks[last - 2].set_aside = true;
    asks[last].from.agg = RC_AGG_LANE;
    asks[last].u.act = &leave;
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct rc_out out = {.nchange = 77};
        assert_int_equal(step(test, asks[i], &out), RC_OK);
        assert_true(out.nchange == 0 && out.neffect == 0 && out.nmessage == 0);
    }
}

/* The mailbox that sent it has another one who waits, perhaps. */
static void a_signal_nobody_waits_for_goes_back(void **state)
{
    struct test *test = *state;
    const struct rc_signal signal = {
        .number = 3, .ns = RC_SV("default"), .name = RC_SV("paid"), .id = RC_SV("7")};
    for (uint32_t at = 1; at < 78; at += 76) { /* a step that waits for none, and one that there is not */
        struct rc_ask ask = world_ask(&test->world, RC_MSG_SIGNALLED, at);
        struct rc_out out = {.nchange = 77};
        ask.from = (struct rc_addr){.agg = RC_AGG_MAILBOX, .id = 5};
        ask.u.signal = &signal;
        assert_int_equal(step(test, ask, &out), RC_OK);
        assert_true(out.nchange == 0 && out.neffect == 0 && out.nmessage == 1);
        assert_int_equal(out.message[0].kind, RC_MSG_SIGNAL);
        assert_int_equal(out.message[0].to.agg, RC_AGG_MAILBOX);
        assert_int_equal(out.message[0].to.id, 5);
        assert_int_equal(out.message[0].u.signal->number, 3);
    }
}

static void a_value_may_be_decided_beforehand(void **state)
{
    struct test *test = *state;
    const struct rc_result result = answer(test, "{\"number\": 5}");
    const struct flow_call *call = &test->world.command.flow->steps[1].call;
    struct cel_value number[] = {cel_string(RC_SV("number")), cel_int(99)};
    struct cel_value map = {.kind = CEL_MAP, .n = 1, .v.items = number};
    /* another site, and the same one of another step, decide nothing */
    struct rc_decided decided[] = {{(flow_site)(call->act.outputs + 1), 1, cel_null()},
                                   {call->act.outputs, 2, cel_null()},
                                   {call->act.outputs, 1, map}};
    struct rc_ask ask = result_ask(test, 1, 1, &result);
    ask.decided = decided;
    for (uint32_t n = 2; n <= 3; n++) {
        struct rc_out out;
        ask.ndecided = n;
        assert_int_equal(step(test, ask, &out), RC_OK);
        const struct cel_value *outputs = NULL;
        for (uint32_t i = 0; i < out.nchange; i++)
            if (out.change[i].kind == RC_CHANGE_OUTPUTS) outputs = &out.change[i].u.outputs.outputs;
        assert_non_null(outputs);
        assert_int_equal(cel_map_find(outputs, cel_string(RC_SV("number")))->v.i, n == 3 ? 99 : 5);
    }
}

/* The request of a round is built once: one that comes out otherwise does not leave under the same key. */
static void another_request_does_not_leave_in_the_same_round(void **state)
{
    struct test *test = *state;
    struct rc_command *c = &test->world.command;
    struct rc_out out;
    c->node[1].phase = RC_PHASE_READY;
    struct rc_ask admit = world_ask(&test->world, RC_MSG_ADMIT, 1);
    assert_int_equal(step(test, admit, &out), RC_OK);
    assert_true(out.neffect == 1 && out.effect[0].attempt == 2);
    struct rc_h128 first = c->data[1].request;
    c->data[1].request.lo ^= 1;
    assert_int_equal(step(test, admit, &out), RC_OK);
    assert_int_equal(out.neffect, 0);
    bool said = false;
    for (uint32_t i = 0; i < out.nchange; i++)
        said |= out.change[i].kind == RC_CHANGE_FAULT && strstr(out.change[i].u.fault.text.p, "sent before");
    assert_true(said);
    c->data[1].request = first;
    c->node[1].attempt = UINT16_MAX; /* and there is no number for another attempt */
    assert_int_equal(step(test, admit, &out), RC_OK);
    assert_int_equal(out.neffect, 0);
}

/* ---- changes ------------------------------------------------------------------------------------------------------------ */

static enum rc_status apply(struct test *test, struct rc_change change)
{
    test->err = (struct rc_error){0};
    return rc_command_apply(&test->world.command, &change, test->arena, &test->err);
}

/* Invariant 6, for each pair of states and phases that a change could name. */
static void only_declared_edges_are_taken(void **state)
{
    struct test *test = *state;
    struct rc_command *c = &test->world.command;
    unsigned refused = 0;
    for (unsigned from = 0; from < RC_STEP_STATES; from++)
        for (unsigned to = 0; to < RC_STEP_STATES; to++)
            for (uint32_t at = 0; at < 2; at++) {
                bool may = at ? rc_step_may(from, to) : rc_block_may(from, to);
                struct rc_change change = {.kind = RC_CHANGE_NODE, .at = at, .u.node.node = c->node[at]};
                c->node[at].state = (uint8_t)from;
                change.u.node.node.state = (uint8_t)to;
                assert_int_equal(apply(test, change), may ? RC_OK : RC_BUG);
                assert_int_equal(c->node[at].state, may ? to : from);
                refused += !may;
                if (!may) assert_non_null(strstr(test->err.text, at ? "step 1 may not" : "block 0 may not"));
            }
    c->node[1].state = RC_STEP_ACTIVE;
    for (unsigned from = 0; from < RC_PHASES; from++)
        for (unsigned to = 0; to < RC_PHASES; to++) {
            struct rc_change change = {.kind = RC_CHANGE_NODE, .at = 1, .u.node.node = c->node[1]};
            c->node[1].phase = (uint8_t)from;
            change.u.node.node.phase = (uint8_t)to;
            assert_int_equal(apply(test, change), rc_phase_may(from, to) ? RC_OK : RC_BUG);
            refused += !rc_phase_may(from, to);
        }
    for (unsigned from = 0; from < RC_STATES; from++)
        for (unsigned to = 0; to < RC_STATES; to++) {
            c->state = (uint8_t)from;
            struct rc_change change = {.kind = RC_CHANGE_STATE, .u.state = (uint8_t)to};
            assert_int_equal(apply(test, change), rc_state_may(from, to) ? RC_OK : RC_BUG);
            refused += !rc_state_may(from, to);
        }
    assert_true(refused > 100);
}

static void a_change_that_does_not_fit_is_refused(void **state)
{
    struct test *test = *state;
    struct rc_command *c = &test->world.command;
    struct rc_h128 before = rc_command_control_hash(c);
    struct rc_change skips = {.kind = RC_CHANGE_NODE, .at = 1, .u.node.node = c->node[1]}, back = skips;
    skips.u.node.node.attempt = (uint16_t)(c->node[1].attempt + 2);
    back.u.node.node.attempt = (uint16_t)(c->node[1].attempt - 1);
    const struct rc_change wrong[] = {
        skips,
        back,
        {.kind = RC_CHANGE_CREATE, .u.create = &test->world.identity},
        {.kind = RC_CHANGE_GATE},
        {.kind = RC_CHANGE_SCHEDULE},
        {.kind = RC_CHANGE_NODE, .at = c->nnodes},
        {.kind = RC_CHANGE_MODE, .u.mode.mode = RC_MODES},
        {.kind = RC_CHANGE_BACK, .u.back = c->nnodes},
        {.kind = 99},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(apply(test, wrong[i]), RC_BUG);
        assert_true(test->err.text[0]);
        assert_true(rc_h128_eq(before, rc_command_control_hash(c)));
    }
    const struct rc_change successor = {.kind = RC_CHANGE_SUCCESSOR, .u.successor = {9, 9}};
    assert_int_equal(apply(test, successor), RC_OK);
    assert_int_equal(apply(test, successor), RC_BUG); /* at most one */
    assert_int_equal(c->successor.seq, 9);
    struct rc_command none = {0}; /* of no flow */
    assert_int_equal(rc_command_apply(&none, &wrong[2], test->arena, &test->err), RC_BUG);
    /* what is not there has nothing to be put back */
    assert_int_equal(rc_command_inverse(c, &wrong[5]).u.node.node.state, 0);
    for (size_t i = 2; i < 5; i++) { /* nor has what is none of a command's */
        struct rc_change inverse = rc_command_inverse(c, &wrong[i]);
        before = rc_command_control_hash(c);
        rc_command_restore(c, &inverse);
        assert_true(rc_h128_eq(before, rc_command_control_hash(c)));
    }
}

/* ---- actions ------------------------------------------------------------------------------------------------------------ */

static enum rc_status act(struct test *test, struct rc_act wanted)
{
    struct rc_out out;
    struct rc_ask ask = world_ask(&test->world, RC_MSG_ACTION, 0);
    wanted.actor = RC_SV("olga");
    ask.u.act = &wanted;
    struct rc_h128 before = rc_command_control_hash(&test->world.command);
    enum rc_status status = step(test, ask, &out);
    assert_true(rc_h128_eq(before, rc_command_control_hash(&test->world.command)));
    return status;
}

static void is_refused(struct test *test, struct rc_act wanted, enum rc_status status, const char *words)
{
    assert_int_equal(act(test, wanted), status);
    if (!strstr(test->err.text, words)) fail_msg("%s: no \"%s\" in it", test->err.text, words);
}

static void an_action_needs_its_words(void **state)
{
    struct test *test = *state;
    static char owner[RC_MAX_ACTOR + 1];
    memset(owner, 'o', sizeof owner);
    is_refused(test, (struct rc_act){.action = RC_ACTIONS}, RC_INVALID, "no such action");
    is_refused(test, (struct rc_act){.action = RC_ACTION_NOTE}, RC_INVALID, "needs a text");
    is_refused(test, (struct rc_act){.action = RC_ACTION_ASSIGN, .owner = {owner, sizeof owner}}, RC_INVALID,
               "an owner is at most");
    assert_int_equal(act(test, (struct rc_act){.action = RC_ACTION_ASSIGN, .owner = {owner, RC_MAX_ACTOR}}),
                     RC_OK);
    is_refused(test, (struct rc_act){.action = RC_ACTION_CANCEL, .expected_rev = 77}, RC_STALE, "revision");
    struct rc_allowed allowed = rc_command_allows(&test->world.command, RC_ACTIONS);
    assert_true(!allowed.allowed && strstr(allowed.why_not, "no such action"));
}

/* The first step is unknown, and its check has given up. */
static void make_unknown(struct test *test)
{
    struct rc_node *node = &test->world.command.node[1];
    node->state = RC_STEP_UNKNOWN;
    node->phase = RC_PHASE_NONE;
    node->why = RC_WHY_CHECK_FAILED;
    test->world.command.state = RC_REVIEW;
}

static void a_resolve_needs_a_verdict_and_outputs(void **state)
{
    struct test *test = *state;
    make_unknown(test);
    struct rc_act wanted = {.action = RC_ACTION_RESOLVE, .outputs = cel_null()};
    is_refused(test, wanted, RC_INVALID, "needs a verdict");
    wanted.verdict = RC_HAPPENED;
    is_refused(test, wanted, RC_INVALID, "'number' is missing");
    struct cel_value pair[] = {cel_string(RC_SV("number")), {.kind = CEL_BYTES}};
    wanted.outputs = (struct cel_value){.kind = CEL_MAP, .n = 1, .v.items = pair};
    is_refused(test, wanted, RC_INVALID, "must be JSON");
    char *text = rc_alloc_text(test->arena, RC_MAX_OUTPUTS);
    memset(text, 'x', RC_MAX_OUTPUTS);
    pair[1] = cel_string((struct rc_sv){text, RC_MAX_OUTPUTS});
    is_refused(test, wanted, RC_INVALID, "must be JSON of at most");
    pair[1] = cel_int(5);
    assert_int_equal(act(test, wanted), RC_OK);
    /* the id outside alone says it, where the flow names the output that holds it */
    wanted.outputs = cel_null();
    wanted.external_id = RC_SV("5");
    assert_int_equal(act(test, wanted), RC_OK);
}

static void a_successor_has_the_key_of_its_original(void **state)
{
    struct test *test = *state;
    struct rc_command *c = &test->world.command;
    for (uint32_t i = 0; i < c->nnodes; i++) { /* nothing stands outside */
        c->node[i].state = RC_STEP_FAILED;
        c->node[i].phase = RC_PHASE_NONE;
    }
    c->state = RC_FAILED;
    struct rc_identity next = c->id;
    struct rc_act wanted = {.action = RC_ACTION_EDIT, .successor = &next};
    next.seq = 2;
    next.original = (struct rc_link){c->id.seq, c->id.nonce};
    next.generation = c->id.generation + 1;
    const struct rc_identity good = next;
    assert_int_equal(act(test, wanted), RC_OK);
    for (int wrong = 0; wrong < 5; wrong++) {
        next = good;
        if (wrong == 0) next.ns = RC_SV("other");
        if (wrong == 1) next.type = RC_SV("other");
        if (wrong == 2) next.key = RC_SV("other");
        if (wrong == 3) next.original.seq = 77;
        if (wrong == 4) next.generation = c->id.generation;
        is_refused(test, wanted, RC_BUG, "a successor has the type and the key");
    }
    wanted.successor = NULL;
    is_refused(test, wanted, RC_STALE, "has moved on");
}

/* Of one whose history is full only what ends it can be asked. */
static void a_full_history_lets_it_end(void **state)
{
    struct test *test = *state;
    test->world.command.rev = RC_MAX_HISTORY - 10;
    is_refused(test, (struct rc_act){.action = RC_ACTION_NOTE, .reason = RC_SV("x")}, RC_REFUSED,
               "its limit");
    assert_int_equal(act(test, (struct rc_act){.action = RC_ACTION_CANCEL}), RC_OK);
    make_unknown(test);
    is_refused(test, (struct rc_act){.action = RC_ACTION_RESOLVE, .verdict = RC_DID_NOT_HAPPEN}, RC_REFUSED,
               "its limit");
    assert_int_equal(act(test, (struct rc_act){.action = RC_ACTION_RESOLVE, .verdict = RC_ACCEPTED_AS_IS}),
                     RC_OK);
    test->world.command.node[1].state = RC_STEP_FAILED;
    test->world.command.state = RC_FAILED;
    struct rc_explanation told;
    rc_command_explain(&test->world.command,
                       &told); /* a retry would be refused, and so would leaving it out */
    assert_int_equal(told.next, RC_NEXT_ACCEPT);
    test->world.command.mode = RC_MODE_HALT;
    test->world.command.state = RC_REVIEW;
    rc_command_explain(&test->world.command, &told);
    assert_int_equal(told.next, RC_NEXT_ACCEPT);
    test->world.command.mode = RC_MODE_FORWARD;
    test->world.command.state = RC_FAILED;
    struct rc_identity next = test->world.identity;
    is_refused(test, (struct rc_act){.action = RC_ACTION_EDIT, .successor = &next}, RC_REFUSED, "its limit");
}

/* ---- bulks ---------------------------------------------------------------------------------------------------------------- */

static void only_some_actions_can_be_done_to_many(void **state)
{
    (void)state;
    for (unsigned action = 0; action <= RC_ACTIONS; action++)
        for (unsigned verdict = 0; verdict <= RC_ACCEPTED_AS_IS; verdict++) {
            const struct rc_act wanted = {.action = (uint8_t)action, .verdict = (uint8_t)verdict};
            const char *why_not = rc_bulk_why_not(&wanted);
            bool no = action == RC_ACTIONS || action == RC_ACTION_EDIT || action == RC_ACTION_MOVE ||
                      (action == RC_ACTION_RESOLVE && verdict != RC_ACCEPTED_AS_IS);
            assert_int_equal(why_not != NULL, no);
            if (no) assert_true(strlen(why_not) > 10);
        }
    const struct rc_act move = {.action = RC_ACTION_MOVE, .version = 2}; /* with its version it can */
    assert_null(rc_bulk_why_not(&move));
}

static const struct rc_bulk running = {.id = 1,
                                       .rev = 3,
                                       .state = RC_BULK_RUNNING,
                                       .total = 5,
                                       .rate = 100,
                                       .stop_percent = 40,
                                       .count = {[RC_ITEM_OPEN] = 5}};

static void a_wave_that_goes_wrong_stops_it(void **state)
{
    struct test *test = *state;
    static const struct {
        uint8_t result[2];
        bool allowed, stops;
    } waves[] = {
        {{RC_ITEM_DONE, RC_ITEM_DONE}, true, false},   {{RC_ITEM_FAILED, RC_ITEM_DONE}, true, true},
        {{RC_ITEM_REFUSED, RC_ITEM_DONE}, true, true}, {{RC_ITEM_REFUSED, RC_ITEM_DONE}, false, false},
        {{RC_ITEM_FAILED, RC_ITEM_DONE}, false, true}, /* a failure is always a surprise */
        {{RC_ITEM_STALE, RC_ITEM_STALE}, true, true}};
    for (size_t i = 0; i < sizeof waves / sizeof *waves; i++) {
        struct rc_bulk_item items[2] = {{.n = 1, .result = waves[i].result[0], .allowed = waves[i].allowed},
                                        {.n = 2, .result = waves[i].result[1], .allowed = waves[i].allowed}};
        struct rc_bulk after;
        struct rc_bulk_event event;
        bool changed;
        assert_int_equal(
            rc_bulk_advance(&running, items, 2, 9, test->arena, &after, &changed, &event, &test->err), RC_OK);
        assert_int_equal(changed, waves[i].stops);
        assert_int_equal(after.state, waves[i].stops ? RC_BULK_STOPPED : RC_BULK_RUNNING);
        assert_true(after.next == 2 && after.count[RC_ITEM_OPEN] == 3 && after.wave == 1);
        if (changed) assert_non_null(strstr(event.reason.p, "went wrong"));
    }
}

/* Somebody paused it while the wave was out: what came of it counts, and it does not move by itself. */
static void a_wave_of_a_paused_bulk_only_counts(void **state)
{
    struct test *test = *state;
    struct rc_bulk paused = running, after;
    struct rc_bulk_event event;
    bool changed = true;
    paused.state = RC_BULK_PAUSED;
    const struct rc_bulk_item item = {.n = 1, .result = RC_ITEM_FAILED, .allowed = true};
    assert_int_equal(rc_bulk_advance(&paused, &item, 1, 9, test->arena, &after, &changed, &event, &test->err),
                     RC_OK);
    assert_true(!changed && after.state == RC_BULK_PAUSED && after.count[RC_ITEM_FAILED] == 1);
}

static void an_order_names_the_revision_that_it_saw(void **state)
{
    struct test *test = *state;
    struct rc_bulk after = running;
    struct rc_bulk_event event;
    struct rc_bulk_order order = {.to = RC_BULK_PAUSED, .expected_rev = 2, .actor = RC_SV("olga")};
    assert_int_equal(rc_bulk_obey(&running, &order, 9, &after, &event, &test->err), RC_STALE);
    for (order.expected_rev = 0; order.expected_rev <= 3; order.expected_rev += 3) { /* any; this one */
        assert_int_equal(rc_bulk_obey(&running, &order, 9, &after, &event, &test->err), RC_OK);
        assert_true(after.state == RC_BULK_PAUSED && after.rev == 4 && event.rev == 4);
    }
}

/* ---- words ---------------------------------------------------------------------------------------------------------------- */

static void every_word_leads_back_to_its_member(void **state)
{
    (void)state;
    static const struct {
        struct rc_word (*word)(unsigned);
        unsigned n;
        int (*of)(struct rc_sv);
    } lists[] = {
        {rc_state_word, RC_STATES, rc_state_of},
        {rc_step_word, RC_STEP_STATES, NULL},
        {rc_phase_word, RC_PHASES, NULL},
        {rc_outcome_word, RC_OUTCOMES, rc_outcome_of},
        {rc_purpose_word, RC_PURPOSES, NULL},
        {rc_mode_word, RC_MODES, NULL},
        {rc_action_word, RC_ACTIONS, rc_action_of},
        {rc_why_word, RC_WHYS, rc_why_of},
        {rc_role_word, RC_ROLES, rc_role_of},
        {rc_permission_word, RC_PERMISSIONS, NULL},
        {rc_audit_word, RC_AUDIT_KINDS, rc_audit_of},
        {rc_deed_word, RC_DEEDS, NULL},
        {rc_item_word, RC_ITEM_RESULTS, rc_item_of},
        {rc_bulk_word, RC_BULK_STATES, rc_bulk_state_of},
        {rc_next_word, 0, NULL},
        {rc_cause_word, 0, NULL},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (unsigned member = 0; member < lists[i].n; member++) {
            struct rc_sv slug = rc_sv_of(lists[i].word(member).slug);
            assert_true(slug.n > 0 && !rc_sv_is(slug, "?"));
            if (lists[i].of) assert_int_equal(lists[i].of(slug), member);
        }
        assert_string_equal(lists[i].word(255).slug, "?");
        assert_string_equal(lists[i].word(UINT32_MAX).text, "?");
        if (lists[i].of) assert_int_equal(lists[i].of(RC_SV("no such word")), -1);
    }
}

static void what_is_no_state_has_not_ended(void **state)
{
    (void)state;
    assert_false(rc_state_ended(RC_STATES));
    assert_false(rc_state_rests(RC_STATES));
    assert_false(rc_bulk_ended(RC_BULK_STATES));
    assert_true(rc_state_rests(RC_FAILED) && rc_state_rests(RC_REJECTED) && rc_state_rests(RC_REVIEW) &&
                rc_state_rests(RC_COMPLETED) && !rc_state_rests(RC_RUNNING));
    for (unsigned bulk = 0; bulk < RC_BULK_STATES; bulk++) assert_false(rc_bulk_may(bulk, bulk));
    for (unsigned command = 0; command < RC_STATES; command++) assert_true(rc_state_may(command, command));
    assert_true(
        rc_permission_is_wide(RC_PERMISSIONS)); /* what nobody declared reaches furthest, and nobody has it */
    assert_false(rc_role_has(RC_ROLE_ADMIN, RC_PERMISSIONS));
}

/* ---- memory ----------------------------------------------------------------------------------------------------------------- */

/* The step again with less and less room: an answer each time, and the command is as it was. */
static void starve(struct test *test, struct rc_ask ask)
{
    enum { STEP = 16 };
    struct rc_command *c = &test->world.command;
    struct rc_h128 before = rc_command_control_hash(c);
    unsigned refused = 0;
    for (size_t limit = 0;; limit += STEP, refused++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct rc_out out = {.nchange = 77};
        struct rc_error err = {0};
        enum rc_status status = rc_command_step(c, &ask, test->world.set, arena, &out, &err);
        assert_true(rc_h128_eq(before, rc_command_control_hash(c)));
        rc_arena_free(arena);
        if (status == RC_OK) break;
        assert_int_equal(status, RC_LIMIT);
        assert_true(err.text[0] && out.nchange == 77);
    }
    assert_true(refused > 5);
}

static void a_step_without_room_is_no_step(void **state)
{
    struct test *test = *state;
    const struct rc_result result = answer(test, "{\"number\": 5}"), bad = answer(test, "{}");
    const struct rc_result refusal = {
        .reach = RC_ANSWERED, .usable = true, .status = 400, .excerpt = RC_SV("no")};
    starve(test, result_ask(test, 1, 1, &result));
    starve(test, result_ask(test, 1, 1, &bad));
    starve(test, result_ask(test, 1, 1, &refusal));
    struct rc_ask lost = world_ask(&test->world, RC_MSG_LOST, 1);
    lost.attempt = 1;
    starve(test, lost);
    /* with the answer taken in, the second step wants a place, and gets it */
    assert_int_equal(world_deliver(&test->world, result_ask(test, 1, 1, &result), &test->err), RC_OK);
    assert_int_equal(test->world.command.node[2].phase, RC_PHASE_OPEN);
    test->world.command.node[2].phase = RC_PHASE_READY;
    starve(test, world_ask(&test->world, RC_MSG_ADMIT, 2));
}

static void a_gate_without_room_lets_nobody_in(void **state)
{
    struct test *test = *state;
    struct rc_gate before = test->world.gate;
    struct rc_ask want = world_ask(&test->world, RC_MSG_WANT, 2);
    for (size_t limit = 0;; limit += 16) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct rc_out out = {.nchange = 77};
        enum rc_status status = rc_gate_step(&before, &want, test->world.set, arena, &out, &test->err);
        rc_arena_free(arena);
        if (status == RC_OK) break;
        assert_true(status == RC_LIMIT && out.nchange == 77);
    }
    assert_memory_equal(&before, &test->world.gate, sizeof before);
}

/* A change is applied whole, or not at all. */
static void a_change_without_room_is_no_change(void **state)
{
    struct test *test = *state;
    struct cel_value pair[] = {cel_string(RC_SV("a longer name than none")),
                               cel_string(RC_SV("and a longer text"))};
    const struct rc_change changes[] = {
        {.kind = RC_CHANGE_OWNER, .u.owner = RC_SV("somebody with a name")},
        {.kind = RC_CHANGE_FAULT, .at = 1, .u.fault = {.text = RC_SV("what went wrong"), .status = 7}},
        {.kind = RC_CHANGE_OUTPUTS,
         .at = 1,
         .u.outputs = {.outputs = {.kind = CEL_MAP, .n = 1, .v.items = pair}, .external_id = RC_SV("5")}}};
    struct rc_command *c = &test->world.command;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (size_t limit = 0;; limit += 8) {
            struct rc_arena *arena = rc_arena_new(0, limit);
            struct rc_command trial = *c;
            trial.node = rc_copy(test->arena, c->node, c->nnodes * sizeof *c->node);
            trial.data = rc_copy(test->arena, c->data, c->nnodes * sizeof *c->data);
            enum rc_status status = rc_command_apply(&trial, &changes[i], arena, &test->err);
            assert_true(status == RC_OK || limit < 512);
            bool same = trial.owner.n == 0 && trial.data[1].fault.n == 0 && trial.data[1].external_id.n == 0;
            assert_int_equal(same, status != RC_OK);
            rc_arena_free(arena);
            if (status == RC_OK) break;
            assert_int_equal(status, RC_LIMIT);
        }
    struct rc_command new = {.flow = c->flow};
    const struct rc_change create = {.kind = RC_CHANGE_CREATE, .u.create = &test->world.identity};
    for (size_t limit = 0; new.nnodes == 0; limit += 8) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        assert_true(limit < 4096);
        enum rc_status status = rc_command_apply(&new, &create, arena, &test->err);
        assert_int_equal(status == RC_OK, new.nnodes > 0);
        rc_arena_free(arena);
    }
}

#define RUN(name)                                                                                            \
    {                                                                                                        \
#name, name, setup, teardown, NULL                                                                   \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_message_is_to_one_kind_of_aggregate),
        RUN(a_message_to_a_command_is_none_to_a_gate),
        RUN(a_command_is_submitted_once_and_first),
        RUN(a_fact_about_nothing_changes_nothing),
        RUN(a_signal_nobody_waits_for_goes_back),
        RUN(a_value_may_be_decided_beforehand),
        RUN(another_request_does_not_leave_in_the_same_round),
        RUN(only_declared_edges_are_taken),
        RUN(a_change_that_does_not_fit_is_refused),
        RUN(an_action_needs_its_words),
        RUN(a_resolve_needs_a_verdict_and_outputs),
        RUN(a_successor_has_the_key_of_its_original),
        RUN(a_full_history_lets_it_end),
        RUN(only_some_actions_can_be_done_to_many),
        RUN(a_wave_that_goes_wrong_stops_it),
        RUN(a_wave_of_a_paused_bulk_only_counts),
        RUN(an_order_names_the_revision_that_it_saw),
        RUN(every_word_leads_back_to_its_member),
        RUN(what_is_no_state_has_not_ended),
        RUN(a_step_without_room_is_no_step),
        RUN(a_gate_without_room_lets_nobody_in),
        RUN(a_change_without_room_is_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
