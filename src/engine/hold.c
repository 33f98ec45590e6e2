/* A store that is an older state, or came from elsewhere (store/hold.h), holds: gates are closed, no time is looked at, no wave of a bulk
 * begins. Submissions and actions are taken in as ever: what they want waits at the gates.
 * restored.c has what happens until a person releases it. */
#include "engine/state.h"

enum { READ_FIRST = 4096, READ_MAX = 64 << 20 };

/* ---- beginning ------------------------------------------------------------------------------------------------------ */

/* What has run at the time of the old state may have run to its end since: a person looks before it goes on. */
static enum rc_status pause_bulks(struct rc_engine *engine, uint64_t *ret_n, struct rc_error *err)
{
    const struct rc_bulk_order order = {
        .to = RC_BULK_PAUSED,
        .reason =
            RC_SV("an older state of the store was restored: what it did after that state is not known")};
    struct rc_arena *arena = rc_arena_new(READ_FIRST, READ_MAX);
    struct rc_bulk *bulks = NULL;
    uint32_t n = 0;
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = rc_read_bulks(engine->reader, (struct rc_sv){0}, 1u << RC_BULK_RUNNING, 0, arena,
                                          RC_MAX_BULKS, &bulks, &n, err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) {
        struct rc_bulk after;
        struct rc_bulk_event event;
        status = rc_bulk_obey(&bulks[i], &order, engine->now, &after, &event, err);
        const struct rc_bulk_write write = {.bulk = &after, .event = &event};
        if (status == RC_OK) status = rc_store_bulk(engine->ports.store, &write, NULL, err);
    }
    rc_arena_free(arena);
    if (status == RC_OK) *ret_n = n;
    return status;
}

/* The window reaches back to where the one before began, when that was not released. */
static rc_us begins(const struct rc_engine *engine, rc_us at)
{
    if (at > engine->now) at = engine->now;
    if (!rc_engine_held(engine)) return at;
    return engine->hold.from < at ? engine->hold.from : at;
}

static enum rc_status begin(struct rc_engine *engine, struct rc_origin origin, struct rc_error *err)
{
    struct rc_hold hold = {.nonce = rc_mix(&engine->seed),
                           .cause = origin.cause,
                           .from = begins(engine, origin.at),
                           .until = engine->now,
                           .seq = engine->next_seq - 1,
                           .left = engine->next_seq > 1 ? engine->next_seq : 0};
    const struct rc_hold_write write = {.hold = &hold, .now = engine->now};
    enum rc_status status = pause_bulks(engine, &hold.bulks, err);
    return status == RC_OK ? rc_store_hold(engine->ports.store, &write, NULL, err) : status;
}

static enum rc_status look(struct rc_engine *engine, struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(READ_FIRST, READ_MAX);
    struct rc_hold *holds = NULL;
    uint32_t n = 0;
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = rc_read_holds(engine->reader, arena, &holds, &n, err);
    if (status == RC_OK) engine->hold = n ? holds[0] : (struct rc_hold){0};
    rc_arena_free(arena);
    return status;
}

enum rc_status rc_hold_boot(struct rc_engine *engine, bool restart, struct rc_error *err)
{
    struct rc_origin origin = rc_store_origin(engine->ports.store);
    enum rc_status status = look(engine, err);
    if (status == RC_OK && !origin.cause && restart && engine->ports.hold.asked && !rc_engine_held(engine)) {
        struct rc_high high;
        status = rc_read_high(engine->reader, &high, err);
        origin = (struct rc_origin){RC_HELD_ASKED, status == RC_OK ? high.high_water : 0};
    }
    if (status != RC_OK || !origin.cause || engine->ports.hold.unsafe_off) return status;
    status = begin(engine, origin, err);
    return status == RC_OK ? look(engine, err) : status;
}
