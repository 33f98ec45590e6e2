#pragma once
/* Which names the expressions of a definition see, and of which types. Internal to defs/. */
#include "defs/template.h"

struct defs_scope {
    struct cel_field root[FLOW_ROOTS];
    struct cel_scope scope;
};

/* Fills ret from what the reader knows at this point, and returns its scope. Roots that are out of reach have
 * an empty name. */
const struct cel_scope *defs_scope(const struct defs_reader *, struct defs_reach, bool internal,
                                   struct defs_scope *ret);
/* Behind a compiler's message about a name that exists elsewhere: what can be used here. */
struct defs_scope_hint {
    char text[128];
};
struct defs_scope_hint defs_scope_hint(struct defs_reach, const char *message);

/* Type {outputs, external_id} of a step, as later steps see it; NULL where the arena refuses. */
const struct cel_type *defs_step_type(struct rc_arena *, const struct cel_type *outputs, bool external_id);
/* An object with exactly these fields; NULL where the arena refuses. */
const struct cel_type *defs_object_type(struct rc_arena *, const struct cel_field *, uint32_t n);
