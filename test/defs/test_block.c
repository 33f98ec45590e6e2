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

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
