/* Blocks, loops, and the steps that ask nothing of anybody. */
#include "defs/scope.h"
#include "defs/steps.h"

/* ---- how many branches are needed */

static const struct defs_range quorum_range = {1, RC_MAX_INSTANCES, true};
static const struct defs_field quorum_field[] = {
    {"quorum", DEFS_REQUIRED, defs_read_count, offsetof(struct flow_block, quorum), &quorum_range}};
static const struct defs_table quorum_table = DEFS_TABLE(quorum_field);

/* all; any; { quorum: n } */
bool defs_read_join(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    static const struct defs_word word[] = {{"all", FLOW_JOIN_ALL}, {"any", FLOW_JOIN_ANY}};
    static const struct defs_words words = {word, 2};
    (void)arg;
    struct flow_block *block = &((struct defs_draft *)target)->step.block;
    if (node->kind != DEFS_MAP) return defs_read_word(r, node, &block->join, &words);
    block->join = FLOW_JOIN_QUORUM;
    return defs_read_object(r, node, &quorum_table, block);
}

static bool is_given(const struct defs_draft *draft, const char *name)
{
    return defs_node_key(draft->node, name) != NULL;
}

static uint32_t count_children(const struct defs_reader *r, flow_node block)
{
    uint32_t n = 0;
    for (flow_node child = (flow_node)(block + 1); child < r->nnodes; child = r->node[child].end) n++;
    return n;
}

bool defs_check_block(struct defs_reader *r, struct defs_draft *draft)
{
    struct flow_step *step = &draft->step;
    struct flow_block *block = &step->block;
    bool ok = true;
    if (is_given(draft, "running") && block->on_error == FLOW_CONTINUE)
        ok = defs_fail(r, defs_value_of(draft->node, "running"), RC_INVALID,
                       "with 'on_error: continue' nothing that runs is ever stopped: leave out 'running'");
    if (is_given(draft, "surplus") && block->join == FLOW_JOIN_ALL)
        ok = defs_fail(r, defs_value_of(draft->node, "surplus"), RC_INVALID,
                       "with 'join: all' no branch is left over: 'surplus' is for 'any' and 'quorum'");
    if (block->join != FLOW_JOIN_QUORUM) return ok;
    if (!is_given(draft, "undo")) block->undo = FLOW_UNDO_BLOCK;
    uint32_t most = step->kind == FLOW_EACH ? step->copies : count_children(r, draft->self);
    if (block->quorum <= most) return ok;
    return defs_fail(r, defs_value_of(draft->node, "join"), RC_INVALID,
                     "a quorum of %u cannot be reached: there are at most %u branches", block->quorum, most);
}

/* ---- linear, parallel */

static bool read_children(struct defs_reader *r, const struct defs_node *list, const struct defs_draft *draft,
                          bool lines)
{
    if (list->kind == DEFS_LIST && !list->n)
        return defs_fail(r, list, RC_INVALID, "a block has at least one step");
    r->goes_on = draft->step.block.on_error == FLOW_CONTINUE;
    return defs_read_list(r, list, draft->self, lines);
}

bool defs_read_linear(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    return read_children(r, node, target, false);
}

/* Where not all branches are needed, each is a line: what of it is undone is one after the other. */
bool defs_read_parallel(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    return read_children(r, node, draft, draft->step.block.join != FLOW_JOIN_ALL);
}

/* ---- choose */

struct choice {
    flow_node block;
    flow_site cond;
};

static bool read_case_steps(struct defs_reader *r, const struct defs_node *node, void *target,
                            const void *arg)
{
    (void)arg;
    const struct choice *choice = target;
    return defs_read_line(r, node, choice->block, choice->cond, true);
}

static const struct defs_field case_field[] = {
    {"if", DEFS_REQUIRED, defs_read_if, offsetof(struct choice, cond), NULL},
    {"steps", DEFS_REQUIRED, read_case_steps, 0, NULL},
};
static const struct defs_table case_table = DEFS_TABLE(case_field);
static const struct defs_field else_field[] = {{"else", DEFS_REQUIRED, read_case_steps, 0, NULL}};
static const struct defs_table else_table = DEFS_TABLE(else_field);

static bool read_case(struct defs_reader *r, const struct defs_node *node, flow_node block)
{
    struct choice choice = {.block = block};
    bool is_else = node->kind == DEFS_MAP && defs_node_key(node, "else");
    if (is_else && node->next)
        return defs_fail(r, node, RC_INVALID, "'else' is the last case: what stands behind it is never done");
    if (!is_else && !node->next)
        return defs_fail(r, node, RC_INVALID,
                         "the last case is 'else: [ STEPS ]' ('else: []' where nothing is to be done)");
    const struct cel_type *steps = r->steps;
    bool ok = defs_read_object(r, node, is_else ? &else_table : &case_table, &choice);
    r->steps = steps;
    return ok;
}

bool defs_read_choose(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    const struct defs_draft *draft = target;
    if (!defs_want(r, node, DEFS_LIST, "a list of cases {if, steps}, and the last one {else}")) return false;
    if (node->n < 2)
        return defs_fail(r, node, RC_INVALID, "a choose has at least one case {if, steps}, and {else}");
    bool ok = true;
    uint32_t at = 0;
    for (const struct defs_node *item = node->first; item && !r->too_many; item = item->next, at++) {
        struct defs_place place = {.up = r->place, .item = true, .index = at};
        r->place = &place;
        ok &= read_case(r, item, draft->self);
        r->place = place.up;
    }
    return ok;
}

/* ---- each, repeat */

static bool read_value_site(struct defs_reader *r, const struct defs_node *node, flow_site *target,
                            const struct cel_type **ret_type)
{
    struct defs_reach reach = {.roots = r->roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    if (!defs_put_tree(r, &code, node, reach) || !defs_add_site(r, node, &code, reach, target)) return false;
    *ret_type = cel_prog_type(r->sites[*target].prog);
    return true;
}

bool defs_read_each(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    const struct cel_type *type;
    draft->item = &cel_dyn;
    if (!read_value_site(r, node, &draft->step.loop.list, &type)) return false;
    if (type->kind == CEL_T_LIST && type->item) draft->item = type->item;
    if (type->kind == CEL_T_LIST || type->kind == CEL_T_DYN) return true;
    return defs_fail(r, node, RC_INVALID, "each needs a list; this is of type %.*s",
                     RC_SV_ARG(cel_type_text(type, r->scratch)));
}

static bool no_until_yet(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)r;
    (void)node;
    (void)target;
    (void)arg;
    return true;
}

static const struct defs_range passes_range = {1, RC_MAX_INSTANCES, true};
static const struct defs_field repeat_field[] = {
    {"max", DEFS_REQUIRED, defs_read_count, offsetof(struct flow_step, copies), &passes_range},
    {"every", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_step, loop.every), NULL},
    {"within", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_step, loop.within), NULL},
    {"until", DEFS_REQUIRED, no_until_yet, 0, NULL},
};
static const struct defs_table repeat_table = DEFS_TABLE(repeat_field);

bool defs_read_repeat(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    return defs_read_object(r, node, &repeat_table, &draft->step);
}

/* Sees what the pass gave, which is on r->given from there on. */
static bool read_until(struct defs_reader *r, struct defs_draft *draft, uint32_t from)
{
    const struct defs_node *repeat = defs_value_of(draft->node, "repeat");
    const struct defs_node *until = repeat->kind == DEFS_MAP ? defs_node_key(repeat, "until") : NULL;
    if (!until) return true; /* said already */
    struct defs_place outer = {.up = r->place->up, .name = RC_SV("repeat")};
    struct defs_place place = {.up = &outer, .name = RC_SV("until")};
    const struct defs_place *was = r->place;
    const struct cel_type *steps = r->steps;
    r->place = &place;
    const char *why = draft->step.block.on_error == FLOW_CONTINUE ? DEFS_GOES_ON : NULL;
    bool ok =
        defs_see_given(r, from, why) && defs_read_condition(r, until->value, &draft->step.loop.until, NULL);
    r->place = was;
    r->steps = steps;
    return ok;
}

/* The steps of one item or pass, which see its number, and of an each the item. */
bool defs_read_body(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    const struct cel_type *item = r->item;
    unsigned roots = r->roots;
    uint32_t from = r->ngiven;
    r->roots |= DEFS_ROOT(INDEX);
    if (draft->step.kind == FLOW_EACH) {
        r->roots |= DEFS_ROOT(ITEM);
        r->item = draft->item;
    }
    bool ok = defs_read_line(r, node, draft->self, 0, false);
    if (draft->step.kind == FLOW_REPEAT) ok = read_until(r, draft, from) && ok;
    r->roots = roots;
    r->item = item;
    return ok;
}

/* ---- sleep, set */

static bool read_sleep_until(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    const struct cel_type *type;
    if (!read_value_site(r, node, target, &type)) return false;
    if (type->kind == CEL_T_TIMESTAMP || type->kind == CEL_T_DURATION || type->kind == CEL_T_DYN) return true;
    return defs_fail(r, node, RC_INVALID, "must be a timestamp or a duration; this is of type %.*s%s",
                     RC_SV_ARG(cel_type_text(type, r->scratch)),
                     type->kind == CEL_T_STRING ? "; timestamp(…) or duration(…) makes one of it" : "");
}

static const struct defs_field sleep_field[] = {
    {"until", DEFS_REQUIRED, read_sleep_until, offsetof(struct flow_sleep, until), NULL}};
static const struct defs_table sleep_table = DEFS_TABLE(sleep_field);
static const struct defs_span_range sleep_range = {RC_MS(1), RC_SECONDS(86400u) * RC_MAX_SPAN_DAYS};

/* SPAN; { until: VALUE } */
bool defs_read_sleep(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_sleep *sleep = &((struct defs_draft *)target)->step.sleep;
    if (node->kind == DEFS_MAP) return defs_read_object(r, node, &sleep_table, sleep);
    return defs_read_span(r, node, &sleep->span, &sleep_range);
}

bool defs_read_values(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    const struct cel_type *type;
    r->outputs = &cel_dyn;
    if (!defs_want_outputs(r, node)) return false;
    const struct cel_type *outputs = defs_type_of_outputs(r, node);
    if (!outputs) return false;
    r->outputs = outputs;
    return read_value_site(r, node, &draft->step.values, &type);
}
