/* Steps that ask people: every field, right and wrong, and each bound. */
#include "kit.h"

#include "base/limits.h"

#include <stdio.h>

#define PAY                 "- { id: p, set: { a: 1 } }\n"
#define APPROVE(what, rest) "- { id: a, approve: {" what "}" rest " }\n" PAY
#define BESIDE(pay, book, again)                                                                             \
    "- id: both\n  parallel:\n  - { id: a, approve: {} }\n  - { id: p, set: { a: 1 }" pay                    \
    " }\n  - { id: b, set: { a: 1 }" book " }\n" again
#define ASK(what, rest) "- { id: q, escalate: { question: why, answers: [x]" what " }" rest " }\n"

static const struct {
    const char *steps, *errors;
} read[] = {
    {APPROVE("", ""), ""},
    {APPROVE(" need: 2, of: [anna, bert], roles: [admin, operator] ", ", within: 8h, on_timeout: reject"),
     ""},
    {APPROVE("", "") "- { id: s, set: { by: \"${steps.a.outputs.by[0]}\" } }\n", ""},
    {APPROVE(" need: 0 ", ""), "f.yaml:3:29: must be from 1 to 16, not 0"},
    {APPROVE(" need: 17 ", ""), "f.yaml:3:29: must be from 1 to 16, not 17"},
    {APPROVE(" need: 2, of: [anna] ", ""), "f.yaml:3:21: 2 cannot approve it where 1 are asked"},
    {APPROVE(" of: [anna, anna] ", ""), "f.yaml:3:34: stands here twice"},
    {APPROVE(" of: [] ", ""), "f.yaml:3:27: there are 1 to 64 of them"},
    {APPROVE(" of: [\"\"] ", ""), "f.yaml:3:28: must have 1 to 128 bytes"},
    {APPROVE(" roles: [admim] ", ""), "f.yaml:3:31: there is no role 'admim'; did you mean 'admin'?"},
    {APPROVE(" roles: [operator, viewer] ", ""),
     "f.yaml:3:41: who has the role 'viewer' may not act on commands, and so not decide"},
    {APPROVE(" roles: [] ", ""), "f.yaml:3:30: there is at least one role here"},
    {"- { id: a, approve: {} }\n",
     "f.yaml:3:3: nothing stands behind this approval in its block that it could release"},
    {"- { id: a, approve: {} }\n- { id: b, approve: {} }\n",
     "f.yaml:3:3: nothing stands behind this approval in its block that it could release\n"
     "f.yaml:4:3: nothing stands behind this approval in its block that it could release"},
    {BESIDE("", "", ""),
     "f.yaml:5:5: nothing beside this approval needs it, so it would release nothing: name it in their "
     "`needs`"},
    {BESIDE(", needs: [a]", "", ""), ""},
    {BESIDE(", needs: [a]", ", needs: [p]", ""), ""},
    {BESIDE(", needs: [a]", "", "  - { id: c, needs: [p], approve: {} }\n"),
     "f.yaml:8:5: nothing beside this approval needs it, so it would release nothing: name it in their "
     "`needs`"},
    {"- id: both\n  parallel:\n  - { id: a, approve: {} }\n"
     "  - { id: p, needs: [a], set: { by: \"${steps.a.outputs.by}\" } }\n",
     ""},
    {"- id: both\n  parallel:\n  - { id: a, if: payload.x, approve: {} }\n"
     "  - { id: p, needs: [a], set: { by: \"${steps.a.outputs.by}\" } }\n",
     "f.yaml:6:46: steps.a may not exist here (it has an `if`): guard it with has(steps.a)"},
    {APPROVE("", ", critical: false"), "f.yaml:3:35: what people decide is always critical"},
    {APPROVE("", ", on_timeout: fail"),
     "f.yaml:3:37: without 'within' the step waits for ever: say how long, or leave out 'on_timeout'"},
    {ASK("", ""), ""},
    {ASK(", evidence: { a: [1, \"${payload.id}\"] }, of: [anna], roles: [admin]", ", within: 1h"), ""},
    {ASK("", "") "- { id: s, set: { a: \"${steps.q.outputs.answer + steps.q.outputs.by}\" } }\n", ""},
    {"- { id: q, escalate: { answers: [x] } }\n", "f.yaml:3:22: 'question' is missing"},
    {"- { id: q, escalate: { question: why } }\n", "f.yaml:3:22: 'answers' is missing"},
};

static void test_fields(void **state)
{
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        kit_expect_steps(*state, read[i].steps, read[i].steps, read[i].errors);
}

static void test_what_is_read(void **state)
{
    struct kit *kit = *state;
    kit_expect_steps(kit, "an approval",
                     APPROVE(" need: 2, of: [anna, bert], roles: [admin] ", ", within: 8h"), "");
    const struct flow *flow = kit->one->flow;
    const struct flow_people *people = &flow->steps[1].people;
    assert_int_equal(flow->steps[1].kind, FLOW_APPROVE);
    assert_true(flow->approves && flow->steps[2].approvals && !flow->steps[1].approvals);
    assert_int_equal(people->need, 2);
    assert_int_equal(people->nnames, 2);
    assert_true(rc_sv_is(people->names[1], "bert") && people->roles == 1u << 4);
    assert_true(people->within == RC_SECONDS(8 * 3600) && people->on_timeout == FLOW_TIMEOUT_FAIL);
    kit_expect_steps(kit, "a question", ASK(", evidence: 7", ""), "");
    people = &kit->one->flow->steps[1].people;
    assert_true(people->question && people->evidence && people->nanswers == 1 && !people->within);
    assert_false(kit->one->flow->approves);
}

/* As many as may be, and one more. */
static void many(struct kit *kit, const char *before, unsigned n, unsigned bytes, const char *after,
                 const char *errors)
{
    static char text[64 << 10];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", before);
    for (unsigned i = 0; i < n; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%sn%0*u", i ? ", " : "", (int)bytes - 1, i);
    snprintf(text + used, sizeof text - used, "%s", after);
    kit_expect_steps(kit, before, text, errors);
}

static void test_bounds(void **state)
{
    struct kit *kit = *state;
    const char *of = "- { id: a, approve: { of: [", *end = "] } }\n" PAY;
    const char *answers = "- { id: q, escalate: { question: why, answers: [", *last = "] } }\n";
    many(kit, of, RC_MAX_NAMES, RC_MAX_ACTOR, end, "");
    many(kit, of, RC_MAX_NAMES + 1, 4, end, "f.yaml:3:27: there are 1 to 64 of them");
    many(kit, of, 1, RC_MAX_ACTOR + 1, end, "f.yaml:3:28: must have 1 to 128 bytes");
    many(kit, answers, RC_MAX_ANSWERS, RC_MAX_ANSWER_TEXT, last, "");
    many(kit, answers, RC_MAX_ANSWERS + 1, 4, last, "f.yaml:3:48: there are 1 to 16 of them");
    many(kit, answers, 1, RC_MAX_ANSWER_TEXT + 1, last, "f.yaml:3:49: must have 1 to 64 bytes");
    kit_expect_steps(kit, "16", APPROVE(" need: 16 ", ""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_fields), KIT_TEST(test_what_is_read),
                                       KIT_TEST(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
