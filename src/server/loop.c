/* The engine's thread: a turn, the replies, sleep until something is due or somebody wakes it. */
#include "server/server.h"

#include "base/id.h"
#include "base/random.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A wake costs a system call only while the engine sleeps. */
enum engine_state { RUNNING, SLEEPING, CALLED };

enum { FAULT_SLEEP_US = 200000, LAST_TURNS = 64 };

void loop_wake(void *context)
{
    struct server *server = context;
    const uint64_t one = 1;
    if (atomic_exchange(&server->engine_state, CALLED) != SLEEPING) return;
    if (write(server->wake_fd, &one, sizeof one) < 0) { /* the counter is full: it is awake */
    }
}

static void nap(const struct server *server, rc_us sleep)
{
    struct pollfd poll = {.fd = server->wake_fd, .events = POLLIN};
    struct timespec time = {.tv_sec = (time_t)(sleep / 1000000), .tv_nsec = (long)(sleep % 1000000 * 1000)};
    uint64_t count;
    if (ppoll(&poll, 1, sleep == UINT64_MAX ? NULL : &time, NULL) <= 0) return;
    if (read(server->wake_fd, &count, sizeof count) < 0) { /* nothing to drain */
    }
}

struct rc_tick loop_tick(struct server *server)
{
    return (struct rc_tick){
        .monotonic = rc_clock_monotonic(), .wall = rc_clock_wall(), .seed = rc_mix(&server->seed)};
}

/* Says once that the store went away, and once that it is back. */
static void log_fault(enum rc_status *io_last, enum rc_status status, const struct rc_error *err)
{
    if (status == *io_last) return;
    if (status != RC_OK)
        rc_log(RC_LOG_ERROR, "engine", "%s: %s", rc_status_text(status), err->text);
    else
        rc_log(RC_LOG_INFO, "engine", "the storage can be used again");
    *io_last = status;
}

/* What could not be taken in stays with its command as it was; somebody must know. */
static void log_lost_facts(const struct rc_engine *engine, uint64_t *io_known)
{
    struct rc_engine_stats stats;
    rc_engine_stats(engine, &stats);
    if (stats.faults != *io_known)
        rc_log(RC_LOG_ERROR, "engine", "%llu facts could not be taken in; the last one: %s",
               (unsigned long long)(stats.faults - *io_known), rc_engine_last_fault(engine)->text);
    *io_known = stats.faults;
}

/* Commands that nobody can read are nobody's to lose sight of. */
static void log_damaged(struct rc_engine *engine)
{
    enum { NAMED = 64 };
    struct rc_id ids[NAMED];
    struct rc_error last;
    for (uint32_t n = rc_engine_take_damaged(engine, ids, NAMED, &last), i = 0; i < n; i++) {
        char id[RC_ID_TEXT + 1];
        rc_id_format(ids[i], id);
        rc_log(RC_LOG_ERROR, "store",
               "command %s (number %llu) has not ended and cannot be read: it stays as it is; the last such "
               "error: %s",
               id, (unsigned long long)ids[i].seq, last.text);
    }
}

/* One turn, and whom it tells. How long nothing becomes due; *io: what was seen by the turn before. */
static rc_us turn(struct server *server, struct loop_seen *io)
{
    struct rc_error err = {0};
    rc_us sleep = 0;
    atomic_store(&server->engine_state, RUNNING);
    atomic_fetch_add_explicit(&server->beats, 1, memory_order_relaxed);
    rc_engine_collect(server->engine);
    struct rc_tick tick = loop_tick(server);
    tick.took = io->took;
    enum rc_status status = rc_engine_turn(server->engine, tick, &sleep, &err);
    io->took = rc_clock_monotonic() - tick.monotonic;
    struct rc_api *api = atomic_load(&server->api);
    if (api) rc_api_flush(api);
    rc_engine_follow_up(server->engine);
    log_fault(&io->status, status, &err);
    log_lost_facts(server->engine, &io->faults);
    log_damaged(server->engine);
    return status == RC_OK ? sleep : FAULT_SLEEP_US;
}

static void *loop(void *context)
{
    struct server *server = context;
    while (!atomic_load(&server->stop_engine)) {
        rc_us sleep = turn(server, &server->seen);
        int running = RUNNING;
        if (sleep && atomic_compare_exchange_strong(&server->engine_state, &running, SLEEPING)) {
            /* the call of who stops it may have come between the look above and the turn, which takes calls for heard */
            if (!atomic_load(&server->stop_engine)) nap(server, sleep);
        } else if (server->seen.status != RC_OK)
            usleep(FAULT_SLEEP_US); /* called all the time: do not spin on a broken store */
    }
    /* what the executors have answered while they were closed: that something did not leave is not to be forgotten */
    for (unsigned i = 0; i < LAST_TURNS && server->seen.status == RC_OK; i++)
        if (turn(server, &server->seen) > 0) break;
    return NULL;
}

enum rc_status loop_start(struct server *server, struct rc_error *err)
{
    turn(server, &server->seen); /* what was in flight is taken over before anybody is answered */
    int error = pthread_create(&server->engine_thread, NULL, loop, server);
    return error ? rc_fail(err, RC_NOMEM, "the engine's thread cannot be started: %s", strerror(error))
                 : RC_OK;
}

void loop_stop(struct server *server)
{
    atomic_store(&server->stop_engine, true);
    loop_wake(server);
    pthread_join(server->engine_thread, NULL);
}
