/* Time zones: the same offsets as libc finds, and bytes of anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cron/zone.h"
#include "zones.h"

#include <stdlib.h>
#include <time.h>

static const char *const zones[] = {
    "UTC",           "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe",
    "Asia/Kolkata",  "Europe/Istanbul",   "Pacific/Apia",     "Africa/Casablanca",
    "Europe/Dublin", "America/Sao_Paulo", "Asia/Kathmandu",   "Antarctica/Troll",
    "America/Nuuk"};

static void test_as_libc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
        const struct cron_zone *zone = zone_of(zones[i], arena);
        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t at = 0; at < INT64_C(4102444800) * 2; at += 3600 * 37 + 59) { /* to 2230 */
            time_t t = (time_t)at;
            struct tm tm;
            localtime_r(&t, &tm);
            if (tm.tm_gmtoff != cron_offset(zone, at))
                fail_msg("%s at %lld: %d, libc says %ld", zones[i], (long long)at, cron_offset(zone, at),
                         tm.tm_gmtoff);
        }
        rc_arena_free(arena);
    }
}

static void test_changes(void **state)
{
    (void)state;
    struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        const struct cron_zone *zone = zone_of(zones[i], arena);
        struct zone_change change = {.at = 0};
        for (unsigned k = 0; k < 300 && zone_next_change(zone, change.at, &change); k++)
            assert_int_equal(cron_offset(zone, change.at), change.offset);
    }
    rc_arena_free(arena);
}

static enum rc_status read_bytes(struct rc_sv bytes, struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(4096, 1 << 20);
    const struct cron_zone *zone;
    enum rc_status status = cron_zone_read(bytes, arena, &zone, err);
    rc_arena_free(arena);
    return status;
}

/* Cut off anywhere it is no zone. */
static void test_cut_off(void **state)
{
    (void)state;
    static char bytes[RC_MAX_ZONE];
    struct rc_sv all = zone_bytes("Europe/Berlin", bytes);
    struct rc_error err = {0};
    assert_int_equal(read_bytes(all, &err), RC_OK);
    for (uint32_t n = 0; n < all.n; n++) {
        char *copy = malloc(n ? n : 1); /* so that a sanitizer sees each byte too many */
        memcpy(copy, bytes, n);
        if (read_bytes((struct rc_sv){copy, n}, &err) != RC_INVALID) fail_msg("cut off behind %u", n);
        free(copy);
    }
}

/* A small file of version 2 with `n` transitions; *ret_second: where its second head begins. */
static struct rc_sv make(char *bytes, uint32_t n, const char *footer, uint32_t *ret_second)
{
    uint32_t at = 0;
    for (unsigned round = 0; round < 2; round++) {
        uint32_t times = round ? n : 0;
        char *head = bytes + at;
        if (round) *ret_second = at;
        memset(head, 0, 44);
        memcpy(head, "TZif2", 5);
        for (unsigned b = 0; b < 4; b++) head[32 + b] = (char)(times >> (24 - 8 * b));
        head[39] = 1; /* types */
        head[43] = 4; /* bytes of names */
        at += 44;
        for (uint32_t i = 0; i < times; i++, at += 8)
            for (unsigned b = 0; b < 8; b++)
                bytes[at + b] = (char)((uint64_t)(i + 1) * 86400 >> (56 - 8 * b));
        memset(bytes + at, 0, times);
        at += times;
        memset(bytes + at, 0, 6);
        memcpy(bytes + at + 6, "ABC", 4);
        at += 10;
    }
    at += (uint32_t)sprintf(bytes + at, "\n%s\n", footer);
    return (struct rc_sv){bytes, at};
}

static void test_bounds(void **state)
{
    (void)state;
    static char bytes[RC_MAX_ZONE + 1];
    uint32_t second;
    struct rc_error err = {0};
    assert_int_equal(read_bytes(make(bytes, RC_MAX_ZONE_TIMES, "UTC0", &second), &err), RC_OK);
    assert_int_equal(read_bytes(make(bytes, RC_MAX_ZONE_TIMES + 1, "UTC0", &second), &err), RC_LIMIT);
    struct rc_sv all = make(bytes, 3, "", &second);
    assert_int_equal(read_bytes(all, &err), RC_OK); /* it has no rule */
    memset(bytes + all.n, 'x', sizeof bytes - all.n);
    assert_int_equal(read_bytes((struct rc_sv){bytes, RC_MAX_ZONE}, &err),
                     RC_OK); /* what is behind the footer */
    assert_int_equal(read_bytes((struct rc_sv){bytes, RC_MAX_ZONE + 1}, &err), RC_LIMIT);
}

static void test_nonsense(void **state)
{
    (void)state;
    static char bytes[RC_MAX_ZONE];
    static const struct {
        uint32_t at; /* in the second head and behind it */
        unsigned char byte;
        enum rc_status status;
        const char *says;
    } bad[] = {
        {0, 'X', RC_INVALID, "head"},          {4, '9', RC_INVALID, "version"},
        {20, 0xff, RC_INVALID, "counts"},      {24, 0xff, RC_INVALID, "counts"},
        {31, 1, RC_INVALID, "leap"},           {32, 0xff, RC_LIMIT, "transitions"},
        {33, 0x7f, RC_LIMIT, "transitions"},   {36, 0xff, RC_INVALID, "counts"},
        {39, 0, RC_INVALID, "counts"},         {40, 0xff, RC_INVALID, "counts"},
        {42, 0x0f, RC_INVALID, "cut off"},     {44 + 7, 0xff, RC_OK, ""},
        {44, 0x7f, RC_INVALID, "order"},       {44 + 24, 1, RC_INVALID, "type"},
        {44 + 27, 0x7f, RC_INVALID, "offset"}, {44 + 27 + 6 + 4, 'X', RC_INVALID, "footer"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rc_error err = {0};
        uint32_t second;
        struct rc_sv all = make(bytes, 3, "UTC0", &second);
        bytes[second + bad[i].at] = (char)bad[i].byte;
        enum rc_status status = read_bytes(all, &err);
        if (status != bad[i].status || !strstr(err.text, bad[i].says))
            fail_msg("byte %u: %d %s", bad[i].at, (int)status, err.text);
    }
}

static void test_footers(void **state)
{
    (void)state;
    static const char *const good[] = {"UTC0",
                                       "CET-1CEST,M3.5.0,M10.5.0/3",
                                       "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                       "IST-1GMT0,M10.5.0,M3.5.0/1",
                                       "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                       "XXX3YYY,J60,J300/24:30:59",
                                       "XXX3YYY,0/0,365/167"};
    static const char *const bad[] = {"CET",
                                      "C-1",
                                      "CET-1CEST",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1CEST,M3.0.0,M10.5.0",
                                      "CET-1CEST,M3.6.0,M10.5.0",
                                      "CET-1CEST,M3.5.7,M10.5.0",
                                      "CET-1CEST,J0,J5",
                                      "CET-1CEST,J366,J5",
                                      "CET-1CEST,366,5",
                                      "CET-1CEST,1/168,5",
                                      "CET-26",
                                      "CET-1:60",
                                      "<CET-1",
                                      "<>-1",
                                      "CET-1CEST,M3.5.0,M10.5.0/3x",
                                      "CET-1CEST,M3.5.0/,M10.5.0",
                                      "CET-1CEST,M3.5.0,M10.5.0,"};
    struct zone_tail tail;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!zone_parse_tail((struct rc_sv){good[i], (uint32_t)strlen(good[i])}, &tail))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (zone_parse_tail((struct rc_sv){bad[i], (uint32_t)strlen(bad[i])}, &tail)) fail_msg("%s", bad[i]);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5",
                                       "America/Port-au-Prince"};
    static const char *const bad[] = {"",
                                      "/etc/passwd",
                                      "../x",
                                      "Europe/../x",
                                      "Europe//Berlin",
                                      "Europe/",
                                      "Europe Berlin",
                                      "Europe/B\xc3\xa4r",
                                      "."};
    char longest[RC_MAX_NAME + 2] = {0};
    memset(longest, 'A', RC_MAX_NAME);
    assert_true(cron_is_zone_name((struct rc_sv){longest, RC_MAX_NAME}));
    longest[RC_MAX_NAME] = 'A';
    assert_false(cron_is_zone_name((struct rc_sv){longest, RC_MAX_NAME + 1}));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(cron_is_zone_name((struct rc_sv){good[i], (uint32_t)strlen(good[i])}));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (cron_is_zone_name((struct rc_sv){bad[i], (uint32_t)strlen(bad[i])})) fail_msg("'%s'", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_libc), cmocka_unit_test(test_changes),  cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_nonsense), cmocka_unit_test(test_footers),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
