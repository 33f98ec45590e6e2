/* What commands know of each other: the child of a step, the parent of a command. */
#include "codec/view_part.h"

#include "base/id.h"
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
    for (uint32_t at = 0; n < SHOWN && (at = rc_child_next(c, at));) {
        const struct rc_child *child = &c->data[at].child;
        if (!child->link.seq) continue;
        if (!n++) rc_json_array(json, "children");
        rc_json_object(json, NULL);
        rc_view_step(json, c, at);
        rc_json_id(json, "id", child->link.seq, child->link.nonce);
        rc_json_text(json, "state", rc_state_word(child->state).slug);
        rc_json_text(json, "display", rc_state_word(child->state).text);
        rc_json_end_object(json);
    }
    if (n) rc_json_end_array(json);
}

void rc_view_below(struct rc_json *json, const struct rc_below *below, uint32_t n)
{
    if (!n) return;
    rc_json_array(json, "hangs_on");
    for (uint32_t i = 0; i < n; i++) {
        rc_json_object(json, NULL);
        rc_json_id(json, "id", below[i].link.seq, below[i].link.nonce);
        rc_json_sv(json, "type", below[i].type);
        rc_json_text(json, "state", rc_state_word(below[i].state).slug);
        rc_json_sv(json, "display", below[i].display);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

bool rc_view_waiting_for_child(struct rc_buf *buf, const struct rc_command *c)
{
    bool ends = c->state == RC_CANCELLING || c->state == RC_ROLLING_BACK;
    uint32_t at = c->state == RC_WAITING || ends ? rc_child_next(c, 0) : 0;
    bool rests = at && rc_child_rests(c, at);
    char id[RC_ID_TEXT + 1];
    if (!at || (ends && !rests)) return false;
    if (ends) rc_put_format(buf, "%s, ", rc_state_word(c->state).text);
    if (rests) {
        const struct rc_link *child = &c->data[at].child.link;
        rc_id_format(rc_id_of(child->seq, child->nonce), id);
        rc_put_format(buf, "waiting for %s, which waits for a person", id);
    } else {
        rc_put_text(buf, "waiting for the command that it has started");
    }
    return true;
}

void rc_view_parent(struct rc_json *json, const struct rc_parent *parent)
{
    if (parent->link.seq) rc_json_id(json, "parent", parent->link.seq, parent->link.nonce);
}
