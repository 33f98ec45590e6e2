#pragma once
/* Orders of people that are about no command: a queue of workers is stopped or goes on, a signal that is kept is deleted. Part of the contract
 * of store.h, which includes it. Each is one durable commit by itself, with its entry in the audit. */
#include "store/audit.h"

struct rc_reader;
struct rc_store;

/* Stored. */
enum rc_queue_state { RC_QUEUE_OPEN, RC_QUEUE_PAUSED, RC_QUEUE_DRAINING, RC_QUEUE_STATES };

/* A queue that a person has stopped; one that is not among them is open. */
struct rc_stopped {
    struct rc_sv queue;
    uint8_t state; /* enum rc_queue_state */
    rc_us since;
    struct rc_author by;
};

enum rc_order_kind { RC_ORDER_QUEUE, RC_ORDER_SIGNAL };
struct rc_order {
    enum rc_order_kind kind;
    struct rc_sv queue; /* RC_ORDER_QUEUE */
    uint8_t state;      /* what it becomes */
    uint64_t signal;    /* RC_ORDER_SIGNAL: its number, */
    struct rc_sv ns;    /* and the namespace that it must be in; empty: any */
    struct rc_author by;
};

/* Statuses as rc_store_commit; essential. And where nothing happens: RC_NOT_FOUND (no such signal is kept), RC_LIMIT (RC_MAX_STOPPED queues
 * are stopped). What is so already is RC_OK, with an entry, too: a person has said so, and why. */
RC_MUST enum rc_status rc_store_order(struct rc_store *, const struct rc_order *, rc_us now,
                                      struct rc_error *);
/* All that are stopped, by name. */
RC_MUST enum rc_status rc_read_stopped(struct rc_reader *, struct rc_arena *, struct rc_stopped **ret,
                                       uint32_t *ret_n, struct rc_error *);
