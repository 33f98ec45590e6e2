/* Clients that are slow: each kind of waiting has its bound, and nobody else waits. */
#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"
enum { SHORT_MS = 300 };

static struct kit *start(struct http_options options)
{
    return kit_start_with(&options);
}

static void stop(struct kit *kit)
{
    void *state = kit;
    kit_close(&state);
}

/* What a client that has sent this sees in the end. */
static void expect_end(const struct kit *kit, const char *sent, const char *answer_line)
{
    struct kit_answer answer;
    int fd = kit_connect(kit);
    kit_write(fd, sent, strlen(sent));
    kit_read(fd, 0, KIT_PATIENCE_MS, &answer);
    assert_true(answer.closed);
    if (answer_line)
        assert_int_equal(strncmp(answer.text, answer_line, strlen(answer_line)), 0);
    else
        assert_string_equal(answer.text, "");
    close(fd);
}

static void headers_that_do_not_come(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.header_ms = SHORT_MS;
    struct kit *kit = start(options);
    expect_end(kit, "GET / HTTP/1.1\r\nHost: loc", "HTTP/1.1 408 ");
    expect_end(kit, "G", "HTTP/1.1 408 ");
    expect_end(kit, "", NULL); /* who never said anything is told nothing */
    /* a second request, too */
    expect_end(kit, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HT", "HTTP/1.1 200 ");
    stop(kit);
}

static void bodies_that_do_not_come(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.body_ms = SHORT_MS;
    struct kit *kit = start(options);
    expect_end(kit, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab", "HTTP/1.1 408 ");
    expect_end(kit, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab", "HTTP/1.1 408 ");
    assert_int_equal(kit->handled, 0);
    stop(kit);
}

static void idle_connections(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.idle_ms = SHORT_MS;
    struct kit *kit = start(options);
    expect_end(kit, "GET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ");
    /* a parked one is not idle */
    struct kit_answer answer;
    int fd = kit_connect(kit);
    kit_write(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n", 20 + 17 + 2);
    kit_read(fd, 1, 4 * SHORT_MS, &answer);
    assert_false(answer.closed);
    http_wake(kit->server);
    kit_read(fd, 1, KIT_PATIENCE_MS, &answer);
    assert_non_null(strstr(answer.text, "unparked"));
    close(fd);
    stop(kit);
}

/* The answer is larger than what the system holds for us: who does not take it is cut off. */
static void readers_that_do_not_read(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.answer_ms = SHORT_MS;
    options.answer_rate = 1 << 20;
    struct kit *kit = start(options);
    static const char request[] = "GET /large HTTP/1.1\r\n" HOST "\r\n",
                      other[] = "GET /other HTTP/1.1\r\n" HOST "\r\n";
    char bytes[64 << 10];
    struct kit_answer answer;
    int fd = kit_connect(kit);
    kit_write(fd, request, sizeof request - 1);
    kit_until(&kit->handled, 1);
    kit_send(kit, other, 1, &answer); /* nobody else waits */
    assert_int_equal(answer.n, 1);
    for (unsigned gone = 0; !gone;) { /* until the server has cut it: its count of connections says so */
        kit_send(kit, "GET /connections HTTP/1.1\r\n" HOST "\r\n", 1, &answer);
        gone = strstr(answer.text, "connections=1.") != NULL;
    }
    size_t total = 0;
    for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;) total += (size_t)got;
    assert_true(total < KIT_LARGE);
    close(fd);
    stop(kit);
}

/* What all hold together is bounded: who needs more than a little is sent away until others are done. */
static void buffers_of_all(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.max_body = 1 << 20;
    options.max_buffers = 96 << 10;
    struct kit *kit = start(options);
    static char body[60000];
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n";
    struct kit_answer answer;
    int held = kit_connect(kit), fd = kit_connect(kit);
    memset(body, 'x', sizeof body);
    kit_write(held, head, sizeof head - 1);
    kit_write(held, body, 50000);
    for (int i = 0; i < 2; i++) /* until the server has taken it in: it comes to connections in turn */
        kit_send(kit, "GET /x HTTP/1.1\r\n" HOST "\r\n", 1, &answer);
    kit_write(fd, head, sizeof head - 1);
    kit_write(fd, body, sizeof body);
    kit_read(fd, 0, KIT_PATIENCE_MS, &answer);
    assert_true(answer.closed);
    assert_int_equal(strncmp(answer.text, "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
    close(fd);
    kit_send(kit, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 1,
             &answer); /* little is taken */
    assert_non_null(strstr(answer.text, "body=3"));
    kit_write(held, body, 10000);
    kit_read(held, 1, KIT_PATIENCE_MS, &answer);
    assert_non_null(strstr(answer.text, "body=60000"));
    fd = kit_connect(kit);
    kit_write(fd, head, sizeof head - 1);
    kit_write(fd, body, sizeof body);
    kit_read(fd, 1, KIT_PATIENCE_MS, &answer);
    assert_non_null(strstr(answer.text, "body=60000"));
    close(fd);
    fd = kit_connect(kit); /* an answer that does not fit */
    kit_write(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n", 21 + 17 + 2);
    kit_read(fd, 0, KIT_PATIENCE_MS, &answer);
    assert_true(answer.closed && !*answer.text);
    close(fd);
    close(held);
    stop(kit);
}

/* What it takes, it gets: no bound on the whole while it reads. */
static void large_answers_arrive(void **state)
{
    (void)state;
    struct kit *kit = start(kit_options());
    static const char request[] = "GET /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    char bytes[64 << 10];
    size_t total = 0;
    int fd = kit_connect(kit);
    kit_write(fd, request, sizeof request - 1);
    for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;) total += (size_t)got;
    assert_true(total > KIT_LARGE && total < KIT_LARGE + 1000);
    close(fd);
    stop(kit);
}

/* A flood of requests on one connection, none of whose answers is read: it is not read further, and others are served. */
static void floods(void **state)
{
    const struct kit *kit = *state;
    struct kit_answer answer;
    static char text[1 << 20];
    size_t n = 0, sent = 0;
    while (n + 64 < sizeof text)
        n += (size_t)snprintf(text + n, sizeof text - n, "GET /f HTTP/1.1\r\n" HOST "\r\n");
    int fd = kit_connect(kit);
    for (ssize_t got = 1; got > 0 && sent < (64 << 20);) {
        got = send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got > 0) sent += (size_t)got;
        kit_send(kit, "GET /other HTTP/1.1\r\n" HOST "\r\n", 1, &answer);
        assert_int_equal(answer.n, 1);
    }
    assert_true(sent < (64 << 20));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_do_not_come),
        cmocka_unit_test(bodies_that_do_not_come),
        cmocka_unit_test(idle_connections),
        cmocka_unit_test(buffers_of_all),
        cmocka_unit_test(readers_that_do_not_read),
        cmocka_unit_test(large_answers_arrive),
        cmocka_unit_test_setup_teardown(floods, kit_open, kit_close),
    };
    return cmocka_run_group_tests_name("api slow", tests, NULL, NULL);
}
