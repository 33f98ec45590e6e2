/* Expressions at their sites: the values of the roots, and what a message has decided already (rule 8). */
#include "core/child.h"
#include "core/draft.h"
#include "core/tree.h"

#include "base/limits.h"

static const struct rc_decided *decided(const struct rc_ask *ask, uint32_t at, flow_site site)
{
    for (uint32_t i = 0; i < ask->ndecided; i++)
        if (ask->decided[i].site == site && ask->decided[i].node == at) return &ask->decided[i];
    return NULL;
}

/* A map of `n` pairs with text keys. */
static struct cel_value make_map(struct rc_draft *draft, struct cel_value *pairs, uint32_t n)
{
    uint32_t bad;
    if (!cel_map_sort(pairs, n, &bad))
        rc_draft_fail(draft, rc_fail(draft->err, RC_BUG, "two steps have one id"));
    return (struct cel_value){.kind = CEL_MAP, .n = n, .v.items = pairs};
}

struct cel_value rc_draft_map(struct rc_draft *draft, const char *const *names,
                              const struct cel_value *values, uint32_t n)
{
    struct cel_value *pairs = RC_NEW_ARRAY(draft->arena, struct cel_value, 2 * n);
    if (!pairs) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return cel_null();
    }
    for (uint32_t i = 0; i < n; i++) {
        pairs[2 * i] = cel_string(rc_sv_of(names[i]));
        pairs[2 * i + 1] = values[i];
    }
    return make_map(draft, pairs, n);
}

static struct cel_value command_root(struct rc_draft *draft)
{
    const struct rc_identity *id = &draft->c.id;
    return rc_draft_map(
        draft, (const char *const[]){"key", "type", "actor"},
        (struct cel_value[]){cel_string(id->key), cel_string(id->type), cel_string(id->actor)}, 3);
}

static struct cel_value response_root(struct rc_draft *draft, const struct rc_result *response)
{
    return rc_draft_map(draft, (const char *const[]){"status", "headers", "body"},
                        (struct cel_value[]){cel_int(response->status), response->headers, response->body},
                        3);
}

static struct cel_value child_root(struct rc_draft *draft)
{
    const struct rc_child_news *news = draft->news;
    return rc_draft_map(
        draft, (const char *const[]){"state", "outputs"},
        (struct cel_value[]){cel_string(rc_sv_of(rc_state_word(news->state).slug)), news->outputs}, 2);
}

/* ---- steps: what has succeeded, as it is seen from a place ------------------------------------------------------------ */

/* Pairs that are gathered: {id: {outputs, external_id}}. Reading another step is an error: no such key. */
struct seen {
    struct cel_value *pairs;
    uint32_t n;
};

static void see(struct seen *seen, struct rc_sv id, struct cel_value value)
{
    if (!id.n || !seen->pairs) return;
    seen->pairs[2 * seen->n] = cel_string(id);
    seen->pairs[2 * seen->n + 1] = value;
    seen->n++;
}

static struct seen room(struct rc_draft *draft, uint32_t n)
{
    struct seen seen = {.pairs = RC_NEW_ARRAY(draft->arena, struct cel_value, 2 * (size_t)n)};
    if (!seen.pairs) rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
    return seen;
}

static void see_copy(struct rc_draft *draft, struct seen *seen, uint32_t block, uint32_t copy, uint32_t but);

/* {items: [{id: {outputs, external_id}}]}: what succeeded in each item. */
static struct cel_value items_of(struct rc_draft *draft, uint32_t block)
{
    const struct rc_command *c = &draft->c;
    uint32_t n = rc_branches(c, block);
    struct cel_value *items = RC_NEW_ARRAY(draft->arena, struct cel_value, n);
    if (!items) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return cel_null();
    }
    for (uint32_t i = 0; i < n; i++) {
        struct seen seen = room(draft, rc_step_at(c, block)->body);
        see_copy(draft, &seen, block, i, UINT32_MAX);
        items[i] = seen.pairs ? make_map(draft, seen.pairs, seen.n) : cel_null();
    }
    return rc_draft_map(draft, (const char *const[]){"items"},
                        (struct cel_value[]){{.kind = CEL_LIST, .n = n, .v.items = items}}, 1);
}

static void see_node(struct rc_draft *draft, struct seen *seen, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    const struct flow_step *step = rc_step_at(c, at);
    bool done = c->node[at].state == RC_STEP_SUCCEEDED;
    bool open_end = draft->open_ends && c->node[at].state == RC_STEP_UNKNOWN;
    if (step->kind == FLOW_EACH) {
        if (c->data[at].outputs.kind == CEL_LIST) see(seen, step->id, items_of(draft, at));
    } else if (step->kind == FLOW_REPEAT) {
        uint32_t passes = rc_passes(c, at);
        if (passes) see_copy(draft, seen, at, passes - 1, UINT32_MAX);
    } else if (flow_is_block(step->kind)) {
        see_copy(draft, seen, at, 0, UINT32_MAX);
    } else if (open_end) {
        see(seen, step->id, (struct cel_value){.kind = CEL_UNKNOWN});
    } else if (done) {
        see(seen, step->id,
            rc_draft_map(draft, (const char *const[]){"outputs", "external_id"},
                         (struct cel_value[]){c->data[at].outputs, cel_string(c->data[at].external_id)}, 2));
    }
}

/* What an approval shows of others is what comes before it: not what comes later, and not what goes on beside it. */
static bool is_looked_at(const struct rc_draft *draft, uint32_t block, uint32_t child, uint32_t but)
{
    const struct rc_command *c = &draft->c;
    if (!draft->behind || child >= draft->behind) return !draft->behind;
    bool beside = but == draft->behind && rc_step_at(c, block)->kind == FLOW_PARALLEL;
    return !beside || flow_behind(c->flow, c->node[child].node, c->node[but].node);
}

/* The steps of one copy of a block's body; those in `but` are seen from within. */
static void see_copy(struct rc_draft *draft, struct seen *seen, uint32_t block, uint32_t copy, uint32_t but)
{
    RC_EACH_CHILD (&draft->c, block, copy, child)
        if (child != but && is_looked_at(draft, block, child, but)) see_node(draft, seen, child);
}

/* From a place all blocks around it are seen, each in the copy that the place stands in. */
static struct cel_value steps_root(struct rc_draft *draft, uint32_t at)
{
    const struct rc_command *c = &draft->c;
    struct seen seen = room(draft, c->flow->nsteps);
    if (!seen.pairs) return cel_null();
    if (!rc_is_leaf(c, at) && rc_step_at(c, at)->kind == FLOW_LINEAR)
        see_copy(draft, &seen, at, 0, UINT32_MAX); /* a pass looks at what is in it */
    for (uint32_t child = at; child; child = c->node[child].parent)
        see_copy(draft, &seen, c->node[child].parent, c->node[child].item, child);
    return make_map(draft, seen.pairs, seen.n);
}

/* The innermost loop's item, and its number; the copy in which `at` stands. */
static void loop_roots(const struct rc_command *c, uint32_t at, struct cel_value *roots)
{
    bool index = false;
    for (uint32_t child = at; child; child = c->node[child].parent) {
        uint32_t block = c->node[child].parent, copy = c->node[child].item;
        enum flow_kind kind = rc_step_at(c, block)->kind;
        if (kind != FLOW_EACH && kind != FLOW_REPEAT) continue;
        if (!index) roots[FLOW_ROOT_INDEX] = cel_int(copy);
        index = true;
        if (kind != FLOW_EACH || copy >= rc_branches(c, block)) continue;
        roots[FLOW_ROOT_ITEM] = c->data[block].outputs.v.items[copy];
        return;
    }
}

enum rc_status rc_site_eval(struct rc_draft *draft, uint32_t at, flow_site site,
                            const struct rc_result *response, struct cel_value *ret, struct rc_error *err)
{
    const struct rc_decided *known = decided(draft->ask, at, site);
    if (known) {
        *ret = known->value;
        return RC_OK;
    }
    const struct cel_prog *prog = draft->c.flow->sites[site].prog;
    struct cel_value roots[FLOW_ROOTS];
    for (unsigned i = 0; i < FLOW_ROOTS; i++) roots[i] = (struct cel_value){.kind = CEL_UNKNOWN};
    roots[FLOW_ROOT_PAYLOAD] = draft->c.id.payload;
    roots[FLOW_ROOT_OUTPUTS] = draft->c.data[at].outputs;
    if (cel_prog_reads(prog, FLOW_ROOT_COMMAND)) roots[FLOW_ROOT_COMMAND] = command_root(draft);
    if (cel_prog_reads(prog, FLOW_ROOT_STEPS)) roots[FLOW_ROOT_STEPS] = steps_root(draft, at);
    if (response && cel_prog_reads(prog, FLOW_ROOT_RESPONSE))
        roots[FLOW_ROOT_RESPONSE] = response_root(draft, response);
    if (draft->ask->kind == RC_MSG_SIGNALLED && draft->ask->node == at)
        roots[FLOW_ROOT_SIGNAL] = draft->ask->u.signal->payload;
    if (draft->news && draft->news->node == at && cel_prog_reads(prog, FLOW_ROOT_CHILD))
        roots[FLOW_ROOT_CHILD] = child_root(draft);
    if (cel_prog_reads(prog, FLOW_ROOT_ITEM) || cel_prog_reads(prog, FLOW_ROOT_INDEX))
        loop_roots(&draft->c, at, roots);
    if (draft->status != RC_OK) return draft->status;
    struct cel_env env = {.roots = roots, .nroots = FLOW_ROOTS};
    enum rc_status status = cel_eval(prog, &env, draft->arena, ret, err);
    if (status == RC_NOMEM) rc_draft_fail(draft, rc_fail(draft->err, RC_NOMEM, "out of memory"));
    return status;
}

enum rc_status rc_can_be_kept(struct cel_value value, const char *what, uint32_t most, struct rc_error *err)
{
    const char *alien = cel_not_json(value);
    if (alien)
        return rc_fail(err, RC_EVAL, "%s are stored as JSON, which has no %s: convert it", what, alien);
    if (cel_size_bytes(value) <= most) return RC_OK;
    return rc_fail(err, RC_LIMIT, "the %s take more than %u bytes", what, most);
}

enum rc_status rc_site_holds(struct rc_draft *draft, uint32_t at, flow_site site,
                             const struct rc_result *response, bool *ret, struct rc_error *err)
{
    struct cel_value value;
    enum rc_status status = rc_site_eval(draft, at, site, response, &value, err);
    if (status != RC_OK) return status;
    if (value.kind != CEL_BOOL)
        return rc_fail(err, RC_EVAL, "%.*s gives %s, not true or false",
                       RC_SV_ARG(draft->c.flow->sites[site].place), cel_kind_name((enum cel_kind)value.kind));
    *ret = value.v.b;
    return RC_OK;
}
