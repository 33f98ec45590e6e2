/* Rows of an export as they are, into a store that is being made: nothing is derived and nothing is audited. */
#include "store/sqlite/keys.h"
#include "store/sqlite/signal.h"

#include <assert.h>

struct importing {
    struct sq_store *store;
    struct sq_conn *conn;
    const struct rc_import *row;
    struct rc_high high; /* as it is with the row */
};

static enum rc_status put_definition(struct importing *in, const struct rc_definition *def,
                                     struct rc_error *err)
{
    unsigned char digest[16];
    sq_put_h128(def->digest, digest);
    struct sq run = sq_start(in->conn, SQ_IMPORT_DEF);
    sq_u64(&run, def->id);
    sq_u64(&run, def->kind);
    sq_u64(&run, def->active);
    sq_u64(&run, def->version);
    sq_sv(&run, def->name);
    sq_sv(&run, def->text);
    sq_sv(&run, def->source);
    sq_blob(&run, digest, sizeof digest);
    sq_u64(&run, def->at);
    return sq_done(&run, "cannot write a definition", err);
}

static enum rc_status put_namespace(struct importing *in, const struct rc_namespace *space,
                                    struct rc_error *err)
{
    uint64_t ns = 0;
    enum rc_status status = sq_name_make(in->conn, space->name, &ns, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(in->conn, SQ_NS_ADD);
    sq_u64(&run, ns);
    sq_u64(&run, space->created);
    sq_u64(&run, space->max_open);
    sq_u64(&run, space->max_bytes);
    sq_u64(&run, space->max_rate);
    status = sq_done(&run, "cannot write a namespace", err);
    if (status != RC_OK) return status;
    run = sq_start(in->conn, SQ_NS_SET); /* "default" is there already */
    sq_u64(&run, space->max_open);
    sq_u64(&run, space->max_bytes);
    sq_u64(&run, space->max_rate);
    sq_u64(&run, ns);
    return sq_done(&run, "cannot write a namespace", err);
}

/* A tombstone, and its place among the keys: the key's hash begins with the bits of the place. */
static enum rc_status put_purged(struct importing *in, const struct rc_purged *left, struct rc_error *err)
{
    uint64_t hash = left->key.hi >> (64 - SQ_HASH_BITS);
    enum rc_status status = sq_keep_tombstone(in->conn, left, err);
    if (status != RC_OK) return status;
    if (sq_keys_add(in->store->keys, hash, left->seq) != RC_OK)
        return rc_fail(err, RC_NOMEM, "out of memory");
    struct sq run = sq_start(in->conn, SQ_KEY_ADD);
    sq_u64(&run, sq_place(hash, left->seq, SQ_KEY_BUCKET));
    sq_u64(&run, SQ_MORE(hash));
    return sq_done(&run, "cannot write a key", err);
}

static enum rc_status put_high(struct importing *in, const struct rc_high *high, struct rc_error *err)
{
    struct sq run = sq_start(in->conn, SQ_IMPORT_HIGH);
    sq_u64(&run, high->seq);
    sq_u64(&run, high->high_water);
    sq_u64(&run, high->audit);
    return sq_done(&run, "cannot write the store's counters", err);
}

static enum rc_status put_mark(struct importing *in, const struct rc_origin *mark, struct rc_error *err)
{
    struct sq run = sq_start(in->conn, SQ_LIFE_MARK);
    sq_u64(&run, mark->cause);
    sq_u64(&run, mark->at);
    return sq_done(&run, "cannot write where the store comes from", err);
}

static enum rc_status put_row(void *context, struct rc_error *err)
{
    struct importing *in = context;
    const struct rc_import *row = in->row;
    if (row->ns) return put_namespace(in, row->ns, err);
    if (row->definition) return put_definition(in, row->definition, err);
    if (row->purged) return put_purged(in, row->purged, err);
    if (row->entry) return sq_audit_put(in->conn, row->entry, err);
    if (row->high) {
        enum rc_status status = put_high(in, row->high, err);
        return status == RC_OK ? sq_high(in->conn, &in->high, err) : status;
    }
    if (row->mark) return put_mark(in, row->mark, err);
    if (row->stopped) return sq_stopped_set(in->conn, row->stopped, err);
    return sq_audit_add(in->conn, row->note, row->now, err);
}

enum rc_status rc_sqlite_import(struct rc_store *base, const struct rc_import *row, struct rc_error *err)
{
    assert(base->driver == &sq_driver);
    struct sq_store *store = sq_store_of(base);
    struct importing in = {.store = store, .conn = &store->self.conn, .row = row};
    enum rc_status status = sq_transact(store, false, put_row, &in, err);
    if (status == RC_OK && row->high) store->high = in.high;
    return status == RC_BUG ? rc_fail(err, RC_INVALID, "it is there already") : status;
}
