/* What must hold of leases: Z1 to Z9. */
#include "sim/walk_work.h"

#include <assert.h>

/* ---- leasing ---------------------------------------------------------------------------------------------------------- */

struct work_task *work_find(struct walk *walk, uint64_t seq, uint32_t node, uint16_t attempt)
{
    for (uint32_t i = walk->work->n; i-- > 0;) {
        struct work_task *task = &walk->work->task[i];
        const struct walk_sent *sent = &walk->sent[task->sent];
        if (!sent->lost && sent->seq == seq && sent->node == node && sent->attempt == attempt) return task;
    }
    return NULL;
}

static bool lists(const struct rc_sv *texts, uint32_t n, struct rc_sv text)
{
    for (uint32_t i = 0; i < n; i++)
        if (rc_sv_eq(texts[i], text)) return true;
    return false;
}

/* Whether this worker may be given this step, by what it asks for and what the flow says. */
static bool can(const struct rc_lease_ask *ask, const struct rc_command *c, uint32_t at, struct rc_sv queue)
{
    const struct flow_call *call = &rc_node_step(c, at)->call;
    return lists(ask->queues, ask->nqueues, queue) && (!ask->ns.n || rc_sv_eq(ask->ns, c->id.ns)) &&
           (!call->capability.n || lists(ask->capabilities, ask->ncapabilities, call->capability));
}

/* The queue in which a step is found now; empty: its dependency is not in force. */
static struct rc_sv queue_of(const struct walk *walk, const struct rc_command *c, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(c, at)->call;
    const struct flow_dependency *found = flow_set_dependency(rc_engine_definitions(walk->world->engine),
                                                              c->flow->dependencies[call->dependency]);
    return found ? found->worker.queue : (struct rc_sv){0};
}

static void laws_of_grant(struct walk *walk, const struct rc_lease_ask *ask, const struct rc_task *task)
{
    const struct walk_seen *seen = &walk->seen[task->lease.command.seq];
    uint32_t node = task->lease.node, queue = work_queue_named(walk, task->queue);
    LAW(can(ask, &seen->c, node, task->queue),
        "Z2 a lease goes only to a worker that asks for it and declares what it needs",
        "command %llu, step %u", ULL(seen->c.id.seq), node);
    LAW(queue < WALK_DEPENDENCIES &&
            (!walk->work->queue[queue].sure || walk->work->queue[queue].state == RC_QUEUE_OPEN),
        "Z3 nothing is leased of a queue that is stopped", "queue %u, command %llu, step %u", queue,
        ULL(seen->c.id.seq), node);
    for (uint32_t i = 0; i < walk->work->n; i++) {
        const struct work_task *other = &walk->work->task[i];
        const struct walk_sent *sent = &walk->sent[other->sent];
        bool same = sent->seq == seen->c.id.seq && sent->node == node && !sent->lost;
        LAW(!same || other->over || other->accepted || other->ran_out,
            "Z1 a step has one lease while it is out, and none else", "command %llu, step %u, attempt %u",
            ULL(sent->seq), node, sent->attempt);
    }
}

static bool has_ready_task(const struct rc_command *c)
{
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_READY && walk_is_task(c, i)) return true;
    return false;
}

/* What waited before this turn and waits still, though the same worker could have had it. */
static bool is_passed_over(struct walk *walk, const struct rc_lease_ask *ask, struct rc_sv ns)
{
    bool found = false;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        const uint32_t rev = c->rev; /* as of the turn before */
        if (rc_sv_eq(c->id.ns, ns) || !has_ready_task(c)) continue;
        walk_observe(walk, seq);
        if (walk->broken) return false;
        for (uint32_t i = 0; i < c->nnodes && c->rev == rev; i++) {
            if (c->node[i].phase != RC_PHASE_READY || !walk_is_task(c, i)) continue;
            struct rc_sv queue = queue_of(walk, c, i);
            if (!queue.n || !can(ask, c, i, queue)) continue;
            uint32_t at = work_queue_named(walk, queue);
            found |= walk->work->queue[at].sure && walk->work->queue[at].state == RC_QUEUE_OPEN;
        }
    }
    return found;
}

/* Those who were not there to hear it never do: it runs out. */
static void is_given(struct walk *walk, const struct rc_lease_ask *ask, const struct rc_task *task)
{
    struct world *world = walk->world;
    struct walk_work *work = walk->work;
    uint32_t i = world->nleft;
    assert(i < WORLD_EFFECTS && work->n < WORK_TASKS);
    world->left[i] = (struct rc_effect){.of = {.agg = RC_AGG_COMMAND, .id = task->lease.command.seq},
                                        .node = task->lease.node,
                                        .attempt = task->lease.attempt,
                                        .purpose = task->purpose,
                                        .idempotency_key = task->idempotency_key};
    walk->sent[i] = (struct walk_sent){.seq = task->lease.command.seq,
                                       .gate = flow_gate_id(task->dependency),
                                       .node = task->lease.node,
                                       .life = walk->life,
                                       .attempt = task->lease.attempt,
                                       .purpose = task->purpose,
                                       .key = task->idempotency_key,
                                       .timeout = UINT64_MAX,
                                       .decided = world->engine->now,
                                       .at = world->now,
                                       .task = 1 + work->n};
    if (walk->control == SIM_NEW_KEY) walk->sent[i].key.hi ^= task->lease.attempt;
    walk_laws_of_leaving(walk, i);
    if (!walk->broken) laws_of_grant(walk, ask, task);
    if (walk->broken) return;
    work->task[work->n++] =
        (struct work_task){.name = task->lease, .sent = i, .life = walk->life, .promise = task->deadline};
    walk_outside_takes(walk, i);
    world->nleft++;
    walk->cover->left++;
    walk->cover->purpose[task->purpose]++;
}

/* The server notices that nobody is there: what was leased in that moment is given back. */
static void give_back(struct walk *walk, uint32_t from)
{
    for (uint32_t i = from; i < walk->work->n; i++) {
        struct work_task *task = &walk->work->task[i];
        struct walk_sent *sent = &walk->sent[task->sent];
        sent->open = sent->uncertain = false;
        task->said = true;
        task->result = (struct rc_result){
            .reach = RC_NOT_SENT, .why = RC_WHY_RELEASED, .error = RC_SV("the worker had gone")};
        work_report(walk, &i, 1);
    }
}

static void laws_of_lease(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_lease_ask *ask = sent->request->u.lease;
    uint32_t from = walk->work->n, of[2] = {0};
    if (sent->request->status != RC_OK) return;
    LAW(ask->ntasks <= ask->max,
        "Z2 a lease goes only to a worker that asks for it and declares what it needs", "%u of %u",
        ask->ntasks, ask->max);
    bool gone = atomic_load(&ask->gone);
    if (gone && walk_chance(walk, 50)) return; /* nor was there anybody to notice */
    for (const struct rc_task *task = ask->tasks; task && !walk->broken; task = task->next) {
        is_given(walk, ask, task);
        of[rc_sv_is(task->ns, "b")]++;
    }
    for (unsigned b = 0; b < 2 && !walk->broken; b++)
        LAW(of[b] < of[!b] + 2 || !is_passed_over(walk, ask, b ? RC_SV("b") : RC_SV("default")),
            "Z9 no namespace is served twice while another one waits", "%u and %u", of[b], of[!b]);
    if (gone && !walk->broken) give_back(walk, from);
}

/* ---- what comes of it ------------------------------------------------------------------------------------------------- */

static bool is_absurd(enum rc_status status, const struct rc_error *error)
{
    bool absurd = status == RC_BUG || status == RC_LIMIT || status == RC_DAMAGED;
    return absurd && !walk_is_simulated(error);
}

static void laws_of_report(struct walk *walk, const struct rc_report_item *item, struct work_task *task)
{
    const struct walk_sent *sent = &walk->sent[task->sent];
    const struct rc_engine *engine = walk->world->engine;
    LAW(!is_absurd(item->status, item->error), "A8 what is well-formed is taken in", "%s", item->error->text);
    WALK_TELL(walk, "  < %llu, step %u, #%u: %s\n", ULL(sent->seq), sent->node, sent->attempt,
              rc_status_text(item->status));
    if (sent->lost) {
        LAW(item->status != RC_OK, "Z5 what another life of the store has leased is not reported on here",
            "command %llu, step %u, attempt %u", ULL(task->name.command.seq), sent->node, sent->attempt);
        return;
    }
    if (!sent->seq) return;
    walk_observe(walk, sent->seq);
    if (walk->broken) return;
    LAW(item->status != RC_OK || task->accepted == 1,
        "Z4 what its worker said is accepted, once, and nothing else", "command %llu, step %u, attempt %u",
        ULL(sent->seq), sent->node, sent->attempt);
    LAW(item->status != RC_LEASE_LOST || task->late || rc_engine_held(engine) ||
            engine->hold.released == engine->turn.now || walk->seen[sent->seq].gone_asked,
        "Z6 what comes late is refused, and on record", "command %llu, step %u, attempt %u", ULL(sent->seq),
        sent->node, sent->attempt);
}

static void hear_heartbeat(struct walk *walk, const struct rc_report_item *item, struct work_task *task)
{
    if (item->status != RC_OK) return;
    LAW(!task->over && !task->ran_out && !walk->sent[task->sent].lost,
        "Z1 a step has one lease while it is out, and none else", "a heartbeat of command %llu, step %u",
        ULL(walk->sent[task->sent].seq), task->name.node);
    task->promise = item->deadline;
    task->life = walk->life;
}

static void hear_order(struct walk *walk, const struct walk_request *sent)
{
    struct rc_request *request = sent->request;
    LAW(!is_absurd(request->status, &request->error), "A8 what is well-formed is taken in", "%s",
        request->error.text);
    walk->work->queue[sent->queue].orders--;
    if (request->status != RC_OK) return;
    walk->work->queue[sent->queue].state = request->u.queue->state;
    walk->work->queue[sent->queue].sure = !walk->work->queue[sent->queue].orders;
}

void walk_laws_of_work_reply(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    if (request->kind == RC_REQUEST_LEASE) laws_of_lease(walk, sent);
    if (request->kind == RC_REQUEST_QUEUE) hear_order(walk, sent);
    bool report = request->kind == RC_REQUEST_REPORT, beat = request->kind == RC_REQUEST_HEARTBEAT;
    if (request->status != RC_OK) return; /* nobody knows */
    for (uint32_t i = 0; (report || beat) && i < request->u.report.n && !walk->broken; i++)
        (report ? laws_of_report : hear_heartbeat)(walk, &request->u.report.items[i],
                                                   &walk->work->task[sent->tasks[i]]);
}

/* A worker has had an attempt of this number before an older state was put in place. */
static bool is_of_another_life(const struct walk *walk, const struct rc_record *record)
{
    const struct rc_ask *cause = record->cause;
    for (uint32_t i = 0; i < walk->work->n; i++) {
        const struct rc_lease_name *name = &walk->work->task[i].name;
        if (walk->sent[walk->work->task[i].sent].lost && name->command.seq == record->seq &&
            name->node == cause->node && name->attempt == cause->attempt)
            return true;
    }
    return false;
}

/* ---- records ---------------------------------------------------------------------------------------------------------- */

static bool is_said(const struct work_task *task, const struct rc_result *result)
{
    return task && task->said && task->result.reach == result->reach && task->result.why == result->why &&
           task->result.status == result->status;
}

/* Whose lease is over without a word of theirs is as good as dead: what it does then, it does at once or within what a check waits. */
static void is_over(struct walk *walk, struct work_task *task)
{
    if (task->over) return;
    task->over = true;
    if (walk->sent[task->sent].open) walk_outside_falls_silent(walk, task->sent);
}

static void see_run_out(struct walk *walk, struct work_task *task, const struct rc_record *record,
                        const struct rc_result *result)
{
    if (!task) return;                              /* nobody was promised anything */
    bool before = record->at <= walk->work->booted; /* this life of the engine */
    bool same = task->life + before == walk->life;
    rc_us least = RC_SECONDS(1) + walk->work->booted;
    task->ran_out = true;
    is_over(walk, task); /* before a check that is given in this very turn */
    if (before && !same) return;
    LAW(result->why == RC_WHY_TIMEOUT || record->at >= (same ? task->promise : least),
        "Z7 a lease lasts as long as it was promised", "command %llu, record %u (%s): +%llu of +%llu",
        ULL(record->seq), record->rev, rc_why_word(result->why).slug,
        ULL(record->at - RC_SECONDS(1800000000)),
        ULL((same ? task->promise : least) - RC_SECONDS(1800000000)));
}

void walk_laws_of_reports(struct walk *walk, const struct walk_seen *seen, const struct rc_record *record)
{
    const struct rc_ask *cause = record->cause;
    const struct rc_command *c = &seen->c;
    bool late = cause->kind == RC_MSG_LATE;
    if (walk->folding_anew || (!late && cause->kind != RC_MSG_RESULT)) return;
    if (cause->node >= c->nnodes || !walk_is_task(c, cause->node)) return;
    const struct rc_node *node = &c->node[cause->node];
    struct work_task *task = work_find(walk, record->seq, cause->node, cause->attempt);
    const struct rc_result *result = cause->u.result;
    bool out = node->phase == RC_PHASE_OPEN && node->attempt == cause->attempt;
    LAW(late ? (!out && task) || is_of_another_life(walk, record) : out,
        "Z6 what comes late is refused, and on record", "command %llu, record %u, step %u", ULL(record->seq),
        record->rev, cause->node);
    if (walk->broken) return;
    if (late) {
        if (task) task->late++;
        return;
    }
    if (result->reach == RC_SENT) {
        see_run_out(walk, task, record, result);
        return;
    }
    if (result->reach == RC_NOT_SENT && result->why != RC_WHY_RELEASED) return; /* it was given to nobody */
    LAW(is_said(task, result) && !task->ran_out && !task->accepted,
        "Z4 what its worker said is accepted, once, and nothing else",
        "command %llu, record %u, step %u, attempt %u", ULL(record->seq), record->rev, cause->node,
        cause->attempt);
    if (walk->broken) return;
    task->accepted++;
    walk->sent[task->sent].uncertain = task->uncertain;
}

/* ---- turns ------------------------------------------------------------------------------------------------------------ */

static bool is_leased(const struct walk *walk, uint64_t seq, uint32_t node, uint16_t attempt)
{
    return rc_lease_find(walk->world->engine, rc_attempt_key(seq, node, attempt)) != NULL;
}

static void see_who_is_silent(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->work->n; i++) {
        const struct walk_sent *sent = &walk->sent[walk->work->task[i].sent];
        if (!is_leased(walk, sent->seq, sent->node, sent->attempt)) is_over(walk, &walk->work->task[i]);
    }
}

void walk_laws_of_leases(struct walk *walk)
{
    struct rc_engine *engine = walk->world->engine;
    see_who_is_silent(walk);
    if (walk->status != RC_OK || engine->facts.first || engine->answers.first || rc_engine_held(engine))
        return;
    for (uint64_t seq = 1; seq <= walk->nseen && !walk->broken; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        for (uint32_t i = 0; i < c->nnodes; i++)
            LAW(c->node[i].phase != RC_PHASE_OPEN || !walk_is_task(c, i) ||
                    is_leased(walk, seq, i, c->node[i].attempt),
                "Z1 a step has one lease while it is out, and none else", "command %llu, step %u", ULL(seq),
                i);
    }
}

static bool waits_for(const struct walk *walk, const struct rc_lease_ask *ask, const struct rc_command *c,
                      uint32_t at)
{
    if (c->node[at].phase != RC_PHASE_READY || !walk_is_task(c, at)) return false;
    struct rc_sv queue = queue_of(walk, c, at);
    return queue.n && rc_queue_state(walk->world->engine, queue) == RC_QUEUE_OPEN && can(ask, c, at, queue);
}

void walk_laws_of_idle_workers(struct walk *walk)
{
    const struct rc_engine *engine = walk->world->engine;
    /* a turn had no memory to give it: it is given behind a pause */
    bool later = engine->gives_more && walk->world->sleep <= RC_PAUSE;
    if (!engine->room || walk->draining || later) return;
    for (uint32_t k = 0; k < walk->nrequests; k++) {
        const struct rc_request *request = walk->request[k].request;
        if (request->kind != RC_REQUEST_LEASE || world_answered(request)) continue;
        const struct rc_lease_ask *ask = request->u.lease;
        if (atomic_load(&ask->gone) || ask->until <= engine->now) continue;
        for (uint64_t seq = 1; seq <= walk->nseen; seq++)
            for (uint32_t i = 0; i < walk->seen[seq].c.nnodes; i++)
                LAW(!waits_for(walk, ask, &walk->seen[seq].c, i),
                    "Z8 nothing waits while somebody asks who could do it", "command %llu, step %u", ULL(seq),
                    i);
    }
}

/* ---- controls --------------------------------------------------------------------------------------------------------- */

void walk_spoil_leases(struct walk *walk)
{
    struct rc_engine *engine = walk->world->engine;
    struct rc_leases *leases = &engine->leases;
    if (walk->control == SIM_FORGET_LEASES && leases->n && walk_chance(walk, 10))
        rc_lease_end(engine, leases->heap[0]->key);
    for (uint32_t i = 0; i < leases->n && walk->control == SIM_SHORT_LEASES; i++)
        leases->heap[i]->deadline = engine->now;
    for (uint32_t i = 0; i < engine->nqueues && walk->control == SIM_LEASE_WHILE_STOPPED; i++)
        engine->queues[i].state = RC_QUEUE_OPEN;
    for (uint32_t i = 0; i < walk->work->n && walk->control == SIM_FORGET_THE_LATE; i++) {
        const struct rc_lease_name *name = &walk->work->task[i].name;
        (void)!rc_map_put(&leases->late, rc_attempt_key(name->command.seq, name->node, name->attempt),
                          engine);
    }
    for (size_t i = 0; i < engine->doors.cap; i++) {
        struct rc_door *door = engine->doors.slot[i].value;
        if (!door || door->line.kind != RC_LINE_WORKERS) continue;
        bool b = rc_sv_is(rc_name_sv(&door->line.ns), "b");
        if (walk->control == SIM_STARVE_A_SPACE && b)
            (void)!rc_map_put(&engine->ns_served, door->line.ns_key,
                              (void *)UINTPTR_MAX); /* NOLINT(performance-no-int-to-ptr) */
        if (walk->control == SIM_FORGET_LINES && door->waiting.n && walk_chance(walk, 30))
            rc_window_pop(&door->waiting);
    }
}
