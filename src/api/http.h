#pragma once
/* A small HTTP/1.1 server: requests in, answers out, parked as long as needed. The only door to the HTTP
 * library, so that it can be exchanged; nothing of the library shows here.
 *
 * One thread (the one in http_run) owns every exchange. What the library lets pass is checked before the
 * handler sees a request: one Content-Length at most and never beside Transfer-Encoding, no other transfer
 * coding than chunked, header names that are tokens, exactly one Host. Such requests are answered 400 and the
 * connection is closed. A line that ends with a bare LF is accepted, as RFC 9112 section 2.2 allows.
 *
 * The library itself answers, with a text of its own: requests that it cannot parse (400), headers over the
 * bound (400), bodies over the bound (413), methods that it does not know (501). */
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
};

/* The handler answers, drops or parks the exchange; the request's texts are valid until then. */
typedef void http_handler(void *context, struct http_exchange *, const struct http_request *);

struct http_options {
    const char *address;            /* numeric IPv4 or IPv6 */
    uint16_t port;                  /* 0: any that is free */
    uint32_t max_connections;       /* keep it well below RLIMIT_NOFILE */
    uint32_t max_body, max_headers; /* bytes */
    unsigned idle_seconds;          /* a connection without traffic is closed after this */
    http_handler *handler;
    void (*woken)(void *context); /* on the server's thread, some time after http_wake */
    void *context;
};

/* Listens at once, so that a port in use is an error here. RC_IO, RC_INVALID (address), RC_NOMEM. */
RC_MUST
enum rc_status http_open(const struct http_options *, struct http_server **ret, struct rc_error *);
uint16_t http_port(const struct http_server *);
/* Serves until http_stop. */
RC_MUST
enum rc_status http_run(struct http_server *, struct rc_error *);
/* After http_run has returned. Open connections are closed, parked exchanges end with them. */
void http_close(struct http_server *);

/* Any thread. */
void http_wake(struct http_server *); /* runs `woken` once for any number of calls before it */
void http_stop(struct http_server *);
/* On the server's thread: no new connections from now on. */
void http_stop_listening(struct http_server *);

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
