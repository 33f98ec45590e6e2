/* Stored records, format 1: what is written comes back, and nothing else is believed. */
#include "kit.h"

#include "base/limits.h"
#include "codec/record.h"
#include "core/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT = 1790000000 };

static struct rc_arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = rc_arena_new(1 << 16, 1 << 26);
    return arena ? 0 : -1;
}

static int free_arena(void **state)
{
    (void)state;
    rc_arena_free(arena);
    return 0;
}

static struct rc_sv written(const struct rc_change *changes, uint32_t n)
{
    struct rc_buf buf = rc_buf_in(arena, 1 << 20);
    rc_put_changes(&buf, changes, n, AT);
    assert_int_equal(buf.status, RC_OK);
    return rc_buf_sv(&buf);
}

static struct rc_change *read_back(struct rc_sv text, uint32_t expected)
{
    struct rc_change *changes = NULL;
    uint32_t n = 0;
    struct rc_error err = {0};
    enum rc_status status = rc_get_changes(text, AT, arena, &changes, &n, &err);
    if (status != RC_OK) fail_msg("%.*s: %s", RC_SV_ARG(text), err.text);
    assert_int_equal(n, expected);
    return changes;
}

static void every_kind_of_change_comes_back(void **state)
{
    (void)state;
    struct cel_value pair[2] = {cel_string(RC_SV("number")), cel_int(-42)};
    const struct rc_change changes[] = {
        {.kind = RC_CHANGE_CREATE},
        {.kind = RC_CHANGE_NODE,
         .at = 3,
         .u.node = {.node = {.state = RC_STEP_UNDO_UNKNOWN,
                             .phase = RC_PHASE_DELAYED,
                             .why = RC_WHY_NO_UNDO,
                             .attempt = 65535,
                             .tries = 1000,
                             .asks = 7,
                             .round = 255,
                             .undo_round = 254,
                             .lost = 3,
                             .cleared = 1,
                             .doubt = 1},
                    .times = {.since = AT - 5, .first = AT, .due = AT + 90000000, .keyed = AT + 1}}},
        {.kind = RC_CHANGE_OUTPUTS,
         .at = 4,
         .u.outputs = {.outputs = {.kind = CEL_MAP, .n = 1, .v.items = pair},
                       .external_id = RC_SV("é\"\\\n")}},
        {.kind = RC_CHANGE_REQUEST, .at = 5, .u.request = {UINT64_C(0x0123456789abcdef), UINT64_MAX}},
        {.kind = RC_CHANGE_FAULT,
         .at = 6,
         .u.fault =
             {.text = RC_SV("refused"), .status = 503, .why = RC_WHY_CONNECTION, .outcome = RC_OUT_REJECTED}},
        {.kind = RC_CHANGE_MODE, .u.mode = {.mode = RC_MODE_ROLL_BACK, .why = RC_WHY_PERSON}},
        {.kind = RC_CHANGE_GATE, .u.gate = {.in_use = 7}}, /* not durable: left out */
        {.kind = RC_CHANGE_STATE, .u.state = RC_RESOLVED},
    };
    struct rc_sv text = written(changes, 8);
    assert_sv(text, "[[1],[2,3,8,1,26,65535,1000,7,255,254,3,1,1,-5,1,90000001,2],[3,4,{\"number\":-42},"
                    "\"é\\\"\\\\\\n\"],"
                    "[4,5,\"0123456789abcdefffffffffffffffff\"],[5,6,\"refused\",503,3,2],[6,2,21],[7,13]]");
    struct rc_change *got = read_back(text, 7);
    assert_int_equal(got[0].kind, RC_CHANGE_CREATE);
    assert_null(got[0].u.create);
    assert_int_equal(got[1].at, 3);
    assert_memory_equal(&got[1].u.node.node, &changes[1].u.node.node, sizeof(struct rc_node));
    assert_memory_equal(&got[1].u.node.times, &changes[1].u.node.times, sizeof(struct rc_times));
    assert_int_equal(got[2].at, 4);
    assert_true(cel_equal(got[2].u.outputs.outputs, changes[2].u.outputs.outputs));
    assert_true(rc_sv_eq(got[2].u.outputs.external_id, changes[2].u.outputs.external_id));
    assert_true(got[3].at == 5 && rc_h128_eq(got[3].u.request, changes[3].u.request));
    assert_true(got[4].at == 6 && got[4].u.fault.status == 503);
    assert_true(got[4].u.fault.why == RC_WHY_CONNECTION && got[4].u.fault.outcome == RC_OUT_REJECTED);
    assert_sv(got[4].u.fault.text, "refused");
    assert_true(got[5].u.mode.mode == RC_MODE_ROLL_BACK && got[5].u.mode.why == RC_WHY_PERSON);
    assert_int_equal(got[6].u.state, RC_RESOLVED);
    assert_true(rc_sv_eq(text, written(got, 7))); /* and once more the same text */
}

static void what_is_empty_is_left_out(void **state)
{
    (void)state;
    const struct rc_change changes[] = {
        {.kind = RC_CHANGE_NODE, .at = 1},
        {.kind = RC_CHANGE_NODE},
        {.kind = RC_CHANGE_OUTPUTS, .at = 1},
        {.kind = RC_CHANGE_OUTPUTS, .at = 1, .u.outputs.external_id = RC_SV("x")},
        {.kind = RC_CHANGE_REQUEST, .at = 1},
        {.kind = RC_CHANGE_FAULT, .at = 1},
        {.kind = RC_CHANGE_FAULT, .at = 1, .u.fault.status = 500},
        {.kind = RC_CHANGE_MODE},
        {.kind = RC_CHANGE_STATE},
    };
    struct rc_sv text = written(changes, 9);
    assert_sv(text, "[[2,1],[2],[3,1],[3,1,null,\"x\"],[4,1],[5,1],[5,1,\"\",500],[6],[7]]");
    struct rc_change *got = read_back(text, 9);
    assert_memory_equal(&got[0].u.node, &changes[0].u.node, sizeof got[0].u.node);
    assert_int_equal(got[2].u.outputs.outputs.kind, CEL_NULL);
    assert_sv(got[3].u.outputs.external_id, "x");
    assert_true(rc_h128_is_zero(got[4].u.request));
    assert_true(got[6].u.fault.text.n == 0 && got[6].u.fault.status == 500);
    assert_sv(written(NULL, 0), "[]");
    read_back(RC_SV("[]"), 0);
}

/* Deterministic noise through writer and reader: the state that folds from it must be the same. */
static void random_nodes_come_back(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        struct rc_change change = {.kind = RC_CHANGE_NODE,
                                   .at = (uint32_t)(rc_mix(&seed) % (RC_MAX_NODES + 1))};
        uint64_t bits = rc_mix(&seed), times = rc_mix(&seed);
        change.u.node.node = (struct rc_node){.state = (uint8_t)(bits % RC_STEP_STATES),
                                              .phase = (uint8_t)(bits >> 8 & 3),
                                              .why = (uint8_t)((bits >> 16) % RC_WHYS),
                                              .attempt = (uint16_t)(bits >> 24),
                                              .tries = (uint16_t)(bits >> 40),
                                              .round = (uint8_t)(bits >> 56),
                                              .lost = (uint8_t)(times & 3),
                                              .cleared = (uint8_t)(times >> 2 & 1)};
        change.u.node.times.since = times & 8 ? 1 + rc_mix(&seed) % (2 * (uint64_t)AT) : 0;
        change.u.node.times.first = times & 16 ? AT : 0;
        change.u.node.times.due = times & 32 ? rc_mix(&seed) >> 2 : 0;
        struct rc_change *got = read_back(written(&change, 1), 1);
        assert_int_equal(got->at, change.at);
        assert_memory_equal(&got->u.node, &change.u.node, sizeof change.u.node);
        rc_arena_reset(arena);
    }
}

static void bad_changes_are_damage(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "[",
        "[[1]",
        "[[1]]x",
        "null",
        "7",
        "[7]",
        "[[]]",
        "[[0]]",
        "[[8]]",
        "[[-1]]",
        "[[\"1\"]]",
        "[[1,0]]",
        "[[1.5]]",
        "[[2,4096]]",
        "[[2,-1]]",
        "[[2,0,11]]",
        "[[2,0,0,7]]",
        "[[2,0,0,0,200]]",
        "[[2,0,0,0,0,65536]]",
        "[[2,0,0,0,0,0,65536]]",
        "[[2,0,0,0,0,0,0,0,256]]",
        "[[2,0,0,0,0,0,0,0,0,0,0,0,0,\"x\"]]",
        "[[2,0,0,0,0,0,0,0,0,0,0,0,0,1.5]]",
        "[[2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]",
        "[[3,0,null,7]]",
        "[[3,0,null,\"\",0]]",
        "[[4,0,\"12\"]]",
        "[[4,0,12]]",
        "[[4,0,\"0123456789abcdef0123456789abcdeg\"]]",
        "[[5,0,1]]",
        "[[5,0,\"\",65536]]",
        "[[5,0,\"\",0,99]]",
        "[[5,0,\"\",0,0,5]]",
        "[[5,0,\"\",0,0,0,0]]",
        "[[6,5]]",
        "[[6,0,99]]",
        "[[6,0,0,0]]",
        "[[7,14]]",
        "[[7,0,0]]",
        "[[7],[1],[7,99]]",
        "[[8]]",
        "[[9,0,7]]",
        "[[9,0,\"a\",0]]",
        "[[10,0,\"soon\"]]",
        "[[11,0,-1]]",
        "[[12,0,-1,5]]",
        "[[12,0,1,\"x\"]]",
        "[[13]]",
        "[[2,99999999999999999999]]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rc_change *changes = NULL;
        uint32_t n = 77;
        struct rc_error err = {0};
        enum rc_status status = rc_get_changes(rc_sv_of(bad[i]), AT, arena, &changes, &n, &err);
        if (status != RC_DAMAGED) fail_msg("%s: %s", bad[i], rc_status_slug(status));
        assert_true(err.text[0] && n == 77 && !changes);
    }
}

static void a_move_comes_back(void **state)
{
    (void)state;
    static const uint32_t was[] = {0, RC_NOWHERE, 1, 2, RC_NOWHERE, 7, RC_NOWHERE};
    enum { N = sizeof was / sizeof *was };
    const struct rc_change in = {.kind = RC_CHANGE_MOVE,
                                 .u.move = {.from = 1, .to = 4, .was = was, .nwas = N}};
    struct rc_buf buf = rc_buf_in(arena, 1000);
    struct rc_change *out = NULL;
    uint32_t n = 0;
    rc_put_changes(&buf, &in, 1, AT);
    assert_true(rc_sv_is(rc_buf_sv(&buf), "[[70,0,1,4,[7,0,0,1,2,1,2,5,7,1]]]"));
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(n, 1);
    assert_true(out->kind == RC_CHANGE_MOVE && out->u.move.from == 1 && out->u.move.to == 4);
    assert_null(out->u.move.flow); /* whoever reads a history looks for it */
    assert_int_equal(out->u.move.nwas, N);
    assert_memory_equal(out->u.move.was, was, sizeof was);
    static const char *const bad[] = {
        "[[70,0,1,4]]",           "[[70,0,1,4,[]]]",           "[[70,0,1,4,[0]]]",
        "[[70,0,1,4,[4097]]]",    "[[70,0,1,4,[2,0]]]",        "[[70,0,1,4,[2,2,0,1]]]",
        "[[70,0,1,4,[2,1,0,2]]]", "[[70,0,1,4,[2,0,4096,1]]]", "[[70,0,1,\"4\",[1]]]",
        "[[70,0,1,4,7]]",         "[[70,0,1,4,[2,0,0,-1]]]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (rc_get_changes(rc_sv_of(bad[i]), AT, arena, &out, &n, NULL) != RC_DAMAGED) fail_msg("%s", bad[i]);
}

static void what_people_write_comes_back(void **state)
{
    (void)state;
    const struct rc_change in[] = {
        {.kind = RC_CHANGE_OWNER, .u.owner = RC_SV("olga \"o\"")},
        {.kind = RC_CHANGE_OWNER},
        {.kind = RC_CHANGE_DUE, .u.due = AT + 5},
        {.kind = RC_CHANGE_DUE, .u.due = AT - 5},
        {.kind = RC_CHANGE_DUE},
        {.kind = RC_CHANGE_NOTES, .u.notes = UINT32_MAX},
        {.kind = RC_CHANGE_SUCCESSOR, .u.successor = {INT64_MAX, UINT64_MAX}},
        {.kind = RC_CHANGE_SUCCESSOR, .u.successor = {1, UINT64_C(1) << 63}},
        {.kind = RC_CHANGE_CLOCK, .u.clock = {AT + 5, RC_SECONDS(86400), AT - 7, 1}},
        {.kind = RC_CHANGE_CLOCK, .u.clock = {.deadline = 1}},
        {.kind = RC_CHANGE_CLOCK},
    };
    enum { N = sizeof in / sizeof *in };
    struct rc_buf buf = rc_buf_in(arena, 1000);
    struct rc_change *out = NULL;
    uint32_t n = 0;
    rc_put_changes(&buf, in, N, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(n, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(out[i].kind, in[i].kind);
        assert_int_equal(out[i].at, 0);
        if (in[i].kind == RC_CHANGE_OWNER) assert_true(rc_sv_eq(out[i].u.owner, in[i].u.owner));
        if (in[i].kind == RC_CHANGE_DUE) assert_true(out[i].u.due == in[i].u.due);
        if (in[i].kind == RC_CHANGE_NOTES) assert_true(out[i].u.notes == in[i].u.notes);
        if (in[i].kind == RC_CHANGE_CLOCK)
            assert_true(out[i].u.clock.start == in[i].u.clock.start &&
                        out[i].u.clock.deadline == in[i].u.clock.deadline &&
                        out[i].u.clock.over == in[i].u.clock.over &&
                        out[i].u.clock.wall == in[i].u.clock.wall);
        if (in[i].kind != RC_CHANGE_SUCCESSOR) continue;
        assert_true(out[i].u.successor.seq == in[i].u.successor.seq);
        assert_true(out[i].u.successor.nonce == in[i].u.successor.nonce);
    }
}

/* Instances, of which a flow may have more than nodes. */
static void the_last_instance_comes_back(void **state)
{
    (void)state;
    const struct rc_change in = {.kind = RC_CHANGE_NODE, .at = RC_MAX_INSTANCES - 1};
    struct rc_buf buf = rc_buf_in(arena, 1000);
    struct rc_change *out = NULL;
    uint32_t n = 0;
    rc_put_changes(&buf, &in, 1, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(out[0].at, RC_MAX_INSTANCES - 1);
    assert_int_equal(rc_get_changes(RC_SV("[[2,4096]]"), AT, arena, &out, &n, NULL), RC_DAMAGED);
}

static void children_come_back(void **state)
{
    (void)state;
    static const uint64_t flows[] = {1, INT64_MAX};
    const struct rc_change in[] = {
        {.kind = RC_CHANGE_CHILD,
         .at = RC_MAX_INSTANCES - 1,
         .u.child = {{INT64_MAX, UINT64_MAX}, RC_RESOLVED, RC_STANDS_FOR_GOOD}},
        {.kind = RC_CHANGE_CHILD, .at = 1},
        {.kind = RC_CHANGE_PARENT,
         .u.parent = {{7, UINT64_MAX - 1}, RC_MAX_INSTANCES - 1, UINT8_MAX, RC_REVIEW}},
        {.kind = RC_CHANGE_PINS, .u.pins = {flows, 2}},
    };
    enum { N = sizeof in / sizeof *in };
    struct rc_buf buf = rc_buf_in(arena, 1000);
    struct rc_change *out = NULL;
    uint32_t n = 0;
    rc_put_changes(&buf, in, N, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(n, N);
    for (uint32_t i = 0; i < 2; i++) {
        const struct rc_child *a = &in[i].u.child, *b = &out[i].u.child;
        assert_int_equal(out[i].at, in[i].at);
        assert_true(a->link.seq == b->link.seq && a->link.nonce == b->link.nonce && a->state == b->state &&
                    a->stands == b->stands);
    }
    const struct rc_parent *parent = &out[2].u.parent;
    assert_true(parent->link.seq == 7 && parent->link.nonce == UINT64_MAX - 1);
    assert_true(parent->node == RC_MAX_INSTANCES - 1 && parent->round == UINT8_MAX &&
                parent->told == RC_REVIEW);
    assert_true(out[3].u.pins.n == 2 && out[3].u.pins.flow[0] == 1 && out[3].u.pins.flow[1] == INT64_MAX);
    static const char *const bad[] = {"[[80,1,1,1,1]]",
                                      "[[80,1,-1,1,1,1]]",
                                      "[[80,1,1,1,99,1]]",
                                      "[[80,1,1,1,1,3]]",
                                      "[[80,1,1,\"a\",1,1]]",
                                      "[[81,0,1,1,1,1]]",
                                      "[[81,0,1,1,4096,1,1]]",
                                      "[[81,0,1,1,1,256,1]]",
                                      "[[81,0,1,1,1,1,99]]",
                                      "[[82,0]]",
                                      "[[82,0,7]]",
                                      "[[82,0,[-1]]]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rc_get_changes(rc_sv_of(bad[i]), AT, arena, &out, &n, NULL), RC_DAMAGED);
}

/* As many versions as there may be, and one more. */
static void versions_are_bounded(void **state)
{
    (void)state;
    uint64_t flows[RC_MAX_PINS + 1];
    struct rc_change in = {.kind = RC_CHANGE_PINS, .u.pins = {flows, RC_MAX_PINS}}, *out = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i <= RC_MAX_PINS; i++) flows[i] = i + 1;
    struct rc_buf buf = rc_buf_in(arena, 4000);
    rc_put_changes(&buf, &in, 1, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(out[0].u.pins.n, RC_MAX_PINS);
    in.u.pins.n++;
    buf = rc_buf_in(arena, 4000);
    rc_put_changes(&buf, &in, 1, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_DAMAGED);
}

static void places_come_back(void **state)
{
    (void)state;
    const struct rc_change in[] = {
        {.kind = RC_CHANGE_PLACE, .u.place = {INT64_MAX, RC_SV("key \"k\""), RC_MAX_LANE, RC_PLACE_LEFT}},
        {.kind = RC_CHANGE_PLACE, .u.place = {1, RC_SV("a"), 1, RC_PLACE_NONE}},
        {.kind = RC_CHANGE_PRIORITY, .u.priority = RC_MAX_PRIORITY},
        {.kind = RC_CHANGE_PRIORITY},
        {.kind = RC_CHANGE_BACK, .u.back = RC_MAX_INSTANCES - 1},
        {.kind = RC_CHANGE_BACK},
    };
    enum { N = sizeof in / sizeof *in };
    struct rc_buf buf = rc_buf_in(arena, 1000);
    struct rc_change *out = NULL;
    uint32_t n = 0;
    rc_put_changes(&buf, in, N, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(n, N);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(out[i].u.place.lane == in[i].u.place.lane && out[i].u.place.limit == in[i].u.place.limit);
        assert_true(out[i].u.place.state == in[i].u.place.state &&
                    rc_sv_eq(out[i].u.place.key, in[i].u.place.key));
    }
    assert_true(out[2].u.priority == RC_MAX_PRIORITY && out[3].u.priority == 0);
    assert_true(out[4].u.back == RC_MAX_INSTANCES - 1 && out[5].u.back == 0);
    static const char *const damaged[] = {"[[60,0,1,1,1]]",       "[[60,0,1,101,1,\"k\"]]",
                                          "[[60,0,1,1,5,\"k\"]]", "[[60,0,-1,1,1,\"k\"]]",
                                          "[[60,0,1,1,1,7]]",     "[[60,0,1,1,1,\"k\",1]]",
                                          "[[61,0,10]]",          "[[62]]",
                                          "[[71,0,4096]]",        "[[71,0,-1]]",
                                          "[[71,0,1,1]]"};
    for (unsigned i = 0; i < sizeof damaged / sizeof *damaged; i++)
        assert_int_equal(rc_get_changes(rc_sv_of(damaged[i]), AT, arena, &out, &n, NULL), RC_DAMAGED);
}

static void votes_come_back(void **state)
{
    (void)state;
    const struct rc_vote vote[] = {
        {RC_VOTE_APPROVED, 1 + RC_ROLE_ADMIN, AT - 7, RC_SV("s"), RC_SV("olga \"o\""), {"", 0}},
        {RC_VOTE_ANSWERED, 0, AT, {"", 0}, RC_SV("carl"), RC_SV("refund")}};
    const struct rc_change in[] = {{.kind = RC_CHANGE_VOTES, .at = 3, .u.votes = {2, vote}},
                                   {.kind = RC_CHANGE_VOTES, .at = 1}};
    struct rc_buf buf = rc_buf_in(arena, 1000);
    struct rc_change *out = NULL;
    uint32_t n = 0;
    rc_put_changes(&buf, in, 2, AT);
    assert_int_equal(rc_get_changes(rc_buf_sv(&buf), AT, arena, &out, &n, NULL), RC_OK);
    assert_int_equal(n, 2);
    assert_true(out[0].at == 3 && rc_votes_eq(&out[0].u.votes, &in[0].u.votes));
    assert_true(out[1].at == 1 && out[1].u.votes.n == 0);
    static const char *const damaged[] = {"[[50,1]]",
                                          "[[50,1,7]]",
                                          "[[50,1,[[1,0,0,\"\",\"\"]]]]",
                                          "[[50,1,[[9,0,0,\"\",\"\",\"\"]]]]",
                                          "[[50,1,[1]]]",
                                          "[[50,1,[],1]]",
                                          "[[50,1,[[1,99,0,\"\",\"\",\"\"]]]]"};
    for (unsigned i = 0; i < sizeof damaged / sizeof *damaged; i++)
        assert_int_equal(rc_get_changes(rc_sv_of(damaged[i]), AT, arena, &out, &n, NULL), RC_DAMAGED);
}

static void memory_that_is_missing_is_no_damage(void **state)
{
    (void)state;
    struct rc_arena *small = rc_arena_new(0, 200);
    struct rc_change *changes;
    uint32_t n;
    assert_int_equal(rc_get_changes(RC_SV("[[1],[7,2],[7,2],[7,2]]"), AT, small, &changes, &n, NULL),
                     RC_LIMIT);
    rc_arena_free(small);
    struct rc_buf buf = rc_buf_in(arena, 10);
    rc_put_changes(
        &buf, &(struct rc_change){.kind = RC_CHANGE_FAULT, .u.fault.text = RC_SV("longer than that")}, 1, AT);
    assert_int_equal(buf.status, RC_LIMIT);
}

/* ---- causes ------------------------------------------------------------------------------------------------------- */

static struct rc_sv cause_text(const struct rc_ask *ask)
{
    struct rc_buf buf = rc_buf_in(arena, 1 << 20);
    rc_put_cause(&buf, ask);
    assert_int_equal(buf.status, RC_OK);
    return rc_buf_sv(&buf);
}

static struct rc_ask cause_back(uint8_t kind, struct rc_sv text)
{
    struct rc_ask ask = {.kind = kind, .node = 3};
    struct rc_error err = {0};
    enum rc_status status = rc_get_cause(text, arena, &ask, &err);
    if (status != RC_OK) fail_msg("%.*s: %s", RC_SV_ARG(text), err.text);
    assert_true(ask.kind == kind && ask.node == 3);
    return ask;
}

static void results_come_back_without_their_body(void **state)
{
    (void)state;
    const struct rc_result result = {.reach = RC_ANSWERED,
                                     .why = RC_WHY_BAD_ANSWER,
                                     .usable = true,
                                     .status = 429,
                                     .retry_after = RC_SECONDS(30),
                                     .headers = cel_string(RC_SV("not kept")),
                                     .body = cel_string(RC_SV("not kept")),
                                     .excerpt = RC_SV("<html>\x01"),
                                     .error = RC_SV("no JSON"),
                                     .took = 1234};
    struct rc_sv text = cause_text(&(struct rc_ask){.kind = RC_MSG_RESULT, .u.result = &result});
    assert_sv(text, "{\"reach\":2,\"why\":7,\"usable\":1,\"status\":429,\"retry_after\":30000000,"
                    "\"excerpt\":\"<html>\\u0001\",\"error\":\"no JSON\",\"took\":1234}");
    const struct rc_result *got = cause_back(RC_MSG_RESULT, text).u.result;
    assert_true(got->reach == RC_ANSWERED && got->why == RC_WHY_BAD_ANSWER && got->usable &&
                got->status == 429);
    assert_true(got->retry_after == RC_SECONDS(30) && got->took == 1234);
    assert_true(rc_sv_eq(got->excerpt, result.excerpt) && rc_sv_eq(got->error, result.error));
    assert_true(got->headers.kind == CEL_NULL && got->body.kind == CEL_NULL);

    text = cause_text(
        &(struct rc_ask){.kind = RC_MSG_RESULT, .u.result = &(struct rc_result){.reach = RC_NOT_SENT}});
    assert_sv(text, "{}");
    assert_int_equal(cause_back(RC_MSG_RESULT, text).u.result->reach, RC_NOT_SENT);
    /* what a worker reported too late is kept in the same way */
    text = cause_text(&(struct rc_ask){.kind = RC_MSG_LATE, .u.result = &result});
    assert_true(rc_sv_eq(cause_back(RC_MSG_LATE, text).u.result->excerpt, result.excerpt));
}

static void actions_come_back(void **state)
{
    (void)state;
    struct cel_value pair[2] = {cel_string(RC_SV("id")), cel_string(RC_SV("7"))};
    const struct rc_act act = {.action = RC_ACTION_RESOLVE,
                               .expected_rev = 9,
                               .subject = RC_SV("user:bo"),
                               .actor = RC_SV("bo"),
                               .reason = RC_SV("seen in their log"),
                               .step = RC_SV("create"),
                               .verdict = RC_HAPPENED,
                               .external_id = RC_SV("pr-7"),
                               .outputs = {.kind = CEL_MAP, .n = 1, .v.items = pair},
                               .key = RC_SV("k")};
    struct rc_sv text = cause_text(&(struct rc_ask){.kind = RC_MSG_ACTION, .u.act = &act});
    assert_sv(text,
              "{\"action\":4,\"expected_rev\":9,\"subject\":\"user:bo\",\"actor\":\"bo\","
              "\"reason\":\"seen in their log\",\"step\":\"create\",\"verdict\":1,\"external_id\":\"pr-7\","
              "\"outputs\":{\"id\":\"7\"},\"key\":\"k\"}");
    const struct rc_act *got = cause_back(RC_MSG_ACTION, text).u.act;
    assert_true(got->action == RC_ACTION_RESOLVE && got->expected_rev == 9 && got->verdict == RC_HAPPENED);
    assert_true(rc_sv_eq(got->subject, act.subject) && rc_sv_eq(got->actor, act.actor));
    assert_true(rc_sv_eq(got->reason, act.reason) && rc_sv_eq(got->step, act.step));
    assert_true(rc_sv_eq(got->external_id, act.external_id) && rc_sv_eq(got->key, act.key));
    assert_true(cel_equal(got->outputs, act.outputs));
    text = cause_text(
        &(struct rc_ask){.kind = RC_MSG_ACTION, .u.act = &(struct rc_act){.action = RC_ACTION_RETRY}});
    assert_sv(text, "{\"action\":0}");
    assert_int_equal(cause_back(RC_MSG_ACTION, text).u.act->action, RC_ACTION_RETRY);
}

static void a_submission_keeps_its_payload(void **state)
{
    (void)state;
    struct cel_value list[3] = {cel_double(1.5), cel_bool(true), cel_null()};
    const struct rc_identity id = {.payload = {.kind = CEL_LIST, .n = 3, .v.items = list}};
    struct rc_sv text = cause_text(&(struct rc_ask){.kind = RC_MSG_SUBMIT, .u.submit = &id});
    assert_sv(text, "[1.5,true,null]");
    assert_true(cel_equal(cause_back(RC_MSG_SUBMIT, text).u.submit->payload, id.payload));
    const uint8_t plain[] = {RC_MSG_ADMIT, RC_MSG_LOST, RC_MSG_DUE, RC_MSG_RESTORED};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(cause_text(&(struct rc_ask){.kind = plain[i]}).n, 0);
        cause_back(plain[i], (struct rc_sv){0});
    }
}

static void bad_causes_are_damage(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        const char *text;
    } bad[] = {
        {RC_MSG_SUBMIT, ""},
        {RC_MSG_SUBMIT, "{"},
        {RC_MSG_RESULT, ""},
        {RC_MSG_RESULT, "[]"},
        {RC_MSG_LATE, ""},
        {RC_MSG_RESULT, "{\"reach\":3}"},
        {RC_MSG_RESULT, "{\"why\":99}"},
        {RC_MSG_RESULT, "{\"usable\":2}"},
        {RC_MSG_RESULT, "{\"status\":-1}"},
        {RC_MSG_RESULT, "{\"error\":7}"},
        {RC_MSG_ACTION, "7"},
        {RC_MSG_ACTION, "{\"action\":200}"},
        {RC_MSG_ACTION, "{\"owner\":5}"},
        {RC_MSG_ACTION, "{\"due\":\"soon\"}"},
        {RC_MSG_ACTION, "{\"action\":\"retry\"}"},
        {RC_MSG_ACTION, "{\"verdict\":4}"},
        {RC_MSG_ACTION, "{\"reason\":[]}"},
        {RC_MSG_ACTION, "{\"version\":\"2\"}"},
        {RC_MSG_LOST, "{}"},
        {RC_MSG_DUE, "x"},
        {RC_MSG_ADMIT, " "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rc_ask ask = {.kind = bad[i].kind};
        enum rc_status status = rc_get_cause(rc_sv_of(bad[i].text), arena, &ask, NULL);
        if (status != RC_DAMAGED) fail_msg("%u %s: %s", bad[i].kind, bad[i].text, rc_status_slug(status));
    }
}

static void a_vote_without_room_is_no_damage(void **state)
{
    (void)state;
    const struct rc_vote vote[2] = {{.subject = RC_SV("ann"), .actor = RC_SV("ann")},
                                    {.subject = RC_SV("bob"), .actor = RC_SV("bob")}};
    const struct rc_change in = {.kind = RC_CHANGE_VOTES, .at = 3, .u.votes = {2, vote}};
    struct rc_sv text = written(&in, 1);
    uint32_t refused = 0;
    for (size_t room = 64; room < 8192; room += 8) {
        struct rc_arena *small = rc_arena_new(64, room);
        struct rc_change *changes = NULL;
        uint32_t n = 0;
        struct rc_error err = {0};
        enum rc_status status = small ? rc_get_changes(text, AT, small, &changes, &n, &err) : RC_LIMIT;
        if (status == RC_DAMAGED) fail_msg("with room for %zu bytes: %s", room, err.text);
        refused += status != RC_OK;
        rc_arena_free(small);
    }
    assert_true(refused > 4);
    assert_non_null(read_back(text, 1));
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(every_kind_of_change_comes_back),
        RUN(what_is_empty_is_left_out),
        RUN(random_nodes_come_back),
        RUN(the_last_instance_comes_back),
        RUN(bad_changes_are_damage),
        RUN(what_people_write_comes_back),
        RUN(a_move_comes_back),
        RUN(places_come_back),
        RUN(children_come_back),
        RUN(versions_are_bounded),
        RUN(votes_come_back),
        RUN(a_vote_without_room_is_no_damage),
        RUN(memory_that_is_missing_is_no_damage),
        RUN(results_come_back_without_their_body),
        RUN(actions_come_back),
        RUN(a_submission_keeps_its_payload),
        RUN(bad_causes_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
