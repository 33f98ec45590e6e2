/* What must hold of a command, whatever came to it, and of what anybody is shown of it. */
#include "core.h"

#include "codec/record.h"
#include "codec/view.h"
#include "core/child.h"
#include "core/people.h"
#include "core/tree.h"

/* Each attempt leaves once; places in use are attempts in flight. */
static void flight_laws(const struct core_run *run)
{
    const struct world *world = &run->world;
    uint32_t open = 0;
    for (uint32_t i = 0; i < world->command.nnodes; i++)
        open += world->command.node[i].phase == RC_PHASE_OPEN;
    FUZZ_LAW(rc_command_in_flight(&world->command) == (open > 0));
    if (!run->wild) FUZZ_LAW(world->gate.in_use == open);
    for (uint32_t i = 0; i < world->neffects; i++)
        for (uint32_t k = 0; k < i; k++)
            FUZZ_LAW(world->effects[i].node != world->effects[k].node ||
                     world->effects[i].attempt != world->effects[k].attempt);
}

/* What was decided comes back from its stored form. */
static void stored_laws(const struct world *world, uint32_t from)
{
    for (uint32_t i = from; i < world->nhistory; i++) {
        const struct world_record *record = &world->history[i];
        struct rc_buf text = rc_buf_in(world->arena, 4 << 20), second = rc_buf_in(world->arena, 4 << 20);
        struct rc_change *changes = NULL;
        uint32_t n = 0;
        rc_put_changes(&text, record->changes, record->nchanges, record->at);
        enum rc_status status =
            rc_get_changes(rc_buf_sv(&text), record->at, world->arena, &changes, &n, NULL);
        if (rc_arena_status(world->arena) != RC_OK) return;
        FUZZ_LAW(status == RC_OK && n == record->nchanges);
        rc_put_changes(&second, changes, n, record->at);
        FUZZ_LAW(rc_sv_eq(rc_buf_sv(&text), rc_buf_sv(&second)));
    }
}

/* ---- people ---------------------------------------------------------------------------------------------------------- */

static bool is_one_of(struct rc_sv name, struct rc_sv subject, struct rc_sv actor)
{
    return name.n && (rc_sv_eq(name, subject) || rc_sv_eq(name, actor));
}

static bool is_same_person(const struct rc_vote *a, struct rc_sv subject, struct rc_sv actor)
{
    return is_one_of(a->subject, subject, actor) || is_one_of(a->actor, subject, actor);
}

/* One person one vote, none of whoever has started or changed it; and an approval has the votes that it needs. */
static void vote_laws(const struct rc_command *c)
{
    const struct rc_votes *authors = &c->data[0].votes;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        const struct flow_step *step = rc_node_step(c, i);
        const struct rc_votes *votes = &c->data[i].votes;
        uint32_t approved = 0;
        if (step->kind != FLOW_APPROVE && step->kind != FLOW_ESCALATE) continue;
        for (uint32_t k = 0; k < votes->n; k++) {
            const struct rc_vote *vote = &votes->vote[k];
            approved += vote->kind == RC_VOTE_APPROVED;
            FUZZ_LAW(!is_same_person(vote, c->id.subject, c->id.actor));
            for (uint32_t other = 0; other < k; other++)
                FUZZ_LAW(!is_same_person(vote, votes->vote[other].subject, votes->vote[other].actor));
            for (uint32_t other = 0; other < authors->n; other++)
                FUZZ_LAW(!is_same_person(vote, authors->vote[other].subject, authors->vote[other].actor));
        }
        if (step->kind == FLOW_APPROVE)
            FUZZ_LAW(c->node[i].state != RC_STEP_SUCCEEDED || approved >= step->people.need);
    }
}

/* What stands behind an approval in its line, or in a line around it, leaves when that is given or was left out by the flow. */
static void released_laws(const struct world *world, uint32_t from)
{
    for (uint32_t k = from; k < world->nhistory; k++) {
        const struct world_record *record = &world->history[k];
        const struct rc_command *c = &record->before;
        bool leaves = false;
        if (record->cause.kind != RC_MSG_ADMIT || rc_node_purpose(c, record->cause.node) != RC_ACT) continue;
        for (uint32_t i = 0; i < record->nchanges; i++)
            leaves |= record->changes[i].kind == RC_CHANGE_NODE &&
                      record->changes[i].at == record->cause.node &&
                      record->changes[i].u.node.node.phase == RC_PHASE_OPEN;
        for (uint32_t at = record->cause.node; leaves && at; at = c->node[at].parent) {
            if (rc_node_step(c, c->node[at].parent)->kind != FLOW_LINEAR) continue;
            RC_EACH_CHILD (c, c->node[at].parent, c->node[at].item, other) {
                const struct rc_node *node = &c->node[other];
                bool left_out = node->state == RC_STEP_SKIPPED && node->why == RC_WHY_CONDITION;
                if (other == at) break;
                if (rc_node_step(c, other)->kind == FLOW_APPROVE)
                    FUZZ_LAW(left_out || node->state == RC_STEP_SUCCEEDED);
            }
        }
    }
}

/* ---- children ---------------------------------------------------------------------------------------------------------- */

/* A step that waits for its child has one, and asks nobody else; what is started is of a version that was pinned. */
static void child_laws(const struct world *world)
{
    const struct rc_command *c = &world->command;
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_CHILD) FUZZ_LAW(c->data[i].child.link.seq >= WORLD_OTHERS);
    for (uint32_t i = 0; i < world->nasked; i++) {
        const struct rc_ask *ask = &world->asked[i];
        bool pinned = false;
        if (ask->kind == RC_MSG_CHILD) continue; /* what its parent is told */
        if (ask->kind == RC_MSG_ACTION) {
            unsigned action = ask->u.act->action;
            FUZZ_LAW(action == RC_ACTION_RETRY || action == RC_ACTION_CANCEL ||
                     action == RC_ACTION_ROLL_BACK);
            FUZZ_LAW(rc_node_step(c, ask->node)->kind == FLOW_CHILD);
            continue;
        }
        for (uint32_t k = 0; k < c->pins.n; k++) pinned |= c->pins.flow[k] == ask->u.child->flow;
        FUZZ_LAW(pinned && !cel_not_json(ask->u.child->payload));
    }
    if (c->parent.link.seq) /* its parent knows how it stands */
        FUZZ_LAW(c->parent.told == (rc_state_rests(c->state) ? c->state : RC_RUNNING));
}

/* ---- all --------------------------------------------------------------------------------------------------------------- */

/* The same key is the same request. */
static void key_laws(struct core_run *run)
{
    for (uint32_t i = 0; i < run->world.neffects; i++) {
        const struct rc_effect *effect = &run->world.effects[i];
        struct rc_sha256 sha;
        uint32_t k = 0;
        rc_sha256_init(&sha);
        cel_hash(effect->request, &sha);
        struct core_key one = {effect->idempotency_key, rc_sha256_h128(&sha)};
        while (k < run->nkeys && !rc_h128_eq(run->keys[k].key, one.key)) k++;
        if (k < run->nkeys)
            FUZZ_LAW(rc_h128_eq(run->keys[k].request, one.request));
        else if (run->nkeys < CORE_KEYS)
            run->keys[run->nkeys++] = one;
    }
}

void core_laws(struct core_run *run, uint32_t from)
{
    flight_laws(run);
    stored_laws(&run->world, from);
    key_laws(run);
    if (!run->world.command.nnodes) return;
    vote_laws(&run->world.command);
    released_laws(&run->world, from);
    if (!run->wild) child_laws(&run->world);
}

/* The numbering alone gives the same names as the tree of instances. */
static void path_laws(const struct rc_command *c)
{
    struct rc_path a, b;
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_node_step(c, i)->id.n) FUZZ_LAW(rc_sv_eq(rc_node_path(c, i, &a), rc_path_in(c->flow, i, &b)));
}

/* What a roll back of a part would undo is of that part, and of what the whole could. */
static void part_laws(const struct world *world)
{
    enum { LOOK_AT = 8 };
    const struct rc_command *c = &world->command;
    struct rc_path path;
    struct rc_undo_plan plan;
    for (uint32_t i = 1; i < c->nnodes && i < LOOK_AT; i++) {
        struct rc_sv name = rc_node_path(c, i, &path);
        if (rc_command_undo_plan(c, name, world->arena, &plan, NULL) != RC_OK) continue;
        FUZZ_LAW(plan.at && plan.in[plan.at] && !plan.in[0] && !rc_state_ended(c->state));
        for (uint32_t k = 0; k < plan.n; k++) FUZZ_LAW(plan.in[plan.node[k]]);
        struct rc_buf shown = rc_buf_in(world->arena, 4 << 20);
        struct rc_json json = {.buf = &shown};
        rc_view_plan(&json, c, &plan);
        fuzz_is_json(&shown, world->arena);
    }
}

/* A plan is the same each time, and names each step once. */
static void move_laws(const struct world *world)
{
    struct rc_move_plan plan, again;
    struct rc_buf shown = rc_buf_in(world->arena, 4 << 20);
    struct rc_json json = {.buf = &shown};
    uint32_t n = 0;
    enum rc_status status = rc_move_make_plan(&world->command, world->set, 0, world->arena, &plan, NULL);
    FUZZ_LAW(status != RC_OK || rc_command_allows(&world->command, RC_ACTION_MOVE).allowed);
    if (status != RC_OK) return;
    status = rc_move_make_plan(&world->command, world->set, 0, world->arena, &again, NULL);
    if (status != RC_OK) return;
    FUZZ_LAW(rc_h128_eq(plan.digest, again.digest));
    for (unsigned i = 0; i < RC_MOVE_FATES; i++) n += plan.count[i];
    FUZZ_LAW(n == plan.nsteps && plan.to->version > world->command.flow->version);
    rc_view_move(&json, &world->command, &plan);
    fuzz_is_json(&shown, world->arena);
}

void core_view_laws(const struct world *world)
{
    struct rc_buf buf = rc_buf_in(world->arena, 4 << 20), explained = rc_buf_in(world->arena, 4 << 20);
    struct rc_json json = {.buf = &buf};
    struct rc_explanation facts;
    struct rc_undo_plan plan;
    if (!world->command.nnodes) return;
    rc_view_command(&json, &world->command, NULL);
    fuzz_is_json(&buf, world->arena);
    rc_command_explain(&world->command, &facts);
    json = (struct rc_json){.buf = &explained};
    rc_view_explain(&json, &world->command, &facts, NULL, 0);
    fuzz_is_json(&explained, world->arena);
    path_laws(&world->command);
    part_laws(world);
    move_laws(world);
    enum rc_status status =
        rc_command_undo_plan(&world->command, (struct rc_sv){0}, world->arena, &plan, NULL);
    if (status == RC_OK) {
        struct rc_buf shown = rc_buf_in(world->arena, 4 << 20);
        json = (struct rc_json){.buf = &shown};
        rc_view_plan(&json, &world->command, &plan);
        fuzz_is_json(&shown, world->arena);
    }
    FUZZ_LAW((status == RC_OK) == facts.allowed[RC_ACTION_ROLL_BACK].allowed ||
             rc_arena_status(world->arena) != RC_OK);
}
