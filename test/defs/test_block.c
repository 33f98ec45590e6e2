/* Blocks, loops, and what stands in them: the tree that they make, and every field, right and wrong. */
#include "kit.h"

/* ---- the tree as one line of text: KIND:id(children), with what was set behind it */

static void put_block(struct rc_buf *buf, const struct flow_step *step)
{
    static const char *const join[] = {"", " any", " quorum"};
    static const char *const undo[] = {"", " failed_branch", " block"};
    const struct flow_block *block = &step->block;
    rc_put_text(buf, join[block->join]);
    if (block->join == FLOW_JOIN_QUORUM) rc_put_format(buf, "=%u", block->quorum);
    if (block->on_error == FLOW_CONTINUE) rc_put_text(buf, " continue");
    if (block->running == FLOW_RUNNING_CANCEL) rc_put_text(buf, " cancel");
    rc_put_text(buf, undo[block->undo]);
    if (block->surplus == FLOW_SURPLUS_UNDO) rc_put_text(buf, " surplus");
    if (block->undecided) rc_put_format(buf, " undecided=%u", block->undecided);
    if (block->width) rc_put_format(buf, " width=%u", block->width);
    if (step->copies != 1) rc_put_format(buf, " x%u", step->copies);
}

static void put_tree(struct rc_buf *buf, const struct flow *flow, flow_node at)
{
    const struct flow_step *step = &flow->steps[at];
    rc_put_text(buf, flow_kind_word(step->kind));
    if (step->id.n) rc_put_format(buf, ":%.*s", RC_SV_ARG(step->id));
    for (uint16_t i = 0; i < step->nneeds; i++) rc_put_format(buf, "<%u", step->needs[i]);
    if (step->cond) rc_put_char(buf, '?');
    if (!step->critical) rc_put_char(buf, '~');
    put_block(buf, step);
    if (!flow_is_block(step->kind)) return;
    rc_put_char(buf, '(');
    for (flow_node child = flow_first_child(flow, at); child != FLOW_NONE;
         child = flow_next_sibling(flow, child)) {
        assert_int_equal(flow->steps[child].parent, at);
        if (child != at + 1) rc_put_char(buf, ' ');
        put_tree(buf, flow, child);
    }
    rc_put_char(buf, ')');
}

static const char *tree_of(struct kit *kit, const struct flow *flow)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    put_tree(&buf, flow, 0);
    rc_put_char(&buf, 0);
    assert_int_equal(buf.status, RC_OK);
    return buf.p;
}

#define GET(id)       "{ id: " id ", call: d, with: { method: GET, path: / } }"
#define GETS(id, too) "{ id: " id ", call: d, with: { method: GET, path: / }, " too " }"

static const struct {
    const char *steps, *tree;
} shaped[] = {
    {"- " GET("a") "\n- { id: b, linear: [" GET("c") ", " GET("e") "] }\n- " GET("f") "\n",
     "linear(call:a linear:b(call:c call:e) call:f)"},
    {"- { id: b, linear: [" GET("c") "], on_error: continue, undo: failed_branch, critical: false,\n"
                                     "    if: payload.x }\n",
     "linear(linear:b?~ continue failed_branch(call:c))"},
    {"- id: b\n  parallel: [" GET("c") ", " GETS("e", "needs: [c]") "]\n  width: 2\n  running: cancel\n"
                                                                    "  undo: block\n",
     "linear(parallel:b cancel block width=2(call:c call:e<2))"},
    /* where not all branches are needed, each is a line, and what says when it is done is the line's */
    {"- id: b\n  join: any\n  surplus: undo\n  parallel:\n  - " GETS(
         "c",
         "critical: false, if: payload.x") "\n  - { id: e, linear: [" GET("f") "] }\n  - " GETS("g",
                                                                                                "needs: [c, "
                                                                                                "e]") "\n",
     "linear(parallel:b any surplus(linear?~(call:c) linear:e(call:f) linear<2<4(call:g)))"},
    {"- id: b\n  join: { quorum: 2 }\n  parallel:\n  - " GETS(
         "c",
         "fallback: [" GET("e") "]") "\n  - { id: f, linear: [" GET("g") "], fallback: [" GET("h") "] }\n",
     "linear(parallel:b quorum=2 block(linear(fallback(call:c linear(call:e))) "
     "linear(fallback(linear:f(call:g) linear(call:h)))))"},
    {"- id: b\n  join: { quorum: 1 }\n  undo: none\n  parallel: [" GET("c") "]\n",
     "linear(parallel:b quorum=1(linear(call:c)))"},
    {"- id: p\n  choose:\n  - if: payload.x\n    steps: [" GET("a") ", " GET(
         "b") "]\n"
              "  - { if: payload.y, steps: [] }\n  - else: [" GET("c") "]\n  on_error: fail\n",
     "linear(choose:p undecided=2(linear?(call:a call:b) linear?() linear(call:c)))"},
    {"- id: p\n  choose:\n  - if: payload.x\n    steps: [" GET("a") "]\n  - else: []\n",
     "linear(choose:p(linear?(call:a) linear()))"},
    {"- { id: s, each: \"${payload.items}\", max: 100, steps: [" GET("a") "] }\n",
     "linear(each:s width=10 x100(linear(call:a)))"},
    {"- { id: s, each: [1, 2], max: 2, width: 1, join: { quorum: 2 }, undo: none, steps: [" GET("a") "] }\n",
     "linear(each:s quorum=2 width=1 x2(linear(call:a)))"},
    {"- { id: r, repeat: { max: 7, until: \"index > 3\" }, steps: [" GET("a") ", " GET("b") "] }\n",
     "linear(repeat:r x7(linear(call:a call:b)))"},
    {"- { id: n, sleep: 5s }\n- { id: t, set: { x: 1 }, needs: [n] }\n", "linear(sleep:n set:t<1)"},
    /* a pair is what others need, and what may be left out */
    {"- " GETS("a", "if: payload.x, critical: false, fallback: [" GET("b") ", " GET("c") "]") "\n- " GETS(
         "e", "needs: [a]") "\n",
     "linear(fallback?~(call:a linear(call:b call:c)) call:e<1)"},
    {"- { id: a, repeat: { max: 1, until: true }, steps: [" GET("b") "], fallback: [" GET("c") "] }\n",
     "linear(fallback(repeat:a(linear(call:b)) linear(call:c)))"},
};

static void test_shapes(void **state)
{
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof shaped / sizeof *shaped; i++) {
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 16);
        rc_put_format(&buf, "flow: f\nsteps:\n%s", shaped[i].steps);
        rc_put_char(&buf, 0);
        assert_string_equal(tree_of(kit, kit_flow(kit, buf.p)), shaped[i].tree);
    }
}

/* ---- every field, wrong */

#define B(fields) "- id: b\n  linear: [" GET("c") "]\n" fields /* a line, whose own fields begin in line 5 */
#define P(fields) "- id: b\n" fields "  parallel: [" GET("c") ", " GET("e") "]\n"    /* in line 4 */
#define E(fields) "- id: b\n  each: [1]\n  max: 3\n  steps: [" GET("c") "]\n" fields /* in line 7 */
#define R(fields) "- id: b\n  steps: [" GET("c") "]\n  repeat: " fields "\n" /* in line 5, column 11 */

static const struct {
    const char *name, *steps, *errors;
} wrong[] = {
    /* what a step is */
    {"two things", "- { id: a, call: d, with: { method: GET, path: / }, sleep: 1s }\n",
     "f.yaml:3:53: a step does one thing, and here are 'call' and 'sleep'"},
    {"two blocks", "- { id: a, linear: [], each: [] }\n",
     "f.yaml:3:24: a step does one thing, and here are 'linear' and 'each'"},
    {"misspelt", "- { id: a, paralel: [] }\n",
     "f.yaml:3:3: 'call' is missing\nf.yaml:3:3: 'with' is missing\n"
     "f.yaml:3:12: unknown field 'paralel'; did you mean 'parallel'?"},
    {"field of others", "- { id: a, sleep: 1s, width: 2, timeout: 3s, until: 1, undo: none }\n",
     "f.yaml:3:23: 'width' is no field of a step with 'sleep', but of one with 'parallel', 'each'\n"
     "f.yaml:3:33: 'timeout' is no field of a step with 'sleep', but of one with 'call'\n"
     "f.yaml:3:46: unknown field 'until'\n"
     "f.yaml:3:56: 'undo' is no field of a step with 'sleep', but of one with 'call', 'linear', 'parallel', "
     "'choose', 'each', 'repeat'"},
    {"running in a line", B("  running: cancel\n"),
     "f.yaml:5:3: 'running' is no field of a step with 'linear', but of one with 'parallel', 'each'"},
    {"no id", "- linear: [" GET("c") "]\n", "f.yaml:3:3: 'id' is missing"},

    /* ids and needs */
    {"id within", "- { id: a, linear: [" GET("a") "] }\n", "f.yaml:3:27: two steps have the id 'a'"},
    {"id of an earlier block's", B("- " GET("c") "\n"), "f.yaml:5:9: two steps have the id 'c'"},
    {"id in a fallback", "- " GETS("a", "fallback: [" GET("a") "]") "\n",
     "f.yaml:3:70: two steps have the id 'a'"},
    {"needs what stands in a block", B("- " GETS("f", "needs: [c]") "\n"),
     "f.yaml:5:61: 'c' does not stand before this step in the same block: name the block that it stands in"},
    {"needs what stands around", "- " GET("a") "\n- { id: b, linear: [" GETS("c", "needs: [a]") "] }\n",
     "f.yaml:4:79: 'a' does not stand before this step in the same block: name the block that it stands in"},
    {"needs its block", "- { id: b, linear: [" GETS("c", "needs: [b]") "] }\n",
     "f.yaml:3:79: 'b' does not stand before this step in the same block: name the block that it stands in"},
    {"needs itself", "- " GETS("a", "needs: [a]") "\n", "f.yaml:3:61: 'a' is no earlier step"},
    {"needs a later branch", P("") "- " GETS("f", "needs: [g]") "\n- " GET("g") "\n",
     "f.yaml:5:61: 'g' is no earlier step"},
    {"needs twice", P("") "- " GETS("f", "needs: [b, b]") "\n", "f.yaml:5:64: 'b' is here twice"},

    /* lists of steps */
    {"linear is a map", "- { id: b, linear: { id: c } }\n",
     "f.yaml:3:20: must be a list of steps, not a map"},
    {"linear is empty", "- { id: b, linear: [] }\n", "f.yaml:3:20: a block has at least one step"},
    {"parallel is empty", "- { id: b, parallel: [] }\n", "f.yaml:3:22: a block has at least one step"},
    {"a text in it", "- { id: b, parallel: [c] }\n", "f.yaml:3:23: must be a map of fields, not text"},
    {"steps are empty", "- { id: b, each: [1], max: 1, steps: [] }\n",
     "f.yaml:3:38: there is at least one step here"},
    {"fallback is empty", "- " GETS("a", "fallback: []") "\n",
     "f.yaml:3:63: there is at least one step here"},
    {"fallback is a step", "- " GETS("a", "fallback: " GET("c")) "\n",
     "f.yaml:3:63: must be a list of steps, not a map"},
    {"fallback of a sleep", "- { id: a, sleep: 1s, fallback: [" GET("c") "] }\n",
     "f.yaml:3:23: 'fallback' is no field of a step with 'sleep', but of one with 'call', 'linear', "
     "'parallel', 'choose', 'each', 'repeat', 'wait', 'confirm', 'flow'"},
    {"fallback of a set", "- { id: a, set: {}, fallback: [" GET("c") "] }\n",
     "f.yaml:3:21: 'fallback' is no field of a step with 'set', but of one with 'call', 'linear', "
     "'parallel', 'choose', 'each', 'repeat', 'wait', 'confirm', 'flow'"},

    /* blocks */
    {"on_error", B("  on_error: escalate\n"), "f.yaml:5:13: 'escalate' is none of fail_fast, continue"},
    {"undo", B("  undo: branch\n"), "f.yaml:5:9: 'branch' is none of none, failed_branch, block"},
    {"undo is an action", B("  undo: { with: {} }\n"), "f.yaml:5:9: must be text, not a map"},
    {"width 0", P("  width: 0\n"), "f.yaml:4:10: must be from 1 to 4096, not 0"},
    {"width", P("  width: 4097\n"), "f.yaml:4:10: must be from 1 to 4096, not 4097"},
    {"width is all", P("  width: all\n"), "f.yaml:4:10: must be a whole number from 1 to 4096, not text"},
    {"join", P("  join: quorum\n"), "f.yaml:4:9: 'quorum' is none of all, any"},
    {"join is a number", P("  join: 1\n"), "f.yaml:4:9: '1' is none of all, any"},
    {"quorum is missing", P("  join: {}\n"), "f.yaml:4:9: 'quorum' is missing"},
    {"quorum of 0", P("  join: { quorum: 0 }\n"), "f.yaml:4:19: must be from 1 to 4096, not 0"},
    {"quorum of more", P("  join: { quorum: 3 }\n"),
     "f.yaml:4:9: a quorum of 3 cannot be reached: there are at most 2 branches"},
    {"quorum of more items", E("  join: { quorum: 4 }\n"),
     "f.yaml:7:9: a quorum of 4 cannot be reached: there are at most 3 branches"},
    {"surplus of all", P("  surplus: keep\n"),
     "f.yaml:4:12: with 'join: all' no branch is left over: 'surplus' is for 'any' and 'quorum'"},
    {"surplus", P("  join: any\n  surplus: none\n"), "f.yaml:5:12: 'none' is none of keep, undo"},
    {"running", P("  running: stop\n"), "f.yaml:4:12: 'stop' is none of wait, cancel"},
    {"running goes on", P("  on_error: continue\n  running: wait\n"),
     "f.yaml:5:12: with 'on_error: continue' nothing that runs is ever stopped: leave out 'running'"},

    /* choose */
    {"no list", "- { id: p, choose: {} }\n",
     "f.yaml:3:20: must be a list of cases {if, steps}, and the last one {else}, not a map"},
    {"no case", "- id: p\n  choose: [ else: [] ]\n",
     "f.yaml:4:11: a choose has at least one case {if, steps}, and {else}"},
    {"no else", "- id: p\n  choose:\n  - { if: true, steps: [] }\n  - { if: true, steps: [] }\n",
     "f.yaml:6:5: the last case is 'else: [ STEPS ]' ('else: []' where nothing is to be done)"},
    {"else first", "- id: p\n  choose:\n  - else: []\n  - { if: true, steps: [] }\n  - else: []\n",
     "f.yaml:5:5: 'else' is the last case: what stands behind it is never done"},
    {"else with if", "- id: p\n  choose:\n  - { if: true, steps: [] }\n  - { else: [], if: true }\n",
     "f.yaml:6:17: unknown field 'if'"},
    {"no steps", "- id: p\n  choose:\n  - { if: true }\n  - else: []\n", "f.yaml:5:5: 'steps' is missing"},
    {"case of a text", "- id: p\n  choose:\n  - x\n  - else: []\n",
     "f.yaml:5:5: must be a map of fields, not text"},
    {"if",
     "- id: p\n  choose:\n  - { if: payload.a + 1, steps: [] }\n  - { if: 1, steps: [] }\n"
     "  - else: []\n",
     "f.yaml:5:11: a condition must be true or false; this is of type int\n"
     "f.yaml:6:11: a condition must be true or false; this is of type int"},
    {"on_error of a choose",
     "- id: p\n  choose:\n  - { if: true, steps: [] }\n  - else: []\n"
     "  on_error: continue\n",
     "f.yaml:7:13: 'continue' is none of escalate, else, fail"},

    /* each */
    {"no list of items", "- { id: b, each: \"${command.key}\", max: 1, steps: [" GET("c") "] }\n",
     "f.yaml:3:18: each needs a list; this is of type string"},
    {"items of a map", "- { id: b, each: { a: 1 }, max: 1, steps: [" GET("c") "] }\n",
     "f.yaml:3:18: each needs a list; this is of type map(string, int)"},
    {"each without", "- { id: b, each: [1] }\n",
     "f.yaml:3:3: 'max' is missing\nf.yaml:3:3: 'steps' is missing"},
    {"max 0", "- { id: b, each: [1], max: 0, steps: [" GET("c") "] }\n",
     "f.yaml:3:28: must be from 1 to 4096, not 0"},
    {"max", "- { id: b, each: [1], max: 4097, steps: [" GET("c") "] }\n",
     "f.yaml:3:28: must be from 1 to 4096, not 4097"},
    {"width of items", E("  width: 0\n"), "f.yaml:7:10: must be from 1 to 4096, not 0"},
    {"item outside", "- { id: b, each: \"${[item, index]}\", max: 1, steps: [" GET("c") "] }\n",
     "f.yaml:3:22: unknown name 'item'; known here: payload, command, steps"},
    {"item of a pass", R("{ max: 2, until: item == 1 }"),
     "f.yaml:5:28: unknown name 'item'; known here: payload, command, steps, index"},
    {"index behind", E("- { id: x, set: { i: \"${index}\" } }\n"),
     "f.yaml:7:25: unknown name 'index'; known here: payload, command, steps"},

    /* repeat */
    {"no repeat", R("20"), "f.yaml:5:11: must be a map of fields, not a number"},
    {"repeat without", R("{}"), "f.yaml:5:11: 'max' is missing\nf.yaml:5:11: 'until' is missing"},
    {"repeat unknown", R("{ max: 1, until: true, evry: 1s }"),
     "f.yaml:5:34: unknown field 'evry'; did you mean 'every'?"},
    {"repeat spans", R("{ max: 4097, until: true, every: 1, within: 3651d }"),
     "f.yaml:5:18: must be from 1 to 4096, not 4097\n"
     "f.yaml:5:44: '1' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m\n"
     "f.yaml:5:55: must be at most 3650d"},
    {"until", R("{ max: 1, until: steps.x }"), "f.yaml:5:34: object{c} has no field 'x'"},
    {"until is text", R("{ max: 1, until: \"'x'\" }"),
     "f.yaml:5:28: a condition must be true or false; this is of type string"},

    /* sleep, set */
    {"sleep", "- { id: n, sleep: soon }\n",
     "f.yaml:3:19: 'soon' is no span of time: write a number and us, ms, s, m, h or d, like 30s or 1h30m"},
    {"sleep 0", "- { id: n, sleep: 0s }\n", "f.yaml:3:19: must be at least 1ms"},
    {"sleep for ever", "- { id: n, sleep: 3651d }\n", "f.yaml:3:19: must be at most 3650d"},
    {"sleep until", "- { id: n, sleep: {} }\n", "f.yaml:3:19: 'until' is missing"},
    {"sleep until text", "- { id: n, sleep: { until: \"${command.key}\" } }\n",
     "f.yaml:3:28: must be a timestamp or a duration; this is of type string; timestamp(…) or duration(…) "
     "makes one of it"},
    {"sleep until a number", "- { id: n, sleep: { until: 5 } }\n",
     "f.yaml:3:28: must be a timestamp or a duration; this is of type int"},
    {"set", "- { id: n, set: 1 }\n", "f.yaml:3:17: must be a map of names to values, not a number"},
    {"set names", "- { id: n, set: { a-b: 1 } }\n",
     "f.yaml:3:19: 'a-b' is no name here: it must be a letter or '_', then letters, digits and '_', and not "
     "in, true, false or null"},
    {"set sees no secrets", "- { id: n, set: { a: \"${secret('x')}\" } }\n",
     "f.yaml:3:25: secret(…) may only stand where a value leaves: in headers"},
};

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect_steps(*state, wrong[i].name, wrong[i].steps, wrong[i].errors);
}

/* ---- every field, right */

static flow_node at(const struct flow *flow, const char *id)
{
    flow_node node = flow_find(flow, rc_sv_of(id));
    assert_int_not_equal(node, FLOW_NONE);
    return node;
}

static void assert_silent(const struct flow_step *step, uint32_t outputs)
{
    assert_true(step->call.act.reads_only && step->call.act.repeatable && !step->call.act.present);
    assert_true(flow_nothing_to_undo(&step->call));
    assert_int_equal(step->call.outputs ? step->call.outputs->nfields : 0, outputs);
}

static void test_every_field(void **state)
{
    struct kit *kit = *state;
    const struct flow *flow = kit_flow(
        kit, "flow: f\nsteps:\n- id: n\n  description: words\n  sleep: 1h30m\n"
             "- { id: t, sleep: { until: \"${timestamp(payload.at)}\" } }\n"
             "- { id: x, sleep: { until: \"${payload.span}\" } }\n"
             "- { id: s, set: { sum: \"${payload.a + payload.b}\", fixed: [1, { b: true }], text: "
             "'a${payload.a}' } }\n"
             "- { id: none, set: {} }\n"
             "- { id: e, each: \"${payload.items}\", max: 4, if: payload.a == 1, steps: [ { id: i, set: { "
             "v: \"${item.n + index}\" } } ] }\n"
             "- { id: r, repeat: { max: 4, every: 2s, within: 5m, until: index == 1 && steps.l.outputs.v }, "
             "steps: [ { id: l, set: { v: true } } ] }\n"
             "- { id: p, choose: [ { if: payload.a == 2, steps: [] }, { else: [] } ] }\n");
    const struct flow_step *step = &flow->steps[at(flow, "n")];
    assert_int_equal(step->sleep.span, RC_SECONDS(5400));
    assert_int_equal(step->sleep.until, 0);
    assert_silent(step, 0);
    step = &flow->steps[at(flow, "t")];
    assert_int_equal(step->sleep.span, 0);
    assert_true(rc_sv_is(flow->sites[step->sleep.until].place, "steps.t.sleep.until"));
    step = &flow->steps[at(flow, "s")];
    assert_silent(step, 3);
    assert_true(rc_sv_is(flow->sites[step->values].place, "steps.s.set"));
    assert_silent(&flow->steps[at(flow, "none")], 0);
    step = &flow->steps[at(flow, "e")];
    assert_true(rc_sv_is(flow->sites[step->loop.list].place, "steps.e.each"));
    assert_true(rc_sv_is(flow->sites[step->cond].place, "steps.e.if"));
    assert_int_equal(step->copies, 4);
    step = &flow->steps[at(flow, "r")];
    assert_int_equal(step->copies, 4);
    assert_int_equal(step->loop.every, RC_SECONDS(2));
    assert_int_equal(step->loop.within, RC_SECONDS(300));
    assert_true(rc_sv_is(flow->sites[step->loop.until].place, "steps.r.repeat.until"));
    step = &flow->steps[at(flow, "p") + 1];
    assert_true(rc_sv_is(flow->sites[step->cond].place, "steps.p.choose.0.if"));

    const char *const roots[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = "{'a': 1, 'b': 2, 'at': '2030-01-01T00:00:00Z', 'items': [1, 2]}",
        [FLOW_ROOT_ITEM] = "{'n': 5}",
        [FLOW_ROOT_INDEX] = "1",
        [FLOW_ROOT_STEPS] = "{'l': {'outputs': {'v': true}}}"};
    assert_string_equal(kit_eval(kit, flow, "steps.s.set", roots),
                        "{\"fixed\":[1,{\"b\":true}],\"sum\":3,\"text\":\"a1\"}");
    assert_string_equal(kit_eval(kit, flow, "steps.e.each", roots), "[1,2]");
    assert_string_equal(kit_eval(kit, flow, "steps.e.steps.i.set", roots), "{\"v\":6}");
    assert_string_equal(kit_eval(kit, flow, "steps.e.if", roots), "true");
    assert_string_equal(kit_eval(kit, flow, "steps.r.repeat.until", roots), "true");
    assert_string_equal(kit_eval(kit, flow, "steps.p.choose.0.if", roots), "false");
}

/* What calls in blocks ask for is looked at like that of others. */
static void test_asked(void **state)
{
    struct kit *kit = *state;
    struct defs_file file = {
        .source = RC_SV("f.yaml"),
        .text =
            RC_SV("dependency: d\nkind: http\nbase: http://h\n---\n"
                  "dependency: host\nkind: program\nprograms: [/bin/true]\n---\n"
                  "flow: f\nsteps:\n- id: p\n  parallel:\n"
                  "  - { id: a, call: dd, with: { method: GET, path: / } }\n"
                  "  - { id: b, linear: [ { id: c, call: d, with: { program: /bin/true } } ] }\n"
                  "- { id: e, call: host, with: { program: /bin/true }, undo: none,\n"
                  "    fallback: [ { id: g, call: host, with: { program: /bin/false }, undo: none } ] }\n")};
    assert_int_equal(defs_load(&file, 1, kit->arena, &kit->one, &kit->n, &kit->errors), RC_INVALID);
    assert_string_equal(kit_errors(kit),
                        "f.yaml:13:20: the dependency 'dd' is not defined; did you mean 'd'?\n"
                        "f.yaml:14:48: the dependency 'd' is of kind http: it is called with 'method'\n"
                        "f.yaml:16:44: the dependency 'host' does not list the program /bin/false");
}

/* Memory that ends anywhere is an answer. */
static void test_memory(void **state)
{
    struct kit *kit = *state;
    static const char text[] =
        "flow: f\non_failure: roll_back\nsteps:\n- id: p\n  join: { quorum: 1 }\n  undo: none\n  parallel:\n"
        "  - { id: a, set: { o: 1 }, critical: false }\n"
        "  - { id: b, needs: [a], if: has(steps.a), set: { o: \"${steps.a.outputs.o}\" } }\n"
        "  - { id: c, linear: [" GET("c1") "], fallback: [" GET(
            "c2") "] }\n"
                  "- id: q\n  choose:\n  - { if: has(steps.c1), steps: [ { id: d, sleep: 1s } ] }\n  - else: "
                  "[]\n"
                  "- { id: e, each: [1, 2], max: 2, steps: [" GET(
                      "e1") ", { id: e2, sleep: 1s } ] }\n"
                            "- { id: r, repeat: { max: 2, until: steps.r1.outputs.o == 1 }, steps: [ { id: "
                            "r1, set: { o: 1 } } ] }\n";
    unsigned refusals = 0;
    enum rc_status status = RC_LIMIT;
    for (size_t limit = 0; status != RC_OK; limit += 64) {
        struct rc_arena *small = rc_arena_new(0, limit);
        assert_non_null(small);
        assert_true(limit < 1 << 20);
        status = defs_parse((struct defs_file){RC_SV("f.yaml"), rc_sv_of(text)}, small, &kit->one, &kit->n,
                            &kit->errors);
        refusals += status == RC_LIMIT;
        if (status != RC_OK) assert_int_equal(status, RC_LIMIT);
        rc_arena_free(small);
    }
    assert_true(refusals > 50);
}

/* ---- limits */

static void put_levels(struct rc_buf *buf, const char *begin, const char *end, int n)
{
    rc_put_text(buf, "flow: f\nsteps: [");
    for (int i = 0; i < n; i++) rc_put_format(buf, begin, i);
    rc_put_text(buf, GET("last"));
    for (int i = 0; i < n; i++) rc_put_text(buf, end);
    rc_put_text(buf, "]\n");
}

static void parses(struct kit *kit, const struct rc_buf *buf, enum rc_status status, const char *errors)
{
    assert_int_equal(buf->status, RC_OK);
    assert_int_equal(kit_parse(kit, rc_buf_sv(buf)), status);
    assert_string_equal(kit_errors(kit), errors);
}

/* Blocks in blocks, of each kind that can stand in itself. */
static void test_depth(void **state)
{
    static const struct {
        const char *begin, *end, *error;
    } level[] = {
        {"{ id: a%d, linear: [", "] }", "f.yaml:2:338: blocks stand in blocks more than 16 deep"},
        {"{ id: a%d, parallel: [", "] }", "f.yaml:2:372: blocks stand in blocks more than 16 deep"},
        {"{ id: a%d, join: any, parallel: [", "] }",
         "f.yaml:2:559: blocks stand in blocks more than 16 deep"},
        {"{ id: a%d, repeat: { max: 1, until: true }, steps: [", "] }",
         "f.yaml:2:882: blocks stand in blocks more than 16 deep"},
        {"{ id: a%d, call: d, with: { method: GET, path: / }, fallback: [", "] }",
         "f.yaml:2:1069: blocks stand in blocks more than 16 deep"},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof level / sizeof *level; i++)
        for (int more = 0; more < 2; more++) {
            struct rc_buf buf = rc_buf_in(kit->arena, 1 << 16);
            put_levels(&buf, level[i].begin, level[i].end, RC_MAX_FLOW_DEPTH + more);
            parses(kit, &buf, more ? RC_LIMIT : RC_OK, more ? level[i].error : "");
        }
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20); /* far beyond: it is the YAML that is too deep */
    put_levels(&buf, "{ id: a%d, linear: [", "] }", 10000);
    assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), RC_LIMIT);
}

static void test_nodes(void **state)
{
    struct kit *kit = *state;
    for (int more = 0; more < 2; more++) { /* the root, a block, and a line around each of its branches */
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\nsteps:\n- id: p\n  join: any\n  parallel:\n");
        for (int i = 0; i < (RC_MAX_NODES - 2) / 2; i++)
            rc_put_format(&buf, "  - { id: s%d, sleep: 1s }\n", i);
        if (more) rc_put_text(&buf, "  - { id: x, sleep: 1s }\n  - { id: y, sleep: 1s }\n");
        parses(kit, &buf, more ? RC_LIMIT : RC_OK,
               more ? "f.yaml:517:5: a flow has at most 1023 steps and blocks" : "");
        if (!more) assert_int_equal(kit->one->flow->nsteps, RC_MAX_NODES);
    }
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20); /* said once, wherever it stands */
    rc_put_text(&buf, "flow: f\nsteps:\n- id: p\n  linear:\n");
    for (int i = 0; i < 4000; i++) rc_put_format(&buf, "  - { id: s%d, sleep: 1s }\n", i);
    parses(kit, &buf, RC_LIMIT, "f.yaml:1027:5: a flow has at most 1023 steps and blocks");
}

static void test_instances(void **state)
{
    struct kit *kit = *state;
    /* the root, the each, and for each item a line with a step */
    kit_expect_steps(
        kit, "as many as there can be",
        "- " GET("a") "\n- " GET("b") "\n- { id: s, each: [], max: 2046, steps: [" GET("c") "] }\n", "");
    assert_int_equal(kit->one->flow->ninstances, RC_MAX_INSTANCES);
    kit_expect_steps(
        kit, "one more",
        "- " GET("a") "\n- " GET("b") "\n- " GET("e") "\n- { id: s, each: [], max: 2046, steps: [" GET(
            "c") "] }\n",
        "f.yaml:6:3: a command would have 4097 steps and blocks, with as many of a loop as it may make; at "
        "most 4096 can be");
    kit_expect_steps(
        kit, "the largest loop is to blame",
        "- { id: r, each: [], max: 9, steps: [" GET(
            "a") "] }\n"
                 "- { id: b, linear: [{ id: s, each: [], max: 100, steps: [{ id: t, repeat: { max: 100, "
                 "until: true }, "
                 "steps: [" GET("c") "] }] }] }\n",
        "f.yaml:4:21: a command would have 20222 steps and blocks, with as many of a loop as it may make; at "
        "most 4096 can be");
    assert_string_equal(kit->errors.error[0].pointer, "/steps/1/linear/0");
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 16);
    put_levels(&buf, "{ id: a%d, each: [], max: 4096, steps: [", "] }", RC_MAX_FLOW_DEPTH);
    parses(
        kit, &buf, RC_LIMIT,
        "f.yaml:2:9: a command would have more than 4294967295 steps and blocks, with as many of a loop as "
        "it may make; at most 4096 can be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_shapes), KIT_TEST(test_wrong), KIT_TEST(test_every_field), KIT_TEST(test_asked),
        KIT_TEST(test_memory), KIT_TEST(test_depth), KIT_TEST(test_nodes),       KIT_TEST(test_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
