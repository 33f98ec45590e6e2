/* Attempts, what arrived outside, and what an unknown outcome may become. */
#include "sim/check_run.h"

#include <stdlib.h>

#define ULL(n) ((unsigned long long)(n))

/* Clocks of one machine are not read at the same instant, and the engine's goes on with the monotonic one. */
#define SLACK RC_MS(250)

static bool does(unsigned purpose)
{
    return purpose == RC_ACT || purpose == RC_UNDO;
}

static const struct flow_action *action_of(const struct check_attempt *attempt)
{
    const struct flow_call *call = check_call_of(attempt->of, attempt->node);
    return attempt->purpose == RC_UNDO || attempt->purpose == RC_UNDO_CHECK ? &call->undo : &call->act;
}

static bool is_unknown(unsigned state)
{
    return state == RC_STEP_UNKNOWN || state == RC_STEP_UNDO_UNKNOWN;
}

/* A person has said what happened. */
static bool resolves(const struct rc_ask *cause)
{
    const struct rc_act *act = check_act_of(cause);
    return act && act->action == RC_ACTION_RESOLVE;
}

static bool is_answer(const struct rc_ask *cause)
{
    const struct rc_result *result = check_result_of(cause);
    return result && result->reach == RC_ANSWERED;
}

static bool is_check_answer(const struct rc_ask *cause)
{
    return is_answer(cause) && (cause->purpose == RC_CHECK || cause->purpose == RC_UNDO_CHECK);
}

/* ---- effects -------------------------------------------------------------------------------------------- */

CHECK_INVARIANT(
    11, "attempt-before-effect",
    "Nothing arrives outside without an earlier durable attempt that names it, and no attempt arrives twice.")
{
    for (uint32_t i = 0; i < run->in->narrivals; i++) {
        const struct check_arrival *arrival = &run->in->arrivals[i];
        if (rc_h128_is_zero(arrival->key) || arrival->late) continue;
        const struct check_attempt *attempt = check_attempt_with(run, arrival->key);
        check_look(run);
        if (!attempt) {
            if (!run->npurged)
                check_break(run, "arrival %u carries a key that no attempt on record has", arrival->line);
            continue;
        }
        rc_us began = attempt->of->moment[attempt->began].record->at;
        if (arrival->wall && began > arrival->wall + (run->in->slack ? run->in->slack : SLACK))
            check_break(run, "arrival %u came before its first attempt: %s", arrival->line,
                        check_at_attempt(attempt));
        uint32_t attempts = 0;
        for (const struct check_attempt *one = attempt; one; one = one->next)
            attempts += rc_h128_eq(one->key, arrival->key);
        if (attempt->arrivals > attempts)
            check_break(run, "arrival %u: %u requests of %s, and %u attempts on record", arrival->line,
                        attempt->arrivals, check_at_attempt(attempt), attempts);
    }
}

static void numbered(struct check_run *run, const struct check_attempt *attempt,
                     const struct check_change *change)
{
    CHECK_HOLDS(run, change->after->attempt == change->before->attempt + 1,
                "%s: attempt %u comes after attempt %u", check_at_attempt(attempt), change->after->attempt,
                change->before->attempt);
}

static void no_number_without(struct check_run *run, const struct check_change *change)
{
    bool opened = change->after->phase == RC_PHASE_OPEN && change->before->phase != RC_PHASE_OPEN;
    if (!opened && change->after->attempt != change->before->attempt)
        check_break(run, "%s: attempt %u was never begun", check_at(change->of, change->rev, change->at),
                    change->after->attempt);
}

CHECK_INVARIANT(12, "attempt-numbers",
                "The attempts of a step are numbered from 1 without gaps, whatever they are for.")
{
    check_each_attempt(run, numbered);
    check_each_change(run, no_number_without);
}

static void result_of(struct check_run *run, const struct check_change *change)
{
    const struct rc_ask *cause = change->cause;
    bool of_attempt = cause->kind == RC_MSG_RESULT ||
                      (cause->kind == RC_MSG_LOST && change->after->why != RC_WHY_CRASH_LOOP);
    if (!of_attempt || cause->node != change->at) return;
    CHECK_HOLDS(run, change->before->phase == RC_PHASE_OPEN && change->before->attempt == cause->attempt,
                "%s: attempt %u gets a result when it is not in flight",
                check_at(change->of, change->rev, change->at), cause->attempt);
}

CHECK_INVARIANT(13, "one-result",
                "An attempt has at most one accepted result, which ends it and never changes.")
{
    check_each_change(run, result_of);
}

static void key_of(struct check_run *run, const struct check_attempt *attempt,
                   const struct check_change *change)
{
    const struct check_attempt *first = check_attempt_with(run, attempt->key);
    bool same =
        first->of == attempt->of && first->node == attempt->node && first->purpose == attempt->purpose;
    CHECK_HOLDS(run, same, "%s: its key is that of %s", check_at_attempt(attempt), check_at_attempt(first));
    if (!same || !does(attempt->purpose)) return;
    bool round =
        attempt->purpose == RC_UNDO
            ? change->after->undo_round == first->of->moment[first->began].node[first->node].undo_round
            : change->after->round == first->of->moment[first->began].node[first->node].round;
    if (!round) check_break(run, "%s: another round has the same key", check_at_attempt(attempt));
    if (!rc_h128_eq(attempt->request, first->request))
        check_break(run, "%s: another request goes out under the key of %s", check_at_attempt(attempt),
                    check_at_attempt(first));
}

static int by_arrival(const void *a, const void *b)
{
    const struct check_arrival *x = *(const struct check_arrival *const *)a,
                               *y = *(const struct check_arrival *const *)b;
    if (x->key.hi != y->key.hi) return x->key.hi > y->key.hi ? 1 : -1;
    if (x->key.lo != y->key.lo) return x->key.lo > y->key.lo ? 1 : -1;
    return (x->line > y->line) - (x->line < y->line);
}

CHECK_INVARIANT(14, "key-of-a-round",
                "All attempts of one round go out with one key and one request; no two rounds, purposes, "
                "steps or commands share a key.")
{
    check_each_attempt(run, key_of);
    const struct check_arrival **all = rc_alloc_zero(run->arena, run->in->narrivals, sizeof *all);
    uint32_t n = 0;
    for (uint32_t i = 0; all && i < run->in->narrivals; i++)
        if (!rc_h128_is_zero(run->in->arrivals[i].key) && !rc_h128_is_zero(run->in->arrivals[i].request))
            all[n++] = &run->in->arrivals[i];
    if (!all) {
        run->status = rc_arena_status(run->arena);
        return;
    }
    qsort(all, n, sizeof *all, by_arrival);
    for (uint32_t i = 1; i < n; i++)
        CHECK_HOLDS(run,
                    !rc_h128_eq(all[i - 1]->key, all[i]->key) ||
                        rc_h128_eq(all[i - 1]->request, all[i]->request),
                    "arrivals %u and %u: one key, and two requests", all[i - 1]->line, all[i]->line);
}

/* ---- unknown -------------------------------------------------------------------------------------------- */

/* What nobody answered says nothing: of an action or an undo that had left, neither success nor failure. */
static void unanswered(struct check_run *run, const struct check_change *change)
{
    const struct rc_result *result = check_result_of(change->cause);
    bool lost = change->cause->kind == RC_MSG_LOST || (result && result->reach == RC_SENT);
    if (!lost || change->cause->node != change->at || change->before->phase != RC_PHASE_OPEN) return;
    if (!does(change->cause->purpose) || flow_confirms(sim_step(&change->of->c, change->at))) return;
    unsigned after = change->after->state;
    /* undone or begun again in the same record: that needs an answer, too */
    bool settled = after == RC_STEP_SUCCEEDED || after == RC_STEP_FAILED || after == RC_STEP_REJECTED ||
                   after == RC_STEP_SKIPPED || after == RC_STEP_IDLE || after == RC_STEP_UNDONE ||
                   after == RC_STEP_UNDO_FAILED ||
                   (check_is_undo_side(after) && !check_is_undo_side(change->before->state));
    CHECK_HOLDS(run, !settled, "%s: no answer came, and it is called %s",
                check_at(change->of, change->rev, change->at), rc_step_word(after).slug);
}

/* Stands in a block of which not everything is done: a case, an item, a pass, a fallback, a branch that a join may leave out. What has not
 * begun there need not be asked for when it turns out that its turn cannot have come; whether that is true is the laws' matter
 * (record-is-true, done-once). */
static bool may_never_come(const struct check_command *of, uint32_t at)
{
    for (uint32_t block = of->c.node[at].parent; block; block = of->c.node[block].parent)
        if (sim_step(&of->c, block)->kind != FLOW_LINEAR) return true;
    return false;
}

/* A condition, its own or of a block around it, has left it out in this record, and no other step can have made that come out otherwise in
 * another life of the store. */
static bool is_left_out_everywhere(const struct check_change *change)
{
    const struct rc_command *c = &change->of->c;
    const struct rc_node *now = change->to->node;
    for (uint32_t at = change->at; at; at = c->node[at].parent) {
        flow_site condition = sim_step(c, at)->cond;
        bool out = now[at].why == RC_WHY_CONDITION || now[at].why == RC_WHY_EXPRESSION;
        if (condition && out && !cel_prog_reads(c->flow->sites[condition].prog, FLOW_ROOT_STEPS)) return true;
    }
    return false;
}

static void evidence(struct check_run *run, const struct check_change *change)
{
    const struct rc_node *before = change->before, *after = change->after;
    unanswered(run, change);
    bool leaves = is_unknown(before->state) && after->state != before->state;
    bool starts = after->state == RC_STEP_ACTIVE ||
                  (after->state == RC_STEP_UNDOING && before->state == RC_STEP_UNDO_UNKNOWN);
    bool told = is_check_answer(change->cause) || resolves(change->cause);
    if (leaves && !starts)
        CHECK_HOLDS(run, told, "%s: it was unknown, and is called %s without a check or a person",
                    check_at(change->of, change->rev, change->at), rc_step_word(after->state).slug);
    if (!before->doubt) return;
    /* it happened, and declares no undo: that is no word of the undo's own side */
    bool stands = after->state == RC_STEP_UNDO_FAILED && !check_is_undo_side(before->state);
    bool no = after->state == RC_STEP_FAILED || after->state == RC_STEP_REJECTED ||
              after->state == RC_STEP_SKIPPED || after->state == RC_STEP_IDLE ||
              (after->state == RC_STEP_UNDO_FAILED && !stands);
    /* its turn has not come again in the old state: it is asked for when it does */
    bool later = change->cause->kind == RC_MSG_RESTORED && after->state == RC_STEP_IDLE && after->doubt;
    bool left = before->state == RC_STEP_IDLE && after->state == RC_STEP_IDLE;
    if (left && may_never_come(change->of, change->at)) return;
    if (before->state == RC_STEP_IDLE && is_left_out_everywhere(change)) return;
    CHECK_HOLDS(run, !no || told || later || (before->state == after->state && after->doubt),
                "%s: an earlier attempt is in doubt, and it is called %s",
                check_at(change->of, change->rev, change->at), rc_step_word(after->state).slug);
    bool succeeded =
        is_answer(change->cause) && (after->state == RC_STEP_SUCCEEDED || after->state == RC_STEP_UNDONE ||
                                     after->state == RC_STEP_UNDOING || stands);
    if (!after->doubt && !told && !succeeded)
        check_break(run, "%s: an earlier attempt was in doubt, and is not any more",
                    check_at(change->of, change->rev, change->at));
}

CHECK_INVARIANT(15, "unknown-needs-evidence",
                "An unknown outcome becomes success or failure only by the answer of a check or by a person.")
{
    check_each_change(run, evidence);
}

/* An answer that leaves open whether it was done: an error of the other side, unless its dependency says what that means; or one that
 * cannot be read. */
static bool says_nothing(const struct check_run *run, const struct check_change *change,
                         const struct rc_result *result)
{
    const struct flow *flow = change->of->flow;
    const struct flow_dependency *dependency =
        flow_set_dependency(run->set, flow->dependencies[check_call_of(change->of, change->at)->dependency]);
    if (check_call_of(change->of, change->at)->worker) return result->status == RC_REPORT_UNKNOWN;
    for (uint16_t i = 0; dependency && i < dependency->nrefine; i++)
        if (dependency->refine[i].status == result->status) return false;
    return result->status >= 500 || (result->status < 300 && !result->usable);
}

/* Whether this side of the step may have happened, behind this change: from what ended the attempts, not from what the engine keeps of
 * it. A check has the number behind that of what it asks about. */
static bool doubt_after(const struct check_run *run, const struct check_change *change, unsigned purpose,
                        bool doubt)
{
    const struct rc_ask *cause = change->cause;
    const struct rc_result *result = check_result_of(change->cause);
    unsigned after = change->after->state;
    /* what is undone at once has happened */
    bool taken_back = purpose == RC_ACT && check_is_undo_side(after);
    bool known = !is_unknown(after) && after != RC_STEP_ACTIVE && (after != RC_STEP_UNDOING || taken_back);
    if (resolves(change->cause)) return doubt && after == change->before->state;
    if (cause->node != change->at || change->before->phase != RC_PHASE_OPEN) return doubt;
    if (cause->purpose == purpose && (cause->kind == RC_MSG_LOST || (result && result->reach == RC_SENT)))
        return true;
    if (cause->purpose == purpose && result && result->reach == RC_ANSWERED)
        return is_unknown(after) || says_nothing(run, change, result) ||
               (doubt && after != RC_STEP_SUCCEEDED && after != RC_STEP_UNDONE);
    if (cause->purpose == purpose + 1 && result && result->reach == RC_ANSWERED)
        return doubt && !known && change->after->why != RC_WHY_DID_NOT_HAPPEN;
    return doubt;
}

static bool in_doubt(const struct check_run *run, const struct check_command *of, uint32_t upto, uint32_t at,
                     unsigned purpose)
{
    bool doubt = false;
    for (uint32_t rev = 1; rev <= upto; rev++) {
        struct check_change change = check_change_at(of, rev, at);
        doubt = doubt_after(run, &change, purpose, doubt);
    }
    return doubt;
}

static void blindly(struct check_run *run, const struct check_attempt *attempt,
                    const struct check_change *change)
{
    if (!does(attempt->purpose) ||
        !in_doubt(run, attempt->of, attempt->began - 1, attempt->node, attempt->purpose))
        return;
    CHECK_HOLDS(run, action_of(attempt)->repeatable,
                "%s: attempt %u goes out while an earlier one may have happened", check_at_attempt(attempt),
                change->after->attempt);
}

CHECK_INVARIANT(16, "no-blind-repeat",
                "What may have happened is done again only where the flow calls the step repeatable, or "
                "where a check or a person has said that it did not happen.")
{
    _Static_assert(RC_CHECK == RC_ACT + 1 && RC_UNDO_CHECK == RC_UNDO + 1,
                   "the question follows its purpose");
    check_each_attempt(run, blindly);
}

/* A crash takes nothing for unknown but what was in flight. */
static void had_left(struct check_run *run, const struct check_change *change)
{
    const struct rc_node *before = change->before, *after = change->after;
    const struct rc_ask *cause = change->cause;
    if (cause->kind == RC_MSG_LOST && cause->node == change->at && after->why != RC_WHY_CRASH_LOOP)
        CHECK_HOLDS(run, before->phase == RC_PHASE_OPEN, "%s: it was lost, and had not left",
                    check_at(change->of, change->rev, change->at));
    bool becomes = is_unknown(after->state) && !is_unknown(before->state);
    if (!becomes || after->why == RC_WHY_RESTORED || cause->kind == RC_MSG_RESTORED)
        return; /* what was done after a restored state is not known */
    CHECK_HOLDS(run, before->doubt || (before->phase == RC_PHASE_OPEN && before->attempt > 0),
                "%s: it is called %s, and nothing of it had left",
                check_at(change->of, change->rev, change->at), rc_step_word(after->state).slug);
}

CHECK_INVARIANT(17, "only-what-left-is-unknown",
                "A crash never turns work that had not left into an unknown.")
{
    check_each_change(run, had_left);
}

/* ---- the outside's truth -------------------------------------------------------------------------------- */

/* The moment at which it last began anew in a block that was taken back; 0: it never did. */
static uint32_t begun_anew(const struct check_command *of, uint32_t at)
{
    for (uint32_t rev = of->nmoments; rev > 0; rev--) {
        const struct rc_node *before = &of->moment[rev - 1].node[at], *after = &of->moment[rev].node[at];
        bool over = before->state == RC_STEP_UNDONE || before->state == RC_STEP_SUCCEEDED;
        if (over && after->round > before->round) return rev;
    }
    return 0;
}

/* How often this side of a step was carried out, over all its rounds since it last began anew. */
static uint32_t acted(const struct check_command *of, uint32_t at, unsigned purpose)
{
    uint32_t n = 0, since = begun_anew(of, at);
    for (uint32_t i = 0; i < of->nattempts; i++)
        if (of->attempt[i].node == at && of->attempt[i].purpose == purpose && of->attempt[i].began >= since)
            n += of->attempt[i].acted;
    return n;
}

/* A person's word or a whole answer that cannot be read may say something else than the outside. */
static bool settled_by_person(const struct check_command *of, uint32_t at)
{
    for (uint32_t rev = 1; rev <= of->nmoments; rev++)
        if (resolves(of->moment[rev].cause) &&
            of->moment[rev - 1].node[at].state != of->moment[rev].node[at].state)
            return true;
    return false;
}

static void true_of(struct check_run *run, const struct check_command *of, uint32_t at)
{
    const struct flow_call *call = check_call_of(of, at);
    unsigned state = of->c.node[at].state;
    uint32_t happened = acted(of, at, RC_ACT), undone = acted(of, at, RC_UNDO);
    if (call->act.reads_only || settled_by_person(of, at)) return;
    bool no = state == RC_STEP_IDLE || state == RC_STEP_FAILED || state == RC_STEP_REJECTED ||
              state == RC_STEP_SKIPPED;
    if (no && !of->c.node[at].doubt)
        CHECK_HOLDS(run, !happened, "%s is called %s, and was done", check_at(of, of->folded, at),
                    rc_step_word(state).slug);
    if (state == RC_STEP_SUCCEEDED)
        CHECK_HOLDS(run, happened, "%s is called done, and was not", check_at(of, of->folded, at));
    if (state == RC_STEP_UNDONE)
        CHECK_HOLDS(run, undone, "%s is called undone, and was not", check_at(of, of->folded, at));
    if (state == RC_STEP_UNDO_FAILED && !of->c.node[at].doubt)
        CHECK_HOLDS(run, !undone, "%s is called not undone, and was", check_at(of, of->folded, at));
}

CHECK_INVARIANT(18, "record-is-true",
                "What is recorded as done was done outside; what is recorded as not done was not.")
{
    for (uint32_t i = 0; run->in->complete && i < run->ncommands; i++)
        for (uint32_t at = 0; at < run->command[i].c.nnodes; at++)
            if (check_is_leaf(&run->command[i], at)) true_of(run, &run->command[i], at);
}

CHECK_INVARIANT(19, "done-once",
                "A step that is not repeatable is done at most once outside, and so is its undo, over all "
                "its rounds; once more where it was taken back and begins anew.")
{
    for (uint32_t i = 0; run->in->complete && i < run->ncommands; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t at = 0; at < of->c.nnodes; at++) {
            if (!check_is_leaf(of, at) || settled_by_person(of, at)) continue;
            const struct flow_call *call = check_call_of(of, at);
            if (!call->act.repeatable)
                CHECK_HOLDS(run, acted(of, at, RC_ACT) <= 1, "%s was done %u times",
                            check_at(of, of->folded, at), acted(of, at, RC_ACT));
            if (call->undo.present && !call->undo.repeatable)
                CHECK_HOLDS(run, acted(of, at, RC_UNDO) <= 1, "%s was undone %u times",
                            check_at(of, of->folded, at), acted(of, at, RC_UNDO));
        }
    }
}
