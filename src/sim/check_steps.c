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

/* By a roll back, by a block around it that has failed, or because enough others had succeeded. */
static bool is_taken_back(const struct check_change *change)
{
    const struct rc_command *c = &change->of->c;
    if (change->to->mode == RC_MODE_ROLL_BACK) return true;
    for (uint32_t at = change->at;; at = c->node[at].parent) {
        uint32_t block = c->node[at].parent;
        bool undoes = change->from->node[block].state == RC_STEP_UNDOING ||
                      change->to->node[block].state == RC_STEP_UNDOING;
        bool surplus = change->to->node[at].lost && !sim_is_leaf(c, at) &&
                       sim_step(c, block)->block.surplus == FLOW_SURPLUS_UNDO;
        if (undoes || surplus) return true;
        if (!block) return false;
    }
}

/* What a roll back of a part has undone is to be done anew, since a person retries it or takes more back. */
static bool resets_a_part(const struct check_change *change, const struct rc_act *act)
{
    if (act->action != RC_ACTION_RETRY && act->action != RC_ACTION_ROLL_BACK) return false;
    for (uint32_t i = 0; i < change->record->nchanges; i++)
        if (change->record->changes[i].kind == RC_CHANGE_BACK) return true;
    return false;
}

/* A person lets a block around it begin anew. */
static bool begins_anew(const struct check_change *change)
{
    const struct rc_command *c = &change->of->c;
    const struct rc_act *act = check_act_of(change->cause);
    if (act && resets_a_part(change, act)) return true;
    if (!act || act->action != RC_ACTION_RETRY) return false;
    for (uint32_t block = c->node[change->at].parent;; block = c->node[block].parent) {
        if (change->from->node[block].tries && !change->to->node[block].tries) return true;
        if (!block) return false;
    }
}

static void stays(struct check_run *run, const struct check_change *change)
{
    if (change->before->state != RC_STEP_SUCCEEDED) return;
    unsigned after = change->after->state;
    bool undone = is_taken_back(change) && check_is_undo_side(after);
    bool anew = begins_anew(change) && flow_nothing_to_undo(check_call_of(change->of, change->at));
    CHECK_HOLDS(run, (after == RC_STEP_SUCCEEDED && change->after->phase == RC_PHASE_NONE) || undone || anew,
                "%s: it had succeeded, and is %s", here(change), rc_step_word(after).slug);
}

CHECK_INVARIANT(
    20, "succeeded-stays",
    "A step that succeeded never runs again by itself, and is left alone but where it is taken back.")
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
    if (flow_confirms(sim_step(&attempt->of->c, attempt->node)))
        most = RC_MAX_ATTEMPTS; /* it is looked at again and again, for its own time */
    unsigned made = asks || attempt->purpose == RC_REQUIRE ? change->after->asks : change->after->tries;
    CHECK_HOLDS(run, made <= most, "%s: try %u of %u", here(change), made, most);
    if (attempt->purpose == RC_ACT || attempt->purpose == RC_UNDO)
        CHECK_HOLDS(run, change->after->tries == change->before->tries + 1, "%s: try %u comes after try %u",
                    here(change), change->after->tries, change->before->tries);
}

/* A worker has given it back: nothing was tried. */
static bool is_released(const struct check_change *change)
{
    const struct rc_result *result = check_result_of(change->cause);
    return result && result->reach == RC_NOT_SENT && result->why == RC_WHY_RELEASED &&
           change->after->tries + 1 == change->before->tries;
}

/* Tries begin anew only where the step begins, or where a person says so. */
static void counted(struct check_run *run, const struct check_change *change)
{
    if (change->after->tries >= change->before->tries) return;
    bool begins = change->before->state != change->after->state || change->before->phase == RC_PHASE_NONE;
    CHECK_HOLDS(run, begins || check_act_of(change->cause) || is_released(change),
                "%s: %u tries are forgotten", here(change), change->before->tries);
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
    bool given_up = change->after->state != change->before->state; /* and is asked what became of it */
    CHECK_HOLDS(run, due || in_doubt || given_up || check_act_of(change->cause),
                "%s: it starts %llu µs before its time", here(change),
                ULL(change->times_before->due - change->record->at));
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
        if (state != RC_STEP_IDLE && state != RC_STEP_ACTIVE && state != RC_STEP_UNDOING) return true;
    }
    return false;
}

static bool met(const struct check_command *of, const struct check_moment *from, uint32_t upto, uint32_t at,
                uint32_t need)
{
    bool over = from->node[need].state == RC_STEP_SUCCEEDED;
    bool condition = sim_step(&of->c, at)->cond != 0; /* then it is enough that it has ended */
    over |= sim_was_not_wanted(sim_step(&of->c, need), &from->node[need]);
    if (!sim_is_leaf(&of->c, need) || condition) over |= was_passed(of, upto, need);
    return over;
}

/* What it needs, and what blocks around it need; and of lines, all that stands before. */
static void needs_of(struct check_run *run, const struct check_attempt *attempt,
                     const struct check_change *change, uint32_t at)
{
    const struct check_command *of = attempt->of;
    const struct flow_step *step = sim_step(&of->c, at);
    uint32_t block = of->c.node[at].parent;
    for (uint16_t i = 0; i < step->nneeds; i++) {
        uint32_t need = sim_need(&of->c, at, i);
        CHECK_HOLDS(run, met(of, change->from, attempt->began - 1, at, need),
                    "%s: it begins, and what it needs is %s", here(change),
                    rc_step_word(change->from->node[need].state).slug);
    }
    enum flow_kind kind = sim_step(&of->c, block)->kind;
    if (flow_is_joined(kind) || kind == FLOW_CHOOSE || attempt->attempt != 1) return;
    SIM_EACH_CHILD(&of->c, block, before)
    {
        if (before == at) break;
        CHECK_HOLDS(run, was_passed(of, attempt->began, before), "%s: it begins before step %u has ended",
                    here(change), before);
    }
}

static void in_its_turn(struct check_run *run, const struct check_attempt *attempt,
                        const struct check_change *change)
{
    if (!acts(attempt->purpose)) return;
    for (uint32_t at = attempt->node; at; at = attempt->of->c.node[at].parent)
        needs_of(run, attempt, change, at);
}

CHECK_INVARIANT(23, "needs-come-first",
                "No step begins before those before it have ended and what it needs is durably done.")
{
    check_each_attempt(run, in_its_turn);
}

/* Its undo had begun in a roll back: a cancel brings it to its end. */
static bool was_rolled_back(const struct check_change *change)
{
    const struct check_moment *moment = change->of->moment;
    uint32_t began = change->index;
    while (began && check_is_undo_side(moment[began - 1].node[change->at].state)) began--;
    return moment[began].mode == RC_MODE_ROLL_BACK;
}

static void forward(struct check_run *run, const struct check_attempt *attempt,
                    const struct check_change *change)
{
    if (acts(attempt->purpose))
        CHECK_HOLDS(run, change->from->mode == RC_MODE_FORWARD, "%s: it begins when the command is to %s",
                    here(change), rc_mode_word(change->from->mode).slug);
    if (attempt->purpose == RC_UNDO)
        CHECK_HOLDS(
            run,
            (change->from->mode == RC_MODE_ROLL_BACK || is_taken_back(change) || was_rolled_back(change)) &&
                check_call_of(attempt->of, attempt->node)->undo.present,
            "%s: it is undone, and nobody has asked for that or said how", here(change));
}

CHECK_INVARIANT(24, "cancel-stops",
                "After a cancel or a roll back nothing starts but checks and declared undos.")
{
    check_each_attempt(run, forward);
}

/* ---- undoing -------------------------------------------------------------------------------------------- */

/* The innermost block around a step that takes back what happened in it; 0: the whole. */
static uint32_t scope_of(const struct rc_command *c, const struct check_moment *from, uint32_t at)
{
    uint32_t block = c->node[at].parent;
    while (block && from->node[block].state != RC_STEP_UNDOING && !from->node[block].lost)
        block = c->node[block].parent;
    return block;
}

/* Whether `other` has to be undone before `at`: of a line the later one, of branches the one that needs the other, and of those that
 * failed, where a block undoes only these, the later one, but not where the whole is rolled back meanwhile. */
static bool comes_first(const struct rc_command *c, const struct check_change *change, uint32_t scope,
                        uint32_t at, uint32_t other)
{
    uint32_t block = sim_common(c, at, other);
    uint32_t a = sim_child_with(c, block, at), b = sim_child_with(c, block, other);
    const struct flow_step *step = sim_step(c, block);
    const struct check_moment *from = change->from;
    bool whole = change->to->mode == RC_MODE_ROLL_BACK;
    if (block == scope && !whole && from->node[scope].state == RC_STEP_UNDOING && !from->node[scope].lost &&
        step->block.undo == FLOW_UNDO_FAILED_BRANCH)
        return other > at &&
               (from->node[b].state == RC_STEP_FAILED || from->node[b].state == RC_STEP_REJECTED);
    if (!flow_is_joined(step->kind)) return other > at;
    for (uint16_t i = 0; i < sim_step(c, b)->nneeds; i++)
        if (sim_need(c, b, i) == a) return true;
    return false;
}

static void reverse(struct check_run *run, const struct check_attempt *attempt,
                    const struct check_change *change)
{
    const struct check_command *of = attempt->of;
    const struct rc_command *c = &of->c;
    if (attempt->purpose != RC_UNDO) return;
    uint32_t scope = scope_of(c, change->from, attempt->node);
    /* its turn had come before; what another life of the store may have begun behind it since is unknown */
    bool again = check_attempt_with(run, attempt->key) != attempt;
    for (uint32_t i = scope; i < sim_behind(c, scope); i++) {
        if (!check_is_leaf(of, i) || i == attempt->node || !comes_first(c, change, scope, attempt->node, i))
            continue;
        unsigned state = change->from->node[i].state;
        if (again && state == RC_STEP_UNKNOWN && change->from->node[i].doubt) continue;
        bool over = state == RC_STEP_IDLE || state == RC_STEP_REJECTED || state == RC_STEP_FAILED ||
                    state == RC_STEP_SKIPPED || state == RC_STEP_UNDONE ||
                    (state == RC_STEP_SUCCEEDED && flow_nothing_to_undo(check_call_of(of, i)));
        CHECK_HOLDS(run, over, "%s: it is undone before step %u, which is %s", here(change), i,
                    rc_step_word(state).slug);
    }
}

CHECK_INVARIANT(25, "undo-in-reverse",
                "Undos run in reverse structural order: of a line one behind the other, of branches as they "
                "need each other.")
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
    if (before->state == RC_STEP_UNDONE && !begins_anew(change))
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
            then.place.state = of->moment[rev].place;
            CHECK_HOLDS(
                run, rc_command_derive(&then) == (enum rc_state)of->moment[rev].state,
                "%s: it is called %s, and its steps say %s", check_at(of, of->moment[rev].record->rev, 0),
                rc_state_word(of->moment[rev].state).slug, rc_state_word(rc_command_derive(&then)).slug);
        }
    }
}

/* Its parent was being taken back, and asked for it in the unit in which it heard of the end. */
static bool is_asked_at_once(const struct check_command *of, uint32_t rev)
{
    const struct check_moment *moment = &of->moment[rev];
    return of->c.parent.link.seq && moment->record == moment[-1].record && moment->mode == RC_MODE_ROLL_BACK;
}

CHECK_INVARIANT(
    28, "ended-rests",
    "What has ended moves only when a person acts, or who has started it takes it back in the moment "
    "in which it ends.")
{
    for (uint32_t i = 0; i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t rev = 2; rev <= of->nmoments; rev++) {
            unsigned was = of->moment[rev - 1].state;
            if (rc_state_ended(was) && was != RC_PARTIAL) /* it may try again what is not critical */
                CHECK_HOLDS(run,
                            check_act_of(of->moment[rev].cause) ||
                                of->moment[rev].cause->kind == RC_MSG_LATE || is_asked_at_once(of, rev),
                            "%s: it was %s, and nobody has acted",
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
