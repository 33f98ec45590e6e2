#pragma once
/* The storage contract. One suite (test/store/test_contract.c) holds every implementation to it, and another one
 * (test_faults.c) breaks the disk under it.
 *
 * WHAT IS STORED. History is the truth: one record per step of an aggregate, append-only, holding the cause and the
 * changes. All else is derived from the same records and exists to be found: the row of a command (its state, what lists
 * need), its refs, its key, how many commands are in which state, and the rows of work (steps that wait for a place or
 * for a time). A command is loaded by folding its history.
 *
 * ONE WRITER. A struct rc_store is used by one thread, the engine's; it sees its own commits at once. Any number of
 * struct rc_reader, each used by one thread at a time, see committed state only, never hold up the writer, and never see
 * half a batch. Each call sees one state of the store; two calls may see two.
 *
 * ONE COMMIT. rc_store_commit takes a batch and makes all of it durable or nothing of it. It answers
 *
 * - RC_OK: everything is on stable storage (synced) and visible to reads that start after this. An answer to a client
 * never precedes it.
 *
 * - RC_FULL: nothing happened and the store goes on working: the disk has no room for new work. The reserve (below) may
 * still let a batch through that is marked `essential`.
 *
 * - RC_IO, RC_NOMEM: nothing happened, surely; the same batch may be tried again.
 *
 * - RC_LIMIT: nothing happened; a record is larger than RC_MAX_RECORD. RC_BUG: nothing happened; the batch contradicts
 * what is stored (a gap in the revs, a key that is taken, work that is not there). RC_DAMAGED: nothing happened; the
 * file is damaged. Trying again does not help with any of these.
 *
 * - RC_COMMIT_UNKNOWN: it is not known whether the batch is there. The handle is poisoned: every later call on it and on
 * its readers answers RC_IO. The caller tells nobody anything, closes it, opens the store again and reads state anew:
 * what it finds is the truth, all of the batch or nothing of it.
 *
 * THE RESERVE. A store keeps preallocated room, so that results of what has already left and operators' actions still
 * commit when the disk is full. A batch that is not essential is refused with RC_FULL as soon as the disk's end was met
 * or a part of the reserve was used; rc_store_room says so beforehand, so that no new attempt leaves. The reserve is
 * filled again when there is room, and work resumes. It is finite: when it is used up, essential batches get RC_FULL too.
 *
 * WHO MAY OPEN. One process at a time (RC_LOCKED names the other's pid where it can; a killed process leaves nothing
 * locked); never a store with a newer schema (RC_NEWER), nor one that does not pass its check (RC_DAMAGED says what and
 * where). Creating is atomic: under a temporary name, synced, renamed, directory synced.
 *
 * OWNERSHIP. What goes in is borrowed for the call. What comes out lives in the caller's arena. Outputs are written on
 * RC_OK only, but for arrays that the caller gives: these may hold anything after a failure. */
#include "core/explain.h"
#include "core/schedule.h"
#include "store/access.h"
#include "store/bulk.h"
#include "store/audit.h"
#include "store/hold.h"
#include "store/keep.h"
#include "store/order.h"
#include "store/purge.h"
#include "store/signal.h"

struct rc_store;
struct rc_reader;

/* ---- writing ------------------------------------------------------------------------------------------ */

/* One entry of a command's history, in both directions. */
struct rc_record {
    uint64_t seq;    /* the command */
    uint32_t rev;    /* from 1, without gaps */
    uint64_t change; /* number in the store's whole sequence of changes; given by the store, 0 before that */
    rc_us at;
    /* from history: as far as it is stored (kind, node, attempt, purpose and the body) */
    const struct rc_ask *cause;
    const struct rc_change *changes;
    uint32_t nchanges;
};

/* The queue of what is delayed until a time of the wall clock. */
enum { RC_CALENDAR = 1 };

/* Rows of lanes stand among those of work, in phases of their own: of a command that waits for its place, that holds one, that holds one and is
 * leaving. gate: the lane; order: its place in the queue; node: the limit of its version. Numbers are stored. */
enum { RC_WORK_LANE_WAITS = 16, RC_WORK_LANE_HOLDS = 17, RC_WORK_LANE_YIELDS = 18 };

/* Where a step waits: rows of work. Every step in phase ready or delayed has exactly one; one that waits for a signal has one
 * in the queue of its mailbox, and where its time is limited another one, as if it were delayed.. Every
 * command in a lane has one, too. */
struct rc_work {
    uint8_t phase; /* RC_PHASE_READY: order is its place in the gate's queue. RC_PHASE_DELAYED: order is when;
                      gate is 0, or RC_CALENDAR. RC_PHASE_WAITING: gate is the mailbox, and order is since when */
    uint64_t gate;
    rc_us order;
    uint64_t seq;
    uint32_t node;
};

struct rc_work_move { /* phase none or open: no row on that side */
    struct rc_work before, after;
};

/* A command that the batch touches, once, with what its row becomes. */
struct rc_touched {
    const struct rc_command *command; /* as it is after the batch */
    /* its identity, refs and key go in too; the key of a first generation must be free: the engine has asked */
    bool created;
    uint8_t state_before;
    uint64_t flow_before; /* id of the version that it was of; 0: it is of the same one still */
    bool in_flight_before, in_flight;
    struct rc_standing standing; /* what its row says of it; owner and due are the command's */
    const struct rc_work_move *moves;
    uint32_t nmoves;
};

/* The row of a schedule, as it is after the batch. */
struct rc_schedule_write {
    const struct rc_schedule *row;
    bool gone;                  /* it is not there any more: its flow does not have it */
    uint8_t deed;               /* with `by`: enum rc_deed */
    const struct rc_author *by; /* a person has done so: there is an entry in the audit; NULL: nobody has */
};

struct rc_batch {
    const struct rc_record *records; /* in order; revs of one command ascend */
    uint32_t nrecords;
    const struct rc_touched *touched;
    uint32_t ntouched;
    rc_us high_water; /* engine time never goes back behind this, also after a restart */
    /* from this change on somebody may not have been told yet (engine/notice.h); 0: all were */
    uint64_t untold;
    bool essential;             /* only results of what has left, and actions: may use the reserve */
    const struct rc_hold *hold; /* how far the hold that is not released has come; NULL: as it was */
    const struct rc_schedule_write *schedules; /* each once */
    uint32_t nschedules;
    struct rc_signals signals;
    bool imported; /* of an export: what people did is in its audit, or lost; no new entries */
};

RC_MUST enum rc_status rc_store_commit(struct rc_store *, const struct rc_batch *, struct rc_error *);

/* Whether new work may be taken on: RC_OK or RC_FULL (with how much is missing). Cheap; asked once a turn. */
RC_MUST enum rc_status rc_store_room(struct rc_store *, struct rc_error *);

/* What a commit leaves to be done when those who waited for it have been told: notes of how far the store has come, folding the log
 * (SQLite) where it has grown long, room in it for the next commit. Called by the writer behind each commit. What fails here is no error
 * of that commit; it shows in the next one. Where the process dies before, nothing is lost: only the notes say less than they could. */
void rc_store_follow_up(struct rc_store *);

/* Folds the log into the store where that is due and cheap now (SQLite: a checkpoint). Called by the writer
 * when it is idle, and never needed for correctness. */
RC_MUST enum rc_status rc_store_idle(struct rc_store *, struct rc_error *);
/* Whether rc_store_idle has something left to do, a moment's worth at a time (SQLite: old keys are not in their filter yet): a writer that is
 * idle calls it again instead of sleeping. */
bool rc_store_has_more(const struct rc_store *);

/* Purges the commands that have ended, have nothing in flight and are still at the revision given, in one durable commit
 * with one entry of the audit; the others are left out. The caller has seen that no step of theirs waits. Statuses as
 * rc_store_commit; essential. *ret_n: how many were purged. */
RC_MUST enum rc_status rc_store_purge(struct rc_store *, const struct rc_purge *, rc_us now, uint32_t *ret_n,
                                      struct rc_error *);

/* Writes the store anew without what was purged, so that its bytes are gone from the files, and gives free room back to the
 * disk. Takes as long as copying the store and needs as much free room again; nothing else can be written meanwhile.
 * RC_BUSY: a reader held the log; ask again. */
RC_MUST enum rc_status rc_store_compact(struct rc_store *, struct rc_error *);

/* ---- definitions -------------------------------------------------------------------------------------- */

enum rc_def_kind { RC_DEF_FLOW = 1, RC_DEF_DEPENDENCY = 2 };

struct rc_definition {
    uint64_t id; /* of this version; given by the store */
    uint8_t kind;
    bool active;                     /* in force; at most one version of a name is */
    uint32_t version;                /* of the name, from 1; given by the store */
    struct rc_sv name, text, source; /* text: the YAML document; source: file name, for messages */
    struct rc_h128 digest;
    rc_us at;
};

/* Stores new versions (each becomes the active one of its name) and takes names out of force, in one durable
 * commit, with an entry of the audit for each (`by` NULL: the server itself). Fills id, version, active and at
 * of `added`; of `removed` only kind and name count. Statuses as
 * rc_store_commit, never essential; and where nothing happens: RC_IN_USE where a removed flow is held by commands that
 * have not ended (err says how many), RC_NOT_FOUND where a removed name is not in force. */
RC_MUST enum rc_status rc_store_define(struct rc_store *, struct rc_definition *added, uint32_t nadded,
                                       const struct rc_definition *removed, uint32_t nremoved,
                                       const struct rc_author *by, rc_us now, struct rc_error *);

/* ---- namespaces and tokens ---------------------------------------------------------------------------- */

/* Changes one of them, in one durable commit, with an entry of the audit. Statuses as rc_store_commit; a revocation is essential, the rest is not. And
 * where nothing happens: RC_NOT_FOUND (no such namespace, also of a token that is to be bound to it; no such token),
 * RC_IN_USE (add: the name is taken; remove: commands are stored in it, or tokens that work are bound to it, or it is
 * "default"), RC_LIMIT (RC_MAX_NAMESPACES; RC_MAX_TOKENS, of which dead ones give way, oldest first). Revoking what is
 * revoked is RC_OK, and nothing happens. */
RC_MUST enum rc_status rc_store_access(struct rc_store *, const struct rc_access_change *, rc_us now,
                                       struct rc_error *);
/* Notes when tokens were used, in a commit of its own; those that are not there any more are passed over. Never essential. */
RC_MUST enum rc_status rc_store_tokens_used(struct rc_store *, const struct rc_token_use *, uint32_t n,
                                            struct rc_error *);

/* ---- reading: both kinds of handle -------------------------------------------------------------------- */

/* The writer's own view as a reader: for the engine's loads. Valid as long as the store; not closed by the
 * caller. */
struct rc_reader *rc_store_self(struct rc_store *);

struct rc_key_match {
    uint64_t seq, nonce;
    struct rc_h128 payload_hash;
    bool purged; /* there is no more of it than rc_read_purged says; payload_hash is zero */
};
/* The newest command behind (namespace, type, key): the last generation of the key; RC_NOT_FOUND. */
RC_MUST enum rc_status rc_read_key(struct rc_reader *, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                                   struct rc_key_match *ret, struct rc_error *);

/* What is left of a purged command; RC_NOT_FOUND. */
RC_MUST enum rc_status rc_read_purged(struct rc_reader *, uint64_t seq, struct rc_purged *ret,
                                      struct rc_error *);

/* Commands that may be purged, oldest first, with seq > after. Looks at a bounded number of rows: there may be fewer than
 * `cap`, or none; *ret_next is where to go on (`after`), or 0 at the end. */
RC_MUST enum rc_status rc_read_purgeable(struct rc_reader *, const struct rc_purge_filter *, uint64_t after,
                                         struct rc_arena *, uint32_t cap, struct rc_purge_row **ret,
                                         uint32_t *ret_n, uint64_t *ret_next, struct rc_error *);

/* A command's identity and a part of its history: records with rev > after_rev, at most `cap`; RC_NOT_FOUND, RC_PURGED.
 * For folding: after_rev 0 and cap RC_MAX_HISTORY. *ret_records is in the arena. */
RC_MUST enum rc_status rc_read_history(struct rc_reader *, uint64_t seq, uint32_t after_rev, uint32_t cap,
                                       struct rc_arena *, struct rc_identity *ret_identity,
                                       struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *);

/* Work rows of one phase and gate with (order, seq, node) behind `after` (NULL: from the start), ascending;
 * delayed: order <= up_to. */
RC_MUST enum rc_status rc_read_work(struct rc_reader *, uint8_t phase, uint64_t gate,
                                    const struct rc_work *after, rc_us up_to, struct rc_work *ret_rows,
                                    uint32_t cap, uint32_t *ret_n, struct rc_error *);
/* How many rows of work there are of one phase: reads all of them, cheaply; for when the engine begins. */
RC_MUST enum rc_status rc_read_work_count(struct rc_reader *, uint8_t phase, uint64_t *ret,
                                          struct rc_error *);
/* Gates that have ready work, ascending behind `after`. */
RC_MUST enum rc_status rc_read_gates(struct rc_reader *, uint64_t after, uint64_t *ret_gates, uint32_t cap,
                                     uint32_t *ret_n, struct rc_error *);
/* Lanes in which commands wait, ascending behind `after`. */
RC_MUST enum rc_status rc_read_lanes(struct rc_reader *, uint64_t after, uint64_t *ret_lanes, uint32_t cap,
                                     uint32_t *ret_n, struct rc_error *);
/* Lanes with a command in this phase (RC_WORK_LANE_…), ascending behind `after`. */
RC_MUST enum rc_status rc_read_lanes_in(struct rc_reader *, uint8_t phase, uint64_t after,
                                        uint64_t *ret_lanes, uint32_t cap, uint32_t *ret_n,
                                        struct rc_error *);
/* Commands with an attempt in flight, ascending by seq behind `after`. */
RC_MUST enum rc_status rc_read_in_flight(struct rc_reader *, uint64_t after, uint64_t *ret_seqs, uint32_t cap,
                                         uint32_t *ret_n, struct rc_error *);

/* The row of a command, for lists. */
struct rc_row {
    uint64_t seq, nonce, flow;
    uint8_t state;
    bool in_flight;
    uint32_t rev;
    rc_us created, changed;
    struct rc_sv ns, type, key, actor;
    uint8_t why, next;       /* enum rc_why, enum rc_next: of the step that the state hangs on */
    rc_us next_at;           /* 0: not known */
    struct rc_sv dependency; /* of that step; empty: none */
    struct rc_sv owner;      /* empty: nobody */
    rc_us due;               /* 0: not said */
};
struct rc_filter {
    struct rc_sv ns;               /* empty: every namespace */
    uint32_t states;               /* bit 1 << enum rc_state; 0: any */
    uint64_t whys;                 /* bit 1 << enum rc_why; 0: any */
    struct rc_sv type, dependency; /* empty: any */
    struct rc_sv owner, actor;     /* empty: any */
    struct rc_sv ref, value;       /* a ref; empty: any */
    rc_us since, until;            /* created at or after, created before; 0: open */
    uint64_t before;               /* seq lower than this; 0: from the newest */
};
_Static_assert(RC_STATES <= 32 && RC_WHYS <= 64, "bits of a filter");
/* Newest first. Looks at a bounded number of rows: a page may be short; *ret_next is where to go on
 * (`before`), or 0 at the end. Times of creation ascend with seq, so that a span of them is a range. */
RC_MUST enum rc_status rc_read_list(struct rc_reader *, const struct rc_filter *, struct rc_arena *,
                                    uint32_t cap, struct rc_row **ret_rows, uint32_t *ret_n,
                                    uint64_t *ret_next, struct rc_error *);
/* One of them; RC_NOT_FOUND. */
RC_MUST enum rc_status rc_read_row(struct rc_reader *, uint64_t seq, struct rc_arena *, struct rc_row *ret,
                                   struct rc_error *);
/* One record of the store's whole sequence, as far as those need it who follow what happens. */
struct rc_news {
    uint64_t change, seq, nonce, flow;
    rc_us at;
    uint32_t rev, node;
    uint16_t attempt;
    uint8_t cause, purpose; /* enum rc_cause, enum rc_purpose */
    uint8_t action;         /* cause action: enum rc_action */
    uint8_t state;          /* the state that the command moved to; RC_ABSENT: it stayed */
    struct rc_sv ns, type, key;
};
/* Records with a change number above `after`, ascending, at most `cap`. Numbers may have gaps where something was purged, and never
 * come back. A page shorter than `cap` is the last one for now. */
RC_MUST enum rc_status rc_read_changes(struct rc_reader *, uint64_t after, struct rc_arena *, uint32_t cap,
                                       struct rc_news **ret, uint32_t *ret_n, struct rc_error *);
/* How many commands are in each state: bounded work is not promised; for tools and tests. */
RC_MUST enum rc_status rc_read_counts(struct rc_reader *, uint64_t ret_counts[RC_STATES], struct rc_error *);

/* The definitions in force, and the versions that commands were made with, with their texts, ascending by id. Commands that have ended
 * count, too: they are read, and may be rolled back. So do commands that are to be made: the versions that a command may start, and
 * those that it has moved away from, are there. */
RC_MUST enum rc_status rc_read_definitions(struct rc_reader *, struct rc_arena *, struct rc_definition **ret,
                                           uint32_t *ret_n, struct rc_error *);
/* A version of a definition, and how many commands were made with it. */
struct rc_version {
    struct rc_definition def;
    uint64_t commands, open; /* in all, and not ended; of a dependency 0 */
};
/* Every version of one definition that there ever was, newest first: with a number below `before` (0: from the newest), at most
 * `cap`. None: *ret_n is 0. */
RC_MUST enum rc_status rc_read_versions(struct rc_reader *, enum rc_def_kind, struct rc_sv name,
                                        uint32_t before, struct rc_arena *, uint32_t cap,
                                        struct rc_version **ret, uint32_t *ret_n, struct rc_error *);
/* One definition by id. */
RC_MUST enum rc_status rc_read_definition(struct rc_reader *, uint64_t id, struct rc_arena *,
                                          struct rc_definition *ret, struct rc_error *);

/* All namespaces, by name, with their usage. */
RC_MUST enum rc_status rc_read_namespaces(struct rc_reader *, struct rc_arena *, struct rc_namespace **ret,
                                          uint32_t *ret_n, struct rc_error *);
/* The usage of one; all 0 where nothing was ever stored in it. */
RC_MUST enum rc_status rc_read_usage(struct rc_reader *, struct rc_sv ns, struct rc_usage *ret,
                                     struct rc_error *);
/* All tokens, by the time when they were made. */
RC_MUST enum rc_status rc_read_tokens(struct rc_reader *, struct rc_arena *, struct rc_token **ret,
                                      uint32_t *ret_n, struct rc_error *);

/* All schedules, by flow and id. */
RC_MUST enum rc_status rc_read_schedules(struct rc_reader *, struct rc_arena *, struct rc_schedule **ret,
                                         uint32_t *ret_n, struct rc_error *);

struct rc_high {
    uint64_t seq; /* highest seq that was ever given; 0: none */
    uint64_t change;
    rc_us high_water;
    uint64_t audit;  /* number of the last entry of the audit; 0: none */
    uint64_t untold; /* as the last batch said */
};
RC_MUST enum rc_status rc_read_high(struct rc_reader *, struct rc_high *ret, struct rc_error *);

/* ---- life --------------------------------------------------------------------------------------------- */

RC_MUST enum rc_status rc_reader_open(struct rc_store *, struct rc_reader **ret,
                                      struct rc_error *); /* any thread */
void rc_reader_close(struct rc_reader *);
/* `enough` is asked before each read and, in a long one, now and then, on the thread that reads. Once it has said so, reads
 * answer RC_OVERTIME until somebody else watches, or nobody (NULL). Not for rc_store_self. */
void rc_reader_watch(struct rc_reader *, bool (*enough)(void *context), void *context);
/* Closes cleanly; readers must be closed before. */
void rc_store_close(struct rc_store *);

struct rc_sqlite_options {
    const char *path;
    uint64_t reserve; /* bytes of the reserve; 0: 16 MiB */
    /* bytes of the store's files, without the reserve, from which on new work is refused while essential batches go on; 0: the disk's own limit */
    uint64_t disk_limit;
    uint32_t index_after; /* new commands that may wait for their places in the indexes; 0: 512 */
    bool unsafe_no_sync;  /* negative control of the proofs: never in production */
};
RC_MUST enum rc_status rc_sqlite_open(const struct rc_sqlite_options *, struct rc_store **ret,
                                      struct rc_error *);
/* For a program in which nothing but this store uses SQLite, before it opens one: no allocation takes the lock of the sum of all SQLite's
 * memory, for which nobody asks. It holds for the whole process (SQLITE_CONFIG_MEMSTATUS), so a library does not do it by itself. */
void rc_sqlite_alone(void);

/* What opening found that is no reason not to open, but that somebody should know: the end of a log that a crash tore, or damage that
 * hides the histories of some commands, while all else is whole. Empty: nothing. */
const char *rc_sqlite_note(const struct rc_store *);

/* A reader of a store's file without its lock: beside a server that runs on it, or with none. Sees what is committed,
 * writes nothing, and never folds the log. RC_NOT_FOUND (no such file), RC_DAMAGED (no store), RC_NEWER, RC_UNSUPPORTED (of an
 * older version: a server must open it first). Closed by rc_reader_close. */
RC_MUST enum rc_status rc_sqlite_look(const char *path, struct rc_reader **ret, struct rc_error *);

/* The memory store keeps "the disk" apart from the handle: what was not committed is gone with the handle,
 * what was being committed may be either. Single process. */
struct rc_memory_disk;
RC_MUST struct rc_memory_disk *rc_memory_disk_new(void);
void rc_memory_disk_free(struct rc_memory_disk *);
/* As it is now, with nothing shared, and room again; NULL: out of memory. No write may be on its way. */
RC_MUST struct rc_memory_disk *rc_memory_disk_copy(struct rc_memory_disk *);
RC_MUST enum rc_status rc_memory_open(struct rc_memory_disk *, struct rc_store **ret, struct rc_error *);
/* As if the disk were a copy, or an older one: the mark is found by the next opening, and by the handle that is open. */
void rc_memory_come_from(struct rc_memory_disk *, struct rc_origin);
/* The next commit or define fails with this status. RC_COMMIT_UNKNOWN: `kept` says whether the batch is there after
 * opening again. */
void rc_memory_fail_next(struct rc_store *, enum rc_status, bool kept);
/* Asked before each write of this handle what becomes of it; NULL: nobody is. */
struct rc_memory_fate {
    enum rc_status status; /* RC_OK: as it should be */
    bool kept;
};
typedef struct rc_memory_fate rc_memory_fate_fn(void *context);
void rc_memory_on_write(struct rc_store *, rc_memory_fate_fn *, void *context);
/* While the disk is full, what is not essential is refused. */
void rc_memory_full(struct rc_memory_disk *, bool full);
/* Negative control of the proofs: no key is known any more. */
void rc_memory_forget_keys(struct rc_memory_disk *);
