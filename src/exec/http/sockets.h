#pragma once
/* The event loop under libcurl: one epoll for the sockets that curl uses, the sockets that lie idle in its
 * connection cache, and a wake-up.
 *
 * Idle sockets are watched because curl 7.88 hands a cached connection out again although bytes wait on it
 * (cf_socket_conn_is_alive), and would take them for the answer to the next request: the 408 of a server that
 * hangs up, or the rest of an answer that was longer than it said. An idle connection on which anything
 * arrives is retired here before it can be used again.
 *
 * One thread at a time, except http_sockets_wake. */
#include "base/clock.h"
#include "base/error.h"

#include <curl/curl.h>

#define HTTP_NEVER UINT64_MAX

struct http_sockets {
    CURLM *multi;
    int epoll, wake, dead;
    rc_us due;    /* when curl wants to be called; HTTP_NEVER */
    bool stalled; /* a connect has failed: see go_on in sockets.c */
    struct http_socket {
        uint32_t events; /* what epoll watches for; 0: it does not */
        bool ours;       /* a connection, made by http_sockets_make */
        bool idle;       /* in curl's cache, not in use */
    } * at;              /* by file descriptor */
    uint32_t cap;
};

RC_MUST
enum rc_status http_sockets_open(struct http_sockets *, uint32_t max_connections, struct rc_error *);
/* Closes the connections too. No easy handle may be left in the multi, and nobody may wake it any more. */
void http_sockets_close(struct http_sockets *);

/* Lets a turn that waits end now. Any thread. */
void http_sockets_wake(const struct http_sockets *);
/* Waits until something happens, at most so many milliseconds, and lets curl work on it. */
void http_sockets_turn(struct http_sockets *, int most_ms);

/* A new socket for curl (CURLOPT_OPENSOCKETFUNCTION), or CURL_SOCKET_BAD; and its end
 * (CURLOPT_CLOSESOCKETFUNCTION, the context is the http_sockets). */
curl_socket_t http_sockets_make(struct http_sockets *, const struct curl_sockaddr *);
int http_sockets_drop(void *context, curl_socket_t fd);
