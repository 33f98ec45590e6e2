/* Files of the largest size that try to cost more than their length: each is refused, or read, in time that grows with it. What
 * would be quadratic does not end within the time that Meson gives a test. */
#include "kit.h"

#define STEP "flow: f\nsteps:\n- id: a\n  call: d\n  with: { method: POST, path: /p }\n"

static struct rc_buf begin(struct kit *kit, const char *text)
{
    rc_arena_reset(kit->arena);
    struct rc_buf buf = rc_buf_in(kit->arena, RC_MAX_DEF_FILE);
    rc_put_text(&buf, text);
    return buf;
}

/* As often as there is room for it and `end`. */
static void fill(struct rc_buf *buf, const char *text, const char *end)
{
    size_t n = strlen(text);
    while (buf->n + n + strlen(end) <= RC_MAX_DEF_FILE) rc_put(buf, (struct rc_sv){text, (uint32_t)n});
    rc_put_text(buf, end);
    assert_int_equal(buf->status, RC_OK);
}

static void refused(struct kit *kit, const struct rc_buf *buf, enum rc_status status, uint32_t least)
{
    assert_int_equal(kit_parse(kit, rc_buf_sv(buf)), status);
    assert_true(kit->errors.total >= least);
    assert_true(kit->errors.n <= RC_MAX_DEF_ERRORS);
}

static void test_insertions(void **state)
{
    struct kit *kit = *state;
    struct rc_buf buf = begin(kit, STEP "key: \"");
    fill(&buf, "${bad}", "\"\n");
    refused(kit, &buf, RC_INVALID, RC_MAX_DEF_ERRORS);
    buf = begin(kit, STEP "key: |\n  ");
    fill(&buf, "${payload.x}\n  ", "\n");
    refused(kit, &buf, RC_LIMIT, 1); /* all of them are fine; together they are too long, or too much */
    buf = begin(kit, STEP "key: '");
    fill(&buf, "${", "'\n");
    refused(kit, &buf, RC_SYNTAX, 1);
    buf = begin(kit, STEP "key: '");
    fill(&buf, "$${", "'\n");
    refused(kit, &buf, RC_LIMIT, 1);
    buf = begin(kit, STEP "key: '${");
    fill(&buf, "(", "}'\n");
    refused(kit, &buf, RC_LIMIT, 1);
    buf = begin(kit, STEP "key: '${\"\"");
    fill(&buf, "\"", "}'\n");
    refused(kit, &buf, RC_SYNTAX, 1);
}

static void test_long_expression(void **state)
{
    struct kit *kit = *state;
    struct rc_buf buf = begin(kit, STEP "  require: true");
    fill(&buf, " && true", "\n");
    refused(kit, &buf, RC_LIMIT, 1);
    buf = begin(kit, STEP "  require: \"");
    fill(&buf, "\\n", "true\"\n");
    refused(kit, &buf, RC_LIMIT, 1);
}

static void test_names(void **state)
{
    struct kit *kit = *state;
    static const char name[] = "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz";
    struct rc_buf buf = begin(kit, "flow: f\nsteps:\n");
    for (int i = 0; i < 1000; i++)
        rc_put_format(&buf, "- { id: %s%d, call: d, with: { method: GET, path: / } }\n", name, i);
    rc_put_text(&buf, "- id: last\n  call: d\n  with: { method: GET, path: / }\n  needs: [");
    fill(&buf, "abcdefghijklmnopqrstuvwxyz_abcdefghijklm,", "]\n");
    refused(kit, &buf, RC_INVALID, 10000);
    buf = begin(kit, STEP "payload:\n  type: object\n  properties:\n");
    for (int i = 0; i < RC_MAX_PROPERTIES; i++) rc_put_format(&buf, "    %s%d: {}\n", name, i);
    rc_put_text(&buf, "  required: [");
    fill(&buf, "abcdefghijklmnopqrstuvwxyz_abcdefghijklm,", "]\n");
    refused(kit, &buf, RC_INVALID, 10000);
}

static void test_outputs(void **state)
{
    struct kit *kit = *state;
    for (int n = RC_MAX_OUTPUT_NAMES; n <= RC_MAX_OUTPUT_NAMES + 1; n++) {
        struct rc_buf buf = begin(kit, STEP "  outputs:\n");
        for (int i = 0; i < n; i++) rc_put_format(&buf, "    o%d: 1\n", i);
        rc_put_text(&buf, "  check:\n    with: { method: GET, path: / }\n    happened: true\n    outputs:\n");
        for (int i = 0; i < n; i++) rc_put_format(&buf, "      o%d: 1\n", i);
        enum rc_status status = kit_parse(kit, rc_buf_sv(&buf));
        assert_int_equal(status, n > RC_MAX_OUTPUT_NAMES ? RC_LIMIT : RC_OK);
    }
    assert_string_equal(kit->errors.error[0].text, "a step has at most 256 outputs");
}

/* Thousands of documents in one file, every flow with a dependency that is not there. */
static void test_documents(void **state)
{
    struct kit *kit = *state;
    struct rc_buf buf = begin(kit, "");
    for (int i = 0; i < 4000; i++)
        rc_put_format(&buf,
                      "--- {dependency: d%d, kind: http, base: 'http://h'}\n"
                      "--- {flow: f%d, steps: [{id: a, call: e%d, with: {method: GET, path: /}}]}\n",
                      i, i, i);
    assert_int_equal(buf.status, RC_OK);
    struct defs_file file = {RC_SV("f.yaml"), rc_buf_sv(&buf)};
    assert_int_equal(kit_parse(kit, file.text), RC_LIMIT); /* values */
    buf.n = buf.n / 2 / 1000 * 1000;
    while (buf.p[buf.n - 1] != '\n') buf.n--;
    file.text = rc_buf_sv(&buf);
    assert_int_equal(defs_load(&file, 1, kit->arena, &kit->one, &kit->n, &kit->errors), RC_INVALID);
    assert_in_range(kit->errors.total, 1900, 2100);
}

/* Lists and maps wide and long, in every place that reads one. */
static void test_wide(void **state)
{
    enum { MANY = 60000 }; /* below RC_MAX_DEF_CELLS, so that others than the YAML reader see them */
    static const struct {
        const char *begin, *text, *end;
        uint32_t times; /* 0: as often as there is room */
        enum rc_status status;
    } wide[] = {
        {STEP "payload: { type: [", "x,", "] }\n", MANY, RC_INVALID},
        {STEP "payload: { enum: [", "{},", "] }\n", MANY, RC_OK},
        {STEP "payload: { type: string, enum: [", "{},", "] }\n", MANY, RC_INVALID},
        {STEP "refs: [", "x,", "]\n", MANY, RC_INVALID},
        {"flow: f\nsteps: [", "x,", "]\n", MANY, RC_LIMIT},
        {"flow: f\nsteps: [{id: a, call: d, with: {method: PUT, path: /, body: [", "1,", "]}}]\n", MANY,
         RC_LIMIT},
        {"flow: f\nsteps: [{id: a, call: d, with: {method: PUT, path: /, body: [", "'${x}',", "]}}]\n", MANY,
         RC_INVALID},
        {"flow: f\nsteps: [{id: a, call: d, with: {method: PUT, path: /, query: {a: [", "1,", "]}}}]\n", MANY,
         RC_LIMIT},
        {"flow: f\nsteps: [{id: a, call: d, with: {method: PUT, path: '", "/..", "'}}]\n", MANY, RC_INVALID},
        {"dependency: d\nkind: http\nbase: http://h\nheaders:\n", "  a: b\n", "", MANY / 2, RC_SYNTAX},
        {"", "--- a\n", "", MANY, RC_INVALID},
        {"a: [", "1,", "]\n", 0, RC_LIMIT},
        {"", "- x\n", "", 0, RC_LIMIT},
        {"dependency: d\nkind: http\nbase: http://h", "/a", "\n", 0, RC_LIMIT},
        {"dependency: d\nkind: http\nbase: http://h\ndescription: >\n", "  a\n\n", "", 0, RC_OK},
        {"", "- ", "\n", 0, RC_LIMIT},
        {"", "a: ", "\n", 0, RC_SYNTAX},
        {"", "[", "\n", 0, RC_LIMIT},
        {"", "{a,", "\n", 0, RC_SYNTAX},
        {"", "'", "\n", 0, RC_SYNTAX},
        {"", "# x\n", "", 0, RC_OK},
        {"", "\n", "", 0, RC_OK},
        {"a: ", " ", "x\n", 0, RC_INVALID},
        {"a: |\n", " ", "x\n", 0, RC_INVALID},
        {"", "%A b\n", "", 0, RC_SYNTAX},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        struct rc_buf buf = begin(kit, wide[i].begin);
        for (uint32_t k = 0; k < wide[i].times; k++) rc_put_text(&buf, wide[i].text);
        if (wide[i].times)
            rc_put_text(&buf, wide[i].end);
        else
            fill(&buf, wide[i].text, wide[i].end);
        assert_int_equal(buf.status, RC_OK);
        enum rc_status status = kit_parse(kit, rc_buf_sv(&buf));
        if (status != wide[i].status) fail_msg("case %zu: %d: %s", i, (int)status, kit->errors.error[0].text);
    }
}

/* Steps that need all before them, and steps whose conditions ask for others. */
static void test_needs(void **state)
{
    struct kit *kit = *state;
    struct rc_buf buf = begin(kit, "flow: f\nsteps:\n- id: p\n  parallel:\n");
    for (int i = 0; i < 340; i++) {
        rc_put_format(&buf, "  - { id: s%d, set: { v: 1 }, needs: [", i);
        for (int k = 0; k < i; k++) rc_put_format(&buf, k ? ", s%d" : "s%d", k);
        rc_put_text(&buf, "] }\n");
    }
    assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), RC_OK);
    buf = begin(kit, "flow: f\nsteps:\n- { id: s0, set: { v: 1 }, if: true }\n");
    for (int i = 1; i < RC_MAX_NODES - 1; i++)
        rc_put_format(&buf, "- { id: s%d, set: { v: \"${steps.s%d}\" }, if: has(steps.s%d) }\n", i, i - 1,
                      i - 1);
    assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), RC_OK);
    assert_true(rc_arena_used(kit->arena) < 64 << 20);
    buf = begin(kit, "flow: f\nsteps:\n");
    for (int i = 0; i < RC_MAX_NODES - 2; i++)
        rc_put_format(&buf, "- { id: s%d, set: { v: 1 }, if: true }\n", i);
    rc_put_text(&buf, "- { id: z, set: { v: \"${steps.s9}\" }, if: \"has(steps.s9)");
    for (int i = 0; i < 900; i++) rc_put_format(&buf, " && has(steps.s%d)", i % 64);
    rc_put_text(&buf, "\" }\n");
    assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_insertions), KIT_TEST(test_long_expression), KIT_TEST(test_names),
        KIT_TEST(test_outputs),    KIT_TEST(test_documents),       KIT_TEST(test_wide),
        KIT_TEST(test_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
