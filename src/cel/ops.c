/* Operators: arithmetic, order, equality, `in`, index. */
#include "cel/run.h"
#include "cel/secret.h"
#include "cel/time.h"

#include <math.h>

static bool overflow(struct cel_run *run, const struct cel_node *node, const struct cel_value *args)
{
    return cel_raise(run, node, CEL_FAULT_OVERFLOW, args[0], node->n > 1 ? args[1] : cel_null());
}

static bool int_op(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                   struct cel_value *ret)
{
    int64_t a = args[0].v.i, b = args[1].v.i, c = 0;
    bool bad = false;
    if (node->fn == CEL_FN_ADD)
        bad = __builtin_add_overflow(a, b, &c);
    else if (node->fn == CEL_FN_SUB)
        bad = __builtin_sub_overflow(a, b, &c);
    else if (node->fn == CEL_FN_MUL)
        bad = __builtin_mul_overflow(a, b, &c);
    else if (b == 0)
        return cel_raise(run, node, CEL_FAULT_ZERO, args[0], args[1]);
    else if (a == INT64_MIN && b == -1)
        bad = true;
    else
        c = node->fn == CEL_FN_DIV ? a / b : a % b;
    if (bad) return overflow(run, node, args);
    *ret = cel_int(c);
    return true;
}

static bool uint_op(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                    struct cel_value *ret)
{
    uint64_t a = args[0].v.u, b = args[1].v.u, c = 0;
    bool bad = false;
    if (node->fn == CEL_FN_ADD)
        bad = __builtin_add_overflow(a, b, &c);
    else if (node->fn == CEL_FN_SUB)
        bad = __builtin_sub_overflow(a, b, &c);
    else if (node->fn == CEL_FN_MUL)
        bad = __builtin_mul_overflow(a, b, &c);
    else if (b == 0)
        return cel_raise(run, node, CEL_FAULT_ZERO, args[0], args[1]);
    else
        c = node->fn == CEL_FN_DIV ? a / b : a % b;
    if (bad) return overflow(run, node, args);
    *ret = (struct cel_value){.kind = CEL_UINT, .v.u = c};
    return true;
}

static bool double_op(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                      struct cel_value *ret)
{
    double a = args[0].v.d, b = args[1].v.d;
    if (node->fn == CEL_FN_MOD) return cel_no_overload(run, node, args);
    if (node->fn == CEL_FN_ADD) *ret = cel_double(a + b);
    if (node->fn == CEL_FN_SUB) *ret = cel_double(a - b);
    if (node->fn == CEL_FN_MUL) *ret = cel_double(a * b);
    if (node->fn == CEL_FN_DIV) *ret = cel_double(a / b);
    return true;
}

static bool join_texts(struct cel_run *run, const struct cel_node *node, struct cel_value a,
                       struct cel_value b, struct cel_value *ret)
{
    uint64_t n = (uint64_t)a.n + b.n;
    *ret = b.n == 0 ? a : b;
    if (a.n == 0 || b.n == 0) return true;
    if (!cel_spend(run, node, CEL_TEXT_STEPS(n))) return false;
    if (n > UINT32_MAX) return cel_raise(run, node, CEL_FAULT_MEMORY, a, b);
    /* a + b + c … grows its own end; the text it starts with stays as it is */
    if (rc_arena_extend(run->arena, a.v.text, a.n, n)) {
        if (!cel_within_memory(run, node)) return false;
        memcpy((char *)a.v.text + a.n, b.v.text, b.n);
        *ret = a;
    } else {
        char *text = cel_take_text(run, node, n);
        if (!text) return false;
        memcpy(text, a.v.text, a.n);
        memcpy(text + a.n, b.v.text, b.n);
        ret->v.text = text;
    }
    ret->n = (uint32_t)n;
    return true;
}

static bool join_lists(struct cel_run *run, const struct cel_node *node, struct cel_value a,
                       struct cel_value b, struct cel_value *ret)
{
    uint64_t n = (uint64_t)a.n + b.n;
    *ret = b.n == 0 ? a : b;
    if (a.n == 0 || b.n == 0) return true;
    if (!cel_spend(run, node, n)) return false;
    struct cel_value *items = cel_take(run, node, n * sizeof *items);
    if (!items) return false;
    memcpy(items, a.v.items, a.n * sizeof *items);
    memcpy(items + a.n, b.v.items, b.n * sizeof *items);
    ret->v.items = items;
    ret->n = (uint32_t)n;
    return true;
}

static bool join_secrets(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                         struct cel_value *ret)
{
    if (!cel_spend(run, node, CEL_TEXT_STEPS(args[0].n) + CEL_TEXT_STEPS(args[1].n))) return false;
    if (cel_secret_join(args[0], args[1], run->arena, ret) != RC_OK)
        return cel_raise(run, node, CEL_FAULT_ARENA, args[0], args[1]);
    return cel_within_memory(run, node);
}

static bool is_time(struct cel_value value)
{
    return value.kind == CEL_DURATION || value.kind == CEL_TIMESTAMP;
}

static bool time_op(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                    struct cel_value *ret)
{
    bool both_points = args[0].kind == CEL_TIMESTAMP && args[1].kind == CEL_TIMESTAMP;
    bool from_span = args[0].kind == CEL_DURATION && args[1].kind == CEL_TIMESTAMP;
    bool known = node->fn == CEL_FN_ADD ? !both_points : node->fn == CEL_FN_SUB && !from_span;
    if (!known) return cel_no_overload(run, node, args);
    return cel_time_add(args[0], args[1], node->fn == CEL_FN_ADD ? 1 : -1, ret) || overflow(run, node, args);
}

static bool is_text_or_secret(struct cel_value value)
{
    return value.kind == CEL_STRING || value.kind == CEL_SECRET;
}

static bool negate(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                   struct cel_value *ret)
{
    if (args[0].kind == CEL_DOUBLE) {
        *ret = cel_double(-args[0].v.d);
        return true;
    }
    if (args[0].kind != CEL_INT) return cel_no_overload(run, node, args);
    if (args[0].v.i == INT64_MIN) return overflow(run, node, args);
    *ret = cel_int(-args[0].v.i);
    return true;
}

bool cel_arithmetic(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                    struct cel_value *ret)
{
    struct cel_value a = args[0];
    if (node->fn == CEL_FN_NEG) return negate(run, node, args, ret);
    struct cel_value b = args[1];
    if (is_time(a) && is_time(b)) return time_op(run, node, args, ret);
    if (a.kind == b.kind) {
        if (a.kind == CEL_INT) return int_op(run, node, args, ret);
        if (a.kind == CEL_UINT) return uint_op(run, node, args, ret);
        if (a.kind == CEL_DOUBLE) return double_op(run, node, args, ret);
        if (node->fn == CEL_FN_ADD && (a.kind == CEL_STRING || a.kind == CEL_BYTES))
            return join_texts(run, node, a, b, ret);
        if (node->fn == CEL_FN_ADD && a.kind == CEL_LIST) return join_lists(run, node, a, b, ret);
    }
    if (node->fn == CEL_FN_ADD && is_text_or_secret(a) && is_text_or_secret(b))
        return join_secrets(run, node, args, ret);
    return cel_no_overload(run, node, args);
}

/* ---- order and equality ---- */

/* -1, 0, 1 or CEL_UNORDERED; false where the kinds have no order. */
static bool order(struct cel_run *run, const struct cel_node *node, const struct cel_value *args, int *ret)
{
    struct cel_value a = args[0], b = args[1];
    if (cel_is_number(a) && cel_is_number(b)) {
        *ret = cel_number_order(a, b);
        return true;
    }
    if (a.kind != b.kind) return cel_no_overload(run, node, args);
    if (a.kind == CEL_STRING || a.kind == CEL_BYTES) {
        int cmp = rc_sv_cmp(cel_text(a), cel_text(b));
        *ret = (cmp > 0) - (cmp < 0);
        return cel_spend(run, node, CEL_TEXT_STEPS(a.n < b.n ? a.n : b.n));
    }
    if (a.kind == CEL_BOOL)
        *ret = a.v.b - b.v.b;
    else if (is_time(a))
        *ret = cel_time_order(a, b);
    else
        return cel_no_overload(run, node, args);
    return true;
}

static bool equal(struct cel_run *run, const struct cel_node *node, struct cel_value a, struct cel_value b,
                  bool *ret)
{
    *ret = cel_equal_within(a, b, &run->steps);
    return run->steps > 0 || cel_raise(run, node, CEL_FAULT_COST, a, b);
}

static bool is_in(struct cel_run *run, const struct cel_node *node, const struct cel_value *args, bool *ret)
{
    struct cel_value in = args[1];
    *ret = false;
    if (in.kind == CEL_MAP) {
        const struct cel_value *found = cel_map_find(&in, args[0]);
        if (found && found->kind == CEL_UNKNOWN) return cel_raise(run, node, CEL_FAULT_KEY, in, args[0]);
        *ret = found != NULL;
        return true;
    }
    if (in.kind != CEL_LIST) return cel_no_overload(run, node, args);
    for (uint32_t i = 0; i < in.n && !*ret; i++)
        if (!equal(run, node, args[0], in.v.items[i], ret)) return false;
    return true;
}

/* A secret's text is not here, and a value that is not decided yet is nowhere: comparing would answer something
 * else than what was asked. */
static bool may_compare(struct cel_value value)
{
    return value.kind != CEL_SECRET && value.kind != CEL_UNKNOWN;
}

bool cel_relate(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                struct cel_value *ret)
{
    int cmp = 0;
    bool yes = false;
    if (!may_compare(args[0]) || !may_compare(args[1])) return cel_no_overload(run, node, args);
    if (node->fn == CEL_FN_IN) {
        if (!is_in(run, node, args, &yes)) return false;
    } else if (node->fn == CEL_FN_EQ || node->fn == CEL_FN_NE) {
        if (!equal(run, node, args[0], args[1], &yes)) return false;
        yes = yes == (node->fn == CEL_FN_EQ);
    } else {
        if (!order(run, node, args, &cmp)) return false;
        bool less = node->fn == CEL_FN_LT || node->fn == CEL_FN_LE;
        bool or_same = node->fn == CEL_FN_LE || node->fn == CEL_FN_GE;
        yes = cmp == (less ? -1 : 1) || (cmp == 0 && or_same);
    }
    *ret = cel_bool(yes);
    return true;
}

/* ---- index ---- */

static bool as_index(struct cel_value value, uint64_t *ret)
{
    if (value.kind == CEL_DOUBLE) {
        if (!(value.v.d >= 0 && value.v.d < 0x1p32) || value.v.d != floor(value.v.d)) return false;
        *ret = (uint64_t)value.v.d;
        return true;
    }
    if (value.kind != CEL_UINT && (value.kind != CEL_INT || value.v.i < 0)) return false;
    *ret = value.v.u;
    return true;
}

bool cel_index(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
               struct cel_value *ret)
{
    uint64_t index;
    if (args[0].kind == CEL_LIST) {
        if (!cel_is_number(args[1])) return cel_no_overload(run, node, args);
        if (!as_index(args[1], &index) || index >= args[0].n)
            return cel_raise(run, node, CEL_FAULT_INDEX, args[0], args[1]);
        *ret = args[0].v.items[index];
        return true;
    }
    if (args[0].kind != CEL_MAP) return cel_no_overload(run, node, args);
    if (args[1].kind == CEL_STRING && !cel_spend(run, node, CEL_TEXT_STEPS(args[1].n))) return false;
    const struct cel_value *found = cel_map_find(&args[0], args[1]);
    if (!found) return cel_raise(run, node, CEL_FAULT_KEY, args[0], args[1]);
    *ret = *found;
    return true;
}
