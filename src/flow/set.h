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
/* Whether no flow in force can come to start itself, in however many steps, and lines of flows that start each other have at most
 * RC_MAX_CHILD_DEPTH; RC_INVALID or RC_LIMIT, of *ret_flow. `whole`: each flow that is started has to be there, too. */
RC_MUST enum rc_status flow_check_children(const struct flow_set *, bool whole, const struct flow **ret_flow,
                                           struct rc_error *);
/* Whether what a step of kind FLOW_CHILD gives to the flow that it starts, and reads of it, fits that one. The first fault from *io_at on, 0
 * being the first of all, with line and column in the step's definition; *io_at is behind it then. RC_OK, RC_INVALID, RC_NOMEM, RC_LIMIT. */
RC_MUST enum rc_status flow_check_start(const struct flow_child *, const struct flow *started,
                                        uint32_t *io_at, struct rc_arena *, struct rc_error *);
