/* Taking commands out for good, and writing the file anew without what was in them.
 *
 * A purged command's place in the index of keys stays (23 bits of a hash), so that a repeat of the key finds the row in
 * `purged`. Everything else of it is deleted; the definitions that only purged commands were made with stay, too. */
#include "store/sqlite/fresh.h"
#include "store/sqlite/refs.h"
#include "store/sqlite/usage.h"

enum { TRIES_MAX = RC_MAX_LOOK };

/* ---- one command -------------------------------------------------------------------------------------------------- */

struct purging {
    struct sq_store *store;
    struct sq_conn *conn;
    const struct rc_purge *purge;
    rc_us now;
    uint32_t n;
    uint64_t first, last; /* purged seqs */
};

struct victim {
    uint64_t seq, last, flow, ns;
    uint64_t bytes; /* of its history */
    struct rc_purged left;
    struct rc_sv refs; /* JSON, in the text arena */
};

static enum rc_status run_one(struct sq_conn *conn, enum sq_statement which, uint64_t number,
                              struct rc_error *err)
{
    struct sq run = sq_start(conn, which);
    sq_u64(&run, number);
    return sq_done(&run, "cannot purge", err);
}

static enum rc_status hash_key(struct purging *in, uint64_t ns, uint64_t type, struct rc_sv key,
                               struct rc_h128 *ret, struct rc_error *err)
{
    struct rc_sv text = {0}, kept = {0};
    enum rc_status status = sq_name_text(in->conn, ns, &text, err);
    if (status != RC_OK) return status;
    kept = rc_copy_sv(in->store->text, text); /* before the next name */
    if (!kept.p) return rc_fail_arena(err, in->store->text);
    status = sq_name_text(in->conn, type, &text, err);
    if (status == RC_OK) *ret = rc_purged_key(kept, text, key);
    return status;
}

/* Reads the row and sees whether it may go; *ret_fits. */
static enum rc_status look_at(struct purging *in, const struct rc_purge_one *one, struct victim *ret,
                              bool *ret_fits, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    *ret_fits = false;
    rc_arena_reset(in->store->text);
    struct sq run = sq_start(in->conn, SQ_PURGE_ROW);
    sq_u64(&run, one->seq);
    if (sq_row(&run)) {
        uint32_t state = (uint32_t)sq_get_u64(&run, 1) & 31;
        *ret_fits = sq_get_u64(&run, 0) == one->rev && rc_store_ended_states() >> state & 1 &&
                    sq_get_u64(&run, 2) == 0;
        *ret = (struct victim){.seq = one->seq,
                               .last = sq_get_u64(&run, 3),
                               .flow = sq_get_u64(&run, 4),
                               .ns = sq_get_u64(&run, 6),
                               .left = {.seq = one->seq,
                                        .nonce = sq_get_u64(&run, 5),
                                        .state = (uint8_t)state,
                                        .generation = (uint32_t)sq_get_u64(&run, 10),
                                        .changed = sq_get_u64(&run, 11),
                                        .at = in->now},
                               .refs = rc_copy_sv(in->store->text, sq_get_sv(&run, 9))};
        if (!ret->refs.p) status = rc_fail_arena(err, in->store->text);
        if (status == RC_OK)
            status = hash_key(in, ret->ns, sq_get_u64(&run, 7), sq_get_sv(&run, 8), &ret->left.key, err);
    }
    enum rc_status ended = sq_end(&run, "cannot read a command", status == RC_OK ? err : NULL);
    return status != RC_OK ? status : ended;
}

static enum rc_status drop_history(struct purging *in, struct victim *victim, struct rc_error *err)
{
    for (uint64_t change = victim->last; change;) {
        struct sq run = sq_start(in->conn, SQ_PURGE_RECORD);
        sq_u64(&run, change);
        sq_u64(&run, victim->seq);
        bool found = sq_row(&run);
        uint64_t prev = found ? sq_get_u64(&run, 0) : 0;
        victim->bytes += found ? sq_get_u64(&run, 1) : 0;
        while (sq_row(&run)) {
        }
        enum rc_status status = sq_end(&run, "cannot purge a history", err);
        if (status != RC_OK) return status;
        if (!found || prev >= change)
            return rc_fail(err, RC_DAMAGED, "%s: command %llu: its history is torn", in->conn->path,
                           (unsigned long long)victim->seq);
        change = prev;
    }
    return RC_OK;
}

static enum rc_status drop_refs(struct purging *in, const struct victim *victim, struct rc_error *err)
{
    struct cel_value refs = cel_null();
    enum rc_status status = rc_store_decode_refs(victim->refs, in->store->text, &refs, err);
    if (status != RC_OK) return status;
    return sq_refs_drop(in->conn, refs, victim->seq, victim->left.state, err);
}

static enum rc_status count_out(struct purging *in, const struct victim *victim, struct rc_error *err)
{
    struct sq run = sq_start(in->conn, SQ_TALLY_ADD);
    sq_u64(&run, victim->flow);
    sq_u64(&run, victim->left.state);
    sq_u64(&run, (uint64_t)INT64_C(-1));
    enum rc_status status = sq_done(&run, "cannot write the counts", err);
    struct sq_share share = {.ns = victim->ns, .commands = -1, .bytes = -(int64_t)victim->bytes};
    return status == RC_OK ? sq_write_usage(in->conn, &share, 1, err) : status;
}

enum rc_status sq_keep_tombstone(struct sq_conn *conn, const struct rc_purged *left, struct rc_error *err)
{
    unsigned char key[16];
    sq_put_h128(left->key, key);
    struct sq run = sq_start(conn, SQ_PURGED_ADD);
    sq_u64(&run, left->seq);
    sq_u64(&run, left->nonce);
    sq_blob(&run, key, sizeof key);
    sq_u64(&run, left->state);
    sq_u64(&run, left->generation);
    sq_u64(&run, left->changed);
    sq_u64(&run, left->at);
    return sq_done(&run, "cannot purge", err);
}

static enum rc_status purge_one(struct purging *in, const struct rc_purge_one *one, struct rc_error *err)
{
    struct victim victim = {0};
    bool fits = false;
    enum rc_status status = look_at(in, one, &victim, &fits, err);
    if (status != RC_OK || !fits) return status;
    status = drop_history(in, &victim, err);
    if (status == RC_OK) status = drop_refs(in, &victim, err);
    if (status == RC_OK) status = run_one(in->conn, SQ_PURGE_COMMAND, victim.seq, err);
    if (status == RC_OK) status = run_one(in->conn, SQ_PURGE_AUDIT, victim.seq, err);
    if (status == RC_OK) status = run_one(in->conn, SQ_PURGE_BULK, victim.seq, err);
    if (status == RC_OK) status = run_one(in->conn, SQ_PURGE_SIGNALS, victim.seq, err);
    if (status == RC_OK) status = count_out(in, &victim, err);
    if (status == RC_OK) status = sq_keep_tombstone(in->conn, &victim.left, err);
    if (!in->n++) in->first = victim.seq;
    in->last = victim.seq;
    return status;
}

/* ---- one commit --------------------------------------------------------------------------------------------------- */

static enum rc_status purge_all(void *context, struct rc_error *err)
{
    struct purging *in = context;
    in->n = 0;
    enum rc_status status =
        sq_fresh_write(in->store, true, err); /* what is left of a key stands in its index */
    for (uint32_t i = 0; i < in->purge->n && status == RC_OK; i++)
        status = purge_one(in, &in->purge->commands[i], err);
    if (status != RC_OK || in->n == 0) return status;
    struct rc_audit entry = {0};
    rc_arena_reset(in->store->text);
    status = rc_audit_of_purge(in->purge, in->n, in->first, in->last, in->store->text, &entry, err);
    return status == RC_OK ? sq_audit_add(in->conn, &entry, in->now, err) : status;
}

enum rc_status sq_purge(struct rc_store *base, const struct rc_purge *purge, rc_us now, uint32_t *ret_n,
                        struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    struct purging in = {.store = store, .conn = &store->self.conn, .purge = purge, .now = now};
    enum rc_status status = sq_transact(store, true, purge_all, &in, err);
    if (status == RC_OK) *ret_n = in.n;
    return status;
}

/* ---- the file without it ------------------------------------------------------------------------------------------- */

static enum rc_status rewrite(struct sq_store *store, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    /* the copy on the way is as large as the store: not in memory */
    enum rc_status status = sq_exec(conn, "PRAGMA temp_store=FILE", err);
    if (status != RC_OK) return status;
    int code = sqlite3_exec(conn->db, "VACUUM", NULL, NULL, NULL), kind = code & 0xff;
    if (code != SQLITE_OK) {
        store->rest = true;
        bool nothing =
            kind == SQLITE_FULL || kind == SQLITE_NOMEM || kind == SQLITE_BUSY || kind == SQLITE_CORRUPT;
        status = nothing ? sq_fail(conn, code, "cannot be compacted", err)
                         : sq_unknown(store, code, "compacting failed", err);
    }
    enum rc_status back = sq_exec(conn, "PRAGMA temp_store=MEMORY", status == RC_OK ? err : NULL);
    return status != RC_OK ? status : back;
}

enum rc_status sq_compact(struct rc_store *base, struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    enum rc_status status = rewrite(store, err);
    if (status != RC_OK) return status;
    /* the old frames of the log hold what was purged: cut it */
    status = sq_note_no_log(store, err);
    if (status != RC_OK) return status;
    int code = sqlite3_wal_checkpoint_v2(store->self.conn.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if ((code & 0xff) == SQLITE_BUSY)
        return rc_fail(err, RC_BUSY, "%s: a reader holds the log; it is written anew, but not cut yet",
                       store->path);
    if (code != SQLITE_OK)
        return sq_fail(&store->self.conn, code, "cannot fold the log into the database", err);
    store->log_frames = store->folded = store->tried = 0;
    store->log_size = 0;
    return RC_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

enum rc_status sq_purged(struct sq_conn *conn, uint64_t seq, struct rc_purged *ret, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_PURGED_AT);
    sq_u64(&run, seq);
    struct rc_purged left = {.seq = seq};
    bool found = sq_row(&run);
    if (found) {
        left.nonce = sq_get_u64(&run, 0);
        left.key = sq_h128(sq_get_sv(&run, 1));
        left.state = (uint8_t)sq_get_u64(&run, 2);
        left.generation = (uint32_t)sq_get_u64(&run, 3);
        left.changed = sq_get_u64(&run, 4);
        left.at = sq_get_u64(&run, 5);
    }
    enum rc_status status = sq_end(&run, "cannot read what was purged", err);
    if (status != RC_OK) return status;
    if (!found) return rc_fail(err, RC_NOT_FOUND, "no command %llu was purged", (unsigned long long)seq);
    *ret = left;
    return RC_OK;
}

enum rc_status sq_read_purged(struct rc_reader *reader, uint64_t seq, struct rc_purged *ret,
                              struct rc_error *err)
{
    return sq_purged(sq_conn_of(reader), seq, ret, err);
}

struct search {
    struct sq_conn *conn;
    const struct rc_purge_filter *filter;
    uint64_t ns, type; /* their numbers; 0: any */
    struct rc_arena *arena;
    struct rc_purge_row *rows;
    uint32_t n, cap, looks;
    uint64_t seen; /* up to here */
    bool end;
};

/* Holds a row against the filter, and keeps it where it fits. */
static enum rc_status take(struct search *in, const struct sq *run, struct rc_error *err)
{
    const struct rc_purge_filter *filter = in->filter;
    uint32_t state = (uint32_t)sq_get_u64(run, 2) & 31;
    struct rc_sv type = {0};
    struct cel_value refs = cel_null();
    enum rc_status status = RC_OK;
    in->looks--;
    in->seen = sq_get_u64(run, 0);
    if (!(filter->states >> state & 1) || (sq_get_u64(run, 3) && !filter->unended) ||
        sq_get_u64(run, 6) >= filter->changed_before)
        return RC_OK;
    if ((in->ns && in->ns != sq_get_u64(run, 7)) || (in->type && in->type != sq_get_u64(run, 8)))
        return RC_OK;
    if (filter->ref.n) status = rc_store_decode_refs(sq_get_sv(run, 9), in->arena, &refs, err);
    if (status != RC_OK) return status;
    if (filter->ref.n && !rc_store_has_ref(refs, filter->ref, filter->value)) return RC_OK;
    status = sq_name_text(in->conn, sq_get_u64(run, 8), &type, err);
    if (status != RC_OK) return status;
    type = rc_copy_sv(in->arena, type);
    if (!type.p) return rc_fail_arena(err, in->arena);
    in->rows[in->n++] = (struct rc_purge_row){.seq = in->seen,
                                              .nonce = sq_get_u64(run, 1),
                                              .rev = (uint32_t)sq_get_u64(run, 4),
                                              .state = (uint8_t)state,
                                              .created = sq_get_u64(run, 5),
                                              .changed = sq_get_u64(run, 6),
                                              .type = type};
    return RC_OK;
}

static bool going_on(const struct search *in)
{
    return !in->end && in->n < in->cap && in->looks > 0;
}

/* All rows of a statement; false in *ret_more where it was left before its end. */
static enum rc_status take_rows(struct search *in, struct sq *run, bool *ret_all, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    bool row = true;
    while (status == RC_OK && going_on(in) && (row = sq_row(run))) {
        /* made later than what is asked for: so is all that comes behind it */
        if (sq_get_u64(run, 5) >= in->filter->changed_before)
            in->end = true;
        else
            status = take(in, run, err);
    }
    enum rc_status ended = sq_end(run, "cannot look for commands", status == RC_OK ? err : NULL);
    *ret_all = !row;
    return status != RC_OK ? status : ended;
}

static enum rc_status walk_all(struct search *in, struct rc_error *err)
{
    bool all = false;
    struct sq run = sq_start(in->conn, SQ_PURGE_AFTER);
    sq_u64(&run, in->seen);
    sq_u64(&run, in->looks);
    enum rc_status status = take_rows(in, &run, &all, err);
    in->end |= all && in->looks > 0;
    return status;
}

static enum rc_status walk_refs(struct search *in, struct rc_error *err)
{
    uint64_t hash = sq_ref_hash(in->filter->ref, in->filter->value), indexed = 0;
    enum rc_status status = sq_indexed(in->conn, &indexed, err);
    while (status == RC_OK && going_on(in) && in->seen < indexed) {
        uint64_t low = in->seen + 1, top = low | ((UINT64_C(1) << SQ_REF_BUCKET) - 1);
        bool all = false;
        if (top > indexed) top = indexed;
        in->looks--; /* a bucket costs as much as a row */
        struct sq run = sq_start(in->conn, SQ_PURGE_REFS);
        sq_u64(&run, sq_place(hash, low, SQ_REF_BUCKET));
        sq_u64(&run, sq_place(hash, top, SQ_REF_BUCKET));
        status = take_rows(in, &run, &all, err);
        if (all) in->seen = top;
    }
    return status == RC_OK && going_on(in) ? walk_all(in, err)
                                           : status; /* those that are not in the index yet */
}

enum rc_status sq_read_purgeable(struct rc_reader *reader, const struct rc_purge_filter *filter,
                                 uint64_t after, struct rc_arena *arena, uint32_t cap,
                                 struct rc_purge_row **ret, uint32_t *ret_n, uint64_t *ret_next,
                                 struct rc_error *err)
{
    struct search in = {.conn = sq_conn_of(reader),
                        .filter = filter,
                        .arena = arena,
                        .cap = cap,
                        .looks = TRIES_MAX,
                        .seen = after,
                        .rows = RC_NEW_ARRAY(arena, struct rc_purge_row, cap)};
    if (!in.rows) return rc_fail_arena(err, arena);
    enum rc_status status = sq_read_begin(in.conn, err);
    if (status != RC_OK) return status;
    if (filter->ns.n) status = sq_name_find(in.conn, filter->ns, &in.ns, err);
    if (status == RC_OK && filter->type.n) status = sq_name_find(in.conn, filter->type, &in.type, err);
    if (status == RC_OK) status = filter->ref.n ? walk_refs(&in, err) : walk_all(&in, err);
    sq_read_end(in.conn);
    if (status == RC_NOT_FOUND) { /* a name that no command has */
        status = RC_OK;
        in.end = true;
    }
    if (status != RC_OK) return status;
    *ret = in.rows;
    *ret_n = in.n;
    *ret_next = in.end ? 0 : in.seen;
    return RC_OK;
}
