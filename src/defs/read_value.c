/* YAML to JSON values, for schemas. */
#include "defs/parts.h"

static bool read_scalar(struct defs_reader *r, const struct defs_node *node, bool templates,
                        struct cel_value *ret)
{
    struct defs_scalar scalar = defs_scalar_of(node);
    struct rc_sv text;
    switch (scalar.kind) {
    case DEFS_IS_TEXT:
        if (templates && memmem(node->text.p, node->text.n, "${", 2)) {
            *ret = (struct cel_value){.kind = CEL_UNKNOWN};
            return true;
        }
        text = defs_keep(r, node->text);
        *ret = cel_string(text);
        return text.p != NULL;
    case DEFS_IS_NULL: *ret = cel_null(); return true;
    case DEFS_IS_BOOL: *ret = cel_bool(scalar.b); return true;
    case DEFS_IS_INT: *ret = cel_int(scalar.i); return true;
    case DEFS_IS_DOUBLE: *ret = cel_double(scalar.d); return true;
    case DEFS_IS_UNCLEAR: break;
    }
    return defs_fail(r, node, RC_INVALID, "'%.*s': %s", RC_SV_ARG(node->text), scalar.problem);
}

/* Recursion is bounded by the nesting of YAML. */
static bool read_any(struct defs_reader *r, const struct defs_node *node, bool templates,
                     struct cel_value *ret)
{
    if (node->kind == DEFS_SCALAR) return read_scalar(r, node, templates, ret);
    bool map = node->kind == DEFS_MAP, ok = true;
    struct cel_value *cell = RC_NEW_ARRAY(r->arena, struct cel_value, (size_t)node->n * (map ? 2 : 1));
    if (!cell) return defs_fail_arena(r, r->arena);
    *ret = (struct cel_value){.kind = map ? CEL_MAP : CEL_LIST, .n = node->n, .v.items = cell};
    for (const struct defs_node *child = node->first; child; child = child->next) {
        if (map) {
            struct rc_sv key = defs_keep(r, child->text);
            if (!key.p) return false;
            *cell++ = cel_string(key);
        }
        ok &= read_any(r, map ? child->value : child, templates, cell++);
    }
    uint32_t bad;
    /* keys are unique: the YAML reader has seen to that */
    return ok && (!map || cel_map_sort((struct cel_value *)ret->v.items, ret->n, &bad));
}

bool defs_read_value(struct defs_reader *r, const struct defs_node *node, struct cel_value *ret)
{
    return read_any(r, node, false, ret);
}

bool defs_read_known(struct defs_reader *r, const struct defs_node *node, struct cel_value *ret)
{
    return read_any(r, node, true, ret);
}
