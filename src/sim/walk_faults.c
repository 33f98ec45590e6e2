/* What goes wrong, what is switched off (enum sim_control), and how the engine's turns are run with it. */
#include "sim/walk.h"

#include "sim/memory.h"

#include <assert.h>

/* ---- what reaches the world ----------------------------------------------------------------------------------------- */

static enum rc_status on_start(struct world *world, uint32_t i)
{
    struct walk *walk = world->watcher;
    uint32_t left = sim_memory_left();
    sim_memory_refuse(0); /* the walk's own do not count */
    const struct rc_effect *effect = &world->left[i];
    walk->sent[i] = (struct walk_sent){.seq = effect->of.id,
                                       .gate = effect->dependency->gate,
                                       .node = effect->node,
                                       .life = walk->life,
                                       .attempt = effect->attempt,
                                       .purpose = effect->purpose,
                                       .key = effect->idempotency_key,
                                       .timeout = effect->timeout,
                                       .decided = world->engine->now,
                                       .at = world->now};
    if (walk->control == SIM_NEW_KEY) walk->sent[i].key.hi ^= effect->attempt;
    enum rc_status status = RC_OK;
    if (!walk->quiet && walk_chance(walk, 2)) {
        walk_fired(walk, SIM_NOT_STARTED);
        status = RC_NOMEM;
    } else {
        walk_laws_of_leaving(walk, i);
        if (!walk->broken) walk_outside_takes(walk, i);
        walk->cover->left++;
        walk->cover->purpose[effect->purpose]++;
        if (walk->broken) status = RC_STOPPING;
    }
    sim_memory_refuse(left);
    return status;
}

static void on_reply(struct world *world, struct rc_request *request)
{
    struct walk *walk = world->watcher;
    struct walk_request *sent = walk_find_request(walk, request);
    uint32_t left = sim_memory_left();
    if (!sent) return;
    sim_memory_refuse(0);
    walk_laws_of_reply(walk, sent);
    if (request->kind == RC_REQUEST_DEFINE && request->status == RC_OK && sent->dependency)
        walk->dependency[sent->dependency - 1].most = sent->concurrent;
    sim_memory_refuse(left);
}

/* Before a commit: where that is the control, what should come after it comes now. */
static void on_commit(struct world *world)
{
    struct walk *walk = world->watcher;
    const struct rc_turn *turn = &world->engine->turn;
    if (walk->control == SIM_REPLY_BEFORE_COMMIT)
        for (struct rc_request *request = turn->replies; request; request = request->next)
            on_reply(world, request);
    if (walk->control != SIM_EFFECT_BEFORE_COMMIT) return;
    for (uint32_t i = 0; i < turn->effects.n && !walk->broken; i++) {
        world->left[world->nleft] = ((const struct rc_effect *)turn->effects.items)[i];
        if (on_start(world, world->nleft) == RC_OK) world->nleft++;
    }
}

/* ---- definitions that say something else than what was written ------------------------------------------------------ */

static bool forges(enum sim_control control)
{
    return control == SIM_REPEAT_BLINDLY || control == SIM_NO_SETTLE || control == SIM_MORE_PLACES ||
           control == SIM_UNDO_OUT_OF_ORDER || control == SIM_UNDO_TWICE || control == SIM_ONE_MORE_TRY ||
           control == SIM_NO_DELAY || control == SIM_ASK_NOTHING ||
           (control >= SIM_LINES_AT_ONCE && control <= SIM_PASS_FOR_EVER) ||
           (control >= SIM_TAKE_MORE_BACK && control <= SIM_REVERSE_ANYTHING &&
            !walk_spoils_nodes(control)) ||
           (control >= SIM_RELEASE_ALL && control <= SIM_ASK_FOR_EVER) || control == SIM_HEAR_ANYTHING ||
           control == SIM_WAIT_A_MOMENT || control == SIM_WIDER_LANES || control == SIM_NARROWER_LANES ||
           control == SIM_REFUSE_NOTHING || control == SIM_REPLACE_NOTHING ||
           control == SIM_LEASE_TO_ANYBODY || (control >= SIM_OTHER_ZONES && control <= SIM_CATCH_UP_ALL);
}

static void forge_call(enum sim_control control, struct flow_call *call, uint16_t at)
{
    if (control == SIM_REPEAT_BLINDLY) call->act.repeatable = call->undo.repeatable = true;
    if (control == SIM_UNDO_TWICE) call->undo.repeatable = true;
    if (control == SIM_NO_SETTLE) call->act.check.settle = call->undo.check.settle = 0;
    if (control == SIM_UNDO_OUT_OF_ORDER && at > 1) call->undo.none = true;
    if (control == SIM_ONE_MORE_TRY) call->act.retry.attempts++;
    if (control == SIM_NO_DELAY) call->act.retry.delay = call->undo.retry.delay = 0;
    if (control == SIM_ASK_NOTHING) call->require = (struct flow_require){0};
    if (control == SIM_REVERSE_ANYTHING && !call->undo.present) call->undo.none = true;
    if (control == SIM_LEASE_TO_ANYBODY) call->capability = (struct rc_sv){0};
}

/* Kinds of which all children begin. */
static bool is_opened(enum sim_control control, enum flow_kind kind)
{
    return (control == SIM_LINES_AT_ONCE && kind == FLOW_LINEAR) ||
           (control == SIM_ALL_CASES && kind == FLOW_CHOOSE) ||
           (control == SIM_FALL_BACK_ALWAYS && kind == FLOW_FALLBACK);
}

static void forge_join(enum sim_control control, struct flow_step *step)
{
    struct flow_block *block = &step->block;
    bool all = block->join == FLOW_JOIN_ALL;
    /* where not all begin at once, something is left that may begin */
    if (((control == SIM_GO_ON_BESIDE && block->width) || control == SIM_SUCCEED_ANYWAY) && all)
        block->on_error = FLOW_CONTINUE;
    if (control == SIM_TRY_ANYWAY && block->join == FLOW_JOIN_QUORUM && block->quorum > 1) {
        block->join = FLOW_JOIN_ALL;
        block->on_error = FLOW_CONTINUE;
        block->width = 1; /* so that something is left that may begin */
    }
    if (control == SIM_WANT_MORE && !all) {
        block->quorum = block->join == FLOW_JOIN_QUORUM ? (uint16_t)(block->quorum + 1) : 2;
        block->join = FLOW_JOIN_QUORUM;
    }
}

static void forge_block(enum sim_control control, struct flow_step *step)
{
    struct flow_block *block = &step->block;
    if (flow_is_joined(step->kind)) forge_join(control, step);
    if (control == SIM_TAKE_MORE_BACK) block->undo = FLOW_UNDO_BLOCK;
    if (control == SIM_GO_ON_PASSING && step->kind == FLOW_REPEAT) block->on_error = FLOW_CONTINUE;
    if (is_opened(control, step->kind)) step->kind = FLOW_PARALLEL;
    if (control == SIM_NEED_NOTHING) step->nneeds = 0;
    if (control == SIM_NO_WIDTH) block->width = 0;
    if (control == SIM_ONE_IS_ENOUGH && flow_is_joined(step->kind)) block->join = FLOW_JOIN_ANY;
    if (control == SIM_WANT_ALL) block->join = FLOW_JOIN_ALL;
    if (control == SIM_GO_ON) block->on_error = FLOW_CONTINUE;
    if (control == SIM_TAKE_NOTHING_BACK) block->undo = FLOW_UNDO_NONE;
    if (control == SIM_KEEP_SURPLUS) block->surplus = FLOW_SURPLUS_KEEP;
    if (control == SIM_NO_PAUSE) step->loop.every = 0;
    if (control == SIM_PASS_FOR_EVER) step->loop.within = 0;
}

static void forge(const struct walk *walk)
{
    const struct flow_set *set = walk->world->set;
    for (uint32_t i = 0; i < set->nflows; i++)
        for (uint16_t k = 0; k < set->flows[i]->nsteps; k++)
            forge_call(walk->control, (struct flow_call *)&set->flows[i]->steps[k].call,
                       k); /* cppcheck-suppress cert-EXP05-C */
    for (uint32_t i = 0; i < set->nflows; i++)
        for (uint16_t k = 0; k < set->flows[i]->nsteps; k++)
            forge_block(walk->control, (struct flow_step *)&set->flows[i]->steps[k]);
    for (uint32_t i = 0; i < set->nflows; i++)
        walk_forge_people(walk->control, (struct flow *)set->flows[i]); /* cppcheck-suppress cert-EXP05-C */
    for (uint32_t i = 0; i < set->nflows; i++)
        walk_forge_schedules(walk->control,
                             (struct flow *)set->flows[i]); /* cppcheck-suppress cert-EXP05-C */
    for (uint32_t i = 0; i < set->ndependencies; i++)
        if (walk->control == SIM_MORE_PLACES)
            ((struct flow_dependency *)set->dependencies[i])->concurrent += 2;
}

static void on_boot(struct world *world)
{
    struct walk *walk = world->watcher;
    if (forges(walk->control)) forge(walk);
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) {
        const struct flow_dependency *found =
            flow_set_dependency(world->set, rc_sv_of(walk->dependency[i].name));
        walk->dependency[i].most = found ? found->concurrent - (walk->control == SIM_MORE_PLACES ? 2 : 0) : 1;
    }
    if (walk->control == SIM_FORGET_WHAT_LEFT)
        for (struct rc_fact *fact = world->engine->facts.first; fact; fact = fact->next) fact->lost = false;
    if (walk->control == SIM_FORGET_KEYS) rc_memory_forget_keys(world->disk);
}

void walk_watch(struct walk *walk)
{
    struct world *world = walk->world;
    world->watcher = walk;
    world->on_start = on_start;
    world->on_reply = on_reply;
    world->on_boot = on_boot;
    world->on_commit = on_commit;
    world->without_keys = walk->control == SIM_ITEMS_WITHOUT_KEYS;
    world->hold.unsafe_off = walk->control == SIM_HOLD_NOTHING;
    world->parse_anew = forges(walk->control);
    if (walk->control != SIM_SOUND) world_crash(world); /* so that its definitions can be forged */
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

static void spoil_memory(struct walk *walk)
{
    struct rc_engine *engine = walk->world->engine;
    bool spoils = walk->control == SIM_NO_DOUBT || walk->control == SIM_IGNORE_CANCEL ||
                  walk->control == SIM_FORGET_VOTES;
    for (struct rc_hot *hot = engine->cache.newest; hot; hot = hot->older)
        walk_spoil(walk->control, &hot->command);
    for (struct rc_hot *hot = engine->cache.newest; hot && spoils; hot = hot->older) {
        for (uint32_t i = 0; i < hot->command.nnodes && walk->control == SIM_NO_DOUBT; i++)
            hot->command.node[i].doubt = 0;
        for (uint32_t i = 0; i < hot->command.nnodes && walk->control == SIM_FORGET_VOTES; i++)
            if (i) hot->command.data[i].votes.n = 0;
        if (walk->control == SIM_IGNORE_CANCEL && hot->command.mode == RC_MODE_CANCEL)
            hot->command.mode = RC_MODE_FORWARD;
    }
    walk_spoil_lanes(walk->control, engine);
    const struct rc_map *doors = &engine->doors;
    for (size_t i = 0; i < doors->cap && walk->control == SIM_LEAK_PLACE; i++)
        if (doors->slot[i].value && walk_chance(walk, 2))
            ((struct rc_door *)doors->slot[i].value)->gate.in_use++;
    if (walk->control == SIM_RELEASE_BY_ITSELF && rc_engine_held(engine) && !engine->hold.left)
        engine->hold.released = engine->now;
    if (walk->control == SIM_LOOK_AT_NOTHING) engine->hold.left = 0;
    if (walk->control == SIM_LOSE_WAKE_UP && engine->due.n && walk_chance(walk, 30))
        rc_window_pop(&engine->due);
}

void walk_turn(struct walk *walk)
{
    static const uint8_t faults[WORLD_MOMENTS] = {
        [WORLD_BEFORE_COMMIT] = SIM_CRASH_BEFORE_COMMIT, [WORLD_AFTER_COMMIT] = SIM_CRASH_AFTER_COMMIT,
        [WORLD_BEFORE_START] = SIM_CRASH_BEFORE_START,   [WORLD_AFTER_START] = SIM_CRASH_AFTER_START,
        [WORLD_BEFORE_REPLY] = SIM_CRASH_BEFORE_REPLY,   [WORLD_AFTER_REPLY] = SIM_CRASH_AFTER_REPLY,
        [WORLD_AT_REOPEN] = SIM_CRASH_AT_REOPEN};
    struct world *world = walk->world;
    if (walk->broken) return;
    walk_outside_goes_on(walk);
    spoil_memory(walk);
    if (walk->work) walk_spoil_leases(walk);
    if (walk->plans) walk_schedules_turn(walk);
    walk->settled = false;
    walk->status = world_turn(world);
    sim_memory_refuse(0);
    WALK_TELL(walk, "turn at +%llu: %s\n", (unsigned long long)world->now, rc_status_text(walk->status));
    walk_free_answered(walk);
    walk->cover->turns++;
    if (world->dead) {
        walk_fired(walk, (enum sim_fault)faults[world->died_at]);
        walk_crash(walk, false);
    } else {
        walk_laws_of_turn(walk);
        bool looks =
            !rc_engine_held(world->engine) && world->engine->room && !walk->draining; /* at the clock */
        if (walk->status == RC_OK && looks) walk->turn_before = world->engine->now;
    }
}

/* With a turn's memory that comes in small pieces, one of which is refused. */
static void turn_without_memory(struct walk *walk)
{
    struct rc_engine *engine = walk->world->engine;
    struct rc_arena *whole = engine->turn.arena, *pieces = rc_arena_new(64, 256 << 20);
    uint32_t before = sim_memory_refused();
    assert(pieces);
    if (walk->world->dies_in) { /* the engine would be gone with the pieces */
        rc_arena_free(pieces);
        return;
    }
    engine->turn.arena = pieces;
    sim_memory_refuse(1 + walk_dice(walk, 60));
    walk_turn(walk);
    engine->turn.arena = whole;
    rc_arena_free(pieces);
    if (sim_memory_refused() == before) return;
    walk_fired(walk, SIM_NO_MEMORY);
    WALK_TELL(walk, "that was a turn in which an allocation failed\n");
}

/* ---- crashes -------------------------------------------------------------------------------------------------------- */

/* It was there in crashes before. */
static void suspect(struct rc_suspects *suspects, uint64_t unit)
{
    struct rc_suspect *at = &suspects->suspect[0];
    for (unsigned i = 0; i < RC_SUSPECTS; i++)
        if (suspects->suspect[i].unit == unit || !suspects->suspect[i].unit) {
            at = &suspects->suspect[i];
            break;
        }
    *at = (struct rc_suspect){.unit = unit, .crashes = RC_MAX_LOST - 1};
}

void walk_crash(struct walk *walk, bool in_order)
{
    struct world *world = walk->world;
    bool twice = !walk->quiet && walk_chance(walk, 10);
    walk->cover->crashes++;
    WALK_TELL(walk, in_order      ? "the server stops and starts again\n"
                    : world->dead ? "it died in that turn, and starts again\n"
                                  : "the process dies and starts again\n");
    if (!walk->quiet && walk_chance(walk, 20) && walk->nseen) { /* in the middle of a unit */
        walk_fired(walk, SIM_CRASH_LOOP);
        uint64_t seq = 1 + walk_dice(walk, (uint32_t)walk->nseen);
        bool acts = walk_chance(walk, 30); /* while it took in what a person asked for */
        uint32_t node = acts           ? RC_MAX_INSTANCES + walk_dice(walk, SIM_ACTIONS)
                        : walk->blocks ? walk_dice(walk, WALK_INSTANCES)
                                       : 1 + walk_dice(walk, WALK_STEPS);
        world->suspects->running = rc_step_unit(seq, node);
        if (walk_chance(walk, 30)) suspect(world->suspects, world->suspects->running);
    }
    walk_schedules_restart(walk);
    world->dead = !in_order;
    walk->life++;
    walk->turn_before = 0;
    walk->draining = false;
    walk_outside_lost_touch(walk);
    if (walk->work) walk_workers_live_on(walk);
    world_crash(world);
    if (twice) {
        walk_fired(walk, SIM_CRASH_AT_START);
        world->dead = true;
        world_crash(world);
    }
    walk_free_answered(walk);
}

void walk_end_faults(struct walk *walk)
{
    struct world *world = walk->world;
    walk->quiet = true;
    walk->quiet_since = world_wall(world);
    world->dies_in = 0;
    world->sync_takes = 0;
    world->shut_reopen = 0;
    memset(world->suspects, 0,
           sizeof *world->suspects); /* what made it die is mended: the page is a new one */
    walk->full = false;
    rc_memory_full(world->disk, false);
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) walk->dependency[i].mood = WALK_FINE;
    for (unsigned i = 0; i < 3; i++) walk_turn(walk);
    if (world->store) rc_memory_fail_next(world->store, RC_OK, false);
    walk_crash(walk, false);
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++)
        if (walk->dependency[i].changed) walk_change_dependency(walk, i, walk->dependency[i].at_first);
    if (walk->work) walk_workers_end_faults(walk);
}

/* ---- the disk ------------------------------------------------------------------------------------------------------- */

static void fail_a_commit(struct walk *walk)
{
    static const struct {
        uint8_t status, fault;
        bool kept;
    } how[] = {{RC_FULL, SIM_COMMIT_FULL, false},          {RC_IO, SIM_COMMIT_IO, false},
               {RC_NOMEM, SIM_COMMIT_NOMEM, false},        {RC_COMMIT_UNKNOWN, SIM_COMMIT_LOST, false},
               {RC_COMMIT_UNKNOWN, SIM_COMMIT_KEPT, true}, {RC_LIMIT, SIM_COMMIT_REFUSED, false}};
    uint32_t at = walk_dice(walk, sizeof how / sizeof *how), shut = walk_chance(walk, 20);
    if (!walk->world->store || walk->world->engine->apart)
        return; /* while it looks for the one to blame, there is none */
    walk_fired(walk, (enum sim_fault)how[at].fault);
    rc_memory_fail_next(walk->world->store, (enum rc_status)how[at].status, how[at].kept);
    WALK_TELL(walk, "the next commit fails: %s\n", sim_fault_text((enum sim_fault)how[at].fault));
    if (!shut) return;
    walk->world->shut_reopen = 1 + walk_dice(walk, 2);
    walk_fired(walk, SIM_DISK_SHUT);
    WALK_TELL(walk, "and the store cannot be opened again %u times\n", walk->world->shut_reopen);
}

static void fill_the_disk(struct walk *walk)
{
    walk->full = !walk->full;
    if (walk->full) walk_fired(walk, SIM_DISK_FULL);
    WALK_TELL(walk, walk->full ? "the disk is full\n" : "the disk has room again\n");
    if (walk->control != SIM_LEAVE_WHEN_FULL) rc_memory_full(walk->world->disk, walk->full);
}

static void slow_the_disk(struct walk *walk)
{
    walk->world->sync_takes = RC_SECONDS(1 + walk_dice(walk, 30));
    walk_fired(walk, SIM_DISK_SLOW);
    WALK_TELL(walk, "commits take %u s\n", (unsigned)(walk->world->sync_takes / RC_SECONDS(1)));
}

/* ---- the outside and its answers -------------------------------------------------------------------------------------- */

/* What an older state does not know of is answered to nobody: its connection has died with its process. */
static bool fits(const struct walk *walk, const struct walk_sent *sent, bool open, bool dead)
{
    return (sent->life == walk->life) != dead && sent->open == open && !sent->lost;
}

uint32_t walk_pick_sent(struct walk *walk, bool open, bool dead)
{
    uint32_t n = 0, pick = 0;
    for (uint32_t i = 0; i < walk->world->nleft; i++) n += fits(walk, &walk->sent[i], open, dead);
    if (n) pick = 1 + walk_dice(walk, n);
    for (uint32_t i = 0; pick && i < walk->world->nleft; i++)
        if (fits(walk, &walk->sent[i], open, dead) && --pick == 0) return i;
    return UINT32_MAX;
}

/* An answer of an attempt before this one comes for it, and it said no. */
static bool answer_of_another(struct walk *walk, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (walk->sent[k].seq == walk->sent[i].seq && walk->sent[k].node == walk->sent[i].node &&
            walk->sent[k].purpose == walk->sent[i].purpose) {
            uint16_t attempt = walk->world->left[k].attempt;
            walk->world->left[k].attempt = walk->sent[i].attempt;
            walk_outside_repeats_itself(walk, k);
            walk->world->left[k].attempt = attempt;
            return true;
        }
    return false;
}

void walk_answer_some(struct walk *walk, bool kind)
{
    uint32_t i = walk_pick_sent(walk, true, false);
    if (i == UINT32_MAX) return;
    if (walk->control == SIM_LOSE_ANSWER && walk_chance(walk, 10)) {
        walk->sent[i].open = false;
        return;
    }
    if (walk->control == SIM_ANSWER_OF_ANOTHER && walk_chance(walk, 50) && answer_of_another(walk, i)) return;
    for (uint32_t k = 0; k < i; k++)
        if (walk->sent[k].open) {
            walk_fired(walk, SIM_ANSWER_ORDER);
            break;
        }
    walk_outside_answers(walk, i, kind);
}

static void repeat_an_answer(struct walk *walk)
{
    bool dead = walk_chance(walk, 30);
    uint32_t i = walk_pick_sent(walk, false, dead);
    if (i == UINT32_MAX) return;
    walk_fired(walk, dead ? SIM_ANSWER_OF_THE_DEAD : SIM_ANSWER_TWICE);
    walk_outside_repeats_itself(walk, i);
}

static void change_mood(struct walk *walk)
{
    static const char *const texts[WALK_MOODS] = {"fine", "down", "slow", "limiting", "refusing", "erring"};
    uint32_t i = walk_dice(walk, WALK_DEPENDENCIES);
    enum walk_mood mood = (enum walk_mood)walk_dice(walk, WALK_MOODS);
    walk->dependency[i].mood = mood;
    WALK_TELL(walk, "%s is %s\n", walk->dependency[i].name, texts[mood]);
    if (mood == WALK_DOWN) walk_fired(walk, SIM_DOWN);
    if (mood == WALK_SLOW) walk_fired(walk, SIM_SLOW);
}

/* ---- one of them ------------------------------------------------------------------------------------------------------ */

static void let_time_pass(struct walk *walk)
{
    bool leap = walk_chance(walk, 10);
    rc_us span = walk_span(walk, leap ? RC_SECONDS(30) : RC_SECONDS(2));
    walk->world->now += span;
    if (leap) walk_fired(walk, SIM_TIME_LEAPS);
    for (uint32_t i = 0; i < walk->world->nleft; i++)
        if (walk->sent[i].open && !walk->sent[i].task &&
            walk->world->now >= walk->sent[i].at + walk->sent[i].timeout && walk_chance(walk, 50))
            walk_outside_times_out(walk, i);
}

void walk_fault(struct walk *walk)
{
    uint32_t dice = walk_dice(walk, 1000);
    walk->world->sync_takes = 0;
    if (walk_chance(walk, 5)) repeat_an_answer(walk);
    if (walk_chance(walk, 40)) let_time_pass(walk);
    if (walk_chance(walk, 3)) change_mood(walk);
    if (walk->full ? walk_chance(walk, 20) : walk_chance(walk, 1)) fill_the_disk(walk);
    if (dice >= 940) {
        fail_a_commit(walk);
    } else if (dice >= 925) {
        uint32_t dependency = walk_dice(walk, WALK_DEPENDENCIES);
        walk_change_dependency(walk, dependency, walk_dice(walk, 4));
    } else if (dice >= 900) {
        walk_fired(walk, SIM_CRASH);
        walk_crash(walk, walk_chance(walk, 20));
    } else if (dice >= 895) {
        rc_engine_drain(walk->world->engine);
        walk->draining = true;
        walk_fired(walk, SIM_DRAIN);
        WALK_TELL(walk, "the server drains\n");
    } else if (dice >= 835) {
        turn_without_memory(walk);
    } else if (dice >= 800) {
        walk->world->dies_in = 1 + walk_dice(walk, 8);
        WALK_TELL(walk, "it will die at moment %u from now\n", walk->world->dies_in);
    } else if (dice >= 790) {
        slow_the_disk(walk);
    }
}
