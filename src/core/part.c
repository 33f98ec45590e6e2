/* A roll back of a part: of a step, or of a block, and of what comes behind it; what comes before stays done. Then the command rests until a
 * person decides, and a retry does the part anew, under new keys.
 *
 * Behind a step comes: in a line and in a loop whose passes follow each other, all that stands after it; in a parallel block, the branches
 * that need it; of an item of an each, nothing in that each; and so on for each block around it. */
#include "core/advance.h"

/* ---- which part ----------------------------------------------------------------------------------------------------- */

static void mark(bool *in, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) in[i] = true;
}

/* The branches that need this one, of which all or a part is marked, or another one that is marked; needs name earlier siblings. */
static void mark_needing(const struct rc_command *c, uint32_t block, uint32_t branch, bool *in)
{
    RC_EACH_CHILD (c, block, 0, other)
        for (uint16_t i = 0; i < rc_step_at(c, other)->nneeds; i++) {
            uint32_t need = rc_need(c, other, i);
            if (need == branch || in[need]) mark(in, other, rc_behind(c, other));
        }
}

static void mark_behind(const struct rc_command *c, uint32_t block, uint32_t child, bool *in)
{
    switch (rc_step_at(c, block)->kind) {
    case FLOW_LINEAR:
    case FLOW_REPEAT:
    case FLOW_FALLBACK: mark(in, rc_behind(c, child), rc_behind(c, block)); break;
    case FLOW_PARALLEL: mark_needing(c, block, child, in); break;
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_CALL:
    case FLOW_WAIT:
    case FLOW_CONFIRM:
    case FLOW_APPROVE:
    case FLOW_ESCALATE:
    case FLOW_CHILD:
    case FLOW_SLEEP:
    case FLOW_SET: break;
    }
}

const bool *rc_part_of(const struct rc_command *c, uint32_t at, struct rc_arena *arena)
{
    bool *in = RC_NEW_ARRAY(arena, bool, c->nnodes);
    if (!in) return NULL;
    mark(in, at, rc_behind(c, at));
    for (uint32_t child = at; child; child = c->node[child].parent)
        mark_behind(c, c->node[child].parent, child, in);
    return in;
}

/* A case goes with its choose, and what has a fallback with that: whether it is the one that is done is decided anew. */
static uint32_t with_its_choice(const struct rc_command *c, uint32_t at)
{
    for (;;) {
        uint32_t block = c->node[at].parent;
        enum flow_kind kind = rc_step_at(c, block)->kind;
        if (kind != FLOW_CHOOSE && !(kind == FLOW_FALLBACK && at == block + 1)) return at;
        at = block;
    }
}

static enum rc_status find(const struct rc_command *c, struct rc_sv name, uint32_t *ret, struct rc_error *err)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_has_name(c, i, name)) continue;
        *ret = i;
        n++;
    }
    if (n == 1) return RC_OK;
    if (n == 0) return rc_fail(err, RC_REFUSED, "there is no step '%.*s'", RC_SV_ARG(name));
    return rc_fail(err, RC_REFUSED, "'%.*s' is the name of %u steps: name one by its path", RC_SV_ARG(name),
                   n);
}

/* ---- whether it can be -------------------------------------------------------------------------------------------- */

static const char *why_not_now(const struct rc_command *c)
{
    if (c->mode == RC_MODE_ROLL_BACK) return "it is being rolled back already, or was";
    if (c->mode == RC_MODE_CANCEL) return "it is being cancelled, or was: only the whole can be rolled back";
    if (rc_state_ended(c->state)) return "it has ended: only the whole can be rolled back";
    return NULL;
}

/* What is done anew in a block has to count there. */
static const char *why_not_there(const struct rc_command *c, uint32_t at)
{
    for (uint32_t child = at; child; child = c->node[child].parent) {
        const struct rc_node *block = &c->node[c->node[child].parent];
        if (block->cleared) return "enough of the block around it has succeeded: name that block";
        if (block->state == RC_STEP_IDLE || block->state == RC_STEP_SKIPPED ||
            block->state == RC_STEP_UNKNOWN)
            return "the block around it has not begun";
    }
    if (rc_is_over(c, at))
        return "what is done in it would not count any more: name the block around it, or a step before that";
    return NULL;
}

static bool has_begun(const struct rc_node *node)
{
    return node->state != RC_STEP_IDLE && node->state != RC_STEP_SKIPPED;
}

static enum rc_status can_be_undone(const struct rc_command *c, const bool *in, struct rc_error *err)
{
    struct rc_path path;
    bool begun = false;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!in[i] || !rc_is_leaf(c, i)) continue;
        const struct rc_node *node = &c->node[i];
        begun |= has_begun(node) || node->doubt;
        if (rc_cannot_be_undone(c, i))
            return rc_fail(err, RC_REFUSED, "'%.*s' has happened, and declares no undo",
                           RC_SV_ARG(rc_node_path(c, i, &path)));
        if (node->round == UINT8_MAX) /* the next key would be the first one again */
            return rc_fail(err, RC_REFUSED, "'%.*s' was done anew too often",
                           RC_SV_ARG(rc_node_path(c, i, &path)));
    }
    return begun ? RC_OK : rc_fail(err, RC_REFUSED, "nothing of it has begun");
}

enum rc_status rc_part_find(const struct rc_command *c, struct rc_sv name, struct rc_arena *arena,
                            uint32_t *ret_at, const bool **ret_in, struct rc_error *err)
{
    uint32_t at = 0;
    const char *why_not = why_not_now(c);
    if (!why_not) why_not = rc_why_not_go_on(c);
    if (why_not) return rc_fail(err, RC_REFUSED, "%s", why_not);
    enum rc_status status = find(c, name, &at, err);
    if (status != RC_OK) return status;
    at = with_its_choice(c, at);
    why_not = at ? why_not_there(c, at) : "that is the whole: roll it back without naming a step";
    if (why_not) return rc_fail(err, RC_REFUSED, "%s", why_not);
    const bool *in = rc_part_of(c, at, arena), *before = c->back ? rc_part_of(c, c->back, arena) : in;
    if (!in || !before) return rc_fail_arena(err, arena);
    if (c->back && before[at])
        return rc_fail(err, RC_REFUSED, "it was rolled back with a part before: retry does that anew");
    status = can_be_undone(c, in, err);
    if (status != RC_OK) return status;
    *ret_at = at;
    *ret_in = in;
    return RC_OK;
}

/* ---- undo ----------------------------------------------------------------------------------------------------------- */

static bool is_settled(const struct rc_command *c, const bool *in)
{
    for (uint32_t i = 1; i < c->nnodes; i++) {
        const struct rc_node *node = &c->node[i];
        if (!in[i]) continue;
        if (node->state == RC_STEP_UNKNOWN) return false;
        if (rc_is_leaf(c, i) &&
            (node->state == RC_STEP_ACTIVE || (node->state == RC_STEP_IDLE && node->doubt)))
            return false;
    }
    return true;
}

static bool is_quiet(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase != RC_PHASE_NONE) return false;
    return true;
}

void rc_part_undo(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    const bool *in = rc_part_of(c, c->back, draft->arena);
    if (!in) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    if (!is_settled(c, in)) return;
    draft->part = in;
    for (uint32_t i = 1; i < c->nnodes;
         i++) /* what is done anew has another child: nobody is to set this one to work again */
        if (in[i] && rc_node_step(c, i)->kind == FLOW_CHILD) rc_child_close(draft, i);
    bool undone = rc_undo_subtree(draft, 0);
    draft->part = NULL;
    if (undone && is_quiet(c)) c->mode = RC_MODE_HALT;
}

/* ---- anew ----------------------------------------------------------------------------------------------------------- */

void rc_part_reset(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    const bool *in = rc_part_of(c, c->back, draft->arena);
    if (!in) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    for (uint32_t i = 1; i < c->nnodes; i = in[i] ? rc_behind(c, i) : i + 1)
        if (in[i]) rc_reset_subtree(draft, i);
    for (uint32_t i = c->back; i; i = c->node[i].parent) {
        uint32_t block = c->node[i].parent;
        rc_block_set(draft, block, RC_STEP_ACTIVE, RC_WHY_NONE);
        if (c->data[block].times.first) c->data[block].times.first = draft->ask->now;
    }
    c->back = 0;
}
