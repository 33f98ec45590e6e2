/* Static types. Their depth is bounded by what declares them (RC_MAX_SCHEMA_DEPTH) and by the depth of
 * expressions, so these functions recurse. */
#include "cel/type.h"

const struct cel_type cel_dyn = {.kind = CEL_T_DYN};
const struct cel_type cel_nothing = {.kind = CEL_T_DYN};

const struct cel_type *cel_type_of(enum cel_type_kind kind)
{
    static const struct cel_type type[] = {
        {CEL_T_DYN},    {CEL_T_NULL},   {CEL_T_BOOL},  {CEL_T_INT},      {CEL_T_UINT},
        {CEL_T_DOUBLE}, {CEL_T_STRING}, {CEL_T_BYTES}, {CEL_T_DURATION}, {CEL_T_TIMESTAMP},
        {CEL_T_TYPE},   {CEL_T_SECRET}, {CEL_T_LIST},  {CEL_T_MAP},      {CEL_T_OBJECT}};
    _Static_assert(sizeof type / sizeof *type == CEL_T_OBJECT + 1, "one per kind, in their order");
    return &type[kind];
}

const struct cel_type *cel_type_item(const struct cel_type *type)
{
    return type->item ? type->item : &cel_dyn;
}

const struct cel_type *cel_type_key(const struct cel_type *type)
{
    if (type->kind == CEL_T_OBJECT) return cel_type_of(CEL_T_STRING);
    return type->key ? type->key : &cel_dyn;
}

const struct cel_type *cel_type_field(const struct cel_type *object, struct rc_sv name)
{
    for (uint32_t i = 0; i < object->nfields; i++)
        if (rc_sv_eq(object->fields[i].name, name)) return object->fields[i].type;
    return NULL;
}

bool cel_type_is_number(const struct cel_type *type)
{
    return type->kind == CEL_T_INT || type->kind == CEL_T_UINT || type->kind == CEL_T_DOUBLE;
}

static bool is_map(const struct cel_type *type)
{
    return type->kind == CEL_T_MAP || type->kind == CEL_T_OBJECT;
}

bool cel_type_fits(const struct cel_type *a, const struct cel_type *b)
{
    if (a == b || a->kind == CEL_T_DYN || b->kind == CEL_T_DYN) return true;
    if (is_map(a) && is_map(b)) {
        if (!cel_type_fits(cel_type_key(a), cel_type_key(b))) return false;
        if (a->kind == CEL_T_MAP && b->kind == CEL_T_MAP)
            return cel_type_fits(cel_type_item(a), cel_type_item(b));
        return true; /* an object may have any fields at run time */
    }
    if (a->kind != b->kind) return false;
    return a->kind != CEL_T_LIST || cel_type_fits(cel_type_item(a), cel_type_item(b));
}

bool cel_type_comparable(const struct cel_type *a, const struct cel_type *b)
{
    if (a->kind == CEL_T_SECRET || b->kind == CEL_T_SECRET) return false;
    if (a->kind == CEL_T_NULL || b->kind == CEL_T_NULL) return true;
    if (cel_type_is_number(a) && cel_type_is_number(b)) return true;
    return cel_type_fits(a, b);
}

/* Whether every value of `b` is one of `a`. An object holds itself only. */
static bool holds(const struct cel_type *a, const struct cel_type *b)
{
    if (a == b || b == &cel_nothing) return true;
    if (a->kind == CEL_T_DYN) return a != &cel_nothing;
    if (a->kind != b->kind || a->kind == CEL_T_OBJECT) return false;
    if (a->kind == CEL_T_MAP && !holds(cel_type_key(a), cel_type_key(b))) return false;
    return (a->kind != CEL_T_MAP && a->kind != CEL_T_LIST) || holds(cel_type_item(a), cel_type_item(b));
}

const struct cel_type *cel_type_join(const struct cel_type *a, const struct cel_type *b)
{
    return holds(a, b) ? a : holds(b, a) ? b : NULL;
}

/* ---- text ---- */

static void put_type(struct rc_buf *buf, const struct cel_type *type)
{
    static const char names[][26] = {"dyn",    "null",   "bool",  "int",      "uint",
                                     "double", "string", "bytes", "duration", "timestamp",
                                     "type",   "secret", "list",  "map",      "object"};
    _Static_assert(sizeof names / sizeof *names == CEL_T_OBJECT + 1, "one per kind, in their order");
    enum { SHOWN = 12 };
    rc_put_text(buf, names[type->kind]);
    if (type->kind == CEL_T_LIST || type->kind == CEL_T_MAP) {
        rc_put_char(buf, '(');
        if (type->kind == CEL_T_MAP) {
            put_type(buf, cel_type_key(type));
            rc_put_text(buf, ", ");
        }
        put_type(buf, cel_type_item(type));
        rc_put_char(buf, ')');
    } else if (type->kind == CEL_T_OBJECT) {
        rc_put_char(buf, '{');
        for (uint32_t i = 0; i < type->nfields && i < SHOWN; i++) {
            if (i > 0) rc_put_text(buf, ", ");
            rc_put(buf, type->fields[i].name);
        }
        rc_put_text(buf, type->nfields > SHOWN || type->open ? ", …}" : "}");
    }
}

struct rc_sv cel_type_text(const struct cel_type *type, struct rc_arena *arena)
{
    struct rc_buf buf = rc_buf_in(arena, RC_ERROR_TEXT);
    put_type(&buf, type);
    return buf.n ? rc_buf_sv(&buf) : RC_SV("?");
}
