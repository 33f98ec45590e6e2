#pragma once
/* What stands in a definition about remote workers: dependencies of kind worker, and requests that name a task. Internal to defs/. */
#include "defs/request.h"

extern const struct defs_table defs_worker_table; /* of a dependency; struct flow_dependency */

/* {task, input}; struct defs_request. */
defs_read_fn defs_read_task_request;
/* What a worker must declare; struct rc_sv. */
defs_read_fn defs_read_capability;

/* Whether the action of the step names a task. */
bool defs_asks_worker(const struct defs_node *step);
/* Rules between the fields of a step and who does it; its requests stand in r->asks from `asked` on. */
bool defs_check_worker(struct defs_reader *, const struct defs_node *, const struct flow_step *,
                       uint32_t asked);
