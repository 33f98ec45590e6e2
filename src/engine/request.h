#pragma once
/* What clients ask of the engine, and its answer. A request belongs to whoever made it, except between
 * rc_engine_post and the reply. */
#include "core/access.h"
#include "engine/work.h"
#include "exec/exec.h"
#include "store/store.h"

enum rc_request_kind {
    RC_REQUEST_SUBMIT,
    RC_REQUEST_ACT,
    RC_REQUEST_SCHEDULE,  /* an order to a schedule */
    RC_REQUEST_LEASE,     /* a worker asks for tasks: answered when there are some */
    RC_REQUEST_REPORT,    /* what came of them */
    RC_REQUEST_HEARTBEAT, /* it lives: nothing is stored */
    RC_REQUEST_SIGNAL,
    /* these commit by themselves */
    RC_REQUEST_DEFINE,
    RC_REQUEST_BULK,
    RC_REQUEST_ACCESS, /* a namespace or a token */
    RC_REQUEST_USED,   /* when tokens were used */
    RC_REQUEST_PURGE,
    RC_REQUEST_QUEUE,      /* queues are shown, or one is stopped */
    RC_REQUEST_SIGNAL_END, /* a signal that is kept is deleted */
    RC_REQUEST_COMPACT,
    RC_REQUEST_HOLD /* a hold is released */
};

enum rc_schedule_order { RC_SCHEDULE_PAUSE, RC_SCHEDULE_RESUME, RC_SCHEDULE_RUN };

/* What the answer says of a command; copied, so that it stays true when the command moves on. */
struct rc_outline {
    uint64_t seq, nonce;
    uint32_t rev;
    uint8_t state; /* enum rc_state */
    rc_us created, changed;
};

/* A definition that is to come into force, with its text parsed. The parsed form lives as long as the engine.
 */
struct rc_new_definition {
    struct rc_definition row;
    struct flow *flow;                  /* kind flow: id and version are filled in by the engine */
    struct flow_dependency *dependency; /* kind dependency: the same */
};

struct rc_request {
    struct rc_request *next; /* queue link of whoever holds it */
    enum rc_request_kind kind;
    /* where the inputs live. The engine keeps it (and sets this to NULL) where it makes a command of it, or where definitions come into
     * force; otherwise it stays with the request */
    struct rc_arena *arena;
    union {
        struct rc_identity submit; /* from rc_prepare_submit; seq and created are given by the engine */
        struct {
            uint64_t seq;
            uint32_t check; /* of the id: a wrong one is not found */
            struct rc_act act;
            /* edit, and retry of what was rolled back: from rc_prepare_successor; in `arena`, which becomes the
             * successor's. NULL otherwise */
            struct rc_identity *successor;
        } act;
        struct {
            enum rc_schedule_order order;
            struct rc_sv flow, id; /* its names; RC_NOT_FOUND */
            struct rc_sv key;      /* run: of the order; empty: none */
            struct rc_author by;
        } schedule; /* answer to a run: the command, and `replayed` where the order was carried out before */
        struct {
            struct rc_new_definition *added;
            struct rc_definition *removed; /* kind and name */
            uint32_t nadded, nremoved;
            struct rc_author by;
            bool dry; /* only whether they could be brought into force: nothing is stored */
        } define;
        struct {
            /* a new one: what was asked for, counts and items; the rest is filled in by the engine. NULL: an order to the bulk that `id`
             * and `check` name */
            struct rc_bulk *made;
            const struct rc_bulk_item *items; /* made->total */
            struct rc_bulk_order order;       /* made: subject, actor and reason only */
            uint64_t id;                      /* answer: of the bulk, also with RC_KEY_CONFLICT */
            uint64_t nonce;                   /* the same */
            uint32_t check;                   /* of its id: a wrong one is not found */
        } bulk;
        struct rc_lease_ask *lease; /* in `arena`, like those below */
        struct {
            struct rc_report_item *items; /* each has its own status */
            uint32_t n;
            struct rc_sv ns; /* the only one that is reported about; empty: any */
        } report;            /* and heartbeat */
        struct rc_queue_ask *queue;
        struct {
            uint64_t number;
            struct rc_sv ns; /* that it must be in; empty: any */
            struct rc_author by;
        } signal_end;
        struct {
            /* from rc_prepare_signal; number and at are given by the engine. Answer: `taken` */
            struct rc_signal signal;
        } signal;
        struct rc_access_change access;
        struct {
            const struct rc_token_use *uses;
            uint32_t n;
        } used;
        struct {
            const struct rc_purge_one *commands; /* up to RC_MAX_PURGE, each once */
            uint32_t n;
            struct rc_purge_filter filter; /* that found them */
            struct rc_author by;
            uint32_t purged; /* answer: how many; the others have changed since, or are not over */
        } purge;
        struct {
            uint64_t id;    /* of the window that was seen; RC_NOT_FOUND where it is not the one that holds */
            uint32_t check; /* of its id */
            rc_us watch;    /* how long repeats are pointed out; at most RC_MAX_WATCH_DAYS */
            struct rc_author by;
            struct rc_hold hold; /* answer: as it is after; RC_BUSY where it is still being looked through */
        } hold;
    } u;
    const struct rc_subject
        *who;       /* who asks; until the reply. NULL: the program itself, which may everything */
    uint32_t bytes; /* submit: of its text as it was sent, for the quota; a successor: of its payload */
    void *owner;    /* the client's; the engine does not look at it */
    struct rc_wave_item *item; /* the engine's own: NULL from clients */

    /* answer: error is set where status is not RC_OK */
    enum rc_status status;
    bool replayed;             /* submit, bulk: it was there already; act: the action was done already;
                                * hold: it was released already; pause and resume of a schedule: it was as
                                * it is to be */
    struct rc_outline command; /* submit, act: also with RC_KEY_CONFLICT: the first command, and RC_LANE_FULL:
                                * the oldest that holds a place */
    struct rc_link successor;  /* act: what has taken the command's place; seq 0: nothing */
    uint32_t retry_after;      /* seconds, with RC_QUOTA and RC_RATE where time helps; else 0 */
    struct rc_error error;
};
