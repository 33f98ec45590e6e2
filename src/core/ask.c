/* Asking people: what they are shown, the digest that their decision is bound to, and when it is void. */
#include "core/advance.h"
#include "core/people.h"

#include "base/limits.h"

/* ---- what is shown -------------------------------------------------------------------------------------------------- */

/* What a step makes of what stands before it: the request of a call, the list of an each … 0: nothing. */
static flow_site input_of(const struct flow_step *step)
{
    switch (step->kind) {
    case FLOW_CALL: return step->call.act.request;
    case FLOW_EACH: return step->loop.list;
    case FLOW_SET: return step->values;
    case FLOW_WAIT: return step->wait.id;
    case FLOW_SLEEP: return step->sleep.until;
    case FLOW_ESCALATE: return step->people.evidence;
    case FLOW_CHILD: return step->child.payload;
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_CHOOSE:
    case FLOW_REPEAT:
    case FLOW_APPROVE:
    case FLOW_CONFIRM:
    case FLOW_FALLBACK: break;
    }
    return 0;
}

/* Whether an expression that stands deeper than the approval names the item or the pass of a loop between both. */
static bool names_a_loop(const struct flow *flow, flow_node line, flow_node at, flow_site site)
{
    const struct cel_prog *prog = flow->sites[site].prog;
    bool item = cel_prog_reads(prog, FLOW_ROOT_ITEM), index = cel_prog_reads(prog, FLOW_ROOT_INDEX);
    bool named = false;
    for (flow_node i = flow->steps[at].parent; i != line; i = flow->steps[i].parent) {
        enum flow_kind kind = flow->steps[i].kind;
        named |= (index && (kind == FLOW_EACH || kind == FLOW_REPEAT)) || (item && kind == FLOW_EACH);
    }
    return named;
}

static struct cel_value hash_of(struct rc_draft *draft, struct cel_value value)
{
    struct rc_sha256 sha;
    char hex[32];
    rc_sha256_init(&sha);
    cel_hash(value, &sha);
    rc_h128_hex(rc_sha256_h128(&sha), hex);
    struct rc_sv text = rc_copy_sv(draft->arena, (struct rc_sv){hex, sizeof hex});
    if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    return cel_string(text);
}

/* One step that is released: {step, with} as far as its input is known now, {step, hash} where it is too large to be shown, and
 * {step} where it hangs on what is released before it. */
static struct cel_value entry(struct rc_draft *draft, uint32_t at, flow_node node, bool whole)
{
    const struct flow *flow = draft->c.flow;
    const struct flow_step *step = &flow->steps[node];
    flow_site site = input_of(step);
    struct cel_value value;
    struct rc_error error;
    flow_node line = draft->c.node[draft->c.node[at].parent].node;
    bool known = site && !names_a_loop(flow, line, node, site) &&
                 rc_site_eval(draft, at, site, NULL, &value, &error) == RC_OK;
    if (rc_arena_status(draft->arena) != RC_OK) /* that is not known to be different */
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    struct cel_value id = cel_string(step->id);
    if (!known) return rc_draft_map(draft, (const char *const[]){"step"}, &id, 1);
    if (whole && !cel_not_json(value))
        return rc_draft_map(draft, (const char *const[]){"step", "with"}, (struct cel_value[]){id, value}, 2);
    return rc_draft_map(draft, (const char *const[]){"step", "hash"},
                        (struct cel_value[]){id, hash_of(draft, value)}, 2);
}

/* [{step, with}] of what an approval releases, as it is known now. */
static struct cel_value released(struct rc_draft *draft, uint32_t at, bool whole)
{
    const struct rc_command *c = &draft->c;
    const struct flow *flow = c->flow;
    struct cel_value *items = RC_NEW_ARRAY(draft->arena, struct cel_value, flow->nsteps);
    uint32_t n = 0;
    if (!items) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return cel_null();
    }
    RC_EACH_CHILD (c, c->node[at].parent, c->node[at].item, child) {
        if (!rc_approval_covers(c, at, child)) continue;
        for (flow_node node = c->node[child].node; node < flow->steps[c->node[child].node].end; node++)
            if (flow->steps[node].id.n) items[n++] = entry(draft, at, node, whole);
    }
    return (struct cel_value){.kind = CEL_LIST, .n = n, .v.items = items};
}

static struct cel_value shown_approval(struct rc_draft *draft, uint32_t at)
{
    draft->behind = at; /* what comes later may change: it is not looked at */
    struct cel_value list = released(draft, at, true);
    struct cel_value shown = rc_draft_map(draft, (const char *const[]){"releases"}, &list, 1);
    if (draft->status == RC_OK && cel_size_bytes(shown) > RC_MAX_OUTPUTS) {
        list = released(draft, at, false);
        shown = rc_draft_map(draft, (const char *const[]){"releases"}, &list, 1);
    }
    draft->behind = 0;
    return shown;
}

/* False: err says why not. */
static bool show_question(struct rc_draft *draft, uint32_t at, struct cel_value *ret, struct rc_error *err)
{
    const struct flow_people *people = &rc_node_step(&draft->c, at)->people;
    struct cel_value values[2] = {cel_null(), cel_null()};
    if (rc_site_eval(draft, at, people->question, NULL, &values[0], err) != RC_OK) return false;
    if (people->evidence && rc_site_eval(draft, at, people->evidence, NULL, &values[1], err) != RC_OK)
        return false;
    *ret = rc_draft_map(draft, (const char *const[]){"question", "evidence"}, values, 2);
    return rc_can_be_kept(*ret, "question and evidence", RC_MAX_OUTPUTS, err) == RC_OK;
}

/* Of the version of the flow, the payload, and what is shown; of each time that people are asked another one. */
static struct rc_h128 digest_of(const struct rc_command *c, uint32_t at, struct cel_value shown)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, RC_SV("asked"));
    rc_sha256_add_u64(&sha, c->flow->id);
    rc_sha256_add_u64(&sha, c->flow->digest.hi);
    rc_sha256_add_u64(&sha, c->flow->digest.lo);
    rc_sha256_add_u64(&sha, c->id.payload_hash.hi);
    rc_sha256_add_u64(&sha, c->id.payload_hash.lo);
    rc_sha256_add_u64(&sha, c->id.nonce);
    rc_sha256_add_u64(&sha, at);
    rc_sha256_add_u64(&sha, c->node[at].round);
    rc_sha256_add_u64(&sha, c->data[at].times.first);
    cel_hash(shown, &sha);
    return rc_sha256_h128(&sha);
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

static bool is_named_author(const struct rc_command *c, struct rc_sv name)
{
    bool author = rc_sv_eq(name, c->id.subject) || rc_sv_eq(name, c->id.actor);
    for (uint32_t i = 0; i < c->data[0].votes.n; i++) {
        const struct rc_vote *vote = &c->data[0].votes.vote[i];
        author |= rc_sv_eq(name, vote->subject) || rc_sv_eq(name, vote->actor);
    }
    return author;
}

/* Fewer people are named than have to agree, without those who have started the command. */
static bool is_impossible(const struct rc_command *c, uint32_t at)
{
    const struct flow_people *people = &rc_node_step(c, at)->people;
    uint32_t may = 0;
    if (!people->nnames) return false;
    for (uint32_t i = 0; i < people->nnames; i++) may += !is_named_author(c, people->names[i]);
    return may < (people->need ? people->need : 1);
}

static void ask(struct rc_draft *draft, uint32_t at, struct cel_value shown, rc_us due)
{
    struct rc_data *data = &draft->c.data[at];
    data->times.first = draft->ask->now;
    data->times.due = due;
    data->votes = (struct rc_votes){0};
    data->outputs = shown;
    data->request = digest_of(&draft->c, at, shown);
    draft->c.node[at].state = RC_STEP_ACTIVE;
    draft->c.node[at].phase = RC_PHASE_ASKED;
}

static rc_us limit_of(const struct rc_draft *draft, uint32_t at)
{
    rc_us within = rc_node_step(&draft->c, at)->people.within;
    return within ? draft->ask->now + within : 0;
}

void rc_ask_start(struct rc_draft *draft, uint32_t at)
{
    struct cel_value shown;
    struct rc_error error;
    rc_leaf_at_zero(draft, at);
    if (rc_node_step(&draft->c, at)->kind == FLOW_APPROVE) {
        shown = shown_approval(draft, at);
    } else if (!show_question(draft, at, &shown, &error)) {
        rc_leaf_cannot(draft, at, &error);
        return;
    }
    if (draft->status != RC_OK) return;
    if (is_impossible(&draft->c, at))
        rc_step_end(draft, at, RC_STEP_FAILED, RC_WHY_IMPOSSIBLE);
    else
        ask(draft, at, shown, limit_of(draft, at));
}

void rc_ask_end(struct rc_draft *draft, uint32_t at, unsigned state, enum rc_why why)
{
    draft->c.data[at].outputs = cel_null();
    rc_step_end(draft, at, state, why);
}

void rc_ask_over(struct rc_draft *draft, uint32_t at)
{
    bool fails = rc_node_step(&draft->c, at)->people.on_timeout == FLOW_TIMEOUT_FAIL;
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, RC_WHY_EXPIRED}, 0,
                   rc_sv_of(rc_why_word(RC_WHY_EXPIRED).text));
    rc_ask_end(draft, at, fails ? RC_STEP_FAILED : RC_STEP_REJECTED, RC_WHY_EXPIRED);
}

/* ---- void ----------------------------------------------------------------------------------------------------------- */

static bool may_still_leave(const struct rc_command *c, uint32_t at)
{
    unsigned state = c->node[at].state;
    bool open = state == RC_STEP_IDLE
                    ? rc_can_begin(c, at)
                    : state == RC_STEP_ACTIVE || state == RC_STEP_FAILED || state == RC_STEP_REJECTED;
    return rc_is_leaf(c, at) && open && c->node[at].phase != RC_PHASE_OPEN;
}

/* Something that an approval has released has not left yet, or may leave again. */
static bool holds_something(const struct rc_command *c, uint32_t at)
{
    RC_EACH_CHILD (c, c->node[at].parent, c->node[at].item, child)
        for (uint32_t i = child; rc_approval_covers(c, at, child) && i < rc_behind(c, child); i++)
            if (may_still_leave(c, i)) return true;
    return false;
}

/* What waits to leave waits for the new decision. */
static void call_back(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    RC_EACH_CHILD (c, c->node[at].parent, c->node[at].item, child)
        for (uint32_t i = child; rc_approval_covers(c, at, child) && i < rc_behind(c, child); i++) {
            struct rc_node *node = &c->node[i];
            bool waits = node->phase == RC_PHASE_READY || node->phase == RC_PHASE_DELAYED;
            if (!rc_is_leaf(c, i) || node->state != RC_STEP_ACTIVE || !waits) continue;
            node->phase = RC_PHASE_NONE;
            c->data[i].times.due = 0;
            if (!rc_has_left(c, i) || node->doubt || node->round == UINT8_MAX) continue;
            node->round++; /* what it sends next is another request, and what it sent did not happen */
            c->data[i].request = (struct rc_h128){0};
            c->data[i].times.keyed = 0;
        }
}

static bool look_again(struct rc_draft *draft, uint32_t at)
{
    struct rc_command *c = &draft->c;
    struct rc_data *data = &c->data[at];
    bool asked = rc_is_asked(c, at);
    struct cel_value shown = shown_approval(draft, at);
    if (draft->status != RC_OK || rc_h128_eq(digest_of(c, at, shown), data->request)) return false;
    uint32_t had = data->votes.n;
    ask(draft, at, shown, asked ? data->times.due : limit_of(draft, at));
    c->node[at].why = RC_WHY_VOID;
    call_back(draft, at);
    struct rc_sv text =
        rc_text(draft->arena, "what it releases has changed: %u that had approved it are asked again", had);
    if (!text.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    rc_draft_fault(draft, at, (struct rc_finding){RC_OUT_NONE, RC_WHY_VOID}, 0, text);
    return true;
}

bool rc_ask_again_where_void(struct rc_draft *draft)
{
    const struct rc_command *c = &draft->c;
    bool any = false;
    if (!c->flow->approves || c->mode != RC_MODE_FORWARD) return false;
    for (uint32_t i = 1; i < c->nnodes && draft->status == RC_OK; i++) {
        if (rc_step_at(c, i)->kind != FLOW_APPROVE) continue;
        bool given = c->node[i].state == RC_STEP_SUCCEEDED && holds_something(c, i);
        if (rc_is_asked(c, i) || given) any |= look_again(draft, i);
    }
    return any;
}
