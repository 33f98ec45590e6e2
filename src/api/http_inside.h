#pragma once
/* What the parts of the HTTP server share: connection, server, and who may call what. Private to api/. */
#include "api/http_parse.h"
#include "base/clock.h"
#include "base/map.h"
#include "secure/tls.h"

#include <stdatomic.h>

#include <event2/event.h>
#include <event2/event_struct.h>

/* Where a connection stands. Only in HTTP_HANDLING and HTTP_STREAMING does somebody outside hold the exchange; a connection is
 * ended by itself in all others, and never in these. */
enum http_phase {
    HTTP_SHAKING,   /* TLS handshake */
    HTTP_IDLE,      /* no byte of a request is here */
    HTTP_HEADING,   /* a part of a head is */
    HTTP_FILLING,   /* the head is read, the body is not complete */
    HTTP_HANDLING,  /* the handler has it, or it is parked */
    HTTP_WRITING,   /* the answer is on its way */
    HTTP_STREAMING, /* an answer without an end */
    HTTP_LINGERING, /* the last answer is out; what still comes is dropped, so that the client can read it */
    HTTP_ENDED      /* closed; freed as soon as nobody works on it */
};

struct http_peer { /* how many connections an address has; of IPv6 the first 64 bits count */
    uint64_t key;
    uint32_t connections;
};

struct http_watch {
    struct event timer; /* set up where `timed` */
    bool timed;         /* else only the client's end counts */
    struct http_exchange *exchange;
    void (*over)(void *context);
    void *context;
};

struct http_stream {
    struct event timer;
    struct http_exchange *exchange;
    void (*look)(void *context);
    void *context;
    uint64_t queued; /* bytes that were ever put, with head and framing */
    bool chunked, gone;
};

/* A connection and the exchange that it is in: one request at a time, the next one is not looked at before the answer is out. */
struct http_exchange {
    struct http_server *server;
    struct http_exchange *next, *previous;
    struct http_peer *peer;
    struct rc_tls_session *tls; /* NULL: plain */
    struct http_watch *watch;
    struct http_stream *stream;
    struct event readable_event, writable_event;
    uint64_t deadline, idle_since; /* ms of the monotonic clock */
    int fd;
    uint8_t phase;
    bool readable;  /* there may be more to read; the event is on while this is false */
    bool deaf;      /* what it waits for cannot be waited for */
    bool listening; /* the event is on */
    bool later;     /* it was put behind others: the event is on with no time */
    bool writing;   /* the event for writing is on */
    bool running;   /* http_run_exchange is at work on it */
    bool last;      /* the connection ends with this answer */
    bool refused;   /* what the client still sends is not read as a request */
    /* in: a head and its body, or a part of them; `head` and `in` are there while in_cap is not 0 */
    char *in;
    struct http_head *head;
    struct http_chunks chunks;
    uint32_t in_n, in_cap, scanned;
    uint32_t request_n; /* bytes of the request in hand, in `in` */
    uint64_t dropped;   /* bytes, while lingering */
    /* out */
    char *out;
    uint32_t out_n, out_at, out_cap;
};

struct http_server {
    struct http_options options;
    struct http_bounds bounds;
    struct event_base *base;
    struct event *wake, *stop, *accept, *sweep, *again, *leave;
    int wake_fd, stop_fd, listen_fd;
    atomic_bool rung; /* wake_fd was written to, and nobody has looked since */
    uint16_t port;
    bool full; /* accepts nobody until somebody leaves */
    struct http_exchange *first,
        *last; /* all connections; an idle one stands before those that became so later */
    struct rc_map peers;
    uint64_t seed; /* of the peers' keys, so that nobody can choose them */
    struct http_stats stats;
    uint64_t buffered; /* bytes of all `in` and `out` */
    /* from http_stop on: when the loop ends at the latest (0: it was not stopped), when it does where nothing gets on, and what was not
     * sent at the last look */
    uint64_t leave_at, stalled_at, unsent;
    time_t date_of;
    char date[64];
};

/* ---- connections (http_connection.c) */

uint64_t http_now_ms(void);
/* Takes the socket, also on failure. */
void http_begin_exchange(struct http_server *, int fd, struct http_peer *);
/* Goes on as far as it can; the connection may be gone afterwards. */
void http_run_exchange(struct http_exchange *);
/* The request is answered or dropped: `out` holds what must still leave. */
void http_answered(struct http_exchange *);
/* Closes; memory is freed now, or by http_run_exchange where that is at work. */
void http_end_exchange(struct http_exchange *);
void http_set_deadline(struct http_exchange *, uint32_t ms); /* 0: none */

/* Sends what stands in `out`. False: the rest must wait, or the connection has ended. */
bool http_flush(struct http_exchange *);

/* ---- answers (http_answer.c) */

/* Whether all connections together may hold so many bytes more. */
bool http_may_buffer(const struct http_server *, uint64_t more);
/* Room in `out`; what is added afterwards must fit. False: out of memory. */
RC_MUST
bool http_reserve(struct http_exchange *, size_t more);
void http_add(struct http_exchange *, const char *bytes, size_t n);
void http_add_text(struct http_exchange *, const char *text);
/* What a head with these fields takes, and what the caller adds to it, if that is little. */
size_t http_head_room(const struct http_field *fields, uint32_t nfields);
/* Status line and headers; the empty line is the caller's. `post`: it may not be shown as a page. */
void http_add_head(struct http_exchange *, int status, const struct http_field *fields, uint32_t nfields,
                   bool post);

/* Appends to `out`. False: out of memory. */
RC_MUST
bool http_put(struct http_exchange *, struct rc_sv);
/* Answers with a problem (RFC 9457) and closes the connection after it. */
void http_refuse(struct http_exchange *, struct http_refusal);

/* ---- streams and watches (http_stream.c) */

/* The parked exchange has become readable: whether that is what its watch waits for. */
bool http_watch_minds(const struct http_watch *);

/* What was put has left, or nobody takes it: the owner is asked. Whether there may be more to do now. */
bool http_step_stream(struct http_exchange *);

/* ---- the server (http.c) */

void http_left(struct http_server *, struct http_peer *); /* a connection has ended */
