/* How a turn ends: one commit, and what follows from how it went (engine.h). */
#include "engine/state.h"

void rc_turn_reply(struct rc_engine *engine, enum rc_status failed, const struct rc_error *error)
{
    for (struct rc_request *request = engine->turn.replies, *next; request; request = next) {
        next = request->next;
        /* what was found out within the turn may rest on what was not committed */
        if (failed != RC_OK && !rc_request_stands(request)) {
            request->status = failed;
            request->error = *error;
        }
        if (request->status != RC_OK)
            atomic_fetch_add(&engine->stats.refused, 1);
        else if (request->kind == RC_REQUEST_SUBMIT)
            atomic_fetch_add(request->replayed ? &engine->stats.replayed : &engine->stats.submitted, 1);
        rc_engine_reply(engine, request);
    }
    engine->turn.replies = NULL;
}

/* ---- attempts ------------------------------------------------------------------------------------------------------- */

/* All that an attempt needs to leave, or to be known not to have left: got before the commit, so that nothing after it can fail for want of
 * memory. */
struct starting {
    struct rc_start start;
    struct rc_fact *fact; /* in the start's arena: "it did not leave" */
    struct rc_task *task; /* for a worker; NULL: an executor's */
};

static void free_starts(struct starting *starts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) rc_arena_free(starts[i].start.arena);
}

static enum rc_status prepare_start(const struct rc_effect *effect, struct starting *ret)
{
    enum { EFFECT_MAX = 8 << 20 };
    *ret = (struct starting){.start = {rc_arena_new(1024, EFFECT_MAX), *effect}};
    if (!ret->start.arena) return RC_NOMEM;
    ret->fact = RC_NEW(ret->start.arena, struct rc_fact);
    if (!ret->fact) return rc_arena_status(ret->start.arena);
    return cel_copy(effect->request, ret->start.arena, &ret->start.effect.request);
}

static enum rc_status prepare_task(struct rc_engine *engine, uint32_t effect, struct starting *ret)
{
    if (ret->start.effect.dependency->kind != FLOW_DEP_WORKER) return RC_OK;
    return rc_task_make(engine, effect, &ret->start, &ret->task);
}

static enum rc_status prepare_starts(struct rc_engine *engine, struct starting **ret, struct rc_error *err)
{
    const struct rc_effect *effects = engine->turn.effects.items;
    uint32_t n = engine->turn.effects.n;
    struct starting *starts = RC_NEW_ARRAY(engine->turn.arena, struct starting, n);
    if (!starts) return rc_fail_arena(err, engine->turn.arena);
    for (uint32_t i = 0; i < n; i++) {
        enum rc_status status = prepare_start(&effects[i], &starts[i]);
        if (status == RC_OK) status = prepare_task(engine, i, &starts[i]);
        if (status == RC_OK) continue;
        free_starts(starts, i + 1);
        return rc_fail(err, status, "a request cannot be made ready to leave");
    }
    *ret = starts;
    return RC_OK;
}

static const struct rc_result busy = {
    .reach = RC_NOT_SENT, .why = RC_WHY_NOT_SENT, .error = RC_SV("the server could not take on the request")};
static const struct rc_result nowhere = {
    .reach = RC_NOT_SENT,
    .why = RC_WHY_CONFIGURATION,
    .error = RC_SV("this server is not configured to perform requests of this kind")};

/* Not while the executors are being closed. */
static bool hand_over(struct rc_engine *engine, struct rc_exec *exec, const struct rc_start *start)
{
    pthread_mutex_lock(&engine->leaving);
    bool left = !engine->apart_from_exec && rc_exec_start(exec, start) == RC_OK;
    pthread_mutex_unlock(&engine->leaving);
    return left;
}

static void start(struct rc_engine *engine, struct starting *starting)
{
    const struct rc_effect *effect = &starting->start.effect;
    uint64_t key = rc_attempt_key(effect->of.id, effect->node, effect->attempt);
    struct rc_exec *exec = engine->ports.exec[effect->dependency->kind];
    atomic_fetch_add(&engine->stats.attempts, 1);
    if (starting->task && rc_task_leave(engine, starting->task)) return;
    if (exec && rc_map_put(&engine->started, key, engine) == RC_OK &&
        hand_over(engine, exec, &starting->start))
        return;
    /* the attempt did not leave: that is a result, too */
    starting->fact->answer = (struct rc_answer){.arena = starting->start.arena,
                                                .of = effect->of,
                                                .node = effect->node,
                                                .attempt = effect->attempt,
                                                .purpose = effect->purpose,
                                                .result = exec || starting->task ? busy : nowhere};
    rc_facts_push(&engine->facts, starting->fact);
}

/* ---- when the commit has come through ------------------------------------------------------------------------------- */

/* What is ready went into its gate's window when it was told to queue. */
static void publish_moves(struct rc_engine *engine, const struct rc_touched *touched)
{
    for (uint32_t i = 0; i < touched->nmoves; i++) {
        const struct rc_work *after = &touched->moves[i].after;
        engine->lane_waits -= touched->moves[i].before.phase == RC_WORK_LANE_WAITS;
        engine->lane_waits += after->phase == RC_WORK_LANE_WAITS;
        if (after->phase == RC_PHASE_DELAYED)
            rc_window_add(after->gate == RC_CALENDAR ? &engine->calendar : &engine->due, after);
    }
}

static void release_touched(struct rc_engine *engine)
{
    const struct rc_touch *touched = engine->turn.touched.items;
    for (uint32_t i = 0; i < engine->turn.touched.n; i++) {
        struct rc_hot *hot = touched[i].hot;
        hot->touched = 0;
        hot->request = NULL;
        if (rc_state_ended(hot->command.state)) rc_cache_drop(&engine->cache, hot);
    }
}

static void release_facts(struct rc_engine *engine)
{
    for (struct rc_fact *fact; (fact = rc_facts_pop(&engine->turn.taken));) {
        rc_map_remove(&engine->started,
                      rc_attempt_key(fact->answer.of.id, fact->answer.node, fact->answer.attempt));
        rc_arena_free(fact->answer.arena);
    }
}

static void tell_changed(const struct rc_engine *engine)
{
    const struct rc_touch *touched = engine->turn.touched.items;
    for (uint32_t i = 0; engine->ports.changed && i < engine->turn.touched.n; i++) {
        struct rc_outline outline;
        rc_outline_of(&touched[i].hot->command, &outline);
        engine->ports.changed(engine->ports.context, &outline);
    }
}

static void publish(struct rc_engine *engine, const struct rc_batch *batch, struct starting *starts)
{
    enum { HOT_BYTES = 16 << 20 };
    rc_suspects_committed(engine->ports.suspects);
    if (engine->turn.holds) engine->hold = engine->turn.hold;
    for (uint32_t i = 0; i < batch->ntouched; i++) publish_moves(engine, &batch->touched[i]);
    release_facts(engine);
    rc_reports_done(engine);
    for (uint32_t i = 0; i < engine->turn.effects.n; i++) start(engine, &starts[i]);
    tell_changed(engine);
    rc_turn_reply(engine, RC_OK, NULL);
    release_touched(engine);
    rc_cache_trim(&engine->cache, HOT_BYTES);
}

/* What was taken from the windows is in the store still. */
static void forget_windows(struct rc_engine *engine)
{
    for (size_t i = 0; i < engine->doors.cap; i++)
        if (engine->doors.slot[i].value)
            rc_window_forget(&((struct rc_door *)engine->doors.slot[i].value)->waiting);
    rc_window_forget(&engine->due);
    rc_window_forget(&engine->calendar);
}

/* Nothing of the turn has happened. */
static void drop_turn(struct rc_engine *engine)
{
    const struct rc_touch *touched = engine->turn.touched.items;
    uint32_t ntouched = engine->turn.touched.n;
    rc_overlay_undo(engine, (struct rc_mark){0});
    for (uint32_t i = 0; i < ntouched; i++) /* undo leaves the items where they are */
        if (touched[i].nodes == NULL) rc_submit_take_back(engine, touched[i].hot);
    rc_facts_put_back(&engine->facts, &engine->turn.taken);
    rc_reports_drop(engine);
    engine->planners.set = NULL; /* rows that were to go are still there */
}

/* The handle is poisoned: read again what is true. */
enum rc_status rc_engine_reopen(struct rc_engine *engine, struct rc_error *err)
{
    struct rc_store *old = engine->ports.store;
    rc_engine_forget(engine);
    engine->ports.store = NULL;
    enum rc_status status = engine->ports.reopen(engine->ports.context, old, &engine->ports.store, err);
    if (status != RC_OK) return status;
    engine->reader = rc_store_self(engine->ports.store);
    status = rc_engine_boot(engine, false, err);
    /* nobody knows what of the batch is there: whoever waits must look */
    if (status == RC_OK && engine->ports.changed) engine->ports.changed(engine->ports.context, NULL);
    return status;
}

/* The store will never take this batch: something in it is wrong. */
static bool is_final(enum rc_status status)
{
    return status == RC_BUG || status == RC_LIMIT || status == RC_DAMAGED;
}

/* Whoever asks gets another turn, but for what has committed by itself. */
static void ask_again(struct rc_engine *engine)
{
    struct rc_request *again = NULL, **last = &again;
    for (struct rc_request *request = engine->turn.replies, *next; request; request = next) {
        next = request->next;
        request->next = NULL;
        if (rc_request_stands(request)) {
            rc_engine_reply(engine, request);
            continue;
        }
        *last = request;
        last = &request->next;
    }
    engine->turn.replies = NULL;
    rc_inbox_put_back(engine, again);
}

/* A batch that is refused for what is in it is run again unit by unit, so that the one that is to blame fails alone. A fact that does is
 * given up: its command stays as it is, and the fault shows. So is a step that was called from a window: it is not called again before the
 * window is read anew, so that nobody waits behind it. */
static enum rc_status find_the_one(struct rc_engine *engine, enum rc_status status,
                                   const struct rc_error *error)
{
    if (engine->apart) {
        engine->apart--;
        rc_engine_fault(engine, error);
        release_facts(engine);
        drop_turn(engine);
        rc_turn_reply(engine, status, error);
        return RC_OK;
    }
    drop_turn(engine);
    forget_windows(engine);
    ask_again(engine);
    engine->apart = engine->turn.nunits;
    return RC_OK;
}

enum rc_status rc_turn_commit(struct rc_engine *engine, struct rc_error *err)
{
    struct rc_batch batch = {0};
    struct rc_error error = {0};
    struct starting *starts = NULL;
    enum rc_status status = prepare_starts(engine, &starts, &error);
    if (status == RC_OK && (engine->turn.records.n || engine->turn.holds || engine->turn.schedules.n ||
                            engine->turn.signals.n)) {
        status = rc_overlay_batch(engine, &batch, &error);
        if (status == RC_OK) status = rc_store_commit(engine->ports.store, &batch, &error);
        if (status != RC_OK) free_starts(starts, engine->turn.effects.n);
        atomic_fetch_add(&engine->stats.commits, 1);
    }
    engine->turn.published = status == RC_OK;
    if (status == RC_OK) {
        engine->unknown = 0;
        publish(engine, &batch, starts);
        if (engine->apart && engine->turn.nunits) engine->apart--;
        return RC_OK;
    }
    if (is_final(status)) return find_the_one(engine, status, &error);
    drop_turn(engine); /* first: requests get their memory back before they go */
    forget_windows(engine);
    rc_turn_reply(engine, status, &error);
    if (status == RC_FULL) engine->full = true;
    if (status == RC_IO) engine->booted = false; /* read anew what is true before going on */
    if (err) *err = error;
    if (status != RC_COMMIT_UNKNOWN) return status;
    engine->unknown++;
    return rc_engine_reopen(engine, err);
}
