#pragma once
/* What the files of the SQLite store share.
 *
 *   db.c       one connection: statements, binding, errors    schema.c   tables, views, migrations
 *   commit.c   one batch, one transaction                     define.c   definitions
 *   read.c     what the engine reads: history, work           list.c     what people read: lists, counts
 *   access.c   namespaces and tokens
 *   usage.c    what namespaces hold                           fold.c     what a commit leaves to be done behind it
 *   changes.c  what those read who follow
 *   keys.c     which command has a key                        hash.c     the numbers behind keys and refs
 *   refs.c     refs, and those of what people look for          rows.c     many new rows at once
 *   fresh.c    what is not in the indexes yet
 *   audit.c    what people did, chained                       purge.c    taking commands out
 *   import.c   rows of an export
 *   life.c     the file beside the store that says how far it had come
 *   hold.c     holds                                       signal.c   signals
 *   backup.c   copies                                         check.c    a file held against itself
 *   names.c    namespaces and types as small numbers          room.c     the reserve and the disk's limit
 *   bulk.c     bulks                                          schedule.c schedules
 *   open.c     create, check, open, close                     lock.c     one process at a time
 *   seal.c     pages that cannot change unseen                log.c      the log that a crash left
 *
 * A connection is used by one thread at a time: the writer's by the engine's, each reader's by its own. */
#include "base/arena.h"
#include "base/map.h"
#include "store/driver.h"
#include "store/sqlite/hash.h"

#include <sqlite3.h>

enum sq_statement {
    /* transactions */
    SQ_BEGIN,
    SQ_BEGIN_READ,
    SQ_COMMIT,
    SQ_ROLLBACK,
    /* commit */
    SQ_RECORD_ADD,
    SQ_COMMAND_ADD,
    SQ_COMMAND_SET,
    SQ_COMMAND_MOVE,
    SQ_COMMAND_END,
    SQ_KEY_ADD,
    SQ_KEYS_ADD,
    SQ_REF_ADD,
    SQ_REFS_ADD,
    SQ_ATTENTION_ADD,
    SQ_ATTENTION_DROP,
    SQ_WORK_ADD,
    SQ_WORKS_ADD,
    SQ_WORK_DROP,
    SQ_TALLY_ADD,
    SQ_USAGE_ADD,
    SQ_HIGH_SET,
    SQ_INDEXED_SET,
    SQ_NAME_ADD,
    SQ_SIGNAL_PUT,
    SQ_SIGNALS_FORGET,
    SQ_SIGNALS_OF_NS,
    /* purge */
    SQ_PURGE_ROW,
    SQ_PURGE_RECORD,
    SQ_PURGE_REF,
    SQ_PURGE_COMMAND,
    SQ_PURGE_AUDIT,
    SQ_PURGE_BULK,
    SQ_PURGE_SIGNALS,
    SQ_PURGED_ADD,
    SQ_IMPORT_DEF,
    SQ_IMPORT_HIGH,
    SQ_PURGED_AT,
    SQ_PURGE_AFTER,
    SQ_PURGE_REFS,
    /* audit */
    SQ_AUDIT_NUMBER,
    SQ_AUDIT_HASH,
    SQ_AUDIT_ADD,
    SQ_AUDIT_AFTER,
    SQ_AUDIT_BEFORE,
    SQ_AUDIT_OF,
    /* definitions */
    SQ_DEF_ADD,
    SQ_DEF_VERSION,
    SQ_DEF_STOP,
    SQ_DEF_HELD,
    SQ_DEF_LIVE,
    SQ_DEF_AT,
    SQ_DEF_VERSIONS,
    /* namespaces and tokens */
    SQ_NS_ADD,
    SQ_NS_SET,
    SQ_NS_DROP,
    SQ_NS_COUNT,
    SQ_NS_TOKENS,
    SQ_NS_ALL,
    SQ_USAGE_DROP,
    SQ_USAGE,
    SQ_TOKEN_ADD,
    SQ_TOKEN_COUNT,
    SQ_TOKEN_DROP_DEAD,
    SQ_TOKEN_REVOKE,
    SQ_TOKEN_HAS,
    SQ_TOKEN_USED,
    SQ_TOKENS,
    /* bulks */
    SQ_BULK_ADD,
    SQ_BULK_SET,
    SQ_BULK_ITEM_ADD,
    SQ_BULK_ITEM_SET,
    SQ_BULK_EVENT_ADD,
    SQ_BULK_EXPIRED,
    SQ_BULK_DROP,
    SQ_BULK_ITEMS_DROP,
    SQ_BULK_EVENTS_DROP,
    SQ_BULK_AT,
    SQ_BULK_KEY,
    SQ_BULKS,
    SQ_BULK_ITEMS,
    SQ_BULK_EVENTS,
    /* holds */
    SQ_LIFE,
    SQ_LIFE_UNMARK,
    SQ_LIFE_MARK,
    SQ_SCHEDULE_SET,
    SQ_SCHEDULE_DROP,
    SQ_SCHEDULES,
    SQ_QUEUE_SET,
    SQ_QUEUE_DROP,
    SQ_QUEUE_COUNT,
    SQ_HOLD_ADD,
    SQ_HOLD_SET,
    SQ_HOLD_END,
    SQ_HOLD_FORGET,
    SQ_HOLDS,
    SQ_HIGH_AT,
    /* reads */
    SQ_NAME_ID,
    SQ_NAME_TEXT,
    SQ_KEYS,
    SQ_KEY_RANGE,
    SQ_FRESH,
    SQ_FRESH_KEY,
    SQ_INDEXED,
    SQ_COMMAND_AT,
    SQ_RECORD_AT,
    SQ_RECORD_LINK,
    SQ_WORK,
    SQ_WORK_COUNT,
    SQ_GATE_NEXT,
    SQ_IN_FLIGHT,
    SQ_ROW_AT,
    SQ_ROWS_BEFORE,
    SQ_OWNED_BEFORE,
    SQ_CREATED,
    SQ_OPEN_BEFORE,
    SQ_ATTENTION_BEFORE,
    SQ_REF_RANGE,
    SQ_CHANGES,
    SQ_COUNTS,
    SQ_HIGH,
    SQ_SIGNAL_KEY,
    SQ_SIGNALS,
    SQ_SIGNALS_ALL,
    SQ_SIGNAL_LAST,
    SQ_SIGNALS_KEPT,
    SQ_QUEUES,
    SQ_STATEMENTS
};

/* Texts of the name table that were used lately, in both directions. */
struct sq_names {
    struct rc_map by_id, by_text;
    struct sq_name *first;
    uint32_t n;
};

struct sq_conn {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQ_STATEMENTS]; /* prepared at their first use, for the life of the connection */
    struct sq_names names;
    const char *path;             /* of the store, for messages */
    struct sq_keys *keys;         /* the writer's filter; NULL: a reader's */
    const struct sq_fresh *fresh; /* the writer's; NULL: a reader's */
    struct sq_gather *gather;     /* what the writer's log is written through, or NULL */
};

struct sq_reader {
    struct rc_reader base;
    struct sq_conn conn;
    struct rc_store alone; /* of a reader that has no store (rc_sqlite_look); driver NULL: it has one */
    char *path;            /* of such a reader */
};

struct sq_room {
    int fd; /* the reserve's file; -1: none */
    uint64_t want, have;
    uint64_t disk_limit;
    bool full; /* a commit met the disk's end, and there is no sign of room yet */
};

struct sq_store {
    struct rc_store base;
    struct sq_reader self;
    char *path;
    int lock,
        guard;     /* descriptors: of the lock file, and of the store itself, which is locked, too (lock.c) */
    bool believed; /* the file and its log were looked at, and opening goes on with them */
    uint64_t log_file;      /* inode of the log, once it was looked at; 0: not yet */
    sqlite3_int64 log_size; /* bytes of the log's file, at least; 0: not known */
    bool noted;             /* the files beside the store say what it says (sq_follow_up) */
    struct sq_room room;
    struct sq_keys *keys;
    struct sq_fresh *fresh;
    int life;              /* the file beside it (life.c); -1: none is kept */
    uint64_t life_id;      /* 0: none is kept */
    struct rc_origin mark; /* what opening it has found */
    struct rc_high high;   /* as committed */
    uint32_t log_frames;   /* in the write-ahead log after the last commit */
    uint32_t folded;       /* of them in the database file already */
    bool all_folded;       /* the last fold reached the log's end, of what another process left behind, too */
    uint32_t tried;        /* log_frames when folding was last tried */
    bool rest;             /* behind them there may be frames of a transaction that was taken back */
    int spills;            /* of the page cache into the log, when the transaction began */
    struct rc_error note;  /* what opening found that is no reason not to open; text empty: nothing */
    struct rc_arena *batch; /* what lives as long as one commit */
    struct rc_arena *text;  /* what lives as long as one row */
    struct rc_map by_seq;   /* commands of the batch in hand; empty between commits */
};

static inline struct sq_store *sq_store_of(struct rc_store *store)
{
    return (struct sq_store *)(void *)store;
}

static inline struct sq_conn *sq_conn_of(struct rc_reader *reader)
{
    return &((struct sq_reader *)(void *)reader)->conn;
}

extern const struct rc_driver sq_driver;

/* ---- db.c: a connection -------------------------------------------------------------------------------------------- */

enum { SQ_BUSY_MS = 5000 }; /* how long a foreign program (a sqlite3 shell) may hold us up */
enum sq_kind { SQ_WRITER, SQ_READER };
/* Opens the file that is there and sets it up for its kind. What is opened has to be closed, also after a failure. */
RC_MUST
enum rc_status sq_conn_open(struct sq_conn *, const char *path, enum sq_kind, bool no_sync,
                            struct rc_error *);
void sq_conn_close(struct sq_conn *);
/* Runs SQL text that gives no rows. */
RC_MUST
enum rc_status sq_exec(struct sq_conn *, const char *sql, struct rc_error *);
/* Opens a file by the VFS that seals pages (seal.c): an SQLite result code. */
int sq_open(const char *path, int flags, sqlite3 **ret);
/* The error of an SQLite result code: which status, and the file, what was being done, and SQLite's words. */
enum rc_status sq_fail(struct sq_conn *, int code, const char *doing, struct rc_error *);

/* One run of a prepared statement. Parameters are bound in order, columns are read by number. The first error sticks and
 * what follows does nothing, so that only sq_end has to be looked at. Texts are bound without a copy and must live until
 * sq_end; columns are valid until the next sq_row or sq_end. */
struct sq {
    struct sq_conn *conn;
    sqlite3_stmt *stmt;
    int code, bound;
};
struct sq sq_start(struct sq_conn *, enum sq_statement);
const char *sq_sql(enum sq_statement); /* its text */
void sq_u64(struct sq *, uint64_t);    /* kept as SQLite's signed integer with the same bits */
void sq_sv(struct sq *, struct rc_sv);
void sq_sv_or_null(struct sq *, struct rc_sv);
void sq_blob(struct sq *, const void *, uint32_t n);
bool sq_row(struct sq *); /* steps; true while there are rows */
uint64_t sq_get_u64(const struct sq *, int column);
struct rc_sv sq_get_sv(const struct sq *, int column);
RC_MUST
enum rc_status sq_end(struct sq *, const char *doing, struct rc_error *);
/* Steps a statement that gives no rows, and ends it. */
RC_MUST
enum rc_status sq_done(struct sq *, const char *doing, struct rc_error *);

/* Makes the statements up to sq_read_end see one state of the store; and the file is locked once for all of them, which for
 * the writer, who sees one state anyway, is half of a read's cost. Not within a transaction. */
RC_MUST
enum rc_status sq_read_begin(struct sq_conn *, struct rc_error *);
void sq_read_end(struct sq_conn *);

/* ---- names.c -------------------------------------------------------------------------------------------------------- */

/* The number of a name; RC_NOT_FOUND. */
RC_MUST
enum rc_status sq_name_find(struct sq_conn *, struct rc_sv text, uint64_t *ret, struct rc_error *);
/* The same, and gives it one: within a transaction of the writer. */
RC_MUST
enum rc_status sq_name_make(struct sq_conn *, struct rc_sv text, uint64_t *ret, struct rc_error *);
/* The text of a number, valid until the next call; RC_DAMAGED. */
RC_MUST
enum rc_status sq_name_text(struct sq_conn *, uint64_t id, struct rc_sv *ret, struct rc_error *);
/* After a rollback: what was made in it is not there. */
void sq_names_forget(struct sq_conn *);

/* ---- schema.c ------------------------------------------------------------------------------------------------------- */

enum { SQ_APPLICATION_ID = 0x52635374 /* "RcSt" */ };
extern const uint32_t sq_schema_version;
extern const char sq_views[]; /* views.c */
/* RC_OK: the tables are those of this version; RC_NEWER, RC_UNSUPPORTED (older). */
RC_MUST
enum rc_status sq_check_version(struct sq_conn *, struct rc_error *);
/* Makes the tables of an empty database, or brings older ones up to date; RC_NEWER. */
RC_MUST
enum rc_status sq_migrate(struct sq_conn *, struct rc_error *);
/* Makes the tables of words agree with spec/ (a newer version may know more). */
RC_MUST
enum rc_status sq_write_words(struct sq_conn *, struct rc_error *);

/* ---- open.c --------------------------------------------------------------------------------------------------------- */

/* RC_FULL or RC_IO, with errno's words. */
enum rc_status sq_io_error(const char *path, const char *doing, struct rc_error *);
/* Reads the tables of a store that was not closed. RC_DAMAGED: it cannot be believed. Damage that hides some commands' histories, and
 * nothing else, is no reason not to open: *io_note says what it is. */
RC_MUST
enum rc_status sq_check_tables(struct sq_conn *, struct rc_error *io_note, struct rc_error *);
/* One of SQLite's checks of a whole file; RC_DAMAGED says what it found first. */
RC_MUST
enum rc_status sq_integrity(struct sq_conn *, const char *pragma, struct rc_error *);

/* ---- audit.c -------------------------------------------------------------------------------------------------------- */

/* Appends an entry: within a transaction of the writer, so that it is there with what it records or not at all. */
RC_MUST
enum rc_status sq_audit_add(struct sq_conn *, const struct rc_audit *, rc_us now, struct rc_error *);
/* The row of an entry that is linked already. */
RC_MUST
enum rc_status sq_audit_put(struct sq_conn *, const struct rc_audit_entry *, struct rc_error *);

/* ---- purge.c -------------------------------------------------------------------------------------------------------- */

RC_MUST
enum rc_status sq_keep_tombstone(struct sq_conn *, const struct rc_purged *, struct rc_error *);
/* What is left of a purged command; RC_NOT_FOUND. */
RC_MUST
enum rc_status sq_purged(struct sq_conn *, uint64_t seq, struct rc_purged *, struct rc_error *);

/* ---- lock.c --------------------------------------------------------------------------------------------------------- */

/* How far the log reached with the last commit. */
struct sq_note {
    uint32_t salt, frames; /* frames 0: it holds nothing that counts, or nothing is known */
};
/* Takes the lock file of a store. *ret_clean: the last process that had it closed the store; else *ret_note is what it left. */
RC_MUST
enum rc_status sq_lock(const char *path, int *ret_fd, bool *ret_clean, struct sq_note *ret_note,
                       struct rc_error *);
bool sq_note_put(int fd, const struct sq_note *); /* false: the one before stands, or a part of each */
/* Notes how far the log reaches after a commit. (log.c) */
void sq_note_log(struct sq_store *);
/* Fills the log's file with zeros where the next commits will write: a sync that need not make the file grow takes half the time. */
void sq_log_ahead(struct sq_store *);
/* Before the log is cut or removed: nothing in it is needed any more. Durable. */
RC_MUST enum rc_status sq_note_no_log(struct sq_store *, struct rc_error *);
/* Folds all of the log and gives its blocks back to the disk. RC_BUSY: a reader holds it; RC_FULL: the database cannot grow. */
RC_MUST
enum rc_status sq_cut_log(struct sq_store *, struct rc_error *);
/* The note of a store without its lock; false: somebody has it, and writes. */
bool sq_note_read(const char *path, struct sq_note *ret);
void sq_unlock(int fd, bool clean);
/* Locks the store's own file, too. Closing the descriptor drops SQLite's locks of the file: only when SQLite has closed it. */
RC_MUST
enum rc_status sq_guard(const char *path, int *ret_fd, struct rc_error *);
/* Whether the files that are open still stand under their names: what is written to others is lost. RC_IO says what happened. */
RC_MUST
enum rc_status sq_still_there(struct sq_store *, struct rc_error *);

/* ---- life.c --------------------------------------------------------------------------------------------------------- */

/* Finds the store's mark. Where there is none, the file is made or brought up to date. */
RC_MUST
enum rc_status sq_life_open(struct sq_store *, bool no_sync, struct rc_error *);
/* Behind a commit. */
void sq_life_note(struct sq_store *);
/* A hold has begun: the mark is gone, and the file is this store's. */
void sq_life_settle(struct sq_store *);
void sq_life_close(struct sq_store *);

/* ---- hold.c --------------------------------------------------------------------------------------------------------- */

struct rc_origin sq_origin(const struct rc_store *);
enum rc_status sq_hold(struct rc_store *, const struct rc_hold_write *, uint64_t *io_id, struct rc_error *);
/* The row of one that is there, within a transaction; RC_BUG. */
RC_MUST
enum rc_status sq_hold_set(struct sq_conn *, const struct rc_hold *, struct rc_error *);
enum rc_status sq_read_holds(struct rc_reader *, struct rc_arena *, struct rc_hold **, uint32_t *,
                             struct rc_error *);

/* ---- room.c --------------------------------------------------------------------------------------------------------- */

void sq_room_open(struct sq_room *, const char *path, const struct rc_sqlite_options *);
void sq_room_close(struct sq_room *);
/* RC_OK or RC_FULL. Fills the reserve again where it can. */
RC_MUST
enum rc_status sq_room_check(struct sq_store *, struct rc_error *);
/* Whether the disk has so much room that some may be taken before it is needed. */
bool sq_room_is_ample(const struct sq_room *);
/* Gives a part of the reserve back to the disk; false when nothing is left of it. */
bool sq_room_release(struct sq_room *);

/* A transaction of `work`, as rc_store_commit promises; an essential one gets room from the reserve, and `work` may then run
 * more than once. */
RC_MUST
enum rc_status sq_transact(struct sq_store *, bool essential,
                           enum rc_status (*work)(void *context, struct rc_error *), void *context,
                           struct rc_error *);

/* ---- commit.c, define.c, read.c, list.c: the driver's functions ------------------------------------------------------ */

/* Begins, and ends one way or the other: sq_settle commits where `status` is RC_OK, else rolls back, and answers what
 * rc_store_commit promises. */
RC_MUST
enum rc_status sq_begin(struct sq_store *, struct rc_error *);
RC_MUST
enum rc_status sq_settle(struct sq_store *, enum rc_status status, struct rc_error *);
/* A failure after which it is not known what is on disk. */
enum rc_status sq_unknown(struct sq_store *, int code, const char *doing, struct rc_error *);
/* Folds the log into the database file. */
RC_MUST
enum rc_status sq_fold(struct sq_store *, struct rc_error *);

enum rc_status sq_commit(struct rc_store *, const struct rc_batch *, struct rc_error *);
enum rc_status sq_room(struct rc_store *, struct rc_error *);
void sq_follow_up(struct rc_store *);
enum rc_status sq_idle(struct rc_store *, struct rc_error *);
enum rc_status sq_purge(struct rc_store *, const struct rc_purge *, rc_us now, uint32_t *ret_n,
                        struct rc_error *);
enum rc_status sq_compact(struct rc_store *, struct rc_error *);
enum rc_status sq_read_purged(struct rc_reader *, uint64_t seq, struct rc_purged *, struct rc_error *);
enum rc_status sq_read_purgeable(struct rc_reader *, const struct rc_purge_filter *, uint64_t after,
                                 struct rc_arena *, uint32_t cap, struct rc_purge_row **, uint32_t *,
                                 uint64_t *ret_next, struct rc_error *);
enum rc_status sq_define(struct rc_store *, struct rc_definition *, uint32_t, const struct rc_definition *,
                         uint32_t, const struct rc_author *, rc_us, struct rc_error *);
enum rc_status sq_bulk(struct rc_store *, const struct rc_bulk_write *, uint64_t *io_id, struct rc_error *);

enum rc_status sq_access(struct rc_store *, const struct rc_access_change *, rc_us, struct rc_error *);
enum rc_status sq_tokens_used(struct rc_store *, const struct rc_token_use *, uint32_t, struct rc_error *);
enum rc_status sq_read_namespaces(struct rc_reader *, struct rc_arena *, struct rc_namespace **, uint32_t *,
                                  struct rc_error *);
enum rc_status sq_read_usage(struct rc_reader *, struct rc_sv ns, struct rc_usage *, struct rc_error *);
enum rc_status sq_read_tokens(struct rc_reader *, struct rc_arena *, struct rc_token **, uint32_t *,
                              struct rc_error *);

enum rc_status sq_read_key(struct rc_reader *, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                           struct rc_key_match *, struct rc_error *);
enum rc_status sq_read_history(struct rc_reader *, uint64_t seq, uint32_t after_rev, uint32_t cap,
                               struct rc_arena *, struct rc_identity *, struct rc_record **, uint32_t *,
                               struct rc_error *);
enum rc_status sq_read_work(struct rc_reader *, uint8_t phase, uint64_t gate, const struct rc_work *after,
                            rc_us up_to, struct rc_work *, uint32_t cap, uint32_t *ret_n, struct rc_error *);
enum rc_status sq_read_work_count(struct rc_reader *, uint8_t phase, uint64_t *, struct rc_error *);
enum rc_status sq_read_gates(struct rc_reader *, uint8_t phase, uint64_t after, uint64_t *, uint32_t cap,
                             uint32_t *, struct rc_error *);
enum rc_status sq_read_in_flight(struct rc_reader *, uint64_t after, uint64_t *, uint32_t cap, uint32_t *,
                                 struct rc_error *);
enum rc_status sq_read_high(struct rc_reader *, struct rc_high *, struct rc_error *);
RC_MUST enum rc_status sq_high(struct sq_conn *, struct rc_high *, struct rc_error *);

enum rc_status sq_read_audit(struct rc_reader *, const struct rc_audit_page *, struct rc_arena *,
                             uint32_t cap, struct rc_audit_entry **, uint32_t *, struct rc_error *);
enum rc_status sq_read_list(struct rc_reader *, const struct rc_filter *, struct rc_arena *, uint32_t cap,
                            struct rc_row **, uint32_t *, uint64_t *ret_next, struct rc_error *);
enum rc_status sq_read_changes(struct rc_reader *, uint64_t after, struct rc_arena *, uint32_t cap,
                               struct rc_news **, uint32_t *, struct rc_error *);
enum rc_status sq_read_counts(struct rc_reader *, uint64_t[RC_STATES], struct rc_error *);
enum rc_status sq_read_definitions(struct rc_reader *, struct rc_arena *, struct rc_definition **, uint32_t *,
                                   struct rc_error *);
enum rc_status sq_read_versions(struct rc_reader *, enum rc_def_kind, struct rc_sv name, uint32_t before,
                                struct rc_arena *, uint32_t cap, struct rc_version **, uint32_t *,
                                struct rc_error *);
enum rc_status sq_read_definition(struct rc_reader *, uint64_t id, struct rc_arena *, struct rc_definition *,
                                  struct rc_error *);
enum rc_status sq_read_row(struct rc_reader *, uint64_t seq, struct rc_arena *, struct rc_row *,
                           struct rc_error *);
enum rc_status sq_read_bulk(struct rc_reader *, uint64_t id, struct rc_arena *, struct rc_bulk *,
                            struct rc_error *);
enum rc_status sq_read_bulk_key(struct rc_reader *, struct rc_sv ns, struct rc_sv key, uint64_t *ret_id,
                                struct rc_error *);
enum rc_status sq_read_bulks(struct rc_reader *, struct rc_sv ns, uint32_t states, uint64_t before,
                             struct rc_arena *, uint32_t cap, struct rc_bulk **, uint32_t *ret_n,
                             struct rc_error *);
enum rc_status sq_read_bulk_items(struct rc_reader *, uint64_t id, uint32_t results, uint32_t after,
                                  struct rc_arena *, uint32_t cap, struct rc_bulk_item **, uint32_t *ret_n,
                                  struct rc_error *);
enum rc_status sq_read_bulk_events(struct rc_reader *, uint64_t id, uint32_t after, struct rc_arena *,
                                   uint32_t cap, struct rc_bulk_event **, uint32_t *ret_n, struct rc_error *);
/* backup.c: as rc_sqlite_backup, over what is there; the copy is of when the store changed last. */
RC_MUST enum rc_status sq_copy(const char *store, const char *to, struct rc_holdings *ret, struct rc_error *);
RC_MUST enum rc_status sq_schedules_write(struct sq_conn *, const struct rc_batch *, struct rc_error *);
enum rc_status sq_read_schedules(struct rc_reader *, struct rc_arena *, struct rc_schedule **, uint32_t *,
                                 struct rc_error *);
