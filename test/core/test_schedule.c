/* What a schedule does next: times that come in time, late, while the run before is not over, and under a clock that jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/schedule.h"

#define MINUTE RC_SECONDS(60)
#define BEGIN  (RC_SECONDS(1800000000) / MINUTE * MINUTE)

static struct flow_schedule of(enum flow_missed missed, enum flow_overlap overlap)
{
    struct flow_schedule schedule = {
        .zone = &cron_utc, .missed = (uint8_t)missed, .overlap = (uint8_t)overlap};
    assert_int_equal(cron_parse(RC_SV("* * * * *"), &schedule.expr, NULL), RC_OK);
    return schedule;
}

/* Looks until nothing is left to be done at this time; the times that ran, at most `cap`. */
static uint32_t look(struct rc_schedule *s, const struct flow_schedule *schedule, rc_us wall, bool busy,
                     rc_us *ret_ran, uint32_t cap)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct rc_plan plan;
        rc_schedule_plan(s, schedule, wall, busy, &plan);
        assert_true(plan.after.planned >= s->planned);
        *s = plan.after;
        if (plan.run) {
            if (n < cap) ret_ran[n] = plan.run;
            n++;
            busy |= schedule->overlap != FLOW_OVERLAP_ALLOW;
        } else if (plan.next > wall) {
            return n;
        }
    }
    fail_msg("it does not come to rest");
    return n;
}

static void test_in_time(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_SKIP, FLOW_OVERLAP_ALLOW);
    struct rc_schedule s = {.planned = BEGIN};
    rc_us ran[4];
    assert_int_equal(look(&s, &schedule, BEGIN + MINUTE - 1, false, ran, 4), 0);
    assert_int_equal(look(&s, &schedule, BEGIN + MINUTE, false, ran, 4), 1);
    assert_int_equal(ran[0], BEGIN + MINUTE);
    assert_int_equal(look(&s, &schedule, BEGIN + MINUTE, false, ran, 4), 0);
    assert_int_equal(look(&s, &schedule, BEGIN - 60 * MINUTE, false, ran, 4), 0); /* the clock goes back */
    assert_int_equal(look(&s, &schedule, BEGIN + MINUTE + 1, false, ran, 4), 0);
    /* as late as may be, and a moment later */
    assert_int_equal(
        look(&s, &schedule, BEGIN + 2 * MINUTE + RC_SECONDS(RC_SCHEDULE_ON_TIME_S), false, ran, 4), 2);
    assert_int_equal(s.missed, 0);
    assert_int_equal(
        look(&s, &schedule, BEGIN + 4 * MINUTE + RC_SECONDS(RC_SCHEDULE_ON_TIME_S) + 1, false, ran, 4), 1);
    assert_int_equal(ran[0], BEGIN + 5 * MINUTE);
    assert_int_equal(s.missed, 1);
}

static void test_missed(void **state)
{
    (void)state;
    static rc_us ran[RC_MAX_CATCH_UP + 2];
    const rc_us wall = BEGIN + 10 * MINUTE + RC_SECONDS(30);
    static const struct {
        enum flow_missed missed;
        uint32_t runs;
        uint64_t left;
    } row[] = {{FLOW_MISSED_SKIP, 1, 9}, {FLOW_MISSED_LATEST, 2, 8}, {FLOW_MISSED_ALL, 10, 0}};
    for (unsigned i = 0; i < 3; i++) {
        struct flow_schedule schedule = of(row[i].missed, FLOW_OVERLAP_ALLOW);
        struct rc_schedule s = {.planned = BEGIN};
        assert_int_equal(look(&s, &schedule, wall, false, ran, 12), row[i].runs);
        assert_int_equal(s.missed, row[i].left);
        for (uint32_t k = 0; k < row[i].runs; k++)
            assert_int_equal(ran[k], BEGIN + (10 - row[i].runs + 1 + k) * MINUTE);
    }
}

/* At the bound of what is made up for, and one above; and after ten years. */
static void test_catch_up(void **state)
{
    (void)state;
    static rc_us ran[RC_MAX_CATCH_UP + 2];
    struct flow_schedule schedule = of(FLOW_MISSED_ALL, FLOW_OVERLAP_ALLOW);
    for (unsigned more = 0; more < 2; more++) {
        struct rc_schedule s = {.planned = BEGIN};
        rc_us last = BEGIN + (RC_MAX_CATCH_UP + more) * MINUTE;
        assert_int_equal(look(&s, &schedule, last + MINUTE + 1, false, ran, RC_MAX_CATCH_UP + 2),
                         RC_MAX_CATCH_UP + 1);
        assert_int_equal(ran[0], BEGIN + (1 + more) * MINUTE);
        assert_int_equal(ran[RC_MAX_CATCH_UP - 1], last);
        assert_int_equal(s.missed, more);
    }
    struct rc_schedule s = {.planned = BEGIN};
    rc_us wall = BEGIN + 10 * 365 * 24 * 60 * MINUTE + MINUTE / 2;
    assert_int_equal(look(&s, &schedule, wall, false, ran, RC_MAX_CATCH_UP + 2), RC_MAX_CATCH_UP + 1);
    assert_int_equal(ran[RC_MAX_CATCH_UP], wall - MINUTE / 2);
    assert_true(s.missed > 0);
}

static void test_overlap(void **state)
{
    (void)state;
    rc_us ran[4];
    struct flow_schedule skip = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_SKIP),
                         queue = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_QUEUE),
                         allow = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_ALLOW);
    struct rc_schedule s = {.planned = BEGIN, .last = {1, 1}}, q = s, a = s;
    assert_true(rc_schedule_wants_busy(&s, &skip, BEGIN + MINUTE));
    assert_false(rc_schedule_wants_busy(&s, &skip, BEGIN + MINUTE - 1));
    assert_false(rc_schedule_wants_busy(&a, &allow, BEGIN + MINUTE));
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(look(&s, &skip, BEGIN + i * MINUTE, true, ran, 4), 0);
        assert_int_equal(look(&q, &queue, BEGIN + i * MINUTE, true, ran, 4), 0);
        assert_int_equal(look(&a, &allow, BEGIN + i * MINUTE, true, ran, 4), 1);
    }
    assert_int_equal(s.skipped, 3);
    assert_int_equal(s.missed, 0);
    for (unsigned i = 1; i <= 3; i++) { /* an hour later: waiting has not made them late */
        assert_int_equal(look(&q, &queue, BEGIN + 60 * MINUTE, false, ran, 4), 1);
        if (i <= 3) assert_int_equal(ran[0], BEGIN + i * MINUTE);
        assert_int_equal(q.missed, i < 3 ? 0 : 55); /* 4 to 58 were jumped over, and the latest is 59 */
    }
}

/* So many wait; what comes then was missed. */
static void test_queue(void **state)
{
    (void)state;
    rc_us ran[4];
    struct flow_schedule queue = of(FLOW_MISSED_SKIP, FLOW_OVERLAP_QUEUE);
    struct rc_schedule s = {.planned = BEGIN, .last = {1, 1}};
    for (unsigned i = 1; i <= RC_MAX_SCHEDULE_QUEUE + 1; i++)
        assert_int_equal(look(&s, &queue, BEGIN + i * MINUTE, true, ran, 4), 0);
    assert_int_equal(s.accepted, BEGIN + RC_MAX_SCHEDULE_QUEUE * MINUTE);
    rc_us later = BEGIN + 500 * MINUTE + 1;
    for (unsigned i = 1; i <= RC_MAX_SCHEDULE_QUEUE; i++) {
        assert_int_equal(look(&s, &queue, later, false, ran, 4), 1);
        assert_int_equal(ran[0], BEGIN + i * MINUTE);
    }
    assert_int_equal(look(&s, &queue, later, false, ran, 4), 1);
    assert_int_equal(ran[0], BEGIN + 500 * MINUTE);
    assert_int_equal(s.missed, 500 - 1 - RC_MAX_SCHEDULE_QUEUE);
}

static void step(struct rc_schedule *s, rc_message_kind kind, rc_us wall, const struct rc_schedule_ask *in,
                 uint32_t changes)
{
    struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
    struct rc_ask ask = {
        .kind = (uint8_t)kind, .to = {.agg = RC_AGG_SCHEDULE, .id = 5}, .now = 3, .wall = wall};
    struct rc_out out;
    ask.u.schedule = in;
    assert_int_equal(rc_schedule_step(s, &ask, arena, &out, NULL), RC_OK);
    assert_int_equal(out.nchange, changes);
    assert_int_equal(out.nmessage, in && in->submit != NULL);
    if (in && in->submit) {
        assert_int_equal(out.message->kind, RC_MSG_SUBMIT);
        assert_int_equal(out.message->to.id, in->submit->seq);
    }
    if (changes) *s = *out.change->u.schedule;
    rc_arena_free(arena);
}

static void test_messages(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_ALLOW);
    const struct rc_identity command = {.seq = 9, .nonce = 10};
    const struct rc_schedule_ask none = {.of = &schedule},
                                 made = {.of = &schedule, .submit = &command, .command = {9, 10}},
                                 there = {.of = &schedule, .command = {8, 7}},
                                 full = {.of = &schedule, .fault = RC_SV("no room")};
    struct rc_schedule s = {0};
    step(&s, RC_MSG_PLAN, BEGIN, &none, 1);
    assert_int_equal(s.planned, BEGIN);
    step(&s, RC_MSG_OCCUR, BEGIN + MINUTE, &full, 1); /* it stays to be made */
    assert_string_equal(s.fault, "no room");
    assert_int_equal(s.started, 0);
    step(&s, RC_MSG_OCCUR, BEGIN + MINUTE, &full, 0);
    step(&s, RC_MSG_OCCUR, BEGIN + 9 * MINUTE, &made, 1); /* much later, and not missed */
    assert_true(s.last.seq == 9 && s.last_planned == BEGIN + MINUTE && s.started == 1 && !s.fault[0]);
    step(&s, RC_MSG_PAUSE, BEGIN + 9 * MINUTE, &none, 1);
    step(&s, RC_MSG_PAUSE, BEGIN + 9 * MINUTE, &none, 0);
    step(&s, RC_MSG_OCCUR, BEGIN + 20 * MINUTE, &none, 0);
    step(&s, RC_MSG_RUN, BEGIN + 20 * MINUTE, &there, 1);
    assert_true(s.last.seq == 8 && s.last_planned == 0 && s.started == 2 && s.paused);
    step(&s, RC_MSG_RESUME, BEGIN + 30 * MINUTE, &none, 1);
    assert_true(!s.paused && s.planned == BEGIN + 30 * MINUTE);
    step(&s, RC_MSG_RESUME, BEGIN + 40 * MINUTE, &none, 0); /* it was not paused: its times stay due */
    step(&s, RC_MSG_PLAN, BEGIN, &none, 1);                 /* never back */
    assert_int_equal(s.planned, BEGIN + 30 * MINUTE);
}

static void test_wrong_messages(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {RC_MSG_SUBMIT,     RC_MSG_ADMIT,      RC_MSG_RESULT,    RC_MSG_LOST,
                                    RC_MSG_DUE,        RC_MSG_ACTION,     RC_MSG_RESTORED,  RC_MSG_LATE,
                                    RC_MSG_SIGNALLED,  RC_MSG_GRANT,      RC_MSG_WANT,      RC_MSG_OFFER,
                                    RC_MSG_DONE,       RC_MSG_BACKLOG,    RC_MSG_CLOSED,    RC_MSG_QUEUE,
                                    RC_MSG_PULL,       RC_MSG_SIGNAL,     RC_MSG_LISTEN,    RC_MSG_LANE_WANT,
                                    RC_MSG_LANE_OFFER, RC_MSG_LANE_LEAVE, RC_MSG_LANE_YIELD};
    const struct rc_schedule s = {.planned = BEGIN};
    struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
    for (unsigned i = 0; i < sizeof kinds; i++) {
        struct rc_ask ask = {.kind = kinds[i]};
        struct rc_error err = {0};
        struct rc_out out = {.nchange = 77};
        assert_int_equal(rc_schedule_step(&s, &ask, arena, &out, &err), RC_BUG);
        assert_non_null(strstr(err.text, "is none to a schedule"));
        assert_int_equal(out.nchange, 77);
    }
    rc_arena_free(arena);
}

/* Too little memory is an answer, and nothing is to be done then. */
static void test_without_room(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_ALLOW);
    const struct rc_identity command = {.seq = 9, .nonce = 10};
    const struct rc_schedule_ask made = {.of = &schedule, .submit = &command, .command = {9, 10}};
    const struct rc_schedule s = {.planned = BEGIN};
    struct rc_ask ask = {.kind = RC_MSG_OCCUR, .now = 3, .wall = BEGIN + MINUTE, .u.schedule = &made};
    unsigned refused = 0;
    for (size_t limit = 0;; limit += 16, refused++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct rc_error err = {0};
        struct rc_out out = {.nchange = 77};
        enum rc_status status = rc_schedule_step(&s, &ask, arena, &out, &err);
        rc_arena_free(arena);
        if (status == RC_OK) break;
        assert_true(status == RC_LIMIT && err.text[0] && out.nchange == 77);
    }
    assert_true(refused > 5);
}

/* What is written down of why a run cannot be made is cut where it is too long. */
static void test_long_fault(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_ALLOW);
    static char text[RC_SCHEDULE_FAULT + 1];
    memset(text, 'x', sizeof text);
    for (uint32_t n = RC_SCHEDULE_FAULT - 1; n <= RC_SCHEDULE_FAULT + 1;
         n++) { /* up to it, at it, above it */
        const struct rc_schedule_ask full = {.of = &schedule, .fault = {text, n}};
        struct rc_schedule s = {.planned = BEGIN};
        step(&s, RC_MSG_OCCUR, BEGIN + MINUTE, &full, 1);
        assert_int_equal(strlen(s.fault), RC_SCHEDULE_FAULT - 1);
    }
}

/* A time that was accepted, and that a definition which came since does not have, is not waited for. */
static void test_another_definition(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_ALL, FLOW_OVERLAP_ALLOW);
    assert_int_equal(cron_parse(RC_SV("0 0 1 1 *"), &schedule.expr, NULL), RC_OK);
    struct rc_schedule s = {.planned = BEGIN, .accepted = BEGIN + 5 * MINUTE};
    rc_us ran[1];
    assert_int_equal(look(&s, &schedule, BEGIN + 6 * MINUTE, false, ran, 1), 0);
    assert_int_equal(s.planned, BEGIN + 5 * MINUTE);
    struct rc_schedule old = {.planned = BEGIN}; /* a year and more: the last time is found far back */
    schedule.missed = FLOW_MISSED_LATEST;
    const rc_us wall = BEGIN + 500 * 24 * 60 * MINUTE;
    assert_int_equal(look(&old, &schedule, wall, false, ran, 1), 1);
    assert_true(ran[0] > BEGIN && ran[0] < wall);
    assert_int_equal(old.missed, 0);
}

/* More is to be done than one look does; another reason why a run cannot be made is written down, too. */
static void test_bounds(void **state)
{
    (void)state;
    struct flow_schedule skip = of(FLOW_MISSED_SKIP, FLOW_OVERLAP_SKIP);
    struct rc_schedule s = {.planned = BEGIN, .accepted = BEGIN + 100 * MINUTE, .last = {1, 1}};
    struct rc_plan plan;
    const rc_us wall = BEGIN + 100 * MINUTE;
    rc_schedule_plan(&s, &skip, wall, true, &plan);
    assert_true(plan.changed && plan.next == wall && plan.run == 0); /* it looks again at once */
    assert_true(plan.after.skipped > 0 && plan.after.skipped < 100);
    rc_us ran[1];
    assert_int_equal(look(&s, &skip, wall, true, ran, 1), 0);
    assert_int_equal(s.skipped, 100);
    struct rc_schedule a = {.planned = BEGIN,
                            .accepted = BEGIN + MINUTE}; /* accepted, and a run cannot be made */
    const struct rc_schedule_ask full = {.of = &skip, .fault = RC_SV("no room")},
                                 other = {.of = &skip, .fault = RC_SV("none")};
    step(&a, RC_MSG_OCCUR, BEGIN + MINUTE, &full, 1);
    step(&a, RC_MSG_OCCUR, BEGIN + MINUTE, &other, 1);
    assert_string_equal(a.fault, "none");
    step(&a, RC_MSG_PAUSE, BEGIN + MINUTE, NULL, 1);
}

/* A queue that waits takes in only what came in time; what is paused takes in nothing. */
static void test_busy(void **state)
{
    (void)state;
    struct flow_schedule queue = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_QUEUE);
    assert_int_equal(cron_parse(RC_SV("0 * * * *"), &queue.expr, NULL), RC_OK);
    struct rc_schedule s = {.planned = BEGIN, .accepted = BEGIN + 60 * MINUTE, .last = {1, 1}};
    struct rc_plan plan;
    rc_schedule_plan(&s, &queue, BEGIN + 200 * MINUTE, true, &plan);
    assert_true(plan.run == 0 && plan.after.accepted == BEGIN + 60 * MINUTE);
    assert_true(rc_schedule_wants_busy(&s, &queue, BEGIN)); /* one waits already */
    s.paused = true;
    assert_false(rc_schedule_wants_busy(&s, &queue, BEGIN + 9 * MINUTE));
    s.last = (struct rc_link){0};
    s.paused = false;
    assert_false(rc_schedule_wants_busy(&s, &queue, BEGIN + 9 * MINUTE));
}

/* Nothing lies far enough back for a window before the beginning of all time; and an expression may have no time at all. */
static void test_ends_of_time(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_ALLOW);
    struct rc_schedule s = {.planned = MINUTE};
    rc_us ran[2];
    const rc_us wall = 90 * MINUTE + MINUTE / 2;
    assert_int_equal(look(&s, &schedule, wall, false, ran, 2), 2);
    assert_int_equal(ran[0], 89 * MINUTE);
    assert_int_equal(ran[1], 90 * MINUTE);
    assert_int_equal(s.missed, 87); /* 2 to 88 */
    struct rc_schedule last = {.planned = UINT64_MAX - MINUTE};
    struct rc_plan plan;
    rc_schedule_plan(&last, &schedule, UINT64_MAX, false, &plan);
    assert_true(!plan.changed && plan.run == 0 && plan.next == UINT64_MAX);
}

/* A person may want the command that ran last once more: that is a run, too. */
static void test_run_again(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_ALLOW);
    const struct rc_schedule_ask there = {.of = &schedule, .command = {8, 7}};
    struct rc_schedule s = {.planned = BEGIN};
    step(&s, RC_MSG_RUN, BEGIN, &there, 1);
    step(&s, RC_MSG_RUN, BEGIN, &there, 1);
    assert_int_equal(s.started, 2);
}

/* A clock that jumps while a time waits: what it jumped over is missed, however much has come in time since. */
static void test_gap_in_a_queue(void **state)
{
    (void)state;
    struct flow_schedule queue = of(FLOW_MISSED_LATEST, FLOW_OVERLAP_QUEUE);
    struct rc_schedule s = {.planned = BEGIN, .last = {1, 1}};
    rc_us ran[8];
    assert_int_equal(look(&s, &queue, BEGIN + MINUTE, true, ran, 8), 0);
    for (unsigned i = 10; i < 13; i++)
        assert_int_equal(look(&s, &queue, BEGIN + i * MINUTE, true, ran, 8), 0);
    assert_int_equal(s.accepted, BEGIN + MINUTE);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(look(&s, &queue, BEGIN + 14 * MINUTE, false, ran + i, 1), 1);
    assert_true(ran[0] == BEGIN + MINUTE && ran[1] == BEGIN + 13 * MINUTE); /* the latest that is late */
    assert_int_equal(s.missed, 11);                                         /* 2 to 12 */
}

/* An order that comes before the first look. */
static void test_order_first(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_ALL, FLOW_OVERLAP_ALLOW);
    const struct rc_schedule_ask there = {.of = &schedule, .command = {8, 7}};
    struct rc_schedule run = {0}, paused = {0};
    rc_us ran[2];
    step(&run, RC_MSG_RUN, BEGIN, &there, 1);
    assert_int_equal(look(&run, &schedule, BEGIN + MINUTE, false, ran, 2), 1);
    assert_true(ran[0] == BEGIN + MINUTE && run.missed == 0);
    step(&paused, RC_MSG_PAUSE, BEGIN, &there, 1);
    assert_int_equal(paused.planned, BEGIN);
}

static void test_without_a_zone(void **state)
{
    (void)state;
    struct flow_schedule schedule = of(FLOW_MISSED_ALL, FLOW_OVERLAP_ALLOW);
    struct rc_schedule s = {.planned = BEGIN, .accepted = BEGIN + MINUTE};
    struct rc_plan plan;
    schedule.zone = NULL;
    rc_schedule_plan(&s, &schedule, BEGIN + 9 * MINUTE, false, &plan);
    assert_true(plan.run == 0 && plan.next == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_missed),
        cmocka_unit_test(test_catch_up),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_gap_in_a_queue),
        cmocka_unit_test(test_order_first),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_without_a_zone),
        cmocka_unit_test(test_ends_of_time),
        cmocka_unit_test(test_run_again),
        cmocka_unit_test(test_wrong_messages),
        cmocka_unit_test(test_without_room),
        cmocka_unit_test(test_long_fault),
        cmocka_unit_test(test_another_definition),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
