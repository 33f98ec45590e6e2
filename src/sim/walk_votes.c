/* What must hold of people who are asked: who has a vote, what a decision leads to, and what it lets go. Who has asked for what is the walk's
 * own knowledge; what counts is worked out here beside the core's own (core/people.c). */
#include "sim/walk.h"

#include "core/people.h"

static struct rc_h128 hash_of(struct cel_value value)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    cel_hash(value, &sha);
    return rc_sha256_h128(&sha);
}

static bool asks(const struct rc_command *c, uint32_t at)
{
    return sim_step(c, at)->kind == FLOW_APPROVE || sim_step(c, at)->kind == FLOW_ESCALATE;
}

#define AT   "command %llu, record %u, step %u"
#define HERE ULL(record->seq), record->rev, at

/* ---- what is shown ------------------------------------------------------------------------------------------------------ */

static void note_released(struct walk_asked *asked, const struct rc_command *c, struct cel_value shown)
{
    asked->nreleased = 0;
    struct cel_value list = shown.kind == CEL_MAP && shown.n ? shown.v.items[1] : cel_null();
    for (uint32_t i = 0; list.kind == CEL_LIST && i < list.n; i++) {
        struct cel_value entry = list.v.items[i], step = cel_null(), with = cel_null();
        for (uint32_t k = 0; k < entry.n; k++) {
            struct rc_sv key = cel_text(entry.v.items[2 * k]);
            if (rc_sv_is(key, "step")) step = entry.v.items[2 * k + 1];
            if (rc_sv_is(key, "with")) with = entry.v.items[2 * k + 1];
        }
        for (flow_node k = 1; k < c->flow->nsteps && asked->nreleased < WALK_RELEASED; k++)
            if (with.kind != CEL_NULL && rc_sv_eq(c->flow->steps[k].id, cel_text(step))) {
                asked->released[asked->nreleased].step = k;
                asked->released[asked->nreleased++].with = hash_of(with);
            }
    }
}

/* ---- a decision --------------------------------------------------------------------------------------------------------- */

static void see_vote(struct walk *walk, struct walk_seen *seen, const struct rc_record *record,
                     struct walk_asked *asked)
{
    const struct rc_act *act = record->cause->kind == RC_MSG_ACTION ? record->cause->u.act : NULL;
    uint32_t at = asked->node, id = act && act->reason.n ? walk_action_named(act) : WALK_ACTIONS;
    bool decides = act && (act->action == RC_ACTION_APPROVE || act->action == RC_ACTION_DENY ||
                           act->action == RC_ACTION_ANSWER);
    LAW(decides && id < walk->nactions && asked->nvotes < WALK_VOTES,
        "V1 only what somebody has decided is a vote", AT, HERE);
    if (walk->broken || !act) return;
    const struct walk_decision *decision = &walk->action[id].decision;
    bool named = !rc_h128_is_zero(decision->digest);
    LAW(asked->open, "V2 what is settled is decided once", AT, HERE);
    LAW(walk_may_decide(walk, seen, asked, decision->who),
        "V3 a vote is of one who may: not of a starter, not of another role or name, not twice", AT ": %u",
        HERE, decision->who);
    LAW(decision->node == at &&
            (rc_h128_eq(decision->digest, asked->digest) ||
             (!named && (act->action != RC_ACTION_APPROVE || act->expected_rev == record->rev - 1))),
        "V4 a vote is of what was shown", AT, HERE);
    asked->vote[asked->nvotes++] = decision->who;
}

/* What an open question has come to. */
static void laws_of_end(struct walk *walk, const struct walk_seen *seen, const struct rc_record *record,
                        struct walk_asked *asked, bool voted)
{
    uint32_t at = asked->node;
    const struct rc_node *node = &seen->c.node[at];
    const struct flow_people *people = &sim_step(&seen->c, at)->people;
    unsigned why = seen->c.data[at].why, action = voted ? record->cause->u.act->action : RC_ACTIONS;
    unsigned late = people->on_timeout == FLOW_TIMEOUT_FAIL ? RC_STEP_FAILED : RC_STEP_REJECTED;
    bool enough = action == RC_ACTION_ANSWER ||
                  (action == RC_ACTION_APPROVE && asked->nvotes >= (people->need ? people->need : 1));
    bool over = asked->due && record->at >= asked->due;
    LAW((node->state == RC_STEP_SUCCEEDED) == enough,
        "V5 an approval is given when enough have approved, and not before", AT, HERE);
    if (action == RC_ACTION_DENY)
        LAW(node->state == RC_STEP_REJECTED && node->why == RC_WHY_DENIED,
            "V6 denied, expired and cancelled stay three", AT, HERE);
    else if (node->state == RC_STEP_REJECTED || node->state == RC_STEP_FAILED)
        LAW((over && node->state == late && why == RC_WHY_EXPIRED) ||
                (record->cause->kind == RC_MSG_LOST && node->why == RC_WHY_CRASH_LOOP),
            "V6 denied, expired and cancelled stay three", AT, HERE);
    else if (!enough)
        LAW(node->why != RC_WHY_DENIED && node->why != RC_WHY_EXPIRED,
            "V6 denied, expired and cancelled stay three", AT, HERE);
    asked->approved = enough && action == RC_ACTION_APPROVE;
}

/* People are asked, for the first time or anew. */
static void see_question(struct walk *walk, const struct walk_seen *seen, const struct rc_record *record,
                         struct walk_asked *asked)
{
    uint32_t at = asked->node;
    const struct rc_data *data = &seen->c.data[at];
    const struct flow_people *people = &sim_step(&seen->c, at)->people;
    uint32_t may = 0;
    for (uint32_t i = 0; i < people->nnames; i++) may += walk_may_be_asked(walk, seen, people->names[i]);
    bool again = asked->open;
    LAW(!data->votes.n, "V7 votes are of what was shown, and void when it changes", AT, HERE);
    LAW(again || data->times.due == (people->within ? record->at + people->within : 0),
        "V8 people are asked as long as the flow says", AT, HERE);
    LAW(again || !people->nnames || may >= (people->need ? people->need : 1),
        "V9 nobody waits for more people than there are", AT, HERE);
    asked->before = asked->digest;
    asked->digest = data->request;
    asked->due = data->times.due;
    asked->open = true;
    asked->approved = false;
    asked->nvotes = 0;
    note_released(asked, &seen->c, data->outputs);
}

static struct walk_asked *find(struct walk_seen *seen, uint32_t at)
{
    for (uint32_t i = 0; i < seen->nasked; i++)
        if (seen->asked[i].node == at) return &seen->asked[i];
    if (seen->nasked == WALK_ASKED) return NULL;
    struct walk_asked *made = &seen->asked[seen->nasked++];
    *made = (struct walk_asked){.node = at};
    return made;
}

/* What was shown had changed: a person wants it done as it is now, so a round of its own begins (L5). */
static void note_approved_anew(struct walk_seen *seen, const struct walk_asked *asked)
{
    if (rc_h128_is_zero(asked->before)) return;
    for (uint32_t i = 0; i < asked->nreleased; i++)
        for (uint32_t at = 1; at < seen->c.nnodes; at++)
            seen->retried[at] |= seen->c.node[at].node == asked->released[i].step;
}

static void see_node(struct walk *walk, struct walk_seen *seen, const struct rc_record *record, uint32_t at)
{
    const struct rc_node *node = &seen->c.node[at];
    const struct rc_data *data = &seen->c.data[at];
    bool open = node->phase == RC_PHASE_ASKED;
    struct walk_asked *asked = open ? find(seen, at) : (struct walk_asked *)walk_asked_at(seen, at);
    if (!asked) {
        LAW(node->state != RC_STEP_SUCCEEDED,
            "V5 an approval is given when enough have approved, and not before", AT, HERE);
        return;
    }
    bool anew = open && (!asked->open || !rc_h128_eq(asked->digest, data->request));
    if (anew) {
        see_question(walk, seen, record, asked);
        return;
    }
    bool voted = data->votes.n > asked->nvotes;
    if (voted) see_vote(walk, seen, record, asked);
    LAW(data->votes.n == asked->nvotes || !data->votes.n, "V1 only what somebody has decided is a vote", AT,
        HERE);
    if (walk->broken) return;
    if (asked->open && !open) laws_of_end(walk, seen, record, asked, voted);
    if (asked->open && !open && asked->approved) note_approved_anew(seen, asked);
    asked->open = open;
    asked->approved &= node->state == RC_STEP_SUCCEEDED;
    LAW(node->state != RC_STEP_SUCCEEDED || asked->approved || sim_step(&seen->c, at)->kind == FLOW_ESCALATE,
        "V5 an approval is given when enough have approved, and not before", AT, HERE);
}

/* Whether a branch of a parallel block needs another one, in however many steps. */
static bool needs_it(const struct flow *flow, flow_node at, flow_node other)
{
    const struct flow_step *step = &flow->steps[at];
    bool any = false;
    for (uint16_t i = 0; i < step->nneeds; i++)
        any |= step->needs[i] == other || needs_it(flow, step->needs[i], other);
    return any;
}

/* ---- what it lets go ---------------------------------------------------------------------------------------------------- */

static void laws_of_released(struct walk *walk, const struct walk_seen *seen, const struct rc_record *record,
                             uint32_t at)
{
    const struct rc_command *c = &seen->c;
    bool acts = rc_node_purpose(c, at) == RC_ACT;
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t line = c->node[child].parent;
        enum flow_kind kind = sim_step(c, line)->kind;
        if (kind != FLOW_LINEAR && kind != FLOW_PARALLEL) continue;
        SIM_EACH_CHILD(c, line, other)
        {
            if (other == child) break;
            if (sim_step(c, other)->kind != FLOW_APPROVE) continue;
            if (kind == FLOW_PARALLEL && !needs_it(c->flow, c->node[child].node, c->node[other].node))
                continue;
            const struct walk_asked *asked = walk_asked_at(seen, other);
            bool left_out = c->node[other].state == RC_STEP_SKIPPED && c->node[other].why == RC_WHY_CONDITION;
            LAW(left_out || (asked && asked->approved && c->node[other].state == RC_STEP_SUCCEEDED),
                "V10 nothing behind an approval begins before it is given", AT ", approval %u", HERE, other);
            for (uint32_t i = 0; acts && !left_out && asked && i < asked->nreleased; i++)
                LAW(asked->released[i].step != c->node[at].node ||
                        rc_h128_eq(asked->released[i].with, c->data[at].request),
                    "V11 what leaves is what was approved", AT ", approval %u", HERE, other);
        }
    }
}

void walk_laws_of_people(struct walk *walk, struct walk_seen *seen, const struct rc_record *record)
{
    const struct rc_command *c = &seen->c;
    if (record->rev == 1) {
        seen->nasked = 0;
        memset(seen->attempted, 0, sizeof seen->attempted);
    }
    for (uint32_t at = 1; at < c->nnodes && !walk->broken; at++)
        if (asks(c, at)) see_node(walk, seen, record, at);
    for (uint32_t at = 1; at < c->nnodes && !walk->broken; at++) {
        const struct rc_node *node = &c->node[at];
        unsigned purpose = sim_is_call(c, at) ? rc_node_purpose(c, at) : RC_PURPOSES;
        bool leaves = node->attempt > seen->attempted[at] && (purpose == RC_ACT || purpose == RC_REQUIRE);
        seen->attempted[at] = node->attempt;
        if (leaves && !walk->folding_anew) laws_of_released(walk, seen, record, at);
    }
}

/* ---- replies, memory ---------------------------------------------------------------------------------------------------- */

/* It names what is open now, which was seen before, so that it was open when the decision came. */
void walk_laws_of_decision(struct walk *walk, const struct walk_request *sent)
{
    const struct rc_request *request = sent->request;
    const struct walk_action *action = &walk->action[sent->action];
    const struct walk_seen *seen = &walk->seen[action->seq];
    bool decides = action->action >= RC_ACTION_APPROVE && action->action <= RC_ACTION_ANSWER;
    bool refused = request->status == RC_REFUSED || request->status == RC_INVALID ||
                   (request->status == RC_STALE && !request->u.act.act.expected_rev);
    if (!decides || !refused || walk_is_simulated(&request->error)) return;
    uint32_t at = action->decision.node;
    const struct walk_asked *asked = walk_asked_at(seen, at);
    if (!asked || !asked->open || rc_h128_is_zero(action->decision.digest)) return;
    bool answers = sim_step(&seen->c, at)->kind == FLOW_ESCALATE;
    bool fits = answers == (action->action == RC_ACTION_ANSWER) && action->decision.answer < 2;
    LAW(!fits || !rc_h128_eq(action->decision.digest, asked->digest) ||
            !walk_may_decide(walk, seen, asked, action->decision.who),
        "V12 who may decide, can", "command %llu, step %u: %.90s", ULL(action->seq), at, request->error.text);
}

void walk_laws_of_kept_votes(struct walk *walk, const struct walk_seen *seen)
{
    const struct rc_hot *hot = rc_cache_find(&walk->world->engine->cache, seen->c.id.seq);
    if (!hot) return;
    for (uint32_t i = 0; i < seen->nasked; i++) {
        uint32_t at = seen->asked[i].node;
        LAW(rc_votes_eq(&hot->command.data[at].votes, &seen->c.data[at].votes),
            "V13 votes are kept, whatever dies", "command %llu, step %u", ULL(seen->c.id.seq), at);
    }
}
