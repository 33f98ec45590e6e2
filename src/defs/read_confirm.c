/* Steps that wait until something holds: an expression, or what a dependency answers. */
#include "defs/request.h"
#include "defs/scope.h"
#include "defs/steps.h"

const struct defs_span_range defs_every_range = {RC_MS(1), RC_SECONDS(86400u)};

struct question {
    uint16_t dependency;
    struct defs_request request;
    bool reads; /* the author says that the request changes nothing */
    rc_us timeout;
    flow_site holds;
};

#define IN(member) offsetof(struct question, member)
static const struct defs_field call_field[] = {
    {"call", DEFS_REQUIRED, defs_read_call, IN(dependency), NULL},
    {"with", DEFS_REQUIRED, defs_read_request, IN(request), NULL},
    {"reads", DEFS_OPTIONAL, defs_read_bool, IN(reads), NULL},
    {"timeout", DEFS_OPTIONAL, defs_read_span, IN(timeout), &defs_timeout_range},
    {"holds", DEFS_REQUIRED, defs_read_condition_of_answer, IN(holds), NULL},
};
static const struct defs_table call_table = DEFS_TABLE(call_field);
static const struct defs_field expression_field[] = {
    {"holds", DEFS_REQUIRED, defs_read_condition, IN(holds), NULL},
    {"call", DEFS_OPTIONAL, NULL, 0, NULL}, /* else the table above is the one */
};
static const struct defs_table expression_table = DEFS_TABLE(expression_field);

/* What is said of a request that nobody gets. */
static bool check_nobody(struct defs_reader *r, const struct defs_node *node)
{
    static const char *const field[] = {"with", "reads", "timeout"};
    for (unsigned i = 0; i < sizeof field / sizeof *field; i++) {
        const struct defs_node *key = defs_node_key(node, field[i]);
        if (key)
            return defs_fail(r, key, RC_INVALID, "without 'call' there is nobody to ask: leave out '%s'",
                             field[i]);
    }
    return true;
}

/* { holds: CONDITION }; { call: NAME, with: REQUEST, reads, timeout: SPAN, holds: CONDITION } */
bool defs_read_confirm(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_step *step = &((struct defs_draft *)target)->step;
    struct question question = {0};
    bool calls = node->kind == DEFS_MAP && defs_node_key(node, "call");
    if (node->kind == DEFS_MAP && !calls && !check_nobody(r, node)) return false;
    if (!defs_read_object(r, node, calls ? &call_table : &expression_table, &question)) return false;
    step->confirm.holds = question.holds;
    if (!calls) return true;
    if (!question.request.safe && !question.reads)
        return defs_fail(r, defs_value_of(node, "with"), RC_INVALID,
                         "a question must change nothing: use GET or HEAD, or say 'reads: true'");
    step->kind = FLOW_CALL;
    step->call.dependency = question.dependency;
    step->call.act = defs_action_default;
    step->call.act.request = question.request.site;
    step->call.act.reads_only = step->call.act.repeatable = true;
    if (question.timeout) step->call.act.timeout = question.timeout;
    return true;
}

/* How often it is looked at, at most: at the beginning, every so often, and at the end. */
static rc_us looks(const struct flow_confirm *confirm)
{
    return 1 + (confirm->within + confirm->every - 1) / confirm->every;
}

bool defs_check_confirm(struct defs_reader *r, const struct defs_node *node, struct flow_step *step)
{
    const struct flow_confirm *confirm = &step->confirm;
    const struct defs_node *timeout = defs_node_key(defs_value_of(node, "confirm"), "timeout");
    rc_us *longest = &step->call.act.timeout;
    if (step->kind != FLOW_CALL && step->call.act.outputs)
        return defs_fail(r, defs_value_of(node, "outputs"), RC_INVALID,
                         "outputs are of an answer: this asks nobody");
    if (confirm->every > confirm->within)
        return defs_fail(r, defs_value_of(node, "every"), RC_INVALID, "'every' is longer than 'within'");
    if (looks(confirm) > RC_MAX_ATTEMPTS)
        return defs_fail(r, defs_value_of(node, "every"), RC_LIMIT,
                         "it would be looked at more than %d times: make 'every' longer, or 'within' shorter",
                         RC_MAX_ATTEMPTS);
    if (timeout && *longest > confirm->within)
        return defs_fail(r, timeout->value, RC_INVALID, "'timeout' is longer than 'within'");
    if (*longest > confirm->within) *longest = confirm->within;
    return true;
}
