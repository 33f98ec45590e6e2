/* What a call asks of its dependency: its action, its check, its undo and what it requires. */
#include "defs/request.h"
#include "defs/scope.h"
#include "defs/steps.h"

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
const struct defs_span_range defs_timeout_range = {RC_MS(1), RC_SECONDS(RC_MAX_TIMEOUT_S)};

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

bool defs_read_retry(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
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

bool defs_want_outputs(struct defs_reader *r, const struct defs_node *node)
{
    if (!defs_want(r, node, DEFS_MAP, "a map of names to values")) return false;
    if (node->n <= RC_MAX_OUTPUT_NAMES) return true;
    return defs_fail(r, node, RC_LIMIT, "a step has at most %d outputs", RC_MAX_OUTPUT_NAMES);
}

/* The names as a type: what `outputs` are. */
const struct cel_type *defs_type_of_outputs(struct defs_reader *r, const struct defs_node *map)
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

bool defs_read_outputs(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    r->outputs = &cel_dyn; /* where they cannot be read, what uses them is not to blame */
    if (!defs_want_outputs(r, node)) return false;
    const struct cel_type *type = defs_type_of_outputs(r, node);
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
    if (!defs_want_outputs(r, node)) return false;
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

bool defs_read_external_id(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
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
         &defs_timeout_range},                                                                               \
    {                                                                                                        \
        "retry", DEFS_OPTIONAL, defs_read_retry, offsetof(struct question, check.retry), NULL                \
    }

static const struct defs_field check_field[] = {
    CHECK_FIELDS,
    {"outputs", DEFS_OPTIONAL, read_check_outputs, offsetof(struct question, check.outputs), NULL},
};
const struct defs_table defs_check_table = DEFS_TABLE(check_field);
static const struct defs_field undo_check_field[] = {CHECK_FIELDS};
static const struct defs_table undo_check_table = DEFS_TABLE(undo_check_field);

bool defs_read_check(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
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
    {"timeout", DEFS_OPTIONAL, defs_read_span, offsetof(struct question, check.timeout), &defs_timeout_range},
};
static const struct defs_table require_table = DEFS_TABLE(require_field);

bool defs_read_require(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
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

bool defs_read_with(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_action *action = target;
    struct defs_request request = {0};
    bool ok = defs_read_request(r, node, &request, arg);
    action->request = request.site;
    action->reads_only = action->repeatable = request.safe;
    return ok;
}

const struct flow_action defs_action_default = {
    .present = true, .timeout = TIMEOUT_DEFAULT, .retry = RETRY_DEFAULT};

static const struct defs_field undo_field[] = {
    DEFS_ACTION_FIELDS(0),
    {"check", DEFS_OPTIONAL, defs_read_check, offsetof(struct flow_action, check), &undo_check_table},
};
static const struct defs_table undo_table = DEFS_TABLE(undo_field);

bool defs_read_undo(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_action *undo = target;
    if (node->kind == DEFS_SCALAR && rc_sv_is(node->text, "none")) {
        undo->none = true;
        return true;
    }
    *undo = defs_action_default;
    unsigned roots = r->roots;
    r->roots |= DEFS_ROOT(OUTPUTS);
    bool ok = defs_read_object(r, node, &undo_table, undo);
    r->roots = roots;
    return ok;
}

/* ---- the dependency, and rules between the fields of a call */

static bool add_dependency(struct defs_reader *r, const struct defs_node *node, struct rc_sv name)
{
    if (r->ndependencies == r->cap_dependencies) {
        uint32_t cap = r->cap_dependencies ? 2 * r->cap_dependencies : 4;
        struct rc_sv *more = RC_NEW_ARRAY(r->arena, struct rc_sv, cap);
        struct defs_position *called = RC_NEW_ARRAY(r->arena, struct defs_position, cap);
        if (!more || !called) return defs_fail_arena(r, r->arena);
        if (r->ndependencies) {
            memcpy(more, r->dependencies, r->ndependencies * sizeof *more);
            memcpy(called, r->called, r->ndependencies * sizeof *called);
        }
        r->dependencies = more;
        r->called = called;
        r->cap_dependencies = cap;
    }
    r->dependencies[r->ndependencies] = name;
    r->called[r->ndependencies++] = defs_source_position(r->source, node->at);
    return true;
}

bool defs_read_call(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct rc_sv name;
    if (!defs_read_name(r, node, &name, arg)) return false;
    uint32_t i = 0;
    while (i < r->ndependencies && !rc_sv_eq(r->dependencies[i], name)) i++;
    if (i == r->ndependencies && !add_dependency(r, node, name)) return false;
    *(uint16_t *)target = r->calls = (uint16_t)i;
    return true;
}

bool defs_check_call(struct defs_reader *r, const struct defs_node *node, const struct flow_call *call)
{
    if (call->irreversible && (call->undo.present || call->undo.none))
        return defs_fail(r, defs_value_of(node, "irreversible"), RC_INVALID,
                         "a step that has an undo is not irreversible");
    if (call->act.reads_only && (call->undo.present || call->undo.none))
        return defs_fail(r, defs_value_of(node, "undo"), RC_INVALID,
                         "the step only reads (GET or HEAD): there is nothing to undo");
    if (call->act.outputs && call->act.check.present && !call->act.check.outputs)
        return defs_fail(r, defs_value_of(node, "check"), RC_INVALID,
                         "the check needs 'outputs' too: when it finds that the step happened, they are all "
                         "that later steps have");
    return true;
}
