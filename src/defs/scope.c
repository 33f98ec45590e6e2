/* The names of flow.h's enum flow_root, with their types. */
#include "defs/scope.h"

static const struct cel_type text_type = {.kind = CEL_T_STRING}, int_type = {.kind = CEL_T_INT};
static const struct cel_type headers_type = {.kind = CEL_T_MAP, .key = &text_type, .item = &text_type};

static const struct cel_field command_field[] = {
    {{"key", 3}, &text_type}, {{"type", 4}, &text_type}, {{"actor", 5}, &text_type}};
static const struct cel_type command_type = {.kind = CEL_T_OBJECT, .fields = command_field, .nfields = 3};

static const struct cel_field response_field[] = {
    {{"status", 6}, &int_type}, {{"headers", 7}, &headers_type}, {{"body", 4}, &cel_dyn}};
static const struct cel_type response_type = {.kind = CEL_T_OBJECT, .fields = response_field, .nfields = 3};

static const struct cel_field child_field[] = {{{"state", 5}, &text_type}, {{"outputs", 7}, &cel_dyn}};
static const struct cel_type child_type = {.kind = CEL_T_OBJECT, .fields = child_field, .nfields = 2};

static struct cel_field field_of(const struct defs_reader *r, unsigned root)
{
    const struct cel_type *const type[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = r->payload, [FLOW_ROOT_COMMAND] = &command_type,   [FLOW_ROOT_STEPS] = r->steps,
        [FLOW_ROOT_OUTPUTS] = r->outputs, [FLOW_ROOT_RESPONSE] = &response_type, [FLOW_ROOT_ITEM] = r->item,
        [FLOW_ROOT_INDEX] = &int_type,    [FLOW_ROOT_CHILD] = &child_type,
    };
    return (struct cel_field){flow_root_name(root), type[root] ? type[root] : &cel_dyn};
}

const struct cel_scope *defs_scope_of_piece(const struct defs_reader *r, struct defs_reach reach,
                                            struct defs_scope *ret)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < FLOW_ROOTS; i++)
        if (reach.roots >> i & 1) ret->root[n++] = field_of(r, i);
    ret->scope = (struct cel_scope){.roots = ret->root, .nroots = n, .secrets = reach.secrets};
    return &ret->scope;
}

const struct cel_scope *defs_scope_of_site(const struct defs_reader *r, struct defs_reach reach,
                                           struct defs_scope *ret)
{
    for (unsigned i = 0; i < FLOW_ROOTS; i++)
        ret->root[i] = reach.roots >> i & 1 ? field_of(r, i) : (struct cel_field){RC_SV(""), &cel_dyn};
    ret->scope = (struct cel_scope){.roots = ret->root,
                                    .nroots = reach.roots ? FLOW_ROOTS : 0,
                                    .secrets = reach.secrets,
                                    .internal = true};
    return &ret->scope;
}

const struct cel_type *defs_object_type(struct rc_arena *arena, const struct cel_field *fields, uint32_t n)
{
    struct cel_type *type = RC_NEW(arena, struct cel_type);
    if (type) *type = (struct cel_type){.kind = CEL_T_OBJECT, .fields = fields, .nfields = n};
    return type;
}

const struct cel_type *defs_step_type(struct rc_arena *arena, const struct cel_type *outputs,
                                      bool external_id)
{
    struct cel_field *field = RC_NEW_ARRAY(arena, struct cel_field, 2);
    if (!field) return NULL;
    field[0] = (struct cel_field){RC_SV("outputs"), outputs};
    field[1] = (struct cel_field){RC_SV("external_id"), &text_type};
    return defs_object_type(arena, field, external_id ? 2 : 1);
}
