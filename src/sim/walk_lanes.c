/* Lives with lanes: flows with concurrency keys and priorities, and what must hold of who is at work and who waits. Who shares a lane, and who
 * is older, is worked out here from what was submitted; the core's own is core/lane.c. */
#include "sim/walk.h"

#include "core/lane.h"

void walk_put_lane(struct walk *walk)
{
    static const char *const full[] = {"queue", "queue", "queue", "refuse", "replace"};
    if (!walk->lanes || walk_chance(walk, 25)) return;
    walk_put(walk, "concurrency: {%slimit: %u, when_full: %s}\n",
             walk_chance(walk, 50) ? "key: \"${payload.n}\", " : "", 1 + walk_dice(walk, 3),
             full[walk_dice(walk, 5)]);
    if (walk_chance(walk, 20)) walk_put(walk, "priority: \"${payload.ok ? 0 : 5}\"\n");
}

void walk_lanes_submit(struct walk *walk, struct rc_identity *in)
{
    if (walk_chance(walk, 60)) in->priority = (uint8_t)walk_dice(walk, 10);
    if (walk->nstarted) walk->started[walk->nstarted - 1].priority = in->priority;
    if (walk->control == SIM_URGENT_LAST) in->priority = (uint8_t)(9 - in->priority);
    if (walk->control == SIM_OTHER_LANES && in->lane) in->lane = 1 + (in->nonce >> 2);
}

void walk_forge_lane(enum sim_control control, struct flow *flow)
{
    struct flow_lane *lane = &flow->lane;
    if (control == SIM_WIDER_LANES && lane->limit) lane->limit = (uint16_t)(lane->limit + 2);
    if (control == SIM_NARROWER_LANES && lane->limit > 1) lane->limit--;
    if (control == SIM_REFUSE_NOTHING && lane->when_full == FLOW_FULL_REFUSE)
        lane->when_full = FLOW_FULL_QUEUE;
    if (control == SIM_REPLACE_NOTHING && lane->when_full == FLOW_FULL_REPLACE)
        lane->when_full = FLOW_FULL_QUEUE;
}

/* The engine forgets who waits; or takes the oldest one that is at work for one that is leaving. */
void walk_spoil_lanes(enum sim_control control, struct rc_engine *engine)
{
    for (size_t i = 0; i < engine->lanes.cap; i++) {
        struct rc_lane *lane = engine->lanes.slot[i].value;
        if (!lane) continue;
        if (control == SIM_FORGET_WHO_WAITS) lane->nwaiting = 0;
        uint32_t oldest = 0;
        for (uint32_t k = 0; k < lane->nholders; k++)
            if (lane->holder[k].seq < lane->holder[oldest].seq) oldest = k;
        if (control == SIM_OLDEST_STAYS && lane->nholders) lane->holder[oldest].yields = true;
    }
}

/* ---- who is where ------------------------------------------------------------------------------------------------------- */

static bool is_in_lane(const struct walk_seen *seen)
{
    return seen->c.rev && !seen->gone && seen->c.flow->lane.limit;
}

/* All commands of the flow, or those with one n, as the text of the lane's key says. */
static bool shares_lane(const struct walk_seen *a, const struct walk_seen *b)
{
    if (!is_in_lane(a) || !is_in_lane(b) || !rc_sv_eq(a->c.id.ns, b->c.id.ns) ||
        !rc_sv_eq(a->c.id.type, b->c.id.type))
        return false;
    bool one = !a->c.flow->lane.key, other = !b->c.flow->lane.key;
    if (one || other) return one == other;
    const struct cel_value *x = cel_map_get(&a->c.id.payload, "n"), *y = cel_map_get(&b->c.id.payload, "n");
    return x && y && x->v.i == y->v.i;
}

static rc_us age_of(const struct walk *walk, const struct walk_seen *seen)
{
    uint32_t priority = seen->c.priority;
    for (uint32_t i = 0; i < walk->nstarted; i++)
        if (walk->started[i].nonce == seen->c.id.nonce && walk->started[i].priority != UINT8_MAX)
            priority = walk->started[i].priority;
    return seen->c.id.created - RC_SECONDS(60) * priority;
}

static bool is_older(const struct walk *walk, const struct walk_seen *a, const struct walk_seen *b)
{
    rc_us x = age_of(walk, a), y = age_of(walk, b);
    return x != y ? x < y : a->c.id.seq < b->c.id.seq;
}

/* It waited, or was put off, in an older state that was restored, where its turn may have come: what is in doubt of it is settled, though it has no place. */
static bool settles_doubt(const struct walk *walk, const struct walk_seen *seen)
{
    bool before = seen->c.place.state == RC_PLACE_WAITS || seen->c.place.state == RC_PLACE_NONE;
    return walk->restored.times && before && seen->c.mode != RC_MODE_FORWARD;
}

/* By what it has done, whatever is said of its place. */
static bool is_at_work(const struct walk *walk, const struct walk_seen *seen)
{
    bool begun = seen->c.node[0].state != RC_STEP_IDLE;
    for (uint32_t i = 1; i < seen->c.nnodes; i++) begun |= seen->c.node[i].phase != RC_PHASE_NONE;
    return begun && !rc_state_ended(seen->c.state) && !settles_doubt(walk, seen);
}

static bool waits(const struct walk_seen *seen)
{
    return seen->c.place.state == RC_PLACE_WAITS;
}

static bool holds(const struct walk *walk, const struct walk_seen *seen)
{
    unsigned place = seen->c.place.state;
    return is_at_work(walk, seen) || place == RC_PLACE_HOLDS || place == RC_PLACE_YIELDS;
}

/* Nobody has told it to go, and it goes not by itself. */
static bool stays(const struct walk_seen *seen)
{
    return (waits(seen) && seen->c.mode == RC_MODE_FORWARD) || seen->c.place.state == RC_PLACE_HOLDS;
}

/* ---- records ------------------------------------------------------------------------------------------------------------ */

bool walk_gives_way(const struct rc_act *act)
{
    return rc_sv_starts(act->reason, RC_SV("a newer command"));
}

void walk_laws_of_places(struct walk *walk, struct walk_seen *seen, const struct rc_record *record)
{
    if (record->rev == 1) memset(&seen->lane, 0, sizeof seen->lane);
    if (record->change > walk->changes && !walk->folding_anew) walk->changes = record->change;
    unsigned was = seen->lane.place, now = seen->c.place.state;
    bool was_in = was != RC_PLACE_NONE && was != RC_PLACE_LEFT;
    bool person = record->cause->kind == RC_MSG_ACTION;
    seen->lane.place = (uint8_t)now;
    if (now != RC_PLACE_NONE && now != was && !was_in)
        seen->lane.since = record->change; /* perhaps it left at once */
    if (now == RC_PLACE_WAITS && was != now) {
        seen->lane.from = record->change;
        seen->lane.to = 0;
    }
    if (now != RC_PLACE_WAITS && was == RC_PLACE_WAITS) seen->lane.to = record->change;
    if (now == RC_PLACE_LEFT && was != now) seen->lane.left = record->change;
    if (was == RC_PLACE_LEFT) seen->lane.by_itself = !person;
    if (walk->folding_anew) return;
    if (now == RC_PLACE_HOLDS && (was == RC_PLACE_WAITS || !was_in)) {
        seen->lane.granted = was == RC_PLACE_WAITS;
        seen->lane.came = was != RC_PLACE_WAITS && !seen->lane.by_itself;
        seen->lane.at = record->change;
    }
    if (person && walk_gives_way(record->cause->u.act)) seen->lane.gave_way = record->change;
    if (!seen->c.flow->lane.limit) return;
    LAW(!is_at_work(walk, seen) || now == RC_PLACE_HOLDS || now == RC_PLACE_YIELDS ||
            seen->c.mode == RC_MODE_ACCEPTED,
        "J1 who is at work holds a place", "command %llu, record %u", ULL(record->seq), record->rev);
    bool comes = now == RC_PLACE_WAITS && was != now, due = record->cause->kind == RC_MSG_DUE;
    LAW(!comes || due || seen->c.flow->lane.when_full != FLOW_FULL_REFUSE,
        "J7 where a full lane refuses, only what was put off waits", "command %llu, record %u",
        ULL(record->seq), record->rev);
}

/* ---- turns -------------------------------------------------------------------------------------------------------------- */

/* Who got a place in this turn, and who came before whom. */
static void laws_of_order(struct walk *walk, struct walk_seen *seen)
{
    const uint64_t at = seen->lane.at;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct walk_seen *other = &walk->seen[seq];
        if (other == seen || !other->lane.from || !shares_lane(seen, other)) continue;
        bool waited = other->lane.from < at && (!other->lane.to || other->lane.to > at);
        /* its record comes before that of who got the place of its original, which left in the same moment */
        if (other->c.id.original.seq && other->lane.from > walk->lanes_seen) continue;
        LAW(!seen->lane.granted || !waited || is_older(walk, seen, other),
            "J2 the oldest is served first, and priority makes older", "command %llu before %llu",
            ULL(seen->c.id.seq), ULL(seq));
        LAW(!seen->lane.came || !waited || other->lane.to || is_older(walk, seen, other),
            "J5 nobody passes those who wait and are older", "command %llu passes %llu", ULL(seen->c.id.seq),
            ULL(seq));
    }
    seen->lane.granted = seen->lane.came = false;
}

/* Who was told to go was the oldest one that stayed, and another one has come behind it: by number, or because its time has come. */
static void laws_of_giving_way(struct walk *walk, struct walk_seen *seen)
{
    bool newer = false;
    if (!seen->lane.gave_way) return;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct walk_seen *other = &walk->seen[seq];
        if (other == seen || !shares_lane(seen, other)) continue;
        newer |= other->lane.since > walk->lanes_seen && other->c.flow->lane.when_full == FLOW_FULL_REPLACE;
        LAW(seq > seen->c.id.seq || !stays(other) || other->lane.since > walk->lanes_seen,
            "J9 the oldest gives way to a newer one", "command %llu, not %llu", ULL(seen->c.id.seq),
            ULL(seq));
    }
    LAW(newer, "J9 the oldest gives way to a newer one", "command %llu to none", ULL(seen->c.id.seq));
    seen->lane.gave_way = 0;
}

/* Who is in the lane of `seen`. */
struct lane {
    const struct walk_seen *first;       /* of those who wait */
    uint32_t holds, limit, stay, stayed; /* stayed: before this turn */
    bool replaces;                       /* all of them do, with one limit */
};

static struct lane look_at(const struct walk *walk, const struct walk_seen *seen)
{
    struct lane lane = {.replaces = true};
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
        const struct walk_seen *other = &walk->seen[seq];
        if (!shares_lane(seen, other)) continue;
        if (other->lane.stayed > lane.stayed) lane.stayed = other->lane.stayed;
        const struct flow_lane *own = &other->c.flow->lane;
        bool in = holds(walk, other) || waits(other);
        if (holds(walk, other) && !other->lane.by_itself) lane.holds++;
        if (holds(walk, other) && own->limit > lane.limit) lane.limit = own->limit;
        if (in && (own->when_full != FLOW_FULL_REPLACE || own->limit != seen->c.flow->lane.limit))
            lane.replaces = false;
        lane.stay += stays(other) && !other->lane.by_itself;
        if (waits(other) && (!lane.first || is_older(walk, other, lane.first))) lane.first = other;
    }
    return lane;
}

static void laws_of_one(struct walk *walk, const struct walk_seen *seen)
{
    const struct rc_engine *engine = walk->world->engine;
    const struct lane lane = look_at(walk, seen);
    LAW(lane.holds <= lane.limit, "J3 no more hold a place than the limit", "command %llu: %u of %u",
        ULL(seen->c.id.seq), lane.holds, lane.limit);
    bool works = engine->booted && walk->status == RC_OK && walk->world->sleep && !walk->draining &&
                 engine->room && !rc_engine_held(engine) && engine->unknown < 2;
    LAW(!works || !lane.first || lane.holds >= lane.first->c.flow->lane.limit,
        "J4 nobody waits while there is room", "command %llu", ULL(lane.first ? lane.first->c.id.seq : 0));
    /* one goes for each that comes: as many stay as were there when the flow began to replace */
    LAW(!lane.replaces || !stays(seen) || lane.stay <= seen->c.flow->lane.limit || lane.stay <= lane.stayed,
        "J8 where the newest replaces, no more than the limit stay", "command %llu: %u of %u",
        ULL(seen->c.id.seq), lane.stay, seen->c.flow->lane.limit);
}

void walk_laws_of_lanes(struct walk *walk)
{
    for (uint64_t seq = 1; seq <= walk->nseen && !walk->broken; seq++) {
        struct walk_seen *seen = &walk->seen[seq];
        if (!is_in_lane(seen)) continue;
        if (seen->lane.granted || seen->lane.came) laws_of_order(walk, seen);
        laws_of_giving_way(walk, seen);
        if (waits(seen) || holds(walk, seen)) laws_of_one(walk, seen);
    }
    uint32_t stayed[WALK_COMMANDS + 1] = {0};
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        if (waits(&walk->seen[seq]) || holds(walk, &walk->seen[seq]))
            stayed[seq] = look_at(walk, &walk->seen[seq]).stay;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) walk->seen[seq].lane.stayed = stayed[seq];
    if (walk->status == RC_OK) walk->lanes_seen = walk->changes;
}

/* ---- replies ------------------------------------------------------------------------------------------------------------ */

/* Since the last turn was looked at, or now. */
static bool was_in_lane(const struct walk *walk, const struct walk_seen *seen)
{
    return holds(walk, seen) || waits(seen) || seen->lane.left > walk->lanes_seen;
}

void walk_laws_of_full_lane(struct walk *walk, const struct rc_request *request)
{
    const struct rc_identity *id = &request->u.submit;
    LAW(request->status != RC_REFUSED, "J10 who comes is not refused for what others are at", "%s",
        request->error.text);
    if (request->status != RC_LANE_FULL || walk->broken) return;
    const struct flow *flow = world_flow(walk->world, id->flow);
    uint32_t in = 0;
    for (uint64_t seq = 1; seq <= WALK_COMMANDS && !walk->broken; seq++) {
        walk_observe(walk, seq);
        const struct walk_seen *seen = &walk->seen[seq];
        if (!is_in_lane(seen) || !was_in_lane(walk, seen) || !rc_sv_eq(seen->c.id.ns, id->ns) ||
            !rc_sv_eq(seen->c.id.type, id->type) || !rc_sv_eq(seen->c.place.key, id->lane_key))
            continue;
        in += waits(seen) ? flow->lane.limit : 1;
    }
    LAW(flow->lane.when_full == FLOW_FULL_REFUSE && in >= flow->lane.limit,
        "J6 only a full lane refuses, where its flow says so", "%.*s: %u of %u", RC_SV_ARG(id->lane_key), in,
        flow->lane.limit);
}
