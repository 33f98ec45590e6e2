#pragma once
/* One program that runs: its pipes, its time, its end. Everything here runs on the executor's thread. Private to exec/program/. */
#include "exec/job.h"
#include "exec/program/spawn.h"

struct program_run;

/* A descriptor in the executor's epoll; the event's data is its address. */
struct program_watch {
    struct program_run *run; /* NULL: the executor's own */
    int fd;                  /* -1: closed */
};

enum program_phase {
    PROGRAM_RUNS,
    PROGRAM_ASKED,  /* its group got SIGTERM */
    PROGRAM_KILLED, /* and SIGKILL */
    PROGRAM_STAYS,  /* and is still there: its attempt was answered */
};

struct program_run {
    struct exec_job *job; /* NULL once it is answered */
    struct rc_arena *scratch;
    struct program_request request;
    struct program_child child;
    struct program_watch in, out, err, end;
    int epoll;
    struct rc_buf printed; /* in the answer's arena: at most RC_MAX_ANSWER bytes */
    bool flooded;          /* it printed more */
    bool ended;            /* it is to be reaped */
    bool stopped;          /* the executor closes */
    enum program_phase phase;
    rc_us began, due; /* monotonic; due: of the phase, UINT64_MAX: none */
    uint32_t written; /* of the input */
    uint64_t complained;
    char *complaint; /* ring of the last bytes of stderr */
};

/* What runs have in common. */
struct program_base {
    const struct rc_program_options *options;
    struct program_keeper *keeper;
    void *stack;
    int epoll;
};

/* Starts the job's program. NULL: job->answer.result says why not. */
struct program_run *program_run_begin(const struct program_base *, struct exec_job *);
/* Something has happened on one of its descriptors. */
void program_run_event(struct program_run *, struct program_watch *);
/* Its time is over, or the executor closes: the next phase begins. True: its attempt has to be answered without its end. */
bool program_run_next_phase(struct program_run *, rc_us now);
void program_run_stop(struct program_run *, rc_us now);
/* It has ended, or is given up: frees everything, the group included. The job, with its result; NULL where that was answered. */
struct exec_job *program_run_end(struct program_run *, const struct program_base *);
/* Frees what was answered and has not ended: the executor closes, and the kernel ends it when it can. */
void program_run_abandon(struct program_run *);
/* Writes the result of what will not end. */
struct exec_job *program_run_give_up(struct program_run *);
