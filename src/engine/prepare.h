#pragma once
/* What can be done before the engine's thread (rule 10): on the thread where the bytes arrive. */
#include "engine/request.h"

struct rc_submission {
    struct rc_sv ns, type, subject, actor;
    uint64_t version; /* of the flow; 0: the one in force */
    struct rc_sv key; /* from header or body, which must not differ: the caller has seen to that; empty: the
                         flow's key */
    struct cel_value payload; /* mutable until this returns: numbers are brought to the schema's type */
    struct cel_value refs;    /* a map of name to text, or null; added to the flow's own, which win */
    rc_us run_at, run_in,
        deadline;      /* as struct rc_identity has them; spans are at most RC_MAX_SPAN_DAYS. They are no
                                       part of "the same payload" */
    uint8_t priority;  /* no part of it either */
    bool has_priority; /* else the flow's */
};

/* Keys, actors, subjects: printable UTF-8 of 1 to `max` bytes. Names of refs and namespaces: 1 to RC_MAX_NAME letters, digits,
 * '_', '-' and '.'. */
RC_MUST bool rc_is_label(struct rc_sv, uint32_t max);
RC_MUST bool rc_is_name(struct rc_sv);

/* Checks a submission against its flow and makes the identity of a command of it (without seq and created).
 * Everything lives in the arena. Errors: RC_NOT_FOUND (no such flow), RC_INVALID (payload, key, refs: up to
 * `nerrors` errors, each with a JSON pointer into the submission: "/payload/amount"), RC_EVAL (the flow's key
 * or refs), RC_LIMIT, RC_NOMEM. *ret_nerrors is at least 1 then. */
RC_MUST enum rc_status rc_prepare_submit(const struct flow_set *, struct rc_submission *, struct rc_arena *,
                                         struct rc_identity *ret, struct rc_error *errors, uint32_t nerrors,
                                         uint32_t *ret_nerrors);

/* The same for a command that takes the place of `original`: its type, key and namespace; it is its successor on record.
 * in: actor and subject of the original (the person who asks stands in the action); payload and refs as they shall be. */
RC_MUST enum rc_status rc_prepare_successor(const struct flow_set *, const struct rc_command *original,
                                            struct rc_submission *, struct rc_arena *,
                                            struct rc_identity *ret, struct rc_error *errors,
                                            uint32_t nerrors, uint32_t *ret_nerrors);

/* Adds new versions and removals to a set; the result is in the arena and borrows the old set's parts. */
RC_MUST enum rc_status rc_set_change(const struct flow_set *old, const struct rc_new_definition *added,
                                     uint32_t nadded, const struct rc_definition *removed, uint32_t nremoved,
                                     struct rc_arena *, const struct flow_set **ret);
/* A set from stored definitions, parsed by the caller; inactive versions included. */
RC_MUST enum rc_status rc_set_make(const struct rc_new_definition *, uint32_t n, struct rc_arena *,
                                   const struct flow_set **ret);

/* The number under which a key is found in memory. Nobody can choose it: SHA-256. (cache.c) */
uint64_t rc_key_hash(struct rc_sv ns, struct rc_sv type, struct rc_sv key);
