/* Durations and timestamps: forms, ranges, parts. */
#include "kit.h"

#include "cel/time.h"

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } row[] = {{"0", "0s"},
               {"-0", "0s"},
               {"1s", "1s"},
               {"+1s", "1s"},
               {"-1.5s", "-1.5s"},
               {"-.5s", "-0.5s"},
               {"1.s", "1s"},
               {"1h30m", "5400s"},
               {"1m1h", "3660s"},
               {"1ms2us3ns", "0.001002003s"},
               {"1\xc2\xb5s", "0.000001s"},
               {"1\xce\xbcs", "0.000001s"},
               {"0.123456789s", "0.123456789s"},
               {"0.1234567899s", "0.123456789s"},
               {"0.000000000001h", "0.000000003s"},
               {"0.5h", "1800s"},
               {"1.000001ms", "0.001000001s"},
               {"9223372036.854775807s", "9223372036.854775807s"},
               {"-9223372036.854775808s", "-9223372036.854775808s"},
               {"9223372036.854775808s", NULL},
               {"-9223372036.854775809s", NULL},
               {"9223372036854775808ns", NULL},
               {"2562048h", NULL},
               {"99999999999999999999s", NULL},
               {"", NULL},
               {"-", NULL},
               {"s", NULL},
               {".s", NULL},
               {"1", NULL},
               {"1d", NULL},
               {"1 s", NULL},
               {"1s ", NULL},
               {"1s-1s", NULL},
               {"1..5s", NULL},
               {"00", NULL}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct cel_value value = cel_null();
        char text[CEL_TIME_TEXT];
        bool fine = cel_parse_duration(rc_sv_of(row[i].in), &value);
        if (fine != (row[i].out != NULL)) print_error("%s\n", row[i].in);
        assert_int_equal(fine, row[i].out != NULL);
        if (!fine) continue;
        struct rc_sv out = {text, cel_format_duration(value, text)};
        if (!rc_sv_is(out, row[i].out)) print_error("%s: %.*s\n", row[i].in, RC_SV_ARG(out));
        assert_true(rc_sv_is(out, row[i].out));
    }
}

static void test_timestamps(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } row[] = {{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
               {"2009-02-13T23:31:30.000000001Z", "2009-02-13T23:31:30.000000001Z"},
               {"2009-02-13t23:31:30.5z", "2009-02-13T23:31:30.5Z"},
               {"2009-02-13T23:31:30+02:00", "2009-02-13T21:31:30Z"},
               {"2009-02-13T23:31:30-02:30", "2009-02-14T02:01:30Z"},
               {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
               {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
               {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
               {"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"},
               {"0001-01-01T00:00:00+00:01", NULL},
               {"9999-12-31T23:59:59-00:01", NULL},
               {"0000-12-31T23:59:59Z", NULL},
               {"10000-01-01T00:00:00Z", NULL},
               {"2023-02-29T00:00:00Z", NULL},
               {"1900-02-29T00:00:00Z", NULL},
               {"2023-13-01T00:00:00Z", NULL},
               {"2023-00-01T00:00:00Z", NULL},
               {"2023-01-32T00:00:00Z", NULL},
               {"2023-01-00T00:00:00Z", NULL},
               {"2023-01-01T24:00:00Z", NULL},
               {"2023-01-01T00:60:00Z", NULL},
               {"2023-01-01T00:00:60Z", NULL},
               {"2023-01-01T00:00:00", NULL},
               {"2023-01-01T00:00:00UTC", NULL},
               {"2023-01-01T00:00:0002:00", NULL},
               {"2023-01-01T00:00:00.Z", NULL},
               {"2023-01-01T00:00:00.1234567890Z", NULL},
               {"2023-01-01T00:00:00+24:00", NULL},
               {"2023-01-01T00:00:00+0200", NULL},
               {"2023-01-01 00:00:00Z", NULL},
               {"2023\r01\r01T00:00:00Z", NULL},
               {"2023-01-01", NULL},
               {"", NULL}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct cel_value value = cel_null();
        char text[CEL_TIME_TEXT];
        bool fine = cel_parse_timestamp(rc_sv_of(row[i].in), &value);
        if (fine != (row[i].out != NULL)) print_error("%s\n", row[i].in);
        assert_int_equal(fine, row[i].out != NULL);
        if (!fine) continue;
        struct rc_sv out = {text, cel_format_timestamp(value, text)};
        if (!rc_sv_is(out, row[i].out)) print_error("%s: %.*s\n", row[i].in, RC_SV_ARG(out));
        assert_true(rc_sv_is(out, row[i].out));
    }
}

static void test_arithmetic(void **state)
{
    struct kit *kit = *state;
    kit_gives(kit, "timestamp('1969-12-31T23:59:59.7Z') + duration('500ms')", "\"1970-01-01T00:00:00.2Z\"");
    kit_gives(kit, "duration('-500ms') + timestamp('1970-01-01T00:00:00.2Z')", "\"1969-12-31T23:59:59.7Z\"");
    kit_gives(kit, "timestamp('1970-01-01T00:00:00.2Z') - timestamp('1969-12-31T23:59:59.7Z')", "\"0.5s\"");
    kit_gives(kit, "timestamp(0) - timestamp('1970-01-01T00:00:00.25Z')", "\"-0.25s\"");
    kit_gives(kit, "duration('1s') - duration('1.25s') < duration('0s')", "true");
    kit_gives(kit, "duration('-1.25s') < duration('-1s')", "true");
    kit_gives(kit, "int(timestamp('2009-02-13T23:31:30.9Z'))", "1234567890");
    kit_gives(kit, "string(timestamp(1234567890))", "\"2009-02-13T23:31:30Z\"");
    kit_fails(kit, "duration('9223372036s') + duration('1s')", RC_EVAL, 1, 25, "'+' goes out of range with");
    kit_fails(kit, "timestamp(0) - duration('-9223372036.854775808s')", RC_EVAL, 1, 14, "goes out of range");
    kit_fails(kit, "duration('1s') - timestamp(0)", RC_INVALID, 1, 16,
              "cannot be applied to (duration, timestamp)");
    kit_fails(kit, "dyn(duration('1s')) - timestamp(0)", RC_EVAL, 1, 21, "cannot be applied to \"1s\"");
    kit_fails(kit, "dyn(timestamp(0)) + dyn(timestamp(0))", RC_EVAL, 1, 19, "cannot be applied");
    kit_fails(kit, "timestamp(253402300800)", RC_EVAL, 1, 1, "out of range for 'timestamp'");
}

static void test_parts(void **state)
{
    struct kit *kit = *state;
    kit_gives(
        kit,
        "[timestamp('2024-12-31T23:59:58.123456789Z')].map(t, [t.getFullYear(), t.getMonth(), t.getDate(), "
        "t.getDayOfMonth(), t.getDayOfYear(), t.getDayOfWeek(), t.getHours(), t.getMinutes(), "
        "t.getSeconds(), t.getMilliseconds()])[0]",
        "[2024,11,31,30,365,2,23,59,58,123]");
    kit_gives(kit,
              "[timestamp('1969-07-20T20:17:40Z')].map(t, [t.getDayOfWeek(), t.getDayOfYear(), "
              "t.getHours('+05:30'), "
              "t.getMinutes('+05:30'), t.getDate('+05:30'), t.getHours('-23:59'), t.getHours('UTC')])[0]",
              "[0,200,1,47,21,20,20]");
    kit_gives(kit, "timestamp('0001-01-01T00:00:00Z').getFullYear('-01:00')", "0");
    kit_gives(kit, "timestamp('9999-12-31T23:59:59Z').getFullYear('+01:00')", "10000");
    kit_gives(kit,
              "[duration('-3h61m1.5s')].map(d, [d.getHours(), d.getMinutes(), d.getSeconds(), "
              "d.getMilliseconds()])[0]",
              "[-4,-241,-14461,-500]");
    kit_fails(kit, "duration('1s').getFullYear()", RC_INVALID, 1, 16,
              "'getFullYear' cannot be applied to (duration)");
    kit_fails(kit, "dyn(duration('1s')).getDate()", RC_EVAL, 1, 21, "cannot be applied to \"1s\"");
    kit_fails(kit, "dyn(duration('1s')).getHours('UTC')", RC_EVAL, 1, 21, "cannot be applied");
    static const char *const zones[] = {"",      "+",       "+1:00", "+24:00", "+00:60",
                                        "+0100", "++01:00", "Z ",    "+01:00 "};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        int32_t offset;
        assert_false(cel_parse_offset(rc_sv_of(zones[i]), &offset));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_durations), KIT_TEST(test_timestamps),
                                       KIT_TEST(test_arithmetic), KIT_TEST(test_parts)};
    return cmocka_run_group_tests_name("cel time", tests, NULL, NULL);
}
