/* Steps for those who ask. A worker's question waits here until there is something for it, its time is over, or it has gone; each turn
 * gives what waits to those who asked first, to one namespace after the other, within the same commit. */
#include "engine/state.h"

#include <stdlib.h>

void rc_name_set(struct rc_name *name, struct rc_sv text)
{
    name->n = text.n < sizeof name->text ? text.n : (uint32_t)sizeof name->text;
    if (name->n) memcpy(name->text, text.p, name->n);
}

void rc_tasks_free(struct rc_task *task)
{
    for (struct rc_task *next; task; task = next) {
        next = task->next;
        rc_arena_free(task->arena);
    }
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

void rc_line_learn(struct rc_door *door, const struct rc_command *c, uint32_t at)
{
    struct rc_line *line = &door->line;
    const struct flow_call *call = &rc_node_step(c, at)->call;
    if (line->kind != RC_LINE_UNKNOWN) return;
    line->kind = call->worker ? RC_LINE_WORKERS : RC_LINE_NONE;
    if (!call->worker) return;
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, c->id.ns);
    line->ns_key = rc_sha256_h128(&sha).hi;
    rc_name_set(&line->dependency, c->flow->dependencies[call->dependency]);
    rc_name_set(&line->ns, c->id.ns);
    rc_name_set(&line->capability, call->capability);
}

/* After a start only the numbers of gates are known: who waits there says what it is. */
enum rc_status rc_line_find_out(struct rc_engine *engine, struct rc_door *door, struct rc_error *err)
{
    const struct rc_work *first;
    struct rc_hot *hot;
    if (door->line.kind != RC_LINE_UNKNOWN) return RC_OK;
    enum rc_status status =
        rc_window_fill(&door->waiting, engine->reader, RC_PHASE_READY, door->gate.id, err);
    while (status == RC_OK && door->line.kind == RC_LINE_UNKNOWN &&
           (first = rc_window_first(&door->waiting))) {
        struct rc_error error;
        enum rc_status loaded = rc_engine_command(engine, first->seq, &hot, &error);
        if (loaded == RC_OK && first->node < hot->command.nnodes)
            rc_line_learn(door, &hot->command, first->node);
        else if (loaded == RC_NOMEM || loaded == RC_IO)
            status = rc_fail(err, loaded, "%s", error.text);
        else
            rc_window_pop(&door->waiting); /* it cannot be read, and stays as it is */
    }
    return status;
}

struct rc_sv rc_line_queue(const struct rc_engine *engine, const struct rc_line *line)
{
    const struct flow_dependency *dependency =
        flow_set_dependency(rc_engine_set(engine), rc_name_sv(&line->dependency));
    bool is_worker = dependency && dependency->kind == FLOW_DEP_WORKER;
    return is_worker ? dependency->worker.queue : (struct rc_sv){0};
}

/* ---- who asks ------------------------------------------------------------------------------------------------------- */

static bool lists(const struct rc_sv *texts, uint32_t n, struct rc_sv text)
{
    for (uint32_t i = 0; i < n; i++)
        if (rc_sv_eq(texts[i], text)) return true;
    return false;
}

bool rc_work_can(const struct rc_lease_ask *ask, const struct rc_line *line, struct rc_sv queue)
{
    return lists(ask->queues, ask->nqueues, queue) &&
           (!ask->ns.n || rc_sv_eq(ask->ns, rc_name_sv(&line->ns))) &&
           (!line->capability.n ||
            lists(ask->capabilities, ask->ncapabilities, rc_name_sv(&line->capability)));
}

void rc_work_ask(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_lease_ask *ask = request->u.lease;
    if (engine->npollers >= RC_MAX_POLLERS) {
        request->status = rc_fail(&request->error, RC_BUSY, "more than %d workers wait", RC_MAX_POLLERS);
        return;
    }
    ask->until = engine->now + ask->wait;
    ask->tasks = NULL;
    ask->last = &ask->tasks;
    ask->ntasks = ask->granted = 0;
    ask->draining = rc_queues_drain(engine, ask);
    rc_queues_asked(engine, ask);
    *engine->last_poller = request;
    engine->last_poller = &request->next;
    request->next = NULL;
    engine->npollers++;
}

static bool is_over(const struct rc_engine *engine, const struct rc_lease_ask *ask)
{
    return ask->ntasks || ask->until <= engine->now || atomic_load(&ask->gone) || ask->draining;
}

/* Answers those who have got something, or will not. */
void rc_work_reply(struct rc_engine *engine, bool all)
{
    struct rc_request **at = &engine->pollers;
    for (struct rc_request *request; (request = *at);) {
        struct rc_lease_ask *ask = request->u.lease;
        ask->granted = 0;
        if (all && !ask->ntasks) ask->draining = true;
        if (!is_over(engine, ask)) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        request->next = NULL;
        engine->npollers--;
        rc_engine_reply(engine, request);
    }
    engine->last_poller = at;
}

rc_us rc_work_sleep(const struct rc_engine *engine)
{
    rc_us sleep = engine->gives_more && engine->pollers ? 0 : rc_leases_sleep(engine);
    for (const struct rc_request *request = engine->pollers; request; request = request->next) {
        rc_us until = request->u.lease->until;
        if (until <= engine->now) return 0;
        if (until - engine->now < sleep) sleep = until - engine->now;
    }
    return sleep;
}

/* ---- giving --------------------------------------------------------------------------------------------------------- */

struct ready { /* a line where something waits, in a queue that is open */
    struct rc_door *door;
    struct rc_sv queue;
};

/* Their windows were filled when the turn began. */
static enum rc_status find_ready(struct rc_engine *engine, struct ready **ret, uint32_t *ret_n,
                                 struct rc_error *err)
{
    uint32_t n = 0;
    struct ready *ready = RC_NEW_ARRAY(engine->turn.arena, struct ready, engine->doors.n);
    if (!ready) return rc_fail_arena(err, engine->turn.arena);
    for (size_t i = 0; i < engine->doors.cap; i++) {
        struct rc_door *door = engine->doors.slot[i].value;
        if (!door || door->line.kind != RC_LINE_WORKERS || door->gate.closed) continue;
        struct rc_sv queue = rc_line_queue(engine, &door->line);
        if (!door->waiting.n || !queue.n || rc_queue_state(engine, queue) != RC_QUEUE_OPEN) continue;
        ready[n++] = (struct ready){door, queue};
    }
    *ret = ready;
    *ret_n = n;
    return RC_OK;
}

/* The line that has waited longest for its turn, of the namespace that has. */
static struct rc_door *pick(struct rc_engine *engine, const struct rc_lease_ask *ask,
                            const struct ready *ready, uint32_t n)
{
    struct rc_door *best = NULL;
    uintptr_t best_ns = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct rc_door *door = ready[i].door;
        if (!door->waiting.n || !rc_work_can(ask, &door->line, ready[i].queue)) continue;
        uintptr_t ns = (uintptr_t)rc_map_get(&engine->ns_served, door->line.ns_key);
        if (best && (ns > best_ns || (ns == best_ns && door->line.served >= best->line.served))) continue;
        best = door;
        best_ns = ns;
    }
    return best;
}

static void served(struct rc_engine *engine, struct rc_door *door)
{
    door->line.served = ++engine->served;
    /* without memory for it the order is less fair, nothing else */
    (void)!rc_map_put(&engine->ns_served, door->line.ns_key,
                      (void *)(uintptr_t)engine->served); /* NOLINT(performance-no-int-to-ptr) */
}

/* Which of the turn's new effects is the one that was pulled. */
static enum rc_status note_grant(struct rc_engine *engine, struct rc_request *request,
                                 const struct rc_work *row, uint32_t before, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    const struct rc_effect *effects = turn->effects.items;
    for (uint32_t i = before; i < turn->effects.n; i++) {
        if (effects[i].of.id != row->seq || effects[i].node != row->node ||
            effects[i].dependency->kind != FLOW_DEP_WORKER)
            continue;
        struct rc_grant *grant = rc_list_add(&turn->grants, turn->arena, sizeof *grant);
        if (!grant) return rc_fail_arena(err, turn->arena);
        *grant = (struct rc_grant){request, i};
        request->u.lease->granted++;
    }
    return RC_OK;
}

static enum rc_status pull(struct rc_engine *engine, struct rc_request *request, struct rc_door *door,
                           struct rc_error *err)
{
    const struct rc_work row = *rc_window_first(&door->waiting);
    uint32_t before = engine->turn.effects.n;
    enum rc_status status = rc_call_first(engine, door, RC_MSG_PULL, err);
    uint32_t granted = request->u.lease->granted;
    if (status == RC_OK) status = note_grant(engine, request, &row, before, err);
    if (status == RC_OK && request->u.lease->granted > granted)
        served(engine, door); /* what could not begin is no service */
    return status;
}

/* Whether the bound of the turn, or of a window, has stopped it, so that the next turn goes on. */
static bool could_go_on(const struct rc_engine *engine, const struct ready *ready, uint32_t n, uint32_t most)
{
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct rc_window *waiting = &ready[i].door->waiting;
        any |= waiting->n ? engine->turn.nunits >= most : waiting->more;
    }
    return any;
}

static bool may_take(const struct rc_engine *engine, const struct rc_lease_ask *ask, uint32_t most)
{
    return ask->granted < ask->max && !atomic_load(&ask->gone) && !ask->draining &&
           engine->turn.nunits < most && engine->leases.n + engine->turn.grants.n < RC_MAX_LEASES;
}

/* What is not begun may lead to a step of another line, for somebody who was looked at before: so until a pass takes nothing out. */
enum rc_status rc_work_give(struct rc_engine *engine, struct rc_error *err)
{
    struct ready *ready = NULL;
    uint32_t n = 0;
    uint32_t most = engine->apart ? 1 : 2 * RC_MAX_UNITS;
    enum rc_status status = RC_OK;
    engine->gives_more = false;
    if (!engine->pollers || engine->closed) return RC_OK;
    for (bool pulled = true; status == RC_OK && pulled;) {
        pulled = false;
        status = find_ready(engine, &ready, &n, err);
        for (struct rc_request *request = engine->pollers; status == RC_OK && n && request;
             request = request->next) {
            const struct rc_lease_ask *ask = request->u.lease;
            struct rc_door *door;
            while (status == RC_OK && may_take(engine, ask, most) && (door = pick(engine, ask, ready, n))) {
                status = pull(engine, request, door, err);
                pulled = true;
            }
        }
    }
    engine->gives_more = status != RC_OK || could_go_on(engine, ready, n, most);
    return status;
}

/* ---- when it leaves ------------------------------------------------------------------------------------------------- */

static bool copy(struct rc_arena *arena, struct rc_sv *io_text)
{
    *io_text = rc_copy_sv(arena, *io_text);
    return io_text->p != NULL;
}

/* Everything that the answer says, before the commit: after it nothing may fail. */
enum rc_status rc_task_make(struct rc_engine *engine, uint32_t effect, const struct rc_start *start,
                            struct rc_task **ret)
{
    const struct rc_grant *grants = engine->turn.grants.items;
    const struct rc_effect *leaves = &start->effect;
    struct rc_hot *hot = rc_cache_find(&engine->cache, leaves->of.id);
    uint32_t i = 0, end = engine->turn.grants.n;
    while (i < end) { /* they are in the order of their effects */
        uint32_t middle = i + (end - i) / 2;
        if (grants[middle].effect < effect)
            i = middle + 1;
        else
            end = middle;
    }
    *ret = NULL;
    if (i == engine->turn.grants.n || grants[i].effect != effect || !hot) return RC_OK;
    struct rc_task *task = RC_NEW(start->arena, struct rc_task);
    if (!task) return rc_arena_status(start->arena);
    const struct rc_command *c = &hot->command;
    const struct flow_step *step = rc_node_step(c, leaves->node);
    *task = (struct rc_task){
        .arena = start->arena,
        .asked = grants[i].request,
        .lease = {rc_id_of(c->id.seq, c->id.nonce), leaves->node, leaves->attempt,
                  rc_lease_secret(engine, c, leaves->node, leaves->attempt)},
        .queue = leaves->dependency->worker.queue,
        .dependency = leaves->dependency->name,
        .ns = c->id.ns,
        .type = c->id.type,
        .key = c->id.key,
        .step = step->id,
        .capability = step->call.capability,
        .purpose = leaves->purpose,
        .nonce = c->id.nonce,
        .idempotency_key = leaves->idempotency_key,
        .request = leaves->request,
        .span = leaves->dependency->worker.lease < leaves->timeout ? leaves->dependency->worker.lease
                                                                   : leaves->timeout,
        .deadline = engine->turn.now + leaves->timeout,
    };
    bool copied = copy(task->arena, &task->queue) && copy(task->arena, &task->dependency) &&
                  copy(task->arena, &task->ns) && copy(task->arena, &task->type) &&
                  copy(task->arena, &task->key) && copy(task->arena, &task->step) &&
                  copy(task->arena, &task->capability);
    if (!copied) return rc_arena_status(task->arena);
    *ret = task;
    return RC_OK;
}

bool rc_task_leave(struct rc_engine *engine, struct rc_task *task)
{
    struct rc_lease_ask *ask = task->asked->u.lease;
    uint64_t key = rc_attempt_key(task->lease.command.seq, task->lease.node, task->lease.attempt);
    struct rc_lease lease = {.key = key,
                             .seq = task->lease.command.seq,
                             .nonce = task->nonce,
                             .node = task->lease.node,
                             .attempt = task->lease.attempt,
                             .purpose = task->purpose,
                             .secret = task->lease.secret,
                             .span = task->span,
                             .since = engine->now,
                             .deadline = engine->now + task->span,
                             .most = task->deadline};
    rc_name_set(&lease.ns, task->ns);
    rc_name_set(&lease.queue, task->queue);
    rc_name_set(&lease.worker, ask->worker);
    if (rc_map_put(&engine->started, key, engine) != RC_OK) return false;
    if (rc_lease_add(engine, &lease) != RC_OK) return false;
    task->deadline = lease.deadline;
    task->next = NULL;
    *ask->last = task;
    ask->last = &task->next;
    ask->ntasks++;
    return true;
}

/* Who waits when the engine goes. */
void rc_work_forget(struct rc_engine *engine)
{
    for (struct rc_request *request = engine->pollers, *next; request; request = next) {
        next = request->next;
        request->status = rc_fail(&request->error, RC_STOPPING, "the server is stopping");
        rc_engine_reply(engine, request);
    }
    engine->pollers = NULL;
    rc_leases_forget(engine);
    rc_map_free(&engine->ns_served);
    free(engine->queues);
}
