/* The public half of signals; and what both implementations keep of them as text. */
#include "store/driver.h"

#include "codec/json.h"

uint64_t rc_signal_key_id(struct rc_sv ns, struct rc_sv key)
{
    return rc_mailbox_id(ns, RC_SV(""), key);
}

/* One that was taken is only remembered: what came with it is with the command. */
enum rc_status rc_store_encode_signal(const struct rc_signal *signal, struct rc_arena *arena,
                                      struct rc_sv *ret, struct rc_error *err)
{
    struct rc_buf text = rc_buf_in(arena, RC_MAX_RECORD);
    if (!signal->taken.seq) cel_put_json(&text, signal->payload);
    if (text.status != RC_OK) return rc_fail(err, text.status, "a signal cannot be kept");
    *ret = rc_buf_sv(&text);
    return RC_OK;
}

enum rc_status rc_store_decode_signal(struct rc_sv text, struct rc_arena *arena, struct cel_value *ret,
                                      struct rc_error *err)
{
    *ret = cel_null();
    if (!text.n) return RC_OK;
    enum rc_status status = rc_json_parse(text, arena, ret, err);
    if (status != RC_SYNTAX) return status; /* that memory has run out says nothing of the store */
    return rc_fail(err, RC_DAMAGED, "the payload of a stored signal is no JSON");
}

bool rc_store_sound_signals(const struct rc_signals *signals)
{
    for (uint32_t i = 0; i < signals->n; i++) {
        const struct rc_signal *one = &signals->signals[i];
        if (!one->number || one->number > INT64_MAX || one->taken.seq > INT64_MAX || !one->ns.n ||
            !one->name.n || !one->id.n || !one->key.n || one->at > INT64_MAX)
            return false;
    }
    return signals->since <= INT64_MAX;
}

enum rc_status rc_read_signal_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv key, rc_us since,
                                  struct rc_arena *arena, struct rc_signal *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->signal_key(reader, ns, key, since, arena, ret, err) : status;
}

enum rc_status rc_read_signals(struct rc_reader *reader, uint64_t mailbox, rc_us since, uint64_t after,
                               struct rc_arena *arena, uint32_t cap, struct rc_signal **ret, uint32_t *ret_n,
                               struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK
               ? reader->driver->signals(reader, mailbox, since, after, arena, cap, ret, ret_n, err)
               : status;
}

enum rc_status rc_read_signals_kept(struct rc_reader *reader, struct rc_sv ns, rc_us since, uint32_t most,
                                    uint32_t *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->signals_kept(reader, ns, since, most, ret, err) : status;
}

enum rc_status rc_read_signal_last(struct rc_reader *reader, uint64_t *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->signal_last(reader, ret, err) : status;
}
