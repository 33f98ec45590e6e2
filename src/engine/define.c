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

void rc_request_define(struct rc_engine *engine, struct rc_request *request)
{
    const struct flow_set *set = NULL;
    struct rc_definition *rows = RC_NEW_ARRAY(request->arena, struct rc_definition, request->u.define.nadded);
    request->status = rows ? store(engine, request, rows) : rc_fail_arena(&request->error, request->arena);
    if (request->status != RC_OK) return;
    /* the store has them; where memory cannot follow now, the next start does */
    request->status =
        rc_set_change(rc_engine_set(engine), request->u.define.added, request->u.define.nadded,
                      request->u.define.removed, request->u.define.nremoved, request->arena, &set);
    if (request->status == RC_OK) request->status = keep(engine, request->arena, &request->error);
    if (request->status != RC_OK) return;
    request->arena = NULL;
    atomic_store_explicit(&engine->set, set, memory_order_release);
}
