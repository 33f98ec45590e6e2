/* Expressions at their sites: the values of the roots, and what a message has decided already (rule 8). */
#include "core/draft.h"

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

static struct cel_value map_of(struct rc_draft *draft, const char *const *names,
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
    return map_of(draft, (const char *const[]){"key", "type", "actor"},
                  (struct cel_value[]){cel_string(id->key), cel_string(id->type), cel_string(id->actor)}, 3);
}

static struct cel_value response_root(struct rc_draft *draft, const struct rc_result *response)
{
    return map_of(draft, (const char *const[]){"status", "headers", "body"},
                  (struct cel_value[]){cel_int(response->status), response->headers, response->body}, 3);
}

/* What has succeeded: {id: {outputs, external_id}}. Reading another step is an error: no such key. */
static struct cel_value steps_root(struct rc_draft *draft)
{
    const struct rc_command *c = &draft->c;
    struct cel_value *pairs = RC_NEW_ARRAY(draft->arena, struct cel_value, 2 * c->nnodes);
    if (!pairs) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return cel_null();
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        if (!rc_is_leaf(c, i) || c->node[i].state != RC_STEP_SUCCEEDED) continue;
        pairs[2 * n] = cel_string(rc_node_step(c, i)->id);
        pairs[2 * n + 1] =
            map_of(draft, (const char *const[]){"outputs", "external_id"},
                   (struct cel_value[]){c->data[i].outputs, cel_string(c->data[i].external_id)}, 2);
        n++;
    }
    return make_map(draft, pairs, n);
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
    if (cel_prog_reads(prog, FLOW_ROOT_STEPS)) roots[FLOW_ROOT_STEPS] = steps_root(draft);
    if (response && cel_prog_reads(prog, FLOW_ROOT_RESPONSE))
        roots[FLOW_ROOT_RESPONSE] = response_root(draft, response);
    if (draft->status != RC_OK) return draft->status;
    struct cel_env env = {.roots = roots, .nroots = FLOW_ROOTS};
    enum rc_status status = cel_eval(prog, &env, draft->arena, ret, err);
    if (status == RC_NOMEM) rc_draft_fail(draft, rc_fail(draft->err, RC_NOMEM, "out of memory"));
    return status;
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
