/* The door without sockets. */
#include "door.h"

#include <stdlib.h>
#include <strings.h>

enum rc_status http_open(const struct http_options *options, struct http_server **ret, struct rc_error *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) return rc_fail(err, RC_NOMEM, "out of memory");
    server->options = *options;
    *ret = server;
    return RC_OK;
}

uint16_t http_port(const struct http_server *server)
{
    return server->options.port;
}

enum rc_status http_run(struct http_server *server, struct rc_error *err)
{
    (void)server;
    return rc_fail(err, RC_BUG, "nothing runs here");
}

void http_close(struct http_server *server)
{
    free(server);
}

void http_wake(struct http_server *server)
{
    server->woken = true;
}

void http_stop(struct http_server *server)
{
    (void)server;
}

void http_stop_listening(struct http_server *server)
{
    (void)server;
}

void http_stats(const struct http_server *server, struct http_stats *ret)
{
    (void)server;
    *ret = (struct http_stats){0};
}

void http_last(struct http_exchange *exchange)
{
    (void)exchange;
}

static struct rc_sv take_line(struct rc_sv *io_text)
{
    const char *end = io_text->n ? memchr(io_text->p, '\n', io_text->n) : NULL;
    uint32_t n = end ? (uint32_t)(end - io_text->p) : io_text->n, behind = end ? n + 1 : n;
    struct rc_sv line = {io_text->p, n};
    *io_text = (struct rc_sv){io_text->p + behind, io_text->n - behind};
    return line;
}

struct rc_sv http_header(const struct http_exchange *exchange, const char *name, bool *ret_more)
{
    struct rc_sv rest = exchange->headers, found = {0};
    size_t n = strlen(name);
    bool more = false;
    while (rest.n) {
        struct rc_sv line = take_line(&rest);
        if (line.n < n + 2 || strncasecmp(line.p, name, n) != 0 || line.p[n] != ':') continue;
        more = found.p != NULL;
        if (!more) found = (struct rc_sv){line.p + n + 2, line.n - (uint32_t)n - 2};
    }
    if (ret_more) *ret_more = more;
    return found;
}

void http_answer(struct http_exchange *exchange, int status, const struct http_field *fields,
                 uint32_t nfields, struct rc_sv body)
{
    exchange->answers++;
    door_answered(exchange, status, fields, nfields, body);
}

void http_drop(struct http_exchange *exchange)
{
    exchange->answers++;
}

struct http_watch *http_watch(struct http_server *server, struct http_exchange *exchange, unsigned ms,
                              void (*over)(void *context), void *context)
{
    (void)server, (void)exchange, (void)ms, (void)over, (void)context;
    return NULL;
}

struct http_watch *http_watch_end(struct http_server *server, struct http_exchange *exchange,
                                  void (*over)(void *context), void *context)
{
    (void)server, (void)exchange, (void)over, (void)context;
    return NULL;
}

void http_unwatch(struct http_watch *watch)
{
    (void)watch;
}

struct http_stream *http_stream_begin(struct http_exchange *exchange, int status,
                                      const struct http_field *fields, uint32_t nfields, unsigned ms,
                                      void (*look)(void *context), void *context)
{
    (void)status, (void)fields, (void)nfields, (void)ms, (void)look, (void)context;
    exchange->answers++;
    return NULL;
}

bool http_stream_put(struct http_stream *stream, struct rc_sv piece)
{
    (void)stream, (void)piece;
    return true;
}

size_t http_stream_pending(const struct http_stream *stream)
{
    (void)stream;
    return 0;
}

uint64_t http_stream_sent(const struct http_stream *stream)
{
    (void)stream;
    return 0;
}

bool http_stream_gone(const struct http_stream *stream)
{
    (void)stream;
    return true;
}

void http_stream_end(struct http_stream *stream, unsigned ms)
{
    (void)stream, (void)ms;
}

enum http_method door_method(struct rc_sv name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    unsigned i = 0;
    while (i < HTTP_OTHER && !rc_sv_is(name, names[i])) i++;
    return (enum http_method)i;
}

bool door_target(struct rc_sv target, struct http_request *ret)
{
    const char *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
    ret->path = target;
    if (mark) {
        ret->path.n = (uint32_t)(mark - target.p);
        ret->query = (struct rc_sv){mark + 1, target.n - ret->path.n - 1};
    }
    return ret->path.n && ret->path.p[0] == '/';
}

void door_ask(struct http_server *server, struct http_exchange *exchange, const struct http_request *request)
{
    server->options.handler(server->options.context, exchange, request);
}

void door_turn(struct http_server *server)
{
    if (!server->woken) return;
    server->woken = false;
    server->options.woken(server->options.context);
}
