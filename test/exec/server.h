#pragma once
/* A raw TCP server whose behaviour a test writes as a function: it is called on a thread of its own for every
 * connection. It keeps every request it has read. */
#include <stdbool.h>
#include <stddef.h>

struct server;

/* `nth` counts connections from 0. The socket is closed when it returns. */
typedef void serve_fn(struct server *, int fd, int nth);

struct server *server_open(const char *address, serve_fn *); /* fails the test where it cannot */
void server_close(struct server *);                          /* ends all connections */
int server_port(const struct server *);
int server_connections(struct server *);
int server_requests(struct server *);
const char *server_request(struct server *, int i); /* head and body as they came */

/* Reads one request with its body (Content-Length only) and keeps it; false when the other side is gone. */
bool server_read(struct server *, int fd);
/* Waits until so many requests have been read in all, at most ten seconds. */
bool server_wait_requests(struct server *, int n);
/* Waits until no connection is open, at most ten seconds. */
bool server_wait_quiet(struct server *);
void server_send(int fd, const char *text);
void server_send_bytes(int fd, const char *bytes, size_t n);
/* Closes with a reset instead of an end, when the function returns. */
void server_reset_at_close(int fd);
/* Waits until the other side has closed. */
void server_wait_gone(int fd);
