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

/* NULL where there is none. */
const struct flow *flow_set_version(const struct flow_set *, uint64_t id);
/* By name and version; NULL where there is none. */
const struct flow *flow_set_of(const struct flow_set *, struct rc_sv name, uint32_t version);
const struct flow *flow_set_active(const struct flow_set *, struct rc_sv name);
const struct flow_dependency *flow_set_dependency(const struct flow_set *, struct rc_sv name);
const struct flow_dependency *flow_set_gate(const struct flow_set *, uint64_t gate_id);
