/* Answers: at once, later, in halves, or never; and the time of being down. */
#include "standin.h"

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A request that waits for its answer, or for nothing. evhttp keeps it valid when its connection ends meanwhile. */
struct held {
    struct standin *standin;
    struct evhttp_request *request;
    struct evbuffer *body;
    struct event *timer; /* NULL: for ever */
    int status;
    struct held *next;
};

static void send_reply(struct evhttp_request *request, int status, uint32_t retry_after,
                       struct evbuffer *body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char seconds[16];
    evhttp_add_header(headers, "Content-Type", "application/json; charset=utf-8");
    evutil_snprintf(seconds, sizeof seconds, "%u", retry_after);
    if (retry_after) evhttp_add_header(headers, "Retry-After", seconds);
    evhttp_send_reply(request, status, status < 400 ? "OK" : "Error", body);
}

void reply_message(struct reply *reply, int status, const char *message)
{
    reply->status = status;
    reply->body.n = 0;
    rc_put_text(&reply->body, "{\"message\":");
    rc_put_json(&reply->body, rc_sv_of(message));
    rc_put_text(&reply->body, ",\"documentation_url\":\"https://docs.github.com/rest/pulls/pulls\"}");
}

static int socket_of(struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    return connection ? (int)bufferevent_getfd(evhttp_connection_get_bufferevent(connection)) : -1;
}

void reply_hang_up(struct evhttp_request *request)
{
    int fd = socket_of(request);
    if (fd >= 0) shutdown(fd, SHUT_RDWR);
    evhttp_send_reply(request, 500, "Gone", NULL); /* goes nowhere; evhttp finds the end and cleans up */
}

static void send_half(struct evhttp_request *request, const struct reply *reply)
{
    char head[128];
    int fd = socket_of(request);
    int n = evutil_snprintf(head, sizeof head,
                            "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %u\r\n\r\n",
                            reply->status, reply->body.n);
    if (fd >= 0 && send(fd, head, (size_t)n, MSG_NOSIGNAL) == n)
        (void)!send(fd, reply->body.p, reply->body.n / 2, MSG_NOSIGNAL);
    reply_hang_up(request);
}

/* ---- later, or never ---------------------------------------------------------------------------------------------- */

static void let_go(struct held *held)
{
    struct held **at = &held->standin->held;
    while (*at && *at != held) at = &(*at)->next;
    if (*at) *at = held->next;
    if (held->timer) event_free(held->timer);
    evbuffer_free(held->body);
    free(held);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct held *held = context;
    send_reply(held->request, held->status, 0, held->body);
    let_go(held);
}

/* Forgets what waits for nobody. */
static void sweep(struct standin *standin)
{
    for (struct held *held = standin->held, *next; held; held = next) {
        next = held->next;
        if (held->timer || evhttp_request_get_connection(held->request)) continue;
        evhttp_request_free(held->request);
        let_go(held);
    }
}

static void hold(struct standin *standin, struct evhttp_request *request, const struct reply *reply,
                 uint32_t ms, bool for_ever)
{
    sweep(standin);
    struct held *held = calloc(1, sizeof *held);
    if (held) held->body = evbuffer_new();
    if (held && !for_ever) held->timer = evtimer_new(standin->base, on_time, held);
    if (!held || !held->body || (!for_ever && !held->timer)) {
        if (held && held->body) evbuffer_free(held->body);
        free(held);
        reply_hang_up(request);
        return;
    }
    held->standin = standin;
    held->request = request;
    held->status = reply->status;
    (void)evbuffer_add(held->body, reply->body.p, reply->body.n);
    held->next = standin->held;
    standin->held = held;
    const struct timeval span = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    if (held->timer) evtimer_add(held->timer, &span);
}

void reply_release_held(struct standin *standin)
{
    for (struct held *held = standin->held, *next; held; held = next) {
        next = held->next;
        if (!evhttp_request_get_connection(held->request))
            evhttp_request_free(held->request); /* else evhttp_free */
        let_go(held);
    }
}

/* ---- down --------------------------------------------------------------------------------------------------------- */

bool standin_listen(struct standin *standin)
{
    standin->listener = evhttp_bind_socket_with_handle(standin->http, "127.0.0.1", standin->port);
    return standin->listener != NULL;
}

void standin_up_again(evutil_socket_t unused, short what, void *context)
{
    (void)unused, (void)what;
    struct standin *standin = context;
    const struct timeval soon = {.tv_usec = 50000};
    if (!standin_listen(standin))
        evtimer_add(standin->up_again, &soon); /* somebody has the port: try again */
}

static void go_down(struct standin *standin, uint32_t ms)
{
    const struct timeval span = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    if (standin->listener) evhttp_del_accept_socket(standin->http, standin->listener);
    standin->listener = NULL;
    evtimer_add(standin->up_again, &span);
}

/* ---- as the fault says -------------------------------------------------------------------------------------------- */

int reply_apply(struct reply *reply, const struct fault *fault)
{
    switch (fault->kind) {
    case FAULT_500_BEFORE:
    case FAULT_500_AFTER: reply_message(reply, 500, "Server Error"); break;
    case FAULT_422: reply_message(reply, 422, "Validation Failed"); break;
    case FAULT_WRONG_JSON: reply_message(reply, reply->status, "This is not what was asked for"); break;
    case FAULT_429:
        reply_message(reply, 429, "You have exceeded a secondary rate limit");
        reply->retry_after = fault->arg;
        break;
    case FAULT_CLOSE_BEFORE:
    case FAULT_CLOSE_AFTER:
    case FAULT_HANG:
    case FAULT_HANG_AFTER:
    case FAULT_LATE:
    case FAULT_DOWN: return 0;
    case FAULT_NONE:
    case FAULT_SLOW:
    case FAULT_TRUNCATED_JSON: break;
    }
    return reply->status;
}

void reply_deliver(struct standin *standin, struct evhttp_request *request, const struct reply *reply,
                   const struct fault *fault)
{
    switch (fault->kind) {
    case FAULT_SLOW: hold(standin, request, reply, fault->arg, false); return;
    case FAULT_TRUNCATED_JSON: send_half(request, reply); return;
    case FAULT_HANG:
    case FAULT_LATE:
    case FAULT_HANG_AFTER: hold(standin, request, reply, 0, true); return;
    case FAULT_DOWN:
        go_down(standin, fault->arg);
        reply_hang_up(request);
        return;
    case FAULT_CLOSE_BEFORE:
    case FAULT_CLOSE_AFTER: reply_hang_up(request); return;
    case FAULT_NONE:
    case FAULT_500_BEFORE:
    case FAULT_500_AFTER:
    case FAULT_429:
    case FAULT_422:
    case FAULT_WRONG_JSON: break;
    }
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), reply->body.p, reply->body.n);
    send_reply(request, reply->status, reply->retry_after, NULL);
}
