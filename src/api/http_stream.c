/* Exchanges that last: watching one that is parked, and answers without an end. */
#include "api/http_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CLOCK_TICK_MS = 10 }; /* how early a timer may be: libevent reads the coarse clock */

/* ---- watching ------------------------------------------------------------------------------------------ */

static struct timeval span_of(unsigned ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    const struct http_watch *watch = context;
    watch->over(watch->context);
}

static struct http_watch *watch(struct http_exchange *conn, void (*over)(void *context), void *context)
{
    struct http_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return NULL;
    watch->exchange = conn;
    watch->over = over;
    watch->context = context;
    conn->watch = watch;
    /* the end of the stream, an error and more data all make it readable: let the kernel say so, again if it did */
    conn->readable = false;
    if (!conn->listening) conn->listening = event_add(&conn->readable_event, NULL) == 0;
    return watch;
}

struct http_watch *http_watch(struct http_server *server, struct http_exchange *conn, unsigned ms,
                              void (*over)(void *context), void *context)
{
    const struct timeval time = span_of(ms + CLOCK_TICK_MS);
    struct http_watch *made = watch(conn, over, context);
    if (!made) return NULL;
    evtimer_assign(&made->timer, server->base, on_time, made);
    made->timed = evtimer_add(&made->timer, &time) == 0;
    if (made->timed) return made;
    http_unwatch(made);
    return NULL;
}

struct http_watch *http_watch_end(struct http_server *server, struct http_exchange *conn,
                                  void (*over)(void *context), void *context)
{
    (void)server;
    return watch(conn, over, context);
}

bool http_watch_minds(const struct http_watch *watch)
{
    char byte;
    return watch->timed || recv(watch->exchange->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void http_unwatch(struct http_watch *watch)
{
    if (!watch) return;
    if (watch->timed) (void)evtimer_del(&watch->timer);
    watch->exchange->watch = NULL;
    free(watch);
}

/* ---- answers without an end ---------------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    const struct http_stream *stream = context;
    stream->look(stream->context);
}

/* What was put leaves when the loop comes round, not at once: `look` may be at work on the stream. */
static void flush_soon(struct http_exchange *conn)
{
    if (!conn->writing) conn->writing = event_add(&conn->writable_event, NULL) == 0;
}

struct http_stream *http_stream_begin(struct http_exchange *conn, int status, const struct http_field *fields,
                                      uint32_t nfields, unsigned ms, void (*look)(void *context),
                                      void *context)
{
    const struct timeval time = span_of(ms);
    struct http_stream *stream = calloc(1, sizeof *stream);
    conn->last = true;
    if (stream) event_assign(&stream->timer, conn->server->base, -1, EV_PERSIST, on_tick, stream);
    if (!stream || !http_reserve(conn, http_head_room(fields, nfields)) ||
        event_add(&stream->timer, &time) != 0) {
        free(stream);
        http_answer(conn, 503, NULL, 0, (struct rc_sv){0});
        return NULL;
    }
    stream->exchange = conn;
    stream->look = look;
    stream->context = context;
    stream->chunked = !conn->head->old; /* else its end is the connection's */
    http_add_head(conn, status, fields, nfields, false);
    http_add_text(conn, stream->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    stream->queued = conn->out_n - conn->out_at;
    conn->stream = stream;
    conn->phase = HTTP_STREAMING;
    conn->deadline = UINT64_MAX;
    flush_soon(conn);
    return stream;
}

/* The client of a stream may send what it likes; only its end counts. */
static bool watch_stream(struct http_exchange *conn)
{
    char bytes[4096];
    struct http_stream *stream = conn->stream;
    if (!conn->readable || stream->gone) return false;
    int got =
        conn->tls ? rc_tls_read(conn->tls, bytes, sizeof bytes) : (int)recv(conn->fd, bytes, sizeof bytes, 0);
    if (got > 0) return true;
    bool nothing = conn->tls ? got == RC_TLS_READ || got == RC_TLS_WRITE
                             : got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    conn->readable = false;
    stream->gone = !nothing;
    return false;
}

bool http_step_stream(struct http_exchange *conn)
{
    struct http_stream *stream = conn->stream;
    bool pending = conn->out_at < conn->out_n, was_gone = stream->gone;
    bool flushed = pending && !was_gone && http_flush(conn);
    bool more = watch_stream(conn);
    if (flushed || (stream->gone && !was_gone)) {
        stream->look(stream->context);
        return false; /* what was put now leaves by its event */
    }
    return more;
}

bool http_stream_put(struct http_stream *stream, struct rc_sv piece)
{
    char size[16];
    struct http_exchange *conn = stream->exchange;
    if (!piece.n || stream->gone) return true; /* an empty chunk would be the end */
    if (conn->out_at) { /* what has left makes room: the buffer does not grow with the stream */
        memmove(conn->out, conn->out + conn->out_at, conn->out_n - conn->out_at);
        conn->out_n -= conn->out_at;
        conn->out_at = 0;
    }
    if (!http_reserve(conn, piece.n + sizeof size)) return false;
    uint32_t before = conn->out_n;
    if (stream->chunked) {
        snprintf(size, sizeof size, "%x\r\n", piece.n);
        http_add_text(conn, size);
    }
    http_add(conn, piece.p, piece.n);
    if (stream->chunked) http_add(conn, "\r\n", 2);
    stream->queued += conn->out_n - before;
    flush_soon(conn);
    return true;
}

uint64_t http_stream_sent(const struct http_stream *stream)
{
    return stream->queued - http_stream_pending(stream);
}

size_t http_stream_pending(const struct http_stream *stream)
{
    return stream->exchange->out_n - stream->exchange->out_at;
}

bool http_stream_gone(const struct http_stream *stream)
{
    return stream->gone;
}

void http_stream_end(struct http_stream *stream, unsigned ms)
{
    struct http_exchange *conn = stream->exchange;
    bool cut = ms == 0 || stream->gone, chunked = stream->chunked;
    (void)event_del(&stream->timer);
    conn->stream = NULL;
    free(stream);
    if (cut || (chunked && !http_put(conn, RC_SV("0\r\n\r\n")))) {
        http_end_exchange(conn);
        return;
    }
    conn->phase = HTTP_WRITING;
    http_set_deadline(conn, ms);
    flush_soon(conn);
}
