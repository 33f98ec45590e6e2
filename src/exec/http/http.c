/* The HTTP executor: one thread, an inbox in front of it, and as many transfers at a time as connections. */
#include "base/limits.h"
#include "exec/http/transfer.h"
#include "exec/kind.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    CONNECTIONS = 256,
    ANSWER_FIRST = 2048,
    ANSWER_LIMIT = 8 * RC_MAX_ANSWER,
    EXPIRE_MS = 200,
    IDLE_MS = 60000
};

struct job_list {
    struct http_job *first, **end; /* end: where the next one goes */
};

struct http {
    struct rc_exec exec; /* first */
    struct rc_http_options options;
    struct curl_slist *resolve;
    char *ca_file;
    pthread_t thread;
    /* under lock */
    pthread_mutex_t lock;
    struct job_list inbox;
    bool stopping;
    /* the thread's own */
    struct http_sockets sockets;
    struct http_transfer **transfer; /* all that were made */
    uint32_t ntransfer;
    struct http_transfer *free;
    struct job_list queue; /* wait for a transfer */
    rc_us expire_at;       /* when to look for those that have waited too long */
};

static void append(struct job_list *list, struct http_job *job)
{
    job->next = NULL;
    *(list->first ? list->end : &list->first) = job;
    list->end = &job->next;
}

static struct http_job *take_first(struct job_list *list)
{
    struct http_job *job = list->first;
    if (job) list->first = job->next;
    return job;
}

static enum rc_status http_start(struct rc_exec *exec, const struct rc_start *start)
{
    struct http *http = (struct http *)(void *)exec;
    const struct rc_effect *effect = &start->effect;
    struct rc_arena *arena = rc_arena_new(ANSWER_FIRST, ANSWER_LIMIT);
    struct http_job *job = arena ? RC_NEW(arena, struct http_job) : NULL;
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
    pthread_mutex_lock(&http->lock);
    bool stopping = http->stopping, first = !http->inbox.first;
    if (!stopping) append(&http->inbox, job);
    pthread_mutex_unlock(&http->lock);
    if (stopping) {
        rc_arena_free(arena);
        return RC_STOPPING;
    }
    if (first) http_sockets_wake(&http->sockets);
    return RC_OK;
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

static void answer(struct http *http, struct http_job *job)
{
    rc_arena_free(job->start.arena);
    http->options.answer(http->options.answer_context, &job->answer);
}

static void answer_unsent(struct http *http, struct http_job *job, const char *text)
{
    job->answer.result =
        (struct rc_result){.reach = RC_NOT_SENT, .why = RC_WHY_NOT_SENT, .error = rc_sv_of(text)};
    job->answer.result.headers = (struct cel_value){.kind = CEL_MAP};
    answer(http, job);
}

/* Moves the inbox to the queue; false when it is time to end. */
static bool take_inbox(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    struct http_job *first = http->inbox.first, **end = http->inbox.end;
    bool stopping = http->stopping;
    http->inbox.first = NULL;
    pthread_mutex_unlock(&http->lock);
    if (first) {
        *(http->queue.first ? http->queue.end : &http->queue.first) = first;
        http->queue.end = end;
    }
    return !stopping;
}

/* A free transfer, made when there is none and there may be more; NULL. */
static struct http_transfer *free_transfer(struct http *http)
{
    struct http_transfer *t = http->free;
    if (t) {
        http->free = t->next;
        return t;
    }
    if (http->ntransfer == http->options.max_connections) return NULL;
    t = http_transfer_new(&http->sockets, &http->options, http->resolve);
    if (t) http->transfer[http->ntransfer++] = t;
    return t;
}

static void give_back(struct http *http, struct http_transfer *t)
{
    t->next = http->free;
    http->free = t;
}

static bool waited_too_long(const struct http_job *job, rc_us now)
{
    return now > job->accepted && now - job->accepted > job->start.effect.timeout;
}

/* Walks the whole queue, and therefore only now and then. */
static void expire_queued(struct http *http)
{
    rc_us now = rc_clock_monotonic();
    if (!http->queue.first || now < http->expire_at) return;
    http->expire_at = now + RC_MS(EXPIRE_MS);
    struct job_list all = http->queue;
    http->queue.first = NULL;
    for (struct http_job *job; (job = take_first(&all));) {
        if (waited_too_long(job, now))
            answer_unsent(http, job, "no connection became free in time");
        else
            append(&http->queue, job);
    }
}

static void start_queued(struct http *http)
{
    while (http->queue.first) {
        struct http_transfer *t = free_transfer(http);
        if (!t && http->ntransfer > 0) return; /* one that is in flight will end */
        struct http_job *job = take_first(&http->queue);
        if (!t) {
            answer_unsent(http, job, rc_status_text(RC_NOMEM));
        } else if (!http_transfer_begin(t, job)) {
            give_back(http, t);
            answer(http, job);
        }
    }
}

static void reap(struct http *http)
{
    const CURLMsg *message;
    for (int left; (message = curl_multi_info_read(http->sockets.multi, &left));) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result; /* the message dies with the handle's removal */
        char *private = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_transfer *t = (struct http_transfer *)(void *)private;
        struct http_job *job = http_transfer_end(t, code);
        give_back(http, t);
        answer(http, job);
    }
}

static void *run(void *context)
{
    struct http *http = context;
    while (take_inbox(http)) {
        expire_queued(http);
        start_queued(http);
        http_sockets_turn(&http->sockets, http->queue.first ? EXPIRE_MS : IDLE_MS);
        reap(http);
    }
    for (uint32_t i = 0; i < http->ntransfer; i++)
        if (http->transfer[i]->job) answer(http, http_transfer_stop(http->transfer[i]));
    for (struct http_job *job; (job = take_first(&http->queue));)
        answer_unsent(http, job, rc_status_text(RC_STOPPING));
    for (uint32_t i = 0; i < http->ntransfer; i++) http_transfer_free(http->transfer[i]);
    return NULL;
}

/* ---- open, close -------------------------------------------------------------------------------------------------- */

static const struct rc_exec_kind kind; /* below: start and close */

/* No signal is for this thread. */
static int start_thread(struct http *http)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&http->thread, NULL, run, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void free_http(struct http *http)
{
    curl_slist_free_all(http->resolve);
    free(http->ca_file);
    free(http->transfer);
    pthread_mutex_destroy(&http->lock);
    free(http);
    curl_global_cleanup();
}

static bool copy_options(struct http *http, const struct rc_http_options *options)
{
    http->options = *options;
    if (!http->options.max_connections) http->options.max_connections = CONNECTIONS;
    http->transfer = calloc(http->options.max_connections, sizeof *http->transfer);
    if (options->ca_file) http->options.ca_file = http->ca_file = strdup(options->ca_file);
    if (options->resolve_test) http->resolve = curl_slist_append(NULL, options->resolve_test);
    return http->transfer && (!options->ca_file || http->ca_file) &&
           (!options->resolve_test || http->resolve);
}

enum rc_status rc_http_open(const struct rc_http_options *options, struct rc_exec **ret, struct rc_error *err)
{
    if (options->max_connections > RC_MAX_CONCURRENT)
        return rc_fail(err, RC_INVALID, "http: more than %d connections", RC_MAX_CONCURRENT);
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) return rc_fail(err, RC_NOMEM, "http: libcurl cannot start");
    struct http *http = calloc(1, sizeof *http);
    if (!http) {
        curl_global_cleanup();
        return rc_fail(err, RC_NOMEM, "%s", rc_status_text(RC_NOMEM));
    }
    http->exec.kind = &kind;
    pthread_mutex_init(&http->lock, NULL);
    enum rc_status status = RC_NOMEM;
    if (copy_options(http, options))
        status = http_sockets_open(&http->sockets, http->options.max_connections, err);
    if (status == RC_OK && start_thread(http)) {
        http_sockets_close(&http->sockets);
        status = RC_NOMEM;
    }
    if (status != RC_OK) {
        free_http(http);
        return rc_fail(err, status, "http: %s", rc_status_text(status));
    }
    *ret = &http->exec;
    return RC_OK;
}

static void http_close(struct rc_exec *exec)
{
    struct http *http = (struct http *)(void *)exec;
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_mutex_unlock(&http->lock);
    http_sockets_wake(&http->sockets);
    pthread_join(http->thread, NULL);
    http_sockets_close(&http->sockets);
    free_http(http);
}

static const struct rc_exec_kind kind = {.start = http_start, .close = http_close};
