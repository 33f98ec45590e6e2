/* Commands that start commands (core/child.h): the parent's step, and what the child tells. */
#include "core/child.h"

#include "core/advance.h"

#include "base/id.h"
#include "base/limits.h"

#define AGAIN RC_SECONDS(60) /* what is in the way of a start is not looked at more often */

bool rc_child_rests(const struct rc_command *c, uint32_t at)
{
    const struct rc_child *child = &c->data[at].child;
    return c->node[at].phase == RC_PHASE_CHILD && child->link.seq && rc_state_rests(child->state) &&
           !rc_state_ended(child->state);
}

static uint32_t next_that(const struct rc_command *c, uint32_t at, bool rests)
{
    for (at++; at < c->nnodes; at++)
        if (c->node[at].phase == RC_PHASE_CHILD && rc_child_rests(c, at) == rests) return at;
    return 0;
}

uint32_t rc_child_next(const struct rc_command *c, uint32_t at)
{
    bool rests = !at || rc_child_rests(c, at);
    uint32_t next = rests ? next_that(c, at, true) : 0;
    return next ? next : next_that(c, rests ? 0 : at, false);
}

bool rc_pins_eq(const struct rc_pins *a, const struct rc_pins *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->flow, b->flow, a->n * sizeof *a->flow) == 0);
}

bool rc_child_eq(const struct rc_child *a, const struct rc_child *b)
{
    return a->link.seq == b->link.seq && a->link.nonce == b->link.nonce && a->state == b->state &&
           a->stands == b->stands;
}

bool rc_parent_eq(const struct rc_parent *a, const struct rc_parent *b)
{
    return a->link.seq == b->link.seq && a->link.nonce == b->link.nonce && a->node == b->node &&
           a->round == b->round && a->told == b->told;
}

/* ---- versions ------------------------------------------------------------------------------------------------------- */

static bool is_pinned(const struct rc_pins *pins, uint64_t flow)
{
    for (uint32_t i = 0; i < pins->n; i++)
        if (pins->flow[i] == flow) return true;
    return false;
}

/* The flows that this one starts, then those that they start, and so on: whoever is on the list is looked at in turn. */
void rc_child_pin(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    uint64_t *list = NULL;
    struct rc_pins pins = {0};
    for (uint32_t at = 0; at <= pins.n; at++) {
        const struct flow *flow = at ? flow_set_version(draft->set, list[at - 1]) : c->flow;
        for (flow_node i = 1; flow && i < flow->nsteps; i++) {
            if (flow->steps[i].kind != FLOW_CHILD) continue;
            const struct flow *child = flow_set_active(draft->set, flow->steps[i].child.flow);
            if (!list) list = RC_NEW_ARRAY(draft->arena, uint64_t, RC_MAX_PINS);
            if (!list) {
                rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
                return;
            }
            pins.flow = list;
            if (child && !is_pinned(&pins, child->id) && pins.n < RC_MAX_PINS) list[pins.n++] = child->id;
        }
    }
    c->pins = pins;
}

/* The version of the child's flow; NULL: there was none when the first of these commands was submitted. */
static const struct flow *pinned(const struct rc_draft *draft, struct rc_sv name)
{
    const struct rc_pins *pins = &draft->c.pins;
    for (uint32_t i = 0; i < pins->n; i++) {
        const struct flow *flow = flow_set_version(draft->set, pins->flow[i]);
        if (flow && rc_sv_eq(flow->name, name)) return flow;
    }
    return NULL;
}

/* ---- the command is submitted --------------------------------------------------------------------------------------- */

void rc_child_doubt(struct rc_draft *draft, rc_us since, bool later)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        const struct flow_call *call = &rc_node_step(c, i)->call;
        if (!rc_is_leaf(c, i)) continue;
        bool done = later && c->node[i].state == RC_STEP_IDLE && !call->act.reads_only;
        bool undone = c->node[i].state == RC_STEP_SUCCEEDED && call->undo.present && !call->undo.reads_only;
        undone |= rc_child_stands(c, i);
        if (!done && !undone) continue;
        c->node[i].doubt = 1;
        if (!c->data[i].times.keyed) c->data[i].times.keyed = since;
    }
}

void rc_child_submit(struct rc_draft *draft)
{
    const struct rc_identity *id = draft->ask->u.submit;
    draft->c.parent = id->parent;
    draft->c.pins = id->pins;
    if (!id->parent.link.seq) rc_child_pin(draft);
    if (id->doubt) rc_child_doubt(draft, id->doubted, true);
}

/* ---- the step begins ------------------------------------------------------------------------------------------------ */

void rc_child_start(struct rc_draft *draft, uint32_t at)
{
    rc_leaf_at_zero(draft, at);
    draft->c.node[at].state = RC_STEP_ACTIVE;
    rc_step_delay(draft, at, draft->ask->now);
}

static void cannot_start(struct rc_draft *draft, uint32_t at, struct rc_sv text)
{
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_FAILED, RC_WHY_CHILD}, 0, text);
    rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_CHILD);
}

/* Derived, not random: another life of the store makes the same one. */
static uint64_t nonce_of(const struct rc_command *c, uint32_t at)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, RC_SV("child"));
    rc_sha256_add_u64(&sha, c->id.nonce);
    rc_sha256_add_u64(&sha, (uint64_t)at << 8 | c->node[at].round);
    return rc_sha256_h128(&sha).hi;
}

static void ask_for_it(struct rc_draft *draft, uint32_t at, const struct flow *flow, struct cel_value payload)
{
    const struct rc_command *c = &draft->c;
    struct rc_child_ask *ask = RC_NEW(draft->arena, struct rc_child_ask);
    if (!ask) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return;
    }
    *ask = (struct rc_child_ask){.flow = flow->id,
                                 .payload = payload,
                                 .nonce = nonce_of(c, at),
                                 .node = at,
                                 .round = c->node[at].round,
                                 .pins = c->pins,
                                 .authors = c->data[0].votes.vote,
                                 .nauthors = c->data[0].votes.n,
                                 .until = rc_clock_halts(c),
                                 .doubt = c->node[at].doubt,
                                 .doubted = c->data[at].times.keyed};
    rc_draft_message(draft, (struct rc_ask){.kind = RC_MSG_CHILD_START,
                                            .to = {.agg = RC_AGG_COMMAND, .id = c->id.seq},
                                            .node = at,
                                            .u.child = ask});
}

void rc_child_due(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    const struct flow_child *child = &rc_node_step(c, at)->child;
    const struct flow *flow = pinned(draft, child->flow);
    struct cel_value payload = {.kind = CEL_MAP};
    struct rc_error error;
    if (c->node[at].phase == RC_PHASE_CHILD) {
        rc_child_ask_now(draft, at);
        return;
    }
    if (c->mode != RC_MODE_FORWARD) return; /* the deadline is over: it is given up, as what had not begun */
    enum rc_status status =
        child->payload ? rc_site_eval(draft, at, child->payload, NULL, &payload, &error) : RC_OK;
    const char *alien = status == RC_OK ? cel_not_json(payload) : NULL;
    if (alien) status = rc_fail(&error, RC_EVAL, "a payload is JSON, which has no %s: convert it", alien);
    c->data[at].times.due = 0;
    if (status != RC_OK) {
        rc_leaf_cannot(draft, at, &error);
    } else if (!flow) {
        struct rc_sv text = rc_text(draft->arena, "there was no flow '%.*s' when this command was submitted",
                                    RC_SV_ARG(child->flow));
        if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        cannot_start(draft, at, text);
    } else {
        c->node[at].phase = RC_PHASE_CHILD;
        ask_for_it(draft, at, flow, payload);
    }
}

/* ---- news of the child ---------------------------------------------------------------------------------------------- */

static void say(struct rc_draft *draft, uint32_t at, const struct rc_child_news *news, const char *what)
{
    char id[RC_ID_TEXT + 1];
    rc_id_format(rc_id_of(news->child.seq, news->child.nonce), id);
    struct rc_sv text =
        rc_text(draft->arena, "%s %s%s%.*s", id, what, news->text.n ? ": " : "", RC_SV_ARG(news->text));
    if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_FAILED, RC_WHY_CHILD}, 0, text);
}

static void not_started(struct rc_draft *draft, uint32_t at, const struct rc_child_news *news)
{
    struct rc_command *c = &draft->c;
    bool again = news->later && c->mode == RC_MODE_FORWARD && !rc_only_settled(c, at);
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_FAILED, RC_WHY_CHILD}, 0, news->text);
    if (again)
        rc_step_delay(draft, at, draft->ask->now + AGAIN);
    else
        rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_CHILD);
}

static void succeeded(struct rc_draft *draft, uint32_t at)
{
    struct rc_error error;
    struct cel_value outputs;
    char id[RC_ID_TEXT + 1];
    const struct rc_link *child = &draft->c.data[at].child.link;
    rc_id_format(rc_id_of(child->seq, child->nonce), id);
    struct rc_sv text = rc_copy_sv(draft->arena, rc_sv_of(id));
    if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    if (rc_step_outputs_of(draft, at, rc_node_step(&draft->c, at)->child.outputs, NULL, &outputs, &error))
        rc_step_happened(draft, at, outputs, text, RC_WHY_NONE);
    else
        rc_leaf_cannot(draft, at, &error);
}

static void forward(struct rc_draft *draft, uint32_t at, const struct rc_child_news *news)
{
    struct rc_command *c = &draft->c;
    c->node[at].state = RC_STEP_ACTIVE;
    c->node[at].phase = RC_PHASE_CHILD;
    if (rc_child_succeeded(news->state)) {
        succeeded(draft, at);
    } else if (news->stays) { /* it was to be rolled back before it had ended */
        say(draft, at, news, "cannot be rolled back");
        rc_step_end(draft, at, RC_STEP_UNDO_FAILED, RC_WHY_NO_UNDO);
    } else if (news->state == RC_REJECTED || news->state == RC_FAILED) {
        bool rejected = news->state == RC_REJECTED; /* for good: nobody would act on it but its parent */
        c->node[at].asks = 0; /* what it was asked for came too late, or was put off: it can be asked again */
        say(draft, at, news, rejected ? "was rejected" : "has failed");
        rc_step_end(draft, at, rejected ? RC_STEP_REJECTED : RC_STEP_FAILED, RC_WHY_CHILD);
    } else if (rc_state_ended(news->state)) {
        say(draft, at, news, news->state == RC_CANCELLED ? "was cancelled" : "was rolled back");
        rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_CHILD);
    } else if (rc_state_rests(news->state)) {
        say(draft, at, news, "waits for a person");
    } else if (c->data[at].why == RC_WHY_CHILD) {
        rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, RC_WHY_NONE}, 0, (struct rc_sv){0});
    }
}

static void backward(struct rc_draft *draft, uint32_t at, const struct rc_child_news *news)
{
    bool rests = rc_state_rests(news->state);
    bool over =
        rc_state_ended(news->state) && news->stands; /* nothing will take it back by itself any more */
    if (news->stays || over) {
        say(draft, at, news, news->state == RC_RESOLVED ? "was accepted as it is" : "cannot be rolled back");
        rc_step_end(draft, at, RC_STEP_UNDO_FAILED, RC_WHY_NO_UNDO);
    } else if (rests && news->state != RC_REVIEW && !news->stands) {
        rc_step_happened(draft, at, cel_null(), (struct rc_sv){0}, RC_WHY_NONE);
    } else if (rests) {
        say(draft, at, news, "waits for a person while it is rolled back");
    }
}

static void unreadable(struct rc_draft *draft, uint32_t at, const struct rc_child_news *news)
{
    const struct rc_side *side = rc_node_side(&draft->c.node[at]);
    say(draft, at, news, "cannot be read");
    rc_step_end(draft, at, side->unknown, RC_WHY_CHILD);
    draft->c.data[at].times.since = draft->ask->now;
}

static void told(struct rc_draft *draft, const struct rc_child_news *news)
{
    struct rc_command *c = &draft->c;
    uint32_t at = news->node;
    if (at >= c->nnodes || rc_node_step(c, at)->kind != FLOW_CHILD || news->round != c->node[at].round)
        return;
    struct rc_node *node = &c->node[at];
    struct rc_child *child = &c->data[at].child;
    bool waits = node->phase == RC_PHASE_CHILD;
    if (news->state == RC_ABSENT) {
        if (node->state == RC_STEP_ACTIVE && node->phase == RC_PHASE_DELAYED) not_started(draft, at, news);
        return;
    }
    if (news->unreadable) {
        if (waits) unreadable(draft, at, news);
        return;
    }
    if (child->link.seq && child->link.seq != news->child.seq) return; /* of a round before */
    if (news->put_off) {
        if (waits) rc_child_put_off(draft, at, news->put_off);
        return;
    }
    *child = (struct rc_child){.link = news->child, .state = news->state, .stands = news->stands};
    /* a person has retried the child itself */
    bool again = rc_child_is_over(node) && node->why == RC_WHY_CHILD && c->mode == RC_MODE_FORWARD &&
                 !rc_is_closed(c, at) && (news->state == RC_RUNNING || rc_child_succeeded(news->state));
    if (again && rc_child_succeeded(news->state))
        rc_child_start(draft, at); /* accepted as it is: it is found under its key, as by a retry */
    else if (waits && node->state == RC_STEP_UNDOING)
        backward(draft, at, news);
    else if ((waits && node->state == RC_STEP_ACTIVE) || again)
        forward(draft, at, news);
    if (again) rc_begin_what_needs(draft, 1, c->nnodes);
    /* nothing of it is left that another life of the store could have taken back */
    if (rc_state_rests(news->state) && !news->stands && node->phase == RC_PHASE_NONE) node->doubt = 0;
}

void rc_child_told(struct rc_draft *draft)
{
    for (const struct rc_child_news *news = draft->ask->u.news; news; news = news->next) {
        draft->news = news;
        told(draft, news);
    }
    draft->news = NULL;
}
