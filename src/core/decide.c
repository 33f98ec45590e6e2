/* Blocks that look before they go on: choose, repeat, fallback. */
#include "core/advance.h"

/* ---- choose --------------------------------------------------------------------------------------------------------- */

/* The first case whose condition holds; UINT32_MAX, and the reason is kept, where that cannot be worked out. What may have happened is
 * neither: a case is not taken, or left out, because nobody knows. */
static uint32_t decide(struct rc_draft *draft, uint32_t block)
{
    const struct rc_command *c = &draft->c;
    RC_EACH_CHILD (c, block, 0, child) {
        flow_site condition = rc_step_at(c, child)->cond;
        struct rc_error error;
        bool holds = true;
        draft->open_ends = true;
        enum rc_status status =
            condition ? rc_site_holds(draft, block, condition, NULL, &holds, &error) : RC_OK;
        draft->open_ends = false;
        if (status != RC_OK) {
            rc_draft_fault(draft, block, (struct rc_finding){RC_OUT_NONE, RC_WHY_EXPRESSION}, 0,
                           rc_sv_of(error.text));
            return UINT32_MAX;
        }
        if (holds) return child;
    }
    return UINT32_MAX; /* the last one has no condition */
}

/* Whether another life of the store can have chosen otherwise: only what other steps gave can differ there. */
static bool may_differ(const struct rc_command *c, uint32_t block)
{
    bool reads = false;
    RC_EACH_CHILD (c, block, 0, child) {
        flow_site condition = rc_step_at(c, child)->cond;
        reads |= condition && cel_prog_reads(c->flow->sites[condition].prog, FLOW_ROOT_STEPS);
    }
    return reads;
}

/* The case that is taken, or UINT32_MAX where there is none. */
static uint32_t take(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    enum flow_undecided undecided = (enum flow_undecided)rc_step_at(c, block)->block.undecided;
    uint32_t taken = decide(draft, block);
    if (taken == UINT32_MAX && undecided == FLOW_UNDECIDED_ELSE) taken = rc_last_child(c, block, 0);
    if (taken == UINT32_MAX) {
        bool fails = undecided == FLOW_UNDECIDED_FAIL;
        rc_block_set(draft, block, fails ? RC_STEP_FAILED : RC_STEP_ACTIVE, RC_WHY_EXPRESSION);
        c->node[block].tries = fails;
        return taken;
    }
    bool differs = may_differ(c, block);
    RC_EACH_CHILD (c, block, 0, child) {
        if (child == taken) continue;
        if (!differs) rc_forget_doubt(draft, child, rc_behind(c, child));
        rc_leave_out(draft, child, RC_WHY_NOT_TAKEN);
    }
    rc_block_set(draft, taken, RC_STEP_ACTIVE, RC_WHY_NONE);
    return taken;
}

void rc_advance_choose(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    uint32_t taken = rc_taken(c, block);
    if (taken == UINT32_MAX && c->node[block].why == RC_WHY_EXPRESSION) return; /* a person decides */
    if (taken == UINT32_MAX && !draft->still) taken = take(draft, block);
    if (taken == UINT32_MAX) return;
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    bool asked = true;
    RC_EACH_CHILD (c, block, 0, child)
        if (child != taken) asked &= rc_advance_child(draft, child, false) != RC_MOVING;
    enum rc_progress progress = rc_advance_child(draft, taken, true);
    if (!asked || progress == RC_MOVING || progress == RC_NOT_BEGUN) return;
    if (progress == RC_ENDED)
        rc_block_fail(draft, block, c->node[taken].state, c->node[taken].why);
    else
        rc_block_set(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
}

/* ---- repeat --------------------------------------------------------------------------------------------------------- */

/* A pass is over, and it was not the last one that is wanted. True: the next one begins now. */
static bool again(struct rc_draft *draft, uint32_t block, uint32_t passes)
{
    struct rc_command *c = &draft->c;
    const struct flow_step *step = rc_step_at(c, block);
    rc_us now = draft->ask->now, due = now + step->loop.every;
    bool late = step->loop.within && due > c->data[block].times.first + step->loop.within;
    if (passes == step->copies || late) {
        rc_block_fail(draft, block, RC_STEP_FAILED, RC_WHY_TIMES);
        c->node[block].tries |= c->node[block].state == RC_STEP_FAILED;
        return false;
    }
    if (step->loop.every) {
        rc_step_delay(draft, block, due);
        return false;
    }
    return true;
}

void rc_advance_repeat(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    const struct flow_step *step = rc_step_at(c, block);
    uint32_t passes = rc_passes(c, block);
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    if (c->node[block].phase == RC_PHASE_DELAYED) return;
    if (!passes) {
        c->data[block].times.first = draft->ask->now;
        passes = 1;
    }
    for (;; passes++) {
        uint32_t pass = rc_first_child(c, block, passes - 1);
        enum rc_progress progress = rc_advance_child(draft, pass, true);
        bool goes_on = step->block.on_error == FLOW_CONTINUE, done = false;
        struct rc_error error;
        if (progress == RC_MOVING || progress == RC_NOT_BEGUN) return;
        if (progress == RC_ENDED && !goes_on) {
            rc_block_fail(draft, block, c->node[pass].state, c->node[pass].why);
            return;
        }
        if (rc_site_holds(draft, pass, step->loop.until, NULL, &done, &error) != RC_OK && !goes_on) {
            rc_draft_fault(draft, block, (struct rc_finding){RC_OUT_NONE, RC_WHY_EXPRESSION}, 0,
                           rc_sv_of(error.text));
            rc_block_fail(draft, block, RC_STEP_FAILED, RC_WHY_EXPRESSION);
            c->node[block].tries |= c->node[block].state == RC_STEP_FAILED;
            return;
        }
        if (done) {
            rc_forget_doubt(draft, rc_behind(c, pass), rc_behind(c, block));
            rc_block_set(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
            return;
        }
        if (draft->still || !again(draft, block, passes)) return;
    }
}

void rc_repeat_due(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    uint32_t passes = rc_passes(c, block);
    c->node[block].phase = RC_PHASE_NONE;
    c->data[block].times.due = 0;
    rc_block_set(draft, rc_first_child(c, block, passes), RC_STEP_ACTIVE, RC_WHY_NONE);
}

/* ---- fallback ------------------------------------------------------------------------------------------------------- */

/* The first child has succeeded. In another life of the store it may have failed, and the second one have been done: but for where it is known
 * that the first one happened there, and not here, that is asked. True: it is not known yet. */
static bool asks_for_fallback(struct rc_draft *draft, uint32_t first, uint32_t second)
{
    struct rc_command *c = &draft->c;
    unsigned why = c->node[first].why;
    bool here = c->node[c->node[first].parent].doubt;
    bool there = rc_is_leaf(c, first) && !here && (why == RC_WHY_HAPPENED || why == RC_WHY_PERSON);
    if (c->node[second].state != RC_STEP_IDLE)
        return c->node[second].asks && rc_advance_child(draft, second, false) == RC_MOVING;
    if (there) rc_forget_doubt(draft, second, rc_behind(c, second));
    if (!rc_is_in_doubt(c, second)) return false;
    rc_leave_out(draft, second, RC_WHY_NOT_TAKEN);
    return c->node[second].state == RC_STEP_ACTIVE;
}

void rc_advance_fallback(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    uint32_t first = block + 1, second = rc_behind(c, first);
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    enum rc_progress progress = rc_advance_child(draft, first, true);
    uint32_t last = first;
    if (progress == RC_ENDED) {
        progress = rc_advance_child(draft, second, true);
        last = second;
    } else if (progress == RC_PASSED && asks_for_fallback(draft, first, second)) {
        return;
    }
    if (progress == RC_PASSED || progress == RC_ENDED) c->node[block].doubt = 0;
    if (progress == RC_PASSED)
        rc_block_set(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
    else if (progress == RC_ENDED)
        rc_block_fail(draft, block, c->node[last].state, c->node[last].why);
}
