/* A retry of one step or block. What else has failed stays as it is; so what would not come to its turn because of that is refused,
 * and not left behind as if it were under way. */
#include "core/advance.h"

static bool something_can_be_retried(const struct rc_command *c, uint32_t at)
{
    for (uint32_t i = at; i < rc_behind(c, at); i++)
        if (rc_can_be_retried(c, i)) return true;
    return false;
}

/* Whether an earlier part of a line has failed, behind which nothing begins. */
static bool line_goes_on(const struct rc_command *c, uint32_t block, uint32_t at)
{
    if (rc_step_at(c, block)->block.on_error == FLOW_CONTINUE) return true;
    RC_EACH_CHILD (c, block, 0, child) {
        if (child >= at) break;
        if (rc_progress_of(c, child) == RC_ENDED) return false;
    }
    return true;
}

/* Whether the blocks around it go on if only this is done again. An undo is not held up by what else has failed. */
static bool comes_to_its_turn(const struct rc_command *c, uint32_t at)
{
    if (!rc_command_is_forward(c)) return true;
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t block = c->node[child].parent;
        enum flow_kind kind = rc_step_at(c, block)->kind;
        if (flow_is_joined(kind) && !rc_joined_goes_on(c, block, child)) return false;
        if (kind == FLOW_LINEAR && !line_goes_on(c, block, child)) return false;
    }
    return true;
}

static const char *why_not_this(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (node->phase == RC_PHASE_OPEN) return "an attempt is in flight; wait for its outcome";
    if (node->phase == RC_PHASE_READY) return "it waits for its turn already";
    if (node->state == RC_STEP_IDLE) return "it has not begun";
    if (node->state == RC_STEP_SUCCEEDED) return "it has succeeded, and is not done again";
    if (rc_is_closed(c, at)) return "what is done in it would not count any more";
    if (node->state == RC_STEP_UNKNOWN)
        return "it may have happened: check it first, or say what happened with resolve";
    return "it has not failed in a way that another try could mend";
}

/* What bars a retry that names a step, whichever it names. */
static const char *why_only_the_whole(const struct rc_command *c)
{
    if (c->state == RC_ROLLED_BACK)
        return "it is rolled back, and done again as a whole: retry it without naming a step";
    if (rc_command_waits_to_begin(c)) return "it has not begun: retry it without naming a step";
    if (c->back && c->mode == RC_MODE_HALT)
        return "a part of it is rolled back, and done anew as a whole: retry without naming a step";
    return NULL;
}

static enum rc_status find(const struct rc_command *c, struct rc_sv name, uint32_t *ret, struct rc_error *err)
{
    uint32_t named = 0, n = 0, last = 0;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_has_name(c, i, name)) continue;
        named++;
        last = i;
        if (!something_can_be_retried(c, i)) continue;
        *ret = i;
        n++;
    }
    if (n == 1) return RC_OK;
    if (n > 1)
        return rc_fail(err, RC_REFUSED, "name the step by its path: %u of that name come into question", n);
    if (named == 1) return rc_fail(err, RC_REFUSED, "'%.*s': %s", RC_SV_ARG(name), why_not_this(c, last));
    if (named) return rc_fail(err, RC_REFUSED, "none of the steps '%.*s' has failed", RC_SV_ARG(name));
    return rc_fail(err, RC_REFUSED, "there is no step '%.*s'", RC_SV_ARG(name));
}

void rc_begin_what_needs(struct rc_draft *draft, uint32_t from, uint32_t end)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = from; i < end; i++)
        if (c->node[i].state == RC_STEP_SKIPPED && c->node[i].why == RC_WHY_NEEDS && !rc_is_closed(c, i))
            c->node[i].state = RC_STEP_IDLE;
}

void rc_retry_these(struct rc_draft *draft, uint32_t from, uint32_t end)
{
    struct rc_command *c = &draft->c;
    uint32_t n = 0;
    for (uint32_t i = from; i < end; i++) n += rc_can_be_retried(c, i);
    draft->several = n > 1;
    for (uint32_t i = from; i < end; i++)
        if (rc_can_be_retried(c, i)) rc_retry(draft, i);
    if (c->mode == RC_MODE_FORWARD) rc_begin_what_needs(draft, 1, c->nnodes);
}

enum rc_status rc_retry_named(struct rc_draft *draft, struct rc_sv name)
{
    struct rc_command *c = &draft->c;
    uint32_t at = 0;
    const char *why_not = why_only_the_whole(c);
    if (why_not) return rc_fail(draft->err, RC_REFUSED, "%s", why_not);
    enum rc_status status = find(c, name, &at, draft->err);
    if (status != RC_OK) return status;
    if (!comes_to_its_turn(c, at))
        return rc_fail(draft->err, RC_REFUSED,
                       "'%.*s' would not come to its turn, because something else around it has failed, too: "
                       "retry the block, or without naming a step",
                       RC_SV_ARG(name));
    if (c->mode == RC_MODE_HALT) { /* as by every retry of what was halted */
        c->mode = RC_MODE_FORWARD;
        c->why = RC_WHY_NONE;
    }
    rc_retry_these(draft, at, rc_behind(c, at));
    return RC_OK;
}
