#pragma once
/* A small HTTP/1.1 server: requests in, answers out, parked as long as needed; with or without TLS. The only door to
 * the event library, so that it can be exchanged; nothing of the library shows here.
 *
 * Why not the library's own HTTP (evhttp), which this began with: it answers what it cannot parse itself, in HTML; it lets pass
 * a bare LF, two lengths and blanks before a colon; it has one time limit for everything, does not say when a connection ends
 * (so that they cannot be counted), and can be shed no load before a request is read. What stands between a socket and a
 * strict parser is less than what it took to hold all that down. The library still gives the event loop; libevent has no part
 * in a request.
 *
 * One thread (the one in http_run) owns every exchange. Requests are read by the book (http_parse.h); what is not by the book,
 * over a bound or too slow is answered with a problem (RFC 9457) and the connection is closed:
 *   400 malformed, 408 request-timeout, 413 limit-exceeded (body), 414 target-too-long, 417 expectation-failed,
 *   431 headers-too-large, 501 not-implemented (method, transfer coding), 505 http-version-not-supported.
 * HTTP/1.0 is answered and the connection closed; what HTTP/0.9 was is malformed. "Expect: 100-continue" is told to go on where
 * the head can be accepted. Requests that are sent ahead wait until the answer before theirs is out.
 *
 * Bounds: at max_connections a newcomer takes the place of the connection that has been idle for longest, if that is a second
 * at the least; else it waits in the kernel's queue. An address with max_per_address connections gets no more: they are closed
 * at once. What all connections hold together is bounded, too: at max_buffers a request that is larger than a few KiB is answered
 * 503 (busy), and an answer that large ends its connection. */
#include "base/error.h"

struct http_server;
struct http_exchange; /* one request and its answer */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_OTHER
};

struct http_request {
    enum http_method method;
    struct rc_sv path;  /* as sent, still percent-encoded; begins with '/' */
    struct rc_sv query; /* without '?'; as sent */
    struct rc_sv host;  /* the Host header, or the host of an absolute request target */
    struct rc_sv body;
    uint64_t peer; /* the same number for the same address of a client (IPv6: for the same first 64 bits) */
};

/* The handler answers, drops or parks the exchange; the request's texts are valid until then. */
typedef void http_handler(void *context, struct http_exchange *, const struct http_request *);

struct rc_tls;
struct http_options {
    const char *address;      /* numeric IPv4 or IPv6 */
    uint16_t port;            /* 0: any that is free */
    struct rc_tls *tls;       /* the caller's (secure/tls.h); NULL: plain */
    uint32_t max_connections; /* keep it well below RLIMIT_NOFILE */
    uint32_t max_per_address; /* connections; 0: no bound of its own */
    uint32_t max_body;        /* bytes, decoded */
    uint32_t max_headers;     /* bytes of request line and headers; at most 65535 */
    uint32_t max_lines;       /* header lines; at most 128 */
    uint32_t max_target;      /* bytes of the request target */
    /* bytes of all requests that have not come whole, and answers not yet taken; 0: no bound */
    uint64_t max_buffers;
    /* how long things may take, in ms, exact to a quarter of a second; 0: for ever */
    uint32_t header_ms; /* from connecting, or from the first byte of a request, until its headers are here */
    uint32_t body_ms;   /* from there until the body is */
    /* for an answer to be taken, and a millisecond more for every answer_rate bytes of it */
    uint32_t answer_ms;
    uint32_t answer_rate;
    uint32_t idle_ms; /* between two requests */
    http_handler *handler;
    void (*woken)(void *context); /* on the server's thread, some time after http_wake */
    void *context;
};

/* Listens at once, so that a port in use is an error here. RC_IO, RC_INVALID (address), RC_NOMEM. */
RC_MUST
enum rc_status http_open(const struct http_options *, struct http_server **ret, struct rc_error *);
uint16_t http_port(const struct http_server *);
/* Serves until http_stop, and then until the answers that were given have left: as long as they get on, for a few seconds. */
RC_MUST
enum rc_status http_run(struct http_server *, struct rc_error *);
/* After http_run has returned. Open connections are closed, parked exchanges end with them. */
void http_close(struct http_server *);

/* Any thread. */
void http_wake(struct http_server *); /* runs `woken` once for any number of calls before it */
void http_stop(struct http_server *);
/* On the server's thread: no new connections from now on. */
void http_stop_listening(struct http_server *);

struct http_stats {
    uint32_t connections;        /* now */
    uint64_t accepted, requests; /* since start */
    uint64_t refused;            /* requests that were answered here and never reached the handler */
    uint64_t turned_away;        /* connections over the bound of their address */
    uint64_t evicted;            /* idle connections that made room */
    uint64_t handshakes_failed;
};
void http_stats(const struct http_server *, struct http_stats *ret); /* on the server's thread */

/* The first header of this name; p is NULL where there is none. *ret_more (may be NULL): there are others. */
struct rc_sv http_header(const struct http_exchange *, const char *name, bool *ret_more);

struct http_field {
    const char *name, *value;
};
/* Ends the exchange: it is gone afterwards. `body` is copied. Content-Length and Date are added, and nosniff
 * and no-store unless it answers a POST. */
void http_answer(struct http_exchange *, int status, const struct http_field *fields, uint32_t nfields,
                 struct rc_sv body);
/* Watches a parked exchange: `over` runs once, when `ms` have passed, or before that when the client has closed its
 * side of the connection or has sent more. NULL: it cannot be watched (the client is gone, out of memory). */
struct http_watch;
RC_MUST
struct http_watch *http_watch(struct http_server *, struct http_exchange *, unsigned ms,
                              void (*over)(void *context), void *context);
/* The same without a time, and not for a client that sends more: then nobody can see its end. */
struct http_watch *http_watch_end(struct http_server *, struct http_exchange *, void (*over)(void *context),
                                  void *context);
void http_unwatch(struct http_watch *); /* before the exchange ends; NULL is fine */
/* Ends the exchange without an answer: the connection is closed. Not from within the handler. */
void http_drop(struct http_exchange *);
/* The connection is closed after this exchange's answer. */
void http_last(struct http_exchange *);

/* ---- answers without an end ---------------------------------------------------------------------------- */

/* An answer whose body comes in pieces, for as long as the client likes. The exchange is the stream's from its begin on; the
 * connection is closed after it, and knows no idle time. Everything on the server's thread. */
struct http_stream;
/* `look` runs when all that was put has left, and every `ms`: to see whether the client has gone, to put more, to end the
 * stream. NULL: out of memory, or the client is gone; then so is the exchange. */
RC_MUST
struct http_stream *http_stream_begin(struct http_exchange *, int status, const struct http_field *fields,
                                      uint32_t nfields, unsigned ms, void (*look)(void *context),
                                      void *context);
/* Queues a copy. False: out of memory; the stream cannot go on. */
RC_MUST
bool http_stream_put(struct http_stream *, struct rc_sv);
/* Bytes that the system has not taken yet: what a slow reader costs. Who puts more must look at it. */
size_t http_stream_pending(const struct http_stream *);
/* Bytes that the system has taken since the begin: where it stands still and something is pending, the client does not read. */
uint64_t http_stream_sent(const struct http_stream *);
bool http_stream_gone(const struct http_stream *);
/* The stream is gone afterwards. What was put still leaves, if the client takes it within `ms`; 0: it is cut off. Streams are
 * ended before http_close. */
void http_stream_end(struct http_stream *, unsigned ms);
