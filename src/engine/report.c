/* What workers report: each result is a unit like an executor's answer; a heartbeat only moves a deadline. */
#include "engine/state.h"

static enum rc_status no_such_lease(struct rc_error *err)
{
    return rc_fail(err, RC_NOT_FOUND, "there is no such lease");
}

static bool same_secret(struct rc_h128 a, struct rc_h128 b)
{
    return ((a.hi ^ b.hi) | (a.lo ^ b.lo)) == 0;
}

/* The command, where the name of the lease is one that was given out, to somebody whom it concerns. */
static enum rc_status find(struct rc_engine *engine, const struct rc_request *request,
                           struct rc_report_item *item, struct rc_hot **ret)
{
    const struct rc_lease_name *lease = &item->lease;
    struct rc_hot *hot;
    enum rc_status status = rc_engine_command(engine, lease->command.seq, &hot, item->error);
    if (status == RC_NOT_FOUND || status == RC_PURGED) return no_such_lease(item->error);
    if (status != RC_OK) return status;
    const struct rc_command *c = &hot->command;
    if ((uint32_t)c->id.nonce != lease->command.check || lease->node >= c->nnodes ||
        lease->attempt > c->node[lease->node].attempt ||
        rc_lease_secret(engine, c, lease->node, lease->attempt).hi != lease->secret.hi)
        return no_such_lease(item->error);
    const struct rc_object object = {.what = "lease", .ns = c->id.ns};
    /* who may serve every namespace, and named none, has been let in already */
    if (request->u.report.ns.n) {
        status = rc_access(request->who, RC_PERMIT_WORK, &object, item->error);
        if (status != RC_OK) return status;
    }
    item->seq = c->id.seq;
    item->nonce = c->id.nonce;
    *ret = hot;
    return RC_OK;
}

static enum rc_status lost(struct rc_report_item *item)
{
    return rc_fail(item->error, RC_LEASE_LOST,
                   "the lease is over: it ran out, it was reported already, or a person decided");
}

/* Anything but RC_OK: trouble that passes. */
static enum rc_status put_on_record(struct rc_engine *engine, const struct rc_report_item *item,
                                    const struct rc_hot *hot, uint64_t key)
{
    struct rc_map *late = &engine->leases.late;
    uint64_t *noted = rc_list_add(&engine->turn.late, engine->turn.arena, sizeof *noted);
    if (!noted) return rc_fail_arena(item->error, engine->turn.arena);
    *noted = key;
    if (rc_map_put(late, key, engine) != RC_OK) return rc_fail(item->error, RC_NOMEM, "out of memory");
    struct rc_ask ask = rc_engine_ask(engine, RC_MSG_LATE,
                                      (struct rc_addr){.agg = RC_AGG_COMMAND, .id = hot->command.id.seq});
    ask.node = item->lease.node;
    ask.attempt = item->lease.attempt;
    ask.purpose = (uint8_t)rc_node_purpose(&hot->command, item->lease.node);
    ask.u.result = item->result;
    enum rc_status status = rc_unit_run(engine, &ask, item->error);
    if (status != RC_OK) rc_map_remove(late, key);
    return rc_turn_passes(engine, status) ? status : RC_OK;
}

/* It is refused, and on record: once, and not at the cost of the room that the command needs to come to rest. */
static enum rc_status refuse_late(struct rc_engine *engine, struct rc_report_item *item, struct rc_hot *hot,
                                  uint64_t key)
{
    enum { ROOM = RC_MAX_HISTORY / 2, REMEMBERED = 65536 };
    struct rc_map *late = &engine->leases.late;
    if (late->n >= REMEMBERED) rc_map_free(late);
    bool known = rc_map_get(late, key) || hot->command.rev > ROOM || rc_engine_held(engine);
    enum rc_status status = known ? RC_OK : put_on_record(engine, item, hot, key);
    if (status != RC_OK) return status; /* it may come again */
    atomic_fetch_add(&engine->stats.late, 1);
    return lost(item);
}

static enum rc_status take(struct rc_engine *engine, const struct rc_request *request,
                           struct rc_report_item *item)
{
    struct rc_turn *turn = &engine->turn;
    struct rc_hot *hot = NULL;
    uint64_t key = rc_attempt_key(item->lease.command.seq, item->lease.node, item->lease.attempt);
    enum rc_status status = find(engine, request, item, &hot);
    if (status != RC_OK) return status;
    const struct rc_node *node = &hot->command.node[item->lease.node];
    bool out = node->phase == RC_PHASE_OPEN && node->attempt == item->lease.attempt;
    bool ours = same_secret(rc_lease_secret(engine, &hot->command, item->lease.node, item->lease.attempt),
                            item->lease.secret);
    if (!out || !ours || !rc_lease_find(engine, key)) return refuse_late(engine, item, hot, key);
    uint64_t *ended = rc_list_add(&turn->ended, turn->arena, sizeof *ended);
    if (!ended) return rc_fail_arena(item->error, turn->arena);
    *ended = 0;
    struct rc_ask ask = rc_engine_ask(engine, RC_MSG_RESULT,
                                      (struct rc_addr){.agg = RC_AGG_COMMAND, .id = item->lease.command.seq});
    struct rc_result *result = rc_copy(turn->arena, item->result, sizeof *result);
    if (!result) return rc_fail_arena(item->error, turn->arena);
    result->took = engine->now - rc_lease_find(engine, key)->since;
    ask.node = item->lease.node;
    ask.attempt = item->lease.attempt;
    ask.purpose = (uint8_t)rc_node_purpose(&hot->command, item->lease.node);
    ask.u.result = result;
    status = rc_run_for_step(engine, &ask, ask.to.id, item->error);
    if (status != RC_OK) {
        turn->ended.n--;
        return status;
    }
    *ended = key;
    atomic_fetch_add(&engine->stats.results, 1);
    return RC_OK;
}

void rc_request_report(struct rc_engine *engine, struct rc_request *request)
{
    for (uint32_t i = 0; i < request->u.report.n; i++) {
        struct rc_report_item *item = &request->u.report.items[i];
        if (!item->refused) item->status = take(engine, request, item);
        engine->turn.nunits += i > 0;
    }
}

/* The turn was dropped, and with it what it had put on record. */
void rc_reports_drop(struct rc_engine *engine)
{
    const uint64_t *late = engine->turn.late.items;
    for (uint32_t i = 0; i < engine->turn.late.n; i++) rc_map_remove(&engine->leases.late, late[i]);
    engine->turn.late.n = 0;
}

/* After the commit. */
void rc_reports_done(struct rc_engine *engine)
{
    const uint64_t *ended = engine->turn.ended.items;
    for (uint32_t i = 0; i < engine->turn.ended.n; i++) {
        rc_map_remove(&engine->started, ended[i]);
        rc_lease_end(engine, ended[i]);
    }
}

/* ---- heartbeats ----------------------------------------------------------------------------------------------------- */

static enum rc_status beat(struct rc_engine *engine, const struct rc_request *request,
                           struct rc_report_item *item)
{
    uint64_t key = rc_attempt_key(item->lease.command.seq, item->lease.node, item->lease.attempt);
    struct rc_lease *lease = rc_lease_find(engine, key);
    if (!lease || lease->seq != item->lease.command.seq || lease->node != item->lease.node ||
        lease->attempt != item->lease.attempt || !same_secret(lease->secret, item->lease.secret))
        return lost(item);
    const struct rc_object object = {.what = "lease", .ns = rc_name_sv(&lease->ns)};
    if (request->u.report.ns.n) {
        enum rc_status status = rc_access(request->who, RC_PERMIT_WORK, &object, item->error);
        if (status != RC_OK) return status;
    }
    rc_lease_extend(engine, lease, item->span);
    if (item->progress.n) {
        lease->progress_n =
            item->progress.n < sizeof lease->progress ? item->progress.n : (uint32_t)sizeof lease->progress;
        memcpy(lease->progress, item->progress.p, lease->progress_n);
    }
    item->deadline = lease->deadline;
    item->seq = lease->seq;
    item->nonce = lease->nonce;
    return RC_OK;
}

void rc_request_heartbeat(struct rc_engine *engine, struct rc_request *request)
{
    for (uint32_t i = 0; i < request->u.report.n; i++) {
        struct rc_report_item *item = &request->u.report.items[i];
        if (!item->refused) item->status = beat(engine, request, item);
    }
}
