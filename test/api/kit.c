/* The kit of the tests of api/http. */
#include "kit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const method_name[] = {"GET",    "HEAD",  "POST",    "PUT",
                                          "DELETE", "PATCH", "OPTIONS", "OTHER"};

struct watched {
    struct http_exchange *exchange;
    struct http_watch *watch;
    struct kit *kit;
};

static void on_over(void *context)
{
    struct watched *watched = context;
    http_unwatch(watched->watch);
    http_answer(watched->exchange, 200, NULL, 0, RC_SV("over"));
    watched->kit->answered++;
    free(watched);
}

static void watch(struct kit *kit, struct http_exchange *exchange, unsigned ms)
{
    struct watched *watched = calloc(1, sizeof *watched);
    assert_non_null(watched);
    *watched = (struct watched){.exchange = exchange, .kit = kit};
    watched->watch = http_watch(kit->server, exchange, ms, on_over, watched);
    assert_non_null(watched->watch);
}

static void on_request(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    struct kit *kit = context;
    bool drop = rc_sv_is(request->path, "/drop");
    kit->handled++;
    if (drop || rc_sv_is(request->path, "/park")) {
        unsigned n = kit->nparked;
        assert_true(n < KIT_PARKED);
        kit->drop[n] = drop;
        kit->parked[n] = exchange;
        kit->nparked = n + 1;
        return;
    }
    if (rc_sv_is(request->path, "/watch")) {
        watch(kit, exchange, rc_sv_is(request->query, "long") ? 60000 : 200);
        return;
    }
    if (rc_sv_is(request->path, "/who")) {
        char who[512];
        struct rc_sv token = http_header(exchange, "Authorization", NULL),
                     ns = http_header(exchange, "Recourse-Namespace", NULL);
        snprintf(who, sizeof who, "<%.*s> <%.*s>", RC_SV_ARG(token), RC_SV_ARG(ns));
        http_answer(exchange, 200, NULL, 0, rc_sv_of(who));
        return;
    }
    if (rc_sv_is(request->path, "/odd")) { /* not as this server would say it */
        http_answer(exchange, 501, NULL, 0, RC_SV("<html>"));
        return;
    }
    if (rc_sv_is(request->path, "/large")) {
        char *large = calloc(1, KIT_LARGE);
        assert_non_null(large);
        http_answer(exchange, 200, NULL, 0, (struct rc_sv){large, KIT_LARGE});
        free(large);
        return;
    }
    char text[KIT_TARGET + 512];
    int n = snprintf(text, sizeof text, "%s %.*s?%.*s host=%.*s body=%u", method_name[request->method],
                     RC_SV_ARG(request->path), RC_SV_ARG(request->query), RC_SV_ARG(request->host),
                     request->body.n);
    if (rc_sv_is(request->path, "/connections")) {
        struct http_stats stats;
        http_stats(kit->server, &stats);
        n = snprintf(text, sizeof text, "connections=%u.", stats.connections);
    }
    struct http_field field = {"Content-Type", "text/plain"};
    if (rc_sv_is(request->path, "/last")) http_last(exchange);
    http_answer(exchange, 200, &field, 1, (struct rc_sv){text, (uint32_t)n});
}

static void on_woken(void *context)
{
    struct kit *kit = context;
    for (unsigned i = 0; i < kit->nparked; i++) {
        if (kit->drop[i])
            http_drop(kit->parked[i]);
        else
            http_answer(kit->parked[i], 200, NULL, 0, RC_SV("unparked"));
        kit->answered++;
    }
    kit->nparked = 0;
    kit->woken++;
}

static void *run(void *context)
{
    struct kit *kit = context;
    struct rc_error err;
    assert_int_equal(http_run(kit->server, &err), RC_OK);
    return NULL;
}

struct http_options kit_options(void)
{
    return (struct http_options){.address = "127.0.0.1",
                                 .max_connections = 64,
                                 .max_body = KIT_BODY,
                                 .max_headers = KIT_HEADERS,
                                 .max_lines = KIT_LINES,
                                 .max_target = KIT_TARGET,
                                 .header_ms = 60000,
                                 .body_ms = 60000,
                                 .answer_ms = 60000,
                                 .answer_rate = 256,
                                 .idle_ms = 60000,
                                 .handler = on_request,
                                 .woken = on_woken};
}

struct kit *kit_start_with(const struct http_options *with)
{
    struct kit *kit = calloc(1, sizeof *kit);
    struct http_options options = *with;
    struct rc_error err;
    assert_non_null(kit);
    options.context = kit;
    assert_int_equal(http_open(&options, &kit->server, &err), RC_OK);
    kit->port = http_port(kit->server);
    assert_int_equal(pthread_create(&kit->thread, NULL, run, kit), 0);
    return kit;
}

struct kit *kit_start(uint32_t max_connections)
{
    struct http_options options = kit_options();
    options.max_connections = max_connections;
    return kit_start_with(&options);
}

int kit_open(void **state)
{
    *state = kit_start(64);
    return 0;
}

int kit_close(void **state)
{
    struct kit *kit = *state;
    http_stop(kit->server);
    pthread_join(kit->thread, NULL);
    http_close(kit->server);
    free(kit);
    return 0;
}

int kit_connect(const struct kit *kit)
{
    return kit_connect_from(kit, "127.0.0.1");
}

int kit_connect_from(const struct kit *kit, const char *address)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(kit->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void kit_write(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the server may have closed early: what it said shows */
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* Complete answers in the text: status line, headers, Content-Length bytes of body. */
static unsigned count_answers(const char *text)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, "HTTP/1.1 ")); n++) {
        const char *end = strstr(p, "\r\n\r\n"), *length = strstr(p, "Content-Length: ");
        if (!end) break;
        bool head = strstr(p, "X-Head") && strstr(p, "X-Head") < end;
        size_t body = length && length < end && !head ? strtoul(length + 16, NULL, 10) : 0;
        if (strlen(end + 4) < body) break;
        p = end + 4 + body;
    }
    return n;
}

void kit_read(int fd, unsigned answers, int ms, struct kit_answer *ret)
{
    size_t n = 0;
    *ret = (struct kit_answer){0};
    while (n + 1 < sizeof ret->text && (answers == 0 || ret->n < answers)) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, ms) <= 0) break;
        ssize_t got = recv(fd, ret->text + n, sizeof ret->text - 1 - n, 0);
        if (got <= 0) {
            ret->closed = true;
            break;
        }
        n += (size_t)got;
        ret->n = count_answers(ret->text);
    }
}

void kit_send(const struct kit *kit, const char *text, unsigned answers, struct kit_answer *ret)
{
    int fd = kit_connect(kit);
    kit_write(fd, text, strlen(text));
    kit_read(fd, answers, KIT_PATIENCE_MS, ret);
    close(fd);
}

void kit_until(_Atomic unsigned *counter, unsigned least)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (unsigned i = 0; i < KIT_PATIENCE_MS && *counter < least; i++) nanosleep(&pause, NULL);
    assert_true(*counter >= least);
}
