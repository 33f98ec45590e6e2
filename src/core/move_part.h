#pragma once
/* Whether nodes of two versions of a flow say the same (private to core/). */
#include "flow/flow.h"

/* Of a leaf: all that it does. Of a block: its own fields; of a choose also which cases there are; what stands in it is not looked at. */
struct rc_h128 rc_move_digest(const struct flow *, flow_node);
/* Of leaves whose outputs have no type: whether they are made of the same expression, or the second one makes none. */
bool rc_move_same_outputs(const struct flow *, flow_node, const struct flow *to, flow_node other);
/* The child of a block in another version that is this one: by its id, and where nobody named it, by the first step in it that has one.
 * FLOW_NONE: there is none of the same kind. */
flow_node rc_move_twin(const struct flow *to, flow_node block, const struct flow *from, flow_node child);
