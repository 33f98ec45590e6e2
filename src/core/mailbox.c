/* Signals and who waits for them. */
#include "core/mailbox.h"

#include "base/limits.h"

uint64_t rc_mailbox_id(struct rc_sv ns, struct rc_sv name, struct rc_sv id)
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    rc_sha256_add_sv(&hash, RC_SV("mailbox"));
    rc_sha256_add_sv(&hash, ns);
    rc_sha256_add_sv(&hash, name);
    rc_sha256_add_sv(&hash, id);
    return rc_sha256_h128(&hash).hi >> 1;
}

uint64_t rc_command_mailbox(const struct rc_command *c, uint32_t node)
{
    return rc_mailbox_id(c->id.ns, rc_node_step(c, node)->wait.signal, c->data[node].external_id);
}

bool rc_command_listens(const struct rc_command *c, uint32_t node, const struct rc_signal *signal)
{
    return node < c->nnodes && c->node[node].phase == RC_PHASE_WAITING && rc_sv_eq(c->id.ns, signal->ns) &&
           rc_sv_eq(rc_node_step(c, node)->wait.signal, signal->name) &&
           rc_sv_eq(c->data[node].external_id, signal->id);
}

static enum rc_status hand_over(const struct rc_ask *ask, const struct rc_signal *signal, struct rc_link to,
                                uint32_t node, struct rc_arena *arena, struct rc_signal *ret_signal,
                                struct rc_out *ret_out, struct rc_error *err)
{
    struct rc_out out = {.message = RC_NEW(arena, struct rc_ask), .nmessage = 1};
    struct rc_signal *given = rc_copy(arena, signal, sizeof *signal);
    if (!out.message || !given) return rc_fail_arena(err, arena);
    *out.message = *ask;
    out.message->kind = RC_MSG_SIGNALLED;
    out.message->to = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = to.seq};
    out.message->from = ask->to;
    out.message->node = node;
    out.message->u.signal = given;
    *ret_signal = *signal;
    ret_signal->taken = to;
    ret_signal->node = node;
    *ret_out = out;
    return RC_OK;
}

static enum rc_status take_in(const struct rc_mailbox *mailbox, const struct rc_ask *ask,
                              struct rc_arena *arena, struct rc_signal *ret_signal, struct rc_out *ret_out,
                              struct rc_error *err)
{
    const struct rc_signal *signal = ask->u.signal;
    bool given_back = ask->from.agg == RC_AGG_COMMAND; /* it had its place before */
    if (mailbox->listener.seq)
        return hand_over(ask, signal, mailbox->listener, mailbox->node, arena, ret_signal, ret_out, err);
    if (mailbox->kept >= RC_MAX_SIGNALS_KEPT && !given_back)
        return rc_fail(err, RC_QUOTA,
                       "%d signals '%.*s' for this id are kept already, and nothing has waited for them",
                       RC_MAX_SIGNALS_KEPT, RC_SV_ARG(signal->name));
    *ret_signal = *signal;
    ret_signal->taken = (struct rc_link){0};
    ret_signal->node = 0;
    return RC_OK;
}

enum rc_status rc_mailbox_step(const struct rc_mailbox *mailbox, const struct rc_ask *ask,
                               struct rc_link from, struct rc_arena *arena, struct rc_signal *ret_signal,
                               struct rc_out *ret_out, struct rc_error *err)
{
    *ret_signal = (struct rc_signal){0};
    switch ((enum rc_to_mailbox)ask->kind) {
    case RC_MSG_SIGNAL: return take_in(mailbox, ask, arena, ret_signal, ret_out, err);
    case RC_MSG_LISTEN:
        return mailbox->oldest
                   ? hand_over(ask, mailbox->oldest, from, ask->node, arena, ret_signal, ret_out, err)
                   : RC_OK;
    }
    return rc_fail(err, RC_BUG, "message %u is none to a mailbox", ask->kind);
}
