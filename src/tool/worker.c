/* recourse worker: does tasks with listed programs on this host, under the user and the unit that it was started in. Each of its hands is a
 * thread: it leases one task, runs the program, tells in between that it lives, and reports. What a flow sends reaches a program on its stdin
 * only; which programs there are, and their arguments, stands in a file of the host. */
#include "tool/worker.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "client/work.h"
#include "core/words.h"
#include "exec/exec.h"
#include "tool/tool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    HANDS_MOST = 64,
    ARENA_FIRST = 16 << 10,
    ARENA_MOST = 64 << 20,
    POLL_S = 5,
    TEMPORARY_FAILURE = 75,
    WORDS = 32
};

struct worker;
struct hand {
    struct worker *worker;
    pthread_t thread;
    uint64_t number;
    struct rc_client *client;
    struct rc_answer answer; /* with the lock held */
    bool answered;
};
struct worker {
    const struct cli_args *args;
    struct worker_programs programs;
    struct rc_exec *exec;
    struct rc_arena *arena;
    struct hand *hand;
    uint32_t nhands;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct rc_client_ask ask;
    char host[RC_MAX_NAME];
};
static _Atomic unsigned stopping; /* how often it was told to; the second time it waits for no server */

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&stopping, 1);
}

/* ---- the server -------------------------------------------------------------------------------------------- */

/* Until it was told to stop so often. */
static void pause_for(unsigned ms, unsigned times)
{
    for (unsigned done = 0; done < ms && atomic_load(&stopping) < times; done += 100)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

/* What the server cannot take has been done all the same: it gets the rest, and why; `keep` holds that. */
static bool leave_output_out(struct rc_client_report *said, enum rc_status status, const struct rc_error *why,
                             struct rc_error *keep)
{
    bool refused = status == RC_LIMIT || status == RC_SYNTAX || status == RC_INVALID;
    if (!refused || said->output.kind == CEL_NULL) return false;
    said->output = cel_null();
    said->outcome = rc_outcome_word(RC_OUT_UNKNOWN).slug;
    *keep = *why;
    said->error = rc_sv_of(keep->text);
    return true;
}

/* How long an answer about a task is waited for where it may be asked for again, on another connection, before its lease is over. */
static unsigned short_wait(const struct rc_client_task *task)
{
    return task->lease_ms / 3 > 1000 ? task->lease_ms / 3 : 1000;
}

/* Tells what came of a task until it is known that the server has heard it, or does not want to. After it was away a lease has its
 * length anew, within which it must be told. */
static void report(struct hand *hand, struct rc_client_report *said, const struct rc_client_task *task)
{
    struct rc_error refusal;
    bool first = true;
    unsigned most = task->lease_ms / 3 < 10000 ? task->lease_ms / 3 : 10000;
    if (most < 100) most = 100;
    for (unsigned ms = 200;; ms = 2 * ms < most ? 2 * ms : most) {
        struct rc_arena *arena = rc_arena_new(ARENA_FIRST, ARENA_MOST);
        struct rc_error err;
        /* on a connection that is dead without a word the first try must be over while the lease lasts */
        rc_client_set_timeout(hand->client, first ? short_wait(task) : 0);
        first = false;
        enum rc_status status = arena ? rc_client_report(hand->client, said, 1, arena, &err)
                                      : rc_fail(&err, RC_NOMEM, "out of memory");
        rc_arena_free(arena);
        if (status == RC_OK) return;
        rc_log(RC_LOG_WARN, "report", "command %.*s: %s", RC_SV_ARG(task->command), err.text);
        bool again = status == RC_UNREACHABLE || status == RC_COMMIT_UNKNOWN || rc_status_retryable(status);
        if (leave_output_out(said, status, &err, &refusal)) continue;
        if (!again || atomic_load(&stopping) > 1) return;
        pause_for(ms, 2);
    }
}

/* False: it was not heard. */
static bool beat(struct hand *hand, const struct rc_client_task *task)
{
    struct rc_arena *arena = rc_arena_new(ARENA_FIRST, ARENA_MOST);
    struct rc_error err;
    rc_client_set_timeout(hand->client, short_wait(task));
    enum rc_status status = arena ? rc_client_heartbeat(hand->client, &task->lease, 1, arena, &err)
                                  : rc_fail(&err, RC_NOMEM, "out of memory");
    if (status != RC_OK)
        rc_log(RC_LOG_WARN, "heartbeat", "command %.*s: %s", RC_SV_ARG(task->command), err.text);
    rc_arena_free(arena);
    return status != RC_UNREACHABLE && status != RC_COMMIT_UNKNOWN;
}

/* ---- one task ---------------------------------------------------------------------------------------------- */

/* The same as for a step that a program does (core/outcome.c). `words`: room for those of a program that had none. */
static void say(const struct rc_result *result, struct rc_client_report *ret, char words[WORDS])
{
    enum rc_outcome outcome = RC_OUT_REJECTED;
    if (result->reach == RC_NOT_SENT || (result->reach == RC_ANSWERED && result->status == TEMPORARY_FAILURE))
        outcome = RC_OUT_FAILED;
    else if (result->reach == RC_SENT || (result->status == 0 && !result->usable))
        outcome = RC_OUT_UNKNOWN;
    else if (result->status == 0)
        outcome = RC_OUT_SUCCEEDED;
    ret->outcome = rc_outcome_word(outcome).slug;
    /* of an exit code that says it all the program's own words; else why nobody knows, maybe with these behind */
    bool own = result->excerpt.n && (outcome != RC_OUT_UNKNOWN || !result->error.n);
    ret->error = own ? result->excerpt : result->error;
    if (!ret->error.n && outcome != RC_OUT_SUCCEEDED) {
        snprintf(words, WORDS, "exit code %u", result->status);
        ret->error = rc_sv_of(words);
    }
    if (outcome == RC_OUT_SUCCEEDED) ret->output = result->body;
}

/* On the executor's thread. */
static void on_answer(void *context, struct rc_answer *answer)
{
    struct worker *worker = context;
    struct hand *hand = &worker->hand[answer->of.id];
    pthread_mutex_lock(&worker->lock);
    hand->answer = *answer;
    hand->answered = true;
    pthread_cond_broadcast(&worker->answered);
    pthread_mutex_unlock(&worker->lock);
}

/* Until the program has ended; tells the server in between. */
static void await(struct hand *hand, const struct rc_client_task *task)
{
    struct worker *worker = hand->worker;
    struct timespec next;
    const uint32_t third_ms = task->lease_ms >= 3 ? task->lease_ms / 3 : 1;
    uint32_t every_ms = third_ms;
    pthread_mutex_lock(&worker->lock);
    while (!hand->answered) {
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += every_ms / 1000;
        next.tv_nsec += (long)(every_ms % 1000) * 1000000;
        if (next.tv_nsec >= 1000000000) {
            next.tv_sec++;
            next.tv_nsec -= 1000000000;
        }
        int ended = 0;
        while (!hand->answered && ended != ETIMEDOUT)
            ended = pthread_cond_timedwait(&worker->answered, &worker->lock, &next);
        if (hand->answered) break;
        pthread_mutex_unlock(&worker->lock);
        every_ms = beat(hand, task) || third_ms < 1000 ? third_ms : 1000;
        pthread_mutex_lock(&worker->lock);
    }
    hand->answered = false;
    pthread_mutex_unlock(&worker->lock);
}

static uint8_t purpose_of(struct rc_sv word)
{
    for (unsigned i = 0; i < RC_PURPOSES; i++)
        if (rc_sv_is(word, rc_purpose_word(i).slug)) return (uint8_t)i;
    return RC_ACT;
}

/* RC_OK: it runs, and the answer comes. */
static enum rc_status start(struct hand *hand, const struct rc_client_task *task, struct rc_error *err)
{
    const struct worker *worker = hand->worker;
    const struct worker_program *program = worker_program_of(&worker->programs, task->task);
    if (!program)
        return rc_fail(err, RC_NOT_FOUND, "this worker does not list the task \"%.*s\"",
                       RC_SV_ARG(task->task));
    struct rc_start start = {.arena = rc_arena_new(ARENA_FIRST, ARENA_MOST),
                             .effect = {.of = {.agg = RC_AGG_COMMAND, .id = hand->number},
                                        .attempt = (uint16_t)task->attempt,
                                        .purpose = purpose_of(task->purpose),
                                        .dependency = &program->dependency,
                                        .timeout = program->timeout}};
    if (!start.arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status =
        worker_program_request(program, task->input, start.arena, &start.effect.request, err);
    if (status == RC_OK && !rc_h128_parse(task->idempotency_key, &start.effect.idempotency_key))
        status = rc_fail(err, RC_INVALID, "the task has no idempotency key");
    if (status == RC_OK) {
        status = rc_exec_start(worker->exec, &start);
        if (status != RC_OK) (void)rc_fail(err, status, "the program could not be started now");
    }
    if (status != RC_OK) rc_arena_free(start.arena);
    return status;
}

static void work(struct hand *hand, const struct rc_client_task *task)
{
    struct rc_error err = {0};
    char words[WORDS];
    struct rc_client_report said = {
        .lease = task->lease, .outcome = rc_outcome_word(RC_OUT_FAILED).slug, .output = cel_null()};
    bool runs = start(hand, task, &err) == RC_OK;
    if (runs) {
        await(hand, task);
        say(&hand->answer.result, &said, words);
    } else {
        said.error = rc_sv_of(err.text);
    }
    rc_log(RC_LOG_INFO, "task", "command %.*s, task %.*s: %s %.*s", RC_SV_ARG(task->command),
           RC_SV_ARG(task->task), said.outcome, RC_SV_ARG(said.error));
    report(hand, &said, task);
    if (runs) rc_arena_free(hand->answer.arena);
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

/* What was leased while the worker was told to stop has not begun. */
static void give_back(struct hand *hand, const struct rc_client_task *task)
{
    struct rc_client_report said = {.lease = task->lease, .outcome = "released", .output = cel_null()};
    report(hand, &said, task);
}

static void ask(struct hand *hand, struct rc_arena *arena)
{
    struct rc_client_tasks tasks;
    struct rc_error err;
    rc_client_set_timeout(hand->client, 0);
    if (rc_client_lease(hand->client, &hand->worker->ask, arena, &tasks, &err) != RC_OK) {
        rc_log(RC_LOG_WARN, "lease", "%s", err.text);
        pause_for(2000, 1);
        return;
    }
    for (uint32_t i = 0; i < tasks.n; i++) {
        if (atomic_load(&stopping))
            give_back(hand, &tasks.item[i]);
        else
            work(hand, &tasks.item[i]);
    }
    if (tasks.draining) pause_for(2000, 1);
}

static void *run_hand(void *context)
{
    struct hand *hand = context;
    while (!atomic_load(&stopping)) {
        struct rc_arena *arena = rc_arena_new(ARENA_FIRST, ARENA_MOST);
        if (arena)
            ask(hand, arena);
        else
            pause_for(1000, 1);
        rc_arena_free(arena);
    }
    return NULL;
}

/* ---- start and end ----------------------------------------------------------------------------------------- */

/* The values of an option that may be repeated. */
static enum rc_status read_all(const struct worker *worker, const char *option, const char *const **ret,
                               uint32_t *ret_n, struct rc_error *err)
{
    const char **values = RC_NEW_ARRAY(worker->arena, const char *, CLI_MAX_GIVEN), *value;
    unsigned at = 0;
    if (!values) return rc_fail_arena(err, worker->arena);
    for (*ret_n = 0; (value = cli_each(worker->args, option, &at)) != NULL;) values[(*ret_n)++] = value;
    *ret = values;
    return RC_OK;
}

static enum rc_status prepare(struct worker *worker, struct rc_error *err)
{
    const char *name = cli_value(worker->args, "name");
    struct rc_client_ask *ask = &worker->ask;
    if (gethostname(worker->host, sizeof worker->host - 1) != 0) worker->host[0] = 0;
    *ask = (struct rc_client_ask){.worker = name ? name : worker->host, .max = 1, .wait_s = POLL_S};
    enum rc_status status = read_all(worker, "queue", &ask->queues, &ask->nqueues, err);
    if (status == RC_OK)
        status = read_all(worker, "capability", &ask->capabilities, &ask->ncapabilities, err);
    if (status != RC_OK) return status;
    const struct rc_program_options options = {.answer = on_answer,
                                               .answer_context = worker,
                                               .allowed = worker->programs.paths,
                                               .nallowed = worker->programs.n,
                                               .max_running = worker->nhands};
    return rc_program_open(&options, &worker->exec, err);
}

static enum rc_status read_hands(struct worker *worker, struct rc_error *err)
{
    const char *parallel = cli_value(worker->args, "parallel");
    uint64_t n = 1;
    if (parallel && (!rc_parse_u64(rc_sv_of(parallel), &n) || n < 1 || n > HANDS_MOST))
        return rc_fail(err, RC_INVALID, "--parallel must be a number from 1 to %d", HANDS_MOST);
    worker->nhands = (uint32_t)n;
    worker->hand = RC_NEW_ARRAY(worker->arena, struct hand, n);
    if (!worker->hand) return rc_fail_arena(err, worker->arena);
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < n; i++) {
        worker->hand[i].worker = worker;
        worker->hand[i].number = i;
        status = cli_open_client(worker->args, worker->arena, &worker->hand[i].client, err);
    }
    return status;
}

static enum rc_status run_all(struct worker *worker, struct rc_error *err)
{
    uint32_t n = 0;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    rc_log(RC_LOG_INFO, "started", "%u tasks are listed; %u at a time", worker->programs.n, worker->nhands);
    while (n < worker->nhands &&
           pthread_create(&worker->hand[n].thread, NULL, run_hand, &worker->hand[n]) == 0)
        n++;
    if (n < worker->nhands) atomic_store(&stopping, 1);
    for (uint32_t i = 0; i < n; i++) pthread_join(worker->hand[i].thread, NULL);
    rc_log(RC_LOG_INFO, "stopped", "nothing is under way");
    return n == worker->nhands ? RC_OK : rc_fail(err, RC_NOMEM, "no thread could be started");
}

static enum rc_status run(struct worker *worker, struct rc_error *err)
{
    const char *path = cli_value(worker->args, "programs");
    struct rc_sv text;
    pthread_condattr_t monotonic;
    if (!cli_value(worker->args, "queue")) return rc_fail(err, RC_INVALID, "--queue is needed");
    if (!path) return rc_fail(err, RC_INVALID, "--programs is needed: the list of what may run");
    if (cli_read_file(worker->arena, path, &text) != CLI_OK)
        return rc_fail(err, RC_INVALID, "the list of programs cannot be read");
    enum rc_status status = worker_programs_read(text, worker->arena, &worker->programs, err);
    if (status != RC_OK) return rc_fail_prefix(err, status, "%s", path);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->answered, &monotonic);
    status = read_hands(worker, err);
    if (status == RC_OK) status = prepare(worker, err);
    if (status == RC_OK) status = run_all(worker, err);
    rc_exec_close(worker->exec);
    for (uint32_t i = 0; i < worker->nhands; i++) rc_client_close(worker->hand[i].client);
    return status;
}

int tool_worker(const struct cli_args *args)
{
    struct worker worker = {.args = args, .arena = rc_arena_new(ARENA_FIRST, ARENA_MOST)};
    struct rc_error err = {0};
    enum rc_status status = worker.arena ? run(&worker, &err) : rc_fail(&err, RC_NOMEM, "out of memory");
    if (status != RC_OK && cli_has(args, "json"))
        cli_put_json_error(&err);
    else if (status != RC_OK)
        fprintf(stderr, "recourse worker: %s\n", err.text);
    rc_arena_free(worker.arena);
    return cli_exit_of(status);
}
