#pragma once
/* Bulks in the store: a part of the contract of store.h, with its rules on commits, readers and ownership. */
#include "core/bulk.h"

struct rc_store;
struct rc_reader;

/* What becomes durable together. */
struct rc_bulk_write {
    const struct rc_bulk *bulk; /* as it is after */
    bool made; /* it is new: its id is given by the store; its key must be free: the engine has asked */
    /* made: all of them, n from 1 without gaps; else those whose result is new */
    const struct rc_bulk_item *items;
    uint32_t nitems;
    const struct rc_bulk_event *event; /* the change of its state; NULL: there was none */
    rc_us forget_before; /* made: previews that expired before this go, a few at a time; 0: none */
};

/* In one durable commit, with an entry of the audit where a person has ordered it (the event has an actor). Essential, but for a new
 * one. Statuses as rc_store_commit; RC_BUG where what is written contradicts what is stored: the
 * key is taken, the bulk or an item is not there. *ret_id (may be NULL): the bulk's number. */
RC_MUST enum rc_status rc_store_bulk(struct rc_store *, const struct rc_bulk_write *, uint64_t *ret_id,
                                     struct rc_error *);

/* RC_NOT_FOUND. Texts in the arena. */
RC_MUST enum rc_status rc_read_bulk(struct rc_reader *, uint64_t id, struct rc_arena *, struct rc_bulk *ret,
                                    struct rc_error *);
/* The bulk with this key; RC_NOT_FOUND. */
RC_MUST enum rc_status rc_read_bulk_key(struct rc_reader *, struct rc_sv ns, struct rc_sv key,
                                        uint64_t *ret_id, struct rc_error *);
/* Newest first, with id < before (0: from the newest), in this namespace (empty: any), in one of these states (bits 1 << enum
 * rc_bulk_state; 0: any). */
RC_MUST enum rc_status rc_read_bulks(struct rc_reader *, struct rc_sv ns, uint32_t states, uint64_t before,
                                     struct rc_arena *, uint32_t cap, struct rc_bulk **ret, uint32_t *ret_n,
                                     struct rc_error *);
/* Items with n > after and one of these results (bits 1 << enum rc_item_result; 0: any), ascending. */
RC_MUST enum rc_status rc_read_bulk_items(struct rc_reader *, uint64_t id, uint32_t results, uint32_t after,
                                          struct rc_arena *, uint32_t cap, struct rc_bulk_item **ret,
                                          uint32_t *ret_n, struct rc_error *);
/* Changes of its state with rev > after, ascending. */
RC_MUST enum rc_status rc_read_bulk_events(struct rc_reader *, uint64_t id, uint32_t after, struct rc_arena *,
                                           uint32_t cap, struct rc_bulk_event **ret, uint32_t *ret_n,
                                           struct rc_error *);
