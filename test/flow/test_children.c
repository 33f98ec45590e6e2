/* Flows that start each other: circles, how deep, how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"
#include "flow/set.h"

enum { MOST = RC_MAX_PINS + 2 };

/* Flows "f00", "f01", … and what each of them starts. */
static char name[MOST][4];
static struct flow_step steps[MOST][MOST];
static struct flow flows[MOST];
static const struct flow *active[MOST];

static struct flow_set begin(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name[i], sizeof name[i], "f%02u", i % 100);
        steps[i][0] = (struct flow_step){.kind = FLOW_LINEAR};
        flows[i] = (struct flow){.name = {name[i], 3}, .steps = steps[i], .nsteps = 1};
        active[i] = &flows[i];
    }
    return (struct flow_set){.active = active, .nactive = n};
}

static void starts(uint32_t a, uint32_t b)
{
    steps[a][flows[a].nsteps++] = (struct flow_step){.kind = FLOW_CHILD, .child = {.flow = {name[b], 3}}};
}

static void expect(const struct flow_set *set, bool whole, enum rc_status status, const char *text)
{
    const struct flow *flow = NULL;
    struct rc_error err = {0};
    assert_int_equal(flow_check_children(set, whole, &flow, &err), status);
    assert_string_equal(status == RC_OK ? "" : err.text, text);
}

static void circles(void **state)
{
    (void)state;
    struct flow_set set = begin(4);
    starts(0, 1), starts(1, 2), starts(1, 2);
    expect(&set, true, RC_OK, "");
    starts(2, 2);
    expect(&set, true, RC_INVALID, "flows start each other in a circle: f02 -> f02");
    set = begin(4); /* f00 leads into the circle, and does not stand in it */
    starts(0, 1), starts(1, 2), starts(2, 3), starts(3, 1);
    expect(&set, true, RC_INVALID, "flows start each other in a circle: f01 -> f02 -> f03 -> f01");
}

static void what_is_not_there(void **state)
{
    (void)state;
    struct flow_set set = begin(2);
    starts(0, 1);
    set.nactive = 1;
    expect(&set, false, RC_OK, "");
    expect(&set, true, RC_INVALID, "the flow 'f00' starts 'f01', which is not there");
    set.nactive = 0;
    expect(&set, true, RC_OK, "");
}

static void how_deep(void **state)
{
    (void)state;
    struct flow_set set = begin(RC_MAX_CHILD_DEPTH + 1);
    for (uint32_t i = 0; i + 1 < RC_MAX_CHILD_DEPTH; i++) starts(i, i + 1);
    starts(0, RC_MAX_CHILD_DEPTH - 1); /* the shorter way does not count */
    expect(&set, true, RC_OK, "");
    starts(RC_MAX_CHILD_DEPTH - 1, RC_MAX_CHILD_DEPTH);
    expect(&set, true, RC_LIMIT, "from 'f00' on flows start flows more than 8 deep");
}

static void how_many(void **state)
{
    (void)state;
    struct flow_set set = begin(RC_MAX_PINS + 2);
    for (uint32_t i = 1; i <= RC_MAX_PINS; i++) starts(0, i);
    expect(&set, true, RC_OK, "");
    starts(1, RC_MAX_PINS + 1);
    expect(&set, true, RC_LIMIT, "the flow 'f00' can start more than 64 flows, in however many steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(circles), cmocka_unit_test(what_is_not_there),
                                       cmocka_unit_test(how_deep), cmocka_unit_test(how_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
