/* The engine's life, and what other threads may call. */
#include "engine/engine.h"

#include "engine/state.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

enum { TURN_FIRST = 1 << 20, TURN_MAX = 256 << 20, BATCHES = 4 };

void rc_engine_fault(struct rc_engine *engine, const struct rc_error *error)
{
    engine->fault = *error;
    atomic_fetch_add(&engine->stats.faults, 1);
}

void rc_engine_reply(struct rc_engine *engine, struct rc_request *request)
{
    if (request->item)
        rc_wave_settle(engine, request->item);
    else
        engine->ports.reply(engine->ports.context, request);
}

static void destroy(struct rc_engine *engine)
{
    rc_engine_forget(engine);
    rc_work_forget(engine);
    rc_bulks_free(engine);
    rc_facts_free(&engine->facts);
    rc_facts_free(&engine->answers);
    rc_map_free(&engine->started);
    rc_map_free(&engine->damaged);
    rc_arena_free(engine->turn.arena);
    rc_engine_know_nothing(engine);
    rc_quotas_forget(engine);
    for (struct rc_kept *kept = engine->kept, *next; kept; kept = next) {
        next = kept->next;
        rc_arena_free(kept->arena);
        free(kept);
    }
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->leaving);
    pthread_mutex_destroy(&engine->queues_lock);
    free(engine);
}

enum rc_status rc_engine_new(const struct rc_ports *ports, const struct flow_set *set, struct rc_tick tick,
                             struct rc_engine **ret, struct rc_error *err)
{
    struct rc_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return rc_fail(err, RC_NOMEM, "out of memory");
    engine->ports = *ports;
    engine->reader = rc_store_self(ports->store);
    engine->anchor = engine->now = tick.wall;
    engine->monotonic = tick.monotonic;
    engine->seed = tick.seed;
    engine->inbox_last = &engine->inbox;
    engine->last_poller = &engine->pollers;
    engine->room = true;
    rc_pace_init(&engine->pace, ports->wait);
    rc_suspects_start(ports->suspects);
    rc_facts_init(&engine->facts);
    rc_facts_init(&engine->answers);
    atomic_init(&engine->set, set);
    atomic_init(&engine->stats.room, true);
    atomic_init(&engine->stats.healthy, true);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->leaving, NULL);
    pthread_mutex_init(&engine->queues_lock, NULL);
    engine->turn.arena = rc_arena_new(TURN_FIRST, TURN_MAX);
    enum rc_status status =
        engine->turn.arena ? rc_engine_boot(engine, true, err) : rc_fail(err, RC_NOMEM, "out of memory");
    if (status == RC_OK)
        *ret = engine;
    else
        destroy(engine); /* the store stays the caller's */
    return status;
}

void rc_engine_free(struct rc_engine *engine)
{
    if (!engine) return;
    if (engine->collected) rc_inbox_put_back(engine, engine->taken);
    for (struct rc_request *request = engine->inbox, *next; request; request = next) {
        next = request->next;
        request->status = rc_fail(&request->error, RC_STOPPING, "the server is stopping");
        rc_engine_reply(engine, request);
    }
    struct rc_store *store = engine->ports.store;
    destroy(engine);
    if (store) rc_store_close(store);
}

enum rc_status rc_engine_post(struct rc_engine *engine, struct rc_request *request)
{
    request->next = NULL;
    return rc_engine_post_all(engine, request);
}

/* With the lock held. Batches wait longer than single submissions anyway: some may wait beside what else may, and those do not
 * push the others out. */
static bool is_too_much(struct rc_engine *engine, uint32_t n)
{
    uint32_t most = atomic_load_explicit(&engine->pace.most, memory_order_relaxed);
    bool room = engine->queued < most + BATCHES * RC_MAX_BATCH;
    if (room && (n > 1 || engine->queued_single < most)) return false;
    atomic_store_explicit(&engine->pace.refused, true, memory_order_relaxed);
    atomic_fetch_add_explicit(&engine->stats.shed, n, memory_order_relaxed);
    return true;
}

bool rc_engine_refuses(struct rc_engine *engine)
{
    if (atomic_load_explicit(&engine->pace.most, memory_order_relaxed) >= RC_MAX_INBOX) return false;
    pthread_mutex_lock(&engine->lock);
    bool refuses = is_too_much(engine, 1);
    pthread_mutex_unlock(&engine->lock);
    return refuses;
}

enum rc_status rc_engine_post_all(struct rc_engine *engine, struct rc_request *requests)
{
    struct rc_request **end = &requests->next;
    uint32_t n = 1;
    bool submissions = requests->kind == RC_REQUEST_SUBMIT;
    if (atomic_load(&engine->draining)) return RC_STOPPING;
    for (; *end; end = &(*end)->next) n++;
    pthread_mutex_lock(&engine->lock);
    /* what was put back after a turn may stand above the bound */
    bool full = engine->queued >= RC_MAX_INBOX || n > RC_MAX_INBOX - engine->queued;
    if (submissions && !full) full = is_too_much(engine, n);
    bool first = !engine->inbox && !engine->answers.first;
    if (!full) {
        *engine->inbox_last = requests;
        engine->inbox_last = end;
        engine->queued += n;
        engine->queued_single += n == 1;
    }
    pthread_mutex_unlock(&engine->lock);
    if (!full && first) engine->ports.wake(engine->ports.context);
    return full ? RC_BUSY : RC_OK;
}

void rc_engine_answer(void *context, struct rc_answer *answer)
{
    struct rc_engine *engine = context;
    struct rc_fact *fact = answer->room;
    static_assert(sizeof *fact <= RC_ANSWER_ROOM && alignof(struct rc_fact) <= alignof(max_align_t),
                  "an answer is kept in its room");
    *fact = (struct rc_fact){.answer = *answer};
    pthread_mutex_lock(&engine->lock);
    bool first = !engine->inbox && !engine->answers.first;
    rc_facts_push(&engine->answers, fact);
    pthread_mutex_unlock(&engine->lock);
    if (first) engine->ports.wake(engine->ports.context);
}

bool rc_engine_queued(struct rc_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    bool queued = engine->inbox || engine->answers.first;
    atomic_store(&engine->stats.queued, engine->queued);
    pthread_mutex_unlock(&engine->lock);
    return queued;
}

const struct flow_set *rc_engine_definitions(const struct rc_engine *engine)
{
    return rc_engine_set(engine);
}

const struct rc_error *rc_engine_last_fault(const struct rc_engine *engine)
{
    return &engine->fault;
}

/* Where the row can be read though the history cannot, the id has its check; else it is the number alone. */
static struct rc_id id_of(struct rc_engine *engine, uint64_t seq)
{
    struct rc_id id = {.seq = seq};
    struct rc_row row;
    struct rc_arena *arena = rc_arena_new(1 << 12, 1 << 20);
    if (arena && rc_read_row(engine->reader, seq, arena, &row, NULL) == RC_OK) id.check = (uint32_t)row.nonce;
    rc_arena_free(arena);
    return id;
}

uint32_t rc_engine_take_damaged(struct rc_engine *engine, struct rc_id *ret_ids, uint32_t cap,
                                struct rc_error *ret_last)
{
    uint32_t n = 0;
    *ret_last = engine->damage;
    for (size_t i = 0; engine->damaged_untold && i < engine->damaged.cap && n < cap; i++) {
        struct rc_map_slot *slot = &engine->damaged.slot[i];
        if (slot->value != &engine->damaged) continue;
        slot->value = engine;
        ret_ids[n++] = id_of(engine, slot->key);
        engine->damaged_untold--;
    }
    return n;
}

void rc_engine_drain(struct rc_engine *engine)
{
    atomic_store(&engine->draining, true);
    engine->ports.wake(engine->ports.context);
}

void rc_engine_leave_exec(struct rc_engine *engine)
{
    pthread_mutex_lock(&engine->leaving);
    engine->apart_from_exec = true;
    pthread_mutex_unlock(&engine->leaving);
}

void rc_engine_stats(const struct rc_engine *engine, struct rc_engine_stats *ret)
{
    *ret = (struct rc_engine_stats){
        .turns = engine->stats.turns,
        .units = engine->stats.units,
        .commits = engine->stats.commits,
        .submitted = engine->stats.submitted,
        .replayed = engine->stats.replayed,
        .attempts = engine->stats.attempts,
        .results = engine->stats.results,
        .lost = engine->stats.lost,
        .refused = engine->stats.refused,
        .shed = engine->stats.shed,
        .late = engine->stats.late,
        .lane_waits = engine->stats.lane_waits,
        .crowded = engine->stats.crowded,
        .faults = engine->stats.faults,
        .hot = engine->stats.hot,
        .in_flight = engine->stats.in_flight,
        .queued = engine->stats.queued,
        .damaged = engine->stats.damaged,
        .held = engine->stats.held,
        .room = engine->stats.room,
        .healthy = engine->stats.healthy,
        .drained = engine->stats.drained,
    };
}
