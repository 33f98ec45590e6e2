/* What commands know of each other: the child of a step, the parent of a command. */
#include "codec/view_part.h"

#include "core/child.h"
#include "core/tree.h"

void rc_view_child(struct rc_json *json, const struct rc_command *c, uint32_t at)
{
    const struct rc_child *child = &c->data[at].child;
    rc_json_object(json, "child");
    rc_json_sv(json, "type", rc_step_at(c, at)->child.flow);
    if (child->link.seq) {
        rc_json_id(json, "id", child->link.seq, child->link.nonce);
        rc_json_text(json, "state", rc_state_word(child->state).slug);
        rc_json_text(json, "display", rc_state_word(child->state).text);
    }
    rc_json_end_object(json);
}

void rc_view_children(struct rc_json *json, const struct rc_command *c)
{
    enum { SHOWN = 20 };
    uint32_t n = 0;
    for (uint32_t i = 1; i < c->nnodes && n < SHOWN; i++) {
        const struct rc_child *child = &c->data[i].child;
        if (c->node[i].phase != RC_PHASE_CHILD || !child->link.seq) continue;
        if (!n++) rc_json_array(json, "children");
        rc_json_object(json, NULL);
        rc_view_step(json, c, i);
        rc_json_id(json, "id", child->link.seq, child->link.nonce);
        rc_json_text(json, "state", rc_state_word(child->state).slug);
        rc_json_text(json, "display", rc_state_word(child->state).text);
        rc_json_end_object(json);
    }
    if (n) rc_json_end_array(json);
}

bool rc_view_waiting_for_child(struct rc_buf *buf, const struct rc_command *c)
{
    for (uint32_t i = 1; c->state == RC_WAITING && i < c->nnodes; i++) {
        if (c->node[i].phase != RC_PHASE_CHILD) continue;
        rc_put_format(buf, "waiting for the command that it has started%s",
                      rc_child_rests(c, i) ? ", which waits for a person" : "");
        return true;
    }
    return false;
}

void rc_view_parent(struct rc_json *json, const struct rc_parent *parent)
{
    if (parent->link.seq) rc_json_id(json, "parent", parent->link.seq, parent->link.nonce);
}
