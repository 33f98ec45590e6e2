#pragma once
/* Flows as checked, immutable data. Pure; made by defs/, read by everybody, shared between threads.
 *
 * A flow is a tree of nodes in preorder: node 0 is the root block, the subtree of node i is [i, end). The
 * index is the node's identity for the life of this version. Every expression is a numbered site, so that a
 * trace, `prove` and `explain` can name it.
 *
 * A command has one instance of each node, and of what stands in a loop as many as the loop may make: the body of an
 * `each` once for each item that its list may have, that of a `repeat` once for each pass. Instances are numbered in
 * preorder of the tree that is unrolled so, once and for all when the flow is read: the instance with number `at` of a
 * command is the same step for ever. Instance 0 is the root. In a flow without loops an instance's number is its node. */
#include "base/clock.h"
#include "base/hash.h"
#include "cel/cel.h"
#include "cron/cron.h"

typedef uint16_t flow_node; /* index; FLOW_NONE is none */
typedef uint16_t flow_site; /* number of an expression; 0 is none */
#define FLOW_NONE ((flow_node)0xffff)

/* Numbers are stored (gaps are kinds of the design that come later): add, never reorder. */
enum flow_kind {
    FLOW_LINEAR = 1,   /* one child after the other */
    FLOW_PARALLEL = 2, /* children as their needs are met */
    FLOW_CHOOSE =
        3, /* the first child whose condition holds; each child is a line; the last has no condition: else */
    FLOW_EACH = 4,    /* its only child, a line, once for each item of a list */
    FLOW_REPEAT = 5,  /* its only child, a line, again and again until a condition holds */
    FLOW_CALL = 6,    /* a request to a dependency */
    FLOW_WAIT = 7,    /* waits for a signal */
    FLOW_APPROVE = 8, /* waits until enough people have approved what stands behind it */
    FLOW_SLEEP = 9,   /* lets time pass */
    FLOW_CHILD = 10,  /* starts a command of another flow, and waits for its end */
    FLOW_SET = 11,    /* works something out */
    FLOW_CONFIRM =
        12, /* waits until an expression holds; one that asks a dependency is a call with `confirm` */
    FLOW_ESCALATE = 13, /* asks people a question, and goes on with their answer */
    FLOW_FALLBACK = 14  /* its first child; where that one fails, its second one, a line */
};
enum { FLOW_KINDS = FLOW_FALLBACK + 1 };
/* Whether a leaf asks people. */
static inline bool flow_asks(enum flow_kind kind)
{
    return kind == FLOW_APPROVE || kind == FLOW_ESCALATE;
}
/* Whether a node has children. */
static inline bool flow_is_block(enum flow_kind kind)
{
    return kind <= FLOW_REPEAT || kind == FLOW_FALLBACK;
}
/* Whether the children of a block stand beside each other and are joined. */
static inline bool flow_is_joined(enum flow_kind kind)
{
    return kind == FLOW_PARALLEL || kind == FLOW_EACH;
}
/* "linear", "parallel"; "?" for what is none. Static. */
const char *flow_kind_word(unsigned kind);

enum flow_join { FLOW_JOIN_ALL, FLOW_JOIN_ANY, FLOW_JOIN_QUORUM }; /* how many branches a block needs */
/* A critical part failed. Fail fast: nothing new starts, the block fails when what runs has ended. Continue: the rest is
 * done, and the block succeeds with what failed on record. */
enum flow_on_error { FLOW_FAIL_FAST, FLOW_CONTINUE };
enum flow_running {
    FLOW_RUNNING_WAIT,
    FLOW_RUNNING_CANCEL
}; /* fail fast: what has begun goes on, or is only settled */
enum flow_undo {
    FLOW_UNDO_NONE,
    FLOW_UNDO_FAILED_BRANCH,
    FLOW_UNDO_BLOCK
};                                                          /* what a block that fails takes back */
enum flow_surplus { FLOW_SURPLUS_KEEP, FLOW_SURPLUS_UNDO }; /* what succeeds after the join was reached */
/* A condition of a choose cannot be worked out: a person decides; the else branch; the choose fails. */
enum flow_undecided { FLOW_UNDECIDED_ESCALATE, FLOW_UNDECIDED_ELSE, FLOW_UNDECIDED_FAIL };
/* What a wait comes to when its time is over: it has failed; it is rejected; it is left out, and the flow goes on. */
enum flow_on_timeout { FLOW_TIMEOUT_FAIL, FLOW_TIMEOUT_REJECT, FLOW_TIMEOUT_CONTINUE };
enum flow_backoff { FLOW_CONSTANT, FLOW_LINEARLY, FLOW_EXPONENTIAL };
enum flow_jitter { FLOW_NO_JITTER, FLOW_FULL_JITTER, FLOW_EQUAL_JITTER };
enum flow_on_failure { FLOW_KEEP, FLOW_ROLL_BACK, FLOW_REVIEW };
/* What follows when the deadline of a command is over and what was out is settled. */
enum flow_on_deadline { FLOW_LATE_REVIEW, FLOW_LATE_CANCEL, FLOW_LATE_ROLL_BACK };
/* What becomes of a command whose lane is full: it waits for its turn; it is not taken on; the oldest one gives way. */
enum flow_when_full { FLOW_FULL_QUEUE, FLOW_FULL_REFUSE, FLOW_FULL_REPLACE };
/* When a key may be used again, as a new generation: never; when its last command has ended in one of some states; some
 * time after it has ended. */
enum flow_key_reuse { FLOW_KEY_NEVER, FLOW_KEY_AFTER_END, FLOW_KEY_AFTER };

/* Delay before try n+1 (n from 1): constant: delay; linear: n × delay; exponential: 2^(n-1) × delay; capped
 * by max_delay; then jitter: full: uniform in [0, d]; equal: uniform in [d/2, d]. Both limits hold; whichever
 * comes first. */
struct flow_retry {
    uint16_t attempts; /* tries in all, 1 to RC_MAX_ATTEMPTS */
    uint8_t backoff, jitter;
    rc_us delay, max_delay;
    rc_us duration; /* no try starts later than this after the first one; 0: no such limit */
};

/* Sites see these names, in this order (struct cel_env.roots); those that a place may not use are undeclared
 * there. */
enum flow_root {
    FLOW_ROOT_PAYLOAD,  /* the command's payload */
    FLOW_ROOT_COMMAND,  /* {key, type, actor} */
    FLOW_ROOT_STEPS,    /* {STEP: {outputs, external_id}} of steps that come before */
    FLOW_ROOT_OUTPUTS,  /* undo and its check: the step's own outputs */
    FLOW_ROOT_RESPONSE, /* conditions and outputs of an answer: {status, headers, body} */
    FLOW_ROOT_ITEM,     /* inside an each: the innermost one's item */
    FLOW_ROOT_INDEX,    /* inside a loop: the number of the innermost one's item or pass, from 0 */
    FLOW_ROOT_SIGNAL,   /* outputs of a wait: the payload of its signal */
    FLOW_ROOT_CHILD, /* outputs of a child: {state, outputs: {STEP: …}} of the command that it has started */
    FLOW_ROOTS
};
/* "payload", "command" … Static. */
struct rc_sv flow_root_name(enum flow_root);

/* How an unknown outcome is settled by asking. */
struct flow_check {
    bool present;
    flow_site request;
    flow_site happened, contradictory, inconclusive; /* conditions over the answer; happened is required */
    flow_site outputs;                               /* what replaces the action's outputs; 0: none */
    rc_us settle; /* "did not happen" counts only this long after the unknown */
    rc_us timeout;
    struct flow_retry retry; /* for checks that fail, and for answers that are not conclusive yet */
};

/* One thing asked of a dependency: the step's action or its undo. */
struct flow_action {
    bool present;
    flow_site request; /* a map {method, path, query?, headers?, body?}; path is absolute within the base */
    flow_site outputs; /* a map; 0: none */
    bool repeatable;   /* may be sent again with the same key while the outcome is unknown */
    bool reads_only;   /* GET or HEAD: nothing to undo */
    bool none;         /* of an undo, not present: the flow says that nothing has to be taken back */
    bool accepted;     /* 202 counts as done */
    rc_us timeout;
    struct flow_retry retry;
    struct flow_check check;
};

/* require: a condition, or a question to a dependency, that must hold before every attempt of the action. */
struct flow_require {
    flow_site condition; /* over payload and steps, or over the answer where request is set; 0: none */
    flow_site request;   /* 0: the condition needs no question */
    rc_us timeout;
};

struct flow_call {
    uint16_t dependency; /* index in flow.dependencies */
    struct flow_require require;
    struct flow_action act, undo;
    struct rc_sv external_id;       /* name of the output that is the id outside; empty: none */
    const struct cel_type *outputs; /* an object: what the step's outputs are; NULL: it declares none */
    bool irreversible;
    bool worker;             /* remote workers do it: its requests are {task, input?} */
    struct rc_sv capability; /* what a worker must declare to get it; empty: nothing */
};

/* Whether a roll back has nothing to do for a step that happened. */
static inline bool flow_nothing_to_undo(const struct flow_call *call)
{
    return call->act.reads_only || call->undo.none;
}

/* What a block does with its branches; of other nodes all zero. A line has one branch at a time: join, width and surplus say
 * nothing there. The branches of a parallel block with another join than all are lines. */
struct flow_block {
    uint8_t join, on_error, running, undo, surplus; /* enum flow_join … flow_surplus */
    uint8_t undecided;                              /* enum flow_undecided: kind FLOW_CHOOSE */
    uint16_t quorum;                                /* FLOW_JOIN_QUORUM */
    uint16_t width; /* branches under way at a time; 0: all. 1 is one after the other */
};

/* Kinds FLOW_EACH and FLOW_REPEAT. */
struct flow_loop {
    flow_site list;  /* each: the items, a list of at most `copies` */
    flow_site until; /* repeat: looked at behind each pass, in its scope; true ends it */
    rc_us every;     /* repeat: pause between two passes */
    rc_us within;    /* repeat: no pass starts later than this after the first one; 0: no such limit */
};

/* Kind FLOW_SLEEP: one of both. */
struct flow_sleep {
    rc_us span;
    flow_site until; /* a timestamp, or a duration from when it begins; one in the past is over at once */
};

/* Kind FLOW_WAIT. */
struct flow_wait {
    struct rc_sv signal; /* its name */
    flow_site id;        /* the external id by which it is matched: a text, or a whole number */
    flow_site outputs;   /* a map, of the signal's payload; 0: none */
    rc_us within;        /* 0: for ever */
    uint8_t on_timeout;  /* enum flow_on_timeout */
};

/* Kinds FLOW_APPROVE and FLOW_ESCALATE: who is asked, and what. */
struct flow_people {
    uint16_t need;             /* approve: how many have to; 1 to RC_MAX_PEOPLE */
    uint32_t roles;            /* bits 1 << enum rc_role; 0: whoever may act */
    const struct rc_sv *names; /* the only ones who may; NULL: not said */
    uint16_t nnames;
    const struct rc_sv *answers; /* escalate */
    uint16_t nanswers;
    flow_site question, evidence; /* escalate: a text; anything, 0: none */
    rc_us within;                 /* 0: for ever */
    uint8_t on_timeout;           /* enum flow_on_timeout; never continue */
};

/* What must come true within a time: looked at again and again. */
struct flow_confirm {
    flow_site holds; /* over payload and steps, and of a call over its answer; 0: the step confirms nothing */
    rc_us every, within;
    uint8_t on_timeout; /* enum flow_on_timeout; never continue */
};

/* An expression as its author wrote it, and where. */
struct flow_read {
    struct rc_sv source;
    unsigned line, column;
};

/* Kind FLOW_CHILD. Its `call` says that a roll back of the child takes it back. */
struct flow_child {
    struct rc_sv flow;      /* the name of the child's flow */
    flow_site payload;      /* a map; 0: an empty one */
    flow_site outputs;      /* a map, of what the child came to; 0: none */
    struct cel_value known; /* the payload, as far as it is known before it is worked out; else CEL_UNKNOWN */
    struct flow_read at;    /* where that stands */
    const struct flow_read *reads; /* the expressions in `outputs` */
    uint32_t nreads;
};

struct flow_step {
    /* unique in the flow; empty for the root, and for lines and fallbacks that nobody named */
    struct rc_sv id;
    enum flow_kind kind;
    flow_node parent, end; /* the subtree is [self, end) */
    bool critical;
    const flow_node
        *needs; /* earlier siblings that must have succeeded; where `cond` is set: that must have ended */
    uint16_t nneeds;
    flow_site
        cond; /* `if`: left out where it does not hold; a case of a choose: whether it is taken. 0: none */

    /* of its first instance, behind the first one of the copy of the block's body that it stands in */
    uint32_t place;
    uint32_t body; /* instances of all children in one copy */
    /* each: the most items; repeat: the most passes; else 1. It has 1 + copies * body instances */
    uint16_t copies;

    struct flow_block block; /* blocks */
    struct flow_loop loop;
    struct flow_sleep sleep;
    struct flow_wait wait;
    struct flow_people people;
    struct flow_child child;
    struct flow_confirm confirm; /* kinds FLOW_CALL and FLOW_CONFIRM */
    bool approvals;   /* it is behind approvals beside it (flow_behind), and waits for all of them */
    flow_site values; /* kind FLOW_SET: a map */
    /* kind FLOW_CALL. Of other leaves: reads_only and repeatable, and what `outputs` are */
    struct flow_call call;
};

/* Whether a leaf waits until something has come true. */
static inline bool flow_confirms(const struct flow_step *step)
{
    return step->confirm.holds != 0;
}
/* The word of the field that makes the step what it is: "call", "confirm". Static. */
const char *flow_step_word(const struct flow_step *);

struct flow_site_info {
    const struct cel_prog *prog;
    struct rc_sv place; /* "steps.create.check.happened" */
    unsigned line, column;
};

struct flow_ref {
    struct rc_sv name;
    flow_site value;
};

/* Commands of one flow with the same concurrency key share a lane: at most `limit` of them are at work. */
struct flow_lane {
    flow_site key;     /* a text; 0: one lane for the flow */
    uint16_t limit;    /* 1 to RC_MAX_LANE; 0: the flow has no lanes */
    uint8_t when_full; /* enum flow_when_full */
};

struct flow_schema; /* schema.h */

/* What becomes of times that were missed, and of one that comes while the run before has not ended. Numbers are not stored. */
enum flow_missed { FLOW_MISSED_LATEST, FLOW_MISSED_SKIP, FLOW_MISSED_ALL };
enum flow_overlap { FLOW_OVERLAP_SKIP, FLOW_OVERLAP_ALLOW, FLOW_OVERLAP_QUEUE };

/* Starts of a flow that come again and again. */
struct flow_schedule {
    struct rc_sv id; /* unique in the flow */
    struct rc_sv cron, zone_name, ns;
    struct cron_expr expr;
    const struct cron_zone *zone; /* NULL: the zone is not known on this machine any more, and nothing runs */
    struct cel_value payload;     /* fits the flow's schema */
    uint8_t missed, overlap;      /* enum flow_missed, enum flow_overlap */
};

struct flow {
    uint64_t id; /* of this version in the store; set when it is stored or loaded */
    struct rc_sv name;
    uint32_t version;
    struct rc_h128 digest;             /* of the definition's text */
    const struct flow_schema *payload; /* NULL: anything */
    flow_site key;                     /* 0: the caller must send one */
    uint8_t key_reuse;                 /* enum flow_key_reuse */
    uint32_t key_states;               /* FLOW_KEY_AFTER_END: bit 1 << n for state n of spec/states.def */
    rc_us key_after;                   /* FLOW_KEY_AFTER */
    const struct flow_ref *refs;
    uint16_t nrefs;
    uint8_t on_failure; /* enum flow_on_failure */
    const struct flow_step *steps;
    uint16_t nsteps;
    bool approves;                      /* it has steps of kind FLOW_APPROVE */
    uint32_t ninstances;                /* of a command; at most RC_MAX_INSTANCES */
    const struct flow_site_info *sites; /* [0] is unused */
    uint16_t nsites;
    const struct rc_sv *dependencies; /* names, bound when an attempt is made */
    const uint64_t *gates;            /* beside them: flow_gate_id */
    uint16_t ndependencies;
    rc_us deadline;      /* how long a command may take from its begin on; 0: for ever */
    uint8_t on_deadline; /* enum flow_on_deadline */
    struct flow_lane lane;
    flow_site priority; /* 0 to RC_MAX_PRIORITY; 0: the flow does not say */
    const struct flow_schedule *schedules;
    uint16_t nschedules;
    const struct cel_type
        *gives; /* an object: {STEP: outputs}, which a command that starts one of it sees; NULL: anything */
};

/* The number of a schedule: of the names of its flow and its own. */
uint64_t flow_schedule_id(struct rc_sv flow, struct rc_sv id);

/* The node with this id, or FLOW_NONE. */
flow_node flow_find(const struct flow *, struct rc_sv id);
/* First child of a block and next sibling of a node; FLOW_NONE where there is none. */
flow_node flow_first_child(const struct flow *, flow_node);
flow_node flow_next_sibling(const struct flow *, flow_node);
/* Instances of the subtree of a node, itself included. */
static inline uint32_t flow_instances(const struct flow_step *step)
{
    return 1 + (uint32_t)step->copies * step->body;
}
/* Sets place, body and copies of blocks that are no loops, and ninstances, from the tree and the copies of loops. False
 * where there would be more than RC_MAX_INSTANCES instances (flow is unusable then). */
bool flow_number(struct flow *, struct flow_step *steps);
/* How a step stands to another one beside it. It is behind that one by order or, in a parallel block, by what it needs in however many
 * steps; and covered by it, an approval, where no other approval is between, but for such as follow it at once. */
enum { FLOW_BEHIND = 1, FLOW_COVERED = 2 };
unsigned flow_behind(const struct flow *, flow_node other, flow_node step);
/* One step down on the way from a node to an instance in its subtree, which is numbered from the node's own: the child that it is in or is, its
 * number from there, and the copy of the child. False: it is the node itself. The way begins at node 0 with an instance of the flow. */
bool flow_down(const struct flow *, flow_node *io_node, uint32_t *io_instance, uint32_t *ret_copy);
/* The node that an instance is of, or FLOW_NONE. */
flow_node flow_node_of(const struct flow *, uint32_t instance);
