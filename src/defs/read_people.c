/* Steps that ask people: approvals and questions. */
#include "defs/scope.h"
#include "defs/steps.h"

#include "base/near.h"

static const char *const role_word[] = {
#define RC_ROLE(code, slug, text) slug,
#include "words.def"
};
enum {
#define RC_ROLE(code, slug, text) code,
#include "words.def"
    ROLES
};
enum {
#define RC_PERMISSION(code, slug, wide, text) code,
#include "words.def"
};
/* Who may decide is a person who may act. */
static const uint32_t roles_that_act = 0
#define RC_GRANT(role, permission) | ((uint32_t)((permission) == RC_PERMIT_ACT) << (role))
#include "words.def"
    ;

static const struct cel_type text_type = {.kind = CEL_T_STRING};
static const struct cel_type texts_type = {.kind = CEL_T_LIST, .item = &text_type};
static const struct cel_field approve_field[] = {{{"by", 2}, &texts_type, NULL}};
static const struct cel_type approve_type = {.kind = CEL_T_OBJECT, .fields = approve_field, .nfields = 1};
static const struct cel_field escalate_field[] = {{{"answer", 6}, &text_type, NULL},
                                                  {{"by", 2}, &text_type, NULL}};
static const struct cel_type escalate_type = {.kind = CEL_T_OBJECT, .fields = escalate_field, .nfields = 2};

static const struct defs_word on_timeout_word[] = {{"fail", FLOW_TIMEOUT_FAIL},
                                                   {"reject", FLOW_TIMEOUT_REJECT}};
const struct defs_words defs_undecided_words = {on_timeout_word, 2};

/* ---- lists of texts */

struct texts {
    uint32_t most, bytes; /* how many, and how long each */
    size_t count;         /* offset of their number in struct flow_people */
    const char *what;
};

/* Different texts, none of them empty. */
static bool read_texts(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    const struct texts *rule = arg;
    struct flow_people *people = target;
    if (!defs_want(r, node, DEFS_LIST, rule->what)) return false;
    if (!node->n || node->n > rule->most)
        return defs_fail(r, node, node->n ? RC_LIMIT : RC_INVALID, "there are 1 to %u of them", rule->most);
    struct rc_sv *list = RC_NEW_ARRAY(r->arena, struct rc_sv, node->n);
    if (!list) return defs_fail_arena(r, r->arena);
    uint16_t n = 0;
    bool ok = true;
    for (const struct defs_node *item = node->first; item; item = item->next, n++) {
        struct defs_place place = {.up = r->place, .item = true, .index = n};
        r->place = &place;
        bool fine = defs_read_text(r, item, &list[n], NULL);
        if (fine && (!list[n].n || list[n].n > rule->bytes))
            fine =
                defs_fail(r, item, list[n].n ? RC_LIMIT : RC_INVALID, "must have 1 to %u bytes", rule->bytes);
        for (uint16_t i = 0; fine && i < n; i++)
            if (rc_sv_eq(list[i], list[n])) fine = defs_fail(r, item, RC_INVALID, "stands here twice");
        ok &= fine;
        r->place = place.up;
    }
    if (rule->count == offsetof(struct flow_people, nnames))
        people->names = list, people->nnames = n;
    else
        people->answers = list, people->nanswers = n;
    return ok;
}
static const struct texts names_rule = {RC_MAX_NAMES, RC_MAX_ACTOR, offsetof(struct flow_people, nnames),
                                        "a list of names"};
static const struct texts answers_rule = {RC_MAX_ANSWERS, RC_MAX_ANSWER_TEXT,
                                          offsetof(struct flow_people, nanswers), "a list of answers"};

static bool read_role(struct defs_reader *r, const struct defs_node *node, uint32_t *io_roles)
{
    struct rc_near near = {.wanted = node->text};
    if (!defs_want(r, node, DEFS_SCALAR, "a role")) return false;
    for (unsigned i = 0; i < ROLES; i++) {
        if (rc_sv_is(node->text, role_word[i])) {
            *io_roles |= 1u << i;
            return roles_that_act >> i & 1 ||
                   defs_fail(r, node, RC_INVALID,
                             "who has the role '%s' may not act on commands, and so not "
                             "decide",
                             role_word[i]);
        }
        rc_near_try(&near, rc_sv_of(role_word[i]));
    }
    return defs_fail(r, node, RC_INVALID, "there is no role '%.*s'%s", RC_SV_ARG(node->text),
                     defs_hint(near.best).text);
}

static bool read_roles(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    bool ok = true;
    uint32_t i = 0;
    if (!defs_want(r, node, DEFS_LIST, "a list of roles")) return false;
    if (!node->n) return defs_fail(r, node, RC_INVALID, "there is at least one role here");
    for (const struct defs_node *item = node->first; item; item = item->next, i++) {
        struct defs_place place = {.up = r->place, .item = true, .index = i};
        r->place = &place;
        ok &= read_role(r, item, target);
        r->place = place.up;
    }
    return ok;
}

/* ---- the steps */

static bool read_evidence(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_reach reach = {.roots = r->roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    return defs_put_tree(r, &code, node, reach) && defs_add_site(r, node, &code, reach, target);
}

#define OF(member) offsetof(struct flow_people, member)
static const struct defs_range need_range = {1, RC_MAX_PEOPLE, true};
static const struct defs_field approve_fields[] = {
    {"need", DEFS_OPTIONAL, defs_read_count, OF(need), &need_range},
    {"of", DEFS_OPTIONAL, read_texts, 0, &names_rule},
    {"roles", DEFS_OPTIONAL, read_roles, OF(roles), NULL},
};
static const struct defs_table approve_table = DEFS_TABLE(approve_fields);
static const struct defs_field escalate_fields[] = {
    {"question", DEFS_REQUIRED, defs_read_text_template, OF(question), NULL},
    {"answers", DEFS_REQUIRED, read_texts, 0, &answers_rule},
    {"evidence", DEFS_OPTIONAL, read_evidence, OF(evidence), NULL},
    {"of", DEFS_OPTIONAL, read_texts, 0, &names_rule},
    {"roles", DEFS_OPTIONAL, read_roles, OF(roles), NULL},
};
static const struct defs_table escalate_table = DEFS_TABLE(escalate_fields);

/* What holds for both: a decision is never left out. */
static bool check(struct defs_reader *r, const struct defs_draft *draft)
{
    const struct defs_node *late = defs_node_key(draft->node, "on_timeout");
    const struct defs_node *critical = defs_node_key(draft->node, "critical");
    bool ok = true;
    if (late && !defs_node_key(draft->node, "within"))
        ok = defs_fail(r, late->value, RC_INVALID,
                       "without 'within' the step waits for ever: say how long, or leave out 'on_timeout'");
    if (critical && !draft->step.critical)
        ok = defs_fail(r, critical->value, RC_INVALID, "what people decide is always critical");
    return ok;
}

/* { need: N, of: [NAME …], roles: [ROLE …] } */
bool defs_read_approve(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    struct flow_people *people = &draft->step.people;
    people->need = 1;
    bool ok = defs_read_object(r, node, &approve_table, people);
    r->outputs = &approve_type;
    if (ok && people->nnames && people->nnames < people->need)
        ok = defs_fail(r, node, RC_INVALID, "%u cannot approve it where %u are asked", people->need,
                       people->nnames);
    return check(r, draft) && ok;
}

/* { question: TEXT, answers: [TEXT …], evidence: TREE, of: [NAME …], roles: [ROLE …] } */
bool defs_read_escalate(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct defs_draft *draft = target;
    bool ok = defs_read_object(r, node, &escalate_table, &draft->step.people);
    r->outputs = &escalate_type;
    return check(r, draft) && ok;
}

/* ---- over the whole tree */

bool defs_check_approvals(struct defs_reader *r, const struct flow *flow)
{
    const struct defs_place *was = r->place;
    bool ok = true;
    for (flow_node at = 1; at < flow->nsteps; at++) {
        bool releases = false;
        if (flow->steps[at].kind != FLOW_APPROVE) continue;
        flow_node end = flow->steps[flow->steps[at].parent].end;
        for (flow_node i = flow->steps[at].end; i < end; i = flow->steps[i].end)
            releases |= (flow_behind(flow, at, i) & FLOW_COVERED) != 0;
        if (releases) continue;
        bool parallel = flow->steps[flow->steps[at].parent].kind == FLOW_PARALLEL;
        r->place = r->origin[at].place;
        ok = defs_fail(r, r->origin[at].node, RC_INVALID,
                       parallel ? "nothing beside this approval needs it, so it would release nothing: name "
                                  "it in their `needs`"
                                : "nothing stands behind this approval in its block that it could release");
    }
    r->place = was;
    return ok;
}
