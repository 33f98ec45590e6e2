/* Every field of a flow but its steps, right and wrong. */
#include "kit.h"

enum {
#define RC_COMMAND_STATE(code, slug, ended, text) code,
#include "states.def"
};

#define STEPS "steps:\n  - id: a\n    call: d\n    with: { method: POST, path: /p }\n"

static const struct {
    const char *name, *yaml, *errors;
} wrong[] = {
    {"nothing else", "flow: f\n", "f.yaml:1:1: 'steps' is missing"},
    {"name", "flow: 1f\n" STEPS,
     "f.yaml:1:7: '1f' is no name here: it must be a small letter, then small letters, digits, '_', '.' and "
     "'-'"},
    {"unknown", "flow: f\npaylod: {}\n" STEPS, "f.yaml:2:1: unknown field 'paylod'; did you mean 'payload'?"},
    {"object", "flow: f\nobject: { machine: p }\n" STEPS,
     "f.yaml:2:1: field 'object' is not supported in this version"},
    {"labels", "flow: f\nlabels: {}\n" STEPS, "f.yaml:2:1: field 'labels' is not supported in this version"},
    {"limit of a lane 0", "flow: f\nconcurrency: { limit: 0 }\n" STEPS,
     "f.yaml:2:23: must be from 1 to 100, not 0"},
    {"limit of a lane", "flow: f\nconcurrency: { limit: 101 }\n" STEPS,
     "f.yaml:2:23: must be from 1 to 100, not 101"},
    {"when full", "flow: f\nconcurrency: { when_full: refused }\n" STEPS,
     "f.yaml:2:27: 'refused' is none of queue, refuse, replace; did you mean 'refuse'?"},
    {"key of a lane", "flow: f\nconcurrency: { key: \"${steps.a.outputs}\" }\n" STEPS,
     "f.yaml:2:24: unknown name 'steps'; known here: payload"},
    {"field of a lane", "flow: f\nconcurrency: { keys: a }\n" STEPS,
     "f.yaml:2:16: unknown field 'keys'; did you mean 'key'?"},
    {"sensitive", "flow: f\nsensitive: []\n" STEPS,
     "f.yaml:2:1: field 'sensitive' is not supported in this version"},
    {"vars", "flow: f\nvars: x\n" STEPS, "f.yaml:2:1: field 'vars' is not supported in this version"},
    {"priority", "flow: f\npriority: 10\n" STEPS,
     "f.yaml:2:11: a priority is a whole number from 0 to 9, or an expression in ${…}"},
    {"priority -1", "flow: f\npriority: -1\n" STEPS,
     "f.yaml:2:11: a priority is a whole number from 0 to 9, or an expression in ${…}"},
    {"priority 1.5", "flow: f\npriority: 1.5\n" STEPS,
     "f.yaml:2:11: a priority is a whole number from 0 to 9, or an expression in ${…}"},
    {"priority as text", "flow: f\npriority: high\n" STEPS,
     "f.yaml:2:11: a priority is a whole number from 0 to 9, or an expression in ${…}"},
    {"trigger", "flow: f\ntrigger: x\n" STEPS,
     "f.yaml:2:1: field 'trigger' is not supported in this version"},
    {"runbook", "flow: f\ndiagnose: []\nconfirm: []\n" STEPS,
     "f.yaml:2:1: field 'diagnose' is not supported in this version\n"
     "f.yaml:3:1: field 'confirm' is not supported in this version"},
    {"description", "flow: f\ndescription: [a]\n" STEPS, "f.yaml:2:14: must be text, not a list"},
    {"description is nothing", "flow: f\ndescription:\n" STEPS, "f.yaml:2:13: must be text, not nothing"},
    {"key_reuse word", "flow: f\nkey_reuse: nver\n" STEPS,
     "f.yaml:2:12: 'nver' is none of never, after_end; did you mean 'never'?"},
    {"key_reuse twice", "flow: f\nkey_reuse: { after: 30d, after_end: [completed] }\n" STEPS,
     "f.yaml:2:12: say either 'after_end' or 'after'"},
    {"key_reuse of nothing", "flow: f\nkey_reuse: {}\n" STEPS,
     "f.yaml:2:12: say either 'after_end' or 'after'"},
    {"key_reuse unknown", "flow: f\nkey_reuse: { afer: 30d }\n" STEPS,
     "f.yaml:2:14: unknown field 'afer'; did you mean 'after'?"},
    {"key_reuse after what", "flow: f\nkey_reuse: { after: soon }\n" STEPS,
     "f.yaml:2:21: 'soon' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},
    {"key_reuse no states", "flow: f\nkey_reuse: { after_end: [] }\n" STEPS,
     "f.yaml:2:25: name at least one state"},
    {"key_reuse no list", "flow: f\nkey_reuse: { after_end: completed }\n" STEPS,
     "f.yaml:2:25: must be a list of states in which a command has ended, not text"},
    {"key_reuse state that has not ended", "flow: f\nkey_reuse: { after_end: [completed, failed] }\n" STEPS,
     "f.yaml:2:37: 'failed' is no state in which a command has ended"},
    {"key_reuse misspelt", "flow: f\nkey_reuse: { after_end: [canceled] }\n" STEPS,
     "f.yaml:2:26: 'canceled' is no state in which a command has ended; did you mean 'cancelled'?"},
    {"key", "flow: f\nkey: [a]\n" STEPS, "f.yaml:2:6: must be text or a single value, not a list"},
    {"key is nothing", "flow: f\nkey: ~\n" STEPS, "f.yaml:2:6: must be text, not nothing"},
    {"key of a map",
     "flow: f\npayload: { type: object, properties: { m: { type: object } } }\nkey: "
     "\"x${payload.m}\"\n" STEPS,
     "f.yaml:3:10: this is of type object{, …}, and text cannot be made of that"},
    {"key, unknown field",
     "flow: f\npayload: { type: object, properties: { project: { type: integer } } }\nkey: "
     "\"a/${payload.projct}\"\n" STEPS,
     "f.yaml:3:19: object{project} has no field 'projct'; did you mean 'project'?"},
    {"key sees only the payload", "flow: f\nkey: \"${command.actor}\"\n" STEPS,
     "f.yaml:2:9: unknown name 'command'; known here: payload"},
    {"key, no secrets", "flow: f\nkey: \"${secret('x')}\"\n" STEPS,
     "f.yaml:2:9: secret(…) may only stand where a value leaves: in headers"},
    {"no time", "flow: f\nkey: \"${now}\"\n" STEPS, "f.yaml:2:9: unknown name 'now'; known here: payload"},
    {"refs", "flow: f\nrefs: [a]\n" STEPS, "f.yaml:2:7: must be a map of names to texts, not a list"},
    {"refs wrong", "flow: f\nrefs: { A: b, c: [d], e: \"${x}\", f: }\n" STEPS,
     "f.yaml:2:9: 'A' is no name here: it must be a small letter, then small letters, digits, '_', '.' and "
     "'-'\n"
     "f.yaml:2:18: must be text or a single value, not a list\n"
     "f.yaml:2:29: unknown name 'x'; known here: payload\n"
     "f.yaml:2:37: must be text, not nothing"},
    {"on_failure", "flow: f\non_failure: keeep\n" STEPS,
     "f.yaml:2:13: 'keeep' is none of keep, roll_back, review; did you mean 'keep'?"},
    {"steps is a map", "flow: f\nsteps: { a: b }\n", "f.yaml:2:8: must be a list of steps, not a map"},
    {"no steps", "flow: f\nsteps: []\n", "f.yaml:2:8: a flow has at least one step"},
    {"steps is nothing", "flow: f\nsteps:\n", "f.yaml:2:7: must be a list of steps, not nothing"},
    {"all at once", "flow: f\nkey: \"${a}${b}\"\nrefs: { x: \"${c}\" }\nobject: 1\n",
     "f.yaml:2:9: unknown name 'a'; known here: payload\n"
     "f.yaml:2:13: unknown name 'b'; known here: payload\n"
     "f.yaml:3:15: unknown name 'c'; known here: payload\n"
     "f.yaml:4:1: field 'object' is not supported in this version"},
};

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

static void test_pointer(void **state)
{
    struct kit *kit = *state;
    assert_int_equal(kit_parse(kit, RC_SV("flow: f\nsteps:\n- id: a\n  call: d\n  with: { method: GET, path: "
                                          "/, query: { a/b~: \"${x}\" } }\n")),
                     RC_INVALID);
    assert_int_equal(kit->errors.n, 1);
    assert_string_equal(kit->errors.error[0].pointer, "/steps/0/with/query/a~1b~0");
    assert_string_equal(kit->errors.error[0].source, "f.yaml");
    assert_int_equal(kit->errors.error[0].status, RC_INVALID);
    assert_int_equal(kit_parse(kit, RC_SV("flow: f\nobject: 1\n" STEPS)), RC_UNSUPPORTED);
    assert_string_equal(kit->errors.error[0].pointer, "/object");
}

static void test_defaults(void **state)
{
    struct kit *kit = *state;
    const struct flow *flow = kit_flow(kit, "flow: f\n" STEPS);
    assert_true(rc_sv_is(flow->name, "f"));
    assert_null(flow->payload);
    assert_int_equal(flow->key, 0);
    assert_int_equal(flow->nrefs, 0);
    assert_int_equal(flow->on_failure, FLOW_KEEP);
    assert_int_equal(flow->nsteps, 2);
    assert_int_equal(flow->nsites, 2);
    assert_null(flow->sites[0].prog);
    assert_int_equal(flow->ndependencies, 1);
    assert_true(rc_sv_is(flow->dependencies[0], "d"));
    assert_int_equal(flow->steps[0].kind, FLOW_LINEAR);
    assert_int_equal(flow->steps[0].end, 2);
    assert_int_equal(flow->steps[0].id.n, 0);
    assert_int_equal(flow->id, 0);
    assert_true(rc_h128_eq(flow->digest, kit->one->digest));
    assert_int_equal(kit->one->called[0].line, 4);
    assert_int_equal(kit->one->called[0].column, 11);
}

static void test_every_field(void **state)
{
    struct kit *kit = *state;
    const struct flow *flow =
        kit_flow(kit, "flow: a.b-c_1\ndescription: words\nkey_reuse: never\non_failure: review\n"
                      "payload: { type: object, properties: { p: { type: integer } } }\n"
                      "key: \"${payload.p}/x\"\nrefs: { p: \"${payload.p}\", fixed: 7 }\n" STEPS);
    assert_true(rc_sv_is(flow->name, "a.b-c_1"));
    assert_int_equal(flow->on_failure, FLOW_REVIEW);
    assert_non_null(flow->payload);
    assert_int_equal(flow->nrefs, 2);
    assert_true(rc_sv_is(flow->refs[0].name, "p"));
    assert_true(rc_sv_is(flow->sites[flow->key].place, "key"));
    assert_true(rc_sv_is(flow->sites[flow->refs[1].value].place, "refs.fixed"));
    assert_int_equal(flow->sites[flow->key].line, 6);
    assert_int_equal(flow->sites[flow->key].column, 6);
    const char *const roots[FLOW_ROOTS] = {[FLOW_ROOT_PAYLOAD] = "{'p': 42}"};
    assert_string_equal(kit_eval(kit, flow, "key", roots), "\"42/x\"");
    assert_string_equal(kit_eval(kit, flow, "refs.p", roots), "\"42\"");
    assert_string_equal(kit_eval(kit, flow, "refs.fixed", roots), "\"7\"");
    assert_true(cel_prog_reads(flow->sites[flow->key].prog, FLOW_ROOT_PAYLOAD));
    assert_false(cel_prog_reads(flow->sites[flow->key].prog, FLOW_ROOT_COMMAND));
}

static void test_key_reuse(void **state)
{
    struct kit *kit = *state;
    const struct flow *flow = kit_flow(kit, "flow: f\nkey_reuse: never\n" STEPS);
    assert_int_equal(flow->key_reuse, FLOW_KEY_NEVER);
    flow = kit_flow(kit, "flow: f\nkey_reuse: after_end\n" STEPS);
    assert_int_equal(flow->key_reuse, FLOW_KEY_AFTER_END);
    static const uint32_t bit[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) ((uint32_t)(ended) << (code)),
#include "states.def"
    };
    uint32_t ended = 0;
    for (unsigned i = 0; i < sizeof bit / sizeof *bit; i++) ended |= bit[i];
    assert_int_equal(flow->key_states, ended);
    flow = kit_flow(kit, "flow: f\nkey_reuse: { after_end: [cancelled, rolled_back] }\n" STEPS);
    assert_int_equal(flow->key_reuse, FLOW_KEY_AFTER_END);
    assert_int_equal(flow->key_states, 1u << RC_CANCELLED | 1u << RC_ROLLED_BACK);
    flow = kit_flow(kit, "flow: f\nkey_reuse: { after: 30d }\n" STEPS);
    assert_int_equal(flow->key_reuse, FLOW_KEY_AFTER);
    assert_true(flow->key_after == RC_SECONDS(30 * 86400));
}

static void test_limits(void **state)
{
    struct kit *kit = *state;
    for (int more = 0; more < 2; more++) { /* refs */
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\n" STEPS "refs:\n");
        for (int i = 0; i < RC_MAX_REFS + more; i++) rc_put_format(&buf, "  r%d: x\n", i);
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:7:3: a command has at most 16 refs");
    for (int more = 0; more < 2; more++) { /* nodes: the root is one */
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\nsteps:\n");
        for (int i = 1; i < RC_MAX_NODES + more; i++)
            rc_put_format(&buf, "- { id: s%d, call: d%d, with: { method: GET, path: '/${payload.x}' } }\n", i,
                          i % 7);
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
        if (more) break;
        assert_int_equal(kit->one->flow->nsteps, RC_MAX_NODES);
        assert_int_equal(kit->one->flow->ndependencies, 7);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:3:1: a flow has at most 1023 steps");
}

/* A step with all of these has 8 expressions: 1023 of them and 7 refs are 8191 sites. One more is too many. */
static void test_sites(void **state)
{
    struct kit *kit = *state;
    for (int more = 0; more < 2; more++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\nrefs: { a: a, b: a, c: a, d: a, e: a, f: a, g: a }\n");
        rc_put_text(&buf, more ? "key: k\nsteps:\n" : "steps:\n");
        for (int i = 1; i < RC_MAX_NODES; i++)
            rc_put_format(
                &buf,
                "- {id: s%d, call: d, require: true, with: {method: PUT, path: /}, outputs: {o: 1},\n"
                "  check: {with: {method: GET, path: /}, happened: true, contradictory: false, outputs: {o: "
                "1}},\n"
                "  undo: {with: {method: PUT, path: /}}}\n",
                i);
        assert_int_equal(buf.status, RC_OK);
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
        if (!more) assert_int_equal(kit->one->flow->nsites, RC_MAX_SITES);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:3073:16: the flow has more than 8191 expressions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_wrong),     KIT_TEST(test_pointer), KIT_TEST(test_defaults), KIT_TEST(test_every_field),
        KIT_TEST(test_key_reuse), KIT_TEST(test_limits),  KIT_TEST(test_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
