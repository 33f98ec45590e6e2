/* From clone to execve.
 *
 * The child shares the memory of its parent until execve, and the thread that made it stands still meanwhile (CLONE_VFORK, as in
 * posix_spawn): nothing of a large server is copied, and an error number written by the child is there for the parent. So the child
 * calls the kernel and nothing else, not by way of libc's functions either (sanitizers have put theirs before these, which keep books in the
 * memory that is shared), and writes to nothing but its own stack, `struct setup` and errno. posix_spawn itself has no
 * limits, no new privileges, no death with the parent. */
#include "exec/program/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The thread sanitizer has a clone of its own, which takes every child for one with memory of its own; so it gets one. */
#if defined(__SANITIZE_THREAD__)
#define MEMORY 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MEMORY 0
#endif
#endif
#ifndef MEMORY
#define MEMORY CLONE_VM
#endif

enum step { STEP_SESSION, STEP_KEEPER, STEP_LIMITS, STEP_STREAMS, STEP_DIRECTORY, STEP_EXEC };

struct setup {
    const struct program_spawn *spawn;
    pid_t parent;
    enum step step; /* where it failed */
    int error;      /* 0: the program has begun */
};

/* Not instrumented: what enters the child never leaves it, which would look like calls without an end. */
#if defined(__clang__)
#define CHILD __attribute__((disable_sanitizer_instrumentation))
#else
#define CHILD __attribute__((no_sanitize("thread", "address", "undefined")))
#endif

/* 0, or an error of errno.h. */
#define CALL(...) (syscall(__VA_ARGS__) < 0 ? errno : 0)

/* Every signal as at the beginning of a process: handler SIG_DFL, no flags, empty mask, in whatever layout. */
CHILD static void reset_signals(void)
{
    const uint64_t zeros[8] = {0};
    for (int number = 1; number < _NSIG; number++)
        (void)CALL(SYS_rt_sigaction, number, zeros, NULL, sizeof *zeros);
    (void)CALL(SYS_rt_sigprocmask, SIG_SETMASK, zeros, NULL, sizeof *zeros);
}

CHILD static int in_own_session(const struct setup *setup)
{
    int error = CALL(SYS_setsid);
    if (!error) error = CALL(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (!error) error = CALL(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!error && syscall(SYS_getppid) != setup->parent) error = ESRCH; /* it died before it could be told */
    return error;
}

/* A limit that is lower already stays. */
CHILD static int set_limits(const struct program_spawn *spawn)
{
    int error = 0;
    for (uint32_t i = 0; i < spawn->nlimit && !error; i++) {
        struct rlimit both = {0};
        const int resource = spawn->limit[i].resource;
        const rlim_t want = spawn->limit[i].value;
        error = CALL(SYS_prlimit64, 0, resource, NULL, &both);
        if (both.rlim_max > want) both.rlim_max = want;
        both.rlim_cur = both.rlim_max;
        if (!error) error = CALL(SYS_prlimit64, 0, resource, &both, NULL);
    }
    return error;
}

CHILD static int set_streams(const struct program_spawn *spawn)
{
    int error = CALL(SYS_dup3, spawn->in, 0, 0);
    if (!error) error = CALL(SYS_dup3, spawn->out, 1, 0);
    if (!error) error = CALL(SYS_dup3, spawn->err, 2, 0);
    if (!error) error = CALL(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    return error;
}

CHILD static int exec_program(const struct program_request *request)
{
    reset_signals();
    (void)CALL(SYS_umask, 022);
    return CALL(SYS_execve, request->path, request->argv, request->envp);
}

CHILD static int enter_keeper(const struct program_keeper *keeper)
{
    const struct program_word word = {.group = (int32_t)syscall(SYS_getpid), .enters = 1};
    return CALL(SYS_write, keeper->pipe, &word, sizeof word);
}

CHILD static int child(void *context)
{
    struct setup *setup = context;
    const struct program_spawn *spawn = setup->spawn;
    int error = 0;
    for (enum step step = STEP_SESSION; !error; step++) {
        setup->step = step;
        switch (step) {
        case STEP_SESSION: error = in_own_session(setup); break;
        case STEP_KEEPER: error = enter_keeper(spawn->keeper); break;
        case STEP_LIMITS: error = set_limits(spawn); break;
        case STEP_STREAMS: error = set_streams(spawn); break;
        case STEP_DIRECTORY: error = CALL(SYS_chdir, spawn->request->directory); break;
        case STEP_EXEC: error = exec_program(spawn->request); break;
        }
    }
    setup->error = error;
    (void)CALL(SYS_exit_group, 127);
    return 127;
}

/* What waiting does not mend. */
static bool must_be_mended(const struct setup *setup)
{
    if (setup->step != STEP_DIRECTORY && setup->step != STEP_EXEC) return false;
    static const int passing[] = {EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EIO, EINTR};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (setup->error == passing[i]) return false;
    return true;
}

static enum rc_status failed(const struct setup *setup, struct rc_error *err)
{
    static const char *const what[] = {[STEP_SESSION] = "a session of its own",
                                       [STEP_KEEPER] = "the keeper of programs",
                                       [STEP_LIMITS] = "its limits",
                                       [STEP_STREAMS] = "its streams",
                                       [STEP_DIRECTORY] = "its directory",
                                       [STEP_EXEC] = "the program"};
    const struct program_request *request = setup->spawn->request;
    const char *name = setup->step == STEP_DIRECTORY ? request->directory : request->path;
    return rc_fail(err, must_be_mended(setup) ? RC_INVALID : RC_BUSY, "%.150s cannot be started: %s: %s",
                   name, what[setup->step], strerror(setup->error));
}

enum rc_status program_spawn(const struct program_spawn *spawn, void *stack, struct program_child *ret,
                             struct rc_error *err)
{
    struct setup *setup = stack; /* the far end: the child's stack grows towards it */
    *setup = (struct setup){.spawn = spawn, .parent = getpid()};
    struct program_child born = {.fd = -1};
    born.pid = clone(child, (char *)stack + PROGRAM_STACK, MEMORY | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                     setup, &born.fd);
    if (born.pid < 0)
        return rc_fail(err, RC_BUSY, "%.150s cannot be started: no process: %s", spawn->request->path,
                       strerror(errno));
    if (!setup->error) {
        *ret = born;
        return RC_OK;
    }
    int code, signal;
    if (setup->step > STEP_KEEPER) (void)!program_keeper_leave(spawn->keeper, born.pid);
    (void)program_reap(&born, &code, &signal);
    close(born.fd);
    return failed(setup, err);
}

bool program_reap(const struct program_child *born, int *ret_code, int *ret_signal)
{
    siginfo_t info = {0};
    while (waitid(P_PIDFD, (id_t)born->fd, &info, WEXITED))
        if (errno != EINTR) return false;
    bool exited = info.si_code == CLD_EXITED;
    *ret_code = exited ? info.si_status : 0;
    *ret_signal = exited ? 0 : info.si_status;
    return true;
}
