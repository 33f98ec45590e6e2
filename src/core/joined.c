/* Blocks whose branches stand beside each other: parallel, and each with a branch for every item.
 *
 * all: every branch counts; a critical one that fails fails the block (or, with on_error: continue, is only on record).
 * any, quorum: so many must succeed. The block has succeeded as soon as they have, and has failed as soon as they cannot any more.
 * Where it is reached, what has not begun is left out, and what is under way is settled: nothing new starts in it, and what
 * succeeds in it afterwards is kept or undone, as `surplus` says. */
#include "core/advance.h"

#include "base/limits.h"

struct tally {
    uint32_t branches, succeeded, failed, moving, idle;
    /* of the first branch that failed: a refused one before the others, one that was given up behind them */
    unsigned state, why;
};

/* A block in it goes on taking back, also where what else was under way is given up. */
static bool takes_back(const struct rc_command *c, uint32_t branch)
{
    for (uint32_t i = branch; i < rc_behind(c, branch); i++)
        if (!rc_is_leaf(c, i) && c->node[i].state == RC_STEP_UNDOING) return true;
    return false;
}

static void count(const struct rc_command *c, uint32_t branch, enum rc_progress progress, struct tally *tally)
{
    const struct rc_node *node = &c->node[branch];
    bool refused = node->state == RC_STEP_REJECTED && tally->state != RC_STEP_REJECTED;
    switch (progress) {
    case RC_NOT_BEGUN: tally->idle++; break;
    case RC_MOVING: tally->moving++; break;
    case RC_PASSED: tally->succeeded += node->state == RC_STEP_SUCCEEDED; break;
    case RC_ENDED: /* what was given up because another one failed is not the reason */
        if (!tally->failed++ || refused ||
            (tally->why == RC_WHY_GIVEN_UP && node->why != RC_WHY_GIVEN_UP &&
             tally->state != RC_STEP_REJECTED)) {
            tally->state = node->state;
            tally->why = node->why;
        }
        break;
    }
}

/* Brings on what has begun; `still`: as it is, and nothing in it starts. */
static struct tally look(struct rc_draft *draft, uint32_t block, bool still)
{
    struct tally tally = {.branches = rc_branches(&draft->c, block)};
    bool was = draft->still;
    draft->still |= still;
    for (uint32_t i = 0; i < tally.branches; i++) {
        uint32_t branch = rc_branch(&draft->c, block, i);
        count(&draft->c, branch, rc_advance_child(draft, branch, false), &tally);
    }
    draft->still = was;
    return tally;
}

/* Whether the block has failed where so many branches have succeeded or may still, and whether one has failed that counts. */
static bool cannot_be_joined(const struct rc_command *c, uint32_t block, uint32_t possible, bool failed)
{
    const struct flow_block *how = &rc_step_at(c, block)->block;
    if (how->join == FLOW_JOIN_ALL) return failed && how->on_error == FLOW_FAIL_FAST;
    return possible < rc_needed(c, block);
}

/* Branches that have succeeded, or may still, one of them unless it has failed by what else is in it. What is stuck is none of them, unlike in a tally. */
static uint32_t possible(const struct rc_command *c, uint32_t block, uint32_t one, bool *ret_failed)
{
    uint32_t n = 0;
    *ret_failed = false;
    for (uint32_t i = 0; i < rc_branches(c, block); i++) {
        uint32_t branch = rc_branch(c, block, i);
        const struct rc_node *node = &c->node[branch];
        bool failed = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
        bool out = failed || node->state == RC_STEP_SKIPPED || rc_is_stuck(node);
        *ret_failed |= failed && rc_step_at(c, branch)->critical;
        n += branch == one ? !failed : !out;
    }
    return n;
}

bool rc_is_given_up(const struct rc_command *c, uint32_t at)
{
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t block = c->node[child].parent;
        const struct flow_step *step = rc_step_at(c, block);
        bool failed;
        if (!flow_is_joined(step->kind) || step->block.running != FLOW_RUNNING_CANCEL) continue;
        uint32_t left = possible(c, block, child, &failed);
        if (cannot_be_joined(c, block, left, failed)) return true;
    }
    return false;
}

/* ---- begin ---------------------------------------------------------------------------------------------------------- */

static enum rc_why why_of(enum rc_status status, enum rc_why too_much)
{
    return status == RC_OK ? RC_WHY_NONE : status == RC_LIMIT ? too_much : RC_WHY_EXPRESSION;
}

/* Whether the list can be kept, in memory and as the text that is stored, which can be longer; else why not. */
static enum rc_why why_not_kept(struct rc_draft *draft, struct cel_value list, struct rc_error *error)
{
    enum rc_status status = rc_can_be_kept(list, "items", RC_MAX_ITEMS_BYTES, error);
    struct rc_buf text = rc_buf_in(draft->arena, RC_MAX_ITEMS_BYTES);
    if (status == RC_OK) cel_put_json(&text, list);
    if (rc_arena_status(draft->arena) != RC_OK) /* nothing is known of the list */
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    if (status == RC_OK && text.status != RC_OK)
        status = rc_fail(error, RC_LIMIT, "the items take more than %d bytes as JSON", RC_MAX_ITEMS_BYTES);
    return why_of(status, RC_WHY_ITEMS_BYTES);
}

/* Of no items none has to succeed. */
static bool is_too_short(const struct flow_step *step, struct cel_value list)
{
    return step->block.join == FLOW_JOIN_QUORUM && list.n && list.n < step->block.quorum;
}

static enum rc_why why_no_items(struct rc_draft *draft, const struct flow_step *step, struct cel_value list,
                                struct rc_error *error)
{
    bool is_list = list.kind == CEL_LIST;
    uint32_t most = step->copies;
    if (is_list && is_too_short(step, list)) {
        enum rc_status status = rc_fail(error, RC_EVAL, "the list has %u items, of which %u must succeed",
                                        list.n, (unsigned)step->block.quorum);
        (void)status; /* the words are what counts */
        return RC_WHY_IMPOSSIBLE;
    }
    if (is_list && list.n <= most) return why_not_kept(draft, list, error);
    enum rc_status status =
        is_list ? rc_fail(error, RC_LIMIT, "the list has %u items, and the flow allows %u", list.n, most)
                : rc_fail(error, RC_EVAL, "each goes over a list, and this is %s",
                          cel_kind_name((enum cel_kind)list.kind));
    return why_of(status, RC_WHY_ITEMS);
}

/* The items of an each are worked out once, when it begins, and kept as its outputs. */
static bool has_items(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    const struct flow_step *step = rc_step_at(c, block);
    struct rc_error error;
    struct cel_value list;
    if (step->kind != FLOW_EACH || c->data[block].outputs.kind == CEL_LIST) return true;
    if (rc_site_eval(draft, block, step->loop.list, NULL, &list, &error) != RC_OK) {
        rc_cannot_begin(draft, block, RC_WHY_EXPRESSION, &error);
        return false;
    }
    enum rc_why why = why_no_items(draft, step, list, &error);
    if (why != RC_WHY_NONE) {
        rc_cannot_begin(draft, block, why, &error);
        return false;
    }
    c->data[block].outputs = list;
    rc_forget_doubt(draft, rc_first_child(c, block, list.n), rc_behind(c, block));
    return true;
}

/* ---- go on ---------------------------------------------------------------------------------------------------------- */

uint32_t rc_needed(const struct rc_command *c, uint32_t at)
{
    const struct flow_block *block = &rc_step_at(c, at)->block;
    uint32_t branches = rc_branches(c, at);
    uint32_t all = block->join == FLOW_JOIN_ALL      ? branches
                   : block->join == FLOW_JOIN_QUORUM ? block->quorum
                                                     : 1;
    return all < branches ? all : branches; /* of no items none is needed */
}

/* Starts branches in their order, as many as may be under way. True where one of them was over at once: then look again. */
static bool start(struct rc_draft *draft, uint32_t block, struct tally *tally)
{
    uint32_t width = rc_step_at(&draft->c, block)->block.width;
    for (uint32_t i = 0; i < tally->branches && (!width || tally->moving < width); i++) {
        uint32_t branch = rc_branch(&draft->c, block, i);
        const struct rc_node *node = &draft->c.node[branch];
        bool again =
            rc_is_leaf(&draft->c, branch) && node->state == RC_STEP_ACTIVE && node->phase == RC_PHASE_NONE;
        if (node->state != RC_STEP_IDLE && !again) continue;
        enum rc_progress progress = rc_advance_child(draft, branch, true);
        if (progress == RC_NOT_BEGUN) continue;
        if (progress != RC_MOVING) return true;
        tally->moving++;
    }
    return false;
}

static bool has_succeeded(const struct rc_command *c, uint32_t branch)
{
    RC_EACH_CHILD (c, branch, 0, child)
        if (c->node[child].state != RC_STEP_SUCCEEDED && c->node[child].state != RC_STEP_SKIPPED)
            return false;
    return true;
}

static bool is_under_way(const struct rc_command *c, uint32_t branch)
{
    return c->node[branch].state == RC_STEP_ACTIVE || c->node[branch].state == RC_STEP_UNDOING;
}

/* True: what has failed in a branch is taken back still. Nothing else in it goes on. */
static bool goes_on_taking_back(struct rc_draft *draft, uint32_t branch)
{
    bool was = draft->still;
    if (!takes_back(&draft->c, branch)) return false;
    draft->still = true;
    (void)rc_advance_child(draft, branch, false);
    draft->still = was;
    return takes_back(&draft->c, branch);
}

/* A branch that was under way when the join was reached. */
static void straggler(struct rc_draft *draft, uint32_t block, uint32_t branch)
{
    struct rc_command *c = &draft->c;
    bool undoes = rc_step_at(c, block)->block.surplus == FLOW_SURPLUS_UNDO;
    if (!undoes && goes_on_taking_back(draft, branch)) return;
    if (!is_under_way(c, branch)) return;
    if (!rc_settle_leaves(draft, branch, rc_behind(c, branch))) return;
    if (undoes && !rc_undo_subtree(draft, branch)) return;
    bool whole = !undoes && has_succeeded(c, branch);
    rc_block_set(draft, branch, whole ? RC_STEP_SUCCEEDED : RC_STEP_FAILED, RC_WHY_JOINED);
}

/* A signal may never come: nobody waits for it because of a branch that is not needed. */
static bool waits_for_a_signal(const struct rc_command *c, uint32_t branch)
{
    for (uint32_t i = branch; i < rc_behind(c, branch); i++)
        if (c->node[i].phase == RC_PHASE_WAITING) return true;
    return false;
}

/* Enough have succeeded. */
static void reached(struct rc_draft *draft, uint32_t block, const struct tally *tally)
{
    struct rc_command *c = &draft->c;
    rc_block_set(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
    c->node[block].cleared = 1;
    for (uint32_t i = 0; i < tally->branches; i++) {
        uint32_t branch = rc_branch(c, block, i);
        if (c->node[branch].state == RC_STEP_IDLE)
            rc_leave_out(draft, branch, RC_WHY_JOINED);
        else if (is_under_way(c, branch))
            c->node[branch].lost = 1;
        if (c->node[branch].lost && waits_for_a_signal(c, branch)) straggler(draft, block, branch);
    }
}

/* Whether what failed in some branches is taken back still; as far as that goes now. */
static bool some_take_back(struct rc_draft *draft, uint32_t block)
{
    struct tally tally = look(draft, block, true);
    for (uint32_t i = 0; i < tally.branches; i++)
        if (takes_back(&draft->c, rc_branch(&draft->c, block, i))) return true;
    return false;
}

/* Nothing new starts; where the flow says so, what waits is given up. */
static void stop(struct rc_draft *draft, uint32_t block, const struct tally *tally, unsigned state,
                 unsigned why)
{
    struct rc_command *c = &draft->c;
    bool over = tally->moving == 0;
    if (rc_step_at(c, block)->block.running == FLOW_RUNNING_CANCEL) {
        over = rc_settle_leaves(draft, block + 1, rc_behind(c, block));
        over &= !some_take_back(draft, block); /* also where one is out: the others are over in this record */
    }
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    if (over) rc_block_fail(draft, block, state, why);
}

/* What is left when a join was reached. */
static void settle_the_rest(struct rc_draft *draft, uint32_t block)
{
    const struct rc_command *c = &draft->c;
    for (uint32_t i = 0; i < rc_branches(c, block); i++) {
        uint32_t branch = rc_branch(c, block, i);
        if (c->node[branch].lost)
            straggler(draft, block, branch);
        else if (c->node[branch].asks)
            rc_left_out_settle(draft, branch);
    }
}

/* Whether the block has failed with what its branches are. */
static bool has_failed(const struct rc_command *c, uint32_t block, const struct tally *tally)
{
    return cannot_be_joined(c, block, tally->succeeded + tally->moving + tally->idle, tally->failed != 0);
}

bool rc_joined_goes_on(const struct rc_command *c, uint32_t block, uint32_t branch)
{
    struct tally tally = {.branches = rc_branches(c, block)};
    for (uint32_t i = 0; i < tally.branches; i++) {
        uint32_t other = rc_branch(c, block, i);
        count(c, other, other == branch ? RC_NOT_BEGUN : rc_progress_of(c, other), &tally);
    }
    return !has_failed(c, block, &tally);
}

void rc_advance_joined(struct rc_draft *draft, uint32_t block)
{
    struct rc_command *c = &draft->c;
    const struct flow_block *how = &rc_step_at(c, block)->block;
    if (c->node[block].cleared) {
        settle_the_rest(draft, block);
        return;
    }
    rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
    if (!has_items(draft, block)) return;
    bool all = how->join == FLOW_JOIN_ALL;
    bool cancels = how->running == FLOW_RUNNING_CANCEL;
    for (;;) {
        struct tally tally = look(draft, block, cancels); /* what was given up does not begin again */
        if (cancels && !has_failed(c, block, &tally)) tally = look(draft, block, false);
        uint32_t want = rc_needed(c, block);
        if (!all && tally.succeeded >= want) {
            reached(draft, block, &tally);
            settle_the_rest(draft, block); /* what only waits is over now */
            return;
        }
        if (has_failed(c, block, &tally)) {
            stop(draft, block, &tally, tally.failed ? tally.state : RC_STEP_FAILED,
                 all ? tally.why : RC_WHY_IMPOSSIBLE);
            return;
        }
        if (!tally.moving && !tally.idle) {
            rc_block_set(draft, block, RC_STEP_SUCCEEDED, RC_WHY_NONE);
            return;
        }
        if (!start(draft, block, &tally)) return;
    }
}
