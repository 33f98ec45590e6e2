/* The life as the checker sees it (check.h): what clients asked and were told, and what arrived outside. At the end its invariants are held
 * against the store, too: they were written by others than the laws, from the outside. */
#include "sim/walk.h"

#include "sim/check.h"

#include <assert.h>

struct walk_journal {
    struct check_call call[WALK_CALLS];
    struct check_arrival arrival[WALK_ARRIVALS];
    uint32_t ncalls, narrivals;
    bool full; /* something had no room: the checker would miss it */
    struct rc_arena *arena;
};

enum { ARENA_MAX = 256 << 20 };

/* The engine's time: the wall clock's, where nobody sets it. */
static rc_us wall(const struct walk *walk)
{
    const struct rc_engine *engine = walk->world->engine;
    if (walk->plans) return engine->anchor + (walk->world->now - engine->monotonic);
    return world_wall(walk->world);
}

struct walk_journal *walk_journal_new(void)
{
    struct walk_journal *journal = calloc(1, sizeof *journal);
    assert(journal);
    journal->arena = rc_arena_new(0, ARENA_MAX);
    assert(journal->arena);
    return journal;
}

void walk_journal_free(struct walk_journal *journal)
{
    rc_arena_free(journal->arena);
    free(journal);
}

/* ---- clients -------------------------------------------------------------------------------------------------------- */

uint32_t walk_note_call(struct walk *walk, const struct rc_request *request)
{
    struct walk_journal *journal = walk->journal;
    bool submits = request->kind == RC_REQUEST_SUBMIT;
    if (!submits && request->kind != RC_REQUEST_ACT) return 0;
    if (journal->ncalls == WALK_CALLS) {
        journal->full = true;
        return 0;
    }
    struct check_call *call = &journal->call[journal->ncalls++];
    *call = (struct check_call){.op = journal->ncalls,
                                .client = 1,
                                .what = submits ? CHECK_SUBMIT : CHECK_ACT,
                                .invoked = 1 + walk->world->now,
                                .wall_invoked = wall(walk),
                                .ns = RC_SV("default")};
    if (submits) {
        const struct rc_identity *id = &request->u.submit;
        call->ns = rc_copy_sv(journal->arena, id->ns);
        call->type = rc_copy_sv(journal->arena, id->type);
        call->key = rc_copy_sv(journal->arena, id->key);
        call->payload_hash = id->payload_hash;
    } else {
        call->key = rc_copy_sv(journal->arena, request->u.act.act.key);
        call->seq = request->u.act.seq;
        call->check = request->u.act.check;
        call->action = request->u.act.act.action;
        call->expected = request->u.act.act.expected_rev;
    }
    return journal->ncalls;
}

void walk_note_answer(struct walk *walk, uint32_t op, const struct rc_request *request)
{
    if (!op) return;
    struct check_call *call = &walk->journal->call[op - 1];
    bool conflict = request->kind == RC_REQUEST_SUBMIT && request->status == RC_KEY_CONFLICT;
    call->ended = 1 + walk->world->now;
    call->wall_ended = wall(walk);
    if (request->status == RC_COMMIT_UNKNOWN) return;
    bool made = request->kind == RC_REQUEST_SUBMIT && !request->replayed;
    call->end = CHECK_ANSWERED;
    call->conflict = conflict;
    call->status = (uint16_t)(request->status != RC_OK ? rc_status_http(request->status) : made ? 201 : 200);
    if (request->status != RC_OK && !conflict) return;
    call->told_seq = request->command.seq;
    call->told_check = (uint32_t)request->command.nonce;
    call->state = request->command.state;
    call->rev = request->command.rev;
}

/* ---- the outside ---------------------------------------------------------------------------------------------------- */

void walk_note_arrival(struct walk *walk, struct walk_sent *sent)
{
    struct walk_journal *journal = walk->journal;
    if (journal->narrivals == WALK_ARRIVALS) {
        journal->full = true;
        return;
    }
    journal->arrival[journal->narrivals++] =
        (struct check_arrival){.line = journal->narrivals + 1, .key = sent->key, .wall = wall(walk)};
    sent->arrival = journal->narrivals;
}

void walk_note_done(struct walk *walk, const struct walk_sent *sent)
{
    if (sent->arrival) walk->journal->arrival[sent->arrival - 1].acted = true;
}

/* ---- an older state ------------------------------------------------------------------------------------------------- */

void walk_journal_mark(const struct walk *walk, uint32_t *ret_calls, uint32_t *ret_arrivals)
{
    *ret_calls = walk->journal->ncalls;
    *ret_arrivals = walk->journal->narrivals;
}

void walk_journal_rewind(struct walk *walk, uint32_t calls, uint32_t arrivals)
{
    walk->journal->ncalls = calls;
    walk->journal->narrivals = arrivals;
    for (uint32_t i = 0; i < walk->world->nleft; i++)
        if (walk->sent[i].arrival > arrivals) walk->sent[i].arrival = 0;
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static bool somebody_lied(const struct walk *walk)
{
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        for (uint32_t i = 0; i < 2 * WALK_INSTANCES; i++)
            if (walk->seen[seq].side[i / 2][i % 2].lied) return true;
    return (walk->fired >> SIM_LIES & 1) || (walk->fired >> SIM_PERSON_ERRS & 1);
}

static void break_by(struct walk *walk, const struct check_finding *finding)
{
    static char law[80]; /* a law is known by its text, which outlives the life */
    const struct check_invariant *invariant = check_invariant_find(finding->number);
    snprintf(law, sizeof law, "C%u %s", finding->number, invariant ? invariant->name : "");
    walk_break(walk, law, "%.150s", finding->where);
}

void walk_check_all(struct walk *walk)
{
    struct walk_journal *journal = walk->journal;
    struct check_report report;
    walk_note_scheduled(walk);
    if (journal->full || !walk->world->store) return;
    const struct check_case what = {.calls = journal->call,
                                    .ncalls = journal->ncalls,
                                    .arrivals = journal->arrival,
                                    .narrivals = journal->narrivals,
                                    .complete = !somebody_lied(walk) && !walk->restored.times,
                                    .reader = rc_store_self(walk->world->store),
                                    .set = walk->world->parse_anew ? NULL : walk->world->set,
                                    .quiet = walk->quiet_since,
                                    .end = wall(walk),
                                    .recovery = walk->recovery};
    enum rc_status status = check_all(&what, journal->arena, &report, &walk->world->err);
    if (status != RC_OK)
        walk_break(walk, "C0 the checker can look at the store", "%.150s", walk->world->err.text);
    if (report.n) break_by(walk, &report.finding[0]);
    _Static_assert((int)CHECK_INVARIANTS == (int)SIM_INVARIANTS, "one place for each");
    for (uint32_t i = 0; i < CHECK_INVARIANTS; i++) walk->cover->looked[i] += report.looked[i] > 0;
}
