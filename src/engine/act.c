/* An operator's action as a unit. With a key of its own it is done once, however often it is asked for. */
#include "engine/state.h"

/* RC_OK: done before (ret says what); RC_NOT_FOUND: not yet. */
static enum rc_status find_done(struct rc_engine *engine, const struct rc_command *c, struct rc_sv key,
                                struct rc_act *ret, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    struct rc_identity identity;
    struct rc_record *records = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_read_history(engine->reader, c->id.seq, 0, RC_MAX_HISTORY, turn->arena,
                                            &identity, &records, &n, err);
    if (status != RC_OK && status != RC_NOT_FOUND) return status;
    const struct rc_record *now = turn->records.items;
    for (uint32_t i = 0; i < n + turn->records.n; i++) { /* what is stored, then what this turn will store */
        const struct rc_record *record = i < n ? &records[i] : &now[i - n];
        if (record->seq != c->id.seq || record->cause->kind != RC_MSG_ACTION) continue;
        if (!rc_sv_eq(record->cause->u.act->key, key)) continue;
        *ret = *record->cause->u.act;
        return RC_OK;
    }
    return RC_NOT_FOUND;
}

/* Another command has the key now: why the action is not possible, or else that. */
static enum rc_status key_is_anothers(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_hot *own = NULL;
    enum rc_status status = rc_engine_command(engine, request->u.act.seq, &own, &request->error);
    if (status != RC_OK) return status;
    struct rc_allowed may = rc_command_allows(&own->command, (enum rc_action)request->u.act.act.action);
    return rc_fail(&request->error, RC_REFUSED, "%s",
                   may.allowed ? "its key has been used again since: act on that command" : may.why_not);
}

/* Settles the command and makes its successor, in one unit. */
static enum rc_status run_with_successor(struct rc_engine *engine, struct rc_request *request,
                                         struct rc_ask *ask, struct rc_act *act)
{
    struct rc_hot *hot = NULL;
    enum rc_status status = rc_engine_last_of_key(engine, request->u.act.successor, &hot, &request->error);
    if (status != RC_OK) return status;
    if (hot->command.id.seq != request->u.act.seq) return key_is_anothers(engine, request);
    if (!engine->room) return rc_fail(&request->error, RC_FULL, "the disk is full: no new work is taken on");
    bool replaces = !rc_state_ended(hot->command.state);
    status = rc_quota_check(engine, hot->command.id.ns, replaces, request);
    if (status != RC_OK) return status;
    hot = rc_submit_adopt(engine, request, request->u.act.successor);
    if (!hot) return rc_fail(&request->error, RC_NOMEM, "out of memory");
    act->successor = rc_copy(engine->turn.arena, &hot->command.id, sizeof hot->command.id);
    status = act->successor ? rc_unit_run(engine, ask, &request->error)
                            : rc_fail_arena(&request->error, engine->turn.arena);
    if (status == RC_OK && hot->touched) {
        rc_quota_take(engine, hot->command.id.ns, replaces, request->bytes);
    } else {
        rc_submit_take_back(engine, hot);
    }
    return status;
}

static void run(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_ask ask = rc_engine_ask(engine, RC_MSG_ACTION,
                                      (struct rc_addr){.agg = RC_AGG_COMMAND, .id = request->u.act.seq});
    struct rc_act *act = rc_copy(engine->turn.arena, &request->u.act.act, sizeof *act);
    ask.u.act = act;
    if (!act)
        request->status = rc_fail_arena(&request->error, engine->turn.arena);
    else if (request->u.act.successor)
        request->status = run_with_successor(engine, request, &ask, act);
    else
        request->status = rc_unit_run(engine, &ask, &request->error);
}

/* Whether the id was that of the command that was purged: a wrong one names nothing. */
static bool is_its_id(struct rc_engine *engine, const struct rc_request *request)
{
    struct rc_purged left;
    return rc_read_purged(engine->reader, request->u.act.seq, &left, NULL) == RC_OK &&
           (uint32_t)left.nonce == request->u.act.check;
}

/* What may have been done behind the state that was restored is found first: a decision on what the command was would pass it over. */
static bool is_to_be_looked_through(const struct rc_engine *engine, const struct rc_hot *hot, unsigned action)
{
    bool writes =
        action == RC_ACTION_NOTE || action == RC_ACTION_ASSIGN || action == RC_ACTION_DUE; /* beside it */
    return rc_engine_held(engine) && hot->command.id.seq < engine->hold.left && !writes &&
           !rc_state_ended(hot->command.state);
}

void rc_request_act(struct rc_engine *engine, struct rc_request *request)
{
    const struct rc_act *act = &request->u.act.act;
    struct rc_error *err = &request->error;
    struct rc_hot *hot;
    struct rc_act done = {0};
    request->status = rc_engine_command(engine, request->u.act.seq, &hot, err);
    if (request->status == RC_OK && (uint32_t)hot->command.id.nonce != request->u.act.check)
        request->status = RC_NOT_FOUND;
    if (request->status == RC_PURGED && !is_its_id(engine, request)) request->status = RC_NOT_FOUND;
    if (request->status == RC_NOT_FOUND) (void)!rc_fail(err, RC_NOT_FOUND, "there is no such command");
    if (request->status == RC_OK && request->who)
        request->status = rc_access(
            request->who, RC_PERMIT_ACT,
            &(struct rc_object){.what = "command", .ns = hot->command.id.ns, .actor = act->actor}, err);
    if (request->status != RC_OK) return;
    if (act->key.n) {
        enum rc_status status = find_done(engine, &hot->command, act->key, &done, err);
        request->replayed = status == RC_OK;
        if (status != RC_NOT_FOUND) request->status = status;
    }
    if (request->replayed && done.action != act->action)
        request->status = rc_fail(err, RC_KEY_CONFLICT, "the key '%.*s' belongs to the action '%s'",
                                  RC_SV_ARG(act->key), rc_action_word(done.action).slug);
    if (request->status == RC_OK && !request->replayed && is_to_be_looked_through(engine, hot, act->action))
        request->status =
            rc_fail(err, RC_BUSY, "the commands of the old state are still being looked through");
    if (request->status == RC_OK && !request->replayed) run(engine, request);
    if (request->status == RC_LANE_FULL) {
        request->command = engine->holder;
        return;
    }
    hot = rc_cache_find(&engine->cache, request->u.act.seq); /* it may have been read anew */
    if (!hot) return;
    rc_outline_of(&hot->command, &request->command);
    request->successor = hot->command.successor;
}
