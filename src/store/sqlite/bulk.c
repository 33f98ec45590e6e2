/* Bulks: a row each, a row per item, a row per change of state. */
#include "store/sqlite/db.h"

enum { FORGET = 4, ACT_FIRST = 1024, ACT_MAX = 4 << 20 };

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void put_counts(struct sq *run, const struct rc_bulk *bulk)
{
    sq_u64(run, bulk->rate);
    sq_u64(run, bulk->stop_percent);
    sq_u64(run, bulk->even_if_changed);
    sq_u64(run, bulk->wave);
    sq_u64(run, bulk->next);
    for (unsigned result = RC_ITEM_DONE; result < RC_ITEM_RESULTS; result++) sq_u64(run, bulk->count[result]);
}
_Static_assert(RC_ITEM_OPEN == 0 && RC_ITEM_DONE == 1 && RC_ITEM_REFUSED == 2 && RC_ITEM_STALE == 3 &&
                   RC_ITEM_FAILED == 4 && RC_ITEM_RESULTS == 5,
               "the columns of the results; numbers are stored and never change");

static enum rc_status add_bulk(struct sq_conn *conn, const struct rc_bulk *bulk, struct rc_sv act,
                               struct rc_error *err)
{
    unsigned char asked[16];
    sq_put_h128(bulk->asked, asked);
    struct sq run = sq_start(conn, SQ_BULK_ADD);
    sq_sv_or_null(&run, (struct rc_sv){0}); /* its number is given */
    sq_u64(&run, bulk->rev);
    sq_u64(&run, bulk->state);
    sq_u64(&run, bulk->nonce);
    sq_sv(&run, bulk->ns);
    sq_sv(&run, bulk->key);
    sq_blob(&run, asked, sizeof asked);
    sq_sv(&run, act);
    sq_sv(&run, bulk->from);
    sq_u64(&run, bulk->limit);
    sq_u64(&run, bulk->more);
    sq_u64(&run, bulk->created);
    sq_u64(&run, bulk->expires);
    sq_u64(&run, bulk->changed);
    sq_u64(&run, bulk->total);
    sq_u64(&run, bulk->allowed);
    put_counts(&run, bulk);
    return sq_done(&run, "cannot write a bulk", err);
}

static enum rc_status set_bulk(struct sq_conn *conn, const struct rc_bulk *bulk, struct rc_sv act,
                               struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_BULK_SET);
    sq_u64(&run, bulk->rev);
    sq_u64(&run, bulk->state);
    sq_sv(&run, act);
    sq_u64(&run, bulk->changed);
    put_counts(&run, bulk);
    sq_u64(&run, bulk->id);
    enum rc_status status = sq_done(&run, "cannot write a bulk", err);
    if (status == RC_OK && sqlite3_changes(conn->db) == 0)
        return rc_fail(err, RC_BUG, "bulk %llu is not there", (unsigned long long)bulk->id);
    return status;
}

static enum rc_status add_item(struct sq_conn *conn, uint64_t id, const struct rc_bulk_item *item,
                               struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_BULK_ITEM_ADD);
    sq_u64(&run, id);
    sq_u64(&run, item->n);
    sq_u64(&run, item->seq);
    sq_u64(&run, item->nonce);
    sq_u64(&run, item->rev);
    sq_u64(&run, item->state);
    sq_u64(&run, item->allowed);
    sq_sv_or_null(&run, item->why);
    sq_sv_or_null(&run, item->undoes);
    sq_u64(&run, item->result);
    sq_sv_or_null(&run, item->fault);
    sq_u64(&run, item->acted);
    return sq_done(&run, "cannot write an item of a bulk", err);
}

static enum rc_status set_item(struct sq_conn *conn, uint64_t id, const struct rc_bulk_item *item,
                               struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_BULK_ITEM_SET);
    sq_u64(&run, item->result);
    sq_sv_or_null(&run, item->fault);
    sq_u64(&run, item->acted);
    sq_u64(&run, id);
    sq_u64(&run, item->n);
    enum rc_status status = sq_done(&run, "cannot write an item of a bulk", err);
    if (status == RC_OK && sqlite3_changes(conn->db) == 0)
        return rc_fail(err, RC_BUG, "bulk %llu has no item %u", (unsigned long long)id, item->n);
    return status;
}

static enum rc_status add_event(struct sq_conn *conn, uint64_t id, const struct rc_bulk_event *event,
                                struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_BULK_EVENT_ADD);
    sq_u64(&run, id);
    sq_u64(&run, event->rev);
    sq_u64(&run, event->state);
    sq_u64(&run, event->at);
    sq_sv_or_null(&run, event->subject);
    sq_sv_or_null(&run, event->actor);
    sq_sv_or_null(&run, event->reason);
    return sq_done(&run, "cannot write a bulk", err);
}

static enum rc_status drop(struct sq_conn *conn, uint64_t id, struct rc_error *err)
{
    static const enum sq_statement parts[] = {SQ_BULK_ITEMS_DROP, SQ_BULK_EVENTS_DROP, SQ_BULK_DROP};
    enum rc_status status = RC_OK;
    for (unsigned i = 0; status == RC_OK && i < sizeof parts / sizeof *parts; i++) {
        struct sq run = sq_start(conn, parts[i]);
        sq_u64(&run, id);
        status = sq_done(&run, "cannot drop an expired bulk", err);
    }
    return status;
}

static enum rc_status forget(struct sq_conn *conn, rc_us before, struct rc_error *err)
{
    uint64_t ids[FORGET];
    uint32_t n = 0;
    struct sq run = sq_start(conn, SQ_BULK_EXPIRED);
    sq_u64(&run, RC_BULK_PREVIEW);
    sq_u64(&run, before);
    sq_u64(&run, FORGET);
    while (n < FORGET && sq_row(&run)) ids[n++] = sq_get_u64(&run, 0);
    enum rc_status status = sq_end(&run, "cannot read bulks", err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) status = drop(conn, ids[i], err);
    return status;
}

struct writing {
    struct sq_conn *conn;
    const struct rc_bulk_write *what;
    struct rc_sv act;
    const struct rc_audit *audit; /* NULL: it changes by itself */
    rc_us at;
    uint64_t id;
};

/* May run again, after what it had done was taken back. */
static enum rc_status write(void *context, struct rc_error *err)
{
    struct writing *in = context;
    const struct rc_bulk_write *what = in->what;
    struct sq_conn *conn = in->conn;
    enum rc_status status = what->forget_before ? forget(conn, what->forget_before, err) : RC_OK;
    if (status != RC_OK) return status;
    status = what->made ? add_bulk(conn, what->bulk, in->act, err) : set_bulk(conn, what->bulk, in->act, err);
    if (what->made) in->id = (uint64_t)sqlite3_last_insert_rowid(conn->db);
    for (uint32_t i = 0; status == RC_OK && i < what->nitems; i++)
        status = what->made ? add_item(conn, in->id, &what->items[i], err)
                            : set_item(conn, in->id, &what->items[i], err);
    if (status == RC_OK && what->event) status = add_event(conn, in->id, what->event, err);
    return status == RC_OK && in->audit ? sq_audit_add(conn, in->audit, in->at, err) : status;
}

enum rc_status sq_bulk(struct rc_store *base, const struct rc_bulk_write *what, uint64_t *io_id,
                       struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    struct writing in = {.conn = &store->self.conn, .what = what, .id = *io_id};
    struct rc_audit audit;
    struct rc_arena *arena = rc_arena_new(ACT_FIRST, ACT_MAX);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = rc_store_encode_act(&what->bulk->act, arena, &in.act, err);
    if (status == RC_OK && rc_bulk_by_person(what)) {
        status = rc_audit_of_bulk(what, arena, &audit, err);
        in.audit = &audit;
        in.at = what->event->at;
    }
    /* results of what was done, and orders, are small: they may use the reserve */
    if (status == RC_OK) status = sq_transact(store, !what->made, write, &in, err);
    if (status == RC_OK) *io_id = in.id;
    rc_arena_free(arena);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* A copy in the arena; absent stays absent. Sticky: the arena says at the end whether all was copied. */
static struct rc_sv text_of(const struct sq *run, int column, struct rc_arena *arena)
{
    struct rc_sv text = sq_get_sv(run, column);
    return text.n ? rc_copy_sv(arena, text) : (struct rc_sv){0};
}

static enum rc_status copied(struct rc_arena *arena, struct rc_error *err)
{
    return rc_arena_status(arena) == RC_OK ? RC_OK : rc_fail_arena(err, arena);
}

static enum rc_status bulk_of(const struct sq *run, struct rc_arena *arena, struct rc_bulk *ret,
                              struct rc_error *err)
{
    *ret = (struct rc_bulk){.id = sq_get_u64(run, 0),
                            .rev = (uint32_t)sq_get_u64(run, 1),
                            .state = (uint8_t)sq_get_u64(run, 2),
                            .nonce = sq_get_u64(run, 3),
                            .ns = text_of(run, 4, arena),
                            .key = text_of(run, 5, arena),
                            .asked = sq_h128(sq_get_sv(run, 6)),
                            .from = text_of(run, 8, arena),
                            .limit = (uint32_t)sq_get_u64(run, 9),
                            .more = sq_get_u64(run, 10) != 0,
                            .created = sq_get_u64(run, 11),
                            .expires = sq_get_u64(run, 12),
                            .changed = sq_get_u64(run, 13),
                            .total = (uint32_t)sq_get_u64(run, 14),
                            .allowed = (uint32_t)sq_get_u64(run, 15),
                            .rate = (uint32_t)sq_get_u64(run, 16),
                            .stop_percent = (uint8_t)sq_get_u64(run, 17),
                            .even_if_changed = sq_get_u64(run, 18) != 0,
                            .wave = (uint32_t)sq_get_u64(run, 19),
                            .next = (uint32_t)sq_get_u64(run, 20)};
    ret->count[RC_ITEM_OPEN] = ret->total;
    for (int result = RC_ITEM_DONE; result < RC_ITEM_RESULTS; result++) {
        ret->count[result] = (uint32_t)sq_get_u64(run, 20 + result);
        ret->count[RC_ITEM_OPEN] -= ret->count[result];
    }
    struct rc_sv act = text_of(run, 7, arena); /* what is read of it stays where it is */
    enum rc_status status = copied(arena, err);
    return status == RC_OK ? rc_store_decode_act(act, arena, &ret->act, err) : status;
}

enum rc_status sq_read_bulk(struct rc_reader *reader, uint64_t id, struct rc_arena *arena,
                            struct rc_bulk *ret, struct rc_error *err)
{
    struct rc_bulk bulk;
    struct sq run = sq_start(sq_conn_of(reader), SQ_BULK_AT);
    sq_u64(&run, id);
    bool found = sq_row(&run);
    enum rc_status status = found ? bulk_of(&run, arena, &bulk, err) : RC_OK;
    enum rc_status ended = sq_end(&run, "cannot read a bulk", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    if (!found) return rc_fail(err, RC_NOT_FOUND, "there is no bulk %llu", (unsigned long long)id);
    *ret = bulk;
    return RC_OK;
}

enum rc_status sq_read_bulk_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv key, uint64_t *ret_id,
                                struct rc_error *err)
{
    struct sq run = sq_start(sq_conn_of(reader), SQ_BULK_KEY);
    sq_sv(&run, ns);
    sq_sv(&run, key);
    bool found = sq_row(&run);
    uint64_t id = found ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot read a bulk", err);
    if (status != RC_OK) return status;
    if (!found) return rc_fail(err, RC_NOT_FOUND, "no bulk has this key");
    *ret_id = id;
    return RC_OK;
}

enum rc_status sq_read_bulks(struct rc_reader *reader, struct rc_sv ns, uint32_t states, uint64_t before,
                             struct rc_arena *arena, uint32_t cap, struct rc_bulk **ret, uint32_t *ret_n,
                             struct rc_error *err)
{
    struct rc_bulk *bulks = RC_NEW_ARRAY(arena, struct rc_bulk, cap);
    if (!bulks) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    struct sq run = sq_start(sq_conn_of(reader), SQ_BULKS);
    sq_u64(&run, before);
    sq_sv(&run, ns);
    sq_sv(&run, ns);
    sq_u64(&run, states);
    sq_u64(&run, cap);
    while (status == RC_OK && n < cap && sq_row(&run)) status = bulk_of(&run, arena, &bulks[n++], err);
    enum rc_status ended = sq_end(&run, "cannot list bulks", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    *ret = bulks;
    *ret_n = n;
    return RC_OK;
}

static struct rc_bulk_item item_of(const struct sq *run, struct rc_arena *arena)
{
    return (struct rc_bulk_item){.n = (uint32_t)sq_get_u64(run, 0),
                                 .seq = sq_get_u64(run, 1),
                                 .nonce = sq_get_u64(run, 2),
                                 .rev = (uint32_t)sq_get_u64(run, 3),
                                 .state = (uint8_t)sq_get_u64(run, 4),
                                 .allowed = sq_get_u64(run, 5) != 0,
                                 .why = text_of(run, 6, arena),
                                 .undoes = text_of(run, 7, arena),
                                 .result = (uint8_t)sq_get_u64(run, 8),
                                 .fault = text_of(run, 9, arena),
                                 .acted = sq_get_u64(run, 10)};
}

enum rc_status sq_read_bulk_items(struct rc_reader *reader, uint64_t id, uint32_t results, uint32_t after,
                                  struct rc_arena *arena, uint32_t cap, struct rc_bulk_item **ret,
                                  uint32_t *ret_n, struct rc_error *err)
{
    struct rc_bulk_item *items = RC_NEW_ARRAY(arena, struct rc_bulk_item, cap);
    if (!items) return rc_fail_arena(err, arena);
    uint32_t n = 0;
    struct sq run = sq_start(sq_conn_of(reader), SQ_BULK_ITEMS);
    sq_u64(&run, id);
    sq_u64(&run, after);
    sq_u64(&run, results);
    sq_u64(&run, cap);
    while (n < cap && sq_row(&run)) items[n++] = item_of(&run, arena);
    enum rc_status status = sq_end(&run, "cannot read the items of a bulk", err);
    if (status == RC_OK) status = copied(arena, err);
    if (status != RC_OK) return status;
    *ret = items;
    *ret_n = n;
    return RC_OK;
}

enum rc_status sq_read_bulk_events(struct rc_reader *reader, uint64_t id, uint32_t after,
                                   struct rc_arena *arena, uint32_t cap, struct rc_bulk_event **ret,
                                   uint32_t *ret_n, struct rc_error *err)
{
    struct rc_bulk_event *events = RC_NEW_ARRAY(arena, struct rc_bulk_event, cap);
    if (!events) return rc_fail_arena(err, arena);
    uint32_t n = 0;
    struct sq run = sq_start(sq_conn_of(reader), SQ_BULK_EVENTS);
    sq_u64(&run, id);
    sq_u64(&run, after);
    sq_u64(&run, cap);
    for (; n < cap && sq_row(&run); n++)
        events[n] = (struct rc_bulk_event){.rev = (uint32_t)sq_get_u64(&run, 0),
                                           .state = (uint8_t)sq_get_u64(&run, 1),
                                           .at = sq_get_u64(&run, 2),
                                           .subject = text_of(&run, 3, arena),
                                           .actor = text_of(&run, 4, arena),
                                           .reason = text_of(&run, 5, arena)};
    enum rc_status status = sq_end(&run, "cannot read a bulk", err);
    if (status == RC_OK) status = copied(arena, err);
    if (status != RC_OK) return status;
    *ret = events;
    *ret_n = n;
    return RC_OK;
}
