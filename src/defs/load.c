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

static const struct flow_dependency *find_dependency(const struct callable *callable, struct rc_sv name)
{
    struct defs_one wanted = {.kind = DEFS_DEPENDENCY, .name = name};
    const struct defs_one *found =
        callable->n ? bsearch(&wanted, callable->one, callable->n, sizeof wanted, by_name) : NULL;
    return found ? found->dependency : NULL;
}

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
        if (find_dependency(callable, near.wanted)) continue;
        if (is_known(callable, near.wanted)) continue;
        if (errors->n < RC_MAX_DEF_ERRORS) {
            for (uint32_t k = 0; k < callable->n; k++) rc_near_try(&near, callable->one[k].name);
            for (uint32_t k = 0; k < callable->nknown; k++) rc_near_try(&near, callable->known[k]);
        }
        complain(errors, one, one->called[i], "the dependency '%.*s' is not defined%s",
                 RC_SV_ARG(near.wanted), defs_hint(near.best).text);
    }
}

static void check_program(const struct defs_one *one, const struct defs_ask *ask,
                          const struct flow_dependency *dependency, struct defs_errors *errors)
{
    struct rc_near near = {.wanted = ask->program};
    for (uint32_t i = 0; i < dependency->program.npaths; i++) {
        if (rc_sv_eq(dependency->program.paths[i], ask->program)) return;
        rc_near_try(&near, dependency->program.paths[i]);
    }
    complain(errors, one, ask->at, "the dependency '%.*s' does not list the program %.*s%s",
             RC_SV_ARG(dependency->name), RC_SV_ARG(ask->program), defs_hint(near.best).text);
}

/* A dependency is asked in the words of its kind. */
static void check_asks(const struct defs_one *one, const struct callable *callable,
                       struct defs_errors *errors)
{
    static const struct {
        const char *name, *with;
    } kinds[FLOW_DEP_KINDS] = {[FLOW_DEP_HTTP] = {"http", "method"},
                               [FLOW_DEP_PROGRAM] = {"program", "program"},
                               [FLOW_DEP_WORKER] = {"worker", "task"}};
    for (uint32_t i = 0; i < one->asks.n; i++) {
        const struct defs_ask *ask = &one->asks.item[i];
        if (ask->dependency >= one->flow->ndependencies) continue;
        struct rc_sv name = one->flow->dependencies[ask->dependency];
        const struct flow_dependency *dependency = find_dependency(callable, name);
        if (!dependency) continue;
        if (ask->kind != dependency->kind)
            complain(errors, one, ask->at, "the dependency '%.*s' is of kind %s: it is called with '%s'",
                     RC_SV_ARG(name), kinds[dependency->kind].name, kinds[dependency->kind].with);
        else if (ask->kind == FLOW_DEP_PROGRAM)
            check_program(one, ask, dependency, errors);
    }
}

static void check_starts(const struct defs_one *one, const struct flow_set *set, struct rc_arena *scratch,
                         struct defs_errors *errors)
{
    for (flow_node i = 1; i < one->flow->nsteps; i++) {
        if (one->flow->steps[i].kind != FLOW_CHILD) continue;
        const struct flow_child *child = &one->flow->steps[i].child;
        const struct flow *started = flow_set_active(set, child->flow);
        struct rc_error error = {0};
        uint32_t at = 0;
        enum rc_status status = RC_OK;
        if (!started) continue;
        while ((status = flow_check_start(child, started, &at, scratch, &error)) == RC_INVALID)
            complain(errors, one, (struct defs_position){error.line, error.column}, "%s", error.text);
        if (status != RC_OK)
            (void)defs_complain_arena(errors, &(struct defs_source){.name = one->source}, scratch);
    }
}

static void check_all_starts(const struct defs_one *one, uint32_t n, const struct flow_set *set,
                             struct defs_errors *errors)
{
    struct rc_arena *scratch = rc_arena_new(0, RC_MAX_DEF_MEMORY);
    if (!scratch) defs_add_error_at(errors, &(struct defs_source){0}, 0, RC_NOMEM, "out of memory");
    for (uint32_t i = 0; scratch && i < n; i++) {
        check_starts(&one[i], set, scratch, errors);
        rc_arena_reset(scratch);
    }
    rc_arena_free(scratch);
}

/* Flows that start each other; what is not in these files may be on the server. */
static void check_children(const struct defs_one *one, uint32_t n, struct rc_arena *arena,
                           struct defs_errors *errors)
{
    const struct flow **active = rc_alloc_zero(arena, n, sizeof *active), *flow = NULL;
    struct rc_error error = {0};
    const struct defs_source nowhere = {0};
    if (!active) {
        (void)defs_complain_arena(errors, &nowhere, arena);
        return;
    }
    for (uint32_t i = 0; i < n; i++) active[i] = one[i].flow;
    const struct flow_set set = {.active = active, .nactive = n};
    check_all_starts(one, n, &set, errors);
    if (flow_check_children(&set, false, &flow, &error) == RC_OK) return;
    for (uint32_t i = 0; i < n; i++)
        if (one[i].flow == flow) complain(errors, &one[i], one[i].at, "%s", error.text);
}

static bool is_allowed(const struct defs_beside *beside, struct rc_sv path)
{
    for (uint32_t i = 0; i < beside->nprograms; i++)
        if (rc_sv_is(path, beside->programs[i])) return true;
    return false;
}

static void check_floor(const struct defs_one *one, const struct defs_beside *beside,
                        struct defs_errors *errors)
{
    for (uint32_t i = 0; beside->has_floor && i < one->dependency->program.npaths; i++) {
        struct rc_sv path = one->dependency->program.paths[i];
        if (!is_allowed(beside, path))
            complain(errors, one, one->at, "this server does not allow the program %.*s (--allow-program)",
                     RC_SV_ARG(path));
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
    return defs_load_beside(files, nfiles, &(struct defs_beside){0}, arena, ret, ret_n, ret_errors);
}

enum rc_status defs_load_beside(const struct defs_file *files, uint32_t nfiles,
                                const struct defs_beside *beside, struct rc_arena *arena,
                                struct defs_one **ret, uint32_t *ret_n, struct defs_errors *ret_errors)
{
    ret_errors->n = ret_errors->total = 0;
    struct defs_one *all = NULL;
    uint32_t n = 0;
    if (!read_all(files, nfiles, arena, &all, &n, ret_errors)) return ret_errors->error[0].status;
    if (n) qsort(all, n, sizeof *all, by_kind_and_name);
    check_names(all, n, ret_errors);
    uint32_t flows = 0;
    while (flows < n && all[flows].kind == DEFS_FLOW) flows++;
    const struct callable callable = {all + flows, n - flows, beside->known, beside->nknown};
    for (uint32_t i = 0; i < flows; i++) {
        check_calls(&all[i], &callable, ret_errors);
        check_asks(&all[i], &callable, ret_errors);
    }
    check_children(all, flows, arena, ret_errors);
    for (uint32_t i = flows; i < n; i++) check_floor(&all[i], beside, ret_errors);
    if (ret_errors->n) return ret_errors->error[0].status;
    *ret = all;
    *ret_n = n;
    return RC_OK;
}
