/* The command's state, derived from its nodes and its mode. Control only: no time, no data. */
#include "core/draft.h"
#include "core/tree.h"

struct tally {
    /* delayed: until it is tried, or looked at, again; waits: for a moment that the flow names, a signal, people, or a child */
    bool open, ready, delayed, waits, stuck, attempted;
};

/* A sleep, and what waits until something has come true, are at it although nothing leaves. */
static bool waits(const struct rc_command *c, uint32_t at)
{
    enum flow_kind kind = rc_node_step(c, at)->kind;
    switch ((enum rc_phase)c->node[at].phase) {
    case RC_PHASE_WAITING:
    case RC_PHASE_ASKED:
    case RC_PHASE_CHILD: return true;
    case RC_PHASE_DELAYED: return kind == FLOW_SLEEP || kind == FLOW_CONFIRM;
    case RC_PHASE_NONE:
    case RC_PHASE_READY:
    case RC_PHASE_OPEN:
    case RC_PHASES: break;
    }
    return false;
}

static struct tally count(const struct rc_command *command)
{
    struct tally t = {0};
    for (uint32_t i = 1; i < command->nnodes; i++) { /* what the root waits for is its clock */
        const struct rc_node *node = &command->node[i];
        t.open |= node->phase == RC_PHASE_OPEN;
        t.ready |= node->phase == RC_PHASE_READY;
        t.delayed |= node->phase == RC_PHASE_DELAYED;
        t.waits |= waits(command, i);
        if (rc_is_leaf(command, i)) {
            t.stuck |= rc_is_stuck(node);
            t.attempted |= rc_has_left(command, i) || node->doubt || node->state == RC_STEP_SUCCEEDED;
        } else {
            t.stuck |= node->state == RC_STEP_UNKNOWN;
        }
    }
    return t;
}

static bool missed(const struct rc_command *c, uint32_t at);

/* Of a block that has succeeded. */
static bool missed_in_block(const struct rc_command *c, uint32_t block)
{
    const struct flow_step *step = rc_step_at(c, block);
    bool any = false;
    switch (step->kind) {
    case FLOW_CHOOSE: return missed(c, rc_taken(c, block));
    case FLOW_REPEAT: return missed(c, rc_first_child(c, block, rc_passes(c, block) - 1));
    case FLOW_FALLBACK:
        return c->node[block + 1].state != RC_STEP_SUCCEEDED &&
                       c->node[rc_behind(c, block + 1)].state != RC_STEP_IDLE
                   ? missed(c, rc_behind(c, block + 1))
                   : missed(c, block + 1);
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_EACH:
    case FLOW_CALL:
    case FLOW_SLEEP:
    case FLOW_SET:
    case FLOW_WAIT:
    case FLOW_APPROVE:
    case FLOW_CONFIRM:
    case FLOW_ESCALATE:
    case FLOW_CHILD: break;
    }
    if (c->node[block].cleared) { /* enough is all that was wanted */
        uint32_t whole = 0;
        for (uint32_t i = 0; i < rc_branches(c, block); i++) {
            uint32_t branch =
                rc_branch(c, block, i); /* one that a person has left something out of is not whole */
            whole += c->node[branch].state == RC_STEP_SUCCEEDED && !missed(c, branch);
        }
        return whole < rc_needed(c, block);
    }
    for (uint32_t copy = 0; copy < step->copies; copy++)
        RC_EACH_CHILD (c, block, copy, child)
            any |= missed(c, child) && (step->kind != FLOW_EACH || copy < rc_branches(c, block));
    return any;
}

/* Whether something did not happen that the flow wanted. */
static bool missed(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    const struct flow_step *step = rc_step_at(c, at);
    if (node->state == RC_STEP_SKIPPED) {
        bool any = node->why == RC_WHY_PERSON;
        for (uint16_t i = 0; node->why == RC_WHY_NEEDS && i < step->nneeds; i++)
            any |= missed(
                c, rc_need(c, at, i)); /* what needs a step that the flow left out is left out with it */
        return any;
    }
    if (node->state != RC_STEP_SUCCEEDED) return true;
    return !rc_is_leaf(c, at) && missed_in_block(c, at);
}

static enum rc_state derive_forward(const struct rc_command *command, const struct tally *t)
{
    bool review = command->flow->on_failure == FLOW_REVIEW;
    if (t->open) return RC_RUNNING;
    if (t->ready) return t->attempted ? RC_RUNNING : RC_PENDING;
    if (t->waits) return RC_WAITING;
    if (t->delayed) return t->attempted ? RC_WAITING : RC_PENDING;
    unsigned root = command->node[0].state;
    if (root == RC_STEP_SUCCEEDED) /* and nothing is left in the dark */
        return t->stuck || missed(command, 0) ? RC_PARTIAL : RC_COMPLETED;
    if (command->node[0].why == RC_WHY_IRREVERSIBLE) return RC_REVIEW;
    if (root == RC_STEP_REJECTED) return review ? RC_REVIEW : RC_REJECTED;
    if (root == RC_STEP_FAILED) return review ? RC_REVIEW : RC_FAILED;
    return RC_REVIEW;
}

enum rc_state rc_command_derive(const struct rc_command *command)
{
    struct tally t = count(command);
    bool live = t.open || t.ready || t.delayed || t.waits;
    bool waits = rc_command_waits_to_begin(command) || rc_command_waits_in_lane(command);
    if (command->mode == RC_MODE_FORWARD && waits) return RC_PENDING;
    switch ((enum rc_mode)command->mode) {
    case RC_MODE_FORWARD: return derive_forward(command, &t);
    case RC_MODE_CANCEL: return live ? RC_CANCELLING : t.stuck ? RC_REVIEW : RC_CANCELLED;
    case RC_MODE_ROLL_BACK:
        return live ? RC_ROLLING_BACK : t.stuck || command->back ? RC_REVIEW : RC_ROLLED_BACK;
    case RC_MODE_ACCEPTED: return RC_RESOLVED;
    case RC_MODE_HALT: return t.open || t.ready ? RC_RUNNING : t.delayed || t.waits ? RC_WAITING : RC_REVIEW;
    case RC_MODES: break;
    }
    return RC_REVIEW;
}

bool rc_command_frees_key(const struct rc_command *command, const struct flow *flow, rc_us now)
{
    if (!rc_state_ended(command->state)) return false;
    switch ((enum flow_key_reuse)flow->key_reuse) {
    case FLOW_KEY_NEVER: break;
    case FLOW_KEY_AFTER_END: return flow->key_states >> command->state & 1;
    case FLOW_KEY_AFTER: return now >= command->changed && now - command->changed >= flow->key_after;
    }
    return false;
}

bool rc_command_in_flight(const struct rc_command *command)
{
    for (uint32_t i = 0; i < command->nnodes; i++)
        if (command->node[i].phase == RC_PHASE_OPEN) return true;
    return false;
}

struct rc_h128 rc_idempotency_key(const struct rc_command *command, uint32_t at, enum rc_purpose purpose)
{
    const struct rc_node *node = &command->node[at], *tree = command->node;
    const struct rc_birth birth = command->data[at].birth;
    const struct flow *flow = command->flow;
    for (const struct rc_past *past = command->past; past && past->number >= birth.move;
         past = past->before) { /* as it stood where it was born */
        tree = past->node;
        flow = past->flow;
    }
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_u64(&sha, command->id.nonce);
    for (uint32_t i = birth.at;;
         i = tree[i].parent) { /* the path of the instance, from the leaf to the root */
        rc_sha256_add_u64(&sha, (uint64_t)tree[i].node << 32 | tree[i].item);
        if (i == tree[i].parent) break;
    }
    rc_sha256_add_u64(&sha, purpose);
    rc_sha256_add_u64(&sha, (uint64_t)node->round << 8 | (purpose == RC_UNDO ? node->undo_round : 0));
    if (birth.move) { /* no step of the version that it was moved to has a key of one before */
        rc_sha256_add_u64(&sha, birth.move);
        rc_sha256_add_u64(&sha, flow->digest.hi);
        rc_sha256_add_u64(&sha, flow->digest.lo);
    }
    if (purpose == RC_ACT && flow_confirms(rc_node_step(command, at))) /* each is a question of its own */
        rc_sha256_add_u64(&sha, node->attempt);
    return rc_sha256_h128(&sha);
}

struct rc_h128 rc_command_control_hash(const struct rc_command *command)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_u64(&sha, command->mode);
    if (command->back) rc_sha256_add_u64(&sha, command->back);
    rc_sha256_add(&sha, command->node, command->nnodes * sizeof *command->node);
    return rc_sha256_h128(&sha);
}
