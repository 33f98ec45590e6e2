/* Calls: which function is meant, whether its arguments fit, and what comes out. */
#include "cel/builtin.h"
#include "cel/check.h"
#include "cel/time.h"

#include "base/limits.h"
#include "base/near.h"

#include <limits.h>

enum { ARGS_MAX = CEL_ARGS_MAX };

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum rc_status try_status = (call);                                                                  \
        if (try_status != RC_OK) return try_status;                                                          \
    } while (0)

/* The letters of struct cel_builtin, in the order of enum cel_type_kind. */
static const char letters[] = "azbiudsyDTtxlmm";

static bool fits(char letter, const struct cel_type *type)
{
    if (type->kind == CEL_T_SECRET || letter == 'x') return type->kind == CEL_T_SECRET && letter == 'x';
    return letter == 'a' || type->kind == CEL_T_DYN || letters[type->kind] == letter;
}

static const struct cel_type *of_letter(char letter)
{
    const char *found = strchr(letters, letter);
    return found ? cel_type_of((enum cel_type_kind)(found - letters)) : &cel_dyn;
}

static enum rc_status no_overload(struct cel_checker *checker, const struct cel_node *node,
                                  const struct cel_type *const args[], uint32_t n,
                                  const struct cel_type **ret)
{
    struct rc_buf types = rc_buf_in(checker->arena, RC_ERROR_TEXT);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) rc_put_text(&types, ", ");
        rc_put_text(&types, cel_type_words(checker, args[i]));
    }
    bool texts = node->fn == CEL_FN_ADD && n == 2 &&
                 (args[0]->kind == CEL_T_STRING) != (args[1]->kind == CEL_T_STRING);
    return cel_mismatch(checker, node, ret, "'%.*s' cannot be applied to (%.*s)%s",
                        RC_SV_ARG(cel_text(node->value)), RC_SV_ARG(rc_buf_sv(&types)),
                        texts ? "; string(…) makes text of a value" : "");
}

/* Two comparable numbers of different kinds are in no row; ordering allows them. */
static bool orders_numbers(const struct cel_node *node, const struct cel_type *const args[])
{
    static const char ordered[] = "abiudsyDT"; /* what has an order; dyn may have one */
    if (node->fn < CEL_FN_LT || node->fn > CEL_FN_GE) return false;
    if (!strchr(ordered, letters[args[0]->kind]) || !strchr(ordered, letters[args[1]->kind])) return false;
    if (cel_type_is_number(args[0]) && cel_type_is_number(args[1])) return true;
    return cel_type_fits(args[0], args[1]);
}

static enum rc_status check_overloads(struct cel_checker *checker, const struct cel_node *node,
                                      const struct cel_type *const args[], uint32_t n,
                                      const struct cel_type **ret)
{
    const struct cel_type *result = NULL;
    const struct cel_builtin *row;
    for (unsigned i = 0; (row = cel_builtin_row(i)); i++) {
        bool match = row->fn == node->fn && strlen(row->args) == n;
        for (uint32_t k = 0; match && k < n; k++) match = fits(row->args[k], args[k]);
        if (!match) continue;
        const struct cel_type *type = of_letter(row->result);
        result = result && result != type ? &cel_dyn : type;
    }
    if (!result) return no_overload(checker, node, args, n, ret);
    if (result->kind == CEL_T_LIST) { /* list + list */
        result = cel_type_join(args[0], args[1]);
        if (!result) result = cel_type_of(CEL_T_LIST);
    }
    *ret = result;
    return RC_OK;
}

static enum rc_status check_index(struct cel_checker *checker, const struct cel_node *node,
                                  const struct cel_type *const args[], const struct cel_type **ret)
{
    const struct cel_type *from = args[0], *index = args[1];
    const struct cel_node *key = node->first ? node->first->next : NULL;
    *ret = cel_type_item(from);
    if (from->kind == CEL_T_DYN) return RC_OK;
    if (from->kind == CEL_T_LIST && (index->kind == CEL_T_INT || index->kind == CEL_T_DYN)) return RC_OK;
    if (from->kind == CEL_T_MAP && cel_type_comparable(cel_type_key(from), index) &&
        index->kind != CEL_T_NULL)
        return RC_OK;
    if (from->kind != CEL_T_OBJECT || !cel_type_fits(index, cel_type_of(CEL_T_STRING)))
        return no_overload(checker, node, args, 2, ret);
    if (key && key->op == CEL_OP_CONST) return cel_check_field(checker, key, from, cel_text(key->value), ret);
    *ret = &cel_dyn;
    return RC_OK;
}

static enum rc_status check_in(struct cel_checker *checker, const struct cel_node *node,
                               const struct cel_type *const args[], const struct cel_type **ret)
{
    const struct cel_type *in = args[1], *field;
    const struct cel_node *key = node->first;
    *ret = cel_type_of(CEL_T_BOOL);
    if (in->kind == CEL_T_OBJECT && key && key->op == CEL_OP_CONST && key->value.kind == CEL_STRING)
        return cel_check_field(checker, key, in, cel_text(key->value), &field); /* as has() does */
    if (in->kind == CEL_T_DYN && args[0]->kind != CEL_T_SECRET) return RC_OK;
    if (in->kind == CEL_T_LIST && cel_type_comparable(args[0], cel_type_item(in))) return RC_OK;
    if ((in->kind == CEL_T_MAP || in->kind == CEL_T_OBJECT) && cel_type_comparable(args[0], cel_type_key(in)))
        return RC_OK;
    return no_overload(checker, node, args, 2, ret);
}

/* The name must stand in the definition: what a flow sends must be known without running it. */
static enum rc_status check_secret(struct cel_checker *checker, struct cel_node *node,
                                   const struct cel_type **ret)
{
    struct cel_node *name = node->first;
    if (!checker->scope->secrets)
        return cel_fail_at(checker->err, checker->source, node->at, RC_INVALID,
                           "secret(…) may only stand where a value leaves: in headers");
    if (node->n != 1 || !name || name->op != CEL_OP_CONST || name->value.kind != CEL_STRING ||
        name->value.n == 0 || name->value.n > RC_MAX_NAME)
        return cel_fail_at(checker->err, checker->source, node->at, RC_INVALID,
                           "secret takes one name in quotes, as in secret('github_token')");
    node->op = CEL_OP_CONST;
    node->value = name->value;
    node->value.kind = CEL_SECRET;
    node->first = NULL;
    node->n = 0;
    *ret = cel_type_of(CEL_T_SECRET);
    return RC_OK;
}

static enum rc_status check_zone(struct cel_checker *checker, const struct cel_node *node)
{
    if (node->fn < CEL_FN_YEAR || node->fn > CEL_FN_MILLISECONDS || node->n != 2) return RC_OK;
    const struct cel_node *zone = node->first ? node->first->next : NULL;
    int32_t offset;
    if (!zone || zone->op != CEL_OP_CONST || zone->value.kind != CEL_STRING) return RC_OK;
    if (cel_parse_offset(cel_text(zone->value), &offset)) return RC_OK;
    return cel_fail_at(checker->err, checker->source, zone->at, RC_UNSUPPORTED,
                       "named time zones are not supported in this version; write an offset like '+02:00'");
}

static enum rc_status unknown_function(struct cel_checker *checker, const struct cel_node *node,
                                       unsigned style, const struct cel_type **ret)
{
    struct rc_sv name = cel_text(node->value);
    struct rc_near near = {.wanted = name};
    const struct cel_builtin *row;
    for (unsigned i = 0; (row = cel_builtin_row(i)); i++)
        if ((row->style & style) && !(row->style & CEL_INTERNAL)) rc_near_try(&near, rc_sv_of(row->name));
    unsigned other = cel_builtin_find(name, style ^ (CEL_GLOBAL | CEL_MEMBER));
    const char *hint = "";
    if (other != UINT_MAX && !(cel_builtin_row(other)->style & CEL_INTERNAL))
        hint = style == CEL_GLOBAL ? "; it is called on a value, as in text.contains('x')"
                                   : "; it is called around a value, as in int(x)";
    if (*hint == 0 && near.best.p)
        return cel_mismatch(checker, node, ret, "unknown function '%.*s'; did you mean '%.*s'?",
                            RC_SV_ARG(name), RC_SV_ARG(near.best));
    return cel_mismatch(checker, node, ret, "unknown function '%.*s'%s", RC_SV_ARG(name), hint);
}

/* Operators have their function from the parser. */
static enum rc_status find_function(struct cel_checker *checker, struct cel_node *node,
                                    const struct cel_type **ret)
{
    unsigned style = node->op == CEL_OP_METHOD ? CEL_MEMBER : CEL_GLOBAL;
    node->op = CEL_OP_CALL;
    if (node->fn != CEL_FN_NONE) return RC_OK;
    unsigned found = cel_builtin_find(cel_text(node->value), style);
    const struct cel_builtin *row = found == UINT_MAX ? NULL : cel_builtin_row(found);
    if (!row || ((row->style & CEL_INTERNAL) && !checker->scope->internal))
        return unknown_function(checker, node, style, ret);
    node->fn = row->fn;
    return RC_OK;
}

/* Whether any overload has that many arguments. */
static bool takes(enum cel_fn fn, uint32_t n)
{
    const struct cel_builtin *row;
    if (fn <= CEL_FN_INDEX) return true; /* operators: the parser counted */
    for (unsigned i = 0; (row = cel_builtin_row(i)); i++)
        if (row->fn == fn && strlen(row->args) == n) return true;
    return false;
}

enum rc_status cel_check_call(struct cel_checker *checker, struct cel_node *node, const struct cel_type **ret)
{
    const struct cel_type *args[ARGS_MAX] = {&cel_dyn, &cel_dyn};
    uint32_t n = 0;
    TRY(find_function(checker, node, ret));
    for (struct cel_node *kid = node->first; kid; kid = kid->next, n++) {
        const struct cel_type *type = &cel_dyn;
        TRY(cel_check_node(checker, kid, &type));
        if (n < ARGS_MAX) args[n] = type;
    }
    if (node->fn == CEL_FN_NONE) return RC_OK; /* unchecked: fails when evaluated */
    if (node->fn == CEL_FN_SECRET) return check_secret(checker, node, ret);
    if (!takes((enum cel_fn)node->fn, n)) {
        node->fn = CEL_FN_NONE;
        return cel_mismatch(checker, node, ret, "'%.*s' does not take %u argument%s",
                            RC_SV_ARG(cel_text(node->value)), n, n == 1 ? "" : "s");
    }
    TRY(check_zone(checker, node));
    if (node->fn == CEL_FN_MATCHES)
        return cel_fail_at(checker->err, checker->source, node->at, RC_UNSUPPORTED,
                           "regular expressions are not supported in this version; startsWith, endsWith and "
                           "contains are");
    *ret = cel_type_of(CEL_T_BOOL);
    if (node->fn == CEL_FN_INDEX) return check_index(checker, node, args, ret);
    if (node->fn == CEL_FN_IN) return check_in(checker, node, args, ret);
    if (node->fn == CEL_FN_EQ || node->fn == CEL_FN_NE)
        return cel_type_comparable(args[0], args[1]) ? RC_OK : no_overload(checker, node, args, 2, ret);
    if (node->fn >= CEL_FN_LT && node->fn <= CEL_FN_GE)
        return orders_numbers(node, args) ? RC_OK : no_overload(checker, node, args, 2, ret);
    return check_overloads(checker, node, args, n, ret);
}
