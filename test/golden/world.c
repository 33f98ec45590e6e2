#include "world.h"

#include "base/random.h"
#include "core/child.h"
#include "defs/defs.h"
#include "engine/prepare.h"

#include <string.h>

const struct flow_set *world_set_of(const struct defs_one *found, uint32_t n, struct rc_arena *arena)
{
    const struct flow_set *set;
    struct rc_new_definition *list = RC_NEW_ARRAY(arena, struct rc_new_definition, n);
    for (uint32_t i = 0; list && i < n; i++)
        list[i] = (struct rc_new_definition){.row = {.id = i + 1,
                                                     .kind = (uint8_t)found[i].kind,
                                                     .active = true,
                                                     .version = 1,
                                                     .name = found[i].name},
                                             .flow = found[i].flow,
                                             .dependency = found[i].dependency};
    return list && rc_set_make(list, n, arena, &set) == RC_OK ? set : NULL;
}

void world_begin(struct world *world, struct rc_arena *arena, const struct flow_set *set)
{
    *world = (struct world){.arena = arena, .set = set, .now = RC_SECONDS(1800000000), .seed = 1};
    world->history = RC_NEW_ARRAY(arena, struct world_record, WORLD_RECORDS);
    world->signals = RC_NEW_ARRAY(arena, struct rc_signal, WORLD_SIGNALS);
    world->effects = RC_NEW_ARRAY(arena, struct rc_effect, WORLD_EFFECTS);
    world->gate.id = set->ndependencies ? flow_gate_id(set->dependencies[0]->name) : 0;
}

struct rc_ask world_ask(struct world *world, rc_message_kind kind, uint32_t node)
{
    return (struct rc_ask){.kind = kind,
                           .to = {.agg = RC_AGG_COMMAND, .id = world->identity.seq},
                           .from = {.agg = RC_AGG_COMMAND, .id = world->identity.seq},
                           .node = node,
                           .now = world->now,
                           .wall = world->now + (rc_us)world->ahead,
                           .large = world->large,
                           .seed = rc_mix(&world->seed)};
}

static struct rc_command photograph(struct world *world)
{
    struct rc_command c = world->command;
    c.node = rc_copy(world->arena, c.node, c.nnodes * sizeof *c.node);
    c.data = rc_copy(world->arena, c.data, c.nnodes * sizeof *c.data);
    return c;
}

/* Taking a change back and doing it again leaves no trace. */
static void check_inverse(struct world *world, const struct rc_change *change)
{
    struct rc_command *c = &world->command;
    struct rc_change inverse = rc_command_inverse(c, change);
    struct rc_h128 before = rc_command_control_hash(c);
    uint8_t state = c->state;
    if (rc_command_apply(c, change, world->arena, NULL) != RC_OK)
        world->broken = "a change of a step cannot be applied";
    rc_command_restore(c, &inverse);
    if (!rc_h128_eq(before, rc_command_control_hash(c)) || state != c->state)
        world->broken = "an inverse does not take its change back";
}

static void check_fold(struct world *world)
{
    struct rc_command folded = {.flow = rc_command_first_flow(&world->command)};
    for (uint32_t i = world->first; i < world->nhistory; i++)
        for (uint32_t k = 0; k < world->history[i].nchanges; k++)
            if (rc_command_apply(&folded, &world->history[i].changes[k], world->arena, NULL) != RC_OK)
                world->broken = "the history does not fold";
    if (!rc_h128_eq(rc_command_control_hash(&folded), rc_command_control_hash(&world->command)) ||
        folded.state != world->command.state)
        world->broken = "the fold of the history is not the state";
    if (rc_command_derive(&world->command) != (enum rc_state)world->command.state)
        world->broken = "the state is not the one that its steps say";
}

/* ---- too little room ------------------------------------------------------------------------------------------------- */

typedef enum rc_status step_of(struct world *, const struct rc_ask *, const void *of, struct rc_arena *,
                               struct rc_out *, struct rc_error *);

static enum rc_status step_command(struct world *world, const struct rc_ask *ask, const void *of,
                                   struct rc_arena *arena, struct rc_out *out, struct rc_error *err)
{
    return rc_command_step(of, ask, world->set, arena, out, err);
}

static enum rc_status step_gate(struct world *world, const struct rc_ask *ask, const void *of,
                                struct rc_arena *arena, struct rc_out *out, struct rc_error *err)
{
    return rc_gate_step(of, ask, world->set, arena, out, err);
}

static enum rc_status step_lane(struct world *world, const struct rc_ask *ask, const void *of,
                                struct rc_arena *arena, struct rc_out *out, struct rc_error *err)
{
    struct rc_lane after;
    (void)world;
    return rc_lane_step(of, ask, arena, &after, out, err);
}

static enum rc_status step_mailbox(struct world *world, const struct rc_ask *ask, const void *of,
                                   struct rc_arena *arena, struct rc_out *out, struct rc_error *err)
{
    struct rc_signal after;
    return rc_mailbox_step(of, ask, (struct rc_link){world->command.id.seq, world->command.id.nonce}, arena,
                           &after, out, err);
}

/* A step that is given less room than it needs says so, and is no step. */
static void starve(struct world *world, step_of *step, const struct rc_ask *ask, const void *of)
{
    enum { TRIALS = 200, UNTOUCHED = 77777 };
    if (!world->starves) return;
    struct rc_h128 before = rc_command_control_hash(&world->command);
    struct rc_arena *arena = rc_arena_new(0, SIZE_MAX);
    struct rc_out out;
    struct rc_error err;
    enum rc_status enough = step(world, ask, of, arena, &out, &err);
    size_t needs = rc_arena_used(arena);
    rc_arena_free(arena);
    for (unsigned i = 0; i < TRIALS && needs; i++) {
        arena = rc_arena_new(0, rc_mix(&world->room) % needs);
        out = (struct rc_out){.nchange = UNTOUCHED};
        err = (struct rc_error){0};
        enum rc_status status = step(world, ask, of, arena, &out, &err);
        rc_arena_free(arena);
        bool says = status == RC_LIMIT || (enough != RC_OK && status == enough);
        if (!says || !err.text[0] || out.nchange != UNTOUCHED)
            world->broken = "a step that has too little room does not say so";
        world->refused++;
    }
    if (!rc_h128_eq(before, rc_command_control_hash(&world->command)))
        world->broken = "a step that has too little room changes something";
}

/* ---- steps ----------------------------------------------------------------------------------------------------------- */

static enum rc_status take(struct world *world, const struct rc_ask *ask, struct rc_out *out,
                           struct rc_error *err)
{
    struct rc_command *c = &world->command;
    const struct rc_identity *next = ask->kind == RC_MSG_SUBMIT && c->nnodes ? ask->u.submit : NULL;
    if (next && ask->to.id != c->id.seq) { /* the story goes on with the successor */
        if (next->generation != c->id.generation + 1 || !rc_state_ended(c->state))
            world->broken = "a successor begins before its original is settled";
        world->identity = *next;
        world->first = world->nhistory;
        *c = (struct rc_command){.flow = c->flow};
    }
    starve(world, step_command, ask, c);
    enum rc_status status = rc_command_step(c, ask, world->set, world->arena, out, err);
    if (status != RC_OK || out->nchange == 0) return status;
    struct world_record *record = &world->history[world->nhistory++];
    *record = (struct world_record){*ask, world->now, out->change, out->nchange, photograph(world)};
    if (out->nchange &&
        out->change[0].kind == RC_CHANGE_MOVE) /* what it was, with the numbers that it has now */
        status = rc_command_apply(&record->before, &out->change[0], world->arena, err);
    for (uint32_t i = 0; status == RC_OK && i < out->nchange; i++) {
        if (out->change[i].kind != RC_CHANGE_CREATE) check_inverse(world, &out->change[i]);
        status = rc_command_apply(c, &out->change[i], world->arena, err);
    }
    c->rev++;
    for (uint32_t i = 0; i < out->neffect; i++) world->effects[world->neffects++] = out->effect[i];
    check_fold(world);
    return status;
}

/* The mailboxes of all signals: what the engine reads from its store stands in a list. */
static enum rc_status mail(struct world *world, const struct rc_ask *ask, struct rc_out *out,
                           struct rc_error *err)
{
    const struct rc_command *c = &world->command;
    struct rc_mailbox box = {.id = ask->to.id};
    struct rc_link self = {c->id.seq, c->id.nonce};
    struct rc_signal after;
    for (uint32_t i = 0; i < c->nnodes && ask->kind == RC_MSG_SIGNAL && !box.listener.seq; i++)
        if (rc_command_listens(c, i, ask->u.signal)) {
            box.listener = self;
            box.node = i;
        }
    for (uint32_t i = world->nsignals; i > 0; i--) {
        const struct rc_signal *one = &world->signals[i - 1];
        if (!one->number || one->taken.seq || rc_mailbox_id(one->ns, one->name, one->id) != box.id) continue;
        box.oldest = one;
        box.kept++;
    }
    starve(world, step_mailbox, ask, &box);
    enum rc_status status = rc_mailbox_step(&box, ask, self, world->arena, &after, out, err);
    if (status == RC_OK && after.number) world->signals[after.number - 1] = after;
    return status;
}

static enum rc_status enter(struct world *world, const struct rc_ask *ask, struct rc_out *out,
                            struct rc_error *err)
{
    struct rc_lane after;
    starve(world, step_lane, ask, &world->lane);
    enum rc_status status = rc_lane_step(&world->lane, ask, world->arena, &after, out, err);
    if (status == RC_OK) world->lane = after;
    return status;
}

static enum rc_status pass(struct world *world, const struct rc_ask *ask, struct rc_out *out,
                           struct rc_error *err)
{
    starve(world, step_gate, ask, &world->gate);
    return rc_gate_step(&world->gate, ask, world->set, world->arena, out, err);
}

/* So many other commands hold places from now on, or are told that they are over. */
enum rc_status world_occupy_lane(struct world *world, uint32_t n, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    uint32_t have = 0;
    for (uint32_t i = 0; i < world->lane.nholders; i++) have += world->lane.holder[i].seq >= WORLD_OTHERS;
    for (; have < n; have++)
        world->lane.holder[world->lane.nholders++] =
            (struct rc_lane_entry){.seq = WORLD_OTHERS + have, .limit = RC_MAX_LANE};
    for (; status == RC_OK && have > n; have--) {
        struct rc_ask leave = world_ask(world, RC_MSG_LANE_LEAVE, 0);
        leave.to = (struct rc_addr){.agg = RC_AGG_LANE};
        leave.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = WORLD_OTHERS + have - 1};
        status = world_deliver(world, leave, err);
    }
    return status;
}

struct rc_link world_child_of(const struct rc_command *c, uint32_t at, uint8_t round)
{
    return (struct rc_link){WORLD_OTHERS + 2 + (c->id.seq << 32 | (uint64_t)at << 8 | round), 5};
}

struct world_child *world_child(struct world *world, uint64_t seq)
{
    uint32_t i = 0;
    while (i + 1 < WORLD_CHILDREN && world->child[i].seq && world->child[i].seq != seq) i++;
    if (world->child[i].seq != seq) world->child[i] = (struct world_child){.seq = seq};
    return &world->child[i];
}

/* Of what other commands are asked and told, for who tells the story. */
static void note(struct world *world, const struct rc_ask *ask)
{
    if (world->nasked < WORLD_ASKED) world->asked[world->nasked++] = *ask;
}

/* True: *ret is its answer, in the same unit. */
static bool ask_child(struct world *world, const struct rc_ask *ask, struct rc_ask *ret)
{
    const struct rc_command *c = &world->command;
    note(world, ask);
    if (!world->child_outputs) return false;
    const struct rc_child *known = &c->data[ask->node].child;
    struct rc_child_news *news = RC_NEW(world->arena, struct rc_child_news);
    if (!news) return false;
    bool starts = ask->kind == RC_MSG_CHILD_START, waits = c->node[ask->node].phase == RC_PHASE_CHILD;
    *news = (struct rc_child_news){.child = known->link,
                                   .node = ask->node,
                                   .round = c->node[ask->node].round,
                                   .state = RC_RUNNING,
                                   .outputs = cel_null()};
    if (starts) news->child = world_child_of(c, ask->node, news->round);
    bool there = known->link.seq == news->child.seq;
    if (there) news->stands = known->stands;
    if (there && (starts || rc_state_ended(known->state))) news->state = known->state;
    if (there && world->child_reply == WORLD_UNREADABLE) {
        news->state = RC_REVIEW;
        news->unreadable = true;
    } else if (!starts && waits && world->child_reply == WORLD_LATER) {
        news->put_off = ask->u.act;
    } else if (!starts && ask->u.act->action == RC_ACTION_ROLL_BACK && world->child_reply == WORLD_STAYS) {
        news->state = RC_RESOLVED;
        news->stands = news->stays = true;
        world_child(world, known->link.seq)->ended = true;
    } else if (!starts && ask->u.act->action != RC_ACTION_RETRY) {
        world_child(world, known->link.seq)->leaves = true;
    }
    if (rc_child_succeeded(news->state)) news->outputs = *world->child_outputs;
    *ret = world_ask(world, RC_MSG_CHILD, ask->node);
    ret->from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = news->child.seq};
    ret->u.news = news;
    return true;
}

static enum rc_status messages_of(struct world *world, struct rc_ask first, struct rc_error *err)
{
    enum { MOST = 2048 };
    static struct rc_ask queue[MOST];
    uint32_t n = 1;
    queue[0] = first;
    for (uint32_t at = 0; at < n; at++) {
        struct rc_out out = {0};
        if (queue[at].kind == RC_MSG_CHILD_START) {
            n += n < MOST && ask_child(world, &queue[at], &queue[n]);
            continue;
        }
        if (queue[at].to.agg == RC_AGG_COMMAND && queue[at].to.id >= WORLD_OTHERS) {
            world->told++;
            if (queue[at].kind == RC_MSG_CHILD) note(world, &queue[at]);
            if (queue[at].kind == RC_MSG_ACTION && queue[at].from.agg == RC_AGG_COMMAND)
                n += n < MOST && ask_child(world, &queue[at], &queue[n]);
            continue; /* other commands only take up room */
        }
        enum rc_status status = queue[at].to.agg == RC_AGG_LANE      ? enter(world, &queue[at], &out, err)
                                : queue[at].to.agg == RC_AGG_GATE    ? pass(world, &queue[at], &out, err)
                                : queue[at].to.agg == RC_AGG_MAILBOX ? mail(world, &queue[at], &out, err)
                                                                     : take(world, &queue[at], &out, err);
        if (status != RC_OK) return status;
        if (queue[at].to.agg == RC_AGG_GATE) rc_gate_apply(&world->gate, out.change);
        for (uint32_t i = 0; i < out.nmessage && n < MOST; i++) queue[n++] = out.message[i];
    }
    return RC_OK;
}

/* What is refused half-way has not happened: as the engine's overlay sees to it. */
static enum rc_status unit(struct world *world, struct rc_ask first, struct rc_error *err)
{
    struct world before = *world;
    if (world->command.nnodes) before.command = photograph(world);
    enum rc_status status = messages_of(world, first, err);
    if (status != RC_OK) *world = before;
    return status;
}

enum rc_status world_deliver(struct world *world, struct rc_ask ask, struct rc_error *err)
{
    enum rc_status status = unit(world, ask, err);
    return status == RC_OK ? world_offer(world, err) : status;
}

enum rc_status world_offer(struct world *world, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < world->command.nnodes; i++) {
        if (world->command.node[i].phase != RC_PHASE_READY || !rc_gate_free(&world->gate, world->set))
            continue;
        if (rc_node_step(&world->command, i)->call.worker) continue; /* it waits until one asks */
        struct rc_ask offer = world_ask(world, RC_MSG_OFFER, i);
        offer.to = (struct rc_addr){.agg = RC_AGG_GATE, .id = world->gate.id};
        status = unit(world, offer, err);
    }
    return status;
}
