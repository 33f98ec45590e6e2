/* Snapshots of the definitions in force, from an old one and what changes. */
#include "base/limits.h"
#include "engine/prepare.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    const struct flow *x = *(const struct flow *const *)a, *y = *(const struct flow *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

static int flow_by_name(const void *a, const void *b)
{
    return rc_sv_cmp((*(const struct flow *const *)a)->name, (*(const struct flow *const *)b)->name);
}

static int dependency_by_name(const void *a, const void *b)
{
    return rc_sv_cmp((*(const struct flow_dependency *const *)a)->name,
                     (*(const struct flow_dependency *const *)b)->name);
}

struct change {
    const struct rc_new_definition *added;
    const struct rc_definition *removed;
    uint32_t nadded, nremoved;
};

/* Whether an active definition of this name leaves force: taken out or replaced. */
static bool goes(const struct change *change, enum rc_def_kind kind, struct rc_sv name)
{
    for (uint32_t i = 0; i < change->nremoved; i++)
        if (change->removed[i].kind == kind && rc_sv_eq(change->removed[i].name, name)) return true;
    for (uint32_t i = 0; i < change->nadded; i++) {
        const struct rc_definition *row = &change->added[i].row;
        if (row->active && row->kind == kind && rc_sv_eq(row->name, name)) return true;
    }
    return false;
}

enum rc_status rc_set_change(const struct flow_set *old, const struct rc_new_definition *added,
                             uint32_t nadded, const struct rc_definition *removed, uint32_t nremoved,
                             struct rc_arena *arena, const struct flow_set **ret)
{
    struct change change = {added, removed, nadded, nremoved};
    struct flow_set *set = RC_NEW(arena, struct flow_set);
    const struct flow **flows = rc_alloc_zero(arena, (size_t)old->nflows + nadded, sizeof *flows);
    const struct flow **active = rc_alloc_zero(arena, (size_t)old->nactive + nadded, sizeof *active);
    const struct flow_dependency **dependencies =
        rc_alloc_zero(arena, (size_t)old->ndependencies + nadded, sizeof *dependencies);
    if (!set || !flows || !active || !dependencies) return rc_arena_status(arena);
    for (uint32_t i = 0; i < old->nflows; i++) flows[set->nflows++] = old->flows[i];
    for (uint32_t i = 0; i < old->nactive; i++)
        if (!goes(&change, RC_DEF_FLOW, old->active[i]->name)) active[set->nactive++] = old->active[i];
    for (uint32_t i = 0; i < old->ndependencies; i++)
        if (!goes(&change, RC_DEF_DEPENDENCY, old->dependencies[i]->name))
            dependencies[set->ndependencies++] = old->dependencies[i];
    for (uint32_t i = 0; i < nadded; i++) {
        if (added[i].flow) {
            added[i].flow->id = added[i].row.id;
            added[i].flow->version = added[i].row.version;
            flows[set->nflows++] = added[i].flow;
            if (added[i].row.active) active[set->nactive++] = added[i].flow;
        } else if (added[i].dependency) {
            added[i].dependency->id = added[i].row.id;
            added[i].dependency->version = added[i].row.version;
            if (added[i].row.active) dependencies[set->ndependencies++] = added[i].dependency;
        }
    }
    qsort(flows, set->nflows, sizeof *flows, by_id);
    qsort(active, set->nactive, sizeof *active, flow_by_name);
    qsort(dependencies, set->ndependencies, sizeof *dependencies, dependency_by_name);
    set->flows = flows;
    set->active = active;
    set->dependencies = dependencies;
    *ret = set;
    return RC_OK;
}

enum rc_status rc_set_make(const struct rc_new_definition *definitions, uint32_t n, struct rc_arena *arena,
                           const struct flow_set **ret)
{
    static const struct flow_set none;
    return rc_set_change(&none, definitions, n, NULL, 0, arena, ret);
}
