/* The evaluator: values, faults with their texts, templates, and the bounds of one evaluation. */
#include "kit.h"

#include <pthread.h>

static const struct cel_field roots[] = {{RC_SV("x"), &cel_dyn}, {RC_SV("y"), &cel_dyn}};

static void bind(struct kit *kit, const char *x)
{
    struct cel_value *values = RC_NEW_ARRAY(kit->arena, struct cel_value, 2);
    assert_non_null(values);
    values[0] = kit_parse(kit, x);
    values[1].kind = CEL_UNKNOWN;
    kit->scope.roots = roots;
    kit->scope.nroots = 2;
    kit->env = (struct cel_env){.roots = values, .nroots = 2};
}

static void test_faults(void **state)
{
    struct kit *kit = *state;
    bind(kit, "{\"url\":\"u\",\"number\":7,\"list\":[1,\"a\"],\"text\":\"\xc3\xa9\xc3\xa9\"}");
    static const struct {
        const char *source;
        unsigned column;
        const char *text;
    } row[] = {
        {"x.ulr", 3, "no such key 'ulr' in map with keys list, number, text, url; did you mean 'url'?"},
        {"x['ulr']", 2, "no such key 'ulr' in map with keys"},
        {"{}[x.url]", 3, "no such key 'u' in an empty map"},
        {"x[1]", 2, "no such key int 1 in map with keys"},
        {"x.number.y", 10, "int 7 has no field 'y'"},
        {"x.list.y", 8, "list of 2 has no field 'y'"},
        {"x.nope.y || x.number > 'a'", 3, "no such key 'nope'"}, /* the first fault is told */
        {"y", 1, "'y' has no value here"},
        {"x.list[2]", 7, "no index 2 in a list of 2"},
        {"x.list[-1]", 7, "no index -1 in a list of 2"},
        {"x.list[0.5]", 7, "no index 0.5 in a list of 2"},
        {"x.url + x.number", 7, "'+' cannot be applied to 'u' and int 7"},
        {"x.number < x.url", 10, "'<' cannot be applied to int 7 and 'u'"},
        {"x.number && true", 3, "bool is needed here, this is int 7"},
        {"x.list ? 1 : 2", 3, "bool is needed here, this is list of 2"},
        {"!x.number", 1, "'!' cannot be applied to int 7"},
        {"1 / (x.number - 7)", 3, "division by zero of int 1"},
        {"9223372036854775807 + x.number", 21,
         "'+' goes out of range with int 9223372036854775807 and int 7"},
        {"int(x.url)", 1, "'u' cannot be converted by 'int'"},
        {"uint(-x.number)", 1, "int -7 is out of range for 'uint'"},
        {"int(1e300)", 1, "double 1e+300 is out of range for 'int'"},
        {"string(b'\\xff')", 1, "1 bytes cannot be converted by 'string'"},
        {"timestamp('x')", 1, "'x' cannot be converted by 'timestamp'"},
        {"timestamp(0).getHours(x.url)", 14, "'u' is no offset like '+02:00'"},
        {"{x.url: 1, 'u': 2}", 1, "the map has two keys that equal 'u'"},
        {"{x.list: 1}", 1, "a map's key is bool, int, uint or string, not list of 2"},
        {"x.list.exists_one(i, i > 0)", 24, "cannot be applied"},
        {"x.number.map(i, i)", 10, "only a list or map can be walked through, this is int 7"},
        {"x == {'a': 1}.a || x.number.size() == 1", 29, "'size' cannot be applied to int 7"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        kit_fails(kit, row[i].source, RC_EVAL, 1, row[i].column, row[i].text);
    kit_fails(kit, "x.text == '\xc3\xa9' ||\n  '\xc3\xa9' + x.number == ''", RC_EVAL, 2, 7,
              "'\xc3\xa9' and int 7");
    struct cel_value value;
    const struct cel_prog *prog;
    assert_int_equal(kit_compile(kit, "x.ulr", &prog), RC_OK);
    assert_int_equal(cel_eval(prog, &kit->env, kit->arena, &value, NULL), RC_EVAL);
}

/* Long values are cut between code points, many keys are counted. */
static void test_fault_sizes(void **state)
{
    struct kit *kit = *state;
    struct rc_buf json = rc_buf_in(kit->arena, 1 << 20);
    rc_put_text(&json, "{\"k\":\"");
    for (int i = 0; i < 1000; i++) rc_put_text(&json, "\xe2\x82\xac");
    rc_put_char(&json, '"');
    for (int i = 0; i < 40; i++) rc_put_format(&json, ",\"key%02d\":1", i);
    rc_put_text(&json, "}");
    rc_put_char(&json, 0);
    bind(kit, json.p);
    kit_fails(kit, "x.k + 1", RC_EVAL, 1, 5, "\xe2\x82\xac…' and int 1");
    assert_in_range(strlen(kit->err.text), 40, 120);
    kit_fails(kit, "x.key99", RC_EVAL, 1, 3, " and 25 more; did you mean 'key0");
}

static void test_absorption(void **state)
{
    struct kit *kit = *state;
    bind(kit, "{\"list\":[1,\"a\",3]}");
    kit_gives(kit, "x.nope || true", "true");
    kit_gives(kit, "true || x.nope", "true");
    kit_gives(kit, "x.nope && false", "false");
    kit_gives(kit, "x.a || x.b || true", "true");
    kit_gives(kit, "x.list.exists(i, i > 2)", "true");
    kit_gives(kit, "x.list.all(i, i > 2)", "false");
    kit_gives(kit, "x.nope || x.list.exists(i, i > 2)", "true");
    kit_fails(kit, "x.nope || false", RC_EVAL, 1, 3, "nope");
    kit_fails(kit, "false || x.nope", RC_EVAL, 1, 12, "nope");
    kit_fails(kit, "x.list.exists(i, i > 5)", RC_EVAL, 1, 20, "'>' cannot be applied to 'a' and int 5");
    kit_gives(kit, "x.list.map(i, type(i) == int, i * 2)", "[2,6]");
    kit_gives(kit, "x.list.filter(i, type(i) == string)", "[\"a\"]");
    kit_gives(kit, "{'a': 1, 'b': 2}.map(k, [k].map(i, i + k)[0])", "[\"aa\",\"bb\"]");
    kit_gives(kit, "[[1, 2], [3]].map(l, l.map(i, i + size(l)))", "[[3,4],[4]]");
    kit_gives(kit, "[1, 2, 3].exists_one(i, i > 2)", "true");
}

static void test_templates(void **state)
{
    struct kit *kit = *state;
    bind(kit, "{\"s\":\"a "
              "b/\xc3\xa9\",\"n\":-7,\"d\":1.5,\"t\":true,\"list\":[],\"map\":{},\"nil\":null,\"dot\":\".\","
              "\"dots\":\"..\",\"empty\":\"\",\"dots3\":\"...\"}");
    kit->scope.internal = true;
    kit_gives(kit, "_text(x.s) + ' ' + _text(x.n) + ' ' + _text(x.d) + ' ' + _text(x.t)",
              "\"a b/\xc3\xa9 -7 1.5 true\"");
    kit_gives(kit, "_text(7u) + _text(duration('90s')) + _text(timestamp(0))",
              "\"790s1970-01-01T00:00:00Z\"");
    kit_gives(kit, "_segment(x.s)", "\"a%20b%2F%C3%A9\"");
    kit_gives(kit, "_segment('AZaz09-._~')", "\"AZaz09-._~\"");
    kit_gives(kit, "_segment('%2e?#;=@:+&')", "\"%252e%3F%23%3B%3D%40%3A%2B%26\"");
    kit_gives(kit, "_segment('\\u0000\\r\\n')", "\"%00%0D%0A\"");
    kit_gives(kit, "_segment(x.n) + _segment(x.dots3) + _segment(x.t)", "\"-7...true\"");
    kit_fails(kit, "_segment(x.dot)", RC_EVAL, 1, 1, "'.' cannot be a segment of a path");
    kit_fails(kit, "_segment(x.dots)", RC_EVAL, 1, 1, "'..' cannot be a segment of a path");
    kit_fails(kit, "_segment(x.empty)", RC_EVAL, 1, 1, "'' cannot be a segment of a path");
    static const struct {
        const char *source, *text;
    } row[] = {{"_text(x.list)", "'_text' cannot be applied to list of 0"},
               {"_text(x.map)", "'_text' cannot be applied to an empty map"},
               {"_text(x.nil)", "'_text' cannot be applied to null"},
               {"_text(b'a')", "'_text' cannot be applied to 1 bytes"},
               {"_text(int)", "'_text' cannot be applied to type int"},
               {"_segment(x.nil)", "'_segment' cannot be applied to null"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        kit_fails(kit, row[i].source, RC_EVAL, 1, 1, row[i].text);
}

static void test_text(void **state)
{
    struct kit *kit = *state;
    bind(kit, "[\"a\",\"b\"]");
    /* joining extends a text in place where it can: the parts must stay as they were */
    kit_gives(kit, "[x[0] + x[1]].map(s, [s + '1', s + '2', s, s + s])[0]",
              "[\"ab1\",\"ab2\",\"ab\",\"abab\"]");
    kit_gives(kit, "[string(12)].map(s, [s + '3', s + '4', s])[0]", "[\"123\",\"124\",\"12\"]");
    kit_gives(kit, "'abc'.contains('') && ''.contains('') && !''.contains('a') && 'xabc'.contains('abc')",
              "true");
    kit_gives(kit, "'a\\u0000b'.contains('\\u0000') && size('a\\u0000b') == 3", "true");
    kit_gives(kit, "string(1.0) + string(-0.1) + string(1e100) + string(true) + string(b'ok')",
              "\"1-0.11e+100trueok\"");
    kit_gives(kit, "[double('1e3'), double('NaN') != double('NaN'), double('-Infinity')]",
              "[1000.0,true,\"-Infinity\"]");
    kit_fails(kit, "int('1 ')", RC_EVAL, 1, 1, "'1 ' cannot be converted by 'int'");
    kit_fails(kit, "uint('-1')", RC_EVAL, 1, 1, "cannot be converted");
    kit_fails(kit, "double('0x10')", RC_EVAL, 1, 1, "cannot be converted");
    kit_fails(kit, "bool('yes')", RC_EVAL, 1, 1, "cannot be converted");
}

/* ---- bounds ---- */

static void test_cost(void **state)
{
    struct kit *kit = *state;
    const struct cel_prog *prog;
    struct cel_value value;
    bind(kit, "[1,2,3]");
    assert_int_equal(kit_compile(kit, "x.map(i, i + 1)", &prog), RC_OK);
    /* the map and its range; per item a sum and its two sides */
    const uint32_t cost = 2 + 3 * 3;
    kit->env.cost_limit = cost;
    assert_int_equal(cel_eval(prog, &kit->env, kit->arena, &value, &kit->err), RC_OK);
    kit->env.cost_limit = cost - 1;
    assert_int_equal(cel_eval(prog, &kit->env, kit->arena, &value, &kit->err), RC_LIMIT);
    assert_non_null(strstr(kit->err.text, "more steps than it may"));
    kit->env.cost_limit = 0;
    /* 40^4 turns; an || around it does not hide that */
    static const char ten[] =
        "[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9]";
    struct rc_buf source = rc_buf_in(kit->arena, 4096);
    rc_put_format(&source, "%s.all(a, %s.all(b, %s.all(c, %s.all(d, d >= 0)))) || true", ten, ten, ten, ten);
    rc_put_char(&source, 0);
    kit_fails(kit, source.p, RC_LIMIT, 0, 0, "more steps than it may");
}

/* Work on long texts and deep lists costs steps too, so that few nodes cannot take long. */
static void test_hidden_cost(void **state)
{
    struct kit *kit = *state;
    enum { LENGTH = 500000 };
    char *json = test_malloc(LENGTH + 3);
    memset(json, 'a', LENGTH + 2);
    json[0] = json[LENGTH + 1] = '"';
    json[LENGTH + 2] = 0;
    bind(kit, json);
    test_free(json);
    const char *const costly[] = {"size(x)",          "x == x + ''",
                                  "x.contains(x)",    "x < x",
                                  "x.startsWith(x)",  "bytes(x) == bytes(x)",
                                  "string(bytes(x))", "'a' + x",
                                  "[x] == [x]",       "x in [x]",
                                  "{x: 1}[x]"};
    for (size_t i = 0; i < sizeof costly / sizeof *costly; i++) {
        struct cel_value value;
        const struct cel_prog *prog;
        assert_int_equal(kit_compile(kit, costly[i], &prog), RC_OK);
        kit->env.cost_limit = LENGTH / 256 / 2;
        enum rc_status status = cel_eval(prog, &kit->env, kit->arena, &value, &kit->err);
        if (status != RC_LIMIT) print_error("%s is too cheap\n", costly[i]);
        assert_int_equal(status, RC_LIMIT);
        kit->env.cost_limit = 0;
        assert_int_equal(cel_eval(prog, &kit->env, kit->arena, &value, &kit->err), RC_OK);
    }
}

static void test_memory(void **state)
{
    struct kit *kit = *state;
    enum { HALF = RC_MAX_EVAL_BYTES / 2 };
    char *json = test_malloc(HALF + 3);
    memset(json, 'a', HALF + 2);
    json[0] = json[HALF + 1] = '"';
    json[HALF + 2] = 0;
    bind(kit, json);
    test_free(json);
    struct cel_value value;
    assert_int_equal(kit_run(kit, "x + x", &value), RC_OK); /* just the limit */
    assert_int_equal(value.n, RC_MAX_EVAL_BYTES);
    kit_fails(kit, "'b' + x + x", RC_LIMIT, 1, 9, "the evaluation needs more than the 1048576 bytes");
    kit_fails(kit, "(x + 'b' + x == '') || true", RC_LIMIT, 0, 0, "the evaluation needs more");
    kit_fails(kit, "[1,2,3,4,5,6,7,8].map(i, x + 'b')", RC_LIMIT, 0, 0, "the evaluation needs more");
    kit_fails(kit, "[[x], [x]].map(l, [x] + l).map(l, l[0] + l[1])", RC_LIMIT, 0, 0,
              "the evaluation needs more");
}

static void test_small_arena(void **state)
{
    struct kit *kit = *state;
    const struct cel_prog *prog;
    bind(kit, "{\"a\":[1,2,3]}");
    assert_int_equal(
        kit_compile(kit, "{'b': x.a.map(i, string(i) + '!'), 'c': 'text' + string(x.a[0])}", &prog), RC_OK);
    unsigned refused = 0;
    for (size_t limit = 0; limit < 400; limit++) {
        struct rc_arena *arena = rc_arena_new(0, limit);
        struct cel_value value;
        assert_non_null(arena);
        enum rc_status status = cel_eval(prog, &kit->env, arena, &value, &kit->err);
        assert_true(status == RC_OK || status == RC_LIMIT);
        refused += status == RC_LIMIT;
        rc_arena_free(arena);
    }
    assert_in_range(refused, 100, 399);
}

static void test_result_depth(void **state)
{
    struct kit *kit = *state;
    struct rc_buf json = rc_buf_in(kit->arena, 1000);
    for (int i = 0; i < RC_MAX_JSON_DEPTH; i++) rc_put_char(&json, '[');
    for (int i = 0; i < RC_MAX_JSON_DEPTH; i++) rc_put_char(&json, ']');
    rc_put_char(&json, 0);
    bind(kit, json.p);
    struct cel_value value;
    assert_int_equal(kit_run(kit, "x", &value), RC_OK);
    kit_fails(kit, "[x]", RC_LIMIT, 0, 0, "the result is nested deeper than 64");
    kit_fails(kit, "{'k': x}", RC_LIMIT, 0, 0, "the result is nested deeper than 64");
    kit_gives(kit, "[x][0] == x", "true");
}

/* Values of a result count wherever they stand, even if it is one in memory. */
static void test_result_size(void **state)
{
    struct kit *kit = *state;
    struct rc_buf json = rc_buf_in(kit->arena, 4 * RC_MAX_JSON_CELLS),
                  shared = rc_buf_in(kit->arena, RC_MAX_EXPR);
    for (int i = 1; i < RC_MAX_JSON_CELLS; i++) rc_put_text(&json, i == 1 ? "[1" : ",1");
    rc_put_text(&json, "]");
    rc_put_char(&json, 0);
    bind(kit, json.p);
    struct cel_value value;
    assert_int_equal(kit_run(kit, "x", &value), RC_OK);
    assert_int_equal(value.n, RC_MAX_JSON_CELLS - 1);
    kit_fails(kit, "[x]", RC_LIMIT, 0, 0, "the result has more than 65536 values");
    kit_fails(kit, "{'k': x}", RC_LIMIT, 0, 0, "the result has more than 65536 values");
    rc_put_text(&shared, "[1]"); /* 2^50 values in 50 lists */
    for (int i = 0; i < 50; i++) rc_put_text(&shared, ".map(a, [a, a])");
    rc_put_char(&shared, 0);
    kit_fails(kit, shared.p, RC_LIMIT, 0, 0, "the result has more than 65536 values");
}

static void test_unknown(void **state)
{
    struct kit *kit = *state;
    bind(kit, "1");
    struct cel_value inside[] = {cel_string(RC_SV("k")), {.kind = CEL_UNKNOWN, .v.u = 3}};
    struct cel_value values[] = {{.kind = CEL_MAP, .n = 1, .v.items = inside}, cel_int(1)};
    struct cel_value value;
    kit->env.roots = values;
    assert_int_equal(kit_run(kit, "x.k", &value), RC_OK); /* it may be passed on */
    assert_int_equal(value.kind, CEL_UNKNOWN);
    kit_fails(kit, "has(x.k)", RC_EVAL, 1, 7, "nobody knows what became of 'k'");
    kit_fails(kit, "x.k == 1", RC_EVAL, 1, 5, "'==' cannot be applied to a value that is not decided");
    kit_fails(kit, "x.k + 1", RC_EVAL, 1, 5, "a value that is not decided");
    kit_fails(kit, "x.k.y", RC_EVAL, 1, 5, "a value that is not decided has no field 'y'");
    kit_fails(kit, "x.k ? 1 : 2", RC_EVAL, 1, 3, "bool is needed here");
    kit->env.nroots = 1; /* a root nobody passed */
    kit_fails(kit, "y", RC_EVAL, 1, 1, "'y' has no value here");
}

/* ---- threads ---- */

struct share {
    const struct cel_prog *prog;
    const struct cel_env *env;
    unsigned right; /* how often the answer was right */
};

static void *evaluate_often(void *argument)
{
    struct share *share = argument;
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    if (!arena) return NULL;
    for (int i = 0; i < 2000; i++) {
        struct cel_value value;
        rc_arena_reset(arena);
        if (cel_eval(share->prog, share->env, arena, &value, NULL) == RC_OK && value.kind == CEL_INT)
            share->right += value.v.i == 6;
    }
    rc_arena_free(arena);
    return NULL;
}

static void test_threads(void **state)
{
    enum { THREADS = 4 };
    struct kit *kit = *state;
    const struct cel_prog *prog;
    struct share share[THREADS];
    pthread_t thread[THREADS];
    bind(kit, "[1,2,3]");
    assert_int_equal(kit_compile(kit, "x.map(i, i * 2).filter(i, i > 4)[0]", &prog), RC_OK);
    for (int i = 0; i < THREADS; i++) {
        share[i] = (struct share){.prog = prog, .env = &kit->env};
        assert_int_equal(pthread_create(&thread[i], NULL, evaluate_often, &share[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(share[i].right, 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_faults),       KIT_TEST(test_fault_sizes), KIT_TEST(test_absorption),
        KIT_TEST(test_templates),    KIT_TEST(test_text),        KIT_TEST(test_cost),
        KIT_TEST(test_hidden_cost),  KIT_TEST(test_memory),      KIT_TEST(test_small_arena),
        KIT_TEST(test_result_depth), KIT_TEST(test_result_size), KIT_TEST(test_unknown),
        KIT_TEST(test_threads)};
    return cmocka_run_group_tests_name("cel eval", tests, NULL, NULL);
}
