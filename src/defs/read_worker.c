/* Remote workers: where they find what is to be done, and what a task is. A task's name stands in the flow as it is, so that a
 * worker can list what it does; values reach it in the input only. */
#include "defs/parts.h"
#include "defs/program.h"
#include "defs/worker.h"

/* ---- the dependency */

static const struct defs_span_range lease_range = {RC_SECONDS(1), RC_SECONDS(RC_MAX_LEASE_S)};
static const struct defs_field worker_field[] = {
    {"dependency", DEFS_REQUIRED, defs_read_name, offsetof(struct flow_dependency, name), NULL},
    {"description", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},
    {"kind", DEFS_REQUIRED, defs_read_dependency_kind, offsetof(struct flow_dependency, kind), NULL},
    {"queue", DEFS_OPTIONAL, defs_read_name, offsetof(struct flow_dependency, worker.queue), NULL},
    {"lease", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_dependency, worker.lease), &lease_range},
    {"posture", DEFS_OPTIONAL, defs_read_posture, 0, NULL},
    {"key_lifetime", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_dependency, key_lifetime), NULL},
};
const struct defs_table defs_worker_table = DEFS_TABLE(worker_field);

/* ---- the step */

bool defs_read_capability(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct rc_sv *capability = target;
    if (!defs_want(r, node, DEFS_SCALAR, "what a worker must declare")) return false;
    if (!node->text.n || node->text.n > RC_MAX_NAME)
        return defs_fail(r, node, node->text.n ? RC_LIMIT : RC_INVALID, "a capability has 1 to %d bytes",
                         RC_MAX_NAME);
    if (memmem(node->text.p, node->text.n, "${", 2))
        return defs_fail(r, node, RC_INVALID,
                         "a capability cannot hold ${…}: it belongs to the flow's version");
    *capability = defs_keep(r, node->text);
    return capability->p != NULL;
}

bool defs_asks_worker(const struct defs_node *step)
{
    const struct defs_node *with = step->kind == DEFS_MAP ? defs_node_key(step, "with") : NULL;
    return with && with->value->kind == DEFS_MAP && defs_node_key(with->value, "task");
}

bool defs_check_worker(struct defs_reader *r, const struct defs_node *node, const struct flow_step *step,
                       uint32_t asked)
{
    const struct defs_node *capability = defs_node_key(node, "capability");
    if (capability && !step->call.worker)
        return defs_fail(r, capability, RC_INVALID, "only a step that workers do ('task' in 'with') has one");
    for (uint32_t i = asked; i < r->asks.n; i++)
        if ((r->asks.item[i].kind == FLOW_DEP_WORKER) != step->call.worker)
            return defs_fail(r, node, RC_INVALID,
                             "workers do all of a step (its check, undo and require, too) or nothing of it");
    return true;
}

/* ---- the request */

static bool read_task(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct rc_buf *code = target;
    struct rc_sv task;
    if (!defs_read_name(r, node, &task, NULL)) return false;
    rc_put_text(code, "{\"task\": ");
    rc_put_json(code, task);
    return true;
}

static bool read_input(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct rc_buf *code = target;
    rc_put_text(code, ", \"input\": ");
    return defs_put_tree(r, code, node, (struct defs_reach){.roots = r->roots});
}

static const struct defs_field task_field[] = {
    {"task", DEFS_REQUIRED, read_task, 0, NULL},
    {"input", DEFS_OPTIONAL, read_input, 0, NULL},
};
static const struct defs_table task_table = DEFS_TABLE(task_field);

bool defs_read_task_request(struct defs_reader *r, const struct defs_node *node, void *target,
                            const void *arg)
{
    (void)arg;
    struct defs_request *request = target;
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    bool ok = defs_read_object(r, node, &task_table, &code);
    rc_put_char(&code, '}');
    return ok && defs_add_ask(r, node, FLOW_DEP_WORKER, (struct rc_sv){0}) &&
           defs_add_site(r, node, &code, (struct defs_reach){.roots = r->roots}, &request->site);
}
