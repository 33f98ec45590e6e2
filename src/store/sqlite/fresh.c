/* The newest commands, whose keys and refs are not in the indexes yet.
 *
 * What a commit costs is the number of pages that it dirties, and in the indexes nearly every new key and ref has a page of its own. So they wait
 * until there are ENOUGH of them and are written in order, each page once. Nothing hangs on it: table `command` has all of it, `high.indexed` says
 * up to which command the indexes have it, and whoever looks for a key or a ref looks through the rows above that number, too.
 *
 * The writer has what it will write in memory, and makes that anew when the store is opened. A transaction that is taken back takes what it has
 * added along. */
#include "store/sqlite/fresh.h"

#include "store/sqlite/keys.h"
#include "store/sqlite/refs.h"
#include "store/sqlite/rows.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ENOUGH = 512, /* the more, the fewer pages are written for each, and the more rows are looked through */
    FIRST = 1024
};

/* ---- taking up ---------------------------------------------------------------------------------------------------- */

/* Room for one more in an array, which may move. */
static void *room_for(void *array, uint32_t n, uint32_t *io_cap, size_t size)
{
    if (n < *io_cap) return array;
    uint32_t cap = *io_cap ? *io_cap * 2 : FIRST;
    void *more = realloc(array, cap * size);
    if (more) *io_cap = cap;
    return more;
}

static enum rc_status add_key(struct sq_fresh *fresh, uint64_t hash, uint64_t seq)
{
    void *keys = room_for(fresh->keys, fresh->nkeys, &fresh->keys_cap, sizeof *fresh->keys);
    if (!keys) return RC_NOMEM;
    fresh->keys = keys;
    fresh->keys[fresh->nkeys++] = (struct sq_fresh_key){hash, seq};
    fresh->hint[hash / 64 % SQ_FRESH_HINTS] |= UINT64_C(1) << hash % 64;
    return RC_OK;
}

static enum rc_status add_ref(struct sq_fresh *fresh, uint64_t hash, uint64_t seq)
{
    void *refs = room_for(fresh->refs, fresh->nrefs, &fresh->refs_cap, sizeof *fresh->refs);
    if (!refs) return RC_NOMEM;
    fresh->refs = refs;
    fresh->refs[fresh->nrefs++] = sq_place(hash, seq, SQ_REF_BUCKET);
    return RC_OK;
}

static enum rc_status add(struct sq_fresh *fresh, uint64_t hash, struct cel_value refs, uint64_t seq,
                          struct rc_error *err)
{
    enum rc_status status = add_key(fresh, hash, seq);
    for (uint32_t i = 0; status == RC_OK && i < sq_refs_count(refs); i++)
        status = add_ref(fresh, sq_refs_hash(refs, i), seq);
    return status == RC_OK ? RC_OK : rc_fail(err, status, "out of memory");
}

enum rc_status sq_fresh_add(struct sq_fresh *fresh, const struct rc_identity *id, uint64_t hash,
                            struct rc_error *err)
{
    assert(!fresh->indexing);
    fresh->late |= id->seq <= fresh->indexed;
    return add(fresh, hash, id->refs, id->seq, err);
}

/* What is damaged in a row shows when the command is read, and keeps nobody from the others. */
static enum rc_status load_row(struct sq_store *store, const struct sq *run, struct rc_error *err)
{
    struct cel_value refs = cel_null();
    rc_arena_reset(store->text);
    enum rc_status status = rc_store_decode_refs(sq_get_sv(run, 4), store->text, &refs, err);
    if (status == RC_DAMAGED) refs = cel_null();
    if (status != RC_OK && status != RC_DAMAGED) return status;
    uint64_t hash = sq_key_hash(sq_get_sv(run, 1), sq_get_sv(run, 2), sq_get_sv(run, 3));
    return add(store->fresh, hash, refs, sq_get_u64(run, 0), err);
}

enum rc_status sq_fresh_load(struct sq_store *store, uint32_t enough, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    store->fresh->enough = enough ? enough : ENOUGH;
    enum rc_status status = sq_indexed(conn, &store->fresh->indexed, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(conn, SQ_FRESH);
    sq_u64(&run, store->fresh->indexed);
    while (status == RC_OK && sq_row(&run)) status = load_row(store, &run, err);
    enum rc_status ended = sq_end(&run, "cannot read the newest commands", status == RC_OK ? err : NULL);
    sq_fresh_settle(store->fresh, status == RC_OK && ended == RC_OK);
    return status != RC_OK ? status : ended;
}

/* ---- into the indexes --------------------------------------------------------------------------------------------- */

static int by_number(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Rows that begin with their place, in its order. */
static enum rc_status write_rows(struct sq_rows *rows, uint64_t *cells, uint32_t n, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    qsort(cells, n, rows->columns * sizeof *cells, by_number);
    for (uint32_t i = 0; status == RC_OK && i < n; i++)
        status = sq_rows_add(rows, &cells[(size_t)i * rows->columns], err);
    return status == RC_OK ? sq_rows_end(rows, err) : status;
}

/* *ret_last: the highest number that the index has then. */
static enum rc_status write_keys(struct sq_store *store, uint64_t *ret_last, struct rc_error *err)
{
    const struct sq_fresh *fresh = store->fresh;
    struct sq_rows rows = {&store->self.conn, SQ_KEY_ADD, SQ_KEYS_ADD, 2, 0, "cannot write a key", {0}};
    uint64_t *cells = RC_NEW_ARRAY(store->batch, uint64_t, (size_t)fresh->nkeys * 2), last = fresh->indexed;
    if (!cells) return rc_fail_arena(err, store->batch);
    for (uint32_t i = 0; i < fresh->nkeys; i++) {
        const struct sq_fresh_key *key = &fresh->keys[i];
        if (sq_keys_add(store->keys, key->hash, key->seq) != RC_OK)
            return rc_fail(err, RC_NOMEM, "out of memory");
        cells[2 * (size_t)i] = sq_place(key->hash, key->seq, SQ_KEY_BUCKET);
        cells[2 * (size_t)i + 1] = SQ_MORE(key->hash);
        if (key->seq > last) last = key->seq;
    }
    *ret_last = last;
    return write_rows(&rows, cells, fresh->nkeys, err);
}

static enum rc_status write_refs(struct sq_store *store, struct rc_error *err)
{
    const struct sq_fresh *fresh = store->fresh;
    struct sq_rows rows = {&store->self.conn, SQ_REF_ADD, SQ_REFS_ADD, 1, 0, "cannot write a ref", {0}};
    uint64_t *cells = RC_NEW_ARRAY(store->batch, uint64_t, fresh->nrefs);
    if (!fresh->nrefs) return RC_OK;
    if (!cells) return rc_fail_arena(err, store->batch);
    memcpy(cells, fresh->refs, fresh->nrefs * sizeof *cells);
    return write_rows(&rows, cells, fresh->nrefs, err);
}

enum rc_status sq_fresh_write(struct sq_store *store, bool all, struct rc_error *err)
{
    struct sq_fresh *fresh = store->fresh;
    uint64_t last = 0;
    if (!fresh->nkeys || (!all && !fresh->late && fresh->nkeys < fresh->enough)) return RC_OK;
    enum rc_status status = write_keys(store, &last, err);
    if (status == RC_OK) status = write_refs(store, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(&store->self.conn, SQ_INDEXED_SET);
    sq_u64(&run, last);
    fresh->indexing = last;
    return sq_done(&run, "cannot write how far the indexes are", err);
}

void sq_fresh_settle(struct sq_fresh *fresh, bool committed)
{
    if (committed && fresh->indexing) {
        fresh->indexed = fresh->indexing;
        fresh->nkeys = fresh->nrefs = 0;
        memset(fresh->hint, 0, sizeof fresh->hint);
    }
    if (committed) {
        fresh->keys_kept = fresh->nkeys;
        fresh->refs_kept = fresh->nrefs;
    }
    fresh->nkeys = fresh->keys_kept;
    fresh->nrefs = fresh->refs_kept;
    fresh->indexing = 0;
    fresh->late = false;
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

uint64_t sq_fresh_before(const struct sq_fresh *fresh, uint64_t hash, uint64_t before)
{
    uint64_t found = 0;
    if (!(fresh->hint[hash / 64 % SQ_FRESH_HINTS] >> hash % 64 & 1)) return 0;
    for (uint32_t i = 0; i < fresh->nkeys; i++) {
        const struct sq_fresh_key *key = &fresh->keys[i];
        if (key->hash == hash && key->seq < before && key->seq > found) found = key->seq;
    }
    return found;
}

enum rc_status sq_indexed(struct sq_conn *conn, uint64_t *ret, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_INDEXED);
    bool found = sq_row(&run);
    uint64_t indexed = found ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot read how far the indexes are", err);
    if (status != RC_OK) return status;
    if (!found) return rc_fail(err, RC_DAMAGED, "%s: the store's counters are missing", conn->path);
    *ret = indexed;
    return RC_OK;
}

void sq_fresh_free(struct sq_fresh *fresh)
{
    free(fresh->keys);
    free(fresh->refs);
    *fresh = (struct sq_fresh){0};
}
