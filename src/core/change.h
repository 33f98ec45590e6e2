#pragma once
/* What goes out: changes (to be committed together) and effects (to be performed after). History is changes:
 * a record holds its cause and these, and folding them gives the state. Each is the new value of one small
 * part, so that its inverse is the old value. Numbers are stored. */
#include "core/message.h"

enum rc_change_kind {
    RC_CHANGE_CREATE = 1,     /* the command and its nodes, all idle */
    RC_CHANGE_NODE = 2,       /* control and times of one node */
    RC_CHANGE_OUTPUTS = 3,    /* outputs and external id of one node */
    RC_CHANGE_REQUEST = 4,    /* hash of the round's request */
    RC_CHANGE_FAULT = 5,      /* last error of one node */
    RC_CHANGE_MODE = 6,       /* mode of the command and why */
    RC_CHANGE_STATE = 7,      /* the derived state, when it changed: always the last one of a record */
    RC_CHANGE_GATE = 8,       /* places in use; not durable */
    RC_CHANGE_OWNER = 9,      /* who looks after the command */
    RC_CHANGE_DUE = 10,       /* until when it should be settled */
    RC_CHANGE_NOTES = 11,     /* how many notes people have left */
    RC_CHANGE_SUCCESSOR = 12, /* the command that takes its place */
    RC_CHANGE_CLOCK = 40,     /* time: when it begins, and until when it has to be through */
    RC_CHANGE_SCHEDULE = 41,  /* time: the row of a schedule; never in a history */
    RC_CHANGE_VOTES = 50,     /* people: who has decided at one node */
    RC_CHANGE_PLACE = 60,     /* lanes: its lane, and its place there */
    RC_CHANGE_PRIORITY = 61,  /* lanes: how urgent it is */
    RC_CHANGE_MOVE = 70, /* mending: the version of the flow, and which instance of it was which one before */
    RC_CHANGE_BACK = 71, /* mending: what a roll back is bounded to */
    RC_CHANGE_CHILD = 80,  /* children: the command that one node has started, and how it stands */
    RC_CHANGE_PARENT = 81, /* children: the step that has started this one, and what it was told */
    RC_CHANGE_PINS = 82    /* children: which versions of flows it may start */
};

struct rc_schedule; /* schedule.h */

/* A command goes on with another version of its flow. Instances that were there before are what they were, with all that hangs on them; the
 * others have not begun. Nothing else is decided here: what becomes different stands in the changes behind this one. */
struct rc_move {
    uint32_t from, to; /* versions */
    const struct flow
        *flow;           /* that of `to`; NULL in a history that is read, until rc_moves_find has looked */
    const uint32_t *was; /* for each instance the number that it had, or RC_NOWHERE */
    uint32_t nwas;
    const struct rc_past *past; /* of an inverse: what came before the version that was moved to */
};

struct rc_change {
    uint8_t kind;
    uint32_t at; /* node */
    union {
        const struct rc_identity *create;
        struct {
            struct rc_node node;
            struct rc_times times;
        } node;
        struct {
            struct cel_value outputs;
            struct rc_sv external_id;
        } outputs;
        struct rc_h128 request;
        struct {
            struct rc_sv text;
            uint16_t status;
            uint8_t why, outcome;
        } fault;
        struct {
            uint8_t mode, why;
        } mode;
        uint8_t state;
        struct rc_sv owner;
        rc_us due;
        uint32_t notes;
        uint32_t back;
        struct rc_link successor;
        struct rc_clock clock;
        const struct rc_schedule *schedule;
        struct rc_place place;
        uint8_t priority;
        struct rc_votes votes;
        struct rc_move move;
        struct rc_child child;
        struct rc_parent parent;
        struct rc_pins pins;
        struct {
            uint32_t in_use;
            bool backlog, closed;
        } gate;
    } u;
};

/* An attempt that leaves. Derived from the state: dropping it and starting again reaches the same end. */
struct rc_effect {
    struct rc_addr of;
    uint32_t node;
    uint16_t attempt;
    uint8_t purpose;
    struct rc_h128 idempotency_key;
    const struct flow_dependency *dependency;
    struct cel_value
        request; /* a map {method, path, query?, headers?, body?}; may hold secrets' names, never secrets */
    rc_us timeout;
};

/* Everything lives in the arena given to step. */
struct rc_out {
    struct rc_change *change;
    uint32_t nchange;
    struct rc_ask *message; /* to other aggregates, in order */
    uint32_t nmessage;
    struct rc_effect *effect;
    uint32_t neffect;
};
