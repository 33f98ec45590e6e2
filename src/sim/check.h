#pragma once
/* The checker: what clients saw, what the outside saw, and the final store, held against each other. It says which invariants of
 * Recourse hold (src/sim/check.c has the table of them) and, where one does not, where.
 *
 * It works on the contract of the store and on the structs below, so that a simulation can call it in its own process; the program
 * recourse_check reads them from files. Nothing is written. What goes in is borrowed for the call. One thread.
 *
 * HISTORY (JSON lines; --history, may be given several times). Two lines per call of a client, in the order in which the client wrote
 * them, of any number of clients:
 *
 *   {"event":"invoked","op":17,"client":3,"mono":T,"wall":T,"do":"submit","ns":"default","type":"t","key":"k","payload":{…}}
 *   {"event":"invoked","op":18,"client":3,"mono":T,"wall":T,"do":"act","action":"cancel","id":"…","expected":REV,"key":"k"}
 *   {"event":"invoked","op":19,"client":3,"mono":T,"wall":T,"do":"read","id":"…"}
 *   {"event":"answered","op":17,"client":3,"mono":T,"wall":T,"status":201,"id":"…","state":"running","revision":1,
 *   "version":1,"durable":N}
 *   {"event":"failed","op":17,…}      surely nothing was done: the connection was refused, or the answer says so
 *   {"event":"not_known","op":17,…}   anything may have been done: no answer came
 *   {"event":"quiet","mono":T,"wall":T}    faults, kills and clients have stopped
 *   {"event":"end","mono":T,"wall":T}      the store was taken
 *
 * op: unique among all clients; a line of a batch is an op of its own. mono: µs of one monotonic clock; wall: µs since 1970. ns is
 * "default" where it is not there. key: of the command, or of the action (header Idempotency-Key); a submission without one has the
 * flow's. In the place of payload may stand "payload_hash", 32 hexadecimal digits as in the store. expected: of If-Match. status: HTTP
 * (of a batch the line's). id, state, revision, version (of the flow): as in the answer; of a conflict ("problem":"key-conflict") id is the command that it
 * names. durable: the highest number of a change that was on disk when the answer was given, for those who know. Other members are
 * passed over.
 *
 * JOURNAL (JSON lines; --journal). One line per request that arrived outside, in the order of arrival:
 *
 *   {"wall":T,"method":"POST","path":"/…","idempotency_key":"32 hexadecimal digits","acted":true,"status":201,"body":"…","late":true}
 *
 * acted: it was carried out, whatever was answered; status 0: nothing was answered; late: no request, but one that had arrived before
 * (the same key) is carried out now. body: as it arrived. Requests without a key are not Recourse's. Other members are passed over. */
#include "core/core.h"
#include "store/store.h"

enum check_what { CHECK_SUBMIT = 1, CHECK_ACT, CHECK_READ };
enum check_end {
    CHECK_NOT_KNOWN, /* no answer: anything may have been done */
    CHECK_FAILED,    /* nothing was done */
    CHECK_ANSWERED
};

/* One call of a client, from its invocation to its end. Times 0: not known. */
struct check_call {
    uint64_t op; /* names it in findings */
    uint32_t client;
    uint8_t what;         /* enum check_what */
    uint8_t end;          /* enum check_end */
    rc_us invoked, ended; /* monotonic; ended 0: it never ended */
    rc_us wall_invoked, wall_ended;
    /* what was asked */
    struct rc_sv ns, type, key; /* submit; act: key only, empty: none */
    struct rc_h128
        payload_hash;  /* submit: as rc_prepare_submit makes it; zero: the payload was not a valid one */
    uint64_t seq;      /* act, read: the command; 0: none that can be */
    uint32_t check;    /* act, read: the low half of its nonce */
    uint8_t action;    /* act: enum rc_action */
    uint32_t expected; /* act: of If-Match; 0: any */
    /* what was answered, where end is CHECK_ANSWERED */
    uint16_t status;     /* HTTP: 201 new, 200 a repeat or done, 4xx, 5xx refused */
    bool conflict;       /* 409 because the key has another payload */
    uint64_t told_seq;   /* the command that was named; 0: none */
    uint32_t told_check; /* low half of its nonce, as its id says */
    uint8_t state;       /* enum rc_state; RC_ABSENT: not said */
    uint32_t rev;        /* 0: not said */
    uint32_t version;    /* of the flow; 0: not said */
    uint64_t durable;    /* highest change on disk at that moment; 0: not known */
};

/* One request that arrived outside, or one that is carried out later. */
struct check_arrival {
    uint32_t line;          /* names it in findings */
    struct rc_h128 key;     /* Idempotency-Key; zero: none, and then it is not looked at */
    struct rc_h128 request; /* hash of method, address and body; zero: not known */
    bool acted, late;
    uint16_t status;
    rc_us wall; /* 0: not known */
};

struct check_text { /* what is searched for secrets, too */
    struct rc_sv name, text;
};

struct check_case {
    const struct check_call *calls; /* by invocation */
    uint32_t ncalls;
    const struct check_arrival *arrivals; /* by arrival */
    uint32_t narrivals;
    bool
        complete; /* the journal has everything that arrived and all that was done; what it answered was never a lie */
    struct rc_reader *reader;   /* the final store */
    const struct flow_set *set; /* every version that the store has; NULL: they are read from it */
    const struct rc_sv *secrets;
    uint32_t nsecrets;
    const struct check_text *texts;
    uint32_t ntexts;
    rc_us quiet,
        end; /* wall: when faults stopped, when the store was taken; 0: not known, liveness is not judged */
    rc_us bound; /* liveness: within this time; 0: one minute */
    rc_us
        slack; /* how far the clocks of the engine and of the outside may differ; 0: a quarter of a second */
    bool recovery; /* also the invariants of recovery: each history is crashed behind each of its records */
};

/* One invariant. The function reports what is broken by check_break (check_run.h). */
struct check_run;
struct check_invariant {
    uint32_t number;
    const char *name, *sentence;
    void (*hold)(struct check_run *);
};
extern const struct check_invariant *const check_invariants[]; /* by number; NULL at the end */
const struct check_invariant *check_invariant_find(uint32_t number);

enum {
    CHECK_INVARIANTS = 64,   /* numbers are below */
    CHECK_FINDINGS_EACH = 4, /* that are kept of each */
    CHECK_FINDINGS = CHECK_INVARIANTS * CHECK_FINDINGS_EACH,
    CHECK_WHERE = 240
};

struct check_finding {
    uint32_t number; /* of the invariant */
    char where[CHECK_WHERE];
};

/* How much there was to look at: a check of nothing proves nothing. */
struct check_counts {
    uint64_t calls, arrivals, commands, purged, records, attempts, lost, unknown, checks, undos, actions,
        conflicts, replays, refused, crashes; /* of histories, for the invariants of recovery */
};

struct check_report {
    uint32_t n;      /* findings that are kept */
    uint64_t broken; /* all of them */
    struct check_finding finding[CHECK_FINDINGS];
    uint64_t broken_by[CHECK_INVARIANTS]; /* by number */
    uint64_t
        looked[CHECK_INVARIANTS]; /* by number: how many cases the invariant had to look at; 0: it had none */
    struct check_counts counts;
};

/* Checks everything. RC_OK also where invariants are broken: the report says so. RC_NOMEM, RC_LIMIT; RC_DAMAGED, RC_IO … where the store
 * cannot be read at all. The arena holds what is read of the store. */
RC_MUST enum rc_status check_all(const struct check_case *, struct rc_arena *, struct check_report *ret,
                                 struct rc_error *);

enum { CHECK_SAME_END = 41 }; /* its number in the table */
/* Whether two stores have come to the same end: the same keys, each with the same state, steps and outputs, in any order. What differs is
 * reported as a break of `number`. For "dropping any effect and starting again reaches the same end" and "the recovery of a recovery is
 * the same", where the caller has made both. */
RC_MUST enum rc_status check_same_end(struct rc_reader *, struct rc_reader *, const struct flow_set *,
                                      uint32_t number, struct rc_arena *, struct check_report *ret,
                                      struct rc_error *);
