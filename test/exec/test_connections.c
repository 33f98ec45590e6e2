/* Many calls: reuse of connections, at most once, the address rule, queueing, closing. */
#include "kit.h"

#include "exec/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET    "{\"method\":\"GET\",\"path\":\"/x\"}"
#define POST   "{\"method\":\"POST\",\"path\":\"/x\",\"body\":{\"a\":1}}"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define STRAY  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"

static void serve_fine(struct server *server, int fd, int nth)
{
    (void)nth;
    while (server_read(server, fd)) server_send(fd, ANSWER);
}

static void expect(struct kit *kit, const struct flow_dependency *dependency, const char *json,
                   const char *said)
{
    struct rc_answer *answer = kit_call(kit, dependency, json);
    if (strcmp(kit_said(answer), said) != 0)
        fail_msg("%s instead of %s: %.*s", kit_said(answer), said, RC_SV_ARG(answer->result.error));
    if (answer->result.reach == RC_ANSWERED) assert_true(rc_sv_is(cel_text(answer->result.body), "hi"));
    rc_arena_free(answer->arena);
}

static void reuse(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_fine);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, NULL);
    for (int i = 0; i < 50; i++) expect(&kit, &dependency, i % 2 ? GET : POST, "answered 200");
    assert_int_equal(server_connections(server), 1);
    assert_int_equal(server_requests(server), 50);
    kit_close(&kit);
    server_close(server);
}

/* ---- at most once ------------------------------------------------------------------------------------------------- */

static atomic_int seconds; /* requests that were the second one on their connection */

static void serve_one_then_close_after_reading(struct server *server, int fd, int nth)
{
    if (!server_read(server, fd)) return;
    server_send(fd, ANSWER);
    if (server_read(server, fd)) seconds++;
    if (nth % 2) server_reset_at_close(fd);
}

/* libcurl itself would send these again on a new connection. */
static void never_sent_twice(void **state)
{
    (void)state;
    static const char *const requests[] = {POST, GET, "{\"method\":\"DELETE\",\"path\":\"/x\"}",
                                           "{\"method\":\"PUT\",\"path\":\"/x\",\"body\":\"text\"}"};
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_one_then_close_after_reading);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, NULL);
    seconds = 0;
    for (int i = 0; i < 8; i++) {
        expect(&kit, &dependency, GET, "answered 200");
        expect(&kit, &dependency, requests[i % 4], "sent connection_lost");
        assert_int_equal(server_requests(server), 2 * (i + 1)); /* the server has seen it once */
        assert_int_equal(seconds, i + 1);                       /* and on a reused connection */
    }
    usleep(100000);
    assert_int_equal(server_requests(server), 16);
    kit_close(&kit);
    server_close(server);
}

static void serve_one_each(struct server *server, int fd, int nth)
{
    if (!server_read(server, fd)) return;
    server_send(fd, ANSWER);
    if (nth % 2) server_reset_at_close(fd);
}

/* A connection that is closed while it lies idle is not a failed attempt. */
static void closed_while_idle(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_one_each);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, NULL);
    for (int i = 0; i < 6; i++) {
        expect(&kit, &dependency, POST, "answered 200");
        assert_true(server_wait_quiet(server));
        usleep(50000); /* until the executor has heard of it */
    }
    assert_int_equal(server_requests(server), 6);
    assert_int_equal(server_connections(server), 6);
    kit_close(&kit);
    server_close(server);
}

static atomic_int strays;

static void serve_stray(struct server *server, int fd, int nth)
{
    while (server_read(server, fd)) {
        server_send(fd, ANSWER);
        usleep(30000);
        server_send(fd, nth % 2 ? STRAY : "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
        strays++;
        if (nth % 3 == 2) return;
    }
}

/* What arrives on an idle connection is not the answer to the next request. */
static void stray_answer(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_stray);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, NULL);
    strays = 0;
    for (int i = 0; i < 6; i++) {
        expect(&kit, &dependency, POST, "answered 200");
        for (int n = 0; n < 10000 && strays <= i; n++) usleep(1000);
        usleep(70000); /* until the executor has heard of it */
    }
    assert_int_equal(server_connections(server), 6);
    kit_close(&kit);
    server_close(server);
}

/* The first address refuses; its socket's number is used again for the second one. */
static void second_address(void **state)
{
    (void)state;
    struct kit kit;
    char resolve[96];
    struct server *server = server_open("127.0.0.1", serve_fine);
    struct flow_dependency dependency = kit_dependency("two.test", server_port(server));
    snprintf(resolve, sizeof resolve, "two.test:%d:127.0.0.9,127.0.0.8,127.0.0.1", server_port(server));
    kit_open(&kit, &(struct rc_http_options){.resolve_test = resolve});
    for (int i = 0; i < 3; i++) expect(&kit, &dependency, POST, "answered 200");
    kit_close(&kit);
    server_close(server);
}

/* A listener whose queue is full: who connects hears nothing. */
struct full {
    int listener, filler[4];
};

static void full_open(struct full *full, const char *address, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    full->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(full->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(full->listener, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        full->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(full->filler[i], (struct sockaddr *)&at, sizeof at);
    }
}

static void full_close(struct full *full)
{
    close(full->listener);
    for (size_t i = 0; i < 4; i++) close(full->filler[i]);
}

static bool is_filler(const struct full *full, unsigned port)
{
    for (size_t i = 0; i < 4; i++) {
        struct sockaddr_in at = {0};
        socklen_t n = sizeof at;
        if (getsockname(full->filler[i], (struct sockaddr *)&at, &n) == 0 && ntohs(at.sin_port) == port)
            return true;
    }
    return false;
}

/* Until the kernel says that a first SYN to a full 127.0.0.9 has left and is not answered. */
static void until_knocked(const struct full *full, int port)
{
    char line[256];
    for (int i = 0; i < 30000; i++) {
        FILE *f = fopen("/proc/net/tcp", "r");
        assert_non_null(f);
        bool found = false;
        while (!found && fgets(line, sizeof line, f)) {
            unsigned from = 0, to = 0, state = 0;
            found = sscanf(line, "%*s %*8x:%x 0900007F:%x %x", &from, &to, &state) == 3 &&
                    to == (unsigned)port && state == TCP_SYN_SENT && !is_filler(full, from);
        }
        (void)fclose(f);
        if (found) return;
        usleep(1000);
    }
    fail_msg("nobody has knocked at 127.0.0.9:%d", port);
}

/* The first address refuses late, when its second SYN arrives, the second one at once: the third is tried without
 * waiting for a timeout. */
static void third_address(void **state)
{
    (void)state;
    struct kit kit;
    struct full full;
    char resolve[96];
    struct server *server = server_open("127.0.0.1", serve_fine);
    struct flow_dependency dependency = kit_dependency("three.test", server_port(server));
    full_open(&full, "127.0.0.9", server_port(server));
    snprintf(resolve, sizeof resolve, "three.test:%d:127.0.0.9,127.0.0.8,127.0.0.1", server_port(server));
    kit_open(&kit, &(struct rc_http_options){.resolve_test = resolve});
    kit_start(&kit, &dependency, POST, RC_SECONDS(8), 1);
    until_knocked(&full, server_port(server)); /* and not yet, a second later, a second time */
    full_close(&full);
    struct rc_answer *answer = kit_take(&kit);
    if (answer->result.reach != RC_ANSWERED) fail_msg("%.*s", RC_SV_ARG(answer->result.error));
    assert_in_range(answer->result.took, RC_MS(650),
                    RC_MS(7500)); /* the first one was waited for, but not until the time was over */
    rc_arena_free(answer->arena);
    kit_close(&kit);
    server_close(server);
}

static void connect_timeout(void **state)
{
    (void)state;
    struct kit kit;
    struct full full;
    struct server *server = server_open("127.0.0.1", serve_fine); /* for a port that is free */
    struct flow_dependency dependency = kit_dependency("127.0.0.9", server_port(server));
    full_open(&full, "127.0.0.9", server_port(server));
    dependency.connect_timeout = RC_MS(200);
    kit_open(&kit, NULL);
    struct rc_answer *answer = kit_call_for(&kit, &dependency, POST, RC_SECONDS(10));
    assert_string_equal(kit_said(answer), "not sent not_sent");
    assert_in_range(answer->result.took, RC_MS(190), RC_SECONDS(9));
    rc_arena_free(answer->arena);
    kit_close(&kit);
    full_close(&full);
    server_close(server);
}

/* ---- the address rule --------------------------------------------------------------------------------------------- */

static void private_addresses(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1", "127.1", "0x7f.1", "2130706433",         "017700000001",  "localhost",
        "0.0.0.0",   "0",     "[::1]",  "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::]"};
    struct kit kit;
    struct server *canary = server_open("127.0.0.1", serve_fine), *canary6 = server_open("::1", serve_fine);
    kit_open(&kit, NULL);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct server *near = strchr(hosts[i], ':') ? canary6 : canary;
        struct flow_dependency dependency = kit_dependency(hosts[i], server_port(near));
        dependency.allow_private = false;
        expect(&kit, &dependency, POST, "not sent address_refused");
    }
    assert_int_equal(server_connections(canary), 0);
    assert_int_equal(server_connections(canary6), 0);
    struct flow_dependency allowed = kit_dependency("127.1", server_port(canary));
    expect(&kit, &allowed, POST, "answered 200"); /* the rule was what held the others back */
    kit_close(&kit);
    server_close(canary);
    server_close(canary6);
}

/* A name with a public and a private address: the private one is not tried. 3ffe::1 is public by the registry, and
 * nobody has it since the 6bone was given back (RFC 3701). */
static void mixed_name(void **state)
{
    (void)state;
    struct kit kit;
    char resolve[96];
    assert_true(http_address_text_public("3ffe::1"));
    struct server *canary = server_open("127.0.0.1", serve_fine);
    struct flow_dependency dependency = kit_dependency("mixed.test", server_port(canary));
    dependency.allow_private = false;
    dependency.connect_timeout = RC_MS(500);
    snprintf(resolve, sizeof resolve, "mixed.test:%d:127.0.0.1,[3ffe::1]", server_port(canary));
    kit_open(&kit, &(struct rc_http_options){.resolve_test = resolve});
    expect(&kit, &dependency, POST, "not sent address_refused");
    assert_int_equal(server_connections(canary), 0);
    dependency.allow_private = true;
    expect(&kit, &dependency, POST, "answered 200");
    kit_close(&kit);
    server_close(canary);
}

/* An idle connection of a dependency that may is not lent to one that may not. */
static void no_borrowed_connection(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_fine);
    struct flow_dependency may = kit_dependency("127.0.0.1", server_port(server)), may_not = may;
    may_not.allow_private = false;
    kit_open(&kit, NULL);
    expect(&kit, &may, POST, "answered 200");
    expect(&kit, &may_not, POST, "not sent address_refused");
    expect(&kit, &may, POST, "answered 200");
    assert_int_equal(server_requests(server), 2);
    kit_close(&kit);
    server_close(server);
}

static void environment(void **state)
{
    (void)state;
    struct kit kit;
    char proxy[64];
    struct server *server = server_open("127.0.0.1", serve_fine),
                  *canary = server_open("127.0.0.1", serve_fine);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server_port(canary));
    setenv("http_proxy", proxy, 1);
    setenv("ALL_PROXY", proxy, 1);
    kit_open(&kit, NULL);
    expect(&kit, &dependency, POST, "answered 200");
    assert_int_equal(server_connections(canary), 0);
    kit_close(&kit);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    server_close(server);
    server_close(canary);
}

static void serve_cookie(struct server *server, int fd, int nth)
{
    (void)nth;
    while (server_read(server, fd))
        server_send(fd, "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nhi");
}

static void no_cookies(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_cookie);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, NULL);
    expect(&kit, &dependency, GET, "answered 200");
    expect(&kit, &dependency, GET, "answered 200");
    assert_null(strcasestr(server_request(server, 1), "cookie"));
    kit_close(&kit);
    server_close(server);
}

static void other_schemes(void **state)
{
    (void)state;
    static const char *const bases[] = {
        "file:///etc/passwd",           "ftp://127.0.0.1:9", "gopher://127.0.0.1:9",
        "http://user:word@127.0.0.1:9", "nothing",           ""};
    struct kit kit;
    kit_open(&kit, NULL);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        struct flow_dependency dependency = kit_dependency("127.0.0.1", 9);
        dependency.base = rc_sv_of(bases[i]);
        struct rc_answer *answer = kit_call(&kit, &dependency, GET);
        assert_int_equal(answer->result.reach, RC_NOT_SENT);
        rc_arena_free(answer->arena);
    }
    kit_close(&kit);
}

/* ---- many at a time ----------------------------------------------------------------------------------------------- */

enum { MANY = 256 };

static void serve_when_all_are_here(struct server *server, int fd, int nth)
{
    (void)nth;
    if (!server_read(server, fd)) return;
    if (server_wait_requests(server, MANY)) server_send(fd, ANSWER);
}

static void in_flight_together(void **state)
{
    (void)state;
    struct kit kit;
    bool seen[MANY] = {0};
    struct server *server = server_open("127.0.0.1", serve_when_all_are_here);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, &(struct rc_http_options){.max_connections = MANY});
    for (uint64_t i = 0; i < MANY; i++) kit_start(&kit, &dependency, POST, RC_SECONDS(15), i);
    for (int i = 0; i < MANY; i++) {
        struct rc_answer *answer = kit_take(&kit);
        assert_string_equal(kit_said(answer), "answered 200");
        assert_false(seen[answer->of.id]); /* one answer each */
        seen[answer->of.id] = true;
        rc_arena_free(answer->arena);
    }
    assert_int_equal(server_connections(server), MANY);
    kit_close(&kit);
    assert_int_equal(kit.nanswer, MANY);
    server_close(server);
}

struct starter {
    struct kit *kit;
    const struct flow_dependency *dependency;
    uint64_t from;
};

enum { STARTERS = 4, EACH = 250 };

static void *start_many(void *context)
{
    struct starter *s = context;
    for (uint64_t i = 0; i < EACH; i++) kit_start(s->kit, s->dependency, POST, RC_SECONDS(15), s->from + i);
    return NULL;
}

/* From several threads, over far fewer connections. */
static void more_than_connections(void **state)
{
    (void)state;
    struct kit kit;
    static bool seen[STARTERS * EACH];
    memset(seen, 0, sizeof seen);
    struct server *server = server_open("127.0.0.1", serve_fine);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, &(struct rc_http_options){.max_connections = 7});
    pthread_t thread[STARTERS];
    struct starter starter[STARTERS];
    for (unsigned i = 0; i < STARTERS; i++) {
        starter[i] = (struct starter){&kit, &dependency, (uint64_t)i * EACH};
        assert_int_equal(pthread_create(&thread[i], NULL, start_many, &starter[i]), 0);
    }
    for (int i = 0; i < STARTERS * EACH; i++) {
        struct rc_answer *answer = kit_take(&kit);
        assert_string_equal(kit_said(answer), "answered 200");
        assert_false(seen[answer->of.id]);
        seen[answer->of.id] = true;
        rc_arena_free(answer->arena);
    }
    for (unsigned i = 0; i < STARTERS; i++) pthread_join(thread[i], NULL);
    assert_true(server_connections(server) <= 7);
    assert_int_equal(server_requests(server), STARTERS * EACH);
    kit_close(&kit);
    server_close(server);
}

static void serve_nothing(struct server *server, int fd, int nth)
{
    (void)nth;
    (void)server_read(server, fd);
    server_wait_gone(fd);
}

static void no_connection_in_time(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_nothing);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, &(struct rc_http_options){.max_connections = 1});
    kit_start(&kit, &dependency, POST, RC_SECONDS(2), 1);
    kit_start(&kit, &dependency, POST, RC_SECONDS(4), 2);
    kit_start(&kit, &dependency, POST, RC_MS(100), 3);
    static const struct {
        uint64_t id;
        const char *said;
    } order[] = {{3, "not sent not_sent"}, {1, "sent timeout"}, {2, "sent timeout"}};
    for (int i = 0; i < 3; i++) {
        struct rc_answer *answer = kit_take(&kit);
        assert_int_equal(answer->of.id, order[i].id);
        assert_string_equal(kit_said(answer), order[i].said);
        if (answer->of.id == 2)
            assert_in_range(answer->result.took, RC_MS(3900),
                            RC_MS(5900)); /* its time in full, not from the end of the first one on */
        rc_arena_free(answer->arena);
    }
    assert_int_equal(server_requests(server), 2);
    kit_close(&kit);
    server_close(server);
}

static void closed_in_flight(void **state)
{
    (void)state;
    struct kit kit;
    struct server *server = server_open("127.0.0.1", serve_nothing);
    struct flow_dependency dependency = kit_dependency("127.0.0.1", server_port(server));
    kit_open(&kit, &(struct rc_http_options){.max_connections = 5});
    for (uint64_t i = 0; i < 20; i++) kit_start(&kit, &dependency, POST, RC_SECONDS(30), i);
    assert_true(server_wait_requests(server, 5));
    rc_exec_close(kit.exec);
    kit.exec = NULL;
    assert_int_equal(kit.nanswer, 20);
    int sent = 0;
    for (int i = 0; i < 20; i++) {
        const char *said = kit_said(kit.answer[i]);
        if (strcmp(said, "sent crash") == 0)
            sent++;
        else
            assert_string_equal(said, "not sent not_sent");
    }
    assert_int_equal(sent, 5);
    kit_close(&kit);
    server_close(server);
}

static void bad_options(void **state)
{
    (void)state;
    struct rc_error err;
    struct rc_exec *exec = NULL;
    assert_int_equal(rc_http_open(&(struct rc_http_options){.max_connections = 1u << 20}, &exec, &err),
                     RC_INVALID);
    assert_null(exec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reuse),
        cmocka_unit_test(never_sent_twice),
        cmocka_unit_test(closed_while_idle),
        cmocka_unit_test(stray_answer),
        cmocka_unit_test(second_address),
        cmocka_unit_test(third_address),
        cmocka_unit_test(connect_timeout),
        cmocka_unit_test(private_addresses),
        cmocka_unit_test(mixed_name),
        cmocka_unit_test(no_borrowed_connection),
        cmocka_unit_test(environment),
        cmocka_unit_test(no_cookies),
        cmocka_unit_test(other_schemes),
        cmocka_unit_test(in_flight_together),
        cmocka_unit_test(more_than_connections),
        cmocka_unit_test(no_connection_in_time),
        cmocka_unit_test(closed_in_flight),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
