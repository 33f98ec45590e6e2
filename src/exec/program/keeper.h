#pragma once
/* The keeper: a small process that outlives its parent by a moment. It knows the process groups of the programs that run, and kills
 * them with SIGKILL when the executor's process ends in whatever way, SIGKILL included. Private to exec/program/.
 *
 * It sees the end of its parent as the end of a pipe, so there is no instant without it: a program is on its list before the program
 * begins (the child itself writes the word, before execve), and off it before its number can be used again. */
#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* What the keeper is told; written and read whole, as it is far below PIPE_BUF. */
struct program_word {
    int32_t group;
    int32_t enters; /* else it leaves */
};

struct program_keeper {
    pid_t pid;
    int pipe; /* to it */
};

/* RC_NOMEM: no pipe or no process can be had now. Forks: the executor's thread, or before it is started. */
RC_MUST
enum rc_status program_keeper_open(struct program_keeper *, struct rc_error *);
/* Ends it, and what is still on its list. */
void program_keeper_close(struct program_keeper *);

/* Whether it still is there; somebody may have killed it. */
bool program_keeper_is_alive(const struct program_keeper *);

/* Puts a group on the list, or takes it off. 0, or an error of errno.h: EPIPE where the keeper is dead. */
RC_MUST int program_keeper_enter(const struct program_keeper *, pid_t group);
RC_MUST int program_keeper_leave(const struct program_keeper *, pid_t group);
