/* A step on its way out: it asks for a place, and with the place it leaves, in this very unit. So an attempt is on record before
 * anything leaves, and nothing that still waits is ever taken for an attempt. */
#include "core/advance.h"
#include "core/people.h"

#include "base/limits.h"

uint64_t rc_node_gate(const struct rc_command *command, uint32_t at)
{
    const struct flow_call *call = &rc_node_step(command, at)->call;
    const struct flow *flow = command->flow;
    return call->worker ? flow_line_id(flow->dependencies[call->dependency], command->id.ns, call->capability)
                        : flow->gates[call->dependency];
}

static void tell_gate(struct rc_draft *draft, uint32_t at, rc_message_kind kind)
{
    rc_draft_message(draft, (struct rc_ask){.kind = kind,
                                            .to = {.agg = RC_AGG_GATE, .id = rc_node_gate(&draft->c, at)},
                                            .node = at,
                                            .order = draft->c.data[at].times.due});
}

void rc_step_want(struct rc_draft *draft, uint32_t at)
{
    draft->c.node[at].phase = RC_PHASE_READY;
    draft->c.data[at].times.due =
        rc_command_order(&draft->c); /* the oldest command first: what was begun is brought to its end */
    tell_gate(draft, at, rc_node_step(&draft->c, at)->call.worker ? RC_MSG_QUEUE : RC_MSG_WANT);
}

void rc_step_delay(struct rc_draft *draft, uint32_t at, rc_us due)
{
    draft->c.node[at].phase = RC_PHASE_DELAYED;
    draft->c.data[at].times.due = due;
}

/* What one purpose asks, and how long it may take. */
struct order {
    flow_site request;
    rc_us timeout;
};

static struct order order_of(const struct rc_command *command, uint32_t at, enum rc_purpose purpose)
{
    const struct flow_call *call = &rc_node_step(command, at)->call;
    switch (purpose) {
    case RC_ACT: return (struct order){call->act.request, call->act.timeout};
    case RC_CHECK: return (struct order){call->act.check.request, call->act.check.timeout};
    case RC_UNDO: return (struct order){call->undo.request, call->undo.timeout};
    case RC_UNDO_CHECK: return (struct order){call->undo.check.request, call->undo.check.timeout};
    case RC_REQUIRE: return (struct order){call->require.request, call->require.timeout};
    case RC_PURPOSES: break;
    }
    return (struct order){0};
}

/* The attempt cannot leave: the purpose ends without one. */
static void cannot_leave(struct rc_draft *draft, uint32_t at, enum rc_why why, const struct rc_error *error)
{
    const struct rc_side *side = rc_node_side(&draft->c.node[at]);
    if (error) rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, why}, 0, rc_sv_of(error->text));
    if (draft->c.node[at].state == side->unknown)
        rc_step_end(draft, at, side->unknown, why);
    else
        rc_step_end_unsent(draft, at, side->failed, why);
}

/* A condition that needs no question. True: the attempt may go on. */
static bool require_holds(struct rc_draft *draft, uint32_t at)
{
    const struct flow_require *require = &rc_node_step(&draft->c, at)->call.require;
    if (!require->condition || require->request) return true;
    struct rc_error error;
    bool holds;
    if (rc_site_holds(draft, at, require->condition, NULL, &holds, &error) != RC_OK) {
        cannot_leave(draft, at, RC_WHY_EXPRESSION, &error);
        return false;
    }
    if (!holds) rc_step_end_unsent(draft, at, RC_STEP_REJECTED, RC_WHY_REQUIRE);
    return holds;
}

/* The request of a round is built once: a later attempt must build the very same one. */
static bool same_request(struct rc_draft *draft, uint32_t at, struct cel_value request)
{
    struct rc_h128 *known = &draft->c.data[at].request;
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    cel_hash(request, &sha);
    struct rc_h128 hash = rc_sha256_h128(&sha);
    if (rc_h128_is_zero(*known)) *known = hash;
    if (rc_h128_eq(*known, hash)) return true;
    struct rc_error error;
    enum rc_status status = rc_fail(&error, RC_EVAL, "the request is not the one that was sent before");
    (void)status; /* the words are what counts */
    cannot_leave(draft, at, RC_WHY_EXPRESSION, &error);
    return false;
}

static void leave(struct rc_draft *draft, uint32_t at, enum rc_purpose purpose,
                  const struct flow_dependency *dependency, struct cel_value request, rc_us timeout)
{
    struct rc_node *node = &draft->c.node[at];
    struct rc_times *times = &draft->c.data[at].times;
    bool asks = purpose == RC_CHECK || purpose == RC_UNDO_CHECK || purpose == RC_REQUIRE;
    node->attempt++;
    if (asks)
        node->asks++;
    else
        node->tries++;
    if (!asks && !times->first) times->first = draft->ask->now;
    if (!asks && !times->keyed) times->keyed = draft->ask->now;
    times->due = draft->ask->now + timeout;
    node->phase = RC_PHASE_OPEN;
    rc_draft_effect(draft, (struct rc_effect){.of = {.agg = RC_AGG_COMMAND, .id = draft->c.id.seq},
                                              .node = at,
                                              .attempt = node->attempt,
                                              .purpose = (uint8_t)purpose,
                                              .idempotency_key = rc_idempotency_key(&draft->c, at, purpose),
                                              .dependency = dependency,
                                              .request = request,
                                              .timeout = timeout});
}

/* Another life of the store may have gone the second way. */
static void goes_the_first_way(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    uint32_t block = c->node[at].parent;
    bool first = rc_step_at(c, block)->kind == FLOW_FALLBACK && at == block + 1;
    if (first && rc_is_in_doubt(c, rc_behind(c, at))) c->node[block].doubt = 1;
}

/* False: the step did not leave. */
static bool try_to_leave(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    enum rc_purpose purpose = rc_node_purpose(c, at);
    struct order order = order_of(c, at, purpose);
    struct rc_sv name = c->flow->dependencies[rc_node_step(c, at)->call.dependency];
    const struct flow_dependency *dependency = flow_set_dependency(draft->set, name);
    struct cel_value request;
    struct rc_error error;
    if (!rc_has_room(c, RC_ROOM_TO_END) || c->node[at].attempt == UINT16_MAX) {
        cannot_leave(draft, at, RC_WHY_HISTORY_FULL, NULL);
        return false;
    }
    if (!dependency) {
        cannot_leave(draft, at, RC_WHY_NO_DEPENDENCY, NULL);
        return false;
    }
    if (purpose == RC_ACT &&
        rc_people_release(c, at) != RC_RELEASED) { /* it waits until people have decided */
        c->node[at].phase = RC_PHASE_NONE;
        c->data[at].times.due = 0;
        return false;
    }
    if (purpose == RC_ACT && !require_holds(draft, at)) return false;
    if (rc_site_eval(draft, at, order.request, NULL, &request, &error) != RC_OK) {
        cannot_leave(draft, at, RC_WHY_EXPRESSION, &error);
        return false;
    }
    bool does = purpose == RC_ACT || purpose == RC_UNDO;
    if (does && !flow_confirms(rc_node_step(c, at)) && !same_request(draft, at, request)) return false;
    if (does && c->node[at].doubt &&
        !rc_step_key_is_fresh(draft, at)) { /* it was when this attempt was planned */
        cannot_leave(draft, at, RC_WHY_KEY_EXPIRED, NULL);
        return false;
    }
    if (purpose == RC_ACT) goes_the_first_way(draft, at);
    leave(draft, at, purpose, dependency, request, order.timeout);
    return true;
}

void rc_step_admit(struct rc_draft *draft, uint32_t at)
{
    bool wants = draft->c.node[at].phase == RC_PHASE_READY;
    if (!wants || !try_to_leave(draft, at)) tell_gate(draft, at, RC_MSG_DONE);
}
