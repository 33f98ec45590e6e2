/* Names and fields: what they mean, and what was probably meant where they mean nothing. */
#include "cel/check.h"

#include "base/near.h"

enum { DOTTED_MAX = 256 };

static const struct cel_variable *find_variable(const struct cel_checker *checker, struct rc_sv name)
{
    const struct cel_variable *variable = checker->variables;
    while (variable && !rc_sv_eq(variable->name, name)) variable = variable->outer;
    return variable;
}

/* Writes "a.b.c" from the end of a buffer to its front for a chain of selections that starts at a name.
 * Returns that name's node and the text; NULL where the chain starts at something else. */
static const struct cel_node *dotted(const struct cel_node *node, char buffer[DOTTED_MAX], struct rc_sv *ret)
{
    uint32_t at = DOTTED_MAX;
    for (;; node = node->first) {
        struct rc_sv part = cel_text(node->value);
        bool last = node->op == CEL_OP_NAME;
        if ((!last && node->op != CEL_OP_SELECT) || part.n + 1 > at) return NULL;
        at -= part.n;
        memcpy(buffer + at, part.p, part.n);
        if (last) break;
        buffer[--at] = '.';
    }
    *ret = (struct rc_sv){buffer + at, DOTTED_MAX - at};
    return node;
}

static bool is_type_name(struct rc_sv name, struct rc_sv *ret)
{
    static const char names[][28] = {"bool",
                                     "int",
                                     "uint",
                                     "double",
                                     "string",
                                     "bytes",
                                     "list",
                                     "map",
                                     "null_type",
                                     "type",
                                     "google.protobuf.Duration",
                                     "google.protobuf.Timestamp"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (rc_sv_is(name, names[i])) {
            *ret = rc_sv_of(names[i]);
            return true;
        }
    return false;
}

static void become(struct cel_node *node, enum cel_op op, uint16_t slot)
{
    node->op = (uint8_t)op;
    node->slot = slot;
    node->first = NULL;
    node->n = 0;
}

bool cel_resolve(struct cel_checker *checker, struct cel_node *node, const struct cel_type **ret)
{
    char buffer[DOTTED_MAX];
    struct rc_sv name, type_name;
    const struct cel_node *start = dotted(node, buffer, &name);
    if (!start) return false;
    const struct cel_variable *variable =
        start->absolute ? NULL : find_variable(checker, cel_text(start->value));
    if (variable) {
        if (node != start) return false; /* a field of the variable */
        become(node, CEL_OP_VARIABLE, variable->slot);
        *ret = variable->type;
        return true;
    }
    const struct cel_scope *scope = checker->scope;
    for (uint32_t i = 0; i < scope->nroots; i++)
        if (rc_sv_eq(scope->roots[i].name, name)) {
            become(node, CEL_OP_ROOT, (uint16_t)i);
            checker->reads[i] = true;
            *ret = scope->roots[i].type ? scope->roots[i].type : &cel_dyn;
            return true;
        }
    if (!is_type_name(name, &type_name)) return false;
    become(node, CEL_OP_CONST, 0);
    node->value = (struct cel_value){.kind = CEL_TYPE, .n = type_name.n, .v.text = type_name.p};
    *ret = cel_type_of(CEL_T_TYPE);
    return true;
}

/* "; did you mean 'x'?" or nothing. */
static struct rc_sv hint(struct cel_checker *checker, const struct rc_near *near)
{
    if (!near->best.p) return RC_SV("");
    struct rc_sv text = rc_text(checker->arena, "; did you mean '%.*s'?", RC_SV_ARG(near->best));
    return text.p ? text : RC_SV("");
}

enum rc_status cel_unknown_name(struct cel_checker *checker, const struct cel_node *node,
                                const struct cel_type **ret)
{
    const struct cel_scope *scope = checker->scope;
    struct rc_near near = {.wanted = cel_text(node->value)};
    struct rc_buf known = rc_buf_in(checker->arena, RC_ERROR_TEXT / 2);
    for (const struct cel_variable *variable = checker->variables; variable; variable = variable->outer)
        rc_near_try(&near, variable->name);
    for (uint32_t i = 0; i < scope->nroots; i++) {
        rc_near_try(&near, scope->roots[i].name);
        rc_put_text(&known, i > 0 ? ", " : "; known here: ");
        rc_put(&known, scope->roots[i].name);
    }
    struct rc_sv more = near.best.p ? hint(checker, &near) : rc_buf_sv(&known);
    return cel_mismatch(checker, node, ret, "unknown name '%.*s'%.*s", RC_SV_ARG(near.wanted),
                        RC_SV_ARG(more));
}

static enum rc_status unknown_field(struct cel_checker *checker, const struct cel_node *node,
                                    const struct cel_type *from, struct rc_sv field,
                                    const struct cel_type **ret)
{
    struct rc_near near = {.wanted = field};
    for (uint32_t i = 0; i < from->nfields; i++) rc_near_try(&near, from->fields[i].name);
    return cel_mismatch(checker, node, ret, "%s has no field '%.*s'%.*s", cel_type_words(checker, from),
                        RC_SV_ARG(field), RC_SV_ARG(hint(checker, &near)));
}

enum rc_status cel_check_field(struct cel_checker *checker, const struct cel_node *node,
                               const struct cel_type *from, struct rc_sv field, const struct cel_type **ret)
{
    const struct cel_type *type = NULL;
    if (from->kind == CEL_T_OBJECT) {
        type = cel_type_field(from, field);
        if (!type && !from->open) return unknown_field(checker, node, from, field, ret);
    } else if (from->kind == CEL_T_MAP && cel_type_fits(cel_type_key(from), cel_type_of(CEL_T_STRING))) {
        type = cel_type_item(from);
    } else if (from->kind != CEL_T_DYN) {
        return cel_mismatch(checker, node, ret, "%s has no field '%.*s'", cel_type_words(checker, from),
                            RC_SV_ARG(field));
    }
    *ret = type ? type : &cel_dyn;
    return RC_OK;
}
