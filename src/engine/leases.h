#pragma once
/* Remote workers, as the engine sees them (internal to engine/; engine/work.h is what they ask): lines of steps, who asks, what is leased, which
 * queues are stopped. */
#include "base/limits.h"
#include "base/map.h"
#include "engine/hot.h"

struct rc_lease {
    uint64_t key; /* rc_attempt_key */
    uint64_t seq, nonce;
    uint32_t node, at; /* at: in the heap */
    uint16_t attempt;
    uint8_t purpose;
    struct rc_h128 secret;
    rc_us since, span, deadline, most; /* most: the step's timeout; no heartbeat goes beyond it */
    struct rc_name ns, queue, worker;
    char progress[RC_MAX_PROGRESS];
    uint32_t progress_n;
};
struct rc_leases {
    struct rc_map by_key;
    struct rc_lease **heap; /* by deadline */
    uint32_t n, cap;
    struct rc_map late; /* attempts of which a late report is on record */
};
struct rc_asked {
    struct rc_name capability; /* empty: whoever asked */
    rc_us at;
};
struct rc_queue {
    struct rc_name name;
    uint8_t state; /* enum rc_queue_state; stored where it is not open, with what follows */
    rc_us since;
    char by[RC_MAX_ACTOR], reason[RC_MAX_REASON];
    uint32_t by_n, reason_n;
    struct rc_asked asked[RC_MAX_CAPABILITIES];
    uint32_t nasked;
};
struct rc_grant { /* an effect of the turn, and for whom */
    struct rc_request *request;
    uint32_t effect;
};

/* ---- work.c: who waits, and is given to */

void rc_line_learn(struct rc_door *, const struct rc_command *, uint32_t at);
RC_MUST enum rc_status rc_line_find_out(struct rc_engine *, struct rc_door *, struct rc_error *);
/* The queue in which it is found now; empty: its dependency is not one of workers any more. */
struct rc_sv rc_line_queue(const struct rc_engine *, const struct rc_line *);
/* Whether who asks like this can do what waits there. */
bool rc_work_can(const struct rc_lease_ask *, const struct rc_line *, struct rc_sv queue);
/* The request waits from now on, unless its status says otherwise. */
void rc_work_ask(struct rc_engine *, struct rc_request *);
RC_MUST enum rc_status rc_work_give(struct rc_engine *, struct rc_error *);
/* After the commit, or instead of it. `all`: nobody goes on waiting. */
void rc_work_reply(struct rc_engine *, bool all);
rc_us rc_work_sleep(const struct rc_engine *); /* UINT64_MAX: nothing will become due */
void rc_work_forget(struct rc_engine *);
/* The task of an effect, in the start's arena; NULL: nobody has pulled it. */
RC_MUST enum rc_status rc_task_make(struct rc_engine *, uint32_t effect, const struct rc_start *,
                                    struct rc_task **ret);
/* It is leased from now on. False: it has not left. */
RC_MUST bool rc_task_leave(struct rc_engine *, struct rc_task *);

/* ---- lease.c */

struct rc_h128 rc_lease_secret(const struct rc_engine *, const struct rc_command *, uint32_t node,
                               uint16_t attempt);
struct rc_lease *rc_lease_find(struct rc_engine *, uint64_t key);
RC_MUST enum rc_status rc_lease_add(struct rc_engine *, const struct rc_lease *); /* a copy */
void rc_lease_extend(struct rc_engine *, struct rc_lease *, rc_us span);          /* span 0: as it was */
void rc_lease_end(struct rc_engine *, uint64_t key);
void rc_leases_expire(struct rc_engine *);
rc_us rc_leases_sleep(const struct rc_engine *);
void rc_leases_forget(struct rc_engine *);
/* An attempt that is out when the process begins. RC_NOMEM. */
RC_MUST enum rc_status rc_lease_take_over(struct rc_engine *, const struct rc_command *, uint32_t at);

/* ---- report.c */

void rc_request_report(struct rc_engine *, struct rc_request *);
void rc_request_heartbeat(struct rc_engine *, struct rc_request *);
void rc_reports_done(struct rc_engine *);
void rc_reports_drop(struct rc_engine *); /* of a turn that was not committed */

/* ---- queue.c */

uint8_t rc_queue_state(const struct rc_engine *, struct rc_sv name);
void rc_queues_asked(struct rc_engine *, const struct rc_lease_ask *);
bool rc_queues_drain(const struct rc_engine *, const struct rc_lease_ask *);  /* all that it asks */
void rc_request_queue(struct rc_engine *, struct rc_request *);               /* an order commits by itself */
RC_MUST enum rc_status rc_queues_read(struct rc_engine *, struct rc_error *); /* which are stopped */
