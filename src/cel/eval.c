/* The evaluator: a walk over the tree. Its recursion is bounded by the depth of the tree, its time by steps
 * (one a node, and more for long texts and lists), its memory by RC_MAX_EVAL_BYTES. */
#include "cel/run.h"

#include "base/limits.h"

static bool eval(struct cel_run *, const struct cel_node *, struct cel_value *ret);

bool cel_raise(struct cel_run *run, const struct cel_node *node, enum cel_fault_kind kind, struct cel_value a,
               struct cel_value b)
{
    run->fault = (struct cel_fault){kind, node, a, b};
    return false;
}

bool cel_no_overload(struct cel_run *run, const struct cel_node *node, const struct cel_value *args)
{
    return cel_raise(run, node, CEL_FAULT_OVERLOAD, args[0], node->n > 1 ? args[1] : cel_null());
}

bool cel_spend(struct cel_run *run, const struct cel_node *node, uint64_t steps)
{
    if (run->steps < steps) return cel_raise(run, node, CEL_FAULT_COST, cel_null(), cel_null());
    run->steps -= steps;
    return true;
}

bool cel_within_memory(struct cel_run *run, const struct cel_node *node)
{
    if (rc_arena_used(run->arena) - run->used_before <= RC_MAX_EVAL_BYTES) return true;
    return cel_raise(run, node, CEL_FAULT_MEMORY, cel_null(), cel_null());
}

static bool may_take(struct cel_run *run, const struct cel_node *node, size_t n)
{
    if (n <= RC_MAX_EVAL_BYTES - (rc_arena_used(run->arena) - run->used_before)) return true;
    return cel_raise(run, node, CEL_FAULT_MEMORY, cel_null(), cel_null());
}

void *cel_take(struct cel_run *run, const struct cel_node *node, size_t n)
{
    if (!may_take(run, node, n)) return NULL;
    void *p = rc_alloc(run->arena, n);
    if (!p) cel_raise(run, node, CEL_FAULT_ARENA, cel_null(), cel_null());
    return p;
}

char *cel_take_text(struct cel_run *run, const struct cel_node *node, size_t n)
{
    if (!may_take(run, node, n)) return NULL;
    char *p = rc_alloc_text(run->arena, n);
    if (!p) cel_raise(run, node, CEL_FAULT_ARENA, cel_null(), cel_null());
    return p;
}

/* ---- names, fields, literals ---- */

static bool eval_root(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    if (node->slot >= run->nroots || run->roots[node->slot].kind == CEL_UNKNOWN)
        return cel_raise(run, node, CEL_FAULT_NO_VALUE, node->value, cel_null());
    *ret = run->roots[node->slot];
    return true;
}

static bool eval_field(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value from;
    if (!eval(run, node->first, &from)) return false;
    if (from.kind != CEL_MAP) return cel_raise(run, node, CEL_FAULT_FIELD, from, node->value);
    const struct cel_value *found = cel_map_find(&from, node->value);
    bool open = node->op == CEL_OP_HAS && found && found->kind == CEL_UNKNOWN;
    if (open) return cel_raise(run, node, CEL_FAULT_KEY, from, node->value);
    if (node->op == CEL_OP_HAS)
        *ret = cel_bool(found != NULL);
    else if (found)
        *ret = *found;
    else
        return cel_raise(run, node, CEL_FAULT_KEY, from, node->value);
    return true;
}

static bool eval_list(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value *items = cel_take(run, node, node->n * sizeof *items), *item = items;
    if (!items) return false;
    for (const struct cel_node *kid = node->first; kid; kid = kid->next)
        if (!eval(run, kid, item++)) return false;
    *ret = (struct cel_value){.kind = CEL_LIST, .n = node->n, .v.items = items};
    return true;
}

static bool eval_map(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value *items = cel_take(run, node, node->n * sizeof *items), *item = items;
    uint32_t bad;
    if (!items) return false;
    for (const struct cel_node *kid = node->first; kid; kid = kid->next)
        if (!eval(run, kid, item++)) return false;
    if (!cel_map_sort(items, node->n / 2, &bad)) {
        struct cel_value key = items[(size_t)2 * bad];
        bool fit =
            key.kind == CEL_BOOL || key.kind == CEL_INT || key.kind == CEL_UINT || key.kind == CEL_STRING;
        return cel_raise(run, node, fit ? CEL_FAULT_REPEATED : CEL_FAULT_KEY_KIND, key, cel_null());
    }
    *ret = (struct cel_value){.kind = CEL_MAP, .n = node->n / 2, .v.items = items};
    return true;
}

/* ---- logic ---- */

static bool eval_bool(struct cel_run *run, const struct cel_node *node, bool *ret)
{
    struct cel_value value;
    if (!eval(run, node, &value)) return false;
    if (value.kind != CEL_BOOL) return cel_raise(run, node, CEL_FAULT_NOT_BOOL, value, cel_null());
    *ret = value.v.b;
    return true;
}

/* Faults of the limits are nobody's to absorb. */
static bool is_final(const struct cel_run *run)
{
    return run->fault.kind >= CEL_FAULT_COST;
}

/* The answers to && || all() exists(): one decisive value decides, whatever else failed; without one, the
 * first fault stands. */
struct tally {
    bool decisive;
    bool failed;
    struct cel_fault first;
};

enum verdict { GO_ON, DECIDED, ENDED };

static enum verdict add_to_tally(struct tally *tally, struct cel_run *run, bool fine, bool answer)
{
    if (fine) return answer == tally->decisive ? DECIDED : GO_ON;
    if (is_final(run)) return ENDED;
    if (!tally->failed) tally->first = run->fault;
    tally->failed = true;
    return GO_ON;
}

static bool end_tally(const struct tally *tally, struct cel_run *run, enum verdict verdict,
                      struct cel_value *ret)
{
    if (verdict == ENDED) return false;
    if (verdict == GO_ON && tally->failed) {
        run->fault = tally->first;
        return false;
    }
    *ret = cel_bool(tally->decisive == (verdict == DECIDED));
    return true;
}

static bool eval_logic(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct tally tally = {.decisive = node->op == CEL_OP_OR};
    enum verdict verdict = GO_ON;
    for (const struct cel_node *kid = node->first; kid && verdict == GO_ON; kid = kid->next) {
        bool answer = false, fine = eval_bool(run, kid, &answer);
        verdict = add_to_tally(&tally, run, fine, answer);
    }
    return end_tally(&tally, run, verdict, ret);
}

static bool eval_conditional(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    bool answer = false;
    const struct cel_node *then = node->first->next;
    if (!eval_bool(run, node->first, &answer)) return false;
    return eval(run, answer ? then : then->next, ret);
}

/* ---- comprehensions ---- */

/* Items of a list, or keys of a map. */
static bool eval_range(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    if (!eval(run, node->first, ret)) return false;
    if (ret->kind == CEL_LIST || ret->kind == CEL_MAP) return true;
    return cel_raise(run, node, CEL_FAULT_OVERLOAD, *ret, cel_null());
}

static struct cel_value range_item(struct cel_value range, uint32_t i)
{
    return range.v.items[range.kind == CEL_MAP ? (size_t)2 * i : i];
}

static bool eval_quantifier(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value range;
    struct tally tally = {.decisive = node->op == CEL_OP_EXISTS};
    enum verdict verdict = GO_ON;
    if (!eval_range(run, node, &range)) return false;
    for (uint32_t i = 0; i < range.n && verdict == GO_ON; i++) {
        run->vars[node->slot] = range_item(range, i);
        bool answer = false, fine = eval_bool(run, node->first->next, &answer);
        verdict = add_to_tally(&tally, run, fine, answer);
    }
    return end_tally(&tally, run, verdict, ret);
}

static bool eval_one(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value range;
    uint32_t count = 0;
    if (!eval_range(run, node, &range)) return false;
    for (uint32_t i = 0; i < range.n; i++) {
        bool answer = false;
        run->vars[node->slot] = range_item(range, i);
        if (!eval_bool(run, node->first->next, &answer)) return false;
        count += answer;
    }
    *ret = cel_bool(count == 1);
    return true;
}

/* map() with and without a filter, and filter(). */
static bool eval_each(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value range;
    if (!eval_range(run, node, &range)) return false;
    const struct cel_node *body = node->first->next, *filter = NULL;
    if (node->op == CEL_OP_FILTER || body->next) filter = body;
    body = node->op == CEL_OP_FILTER ? NULL : filter ? body->next : body;
    struct cel_value *items = cel_take(run, node, range.n * sizeof *items);
    uint32_t n = 0;
    if (!items) return false;
    for (uint32_t i = 0; i < range.n; i++) {
        bool keep = true;
        struct cel_value item = range_item(range, i);
        run->vars[node->slot] = item;
        if (filter && !eval_bool(run, filter, &keep)) return false;
        if (!keep) continue;
        if (body && !eval(run, body, &item)) return false;
        items[n++] = item;
    }
    *ret = (struct cel_value){.kind = CEL_LIST, .n = n, .v.items = items};
    return true;
}

/* ---- the walk ---- */

static bool eval_call(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    struct cel_value args[CEL_ARGS_MAX], spare;
    if (node->fn == CEL_FN_NONE)
        return cel_raise(run, node, CEL_FAULT_UNKNOWN_FUNCTION, cel_null(), cel_null());
    uint32_t n = 0;
    for (const struct cel_node *kid = node->first; kid; kid = kid->next, n++)
        if (!eval(run, kid, n < CEL_ARGS_MAX ? &args[n] : &spare)) return false;
    return cel_apply(run, node, args, ret);
}

static bool eval(struct cel_run *run, const struct cel_node *node, struct cel_value *ret)
{
    if (run->steps == 0) return cel_raise(run, node, CEL_FAULT_COST, cel_null(), cel_null());
    run->steps--;
    switch ((enum cel_op)node->op) {
    case CEL_OP_CONST: *ret = node->value; return true;
    case CEL_OP_ROOT: return eval_root(run, node, ret);
    case CEL_OP_VARIABLE: *ret = run->vars[node->slot]; return true;
    case CEL_OP_SELECT:
    case CEL_OP_HAS: return eval_field(run, node, ret);
    case CEL_OP_LIST: return eval_list(run, node, ret);
    case CEL_OP_MAP: return eval_map(run, node, ret);
    case CEL_OP_CALL: return eval_call(run, node, ret);
    case CEL_OP_AND:
    case CEL_OP_OR: return eval_logic(run, node, ret);
    case CEL_OP_COND: return eval_conditional(run, node, ret);
    case CEL_OP_ALL:
    case CEL_OP_EXISTS: return eval_quantifier(run, node, ret);
    case CEL_OP_ONE: return eval_one(run, node, ret);
    case CEL_OP_EACH:
    case CEL_OP_FILTER: return eval_each(run, node, ret);
    case CEL_OP_NAME:
    case CEL_OP_METHOD: break;
    }
    return cel_raise(run, node, CEL_FAULT_UNKNOWN_NAME, node->value, cel_null());
}

/* Whether a reader of JSON would take the value: at most `depth` lists and maps in each other, and not too many values.
 * Parts may be shared, so that few cells in memory can be more values than anybody can walk. */
static bool is_readable(struct cel_run *run, struct cel_value value, unsigned depth, uint32_t *io_values)
{
    if (*io_values == 0) return cel_raise(run, run->prog->root, CEL_FAULT_LARGE, cel_null(), cel_null());
    --*io_values;
    if (value.kind != CEL_LIST && value.kind != CEL_MAP) return true;
    if (depth == 0) return cel_raise(run, run->prog->root, CEL_FAULT_DEEP, cel_null(), cel_null());
    bool map = value.kind == CEL_MAP;
    for (size_t i = 0; i < value.n; i++)
        if (!is_readable(run, value.v.items[map ? 2 * i + 1 : i], depth - 1, io_values)) return false;
    return true;
}

enum rc_status cel_eval(const struct cel_prog *prog, const struct cel_env *env, struct rc_arena *arena,
                        struct cel_value *ret_value, struct rc_error *err)
{
    struct cel_value vars[RC_MAX_EXPR_DEPTH], value;
    struct cel_run run = {.prog = prog,
                          .roots = env->roots,
                          .nroots = env->nroots,
                          .arena = arena,
                          .steps = env->cost_limit ? env->cost_limit : RC_MAX_EVAL_COST,
                          .used_before = rc_arena_used(arena),
                          .vars = vars};
    if (!eval(&run, prog->root, &value)) return cel_fail_fault(&run, err);
    /* what comes out may be stored as JSON, and must be readable again */
    uint32_t values = RC_MAX_JSON_CELLS;
    if (!is_readable(&run, value, RC_MAX_JSON_DEPTH, &values)) return cel_fail_fault(&run, err);
    *ret_value = value;
    return RC_OK;
}
