#pragma once
/* A bulk: one action for many commands. Its membership is frozen when it is made; nothing is done before a person who has
 * seen the preview says run. Then it goes through its items in their order, wave by wave, each item through the same code
 * as a single action. Pure: who asks and what time it is arrives in the order.
 *
 * What is done to an item says nothing of what comes of it: the result "done" means that the action is on record. */
#include "core/message.h"

struct rc_bulk_item {
    uint32_t n;   /* from 1, the order in which they are acted on */
    uint64_t seq; /* the command */
    uint64_t nonce;
    uint32_t rev;        /* as it was at the preview */
    uint8_t state;       /* enum rc_state; the same */
    bool allowed;        /* the same: the action was allowed */
    struct rc_sv why;    /* why not; empty where allowed */
    struct rc_sv undoes; /* roll_back: a JSON array of the steps whose undo would run; else empty */
    uint8_t result;      /* enum rc_item_result */
    struct rc_sv fault;  /* why refused, stale or failed, in words */
    rc_us acted;         /* when it got its result; 0: it has none */
};

struct rc_bulk {
    uint64_t id; /* dense, from 1; given by the store */
    uint64_t nonce;
    uint32_t rev;  /* changes of its state, from 1; a wave is none */
    uint8_t state; /* enum rc_bulk_state */
    struct rc_sv ns;
    struct rc_sv key;     /* idempotency key of whoever made it */
    struct rc_h128 asked; /* hash of what was asked for: the same key with another one is a conflict */
    struct rc_act act;    /* done to each item; subject and actor: who made it, then who runs it */
    struct rc_sv from;    /* JSON: the filter, or null for an explicit list */
    uint32_t limit;
    bool more; /* the filter may match more than was taken */
    rc_us created, expires, changed;
    uint32_t total, allowed; /* items; those that the preview shows as allowed */
    /* how it runs */
    uint32_t rate;        /* items per second, at most */
    uint8_t stop_percent; /* it stops by itself when more than this share of a wave goes wrong */
    bool even_if_changed;
    uint32_t wave; /* waves since it was started or resumed */
    uint32_t next; /* items up to this one have a result */
    uint32_t count[RC_ITEM_RESULTS];
};

/* One change of its state, as it stays on record. */
struct rc_bulk_event {
    uint32_t rev;
    uint8_t state;
    rc_us at;
    struct rc_sv subject, actor; /* empty: by itself */
    struct rc_sv reason;
};

/* What a person orders. */
struct rc_bulk_order {
    uint8_t to;            /* enum rc_bulk_state */
    bool first;            /* run: only from the preview; else, to go on, only from where it was halted */
    uint32_t expected_rev; /* If-Match; 0: any */
    struct rc_sv subject, actor, reason;
    uint32_t rate; /* 0: as it was */
    uint8_t stop_percent;
    bool set_stop, even_if_changed; /* even_if_changed: run only */
};

/* An item's idempotency key is this, the id of the bulk, a slash and its number. Nobody else may use such keys. */
#define RC_BULK_KEY "bulk/"

enum { RC_BULK_RATE = 5, RC_BULK_STOP_PERCENT = 20 }; /* where nobody says */

/* The bulk after the order, and the event. RC_STALE, RC_REFUSED. Borrows from both. */
RC_MUST enum rc_status rc_bulk_obey(const struct rc_bulk *, const struct rc_bulk_order *, rc_us now,
                                    struct rc_bulk *ret, struct rc_bulk_event *ret_event, struct rc_error *);

/* How many items the next wave has. */
uint32_t rc_bulk_wave(const struct rc_bulk *);

/* The bulk after a wave whose n items have all got results. *ret_changed: it has changed its state, which is the event. Texts of
 * the event are in the arena. RC_NOMEM, RC_LIMIT. */
RC_MUST enum rc_status rc_bulk_advance(const struct rc_bulk *, const struct rc_bulk_item *, uint32_t n,
                                       rc_us now, struct rc_arena *, struct rc_bulk *ret, bool *ret_changed,
                                       struct rc_bulk_event *ret_event, struct rc_error *);

/* Whether an action can be done to many at once; NULL, or why not. */
const char *rc_bulk_why_not(const struct rc_act *);
struct rc_out;
/* What doing this would come to now, without doing it: the same code, and nothing is applied. RC_OK, or what the action would be
 * refused with. A child that would be asked (ret->message) may still refuse. */
RC_MUST enum rc_status rc_command_would(const struct rc_command *, const struct rc_act *,
                                        const struct flow_set *, rc_us now, struct rc_arena *,
                                        struct rc_out *ret, struct rc_error *);
