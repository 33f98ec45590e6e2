/* Waits: a step that goes on when a signal comes. It listens at the mailbox that its id and the signal's name say; the signal
 * may have come before. While it waits, the id is the step's external id. */
#include "core/advance.h"
#include "core/mailbox.h"

#include "base/limits.h"

/* A text, or a whole number; else err says why not. */
static bool read_id(struct rc_draft *draft, uint32_t at, struct rc_sv *ret, struct rc_error *err)
{
    struct cel_value value;
    enum rc_status status = rc_site_eval(draft, at, rc_node_step(&draft->c, at)->wait.id, NULL, &value, err);
    if (status != RC_OK) return false;
    struct rc_buf text = rc_buf_in(draft->arena, RC_MAX_EXTERNAL_ID);
    if (value.kind == CEL_INT)
        cel_put_json(&text, value);
    else if (value.kind == CEL_STRING)
        rc_put(&text, cel_text(value));
    else
        status = rc_fail(err, RC_EVAL, "the id of a signal is a text or a whole number, and this is %s",
                         cel_kind_name((enum cel_kind)value.kind));
    if (status == RC_OK && text.status == RC_LIMIT)
        status = rc_fail(err, RC_LIMIT, "the id of a signal has at most %d bytes", RC_MAX_EXTERNAL_ID);
    else if (status == RC_OK && text.status == RC_OK && text.n == 0)
        status = rc_fail(err, RC_EVAL, "the id of the signal is empty");
    if (text.status == RC_NOMEM) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    *ret = rc_buf_sv(&text);
    return status == RC_OK;
}

void rc_wait_start(struct rc_draft *draft, uint32_t at)
{
    const struct flow_wait *wait = &rc_node_step(&draft->c, at)->wait;
    struct rc_data *data = &draft->c.data[at];
    struct rc_error error;
    struct rc_sv id;
    rc_leaf_at_zero(draft, at);
    draft->c.node[at].state = RC_STEP_ACTIVE;
    if (!read_id(draft, at, &id, &error)) {
        rc_leaf_cannot(draft, at, &error);
        return;
    }
    data->external_id = id;
    data->times.first = draft->ask->now;
    data->times.due = wait->within ? draft->ask->now + wait->within : 0;
    draft->c.node[at].phase = RC_PHASE_WAITING;
    rc_draft_message(draft,
                     (struct rc_ask){.kind = RC_MSG_LISTEN,
                                     .to = {.agg = RC_AGG_MAILBOX, .id = rc_command_mailbox(&draft->c, at)},
                                     .node = at});
}

void rc_wait_signalled(struct rc_draft *draft, uint32_t at, const struct rc_signal *signal)
{
    struct rc_error error;
    struct cel_value outputs;
    (void)signal; /* what is made of it sees it as a root (site.c) */
    if (rc_step_outputs_of(draft, at, rc_node_step(&draft->c, at)->wait.outputs, NULL, &outputs, &error))
        rc_step_happened(draft, at, outputs, draft->c.data[at].external_id, RC_WHY_NONE);
    else
        rc_leaf_cannot(draft, at, &error);
}

void rc_wait_over(struct rc_draft *draft, uint32_t at)
{
    const struct flow_wait *wait = &rc_node_step(&draft->c, at)->wait;
    struct rc_sv text = rc_text(draft->arena, "the signal '%.*s' did not come for '%.*s'",
                                RC_SV_ARG(wait->signal), RC_SV_ARG(draft->c.data[at].external_id));
    if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, RC_WHY_NO_SIGNAL}, 0, text);
    switch ((enum flow_on_timeout)wait->on_timeout) {
    case FLOW_TIMEOUT_FAIL: rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_NO_SIGNAL); break;
    case FLOW_TIMEOUT_REJECT: rc_step_end(draft, at, RC_STEP_REJECTED, RC_WHY_NO_SIGNAL); break;
    case FLOW_TIMEOUT_CONTINUE: rc_step_end(draft, at, RC_STEP_SKIPPED, RC_WHY_NO_SIGNAL); break;
    }
}
