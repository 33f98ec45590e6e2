#pragma once
/* What calls are made to fail in: the events are those of bed.h. */
#include <stdbool.h>

struct scenario {
    const char *name;
    const char *const *before; /* on a store with definitions, without faults; NULL: there is no store yet */
    const char *const *life;   /* with faults */
    bool crashed;              /* between the two the server dies; else it is stopped */
    bool rests;                /* afterwards everything goes on by itself until nothing moves */
    bool keeps;                /* a command that keeps its last settings */
    bool more; /* with the definitions of blocks, people, signals, lanes, children, times and workers */
    bool
        anew; /* has no key: asked again it is done again, so it may be there twice where nobody knows whether it was done */
};
extern const struct scenario scenarios[]; /* ends with name NULL */
