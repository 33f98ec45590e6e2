/* When too much waits (engine/pace.h): bursts pass, what stands is refused, slow disks are not overload. */
#include "engine/pace.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { UNIT_US = 20, WAIT_US = 5000, MOST = WAIT_US / UNIT_US };

/* Turns of 200 units and, now and then, of one, until both costs are known. */
static void teach(struct rc_pace *pace, rc_us base, rc_us *io_now)
{
    for (unsigned i = 0; i < 200; i++) {
        uint32_t units = i % 2 ? 200 : 1;
        rc_us took = base + units * UNIT_US;
        rc_pace_turn(pace, units, took, 1, *io_now += took);
    }
    assert_int_equal(pace->most, RC_MAX_INBOX);
}

/* Turns in which so many are taken, for so long. */
static void take(struct rc_pace *pace, uint32_t taken, rc_us length, rc_us *io_now)
{
    for (rc_us end = *io_now + length; *io_now < end; *io_now += RC_MS(10))
        rc_pace_turn(pace, 0, 0, taken, *io_now);
}

static void nothing_is_known(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, WAIT_US);
    take(&pace, RC_MAX_INBOX, RC_SECONDS(5), &now);
    assert_int_equal(pace.most, RC_MAX_INBOX);
}

static void bursts_pass(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, WAIT_US);
    teach(&pace, 100, &now);
    for (unsigned i = 0; i < 20; i++) {
        take(&pace, 10000, RC_PACE_STANDING_US - RC_MS(10), &now);
        assert_int_equal(pace.most, RC_MAX_INBOX);
        take(&pace, 1, RC_MS(10), &now);
    }
}

/* What may wait is what fits in the time; one unit less is not too much. */
static void what_stands_is_refused(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, WAIT_US);
    teach(&pace, 100, &now);
    take(&pace, RC_PACE_LEAST, RC_SECONDS(2), &now);
    assert_int_equal(pace.most, RC_MAX_INBOX);
    take(&pace, 2 * MOST, RC_PACE_STANDING_US + RC_MS(20), &now);
    uint32_t most = pace.most;
    assert_true(most > MOST * 3 / 4 && most < MOST * 5 / 4);
    take(&pace, most, RC_MS(10),
         &now); /* at the bound: it is not too much any more, and nobody was refused */
    assert_int_equal(pace.most, RC_MAX_INBOX);
    take(&pace, most + 1, RC_PACE_STANDING_US + RC_MS(20), &now); /* one above */
    assert_int_equal(pace.most, most);
}

static void refusing_ends_when_nobody_is_refused(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, WAIT_US);
    teach(&pace, 100, &now);
    take(&pace, 2 * MOST, RC_PACE_STANDING_US + RC_MS(20), &now);
    assert_true(pace.most < RC_MAX_INBOX);
    for (unsigned i = 0; i < 30; i++) { /* the queue is short because others are refused */
        pace.refused = true;
        take(&pace, 10, RC_PACE_CALM_US / 10, &now);
        assert_true(pace.most < RC_MAX_INBOX);
    }
    take(&pace, 10, RC_PACE_CALM_US - RC_MS(100), &now);
    assert_true(pace.most < RC_MAX_INBOX);
    take(&pace, 10, RC_MS(200), &now);
    assert_int_equal(pace.most, RC_MAX_INBOX);
}

/* A turn of 40 ms is what such a disk needs, however many are in it. */
static void a_slow_disk_is_no_overload(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, WAIT_US);
    teach(&pace, RC_MS(40), &now);
    take(&pace, 2000, RC_SECONDS(1), &now);
    assert_int_equal(pace.most, RC_MAX_INBOX);
    take(&pace, 20000, RC_PACE_STANDING_US + RC_MS(20), &now);
    assert_true(pace.most > 4000 && pace.most < RC_MAX_INBOX);
}

/* One turn that was held up does not make everything look slow. */
static void an_odd_turn_counts_little(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, WAIT_US);
    teach(&pace, 100, &now);
    uint64_t before = pace.unit_ns;
    rc_pace_turn(&pace, 100, RC_SECONDS(60), 1, now);
    assert_true(pace.unit_ns < 2 * before);
    take(&pace, 100 * MOST, RC_PACE_STANDING_US + RC_MS(20), &now);
    assert_true(pace.most >= RC_PACE_LEAST);
}

static void without_a_bound_of_time(void **state)
{
    (void)state;
    struct rc_pace pace;
    rc_us now = RC_SECONDS(100);
    rc_pace_init(&pace, 0);
    teach(&pace, 100, &now);
    take(&pace, 16000, RC_SECONDS(5), &now);
    assert_int_equal(pace.most, RC_MAX_INBOX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known),           cmocka_unit_test(bursts_pass),
        cmocka_unit_test(what_stands_is_refused),     cmocka_unit_test(refusing_ends_when_nobody_is_refused),
        cmocka_unit_test(a_slow_disk_is_no_overload), cmocka_unit_test(an_odd_turn_counts_little),
        cmocka_unit_test(without_a_bound_of_time),
    };
    return cmocka_run_group_tests_name("engine pace", tests, NULL, NULL);
}
