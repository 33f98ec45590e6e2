#pragma once
/* Lives of commands that start commands: the real engine over a simulated disk, clock and outside, as in sim.h, with flows of three levels. Each
 * life has random definitions, fates of what the flows do outside, people who act on parents and children alike, new versions of the flows on
 * the way, crashes at any moment, and older states of the store. After each turn the laws of check_children.c are held against what is
 * committed; at the end everything comes to rest, and people end what is left. */
#include "sim/choices.h"
#include "sim/sim.h"

/* What is switched off, or doctored in what was read, to see that a law finds it out. CHILDREN_CONTROL(code, law, text) */
#define CHILDREN_CONTROL_LIST(CHILDREN_CONTROL)                                                              \
    CHILDREN_CONTROL(SOUND, "", "nothing is switched off")                                                   \
    CHILDREN_CONTROL(TWO_CHILDREN, "W1", "two children are of one start")                                    \
    CHILDREN_CONTROL(EARLY, "W2", "steps succeed before their children have")                                \
    CHILDREN_CONTROL(DEAF, "W3", "parents do not hear what their children say")                              \
    CHILDREN_CONTROL(FOR_EVER, "W4", "steps wait for children that have ended")                              \
    CHILDREN_CONTROL(NO_STRATEGY, "W4", "steps wait for children that have failed")                          \
    CHILDREN_CONTROL(LEFT_ALONE, "W5", "children of what was cancelled or rolled back stay as they were")    \
    CHILDREN_CONTROL(FORGETFUL, "W6", "the outside forgets what it has done")                                \
    CHILDREN_CONTROL(NEWEST, "W7", "children are of other versions than their parents have pinned")          \
    CHILDREN_CONTROL(NOBODY_ENDS, "W8", "people do nothing at the end")

enum children_control {
#define CHILDREN_CONTROL(code, law, text) CHILDREN_##code,
    CHILDREN_CONTROL_LIST(CHILDREN_CONTROL)
#undef CHILDREN_CONTROL
        CHILDREN_CONTROLS
};
/* The law that has to find it out. */
const char *children_control_law(enum children_control);

enum { CHILDREN_NODES = 64, CHILDREN_COMMANDS = 512, CHILDREN_FLOWS = 3, CHILDREN_TEXT = 16 << 10 };

/* How often what was to happen did: a life in which nothing happens proves nothing. */
struct children_seen {
    uint64_t lives, children, grandchildren, rounds, retried, cancelled, rolled_back, stood, crashes,
        restored, versions, rested, done, put_off;
};

struct children_verdict {
    const char *law; /* static; NULL: all held */
    char where[200];
};

struct children_verdict children_live(struct sim_choices *, enum children_control, struct children_seen *,
                                      FILE *tell);

/* ---- walk_children_defs.c --------------------------------------------------------------------------------------------- */

struct children_text {
    struct sim_choices *choices;
    char text[CHILDREN_TEXT];
};
void children_define(struct children_text *);
/* Behind what is there: a flow of the top (0), of the middle (1), or one that starts nothing (2). */
void children_put_flow(struct children_text *, uint32_t level);

/* ---- check_children.c ------------------------------------------------------------------------------------------------- */

struct children_check {
    enum children_control control;
    struct children_seen *seen;
    const struct rc_command *command; /* by seq, from 1; no nodes: it cannot be read */
    uint64_t n;
    uint8_t (*before)[CHILDREN_NODES]; /* states of nodes, as they were seen last; by seq */
    bool at_rest;                      /* nothing is under way, and no time is waited for */
    bool acted;                        /* people did something in this turn */
    bool lied; /* people said, or did behind a state that was restored, what is not known here */
    struct children_verdict *verdict;
};
void children_check(struct children_check *);
void children_break(struct children_verdict *, const char *law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
