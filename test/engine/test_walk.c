/* Random walks, and controls: with a protection switched off, the laws must find out.
 *
 *   test_walk            the seeds of every day, and the controls
 *   test_walk SEED       one walk, told step by step where it breaks a law
 *   RC_WALKS=5000 RC_WALK_FROM=1000 test_walk    a campaign */
#include "walk.h"

#include "codec/json.h"
#include "engine/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 250, WALKS = 150, RC_US_PER_S = 1000000 };

/* ---- memory that runs out ------------------------------------------------------------------------------------------- */

/* the linker gives these names: ld(1), --wrap */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t n);

static uint32_t allocations_left; /* the one that brings this to 0 is refused; 0: none is */
static uint32_t refused;

static bool is_refused(void)
{
    if (allocations_left == 0 || --allocations_left > 0) return false;
    refused++;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return is_refused() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    return is_refused() ? NULL : __real_realloc(old, n);
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- what the engine does to the outside ----------------------------------------------------------------------------- */

static enum rc_status on_start(struct world *world, uint32_t i)
{
    struct walk *walk = world->watcher;
    uint32_t left = allocations_left;
    allocations_left = 0; /* the walk's own do not count */
    const struct rc_effect *effect = &world->left[i];
    walk->sent[i] = (struct walk_sent){.seq = effect->of.id,
                                       .gate = effect->dependency->gate,
                                       .node = effect->node,
                                       .life = walk->life,
                                       .attempt = effect->attempt,
                                       .purpose = effect->purpose,
                                       .key = effect->idempotency_key,
                                       .at = world->now};
    enum rc_status status = RC_OK;
    if (!walk->quiet && walk_chance(walk, 2)) {
        walk->counts->refused_starts++;
        status = RC_NOMEM;
    } else {
        walk_laws_of_leaving(walk, i);
        if (!walk->broken) walk_outside_takes(walk, i);
        walk->counts->left++;
        walk->counts->purpose[effect->purpose]++;
        if (walk->broken) status = RC_STOPPING;
    }
    allocations_left = left;
    return status;
}

static struct walk_request *find_request(struct walk *walk, const struct rc_request *request)
{
    for (uint32_t i = 0; i < walk->nrequests; i++)
        if (walk->request[i].request == request) return &walk->request[i];
    return NULL;
}

static void on_reply(struct world *world, struct rc_request *request)
{
    struct walk *walk = world->watcher;
    struct walk_request *sent = find_request(walk, request);
    uint32_t left = allocations_left;
    if (!sent) return;
    allocations_left = 0;
    walk_laws_of_reply(walk, sent);
    if (request->kind == RC_REQUEST_DEFINE && request->status == RC_OK)
        walk->dependency[sent->dependency].most = sent->concurrent;
    allocations_left = left;
}

/* Definitions that say something else than what was written. */
static void forge(struct walk *walk)
{
    const struct flow_set *set = walk->world->set;
    for (uint32_t i = 0; i < set->nflows; i++)
        for (uint16_t k = 0; k < set->flows[i]->nsteps; k++) {
            struct flow_call *call =
                (struct flow_call *)&set->flows[i]->steps[k].call; /* cppcheck-suppress cert-EXP05-C */
            if (walk->control == WALK_REPEAT_BLINDLY) call->act.repeatable = call->undo.repeatable = true;
            if (walk->control == WALK_NO_SETTLE) call->act.check.settle = call->undo.check.settle = 0;
        }
    for (uint32_t i = 0; i < set->ndependencies; i++)
        if (walk->control == WALK_MORE_PLACES)
            ((struct flow_dependency *)set->dependencies[i])->concurrent += 2;
}

static void on_boot(struct world *world)
{
    struct walk *walk = world->watcher;
    forge(walk);
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) {
        const struct flow_dependency *found =
            flow_set_dependency(world->set, rc_sv_of(walk->dependency[i].name));
        walk->dependency[i].most =
            found ? found->concurrent - (walk->control == WALK_MORE_PLACES ? 2 : 0) : 1;
    }
    if (walk->control == WALK_FORGET_WHAT_LEFT)
        for (struct rc_fact *fact = world->engine->facts.first; fact; fact = fact->next) fact->lost = false;
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

static void free_answered(struct walk *walk)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < walk->nrequests; i++) {
        if (world_answered(walk->request[i].request))
            world_free_request(walk->request[i].request);
        else
            walk->request[n++] = walk->request[i];
    }
    walk->nrequests = n;
}

static void spoil_memory(struct walk *walk)
{
    for (struct rc_hot *hot = walk->world->engine->cache.newest; hot && walk->control == WALK_NO_DOUBT;
         hot = hot->older)
        for (uint32_t i = 0; i < hot->command.nnodes; i++) hot->command.node[i].doubt = 0;
    const struct rc_map *doors = &walk->world->engine->doors;
    for (size_t i = 0; i < doors->cap && walk->control == WALK_LEAK_PLACE; i++)
        if (doors->slot[i].value && walk_chance(walk, 2))
            ((struct rc_door *)doors->slot[i].value)->gate.in_use++;
}

static void turn(struct walk *walk)
{
    if (walk->broken) return;
    walk_outside_goes_on(walk);
    spoil_memory(walk);
    walk->status = world_turn(walk->world);
    allocations_left = 0;
    WALK_TELL(walk, "turn at +%llu: %s, sleeps %lld\n", (unsigned long long)walk->world->now,
              rc_status_text(walk->status), (long long)walk->world->sleep);
    free_answered(walk);
    walk->counts->turns++;
    walk_laws_of_turn(walk);
}

/* With a turn's memory that comes in small pieces, one of which is refused. */
static void turn_without_memory(struct walk *walk)
{
    struct rc_arena *whole = walk->world->engine->turn.arena, *pieces = rc_arena_new(64, 256 << 20);
    assert_non_null(pieces);
    walk->world->engine->turn.arena = pieces;
    allocations_left = 1 + walk_dice(walk, 60);
    refused = 0;
    turn(walk);
    walk->counts->nomem += refused;
    walk->world->engine->turn.arena = whole;
    rc_arena_free(pieces);
}

static void crash(struct walk *walk)
{
    walk->counts->crashes++;
    WALK_TELL(walk, "crash\n");
    if (walk_chance(walk, 20) && walk->nseen) { /* in the middle of a turn */
        walk->counts->crashes_in_turn++;
        uint64_t seq = 1 + walk_dice(walk, (uint32_t)walk->nseen);
        walk->world->suspects->running = rc_step_unit(seq, 1 + walk_dice(walk, WALK_STEPS));
    }
    walk->life++;
    walk->draining = false;
    walk_outside_lost_touch(walk);
    world_crash(walk->world);
    free_answered(walk);
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

static bool post(struct walk *walk, struct walk_request sent)
{
    bool room = walk->nrequests < sizeof walk->request / sizeof *walk->request;
    enum rc_status status = room ? rc_engine_post(walk->world->engine, sent.request) : RC_BUSY;
    assert_true(status == RC_OK || status == RC_BUSY || (status == RC_STOPPING && walk->draining));
    if (status == RC_OK)
        walk->request[walk->nrequests++] = sent;
    else
        world_free_request(sent.request);
    return status == RC_OK;
}

static void submit(struct walk *walk)
{
    struct walk_request sent = {.flow = walk_dice(walk, WALK_FLOWS)};
    sent.key = walk_dice(walk, WALK_KEYS);
    char type[8], key[8], payload[64];
    snprintf(type, sizeof type, "f%u", sent.flow);
    snprintf(key, sizeof key, "k%u", sent.key);
    snprintf(payload, sizeof payload, "{\"n\": %u, \"ok\": %s}", walk_chance(walk, 10) ? 7 : sent.key,
             sent.key ? "true" : "false");
    sent.request = world_submission(walk->world, type, key, payload);
    /* the walk is to be the same every time; the kernel's numbers are not */
    sent.request->u.submit.nonce = walk->control == WALK_SAME_NONCE ? 1 : rc_mix(&walk->random);
    sent.nonce = sent.request->u.submit.nonce;
    sent.payload_hash = sent.request->u.submit.payload_hash;
    if (post(walk, sent) && walk->control == WALK_ANSWER_TOO_EARLY)
        walk->told[sent.flow][sent.key].acknowledged = true;
}

/* The step that a verdict would be about; 0: none. */
static uint32_t in_question(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase != RC_PHASE_OPEN &&
            (c->node[i].state == RC_STEP_UNKNOWN || c->node[i].state == RC_STEP_UNDO_UNKNOWN ||
             c->node[i].state == RC_STEP_UNDO_FAILED))
            return i;
    return 0;
}

/* The same again, or edited; sometimes forgotten, as by somebody who saw the command before it was rolled back. */
static void add_successor(struct walk *walk, const struct rc_command *c, struct rc_request *request)
{
    struct rc_error error;
    struct rc_submission in = {.actor = RC_SV("anna"), .payload = c->id.payload};
    struct rc_identity *next = RC_NEW(request->arena, struct rc_identity);
    uint32_t n;
    assert_non_null(next);
    if (walk->nsuccessors++ >= WALK_SUCCESSORS) return;
    if (walk_chance(walk, 50)) {
        struct rc_sv text = rc_text(request->arena, "{\"n\": 70, \"ok\": true}");
        assert_int_equal(rc_json_parse(text, request->arena, &in.payload, &error), RC_OK);
    }
    enum rc_status status = rc_prepare_successor(rc_engine_definitions(walk->world->engine), c, &in,
                                                 request->arena, next, &error, 1, &n);
    if (status != RC_OK) return; /* its flow is not in force now */
    next->nonce = rc_mix(&walk->random);
    request->u.act.successor = next;
}

static void act(struct walk *walk, uint64_t seq, enum rc_action action, uint32_t lies, bool as_it_is)
{
    static const char *const keys[] = {"", "", "", "x", "y", "z"};
    const struct rc_command *c = &walk->seen[seq].c;
    if (walk->nactions == WALK_ACTIONS) return;
    WALK_TELL(walk, "  > %s of %llu, action %u\n", rc_action_word(action).slug, (unsigned long long)seq,
              walk->nactions);
    struct walk_action *made = &walk->action[walk->nactions];
    *made = (struct walk_action){.seq = seq, .action = (uint8_t)action};
    if (!walk->quiet) snprintf(made->key, sizeof made->key, "%s", keys[walk_dice(walk, 6)]);
    struct walk_request sent = {.request = world_action_with(seq, c->id.nonce, action, made->key),
                                .action = walk->nactions};
    struct rc_act *what = &sent.request->u.act.act;
    what->reason = rc_text(sent.request->arena, "a%u", walk->nactions);
    if (walk_chance(walk, 20))
        what->expected_rev = walk_chance(walk, 50) || walk->quiet ? c->rev : c->rev + 1;
    uint32_t at = in_question(c);
    bool whole = action == RC_ACTION_RETRY && c->state == RC_ROLLED_BACK;
    if (action == RC_ACTION_EDIT || (whole && walk_chance(walk, 90))) add_successor(walk, c, sent.request);
    if (action == RC_ACTION_ASSIGN && walk_chance(walk, 70)) what->owner = RC_SV("olga");
    if (action == RC_ACTION_DUE && walk_chance(walk, 70)) what->due = walk->latest + RC_SECONDS(60);
    if (action == RC_ACTION_RESOLVE) {
        const struct rc_node *node = &c->node[at];
        bool undo = node->state == RC_STEP_UNDO_UNKNOWN || node->state == RC_STEP_UNDO_FAILED;
        bool happened = at && walk_happens(walk, seq, at, undo) != walk_chance(walk, lies);
        what->verdict = as_it_is || !at ? RC_ACCEPTED_AS_IS : happened ? RC_HAPPENED : RC_DID_NOT_HAPPEN;
        if (walk_chance(walk, 50)) what->external_id = RC_SV("4711");
    }
    if (at && (walk->quiet || walk_chance(walk, 30)) && what->verdict != RC_ACCEPTED_AS_IS)
        what->step = rc_copy_sv(sent.request->arena, rc_node_step(c, at)->id);
    if (post(walk, sent)) walk->nactions++;
}

static void define(struct walk *walk, uint32_t dependency, uint32_t concurrent)
{
    char text[512];
    const char *name = walk->dependency[dependency].name;
    bool there = flow_set_dependency(rc_engine_definitions(walk->world->engine), rc_sv_of(name)) != NULL;
    if (!concurrent && !there) return;
    uint32_t forged = concurrent;
    walk_dependency_text(walk, dependency, forged, text, sizeof text);
    struct walk_request sent = {.request = world_definition(name, concurrent ? text : NULL),
                                .dependency = dependency,
                                .concurrent = concurrent ? concurrent : 1};
    if (walk->control == WALK_MORE_PLACES && concurrent)
        sent.request->u.define.added->dependency->concurrent += 2;
    uint32_t most = walk->dependency[dependency].most;
    if (!post(walk, sent)) return;
    if (sent.concurrent > most) walk->dependency[dependency].most = sent.concurrent;
    walk->counts->defined++;
    walk->counts->gone += concurrent == 0;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------- */

static uint32_t pick_sent(struct walk *walk, bool open)
{
    uint32_t n = 0, found = UINT32_MAX;
    for (uint32_t i = 0; i < walk->world->nleft; i++)
        if (walk->sent[i].life == walk->life && walk->sent[i].open == open && walk_dice(walk, ++n) == 0)
            found = i;
    return found;
}

static void answer_some(struct walk *walk, bool kind)
{
    uint32_t i = pick_sent(walk, true);
    if (i == UINT32_MAX) return;
    if (walk->control == WALK_LOSE_ANSWER && walk_chance(walk, 10)) {
        walk->sent[i].open = false;
        return;
    }
    if (walk->control == WALK_ANSWER_OF_ANOTHER &&
        walk_chance(walk, 50)) { /* of an attempt before this one, and it said no */
        for (uint32_t k = 0; k < i; k++)
            if (walk->sent[k].seq == walk->sent[i].seq && walk->sent[k].node == walk->sent[i].node &&
                walk->sent[k].purpose == walk->sent[i].purpose) {
                uint16_t attempt = walk->world->left[k].attempt;
                walk->world->left[k].attempt = walk->sent[i].attempt;
                walk_outside_repeats_itself(walk, k);
                walk->world->left[k].attempt = attempt;
                return;
            }
    }
    walk_outside_answers(walk, i, kind);
}

static void fail_a_commit(struct walk *walk)
{
    static const enum rc_status statuses[] = {RC_FULL,           RC_IO,   RC_NOMEM, RC_COMMIT_UNKNOWN,
                                              RC_COMMIT_UNKNOWN, RC_LIMIT};
    enum rc_status status = statuses[walk_dice(walk, 6)];
    bool kept = walk_chance(walk, 50);
    if (!walk->world->store || walk->world->engine->apart)
        return; /* while it looks for the one to blame, there is none */
    walk->counts->apart += status == RC_LIMIT;
    walk->counts->full += status == RC_FULL;
    walk->counts->io += status == RC_IO;
    walk->counts->unknown_kept += status == RC_COMMIT_UNKNOWN && kept;
    walk->counts->unknown_lost += status == RC_COMMIT_UNKNOWN && !kept;
    rc_memory_fail_next(walk->world->store, status, kept);
    WALK_TELL(walk, "the next commit fails: %s%s\n", rc_status_text(status), kept ? ", kept" : "");
    if (!walk_chance(walk, 20)) return;
    walk->world->shut_reopen = 1 + walk_dice(walk, 2);
    walk->counts->shut++;
}

static void step(struct walk *walk)
{
    uint32_t dice = walk_dice(walk, 1000);
    if (walk_chance(walk, 25)) submit(walk);
    if (walk->nseen && walk_chance(walk, 20)) {
        uint64_t seq = 1 + walk_dice(walk, (uint32_t)walk->nseen);
        enum rc_action action = (enum rc_action)walk_dice(walk, RC_ACTIONS);
        act(walk, seq, action, 15, walk_chance(walk, 5));
    }
    for (uint32_t n = walk_dice(walk, 4); n > 0; n--) answer_some(walk, false);
    uint32_t again = walk_chance(walk, 5) ? pick_sent(walk, false) : UINT32_MAX;
    if (again != UINT32_MAX) walk_outside_repeats_itself(walk, again);
    if (walk_chance(walk, 40)) {
        rc_us most = walk_chance(walk, 10) ? RC_SECONDS(30) : RC_SECONDS(2);
        walk->world->now += rc_mix(&walk->random) % most;
    }
    if (dice < 60)
        fail_a_commit(walk);
    else if (dice < 75) {
        uint32_t dependency = walk_dice(walk, WALK_DEPENDENCIES);
        define(walk, dependency, walk_dice(walk, 4));
    } else if (dice < 105) {
        crash(walk);
    } else if (dice < 110) {
        rc_engine_drain(walk->world->engine);
        walk->draining = true;
        walk->counts->drains++;
    } else if (dice < 180) {
        turn_without_memory(walk);
    }
    turn(walk);
}

/* Until nothing is out and nothing waits: every fault is over, everybody is kind. False where it never ends. */
static bool come_to_rest(struct walk *walk)
{
    enum { ENOUGH = 5000 };
    for (uint32_t i = 0; i < ENOUGH && !walk->broken; i++) {
        turn(walk);
        if (walk->world->sleep == 0) continue;
        if (pick_sent(walk, true) != UINT32_MAX) {
            answer_some(walk, true);
            continue;
        }
        if (walk->world->sleep == UINT64_MAX) return true;
        walk->world->now += walk->world->sleep;
    }
    return false;
}

static void end_faults(struct walk *walk)
{
    walk->quiet = true;
    walk->world->shut_reopen = 0;
    walk->world->suspects->running = 0;
    for (unsigned i = 0; i < 3; i++) turn(walk);
    if (walk->world->store) rc_memory_fail_next(walk->world->store, RC_OK, false);
    crash(walk);
    for (uint32_t i = 0; i < WALK_DEPENDENCIES; i++) define(walk, i, walk->dependency[i].at_first);
}

/* A person who knows the truth brings everything to an end. */
static void people_decide(struct walk *walk)
{
    enum { ROUNDS = 60, TIRED = 40 };
    for (uint32_t round = 0; round < ROUNDS && !walk->broken; round++) {
        bool ended = true;
        for (uint64_t seq = 1; seq <= walk->nseen; seq++) {
            const struct rc_command *c = &walk->seen[seq].c;
            if (rc_state_ended(c->state)) continue;
            ended = false;
            if (round >= TIRED)
                act(walk, seq, RC_ACTION_RESOLVE, 0, true);
            else
                act(walk, seq, (enum rc_action)walk_dice(walk, RC_ACTIONS), 0, false);
        }
        if (ended) return;
        if (!come_to_rest(walk)) break;
    }
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        if (!rc_state_ended(walk->seen[seq].c.state))
            walk_break(walk, "E2 a person can end every command", "command %llu is %s",
                       (unsigned long long)seq, rc_state_word(walk->seen[seq].c.state).slug);
}

static void restart_twice(struct walk *walk)
{
    uint32_t revs[WALK_COMMANDS + 1] = {0}, left = walk->world->nleft;
    for (uint64_t seq = 1; seq <= walk->nseen; seq++) revs[seq] = walk->seen[seq].c.rev;
    for (unsigned i = 0; i < 2; i++) {
        crash(walk);
        if (!come_to_rest(walk) && !walk->broken)
            walk_break(walk, "E1 everything comes to rest", "after a restart");
    }
    for (uint64_t seq = 1; seq <= walk->nseen; seq++)
        if (revs[seq] != walk->seen[seq].c.rev || left != walk->world->nleft)
            walk_break(walk, "E3 starting again changes nothing", "command %llu", (unsigned long long)seq);
}

static void end(struct walk *walk)
{
    end_faults(walk);
    if (!come_to_rest(walk) && !walk->broken) walk_break(walk, "E1 everything comes to rest", "it does not");
    for (uint64_t seq = 1; seq <= walk->nseen && !walk->broken; seq++) {
        const struct rc_command *c = &walk->seen[seq].c;
        bool rests = rc_state_ended(c->state) || c->state == RC_REVIEW || c->state == RC_FAILED ||
                     c->state == RC_REJECTED;
        if (!rests)
            walk_break(walk, "E1 everything comes to rest", "command %llu is %s", (unsigned long long)seq,
                       rc_state_word(c->state).slug);
    }
    if (!walk->broken) restart_twice(walk);
    if (!walk->broken) people_decide(walk);
    if (!walk->broken) walk_laws_of_end(walk);
}

/* NULL, or the law that was broken. */
static const char *go(uint64_t seed, enum walk_control control, struct walk_counts *counts, bool tell)
{
    struct walk *walk = calloc(1, sizeof *walk);
    assert_non_null(walk);
    walk->seed = walk->random = seed;
    walk->control = control;
    walk->counts = counts;
    walk->scratch = rc_arena_new(0, 64 << 20);
    walk->rows = rc_arena_new(0, 64 << 20);
    assert_true(walk->scratch && walk->rows);
    walk_define(walk);
    walk->tell = tell;
    WALK_TELL(walk, "%s\n", walk->definitions);
    walk->world = world_open(walk->definitions);
    walk->set = walk->world->set;
    walk->world->watcher = walk;
    walk->world->on_start = on_start;
    walk->world->on_reply = on_reply;
    walk->world->on_boot = on_boot;
    world_crash(walk->world); /* with a set of its own, that can be forged */
    for (uint32_t i = 0; i < TURNS && !walk->broken; i++) step(walk);
    if (!walk->broken) end(walk);
    const char *broken = walk->broken;
    if (broken && (control == WALK_SOUND || tell))
        print_error("seed %llu, control %u: %s (%s)\nagain: test_walk %llu\n", (unsigned long long)seed,
                    (unsigned)control, broken, walk->broken_where, (unsigned long long)seed);
    allocations_left = 0;
    walk->world->on_reply = NULL;
    world_close(walk->world);
    for (uint32_t i = 0; i < walk->nrequests; i++) world_free_request(walk->request[i].request);
    for (uint64_t seq = 0; seq <= WALK_COMMANDS; seq++) rc_arena_free(walk->seen[seq].arena);
    rc_arena_free(walk->scratch);
    rc_arena_free(walk->rows);
    free(walk);
    return broken;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void no_law_is_broken(void **state)
{
    (void)state;
    static struct walk_counts counts;
    uint64_t n = number("RC_WALKS", WALKS), from = number("RC_WALK_FROM", 1);
    uint32_t broken = 0;
    for (uint64_t seed = from; seed < from + n; seed++)
        broken += go(seed, WALK_SOUND, &counts, false) != NULL;
    print_message("%u turns, %u commands, %u attempts left, %u crashes\n", counts.turns, counts.commands,
                  counts.left, counts.crashes);
    assert_int_equal(broken, 0);
    if (n < WALKS) return;
    const uint32_t *count = &counts.turns; /* every fault has fired, every purpose was there */
    const size_t faults = offsetof(struct walk_counts, act_done) / sizeof *count;
    for (size_t i = 0; i < faults; i++)
        if (!count[i]) fail_msg("count %zu of a walk is 0", i);
    for (unsigned i = 0; i < RC_ACTIONS; i++)
        if (!counts.act_done[i] || (!counts.act_refused[i] && i < RC_ACTION_ASSIGN))
            fail_msg("%s: done %u, refused %u", rc_action_word(i).slug, counts.act_done[i],
                     counts.act_refused[i]);
    assert_true(counts.replaced > 0);
    for (unsigned i = 0; i < RC_PURPOSES; i++) assert_true(counts.purpose[i]);
    for (unsigned i = RC_PENDING; i < RC_STATES; i++) assert_true(counts.state[i]);
    for (unsigned i = 0; i < RC_STEP_STATES; i++) assert_true(counts.step[i]);
}

static void a_protection_that_is_off_is_found_out(void **state)
{
    (void)state;
    enum { TRIES = 60 };
    static const char *const names[WALK_CONTROLS] = {
        "",           "forget what left",  "answer too early", "repeat blindly",
        "no doubt",   "answer of another", "no settle",        "more places",
        "same nonce", "lose an answer",    "leak a place"};
    for (unsigned control = WALK_SOUND + 1; control < WALK_CONTROLS; control++) {
        struct walk_counts counts = {0};
        const char *law = NULL;
        uint64_t seed = 0;
        while (!law && seed++ < TRIES) law = go(seed, (enum walk_control)control, &counts, false);
        print_message("%s: %s, seed %llu\n", names[control], law ? law : "NOT FOUND",
                      (unsigned long long)seed);
        assert_non_null(law);
    }
}

static uint64_t only;

static void one_walk(void **state)
{
    (void)state;
    struct walk_counts counts = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    assert_null(go(only, (enum walk_control)number("RC_WALK_CONTROL", WALK_SOUND), &counts, true));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(no_law_is_broken),
                                     cmocka_unit_test(a_protection_that_is_off_is_found_out)};
    const struct CMUnitTest one[] = {cmocka_unit_test(one_walk)};
    only = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return only ? cmocka_run_group_tests(one, NULL, NULL) : cmocka_run_group_tests(all, NULL, NULL);
}
