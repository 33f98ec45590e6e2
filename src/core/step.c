/* One message to one command: the entry. Requests may be refused, facts may not (rule 2). */
#include "core/advance.h"
#include "core/mailbox.h"

/* A fact about an attempt that is not the open one came too late: somebody settled it otherwise. */
static bool is_current(const struct rc_draft *draft)
{
    const struct rc_ask *ask = draft->ask;
    if (ask->node == 0 && ask->kind == RC_MSG_DUE) return rc_clock_is_due(draft);
    if (ask->node == 0 && ask->kind == RC_MSG_LOST)
        return ask->set_aside && draft->c.node[0].phase == RC_PHASE_DELAYED;
    if (ask->node >= draft->c.nnodes) return false;
    const struct rc_node *node = &draft->c.node[ask->node];
    if (ask->kind == RC_MSG_DUE)
        return rc_phase_has_time(node->phase, draft->c.data[ask->node].times.due) &&
               draft->c.data[ask->node].times.due <= ask->now;
    if (ask->kind == RC_MSG_SIGNALLED) return rc_command_listens(&draft->c, ask->node, ask->u.signal);
    bool out = node->phase == RC_PHASE_OPEN;
    if (ask->kind == RC_MSG_LOST && ask->set_aside) /* not what left after the attempt that was lost */
        return out ? node->attempt == ask->attempt : node->phase != RC_PHASE_NONE;
    if (rc_node_step(&draft->c, ask->node)->kind != FLOW_CALL) return false;
    if (ask->kind == RC_MSG_ADMIT && draft->c.past && ask->from.id != rc_node_gate(&draft->c, ask->node))
        return false;                           /* it was another step's, of a version before */
    if (ask->kind == RC_MSG_ADMIT) return true; /* the place must be given back where it is not needed */
    return out && node->attempt == ask->attempt;
}

static void give_place_back(struct rc_draft *draft)
{
    uint32_t at = draft->ask->node;
    rc_draft_message(draft, (struct rc_ask){.kind = RC_MSG_DONE,
                                            .to = {.agg = RC_AGG_GATE, .id = rc_node_gate(&draft->c, at)},
                                            .node = at});
}

/* It is not waited for any more: the next one may have it. */
static void give_signal_back(struct rc_draft *draft)
{
    rc_draft_message(draft, (struct rc_ask){.kind = RC_MSG_SIGNAL,
                                            .to = draft->ask->from,
                                            .node = draft->ask->node,
                                            .u.signal = draft->ask->u.signal});
}

/* What waited for a time goes on. */
static void time_has_come(struct rc_draft *draft, uint32_t at)
{
    switch (rc_node_step(&draft->c, at)->kind) {
    case FLOW_CALL: rc_step_want(draft, at); break;
    case FLOW_SLEEP: rc_sleep_over(draft, at); break;
    case FLOW_WAIT: rc_wait_over(draft, at); break;
    case FLOW_APPROVE:
    case FLOW_ESCALATE: rc_ask_over(draft, at); break;
    case FLOW_CONFIRM: rc_confirm_look(draft, at); break;
    case FLOW_REPEAT: rc_repeat_due(draft, at); break;
    case FLOW_CHILD: rc_child_due(draft, at); break;
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_SET:
    case FLOW_FALLBACK: break;
    }
}

/* The server died each time it was at it: a person decides how it goes on. */
static void set_aside(struct rc_draft *draft, uint32_t at)
{
    switch (rc_node_step(&draft->c, at)->kind) {
    case FLOW_CALL: rc_step_lost(draft, at, true); break;
    case FLOW_CONFIRM:
    case FLOW_SLEEP:
    case FLOW_SET:
    case FLOW_WAIT: rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_CRASH_LOOP); break;
    case FLOW_APPROVE:
    case FLOW_ESCALATE: rc_ask_end(draft, at, RC_STEP_FAILED, RC_WHY_CRASH_LOOP); break;
    case FLOW_CHILD: rc_child_set_aside(draft, at); break;
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_REPEAT:
    case FLOW_FALLBACK: rc_command_halt(draft, RC_WHY_CRASH_LOOP); break;
    }
}

/* A deadline that is over comes before whatever else is said: nothing new leaves behind it. */
static void look_at_the_deadline(struct rc_draft *draft)
{
    bool begun = !rc_command_waits_to_begin(&draft->c);
    if (begun && rc_clock_is_due(draft)) rc_clock_due(draft);
}

static void fact(struct rc_draft *draft)
{
    const struct rc_ask *ask = draft->ask;
    if (!is_current(draft)) {
        if (ask->kind == RC_MSG_SIGNALLED) give_signal_back(draft);
        if (ask->kind == RC_MSG_ADMIT && draft->c.past)
            rc_draft_message(draft, (struct rc_ask){.kind = RC_MSG_DONE, .to = ask->from, .node = ask->node});
        return;
    }
    if (ask->node) look_at_the_deadline(draft);
    if (ask->kind == RC_MSG_RESULT) {
        give_place_back(draft);
        rc_step_result(draft, ask->node, ask->u.result);
    } else if (ask->node == 0 && ask->kind == RC_MSG_DUE) {
        rc_clock_due(draft);
    } else if (ask->node == 0 && ask->kind == RC_MSG_LOST) {
        rc_command_halt(draft, RC_WHY_CRASH_LOOP);
    } else if (ask->kind == RC_MSG_LOST && ask->set_aside) {
        set_aside(draft, ask->node);
    } else if (ask->kind == RC_MSG_LOST) { /* its place went with the process */
        rc_step_lost(draft, ask->node, false);
    } else if (ask->kind == RC_MSG_DUE) {
        time_has_come(draft, ask->node);
    } else if (ask->kind == RC_MSG_SIGNALLED) {
        rc_wait_signalled(draft, ask->node, ask->u.signal);
    } else {
        rc_step_admit(draft, ask->node);
    }
}

static enum rc_status act(struct rc_draft *draft)
{
    const struct rc_act *act = draft->ask->u.act;
    enum rc_status status = RC_OK;
    look_at_the_deadline(draft);
    if (rc_child_is_asked(draft)) act = rc_child_wish(draft, &status);
    return act ? rc_command_act(draft, act) : status;
}

static enum rc_status take(struct rc_draft *draft)
{
    switch ((enum rc_to_command)draft->ask->kind) {
    case RC_MSG_SUBMIT:
        rc_place_submit(draft);
        rc_people_submit(draft);
        rc_child_submit(draft);
        rc_clock_submit(draft);
        return RC_OK; /* the tree starts by itself */
    case RC_MSG_ACTION: return act(draft);
    case RC_MSG_ADMIT:
    case RC_MSG_RESULT:
    case RC_MSG_LOST:
    case RC_MSG_DUE:
    case RC_MSG_SIGNALLED: fact(draft); return RC_OK;
    case RC_MSG_RESTORED: rc_command_restored(draft); return RC_OK;
    case RC_MSG_GRANT: rc_place_grant(draft); return RC_OK;
    case RC_MSG_CHILD: rc_child_told(draft); return RC_OK;
    case RC_MSG_CHILD_TELL:         /* how it stands is told below, when all is settled */
    case RC_MSG_LATE: return RC_OK; /* that it came is what is recorded */
    }
    return rc_fail(draft->err, RC_BUG, "message %u is none to a command", draft->ask->kind);
}

enum rc_status rc_command_step(const struct rc_command *command, const struct rc_ask *ask,
                               const struct flow_set *set, struct rc_arena *arena, struct rc_out *ret_out,
                               struct rc_error *err)
{
    struct rc_draft draft;
    struct rc_out out;
    enum rc_status status = rc_draft_begin(&draft, command, ask, set, arena, &out, err);
    bool asked = status == RC_OK && ask->kind != RC_MSG_SUBMIT && rc_ask_again_where_void(&draft);
    if (status == RC_OK) status = draft.status; /* without room nothing is known of what was approved */
    if (status == RC_OK) status = take(&draft);
    if (status != RC_OK) return status;
    asked = asked || rc_ask_again_where_void(&draft); /* before what stands behind it begins */
    rc_advance(&draft);
    if (!asked && rc_ask_again_where_void(&draft)) rc_advance(&draft);
    rc_clock_settle(&draft);
    rc_place_settle(&draft);
    rc_child_tell(&draft);
    status = rc_draft_finish(&draft);
    if (status == RC_OK) *ret_out = out;
    return status;
}
