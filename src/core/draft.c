/* Drafts: copy, and differences as changes. */
#include "core/draft.h"
#include "core/people.h"

#include "base/limits.h"
#include "base/utf8.h"

static enum rc_status copy_nodes(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    c->node = rc_copy(draft->arena, c->node, c->nnodes * sizeof *c->node);
    c->data = rc_copy(draft->arena, c->data, c->nnodes * sizeof *c->data);
    return c->node && c->data ? RC_OK : rc_fail_arena(draft->err, draft->arena);
}

enum rc_status rc_draft_begin(struct rc_draft *draft, const struct rc_command *before,
                              const struct rc_ask *ask, const struct flow_set *set, struct rc_arena *arena,
                              struct rc_out *out, struct rc_error *err)
{
    *draft = (struct rc_draft){.c = *before,
                               .before = before,
                               .ask = ask,
                               .set = set,
                               .arena = arena,
                               .out = out,
                               .random = ask->seed,
                               .err = err};
    *out = (struct rc_out){0};
    if ((ask->kind == RC_MSG_SUBMIT) != (before->nnodes == 0))
        return rc_fail(err, RC_BUG, "a command is submitted once, and first");
    if (ask->kind != RC_MSG_SUBMIT) return copy_nodes(draft);
    struct rc_change create = {.kind = RC_CHANGE_CREATE, .u.create = ask->u.submit};
    return rc_command_apply(&draft->c, &create, arena, err);
}

void rc_draft_fail(struct rc_draft *draft, enum rc_status status)
{
    if (draft->status == RC_OK) draft->status = status;
}

/* Room for one more item behind n; NULL and a status when refused. */
static void *more(struct rc_draft *draft, void *items, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) return items;
    uint32_t bigger = *cap ? *cap * 2 : 4;
    void *grown = rc_alloc_zero(draft->arena, bigger, size);
    if (!grown) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return NULL;
    }
    if (n) memcpy(grown, items, n * size);
    *cap = bigger;
    return grown;
}

void rc_draft_message(struct rc_draft *draft, struct rc_ask message)
{
    struct rc_out *out = draft->out;
    struct rc_ask *list = more(draft, out->message, out->nmessage, &draft->cap_message, sizeof *list);
    if (!list) return;
    message.from = (struct rc_addr){.agg = RC_AGG_COMMAND, .id = draft->c.id.seq};
    message.now = draft->ask->now;
    message.seed = rc_mix(&draft->random);
    out->message = list;
    out->message[out->nmessage++] = message;
}

void rc_draft_effect(struct rc_draft *draft, struct rc_effect effect)
{
    struct rc_out *out = draft->out;
    struct rc_effect *list = more(draft, out->effect, out->neffect, &draft->cap_effect, sizeof *list);
    if (!list) return;
    out->effect = list;
    out->effect[out->neffect++] = effect;
}

void rc_draft_fault(struct rc_draft *draft, uint32_t at, struct rc_finding finding, uint16_t status,
                    struct rc_sv text)
{
    uint32_t n = 0;
    for (uint32_t step;
         n < text.n && (step = rc_utf8_length(text.p + n, text.n - n)) && n + step <= RC_MAX_FAULT;)
        n += step;
    struct rc_sv copy = rc_copy_sv(draft->arena, (struct rc_sv){text.p, n});
    if (!copy.p) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    draft->c.data[at].fault = copy;
    draft->c.data[at].status = status;
    draft->c.data[at].why = (uint8_t)finding.why;
    draft->c.data[at].outcome = (uint8_t)finding.outcome;
}

/* ---- differences ---------------------------------------------------------------------------------------------------- */

/* An output map is made whole, never edited: another map has other cells. */
static bool same_outputs(const struct rc_data *a, const struct rc_data *b)
{
    return a->outputs.kind == b->outputs.kind && a->outputs.n == b->outputs.n &&
           a->outputs.v.items == b->outputs.v.items && rc_sv_eq(a->external_id, b->external_id);
}

struct differences {
    struct rc_change *change;
    uint32_t n;
};

static void add(struct differences *list, struct rc_change change)
{
    list->change[list->n++] = change;
}

static bool same_control(const struct rc_command *old, const struct rc_command *new, uint32_t i)
{
    return memcmp(&old->node[i], &new->node[i], sizeof *old->node) == 0 &&
           memcmp(&old->data[i].times, &new->data[i].times, sizeof old->data[i].times) == 0;
}

static bool same_fault(const struct rc_data *a, const struct rc_data *b)
{
    return a->status == b->status && a->why == b->why && a->outcome == b->outcome &&
           rc_sv_eq(a->fault, b->fault);
}

static void compare_node(struct differences *list, const struct rc_command *old, const struct rc_command *new,
                         uint32_t i)
{
    const struct rc_data *a = &old->data[i], *b = &new->data[i];
    if (!same_control(old, new, i))
        add(list, (struct rc_change){.kind = RC_CHANGE_NODE, .at = i, .u.node = {new->node[i], b->times}});
    if (!same_outputs(a, b))
        add(list, (struct rc_change){
                      .kind = RC_CHANGE_OUTPUTS, .at = i, .u.outputs = {b->outputs, b->external_id}});
    if (!rc_h128_eq(a->request, b->request))
        add(list, (struct rc_change){.kind = RC_CHANGE_REQUEST, .at = i, .u.request = b->request});
    if (!same_fault(a, b))
        add(list, (struct rc_change){.kind = RC_CHANGE_FAULT,
                                     .at = i,
                                     .u.fault = {b->fault, b->status, b->why, b->outcome}});
    if (!rc_votes_eq(&a->votes, &b->votes))
        add(list, (struct rc_change){.kind = RC_CHANGE_VOTES, .at = i, .u.votes = b->votes});
}

static void compare(struct rc_draft *draft, const struct rc_command *old, struct differences *list)
{
    struct rc_command *new = &draft->c;
    if (draft->ask->kind == RC_MSG_SUBMIT)
        add(list, (struct rc_change){.kind = RC_CHANGE_CREATE, .u.create = draft->ask->u.submit});
    if (draft->moved) add(list, (struct rc_change){.kind = RC_CHANGE_MOVE, .u.move = *draft->move});
    for (uint32_t i = 0; i < new->nnodes; i++) compare_node(list, old, new, i);
    if (old->mode != new->mode || old->why != new->why)
        add(list, (struct rc_change){.kind = RC_CHANGE_MODE, .u.mode = {new->mode, new->why}});
    if (old->back != new->back) add(list, (struct rc_change){.kind = RC_CHANGE_BACK, .u.back = new->back});
    if (!rc_sv_eq(old->owner, new->owner))
        add(list, (struct rc_change){.kind = RC_CHANGE_OWNER, .u.owner = new->owner});
    if (old->due != new->due) add(list, (struct rc_change){.kind = RC_CHANGE_DUE, .u.due = new->due});
    if (old->notes != new->notes)
        add(list, (struct rc_change){.kind = RC_CHANGE_NOTES, .u.notes = new->notes});
    if (old->successor.seq != new->successor.seq)
        add(list, (struct rc_change){.kind = RC_CHANGE_SUCCESSOR, .u.successor = new->successor});
    if (!rc_clock_eq(&old->clock, &new->clock))
        add(list, (struct rc_change){.kind = RC_CHANGE_CLOCK, .u.clock = new->clock});
    if (!rc_place_eq(&old->place, &new->place))
        add(list, (struct rc_change){.kind = RC_CHANGE_PLACE, .u.place = new->place});
    if (old->priority != new->priority)
        add(list, (struct rc_change){.kind = RC_CHANGE_PRIORITY, .u.priority = new->priority});
    new->state = (uint8_t)rc_command_derive(new);
    if (old->state != new->state)
        add(list, (struct rc_change){.kind = RC_CHANGE_STATE, .u.state = new->state});
}

/* Nodes that have changed: few, where there are many. */
static uint32_t count_changed(const struct rc_command *old, const struct rc_command *new)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < new->nnodes; i++) {
        const struct rc_data *a = &old->data[i], *b = &new->data[i];
        n += !same_control(old, new, i) || !same_outputs(a, b) || !rc_h128_eq(a->request, b->request) ||
             !same_fault(a, b) || !rc_votes_eq(&a->votes, &b->votes);
    }
    return n;
}

enum rc_status rc_draft_finish(struct rc_draft *draft)
{
    enum { PER_NODE = 5, PER_COMMAND = 12 };
    struct rc_command fresh = *draft->before;
    const struct rc_command *old = draft->moved ? draft->moved : draft->before;
    if (draft->status == RC_OK &&
        draft->ask->kind == RC_MSG_SUBMIT) { /* differences from a command with idle nodes */
        struct rc_change create = {.kind = RC_CHANGE_CREATE, .u.create = draft->ask->u.submit};
        rc_draft_fail(draft, rc_command_apply(&fresh, &create, draft->arena, draft->err));
        old = &fresh;
    }
    if (draft->status != RC_OK) return draft->status;
    struct differences list = {
        RC_NEW_ARRAY(draft->arena, struct rc_change, count_changed(old, &draft->c) * PER_NODE + PER_COMMAND),
        0};
    if (!list.change) return rc_fail_arena(draft->err, draft->arena);
    compare(draft, old, &list);
    draft->out->change = list.change;
    draft->out->nchange = list.n;
    return RC_OK;
}
