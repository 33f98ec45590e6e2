/* Steps that start a command of another flow. */
#include "defs/scope.h"
#include "defs/steps.h"

static bool read_map(struct defs_reader *r, const struct defs_node *node, unsigned roots, flow_site *target)
{
    struct defs_reach reach = {.roots = roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    return defs_put_tree(r, &code, node, reach) && defs_add_site(r, node, &code, reach, target);
}

/* The payload of the command that is started. */
bool defs_read_child_payload(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    return defs_want(r, node, DEFS_MAP, "a map: the payload of the command that is started") &&
           read_map(r, node, r->roots, target);
}

/* The outputs see what the child came to. */
bool defs_read_child_outputs(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    r->outputs = &cel_dyn;
    if (!defs_want_outputs(r, node)) return false;
    const struct cel_type *outputs = defs_type_of_outputs(r, node);
    if (!outputs) return false;
    r->outputs = outputs;
    return read_map(r, node, r->roots | DEFS_ROOT(CHILD), target);
}
