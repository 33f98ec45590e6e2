/* What the engine reads: keys, histories, work. Each is a few rows found by number. */
#include "base/id.h"
#include "store/sqlite/keys.h"

static enum rc_status damaged(struct sq_conn *conn, uint64_t seq, const char *what, struct rc_error *err)
{
    return rc_fail(err, RC_DAMAGED, "%s: command %llu: %s", conn->path, (unsigned long long)seq, what);
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

enum rc_status sq_read_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                           struct rc_key_match *ret, struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    uint64_t hash = sq_key_hash(ns, type, key);
    /* the writer sees one state anyway, and for a new key its filter, once it is read, mostly saves it every statement */
    if (conn->keys && !conn->keys->unread) return sq_key_find(conn, hash, ns, type, key, ret, err);
    enum rc_status status = sq_read_begin(conn, err);
    if (status != RC_OK) return status;
    status = sq_key_find(conn, hash, ns, type, key, ret, err);
    sq_read_end(conn);
    return status;
}

/* ---- histories ---------------------------------------------------------------------------------------------------- */

struct history {
    struct sq_conn *conn;
    struct rc_arena *arena;
    struct rc_identity *identity;
    uint64_t seq, first, last;
    uint32_t rev;
};

static enum rc_status copy_sv(struct rc_arena *arena, struct rc_sv from, struct rc_sv *ret,
                              struct rc_error *err)
{
    *ret = rc_copy_sv(arena, from);
    return ret->p ? RC_OK : rc_fail_arena(err, arena);
}

static enum rc_status copy_name(const struct history *history, uint64_t id, struct rc_sv *ret,
                                struct rc_error *err)
{
    struct rc_sv text = {0};
    enum rc_status status = sq_name_text(history->conn, id, &text, err);
    return status == RC_OK ? copy_sv(history->arena, text, ret, err) : status;
}

/* The command's row: all of the identity but the payload. */
static enum rc_status identity_of(struct history *history, struct sq *run, struct rc_error *err)
{
    struct rc_identity *id = history->identity;
    struct rc_arena *arena = history->arena;
    *id = (struct rc_identity){.seq = history->seq,
                               .nonce = sq_get_u64(run, 0),
                               .flow = sq_get_u64(run, 1),
                               .created = sq_get_u64(run, 2),
                               .payload_hash = sq_h128(sq_get_sv(run, 8)),
                               .generation = (uint32_t)sq_get_u64(run, 13),
                               .original = {sq_get_u64(run, 14), sq_get_u64(run, 15)}};
    history->rev = (uint32_t)sq_get_u64(run, 10);
    history->first = sq_get_u64(run, 11);
    history->last = sq_get_u64(run, 12);
    enum rc_status status = copy_name(history, sq_get_u64(run, 3), &id->ns, err);
    if (status == RC_OK) status = copy_name(history, sq_get_u64(run, 4), &id->type, err);
    if (status == RC_OK) status = copy_sv(arena, sq_get_sv(run, 5), &id->key, err);
    if (status == RC_OK) status = copy_sv(arena, sq_get_sv(run, 6), &id->subject, err);
    if (status == RC_OK) status = copy_sv(arena, sq_get_sv(run, 7), &id->actor, err);
    if (status != RC_OK) return status;
    status = rc_store_decode_refs(sq_get_sv(run, 9), arena, &id->refs, err);
    return status == RC_DAMAGED ? damaged(history->conn, history->seq, "its refs are not readable", err)
                                : status;
}

static enum rc_status read_identity(struct history *history, struct rc_error *err)
{
    struct sq run = sq_start(history->conn, SQ_COMMAND_AT);
    sq_u64(&run, history->seq);
    bool found = sq_row(&run);
    enum rc_status status = found ? identity_of(history, &run, err) : RC_OK;
    enum rc_status ended = sq_end(&run, "cannot read a command", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    if (found) return RC_OK;
    struct rc_purged purged;
    status = sq_purged(history->conn, history->seq, &purged, err);
    if (status == RC_OK)
        return rc_fail(err, RC_PURGED, "the command %llu was purged", (unsigned long long)history->seq);
    if (status != RC_NOT_FOUND) return status;
    return rc_fail(err, RC_NOT_FOUND, "there is no command %llu", (unsigned long long)history->seq);
}

/* The record whose row `run` stands on. */
static enum rc_status record_of(struct history *history, const struct sq *run, uint64_t change,
                                struct rc_record *record, struct rc_error *err)
{
    struct rc_stored stored = {.change = change,
                               .rev = (uint32_t)sq_get_u64(run, 0),
                               .at = sq_get_u64(run, 2),
                               .cause = (uint8_t)sq_get_u64(run, 3),
                               .node = (uint32_t)sq_get_u64(run, 4),
                               .attempt = (uint16_t)sq_get_u64(run, 5),
                               .purpose = (uint8_t)sq_get_u64(run, 6),
                               .body = sq_get_sv(run, 7),
                               .changes = sq_get_sv(run, 8)};
    return rc_store_decode(&stored, history->identity, history->arena, record, err);
}

/* Names the command: what is damaged hides more than one, perhaps. */
static enum rc_status unreadable(const struct history *history, enum rc_status status, struct rc_error *err)
{
    char id[RC_ID_TEXT + 1];
    rc_id_format(rc_id_of(history->seq, history->identity->nonce), id);
    return rc_fail_prefix(err, status, "command %llu (%.*s)", (unsigned long long)history->seq, RC_ID_TEXT,
                          id);
}

/* Reads the row of one change, whole (record not NULL) or only its links, and checks that it is the record `rev`. */
static enum rc_status read_link(struct history *history, uint64_t change, uint32_t rev,
                                struct rc_record *record, uint64_t *ret_prev, struct rc_error *err)
{
    struct sq run = sq_start(history->conn, record ? SQ_RECORD_AT : SQ_RECORD_LINK);
    sq_u64(&run, change);
    enum rc_status status = RC_OK;
    bool fits = sq_row(&run) && sq_get_u64(&run, 0) == rev;
    uint64_t prev = fits ? sq_get_u64(&run, 1) : 0;
    if (fits && record) status = record_of(history, &run, change, record, err);
    enum rc_status ended = sq_end(&run, "cannot read a history", status == RC_OK ? err : NULL);
    if (status != RC_OK)
        return status == RC_DAMAGED ? rc_fail_prefix(err, status, "%s", history->conn->path) : status;
    if (ended != RC_OK) return unreadable(history, ended, err);
    if (!fits || (prev == 0) != (rev == 1))
        return damaged(history->conn, history->seq, "its history is torn", err);
    *ret_prev = prev;
    return RC_OK;
}

/* Walks the chain from the newest record back to the one behind after_rev. */
static enum rc_status read_chain(struct history *history, uint32_t after_rev, uint32_t cap,
                                 struct rc_record **ret, uint32_t *ret_n, struct rc_error *err)
{
    uint32_t end = history->rev < after_rev ? after_rev : history->rev;
    if (end - after_rev > cap) end = after_rev + cap;
    uint32_t n = end - after_rev;
    struct rc_record *records = RC_NEW_ARRAY(history->arena, struct rc_record, n);
    if (!records) return rc_fail_arena(err, history->arena);

    uint64_t change = history->last;
    for (uint32_t rev = history->rev; rev > after_rev; rev--) {
        struct rc_record *record = rev <= end ? &records[rev - after_rev - 1] : NULL;
        enum rc_status status = read_link(history, change, rev, record, &change, err);
        if (status != RC_OK) return status;
    }
    if (after_rev > 0 || n == 0) { /* the payload stands in the first record */
        struct rc_record first;
        enum rc_status status = read_link(history, history->first, 1, &first, &change, err);
        if (status != RC_OK) return status;
    }
    *ret = records;
    *ret_n = n;
    return RC_OK;
}

enum rc_status sq_read_history(struct rc_reader *reader, uint64_t seq, uint32_t after_rev, uint32_t cap,
                               struct rc_arena *arena, struct rc_identity *ret_identity,
                               struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *err)
{
    struct history history = {.conn = sq_conn_of(reader),
                              .arena = arena,
                              .identity = RC_NEW(arena, struct rc_identity),
                              .seq = seq};
    if (!history.identity) return rc_fail_arena(err, arena);
    enum rc_status status = sq_read_begin(history.conn, err);
    if (status != RC_OK) return status;
    status = read_identity(&history, err);
    if (status == RC_OK) status = read_chain(&history, after_rev, cap, ret_records, ret_n, err);
    sq_read_end(history.conn);
    if (status == RC_OK) *ret_identity = *history.identity;
    return status;
}

/* ---- work --------------------------------------------------------------------------------------------------------- */

enum rc_status sq_read_work(struct rc_reader *reader, uint8_t phase, uint64_t gate,
                            const struct rc_work *after, rc_us up_to, struct rc_work *ret_rows, uint32_t cap,
                            uint32_t *ret_n, struct rc_error *err)
{
    struct sq run = sq_start(sq_conn_of(reader), SQ_WORK);
    sq_u64(&run, phase);
    sq_u64(&run, gate);
    sq_u64(&run, after ? after->order : 0);
    sq_u64(&run, after ? after->seq : 0); /* no row has seq 0: before all of them */
    sq_u64(&run, after ? after->node : 0);
    sq_u64(&run, phase == RC_PHASE_DELAYED ? up_to : INT64_MAX);
    sq_u64(&run, cap);
    uint32_t n = 0;
    while (n < cap && sq_row(&run))
        ret_rows[n++] = (struct rc_work){.phase = phase,
                                         .gate = gate,
                                         .order = sq_get_u64(&run, 0),
                                         .seq = sq_get_u64(&run, 1),
                                         .node = (uint32_t)sq_get_u64(&run, 2)};
    enum rc_status status = sq_end(&run, "cannot read the work that waits", err);
    if (status == RC_OK) *ret_n = n;
    return status;
}

enum rc_status sq_read_work_count(struct rc_reader *reader, uint8_t phase, uint64_t *ret,
                                  struct rc_error *err)
{
    struct sq run = sq_start(sq_conn_of(reader), SQ_WORK_COUNT);
    sq_u64(&run, phase);
    uint64_t n = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot count what waits", err);
    if (status == RC_OK) *ret = n;
    return status;
}

enum rc_status sq_read_gates(struct rc_reader *reader, uint8_t phase, uint64_t after, uint64_t *ret_gates,
                             uint32_t cap, uint32_t *ret_n, struct rc_error *err)
{
    uint32_t n = 0;
    for (bool more = true; more && n < cap;) {
        struct sq run = sq_start(sq_conn_of(reader), SQ_GATE_NEXT);
        sq_u64(&run, phase);
        sq_u64(&run, n ? ret_gates[n - 1] : after);
        more = sq_row(&run);
        if (more) ret_gates[n++] = sq_get_u64(&run, 0);
        enum rc_status status = sq_end(&run, "cannot read the gates", err);
        if (status != RC_OK) return status;
    }
    *ret_n = n;
    return RC_OK;
}

/* Puts a number into an ascending array of at most cap, dropping what is beyond. */
static uint32_t keep_lowest(uint64_t *seqs, uint32_t n, uint32_t cap, uint64_t seq)
{
    uint32_t at = n;
    while (at > 0 && seqs[at - 1] > seq) at--;
    if (at == cap) return n;
    if (n == cap) n--;
    memmove(seqs + at + 1, seqs + at, (n - at) * sizeof *seqs);
    seqs[at] = seq;
    return n + 1;
}

enum rc_status sq_read_in_flight(struct rc_reader *reader, uint64_t after, uint64_t *ret_seqs, uint32_t cap,
                                 uint32_t *ret_n, struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    uint32_t n = 0;
    enum rc_status status = sq_read_begin(conn, err);
    if (status != RC_OK) return status;
    for (unsigned state = 0; state < RC_STATES && status == RC_OK; state++) {
        struct sq run = sq_start(conn, SQ_IN_FLIGHT);
        sq_u64(&run, state);
        sq_u64(&run, after);
        sq_u64(&run, cap);
        while (sq_row(&run)) n = keep_lowest(ret_seqs, n, cap, sq_get_u64(&run, 0));
        status = sq_end(&run, "cannot read what is in flight", err);
    }
    sq_read_end(conn);
    if (status == RC_OK) *ret_n = n;
    return status;
}

enum rc_status sq_high(struct sq_conn *conn, struct rc_high *ret, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_HIGH);
    struct rc_high high = {0};
    bool found = sq_row(&run);
    if (found)
        high = (struct rc_high){sq_get_u64(&run, 0), sq_get_u64(&run, 1), sq_get_u64(&run, 2),
                                sq_get_u64(&run, 3), sq_get_u64(&run, 4)};
    enum rc_status status = sq_end(&run, "cannot read the store's counters", err);
    if (status != RC_OK) return status;
    if (!found) return rc_fail(err, RC_DAMAGED, "%s: the store's counters are missing", conn->path);
    *ret = high;
    return RC_OK;
}

enum rc_status sq_read_high(struct rc_reader *reader, struct rc_high *ret, struct rc_error *err)
{
    return sq_high(sq_conn_of(reader), ret, err);
}
