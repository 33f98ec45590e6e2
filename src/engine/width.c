/* How many attempts of this server may be in flight at a time, over all dependencies (max-in-flight). Gates bound each dependency by itself;
 * this bounds their sum, so it stands with the engine, which alone sees all of them.
 *
 * Fair means here: a place that is free goes to the dependency that has the fewest of them, among those where a step waits and the
 * dependency's own bound leaves room; among equals to the step that has waited longest. So one that is slow does not come to hold all
 * places while others wait, and nobody starves: who has none is before all who have one, and the oldest of these comes first. As long as
 * somebody waits for the server, newcomers queue behind.
 *
 * Steps that remote workers do are left out: their attempts take nothing of this server while they are out. */
#include "engine/state.h"

uint32_t rc_width_used(const struct rc_engine *engine)
{
    uint32_t n = 0;
    for (size_t i = 0; i < engine->doors.cap; i++) {
        const struct rc_door *door = engine->doors.slot[i].value;
        if (door && door->line.kind != RC_LINE_WORKERS) n += door->gate.in_use;
    }
    return n;
}

bool rc_width_free(const struct rc_engine *engine)
{
    return !engine->ports.max_in_flight || rc_width_used(engine) < engine->ports.max_in_flight;
}

bool rc_width_is_crowded(const struct rc_engine *engine)
{
    return engine->ports.max_in_flight && (engine->crowded || !rc_width_free(engine));
}

static bool comes_before(const struct rc_door *a, const struct rc_door *b)
{
    if (a->gate.in_use != b->gate.in_use) return a->gate.in_use < b->gate.in_use;
    const struct rc_work *first = rc_window_first(&a->waiting), *other = rc_window_first(&b->waiting);
    return first->order != other->order ? first->order < other->order : first->seq < other->seq;
}

struct rc_door *rc_width_next(const struct rc_engine *engine)
{
    struct rc_door *best = NULL;
    for (size_t i = 0; i < engine->doors.cap; i++) {
        struct rc_door *door = engine->doors.slot[i].value;
        if (!door || door->line.kind == RC_LINE_WORKERS || !rc_window_first(&door->waiting) ||
            !rc_gate_free(&door->gate, rc_engine_set(engine)))
            continue;
        if (!best || comes_before(door, best)) best = door;
    }
    return best;
}
