/* How a step begins: a call asks for a place, a set is worked out at once, a sleep waits for a time (wait.c: a wait, for a signal;
 * ask.c: what asks people). */
#include "core/advance.h"

#include "base/limits.h"

void rc_leaf_at_zero(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    node->tries = node->asks = 0;
    node->cleared = 0;
    node->why = RC_WHY_NONE;
    draft->c.data[at].times = (struct rc_times){.keyed = draft->c.data[at].times.keyed};
}

void rc_step_start(struct rc_draft *draft, uint32_t at)
{
    rc_leaf_at_zero(draft, at);
    rc_step_want(draft, at);
}

void rc_cannot_begin(struct rc_draft *draft, uint32_t at, enum rc_why why, const struct rc_error *error)
{
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, why}, 0, rc_sv_of(error->text));
    rc_step_end(draft, at, RC_STEP_FAILED, why);
    if (!rc_is_leaf(&draft->c, at))
        draft->c.node[at].tries = 1; /* nothing in it begins until a person retries it */
}

void rc_leaf_cannot(struct rc_draft *draft, uint32_t at, const struct rc_error *error)
{
    rc_cannot_begin(draft, at, RC_WHY_EXPRESSION, error);
}

static void set(struct rc_draft *draft, uint32_t at)
{
    struct cel_value values;
    struct rc_error error;
    rc_leaf_at_zero(draft, at);
    enum rc_status status =
        rc_site_eval(draft, at, rc_node_step(&draft->c, at)->values, NULL, &values, &error);
    if (status == RC_OK) status = rc_can_be_kept(values, "values", RC_MAX_OUTPUTS, &error);
    if (status != RC_OK)
        rc_leaf_cannot(draft, at, &error);
    else
        rc_step_happened(draft, at, values, (struct rc_sv){0}, RC_WHY_NONE);
}

/* When a sleep ends. False: the expression gives no time, or one that is too far off; error says so. */
static bool sleep_end(struct rc_draft *draft, uint32_t at, rc_us *ret, struct rc_error *error)
{
    const int64_t longest = RC_MAX_SPAN_DAYS * INT64_C(86400);
    const struct flow_sleep *sleep = &rc_node_step(&draft->c, at)->sleep;
    rc_us now = draft->ask->now;
    struct cel_value value;
    enum rc_status status = RC_OK;
    *ret = now + sleep->span;
    if (!sleep->until) return true;
    if (rc_site_eval(draft, at, sleep->until, NULL, &value, error) != RC_OK) return false;
    bool span = value.kind == CEL_DURATION;
    if (!span && value.kind != CEL_TIMESTAMP) {
        status = rc_fail(error, RC_EVAL, "until is a timestamp or a duration, and this is %s",
                         cel_kind_name((enum cel_kind)value.kind));
        return status == RC_OK;
    }
    int64_t seconds = value.v.i - (span ? 0 : (int64_t)(now / RC_SECONDS(1)));
    int32_t ns = (int32_t)value.n;
    *ret = now;
    if (seconds < 0) return true;
    if (seconds <= longest) {
        rc_us whole = span ? now : now - now % RC_SECONDS(1);
        *ret = whole + RC_SECONDS((uint64_t)seconds) + (ns > 0 ? (rc_us)ns / 1000 : 0);
    }
    if (seconds > longest || *ret > now + RC_SECONDS((uint64_t)longest))
        status = rc_fail(error, RC_LIMIT, "until is more than %u days away, and a sleep is at most that long",
                         RC_MAX_SPAN_DAYS);
    return status == RC_OK;
}

static void sleep(struct rc_draft *draft, uint32_t at)
{
    struct rc_error error;
    rc_us end;
    rc_leaf_at_zero(draft, at);
    draft->c.node[at].state = RC_STEP_ACTIVE;
    if (!sleep_end(draft, at, &end, &error))
        rc_leaf_cannot(draft, at, &error);
    else if (end <= draft->ask->now)
        rc_sleep_over(draft, at);
    else
        rc_step_delay(draft, at, end);
}

void rc_sleep_over(struct rc_draft *draft, uint32_t at)
{
    rc_step_happened(draft, at, cel_null(), (struct rc_sv){0}, RC_WHY_NONE);
}

void rc_leaf_start(struct rc_draft *draft, uint32_t at)
{
    struct rc_node *node = &draft->c.node[at];
    bool first =
        node->state != RC_STEP_ACTIVE; /* what a person repeats in doubt goes out without a question */
    node->state = RC_STEP_ACTIVE;
    switch (rc_node_step(&draft->c, at)->kind) {
    case FLOW_SLEEP: sleep(draft, at); break;
    case FLOW_SET: set(draft, at); break;
    case FLOW_WAIT: rc_wait_start(draft, at); break;
    case FLOW_APPROVE:
    case FLOW_ESCALATE: rc_ask_start(draft, at); break;
    case FLOW_CONFIRM: rc_confirm_start(draft, at); break;
    case FLOW_CHILD: rc_child_start(draft, at); break;
    case FLOW_CALL:
        if (flow_confirms(rc_node_step(&draft->c, at)))
            rc_confirm_start(draft, at);
        else if (first && node->doubt)
            rc_step_start_in_doubt(draft, at);
        else
            rc_step_start(draft, at);
        break;
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_REPEAT:
    case FLOW_FALLBACK: break;
    }
}
