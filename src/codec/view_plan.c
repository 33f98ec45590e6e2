/* What a roll back would do, as JSON: steps in the order in which their undos start, in waves. The undos of a wave wait for those of
 * the waves before it, and not for each other. */
#include "codec/view_part.h"
#include "core/tree.h"

/* What the waves are worked out of; ends[at]: the first wave behind a subtree. */
struct waves {
    const struct rc_command *c;
    const bool *in; /* NULL: all */
    uint32_t *ends;
};

static bool is_undone(const struct waves *waves, uint32_t at)
{
    bool meant = !waves->in || waves->in[at];
    return meant && rc_may_be_undone(waves->c, at) && rc_step_at(waves->c, at)->call.undo.present;
}

static uint32_t wave_of_subtree(const struct waves *waves, uint32_t at, uint32_t wave);

/* A branch that others need is undone behind them. */
static uint32_t begin_of_branch(const struct waves *waves, uint32_t block, uint32_t branch, uint32_t begin)
{
    const struct rc_command *c = waves->c;
    uint32_t wave = begin;
    if (rc_step_at(c, block)->kind != FLOW_PARALLEL) return begin;
    RC_EACH_CHILD (c, block, 0, other)
        for (uint16_t i = 0; i < rc_step_at(c, other)->nneeds; i++)
            if (rc_need(c, other, i) == branch && waves->ends[other] > wave) wave = waves->ends[other];
    return wave;
}

static uint32_t wave_of_branches(const struct waves *waves, uint32_t block, uint32_t wave)
{
    const struct rc_command *c = waves->c;
    uint32_t last = wave;
    for (uint32_t i = rc_branches(c, block); i-- > 0;) {
        uint32_t branch = rc_branch(c, block, i);
        uint32_t end = wave_of_subtree(waves, branch, begin_of_branch(waves, block, branch, wave));
        if (end > last) last = end;
    }
    return last;
}

/* Gives the first wave behind the subtree; of a leaf whose undo runs, its own wave is one less. */
static uint32_t wave_of_subtree(const struct waves *waves, uint32_t at, uint32_t wave)
{
    const struct rc_command *c = waves->c;
    const struct flow_step *step = rc_step_at(c, at);
    if (!flow_is_block(step->kind)) {
        wave += is_undone(waves, at);
    } else if (flow_is_joined(step->kind)) {
        wave = wave_of_branches(waves, at, wave);
    } else {
        for (uint32_t copy = step->copies; copy-- > 0;)
            RC_EACH_CHILD_BACK (c, at, copy, child) wave = wave_of_subtree(waves, child, wave);
    }
    waves->ends[at] = wave;
    return wave;
}

static void put_undo(struct rc_json *json, const struct rc_command *c, uint32_t at, uint32_t wave)
{
    const struct flow_step *step = rc_step_at(c, at);
    rc_json_object(json, NULL);
    rc_view_step(json, c, at);
    rc_json_u64(json, "wave", wave);
    if (step->kind == FLOW_CALL) rc_json_sv(json, "dependency", c->flow->dependencies[step->call.dependency]);
    const struct rc_link *child = &c->data[at].child.link;
    if (child->seq)
        rc_json_id(json, "external_id", child->seq, child->nonce);
    else
        rc_json_maybe(json, "external_id", c->data[at].external_id);
    if (c->data[at].outputs.kind != CEL_NULL) rc_json_value(json, "outputs", c->data[at].outputs);
    rc_json_end_object(json);
}

bool rc_view_cannot_be_undone(const struct rc_command *c, uint32_t at)
{
    const struct flow_call *call = &rc_step_at(c, at)->call;
    bool for_good = c->data[at].child.stands == RC_STANDS_FOR_GOOD;
    return rc_may_be_undone(c, at) && (for_good || (!call->undo.present && !flow_nothing_to_undo(call)));
}

void rc_view_plan(struct rc_json *json, const struct rc_command *c, const struct rc_undo_plan *plan)
{
    struct rc_path path;
    struct waves waves = {c, plan->in, RC_NEW_ARRAY(json->buf->arena, uint32_t, c->nnodes)};
    if (!waves.ends) {
        json->buf->status = RC_NOMEM;
        return;
    }
    (void)wave_of_subtree(&waves, 0, 1);
    rc_json_object(json, NULL);
    rc_view_head(json, c);
    if (plan->at) rc_json_sv(json, "to", rc_view_step_name(c, plan->at, &path));
    rc_json_u64(json, "undo_total", plan->n);
    rc_json_array(json, "undo");
    for (uint32_t i = 0; i < plan->n && i < RC_MAX_SHOWN_STEPS; i++)
        put_undo(json, c, plan->node[i], waves.ends[plan->node[i]] - 1);
    rc_json_end_array(json);
    rc_json_array(json, "irreversible"); /* may have happened, and stays where it has */
    for (uint32_t i = 1, shown = 0; i < c->nnodes && shown < RC_MAX_SHOWN_STEPS; i++) {
        if ((plan->in && !plan->in[i]) || !rc_view_cannot_be_undone(c, i)) continue;
        rc_json_sv(json, NULL, rc_node_path(c, i, &path));
        shown++;
    }
    rc_json_end_array(json);
    rc_json_end_object(json);
}
