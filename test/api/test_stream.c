/* Answers without an end (api/http.h): pieces, slow readers, clients that go. */
#include "kit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FLOOD = 64 << 20, TICK_MS = 20 };

/* What the server does with its one stream, by the path. */
struct server {
    struct kit kit; /* for kit_connect: the port */
    struct http_stream *stream;
    bool flood, cut;
    uint64_t sent;
    unsigned stood_still;
    _Atomic unsigned looks, gone, ended, most_pending;
};

static void end(struct server *server, unsigned ms)
{
    http_stream_end(server->stream, ms);
    server->stream = NULL;
    server->ended++;
}

static void look(void *context)
{
    struct server *server = context;
    size_t pending = http_stream_pending(server->stream);
    if (pending && http_stream_sent(server->stream) == server->sent) server->stood_still++;
    server->sent = http_stream_sent(server->stream);
    server->looks++;
    if (pending > server->most_pending) server->most_pending = (unsigned)pending;
    if (http_stream_gone(server->stream)) {
        server->gone++;
        end(server, 0);
    } else if (server->flood) {
        static const char piece[4096] = {'x'};
        while (http_stream_pending(server->stream) < 16 * sizeof piece)
            assert_true(http_stream_put(server->stream, (struct rc_sv){piece, sizeof piece}));
        if (server->looks > 100 && server->cut) end(server, 0);
    } else if (server->looks == 3 && !server->cut) {
        assert_true(http_stream_put(server->stream, RC_SV("last")));
        end(server, 5000);
    } else if (!server->cut) {
        assert_true(http_stream_put(server->stream, RC_SV("piece")));
    }
}

static void on_request(void *context, struct http_exchange *exchange, const struct http_request *request)
{
    struct server *server = context;
    const struct http_field field = {"Content-Type", "text/plain"};
    server->flood = rc_sv_is(request->path, "/flood") || rc_sv_is(request->path, "/stall");
    server->cut = rc_sv_is(request->path, "/stall") || rc_sv_is(request->path, "/quiet");
    server->stream = http_stream_begin(exchange, 200, &field, 1, TICK_MS, look, server);
    assert_non_null(server->stream);
}

static void on_woken(void *context)
{
    (void)context;
}

static void *run(void *context)
{
    const struct server *server = context;
    struct rc_error err;
    assert_int_equal(http_run(server->kit.server, &err), RC_OK);
    return NULL;
}

static int open_server(void **state)
{
    struct server *server = calloc(1, sizeof *server);
    struct rc_error err;
    assert_non_null(server);
    const struct http_options options = {.address = "127.0.0.1",
                                         .max_connections = 16,
                                         .max_body = KIT_BODY,
                                         .max_headers = KIT_HEADERS,
                                         .max_lines = 20,
                                         .max_target = 1500,
                                         .idle_ms = 1000,
                                         .handler = on_request,
                                         .woken = on_woken,
                                         .context = server};
    assert_int_equal(http_open(&options, &server->kit.server, &err), RC_OK);
    server->kit.port = http_port(server->kit.server);
    assert_int_equal(pthread_create(&server->kit.thread, NULL, run, server), 0);
    *state = server;
    return 0;
}

static int close_server(void **state)
{
    struct server *server = *state;
    http_stop(server->kit.server);
    pthread_join(server->kit.thread, NULL);
    if (server->stream) http_stream_end(server->stream, 0);
    http_close(server->kit.server);
    free(server);
    return 0;
}

static void ask(const struct server *server, const char *path, int *ret_fd)
{
    *ret_fd = kit_connect(&server->kit);
    kit_write(*ret_fd, "GET ", 4);
    kit_write(*ret_fd, path, strlen(path));
    kit_write(*ret_fd, " HTTP/1.1\r\nHost: localhost\r\n\r\n", 30);
}

static void pieces_come_as_they_are_put(void **state)
{
    const struct server *server = *state;
    struct kit_answer answer;
    int fd;
    ask(server, "/pieces", &fd);
    kit_read(fd, 0, KIT_PATIENCE_MS, &answer);
    close(fd);
    assert_true(strncmp(answer.text, "HTTP/1.1 200", 12) == 0);
    assert_non_null(strstr(answer.text, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(answer.text, "Connection: close\r\n"));
    assert_non_null(strstr(answer.text, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(answer.text, "\r\n\r\n5\r\npiece\r\n5\r\npiece\r\n4\r\nlast\r\n0\r\n\r\n"));
    assert_true(answer.closed);
    assert_int_equal(server->ended, 1);
}

/* Longer than the server's idle time, and with much from the client that nobody asked for. */
static void a_quiet_stream_stays(void **state)
{
    struct server *server = *state;
    static const char noise[64 << 10] = {'n'};
    struct kit_answer answer;
    int fd;
    ask(server, "/quiet", &fd);
    assert_int_equal(send(fd, noise, sizeof noise, MSG_NOSIGNAL | MSG_DONTWAIT), sizeof noise);
    kit_until(&server->looks, 150); /* 3 s at the least */
    assert_int_equal(server->gone, 0);
    kit_read(fd, 0, 50, &answer);
    assert_false(answer.closed);
    close(fd);
}

static void a_client_that_goes_is_noticed(void **state)
{
    struct server *server = *state;
    static const struct linger reset = {.l_onoff = 1};
    for (unsigned i = 0; i < 2; i++) {
        int fd;
        ask(server, "/quiet", &fd);
        kit_until(&server->looks, 5 + server->looks);
        if (i) assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        close(fd);
        kit_until(&server->gone, 1 + i);
    }
}

/* What the system does not take stays within what the caller lets stand; then the stream is cut. */
static void a_slow_reader_is_seen(void **state)
{
    struct server *server = *state;
    char bytes[4096];
    int fd;
    ask(server, "/stall", &fd);
    kit_until(&server->ended, 1);
    assert_true(server->stood_still > 10); /* what has been sent does not grow while nobody reads */
    assert_true(server->most_pending >= 32 << 10 && server->most_pending < 80 << 10);
    size_t total = 0;
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) total += (size_t)got;
    assert_true(total < FLOOD); /* the system's own buffers are bounded, too */
    close(fd);
}

static void a_fast_reader_gets_more_as_it_reads(void **state)
{
    struct server *server = *state;
    static char bytes[64 << 10];
    int fd;
    ask(server, "/flood", &fd);
    for (size_t total = 0; total < FLOOD / 8;) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        assert_true(got > 0);
        total += (size_t)got;
    }
    close(fd);
    kit_until(&server->gone, 1);
    assert_true(server->most_pending < 80 << 10);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)
    const struct CMUnitTest tests[] = {
        CASE(pieces_come_as_they_are_put),         CASE(a_quiet_stream_stays),
        CASE(a_client_that_goes_is_noticed),       CASE(a_slow_reader_is_seen),
        CASE(a_fast_reader_gets_more_as_it_reads),
    };
    return cmocka_run_group_tests_name("api stream", tests, NULL, NULL);
}
