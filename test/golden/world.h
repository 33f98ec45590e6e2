#pragma once
/* The smallest world around the core: one command (and then the successor that a person puts in its place), the gate of one dependency, a clock that the story sets. It delivers messages like the
 * engine (first in, first out), and checks on the way what must hold for every step: inverses take changes back, and folding the history
 * gives the state. */
#include "core/core.h"
#include "core/explain.h"
#include "core/move.h"
#include "core/mailbox.h"
#include "core/lane.h"
#include "base/limits.h"

enum { WORLD_ASKED = 16 };

/* A child does what it is asked for; or it cannot be read, is asked later, or has ended and cannot be rolled back. */
enum world_reply { WORLD_DOES, WORLD_UNREADABLE, WORLD_LATER, WORLD_STAYS, WORLD_REPLIES };

/* A command that a step has started: what a person or a parent has made of it is not taken back. */
struct world_child {
    uint64_t seq;
    bool leaves; /* it was asked to be cancelled or rolled back */
    bool ended;  /* for good */
};
enum { WORLD_CHILDREN = 32 };

struct world_record {
    struct rc_ask cause;
    rc_us at;
    struct rc_change *changes;
    uint32_t nchanges;
    struct rc_command before; /* shallow copy with its own nodes, to tell what changed */
};

struct world {
    struct rc_arena *arena; /* of the whole story */
    const struct flow_set *set,
        *later; /* later: with the second version of the flow in force; NULL: there is none */
    struct rc_identity identity;
    struct rc_command command;
    struct rc_gate gate;
    struct rc_lane lane; /* of the command, where its flow has lanes */
    uint32_t told;       /* messages to other commands in it */
    bool large;          /* units have many messages already */
    struct rc_ask
        asked[WORLD_ASKED]; /* of its child, in the last event: what is to be started, and actions */
    uint32_t nasked;
    /* of a child that has succeeded. NULL: who is asked says nothing; else children are as the step knows them already, begin where they are
     * new, and go on where they are asked to */
    const struct cel_value *child_outputs;
    enum world_reply child_reply; /* to what it is asked for */
    struct world_child child[WORLD_CHILDREN];
    rc_us now;
    int64_t ahead; /* of the wall clock */
    uint64_t seed;
    struct world_record *history;
    uint32_t nhistory, first;  /* first: where the present command's own history begins */
    struct rc_effect *effects; /* of the last event */
    uint32_t neffects;
    struct rc_signal *signals; /* that came, in their order */
    uint32_t nsignals;
    const char *broken; /* a law of the core that did not hold; NULL: all do */
    bool starves;       /* each step is tried with less room than it needs before it is done */
    uint64_t room;      /* random: how much */
    uint32_t refused;   /* how often there was too little */
};

enum { WORLD_RECORDS = 4096, WORLD_EFFECTS = 64, WORLD_SIGNALS = 128, WORLD_OTHERS = 1000000 };

struct defs_one;
/* What was found in a text, all of it in force as version 1; NULL where that does not fit together, or the arena is full. */
const struct flow_set *world_set_of(const struct defs_one *found, uint32_t n, struct rc_arena *);

void world_begin(struct world *, struct rc_arena *, const struct flow_set *);
/* Offers free places to ready steps. */
enum rc_status world_offer(struct world *, struct rc_error *);
/* Delivers one message and what follows, then offers. */
enum rc_status world_deliver(struct world *, struct rc_ask, struct rc_error *);
/* So many other commands hold places in the lane from now on. */
enum rc_status world_occupy_lane(struct world *, uint32_t n, struct rc_error *);
/* The command that a step starts in this round. */
struct rc_link world_child_of(const struct rc_command *, uint32_t at, uint8_t round);
/* What is known of it; the last place where there are too many. */
struct world_child *world_child(struct world *, uint64_t seq);
struct rc_ask world_ask(struct world *, rc_message_kind, uint32_t node);
