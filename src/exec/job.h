#pragma once
/* What every executor needs around its own work: accepted starts, lists of them, and the inbox in front of its thread. Private to
 * exec/. */
#include "exec/exec.h"

#include <pthread.h>

/* An accepted start on its way through the executor. It lives in the answer's arena, so that every start has
 * from its acceptance on what it takes to answer it. */
struct exec_job {
    struct rc_start start;
    struct rc_answer answer;
    rc_us accepted;
    struct exec_job *next;
};

struct exec_jobs {
    struct exec_job *first, **end; /* end: where the next one goes */
};
void exec_jobs_add(struct exec_jobs *, struct exec_job *);
struct exec_job *exec_jobs_take(struct exec_jobs *); /* the first; NULL: none */

/* Whether a job that still waits to begin has waited longer than its timeout. */
bool exec_job_is_late(const struct exec_job *, rc_us now);
/* The result: nothing of it has left. `text` is copied. */
void exec_job_not_sent(struct exec_job *, uint8_t why, const char *text);

struct exec_inbox {
    pthread_mutex_t lock;
    struct exec_jobs jobs;
    bool stopping;
};
/* Any thread. *ret_first: the inbox was empty, so the executor's thread must be woken. RC_NOMEM, RC_STOPPING:
 * the caller keeps the start's arena. */
RC_MUST
enum rc_status exec_inbox_put(struct exec_inbox *, const struct rc_start *, bool *ret_first);
/* Moves everything behind `jobs`; false when it is time to end. */
bool exec_inbox_take(struct exec_inbox *, struct exec_jobs *jobs);
void exec_inbox_stop(struct exec_inbox *);

/* A thread for which no signal is; 0 or an error of errno.h. */
RC_MUST
int exec_thread(pthread_t *ret, void *(*run)(void *), void *context);
