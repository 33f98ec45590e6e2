/* Admission to one dependency. */
#include "core/gate.h"

static uint32_t limit_of(const struct rc_gate *gate, const struct flow_set *set)
{
    const struct flow_dependency *dependency = flow_set_gate(set, gate->id);
    return dependency ? dependency->concurrent
                      : 1; /* who is let in finds out that there is no such dependency */
}

uint32_t rc_gate_free(const struct rc_gate *gate, const struct flow_set *set)
{
    uint32_t limit = limit_of(gate, set);
    return gate->closed || gate->in_use >= limit ? 0 : limit - gate->in_use;
}

enum rc_status rc_gate_step(const struct rc_gate *gate, const struct rc_ask *ask, const struct flow_set *set,
                            struct rc_arena *arena, struct rc_out *ret_out, struct rc_error *err)
{
    struct rc_gate after = *gate;
    bool admit = false;
    if (rc_message_is_to(ask->kind) != RC_AGG_GATE)
        return rc_fail(err, RC_BUG, "message %u is none to a gate", ask->kind);
    switch ((enum rc_to_gate)ask->kind) {
    case RC_MSG_WANT:
        admit = rc_gate_free(gate, set) && !gate->backlog && !gate->crowded;
        after.backlog |= !admit;
        break;
    case RC_MSG_OFFER: admit = rc_gate_free(gate, set) > 0; break;
    case RC_MSG_DONE: after.in_use -= gate->in_use > 0; break;
    case RC_MSG_BACKLOG: after.backlog = ask->node != 0; break;
    case RC_MSG_CLOSED: after.closed = ask->node != 0; break;
    case RC_MSG_QUEUE: after.backlog = true; break;
    case RC_MSG_PULL: admit = !gate->closed; break;
    }
    after.in_use += admit;
    struct rc_out out = {.nchange = 1, .nmessage = admit};
    out.change = RC_NEW(arena, struct rc_change);
    out.message = RC_NEW(arena, struct rc_ask);
    if (!out.change || !out.message) return rc_fail_arena(err, arena);
    *out.change =
        (struct rc_change){.kind = RC_CHANGE_GATE, .u.gate = {after.in_use, after.backlog, after.closed}};
    *out.message = *ask;
    out.message->kind = RC_MSG_ADMIT;
    out.message->to = ask->from;
    out.message->from = (struct rc_addr){.agg = RC_AGG_GATE, .id = gate->id};
    *ret_out = out;
    return RC_OK;
}

void rc_gate_apply(struct rc_gate *gate, const struct rc_change *change)
{
    gate->in_use = change->u.gate.in_use;
    gate->backlog = change->u.gate.backlog;
    gate->closed = change->u.gate.closed;
}
