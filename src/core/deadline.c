/* When a command begins, and until when it has to be through. Both are waited for by the root: it is delayed, and its due is the time that
 * comes next. So the store keeps it among the work that waits, and a restart, a crash or a cancel needs no code of its own.
 *
 * A command that waits to begin has an idle root: nothing of it has been looked at. Its time is one of the wall clock where somebody named
 * a time (`run_at`), and one of the engine's, which never goes back, where somebody named a span (`run_in`, `deadline`).
 *
 * When the deadline is over nothing new starts and what has left is settled, as the mode says that the flow's `on_deadline` has chosen:
 * cancel, roll back, or halt, after which a person decides. A person who retries what was halted lifts the deadline.
 *
 * A parent that is cancelled or rolled back does the same to its children. One that halts does nothing to them; so they know from their start when
 * it will, and halt by themselves then, whatever they say of their own deadlines: nothing new starts below it either. */
#include "core/advance.h"
#include "core/tree.h"

bool rc_clock_eq(const struct rc_clock *a, const struct rc_clock *b)
{
    return a->start == b->start && a->deadline == b->deadline && a->over == b->over && a->wall == b->wall;
}

static void wait_for(struct rc_draft *draft, rc_us due)
{
    draft->c.node[0].phase = due ? RC_PHASE_DELAYED : RC_PHASE_NONE;
    draft->c.data[0].times.due = due;
}

void rc_clock_begin(struct rc_draft *draft)
{
    struct rc_clock *clock = &draft->c.clock;
    rc_us now = draft->ask->now, until = clock->over;
    clock->over = clock->deadline ? now + clock->deadline : 0;
    if (until && (!clock->over || until < clock->over)) {
        clock->over = until;
        clock->deadline = 0;
    }
    if (clock->over && clock->over == clock->start)
        clock->over++;                       /* what is waited for is told by its time */
    draft->c.node[0].state = RC_STEP_ACTIVE; /* it is not one that waits to begin */
    wait_for(draft, clock->over);
    if (clock->over && clock->over <= now) rc_clock_due(draft); /* it has waited for its turn all the time */
}

rc_us rc_clock_halts(const struct rc_command *c)
{
    bool halts = !c->clock.deadline || c->flow->on_deadline == FLOW_LATE_REVIEW;
    bool waits = c->node[0].phase == RC_PHASE_DELAYED && c->mode == RC_MODE_FORWARD;
    return halts && waits && c->clock.over ? c->clock.over : 0;
}

void rc_clock_submit(struct rc_draft *draft)
{
    const struct rc_ask *ask = draft->ask;
    const struct rc_identity *id = ask->u.submit;
    struct rc_clock *clock = &draft->c.clock;
    clock->deadline = id->deadline ? id->deadline : draft->c.flow->deadline;
    clock->over = id->until;
    bool later = id->run_at ? id->run_at > ask->wall : id->run_in != 0;
    if (!later) {
        rc_command_start(draft);
        return;
    }
    clock->wall = id->run_at != 0;
    clock->start = clock->wall ? id->run_at : ask->now + id->run_in;
    wait_for(draft, clock->start);
}

bool rc_clock_is_due(const struct rc_draft *draft)
{
    const struct rc_ask *ask = draft->ask;
    rc_us due = draft->c.data[0].times.due;
    rc_us now = rc_clock_is_wall(&draft->c.clock, due) ? ask->wall : ask->now;
    return draft->c.node[0].phase == RC_PHASE_DELAYED && due <= now;
}

void rc_command_halt(struct rc_draft *draft, enum rc_why why)
{
    wait_for(draft, 0);
    draft->c.mode = RC_MODE_HALT;
    draft->c.why = (uint8_t)why;
}

void rc_clock_due(struct rc_draft *draft)
{
    if (rc_command_waits_to_begin(&draft->c)) {
        rc_command_start(draft);
        return;
    }
    rc_command_halt(draft, RC_WHY_DEADLINE);
    if (!draft->c.clock.deadline) return; /* its parent's */
    switch ((enum flow_on_deadline)draft->c.flow->on_deadline) {
    case FLOW_LATE_REVIEW: break;
    case FLOW_LATE_CANCEL: draft->c.mode = RC_MODE_CANCEL; break;
    case FLOW_LATE_ROLL_BACK: /* or a person decides */
        if (rc_can_be_rolled_back(&draft->c)) draft->c.mode = RC_MODE_ROLL_BACK;
        break;
    }
}

void rc_clock_lift(struct rc_draft *draft, bool settled)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = 0; i < c->nnodes; i++)
        if (rc_is_leaf(c, i) && (c->node[i].state != RC_STEP_IDLE || rc_can_begin(c, i)))
            settled &= c->node[i].state == RC_STEP_SUCCEEDED || c->node[i].state == RC_STEP_SKIPPED;
    if (!settled) return;
    c->mode = RC_MODE_FORWARD;
    c->why = RC_WHY_NONE;
}

bool rc_clock_restored(struct rc_draft *draft)
{
    if (rc_command_waits_to_begin(&draft->c)) /* the wall clock may have gone back since it has come there */
        return rc_clock_is_due(draft) || draft->c.data[0].times.due <= draft->ask->now;
    if (rc_command_waits_in_lane(&draft->c)) return true; /* its turn may have come there */
    for (uint32_t i = 1; i < draft->c.nnodes; i++)
        if (draft->c.node[i].phase != RC_PHASE_NONE) return false;
    /* it rests, and what people did to it meanwhile is not known: a clock does not act on it; but there it may have */
    bool rolls_back = draft->c.node[0].phase == RC_PHASE_DELAYED &&
                      draft->c.flow->on_deadline == FLOW_LATE_ROLL_BACK && draft->c.clock.deadline;
    wait_for(draft, 0);
    return rolls_back;
}

void rc_clock_settle(struct rc_draft *draft)
{
    const struct rc_command *c = &draft->c;
    bool waits = c->mode == RC_MODE_FORWARD && c->node[0].state != RC_STEP_SUCCEEDED;
    if (c->node[0].phase == RC_PHASE_DELAYED && !waits) wait_for(draft, 0);
}
