/* What memory must know of the store: at start, and again after a commit whose result was not known. Starting is recovering: an attempt
 * that was in flight becomes a fact like any other result, and goes through the core like any other. */
#include "engine/state.h"

#include <stdlib.h>

static enum rc_status add_fact(struct rc_engine *engine, const struct rc_command *c, uint32_t at, bool lost,
                               struct rc_error *err)
{
    struct rc_addr of = {.agg = RC_AGG_COMMAND, .id = c->id.seq};
    uint16_t attempt = c->node[at].attempt;
    struct rc_fact *fact = rc_fact_new(of, at, attempt, (uint8_t)rc_node_purpose(c, at));
    if (!fact || rc_map_put(&engine->started, rc_attempt_key(of.id, at, attempt), fact) != RC_OK) {
        if (fact) rc_arena_free(fact->answer.arena);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    fact->lost = lost;
    /* not lost: this process is sure that it never left; the commit was there, and nobody knew */
    fact->answer.result =
        (struct rc_result){.reach = RC_NOT_SENT,
                           .why = RC_WHY_NOT_SENT,
                           .error = RC_SV("the storage failed before the request could leave")};
    rc_facts_push(&engine->facts, fact);
    return RC_OK;
}

static enum rc_status keep_lease(struct rc_engine *engine, const struct rc_command *c, uint32_t at,
                                 struct rc_error *err)
{
    if (rc_map_put(&engine->started, rc_attempt_key(c->id.seq, at, c->node[at].attempt), engine) != RC_OK ||
        rc_lease_take_over(engine, c, at) != RC_OK)
        return rc_fail(err, RC_NOMEM, "out of memory");
    return RC_OK;
}

/* An open attempt: of a process that is gone, of this one with its answer still to come, or of this one and never sent. Only the last
 * two hold a place. */
static enum rc_status take_over_attempt(struct rc_engine *engine, const struct rc_command *c, uint32_t at,
                                        bool restart, struct rc_error *err)
{
    const void *known = rc_map_get(&engine->started, rc_attempt_key(c->id.seq, at, c->node[at].attempt));
    bool worker = restart && rc_node_step(c, at)->call.worker; /* it does not end with this process */
    bool of_another_process =
        (restart && !worker) || (known && known != engine && ((const struct rc_fact *)known)->lost);
    if (!of_another_process) {
        struct rc_door *door = rc_engine_door(engine, rc_node_gate(c, at));
        if (!door) return rc_fail(err, RC_NOMEM, "out of memory");
        rc_line_learn(door, c, at);
        door->gate.in_use++;
    }
    if (known) return RC_OK;
    return worker ? keep_lease(engine, c, at, err) : add_fact(engine, c, at, restart, err);
}

static enum rc_status take_over(struct rc_engine *engine, uint64_t seq, bool restart, struct rc_error *err)
{
    struct rc_hot *hot;
    struct rc_error error = {0};
    enum rc_status status = rc_engine_command(engine, seq, &hot, &error);
    if (status ==
        RC_DAMAGED) { /* it stays as it is, and whoever asks for it gets the error; the others go on */
        rc_engine_fault(engine, &error);
        return RC_OK;
    }
    if (status != RC_OK && err) *err = error;
    for (uint32_t i = 0; status == RC_OK && i < hot->command.nnodes; i++)
        if (hot->command.node[i].phase == RC_PHASE_OPEN)
            status = take_over_attempt(engine, &hot->command, i, restart, err);
    return status;
}

static enum rc_status read_in_flight(struct rc_engine *engine, bool restart, struct rc_error *err)
{
    enum { PAGE = 256 };
    uint64_t seqs[PAGE], after = 0;
    for (uint32_t n = PAGE; n == PAGE;) {
        enum rc_status status = rc_read_in_flight(engine->reader, after, seqs, PAGE, &n, err);
        for (uint32_t i = 0; status == RC_OK && i < n; i++) status = take_over(engine, seqs[i], restart, err);
        if (status != RC_OK) return status;
        if (n) after = seqs[n - 1];
    }
    return RC_OK;
}

static enum rc_status read_gates(struct rc_engine *engine, struct rc_error *err)
{
    enum { PAGE = 64 };
    uint64_t gates[PAGE], after = 0;
    for (uint32_t n = PAGE; n == PAGE;) {
        enum rc_status status = rc_read_gates(engine->reader, after, gates, PAGE, &n, err);
        if (status != RC_OK) return status;
        for (uint32_t i = 0; i < n; i++) {
            struct rc_door *door = rc_engine_door(engine, gates[i]);
            if (!door) return rc_fail(err, RC_NOMEM, "out of memory");
            door->gate.backlog = door->waiting.more = true;
        }
        if (n) after = gates[n - 1];
    }
    return RC_OK;
}

/* Engine time goes on from the highest that was ever stored. */
static enum rc_status read_high(struct rc_engine *engine, bool restart, struct rc_error *err)
{
    struct rc_high high;
    enum rc_status status = rc_read_high(engine->reader, &high, err);
    if (status != RC_OK) return status;
    engine->next_seq = high.seq + 1;
    if (restart) rc_untold_boot(engine, high.untold);
    status = rc_read_signal_last(engine->reader, &engine->next_signal, err);
    if (status != RC_OK) return status;
    engine->next_signal++;
    if (engine->now < high.high_water) {
        engine->anchor += high.high_water - engine->now;
        engine->now = high.high_water;
    }
    return RC_OK;
}

void rc_engine_forget(struct rc_engine *engine)
{
    rc_cache_clear(&engine->cache);
    for (size_t i = 0; i < engine->doors.cap; i++) free(engine->doors.slot[i].value);
    rc_map_free(&engine->doors);
    rc_schedules_forget(engine);
    rc_window_forget(&engine->due);
    rc_window_forget(&engine->calendar);
    rc_lanes_forget(engine);
    rc_map_free(&engine->damaged);
    engine->damaged_untold = 0;
    engine->booted = false;
}

enum rc_status rc_engine_boot(struct rc_engine *engine, bool restart, struct rc_error *err)
{
    rc_engine_forget(engine);
    enum rc_status status = read_high(engine, restart, err);
    if (status == RC_OK) status = rc_hold_boot(engine, restart, err);
    if (status == RC_OK) status = rc_definitions_follow(engine, err);
    if (status == RC_OK) status = rc_engine_know(engine, err);
    if (status == RC_OK) status = read_gates(engine, err);
    /* what was out in an old state is settled by the hold, when its turn comes */
    bool old = rc_engine_held(engine) && engine->hold.left;
    if (status == RC_OK && !old) status = read_in_flight(engine, restart, err);
    if (status == RC_OK) status = rc_lanes_boot(engine, err);
    if (status == RC_OK) status = rc_bulks_read(engine, err);
    if (status == RC_OK) status = rc_queues_read(engine, err);
    if (status != RC_OK) return rc_fail_prefix(err, status, "reading the store");
    engine->booted = true;
    return RC_OK;
}
