/* The checker: one walk that resolves names, picks functions and finds types. Recursion is bounded by the
 * depth of the tree. */
#include "cel/check.h"

#include <stdarg.h>
#include <stdio.h>

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum rc_status try_status = (call);                                                                  \
        if (try_status != RC_OK) return try_status;                                                          \
    } while (0)

enum rc_status cel_mismatch(struct cel_checker *checker, const struct cel_node *node,
                            const struct cel_type **ret, const char *format, ...)
{
    *ret = &cel_dyn;
    if (checker->scope->unchecked) return RC_OK;
    char text[RC_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return cel_fail_at(checker->err, checker->source, node->at, RC_INVALID, "%s", text);
}

const char *cel_type_words(struct cel_checker *checker, const struct cel_type *type)
{
    struct rc_sv text = cel_type_text(type, checker->arena);
    struct rc_sv copy = rc_copy_sv(checker->arena, text);
    return copy.p ? copy.p : "?";
}

static enum rc_status new_type(struct cel_checker *checker, enum cel_type_kind kind,
                               const struct cel_type *key, const struct cel_type *item,
                               const struct cel_type **ret)
{
    struct cel_type *type = RC_NEW(checker->arena, struct cel_type);
    if (!type) return rc_fail_arena(checker->err, checker->arena);
    type->kind = kind;
    type->key = key;
    type->item = item;
    *ret = type;
    return RC_OK;
}

/* The type of several things at once: theirs, or dyn. */
static void widen(const struct cel_type **io, const struct cel_type *more)
{
    const struct cel_type *both = *io ? cel_type_join(*io, more) : more;
    *io = both ? both : &cel_dyn;
}

static enum rc_status check_list(struct cel_checker *checker, struct cel_node *node,
                                 const struct cel_type **ret)
{
    const struct cel_type *item = NULL, *type;
    for (struct cel_node *kid = node->first; kid; kid = kid->next) {
        TRY(cel_check_node(checker, kid, &type));
        widen(&item, type);
    }
    return new_type(checker, CEL_T_LIST, NULL, item ? item : &cel_nothing, ret);
}

static bool may_be_key(const struct cel_type *type)
{
    return type->kind == CEL_T_DYN || type->kind == CEL_T_BOOL || type->kind == CEL_T_INT ||
           type->kind == CEL_T_UINT || type->kind == CEL_T_STRING;
}

static enum rc_status check_map(struct cel_checker *checker, struct cel_node *node,
                                const struct cel_type **ret)
{
    const struct cel_type *key = NULL, *item = NULL, *type;
    for (struct cel_node *kid = node->first; kid; kid = kid->next->next) {
        TRY(cel_check_node(checker, kid, &type));
        if (!may_be_key(type))
            TRY(cel_mismatch(checker, kid, &type, "a map's key is bool, int, uint or string, not %s",
                             cel_type_words(checker, type)));
        widen(&key, type);
        TRY(cel_check_node(checker, kid->next, &type));
        widen(&item, type);
    }
    return new_type(checker, CEL_T_MAP, key ? key : &cel_dyn, item ? item : &cel_dyn, ret);
}

static enum rc_status check_bool(struct cel_checker *checker, struct cel_node *node, const char *what)
{
    const struct cel_type *type;
    TRY(cel_check_node(checker, node, &type));
    if (type->kind == CEL_T_BOOL || type->kind == CEL_T_DYN) return RC_OK;
    return cel_mismatch(checker, node, &type, "%s must be bool, this is %s", what,
                        cel_type_words(checker, type));
}

static enum rc_status check_logic(struct cel_checker *checker, struct cel_node *node,
                                  const struct cel_type **ret)
{
    const struct cel_guard *outer = checker->guards;
    bool both = node->op == CEL_OP_AND;
    for (struct cel_node *kid = node->first; kid; kid = kid->next) {
        TRY(check_bool(checker, kid, both ? "each side of '&&'" : "each side of '||'"));
        TRY(cel_assume(checker, kid, both));
    }
    checker->guards = outer;
    *ret = cel_type_of(CEL_T_BOOL);
    return RC_OK;
}

static enum rc_status check_conditional(struct cel_checker *checker, struct cel_node *node,
                                        const struct cel_type **ret)
{
    const struct cel_type *then, *otherwise;
    struct cel_node *first = node->first->next;
    const struct cel_guard *outer = checker->guards;
    TRY(check_bool(checker, node->first, "the condition before '?'"));
    TRY(cel_assume(checker, node->first, true));
    TRY(cel_check_node(checker, first, &then));
    checker->guards = outer;
    TRY(cel_assume(checker, node->first, false));
    TRY(cel_check_node(checker, first->next, &otherwise));
    checker->guards = outer;
    *ret = cel_type_join(then, otherwise);
    if (*ret) return RC_OK;
    *ret = &cel_dyn;
    if (then->kind == CEL_T_NULL || otherwise->kind == CEL_T_NULL) return RC_OK;
    if (cel_type_fits(then, otherwise)) return RC_OK;
    return cel_mismatch(checker, node, ret,
                        "both results of '?:' must have one type, these are %s and %s; "
                        "dyn(…) around them allows it",
                        cel_type_words(checker, then), cel_type_words(checker, otherwise));
}

/* What a comprehension's variable is: an item of a list or a key of a map. */
static enum rc_status check_range(struct cel_checker *checker, struct cel_node *node,
                                  const struct cel_type **ret)
{
    const struct cel_type *range;
    TRY(cel_check_node(checker, node->first, &range));
    if (range->kind == CEL_T_LIST)
        *ret = cel_type_item(range);
    else if (range->kind == CEL_T_MAP || range->kind == CEL_T_OBJECT)
        *ret = cel_type_key(range);
    else if (range->kind == CEL_T_DYN)
        *ret = &cel_dyn;
    else
        return cel_mismatch(checker, node->first, ret, "only a list or map can be walked through, this is %s",
                            cel_type_words(checker, range));
    return RC_OK;
}

static enum rc_status check_comprehension(struct cel_checker *checker, struct cel_node *node,
                                          const struct cel_type **ret)
{
    const struct cel_variable *outer = checker->variables;
    const struct cel_guard *guards = checker->guards;
    struct cel_variable variable = {.name = cel_text(node->value), .outer = outer};
    if (outer) variable.slot = (uint16_t)(outer->slot + 1);
    TRY(check_range(checker, node, &variable.type));
    node->slot = variable.slot;
    checker->variables = &variable;
    struct cel_node *body = node->first->next;
    enum rc_status status = RC_OK;
    if (node->op != CEL_OP_EACH || body->next) {
        status = check_bool(checker, body, "the condition over each item");
        if (status == RC_OK) status = cel_assume(checker, body, true);
        body = body->next;
    }
    const struct cel_type *made = variable.type;
    if (status == RC_OK && node->op == CEL_OP_EACH) status = cel_check_node(checker, body, &made);
    if (status == RC_OK && node->op == CEL_OP_FILTER)
        status = cel_guarded_type(checker, variable.type, variable.slot, &made);
    checker->variables = outer;
    checker->guards = guards;
    if (status != RC_OK) return status;
    if (node->op == CEL_OP_EACH || node->op == CEL_OP_FILTER)
        return new_type(checker, CEL_T_LIST, NULL, made, ret);
    *ret = cel_type_of(CEL_T_BOOL);
    return RC_OK;
}

static enum rc_status check_select(struct cel_checker *checker, struct cel_node *node,
                                   const struct cel_type **ret)
{
    const struct cel_type *from;
    if (node->op == CEL_OP_SELECT && cel_resolve(checker, node, ret)) return RC_OK;
    TRY(cel_check_node(checker, node->first, &from));
    TRY(cel_check_field(checker, node, from, cel_text(node->value), ret));
    return cel_check_guard(checker, node, from, ret);
}

static const struct cel_type *type_of_constant(struct cel_value value)
{
    switch ((enum cel_kind)value.kind) {
    case CEL_NULL: return cel_type_of(CEL_T_NULL);
    case CEL_BOOL: return cel_type_of(CEL_T_BOOL);
    case CEL_INT: return cel_type_of(CEL_T_INT);
    case CEL_UINT: return cel_type_of(CEL_T_UINT);
    case CEL_DOUBLE: return cel_type_of(CEL_T_DOUBLE);
    case CEL_STRING: return cel_type_of(CEL_T_STRING);
    case CEL_BYTES: return cel_type_of(CEL_T_BYTES);
    case CEL_TYPE: return cel_type_of(CEL_T_TYPE);
    case CEL_SECRET: return cel_type_of(CEL_T_SECRET);
    case CEL_LIST:
    case CEL_MAP:
    case CEL_DURATION:
    case CEL_TIMESTAMP:
    case CEL_UNKNOWN:
    case CEL_KINDS: break;
    }
    return &cel_dyn;
}

enum rc_status cel_check_node(struct cel_checker *checker, struct cel_node *node, const struct cel_type **ret)
{
    switch ((enum cel_op)node->op) {
    case CEL_OP_CONST: *ret = type_of_constant(node->value); return RC_OK;
    case CEL_OP_NAME: return cel_resolve(checker, node, ret) ? RC_OK : cel_unknown_name(checker, node, ret);
    case CEL_OP_SELECT: return check_select(checker, node, ret);
    case CEL_OP_HAS: {
        const struct cel_type *field;
        *ret = cel_type_of(CEL_T_BOOL);
        return check_select(checker, node, &field);
    }
    case CEL_OP_LIST: return check_list(checker, node, ret);
    case CEL_OP_MAP: return check_map(checker, node, ret);
    case CEL_OP_CALL:
    case CEL_OP_METHOD: return cel_check_call(checker, node, ret);
    case CEL_OP_AND:
    case CEL_OP_OR: return check_logic(checker, node, ret);
    case CEL_OP_COND: return check_conditional(checker, node, ret);
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_ONE:
    case CEL_OP_EACH:
    case CEL_OP_FILTER: return check_comprehension(checker, node, ret);
    case CEL_OP_ROOT:
    case CEL_OP_VARIABLE: break; /* only the checker makes these */
    }
    *ret = &cel_dyn;
    return RC_OK;
}

enum rc_status cel_check(struct cel_prog *prog, struct cel_node *root, const struct cel_scope *scope,
                         struct rc_arena *arena, struct rc_error *err)
{
    bool *reads = RC_NEW_ARRAY(arena, bool, scope->nroots + 1u);
    if (!reads) return rc_fail_arena(err, arena);
    struct cel_checker checker = {
        .scope = scope, .source = prog->source, .arena = arena, .err = err, .reads = reads};
    const struct cel_type *type = &cel_dyn;
    TRY(cel_check_node(&checker, root, &type));
    prog->root = root;
    prog->type = scope->unchecked ? &cel_dyn : type;
    prog->reads = reads;
    prog->nroots = scope->nroots;
    return RC_OK;
}
