/* What an ended attempt means for its step. */
#include "core/draft.h"
#include "core/tree.h"

#include "base/limits.h"

void rc_step_end(struct rc_draft *draft, uint32_t at, unsigned state, enum rc_why why)
{
    struct rc_node *node = &draft->c.node[at];
    node->state = (uint8_t)state;
    node->phase = RC_PHASE_NONE;
    node->why = (uint8_t)why;
    draft->c.data[at].times.due = 0;
}

void rc_step_happened(struct rc_draft *draft, uint32_t at, struct cel_value outputs, struct rc_sv external_id,
                      enum rc_why why)
{
    const struct rc_side *side = rc_node_side(&draft->c.node[at]);
    struct rc_data *data = &draft->c.data[at];
    rc_step_end(draft, at, side->succeeded, why);
    draft->c.node[at].doubt = 0;
    data->times = (struct rc_times){0};
    if (!side->undo) {
        data->outputs = outputs;
        data->external_id = external_id;
    }
}

/* No time that is made of a moment and a span overflows. */
#define LONGEST RC_SECONDS(RC_MAX_SPAN_DAYS *UINT64_C(86400))

/* ---- again ---------------------------------------------------------------------------------------------------------- */

_Static_assert(LONGEST <= UINT64_MAX / RC_MAX_ATTEMPTS, "a delay that counts does not overflow");

/* Delay before the next try when `tries` have been made (flow.h has the formulas). */
static rc_us delay_after(const struct flow_retry *retry, uint16_t tries, uint64_t *random)
{
    rc_us delay = retry->delay, cap = LONGEST;
    if (retry->max_delay && retry->max_delay < cap) cap = retry->max_delay;
    if (retry->backoff == FLOW_LINEARLY) delay *= tries;
    for (uint16_t i = 1; retry->backoff == FLOW_EXPONENTIAL && i < tries && delay < cap; i++) delay *= 2;
    if (delay > cap) delay = cap;
    if (retry->jitter == FLOW_FULL_JITTER && delay) return rc_mix(random) % (delay + 1);
    if (retry->jitter == FLOW_EQUAL_JITTER && delay)
        return delay / 2 + rc_mix(random) % (delay - delay / 2 + 1);
    return delay;
}

/* Sets the step to try again after its policy's delay. False, and untouched, when the policy allows no more. */
static bool schedule(struct rc_draft *draft, uint32_t at, const struct flow_retry *retry, uint16_t tries,
                     rc_us first, rc_us at_least)
{
    rc_us now = draft->ask->now, delay = delay_after(retry, tries, &draft->random);
    if (at_least > LONGEST) at_least = LONGEST; /* what the other side asks for may be anything */
    if (delay < at_least) delay = at_least;
    if (tries >= retry->attempts) return false;
    if (retry->duration && first && now + delay > first + retry->duration) return false;
    if (delay)
        rc_step_delay(draft, at, now + delay);
    else
        rc_step_want(draft, at);
    return true;
}

/* Reasons that no waiting mends. */
static bool needs_a_person(enum rc_why why)
{
    return why == RC_WHY_CONFIGURATION || why == RC_WHY_ADDRESS;
}

/* A block around it takes back what happened, or gives up what it had begun. */
static bool is_turned_round(const struct rc_command *c, uint32_t at)
{
    for (uint32_t block = c->node[at].parent;; block = c->node[block].parent) {
        if (c->node[block].state == RC_STEP_UNDOING) return true;
        if (!block) return false;
    }
}

/* Outside FORWARD only checks and undos may start; and so in what is only settled. */
static bool may_try(const struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    if (rc_node_side(&c->node[at])->undo) return true;
    return c->mode == RC_MODE_FORWARD && !rc_only_settled(c, at) && !is_turned_round(c, at);
}

/* Whether what the step needs is there. Only a step in doubt is settled without: another life of the store may have had it. */
static bool may_go_on(struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    if (rc_node_side(&c->node[at])->undo || c->mode != RC_MODE_FORWARD) return true;
    return rc_step_needs_are_met(c, at) && !rc_only_asked(c, at) && rc_step_condition_holds(draft, at);
}

void rc_step_end_without(struct rc_draft *draft, uint32_t at, unsigned state, enum rc_why why)
{
    struct rc_node *node = &draft->c.node[at];
    const struct rc_side *side = rc_node_side(node);
    if (!node->doubt) {
        rc_step_end(draft, at, state, why);
        return;
    }
    rc_step_end(draft, at, side->unknown, why);
    node->asks = 0;
    draft->c.data[at].times.since = draft->ask->now;
    if (rc_side_action(&draft->c, at)->check.present) rc_step_want(draft, at);
}

void rc_step_end_unsent(struct rc_draft *draft, uint32_t at, unsigned state, enum rc_why why)
{
    if (!draft->c.node[at].doubt) {
        rc_step_end(draft, at, state, why);
        return;
    }
    rc_step_end(draft, at, rc_node_side(&draft->c.node[at])->unknown, why);
    draft->c.node[at].asks = 0;
    draft->c.data[at].times.since = draft->ask->now;
}

void rc_step_give_up(struct rc_draft *draft, uint32_t at)
{
    enum rc_why why = draft->c.mode == RC_MODE_FORWARD  ? RC_WHY_GIVEN_UP
                      : draft->c.why == RC_WHY_DEADLINE ? RC_WHY_DEADLINE
                                                        : RC_WHY_PERSON;
    rc_step_end_without(draft, at, rc_has_left(&draft->c, at) ? RC_STEP_FAILED : RC_STEP_IDLE, why);
}

void rc_step_again(struct rc_draft *draft, uint32_t at, enum rc_why why, rc_us retry_after)
{
    struct rc_node *node = &draft->c.node[at];
    const struct rc_side *side = rc_node_side(node);
    const struct flow_action *action = rc_side_action(&draft->c, at);
    struct rc_times *times = &draft->c.data[at].times;
    node->state = side->active;
    node->asks = 0;
    if (needs_a_person(why) || !may_try(draft, at))
        rc_step_end_without(draft, at, side->failed, why);
    else if (schedule(draft, at, &action->retry, node->tries, times->first, retry_after))
        node->why = (uint8_t)why;
    else
        rc_step_end_without(draft, at, side->failed, RC_WHY_RETRIES);
}

static enum rc_why why_left_out(const struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    bool condition = !rc_only_asked(c, at) && rc_step_needs_are_met(c, at);
    return condition ? RC_WHY_CONDITION : rc_why_left_out(c, at);
}

void rc_step_did_not_happen(struct rc_draft *draft, uint32_t at, enum rc_why why)
{
    draft->c.node[at].doubt = 0;
    draft->c.data[at].times.since = 0;
    rc_step_nothing_followed(draft, at);
    if (may_go_on(draft, at))
        rc_step_again(draft, at, why, 0);
    else
        rc_step_end(draft, at, RC_STEP_SKIPPED, why_left_out(draft, at));
}

/* ---- unknown -------------------------------------------------------------------------------------------------------- */

bool rc_step_key_is_fresh(const struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    const struct flow_dependency *dependency =
        flow_set_dependency(draft->set, c->flow->dependencies[rc_node_step(c, at)->call.dependency]);
    rc_us keyed = c->data[at].times.keyed;
    return !dependency || !dependency->key_lifetime || draft->ask->now < keyed + dependency->key_lifetime;
}

/* No check can say more: the same request may go out again under the same key, or a person must look. */
static void repeat_or_stop(struct rc_draft *draft, uint32_t at, enum rc_why why)
{
    struct rc_node *node = &draft->c.node[at];
    const struct rc_side *side = rc_node_side(node);
    const struct flow_action *action = rc_side_action(&draft->c, at);
    bool given_up =
        !side->undo && rc_is_given_up(&draft->c, at); /* it would be asked for again, without end */
    if (!action->repeatable || given_up || !may_try(draft, at) || !may_go_on(draft, at)) {
        rc_step_end(draft, at, side->unknown, why);
    } else if (!rc_step_key_is_fresh(draft, at)) {
        rc_step_end(draft, at, side->unknown, RC_WHY_KEY_EXPIRED);
    } else {
        node->state = side->active;
        node->doubt = 1;
        node->asks = 0; /* those were checks; what is required is asked anew */
        if (schedule(draft, at, &action->retry, node->tries, draft->c.data[at].times.first, 0)) return;
        rc_step_end(draft, at, side->unknown, RC_WHY_RETRIES);
    }
}

void rc_step_became_unknown(struct rc_draft *draft, uint32_t at, enum rc_why why)
{
    struct rc_node *node = &draft->c.node[at];
    node->state = rc_node_side(node)->unknown;
    node->why = (uint8_t)why;
    node->asks = 0;
    draft->c.data[at].times.since = draft->ask->now;
    if (rc_side_action(&draft->c, at)->check.present)
        rc_step_want(draft, at);
    else
        repeat_or_stop(draft, at, why == RC_WHY_RESTORED ? why : RC_WHY_NO_CHECK);
}

/* ---- answers to an action or an undo -------------------------------------------------------------------------------- */

static struct rc_sv external_id_of(struct rc_draft *draft, uint32_t at, struct cel_value outputs)
{
    struct rc_sv name = rc_node_step(&draft->c, at)->call.external_id;
    const struct cel_value *id = name.n ? cel_map_find(&outputs, cel_string(name)) : NULL;
    if (!id) return (struct rc_sv){0};
    if (id->kind == CEL_STRING) return cel_text(*id);
    struct rc_buf text = rc_buf_in(draft->arena, RC_MAX_EXTERNAL_ID);
    cel_put_json(&text, *id);
    return text.status == RC_OK ? rc_buf_sv(&text) : (struct rc_sv){0};
}

bool rc_step_outputs_of(struct rc_draft *draft, uint32_t at, flow_site site, const struct rc_result *result,
                        struct cel_value *ret, struct rc_error *err)
{
    *ret = cel_null();
    if (!site) return true;
    return rc_site_eval(draft, at, site, result, ret, err) == RC_OK &&
           rc_can_be_kept(*ret, "outputs", RC_MAX_OUTPUTS, err) == RC_OK;
}

static const struct flow_dependency *dependency_of(const struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    return flow_set_dependency(draft->set, c->flow->dependencies[rc_node_step(c, at)->call.dependency]);
}

/* The last words of a program that has failed: what it said before has led up to them. */
static struct rc_sv last_words(struct rc_sv text)
{
    enum { MOST = RC_MAX_FAULT - 32 };
    if (text.n <= MOST) return text;
    uint32_t cut = text.n - MOST;
    while (cut < text.n && ((unsigned char)text.p[cut] & 0xc0) == 0x80) cut++; /* not inside a character */
    return (struct rc_sv){text.p + cut, text.n - cut};
}

/* The words of what went wrong: the executor's, or the status with the beginning of the answer. */
static void remember_fault(struct rc_draft *draft, uint32_t at, struct rc_finding finding,
                           const struct rc_result *result)
{
    const struct flow_dependency *dependency = dependency_of(draft, at);
    bool program = dependency && dependency->kind == FLOW_DEP_PROGRAM;
    bool worker = dependency && dependency->kind == FLOW_DEP_WORKER; /* its status is ours: enum rc_report */
    const char *what = program ? "exit code" : "HTTP";
    struct rc_sv text = result->error, excerpt = program ? last_words(result->excerpt) : result->excerpt;
    if (finding.why == RC_WHY_BAD_ANSWER && result->error.n) /* its status says nothing of what is wrong */
        excerpt = excerpt.n ? rc_text(draft->arena, "%.*s: %.*s", RC_SV_ARG(text), RC_SV_ARG(excerpt)) : text;
    if (result->reach == RC_ANSWERED && worker)
        text = excerpt.n ? rc_text(draft->arena, "the worker: %.*s", RC_SV_ARG(excerpt))
                         : RC_SV("the worker gave no reason");
    else if (result->reach == RC_ANSWERED)
        text = excerpt.n ? rc_text(draft->arena, "%s %u: %.*s", what, result->status, RC_SV_ARG(excerpt))
                         : rc_text(draft->arena, "%s %u", what, result->status);
    rc_draft_fault(draft, at, finding, result->status, text);
}

/* The answer is there, and an expression of the flow can make nothing of it. */
static const struct rc_finding no_sense = {RC_OUT_NONE, RC_WHY_EXPRESSION};

/* What must come true is asked again, until it holds or its time is over. An answer that is missing, or says nothing, has not
 * confirmed it. */
static void confirm_result(struct rc_draft *draft, uint32_t at, const struct rc_result *result,
                           struct rc_finding finding)
{
    static const struct rc_finding not_yet = {RC_OUT_NONE, RC_WHY_UNCONFIRMED};
    const struct flow_step *step = rc_node_step(&draft->c, at);
    struct cel_value outputs = cel_null();
    struct rc_error error;
    bool holds = false;
    if (!rc_result_answers(result, dependency_of(draft, at))) {
        remember_fault(draft, at, finding, result);
    } else if (rc_site_holds(draft, at, step->confirm.holds, result, &holds, &error) != RC_OK ||
               (holds && !rc_step_outputs_of(draft, at, step->call.act.outputs, result, &outputs, &error))) {
        rc_draft_fault(draft, at, no_sense, result->status, rc_sv_of(error.text));
        holds = false;
    } else if (holds) {
        rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, RC_WHY_NONE}, 0, RC_SV(""));
    } else {
        remember_fault(draft, at, not_yet, result);
    }
    if (holds)
        rc_step_happened(draft, at, outputs, (struct rc_sv){0}, RC_WHY_NONE);
    else if (needs_a_person(finding.why))
        rc_step_end(draft, at, RC_STEP_FAILED, finding.why);
    else if (!may_try(draft, at))
        rc_step_give_up(draft, at);
    else
        rc_confirm_again(draft, at, result->retry_after);
}

static void action_result(struct rc_draft *draft, uint32_t at, const struct rc_result *result,
                          struct rc_finding finding)
{
    const struct flow_action *action = rc_side_action(&draft->c, at);
    const struct rc_side *side = rc_node_side(&draft->c.node[at]);
    struct rc_error error;
    struct cel_value outputs = cel_null();
    if (finding.outcome == RC_OUT_SUCCEEDED &&
        !rc_step_outputs_of(draft, at, action->outputs, result, &outputs, &error)) {
        finding = (struct rc_finding){RC_OUT_UNKNOWN, RC_WHY_BAD_ANSWER};
        rc_draft_fault(draft, at, finding, result->status, rc_sv_of(error.text));
    } else if (finding.outcome != RC_OUT_SUCCEEDED) {
        remember_fault(draft, at, finding, result);
    }
    switch (finding.outcome) {
    case RC_OUT_SUCCEEDED:
        rc_step_happened(draft, at, outputs, external_id_of(draft, at, outputs), RC_WHY_NONE);
        break;
    case RC_OUT_REJECTED: rc_step_end_without(draft, at, side->rejected, finding.why); break;
    case RC_OUT_FAILED: rc_step_again(draft, at, finding.why, result->retry_after); break;
    case RC_OUT_UNKNOWN:
    case RC_OUT_NONE:
    case RC_OUTCOMES: rc_step_became_unknown(draft, at, finding.why); break;
    }
}

/* ---- answers to a check --------------------------------------------------------------------------------------------- */

enum check_answer { HAPPENED, DID_NOT, INCONCLUSIVE, CONTRADICTORY };

/* One condition over the answer. False, and the reason is kept, where it cannot be evaluated: then the answer says nothing. */
static bool says(struct rc_draft *draft, uint32_t at, flow_site site, const struct rc_result *result,
                 bool *ret)
{
    struct rc_error error;
    *ret = false;
    if (!site || rc_site_holds(draft, at, site, result, ret, &error) == RC_OK) return true;
    rc_draft_fault(draft, at, no_sense, result->status, rc_sv_of(error.text));
    return false;
}

static enum check_answer ask_the_answer(struct rc_draft *draft, uint32_t at, const struct rc_result *result,
                                        struct rc_finding finding)
{
    const struct flow_check *check = &rc_side_action(&draft->c, at)->check;
    bool contradictory, inconclusive, happened;
    if (!rc_result_answers(result, dependency_of(draft, at))) {
        remember_fault(draft, at, finding, result);
        return INCONCLUSIVE;
    }
    if (!says(draft, at, check->contradictory, result, &contradictory)) return INCONCLUSIVE;
    if (contradictory) return CONTRADICTORY;
    if (!says(draft, at, check->inconclusive, result, &inconclusive) || inconclusive) return INCONCLUSIVE;
    if (!says(draft, at, check->happened, result, &happened)) return INCONCLUSIVE;
    return happened ? HAPPENED : DID_NOT;
}

static void ask_again(struct rc_draft *draft, uint32_t at, rc_us at_least)
{
    const struct flow_check *check = &rc_side_action(&draft->c, at)->check;
    struct rc_node *node = &draft->c.node[at];
    if (schedule(draft, at, &check->retry, node->asks, draft->c.data[at].times.since, at_least)) return;
    repeat_or_stop(draft, at, RC_WHY_CHECK_FAILED);
}

static void check_result(struct rc_draft *draft, uint32_t at, const struct rc_result *result,
                         struct rc_finding finding)
{
    const struct flow_action *action = rc_side_action(&draft->c, at);
    struct rc_times *times = &draft->c.data[at].times;
    rc_us asked = times->due - action->check.timeout, settled = times->since + action->check.settle;
    enum check_answer answer = ask_the_answer(draft, at, result, finding);
    struct cel_value outputs = cel_null();
    struct rc_error error;
    if (answer == HAPPENED &&
        !rc_step_outputs_of(draft, at, action->check.outputs, result, &outputs, &error)) {
        rc_draft_fault(draft, at, no_sense, result->status, rc_sv_of(error.text));
        answer = INCONCLUSIVE;
    }
    switch (answer) {
    case HAPPENED:
        rc_step_happened(draft, at, outputs, external_id_of(draft, at, outputs), RC_WHY_HAPPENED);
        break;
    case CONTRADICTORY: rc_step_end(draft, at, draft->c.node[at].state, RC_WHY_CONTRADICTORY); break;
    case INCONCLUSIVE: ask_again(draft, at, result->retry_after); break;
    case DID_NOT:
        if (asked >= settled)
            rc_step_did_not_happen(draft, at, RC_WHY_DID_NOT_HAPPEN);
        else /* too early to believe it */
            ask_again(draft, at, settled > draft->ask->now ? settled - draft->ask->now : 0);
        break;
    }
}

/* ---- answers to what is required ------------------------------------------------------------------------------------ */

static void require_result(struct rc_draft *draft, uint32_t at, const struct rc_result *result,
                           struct rc_finding finding)
{
    const struct flow_call *call = &rc_node_step(&draft->c, at)->call;
    struct rc_node *node = &draft->c.node[at];
    struct rc_error error;
    bool holds;
    if (!may_try(draft, at)) {
        rc_step_end_without(draft, at, RC_STEP_FAILED, RC_WHY_PERSON);
    } else if (!rc_result_answers(result, dependency_of(draft, at))) {
        remember_fault(draft, at, finding, result);
        bool again = finding.outcome != RC_OUT_REJECTED && !needs_a_person(finding.why) &&
                     schedule(draft, at, &call->act.retry, node->asks, 0, result->retry_after);
        if (!again) rc_step_end_unsent(draft, at, RC_STEP_FAILED, finding.why);
    } else if (rc_site_holds(draft, at, call->require.condition, result, &holds, &error) != RC_OK) {
        rc_draft_fault(draft, at, no_sense, result->status, rc_sv_of(error.text));
        rc_step_end_unsent(draft, at, RC_STEP_FAILED, RC_WHY_EXPRESSION);
    } else if (!holds) {
        rc_step_end_unsent(draft, at, RC_STEP_REJECTED, RC_WHY_REQUIRE);
    } else {
        node->cleared = 1;
        node->asks = 0;
        rc_step_want(draft, at);
    }
}

/* ---- entry ---------------------------------------------------------------------------------------------------------- */

static void settle(struct rc_draft *draft, uint32_t at, const struct rc_result *result)
{
    const struct rc_command *c = &draft->c;
    struct rc_finding finding =
        rc_outcome_of_result(result, dependency_of(draft, at), rc_side_action(c, at)->accepted);
    switch (rc_node_purpose(c, at)) {
    case RC_ACT:
        draft->c.node[at].cleared = 0; /* what is required is asked before every attempt */
        if (flow_confirms(rc_node_step(c, at)))
            confirm_result(draft, at, result, finding);
        else
            action_result(draft, at, result, finding);
        break;
    case RC_UNDO: action_result(draft, at, result, finding); break;
    case RC_CHECK:
    case RC_UNDO_CHECK: check_result(draft, at, result, finding); break;
    case RC_REQUIRE: require_result(draft, at, result, finding); break;
    case RC_PURPOSES: break;
    }
}

/* A worker gave it back before it began: no try was used. Where nothing may start any more it ends like what could not leave. */
static bool release(struct rc_draft *draft, uint32_t at, const struct rc_result *result)
{
    struct rc_node *node = &draft->c.node[at];
    enum rc_purpose purpose = rc_node_purpose(&draft->c, at);
    bool does = purpose == RC_ACT || purpose == RC_UNDO;
    if (result->reach != RC_NOT_SENT || result->why != RC_WHY_RELEASED) return false;
    if (does && !may_try(draft, at)) return false;
    remember_fault(draft, at, (struct rc_finding){RC_OUT_FAILED, RC_WHY_RELEASED}, result);
    if (does)
        node->tries = (uint16_t)(node->tries - (node->tries > 0));
    else
        node->asks = (uint16_t)(node->asks - (node->asks > 0));
    if (purpose == RC_ACT) node->cleared = 0; /* it may have lain with the worker for a while */
    rc_step_want(draft, at);
    return true;
}

void rc_step_result(struct rc_draft *draft, uint32_t at, const struct rc_result *result)
{
    draft->c.node[at].lost = 0;
    if (release(draft, at, result)) return;
    settle(draft, at, result);
}

void rc_step_lost(struct rc_draft *draft, uint32_t at, bool set_aside)
{
    static const char text[] = "the server stopped while the request was out";
    static const struct rc_result gone = {
        .reach = RC_SENT, .why = RC_WHY_CRASH, .error = {text, sizeof text - 1}};
    struct rc_node *node = &draft->c.node[at];
    const struct rc_side *side = rc_node_side(node);
    bool open = node->phase == RC_PHASE_OPEN, acts = node->state == side->active;
    if (open && node->lost < UINT8_MAX) node->lost++;
    if (!set_aside && node->lost < RC_MAX_LOST) {
        settle(draft, at, &gone);
        return;
    }
    bool leaves_nothing =
        rc_node_purpose(&draft->c, at) == RC_REQUIRE || flow_confirms(rc_node_step(&draft->c, at));
    if (acts && open && !leaves_nothing) node->doubt = 1;
    node->cleared = 0; /* what is required is asked before every attempt */
    bool may_have_happened = !acts || node->doubt;
    /* a check that a person asks for later believes "no" no earlier than after this attempt, too */
    if (acts && may_have_happened) draft->c.data[at].times.since = draft->ask->now;
    rc_step_end(draft, at, may_have_happened ? side->unknown : side->failed, RC_WHY_CRASH_LOOP);
}
