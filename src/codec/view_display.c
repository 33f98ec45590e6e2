/* The state of a command in words, sharper than the state's own text where its clock, its steps or its blocks allow it. */
#include "codec/view_part.h"
#include "core/tree.h"

void rc_view_until(struct rc_buf *buf, rc_us at)
{
    char time[RC_TIME_TEXT];
    rc_format_time(at, time);
    rc_put_format(buf, "waiting until %s", time);
}

/* What the clock says of a command is sharper than its state alone. */
static bool put_clock(struct rc_buf *buf, const struct rc_command *c, uint32_t step)
{
    char time[RC_TIME_TEXT];
    if (c->state == RC_PENDING && rc_command_waits_in_lane(c)) {
        rc_put_format(buf, "waits for its turn: concurrency key %.*s", RC_SV_ARG(c->place.key));
        return true;
    }
    if (c->state == RC_PENDING && rc_command_waits_to_begin(c)) {
        rc_format_time(c->data[0].times.due, time);
        rc_put_format(buf, "starts at %s", time);
        return true;
    }
    bool late = c->why == RC_WHY_DEADLINE &&
                (c->state == RC_REVIEW || c->state == RC_CANCELLED || c->state == RC_ROLLED_BACK);
    if (!late || step) return false;
    rc_put_format(buf, "%s: %s", rc_state_word(c->state).text, rc_why_word(RC_WHY_DEADLINE).text);
    return true;
}

/* What comes first is no other try, but the end of a sleep, or of the pause of a repeat. */
static bool put_sleep(struct rc_buf *buf, const struct rc_command *c)
{
    uint32_t first = 0;
    if (c->state != RC_WAITING && c->state != RC_PENDING) return false;
    for (uint32_t i = 1; i < c->nnodes; i++)
        if (c->node[i].phase == RC_PHASE_DELAYED &&
            (!first || c->data[i].times.due < c->data[first].times.due))
            first = i;
    if (!first || rc_step_at(c, first)->kind == FLOW_CALL) return false;
    rc_view_until(buf, c->data[first].times.due);
    return true;
}

/* Nothing is on its way, and what comes next waits until a worker asks for it. */
static bool put_worker(struct rc_buf *buf, const struct rc_command *c)
{
    struct rc_path path;
    uint32_t first = 0;
    if (c->state != RC_PENDING && c->state != RC_RUNNING) return false;
    for (uint32_t i = c->nnodes; i-- > 1;) {
        if (c->node[i].phase == RC_PHASE_OPEN) return false;
        if (c->node[i].phase == RC_PHASE_READY && rc_step_at(c, i)->call.worker) first = i;
    }
    if (!first) return false;
    rc_put_format(buf, "waits for a worker of %.*s: %.*s",
                  RC_SV_ARG(c->flow->dependencies[rc_step_at(c, first)->call.dependency]),
                  RC_SV_ARG(rc_view_step_name(c, first, &path)));
    return true;
}

/* A step whose outcome nobody knows, or a loop of which nobody knows whether it had begun. */
static bool is_open_end(const struct rc_command *c, uint32_t at)
{
    unsigned state = c->node[at].state;
    return state == RC_STEP_UNKNOWN || state == RC_STEP_UNDO_UNKNOWN || state == RC_STEP_UNDO_FAILED;
}

/* What the flow wanted and did not happen: of blocks only those that failed before anything in them began. */
static bool is_missing(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    bool whole = !flow_is_block(rc_step_at(c, at)->kind) || rc_has_not_begun(c, at);
    if (node->state == RC_STEP_SKIPPED) return node->why == RC_WHY_NEEDS || node->why == RC_WHY_PERSON;
    bool failed = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
    return is_open_end(c, at) || (failed && whole && !rc_is_closed(c, at));
}

static bool is_decision(unsigned why)
{
    return why == RC_WHY_DENIED || why == RC_WHY_EXPIRED || why == RC_WHY_NO_SIGNAL ||
           why == RC_WHY_UNCONFIRMED;
}

/* What became of a step. Where people or time decided, no other side has refused anything. */
static const char *fate(const struct rc_command *c, uint32_t at)
{
    unsigned why = c->node[at].why;
    bool decided = is_decision(why) || (why == RC_WHY_CHILD && !is_open_end(c, at));
    return decided ? rc_why_word((enum rc_why)why).text
                   : rc_step_word((enum rc_step_state)c->node[at].state).text;
}

/* A command that failed because people, or the time that they had, decided so. */
static bool put_decided(struct rc_buf *buf, const struct rc_command *c)
{
    struct rc_standing standing;
    struct rc_path path;
    if (c->state != RC_REJECTED && c->state != RC_FAILED) return false;
    rc_command_standing(c, &standing);
    if (standing.node == UINT32_MAX || !is_decision(standing.why)) return false;
    rc_put_format(buf, "%s: %.*s: %s", c->state == RC_REJECTED ? "refused" : "failed, can be retried",
                  RC_SV_ARG(rc_view_step_name(c, standing.node, &path)), fate(c, standing.node));
    return true;
}

/* The first one, and how many there are. */
static uint32_t find(const struct rc_command *c, bool missing, uint32_t *ret_n)
{
    uint32_t first = 0;
    *ret_n = 0;
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (missing ? !is_missing(c, i) : !is_open_end(c, i)) continue;
        if (!(*ret_n)++) first = i;
    }
    return first;
}

/* A person has to say where a choose goes on, or what becomes of what cannot be taken back. */
static bool put_stop(struct rc_buf *buf, const struct rc_command *c)
{
    struct rc_path path;
    for (uint32_t i = 0; i < c->nnodes && c->state == RC_REVIEW; i++) {
        const struct rc_node *node = &c->node[i];
        bool undecided = node->state == RC_STEP_ACTIVE && rc_step_at(c, i)->kind == FLOW_CHOOSE &&
                         node->why == RC_WHY_EXPRESSION;
        if (!undecided && (node->why != RC_WHY_IRREVERSIBLE || !flow_is_block(rc_step_at(c, i)->kind)))
            continue;
        struct rc_sv name = rc_view_step_name(c, i, &path);
        if (undecided)
            rc_put_format(buf, "a person must decide: %.*s cannot choose a case", RC_SV_ARG(name));
        else
            rc_put_format(buf,
                          "a person must decide: %.*s has failed, and what happened cannot be taken back",
                          RC_SV_ARG(name));
        return true;
    }
    return false;
}

void rc_view_display(struct rc_buf *buf, const struct rc_command *c)
{
    uint32_t step = 0, n = 0;
    struct rc_path path;
    if (c->state == RC_REVIEW || c->state == RC_PARTIAL) step = find(c, c->state == RC_PARTIAL, &n);
    if (put_clock(buf, c, step) || rc_view_deciding(buf, c) || rc_view_waiting(buf, c) ||
        rc_view_waiting_for_child(buf, c) || rc_view_confirming(buf, c) || put_sleep(buf, c) ||
        put_worker(buf, c))
        return;
    struct rc_sv name = rc_view_step_name(c, step, &path);
    const char *state = step ? fate(c, step) : "";
    if (step && c->state == RC_PARTIAL) {
        rc_put_format(buf, "completed, but %.*s: %s", RC_SV_ARG(name), state);
        if (n > 1) rc_put_format(buf, " (and %u more)", n - 1);
    } else if (c->state == RC_RESOLVED && c->why == RC_WHY_REPLACED) {
        rc_put_text(buf, rc_why_word(RC_WHY_REPLACED).text);
    } else if (step) {
        rc_put_format(buf, "a person must decide: %.*s %s", RC_SV_ARG(name), state);
        if (n > 1) rc_put_format(buf, " (and %u more)", n - 1);
    } else if (c->back && c->state == RC_REVIEW) {
        name = rc_view_step_name(c, c->back, &path);
        rc_put_format(buf, "a person must decide: rolled back to %.*s", RC_SV_ARG(name));
    } else if (!put_stop(buf, c) && !put_decided(buf, c)) {
        rc_put_text(buf, rc_state_word(c->state).text);
    }
}
