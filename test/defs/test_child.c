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

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_fields), KIT_TEST(test_what_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
