/* Flows that start each other. */
#include "base/limits.h"
#include "flow/set.h"

/* What one flow can start, in however many steps: in the order of being found. */
struct reach {
    const struct flow *flow[1 + RC_MAX_PINS]; /* [0] is the flow itself */
    uint32_t by[1 + RC_MAX_PINS];             /* who starts it */
    uint32_t depth[1 + RC_MAX_PINS];          /* commands in the longest line that is known to lead to it */
    uint32_t n;
};

static uint32_t place_of(const struct reach *reach, const struct flow *flow)
{
    uint32_t at = 0;
    while (at < reach->n && reach->flow[at] != flow) at++;
    return at;
}

/* "a -> b -> a" */
static enum rc_status say_circle(const struct reach *reach, uint32_t last, struct rc_error *err)
{
    uint32_t line[1 + RC_MAX_PINS], n = 0;
    char text[RC_ERROR_TEXT];
    uint32_t used = 0;
    for (uint32_t at = last; at; at = reach->by[at]) line[n++] = at;
    text[0] = 0;
    while (n-- > 0) {
        struct rc_sv name = reach->flow[line[n]]->name;
        if (used + name.n + 8 > sizeof text / 2) break;
        memcpy(text + used, " -> ", 4);
        memcpy(text + used + 4, name.p, name.n);
        used += 4 + name.n;
        text[used] = 0;
    }
    struct rc_sv first = reach->flow[0]->name;
    return rc_fail(err, RC_INVALID, "flows start each other in a circle: %.*s%s -> %.*s", RC_SV_ARG(first),
                   text, RC_SV_ARG(first));
}

/* All that `at` starts, and that is there. */
static enum rc_status follow(struct reach *reach, uint32_t at, const struct flow_set *set, bool whole,
                             struct rc_error *err)
{
    const struct flow *flow = reach->flow[at];
    for (flow_node i = 1; i < flow->nsteps; i++) {
        if (flow->steps[i].kind != FLOW_CHILD) continue;
        const struct flow *child = flow_set_active(set, flow->steps[i].child.flow);
        if (!child && whole)
            return rc_fail(err, RC_INVALID, "the flow '%.*s' starts '%.*s', which is not there",
                           RC_SV_ARG(flow->name), RC_SV_ARG(flow->steps[i].child.flow));
        if (!child) continue;
        if (child == reach->flow[0]) return say_circle(reach, at, err);
        uint32_t place = place_of(reach, child);
        if (place < reach->n) continue;
        if (place > RC_MAX_PINS)
            return rc_fail(err, RC_LIMIT,
                           "the flow '%.*s' can start more than %d flows, in however many steps",
                           RC_SV_ARG(reach->flow[0]->name), RC_MAX_PINS);
        reach->flow[place] = child;
        reach->by[place] = at;
        reach->n++;
    }
    return RC_OK;
}

/* The longest lines, by lengthening them until nothing changes: what goes on for longer than there may be flows in a line is too long. */
static bool is_too_deep(struct reach *reach, const struct flow_set *set)
{
    for (bool moves = true; moves;) {
        moves = false;
        for (uint32_t at = 0; at < reach->n; at++) {
            const struct flow *flow = reach->flow[at];
            for (flow_node i = 1; i < flow->nsteps; i++) {
                if (flow->steps[i].kind != FLOW_CHILD) continue;
                const struct flow *child = flow_set_active(set, flow->steps[i].child.flow);
                uint32_t place = child ? place_of(reach, child) : reach->n;
                if (place >= reach->n || reach->depth[place] > reach->depth[at]) continue;
                reach->depth[place] = reach->depth[at] + 1;
                moves = true;
                if (reach->depth[place] > RC_MAX_CHILD_DEPTH) return true;
            }
        }
    }
    return false;
}

/* First of all flows whether there are circles: what leads into one is not merely deep. */
static enum rc_status check(const struct flow *flow, const struct flow_set *set, bool whole, bool deep,
                            struct rc_error *err)
{
    struct reach reach = {.flow = {flow}, .depth = {1}, .n = 1};
    for (uint32_t at = 0; at < reach.n; at++) {
        enum rc_status status = follow(&reach, at, set, whole, err);
        if (status != RC_OK) return status;
    }
    if (!deep || !is_too_deep(&reach, set)) return RC_OK;
    return rc_fail(err, RC_LIMIT, "from '%.*s' on flows start flows more than %d deep", RC_SV_ARG(flow->name),
                   RC_MAX_CHILD_DEPTH);
}

static bool starts_some(const struct flow *flow)
{
    for (flow_node i = 1; i < flow->nsteps; i++)
        if (flow->steps[i].kind == FLOW_CHILD) return true;
    return false;
}

enum rc_status flow_check_children(const struct flow_set *set, bool whole, const struct flow **ret_flow,
                                   struct rc_error *err)
{
    for (unsigned deep = 0; deep < 2; deep++)
        for (uint32_t i = 0; i < set->nactive; i++) {
            if (!starts_some(set->active[i])) continue;
            *ret_flow = set->active[i];
            enum rc_status status = check(set->active[i], set, whole, deep, err);
            if (status != RC_OK) return status;
        }
    return RC_OK;
}
