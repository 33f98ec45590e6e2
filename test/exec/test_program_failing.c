/* Each call of the system that the executor of programs makes fails in turn, as if the machine had nothing left: the attempt is
 * answered all the same, nothing leaks, and the next one works. The linker puts the functions here before the C library's. */
#include "kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int count, fails_at, fired; /* fails_at 0: nothing fails, nothing is counted */

static bool fails(void)
{
    int at = atomic_load(&fails_at);
    if (!at || atomic_fetch_add(&count, 1) + 1 != at) return false;
    atomic_fetch_add(&fired, 1);
    errno = ENOMEM;
    return true;
}

static void arm(int at)
{
    atomic_store(&count, 0);
    atomic_store(&fired, 0);
    atomic_store(&fails_at, at);
}

#define PASS(type, name, failure, declared, given)                                                           \
    type __real_##name declared;                                                                             \
    type __wrap_##name declared;                                                                             \
    type __wrap_##name declared                                                                              \
    {                                                                                                        \
        return fails() ? (failure) : __real_##name given;                                                    \
    }
/* NOLINTBEGIN(bugprone-reserved-identifier): the names are the linker's */
PASS(void *, malloc, NULL, (size_t n), (n))
PASS(void *, calloc, NULL, (size_t n, size_t m), (n, m))
PASS(int, pipe2, -1, (int end[2], int flags), (end, flags))
PASS(int, epoll_ctl, -1, (int epoll, int what, int fd, struct epoll_event *event), (epoll, what, fd, event))
PASS(int, epoll_create1, -1, (int flags), (flags))
PASS(int, eventfd, -1, (unsigned first, int flags), (first, flags))
PASS(void *, mmap, MAP_FAILED, (void *at, size_t n, int may, int how, int fd, off_t from),
     (at, n, may, how, fd, from))
PASS(void *, mmap64, MAP_FAILED, (void *at, size_t n, int may, int how, int fd, off64_t from),
     (at, n, may, how, fd, from))
PASS(pid_t, fork, -1, (void), ())
PASS(int, pthread_create, EAGAIN,
     (pthread_t * ret, const pthread_attr_t *how, void *(*run)(void *), void *context),
     (ret, how, run, context))
/* these take more arguments than they name; as many as the executor gives are passed on */
PASS(int, open, -1, (const char *path, int how, mode_t mode), (path, how, mode))
PASS(int, open64, -1, (const char *path, int how, mode_t mode), (path, how, mode))
PASS(int, fcntl, -1, (int fd, int what, long with), (fd, what, with))
PASS(int, fcntl64, -1, (int fd, int what, long with), (fd, what, with))
PASS(int, clone, -1, (int (*run)(void *), void *stack, int flags, void *context, pid_t *ret),
     (run, stack, flags, context, ret))
/* NOLINTEND(bugprone-reserved-identifier) */

static const struct rc_sv listed[] = {RC_SV("/bin/cat")};
static const char *const allowed[] = {"/bin/cat"};
static const struct flow_dependency dependency = {
    .name = {"tools", 5},
    .kind = FLOW_DEP_PROGRAM,
    .concurrent = 8,
    .program = {.paths = listed, .npaths = 1, .grace = RC_MS(100)}};
static const struct rc_program_options options = {.allowed = allowed, .nallowed = 1};

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (dir && readdir(dir)) n++;
    if (dir) closedir(dir);
    return n;
}

static void ignore(void *context, struct rc_answer *answer)
{
    (void)context;
    (void)answer;
}

static void test_open(void **state)
{
    (void)state;
    int before = count_descriptors(), at = 0, refused = 0;
    bool more = true;
    while (more) {
        struct rc_program_options own = options;
        struct rc_exec *exec = NULL;
        struct rc_error err;
        own.answer = ignore;
        arm(++at);
        enum rc_status status = rc_program_open(&own, &exec, &err);
        more = atomic_load(&fired) > 0;
        arm(0);
        if (status == RC_OK) rc_exec_close(exec);
        if (status != RC_OK) refused++;
        if (status != RC_OK) assert_int_equal(status, RC_NOMEM);
        if (!more) assert_int_equal(status, RC_OK);
        assert_int_equal(count_descriptors(), before);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
    assert_in_range(refused, 8, 50);
}

static struct rc_answer *run(struct kit *kit, uint64_t id, int at)
{
    struct rc_arena *arena = rc_arena_new(1024, 1 << 20);
    struct cel_value pair[] = {cel_string(RC_SV("input")), cel_string(RC_SV("hello")),
                               cel_string(RC_SV("program")), cel_string(RC_SV("/bin/cat"))};
    assert_non_null(arena);
    struct rc_start start = {.arena = arena,
                             .effect = {.of = {RC_AGG_COMMAND, 0, id},
                                        .dependency = &dependency,
                                        .timeout = RC_SECONDS(60),
                                        .request = {.kind = CEL_MAP, .n = 2, .v.items = pair}}};

    arm(at);
    if (rc_exec_start(kit->exec, &start) == RC_OK) return kit_take(kit);
    rc_arena_free(arena);
    return NULL;
}

static void test_run(void **state)
{
    (void)state;
    struct kit kit;
    kit_open_program(&kit, &options);
    int before = count_descriptors(), at = 0, unsent = 0, unknown = 0;
    for (bool more = true; more;) {
        at++;
        struct rc_answer *answer = run(&kit, (uint64_t)at, at);
        more = atomic_load(&fired) > 0;
        arm(0);
        if (!answer) continue; /* it was not even accepted */
        if (answer->result.reach == RC_NOT_SENT) {
            assert_string_equal(kit_said(answer), "not sent not_sent");
            unsent++;
        } else if (answer->result.reach == RC_SENT) {
            assert_string_equal(kit_said(answer), "sent signal");
            unknown++;
        } else if (answer->result.usable) {
            assert_true(rc_sv_is(cel_text(answer->result.body), "hello"));
        }
        rc_arena_free(answer->arena);
        answer = run(&kit, 1000, 0); /* nothing fails any more: it works as before */
        assert_string_equal(kit_said(answer), "answered 0");
        assert_true(rc_sv_is(cel_text(answer->result.body), "hello"));
        rc_arena_free(answer->arena);
        assert_int_equal(count_descriptors(), before);
        if (at > 500) fail_msg("there is no end of it");
    }
    assert_in_range(unsent, 10, 60);
    assert_in_range(unknown, 4, 4); /* four descriptors are watched */
    kit_close(&kit);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open), cmocka_unit_test(test_run)};
    return cmocka_run_group_tests_name("exec program failing", tests, NULL, NULL);
}
