/* The HTTP server: its life, listening, and who is let in. Connections: http_connection.c; answers: http_answer.c. */
#include "api/http_inside.h"

#include "base/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    ACCEPTS = 64,         /* connections that are taken in a row, before others have their turn */
    SWEEP_US = 250000,    /* how exact deadlines are */
    AGAIN_US = 100000,    /* after the system had no descriptor, and while everybody is busy */
    IDLE_LEAST_MS = 1000, /* who has been idle for less keeps its place */
    /* at the end: how often it is looked whether all answers have left, how long none of them may get on, and all of it */
    LEAVE_US = 5000,
    LEAVE_STALL_MS = 1000,
    LEAVE_MS = 10000
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage most;
};

/* ---- who is let in ------------------------------------------------------------------------------------- */

/* An attacker chooses its addresses, so they are mixed with a number that it does not know. */
static uint64_t key_of(const struct http_server *server, const union address *address)
{
    uint64_t bits = 4, state;
    if (address->any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        memcpy(&bits, &address->v6.sin6_addr, 8); /* one client has all of a /64 */
    else if (address->any.sa_family == AF_INET6)
        memcpy(&bits, (const char *)&address->v6.sin6_addr + 12, 4);
    else
        memcpy(&bits, &address->v4.sin_addr, 4);
    state = bits ^ server->seed;
    return rc_mix(&state) ^ server->seed;
}

/* Counts one connection more. NULL: out of memory. */
static struct http_peer *enter(struct http_server *server, uint64_t key)
{
    struct http_peer *peer = rc_map_get(&server->peers, key);
    if (!peer) {
        peer = calloc(1, sizeof *peer);
        if (!peer || rc_map_put(&server->peers, key, peer) != RC_OK) {
            free(peer);
            return NULL;
        }
        peer->key = key;
    }
    peer->connections++;
    server->stats.connections++;
    return peer;
}

static void resume(struct http_server *server)
{
    if (!server->full || !server->accept) return;
    server->full = event_add(server->accept, NULL) != 0;
}

/* The kernel's queue holds who comes next, until there is a place. */
static void pause_accepting(struct http_server *server)
{
    const struct timeval soon = {.tv_usec = AGAIN_US};
    server->full = true;
    (void)event_del(server->accept);
    (void)event_add(server->again, &soon);
}

static bool has_place(const struct http_server *server)
{
    return server->stats.connections < server->options.max_connections;
}

void http_left(struct http_server *server, struct http_peer *peer)
{
    if (--peer->connections == 0) {
        (void)rc_map_remove(&server->peers, peer->key);
        free(peer);
    }
    server->stats.connections--;
    if (has_place(server)) resume(server);
}

/* Whoever has been idle for longest goes, if it has been for long enough. */
static bool make_place(struct http_server *server)
{
    struct http_exchange *conn = server->first;
    while (conn && conn->phase != HTTP_IDLE) conn = conn->next;
    if (!conn || http_now_ms() - conn->idle_since < IDLE_LEAST_MS) return false;
    server->stats.evicted++;
    http_end_exchange(conn);
    return true;
}

static bool is_waiting(const struct http_server *server)
{
    struct pollfd queue = {.fd = server->listen_fd, .events = POLLIN};
    return poll(&queue, 1, 0) == 1;
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct http_server *server = context;
    const struct timeval soon = {.tv_usec = AGAIN_US};
    if (!server->accept || !server->full) return;
    if (has_place(server) || (is_waiting(server) && make_place(server)))
        resume(server);
    else
        (void)event_add(server->again, &soon);
}

static bool accept_one(struct http_server *server)
{
    union address address = {0};
    socklen_t size = sizeof address;
    int fd = accept4(server->listen_fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(server);
        return errno == ECONNABORTED || errno == EINTR;
    }
    struct http_peer *peer = enter(server, key_of(server, &address));
    uint32_t most = server->options.max_per_address;
    if (!peer || (most && peer->connections > most)) {
        server->stats.turned_away++;
        close(fd);
        if (peer) http_left(server, peer);
        return true;
    }
    server->stats.accepted++;
    http_begin_exchange(server, fd, peer);
    return true;
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct http_server *server = context;
    const struct timeval sweep = {.tv_usec = SWEEP_US};
    for (unsigned i = 0; i < ACCEPTS && server->accept && !server->full; i++) {
        if (!has_place(server) && !make_place(server))
            pause_accepting(server);
        else if (!accept_one(server))
            break;
    }
    if (server->first && !event_pending(server->sweep, EV_TIMEOUT, NULL))
        (void)event_add(server->sweep, &sweep);
}

/* Ends what has had its time. */
static void expire(struct http_exchange *conn, uint64_t now_ms)
{
    if (now_ms < conn->deadline) return;
    switch ((enum http_phase)conn->phase) {
    case HTTP_HEADING:
        http_refuse(conn, (struct http_refusal){.status = RC_SLOW,
                                                .why = "the request's headers did not arrive in time"});
        break;
    case HTTP_FILLING:
        http_refuse(conn, (struct http_refusal){.status = RC_SLOW,
                                                .why = "the request's body did not arrive in time"});
        break;
    case HTTP_SHAKING:
    case HTTP_IDLE:
    case HTTP_WRITING:
    case HTTP_LINGERING: http_end_exchange(conn); break;
    case HTTP_HANDLING:
    case HTTP_STREAMING:
    case HTTP_ENDED: break;
    }
}

/* Looks at all deadlines: 10,000 connections take less than a millisecond, and a request sets its own without cost. */
static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct http_server *server = context;
    uint64_t now = http_now_ms();
    for (struct http_exchange *conn = server->first, *next; conn; conn = next) {
        next = conn->next;
        expire(conn, now);
    }
    if (!server->first) (void)event_del(server->sweep);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void drain(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0) { /* somebody was faster: nothing to do */
    }
}

static void ring(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0) { /* the counter is full: it rings already */
    }
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct http_server *server = context;
    drain(fd);
    atomic_store(&server->rung, false); /* before the look: what comes after it rings again */
    server->options.woken(server->options.context);
}

/* Bytes of answers that are on their way. */
static uint64_t unsent(const struct http_server *server)
{
    uint64_t n = 0;
    for (const struct http_exchange *conn = server->first; conn; conn = conn->next)
        if (conn->phase == HTTP_WRITING) n += conn->out_n - conn->out_at;
    return n;
}

/* Ends the loop when everything that was answered has left, and nobody has rung; or when it does not get on. */
static void on_leave(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    static const struct timeval soon = {.tv_usec = LEAVE_US};
    struct http_server *server = context;
    uint64_t now = http_now_ms(), left = unsent(server);
    if (left != server->unsent) server->stalled_at = now + LEAVE_STALL_MS;
    server->unsent = left;
    bool over = left == 0 && !atomic_load(&server->rung);
    if (over || now >= server->stalled_at || now >= server->leave_at || event_add(server->leave, &soon) != 0)
        (void)event_base_loopbreak(server->base);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    drain(fd);
    if (server->leave_at) return;
    server->leave_at = http_now_ms() + LEAVE_MS;
    server->stalled_at = http_now_ms() + LEAVE_STALL_MS;
    on_leave(fd, what, server);
}

static enum rc_status listen_on(const struct http_options *options, int *ret_fd, uint16_t *ret_port,
                                struct rc_error *err)
{
    union address address = {0};
    socklen_t size;
    if (inet_pton(AF_INET, options->address, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(options->port);
        size = sizeof address.v4;
    } else if (inet_pton(AF_INET6, options->address, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(options->port);
        size = sizeof address.v6;
    } else {
        return rc_fail(err, RC_INVALID, "\"%s\" is not a numeric IP address", options->address);
    }
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    /* accepted sockets inherit TCP_NODELAY: answers are small and must not wait for more */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 || bind(fd, &address.any, size) != 0 ||
        listen(fd, BACKLOG) != 0 || getsockname(fd, &address.any, &size) != 0) {
        int error = errno;
        if (fd >= 0) close(fd);
        return rc_fail(err, RC_IO, "cannot listen on %s port %u: %s", options->address, options->port,
                       strerror(error));
    }
    *ret_port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *ret_fd = fd;
    return RC_OK;
}

/* One base is used by one thread only. Not with libevent's change list: it tells the kernel of a closed descriptor later, when the number
 * may be another thread's already. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config) event_config_free(config);
    return base;
}

static bool set_up_events(struct http_server *server)
{
    server->base = new_base();
    server->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!server->base || server->wake_fd < 0 || server->stop_fd < 0) return false;
    server->wake = event_new(server->base, server->wake_fd, EV_READ | EV_PERSIST, on_wake, server);
    server->stop = event_new(server->base, server->stop_fd, EV_READ | EV_PERSIST, on_stop, server);
    server->accept = event_new(server->base, server->listen_fd, EV_READ | EV_PERSIST, on_accept, server);
    server->sweep = event_new(server->base, -1, EV_PERSIST, on_sweep, server);
    server->again = event_new(server->base, -1, 0, on_again, server);
    server->leave = event_new(server->base, -1, 0, on_leave, server);
    return server->wake && server->stop && server->accept && server->sweep && server->again &&
           server->leave && event_add(server->wake, NULL) == 0 && event_add(server->stop, NULL) == 0 &&
           event_add(server->accept, NULL) == 0;
}

static uint32_t at_most(uint32_t number, uint32_t most)
{
    return number < most ? number : most;
}

enum rc_status http_open(const struct http_options *options, struct http_server **ret, struct rc_error *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) return rc_fail(err, RC_NOMEM, "out of memory");
    server->options = *options;
    server->bounds = (struct http_bounds){.head = at_most(options->max_headers, HTTP_MOST_HEAD),
                                          .target = options->max_target,
                                          .lines = at_most(options->max_lines, HTTP_MOST_LINES),
                                          .body = options->max_body};
    server->wake_fd = server->stop_fd = server->listen_fd = -1;
    enum rc_status status = listen_on(options, &server->listen_fd, &server->port, err);
    if (status == RC_OK && rc_random(&server->seed, sizeof server->seed) != RC_OK)
        status = rc_fail(err, RC_IO, "the kernel gives no random numbers");
    if (status == RC_OK && !set_up_events(server))
        status = rc_fail(err, RC_NOMEM, "the event library cannot be set up");
    if (status == RC_OK)
        *ret = server;
    else
        http_close(server);
    return status;
}

uint16_t http_port(const struct http_server *server)
{
    return server->port;
}

enum rc_status http_run(struct http_server *server, struct rc_error *err)
{
    if (event_base_dispatch(server->base) < 0)
        return rc_fail(err, RC_IO, "the event loop failed: %s", strerror(errno));
    return RC_OK;
}

void http_stop_listening(struct http_server *server)
{
    if (!server->accept) return;
    event_free(server->accept);
    server->accept = NULL;
    close(server->listen_fd);
    server->listen_fd = -1;
}

void http_stats(const struct http_server *server, struct http_stats *ret)
{
    *ret = server->stats;
}

void http_wake(struct http_server *server)
{
    if (!atomic_exchange(&server->rung, true)) ring(server->wake_fd);
}

void http_stop(struct http_server *server)
{
    ring(server->stop_fd);
}

void http_close(struct http_server *server)
{
    if (!server) return;
    http_stop_listening(server);
    if (server->listen_fd >= 0) close(server->listen_fd); /* it did not come to the event */
    while (server->first) http_end_exchange(server->first);
    rc_map_free(&server->peers);
    struct event *const events[] = {server->wake, server->stop, server->sweep, server->again, server->leave};
    for (unsigned i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i]) event_free(events[i]);
    if (server->base) event_base_free(server->base);
    if (server->wake_fd >= 0) close(server->wake_fd);
    if (server->stop_fd >= 0) close(server->stop_fd);
    free(server);
}
