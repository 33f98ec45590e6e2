/* Backward: what happened is undone in reverse structural order: of a line the last first, branches beside each other at once
 * (where one needs another, it is undone before that one), passes of a loop the last first. */
#include "core/advance.h"

bool rc_settle_leaves(struct rc_draft *draft, uint32_t from, uint32_t end)
{
    struct rc_command *c = &draft->c;
    bool settled = true;
    for (uint32_t i = from; i < end; i++) {
        struct rc_node *node = &c->node[i];
        if (!rc_is_leaf(c, i)) {
            node->phase = RC_PHASE_NONE; /* no other pass */
            settled &= node->state != RC_STEP_UNKNOWN;
            continue;
        }
        if (node->phase == RC_PHASE_CHILD)
            rc_child_leave(draft, i);
        else if (rc_node_step(c, i)->kind == FLOW_CHILD)
            rc_child_close(draft, i);
        if (node->state == RC_STEP_ACTIVE && node->phase != RC_PHASE_OPEN && node->phase != RC_PHASE_CHILD)
            rc_step_give_up(draft, i);
        bool asks = node->state == RC_STEP_IDLE && node->doubt && settled;
        if (asks) rc_ask_in_doubt(draft, i);
        settled &= node->state != RC_STEP_ACTIVE && node->state != RC_STEP_UNKNOWN;
        settled &= !asks || node->state != RC_STEP_IDLE; /* its loop waits for a person */
    }
    return settled;
}

static void start_undo(struct rc_draft *draft, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(&draft->c, at)->call;
    if (rc_node_step(&draft->c, at)->kind == FLOW_CHILD) {
        rc_child_undo(draft, at);
        return;
    }
    if (!call->undo.present) { /* it happened after the roll back was decided, and cannot be taken back */
        rc_step_end(draft, at, RC_STEP_UNDO_FAILED, RC_WHY_NO_UNDO);
        return;
    }
    draft->c.node[at].state = RC_STEP_UNDOING;
    draft->c.data[at].request = (struct rc_h128){0};
    if (draft->c.node[at].doubt) {
        rc_step_start_in_doubt(draft, at);
        return;
    }
    draft->c.data[at].times.keyed = 0;
    rc_step_start(draft, at);
}

static bool undo_leaf(struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    const struct rc_node *node = &c->node[at];
    if (draft->part && !draft->part[at]) return true;
    bool stands = node->state == RC_STEP_SUCCEEDED && !flow_nothing_to_undo(&rc_node_step(c, at)->call);
    if (stands || rc_child_stands(c, at)) {
        start_undo(draft, at);
        return false;
    }
    return !rc_node_side(node)->undo || node->state == RC_STEP_UNDONE;
}

static bool undo_in_turn(struct rc_draft *draft, uint32_t block)
{
    for (uint32_t copy = rc_step_at(&draft->c, block)->copies; copy-- > 0;)
        RC_EACH_CHILD_BACK (&draft->c, block, copy, child)
            if (!rc_undo_subtree(draft, child)) return false;
    return true;
}

/* Whether something that needs this branch has still to be undone; `dirty` says it of those behind it. */
static bool is_needed(const struct rc_command *c, uint32_t block, uint32_t branch, const bool *dirty)
{
    uint32_t number = 0;
    RC_EACH_CHILD (c, block, 0, other) {
        const struct flow_step *step = rc_step_at(c, other);
        for (uint16_t i = 0; i < step->nneeds && dirty[number]; i++)
            if (rc_need(c, other, i) == branch) return true;
        number++;
    }
    return false;
}

/* Of an each also what its list does not have: where it has no list here, another life of the store may have had one. */
static uint32_t branches_to_undo(const struct rc_command *c, uint32_t block)
{
    const struct flow_step *step = rc_step_at(c, block);
    return step->kind == FLOW_EACH ? step->copies : rc_branches(c, block);
}

static bool undo_beside(struct rc_draft *draft, uint32_t block)
{
    const struct rc_command *c = &draft->c;
    uint32_t branches = branches_to_undo(c, block), under_way = 0;
    uint32_t width = rc_step_at(c, block)->block.width;
    bool parallel = rc_step_at(c, block)->kind == FLOW_PARALLEL;
    bool *dirty = RC_NEW_ARRAY(draft->arena, bool, branches);
    if (!dirty) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return false;
    }
    for (uint32_t i = branches; i-- > 0;) {
        uint32_t branch = rc_branch(c, block, i);
        bool waits = (width && under_way == width) || (parallel && is_needed(c, block, branch, dirty));
        dirty[i] = waits ? rc_has_happened(c, branch) : !rc_undo_subtree(draft, branch);
        under_way += dirty[i] && !waits;
    }
    for (uint32_t i = 0; i < branches; i++)
        if (dirty[i]) return false;
    return true;
}

bool rc_undo_subtree(struct rc_draft *draft, uint32_t at)
{
    if (rc_is_leaf(&draft->c, at)) return undo_leaf(draft, at);
    return flow_is_joined(rc_step_at(&draft->c, at)->kind) ? undo_beside(draft, at) : undo_in_turn(draft, at);
}

/* ---- what a block takes back ---------------------------------------------------------------------------------------- */

static bool stands_and_can_be_undone(const struct rc_command *c, uint32_t at)
{
    if (rc_child_stands(c, at)) return true;
    return c->node[at].state == RC_STEP_SUCCEEDED && !flow_nothing_to_undo(&rc_node_step(c, at)->call);
}

bool rc_has_happened(const struct rc_command *c, uint32_t at)
{
    for (uint32_t i = at; i < rc_behind(c, at); i++) {
        if (!rc_is_leaf(c, i)) continue;
        bool undoes = rc_node_side(&c->node[i])->undo && c->node[i].state != RC_STEP_UNDONE;
        if (undoes || stands_and_can_be_undone(c, i)) return true;
    }
    return false;
}

static bool fails(const struct rc_command *c, uint32_t at)
{
    return c->node[at].state == RC_STEP_FAILED || c->node[at].state == RC_STEP_REJECTED;
}

/* Whether the undo of a block is about this child. */
static bool is_meant(const struct rc_command *c, uint32_t block, uint32_t child)
{
    return rc_step_at(c, block)->block.undo == FLOW_UNDO_BLOCK || fails(c, child);
}

#define RC_EACH_MEANT(c, block, child)                                                                       \
    for (uint32_t copy = 0; copy < rc_step_at(c, block)->copies; copy++)                                     \
        RC_EACH_CHILD (c, block, copy, child)                                                                \
            if (is_meant(c, block, child))

bool rc_has_to_take_back(const struct rc_command *c, uint32_t block)
{
    RC_EACH_MEANT (c, block, child) {
        if (rc_has_happened(c, child)) return true;
        for (uint32_t i = child; i < rc_behind(c, child); i++) /* or may have, in another life of the store */
            if (rc_is_leaf(c, i) && c->node[i].state == RC_STEP_IDLE && c->node[i].doubt) return true;
    }
    return false;
}

bool rc_cannot_be_undone(const struct rc_command *c, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(c, at)->call;
    const struct rc_node *node = &c->node[at];
    bool happened = node->state == RC_STEP_SUCCEEDED;
    if (rc_node_step(c, at)->kind != FLOW_CHILD)
        return happened && !call->undo.present && !flow_nothing_to_undo(call);
    happened |= node->state == RC_STEP_ACTIVE || rc_child_is_over(node);
    return happened && c->data[at].child.stands == RC_STANDS_FOR_GOOD;
}

static bool all_have_undo(const struct rc_command *c, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++)
        if (rc_is_leaf(c, i) && rc_cannot_be_undone(c, i)) return false;
    return true;
}

bool rc_can_take_back(const struct rc_command *c, uint32_t block)
{
    RC_EACH_MEANT (c, block, child)
        if (!all_have_undo(c, child, rc_behind(c, child))) return false;
    return true;
}

bool rc_can_be_rolled_back(const struct rc_command *c)
{
    return all_have_undo(c, 0, c->nnodes);
}

/* Of a whole block in the order of its structure; of failed branches one after the other, the last first. */
static bool take_back(struct rc_draft *draft, uint32_t block)
{
    const struct rc_command *c = &draft->c;
    bool clean = true;
    if (rc_step_at(c, block)->block.undo == FLOW_UNDO_BLOCK) return rc_undo_subtree(draft, block);
    for (uint32_t copy = rc_step_at(c, block)->copies; copy-- > 0;)
        RC_EACH_CHILD_BACK (c, block, copy, child)
            if (clean && fails(c, child)) clean = rc_undo_subtree(draft, child);
    return clean;
}

void rc_block_take_back(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[block];
    bool settled = true;
    RC_EACH_MEANT (c, block, child) settled &= rc_settle_leaves(draft, child, rc_behind(c, child));
    if (!settled || !take_back(draft, block)) return;
    rc_block_set(draft, block, node->undo_round, node->why);
    node->undo_round = 0;
    node->tries = 1;
}

/* ---- anew ----------------------------------------------------------------------------------------------------------- */

/* What leaves nothing behind is worked out again. What has left once has another key the next time: its request may be another one, and
 * the other side would take it for what it has seen. */
static void reset_leaf(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    struct rc_data *data = &draft->c.data[at];
    bool new_round = rc_has_left(&draft->c, at) || data->child.link.seq;
    if (node->state == RC_STEP_SUCCEEDED && !flow_nothing_to_undo(&rc_node_step(&draft->c, at)->call)) return;
    if (new_round && node->round < UINT8_MAX) node->round++;
    node->undo_round = 0;
    node->tries = node->asks = 0;
    node->cleared = node->lost = node->doubt = 0;
    rc_step_end(draft, at, RC_STEP_IDLE, RC_WHY_NONE);
    data->times = (struct rc_times){0};
    data->request = (struct rc_h128){0};
    data->outputs = cel_null();
    data->external_id = (struct rc_sv){0};
    data->child = (struct rc_child){0};
}

void rc_reset_subtree(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = at; i < rc_behind(c, at); i++) {
        if (rc_is_leaf(c, i)) {
            reset_leaf(draft, i);
            continue;
        }
        struct rc_node *node = &c->node[i];
        node->cleared = node->lost = node->doubt = 0;
        node->tries = node->asks = 0;
        rc_step_end(draft, i, RC_STEP_IDLE, RC_WHY_NONE);
        c->data[i].outputs = cel_null();
        c->data[i].times = (struct rc_times){0};
    }
}

void rc_block_reset(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    bool branches = rc_step_at(c, block)->block.undo == FLOW_UNDO_FAILED_BRANCH;
    if (rc_has_not_begun(c, block)) { /* its condition is looked at again */
        c->node[block].tries = 0;
        rc_step_end(draft, block, RC_STEP_IDLE, RC_WHY_NONE);
        return;
    }
    RC_EACH_CHILD (c, block, 0, first) {
        for (uint32_t copy = 0; copy < rc_step_at(c, block)->copies; copy++) {
            uint32_t child = first + copy * rc_step_at(c, block)->body;
            if (!branches || fails(c, child)) rc_reset_subtree(draft, child);
        }
    }
    c->node[block].tries = 0;
    c->node[block].cleared = 0;
    if (!branches) c->data[block].outputs = cel_null();
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
}
