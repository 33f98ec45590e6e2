/* What steps see of each other, as the type of `steps`.
 *
 * What a node gives to those behind it stands on a stack (r->given) while its block is read: the fields of the steps in
 * it, each with why it may be missing although the node succeeded. A block changes what its children gave when it ends.
 * A list of steps has a view: what is seen before it, and behind that what the siblings gave, with what their own
 * conditions make uncertain. */
#include "defs/scope.h"
#include "defs/steps.h"

static const struct cel_type items_type = {.kind = CEL_T_LIST};
static const struct cel_field items_field[] = {{{"items", 5}, &items_type, NULL}};
static const struct cel_type each_type = {.kind = CEL_T_OBJECT, .fields = items_field, .nfields = 1};

/* The parts of the type {items: [{ID: {outputs, external_id}}]} of one each. */
struct items {
    struct cel_type each, list, item;
    struct cel_field field;
};

/* ---- what is given */

static bool give(struct defs_reader *r, struct rc_sv id, const struct cel_type *type)
{
    if (!type) return defs_fail_arena(r, r->arena);
    if (r->ngiven == r->cap_given) {
        uint32_t cap = r->cap_given ? 2 * r->cap_given : 16;
        struct cel_field *more = RC_NEW_ARRAY(r->scratch, struct cel_field, cap);
        if (!more) return defs_fail_arena(r, r->scratch);
        if (r->ngiven) memcpy(more, r->given, r->ngiven * sizeof *more);
        r->given = more;
        r->cap_given = cap;
    }
    r->given[r->ngiven++] = (struct cel_field){id, type, NULL};
    return true;
}

/* What was given from there on may be missing; a reason that is known already is nearer to the step. */
static void doubt(struct defs_reader *r, uint32_t from, uint32_t to, const char *why)
{
    for (uint32_t i = from; i < to; i++)
        if (!r->given[i].missing) r->given[i].missing = why;
}

static bool give_leaf(struct defs_reader *r, const struct flow_step *step)
{
    const struct cel_type *outputs = r->outputs ? r->outputs : defs_object_type(r->arena, NULL, 0);
    if (!outputs) return defs_fail_arena(r, r->arena);
    return give(
        r, step->id,
        defs_step_type(r->arena, outputs,
                       step->kind == FLOW_WAIT || step->kind == FLOW_CHILD || step->call.external_id.n > 0));
}

/* What the steps in an each gave is seen from outside as its items. What was stored long ago is read as it was then. */
static bool give_items(struct defs_reader *r, const struct flow_step *step, uint32_t from)
{
    uint32_t n = r->ngiven - from;
    struct items *items = RC_NEW(r->arena, struct items);
    struct cel_field *field = RC_NEW_ARRAY(r->arena, struct cel_field, n + 1u);
    if (!items || !field) return defs_fail_arena(r, r->arena);
    if (step->block.join != FLOW_JOIN_ALL) doubt(r, from, r->ngiven, "not all items must succeed");
    if (step->block.on_error == FLOW_CONTINUE) doubt(r, from, r->ngiven, DEFS_GOES_ON);
    if (n) memcpy(field, &r->given[from], n * sizeof *field);
    r->ngiven = from;
    items->item = (struct cel_type){.kind = CEL_T_OBJECT, .fields = field, .nfields = n};
    items->list = (struct cel_type){.kind = CEL_T_LIST, .item = &items->item};
    items->field = (struct cel_field){RC_SV("items"), &items->list, NULL};
    items->each = (struct cel_type){.kind = CEL_T_OBJECT, .fields = &items->field, .nfields = 1};
    return give(r, step->id, r->stored ? &each_type : &items->each);
}

bool defs_give(struct defs_reader *r, const struct flow_step *step, uint32_t from)
{
    switch (step->kind) {
    case FLOW_CALL:
    case FLOW_SLEEP:
    case FLOW_APPROVE:
    case FLOW_CONFIRM:
    case FLOW_ESCALATE:
    case FLOW_SET:
    case FLOW_CHILD: return give_leaf(r, step);
    case FLOW_WAIT:
        if (!give_leaf(r, step)) return false;
        if (step->wait.on_timeout == FLOW_TIMEOUT_CONTINUE)
            doubt(r, from, r->ngiven, "its signal may not come in time");
        return true;
    case FLOW_EACH: return give_items(r, step, from);
    case FLOW_CHOOSE: doubt(r, from, r->ngiven, "it stands in a case of a choose"); return true;
    case FLOW_PARALLEL:
        if (step->block.join != FLOW_JOIN_ALL)
            doubt(r, from, r->ngiven, "not all branches of its block must succeed");
        break;
    case FLOW_FALLBACK: doubt(r, from, r->ngiven, "it has a fallback, or stands in one"); return true;
    case FLOW_LINEAR:
    case FLOW_REPEAT: break;
    }
    if (step->block.on_error == FLOW_CONTINUE) doubt(r, from, r->ngiven, DEFS_GOES_ON);
    return true;
}

/* Why what an item of the list gave may be missing for its siblings; NULL: it is there when they start. */
static const char *doubt_of(const struct defs_reader *r, const struct defs_siblings *of, uint32_t item)
{
    const struct flow_step *head = &r->node[of->head[item]];
    enum flow_kind kind = r->node[of->self[item]].kind;
    bool block = flow_is_block(kind) && kind != FLOW_EACH; /* an each is read by its own id */
    if (head->cond) return block ? "its block has an `if`" : "it has an `if`";
    if (!head->critical) return block ? "its block is not critical" : "it is not critical";
    return of->goes_on ? DEFS_GOES_ON : NULL;
}

/* ---- views */

static bool set_view(struct defs_reader *r, const struct cel_field *field, uint32_t n)
{
    const struct cel_type *type = defs_object_type(r->arena, field, n);
    if (!type) return defs_fail_arena(r, r->arena);
    r->steps = type;
    return true;
}

/* An array of its own with so much room. */
static bool make_own(struct defs_reader *r, struct defs_view *view, uint32_t cap)
{
    struct cel_field *field = RC_NEW_ARRAY(r->arena, struct cel_field, cap);
    if (!field) return defs_fail_arena(r, r->arena);
    if (view->n) memcpy(field, view->field, view->n * sizeof *field);
    view->field = field;
    view->cap = cap;
    return true;
}

/* Appends what was given from there to there. Types that were handed out see the part that they saw before. */
static bool append(struct defs_reader *r, struct defs_view *view, uint32_t from, uint32_t to, const char *why)
{
    uint32_t n = view->n + (to - from);
    if (n > view->cap && !make_own(r, view, 2 * n + 8)) return false;
    for (uint32_t i = from; i < to; i++) {
        struct cel_field field = r->given[i];
        if (!field.missing) field.missing = why;
        if (r->stored) field.missing = NULL;
        view->field[view->n++] = field;
    }
    return true;
}

static struct defs_view view_of(const struct cel_type *type)
{
    /* without room: it is never written to, but copied where something is appended */
    return (struct defs_view){.field = (struct cel_field *)type->fields, .n = type->nfields, .cap = 0};
}

bool defs_see_given(struct defs_reader *r, uint32_t from, const char *why)
{
    struct defs_view view = view_of(r->steps);
    return make_own(r, &view, view.n + r->ngiven - from) && append(r, &view, from, r->ngiven, why) &&
           set_view(r, view.field, view.n);
}

void defs_begin_siblings(struct defs_reader *r, struct defs_siblings *of, flow_node parent)
{
    const struct flow_step *block = &r->node[parent];
    of->before = r->steps;
    of->view = view_of(r->steps);
    of->ordered = block->kind != FLOW_PARALLEL;
    of->goes_on = r->goes_on;
    of->up = r->siblings;
    r->siblings = of;
    r->goes_on = false;
}

bool defs_begin_sibling(struct defs_reader *r, struct defs_siblings *of)
{
    of->from[of->n] = r->ngiven;
    for (; of->ordered && of->shown < of->n; of->shown++)
        if (!append(r, &of->view, of->from[of->shown], of->from[of->shown + 1], doubt_of(r, of, of->shown)))
            return false;
    if (of->ordered && of->n) return set_view(r, of->view.field, of->view.n);
    r->steps = of->before;
    return true;
}

void defs_end_siblings(struct defs_reader *r, struct defs_siblings *of)
{
    for (uint32_t i = 0; i < of->n; i++)
        doubt(r, of->from[i], i + 1 < of->n ? of->from[i + 1] : r->ngiven, doubt_of(r, of, i));
    r->steps = of->before;
    r->siblings = of->up;
}

/* ---- what needs and conditions make certain */

enum { NOT_NEEDED, HAS_ENDED, HAS_SUCCEEDED };

static uint32_t sibling_of(const struct defs_siblings *of, flow_node head)
{
    uint32_t low = 0, high = of->n;
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (of->head[middle] <= head)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void mark_needs(const struct defs_siblings *of, const struct flow_step *step, uint8_t certain,
                       uint8_t *mark)
{
    for (uint16_t i = 0; i < step->nneeds; i++) {
        uint8_t *need = &mark[sibling_of(of, step->needs[i])];
        if (*need < certain) *need = certain;
    }
}

bool defs_see_needs(struct defs_reader *r, const struct flow_step *step, bool has_condition)
{
    const struct defs_siblings *of = r->siblings;
    uint8_t *mark = RC_NEW_ARRAY(r->scratch, uint8_t, of->n + 1u);
    struct defs_view view = view_of(of->before);
    if (!mark) return defs_fail_arena(r, r->scratch);
    if (!make_own(r, &view, view.n + r->ngiven - of->from[0])) return false;
    mark_needs(of, step, has_condition ? HAS_ENDED : HAS_SUCCEEDED, mark);
    for (uint32_t i = of->n; i-- > 0;) {
        const struct flow_step *sibling = &r->node[of->head[i]];
        if (mark[i]) mark_needs(of, sibling, sibling->cond ? HAS_ENDED : mark[i], mark);
    }
    for (uint32_t i = 0; i < of->n; i++) {
        const struct flow_step *sibling = &r->node[of->head[i]];
        uint32_t to = of->from[i + 1];
        bool not_wanted = sibling->kind == FLOW_APPROVE && sibling->cond; /* what needs it goes on then */
        const char *why = mark[i] == HAS_SUCCEEDED && !not_wanted ? NULL : doubt_of(r, of, i);
        if ((of->ordered || mark[i]) && !append(r, &view, of->from[i], to, why)) return false;
    }
    return set_view(r, view.field, view.n);
}

/* ---- what is seen from outside */

static bool is_in_loop(const struct defs_reader *r, flow_node at)
{
    while (at && r->node[at].copies == 1) at = r->node[at].parent;
    return at != 0;
}

const struct cel_type *defs_type_of_given(struct defs_reader *r)
{
    struct cel_field *field = RC_NEW_ARRAY(r->arena, struct cel_field, r->ngiven + 1u);
    uint32_t n = 0;
    flow_node at = 0; /* both are in the order of the text */
    for (uint32_t i = 0; field && i < r->ngiven; i++) {
        while (at < r->nnodes && !rc_sv_eq(r->node[at].id, r->given[i].name)) at++;
        if (at == r->nnodes) break;
        const struct cel_type *outputs = r->node[at].call.outputs;
        if (outputs && !flow_is_block(r->node[at].kind) && !is_in_loop(r, at))
            field[n++] = (struct cel_field){r->given[i].name, outputs, r->given[i].missing};
    }
    const struct cel_type *type = field ? defs_object_type(r->arena, field, n) : NULL;
    if (!type) defs_say_arena(r, r->arena);
    return type;
}

/* Everything that is seen is there. */
static bool see_all(struct defs_reader *r)
{
    struct defs_view view = view_of(r->steps);
    if (!make_own(r, &view, view.n)) return false;
    for (uint32_t i = 0; i < view.n; i++) view.field[i].missing = NULL;
    return set_view(r, view.field, view.n);
}

static bool see_condition(struct defs_reader *r, flow_site condition)
{
    enum { MOST = 64 };
    struct rc_sv name[MOST];
    uint32_t n = cel_prog_proves(r->sites[condition].prog, FLOW_ROOT_STEPS, name, MOST);
    struct defs_view view = view_of(r->steps);
    bool changed = false;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < view.n; k++) {
            if (!view.field[k].missing || !rc_sv_eq(view.field[k].name, name[i])) continue;
            if (!changed && !make_own(r, &view, view.n)) return false;
            changed = true;
            view.field[k].missing = NULL;
        }
    return !changed || set_view(r, view.field, view.n);
}

bool defs_read_if(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    flow_site *condition = target;
    if (defs_read_condition(r, node, condition, arg)) return see_condition(r, *condition);
    return see_all(r) && false; /* what stands behind it is not to blame */
}
