/* Walking the tree of a flow. */
#include "base/limits.h"
#include "flow/dependency.h"

flow_node flow_find(const struct flow *flow, struct rc_sv id)
{
    if (id.n == 0) return FLOW_NONE; /* the root has no id and is not found by one */
    for (flow_node i = 0; i < flow->nsteps; i++)
        if (rc_sv_eq(flow->steps[i].id, id)) return i;
    return FLOW_NONE;
}

flow_node flow_first_child(const struct flow *flow, flow_node block)
{
    return flow->steps[block].end > block + 1 ? (flow_node)(block + 1) : FLOW_NONE;
}

flow_node flow_next_sibling(const struct flow *flow, flow_node node)
{
    const struct flow_step *step = &flow->steps[node];
    if (node == 0 || step->end >= flow->steps[step->parent].end) return FLOW_NONE;
    return step->end;
}

/* Which steps come behind an approval that stands beside them. */
static void mark_approvals(struct flow *flow, struct flow_step *steps)
{
    flow->approves = false;
    for (flow_node block = 0; block < flow->nsteps; block++) {
        bool line = steps[block].kind != FLOW_PARALLEL, before = false;
        if (!flow_is_block(steps[block].kind)) continue;
        for (flow_node i = (flow_node)(block + 1); i < steps[block].end; i = steps[i].end) {
            steps[i].approvals = line && before;
            before |= steps[i].kind == FLOW_APPROVE;
            for (uint16_t n = 0; n < steps[i].nneeds; n++) {
                const struct flow_step *need = &steps[steps[i].needs[n]];
                steps[i].approvals |= need->approvals || need->kind == FLOW_APPROVE;
            }
        }
        flow->approves |= before;
    }
}

/* How a step stands to another one, from its neighbours before it, of which the marks are known. */
static uint8_t mark_of(const struct flow *flow, flow_node other, flow_node at, flow_node before,
                       const uint8_t *marks)
{
    enum { BEHIND = FLOW_BEHIND, COVERED = FLOW_COVERED, ROW = 4 /* nothing but approvals is between */ };
    const struct flow_step *step = &flow->steps[at];
    bool line = flow->steps[step->parent].kind != FLOW_PARALLEL;
    uint8_t mark = 0;
    for (uint16_t i = 0; i < (line ? 1 : step->nneeds); i++) {
        flow_node need = line ? before : step->needs[i];
        if (need == other) mark |= BEHIND | ROW;
        if (need > other) mark |= marks[need - other];
    }
    if (step->kind == FLOW_APPROVE) return mark & (BEHIND | ROW);
    return mark & (ROW | COVERED) ? BEHIND | COVERED : mark;
}

unsigned flow_behind(const struct flow *flow, flow_node other, flow_node step)
{
    uint8_t marks[RC_MAX_INSTANCES];
    flow_node before = other;
    if (step <= other) return 0;
    for (flow_node i = flow->steps[other].end; i <= step; before = i, i = flow->steps[i].end)
        marks[i - other] = mark_of(flow, other, i, before, marks);
    return marks[step - other] & (FLOW_BEHIND | FLOW_COVERED);
}

bool flow_number(struct flow *flow, struct flow_step *steps)
{
    for (flow_node i = flow->nsteps; i-- > 0;) { /* children stand behind their parents */
        struct flow_step *step = &steps[i];
        if (!step->copies) step->copies = 1;
        uint64_t body = 0;
        for (flow_node child = i + 1u < step->end ? (flow_node)(i + 1) : step->end; child < step->end;
             child = steps[child].end) {
            steps[child].place = (uint32_t)body;
            body += flow_instances(&steps[child]);
        }
        if (1 + body * step->copies > RC_MAX_INSTANCES) return false;
        step->body = (uint32_t)body;
    }
    flow->ninstances = flow_instances(&steps[0]);
    mark_approvals(flow, steps);
    return true;
}

bool flow_down(const struct flow *flow, flow_node *io_node, uint32_t *io_instance, uint32_t *ret_copy)
{
    if (!*io_instance) return false;
    uint32_t body = flow->steps[*io_node].body, within = (*io_instance - 1) % body;
    flow_node child = (flow_node)(*io_node + 1);
    *ret_copy = (*io_instance - 1) / body;
    while (within >= flow->steps[child].place + flow_instances(&flow->steps[child]))
        child = flow->steps[child].end;
    *io_instance = within - flow->steps[child].place;
    *io_node = child;
    return true;
}

flow_node flow_node_of(const struct flow *flow, uint32_t instance)
{
    if (instance >= flow->ninstances) return FLOW_NONE;
    flow_node node = 0;
    uint32_t copy;
    while (flow_down(flow, &node, &instance, &copy)) continue;
    return node;
}

const char *flow_kind_word(unsigned kind)
{
    static const char *const word[FLOW_KINDS] = {
        [FLOW_LINEAR] = "linear",   [FLOW_PARALLEL] = "parallel", [FLOW_CHOOSE] = "choose",
        [FLOW_EACH] = "each",       [FLOW_REPEAT] = "repeat",     [FLOW_CALL] = "call",
        [FLOW_SLEEP] = "sleep",     [FLOW_SET] = "set",           [FLOW_FALLBACK] = "fallback",
        [FLOW_WAIT] = "wait",       [FLOW_APPROVE] = "approve",   [FLOW_ESCALATE] = "escalate",
        [FLOW_CONFIRM] = "confirm", [FLOW_CHILD] = "flow",
    };
    return kind < FLOW_KINDS && word[kind] ? word[kind] : "?";
}

const char *flow_step_word(const struct flow_step *step)
{
    return flow_kind_word(flow_confirms(step) ? FLOW_CONFIRM : step->kind);
}

uint64_t flow_schedule_id(struct rc_sv flow, struct rc_sv id)
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    rc_sha256_add_sv(&hash, RC_SV("schedule"));
    rc_sha256_add_sv(&hash, flow);
    rc_sha256_add_sv(&hash, id);
    return rc_sha256_h128(&hash).hi >> 1;
}

uint64_t flow_gate_id(struct rc_sv name)
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    rc_sha256_add_sv(&hash, RC_SV("gate"));
    rc_sha256_add_sv(&hash, name);
    return rc_sha256_h128(&hash).hi >> 1;
}

uint64_t flow_line_id(struct rc_sv dependency, struct rc_sv ns, struct rc_sv capability)
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    rc_sha256_add_sv(&hash, RC_SV("line"));
    rc_sha256_add_sv(&hash, dependency);
    rc_sha256_add_sv(&hash, ns);
    rc_sha256_add_sv(&hash, capability);
    return rc_sha256_h128(&hash).hi >> 1;
}
