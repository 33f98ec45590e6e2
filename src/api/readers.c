/* Reading off the API's thread. Whatever reads the store for a client is a job: the API's thread hands it over, a reader's thread
 * works on it with a connection to the store of its own, and it comes back to the API's thread, which alone touches sockets. So a
 * slow list keeps nobody waiting who submits.
 *
 * There are two lines: little reads, of single things, and long ones, of lists, searches and previews. With more than one thread
 * the first one takes little reads only; the others take whatever has waited for longest. Both lines are bounded. A read has until
 * its `until`, the time in line included; it is given up sooner when the client has gone, when the server stops, and while the store
 * is opened again. The store asks for that while it reads (rc_reader_watch).
 *
 * Without threads (a program that embeds the API and has none) jobs are worked on where they are handed over. */
#include "api/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct api_line *line_of(struct api_readers *readers, enum api_reads reads)
{
    return &readers->line[reads == API_READS_MUCH];
}

/* ---- on the readers' threads --------------------------------------------------------------------------- */

/* What this thread may take now; NULL. With the lock held. */
static struct api_job *take(struct api_readers *readers, bool little_only)
{
    struct api_line *line = &readers->line[0], *much = &readers->line[1];
    if (!little_only && much->first && (!line->first || much->first->number < line->first->number))
        line = much;
    struct api_job *job = line->first;
    if (!job) return NULL;
    line->first = job->next;
    if (!line->first) line->last = &line->first;
    line->n--;
    return job;
}

static void give_back(struct api_readers *readers, struct api_job *job)
{
    job->next = atomic_load_explicit(&readers->ended, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&readers->ended, &job->next, job, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    http_wake(readers->api->http);
}

static void *run(void *context)
{
    struct api_reader_thread *thread = context;
    struct api_readers *readers = thread->readers;
    pthread_mutex_lock(&readers->lock);
    for (;;) {
        struct api_job *job = take(readers, thread->little_only);
        if (job) {
            pthread_mutex_unlock(&readers->lock);
            job->work(job);
            give_back(readers, job);
            pthread_mutex_lock(&readers->lock);
            continue;
        }
        if (atomic_load(&readers->stopping)) break;
        thread->idle = true;
        pthread_cond_wait(&thread->wanted, &readers->lock);
        thread->idle = false;
    }
    pthread_mutex_unlock(&readers->lock);
    return NULL;
}

bool api_job_is_over(void *context)
{
    const struct api_job *job = context;
    const struct rc_shelf *shelf = &job->api->options.shelf;
    return atomic_load_explicit(&job->api->readers.stopping, memory_order_relaxed) ||
           (shelf->wanted && shelf->wanted(shelf->context)) ||
           rc_clock_monotonic() >= atomic_load_explicit(&job->until, memory_order_relaxed);
}

enum rc_status api_job_why_over(const struct api_job *job, struct rc_error *err)
{
    struct rc_api *api = job->api;
    if (atomic_load(&api->readers.stopping)) return rc_fail(err, RC_STOPPING, "the server is stopping");
    if (rc_clock_monotonic() < atomic_load(&job->until))
        return rc_fail(err, RC_IO, "the store is being opened again");
    return rc_fail(err, RC_OVERTIME, "it took longer than the %u ms that a read may take: ask for less",
                   (unsigned)(api->options.limits.read_ms));
}

enum rc_status api_borrow(struct api_job *job, struct rc_reader **ret, struct rc_error *err)
{
    const struct rc_shelf *shelf = &job->api->options.shelf;
    assert(job->at_work); /* a route that reads says so in the table */
    enum rc_status status = shelf->borrow(shelf->context, ret, err);
    if (status == RC_OK && job->api->readers.n) rc_reader_watch(*ret, api_job_is_over, job);
    return status;
}

void api_return(const struct api_job *job, struct rc_reader *reader)
{
    const struct rc_shelf *shelf = &job->api->options.shelf;
    if (job->api->readers.n) rc_reader_watch(reader, NULL, NULL);
    shelf->give_back(shelf->context, reader);
}

/* ---- on the API's thread ------------------------------------------------------------------------------- */

/* Somebody who may take it and has nothing to do. With the lock held. */
static struct api_reader_thread *find_idle(struct api_readers *readers, enum api_reads reads)
{
    for (uint32_t i = 0; i < readers->n; i++) {
        struct api_reader_thread *thread = &readers->thread[i];
        if (thread->idle && !(thread->little_only && reads == API_READS_MUCH)) return thread;
    }
    return NULL;
}

bool api_hand_over(struct api_job *job, bool must)
{
    struct api_readers *readers = &job->api->readers;
    const uint32_t most = job->reads == API_READS_MUCH ? RC_MAX_LONG_READS : RC_MAX_QUICK_READS;
    atomic_store(&job->until, rc_clock_monotonic() + RC_MS(job->api->options.limits.read_ms));
    job->at_work = true;
    if (!readers->n) {
        job->work(job);
        job->at_work = false;
        job->done(job);
        return true;
    }
    pthread_mutex_lock(&readers->lock);
    struct api_line *line = line_of(readers, job->reads);
    bool fits = must || line->n < most;
    struct api_reader_thread *idle = fits ? find_idle(readers, job->reads) : NULL;
    if (fits) {
        job->number = readers->number++;
        job->next = NULL;
        *line->last = job;
        line->last = &job->next;
        line->n++;
        atomic_fetch_add(&readers->under_way, 1);
        if (idle) {
            idle->idle = false; /* the next job is somebody else's */
            pthread_cond_signal(&idle->wanted);
        }
    }
    pthread_mutex_unlock(&readers->lock);
    if (!fits) job->at_work = false;
    return fits;
}

void api_hurry(struct api_job *job, rc_us until)
{
    if (until < atomic_load(&job->until)) atomic_store(&job->until, until);
}

void api_take_back(struct rc_api *api)
{
    struct api_readers *readers = &api->readers;
    struct api_job *newest = atomic_exchange_explicit(&readers->ended, NULL, memory_order_acquire);
    struct api_job *oldest = NULL;
    while (newest) {
        struct api_job *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct api_job *next = oldest->next;
        oldest->at_work = false;
        oldest->done(oldest);
        atomic_fetch_sub(&readers->under_way, 1); /* behind what follows from it */
        oldest = next;
    }
}

/* ---- life ---------------------------------------------------------------------------------------------- */

void api_readers_init(struct rc_api *api)
{
    struct api_readers *readers = &api->readers;
    readers->api = api;
    readers->n = api->options.readers < RC_MAX_READERS ? api->options.readers : RC_MAX_READERS;
    for (unsigned i = 0; i < 2; i++) readers->line[i].last = &readers->line[i].first;
    pthread_mutex_init(&readers->lock, NULL);
    for (uint32_t i = 0; i < readers->n; i++) {
        pthread_cond_init(&readers->thread[i].wanted, NULL);
        readers->thread[i].readers = readers;
        readers->thread[i].little_only = i == 0 && readers->n > 1;
    }
}

enum rc_status api_readers_start(struct rc_api *api, struct rc_error *err)
{
    struct api_readers *readers = &api->readers;
    for (; readers->started < readers->n; readers->started++) {
        struct api_reader_thread *thread = &readers->thread[readers->started];
        int error = pthread_create(&thread->id, NULL, run, thread);
        if (error)
            return rc_fail(err, RC_NOMEM, "a thread that reads cannot be started: %s", strerror(error));
    }
    return RC_OK;
}

/* What waits in line is worked on, which comes to nothing at once. */
void api_readers_stop(struct rc_api *api)
{
    struct api_readers *readers = &api->readers;
    pthread_mutex_lock(&readers->lock);
    atomic_store(&readers->stopping, true);
    for (uint32_t i = 0; i < readers->started; i++) pthread_cond_signal(&readers->thread[i].wanted);
    pthread_mutex_unlock(&readers->lock);
    for (; readers->started; readers->started--) pthread_join(readers->thread[readers->started - 1].id, NULL);
}

void api_readers_free(struct rc_api *api)
{
    struct api_readers *readers = &api->readers;
    pthread_mutex_destroy(&readers->lock);
    for (uint32_t i = 0; i < readers->n; i++) pthread_cond_destroy(&readers->thread[i].wanted);
}
