/* The public half of orders; and the entries of the audit that both implementations write. */
#include "store/driver.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/write.h"

enum { DATA_MAX = 64 << 10 };

static uint8_t deed_of(uint8_t state)
{
    switch ((enum rc_queue_state)state) {
    case RC_QUEUE_PAUSED: return RC_DEED_PAUSE;
    case RC_QUEUE_DRAINING: return RC_DEED_DRAIN;
    case RC_QUEUE_OPEN:
    case RC_QUEUE_STATES: break;
    }
    return RC_DEED_RESUME;
}

/* Of a signal not the id and the key, which may be the very thing that is to be forgotten. */
enum rc_status rc_audit_of_order(const struct rc_order *order, const struct rc_signal *signal,
                                 struct rc_arena *arena, struct rc_audit *ret, struct rc_error *err)
{
    bool is_queue = order->kind == RC_ORDER_QUEUE;
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, &order->by);
    if (is_queue) {
        rc_json_sv(&json, "queue", order->queue);
    } else {
        rc_json_u64(&json, "signal", order->signal);
        rc_json_sv(&json, "namespace", signal->ns);
        rc_json_sv(&json, "name", signal->name);
    }
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = is_queue ? RC_AUDIT_QUEUE : RC_AUDIT_SIGNAL,
                             .action = is_queue ? deed_of(order->state) : (uint8_t)RC_DEED_REMOVE,
                             .data = rc_buf_sv(&buf)};
    return RC_OK;
}

static bool sound_order(const struct rc_order *order)
{
    bool texts = order->by.subject.n <= RC_MAX_ACTOR && order->by.actor.n <= RC_MAX_ACTOR &&
                 order->by.reason.n <= RC_MAX_REASON;
    if (order->kind == RC_ORDER_SIGNAL) return texts && order->signal && order->signal <= INT64_MAX;
    return texts && order->queue.n && order->queue.n <= RC_MAX_NAME && order->state < RC_QUEUE_STATES;
}

enum rc_status rc_store_order(struct rc_store *store, const struct rc_order *order, rc_us now,
                              struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    if (!sound_order(order)) return rc_fail(err, RC_BUG, "the order cannot be stored");
    return rc_store_settle(store, store->driver->order(store, order, now, err));
}

enum rc_status rc_read_stopped(struct rc_reader *reader, struct rc_arena *arena, struct rc_stopped **ret,
                               uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->stopped(reader, arena, ret, ret_n, err) : status;
}

enum rc_status rc_order_full(struct rc_error *err)
{
    return rc_fail(err, RC_LIMIT, "more than %d queues cannot be stopped at a time", RC_MAX_STOPPED);
}

enum rc_status rc_order_no_signal(struct rc_error *err)
{
    return rc_fail(err, RC_NOT_FOUND,
                   "no such signal is kept: it was taken, deleted or forgotten, or there was none");
}
