#pragma once
/* Commands that start commands: a step of kind FLOW_CHILD is the parent of the command that it has made. Both have a history and actions
 * of their own, and talk by messages that are part of one unit, and so of one commit: there is no moment at which one of them knows and
 * the other does not.
 *
 * The step begins as if it slept for no time at all: so its start is a row in the store, a unit of its own, and made again after a
 * crash. That unit asks the engine (RC_MSG_CHILD_START), which makes the command, or finds the one that was made before under the same
 * key. From then on the child tells its parent (RC_MSG_CHILD) whenever it has ended, rests or goes on again; and the parent asks the
 * child for what a person or the flow wants of itself: retry, cancel, roll back (RC_MSG_ACTION).
 *
 * A unit that has become large asks no more children (RC_MANY_MESSAGES): each of their steps is told so, and is due at once, so that it asks in a
 * unit of its own. That it still has to is stored with the step: its `asks` say what for, its due that, and its votes who wants it. */
#include "core/message.h"

struct rc_vote;

/* `purpose` of an action that a parent asks for: where several children are retried, one that cannot be is left as it is. */
enum rc_child_ask_how { RC_CHILD_MUST, RC_CHILD_MAY };

/* What the engine makes a child of. Borrowed for the unit. */
struct rc_child_ask {
    uint64_t flow; /* id of the version */
    struct cel_value payload;
    uint64_t nonce; /* the same in every life of the store, and with it the keys of what the child does */
    uint32_t node;
    uint8_t round;
    struct rc_pins pins;
    const struct rc_vote *authors;
    uint32_t nauthors;
    rc_us until; /* struct rc_identity has it, and both of these */
    bool doubt;
    rc_us doubted;
};

/* How a child stands. */
struct rc_child_news {
    struct rc_link child; /* seq 0: there is none */
    uint32_t node;        /* the step that has started it, */
    uint8_t round;        /* and in which of its rounds */
    /* enum rc_state, RC_RUNNING: it goes on by itself. RC_ABSENT: `text` says why it could not be started */
    uint8_t state;
    uint8_t stands;               /* enum rc_stands */
    bool stays;                   /* the same, and it cannot be rolled back */
    bool later;                   /* RC_ABSENT: it is tried again */
    bool unreadable;              /* nobody knows how it stands */
    const struct rc_act *put_off; /* it was not asked for this, and is how it was; NULL: it was */
    struct cel_value outputs;     /* {STEP: outputs}, where it has succeeded; else null */
    struct rc_sv text;            /* what went wrong, in words */
    const struct rc_child_news
        *next; /* of another child of the same parent, that was told in the same unit */
};

static inline bool rc_child_succeeded(unsigned state)
{
    return state == RC_COMPLETED || state == RC_PARTIAL || state == RC_RESOLVED;
}
/* Whether a step waits for a child that waits for a person. */
bool rc_child_rests(const struct rc_command *, uint32_t at);
/* The steps that wait for a child, those first whose child waits for a person: the one behind `at` in that order. 0: before the first,
 * and behind the last. */
uint32_t rc_child_next(const struct rc_command *, uint32_t at);
/* Whether a step has still to ask its child for what is wanted of it. */
static inline bool rc_child_is_to_be_asked(const struct rc_command *c, uint32_t at)
{
    return c->node[at].phase == RC_PHASE_CHILD && c->data[at].times.due;
}
bool rc_pins_eq(const struct rc_pins *, const struct rc_pins *);
