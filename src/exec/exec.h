#pragma once
/* Executors: what performs an attempt that has been committed. They push (http, later program); a remote
 * worker pulls and is none.
 *
 * Exactly one answer follows every start that was accepted, also when the executor is closed (then: sent, why
 * crash). Answers come on a thread of the executor's; order is not promised. */
#include "core/change.h"

struct rc_exec; /* one kind of executor, running */

/* An effect with the arena in which its parts live. The executor owns both from a successful start on and
 * frees the arena. */
struct rc_start {
    struct rc_arena *arena;
    struct rc_effect effect;
};

/* One ended attempt; it lives in its own arena, which the receiver frees. */
struct rc_answer {
    struct rc_arena *arena;
    struct rc_addr of;
    uint32_t node;
    uint16_t attempt;
    uint8_t purpose;
    struct rc_result result;
};

typedef void
rc_answer_fn(void *context,
             struct rc_answer *); /* takes ownership of the answer's arena; must not block long */

/* Never refuses for room: the gate gave the place. RC_NOMEM, RC_STOPPING: nothing has left, no answer will
 * follow, the caller keeps the arena. Any thread. */
RC_MUST enum rc_status rc_exec_start(struct rc_exec *, const struct rc_start *);
/* Ends everything in flight (each is answered) and frees it. */
void rc_exec_close(struct rc_exec *);

/* The text of a secret for the sender, copied into the arena; RC_NOT_FOUND. Called on the executor's thread.
 */
typedef enum rc_status rc_secret_fn(void *context, struct rc_sv name, struct rc_arena *,
                                    struct rc_sv *ret_text, struct rc_error *);

struct rc_http_options {
    rc_answer_fn *answer;
    void *answer_context;
    rc_secret_fn *secret; /* NULL: there are no secrets */
    void *secret_context;
    uint32_t max_connections; /* 0: 256 */
    const char
        *resolve_test; /* tests only: "host:port:address[,address]" as CURLOPT_RESOLVE; NULL in production */
    const char *ca_file; /* NULL: the system's */
};
RC_MUST enum rc_status rc_http_open(const struct rc_http_options *, struct rc_exec **ret, struct rc_error *);
