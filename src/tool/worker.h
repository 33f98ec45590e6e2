#pragma once
/* What `recourse worker` may run. Internal to tool/. */
#include "base/arena.h"
#include "cel/value.h"
#include "flow/dependency.h"

/* One task, and the program that does it. */
struct worker_program {
    struct rc_sv task;
    struct flow_dependency dependency; /* of kind program, with this one path */
    struct cel_value args;             /* a list of texts, or null */
    struct rc_sv output;               /* "json", or empty: text */
    rc_us timeout;
};
struct worker_programs {
    struct worker_program *item;
    uint32_t n;
    const char **paths; /* of all, for the executor */
};

/* Reads the list: a JSON object of tasks, each {program, args?, output?, timeout?, directory?, environment?}. What is not in it is not
 * run. Everything lives in the arena or is borrowed from the text. RC_SYNTAX, RC_INVALID (the error names the task and the field),
 * RC_LIMIT, RC_NOMEM. */
RC_MUST
enum rc_status worker_programs_read(struct rc_sv text, struct rc_arena *, struct worker_programs *ret,
                                    struct rc_error *);
/* NULL: it is not listed. */
const struct worker_program *worker_program_of(const struct worker_programs *, struct rc_sv task);
/* The request for the executor: the listed arguments, the task's input on stdin. */
RC_MUST
enum rc_status worker_program_request(const struct worker_program *, struct cel_value input,
                                      struct rc_arena *, struct cel_value *ret, struct rc_error *);
