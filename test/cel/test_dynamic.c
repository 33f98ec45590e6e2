/* Values whose kind only the evaluation knows: what is not what an operation takes is said, with the value; and memory that runs out at any
 * allocation, while an expression is compiled and while it is evaluated. */
#include "kit.h"

static const struct cel_field roots[] = {{RC_SV("x"), &cel_dyn}};

static void bind(struct kit *kit)
{
    struct cel_value *values = RC_NEW_ARRAY(kit->arena, struct cel_value, 1);
    assert_non_null(values);
    values[0] =
        kit_parse(kit, "{\"list\":[1,2],\"map\":{\"a\":1},\"no\":null,\"yes\":true,\"n\":7,\"text\":\"t\"}");
    kit->scope = (struct cel_scope){.roots = roots, .nroots = 1};
    kit->env = (struct cel_env){.roots = values, .nroots = 1};
}

static void what_does_not_fit_is_said(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *source, *text;
    } row[] = {
        /* conversions of what they do not take */
        {"int(x.list)", "'int' cannot be applied to list of 2"},
        {"int(dyn(duration('1s')))", "'int' cannot be applied to"},
        {"int(18446744073709551615u)", "out of range for 'int'"},
        {"int(-1e300)", "out of range for 'int'"},
        {"uint(x.map)", "'uint' cannot be applied to map with key a"},
        {"uint(-0.5)", "out of range for 'uint'"},
        {"uint(1e300)", "out of range for 'uint'"},
        {"uint(-1)", "out of range for 'uint'"},
        {"uint('-1')", "cannot be converted by 'uint'"},
        {"double(x.list)", "'double' cannot be applied to list of 2"},
        {"double('')", "cannot be converted by 'double'"},
        {"double('1x')", "cannot be converted by 'double'"},
        {"string(x.list)", "'string' cannot be applied to list of 2"},
        {"string(x.no)", "'string' cannot be applied to null"},
        {"bytes(x.n)", "'bytes' cannot be applied to int 7"},
        {"bool(x.n)", "'bool' cannot be applied to int 7"},
        {"bool('yes')", "cannot be converted by 'bool'"},
        {"duration(x.n)", "'duration' cannot be applied to int 7"},
        {"duration('99999999999999999999h')", "cannot be converted by 'duration'"},
        {"duration('1.5.5s')", "cannot be converted by 'duration'"},
        {"duration('9223372036s') + duration('9223372036s')", "goes out of range"},
        {"timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')", "goes out of range"},
        {"timestamp('2020')", "cannot be converted by 'timestamp'"},
        {"timestamp('2020-1-01T00:00:00Z')", "cannot be converted by 'timestamp'"},
        {"timestamp('2020-01-01T0:00:00Z')", "cannot be converted by 'timestamp'"},
        {"timestamp('2020-01-01T00:0:00Z')", "cannot be converted by 'timestamp'"},
        {"timestamp('2020-01-01T00:00:0Z')", "cannot be converted by 'timestamp'"},
        {"timestamp('2020-01-01T00:00:00+02:0')", "cannot be converted by 'timestamp'"},
        {"duration('1')", "cannot be converted by 'duration'"},
        {"timestamp(x.yes)", "'timestamp' cannot be applied to true"},
        {"timestamp(9223372036854775807)", "out of range for 'timestamp'"},
        {"timestamp('2020-01-01')", "cannot be converted by 'timestamp'"},
        /* operators */
        {"-x.text", "'-' cannot be applied to 't'"},
        {"-(x.n - 9223372036854775807 - 8)", "goes out of range"},
        {"dyn(-9223372036854775807 - 1) / dyn(-1)", "goes out of range"},
        {"dyn(1u) - dyn(2u)", "goes out of range"},
        {"dyn(1u) / dyn(0u)", "division by zero"},
        {"dyn(1u) % dyn(0u)", "division by zero"},
        {"dyn(1.5) % dyn(2.0)", "'%' cannot be applied"},
        {"dyn(timestamp(0)) * dyn(duration('1s'))", "'*' cannot be applied"},
        {"dyn(duration('1s')) * x.n", "'*' cannot be applied"},
        {"timestamp('9999-12-31T23:59:59Z') + dyn(duration('1s'))", "goes out of range"},
        {"timestamp('0001-01-01T00:00:00Z') - dyn(duration('1s'))", "goes out of range"},
        {"x.list + x.map", "'+' cannot be applied to list of 2 and map with key a"},
        {"x.list - x.list", "'-' cannot be applied to list of 2 and list of 2"},
        {"x.text - x.text", "'-' cannot be applied"},
        {"x.n in x.n", "'in' cannot be applied to int 7 and int 7"},
        {"x.list < x.list", "'<' cannot be applied"},
        /* indexes and fields */
        {"x.n[0]", "'[]' cannot be applied to int 7"},
        {"x.list['a']", "cannot be applied to list of 2 and 'a'"},
        {"x.list[1.5]", "no index 1.5 in a list of 2"},
        {"x.list[-0.5]", "no index -0.5 in a list of 2"},
        {"x.list[4294967296.0]", "no index"},
        {"x.list[7u]", "no index 7 in a list of 2"},
        {"{1: 'a', 2u: 'b'}[x.text]", "no such key 't' in map with keys"},
        /* methods */
        {"x.n.startsWith('a')", "'startsWith' cannot be applied to int 7"},
        {"x.text.startsWith(x.n)", "'startsWith' cannot be applied to 't'"},
        {"x.text.contains(x.list)", "'contains' cannot be applied"},
        {"timestamp(0).getHours(x.n)", "'getHours' cannot be applied"},
        {"x.n.getHours()", "'getHours' cannot be applied to int 7"},
        {"size(x.no)", "'size' cannot be applied to null"},
    };
    bind(kit);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        kit_fails(kit, row[i].source, RC_EVAL, 0, 0, row[i].text);
}

/* What the checker knows, it does not leave to the evaluation. */
static void kinds_that_can_never_fit_are_refused(void **state)
{
    struct kit *kit = *state;
    static const char *const sources[] = {
        "x.yes ? {'a': 1} : {'a': 1.5}",
        "x.yes ? {'a': 1} : {1: 1}",
        "x.yes ? [1] : ['a']",
        "x.yes ? [{'a': 1}] : [{1: 1}]",
        "{'a': 1} == [1]",
        "{'a': 1} == {1: 1}",
        "[1] == ['a']",
        "{'a': 1} == 1",
        "1 + 'a'",
        "[1][null]",
        "{'a': 1}[1]",
        "timestamp(0).getHours(1)",
    };
    bind(kit);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct cel_prog *prog;
        enum rc_status status = kit_compile(kit, sources[i], &prog);
        if (status != RC_INVALID) print_error("%s: %s\n", sources[i], kit->err.text);
        assert_int_equal(status, RC_INVALID);
        assert_true(kit->err.line == 1 && kit->err.column > 0 && kit->err.text[0]);
    }
}

static void what_fits_is_taken(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *source, *json;
    } row[] = {
        {"int(dyn(5u))", "5"},
        {"(x.yes ? null : 1) == 1", "false"},
        {"(x.yes ? {'a': dyn(1)} : {'a': 1})['a']", "1"},
        {"(x.yes ? {'a': 1} : {'a': dyn(1)})['a']", "1"},
        {"(x.yes ? [dyn(1)] : [1])[0]", "1"},
        {"(x.yes ? {} : {'a': 1}) == {}", "true"},
        {"[{'a': 1}, {}, {'b': 2}][2]['b']", "2"},
        {"int(dyn(timestamp(5)))", "5"},
        {"int(dyn(-2.9))", "-2"},
        {"uint(dyn(2.9))", "2"},
        {"double(dyn('inf')) == double('Infinity')", "true"},
        {"double('-Infinity') < 0.0", "true"},
        {"double('-inf') < 0.0", "true"},
        {"double('NaN') == double('NaN')", "false"},
        {"double(dyn(2u))", "2.0"},
        {"string(dyn(false)) + string(dyn(true))", "\"falsetrue\""},
        {"string(bytes(dyn(b'abc')))", "\"abc\""},
        {"string(dyn('abc'))", "\"abc\""},
        {"bool(dyn('f'))", "false"},
        {"bool(dyn(true))", "true"},
        {"duration(dyn(duration('2s'))) == duration('2s')", "true"},
        {"timestamp(dyn(timestamp(5))) == timestamp(5)", "true"},
        {"timestamp(dyn(5)) == timestamp('1970-01-01T00:00:05Z')", "true"},
        {"dyn(7u) / dyn(2u)", "3"},
        {"dyn(7u) % dyn(2u)", "1"},
        {"dyn(7u) - dyn(2u)", "5"},
        {"dyn(7u) * dyn(2u)", "14"},
        {"dyn(-9223372036854775807 - 1) / dyn(2)", "-4611686018427387904"},
        {"dyn(timestamp(5)) - dyn(timestamp(2)) == duration('3s')", "true"},
        {"x.list[dyn(1.0)] + x.list[dyn(0u)]", "3"},
        {"{1: 'a', 2: 'b'}[x.list[0]]", "\"a\""},
        {"x.no == null && null != x.n", "true"},
        {"dyn(1) == dyn(1u) && dyn(1u) == dyn(1.0) && dyn(2) > dyn(1.5)", "true"},
        {"dyn(b'a') < dyn(b'b') && dyn(false) < dyn(true)", "true"},
        {"x.map == {'a': 1.0} && x.map != {'b': 1} && x.list != [1] && dyn([1]) != dyn({})", "true"},
        {"type(x.list) == list && type(dyn(1)) == int", "true"},
        {"duration('-1.5s') < duration('0s') && duration('1h2m3s') > duration('1h')", "true"},
        {"timestamp('2020-02-29T12:30:59.5+02:00').getMilliseconds()", "500"},
    };
    bind(kit);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) kit_gives(kit, row[i].source, row[i].json);
}

/* Each of these has another shape, so that each place that allocates meets the end of the arena. */
static const char *const shapes[] = {
    "x.n + 1 * 2 - -x.n / 3 % 4 == 5 ? x.text : string(x.n)",
    "{'a': [1, 2.5, 3u, true, null, 'text', b'bytes'], 'b': {'c': x.map, 'd': {}}}",
    "x.list.map(i, i * 2).filter(i, i > 2).exists(i, i == 4) || x.list.all(i, i > 0) || x.list.exists_one(i, "
    "i == 1)",
    "has(x.map.a) && !has(x.nope) && 'a' in x.map && size(x.text) == 1 && x.text.startsWith('t') && "
    "x.text.endsWith('t')",
    "timestamp('2020-02-29T12:30:59Z') + duration('90m') > timestamp(0) && duration('1s').getMilliseconds() "
    "== 1000",
    "string(timestamp(0)) + string(duration('1.5s')) + string(1.5) + string(b'abc') + 'x' + 'y'",
    "b'abc' + b'def' == bytes('abcdef') && [1] + x.list == [1, 1, 2] && x['map']['a'] == 1",
    "x.nope.deeper || x.list[7] == 1 || -x.text == ''",
};

static void memory_may_run_out_anywhere(void **state)
{
    struct kit *kit = *state;
    enum {
        STEP = 8,
        FINE = 200
    }; /* memory runs out in every place at the beginning; further on in every tenth */
    bind(kit);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct rc_sv source = rc_sv_of(shapes[i]);
        const struct cel_prog *prog = NULL, *kept = NULL;
        unsigned refused = 0;
        for (size_t limit = 0; !prog; limit += STEP) {
            struct rc_arena *arena = rc_arena_new(0, limit);
            struct rc_error err = {0};
            enum rc_status status = cel_compile(source, &kit->scope, arena, &prog, &err);
            assert_int_equal(prog != NULL, status == RC_OK);
            if (status != RC_OK) assert_int_equal(status, RC_LIMIT);
            if (status != RC_OK) assert_true(err.text[0]);
            refused += status != RC_OK;
            rc_arena_free(arena);
        }
        assert_true(refused > 20);
        assert_int_equal(cel_compile(source, &kit->scope, kit->arena, &kept, &kit->err), RC_OK);
        struct cel_value value;
        enum rc_status whole = cel_eval(kept, &kit->env, kit->arena, &value, &kit->err), status;
        size_t limit = 0;
        do {
            struct rc_arena *arena = rc_arena_new(0, limit);
            status = cel_eval(kept, &kit->env, arena, &value, &kit->err);
            assert_true(status == whole || status == RC_LIMIT);
            rc_arena_free(arena);
            limit += limit < FINE ? 1 : STEP;
            assert_true(limit < 100000);
        } while (status != whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(what_does_not_fit_is_said),
                                       KIT_TEST(kinds_that_can_never_fit_are_refused),
                                       KIT_TEST(what_fits_is_taken), KIT_TEST(memory_may_run_out_anywhere)};
    return cmocka_run_group_tests_name("cel dynamic", tests, NULL, NULL);
}
