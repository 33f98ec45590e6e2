#pragma once
/* What calls are made to fail in: the events are those of bed.h. */
#include <stdbool.h>

struct scenario {
    const char *name;
    const char *const *before; /* on a store with definitions, without faults; NULL: there is no store yet */
    const char *const *life;   /* with faults */
    bool crashed;              /* between the two the server dies; else it is stopped */
    bool rests;                /* afterwards everything goes on by itself until nothing moves */
    bool keeps; /* a command that ends its process: what it leaves to the process is not freed */
    bool loose; /* more than one end is right */
};
extern const struct scenario scenarios[]; /* ends with name NULL */
