#pragma once
/* A dependency: an outside system and how it may be reached. Immutable, shared between threads. */
#include "flow/flow.h"

enum flow_dep_kind { FLOW_DEP_HTTP, FLOW_DEP_PROGRAM, FLOW_DEP_WORKER, FLOW_DEP_KINDS };

struct flow_refine { /* what a status means here, where it differs from the general rule */
    uint16_t status; /* of HTTP, or the exit code of a program */
    uint8_t outcome; /* enum rc_outcome as a number: core/ knows the names */
};

/* Which programs may run, and how. */
struct flow_program {
    const struct rc_sv *paths; /* absolute */
    uint16_t npaths;
    const struct cel_prog *environment; /* as `headers` below; NULL: none */
    struct rc_sv directory;             /* absolute; empty: "/" */
    rc_us grace;                        /* between SIGTERM and SIGKILL */
    uint64_t memory, file_size;         /* bytes; 0: no limit of ours */
    rc_us cpu;                          /* 0: no limit of ours */
    uint32_t open_files;                /* 0: the executor's own */
};

/* Where remote workers find the steps. */
struct flow_worker {
    struct rc_sv queue;
    rc_us lease; /* how long a worker may be silent */
};

struct flow_dependency {
    uint64_t id; /* of this version in the store */
    struct rc_sv name;
    uint64_t gate; /* flow_gate_id(name) */
    uint32_t version;
    struct rc_h128 digest;
    enum flow_dep_kind kind;
    struct flow_program program; /* kind FLOW_DEP_PROGRAM */
    struct flow_worker worker;   /* kind FLOW_DEP_WORKER */
    struct rc_sv base;           /* "https://host:port/prefix", without a slash at the end */
    bool tls;
    struct rc_sv host; /* a name or an address; of IPv6 without brackets */
    uint16_t port;
    bool allow_private; /* private, loopback and link-local addresses may be reached */
    /* a map of texts, may hold secrets; NULL: none. Evaluated without roots, by the sender */
    const struct cel_prog *headers;
    uint32_t concurrent; /* attempts in flight at a time */
    rc_us key_lifetime;  /* how long the other side remembers an Idempotency-Key; 0: for ever */
    rc_us connect_timeout;
    const struct flow_refine *refine;
    uint16_t nrefine;
};

/* Address of a dependency's gate: 63 bits of a hash of its name, so that it is the same everywhere and for
 * ever. */
uint64_t flow_gate_id(struct rc_sv name);
/* The same for steps that workers do: those of each namespace and each capability wait in a line of their own, so that a
 * worker never has to look past what is not for it. */
uint64_t flow_line_id(struct rc_sv dependency, struct rc_sv ns, struct rc_sv capability);

/* Whether a header (in any case) belongs to the sender: framing and connection (RFC 9112), the identity of the
 * attempt, and encodings, as answers are read as they come. Flows and dependencies may not set it. */
bool flow_header_reserved(struct rc_sv name);
/* Whether two names of headers are the same: ASCII case does not count. */
bool flow_header_same(struct rc_sv a, struct rc_sv b);
