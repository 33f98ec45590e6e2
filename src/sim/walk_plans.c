/* What must hold of schedules: D1 to D11. When one is due is worked out by walk_due.c; what it should have made of that follows from its
 * definition as it was written, from what the clock showed in each turn, and from the rows of the store before and behind a turn. */
#include "sim/walk.h"

#include <assert.h>

#define ON_TIME RC_SECONDS(60)

/* ---- commands --------------------------------------------------------------------------------------------------------- */

/* Of which schedule a command is by its key: "schedule/p0/2027-03-28T01:00:00Z", or "schedule/p0/run/h1", where a person wanted it. */
static bool is_scheduled(const struct rc_identity *id, uint32_t *ret_slot, rc_us *ret_time)
{
    static const struct rc_sv begins = {"schedule/p", 10};
    struct rc_sv rest = {id->key.p + 12, id->key.n - 12};
    if (id->original.seq || !rc_sv_starts(id->key, begins) || id->key.n <= 12) return false;
    *ret_slot = (uint32_t)(id->type.p[1] - '0') * PLAN_IDS + (uint32_t)(id->key.p[10] - '0');
    *ret_time = 0;
    if (*ret_slot >= PLAN_SLOTS) return false;
    return rc_sv_starts(rest, RC_SV("run/")) || rc_parse_time(rest, ret_time);
}

void walk_laws_of_scheduled(struct walk *walk, const struct walk_seen *seen, const struct rc_record *record)
{
    struct walk_plans *plans = walk->plans;
    struct plan_made made = {.seq = record->seq, .fresh = true};
    if (record->rev != 1 || walk->folding_anew || !is_scheduled(&seen->c.id, &made.slot, &made.time)) return;
    for (uint32_t i = 0; i < plans->nmade; i++)
        LAW(!made.time || plans->made[i].slot != made.slot || plans->made[i].time != made.time ||
                !plans->made[i].seq || plans->made[i].old,
            "D1 a time that is due makes one command", "commands %llu and %llu", ULL(plans->made[i].seq),
            ULL(record->seq));
    assert(plans->nmade < PLAN_MADE);
    plans->made[plans->nmade++] = made;
}

void walk_note_scheduled(struct walk *walk)
{
    for (uint64_t seq = 1; walk->plans && seq <= walk->nseen; seq++) {
        struct rc_request request = {.kind = RC_REQUEST_SUBMIT, .u.submit = walk->seen[seq].c.id};
        uint32_t slot;
        rc_us time;
        if (walk->seen[seq].gone || !is_scheduled(&walk->seen[seq].c.id, &slot, &time)) continue;
        request.u.submit.payload_hash = walk->seen[seq].payload_hash;
        (void)walk_note_call(walk, &request);
    }
}

static const struct flow_schedule *schedule_of(const struct rc_command *c, uint32_t slot)
{
    for (uint32_t i = 0; i < c->flow->nschedules; i++)
        if (c->flow->schedules[i].id.p[1] == (char)('0' + slot % PLAN_IDS)) return &c->flow->schedules[i];
    return NULL;
}

/* Whether a command had ended before this change of the store; as far as that is remembered, it had. */
static bool had_ended(const struct walk_seen *seen, uint64_t change)
{
    uint64_t last = 0;
    bool ended = true;
    for (unsigned i = 0; i < WALK_WAS; i++)
        if (seen->was[i].change < change && seen->was[i].change > last) {
            last = seen->was[i].change;
            ended = rc_state_ended(seen->was[i].state);
        }
    return ended || seen->gone;
}

/* The clock showed in some turn that it was due, or less than a minute past that. */
static bool came_in_time(const struct walk_plans *plans, rc_us time)
{
    for (uint32_t i = 0; i < plans->nlooks; i++)
        if (plans->look[i] >= time && plans->look[i] - time <= ON_TIME) return true;
    return false;
}

/* It was the last of those that were missed, when somebody looked at the clock. */
static bool was_latest(const struct walk_plans *plans, const struct flow_schedule *of, rc_us time)
{
    rc_us look = 0;
    for (uint32_t i = 0; i < plans->nlooks; i++)
        if (plans->look[i] > time + ON_TIME && (!look || plans->look[i] < look)) look = plans->look[i];
    return look && walk_due_count(of, time, look - ON_TIME) == 0;
}

static void laws_of_overlap(struct walk *walk, const struct plan_made *made)
{
    const struct walk_seen *seen = &walk->seen[made->seq], *before = NULL;
    for (uint32_t i = 0; i < walk->plans->nmade; i++) {
        const struct plan_made *other = &walk->plans->made[i];
        bool earlier = other->slot == made->slot && other->seq && other->seq < made->seq && !other->old;
        if (earlier && (!before || other->seq > before->c.id.seq)) before = &walk->seen[other->seq];
    }
    if (before && !before->gone) walk_observe(walk, before->c.id.seq);
    uint64_t change = seen->c.rev < WALK_WAS ? seen->was[1].change : 0;
    LAW(!before || had_ended(before, change),
        "D4 what does not run beside itself waits until the run before has ended", "command %llu beside %llu",
        ULL(made->seq), ULL(before ? before->c.id.seq : 0));
}

static void laws_of_made(struct walk *walk, const struct plan_made *made)
{
    const struct walk_plans *plans = walk->plans;
    const struct plan_slot *slot = &plans->slot[made->slot];
    const struct rc_command *c = &walk->seen[made->seq].c;
    const struct flow_schedule *of = schedule_of(c, made->slot);
    LAW(made->time <= plans->highest, "D2 no schedule starts anything early", "command %llu", ULL(made->seq));
    LAW(of && walk_is_due(of, made->time),
        "D3 what a schedule makes is due by its cron and the clock of its zone", "command %llu",
        ULL(made->seq));
    if (walk->broken) return;
    if (of->overlap != FLOW_OVERLAP_ALLOW) laws_of_overlap(walk, made);
    bool sure = slot->known && slot->clean && slot->version == c->flow->id && plans->nlooks < PLAN_LOOKS;
    LAW(!sure || of->missed == FLOW_MISSED_ALL || came_in_time(plans, made->time) ||
            (of->missed == FLOW_MISSED_LATEST && was_latest(plans, of, made->time)),
        "D6 what was missed is made up for as its schedule says", "command %llu", ULL(made->seq));
    for (uint32_t i = 0; i < plans->nmade; i++)
        LAW(plans->made[i].seq || plans->made[i].slot != made->slot || plans->made[i].time != made->time ||
                !walk->restored.times || made->time > plans->released,
            "D11 what passed before an older state was released is not made again", "command %llu",
            ULL(made->seq));
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */

struct look {
    const struct flow_schedule *of; /* in force; NULL: none is */
    uint64_t version;
    const struct rc_schedule *row; /* NULL: there is none */
    bool whole;                    /* the turn has come to the end of its work, and has looked at the clock */
};

static bool is_whole(const struct walk *walk)
{
    const struct rc_engine *engine = walk->world->engine;
    return engine->booted && walk->status == RC_OK && walk->world->sleep && !walk->draining && engine->room &&
           !rc_engine_held(engine) && engine->unknown < 2 && !engine->apart && !engine->failing &&
           !engine->stale;
}

/* How many it has made since, for times behind `after`; or one of its name before it. */
static uint32_t count_made(const struct walk_plans *plans, uint32_t slot, rc_us after, rc_us until, bool old)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plans->nmade; i++) {
        const struct plan_made *made = &plans->made[i];
        n += made->seq && made->old == old && made->slot == slot && made->time > after && made->time <= until;
    }
    return n;
}

static bool is_busy(const struct walk *walk, const struct rc_schedule *row)
{
    const struct walk_seen *last = &walk->seen[row->last.seq <= walk->nseen ? row->last.seq : 0];
    return row->last.seq && !last->gone && last->c.rev && !rc_state_ended(last->c.state);
}

/* What became of the times that were dealt with since the last look. */
static void laws_of_counts(struct walk *walk, uint32_t at, const struct look *look)
{
    const struct plan_slot *slot = &walk->plans->slot[at];
    const struct rc_schedule *was = &slot->row, *now = look->row;
    uint64_t missed = now->missed - was->missed, skipped = now->skipped - was->skipped;
    LAW(now->planned >= was->planned, "D9 what was dealt with stays so", "%s/%s: from +%llu to +%llu",
        now->flow, now->id, ULL(was->planned), ULL(now->planned));
    LAW(now->missed >= was->missed && now->skipped >= was->skipped,
        "D5 what was due was made, was missed or was left out, and is counted", "%s/%s: counts go back",
        now->flow, now->id);
    if (walk->broken || (slot->resumed && (was->paused || slot->stopped)) ||
        was->planned < walk->world->engine->hold.released)
        return;
    uint32_t due = walk_due_count(look->of, was->planned, now->planned);
    uint32_t made = count_made(walk->plans, at, was->planned, now->planned, false);
    /* a time that is made is not made again, also where its schedule had left the flow and the clock went back */
    uint32_t before = count_made(walk->plans, at, was->planned, now->planned, true);
    LAW(due >= made + missed + skipped && due <= made + before + missed + skipped,
        "D5 what was due was made, was missed or was left out, and is counted",
        "%s/%s: %u were due; %u were made, %llu missed, %llu left out", now->flow, now->id, due, made,
        ULL(missed), ULL(skipped));
    LAW(!missed || !slot->clean || look->of->missed != FLOW_MISSED_ALL,
        "D6 what was missed is made up for as its schedule says", "%s/%s: %llu", now->flow, now->id,
        ULL(missed));
    LAW(!skipped || (look->of->overlap == FLOW_OVERLAP_SKIP &&
                     (slot->busy || is_busy(walk, now) || now->started > was->started ||
                      now->last.seq != was->last.seq)),
        "D4 what does not run beside itself waits until the run before has ended", "%s/%s: %llu left out",
        now->flow, now->id, ULL(skipped));
}

/* For the run before; that it has ended is seen within a second. */
static bool may_wait(const struct walk *walk, const struct plan_slot *slot, const struct rc_schedule *row)
{
    rc_us wall = walk->world->engine->turn.wall;
    return is_busy(walk, row) || slot->busy || (wall >= slot->waited && wall < slot->waited + RC_SECONDS(1));
}

static void laws_of_rows(struct walk *walk, uint32_t at, const struct look *look)
{
    const struct plan_slot *slot = &walk->plans->slot[at];
    const struct rc_schedule *row = look->row;
    LAW(!look->whole || !row == !look->of, "D10 each schedule in force has a row, and none else",
        "flow f%u, p%u", at / PLAN_IDS, at % PLAN_IDS);
    if (walk->broken || !row || !look->of) return;
    bool same = slot->known && slot->version == look->version;
    if (same && slot->row.paused && !slot->resumed) {
        bool moved = slot->row.planned >= walk->world->engine->hold.released &&
                     (row->planned != slot->row.planned || row->missed != slot->row.missed);
        LAW(row->paused && !moved, "D7 what is paused starts nothing until a person resumes it", "%s/%s",
            row->flow, row->id);
    }
    if (same && !walk->broken) laws_of_counts(walk, at, look);
    if (walk->broken || !look->whole || row->paused) return;
    uint32_t owed = walk_due_count(look->of, row->planned, walk->world->engine->turn.wall);
    LAW(!owed || row->fault[0] || (look->of->overlap == FLOW_OVERLAP_QUEUE && may_wait(walk, slot, row)),
        "D8 nothing that is due waits without a reason that is told", "%s/%s: %u", row->flow, row->id, owed);
}

/* An order to it is on its way. */
static bool is_ordered(const struct walk *walk, const struct rc_schedule *row)
{
    for (uint32_t i = 0; i < walk->nrequests; i++) {
        const struct rc_request *request = walk->request[i].request;
        if (request->kind == RC_REQUEST_SCHEDULE && request->u.schedule.order != RC_SCHEDULE_RUN &&
            rc_sv_is(request->u.schedule.flow, row->flow) && rc_sv_is(request->u.schedule.id, row->id))
            return true;
    }
    return false;
}

static void tell(const struct walk *walk, const struct rc_schedule *row)
{
    char planned[RC_TIME_TEXT], accepted[RC_TIME_TEXT], wall[RC_TIME_TEXT];
    rc_format_time(row->planned, planned);
    rc_format_time(row->accepted, accepted);
    rc_format_time(walk->world->engine->turn.wall, wall);
    WALK_TELL(
        walk,
        "  %s/%s at %.19s: until %.19s, accepted until %.19s, %llu made, %llu missed, %llu left out%s%s\n",
        row->flow, row->id, wall, planned, accepted, ULL(row->started), ULL(row->missed), ULL(row->skipped),
        row->paused ? ", paused; " : "; ", row->fault);
}

static bool is_as_before(const struct rc_schedule *a, const struct rc_schedule *b)
{
    return a->planned == b->planned && a->accepted == b->accepted && a->started == b->started &&
           a->missed == b->missed && a->skipped == b->skipped && a->paused == b->paused;
}

static void note(struct walk *walk, uint32_t at, const struct look *look)
{
    struct plan_slot *slot = &walk->plans->slot[at];
    for (uint32_t i = 0; i < walk->plans->nmade && !look->row; i++)
        walk->plans->made[i].old |= walk->plans->made[i].slot == at;
    if (!look->row || !look->of) {
        *slot = (struct plan_slot){0};
        return;
    }
    bool nothing = look->row->accepted <= look->row->planned;
    if (!is_as_before(&slot->row, look->row)) tell(walk, look->row);
    slot->clean = nothing || (slot->known && slot->version == look->version && slot->clean);
    slot->known = true;
    slot->row = *look->row;
    slot->version = look->version;
    bool busy = is_busy(walk, &slot->row);
    if (busy || slot->busy) slot->waited = walk->world->engine->turn.wall;
    slot->busy = busy;
    if (!is_ordered(walk, &slot->row)) slot->resumed = slot->stopped = false;
}

/* What stands in the row of this schedule. */
static const struct rc_schedule *row_at(const struct rc_schedule *rows, uint32_t n, uint32_t slot)
{
    for (uint32_t i = 0; i < n; i++)
        if (rows[i].flow[1] == (char)('0' + slot / PLAN_IDS) &&
            rows[i].id[1] == (char)('0' + slot % PLAN_IDS))
            return &rows[i];
    return NULL;
}

void walk_laws_of_schedules(struct walk *walk, struct rc_reader *reader)
{
    struct walk_plans *plans = walk->plans;
    struct rc_schedule *read = NULL, rows[PLAN_SLOTS];
    uint32_t n = 0;
    if (!walk->world->engine->booted) return;
    enum rc_status status = rc_read_schedules(reader, walk->scratch, &read, &n, &walk->world->err);
    assert(status == RC_OK && n <= PLAN_SLOTS);
    for (uint32_t i = 0; i < n; i++) rows[i] = read[i]; /* whoever reads a history takes that memory again */
    bool whole = is_whole(walk);
    if (whole && !plans->released && walk->restored.times) plans->released = walk->world->engine->turn.wall;
    for (uint32_t i = 0; i < plans->nmade && !walk->broken; i++) {
        if (plans->made[i].fresh && plans->made[i].seq && plans->made[i].time)
            laws_of_made(walk, &plans->made[i]);
        plans->made[i].fresh = false;
    }
    for (uint32_t i = 0; i < PLAN_SLOTS && !walk->broken; i++) {
        struct look look = {.row = row_at(rows, n, i), .whole = whole};
        look.of = walk_schedule_in_force(walk, i, &look.version);
        laws_of_rows(walk, i, &look);
        note(walk, i, &look);
    }
}
