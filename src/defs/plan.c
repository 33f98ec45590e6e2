/* What applying a set of definitions would change: a merge of two sorted lists. */
#include "defs/defs.h"
#include "defs/diff.h"

#include <stdlib.h>

struct name {
    enum defs_kind kind;
    struct rc_sv name;
    uint32_t index; /* in its array */
};

static int compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return rc_sv_cmp(x->name, y->name);
}

static enum rc_status sort(struct name *name, uint32_t n, struct rc_error *err)
{
    if (n) qsort(name, n, sizeof *name, compare);
    for (uint32_t i = 1; i < n; i++)
        if (compare(&name[i - 1], &name[i]) == 0)
            return rc_fail(err, RC_INVALID, "the %s '%.*s' is there twice", defs_kind_word(name[i].kind),
                           RC_SV_ARG(name[i].name));
    return RC_OK;
}

static enum rc_status compare_texts(struct defs_change *change, struct rc_arena *arena)
{
    if (rc_h128_eq(change->old->digest, change->new->digest)) {
        change->what = DEFS_KEEP;
        return RC_OK;
    }
    change->what = DEFS_CHANGE;
    return defs_diff(change->old->text, change->new->text, arena, &change->diff);
}

enum rc_status defs_plan(const struct defs_stored *old, uint32_t nold, const struct defs_one *new,
                         uint32_t nnew, struct rc_arena *arena, struct defs_change **ret, uint32_t *ret_n,
                         struct rc_error *err)
{
    struct name *before = RC_NEW_ARRAY(arena, struct name, nold);
    struct name *after = RC_NEW_ARRAY(arena, struct name, nnew);
    struct defs_change *changes = RC_NEW_ARRAY(arena, struct defs_change, (size_t)nold + nnew);
    if (!before || !after || !changes) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < nold; i++) before[i] = (struct name){old[i].kind, old[i].name, i};
    for (uint32_t i = 0; i < nnew; i++) after[i] = (struct name){new[i].kind, new[i].name, i};
    enum rc_status status = sort(before, nold, err);
    if (status == RC_OK) status = sort(after, nnew, err);
    uint32_t i = 0, k = 0, n = 0;
    for (; status == RC_OK && (i < nold || k < nnew); n++) {
        int c = i == nold ? 1 : k == nnew ? -1 : compare(&before[i], &after[k]);
        const struct name *name = c <= 0 ? &before[i] : &after[k];
        struct defs_change *change = &changes[n];
        *change = (struct defs_change){.kind = name->kind, .name = name->name};
        if (c <= 0) change->old = &old[before[i++].index];
        if (c >= 0) change->new = &new[after[k++].index];
        change->what = c < 0 ? DEFS_REMOVE : DEFS_ADD;
        if (c == 0 && compare_texts(change, arena) != RC_OK) status = rc_fail_arena(err, arena);
    }
    if (status != RC_OK) return status;
    *ret = changes;
    *ret_n = n;
    return RC_OK;
}
