/* The kernel has no place for another descriptor that is waited for: a connection that would not be heard any more ends at once, not when its
 * time is over, and the others and the next ones are served. */
#include "kit.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"
enum { LONG_MS = 600000, SOON_MS = 30000 };

static atomic_bool no_place;
static _Atomic unsigned refused;

/* In the place of the C library's, for libevent, too. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (!no_place || what == EPOLL_CTL_DEL) return (int)syscall(SYS_epoll_ctl, epoll, what, fd, event);
    refused++;
    errno = ENOSPC;
    return -1;
}

static int start(void **state)
{
    struct http_options options = kit_options();
    options.header_ms = options.body_ms = options.idle_ms = options.answer_ms = LONG_MS;
    options.answer_rate = 0;
    *state = kit_start_with(&options);
    return 0;
}

static void expect_service(const struct kit *kit)
{
    struct kit_answer answer;
    kit_send(kit, "GET / HTTP/1.1\r\n" HOST "\r\n", 1, &answer);
    assert_int_equal(answer.n, 1);
}

/* Reads what still comes, up to the end. */
static void expect_end(int fd, unsigned before)
{
    static char bytes[1 << 16];
    struct pollfd more = {.fd = fd, .events = POLLIN};
    int ready = 1;
    for (ssize_t got = 1; ready == 1 && got > 0;) {
        ready = poll(&more, 1, SOON_MS);
        if (ready == 1) got = recv(fd, bytes, sizeof bytes, 0);
    }
    assert_int_equal(ready, 1);
    assert_true(refused > before);
    no_place = false;
    close(fd);
}

static void a_connection_that_has_said_nothing(void **state)
{
    const struct kit *kit = *state;
    unsigned before = refused;
    no_place = true;
    expect_end(kit_connect(kit), before);
    expect_service(kit);
}

/* A connection that is heard already asks the kernel for nothing. */
static void whoever_is_heard_already(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    const struct kit *kit = *state;
    struct kit_answer answer;
    int fd = kit_connect(kit);
    kit_write(fd, request, sizeof request - 1);
    kit_read(fd, 1, SOON_MS, &answer);
    expect_service(kit); /* by then the server waits for the next request of the first one */
    no_place = true;
    kit_write(fd, request, sizeof request - 1);
    kit_read(fd, 1, SOON_MS, &answer);
    no_place = false;
    assert_int_equal(answer.n, 1);
    close(fd);
}

static void an_answer_that_does_not_fit(void **state)
{
    const struct kit *kit = *state;
    static const char request[] = "GET /large HTTP/1.1\r\n" HOST "\r\n";
    unsigned before = refused;
    int fd = kit_connect(kit);
    no_place = true;
    kit_write(fd, request, sizeof request - 1);
    for (unsigned i = 0; refused == before && i < SOON_MS; i++) usleep(1000);
    expect_end(fd, before);
    expect_service(kit);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, kit_close)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_connection_that_has_said_nothing),
        CASE(whoever_is_heard_already),
        CASE(an_answer_that_does_not_fit),
    };
    return cmocka_run_group_tests_name("api deaf", tests, NULL, NULL);
}
