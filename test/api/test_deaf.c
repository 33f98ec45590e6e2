/* The kernel has no place for another descriptor that is waited for: a connection that would not be heard any more ends at once, not when its
 * time is over, and the others and the next ones are served. */
#include "kit.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"
enum { LONG_MS = 600000, SOON_MS = 30000 };

static atomic_bool no_place;
static _Atomic unsigned refused;

/* In the place of the C library's, for libevent, too. */
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

static void expect_end(int fd, unsigned before)
{
    struct kit_answer answer;
    kit_read(fd, 0, SOON_MS, &answer);
    assert_true(answer.closed);
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

static void a_request_that_is_not_whole(void **state)
{
    const struct kit *kit = *state;
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    struct kit_answer answer;
    int other = kit_connect(kit), fd = kit_connect(kit);
    kit_write(other, request, sizeof request - 1);
    kit_read(other, 1, SOON_MS, &answer);
    assert_int_equal(answer.n, 1);
    unsigned before = refused;
    no_place = true;
    kit_write(fd, "GET / HT", 8);
    expect_end(fd, before);
    kit_write(other, request, sizeof request - 1);
    kit_read(other, 1, SOON_MS, &answer);
    assert_int_equal(answer.n, 1); /* it was heard before, and is now */
    close(other);
    expect_service(kit);
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
        CASE(a_request_that_is_not_whole),
        CASE(an_answer_that_does_not_fit),
    };
    return cmocka_run_group_tests_name("api deaf", tests, NULL, NULL);
}
