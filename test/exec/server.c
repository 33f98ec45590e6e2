/* One thread that accepts and one per connection; everything they share is under one lock. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 8192, REQUEST = 2 << 20, LIVE = 2048 };

struct server {
    serve_fn *serve;
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *request[REQUESTS];
    int nrequest, nconnection, nlive;
    int live[LIVE]; /* open connections; -1: free place */
};

struct connection {
    struct server *server;
    int fd, nth, place;
};

static void die(const char *what)
{
    fprintf(stderr, "test server: %s: %s\n", what, strerror(errno));
    abort();
}

static void *serve(void *context)
{
    struct connection c = *(struct connection *)context;
    free(context);
    c.server->serve(c.server, c.fd, c.nth);
    pthread_mutex_lock(&c.server->lock);
    c.server->live[c.place] = -1;
    close(c.fd);
    c.server->nlive--;
    pthread_cond_broadcast(&c.server->changed);
    pthread_mutex_unlock(&c.server->lock);
    return NULL;
}

static void begin(struct server *server, int fd)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 256 << 10);
    struct connection *c = malloc(sizeof *c);
    if (!c) die("memory");
    pthread_mutex_lock(&server->lock);
    int place = 0;
    while (place < LIVE && server->live[place] >= 0) place++;
    if (place == LIVE) die("connections");
    server->live[place] = fd;
    server->nlive++;
    *c = (struct connection){server, fd, server->nconnection++, place};
    pthread_mutex_unlock(&server->lock);
    if (pthread_create(&thread, &attr, serve, c)) die("thread");
    pthread_attr_destroy(&attr);
}

static void *accept_all(void *context)
{
    struct server *server = context;
    for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0;) begin(server, fd);
    return NULL;
}

static void listen_at(struct server *server, const char *address)
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof(struct sockaddr_in);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    int on = 1;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        at.ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        at.ss_family = AF_INET6;
        n = sizeof *v6;
    }
    server->fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->fd < 0 || setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(server->fd, (struct sockaddr *)&at, n) || listen(server->fd, 1024))
        die(address);
    n = sizeof at;
    if (getsockname(server->fd, (struct sockaddr *)&at, &n)) die("name");
    server->port = ntohs(v4->sin_port); /* stands at the same place in both */
}

struct server *server_open(const char *address, serve_fn *fn)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) die("memory");
    server->serve = fn;
    memset(server->live, -1, sizeof server->live);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    listen_at(server, address);
    if (pthread_create(&server->thread, NULL, accept_all, server)) die("thread");
    return server;
}

void server_close(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < LIVE; i++)
        if (server->live[i] >= 0) shutdown(server->live[i], SHUT_RDWR);
    while (server->nlive) pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
    for (int i = 0; i < server->nrequest; i++) free(server->request[i]);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
    free(server);
}

int server_port(const struct server *server)
{
    return server->port;
}

static int counted(struct server *server, const int *count)
{
    pthread_mutex_lock(&server->lock);
    int n = *count;
    pthread_mutex_unlock(&server->lock);
    return n;
}

int server_connections(struct server *server)
{
    return counted(server, &server->nconnection);
}

int server_requests(struct server *server)
{
    return counted(server, &server->nrequest);
}

const char *server_request(struct server *server, int i)
{
    pthread_mutex_lock(&server->lock);
    const char *text = i < server->nrequest ? server->request[i] : "";
    pthread_mutex_unlock(&server->lock);
    return text;
}

static size_t whole_length(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (!end) return 0;
    const char *length = strcasestr(text, "\r\nContent-Length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    return (size_t)(end - text) + 4 + body;
}

bool server_read(struct server *server, int fd)
{
    char *text = calloc(1, REQUEST);
    if (!text) die("memory");
    size_t n = 0, whole = 0;
    while (!whole || n < whole) {
        size_t want =
            whole ? whole - n : 1; /* byte by byte up to the end of the head: the next request stays */
        if (n + want >= REQUEST) die("request too large");
        ssize_t got = recv(fd, text + n, want, 0);
        if (got <= 0) {
            free(text);
            return false;
        }
        n += (size_t)got;
        if (!whole && n >= 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0) whole = whole_length(text);
    }
    pthread_mutex_lock(&server->lock);
    if (server->nrequest == REQUESTS) die("requests");
    char *kept = realloc(text, n + 1);
    server->request[server->nrequest++] = kept ? kept : text;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    return true;
}

static bool wait_until(struct server *server, bool (*is)(const struct server *, int), int n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&server->lock);
    int failed = 0;
    while (!is(server, n) && !failed)
        failed = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    bool reached = is(server, n);
    pthread_mutex_unlock(&server->lock);
    return reached;
}

static bool has_read(const struct server *server, int n)
{
    return server->nrequest >= n;
}

bool server_wait_requests(struct server *server, int n)
{
    return wait_until(server, has_read, n);
}

static bool is_quiet(const struct server *server, int n)
{
    (void)n;
    return server->nlive == 0;
}

bool server_wait_quiet(struct server *server)
{
    return wait_until(server, is_quiet, 0);
}

void server_send_bytes(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the other side has gone */
        bytes += sent;
        n -= (size_t)sent;
    }
}

void server_send(int fd, const char *text)
{
    server_send_bytes(fd, text, strlen(text));
}

void server_reset_at_close(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void server_wait_gone(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
}
