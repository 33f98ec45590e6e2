/* Walking the tree of a flow. */
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
