/* Lexer and parser: what is read how, what is refused where, and their bounds. */
#include "kit.h"

#include <stdio.h>

static void test_precedence(void **state)
{
    struct kit *kit = *state;
    kit_gives(kit, "1 + 2 * 3", "7");
    kit_gives(kit, "(1 + 2) * 3", "9");
    kit_gives(kit, "10 - 4 - 3", "3");
    kit_gives(kit, "100 / 10 * 2", "20");
    kit_gives(kit, "1 + 1 == 2 && 3 > 2", "true");
    kit_gives(kit, "true || false && false", "true");
    kit_gives(kit, "false && true || true", "true");
    kit_gives(kit, "!true || true", "true");
    kit_gives(kit, "false ? 1 : true ? 2 : 3", "2");
    kit_gives(kit, "1 < 2 == true", "true");
    kit_gives(kit, "1 in [1] && !(2 in [1])", "true");
    kit_gives(kit, "-2 * -3", "6");
    kit_gives(kit, "- -2", "2");
    kit_gives(kit, "-[1][0]", "-1");
    kit_gives(kit, "2 - -2", "4");
    kit_gives(kit, "[1,2,][1] + {'a': 1,}.a", "3");
    kit_gives(kit, "1 // a comment\n + 2 // another", "3");
}

static void test_literals(void **state)
{
    struct kit *kit = *state;
    kit_gives(kit, "[0x10, -0x10, 0xfu, 1u, .5, 1e3, 1.5E-1]", "[16,-16,15,1,0.5,1000.0,0.15]");
    kit_gives(kit, "-9223372036854775808", "-9223372036854775808");
    kit_gives(kit, "18446744073709551615u", "18446744073709551615");
    kit_gives(kit, "'a\\x41\\u00e9\\U0001F600\\101\\`\\?'",
              "\"aA\xc3\xa9\xf0\x9f\x98\x80"
              "A`?\"");
    kit_gives(kit, "r'\\n' + R\"\\\" + '''a'b''c\n''' + \"\"\"\"x\"\"\"", "\"\\\\n\\\\a'b''c\\n\\\"x\"");
    kit_gives(kit, "size(b'\xc3\xa9') + size('\xc3\xa9')", "3");
    kit_gives(kit, "bR'\\x41' == b'\\\\x41' && B\"\\101\" == b'A'", "true");
    kit_gives(kit, "{'a.b-c/d e': 1}.`a.b-c/d e`", "1");
}

static void test_refused(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *source;
        enum rc_status status;
        unsigned line, column;
        const char *text;
    } row[] = {
        {"", RC_SYNTAX, 1, 1, "the expression ends where a value is expected"},
        {"  ", RC_SYNTAX, 1, 3, "ends"},
        {"1 +", RC_SYNTAX, 1, 4, "ends where a value"},
        {"1 2", RC_SYNTAX, 1, 3, "found '2' where an operator or the end"},
        {"(1", RC_SYNTAX, 1, 3, "')'"},
        {"[1 2]", RC_SYNTAX, 1, 4, "',' or ']'"},
        {"{1: 2", RC_SYNTAX, 1, 6, "'}'"},
        {"{1}", RC_SYNTAX, 1, 3, "':'"},
        {"f(1,)", RC_SYNTAX, 1, 5, "an argument"},
        {"a = b", RC_SYNTAX, 1, 3, "equality is written '=='"},
        {"a & b", RC_SYNTAX, 1, 3, "write it twice"},
        {"a ? b", RC_SYNTAX, 1, 6, "':'"},
        {"'\xc3\xa9' +\n 'b", RC_SYNTAX, 2, 2, "no closing '"},
        {"'\xc3\xa9' $", RC_SYNTAX, 1, 5, "unexpected '$'"},
        {"\xc3\xa9", RC_SYNTAX, 1, 1, "unexpected character"},
        {"'''abc''", RC_SYNTAX, 1, 1, "no closing '''"},
        {"'a\nb'", RC_SYNTAX, 1, 1, "no closing"},
        {"'\\'", RC_SYNTAX, 1, 1, "no closing"},
        {"'ab\\q'", RC_SYNTAX, 1, 4, "unknown escape"},
        {"'\\ud800'", RC_SYNTAX, 1, 2, "unknown escape"},
        {"'\\U00110000'", RC_SYNTAX, 1, 2, "unknown escape"},
        {"'\\400'", RC_SYNTAX, 1, 2, "unknown escape"},
        {"'\\x1'", RC_SYNTAX, 1, 2, "unknown escape"},
        {"b'\\u0041'", RC_SYNTAX, 1, 3, "unknown escape in bytes"},
        {"9223372036854775808", RC_SYNTAX, 1, 1, "does not fit into an int"},
        {"-9223372036854775809", RC_SYNTAX, 1, 2, "does not fit"},
        {"18446744073709551616u", RC_SYNTAX, 1, 1, "64 bits"},
        {"0x10000000000000000", RC_SYNTAX, 1, 1, "64 bits"},
        {"1e999", RC_SYNTAX, 1, 1, "too large for a double"},
        {"1.5u", RC_SYNTAX, 1, 4, "found 'u'"},
        {"while", RC_SYNTAX, 1, 1, "'while' is a reserved word"},
        {"{}.in", RC_SYNTAX, 1, 4, "the name of a field"},
        {"{}.true", RC_SYNTAX, 1, 4, "the name of a field"},
        {"{}.``", RC_SYNTAX, 1, 4, "empty name"},
        {"{}.`a", RC_SYNTAX, 1, 4, "backticks"},
        {"has({})", RC_SYNTAX, 1, 1, "has takes a field"},
        {"has(1, 2)", RC_SYNTAX, 1, 1, "has takes a field"},
        {"[1].all(x)", RC_SYNTAX, 1, 5, "all takes the name"},
        {"[1].all(1, true)", RC_SYNTAX, 1, 5, "all takes the name"},
        {"[1].map(x, x, x, x)", RC_SYNTAX, 1, 5, "map takes the name"},
        {"Message{a: 1}", RC_UNSUPPORTED, 1, 8, "messages"},
        {"a.?b", RC_UNSUPPORTED, 1, 3, "optional"},
        {"a[?b]", RC_UNSUPPORTED, 1, 3, "optional"},
        {"[?a]", RC_UNSUPPORTED, 1, 2, "optional"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        kit_fails(kit, row[i].source, row[i].status, row[i].line, row[i].column, row[i].text);
    const struct cel_prog *prog;
    struct rc_error err;
    assert_int_equal(cel_compile(RC_SV("'\xff'"), &kit->scope, kit->arena, &prog, &err), RC_SYNTAX);
    assert_int_equal(cel_compile(RC_SV("1\0"), &kit->scope, kit->arena, &prog, &err), RC_SYNTAX);
    assert_int_equal(cel_compile(RC_SV("'"), &kit->scope, kit->arena, &prog, NULL), RC_SYNTAX);
}

/* before × n, inside, after × n */
static const char *nest(struct kit *kit, const char *before, const char *inside, const char *after,
                        unsigned n)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    for (unsigned i = 0; i < n; i++) rc_put_text(&buf, before);
    rc_put_text(&buf, inside);
    for (unsigned i = 0; i < n; i++) rc_put_text(&buf, after);
    rc_put_char(&buf, 0);
    return buf.p;
}

static void test_depth(void **state)
{
    struct kit *kit = *state;
    const unsigned most = RC_MAX_EXPR_DEPTH - 1; /* the inside is one level itself */
    struct cel_value value;
    static const struct {
        const char *before, *inside, *after;
    } row[] = {{"(", "1", ")"},
               {"!", "true", ""},
               {"", "1", " + 1"},
               {"1 + (", "1", ")"},
               {"[", "1", "][0]"},
               {"true ? 1 : ", "1", ""},
               {"{'a': ", "1", "}.a"},
               {"- ", "x", ""},
               {"[1].map(x, ", "1", ")[0]"},
               {"size(string(", "1", "))"}};
    struct cel_field roots[] = {{RC_SV("x"), &cel_dyn}};
    const struct cel_value one = cel_int(1);
    kit->scope = (struct cel_scope){.roots = roots, .nroots = 1};
    kit->env = (struct cel_env){.roots = &one, .nroots = 1};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        bool two = strstr(row[i].after, "[0]") || strstr(row[i].after, ".a") || strstr(row[i].after, "))");
        unsigned fits = two ? most / 2 : most;
        enum rc_status status =
            kit_run(kit, nest(kit, row[i].before, row[i].inside, row[i].after, fits), &value);
        if (status != RC_OK) print_error("%s: %s\n", row[i].before, kit->err.text);
        assert_int_equal(status, RC_OK);
        assert_int_equal(
            kit_run(kit, nest(kit, row[i].before, row[i].inside, row[i].after, fits + 1), &value), RC_LIMIT);
        assert_non_null(strstr(kit->err.text, "nested deeper than"));
        /* and far above it, the stack holds */
        unsigned many = (unsigned)(RC_MAX_EXPR / (strlen(row[i].before) + strlen(row[i].after)) - 2);
        status = kit_run(kit, nest(kit, row[i].before, row[i].inside, row[i].after, many), &value);
        assert_int_equal(status, RC_LIMIT);
    }
    /* chains of && and || do not nest */
    assert_int_equal(kit_run(kit, nest(kit, "true && ", "true", "", 1500), &value), RC_OK);
    assert_int_equal(kit_run(kit, nest(kit, "false || ", "true", "", 1500), &value), RC_OK);
}

static void test_length(void **state)
{
    struct kit *kit = *state;
    struct cel_value value;
    char *source = test_malloc(RC_MAX_EXPR + 2);
    memset(source, ' ', RC_MAX_EXPR + 1);
    source[0] = '1';
    source[RC_MAX_EXPR + 1] = 0;
    assert_int_equal(kit_run(kit, source, &value), RC_LIMIT);
    source[RC_MAX_EXPR] = 0;
    assert_int_equal(kit_run(kit, source, &value), RC_OK);
    test_free(source);
    /* a source at the limit cannot have more nodes than RC_MAX_EXPR_NODES: every node takes a byte */
    assert_int_equal(kit_run(kit, nest(kit, "[", "", "],", 1), &value), RC_SYNTAX);
    assert_true((int)RC_MAX_EXPR_NODES >= (int)RC_MAX_EXPR);
}

/* Cut anywhere, or with any byte anywhere: an answer, never a crash. */
static void test_hostile(void **state)
{
    struct kit *kit = *state;
    static const char sample[] =
        "{'a': [1u, 0x2, .5e-1].map(x, x > 0.1 ? b'\\x41' : r\"\\\")}.`a b`[-1] != null || "
        "has(y.z) && !f('''q''', \"\\u00e9\") in {} % 3";
    struct cel_scope scope = {.unchecked = true};
    const struct cel_prog *prog;
    assert_int_equal(cel_compile(rc_sv_of(sample), &scope, kit->arena, &prog, &kit->err), RC_OK);
    for (uint32_t n = 0; n < sizeof sample - 1; n++) {
        char *exact = test_malloc(sizeof sample - 1);
        struct cel_value value;
        memcpy(exact, sample, sizeof sample - 1);
        rc_arena_reset(kit->arena);
        enum rc_status status = cel_compile((struct rc_sv){exact, n}, &scope, kit->arena, &prog, &kit->err);
        assert_true(status == RC_OK || status == RC_SYNTAX);
        for (unsigned byte = 0; byte < 128; byte++) {
            exact[n] = (char)byte;
            status =
                cel_compile((struct rc_sv){exact, sizeof sample - 1}, &scope, kit->arena, &prog, &kit->err);
            assert_true(status == RC_OK || status == RC_SYNTAX || status == RC_UNSUPPORTED);
            if (status != RC_OK) continue;
            status = cel_eval(prog, &kit->env, kit->arena, &value, &kit->err);
            assert_true(status == RC_OK || status == RC_EVAL);
        }
        test_free(exact);
    }
}

static void test_small_arena(void **state)
{
    struct kit *kit = *state;
    unsigned refused = 0;
    for (size_t limit = 0; limit < 3000; limit += 7) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        const struct cel_prog *prog;
        assert_non_null(arena);
        enum rc_status status = cel_compile(RC_SV("{'a': ['\\n', 1].map(x, x)}.a[0] == 'b'"), &kit->scope,
                                            arena, &prog, &kit->err);
        assert_true(status == RC_OK || status == RC_LIMIT);
        refused += status == RC_LIMIT;
        rc_arena_free(arena);
    }
    assert_in_range(refused, 50, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_precedence), KIT_TEST(test_literals), KIT_TEST(test_refused),    KIT_TEST(test_depth),
        KIT_TEST(test_length),     KIT_TEST(test_hostile),  KIT_TEST(test_small_arena)};
    return cmocka_run_group_tests_name("cel syntax", tests, NULL, NULL);
}
