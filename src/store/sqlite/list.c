/* Lists for people: newest first, a bounded number of rows looked at.
 *
 * Five ways to the candidates, the narrowest that the filter allows: by ref and state (`attention`), by ref (the newest, and then bucket by bucket), by
 * owner, by state (the index of what is open), or back through all commands. A span of time is a range of numbers, found by halving. Every candidate's row is then held against the whole filter, so a way
 * may well offer too much (hashes collide, names differ). */
#include "store/sqlite/fresh.h"

#include <stdlib.h>

enum { RANGE = 256 }; /* candidates taken from one range of the open index */
_Static_assert(RANGE > (int)RC_MAX_PAGE, "one state alone can fill a page");
_Static_assert(RANGE * 2 * RC_STATES <= 2 * RC_MAX_LOOK,
               "all ranges together stay within what a page may look at");

struct listing {
    struct sq_conn *conn;
    const struct rc_filter *filter;
    uint64_t ns, type, dependency; /* their numbers; 0: any */
    uint64_t before, floor;        /* candidates are between these */
    struct rc_arena *arena;
    struct rc_row *rows;
    uint32_t states; /* that the filter allows and an index helps with */
    uint32_t n, cap;
    uint32_t looks; /* rows that may still be looked at */
    uint64_t next;  /* everything from here on (seq and higher) was looked at; 0: everything was */
};

static enum rc_status has_ref(const struct listing *list, struct rc_sv text, bool *ret, struct rc_error *err)
{
    struct cel_value refs = cel_null();
    enum rc_status status = rc_store_decode_refs(text, list->arena, &refs, err);
    *ret = status == RC_OK && rc_store_has_ref(refs, list->filter->ref, list->filter->value);
    return status;
}

static enum rc_status fill_dependency(struct listing *list, uint64_t id, struct rc_sv *ret,
                                      struct rc_error *err)
{
    if (!id) return RC_OK;
    struct rc_sv name = {0};
    enum rc_status status = sq_name_text(list->conn, id, &name, err);
    if (status != RC_OK) return status;
    *ret = rc_copy_sv(list->arena, name);
    return ret->p ? RC_OK : rc_fail_arena(err, list->arena);
}

static enum rc_status fill_row(struct listing *list, const struct sq *run, struct rc_row *row,
                               struct rc_error *err)
{
    struct rc_sv ns = {0}, type = {0};
    enum rc_status status = sq_name_text(list->conn, sq_get_u64(run, 8), &ns, err);
    if (status == RC_OK) ns = rc_copy_sv(list->arena, ns); /* before the next name */
    if (status == RC_OK) status = sq_name_text(list->conn, sq_get_u64(run, 9), &type, err);
    if (status != RC_OK) return status;
    *row = (struct rc_row){.seq = sq_get_u64(run, 0),
                           .nonce = sq_get_u64(run, 1),
                           .flow = sq_get_u64(run, 2),
                           .state = (uint8_t)sq_get_u64(run, 3),
                           .in_flight = sq_get_u64(run, 4) != 0,
                           .rev = (uint32_t)sq_get_u64(run, 5),
                           .created = sq_get_u64(run, 6),
                           .changed = sq_get_u64(run, 7),
                           .ns = ns,
                           .type = rc_copy_sv(list->arena, type),
                           .key = rc_copy_sv(list->arena, sq_get_sv(run, 10)),
                           .actor = rc_copy_sv(list->arena, sq_get_sv(run, 11)),
                           .why = (uint8_t)sq_get_u64(run, 13),
                           .next = (uint8_t)sq_get_u64(run, 14),
                           .next_at = sq_get_u64(run, 15),
                           .owner = rc_copy_sv(list->arena, sq_get_sv(run, 17)),
                           .due = sq_get_u64(run, 18)};
    if (!row->ns.p || !row->type.p || !row->key.p || !row->actor.p || !row->owner.p)
        return rc_fail_arena(err, list->arena);
    return fill_dependency(list, sq_get_u64(run, 16), &row->dependency, err);
}

/* Holds the row that `run` stands on against the filter, and keeps it where it fits. */
static enum rc_status take(struct listing *list, const struct sq *run, struct rc_error *err)
{
    const struct rc_filter *filter = list->filter;
    uint32_t state = (uint32_t)sq_get_u64(run, 3) & 31;
    if (filter->states && !(filter->states >> state & 1)) return RC_OK;
    if (list->ns && list->ns != sq_get_u64(run, 8)) return RC_OK;
    if (list->type && list->type != sq_get_u64(run, 9)) return RC_OK;
    if (list->dependency && list->dependency != sq_get_u64(run, 16)) return RC_OK;
    if (filter->whys && !(filter->whys >> (sq_get_u64(run, 13) & 63) & 1)) return RC_OK;
    if (filter->actor.n && !rc_sv_eq(filter->actor, sq_get_sv(run, 11))) return RC_OK;
    if (filter->owner.n && !rc_sv_eq(filter->owner, sq_get_sv(run, 17))) return RC_OK;
    bool fits = true;
    enum rc_status status = filter->ref.n ? has_ref(list, sq_get_sv(run, 12), &fits, err) : RC_OK;
    if (status == RC_OK && fits) status = fill_row(list, run, &list->rows[list->n], err);
    if (status == RC_OK && fits) list->n++;
    return status;
}

static enum rc_status take_seq(struct listing *list, uint64_t seq, struct rc_error *err)
{
    struct sq run = sq_start(list->conn, SQ_ROW_AT);
    sq_u64(&run, seq);
    enum rc_status status = sq_row(&run) ? take(list, &run, err) : RC_OK;
    enum rc_status ended = sq_end(&run, "cannot read a command", status == RC_OK ? err : NULL);
    list->next = seq;
    return status != RC_OK ? status : ended;
}

static bool going_on(const struct listing *list)
{
    return list->n < list->cap && list->looks > 0;
}

/* ---- back through all commands ------------------------------------------------------------------------------------ */

static enum rc_status walk_all(struct listing *list, uint64_t floor, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    bool more = true;
    struct sq run = sq_start(list->conn, SQ_ROWS_BEFORE);
    sq_u64(&run, list->before);
    sq_u64(&run, floor);
    sq_u64(&run, list->looks);
    list->next = list->before;
    while (status == RC_OK && going_on(list) && (more = sq_row(&run))) {
        status = take(list, &run, err);
        list->next = sq_get_u64(&run, 0);
        list->looks--;
    }
    enum rc_status ended = sq_end(&run, "cannot list commands", status == RC_OK ? err : NULL);
    if (!more) list->next = 0;
    return status != RC_OK ? status : ended;
}

/* ---- by state, with a ref or without ----------------------------------------------------------------------------------------------------- */

struct candidates {
    uint64_t seq[2 * RC_STATES * RANGE];
    uint32_t n;
    uint64_t frontier; /* below this, a range that was cut off may have more */
};

/* Of a state: those with the ref, where one is asked for, else those with something in flight or without. */
static enum rc_status gather(struct listing *list, uint32_t state, bool in_flight, struct candidates *found,
                             struct rc_error *err)
{
    struct sq run = sq_start(list->conn, list->filter->ref.n ? SQ_ATTENTION_BEFORE : SQ_OPEN_BEFORE);
    if (list->filter->ref.n) sq_u64(&run, sq_ref_hash(list->filter->ref, list->filter->value));
    sq_u64(&run, state);
    if (!list->filter->ref.n) sq_u64(&run, in_flight);
    sq_u64(&run, list->before);
    sq_u64(&run, list->floor);
    sq_u64(&run, RANGE);
    uint32_t n = 0;
    uint64_t last = 0;
    for (; sq_row(&run); n++) found->seq[found->n++] = last = sq_get_u64(&run, 0);
    if (n == RANGE && last > found->frontier) found->frontier = last;
    return sq_end(&run, "cannot list commands", err);
}

static int newest_first(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

static enum rc_status walk_states(struct listing *list, struct rc_error *err)
{
    struct candidates *found = malloc(sizeof *found);
    if (!found) return rc_fail(err, RC_NOMEM, "out of memory");
    found->n = 0;
    found->frontier = 0;
    enum rc_status status = RC_OK;
    for (uint32_t state = 0; state < RC_STATES && status == RC_OK; state++) {
        if (!(list->states >> state & 1)) continue;
        status = gather(list, state, false, found, err);
        if (status == RC_OK && !list->filter->ref.n) status = gather(list, state, true, found, err);
    }
    qsort(found->seq, found->n, sizeof *found->seq, newest_first);
    uint32_t i = 0;
    for (; status == RC_OK && going_on(list) && i < found->n && found->seq[i] >= found->frontier;
         i++, list->looks--)
        status = take_seq(list, found->seq[i], err);
    if (i == found->n || found->seq[i] < found->frontier) list->next = found->frontier;
    free(found);
    return status;
}

/* ---- by owner ----------------------------------------------------------------------------------------------------- */

static enum rc_status walk_owner(struct listing *list, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    bool more = true;
    struct sq run = sq_start(list->conn, SQ_OWNED_BEFORE);
    sq_sv(&run, list->filter->owner);
    sq_u64(&run, list->before);
    sq_u64(&run, list->floor);
    sq_u64(&run, list->looks);
    list->next = list->before;
    while (status == RC_OK && going_on(list) && (more = sq_row(&run))) {
        status = take_seq(list, sq_get_u64(&run, 0), err);
        list->looks--;
    }
    enum rc_status ended = sq_end(&run, "cannot list commands", status == RC_OK ? err : NULL);
    if (!more) list->next = 0;
    return status != RC_OK ? status : ended;
}

/* ---- by ref ------------------------------------------------------------------------------------------------------- */

static enum rc_status walk_bucket(struct listing *list, uint64_t hash, uint64_t low, uint64_t high,
                                  struct rc_error *err)
{
    enum rc_status status = RC_OK;
    struct sq run = sq_start(list->conn, SQ_REF_RANGE);
    sq_u64(&run, sq_place(hash, low, SQ_REF_BUCKET));
    sq_u64(&run, sq_place(hash, high, SQ_REF_BUCKET));
    bool more = true;
    while (status == RC_OK && going_on(list) && (more = sq_row(&run))) {
        status = take_seq(list, sq_place_seq(sq_get_u64(&run, 0), SQ_REF_BUCKET), err);
        list->looks--;
    }
    enum rc_status ended = sq_end(&run, "cannot list commands", status == RC_OK ? err : NULL);
    if (!more) list->next = low;
    return status != RC_OK ? status : ended;
}

/* Back through those that are not in the index yet. *ret_last: the highest that may come then. */
static enum rc_status walk_fresh(struct listing *list, uint64_t *ret_last, struct rc_error *err)
{
    uint64_t indexed = 0;
    enum rc_status status = sq_indexed(list->conn, &indexed, err);
    uint64_t floor = indexed > list->floor ? indexed : list->floor;
    *ret_last = list->before - 1;
    if (status != RC_OK || *ret_last <= indexed) return status;
    status = walk_all(list, floor, err);
    *ret_last = list->next ? list->next - 1 : floor;
    return status;
}

static enum rc_status walk_refs(struct listing *list, struct rc_error *err)
{
    uint64_t hash = sq_ref_hash(list->filter->ref, list->filter->value), last = 0;
    enum rc_status status = walk_fresh(list, &last, err);
    list->next = last + 1;
    while (status == RC_OK && going_on(list) && list->next > list->floor + 1) {
        uint64_t top = list->next - 1, low = top >> SQ_REF_BUCKET << SQ_REF_BUCKET;
        if (low <= list->floor) low = list->floor + 1;
        list->looks--; /* a bucket costs as much as a row */
        status = walk_bucket(list, hash, low, top, err);
    }
    if (list->next <= list->floor + 1) list->next = 0;
    return status;
}

/* ---- spans of time ------------------------------------------------------------------------------------------------ */

/* The highest number up to `high` such that everything up to it was created before `time`. */
static enum rc_status last_before(struct sq_conn *conn, rc_us time, uint64_t high, uint64_t *ret,
                                  struct rc_error *err)
{
    uint64_t low = 0;
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        struct sq run = sq_start(conn, SQ_CREATED);
        sq_u64(&run, middle);
        bool found = sq_row(&run);
        uint64_t seq = found ? sq_get_u64(&run, 0) : 0;
        bool earlier = !found || sq_get_u64(&run, 1) < time;
        enum rc_status status = sq_end(&run, "cannot read a command", err);
        if (status != RC_OK) return status;
        if (earlier)
            low = middle;
        else
            high = seq - 1;
    }
    *ret = low;
    return RC_OK;
}

static enum rc_status find_range(struct listing *list, struct rc_error *err)
{
    const struct rc_filter *filter = list->filter;
    struct rc_high high = {0};
    uint64_t last = 0;
    if (!filter->since && !filter->until) return RC_OK;
    enum rc_status status = sq_high(list->conn, &high, err);
    if (status == RC_OK && filter->until) {
        status = last_before(list->conn, filter->until, high.seq, &last, err);
        if (last + 1 < list->before) list->before = last + 1;
    }
    if (status == RC_OK && filter->since)
        status = last_before(list->conn, filter->since, high.seq, &list->floor, err);
    return status;
}

static enum rc_status find_names(struct listing *list, struct rc_error *err)
{
    const struct rc_filter *filter = list->filter;
    enum rc_status status = RC_OK;
    if (filter->ns.n) status = sq_name_find(list->conn, filter->ns, &list->ns, err);
    if (status == RC_OK && filter->type.n) status = sq_name_find(list->conn, filter->type, &list->type, err);
    if (status == RC_OK && filter->dependency.n)
        status = sq_name_find(list->conn, filter->dependency, &list->dependency, err);
    return status;
}

static bool all_in_attention(uint32_t states)
{
    bool all = true;
    for (unsigned state = 0; state < 32; state++) all &= !(states >> state & 1) || sq_attention(state);
    return all;
}

static enum rc_status walk(struct listing *list, struct rc_error *err)
{
    const struct rc_filter *filter = list->filter;
    if (list->before <= list->floor + 1) return RC_OK;
    list->states = filter->states ? filter->states : UINT32_MAX;
    if (filter->ref.n) return all_in_attention(list->states) ? walk_states(list, err) : walk_refs(list, err);
    if (filter->owner.n) return walk_owner(list, err);
    /* what is completed hangs on nothing */
    if (filter->dependency.n || (filter->whys && !(filter->whys >> RC_WHY_NONE & 1)))
        list->states &= ~(1u << RC_COMPLETED);
    return list->states >> RC_COMPLETED & 1 ? walk_all(list, list->floor, err) : walk_states(list, err);
}

enum rc_status sq_read_list(struct rc_reader *reader, const struct rc_filter *filter, struct rc_arena *arena,
                            uint32_t cap, struct rc_row **ret_rows, uint32_t *ret_n, uint64_t *ret_next,
                            struct rc_error *err)
{
    struct listing list = {.conn = sq_conn_of(reader),
                           .filter = filter,
                           .before = filter->before,
                           .arena = arena,
                           .cap = cap,
                           .looks = RC_MAX_LOOK,
                           .rows = RC_NEW_ARRAY(arena, struct rc_row, cap)};
    if (!list.rows) return rc_fail_arena(err, arena);
    enum rc_status status = sq_read_begin(list.conn, err);
    if (status != RC_OK) return status;
    status = find_names(&list, err);
    if (status == RC_OK) status = find_range(&list, err);
    if (status == RC_OK) status = walk(&list, err);
    sq_read_end(list.conn);

    if (status == RC_NOT_FOUND) { /* a name that no command has */
        status = RC_OK;
        list.next = list.n = 0;
    }
    if (status != RC_OK) return status;
    *ret_rows = list.rows;
    *ret_n = list.n;
    *ret_next = list.next;
    return RC_OK;
}

enum rc_status sq_read_row(struct rc_reader *reader, uint64_t seq, struct rc_arena *arena, struct rc_row *ret,
                           struct rc_error *err)
{
    struct rc_row row;
    struct listing list = {.conn = sq_conn_of(reader), .arena = arena};
    enum rc_status status = sq_read_begin(list.conn, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(list.conn, SQ_ROW_AT);
    sq_u64(&run, seq);
    bool found = sq_row(&run);
    if (found) status = fill_row(&list, &run, &row, err);
    enum rc_status ended = sq_end(&run, "cannot read a command", status == RC_OK ? err : NULL);
    sq_read_end(list.conn);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    if (!found) return rc_fail(err, RC_NOT_FOUND, "there is no command %llu", (unsigned long long)seq);
    *ret = row;
    return RC_OK;
}

enum rc_status sq_read_counts(struct rc_reader *reader, uint64_t ret_counts[RC_STATES], struct rc_error *err)
{
    uint64_t counts[RC_STATES] = {0};
    struct sq run = sq_start(sq_conn_of(reader), SQ_COUNTS);
    while (sq_row(&run))
        if (sq_get_u64(&run, 0) < RC_STATES) counts[sq_get_u64(&run, 0)] = sq_get_u64(&run, 1);
    enum rc_status status = sq_end(&run, "cannot count commands", err);
    if (status == RC_OK) memcpy(ret_counts, counts, sizeof counts);
    return status;
}
