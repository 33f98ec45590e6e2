/* Bulks: the public functions, and the form in which an action is kept; the same for every implementation. */
#include "store/driver.h"

#include "base/id.h"
#include "codec/record.h"
#include "codec/write.h"

enum rc_status rc_store_encode_act(const struct rc_act *act, struct rc_arena *arena, struct rc_sv *ret,
                                   struct rc_error *err)
{
    const struct rc_ask ask = {.kind = RC_CAUSE_ACTION, .u.act = act};
    struct rc_buf text = rc_buf_in(arena, RC_MAX_RECORD);
    rc_put_cause(&text, &ask);
    if (text.status != RC_OK) return rc_fail(err, text.status, "the action of a bulk cannot be kept");
    *ret = rc_buf_sv(&text);
    return RC_OK;
}

enum rc_status rc_store_decode_act(struct rc_sv text, struct rc_arena *arena, struct rc_act *ret,
                                   struct rc_error *err)
{
    struct rc_ask ask = {.kind = RC_CAUSE_ACTION};
    enum rc_status status = rc_get_cause(text, arena, &ask, err);
    if (status == RC_OK) *ret = *ask.u.act;
    return status;
}

bool rc_bulk_by_person(const struct rc_bulk_write *write)
{
    return write->event && write->event->actor.n;
}

/* A made one has no number yet; its nonce and key tell which it is. */
enum rc_status rc_audit_of_bulk(const struct rc_bulk_write *write, struct rc_arena *arena,
                                struct rc_audit *ret, struct rc_error *err)
{
    enum { DATA_MAX = 64 << 10 };
    const struct rc_bulk *bulk = write->bulk;
    const struct rc_bulk_event *event = write->event;
    const struct rc_author author = {event->subject, event->actor, event->reason};
    bool starts = event->state == RC_BULK_RUNNING;
    struct rc_buf buf = rc_buf_in(arena, DATA_MAX);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_audit_put_author(&json, &author);
    if (bulk->id) rc_json_id(&json, "name", bulk->id, bulk->nonce);
    rc_json_sv(&json, "namespace", bulk->ns);
    rc_json_sv(&json, "key", bulk->key);
    rc_json_text(&json, "does", rc_action_word(bulk->act.action).slug);
    rc_json_text(&json, "state", rc_bulk_word(event->state).slug);
    rc_json_u64(&json, "items", bulk->total);
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the entry of the audit cannot be made");
    *ret = (struct rc_audit){.kind = RC_AUDIT_BULK,
                             .action = write->made ? RC_DEED_ADD
                                       : starts    ? RC_DEED_START
                                                   : RC_DEED_STOP,
                             .data = rc_buf_sv(&buf)};
    return RC_OK;
}

static bool sound(const struct rc_bulk_write *write)
{
    const struct rc_bulk *bulk = write->bulk;
    if (bulk->state >= RC_BULK_STATES || bulk->total > RC_MAX_BULK || write->nitems > RC_MAX_BULK)
        return false;
    if (write->made ? bulk->id != 0 || write->nitems != bulk->total || !write->event : bulk->id == 0)
        return false;
    for (uint32_t i = 0; i < write->nitems; i++) {
        const struct rc_bulk_item *item = &write->items[i];
        if (item->result >= RC_ITEM_RESULTS || item->state >= RC_STATES || item->seq > RC_SEQ_MAX)
            return false;
        if (write->made ? item->n != i + 1 : item->n == 0) return false;
    }
    return true;
}

enum rc_status rc_store_bulk(struct rc_store *store, const struct rc_bulk_write *write, uint64_t *ret_id,
                             struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    if (!sound(write)) return rc_fail(err, RC_BUG, "the bulk has a number that cannot be stored");
    uint64_t id = write->bulk->id;
    status = rc_store_settle(store, store->driver->bulk(store, write, &id, err));
    if (status == RC_OK && ret_id) *ret_id = id;
    return status;
}

enum rc_status rc_read_bulk(struct rc_reader *reader, uint64_t id, struct rc_arena *arena,
                            struct rc_bulk *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->bulk_at(reader, id, arena, ret, err) : status;
}

enum rc_status rc_read_bulk_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv key, uint64_t *ret_id,
                                struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->bulk_key(reader, ns, key, ret_id, err) : status;
}

enum rc_status rc_read_bulks(struct rc_reader *reader, struct rc_sv ns, uint32_t states, uint64_t before,
                             struct rc_arena *arena, uint32_t cap, struct rc_bulk **ret, uint32_t *ret_n,
                             struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_PAGE) cap = RC_MAX_PAGE;
    if (before == 0 || before > INT64_MAX) before = INT64_MAX;
    if (states == 0) states = UINT32_MAX;
    return reader->driver->bulks(reader, ns, states, before, arena, cap, ret, ret_n, err);
}

enum rc_status rc_read_bulk_items(struct rc_reader *reader, uint64_t id, uint32_t results, uint32_t after,
                                  struct rc_arena *arena, uint32_t cap, struct rc_bulk_item **ret,
                                  uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_PAGE) cap = RC_MAX_PAGE;
    if (results == 0) results = UINT32_MAX;
    return reader->driver->bulk_items(reader, id, results, after, arena, cap, ret, ret_n, err);
}

enum rc_status rc_read_bulk_events(struct rc_reader *reader, uint64_t id, uint32_t after,
                                   struct rc_arena *arena, uint32_t cap, struct rc_bulk_event **ret,
                                   uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_PAGE) cap = RC_MAX_PAGE;
    return reader->driver->bulk_events(reader, id, after, arena, cap, ret, ret_n, err);
}
