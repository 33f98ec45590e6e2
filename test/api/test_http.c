/* The HTTP server behind api/http.h: framing that must be refused, bounds, parking, dropping, many connections. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"

static void expect(const struct kit *kit, const char *request, const char *status, const char *contains,
                   bool closed)
{
    struct kit_answer answer;
    kit_send(kit, request, closed ? 0 : 1, &answer);
    if (strncmp(answer.text, "HTTP/1.1 ", 9) != 0 || strncmp(answer.text + 9, status, 3) != 0)
        fail_msg("%.60s: wanted %s, got %.100s", request, status, answer.text);
    if (contains && !strstr(answer.text, contains)) fail_msg("no \"%s\" in %s", contains, answer.text);
    if (answer.closed != closed)
        fail_msg("%.60s: the connection %s", request, closed ? "stayed open" : "was closed");
}

static void test_plain(void **state)
{
    expect(*state, "GET /a/b%20c?x=1&y HTTP/1.1\r\n" HOST "\r\n", "200",
           "GET /a/b%20c?x=1&y host=localhost body=0", false);
    expect(*state, "POST /p HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "200",
           "POST /p? host=localhost body=3", false);
    expect(*state,
           "POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
           "200", "body=3", false);
    expect(*state, "GET http://other:9/x HTTP/1.1\r\n" HOST "\r\n", "200", "GET /x? host=other:9", false);
    expect(*state, "GET /last HTTP/1.1\r\n" HOST "\r\n", "200", "Connection: close", true);
}

static void test_head(void **state)
{
    struct kit_answer answer;
    kit_send(*state, "HEAD /h HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 0, &answer);
    assert_true(strncmp(answer.text, "HTTP/1.1 200", 12) == 0);
    assert_non_null(strstr(answer.text, "Content-Length: 30\r\n"));
    assert_string_equal(strstr(answer.text, "\r\n\r\n"), "\r\n\r\n");
}

static void test_pipelined(void **state)
{
    struct kit_answer answer;
    kit_send(*state,
             "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\nPOST /3 HTTP/1.1\r\n" HOST
             "Content-Length: 1\r\n\r\nx",
             3, &answer);
    assert_int_equal(answer.n, 3);
    const char *first = strstr(answer.text, "GET /1"), *second = strstr(answer.text, "GET /2");
    assert_true(first && second && first < second && second < strstr(answer.text, "POST /3"));
}

static void test_parked(void **state)
{
    struct kit *kit = *state;
    struct kit_answer answer;
    static const char request[] = "GET /park HTTP/1.1\r\n" HOST "\r\n";
    int fd[4];
    for (unsigned i = 0; i < 4; i++) {
        fd[i] = kit_connect(kit);
        kit_write(fd[i], request, sizeof request - 1);
    }
    kit_until(&kit->nparked, 4);
    expect(kit, "GET /other HTTP/1.1\r\n" HOST "\r\n", "200", "GET /other", false); /* nobody else waits */
    close(fd[3]);                                                                   /* one goes away */
    http_wake(kit->server);
    for (unsigned i = 0; i < 3; i++) {
        kit_read(fd[i], 1, KIT_PATIENCE_MS, &answer);
        assert_int_equal(answer.n, 1);
        assert_non_null(strstr(answer.text, "unparked"));
        close(fd[i]);
    }
    kit_until(&kit->answered, 4);
}

/* A watch ends with its time, or with the client: closed, reset, or sending on. */
static void test_watched(void **state)
{
    struct kit *kit = *state;
    struct kit_answer answer;
    expect(kit, "GET /watch HTTP/1.1\r\n" HOST "\r\n", "200", "over", false);
    kit_until(&kit->answered, 1);
    static const char request[] = "GET /watch?long HTTP/1.1\r\n" HOST "\r\n";
    static const struct linger reset = {.l_onoff = 1};
    for (unsigned i = 0; i < 3; i++) {
        int fd = kit_connect(kit);
        kit_write(fd, request, sizeof request - 1);
        kit_until(&kit->handled, 2 + i);
        if (i == 1) assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        if (i == 2) {
            kit_write(fd, "GET /next HTTP/1.1\r\n" HOST "\r\n", strlen("GET /next HTTP/1.1\r\n" HOST "\r\n"));
            kit_read(fd, 2, KIT_PATIENCE_MS, &answer);
            assert_int_equal(answer.n, 2);
            assert_true(strstr(answer.text, "over") < strstr(answer.text, "GET /next"));
        }
        close(fd);
        kit_until(&kit->answered, 2 + i);
    }
}

/* What might be wrong is not said: the connection just ends. */
static void test_dropped(void **state)
{
    struct kit *kit = *state;
    struct kit_answer answer;
    int fd = kit_connect(kit), gone = kit_connect(kit);
    static const char request[] = "POST /drop HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n";
    kit_write(fd, request, sizeof request - 1);
    kit_write(gone, request, sizeof request - 1);
    kit_until(&kit->nparked, 2);
    close(gone);
    http_wake(kit->server);
    kit_read(fd, 1, KIT_PATIENCE_MS, &answer);
    assert_true(answer.closed);
    assert_string_equal(answer.text, "");
    close(fd);
    expect(kit, "GET /after HTTP/1.1\r\n" HOST "\r\n", "200", "GET /after", false);
}

/* What was answered leaves before the server ends, also where the client is slow to take it; and so does what is answered by a wake that
 * comes with the end. */
static void test_answers_leave_before_the_end(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    struct kit *kit = kit_start_with(&options);
    static char bytes[64 << 10];
    struct kit_answer answer;
    int fd = kit_connect(kit), parked = kit_connect(kit);
    const struct timeval most = {.tv_sec = KIT_PATIENCE_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most), 0);
    kit_write(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n", strlen("GET /large HTTP/1.1\r\n" HOST "\r\n"));
    kit_write(parked, "GET /park HTTP/1.1\r\n" HOST "\r\n", strlen("GET /park HTTP/1.1\r\n" HOST "\r\n"));
    kit_until(&kit->nparked, 1);
    kit_until(&kit->handled, 2);
    http_stop(kit->server);
    http_wake(kit->server);
    size_t total = 0;
    for (ssize_t got; total <= KIT_LARGE && (got = recv(fd, bytes, sizeof bytes, 0)) > 0;)
        total += (size_t)got;
    assert_true(total > KIT_LARGE);
    kit_read(parked, 1, KIT_PATIENCE_MS, &answer);
    assert_int_equal(answer.n, 1);
    close(fd);
    close(parked);
    void *closing = kit;
    kit_close(&closing);
}

/* Who does not take an answer does not keep the server from its end. */
static void test_an_answer_that_is_not_taken(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    struct kit *kit = kit_start_with(&options);
    int fd = kit_connect(kit);
    kit_write(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n", strlen("GET /large HTTP/1.1\r\n" HOST "\r\n"));
    kit_until(&kit->handled, 1);
    void *closing = kit;
    kit_close(&closing); /* else the test runs out of its time */
    close(fd);
}

/* Many wakes before the loop looks are one. */
static void test_wakes(void **state)
{
    struct kit *kit = *state;
    for (unsigned i = 0; i < 1000; i++) http_wake(kit->server);
    kit_until(&kit->woken, 1);
    assert_true(kit->woken < 1000);
}

/* At the bound a newcomer waits in the kernel's queue until somebody leaves, or has been idle for a second. */
static void test_connection_bound(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.max_connections = 4;
    struct kit *kit = kit_start_with(&options);
    struct kit_answer answer;
    static const char request[] = "GET /x HTTP/1.1\r\n" HOST "\r\n";
    int fd[5];
    for (unsigned i = 0; i < 4; i++) {
        fd[i] = kit_connect(kit);
        kit_write(fd[i], request, sizeof request - 1);
        kit_read(fd[i], 1, KIT_PATIENCE_MS, &answer);
        assert_int_equal(answer.n, 1);
    }
    fd[4] = kit_connect(kit);
    kit_write(fd[4], request, sizeof request - 1);
    kit_read(fd[4], 1, KIT_PATIENCE_MS, &answer);
    assert_int_equal(answer.n, 1); /* in the place of the one that was idle for longest */
    kit_read(fd[0], 0, KIT_PATIENCE_MS, &answer);
    assert_true(answer.closed && !*answer.text);
    close(fd[0]);
    for (unsigned i = 1; i < 5; i++) close(fd[i]);
    void *again = kit;
    kit_close(&again);
}

/* Whoever is not idle keeps its place. */
static void test_busy_connections_stay(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.max_connections = 2;
    struct kit *kit = kit_start_with(&options);
    struct kit_answer answer;
    static const char park[] = "GET /park HTTP/1.1\r\n" HOST "\r\n",
                      next[] = "GET /x HTTP/1.1\r\n" HOST "\r\n";
    int fd[3];
    for (unsigned i = 0; i < 2; i++) {
        fd[i] = kit_connect(kit);
        kit_write(fd[i], park, sizeof park - 1);
    }
    kit_until(&kit->nparked, 2);
    fd[2] = kit_connect(kit);
    kit_write(fd[2], next, sizeof next - 1);
    kit_read(fd[2], 1, 1500, &answer);
    assert_true(!answer.closed && answer.n == 0);
    http_wake(kit->server);
    for (unsigned i = 0; i < 2; i++) {
        kit_read(fd[i], 1, KIT_PATIENCE_MS, &answer);
        assert_non_null(strstr(answer.text, "unparked"));
        close(fd[i]);
    }
    kit_read(fd[2], 1, KIT_PATIENCE_MS, &answer);
    assert_int_equal(answer.n, 1);
    close(fd[2]);
    void *again = kit;
    kit_close(&again);
}

/* An address has its own bound; others are served. */
static void test_address_bound(void **state)
{
    (void)state;
    struct http_options options = kit_options();
    options.max_per_address = 3;
    struct kit *kit = kit_start_with(&options);
    struct kit_answer answer;
    static const char request[] = "GET /x HTTP/1.1\r\n" HOST "\r\n";
    int fd[5];
    for (unsigned i = 0; i < 5; i++) {
        fd[i] = kit_connect_from(kit, i < 4 ? "127.0.0.1" : "127.0.0.2");
        kit_write(fd[i], request, sizeof request - 1);
        kit_read(fd[i], 1, KIT_PATIENCE_MS, &answer);
        assert_int_equal(answer.n, i != 3);
        assert_int_equal(answer.closed, i == 3);
    }
    close(fd[0]);
    for (unsigned tries = 0; answer.n == 0 || tries == 0;
         tries++) { /* as soon as it has gone there is room */
        assert_true(tries < 5000);
        close(fd[3]);
        fd[3] = kit_connect_from(kit, "127.0.0.1");
        kit_write(fd[3], request, sizeof request - 1);
        kit_read(fd[3], 1, KIT_PATIENCE_MS, &answer);
    }
    for (unsigned i = 1; i < 5; i++) close(fd[i]);
    void *again = kit;
    kit_close(&again);
}

static void test_addresses(void **state)
{
    const struct kit *kit = *state;
    struct http_server *server = NULL;
    struct rc_error err;
    struct http_options options = {
        .address = "localhost", .max_connections = 1, .max_body = 1, .max_headers = 1};
    assert_int_equal(http_open(&options, &server, &err), RC_INVALID);
    options.address = "127.0.0.1";
    options.port = kit->port; /* somebody listens there */
    assert_int_equal(http_open(&options, &server, &err), RC_IO);
    assert_null(server);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
    const struct CMUnitTest tests[] = {
        CASE(test_plain),
        CASE(test_head),
        CASE(test_watched),
        CASE(test_pipelined),
        CASE(test_parked),
        CASE(test_dropped),
        CASE(test_answers_leave_before_the_end),
        CASE(test_an_answer_that_is_not_taken),
        CASE(test_wakes),
        CASE(test_addresses),
        cmocka_unit_test(test_connection_bound),
        cmocka_unit_test(test_busy_connections_stay),
        cmocka_unit_test(test_address_bound),
    };
    return cmocka_run_group_tests_name("api http", tests, NULL, NULL);
}
