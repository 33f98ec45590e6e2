/* Flows. */
#include "defs/parts.h"

#include "base/near.h"

static bool read_payload(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    const struct flow_schema *schema = defs_read_schema(r, node);
    if (!schema) return false; /* expressions take the payload as dyn then: they are not to blame */
    r->payload = schema->type;
    *(const struct flow_schema **)target = schema;
    return true;
}

static const struct command_state {
    const char *slug;
    bool ended;
} command_state[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) {slug, ended},
#include "states.def"
};
enum { COMMAND_STATES = sizeof command_state / sizeof *command_state };
_Static_assert(COMMAND_STATES <= 32, "a state is a bit of key_states");

static uint32_t ended_states(void)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < COMMAND_STATES; i++) bits |= (uint32_t)command_state[i].ended << i;
    return bits;
}

static bool read_end_state(struct defs_reader *r, const struct defs_node *node, uint32_t *io_bits)
{
    if (!defs_want(r, node, DEFS_SCALAR, "a state in which a command has ended")) return false;
    struct rc_near near = {.wanted = node->text};
    for (uint32_t i = 0; i < COMMAND_STATES; i++) {
        if (!command_state[i].ended) continue;
        rc_near_try(&near, rc_sv_of(command_state[i].slug));
        if (!rc_sv_is(node->text, command_state[i].slug)) continue;
        *io_bits |= 1u << i;
        return true;
    }
    return defs_fail(r, node, RC_INVALID, "'%.*s' is no state in which a command has ended%s",
                     RC_SV_ARG(node->text), defs_hint(near.best).text);
}

static bool read_end_states(struct defs_reader *r, const struct defs_node *node, void *target,
                            const void *arg)
{
    (void)arg;
    struct flow *flow = target;
    bool ok = defs_want(r, node, DEFS_LIST, "a list of states in which a command has ended");
    if (ok && node->n == 0) ok = defs_fail(r, node, RC_INVALID, "name at least one state");
    for (const struct defs_node *state = node->first; ok && state; state = state->next)
        ok = read_end_state(r, state, &flow->key_states);
    flow->key_reuse = FLOW_KEY_AFTER_END;
    return ok;
}

static bool read_after(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow *flow = target;
    flow->key_reuse = FLOW_KEY_AFTER;
    return defs_read_span(r, node, &flow->key_after, arg);
}

static const struct defs_field key_reuse_field[] = {
    {"after_end", DEFS_OPTIONAL, read_end_states, 0, NULL},
    {"after", DEFS_OPTIONAL, read_after, 0, NULL},
};
static const struct defs_table key_reuse_table = DEFS_TABLE(key_reuse_field);

/* never; after_end; { after_end: [STATE, …] }; { after: SPAN } */
static bool read_key_reuse(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    static const struct defs_word word[] = {{"never", FLOW_KEY_NEVER}, {"after_end", FLOW_KEY_AFTER_END}};
    static const struct defs_words words = {word, 2};
    (void)arg;
    struct flow *flow = target;
    if (node->kind != DEFS_MAP) {
        if (!defs_read_word(r, node, &flow->key_reuse, &words)) return false;
        if (flow->key_reuse == FLOW_KEY_AFTER_END) flow->key_states = ended_states();
        return true;
    }
    if (node->n != 1) return defs_fail(r, node, RC_INVALID, "say either 'after_end' or 'after'");
    return defs_read_object(r, node, &key_reuse_table, flow);
}

static bool read_refs(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow *flow = target;
    if (!defs_want(r, node, DEFS_MAP, "a map of names to texts")) return false;
    if (node->n > RC_MAX_REFS)
        return defs_fail(r, node, RC_LIMIT, "a command has at most %d refs", RC_MAX_REFS);
    struct flow_ref *ref = RC_NEW_ARRAY(r->arena, struct flow_ref, node->n);
    if (!ref) return defs_fail_arena(r, r->arena);
    bool ok = true;
    uint16_t n = 0;
    for (const struct defs_node *key = node->first; key; key = key->next, n++) {
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        ok &= defs_read_name(r, key, &ref[n].name, arg);
        ok &= defs_read_text_template(r, key->value, &ref[n].value, arg);
        r->place = place.up;
    }
    flow->refs = ref;
    flow->nrefs = n;
    return ok;
}

static const struct defs_word on_failure_word[] = {
    {"keep", FLOW_KEEP}, {"roll_back", FLOW_ROLL_BACK}, {"review", FLOW_REVIEW}};
static const struct defs_words on_failure_words = {on_failure_word, 3};

static const struct defs_word on_deadline_word[] = {
    {"review", FLOW_LATE_REVIEW}, {"cancel", FLOW_LATE_CANCEL}, {"roll_back", FLOW_LATE_ROLL_BACK}};
static const struct defs_words on_deadline_words = {on_deadline_word, 3};
static const struct defs_span_range deadline_range = {1, RC_SECONDS(RC_MAX_SPAN_DAYS *UINT64_C(86400))};

static const struct defs_word when_full_word[] = {
    {"queue", FLOW_FULL_QUEUE}, {"refuse", FLOW_FULL_REFUSE}, {"replace", FLOW_FULL_REPLACE}};
static const struct defs_words when_full_words = {when_full_word, 3};
static const struct defs_range lane_range = {1, RC_MAX_LANE, true};

static const struct defs_field lane_field[] = {
    {"key", DEFS_OPTIONAL, defs_read_text_template, offsetof(struct flow_lane, key), NULL},
    {"limit", DEFS_OPTIONAL, defs_read_count, offsetof(struct flow_lane, limit), &lane_range},
    {"when_full", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow_lane, when_full), &when_full_words},
};
static const struct defs_table lane_table = DEFS_TABLE(lane_field);

/* One at a time, where no limit is said. */
static bool read_lane(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_lane *lane = target;
    lane->limit = 1;
    return defs_read_object(r, node, &lane_table, lane);
}

/* A number, or an expression that gives one. */
static bool read_priority(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    if (!defs_want(r, node, DEFS_SCALAR, "a number or a text with ${…}")) return false;
    struct defs_scalar scalar = defs_scalar_of(node);
    bool number = scalar.kind == DEFS_IS_INT && scalar.i >= 0 && scalar.i <= RC_MAX_PRIORITY;
    bool expression = scalar.kind == DEFS_IS_TEXT && rc_sv_starts(node->text, RC_SV("${"));
    if (!number && !expression)
        return defs_fail(r, node, RC_INVALID,
                         "a priority is a whole number from 0 to %d, or an expression in ${…}",
                         RC_MAX_PRIORITY);
    struct defs_reach reach = {.roots = r->roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    return defs_put_scalar(r, &code, node, DEFS_VALUE, reach) && defs_add_site(r, node, &code, reach, target);
}

#define LATER(name)                                                                                          \
    {                                                                                                        \
        name, DEFS_LATER, NULL, 0, NULL                                                                      \
    }

/* In this order: expressions need the payload's type, the rules of steps need on_failure. */
static const struct defs_field flow_field[] = {
    {"flow", DEFS_REQUIRED, defs_read_name, offsetof(struct flow, name), NULL},
    {"description", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},
    {"payload", DEFS_OPTIONAL, read_payload, offsetof(struct flow, payload), NULL},
    {"key", DEFS_OPTIONAL, defs_read_text_template, offsetof(struct flow, key), NULL},
    {"key_reuse", DEFS_OPTIONAL, read_key_reuse, 0, NULL},
    {"refs", DEFS_OPTIONAL, read_refs, 0, NULL},
    {"on_failure", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow, on_failure), &on_failure_words},
    {"deadline", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow, deadline), &deadline_range},
    {"on_deadline", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow, on_deadline), &on_deadline_words},
    {"concurrency", DEFS_OPTIONAL, read_lane, offsetof(struct flow, lane), NULL},
    {"priority", DEFS_OPTIONAL, read_priority, offsetof(struct flow, priority), NULL},
    {"steps", DEFS_REQUIRED, defs_read_steps, 0, NULL},
    {"schedule", DEFS_OPTIONAL, defs_read_schedules, 0, NULL},
    LATER("object"),
    LATER("labels"),
    LATER("sensitive"),
    LATER("vars"),
    LATER("diagnose"),
    LATER("confirm"),
    LATER("trigger"),
};
static const struct defs_table flow_table = DEFS_TABLE(flow_field);

struct flow *defs_read_flow(struct defs_reader *r, const struct defs_node *root)
{
    struct flow *flow = RC_NEW(r->arena, struct flow);
    if (!flow) {
        defs_say_arena(r, r->arena);
        return NULL;
    }
    r->roots = DEFS_ROOT(PAYLOAD);
    if (!defs_read_object(r, root, &flow_table, flow)) return NULL;
    flow->sites = rc_copy(r->arena, r->sites, r->nsites * sizeof *r->sites);
    uint64_t *gates = RC_NEW_ARRAY(r->arena, uint64_t, r->ndependencies);
    if (!flow->sites || !gates) {
        defs_say_arena(r, r->arena);
        return NULL;
    }
    flow->nsites = (uint16_t)r->nsites;
    for (uint32_t i = 0; i < r->ndependencies; i++) gates[i] = flow_gate_id(r->dependencies[i]);
    flow->dependencies = r->dependencies;
    flow->gates = gates;
    flow->ndependencies = (uint16_t)r->ndependencies;
    return flow;
}
