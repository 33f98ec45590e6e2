/* What a commit leaves to be done behind it: notes, folding the log (checkpoint), room in the log, and reading the
 * keys of old commands into their filter.
 *
 * WHEN THE LOG IS FOLDED. Not by SQLite's own counter, inside some commit, but when the writer is idle, or behind a commit when the log
 * has grown to LOG_MAX and those who waited for the commit have been told. The log's file is never cut: the next commits go over the old
 * frames, into blocks that the file system has given already, which makes fdatasync twice as fast. */
#include "base/clock.h"
#include "store/sqlite/gather.h"
#include "store/sqlite/keys.h"

#include <assert.h>

enum {
    LOG_MAX = 3000, /* frames (12 MiB) at which the log is folded within a commit, which takes some 10 ms */
    LOG_IDLE = 256, /* frames (1 MiB) below which it is not worth two syncs */
    LOG_STUCK = 8,  /* times LOG_MAX, from where readers are waited for, */
    STUCK_MS = 100, /* so long: our own readers are short, and a copy of the store takes minutes */
    KEYS_MS = 8,    /* for reading keys at a time, at least: the next commit waits so long */
    KEYS_MS_MOST = 100,
    KEYS_AT_ONCE = 8192 /* of them before the clock is looked at: 1 ms, where they are in memory */
};

enum rc_status sq_fold(struct sq_store *store, struct rc_error *err)
{
    struct sq_conn *conn = &store->self.conn;
    /* PASSIVE waits for nobody. Readers that overlap without end would keep the log from ever starting anew: then, and
     * only then, wait for them; each of their reads is short */
    bool stuck = store->log_frames > (uint32_t)LOG_MAX * LOG_STUCK;
    int frames = 0, folded = 0;
    if (stuck) sqlite3_busy_timeout(conn->db, STUCK_MS);
    struct sq_gather *gather = conn->gather ? sq_gather_begin(conn->db, SQ_GATHER_DATABASE) : NULL;
    int code = sqlite3_wal_checkpoint_v2(
        conn->db, NULL, stuck ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, &frames, &folded);
    bool all = sq_gather_end(gather);
    assert(all || code != SQLITE_OK);
    (void)all;
    if (stuck) sqlite3_busy_timeout(conn->db, SQ_BUSY_MS);
    store->tried = store->log_frames;
    store->all_folded = false;
    if (code == SQLITE_BUSY) return RC_OK; /* a reader is in the way: later */
    if (code != SQLITE_OK) {
        enum rc_status status = sq_fail(conn, code, "cannot fold the log into the database", err);
        if (status == RC_FULL) store->room.full = true;
        return status;
    }
    store->folded = folded > 0 ? (uint32_t)folded : 0;
    store->all_folded = folded == frames;
    return RC_OK;
}

/* What cannot be folded stays in the log, which is as good; a full disk is noted, the rest shows in the next commit. */
static void fold_if_due(struct sq_store *store)
{
    if (store->log_frames < store->tried) store->tried = store->folded = 0; /* the log has started anew */
    if (store->log_frames < LOG_MAX || store->log_frames - store->tried < LOG_MAX / 4) return;
    enum rc_status status = sq_fold(store, NULL);
    (void)status;
}

/* Each new key is looked up in all that is not read yet, and in a large store that takes longer than to read it. So reading gets as much time
 * as went by since it was done last, which is half of all, and is over soon. */
static void read_keys(struct sq_store *store)
{
    struct sq_keys *keys = store->keys;
    store->base.more = false;
    if (!keys->unread) return;
    const rc_us begin = rc_clock_monotonic(), passed = 2 * (begin - keys->read_last);
    const rc_us time = passed < RC_MS(KEYS_MS)        ? RC_MS(KEYS_MS)
                       : passed > RC_MS(KEYS_MS_MOST) ? RC_MS(KEYS_MS_MOST)
                                                      : passed;
    bool read = true;
    while (keys->unread && read && keys->read_last < begin + time) {
        read = sq_keys_load_some(&store->self.conn, keys, KEYS_AT_ONCE);
        keys->read_last = rc_clock_monotonic();
    }
    store->base.more = keys->unread && read;
}

void sq_follow_up(struct rc_store *base)
{
    struct sq_store *store = sq_store_of(base);
    if (store->noted) return;
    sq_note_log(store);
    sq_life_note(store);
    fold_if_due(store);
    sq_log_ahead(store);
    read_keys(store);
    store->noted = true;
}

enum rc_status sq_idle(struct rc_store *base, struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    if (store->log_frames < store->tried) store->tried = store->folded = 0;
    read_keys(store);
    if (store->log_frames - store->folded < LOG_IDLE || store->log_frames - store->tried < LOG_IDLE)
        return RC_OK;
    return sq_fold(store, err);
}
