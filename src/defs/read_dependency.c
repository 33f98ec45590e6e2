/* Dependencies. */
#include "defs/parts.h"
#include "defs/program.h"
#include "defs/worker.h"

#include "base/near.h"
#include "base/num.h"

static bool read_headers(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    /* r->roots is empty: the sender evaluates these without a command */
    return defs_put_headers(r, &code, node) &&
           defs_compile(r, node, &code, (struct defs_reach){.secrets = true}, target);
}

static bool read_outcome(struct defs_reader *r, const struct defs_node *key, const struct defs_codes *codes,
                         struct flow_refine *ret)
{
    static const char *const slug[] = {
#define RC_OUTCOME(code, slug, text) slug,
#include "words.def"
    };
    uint64_t status;
    bool padded = key->text.n > 1 && key->text.p[0] == '0';
    if (padded || !rc_parse_u64(key->text, &status) || status < codes->low || status > codes->high)
        return defs_fail(r, key, RC_INVALID, "'%.*s' is no %s: %u to %u", RC_SV_ARG(key->text), codes->what,
                         codes->low, codes->high);
    const struct defs_node *value = key->value;
    struct rc_near near = {.wanted = value->text};
    if (!defs_want(r, value, DEFS_SCALAR, "an outcome")) return false;
    ret->status = (uint16_t)status;
    for (size_t i = 1; i < sizeof slug / sizeof *slug; i++) { /* [0] is "none" */
        rc_near_try(&near, rc_sv_of(slug[i]));
        if (!rc_sv_is(value->text, slug[i])) continue;
        ret->outcome = (uint8_t)i;
        return true;
    }
    return defs_fail(r, value, RC_INVALID, "'%.*s' is none of succeeded, rejected, failed, unknown%s",
                     RC_SV_ARG(value->text), defs_hint(near.best).text);
}

bool defs_read_outcomes(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_dependency *dependency = target;
    if (!defs_want(r, node, DEFS_MAP, "a map of codes to outcomes")) return false;
    struct flow_refine *refine = RC_NEW_ARRAY(r->arena, struct flow_refine, node->n);
    if (!refine) return defs_fail_arena(r, r->arena);
    bool ok = true;
    uint32_t n = 0;
    for (const struct defs_node *key = node->first; key; key = key->next) {
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        ok &= read_outcome(r, key, arg, &refine[n++]);
        r->place = place.up;
    }
    dependency->refine = refine;
    dependency->nrefine = (uint16_t)n; /* at most one per code: keys are unique */
    return ok;
}

bool defs_read_posture(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    static const struct defs_word word[] = {{"block", 0}, {"defer", -1}, {"skip", -1}, {"stale", -1}};
    static const struct defs_words words = {word, 4};
    (void)target;
    (void)arg;
    uint8_t block;
    return defs_read_word(r, node, &block, &words);
}

bool defs_read_dependency_kind(struct defs_reader *r, const struct defs_node *node, void *target,
                               const void *arg)
{
    static const struct defs_word word[] = {
        {"http", FLOW_DEP_HTTP}, {"program", FLOW_DEP_PROGRAM}, {"worker", FLOW_DEP_WORKER}};
    static const struct defs_words words = {word, 3};
    (void)arg;
    uint8_t kind;
    if (!defs_read_word(r, node, &kind, &words)) return false;
    *(enum flow_dep_kind *)target = (enum flow_dep_kind)kind;
    return true;
}

#define IN(member) offsetof(struct flow_dependency, member)
#define LATER(name)                                                                                          \
    {                                                                                                        \
        name, DEFS_LATER, NULL, 0, NULL                                                                      \
    }

static const struct defs_range concurrent_range = {1, RC_MAX_CONCURRENT, false};
static const struct defs_field limits_field[] = {
    {"concurrent", DEFS_OPTIONAL, defs_read_count, IN(concurrent), &concurrent_range},
    LATER("per_second"),
};
static const struct defs_table limits_table = DEFS_TABLE(limits_field);
static const struct defs_span_range connect_range = {RC_MS(1), RC_SECONDS(RC_MAX_TIMEOUT_S)};

static const struct defs_codes statuses = {200, 599, "status of an answer"};
static const struct defs_field dependency_field[] = {
    DEFS_DEPENDENCY_FIELDS(&statuses),
    {"base", DEFS_REQUIRED, defs_read_base, 0, NULL},
    {"headers", DEFS_OPTIONAL, read_headers, IN(headers), NULL},
    {"limits", DEFS_OPTIONAL, defs_read_table, 0, &limits_table},
    {"allow_private", DEFS_OPTIONAL, defs_read_bool, IN(allow_private), NULL},
    {"connect_timeout", DEFS_OPTIONAL, defs_read_span, IN(connect_timeout), &connect_range},
};
static const struct defs_table dependency_table = DEFS_TABLE(dependency_field);

static const struct defs_table *table_of(const struct defs_node *root)
{
    const struct defs_node *kind = defs_node_key(root, "kind");
    if (!kind || kind->value->kind != DEFS_SCALAR) return &dependency_table;
    if (rc_sv_is(kind->value->text, "program")) return &defs_program_table;
    return rc_sv_is(kind->value->text, "worker") ? &defs_worker_table : &dependency_table;
}

struct flow_dependency *defs_read_dependency(struct defs_reader *r, const struct defs_node *root)
{
    struct flow_dependency *dependency = RC_NEW(r->arena, struct flow_dependency);
    if (!dependency) {
        defs_say_arena(r, r->arena);
        return NULL;
    }
    dependency->concurrent = 32;
    dependency->connect_timeout = dependency->program.grace = RC_SECONDS(5);
    dependency->worker.lease = RC_SECONDS(30);
    if (!defs_read_object(r, root, table_of(root), dependency)) return NULL;
    if (!dependency->worker.queue.n) dependency->worker.queue = dependency->name;
    dependency->gate = flow_gate_id(dependency->name);
    return dependency;
}
