/* Schedules of the flows in force: what is due becomes a submission like any other, in one unit, and so in one commit, with the row of its
 * schedule. So a crash loses no run and doubles none: either both are there, or the time is due still.
 *
 * Memory holds a planner for each; its row is the store's. What a planner looks at is the wall clock, and nothing else may. */
#include "engine/state.h"

#include <stdlib.h>

enum { RUN_FIRST = 4096, RUN_MAX = 4 << 20 };

static void free_planners(struct rc_engine *engine)
{
    struct rc_planners *all = &engine->planners;
    for (uint32_t i = 0; i < all->n; i++) rc_arena_free(all->item[i].request.arena);
    free(all->item);
    *all = (struct rc_planners){0};
}

void rc_schedules_forget(struct rc_engine *engine)
{
    free_planners(engine);
}

static void put_name(char to[RC_MAX_NAME + 1], struct rc_sv name)
{
    memcpy(to, name.p, name.n);
    to[name.n] = 0;
}

static const struct rc_schedule *row_of(const struct rc_schedule *rows, uint32_t n,
                                        const struct rc_schedule *like)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(rows[i].flow, like->flow) == 0 && strcmp(rows[i].id, like->id) == 0) return &rows[i];
    return NULL;
}

static uint32_t count(const struct flow_set *set)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->nactive; i++) n += set->active[i]->nschedules;
    return n;
}

/* Rows whose schedule is not in force any more go with this turn's commit. */
static enum rc_status drop_others(struct rc_engine *engine, const struct rc_schedule *rows, uint32_t n,
                                  struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    for (uint32_t i = 0; i < n; i++) {
        bool stays = false;
        for (uint32_t k = 0; k < engine->planners.n && !stays; k++)
            stays = row_of(&rows[i], 1, &engine->planners.item[k].row) != NULL;
        if (stays) continue;
        struct rc_schedule_write *write = rc_list_add(&turn->schedules, turn->arena, sizeof *write);
        if (!write) return rc_fail_arena(err, turn->arena);
        *write = (struct rc_schedule_write){.row = &rows[i], .gone = true};
    }
    return RC_OK;
}

/* Makes the planners anew, for other definitions or another state of the store. */
static enum rc_status follow(struct rc_engine *engine, struct rc_error *err)
{
    const struct flow_set *set = rc_engine_set(engine);
    struct rc_schedule *rows = NULL;
    uint32_t n = 0, wanted = count(set);
    enum rc_status status = rc_read_schedules(engine->reader, engine->turn.arena, &rows, &n, err);
    if (status != RC_OK) return status;
    free_planners(engine);
    struct rc_planners *all = &engine->planners;
    all->item = calloc(wanted + 1, sizeof *all->item); /* one more: none is a list, too */
    if (!all->item) return rc_fail(err, RC_NOMEM, "out of memory");
    for (uint32_t i = 0; i < set->nactive; i++) {
        const struct flow *flow = set->active[i];
        for (uint16_t k = 0; k < flow->nschedules; k++) {
            struct rc_planner *planner = &all->item[all->n++];
            planner->flow = flow;
            planner->of = &flow->schedules[k];
            put_name(planner->row.flow, flow->name);
            put_name(planner->row.id, planner->of->id);
            const struct rc_schedule *row = row_of(rows, n, &planner->row);
            planner->fresh = row == NULL;
            if (row) planner->row = *row;
        }
    }
    status = drop_others(engine, rows, n, err);
    if (status == RC_OK) all->set = set; /* else the rest of it goes the next time */
    return status;
}

static struct rc_planner *find(struct rc_engine *engine, uint64_t id)
{
    for (uint32_t i = 0; i < engine->planners.n; i++) {
        struct rc_planner *planner = &engine->planners.item[i];
        if (flow_schedule_id(planner->flow->name, planner->of->id) == id) return planner;
    }
    return NULL;
}

enum rc_status rc_schedule_unit(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                                struct rc_error *err)
{
    struct rc_planner *planner = find(engine, ask->to.id);
    if (!planner) return rc_fail(err, RC_BUG, "there is no such schedule");
    enum rc_status status = rc_schedule_step(&planner->row, ask, engine->turn.arena, out, err);
    return status == RC_OK && out->nchange
               ? rc_overlay_schedule(engine, planner, out->change->u.schedule, err)
               : status;
}

/* Whether the command of the last run has not ended. */
static enum rc_status is_busy(struct rc_engine *engine, const struct rc_planner *planner, bool *ret,
                              struct rc_error *err)
{
    struct rc_hot *hot;
    *ret = false;
    if (!rc_schedule_wants_busy(&planner->row, planner->of, engine->turn.wall)) return RC_OK;
    enum rc_status status = rc_engine_command(engine, planner->row.last.seq, &hot, err);
    if (status == RC_OK) *ret = !rc_state_ended(hot->command.state);
    bool gone = status == RC_PURGED || status == RC_NOT_FOUND;
    if (status == RC_DAMAGED) *ret = true; /* nobody knows: a person must look */
    return gone || status == RC_DAMAGED ? RC_OK : status;
}

/* ---- the command of a run ------------------------------------------------------------------------------------------- */

/* A ref leads from the command to its schedule. */
static struct cel_value refs_of(const struct rc_planner *planner, struct rc_arena *arena)
{
    struct cel_value *pair = RC_NEW_ARRAY(arena, struct cel_value, 2);
    if (!pair || planner->flow->nrefs >= RC_MAX_REFS) return cel_null();
    pair[0] = cel_string(RC_SV("schedule"));
    pair[1] = cel_string(rc_copy_sv(arena, planner->of->id));
    return (struct cel_value){.kind = CEL_MAP, .n = 1, .v.items = pair};
}

/* "schedule/nightly/2026-11-22T01:00:00Z"; of what a person asks for, with that person's key. */
static struct rc_sv key_of(const struct rc_planner *planner, rc_us planned, struct rc_sv asked,
                           struct rc_arena *arena)
{
    char time[RC_TIME_TEXT];
    rc_format_time(planned, time);
    if (asked.n)
        return rc_text(arena, "schedule/%.*s/run/%.*s", RC_SV_ARG(planner->of->id), RC_SV_ARG(asked));
    return rc_text(arena, "schedule/%.*s/%.19sZ", RC_SV_ARG(planner->of->id), time);
}

/* From the engine's seed, which the turn gives it: the same turns make the same commands, in simulated lives, too. */
static uint64_t nonce_of(struct rc_engine *engine, const struct rc_identity *id)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_u64(&sha, rc_mix(&engine->seed));
    rc_sha256_add_u64(&sha, id->key_hash);
    return rc_sha256_h128(&sha).hi;
}

/* On behalf of the schedule; or of who wants it to run now, who has started it like any other who submits. */
static enum rc_status prepare(struct rc_engine *engine, struct rc_planner *planner, struct rc_sv key,
                              const struct rc_author *by, struct rc_error *err)
{
    struct rc_request *request = &planner->request;
    rc_arena_free(request->arena); /* of a run that was not made */
    *request = (struct rc_request){.kind = RC_REQUEST_SUBMIT, .arena = rc_arena_new(RUN_FIRST, RUN_MAX)};
    struct rc_arena *arena = request->arena;
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    struct rc_sv itself = rc_text(arena, "schedule/%.*s", RC_SV_ARG(planner->of->id));
    struct rc_sv subject = by && by->subject.n ? rc_copy_sv(arena, by->subject) : itself;
    struct rc_submission in = {.ns = rc_copy_sv(arena, planner->of->ns),
                               .type = planner->flow->name,
                               .subject = subject,
                               .actor = by && by->actor.n ? rc_copy_sv(arena, by->actor) : subject,
                               .key = rc_copy_sv(arena, key),
                               .refs = refs_of(planner, arena)};
    if (cel_copy(planner->of->payload, arena, &in.payload) != RC_OK || rc_arena_status(arena) != RC_OK)
        return rc_fail_arena(err, arena);
    uint32_t n = 0;
    struct rc_error found = {0};
    request->bytes = (uint32_t)cel_size_bytes(in.payload);
    enum rc_status status =
        rc_prepare_submit(rc_engine_set(engine), &in, arena, &request->u.submit, &found, 1, &n);
    if (status == RC_OK) request->u.submit.nonce = nonce_of(engine, &request->u.submit);
    return status == RC_OK
               ? RC_OK
               : rc_fail(err, status, "%s%s%s", found.pointer, found.pointer[0] ? ": " : "", found.text);
}

/* Runs a message that may make a command: with the one that has the key already, or a new one, or the words of what is in its way.
 * Not RC_OK: trouble that passes, and nothing has happened. */
static enum rc_status run_with_command(struct rc_engine *engine, struct rc_planner *planner,
                                       struct rc_ask *ask, struct rc_schedule_ask *in, struct rc_error *err)
{
    struct rc_request *request = &planner->request;
    struct rc_hot *hot = NULL;
    enum rc_status status = rc_engine_last_of_key(engine, &request->u.submit, &hot, err);
    if (status == RC_OK) {
        in->command = (struct rc_link){hot->command.id.seq, hot->command.id.nonce};
        return rc_unit_run(engine, ask, err);
    }
    if (status != RC_NOT_FOUND && status != RC_PURGED) return status;
    if (status == RC_PURGED) { /* it ran, and nothing is left of it */
        in->command = (struct rc_link){UINT64_C(1), 0};
        struct rc_key_match match;
        if (rc_read_key(engine->reader, request->u.submit.ns, request->u.submit.type, request->u.submit.key,
                        &match, err) == RC_OK)
            in->command.seq = match.seq;
        return rc_unit_run(engine, ask, err);
    }
    if (!engine->room) return rc_fail(err, RC_FULL, "the disk is full: no new work is taken on");
    status = rc_quota_check(engine, planner->of->ns, false, request);
    if (status != RC_OK) {
        *err = request->error;
        return status;
    }
    hot = rc_submit_adopt(engine, request, &request->u.submit);
    if (!hot) return rc_fail(err, RC_NOMEM, "out of memory");
    in->submit = rc_copy(engine->turn.arena, &hot->command.id, sizeof hot->command.id);
    in->command = (struct rc_link){hot->command.id.seq, hot->command.id.nonce};
    status = in->submit ? rc_unit_run(engine, ask, err) : rc_fail_arena(err, engine->turn.arena);
    if (status == RC_OK && hot->touched) {
        rc_quota_take(engine, hot->command.id.ns, false, request->bytes);
        atomic_fetch_add(&engine->stats.submitted, 1);
    } else {
        rc_submit_take_back(engine, hot);
    }
    return status;
}

static struct rc_ask ask_of(struct rc_engine *engine, rc_message_kind kind, const struct rc_planner *planner,
                            const struct rc_schedule_ask *in)
{
    struct rc_ask ask =
        rc_engine_ask(engine, kind,
                      (struct rc_addr){.agg = RC_AGG_SCHEDULE,
                                       .id = flow_schedule_id(planner->flow->name, planner->of->id)});
    ask.u.schedule = in;
    return ask;
}

/* ---- what is due ---------------------------------------------------------------------------------------------------- */

/* What is in the way of a run stands in the row; it is tried again, at first soon. */
static enum rc_status put_off(struct rc_engine *engine, struct rc_planner *planner, struct rc_ask *ask,
                              struct rc_schedule_ask *in, struct rc_error *why, struct rc_error *err)
{
    in->submit = NULL;
    in->command = (struct rc_link){0};
    in->fault = rc_sv_of(why->text);
    planner->waits = planner->waits < 64 ? planner->waits * 2 + 1 : 64;
    planner->again = engine->now + RC_SECONDS(planner->waits);
    return rc_unit_run(engine, ask, err);
}

static enum rc_status occur(struct rc_engine *engine, struct rc_planner *planner, const struct rc_plan *plan,
                            bool busy, struct rc_error *err)
{
    struct rc_schedule_ask in = {.of = planner->of, .busy = busy};
    struct rc_ask ask = ask_of(engine, RC_MSG_OCCUR, planner, &in);
    struct rc_error why = {0};
    if (!plan->run) return plan->changed ? rc_unit_run(engine, &ask, err) : RC_OK;
    struct rc_sv key = key_of(planner, plan->run, (struct rc_sv){0}, engine->turn.arena);
    enum rc_status status = prepare(engine, planner, key, NULL, &why);
    if (status == RC_OK) status = run_with_command(engine, planner, &ask, &in, &why);
    if (status == RC_OK) {
        planner->waits = 0;
        return RC_OK;
    }
    if (rc_turn_passes(engine, status)) {
        *err = why;
        return status;
    }
    return put_off(engine, planner, &ask, &in, &why, err);
}

static uint64_t unit_of(const struct rc_planner *planner)
{
    return flow_schedule_id(planner->flow->name, planner->of->id) | 1;
}

/* A time that kills the server each time it comes is not tried for ever: a person must look. */
static enum rc_status set_aside(struct rc_engine *engine, struct rc_planner *planner, struct rc_error *err)
{
    struct rc_schedule_ask in = {.of = planner->of};
    struct rc_ask ask = ask_of(engine, RC_MSG_PAUSE, planner, &in);
    return rc_unit_run(engine, &ask, err);
}

static enum rc_status look(struct rc_engine *engine, struct rc_planner *planner, struct rc_error *err)
{
    rc_us released = engine->hold.id ? engine->hold.released : 0;
    struct rc_plan plan;
    bool busy = false;
    enum rc_status status = RC_OK;
    if (planner->fresh || planner->row.planned < released) { /* another life of the store may have run them */
        struct rc_schedule_ask in = {.of = planner->of};
        struct rc_ask ask = ask_of(engine, RC_MSG_PLAN, planner, &in);
        if (!planner->fresh && ask.wall < released) ask.wall = released;
        status = rc_unit_run(engine, &ask, err);
        engine->turn.nunits++;
        return status;
    }
    status = is_busy(engine, planner, &busy, err);
    if (status != RC_OK) return status;
    rc_schedule_plan(&planner->row, planner->of, engine->turn.wall, busy, &plan);
    planner->next = plan.next;
    planner->looked = engine->turn.wall;
    if (!plan.run && !plan.changed) return RC_OK;
    planner->next = 0;
    engine->turn.nunits++;
    struct rc_suspects *suspects = engine->ports.suspects;
    bool poison = rc_suspects_is_poison(suspects, unit_of(planner));
    rc_suspects_enter(suspects, unit_of(planner));
    status = poison ? set_aside(engine, planner, err) : occur(engine, planner, &plan, busy, err);
    rc_suspects_leave(suspects);
    return status;
}

static bool is_due(const struct rc_engine *engine, const struct rc_planner *planner)
{
    bool back = engine->turn.wall < planner->looked; /* then `next` may be far away */
    return (back || planner->next <= engine->turn.wall) && planner->again <= engine->now && !planner->touched;
}

enum rc_status rc_schedules_run(struct rc_engine *engine, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    if (engine->planners.set != rc_engine_set(engine)) status = follow(engine, err);
    uint32_t most = engine->apart ? 1 : RC_MAX_UNITS;
    for (uint32_t i = 0; status == RC_OK && i < engine->planners.n && engine->turn.nunits < most; i++) {
        struct rc_planner *planner = &engine->planners.item[i];
        struct rc_error error = {0};
        if (!is_due(engine, planner)) continue;
        status = look(engine, planner, &error);
        if (rc_turn_passes(engine, status)) {
            if (err) *err = error;
            return status;
        }
        if (status != RC_OK) { /* about this one alone */
            rc_engine_fault(engine, &error);
            planner->again = engine->now + RC_SECONDS(64);
        }
        status = RC_OK;
    }
    return status;
}

void rc_schedules_end_turn(struct rc_engine *engine)
{
    for (uint32_t i = 0; i < engine->planners.n; i++) engine->planners.item[i].touched = false;
}

rc_us rc_schedules_sleep(const struct rc_engine *engine)
{
    rc_us wall = engine->turn.wall, sleep = UINT64_MAX;
    if (engine->turn.draining) return sleep; /* nothing starts any more */
    if (engine->planners.set != rc_engine_set(engine)) return 0;
    for (uint32_t i = 0; i < engine->planners.n; i++) {
        const struct rc_planner *planner = &engine->planners.item[i];
        rc_us left = planner->next > wall ? planner->next - wall : 0;
        rc_us again = planner->again > engine->now ? planner->again - engine->now : 0;
        if (planner->next == UINT64_MAX) continue;
        if (again > left) left = again;
        if (left > RC_CALENDAR_LOOK) left = RC_CALENDAR_LOOK; /* the wall clock may be set */
        if (left < sleep) sleep = left;
    }
    return sleep;
}

/* ---- what people want ----------------------------------------------------------------------------------------------- */

static enum rc_status run_now(struct rc_engine *engine, struct rc_request *request,
                              struct rc_planner *planner, struct rc_ask *ask, struct rc_schedule_ask *in)
{
    struct rc_sv key = key_of(planner, engine->turn.wall, request->u.schedule.key, engine->turn.arena);
    const struct rc_author *by = &request->u.schedule.by;
    enum rc_status status = prepare(engine, planner, key, by, &request->error);
    if (status != RC_OK) return status;
    struct rc_hot *hot = NULL;
    status = rc_engine_last_of_key(engine, &planner->request.u.submit, &hot, &request->error);
    request->replayed = status == RC_OK;
    if (status == RC_OK) { /* it was done before: nothing more */
        rc_outline_of(&hot->command, &request->command);
        return RC_OK;
    }
    if (status != RC_NOT_FOUND) return status;
    status = run_with_command(engine, planner, ask, in, &request->error);
    request->retry_after = planner->request.retry_after;
    if (status != RC_OK) return status;
    planner->waits = 0;
    planner->again = 0; /* nothing is in its way any more: what is due goes, too */
    hot = rc_cache_find(&engine->cache, in->command.seq);
    if (hot) rc_outline_of(&hot->command, &request->command);
    return RC_OK;
}

static rc_message_kind message_of(enum rc_schedule_order order)
{
    switch (order) {
    case RC_SCHEDULE_PAUSE: return RC_MSG_PAUSE;
    case RC_SCHEDULE_RESUME: return RC_MSG_RESUME;
    case RC_SCHEDULE_RUN: break;
    }
    return RC_MSG_RUN;
}

static uint8_t deed_of(enum rc_schedule_order order)
{
    switch (order) {
    case RC_SCHEDULE_PAUSE: return RC_DEED_PAUSE;
    case RC_SCHEDULE_RESUME: return RC_DEED_RESUME;
    case RC_SCHEDULE_RUN: break;
    }
    return RC_DEED_RUN;
}

/* Who wanted it goes into the audit with the row. */
static enum rc_status note_author(struct rc_engine *engine, struct rc_request *request,
                                  struct rc_planner *planner)
{
    struct rc_turn *turn = &engine->turn;
    struct rc_schedule *row = rc_copy(turn->arena, &planner->row, sizeof *row);
    struct rc_author *by = rc_copy(turn->arena, &request->u.schedule.by, sizeof *by);
    if (!row || !by) return rc_fail_arena(&request->error, turn->arena);
    struct rc_schedule_write *write = rc_list_add(&turn->schedules, turn->arena, sizeof *write);
    if (!write) return rc_fail_arena(&request->error, turn->arena);
    *write = (struct rc_schedule_write){.row = row, .deed = deed_of(request->u.schedule.order), .by = by};
    return RC_OK;
}

/* What this turn has done with a planner is not to be mixed with more of it. */
static enum rc_status come_again(struct rc_error *err)
{
    return rc_fail(err, RC_BUSY, "the schedule has moved in this very moment: ask again");
}

void rc_request_schedule(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_error *err = &request->error;
    enum rc_schedule_order order = request->u.schedule.order;
    if (engine->planners.set != rc_engine_set(engine))
        request->status = engine->turn.schedules.n ? come_again(err) : follow(engine, err);
    if (request->status != RC_OK) return;
    struct rc_planner *planner =
        find(engine, flow_schedule_id(request->u.schedule.flow, request->u.schedule.id));
    if (!planner) {
        request->status = rc_fail(err, RC_NOT_FOUND, "there is no such schedule in force");
        return;
    }
    if (request->who)
        request->status = rc_access(request->who, RC_PERMIT_ACT,
                                    &(struct rc_object){.what = "schedule", .ns = planner->of->ns}, err);
    bool starts = order == RC_SCHEDULE_RUN;
    if (request->status == RC_OK && starts && rc_engine_held(engine))
        request->status =
            rc_fail(err, RC_ON_HOLD, "the store is held after it was restored (recourse hold show)");
    if (request->status == RC_OK && starts && planner->touched) request->status = come_again(err);
    if (request->status != RC_OK) return;
    struct rc_schedule_ask in = {.of = planner->of};
    struct rc_mark mark = rc_overlay_mark(engine);
    struct rc_ask ask = ask_of(engine, message_of(order), planner, &in);
    request->status = starts ? run_now(engine, request, planner, &ask, &in) : rc_unit_run(engine, &ask, err);
    bool changed = engine->turn.undo.n > mark.undo;
    if (request->status == RC_OK && !starts) request->replayed = !changed;
    if (request->status == RC_OK && changed) request->status = note_author(engine, request, planner);
}
