/* The HTTP server on libevent's evhttp. An exchange is evhttp's own request object: nothing is allocated
 * beside it. A client that goes away while its exchange is parked is noticed when the answer is written;
 * evhttp frees the request then. */
#include "api/http_inside.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, RECOUNT_US = 100000 };

struct http_server {
    struct http_options options;
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct event *wake, *stop, *recount;
    int wake_fd, stop_fd;
    uint16_t port;
    uint32_t connections; /* an upper estimate: grows with every accept, exact after a recount */
};

/* ---- what the library lets pass ----------------------------------------------------------------------- */

static bool is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    if (!*name) return false;
    for (; *name; name++) {
        char c = *name;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && !strchr(others, c)) return false;
    }
    return true;
}

static bool all_digits(const char *text)
{
    if (!*text) return false;
    while (*text >= '0' && *text <= '9') text++;
    return *text == 0;
}

/* What is wrong with the framing, or NULL. */
static const char *framing_fault(struct evhttp_request *request)
{
    unsigned lengths = 0, codings = 0, hosts = 0;
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    for (const struct evkeyval *h = headers->tqh_first; h; h = h->next.tqe_next) {
        if (!is_token(h->key)) return "a header's name is not a token (RFC 9110 section 5.1)";
        if (evutil_ascii_strcasecmp(h->key, "Content-Length") == 0) {
            lengths++;
            if (!all_digits(h->value)) return "Content-Length is not a number";
        } else if (evutil_ascii_strcasecmp(h->key, "Transfer-Encoding") == 0) {
            codings++;
            if (evutil_ascii_strcasecmp(h->value, "chunked") != 0)
                return "the only transfer coding that is understood is chunked";
        } else if (evutil_ascii_strcasecmp(h->key, "Host") == 0) {
            hosts++;
        }
    }
    if (lengths > 1) return "there is more than one Content-Length";
    if (codings > 1) return "there is more than one Transfer-Encoding";
    if (lengths && codings) return "Content-Length and Transfer-Encoding must not stand together";
    if (hosts != 1) return "there must be exactly one Host header";
    return NULL;
}

static enum http_method method_of(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET: return HTTP_GET;
    case EVHTTP_REQ_HEAD: return HTTP_HEAD;
    case EVHTTP_REQ_POST: return HTTP_POST;
    case EVHTTP_REQ_PUT: return HTTP_PUT;
    case EVHTTP_REQ_DELETE: return HTTP_DELETE;
    case EVHTTP_REQ_PATCH: return HTTP_PATCH;
    case EVHTTP_REQ_OPTIONS: return HTTP_OPTIONS;
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT: break;
    }
    return HTTP_OTHER;
}

static void refuse(struct evhttp_request *request, const char *why)
{
    char body[512];
    int n = snprintf(
        body, sizeof body,
        "{\"type\":\"/problems/malformed\",\"title\":\"The input is not well-formed\",\"status\":400,"
        "\"code\":\"malformed\",\"detail\":\"%s\"}",
        why);
    struct http_field field = {"Content-Type", "application/problem+json"};
    http_last(http_outside(request));
    http_answer(http_outside(request), 400, &field, 1, (struct rc_sv){body, (uint32_t)n});
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct http_server *server = context;
    const char *fault = framing_fault(request);
    if (fault) {
        refuse(request, fault);
        return;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    if (!path || *path != '/') {
        refuse(request, "the request target is not a path");
        return;
    }
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t n = evbuffer_get_length(input);
    const unsigned char *body = n ? evbuffer_pullup(input, -1) : NULL;
    if (n && !body) {
        http_last(http_outside(request));
        http_answer(http_outside(request), 503, NULL, 0, (struct rc_sv){0});
        return;
    }
    const char *host = evhttp_uri_get_host(uri);
    struct http_request view = {
        .method = method_of(request),
        .path = rc_sv_of(path),
        .query = rc_sv_of(evhttp_uri_get_query(uri)),
        .host = host ? rc_sv_of(host) : http_header(http_outside(request), "Host", NULL),
        .body = {(const char *)body, (uint32_t)n},
    };
    server->options.handler(server->options.context, http_outside(request), &view);
}

struct rc_sv http_header(const struct http_exchange *exchange, const char *name, bool *ret_more)
{
    struct rc_sv found = {0};
    if (ret_more) *ret_more = false;
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(http_inside(exchange));
    for (const struct evkeyval *h = headers->tqh_first; h; h = h->next.tqe_next) {
        if (evutil_ascii_strcasecmp(h->key, name) != 0) continue;
        if (!found.p)
            found = rc_sv_of(h->value);
        else if (ret_more)
            *ret_more = true;
    }
    return found;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

/* The phrases that the library does not know; NULL: it does. */
static const char *reason(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } row[] = {{421, "Misdirected Request"}, {422, "Unprocessable Content"}, {507, "Insufficient Storage"}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].status == status) return row[i].phrase;
    return NULL;
}

void http_answer(struct http_exchange *exchange, int status, const struct http_field *fields,
                 uint32_t nfields, struct rc_sv body)
{
    struct evhttp_request *request = http_inside(exchange);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    /* a header that cannot be added (no memory, or a line break in its value) is left out */
    for (uint32_t i = 0; i < nfields; i++) (void)evhttp_add_header(headers, fields[i].name, fields[i].value);
    /* what a browser may show as a page of its own: it must not guess at the type, nor keep a copy */
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (method != EVHTTP_REQ_POST) {
        (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
        (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    }
    struct evbuffer *output = evhttp_request_get_output_buffer(request);
    if (method == EVHTTP_REQ_HEAD) {
        char length[16];
        snprintf(length, sizeof length, "%u", body.n);
        (void)evhttp_add_header(headers, "Content-Length", length);
    } else if (body.n && evbuffer_add(output, body.p, body.n) != 0) {
        status = 503;
    }
    evhttp_send_reply(request, status, reason(status), NULL);
}

void http_drop(struct http_exchange *exchange)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http_inside(exchange));
    if (connection)
        evhttp_connection_free(connection); /* its request goes with it */
    else
        evhttp_send_reply(http_inside(exchange), 503, NULL, NULL); /* the client went first: only frees */
}

struct http_watch {
    struct event *event;
    void (*over)(void *context);
    void *context;
};

static void on_watched(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    const struct http_watch *watch = context;
    watch->over(watch->context);
}

/* evhttp does not read while an exchange is parked, so the socket's readiness is ours. It becomes readable at the end
 * of the stream, at an error and with more data; the event is not persistent, so that none of them can spin. */
struct http_watch *http_watch(struct http_server *server, struct http_exchange *exchange, unsigned ms,
                              void (*over)(void *context), void *context)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http_inside(exchange));
    const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
    struct http_watch *watch = connection ? calloc(1, sizeof *watch) : NULL;
    if (!watch) return NULL;
    *watch = (struct http_watch){.over = over, .context = context};
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    watch->event = event_new(server->base, fd, EV_READ, on_watched, watch);
    if (watch->event && event_add(watch->event, &time) == 0) return watch;
    http_unwatch(watch);
    return NULL;
}

void http_unwatch(struct http_watch *watch)
{
    if (!watch) return;
    if (watch->event) event_free(watch->event);
    free(watch);
}

void http_last(struct http_exchange *exchange)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(http_inside(exchange)), "Connection", "close");
}

/* ---- connections --------------------------------------------------------------------------------------- */

/* The local port of a connected socket of TCP; 0 for anything else. */
static uint16_t port_of_connection(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage most;
    } address = {0};
    socklen_t size = sizeof address;
    if (getpeername(fd, &address.any, &size) != 0) return 0;
    size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0) return 0;
    if (address.any.sa_family == AF_INET) return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

/* How many sockets of ours have the listening port: evhttp does not say when a connection ends. */
static uint32_t count_connections(const struct http_server *server)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return server->connections;
    uint32_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += port_of_connection((int)strtol(entry->d_name, NULL, 10)) == server->port;
    closedir(dir);
    return n;
}

/* At the bound: the kernel's backlog holds who comes next until there is room. */
static void on_recount(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct http_server *server = context;
    if (!server->bound) return;
    struct evconnlistener *listener = evhttp_bound_socket_get_listener(server->bound);
    server->connections = count_connections(server);
    if (server->connections < server->options.max_connections) {
        (void)evconnlistener_enable(listener);
        return;
    }
    (void)evconnlistener_disable(listener);
    const struct timeval soon = {.tv_usec = RECOUNT_US};
    (void)event_add(server->recount, &soon);
}

static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    struct http_server *server = context;
    if (++server->connections >= server->options.max_connections) on_recount(-1, 0, server);
    return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
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
    server->options.woken(server->options.context);
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct http_server *server = context;
    drain(fd);
    (void)event_base_loopbreak(server->base);
}

static enum rc_status listen_on(const struct http_options *options, int *ret_fd, uint16_t *ret_port,
                                struct rc_error *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
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
    server->http = evhttp_new(server->base);
    server->wake = event_new(server->base, server->wake_fd, EV_READ | EV_PERSIST, on_wake, server);
    server->stop = event_new(server->base, server->stop_fd, EV_READ | EV_PERSIST, on_stop, server);
    server->recount = event_new(server->base, -1, 0, on_recount, server);
    return server->http && server->wake && server->stop && server->recount &&
           event_add(server->wake, NULL) == 0 && event_add(server->stop, NULL) == 0;
}

static void set_up_http(struct http_server *server)
{
    const struct http_options *options = &server->options;
    evhttp_set_max_body_size(server->http, options->max_body);
    evhttp_set_max_headers_size(server->http, options->max_headers);
    evhttp_set_timeout(server->http, (int)options->idle_seconds);
    evhttp_set_default_content_type(server->http, NULL);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                 EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
                                                 EVHTTP_REQ_OPTIONS);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_bevcb(server->http, on_accept, server);
}

enum rc_status http_open(const struct http_options *options, struct http_server **ret, struct rc_error *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) return rc_fail(err, RC_NOMEM, "out of memory");
    server->options = *options;
    server->wake_fd = server->stop_fd = -1;
    int fd = -1;
    enum rc_status status = listen_on(options, &fd, &server->port, err);
    if (status != RC_OK) goto fail;
    if (!set_up_events(server) || !(server->bound = evhttp_accept_socket_with_handle(server->http, fd))) {
        close(fd);
        status = rc_fail(err, RC_NOMEM, "the HTTP library cannot be set up");
        goto fail;
    }
    set_up_http(server);
    *ret = server;
    return RC_OK;
fail:
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
    if (!server->bound) return;
    evhttp_del_accept_socket(server->http, server->bound);
    server->bound = NULL;
}

void http_wake(struct http_server *server)
{
    ring(server->wake_fd);
}

void http_stop(struct http_server *server)
{
    ring(server->stop_fd);
}

void http_close(struct http_server *server)
{
    if (!server) return;
    if (server->http) evhttp_free(server->http);
    if (server->wake) event_free(server->wake);
    if (server->stop) event_free(server->stop);
    if (server->recount) event_free(server->recount);
    if (server->base) event_base_free(server->base);
    if (server->wake_fd >= 0) close(server->wake_fd);
    if (server->stop_fd >= 0) close(server->stop_fd);
    free(server);
}
