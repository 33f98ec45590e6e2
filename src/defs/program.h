#pragma once
/* What stands in a definition about programs: dependencies of kind program, and requests that run one. Internal to defs/. */
#include "defs/request.h"

extern const struct defs_table defs_program_table; /* of a dependency; struct flow_dependency */

/* {program, args, input, output}; struct defs_request. */
defs_read_fn defs_read_program_request;

/* Fields that every kind of dependency has; see read_dependency.c. */
defs_read_fn defs_read_dependency_kind, defs_read_posture, defs_read_outcomes;
struct defs_codes { /* arg of defs_read_outcomes */
    uint32_t low, high;
    const char *what; /* "status of an answer" */
};
#define DEFS_DEPENDENCY_FIELDS(codes)                                                                        \
    {"dependency", DEFS_REQUIRED, defs_read_name, offsetof(struct flow_dependency, name), NULL},             \
        {"description", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},                                          \
        {"kind", DEFS_REQUIRED, defs_read_dependency_kind, offsetof(struct flow_dependency, kind), NULL},    \
        {"posture", DEFS_OPTIONAL, defs_read_posture, 0, NULL},                                              \
        {"key_lifetime", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_dependency, key_lifetime),      \
         NULL},                                                                                              \
        {"outcomes", DEFS_OPTIONAL, defs_read_outcomes, 0, codes}, {"breaker", DEFS_LATER, NULL, 0, NULL},   \
    {                                                                                                        \
        "vars", DEFS_LATER, NULL, 0, NULL                                                                    \
    }
