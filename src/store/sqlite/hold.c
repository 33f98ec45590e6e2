/* Holds in their table: few rows, and a place for the mark of a copy. */
#include "store/sqlite/db.h"

struct holding {
    struct sq_store *store;
    const struct rc_hold_write *what;
    uint64_t id;
};

struct rc_origin sq_origin(const struct rc_store *base)
{
    return ((const struct sq_store *)(const void *)base)->mark;
}

static void bind(struct sq *run, const struct rc_hold *hold)
{
    sq_u64(run, hold->nonce);
    sq_u64(run, hold->cause);
    sq_u64(run, hold->from);
    sq_u64(run, hold->until);
    sq_u64(run, hold->seq);
    sq_u64(run, hold->left);
    sq_u64(run, hold->commands);
    sq_u64(run, hold->attempts);
    sq_u64(run, hold->checks);
    sq_u64(run, hold->repeats);
    sq_u64(run, hold->reviews);
    sq_u64(run, hold->bulks);
    sq_u64(run, hold->released);
    sq_u64(run, hold->watch);
}

static enum rc_status run_with(struct sq_conn *conn, enum sq_statement which, uint64_t number,
                               struct rc_error *err)
{
    struct sq run = sq_start(conn, which);
    sq_u64(&run, number);
    return sq_done(&run, "cannot write the hold", err);
}

static enum rc_status begin(struct holding *in, struct rc_error *err)
{
    struct sq_conn *conn = &in->store->self.conn;
    enum rc_status status = run_with(conn, SQ_HOLD_END, in->what->hold->until, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(conn, SQ_HOLD_ADD);
    bind(&run, in->what->hold);
    status = sq_done(&run, "cannot write the hold", err);
    in->id = (uint64_t)sqlite3_last_insert_rowid(conn->db);
    if (status == RC_OK && in->id > RC_MAX_HOLDS)
        status = run_with(conn, SQ_HOLD_FORGET, in->id - RC_MAX_HOLDS, err);
    if (status != RC_OK) return status;
    run = sq_start(conn, SQ_LIFE_UNMARK);
    return sq_done(&run, "cannot take the mark away", err);
}

enum rc_status sq_hold_set(struct sq_conn *conn, const struct rc_hold *hold, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_HOLD_SET);
    bind(&run, hold);
    sq_u64(&run, hold->id);
    enum rc_status status = sq_done(&run, "cannot write the hold", err);
    if (status == RC_OK && sqlite3_changes(conn->db) != 1)
        return rc_fail(err, RC_BUG, "there is no hold %llu", (unsigned long long)hold->id);
    return status;
}

static enum rc_status write(void *context, struct rc_error *err)
{
    struct holding *in = context;
    struct sq_conn *conn = &in->store->self.conn;
    struct rc_audit entry = {0};
    enum rc_status status = in->what->hold->id ? sq_hold_set(conn, in->what->hold, err) : begin(in, err);
    if (status == RC_OK) status = run_with(conn, SQ_HIGH_AT, in->what->now, err);
    rc_arena_reset(in->store->text);
    if (status == RC_OK) status = rc_audit_of_hold(in->what, in->store->text, &entry, err);
    return status == RC_OK ? sq_audit_add(conn, &entry, in->what->now, err) : status;
}

enum rc_status sq_hold(struct rc_store *base, const struct rc_hold_write *what, uint64_t *io_id,
                       struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    struct holding in = {.store = store, .what = what, .id = what->hold->id};
    enum rc_status status = sq_transact(store, true, write, &in, err);
    if (status != RC_OK) return status;
    if (!what->hold->id) sq_life_settle(store);
    *io_id = in.id;
    return sq_high(&store->self.conn, &store->high, err);
}

enum rc_status sq_read_holds(struct rc_reader *reader, struct rc_arena *arena, struct rc_hold **ret,
                             uint32_t *ret_n, struct rc_error *err)
{
    struct rc_hold *holds = RC_NEW_ARRAY(arena, struct rc_hold, RC_MAX_HOLDS);
    uint32_t n = 0;
    if (!holds) return rc_fail_arena(err, arena);
    struct sq run = sq_start(sq_conn_of(reader), SQ_HOLDS);
    sq_u64(&run, RC_MAX_HOLDS);
    while (sq_row(&run))
        holds[n++] = (struct rc_hold){.id = sq_get_u64(&run, 0),
                                      .nonce = sq_get_u64(&run, 1),
                                      .cause = (uint8_t)sq_get_u64(&run, 2),
                                      .from = sq_get_u64(&run, 3),
                                      .until = sq_get_u64(&run, 4),
                                      .seq = sq_get_u64(&run, 5),
                                      .left = sq_get_u64(&run, 6),
                                      .commands = sq_get_u64(&run, 7),
                                      .attempts = sq_get_u64(&run, 8),
                                      .checks = sq_get_u64(&run, 9),
                                      .repeats = sq_get_u64(&run, 10),
                                      .reviews = sq_get_u64(&run, 11),
                                      .bulks = sq_get_u64(&run, 12),
                                      .released = sq_get_u64(&run, 13),
                                      .watch = sq_get_u64(&run, 14)};
    enum rc_status status = sq_end(&run, "cannot read the holds", err);
    if (status != RC_OK) return status;
    *ret = holds;
    *ret_n = n;
    return RC_OK;
}
