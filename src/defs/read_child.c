/* Steps that start a command of another flow. */
#include "defs/scope.h"
#include "defs/steps.h"

static bool read_map(struct defs_reader *r, const struct defs_node *node, unsigned roots, flow_site *target)
{
    struct defs_reach reach = {.roots = roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    return defs_put_tree(r, &code, node, reach) && defs_add_site(r, node, &code, reach, target);
}

static struct flow_read place_of(const struct defs_reader *r, const struct defs_node *node)
{
    struct defs_position at = defs_source_position(r->source, node->at);
    return (struct flow_read){.line = at.line, .column = at.column};
}

void defs_begin_child(struct defs_reader *r, const struct defs_node *node, struct flow_child *child)
{
    child->known = (struct cel_value){.kind = CEL_MAP};
    child->at = place_of(r, node);
}

/* The payload of the command that is started. */
bool defs_read_child_payload(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    struct flow_child *child = target;
    if (!defs_want(r, node, DEFS_MAP, "a map: the payload of the command that is started")) return false;
    child->at = place_of(r, node);
    return read_map(r, node, r->roots, &child->payload) && defs_read_known(r, node, &child->known);
}

/* The outputs see what the child came to; what that is, its own flow says, which may be read later. */
bool defs_read_child_outputs(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    struct flow_child *child = target;
    r->outputs = &cel_dyn;
    if (!defs_want_outputs(r, node)) return false;
    const struct cel_type *outputs = defs_type_of_outputs(r, node);
    if (!outputs) return false;
    r->outputs = outputs;
    r->nreads = 0;
    if (!read_map(r, node, r->roots | DEFS_ROOT(CHILD), &child->outputs)) return false;
    if (!r->nreads) return true;
    child->reads = rc_copy(r->arena, r->reads, r->nreads * sizeof *r->reads);
    child->nreads = r->nreads;
    return child->reads || defs_fail_arena(r, r->arena);
}
