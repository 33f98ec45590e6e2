/* What steps see of each other. */
#include "defs/scope.h"
#include "defs/steps.h"

static const struct cel_type items_type = {.kind = CEL_T_LIST};
static const struct cel_field items_field[] = {{{"items", 5}, &items_type}};

bool defs_add_step_type(struct defs_reader *r, const struct flow_step *step)
{
    static const struct cel_type each_type = {.kind = CEL_T_OBJECT, .fields = items_field, .nfields = 1};
    if (flow_is_block(step->kind) && step->kind != FLOW_EACH) return true;
    uint32_t n = r->steps->nfields;
    struct cel_field *field = RC_NEW_ARRAY(r->arena, struct cel_field, n + 1);
    const struct cel_type *none = defs_object_type(r->arena, NULL, 0);
    if (!field || !none) return defs_fail_arena(r, r->arena);
    if (n) memcpy(field, r->steps->fields, n * sizeof *field);
    field[n].name = step->id;
    field[n].type = step->kind == FLOW_EACH ? &each_type
                                            : defs_step_type(r->arena, r->outputs ? r->outputs : none,
                                                             step->call.external_id.n > 0);
    r->steps = defs_object_type(r->arena, field, n + 1);
    return (field[n].type && r->steps) || defs_fail_arena(r, r->arena);
}
