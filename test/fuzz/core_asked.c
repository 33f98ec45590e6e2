/* What people, parents and children say to the command. All of it is what an engine could hand over: a child tells of a command that the step
 * has started, in this round or in the one before; a person decides on what is shown, or was, as one of a few who may or may not. */
#include "core.h"

#include "core/child.h"
#include "core/people.h"
#include "core/tree.h"
#include "engine/prepare.h"

/* ---- people ---------------------------------------------------------------------------------------------------------- */

struct person {
    struct rc_sv subject, actor;
    uint8_t role; /* 1 + enum rc_role */
};

/* The first has started the command; the last one is a token of its that speaks for somebody else. */
static struct person choose_person(struct core_run *run)
{
    static const struct person people[] = {
        {{"token/a", 7}, {"a", 1}, 1 + RC_ROLE_ADMIN},    {{"token/b", 7}, {"b", 1}, 1 + RC_ROLE_OPERATOR},
        {{"token/c", 7}, {"c", 1}, 1 + RC_ROLE_ADMIN},    {{"token/d", 7}, {"d", 1}, 1 + RC_ROLE_VIEWER},
        {{"token/e", 7}, {"e", 1}, 1 + RC_ROLE_OPERATOR}, {{"token/a", 7}, {"f", 1}, 0}};
    return people[core_choose(run, sizeof people / sizeof *people)];
}

static struct rc_sv choose_step(struct core_run *run, uint32_t asked)
{
    struct rc_path *path = RC_NEW(run->world.arena, struct rc_path);
    switch (core_choose(run, 3)) {
    case 1: return path && asked ? rc_node_path(&run->world.command, asked, path) : (struct rc_sv){0};
    case 2: return RC_SV("nobody");
    default: return (struct rc_sv){0};
    }
}

/* Of the first or the last step at which people are asked. */
static uint32_t choose_asked(struct core_run *run)
{
    const struct rc_command *c = &run->world.command;
    uint32_t first = 0, last = 0;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_is_asked(c, i)) continue;
        if (!first) first = i;
        last = i;
    }
    return core_choose(run, 2) ? last : first;
}

enum rc_status core_decide(struct core_run *run)
{
    static const char *const answers[] = {"on", "off", "yes", "maybe"};
    static const uint8_t kinds[] = {RC_ACTION_APPROVE, RC_ACTION_DENY, RC_ACTION_ANSWER};
    struct world *world = &run->world;
    uint32_t at = choose_asked(run);
    struct person who = choose_person(run);
    unsigned kind = core_choose(run, 4); /* from 3 on: what fits */
    bool asks = at && rc_node_step(&world->command, at)->kind == FLOW_ESCALATE;
    struct rc_act act = {.action = kind < 3 ? kinds[kind]
                                   : asks   ? RC_ACTION_ANSWER
                                            : RC_ACTION_APPROVE,
                         .subject = who.subject,
                         .actor = who.actor,
                         .role = who.role,
                         .answer = rc_sv_of(answers[core_choose(run, 4)]),
                         .outputs = cel_null()};
    unsigned shown = core_choose(run, 8); /* from 2 on: what is there */
    if (at && shown) act.digest = world->command.data[at].request;
    if (shown == 1) act.digest.lo ^= 1;
    act.step = choose_step(run, at);
    struct rc_ask ask = world_ask(world, RC_MSG_ACTION, 0);
    ask.u.act = &act;
    enum rc_status status = world_deliver(world, ask, &run->why);
    FUZZ_LAW(status != RC_OK || (at && shown != 1 && rc_sv_is(act.step, "nobody") == false));
    FUZZ_LAW(status != RC_OK || shown || act.action != RC_ACTION_APPROVE);
    return status;
}

enum rc_status core_replace(struct core_run *run)
{
    struct world *world = &run->world;
    const struct rc_command *c = &world->command;
    struct rc_submission in = {.subject = c->id.subject, .actor = c->id.actor, .payload = c->id.payload};
    struct rc_identity *next = RC_NEW(world->arena, struct rc_identity);
    struct person who = choose_person(run);
    struct rc_act act = {.action = core_choose(run, 2) ? RC_ACTION_RETRY : RC_ACTION_EDIT,
                         .subject = who.subject,
                         .actor = who.actor,
                         .role = who.role,
                         .reason = RC_SV("why"),
                         .outputs = cel_null()};
    uint32_t n;
    if (!next) return RC_NOMEM;
    enum rc_status status = rc_prepare_successor(world->set, c, &in, world->arena, next, NULL, 0, &n);
    if (status != RC_OK) return status;
    next->seq = c->id.seq + 1;
    next->nonce = c->id.nonce + 1;
    next->created = world->now;
    act.successor = next;
    struct rc_ask ask = world_ask(world, RC_MSG_ACTION, 0);
    ask.u.act = &act;
    return world_deliver(world, ask, &run->why);
}

/* ---- another version --------------------------------------------------------------------------------------------------- */

/* What was done is done still, and known by the same name; what is not begun has no attempt. */
static void moved_laws(const struct rc_command *c, const struct rc_move_plan *plan)
{
    const struct rc_past *past = c->past;
    struct rc_command before = *c;
    FUZZ_LAW(past && c->flow == plan->to && !plan->count[RC_MOVE_REFUSED]);
    before.past = past->before;
    before.flow = past->flow;
    before.nnodes = past->nnodes;
    before.node = past->node;
    before.data = past->data;
    for (uint32_t i = 1; i < before.nnodes; i++) {
        const struct flow_step *step = rc_node_step(&before, i);
        uint32_t is = RC_NOWHERE;
        if (step->kind != FLOW_CALL || step->call.act.reads_only) continue;
        if (before.node[i].state != RC_STEP_SUCCEEDED) continue;
        for (uint32_t k = 1; k < c->nnodes; k++)
            if (plan->was[k] == i) is = k;
        FUZZ_LAW(is != RC_NOWHERE && c->node[is].state == RC_STEP_SUCCEEDED);
        FUZZ_LAW(rc_sv_eq(step->id, rc_node_step(c, is)->id));
        FUZZ_LAW(fuzz_same(before.data[i].outputs, c->data[is].outputs));
    }
}

enum rc_status core_move(struct core_run *run)
{
    struct world *world = &run->world;
    struct rc_act act = {.action = RC_ACTION_MOVE, .actor = RC_SV("b"), .outputs = cel_null()};
    struct rc_move_plan plan;
    act.version = core_choose(run, 4); /* 0: the newest */
    unsigned shown = core_choose(run, 4);
    enum rc_status planned =
        rc_move_make_plan(&world->command, world->set, act.version, world->arena, &plan, NULL);
    if (planned == RC_OK && shown != 1) act.digest = plan.digest;
    if (shown == 2) act.digest.lo ^= 1;
    struct rc_ask ask = world_ask(world, RC_MSG_ACTION, 0);
    ask.u.act = &act;
    enum rc_status status = world_deliver(world, ask, &run->why);
    if (rc_arena_status(world->arena) != RC_OK) return status;
    FUZZ_LAW(status != RC_OK || (planned == RC_OK && shown != 1 && shown != 2));
    if (status == RC_OK) moved_laws(&world->command, &plan);
    return status;
}

/* ---- the commands that steps have started, and the one that has started this one -------------------------------------------- */

static uint32_t first_child(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++) {
        unsigned phase = c->node[i].phase;
        bool waits = phase == RC_PHASE_CHILD || phase == RC_PHASE_DELAYED;
        if (waits && rc_node_step(c, i)->kind == FLOW_CHILD) return i;
    }
    return 0;
}

enum rc_status core_child(struct core_run *run, bool first)
{
    static const uint8_t states[] = {RC_RUNNING,  RC_COMPLETED, RC_FAILED,    RC_REJECTED,    RC_REVIEW,
                                     RC_RESOLVED, RC_PARTIAL,   RC_CANCELLED, RC_ROLLED_BACK, RC_ABSENT};
    struct world *world = &run->world;
    const struct rc_command *c = &world->command;
    uint32_t at = first ? first_child(c) : core_choose(run, c->nnodes + 1u);
    unsigned state = states[core_choose(run, sizeof states / sizeof *states)], more = core_choose(run, 8);
    bool old = core_choose(run, 8) == 7;
    struct rc_child_news *news = RC_NEW(world->arena, struct rc_child_news);
    if (!news) return RC_NOMEM;
    if (at == 0 || at >= c->nnodes || rc_node_step(c, at)->kind != FLOW_CHILD) return RC_OK;
    if (old ? !c->node[at].round : state != RC_ABSENT && !c->data[at].child.link.seq) return RC_OK;
    *news = (struct rc_child_news){.node = at,
                                   .round = (uint8_t)(c->node[at].round - old),
                                   .state = (uint8_t)state,
                                   .stands = more & 1,
                                   .later = state == RC_ABSENT && more & 2,
                                   .outputs = cel_null()};
    news->child = world_child_of(c, at, news->round);
    struct world_child *child = world_child(world, news->child.seq);
    bool leaves = state == RC_RUNNING || state == RC_REVIEW || state == RC_RESOLVED ||
                  state == RC_CANCELLED || state == RC_ROLLED_BACK;
    if (child->ended || (child->leaves && !leaves)) return RC_OK;
    child->ended = state == RC_RESOLVED || state == RC_CANCELLED || state == RC_ROLLED_BACK;
    if (state == RC_ROLLED_BACK) news->stands = false;
    if (rc_child_succeeded(state)) news->outputs = *world->child_outputs;
    if (state == RC_FAILED || state == RC_ABSENT) news->text = RC_SV("in words");
    struct rc_ask ask = world_ask(world, RC_MSG_CHILD, at);
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = news->child.seq};
    ask.u.news = news;
    return world_deliver(world, ask, &run->why);
}

enum rc_status core_parent(struct core_run *run)
{
    static const uint8_t kinds[] = {RC_ACTION_CANCEL, RC_ACTION_RETRY, RC_ACTION_ROLL_BACK};
    struct world *world = &run->world;
    unsigned kind = core_choose(run, 4), how = core_choose(run, 4);
    struct rc_act act = {.reason = RC_SV("its parent"), .outputs = cel_null()};
    if (kind < 3) act.action = kinds[kind];
    struct rc_ask ask = world_ask(world, kind < 3 ? RC_MSG_ACTION : RC_MSG_CHILD_TELL, 0);
    ask.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = WORLD_OTHERS + 1};
    ask.attempt = how & 1; /* in doubt */
    ask.purpose = how & 2 ? RC_CHILD_MAY : RC_CHILD_MUST;
    ask.order = world->now;
    if (kind < 3) ask.u.act = &act;
    if (!world->command.parent.link.seq) return RC_OK;
    return world_deliver(world, ask, &run->why);
}
