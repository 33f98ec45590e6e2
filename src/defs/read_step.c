/* Steps: calls in a line, each with its check, its undo and what it requires. */
#include "defs/parts.h"
#include "defs/request.h"
#include "defs/scope.h"
#include "defs/worker.h"

#include "base/near.h"

/* ---- retry */

#define TIMEOUT_DEFAULT RC_SECONDS(30)
#define RETRY_DEFAULT                                                                                        \
    {                                                                                                        \
        .attempts = 5, .backoff = FLOW_EXPONENTIAL, .jitter = FLOW_FULL_JITTER, .delay = RC_SECONDS(1),      \
        .max_delay = RC_SECONDS(60)                                                                          \
    }

static const struct defs_word backoff_word[] = {
    {"constant", FLOW_CONSTANT}, {"linear", FLOW_LINEARLY}, {"exponential", FLOW_EXPONENTIAL}};
static const struct defs_words backoff_words = {backoff_word, 3};
static const struct defs_word jitter_word[] = {
    {"none", FLOW_NO_JITTER}, {"full", FLOW_FULL_JITTER}, {"equal", FLOW_EQUAL_JITTER}};
static const struct defs_words jitter_words = {jitter_word, 3};
static const struct defs_range attempts_range = {1, RC_MAX_ATTEMPTS, true};
static const struct defs_span_range timeout_range = {RC_MS(1), RC_SECONDS(RC_MAX_TIMEOUT_S)};

static const struct defs_field limit_field[] = {
    {"attempts", DEFS_OPTIONAL, defs_read_count, offsetof(struct flow_retry, attempts), &attempts_range},
    {"duration", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_retry, duration), NULL},
};
static const struct defs_table limit_table = DEFS_TABLE(limit_field);

static const struct defs_field retry_field[] = {
    {"delay", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_retry, delay), NULL},
    {"backoff", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow_retry, backoff), &backoff_words},
    {"jitter", DEFS_OPTIONAL, defs_read_word, offsetof(struct flow_retry, jitter), &jitter_words},
    {"max_delay", DEFS_OPTIONAL, defs_read_span, offsetof(struct flow_retry, max_delay), NULL},
    {"limit", DEFS_OPTIONAL, defs_read_table, 0, &limit_table},
};
static const struct defs_table retry_table = DEFS_TABLE(retry_field);

static bool read_retry(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_retry *retry = target;
    if (!defs_read_object(r, node, &retry_table, retry)) return false;
    if (retry->delay <= retry->max_delay) return true;
    const struct defs_node *max = defs_node_key(node, "max_delay");
    if (max) return defs_fail(r, max->value, RC_INVALID, "'max_delay' is shorter than 'delay'");
    retry->max_delay = retry->delay;
    return true;
}

/* ---- outputs */

static bool want_outputs(struct defs_reader *r, const struct defs_node *node)
{
    if (!defs_want(r, node, DEFS_MAP, "a map of names to values")) return false;
    if (node->n <= RC_MAX_OUTPUT_NAMES) return true;
    return defs_fail(r, node, RC_LIMIT, "a step has at most %d outputs", RC_MAX_OUTPUT_NAMES);
}

/* The names as a type: what `outputs` are. */
static const struct cel_type *type_of_outputs(struct defs_reader *r, const struct defs_node *map)
{
    struct cel_field *field = RC_NEW_ARRAY(r->arena, struct cel_field, map->n);
    bool ok = field != NULL;
    uint32_t n = 0;
    for (const struct defs_node *key = map->first; key && ok; key = key->next) {
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        field[n].type = &cel_dyn;
        ok = defs_read_variable(r, key, &field[n++].name, NULL);
        r->place = place.up;
    }
    const struct cel_type *type = ok ? defs_object_type(r->arena, field, n) : NULL;
    if (!type && rc_arena_status(r->arena) != RC_OK) defs_say_arena(r, r->arena);
    return type;
}

static bool read_outputs_site(struct defs_reader *r, const struct defs_node *node, flow_site *target)
{
    struct defs_reach reach = {.roots = r->roots | DEFS_ROOT(RESPONSE)};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    return defs_put_tree(r, &code, node, reach) && defs_add_site(r, node, &code, reach, target);
}

static bool read_outputs(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    r->outputs = &cel_dyn; /* where they cannot be read, what uses them is not to blame */
    if (!want_outputs(r, node)) return false;
    const struct cel_type *type = type_of_outputs(r, node);
    if (!type) return false;
    r->outputs = type;
    return read_outputs_site(r, node, target);
}

static const struct cel_field *output_of(const struct cel_type *outputs, struct rc_sv name,
                                         struct rc_near *near)
{
    for (uint32_t i = 0; i < outputs->nfields; i++) {
        rc_near_try(near, outputs->fields[i].name);
        if (rc_sv_eq(outputs->fields[i].name, name)) return &outputs->fields[i];
    }
    return NULL;
}

/* The outputs of a check replace the action's, so they must be the same ones. */
static bool read_check_outputs(struct defs_reader *r, const struct defs_node *node, void *target,
                               const void *arg)
{
    (void)arg;
    if (!want_outputs(r, node)) return false;
    bool ok = true;
    for (const struct defs_node *key = node->first; key && r->outputs != &cel_dyn; key = key->next) {
        struct rc_near near = {.wanted = key->text};
        if (!r->outputs || !output_of(r->outputs, key->text, &near))
            ok = defs_fail(r, key, RC_INVALID, "'%.*s' is none of the step's outputs%s", RC_SV_ARG(key->text),
                           defs_hint(near.best).text);
    }
    for (uint32_t i = 0; r->outputs && i < r->outputs->nfields; i++) {
        struct rc_sv name = r->outputs->fields[i].name;
        const struct defs_node *key = node->first;
        while (key && !rc_sv_eq(key->text, name)) key = key->next;
        if (!key)
            ok = defs_fail(r, node, RC_INVALID,
                           "the step's output '%.*s' is missing: what the check finds replaces all of them",
                           RC_SV_ARG(name));
    }
    return ok && read_outputs_site(r, node, target);
}

static bool read_external_id(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    if (!defs_read_variable(r, node, target, arg)) return false;
    struct rc_near near = {.wanted = node->text};
    if (r->outputs == &cel_dyn || (r->outputs && output_of(r->outputs, node->text, &near))) return true;
    return defs_fail(r, node, RC_INVALID, "'%.*s' is none of the step's outputs%s", RC_SV_ARG(node->text),
                     defs_hint(near.best).text);
}

/* ---- questions: checks and requires */

struct question {
    struct defs_request request;
    bool reads; /* the author says that the request changes nothing */
    struct flow_check check;
    flow_site holds;
};

static bool check_reads(struct defs_reader *r, const struct defs_node *node, const struct question *question)
{
    const struct defs_node *with = defs_node_key(node, "with");
    if (question->request.safe || question->reads) return true;
    return defs_fail(r, with ? with->value : node, RC_INVALID,
                     "a question must change nothing: use GET or HEAD, or say 'reads: true'");
}

#define CHECK_FIELDS                                                                                         \
    {"with", DEFS_REQUIRED, defs_read_request, offsetof(struct question, request), NULL},                    \
        {"reads", DEFS_OPTIONAL, defs_read_bool, offsetof(struct question, reads), NULL},                    \
        {"settle", DEFS_OPTIONAL, defs_read_span, offsetof(struct question, check.settle), NULL},            \
        {"happened", DEFS_REQUIRED, defs_read_condition_of_answer,                                           \
         offsetof(struct question, check.happened), NULL},                                                   \
        {"contradictory", DEFS_OPTIONAL, defs_read_condition_of_answer,                                      \
         offsetof(struct question, check.contradictory), NULL},                                              \
        {"inconclusive", DEFS_OPTIONAL, defs_read_condition_of_answer,                                       \
         offsetof(struct question, check.inconclusive), NULL},                                               \
        {"timeout", DEFS_OPTIONAL, defs_read_span, offsetof(struct question, check.timeout),                 \
         &timeout_range},                                                                                    \
    {                                                                                                        \
        "retry", DEFS_OPTIONAL, read_retry, offsetof(struct question, check.retry), NULL                     \
    }

static const struct defs_field check_field[] = {
    CHECK_FIELDS,
    {"outputs", DEFS_OPTIONAL, read_check_outputs, offsetof(struct question, check.outputs), NULL},
};
static const struct defs_table check_table = DEFS_TABLE(check_field);
static const struct defs_field undo_check_field[] = {CHECK_FIELDS};
static const struct defs_table undo_check_table = DEFS_TABLE(undo_check_field);

static bool read_check(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_check *check = target;
    struct question question = {
        .check = {.present = true, .timeout = TIMEOUT_DEFAULT, .retry = RETRY_DEFAULT}};
    check->present = true;
    if (!defs_read_object(r, node, arg, &question) || !check_reads(r, node, &question)) return false;
    *check = question.check;
    check->request = question.request.site;
    return true;
}

static const struct defs_field require_field[] = {
    {"with", DEFS_REQUIRED, defs_read_request, offsetof(struct question, request), NULL},
    {"reads", DEFS_OPTIONAL, defs_read_bool, offsetof(struct question, reads), NULL},
    {"holds", DEFS_REQUIRED, defs_read_condition_of_answer, offsetof(struct question, holds), NULL},
    {"timeout", DEFS_OPTIONAL, defs_read_span, offsetof(struct question, check.timeout), &timeout_range},
};
static const struct defs_table require_table = DEFS_TABLE(require_field);

static bool read_require(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_require *require = target;
    require->timeout = TIMEOUT_DEFAULT;
    if (node->kind == DEFS_SCALAR) return defs_read_condition(r, node, &require->condition, arg);
    struct question question = {.check.timeout = TIMEOUT_DEFAULT};
    if (!defs_want(r, node, DEFS_MAP, "an expression, or a map {with, holds}")) return false;
    if (!defs_read_object(r, node, &require_table, &question) || !check_reads(r, node, &question))
        return false;
    *require = (struct flow_require){
        .condition = question.holds, .request = question.request.site, .timeout = question.check.timeout};
    return true;
}

/* ---- actions */

static bool read_with(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_action *action = target;
    struct defs_request request = {0};
    bool ok = defs_read_request(r, node, &request, arg);
    action->request = request.site;
    action->reads_only = action->repeatable = request.safe;
    return ok;
}

/* Fields that a step's action and its undo have in common; the action's stand in the step itself. */
#define ACTION_FIELDS(type, base)                                                                            \
    {"with", DEFS_REQUIRED, read_with, base, NULL},                                                          \
        {"timeout", DEFS_OPTIONAL, defs_read_span, (base) + offsetof(struct flow_action, timeout),           \
         &timeout_range},                                                                                    \
        {"retry", DEFS_OPTIONAL, read_retry, (base) + offsetof(struct flow_action, retry), NULL},            \
        {"repeatable", DEFS_OPTIONAL, defs_read_bool, (base) + offsetof(struct flow_action, repeatable),     \
         NULL},                                                                                              \
    {                                                                                                        \
        "accepted", DEFS_OPTIONAL, defs_read_bool, (base) + offsetof(struct flow_action, accepted), NULL     \
    }

static const struct flow_action action_default = {
    .present = true, .timeout = TIMEOUT_DEFAULT, .retry = RETRY_DEFAULT};

static const struct defs_field undo_field[] = {
    ACTION_FIELDS(struct flow_action, 0),
    {"check", DEFS_OPTIONAL, read_check, offsetof(struct flow_action, check), &undo_check_table},
};
static const struct defs_table undo_table = DEFS_TABLE(undo_field);

static bool read_undo(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_action *undo = target;
    if (node->kind == DEFS_SCALAR && rc_sv_is(node->text, "none")) {
        undo->none = true;
        return true;
    }
    *undo = action_default;
    unsigned roots = r->roots;
    r->roots |= DEFS_ROOT(OUTPUTS);
    bool ok = defs_read_object(r, node, &undo_table, undo);
    r->roots = roots;
    return ok;
}

/* ---- the step */

static bool read_call(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct rc_sv name;
    if (!defs_read_name(r, node, &name, arg)) return false;
    uint32_t i = 0;
    while (i < r->ndependencies && !rc_sv_eq(r->dependencies[i], name)) i++;
    if (i == r->ndependencies) {
        r->dependencies[i] = name; /* there is room for one per step */
        r->called[i] = defs_source_position(r->source, node->at);
        r->ndependencies++;
    }
    *(uint16_t *)target = r->calls = (uint16_t)i;
    return true;
}

/* The id of a step that stands before this one. */
static bool read_need(struct defs_reader *r, const struct defs_node *id, flow_node *need, uint32_t *n)
{
    struct rc_near near = {.wanted = id->text};
    uint32_t at = 1;
    while (at < r->ndone && !(id->text.n && rc_sv_eq(r->done[at].id, id->text))) at++;
    if (id->kind != DEFS_SCALAR || at == r->ndone) {
        for (uint32_t i = 1; i < r->ndone && !defs_is_full(r); i++) rc_near_try(&near, r->done[i].id);
        return defs_fail(r, id, RC_INVALID, "'%.*s' is no earlier step%s", RC_SV_ARG(id->text),
                         defs_hint(near.best).text);
    }
    for (uint32_t i = 0; i < *n; i++)
        if (need[i] == at) return defs_fail(r, id, RC_INVALID, "'%.*s' is here twice", RC_SV_ARG(id->text));
    need[(*n)++] = (flow_node)at;
    return true;
}

static bool read_needs(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_step *step = target;
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
    step->needs = need;
    step->nneeds = (uint16_t)n;
    return ok;
}

#define IN(member) offsetof(struct flow_step, member)
#define LATER(name)                                                                                          \
    {                                                                                                        \
        name, DEFS_LATER, NULL, 0, NULL                                                                      \
    }

static const struct defs_field step_field[] = {
    {"id", DEFS_REQUIRED, defs_read_id, IN(id), NULL},
    {"description", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},
    {"call", DEFS_REQUIRED, read_call, IN(call.dependency), NULL},
    {"capability", DEFS_OPTIONAL, defs_read_capability, IN(call.capability), NULL},
    {"needs", DEFS_OPTIONAL, read_needs, 0, NULL},
    {"critical", DEFS_OPTIONAL, defs_read_bool, IN(critical), NULL},
    {"irreversible", DEFS_OPTIONAL, defs_read_bool, IN(call.irreversible), NULL},
    {"require", DEFS_OPTIONAL, read_require, IN(call.require), NULL},
    ACTION_FIELDS(struct flow_step, IN(call.act)),
    {"outputs", DEFS_OPTIONAL, read_outputs, IN(call.act.outputs), NULL},
    {"external_id", DEFS_OPTIONAL, read_external_id, IN(call.external_id), NULL},
    {"check", DEFS_OPTIONAL, read_check, IN(call.act.check), &check_table},
    {"undo", DEFS_OPTIONAL, read_undo, IN(call.undo), NULL},
    LATER("linear"),
    LATER("parallel"),
    LATER("choose"),
    LATER("each"),
    LATER("repeat"),
    LATER("wait"),
    LATER("approve"),
    LATER("sleep"),
    LATER("flow"),
    LATER("set"),
    LATER("confirm"),
    LATER("escalate"),
    LATER("steps"),
    LATER("if"),
    LATER("else"),
    LATER("fallback"),
    LATER("join"),
    LATER("on_error"),
    LATER("until"),
    LATER("when"),
    LATER("sensitive"),
    LATER("vars"),
};
static const struct defs_table step_table = DEFS_TABLE(step_field);

static const struct defs_node *value_of(const struct defs_node *map, const char *name)
{
    const struct defs_node *key = defs_node_key(map, name);
    return key ? key->value : map;
}

/* Rules between the fields of one step. */
static bool check_step(struct defs_reader *r, const struct defs_node *node, const struct flow_step *step)
{
    const struct flow_call *call = &step->call;
    if (call->irreversible && (call->undo.present || call->undo.none))
        return defs_fail(r, value_of(node, "irreversible"), RC_INVALID,
                         "a step that has an undo is not irreversible");
    if (call->act.reads_only && (call->undo.present || call->undo.none))
        return defs_fail(r, value_of(node, "undo"), RC_INVALID,
                         "the step only reads (GET or HEAD): there is nothing to undo");
    if (call->act.outputs && call->act.check.present && !call->act.check.outputs)
        return defs_fail(r, value_of(node, "check"), RC_INVALID,
                         "the check needs 'outputs' too: when it finds that the step happened, they are all "
                         "that later steps have");
    return true;
}

static bool check_unique(struct defs_reader *r, const struct defs_node *node, struct rc_sv id)
{
    for (uint32_t i = 1; id.n && i < r->ndone; i++)
        if (rc_sv_eq(r->done[i].id, id))
            return defs_fail(r, value_of(node, "id"), RC_INVALID, "two steps have the id '%.*s'",
                             RC_SV_ARG(id));
    return true;
}

static bool read_step(struct defs_reader *r, const struct defs_node *node, struct flow_step *step)
{
    step->kind = FLOW_CALL;
    step->critical = true;
    step->call.act = action_default;
    r->outputs = NULL;
    r->roots = DEFS_ROOT(PAYLOAD) | DEFS_ROOT(COMMAND) | DEFS_ROOT(STEPS);
    uint32_t asked = r->asks.n;
    step->call.worker = defs_asks_worker(node);
    if (step->call.worker)
        step->call.act.timeout = RC_SECONDS(RC_MAX_TIMEOUT_S); /* the lease is what bounds it */
    bool ok = defs_read_object(r, node, &step_table, step);
    ok &= defs_check_worker(r, node, step, asked);
    if (r->outputs && r->outputs != &cel_dyn) step->call.outputs = r->outputs;
    ok &= check_unique(r, node, step->id);
    return ok && check_step(r, node, step);
}

/* ---- all steps */

/* Rolling back takes back every step that something can fail behind. */
static bool check_roll_back(struct defs_reader *r, const struct defs_node *list, const struct flow *flow)
{
    bool ok = true;
    uint32_t at = 1;
    for (const struct defs_node *node = list->first; node && node->next; node = node->next, at++) {
        const struct flow_call *call = &flow->steps[at].call;
        if (flow->on_failure != FLOW_ROLL_BACK || flow_nothing_to_undo(call) || call->undo.present) continue;
        struct defs_place place = {.up = r->place, .item = true, .index = at - 1};
        r->place = &place;
        ok = defs_fail(r, node, RC_INVALID,
                       call->irreversible
                           ? "on_failure: roll_back cannot take back a step that is irreversible: put it last"
                           : "on_failure: roll_back needs an 'undo' here: a later step may fail");
        r->place = place.up;
    }
    return ok;
}

/* What later steps see: one growing list of fields, of which each step sees the part before it. */
static bool add_step_type(struct defs_reader *r, struct cel_field *field, const struct flow_step *step)
{
    uint32_t n = r->ndone - 1;
    const struct cel_type *none = defs_object_type(r->arena, NULL, 0);
    field[n].name = step->id;
    field[n].type = defs_step_type(r->arena, r->outputs ? r->outputs : none, step->call.external_id.n > 0);
    r->steps = defs_object_type(r->arena, field, n + 1);
    return (none && field[n].type && r->steps) || defs_fail_arena(r, r->arena);
}

static bool read_each(struct defs_reader *r, const struct defs_node *list, struct flow_step *step)
{
    struct cel_field *field = RC_NEW_ARRAY(r->arena, struct cel_field, list->n);
    r->dependencies = RC_NEW_ARRAY(r->arena, struct rc_sv, list->n);
    r->called = RC_NEW_ARRAY(r->arena, struct defs_position, list->n);
    r->steps = defs_object_type(r->arena, NULL, 0);
    if (!field || !r->dependencies || !r->called || !r->steps) return defs_fail_arena(r, r->arena);
    r->done = step;
    r->ndone = 1;
    bool ok = true;
    for (const struct defs_node *node = list->first; node; node = node->next) {
        struct defs_place place = {.up = r->place, .item = true, .index = r->ndone - 1};
        const struct defs_node *id = defs_node_key(node, "id");
        if (id && id->value->kind == DEFS_SCALAR) place.name = id->value->text;
        r->place = &place;
        ok &= read_step(r, node, &step[r->ndone]);
        r->place = place.up;
        step[r->ndone].end = (flow_node)(r->ndone + 1);
        if (!add_step_type(r, field, &step[r->ndone])) return false;
        r->ndone++;
    }
    return ok;
}

bool defs_read_steps(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow *flow = target;
    if (!defs_want(r, node, DEFS_LIST, "a list of steps")) return false;
    if (!node->n) return defs_fail(r, node, RC_INVALID, "a flow has at least one step");
    if (node->n >= RC_MAX_NODES)
        return defs_fail(r, node, RC_LIMIT, "a flow has at most %d steps", RC_MAX_NODES - 1);
    struct flow_step *step = RC_NEW_ARRAY(r->arena, struct flow_step, (size_t)node->n + 1);
    if (!step) return defs_fail_arena(r, r->arena);
    step[0] = (struct flow_step){.kind = FLOW_LINEAR, .end = (flow_node)(node->n + 1), .critical = true};
    if (!read_each(r, node, step)) return false;
    flow->steps = step;
    flow->nsteps = (uint16_t)(node->n + 1);
    return check_roll_back(r, node, flow);
}
