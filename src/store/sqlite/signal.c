/* Signals: rows of the table `signal`. */
#include "store/sqlite/signal.h"

enum { FORGET_MORE = 64 }; /* more than come: so that old ones are gone in the end */

static enum rc_status write_one(struct sq_store *store, const struct rc_signal *signal, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    uint64_t ns = 0;
    struct rc_sv payload = {0};
    unsigned char asked[16];
    sq_put_h128(signal->asked, asked);
    rc_arena_reset(store->text);
    enum rc_status status = sq_name_make(conn, signal->ns, &ns, err);
    if (status == RC_OK) status = rc_store_encode_signal(signal, store->text, &payload, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(conn, SQ_SIGNAL_PUT);
    sq_u64(&run, signal->number);
    sq_u64(&run, rc_mailbox_id(signal->ns, signal->name, signal->id));
    sq_u64(&run, rc_signal_key_id(signal->ns, signal->key));
    sq_u64(&run, ns);
    sq_sv(&run, signal->name);
    sq_sv(&run, signal->id);
    sq_sv(&run, signal->key);
    sq_blob(&run, asked, sizeof asked);
    sq_sv_or_null(&run, payload);
    sq_u64(&run, signal->at);
    sq_u64(&run, signal->taken.seq);
    sq_u64(&run, signal->taken.nonce);
    sq_u64(&run, signal->node);
    return sq_done(&run, "cannot write a signal", err);
}

enum rc_status sq_signals_write(struct sq_store *store, const struct rc_signals *signals,
                                struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; i < signals->n && status == RC_OK; i++)
        status = write_one(store, &signals->signals[i], err);
    if (status != RC_OK || !signals->since) return status;
    struct sq run = sq_start(&store->self.conn, SQ_SIGNALS_FORGET);
    sq_u64(&run, signals->since);
    sq_u64(&run, (uint64_t)signals->n + FORGET_MORE);
    return sq_done(&run, "cannot forget old signals", err);
}

/* From the columns of SQ_SIGNAL_KEY and SQ_SIGNALS. */
static enum rc_status get_signal(struct sq_conn *conn, const struct sq *run, struct rc_arena *arena,
                                 struct rc_signal *ret, struct rc_error *err)
{
    struct rc_sv ns = {0};
    enum rc_status status = sq_name_text(conn, sq_get_u64(run, 1), &ns, err);
    if (status != RC_OK) return status;
    *ret = (struct rc_signal){.number = sq_get_u64(run, 0),
                              .ns = rc_copy_sv(arena, ns),
                              .name = rc_copy_sv(arena, sq_get_sv(run, 2)),
                              .id = rc_copy_sv(arena, sq_get_sv(run, 3)),
                              .key = rc_copy_sv(arena, sq_get_sv(run, 4)),
                              .asked = sq_h128(sq_get_sv(run, 5)),
                              .at = sq_get_u64(run, 7),
                              .taken = {sq_get_u64(run, 8), sq_get_u64(run, 9)},
                              .node = (uint32_t)sq_get_u64(run, 10)};
    if (!ret->ns.p || !ret->name.p || !ret->id.p || !ret->key.p) return rc_fail_arena(err, arena);
    struct rc_sv payload = rc_copy_sv(arena, sq_get_sv(run, 6));
    if (!payload.p) return rc_fail_arena(err, arena);
    return rc_store_decode_signal(payload, arena, &ret->payload, err);
}

enum rc_status sq_read_signal_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv key, rc_us since,
                                  struct rc_arena *arena, struct rc_signal *ret, struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    struct sq run = sq_start(conn, SQ_SIGNAL_KEY);
    sq_u64(&run, rc_signal_key_id(ns, key));
    sq_u64(&run, since);
    enum rc_status status = RC_OK;
    bool found = false;
    while (status == RC_OK && !found && sq_row(&run)) {
        status = get_signal(conn, &run, arena, ret, err);
        found = status == RC_OK && rc_sv_eq(ret->ns, ns) && rc_sv_eq(ret->key, key);
    }
    enum rc_status ended = sq_end(&run, "cannot read a signal", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    return found ? RC_OK : rc_fail(err, RC_NOT_FOUND, "there is no signal with this key");
}

enum rc_status sq_read_signals(struct rc_reader *reader, uint64_t mailbox, rc_us since, uint64_t after,
                               struct rc_arena *arena, uint32_t cap, struct rc_signal **ret, uint32_t *ret_n,
                               struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    struct rc_signal *signals = RC_NEW_ARRAY(arena, struct rc_signal, cap);
    uint32_t n = 0;
    if (!signals) return rc_fail_arena(err, arena);
    struct sq run = sq_start(conn, mailbox ? SQ_SIGNALS : SQ_SIGNALS_ALL);
    sq_u64(&run, mailbox);
    sq_u64(&run, after);
    sq_u64(&run, since);
    sq_u64(&run, cap);
    enum rc_status status = RC_OK;
    while (status == RC_OK && n < cap && sq_row(&run))
        status = get_signal(conn, &run, arena, &signals[n++], err);
    enum rc_status ended = sq_end(&run, "cannot read the signals", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    *ret = signals;
    *ret_n = n;
    return RC_OK;
}

enum rc_status sq_read_signal_last(struct rc_reader *reader, uint64_t *ret, struct rc_error *err)
{
    struct sq run = sq_start(sq_conn_of(reader), SQ_SIGNAL_LAST);
    uint64_t last = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot read the signals", err);
    if (status == RC_OK) *ret = last;
    return status;
}

enum rc_status sq_read_signals_kept(struct rc_reader *reader, struct rc_sv ns, rc_us since, uint32_t most,
                                    uint32_t *ret, struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    uint64_t number = 0;
    enum rc_status status = sq_name_find(conn, ns, &number, err);
    *ret = 0;
    if (status != RC_OK) return status == RC_NOT_FOUND ? RC_OK : status;
    struct sq run = sq_start(conn, SQ_SIGNALS_KEPT);
    sq_u64(&run, number);
    sq_u64(&run, since);
    sq_u64(&run, most);
    if (sq_row(&run)) *ret = (uint32_t)sq_get_u64(&run, 0);
    return sq_end(&run, "cannot count the signals", err);
}
