/* Where instances stand. */
#include "core/tree.h"

#include "base/num.h"

uint32_t rc_last_child(const struct rc_command *c, uint32_t block, uint32_t copy)
{
    uint32_t last = UINT32_MAX;
    RC_EACH_CHILD (c, block, copy, child) last = child;
    return last;
}

uint32_t rc_child_before(const struct rc_command *c, uint32_t block, uint32_t copy, uint32_t child)
{
    uint32_t before = UINT32_MAX;
    RC_EACH_CHILD (c, block, copy, other) {
        if (other == child) break;
        before = other;
    }
    return before;
}

uint32_t rc_branches(const struct rc_command *c, uint32_t block)
{
    if (rc_step_at(c, block)->kind == FLOW_EACH) {
        uint32_t most = rc_step_at(c, block)->copies, items = c->data[block].outputs.n;
        if (c->data[block].outputs.kind != CEL_LIST) return 0;
        return items < most ? items : most; /* a history from elsewhere may say more */
    }
    uint32_t n = 0;
    RC_EACH_CHILD (c, block, 0, child) n++;
    return n;
}

uint32_t rc_branch(const struct rc_command *c, uint32_t block, uint32_t number)
{
    if (rc_step_at(c, block)->kind == FLOW_EACH) return rc_first_child(c, block, number);
    RC_EACH_CHILD (c, block, 0, child)
        if (number-- == 0) return child;
    return UINT32_MAX;
}

uint32_t rc_need(const struct rc_command *c, uint32_t at, uint16_t number)
{
    const struct flow_step *step = rc_step_at(c, at);
    return at - step->place + c->flow->steps[step->needs[number]].place;
}

uint32_t rc_passes(const struct rc_command *c, uint32_t block)
{
    uint32_t n = 0;
    while (n < rc_step_at(c, block)->copies && c->node[rc_first_child(c, block, n)].state != RC_STEP_IDLE)
        n++;
    return n;
}

uint32_t rc_taken(const struct rc_command *c, uint32_t block)
{
    RC_EACH_CHILD (c, block, 0, child) {
        const struct rc_node *node = &c->node[child];
        if (node->state != RC_STEP_IDLE && node->state != RC_STEP_SKIPPED && !node->asks) return child;
    }
    return UINT32_MAX;
}

bool rc_is_closed(const struct rc_command *c, uint32_t at)
{
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t parent = c->node[child].parent, next = rc_behind(c, child);
        if (rc_step_at(c, parent)->kind == FLOW_REPEAT && next < rc_behind(c, parent) &&
            c->node[next].state != RC_STEP_IDLE)
            return true; /* only the last pass is looked at */
    }
    return rc_is_over(c, at);
}

bool rc_is_over(const struct rc_command *c, uint32_t at)
{
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t parent = c->node[child].parent;
        const struct flow_step *block = rc_step_at(c, parent);
        if (block->kind == FLOW_FALLBACK && child == parent + 1 &&
            c->node[rc_behind(c, child)].state != RC_STEP_IDLE)
            return true;
        if (c->node[parent].tries || c->node[parent].cleared) return true;
        if (c->node[parent].state == RC_STEP_UNDOING || c->node[parent].state == RC_STEP_SKIPPED) return true;
    }
    return rc_only_settled(c, at);
}

bool rc_only_settled(const struct rc_command *c, uint32_t at)
{
    for (uint32_t block = c->node[at].parent;; block = c->node[block].parent) {
        if (c->node[block].lost || c->node[block].asks) return true;
        if (!block) return false;
    }
}

/* The block around a step that is left out; UINT32_MAX: none. */
static uint32_t left_out(const struct rc_command *c, uint32_t at)
{
    for (uint32_t block = c->node[at].parent;; block = c->node[block].parent) {
        if (c->node[block].asks) return block;
        if (!block) return UINT32_MAX;
    }
}

bool rc_only_asked(const struct rc_command *c, uint32_t at)
{
    return left_out(c, at) != UINT32_MAX;
}

enum rc_why rc_why_left_out(const struct rc_command *c, uint32_t at)
{
    uint32_t block = left_out(c, at);
    return block == UINT32_MAX ? RC_WHY_NEEDS : (enum rc_why)c->node[block].why;
}

bool rc_has_not_begun(const struct rc_command *c, uint32_t block)
{
    for (uint32_t i = block + 1; i < rc_behind(c, block); i++)
        if (c->node[i].state != RC_STEP_IDLE || rc_has_left(c, i)) return false;
    return true;
}

bool rc_could_not_begin(const struct rc_command *c, uint32_t block)
{
    const struct rc_node *node = &c->node[block];
    return rc_step_at(c, block)->cond && node->state == RC_STEP_FAILED && node->tries &&
           rc_has_not_begun(c, block);
}

bool rc_can_begin(const struct rc_command *c, uint32_t at)
{
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t block = c->node[child].parent;
        const struct rc_node *node = &c->node[block];
        if (node->state == RC_STEP_SUCCEEDED || node->state == RC_STEP_SKIPPED || node->lost) return false;
        bool each = rc_step_at(c, block)->kind == FLOW_EACH && c->data[block].outputs.kind == CEL_LIST;
        if (each && c->node[child].item >= rc_branches(c, block)) return false;
    }
    return true;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static void put(struct rc_path *path, struct rc_sv text)
{
    uint32_t n = text.n < RC_MAX_PATH - path->n ? text.n : RC_MAX_PATH - path->n;
    if (n) memcpy(path->text + path->n, text.p, n);
    path->n += n;
}

/* The loops around an instance, and the node that it is of. True: it is a line without a name that is one copy of a loop. */
static bool put_loops(const struct flow *flow, uint32_t instance, struct rc_path *path, flow_node *ret)
{
    bool in_loop = false;
    uint32_t copy;
    flow_node node = 0;
    path->n = 0;
    for (flow_node block = 0; flow_down(flow, &node, &instance, &copy); block = node) {
        const struct flow_step *step = &flow->steps[block];
        in_loop = step->kind == FLOW_EACH || step->kind == FLOW_REPEAT;
        if (!in_loop) continue;
        char digits[RC_NUM_TEXT];
        if (path->n) put(path, RC_SV("."));
        put(path, step->id);
        put(path, RC_SV("["));
        put(path, (struct rc_sv){digits, rc_format_u64(copy, digits)});
        put(path, RC_SV("]"));
    }
    *ret = node;
    return in_loop && !flow->steps[node].id.n;
}

static struct rc_sv with_name(struct rc_path *path, struct rc_sv name)
{
    if (path->n && name.n) put(path, RC_SV("."));
    put(path, name);
    return (struct rc_sv){path->text, path->n};
}

struct rc_sv rc_node_path(const struct rc_command *c, uint32_t at, struct rc_path *path)
{
    flow_node node;
    bool is_copy = put_loops(c->flow, at, path, &node);
    const struct flow_step *step = &c->flow->steps[node];
    struct rc_sv kind = is_copy ? (struct rc_sv){0} : rc_sv_of(flow_kind_word(step->kind));
    return with_name(path, step->id.n ? step->id : kind);
}

struct rc_sv rc_path_in(const struct flow *flow, uint32_t instance, struct rc_path *path)
{
    flow_node node;
    path->n = 0;
    if (!instance || instance >= flow->ninstances) return (struct rc_sv){0};
    (void)put_loops(flow, instance, path, &node);
    return with_name(path, flow->steps[node].id);
}

bool rc_has_name(const struct rc_command *c, uint32_t at, struct rc_sv name)
{
    struct rc_path path;
    return rc_sv_eq(name, rc_step_at(c, at)->id) || rc_sv_eq(name, rc_node_path(c, at, &path));
}

bool rc_is_named(const struct rc_command *c, uint32_t at, struct rc_sv name)
{
    const struct flow_step *step = rc_step_at(c, at);
    if (rc_has_name(c, at, name)) return true;
    bool unnamed = at && !step->id.n && flow_is_block(step->kind) &&
                   step->body; /* what the first step in it is called */
    return unnamed && rc_is_named(c, at + 1, name);
}
