/* What is in force against what is to be. */
#include "api/apply.h"

/* The definitions in force, for comparing. */
static enum rc_status read_active(struct rc_reader *reader, struct rc_arena *arena, struct defs_stored **ret,
                                  uint32_t *ret_n, struct rc_error *err)
{
    struct rc_definition *rows = NULL;
    uint32_t n = 0, active = 0;
    enum rc_status status = rc_read_definitions(reader, arena, &rows, &n, err);
    if (status != RC_OK) return status;
    struct defs_stored *stored = RC_NEW_ARRAY(arena, struct defs_stored, n);
    if (!stored) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < n; i++) {
        if (!rows[i].active) continue;
        stored[active++] = (struct defs_stored){.kind = (enum defs_kind)rows[i].kind,
                                                .name = rows[i].name,
                                                .text = rows[i].text,
                                                .digest = rows[i].digest};
    }
    *ret = stored;
    *ret_n = active;
    return RC_OK;
}

static void count(struct rc_apply *apply, bool prune)
{
    for (uint32_t i = 0; i < apply->n; i++) {
        struct defs_change *change = &apply->changes[i];
        if (change->what == DEFS_REMOVE && !prune) change->what = DEFS_KEEP;
        apply->added += change->what == DEFS_ADD;
        apply->changed += change->what == DEFS_CHANGE;
        apply->kept += change->what == DEFS_KEEP;
        apply->removed += change->what == DEFS_REMOVE;
    }
}

static struct rc_new_definition as_new(const struct defs_one *one)
{
    return (struct rc_new_definition){.row = {.kind = (uint8_t)one->kind,
                                              .active = true,
                                              .name = one->name,
                                              .text = one->text,
                                              .source = one->source,
                                              .digest = one->digest},
                                      .flow = one->flow,
                                      .dependency = one->dependency};
}

static enum rc_status fill_request(const struct rc_apply *apply, struct rc_arena *arena,
                                   struct rc_request *ret, struct rc_error *err)
{
    uint32_t nadded = apply->added + apply->changed, a = 0, r = 0;
    struct rc_new_definition *added = RC_NEW_ARRAY(arena, struct rc_new_definition, nadded);
    struct rc_definition *removed = RC_NEW_ARRAY(arena, struct rc_definition, apply->removed);
    if (!added || !removed) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < apply->n; i++) {
        const struct defs_change *change = &apply->changes[i];
        if (change->what == DEFS_ADD || change->what == DEFS_CHANGE) added[a++] = as_new(change->new);
        if (change->what == DEFS_REMOVE)
            removed[r++] = (struct rc_definition){.kind = (uint8_t)change->kind, .name = change->name};
    }
    *ret = (struct rc_request){.kind = RC_REQUEST_DEFINE,
                               .arena = arena,
                               .u.define = {.added = added, .removed = removed, .nadded = a, .nremoved = r}};
    return RC_OK;
}

enum rc_status rc_apply_plan(const struct rc_shelf *shelf, const struct rc_floor *floor,
                             const struct defs_file *files, uint32_t nfiles, bool prune,
                             struct rc_arena *arena, struct rc_apply *ret, struct rc_request *ret_request,
                             struct defs_errors *ret_errors, struct rc_error *err)
{
    struct rc_apply apply = {0};
    struct defs_one *ones = NULL;
    struct defs_stored *stored = NULL;
    uint32_t nones = 0, nstored = 0;
    ret_errors->n = 0;
    struct rc_reader *reader;
    enum rc_status status = shelf->borrow(shelf->context, &reader, err);
    if (status != RC_OK) return status;
    status = read_active(reader, arena, &stored, &nstored, err);
    shelf->give_back(shelf->context, reader);
    if (status != RC_OK) return status;
    uint32_t nknown = 0;
    struct rc_sv *known = RC_NEW_ARRAY(arena, struct rc_sv, nstored);
    if (!known) return rc_fail_arena(err, arena);
    /* with `prune` only what the files have stays in force */
    for (uint32_t i = 0; !prune && i < nstored; i++)
        if (stored[i].kind == DEFS_DEPENDENCY) known[nknown++] = stored[i].name;
    const struct defs_beside beside = {.known = known,
                                       .nknown = nknown,
                                       .has_floor = true,
                                       .programs = floor->programs,
                                       .nprograms = floor->nprograms};
    status = defs_load_beside(files, nfiles, &beside, arena, &ones, &nones, ret_errors);
    if (status != RC_OK) {
        if (err) *err = ret_errors->error[0];
        return status;
    }
    status = defs_plan(stored, nstored, ones, nones, arena, &apply.changes, &apply.n, err);
    if (status != RC_OK) return status;
    count(&apply, prune);
    status = fill_request(&apply, arena, ret_request, err);
    if (status == RC_OK) *ret = apply;
    return status;
}
