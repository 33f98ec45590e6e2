/* The public functions of storage: arguments and the poison are looked at here, once for all implementations. */
#include "store/driver.h"

#include "base/id.h"

#include <assert.h>

enum rc_status rc_store_usable(const struct rc_store *store, struct rc_error *err)
{
    if (!atomic_load_explicit(&store->poisoned, memory_order_acquire)) return RC_OK;
    return rc_fail(err, RC_IO,
                   "the store has stopped: it is not known whether its last commit was kept; open it again");
}

enum rc_status rc_reader_usable(struct rc_reader *reader, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(reader->store, err);
    if (status != RC_OK || !rc_reader_is_over(reader)) return status;
    return rc_fail(err, RC_OVERTIME, "the read was ended before its end");
}

bool rc_reader_is_over(struct rc_reader *reader)
{
    if (!reader->over && reader->enough) reader->over = reader->enough(reader->context);
    return reader->over;
}

/* Fail-stop: nothing that this handle says from here on would be certain. */
enum rc_status rc_store_settle(struct rc_store *store, enum rc_status status)
{
    if (status == RC_COMMIT_UNKNOWN) atomic_store_explicit(&store->poisoned, true, memory_order_release);
    return status;
}

static bool is_lane(uint8_t phase)
{
    return phase >= RC_WORK_LANE_WAITS && phase <= RC_WORK_LANE_YIELDS;
}

bool rc_work_phase(uint8_t phase)
{
    return phase == RC_PHASE_READY || phase == RC_PHASE_DELAYED || phase == RC_PHASE_WAITING ||
           is_lane(phase);
}

int rc_work_cmp(const struct rc_work *a, const struct rc_work *b)
{
    if (a->phase != b->phase) return a->phase < b->phase ? -1 : 1;
    if (a->gate != b->gate) return a->gate < b->gate ? -1 : 1;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    if (a->seq != b->seq) return a->seq < b->seq ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

uint32_t rc_store_ended_states(void)
{
    return 0
#define RC_COMMAND_STATE(code, slug, ended, text) | (uint32_t)(ended) << code
#include "states.def"
        ;
}

/* What would be a bug of the caller: numbers that no implementation can keep. */
static bool sound_work(const struct rc_work *row)
{
    return !rc_work_phase(row->phase) ||
           (row->seq && row->seq <= RC_SEQ_MAX && row->gate <= INT64_MAX && row->order <= INT64_MAX &&
            (row->phase != RC_PHASE_DELAYED || row->gate <= RC_CALENDAR));
}

static bool sound_batch(const struct rc_batch *batch)
{
    for (uint32_t i = 0; i < batch->nrecords; i++)
        if (!batch->records[i].seq || !batch->records[i].rev || !batch->records[i].cause) return false;
    for (uint32_t i = 0; i < batch->ntouched; i++) {
        const struct rc_touched *touched = &batch->touched[i];
        const struct rc_command *command = touched->command;
        if (!command || !command->id.seq || command->id.seq > RC_SEQ_MAX) return false;
        if (command->state >= RC_STATES || touched->state_before >= RC_STATES) return false;
        for (uint32_t j = 0; j < touched->nmoves; j++)
            if (!sound_work(&touched->moves[j].before) || !sound_work(&touched->moves[j].after)) return false;
    }
    return batch->high_water <= INT64_MAX && rc_store_sound_signals(&batch->signals);
}

enum rc_status rc_store_commit(struct rc_store *store, const struct rc_batch *batch, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    if (!sound_batch(batch)) return rc_fail(err, RC_BUG, "the batch has a number that cannot be stored");
    return rc_store_settle(store, store->driver->commit(store, batch, err));
}

enum rc_status rc_store_room(struct rc_store *store, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    return status == RC_OK ? store->driver->room(store, err) : status;
}

void rc_store_follow_up(struct rc_store *store)
{
    if (rc_store_usable(store, NULL) == RC_OK) store->driver->follow_up(store);
}

enum rc_status rc_store_idle(struct rc_store *store, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    return status == RC_OK ? store->driver->idle(store, err) : status;
}

bool rc_store_has_more(const struct rc_store *store)
{
    return store->more;
}

enum rc_status rc_store_define(struct rc_store *store, struct rc_definition *added, uint32_t nadded,
                               const struct rc_definition *removed, uint32_t nremoved,
                               const struct rc_author *by, rc_us now, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    return rc_store_settle(store,
                           store->driver->define(store, added, nadded, removed, nremoved, by, now, err));
}

/* What no implementation can keep. */
static bool sound_access(const struct rc_access_change *change)
{
    const struct rc_namespace *ns = &change->ns;
    const struct rc_token *token = &change->token;
    bool named = ns->name.n > 0 && ns->name.n <= RC_MAX_NAME;
    switch ((enum rc_access_kind)change->kind) {
    case RC_ACCESS_NAMESPACE_ADD:
    case RC_ACCESS_NAMESPACE_SET: return named && ns->max_open <= INT64_MAX && ns->max_bytes <= INT64_MAX;
    case RC_ACCESS_NAMESPACE_REMOVE: return named;
    case RC_ACCESS_TOKEN_ADD:
        return token->id && token->id <= INT64_MAX && token->subject.n > 0 &&
               token->subject.n <= RC_MAX_ACTOR && token->author.n <= RC_MAX_ACTOR &&
               token->role < RC_ROLES && token->expires <= INT64_MAX;
    case RC_ACCESS_TOKEN_REVOKE: return true;
    }
    return false;
}

enum rc_status rc_store_access(struct rc_store *store, const struct rc_access_change *change, rc_us now,
                               struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    if (!sound_access(change))
        return rc_fail(err, RC_BUG, "the change of a namespace or token cannot be stored");
    return rc_store_settle(store, store->driver->access(store, change, now, err));
}

enum rc_status rc_store_tokens_used(struct rc_store *store, const struct rc_token_use *uses, uint32_t n,
                                    struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    return status == RC_OK ? rc_store_settle(store, store->driver->tokens_used(store, uses, n, err)) : status;
}

enum rc_status rc_store_purge(struct rc_store *store, const struct rc_purge *purge, rc_us now,
                              uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    if (status != RC_OK) return status;
    if (purge->n > RC_MAX_PURGE)
        return rc_fail(err, RC_BUG, "more than %d commands in one purge", RC_MAX_PURGE);
    return rc_store_settle(store, store->driver->purge(store, purge, now, ret_n, err));
}

enum rc_status rc_store_compact(struct rc_store *store, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    return status == RC_OK ? rc_store_settle(store, store->driver->compact(store, err)) : status;
}

struct rc_reader *rc_store_self(struct rc_store *store)
{
    return store->self;
}

enum rc_status rc_reader_open(struct rc_store *store, struct rc_reader **ret, struct rc_error *err)
{
    enum rc_status status = rc_store_usable(store, err);
    return status == RC_OK ? store->driver->reader_open(store, ret, err) : status;
}

void rc_reader_watch(struct rc_reader *reader, bool (*enough)(void *context), void *context)
{
    reader->enough = enough;
    reader->context = context;
    reader->over = false;
}

void rc_reader_close(struct rc_reader *reader)
{
    if (!reader) return;
    assert(reader != reader->store->self);
    reader->driver->reader_close(reader);
}

void rc_store_close(struct rc_store *store)
{
    if (store) store->driver->close(store);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

enum rc_status rc_read_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                           struct rc_key_match *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->key(reader, ns, type, key, ret, err) : status;
}

enum rc_status rc_read_purged(struct rc_reader *reader, uint64_t seq, struct rc_purged *ret,
                              struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->purged(reader, seq, ret, err) : status;
}

enum rc_status rc_read_purgeable(struct rc_reader *reader, const struct rc_purge_filter *filter,
                                 uint64_t after, struct rc_arena *arena, uint32_t cap,
                                 struct rc_purge_row **ret, uint32_t *ret_n, uint64_t *ret_next,
                                 struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    struct rc_purge_filter bounded = *filter;
    if (!bounded.states) bounded.states = UINT32_MAX;
    if (!bounded.unended) bounded.states &= rc_store_ended_states();
    if (!bounded.changed_before) bounded.changed_before = INT64_MAX;
    if (cap > RC_MAX_LOOK) cap = RC_MAX_LOOK;
    if (after > RC_SEQ_MAX) after = RC_SEQ_MAX;
    return reader->driver->purgeable(reader, &bounded, after, arena, cap, ret, ret_n, ret_next, err);
}

struct rc_h128 rc_purged_key(struct rc_sv ns, struct rc_sv type, struct rc_sv key)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, ns);
    rc_sha256_add_sv(&sha, type);
    rc_sha256_add_sv(&sha, key);
    return rc_sha256_h128(&sha);
}

enum rc_status rc_read_history(struct rc_reader *reader, uint64_t seq, uint32_t after_rev, uint32_t cap,
                               struct rc_arena *arena, struct rc_identity *ret_identity,
                               struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_HISTORY) cap = RC_MAX_HISTORY;
    return reader->driver->history(reader, seq, after_rev, cap, arena, ret_identity, ret_records, ret_n, err);
}

enum rc_status rc_read_work(struct rc_reader *reader, uint8_t phase, uint64_t gate,
                            const struct rc_work *after, rc_us up_to, struct rc_work *ret_rows, uint32_t cap,
                            uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (up_to > INT64_MAX) up_to = INT64_MAX;
    return reader->driver->work(reader, phase, gate, after, up_to, ret_rows, cap, ret_n, err);
}

enum rc_status rc_read_work_count(struct rc_reader *reader, uint8_t phase, uint64_t *ret,
                                  struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->work_count(reader, phase, ret, err) : status;
}

enum rc_status rc_read_gates(struct rc_reader *reader, uint64_t after, uint64_t *ret_gates, uint32_t cap,
                             uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->gates(reader, RC_PHASE_READY, after, ret_gates, cap, ret_n, err)
                           : status;
}

enum rc_status rc_read_lanes_in(struct rc_reader *reader, uint8_t phase, uint64_t after, uint64_t *ret_lanes,
                                uint32_t cap, uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->gates(reader, phase, after, ret_lanes, cap, ret_n, err) : status;
}

enum rc_status rc_read_lanes(struct rc_reader *reader, uint64_t after, uint64_t *ret_lanes, uint32_t cap,
                             uint32_t *ret_n, struct rc_error *err)
{
    return rc_read_lanes_in(reader, RC_WORK_LANE_WAITS, after, ret_lanes, cap, ret_n, err);
}

enum rc_status rc_read_in_flight(struct rc_reader *reader, uint64_t after, uint64_t *ret_seqs, uint32_t cap,
                                 uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->in_flight(reader, after, ret_seqs, cap, ret_n, err) : status;
}

enum rc_status rc_read_list(struct rc_reader *reader, const struct rc_filter *filter, struct rc_arena *arena,
                            uint32_t cap, struct rc_row **ret_rows, uint32_t *ret_n, uint64_t *ret_next,
                            struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_PAGE) cap = RC_MAX_PAGE;
    struct rc_filter bounded = *filter;
    if (bounded.before == 0 || bounded.before > RC_SEQ_MAX) bounded.before = RC_SEQ_MAX + 1;
    return reader->driver->list(reader, &bounded, arena, cap, ret_rows, ret_n, ret_next, err);
}

enum rc_status rc_read_audit(struct rc_reader *reader, const struct rc_audit_page *page,
                             struct rc_arena *arena, uint32_t cap, struct rc_audit_entry **ret,
                             uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    struct rc_audit_page bounded = *page;
    if (bounded.before == 0 || bounded.before > INT64_MAX) bounded.before = INT64_MAX;
    if (bounded.after > INT64_MAX) bounded.after = INT64_MAX;
    if (cap > RC_MAX_PAGE) cap = RC_MAX_PAGE;
    return reader->driver->audit(reader, &bounded, arena, cap, ret, ret_n, err);
}

enum rc_status rc_read_row(struct rc_reader *reader, uint64_t seq, struct rc_arena *arena, struct rc_row *ret,
                           struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->row(reader, seq, arena, ret, err) : status;
}

enum rc_status rc_read_changes(struct rc_reader *reader, uint64_t after, struct rc_arena *arena, uint32_t cap,
                               struct rc_news **ret, uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_CHANGES) cap = RC_MAX_CHANGES;
    if (after > INT64_MAX) after = INT64_MAX;
    return reader->driver->changes(reader, after, arena, cap, ret, ret_n, err);
}

enum rc_status rc_read_counts(struct rc_reader *reader, uint64_t ret_counts[RC_STATES], struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->counts(reader, ret_counts, err) : status;
}

enum rc_status rc_read_definitions(struct rc_reader *reader, struct rc_arena *arena,
                                   struct rc_definition **ret, uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->definitions(reader, arena, ret, ret_n, err) : status;
}

enum rc_status rc_read_versions(struct rc_reader *reader, enum rc_def_kind kind, struct rc_sv name,
                                uint32_t before, struct rc_arena *arena, uint32_t cap,
                                struct rc_version **ret, uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    if (status != RC_OK) return status;
    if (cap > RC_MAX_PAGE) cap = RC_MAX_PAGE;
    if (before == 0) before = UINT32_MAX;
    return reader->driver->versions(reader, kind, name, before, arena, cap, ret, ret_n, err);
}

enum rc_status rc_read_definition(struct rc_reader *reader, uint64_t id, struct rc_arena *arena,
                                  struct rc_definition *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->definition(reader, id, arena, ret, err) : status;
}

enum rc_status rc_read_namespaces(struct rc_reader *reader, struct rc_arena *arena, struct rc_namespace **ret,
                                  uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->namespaces(reader, arena, ret, ret_n, err) : status;
}

enum rc_status rc_read_usage(struct rc_reader *reader, struct rc_sv ns, struct rc_usage *ret,
                             struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->usage(reader, ns, ret, err) : status;
}

enum rc_status rc_read_tokens(struct rc_reader *reader, struct rc_arena *arena, struct rc_token **ret,
                              uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->tokens(reader, arena, ret, ret_n, err) : status;
}

enum rc_status rc_read_schedules(struct rc_reader *reader, struct rc_arena *arena, struct rc_schedule **ret,
                                 uint32_t *ret_n, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->schedules(reader, arena, ret, ret_n, err) : status;
}

enum rc_status rc_read_high(struct rc_reader *reader, struct rc_high *ret, struct rc_error *err)
{
    enum rc_status status = rc_reader_usable(reader, err);
    return status == RC_OK ? reader->driver->high(reader, ret, err) : status;
}
