/* What the parent of a command asks it for (core/child.h): by its flow, or by people who act on it. */
#include "core/advance.h"
#include "core/child.h"
#include "core/people.h"

/* `asks` of a step that waits for its child. ASKS_AGAIN: it is rolled back, and has still to be asked to go on with that. */
enum { ASKED_TO_CANCEL = 1, ASKED_TO_ROLL_BACK = 2, ASKS_AGAIN = 3 };

/* Whatever was still to be asked for is not any more. */
static void ask_for(struct rc_draft *draft, uint32_t at, enum rc_action action, const struct rc_vote *by)
{
    static const char *const reason[RC_ACTIONS] = {
        [RC_ACTION_RETRY] = "the command that has started it is retried",
        [RC_ACTION_CANCEL] = "the command that has started it does not wait for it any more",
        [RC_ACTION_ROLL_BACK] = "the command that has started it is rolled back"};
    struct rc_command *c = &draft->c;
    struct rc_act *act = RC_NEW(draft->arena, struct rc_act);
    if (!act) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    *act = (struct rc_act){.action = (uint8_t)action,
                           .subject = by->subject,
                           .actor = by->actor,
                           .role = by->role,
                           .reason = rc_sv_of(reason[action]),
                           .outputs = cel_null()};
    rc_draft_message(draft,
                     (struct rc_ask){.kind = RC_MSG_ACTION,
                                     .to = {.agg = RC_AGG_COMMAND, .id = c->data[at].child.link.seq},
                                     .node = at,
                                     .purpose = (uint8_t)(draft->several ? RC_CHILD_MAY : RC_CHILD_MUST),
                                     .attempt = c->node[at].doubt,
                                     .order = c->data[at].times.keyed,
                                     .u.act = act});
    c->data[at].times.due = 0;
    c->data[at].votes = (struct rc_votes){0};
}

/* In whose name a child is asked: of whoever acts on the parent; of nobody else than those who have started it where the flow does. */
static struct rc_vote who_acts(const struct rc_draft *draft)
{
    const struct rc_identity *id = &draft->c.id;
    const struct rc_act *act = draft->ask->u.act;
    if (draft->ask->kind != RC_MSG_ACTION)
        return (struct rc_vote){.subject = id->subject, .actor = id->actor};
    return (struct rc_vote){.role = act->role, .subject = act->subject, .actor = act->actor};
}

static void ask_child(struct rc_draft *draft, uint32_t at, enum rc_action action)
{
    struct rc_vote by = who_acts(draft);
    ask_for(draft, at, action, &by);
}

/* The step is due as soon as time goes on, and asks its child then. */
static void ask_later(struct rc_draft *draft, uint32_t at, const struct rc_vote *by)
{
    struct rc_data *data = &draft->c.data[at];
    struct rc_vote *own = rc_copy(draft->arena, by, sizeof *by);
    if (!own) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    own->kind = RC_VOTE_AUTHOR;
    own->at = draft->ask->now;
    draft->c.node[at].phase = RC_PHASE_CHILD;
    data->times.due = draft->ask->now + 1; /* no time that this turn has looked at already */
    data->votes = (struct rc_votes){1, own};
}

void rc_child_put_off(struct rc_draft *draft, uint32_t at, const struct rc_act *act)
{
    struct rc_node *node = &draft->c.node[at];
    bool undo = rc_node_side(node)->undo, again = act->action == RC_ACTION_RETRY;
    unsigned wanted = again                                ? (undo ? ASKED_TO_ROLL_BACK : 0)
                      : act->action == RC_ACTION_ROLL_BACK ? ASKED_TO_ROLL_BACK
                                                           : ASKED_TO_CANCEL;
    if (node->asks != wanted) return; /* something else is wanted since, and on its way */
    if (again && undo) node->asks = ASKS_AGAIN;
    ask_later(draft, at, &(struct rc_vote){.role = act->role, .subject = act->subject, .actor = act->actor});
}

/* What was put off. One of several: a child that cannot do it says how it stands. */
void rc_child_ask_now(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    enum rc_action action = RC_ACTION_RETRY;
    if (node->asks == ASKED_TO_CANCEL) action = RC_ACTION_CANCEL;
    if (node->asks == ASKED_TO_ROLL_BACK) action = RC_ACTION_ROLL_BACK;
    if (node->asks == ASKS_AGAIN) node->asks = ASKED_TO_ROLL_BACK;
    if (rc_child_is_left(node)) node->phase = RC_PHASE_NONE;
    /* the deadline is over meanwhile: it is asked for something else, or nothing */
    if (action == RC_ACTION_RETRY && !rc_node_side(node)->undo && c->mode != RC_MODE_FORWARD) {
        c->data[at].times.due = 0;
        c->data[at].votes = (struct rc_votes){0};
        return;
    }
    draft->several = true;
    if (c->data[at].votes.n)
        ask_for(draft, at, action, &c->data[at].votes.vote[0]);
    else
        ask_child(draft, at, action);
}

void rc_child_set_aside(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    if (c->node[at].phase == RC_PHASE_DELAYED) { /* at its start, each time */
        rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_CRASH_LOOP);
    } else if (rc_child_is_to_be_asked(c, at)) {
        /* what has been started tells: whoever acts on that lets both go on */
        c->data[at].times.due = 0;
        rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_FAILED, RC_WHY_CRASH_LOOP}, 0,
                       RC_SV("the server died each time its command was to be asked: act on that one"));
    }
}

/* ---- the parent asks its child -------------------------------------------------------------------------------------- */

static bool is_taken_back(const struct rc_command *c, uint32_t at)
{
    if (c->mode == RC_MODE_ROLL_BACK) return true;
    for (uint32_t block = c->node[at].parent;; block = c->node[block].parent) {
        if (c->node[block].state == RC_STEP_UNDOING) return true;
        if (!block) return false;
    }
}

void rc_child_leave(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    if (c->mode == RC_MODE_HALT || c->back) return; /* it has left: it goes on to its end */
    bool back = is_taken_back(c, at);
    unsigned wanted = back ? ASKED_TO_ROLL_BACK : ASKED_TO_CANCEL;
    if (node->asks >= wanted || rc_child_is_left(node)) return;
    node->asks = (uint16_t)wanted;
    ask_child(draft, at, back ? RC_ACTION_ROLL_BACK : RC_ACTION_CANCEL);
}

void rc_child_close(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    bool part = c->back && draft->part && draft->part[at];
    bool ends = c->mode == RC_MODE_CANCEL || (c->mode == RC_MODE_ROLL_BACK && (!c->back || part));
    const struct rc_child *child = &c->data[at].child;
    /* of a step that a person has left out: nothing waits for that. Of another one: in its turn */
    bool back = c->mode == RC_MODE_ROLL_BACK && child->stands;
    unsigned wanted = back ? ASKED_TO_ROLL_BACK : ASKED_TO_CANCEL;
    bool can = child->link.seq && (back || !rc_state_ended(child->state));
    if (!ends || !rc_child_is_left(node) || !can || node->asks >= wanted) return;
    if (back && rc_child_stands(c, at)) return;
    struct rc_vote by = who_acts(draft);
    node->asks = (uint16_t)wanted;
    if (draft->ask->large) /* nothing waits for it: the command would have ended before it is put off */
        ask_later(draft, at, &by);
    else
        ask_for(draft, at, back ? RC_ACTION_ROLL_BACK : RC_ACTION_CANCEL, &by);
}

void rc_child_undo(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    node->state = RC_STEP_UNDOING;
    if (!c->data[at].child.link.seq) { /* a person has said that it happened */
        rc_step_end(draft, at, RC_STEP_UNDO_FAILED, RC_WHY_NO_UNDO);
        return;
    }
    node->why = RC_WHY_NONE;
    node->phase = RC_PHASE_CHILD;
    node->asks = ASKED_TO_ROLL_BACK;
    ask_child(draft, at, RC_ACTION_ROLL_BACK);
}

/* ---- retry ---------------------------------------------------------------------------------------------------------- */

void rc_child_retry(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_node *node = &c->node[at];
    struct rc_child *child = &c->data[at].child;
    if (rc_node_side(node)->undo && node->phase == RC_PHASE_NONE) {
        rc_child_undo(draft, at);
        return;
    }
    if (child->link.seq && !rc_state_ended(child->state)) { /* the same command: only what did not succeed */
        if (!rc_node_side(node)->undo) node->state = RC_STEP_ACTIVE;
        node->why = RC_WHY_NONE;
        node->phase = RC_PHASE_CHILD;
        if (!rc_node_side(node)->undo) node->asks = 0;
        ask_child(draft, at, RC_ACTION_RETRY);
        return;
    }
    node->state = RC_STEP_ACTIVE; /* it begins when its turn in the line has come */
    if (!child->link.seq || rc_child_succeeded(child->state)) return;
    node->round++;
    *child = (struct rc_child){0};
}

/* It ended without success, and another one would do a second time what stands of it. */
bool rc_child_was_left(const struct rc_command *c, uint32_t at)
{
    const struct rc_child *child = &c->data[at].child;
    return rc_child_stands(c, at) && rc_state_ended(child->state) && !rc_child_succeeded(child->state);
}

bool rc_child_can_be_retried(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (node->phase == RC_PHASE_CHILD)
        return rc_child_rests(c, at) && (rc_node_side(node)->undo || rc_command_is_forward(c));
    if (node->phase != RC_PHASE_NONE || node->round == UINT8_MAX) return false;
    if (node->state == RC_STEP_REJECTED || node->state == RC_STEP_FAILED)
        return rc_command_is_forward(c) && !rc_child_was_left(c, at);
    return node->state == RC_STEP_UNDO_FAILED && c->data[at].child.link.seq;
}
