/* Lives with schedules: flows that start again and again, near a moment at which clocks change, on a clock that people set; who pauses,
 * resumes and runs them, and flows that change or lose theirs. When they are due is worked out once more in walk_due.c, and what must hold
 * of them in walk_plans.c. */
#include "sim/walk.h"

#include <assert.h>

enum { MARGIN = 12 }; /* commands: as many as may come of a step in which nobody looks at the clock */

static const char *const flows[WALK_FLOWS] = {"f0", "f1", "f2", "f3"}, *const ids[PLAN_IDS] = {"p0", "p1"};

/* ---- definitions ------------------------------------------------------------------------------------------------------ */

static void put_schedule(struct walk *walk, uint32_t id)
{
    static const char *const missed[] = {"latest", "skip", "all"}, *const overlap[] = {"skip", "allow",
                                                                                       "queue"};
    assert(id < PLAN_IDS);
    uint32_t zone = walk_chance(walk, 30) ? walk_dice(walk, WALK_ZONES) : walk->plans->zone;
    uint32_t minute = walk_dice(walk, WALK_MINUTES), hour = walk_dice(walk, WALK_HOURS);
    walk_put(walk, "  - id: %s\n    cron: \"%s %s %s\"\n    zone: %s\n", ids[id], walk_minutes_text(minute),
             walk_hours_text(hour), walk_days_text(walk_chance(walk, 30) ? walk_dice(walk, WALK_DAYS) : 0),
             walk_zone_name(zone));
    if (walk_chance(walk, 10)) walk_put(walk, "    namespace: b\n");
    uint32_t late = walk_dice(walk, 3), meets = walk_dice(walk, 3);
    walk_put(walk, "    payload: {n: 1, list: [1], ok: %s}\n    missed: %s\n    overlap: %s\n",
             walk_chance(walk, 15) ? "false" : "true", missed[late], overlap[meets]);
}

void walk_put_schedules(struct walk *walk)
{
    uint32_t n = walk_dice(walk, PLAN_IDS + 1);
    if (n) walk_put(walk, "schedule:\n");
    for (uint32_t id = 0; id < n; id++) put_schedule(walk, id);
}

void walk_define_schedules(struct walk *walk)
{
    if (!sim_full || walk->blocks || walk->work || walk->people) return;
    sim_choices_begin(walk->choices, 'p');
    if (!walk_chance(walk, 75)) return;
    walk->plans = calloc(1, sizeof *walk->plans);
    assert(walk->plans);
    walk->plans->zone = walk_dice(walk, WALK_ZONES);
    walk->plans->moment = walk_zone_change(walk->plans->zone, walk_dice(walk, WALK_CHANGES)) -
                          walk_span(walk, walk_chance(walk, 70) ? RC_SECONDS(3600) : RC_SECONDS(4000)) -
                          (walk_chance(walk, 30) ? RC_SECONDS(7200) : 0);
    walk_define_all(walk, 'p');
}

void walk_forget_schedules(struct walk *walk)
{
    free(walk->plans);
}

void walk_schedules_begin(struct walk *walk)
{
    if (!walk->plans) return;
    walk->world->ahead = (int64_t)(walk->plans->moment - world_wall(walk->world));
    world_crash(walk->world); /* its engine begins with that clock */
}

/* ---- the clock -------------------------------------------------------------------------------------------------------- */

const struct flow_schedule *walk_schedule_in_force(const struct walk *walk, uint32_t slot,
                                                   uint64_t *ret_version)
{
    const struct flow *active =
        flow_set_active(rc_engine_definitions(walk->world->engine), rc_sv_of(flows[slot / PLAN_IDS]));
    const struct flow *flow = active ? world_flow(walk->world, active->id) : NULL;
    *ret_version = 0;
    for (uint32_t i = 0; flow && i < flow->nschedules; i++)
        if (rc_sv_is(flow->schedules[i].id, ids[slot % PLAN_IDS])) {
            *ret_version = flow->id;
            return &flow->schedules[i];
        }
    return NULL;
}

/* Of what may be due until the clock shows `wall`. */
static uint32_t owe(const struct walk *walk, rc_us wall)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PLAN_SLOTS; i++) {
        uint64_t version;
        const struct flow_schedule *of = walk_schedule_in_force(walk, i, &version);
        const struct plan_slot *slot = &walk->plans->slot[i];
        rc_us from = slot->known ? slot->row.planned : walk->plans->moment;
        if (of && !slot->row.paused) n += walk_due_count(of, from, wall);
    }
    return n;
}

uint32_t walk_schedules_owe(const struct walk *walk)
{
    return walk->plans ? owe(walk, world_wall(walk->world)) : 0;
}

/* No life has more commands than fit in. */
static bool has_room(const struct walk *walk, rc_us wall)
{
    return walk->nseen + walk->nrequests + owe(walk, wall) + MARGIN <= WALK_COMMANDS;
}

static void let_time_pass(struct walk *walk)
{
    rc_us span = walk_span(walk, RC_SECONDS(walk_chance(walk, 20) ? 1800 : 300));
    if (!has_room(walk, world_wall(walk->world) + span)) return;
    walk->world->now += span;
    WALK_TELL(walk, "%u s pass\n", (unsigned)(span / RC_SECONDS(1)));
}

static void set_the_clock(struct walk *walk)
{
    static const uint32_t most[] = {90, 1200, 5400, 14400};
    rc_us span = walk_span(walk, RC_SECONDS(most[walk_dice(walk, 4)]));
    bool back = walk_chance(walk, 40);
    if (!back && !has_room(walk, world_wall(walk->world) + span)) return;
    walk->world->ahead += back ? -(int64_t)span : (int64_t)span;
    WALK_TELL(walk, "the wall clock goes %s by %u s\n", back ? "back" : "forward",
              (unsigned)(span / RC_SECONDS(1)));
}

/* How much more the clock shows than what the engine's time has come to. */
static int64_t lead(const struct walk *walk)
{
    const struct rc_engine *engine = walk->world->engine;
    rc_us now = engine->anchor + (walk->world->now - engine->monotonic);
    return (int64_t)(world_wall(walk->world) - now);
}

bool walk_clock_is_behind(const struct walk *walk)
{
    return walk->plans && lead(walk) < 0;
}

/* A clock that was set forward is true only for an engine that begins (below): who dates a state before that knows better. */
rc_us walk_schedules_date(const struct walk *walk)
{
    int64_t span = walk->plans ? lead(walk) : 0;
    return world_wall(walk->world) - (rc_us)(span > 0 ? span : 0);
}

/* An engine that begins takes the clock's word for how long nothing was there. Spans (how long a check waits, how long a key is known) are
 * true only where that is: so that much time has passed outside, too. */
void walk_schedules_restart(struct walk *walk)
{
    int64_t span = walk->plans ? lead(walk) : 0;
    if (span <= 0) return;
    walk->world->now += (rc_us)span;
    walk->world->ahead -= span;
}

/* ---- people ----------------------------------------------------------------------------------------------------------- */

static void order(struct walk *walk, uint32_t slot, enum rc_schedule_order what)
{
    static const char *const words[] = {"pause", "resume", "run"};
    struct rc_request *request = world_access((struct rc_access_change){0});
    request->kind = RC_REQUEST_SCHEDULE;
    request->u.schedule.order = what;
    request->u.schedule.flow = rc_sv_of(flows[slot / PLAN_IDS]);
    request->u.schedule.id = rc_sv_of(ids[slot % PLAN_IDS]);
    if (what == RC_SCHEDULE_RUN) request->u.schedule.key = rc_text(request->arena, "h%u", walk_dice(walk, 4));
    request->u.schedule.by =
        (struct rc_author){.subject = RC_SV("anna"), .actor = RC_SV("anna"), .reason = RC_SV("asked")};
    WALK_TELL(walk, "  > %s %s/%s\n", words[what], flows[slot / PLAN_IDS], ids[slot % PLAN_IDS]);
    if (!walk_post(walk, (struct walk_request){.request = request})) return;
    walk->plans->slot[slot].resumed |= what == RC_SCHEDULE_RESUME;
    walk->plans->slot[slot].stopped |= what == RC_SCHEDULE_PAUSE;
}

static void pause_all(struct walk *walk)
{
    for (uint32_t i = 0; i < PLAN_SLOTS; i++)
        if (walk->plans->slot[i].known && !walk->plans->slot[i].row.paused) order(walk, i, RC_SCHEDULE_PAUSE);
}

void walk_schedules_act(struct walk *walk)
{
    static const uint8_t orders[] = {RC_SCHEDULE_RUN, RC_SCHEDULE_PAUSE, RC_SCHEDULE_RESUME,
                                     RC_SCHEDULE_RESUME};
    if (walk_chance(walk, 35)) let_time_pass(walk);
    if (walk_chance(walk, 12)) set_the_clock(walk);
    if (!has_room(walk, world_wall(walk->world))) {
        pause_all(walk);
        return;
    }
    if (walk_chance(walk, 12))
        order(walk, walk_dice(walk, PLAN_SLOTS),
              (enum rc_schedule_order)orders[walk_dice(walk, sizeof orders)]);
    if (walk_chance(walk, 4)) walk_change_flow(walk);
}

/* ---- the end, and other lives of the store ---------------------------------------------------------------------------- */

void walk_schedules_rest(struct walk *walk)
{
    enum { LOOKS = 8, ENOUGH = 60 };
    bool all = false;
    if (!walk->plans) return;
    for (uint32_t i = 0; i < LOOKS && !walk->broken; i++) {
        walk_turn(walk);
        if (walk->world->sleep == 0) continue;
        walk->world->now += RC_SECONDS(1);
        walk_answer_some(walk, true);
    }
    WALK_TELL(walk, "--- people pause all schedules\n");
    for (uint32_t i = 0; i < ENOUGH && !all && !walk->broken; i++) {
        uint64_t version;
        walk_turn(walk);
        pause_all(walk);
        walk_turn(walk);
        all = walk->world->sleep > 0;
        for (uint32_t k = 0; k < PLAN_SLOTS; k++)
            all &= !walk_schedule_in_force(walk, k, &version) || walk->plans->slot[k].row.paused;
    }
    LAW(all, "E1 everything comes to rest", "people cannot pause all schedules");
}

void walk_schedules_go_back(struct walk *walk)
{
    struct walk_plans *plans = walk->plans;
    for (uint32_t i = 0; i < PLAN_SLOTS; i++) plans->slot[i] = (struct plan_slot){0};
    for (uint32_t i = 0; i < plans->nmade; i++)
        if (plans->made[i].seq > walk->copy.known->nseen) plans->made[i].seq = 0;
    plans->released = 0;
}

/* ---- controls --------------------------------------------------------------------------------------------------------- */

void walk_forge_schedules(enum sim_control control, struct flow *flow)
{
    for (uint32_t i = 0; i < flow->nschedules; i++) {
        struct flow_schedule *of =
            (struct flow_schedule *)&flow->schedules[i]; /* cppcheck-suppress cert-EXP05-C */
        if (control == SIM_OTHER_ZONES) of->zone = &cron_utc;
        if (control == SIM_EVERY_HOUR) of->expr.any_hour = true;
        if (control == SIM_RUN_BESIDE) of->overlap = FLOW_OVERLAP_ALLOW;
        if (control == SIM_CATCH_UP_ALL) of->missed = FLOW_MISSED_ALL;
    }
}

/* The last one is due again, where its key is not known. */
static void run_again(struct rc_planner *planner, struct flow_schedule *elsewhere)
{
    struct rc_schedule *row = &planner->row;
    if (!row->planned || row->planned != row->last_planned) return;
    *elsewhere = *planner->of;
    elsewhere->ns = rc_sv_is(planner->of->ns, "b") ? RC_SV("default") : RC_SV("b");
    planner->of = elsewhere;
    row->accepted = row->planned--;
    planner->next = 0;
}

/* What it has made behind the state that was restored is due again, and the engine does not know when that was released. */
static void make_again(struct walk *walk, struct rc_planner *planner)
{
    const struct walk_plans *plans = walk->plans;
    uint32_t slot = (uint32_t)(planner->row.flow[1] - '0') * PLAN_IDS + (uint32_t)(planner->row.id[1] - '0');
    for (uint32_t i = 0; plans->released && i < plans->nmade; i++) {
        const struct plan_made *made = &plans->made[i];
        if (made->seq || made->slot != slot || !made->time || made->time > plans->released) continue;
        walk->world->engine->hold.released = 1;
        planner->row.planned = made->time - 1;
        planner->row.accepted = made->time;
        planner->next = 0;
    }
}

static void spoil(struct walk *walk, struct rc_planner *planner, struct flow_schedule *elsewhere)
{
    struct rc_schedule *row = &planner->row;
    bool now = walk_chance(walk, 10);
    if (walk->control == SIM_FORGET_PLANS && now && row->planned > RC_SECONDS(3600)) {
        row->planned -= RC_SECONDS(3600);
        row->accepted = 0;
        planner->next = 0;
    }
    if (walk->control == SIM_RUN_AGAIN) run_again(planner, elsewhere);
    if (walk->control == SIM_MAKE_AGAIN) make_again(walk, planner);
    if (walk->control == SIM_RUN_EARLY && now) {
        row->accepted = row->planned + RC_SECONDS(3600);
        planner->next = 0;
    }
    if (walk->control == SIM_COUNT_NOTHING) row->missed = row->skipped = 0;
    if (walk->control == SIM_FORGET_PAUSES && row->paused) {
        row->paused = false;
        planner->next = 0;
    }
    if (walk->control == SIM_LOSE_TIMES && now) planner->next = UINT64_MAX;
}

void walk_schedules_turn(struct walk *walk)
{
    struct walk_plans *plans = walk->plans;
    struct rc_engine *engine = walk->world->engine;
    rc_us wall = world_wall(walk->world);
    if (plans->nlooks < PLAN_LOOKS && (!plans->nlooks || plans->look[plans->nlooks - 1] != wall))
        plans->look[plans->nlooks++] = wall;
    if (wall > plans->highest) plans->highest = wall;
    if (walk->control < SIM_RUN_AGAIN) return;
    if (walk->control == SIM_KEEP_SCHEDULES && engine->planners.n)
        engine->planners.set = rc_engine_set(engine);
    for (uint32_t i = 0; i < engine->planners.n; i++)
        spoil(walk, &engine->planners.item[i], &plans->elsewhere[i]);
}
