/* Crashes that did not come: behind each record of each history the process is taken to have died, and what a start makes of that is looked
 * at. A start turns every attempt in flight into the fact "lost", and does nothing else (engine/boot.c); so does this. */
#include "sim/check_run.h"

#include "codec/record.h"

enum { SCRATCH_FIRST = 64 << 10, SCRATCH_LIMIT = 64 << 20 };

/* A private copy of the command as it was behind a record. Outputs and texts are those of the end: no decision about what was lost
 * depends on them. */
static bool copy(const struct check_command *of, uint32_t rev, struct rc_arena *arena, struct rc_command *ret)
{
    const struct check_moment *moment = &of->moment[of->last[rev]];
    struct rc_node *node = rc_copy(arena, moment->node, of->c.nnodes * sizeof *node);
    struct rc_data *data = rc_copy(arena, of->c.data, of->c.nnodes * sizeof *data);
    if (!node || !data) return false;
    for (uint32_t i = 0; i < of->c.nnodes; i++) {
        data[i].times = moment->times[i];
        data[i].request = moment->request[i];
    }
    *ret = of->c;
    ret->rev = rev;
    ret->changed = moment->record->at;
    ret->mode = moment->mode;
    ret->state = moment->state;
    ret->successor = (struct rc_link){0};
    ret->node = node;
    ret->data = data;
    return true;
}

static bool any_open(const struct rc_command *c)
{
    return rc_command_in_flight(c);
}

/* What the core makes of the loss of the attempt of node `at`, as text, so that two can be compared. */
static enum rc_status lose(struct check_run *run, const struct rc_command *c, uint32_t at,
                           struct rc_arena *arena, struct rc_out *ret_out, struct rc_buf *ret_text,
                           struct rc_error *err)
{
    struct rc_ask ask = {.kind = RC_MSG_LOST,
                         .to = {.agg = RC_AGG_COMMAND, .id = c->id.seq},
                         .node = at,
                         .attempt = c->node[at].attempt,
                         .purpose = (uint8_t)rc_node_purpose(c, at),
                         .now = c->changed + 1,
                         .seed = 7};
    enum rc_status status = rc_command_step(c, &ask, run->set, arena, ret_out, err);
    *ret_text = rc_buf_in(arena, SCRATCH_LIMIT / 4);
    if (status == RC_OK) rc_put_changes(ret_text, ret_out->change, ret_out->nchange, ask.now);
    return status;
}

static bool claims(unsigned purpose, unsigned before, unsigned after)
{
    if (purpose != RC_ACT && purpose != RC_UNDO) return false;
    return after == RC_STEP_SUCCEEDED || after == RC_STEP_FAILED || after == RC_STEP_REJECTED ||
           after == RC_STEP_SKIPPED || after == RC_STEP_IDLE || after == RC_STEP_UNDONE ||
           after == RC_STEP_UNDO_FAILED || (check_is_undo_side(after) && !check_is_undo_side(before));
}

/* Loses one attempt; false where an invariant is broken. */
static bool lose_one(struct check_run *run, const struct check_command *of, uint32_t rev,
                     struct rc_command *c, uint32_t at, struct rc_arena *arena)
{
    struct rc_out out = {0}, again = {0};
    struct rc_buf text, other;
    struct rc_error err = {0};
    enum rc_purpose purpose = rc_node_purpose(c, at);
    unsigned before = c->node[at].state;
    enum rc_status status = lose(run, c, at, arena, &out, &text, &err);
    if (status == RC_OK) status = lose(run, c, at, arena, &again, &other, &err);
    if (status != RC_OK) {
        check_break(run, "%s: after a crash here the loss cannot be taken in: %s", check_at(of, rev, at),
                    err.text);
        return false;
    }
    if (!rc_sv_eq(rc_buf_sv(&text), rc_buf_sv(&other))) {
        check_break(run, "%s: after a crash here two starts come to different ends", check_at(of, rev, at));
        return false;
    }
    for (uint32_t i = 0; i < out.nchange; i++)
        if (rc_command_apply(c, &out.change[i], arena, &err) != RC_OK) {
            check_break(run, "%s: after a crash here: %s", check_at(of, rev, at), err.text);
            return false;
        }
    if (!claims(purpose, before, c->node[at].state) || flow_confirms(sim_step(c, at)))
        return true; /* a question that only reads claims nothing: it is asked again, or its time is over */
    check_break(run, "%s: after a crash here what was in flight is called %s", check_at(of, rev, at),
                rc_step_word(c->node[at].state).slug);
    return false;
}

static bool has_next_move(const struct rc_command *c)
{
    bool moves = rc_state_ended(c->state);
    for (uint32_t i = 0; i < c->nnodes; i++) moves |= c->node[i].phase != RC_PHASE_NONE;
    for (unsigned action = 0; !moves && action < RC_ACTION_ASSIGN; action++)
        moves = rc_command_allows(c, (enum rc_action)action).allowed;
    return moves;
}

static void crash(struct check_run *run, const struct check_command *of, uint32_t rev, struct rc_arena *arena)
{
    struct rc_command c;
    rc_arena_reset(arena);
    if (!copy(of, rev, arena, &c)) {
        run->status = rc_arena_status(arena);
        return;
    }
    check_look(run);
    run->report->counts.crashes++;
    for (uint32_t at = 0; at < c.nnodes; at++)
        if (c.node[at].phase == RC_PHASE_OPEN && !lose_one(run, of, rev, &c, at, arena)) return;
    /* a crash right behind this start finds nothing in flight: the recovery of the recovery changes nothing */
    if (any_open(&c))
        check_break(run, "%s: after a crash here something is in flight still", check_at(of, rev, 0));
    if (!has_next_move(&c))
        check_break(run, "%s: after a crash here nothing can be done", check_at(of, rev, 0));
    if (rc_command_derive(&c) != (enum rc_state)c.state)
        check_break(run, "%s: after a crash here the state does not follow", check_at(of, rev, 0));
}

CHECK_INVARIANT(37, "crash-anywhere",
                "After a crash behind any record a start comes to one end, claims nothing of what was in "
                "flight, and a second start changes nothing.")
{
    struct rc_arena *arena = run->in->recovery ? rc_arena_new(SCRATCH_FIRST, SCRATCH_LIMIT) : NULL;
    if (run->in->recovery && !arena) run->status = RC_NOMEM;
    for (uint32_t i = 0; arena && i < run->ncommands && run->status == RC_OK; i++) {
        const struct check_command *of = &run->command[i];
        for (uint32_t rev = 1; rev <= of->folded && run->status == RC_OK; rev++) {
            bool open = false;
            for (uint32_t at = 0; at < of->c.nnodes; at++)
                open |= of->moment[of->last[rev]].node[at].phase == RC_PHASE_OPEN;
            if (open) crash(run, of, rev, arena);
        }
    }
    rc_arena_free(arena);
}
