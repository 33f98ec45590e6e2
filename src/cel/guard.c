/* Guards: fields that may be missing are read only where has() has been asked. Recursion is bounded by the depth of the
 * tree. */
#include "cel/check.h"

static bool asks_for_field(const struct cel_node *node)
{
    return node->op == CEL_OP_HAS && node->first->op == CEL_OP_ROOT;
}

/* Whether two checked expressions are the same, written the same way. */
static bool is_same(const struct cel_node *a, const struct cel_node *b)
{
    if (a->op != b->op || a->slot != b->slot || a->fn != b->fn || a->n != b->n) return false;
    bool named = a->op == CEL_OP_CONST || a->op == CEL_OP_SELECT || a->op == CEL_OP_HAS;
    if (named && !cel_equal(a->value, b->value)) return false;
    const struct cel_node *kid = a->first, *other = b->first;
    for (; kid && other; kid = kid->next, other = other->next)
        if (!is_same(kid, other)) return false;
    return !kid && !other;
}

/* Whether a node that is true (or, with `holds` false, false) says the same of all its children. */
static bool speaks_for_all(const struct cel_node *node, bool holds)
{
    return node->op == (holds ? CEL_OP_AND : CEL_OP_OR);
}

static bool is_not(const struct cel_node *node)
{
    return node->op == CEL_OP_CALL && node->fn == CEL_FN_NOT;
}

enum rc_status cel_assume(struct cel_checker *checker, const struct cel_node *node, bool holds)
{
    if (is_not(node)) return cel_assume(checker, node->first, !holds);
    if (speaks_for_all(node, holds)) {
        enum rc_status status = RC_OK;
        for (const struct cel_node *kid = node->first; kid && status == RC_OK; kid = kid->next)
            status = cel_assume(checker, kid, holds);
        return status;
    }
    if (!holds || node->op != CEL_OP_HAS) return RC_OK;
    struct cel_guard *guard = RC_NEW(checker->arena, struct cel_guard);
    if (!guard) return rc_fail_arena(checker->err, checker->arena);
    *guard = (struct cel_guard){node->first, cel_text(node->value), checker->guards};
    checker->guards = guard;
    return RC_OK;
}

static bool is_guarded(const struct cel_checker *checker, const struct cel_node *of, struct rc_sv field)
{
    for (const struct cel_guard *guard = checker->guards; guard; guard = guard->outer)
        if (rc_sv_eq(guard->field, field) && is_same(guard->of, of)) return true;
    return false;
}

enum rc_status cel_guarded_type(struct cel_checker *checker, const struct cel_type *type, uint16_t slot,
                                const struct cel_type **ret)
{
    const struct cel_node variable = {.op = CEL_OP_VARIABLE, .slot = slot};
    *ret = type;
    if (type->kind != CEL_T_OBJECT) return RC_OK;
    struct cel_type *sure = RC_NEW(checker->arena, struct cel_type);
    struct cel_field *field = RC_NEW_ARRAY(checker->arena, struct cel_field, type->nfields);
    if (!sure || !field) return rc_fail_arena(checker->err, checker->arena);
    for (uint32_t i = 0; i < type->nfields; i++) {
        field[i] = type->fields[i];
        if (is_guarded(checker, &variable, field[i].name)) field[i].missing = NULL;
    }
    *sure = *type;
    sure->fields = field;
    *ret = sure;
    return RC_OK;
}

/* "child.outputs"; false: it is not only names. */
static bool put_path(const struct cel_checker *checker, struct rc_buf *path, const struct cel_node *node)
{
    if (node->op == CEL_OP_SELECT) {
        if (!put_path(checker, path, node->first)) return false;
        rc_put_char(path, '.');
    } else if (node->op != CEL_OP_ROOT && node->op != CEL_OP_VARIABLE) {
        return false;
    }
    rc_put(path, node->op == CEL_OP_ROOT ? checker->scope->roots[node->slot].name : cel_text(node->value));
    return true;
}

enum rc_status cel_check_guard(struct cel_checker *checker, const struct cel_node *select,
                               const struct cel_type *from, const struct cel_type **ret)
{
    struct rc_sv name = cel_text(select->value);
    const struct cel_node *of = select->first;
    const char *missing = NULL;
    if (select->op != CEL_OP_SELECT || from->kind != CEL_T_OBJECT) return RC_OK;
    for (uint32_t i = 0; i < from->nfields; i++)
        if (rc_sv_eq(from->fields[i].name, name)) missing = from->fields[i].missing;
    if (!missing || is_guarded(checker, of, name)) return RC_OK;
    struct rc_buf path = rc_buf_in(checker->arena, RC_ERROR_TEXT / 4);
    if (!put_path(checker, &path, of) || path.status != RC_OK)
        return cel_mismatch(checker, select, ret, "%.*s may not exist here (%s): guard it with has()",
                            RC_SV_ARG(name), missing);
    struct rc_sv from_name = rc_buf_sv(&path);
    return cel_mismatch(
        checker, select, ret, "%.*s.%.*s may not exist here (%s): guard it with has(%.*s.%.*s)",
        RC_SV_ARG(from_name), RC_SV_ARG(name), missing, RC_SV_ARG(from_name), RC_SV_ARG(name));
}

static uint32_t prove(const struct cel_node *node, bool holds, uint32_t root, struct rc_sv *field, uint32_t n,
                      uint32_t cap)
{
    if (is_not(node)) return prove(node->first, !holds, root, field, n, cap);
    if (speaks_for_all(node, holds))
        for (const struct cel_node *kid = node->first; kid; kid = kid->next)
            n = prove(kid, holds, root, field, n, cap);
    else if (holds && asks_for_field(node) && node->first->slot == root && n < cap)
        field[n++] = cel_text(node->value);
    return n;
}

uint32_t cel_prog_proves(const struct cel_prog *prog, uint32_t root, struct rc_sv *field, uint32_t cap)
{
    return prove(prog->root, true, root, field, 0, cap);
}
