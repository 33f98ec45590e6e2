/* A command in a store that is an older state of itself: a backup, a copy, an import. Another life of the store went on from the same
 * state, and may have brought the command further with the same keys; nobody here knows how far. So nothing of it just runs:
 *
 * - a step that was under way, whether its attempt was out or still waited, is unknown;
 * - a step that had not begun is in doubt: when its turn comes, or when it would be left out, it is unknown before anything leaves. Where
 *   an earlier one turns out not to have happened, and cannot have been left out, the doubt behind it is gone: a line does one after
 *   the other;
 * - the undo of a step that had succeeded is in doubt in the same way.
 *
 * What is unknown is settled by what settles every unknown: a check, a repetition with the same key where the flow allows it, or a
 * person. Commands that had ended or rested are left as they are: what people did to them meanwhile cannot be known from here. Only a
 * deadline may have rolled back by itself what rested: it does so no more here, and what it would have undone is in doubt. */
#include "core/advance.h"

static const char text[] = "an older state of the store was restored: it may have been done after that state";

static void remember(struct rc_draft *draft, uint32_t at)
{
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_RESTORED}, 0,
                   (struct rc_sv){text, sizeof text - 1});
}

/* The key may have gone out as soon as the state was left behind. */
static void keyed_by_then(struct rc_draft *draft, uint32_t at)
{
    rc_us *keyed = &draft->c.data[at].times.keyed;
    if (!*keyed) *keyed = draft->ask->order;
}

/* Questions leave nothing behind: they may be asked again. */
static bool leaves_nothing(const struct rc_draft *draft, uint32_t at)
{
    return rc_side_action(&draft->c, at)->reads_only;
}

static void under_way(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    if (node->phase != RC_PHASE_OPEN && leaves_nothing(draft, at)) return;
    if (rc_node_step(&draft->c, at)->kind == FLOW_CHILD) { /* what it has started is told itself */
        node->doubt = 1; /* it may have been started there, or rolled back */
        keyed_by_then(draft, at);
        return;
    }
    if (flow_confirms(rc_node_step(&draft->c, at))) { /* nobody answers what was out */
        rc_confirm_again(draft, at, 0);
        return;
    }
    node->cleared = 0;
    node->doubt = 1;
    keyed_by_then(draft, at);
    remember(draft, at);
    rc_step_became_unknown(draft, at, RC_WHY_RESTORED);
}

static bool is_under_way(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++) /* what the root waits for is its clock */
        if (c->node[i].phase != RC_PHASE_NONE) return true;
    return false;
}

void rc_command_restored(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    bool begun = rc_clock_restored(draft);
    if (!is_under_way(c) && !begun) return;
    bool rests = !is_under_way(c) && !rc_command_waits_to_begin(c) && !rc_command_waits_in_lane(c);
    for (uint32_t i = 0; i < c->nnodes; i++) {
        struct rc_node *node = &c->node[i];
        if (!rc_is_leaf(c, i)) continue;
        const struct flow_call *call = &rc_node_step(c, i)->call;
        bool again = node->state == RC_STEP_ACTIVE; /* its block, too, where that had succeeded without it */
        bool begins = again || (node->state == RC_STEP_IDLE && rc_can_begin(c, i));
        bool later = begins && !rests && c->mode == RC_MODE_FORWARD && !call->act.reads_only;
        bool undone = node->state == RC_STEP_SUCCEEDED && call->undo.present && !call->undo.reads_only;
        undone |= rc_child_stands(c, i);
        if (node->phase != RC_PHASE_NONE) {
            under_way(draft, i);
        } else if (later || undone) {
            if (later) node->state = RC_STEP_IDLE;
            node->doubt = 1;
            keyed_by_then(draft, i);
        }
    }
}

void rc_step_start_in_doubt(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    node->tries = node->asks = 0;
    node->cleared = 0;
    draft->c.data[at].times = (struct rc_times){.keyed = draft->c.data[at].times.keyed};
    remember(draft, at);
    rc_step_became_unknown(draft, at, RC_WHY_RESTORED);
}

/* What needs others may have been left out where one of them failed or was left out itself, and the line went on behind it. */
static bool may_have_been_left_out(const struct rc_command *c, uint32_t at)
{
    bool passes = false;
    if (rc_step_at(c, at)->cond) return true;
    for (uint32_t i = 0; i < at; i++)
        passes |= rc_is_leaf(c, i) && (!rc_node_step(c, i)->critical || c->node[i].state == RC_STEP_SKIPPED);
    return passes && rc_step_at(c, at)->nneeds;
}

/* Whether the branch `later` of a parallel block needs the branch `at`, in however many steps. */
static bool needs_it(struct rc_draft *draft, uint32_t block, uint32_t at, uint32_t later)
{
    const struct rc_command *c = &draft->c;
    uint32_t first = rc_first_child(c, block, 0);
    bool *needs = RC_NEW_ARRAY(draft->arena, bool, rc_step_at(c, block)->body); /* by place */
    if (!needs) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return false;
    }
    needs[at - first] = true;
    RC_EACH_CHILD (c, block, 0, child) {
        const struct flow_step *step = rc_step_at(c, child);
        for (uint16_t i = 0; i < step->nneeds && !step->cond; i++)
            needs[child - first] |= needs[rc_need(c, child, i) - first];
    }
    return needs[later - first];
}

/* Whether a step that did not happen has kept another one from beginning. */
static bool kept_from_beginning(struct rc_draft *draft, uint32_t at, uint32_t other)
{
    const struct rc_command *c = &draft->c;
    uint32_t child = at;
    for (;;) { /* up to the block that both stand in */
        uint32_t block = c->node[child].parent;
        const struct flow_step *step = rc_step_at(c, block);
        if (!rc_step_at(c, child)->critical || may_have_been_left_out(c, child)) return false;
        if (step->block.on_error != FLOW_FAIL_FAST || step->block.join != FLOW_JOIN_ALL) return false;
        if (rc_is_within(c, other, block)) break;
        if (step->kind == FLOW_CHOOSE || step->kind == FLOW_FALLBACK) return false;
        bool first = child == rc_first_child(c, block, 0);
        if (step->kind == FLOW_REPEAT && !first) return false; /* the loop may have been over before */
        child = block;
    }
    uint32_t block = c->node[child].parent, later = other;
    while (c->node[later].parent != block) later = c->node[later].parent;
    switch (rc_step_at(c, block)->kind) {
    case FLOW_LINEAR:
    case FLOW_REPEAT: return later > child;
    case FLOW_PARALLEL: return needs_it(draft, block, child, later);
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_FALLBACK:
    case FLOW_CALL:
    case FLOW_SLEEP:
    case FLOW_SET:
    case FLOW_WAIT:
    case FLOW_APPROVE:
    case FLOW_CONFIRM:
    case FLOW_ESCALATE:
    case FLOW_CHILD: break;
    }
    return false;
}

void rc_step_nothing_followed(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    if (rc_node_side(&c->node[at])->undo) return;
    for (uint32_t i = at + 1; i < c->nnodes; i++) {
        if (!rc_is_leaf(c, i) || c->node[i].state != RC_STEP_IDLE || !c->node[i].doubt) continue;
        if (kept_from_beginning(draft, at, i)) rc_forget_doubt(draft, i, i + 1);
    }
}
