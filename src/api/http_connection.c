/* The life of a connection: handshake, head, body, answer, and again. One function goes on as far as it can (http_run_exchange);
 * events, and answers that come later, call it. It never calls itself: an answer from within the handler leaves its work to the
 * loop that is running.
 *
 * The event for reading is on exactly while there is nothing to read. So a connection whose request is worked on costs no system
 * call beside those that read and write, and one that sends more meanwhile is not read: it waits in the kernel, and the sender
 * with it. An idle connection holds no buffers. */
#include "api/http_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_IN = 4096,
    LINGER_MS = 2000,
    LINGER_BYTES = 64 << 20,
    CHUNKED_IN = 16 << 10,
    RAW_CHUNKS = 8192, /* what the framing of chunks may take of the buffer at a time */
    STEPS = 64,        /* of one connection in a row */
    REQUESTS = 4       /* the same */
};

uint64_t http_now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void http_set_deadline(struct http_exchange *conn, uint32_t ms)
{
    conn->deadline = ms ? http_now_ms() + ms : UINT64_MAX;
}

/* ---- phases -------------------------------------------------------------------------------------------- */

static void unlink_exchange(struct http_exchange *conn)
{
    struct http_server *server = conn->server;
    *(conn->previous ? &conn->previous->next : &server->first) = conn->next;
    *(conn->next ? &conn->next->previous : &server->last) = conn->previous;
    conn->next = conn->previous = NULL;
}

static void link_exchange(struct http_exchange *conn)
{
    struct http_server *server = conn->server;
    conn->previous = server->last;
    *(server->last ? &server->last->next : &server->first) = conn;
    server->last = conn;
}

static void drop_input(struct http_exchange *conn)
{
    conn->server->buffered -= conn->in_cap;
    free(conn->in);
    free(conn->head);
    conn->in = NULL;
    conn->head = NULL;
    conn->in_n = conn->in_cap = conn->scanned = 0;
}

static void drop_output(struct http_exchange *conn)
{
    conn->server->buffered -= conn->out_cap;
    free(conn->out);
    conn->out = NULL;
    conn->out_n = conn->out_at = conn->out_cap = 0;
}

static void become_idle(struct http_exchange *conn)
{
    conn->phase = HTTP_IDLE;
    drop_input(conn);
    conn->idle_since = http_now_ms();
    unlink_exchange(conn); /* to the end: whoever stands before has been idle for longer */
    link_exchange(conn);
    http_set_deadline(conn, conn->server->options.idle_ms);
}

void http_end_exchange(struct http_exchange *conn)
{
    if (conn->phase == HTTP_ENDED) return;
    conn->phase = HTTP_ENDED;
    (void)event_del(&conn->readable_event);
    (void)event_del(&conn->writable_event);
    if (conn->tls) rc_tls_session_free(conn->tls);
    close(conn->fd);
    drop_input(conn);
    drop_output(conn);
    unlink_exchange(conn);
    http_left(conn->server, conn->peer);
    if (!conn->running) free(conn);
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

/* Where the kernel has no place for another descriptor that is waited for, nothing would ever be heard: it ends (http_run_exchange). */
static bool wait_for(struct http_exchange *conn, struct event *event, const struct timeval *time)
{
    bool heard = event_add(event, time) == 0;
    conn->deaf |= !heard;
    return heard;
}

static void wait_writable(struct http_exchange *conn)
{
    if (!conn->writing) conn->writing = wait_for(conn, &conn->writable_event, NULL);
}

/* Reads at most n bytes. Returns how many; 0: nothing now (or the connection has ended). */
static uint32_t take(struct http_exchange *conn, char *to, uint32_t n)
{
    if (conn->tls) {
        int got = rc_tls_read(conn->tls, to, n);
        conn->readable = got > 0 && rc_tls_has_more(conn->tls);
        if (got == RC_TLS_WRITE) wait_writable(conn);
        if (got == RC_TLS_END || got == RC_TLS_BROKEN) http_end_exchange(conn);
        return got > 0 ? (uint32_t)got : 0;
    }
    ssize_t got = recv(conn->fd, to, n, 0);
    if (got > 0) {
        conn->readable = (size_t)got == n;
        return (uint32_t)got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        conn->readable = false;
    else
        http_end_exchange(conn);
    return 0;
}

static void set_write_deadline(struct http_exchange *conn)
{
    uint32_t ms = conn->server->options.answer_ms, rate = conn->server->options.answer_rate;
    http_set_deadline(conn, ms && rate ? ms + (conn->out_n - conn->out_at) / rate : ms);
}

bool http_flush(struct http_exchange *conn)
{
    while (conn->out_at < conn->out_n) {
        const char *from = conn->out + conn->out_at;
        uint32_t n = conn->out_n - conn->out_at;
        ssize_t sent = conn->tls ? rc_tls_write(conn->tls, from, n) : send(conn->fd, from, n, MSG_NOSIGNAL);
        if (sent > 0) {
            conn->out_at += (uint32_t)sent;
            continue;
        }
        bool later = conn->tls ? sent == RC_TLS_WRITE || sent == RC_TLS_READ
                               : sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
        if (later)
            wait_writable(conn);
        else if (conn->stream)
            conn->stream->gone = true; /* its owner ends it */
        else
            http_end_exchange(conn);
        return false;
    }
    drop_output(conn);
    return true;
}

/* Room for more input. Grows with what has come, not with what was announced. */
static enum rc_status make_room(struct http_exchange *conn)
{
    struct http_server *server = conn->server;
    if (conn->in_n < conn->in_cap) return RC_OK;
    uint64_t most = (uint64_t)server->bounds.head + server->bounds.body + RAW_CHUNKS;
    uint64_t cap = conn->in_cap ? 2 * (uint64_t)conn->in_cap : FIRST_IN;
    if (cap > most) cap = most;
    if (cap <= conn->in_cap) return RC_NOMEM; /* the parser says before that it is too much */
    if (cap > FIRST_IN && !http_may_buffer(server, cap - conn->in_cap)) return RC_BUSY;
    if (!conn->head && !(conn->head = malloc(sizeof *conn->head))) return RC_NOMEM;
    char *in = realloc(conn->in, cap);
    if (!in) return RC_NOMEM;
    server->buffered += cap - conn->in_cap;
    conn->in = in;
    conn->in_cap = (uint32_t)cap;
    return RC_OK;
}

/* How much to read: of what follows this request only a little, since it is moved when its turn comes. */
static uint32_t room_for(const struct http_exchange *conn)
{
    uint64_t want = FIRST_IN, room = conn->in_cap - conn->in_n;
    if (conn->phase == HTTP_FILLING)
        want = conn->head->chunked ? CHUNKED_IN : conn->head->n + conn->head->length - conn->in_n;
    return (uint32_t)(want < room ? want : room);
}

/* Reads more. False: nothing came. */
static bool fill(struct http_exchange *conn)
{
    if (!conn->readable) return false;
    enum rc_status status = make_room(conn);
    if (status != RC_OK) {
        http_refuse(conn, (struct http_refusal){.status = status,
                                                .why = status == RC_BUSY ? "too much is on its way; try again"
                                                                         : "out of memory"});
        return true;
    }
    uint32_t got = take(conn, conn->in + conn->in_n, room_for(conn));
    if (conn->phase == HTTP_ENDED) return false;
    conn->in_n += got;
    if (!got && !conn->in_n) drop_input(conn);
    return got > 0;
}

/* ---- steps --------------------------------------------------------------------------------------------- */

/* Each does one thing and returns whether there may be more to do now. */

static bool is_tls_hello(const struct http_exchange *conn, bool *ret_plain)
{
    unsigned char first;
    ssize_t got = recv(conn->fd, &first, 1, MSG_PEEK);
    *ret_plain = got == 1 && first != 0x16 && first >= ' ' && first < 0x7f;
    return got == 1 && !*ret_plain;
}

static bool shake(struct http_exchange *conn)
{
    bool plain = false;
    if (!conn->readable) return false;
    if (!conn->scanned && !(conn->scanned = is_tls_hello(conn, &plain))) {
        if (plain) { /* said in clear, so that it is understood */
            rc_tls_session_free(conn->tls);
            conn->tls = NULL;
            http_refuse(conn, (struct http_refusal){.status = RC_SYNTAX,
                                                    .why = "this port speaks TLS: use https://"});
            return true;
        }
    }
    int got = rc_tls_handshake(conn->tls);
    if (got == 0) {
        become_idle(conn);
        return true;
    }
    conn->readable = false;
    if (got == RC_TLS_WRITE) wait_writable(conn);
    if (got == RC_TLS_END || got == RC_TLS_BROKEN) {
        conn->server->stats.handshakes_failed++;
        http_end_exchange(conn);
    }
    return false;
}

static struct rc_sv view(const struct http_exchange *conn, struct http_span span)
{
    return (struct rc_sv){conn->in + span.at, span.n};
}

static void handle(struct http_exchange *conn, uint32_t body_n)
{
    const struct http_head *head = conn->head;
    const struct http_options *options = &conn->server->options;
    conn->request_n = head->n + body_n;
    conn->last = head->last;
    conn->phase = HTTP_HANDLING;
    conn->deadline = UINT64_MAX;
    conn->server->stats.requests++;
    const struct http_request request = {
        .method = head->method,
        .path = head->path.n ? view(conn, head->path) : RC_SV("/"),
        .query = view(conn, head->query),
        .host = view(conn, head->host),
        .body = {body_n ? conn->in + head->n : NULL, body_n},
        .peer = conn->peer->key,
    };
    options->handler(options->context, conn, &request);
}

static bool go_on(struct http_exchange *conn)
{
    static const struct rc_sv go = RC_SV("HTTP/1.1 100 Continue\r\n\r\n");
    return http_put(conn, go) && (http_flush(conn) || conn->phase != HTTP_ENDED);
}

/* Looks for the end of the head. */
static bool read_head(struct http_exchange *conn)
{
    struct http_server *server = conn->server;
    struct http_refusal refusal;
    if (!conn->in_n && !fill(conn)) return false;
    if (conn->phase == HTTP_WRITING) return true; /* out of memory */
    if (conn->phase == HTTP_IDLE) {
        conn->phase = HTTP_HEADING;
        http_set_deadline(conn, server->options.header_ms);
    }
    enum http_found found = http_head_find(conn->in, conn->in_n, &server->bounds, &conn->scanned, &refusal);
    if (found == HTTP_MORE) return fill(conn);
    if (found == HTTP_WHOLE)
        found = http_head_read(conn->in, conn->scanned, &server->bounds, conn->head, &refusal);
    if (found == HTTP_REFUSED) {
        http_refuse(conn, refusal);
        return true;
    }
    conn->chunks = (struct http_chunks){0};
    conn->phase = HTTP_FILLING;
    uint64_t whole = conn->head->n + conn->head->length;
    if (!conn->head->chunked && conn->in_n >= whole) return true;
    http_set_deadline(conn, server->options.body_ms);
    if (conn->head->expects && conn->in_n == conn->head->n) return go_on(conn);
    return true;
}

static bool read_body(struct http_exchange *conn)
{
    const struct http_head *head = conn->head;
    struct http_refusal refusal;
    if (!head->chunked) {
        if (conn->in_n - head->n < head->length) return fill(conn);
        handle(conn, (uint32_t)head->length);
        return true;
    }
    uint32_t n = conn->in_n - head->n;
    enum http_found found =
        http_chunks_read(&conn->chunks, conn->in + head->n, &n, conn->server->bounds.body, &refusal);
    conn->in_n = head->n + n;
    if (found == HTTP_MORE) return fill(conn);
    if (found == HTTP_WHOLE)
        handle(conn, conn->chunks.n);
    else
        http_refuse(conn, refusal);
    return true;
}

/* The answer is out: the next request, or the end. */
static bool next(struct http_exchange *conn)
{
    uint32_t rest = conn->in_n > conn->request_n ? conn->in_n - conn->request_n : 0;
    if (conn->last) {
        if (conn->tls) rc_tls_goodbye(conn->tls);
        if (!conn->refused && !rest && !conn->readable) {
            http_end_exchange(conn);
            return false;
        }
        /* closing now would reset the connection, and with it the answer (RFC 9112 section 9.6) */
        (void)shutdown(conn->fd, SHUT_WR);
        drop_input(conn);
        conn->phase = HTTP_LINGERING;
        http_set_deadline(conn, LINGER_MS);
        return true;
    }
    if (!rest) {
        become_idle(conn);
        return conn->readable;
    }
    memmove(conn->in, conn->in + conn->request_n, rest);
    conn->in_n = rest;
    conn->scanned = 0;
    conn->phase = HTTP_HEADING;
    http_set_deadline(conn, conn->server->options.header_ms);
    return true;
}

/* What the client still sends is of no interest. A socket is read past TLS here: nobody decrypts it any more. */
static bool drop_more(struct http_exchange *conn)
{
    char bytes[16 << 10];
    if (!conn->readable) return false;
    ssize_t got = recv(conn->fd, bytes, sizeof bytes, 0);
    bool nothing = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (nothing) conn->readable = false;
    if (got > 0) conn->dropped += (uint64_t)got;
    if (nothing || (got > 0 && conn->dropped <= LINGER_BYTES)) return !nothing;
    http_end_exchange(conn);
    return false;
}

static bool step(struct http_exchange *conn)
{
    switch ((enum http_phase)conn->phase) {
    case HTTP_SHAKING: return shake(conn);
    case HTTP_IDLE:
    case HTTP_HEADING: return read_head(conn);
    case HTTP_FILLING: return read_body(conn);
    case HTTP_WRITING: return http_flush(conn) && next(conn);
    case HTTP_STREAMING: return http_step_stream(conn);
    case HTTP_LINGERING: return drop_more(conn);
    case HTTP_HANDLING:
    case HTTP_ENDED: break;
    }
    return false;
}

/* The event for reading is on while nothing is there to read. */
static void listen_again(struct http_exchange *conn)
{
    bool gone = conn->stream && conn->stream->gone;
    if (conn->listening && (conn->readable || gone)) {
        (void)event_del(&conn->readable_event);
        conn->listening = false;
    } else if (!conn->listening && !conn->readable && !gone) {
        conn->listening = wait_for(conn, &conn->readable_event, NULL);
    }
}

/* Others have their turn first, and whoever has become ready meanwhile: a timer comes after the next look at the sockets. */
static void go_on_later(struct http_exchange *conn)
{
    static const struct timeval at_once = {0};
    if (conn->listening) (void)event_del(&conn->readable_event);
    conn->listening = conn->later = wait_for(conn, &conn->readable_event, &at_once);
}

void http_run_exchange(struct http_exchange *conn)
{
    const struct http_stats *stats = &conn->server->stats;
    uint64_t first = stats->requests;
    unsigned steps = 0;
    bool more = true;
    conn->running = true;
    conn->deaf = false;
    while (more && steps < STEPS && stats->requests - first < REQUESTS) {
        more = step(conn);
        steps++;
    }
    if (conn->phase != HTTP_ENDED) { /* NOLINT(clang-analyzer-unix.Malloc): nobody frees it while it runs */
        if (more && conn->phase != HTTP_HANDLING)
            go_on_later(conn);
        else
            listen_again(conn);
        /* one that is at work is answered, and then tries again; a stream is ended by its owner */
        if (conn->deaf && conn->stream) conn->stream->gone = true;
        if (conn->deaf && !conn->stream && conn->phase != HTTP_HANDLING) http_end_exchange(conn);
    }
    conn->running = false; /* NOLINT(clang-analyzer-unix.Malloc): nobody frees it while this is set */
    if (conn->phase == HTTP_ENDED) free(conn);
}

void http_answered(struct http_exchange *conn)
{
    conn->phase = HTTP_WRITING;
    set_write_deadline(conn);
    if (!conn->running) http_run_exchange(conn);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    struct http_exchange *conn = context;
    if (conn->later) {
        (void)event_del(&conn->readable_event);
        conn->listening = conn->later = false;
    }
    if (conn->phase == HTTP_HANDLING && !(what & EV_READ)) { /* it has gone on meanwhile */
        listen_again(conn);
        return;
    }
    conn->readable = true;
    if (conn->phase == HTTP_HANDLING && conn->watch) {
        struct http_watch *watch = conn->watch;
        listen_again(conn); /* off: it would come again and again */
        if (http_watch_minds(watch)) watch->over(watch->context);
        return;
    }
    http_run_exchange(conn);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct http_exchange *conn = context;
    conn->writing = false;
    if (conn->phase == HTTP_SHAKING || conn->tls) conn->readable = true; /* it may have waited for this */
    if (conn->phase == HTTP_FILLING && conn->out_n && !http_flush(conn)) return;
    http_run_exchange(conn);
}

void http_begin_exchange(struct http_server *server, int fd, struct http_peer *peer)
{
    struct http_exchange *conn = calloc(1, sizeof *conn);
    struct rc_tls *tls = server->options.tls;
    if (conn && tls) conn->tls = rc_tls_session_new(tls, fd);
    if (!conn || (tls && !conn->tls)) {
        close(fd);
        free(conn);
        http_left(server, peer);
        return;
    }
    conn->server = server;
    conn->peer = peer;
    conn->fd = fd;
    conn->phase = conn->tls ? HTTP_SHAKING : HTTP_IDLE;
    conn->idle_since = http_now_ms();
    event_assign(&conn->readable_event, server->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    event_assign(&conn->writable_event, server->base, fd, EV_WRITE, on_writable, conn);
    link_exchange(conn);
    http_set_deadline(conn, server->options.header_ms);
    conn->readable = true; /* most clients send at once */
    http_run_exchange(conn);
}
