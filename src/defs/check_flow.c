/* Rules over the whole tree of a flow. */
#include "defs/steps.h"

/* ---- how many instances a command has */

/* Of the subtree of each node; what no command can have is as good as more of it. */
static uint64_t count(const struct flow_step *step, flow_node at, uint64_t *all)
{
    uint64_t body = 0;
    for (flow_node child = (flow_node)(at + 1); child < step[at].end; child = step[child].end)
        body += all[child];
    uint64_t n = 1 + body * step[at].copies;
    return n < UINT32_MAX ? n : UINT32_MAX;
}

bool defs_say_instances(struct defs_reader *r, const struct flow_step *step)
{
    uint64_t *all = RC_NEW_ARRAY(r->scratch, uint64_t, r->nnodes);
    if (!all) return defs_fail_arena(r, r->scratch);
    flow_node largest = 0;
    for (flow_node at = (flow_node)r->nnodes; at-- > 0;) {
        all[at] = count(step, at, all);
        bool loop = step[at].kind == FLOW_EACH || step[at].kind == FLOW_REPEAT;
        if (loop && (!largest || all[at] >= all[largest])) largest = at;
    }
    const struct defs_place *was = r->place;
    r->place = r->origin[largest].place;
    defs_say(
        r, r->origin[largest].node, RC_LIMIT,
        "a command would have %s%llu steps and blocks, with as many of a loop as it may make; at most %d "
        "can be",
        all[0] == UINT32_MAX ? "more than " : "", (unsigned long long)all[0], RC_MAX_INSTANCES);
    r->place = was;
    return false;
}

/* ---- roll back */

bool defs_check_roll_back(struct defs_reader *r, const struct flow *flow)
{
    bool ok = true;
    if (flow->on_failure != FLOW_ROLL_BACK) return true;
    const struct defs_place *was = r->place;
    for (flow_node at = 1; at < flow->nsteps; at++) {
        const struct flow_step *step = &flow->steps[at];
        if (step->kind != FLOW_CALL || flow_nothing_to_undo(&step->call) || step->call.undo.present) continue;
        if (step->end == flow->nsteps && step->parent == 0) continue;
        r->place = r->origin[at].place;
        ok = defs_fail(r, r->origin[at].node, RC_INVALID,
                       step->call.irreversible
                           ? "on_failure: roll_back cannot take back a step that is irreversible: put it last"
                           : "on_failure: roll_back needs an 'undo' here: a later step may fail");
    }
    r->place = was;
    return ok;
}
