/* Waits for signals: every field, right and wrong. */
#include "kit.h"

#include "base/limits.h"

#define WAIT(rest) "- { id: w, wait: { signal: paid.now, id: \"${payload.id}\" }" rest " }\n"

static const struct {
    const char *steps, *errors;
} read[] = {
    {WAIT(""), ""},
    {WAIT(", within: 3d, on_timeout: reject, outputs: { a: \"${signal.amount}\" }"), ""},
    {WAIT("") "- { id: s, set: { id: \"${steps.w.external_id}\" } }\n", ""},
    {WAIT(", fallback: [{ id: s, set: { a: 1 } }]"), ""},
    {"- { id: w, wait: { signal: a, id: 7 } }\n", ""},
    {"- { id: w, wait: { signal: a } }\n", "f.yaml:3:18: 'id' is missing"},
    {"- { id: w, wait: { id: a } }\n", "f.yaml:3:18: 'signal' is missing"},
    {"- { id: w, wait: { signal: a, id: [1] } }\n",
     "f.yaml:3:35: must be a text or a whole number, not a list"},
    {"- { id: w, wait: { signal: a, id: true } }\n",
     "f.yaml:3:35: the id of a signal is a text or a whole number; this is of type bool"},
    {WAIT(", on_timeout: fail"),
     "f.yaml:3:73: without 'within' the step waits for ever: say how long, or leave out 'on_timeout'"},
    {WAIT(", within: 0s"), "f.yaml:3:69: must be at least 1ms"},
    {WAIT(", outputs: { a: \"${response.body}\" }"),
     "f.yaml:3:78: unknown name 'response'; known here: payload, command, steps, signal"},
    {"- { id: s, set: { a: \"${signal.a}\" } }\n",
     "f.yaml:3:25: unknown name 'signal'; known here: payload, command, steps"},
};

static void test_fields(void **state)
{
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        kit_expect_steps(*state, read[i].steps, read[i].steps, read[i].errors);
}

static void test_what_is_read(void **state)
{
    struct kit *kit = *state;
    kit_expect_steps(kit, "a wait",
                     WAIT(", within: 90s, on_timeout: continue, outputs: { a: \"${signal.amount}\" }"), "");
    const struct flow_step *step = &kit->one->flow->steps[1];
    assert_int_equal(step->kind, FLOW_WAIT);
    assert_true(rc_sv_is(step->wait.signal, "paid.now"));
    assert_true(step->wait.within == RC_SECONDS(90) && step->wait.on_timeout == FLOW_TIMEOUT_CONTINUE);
    assert_true(step->wait.id && step->wait.outputs && step->call.act.reads_only);
    const char *roots[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = "{'id': 'p1'}", [FLOW_ROOT_SIGNAL] = "{'amount': 7}"};
    assert_string_equal(kit_eval(kit, kit->one->flow, "steps.w.outputs", roots), "{\"a\":7}");
    kit_expect_steps(kit, "for ever", WAIT(""), "");
    assert_true(kit->one->flow->steps[1].wait.within == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_fields), KIT_TEST(test_what_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
