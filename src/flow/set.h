#pragma once
/* The definitions in force: an immutable snapshot. A new one is made at every apply; the old ones stay valid
 * for those who hold them. */
#include "flow/dependency.h"

struct flow_set {
    const struct flow *const *flows; /* every loaded version, sorted by id */
    uint32_t nflows;
    const struct flow *const *active; /* the newest version of each flow that is in force, sorted by name */
    uint32_t nactive;
    const struct flow_dependency *const *dependencies; /* in force, sorted by name */
    uint32_t ndependencies;
};

/* Makes a set of definitions that stay where they are: active[i] says whether flows[i] is in force. Sorts
 * them. RC_INVALID where an id, an active name or a dependency's name occurs twice. */
RC_MUST
enum rc_status flow_set_new(const struct flow *const *flows, const bool *active, uint32_t nflows,
                            const struct flow_dependency *const *dependencies, uint32_t ndependencies,
                            struct rc_arena *, const struct flow_set **ret, struct rc_error *);

/* NULL where there is none. */
const struct flow *flow_set_version(const struct flow_set *, uint64_t id);
const struct flow *flow_set_active(const struct flow_set *, struct rc_sv name);
const struct flow_dependency *flow_set_dependency(const struct flow_set *, struct rc_sv name);
const struct flow_dependency *flow_set_gate(const struct flow_set *, uint64_t gate_id);
