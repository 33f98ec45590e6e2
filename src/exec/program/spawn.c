/* From clone to execve.
 *
 * The child shares the memory of its parent until execve, and the thread that made it stands still meanwhile (CLONE_VFORK, as in
 * posix_spawn): nothing of a large server is copied, and an error number written by the child is there for the parent. So the child
 * may only call what is async-signal-safe, and write to nothing but its own stack and `struct setup`. posix_spawn itself has no
 * limits, no new privileges, no death with the parent. */
#include "exec/program/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum step { STEP_SESSION, STEP_KEEPER, STEP_LIMITS, STEP_STREAMS, STEP_DIRECTORY, STEP_EXEC };

struct setup {
    const struct program_spawn *spawn;
    pid_t parent;
    enum step step; /* where it failed */
    int error;      /* 0: the program has begun */
};

/* The kernel's own call with zeros: every signal as at the beginning of a process. sigaction() would be the sanitizers', which keep
 * what they are told in the memory that is shared here. */
static void reset_signals(void)
{
    const uint64_t as_at_birth[8] = {0}; /* handler SIG_DFL, no flags, empty mask, in whatever layout */
    for (int number = 1; number < _NSIG; number++)
        (void)syscall(SYS_rt_sigaction, number, as_at_birth, NULL, sizeof(uint64_t));
}

static int in_own_session(const struct setup *setup)
{
    if (setsid() < 0) return errno;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    return getppid() == setup->parent ? 0 : ESRCH; /* it died before it could be told */
}

static int set_limits(const struct program_spawn *spawn)
{
    for (uint32_t i = 0; i < spawn->nlimit; i++) {
        struct rlimit now;
        rlim_t want = spawn->limit[i].value;
        if (getrlimit((__rlimit_resource_t)spawn->limit[i].resource, &now)) return errno;
        if (want > now.rlim_max) want = now.rlim_max;
        const struct rlimit both = {want, want};
        if (setrlimit((__rlimit_resource_t)spawn->limit[i].resource, &both)) return errno;
    }
    return 0;
}

static int set_streams(const struct program_spawn *spawn)
{
    if (dup2(spawn->in, 0) < 0 || dup2(spawn->out, 1) < 0 || dup2(spawn->err, 2) < 0) return errno;
    return close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) ? errno : 0;
}

static int exec_program(const struct program_request *request)
{
    sigset_t none;
    sigemptyset(&none);
    reset_signals();
    (void)umask(022);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(request->path, request->argv, request->envp);
    return errno;
}

static int child(void *context)
{
    struct setup *setup = context;
    const struct program_spawn *spawn = setup->spawn;
    int error = 0;
    for (enum step step = STEP_SESSION; !error; step++) {
        setup->step = step;
        switch (step) {
        case STEP_SESSION: error = in_own_session(setup); break;
        case STEP_KEEPER: error = program_keeper_enter(spawn->keeper, getpid()); break;
        case STEP_LIMITS: error = set_limits(spawn); break;
        case STEP_STREAMS: error = set_streams(spawn); break;
        case STEP_DIRECTORY: error = chdir(spawn->request->directory) ? errno : 0; break;
        case STEP_EXEC: error = exec_program(spawn->request); break;
        }
    }
    setup->error = error;
    _exit(127);
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
    struct setup setup = {.spawn = spawn, .parent = getpid()};
    struct program_child born = {.fd = -1};
    born.pid = clone(child, (char *)stack + PROGRAM_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                     &setup, &born.fd);
    if (born.pid < 0)
        return rc_fail(err, RC_BUSY, "%.150s cannot be started: no process: %s", spawn->request->path,
                       strerror(errno));
    if (!setup.error) {
        *ret = born;
        return RC_OK;
    }
    int code, signal;
    if (setup.step > STEP_KEEPER) (void)!program_keeper_leave(spawn->keeper, born.pid);
    (void)program_reap(&born, &code, &signal);
    close(born.fd);
    return failed(&setup, err);
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
