#pragma once
/* What comes in: one message to one aggregate. A message from outside and one from another aggregate are the
 * same thing. Borrowed for the call. */
#include "core/command.h"

enum rc_aggregate {
    RC_AGG_COMMAND = 1,
    RC_AGG_GATE = 2,
    RC_AGG_MAILBOX = 3,
    RC_AGG_LANE = 4,
    RC_AGG_SCHEDULE = 5
};

struct rc_addr {
    uint8_t agg; /* enum rc_aggregate */
    uint8_t shard;
    /* a command's seq, or the id of a gate (flow_gate_id), a mailbox (rc_mailbox_id), a lane (rc_lane_id), a schedule
     * (flow_schedule_id) */
    uint64_t id;
};

/* Messages have an enum for each kind of aggregate that they are to, so that the compiler names the one that a receiver's switch misses. No number
 * is in two of them. */
typedef uint8_t rc_message_kind;

/* To a command. The numbers are those of enum rc_cause. */
enum rc_to_command {
    RC_MSG_SUBMIT = RC_CAUSE_SUBMIT,
    /* from its gate: one place is yours */
    RC_MSG_ADMIT = RC_CAUSE_ADMIT,
    /* an attempt ended */
    RC_MSG_RESULT = RC_CAUSE_RESULT,
    /* an attempt was in flight when the process died */
    RC_MSG_LOST = RC_CAUSE_LOST,
    /* the time of a delayed step has come */
    RC_MSG_DUE = RC_CAUSE_DUE,
    /* a person acts */
    RC_MSG_ACTION = RC_CAUSE_ACTION,
    /* the store is an older state: what was done after it is not known */
    RC_MSG_RESTORED = RC_CAUSE_RESTORED,
    /* a worker reports about an attempt whose lease it has lost */
    RC_MSG_LATE = RC_CAUSE_LATE,
    /* from its mailbox: this signal is yours */
    RC_MSG_SIGNALLED = RC_CAUSE_SIGNALLED,
    /* from its lane: one place is yours */
    RC_MSG_GRANT = RC_CAUSE_LANE,
    /* from a command that a step has started: how it stands */
    RC_MSG_CHILD = RC_CAUSE_CHILD,
    /* from the engine: tell your parent how you stand; never the cause of a record */
    RC_MSG_CHILD_TELL = 101
};
enum rc_to_gate {
    RC_MSG_WANT = 64,  /* a step is ready: is there a place? */
    RC_MSG_OFFER,      /* from the engine: the oldest waiting step of your queue */
    RC_MSG_DONE,       /* an attempt ended, or the place was not used */
    RC_MSG_BACKLOG,    /* from the engine: whether steps wait in the store (node: 1 or 0) */
    RC_MSG_CLOSED,     /* from the engine: whether nothing new may leave (node: 1 or 0) */
    RC_MSG_QUEUE = 70, /* a step for workers is ready: it waits until one takes it */
    RC_MSG_PULL        /* from the engine: a worker takes the oldest step of your line */
};
enum rc_to_mailbox {
    RC_MSG_SIGNAL = 75, /* a signal has come; or, from a command: it is not waited for any more */
    RC_MSG_LISTEN       /* a wait begins */
};
/* To a lane, from its commands. */
enum rc_to_lane {
    /* a place (node: limit, purpose: enum rc_lane_wish, order; act: how the one that gives way is cancelled) */
    RC_MSG_LANE_WANT = 80,
    RC_MSG_LANE_OFFER = 81, /* from the engine: whoever may have a place gets it */
    RC_MSG_LANE_LEAVE = 82, /* it waits no more, or its place is free */
    RC_MSG_LANE_YIELD = 83  /* it will leave */
};
/* To a schedule (core/schedule.h). */
enum rc_to_schedule {
    RC_MSG_PLAN = 90, /* it is new, or begins anew */
    RC_MSG_OCCUR,     /* one of its times has come */
    RC_MSG_PAUSE,
    RC_MSG_RESUME,
    RC_MSG_RUN /* a person wants a run now */
};
/* From a command, before its step's child is there (core/child.h): make it, or find it. */
enum rc_to_engine { RC_MSG_CHILD_START = 100 };

/* The kind of aggregate that a message is to; 0: the engine itself, or there is no such message. */
unsigned rc_message_is_to(unsigned kind);

/* What a command wishes where its lane is full. */
enum rc_lane_wish {
    RC_WISH_QUEUE,   /* to wait */
    RC_WISH_REFUSE,  /* that nothing happens */
    RC_WISH_REPLACE, /* that the oldest one is cancelled, and to wait for its end */
    RC_WISH_STAY     /* it is at work already: a place beyond the limit */
};

/* How far an attempt came before it ended. */
enum rc_reach { RC_NOT_SENT, RC_SENT, RC_ANSWERED };

/* What a worker says of a task, in the place of a status: the codes of HTTP that mean the same. */
enum rc_report {
    RC_REPORT_DONE = 200,
    RC_REPORT_REJECTED = 422,
    RC_REPORT_UNKNOWN = 500,
    RC_REPORT_FAILED = 503
};

/* What an executor found. Who found it decides nothing: core/outcome.c does. */
struct rc_result {
    uint8_t reach;            /* enum rc_reach */
    uint8_t why;              /* enum rc_why, where reach is not RC_ANSWERED */
    bool usable;              /* answered: complete, within its bound, and parsed */
    uint16_t status;          /* HTTP, or the exit code of a program */
    rc_us retry_after;        /* a span from now; 0: none */
    struct cel_value headers; /* a map of lower-case names */
    struct cel_value body;    /* parsed JSON, or a string, or null */
    struct rc_sv excerpt;     /* not usable or an error: the first RC_MAX_EXCERPT bytes, UTF-8 */
    struct rc_sv error;       /* in words, where there is no answer */
    rc_us took;
};

struct rc_act {            /* an operator's action */
    uint8_t action;        /* enum rc_action */
    uint32_t expected_rev; /* If-Match; 0: any */
    struct rc_sv subject, actor, reason;
    struct rc_sv step; /* which; empty: the only one that is possible, or (retry, roll_back) all */
    uint8_t verdict;   /* resolve: enum rc_verdict */
    struct rc_sv external_id;
    struct cel_value outputs; /* resolve happened: a map, or null */
    struct rc_sv key;         /* idempotency key of the action; empty: none */
    struct rc_sv owner;       /* assign; empty: nobody any more */
    rc_us due;                /* due; 0: none any more */
    struct rc_h128 digest;    /* approve, deny, answer, move: of what was shown; zero: not said */
    struct rc_sv answer;      /* answer */
    uint32_t version;         /* move: to which; 0: the newest one in force */
    uint8_t role;             /* 1 + enum rc_role of the subject, where people decide; 0: not known */
    /* edit, and retry of what was rolled back; NULL in a history that is read */
    const struct rc_identity *successor;
};

/* An event outside, sent by whoever knows of it. */
/* What `taken` of a signal names where a person has deleted it: nobody gets it, and its key is remembered as that of any other. Stored. */
#define RC_SIGNAL_DELETED ((uint64_t)INT64_MAX)

struct rc_signal {
    uint64_t number; /* in the order of coming, from 1; given by the engine */
    struct rc_sv ns, name, id;
    struct rc_sv key;         /* the same key is the same signal */
    struct rc_h128 asked;     /* hash of name, id and payload: the same key with another one is a conflict */
    struct cel_value payload; /* JSON; null where it was taken */
    rc_us at;                 /* when it came */
    struct rc_link taken;     /* by which command; seq 0: it is kept */
    uint32_t node;            /* and by which step of it */
};

enum rc_verdict { RC_VERDICT_NONE, RC_HAPPENED, RC_DID_NOT_HAPPEN, RC_ACCEPTED_AS_IS };

/* Rule 8: values for sites that are already decided: prove and rehearse only; empty in production. */
struct rc_decided {
    flow_site site;
    uint32_t node;
    struct cel_value value;
};

struct rc_schedule_ask; /* schedule.h */
struct rc_child_ask;    /* child.h */
struct rc_child_news;   /* child.h */

struct rc_ask {
    rc_message_kind kind;
    struct rc_addr to, from;
    uint32_t node;    /* which step instance */
    uint16_t attempt; /* result, lost: which */
    uint8_t purpose;  /* result, lost */
    /* lost: this step was at work in several crashes: it waits for a person, whatever its phase */
    bool set_aside;
    bool large; /* the unit has many messages already: a child that can be asked later is (core/child.h) */
    rc_us now;
    rc_us wall;    /* what the wall clock says; may go back. For calendars only */
    rc_us order;   /* want, offer: place in the queue; restored: of when the state is */
    uint64_t seed; /* random numbers come from here */
    union {
        const struct rc_identity *submit;
        const struct rc_result *result;
        const struct rc_act *act;
        const struct rc_schedule_ask *schedule;
        const struct rc_signal *signal;
        const struct rc_child_ask *child;
        const struct rc_child_news *news;
    } u;
    const struct rc_decided *decided;
    uint32_t ndecided;
};
