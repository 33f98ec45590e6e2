/* What must hold of blocks: in which order what stands in them begins and is undone, when they are decided, and what they take back. Written over
 * the shape of the tree alone (tree.h), beside the core's own walk. */
#include "sim/walk.h"

/* What is looked at: a record, behind it, with the nodes as they were before it. */
struct look {
    struct walk *walk;
    const struct walk_seen *seen;
    const struct rc_command *c;
    const struct rc_record *record;
    const struct rc_node *was;
    uint8_t mode; /* before */
};

#define HOLDS(look, at, holds, law)                                                                          \
    do {                                                                                                     \
        if (!(holds))                                                                                        \
            walk_break((look)->walk, law, "command %llu, record %u, step %u", ULL((look)->c->id.seq),        \
                       (look)->record->rev, at);                                                             \
    } while (0)

static bool is_critical_failure(const struct rc_command *c, uint32_t at)
{
    return sim_has_failed(c, at) && sim_step(c, at)->critical;
}

/* Something in it is yet to be undone. */
static bool stands_in(const struct rc_command *c, uint32_t at)
{
    for (uint32_t i = at; i < sim_behind(c, at); i++)
        if (sim_stands(c, i) ||
            (sim_is_leaf(c, i) && sim_is_undo_side(c->node[i].state) && c->node[i].state != RC_STEP_UNDONE))
            return true;
    return false;
}

/* ---- what leaves ---------------------------------------------------------------------------------------------------- */

static void laws_of_needs(struct walk *walk, const struct walk_seen *seen, uint32_t at)
{
    const struct rc_command *c = &seen->c;
    for (uint16_t i = 0; i < sim_step(c, at)->nneeds; i++) {
        uint32_t need = sim_need(c, at, i);
        bool met = sim_has_succeeded(c, need) || sim_was_not_wanted(sim_step(c, need), &c->node[need]);
        if (sim_step(c, at)->cond) met |= sim_is_over(c, need);
        LAW(met || seen->passed[need], "L16 a step waits for what it needs", "command %llu, step %u, need %u",
            ULL(c->id.seq), at, need);
    }
}

void walk_laws_of_turns(struct walk *walk, const struct walk_seen *seen, const struct walk_sent *sent)
{
    const struct rc_command *c = &seen->c;
    if (seen->turned == walk->cover->turns + 1) return;
    for (uint32_t at = sent->node; at; at = c->node[at].parent) {
        uint32_t block = c->node[at].parent;
        enum flow_kind kind = sim_step(c, block)->kind;
        laws_of_needs(walk, seen, at);
        if (flow_is_joined(kind)) continue;
        SIM_EACH_CHILD(c, block, other)
        {
            unsigned state = c->node[other].state;
            bool open = state == RC_STEP_IDLE || state == RC_STEP_ACTIVE || state == RC_STEP_UNDOING;
            if (other == at) {
                if (kind != FLOW_CHOOSE) break;
                continue;
            }
            if (kind == FLOW_CHOOSE)
                LAW(state == RC_STEP_SKIPPED || state == RC_STEP_IDLE || c->node[other].asks,
                    "K1 of a choose one case is done", "command %llu, step %u beside %u", ULL(c->id.seq),
                    sent->node, other);
            else if (kind == FLOW_FALLBACK)
                LAW(sim_has_failed(c, other) || seen->passed[other],
                    "K2 a fallback comes only after its step has failed", "command %llu, step %u",
                    ULL(c->id.seq), sent->node);
            else
                LAW(!open || seen->passed[other], "L12 a step waits for those before it",
                    "command %llu, step %u before %u", ULL(c->id.seq), sent->node, other);
        }
    }
}

/* What was put off leaves when its time has come; what has to be through by a time does not begin anything behind it. A turn in which that
 * time has come may have let something leave before it looked at the clock. */
void walk_laws_of_times(struct walk *walk, const struct walk_seen *seen, const struct walk_sent *sent)
{
    const struct rc_command *c = &seen->c;
    for (uint32_t i = 0; i < walk->nput_off; i++) {
        if (walk->put_off[i].nonce != c->id.nonce || seen->lifted) continue;
        rc_us deadline = walk->put_off[i].deadline;
        rc_us shown = RC_SECONDS(1800000000) + walk->world->now;
        if (walk->put_off[i].wall) shown = world_wall(walk->world);
        if (walk->put_off[i].wall && walk->plans && walk->plans->highest > shown)
            shown = walk->plans->highest;
        LAW(walk->put_off[i].start <= shown,
            "K21 nothing leaves before the time for which a command was put off", "command %llu, step %u",
            ULL(c->id.seq), sent->node);
        LAW(!deadline || !seen->began[0] || walk->turn_before < seen->began[0] + deadline,
            "K22 nothing new leaves when the deadline is over", "command %llu, step %u", ULL(c->id.seq),
            sent->node);
    }
}

/* The innermost block around a step that takes back what happened in it; 0: the whole. */
static uint32_t scope_of(const struct rc_command *c, uint32_t at)
{
    uint32_t block = c->node[at].parent;
    while (block && c->node[block].state != RC_STEP_UNDOING && !c->node[block].lost)
        block = c->node[block].parent;
    return block;
}

/* Whether `other` has to be undone before `at`, by the shape of the block that both stand in. */
static bool is_undone_before(const struct rc_command *c, uint32_t scope, uint32_t at, uint32_t other)
{
    uint32_t block = sim_common(c, at, other);
    uint32_t a = sim_child_with(c, block, at), b = sim_child_with(c, block, other);
    const struct flow_step *step = sim_step(c, block);
    bool branches = block == scope && !c->node[scope].lost && c->node[scope].state == RC_STEP_UNDOING &&
                    c->mode != RC_MODE_ROLL_BACK && step->block.undo == FLOW_UNDO_FAILED_BRANCH;
    if (branches) return other > at && sim_has_failed(c, b);
    if (!flow_is_joined(step->kind)) return other > at;
    for (uint16_t i = 0; i < sim_step(c, b)->nneeds; i++)
        if (sim_need(c, b, i) == a) return true;
    return false;
}

/* Its undo had left before the state that was restored: its turn had come. What another life may have begun behind it since is unknown. */
static bool had_its_turn(const struct walk *walk, const struct walk_sent *sent)
{
    for (uint32_t i = 0; i < walk->world->nleft; i++) {
        const struct walk_sent *other = &walk->sent[i];
        if (other != sent && other->seq == sent->seq && other->node == sent->node && !other->over &&
            other->purpose == RC_UNDO && rc_h128_eq(other->key, sent->key))
            return true;
    }
    return false;
}

/* Whether the flow says that a block which fails, or is left over, is taken back. */
static bool takes_back(const struct rc_command *c, uint32_t block)
{
    if (c->node[block].lost && sim_step(c, c->node[block].parent)->block.surplus == FLOW_SURPLUS_UNDO)
        return true;
    return c->node[block].state == RC_STEP_UNDOING && sim_step(c, block)->block.undo != FLOW_UNDO_NONE;
}

void walk_laws_of_undo_order(struct walk *walk, const struct walk_seen *seen, const struct walk_sent *sent)
{
    const struct rc_command *c = &seen->c;
    uint32_t scope = scope_of(c, sent->node);
    bool back = c->mode == RC_MODE_ROLL_BACK || seen->rolled[sent->node] || takes_back(c, 0);
    for (uint32_t block = c->node[sent->node].parent; block && !back; block = c->node[block].parent)
        back = takes_back(c, block);
    LAW(back, "K3 what happened is undone where something takes it back", "command %llu, step %u",
        ULL(c->id.seq), sent->node);
    for (uint32_t i = scope; i < sim_behind(c, scope); i++) {
        unsigned state = c->node[i].state;
        if (i == sent->node || !sim_is_leaf(c, i) || !is_undone_before(c, scope, sent->node, i)) continue;
        bool clean = !sim_stands(c, i) && (!sim_is_undo_side(state) || state == RC_STEP_UNDONE) &&
                     state != RC_STEP_ACTIVE && state != RC_STEP_UNKNOWN;
        if (state == RC_STEP_UNKNOWN && c->node[i].doubt && had_its_turn(walk, sent)) continue;
        LAW(clean, "L8 undoing goes in reverse order", "command %llu: step %u before step %u", ULL(sent->seq),
            sent->node, i);
    }
}

/* ---- what begins ---------------------------------------------------------------------------------------------------- */

struct tally {
    uint32_t branches, need;
    uint32_t succeeded, open;         /* now; open: not over, or not begun */
    uint32_t had_succeeded, had_open; /* before the record */
    uint32_t possible; /* have succeeded, or may: what has begun only now is given the benefit of the doubt */
    uint32_t moving, failed; /* failed: critical ones, before the record and behind it */
};

static bool was_over(const struct look *look, uint32_t at)
{
    struct rc_command then = *look->c;
    then.node = (struct rc_node *)(uintptr_t)look->was; /* only read */
    return sim_is_over(&then, at);
}

static struct tally count(const struct look *look, uint32_t block)
{
    const struct rc_command *c = look->c;
    const struct flow_block *how = &sim_step(c, block)->block;
    struct tally tally = {.branches = sim_branches(c, block)};
    uint32_t number = 0;
    SIM_EACH_CHILD(c, block, branch)
    {
        unsigned state = c->node[branch].state, was = look->was[branch].state;
        if (number++ == tally.branches) break;
        tally.succeeded += sim_has_succeeded(c, branch);
        tally.open += !sim_is_over(c, branch);
        tally.had_succeeded += was == RC_STEP_SUCCEEDED;
        tally.had_open += !was_over(look, branch);
        tally.possible += sim_has_succeeded(c, branch) || !sim_is_over(c, branch) || was == RC_STEP_IDLE;
        /* what is left out, and only asked about, does nothing */
        tally.moving += !sim_is_over(c, branch) && state != RC_STEP_IDLE && !c->node[branch].asks;
        tally.failed += is_critical_failure(c, branch) && was == state;
    }
    tally.need = how->join == FLOW_JOIN_ALL      ? tally.branches
                 : how->join == FLOW_JOIN_QUORUM ? how->quorum
                                                 : 1;
    if (tally.need > tally.branches) tally.need = tally.branches;
    return tally;
}

static void laws_of_a_branch(const struct look *look, uint32_t block, uint32_t branch)
{
    const struct rc_command *c = look->c;
    const struct flow_block *how = &sim_step(c, block)->block;
    struct tally tally = count(look, block);
    bool person = look->record->cause->kind == RC_MSG_ACTION;
    HOLDS(look, branch, c->node[branch].item < tally.branches || sim_step(c, block)->kind != FLOW_EACH,
          "K4 an each does its items, and nothing else");
    if (how->width && !person)
        HOLDS(look, branch, tally.moving <= how->width, "K5 no more branches are under way than the width");
    if (how->join == FLOW_JOIN_ALL) {
        HOLDS(look, branch, person || how->on_error == FLOW_CONTINUE || !tally.failed,
              "K6 behind a failure nothing new begins in the block");
        return;
    }
    HOLDS(look, branch, person || tally.had_succeeded < tally.need,
          "K7 where enough have succeeded nothing new begins");
    HOLDS(look, branch,
          person || (tally.had_succeeded + tally.had_open >= tally.need && tally.possible >= tally.need),
          "K8 where too few can succeed nothing new begins");
}

static void laws_of_a_pass(const struct look *look, uint32_t block, uint32_t pass)
{
    const struct rc_command *c = look->c;
    const struct flow_loop *loop = &sim_step(c, block)->loop;
    uint32_t first = block + 1, before = pass - sim_step(c, block)->body;
    if (pass == first) return;
    /* a person may leave out one that has failed */
    HOLDS(look, pass, c->node[before].state == RC_STEP_SUCCEEDED || c->node[before].state == RC_STEP_SKIPPED,
          "K9 a pass begins when the one before is over");
    HOLDS(look, pass, look->record->at >= look->seen->ended[before] + loop->every,
          "K10 between two passes there is the pause that the flow says");
    HOLDS(look, pass,
          !loop->within || look->seen->ended[before] + loop->every <= look->seen->began[first] + loop->within,
          "K11 no pass begins later than the flow says");
}

static void laws_of_a_begin(const struct look *look, uint32_t at)
{
    const struct rc_command *c = look->c;
    uint32_t block = c->node[at].parent;
    const struct flow_step *step = sim_step(c, block);
    unsigned around = c->node[block].state;
    HOLDS(look, at, around != RC_STEP_IDLE && around != RC_STEP_SKIPPED,
          "K12 nothing begins in a block that has not begun");
    for (uint16_t i = 0; i < sim_step(c, at)->nneeds; i++) {
        uint32_t need = sim_need(c, at, i);
        bool met = sim_has_succeeded(c, need) || sim_was_not_wanted(sim_step(c, need), &c->node[need]);
        HOLDS(look, at, met || (sim_step(c, at)->cond && sim_is_over(c, need)),
              "L16 a step waits for what it needs");
    }
    switch (step->kind) {
    case FLOW_LINEAR:
        SIM_EACH_CHILD(c, block, other)
        {
            if (other == at) break;
            HOLDS(look, at, sim_is_over(c, other), "L12 a step waits for those before it");
            HOLDS(look, at, step->block.on_error == FLOW_CONTINUE || !is_critical_failure(c, other),
                  "K13 behind a failure a line does not go on");
        }
        break;
    case FLOW_PARALLEL:
    case FLOW_EACH: laws_of_a_branch(look, block, at); break;
    case FLOW_CHOOSE:
        SIM_EACH_CHILD(c, block, other)
        HOLDS(look, at,
              other == at || c->node[other].state == RC_STEP_SKIPPED ||
                  c->node[other].state == RC_STEP_IDLE || c->node[other].asks || look->walk->restored.times,
              "K1 of a choose one case is done");
        break;
    case FLOW_REPEAT: laws_of_a_pass(look, block, at); break;
    case FLOW_FALLBACK:
        HOLDS(look, at, at == block + 1 || sim_has_failed(c, block + 1),
              "K2 a fallback comes only after its step has failed");
        break;
    case FLOW_CALL:
    case FLOW_SLEEP:
    case FLOW_SET:
    case FLOW_APPROVE:
    case FLOW_CONFIRM:
    case FLOW_ESCALATE:
    case FLOW_CHILD:
    case FLOW_WAIT: break;
    }
}

/* ---- what blocks come to -------------------------------------------------------------------------------------------- */

static void laws_of_join(const struct look *look, uint32_t block)
{
    const struct rc_command *c = look->c;
    const struct rc_node *node = &c->node[block], *was = &look->was[block];
    const struct flow_step *step = sim_step(c, block);
    struct tally tally = count(look, block);
    bool all = step->block.join == FLOW_JOIN_ALL, ends = node->state != was->state;
    bool known = step->kind != FLOW_EACH || c->data[block].outputs.kind == CEL_LIST;
    if (step->kind == FLOW_EACH)
        for (uint32_t i = block + 1 + tally.branches * step->body; known && i < sim_behind(c, block); i++)
            HOLDS(look, i, c->node[i].state == RC_STEP_IDLE && !c->node[i].attempt,
                  "K4 an each does its items, and nothing else");
    if (all && ends && node->state == RC_STEP_SUCCEEDED) {
        HOLDS(look, block, known && !tally.open,
              "K14 a block that needs all has succeeded when all are over");
        SIM_EACH_CHILD(c, block, branch)
        HOLDS(look, block, step->block.on_error == FLOW_CONTINUE || !is_critical_failure(c, branch),
              "K14 a block that needs all has succeeded when all are over");
    }
    if (all) return;
    if (node->state == RC_STEP_SUCCEEDED)
        HOLDS(look, block, known && tally.succeeded >= tally.need,
              "K15 a join is reached when enough have succeeded");
    if (node->state == RC_STEP_ACTIVE && c->mode == RC_MODE_FORWARD && known && !node->asks)
        HOLDS(look, block, tally.succeeded < tally.need, "K16 a join is decided as early as it is reached");
    bool too_short =
        !known && step->block.join == FLOW_JOIN_QUORUM && step->block.quorum > 1; /* the list is not kept */
    if (ends && sim_has_failed(c, block) && node->why == RC_WHY_IMPOSSIBLE)
        HOLDS(look, block, too_short || tally.succeeded + tally.open < tally.need,
              "K17 a join has failed when too few can succeed");
}

/* What the block says that it takes back when it fails. */
static void laws_of_taking_back(const struct look *look, uint32_t block)
{
    const struct rc_command *c = look->c;
    unsigned undo = sim_step(c, block)->block.undo;
    /* of what is left over behind a join its surplus decides (K19) */
    if (undo == FLOW_UNDO_NONE || look->mode != RC_MODE_FORWARD || c->node[block].lost) return;
    SIM_EACH_CHILD(c, block, child)
    HOLDS(look, child, (undo == FLOW_UNDO_FAILED_BRANCH && !sim_has_failed(c, child)) || !stands_in(c, child),
          "K18 what a block that fails has to take back is undone when it has failed");
}

static void laws_of_a_straggler(const struct look *look, uint32_t branch)
{
    const struct rc_command *c = look->c;
    bool undoes = sim_step(c, c->node[branch].parent)->block.surplus == FLOW_SURPLUS_UNDO;
    bool over = sim_has_failed(c, branch) || c->node[branch].state == RC_STEP_SUCCEEDED;
    if (over && undoes && c->mode == RC_MODE_FORWARD)
        HOLDS(look, branch, !stands_in(c, branch), "K19 what is left over is undone where the flow says so");
}

/* What a roll back of a part has undone is to be done anew. */
static bool resets_a_part(const struct rc_record *record)
{
    for (uint32_t i = 0; i < record->nchanges; i++)
        if (record->changes[i].kind == RC_CHANGE_BACK) return record->cause->kind == RC_MSG_ACTION;
    return false;
}

/* What succeeded is left alone, but where it is taken back, or where a person has a block begin anew that it stands in. */
static bool may_be_touched(const struct look *look, uint32_t at)
{
    const struct rc_command *c = look->c;
    const struct rc_record *record = look->record;
    bool anew = record->cause->kind == RC_MSG_ACTION && record->cause->u.act->action == RC_ACTION_RETRY;
    if (c->mode == RC_MODE_ROLL_BACK || sim_step(c, at)->kind == FLOW_APPROVE) return true; /* V5, V7 */
    if (resets_a_part(record) && flow_nothing_to_undo(&sim_step(c, at)->call)) return true;
    for (uint32_t block = c->node[at].parent;; block = c->node[block].parent) {
        uint32_t around = c->node[block].parent;
        bool surplus = c->node[block].lost && sim_step(c, around)->block.surplus == FLOW_SURPLUS_UNDO;
        bool back = look->was[block].state == RC_STEP_UNDOING || c->node[block].state == RC_STEP_UNDOING;
        if (sim_is_undo_side(c->node[at].state) && (surplus || back)) return true;
        if (anew && look->was[block].tries && !c->node[block].tries &&
            flow_nothing_to_undo(&sim_step(c, at)->call))
            return true;
        if (!block) return false;
    }
}

/* ---- a record ------------------------------------------------------------------------------------------------------- */

/* A person has it, or a block around it, begin anew: what it came to is forgotten. */
static bool begins_anew(const struct look *look, uint32_t at)
{
    const struct rc_command *c = look->c;
    if (look->record->cause->kind != RC_MSG_ACTION) return false;
    for (uint32_t block = at;; block = c->node[block].parent) {
        if (!sim_is_leaf(c, block) && look->was[block].tries && !c->node[block].tries) return true;
        if (!block) return false;
    }
}

static void note_times(struct walk_seen *seen, const struct look *look)
{
    for (uint32_t i = 0; i < seen->c.nnodes; i++) {
        bool pass = i && sim_step(&seen->c, seen->c.node[i].parent)->kind == FLOW_REPEAT;
        bool anew = pass && (resets_a_part(look->record) || begins_anew(look, i));
        if ((look->was[i].state == RC_STEP_IDLE && seen->c.node[i].state != RC_STEP_IDLE) ||
            anew) /* the time for all passes counts anew */
            seen->began[i] = look->record->at;
        if (!was_over(look, i) && sim_is_over(&seen->c, i)) seen->ended[i] = look->record->at;
        if (!sim_is_undo_side(look->was[i].state)) seen->rolled[i] = seen->c.mode == RC_MODE_ROLL_BACK;
    }
}

/* What was undone is done anew: of the outside it is another thing, with another key. What is still on its way has the old one: it counts there,
 * where the provider remembers the key, or it is done twice. */
static void forget_round(struct walk *walk, struct walk_seen *seen, uint32_t at)
{
    walk_outside_arrives(walk, seen->c.id.seq, at);
    for (unsigned undo = 0; undo < 2; undo++) seen->side[at][undo].done = 0;
    for (uint32_t i = 0; i < walk->world->nleft; i++)
        if (walk->sent[i].seq == seen->c.id.seq && walk->sent[i].node == at) {
            walk->sent[i].uncertain = false;
            walk->sent[i].over = true;
        }
}

static void laws_of_a_node(const struct look *look, uint32_t i)
{
    const struct rc_command *c = look->c;
    const struct rc_node *node = &c->node[i], *was = &look->was[i];
    bool begins = was->state == RC_STEP_IDLE && node->state != RC_STEP_IDLE && node->state != RC_STEP_SKIPPED;
    if (sim_is_leaf(c, i)) {
        HOLDS(look, i,
              was->state != RC_STEP_SUCCEEDED || node->state == RC_STEP_SUCCEEDED || may_be_touched(look, i),
              "H7 what succeeded is left alone, except where it is taken back");
    } else {
        if (flow_is_joined(sim_step(c, i)->kind)) laws_of_join(look, i);
        if (sim_has_failed(c, i) && !(was->state == node->state)) laws_of_taking_back(look, i);
    }
    if (was->lost && !sim_is_leaf(c, i)) laws_of_a_straggler(look, i);
    bool person = look->record->cause->kind == RC_MSG_ACTION;
    if (i && was->state == RC_STEP_SKIPPED && was->why == RC_WHY_JOINED && !person)
        HOLDS(look, i, node->state == RC_STEP_SKIPPED || node->state == RC_STEP_IDLE,
              "K7 where enough have succeeded nothing new begins");
    if (i && begins && !was->doubt && !node->doubt && !node->asks && node->state != RC_STEP_UNKNOWN)
        laws_of_a_begin(look, i);
}

void walk_laws_of_blocks(struct walk *walk, struct walk_seen *seen, const struct rc_record *record,
                         const struct rc_node *was, uint8_t mode)
{
    const struct rc_command *c = &seen->c;
    const struct look look = {walk, seen, c, record, was, mode};
    bool by_itself = record->cause->kind != RC_MSG_ACTION;
    note_times(seen, &look);
    bool person = record->cause->kind == RC_MSG_ACTION && record->cause->u.act->action == RC_ACTION_RETRY;
    /* nor does a deadline count any more for what had come to its end by then */
    seen->lifted |= person || record->cause->kind == RC_MSG_RESTORED || was[0].state == RC_STEP_SUCCEEDED;
    if (walk->folding_anew) return;
    for (uint32_t i = 0; i < c->nnodes && !walk->broken; i++) {
        bool over = was[i].state == RC_STEP_UNDONE || was[i].state == RC_STEP_SUCCEEDED;
        laws_of_a_node(&look, i);
        if (over && c->node[i].round > was[i].round) forget_round(walk, seen, i);
        if (by_itself && mode == RC_MODE_FORWARD && c->mode == RC_MODE_ROLL_BACK)
            HOLDS(&look, i, !sim_stands(c, i) || sim_step(c, i)->call.undo.present,
                  "K20 what cannot be undone stops a roll back that nobody asked for");
    }
}
