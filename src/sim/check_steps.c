/* What a command does with its steps: order, limits, cancelling, undoing. */
#include "sim/check_run.h"

#define ULL(n) ((unsigned long long)(n))

static bool acts(unsigned purpose)
{
    return purpose == RC_ACT || purpose == RC_REQUIRE;
}

static const char *here(const struct check_change *change)
{
    return check_at(change->of, change->rev, change->at);
}

/* ---- doing ---------------------------------------------------------------------------------------------- */

static void stays(struct check_run *run, const struct check_change *change)
{
    if (change->before->state != RC_STEP_SUCCEEDED) return;
    unsigned after = change->after->state;
    bool undone = change->to->mode == RC_MODE_ROLL_BACK && check_is_undo_side(after);
    CHECK_HOLDS(run, (after == RC_STEP_SUCCEEDED && change->after->phase == RC_PHASE_NONE) || undone,
                "%s: it had succeeded, and is %s", here(change), rc_step_word(after).slug);
}

CHECK_INVARIANT(20, "succeeded-stays",
                "A step that succeeded never runs again by itself, and is left alone but by a roll back.")
{
    check_each_change(run, stays);
}

static void within(struct check_run *run, const struct check_attempt *attempt,
                   const struct check_change *change)
{
    const struct flow_call *call = check_call_of(attempt->of, attempt->node);
    bool undo = attempt->purpose == RC_UNDO || attempt->purpose == RC_UNDO_CHECK;
    const struct flow_action *action = undo ? &call->undo : &call->act;
    bool asks = attempt->purpose == RC_CHECK || attempt->purpose == RC_UNDO_CHECK;
    unsigned most = asks ? action->check.retry.attempts : action->retry.attempts;
    unsigned made = asks || attempt->purpose == RC_REQUIRE ? change->after->asks : change->after->tries;
    CHECK_HOLDS(run, made <= most, "%s: try %u of %u", here(change), made, most);
    if (attempt->purpose == RC_ACT || attempt->purpose == RC_UNDO)
        CHECK_HOLDS(run, change->after->tries == change->before->tries + 1, "%s: try %u comes after try %u",
                    here(change), change->after->tries, change->before->tries);
}

/* Tries begin anew only where the step begins, or where a person says so. */
static void counted(struct check_run *run, const struct check_change *change)
{
    if (change->after->tries >= change->before->tries) return;
    bool begins = change->before->state != change->after->state || change->before->phase == RC_PHASE_NONE;
    CHECK_HOLDS(run, begins || check_act_of(change->cause), "%s: %u tries are forgotten", here(change),
                change->before->tries);
}

CHECK_INVARIANT(21, "tries-are-limited",
                "Attempts never exceed the limit that the flow gives, unless a person asks for more.")
{
    check_each_attempt(run, within);
    check_each_change(run, counted);
}

static void early(struct check_run *run, const struct check_change *change)
{
    bool ends = change->before->phase == RC_PHASE_DELAYED &&
                (change->after->phase == RC_PHASE_READY || change->after->phase == RC_PHASE_OPEN);
    if (!ends) return;
    bool due = change->cause->kind == RC_MSG_DUE && change->record->at >= change->times_before->due;
    bool in_doubt =
        change->cause->kind == RC_MSG_RESTORED; /* what may have been done is settled, first of all */
    CHECK_HOLDS(run, due || in_doubt || check_act_of(change->cause), "%s: it starts %llu µs before its time",
                here(change), ULL(change->times_before->due - change->record->at));
}

CHECK_INVARIANT(22, "never-early",
                "No attempt starts before its time, unless a person does not want to wait.")
{
    check_each_change(run, early);
}

/* Whether the step was ever brought to rest before this record, so that the line went on. */
static bool was_passed(const struct check_command *of, uint32_t upto, uint32_t at)
{
    for (uint32_t rev = 0; rev <= upto; rev++) {
        unsigned state = of->moment[rev].node[at].state;
        if (state != RC_STEP_IDLE && state != RC_STEP_ACTIVE) return true;
    }
    return false;
}

static void in_its_turn(struct check_run *run, const struct check_attempt *attempt,
                        const struct check_change *change)
{
    const struct check_command *of = attempt->of;
    const struct flow_step *step = &of->flow->steps[attempt->node];
    if (!acts(attempt->purpose)) return;
    for (uint16_t i = 0; i < step->nneeds; i++)
        CHECK_HOLDS(run, change->from->node[step->needs[i]].state == RC_STEP_SUCCEEDED,
                    "%s: it begins, and what it needs is %s", here(change),
                    rc_step_word(change->from->node[step->needs[i]].state).slug);
    for (uint32_t i = 1; attempt->attempt == 1 && i < attempt->node; i++)
        if (check_is_leaf(of, i))
            CHECK_HOLDS(run, was_passed(of, attempt->began - 1, i), "%s: it begins before step %u has ended",
                        here(change), i);
}

CHECK_INVARIANT(23, "needs-come-first",
                "No step begins before those before it have ended and what it needs is durably done.")
{
    check_each_attempt(run, in_its_turn);
}

static void forward(struct check_run *run, const struct check_attempt *attempt,
                    const struct check_change *change)
{
    if (acts(attempt->purpose))
        CHECK_HOLDS(run, change->from->mode == RC_MODE_FORWARD, "%s: it begins when the command is to %s",
                    here(change), rc_mode_word(change->from->mode).slug);
    if (attempt->purpose == RC_UNDO)
        CHECK_HOLDS(run,
                    change->from->mode == RC_MODE_ROLL_BACK &&
                        check_call_of(attempt->of, attempt->node)->undo.present,
                    "%s: it is undone, and nobody has asked for that or said how", here(change));
}

CHECK_INVARIANT(24, "cancel-stops",
                "After a cancel or a roll back nothing starts but checks and declared undos.")
{
    check_each_attempt(run, forward);
}

/* ---- undoing -------------------------------------------------------------------------------------------- */

static void reverse(struct check_run *run, const struct check_attempt *attempt,
                    const struct check_change *change)
{
    const struct check_command *of = attempt->of;
    if (attempt->purpose != RC_UNDO) return;
    for (uint32_t i = attempt->node + 1; i < of->c.nnodes; i++) {
        if (!check_is_leaf(of, i)) continue;
        unsigned state = change->from->node[i].state;
        bool over = state == RC_STEP_IDLE || state == RC_STEP_REJECTED || state == RC_STEP_FAILED ||
                    state == RC_STEP_SKIPPED || state == RC_STEP_UNDONE ||
                    (state == RC_STEP_SUCCEEDED && flow_nothing_to_undo(check_call_of(of, i)));
        CHECK_HOLDS(run, over, "%s: it is undone before step %u, which is %s", here(change), i,
                    rc_step_word(state).slug);
    }
}

CHECK_INVARIANT(25, "undo-in-reverse", "Undos run in reverse structural order, one behind the other.")
{
    check_each_attempt(run, reverse);
}

static void undoes_what_happened(struct check_run *run, const struct check_change *change)
{
    const struct rc_node *before = change->before;
    bool begins = change->after->state == RC_STEP_UNDOING && !check_is_undo_side(before->state);
    if (begins) {
        const struct rc_result *result = check_result_of(change->cause);
        const struct rc_act *act = check_act_of(change->cause);
        bool now = (result && result->reach == RC_ANSWERED && change->cause->node == change->at) ||
                   (act && act->action == RC_ACTION_RESOLVE && act->verdict == RC_HAPPENED);
        CHECK_HOLDS(run, before->state == RC_STEP_SUCCEEDED || now, "%s: it is undone, and was %s",
                    here(change), rc_step_word(before->state).slug);
    }
    if (before->state == RC_STEP_UNDONE)
        CHECK_HOLDS(run, change->after->state == RC_STEP_UNDONE && change->after->phase == RC_PHASE_NONE,
                    "%s: it was undone, and is %s", here(change), rc_step_word(change->after->state).slug);
}

CHECK_INVARIANT(
    26, "undo-of-what-happened",
    "An undo runs only for a step that happened, and is accepted once, whatever crashes come inside it.")
{
    check_each_change(run, undoes_what_happened);
}

/* ---- states --------------------------------------------------------------------------------------------- */

CHECK_INVARIANT(
    27, "declared-edges",
    "Every change of state is a declared edge, and the state of a command is what follows from its steps.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        if (of->fault) check_break(run, "%s: %s", check_at(of, of->folded + 1, 0), of->fault);
        struct rc_command then = of->c;
        for (uint32_t rev = 1; rev <= of->nmoments; rev++) {
            then.node = (struct rc_node *)(uintptr_t)of->moment[rev].node; /* only read */
            then.mode = of->moment[rev].mode;
            CHECK_HOLDS(
                run, rc_command_derive(&then) == (enum rc_state)of->moment[rev].state,
                "%s: it is called %s, and its steps say %s", check_at(of, of->moment[rev].record->rev, 0),
                rc_state_word(of->moment[rev].state).slug, rc_state_word(rc_command_derive(&then)).slug);
        }
    }
}

CHECK_INVARIANT(28, "ended-rests", "What has ended moves only when a person acts.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t rev = 2; rev <= of->nmoments; rev++) {
            unsigned was = of->moment[rev - 1].state;
            if (rc_state_ended(was) && was != RC_PARTIAL) /* it may try again what is not critical */
                CHECK_HOLDS(run, check_act_of(of->moment[rev].cause), "%s: it was %s, and nobody has acted",
                            check_at(of, of->moment[rev].record->rev, 0), rc_state_word(was).slug);
        }
    }
}

CHECK_INVARIANT(29, "next-move",
                "Every command is in a state from which the engine or a person has a named next move.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        if (of->folded < of->n) continue;
        bool live = false;
        for (uint32_t at = 0; at < of->c.nnodes; at++) live |= of->c.node[at].phase != RC_PHASE_NONE;
        bool moves = live || rc_state_ended(of->c.state);
        for (unsigned action = 0; !moves && action < RC_ACTION_ASSIGN;
             action++) /* what people write moves nothing */
            moves = rc_command_allows(&of->c, (enum rc_action)action).allowed;
        CHECK_HOLDS(run, moves && !(live && rc_state_ended(of->c.state)), "%s is %s, and %s",
                    check_at(of, of->folded, 0), rc_state_word(of->c.state).slug,
                    live ? "something goes on" : "nothing can be done");
    }
}
