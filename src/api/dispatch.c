/* The way of a request: match, guard, decode, handle; and back: reply of the engine, finish, answer. */
#include "api/call.h"

#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH_FIRST = 64 << 10, ANSWER_RATE = 256 /* bytes a ms */ };

static void receive(struct rc_receiver *receiver, struct rc_request *request);

/* ---- in ------------------------------------------------------------------------------------------------ */

static struct api_call *take_call(struct rc_api *api)
{
    struct api_call *call = api->free;
    if (call)
        api->free = call->next;
    else if (!(call = malloc(sizeof *call)))
        return NULL;
    /* not the whole: the errors and texts in it are large, and written before they are read */
    call->receiver.receive = receive;
    call->api = api;
    call->next = NULL;
    call->route = NULL;
    call->arena = call->scratch = api->scratch;
    call->desk = &api->desk;
    call->job.api = api;
    call->job.work = api_read_call;
    call->job.done = api_have_read;
    call->job.at_work = false;
    call->next_step = NULL;
    call->known = NULL;
    call->watch = NULL;
    call->nposted = 0;
    call->out = (struct rc_buf){0};
    call->body = NULL;
    call->parked = call->taken = call->done = call->trouble = false;
    call->token = 0;
    call->retry_after = 0;
    memset(&call->wait, 0, sizeof call->wait);
    call->nfields = 0;
    call->type[0] = call->key[0] = 0;
    memset(call->query, 0, sizeof call->query);
    api->desk.nerrors = 0;
    return call;
}

static bool answers(const struct api_route *route, enum http_method method)
{
    return route->method == method || (route->method == HTTP_GET && method == HTTP_HEAD);
}

const char *api_method_name(enum http_method method)
{
    static const char *const name[] = {
        [HTTP_GET] = "GET",       [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",       [HTTP_PUT] = "PUT",
        [HTTP_DELETE] = "DELETE", [HTTP_PATCH] = "PATCH", [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "?"};
    return name[method];
}

/* The route of a request; RC_NOT_FOUND, or RC_METHOD with an Allow header. */
static enum rc_status find_route(struct api_call *call, struct rc_error *err)
{
    char allow[API_FIELD_TEXT] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < api_nroutes; i++) {
        const struct api_route *route = &api_routes[i];
        if (!api_match(route->path, call->http.path, call->param)) continue;
        if (answers(route, call->http.method)) {
            call->route = route;
            return RC_OK;
        }
        n += (size_t)snprintf(allow + n, sizeof allow - n, "%s%s%s", n ? ", " : "",
                              api_method_name(route->method), route->method == HTTP_GET ? ", HEAD" : "");
        if (n >= sizeof allow) n = sizeof allow - 1;
    }
    if (n == 0)
        return rc_fail(err, RC_NOT_FOUND, "there is nothing at this address; GET /v1 lists what there is");
    api_add_field(call, "Allow", "%s", allow);
    return rc_fail(err, RC_METHOD, "this address knows %s", allow);
}

static enum rc_status decode_params(struct api_call *call, struct rc_error *err)
{
    uint32_t n = 0;
    for (const char *p = strchr(call->route->path, '{'); p; p = strchr(p + 1, '{'), n++) {
        enum rc_status status = api_unescape(call->param[n], false, call->arena, &call->param[n], err);
        if (status != RC_OK) return status;
    }
    if (rc_sv_starts(rc_sv_of(call->route->path), RC_SV("/v1/commands/{id}"))) {
        struct rc_id id;
        if (rc_id_parse(call->param[0], &id)) call->about = id;
    }
    return RC_OK;
}

/* A subject has one bucket, from wherever it asks; who is not known has that of its address. */
static enum rc_status check_rate(struct api_call *call, struct rc_error *err)
{
    struct rc_api *api = call->api;
    uint64_t key = call->http.peer;
    rc_us wait;
    if (!api->options.limits.rate) return RC_OK;
    if (call->token) key = api_rate_key(call->who.name);
    if (api_rate_take(&api->rate, key, api->options.limits.rate, rc_clock_monotonic(), &wait)) return RC_OK;
    api_add_field(call, "Retry-After", "%u", (unsigned)((wait + RC_SECONDS(1) - 1) / RC_SECONDS(1)));
    return rc_fail(err, RC_RATE, "more than %u requests a second", api->options.limits.rate);
}

/* The route's handler with what it asks for, on whichever thread it runs. */
static enum rc_status handle(struct api_call *call, struct rc_error *err)
{
    if (call->route->body) {
        struct rc_arena *arena = api_input_arena(call->route->body->lines ? 0 : call->http.body.n);
        if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
        call->arena = arena;
    }
    enum rc_status status = decode_params(call, err);
    if (status == RC_OK) status = api_read_query(call, err);
    if (status == RC_OK && call->route->body) status = api_read_body(call, err);
    return status == RC_OK ? call->route->handle(call, err) : status;
}

/* Who asks for what, and whether they may: before it costs anything. */
static enum rc_status guard(struct api_call *call, struct rc_error *err)
{
    enum rc_status status = api_check_origin(call, err);
    if (status == RC_OK) status = find_route(call, err);
    if (status == RC_OK) status = api_authorize(call, err);
    if (status == RC_OK) status = check_rate(call, err);
    if (status != RC_OK) return status;
    api_trace_subject(call);
    if (call->route->body == &api_submit_shape && rc_engine_refuses(call->api->options.engine))
        return rc_fail(err, RC_BUSY, "too much is waiting; try again");
    api_go_on(call, call->route->reads, handle);
    return RC_OK;
}

static void on_request(void *context, struct http_exchange *exchange, const struct http_request *http)
{
    struct rc_api *api = context;
    struct rc_error err;
    struct api_call *call = take_call(api);
    api->requests++;
    if (!call) {
        http_answer(exchange, rc_status_http(RC_NOMEM), NULL, 0, (struct rc_sv){0});
        return;
    }
    call->exchange = exchange;
    call->http = *http;
    api_trace_begin(call);
    api_settle(call, guard(call, &err), &err);
}

/* ---- engine -------------------------------------------------------------------------------------------- */

enum rc_status api_post(struct api_call *call, struct rc_error *err)
{
    call->request.arena = call->arena;
    call->request.next = NULL;
    return api_post_all(call, &call->request, 1, err);
}

/* What a reader's handler wanted to post: the call is the engine's from then on, so it is done here. */
static enum rc_status post_later(struct api_call *call, struct rc_error *err)
{
    if (call->arena != call->scratch && call->scratch != call->api->scratch) {
        rc_arena_free(call->scratch);
        call->scratch = call->api->scratch;
    }
    return api_post_all(call, call->posted, call->nposted, err);
}

enum rc_status api_post_all(struct api_call *call, struct rc_request *first, uint32_t n, struct rc_error *err)
{
    struct rc_api *api = call->api;
    if (call->job.at_work) {
        call->posted = first;
        call->nposted = n;
        api_go_on(call, API_READS_NOTHING, post_later);
        return RC_OK;
    }
    for (struct rc_request *request = first; request; request = request->next)
        request->owner = &call->receiver;
    call->left = n;
    atomic_fetch_add_explicit(&api->parked, 1, memory_order_relaxed);
    enum rc_status status = rc_engine_post_all(api->options.engine, first);
    if (status != RC_OK) {
        atomic_fetch_sub_explicit(&api->parked, 1, memory_order_relaxed);
        return rc_fail(err, status,
                       status == RC_BUSY ? "too much is waiting; try again" : "the server is stopping");
    }
    /* from here on the call belongs to the engine until its reply is taken from the queue */
    return RC_OK;
}

/* On the engine's thread. */
static void receive(struct rc_receiver *receiver, struct rc_request *request)
{
    (void)request;
    struct api_call *call = (struct api_call *)(void *)receiver;
    struct rc_api *api = call->api;
    if (--call->left) return;
    api_push(call);
    api->unflushed = true;
}

void api_push(struct api_call *call)
{
    struct rc_api *api = call->api;
    call->next = atomic_load_explicit(&api->replies, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&api->replies, &call->next, call, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

void rc_api_changed(struct rc_api *api, const struct rc_outline *outline)
{
    if (atomic_load(&api->listening) && !atomic_exchange(&api->stirred, true)) api->unflushed = true;
    if (outline && !rc_state_rests(outline->state)) return;
    if (api_wake_waiting(api, outline ? outline->seq : 0)) api->unflushed = true;
}

void rc_api_flush(struct rc_api *api)
{
    if (!api->unflushed) return;
    api->unflushed = false;
    http_wake(api->http);
}

/* What the engine has replied to becomes an answer. */
static enum rc_status finish(struct api_call *call, struct rc_error *err)
{
    call->arena = call->request.arena; /* NULL where the engine kept it */
    http_unwatch(call->wait.watch);
    call->wait.watch = NULL;
    call->done = call->request.status == RC_OK;
    if (call->done) {
        api_go_on(call, call->route->finish_reads, call->route->finish);
        return RC_OK;
    }
    call->retry_after = call->request.retry_after;
    *err = call->request.error;
    return call->request.status;
}

void api_resume(struct api_call *call)
{
    struct rc_api *api = call->api;
    struct rc_error err;
    /* it counts as parked until it is answered, or handed over: nobody must think that nothing is left to do */
    if (call->wait.entered) atomic_fetch_add(&api->parked, 1);
    call->desk = &call->api->desk;
    call->desk->nerrors = 0;
    if (!call->scratch) call->scratch = call->api->scratch;
    call->parked = false;
    enum rc_status status = call->wait.entered ? api_waited(call, &err) : finish(call, &err);
    api_settle(call, status, &err);
    atomic_fetch_sub(&api->parked, 1);
}

/* Everything that the engine has replied to, in its order. */
static void on_woken(void *context)
{
    struct rc_api *api = context;
    bool draining = atomic_load(&api->draining);
    if (draining) (void)api_wake_waiting(api, 0);
    api_take_back(api);
    struct api_call *newest = atomic_exchange_explicit(&api->replies, NULL, memory_order_acquire);
    struct api_call *oldest = NULL;
    while (newest) {
        struct api_call *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct api_call *next = oldest->next;
        api_resume(oldest);
        oldest = next;
    }
    if (draining)
        api_end_streams(api, rc_status_slug(RC_STOPPING));
    else
        api_pump_streams(api);
    if (draining) http_stop_listening(api->http);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void free_calls(struct api_call *call)
{
    for (struct api_call *next; call; call = next) {
        next = call->next;
        free(call);
    }
}

/* What was read for somebody who will not be told of it any more. */
static void forget_reads(struct rc_api *api)
{
    struct api_job *job = atomic_exchange(&api->readers.ended, NULL);
    for (struct api_job *next; job; job = next) {
        next = job->next;
        struct api_call *call = api_call_of(job);
        if (!call) continue;
        http_unwatch(call->watch);
        if (!call->scratch) call->scratch = api->scratch;
        api_free_arenas(call);
        rc_known_drop(call->known);
        free(call);
    }
}

static void destroy(struct rc_api *api)
{
    api_readers_free(api);
    api_free_page(api);
    pthread_mutex_destroy(&api->wait_lock);
    api_uses_close(&api->uses);
    rc_arena_free(api->scratch);
    free(api);
}

static void at_most(uint32_t *limit, uint32_t most)
{
    if (*limit == 0 || *limit > most) *limit = most;
}

static void set_limits(struct rc_api_limits *limits)
{
    if (!limits->connections) limits->connections = RC_MAX_CONNECTIONS;
    if (!limits->headers) limits->headers = RC_MAX_HEADERS;
    if (!limits->header_lines) limits->header_lines = RC_MAX_HEADER_LINES;
    if (!limits->target) limits->target = RC_MAX_TARGET;
    at_most(&limits->body, RC_MAX_BODY);
    at_most(&limits->json_depth, RC_MAX_JSON_DEPTH);
    at_most(&limits->page, RC_MAX_PAGE);
    at_most(&limits->read_ms, RC_MAX_READ_MS);
}

enum rc_status rc_api_open(const struct rc_api_options *options, struct rc_api **ret, struct rc_error *err)
{
    bool safe = options->tls && options->auth == RC_AUTH_TOKENS;
    if (!options->anywhere && !safe && !api_is_loopback(options->address))
        return rc_fail(err, RC_FORBIDDEN,
                       "%s is not an address of loopback, and it takes TLS and tokens to listen there: %s "
                       "(--unsafe-listen allows it)",
                       options->address,
                       options->auth == RC_AUTH_TOKENS
                           ? "whoever is on the way could read tokens and payloads"
                           : "whoever reaches it could do everything");
    struct rc_api *api = calloc(1, sizeof *api);
    if (!api) return rc_fail(err, RC_NOMEM, "out of memory");
    pthread_mutex_init(&api->wait_lock, NULL);
    api_uses_open(&api->uses);
    api->options = *options;
    if (rc_random(&api->ids, sizeof api->ids) != RC_OK)
        api->ids = rc_clock_wall(); /* they need not be secret */
    set_limits(&api->options.limits);
    api_readers_init(api);
    const struct rc_api_limits *limits = &api->options.limits;
    api->scratch = rc_arena_new(SCRATCH_FIRST, API_MAX_SCRATCH);
    const struct http_options http = {
        .address = options->address,
        .port = options->port,
        .tls = options->tls,
        .max_connections = limits->connections,
        .max_per_address = limits->connections_per_address,
        .max_body = limits->body,
        .max_buffers = limits->buffers,
        .max_headers = limits->headers,
        .max_lines = limits->header_lines,
        .max_target = limits->target,
        .header_ms = limits->header_ms,
        .body_ms = limits->body_ms,
        .answer_ms = limits->answer_ms,
        .answer_rate = ANSWER_RATE,
        .idle_ms = limits->idle_ms,
        .handler = on_request,
        .woken = on_woken,
        .context = api,
    };
    enum rc_status status =
        api->scratch ? http_open(&http, &api->http, err) : rc_fail(err, RC_NOMEM, "out of memory");
    if (status != RC_OK) {
        destroy(api);
        return status;
    }
    *ret = api;
    return RC_OK;
}

uint16_t rc_api_port(const struct rc_api *api)
{
    return http_port(api->http);
}

enum rc_status rc_api_run(struct rc_api *api, struct rc_error *err)
{
    enum rc_status status = api_readers_start(api, err);
    if (status == RC_OK) status = http_run(api->http, err);
    api_readers_stop(api);
    return status;
}

void rc_api_leave(struct rc_api *api)
{
    atomic_store(&api->leaving, true);
}

void rc_api_drain(struct rc_api *api)
{
    rc_api_leave(api);
    atomic_store(&api->draining, true);
    http_wake(api->http);
}

bool rc_api_parked(const struct rc_api *api)
{
    return atomic_load_explicit(&api->parked, memory_order_relaxed) != 0 || atomic_load(&api->waiting) != 0 ||
           atomic_load(&api->readers.under_way) != 0;
}

void rc_api_stop(struct rc_api *api)
{
    http_stop(api->http);
}

void rc_api_close(struct rc_api *api)
{
    if (!api) return;
    (void)api_wake_waiting(api, 0); /* who still waits, because the loop has ended early */
    forget_reads(api);
    for (struct api_call *call = atomic_load(&api->replies); call; call = call->next) {
        http_unwatch(call->wait.watch);
        if (!call->wait.entered) call->arena = call->request.arena; /* as `finish` has it */
        if (!call->scratch) call->scratch = api->scratch;
        api_free_arenas(call);
        rc_known_drop(call->known);
    }
    api_end_streams(api, NULL);
    http_close(api->http);
    free_calls(api->free);
    free_calls(atomic_load(&api->replies));
    destroy(api);
}
