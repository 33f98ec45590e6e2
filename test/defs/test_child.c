/* Steps that start a command of another flow: every field, right and wrong; and flows that start each other. */
#include "kit.h"

#include "base/limits.h"

#define CHILD(rest) "- { id: c, flow: other" rest " }\n"

static const struct {
    const char *steps, *errors;
} read[] = {
    {CHILD(""), ""},
    {CHILD(
         ", with: { n: \"${payload.id}\" }, outputs: { a: \"${child.outputs.x.a}\", b: \"${child.state}\" }"),
     ""},
    {CHILD("") "- { id: s, set: { id: \"${steps.c.external_id}\" } }\n", ""},
    {CHILD(", fallback: [{ id: s, set: { a: 1 } }]"), ""},
    {"- { id: c, flow: \"No name\" }\n", "f.yaml:3:18: 'No name' is no name here: it must be a small letter, "
                                         "then small letters, digits, '_', '.' and '-'"},
    {"- { id: c, flow: \"other\" }\n- { id: d, flow: 'other' }\n", ""},
    {CHILD(", with: [1]"),
     "f.yaml:3:31: must be a map: the payload of the command that is started, not a list"},
    {CHILD(", with: { n: \"${child.state}\" }"),
     "f.yaml:3:39: unknown name 'child'; known here: payload, command, steps"},
    {CHILD(", outputs: { a: \"${child.nothing}\" }"),
     "f.yaml:3:48: object{state, outputs} has no field 'nothing'"},
    {CHILD(", undo: { none: true }"), "f.yaml:3:25: 'undo' is no field of a step with 'flow', but of one "
                                      "with 'call', 'linear', 'parallel', 'choose', 'each', 'repeat'"},
};

static void test_fields(void **state)
{
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        kit_expect_steps(*state, read[i].steps, read[i].steps, read[i].errors);
}

static void test_what_is_read(void **state)
{
    struct kit *kit = *state;
    kit_expect_steps(kit, "a child",
                     CHILD(", with: { n: \"${payload.id}\" }, outputs: { a: \"${child.state}\" }"), "");
    const struct flow_step *step = &kit->one->flow->steps[1];
    assert_int_equal(step->kind, FLOW_CHILD);
    assert_true(rc_sv_is(step->child.flow, "other"));
    assert_true(step->child.payload && step->child.outputs && step->call.undo.present);
    assert_false(step->call.act.reads_only || step->call.act.repeatable);
    const char *roots[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = "{'id': 'p1'}", [FLOW_ROOT_CHILD] = "{'state': 'completed', 'outputs': {}}"};
    assert_string_equal(kit_eval(kit, kit->one->flow, "steps.c.with", roots), "{\"n\":\"p1\"}");
    assert_string_equal(kit_eval(kit, kit->one->flow, "steps.c.outputs", roots), "{\"a\":\"completed\"}");
}

/* ---- beside the flow that is started */

/* What a command of it gives: sure, not sure for each reason, and not at all. */
#define STARTED                                                                                              \
    "---\nflow: other\nsteps:\n"                                                                             \
    "- { id: sure, set: { v: 1, w: { deep: 2 } } }\n"                                                        \
    "- { id: cond, if: 'payload.p', set: { v: 1 } }\n"                                                       \
    "- { id: which, choose: [ { if: 'payload.p', steps: [ { id: taken, set: { v: 1 } } ] }, "                \
    "{ else: [ { id: rest, set: { v: 1 } } ] } ] }\n"                                                        \
    "- { id: any, join: any, parallel: [ { id: one, set: { v: 1 } }, { id: two, set: { v: 1 } } ] }\n"       \
    "- { id: in_line, linear: [ { id: inner, set: { v: 1 } } ] }\n"                                          \
    "- { id: goes_on, on_error: continue, linear: [ { id: held, set: { v: 1 } } ] }\n"                       \
    "- { id: minor, critical: false, set: { v: 1 } }\n"                                                      \
    "- { id: heard, wait: { signal: s, id: x }, within: 1h, on_timeout: continue, "                          \
    "outputs: { v: '${signal}' } }\n"                                                                        \
    "- { id: first, wait: { signal: s, id: x }, outputs: { v: '${signal}' }, "                               \
    "fallback: [ { id: second, set: { v: 1 } } ] }\n"                                                        \
    "- { id: all, each: '${[1]}', max: 2, steps: [ { id: item, set: { v: 1 } } ] }\n"                        \
    "- { id: passes, repeat: { max: 2, until: 'true' }, steps: [ { id: pass, set: { v: 1 } } ] }\n"          \
    "- { id: asked, escalate: { question: q, answers: [yes, no] } }\n"                                       \
    "- { id: pause, sleep: 1s }\n"
#define GIVES "object{sure, cond, taken, rest, one, two, inner, held, minor, heard, first, second, …}"
#define OF    "of the flow 'other', which is started here: "
#define GUARD(name, why)                                                                                     \
    OF "child.outputs." name " may not exist here (" why "): guard it with has(child.outputs." name ")"

static const struct {
    const char *read, *error; /* error behind "f.yaml:LINE:COLUMN: "; NULL: none */
    unsigned column;          /* within what is read */
} reads[] = {
    {"child.outputs.sure.v", NULL, 0},
    {"child.outputs.sure.w.deep.er", NULL, 0},
    {"child.outputs.inner.v", NULL, 0},
    {"child.outputs.asked.answer", NULL, 0},
    {"child.outputs", NULL, 0},
    {"child.state", NULL, 0},
    {"has(child.outputs.cond) ? child.outputs.cond.v : 0", NULL, 0},
    {"has(child.outputs.taken) && child.outputs.taken.v > 0", NULL, 0},
    {"'minor' in child.outputs", NULL, 0},
    {"child.outputs.zz.v", OF GIVES " has no field 'zz'", 15},
    {"child.outputs.shure.v", OF GIVES " has no field 'shure'; did you mean 'sure'?", 15},
    {"1 + child.outputs.sure.x", OF "object{v, w} has no field 'x'", 24},
    {"has(child.outputs.sure.x)", OF "object{v, w} has no field 'x'", 24},
    {"child.outputs['zz'].v", OF GIVES " has no field 'zz'", 15},
    {"child.outputs.cond.v", GUARD("cond", "it has an `if`"), 15},
    {"child.outputs.taken.v", GUARD("taken", "it stands in a case of a choose"), 15},
    {"child.outputs.rest.v", GUARD("rest", "it stands in a case of a choose"), 15},
    {"child.outputs.two.v", GUARD("two", "not all branches of its block must succeed"), 15},
    {"child.outputs.held.v", GUARD("held", "its block goes on where something fails"), 15},
    {"child.outputs.minor.v", GUARD("minor", "it is not critical"), 15},
    {"child.outputs.heard.v", GUARD("heard", "its signal may not come in time"), 15},
    {"child.outputs.first.v", GUARD("first", "it has a fallback, or stands in one"), 15},
    {"child.outputs.second.v", GUARD("second", "it has a fallback, or stands in one"), 15},
    {"child.outputs.item.v", OF GIVES " has no field 'item'", 15},
    {"child.outputs.all.items", OF GIVES " has no field 'all'", 15},
    {"child.outputs.pass.v", OF GIVES " has no field 'pass'", 15},
    {"child.outputs.pause", OF GIVES " has no field 'pause'", 15},
};

static void load(struct kit *kit, struct rc_sv text, enum rc_status status, const char *errors)
{
    const struct defs_file file = {.source = RC_SV("f.yaml"), .text = text};
    assert_true(text.p);
    enum rc_status got = defs_load(&file, 1, kit->arena, &kit->one, &kit->n, &kit->errors);
    assert_string_equal(kit_errors(kit), errors);
    assert_int_equal(got, status);
}

static void test_what_the_child_gives(void **state)
{
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        /* in the second of two texts, behind others, so that places count */
        load(
            kit,
            rc_text(kit->arena,
                    "flow: parent\nsteps:\n- { id: c, flow: other, outputs: { s: \"${child.state}\",\n    a: "
                    "\"x\",\n    b: \"${%s}\" } }\n" STARTED,
                    reads[i].read),
            reads[i].error ? RC_INVALID : RC_OK,
            reads[i].error
                ? rc_text(kit->arena, "f.yaml:5:%u: %s%c", 10 + reads[i].column, reads[i].error, 0).p
                : "");
    }
}

/* Each of them is said, in text around it and in block text, too. */
static void test_all_that_is_read(void **state)
{
    load(*state,
         RC_SV("flow: parent\nsteps:\n- id: c\n  flow: other\n  outputs:\n    a: \"x ${child.outputs.a.v} "
               "${child.outputs.b.v}\"\n    l: [\"${child.outputs.s.v}\"]\n    b: |\n      ${1 +\n      "
               "child.outputs.c.v}\n---\nflow: other\nsteps:\n- { id: s, set: { v: 1 } }\n"),
         RC_INVALID,
         "f.yaml:6:27: " OF "object{s} has no field 'a'\n"
         "f.yaml:6:48: " OF "object{s} has no field 'b'\n"
         "f.yaml:9:9: " OF "object{s} has no field 'c'");
}

static void test_elsewhere(void **state)
{
    struct kit *kit = *state;
    /* what is not in these files may be on the server, where it is checked */
    load(kit,
         RC_SV("flow: parent\nsteps:\n- { id: c, flow: other, outputs: { a: \"${child.outputs.zz.v}\" } }\n"),
         RC_OK, "");
    /* as a version that was accepted long ago it still says what may be missing to those who start it */
    struct defs_file file = {.source = RC_SV("f.yaml"),
                             .text =
                                 RC_SV("flow: other\nsteps:\n- { id: c, if: 'payload.p', set: { v: 1 } }\n"
                                       "- { id: d, set: { v: \"${steps.c.outputs.v}\" } }\n"),
                             .stored = true};
    assert_int_equal(defs_parse(file, kit->arena, &kit->one, &kit->n, &kit->errors), RC_OK);
    const struct cel_type *gives = kit->one->flow->gives;
    assert_int_equal(gives->nfields, 2);
    assert_string_equal(gives->fields[0].missing, "it has an `if`");
    assert_null(gives->fields[1].missing);
}

#define TAKES                                                                                                \
    "---\nflow: other\npayload:\n  type: object\n  required: [n]\n  additionalProperties: false\n"           \
    "  properties: { n: { type: integer, minimum: 1 }, d: { type: number }, "                                \
    "l: { type: array, enum: [[1, 2]], items: { type: integer } } }\n"                                       \
    "steps:\n- { id: s, set: { v: 1 } }\n"
#define UNFIT OF "its payload would not fit: "

static const struct {
    const char *with, *errors;
} payloads[] = {
    {", with: { n: 1, d: 2 }", ""},
    {", with: { n: 1.0, d: 0.5, l: [1, 2] }", ""},
    {", with: { n: \"${payload.n}\" }", ""},
    {", with: { n: 1, l: [\"${payload.n}\", 2] }", ""},
    {", with: { n: 1, l: [3, 2] }",
     "f.yaml:3:31: " UNFIT "/l: must be one of the 1 values that the schema lists"},
    {"", "f.yaml:3:3: " UNFIT "/n: is required"},
    {", with: {}", "f.yaml:3:31: " UNFIT "/n: is required"},
    {", with: { n: x }", "f.yaml:3:31: " UNFIT "/n: must be of type integer, not string"},
    {", with: { n: 0 }", "f.yaml:3:31: " UNFIT "/n: must be at least 1"},
    {", with: { n: null }", "f.yaml:3:31: " UNFIT "/n: must be of type integer, not null"},
    {", with: { n: \"${payload.n}\", m: 1 }", "f.yaml:3:31: " UNFIT "/m: is not a property of this object"},
    {", with: { n: \"${payload.n}\", l: [x, \"${payload.n}\"] }",
     "f.yaml:3:31: " UNFIT "/l/0: must be of type integer, not string"},
};

static void test_what_the_child_takes(void **state)
{
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        load(
            kit,
            rc_text(kit->arena, "flow: parent\nsteps:\n- { id: c, flow: other%s }\n" TAKES, payloads[i].with),
            payloads[i].errors[0] ? RC_INVALID : RC_OK, payloads[i].errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_fields),           KIT_TEST(test_what_is_read), KIT_TEST(test_what_the_child_gives),
        KIT_TEST(test_all_that_is_read), KIT_TEST(test_elsewhere),    KIT_TEST(test_what_the_child_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
