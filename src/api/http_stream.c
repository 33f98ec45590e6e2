/* Answers without an end, on evhttp's chunked replies. Three things that evhttp does by default would not do here: it closes a
 * connection on which nothing comes for a while, it reads what the client sends meanwhile without bound, and it tells nobody
 * that the client has gone. So timeouts are taken off, reading has a watermark (it goes on for the end of the connection to be
 * noticed), and a tick of our own looks. */
#include "api/http_inside.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>

enum { READ_MARK = 4096 };

struct http_stream {
    struct evhttp_request *request;
    struct event *tick;
    struct evbuffer *piece; /* empty between two puts */
    void (*look)(void *context);
    void *context;
    uint64_t queued; /* bytes that were ever given to the connection, with headers and framing */
};

static struct bufferevent *channel(const struct http_stream *stream)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);
    return connection ? evhttp_connection_get_bufferevent(connection) : NULL;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    const struct http_stream *stream = context;
    stream->look(stream->context);
}

static void on_left(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    const struct http_stream *stream = context;
    stream->look(stream->context);
}

static void release(struct http_stream *stream)
{
    if (stream->tick) event_free(stream->tick);
    if (stream->piece) evbuffer_free(stream->piece);
    free(stream);
}

static struct http_stream *make(struct evhttp_connection *connection, unsigned ms)
{
    const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
    struct http_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    stream->piece = evbuffer_new();
    stream->tick = event_new(evhttp_connection_get_base(connection), -1, EV_PERSIST, on_tick, stream);
    if (stream->piece && stream->tick && event_add(stream->tick, &time) == 0) return stream;
    release(stream);
    return NULL;
}

struct http_stream *http_stream_begin(struct http_exchange *exchange, int status,
                                      const struct http_field *fields, uint32_t nfields, unsigned ms,
                                      void (*look)(void *context), void *context)
{
    struct evhttp_request *request = http_inside(exchange);
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct http_stream *stream = connection ? make(connection, ms) : NULL;
    if (!stream) {
        http_last(exchange);
        http_answer(exchange, 503, NULL, 0, (struct rc_sv){0}); /* only frees where the client went first */
        return NULL;
    }
    stream->request = request;
    stream->look = look;
    stream->context = context;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    for (uint32_t i = 0; i < nfields; i++) (void)evhttp_add_header(headers, fields[i].name, fields[i].value);
    (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    http_last(exchange);
    evhttp_send_reply_start(request, status, NULL);
    struct bufferevent *bufev = channel(stream);
    if (bufev) {
        bufferevent_setwatermark(bufev, EV_READ, 0, READ_MARK);
        (void)bufferevent_set_timeouts(bufev, NULL, NULL);
        stream->queued = http_stream_pending(stream);
    }
    return stream;
}

bool http_stream_put(struct http_stream *stream, struct rc_sv bytes)
{
    if (!bytes.n || !channel(stream)) return true; /* who has gone is told by http_stream_gone */
    if (evbuffer_add(stream->piece, bytes.p, bytes.n) != 0) return false;
    size_t before = http_stream_pending(stream);
    evhttp_send_reply_chunk_with_cb(stream->request, stream->piece, on_left, stream);
    stream->queued += http_stream_pending(stream) - before;
    return true;
}

size_t http_stream_pending(const struct http_stream *stream)
{
    struct bufferevent *bufev = channel(stream);
    return bufev ? evbuffer_get_length(bufferevent_get_output(bufev)) : 0;
}

uint64_t http_stream_sent(const struct http_stream *stream)
{
    return stream->queued - http_stream_pending(stream);
}

bool http_stream_gone(const struct http_stream *stream)
{
    return evhttp_request_get_connection(stream->request) == NULL;
}

void http_stream_end(struct http_stream *stream, unsigned ms)
{
    const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);
    if (ms == 0 && connection) {
        evhttp_connection_free(connection); /* its request goes with it */
    } else {
        if (connection) (void)bufferevent_set_timeouts(channel(stream), NULL, &time);
        evhttp_send_reply_end(stream->request); /* only frees where the client has gone */
    }
    release(stream);
}
