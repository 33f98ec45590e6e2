/* The keeper's process and its list. In the child of fork only what is async-signal-safe is called (signal-safety(7)): the parent may
 * have threads. */
#include "exec/program/keeper.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS = 2 * RC_MAX_RUNNING };

static void note(pid_t *group, uint32_t *io_n, struct program_word word)
{
    uint32_t i = 0;
    while (i < *io_n && group[i] != word.group) i++;
    if (word.enters && i == *io_n && i < GROUPS) group[(*io_n)++] = word.group;
    if (!word.enters && i < *io_n) group[i] = group[--*io_n];
}

/* Never returns. */
static void keep(int pipe)
{
    pid_t group[GROUPS];
    uint32_t n = 0;
    struct program_word word;
    sigset_t all;
    sigfillset(&all); /* whoever stops the server stops it; this one goes last */
    sigprocmask(SIG_SETMASK, &all, NULL);
    (void)setsid();
    (void)prctl(PR_SET_NAME, "recourse-keeper");
    if (pipe != 0 && dup2(pipe, 0) < 0) _exit(1);
    if (close_range(1, ~0u, 0)) _exit(1); /* with the pipe's other end, which would keep it open */
    for (;;) {
        ssize_t got = read(0, &word, sizeof word);
        if (got == (ssize_t)sizeof word)
            note(group, &n, word);
        else if (got >= 0 || errno != EINTR)
            break;
    }
    for (uint32_t i = 0; i < n; i++) (void)kill(-group[i], SIGKILL);
    _exit(0);
}

enum rc_status program_keeper_open(struct program_keeper *keeper, struct rc_error *err)
{
    int end[2];
    if (pipe2(end, O_CLOEXEC)) return rc_fail(err, RC_NOMEM, "no pipe for the keeper: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) keep(end[0]);
    int why = errno;
    close(end[0]);
    if (pid < 0) {
        close(end[1]);
        return rc_fail(err, RC_NOMEM, "no process for the keeper: %s", strerror(why));
    }
    *keeper = (struct program_keeper){.pid = pid, .pipe = end[1]};
    return RC_OK;
}

void program_keeper_close(struct program_keeper *keeper)
{
    if (keeper->pid <= 0) return;
    close(keeper->pipe);
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR) continue;
    keeper->pid = 0;
}

bool program_keeper_is_alive(const struct program_keeper *keeper)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)keeper->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

static int tell(const struct program_keeper *keeper, pid_t group, bool enters)
{
    const struct program_word word = {.group = group, .enters = enters};
    for (;;) {
        if (write(keeper->pipe, &word, sizeof word) == (ssize_t)sizeof word) return 0;
        if (errno != EINTR) return errno;
    }
}

int program_keeper_enter(const struct program_keeper *keeper, pid_t group)
{
    return tell(keeper, group, true);
}

int program_keeper_leave(const struct program_keeper *keeper, pid_t group)
{
    return tell(keeper, group, false);
}
