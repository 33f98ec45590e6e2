#pragma once
/* Many lives, in several processes. */
#include "sim/sim.h"

enum { SIM_FAILURES = 8, SIM_JOBS = 64 };

/* Which lives are wide (sim.h): none, those of each third seed, all. */
enum sim_breadth { SIM_NARROW, SIM_SOME, SIM_WIDE };

struct sim_failure {
    uint64_t seed;
    bool wide, full;
    char law[400]; /* and where; or how the process died */
};

struct sim_order {
    uint64_t from, n; /* seeds from, from + 1 …; n 0: as many as there is time for */
    uint32_t seconds; /* 0: no limit */
    uint32_t jobs;    /* processes, at most SIM_JOBS; 0: in this one, which a life may then kill */
    enum sim_control control;
    enum sim_breadth breadth;
    bool full;       /* all lives are (sim.h); else a third, where some are wide */
    uint32_t enough; /* stop after so many failures; at most SIM_FAILURES */
    const char *law; /* and after one that begins so; NULL: whatever it is */
};

struct sim_sum {
    struct sim_seen seen,
        narrow; /* narrow: of lives that were neither wide nor full: some edges these cannot take */
    uint64_t lives, wide, full; /* wide, full: of them */
    uint32_t nfailures;
    struct sim_failure failure[SIM_FAILURES];
    uint64_t slowest_us, slowest; /* the life that took longest, its seed */
};

/* Adds what other lives came to. */
void sim_sum_add(struct sim_sum *, const struct sim_sum *more);
/* Sets sim_wide and sim_full as the order says for each life. */
void sim_run(const struct sim_order *, struct sim_sum *ret);
