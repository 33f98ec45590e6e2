/* Lanes in memory (core/lane.h). One is read from the rows of its commands when somebody asks for it, and forgotten between two turns when there
 * are many: what no turn has touched is as the store has it. */
#include "base/id.h"
#include "engine/state.h"

#include <stdlib.h>

struct rc_work rc_place_row_of(const struct rc_command *c, const struct rc_place *place)
{
    static const uint8_t phases[RC_PLACE_STATES] = {[RC_PLACE_WAITS] = RC_WORK_LANE_WAITS,
                                                    [RC_PLACE_HOLDS] = RC_WORK_LANE_HOLDS,
                                                    [RC_PLACE_YIELDS] = RC_WORK_LANE_YIELDS};
    return (struct rc_work){.phase = phases[place->state],
                            .gate = place->lane,
                            .order = rc_command_order(c),
                            .seq = c->id.seq,
                            .node = place->limit};
}

static struct rc_lane_entry entry_of(const struct rc_work *row)
{
    return (struct rc_lane_entry){.seq = row->seq,
                                  .order = row->order,
                                  .limit = (uint16_t)row->node,
                                  .yields = row->phase == RC_WORK_LANE_YIELDS};
}

static enum rc_status read_holders(struct rc_engine *engine, struct rc_lane *lane, uint8_t phase,
                                   struct rc_error *err)
{
    struct rc_work rows[RC_MAX_LANE];
    uint32_t n = 0, room = RC_MAX_LANE - lane->nholders;
    if (!room) return RC_OK;
    enum rc_status status =
        rc_read_work(engine->reader, phase, lane->id, NULL, UINT64_MAX, rows, room, &n, err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) lane->holder[lane->nholders++] = entry_of(&rows[i]);
    return status;
}

static enum rc_status read_lane(struct rc_engine *engine, struct rc_lane *lane, struct rc_error *err)
{
    struct rc_work rows[RC_LANE_WINDOW];
    uint32_t n = 0;
    *lane = (struct rc_lane){.id = lane->id};
    enum rc_status status = read_holders(engine, lane, RC_WORK_LANE_HOLDS, err);
    if (status == RC_OK) status = read_holders(engine, lane, RC_WORK_LANE_YIELDS, err);
    if (status == RC_OK)
        status = rc_read_work(engine->reader, RC_WORK_LANE_WAITS, lane->id, NULL, UINT64_MAX, rows,
                              RC_LANE_WINDOW, &n, err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) lane->waiting[lane->nwaiting++] = entry_of(&rows[i]);
    lane->more = n == RC_LANE_WINDOW;
    return status;
}

static enum rc_status find(struct rc_engine *engine, uint64_t id, struct rc_lane **ret, struct rc_error *err)
{
    *ret = rc_map_get(&engine->lanes, id);
    if (*ret) return RC_OK;
    struct rc_lane *lane = calloc(1, sizeof *lane);
    if (!lane) return rc_fail(err, RC_NOMEM, "out of memory");
    lane->id = id;
    enum rc_status status = read_lane(engine, lane, err);
    if (status == RC_OK && rc_map_put(&engine->lanes, id, lane) != RC_OK)
        status = rc_fail(err, RC_NOMEM, "out of memory");
    if (status == RC_OK)
        *ret = lane;
    else
        free(lane);
    return status;
}

/* Names the oldest one that holds a place. */
static void say_who_holds(struct rc_engine *engine, const struct rc_lane *lane, struct rc_error *err)
{
    struct rc_hot *hot;
    uint64_t oldest = 0;
    char id[RC_ID_TEXT + 1];
    engine->holder = (struct rc_outline){0};
    for (uint32_t i = 0; i < lane->nholders; i++)
        if (!oldest || lane->holder[i].seq < oldest) oldest = lane->holder[i].seq;
    if (!oldest || rc_engine_command(engine, oldest, &hot, NULL) != RC_OK) return;
    const struct rc_command *c = &hot->command;
    rc_outline_of(c, &engine->holder);
    rc_id_format(rc_id_of(oldest, c->id.nonce), id);
    (void)!rc_fail(err, RC_LANE_FULL,
                   "the concurrency key '%.*s' is held by the command %s (%s), and the flow lets %u be at "
                   "work; nothing was stored",
                   RC_SV_ARG(c->place.key), id, rc_state_word(c->state).slug, c->place.limit);
}

enum rc_status rc_engine_step_lane(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                                   struct rc_error *err)
{
    struct rc_lane *lane, after;
    enum rc_status status = find(engine, ask->to.id, &lane, err);
    if (status == RC_OK) status = rc_lane_step(lane, ask, engine->turn.arena, &after, out, err);
    if (status == RC_LANE_FULL) say_who_holds(engine, lane, err);
    if (status == RC_OK) status = rc_overlay_lane(engine, lane, &after, err);
    if (status == RC_OK && rc_lane_is_short(lane)) engine->lanes_short = true;
    return status;
}

static enum rc_status offer(struct rc_engine *engine, struct rc_lane *lane, struct rc_error *err)
{
    struct rc_ask ask =
        rc_engine_ask(engine, RC_MSG_LANE_OFFER, (struct rc_addr){.agg = RC_AGG_LANE, .id = lane->id});
    enum rc_status status = rc_lane_is_short(lane) ? read_lane(engine, lane, err) : RC_OK;
    struct rc_error error;
    if (status != RC_OK || !rc_lane_may_grant(lane)) return status;
    status = rc_unit_run(engine, &ask, &error);
    engine->turn.nunits++;
    if (rc_turn_passes(engine, status)) {
        if (err) *err = error;
        return status;
    }
    if (status != RC_OK) rc_engine_fault(engine, &error);
    return RC_OK;
}

enum rc_status rc_lanes_offer(struct rc_engine *engine, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (size_t i = 0; engine->lanes_short && status == RC_OK && i < engine->lanes.cap; i++)
        if (engine->lanes.slot[i].value) status = offer(engine, engine->lanes.slot[i].value, err);
    if (status != RC_OK) return status;
    engine->lanes_short = false;
    for (size_t i = 0; i < engine->lanes.cap; i++) {
        const struct rc_lane *lane = engine->lanes.slot[i].value;
        engine->lanes_short |= lane && rc_lane_is_short(lane);
    }
    return RC_OK;
}

void rc_lanes_forget(struct rc_engine *engine)
{
    for (size_t i = 0; i < engine->lanes.cap; i++) free(engine->lanes.slot[i].value);
    rc_map_free(&engine->lanes);
    engine->lanes_short = false;
}

void rc_lanes_trim(struct rc_engine *engine)
{
    if (engine->lanes.n > RC_LANES_HOT && !engine->lanes_short) rc_lanes_forget(engine);
}

/* Where a place is free and somebody waits: between a commit and the offer that was to follow, the process died. */
static enum rc_status look_at(struct rc_engine *engine, uint64_t id, struct rc_error *err)
{
    struct rc_lane *lane;
    enum rc_status status = find(engine, id, &lane, err);
    if (status != RC_OK) return status;
    if (rc_lane_may_grant(lane)) {
        engine->lanes_short = true;
    } else {
        rc_map_remove(&engine->lanes, id);
        free(lane);
    }
    return RC_OK;
}

enum rc_status rc_lanes_boot(struct rc_engine *engine, struct rc_error *err)
{
    enum { PAGE = 64 };
    uint64_t ids[PAGE], after = 0;
    uint64_t waiting = 0;
    enum rc_status counted = rc_read_work_count(engine->reader, RC_WORK_LANE_WAITS, &waiting, err);
    if (counted != RC_OK) return counted;
    engine->lane_waits = (uint32_t)waiting;
    for (uint32_t n = PAGE; n == PAGE;) {
        enum rc_status status = rc_read_lanes(engine->reader, after, ids, PAGE, &n, err);
        for (uint32_t i = 0; status == RC_OK && i < n; i++) status = look_at(engine, ids[i], err);
        if (status != RC_OK) return status;
        if (n) after = ids[n - 1];
    }
    return RC_OK;
}
