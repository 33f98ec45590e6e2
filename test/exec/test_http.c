/* What each thing that can go wrong with one call comes to. */
#include "kit.h"

#include "base/limits.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define GET  "{\"method\":\"GET\",\"path\":\"/x\"}"
#define POST "{\"method\":\"POST\",\"path\":\"/x\",\"body\":{\"a\":1}}"
#define OK   "HTTP/1.1 200 OK\r\n"

/* What the server sends after it has read a request; NULL: nothing. Set before the server is opened. */
static const char *reply;

static void serve_reply(struct server *server, int fd, int nth)
{
    (void)nth;
    while (server_read(server, fd)) {
        if (!reply) return;
        server_send(fd, reply);
        if (!strstr(reply, "\r\nContent-Length:") && !strstr(reply, " 204 ")) return;
    }
}

static void serve_reply_and_end(struct server *server, int fd, int nth)
{
    (void)nth;
    if (server_read(server, fd)) server_send(fd, reply);
}

/* One call against a server of its own. */
static struct rc_answer *call(const char *address, serve_fn *serve, const char *request, const char *answer,
                              rc_us timeout)
{
    struct kit kit;
    reply = answer;
    struct server *server = server_open(address, serve);
    struct flow_dependency dependency = kit_dependency(address, server_port(server));
    kit_open(&kit, NULL);
    struct rc_answer *got = kit_call_for(&kit, &dependency, request, timeout);
    kit_close(&kit);
    server_close(server);
    return got;
}

static struct rc_answer *call_ok(const char *answer)
{
    return call("127.0.0.1", serve_reply, GET, answer, RC_SECONDS(5));
}

static void expect_said(struct rc_answer *answer, const char *said)
{
    assert_string_equal(kit_said(answer), said);
}

static const struct cel_value *header(const struct rc_answer *answer, const char *name)
{
    const struct cel_value *value = cel_map_get(&answer->result.headers, name);
    assert_non_null(value);
    return value;
}

/* ---- never sent --------------------------------------------------------------------------------------------------- */

static void refused_connect(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_reply);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    server_close(server); /* nobody listens there any more */
    kit_open(&kit, NULL);
    struct rc_answer *answer = kit_call(&kit, &dependency, POST);
    expect_said(answer, "not sent not_sent");
    assert_true(answer->result.error.n > 0);
    rc_arena_free(answer->arena);
    kit_close(&kit);
}

static void unknown_name(void **state)
{
    (void)state;
    struct kit kit;
    struct flow_dependency dependency = kit_dependency("nobody.invalid", 80);
    kit_open(&kit, NULL);
    struct rc_answer *answer = kit_call_for(&kit, &dependency, POST, RC_SECONDS(15));
    expect_said(answer, "not sent not_sent");
    assert_true(kit_has(answer->result.error, "nobody.invalid"));
    rc_arena_free(answer->arena);
    kit_close(&kit);
}

static void serve_silence(struct server *server, int fd, int nth)
{
    (void)server, (void)nth;
    server_wait_gone(fd);
}

static void serve_noise(struct server *server, int fd, int nth)
{
    (void)server, (void)nth;
    server_send(fd, "this is no TLS server\r\n\r\n");
    server_wait_gone(fd);
}

static struct rc_answer *call_tls(serve_fn *serve, rc_us timeout)
{
    struct kit kit;
    char base[64];
    struct server *server = server_open("127.0.0.1", serve);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    snprintf(base, sizeof base, "https://127.0.0.1:%d", server_port(server));
    dependency.base = rc_sv_of(base);
    dependency.tls = true;
    kit_open(&kit, NULL);
    struct rc_answer *answer = kit_call_for(&kit, &dependency, POST, timeout);
    assert_int_equal(server_connections(server), 1);
    kit_close(&kit);
    server_close(server);
    return answer;
}

static void no_tls(void **state)
{
    (void)state;
    struct rc_answer *answer = call_tls(serve_noise, RC_SECONDS(5));
    expect_said(answer, "not sent not_sent");
    rc_arena_free(answer->arena);
    answer = call_tls(serve_silence, RC_MS(200));
    expect_said(answer, "not sent not_sent");
    rc_arena_free(answer->arena);
}

/* ---- sent, no answer ---------------------------------------------------------------------------------------------- */

static void serve_close_at_once(struct server *server, int fd, int nth)
{
    (void)server, (void)fd, (void)nth;
}

static void serve_reset_after_reading(struct server *server, int fd, int nth)
{
    (void)nth;
    (void)server_read(server, fd);
    server_reset_at_close(fd);
}

static void closed_without_an_answer(void **state)
{
    (void)state;
    static const struct {
        serve_fn *serve;
        const char *reply;
    } ways[] = {{serve_close_at_once, NULL},
                {serve_reply, NULL},
                {serve_reset_after_reading, NULL},
                {serve_reply_and_end, "HTTP/1.1 2"},
                {serve_reply_and_end, OK "Content-Type: application/json\r\nContent-Len"},
                {serve_reply_and_end, OK "Content-Length: 2\r\n"},
                {serve_reply_and_end, "HTTP/1.1 100 Continue\r\n\r\n"}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct rc_answer *answer = call("127.0.0.1", ways[i].serve, POST, ways[i].reply, RC_SECONDS(5));
        expect_said(answer, "sent connection_lost");
        assert_true(answer->result.error.n > 0);
        rc_arena_free(answer->arena);
    }
}

static void serve_reply_and_hang(struct server *server, int fd, int nth)
{
    (void)nth;
    if (server_read(server, fd) && reply) server_send(fd, reply);
    server_wait_gone(fd);
}

static void too_slow(void **state)
{
    (void)state;
    static const char *const replies[] = {NULL, "HTTP/1.1 200 OK\r\nContent-",
                                          OK "Content-Length: 10\r\n\r\n12345"};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct rc_answer *answer = call("127.0.0.1", serve_reply_and_hang, POST, replies[i], RC_MS(150));
        expect_said(answer, "sent timeout");
        assert_in_range(answer->result.took, RC_MS(140), RC_SECONDS(30));
        rc_arena_free(answer->arena);
    }
}

static void garbage(void **state)
{
    (void)state;
    static const char *const replies[] = {"SSH-2.0-OpenSSH_9.2\r\n", "<html>hello</html>\n\n",
                                          "\x16\x03\x01\n\n"};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct rc_answer *answer = call("127.0.0.1", serve_reply_and_end, POST, replies[i], RC_SECONDS(5));
        expect_said(answer, "sent bad_answer");
        rc_arena_free(answer->arena);
    }
}

/* ---- answered ----------------------------------------------------------------------------------------------------- */

static void json(void **state)
{
    (void)state;
    static const char *const types[] = {"application/json", "application/vnd.github+json; charset=utf-8",
                                        "APPLICATION/JSON ;x=y"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 OK "Content-Type: %s\r\nX-Two: a\r\nx-two:  b \r\nContent-Length: 12\r\n\r\n{\"number\":7}",
                 types[i]);
        struct rc_answer *answer = call_ok(text);
        expect_said(answer, "answered 200");
        const struct cel_value *number = cel_map_get(&answer->result.body, "number");
        assert_non_null(number);
        assert_int_equal(number->v.i, 7);
        assert_true(rc_sv_is(cel_text(*header(answer, "x-two")), "a, b"));
        assert_true(rc_sv_is(cel_text(*header(answer, "content-length")), "12"));
        assert_int_equal(answer->result.excerpt.n, 0);
        assert_true(answer->result.took > 0);
        rc_arena_free(answer->arena);
    }
}

static void text_and_nothing(void **state)
{
    (void)state;
    struct rc_answer *answer =
        call_ok(OK "Content-Type: text/plain\r\nContent-Length: 6\r\n\r\nh\xc3\xa9llo");
    expect_said(answer, "answered 200");
    assert_int_equal(answer->result.body.kind, CEL_STRING);
    assert_true(rc_sv_is(cel_text(answer->result.body), "h\xc3\xa9llo"));
    rc_arena_free(answer->arena);
    static const char *const empty[] = {"HTTP/1.1 204 No Content\r\n\r\n",
                                        OK "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n",
                                        "HTTP/1.0 200 OK\r\n\r\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        answer = call_ok(empty[i]);
        assert_int_equal(answer->result.reach, RC_ANSWERED);
        assert_true(answer->result.usable);
        assert_int_equal(answer->result.body.kind, CEL_NULL);
        rc_arena_free(answer->arena);
    }
}

static void interim_answer(void **state)
{
    (void)state;
    struct rc_answer *answer = call_ok("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" OK
                                       "X-Late: 2\r\nContent-Length: 2\r\n\r\nhi");
    expect_said(answer, "answered 200");
    assert_null(cel_map_get(&answer->result.headers, "x-early"));
    assert_true(rc_sv_is(cel_text(*header(answer, "x-late")), "2"));
    rc_arena_free(answer->arena);
}

static void not_usable(void **state)
{
    (void)state;
    static const char *const replies[] = {
        OK "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\": [1,", /* malformed */
        OK "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"a\":1,\"a\":2} x",
        OK "Content-Type: application/json\r\nContent-Length: 4\r\n\r\n{\"a\"",
        OK "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"a\":1}", /* ends too early */
        OK
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n", /* no last chunk */
        OK
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a", /* cut in a chunk */
        OK "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{\"a\":1}\r\n0\r\n\r\n",
        OK "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n{\"\xff", /* not UTF-8 */
    };
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct rc_answer *answer = call("127.0.0.1", serve_reply_and_end, GET, replies[i], RC_SECONDS(5));
        expect_said(answer, "answered 200 unusable");
        assert_int_equal(answer->result.body.kind, CEL_NULL);
        assert_true(answer->result.error.n > 0);
        if (i != 6) assert_true(kit_has(answer->result.excerpt, "{\""));
        rc_arena_free(answer->arena);
    }
}

static void chunked(void **state)
{
    (void)state;
    struct rc_answer *answer = call("127.0.0.1", serve_reply_and_end, GET,
                                    OK "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       "4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\nX-Trailer: 1\r\n\r\n",
                                    RC_SECONDS(5));
    expect_said(answer, "answered 200");
    assert_non_null(cel_map_get(&answer->result.body, "a"));
    assert_null(cel_map_get(&answer->result.headers, "x-trailer"));
    rc_arena_free(answer->arena);
}

static size_t big_size; /* of the body that serve_big sends */

static void serve_big(struct server *server, int fd, int nth)
{
    (void)nth;
    char head[128], *body = malloc(big_size);
    if (!body || !server_read(server, fd)) abort();
    memset(body, 'x', big_size);
    snprintf(head, sizeof head, OK "Content-Length: %zu\r\n\r\n", big_size);
    server_send(fd, head);
    server_send_bytes(fd, body, big_size);
    free(body);
}

static void too_large(void **state)
{
    (void)state;
    big_size = RC_MAX_ANSWER;
    struct rc_answer *answer = call("127.0.0.1", serve_big, GET, NULL, RC_SECONDS(5));
    expect_said(answer, "answered 200");
    assert_int_equal(answer->result.body.n, RC_MAX_ANSWER);
    rc_arena_free(answer->arena);
    for (big_size = RC_MAX_ANSWER + 1; big_size < 64u << 20; big_size *= 16) {
        answer = call("127.0.0.1", serve_big, GET, NULL, RC_SECONDS(5));
        expect_said(answer, "answered 200 unusable");
        assert_int_equal(answer->result.excerpt.n, RC_MAX_EXCERPT);
        assert_int_equal(answer->result.body.kind, CEL_NULL);
        rc_arena_free(answer->arena);
    }
}

/* n header lines in all (Content-Length is one), each with so many bytes of value. */
static char *many_headers(int n, int bytes)
{
    size_t room = 256 + (size_t)n * ((size_t)bytes + 16);
    char *text = malloc(room);
    if (!text) abort();
    int at = snprintf(text, room, OK "Content-Length: 2\r\n");
    for (int i = 1; i < n; i++) at += snprintf(text + at, room - (size_t)at, "X%d: %0*d\r\n", i, bytes, i);
    snprintf(text + at, room - (size_t)at, "\r\nhi");
    return text;
}

static void too_many_headers(void **state)
{
    (void)state;
    static const struct {
        int n, bytes;
        bool usable;
    } rows[] = {{RC_MAX_IN_HEADERS, 5, true},
                {RC_MAX_IN_HEADERS + 1, 5, false},
                {5000, 5, false},
                {2, RC_MAX_IN_HEAD - 25, true}, /* "Content-Length: 2", "X1: " and two line ends */
                {2, RC_MAX_IN_HEAD - 24, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = many_headers(rows[i].n, rows[i].bytes);
        struct rc_answer *answer = call("127.0.0.1", serve_reply_and_end, GET, text, RC_SECONDS(5));
        free(text);
        expect_said(answer, rows[i].usable ? "answered 200" : "answered 200 unusable");
        if (rows[i].usable) assert_int_equal(answer->result.headers.n, rows[i].n);
        rc_arena_free(answer->arena);
    }
}

static void odd_headers(void **state)
{
    (void)state;
    struct rc_answer *answer = call_ok(OK "X-Latin: caf\xe9\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nhi");
    expect_said(answer, "answered 200");
    assert_true(rc_sv_is(cel_text(*header(answer, "x-latin")), "caf\xef\xbf\xbd"));
    assert_int_equal(header(answer, "x-empty")->n, 0);
    rc_arena_free(answer->arena);
    static const char *const bad[] = {OK "X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nhi",
                                      OK "X-Blank : a\r\nContent-Length: 2\r\n\r\nhi",
                                      OK "no colon\r\nContent-Length: 2\r\n\r\nhi"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        answer = call_ok(bad[i]);
        assert_false(answer->result.usable);
        rc_arena_free(answer->arena);
    }
}

static void retry_after(void **state)
{
    (void)state;
    time_t then = time(NULL) + 100;
    char date[64], text[256];
    struct tm parts;
    gmtime_r(&then, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    const struct {
        const char *value;
        rc_us least, most;
    } rows[] = {{"7", RC_SECONDS(7), RC_SECONDS(7)},
                {"0", 0, 0},
                {date, RC_SECONDS(90), RC_SECONDS(100)},
                {"Wed, 21 Oct 2015 07:28:00 GMT", 0, 0},
                {"-5", 0, 0},
                {"soon", 0, 0},
                {"99999999999", RC_SECONDS(2592000), RC_SECONDS(2592000)},
                {"99999999999999999999999999", 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "HTTP/1.1 %s\r\nRetry-After: %s\r\nContent-Length: 4\r\n\r\nlate",
                 i % 2 ? "503 Service Unavailable" : "429 Too Many Requests", rows[i].value);
        struct rc_answer *answer = call_ok(text);
        expect_said(answer, i % 2 ? "answered 503" : "answered 429");
        assert_in_range(answer->result.retry_after, rows[i].least, rows[i].most);
        assert_true(rc_sv_is(answer->result.excerpt, "late"));
        rc_arena_free(answer->arena);
    }
}

static void redirect_not_followed(void **state)
{
    (void)state;
    char text[256];
    struct server *canary = server_open("127.0.0.1", serve_reply);
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/stolen\r\nContent-Length: 0\r\n\r\n",
             server_port(canary));
    struct rc_answer *answer = call_ok(text);
    expect_said(answer, "answered 302");
    assert_non_null(cel_map_get(&answer->result.headers, "location"));
    assert_int_equal(server_connections(canary), 0);
    rc_arena_free(answer->arena);
    server_close(canary);
    answer = call_ok("HTTP/1.1 307 Go\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n");
    expect_said(answer, "answered 307");
    rc_arena_free(answer->arena);
}

static void challenge_not_answered(void **state)
{
    (void)state;
    struct rc_answer *answer =
        call_ok("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
    expect_said(answer, "answered 401");
    rc_arena_free(answer->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_connect),
        cmocka_unit_test(unknown_name),
        cmocka_unit_test(no_tls),
        cmocka_unit_test(closed_without_an_answer),
        cmocka_unit_test(too_slow),
        cmocka_unit_test(garbage),
        cmocka_unit_test(json),
        cmocka_unit_test(text_and_nothing),
        cmocka_unit_test(interim_answer),
        cmocka_unit_test(not_usable),
        cmocka_unit_test(chunked),
        cmocka_unit_test(too_large),
        cmocka_unit_test(too_many_headers),
        cmocka_unit_test(odd_headers),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(redirect_not_followed),
        cmocka_unit_test(challenge_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
