/* One expression and its context, good and hostile; and how the place of an error is shown. */
#include "tool/tool.h"

#include "base/limits.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

enum { ARENA = 256 << 20, SCREEN = 40, ROOM = 1 << 20 };

static struct rc_arena *arena;
static struct rc_error err;

static int setup(void **state)
{
    (void)state;
    arena = rc_arena_new(0, ARENA);
    err = (struct rc_error){0};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    rc_arena_free(arena);
    return 0;
}

static enum rc_status evaluate(struct rc_sv source, const char *context, struct tool_value *ret)
{
    struct cel_value value = cel_null();
    if (context) assert_int_equal(rc_json_parse(rc_sv_of(context), arena, &value, &err), RC_OK);
    return tool_evaluate(source, value, arena, ret, &err);
}

static const char *json_of(struct cel_value value)
{
    struct rc_buf buf = rc_buf_in(arena, ROOM);
    tool_put_json(&buf, value);
    rc_put_char(&buf, '\0');
    assert_int_equal(buf.status, RC_OK);
    return buf.p;
}

static void test_good(void **state)
{
    static const struct {
        const char *source, *context, *json, *type;
    } row[] = {
        {"1 + 2", NULL, "3", "int"},
        {"size(a) == 1", "{\"a\": [7]}", "true", "bool"},
        {"a", "{\"a\": {\"z\": 1.5, \"b\": null}}", "{\"b\":null,\"z\":1.5}", "dyn"},
        {"[1, 2].map(i, i * k)", "{\"k\": 3}", "[3,6]", "list(int)"},
        {"duration('90s')", "{}", "\"90s\"", "duration"},
        {"type(1u)", NULL, "\"uint\"", "type"},
        {"'\\u007f\\u0085\\u00a0\\u001b'", NULL, "\"\\u007f\\u0085\xc2\xa0\\u001b\"", "string"},
    };
    struct tool_value result;
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        assert_int_equal(evaluate(rc_sv_of(row[i].source), row[i].context, &result), RC_OK);
        assert_string_equal(json_of(result.value), row[i].json);
        assert_true(rc_sv_is(result.type, row[i].type));
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *source, *context;
        enum rc_status status;
        unsigned line, column;
        const char *text;
    } row[] = {
        {"1 +", NULL, RC_SYNTAX, 1, 4, ""},
        {"payload.a", NULL, RC_INVALID, 1, 1, "payload"},
        {"true &&\n  payload.ulr == 1", "{\"payload\": {\"url\": 1}}", RC_EVAL, 2, 11, "did you mean 'url'"},
        {"1 + 'a'", NULL, RC_INVALID, 1, 3, ""},
        {"1 / 0", NULL, RC_EVAL, 1, 3, "division by zero"},
        {"secret('key')", NULL, RC_INVALID, 1, 1, "secret"},
        {"'a'.matches('a')", NULL, RC_UNSUPPORTED, 1, 5, ""},
        {"", NULL, RC_SYNTAX, 1, 1, ""},
    };
    struct tool_value result = {.value = cel_int(42)};
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        enum rc_status status = evaluate(rc_sv_of(row[i].source), row[i].context, &result);
        if (status != row[i].status || err.line != row[i].line || err.column != row[i].column ||
            !strstr(err.text, row[i].text))
            fail_msg("%s: %s at %u:%u: %s", row[i].source, rc_status_slug(status), err.line, err.column,
                     err.text);
    }
    assert_int_equal(result.value.v.i, 42); /* written on success only */
}

static void test_context(void **state)
{
    struct tool_value result;
    struct cel_value list = {.kind = CEL_LIST};
    struct rc_buf buf = rc_buf_in(arena, ROOM);
    (void)state;
    assert_int_equal(tool_evaluate(RC_SV("1"), list, arena, &result, &err), RC_INVALID);
    rc_put_char(&buf, '{');
    for (unsigned i = 1; i <= RC_MAX_CONTEXT; i++)
        rc_put_format(&buf, "%s\"n%u\":%u", i > 1 ? "," : "", i, i);
    uint32_t n = buf.n;
    rc_put_char(&buf, '}');
    rc_put_char(&buf, '\0');
    assert_int_equal(evaluate(RC_SV("n1024 + n1"), buf.p, &result), RC_OK);
    assert_int_equal(result.value.v.i, RC_MAX_CONTEXT + 1);
    buf.n = n;
    rc_put_text(&buf, ",\"more\":1}");
    rc_put_char(&buf, '\0');
    assert_int_equal(evaluate(RC_SV("n1"), buf.p, &result), RC_LIMIT);
}

/* `before` times n, 1, `after` times n */
static struct rc_sv nested(unsigned n, char before, char after)
{
    struct rc_buf buf = rc_buf_in(arena, ROOM);
    for (unsigned i = 0; i < n; i++) rc_put_char(&buf, before);
    rc_put_char(&buf, '1');
    for (unsigned i = 0; i < n; i++) rc_put_char(&buf, after);
    assert_int_equal(buf.status, RC_OK);
    return rc_buf_sv(&buf);
}

static void test_hostile(void **state)
{
    struct tool_value result;
    struct rc_buf twice = rc_buf_in(arena, ROOM), seven = rc_buf_in(arena, 7), six = rc_buf_in(arena, 6);
    (void)state;
    assert_int_equal(evaluate(nested(RC_MAX_EXPR / 2 - 1, '(', ')'), NULL, &result), RC_LIMIT);
    assert_int_equal(evaluate(nested(RC_MAX_EXPR, '(', ')'), NULL, &result), RC_LIMIT);
    assert_int_equal(evaluate(nested(RC_MAX_EXPR - 1, ' ', '\0'), NULL, &result), RC_LIMIT);
    assert_int_equal(evaluate(RC_SV("'\xff'"), NULL, &result), RC_SYNTAX);
    assert_int_equal(evaluate(RC_SV("1 + \xf0\x9f"), NULL, &result), RC_SYNTAX);
    assert_int_equal(evaluate((struct rc_sv){"1\0 2", 4}, NULL, &result), RC_SYNTAX);
    rc_put_text(&twice, "[1]"); /* few steps and little memory, but 2^40 values when it is written out */
    for (unsigned i = 0; i < 40; i++) rc_put_text(&twice, ".map(a, [a, a])");
    assert_int_equal(evaluate(rc_buf_sv(&twice), NULL, &result), RC_LIMIT);
    assert_int_equal(evaluate(RC_SV("'12345'"), NULL, &result), RC_OK);
    tool_put_json(&seven, result.value);
    assert_int_equal(seven.status, RC_OK);
    tool_put_json(&six, result.value);
    assert_int_equal(six.status, RC_LIMIT);
}

/* ---- places -------------------------------------------------------------------------------------------- */

static void assert_place(struct rc_sv source, unsigned line, unsigned column, const char *expected)
{
    char *text = NULL;
    size_t n = 0;
    struct screen screen = {.out = open_memstream(&text, &n), .width = SCREEN};
    const struct rc_error at = {.line = line, .column = column};
    assert_non_null(screen.out);
    tool_put_place(&screen, source, &at);
    assert_int_equal(fclose(screen.out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void test_place(void **state)
{
    (void)state;
    assert_place(RC_SV("1 + x"), 1, 5, "  1 + x\n      ^\n");
    assert_place(RC_SV("1 +"), 1, 4, "  1 +\n     ^\n");
    assert_place(RC_SV("a\n\xc3\xa4\tb\nc"), 2, 3, "  \xc3\xa4?b\n    ^\n");
    assert_place(RC_SV("a\n"), 2, 1, "  \n  ^\n");
    assert_place(RC_SV("a\033[31m"), 1, 1, "  a?[31m\n  ^\n"); /* nothing foreign reaches the terminal */
    assert_place(RC_SV(""), 1, 1, "  \n  ^\n");
    assert_place(RC_SV("abc"), 0, 0, "");
    assert_place(RC_SV("abc"), 1, 5, "");
    assert_place(RC_SV("abc"), 2, 1, "");
}

static void test_place_in_a_long_line(void **state)
{
    static char line[200];
    (void)state;
    memset(line, '.', sizeof line);
    line[100] = 'X';
    assert_place((struct rc_sv){line, sizeof line}, 1, 101,
                 "  ...................X.................…\n                     ^\n");
    memset(line, '.', sizeof line);
    line[3] = 'X';
    assert_place((struct rc_sv){line, sizeof line}, 1, 4,
                 "  ...X.................................…\n     ^\n");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(test_good),    CASE(test_bad),   CASE(test_context),
                                       CASE(test_hostile), CASE(test_place), CASE(test_place_in_a_long_line)};
    return cmocka_run_group_tests_name("tool eval", tests, NULL, NULL);
}
