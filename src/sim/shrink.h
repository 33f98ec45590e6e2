#pragma once
/* The shortest life that breaks the same law: parts and numbers are taken out and made smaller for as long as it still does (delta debugging:
 * Zeller, Hildebrandt, 2002; on choices instead of inputs: MacIver, Donaldson, "Test-Case Reduction via Test-Case Generation", 2020). Each
 * try is a process of its own, so that one that dies or hangs says something, too. */
#include "sim/sim.h"

struct sim_try { /* what a life came to */
    bool died;   /* by a signal: an assertion, or it took too long */
    struct sim_verdict verdict;
    char law[200]; /* verdict.law, or how it died; empty: all laws held */
};
/* Lives once in a process of its own. */
struct sim_try sim_try(struct sim_choices *, enum sim_control);

/* Makes the choices, which break a law, as short as it can within so many seconds. Returns how many lives it took. */
uint32_t sim_shrink(struct sim_choices *io_choices, enum sim_control, uint32_t seconds);
