/* Finding definitions: binary search in the sorted arrays of a set. */
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

const struct flow *flow_set_version(const struct flow_set *set, uint64_t id)
{
    return find((const void *const *)set->flows, set->nflows, &(struct flow){.id = id}, by_id);
}

const struct flow *flow_set_of(const struct flow_set *set, struct rc_sv name, uint32_t version)
{
    for (uint32_t i = 0; i < set->nflows; i++)
        if (set->flows[i]->version == version && rc_sv_eq(set->flows[i]->name, name)) return set->flows[i];
    return NULL;
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
