/* Walking flows, finding definitions, gates, headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "flow/set.h"

/* root(0) { a(1), block(2) { b(3), c(4) }, d(5) } */
static const struct flow_step tree[] = {
    {.kind = FLOW_LINEAR, .end = 6},
    {.id = {"a", 1}, .kind = FLOW_CALL, .parent = 0, .end = 2},
    {.id = {"block", 5}, .kind = FLOW_LINEAR, .parent = 0, .end = 5},
    {.id = {"b", 1}, .kind = FLOW_CALL, .parent = 2, .end = 4},
    {.id = {"c", 1}, .kind = FLOW_CALL, .parent = 2, .end = 5},
    {.id = {"d", 1}, .kind = FLOW_CALL, .parent = 0, .end = 6},
};
static const struct flow flow = {.steps = tree, .nsteps = 6};

static void test_walk(void **state)
{
    (void)state;
    static const struct {
        flow_node child, sibling;
    } expected[] = {{1, FLOW_NONE}, {FLOW_NONE, 2},         {3, 5},
                    {FLOW_NONE, 4}, {FLOW_NONE, FLOW_NONE}, {FLOW_NONE, FLOW_NONE}};
    for (flow_node i = 0; i < 6; i++) {
        assert_int_equal(flow_first_child(&flow, i), expected[i].child);
        assert_int_equal(flow_next_sibling(&flow, i), expected[i].sibling);
    }
    /* an empty block has no child, and its sibling is not taken for one */
    const struct flow_step empty[] = {
        {.kind = FLOW_LINEAR, .end = 3}, {.kind = FLOW_LINEAR, .end = 2}, {.kind = FLOW_CALL, .end = 3}};
    const struct flow other = {.steps = empty, .nsteps = 3};
    assert_int_equal(flow_first_child(&other, 1), FLOW_NONE);
    assert_int_equal(flow_next_sibling(&other, 1), 2);
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(flow_find(&flow, RC_SV("a")), 1);
    assert_int_equal(flow_find(&flow, RC_SV("c")), 4);
    assert_int_equal(flow_find(&flow, RC_SV("block")), 2);
    assert_int_equal(flow_find(&flow, RC_SV("x")), FLOW_NONE);
    assert_int_equal(flow_find(&flow, RC_SV("")), FLOW_NONE); /* the root has no id */
    assert_int_equal(flow_find(&flow, RC_SV("aa")), FLOW_NONE);
}

/* How each step of a parallel block stands to two approvals, by what it needs; and of a line, by order. */
static void test_behind(void **state)
{
    (void)state;
    enum { ONE = 1, TWO, PAY, ROW, BOOK, FREE, LATER, LAST, NODES };
    static const flow_node one[] = {ONE}, pay[] = {PAY}, row[] = {ONE, TWO}, later[] = {BOOK},
                           last[] = {LATER};
    struct flow_step step[NODES] = {
        {.kind = FLOW_PARALLEL},
        [ONE] = {.kind = FLOW_APPROVE},
        [TWO] = {.kind = FLOW_APPROVE},
        [PAY] = {.kind = FLOW_CALL, .needs = one, .nneeds = 1},
        [ROW] = {.kind = FLOW_APPROVE, .needs = row, .nneeds = 2},
        [BOOK] = {.kind = FLOW_CALL, .needs = pay, .nneeds = 1},
        [FREE] = {.kind = FLOW_CALL},
        [LATER] = {.kind = FLOW_APPROVE, .needs = later, .nneeds = 1},
        [LAST] = {.kind = FLOW_CALL, .needs = last, .nneeds = 1},
    };
    static const uint8_t of_one[NODES] = {[PAY] = 3, [ROW] = 1, [BOOK] = 3, [LATER] = 1, [LAST] = 1};
    static const bool approvals[NODES] = {
        [PAY] = true, [ROW] = true, [BOOK] = true, [LATER] = true, [LAST] = true};
    step[0].end = NODES;
    for (flow_node i = 1; i < NODES; i++) step[i].end = (flow_node)(i + 1);
    struct flow some = {.steps = step, .nsteps = NODES};
    assert_true(flow_number(&some, step));
    assert_true(some.approves);
    for (flow_node i = 1; i < NODES; i++) {
        assert_int_equal(flow_behind(&some, ONE, i), of_one[i]);
        assert_int_equal(flow_behind(&some, TWO, i), i == ROW ? FLOW_BEHIND : 0);
        assert_int_equal(flow_behind(&some, PAY, i) != 0, i == BOOK || i == LATER || i == LAST);
        assert_int_equal(step[i].approvals, approvals[i]);
    }
    step[0].kind = FLOW_LINEAR;
    for (flow_node i = 1; i < NODES; i++) step[i].nneeds = 0;
    assert_true(flow_number(&some, step));
    for (flow_node i = 1; i < NODES; i++) {
        assert_int_equal(flow_behind(&some, ONE, i), i == TWO ? FLOW_BEHIND : i == PAY ? 3 : i > PAY);
        assert_int_equal(flow_behind(&some, ROW, i), i <= ROW ? 0 : i <= FREE ? 3 : FLOW_BEHIND);
        assert_int_equal(step[i].approvals, i > ONE);
    }
}

/* Gates are addresses in the store: these numbers may never change. */
static void test_gate(void **state)
{
    (void)state;
    assert_true(flow_gate_id(RC_SV("github")) == UINT64_C(6722086811547243293));
    assert_true(flow_gate_id(RC_SV("")) == UINT64_C(1606777708086978422));
    assert_true(flow_gate_id(RC_SV("github")) != flow_gate_id(RC_SV("githubs")));
    assert_true(flow_gate_id(RC_SV("x")) <= INT64_MAX);
}

static void test_set(void **state)
{
    (void)state;
    const struct flow all[] = {{.id = 1, .name = RC_SV("c")},
                               {.id = 3, .name = RC_SV("a")},
                               {.id = 7, .name = RC_SV("b")},
                               {.id = 8, .name = RC_SV("a")},
                               {.id = 9, .name = RC_SV("b")}};
    const struct flow *const flows[] = {&all[0], &all[1], &all[2], &all[3], &all[4]};
    const struct flow *const active[] = {&all[3], &all[4]};
    struct flow_dependency deps[40];
    const struct flow_dependency *dependencies[40];
    char names[40][2];
    for (int i = 0; i < 40; i++) {
        names[i][0] = (char)('a' + i / 10);
        names[i][1] = (char)('0' + i % 10);
        deps[i] = (struct flow_dependency){.name = {names[i], 2},
                                           .gate = flow_gate_id((struct rc_sv){names[i], 2})};
        dependencies[i] = &deps[i];
    }
    const struct flow_set set = {flows, 5, active, 2, dependencies, 40};
    for (int i = 0; i < 5; i++) assert_ptr_equal(flow_set_version(&set, all[i].id), &all[i]);
    assert_null(flow_set_version(&set, 2));
    assert_null(flow_set_version(&set, 0));
    assert_null(flow_set_version(&set, 10));
    assert_ptr_equal(flow_set_active(&set, RC_SV("a")), &all[3]);
    assert_ptr_equal(flow_set_active(&set, RC_SV("b")), &all[4]);
    assert_null(flow_set_active(&set, RC_SV("c"))); /* loaded, but not in force */
    for (int i = 0; i < 40; i++) {
        assert_ptr_equal(flow_set_dependency(&set, deps[i].name), &deps[i]);
        assert_ptr_equal(flow_set_gate(&set, deps[i].gate), &deps[i]);
    }
    assert_null(flow_set_dependency(&set, RC_SV("a")));
    assert_null(flow_set_dependency(&set, RC_SV("zz")));
    assert_null(flow_set_gate(&set, 1));
    const struct flow_set none = {0};
    assert_null(flow_set_version(&none, 1));
    assert_null(flow_set_active(&none, RC_SV("a")));
    assert_null(flow_set_dependency(&none, RC_SV("d")));
    assert_null(flow_set_gate(&none, 1));
}

static void test_headers(void **state)
{
    (void)state;
    assert_true(flow_header_reserved(RC_SV("Host")));
    assert_true(flow_header_reserved(RC_SV("IDEMPOTENCY-KEY")));
    assert_true(flow_header_reserved(RC_SV("traceparent")));
    assert_true(flow_header_reserved(RC_SV("upgrade")));
    assert_false(flow_header_reserved(RC_SV("Accept")));
    assert_false(flow_header_reserved(RC_SV("Hosts")));
    assert_false(flow_header_reserved(RC_SV("")));
    assert_true(flow_header_same(RC_SV("X-A"), RC_SV("x-a")));
    assert_false(flow_header_same(RC_SV("X-A"), RC_SV("X-B")));
    assert_false(flow_header_same(RC_SV("a["), RC_SV("a{"))); /* only letters have a case */
}

/* ---- instances */

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(flow_kind_word(FLOW_LINEAR), "linear");
    assert_string_equal(flow_kind_word(FLOW_PARALLEL), "parallel");
    assert_string_equal(flow_kind_word(FLOW_CHOOSE), "choose");
    assert_string_equal(flow_kind_word(FLOW_EACH), "each");
    assert_string_equal(flow_kind_word(FLOW_REPEAT), "repeat");
    assert_string_equal(flow_kind_word(FLOW_CALL), "call");
    assert_string_equal(flow_kind_word(FLOW_WAIT), "wait");
    assert_string_equal(flow_kind_word(FLOW_SLEEP), "sleep");
    assert_string_equal(flow_kind_word(FLOW_SET), "set");
    assert_string_equal(flow_kind_word(FLOW_FALLBACK), "fallback");
    assert_string_equal(flow_kind_word(0), "?");
    assert_string_equal(flow_kind_word(FLOW_APPROVE), "approve");
    assert_string_equal(flow_kind_word(FLOW_ESCALATE), "escalate");
    assert_string_equal(flow_kind_word(FLOW_CHILD), "flow");
    assert_string_equal(flow_kind_word(FLOW_CONFIRM), "confirm");
    assert_string_equal(flow_kind_word(FLOW_KINDS), "?");
    assert_string_equal(flow_kind_word(UINT32_MAX), "?");
    assert_true(flow_is_block(FLOW_LINEAR) && flow_is_block(FLOW_REPEAT) && flow_is_block(FLOW_FALLBACK));
    assert_false(flow_is_block(FLOW_CALL) || flow_is_block(FLOW_SLEEP) || flow_is_block(FLOW_SET));
    assert_false(flow_is_block(FLOW_APPROVE) || flow_is_block(FLOW_ESCALATE) || flow_is_block(FLOW_CHILD));
    assert_true(flow_asks(FLOW_APPROVE) && flow_asks(FLOW_ESCALATE) && !flow_asks(FLOW_WAIT));
    assert_true(flow_is_joined(FLOW_PARALLEL) && flow_is_joined(FLOW_EACH));
    assert_false(flow_is_joined(FLOW_LINEAR) || flow_is_joined(FLOW_REPEAT) || flow_is_joined(FLOW_CHOOSE));
}

static uint32_t dice(uint64_t *seed, uint32_t sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % sides;
}

/* A random tree as the reader of definitions makes them: loops have one child, a line. */
static void grow(struct flow_step *step, uint16_t *n, flow_node parent, unsigned depth, uint64_t *seed)
{
    static const enum flow_kind kind[] = {FLOW_CALL,   FLOW_SET,  FLOW_LINEAR, FLOW_PARALLEL,
                                          FLOW_CHOOSE, FLOW_EACH, FLOW_REPEAT, FLOW_FALLBACK};
    flow_node at = (*n)++;
    step[at] =
        (struct flow_step){.kind = at ? kind[dice(seed, depth < 8 ? 8 : 2)] : FLOW_LINEAR, .parent = parent};
    bool loop = step[at].kind == FLOW_EACH || step[at].kind == FLOW_REPEAT;
    if (loop) {
        step[at].copies = (uint16_t)(1 + dice(seed, 6));
        flow_node line = (*n)++;
        step[line] = (struct flow_step){.kind = FLOW_LINEAR, .parent = at};
        for (uint32_t i = 1 + dice(seed, 3); i-- > 0 && *n < 60;) grow(step, n, line, depth + 1, seed);
        step[line].end = *n;
    } else if (flow_is_block(step[at].kind)) {
        for (uint32_t i = dice(seed, at ? 4 : 6); i-- > 0 && *n < 60;) grow(step, n, at, depth + 1, seed);
    }
    step[at].end = *n;
}

/* The nodes in the order of the tree that is unrolled: what instances are by definition. */
static void unroll(const struct flow_step *step, flow_node at, flow_node *list, uint32_t *n)
{
    assert_true(*n < 2 * RC_MAX_INSTANCES);
    list[(*n)++] = at;
    for (unsigned copy = 0; copy < step[at].copies; copy++)
        for (flow_node child = (flow_node)(at + 1); child < step[at].end; child = step[child].end)
            unroll(step, child, list, n);
}

static uint32_t size_of(const struct flow_step *step, flow_node at)
{
    uint64_t n = 0;
    for (flow_node child = (flow_node)(at + 1); child < step[at].end; child = step[child].end)
        n += size_of(step, child);
    n = 1 + n * (step[at].copies ? step[at].copies : 1);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void test_instances(void **state)
{
    (void)state;
    static struct flow_step step[128];
    static flow_node list[2 * RC_MAX_INSTANCES];
    uint64_t seed = 1;
    uint32_t loops = 0, refused = 0, largest = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct flow some = {.steps = step};
        uint32_t n = 0, wanted;
        grow(step, &some.nsteps, 0, 0, &seed);
        wanted = size_of(step, 0);
        if (wanted > RC_MAX_INSTANCES) {
            assert_false(flow_number(&some, step));
            refused++;
            continue;
        }
        assert_true(flow_number(&some, step));
        unroll(step, 0, list, &n);
        assert_int_equal(some.ninstances, n);
        assert_int_equal(n, wanted);
        assert_int_equal(flow_instances(&step[0]), n);
        for (uint32_t i = 0; i < n; i++) assert_int_equal(flow_node_of(&some, i), list[i]);
        assert_int_equal(flow_node_of(&some, n), FLOW_NONE);
        assert_int_equal(flow_node_of(&some, UINT32_MAX), FLOW_NONE);
        for (flow_node at = 1; at < some.nsteps; at++) { /* the first of each is where its block says */
            uint32_t first = 0;
            for (flow_node up = at; up; up = step[up].parent) first += 1 + step[up].place;
            assert_int_equal(list[first], at);
            for (uint32_t i = 0; i < first; i++) assert_int_not_equal(list[i], at);
        }
        loops += n > some.nsteps;
        largest = n > largest ? n : largest;
    }
    assert_true(loops > 100 && refused > 10 && largest > 1000); /* they were not all small */
}

/* One loop at the limit, one beyond it, and numbers that would not fit. */
static void test_instance_limit(void **state)
{
    (void)state;
    struct flow_step step[] = {{.kind = FLOW_LINEAR, .end = 4},
                               {.kind = FLOW_EACH, .end = 4, .copies = (RC_MAX_INSTANCES - 2) / 2},
                               {.kind = FLOW_LINEAR, .parent = 1, .end = 4},
                               {.kind = FLOW_CALL, .parent = 2, .end = 4}};
    struct flow some = {.steps = step, .nsteps = 4};
    assert_true(flow_number(&some, step));
    assert_int_equal(some.ninstances, RC_MAX_INSTANCES);
    assert_int_equal(flow_node_of(&some, RC_MAX_INSTANCES - 1), 3);
    assert_int_equal(flow_node_of(&some, RC_MAX_INSTANCES), FLOW_NONE);
    step[1].copies++;
    assert_false(flow_number(&some, step));
    struct flow_step deep[40] = {{.kind = FLOW_LINEAR, .end = 40}};
    for (flow_node i = 1; i < 40; i++)
        deep[i] = (struct flow_step){.kind = i % 2 ? FLOW_EACH : FLOW_LINEAR,
                                     .parent = (flow_node)(i - 1),
                                     .end = 40,
                                     .copies = i % 2 ? UINT16_MAX : 1};
    some = (struct flow){.steps = deep, .nsteps = 40};
    assert_false(flow_number(&some, deep));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_instances),
        cmocka_unit_test(test_instance_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
