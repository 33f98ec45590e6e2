/* Templates and conditions: what they become, what they evaluate to, and where their errors are. */
#include "kit.h"

#define BODY(text)                                                                                           \
    "flow: f\nsteps:\n- id: a\n  call: d\n  with:\n    method: POST\n    path: /\n    body: " text "\n"

/* payload is {'a': 'x', 'n': 7, 'd': 1.5, 'b': true, 'l': [1, 2], 'm': {'k': 'v'}, 'o': null, 's': 'a/b c'} */
static const char payload[] =
    "{'a': 'x', 'n': 7, 'd': 1.5, 'b': true, 'l': [1, 2], 'm': {'k': 'v'}, 'o': null, 's': 'a/b c?'}";

static const struct {
    const char *yaml, *json;
} bodies[] = {
    {"plain", "\"plain\""},
    {"\"\"", "\"\""},
    {"~", "null"},
    {"true", "true"},
    {"yes", "\"yes\""},
    {"on", "\"on\""},
    {"42", "42"},
    {"\"42\"", "\"42\""},
    {"-1.50", "-1.5"},
    {"2.0", "2.0"},
    {"10:30", "\"10:30\""},
    {"-9223372036854775808", "-9223372036854775808"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[1, [a, {b: c}], ~]", "[1,[\"a\",{\"b\":\"c\"}],null]"},
    {"{ on: 1, off: no, 5: five, \"a b\": ~ }", "{\"5\":\"five\",\"a b\":null,\"off\":\"no\",\"on\":1}"},
    /* one insertion keeps its type */
    {"${payload.a}", "\"x\""},
    {"${payload.n}", "7"},
    {"${payload.d}", "1.5"},
    {"${payload.b}", "true"},
    {"${payload.l}", "[1,2]"},
    {"${payload.m}", "{\"k\":\"v\"}"},
    {"${payload.o}", "null"},
    {"\"${ payload.n + 1 }\"", "8"},
    /* more than one does not */
    {"\" ${payload.n}\"", "\" 7\""},
    {"${payload.n}.", "\"7.\""},
    {"${payload.n}${payload.n}", "\"77\""},
    {"a ${payload.a} b ${payload.d} c ${payload.b} d", "\"a x b 1.5 c true d\""},
    /* escapes */
    {"$${payload.a}", "\"${payload.a}\""},
    {"x $${ y", "\"x ${ y\""},
    {"$$${payload.a}", "\"$${payload.a}\""},
    {"\"${'$'}${payload.a}\"", "\"$x\""},
    {"$a $1 $", "\"$a $1 $\""},
    {"'a \"quoted\" \\ text'", "\"a \\\"quoted\\\" \\\\ text\""},
    {"\"line\\nbreak\\ttab \\u0001 \\u20ac\"", "\"line\\nbreak\\ttab \\u0001 \xe2\x82\xac\""},
    /* braces and quotes within */
    {"\"${ {'a': {'b': payload.n}}['a']['b'] }\"", "7"},
    {"'${ \"}\" + payload.a }'", "\"}x\""},
    {"\"${ 'it\\\\'s }' }\"", "\"it's }\""},
    {"'${ r\"\\\" + payload.a }'", "\"\\\\x\""},
    {"'${ \"\"\"a\"}b\"\"\" }'", "\"a\\\"}b\""},
    {"|\n      ${payload.n // a } comment\n      }", "\"7\\n\""},
    {"|-\n      ${payload.n // a } comment\n      }", "7"},
    /* blocks */
    {"|\n      first ${payload.a}\n        second\n      third ${payload.n}",
     "\"first x\\n  second\\nthird 7\\n\""},
    {">-\n      first\n      ${payload.a}\n\n      third", "\"first x\\nthird\""},
    /* data never becomes code */
    {"${payload.s}", "\"a/b c?\""},
    {"x${payload.s}", "\"xa/b c?\""},
};

static const char *const roots[FLOW_ROOTS] = {[FLOW_ROOT_PAYLOAD] = payload};

static void test_bodies(void **state)
{
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct rc_buf yaml = rc_buf_in(kit->arena, 4096), json = rc_buf_in(kit->arena, 4096);
        rc_put_format(&yaml, BODY("%s") "%c", bodies[i].yaml, 0);
        rc_put_format(&json, "{\"body\":%s,\"method\":\"POST\",\"path\":\"/\"}%c", bodies[i].json, 0);
        assert_string_equal(kit_eval(kit, kit_flow(kit, yaml.p), "steps.a.with", roots), json.p);
    }
}

static const char *request_of(struct kit *kit, const char *fields)
{
    struct rc_buf yaml = rc_buf_in(kit->arena, 4096);
    rc_put_format(&yaml, "flow: f\nsteps:\n- id: a\n  call: d\n  with: { method: GET, %s }\n%c", fields, 0);
    return kit_eval(kit, kit_flow(kit, yaml.p), "steps.a.with", roots);
}

static void test_requests(void **state)
{
    struct kit *kit = *state;
    assert_string_equal(request_of(kit, "path: '/r/${payload.s}/${payload.n}.json'"),
                        "{\"method\":\"GET\",\"path\":\"/r/a%2Fb%20c%3F/7.json\"}");
    assert_string_equal(request_of(kit, "path: '/$${x}'"), "{\"method\":\"GET\",\"path\":\"/${x}\"}");
    assert_string_equal(request_of(kit, "path: /, query: { a: '${payload.s}', b: 5, c: 'n ${payload.n}', l: "
                                        "'${payload.l}', m: [x, '${payload.n}'], t: true }"),
                        "{\"method\":\"GET\",\"path\":\"/\",\"query\":{\"a\":\"a/b "
                        "c?\",\"b\":\"5\",\"c\":\"n 7\",\"l\":[1,2],\"m\":[\"x\",\"7\"],\"t\":\"true\"}}");
    assert_string_equal(
        request_of(kit, "path: /, headers: { A: '${payload.n}', B: 2.50, C: \"k ${secret('t')}\" }"),
        "{\"headers\":{\"A\":\"7\",\"B\":\"2.50\",\"C\":\"k secret(t)\"},\"method\":\"GET\",\"path\":\"/\"}");
}

/* What only shows when it is evaluated. */
static void test_evaluation_errors(void **state)
{
    struct kit *kit = *state;
    static const char *const fields[] = {"path: '/${payload.o}'",
                                         "path: '/${payload.l}'",
                                         "path: '/${payload.none}'",
                                         "path: \"/${'..'}\"",
                                         "path: \"/${''}\"",
                                         "path: /, query: { a: 'x${payload.m}' }",
                                         "path: /, headers: { a: '${payload.o}' }"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        assert_memory_equal(request_of(kit, fields[i]), "error: ", 7);
}

/* Line and column within every style of scalar; the mistake is always `bad`. */
static void test_places(void **state)
{
    static const struct {
        const char *yaml;
        unsigned line, column;
    } places[] = {
        {BODY("${bad}"), 8, 13},
        {BODY("x ${payload.a + bad} y"), 8, 27},
        {BODY("\"x ${bad}\""), 8, 16},
        {BODY("'x ${bad}'"), 8, 16},
        {BODY("\"\xc3\xa4\xf0\x9f\x98\x80 ${bad}\""), 8, 17},
        {BODY("\"\\u00e4\\n ${bad}\""), 8, 23},
        {BODY("\"\\\"${ 'a\\\"' + bad}\""), 8, 25},
        {BODY("'it''s ${bad}'"), 8, 20},
        {BODY("'${ ''a'' + bad }'"), 8, 23},
        {BODY("|\n      one\n      two ${bad}"), 10, 13},
        {BODY("|2\n      one\n      two ${bad}"), 10, 13},
        {BODY("| # ${no}\n      one ${bad}"), 9, 13},
        {BODY("|\n\n      one\n\n        two ${payload.a +\n      bad}"), 13, 7},
        {BODY(">-\n      one\n      two ${bad}"), 10, 13},
        {BODY(">\n      one\n\n      two\n        three ${bad}\n      four"), 12, 17},
        {BODY("one\n      two ${bad}"), 9, 13},
        {BODY("\"one\n      two ${bad}\""), 9, 13},
        {BODY("'one\n\n      two\n      ${payload.a +\n      bad}'"), 12, 7},
        {BODY("[a, { b: \"${bad}\" }]"), 8, 23},
        {BODY("|\r\n      one\r\n      two ${bad}\r"), 10, 13},
        {BODY("$${a} ${bad}"), 8, 19},
        {BODY("\"${payload.a} ${payload['bad' bad]}\""), 8, 41},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_int_not_equal(kit_parse(kit, rc_sv_of(places[i].yaml)), RC_OK);
        const struct rc_error *err = &kit->errors.error[0];
        if (err->line != places[i].line || err->column != places[i].column)
            fail_msg("%s\nexpected %u:%u, got %u:%u: %s", places[i].yaml, places[i].line, places[i].column,
                     err->line, err->column, err->text);
        assert_int_equal(kit->errors.n, 1);
    }
}

static void test_wrong(void **state)
{
    static const struct {
        const char *name, *yaml, *errors;
    } wrong[] = {
        {"no end", BODY("${payload.a"),
         "f.yaml:8:11: '${' without its '}' (write '$${' for the text itself)"},
        {"no end of text", BODY("\"a ${ 'x } b\""),
         "f.yaml:8:14: '${' without its '}' (write '$${' for the text itself)"},
        {"no end of braces", BODY("\"a ${ {'x': 1 } b\""),
         "f.yaml:8:14: '${' without its '}' (write '$${' for the text itself)"},
        {"out of the braces", BODY("\"${a) + (b}\""),
         "f.yaml:8:15: found ')' where an operator or the end is expected"},
        {"internal", BODY("\"${_text(payload.a)}\""), "f.yaml:8:14: unknown function '_text'"},
        {"empty", BODY("\"${}\""), "f.yaml:8:14: the expression ends where a value is expected"},
        {"blank", BODY("\"a ${ }\""), "f.yaml:8:17: the expression ends where a value is expected"},
        {"a map in text", BODY("\"a ${ {'x': 1} }\""),
         "f.yaml:8:16: this is of type map(string, int), and text cannot be made of that"},
        {"null in text", BODY("\"a ${null}\""),
         "f.yaml:8:16: this is of type null, and text cannot be made of that"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

/* Hundreds of insertions in one text do not make a deep expression; one that is too long is refused. */
static void test_limits(void **state)
{
    struct kit *kit = *state;
    for (int more = 0; more < 2; more++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\nsteps: [{ id: a, call: d, with: { method: GET, path: / } }]\nkey: \"");
        for (int i = 0; i < (more ? 2000 : 400); i++) rc_put_text(&buf, "${payload.a}-");
        rc_put_text(&buf, "\"\n");
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
        if (more) break;
        const char *value = kit_eval(kit, kit->one->flow, "key", roots);
        assert_int_equal(strlen(value), 400 * 2 + 2);
    }
    assert_string_equal(kit_errors(kit),
                        "f.yaml:3:6: text and expressions together are longer than 16384 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_bodies), KIT_TEST(test_requests), KIT_TEST(test_evaluation_errors),
        KIT_TEST(test_places), KIT_TEST(test_wrong),    KIT_TEST(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
