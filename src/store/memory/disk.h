#pragma once
/* The memory store: for the simulator and for tests. "The disk" outlives the handle, so that a crash is: forget the
 * handle, open another one on the disk. Texts are kept as the SQLite store keeps them, so that what comes back is a
 * deep copy that went through the codec. Everything is found by walking or by a map; one mutex guards it all. */
#include "base/map.h"
#include "store/driver.h"

#include <pthread.h>

struct mem_record {
    struct rc_stored stored; /* texts stand behind the struct */
    char text[];
};

struct mem_command {
    uint64_t seq, nonce, flow;
    uint8_t state;
    bool in_flight;
    uint32_t rev;
    rc_us created, changed;
    struct rc_h128 payload_hash;
    uint32_t generation;
    struct rc_link original;
    struct rc_sv ns, type, key, subject, actor, refs; /* texts stand behind the struct; refs as JSON */
    uint8_t why, next;
    rc_us next_at, due;
    char dependency[RC_MAX_NAME + 1], owner[RC_MAX_ACTOR + 1]; /* terminated: they change */
    uint64_t key_hash;
    struct mem_command *same_key; /* others with this key_hash */
    struct mem_record **records;  /* [rev - 1] */
    uint32_t cap;
    bool touched;    /* by the batch in hand */
    uint32_t staged; /* its records */
    char text[];
};

/* A row of work in a treap: a search tree by rc_work_cmp that is a heap by random priority (Seidel, Aragon, 1996).
 * Nodes are made before, so that putting one in cannot fail. */
struct mem_work {
    struct rc_work row;
    uint64_t priority;
    struct mem_work *left, *right;
};

struct mem_definition {
    struct rc_definition def;
    bool past; /* a command has moved away from it: its history is of it, too */
    char text[];
};

struct mem_namespace {
    struct rc_namespace ns;
    char text[];
};

struct mem_token {
    struct rc_token token;
    char text[];
};

struct mem_audit {
    struct rc_audit_entry entry; /* its data stands behind the struct */
    char text[];
};

struct mem_bulk {
    struct mem_bulk *older;
    struct rc_bulk bulk; /* but for its action */
    struct rc_sv act;    /* as text; all texts are in the arena */
    struct rc_bulk_item *items;
    struct rc_bulk_event *events; /* room for RC_MAX_BULK_REVS and two */
    uint32_t nevents;
    struct rc_arena *arena;
};

struct mem_stopped {
    struct rc_stopped stopped;
    char text[];
};

struct mem_signal; /* signal.c */
struct mem_signals {
    struct mem_signal **list; /* ascending by number */
    uint32_t n;
};

struct rc_memory_disk {
    pthread_mutex_t lock;
    bool in_use; /* by a handle */
    struct rc_map by_seq, by_key;
    struct mem_command **commands; /* ascending by seq */
    uint32_t ncommands, cap;
    struct mem_work *work;
    uint64_t seed;                /* of the priorities: the same run gives the same tree */
    struct mem_definition **defs; /* [id - 1] */
    uint32_t ndefs;
    struct mem_namespace **namespaces; /* by name */
    uint32_t nnamespaces;
    struct mem_token **tokens; /* by the time when they were made */
    uint32_t ntokens;
    struct mem_audit **audits; /* [number - 1] */
    uint32_t naudits, cap_audits;
    struct mem_bulk *bulks; /* newest first */
    uint64_t nbulks;        /* that were ever made */
    struct rc_purged *purged;
    uint32_t npurged;
    struct rc_high high;
    struct mem_signals signals;
    bool full; /* for what is not essential */
    struct rc_origin mark;
    struct rc_hold holds[RC_MAX_HOLDS]; /* newest first */
    uint32_t nholds;
    uint64_t last_hold;
    struct rc_schedule *schedules;
    uint32_t nschedules;
    struct mem_stopped **stopped; /* by name */
    uint32_t nstopped;
};

struct mem_store {
    struct rc_store base;
    struct rc_reader self;
    struct rc_memory_disk *disk;
    enum rc_status fail; /* the next commit's; RC_OK: none */
    bool kept;
    rc_memory_fate_fn *fate;
    void *context;
};

static inline struct mem_store *mem_store_of(struct rc_store *store)
{
    return (struct mem_store *)(void *)store;
}

static inline struct rc_memory_disk *mem_disk_of(struct rc_reader *reader)
{
    return mem_store_of(reader->store)->disk;
}

/* ---- work.c --------------------------------------------------------------------------------------------------------- */

void mem_work_put(struct mem_work **root, struct mem_work *);
/* Takes the row out; NULL where it is not there. */
struct mem_work *mem_work_take(struct mem_work **root, const struct rc_work *);
/* The first row behind `after` (or_equal: or the row itself); NULL. */
const struct mem_work *mem_work_next(const struct mem_work *root, const struct rc_work *after, bool or_equal);
void mem_work_free(struct mem_work *root);

/* ---- signal.c ------------------------------------------------------------------------------------------------------- */

/* Copies those of a batch, and makes room for them on the disk; with publish they are there, which cannot fail. */
RC_MUST
enum rc_status mem_signals_stage(struct rc_memory_disk *, const struct rc_signals *, struct mem_signals *ret,
                                 struct rc_arena *text, struct rc_error *);
void mem_signals_publish(struct rc_memory_disk *, struct mem_signals *, rc_us since);
void mem_signals_free(struct mem_signals *);
void mem_signals_of_namespace_drop(struct rc_memory_disk *, struct rc_sv ns);
const struct rc_signal *mem_signal_at(const struct rc_memory_disk *, uint64_t number); /* NULL */
void mem_signals_of_command_drop(struct rc_memory_disk *, uint64_t seq);
bool mem_signals_copy(struct rc_memory_disk *, const struct rc_memory_disk *from);
RC_MUST
enum rc_status mem_read_signal_key(struct rc_reader *, struct rc_sv ns, struct rc_sv key, rc_us since,
                                   struct rc_arena *, struct rc_signal *ret, struct rc_error *);
RC_MUST
enum rc_status mem_read_signals(struct rc_reader *, uint64_t mailbox, rc_us since, uint64_t after,
                                struct rc_arena *, uint32_t cap, struct rc_signal **ret, uint32_t *ret_n,
                                struct rc_error *);
RC_MUST
enum rc_status mem_read_signal_last(struct rc_reader *, uint64_t *ret, struct rc_error *);

RC_MUST
enum rc_status mem_read_signals_kept(struct rc_reader *, struct rc_sv ns, rc_us since, uint32_t most,
                                     uint32_t *ret, struct rc_error *);

/* ---- order.c -------------------------------------------------------------------------------------------------------- */

enum rc_status mem_order(struct rc_store *, const struct rc_order *, rc_us now, struct rc_error *);
enum rc_status mem_read_stopped(struct rc_reader *, struct rc_arena *, struct rc_stopped **, uint32_t *,
                                struct rc_error *);
bool mem_stopped_copy(struct rc_memory_disk *, const struct rc_memory_disk *from);
void mem_stopped_free(struct rc_memory_disk *);

/* ---- read.c --------------------------------------------------------------------------------------------------------- */

uint64_t mem_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key);
/* NULL where no command has the key. */
struct mem_command *mem_find_key(const struct rc_memory_disk *, uint64_t hash, struct rc_sv ns,
                                 struct rc_sv type, struct rc_sv key);
/* Commands of any version of a flow that have not ended. */
uint64_t mem_held(const struct rc_memory_disk *, struct rc_sv name);

enum rc_status mem_read_key(struct rc_reader *, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                            struct rc_key_match *, struct rc_error *);
enum rc_status mem_read_history(struct rc_reader *, uint64_t seq, uint32_t after_rev, uint32_t cap,
                                struct rc_arena *, struct rc_identity *, struct rc_record **, uint32_t *,
                                struct rc_error *);
enum rc_status mem_read_work(struct rc_reader *, uint8_t phase, uint64_t gate, const struct rc_work *after,
                             rc_us up_to, struct rc_work *, uint32_t cap, uint32_t *, struct rc_error *);
enum rc_status mem_read_work_count(struct rc_reader *, uint8_t phase, uint64_t *, struct rc_error *);
enum rc_status mem_read_gates(struct rc_reader *, uint8_t phase, uint64_t after, uint64_t *, uint32_t cap,
                              uint32_t *, struct rc_error *);
enum rc_status mem_read_in_flight(struct rc_reader *, uint64_t after, uint64_t *, uint32_t cap, uint32_t *,
                                  struct rc_error *);
enum rc_status mem_read_list(struct rc_reader *, const struct rc_filter *, struct rc_arena *, uint32_t cap,
                             struct rc_row **, uint32_t *, uint64_t *, struct rc_error *);
enum rc_status mem_read_changes(struct rc_reader *, uint64_t after, struct rc_arena *, uint32_t cap,
                                struct rc_news **, uint32_t *, struct rc_error *);
enum rc_status mem_read_counts(struct rc_reader *, uint64_t[RC_STATES], struct rc_error *);
enum rc_status mem_read_definitions(struct rc_reader *, struct rc_arena *, struct rc_definition **,
                                    uint32_t *, struct rc_error *);
enum rc_status mem_read_versions(struct rc_reader *, enum rc_def_kind, struct rc_sv name, uint32_t before,
                                 struct rc_arena *, uint32_t cap, struct rc_version **, uint32_t *,
                                 struct rc_error *);
enum rc_status mem_read_definition(struct rc_reader *, uint64_t id, struct rc_arena *, struct rc_definition *,
                                   struct rc_error *);
enum rc_status mem_read_high(struct rc_reader *, struct rc_high *, struct rc_error *);

/* ---- access.c ------------------------------------------------------------------------------------------------------- */

enum rc_status mem_access(struct rc_store *, const struct rc_access_change *, rc_us, struct rc_error *);
enum rc_status mem_tokens_used(struct rc_store *, const struct rc_token_use *, uint32_t, struct rc_error *);
enum rc_status mem_read_namespaces(struct rc_reader *, struct rc_arena *, struct rc_namespace **, uint32_t *,
                                   struct rc_error *);
enum rc_status mem_read_usage(struct rc_reader *, struct rc_sv ns, struct rc_usage *, struct rc_error *);
enum rc_status mem_read_tokens(struct rc_reader *, struct rc_arena *, struct rc_token **, uint32_t *,
                               struct rc_error *);
/* A new disk's namespace "default"; false: out of memory. */
bool mem_access_new(struct rc_memory_disk *);
void mem_access_free(struct rc_memory_disk *);
/* ---- audit.c -------------------------------------------------------------------------------------------------------- */

/* Entries on their way: made and chained behind what is there; then appended, which cannot fail. */
struct mem_audits {
    struct mem_audit **items;
    uint32_t n, cap;
};
RC_MUST
enum rc_status mem_audit_stage(struct rc_memory_disk *, struct mem_audits *, const struct rc_audit *,
                               rc_us now, struct rc_error *);
void mem_audit_publish(struct rc_memory_disk *, struct mem_audits *);
void mem_audit_take_back(struct mem_audits *);
enum rc_status mem_read_audit(struct rc_reader *, const struct rc_audit_page *, struct rc_arena *,
                              uint32_t cap, struct rc_audit_entry **, uint32_t *, struct rc_error *);

/* ---- purge.c -------------------------------------------------------------------------------------------------------- */

/* The newest purged command with this key; NULL. */
const struct rc_purged *mem_find_purged(const struct rc_memory_disk *, struct rc_h128 key);
const struct rc_purged *mem_purged_at(const struct rc_memory_disk *, uint64_t seq);
enum rc_status mem_purge(struct rc_store *, const struct rc_purge *, rc_us, uint32_t *, struct rc_error *);
enum rc_status mem_read_purged(struct rc_reader *, uint64_t seq, struct rc_purged *, struct rc_error *);
enum rc_status mem_read_purgeable(struct rc_reader *, const struct rc_purge_filter *, uint64_t after,
                                  struct rc_arena *, uint32_t cap, struct rc_purge_row **, uint32_t *,
                                  uint64_t *, struct rc_error *);

/* ---- hold.c --------------------------------------------------------------------------------------------------------- */

struct rc_origin mem_origin(const struct rc_store *);
struct rc_hold *mem_find_hold(struct rc_memory_disk *, uint64_t id); /* NULL: there is none */
RC_MUST enum rc_status mem_check_hold(struct rc_memory_disk *, const struct rc_hold *, struct rc_error *);
enum rc_status mem_hold(struct rc_store *, const struct rc_hold_write *, uint64_t *io_id, struct rc_error *);
enum rc_status mem_read_holds(struct rc_reader *, struct rc_arena *, struct rc_hold **, uint32_t *,
                              struct rc_error *);

/* ---- commit.c ------------------------------------------------------------------------------------------------------- */

/* Every write begins and ends with these. *ret_failure is the failure that a test has asked for: what the write answers then.
 * False: nothing of it happens. True, with the lock held: it happens, also where nobody is told. */
RC_MUST bool mem_begin(struct mem_store *, bool essential, enum rc_status *ret_failure, struct rc_error *);
void mem_end(struct mem_store *);
/* Copies a text to *at, which moves behind it. */
struct rc_sv mem_put_text(char **at, struct rc_sv);

enum rc_status mem_commit(struct rc_store *, const struct rc_batch *, struct rc_error *);
enum rc_status mem_define(struct rc_store *, struct rc_definition *, uint32_t, const struct rc_definition *,
                          uint32_t, const struct rc_author *, rc_us, struct rc_error *);
/* ---- bulk.c --------------------------------------------------------------------------------------------------------- */

void mem_bulks_free(struct mem_bulk *);
enum rc_status mem_bulk(struct rc_store *, const struct rc_bulk_write *, uint64_t *io_id, struct rc_error *);
enum rc_status mem_read_row(struct rc_reader *, uint64_t seq, struct rc_arena *, struct rc_row *,
                            struct rc_error *);
enum rc_status mem_read_bulk(struct rc_reader *, uint64_t id, struct rc_arena *, struct rc_bulk *,
                             struct rc_error *);
enum rc_status mem_read_bulk_key(struct rc_reader *, struct rc_sv ns, struct rc_sv key, uint64_t *ret_id,
                                 struct rc_error *);
enum rc_status mem_read_bulks(struct rc_reader *, struct rc_sv ns, uint32_t states, uint64_t before,
                              struct rc_arena *, uint32_t cap, struct rc_bulk **, uint32_t *ret_n,
                              struct rc_error *);
enum rc_status mem_read_bulk_items(struct rc_reader *, uint64_t id, uint32_t results, uint32_t after,
                                   struct rc_arena *, uint32_t cap, struct rc_bulk_item **, uint32_t *ret_n,
                                   struct rc_error *);
enum rc_status mem_read_bulk_events(struct rc_reader *, uint64_t id, uint32_t after, struct rc_arena *,
                                    uint32_t cap, struct rc_bulk_event **, uint32_t *ret_n,
                                    struct rc_error *);

/* ---- schedule.c ----------------------------------------------------------------------------------------------------- */

/* What can fail comes first. */
RC_MUST enum rc_status mem_schedules_stage(struct rc_memory_disk *, const struct rc_batch *,
                                           struct mem_audits *, struct rc_error *);
void mem_schedules_publish(struct rc_memory_disk *, const struct rc_batch *);
enum rc_status mem_read_schedules(struct rc_reader *, struct rc_arena *, struct rc_schedule **, uint32_t *,
                                  struct rc_error *);
