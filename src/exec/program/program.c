/* The executor of programs: one thread, an inbox in front of it, and so many programs at a time. */
#include "base/limits.h"
#include "exec/kind.h"
#include "exec/program/run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RUNNING = 64, EVENTS = 64, EXPIRE_MS = 200, IDLE_MS = 60000 };

struct program {
    struct rc_exec exec; /* first */
    struct rc_program_options options;
    char **allowed; /* a copy: the list and its texts are one block each */
    pthread_t thread;
    struct exec_inbox inbox;
    int wake;
    /* the thread's own */
    struct program_keeper keeper;
    struct program_base base;
    struct program_watch woken;
    struct exec_jobs queue;
    struct program_run **run;
    uint32_t nrun;
};

static enum rc_status program_start(struct rc_exec *exec, const struct rc_start *start)
{
    struct program *program = (struct program *)(void *)exec;
    bool first;
    enum rc_status status = exec_inbox_put(&program->inbox, start, &first);
    if (status == RC_OK && first) (void)!eventfd_write(program->wake, 1);
    return status;
}

/* ---- the thread */

static void answer(struct program *program, struct exec_job *job)
{
    rc_arena_free(job->start.arena);
    program->options.answer(program->options.answer_context, &job->answer);
}

static void answer_unsent(struct program *program, struct exec_job *job, const char *text)
{
    exec_job_not_sent(job, RC_WHY_NOT_SENT, text);
    answer(program, job);
}

static void expire_queued(struct program *program, rc_us now)
{
    struct exec_jobs all = program->queue;
    program->queue.first = NULL;
    for (struct exec_job *job; (job = exec_jobs_take(&all));) {
        if (exec_job_is_late(job, now))
            answer_unsent(program, job, "as many programs as may run at a time did run");
        else
            exec_jobs_add(&program->queue, job);
    }
}

/* Somebody has killed the keeper: without one no program may run, so there is a new one, and it is told of all that run. */
static void keep_keeper(struct program *program)
{
    struct program_keeper fresh;
    if (program_keeper_is_alive(&program->keeper)) return;
    if (program_keeper_open(&fresh, NULL) != RC_OK) return; /* every start fails, and says so */
    program_keeper_close(&program->keeper);
    program->keeper = fresh;
    for (uint32_t i = 0; i < program->nrun; i++)
        (void)!program_keeper_enter(&program->keeper, program->run[i]->child.pid);
}

static void start_queued(struct program *program)
{
    if (program->queue.first) keep_keeper(program);
    while (program->queue.first && program->nrun < program->options.max_running) {
        struct exec_job *job = exec_jobs_take(&program->queue);
        struct program_run *run = program_run_begin(&program->base, job);
        if (run)
            program->run[program->nrun++] = run;
        else
            answer(program, job);
    }
}

static int wait_ms(const struct program *program, rc_us now)
{
    rc_us due = now + RC_MS(program->queue.first ? EXPIRE_MS : IDLE_MS);
    for (uint32_t i = 0; i < program->nrun; i++) {
        if (program->run[i]->ended) return 0;
        if (program->run[i]->due < due) due = program->run[i]->due;
    }
    return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

/* What ended is freed behind the last event, which may be about it. */
static void take_events(struct program *program)
{
    struct epoll_event event[EVENTS];
    int n = epoll_wait(program->base.epoll, event, EVENTS, wait_ms(program, rc_clock_monotonic()));
    for (int i = 0; i < n; i++) {
        struct program_watch *watch = event[i].data.ptr;
        eventfd_t count;
        if (watch->run)
            program_run_event(watch->run, watch);
        else
            (void)!eventfd_read(program->wake, &count);
    }
}

static void reap(struct program *program)
{
    rc_us now = rc_clock_monotonic();
    for (uint32_t i = 0; i < program->nrun;) {
        struct program_run *run = program->run[i];
        if (!run->ended) {
            if (run->due <= now && program_run_next_phase(run, now))
                answer(program, program_run_give_up(run));
            i++;
            continue;
        }
        program->run[i] = program->run[--program->nrun];
        struct exec_job *job = program_run_end(run, &program->base);
        if (job) answer(program, job);
    }
}

/* How many have yet to be answered. */
static uint32_t unanswered(const struct program *program)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < program->nrun; i++) n += program->run[i]->job != NULL;
    return n;
}

static void *run(void *context)
{
    struct program *program = context;
    while (exec_inbox_take(&program->inbox, &program->queue)) {
        expire_queued(program, rc_clock_monotonic());
        start_queued(program);
        take_events(program);
        reap(program);
    }
    for (struct exec_job *job; (job = exec_jobs_take(&program->queue));)
        answer_unsent(program, job, rc_status_text(RC_STOPPING));
    for (uint32_t i = 0; i < program->nrun; i++) program_run_stop(program->run[i], rc_clock_monotonic());
    while (unanswered(program)) {
        take_events(program);
        reap(program);
    }
    for (uint32_t i = 0; i < program->nrun; i++) program_run_abandon(program->run[i]);
    return NULL;
}

/* ---- open, close */

static const struct rc_exec_kind kind; /* below: start and close */

static void free_program(struct program *program)
{
    program_keeper_close(&program->keeper);
    if (program->base.stack) (void)munmap(program->base.stack, PROGRAM_STACK);
    if (program->base.epoll >= 0) close(program->base.epoll);
    if (program->wake >= 0) close(program->wake);
    for (uint32_t i = 0; program->allowed && i < program->options.nallowed; i++) free(program->allowed[i]);
    free(program->allowed);
    free(program->run);
    pthread_mutex_destroy(&program->inbox.lock);
    free(program);
}

static bool copy_options(struct program *program, const struct rc_program_options *options)
{
    program->options = *options;
    if (!program->options.max_running) program->options.max_running = RUNNING;
    program->run = calloc(program->options.max_running, sizeof(struct program_run *));
    program->allowed = calloc((size_t)options->nallowed + 1, sizeof(char *));
    if (!program->run || !program->allowed) return false;
    for (uint32_t i = 0; i < options->nallowed; i++)
        if (!(program->allowed[i] = strdup(options->allowed[i]))) return false;
    program->options.allowed = (const char *const *)program->allowed;
    return true;
}

static bool open_descriptors(struct program *program)
{
    struct program_base *base = &program->base;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &program->woken};
    *base = (struct program_base){
        .options = &program->options, .keeper = &program->keeper, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    program->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    void *stack = mmap(NULL, PROGRAM_STACK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    base->stack = stack == MAP_FAILED ? NULL : stack;
    return base->epoll >= 0 && program->wake >= 0 && base->stack &&
           epoll_ctl(base->epoll, EPOLL_CTL_ADD, program->wake, &event) == 0;
}

enum rc_status rc_program_open(const struct rc_program_options *options, struct rc_exec **ret,
                               struct rc_error *err)
{
    if (options->max_running > RC_MAX_RUNNING)
        return rc_fail(err, RC_INVALID, "programs: more than %d at a time", RC_MAX_RUNNING);
    struct program *program = calloc(1, sizeof *program);
    if (!program) return rc_fail(err, RC_NOMEM, "%s", rc_status_text(RC_NOMEM));
    program->exec.kind = &kind;
    program->wake = program->base.epoll = -1;
    pthread_mutex_init(&program->inbox.lock, NULL);
    enum rc_status status = copy_options(program, options) && open_descriptors(program)
                                ? RC_OK
                                : rc_fail(err, RC_NOMEM, "programs: %s", rc_status_text(RC_NOMEM));
    if (status == RC_OK) status = program_keeper_open(&program->keeper, err);
    if (status == RC_OK && exec_thread(&program->thread, run, program))
        status = rc_fail(err, RC_NOMEM, "programs: no thread");
    if (status != RC_OK) {
        free_program(program);
        return status;
    }
    *ret = &program->exec;
    return RC_OK;
}

static void program_close(struct rc_exec *exec)
{
    struct program *program = (struct program *)(void *)exec;
    exec_inbox_stop(&program->inbox);
    (void)!eventfd_write(program->wake, 1);
    pthread_join(program->thread, NULL);
    free_program(program);
}

static const struct rc_exec_kind kind = {.start = program_start, .close = program_close};
