/* To another version of the flow, in place: what is done stays done, what is not is done as the new version says (docs/moves.md).
 *
 * Instances are matched from the root down: a child of a block that is the same is the child of the same kind with the same id; instances of
 * loops by the number of their item or pass. What hangs on an instance goes with it, also what its Idempotency-Keys are made of, so that
 * a step that is repeated as it was is repeated under its key. All else is an instance that has not begun, with keys of its own. */
#include "core/move.h"
#include "core/advance.h"
#include "core/move_part.h"
#include "core/people.h"

#include "flow/schema.h"

/* ---- whether it can be, as far as the command alone is asked ------------------------------------------------------------ */

static const char *why_not_at(const struct rc_command *c, uint32_t at)
{
    const struct rc_node *node = &c->node[at];
    if (node->state == RC_STEP_UNKNOWN || node->doubt)
        return "it may have happened: find out first, with check or resolve";
    bool undoing = node->state == RC_STEP_UNDOING || node->state == RC_STEP_UNDO_UNKNOWN ||
                   node->state == RC_STEP_UNDO_FAILED;
    return undoing ? "a step is being undone, or could not be: settle that first" : NULL;
}

const char *rc_why_not_move(const struct rc_command *c)
{
    if (c->successor.seq || c->mode == RC_MODE_ACCEPTED) return rc_why_not_go_on(c);
    if (rc_state_ended(c->state)) return "it has ended";
    if (c->mode == RC_MODE_CANCEL) return "it is being cancelled";
    if (c->mode == RC_MODE_ROLL_BACK) return "it is being rolled back";
    if (c->back) return "a part of it is rolled back: retry it first, so that it is done anew";
    if (rc_command_in_flight(c)) return "an attempt is in flight; wait for its outcome";
    for (uint32_t i = 0; i < c->nnodes; i++) {
        const char *why_not = why_not_at(c, i);
        if (why_not) return why_not;
        if (c->data[i].child.link.seq)
            return "a step of it has started another command, which knows that step by its version";
    }
    return rc_why_not_go_on(c);
}

/* ---- which instance is which ---------------------------------------------------------------------------------------------- */

struct matching {
    const struct rc_command *c, *there;
    uint32_t *was, *is; /* was: by instances of the new version; is: by those of the old one */
};

static void match(const struct matching *m, uint32_t old, uint32_t new)
{
    const struct flow_step *from = rc_step_at(m->c, old), *to = rc_step_at(m->there, new);
    m->was[new] = old;
    m->is[old] = new;
    uint32_t copies = from->copies < to->copies ? from->copies : to->copies;
    if (!from->body || !to->body) return;
    for (uint32_t copy = 0; copy < copies; copy++)
        RC_EACH_CHILD (m->c, old, copy, child) {
            flow_node twin =
                rc_move_twin(m->there->flow, m->there->node[new].node, m->c->flow, m->c->node[child].node);
            if (twin == FLOW_NONE) continue;
            uint32_t other = rc_first_child(m->there, new, copy) + m->there->flow->steps[twin].place;
            if (m->was[other] == RC_NOWHERE) match(m, child, other);
        }
}

static bool is_same(const struct rc_command *c, uint32_t old, const struct rc_command *there, uint32_t new)
{
    return rc_h128_eq(rc_move_digest(c->flow, c->node[old].node),
                      rc_move_digest(there->flow, there->node[new].node));
}

/* ---- what becomes of each ------------------------------------------------------------------------------------------------- */

struct fate {
    enum rc_move_fate fate;
    const char *why;
};

static struct fate refused(const char *why)
{
    return (struct fate){RC_MOVE_REFUSED, why};
}

/* Whether what was made is what the new version reads of it. Types say which names there are, and no more. */
static bool outputs_cover(const struct rc_command *c, uint32_t old, const struct flow *to,
                          const struct flow_step *step)
{
    const struct cel_type *wants = step->call.outputs;
    const struct cel_value *made = &c->data[old].outputs;
    if (!wants) return rc_move_same_outputs(c->flow, c->node[old].node, to, (flow_node)(step - to->steps));
    for (uint32_t i = 0; i < wants->nfields; i++)
        if (made->kind != CEL_MAP || !cel_map_find(made, cel_string(wants->fields[i].name))) return false;
    return true;
}

static struct fate fate_of_done_call(const struct rc_command *c, uint32_t old, const struct flow *to,
                                     const struct flow_step *step)
{
    const struct flow_step *from = rc_step_at(c, old);
    bool covers = outputs_cover(c, old, to, step);
    if (from->call.act.reads_only && (!step->call.act.reads_only || !covers))
        return (struct fate){RC_MOVE_AGAIN, NULL};
    if (!covers) return refused("it is done, and what the new version reads of it is not what it has made");
    if (!rc_sv_eq(c->flow->dependencies[from->call.dependency], to->dependencies[step->call.dependency]))
        return refused("it was done at another dependency than the one that the new version names");
    if (from->call.undo.present && !step->call.undo.present)
        return refused("it is done and can be undone, and the new version declares no undo for it");
    return (struct fate){RC_MOVE_KEPT, NULL};
}

static struct fate fate_of_done(const struct rc_command *c, uint32_t old, const struct flow *to,
                                const struct flow_step *step, bool same)
{
    switch (step->kind) {
    case FLOW_CALL: return fate_of_done_call(c, old, to, step);
    case FLOW_SET: return (struct fate){same ? RC_MOVE_KEPT : RC_MOVE_AGAIN, NULL};
    case FLOW_WAIT:
    case FLOW_ESCALATE:
        if (!outputs_cover(c, old, to, step))
            return refused("it is done, and what the new version reads of it is not what it has made");
        break;
    case FLOW_CHILD: /* one that is done is refused before (rc_why_not_move) */
    case FLOW_CONFIRM:
    case FLOW_APPROVE:
    case FLOW_SLEEP:
    case FLOW_LINEAR:
    case FLOW_PARALLEL:
    case FLOW_CHOOSE:
    case FLOW_EACH:
    case FLOW_REPEAT:
    case FLOW_FALLBACK: break;
    }
    return (struct fate){RC_MOVE_KEPT, NULL};
}

static struct fate fate_of_leaf(const struct rc_command *c, uint32_t old, const struct rc_command *there,
                                uint32_t new, bool same)
{
    const struct flow_step *step = rc_step_at(there, new);
    const struct rc_node *node = &c->node[old];
    switch ((enum rc_step_state)node->state) {
    case RC_STEP_IDLE: return (struct fate){RC_MOVE_BEGINS, NULL};
    case RC_STEP_SKIPPED:
        return (struct fate){same || node->why == RC_WHY_PERSON ? RC_MOVE_KEPT : RC_MOVE_BEGINS, NULL};
    case RC_STEP_SUCCEEDED: return fate_of_done(c, old, there->flow, step, same);
    case RC_STEP_ACTIVE:
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
        if (!same && node->round == UINT8_MAX) return refused("it was done anew too often");
        return (struct fate){node->phase == RC_PHASE_ASKED && (!same || step->kind == FLOW_APPROVE)
                                 ? RC_MOVE_ASKED
                                 : RC_MOVE_AGAIN,
                             NULL};
    case RC_STEP_UNKNOWN:
    case RC_STEP_UNDOING:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    return (struct fate){RC_MOVE_AGAIN, NULL};
}

/* NULL: a block that has begun can go on as the new version has it. */
static const char *why_not_block(const struct rc_command *c, uint32_t old, const struct rc_command *there,
                                 uint32_t new)
{
    const struct rc_node *node = &c->node[old];
    const struct flow_step *step = rc_step_at(there, new);
    if (node->state == RC_STEP_IDLE || is_same(c, old, there, new)) {
        bool fewer =
            step->kind == FLOW_EACH && node->state != RC_STEP_IDLE && rc_branches(c, old) > step->copies;
        return fewer ? "it has more items than the new version allows" : NULL;
    }
    if (node->cleared || node->tries || node->lost || node->asks)
        return "it has come to its result, and the new version defines it otherwise";
    bool plain = step->kind == FLOW_LINEAR || step->kind == FLOW_PARALLEL;
    return plain ? NULL : "it has begun, and the new version decides otherwise what is done in it";
}

/* Of a step that the new version does not have where it was. */
static struct fate fate_of_gone(const struct rc_command *c, uint32_t old, const struct flow *to)
{
    const struct flow_step *step = rc_step_at(c, old);
    if (c->node[old].state != RC_STEP_SUCCEEDED || step->call.act.reads_only)
        return (struct fate){RC_MOVE_DROPPED, NULL};
    flow_node other = flow_find(to, step->id);
    if (other == FLOW_NONE) return refused("it is done, and the new version does not have it");
    return refused(to->steps[other].kind == step->kind
                       ? "it is done, and the new version has it in another block"
                       : "it is done, and in the new version it is something else");
}

/* ---- the plan ----------------------------------------------------------------------------------------------------------- */

static void add(struct rc_move_plan *plan, uint32_t at, bool gone, struct fate fate)
{
    plan->step[plan->nsteps++] =
        (struct rc_move_step){.at = at, .gone = gone, .fate = (uint8_t)fate.fate, .why = fate.why};
    plan->count[fate.fate]++;
}

/* Whether its list, which is known, has no such item. */
static bool has_no_item(const struct rc_command *c, uint32_t each, uint32_t item)
{
    bool known = rc_step_at(c, each)->kind == FLOW_EACH && c->data[each].outputs.kind == CEL_LIST;
    return known && item >= rc_branches(c, each);
}

/* Whether it does not begin in the new version either: it is left out, or what stands around it is over, and both are as they were. */
static bool stays_out(const struct rc_command *c, const struct matching *m, uint32_t new)
{
    const struct rc_node *there = m->there->node;
    uint32_t item = 0;
    bool added = m->was[new] == RC_NOWHERE;
    for (; m->was[new] == RC_NOWHERE; new = there[new].parent) item = there[new].item;
    uint32_t old = m->was[new];
    bool leaf = rc_is_leaf(c, old), idle = c->node[old].state == RC_STEP_IDLE;
    bool out = idle ? !rc_can_begin(c, old) : !leaf && c->node[old].state == RC_STEP_SKIPPED;
    out |= added && has_no_item(c, old, item);
    if (leaf) old = c->node[old].parent, new = there[new].parent;
    for (; out && new; old = c->node[old].parent, new = there[new].parent)
        out = is_same(c, old, m->there, new);
    return out;
}

static void judge(const struct rc_command *c, const struct matching *m, struct rc_move_plan *plan)
{
    const struct rc_command *there = &plan->there;
    for (uint32_t i = 0; i < there->nnodes; i++) {
        uint32_t old = m->was[i];
        if (!rc_is_leaf(there, i)) {
            const char *why_not = old == RC_NOWHERE ? NULL : why_not_block(c, old, there, i);
            if (why_not) add(plan, i, false, refused(why_not));
            continue;
        }
        if (stays_out(c, m, i)) continue;
        if (old == RC_NOWHERE)
            add(plan, i, false, (struct fate){RC_MOVE_BEGINS, NULL});
        else
            add(plan, i, false, fate_of_leaf(c, old, there, i, is_same(c, old, there, i)));
    }
    for (uint32_t i = 1; i < c->nnodes; i++) {
        bool begun = c->node[i].state != RC_STEP_IDLE && c->node[i].state != RC_STEP_SKIPPED;
        if (m->is[i] == RC_NOWHERE && rc_is_leaf(c, i) && begun)
            add(plan, i, true, fate_of_gone(c, i, plan->to));
    }
}

/* Whether an approval releases what an instance does. */
static bool is_released(const struct rc_command *there, uint32_t approval, uint32_t at)
{
    const struct rc_node *node = there->node, *beside = &node[approval];
    while (at && (node[at].parent != beside->parent || node[at].item != beside->item)) at = node[at].parent;
    return at && rc_approval_covers(there, approval, at);
}

/* People are asked again where what they have approved is not all done: an approval is of one version. */
static void ask_again(const struct rc_command *c, struct rc_move_plan *plan)
{
    for (uint32_t i = 0; i < plan->nsteps; i++) {
        struct rc_move_step *step = &plan->step[i];
        bool open = false;
        if (step->gone || step->fate != RC_MOVE_KEPT ||
            rc_step_at(&plan->there, step->at)->kind != FLOW_APPROVE ||
            c->node[plan->was[step->at]].state != RC_STEP_SUCCEEDED)
            continue;
        for (uint32_t k = i + 1; k < plan->nsteps && !plan->step[k].gone && !open; k++) {
            bool done = plan->step[k].fate == RC_MOVE_KEPT || plan->step[k].fate == RC_MOVE_REFUSED;
            open = !done && is_released(&plan->there, step->at, plan->step[k].at);
        }
        if (!open) continue;
        plan->count[RC_MOVE_KEPT]--;
        plan->count[RC_MOVE_ASKED]++;
        step->fate = RC_MOVE_ASKED;
    }
}

static struct rc_h128 digest_of(const struct rc_command *c, const struct rc_move_plan *plan)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, RC_SV("move"));
    rc_sha256_add_u64(&sha, c->id.nonce);
    rc_sha256_add_u64(&sha, rc_command_moves(c));
    rc_sha256_add_u64(&sha, c->flow->digest.hi);
    rc_sha256_add_u64(&sha, c->flow->digest.lo);
    rc_sha256_add_u64(&sha, plan->to->version);
    rc_sha256_add_u64(&sha, plan->to->digest.hi);
    rc_sha256_add_u64(&sha, plan->to->digest.lo);
    for (uint32_t i = 0; i < plan->there.nnodes; i++) rc_sha256_add_u64(&sha, plan->was[i]);
    for (uint32_t i = 0; i < plan->nsteps; i++)
        rc_sha256_add_u64(&sha, (uint64_t)plan->step[i].at << 9 | (uint64_t)plan->step[i].gone << 8 |
                                    plan->step[i].fate);
    return rc_sha256_h128(&sha);
}

static enum rc_status find_flow(const struct rc_command *c, const struct flow_set *set, uint32_t version,
                                const struct flow **ret, struct rc_error *err)
{
    struct rc_sv name = c->flow->name;
    const struct flow *to = version ? flow_set_of(set, name, version) : flow_set_active(set, name);
    if (!to && !version)
        return rc_fail(err, RC_REFUSED, "its flow \"%.*s\" is not in force any more", RC_SV_ARG(name));
    if (!to)
        return rc_fail(err, RC_REFUSED, "there is no version %u of the flow \"%.*s\"", version,
                       RC_SV_ARG(name));
    if (to->version == c->flow->version)
        return rc_fail(err, RC_REFUSED, "it is of version %u already", to->version);
    if (to->version < c->flow->version)
        return rc_fail(err, RC_REFUSED, "version %u is older than its own, %u: it can only go to a newer one",
                       to->version, c->flow->version);
    *ret = to;
    return RC_OK;
}

/* The expressions of the new version trust its schema. */
static enum rc_status check_payload(const struct rc_command *c, const struct flow *to, struct rc_arena *arena,
                                    struct rc_error *err)
{
    struct rc_error first = {0};
    struct cel_value copy;
    uint32_t n = 0;
    struct rc_sha256 before, after;
    if (!to->payload) return RC_OK;
    if (cel_copy(c->id.payload, arena, &copy) != RC_OK) return rc_fail_arena(err, arena);
    if (flow_validate(to->payload, &copy, &first, 1, &n) != RC_OK)
        return rc_fail(err, RC_REFUSED, "its payload does not fit version %u: %s: %s", to->version,
                       first.pointer, first.text);
    rc_sha256_init(&before);
    rc_sha256_init(&after);
    cel_hash(c->id.payload, &before);
    cel_hash(copy, &after);
    if (rc_h128_eq(rc_sha256_h128(&before), rc_sha256_h128(&after))) return RC_OK;
    return rc_fail(err, RC_REFUSED, "version %u reads a number of its payload as one of another kind",
                   to->version);
}

static enum rc_status match_all(const struct rc_command *c, struct rc_arena *arena, struct rc_move_plan *plan,
                                struct matching *ret, struct rc_error *err)
{
    uint32_t n = plan->to->ninstances;
    plan->there = *c;
    plan->there.flow = plan->to;
    plan->there.nnodes = n;
    plan->there.node = RC_NEW_ARRAY(arena, struct rc_node, n);
    plan->there.data = RC_NEW_ARRAY(arena, struct rc_data, n);
    plan->step = RC_NEW_ARRAY(arena, struct rc_move_step, n + c->nnodes);
    *ret = (struct matching){c, &plan->there, RC_NEW_ARRAY(arena, uint32_t, n),
                             RC_NEW_ARRAY(arena, uint32_t, c->nnodes)};
    if (!plan->there.node || !plan->there.data || !plan->step || !ret->was || !ret->is)
        return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < n; i++) ret->was[i] = RC_NOWHERE;
    for (uint32_t i = 0; i < c->nnodes; i++) ret->is[i] = RC_NOWHERE;
    rc_unroll(plan->to, plan->there.node, 0);
    match(ret, 0, 0);
    plan->was = ret->was;
    return RC_OK;
}

enum rc_status rc_move_make_plan(const struct rc_command *c, const struct flow_set *set, uint32_t version,
                                 struct rc_arena *arena, struct rc_move_plan *ret, struct rc_error *err)
{
    struct rc_move_plan plan = {0};
    struct matching matching;
    const char *why_not = rc_why_not_move(c);
    if (why_not) return rc_fail(err, RC_REFUSED, "%s", why_not);
    enum rc_status status = find_flow(c, set, version, &plan.to, err);
    if (status == RC_OK) status = check_payload(c, plan.to, arena, err);
    if (status == RC_OK) status = match_all(c, arena, &plan, &matching, err);
    if (status != RC_OK) return status;
    judge(c, &matching, &plan);
    ask_again(c, &plan);
    plan.digest = digest_of(c, &plan);
    *ret = plan;
    return RC_OK;
}

/* ---- the move ----------------------------------------------------------------------------------------------------------- */

static enum rc_status is_possible(struct rc_draft *draft, const struct rc_act *act,
                                  const struct rc_move_plan *plan)
{
    struct rc_path path;
    if (!rc_h128_is_zero(act->digest) && !rc_h128_eq(act->digest, plan->digest))
        return rc_fail(draft->err, RC_STALE, "this is not what was shown any more: look at it again");
    if (rc_h128_is_zero(act->digest) && !(act->expected_rev && act->version))
        return rc_fail(draft->err, RC_INVALID, "a move names the digest of its plan");
    for (uint32_t i = 0; i < plan->nsteps; i++) {
        const struct rc_move_step *step = &plan->step[i];
        if (step->fate != RC_MOVE_REFUSED) continue;
        struct rc_sv name = rc_node_path(step->gone ? &draft->c : &plan->there, step->at, &path);
        if (plan->count[RC_MOVE_REFUSED] == 1)
            return rc_fail(draft->err, RC_REFUSED, "step '%.*s': %s", RC_SV_ARG(name), step->why);
        return rc_fail(draft->err, RC_REFUSED, "step '%.*s': %s (and %u more)", RC_SV_ARG(name), step->why,
                       plan->count[RC_MOVE_REFUSED] - 1);
    }
    return RC_OK;
}

static bool waits_as_before(const struct rc_command *c, uint32_t at)
{
    unsigned phase = c->node[at].phase;
    return phase == RC_PHASE_DELAYED || phase == RC_PHASE_WAITING || phase == RC_PHASE_ASKED;
}

/* A step that is carried and not done. As it was, it goes on as it was; defined otherwise, it has another request, and so another key. */
static void take_up(struct rc_draft *draft, uint32_t at, bool same)
{
    struct rc_node *node = &draft->c.node[at];
    struct rc_data *data = &draft->c.data[at];
    bool done = node->state == RC_STEP_SUCCEEDED || node->state == RC_STEP_SKIPPED;
    if (same && !done && (node->state != RC_STEP_ACTIVE || waits_as_before(&draft->c, at))) return;
    bool ended = node->state == RC_STEP_FAILED || node->state == RC_STEP_REJECTED;
    if (!same && rc_has_left(&draft->c, at) && node->state != RC_STEP_REJECTED) node->round++;
    if (!same) {
        data->request = (struct rc_h128){0};
        data->times.keyed = 0;
    }
    if (ended) return; /* a retry begins it */
    rc_us keyed = data->times.keyed;
    node->tries = node->asks = 0;
    node->cleared = node->lost = 0;
    rc_step_end(draft, at, RC_STEP_IDLE, RC_WHY_NONE);
    data->times = (struct rc_times){.keyed = keyed};
    data->outputs = cel_null();
    data->external_id = (struct rc_sv){0};
    data->votes = (struct rc_votes){0};
    if (rc_step_at(&draft->c, at)->kind != FLOW_CALL) data->request = (struct rc_h128){0};
}

static void take_up_all(struct rc_draft *draft, const struct rc_command *before,
                        const struct rc_move_plan *plan)
{
    struct rc_command *c = &draft->c;
    for (uint32_t i = 0; i < plan->nsteps; i++) {
        const struct rc_move_step *step = &plan->step[i];
        uint32_t was = step->gone ? RC_NOWHERE : plan->was[step->at];
        if (was == RC_NOWHERE || !rc_is_leaf(c, step->at)) continue;
        bool idle = c->node[step->at].state == RC_STEP_IDLE;
        bool again = step->fate == RC_MOVE_AGAIN || step->fate == RC_MOVE_BEGINS ||
                     (step->fate == RC_MOVE_ASKED && c->node[step->at].state != RC_STEP_SUCCEEDED);
        if (again && !idle) take_up(draft, step->at, is_same(before, was, c, step->at));
    }
}

enum rc_status rc_command_move(struct rc_draft *draft, const struct rc_act *act)
{
    struct rc_move_plan plan;
    struct rc_command *c = &draft->c;
    enum rc_status status = rc_move_make_plan(c, draft->set, act->version, draft->arena, &plan, draft->err);
    if (status == RC_OK) status = is_possible(draft, act, &plan);
    if (status != RC_OK) return status;
    struct rc_move *move = RC_NEW(draft->arena, struct rc_move);
    struct rc_command *moved = RC_NEW(draft->arena, struct rc_command);
    if (!move || !moved) return rc_fail_arena(draft->err, draft->arena);
    *move = (struct rc_move){.from = c->flow->version,
                             .to = plan.to->version,
                             .flow = plan.to,
                             .was = plan.was,
                             .nwas = plan.there.nnodes};
    *moved = *draft->before;
    status = rc_move_apply(moved, move, draft->arena, draft->err);
    if (status == RC_OK) status = rc_move_apply(c, move, draft->arena, draft->err);
    if (status != RC_OK) return status;
    draft->move = move;
    draft->moved = moved;
    if (!c->parent.link.seq) rc_child_pin(draft); /* nothing that it may start has been started */
    take_up_all(draft, draft->before, &plan);
    if (c->mode == RC_MODE_FORWARD && !rc_command_waits_to_begin(c) && !rc_command_waits_in_lane(c))
        rc_retry_all(draft);
    (void)rc_ask_again_where_void(draft); /* before anything that was released as it was can leave */
    return RC_OK;
}

const struct flow *rc_move_newer(const struct rc_command *c, const struct flow_set *set)
{
    const struct flow *active = flow_set_active(set, c->flow->name);
    return active && active->version > c->flow->version ? active : NULL;
}
