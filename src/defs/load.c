/* Whole sets of definitions, checked against each other. */
#include "defs/parts.h"

#include "base/near.h"

#include <stdlib.h>

static int by_kind_and_name(const void *a, const void *b)
{
    const struct defs_one *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    int c = rc_sv_cmp(x->name, y->name);
    if (!c) c = rc_sv_cmp(x->source, y->source);
    return c ? c : (x->at.line > y->at.line) - (x->at.line < y->at.line);
}

static int by_name(const void *a, const void *b)
{
    return rc_sv_cmp(((const struct defs_one *)a)->name, ((const struct defs_one *)b)->name);
}

static void complain(struct defs_errors *errors, const struct defs_one *one, struct defs_position at,
                     const char *format, ...) RC_PRINTF(4, 5);
static void complain(struct defs_errors *errors, const struct defs_one *one, struct defs_position at,
                     const char *format, ...)
{
    struct defs_source source = {.name = one->source}; /* has no text: the position is set below */
    uint32_t before = errors->n;
    va_list args;
    va_start(args, format);
    defs_add_error(errors, &source, 0, RC_INVALID, "", format, args);
    va_end(args);
    if (errors->n > before) rc_error_at(&errors->error[before], at.line, at.column);
}

static void check_names(const struct defs_one *one, uint32_t n, struct defs_errors *errors)
{
    for (uint32_t i = 1; i < n; i++) {
        const struct defs_one *first = &one[i - 1];
        if (first->kind != one[i].kind || !rc_sv_eq(first->name, one[i].name)) continue;
        complain(errors, &one[i], one[i].at, "the %s '%.*s' is defined twice; also in %.*s, line %u",
                 defs_kind_word(first->kind), RC_SV_ARG(first->name), RC_SV_ARG(first->source),
                 first->at.line);
    }
}

/* Dependencies that may be called: of the files, sorted, and those that are there beside them. */
struct callable {
    const struct defs_one *one;
    uint32_t n;
    const struct rc_sv *known;
    uint32_t nknown;
};

static bool is_known(const struct callable *callable, struct rc_sv name)
{
    for (uint32_t i = 0; i < callable->nknown; i++)
        if (rc_sv_eq(callable->known[i], name)) return true;
    return false;
}

static void check_calls(const struct defs_one *one, const struct callable *callable,
                        struct defs_errors *errors)
{
    for (uint32_t i = 0; i < one->flow->ndependencies; i++) {
        struct rc_near near = {.wanted = one->flow->dependencies[i]};
        struct defs_one wanted = {.kind = DEFS_DEPENDENCY, .name = near.wanted};
        if (callable->n && bsearch(&wanted, callable->one, callable->n, sizeof wanted, by_name)) continue;
        if (is_known(callable, near.wanted)) continue;
        if (errors->n < RC_MAX_DEF_ERRORS) {
            for (uint32_t k = 0; k < callable->n; k++) rc_near_try(&near, callable->one[k].name);
            for (uint32_t k = 0; k < callable->nknown; k++) rc_near_try(&near, callable->known[k]);
        }
        complain(errors, one, one->called[i], "the dependency '%.*s' is not defined%s",
                 RC_SV_ARG(near.wanted), defs_hint(near.best).text);
    }
}

static bool read_all(const struct defs_file *files, uint32_t nfiles, struct rc_arena *arena,
                     struct defs_one **ret, uint32_t *ret_n, struct defs_errors *errors)
{
    struct defs_one **part = RC_NEW_ARRAY(arena, struct defs_one *, nfiles);
    uint32_t *count = RC_NEW_ARRAY(arena, uint32_t, nfiles), n = 0;
    const struct defs_source nowhere = {0};
    if (!part || !count) return defs_complain_arena(errors, &nowhere, arena);
    bool ok = true;
    for (uint32_t i = 0; i < nfiles; i++) {
        ok &= defs_parse_more(files[i], arena, &part[i], &count[i], errors);
        n += count[i];
    }
    if (!ok) return false;
    struct defs_one *all = RC_NEW_ARRAY(arena, struct defs_one, n);
    if (!all) return defs_complain_arena(errors, &nowhere, arena);
    *ret = all;
    *ret_n = n;
    for (uint32_t i = 0; i < nfiles; i++) {
        if (count[i]) memcpy(all, part[i], count[i] * sizeof *all);
        all += count[i];
    }
    return true;
}

enum rc_status defs_load(const struct defs_file *files, uint32_t nfiles, struct rc_arena *arena,
                         struct defs_one **ret, uint32_t *ret_n, struct defs_errors *ret_errors)
{
    return defs_load_beside(files, nfiles, NULL, 0, arena, ret, ret_n, ret_errors);
}

enum rc_status defs_load_beside(const struct defs_file *files, uint32_t nfiles, const struct rc_sv *known,
                                uint32_t nknown, struct rc_arena *arena, struct defs_one **ret,
                                uint32_t *ret_n, struct defs_errors *ret_errors)
{
    ret_errors->n = ret_errors->total = 0;
    struct defs_one *all = NULL;
    uint32_t n = 0;
    if (!read_all(files, nfiles, arena, &all, &n, ret_errors)) return ret_errors->error[0].status;
    if (n) qsort(all, n, sizeof *all, by_kind_and_name);
    check_names(all, n, ret_errors);
    uint32_t flows = 0;
    while (flows < n && all[flows].kind == DEFS_FLOW) flows++;
    const struct callable callable = {all + flows, n - flows, known, nknown};
    for (uint32_t i = 0; i < flows; i++) check_calls(&all[i], &callable, ret_errors);
    if (ret_errors->n) return ret_errors->error[0].status;
    *ret = all;
    *ret_n = n;
    return RC_OK;
}
