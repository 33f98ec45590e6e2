/* Orders: queues that are stopped, a row each, and the end of a signal that is kept. */
#include "store/sqlite/signal.h"

enum { DATA_MAX = 64 << 10, PAYLOAD_MAX = 4 << 20 };

struct ordering {
    struct sq_store *store;
    const struct rc_order *order;
    rc_us now;
};

enum rc_status sq_stopped_set(struct sq_conn *conn, const struct rc_stopped *stopped, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_QUEUE_SET);
    sq_sv(&run, stopped->queue);
    sq_u64(&run, stopped->state);
    sq_u64(&run, stopped->since);
    sq_sv_or_null(&run, stopped->by.subject);
    sq_sv_or_null(&run, stopped->by.actor);
    sq_sv_or_null(&run, stopped->by.reason);
    return sq_done(&run, "cannot stop a queue", err);
}

static enum rc_status go_on(struct sq_conn *conn, struct rc_sv queue, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_QUEUE_DROP);
    sq_sv(&run, queue);
    return sq_done(&run, "cannot let a queue go on", err);
}

static enum rc_status order_queue(const struct ordering *in, struct rc_error *err)
{
    struct sq_conn *conn = &in->store->self.conn;
    const struct rc_order *order = in->order;
    if (order->state == RC_QUEUE_OPEN) return go_on(conn, order->queue, err);
    struct sq run = sq_start(conn, SQ_QUEUE_COUNT);
    sq_sv(&run, order->queue);
    uint64_t others = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot count the queues", err);
    if (status != RC_OK) return status;
    if (others >= RC_MAX_STOPPED) return rc_order_full(err);
    return sq_stopped_set(conn, &(struct rc_stopped){order->queue, order->state, in->now, order->by}, err);
}

static enum rc_status end_signal(const struct ordering *in, struct rc_arena *arena, struct rc_signal *ret,
                                 struct rc_error *err)
{
    const struct rc_order *order = in->order;
    struct rc_signal *found = NULL;
    uint32_t n = 0;
    enum rc_status status =
        sq_read_signals(in->store->base.self, 0, 0, order->signal - 1, arena, 1, &found, &n, err);
    if (status != RC_OK) return status;
    if (!n || found->number != order->signal || found->taken.seq ||
        (order->ns.n && !rc_sv_eq(order->ns, found->ns)))
        return rc_order_no_signal(err);
    *ret = *found;
    ret->taken = (struct rc_link){.seq = RC_SIGNAL_DELETED};
    return sq_signals_write(in->store, &(struct rc_signals){.signals = ret, .n = 1}, err);
}

static enum rc_status carry_out(void *context, struct rc_error *err)
{
    const struct ordering *in = context;
    struct rc_arena *arena = rc_arena_new(0, DATA_MAX + PAYLOAD_MAX);
    struct rc_signal signal = {0};
    struct rc_audit entry = {0};
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    bool is_queue = in->order->kind == RC_ORDER_QUEUE;
    enum rc_status status = is_queue ? order_queue(in, err) : end_signal(in, arena, &signal, err);
    if (status == RC_OK) status = rc_audit_of_order(in->order, &signal, arena, &entry, err);
    if (status == RC_OK) status = sq_audit_add(&in->store->self.conn, &entry, in->now, err);
    rc_arena_free(arena);
    return status;
}

enum rc_status sq_order(struct rc_store *base, const struct rc_order *order, rc_us now, struct rc_error *err)
{
    struct ordering in = {.store = sq_store_of(base), .order = order, .now = now};
    return sq_transact(in.store, true, carry_out, &in, err);
}

enum rc_status sq_read_stopped(struct rc_reader *reader, struct rc_arena *arena, struct rc_stopped **ret,
                               uint32_t *ret_n, struct rc_error *err)
{
    struct rc_stopped *rows = RC_NEW_ARRAY(arena, struct rc_stopped, RC_MAX_STOPPED);
    uint32_t n = 0;
    if (!rows) return rc_fail_arena(err, arena);
    struct sq run = sq_start(sq_conn_of(reader), SQ_QUEUES);
    for (; n < RC_MAX_STOPPED && sq_row(&run); n++)
        rows[n] = (struct rc_stopped){.queue = rc_copy_sv(arena, sq_get_sv(&run, 0)),
                                      .state = (uint8_t)sq_get_u64(&run, 1),
                                      .since = sq_get_u64(&run, 2),
                                      .by = {.subject = rc_copy_sv(arena, sq_get_sv(&run, 3)),
                                             .actor = rc_copy_sv(arena, sq_get_sv(&run, 4)),
                                             .reason = rc_copy_sv(arena, sq_get_sv(&run, 5))}};
    enum rc_status status = sq_end(&run, "cannot read the queues", err);
    if (status == RC_OK && rc_arena_status(arena) != RC_OK) status = rc_fail_arena(err, arena);
    if (status != RC_OK) return status;
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}
