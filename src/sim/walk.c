/* One life: its beginning, its steps, its end (sim.h). */
#include "sim/walk.h"

#include "sim/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_LEAST = 20, STEPS_MORE = 60 };

const char *sim_control_name(enum sim_control control)
{
    static const char *const names[] = {
#define SIM_CONTROL(code, name, text) name,
        SIM_CONTROL_LIST(SIM_CONTROL)
#undef SIM_CONTROL
    };
    return control < SIM_CONTROLS ? names[control] : "";
}

const char *sim_control_text(enum sim_control control)
{
    static const char *const texts[] = {
#define SIM_CONTROL(code, name, text) text,
        SIM_CONTROL_LIST(SIM_CONTROL)
#undef SIM_CONTROL
    };
    return control < SIM_CONTROLS ? texts[control] : "";
}

const char *sim_control_law(enum sim_control control)
{
    static const char *const laws[SIM_CONTROLS] = {
        [SIM_TAKE_MORE_BACK] = "K3 ",   [SIM_MORE_ITEMS] = "K4 ",          [SIM_GO_ON_PASSING] = "K9 ",
        [SIM_SUCCEED_ANYWAY] = "K14 ",  [SIM_WANT_MORE] = "K17 ",          [SIM_REVERSE_ANYTHING] = "K20 ",
        [SIM_OTHER_IDS] = "Q2 ",        [SIM_TAKEN_TWICE] = "Q3 ",         [SIM_OTHER_SIGNALS] = "Q5 ",
        [SIM_WIDER_LANES] = "J3 ",      [SIM_OTHER_LANES] = "J3 ",         [SIM_NARROWER_LANES] = "J4 ",
        [SIM_URGENT_LAST] = "J2 ",      [SIM_FORGET_WHO_WAITS] = "J4 ",    [SIM_REFUSE_NOTHING] = "J7 ",
        [SIM_REPLACE_NOTHING] = "J8 ",  [SIM_OLDEST_STAYS] = "J8 ",        [SIM_FORGET_JOINS] = "K7 ",
        [SIM_TRY_ANYWAY] = "K8 ",       [SIM_BEGIN_INSIDE] = "K12 ",       [SIM_MIX_UP_LATE] = "V6 ",
        [SIM_KEEP_VOTES] = "V7 ",       [SIM_ASK_TOO_FEW] = "V9 ",         [SIM_FORGET_LEASES] = "Z1 ",
        [SIM_LEASE_TO_ANYBODY] = "Z2 ", [SIM_LEASE_WHILE_STOPPED] = "Z3 ", [SIM_HEAR_OTHERS] = "Z",
        [SIM_FORGET_THE_LATE] = "Z6 ",  [SIM_SHORT_LEASES] = "Z7 ",        [SIM_STARVE_A_SPACE] = "Z9 ",
        [SIM_FORGET_LINES] = "Z8 ",     [SIM_OTHER_ZONES] = "D3 ",         [SIM_EVERY_HOUR] = "D3 ",
        [SIM_RUN_BESIDE] = "D4 ",       [SIM_CATCH_UP_ALL] = "D6 ",        [SIM_RUN_EARLY] = "D2 ",
        [SIM_COUNT_NOTHING] = "D5 ",    [SIM_FORGET_PAUSES] = "D7 ",       [SIM_LOSE_TIMES] = "D8 ",
        [SIM_FORGET_PLANS] = "D9 ",     [SIM_KEEP_SCHEDULES] = "D10 ",     [SIM_RUN_AGAIN] = "D1 ",
        [SIM_MAKE_AGAIN] = "D11 ",
    };
    return control < SIM_CONTROLS && laws[control] ? laws[control] : "";
}

bool sim_wide;

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

static void somebody_acts(struct walk *walk)
{
    uint64_t seq = 1 + walk_dice(walk, (uint32_t)walk->nseen);
    if (walk->cared_for && walk_chance(walk, 40)) seq = walk->cared_for;
    walk->cared_for = seq;
    const struct rc_command *c = &walk->seen[seq].c;
    bool stands = c->state == RC_WAITING || c->state == RC_REJECTED || c->state == RC_FAILED;
    bool asks = stands && walk_in_question(c) && walk_chance(walk, 50);
    bool skips = !asks && c->state == RC_WAITING && walk_chance(walk, 30);
    if (asks || skips) {
        walk_act(walk, seq, asks ? RC_ACTION_RESOLVE : RC_ACTION_SKIP, 15, false);
        return;
    }
    uint32_t first = walk_dice(walk, SIM_ACTIONS), action = first;
    /* mostly what is allowed; but what is not is asked for, too */
    for (uint32_t i = 0; i < SIM_ACTIONS && walk_chance(walk, 70); i++, action = (first + i) % SIM_ACTIONS)
        if (c->nnodes && rc_command_allows(c, (enum rc_action)action).allowed) break;
    walk_act(walk, seq, (enum rc_action)action, 15, walk_chance(walk, 5));
}

static void somebody_administers(struct walk *walk)
{
    switch (walk_dice(walk, 8)) {
    case 0: walk_purge(walk); break;
    case 1: walk_change_flow(walk); break;
    case 2: walk_change_quota(walk); break;
    case 3: walk_submit_batch(walk); break;
    default: walk_bulk(walk); break;
    }
}

static void step(struct walk *walk)
{
    sim_choices_begin(walk->choices, 's');
    if (walk_chance(walk, 30)) walk_submit(walk);
    if (walk_chance(walk, walk->busy) && walk->nseen) somebody_acts(walk);
    if (walk_chance(walk, 12)) somebody_administers(walk);
    if (walk->people) walk_people_act(walk);
    if (walk->people) walk_signal(walk);
    if (walk->work) walk_workers_act(walk);
    if (walk->plans) walk_schedules_act(walk);
    for (uint32_t n = walk_dice(walk, 4); n > 0; n--) walk_answer_some(walk, false);
    walk_fault(walk);
    walk_turn(walk);
    walk_restore(walk);
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

/* Until nothing is out and nothing waits: every fault is over, everybody is kind. False where it never ends. */
static bool come_to_rest(struct walk *walk)
{
    enum {
        ENOUGH = 20000
    }; /* a wall clock that was put back is looked at each second until its time has come */
    for (uint32_t i = 0; i < ENOUGH && !walk->broken; i++) {
        walk_turn(walk);
        if (walk->world->sleep == 0) continue;
        if (walk_pick_sent(walk, true, false) != UINT32_MAX) {
            walk_answer_some(walk, true);
            continue;
        }
        if (walk->work && walk_workers_serve(walk)) continue;
        if (walk->world->sleep == UINT64_MAX) return true;
        walk->world->now += walk->world->sleep;
    }
    return false;
}

/* A person who knows the truth brings everything to an end. */
static void people_decide(struct walk *walk)
{
    enum { ROUNDS = 30, TIRED = 6 };
    for (uint32_t round = 0; round < ROUNDS && !walk->broken; round++) {
        bool ended = true;
        sim_choices_begin(walk->choices, 'e');
        for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
            const struct rc_command *c = &walk->seen[seq].c;
            if (rc_state_ended(c->state)) continue;
            ended = false;
            if (round < TIRED) walk_people_end(walk, seq);
            if (round >= TIRED)
                walk_act(walk, seq, RC_ACTION_RESOLVE, 0, true);
            else
                walk_act(walk, seq, (enum rc_action)walk_dice(walk, SIM_ACTIONS), 0, false);
        }
        for (uint32_t i = 0; i < walk->nbulks; i++)
            if (walk->bulk[i].id && !rc_bulk_ended(walk->bulk[i].state)) {
                ended = false;
                walk_order(walk, i, round >= TIRED / 2 ? RC_BULK_CANCELLED : RC_BULK_RUNNING,
                           walk->bulk[i].state == RC_BULK_PREVIEW);
            }
        if (ended) return;
        if (!come_to_rest(walk)) break;
    }
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        if (!rc_state_ended(walk->seen[seq].c.state))
            walk_break(walk, "E2 a person can end every command", "command %llu is %s",
                       (unsigned long long)seq, rc_state_word(walk->seen[seq].c.state).slug);
    for (uint32_t i = 0; i < walk->nbulks; i++)
        if (walk->bulk[i].id && !rc_bulk_ended(walk->bulk[i].state))
            walk_break(walk, "E4 a person can end every bulk", "bulk %u is %s", i,
                       rc_bulk_word(walk->bulk[i].state).slug);
}

static void restart_twice(struct walk *walk)
{
    uint32_t revs[WALK_COMMANDS + 1] = {0}, left = walk->world->nleft;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) revs[seq] = walk->seen[seq].c.rev;
    for (unsigned i = 0; i < 2; i++) {
        walk_crash(walk, false);
        if (!come_to_rest(walk) && !walk->broken)
            walk_break(walk, "E1 everything comes to rest", "after a restart");
    }
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        if (revs[seq] != walk->seen[seq].c.rev || left != walk->world->nleft)
            walk_break(walk, "E3 starting again changes nothing", "command %llu", (unsigned long long)seq);
}

static void end(struct walk *walk)
{
    sim_choices_begin(walk->choices, 'e');
    WALK_TELL(walk, "--- every fault is over\n");
    walk_end_faults(walk);
    walk_release(walk);
    walk_schedules_rest(walk);
    if (!come_to_rest(walk) && !walk->broken) walk_break(walk, "E1 everything comes to rest", "it does not");
    for (uint64_t seq = 1; seq <= walk->nseen && !walk->broken; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        bool rests = rc_state_ended(c->state) || c->state == RC_REVIEW || c->state == RC_FAILED ||
                     c->state == RC_REJECTED || walk_rests_with_people(c) || c->place.state == RC_PLACE_WAITS;
        if (!rests)
            walk_break(walk, "E1 everything comes to rest", "command %llu is %s", (unsigned long long)seq,
                       rc_state_word(c->state).slug);
    }
    if (!walk->broken) restart_twice(walk);
    WALK_TELL(walk, "--- people who know the truth bring everything to an end\n");
    if (!walk->broken) people_decide(walk);
    if (!walk->broken) walk_laws_of_end(walk);
    if (!walk->broken) walk_count_found(walk);
    if (!walk->broken) walk_check_all(walk);
}

/* ---- a life --------------------------------------------------------------------------------------------------------- */

static void live(struct walk *walk)
{
    walk_define(walk);
    sim_choices_begin(walk->choices, 'd');
    uint32_t steps = STEPS_LEAST + walk_dice(walk, STEPS_MORE);
    walk_define_blocks(walk);
    walk_define_workers(walk);
    walk_define_people(walk);
    walk_define_schedules(walk);
    WALK_TELL(walk, "%s\n", walk->definitions);
    walk->world = world_open(walk->definitions);
    walk_watch(walk);
    walk_schedules_begin(walk);
    for (uint32_t i = 0;
         (walk->choices->noted ? sim_choices_more(walk->choices, 's') : i < steps) && !walk->broken; i++)
        step(walk);
    if (!walk->broken) end(walk);
    sim_memory_refuse(0);
    walk->world->on_reply = NULL;
    walk_forget_copy(walk);
    world_close(walk->world);
}

struct sim_verdict sim_live(struct sim_choices *choices, enum sim_control control, struct sim_seen *seen,
                            FILE *tell)
{
    struct walk *walk = calloc(1, sizeof *walk);
    assert(walk);
    if (choices->noted) sim_choices_rewind(choices);
    walk->choices = choices;
    walk->control = control;
    walk->cover = seen;
    walk->tell = tell;
    walk->scratch = rc_arena_new(0, 64 << 20);
    walk->rows = rc_arena_new(0, 64 << 20);
    assert(walk->scratch && walk->rows);
    walk->journal = walk_journal_new();
    live(walk);
    struct sim_verdict verdict = {.law = walk->broken};
    memcpy(verdict.where, walk->broken_where, sizeof walk->broken_where);
    sim_seen_life(seen, walk->fired);
    for (uint32_t i = 0; i < walk->nrequests; i++) world_free_request(walk->request[i].request);
    for (uint64_t seq = 0; seq <= WALK_COMMANDS; seq++) rc_arena_free(walk->seen[seq].arena);
    rc_arena_free(walk->scratch);
    rc_arena_free(walk->rows);
    walk_journal_free(walk->journal);
    walk_forget_workers(walk);
    walk_forget_schedules(walk);
    free(walk);
    return verdict;
}
