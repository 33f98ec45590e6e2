/* A move as a change: the instances of another version take the place of those that were there. What an instance was carries over as it is,
 * so that a history reads the same for ever, whatever a later program thinks of moves. */
#include "core/draft.h"

/* Whether each instance that is named was there, and is named once. */
static bool fits(const struct rc_command *command, const struct rc_move *move, bool *named)
{
    if (move->nwas != move->flow->ninstances || move->flow->version != move->to ||
        command->flow->version != move->from || rc_command_moves(command) == UINT16_MAX)
        return false;
    for (uint32_t i = 0; i < move->nwas; i++) {
        if (move->was[i] == RC_NOWHERE) continue;
        if (move->was[i] >= command->nnodes || named[move->was[i]]) return false;
        named[move->was[i]] = true;
    }
    return move->was[0] == 0;
}

enum rc_status rc_move_apply(struct rc_command *command, const struct rc_move *move, struct rc_arena *arena,
                             struct rc_error *err)
{
    uint32_t n = move->nwas;
    bool *named = RC_NEW_ARRAY(arena, bool, command->nnodes);
    struct rc_past *past = RC_NEW(arena, struct rc_past);
    struct rc_node *node = RC_NEW_ARRAY(arena, struct rc_node, n);
    struct rc_data *data = RC_NEW_ARRAY(arena, struct rc_data, n);
    if (!named || !past || !node || !data) return rc_fail_arena(err, arena);
    if (!move->flow || !command->nnodes || !fits(command, move, named))
        return rc_fail(err, RC_BUG, "the command cannot have moved from version %u to %u so", move->from,
                       move->to);
    uint16_t number = rc_command_moves(command);
    rc_unroll(move->flow, node, 0);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t was = move->was[i];
        struct rc_node place = node[i];
        data[i] = (struct rc_data){.outputs = cel_null(), .birth = {(uint16_t)(number + 1), (uint16_t)i}};
        if (was != RC_NOWHERE) {
            node[i] = command->node[was];
            node[i].node = place.node;
            node[i].parent = place.parent;
            node[i].item = place.item;
            data[i] = command->data[was];
        }
        /* an attempt is known by its instance's number and its own: no two of a command are the same */
        uint16_t before = i < command->nnodes ? command->node[i].attempt : 0;
        if (node[i].attempt < before) node[i].attempt = before;
        if (was == RC_NOWHERE || !rc_has_left(command, was)) data[i].others = node[i].attempt;
    }
    *past = (struct rc_past){.before = command->past,
                             .flow = command->flow,
                             .nnodes = command->nnodes,
                             .node = command->node,
                             .data = command->data,
                             .rev = command->rev + 1,
                             .number = number};
    command->past = past;
    command->flow = move->flow;
    command->id.flow = move->flow->id;
    command->nnodes = n;
    command->node = node;
    command->data = data;
    return RC_OK;
}

void rc_move_take_back(struct rc_command *command, const struct rc_move *inverse)
{
    const struct rc_past *past = command->past;
    if (past == inverse->past) return; /* it was refused */
    command->past = past->before;
    command->flow = past->flow;
    command->id.flow = past->flow->id;
    command->nnodes = past->nnodes;
    command->node = past->node;
    command->data = past->data;
}

const struct flow *rc_command_first_flow(const struct rc_command *command)
{
    const struct flow *flow = command->flow;
    for (const struct rc_past *past = command->past; past; past = past->before) flow = past->flow;
    return flow;
}

struct rc_command rc_command_then(const struct rc_command *command, uint32_t rev)
{
    struct rc_command then = *command;
    for (const struct rc_past *past = command->past; past && rev < past->rev; past = past->before) {
        then.past = past->before;
        then.flow = past->flow;
        then.nnodes = past->nnodes;
        then.node = past->node;
        then.data = past->data;
    }
    return then;
}
