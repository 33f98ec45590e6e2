/* When schedules run. Every number of times that is walked here is bounded: what lies far back is reached by windows that end now. */
#include "core/schedule.h"

#include "base/random.h"

#include <assert.h>

#define ON_TIME RC_SECONDS(RC_SCHEDULE_ON_TIME_S)
#define HOUR    RC_SECONDS(3600)
enum { STEPS = 64, COUNTED = 1000 };

/* The next time behind `after`, up to `until`. */
static bool next_of(const struct flow_schedule *of, rc_us after, rc_us until, rc_us *ret)
{
    rc_us next;
    if (!of->zone || !cron_next(&of->expr, of->zone, after, &next) || next > until) return false;
    *ret = next;
    return true;
}

/* How many times there are behind `after` up to `until`; more than COUNTED are not counted. */
static uint64_t count(const struct flow_schedule *of, rc_us after, rc_us until)
{
    uint64_t n = 0;
    while (n < COUNTED && next_of(of, after, until, &after)) n++;
    return n;
}

/* The last `n` times behind `after` up to `until`, where there is one: the first and the last of them. */
static void last_of(const struct flow_schedule *of, rc_us after, rc_us until, uint32_t n, rc_us *ret_first,
                    rc_us *ret_last)
{
    static const rc_us window[] = {2 * HOUR, 48 * HOUR, 64 * 24 * HOUR, 2 * 366 * 24 * HOUR, UINT64_MAX};
    rc_us ring[RC_MAX_CATCH_UP];
    uint64_t found = 0;
    for (unsigned i = 0; found <= n; i++) { /* the last window reaches back to `after` */
        assert(i < sizeof window / sizeof *window);
        rc_us from = until > window[i] && until - window[i] > after ? until - window[i] : after;
        found = 0;
        for (rc_us at = from; next_of(of, at, until, &at);) ring[found++ % n] = at;
        if (from == after) break;
    }
    assert(found);
    *ret_first = ring[found > n ? found % n : 0];
    *ret_last = ring[(found - 1) % n];
}

/* What was missed up to `limit`, at least one time, is caught up as the schedule says, or not at all. */
static void accept_missed(struct rc_schedule *s, const struct flow_schedule *of, rc_us limit)
{
    rc_us first = 0, last = 0;
    uint64_t missed = count(of, s->planned, limit),
             most = of->missed == FLOW_MISSED_ALL ? RC_MAX_CATCH_UP : 1;
    if (of->missed == FLOW_MISSED_SKIP) {
        s->missed += missed;
        s->planned = limit;
        return;
    }
    last_of(of, s->planned, limit, (uint32_t)most, &first, &last);
    s->missed += missed > most ? missed - most : 0;
    s->planned = first - 1;
    s->accepted = last;
}

/* Times that wait for the run before: those that have come meanwhile are behind them, as many as there is room for. What was missed in
 * between is dealt with when none of them waits any more, and all that stands behind it. */
static void queue_more(struct rc_schedule *s, const struct flow_schedule *of, rc_us wall)
{
    rc_us at = s->planned;
    uint32_t n = 0;
    while (n < RC_MAX_SCHEDULE_QUEUE && next_of(of, at, wall, &at)) {
        n++;
        if (at <= s->accepted) continue;
        if (wall - at > ON_TIME) return;
        s->accepted = at;
    }
}

/* One step; false: nothing is left to be done now, and ret->next says until when. */
static bool plan_one(struct rc_plan *ret, const struct flow_schedule *of, rc_us wall, bool busy)
{
    struct rc_schedule *s = &ret->after;
    rc_us at;
    if (s->accepted <= s->planned) {
        if (!next_of(of, s->planned, UINT64_MAX, &at)) return false;
        if (at > wall) {
            ret->next = at;
            return false;
        }
        if (wall - at > ON_TIME)
            accept_missed(s, of, wall - ON_TIME);
        else
            s->accepted = at;
        return true;
    }
    if (!next_of(of, s->planned, s->accepted, &at)) { /* the definition has changed meanwhile */
        s->planned = s->accepted;
        return true;
    }
    if (busy && of->overlap == FLOW_OVERLAP_QUEUE) {
        queue_more(s, of, wall);
        ret->next = wall + RC_CALENDAR_LOOK;
        return false;
    }
    s->planned = at;
    if (busy && of->overlap == FLOW_OVERLAP_SKIP) {
        s->skipped++;
        return true;
    }
    ret->run = at;
    ret->next = wall; /* there may be more */
    return false;
}

void rc_schedule_plan(const struct rc_schedule *s, const struct flow_schedule *of, rc_us wall, bool busy,
                      struct rc_plan *ret)
{
    *ret = (struct rc_plan){.after = *s, .next = UINT64_MAX};
    if (s->paused) return;
    bool more = true;
    for (unsigned i = 0; more && i < STEPS; i++) more = plan_one(ret, of, wall, busy);
    if (more) ret->next = wall;
    const struct rc_schedule *after = &ret->after;
    ret->changed = s->planned != after->planned || s->accepted != after->accepted; /* or nothing is counted */
}

bool rc_schedule_wants_busy(const struct rc_schedule *s, const struct flow_schedule *of, rc_us wall)
{
    rc_us at;
    if (!s->last.seq || of->overlap == FLOW_OVERLAP_ALLOW || s->paused) return false;
    return s->accepted > s->planned || next_of(of, s->planned, wall, &at);
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

static void set_fault(struct rc_schedule *s, struct rc_sv fault)
{
    uint32_t n = fault.n < RC_SCHEDULE_FAULT ? fault.n : RC_SCHEDULE_FAULT - 1;
    memset(s->fault, 0, sizeof s->fault);
    if (n) memcpy(s->fault, fault.p, n);
}

static void started(struct rc_schedule *s, const struct rc_schedule_ask *in, rc_us planned)
{
    s->last = in->command;
    s->last_planned = planned;
    s->started++;
    set_fault(s, (struct rc_sv){0});
}

static void occur(struct rc_schedule *s, const struct rc_ask *ask)
{
    const struct rc_schedule_ask *in = ask->u.schedule;
    struct rc_plan plan;
    rc_schedule_plan(s, in->of, ask->wall, in->busy, &plan);
    if (plan.run && !in->command.seq) { /* it stays to be made */
        assert(plan.run > s->planned);
        *s = plan.after;
        s->planned = plan.run - 1;
        set_fault(s, in->fault);
        return;
    }
    *s = plan.after;
    if (plan.run) started(s, in, plan.run);
}

/* The times up to now are dealt with. */
static void begin_behind(struct rc_schedule *s, rc_us wall)
{
    if (s->planned < wall) s->planned = wall;
    s->accepted = 0;
}

/* An order may be the first that comes to it: then no time before is due. */
static void begin(struct rc_schedule *s, rc_us wall)
{
    if (!s->planned) begin_behind(s, wall);
}

/* Times are counted as missed or skipped only where `planned` grows. */
static bool same(const struct rc_schedule *a, const struct rc_schedule *b)
{
    return a->planned == b->planned && a->accepted == b->accepted && a->paused == b->paused &&
           a->last.seq == b->last.seq && a->started == b->started && strcmp(a->fault, b->fault) == 0;
}

static enum rc_status submit(const struct rc_ask *ask, struct rc_arena *arena, struct rc_out *out,
                             struct rc_error *err)
{
    uint64_t random = ask->seed;
    out->message = RC_NEW(arena, struct rc_ask);
    if (!out->message) return rc_fail_arena(err, arena);
    *out->message = (struct rc_ask){.kind = RC_MSG_SUBMIT,
                                    .to = {.agg = RC_AGG_COMMAND, .id = ask->u.schedule->submit->seq},
                                    .from = ask->to,
                                    .now = ask->now,
                                    .wall = ask->wall,
                                    .seed = rc_mix(&random),
                                    .u.submit = ask->u.schedule->submit};
    out->nmessage = 1;
    return RC_OK;
}

enum rc_status rc_schedule_step(const struct rc_schedule *s, const struct rc_ask *ask, struct rc_arena *arena,
                                struct rc_out *ret, struct rc_error *err)
{
    struct rc_schedule *after = rc_copy(arena, s, sizeof *s);
    struct rc_out out = {.change = RC_NEW(arena, struct rc_change)};
    if (!after || !out.change) return rc_fail_arena(err, arena);
    if (rc_message_is_to(ask->kind) != RC_AGG_SCHEDULE)
        return rc_fail(err, RC_BUG, "message %u is none to a schedule", ask->kind);
    switch ((enum rc_to_schedule)ask->kind) {
    case RC_MSG_PLAN: begin_behind(after, ask->wall); break;
    case RC_MSG_OCCUR: occur(after, ask); break;
    case RC_MSG_PAUSE:
        begin(after, ask->wall);
        after->paused = true;
        break;
    case RC_MSG_RESUME:
        if (s->paused) begin_behind(after, ask->wall); /* else what waits for its turn would be lost */
        after->paused = false;
        break;
    case RC_MSG_RUN:
        begin(after, ask->wall);
        started(after, ask->u.schedule, 0);
        break;
    }
    bool makes = ask->u.schedule && ask->u.schedule->submit;
    enum rc_status status = makes ? submit(ask, arena, &out, err) : RC_OK;
    if (status != RC_OK) return status;
    after->changed = ask->now;
    *out.change = (struct rc_change){.kind = RC_CHANGE_SCHEDULE, .u.schedule = after};
    out.nchange = !same(s, after) || ask->kind == RC_MSG_PLAN;
    *ret = out;
    return RC_OK;
}
