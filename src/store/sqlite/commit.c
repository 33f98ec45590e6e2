/* One batch, one transaction; and what an error in it means.
 *
 * HOW A COMMIT ENDS. SQLite writes the pages of a transaction to the write-ahead log (PATH-wal); the frame of the last
 * page carries the commit mark, and then the log is synced. So:
 *
 *  - An error before the statement COMMIT: no commit mark was written, surely. The transaction is rolled back (often
 *    SQLite has done so itself, sqlite3_get_autocommit tells) and the batch may be tried again.
 *  - SQLITE_FULL from COMMIT: a write into the log met the disk's end. The frame with the mark is the last thing written
 *    before the sync, and a frame counts only with its checksum over all before it; the sync itself reports an I/O error,
 *    never FULL. So there is no valid mark: nothing happened.
 *  - SQLITE_BUSY from COMMIT: nothing was written, the transaction is still open and is rolled back.
 *  - Any other error from COMMIT: the mark may stand in the file, synced or not (the sync failed; or it did not, and the
 *    memory for the log's index was missing). RC_COMMIT_UNKNOWN: fail-stop. A failed fsync is not tried again, because
 *    Linux forgets which pages it could not write.
 *  - A ROLLBACK that fails leaves a handle that nobody knows: RC_COMMIT_UNKNOWN too.
 *
 * After RC_COMMIT_UNKNOWN the handle is closed: SQLite then folds the log up to the last commit that succeeded, so the
 * batch is gone; where even this fails, open.c finds the log and rewrites it before it believes it.
 * (sqlite.org: lang_transaction "Response To Errors Within A Transaction", c3ref/get_autocommit, fileformat2 "The
 * Write-Ahead Log"; walFrames() in SQLite's wal.c.) */
#include "store/sqlite/fresh.h"
#include "store/sqlite/keys.h"
#include "store/sqlite/refs.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/seal.h"
#include "store/sqlite/signal.h"
#include "store/sqlite/usage.h"

#include <assert.h>
#include <stdlib.h>

/* ---- transactions ------------------------------------------------------------------------------------------------- */

/* How often pages that were not committed went into the log, because they had no place in memory. */
static int spills(const struct sq_store *store)
{
    int now = 0, most = 0;
    (void)sqlite3_db_status(store->self.conn.db, SQLITE_DBSTATUS_CACHE_SPILL, &now, &most, 0);
    return now;
}

enum rc_status sq_begin(struct sq_store *store, struct rc_error *err)
{
    enum rc_status status = store->rest ? sq_log_forget(store, err) : RC_OK;
    if (status != RC_OK) return status;
    store->spills = spills(store);
    struct sq run = sq_start(&store->self.conn, SQ_BEGIN);
    return sq_done(&run, "cannot begin to write", err);
}

enum rc_status sq_unknown(struct sq_store *store, int code, const char *doing, struct rc_error *err)
{
    return rc_fail(err, RC_COMMIT_UNKNOWN,
                   "%s: %s: %s (SQLite %d, errno %d); whether the batch is kept is not known", store->path,
                   doing, sqlite3_errstr(code), code, sqlite3_system_errno(store->self.conn.db));
}

static enum rc_status roll_back(struct sq_store *store, enum rc_status status, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    sq_names_forget(conn);
    sq_fresh_settle(store->fresh, false);
    store->rest |= spills(store) != store->spills;
    if (sqlite3_get_autocommit(conn->db)) return status;
    struct sq run = sq_start(conn, SQ_ROLLBACK);
    sq_row(&run);
    int code = run.code;
    enum rc_status rolled = sq_end(&run, "cannot roll back", NULL);
    if (rolled == RC_OK && sqlite3_get_autocommit(conn->db)) return status;
    return sq_unknown(store, code, "cannot roll back", err);
}

enum rc_status sq_settle(struct sq_store *store, enum rc_status status, struct rc_error *err)
{
    if (status == RC_OK) status = sq_still_there(store, err);
    if (status != RC_OK) return roll_back(store, status, err);
    struct sq run = sq_start(&store->self.conn, SQ_COMMIT);
    sq_row(&run);
    int code = run.code;
    enum rc_status ended = sq_end(&run, "cannot commit", err);
    if (ended == RC_OK) {
        sq_fresh_settle(store->fresh, true);
        store->noted = false;
        return RC_OK;
    }
    store->rest |= (code & 0xff) == SQLITE_FULL; /* some of it may have been written */
    if ((code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_BUSY) return roll_back(store, ended, err);
    return sq_unknown(store, code, "the commit failed", err);
}

/* ---- one batch ---------------------------------------------------------------------------------------------------- */

static const char waiting[] = "cannot write the work that waits";

/* A command of the batch while its history grows. */
struct slot {
    uint64_t seq, first, last, bytes;
    uint32_t rev;
};

/* By how much a cell of `tally` changes: ±1 each, summed at the end. */
struct tally {
    uint64_t flow;
    uint32_t state;
    int32_t by;
};

struct writing {
    struct sq_store *store;
    struct sq_conn *conn;
    const struct rc_batch *batch;
    struct slot *slots; /* beside batch->touched */
    struct tally *tallies;
    uint32_t ntallies;
    struct sq_share *shares; /* beside batch->touched */
    struct sq_rows work;
    struct rc_high high;
};

static enum rc_status contradicts(const struct writing *writing, uint64_t seq, const char *how,
                                  struct rc_error *err)
{
    return rc_fail(err, RC_BUG, "%s: command %llu: the batch contradicts the store: %s", writing->conn->path,
                   (unsigned long long)seq, how);
}

/* Where each command's history stands before the batch. */
static enum rc_status find_slots(struct writing *writing, struct rc_error *err)
{
    const struct rc_batch *batch = writing->batch;
    for (uint32_t i = 0; i < batch->ntouched; i++) {
        struct slot *slot = &writing->slots[i];
        slot->seq = batch->touched[i].command->id.seq;
        if (rc_map_get(&writing->store->by_seq, slot->seq))
            return contradicts(writing, slot->seq, "it is touched twice", err);
        if (rc_map_put(&writing->store->by_seq, slot->seq, slot) != RC_OK)
            return rc_fail(err, RC_NOMEM, "out of memory");
        if (batch->touched[i].created) continue;
        struct sq run = sq_start(writing->conn, SQ_COMMAND_END);
        sq_u64(&run, slot->seq);
        bool found = sq_row(&run);
        if (found) {
            slot->rev = (uint32_t)sq_get_u64(&run, 0);
            slot->last = sq_get_u64(&run, 1);
        }
        enum rc_status status = sq_end(&run, "cannot read a command", err);
        if (status != RC_OK) return status;
        if (!found) return contradicts(writing, slot->seq, "it is not there", err);
    }
    return RC_OK;
}

static enum rc_status write_record(struct writing *writing, const struct rc_record *record,
                                   struct rc_error *err)
{
    struct slot *slot = rc_map_get(&writing->store->by_seq, record->seq);
    if (!slot) return contradicts(writing, record->seq, "a record of a command that is not touched", err);
    if (record->rev != slot->rev + 1) return contradicts(writing, record->seq, "its revs have a gap", err);

    rc_arena_reset(writing->store->text);
    struct rc_stored stored = {0};
    enum rc_status status = rc_store_encode(record, writing->store->text, &stored, err);
    if (status != RC_OK) return status;
    uint64_t change = ++writing->high.change;
    struct sq run = sq_start(writing->conn, SQ_RECORD_ADD);
    sq_u64(&run, change);
    sq_u64(&run, record->seq);
    sq_u64(&run, slot->last);
    sq_u64(&run, record->rev);
    sq_u64(&run, stored.at);
    sq_u64(&run, stored.cause);
    sq_u64(&run, stored.node);
    sq_u64(&run, stored.attempt);
    sq_u64(&run, stored.purpose);
    sq_sv_or_null(&run, stored.body);
    sq_sv(&run, stored.changes);
    if (!slot->first) slot->first = change;
    slot->last = change;
    slot->rev = record->rev;
    slot->bytes += (uint64_t)stored.body.n + stored.changes.n;
    status = sq_done(&run, "cannot write a record", err);
    if (status != RC_OK || record->cause->kind != RC_MSG_ACTION || writing->batch->imported) return status;
    const struct rc_audit entry = rc_audit_of_action(record, stored.body);
    return sq_audit_add(writing->conn, &entry, record->at, err);
}

/* The columns from `why` on, in both statements. */
static void bind_standing(struct sq *run, const struct rc_touched *touched, uint64_t dependency)
{
    sq_u64(run, touched->standing.why);
    sq_u64(run, touched->standing.next);
    sq_u64(run, touched->standing.next_at);
    sq_u64(run, dependency);
    sq_sv_or_null(run, touched->command->owner);
    sq_u64(run, touched->command->due);
}

static enum rc_status dependency_of(const struct writing *writing, const struct rc_touched *touched,
                                    uint64_t *ret, struct rc_error *err)
{
    *ret = 0;
    struct rc_sv name = touched->standing.dependency;
    return name.n ? sq_name_make(writing->conn, name, ret, err) : RC_OK;
}

static enum rc_status write_command(struct writing *writing, const struct rc_touched *touched,
                                    const struct slot *slot, struct rc_error *err)
{
    const struct rc_identity *id = &touched->command->id;
    uint64_t ns = 0, type = 0, dependency = 0;
    enum rc_status status = sq_name_make(writing->conn, id->ns, &ns, err);
    if (status == RC_OK) status = sq_name_make(writing->conn, id->type, &type, err);
    if (status == RC_OK) status = dependency_of(writing, touched, &dependency, err);
    if (status != RC_OK) return status;

    rc_arena_reset(writing->store->text);
    struct rc_sv refs = {0};
    status = rc_store_encode_refs(id->refs, writing->store->text, &refs, err);
    if (status != RC_OK) return status;
    unsigned char hash[16];
    sq_put_h128(id->payload_hash, hash);

    struct sq run = sq_start(writing->conn, SQ_COMMAND_ADD);
    sq_u64(&run, id->seq);
    sq_u64(&run, slot->rev);
    sq_u64(&run, touched->command->state);
    sq_u64(&run, touched->in_flight);
    sq_u64(&run, slot->first);
    sq_u64(&run, slot->last);
    sq_u64(&run, id->flow);
    sq_u64(&run, id->created);
    sq_u64(&run, touched->command->changed);
    sq_u64(&run, id->nonce);
    sq_u64(&run, ns);
    sq_u64(&run, type);
    sq_sv(&run, id->key);
    sq_sv(&run, id->subject);
    sq_sv(&run, id->actor);
    sq_blob(&run, hash, sizeof hash);
    sq_sv_or_null(&run, refs);
    sq_u64(&run, id->generation);
    sq_u64(&run, id->original.seq);
    sq_u64(&run, id->original.nonce);
    bind_standing(&run, touched, dependency);
    if (id->seq > writing->high.seq) writing->high.seq = id->seq;
    return sq_done(&run, "cannot write a command", err);
}

/* A version is read with those that have commands: a row with no command in no state says so. */
static enum rc_status keep_version(struct writing *writing, uint64_t flow, struct rc_error *err)
{
    struct sq run = sq_start(writing->conn, SQ_TALLY_ADD);
    sq_u64(&run, flow);
    sq_u64(&run, RC_ABSENT);
    sq_u64(&run, 0);
    return sq_done(&run, "cannot write the counts", err);
}

/* The versions that a command has moved away from, of which its history is, too; and those of the flows that it may start. */
static enum rc_status keep_versions(struct writing *writing, const struct rc_command *command,
                                    struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (const struct rc_past *past = command->past; past && status == RC_OK; past = past->before)
        status = keep_version(writing, past->flow->id, err);
    for (uint32_t i = 0; i < command->pins.n && status == RC_OK; i++)
        status = keep_version(writing, command->pins.flow[i], err);
    return status;
}

static enum rc_status update_command(struct writing *writing, const struct rc_touched *touched,
                                     const struct slot *slot, struct rc_error *err)
{
    uint64_t dependency = 0;
    enum rc_status status = dependency_of(writing, touched, &dependency, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(writing->conn, SQ_COMMAND_SET);
    sq_u64(&run, slot->rev);
    sq_u64(&run, touched->command->state);
    sq_u64(&run, touched->in_flight);
    sq_u64(&run, slot->last);
    sq_u64(&run, touched->command->changed);
    bind_standing(&run, touched, dependency);
    sq_u64(&run, slot->seq);
    status = sq_done(&run, "cannot write a command", err);
    if (status != RC_OK || !touched->flow_before) return status;
    struct sq moved = sq_start(writing->conn, SQ_COMMAND_MOVE);
    sq_u64(&moved, touched->command->id.flow);
    sq_u64(&moved, slot->seq);
    status = sq_done(&moved, "cannot write a command", err);
    return status == RC_OK ? keep_versions(writing, touched->command, err) : status;
}

static enum rc_status write_key(struct writing *writing, const struct rc_identity *id, struct rc_error *err)
{
    uint64_t hash = sq_key_hash(id->ns, id->type, id->key);
    struct rc_key_match match;
    bool first = id->generation <= 1; /* a later use of the key: the one before is there, surely */
    enum rc_status status =
        first ? sq_key_find(writing->conn, hash, id->ns, id->type, id->key, &match, NULL) : RC_NOT_FOUND;
    if (status == RC_OK) return contradicts(writing, id->seq, "its key is taken", err);
    if (status != RC_NOT_FOUND) return rc_fail(err, status, "%s: cannot look up a key", writing->conn->path);
    return sq_fresh_add(writing->store->fresh, id, hash, err);
}

static enum rc_status drop_work(struct writing *writing, const struct rc_work *row, struct rc_error *err)
{
    struct sq run = sq_start(writing->conn, SQ_WORK_DROP);
    sq_u64(&run, row->phase);
    sq_u64(&run, row->gate);
    sq_u64(&run, row->order);
    sq_u64(&run, row->seq);
    sq_u64(&run, row->node);
    enum rc_status status = sq_done(&run, waiting, err);
    if (status == RC_OK && sqlite3_changes(writing->conn->db) != 1)
        return contradicts(writing, row->seq, "a step does not wait where the batch says", err);
    return status;
}

static enum rc_status add_work(struct writing *writing, const struct rc_work *row, struct rc_error *err)
{
    const uint64_t cells[] = {row->phase, row->gate, row->order, row->seq, row->node};
    return sq_rows_add(&writing->work, cells, err);
}

static enum rc_status move_work(struct writing *writing, const struct rc_touched *touched,
                                struct rc_error *err)
{
    for (uint32_t i = 0; i < touched->nmoves; i++) {
        const struct rc_work *before = &touched->moves[i].before, *after = &touched->moves[i].after;
        bool was = rc_work_phase(before->phase), is = rc_work_phase(after->phase);
        if (was && is && rc_work_cmp(before, after) == 0) continue;
        enum rc_status status = was ? drop_work(writing, before, err) : RC_OK;
        if (status == RC_OK && is) status = add_work(writing, after, err);
        if (status != RC_OK) return status;
    }
    return RC_OK;
}

static void count(struct writing *writing, const struct rc_touched *touched)
{
    uint64_t flow = touched->command->id.flow, was = touched->flow_before ? touched->flow_before : flow;
    uint32_t before = touched->state_before, after = touched->command->state;
    if (!touched->created && before == after && was == flow) return;
    writing->tallies[writing->ntallies++] = (struct tally){flow, after, 1};
    if (!touched->created) writing->tallies[writing->ntallies++] = (struct tally){was, before, -1};
}

static int by_cell(const void *left, const void *right)
{
    const struct tally *a = left, *b = right;
    if (a->flow != b->flow) return a->flow < b->flow ? -1 : 1;
    return (a->state > b->state) - (a->state < b->state);
}

static enum rc_status write_tallies(struct writing *writing, struct rc_error *err)
{
    struct tally *tally = writing->tallies, *end = tally + writing->ntallies;
    qsort(tally, writing->ntallies, sizeof *tally, by_cell);
    while (tally < end) {
        const struct tally *cell = tally;
        int64_t by = 0;
        for (; tally < end && by_cell(tally, cell) == 0; tally++) by += tally->by;
        if (by == 0) continue;
        struct sq run = sq_start(writing->conn, SQ_TALLY_ADD);
        sq_u64(&run, cell->flow);
        sq_u64(&run, cell->state);
        sq_u64(&run, (uint64_t)by);
        enum rc_status status = sq_done(&run, "cannot write the counts", err);
        if (status != RC_OK) return status;
    }
    return RC_OK;
}

static enum rc_status write_touched(struct writing *writing, struct rc_error *err)
{
    const struct rc_batch *batch = writing->batch;
    for (uint32_t i = 0; i < batch->ntouched; i++) {
        const struct rc_touched *touched = &batch->touched[i];
        const struct slot *slot = &writing->slots[i];
        if (slot->rev != touched->command->rev)
            return contradicts(writing, slot->seq, "its rev is not that of its last record", err);
        enum rc_status status = touched->created ? write_command(writing, touched, slot, err)
                                                 : update_command(writing, touched, slot, err);
        if (status == RC_OK && touched->created) status = write_key(writing, &touched->command->id, err);
        if (status == RC_OK && touched->created) /* of an export: it may have moved */
            status = keep_versions(writing, touched->command, err);
        if (status == RC_OK) status = sq_attention_move(writing->conn, touched, err);
        if (status == RC_OK) status = move_work(writing, touched, err);
        if (status == RC_OK) status = sq_share(writing->conn, touched, slot->bytes, &writing->shares[i], err);
        if (status != RC_OK) return status;
        count(writing, touched);
    }
    enum rc_status status = sq_rows_end(&writing->work, err);
    return status == RC_OK ? sq_fresh_write(writing->store, false, err) : status;
}

static enum rc_status write_high(struct writing *writing, struct rc_error *err)
{
    if (writing->batch->high_water > writing->high.high_water)
        writing->high.high_water = writing->batch->high_water;
    writing->high.untold = writing->batch->untold;
    struct sq run = sq_start(writing->conn, SQ_HIGH_SET);
    sq_u64(&run, writing->high.seq);
    sq_u64(&run, writing->high.change);
    sq_u64(&run, writing->high.high_water);
    sq_u64(&run, writing->high.untold);
    return sq_done(&run, "cannot write the store's counters", err);
}

static enum rc_status write_batch(struct writing *writing, struct rc_error *err)
{
    const struct rc_batch *batch = writing->batch;
    struct sq_store *store = writing->store;
    rc_arena_reset(store->batch);
    writing->slots = RC_NEW_ARRAY(store->batch, struct slot, batch->ntouched);
    writing->tallies = RC_NEW_ARRAY(store->batch, struct tally, (size_t)batch->ntouched * 2);
    writing->shares = RC_NEW_ARRAY(store->batch, struct sq_share, batch->ntouched);
    if (!writing->slots || !writing->tallies || !writing->shares) return rc_fail_arena(err, store->batch);
    enum rc_status status = find_slots(writing, err);
    for (uint32_t i = 0; i < batch->nrecords && status == RC_OK; i++)
        status = write_record(writing, &batch->records[i], err);
    if (status == RC_OK) status = write_touched(writing, err);
    if (status == RC_OK) status = write_tallies(writing, err);
    if (status == RC_OK) status = sq_write_usage(writing->conn, writing->shares, batch->ntouched, err);
    if (status == RC_OK) status = sq_signals_write(store, &batch->signals, err);
    if (status == RC_OK && batch->hold) status = sq_hold_set(writing->conn, batch->hold, err);
    if (status == RC_OK) status = sq_schedules_write(writing->conn, batch, err);
    if (status == RC_OK) status = write_high(writing, err);
    for (uint32_t i = 0; i < batch->ntouched; i++)
        rc_map_remove(&store->by_seq, batch->touched[i].command->id.seq);
    return status;
}

static enum rc_status transact_once(struct sq_store *store, enum rc_status (*work)(void *, struct rc_error *),
                                    void *context, struct rc_error *err)
{
    enum rc_status status = sq_begin(store, err);
    return status == RC_OK ? sq_settle(store, work(context, err), err) : status;
}

enum rc_status sq_transact(struct sq_store *store, bool essential,
                           enum rc_status (*work)(void *, struct rc_error *), void *context,
                           struct rc_error *err)
{
    enum rc_status status = essential ? RC_OK : sq_room_check(store, err);
    if (status != RC_OK) return status;
    status = transact_once(store, work, context, err);
    while (status == RC_FULL) {
        store->room.full = true;
        if (!essential || !sq_room_release(&store->room)) return status;
        /* what is folded makes the log's own blocks free again; where it does not work, the part of the reserve does */
        enum rc_status folded = sq_fold(store, NULL);
        (void)folded;
        status = transact_once(store, work, context, err);
    }
    return status;
}

static enum rc_status write_all(void *context, struct rc_error *err)
{
    struct writing *writing = context;
    writing->high = writing->store->high; /* it may run again */
    writing->ntallies = 0;
    writing->work.n = 0;
    return write_batch(writing, err);
}

enum rc_status sq_commit(struct rc_store *base, const struct rc_batch *batch, struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    struct sq_conn *conn = &store->self.conn;
    struct writing writing = {.store = store, .conn = conn, .batch = batch};
    writing.work = (struct sq_rows){conn, SQ_WORK_ADD, SQ_WORKS_ADD, 5, 0, waiting, {0}};
    enum rc_status status = sq_transact(store, batch->essential, write_all, &writing, err);
    if (status != RC_OK) return status;
    store->high = writing.high;
    return RC_OK;
}

enum rc_status sq_room(struct rc_store *base, struct rc_error *err)
{
    return sq_room_check(sq_store_of(base), err);
}
