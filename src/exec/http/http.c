/* The HTTP executor: one thread, an inbox in front of it, and as many transfers at a time as connections. */
#include "base/limits.h"
#include "exec/http/transfer.h"
#include "exec/kind.h"

#include <assert.h>
#include <stdlib.h>

enum { CONNECTIONS = 256, EXPIRE_MS = 200, IDLE_MS = 60000 };

struct http {
    struct rc_exec exec; /* first */
    struct rc_http_options options;
    struct curl_slist *resolve;
    char *ca_file;
    pthread_t thread;
    struct exec_inbox inbox;
    /* the thread's own */
    struct http_sockets sockets;
    struct http_transfer **transfer; /* all that were made */
    uint32_t ntransfer;
    struct http_transfer *free;
    struct exec_jobs queue; /* wait for a transfer */
    rc_us expire_at;        /* when to look for those that have waited too long */
};

static enum rc_status http_start(struct rc_exec *exec, const struct rc_start *start)
{
    struct http *http = (struct http *)(void *)exec;
    bool first;
    enum rc_status status = exec_inbox_put(&http->inbox, start, &first);
    if (status == RC_OK && first) http_sockets_wake(&http->sockets);
    return status;
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

static void answer(struct http *http, struct exec_job *job)
{
    rc_arena_free(job->start.arena);
    http->options.answer(http->options.answer_context, &job->answer);
}

static void answer_unsent(struct http *http, struct exec_job *job, const char *text)
{
    exec_job_not_sent(job, RC_WHY_NOT_SENT, text);
    answer(http, job);
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

/* Walks the whole queue, and therefore only now and then. */
static void expire_queued(struct http *http)
{
    rc_us now = rc_clock_monotonic();
    if (!http->queue.first || now < http->expire_at) return;
    http->expire_at = now + RC_MS(EXPIRE_MS);
    struct exec_jobs all = http->queue;
    http->queue.first = NULL;
    for (struct exec_job *job; (job = exec_jobs_take(&all));) {
        if (exec_job_is_late(job, now))
            answer_unsent(http, job, "no connection became free in time");
        else
            exec_jobs_add(&http->queue, job);
    }
}

static void start_queued(struct http *http)
{
    while (http->queue.first) {
        struct http_transfer *t = free_transfer(http);
        if (!t && http->ntransfer > 0) return; /* one that is in flight will end */
        struct exec_job *job = exec_jobs_take(&http->queue);
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
        struct exec_job *job = http_transfer_end(t, code);
        give_back(http, t);
        answer(http, job);
    }
}

static void *run(void *context)
{
    struct http *http = context;
    while (exec_inbox_take(&http->inbox, &http->queue)) {
        expire_queued(http);
        start_queued(http);
        http_sockets_turn(&http->sockets, http->queue.first ? EXPIRE_MS : IDLE_MS);
        reap(http);
    }
    for (uint32_t i = 0; i < http->ntransfer; i++)
        if (http->transfer[i]->job) answer(http, http_transfer_stop(http->transfer[i]));
    for (struct exec_job *job; (job = exec_jobs_take(&http->queue));)
        answer_unsent(http, job, rc_status_text(RC_STOPPING));
    for (uint32_t i = 0; i < http->ntransfer; i++) http_transfer_free(http->transfer[i]);
    return NULL;
}

/* ---- open, close -------------------------------------------------------------------------------------------------- */

static const struct rc_exec_kind kind; /* below: start and close */

static void free_http(struct http *http)
{
    curl_slist_free_all(http->resolve);
    free(http->ca_file);
    free(http->transfer);
    pthread_mutex_destroy(&http->inbox.lock);
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
    pthread_mutex_init(&http->inbox.lock, NULL);
    enum rc_status status = RC_NOMEM;
    if (copy_options(http, options))
        status = http_sockets_open(&http->sockets, http->options.max_connections, err);
    if (status == RC_OK && exec_thread(&http->thread, run, http)) {
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
    exec_inbox_stop(&http->inbox);
    http_sockets_wake(&http->sockets);
    pthread_join(http->thread, NULL);
    http_sockets_close(&http->sockets);
    free_http(http);
}

static const struct rc_exec_kind kind = {.start = http_start, .close = http_close};
