/* An older state of the store is put in the place of today's, while the outside has gone on: copies, what is known after one was put in
 * place, and what must hold until a person has released the hold and behind it.
 *
 * What the engine knows goes back to the copy; the truth does not. So commands that are not in the copy are gone, and what left since is
 * lost to the engine: what of it was done must be found out, or a person says so. What a person did behind the state cannot be known from
 * it (docs/operations.md): of such a command it is no longer asked that everything is true. */
#include "sim/walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static rc_us wall(const struct walk *walk)
{
    return world_wall(walk->world);
}

static bool acts(const struct walk_sent *sent)
{
    return sent->purpose == RC_ACT || sent->purpose == RC_UNDO;
}

static bool is_live(unsigned state)
{
    return state == RC_PENDING || state == RC_RUNNING || state == RC_WAITING || state == RC_ROLLING_BACK ||
           state == RC_CANCELLING;
}

struct rc_hold walk_hold(struct walk *walk)
{
    struct rc_hold newest = {0}, *holds;
    struct rc_reader *reader;
    uint32_t n = 0;
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    assert(arena);
    if (walk->world->store && rc_reader_open(walk->world->store, &reader, &walk->world->err) == RC_OK) {
        if (rc_read_holds(reader, arena, &holds, &n, &walk->world->err) == RC_OK && n) newest = holds[0];
        rc_reader_close(reader);
    }
    rc_arena_free(arena);
    return newest;
}

/* ---- copying -------------------------------------------------------------------------------------------------------- */

static void observe_all(struct walk *walk)
{
    for (uint64_t seq = 1; seq <= WALK_COMMANDS && !walk->broken; seq++) walk_observe(walk, seq);
}

static void copy(struct walk *walk)
{
    if (!walk->settled || walk->nrequests > walk_workers_asking(walk))
        return; /* what was on its way may be there or not */
    walk_forget_copy(walk);
    walk->copy.known = malloc(sizeof *walk);
    walk->copy.disk = rc_memory_disk_copy(walk->world->disk);
    assert(walk->copy.known && walk->copy.disk);
    memcpy(walk->copy.known, walk, sizeof *walk);
    walk->copy.known->world_nleft = walk->world->nleft;
    walk->copy.known->world_wall = walk_schedules_date(walk);
    walk_journal_mark(walk, &walk->copy.ncalls, &walk->copy.narrivals);
    WALK_TELL(walk, "the store is copied\n");
}

void walk_forget_copy(struct walk *walk)
{
    rc_memory_disk_free(walk->copy.disk);
    free(walk->copy.known);
    walk->copy = (struct walk_copy){0};
}

/* ---- what is known after an older state was put in place -------------------------------------------------------------- */

static bool changes_nothing(unsigned action)
{
    return action == RC_ACTION_NOTE || action == RC_ACTION_ASSIGN || action == RC_ACTION_DUE;
}

/* A person did something to it that nobody here knows of. */
static void person_is_lost(struct walk *walk, uint64_t seq)
{
    if (seq > walk->copy.known->nseen) return;
    walk->cover->window[SIM_WINDOW_PERSON]++;
    for (uint32_t i = 0; i < 2 * WALK_INSTANCES; i++) walk->seen[seq].side[i / 2][i % 2].lied = true;
}

static void lose_what_people_did(struct walk *walk)
{
    const struct walk *known = walk->copy.known;
    for (uint32_t i = 0; i < walk->nactions; i++) {
        bool there = i < known->nactions && known->action[i].found;
        if (walk->action[i].found && !there && !changes_nothing(walk->action[i].action))
            person_is_lost(walk, walk->action[i].seq);
    }
    for (uint32_t i = 0; i < walk->nbulks; i++)
        for (uint32_t k = 0; k < walk->bulk[i].n && !changes_nothing(walk->bulk[i].action); k++)
            if (walk->bulk[i].found[k] > (i < known->nbulks ? known->bulk[i].found[k] : 0))
                person_is_lost(walk, walk->bulk[i].seq[k]);
}

/* Where nobody here knows of an attempt, or of what became of it, it may have been done. */
static void lose_what_left(struct walk *walk)
{
    const struct walk *known = walk->copy.known;
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        struct walk_sent *sent = &walk->sent[i];
        bool there = i < known->world_nleft;
        if (there && !known->sent[i].uncertain) continue;
        if (!there) sent->lost = walk->restored.times + 1;
        if (sent->seq > known->nseen) sent->seq = 0; /* nothing here has this number */
        if (!sent->seq || !acts(sent)) continue;
        bool out = !there || known->sent[i].open;
        sent->uncertain = true;
        sent->lost_at = out ? walk->world->now : known->sent[i].lost_at;
        if (there && out) walk->cover->window[SIM_WINDOW_OPEN_ATTEMPT]++;
        if (!there) walk->seen[sent->seq].restored = true;
        if (!there) walk->seen[sent->seq].behind |= is_live(known->seen[sent->seq].c.state);
    }
}

static void forget_command(struct walk_seen *seen, const struct walk_seen *known, bool there)
{
    struct walk_seen was = *seen;
    if (there && known->gone) { /* purged before the copy was made: it is as it was */
        seen->gone = true;
        return;
    }
    if (seen->arena) rc_arena_reset(seen->arena);
    *seen = there ? *known : (struct walk_seen){0};
    seen->arena = was.arena;
    seen->c = (struct rc_command){0};
    if (there) memcpy(seen->side, was.side, sizeof seen->side); /* the truth stays */
}

static void lose_keys(struct walk *walk)
{
    const struct walk *known = walk->copy.known;
    memset(walk->restored.gone, 0, sizeof walk->restored.gone);
    for (uint32_t i = 0; i < WALK_SPACES * WALK_FLOWS * WALK_KEYS; i++) {
        uint32_t key = i % WALK_KEYS, flow = i / WALK_KEYS % WALK_FLOWS, space = i / WALK_KEYS / WALK_FLOWS;
        bool gone =
            walk->told[space][flow][key].acknowledged && walk->told[space][flow][key].seq > known->nseen;
        walk->restored.gone[space][flow][key] = gone;
        walk->cover->window[SIM_WINDOW_LOST_COMMAND] += gone;
    }
    memcpy(walk->told, known->told, sizeof walk->told);
}

static void go_back(struct walk *walk)
{
    const struct walk *known = walk->copy.known;
    lose_what_people_did(walk);
    lose_keys(walk);
    for (uint64_t seq = 1; seq <= WALK_COMMANDS; seq++)
        forget_command(&walk->seen[seq], &known->seen[seq], seq <= known->nseen);
    lose_what_left(walk);
    walk->nseen = known->nseen;
    walk->cared_for = known->cared_for;
    memcpy(walk->action, known->action, sizeof walk->action);
    walk->nactions = known->nactions;
    memcpy(walk->bulk, known->bulk, sizeof walk->bulk);
    walk->nbulks = known->nbulks;
    walk->has_space = known->has_space;
    memcpy(walk->signal, known->signal, sizeof walk->signal);
    walk->changes = walk->lanes_seen = 0; /* those were of another life of the store */
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        walk->dependency[i].changed = known->dependency[i].changed;
    walk_journal_rewind(walk, walk->copy.ncalls, walk->copy.narrivals);
}

/* Histories are read again, from the copy; they were judged when they were read first. */
static void fold_anew(struct walk *walk)
{
    struct walk_seen *known = walk->copy.known->seen;
    walk->folding_anew = true;
    for (uint64_t seq = 1; seq <= walk->nseen && !walk->broken; seq++) {
        struct walk_seen *seen = &walk->seen[seq];
        if (!seen->gone) walk_observe(walk, seq);
        memcpy(seen->retried, known[seq].retried, sizeof seen->retried);
        memcpy(seen->passed, known[seq].passed, sizeof seen->passed);
        memcpy(seen->until, known[seq].until, sizeof seen->until);
        memcpy(seen->began, known[seq].began, sizeof seen->began);
        memcpy(seen->ended, known[seq].ended, sizeof seen->ended);
        seen->lifted = known[seq].lifted;
        seen->turned = known[seq].turned;
        seen->lane.stayed = known[seq].lane.stayed;
    }
    walk->folding_anew = false;
}

/* What was done and undone behind the state looks like what never happened: to the outside, too. */
static void lose_what_was_undone(struct walk *walk)
{
    for (uint32_t i = walk->copy.known->world_nleft; i < walk->world->nleft; i++) {
        const struct walk_sent *sent = &walk->sent[i];
        const struct rc_command *c = &walk->seen[sent->seq].c;
        if (!sent->seq || sent->purpose != RC_UNDO || sent->node >= c->nnodes) continue;
        unsigned state = c->node[sent->node].state;
        if (state != RC_STEP_IDLE && state != RC_STEP_ACTIVE && state != RC_STEP_UNKNOWN) continue;
        struct walk_side *side = walk->seen[sent->seq].side[sent->node];
        side[0].lied = side[1].lied = true;
    }
}

static void put_in_place(struct walk *walk)
{
    static const uint8_t causes[] = {RC_HELD_BACKUP, RC_HELD_IMPORT, RC_HELD_OLDER, RC_HELD_ALONE,
                                     RC_HELD_OTHER};
    uint8_t cause = causes[walk_dice(walk, sizeof causes)];
    const struct walk *known = walk->copy.known;
    struct rc_hold hold = walk_hold(walk);
    observe_all(walk);
    if (walk->broken) return;
    walk_fired(walk, SIM_RESTORED);
    walk->cover->restored[cause]++;
    walk->cover->crashes++;
    walk->cover->window[SIM_WINDOW_HELD_AGAIN] += hold.id && !hold.released;
    WALK_TELL(walk, "the process dies; the copy is put in the place of the store (%s)\n",
              rc_held_word(cause).slug);
    walk_schedules_restart(walk);
    walk->world->dead = true;
    walk->life++;
    walk->draining = false;
    walk_outside_lost_touch(walk);
    if (walk->work) walk_workers_lose_touch(walk);
    if (walk->plans) walk_schedules_go_back(walk);
    go_back(walk);
    struct rc_memory_disk *disk = rc_memory_disk_copy(walk->copy.disk);
    assert(disk);
    bool dated = cause == RC_HELD_BACKUP || cause == RC_HELD_IMPORT;
    rc_us from = known->world_wall;
    rc_memory_come_from(disk, (struct rc_origin){cause, dated ? from : known->latest});
    if (walk->control != SIM_LEAVE_WHEN_FULL) rc_memory_full(disk, walk->full);
    walk->restored.until = wall(walk);
    world_replace(walk->world, disk);
    walk_free_answered(walk);
    walk->restored.times++;
    walk->restored.from = from;
    walk->restored.seq = known->nseen;
    walk->restored.asked = walk->restored.judged = false;
    hold = walk_hold(walk);
    walk->cover->window[SIM_WINDOW_FROM_A_HOLD] += hold.id && !hold.released;
    fold_anew(walk);
    lose_what_was_undone(walk);
}

void walk_restore(struct walk *walk)
{
    if (walk->broken) return;
    if (walk->restored.times && walk_chance(walk, 20)) walk_ask_release(walk);
    if (walk_clock_is_behind(walk)) return;       /* of when a state is could not be told */
    bool often = walk->control == SIM_MAKE_AGAIN; /* few lives would show what it does */
    if (walk_chance(walk, often ? 10 : 3))
        copy(walk);
    else if (walk->copy.disk && walk_chance(walk, often ? 10 : 2))
        put_in_place(walk);
}

void walk_release(struct walk *walk)
{
    enum { ENOUGH = 20 };
    for (unsigned i = 0; i < ENOUGH && walk->restored.times && !walk->broken; i++) {
        struct rc_hold hold = walk_hold(walk);
        if (hold.id && hold.released && walk->restored.asked) return;
        walk_ask_release(walk);
        walk_turn(walk);
    }
    LAW(!walk->restored.times, "O8 a person can release what holds", "nobody could");
}

bool walk_is_lied(const struct walk_seen *seen, uint32_t node, bool undo)
{
    bool any = false;
    for (uint32_t i = 0; i < 2 * WALK_INSTANCES; i++) any |= seen->side[i / 2][i % 2].lied;
    return seen->restored ? any : seen->side[node][undo].lied;
}

/* ---- laws ----------------------------------------------------------------------------------------------------------- */

void walk_laws_of_holding(struct walk *walk)
{
    if (!walk->restored.times) return;
    struct rc_hold hold = walk_hold(walk);
    LAW(hold.id && hold.until >= walk->restored.until, "O1 what was restored holds before anything leaves",
        "hold %llu", ULL(hold.id));
    LAW(hold.released, "O2 nothing leaves while a store holds", "hold %llu", ULL(hold.id));
    LAW(walk->restored.asked, "O3 only a person releases a hold", "hold %llu", ULL(hold.id));
}

/* What is asked twice leaves nothing behind; and what is in doubt already, since an earlier restoring, stays as it is. */
static bool is_as_told(const struct walk *walk, uint64_t seq)
{
    const struct rc_command *c = &walk->seen[seq].c;
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *sent = &walk->sent[i];
        if (sent->lost == walk->restored.times && sent->seq == seq && acts(sent) &&
            !walk_is_lied(&walk->seen[seq], sent->node, sent->purpose == RC_UNDO) && /* a person began it */
            !c->node[sent->node].doubt && !rc_node_step(c, sent->node)->call.act.reads_only)
            return false;
    }
    return true;
}

/* It waits for its time in this state, and a person had it begin behind that: what people did cannot be known from here. */
static bool begun_by_a_person(const struct walk_seen *seen)
{
    return seen->c.node[0].state == RC_STEP_IDLE && walk_is_lied(seen, 0, false);
}

void walk_laws_of_window(struct walk *walk)
{
    if (!walk->restored.times || !walk->world->engine->booted) return;
    struct rc_hold hold = walk_hold(walk);
    LAW(hold.from <= walk->restored.from && hold.until >= walk->restored.until &&
            hold.seq == walk->restored.seq,
        "O4 the window covers all of which nothing is known",
        "hold %llu: command %llu of %llu, from +%llu of +%llu, until +%llu of +%llu", ULL(hold.id),
        ULL(hold.seq), ULL(walk->restored.seq), ULL(hold.from - RC_SECONDS(1800000000)),
        ULL(walk->restored.from - RC_SECONDS(1800000000)), ULL(hold.until - RC_SECONDS(1800000000)),
        ULL(walk->restored.until - RC_SECONDS(1800000000)));
    if (hold.left || walk->restored.judged) return;
    walk->restored.judged = true;
    for (uint64_t seq = 1; seq <= walk->restored.seq && !walk->broken; seq++) {
        struct walk_seen *seen = &walk->seen[seq];
        LAW(!seen->behind || !is_live(seen->c.state) || seen->gone || is_as_told(walk, seq) ||
                begun_by_a_person(seen),
            "O6 all that was under way is looked through before a release", "command %llu", ULL(seq));
        seen->behind = false;
    }
}

void walk_laws_of_doubt(struct walk *walk, struct walk_seen *seen, uint32_t rev)
{
    const struct rc_command *c = &seen->c;
    seen->behind = false;
    for (uint32_t i = 0; i < c->nnodes; i++)
        LAW(c->node[i].phase != RC_PHASE_OPEN, "O7 nothing of an older state is called under way",
            "command %llu, record %u, step %u", ULL(c->id.seq), rev, i);
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *sent = &walk->sent[i];
        if (sent->lost != walk->restored.times || sent->seq != c->id.seq || !acts(sent) ||
            walk_is_lied(seen, sent->node, sent->purpose == RC_UNDO))
            continue;
        unsigned state = c->node[sent->node].state;
        walk->cover->window[SIM_WINDOW_LOST_ATTEMPT]++;
        LAW(c->node[sent->node].doubt || state == RC_STEP_UNKNOWN || state == RC_STEP_UNDO_UNKNOWN ||
                sim_is_in_an_unknown_loop(c, sent->node),
            "O9 what may have left behind an older state is in doubt", "command %llu, record %u, step %u",
            ULL(c->id.seq), rev, sent->node);
    }
}

void walk_laws_of_lost_keys(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    bool *gone = &walk->restored.gone[sent->space][sent->flow][sent->key], is_new = false;
    if (!*gone || request->status != RC_OK || request->replayed) return;
    struct rc_hold hold = walk_hold(walk);
    const struct rc_command *c = &walk->seen[request->command.seq].c;
    LAW(rc_hold_points_out(&hold, c->id.seq, false, c->id.created, c->id.created, wall(walk), &is_new) &&
            is_new,
        "O10 a repeat of a key that was lost is pointed out", "command %llu", ULL(c->id.seq));
    walk->cover->window[SIM_WINDOW_LOST_KEY]++;
    *gone = false;
}

void walk_count_found(struct walk *walk)
{
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *sent = &walk->sent[i];
        const struct walk_seen *seen = &walk->seen[sent->seq];
        if (!sent->lost || !sent->seq || sent->purpose != RC_ACT || !sent->acted) continue;
        if (walk_is_lied(seen, sent->node, false) || sent->node >= seen->c.nnodes) continue;
        walk->cover->window[SIM_WINDOW_FOUND] += seen->side[sent->node][0].done == 1;
    }
}
