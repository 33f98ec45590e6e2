/* One life of commands that start commands (children.h). */
#include "sim/children.h"

#include "core/tree.h"
#include "engine/state.h"
#include "sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 60, ROOTS = 12, DEEDS = 2048, KEYS = 4096 };

/* What the outside has of one side of a step: done, or not. */
struct deed {
    uint64_t nonce;
    uint32_t node;
    bool done;
};

struct sent {
    uint64_t nonce;
    bool open; /* this life of the engine waits for its answer */
};

struct kids {
    struct world *world;
    struct sim_choices *choices;
    enum children_control control;
    struct children_seen *seen;
    struct children_verdict verdict;
    FILE *tell;
    struct children_text defs;
    struct sent sent[WORLD_EFFECTS];
    struct deed deed[DEEDS];
    uint32_t ndeeds;
    struct rc_h128 key[KEYS]; /* that were acted on */
    uint32_t nkeys;
    uint32_t nroots, nactions;
    struct rc_request *asked[STEPS * 4 + 4096];
    uint32_t nasked;
    struct rc_command command[CHILDREN_COMMANDS + 1];
    uint32_t told[CHILDREN_COMMANDS + 1]; /* the revision that was told */
    uint8_t before[CHILDREN_COMMANDS + 1][CHILDREN_NODES];
    uint64_t n, most;
    struct rc_arena *arena;
    struct rc_memory_disk *copy;
    uint32_t acted_at_copy;
    bool lied, restored;
    bool acted; /* people did something in the last turn */
};

static uint32_t dice(struct kids *kids, uint32_t n)
{
    return sim_choose(kids->choices, n);
}
static bool chance(struct kids *kids, uint32_t percent)
{
    return dice(kids, 100) >= 100 - percent;
}
#define TELL(kids, ...)                                                                                      \
    do {                                                                                                     \
        if ((kids)->tell) fprintf((kids)->tell, __VA_ARGS__);                                                \
    } while (0)
#define ULL(n) ((unsigned long long)(n))

const char *children_control_law(enum children_control control)
{
    static const char *const law[] = {
#define CHILDREN_CONTROL(code, law, text) law,
        CHILDREN_CONTROL_LIST(CHILDREN_CONTROL)
#undef CHILDREN_CONTROL
    };
    return law[control];
}

/* ---- the outside ------------------------------------------------------------------------------------------------------ */

static struct deed *deed_of(struct kids *kids, uint64_t nonce, uint32_t node)
{
    for (uint32_t i = 0; i < kids->ndeeds; i++)
        if (kids->deed[i].nonce == nonce && kids->deed[i].node == node) return &kids->deed[i];
    assert(kids->ndeeds < DEEDS);
    struct deed *deed = &kids->deed[kids->ndeeds++];
    *deed = (struct deed){nonce, node, false};
    return deed;
}

static bool is_new_key(struct kids *kids, struct rc_h128 key)
{
    for (uint32_t i = 0; i < kids->nkeys; i++)
        if (rc_h128_eq(kids->key[i], key)) return false;
    assert(kids->nkeys < KEYS);
    kids->key[kids->nkeys++] = key;
    return true;
}

/* It is done, unless it was done under this key before. */
static void carry_out(struct kids *kids, uint32_t i)
{
    const struct rc_effect *effect = &kids->world->left[i];
    bool undo = effect->purpose == RC_UNDO;
    struct deed *deed = deed_of(kids, kids->sent[i].nonce, effect->node);
    if ((effect->purpose != RC_ACT && !undo) || !is_new_key(kids, effect->idempotency_key)) return;
    if (deed->done != undo && !kids->lied)
        children_break(&kids->verdict, "W6 nothing is done twice", "command %llu, step %u: %s",
                       ULL(effect->of.id), effect->node, undo ? "taken back" : "carried out");
    deed->done = !undo;
    kids->seen->done++;
}

static void answer(struct kids *kids, uint32_t i, bool kind)
{
    const struct rc_effect *effect = &kids->world->left[i];
    bool there = deed_of(kids, kids->sent[i].nonce, effect->node)->done;
    uint32_t fate = kind ? 0 : dice(kids, 8);
    bool asks = effect->purpose == RC_CHECK || effect->purpose == RC_UNDO_CHECK;
    kids->sent[i].open = false;
    TELL(kids, "  answer to %llu/%u, purpose %u: %u\n", ULL(effect->of.id), effect->node, effect->purpose,
         fate);
    if (kids->control == CHILDREN_FORGETFUL) there = effect->purpose == RC_UNDO_CHECK;
    if (effect->purpose == RC_UNDO_CHECK) there = !there;
    if (asks) {
        if (fate > 5)
            world_lose(kids->world, i, RC_WHY_TIMEOUT);
        else
            world_answer(kids->world, i, 200, there ? "{\"there\": true}" : "{\"there\": false}");
        return;
    }
    if (fate < 4 || fate == 6) carry_out(kids, i);
    if (fate == 4)
        world_answer(kids->world, i, 422, "{}");
    else if (fate == 5)
        world_answer(kids->world, i, 503, "{}");
    else if (fate > 5)
        world_lose(kids->world, i, RC_WHY_TIMEOUT);
    else
        world_answer(kids->world, i, 201, "{}");
}

static enum rc_status on_start(struct world *world, uint32_t i)
{
    struct kids *kids = world->watcher;
    struct rc_hot *hot = rc_cache_find(&world->engine->cache, world->left[i].of.id);
    assert(hot);
    kids->sent[i] = (struct sent){hot->command.id.nonce, true};
    return RC_OK;
}

static uint32_t pick_open(struct kids *kids)
{
    uint32_t n = 0, last = UINT32_MAX;
    for (uint32_t i = 0; i < kids->world->nleft; i++) n += kids->sent[i].open;
    if (!n) return last;
    uint32_t which = dice(kids, n);
    for (uint32_t i = 0; i < kids->world->nleft; i++)
        if (kids->sent[i].open && which-- == 0) return i;
    return last;
}

/* The process is gone: what was out is done, or not, and nobody hears of it. */
static void lose_touch(struct kids *kids)
{
    for (uint32_t i = 0; i < kids->world->nleft; i++) {
        if (!kids->sent[i].open) continue;
        if (chance(kids, 50)) carry_out(kids, i);
        kids->sent[i].open = false;
    }
}

/* ---- what is committed ------------------------------------------------------------------------------------------------ */

static void read_all(struct kids *kids)
{
    struct rc_reader *reader;
    struct rc_high high;
    struct rc_error err;
    rc_arena_reset(kids->arena);
    if (!kids->world->store || rc_reader_open(kids->world->store, &reader, &err) != RC_OK) return;
    assert(rc_read_high(reader, &high, &err) == RC_OK && high.seq <= CHILDREN_COMMANDS);
    kids->n = high.seq;
    for (uint64_t seq = 1; seq <= kids->n; seq++) {
        kids->command[seq] = (struct rc_command){0};
        enum rc_status status = rc_load_command(reader, rc_engine_definitions(kids->world->engine), seq,
                                                kids->arena, &kids->command[seq], NULL, NULL, &err);
        if (status != RC_OK)
            children_break(&kids->verdict, "W0 what is committed can be read", "command %llu: %.120s",
                           ULL(seq), err.text);
        if (status == RC_OK && seq > kids->most) {
            const struct rc_parent *parent = &kids->command[seq].parent;
            kids->most = seq;
            kids->seen->children += parent->link.seq != 0;
            kids->seen->rounds += parent->round != 0;
            kids->seen->grandchildren += parent->link.seq && kids->command[parent->link.seq].parent.link.seq;
        }
    }
    rc_reader_close(reader);
}

static void look(struct kids *kids, bool at_rest)
{
    read_all(kids);
    struct children_check check = {.control = kids->control,
                                   .seen = kids->seen,
                                   .command = kids->command,
                                   .n = kids->n,
                                   .before = kids->before,
                                   .at_rest = at_rest,
                                   .lied = kids->lied,
                                   .acted = kids->acted,
                                   .verdict = &kids->verdict};
    if (!kids->verdict.law) children_check(&check);
}

static void crash(struct kids *kids)
{
    kids->seen->crashes++;
    lose_touch(kids);
    TELL(kids, "the process dies\n");
    kids->world->dead = true;
    world_crash(kids->world);
}

static void free_answered(struct kids *kids)
{
    uint32_t n = 0;
    kids->acted = false;
    for (uint32_t i = 0; i < kids->nasked; i++) {
        struct rc_request *request = kids->asked[i];
        bool answered = world_answered(request);
        kids->acted |= answered && request->kind == RC_REQUEST_ACT;
        if (answered && request->status == RC_BUG)
            children_break(&kids->verdict, "W9 no request finds a bug", "%.150s", request->error.text);
        if (!answered) kids->asked[n++] = request;
        if (answered) world_free_request(request);
    }
    kids->nasked = n;
}

/* How a command stands, whenever that is something else. */
static void tell_changed(struct kids *kids)
{
    struct rc_path path;
    for (uint64_t seq = 1; seq <= kids->n && kids->tell; seq++) {
        const struct rc_command *c = &kids->command[seq];
        if (!c->nnodes || c->rev == kids->told[seq]) continue;
        kids->told[seq] = c->rev;
        TELL(kids, "%llu of %llu: %.*s, mode %u, %s:", ULL(seq), ULL(c->parent.link.seq),
             RC_SV_ARG(c->id.type), c->mode, rc_state_word(c->state).slug);
        for (uint32_t i = 0; i < c->nnodes; i++)
            TELL(kids, " %.*s %s/%u%s(%llu)", RC_SV_ARG(rc_node_path(c, i, &path)),
                 rc_step_word(c->node[i].state).slug, c->node[i].phase, c->node[i].doubt ? "?" : "",
                 ULL(c->data[i].child.link.seq));
        TELL(kids, "\n");
    }
}

static void turn(struct kids *kids, bool at_rest)
{
    enum rc_status status = world_turn(kids->world);
    TELL(kids, "turn at +%llu: %s\n", ULL(kids->world->now), rc_status_text(status));
    free_answered(kids);
    if (kids->world->dead) crash(kids);
    look(kids, at_rest);
    tell_changed(kids);
    struct rc_engine_stats stats;
    rc_engine_stats(kids->world->engine, &stats);
    if (stats.faults)
        children_break(&kids->verdict, "W9 no request finds a bug", "a unit failed: %.120s",
                       kids->world->engine->fault.text);
}

/* ---- people ----------------------------------------------------------------------------------------------------------- */

static void post(struct kids *kids, struct rc_request *request)
{
    if (rc_engine_post(kids->world->engine, request) == RC_OK)
        kids->asked[kids->nasked++] = request;
    else
        world_free_request(request);
}

/* What is unknown is said as it is; of a child that may have been started behind a state that was restored, nobody knows. */
static bool verdict(struct kids *kids, const struct rc_command *c, struct rc_act *act, struct rc_arena *arena)
{
    for (uint32_t i = 1; i < c->nnodes; i++) {
        const struct rc_node *node = &c->node[i];
        bool unknown = node->state == RC_STEP_UNKNOWN, undo = node->state == RC_STEP_UNDO_UNKNOWN;
        if ((!unknown && !undo) || node->phase == RC_PHASE_OPEN) continue;
        if (flow_is_block(rc_node_step(c, i)->kind) || rc_node_step(c, i)->kind == FLOW_CHILD)
            kids->lied = true;
        struct rc_path path;
        bool done = deed_of(kids, c->id.nonce, i)->done;
        act->step = rc_copy_sv(arena, rc_node_path(c, i, &path));
        act->verdict = done != undo ? RC_HAPPENED : RC_DID_NOT_HAPPEN;
        act->outputs = cel_null();
        return true;
    }
    return false;
}

static void act_on(struct kids *kids, uint64_t seq, enum rc_action action, bool accept)
{
    const struct rc_command *c = &kids->command[seq];
    char key[16];
    if (!c->nnodes || (action == RC_ACTION_RETRY && c->state == RC_ROLLED_BACK)) return;
    bool allowed = rc_command_allows(c, action).allowed;
    if (!allowed && !chance(kids, 5)) return;
    snprintf(key, sizeof key, "a%u", ++kids->nactions);
    struct rc_request *request = world_action_with(seq, c->id.nonce, action, key);
    request->u.act.act.key = rc_copy_sv(request->arena, rc_sv_of(key));
    request->u.act.act.outputs = cel_null();
    if (action == RC_ACTION_RESOLVE && (accept || !verdict(kids, c, &request->u.act.act, request->arena))) {
        request->u.act.act.verdict = RC_ACCEPTED_AS_IS;
        kids->lied = true; /* what goes on below it, nobody above hears of */
    }
    bool child = c->parent.link.seq != 0;
    kids->seen->retried += action == RC_ACTION_RETRY && !child;
    kids->seen->cancelled += action == RC_ACTION_CANCEL && !child;
    kids->seen->rolled_back += action == RC_ACTION_ROLL_BACK && !child;
    TELL(kids, "  > %s %llu%s\n", rc_action_word(action).slug, ULL(seq), accept ? " as it is" : "");
    post(kids, request);
}

static void somebody_acts(struct kids *kids)
{
    static const uint8_t action[] = {RC_ACTION_RETRY,  RC_ACTION_RETRY,  RC_ACTION_RETRY,
                                     RC_ACTION_CANCEL, RC_ACTION_CANCEL, RC_ACTION_ROLL_BACK,
                                     RC_ACTION_CHECK,  RC_ACTION_SKIP,   RC_ACTION_ROLL_BACK};
    if (!kids->n) return;
    act_on(kids, 1 + dice(kids, (uint32_t)kids->n), (enum rc_action)action[dice(kids, sizeof action)], false);
}

static void submit(struct kids *kids)
{
    char key[16];
    if (kids->nroots == ROOTS) return;
    snprintf(key, sizeof key, "k%u", kids->nroots++);
    TELL(kids, "  > submit %s\n", key);
    post(kids, world_submission(kids->world, "top", key, "{}"));
}

/* Another version of a flow, for what is submitted from now on. */
static void apply(struct kids *kids)
{
    kids->defs.text[0] = '\0';
    children_put_flow(&kids->defs, dice(kids, CHILDREN_FLOWS));
    kids->seen->versions++;
    TELL(kids, "  > apply\n%s", kids->defs.text);
    post(kids, world_definition(NULL, kids->defs.text));
}

/* ---- an older state --------------------------------------------------------------------------------------------------- */

static void release(struct kids *kids)
{
    struct rc_hold *holds;
    uint32_t n = 0;
    struct rc_reader *reader;
    struct rc_error err;
    if (!kids->world->store || rc_reader_open(kids->world->store, &reader, &err) != RC_OK) return;
    if (rc_read_holds(reader, kids->arena, &holds, &n, &err) == RC_OK && n) {
        struct rc_request *request = world_access((struct rc_access_change){0});
        request->kind = RC_REQUEST_HOLD;
        request->u.hold.id = holds[0].id;
        request->u.hold.check = (uint32_t)holds[0].nonce;
        request->u.hold.watch = RC_SECONDS(1);
        request->u.hold.by = (struct rc_author){.subject = RC_SV("anna"), .reason = RC_SV("looked at it")};
        post(kids, request);
    }
    rc_reader_close(reader);
}

static void go_back(struct kids *kids)
{
    struct rc_memory_disk *disk = rc_memory_disk_copy(kids->copy);
    assert(disk);
    kids->seen->restored++;
    kids->restored = true;
    kids->lied |= kids->nactions != kids->acted_at_copy; /* what people did behind it is not known from it */
    TELL(kids, "the process dies; an older state is put in the place of the store\n");
    lose_touch(kids);
    rc_memory_come_from(disk, (struct rc_origin){RC_HELD_BACKUP, RC_SECONDS(1800000000)});
    kids->world->dead = true;
    world_replace(kids->world, disk);
    memset(kids->before, RC_STEP_SUCCEEDED, sizeof kids->before); /* what has been seen is seen anew */
    kids->most = UINT64_MAX;                                      /* and not counted again */
    look(kids, false);
}

static void time_travel(struct kids *kids)
{
    if (!kids->copy && chance(kids, 4)) {
        kids->copy = rc_memory_disk_copy(kids->world->disk);
        kids->acted_at_copy = kids->nactions;
        TELL(kids, "the store is copied\n");
    } else if (kids->copy && !kids->restored && !kids->nasked && chance(kids, 4)) {
        go_back(kids);
    }
}

/* ---- a life ----------------------------------------------------------------------------------------------------------- */

static void step(struct kids *kids)
{
    sim_choices_begin(kids->choices, 's');
    if (chance(kids, 30)) submit(kids);
    if (chance(kids, 25)) somebody_acts(kids);
    if (chance(kids, 4)) apply(kids);
    for (uint32_t n = dice(kids, 4), i; n > 0 && (i = pick_open(kids)) != UINT32_MAX; n--)
        answer(kids, i, false);
    if (chance(kids, 10)) kids->world->dies_in = 1 + dice(kids, 8);
    if (kids->restored && chance(kids, 30)) release(kids);
    turn(kids, false);
    if (chance(kids, 40)) kids->world->now += RC_SECONDS(dice(kids, 6));
    time_travel(kids);
}

static void come_to_rest(struct kids *kids)
{
    enum { ENOUGH = 3000 };
    for (uint32_t i = 0; i < ENOUGH && !kids->verdict.law; i++) {
        turn(kids, false);
        if (kids->world->sleep == 0) continue;
        uint32_t open = pick_open(kids);
        if (open != UINT32_MAX) {
            answer(kids, open, true);
            continue;
        }
        if (kids->world->sleep == UINT64_MAX) {
            turn(kids, true);
            return;
        }
        kids->world->now += kids->world->sleep;
    }
    children_break(&kids->verdict, "W8 everything comes to rest, and people end it", "it does not rest");
}

static void end(struct kids *kids)
{
    enum { ROUNDS = 14, TIRED = 8 };
    sim_choices_begin(kids->choices, 'e');
    kids->world->dies_in = 0;
    for (unsigned i = 0; kids->restored && i < 4; i++) {
        release(kids);
        turn(kids, false);
    }
    come_to_rest(kids);
    for (uint32_t round = 0; round < ROUNDS && !kids->verdict.law; round++) {
        static const uint8_t action[] = {RC_ACTION_RETRY, RC_ACTION_RESOLVE, RC_ACTION_ROLL_BACK,
                                         RC_ACTION_CANCEL};
        bool over = true;
        sim_choices_begin(kids->choices, 'e');
        for (uint64_t seq = 1; seq <= kids->n; seq++) {
            if (!kids->command[seq].nnodes || rc_state_ended(kids->command[seq].state)) continue;
            over = false;
            if (kids->control == CHILDREN_NOBODY_ENDS) continue;
            bool tired = round >= TIRED;
            act_on(kids, seq, tired ? RC_ACTION_RESOLVE : (enum rc_action)action[dice(kids, 4)], tired);
        }
        if (over) return;
        come_to_rest(kids);
    }
    for (uint64_t seq = 1; seq <= kids->n; seq++)
        if (kids->command[seq].nnodes && !rc_state_ended(kids->command[seq].state))
            children_break(&kids->verdict, "W8 everything comes to rest, and people end it",
                           "command %llu is %s", ULL(seq), rc_state_word(kids->command[seq].state).slug);
}

struct children_verdict children_live(struct sim_choices *choices, enum children_control control,
                                      struct children_seen *seen, FILE *tell)
{
    struct kids *kids = calloc(1, sizeof *kids);
    assert(kids);
    kids->arena = rc_arena_new(0, 256 << 20);
    assert(kids->arena);
    if (choices->noted) sim_choices_rewind(choices);
    *kids = (struct kids){
        .choices = choices, .control = control, .seen = seen, .tell = tell, .arena = kids->arena};
    kids->defs.choices = choices;
    children_define(&kids->defs);
    TELL(kids, "%s\n", kids->defs.text);
    kids->world = world_open(kids->defs.text);
    kids->world->watcher = kids;
    kids->world->on_start = on_start;
    kids->world->many_messages = dice(kids, 2) ? 4 + dice(kids, 6) : 0;
    kids->world->engine->ports.many_messages = kids->world->many_messages;
    seen->lives++;
    uint32_t steps = STEPS / 2 + dice(kids, STEPS / 2);
    for (uint32_t i = 0; i < steps && !kids->verdict.law; i++) step(kids);
    if (!kids->verdict.law) end(kids);
    struct children_verdict ret = kids->verdict;
    world_close(kids->world);
    for (uint32_t i = 0; i < kids->nasked; i++) world_free_request(kids->asked[i]);
    rc_memory_disk_free(kids->copy);
    rc_arena_free(kids->arena);
    free(kids);
    return ret;
}
