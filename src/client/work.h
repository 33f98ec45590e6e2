#pragma once
/* A worker's calls: leasing, keeping and reporting (docs/workers.md). Everything lives in the arena. Statuses as of rc_client_do. */
#include "client/client.h"

struct rc_client_ask {
    const char *const *queues, *const *capabilities;
    uint32_t nqueues, ncapabilities;
    const char *worker; /* how it calls itself; may be NULL */
    uint32_t max;       /* tasks at a time */
    uint32_t wait_s;    /* for the first one, up to 60 */
};
struct rc_client_task {
    struct rc_sv lease; /* for reports and heartbeats */
    struct rc_sv task, purpose, idempotency_key, command, ns, key, step;
    struct cel_value input;
    uint32_t attempt, lease_ms;
};
struct rc_client_tasks {
    struct rc_client_task *item;
    uint32_t n;
    bool draining; /* there will be nothing: end, or ask later */
};
RC_MUST
enum rc_status rc_client_lease(struct rc_client *, const struct rc_client_ask *, struct rc_arena *,
                               struct rc_client_tasks *ret, struct rc_error *);

struct rc_client_report {
    struct rc_sv lease;
    const char *outcome;     /* "succeeded", "rejected", "failed", "unknown", "released" */
    struct cel_value output; /* null: none */
    struct rc_sv error;      /* in words; may be empty */
    uint32_t retry_after_s;  /* of "failed"; 0: as the flow says */
    int status;              /* answer: HTTP; 200 where it was accepted */
};
/* RC_OK also where single ones of several were refused: their `status` says so. A single one that is refused gives its own status,
 * RC_LEASE_LOST among them. */
RC_MUST
enum rc_status rc_client_report(struct rc_client *, struct rc_client_report *, uint32_t n, struct rc_arena *,
                                struct rc_error *);
/* RC_LEASE_LOST where there is one lease, and it is over. */
RC_MUST
enum rc_status rc_client_heartbeat(struct rc_client *, const struct rc_sv *leases, uint32_t n,
                                   struct rc_arena *, struct rc_error *);
