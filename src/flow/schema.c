/* The types that expressions see of a payload. */
#include "flow/schema.h"

static const struct cel_type type_null = {.kind = CEL_T_NULL}, type_bool = {.kind = CEL_T_BOOL},
                             type_int = {.kind = CEL_T_INT}, type_double = {.kind = CEL_T_DOUBLE},
                             type_string = {.kind = CEL_T_STRING};

static const struct cel_type *type_of_list(const struct flow_schema *schema, struct rc_arena *arena)
{
    struct cel_type *type = RC_NEW(arena, struct cel_type);
    if (!type) return NULL;
    type->kind = CEL_T_LIST;
    type->item = schema->items ? schema->items->type : &cel_dyn;
    return type;
}

static const struct cel_type *type_of_object(const struct flow_schema *schema, struct rc_arena *arena)
{
    struct cel_type *type = RC_NEW(arena, struct cel_type);
    struct cel_field *fields = RC_NEW_ARRAY(arena, struct cel_field, schema->nproperties);
    if (!type || !fields) return NULL;
    for (uint32_t i = 0; i < schema->nproperties; i++)
        fields[i] = (struct cel_field){.name = schema->properties[i].name,
                                       .type = schema->properties[i].schema->type};
    type->kind = CEL_T_OBJECT;
    type->fields = fields;
    type->nfields = schema->nproperties;
    type->open = schema->open || (schema->nproperties == 0 && !schema->closed);
    return type;
}

const struct cel_type *flow_schema_type(const struct flow_schema *schema, struct rc_arena *arena)
{
    unsigned types = schema->types;
    if (types & FLOW_NUMBER) types &= ~(unsigned)FLOW_INTEGER; /* every integer is a number */
    switch (types) {
    case FLOW_NULL: return &type_null;
    case FLOW_BOOLEAN: return &type_bool;
    case FLOW_INTEGER: return &type_int;
    case FLOW_NUMBER: return &type_double;
    case FLOW_STRING: return &type_string;
    case FLOW_ARRAY: return type_of_list(schema, arena);
    case FLOW_OBJECT: return type_of_object(schema, arena);
    default: return &cel_dyn;
    }
}
