#pragma once
/* Which names the expressions of a definition see, and of which types. Internal to defs/. */
#include "defs/template.h"

struct defs_scope {
    struct cel_field root[FLOW_ROOTS];
    struct cel_scope scope;
};

/* Fills ret from what the reader knows at this point, and returns its scope: of a piece as the author wrote it,
 * only to check it, with nothing but the names that it may use; of a site, with every root in its place, those
 * out of reach without a name, and the functions of templates. */
const struct cel_scope *defs_scope_of_piece(const struct defs_reader *, struct defs_reach,
                                            struct defs_scope *ret);
const struct cel_scope *defs_scope_of_site(const struct defs_reader *, struct defs_reach,
                                           struct defs_scope *ret);

/* Type {outputs, external_id} of a step, as later steps see it; NULL where the arena refuses. */
const struct cel_type *defs_step_type(struct rc_arena *, const struct cel_type *outputs, bool external_id);
/* An object with exactly these fields; NULL where the arena refuses. */
const struct cel_type *defs_object_type(struct rc_arena *, const struct cel_field *, uint32_t n);
