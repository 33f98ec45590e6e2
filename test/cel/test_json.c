/* JSON in: strictness, bounds, hostile input; and out again. */
#include "kit.h"

#include "codec/json.h"

#include <stdlib.h>

static enum rc_status parse(struct kit *kit, const char *json, size_t n, struct cel_value *ret)
{
    kit->err = (struct rc_error){0};
    /* an exact copy on the heap, so that the sanitizer sees a read behind the end */
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, json, n);
    enum rc_status status = rc_json_parse((struct rc_sv){exact, (uint32_t)n}, kit->arena, ret, &kit->err);
    free(exact);
    return status;
}

static void test_round_trips(void **state)
{
    struct kit *kit = *state;
    static const char *const same[] = {"null",
                                       "true",
                                       "[]",
                                       "{}",
                                       "-9223372036854775808",
                                       "9223372036854775807",
                                       "1.5",
                                       "\"\"",
                                       "{\"a\":[1,2,{\"b\":\"\\u0000\\u001f\xc3\xa4\"}],\"c\":-1e-7}"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct cel_value value;
        assert_int_equal(parse(kit, same[i], strlen(same[i]), &value), RC_OK);
        assert_string_equal(kit_json(kit, value), same[i]);
    }
    assert_string_equal(kit_json(kit, kit_parse(kit, " { \"b\" : 1 , \"a\" : \"\\u00e4\\ud83d\\ude00\" } ")),
                        "{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\",\"b\":1}");
}

static void test_numbers(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *json;
        enum cel_kind kind;
        const char *out;
    } row[] = {{"1", CEL_INT, "1"},
               {"1.0", CEL_DOUBLE, "1.0"},
               {"1e2", CEL_DOUBLE, "100.0"},
               {"9223372036854775808", CEL_DOUBLE, "9223372036854776000.0"},
               {"-9223372036854775809", CEL_DOUBLE, "-9223372036854776000.0"},
               {"123456789012345678901234567890", CEL_DOUBLE, "1.2345678901234568e+29"},
               {"1e-400", CEL_DOUBLE, "0.0"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct cel_value value = kit_parse(kit, row[i].json);
        assert_int_equal(value.kind, row[i].kind);
        assert_string_equal(kit_json(kit, value), row[i].out);
    }
    /* next to a number that is too wide, one that fits stays exact, and so do texts and fractions */
    struct cel_value list =
        kit_parse(kit, "[9223372036854775807,\"99999999999999999999\",99999999999999999999,"
                       "0.99999999999999999999,-9223372036854775808,1E-0000000000000000000001]");
    assert_int_equal(list.v.items[0].kind, CEL_INT);
    assert_int_equal(list.v.items[1].n, 20);
    assert_int_equal(list.v.items[2].kind, CEL_DOUBLE);
    assert_int_equal(list.v.items[4].kind, CEL_INT);
    assert_int_equal(list.v.items[4].v.i, INT64_MIN);
    struct cel_value value;
    char huge[600] = "[1,99999999999999999999,";
    memset(huge + 24, '9', 500);
    huge[524] = ']';
    assert_int_equal(parse(kit, huge, 525, &value), RC_SYNTAX); /* too large for a double */
    assert_int_equal(parse(kit, "1e400", 5, &value), RC_SYNTAX);
    assert_int_equal(parse(kit, "[99999999999999999999, x]", 25, &value), RC_SYNTAX);
    assert_int_equal(kit->err.line, 1);
    assert_int_equal(kit->err.column, 24);
}

static void test_refused(void **state)
{
    struct kit *kit = *state;
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "'a'",
                                      "01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "0x1",
                                      "NaN",
                                      "Infinity",
                                      "nul",
                                      "[1] 2",
                                      "{} {}",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1,\"\\u0061\":2}",
                                      "\"\t\"",
                                      "\"\\x\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\\ud800\"",
                                      "\"\xff\"",
                                      "\"\xc0\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xc3\"",
                                      "\xef\xbb\xbf{}",
                                      "// x\n1",
                                      "[1}",
                                      "\"abc"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cel_value value = cel_int(77);
        enum rc_status status = parse(kit, bad[i], strlen(bad[i]), &value);
        if (status != RC_SYNTAX) print_error("taken: %s\n", bad[i]);
        assert_int_equal(status, RC_SYNTAX);
        assert_true(kit->err.line > 0 && kit->err.column > 0 && kit->err.text[0]);
        assert_int_equal(value.v.i, 77); /* written on success only */
    }
    struct cel_value value;
    assert_int_equal(parse(kit, "{\n \"a\": 1,\n \"b\" 2}", 18, &value), RC_SYNTAX);
    assert_int_equal(kit->err.line, 3);
    assert_int_equal(parse(kit, "[\n1\0]", 5, &value), RC_SYNTAX); /* jansson alone would take it */
    assert_int_equal(kit->err.line, 2);
    assert_int_equal(kit->err.column, 2);
    assert_int_equal(parse(kit, "[1]\0", 4, &value), RC_SYNTAX);
    assert_int_equal(parse(kit, "\"\0\"", 3, &value), RC_SYNTAX);
}

static void test_depth(void **state)
{
    struct kit *kit = *state;
    for (unsigned depth = RC_MAX_JSON_DEPTH - 1; depth <= RC_MAX_JSON_DEPTH + 1; depth++) {
        char json[600];
        struct cel_value value;
        size_t n = 0;
        for (unsigned i = 0; i < depth; i++) json[n++] = '[';
        for (unsigned i = 0; i < depth; i++) json[n++] = ']';
        assert_int_equal(parse(kit, json, n, &value), depth > RC_MAX_JSON_DEPTH ? RC_LIMIT : RC_OK);
        n = 0;
        for (unsigned i = 0; i < depth; i++) {
            memcpy(json + n, (const char[]){'{', '"', '"', ':'}, 4);
            n += 4;
        }
        json[n++] = '0';
        for (unsigned i = 0; i < depth; i++) json[n++] = '}';
        assert_int_equal(parse(kit, json, n, &value), depth > RC_MAX_JSON_DEPTH ? RC_LIMIT : RC_OK);
    }
    enum { DEEP = 100000 };
    char *deep = test_malloc(DEEP);
    struct cel_value value;
    memset(deep, '[', DEEP);
    assert_int_equal(parse(kit, deep, DEEP, &value), RC_LIMIT);
    test_free(deep);
}

static void test_cells(void **state)
{
    struct kit *kit = *state;
    for (size_t cells = RC_MAX_JSON_CELLS - 1; cells <= RC_MAX_JSON_CELLS + 1; cells++) {
        size_t n = 0;
        char *json = test_malloc(2 * cells + 2);
        struct cel_value value;
        json[n++] = '[';
        for (size_t i = 1; i < cells; i++) { /* the list itself is one */
            json[n++] = '1';
            json[n++] = i + 1 < cells ? ',' : ']';
        }
        assert_int_equal(parse(kit, json, n, &value), cells > RC_MAX_JSON_CELLS ? RC_LIMIT : RC_OK);
        test_free(json);
    }
}

static void test_truncated(void **state)
{
    struct kit *kit = *state;
    static const char sample[] =
        "{\"title\":\"caf\xc3\xa9 \\u00e9\\n\",\"refs\":[1,-2.5e3,true,null,{}],\"n\":"
        "99999999999999999999}";
    struct cel_value value;
    assert_int_equal(parse(kit, sample, sizeof sample - 1, &value), RC_OK);
    for (size_t n = 0; n < sizeof sample - 1; n++) {
        assert_int_equal(parse(kit, sample, n, &value), RC_SYNTAX);
        for (int byte = 0; byte < 256; byte += 5) { /* and with anything in one place */
            char changed[sizeof sample];
            memcpy(changed, sample, sizeof sample);
            changed[n] = (char)byte;
            enum rc_status status = parse(kit, changed, sizeof sample - 1, &value);
            assert_true(status == RC_OK || status == RC_SYNTAX);
        }
    }
}

static void test_small_arena(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":[1,2,3],\"b\":\"text\"}";
    struct cel_value value;
    struct rc_error err;
    unsigned refused = 0;
    for (size_t limit = 0; limit < 400; limit++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        assert_non_null(arena);
        enum rc_status status = rc_json_parse(rc_sv_of(json), arena, &value, &err);
        assert_true(status == RC_OK || status == RC_LIMIT);
        refused += status == RC_LIMIT;
        rc_arena_free(arena);
    }
    assert_in_range(refused, 50, 399);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_round_trips), KIT_TEST(test_numbers),   KIT_TEST(test_refused),    KIT_TEST(test_depth),
        KIT_TEST(test_cells),       KIT_TEST(test_truncated), KIT_TEST(test_small_arena)};
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
