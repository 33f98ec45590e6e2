/* YAML itself: what is refused, where it is, and what hostile texts cost. */
#include "kit.h"

#include "defs/scalar.h"
#include "defs/yaml.h"

#include <stdlib.h>

#define DEP "dependency: d\nkind: http\nbase: http://h\n"

static const struct {
    const char *name, *yaml, *errors;
} refused[] = {
    {"not YAML", "flow: [",
     "f.yaml:1:8: not YAML: did not find expected node content, while parsing a flow node that began in line "
     "1"},
    {"tab", "flow: x\n\tsteps: 1\n",
     "f.yaml:2:1: not YAML: found a tab character that violates indentation, while scanning a plain scalar "
     "that began in line 1 (a tab cannot indent; use spaces)"},
    {"alias", "flow: x\na: *b\n",
     "f.yaml:2:4: aliases are not allowed ('*b'): write the value where it is used"},
    {"anchor", "flow: &n x\n",
     "f.yaml:1:7: anchors are not allowed ('&n'): write the value where it is used"},
    {"anchor of a map", "flow: x\na: &m\n  b: 1\n",
     "f.yaml:2:4: anchors are not allowed ('&m'): write the value where it is used"},
    {"anchor of a list", "flow: x\na: &m [1]\n",
     "f.yaml:2:4: anchors are not allowed ('&m'): write the value where it is used"},
    {"tag", "flow: !!str x\n",
     "f.yaml:1:7: tags are not allowed ('tag:yaml.org,2002:str'): quote the value to make it text"},
    {"bare tag", "flow: ! x\n", "f.yaml:1:7: tags are not allowed ('!'): quote the value to make it text"},
    {"tag of a map", "flow: x\na: !!omap {}\n",
     "f.yaml:2:4: tags are not allowed ('tag:yaml.org,2002:omap'): quote the value to make it text"},
    {"merge", "flow: x\n<<: {a: 1}\n",
     "f.yaml:2:1: merge keys are not allowed: write the fields where they are used"},
    {"version", "%YAML 1.1\n---\nflow: x\n", "f.yaml:1:1: directives (%YAML, %TAG) are not allowed"},
    {"tag directive", "%TAG ! tag:x,1:\n---\nflow: x\n",
     "f.yaml:1:1: directives (%YAML, %TAG) are not allowed"},
    {"duplicate", "flow: x\nkey: a\nkey: b\n",
     "f.yaml:3:1: 'key' is here twice; the first one is at line 2, column 1"},
    {"three times", "flow: x\nrefs: {a: b, \"a\": c, 'a': d}\n",
     "f.yaml:2:14: 'a' is here twice; the first one is at line 2, column 8\n"
     "f.yaml:2:22: 'a' is here twice; the first one is at line 2, column 14"},
    {"duplicate deep", "flow: x\nsteps:\n  - id: a\n    with: { path: /, path: / }\n",
     "f.yaml:4:22: 'path' is here twice; the first one is at line 4, column 13"},
    {"key is a list", "flow: x\n? [a, b]\n: c\n", "f.yaml:2:3: a key must be text"},
    {"key is a map", "flow: x\n? {a: b}\n: c\n", "f.yaml:2:3: a key must be text"},
    {"empty key", "flow: x\n\"\": c\n", "f.yaml:2:1: a key is empty"},
    {"no key", "flow: x\n: c\n",
     "f.yaml:2:1: not YAML: did not find expected key, while parsing a block mapping that began in line 1"},
    {"nothing as a key", "{flow: x, : c}\n",
     "f.yaml:1:11: not YAML: did not find expected node content, while parsing a flow node that began in "
     "line 1"},
    {"braces", "flow: x\nrefs: { a: ${payload.a} }\n",
     "f.yaml:2:13: not YAML: did not find expected ',' or '}', while parsing a flow mapping that began in "
     "line 2 (quote a text that has '${' in it when it stands within braces)"},
    {"colon", "flow: x\nif: a ? b : c\n",
     "f.yaml:2:11: not YAML: mapping values are not allowed in this context (quote a text that has ': ' in "
     "it)"},
    {"NUL escape", "flow: \"a\\0b\"\n", "f.yaml:1:7: an escape stands for no character that text may have"},
    {"surrogate escape", "flow: \"\\ud800\"\n",
     "f.yaml:1:10: not YAML: found invalid Unicode character escape code, while parsing a quoted scalar that "
     "began in line 1"},
    {"unfinished text", "flow: \"abc\n",
     "f.yaml:2:1: not YAML: found unexpected end of stream, while scanning a quoted scalar that began in "
     "line 1"},
    {"control character", "flow: a\x01\n",
     "f.yaml:1:8: byte 0x01 is a control character, which YAML does not allow"},
    {"DEL", "flow: ab\x7f\n", "f.yaml:1:9: byte 0x7f is a control character, which YAML does not allow"},
    {"C1 control", "flow: \xc2\x80\n",
     "f.yaml:1:7: byte 0xc2 is a control character, which YAML does not allow"},
    {"not UTF-8", "# fine\n# \xc3\xa4\xc3\xa4\xff\n", "f.yaml:2:5: byte 0xff is not UTF-8"},
    {"overlong", "a\xc0\x80\n", "f.yaml:1:2: byte 0xc0 is not UTF-8"},
    {"surrogate bytes", "a\xed\xa0\x80\n", "f.yaml:1:2: byte 0xed is not UTF-8"},
    {"UTF-16 mark",
     "\xff\xfe"
     "f",
     "f.yaml:1:1: byte 0xff is not UTF-8"},
    {"columns are characters", "flow: x\n\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80: *a\n",
     "f.yaml:2:6: aliases are not allowed ('*a'): write the value where it is used"},
    {"CRLF", "flow: x\r\nkey: *a\r\n",
     "f.yaml:2:6: aliases are not allowed ('*a'): write the value where it is used"},
    {"mark",
     "\xef\xbb\xbf"
     "flow: *a\n",
     "f.yaml:1:7: aliases are not allowed ('*a'): write the value where it is used"},
    {"a scalar", "hello\n", "f.yaml:1:1: a document begins with 'flow: NAME' or 'dependency: NAME'"},
    {"a list", "- flow: x\n", "f.yaml:1:1: a document begins with 'flow: NAME' or 'dependency: NAME'"},
    {"an empty map", "{}\n", "f.yaml:1:1: a document begins with 'flow: NAME' or 'dependency: NAME'"},
    {"flow is not first", "key: a\nflow: x\n",
     "f.yaml:1:1: a document begins with 'flow: NAME' or 'dependency: NAME', not with 'key'"},
    {"machine", "machine: x\n", "f.yaml:1:1: documents of kind 'machine' are not supported in this version"},
    {"source", "source: x\n", "f.yaml:1:1: documents of kind 'source' are not supported in this version"},
    {"vars", "vars: {}\n", "f.yaml:1:1: documents of kind 'vars' are not supported in this version"},
    {"a document without its mark", DEP "...\n" DEP,
     "f.yaml:5:1: not YAML: did not find expected <document start>"},
    {"second document", DEP "---\nkind: http\n",
     "f.yaml:5:1: a document begins with 'flow: NAME' or 'dependency: NAME', not with 'kind'"},
};

static void test_refused(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        kit_expect(*state, refused[i].name, refused[i].yaml, refused[i].errors);
}

static void test_accepted(void **state)
{
    static const struct {
        const char *yaml;
        uint32_t n;
    } accepted[] = {
        {"", 0},
        {"# nothing\n", 0},
        {"---\n", 0},
        {"--- # nothing\n---\n...\n", 0},
        {"\xef\xbb\xbf" DEP, 1},
        {"dependency: d\r\nkind: http\r\nbase: http://h\r\n", 1},
        {"{dependency: d, kind: http, base: 'http://h'}", 1},
        {"--- {dependency: d, kind: http, base: 'http://h'}\n", 1},
        {DEP "...\n# more\n---\n" DEP, 2},
        {"---\n---\n" DEP "---\n---\n" DEP "---\n", 2},
        {"\"dependency\": \"d\"\n? kind\n: http\nbase: >-\n  http://h\n", 1},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        kit_expect(kit, "accepted", accepted[i].yaml, "");
        assert_int_equal(kit->n, accepted[i].n);
    }
}

/* A document's own text parses to the same again, wherever it stood. */
static void test_own_text(void **state)
{
    struct kit *kit = *state;
    kit_expect(kit, "file",
               "# first\n" DEP "# end\n--- # second\n" DEP
               "posture: block\n--- {dependency: e, kind: http, base: \"http://\xc3\xa4\"}\n",
               "f.yaml:11:39: a host has only letters, digits, '.' and '-'");
    kit_expect(kit, "file",
               "# first\n" DEP "# end\n--- # second\n" DEP
               "posture: block\n--- {dependency: e, kind: http, base: \"http://a\"}\n",
               "");
    assert_int_equal(kit->n, 3);
    const struct defs_one *one = kit->one;
    assert_true(rc_sv_is(one[0].text, "# first\n" DEP "# end\n"));
    assert_true(rc_sv_is(one[1].text, " # second\n" DEP "posture: block\n"));
    assert_true(rc_sv_is(one[2].text, " {dependency: e, kind: http, base: \"http://a\"}\n"));
    assert_int_equal(one[1].at.line, 7);
    assert_int_equal(one[1].at.column, 13);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kit_parse(kit, one[i].text), RC_OK);
        assert_int_equal(kit->n, 1);
        assert_true(rc_sv_eq(kit->one->name, one[i].name));
        assert_true(rc_h128_eq(kit->one->digest, one[i].digest));
    }
    assert_false(rc_h128_eq(one[0].digest, one[1].digest));
}

/* ---- hostile texts */

static struct rc_sv nested(struct kit *kit, const char *begin, const char *open, const char *close,
                           unsigned depth)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    rc_put_text(&buf, begin);
    for (unsigned i = 0; i < depth; i++) rc_put_text(&buf, open);
    for (unsigned i = 0; i < depth; i++) rc_put_text(&buf, close);
    rc_put_text(&buf, "\n");
    return rc_buf_sv(&buf);
}

static void test_depth(void **state)
{
    struct kit *kit = *state;
    /* the document itself is a level: what is nested in it may be one less */
    assert_int_equal(kit_parse(kit, nested(kit, DEP "description: ", "[", "]", RC_MAX_DEF_DEPTH - 1)),
                     RC_INVALID);
    assert_string_equal(kit_errors(kit), "f.yaml:4:14: must be text, not a list");
    assert_int_equal(kit_parse(kit, nested(kit, DEP "description: ", "[", "]", RC_MAX_DEF_DEPTH)), RC_LIMIT);
    assert_string_equal(kit_errors(kit), "f.yaml:4:77: nested deeper than 64 levels");
    assert_int_equal(kit_parse(kit, nested(kit, DEP "description: ", "{a: ", "}", 100000)), RC_LIMIT);
    assert_int_equal(kit_parse(kit, nested(kit, "", "- ", "", 100000)), RC_LIMIT);
    assert_int_equal(kit_parse(kit, nested(kit, "", "? ", "", 100000)), RC_SYNTAX); /* keys must be text */
    assert_int_equal(kit->errors.total, RC_MAX_DEF_DEPTH); /* one of each level, and then it is too deep */
    assert_int_equal(kit_parse(kit, nested(kit, "", "[", "", 500000)), RC_LIMIT);
}

static void test_billion_laughs(void **state)
{
    kit_expect(*state, "laughs", "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
               "f.yaml:1:4: anchors are not allowed ('&a'): write the value where it is used\n"
               "f.yaml:2:4: anchors are not allowed ('&b'): write the value where it is used\n"
               "f.yaml:2:8: aliases are not allowed ('*a'): write the value where it is used\n"
               "f.yaml:2:12: aliases are not allowed ('*a'): write the value where it is used\n"
               "f.yaml:3:4: anchors are not allowed ('&c'): write the value where it is used\n"
               "f.yaml:3:8: aliases are not allowed ('*b'): write the value where it is used\n"
               "f.yaml:3:12: aliases are not allowed ('*b'): write the value where it is used");
}

/* A text of exactly n bytes: a comment behind a dependency. */
static struct rc_sv sized(struct kit *kit, uint32_t n)
{
    char *text = rc_alloc_text(kit->arena, n);
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, DEP "# ", sizeof DEP + 1);
    return (struct rc_sv){text, n};
}

static void test_size(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(kit_parse(kit, sized(kit, RC_MAX_DEF_FILE)), RC_OK);
    assert_int_equal(kit->n, 1);
    assert_int_equal(kit_parse(kit, sized(kit, RC_MAX_DEF_FILE + 1)), RC_LIMIT);
    assert_string_equal(kit_errors(kit), "f.yaml:1:1: the file is larger than 1048576 bytes");
}

static struct rc_sv list_of(struct kit *kit, uint32_t n)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    rc_put_text(&buf, "[");
    for (uint32_t i = 0; i < n; i++) rc_put_text(&buf, "1,");
    rc_put_text(&buf, "]");
    return rc_buf_sv(&buf);
}

static void test_values(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(kit_parse(kit, list_of(kit, RC_MAX_DEF_CELLS - 1)),
                     RC_INVALID); /* the list counts too */
    assert_int_equal(kit_parse(kit, list_of(kit, RC_MAX_DEF_CELLS)), RC_LIMIT);
    assert_string_equal(kit_errors(kit), "f.yaml:1:131072: the file has more than 65536 values");
}

/* Many keys, all different and all equal: neither may take quadratic time. */
static void test_many_keys(void **state)
{
    struct kit *kit = *state;
    for (int equal = 0; equal < 2; equal++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: x\n");
        for (int i = 0; i < 30000; i++) rc_put_format(&buf, "k%d: 1\n", equal ? 0 : i);
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), equal ? RC_SYNTAX : RC_INVALID);
        assert_int_equal(kit->errors.n, RC_MAX_DEF_ERRORS);
        assert_int_equal(kit->errors.total, equal ? 29999 : 30001); /* and 'steps' is missing */
    }
}

/* Errors far into one very long line are found without counting it from its start each time. */
static void test_long_line(void **state)
{
    struct kit *kit = *state;
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    rc_put_text(&buf, "{flow: x");
    for (int i = 0; i < 30000; i++) rc_put_format(&buf, ", \xc3\xa4%d: ", i);
    rc_put_text(&buf, "}");
    assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), RC_INVALID);
    assert_int_equal(kit->errors.error[2].column, 23);
}

static const char sample[] =
    "# sample\nflow: a.b\r\npayload:\n  type: object\n  properties: { a: { type: string } }\n"
    "key: \"${payload.a}\\u00e4\"\nrefs: { r: '${payload.a}''s' }\nsteps:\n- id: one\n  call: d\n"
    "  with:\n    method: POST\n    path: >-\n      /x/${payload.a}\n    body: |\n      ${payload.a}\n"
    "  check:\n    with: { method: GET, path: /x }\n    happened: response.status == 200\n"
    "---\ndependency: d\nkind: http\nbase: http://h\n";

/* Cut at every byte: an error or definitions, and never more than the whole has. */
static void test_truncated(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(kit_parse(kit, rc_sv_of(sample)), RC_OK);
    assert_int_equal(kit->n, 2);
    uint32_t fine = 0;
    for (uint32_t n = 0; n < sizeof sample - 1; n++) {
        char *exact = malloc(n ? n : 1); /* so that the sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, sample, n);
        enum rc_status status = kit_parse(kit, (struct rc_sv){exact, n});
        fine += status == RC_OK;
        assert_true(status == RC_OK || kit->errors.n > 0);
        free(exact);
    }
    assert_in_range(fine, 10, 60);
}

/* Every byte replaced by others: never a crash, and errors always have a place. */
static void test_mutated(void **state)
{
    struct kit *kit = *state;
    static const char bytes[] = "\0\t\n\r \"#$%&'*,-.:?@[]`{|}~>\x7f\x80\xc3\xff";
    char text[sizeof sample];
    for (size_t i = 0; i < sizeof sample - 1; i++) {
        for (size_t k = 0; k < sizeof bytes; k++) {
            memcpy(text, sample, sizeof sample);
            text[i] = bytes[k];
            if (kit_parse(kit, (struct rc_sv){text, sizeof sample - 1}) == RC_OK) continue;
            assert_true(kit->errors.error[0].line > 0 && kit->errors.error[0].column > 0);
        }
        rc_arena_reset(kit->arena);
    }
}

static void test_out_of_memory(void **state)
{
    struct kit *kit = *state;
    unsigned refusals = 0;
    enum rc_status status = RC_LIMIT;
    for (size_t limit = 0; status != RC_OK; limit += 512) {
        struct rc_arena *small = rc_arena_new(0, limit);
        assert_non_null(small);
        assert_true(limit < 1 << 20);
        status = defs_parse((struct defs_file){RC_SV("f.yaml"), rc_sv_of(sample)}, small, &kit->one, &kit->n,
                            &kit->errors);
        refusals += status == RC_LIMIT;
        if (status != RC_OK) assert_int_equal(status, RC_LIMIT);
        rc_arena_free(small);
    }
    assert_true(refusals > 5);
}

/* ---- scalars */

static void test_scalars(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum defs_scalar_kind kind;
    } scalar[] = {
        {"", DEFS_IS_NULL},
        {"~", DEFS_IS_NULL},
        {"null", DEFS_IS_NULL},
        {"Null", DEFS_IS_UNCLEAR},
        {"NULL", DEFS_IS_UNCLEAR},
        {"nULL", DEFS_IS_TEXT},
        {"true", DEFS_IS_BOOL},
        {"false", DEFS_IS_BOOL},
        {"True", DEFS_IS_UNCLEAR},
        {"FALSE", DEFS_IS_UNCLEAR},
        {"yes", DEFS_IS_TEXT},
        {"No", DEFS_IS_TEXT},
        {"on", DEFS_IS_TEXT},
        {"off", DEFS_IS_TEXT},
        {"y", DEFS_IS_TEXT},
        {"0", DEFS_IS_INT},
        {"-0", DEFS_IS_INT},
        {"10", DEFS_IS_INT},
        {"-17", DEFS_IS_INT},
        {"+17", DEFS_IS_UNCLEAR},
        {"010", DEFS_IS_UNCLEAR},
        {"00", DEFS_IS_UNCLEAR},
        {"0x1f", DEFS_IS_UNCLEAR},
        {"0o17", DEFS_IS_UNCLEAR},
        {"0b11", DEFS_IS_UNCLEAR},
        {"1_000", DEFS_IS_UNCLEAR},
        {"_1", DEFS_IS_TEXT},
        {"9223372036854775807", DEFS_IS_INT},
        {"9223372036854775808", DEFS_IS_UNCLEAR},
        {"-9223372036854775808", DEFS_IS_INT},
        {"-9223372036854775809", DEFS_IS_UNCLEAR},
        {"1.5", DEFS_IS_DOUBLE},
        {"-0.5e-3", DEFS_IS_DOUBLE},
        {"1.0E+2", DEFS_IS_DOUBLE},
        {"1e5", DEFS_IS_UNCLEAR},
        {".5", DEFS_IS_UNCLEAR},
        {"1.", DEFS_IS_UNCLEAR},
        {"1.0e400", DEFS_IS_UNCLEAR},
        {".inf", DEFS_IS_UNCLEAR},
        {"-.INF", DEFS_IS_UNCLEAR},
        {".NaN", DEFS_IS_UNCLEAR},
        {"inf", DEFS_IS_TEXT},
        {"1.2.3", DEFS_IS_TEXT},
        {"190:20:30", DEFS_IS_TEXT},
        {"10:30", DEFS_IS_TEXT},
        {"2026-01-02", DEFS_IS_TEXT},
        {"-", DEFS_IS_TEXT},
        {".", DEFS_IS_TEXT},
        {"1a", DEFS_IS_TEXT},
        {"0xg", DEFS_IS_TEXT},
        {"1e", DEFS_IS_TEXT},
        {"30s", DEFS_IS_TEXT},
        {"1-2", DEFS_IS_TEXT},
        {"1.5e", DEFS_IS_TEXT},
    };
    for (size_t i = 0; i < sizeof scalar / sizeof *scalar; i++) {
        struct defs_node node = {.kind = DEFS_SCALAR, .text = rc_sv_of(scalar[i].text)};
        struct defs_scalar got = defs_scalar_of(&node);
        if (got.kind != scalar[i].kind)
            fail_msg("'%s' is %d, not %d", scalar[i].text, (int)got.kind, (int)scalar[i].kind);
        assert_true(got.kind != DEFS_IS_UNCLEAR || got.problem);
        node.style = DEFS_DOUBLE;
        assert_int_equal(defs_scalar_of(&node).kind, DEFS_IS_TEXT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_refused),         KIT_TEST(test_accepted),       KIT_TEST(test_own_text),
        KIT_TEST(test_depth),           KIT_TEST(test_billion_laughs), KIT_TEST(test_size),
        KIT_TEST(test_values),          KIT_TEST(test_many_keys),      KIT_TEST(test_long_line),
        KIT_TEST(test_truncated),       KIT_TEST(test_mutated),        KIT_TEST(test_out_of_memory),
        cmocka_unit_test(test_scalars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
