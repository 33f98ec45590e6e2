/* Rules over the whole tree of a flow. */
#include "defs/steps.h"

/* ---- how many instances a command has */

/* Of the subtree of each node; what no command can have is as good as more of it. */
static uint64_t count(const struct flow_step *step, flow_node at, const uint64_t *all)
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

/* Why a step must have an undo. */
enum need { NO_NEED, OF_FLOW, OF_DEADLINE, OF_BLOCK, OF_SURPLUS };

struct needs {
    const struct flow_step *step;
    uint8_t *need; /* of each node; the first one found stays */
};

static void need_all(struct needs *needs, flow_node from, enum need why)
{
    for (flow_node at = from; at < needs->step[from].end; at++)
        if (!needs->need[at]) needs->need[at] = (uint8_t)why;
}

/* Whether more than one branch of a block may have begun when it fails. */
static bool has_others(const struct flow_step *step, flow_node at)
{
    const struct flow_step *block = &step[at];
    if (block->kind == FLOW_EACH || block->kind == FLOW_REPEAT) return block->copies > 1;
    return block->kind == FLOW_PARALLEL && step[at + 1].end < block->end;
}

/* What can have happened in a subtree when it fails: of a line all but its last part, of branches beside each other all, of
 * choices the one that was taken. Recursion is bounded by RC_MAX_FLOW_DEPTH. */
static void need_what_happened(struct needs *needs, flow_node at, enum need why)
{
    const struct flow_step *block = &needs->step[at];
    bool others = has_others(needs->step, at);
    for (flow_node child = (flow_node)(at + 1); child < block->end; child = needs->step[child].end) {
        bool passed = block->kind == FLOW_LINEAR && needs->step[child].end < block->end;
        if (passed || others)
            need_all(needs, child, why);
        else
            need_what_happened(needs, child, why);
    }
}

static void need_of_block(struct needs *needs, flow_node at)
{
    const struct flow_block *block = &needs->step[at].block;
    flow_node end = needs->step[at].end;
    if (block->undo == FLOW_UNDO_BLOCK) need_what_happened(needs, at, OF_BLOCK);
    for (flow_node child = (flow_node)(at + 1); child < end; child = needs->step[child].end)
        if (block->undo == FLOW_UNDO_FAILED_BRANCH) need_what_happened(needs, child, OF_BLOCK);
    if (block->surplus == FLOW_SURPLUS_UNDO) need_all(needs, at, OF_SURPLUS);
}

/* Where an irreversible step happened nothing is rolled back, and a person decides. What is left over is always undone, so that
 * there a person would decide every time. */
static const char *lack_of(const struct flow_call *call, enum need why)
{
    if (call->undo.present || flow_nothing_to_undo(call)) return NULL;
    if (call->irreversible)
        return why == OF_SURPLUS ? "'surplus: undo' cannot take back a step that is irreversible" : NULL;
    switch (why) {
    case OF_FLOW: return "on_failure: roll_back needs an 'undo' here: a later step may fail";
    case OF_DEADLINE: return "on_deadline: roll_back needs an 'undo' here: the deadline may end behind it";
    case OF_BLOCK:
        return "the block that it stands in takes back what happened when it fails ('undo' of the block; of "
               "a "
               "quorum the default is 'block'), which needs an 'undo' here";
    case OF_SURPLUS: return "'surplus: undo' needs an 'undo' here";
    case NO_NEED: break;
    }
    return NULL;
}

bool defs_check_undo(struct defs_reader *r, const struct flow *flow)
{
    struct needs needs = {flow->steps, RC_NEW_ARRAY(r->scratch, uint8_t, flow->nsteps)};
    if (!needs.need) return defs_fail_arena(r, r->scratch);
    const struct defs_place *was = r->place;
    if (flow->on_failure == FLOW_ROLL_BACK) need_what_happened(&needs, 0, OF_FLOW);
    if (flow->on_deadline == FLOW_LATE_ROLL_BACK) need_what_happened(&needs, 0, OF_DEADLINE);
    for (flow_node at = 0; at < flow->nsteps; at++) need_of_block(&needs, at);
    bool ok = true;
    for (flow_node at = 1; at < flow->nsteps; at++) {
        const char *lack = NULL;
        if (flow->steps[at].kind == FLOW_CALL)
            lack = lack_of(&flow->steps[at].call, (enum need)needs.need[at]);
        if (!lack) continue;
        r->place = r->origin[at].place;
        ok = defs_fail(r, r->origin[at].node, RC_INVALID, "%s", lack);
    }
    r->place = was;
    return ok;
}
