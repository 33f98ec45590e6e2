/* Accepted starts, and the inbox in front of an executor's thread. */
#include "exec/job.h"

#include "base/limits.h"
#include "exec/text.h"

#include <signal.h>

enum { ANSWER_FIRST = 2048, ANSWER_LIMIT = 8 * RC_MAX_ANSWER };

void exec_jobs_add(struct exec_jobs *list, struct exec_job *job)
{
    job->next = NULL;
    *(list->first ? list->end : &list->first) = job;
    list->end = &job->next;
}

struct exec_job *exec_jobs_take(struct exec_jobs *list)
{
    struct exec_job *job = list->first;
    if (job) list->first = job->next;
    return job;
}

bool exec_job_is_late(const struct exec_job *job, rc_us now)
{
    return now > job->accepted && now - job->accepted > job->start.effect.timeout;
}

void exec_job_not_sent(struct exec_job *job, uint8_t why, const char *text)
{
    job->answer.result = (struct rc_result){.reach = RC_NOT_SENT, .why = why};
    job->answer.result.headers = (struct cel_value){.kind = CEL_MAP};
    job->answer.result.error = exec_clean_text(job->answer.arena, rc_sv_of(text), RC_MAX_FAULT);
}

enum rc_status exec_inbox_put(struct exec_inbox *inbox, const struct rc_start *start, bool *ret_first)
{
    const struct rc_effect *effect = &start->effect;
    struct rc_arena *arena = rc_arena_new(ANSWER_FIRST, ANSWER_LIMIT);
    struct exec_job *job = arena ? RC_NEW(arena, struct exec_job) : NULL;
    void *room = job ? rc_alloc(arena, RC_ANSWER_ROOM) : NULL;
    if (!room) {
        rc_arena_free(arena);
        return RC_NOMEM;
    }
    job->start = *start;
    job->answer = (struct rc_answer){.arena = arena,
                                     .room = room,
                                     .of = effect->of,
                                     .node = effect->node,
                                     .attempt = effect->attempt,
                                     .purpose = effect->purpose};
    job->accepted = rc_clock_monotonic();
    pthread_mutex_lock(&inbox->lock);
    bool stopping = inbox->stopping;
    *ret_first = !inbox->jobs.first;
    if (!stopping) exec_jobs_add(&inbox->jobs, job);
    pthread_mutex_unlock(&inbox->lock);
    if (!stopping) return RC_OK;
    rc_arena_free(arena);
    return RC_STOPPING;
}

bool exec_inbox_take(struct exec_inbox *inbox, struct exec_jobs *jobs)
{
    pthread_mutex_lock(&inbox->lock);
    struct exec_job *first = inbox->jobs.first, **end = inbox->jobs.end;
    bool stopping = inbox->stopping;
    inbox->jobs.first = NULL;
    pthread_mutex_unlock(&inbox->lock);
    if (first) {
        *(jobs->first ? jobs->end : &jobs->first) = first;
        jobs->end = end;
    }
    return !stopping;
}

void exec_inbox_stop(struct exec_inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->stopping = true;
    pthread_mutex_unlock(&inbox->lock);
}

int exec_thread(pthread_t *ret, void *(*run)(void *), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(ret, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}
