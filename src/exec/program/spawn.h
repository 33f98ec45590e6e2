#pragma once
/* Starts one program in a process of its own. Private to exec/program/. */
#include "exec/program/keeper.h"
#include "exec/program/request.h"

#include <sys/resource.h>

enum { PROGRAM_LIMITS = 5 };

struct program_limit {
    int resource; /* setrlimit(2) */
    rlim_t value;
};

struct program_spawn {
    const struct program_request *request;
    const struct program_keeper *keeper;
    int in, out, err; /* become 0, 1 and 2; all are above 2 and close on exec */
    struct program_limit limit[PROGRAM_LIMITS];
    uint32_t nlimit;
};

struct program_child {
    pid_t pid; /* of the program, and of its group and session */
    int fd;    /* pidfd_open(2): readable when it has ended; closes on exec */
};

/* Returns when the program has begun, or has not: then nothing of it is left. RC_INVALID: somebody must mend the
 * configuration (no such file, not executable, no such directory, too many arguments for the kernel). RC_BUSY: it may work later. The
 * caller's thread has all signals blocked, and is the one whose end would end the program. `stack` is memory of PROGRAM_STACK bytes
 * for the child's first moments, mapped as shared. */
enum { PROGRAM_STACK = 256 << 10 };
RC_MUST
enum rc_status program_spawn(const struct program_spawn *, void *stack, struct program_child *ret,
                             struct rc_error *);

/* How it ended; waits for it. False: somebody else has taken the news (an embedding program that waits for any child, or ignores
 * SIGCHLD). */
bool program_reap(const struct program_child *, int *ret_code, int *ret_signal);
