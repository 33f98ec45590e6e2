/* The only thing that changes a command. Each change replaces one part; an edge that spec/states.def does not have is refused. */
#include "core/draft.h"
#include "core/people.h"

void rc_unroll(const struct flow *flow, struct rc_node *node, uint32_t at)
{
    const struct flow_step *block = &flow->steps[node[at].node];
    for (uint16_t copy = 0; copy < block->copies && block->body; copy++) {
        uint32_t first = at + 1 + copy * block->body;
        for (flow_node i = (flow_node)(node[at].node + 1); i < block->end; i = flow->steps[i].end) {
            uint32_t child = first + flow->steps[i].place;
            node[child] = (struct rc_node){.node = i, .parent = (uint16_t)at, .item = copy};
            if (flow->steps[i].body) rc_unroll(flow, node, child);
        }
    }
}

static enum rc_status create(struct rc_command *command, const struct rc_identity *identity,
                             struct rc_arena *arena, struct rc_error *err)
{
    const struct flow *flow = command->flow;
    if (command->nnodes || !flow) return rc_fail(err, RC_BUG, "a command is created once, with a flow");
    uint32_t n = flow->ninstances;
    struct rc_node *node = RC_NEW_ARRAY(arena, struct rc_node, n);
    struct rc_data *data = RC_NEW_ARRAY(arena, struct rc_data, n);
    if (!node || !data) return rc_fail_arena(err, arena);
    rc_unroll(flow, node, 0);
    for (uint32_t i = 0; i < n; i++) {
        data[i].outputs = cel_null();
        data[i].birth.at = (uint16_t)i;
    }
    *command = (struct rc_command){
        .id = *identity, .flow = flow, .changed = identity->created, .nnodes = n, .node = node, .data = data};
    command->id.flow = flow->id; /* as it began; moves come behind */
    command->id.authors = NULL;  /* they are votes of the root */
    command->id.nauthors = 0;
    return RC_OK;
}

static enum rc_status check_node(const struct rc_command *command, const struct rc_change *change,
                                 struct rc_error *err)
{
    const struct rc_node *old = &command->node[change->at], *new = &change->u.node.node;
    bool leaf = rc_is_leaf(command, change->at);
    bool may = leaf ? rc_step_may(old->state, new->state) : rc_block_may(old->state, new->state);
    if (!may)
        return rc_fail(err, RC_BUG, "%s %u may not go from %s to %s", leaf ? "step" : "block", change->at,
                       rc_step_word(old->state).slug, rc_step_word(new->state).slug);
    if (!rc_phase_may(old->phase, new->phase))
        return rc_fail(err, RC_BUG, "step %u may not go from phase %s to %s", change->at,
                       rc_phase_word(old->phase).slug, rc_phase_word(new->phase).slug);
    if (new->attempt < old->attempt || new->attempt > old->attempt + 1)
        return rc_fail(err, RC_BUG, "step %u may not go from attempt %u to %u", change->at, old->attempt,
                       new->attempt);
    return RC_OK;
}

/* Whether the change fits the command as it is. */
static enum rc_status check(const struct rc_command *command, const struct rc_change *change,
                            struct rc_error *err)
{
    switch ((enum rc_change_kind)change->kind) {
    case RC_CHANGE_NODE: return check_node(command, change, err);
    case RC_CHANGE_STATE:
        if (rc_state_may(command->state, change->u.state)) return RC_OK;
        return rc_fail(err, RC_BUG, "a command may not go from %s to %s", rc_state_word(command->state).slug,
                       rc_state_word(change->u.state).slug);
    case RC_CHANGE_MODE:
        return change->u.mode.mode < RC_MODES
                   ? RC_OK
                   : rc_fail(err, RC_BUG, "there is no mode %u", change->u.mode.mode);
    case RC_CHANGE_BACK:
        return change->u.back < command->nnodes
                   ? RC_OK
                   : rc_fail(err, RC_BUG, "there is no instance %u to roll back to", change->u.back);
    case RC_CHANGE_OUTPUTS:
    case RC_CHANGE_REQUEST:
    case RC_CHANGE_OWNER:
    case RC_CHANGE_DUE:
    case RC_CHANGE_NOTES:
    case RC_CHANGE_CLOCK:
    case RC_CHANGE_PLACE:
    case RC_CHANGE_PRIORITY:
    case RC_CHANGE_VOTES:
    case RC_CHANGE_FAULT: return RC_OK;
    case RC_CHANGE_SUCCESSOR:
        return command->successor.seq == 0 ? RC_OK
                                           : rc_fail(err, RC_BUG, "a command has one successor at most");
    case RC_CHANGE_CREATE:
    case RC_CHANGE_MOVE:
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    }
    return rc_fail(err, RC_BUG, "change %u is none of a command that exists", change->kind);
}

/* Makes the change the command's own: what a node is in the flow never changes (and is not stored), and what the change points to is
 * copied, so that it lives as long as the command. */
static enum rc_status own(const struct rc_command *command, struct rc_change *change, struct rc_arena *arena,
                          struct rc_error *err)
{
    if (change->kind == RC_CHANGE_NODE) {
        const struct rc_node *old = &command->node[change->at];
        change->u.node.node.node = old->node;
        change->u.node.node.parent = old->parent;
        change->u.node.node.item = old->item;
    }
    struct rc_sv *text = change->kind == RC_CHANGE_OUTPUTS ? &change->u.outputs.external_id
                         : change->kind == RC_CHANGE_FAULT ? &change->u.fault.text
                         : change->kind == RC_CHANGE_OWNER ? &change->u.owner
                         : change->kind == RC_CHANGE_PLACE ? &change->u.place.key
                                                           : NULL;
    if (text && !(*text = rc_copy_sv(arena, *text)).p) return rc_fail_arena(err, arena);
    if (change->kind == RC_CHANGE_VOTES && !rc_votes_copy(arena, &change->u.votes, &change->u.votes))
        return rc_fail_arena(err, arena);
    if (change->kind != RC_CHANGE_OUTPUTS) return RC_OK;
    struct cel_value *outputs = &change->u.outputs.outputs;
    return cel_copy(*outputs, arena, outputs) == RC_OK ? RC_OK : rc_fail_arena(err, arena);
}

/* Sets the part that the change names; everything was checked and copied before. */
static void put(struct rc_command *command, const struct rc_change *change)
{
    struct rc_data *data = &command->data[change->at];
    switch ((enum rc_change_kind)change->kind) {
    case RC_CHANGE_CREATE:
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    case RC_CHANGE_MOVE: rc_move_take_back(command, &change->u.move); break;
    case RC_CHANGE_NODE:
        command->node[change->at] = change->u.node.node;
        data->times = change->u.node.times;
        break;
    case RC_CHANGE_OUTPUTS:
        data->outputs = change->u.outputs.outputs;
        data->external_id = change->u.outputs.external_id;
        break;
    case RC_CHANGE_REQUEST: data->request = change->u.request; break;
    case RC_CHANGE_FAULT:
        data->fault = change->u.fault.text;
        data->status = change->u.fault.status;
        data->why = change->u.fault.why;
        data->outcome = change->u.fault.outcome;
        break;
    case RC_CHANGE_MODE:
        command->mode = change->u.mode.mode;
        command->why = change->u.mode.why;
        break;
    case RC_CHANGE_STATE: command->state = change->u.state; break;
    case RC_CHANGE_OWNER: command->owner = change->u.owner; break;
    case RC_CHANGE_DUE: command->due = change->u.due; break;
    case RC_CHANGE_NOTES: command->notes = change->u.notes; break;
    case RC_CHANGE_SUCCESSOR: command->successor = change->u.successor; break;
    case RC_CHANGE_CLOCK: command->clock = change->u.clock; break;
    case RC_CHANGE_PLACE: command->place = change->u.place; break;
    case RC_CHANGE_PRIORITY: command->priority = change->u.priority; break;
    case RC_CHANGE_BACK: command->back = change->u.back; break;
    case RC_CHANGE_VOTES: data->votes = change->u.votes; break;
    }
}

enum rc_status rc_command_apply(struct rc_command *command, const struct rc_change *change,
                                struct rc_arena *arena, struct rc_error *err)
{
    if (change->kind == RC_CHANGE_CREATE) return create(command, change->u.create, arena, err);
    if (change->kind == RC_CHANGE_MOVE) return rc_move_apply(command, &change->u.move, arena, err);
    if (change->at >= command->nnodes) return rc_fail(err, RC_BUG, "there is no node %u", change->at);
    struct rc_change mine = *change;
    enum rc_status status = check(command, change, err);
    if (status == RC_OK) status = own(command, &mine, arena, err);
    if (status == RC_OK) put(command, &mine);
    return status;
}

void rc_command_restore(struct rc_command *command, const struct rc_change *inverse)
{
    put(command, inverse);
}

struct rc_change rc_command_inverse(const struct rc_command *command, const struct rc_change *change)
{
    struct rc_change inverse = {.kind = change->kind, .at = change->at};
    if (change->at >= command->nnodes) return inverse; /* there is nothing there yet */
    const struct rc_data *data = &command->data[change->at];
    switch ((enum rc_change_kind)change->kind) {
    case RC_CHANGE_CREATE:
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    case RC_CHANGE_MOVE: inverse.u.move.past = command->past; break;
    case RC_CHANGE_NODE:
        inverse.u.node.node = command->node[change->at];
        inverse.u.node.times = data->times;
        break;
    case RC_CHANGE_OUTPUTS:
        inverse.u.outputs.outputs = data->outputs;
        inverse.u.outputs.external_id = data->external_id;
        break;
    case RC_CHANGE_REQUEST: inverse.u.request = data->request; break;
    case RC_CHANGE_FAULT:
        inverse.u.fault.text = data->fault;
        inverse.u.fault.status = data->status;
        inverse.u.fault.why = data->why;
        inverse.u.fault.outcome = data->outcome;
        break;
    case RC_CHANGE_MODE:
        inverse.u.mode.mode = command->mode;
        inverse.u.mode.why = command->why;
        break;
    case RC_CHANGE_STATE: inverse.u.state = command->state; break;
    case RC_CHANGE_OWNER: inverse.u.owner = command->owner; break;
    case RC_CHANGE_DUE: inverse.u.due = command->due; break;
    case RC_CHANGE_NOTES: inverse.u.notes = command->notes; break;
    case RC_CHANGE_SUCCESSOR: inverse.u.successor = command->successor; break;
    case RC_CHANGE_CLOCK: inverse.u.clock = command->clock; break;
    case RC_CHANGE_PLACE: inverse.u.place = command->place; break;
    case RC_CHANGE_PRIORITY: inverse.u.priority = command->priority; break;
    case RC_CHANGE_BACK: inverse.u.back = command->back; break;
    case RC_CHANGE_VOTES: inverse.u.votes = data->votes; break;
    }
    return inverse;
}
