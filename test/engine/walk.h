#pragma once
/* Random walks of the real engine. Definitions, requests, answers, failures, crashes and the passing of time come from one seed; an outside
 * world remembers what it did for every attempt, so that the truth is known; after every turn the laws (walk_laws.c) are held against what
 * the store has, what left and what the outside did.
 *
 * A walk never fails by itself: the first law that does not hold is kept in walk.broken, so that a test can also expect one to be broken. */
#include "world.h"

#include "base/limits.h"
#include "base/random.h"
#include "engine/state.h"

#include <stdio.h>

enum {
    WALK_FLOWS = 4,
    WALK_STEPS = 4,
    WALK_KEYS = 4,        /* keys of a flow */
    WALK_SUCCESSORS = 16, /* that people ask for, at most */
    WALK_COMMANDS = WALK_FLOWS * WALK_KEYS + WALK_SUCCESSORS,
    WALK_ACTIONS = 2048,
    WALK_DEPENDENCIES = 2,
    WALK_TEXT = 16 << 10
};

/* A protection that is switched off, to see that the laws find out. */
enum walk_control {
    WALK_SOUND,
    WALK_FORGET_WHAT_LEFT,  /* after a crash, what was out is said to have never left */
    WALK_ANSWER_TOO_EARLY,  /* clients are told before the commit */
    WALK_REPEAT_BLINDLY,    /* the engine's flows say that everything is repeatable */
    WALK_NO_DOUBT,          /* the engine forgets that an earlier attempt is in doubt */
    WALK_ANSWER_OF_ANOTHER, /* an answer comes with the number of the attempt after it */
    WALK_NO_SETTLE,         /* "did not happen" is believed at once */
    WALK_MORE_PLACES,       /* the engine's dependencies take more at a time */
    WALK_SAME_NONCE,        /* two commands with one nonce */
    WALK_LOSE_ANSWER,       /* an answer never reaches the engine */
    WALK_LEAK_PLACE,        /* a place is never given back */
    WALK_CONTROLS
};

/* What has left, beside world.left. */
struct walk_sent {
    uint64_t seq, gate;
    uint32_t node, life;
    uint16_t attempt;
    uint8_t purpose;
    struct rc_h128 key;
    rc_us at, lost_at; /* lost_at: since when nobody knows */
    bool open;         /* this life of the engine waits for its answer */
    bool uncertain;    /* act, undo: nobody was told for sure whether it acted */
    bool acted;
    bool there;    /* checks: what was true when it left */
    bool said_yes; /* require: the answer */
};

/* One side (0: the action, 1: its undo) of a step, as the outside knows it. */
struct walk_side {
    uint32_t done; /* how often */
    uint32_t will; /* 1 + index of what acts later, or 0 */
    rc_us will_at;
    bool lied; /* somebody was told something else */
};

struct walk_seen { /* a command, from its history */
    struct rc_arena *arena;
    struct rc_command c;
    struct walk_side side[WALK_STEPS + 1][2];
    bool retried[WALK_STEPS + 1]; /* by a person since the step's last attempt left */
    bool passed[WALK_STEPS + 1];  /* the line went on without it: it may be done again out of its turn */
    bool cancelled;               /* and the person was told */
    uint32_t turned;              /* in which turn the mode changed */
    struct rc_h128 payload_hash;
};

struct walk_action {
    uint64_t seq;
    uint8_t action;
    char key[8];
    bool done, refused, replayed; /* as it was answered */
    uint32_t found;               /* records of it */
};

struct walk_request { /* on its way */
    struct rc_request *request;
    uint32_t flow, key; /* submit */
    uint64_t nonce;
    struct rc_h128 payload_hash;
    uint32_t action;     /* index */
    uint32_t dependency; /* define */
    uint32_t concurrent;
};

/* How often things happened: a fault that never fires proves nothing. */
struct walk_counts {
    uint32_t turns, commands, left, answers, doubled, crashes, crashes_in_turn, drains, refused_starts, full,
        io, unknown_kept, unknown_lost, apart, shut, nomem, defined, gone, replayed, conflicts, stale,
        act_done[RC_ACTIONS], act_refused[RC_ACTIONS], act_replayed, replaced, state[RC_STATES],
        step[RC_STEP_STATES], purpose[RC_PURPOSES], why[RC_WHYS], lies;
};

struct walk {
    struct world *world;
    const struct flow_set *set; /* as it was written; what the engine has may be forged */
    uint64_t seed, random;
    enum walk_control control;
    const char *broken; /* the law, or NULL */
    char broken_where[160];
    char definitions[WALK_TEXT];
    struct {
        const char *name;
        uint64_t gate;
        rc_us key_lifetime;
        uint32_t at_first, most; /* places: at first; the most that may be in force now */
    } dependency[WALK_DEPENDENCIES];
    struct walk_sent sent[WORLD_EFFECTS];
    uint32_t life;
    enum rc_status status;                    /* of the last turn */
    bool draining, quiet, tell;               /* quiet: no start is refused */
    struct walk_seen seen[WALK_COMMANDS + 1]; /* by seq */
    uint64_t nseen;
    struct {
        uint64_t seq;      /* 0: nobody was told yet */
        bool acknowledged; /* it must be there */
    } told[WALK_FLOWS][WALK_KEYS];
    struct walk_request request[64];
    uint32_t nrequests;
    struct walk_action action[WALK_ACTIONS];
    uint32_t nactions, nsuccessors;
    rc_us latest; /* record */
    struct rc_arena *scratch, *rows;
    struct walk_counts *counts;
};

/* ---- chance --------------------------------------------------------------------------------------------------------- */

static inline uint32_t walk_dice(struct walk *walk, uint32_t n) /* 0 to n - 1 */
{
    return (uint32_t)(rc_mix(&walk->random) % n);
}
static inline bool walk_chance(struct walk *walk, uint32_t percent)
{
    return walk_dice(walk, 100) < percent;
}

#define WALK_TELL(walk, ...)                                                                                 \
    do {                                                                                                     \
        if ((walk)->tell) printf(__VA_ARGS__);                                                               \
    } while (0)

/* walk_defs.c: fills definitions and dependency. */
void walk_define(struct walk *);
/* A definition of a dependency with so many places. */
const char *walk_dependency_text(const struct walk *, uint32_t dependency, uint32_t concurrent, char *to,
                                 size_t n);

/* ---- walk_outside.c ------------------------------------------------------------------------------------------------- */

/* left[i] has just left. */
void walk_outside_takes(struct walk *, uint32_t i);
/* Something is answered to left[i], or nothing comes any more; kind: the truth. */
void walk_outside_answers(struct walk *, uint32_t i, bool kind);
/* An answer to left[i], which had one, comes again or late. */
void walk_outside_repeats_itself(struct walk *, uint32_t i);
/* The engine's process has died. */
void walk_outside_lost_touch(struct walk *);
/* What acts late and is due by now. */
void walk_outside_goes_on(struct walk *);
/* Whether this side of a step has happened, or will. */
bool walk_happens(const struct walk *, uint64_t seq, uint32_t node, bool undo);
/* It is known now that nothing of this side happened. */
void walk_known_not(struct walk *, uint64_t seq, uint32_t node, bool undo);

/* ---- walk_laws.c ---------------------------------------------------------------------------------------------------- */

void walk_break(struct walk *, const char *law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Before left[i] leaves. */
void walk_laws_of_leaving(struct walk *, uint32_t i);
/* Brings what is seen of a command to what the store has. */
void walk_observe(struct walk *, uint64_t seq);
/* After a turn that has ended with RC_OK. */
void walk_laws_of_turn(struct walk *);
/* A reply. */
void walk_laws_of_reply(struct walk *, const struct walk_request *);
/* When everything is over. */
void walk_laws_of_end(struct walk *);
