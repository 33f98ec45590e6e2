/* Confirmations: every field, right and wrong. */
#include "kit.h"

#include "base/limits.h"

#define GET         "call: d, with: { method: GET, path: / }"
#define UP          "holds: response.body.up == true"
#define CALL(rest)  "- { id: c, confirm: { " GET ", " UP " }" rest " }\n"
#define ASKS(with)  "- { id: c, confirm: { " with " }, every: 5s, within: 1m }\n"
#define HOLDS(rest) "- { id: c, confirm: { holds: payload.n > 1 }" rest " }\n"
#define FOR         ", every: 5s, within: 1m"

static const struct {
    const char *steps, *errors;
} read[] = {
    {CALL(FOR), ""},
    {CALL(FOR ", on_timeout: reject, outputs: { a: \"${response.body.a}\" }"), ""},
    {CALL(FOR ", fallback: [{ id: s, set: { a: 1 } }]"), ""},
    {CALL(FOR ", critical: false"), ""},
    {CALL(FOR ", outputs: { a: 1 }") "- { id: s, set: { a: \"${steps.c.outputs.a}\" } }\n", ""},
    {HOLDS(FOR), ""},
    {HOLDS(FOR ", on_timeout: fail"), ""},
    {ASKS("call: d, with: { method: POST, path: /search }, reads: true, " UP), ""},
    {ASKS("call: d, with: { program: /bin/true }, reads: true, holds: response.status == 0"), ""},
    {ASKS("call: d, with: { method: HEAD, path: / }, timeout: 1m, " UP), ""},

    {CALL(""), "f.yaml:3:3: 'every' is missing\nf.yaml:3:3: 'within' is missing"},
    {"- { id: c, confirm: 1, every: 1s, within: 1s }\n",
     "f.yaml:3:21: must be a map of fields, not a number"},
    {ASKS(""), "f.yaml:3:21: 'holds' is missing"},
    {ASKS("call: d"), "f.yaml:3:21: 'with' is missing\nf.yaml:3:21: 'holds' is missing"},
    {ASKS("hold: true"), "f.yaml:3:21: 'holds' is missing\n"
                         "f.yaml:3:23: unknown field 'hold'; did you mean 'holds'?"},
    {ASKS("with: { method: GET, path: / }, holds: true"),
     "f.yaml:3:23: without 'call' there is nobody to ask: leave out 'with'"},
    {ASKS("timeout: 1s, holds: true"),
     "f.yaml:3:23: without 'call' there is nobody to ask: leave out 'timeout'"},
    {ASKS("call: d, with: { method: POST, path: / }, " UP),
     "f.yaml:3:38: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
    {ASKS("call: d, with: { method: POST, path: / }, reads: false, " UP),
     "f.yaml:3:38: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
    {ASKS("call: d, with: { task: look }, reads: true, " UP),
     "f.yaml:3:3: workers do all of a step (its check, undo and require, too) or nothing of it"},
    {ASKS("holds: response.status == 200"),
     "f.yaml:3:30: unknown name 'response'; known here: payload, command, steps"},
    {ASKS("holds: '1'"), "f.yaml:3:30: a condition must be true or false; this is of type int"},
    {HOLDS(FOR ", outputs: { a: 1 }"), "f.yaml:3:79: outputs are of an answer: this asks nobody"},
    {HOLDS(FOR ", on_timeout: continue"), "f.yaml:3:82: 'continue' is none of fail, reject"},
    {HOLDS(FOR ", undo: none"), "f.yaml:3:70: 'undo' is no field of a step with 'confirm', but of one with "
                                "'call', 'linear', 'parallel', "
                                "'choose', 'each', 'repeat'"},
    {HOLDS(FOR ", irreversible: true"),
     "f.yaml:3:70: 'irreversible' is no field of a step with 'confirm', but of one with 'call'"},
    {HOLDS(", every: 0s, within: 1m"), "f.yaml:3:54: must be at least 1ms"},
    {HOLDS(", every: 2m, within: 1m"), "f.yaml:3:54: 'every' is longer than 'within'"},
    {ASKS(GET ", timeout: 61s, " UP), "f.yaml:3:73: 'timeout' is longer than 'within'"},
    {"- { id: c, confirm: { " GET ", " UP " }, call: d, every: 1s, within: 1s }\n",
     "f.yaml:3:99: a step does one thing, and here are 'confirm' and 'call'"},

    /* 1,000 looks at most: the first one, one each second, and the last */
    {HOLDS(", every: 1s, within: 999s"), ""},
    {HOLDS(", every: 1s, within: 999001ms"),
     "f.yaml:3:54: it would be looked at more than 1000 times: make 'every' longer, or 'within' shorter"},
};

static void test_fields(void **state)
{
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        kit_expect_steps(*state, read[i].steps, read[i].steps, read[i].errors);
}

static void test_what_is_read(void **state)
{
    struct kit *kit = *state;
    kit_expect_steps(kit, "a question", CALL(", every: 5s, within: 20s, on_timeout: reject"), "");
    const struct flow_step *step = &kit->one->flow->steps[1];
    assert_int_equal(step->kind, FLOW_CALL);
    assert_string_equal(flow_step_word(step), "confirm");
    assert_true(flow_confirms(step) && step->confirm.on_timeout == FLOW_TIMEOUT_REJECT);
    assert_true(step->confirm.every == RC_SECONDS(5) && step->confirm.within == RC_SECONDS(20));
    assert_true(step->call.act.reads_only && step->call.act.repeatable && step->call.act.request);
    assert_true(step->call.act.timeout == RC_SECONDS(20)); /* an answer is not waited for longer than that */
    kit_expect_steps(kit, "an expression", HOLDS(FOR), "");
    step = &kit->one->flow->steps[1];
    assert_int_equal(step->kind, FLOW_CONFIRM);
    assert_string_equal(flow_step_word(step), "confirm");
    assert_true(flow_confirms(step) && step->call.act.reads_only && !step->call.act.request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_fields), KIT_TEST(test_what_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
