/* Steps: the tree that their lists make, and the fields that every step has. */
#include "defs/scope.h"
#include "defs/steps.h"
#include "defs/worker.h"

#include "base/near.h"

const struct defs_node *defs_value_of(const struct defs_node *map, const char *name)
{
    const struct defs_node *key = defs_node_key(map, name);
    return key ? key->value : map;
}

/* ---- nodes */

/* A copy of the place that outlives the reading of its fields; what was kept before is shared. */
static const struct defs_place *keep_place(struct defs_reader *r, const struct defs_place *place)
{
    if (!place || place->kept) return place;
    struct defs_place *copy = RC_NEW(r->scratch, struct defs_place);
    if (!copy) return NULL;
    *copy = *place;
    copy->kept = true;
    copy->up = keep_place(r, place->up);
    return copy;
}

/* Room for one node more. */
static bool make_room(struct defs_reader *r)
{
    if (r->nnodes < r->cap_nodes) return true;
    uint32_t cap = r->cap_nodes ? 2 * r->cap_nodes : 16;
    struct flow_step *node = RC_NEW_ARRAY(r->scratch, struct flow_step, cap);
    struct defs_origin *origin = RC_NEW_ARRAY(r->scratch, struct defs_origin, cap);
    if (!node || !origin) return defs_fail_arena(r, r->scratch);
    if (r->nnodes) {
        memcpy(node, r->node, r->nnodes * sizeof *node);
        memcpy(origin, r->origin, r->nnodes * sizeof *origin);
    }
    r->node = node;
    r->origin = origin;
    r->cap_nodes = cap;
    return true;
}

bool defs_add_node(struct defs_reader *r, enum flow_kind kind, flow_node parent, const struct defs_node *node,
                   flow_node *ret)
{
    if (r->nnodes == RC_MAX_NODES) {
        r->too_many = true;
        return defs_fail(r, node, RC_LIMIT, "a flow has at most %d steps and blocks", RC_MAX_NODES - 1);
    }
    if (!make_room(r)) return false;
    *ret = (flow_node)r->nnodes++;
    r->node[*ret] = (struct flow_step){
        .kind = kind, .critical = true, .parent = parent, .end = (flow_node)r->nnodes, .copies = 1};
    r->origin[*ret] = (struct defs_origin){node, r->place};
    return true;
}

static void close_node(struct defs_reader *r, flow_node node)
{
    r->node[node].end = (flow_node)r->nnodes;
}

/* ---- the fields of every step */

/* Kept at once: what stands inside must have other ids. */
static bool read_id(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct defs_draft *draft = target;
    if (!defs_read_id(r, node, &draft->step.id, arg)) return false;
    for (uint32_t i = 1; i < r->nnodes; i++)
        if (rc_sv_eq(r->node[i].id, draft->step.id))
            return defs_fail(r, node, RC_INVALID, "two steps have the id '%.*s'", RC_SV_ARG(draft->step.id));
    r->node[draft->self].id = draft->step.id;
    return true;
}

static bool say_no_sibling(struct defs_reader *r, const struct defs_node *id)
{
    struct rc_near near = {.wanted = id->text};
    bool elsewhere = false;
    for (uint32_t i = 1; i < r->nnodes && id->text.n; i++)
        elsewhere |= rc_sv_eq(r->node[i].id, id->text) && i != r->reading;
    for (uint32_t i = 0; i < r->siblings->n && !defs_is_full(r); i++)
        rc_near_try(&near, r->node[r->siblings->self[i]].id);
    if (elsewhere)
        return defs_fail(r, id, RC_INVALID,
                         "'%.*s' does not stand before this step in the same block: name the block that it "
                         "stands in",
                         RC_SV_ARG(id->text));
    return defs_fail(r, id, RC_INVALID, "'%.*s' is no earlier step%s", RC_SV_ARG(id->text),
                     defs_hint(near.best).text);
}

/* The id of a step that stands before this one in the same block. */
static bool read_need(struct defs_reader *r, const struct defs_node *id, flow_node *need, uint32_t *n)
{
    const struct defs_siblings *of = r->siblings;
    uint32_t at = 0;
    while (at < of->n && !(id->text.n && rc_sv_eq(r->node[of->self[at]].id, id->text))) at++;
    if (id->kind != DEFS_SCALAR || at == of->n) return say_no_sibling(r, id);
    for (uint32_t i = 0; i < *n; i++)
        if (need[i] == of->head[at])
            return defs_fail(r, id, RC_INVALID, "'%.*s' is here twice", RC_SV_ARG(id->text));
    need[(*n)++] = of->head[at];
    return true;
}

static bool read_needs(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    if (!defs_want(r, node, DEFS_LIST, "a list of ids of earlier steps")) return false;
    flow_node *need = RC_NEW_ARRAY(r->arena, flow_node, node->n);
    if (!need) return defs_fail_arena(r, r->arena);
    bool ok = true;
    uint32_t n = 0, i = 0;
    for (const struct defs_node *id = node->first; id; id = id->next, i++) {
        struct defs_place place = {.up = r->place, .item = true, .index = i};
        r->place = &place;
        ok &= read_need(r, id, need, &n);
        r->place = place.up;
    }
    draft->step.needs = need;
    draft->step.nneeds = (uint16_t)n;
    return defs_see_needs(r, &draft->step, defs_node_key(draft->node, "if")) && ok;
}

/* ---- tables: one for each kind of step */

#define IN(member) offsetof(struct defs_draft, step.member)
#define LATER(name)                                                                                          \
    {                                                                                                        \
        name, DEFS_LATER, NULL, 0, NULL                                                                      \
    }
#define KIND(name)                                                                                           \
    {                                                                                                        \
        name, DEFS_OPTIONAL, NULL, 0, NULL                                                                   \
    }
/* The kinds are rows of every table, so that a misspelt one gets a hint; the row of the table's own follows. */
#define STEP_FIELDS                                                                                          \
    {"id", DEFS_REQUIRED, read_id, 0, NULL}, {"description", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},     \
        {"needs", DEFS_OPTIONAL, read_needs, 0, NULL},                                                       \
        {"critical", DEFS_OPTIONAL, defs_read_bool, IN(critical), NULL},                                     \
        {"if", DEFS_OPTIONAL, defs_read_if, IN(cond), NULL}, KIND("linear"), KIND("parallel"),               \
        KIND("choose"), KIND("each"), KIND("repeat"), KIND("sleep"), KIND("set"), KIND("wait"),              \
        KIND("approve"), KIND("escalate"), KIND("confirm"), KIND("flow"), LATER("when"), LATER("sensitive"), \
        LATER("vars")
#define FALLBACK_FIELD KIND("fallback") /* read behind all the rest */

static const struct defs_word on_error_word[] = {{"fail_fast", FLOW_FAIL_FAST}, {"continue", FLOW_CONTINUE}};
static const struct defs_words on_error_words = {on_error_word, 2};
static const struct defs_word running_word[] = {{"wait", FLOW_RUNNING_WAIT}, {"cancel", FLOW_RUNNING_CANCEL}};
static const struct defs_words running_words = {running_word, 2};
static const struct defs_word undo_word[] = {
    {"none", FLOW_UNDO_NONE}, {"failed_branch", FLOW_UNDO_FAILED_BRANCH}, {"block", FLOW_UNDO_BLOCK}};
static const struct defs_words undo_words = {undo_word, 3};
static const struct defs_word surplus_word[] = {{"keep", FLOW_SURPLUS_KEEP}, {"undo", FLOW_SURPLUS_UNDO}};
static const struct defs_words surplus_words = {surplus_word, 2};
static const struct defs_word undecided_word[] = {
    {"escalate", FLOW_UNDECIDED_ESCALATE}, {"else", FLOW_UNDECIDED_ELSE}, {"fail", FLOW_UNDECIDED_FAIL}};
static const struct defs_words undecided_words = {undecided_word, 3};
static const struct defs_range width_range = {1, RC_MAX_INSTANCES, true};

/* What a block does when something in it fails. */
#define BLOCK_FIELDS                                                                                         \
    {"on_error", DEFS_OPTIONAL, defs_read_word, IN(block.on_error), &on_error_words},                        \
        {"undo", DEFS_OPTIONAL, defs_read_word, IN(block.undo), &undo_words}, FALLBACK_FIELD
#define JOIN_FIELDS                                                                                          \
    {"running", DEFS_OPTIONAL, defs_read_word, IN(block.running), &running_words},                           \
        {"join", DEFS_OPTIONAL, defs_read_join, 0, NULL},                                                    \
        {"surplus", DEFS_OPTIONAL, defs_read_word, IN(block.surplus), &surplus_words},                       \
    {                                                                                                        \
        "width", DEFS_OPTIONAL, defs_read_count, IN(block.width), &width_range                               \
    }

static const struct defs_field call_field[] = {
    STEP_FIELDS,
    {"call", DEFS_REQUIRED, defs_read_call, IN(call.dependency), NULL},
    {"capability", DEFS_OPTIONAL, defs_read_capability, IN(call.capability), NULL},
    {"irreversible", DEFS_OPTIONAL, defs_read_bool, IN(call.irreversible), NULL},
    {"require", DEFS_OPTIONAL, defs_read_require, IN(call.require), NULL},
    DEFS_ACTION_FIELDS(IN(call.act)),
    {"outputs", DEFS_OPTIONAL, defs_read_outputs, IN(call.act.outputs), NULL},
    {"external_id", DEFS_OPTIONAL, defs_read_external_id, IN(call.external_id), NULL},
    {"check", DEFS_OPTIONAL, defs_read_check, IN(call.act.check), &defs_check_table},
    {"undo", DEFS_OPTIONAL, defs_read_undo, IN(call.undo), NULL},
    FALLBACK_FIELD,
};
static const struct defs_field linear_field[] = {
    STEP_FIELDS,
    KIND("call"),
    BLOCK_FIELDS,
    {"linear", DEFS_REQUIRED, defs_read_linear, 0, NULL},
};
static const struct defs_field parallel_field[] = {
    STEP_FIELDS,
    KIND("call"),
    BLOCK_FIELDS,
    JOIN_FIELDS,
    {"parallel", DEFS_REQUIRED, defs_read_parallel, 0, NULL},
};
static const struct defs_field choose_field[] = {
    STEP_FIELDS,
    KIND("call"),
    FALLBACK_FIELD,
    {"on_error", DEFS_OPTIONAL, defs_read_word, IN(block.undecided), &undecided_words},
    {"undo", DEFS_OPTIONAL, defs_read_word, IN(block.undo), &undo_words},
    {"choose", DEFS_REQUIRED, defs_read_choose, 0, NULL},
};
static const struct defs_range copies_range = {1, RC_MAX_INSTANCES, true};
static const struct defs_field each_field[] = {
    STEP_FIELDS,
    KIND("call"),
    BLOCK_FIELDS,
    JOIN_FIELDS,
    {"max", DEFS_REQUIRED, defs_read_count, IN(copies), &copies_range},
    {"each", DEFS_REQUIRED, defs_read_each, 0, NULL},
    {"steps", DEFS_REQUIRED, defs_read_body, 0, NULL},
};
static const struct defs_field repeat_field[] = {
    STEP_FIELDS,
    KIND("call"),
    BLOCK_FIELDS,
    {"repeat", DEFS_REQUIRED, defs_read_repeat, 0, NULL},
    {"steps", DEFS_REQUIRED, defs_read_body, 0, NULL},
};
static const struct defs_field sleep_field[] = {
    STEP_FIELDS,
    KIND("call"),
    {"sleep", DEFS_REQUIRED, defs_read_sleep, 0, NULL},
};
static const struct defs_field set_field[] = {
    STEP_FIELDS,
    KIND("call"),
    {"set", DEFS_REQUIRED, defs_read_values, 0, NULL},
};

static const struct defs_field wait_field[] = {
    STEP_FIELDS,
    KIND("call"),
    {"wait", DEFS_REQUIRED, defs_read_wait, 0, NULL},
    {"within", DEFS_OPTIONAL, defs_read_span, IN(wait.within), &defs_within_range},
    {"on_timeout", DEFS_OPTIONAL, defs_read_word, IN(wait.on_timeout), &defs_on_timeout_words},
    {"outputs", DEFS_OPTIONAL, defs_read_signal_outputs, IN(wait.outputs), NULL},
    FALLBACK_FIELD,
};

#define PEOPLE_FIELDS                                                                                        \
    {"within", DEFS_OPTIONAL, defs_read_span, IN(people.within), &defs_within_range},                        \
    {                                                                                                        \
        "on_timeout", DEFS_OPTIONAL, defs_read_word, IN(people.on_timeout), &defs_undecided_words            \
    }
static const struct defs_field approve_field[] = {
    STEP_FIELDS,
    KIND("call"),
    {"approve", DEFS_REQUIRED, defs_read_approve, 0, NULL},
    PEOPLE_FIELDS,
};
static const struct defs_field escalate_field[] = {
    STEP_FIELDS,
    KIND("call"),
    {"escalate", DEFS_REQUIRED, defs_read_escalate, 0, NULL},
    PEOPLE_FIELDS,
};

static const struct defs_field confirm_field[] = {
    STEP_FIELDS,
    KIND("call"),
    {"confirm", DEFS_REQUIRED, defs_read_confirm, 0, NULL},
    {"every", DEFS_REQUIRED, defs_read_span, IN(confirm.every), &defs_every_range},
    {"within", DEFS_REQUIRED, defs_read_span, IN(confirm.within), &defs_within_range},
    {"on_timeout", DEFS_OPTIONAL, defs_read_word, IN(confirm.on_timeout), &defs_undecided_words},
    {"outputs", DEFS_OPTIONAL, defs_read_outputs, IN(call.act.outputs), NULL},
    FALLBACK_FIELD,
};

static const struct defs_field flow_field[] = {
    STEP_FIELDS,
    {"flow", DEFS_REQUIRED, defs_read_name, IN(child.flow), NULL},
    {"with", DEFS_OPTIONAL, defs_read_child_payload, IN(child), NULL},
    {"outputs", DEFS_OPTIONAL, defs_read_child_outputs, IN(child), NULL},
    FALLBACK_FIELD,
};

#define KINDS 13
#define TABLE(word)                                                                                          \
    {                                                                                                        \
        word##_field, sizeof word##_field / sizeof *word##_field, #word, kind_table, KINDS                   \
    }
static const struct defs_table kind_table[KINDS] = {
    TABLE(call), TABLE(linear), TABLE(parallel), TABLE(choose),   TABLE(each),    TABLE(repeat), TABLE(sleep),
    TABLE(set),  TABLE(wait),   TABLE(approve),  TABLE(escalate), TABLE(confirm), TABLE(flow)};
static const enum flow_kind kind_of_table[KINDS] = {
    FLOW_CALL, FLOW_LINEAR, FLOW_PARALLEL, FLOW_CHOOSE,   FLOW_EACH,    FLOW_REPEAT, FLOW_SLEEP,
    FLOW_SET,  FLOW_WAIT,   FLOW_APPROVE,  FLOW_ESCALATE, FLOW_CONFIRM, FLOW_CHILD};

/* Which kind of step it is; a call where nothing says it, so that `call` is what is missing. */
static bool find_kind(struct defs_reader *r, const struct defs_node *node, unsigned *ret)
{
    const struct defs_node *first = NULL;
    *ret = 0;
    for (const struct defs_node *key = node->kind == DEFS_MAP ? node->first : NULL; key; key = key->next)
        for (unsigned i = 0; i < KINDS; i++) {
            if (!rc_sv_is(key->text, kind_table[i].name)) continue;
            if (first)
                return defs_fail(r, key, RC_INVALID, "a step does one thing, and here are '%.*s' and '%.*s'",
                                 RC_SV_ARG(first->text), RC_SV_ARG(key->text));
            first = key;
            *ret = i;
        }
    return true;
}

/* ---- steps and lists of them */

/* The step's own fields, and all that is in it. */
static bool read_fields(struct defs_reader *r, const struct defs_table *table, struct defs_draft *draft)
{
    struct flow_step *step = &draft->step;
    unsigned roots = r->roots;
    flow_node reading = r->reading;
    r->reading = draft->self;
    r->outputs = NULL;
    uint32_t asked = r->asks.n;
    if (step->kind == FLOW_CALL) step->call.act = defs_action_default;
    step->call.worker = step->kind == FLOW_CALL && defs_asks_worker(draft->node);
    if (step->call.worker)
        step->call.act.timeout = RC_SECONDS(RC_MAX_TIMEOUT_S); /* the lease is what bounds it */
    if (step->kind == FLOW_EACH) step->block.width = DEFS_EACH_WIDTH;
    if (step->kind == FLOW_CHILD) defs_begin_child(r, draft->node, &step->child);
    bool ok = defs_read_object(r, draft->node, table, draft);
    if (step->kind == FLOW_CALL) ok &= defs_check_worker(r, draft->node, step, asked);
    if (flow_confirms(step)) ok = ok && defs_check_confirm(r, draft->node, step);
    if (step->kind == FLOW_CALL) ok = ok && defs_check_call(r, draft->node, &step->call);
    if (flow_is_block(step->kind)) ok = ok && defs_check_block(r, draft);
    if (!flow_is_block(step->kind) && r->outputs != &cel_dyn) step->call.outputs = r->outputs;
    if (!flow_is_block(step->kind) && step->kind != FLOW_CALL)
        step->call.act.reads_only = step->call.act.repeatable = step->kind != FLOW_CHILD;
    step->call.undo.present |= step->kind == FLOW_CHILD; /* what is undone there, its own flow says */
    r->roots = roots;
    r->reading = reading;
    return ok;
}

/* The step becomes the node that was kept for it. What says when it is done moves to what is wrapped around it. */
static void put_step(struct defs_reader *r, struct defs_draft *draft, flow_node head)
{
    struct flow_step *self = &r->node[draft->self], step = draft->step;
    step.parent = self->parent;
    step.end = (flow_node)r->nnodes;
    *self = step;
    if (head == draft->self) return;
    r->node[head].needs = step.needs;
    r->node[head].nneeds = step.nneeds;
    r->node[head].cond = step.cond;
    r->node[head].critical = step.critical;
    self->needs = NULL;
    self->nneeds = self->cond = 0;
    self->critical = true;
}

static bool read_fallback(struct defs_reader *r, const struct defs_node *list, flow_node pair, uint32_t from)
{
    struct defs_place place = {.up = r->place, .name = RC_SV("fallback")};
    r->place = &place;
    bool ok = defs_see_given(r, from, "a fallback is for where it failed") &&
              defs_read_line(r, list, pair, 0, false) && defs_give(r, &r->node[pair], from);
    r->place = place.up;
    return ok;
}

static bool read_step(struct defs_reader *r, const struct defs_node *node, flow_node parent, bool lines)
{
    unsigned which;
    flow_node head = FLOW_NONE, pair = FLOW_NONE;
    if (!find_kind(r, node, &which)) return false;
    struct defs_draft draft = {.node = node,
                               .step = {.kind = kind_of_table[which], .critical = true, .copies = 1}};
    const struct defs_node *fallback = node->kind == DEFS_MAP && draft.step.kind != FLOW_SLEEP &&
                                               draft.step.kind != FLOW_SET && !flow_asks(draft.step.kind)
                                           ? defs_node_key(node, "fallback")
                                           : NULL;
    if (lines && (fallback || draft.step.kind != FLOW_LINEAR)) {
        if (!defs_add_node(r, FLOW_LINEAR, parent, node, &head)) return false;
        parent = head;
    }
    if (fallback) {
        if (!defs_add_node(r, FLOW_FALLBACK, parent, node, &pair)) return false;
        if (head == FLOW_NONE) head = pair;
        parent = pair;
    }
    if (!defs_add_node(r, draft.step.kind, parent, node, &draft.self)) return false;
    if (head == FLOW_NONE) head = draft.self;
    struct defs_siblings *of = r->siblings;
    uint32_t from = r->ngiven;
    bool ok = read_fields(r, &kind_table[which], &draft);
    put_step(r, &draft, head);
    ok &= defs_give(r, &draft.step, from);
    if (fallback) {
        ok &= read_fallback(r, fallback->value, pair, from);
        close_node(r, pair);
    }
    close_node(r, head);
    of->self[of->n] = draft.self;
    of->head[of->n++] = head;
    return ok;
}

/* Depth counts the lists that stand in each other: those of blocks and of fallbacks. */
static bool read_items(struct defs_reader *r, const struct defs_node *list, flow_node parent, bool lines)
{
    struct defs_siblings siblings = {.self = RC_NEW_ARRAY(r->scratch, flow_node, list->n),
                                     .head = RC_NEW_ARRAY(r->scratch, flow_node, list->n),
                                     .from = RC_NEW_ARRAY(r->scratch, uint32_t, list->n)};
    if (!siblings.self || !siblings.head || !siblings.from) return defs_fail_arena(r, r->scratch);
    const struct defs_place *kept = keep_place(r, r->place), *was = r->place;
    if (was && !kept) return defs_fail_arena(r, r->scratch);
    bool ok = true;
    uint32_t at = 0;
    defs_begin_siblings(r, &siblings, parent);
    for (const struct defs_node *node = list->first; node && !r->too_many; node = node->next, at++) {
        struct defs_place *place = RC_NEW(r->scratch, struct defs_place);
        if (!place) {
            ok = defs_fail_arena(r, r->scratch);
            break;
        }
        *place = (struct defs_place){.up = kept, .item = true, .index = at, .kept = true};
        const struct defs_node *id = node->kind == DEFS_MAP ? defs_node_key(node, "id") : NULL;
        if (id && id->value->kind == DEFS_SCALAR) place->name = id->value->text;
        r->place = place;
        if (defs_begin_sibling(r, &siblings))
            ok &= read_step(r, node, parent, lines);
        else
            ok = false;
    }
    r->place = was;
    defs_end_siblings(r, &siblings);
    return ok && !r->too_many;
}

bool defs_read_list(struct defs_reader *r, const struct defs_node *list, flow_node parent, bool lines)
{
    if (!defs_want(r, list, DEFS_LIST, "a list of steps")) return false;
    if (r->depth > RC_MAX_FLOW_DEPTH)
        return defs_fail(r, list, RC_LIMIT, "blocks stand in blocks more than %d deep", RC_MAX_FLOW_DEPTH);
    r->depth++;
    bool ok = read_items(r, list, parent, lines);
    r->depth--;
    close_node(r, parent);
    return ok;
}

bool defs_read_line(struct defs_reader *r, const struct defs_node *list, flow_node parent, flow_site cond,
                    bool may_be_empty)
{
    flow_node line;
    if (!defs_want(r, list, DEFS_LIST, "a list of steps")) return false;
    if (!list->n && !may_be_empty) return defs_fail(r, list, RC_INVALID, "there is at least one step here");
    if (!defs_add_node(r, FLOW_LINEAR, parent, list, &line)) return false;
    r->node[line].cond = cond;
    bool ok = defs_read_list(r, list, line, false);
    close_node(r, parent);
    return ok;
}

/* ---- the flow */

bool defs_read_steps(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow *flow = target;
    flow_node root;
    if (!defs_want(r, node, DEFS_LIST, "a list of steps")) return false;
    if (!node->n) return defs_fail(r, node, RC_INVALID, "a flow has at least one step");
    if (node->n >= RC_MAX_NODES)
        return defs_fail(r, node, RC_LIMIT, "a flow has at most %d steps", RC_MAX_NODES - 1);
    r->roots = DEFS_ROOT(PAYLOAD) | DEFS_ROOT(COMMAND) | DEFS_ROOT(STEPS);
    r->steps = defs_object_type(r->arena, NULL, 0);
    if (!r->steps) return defs_fail_arena(r, r->arena);
    if (!defs_add_node(r, FLOW_LINEAR, 0, node, &root) || !defs_read_list(r, node, root, false)) return false;
    struct flow_step *step = rc_copy(r->arena, r->node, r->nnodes * sizeof *step);
    if (!step) return defs_fail_arena(r, r->arena);
    flow->steps = step;
    flow->nsteps = (uint16_t)r->nnodes;
    if (!flow_number(flow, step)) return defs_say_instances(r, step);
    flow->gives = defs_type_of_given(r);
    if (!flow->gives) return false;
    return defs_check_approvals(r, flow) && defs_check_undo(r, flow);
}
