/* Walking flows, finding definitions, gates, headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk), cmocka_unit_test(test_find),    cmocka_unit_test(test_gate),
        cmocka_unit_test(test_set),  cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
