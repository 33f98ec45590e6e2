/* Expressions, and when they come next: around changes of clocks, in zones of several kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "cron/cron.h"
#include "zones.h"

#include <stdio.h>
#include <string.h>

static struct rc_sv sv(const char *text)
{
    return (struct rc_sv){text, (uint32_t)strlen(text)};
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned column;
        const char *says;
    } bad[] = {
        {"", 1, "the minute is missing"},
        {"* * * *", 8, "the day of the week is missing"},
        {"* * * * * *", 11, "nothing more"},
        {"60 * * * *", 1, "the minute is a number from 0 to 59"},
        {"* 24 * * *", 3, "the hour is a number from 0 to 23"},
        {"* * 0 * *", 5, "from 1 to 31"},
        {"* * 32 * *", 5, "from 1 to 31"},
        {"* * * 13 *", 7, "from 1 to 12"},
        {"* * * foo *", 7, "first three letters"},
        {"* * * * 8", 9, "from 0 to 7"},
        {"5-3 * * * *", 1, "ends before it begins"},
        {"*/0 * * * *", 3, "the step of the minute is a number from 1 to 59"},
        {"*/60 * * * *", 3, "the step"},
        {"1,,2 * * * *", 3, "the minute is a number"},
        {"1, * * * *", 3, "the minute is a number"},
        {"1x * * * *", 2, "this cannot stand in the minute"},
        {"99999999999999999999 * * * *", 1, "the minute is"},
        {"* * 30 2 *", 1, "no such day of the month ever comes"},
        {"* * 31 4,6,9,11 *", 1, "no such day of the month ever comes"},
        {"@daily", 1, "the minute is a number"},
        {"-5 * * * *", 1, "the minute is a number"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cron_expr expr;
        struct rc_error err = {0};
        enum rc_status status = cron_parse(sv(bad[i].text), &expr, &err);
        if (status != RC_SYNTAX || err.column != bad[i].column || !strstr(err.text, bad[i].says))
            fail_msg("'%s': %d at %u: %s", bad[i].text, (int)status, err.column, err.text);
    }
}

static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *text, *same;
    } pair[] = {
        {"*/15 * * * *", "0,15,30,45 * * * *"},  {"5/20 * * * *", "5,25,45 * * * *"},
        {"10-20/5 * * * *", "10,15,20 * * * *"}, {"0 8-10 * * mon-fri", "0 8,9,10 * * 1,2,3,4,5"},
        {"0 0 * * FRI-sun", "0 0 * * 5,6,0"},    {"0 0 * * 7", "0 0 * * 0"},
        {"0 0 1 Jan,jul *", "0 0 1 1,7 *"},      {"\t0  0 1\t* *  ", "0 0 1 * *"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        struct cron_expr a = {0}, b = {0};
        struct rc_error err = {0};
        if (cron_parse(sv(pair[i].text), &a, &err) != RC_OK ||
            cron_parse(sv(pair[i].same), &b, &err) != RC_OK)
            fail_msg("%s: %s", pair[i].text, err.text);
        assert_int_equal(a.minutes, b.minutes);
        assert_int_equal(a.hours, b.hours);
        assert_int_equal(a.days, b.days);
        assert_int_equal(a.months, b.months);
        assert_int_equal(a.weekdays, b.weekdays);
    }
}

/* The times behind one, as the database of the machine has the zones. */
static const struct {
    const char *zone, *expr, *after, *next[6];
} table[] = {
    {"UTC", "*/5 * * * *", "2026-01-01T00:00:00Z", {"2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"}},
    {"UTC", "*/5 * * * *", "2026-01-01T00:04:59.999999Z", {"2026-01-01T00:05:00Z"}},
    {"UTC", "0 0 29 2 *", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
    {"UTC", "5 4 */30 4 3", "2026-04-01T04:05:00Z", {"2037-04-01T04:05:00Z"}}, /* a star: both days count */
    {"UTC",
     "0 0 13 * fri",
     "2026-01-31T00:00:00Z", /* one or the other */
     {"2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"}},
    {"UTC", "0 0 31 * *", "2026-01-31T00:00:00Z", {"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"}},
    {"UTC", "0 12 * dec sun", "2026-11-22T12:00:00Z", {"2026-12-06T12:00:00Z"}},
    /* 2026-03-29 02:00 to 03:00 is skipped in Berlin; 2026-10-25 02:00 to 03:00 is there twice */
    {"Europe/Berlin",
     "30 2 * * *",
     "2026-03-28T00:00:00Z",
     {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
    {"Europe/Berlin",
     "0,30 2,3 * * *",
     "2026-03-29T00:00:00Z",
     {"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"}},
    {"Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
    {"Europe/Berlin", "0 3 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T02:00:00Z"}},
    {"Europe/Berlin",
     "*/30 * * * *",
     "2026-03-29T00:15:00Z",
     {"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
    {"Europe/Berlin",
     "*/30 * * * *",
     "2026-10-25T00:15:00Z",
     {"2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"}},
    {"Europe/Berlin", "*/30 */1 * * *", "2026-10-25T01:00:00Z", {"2026-10-25T01:30:00Z"}},
    /* every hour by its name: each time of the clock once, also where an hour is doubled or left out */
    {"Europe/Berlin",
     "*/30 0-23 * * *",
     "2026-10-24T23:45:00Z",
     {"2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"}},
    {"Europe/Berlin",
     "30 0-23/1 * * *",
     "2026-10-25T00:15:00Z",
     {"2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"}},
    {"Europe/Berlin",
     "30 0-23 * * *",
     "2026-03-29T00:15:00Z",
     {"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
    {"Europe/Berlin",
     "*/30 2 * * *",
     "2026-10-25T00:15:00Z",
     {"2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"}},
    {"Europe/Berlin",
     "*/5 8-18 * * mon-fri",
     "2026-11-20T17:54:00Z",
     {"2026-11-20T17:55:00Z", "2026-11-23T07:00:00Z"}},
    /* behind the file's last transition, by its rule */
    {"Europe/Berlin", "30 2 * * *", "2060-03-27T12:00:00Z", {"2060-03-28T01:00:00Z", "2060-03-29T00:30:00Z"}},
    /* New York: 2026-03-08 and 2026-11-01, at 02:00 */
    {"America/New_York",
     "30 2 * * *",
     "2026-03-07T12:00:00Z",
     {"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
    {"America/New_York",
     "30 1 * * *",
     "2026-10-31T12:00:00Z",
     {"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
    {"America/New_York", "59 23 31 12 *", "2026-06-01T00:00:00Z", {"2027-01-01T04:59:00Z"}},
    /* Lord Howe moves by half an hour: 2026-04-05 at 02:00 back to 01:30, 2026-10-04 at 02:00 on to 02:30 */
    {"Australia/Lord_Howe",
     "15,45 1,2 * * *",
     "2026-04-04T14:00:00Z",
     {"2026-04-04T14:15:00Z", "2026-04-04T14:45:00Z", "2026-04-04T15:45:00Z", "2026-04-04T16:15:00Z"}},
    {"Australia/Lord_Howe",
     "15 2 * * *",
     "2026-10-03T12:00:00Z",
     {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
    {"Australia/Lord_Howe",
     "*/15 * * * *",
     "2026-04-04T14:30:00Z", /* half an hour is there twice */
     {"2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z", "2026-04-04T15:30:00Z"}},
    /* no daylight saving, and an offset of half hours */
    {"Asia/Kolkata", "30 2 * * *", "2026-03-28T22:00:00Z", {"2026-03-29T21:00:00Z", "2026-03-30T21:00:00Z"}},
    /* Turkey gave it up: since 2016-09 it is three hours ahead all year */
    {"Europe/Istanbul",
     "30 3 * * *",
     "2015-03-28T12:00:00Z",
     {"2015-03-29T01:00:00Z", "2015-03-30T00:30:00Z"}},
    {"Europe/Istanbul",
     "30 3 * * *",
     "2026-03-28T12:00:00Z",
     {"2026-03-29T00:30:00Z", "2026-03-30T00:30:00Z"}},
    /* Samoa left out 2011-12-30 */
    {"Pacific/Apia",
     "0 12 * * *",
     "2011-12-29T20:00:00Z",
     {"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
};

static void test_next(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
        const struct cron_zone *zone = zone_of(table[i].zone, arena);
        struct cron_expr expr;
        rc_us at;
        assert_int_equal(cron_parse(sv(table[i].expr), &expr, NULL), RC_OK);
        assert_true(rc_parse_time(sv(table[i].after), &at));
        for (unsigned k = 0; k < 6 && table[i].next[k]; k++) {
            char text[RC_TIME_TEXT];
            rc_us want;
            assert_true(rc_parse_time(sv(table[i].next[k]), &want));
            assert_true(cron_next(&expr, zone, at, &at));
            rc_format_time(at, text);
            if (at != want)
                fail_msg("%s, '%s' behind %s, %u: %s instead of %s", table[i].zone, table[i].expr,
                         table[i].after, k, text, table[i].next[k]);
        }
        rc_arena_free(arena);
    }
}

/* The same by looking at each minute of some years: what a clock shows for the first time, and what it jumps over. */
static bool fits(const struct cron_expr *expr, int64_t local)
{
    unsigned year, month, day;
    rc_date_from_days(local / 86400, &year, &month, &day);
    bool in_month = expr->days >> day & 1, in_week = expr->weekdays >> ((local / 86400 + 4) % 7) & 1;
    bool fits = expr->any_day || expr->any_weekday ? in_month && in_week : in_month || in_week;
    return fits && expr->months >> month & 1 && expr->hours >> (local / 3600 % 24) & 1 &&
           expr->minutes >> (local / 60 % 60) & 1;
}

static void test_each_minute(void **state)
{
    (void)state;
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "Asia/Kolkata", "Europe/Istanbul"};
    static const char *const exprs[] = {"17 1-3 * * *", "*/20 2 * mar-nov sun", "0 * 1-7 * *",
                                        "*/25 * * * *", "30 0 1,15 * mon",      "*/25 0-23 * * *"};
    for (unsigned z = 0; z < 5; z++)
        for (unsigned e = 0; e < 6; e++) {
            struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
            const struct cron_zone *zone = zone_of(zones[z], arena);
            struct cron_expr expr;
            assert_int_equal(cron_parse(sv(exprs[e]), &expr, NULL), RC_OK);
            bool all = expr.any_hour;
            int64_t begin = INT64_C(1420070400), shown = begin + cron_offset(zone, begin); /* 2015-01-01 */
            rc_us next;
            assert_true(cron_next(&expr, zone, (rc_us)begin * 1000000, &next));
            for (int64_t t = begin + 60; t < begin + INT64_C(700) * 86400; t += 60) {
                int64_t local = t + cron_offset(zone, t);
                bool comes = fits(&expr, local) && (all || local > shown);
                for (int64_t gap = shown + 60; !all && gap < local; gap += 60) comes |= fits(&expr, gap);
                if (local > shown) shown = local;
                if (comes != (next == (rc_us)t * 1000000))
                    fail_msg("%s '%s': at %lld %s", zones[z], exprs[e], (long long)t,
                             comes ? "it comes, and is not told" : "it is told, and does not come");
                if (comes) assert_true(cron_next(&expr, zone, next, &next));
            }
            rc_arena_free(arena);
        }
}

static void test_end_of_time(void **state)
{
    (void)state;
    struct cron_expr expr;
    rc_us at, next;
    assert_int_equal(cron_parse(sv("0 0 1 1 *"), &expr, NULL), RC_OK);
    assert_true(rc_parse_time(sv("9988-06-01T00:00:00Z"), &at));
    assert_true(cron_next(&expr, &cron_utc, at, &next));
    assert_true(rc_parse_time(sv("9999-06-01T00:00:00Z"), &at));
    assert_false(cron_next(&expr, &cron_utc, at, &next));
    assert_false(cron_next(&expr, &cron_utc, UINT64_MAX, &next));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),       cmocka_unit_test(test_fields),      cmocka_unit_test(test_next),
        cmocka_unit_test(test_each_minute), cmocka_unit_test(test_end_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
