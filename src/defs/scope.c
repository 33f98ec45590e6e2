/* The names of flow.h's enum flow_root, with their types. */
#include "defs/scope.h"

#include <stdio.h>

static const struct cel_type text_type = {.kind = CEL_T_STRING}, int_type = {.kind = CEL_T_INT};
static const struct cel_type headers_type = {.kind = CEL_T_MAP, .key = &text_type, .item = &text_type};

static const struct cel_field command_field[] = {
    {{"key", 3}, &text_type}, {{"type", 4}, &text_type}, {{"actor", 5}, &text_type}};
static const struct cel_type command_type = {.kind = CEL_T_OBJECT, .fields = command_field, .nfields = 3};

static const struct cel_field response_field[] = {
    {{"status", 6}, &int_type}, {{"headers", 7}, &headers_type}, {{"body", 4}, &cel_dyn}};
static const struct cel_type response_type = {.kind = CEL_T_OBJECT, .fields = response_field, .nfields = 3};

static const char *const root_name[FLOW_ROOTS] = {
    [FLOW_ROOT_PAYLOAD] = "payload", [FLOW_ROOT_COMMAND] = "command",   [FLOW_ROOT_STEPS] = "steps",
    [FLOW_ROOT_OUTPUTS] = "outputs", [FLOW_ROOT_RESPONSE] = "response",
};

const struct cel_scope *defs_scope(const struct defs_reader *r, struct defs_reach reach, bool internal,
                                   struct defs_scope *ret)
{
    const struct cel_type *const type[FLOW_ROOTS] = {
        [FLOW_ROOT_PAYLOAD] = r->payload, [FLOW_ROOT_COMMAND] = &command_type,   [FLOW_ROOT_STEPS] = r->steps,
        [FLOW_ROOT_OUTPUTS] = r->outputs, [FLOW_ROOT_RESPONSE] = &response_type,
    };
    for (unsigned i = 0; i < FLOW_ROOTS; i++) {
        bool visible = reach.roots >> i & 1;
        ret->root[i].name = visible ? rc_sv_of(root_name[i]) : RC_SV("");
        ret->root[i].type = visible && type[i] ? type[i] : &cel_dyn;
    }
    ret->scope = (struct cel_scope){.roots = ret->root,
                                    .nroots = reach.roots ? FLOW_ROOTS : 0,
                                    .secrets = reach.secrets,
                                    .internal = internal};
    return &ret->scope;
}

struct defs_scope_hint defs_scope_hint(struct defs_reach reach, const char *message)
{
    struct defs_scope_hint hint = {""};
    bool elsewhere = false;
    char list[64];
    int n = 0;
    list[0] = 0;
    for (unsigned i = 0; i < FLOW_ROOTS; i++) {
        char quoted[16];
        snprintf(quoted, sizeof quoted, "'%s'", root_name[i]);
        if (!(reach.roots >> i & 1))
            elsewhere |= strstr(message, quoted) != NULL;
        else
            n += snprintf(list + n, sizeof list - (size_t)n, "%s%s", n ? ", " : "", root_name[i]);
    }
    if (elsewhere) snprintf(hint.text, sizeof hint.text, " (to be used here: %s)", n ? list : "no names");
    return hint;
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
