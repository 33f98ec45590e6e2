/* How far did an attempt come? Nothing has happened while execve has not; from there on everything may have. What counts is how the
 * program itself ends, not what it started: when it ends, the rest of its group is killed, so nothing of an attempt is left when its
 * answer goes out. */
#include "exec/program/run.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "flow/dependency.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    SCRATCH_FIRST = 4 << 10,
    SCRATCH_LIMIT = 4 * RC_MAX_BODY,
    PIECE = 16 << 10,
    PIECES = 8,          /* that are read before others have their turn */
    LEFT_OVER = 2 << 20, /* bytes that may wait in a pipe, generously: pipe(7) */
    STOP_MS = 1000,      /* that a program has when the executor closes */
    KILL_MS = 5000,      /* that the kernel has to end one */
    /* the longest secret that could lie across the beginning of what is kept */
    RING = RC_MAX_EXCERPT + RC_MAX_SECRET,
    OPEN_FILES = 1024
};

/* By hand: another process that has got a copy of the descriptor would keep it in the epoll. */
static void unwatch(struct program_watch *watch)
{
    if (watch->fd < 0) return;
    if (watch->run) (void)epoll_ctl(watch->run->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    close(watch->fd);
    watch->fd = -1;
}

static bool watch(struct program_run *run, struct program_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->run = run;
    return watch->fd < 0 || epoll_ctl(run->epoll, EPOLL_CTL_ADD, watch->fd, &event) == 0;
}

/* ---- begin */

/* Above 2, so that it can become any of these without being written over. */
static bool lift(int *io_fd)
{
    if (*io_fd > 2) return true;
    int fd = fcntl(*io_fd, F_DUPFD_CLOEXEC, 3);
    close(*io_fd);
    *io_fd = fd;
    return fd >= 0;
}

/* ret_end[0] is read, ret_end[1] written; both -1 on failure. Ours does not block. */
static bool make_pipe(int ret_end[2], int ours)
{
    if (pipe2(ret_end, O_CLOEXEC)) {
        ret_end[0] = ret_end[1] = -1;
        return false;
    }
    if (lift(&ret_end[0]) && lift(&ret_end[1]) && fcntl(ret_end[ours], F_SETFL, O_NONBLOCK) == 0) return true;
    for (int i = 0; i < 2; i++) {
        if (ret_end[i] >= 0) close(ret_end[i]);
        ret_end[i] = -1;
    }
    return false;
}

static bool make_input(const struct program_request *request, int ret_end[2])
{
    ret_end[1] = -1;
    if (request->has_input) return make_pipe(ret_end, 1);
    ret_end[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return ret_end[0] >= 0 && lift(&ret_end[0]);
}

static void set_limits(const struct flow_program *rules, struct program_spawn *spawn)
{
    const struct program_limit all[PROGRAM_LIMITS] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, rules->open_files ? rules->open_files : OPEN_FILES},
        {RLIMIT_AS, rules->memory},
        {RLIMIT_FSIZE, rules->file_size},
        {RLIMIT_CPU, (rules->cpu + RC_SECONDS(1) - 1) / RC_SECONDS(1)}};
    for (uint32_t i = 0; i < PROGRAM_LIMITS; i++)
        if (i == 0 || all[i].value) spawn->limit[spawn->nlimit++] = all[i];
}

static void close_end(int fd)
{
    if (fd >= 0) close(fd);
}

static enum rc_status spawn(const struct program_base *base, struct program_run *run, struct rc_error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, complaints[2] = {-1, -1};
    enum rc_status status = RC_OK;
    if (!make_input(&run->request, in) || !make_pipe(out, 0) || !make_pipe(complaints, 0))
        status = rc_fail(err, RC_BUSY, "no pipe for the program: %s", strerror(errno));
    struct program_spawn spawn = {
        .request = &run->request, .keeper = base->keeper, .in = in[0], .out = out[1], .err = complaints[1]};
    set_limits(&run->job->start.effect.dependency->program, &spawn);
    if (status == RC_OK) status = program_spawn(&spawn, base->stack, &run->child, err);
    close_end(in[0]);
    close_end(out[1]);
    close_end(complaints[1]);
    run->in.fd = in[1];
    run->out.fd = out[0];
    run->err.fd = complaints[0];
    run->end.fd = status == RC_OK ? run->child.fd : -1;
    return status;
}

static void free_run(struct program_run *run)
{
    unwatch(&run->in);
    unwatch(&run->out);
    unwatch(&run->err);
    unwatch(&run->end);
    rc_arena_free(run->scratch);
    free(run->complaint);
    free(run);
}

static struct program_run *new_run(struct exec_job *job)
{
    struct program_run *run = calloc(1, sizeof *run);
    if (!run) return NULL;
    run->job = job;
    run->in.fd = run->out.fd = run->err.fd = run->end.fd = -1;
    run->scratch = rc_arena_new(SCRATCH_FIRST, SCRATCH_LIMIT);
    run->complaint = malloc(RING);
    run->printed = rc_buf_in(job->answer.arena, RC_MAX_ANSWER);
    if (run->scratch && run->complaint) return run;
    free_run(run);
    return NULL;
}

/* It runs, and cannot be watched: that ends it, and what it did nobody knows. */
static void cannot_watch(struct program_run *run)
{
    (void)kill(-run->child.pid, SIGKILL);
    run->ended = true;
}

struct program_run *program_run_begin(const struct program_base *base, struct exec_job *job)
{
    struct rc_error err;
    struct program_run *run = new_run(job);
    if (!run) {
        exec_job_not_sent(job, RC_WHY_NOT_SENT, rc_status_text(RC_NOMEM));
        return NULL;
    }
    run->epoll = base->epoll;
    run->began = rc_clock_monotonic();
    run->due = run->began + job->start.effect.timeout;
    enum rc_status status =
        program_request_build(&job->start.effect, base->options, run->scratch, &run->request, &err);
    if (status == RC_OK) status = spawn(base, run, &err);
    if (status != RC_OK) {
        exec_job_not_sent(job, rc_status_retryable(status) ? RC_WHY_NOT_SENT : RC_WHY_CONFIGURATION,
                          err.text);
        free_run(run);
        return NULL;
    }
    if (!watch(run, &run->in, EPOLLOUT) || !watch(run, &run->out, EPOLLIN) ||
        !watch(run, &run->err, EPOLLIN) || !watch(run, &run->end, EPOLLIN))
        cannot_watch(run);
    return run;
}

/* ---- while it runs */

/* A program may end, or close its stdin, before it has read everything: that is its business. */
static void feed(struct program_run *run)
{
    const struct rc_sv *input = &run->request.input;
    while (run->written < input->n) {
        ssize_t put = write(run->in.fd, input->p + run->written, input->n - run->written);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EAGAIN) return;
        if (put < 0) break;
        run->written += (uint32_t)put;
    }
    unwatch(&run->in);
}

static void take_printed(struct program_run *run, const char *piece, uint32_t n)
{
    uint32_t room = run->printed.limit - run->printed.n;
    if (!run->job) return;
    if (n > room) run->flooded = true;
    rc_put(&run->printed, (struct rc_sv){piece, n < room ? n : room});
    if (run->printed.status != RC_OK) run->flooded = true;
}

static void take_complaint(struct program_run *run, const char *piece, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) run->complaint[run->complained++ % RING] = piece[i];
}

/* At most `most` pieces; what is above the bound is read and forgotten, so that the program can come to its end. */
static void drain(struct program_run *run, struct program_watch *from, uint32_t most)
{
    char piece[PIECE];
    for (uint32_t i = 0; i < most && from->fd >= 0; i++) {
        ssize_t got = read(from->fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0)
            unwatch(from);
        else if (from == &run->out)
            take_printed(run, piece, (uint32_t)got);
        else
            take_complaint(run, piece, (uint32_t)got);
    }
}

void program_run_event(struct program_run *run, struct program_watch *watch)
{
    if (watch->fd < 0) return;
    if (watch == &run->end)
        run->ended = true;
    else if (watch == &run->in)
        feed(run);
    else
        drain(run, watch, PIECES);
}

/* Until it is reaped, its number and its group's belong to nobody else. */
static void signal_group(const struct program_run *run, int number)
{
    (void)kill(-run->child.pid, number);
}

static void ask_to_end(struct program_run *run, rc_us until)
{
    signal_group(run, SIGTERM);
    signal_group(run, SIGCONT);
    run->phase = PROGRAM_ASKED;
    run->due = until;
}

bool program_run_next_phase(struct program_run *run, rc_us now)
{
    switch (run->phase) {
    case PROGRAM_RUNS: ask_to_end(run, now + run->job->start.effect.dependency->program.grace); break;
    case PROGRAM_ASKED:
        signal_group(run, SIGKILL);
        run->phase = PROGRAM_KILLED;
        run->due = now + RC_MS(KILL_MS);
        break;
    case PROGRAM_KILLED:
        run->phase = PROGRAM_STAYS;
        run->due = UINT64_MAX;
        return true;
    case PROGRAM_STAYS: run->due = UINT64_MAX; break;
    }
    return false;
}

void program_run_stop(struct program_run *run, rc_us now)
{
    rc_us until = now + RC_MS(STOP_MS);
    if (run->phase == PROGRAM_RUNS) {
        run->stopped = true;
        ask_to_end(run, until);
    } else if (run->due > until && run->phase == PROGRAM_ASKED) {
        run->due = until;
    }
}

/* ---- the end */

static struct rc_sv complaint(struct program_run *run, struct rc_arena *arena)
{
    struct rc_buf text = rc_buf_in(run->scratch, RING);
    uint32_t n = run->complained < RING ? (uint32_t)run->complained : RING;
    uint32_t from = (uint32_t)((run->complained - n) % RING), first = n < RING - from ? n : RING - from;
    rc_put(&text, (struct rc_sv){run->complaint + from, first});
    rc_put(&text, (struct rc_sv){run->complaint, n - first});
    exec_mask(&text, run->request.secrets.text, run->request.secrets.n);
    struct rc_sv tail = rc_buf_sv(&text);
    if (tail.n == 0) return tail;
    uint32_t cut = tail.n > RC_MAX_EXCERPT ? tail.n - RC_MAX_EXCERPT : 0;
    while (cut && cut < tail.n && (tail.p[cut] & 0xc0) == 0x80) cut++; /* not inside a character */
    while (tail.n > cut && tail.p[tail.n - 1] == '\n') tail.n--;
    return exec_clean_text(arena, (struct rc_sv){tail.p + cut, tail.n - cut}, RC_MAX_EXCERPT);
}

/* "why: …the end of what it said" */
static struct rc_sv words(struct rc_arena *arena, const char *why, struct rc_sv said)
{
    enum { MOST = RC_MAX_FAULT - 80 };
    uint32_t cut = said.n > MOST ? said.n - MOST : 0;
    while (cut && cut < said.n && (said.p[cut] & 0xc0) == 0x80) cut++;
    struct rc_sv text =
        said.n ? rc_text(arena, "%.70s: %s%.*s", why, cut ? "…" : "", (int)(said.n - cut), said.p + cut)
               : rc_text(arena, "%.70s", why);
    return text.p ? text : (struct rc_sv){0};
}

static void no_status(struct program_run *run, uint8_t why, const char *text)
{
    struct rc_arena *arena = run->job->answer.arena;
    struct rc_result *result = &run->job->answer.result;
    exec_job_not_sent(run->job, why, "");
    result->reach = RC_SENT;
    result->excerpt = complaint(run, arena);
    result->error = words(arena, text, result->excerpt);
}

/* NULL, or why what it printed cannot be used. */
static const char *read_printed(struct program_run *run, struct cel_value *ret)
{
    struct rc_sv text = rc_buf_sv(&run->printed);
    if (run->flooded) return "it printed more than is read";
    if (run->request.json) {
        struct rc_error err;
        if (text.n == 0) return NULL; /* null */
        if (rc_json_parse(text, run->printed.arena, ret, &err) == RC_OK) return NULL;
        struct rc_sv why =
            rc_text(run->printed.arena, "it did not print JSON that can be read: %.150s", err.text);
        return why.p ? why.p : rc_status_text(RC_NOMEM);
    }
    if (!rc_utf8_valid(text)) return "it did not print UTF-8";
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) text.n--;
    *ret = cel_string(text);
    return NULL;
}

static void exited(struct program_run *run, int code)
{
    struct rc_arena *arena = run->job->answer.arena;
    struct rc_result *result = &run->job->answer.result;
    exec_mask(&run->printed, run->request.secrets.text, run->request.secrets.n);
    *result = (struct rc_result){.reach = RC_ANSWERED, .status = (uint16_t)code, .body = cel_null()};
    result->headers = (struct cel_value){.kind = CEL_MAP};
    const char *why = read_printed(run, &result->body);
    result->usable = why == NULL;
    if (why) {
        result->error = rc_sv_of(why);
        result->body = cel_null();
    }
    if (!why && code == 0) return;
    result->excerpt = complaint(run, arena);
    if (result->excerpt.n == 0)
        result->excerpt = exec_clean_text(arena, rc_buf_sv(&run->printed), RC_MAX_EXCERPT);
}

static void write_result(struct program_run *run, bool known, int code, int signal)
{
    char text[64];
    const char *name = sigabbrev_np(signal);
    if (run->stopped) {
        no_status(run, RC_WHY_CRASH, rc_status_text(RC_STOPPING));
    } else if (run->phase != PROGRAM_RUNS) {
        no_status(run, RC_WHY_TIMEOUT, "the program did not end in time");
    } else if (!known) {
        no_status(run, RC_WHY_SIGNAL, "nobody knows how the program ended");
    } else if (signal) {
        (void)snprintf(text, sizeof text, "the program was ended by signal %d (SIG%s)", signal,
                       name ? name : "?");
        no_status(run, RC_WHY_SIGNAL, text);
    } else {
        exited(run, code);
    }
    run->job->answer.result.took = rc_clock_monotonic() - run->began;
}

void program_run_abandon(struct program_run *run)
{
    free_run(run);
}

struct exec_job *program_run_give_up(struct program_run *run)
{
    struct exec_job *job = run->job;
    write_result(run, false, 0, 0);
    run->job = NULL;
    return job;
}

struct exec_job *program_run_end(struct program_run *run, const struct program_base *base)
{
    int code = 0, signal = 0;
    struct exec_job *job = run->job;
    signal_group(run, SIGKILL); /* what it left behind; this comes before its number is given back */
    (void)!program_keeper_leave(base->keeper, run->child.pid);
    bool known = program_reap(&run->child, &code, &signal);
    drain(run, &run->out, LEFT_OVER / PIECE);
    drain(run, &run->err, LEFT_OVER / PIECE);
    if (job) write_result(run, known, code, signal);
    free_run(run);
    return job;
}
