/* What people see of steps that wait until something has come true. */
#include "codec/view_part.h"

static bool confirms(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    return flow_confirms(rc_node_step(c, at)) && node->state == RC_STEP_ACTIVE &&
           node->phase != RC_PHASE_NONE;
}

void rc_view_confirms(struct rc_json *json, const struct rc_command *c)
{
    rc_json_array(json, "confirms");
    for (uint32_t i = 1; i < c->nnodes; i++) {
        const struct flow_step *step = rc_node_step(c, i);
        if (!confirms(c, i)) continue;
        rc_json_object(json, NULL);
        rc_view_step(json, c, i);
        rc_json_sv(json, "holds", cel_prog_source(c->flow->sites[step->confirm.holds].prog));
        if (step->kind == FLOW_CALL)
            rc_json_sv(json, "dependency", c->flow->dependencies[step->call.dependency]);
        rc_json_time(json, "since", c->data[i].times.first);
        rc_json_time(json, "until", rc_confirm_end(c, i));
        rc_json_u64(json, "looked", c->node[i].tries);
        rc_json_maybe(json, "error", c->data[i].fault);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

bool rc_view_confirming(struct rc_buf *buf, const struct rc_command *c)
{
    struct rc_path path;
    bool waits = c->state == RC_WAITING || c->state == RC_PENDING; /* an expression leaves nothing behind */
    for (uint32_t i = 1; waits && i < c->nnodes; i++) {
        if (!confirms(c, i)) continue;
        struct rc_sv name = rc_view_step_name(c, i, &path);
        rc_put_format(buf, "waiting until %.*s is confirmed", RC_SV_ARG(name));
        return true;
    }
    return false;
}
