/* Waits for signals. */
#include "defs/scope.h"
#include "defs/steps.h"

const struct defs_span_range defs_within_range = {RC_MS(1), RC_SECONDS(86400u) * RC_MAX_SPAN_DAYS};

static const struct defs_word on_timeout_word[] = {
    {"fail", FLOW_TIMEOUT_FAIL}, {"reject", FLOW_TIMEOUT_REJECT}, {"continue", FLOW_TIMEOUT_CONTINUE}};
const struct defs_words defs_on_timeout_words = {on_timeout_word, 3};

static bool read_site(struct defs_reader *r, const struct defs_node *node, unsigned roots, flow_site *target,
                      const struct cel_type **ret_type)
{
    struct defs_reach reach = {.roots = roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    if (!defs_put_tree(r, &code, node, reach) || !defs_add_site(r, node, &code, reach, target)) return false;
    *ret_type = cel_prog_type(r->sites[*target].prog);
    return true;
}

static bool read_signal_id(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    const struct cel_type *type;
    if (!defs_want(r, node, DEFS_SCALAR, "a text or a whole number")) return false;
    if (!read_site(r, node, r->roots, target, &type)) return false;
    if (type->kind == CEL_T_STRING || type->kind == CEL_T_INT || type->kind == CEL_T_DYN) return true;
    return defs_fail(r, node, RC_INVALID,
                     "the id of a signal is a text or a whole number; this is of type %.*s",
                     RC_SV_ARG(cel_type_text(type, r->scratch)));
}

static const struct defs_field signal_field[] = {
    {"signal", DEFS_REQUIRED, defs_read_name, offsetof(struct flow_wait, signal), NULL},
    {"id", DEFS_REQUIRED, read_signal_id, offsetof(struct flow_wait, id), NULL},
};
static const struct defs_table signal_table = DEFS_TABLE(signal_field);

/* { signal: NAME, id: VALUE } */
bool defs_read_wait(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    struct flow_wait *wait = &draft->step.wait;
    const struct defs_node *late = defs_node_key(draft->node, "on_timeout");
    bool ok = defs_read_object(r, node, &signal_table, wait);
    if (late && !defs_node_key(draft->node, "within"))
        ok = defs_fail(r, late->value, RC_INVALID,
                       "without 'within' the step waits for ever: say how long, or leave out 'on_timeout'");
    return ok;
}

/* The outputs see the signal's payload. */
bool defs_read_signal_outputs(struct defs_reader *r, const struct defs_node *node, void *target,
                              const void *arg)
{
    (void)arg;
    const struct cel_type *type;
    r->outputs = &cel_dyn;
    if (!defs_want_outputs(r, node)) return false;
    const struct cel_type *outputs = defs_type_of_outputs(r, node);
    if (!outputs) return false;
    r->outputs = outputs;
    return read_site(r, node, r->roots | DEFS_ROOT(SIGNAL), target, &type);
}
