/* GET /v1/events: what happens, as it happens (Server-Sent Events, WHATWG HTML section 9.2).
 *
 * An event is one record of the store's history, and its id is the record's change number. So a stream is nothing but a
 * position: a client that comes back with the last id it saw goes on behind it, whoever it talks to and whatever has crashed
 * since. Nothing is kept for clients, and no event is made before its commit.
 *
 * All streams are served by the API's thread. The engine's thread only says that something was committed, and only while
 * somebody listens. A page of changes is read (by a reader's thread, one page at a time) once for all streams that stand within it, which at the tip is all of them. A
 * stream whose reader is slow is not read for; one that takes nothing at all for a while is ended, and the client comes
 * back where it was. */
#include "api/call.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TICK_MS = 1000,
    BEAT_US = 15000000,  /* a sign of life where nothing happens, for proxies and for the client */
    STALL_US = 20000000, /* a reader that takes nothing for so long is gone or hangs */
    LINGER_MS = 5000,    /* how long the last words may take to leave */
    RETRY_MS = 1000,     /* after which a client is asked to come back */
    PAGE_FIRST = 64 << 10
};

struct api_stream {
    struct api_stream *next;
    struct rc_api *api;
    struct http_stream *http;
    uint64_t token; /* with which it was asked for; 0: none */
    uint64_t at;    /* everything up to this change was looked at */
    bool behind;    /* there may be changes behind `at` */
    bool broken;    /* out of memory: it cannot go on */
    uint64_t sent;
    rc_us put_at, sent_at; /* when something was last put, and when something last left */
    /* what the client wants to see */
    uint32_t states; /* bits; 0: any change */
    struct rc_id of; /* seq 0: any command */
    char ns[RC_MAX_NAME + 1], type[RC_MAX_NAME + 1];
};

/* ---- one stream ---------------------------------------------------------------------------------------- */

static void put(struct api_stream *stream, struct rc_sv bytes)
{
    if (!http_stream_put(stream->http, bytes)) stream->broken = true;
    stream->put_at = rc_clock_monotonic();
}

static void end_stream(struct api_stream *stream, const char *reason)
{
    struct rc_api *api = stream->api;
    struct api_stream **at = &api->streams;
    while (*at != stream) at = &(*at)->next;
    *at = stream->next;
    atomic_fetch_sub(&api->listening, 1);
    char text[128];
    int n = snprintf(text, sizeof text, "id: %llu\nevent: end\ndata: {\"reason\":\"%s\"}\n\n",
                     (unsigned long long)stream->at, reason ? reason : "");
    if (reason) put(stream, (struct rc_sv){text, (uint32_t)n});
    http_stream_end(stream->http, reason ? LINGER_MS : 0);
    free(stream);
}

void api_end_streams(struct rc_api *api, const char *reason)
{
    while (api->streams) end_stream(api->streams, reason);
}

static bool takes_more(const struct api_stream *stream)
{
    return !stream->broken && http_stream_pending(stream->http) < RC_MAX_STREAM_LAG;
}

static bool is_text(const char *wanted, struct rc_sv text)
{
    return !*wanted || rc_sv_is(text, wanted);
}

static bool wants(const struct api_stream *stream, const struct rc_news *news)
{
    if (stream->states && !(stream->states >> news->state & 1)) return false;
    if (stream->of.seq && (stream->of.seq != news->seq || stream->of.check != (uint32_t)news->nonce))
        return false;
    return is_text(stream->ns, news->ns) && is_text(stream->type, news->type);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void put_step(const struct rc_api *api, struct rc_json *json, const struct rc_news *news)
{
    const struct flow *flow = flow_set_version(rc_engine_definitions(api->options.engine), news->flow);
    struct rc_path path;
    if (flow) rc_json_maybe(json, "step", rc_path_in(flow, news->node, &path));
}

static struct rc_sv event_text(struct rc_api *api, struct rc_arena *arena, const struct rc_news *news)
{
    struct rc_buf buf = rc_buf_in(arena, API_MAX_EVENT);
    struct rc_json json = {.buf = &buf};
    rc_put_format(&buf, "id: %llu\ndata: ", (unsigned long long)news->change);
    rc_json_object(&json, NULL);
    rc_json_u64(&json, "change", news->change);
    rc_json_time(&json, "at", news->at);
    rc_json_id(&json, "id", news->seq, news->nonce);
    rc_json_sv(&json, "namespace", news->ns);
    rc_json_sv(&json, "type", news->type);
    rc_json_sv(&json, "key", news->key);
    rc_json_u64(&json, "revision", news->rev);
    rc_json_text(&json, "cause", rc_cause_word(news->cause).slug);
    rc_json_text(&json, "text", rc_cause_word(news->cause).text);
    if (news->cause == RC_CAUSE_ACTION) rc_json_text(&json, "action", rc_action_word(news->action).slug);
    put_step(api, &json, news);
    if (news->attempt) rc_json_u64(&json, "attempt", news->attempt);
    if (news->state != RC_ABSENT) {
        rc_json_text(&json, "state", rc_state_word(news->state).slug);
        rc_json_text(&json, "display", rc_state_word(news->state).text);
        rc_json_bool(&json, "ended", rc_state_ended(news->state));
    }
    rc_json_end_object(&json);
    rc_put_text(&buf, "\n\n");
    return buf.status == RC_OK ? rc_buf_sv(&buf) : (struct rc_sv){0};
}

/* ---- all streams --------------------------------------------------------------------------------------- */

/* What is read for the streams; one at a time, and the readers' while the job is at work. */
struct api_page {
    struct api_job job;
    struct rc_arena *arena;
    enum rc_status status;
    uint64_t after;
    struct rc_news *news;
    struct rc_sv *texts; /* of each, when somebody wants it; p is NULL before */
    uint32_t n;
    bool last;     /* nothing is behind it for now */
    bool outdated; /* something was committed since its reading began, so more may be behind it */
};

static enum rc_status read_page(struct api_page *page, struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = api_borrow(&page->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_changes(reader, page->after, page->arena, RC_MAX_CHANGES, &page->news, &page->n, err);
    api_return(&page->job, reader);
    if (status != RC_OK) return status;
    page->last = page->n < RC_MAX_CHANGES;
    page->texts = RC_NEW_ARRAY(page->arena, struct rc_sv, page->n);
    return page->texts ? RC_OK : RC_NOMEM;
}

static void on_read(struct api_job *job)
{
    struct api_page *page = (struct api_page *)(void *)job;
    page->status = read_page(page, NULL);
}

/* One piece for all that the stream gets of a page: a connection's memory is made of pieces. False: no memory; it is tried again
 * at the next tick. */
static bool give(struct api_stream *stream, const struct api_page *page)
{
    char *piece = stream->api->piece;
    size_t pending = http_stream_pending(stream->http);
    uint64_t at = stream->at;
    uint32_t i = 0, used = 0;
    for (; i < page->n && pending + used < RC_MAX_STREAM_LAG; i++) {
        const struct rc_news *news = &page->news[i];
        struct rc_sv *text = &page->texts[i];
        if (news->change <= at) continue;
        if (wants(stream, news)) {
            if (!text->p) *text = event_text(stream->api, page->arena, news);
            if (!text->p) return false;
            memcpy(piece + used, text->p, text->n);
            used += text->n;
        }
        at = news->change;
    }
    if (used) put(stream, (struct rc_sv){piece, used});
    stream->at = at;
    if (i == page->n && page->last && !page->outdated) stream->behind = false;
    return true;
}

/* Who leads takes turns, so that one that reads a long past does not keep the others waiting. */
static struct api_stream *next_leader(struct rc_api *api)
{
    struct api_stream **at = &api->streams;
    while (*at && !((*at)->behind && takes_more(*at))) at = &(*at)->next;
    struct api_stream *leader = *at;
    if (!leader || !leader->next) return leader;
    *at = leader->next;
    leader->next = NULL;
    while (*at) at = &(*at)->next;
    *at = leader;
    return leader;
}

/* Reads on for those who are behind, where that is not under way. */
static void pump(struct rc_api *api)
{
    struct api_page *page = api->page;
    const struct api_stream *leader = page && !page->job.at_work ? next_leader(api) : NULL;
    if (!leader) return;
    page->after = leader->at;
    page->outdated = false;
    page->job.reads = API_READS_LITTLE;
    bool taken = api_hand_over(&page->job, true);
    (void)taken; /* it must */
}

/* A page is here. Where it cannot be given, or the store is away, a tick comes. */
static void on_page(struct api_job *job)
{
    struct api_page *page = (struct api_page *)(void *)job;
    struct rc_api *api = page->job.api;
    bool fine = page->status == RC_OK;
    for (struct api_stream *stream = api->streams; stream && fine; stream = stream->next)
        if (stream->behind && stream->at >= page->after) fine = give(stream, page);
    rc_arena_reset(page->arena);
    if (fine) pump(api);
}

/* Made for the first stream; when another one begins it may be read at that moment, and is left alone. */
static enum rc_status make_page(struct rc_api *api)
{
    if (!api->page) {
        api->page = calloc(1, sizeof *api->page);
        if (!api->page) return RC_NOMEM;
        api->page->job.api = api;
        api->page->job.work = on_read;
        api->page->job.done = on_page;
    }
    if (!api->page->arena) api->page->arena = rc_arena_new(PAGE_FIRST, API_MAX_SCRATCH);
    if (!api->piece) api->piece = malloc(RC_MAX_STREAM_LAG + API_MAX_EVENT);
    return api->page->arena && api->piece ? RC_OK : RC_NOMEM;
}

void api_free_page(struct rc_api *api)
{
    if (api->page) rc_arena_free(api->page->arena);
    free(api->page);
    free(api->piece);
}

void api_stir_streams(struct rc_api *api)
{
    atomic_store(&api->stirred, true);
    http_wake(api->http);
}

/* Whose token was revoked, or has expired, gets nothing more. */
static void end_unknown(struct rc_api *api)
{
    for (struct api_stream *stream = api->streams, *next; stream; stream = next) {
        next = stream->next;
        if (api_token_works(api, stream->token, NULL) != RC_OK) end_stream(stream, "revoked");
    }
}

void api_pump_streams(struct rc_api *api)
{
    if (!atomic_exchange(&api->stirred, false)) return;
    end_unknown(api);
    for (struct api_stream *stream = api->streams; stream; stream = stream->next) stream->behind = true;
    if (api->page) api->page->outdated = true;
    pump(api);
}

/* Everything has left, or a second is over. */
static void look(void *context)
{
    struct api_stream *stream = context;
    rc_us now = rc_clock_monotonic();
    size_t pending = http_stream_pending(stream->http);
    if (pending == 0 || http_stream_sent(stream->http) != stream->sent) {
        stream->sent = http_stream_sent(stream->http);
        stream->sent_at = now;
    }
    if (http_stream_gone(stream->http) || stream->broken) {
        end_stream(stream, NULL);
    } else if (api_token_works(stream->api, stream->token, NULL) != RC_OK) {
        end_stream(stream, "revoked");
    } else if (now - stream->sent_at > STALL_US) {
        stream->api->stalled++;
        end_stream(stream, "slow");
    } else if (stream->behind && takes_more(stream)) {
        pump(stream->api);
    } else if (pending == 0 && now - stream->put_at > BEAT_US) {
        char text[64];
        int n = snprintf(text, sizeof text, ": alive\nid: %llu\n\n", (unsigned long long)stream->at);
        put(stream, (struct rc_sv){text, (uint32_t)n});
    }
}

/* ---- the request --------------------------------------------------------------------------------------- */

static enum rc_status copy_text(const char *name, struct rc_sv text, char ret[RC_MAX_NAME + 1],
                                struct rc_error *err)
{
    if (text.n > RC_MAX_NAME)
        return rc_fail(err, RC_SYNTAX, "the query parameter \"%s\" is longer than %d bytes", name,
                       RC_MAX_NAME);
    if (text.n) memcpy(ret, text.p, text.n);
    ret[text.n] = 0;
    return RC_OK;
}

static enum rc_status read_wishes(struct api_call *call, struct api_stream *stream, struct rc_error *err)
{
    struct rc_sv id = api_query(call, "id");
    enum rc_status status = api_read_states(api_query(call, "state"), &stream->states, err);
    if (status == RC_OK) status = copy_text("type", api_query(call, "type"), stream->type, err);
    if (status == RC_OK) status = copy_text("namespace", call->who.ns, stream->ns, err);
    if (status == RC_OK && id.p && !rc_id_parse(id, &stream->of))
        return rc_fail(err, RC_SYNTAX, "the query parameter \"id\" is no id of a command");
    return status;
}

/* Where to begin: behind the last event that the client saw; else now. */
static enum rc_status read_place(struct api_call *call, uint64_t *ret, struct rc_error *err)
{
    struct rc_sv text = api_query(call, "last_event_id");
    struct rc_reader *reader;
    struct rc_high high = {0};
    if (!text.p) text = http_header(call->exchange, "Last-Event-ID", NULL);
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_high(reader, &high, err);
    api_return(&call->job, reader);
    *ret = high.change;
    if (status != RC_OK || !text.p) return status;
    if (!rc_parse_u64(text, ret))
        return rc_fail(err, RC_SYNTAX, "Last-Event-ID is not an id that this server gave");
    if (*ret > high.change)
        return rc_fail(err, RC_SYNTAX,
                       "Last-Event-ID is ahead of everything that is stored here (the last event is %llu): "
                       "begin again without it",
                       (unsigned long long)high.change);
    return RC_OK;
}

/* On the API's thread: the exchange becomes the stream's. */
static enum rc_status begin(struct api_call *call, struct rc_error *err)
{
    struct rc_api *api = call->api;
    const struct http_field fields[] = {{"Content-Type", "text/event-stream"},
                                        {"X-Request-Id", call->request_id}};
    if (atomic_load(&api->draining)) return rc_fail(err, RC_STOPPING, "the server is stopping");
    if (atomic_load(&api->listening) >= RC_MAX_STREAMS)
        return rc_fail(err, RC_BUSY, "%d streams of events are open already", RC_MAX_STREAMS);
    struct api_stream *stream = malloc(sizeof *stream);
    if (!stream || make_page(api) != RC_OK) {
        free(stream);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    *stream = *(const struct api_stream *)call->state;
    call->taken = true; /* whatever comes, the exchange is not ours any more */
    call->status = 200;
    stream->http = http_stream_begin(call->exchange, 200, fields, 2, TICK_MS, look, stream);
    if (!stream->http) {
        free(stream);
        return RC_OK;
    }
    stream->api = api;
    stream->token = call->token;
    stream->next = api->streams;
    stream->sent_at = rc_clock_monotonic();
    api->streams = stream;
    atomic_fetch_add(&api->listening, 1);
    /* with the place, so that nothing is missed by who loses the connection before the first event */
    char text[64];
    int n = snprintf(text, sizeof text, "retry: %d\nid: %llu\n\n", RETRY_MS, (unsigned long long)stream->at);
    put(stream, (struct rc_sv){text, (uint32_t)n});
    api_stir_streams(
        api); /* what is behind the place already, or is committed before it counts as listening */
    return RC_OK;
}

enum rc_status api_events(struct api_call *call, struct rc_error *err)
{
    struct api_stream *stream = RC_NEW(call->arena, struct api_stream);
    if (!stream) return rc_fail_arena(err, call->arena);
    enum rc_status status = read_wishes(call, stream, err);
    if (status == RC_OK) status = read_place(call, &stream->at, err);
    if (status != RC_OK) return status;
    call->state = stream;
    if (call->http.method != HTTP_HEAD) {
        api_go_on(call, API_READS_NOTHING, begin);
        return RC_OK;
    }
    api_begin(call, 200);
    call->content_type = "text/event-stream";
    return RC_OK;
}
