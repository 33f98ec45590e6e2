/* What of two versions of a flow is the same. Expressions are compared by their source. */
#include "core/move_part.h"

static void add_site(struct rc_sha256 *sha, const struct flow *flow, flow_site site)
{
    rc_sha256_add_sv(sha, site ? cel_prog_source(flow->sites[site].prog) : (struct rc_sv){0});
}

static void add_numbers(struct rc_sha256 *sha, const uint64_t *number, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) rc_sha256_add_u64(sha, number[i]);
}
#define ADD(sha, ...)                                                                                        \
    add_numbers(sha, (const uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void add_retry(struct rc_sha256 *sha, const struct flow_retry *retry)
{
    ADD(sha, retry->attempts, retry->backoff, retry->jitter, retry->delay, retry->max_delay, retry->duration);
}

static void add_action(struct rc_sha256 *sha, const struct flow *flow, const struct flow_action *action)
{
    const struct flow_check *check = &action->check;
    ADD(sha, action->present, action->repeatable, action->reads_only, action->none, action->accepted,
        action->timeout, check->present, check->settle, check->timeout);
    add_site(sha, flow, action->request);
    add_site(sha, flow, action->outputs);
    add_retry(sha, &action->retry);
    add_site(sha, flow, check->request);
    add_site(sha, flow, check->happened);
    add_site(sha, flow, check->contradictory);
    add_site(sha, flow, check->inconclusive);
    add_site(sha, flow, check->outputs);
    add_retry(sha, &check->retry);
}

static void add_call(struct rc_sha256 *sha, const struct flow *flow, const struct flow_call *call)
{
    rc_sha256_add_sv(sha, flow->dependencies[call->dependency]);
    add_site(sha, flow, call->require.condition);
    add_site(sha, flow, call->require.request);
    ADD(sha, call->require.timeout, call->irreversible, call->worker);
    add_action(sha, flow, &call->act);
    add_action(sha, flow, &call->undo);
    rc_sha256_add_sv(sha, call->external_id);
    rc_sha256_add_sv(sha, call->capability);
}

static void add_confirm(struct rc_sha256 *sha, const struct flow *flow, const struct flow_confirm *confirm)
{
    add_site(sha, flow, confirm->holds);
    ADD(sha, confirm->every, confirm->within, confirm->on_timeout);
}

static void add_texts(struct rc_sha256 *sha, const struct rc_sv *text, uint32_t n)
{
    rc_sha256_add_u64(sha, n);
    for (uint32_t i = 0; i < n; i++) rc_sha256_add_sv(sha, text[i]);
}

static void add_people(struct rc_sha256 *sha, const struct flow *flow, const struct flow_people *people)
{
    ADD(sha, people->need, people->roles, people->within, people->on_timeout);
    add_texts(sha, people->names, people->nnames);
    add_texts(sha, people->answers, people->nanswers);
    add_site(sha, flow, people->question);
    add_site(sha, flow, people->evidence);
}

static void add_block(struct rc_sha256 *sha, const struct flow *flow, flow_node node)
{
    const struct flow_step *step = &flow->steps[node];
    const struct flow_block *block = &step->block;
    ADD(sha, block->join, block->on_error, block->running, block->undo, block->surplus, block->undecided,
        block->quorum, block->width);
    add_site(sha, flow, step->loop.list);
    add_site(sha, flow, step->loop.until);
    ADD(sha, step->loop.every, step->loop.within, step->kind == FLOW_REPEAT ? step->copies : 0);
    if (step->kind != FLOW_CHOOSE) return;
    for (flow_node i = (flow_node)(node + 1); i < step->end; i = flow->steps[i].end)
        add_site(sha, flow, flow->steps[i].cond);
}

struct rc_h128 rc_move_digest(const struct flow *flow, flow_node node)
{
    const struct flow_step *step = &flow->steps[node];
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_u64(&sha, step->kind);
    add_site(&sha, flow, step->cond);
    switch (step->kind) {
    case FLOW_CALL:
        add_call(&sha, flow, &step->call);
        add_confirm(&sha, flow, &step->confirm);
        break;
    case FLOW_CONFIRM: add_confirm(&sha, flow, &step->confirm); break;
    case FLOW_SLEEP:
        rc_sha256_add_u64(&sha, step->sleep.span);
        add_site(&sha, flow, step->sleep.until);
        break;
    case FLOW_WAIT:
        rc_sha256_add_sv(&sha, step->wait.signal);
        add_site(&sha, flow, step->wait.id);
        add_site(&sha, flow, step->wait.outputs);
        ADD(&sha, step->wait.within, step->wait.on_timeout);
        break;
    case FLOW_SET: add_site(&sha, flow, step->values); break;
    case FLOW_APPROVE:
    case FLOW_ESCALATE: add_people(&sha, flow, &step->people); break;
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_REPEAT:
    case FLOW_FALLBACK: add_block(&sha, flow, node); break;
    }
    return rc_sha256_h128(&sha);
}

/* The id of a node, or of the first step in it that has one. */
static struct rc_sv known_as(const struct flow *flow, flow_node node)
{
    flow_node end = flow->steps[node].end;
    while (node + 1 < end && !flow->steps[node].id.n) node++;
    return flow->steps[node].id;
}

static flow_node by_place(const struct flow *to, flow_node block, const struct flow *from, flow_node child)
{
    flow_node other = (flow_node)(block + 1);
    flow_node first = (flow_node)(from->steps[child].parent + 1);
    for (flow_node i = first; i < child && other < to->steps[block].end; i = from->steps[i].end)
        other = to->steps[other].end;
    bool same = other < to->steps[block].end && to->steps[other].kind == from->steps[child].kind &&
                rc_sv_eq(to->steps[other].id, from->steps[child].id);
    return same ? other : FLOW_NONE;
}

flow_node rc_move_twin(const struct flow *to, flow_node block, const struct flow *from, flow_node child)
{
    const struct flow_step *step = &from->steps[child];
    enum flow_kind around = to->steps[block].kind;
    /* a case, the body of a loop and a fallback are known by their place */
    if (!step->id.n && around != FLOW_LINEAR && around != FLOW_PARALLEL)
        return by_place(to, block, from, child);
    for (flow_node i = (flow_node)(block + 1); i < to->steps[block].end; i = to->steps[i].end) {
        bool same = to->steps[i].kind == step->kind && (to->steps[i].id.n == 0) == (step->id.n == 0) &&
                    rc_sv_eq(known_as(to, i), known_as(from, child));
        if (same) return i;
    }
    return FLOW_NONE;
}

static struct rc_sv outputs_of(const struct flow *flow, flow_node node)
{
    const struct flow_step *step = &flow->steps[node];
    flow_site site = step->kind == FLOW_WAIT ? step->wait.outputs : step->call.act.outputs;
    return site ? cel_prog_source(flow->sites[site].prog) : (struct rc_sv){0};
}

bool rc_move_same_outputs(const struct flow *from, flow_node node, const struct flow *to, flow_node other)
{
    struct rc_sv source = outputs_of(to, other);
    return !source.n || rc_sv_eq(source, outputs_of(from, node));
}
