/* What the engine has in memory is spoiled, where that is the control: it forgets what it has decided. */
#include "sim/walk.h"

bool walk_spoils_nodes(enum sim_control control)
{
    return control == SIM_MORE_ITEMS || control == SIM_FORGET_JOINS || control == SIM_BEGIN_INSIDE;
}

/* Where it has fewer than it may. */
static void add_items(struct rc_command *c)
{
    static const struct cel_value items[WALK_INSTANCES]; /* null, all of them */
    for (uint32_t i = 0; i < c->nnodes; i++) {
        const struct flow_step *step = sim_step(c, i);
        bool fewer = step->kind == FLOW_EACH && c->data[i].outputs.kind == CEL_LIST &&
                     c->data[i].outputs.n < step->copies;
        if (fewer)
            c->data[i].outputs = (struct cel_value){.kind = CEL_LIST, .n = step->copies, .v.items = items};
    }
}

/* One success was enough, and others were left out because of it: it is as if that had failed, and as if nothing had been left out. */
static void forget_join(struct rc_command *c, uint32_t block)
{
    const struct flow_block *how = &sim_step(c, block)->block;
    bool one = how->join == FLOW_JOIN_ANY || (how->join == FLOW_JOIN_QUORUM && how->quorum == 1);
    bool left_out = false;
    if (!one || c->node[block].state != RC_STEP_SUCCEEDED || !c->node[block].cleared) return;
    SIM_EACH_CHILD(c, block, branch)
    left_out |= c->node[branch].state == RC_STEP_SKIPPED && c->node[branch].why == RC_WHY_JOINED;
    if (!left_out) return;
    c->node[block].state = RC_STEP_ACTIVE;
    c->node[block].cleared = 0;
    SIM_EACH_CHILD(c, block, branch)
    {
        struct rc_node *node = &c->node[branch];
        if (node->state == RC_STEP_SUCCEEDED) {
            node->state = RC_STEP_FAILED;
            node->tries = 1; /* a block: it stays so */
        } else if (node->state == RC_STEP_SKIPPED && node->why == RC_WHY_JOINED) {
            node->state = RC_STEP_IDLE;
        }
    }
}

static bool is_plain(const struct rc_command *c, uint32_t at)
{
    return sim_step(c, at)->kind == FLOW_LINEAR || sim_step(c, at)->kind == FLOW_PARALLEL;
}

static void begin_inside(struct rc_command *c, uint32_t block)
{
    uint32_t around = c->node[block].parent;
    bool waits = block && c->node[block].state == RC_STEP_IDLE && c->node[around].state == RC_STEP_ACTIVE;
    if (waits && is_plain(c, block) && is_plain(c, around)) c->node[block].state = RC_STEP_ACTIVE;
}

void walk_spoil(enum sim_control control, struct rc_command *c)
{
    if (!walk_spoils_nodes(control) && control != SIM_KEEP_VOTES) return;
    if (control == SIM_MORE_ITEMS) add_items(c);
    for (uint32_t i = 0; i < c->nnodes; i++) {
        bool given = sim_step(c, i)->kind == FLOW_APPROVE && c->node[i].state == RC_STEP_SUCCEEDED;
        if (control == SIM_KEEP_VOTES && given) /* a vote that it does not know of it cannot take back */
            c->data[i].votes.n = 0;
        if (c->mode != RC_MODE_FORWARD || sim_is_leaf(c, i)) continue;
        if (control == SIM_FORGET_JOINS && flow_is_joined(sim_step(c, i)->kind)) forget_join(c, i);
        if (control == SIM_BEGIN_INSIDE) begin_inside(c, i);
    }
}
