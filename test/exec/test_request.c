/* What goes over the wire, and what is refused before anything does. */
#include "kit.h"

#include "base/limits.h"
#include "cel/cel.h"

#include <stdio.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void serve_fine(struct server *server, int fd, int nth)
{
    (void)nth;
    while (server_read(server, fd)) server_send(fd, ANSWER);
}

struct fixture {
    struct kit kit;
    struct server *server;
    struct flow_dependency dependency;
    struct rc_arena *arena;
};

static enum rc_status find_secret(void *context, struct rc_sv name, struct rc_arena *arena, struct rc_sv *ret,
                                  struct rc_error *err)
{
    (void)context;
    if (rc_sv_is(name, "token"))
        *ret = rc_copy_sv(arena, RC_SV("s3cr3t-t0ken"));
    else if (rc_sv_is(name, "broken"))
        *ret = rc_copy_sv(arena, RC_SV("s3cr3t\r\nX-Evil: 1"));
    else if (rc_sv_is(name, "away"))
        return rc_fail(err, RC_IO, "the store of secrets is away");
    else
        return rc_fail(err, RC_NOT_FOUND, "there is no secret '%.*s'", RC_SV_ARG(name));
    return ret->p ? RC_OK : RC_NOMEM;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    f->arena = rc_arena_new(0, 16 << 20);
    f->server = server_open("127.0.0.1", serve_fine);
    f->dependency = kit_dependency("127.0.0.1", server_port(f->server));
    kit_open(&f->kit, &(struct rc_http_options){.secret = find_secret});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    kit_close(&f->kit);
    server_close(f->server);
    rc_arena_free(f->arena);
    free(f);
    return 0;
}

static const struct cel_prog *headers(struct fixture *f, const char *source)
{
    struct rc_error err;
    const struct cel_prog *prog = NULL;
    struct cel_scope scope = {.secrets = true, .internal = true};
    if (cel_compile(rc_sv_of(source), &scope, f->arena, &prog, &err) != RC_OK) fail_msg("%s", err.text);
    return prog;
}

/* The request as the server got it. */
static const char *sent(struct fixture *f, const char *json)
{
    int before = server_requests(f->server);
    struct rc_answer *answer = kit_call(&f->kit, &f->dependency, json);
    if (answer->result.reach != RC_ANSWERED) fail_msg("%s: %.*s", json, RC_SV_ARG(answer->result.error));
    rc_arena_free(answer->arena);
    assert_int_equal(server_requests(f->server), before + 1);
    return server_request(f->server, before);
}

/* Refused before a byte is sent; gives back the error. */
static const char *refused_as(struct fixture *f, const char *json, const char *said)
{
    static char text[RC_MAX_FAULT + 1];
    int before = server_requests(f->server);
    struct rc_answer *answer = kit_call(&f->kit, &f->dependency, json);
    if (strcmp(kit_said(answer), said) != 0) fail_msg("%s: %s", json, kit_said(answer));
    snprintf(text, sizeof text, "%.*s", RC_SV_ARG(answer->result.error));
    rc_arena_free(answer->arena);
    assert_int_equal(server_requests(f->server), before);
    assert_null(strstr(text, "s3cr3t"));
    assert_true(text[0]);
    return text;
}

static const char *refused(struct fixture *f, const char *json)
{
    return refused_as(f, json, "not sent configuration");
}

static bool has(const char *request, const char *part)
{
    return strcasestr(request, part) != NULL;
}

static void identity_of_the_attempt(void **state)
{
    struct fixture *f = *state;
    f->kit.next_id = 0xabc;
    const char *post = sent(f, "{\"method\":\"POST\",\"path\":\"/a\",\"body\":{\"b\":[1,null,true]}}");
    assert_true(has(post, "POST /a HTTP/1.1\r\n"));
    assert_true(has(post, "\r\nIdempotency-Key: 0123456789abcdef0000000000000abc\r\n"));
    assert_true(has(post, "\r\nUser-Agent: recourse/"));
    assert_true(has(post, "\r\nContent-Type: application/json\r\n"));
    assert_true(has(post, "\r\nContent-Length: 19\r\n"));
    assert_true(has(post, "\r\n\r\n{\"b\":[1,null,true]}"));
    assert_false(has(post, "Expect:"));
    const char *trace = strcasestr(post, "\r\ntraceparent: ");
    assert_non_null(trace);
    assert_memory_equal(trace + 15, "00-", 3);
    assert_int_equal(strspn(trace + 18, "0123456789abcdef"), 32);
    assert_int_equal(trace[50], '-');
    assert_int_equal(strspn(trace + 51, "0123456789abcdef"), 16);
    assert_memory_equal(trace + 67, "-01\r\n", 5);
    const char *next = sent(f, "{\"method\":\"POST\",\"path\":\"/a\"}"); /* another command */
    assert_memory_not_equal(strcasestr(next, "\r\ntraceparent: ") + 18, trace + 18, 32);
    f->kit.next_id = 0xabc;
    next = sent(f, "{\"method\":\"POST\",\"path\":\"/a\"}"); /* the same one */
    assert_memory_equal(strcasestr(next, "\r\ntraceparent: ") + 18, trace + 18, 32);
}

static void methods_and_bodies(void **state)
{
    struct fixture *f = *state;
    const char *get = sent(f, "{\"method\":\"GET\",\"path\":\"/\"}");
    assert_true(has(get, "GET / HTTP/1.1\r\n"));
    assert_true(has(get, "\r\nIdempotency-Key: "));
    assert_false(has(get, "Content-"));
    assert_true(has(get, "traceparent"));
    const char *head = sent(f, "{\"method\":\"HEAD\",\"path\":\"/\"}");
    assert_true(has(head, "HEAD / HTTP/1.1\r\n"));
    assert_true(has(head, "\r\nIdempotency-Key: "));
    static const char *const others[] = {"PUT", "PATCH", "DELETE", "OPTIONS", "POST"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char json[128], line[64];
        snprintf(json, sizeof json, "{\"method\":\"%s\",\"path\":\"/\"}", others[i]);
        snprintf(line, sizeof line, "%s / HTTP/1.1\r\n", others[i]);
        const char *request = sent(f, json);
        assert_true(has(request, line));
        assert_true(has(request, "\r\nIdempotency-Key: "));
        assert_false(has(request, "Content-Type"));
        assert_int_equal(has(request, "\r\nContent-Length: 0\r\n"), others[i][0] == 'P');
        snprintf(json, sizeof json, "{\"method\":\"%s\",\"path\":\"/\",\"body\":\"\xc3\xa9 text\"}",
                 others[i]);
        request = sent(f, json);
        assert_true(has(request, line));
        assert_true(has(request, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
        assert_true(has(request, "\r\n\r\n\xc3\xa9 text"));
    }
    assert_true(
        has(sent(f, "{\"method\":\"GET\",\"path\":\"/\"}"), "GET /")); /* nothing of the last one is left */
    assert_true(has(sent(f, "{\"method\":\"POST\",\"path\":\"/\",\"body\":null}"), "\r\n\r\nnull"));
    static const char *const bad[] = {
        "{\"method\":\"get\",\"path\":\"/\"}",
        "{\"method\":\"CONNECT\",\"path\":\"/\"}",
        "{\"method\":\"TRACE\",\"path\":\"/\"}",
        "{\"method\":\"GET /x HTTP/1.1\\r\\nA: b\",\"path\":\"/\"}",
        "{\"method\":7,\"path\":\"/\"}",
        "{\"path\":\"/\"}",
        "{\"method\":\"HEAD\",\"path\":\"/\",\"body\":1}",
        "[]",
        "null",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(f, bad[i]);
}

static void addresses(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *line;
    } rows[] = {
        {"{\"method\":\"GET\",\"path\":\"/a%2Fb/c..d/...\"}", "GET /a%2Fb/c..d/... HTTP"},
        {"{\"method\":\"GET\",\"path\":\"/a\",\"query\":{\"b\":[1,2.5,true,\"x "
         "y&z=/?#\"],\"a\":\"\xc3\xa9\"}}",
         "GET /a?a=%C3%A9&b=1&b=2.5&b=true&b=x%20y%26z%3D%2F%3F%23 HTTP"},
        {"{\"method\":\"GET\",\"path\":\"/a?x=1\",\"query\":{\"b&\":\"\"}}", "GET /a?x=1&b%26= HTTP"},
        {"{\"method\":\"GET\",\"path\":\"/a?x=../..\",\"query\":{}}", "GET /a?x=../.. HTTP"},
        {"{\"method\":\"GET\",\"path\":\"/\xc3\xa9\",\"query\":{\"l\":[]}}", "GET /%C3%A9 HTTP"},
        {"{\"method\":\"GET\",\"path\":\"//evil.example/@x\"}", "GET //evil.example/@x HTTP"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!has(sent(f, rows[i].json), rows[i].line)) fail_msg("%s", server_request(f->server, (int)i));
    static const char *const bad[] = {"x",        "",        "@evil.example/", ":80/",  "/..",
                                      "/a/../b",  "/.",      "/%2e%2e/x",      "/.%2E", "/a%2f..%2fb",
                                      "/a%5C..",  "/a b",    "/a\\\\b",        "/a#b",  "/a\\r\\nX: y",
                                      "/\\u0000", "/\\u007f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"method\":\"GET\",\"path\":\"%s\"}", bad[i]);
        assert_non_null(strstr(refused(f, json), "path"));
    }
    static const char *const queries[] = {
        "[]", "1", "{\"a\":null}", "{\"a\":{}}", "{\"a\":[[1]]}", "{\"a\":[1,null]}"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"method\":\"GET\",\"path\":\"/\",\"query\":%s}", queries[i]);
        assert_non_null(strstr(refused(f, json), "query"));
    }
}

static char *room(size_t n)
{
    char *text = malloc(n);
    if (!text) abort();
    return text;
}

static void length_of_the_address(void **state)
{
    struct fixture *f = *state;
    char *json = room(RC_MAX_URL + 100);
    for (int over = 0; over <= 1; over++) {
        int fill = RC_MAX_URL - (int)f->dependency.base.n - 1 + over;
        int at = sprintf(json, "{\"method\":\"GET\",\"path\":\"/");
        memset(json + at, 'a', (size_t)fill);
        sprintf(json + at + fill, "\"}");
        if (over)
            assert_non_null(strstr(refused(f, json), "longer"));
        else
            assert_true(has(sent(f, json), "aaaa HTTP/1.1"));
    }
    free(json);
}

static void own_headers(void **state)
{
    struct fixture *f = *state;
    f->dependency.headers = headers(f, "{'X-Api': 'v1', 'accept': 'text/csv', 'X-Number': 7}");
    const char *request = sent(f, "{\"method\":\"POST\",\"path\":\"/\",\"body\":{},\"headers\":{\"Accept\":"
                                  "\"application/json\",\"Content-Type\":\"application/x\",\"X-Empty\":\" \","
                                  "\"User-Agent\":\"mine\",\"X-Pad\":\"\\t v \"}}");
    assert_true(has(request, "\r\nX-Api: v1\r\n"));
    assert_true(has(request, "\r\nX-Number: 7\r\n"));
    assert_true(has(request, "\r\nAccept: application/json\r\n")); /* the flow's replaces the dependency's */
    assert_false(has(request, "text/csv"));
    assert_true(has(request, "\r\nContent-Type: application/x\r\n"));
    assert_false(has(request, "Content-Type: application/json"));
    assert_true(has(request, "\r\nX-Empty:\r\n"));
    assert_true(has(request, "\r\nX-Pad: v\r\n"));
    assert_true(has(request, "\r\nUser-Agent: mine\r\n"));
    assert_false(has(request, "recourse/"));
}

static void bad_headers(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "{\"X-A\":\"a\\r\\nX-Evil: 1\"}",
        "{\"X-A\":\"a\\nX-Evil: 1\"}",
        "{\"X-A\":\"a\\u0000b\"}",
        "{\"X-A\":\"\\u007f\"}",
        "{\"X-A: b\\r\\nX-Evil\":\"1\"}",
        "{\"X A\":\"1\"}",
        "{\"\":\"1\"}",
        "{\"X:\":\"1\"}",
        "{\"X\xc3\xa9\":\"1\"}",
        "{\"X-A\":null}",
        "{\"X-A\":[\"a\"]}",
        "{\"X-A\":\"1\",\"x-a\":\"2\"}",
        "{\"Host\":\"evil\"}",
        "{\"content-length\":\"0\"}",
        "{\"Transfer-Encoding\":\"chunked\"}",
        "{\"Connection\":\"close\"}",
        "{\"idempotency-key\":\"1\"}",
        "{\"TraceParent\":\"1\"}",
        "{\"Expect\":\"100-continue\"}",
        "{\"Accept-Encoding\":\"gzip\"}",
        "[]",
        "\"X: y\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[256];
        snprintf(json, sizeof json, "{\"method\":\"GET\",\"path\":\"/\",\"headers\":%s}", bad[i]);
        assert_non_null(strstr(refused(f, json), "headers"));
    }
}

static void limits_of_headers(void **state)
{
    struct fixture *f = *state;
    char *json = room(RC_MAX_OUT_HEADER + 4096);
    for (int over = 0; over <= 1; over++) {
        int at = sprintf(json, "{\"method\":\"GET\",\"path\":\"/\",\"headers\":{");
        for (int i = 0; i < RC_MAX_OUT_HEADERS + over; i++)
            at += sprintf(json + at, "%s\"X%d\":%d", i ? "," : "", i, i);
        sprintf(json + at, "}}");
        if (over)
            assert_non_null(strstr(refused(f, json), "more than"));
        else
            assert_true(has(sent(f, json), "\r\nX63: 63\r\n"));
        at = sprintf(json, "{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"X\":\"");
        memset(json + at, 'v', RC_MAX_OUT_HEADER + (size_t)over);
        sprintf(json + at + RC_MAX_OUT_HEADER + over, "\"}}");
        if (over)
            assert_non_null(strstr(refused(f, json), "longer"));
        else
            assert_true(has(sent(f, json), "vvvv\r\n"));
    }
    free(json);
}

static void size_of_the_body(void **state)
{
    struct fixture *f = *state;
    char *json = room(RC_MAX_BODY + 100);
    for (int list = 0; list <= 1; list++) /* as text, and as JSON where quotes and brackets count too */
        for (int over = 0; over <= 1; over++) {
            int fill = RC_MAX_BODY - 4 * list + over;
            int at = sprintf(json, "{\"method\":\"POST\",\"path\":\"/\",\"body\":%s", list ? "[\"" : "\"");
            memset(json + at, 'b', (size_t)fill);
            sprintf(json + at + fill, list ? "\"]}" : "\"}");
            if (over)
                assert_non_null(strstr(refused(f, json), "body"));
            else
                assert_true(has(sent(f, json), "\r\nContent-Length: 1048576\r\n"));
        }
    free(json);
}

static void secrets(void **state)
{
    struct fixture *f = *state;
    f->dependency.headers = headers(f, "{'Authorization': 'Bearer ' + _text(secret('token')) + '!', "
                                       "'X-Key': secret('token')}");
    const char *request = sent(f, "{\"method\":\"GET\",\"path\":\"/\"}");
    assert_true(has(request, "\r\nAuthorization: Bearer s3cr3t-t0ken!\r\n"));
    assert_true(has(request, "\r\nX-Key: s3cr3t-t0ken\r\n"));
    f->dependency.headers = headers(f, "{'Authorization': secret('none')}");
    assert_non_null(strstr(refused(f, "{\"method\":\"GET\",\"path\":\"/\"}"), "'none'"));
    f->dependency.headers = headers(f, "{'Authorization': secret('broken')}");
    assert_non_null(strstr(refused(f, "{\"method\":\"GET\",\"path\":\"/\"}"), "Authorization"));
    f->dependency.headers = headers(f, "{'Authorization': secret('away')}");
    refused_as(f, "{\"method\":\"GET\",\"path\":\"/\"}", "not sent not_sent"); /* it may come back */
    f->dependency.headers = headers(f, "{'Authorization': 1 / 0}");
    refused(f, "{\"method\":\"GET\",\"path\":\"/\"}");
}

static void serve_echo(struct server *server, int fd, int nth)
{
    (void)nth;
    while (server_read(server, fd))
        server_send(fd, "HTTP/1.1 500 Oops\r\nX-Seen: s3cr3t-t0ken\r\nContent-Type: application/json\r\n"
                        "Content-Length: 27\r\n\r\n{\"seen\":\"a s3cr3t-t0ken b\"}");
}

static void echoed_secret(void **state)
{
    struct fixture *f = *state;
    struct server *server = server_open("127.0.0.1", serve_echo);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    dependency.headers = headers(f, "{'X-Key': secret('token')}");
    struct rc_answer *answer = kit_call(&f->kit, &dependency, "{\"method\":\"GET\",\"path\":\"/\"}");
    assert_string_equal(kit_said(answer), "answered 500");
    const struct cel_value *seen = cel_map_get(&answer->result.body, "seen");
    assert_non_null(seen);
    assert_true(rc_sv_is(cel_text(*seen), "a ************ b"));
    assert_true(rc_sv_is(cel_text(*cel_map_get(&answer->result.headers, "x-seen")), "************"));
    assert_true(kit_has(answer->result.excerpt, "************"));
    assert_false(kit_has(answer->result.excerpt, "s3cr3t"));
    rc_arena_free(answer->arena);
    server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(identity_of_the_attempt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(methods_and_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(length_of_the_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(own_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_of_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(size_of_the_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(echoed_secret, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
