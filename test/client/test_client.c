/* The client against a server that answers, hangs up and is not there. */
#include "client/client.h"
#include "../api/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    struct kit *kit;
    struct rc_client *client;
    struct rc_arena *arena;
};
static struct fixture fixture;

static struct rc_client *client_of(uint16_t port, unsigned timeout_ms)
{
    char server[64];
    struct rc_error err;
    struct rc_client *client = NULL;
    snprintf(server, sizeof server, "http://127.0.0.1:%u/", port);
    const struct rc_client_options options = {.server = server, .timeout_ms = timeout_ms};
    assert_int_equal(rc_client_open(&options, &client, &err), RC_OK);
    return client;
}

static int setup(void **state)
{
    *state = &fixture;
    fixture = (struct fixture){.kit = kit_start(16), .arena = rc_arena_new(0, 1 << 20)};
    fixture.client = client_of(fixture.kit->port, 5000);
    return 0;
}

static int teardown(void **state)
{
    void *kit = ((struct fixture *)*state)->kit;
    rc_client_close(fixture.client);
    rc_arena_free(fixture.arena);
    return kit_close(&kit);
}

static enum rc_status ask(struct rc_client *client, const char *method, const char *path,
                          struct rc_client_answer *ret, struct rc_error *err)
{
    const struct rc_client_call call = {.method = method,
                                        .path = path,
                                        .body =
                                            strcmp(method, "POST") == 0 ? RC_SV("{}") : (struct rc_sv){0}};
    return rc_client_do(client, &call, fixture.arena, ret, err);
}

static void test_answers(void **state)
{
    struct rc_client_answer answer;
    struct rc_error err;
    (void)state;
    for (unsigned i = 0; i < 3;
         i++) { /* over one connection; what is no JSON object is no answer of Recourse */
        assert_int_equal(ask(fixture.client, "POST", "/a?b=1", &answer, &err), RC_COMMIT_UNKNOWN);
        assert_non_null(strstr(err.text, "not an answer of Recourse"));
        assert_int_equal(answer.status, 200);
        assert_true(rc_sv_starts(answer.text, RC_SV("POST /a?b=1 host=127.0.0.1")));
        assert_true(rc_sv_ends(answer.text, RC_SV("body=2")));
        assert_int_equal(answer.body.kind, CEL_NULL);
    }
    assert_int_equal(ask(fixture.client, "GET", "/a?b=1", &answer, &err), RC_UNREACHABLE);
    const struct rc_client_call lines = {.method = "POST", .path = "/a", .body = RC_SV("{}"), .lines = true};
    assert_int_equal(rc_client_do(fixture.client, &lines, fixture.arena, &answer, &err), RC_OK);
}

static enum rc_status open_with(const char *token, const char *ns, struct rc_client **ret)
{
    char server[64];
    snprintf(server, sizeof server, "http://127.0.0.1:%u", fixture.kit->port);
    const struct rc_client_options options = {.server = server, .token = token, .ns = ns};
    return rc_client_open(&options, ret, NULL);
}

static void test_token(void **state)
{
    static const struct {
        const char *token, *ns, *seen;
    } row[] = {{"rct_1_2", "shop", "<Bearer rct_1_2> <shop>"},
               {"rct_1_2", NULL, "<Bearer rct_1_2> <>"},
               {"", "", "<> <>"},
               {NULL, NULL, "<> <>"}};
    static const char *const wrong[] = {"a b", "a\r\nX-Evil: 1", "a\n", "\xc3\xa4", "\x7f"};
    enum { MOST = 4096 };
    struct rc_client *client = NULL;
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        struct rc_client_answer answer;
        struct rc_error err;
        assert_int_equal(open_with(row[i].token, row[i].ns, &client), RC_OK);
        assert_int_equal(ask(client, "GET", "/who", &answer, &err), RC_UNREACHABLE); /* it is no JSON */
        assert_int_equal(answer.status, 200);
        assert_true(rc_sv_is(answer.text, row[i].seen));
        rc_client_close(client);
    }
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(open_with(wrong[i], NULL, &client), RC_INVALID);
        assert_int_equal(open_with("rct_1_2", wrong[i], &client), RC_INVALID);
    }
    char longest[MOST + 2];
    memset(longest, 'x', sizeof longest);
    longest[MOST + 1] = 0;
    assert_int_equal(open_with(longest, NULL, &client), RC_INVALID);
    longest[MOST] = 0;
    assert_int_equal(open_with(longest, NULL, &client), RC_OK);
    rc_client_close(client);
}

/* Sent, and no answer: nobody knows. Only a POST can have done something. */
static void *wake_when_parked(void *context)
{
    struct kit *kit = context;
    kit_until(&kit->nparked, 1);
    http_wake(kit->server);
    return NULL;
}

static void test_hang_up(void **state)
{
    static const struct {
        const char *method;
        enum rc_status status;
    } row[] = {{"POST", RC_COMMIT_UNKNOWN}, {"GET", RC_UNREACHABLE}};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rc_client_answer answer;
        struct rc_error err = {0};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wake_when_parked, fixture.kit), 0);
        struct rc_client *client = client_of(fixture.kit->port, 5000);
        enum rc_status status = ask(client, row[i].method, "/drop", &answer, &err);
        pthread_join(thread, NULL);
        rc_client_close(client);
        kit_until(&fixture.kit->woken, i + 1); /* so that the next one begins with nobody parked */
        if (status == RC_OK || status != row[i].status)
            fail_msg("%s: %s: %s", row[i].method, rc_status_slug(status), err.text);
    }
    kit_until(&fixture.kit->answered, 2);
}

static void test_no_answer_in_time(void **state)
{
    struct rc_client_answer answer;
    struct rc_error err;
    (void)state;
    struct rc_client *client = client_of(fixture.kit->port, 300);
    assert_int_equal(ask(client, "POST", "/park", &answer, &err), RC_COMMIT_UNKNOWN);
    rc_client_close(client);
    assert_int_equal(fixture.kit->nparked, 1);
    http_wake(fixture.kit->server);
    kit_until(&fixture.kit->woken, 1);
}

static void test_nobody_there(void **state)
{
    struct rc_client_answer answer;
    struct rc_error err;
    (void)state;
    struct kit *gone = kit_start(1);
    uint16_t port = gone->port;
    void *closing = gone;
    kit_close(&closing);
    struct rc_client *client = client_of(port, 2000);
    assert_int_equal(ask(client, "POST", "/a", &answer, &err), RC_UNREACHABLE);
    rc_client_close(client);
}

/* What is no problem document is told by its status. */
static void test_no_problem(void **state)
{
    struct rc_client_answer answer;
    struct rc_error err;
    (void)state;
    assert_int_equal(ask(fixture.client, "GET", "/odd", &answer, &err), RC_UNREACHABLE);
    assert_int_equal(answer.status, 501);
    assert_non_null(strstr(err.text, "status 501 and"));
}

static void test_addresses(void **state)
{
    static const char *const bad[] = {"", "127.0.0.1:7070", "ftp://x", "file:///etc/passwd"};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rc_error err;
        struct rc_client *client = NULL;
        const struct rc_client_options options = {.server = bad[i]};
        assert_int_equal(rc_client_open(&options, &client, &err), RC_INVALID);
        assert_null(client);
    }
}

static void test_escape(void **state)
{
    (void)state;
    assert_true(rc_sv_is(rc_client_escape(fixture.arena, RC_SV("aZ09-._~")), "aZ09-._~"));
    assert_true(rc_sv_is(rc_client_escape(fixture.arena, RC_SV("a b/?%&=+\xc3\xa9")),
                         "a%20b%2F%3F%25%26%3D%2B%C3%A9"));
    assert_true(rc_sv_is(rc_client_escape(fixture.arena, RC_SV("")), ""));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_answers),      CASE(test_token),      CASE(test_hang_up),   CASE(test_no_answer_in_time),
        CASE(test_nobody_there), CASE(test_no_problem), CASE(test_addresses), CASE(test_escape)};
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
