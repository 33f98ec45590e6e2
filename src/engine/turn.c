/* One turn (engine.h): facts, what is due, requests, free places; one commit; then replies and effects. */
#include "engine/child.h"
#include "engine/mail.h"

/* ---- begin ---------------------------------------------------------------------------------------------------------- */

static void begin(struct rc_engine *engine, struct rc_tick tick)
{
    struct rc_turn *turn = &engine->turn;
    struct rc_arena *arena = turn->arena;
    rc_arena_reset(arena);
    rc_us now = engine->anchor + (tick.monotonic - engine->monotonic);
    if (now > engine->now) engine->now = now;
    engine->seed ^= tick.seed;
    *turn = (struct rc_turn){.arena = arena,
                             .now = engine->now,
                             .wall = tick.wall,
                             .number = turn->number + 1,
                             .draining = atomic_load(&engine->draining)};
    rc_facts_init(&turn->taken);
    turn->last_reply = &turn->replies;
}

/* Takes what the other threads have left. */
static struct rc_request *take_inbox(struct rc_engine *engine, uint32_t *ret_n)
{
    pthread_mutex_lock(&engine->lock);
    struct rc_request *requests = engine->inbox;
    engine->inbox = NULL;
    engine->inbox_last = &engine->inbox;
    *ret_n = engine->queued;
    engine->queued = engine->queued_single = 0;
    struct rc_facts answers = engine->answers;
    if (!answers.first) rc_facts_init(&answers);
    rc_facts_init(&engine->answers);
    pthread_mutex_unlock(&engine->lock);
    if (answers.first) {
        *engine->facts.last = answers.first;
        engine->facts.last = answers.last;
    }
    return requests;
}

void rc_engine_collect(struct rc_engine *engine)
{
    if (engine->collected) return;
    engine->taken = take_inbox(engine, &engine->ntaken);
    engine->collected = true;
}

void rc_inbox_put_back(struct rc_engine *engine, struct rc_request *requests)
{
    struct rc_request **end = &requests;
    uint32_t n = 0;
    for (; *end; end = &(*end)->next) n++;
    if (!n) return;
    pthread_mutex_lock(&engine->lock);
    *end = engine->inbox;
    if (!engine->inbox) engine->inbox_last = end;
    engine->inbox = requests;
    engine->queued += n;
    pthread_mutex_unlock(&engine->lock);
}

static uint32_t most_units(const struct rc_engine *engine)
{
    return engine->apart ? 1 : RC_MAX_UNITS;
}

/* ---- facts ---------------------------------------------------------------------------------------------------------- */

/* Trouble that passes: the fact stays where it is. Anything else is about this fact alone; so is a limit that is reached though the turn
 * has done nothing else yet. */
bool rc_turn_passes(const struct rc_engine *engine, enum rc_status status)
{
    return status == RC_NOMEM || status == RC_IO || status == RC_FULL || status == RC_BUSY ||
           (status == RC_LIMIT && engine->turn.nunits > 0);
}

uint64_t rc_step_unit(uint64_t seq, uint32_t node)
{
    uint64_t state = rc_attempt_key(seq, node, 0);
    return rc_mix(&state) | 1;
}

/* The step was at work each time the server died. */
static enum rc_status set_aside(struct rc_engine *engine, const struct rc_ask *instead, uint64_t seq,
                                struct rc_error *err)
{
    struct rc_ask ask =
        rc_engine_ask(engine, RC_MSG_LOST, (struct rc_addr){.agg = RC_AGG_COMMAND, .id = seq});
    ask.node = instead->node;
    ask.attempt = instead->attempt; /* what was out, if anything: the record names it */
    ask.purpose = instead->purpose;
    ask.set_aside = true;
    return rc_unit_run(engine, &ask, err);
}

/* A row of work that is stale: the step's attempt was recorded since, perhaps in this very turn, and is about to leave. */
static bool is_out(struct rc_engine *engine, const struct rc_ask *ask, uint64_t seq)
{
    struct rc_hot *hot;
    if (ask->kind == RC_MSG_LOST || rc_engine_command(engine, seq, &hot, NULL) != RC_OK) return false;
    return ask->node < hot->command.nnodes && hot->command.node[ask->node].phase == RC_PHASE_OPEN;
}

/* A unit about a step, under suspicion while it runs. What was set aside has a clean record again: a person who tries it knows of it. An
 * answer is always heard: what it belongs to has left in this life of the process, so somebody wanted it. */
enum rc_status rc_run_for_step(struct rc_engine *engine, const struct rc_ask *ask, uint64_t seq,
                               struct rc_error *err)
{
    struct rc_suspects *suspects = engine->ports.suspects;
    uint64_t unit = rc_step_unit(seq, ask->node);
    bool poison =
        ask->kind != RC_MSG_RESULT && rc_suspects_is_poison(suspects, unit) && !is_out(engine, ask, seq);
    rc_suspects_enter(suspects, unit);
    enum rc_status status = poison ? set_aside(engine, ask, seq, err) : rc_unit_run(engine, ask, err);
    rc_suspects_leave(suspects);
    return status == RC_PURGED ? RC_OK
                               : status; /* it comes too late, like what comes to a command that has ended */
}

/* Of a command that has not been told yet that it was restored: whoever answers knows of a later state of it, or of an earlier process. The
 * step becomes unknown, and is asked for. */
static bool is_of_old_state(const struct rc_engine *engine, const struct rc_fact *fact)
{
    return rc_engine_held(engine) && fact->answer.of.id < engine->hold.left &&
           fact->answer.of.id <= engine->hold.seq;
}

static enum rc_status run_fact(struct rc_engine *engine, const struct rc_fact *fact, struct rc_error *err)
{
    if (is_of_old_state(engine, fact)) return RC_OK;
    struct rc_ask ask = rc_engine_ask(engine, fact->lost ? RC_MSG_LOST : RC_MSG_RESULT, fact->answer.of);
    ask.node = fact->answer.node;
    ask.attempt = fact->answer.attempt;
    ask.purpose = fact->answer.purpose;
    if (!fact->lost) ask.u.result = &fact->answer.result;
    atomic_fetch_add(fact->lost ? &engine->stats.lost : &engine->stats.results, 1);
    return rc_run_for_step(engine, &ask, fact->answer.of.id, err);
}

static enum rc_status run_facts(struct rc_engine *engine, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    while (engine->facts.first && turn->nunits < most_units(engine)) {
        struct rc_error error;
        enum rc_status status = run_fact(engine, engine->facts.first, &error);
        if (rc_turn_passes(engine, status)) {
            if (err) *err = error;
            return status;
        }
        if (status != RC_OK) rc_engine_fault(engine, &error);
        turn->nunits++;
        rc_facts_push(&turn->taken, rc_facts_pop(&engine->facts));
    }
    return RC_OK;
}

/* What is delayed in one queue, by the clock that it waits for. */
static enum rc_status run_due(struct rc_engine *engine, struct rc_window *window, uint64_t queue, rc_us now,
                              struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    enum rc_status status = rc_window_fill(window, engine->reader, RC_PHASE_DELAYED, queue, err);
    const struct rc_work *first;
    while (status == RC_OK && turn->nunits < most_units(engine) && (first = rc_window_first(window)) &&
           first->order <= now) {
        struct rc_ask ask =
            rc_engine_ask(engine, RC_MSG_DUE, (struct rc_addr){.agg = RC_AGG_COMMAND, .id = first->seq});
        struct rc_error error;
        ask.node = first->node;
        status = rc_run_for_step(engine, &ask, first->seq, &error);
        if (status != RC_OK && !rc_turn_passes(engine, status))
            status = rc_child_not_started(engine, &ask, status, &error);
        if (rc_turn_passes(engine, status)) {
            if (err) *err = error;
            return status;
        }
        if (status != RC_OK) rc_engine_fault(engine, &error);
        status = RC_OK;
        turn->nunits++;
        rc_window_pop(window);
    }
    return status;
}

/* ---- gates ---------------------------------------------------------------------------------------------------------- */

static enum rc_status tell_gate(struct rc_engine *engine, struct rc_door *door, rc_message_kind kind,
                                uint32_t node, struct rc_error *err)
{
    struct rc_ask ask =
        rc_engine_ask(engine, kind, (struct rc_addr){.agg = RC_AGG_GATE, .id = door->gate.id});
    ask.node = node;
    struct rc_out out;
    enum rc_status status =
        rc_gate_step(&door->gate, &ask, rc_engine_set(engine), engine->turn.arena, &out, err);
    return status == RC_OK ? rc_overlay_gate(engine, door, out.change, err) : status;
}

/* Nothing new leaves while the disk is full, the store holds or the server stops. */
static bool is_closed(const struct rc_engine *engine)
{
    return !engine->room || rc_engine_held(engine) || atomic_load(&engine->draining);
}

static enum rc_status update_gates(struct rc_engine *engine, struct rc_error *err)
{
    bool closed = is_closed(engine);
    enum rc_status status = RC_OK;
    for (size_t i = 0; status == RC_OK && i < engine->doors.cap; i++) {
        struct rc_door *door = engine->doors.slot[i].value;
        if (!door) continue;
        if (door->gate.closed != closed) status = tell_gate(engine, door, RC_MSG_CLOSED, closed, err);
        if (status == RC_OK) status = rc_line_find_out(engine, door, err);
        bool workers = door->line.kind == RC_LINE_WORKERS; /* who asks is given to, nobody else */
        /* before anything queues in this turn: a window that is read behind that misses what is not committed yet */
        if (status == RC_OK && workers)
            status = rc_window_fill(&door->waiting, engine->reader, RC_PHASE_READY, door->gate.id, err);
        if (workers) continue;
        if (status == RC_OK && rc_gate_free(&door->gate, rc_engine_set(engine)))
            status = rc_window_fill(&door->waiting, engine->reader, RC_PHASE_READY, door->gate.id, err);
        if (status == RC_OK && door->gate.backlog && !door->waiting.n && !door->waiting.more)
            status = tell_gate(engine, door, RC_MSG_BACKLOG, 0, err);
    }
    engine->closed = closed;
    return status;
}

enum rc_status rc_call_first(struct rc_engine *engine, struct rc_door *door, rc_message_kind kind,
                             struct rc_error *err)
{
    struct rc_ask ask =
        rc_engine_ask(engine, kind, (struct rc_addr){.agg = RC_AGG_GATE, .id = door->gate.id});
    struct rc_error error;
    const struct rc_work row = *rc_window_first(&door->waiting);
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = row.seq};
    ask.node = row.node;
    ask.order = row.order;
    rc_window_pop(&door->waiting); /* before: what comes of it may queue here, in front of it */
    enum rc_status status = rc_run_for_step(engine, &ask, row.seq, &error);
    if (rc_turn_passes(engine, status)) {
        rc_window_add(&door->waiting, &row);
        if (err) *err = error;
        return status;
    }
    if (status != RC_OK) rc_engine_fault(engine, &error);
    engine->turn.nunits++;
    return RC_OK;
}

/* Free places for those who have waited longest. */
static enum rc_status offer(struct rc_engine *engine, struct rc_door *door, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    while (status == RC_OK && engine->turn.nunits < (engine->apart ? 1 : 2 * RC_MAX_UNITS) &&
           rc_gate_free(&door->gate, rc_engine_set(engine)) && rc_window_first(&door->waiting))
        status = rc_call_first(engine, door, RC_MSG_OFFER, err);
    return status;
}

/* With a bound of the server each place is given away by itself, so that no dependency gets all of them (width.c). */
static enum rc_status offer_one_by_one(struct rc_engine *engine, struct rc_error *err)
{
    uint32_t most = engine->apart ? 1 : 2 * RC_MAX_UNITS;
    enum rc_status status = RC_OK;
    struct rc_door *next;
    while (status == RC_OK && engine->turn.nunits < most && rc_width_free(engine) &&
           (next = rc_width_next(engine)))
        status = rc_call_first(engine, next, RC_MSG_OFFER, err);
    engine->crowded = rc_width_next(engine) != NULL;
    return status;
}

static enum rc_status run_offers(struct rc_engine *engine, struct rc_error *err)
{
    if (engine->ports.max_in_flight) return offer_one_by_one(engine, err);
    enum rc_status status = RC_OK;
    for (size_t i = 0; status == RC_OK && i < engine->doors.cap; i++) {
        struct rc_door *door = engine->doors.slot[i].value;
        if (door && door->line.kind != RC_LINE_WORKERS) status = offer(engine, door, err);
    }
    return status;
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

static uint64_t request_unit(const struct rc_request *request)
{
    if (request->kind == RC_REQUEST_SUBMIT) {
        return rc_key_hash_of(&request->u.submit) | 1;
    }
    if (request->kind == RC_REQUEST_SCHEDULE)
        return flow_schedule_id(request->u.schedule.flow, request->u.schedule.id) << 1 | 1;
    if (request->kind == RC_REQUEST_SIGNAL) {
        const struct rc_signal *signal = &request->u.signal.signal;
        return rc_mailbox_id(signal->ns, signal->name, signal->key) | 1;
    }
    return rc_step_unit(request->u.act.seq, RC_MAX_INSTANCES + request->u.act.act.action);
}

static void run_request(struct rc_engine *engine, struct rc_request *request)
{
    bool changes = request->kind == RC_REQUEST_SUBMIT || request->kind == RC_REQUEST_ACT;
    struct rc_suspects *suspects = changes ? engine->ports.suspects : NULL;
    uint64_t unit = suspects ? request_unit(request) : 0;
    request->status = RC_OK; /* it may have run before, in a turn that was dropped */
    request->replayed = false;
    request->command = (struct rc_outline){0};
    request->successor = (struct rc_link){0};
    request->retry_after = 0;
    if (rc_suspects_is_poison(suspects, unit)) {
        request->status = rc_fail(
            &request->error, RC_SET_ASIDE,
            "the server crashed %d times while it took this in; it is not tried again, and the history says "
            "whether it was done before",
            RC_MAX_LOST);
        return;
    }
    rc_suspects_enter(suspects, unit);
    switch (request->kind) {
    case RC_REQUEST_SUBMIT: rc_request_submit(engine, request); break;
    case RC_REQUEST_ACT: rc_request_act(engine, request); break;
    case RC_REQUEST_SCHEDULE: rc_request_schedule(engine, request); break;
    case RC_REQUEST_LEASE: rc_work_ask(engine, request); break;
    case RC_REQUEST_REPORT: rc_request_report(engine, request); break;
    case RC_REQUEST_HEARTBEAT: rc_request_heartbeat(engine, request); break;
    case RC_REQUEST_QUEUE: rc_request_queue(engine, request); break;
    case RC_REQUEST_SIGNAL: rc_request_signal(engine, request); break;
    case RC_REQUEST_SIGNAL_END: rc_request_signal_end(engine, request); break;
    case RC_REQUEST_DEFINE: rc_request_define(engine, request); break;
    case RC_REQUEST_BULK: rc_request_bulk(engine, request); break;
    case RC_REQUEST_ACCESS: rc_request_access(engine, request); break;
    case RC_REQUEST_USED: rc_request_used(engine, request); break;
    case RC_REQUEST_PURGE: rc_request_purge(engine, request); break;
    case RC_REQUEST_HOLD: rc_request_hold(engine, request); break;
    case RC_REQUEST_COMPACT: request->status = rc_store_compact(engine->ports.store, &request->error); break;
    }
    if (rc_request_stands(request) && request->status == RC_COMMIT_UNKNOWN)
        engine->booted = false; /* the handle is poisoned */
    rc_suspects_leave(suspects);
}

static void run_requests(struct rc_engine *engine, struct rc_request **requests)
{
    struct rc_turn *turn = &engine->turn;
    while (*requests && turn->nunits < most_units(engine)) {
        struct rc_request *request = *requests;
        *requests = request->next;
        request->next = NULL;
        run_request(engine, request);
        turn->nunits++;
        if (request->kind == RC_REQUEST_LEASE && request->status == RC_OK) continue; /* it waits (work.c) */
        *turn->last_reply = request;
        turn->last_reply = &request->next;
    }
}

/* ---- the turn ------------------------------------------------------------------------------------------ */

/* The wall clock may be set at any time, so it is looked at again and again while something waits for it. */
static rc_us calendar_sleep(const struct rc_engine *engine)
{
    const struct rc_work *first = rc_window_first(&engine->calendar);
    rc_us wall = engine->turn.wall;
    if (!first) return engine->calendar.more ? 0 : UINT64_MAX;
    if (first->order <= wall) return 0;
    return first->order - wall < RC_CALENDAR_LOOK ? first->order - wall : RC_CALENDAR_LOOK;
}

static rc_us sleep_of(struct rc_engine *engine)
{
    rc_us sleep = rc_work_sleep(engine), waves = rc_waves_sleep(engine), calendar = calendar_sleep(engine);
    rc_us schedules = rc_schedules_sleep(engine), untold = rc_untold_sleep(engine);
    const struct rc_work *first = rc_window_first(&engine->due);
    if (engine->lanes_short) return 0;
    if (untold < sleep) sleep = untold;
    if (engine->facts.first || !engine->booted || rc_store_has_more(engine->ports.store)) return 0;
    if (rc_engine_held(engine)) return engine->hold.left ? 0 : sleep;
    if (!engine->room)
        return sleep < RC_SECONDS(1) ? sleep : RC_SECONDS(1); /* nothing new starts; look for room again */
    if (engine->closed && !is_closed(engine)) return 0;       /* it was released in this turn */
    bool wide = rc_width_free(engine);
    if (first && first->order <= engine->now) return 0;
    if (first && first->order - engine->now < sleep) sleep = first->order - engine->now;
    if (!first && engine->due.more) return 0;
    for (size_t i = 0; wide && i < engine->doors.cap; i++) {
        const struct rc_door *door = engine->doors.slot[i].value;
        if (door && door->line.kind != RC_LINE_WORKERS && (door->waiting.n || door->waiting.more) &&
            rc_gate_free(&door->gate, rc_engine_set(engine)))
            return 0;
    }
    if (calendar < sleep) sleep = calendar;
    if (schedules < sleep) sleep = schedules;
    return sleep < waves ? sleep : waves;
}

static void count_turn(struct rc_engine *engine, bool healthy)
{
    atomic_fetch_add(&engine->stats.turns, 1);
    atomic_fetch_add(&engine->stats.units, engine->turn.nunits);
    /* a lease lives on when the server ends: nobody waits for it */
    atomic_store(&engine->stats.in_flight, rc_width_used(engine));
    atomic_store(&engine->stats.crowded, rc_width_is_crowded(engine));
    atomic_store(&engine->stats.hot, (uint32_t)engine->cache.by_seq.n);
    atomic_store(&engine->stats.room, engine->room);
    atomic_store(&engine->stats.lane_waits, engine->lane_waits);
    atomic_store(&engine->stats.held, rc_engine_held(engine));
    atomic_store(&engine->stats.healthy, healthy);
    atomic_store(&engine->stats.drained, engine->turn.draining); /* behind in_flight */
}

/* Without a store: everybody who asks is told. */
static void refuse_all(struct rc_engine *engine, struct rc_request *requests, enum rc_status status,
                       const struct rc_error *error)
{
    for (struct rc_request *request = requests; request; request = request->next) {
        request->status = status;
        request->error = *error;
    }
    engine->turn.replies = requests;
    rc_turn_reply(engine, RC_OK, NULL);
}

static enum rc_status work(struct rc_engine *engine, struct rc_request **requests, struct rc_error *err)
{
    struct rc_error full;
    /* after a batch that did not fit, a turn of what is essential alone: so that answers do not wait for room that new work needs */
    engine->room = rc_store_room(engine->ports.store, &full) == RC_OK && !engine->full;
    engine->full = false;
    engine->gives_more = false;
    engine->gives_later = engine->pollers != NULL; /* where the turn does not come to that */
    enum rc_status status = update_gates(engine, err);
    if (status == RC_OK) status = rc_lanes_offer(engine, err);
    if (status == RC_OK) rc_lanes_trim(engine);
    if (status == RC_OK) rc_untold_again(engine);
    if (status == RC_OK) status = run_facts(engine, err);
    if (status == RC_OK) status = rc_hold_look_through(engine, err);
    bool may = engine->room && !rc_engine_held(engine);
    if (status == RC_OK && may) status = run_due(engine, &engine->due, 0, engine->turn.now, err);
    if (status == RC_OK && may)
        status = run_due(engine, &engine->calendar, RC_CALENDAR, engine->turn.wall, err);
    if (status == RC_OK && may && !engine->turn.draining) status = rc_schedules_run(engine, err);
    if (status == RC_OK) run_requests(engine, requests);
    if (status == RC_OK) rc_leases_expire(engine); /* behind what workers have said until now */
    if (status == RC_OK) status = run_offers(engine, err);
    if (status == RC_OK) status = rc_work_give(engine, err);
    rc_notices_submit(engine); /* of what is committed, whatever else there was no room for */
    /* what ran out in the middle of a turn does not spoil what came before it */
    enum rc_status committed = rc_turn_commit(engine, err);
    rc_schedules_end_turn(engine);
    rc_notices_end_turn(engine, committed == RC_OK && !engine->turn.published);
    rc_children_end_turn(engine);
    if (engine->booted) rc_waves_record(engine);
    rc_work_reply(engine, engine->turn.draining);
    return committed != RC_OK                                      ? committed
           : rc_turn_passes(engine, status) && engine->turn.nunits ? RC_OK
                                                                   : status;
}

void rc_engine_follow_up(struct rc_engine *engine)
{
    if (engine->ports.store) rc_store_follow_up(engine->ports.store);
}

enum rc_status rc_engine_turn(struct rc_engine *engine, struct rc_tick tick, rc_us *ret_sleep,
                              struct rc_error *err)
{
    struct rc_error error = {0};
    uint32_t units = engine->turn.nunits;
    rc_engine_follow_up(engine); /* of the last turn, where nobody has asked for it */
    begin(engine, tick);
    rc_engine_collect(engine);
    struct rc_request *requests = engine->taken;
    engine->collected = false;
    rc_pace_turn(&engine->pace, units, tick.took, engine->ntaken, tick.monotonic);
    enum rc_status status = engine->booted ? RC_OK : rc_engine_reopen(engine, &error);
    if (status == RC_OK) {
        rc_waves_post(engine, &requests);
        status = work(engine, &requests, &error);
        /* a moment later it may work; who waits longer is told */
        engine->failing = status == RC_OK ? 0 : engine->failing + 1;
        if (engine->failing > 1)
            refuse_all(engine, requests, status, &error);
        else
            rc_inbox_put_back(engine, requests);
    } else {
        refuse_all(engine, requests, RC_IO, &error);
    }
    if (status == RC_OK && !engine->turn.nunits && !rc_engine_queued(engine))
        status = rc_store_idle(engine->ports.store, &error);
    /* a disk that opens and does not commit, again and again, is not asked without a pause */
    bool pause = status != RC_OK || engine->unknown > 1;
    *ret_sleep = pause ? RC_MS(200) : rc_engine_queued(engine) ? 0 : sleep_of(engine);
    count_turn(engine, status == RC_OK);
    if (status != RC_OK && err) *err = error;
    return status;
}
