/* Every field of a step, right and wrong, and the rules between them. */
#include "kit.h"

#define STEP(fields) "flow: f\nsteps:\n- id: a\n  call: d\n  with: { method: POST, path: /p }\n" fields
#define GET(fields)  "flow: f\nsteps:\n- id: a\n  call: d\n  with: { method: GET, path: /p }\n" fields
#define WITH(fields) "flow: f\nsteps:\n- id: a\n  call: d\n  with:\n" fields
/* a second step */
#define MORE(fields) "- id: b\n  call: d\n  with: { method: PUT, path: /q }\n" fields
#define ASK          "with: { method: GET, path: /q }"

static const struct {
    const char *name, *yaml, *errors;
} wrong[] = {
    /* the step itself */
    {"a text", "flow: f\nsteps:\n- hello\n", "f.yaml:3:3: must be a map of fields, not text"},
    {"nothing", "flow: f\nsteps:\n- description: x\n",
     "f.yaml:3:3: 'id' is missing\nf.yaml:3:3: 'call' is missing\nf.yaml:3:3: 'with' is missing"},
    {"unknown", STEP("outptus: {}\n"), "f.yaml:6:1: unknown field 'outptus'"},
    {"unknown field", STEP("  outptus: {}\n"),
     "f.yaml:6:3: unknown field 'outptus'; did you mean 'outputs'?"},
    {"id", "flow: f\nsteps:\n- { id: A-b, call: d, with: { method: GET, path: / } }\n",
     "f.yaml:3:9: 'A-b' is no name here: it must be a small letter, then small letters, digits and '_', and "
     "not in, true, false or null"},
    {"reserved id", "flow: f\nsteps:\n- { id: in, call: d, with: { method: GET, path: / } }\n",
     "f.yaml:3:9: 'in' is no name here: it must be a small letter, then small letters, digits and '_', and "
     "not in, true, false or null"},
    {"id twice", STEP("- { id: a, call: d, with: { method: GET, path: / } }\n"),
     "f.yaml:6:9: two steps have the id 'a'"},
    {"call", "flow: f\nsteps:\n- { id: a, call: [d], with: { method: GET, path: / } }\n",
     "f.yaml:3:18: must be text, not a list"},
    {"needs", STEP(MORE("  needs: a\n")), "f.yaml:9:10: must be a list of ids of earlier steps, not text"},
    {"needs unknown", STEP(MORE("  needs: [aa, c, b, [a], a, a]\n")),
     "f.yaml:9:11: 'aa' is no earlier step; did you mean 'a'?\n"
     "f.yaml:9:15: 'c' is no earlier step\n"
     "f.yaml:9:18: 'b' is no earlier step\n"
     "f.yaml:9:21: '' is no earlier step\n"
     "f.yaml:9:29: 'a' is here twice"},
    {"needs a later one", STEP("  needs: [b]\n" MORE("")), "f.yaml:6:11: 'b' is no earlier step"},
    {"critical", STEP("  critical: no\n"), "f.yaml:6:13: must be true or false (without quotes), not 'no'"},
    {"irreversible", STEP("  irreversible: 1\n"),
     "f.yaml:6:17: must be true or false (without quotes), not '1'"},
    {"repeatable", STEP("  repeatable: on\n"),
     "f.yaml:6:15: must be true or false (without quotes), not 'on'"},
    {"accepted", STEP("  accepted: ''\n"), "f.yaml:6:13: must be true or false, not text"},
    {"timeout 0", STEP("  timeout: 0s\n"), "f.yaml:6:12: must be at least 1ms"},
    {"timeout", STEP("  timeout: 61m\n"), "f.yaml:6:12: must be at most 1h"},
    {"timeout unit", STEP("  timeout: 5 s\n"),
     "f.yaml:6:12: '5 s' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},

/* not in this version */
#define LATER(field)                                                                                         \
    {                                                                                                        \
        field, STEP("  " field ": 1\n"), "f.yaml:6:3: field '" field "' is not supported in this version"    \
    }

    LATER("when"),
    LATER("sensitive"),
    LATER("vars"),
    {"another kind only", "flow: f\nsteps:\n- id: a\n  when: { count: 1 }\n",
     "f.yaml:4:3: field 'when' is not supported in this version"},

    /* retry */
    {"retry", STEP("  retry: 3\n"), "f.yaml:6:10: must be a map of fields, not a number"},
    {"retry is nothing", STEP("  retry:\n"), "f.yaml:6:9: must be a map of fields, not nothing"},
    {"retry unknown", STEP("  retry: { attempts: 3 }\n"), "f.yaml:6:12: unknown field 'attempts'"},
    {"retry words", STEP("  retry: { backoff: exponental, jitter: fully }\n"),
     "f.yaml:6:21: 'exponental' is none of constant, linear, exponential; did you mean 'exponential'?\n"
     "f.yaml:6:41: 'fully' is none of none, full, equal; did you mean 'full'?"},
    {"retry spans", STEP("  retry: { delay: 1, max_delay: x, limit: { duration: 1h1 } }\n"),
     "f.yaml:6:19: '1' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m\n"
     "f.yaml:6:33: 'x' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m\n"
     "f.yaml:6:55: '1h1' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},
    {"retry delays", STEP("  retry: { delay: 10s, max_delay: 9s }\n"),
     "f.yaml:6:35: 'max_delay' is shorter than 'delay'"},
    {"retry attempts", STEP("  retry: { limit: { attempts: 1001 } }\n"),
     "f.yaml:6:31: must be from 1 to 1000, not 1001"},
    {"retry no attempts", STEP("  retry: { limit: { attempts: 0 } }\n"),
     "f.yaml:6:31: must be from 1 to 1000, not 0"},
    {"retry limit", STEP("  retry: { limit: 5 }\n"), "f.yaml:6:19: must be a map of fields, not a number"},
    {"retry limit unknown", STEP("  retry: { limit: { atempts: 5 } }\n"),
     "f.yaml:6:21: unknown field 'atempts'; did you mean 'attempts'?"},

    /* with */
    {"with", "flow: f\nsteps:\n- id: a\n  call: d\n  with: POST\n",
     "f.yaml:5:9: must be a map of fields, not text"},
    {"with nothing", "flow: f\nsteps:\n- id: a\n  call: d\n  with: {}\n",
     "f.yaml:5:9: 'method' is missing\nf.yaml:5:9: 'path' is missing"},
    {"with unknown", WITH("    method: GET\n    path: /\n    hedaers: {}\n"),
     "f.yaml:8:5: unknown field 'hedaers'; did you mean 'headers'?"},
    {"method", WITH("    method: post\n    path: /\n"),
     "f.yaml:6:13: must be GET, HEAD, POST, PUT, PATCH or DELETE, not 'post'; did you mean 'POST'?"},
    {"method template", WITH("    method: \"${payload.m}\"\n    path: /\n"),
     "f.yaml:6:13: must be GET, HEAD, POST, PUT, PATCH or DELETE, not '${payload.m}'"},
    {"method list", WITH("    method: [GET]\n    path: /\n"),
     "f.yaml:6:13: must be GET, HEAD, POST, PUT, PATCH or DELETE, not a list"},
    {"method options", WITH("    method: OPTIONS\n    path: /\n"),
     "f.yaml:6:13: must be GET, HEAD, POST, PUT, PATCH or DELETE, not 'OPTIONS'"},
    {"body of GET", WITH("    method: GET\n    path: /\n    body: {}\n"),
     "f.yaml:8:11: GET and HEAD have no body"},
    {"body of HEAD", WITH("    method: HEAD\n    path: /\n    body: x\n"),
     "f.yaml:8:11: GET and HEAD have no body"},
    {"path", WITH("    method: GET\n    path: p\n"),
     "f.yaml:7:11: a path begins with '/': it is joined to the dependency's base"},
    {"path is all inserted", WITH("    method: GET\n    path: \"${payload.p}\"\n"),
     "f.yaml:7:11: a path begins with '/': it is joined to the dependency's base"},
    {"path empty", WITH("    method: GET\n    path: \"\"\n"),
     "f.yaml:7:11: a path begins with '/': it is joined to the dependency's base"},
    {"path nothing", WITH("    method: GET\n    path:\n"), "f.yaml:7:10: must be text, not nothing"},
    {"path query", WITH("    method: GET\n    path: /a?b=c\n"),
     "f.yaml:7:13: a path has no '?': put the query under 'query'"},
    {"path fragment", WITH("    method: GET\n    path: /a#b\n"),
     "f.yaml:7:13: this character must be percent-encoded in a path"},
    {"path blank", WITH("    method: GET\n    path: /a b\n"),
     "f.yaml:7:13: this character must be percent-encoded in a path"},
    {"path percent", WITH("    method: GET\n    path: /a%2\n"),
     "f.yaml:7:13: this character must be percent-encoded in a path"},
    {"path letter", WITH("    method: GET\n    path: \"/${payload.a}/\xc3\xa4\"\n"),
     "f.yaml:7:26: this character must be percent-encoded in a path"},
    {"path backslash", WITH("    method: GET\n    path: '/a\\b'\n"),
     "f.yaml:7:14: this character must be percent-encoded in a path"},
    {"path dots", WITH("    method: GET\n    path: /a/../b\n"),
     "f.yaml:7:14: a path cannot have '.' and '..' segments"},
    {"path dot at the end", WITH("    method: GET\n    path: /a/.\n"),
     "f.yaml:7:14: a path cannot have '.' and '..' segments"},
    {"path block", WITH("    method: GET\n    path: |\n      /a\n"),
     "f.yaml:8:9: this character must be percent-encoded in a path"},
    {"path of a list",
     "flow: f\npayload: { type: object, properties: { l: { type: array } } }\nsteps: [{id: a, call: d, with: "
     "{method: GET, path: '/${payload.l}'}}]\n",
     "f.yaml:3:56: this is of type list(dyn), and text cannot be made of that"},
    {"query", WITH("    method: GET\n    path: /\n    query: a=b\n"),
     "f.yaml:8:12: must be a map of names to texts, not text"},
    {"query values",
     WITH("    method: GET\n    path: /\n    query: { a: , b: { c: d }, c: [[1]], d: \"${x}\" }\n"),
     "f.yaml:8:17: must be text, not nothing\n"
     "f.yaml:8:22: must be text or a single value, not a map\n"
     "f.yaml:8:36: must be text or a single value, not a list\n"
     "f.yaml:8:48: unknown name 'x'; known here: payload, command, steps"},
    {"query map",
     "flow: f\npayload: { type: object, properties: { m: { type: object } } }\nsteps: [{id: a, call: d, "
     "with: {method: GET, path: /, query: {a: '${payload.m}'}}}]\n",
     "f.yaml:3:69: this is of type object{, …}, and text cannot be made of that"},
    {"headers",
     WITH("    method: GET\n    path: /\n    headers: { traceparent: x, Content-Length: 5, A: [b] }\n"),
     "f.yaml:8:16: the header 'traceparent' is set by Recourse itself\n"
     "f.yaml:8:32: the header 'Content-Length' is set by Recourse itself\n"
     "f.yaml:8:54: must be text or a single value, not a list"},
    {"secrets",
     WITH("    method: POST\n    path: \"/${secret('a')}\"\n    query: { b: \"${secret('b')}\" }\n    body: "
          "[\"${secret('c')}\"]\n"),
     "f.yaml:7:15: secret(…) may only stand where a value leaves: in headers\n"
     "f.yaml:8:20: secret(…) may only stand where a value leaves: in headers\n"
     "f.yaml:9:15: secret(…) may only stand where a value leaves: in headers"},
    {"body values",
     WITH("    method: POST\n    path: /\n    body: { a: 010, b: [+1, .inf], c: True, d: { \"e${x}\": 1 }, "
          "f: 99999999999999999999 }\n"),
     "f.yaml:8:16: '010': YAML versions read this number differently; write it in decimal like 10, 0.5 or "
     "1.5e3, or quote it to make it text\n"
     "f.yaml:8:25: '+1': YAML versions read this number differently; write it in decimal like 10, 0.5 or "
     "1.5e3, or quote it to make it text\n"
     "f.yaml:8:29: '.inf': JSON has no such number; quote it to make it text\n"
     "f.yaml:8:39: 'True': write it in lower case, or quote it to make it text\n"
     "f.yaml:8:50: a key cannot hold ${…}\n"
     "f.yaml:8:67: '99999999999999999999': the number is too large; quote it to make it text"},

    /* what expressions see */
    {"no response before the call", WITH("    method: POST\n    path: /\n    body: \"${response.body}\"\n"),
     "f.yaml:8:14: unknown name 'response'; known here: payload, command, steps"},
    {"no outputs before the call", WITH("    method: POST\n    path: /\n    body: \"${outputs.x}\"\n"),
     "f.yaml:8:14: unknown name 'outputs'; known here: payload, command, steps"},
    {"not itself", WITH("    method: POST\n    path: /\n    body: \"${steps.a.outputs}\"\n"),
     "f.yaml:8:20: object{} has no field 'a'"},
    {"a step without outputs",
     STEP("- { id: b, call: d, with: { method: GET, path: '/${steps.a.outputs.n}' } }\n"),
     "f.yaml:6:68: object{} has no field 'n'"},
    {"misspelt output",
     STEP("  outputs: { number: 1, url: 2 }\n- { id: b, call: d, with: { method: GET, path: "
          "'/${steps.a.outputs.nubmer}' } }\n"),
     "f.yaml:7:68: object{number, url} has no field 'nubmer'; did you mean 'number'?"},
    {"misspelt step", STEP("- { id: b, call: d, with: { method: GET, path: '/${steps.aa.outputs.n}' } }\n"),
     "f.yaml:6:58: object{a} has no field 'aa'; did you mean 'a'?"},
    {"no external id", STEP("- { id: b, call: d, with: { method: GET, path: '/${steps.a.external_id}' } }\n"),
     "f.yaml:6:60: object{outputs} has no field 'external_id'"},
    {"command", STEP("  require: command.id == 'x'\n"),
     "f.yaml:6:20: object{key, type, actor} has no field 'id'"},
    {"response", STEP("  outputs: { a: \"${response.stauts}\" }\n"),
     "f.yaml:6:29: object{status, headers, body} has no field 'stauts'; did you mean 'status'?"},

    /* require */
    {"require", STEP("  require: [a]\n"),
     "f.yaml:6:12: must be an expression, or a map {with, holds}, not a list"},
    {"require nothing", STEP("  require:\n"), "f.yaml:6:11: must be an expression, not nothing"},
    {"require is no condition", STEP("  require: size('abc')\n"),
     "f.yaml:6:12: a condition must be true or false; this is of type int"},
    {"require braces", STEP("  require: \"${payload.a}\"\n"),
     "f.yaml:6:12: a condition is a bare expression: leave out '${' and '}'"},
    {"require sees no answer", STEP("  require: response.status == 200\n"),
     "f.yaml:6:12: unknown name 'response'; known here: payload, command, steps"},
    {"require asks nothing", STEP("  require: {}\n"),
     "f.yaml:6:12: 'with' is missing\nf.yaml:6:12: 'holds' is missing"},
    {"require changes", STEP("  require: { with: { method: POST, path: / }, holds: 'true' }\n"),
     "f.yaml:6:20: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
    {"require unknown", STEP("  require: { " ASK ", hold: 'true' }\n"),
     "f.yaml:6:12: 'holds' is missing\nf.yaml:6:47: unknown field 'hold'; did you mean 'holds'?"},

    /* outputs */
    {"outputs", STEP("  outputs: [a]\n"), "f.yaml:6:12: must be a map of names to values, not a list"},
    {"outputs names", STEP("  outputs: { a-b: 1 }\n"),
     "f.yaml:6:14: 'a-b' is no name here: it must be a letter or '_', then letters, digits and '_', and not "
     "in, true, false or null"},
    {"external id", STEP("  outputs: { number: 1 }\n  external_id: nmber\n"),
     "f.yaml:7:16: 'nmber' is none of the step's outputs; did you mean 'number'?"},
    {"external id alone", STEP("  external_id: number\n"),
     "f.yaml:6:16: 'number' is none of the step's outputs"},
    {"broken outputs blame no others",
     STEP("  outputs: 5\n  external_id: x\n  undo: { with: { method: PUT, path: '/${outputs.y}' } }\n"),
     "f.yaml:6:12: must be a map of names to values, not a number"},

    /* check */
    {"check", STEP("  check: {}\n"), "f.yaml:6:10: 'with' is missing\nf.yaml:6:10: 'happened' is missing"},
    {"check unknown", STEP("  check: { " ASK ", happend: 'true' }\n"),
     "f.yaml:6:10: 'happened' is missing\nf.yaml:6:45: unknown field 'happend'; did you mean 'happened'?"},
    {"check changes", STEP("  check: { with: { method: POST, path: / }, happened: 'true' }\n"),
     "f.yaml:6:18: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
    {"check says that it does not only read",
     STEP("  check: { with: { method: POST, path: / }, reads: false, happened: 'true' }\n"),
     "f.yaml:6:18: a question must change nothing: use GET or HEAD, or say 'reads: true'"},
    {"check conditions",
     STEP("  check: { " ASK ", happened: 1, contradictory: \"'a'\", inconclusive: \"[]\" }\n"),
     "f.yaml:6:55: a condition must be true or false; this is of type int\n"
     "f.yaml:6:73: a condition must be true or false; this is of type string\n"
     "f.yaml:6:94: a condition must be true or false; this is of type list(dyn)"},
    {"check syntax", STEP("  check:\n    " ASK "\n    happened: >\n      response.status\n      == == 200\n"),
     "f.yaml:10:10: found \'==\' where a value is expected"},
    {"check times",
     STEP("  check: { " ASK
          ", happened: 'true', settle: 2, timeout: 0s, retry: { limit: { attempts: x } } }\n"),
     "f.yaml:6:71: '2' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m\n"
     "f.yaml:6:83: must be at least 1ms\n"
     "f.yaml:6:115: must be a whole number from 1 to 1000, not text"},
    {"check outputs missing", STEP("  outputs: { n: 1 }\n  check: { " ASK ", happened: 'true' }\n"),
     "f.yaml:7:10: the check needs 'outputs' too: when it finds that the step happened, they are all that "
     "later steps have"},
    {"check outputs differ",
     STEP("  outputs: { n: 1, url: 2 }\n  check: { " ASK ", happened: 'true', outputs: { m: 1, ulr: 2 } }\n"),
     "f.yaml:7:72: the step's output 'n' is missing: what the check finds replaces all of them\n"
     "f.yaml:7:72: the step's output 'url' is missing: what the check finds replaces all of them\n"
     "f.yaml:7:74: 'm' is none of the step's outputs\n"
     "f.yaml:7:80: 'ulr' is none of the step's outputs; did you mean 'url'?"},
    {"check outputs alone", STEP("  check: { " ASK ", happened: 'true', outputs: { m: 1 } }\n"),
     "f.yaml:6:74: 'm' is none of the step's outputs"},
    {"check sees no own outputs",
     STEP("  outputs: { n: 1 }\n  check: { with: { method: GET, path: '/${outputs.n}' }, happened: 'true', "
          "outputs: { n: 1 } }\n"),
     "f.yaml:7:43: unknown name 'outputs'; known here: payload, command, steps"},

    /* undo */
    {"undo", STEP("  undo: {}\n"), "f.yaml:6:9: 'with' is missing"},
    {"undo unknown", STEP("  undo: { with: { method: PUT, path: / }, outputs: {} }\n"),
     "f.yaml:6:43: unknown field 'outputs'"},
    {"undo check outputs",
     STEP("  undo: { with: { method: PUT, path: / }, check: { " ASK ", happened: 'true', outputs: {} } }\n"),
     "f.yaml:6:103: unknown field 'outputs'"},
    {"undo sees declared outputs",
     STEP("  outputs: { n: 1 }\n  undo: { with: { method: PUT, path: '/${outputs.m}' } }\n"),
     "f.yaml:7:50: object{n} has no field 'm'"},
    {"undo sees no answer", STEP("  undo: { with: { method: PUT, path: '/${response.body}' } }\n"),
     "f.yaml:6:42: unknown name 'response'; known here: payload, command, steps, outputs"},
    {"undo of a GET", GET("  undo: { with: { method: PUT, path: / } }\n"),
     "f.yaml:6:9: the step only reads (GET or HEAD): there is nothing to undo"},
    {"undo of what is irreversible",
     STEP("  irreversible: true\n  undo: { with: { method: PUT, path: / } }\n"),
     "f.yaml:6:17: a step that has an undo is not irreversible"},

    /* roll_back */
    {"roll back", STEP(MORE("on_failure: roll_back\n")),
     "f.yaml:3:3: on_failure: roll_back needs an 'undo' here: a later step may fail"},
};

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

static void test_roll_back(void **state)
{
    struct kit *kit = *state;
    kit_flow(kit, STEP("on_failure: roll_back\n")); /* nothing follows */
    kit_flow(kit, STEP("  irreversible: true\non_failure: roll_back\n"));
    /* before this one a roll back stops, and a person decides */
    kit_flow(kit, STEP("  irreversible: true\n" MORE("on_failure: roll_back\n")));
    kit_flow(kit, GET(MORE("on_failure: roll_back\n"))); /* nothing to take back */
    kit_flow(kit, STEP(MORE("on_failure: keep\n")));
    const struct flow *flow = kit_flow(
        kit, STEP("  undo: { with: { method: DELETE, path: /p } }\n" MORE("on_failure: roll_back\n")));
    assert_int_equal(flow->on_failure, FLOW_ROLL_BACK);
}

static void assert_retry(struct flow_retry retry, uint16_t attempts, uint8_t backoff, uint8_t jitter,
                         rc_us delay, rc_us max_delay, rc_us duration)
{
    assert_int_equal(retry.attempts, attempts);
    assert_int_equal(retry.backoff, backoff);
    assert_int_equal(retry.jitter, jitter);
    assert_int_equal(retry.delay, delay);
    assert_int_equal(retry.max_delay, max_delay);
    assert_int_equal(retry.duration, duration);
}

static void assert_default_retry(struct flow_retry retry)
{
    assert_retry(retry, 5, FLOW_EXPONENTIAL, FLOW_FULL_JITTER, RC_SECONDS(1), RC_SECONDS(60), 0);
}

static void test_defaults(void **state)
{
    struct kit *kit = *state;
    const struct flow *flow = kit_flow(
        kit, STEP("  check: { " ASK
                  ", happened: 'true' }\n  undo:\n    with: { method: PUT, path: / }\n    check: { " ASK
                  ", happened: 'true' }\n"
                  "  require: { " ASK ", holds: 'true' }\n"));
    const struct flow_step *step = &flow->steps[1];
    const struct flow_call *call = &step->call;
    assert_true(rc_sv_is(step->id, "a"));
    assert_int_equal(step->kind, FLOW_CALL);
    assert_int_equal(step->parent, 0);
    assert_int_equal(step->end, 2);
    assert_true(step->critical);
    assert_int_equal(step->nneeds, 0);
    assert_false(call->irreversible);
    assert_int_equal(call->external_id.n, 0);
    const struct flow_action *actions[] = {&call->act, &call->undo};
    for (int i = 0; i < 2; i++) {
        assert_true(actions[i]->present && actions[i]->request && actions[i]->check.present);
        assert_false(actions[i]->repeatable || actions[i]->reads_only || actions[i]->accepted);
        assert_int_equal(actions[i]->outputs, 0);
        assert_int_equal(actions[i]->timeout, RC_SECONDS(30));
        assert_default_retry(actions[i]->retry);
        const struct flow_check *check = &actions[i]->check;
        assert_int_equal(check->timeout, RC_SECONDS(30));
        assert_int_equal(check->settle, 0);
        assert_true(check->request && check->happened);
        assert_int_equal(check->contradictory + check->inconclusive + check->outputs, 0);
        assert_default_retry(check->retry);
    }
    assert_true(call->require.request && call->require.condition);
    assert_int_equal(call->require.timeout, RC_SECONDS(30));
    call = &kit_flow(kit, STEP(""))->steps[1].call;
    assert_false(call->undo.present || call->act.check.present);
    assert_int_equal(call->require.condition + call->require.request, 0);
}

/* GET and HEAD only read and may be repeated, unless the flow says otherwise; nothing else may. */
static void test_methods(void **state)
{
    struct kit *kit = *state;
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (int i = 0; i < 6; i++) {
        for (int said = 0; said < 3; said++) {
            struct rc_buf buf = rc_buf_in(kit->arena, 4096);
            rc_put_format(&buf, "flow: f\nsteps: [{ id: a, call: d, with: { method: %s, path: / }%s }]%c",
                          methods[i],
                          said == 0   ? ""
                          : said == 1 ? ", repeatable: false"
                                      : ", repeatable: true",
                          0);
            const struct flow_action *act = &kit_flow(kit, buf.p)->steps[1].call.act;
            assert_int_equal(act->reads_only, i < 2);
            assert_int_equal(act->repeatable, said == 0 ? i < 2 : said == 2);
        }
    }
}

static void test_every_field(void **state)
{
    struct kit *kit = *state;
    const struct flow *flow = kit_flow(
        kit,
        "flow: f\nsteps:\n- id: first\n  call: d\n  with: { method: GET, path: / }\n  outputs: { n: "
        "\"${response.body.n}\" }\n  external_id: n\n"
        "- id: a\n  description: words\n  call: e\n  needs: [first]\n  critical: false\n"
        "  require: steps.first.outputs.n > 3\n"
        "  with: { method: POST, path: /p, headers: { A: \"${secret('s')}\" } }\n"
        "  timeout: 250ms\n  retry: { delay: 2m, backoff: linear, jitter: none, limit: { attempts: 1000, "
        "duration: 1d } }\n"
        "  repeatable: true\n  accepted: true\n"
        "  outputs: { m: 1 }\n  external_id: m\n"
        "  check:\n    with: { method: POST, path: /q }\n    reads: true\n    settle: 1h\n    timeout: 1ms\n"
        "    happened: response.body.n == payload.n\n    contradictory: response.status == 409\n"
        "    inconclusive: response.status == 503\n    outputs: { m: 2 }\n"
        "    retry: { delay: 3s, max_delay: 4s, backoff: constant, jitter: equal }\n"
        "  undo:\n    with: { method: DELETE, path: \"/p/${outputs.m}\" }\n    timeout: 1h\n    retry: { "
        "limit: { attempts: 1 } }\n"
        "    repeatable: true\n    accepted: true\n"
        "    check: { " ASK ", happened: outputs.m == response.body }\n"
        "- id: c\n  call: d\n  irreversible: true\n  with: { method: POST, path: '/${has(steps.a) ? "
        "steps.a.external_id : string(0)}' }\n"
        "  require: { with: { method: HEAD, path: /r }, holds: response.status == 200, timeout: 2s }\n");
    assert_int_equal(flow->nsteps, 4);
    assert_int_equal(flow->ndependencies, 2);
    const struct flow_step *a = &flow->steps[2];
    assert_int_equal(a->nneeds, 1);
    assert_int_equal(a->needs[0], 1);
    assert_false(a->critical);
    assert_int_equal(a->call.dependency, 1);
    assert_true(a->call.require.condition && !a->call.require.request);
    const struct flow_action *act = &a->call.act;
    assert_int_equal(act->timeout, RC_MS(250));
    assert_retry(act->retry, 1000, FLOW_LINEARLY, FLOW_NO_JITTER, RC_SECONDS(120), RC_SECONDS(120),
                 RC_SECONDS(86400));
    assert_true(act->repeatable && act->accepted && !act->reads_only);
    assert_true(rc_sv_is(a->call.external_id, "m"));
    const struct flow_check *check = &act->check;
    assert_int_equal(check->settle, RC_SECONDS(3600));
    assert_int_equal(check->timeout, RC_MS(1));
    assert_retry(check->retry, 5, FLOW_CONSTANT, FLOW_EQUAL_JITTER, RC_SECONDS(3), RC_SECONDS(4), 0);
    assert_true(check->happened && check->contradictory && check->inconclusive && check->outputs);
    const struct flow_action *undo = &a->call.undo;
    assert_true(undo->present && undo->repeatable && undo->accepted && undo->check.present);
    assert_int_equal(undo->timeout, RC_SECONDS(3600));
    assert_int_equal(undo->retry.attempts, 1);
    assert_int_equal(undo->outputs, 0);
    const struct flow_step *c = &flow->steps[3];
    assert_true(c->call.irreversible);
    assert_true(c->critical);
    assert_int_equal(c->call.dependency, 0);
    assert_int_equal(c->call.require.timeout, RC_SECONDS(2));
    assert_true(rc_sv_is(flow->sites[c->call.require.condition].place, "steps.c.require.holds"));
    assert_true(rc_sv_is(flow->sites[undo->check.happened].place, "steps.a.undo.check.happened"));
    assert_true(rc_sv_is(flow->sites[act->request].place, "steps.a.with"));
    assert_true(rc_sv_is(flow->sites[check->outputs].place, "steps.a.check.outputs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_wrong),   KIT_TEST(test_roll_back),   KIT_TEST(test_defaults),
        KIT_TEST(test_methods), KIT_TEST(test_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
