/* The faults, the marker that asks for one inside a request, and the rules that ask for one from outside. */
#include "standin.h"

#include "base/num.h"

#include <stdlib.h>

enum { RULES_MAX = 1000, ARG_MAX = 600000 };

/* one row per fault: the name, whether the request is carried out all the same, what `:ARG` is when not given */
static const struct {
    const char *name;
    enum fault_kind kind;
    bool acts, takes_arg;
    uint32_t arg;
} faults[] = {
    {"slow", FAULT_SLOW, true, true, 1000},
    {"500-before", FAULT_500_BEFORE, false, false, 0},
    {"500-after", FAULT_500_AFTER, true, false, 0},
    {"close-before", FAULT_CLOSE_BEFORE, false, false, 0},
    {"close-after", FAULT_CLOSE_AFTER, true, false, 0},
    {"429", FAULT_429, false, true, 1},
    {"422", FAULT_422, false, false, 0},
    {"wrong-json", FAULT_WRONG_JSON, true, false, 0},
    {"truncated-json", FAULT_TRUNCATED_JSON, true, false, 0},
    {"hang", FAULT_HANG, false, false, 0},
    {"hang-after", FAULT_HANG_AFTER, true, false, 0},
    {"down", FAULT_DOWN, false, true, 1000},
    {"late", FAULT_LATE, false, true, 1000},
};
enum { FAULTS = sizeof faults / sizeof *faults };

bool fault_acts(enum fault_kind kind)
{
    for (size_t i = 0; i < FAULTS; i++)
        if (faults[i].kind == kind) return faults[i].acts;
    return true; /* no fault */
}

bool fault_parse(struct rc_sv text, struct fault *ret)
{
    struct fault fault = {0};
    if (text.n == 0 || text.n >= sizeof fault.text) return false;
    memcpy(fault.text, text.p, text.n);
    const char *colon = memchr(text.p, ':', text.n);
    struct rc_sv name = {text.p, colon ? (uint32_t)(colon - text.p) : text.n};
    if (rc_sv_ends(name, RC_SV("-acting"))) name.n -= (uint32_t)strlen("-acting");
    for (size_t i = 0; i < FAULTS; i++) {
        if (!rc_sv_is(name, faults[i].name)) continue;
        uint64_t arg = faults[i].arg;
        struct rc_sv digits = {0};
        if (colon) digits = (struct rc_sv){colon + 1, text.n - (uint32_t)(colon - text.p) - 1};
        if (colon && (!faults[i].takes_arg || !rc_parse_u64(digits, &arg) || arg > ARG_MAX)) return false;
        fault.kind = faults[i].kind;
        fault.arg = (uint32_t)arg;
        *ret = fault;
        return true;
    }
    return false;
}

bool fault_marker(struct rc_sv text, struct fault *ret, uint32_t *ret_times)
{
    static const char mark[] = "fault=";
    const char *at = text.n ? memmem(text.p, text.n, mark, sizeof mark - 1) : NULL;
    if (!at) return false;
    struct rc_sv name = {at + sizeof mark - 1, 0};
    uint32_t left = text.n - (uint32_t)(name.p - text.p);
    while (name.n < left &&
           (strchr("-:", name.p[name.n]) || (name.p[name.n] >= 'a' && name.p[name.n] <= 'z') ||
            (name.p[name.n] >= '0' && name.p[name.n] <= '9')))
        name.n++;
    struct rc_sv digits = {name.p + name.n + 1, 0};
    uint64_t times = 1;
    if (name.n < left && name.p[name.n] == '*')
        while (name.n + 1 + digits.n < left && digits.p[digits.n] >= '0' && digits.p[digits.n] <= '9')
            digits.n++;
    if (digits.n && (!rc_parse_u64(digits, &times) || times > UINT32_MAX)) return false;
    *ret_times = (uint32_t)times;
    return fault_parse(name, ret);
}

static bool read_text(const struct cel_value *rule, const char *name, const char *otherwise, char *ret,
                      size_t room)
{
    const struct cel_value *value = cel_map_get(rule, name);
    struct rc_sv text = !value                      ? rc_sv_of(otherwise)
                        : value->kind == CEL_STRING ? cel_text(*value)
                                                    : (struct rc_sv){0};
    if (!text.p || text.n >= room || memchr(text.p, '\0', text.n)) return false;
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return true;
}

static const char *read_rule(const struct cel_value *value, struct rule *ret)
{
    const struct cel_value *fault = cel_map_get(value, "fault"), *times = cel_map_get(value, "times");
    if (value->kind != CEL_MAP) return "a rule is a map {match, fault, times, method}";
    if (!read_text(value, "match", "", ret->match, sizeof ret->match))
        return "match: a string of at most 127 bytes";
    if (!read_text(value, "method", "POST", ret->method, sizeof ret->method)) return "method: a method, or *";
    if (!fault || fault->kind != CEL_STRING || !fault_parse(cel_text(*fault), &ret->fault))
        return "fault: none that is known";
    if (times && (times->kind != CEL_INT || times->v.i < 1 || times->v.i > UINT32_MAX))
        return "times: a number from 1 on";
    ret->times = times ? (uint32_t)times->v.i : 1;
    return NULL;
}

static void free_from(struct rule *rule)
{
    for (struct rule *next; rule; rule = next) {
        next = rule->next;
        free(rule);
    }
}

const char *rules_add(struct rules *rules, const struct cel_value *list)
{
    if (list->kind != CEL_LIST) return "rules are a list";
    if (list->n + rules->n > RULES_MAX) return "too many rules";
    struct rule *first = NULL, **end = &first;
    for (uint32_t i = 0; i < list->n; i++) {
        *end = calloc(1, sizeof **end);
        const char *why = *end ? read_rule(&list->v.items[i], *end) : "out of memory";
        if (why) {
            free_from(first);
            return why;
        }
        end = &(*end)->next;
    }
    if (!first) return NULL;
    *(rules->first ? rules->end : &rules->first) = first;
    rules->end = end;
    rules->n += list->n;
    return NULL;
}

static bool matches(const struct rule *rule, const char *method, struct rc_sv head, const char *address)
{
    if (rule->times == 0) return false;
    if (strcmp(rule->method, "*") != 0 && strcmp(rule->method, method) != 0) return false;
    size_t n = strlen(rule->match);
    return strstr(address, rule->match) || (head.n && memmem(head.p, head.n, rule->match, n));
}

bool rules_take(struct rules *rules, const char *method, struct rc_sv head, const char *address,
                struct fault *ret)
{
    for (struct rule *rule = rules->first; rule; rule = rule->next) {
        if (!matches(rule, method, head, address)) continue;
        rule->times--;
        *ret = rule->fault;
        return true;
    }
    return false;
}

void rules_free(struct rules *rules)
{
    free_from(rules->first);
    *rules = (struct rules){0};
}
