/* Queues of workers: which are open, who has asked them, and what waits there and why. Which are stopped is stored (store/order.h). */
#include "engine/state.h"

#include <stdlib.h>

const char *rc_queue_word(unsigned state)
{
    static const char *const word[] = {
        [RC_QUEUE_OPEN] = "flowing", [RC_QUEUE_PAUSED] = "paused", [RC_QUEUE_DRAINING] = "draining"};
    return state < RC_QUEUE_STATES ? word[state] : "?";
}

static struct rc_queue *find(const struct rc_engine *engine, struct rc_sv name)
{
    for (uint32_t i = 0; i < engine->nqueues; i++)
        if (rc_sv_eq(rc_name_sv(&engine->queues[i].name), name)) return &engine->queues[i];
    return NULL;
}

uint8_t rc_queue_state(const struct rc_engine *engine, struct rc_sv name)
{
    const struct rc_queue *queue = find(engine, name);
    return queue ? queue->state : (uint8_t)RC_QUEUE_OPEN;
}

static bool is_defined(const struct rc_engine *engine, struct rc_sv name)
{
    const struct flow_set *set = rc_engine_set(engine);
    for (uint32_t i = 0; i < set->ndependencies; i++)
        if (set->dependencies[i]->kind == FLOW_DEP_WORKER &&
            rc_sv_eq(set->dependencies[i]->worker.queue, name))
            return true;
    return false;
}

static struct rc_queue *add(struct rc_engine *engine, struct rc_sv name)
{
    struct rc_queue *queue =
        realloc(engine->queues, /* with the lock held */ (engine->nqueues + 1) * sizeof *queue);
    if (!queue) return NULL;
    engine->queues = queue;
    queue += engine->nqueues++;
    *queue = (struct rc_queue){0};
    rc_name_set(&queue->name, name);
    return queue;
}

/* Only those that a definition names: what a stranger asks for takes no memory. NULL: none, or out of memory. */
static struct rc_queue *find_or_add(struct rc_engine *engine, struct rc_sv name)
{
    struct rc_queue *queue = find(engine, name);
    return queue || !is_defined(engine, name) ? queue : add(engine, name);
}

/* ---- which are stopped ---------------------------------------------------------------------------------------------- */

static uint32_t keep_text(char *to, uint32_t cap, struct rc_sv text)
{
    uint32_t n = text.n < cap ? text.n : cap;
    if (n) memcpy(to, text.p, n);
    return n;
}

static void set(struct rc_queue *queue, uint8_t state, rc_us since, const struct rc_author *by)
{
    queue->state = state;
    queue->since = state == RC_QUEUE_OPEN ? 0 : since;
    queue->by_n = keep_text(queue->by, sizeof queue->by, by->actor.n ? by->actor : by->subject);
    queue->reason_n = keep_text(queue->reason, sizeof queue->reason, by->reason);
}

/* Also of queues that no definition names any more: one that comes back is as it was. */
static enum rc_status take_over(struct rc_engine *engine, const struct rc_stopped *rows, uint32_t n,
                                struct rc_error *err)
{
    for (uint32_t i = 0; i < engine->nqueues; i++) engine->queues[i].state = RC_QUEUE_OPEN;
    for (uint32_t i = 0; i < n; i++) {
        struct rc_queue *queue = find(engine, rows[i].queue);
        if (!queue) queue = add(engine, rows[i].queue);
        if (!queue) return rc_fail(err, RC_NOMEM, "out of memory");
        set(queue, rows[i].state, rows[i].since, &rows[i].by);
    }
    return RC_OK;
}

enum rc_status rc_queues_read(struct rc_engine *engine, struct rc_error *err)
{
    enum { MEMORY = 8 << 20 };
    struct rc_arena *arena = rc_arena_new(0, MEMORY);
    struct rc_stopped *rows = NULL;
    uint32_t n = 0;
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = rc_read_stopped(engine->reader, arena, &rows, &n, err);
    if (status == RC_OK) {
        pthread_mutex_lock(&engine->queues_lock);
        status = take_over(engine, rows, n, err);
        pthread_mutex_unlock(&engine->queues_lock);
    }
    rc_arena_free(arena);
    return status;
}

/* ---- who has asked -------------------------------------------------------------------------------------------------- */

static void note(struct rc_queue *queue, struct rc_sv capability, rc_us now)
{
    struct rc_asked *oldest = &queue->asked[0];
    for (uint32_t i = 0; i < queue->nasked; i++) {
        struct rc_asked *asked = &queue->asked[i];
        if (asked->at < oldest->at) oldest = asked;
        if (!rc_sv_eq(rc_name_sv(&asked->capability), capability)) continue;
        asked->at = now;
        return;
    }
    if (queue->nasked < RC_MAX_CAPABILITIES) oldest = &queue->asked[queue->nasked++];
    rc_name_set(&oldest->capability, capability);
    oldest->at = now;
}

void rc_queues_asked(struct rc_engine *engine, const struct rc_lease_ask *ask)
{
    pthread_mutex_lock(&engine->queues_lock);
    for (uint32_t i = 0; i < ask->nqueues; i++) {
        struct rc_queue *queue = find_or_add(engine, ask->queues[i]);
        if (!queue) continue;
        note(queue, RC_SV(""), engine->now);
        for (uint32_t k = 0; k < ask->ncapabilities; k++) note(queue, ask->capabilities[k], engine->now);
    }
    pthread_mutex_unlock(&engine->queues_lock);
}

bool rc_queues_drain(const struct rc_engine *engine, const struct rc_lease_ask *ask)
{
    for (uint32_t i = 0; i < ask->nqueues; i++)
        if (rc_queue_state(engine, ask->queues[i]) != RC_QUEUE_DRAINING) return false;
    return ask->nqueues > 0;
}

static rc_us last_asked(const struct rc_queue *queue, struct rc_sv capability)
{
    for (uint32_t i = 0; queue && i < queue->nasked; i++)
        if (rc_sv_eq(rc_name_sv(&queue->asked[i].capability), capability)) return queue->asked[i].at;
    return 0;
}

void rc_engine_worker_wait(struct rc_engine *engine, const struct rc_command *c, uint32_t node,
                           struct rc_worker_wait *ret)
{
    const struct flow_call *call = &rc_node_step(c, node)->call;
    const struct flow_dependency *dependency =
        flow_set_dependency(rc_engine_set(engine), c->flow->dependencies[call->dependency]);
    *ret = (struct rc_worker_wait){.capability = call->capability};
    if (!dependency || dependency->kind != FLOW_DEP_WORKER) return;
    ret->queue = dependency->worker.queue;
    pthread_mutex_lock(&engine->queues_lock);
    ret->state = rc_queue_state(engine, ret->queue);
    ret->last_asked = last_asked(find(engine, ret->queue), call->capability);
    pthread_mutex_unlock(&engine->queues_lock);
}

/* ---- what is shown -------------------------------------------------------------------------------------------------- */

static bool somebody_asks(const struct rc_engine *engine, const struct rc_line *line, struct rc_sv queue)
{
    for (const struct rc_request *request = engine->pollers; request; request = request->next)
        if (rc_work_can(request->u.lease, line, queue)) return true;
    return false;
}

static const char *why_it_waits(const struct rc_engine *engine, const struct rc_door *door,
                                const struct rc_queue_row *row, const struct rc_queue_line *line)
{
    if (!line->waiting) return NULL;
    if (row->state == RC_QUEUE_PAUSED) return "the queue is paused";
    if (row->state == RC_QUEUE_DRAINING) return "the queue is being drained";
    if (door->gate.closed) return "nothing leaves: the server stops, is held, or its disk is full";
    if (somebody_asks(engine, &door->line, row->name)) return NULL;
    if (!line->last_asked && line->capability.n) return "no worker has asked that declares this capability";
    if (!line->last_asked) return "no worker has asked";
    return "those who could do it are busy, or gone: nobody asks now";
}

static enum rc_status show_line(struct rc_engine *engine, const struct rc_door *door,
                                struct rc_queue_row *row, struct rc_arena *arena)
{
    const struct rc_work *first = rc_window_first(&door->waiting);
    struct rc_queue_line *line = &row->lines[row->nlines++];
    *line = (struct rc_queue_line){.dependency = rc_copy_sv(arena, rc_name_sv(&door->line.dependency)),
                                   .ns = rc_copy_sv(arena, rc_name_sv(&door->line.ns)),
                                   .capability = rc_copy_sv(arena, rc_name_sv(&door->line.capability)),
                                   .waiting = door->waiting.n,
                                   .more = door->waiting.more,
                                   .oldest = first ? first->order : 0};
    line->last_asked = last_asked(find(engine, row->name), line->capability);
    line->why = why_it_waits(engine, door, row, line);
    return rc_arena_status(arena);
}

static enum rc_status show(struct rc_engine *engine, struct rc_sv name, struct rc_queue_row *row,
                           struct rc_arena *arena, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    row->name = rc_copy_sv(arena, name);
    row->state = rc_queue_state(engine, name);
    const struct rc_queue *queue = find(engine, name);
    if (queue && row->state != RC_QUEUE_OPEN) {
        row->since = queue->since;
        row->by = rc_copy_sv(arena, (struct rc_sv){queue->by, queue->by_n});
        row->reason = rc_copy_sv(arena, (struct rc_sv){queue->reason, queue->reason_n});
    }
    row->lines = RC_NEW_ARRAY(arena, struct rc_queue_line, engine->doors.n);
    if (!row->name.p || !row->lines) return rc_fail_arena(err, arena);
    for (size_t i = 0; status == RC_OK && i < engine->doors.cap; i++) {
        struct rc_door *door = engine->doors.slot[i].value;
        if (!door || door->line.kind != RC_LINE_WORKERS) continue;
        if (!rc_sv_eq(rc_line_queue(engine, &door->line), name)) continue;
        row->leased += door->gate.in_use;
        status = show_line(engine, door, row, arena);
        if (status != RC_OK) return rc_fail_arena(err, arena);
    }
    for (const struct rc_request *request = engine->pollers; request; request = request->next)
        for (uint32_t i = 0; i < request->u.lease->nqueues; i++)
            row->asking += rc_sv_eq(request->u.lease->queues[i], name);
    return status;
}

static enum rc_status show_leases(const struct rc_engine *engine, struct rc_queue_ask *ask,
                                  struct rc_arena *arena, struct rc_error *err)
{
    ask->leases = RC_NEW_ARRAY(arena, struct rc_queue_lease, RC_MAX_SHOWN_LEASES);
    ask->nleases = 0;
    if (!ask->leases) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < engine->leases.n && ask->nleases < RC_MAX_SHOWN_LEASES; i++) {
        const struct rc_lease *lease = engine->leases.heap[i];
        struct rc_sv progress = {lease->progress, lease->progress_n};
        if (!rc_sv_eq(rc_name_sv(&lease->queue), ask->name)) continue;
        ask->leases[ask->nleases++] =
            (struct rc_queue_lease){.queue = ask->name,
                                    .worker = rc_copy_sv(arena, rc_name_sv(&lease->worker)),
                                    .progress = rc_copy_sv(arena, progress),
                                    .ns = rc_copy_sv(arena, rc_name_sv(&lease->ns)),
                                    .seq = lease->seq,
                                    .nonce = lease->nonce,
                                    .node = lease->node,
                                    .attempt = lease->attempt,
                                    .since = lease->since,
                                    .deadline = lease->deadline};
    }
    return rc_arena_status(arena) == RC_OK ? RC_OK : rc_fail_arena(err, arena);
}

static enum rc_status show_all(struct rc_engine *engine, struct rc_queue_ask *ask, struct rc_arena *arena,
                               struct rc_error *err)
{
    const struct flow_set *set = rc_engine_set(engine);
    enum rc_status status = RC_OK;
    ask->nrows = 0;
    ask->rows = RC_NEW_ARRAY(arena, struct rc_queue_row, set->ndependencies);
    if (!ask->rows) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; status == RC_OK && i < set->ndependencies; i++) {
        const struct flow_dependency *dependency = set->dependencies[i];
        struct rc_sv name = dependency->worker.queue;
        bool wanted = dependency->kind == FLOW_DEP_WORKER && (!ask->name.n || rc_sv_eq(ask->name, name));
        for (uint32_t k = 0; k < ask->nrows && wanted; k++) wanted = !rc_sv_eq(ask->rows[k].name, name);
        if (wanted) status = show(engine, name, &ask->rows[ask->nrows++], arena, err);
    }
    return status;
}

/* Those who wait there are told, so that they can end. */
static void tell_drained(struct rc_engine *engine)
{
    for (struct rc_request *request = engine->pollers; request; request = request->next)
        request->u.lease->draining = rc_queues_drain(engine, request->u.lease);
}

/* Stored first; what is held in memory follows. */
static enum rc_status carry_out(struct rc_engine *engine, struct rc_queue *queue,
                                const struct rc_queue_ask *ask, struct rc_error *err)
{
    const struct rc_order order = {
        .kind = RC_ORDER_QUEUE, .queue = ask->name, .state = ask->state, .by = ask->author};
    enum rc_status status = rc_store_order(engine->ports.store, &order, engine->turn.now, err);
    if (status != RC_OK) return status;
    pthread_mutex_lock(&engine->queues_lock);
    set(queue, ask->state, engine->turn.now, &ask->author);
    pthread_mutex_unlock(&engine->queues_lock);
    tell_drained(engine);
    return RC_OK;
}

void rc_request_queue(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_queue_ask *ask = request->u.queue;
    struct rc_error *err = &request->error;
    if (ask->name.n) {
        pthread_mutex_lock(&engine->queues_lock);
        struct rc_queue *queue = find_or_add(engine, ask->name);
        pthread_mutex_unlock(&engine->queues_lock);
        if (!queue)
            request->status =
                rc_fail(err, RC_NOT_FOUND, "no dependency of kind worker has the queue \"%.*s\"",
                        RC_SV_ARG(ask->name));
        else if (ask->state < RC_QUEUE_STATES)
            request->status = carry_out(engine, queue, ask, err);
    }
    if (request->status == RC_OK) request->status = show_all(engine, ask, request->arena, err);
    if (request->status == RC_OK && ask->name.n)
        request->status = show_leases(engine, ask, request->arena, err);
}
