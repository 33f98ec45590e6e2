/* Sets of definitions: sorted arrays of pointers and binary search. */
#include "flow/set.h"

typedef int compare_fn(const void *, const void *);

static int by_id(const void *a, const void *b)
{
    const struct flow *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_name(const void *a, const void *b)
{
    return rc_sv_cmp(((const struct flow *)a)->name, ((const struct flow *)b)->name);
}

static int by_dependency(const void *a, const void *b)
{
    return rc_sv_cmp(((const struct flow_dependency *)a)->name, ((const struct flow_dependency *)b)->name);
}

static void sift_down(const void **item, uint32_t at, uint32_t n, compare_fn *compare)
{
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && compare(item[child + 1], item[child]) > 0) child++;
        if (compare(item[at], item[child]) >= 0) return;
        const void *keep = item[at];
        item[at] = item[child];
        item[child] = keep;
    }
}

/* Heapsort: in place, without the C library's qsort, which may allocate. Returns an item that occurs twice,
 * or NULL. */
static const void *sort(const void **item, uint32_t n, compare_fn *compare)
{
    for (uint32_t i = n / 2; i-- > 0;) sift_down(item, i, n, compare);
    for (uint32_t end = n; end > 1; end--) {
        const void *greatest = item[0];
        item[0] = item[end - 1];
        item[end - 1] = greatest;
        sift_down(item, 0, end - 1, compare);
    }
    for (uint32_t i = 1; i < n; i++)
        if (compare(item[i - 1], item[i]) == 0) return item[i];
    return NULL;
}

static const void *find(const void *const *item, uint32_t n, const void *wanted, compare_fn *compare)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare(item[middle], wanted);
        if (c == 0) return item[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

enum rc_status flow_set_new(const struct flow *const *flows, const bool *active, uint32_t nflows,
                            const struct flow_dependency *const *dependencies, uint32_t ndependencies,
                            struct rc_arena *arena, const struct flow_set **ret, struct rc_error *err)
{
    struct flow_set *set = RC_NEW(arena, struct flow_set);
    const void **all = RC_NEW_ARRAY(arena, const void *, nflows);
    const void **in_force = RC_NEW_ARRAY(arena, const void *, nflows);
    const void **reached = RC_NEW_ARRAY(arena, const void *, ndependencies);
    if (!set || !all || !in_force || !reached) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < nflows; i++) {
        all[i] = flows[i];
        if (active[i]) in_force[set->nactive++] = flows[i];
    }
    for (uint32_t i = 0; i < ndependencies; i++) reached[i] = dependencies[i];
    const struct flow *twice = sort(all, nflows, by_id);
    if (twice) return rc_fail(err, RC_INVALID, "two flows have the id %llu", (unsigned long long)twice->id);
    twice = sort(in_force, set->nactive, by_name);
    if (twice) return rc_fail(err, RC_INVALID, "two flows are named '%.*s'", RC_SV_ARG(twice->name));
    const struct flow_dependency *again = sort(reached, ndependencies, by_dependency);
    if (again) return rc_fail(err, RC_INVALID, "two dependencies are named '%.*s'", RC_SV_ARG(again->name));
    set->flows = (const struct flow *const *)all;
    set->nflows = nflows;
    set->active = (const struct flow *const *)in_force;
    set->dependencies = (const struct flow_dependency *const *)reached;
    set->ndependencies = ndependencies;
    *ret = set;
    return RC_OK;
}

const struct flow *flow_set_version(const struct flow_set *set, uint64_t id)
{
    return find((const void *const *)set->flows, set->nflows, &(struct flow){.id = id}, by_id);
}

const struct flow *flow_set_active(const struct flow_set *set, struct rc_sv name)
{
    return find((const void *const *)set->active, set->nactive, &(struct flow){.name = name}, by_name);
}

const struct flow_dependency *flow_set_dependency(const struct flow_set *set, struct rc_sv name)
{
    return find((const void *const *)set->dependencies, set->ndependencies,
                &(struct flow_dependency){.name = name}, by_dependency);
}

const struct flow_dependency *flow_set_gate(const struct flow_set *set, uint64_t gate_id)
{
    for (uint32_t i = 0; i < set->ndependencies; i++)
        if (set->dependencies[i]->gate == gate_id) return set->dependencies[i];
    return NULL;
}
