#pragma once
/* What remote workers ask of the engine. A worker pulls: its question is a credit for the lines of steps that it can do, and what is leased
 * to it is an attempt like any other, on record before the answer leaves.
 *
 * A lease lives for as long as its dependency says, and is extended by heartbeats, at most until the step's timeout. Its deadline is held in
 * memory: after a restart every attempt that is out has a whole lease again, so that a worker which lives is not taken for dead. A lease that
 * runs out is a fact: the outcome is unknown. A report with the name of an attempt that is over is refused, and recorded once. */
#include "base/hash.h"
#include "base/id.h"
#include "core/message.h"
#include "exec/exec.h"

#include <stdatomic.h>
#include "store/store.h"

/* Names an attempt to those who may report on it. Nobody can make it up without having got it: it holds a hash of the command's nonce. */
struct rc_lease_name {
    struct rc_id command;
    uint32_t node;
    uint16_t attempt;
    struct rc_h128 secret;
};
enum { RC_LEASE_TEXT = RC_ID_TEXT + 1 + 5 + 1 + 5 + 1 + 32 };
/* "ID.NODE.ATTEMPT.SECRET", terminated. */
void rc_lease_format(const struct rc_lease_name *, char ret_text[RC_LEASE_TEXT + 1]);
RC_MUST bool rc_lease_parse(struct rc_sv, struct rc_lease_name *ret);

/* A step that has been leased. Lives in its own arena, which whoever gets it frees. */
struct rc_task {
    struct rc_task *next;
    struct rc_arena *arena;
    struct rc_request *asked; /* the engine's: for whom */
    struct rc_lease_name lease;
    struct rc_sv queue, dependency, ns, type, key, step, capability;
    uint8_t purpose;
    uint64_t nonce;
    struct rc_h128 idempotency_key;
    struct cel_value request; /* {task, input?} */
    rc_us span, deadline;     /* of the lease; the deadline on the wall clock's scale of engine time */
};
void rc_tasks_free(struct rc_task *);

struct rc_lease_ask {
    const struct rc_sv *queues, *capabilities;
    uint32_t nqueues, ncapabilities;
    uint32_t max;        /* tasks at a time */
    rc_us wait;          /* for the first one */
    struct rc_sv worker; /* how it calls itself; may be empty */
    struct rc_sv ns;     /* empty: of all, in turn */
    _Atomic bool gone;   /* any thread: nobody waits for the answer any more */
    /* the engine's */
    rc_us until;
    uint32_t granted;
    /* answer */
    struct rc_task *tasks, **last;
    uint32_t ntasks;
    bool draining; /* one of its queues, or the server: it gets nothing more there */
};

/* One report or heartbeat. */
struct rc_report_item {
    struct rc_lease_name lease;
    const struct rc_result *result; /* report */
    struct rc_sv progress;          /* heartbeat: in words; empty: as it was */
    rc_us span;                     /* heartbeat: how long it may be silent from now on; 0: as it was */
    bool refused;                   /* it was refused before it came here: `status` and `error` say why */
    /* answer */
    enum rc_status status;
    struct rc_error *error;
    rc_us deadline;
    uint64_t seq, nonce; /* of the command, where the name was right */
};
struct rc_report_ask {
    struct rc_report_item *items;
    uint32_t n;
};

/* ---- queues ----------------------------------------------------------------------------------------------------------- */

const char *rc_queue_word(unsigned);

struct rc_queue_line { /* steps that wait for the same */
    struct rc_sv dependency, ns, capability;
    uint64_t waiting; /* at least so many where `more` is set */
    bool more;
    rc_us oldest;     /* when the command of the first one was made */
    const char *why;  /* one sentence, static: why nothing of it is under way; NULL: it is */
    rc_us last_asked; /* when a worker last asked that could do it; 0: none since the start */
};
struct rc_queue_row {
    struct rc_sv name;
    uint8_t state; /* enum rc_queue_state */
    /* where it is not open: since when, who has said so and why */
    rc_us since;
    struct rc_sv by, reason;
    uint32_t leased, asking;
    struct rc_queue_line *lines;
    uint32_t nlines;
};
struct rc_queue_lease {
    struct rc_sv queue, worker, progress, ns;
    uint64_t seq, nonce;
    uint32_t node;
    uint16_t attempt;
    rc_us since, deadline;
};
struct rc_queue_ask {
    struct rc_sv name;       /* empty: all are shown */
    uint8_t state;           /* what it becomes; RC_QUEUE_STATES: it is only shown */
    struct rc_author author; /* of an order */
    /* answer, in the request's arena */
    struct rc_queue_row *rows;
    uint32_t nrows;
    struct rc_queue_lease *leases; /* of the one that is named, at most RC_MAX_SHOWN_LEASES */
    uint32_t nleases;
};
