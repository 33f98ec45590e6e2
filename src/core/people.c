/* Who has decided what, and what that lets go. Reads only. */
#include "core/people.h"

#include "core/tree.h"

bool rc_votes_eq(const struct rc_votes *a, const struct rc_votes *b)
{
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n && a->vote != b->vote; i++) {
        const struct rc_vote *x = &a->vote[i], *y = &b->vote[i];
        if (x->kind != y->kind || x->role != y->role || x->at != y->at || !rc_sv_eq(x->subject, y->subject) ||
            !rc_sv_eq(x->actor, y->actor) || !rc_sv_eq(x->answer, y->answer))
            return false;
    }
    return true;
}

bool rc_votes_copy(struct rc_arena *arena, const struct rc_votes *votes, struct rc_votes *ret)
{
    struct rc_vote *copy = RC_NEW_ARRAY(arena, struct rc_vote, votes->n);
    if (!copy) return false;
    for (uint32_t i = 0; i < votes->n; i++) {
        copy[i] = votes->vote[i];
        copy[i].subject = rc_copy_sv(arena, copy[i].subject);
        copy[i].actor = rc_copy_sv(arena, copy[i].actor);
        copy[i].answer = rc_copy_sv(arena, copy[i].answer);
        if (!copy[i].subject.p || !copy[i].actor.p || !copy[i].answer.p) return false;
    }
    *ret = (struct rc_votes){votes->n, copy};
    return true;
}

const char *rc_vote_word(unsigned kind)
{
    static const char *const word[RC_VOTE_KINDS] = {[RC_VOTE_APPROVED] = "approved",
                                                    [RC_VOTE_DENIED] = "denied",
                                                    [RC_VOTE_ANSWERED] = "answered",
                                                    [RC_VOTE_AUTHOR] = "author"};
    return kind < RC_VOTE_KINDS && word[kind] ? word[kind] : "?";
}

uint32_t rc_first_asked(const struct rc_command *c)
{
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (rc_is_asked(c, i)) return i;
    return 0;
}

uint32_t rc_people_missing(const struct rc_command *c, uint32_t at)
{
    const struct rc_votes *votes = &c->data[at].votes;
    uint32_t approved = 0, need = rc_step_at(c, at)->people.need;
    for (uint32_t i = 0; i < votes->n; i++) approved += votes->vote[i].kind == RC_VOTE_APPROVED;
    return approved < need ? need - approved : 0;
}

/* What one approval lets go. One that the flow itself left out was not wanted. */
static enum rc_release release_of(const struct rc_node *approval)
{
    switch ((enum rc_step_state)approval->state) {
    case RC_STEP_SUCCEEDED: return RC_RELEASED;
    case RC_STEP_SKIPPED: return approval->why == RC_WHY_CONDITION ? RC_RELEASED : RC_RELEASE_NEVER;
    case RC_STEP_IDLE:
    case RC_STEP_ACTIVE: return RC_RELEASE_OPEN;
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_UNKNOWN:
    case RC_STEP_UNDOING:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    return RC_RELEASE_NEVER;
}

enum rc_release rc_people_release(const struct rc_command *c, uint32_t at)
{
    enum rc_release worst = RC_RELEASED;
    if (!c->flow->approves) return worst;
    for (uint32_t child = at; child; child = c->node[child].parent) {
        if (!rc_step_at(c, child)->approvals) continue;
        RC_EACH_CHILD (c, c->node[child].parent, c->node[child].item, other) {
            if (other >= child) break;
            bool asks = rc_step_at(c, other)->kind == FLOW_APPROVE;
            if (!asks || !flow_behind(c->flow, c->node[other].node, c->node[child].node)) continue;
            enum rc_release one = release_of(&c->node[other]);
            if (one > worst) worst = one;
        }
    }
    return worst;
}

bool rc_approval_covers(const struct rc_command *c, uint32_t approval, uint32_t sibling)
{
    return rc_step_at(c, sibling)->approvals &&
           flow_behind(c->flow, c->node[approval].node, c->node[sibling].node) & FLOW_COVERED;
}
