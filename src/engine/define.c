/* New versions of definitions: stored, then in force for what is submitted from then on. */
#include "engine/prepare.h"
#include "engine/state.h"

#include <stdlib.h>

static enum rc_status keep(struct rc_engine *engine, struct rc_arena *arena, struct rc_error *err)
{
    struct rc_kept *kept = malloc(sizeof *kept);
    if (!kept) return rc_fail(err, RC_NOMEM, "out of memory");
    *kept = (struct rc_kept){engine->kept, arena};
    engine->kept = kept;
    return RC_OK;
}

static enum rc_status store(struct rc_engine *engine, struct rc_request *request, struct rc_definition *rows)
{
    struct rc_new_definition *added = request->u.define.added;
    uint32_t n = request->u.define.nadded;
    const struct rc_author *by = &request->u.define.by;
    for (uint32_t i = 0; i < n; i++) rows[i] = added[i].row;
    enum rc_status status =
        rc_store_define(engine->ports.store, rows, n, request->u.define.removed, request->u.define.nremoved,
                        by->subject.n ? by : NULL, engine->turn.now, &request->error);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) added[i].row = rows[i];
    return status;
}

/* As many schedules as one engine looks after. */
static enum rc_status check_schedules(struct rc_engine *engine, const struct rc_request *request,
                                      struct rc_error *err)
{
    const struct flow_set *set = rc_engine_set(engine);
    uint64_t n = 0;
    for (uint32_t i = 0; i < set->nactive; i++) {
        bool goes = false;
        for (uint32_t k = 0; k < request->u.define.nadded; k++)
            goes |= request->u.define.added[k].flow &&
                    rc_sv_eq(request->u.define.added[k].flow->name, set->active[i]->name);
        for (uint32_t k = 0; k < request->u.define.nremoved; k++)
            goes |= request->u.define.removed[k].kind == RC_DEF_FLOW &&
                    rc_sv_eq(request->u.define.removed[k].name, set->active[i]->name);
        n += goes ? 0 : set->active[i]->nschedules;
    }
    for (uint32_t k = 0; k < request->u.define.nadded; k++)
        n += request->u.define.added[k].flow ? request->u.define.added[k].flow->nschedules : 0;
    return n <= RC_MAX_SCHEDULES
               ? RC_OK
               : rc_fail(err, RC_LIMIT, "the flows in force have at most %d schedules", RC_MAX_SCHEDULES);
}

static bool comes(const struct rc_request *request, const struct flow *flow)
{
    for (uint32_t i = 0; i < request->u.define.nadded; i++)
        if (request->u.define.added[i].flow == flow) return true;
    return false;
}

/* What stays as it is has been accepted once, perhaps by an earlier version of recourse, and is in nobody's way. */
static enum rc_status check_starts(const struct flow_set *set, const struct rc_request *request,
                                   const struct flow *flow, struct rc_arena *scratch, struct rc_error *err)
{
    bool flow_comes = comes(request, flow);
    struct rc_error fault = {0};
    for (flow_node i = 1; i < flow->nsteps; i++) {
        if (flow->steps[i].kind != FLOW_CHILD) continue;
        const struct flow *started = flow_set_active(set, flow->steps[i].child.flow);
        uint32_t at = 0;
        if (!started || !(flow_comes || comes(request, started))) continue;
        enum rc_status status = flow_check_start(&flow->steps[i].child, started, &at, scratch, &fault);
        if (status == RC_OK) continue;
        return rc_fail(err, status, "the flow '%.*s', line %u, column %u: %s", RC_SV_ARG(flow->name),
                       fault.line, fault.column, fault.text);
    }
    return RC_OK;
}

static enum rc_status check_all_starts(const struct flow_set *set, const struct rc_request *request,
                                       struct rc_error *err)
{
    enum { LIMIT = 64 << 20 };
    struct rc_arena *scratch = rc_arena_new(0, LIMIT);
    enum rc_status status = scratch ? RC_OK : rc_fail(err, RC_NOMEM, "out of memory");
    for (uint32_t i = 0; status == RC_OK && i < set->nactive; i++) {
        status = check_starts(set, request, set->active[i], scratch, err);
        if (status == RC_OK) rc_arena_reset(scratch);
    }
    rc_arena_free(scratch);
    return status;
}

/* What would be in force, before it is stored. */
static enum rc_status check_children(struct rc_engine *engine, const struct rc_request *request,
                                     struct rc_error *err)
{
    const struct flow_set *set = NULL;
    const struct flow *flow;
    enum rc_status status =
        rc_set_change(rc_engine_set(engine), request->u.define.added, request->u.define.nadded,
                      request->u.define.removed, request->u.define.nremoved, request->arena, &set);
    if (status != RC_OK) return rc_fail_arena(err, request->arena);
    status = flow_check_children(set, true, &flow, err);
    return status == RC_OK ? check_all_starts(set, request, err) : status;
}

void rc_request_define(struct rc_engine *engine, struct rc_request *request)
{
    const struct flow_set *set = NULL;
    struct rc_definition *rows = RC_NEW_ARRAY(request->arena, struct rc_definition, request->u.define.nadded);
    request->status = rows ? check_schedules(engine, request, &request->error)
                           : rc_fail_arena(&request->error, request->arena);
    if (request->status == RC_OK) request->status = check_children(engine, request, &request->error);
    if (request->u.define.dry) return;
    if (request->status == RC_OK) request->status = store(engine, request, rows);
    if (request->status == RC_COMMIT_UNKNOWN) engine->stale = true;
    if (request->status != RC_OK) return;
    request->status =
        rc_set_change(rc_engine_set(engine), request->u.define.added, request->u.define.nadded,
                      request->u.define.removed, request->u.define.nremoved, request->arena, &set);
    if (request->status == RC_OK) request->status = keep(engine, request->arena, &request->error);
    if (request->status !=
        RC_OK) { /* the store has them: nothing is said, and memory follows when everything is read anew */
        engine->stale = true;
        request->status =
            rc_fail(&request->error, RC_COMMIT_UNKNOWN, "they are stored, and memory could not follow");
        return;
    }
    request->arena = NULL;
    atomic_store_explicit(&engine->set, set, memory_order_release);
}

enum rc_status rc_definitions_follow(struct rc_engine *engine, struct rc_error *err)
{
    enum { FIRST = 64 << 10, LIMIT = 1 << 30 };
    const struct flow_set *set = NULL;
    if (!engine->stale || !engine->ports.definitions) return RC_OK;
    struct rc_arena *arena = rc_arena_new(FIRST, LIMIT);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status =
        engine->ports.definitions(engine->ports.context, engine->reader, arena, &set, err);
    if (status == RC_OK) status = keep(engine, arena, err);
    if (status != RC_OK) {
        rc_arena_free(arena);
        return status;
    }
    atomic_store_explicit(&engine->set, set, memory_order_release);
    engine->stale = false;
    return RC_OK;
}
