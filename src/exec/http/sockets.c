/* epoll under libcurl's socket interface (curl_multi_socket_action). What is known about a socket is kept by its
 * number; libcurl says what it waits for, opens and closes through here. Tested with 7.88.1, whose ways are named
 * where they matter. */
#include "exec/http/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 128 };

static bool has_room(struct http_sockets *s, int fd)
{
    if ((uint32_t)fd < s->cap) return true;
    uint32_t cap = s->cap ? s->cap : 256;
    while (cap <= (uint32_t)fd) cap *= 2;
    struct http_socket *at = realloc(s->at, cap * sizeof *at);
    if (!at) return false;
    memset(at + s->cap, 0, (cap - s->cap) * sizeof *at);
    s->at = at;
    s->cap = cap;
    return true;
}

/* Makes epoll watch fd for `events`, 0: not any more. curl closes a socket that did not connect without a word, so
 * what is known about a number may be about a socket that is gone. */
static bool watch(struct http_sockets *s, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    uint32_t before = s->at[fd].events;
    s->at[fd].events = events;
    if (!events) return epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, &event) == 0;
    if (epoll_ctl(s->epoll, before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0) return true;
    if (errno == ENOENT && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0) return true;
    if (errno == EEXIST && epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &event) == 0) return true;
    s->at[fd].events = 0;
    return false;
}

/* curl has put a connection aside (or has closed it): from now on nothing may arrive on it. */
static void put_aside(struct http_sockets *s, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    struct http_socket *socket = &s->at[fd];
    if (socket->events == EPOLLOUT) s->stalled = true; /* it was still connecting */
    socket->idle = socket->ours && epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &event) == 0;
    socket->events = socket->idle ? EPOLLIN : 0;
    if (!socket->ours) (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, &event);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    (void)easy, (void)unused;
    struct http_sockets *s = context;
    if (!has_room(s, fd)) return 0; /* what cannot be watched ends by its timeout; -1 would end everything */
    if (what == CURL_POLL_REMOVE) {
        put_aside(s, fd);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    bool known = s->at[fd].idle && s->at[fd].events == events; /* an idle one that epoll is known to watch */
    s->at[fd].idle = false;
    if (!known) (void)watch(s, fd, events);
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *context)
{
    (void)multi;
    struct http_sockets *s = context;
    s->due = ms < 0 ? HTTP_NEVER : rc_clock_monotonic() + RC_MS(ms);
    return 0;
}

/* Puts a closed socket in the place of one on which something arrived while it lay idle. curl then finds it at its
 * end and makes a new one. */
static void retire(struct http_sockets *s, int fd)
{
    char byte;
    /* what epoll told may be older than the answer that curl has read since, with another socket's turn or a timer's */
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN) return;
    (void)watch(s, fd, 0);
    (void)dup2(s->dead, fd); /* fails only for lack of memory: curl's own check is left */
}

curl_socket_t http_sockets_make(struct http_sockets *s, const struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    if (!has_room(s, fd)) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    s->at[fd] = (struct http_socket){.ours = true};
    return fd;
}

int http_sockets_drop(void *context, curl_socket_t fd)
{
    struct http_sockets *s = context;
    if ((uint32_t)fd < s->cap) s->at[fd] = (struct http_socket){0};
    return close(fd);
}

static int make_dead_socket(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    close(pair[1]);
    return pair[0];
}

enum rc_status http_sockets_open(struct http_sockets *s, uint32_t max_connections, struct rc_error *err)
{
    *s = (struct http_sockets){.due = HTTP_NEVER};
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->dead = make_dead_socket();
    s->multi = curl_multi_init();
    struct epoll_event event = {.events = EPOLLIN, .data.fd = s->wake};
    if (s->multi && s->dead >= 0 && s->wake >= 0 && has_room(s, s->wake) &&
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->wake, &event) == 0) {
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
        curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
        curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
        return RC_OK;
    }
    http_sockets_close(s);
    return rc_fail(err, RC_NOMEM, "http: no epoll, event or socket descriptor: %s", strerror(errno));
}

void http_sockets_close(struct http_sockets *s)
{
    if (s->multi) curl_multi_cleanup(s->multi);
    const int own[3] = {s->epoll, s->wake, s->dead};
    for (unsigned i = 0; i < 3; i++)
        if (own[i] >= 0) close(own[i]);
    free(s->at);
}

void http_sockets_wake(const struct http_sockets *s)
{
    uint64_t one = 1;
    (void)!write(s->wake, &one, sizeof one); /* full means: will wake */
}

static int wait_ms(const struct http_sockets *s, int most)
{
    if (s->due == HTTP_NEVER) return most;
    rc_us now = rc_clock_monotonic(), left = s->due > now ? s->due - now : 0;
    return left >= RC_MS(most) ? most : (int)((left + 999) / 1000);
}

static bool run_due(struct http_sockets *s)
{
    int running;
    if (s->due > rc_clock_monotonic()) return false;
    s->due = HTTP_NEVER; /* curl sets it anew while it works */
    curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    return true;
}

/* When a connect has failed, curl 7.88 tries the next address only when it is called again, and under its socket
 * interface it asks for that call seconds later. This one call works on every transfer. It is deprecated because it
 * costs that; there is no other that does. */
static void go_on(struct http_sockets *s)
{
    int running;
    s->stalled = false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    curl_multi_socket_all(s->multi, &running);
#pragma GCC diagnostic pop
}

static void handle(struct http_sockets *s, const struct epoll_event *event)
{
    int fd = event->data.fd, running;
    if (fd == s->wake) {
        uint64_t count;
        (void)!read(fd, &count, sizeof count);
        return;
    }
    if (s->at[fd].idle) {
        retire(s, fd);
        return;
    }
    int what = (event->events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
               (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (event->events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(s->multi, fd, what, &running);
}

void http_sockets_turn(struct http_sockets *s, int most_ms)
{
    struct epoll_event event[EVENTS];
    bool ran =
        run_due(s) || s->stalled; /* may have ended transfers: then there is something to do before waiting */
    int n = epoll_wait(s->epoll, event, EVENTS, ran ? 0 : wait_ms(s, most_ms));
    for (int i = 0; i < n; i++) handle(s, &event[i]);
    if (!ran) (void)run_due(s);
    if (s->stalled) go_on(s);
}
