/* What must hold of parents and children in every state that was committed (children.h). */
#include "sim/children.h"

#include "core/child.h"

#include <stdarg.h>
#include <stdio.h>

void children_break(struct children_verdict *verdict, const char *law, const char *format, ...)
{
    va_list args;
    if (verdict->law) return;
    verdict->law = law;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above */
    (void)vsnprintf(verdict->where, sizeof verdict->where, format, args);
    va_end(args);
}

#define HOLDS(check, holds, law, ...)                                                                        \
    do {                                                                                                     \
        if (!(holds)) children_break((check)->verdict, law, __VA_ARGS__);                                    \
    } while (0)
#define ULL(n) ((unsigned long long)(n))

static bool is_child_step(const struct rc_command *c, uint32_t at)
{
    return rc_node_step(c, at)->kind == FLOW_CHILD;
}

static unsigned told(const struct rc_command *c)
{
    return rc_state_rests(c->state) ? c->state : RC_RUNNING;
}

/* The child that the step has now; NULL: none, or it cannot be read. */
static const struct rc_command *child_of(const struct children_check *check, const struct rc_command *c,
                                         uint32_t at)
{
    uint64_t seq = c->data[at].child.link.seq;
    return seq && seq <= check->n && check->command[seq].nnodes ? &check->command[seq] : NULL;
}

static void one_child_of_a_start(struct children_check *check, const struct rc_command *c)
{
    const struct rc_parent *parent = &c->parent;
    const struct rc_command *by = &check->command[parent->link.seq];
    for (uint64_t seq = c->id.seq + 1; seq <= check->n; seq++) {
        const struct rc_parent *other = &check->command[seq].parent;
        bool doctored = check->control == CHILDREN_TWO_CHILDREN;
        HOLDS(check,
              other->link.seq != parent->link.seq || other->node != parent->node ||
                  (other->round != parent->round && !doctored),
              "W1 a start has one child", "commands %llu and %llu", ULL(c->id.seq), ULL(seq));
    }
    HOLDS(check, parent->link.seq < c->id.seq && by->nnodes > parent->node, "W1 a start has one child",
          "command %llu has no parent", ULL(c->id.seq));
    if (check->verdict->law) return;
    bool now = by->node[parent->node].round == parent->round;
    HOLDS(check, !now || by->data[parent->node].child.link.seq == c->id.seq, "W1 a start has one child",
          "the parent of command %llu does not know it", ULL(c->id.seq));
}

static void version_is_pinned(struct children_check *check, const struct rc_command *c)
{
    const struct rc_pins *pins = &check->command[c->parent.link.seq].pins;
    bool found = false;
    for (uint32_t i = 0; i < pins->n; i++) found |= pins->flow[i] == c->flow->id;
    if (check->control == CHILDREN_NEWEST) found = false;
    HOLDS(check, found && rc_pins_eq(pins, &c->pins), "W7 a child has the version that was pinned",
          "command %llu", ULL(c->id.seq));
}

static void step_and_child_agree(struct children_check *check, const struct rc_command *c, uint32_t at)
{
    const struct rc_child *link = &c->data[at].child;
    const struct rc_command *child = child_of(check, c, at);
    unsigned state = c->node[at].state, was = check->before[c->id.seq][at];
    /* a person has rolled it back, or let what is below it go on, in the same turn */
    bool back = child && (child->mode == RC_MODE_ROLL_BACK || (check->acted && link->state == RC_RUNNING));
    if (state == RC_STEP_SUCCEEDED && !back && was != RC_STEP_SUCCEEDED && c->node[at].why != RC_WHY_PERSON) {
        bool early = check->control == CHILDREN_EARLY;
        HOLDS(check, link->link.seq && rc_child_succeeded(early ? RC_RUNNING : link->state),
              "W2 a step succeeds when its child has", "command %llu, step %u", ULL(c->id.seq), at);
    }
    if (!child) return;
    unsigned heard = check->control == CHILDREN_DEAF ? RC_PENDING : link->state;
    HOLDS(check, heard == told(child), "W3 a parent knows how its child stands",
          "command %llu, step %u: %s, and command %llu is %s", ULL(c->id.seq), at, rc_state_word(heard).slug,
          ULL(child->id.seq), rc_state_word(child->state).slug);
    HOLDS(check, child->parent.told == told(child), "W3 a parent knows how its child stands",
          "command %llu has told %s", ULL(child->id.seq), rc_state_word(child->parent.told).slug);
}

/* It waits for a person, or for one that does. */
static bool rests(const struct rc_command *child)
{
    bool waits = rc_command_waits_in_lane(child); /* for another command, which rests */
    for (uint32_t i = 1; i < child->nnodes; i++) waits |= child->node[i].phase == RC_PHASE_CHILD;
    return !rc_state_ended(child->state) && (waits || rc_state_rests(child->state));
}

static void waits_for_somebody(struct children_check *check, const struct rc_command *c, uint32_t at)
{
    const struct rc_command *child = child_of(check, c, at);
    if (c->node[at].phase != RC_PHASE_CHILD || !child) return;
    check->seen->rested++;
    bool doctored = check->control == CHILDREN_FOR_EVER;
    HOLDS(check, rests(child) && !doctored, "W4 nobody waits for a command that has ended",
          "command %llu, step %u: command %llu is %s", ULL(c->id.seq), at, ULL(child->id.seq),
          rc_state_word(child->state).slug);
    /* nor for one that has failed or was rejected: that is for its block to act on */
    bool failed = child->state == RC_FAILED || child->state == RC_REJECTED;
    if (check->control == CHILDREN_NO_STRATEGY) failed = child->state == RC_REVIEW;
    HOLDS(check, !failed || c->node[at].state != RC_STEP_ACTIVE,
          "W4 nobody waits for a command that has ended", "command %llu, step %u: command %llu is %s",
          ULL(c->id.seq), at, ULL(child->id.seq), rc_state_word(child->state).slug);
}

static bool stands(const struct rc_command *c)
{
    bool any = false;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        const struct flow_step *step = rc_node_step(c, i);
        unsigned state = c->node[i].state;
        if (flow_is_block(step->kind)) continue;
        any |= state == RC_STEP_SUCCEEDED && !flow_nothing_to_undo(&step->call);
        any |= state == RC_STEP_UNDOING || state == RC_STEP_UNDO_UNKNOWN || state == RC_STEP_UNDO_FAILED;
    }
    return any;
}

/* A step that has succeeded keeps what its child did; of what a person has said nothing is known. */
static void end_has_reached_it(struct children_check *check, const struct rc_command *c, uint32_t at)
{
    const struct rc_command *child = child_of(check, c, at);
    const struct rc_node *node = &c->node[at];
    bool backward = c->mode == RC_MODE_CANCEL || c->mode == RC_MODE_ROLL_BACK;
    if (!child || !backward || !rc_state_ended(c->state) || node->why == RC_WHY_PERSON || check->lied) return;
    if (node->state == RC_STEP_SUCCEEDED) return;
    check->seen->stood++;
    bool back = child->mode == RC_MODE_ROLL_BACK && c->state == RC_CANCELLED; /* a person has, since */
    bool over = rc_state_ended(child->state) || back;
    bool doctored = check->control == CHILDREN_LEFT_ALONE;
    HOLDS(check, over && !doctored, "W5 what ends a parent reaches its children",
          "command %llu is %s, its child %llu %s", ULL(c->id.seq), rc_state_word(c->state).slug,
          ULL(child->id.seq), rc_state_word(child->state).slug);
    bool gone = c->state != RC_ROLLED_BACK || child->state == RC_RESOLVED || !stands(child);
    HOLDS(check, gone, "W5 what ends a parent reaches its children",
          "command %llu is rolled back, and its child %llu stands", ULL(c->id.seq), ULL(child->id.seq));
}

void children_check(struct children_check *check)
{
    for (uint64_t seq = 1; seq <= check->n && !check->verdict->law; seq++) {
        const struct rc_command *c = &check->command[seq];
        if (c->parent.link.seq) one_child_of_a_start(check, c);
        if (c->parent.link.seq && !check->verdict->law) version_is_pinned(check, c);
        for (uint32_t i = 1; i < c->nnodes && i < CHILDREN_NODES; i++) {
            if (!is_child_step(c, i)) continue;
            check->seen->put_off += rc_child_is_to_be_asked(c, i);
            step_and_child_agree(check, c, i);
            if (check->at_rest) waits_for_somebody(check, c, i);
            if (check->at_rest) end_has_reached_it(check, c, i);
        }
        for (uint32_t i = 0; i < c->nnodes && i < CHILDREN_NODES; i++)
            check->before[seq][i] = c->node[i].state;
    }
}
