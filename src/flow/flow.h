#pragma once
/* Flows as checked, immutable data. Pure; made by defs/, read by everybody, shared between threads.
 *
 * A flow is a tree of nodes in preorder: node 0 is the root block, the subtree of node i is [i, end). The
 * index is the node's identity for the life of this version. Every expression is a numbered site, so that a
 * trace, `prove` and `explain` can name it. */
#include "base/clock.h"
#include "base/hash.h"
#include "cel/cel.h"

typedef uint16_t flow_node; /* index; FLOW_NONE is none */
typedef uint16_t flow_site; /* number of an expression; 0 is none */
#define FLOW_NONE ((flow_node)0xffff)

/* Numbers are stored (gaps are kinds of the design that come later): add, never reorder. */
enum flow_kind { FLOW_LINEAR = 1, FLOW_CALL = 6 };
enum flow_backoff { FLOW_CONSTANT, FLOW_LINEARLY, FLOW_EXPONENTIAL };
enum flow_jitter { FLOW_NO_JITTER, FLOW_FULL_JITTER, FLOW_EQUAL_JITTER };
enum flow_on_failure { FLOW_KEEP, FLOW_ROLL_BACK, FLOW_REVIEW };
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
    FLOW_ROOTS
};

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

struct flow_step {
    struct rc_sv id; /* unique in the flow; empty for the root */
    enum flow_kind kind;
    flow_node parent, end; /* the subtree is [self, end) */
    bool critical;
    const flow_node *needs; /* earlier siblings that must have succeeded */
    uint16_t nneeds;
    struct flow_call call; /* kind FLOW_CALL */
};

struct flow_site_info {
    const struct cel_prog *prog;
    struct rc_sv place; /* "steps.create.check.happened" */
    unsigned line, column;
};

struct flow_ref {
    struct rc_sv name;
    flow_site value;
};

struct flow_schema; /* schema.h */

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
    const struct flow_site_info *sites; /* [0] is unused */
    uint16_t nsites;
    const struct rc_sv *dependencies; /* names, bound when an attempt is made */
    uint16_t ndependencies;
};

/* The node with this id, or FLOW_NONE. */
flow_node flow_find(const struct flow *, struct rc_sv id);
/* First child of a block and next sibling of a node; FLOW_NONE where there is none. */
flow_node flow_first_child(const struct flow *, flow_node);
flow_node flow_next_sibling(const struct flow *, flow_node);
