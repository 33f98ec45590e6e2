/* One unit: a message and, first in, first out, all messages that follow from it, each through its target's own step (rule 1). */
#include "engine/child.h"
#include "core/child.h"
#include "engine/mail.h"

#include <stdlib.h>

struct rc_ask rc_engine_ask(struct rc_engine *engine, rc_message_kind kind, struct rc_addr to)
{
    return (struct rc_ask){.kind = kind,
                           .to = to,
                           .now = engine->turn.now,
                           .wall = engine->turn.wall,
                           .seed = rc_mix(&engine->seed)};
}

static enum rc_status load(struct rc_engine *engine, uint64_t seq, struct rc_hot **ret, struct rc_error *err)
{
    enum { LOADED_MAX = 128 << 20 }; /* a history at every one of its bounds takes about half */
    struct rc_arena *arena = rc_arena_new(2048, LOADED_MAX);
    struct rc_hot *hot = arena ? RC_NEW(arena, struct rc_hot) : NULL;
    enum rc_status status = hot ? RC_OK : rc_fail(err, RC_NOMEM, "out of memory");
    if (status == RC_OK)
        status = rc_load_command(engine->reader, rc_engine_set(engine), seq, arena, &hot->command, NULL, NULL,
                                 err);
    if (status == RC_OK) {
        hot->arena = arena;
        status = rc_cache_add(&engine->cache, hot);
        if (status != RC_OK) (void)rc_fail(err, status, "out of memory");
    }
    if (status == RC_OK)
        *ret = hot;
    else
        rc_arena_free(arena);
    return status;
}

static void note_damaged(struct rc_engine *engine, uint64_t seq, const struct rc_error *error)
{
    if (rc_map_get(&engine->damaged, seq) || rc_map_put(&engine->damaged, seq, &engine->damaged) != RC_OK)
        return;
    engine->damaged_untold++;
    engine->damage = *error;
    atomic_store(&engine->stats.damaged, (uint32_t)engine->damaged.n);
}

enum rc_status rc_engine_command(struct rc_engine *engine, uint64_t seq, struct rc_hot **ret,
                                 struct rc_error *err)
{
    struct rc_hot *hot = rc_cache_find(&engine->cache, seq);
    if (!hot) {
        struct rc_error error = {0};
        enum rc_status status = load(engine, seq, ret, &error);
        if (status == RC_DAMAGED) note_damaged(engine, seq, &error);
        if (status != RC_OK && err) *err = error;
        return status;
    }
    rc_cache_use(&engine->cache, hot);
    *ret = hot;
    return RC_OK;
}

struct rc_door *rc_engine_door(struct rc_engine *engine, uint64_t gate)
{
    struct rc_door *door = rc_map_get(&engine->doors, gate);
    if (door) return door;
    door = calloc(1, sizeof *door);
    if (!door) return NULL;
    door->gate = (struct rc_gate){.id = gate, .closed = engine->closed};
    if (rc_map_put(&engine->doors, gate, door) == RC_OK) return door;
    free(door);
    return NULL;
}

static enum rc_status step_gate(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                                struct rc_error *err)
{
    struct rc_door *door = rc_engine_door(engine, ask->to.id);
    if (!door) return rc_fail(err, RC_NOMEM, "out of memory");
    door->gate.crowded = rc_width_is_crowded(engine);
    enum rc_status status =
        rc_gate_step(&door->gate, ask, rc_engine_set(engine), engine->turn.arena, out, err);
    if (status == RC_OK) status = rc_overlay_gate(engine, door, out->change, err);
    struct rc_hot *hot = rc_cache_find(&engine->cache, ask->from.id);
    bool wants = ask->kind == RC_MSG_WANT || ask->kind == RC_MSG_QUEUE;
    if (wants && hot) rc_line_learn(door, &hot->command, ask->node);
    if (status != RC_OK || !wants || out->nmessage) return status;
    /* it queues, at once, so that it is not passed by. Should the unit come to nothing, it is taken out; should the turn, so is the window */
    rc_window_add(&door->waiting, &(struct rc_work){.phase = RC_PHASE_READY,
                                                    .gate = ask->to.id,
                                                    .order = ask->order,
                                                    .seq = ask->from.id,
                                                    .node = ask->node});
    return RC_OK;
}

static enum rc_status keep_effects(struct rc_engine *engine, const struct rc_out *out, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    for (uint32_t i = 0; i < out->neffect; i++) {
        struct rc_effect *effect = rc_list_add(&turn->effects, turn->arena, sizeof *effect);
        if (!effect) return rc_fail_arena(err, turn->arena);
        *effect = out->effect[i];
    }
    return RC_OK;
}

/* Of a lane: who cannot be read cannot begin, and does not hold up those behind it. */
static enum rc_status pass_by(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                              struct rc_error *err)
{
    *out = (struct rc_out){.message = RC_NEW(engine->turn.arena, struct rc_ask), .nmessage = 1};
    if (!out->message) return rc_fail_arena(err, engine->turn.arena);
    *out->message = rc_engine_ask(engine, RC_MSG_LANE_LEAVE, ask->from);
    out->message->from = ask->to;
    return RC_OK;
}

static enum rc_status step_command(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                                   struct rc_error *err)
{
    struct rc_hot *hot;
    if (ask->kind == RC_MSG_CHILD_START) return rc_child_unit(engine, ask, out, err);
    enum rc_status status = rc_engine_command(engine, ask->to.id, &hot, err);
    bool gone = status == RC_DAMAGED || status == RC_PURGED || status == RC_NOT_FOUND;
    if (gone && ask->from.agg == RC_AGG_COMMAND) return rc_child_unreadable(engine, ask, out, err);
    if (status == RC_DAMAGED && ask->from.agg == RC_AGG_LANE) return pass_by(engine, ask, out, err);
    if (status == RC_OK)
        status = rc_command_step(&hot->command, ask, rc_engine_set(engine), engine->turn.arena, out, err);
    if (status == RC_OK) status = rc_overlay_apply(engine, hot, ask, out, err);
    return status == RC_OK ? keep_effects(engine, out, err) : status;
}

static enum rc_status step(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                           struct rc_error *err)
{
    switch ((enum rc_aggregate)ask->to.agg) {
    case RC_AGG_COMMAND: return step_command(engine, ask, out, err);
    case RC_AGG_GATE: return step_gate(engine, ask, out, err);
    case RC_AGG_LANE: return rc_engine_step_lane(engine, ask, out, err);
    case RC_AGG_SCHEDULE: return rc_schedule_unit(engine, ask, out, err);
    case RC_AGG_MAILBOX: return rc_engine_mail(engine, ask, out, err);
    }
    return rc_fail(err, RC_BUG, "there is no aggregate %u", ask->to.agg);
}

enum { HEARD = UINT8_MAX }; /* in the place of a message's kind: it was heard with one before it */

/* The messages of a unit, first in, first out. */
struct queue {
    struct rc_ask *ask;
    uint32_t at, n, cap;
};

static enum rc_status append(struct rc_engine *engine, struct queue *queue, const struct rc_ask *asks,
                             uint32_t n, struct rc_error *err)
{
    enum { FIRST = 64 };
    if (n > RC_MAX_MESSAGES - queue->n)
        return rc_fail(err, RC_BUG, "one unit makes more than %d messages", RC_MAX_MESSAGES);
    if (queue->n + n > queue->cap) {
        uint32_t cap = queue->cap ? queue->cap : FIRST;
        while (cap < queue->n + n) cap *= 2;
        struct rc_ask *more = rc_alloc(engine->turn.arena, cap * sizeof *more);
        if (!more) return rc_fail_arena(err, engine->turn.arena);
        if (queue->n) memcpy(more, queue->ask, queue->n * sizeof *more);
        queue->ask = more;
        queue->cap = cap;
    }
    if (n) memcpy(queue->ask + queue->n, asks, n * sizeof *asks);
    queue->n += n;
    return RC_OK;
}

/* Several children may tell one parent how they stand, where they were asked in one unit: it hears them all at once, in order. A parent of many
 * would else be copied for each of them. */
static enum rc_status gather(struct rc_engine *engine, struct queue *queue, struct rc_ask *ask,
                             struct rc_error *err)
{
    if (ask->kind != RC_MSG_CHILD || ask->to.agg != RC_AGG_COMMAND) return RC_OK;
    struct rc_child_news *last = NULL;
    for (uint32_t i = queue->at - 1; i < queue->n; i++) {
        struct rc_ask *other = &queue->ask[i];
        if (other->kind != RC_MSG_CHILD || other->to.agg != RC_AGG_COMMAND || other->to.id != ask->to.id)
            continue;
        struct rc_child_news *own = rc_copy(engine->turn.arena, other->u.news, sizeof *own);
        if (!own) return rc_fail_arena(err, engine->turn.arena);
        if (last)
            last->next = own;
        else
            ask->u.news = own;
        last = own;
        other->kind = HEARD;
    }
    return RC_OK;
}

/* The unit has come to nothing. A submission that is refused is no command, and its number is the next one's. */
static void take_out_who_queued(struct rc_engine *engine, const struct queue *queue)
{
    for (uint32_t i = 0; i < queue->at; i++) {
        const struct rc_ask *ask = &queue->ask[i];
        if (ask->kind != RC_MSG_WANT && ask->kind != RC_MSG_QUEUE) continue;
        struct rc_door *door = rc_map_get(&engine->doors, ask->to.id);
        if (door) rc_window_remove(&door->waiting, ask->from.id, ask->node, ask->order);
    }
}

/* io_at: the message that was the last one, where it fails. */
static enum rc_status run(struct rc_engine *engine, const struct rc_ask *first, struct rc_ask *io_at,
                          struct rc_error *err)
{
    struct rc_mark mark = rc_overlay_mark(engine);
    engine->turn.unit_records = mark.records;
    struct queue queue = {0};
    enum rc_status status = append(engine, &queue, first, 1, err);
    while (status == RC_OK && queue.at < queue.n) {
        struct rc_out out = {0};
        struct rc_ask ask = queue.ask[queue.at++]; /* the list may move */
        if (ask.kind == HEARD) continue;
        *io_at = ask;
        status = gather(engine, &queue, &ask, err);
        if (status == RC_OK) status = step(engine, &ask, &out, err);
        if (status == RC_OK) status = append(engine, &queue, out.message, out.nmessage, err);
    }
    if (status == RC_OK) {
        rc_children_count(engine, mark.born);
    } else {
        rc_overlay_undo(engine, mark);
        take_out_who_queued(engine, &queue);
        rc_children_undo(engine, mark.born);
    }
    return status;
}

/* What a command leaves behind as it moves (old texts and outputs) stays in its memory. Where that is used up, reading it anew makes room. It
 * may be one that another one in the unit has told something. */
static bool read_anew(struct rc_engine *engine, const struct rc_ask *at)
{
    uint64_t seq = at->to.agg == RC_AGG_COMMAND ? at->to.id : at->from.id;
    struct rc_hot *hot = rc_cache_find(&engine->cache, seq);
    if (!hot || hot->touched || hot->request || rc_arena_status(hot->arena) != RC_LIMIT) return false;
    rc_cache_drop(&engine->cache, hot);
    return true;
}

enum rc_status rc_unit_run(struct rc_engine *engine, const struct rc_ask *first, struct rc_error *err)
{
    struct rc_ask at = *first;
    enum rc_status status = run(engine, first, &at, err);
    return status == RC_LIMIT && read_anew(engine, &at) ? run(engine, first, &at, err) : status;
}
