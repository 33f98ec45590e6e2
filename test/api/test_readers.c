/* Reads of clients: on threads of their own, bounded, in order, ended in time. The whole API on a real socket, over a real engine and
 * a store in memory; whoever borrows a reader of the store is held up as long as the test likes. */
#include "api/call.h"
#include "defs/defs.h"
#include "engine/prepare.h"
#include "exec/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, ANSWER = 64 << 10 };

static const char definitions[] = "dependency: out\n"
                                  "kind: http\n"
                                  "base: http://127.0.0.1:1\n"
                                  "---\n"
                                  "flow: send\n"
                                  "steps:\n"
                                  "  - id: go\n"
                                  "    call: out\n"
                                  "    with: {method: POST, path: /}\n";

struct house {
    struct rc_exec exec; /* first: it is the executor */
    struct rc_arena *arena;
    struct rc_memory_disk *disk;
    struct rc_store *store;
    struct rc_engine *engine;
    struct rc_api *api;
    pthread_t api_thread, engine_thread;
    atomic_bool stop;
    /* the shelf */
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool shut;                 /* who borrows waits */
    _Atomic unsigned held;     /* so many do */
    _Atomic unsigned borrowed; /* since the start */
    _Atomic bool wanted;
};

/* ---- the house --------------------------------------------------------------------------------------------------------- */

static enum rc_status on_start(struct rc_exec *exec, const struct rc_start *start)
{
    (void)exec;
    rc_arena_free(start->arena); /* it never comes back */
    return RC_OK;
}

static void on_close(struct rc_exec *exec)
{
    (void)exec;
}

static enum rc_status on_reopen(void *context, struct rc_store *old, struct rc_store **ret,
                                struct rc_error *err)
{
    (void)context, (void)old, (void)ret;
    return rc_fail(err, RC_IO, "this store does not fail");
}

static void on_reply(void *context, struct rc_request *request)
{
    (void)context;
    struct rc_receiver *receiver = request->owner;
    receiver->receive(receiver, request);
}

static void on_wake(void *context)
{
    (void)context; /* it never sleeps for long */
}

static enum rc_status borrow(void *context, struct rc_reader **ret, struct rc_error *err)
{
    struct house *house = context;
    house->borrowed++;
    house->held++;
    pthread_mutex_lock(&house->lock);
    while (house->shut) pthread_cond_wait(&house->opened, &house->lock);
    pthread_mutex_unlock(&house->lock);
    house->held--;
    return rc_reader_open(house->store, ret, err);
}

static void give_back(void *context, struct rc_reader *reader)
{
    (void)context;
    rc_reader_close(reader);
}

static bool is_wanted(void *context)
{
    return ((struct house *)context)->wanted;
}

static void set_shut(struct house *house, bool shut)
{
    pthread_mutex_lock(&house->lock);
    house->shut = shut;
    pthread_cond_broadcast(&house->opened);
    pthread_mutex_unlock(&house->lock);
}

static struct rc_tick tick(void)
{
    return (struct rc_tick){.monotonic = rc_clock_monotonic(), .wall = rc_clock_wall(), .seed = 1};
}

static void *run_engine(void *context)
{
    struct house *house = context;
    const struct timespec pause = {.tv_nsec = 1000000};
    rc_us sleep = 0;
    while (!house->stop) {
        assert_int_equal(rc_engine_turn(house->engine, tick(), &sleep, NULL), RC_OK);
        rc_api_flush(house->api);
        if (sleep) nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *run_api(void *context)
{
    assert_int_equal(rc_api_run(((struct house *)context)->api, NULL), RC_OK);
    return NULL;
}

static const struct flow_set *define(struct house *house)
{
    struct defs_errors *errors = RC_NEW(house->arena, struct defs_errors);
    struct defs_one *found = NULL;
    uint32_t n = 0;
    struct rc_definition rows[2];
    struct rc_new_definition list[2];
    const struct flow_set *set = NULL;
    struct defs_file file = {.source = RC_SV("test"), .text = rc_sv_of(definitions)};
    assert_int_equal(defs_load(&file, 1, house->arena, &found, &n, errors), RC_OK);
    assert_int_equal(n, 2);
    for (uint32_t i = 0; i < n; i++)
        rows[i] = (struct rc_definition){.kind = (uint8_t)found[i].kind,
                                         .name = found[i].name,
                                         .text = found[i].text,
                                         .source = found[i].source,
                                         .digest = found[i].digest};
    assert_int_equal(rc_store_define(house->store, rows, n, NULL, 0, NULL, 1, NULL), RC_OK);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct rc_new_definition){rows[i], found[i].flow, found[i].dependency};
    assert_int_equal(rc_set_make(list, n, house->arena, &set), RC_OK);
    return set;
}

static struct house *open_house(uint32_t readers, uint32_t read_ms)
{
    static const struct rc_exec_kind kind = {on_start, on_close};
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    pthread_mutex_init(&house->lock, NULL);
    pthread_cond_init(&house->opened, NULL);
    house->exec.kind = &kind;
    house->arena = rc_arena_new(1 << 16, 1 << 24);
    house->disk = rc_memory_disk_new();
    assert_int_equal(rc_memory_open(house->disk, &house->store, NULL), RC_OK);
    const struct rc_ports ports = {.store = house->store,
                                   .reopen = on_reopen,
                                   .exec = {&house->exec},
                                   .reply = on_reply,
                                   .wake = on_wake,
                                   .context = house};
    assert_int_equal(rc_engine_new(&ports, define(house), tick(), &house->engine, NULL), RC_OK);
    const struct rc_api_options options = {.address = "127.0.0.1",
                                           .slow = RC_SECONDS(3600),
                                           .engine = house->engine,
                                           .limits = {.read_ms = read_ms},
                                           .shelf = {house, borrow, give_back, is_wanted},
                                           .readers = readers,
                                           .version = "0"};
    assert_int_equal(rc_api_open(&options, &house->api, NULL), RC_OK);
    assert_int_equal(pthread_create(&house->engine_thread, NULL, run_engine, house), 0);
    assert_int_equal(pthread_create(&house->api_thread, NULL, run_api, house), 0);
    return house;
}

/* The loop of HTTP ends first, while somebody may still be held up. */
static void stop_api(struct house *house)
{
    rc_api_stop(house->api);
}

static void close_house(struct house *house)
{
    stop_api(house);
    set_shut(house, false);
    pthread_join(house->api_thread, NULL);
    house->stop = true;
    pthread_join(house->engine_thread, NULL);
    rc_engine_free(house->engine);
    rc_api_close(house->api);
    rc_memory_disk_free(house->disk);
    rc_arena_free(house->arena);
    pthread_mutex_destroy(&house->lock);
    pthread_cond_destroy(&house->opened);
    free(house);
}

/* ---- clients ----------------------------------------------------------------------------------------------------------- */

static int ask(const struct house *house, const char *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(rc_api_port(house->api)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

static int get(const struct house *house, const char *target)
{
    char text[256];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    return ask(house, text);
}

static int submit(const struct house *house, const char *query)
{
    static const char body[] = "{\"type\":\"send\",\"key\":\"k\",\"payload\":{}}";
    char text[256];
    snprintf(text, sizeof text,
             "POST /v1/commands%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             query, sizeof body - 1, body);
    return ask(house, text);
}

/* Reads one answer, with its body; its status. Fails the test where none comes. */
static int read_answer(int fd, char ret_text[ANSWER])
{
    size_t n = 0, whole = SIZE_MAX;
    while (n < whole) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
        /* a byte at a time: what follows may be the next answer */
        ssize_t got = recv(fd, ret_text + n, 1, 0);
        assert_int_equal(got, 1);
        ret_text[++n] = 0;
        const char *end = whole == SIZE_MAX ? strstr(ret_text, "\r\n\r\n") : NULL;
        const char *length = end ? strstr(ret_text, "Content-Length: ") : NULL;
        if (end) whole = (size_t)(end + 4 - ret_text) + (length ? strtoul(length + 16, NULL, 10) : 0);
        assert_true(n < ANSWER - 1);
    }
    return atoi(ret_text + 9);
}

static int finish(int fd, char ret_text[ANSWER])
{
    int status = read_answer(fd, ret_text);
    close(fd);
    return status;
}

static bool is_silent(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 0;
}

static void until(const _Atomic unsigned *counter, unsigned least)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (unsigned i = 0; i < PATIENCE_MS && *counter < least; i++) nanosleep(&pause, NULL);
    assert_true(*counter >= least);
}

static unsigned metric(const struct house *house, const char *name)
{
    char text[ANSWER], line[128];
    assert_int_equal(finish(get(house, "/metrics"), text), 200);
    snprintf(line, sizeof line, "\nrecourse_%s ", name);
    const char *at = strstr(text, line);
    assert_non_null(at);
    return (unsigned)strtoul(at + strlen(line), NULL, 10);
}

static void until_metric(const struct house *house, const char *name, unsigned value)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    unsigned found = 0;
    for (unsigned i = 0; i < PATIENCE_MS / 10 && (found = metric(house, name)) != value; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(found, value);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------- */

/* The list is held up all the time; submissions, and what does not read, are answered beside it. */
static void a_slow_read_keeps_no_submission_waiting(void **state)
{
    char text[ANSWER];
    (void)state;
    for (uint32_t readers = 1; readers <= 3; readers++) {
        struct house *house = open_house(readers, 0);
        set_shut(house, true);
        int list = get(house, "/v1/commands");
        until(&house->held, 1);
        for (unsigned i = 0; i < 3; i++) assert_int_equal(finish(submit(house, ""), text), i ? 200 : 201);
        assert_int_equal(finish(get(house, "/healthz"), text), 200);
        assert_int_equal(metric(house, "http_reading"), 1);
        assert_true(is_silent(list));
        set_shut(house, false);
        assert_int_equal(finish(list, text), 200);
        assert_non_null(strstr(text, "\"type\":\"send\""));
        until_metric(house, "http_reading", 0);
        close_house(house);
    }
}

/* With two threads one is kept for single commands: all others may be held up by lists. */
static void lists_keep_no_single_command_waiting(void **state)
{
    char text[ANSWER], path[128], *location;
    int list[8];
    (void)state;
    struct house *house = open_house(2, 0);
    assert_int_equal(finish(submit(house, ""), text), 201);
    location = strstr(text, "Location: ");
    assert_non_null(location);
    snprintf(path, sizeof path, "%.*s", (int)strcspn(location + 10, "\r"), location + 10);
    set_shut(house, true);
    for (unsigned i = 0; i < 8; i++) list[i] = get(house, "/v1/commands");
    until_metric(house, "http_reading", 8);
    until(&house->held, 1);           /* it is counted before a thread takes it */
    assert_int_equal(house->held, 1); /* the other thread takes no list */
    int one = get(house, path);
    until(&house->held, 2);
    assert_int_equal(metric(house, "http_reading"), 9);
    set_shut(house, false);
    assert_int_equal(finish(one, text), 200);
    for (unsigned i = 0; i < 8; i++) assert_int_equal(finish(list[i], text), 200);
    close_house(house);
}

/* What is sent ahead on one connection is answered behind the slow read, in its order. */
static void answers_keep_their_order(void **state)
{
    char text[ANSWER];
    (void)state;
    struct house *house = open_house(2, 0);
    set_shut(house, true);
    int fd = ask(house, "GET /v1/commands HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        "GET /v1/bulk HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until(&house->held, 1);
    assert_int_equal(finish(submit(house, ""), text), 201);
    assert_true(is_silent(fd));
    set_shut(house, false);
    static const char *const member[] = {"\"commands\"", "\"alive\"", "\"bulks\""};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read_answer(fd, text), 200);
        assert_non_null(strstr(text, member[i]));
    }
    close(fd);
    close_house(house);
}

static void waiting_reads_are_bounded(void **state)
{
    enum { LISTS = RC_MAX_LONG_READS + 1 }; /* one is being read */
    static int list[LISTS];
    char text[ANSWER];
    (void)state;
    struct house *house = open_house(1, 0);
    set_shut(house, true);
    list[0] = get(house, "/v1/commands");
    until(&house->held, 1);
    for (unsigned i = 1; i < LISTS; i++) list[i] = get(house, "/v1/commands");
    until_metric(house, "http_reading", LISTS);
    assert_int_equal(finish(get(house, "/v1/commands"), text), 503);
    assert_non_null(strstr(text, "\"code\":\"busy\""));
    assert_non_null(strstr(text, "Retry-After: "));
    /* little reads have a line of their own, and what was done already is answered in any case */
    int one = get(house, "/v1/commands/0000000000000000"), done = submit(house, "?wait=1ms");
    until_metric(house, "http_reading", LISTS + 2);
    set_shut(house, false);
    assert_int_equal(finish(one, text), 404);
    assert_int_equal(finish(done, text), 201);
    for (unsigned i = 0; i < LISTS; i++) assert_int_equal(finish(list[i], text), 200);
    close_house(house);
}

static void little_reads_are_bounded(void **state)
{
    static struct api_job jobs[RC_MAX_QUICK_READS + 2];
    static struct rc_api api;
    (void)state;
    memset(&api, 0, sizeof api);
    api.options.readers = 1; /* its thread never starts */
    api.options.limits.read_ms = 1000;
    api_readers_init(&api);
    for (unsigned i = 0; i < RC_MAX_QUICK_READS + 2; i++)
        jobs[i] = (struct api_job){.api = &api, .reads = API_READS_LITTLE};
    for (unsigned i = 0; i < RC_MAX_QUICK_READS; i++) assert_true(api_hand_over(&jobs[i], false));
    assert_false(api_hand_over(&jobs[RC_MAX_QUICK_READS], false));
    assert_false(jobs[RC_MAX_QUICK_READS].at_work);
    assert_true(api_hand_over(&jobs[RC_MAX_QUICK_READS + 1], true));
    assert_int_equal(api.readers.line[0].n, RC_MAX_QUICK_READS + 1);
    api_readers_free(&api);
}

/* A house whose only reader is held up by a list. A machine that is so busy that the list's time was over before anybody looked at it
 * gets more of it. */
static struct house *held_up(uint32_t *io_read_ms, int *ret_list)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (;; *io_read_ms *= 4) {
        assert_true(*io_read_ms <= PATIENCE_MS);
        struct house *house = open_house(1, *io_read_ms);
        set_shut(house, true);
        *ret_list = get(house, "/v1/commands");
        while (!house->held && is_silent(*ret_list)) nanosleep(&pause, NULL);
        if (house->held) return house;
        close(*ret_list);
        close_house(house);
    }
}

/* In line, too. */
static void a_read_has_its_time(void **state)
{
    uint32_t read_ms = 1000;
    int first = -1;
    char text[ANSWER];
    (void)state;
    struct house *house = held_up(&read_ms, &first);
    int second = get(house, "/v1/commands");
    until_metric(house, "http_reading", 2);
    rc_us over = rc_clock_monotonic() + RC_MS(read_ms + 100);
    while (rc_clock_monotonic() < over) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    set_shut(house, false);
    for (int fd = first, i = 0; i < 2; fd = second, i++) {
        assert_int_equal(finish(fd, text), 503);
        assert_non_null(strstr(text, "\"code\":\"read-timeout\""));
        assert_non_null(strstr(text, "Retry-After: "));
    }
    assert_int_equal(house->borrowed, 1); /* the second one had none left */
    close_house(house);
}

/* A list whose client has gone is given up before its time, which would be never. One that has only said all it has to say is
 * answered. */
static void nobody_reads_for_who_has_gone(void **state)
{
    struct timespec pause = {.tv_sec = 2}; /* its second of grace, and until it is noticed */
    char text[ANSWER];
    (void)state;
    struct house *house = open_house(2, 0);
    int half = get(house, "/v1/commands");
    shutdown(half, SHUT_WR);
    assert_int_equal(finish(half, text), 200);
    bool given_up = false;
    for (; !given_up && pause.tv_sec <= 32; pause.tv_sec *= 2) { /* on a busy machine it is noticed later */
        set_shut(house, true);
        close(get(house, "/v1/commands"));
        until(&house->held, 1);
        nanosleep(&pause, NULL); /* until what it may still take is over */
        unsigned before = metric(house, "http_problems_total");
        set_shut(house, false);
        until_metric(house, "http_reading", 0);
        given_up = metric(house, "http_problems_total") == before + 1;
    }
    assert_true(given_up);
    close_house(house);
}

static void reads_end_when_the_store_is_wanted_back(void **state)
{
    char text[ANSWER];
    (void)state;
    struct house *house = open_house(2, 0);
    set_shut(house, true);
    int list = get(house, "/v1/commands");
    until(&house->held, 1);
    house->wanted = true;
    set_shut(house, false);
    assert_int_equal(finish(list, text), 503);
    assert_non_null(strstr(text, "\"code\":\"storage-error\""));
    house->wanted = false;
    assert_int_equal(finish(get(house, "/v1/commands"), text), 200);
    close_house(house);
}

/* Running, in line, and waiting: nothing hangs and nothing leaks. */
static void stopping_ends_reads(void **state)
{
    int fd[4];
    (void)state;
    struct house *house = open_house(1, 0);
    set_shut(house, true);
    fd[0] = get(house, "/v1/commands");
    until(&house->held, 1);
    fd[1] = get(house, "/v1/commands");
    fd[2] = submit(house, "?wait=60s");
    fd[3] = get(house, "/v1/events");
    until_metric(house, "http_reading", 4);
    assert_true(rc_api_parked(house->api));
    stop_api(house);
    close_house(house);
    for (unsigned i = 0; i < 4; i++) close(fd[i]);
}

/* A wait looks at its command on a reader's thread: what happens meanwhile is not lost. */
static void a_wait_looks_beside_the_engine(void **state)
{
    char text[ANSWER];
    (void)state;
    struct house *house = open_house(2, 0);
    set_shut(house, true);
    int wait = submit(house, "?wait=60s");
    until(&house->held, 1);
    assert_true(is_silent(wait));
    rc_api_drain(house->api); /* everybody who waits is woken: while it is still being looked at */
    set_shut(house, false);
    assert_int_equal(finish(wait, text), 201);
    assert_non_null(strstr(text, "\"state\":\"running\""));
    const struct timespec pause = {.tv_nsec = 1000000}; /* it is answered first, and let go then */
    for (unsigned i = 0; i < PATIENCE_MS && rc_api_parked(house->api); i++) nanosleep(&pause, NULL);
    assert_false(rc_api_parked(house->api));
    close_house(house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_read_keeps_no_submission_waiting),
        cmocka_unit_test(lists_keep_no_single_command_waiting),
        cmocka_unit_test(answers_keep_their_order),
        cmocka_unit_test(waiting_reads_are_bounded),
        cmocka_unit_test(little_reads_are_bounded),
        cmocka_unit_test(a_read_has_its_time),
        cmocka_unit_test(nobody_reads_for_who_has_gone),
        cmocka_unit_test(reads_end_when_the_store_is_wanted_back),
        cmocka_unit_test(stopping_ends_reads),
        cmocka_unit_test(a_wait_looks_beside_the_engine),
    };
    return cmocka_run_group_tests_name("api readers", tests, NULL, NULL);
}
