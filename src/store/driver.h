#pragma once
/* What an implementation of store.h gives. store.c holds the public functions: it checks arguments and the poison, and
 * then calls the driver; so the two implementations cannot differ in that.
 *
 * A driver's own handles begin with these structs. It never looks at `poisoned`; it only answers RC_COMMIT_UNKNOWN. */
#include "base/limits.h"
#include "store/store.h"

#include <stdatomic.h>

struct rc_driver {
    enum rc_status (*commit)(struct rc_store *, const struct rc_batch *, struct rc_error *);
    enum rc_status (*room)(struct rc_store *, struct rc_error *);
    void (*follow_up)(struct rc_store *);
    enum rc_status (*idle)(struct rc_store *, struct rc_error *);
    enum rc_status (*define)(struct rc_store *, struct rc_definition *added, uint32_t nadded,
                             const struct rc_definition *removed, uint32_t nremoved, const struct rc_author *,
                             rc_us now, struct rc_error *);
    enum rc_status (*access)(struct rc_store *, const struct rc_access_change *, rc_us now,
                             struct rc_error *);
    enum rc_status (*tokens_used)(struct rc_store *, const struct rc_token_use *, uint32_t n,
                                  struct rc_error *);
    enum rc_status (*bulk)(struct rc_store *, const struct rc_bulk_write *, uint64_t *io_id,
                           struct rc_error *);
    enum rc_status (*order)(struct rc_store *, const struct rc_order *, rc_us now, struct rc_error *);
    struct rc_origin (*origin)(const struct rc_store *);
    enum rc_status (*hold)(struct rc_store *, const struct rc_hold_write *, uint64_t *io_id,
                           struct rc_error *);
    enum rc_status (*purge)(struct rc_store *, const struct rc_purge *, rc_us now, uint32_t *ret_n,
                            struct rc_error *);
    enum rc_status (*compact)(struct rc_store *, struct rc_error *);
    enum rc_status (*reader_open)(struct rc_store *, struct rc_reader **ret, struct rc_error *);
    void (*reader_close)(struct rc_reader *);
    void (*close)(struct rc_store *);

    enum rc_status (*key)(struct rc_reader *, struct rc_sv ns, struct rc_sv type, struct rc_sv key,
                          struct rc_key_match *ret, struct rc_error *);
    enum rc_status (*history)(struct rc_reader *, uint64_t seq, uint32_t after_rev, uint32_t cap,
                              struct rc_arena *, struct rc_identity *ret_identity,
                              struct rc_record **ret_records, uint32_t *ret_n, struct rc_error *);
    enum rc_status (*work)(struct rc_reader *, uint8_t phase, uint64_t gate, const struct rc_work *after,
                           rc_us up_to, struct rc_work *ret_rows, uint32_t cap, uint32_t *ret_n,
                           struct rc_error *);
    enum rc_status (*work_count)(struct rc_reader *, uint8_t phase, uint64_t *ret, struct rc_error *);
    enum rc_status (*gates)(struct rc_reader *, uint8_t phase, uint64_t after, uint64_t *ret_gates,
                            uint32_t cap, uint32_t *ret_n, struct rc_error *);
    enum rc_status (*in_flight)(struct rc_reader *, uint64_t after, uint64_t *ret_seqs, uint32_t cap,
                                uint32_t *ret_n, struct rc_error *);
    enum rc_status (*list)(struct rc_reader *, const struct rc_filter *, struct rc_arena *, uint32_t cap,
                           struct rc_row **ret_rows, uint32_t *ret_n, uint64_t *ret_next, struct rc_error *);
    enum rc_status (*purged)(struct rc_reader *, uint64_t seq, struct rc_purged *ret, struct rc_error *);
    enum rc_status (*purgeable)(struct rc_reader *, const struct rc_purge_filter *, uint64_t after,
                                struct rc_arena *, uint32_t cap, struct rc_purge_row **ret, uint32_t *ret_n,
                                uint64_t *ret_next, struct rc_error *);
    enum rc_status (*audit)(struct rc_reader *, const struct rc_audit_page *, struct rc_arena *, uint32_t cap,
                            struct rc_audit_entry **ret, uint32_t *ret_n, struct rc_error *);
    enum rc_status (*row)(struct rc_reader *, uint64_t seq, struct rc_arena *, struct rc_row *ret,
                          struct rc_error *);
    enum rc_status (*changes)(struct rc_reader *, uint64_t after, struct rc_arena *, uint32_t cap,
                              struct rc_news **ret, uint32_t *ret_n, struct rc_error *);
    enum rc_status (*counts)(struct rc_reader *, uint64_t ret_counts[RC_STATES], struct rc_error *);
    enum rc_status (*definitions)(struct rc_reader *, struct rc_arena *, struct rc_definition **ret,
                                  uint32_t *ret_n, struct rc_error *);
    enum rc_status (*namespaces)(struct rc_reader *, struct rc_arena *, struct rc_namespace **ret,
                                 uint32_t *ret_n, struct rc_error *);
    enum rc_status (*usage)(struct rc_reader *, struct rc_sv ns, struct rc_usage *ret, struct rc_error *);
    enum rc_status (*tokens)(struct rc_reader *, struct rc_arena *, struct rc_token **ret, uint32_t *ret_n,
                             struct rc_error *);
    enum rc_status (*versions)(struct rc_reader *, enum rc_def_kind, struct rc_sv name, uint32_t before,
                               struct rc_arena *, uint32_t cap, struct rc_version **ret, uint32_t *ret_n,
                               struct rc_error *);
    enum rc_status (*definition)(struct rc_reader *, uint64_t id, struct rc_arena *,
                                 struct rc_definition *ret, struct rc_error *);
    enum rc_status (*schedules)(struct rc_reader *, struct rc_arena *, struct rc_schedule **ret,
                                uint32_t *ret_n, struct rc_error *);
    enum rc_status (*high)(struct rc_reader *, struct rc_high *ret, struct rc_error *);
    enum rc_status (*holds)(struct rc_reader *, struct rc_arena *, struct rc_hold **ret, uint32_t *ret_n,
                            struct rc_error *);
    enum rc_status (*bulk_at)(struct rc_reader *, uint64_t id, struct rc_arena *, struct rc_bulk *ret,
                              struct rc_error *);
    enum rc_status (*bulk_key)(struct rc_reader *, struct rc_sv ns, struct rc_sv key, uint64_t *ret_id,
                               struct rc_error *);
    enum rc_status (*bulks)(struct rc_reader *, struct rc_sv ns, uint32_t states, uint64_t before,
                            struct rc_arena *, uint32_t cap, struct rc_bulk **ret, uint32_t *ret_n,
                            struct rc_error *);
    enum rc_status (*bulk_items)(struct rc_reader *, uint64_t id, uint32_t results, uint32_t after,
                                 struct rc_arena *, uint32_t cap, struct rc_bulk_item **ret, uint32_t *ret_n,
                                 struct rc_error *);
    enum rc_status (*bulk_events)(struct rc_reader *, uint64_t id, uint32_t after, struct rc_arena *,
                                  uint32_t cap, struct rc_bulk_event **ret, uint32_t *ret_n,
                                  struct rc_error *);
    enum rc_status (*signal_key)(struct rc_reader *, struct rc_sv ns, struct rc_sv key, rc_us since,
                                 struct rc_arena *, struct rc_signal *ret, struct rc_error *);
    enum rc_status (*signals)(struct rc_reader *, uint64_t mailbox, rc_us since, uint64_t after,
                              struct rc_arena *, uint32_t cap, struct rc_signal **ret, uint32_t *ret_n,
                              struct rc_error *);
    enum rc_status (*signal_last)(struct rc_reader *, uint64_t *ret, struct rc_error *);
    enum rc_status (*signals_kept)(struct rc_reader *, struct rc_sv ns, rc_us since, uint32_t most,
                                   uint32_t *ret, struct rc_error *);
    enum rc_status (*stopped)(struct rc_reader *, struct rc_arena *, struct rc_stopped **ret, uint32_t *ret_n,
                              struct rc_error *);
};

struct rc_reader {
    const struct rc_driver *driver;
    struct rc_store *store;
    bool (*enough)(void *context); /* rc_reader_watch */
    void *context;
    bool over; /* it said so: no read goes on, but what ends one may */
};

struct rc_store {
    const struct rc_driver *driver;
    struct rc_reader *self;
    bool more;            /* rc_store_has_more */
    atomic_bool poisoned; /* a commit's result is not known; readers on other threads look at it too */
};

/* RC_OVERTIME where who watches it has had enough; else as rc_store_usable. */
RC_MUST enum rc_status rc_reader_usable(struct rc_reader *, struct rc_error *);
/* Whether the read that runs must end. For implementations: to be asked now and then while they read. */
RC_MUST bool rc_reader_is_over(struct rc_reader *);
/* RC_IO where the handle is poisoned. */
RC_MUST enum rc_status rc_store_usable(const struct rc_store *, struct rc_error *);
/* Poisons the handle where the result of a commit is not known. */
RC_MUST enum rc_status rc_store_settle(struct rc_store *, enum rc_status);

/* Bits 1 << enum rc_state of the states in which a command has ended. */
uint32_t rc_store_ended_states(void);

/* Position of a work row: phase, gate, order, seq, node, in this order. */
int rc_work_cmp(const struct rc_work *, const struct rc_work *);
/* Whether a phase has rows of work. */
bool rc_work_phase(uint8_t phase);

/* ---- what both implementations keep as text (stored.c) --------------------------------------------------------------- */

/* What a record did to its command: fills action and state. Temporary values go into the arena. */
RC_MUST
enum rc_status rc_store_news(const struct rc_stored *, struct rc_arena *, struct rc_news *,
                             struct rc_error *);
/* Refs as text; empty where there are none. */
RC_MUST
enum rc_status rc_store_encode_refs(struct cel_value refs, struct rc_arena *, struct rc_sv *ret,
                                    struct rc_error *);
RC_MUST
enum rc_status rc_store_decode_refs(struct rc_sv text, struct rc_arena *, struct cel_value *ret,
                                    struct rc_error *);
/* Whether a person has ordered it; what it did by itself has no entry in the audit. */
bool rc_bulk_by_person(const struct rc_bulk_write *);
/* The entry of what a person has done with a bulk. */
RC_MUST
enum rc_status rc_audit_of_bulk(const struct rc_bulk_write *, struct rc_arena *, struct rc_audit *ret,
                                struct rc_error *);
/* The entry of a hold that begins or is released (hold.c). */
RC_MUST
enum rc_status rc_audit_of_hold(const struct rc_hold_write *, struct rc_arena *, struct rc_audit *ret,
                                struct rc_error *);
/* The action of a bulk (bulk.c). */
RC_MUST enum rc_status rc_store_encode_act(const struct rc_act *, struct rc_arena *, struct rc_sv *ret,
                                           struct rc_error *);
RC_MUST enum rc_status rc_store_decode_act(struct rc_sv text, struct rc_arena *, struct rc_act *ret,
                                           struct rc_error *);
/* Whether the refs have this one. */
bool rc_store_has_ref(struct cel_value refs, struct rc_sv name, struct rc_sv value);

/* Signals (signal.c): the number by which a key is found; the payload as text, empty once it is taken. */
uint64_t rc_signal_key_id(struct rc_sv ns, struct rc_sv key);
RC_MUST enum rc_status rc_store_encode_signal(const struct rc_signal *, struct rc_arena *, struct rc_sv *ret,
                                              struct rc_error *);
RC_MUST enum rc_status rc_store_decode_signal(struct rc_sv text, struct rc_arena *, struct cel_value *ret,
                                              struct rc_error *);
bool rc_store_sound_signals(const struct rc_signals *);

/* ---- the audit (audit.c) --------------------------------------------------------------------------------------------- */

/* The entry of a record whose cause is an action; the body as it is stored. */
struct rc_audit rc_audit_of_action(const struct rc_record *, struct rc_sv body);
/* The entry of a definition that comes into force or leaves it (RC_DEED_REMOVE); its data is in the arena. */
RC_MUST
enum rc_status rc_audit_of_definition(const struct rc_definition *, enum rc_deed, const struct rc_author *,
                                      struct rc_arena *, struct rc_audit *ret, struct rc_error *);
/* The entry of a change of namespaces or tokens; its data is in the arena. (access.c) */
RC_MUST
enum rc_status rc_audit_of_access(const struct rc_access_change *, struct rc_arena *, struct rc_audit *ret,
                                  struct rc_error *);
/* The entry of an order; `signal`: the one that is deleted, or NULL. (order.c) */
RC_MUST
enum rc_status rc_audit_of_order(const struct rc_order *, const struct rc_signal *signal, struct rc_arena *,
                                 struct rc_audit *ret, struct rc_error *);
/* Why an order cannot be carried out. (order.c) */
enum rc_status rc_order_full(struct rc_error *);
enum rc_status rc_order_no_signal(struct rc_error *);
/* The entry of what a person has done with a schedule. */
RC_MUST
enum rc_status rc_audit_of_schedule(const struct rc_schedule_write *, struct rc_arena *, struct rc_audit *ret,
                                    struct rc_error *);
/* The entry of a purge of so many commands, from the first to the last. */
RC_MUST
enum rc_status rc_audit_of_purge(const struct rc_purge *, uint32_t n, uint64_t first, uint64_t last,
                                 struct rc_arena *, struct rc_audit *ret, struct rc_error *);
/* A new link of the chain behind `previous` (RC_AUDIT_HASH bytes; NULL: the first). Borrows the data. RC_IO where the kernel
 * gives no random numbers. */
RC_MUST
enum rc_status rc_audit_link(const struct rc_audit *, uint64_t number, rc_us now,
                             const unsigned char *previous, struct rc_audit_entry *ret, struct rc_error *);
