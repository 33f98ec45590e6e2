/* Payload schemas: the subset of JSON Schema 2020-12 that flow/schema.h names. A keyword that says nothing
 * about the declared type is an error here, where JSON Schema would pass over it in silence. */
#include "defs/parts.h"

#include "base/near.h"

struct build {
    struct flow_schema schema;
    unsigned depth;
    const struct defs_node *required; /* looked at when the properties are known */
};

static const struct flow_schema *read_schema(struct defs_reader *, const struct defs_node *, unsigned depth);

/* ---- keywords */

static bool read_type_word(struct defs_reader *r, const struct defs_node *node, unsigned *types)
{
    static const struct {
        const char *name;
        unsigned type;
    } types_of[] = {{"null", FLOW_NULL},     {"boolean", FLOW_BOOLEAN}, {"integer", FLOW_INTEGER},
                    {"number", FLOW_NUMBER}, {"string", FLOW_STRING},   {"array", FLOW_ARRAY},
                    {"object", FLOW_OBJECT}};
    struct rc_near near = {.wanted = node->text};
    if (!defs_want(r, node, DEFS_SCALAR, "the name of a type")) return false;
    for (size_t i = 0; i < sizeof types_of / sizeof *types_of; i++) {
        rc_near_try(&near, rc_sv_of(types_of[i].name));
        if (!rc_sv_is(node->text, types_of[i].name)) continue;
        *types |= types_of[i].type;
        return true;
    }
    return defs_fail(r, node, RC_INVALID,
                     "'%.*s' is none of null, boolean, integer, number, string, array, object%s",
                     RC_SV_ARG(node->text), defs_hint(near.best).text);
}

static bool read_type(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    if (node->kind != DEFS_LIST) return read_type_word(r, node, target);
    if (!node->n) return defs_fail(r, node, RC_INVALID, "names no type");
    bool ok = true;
    for (const struct defs_node *word = node->first; word; word = word->next)
        ok &= read_type_word(r, word, target);
    return ok;
}

static bool read_properties(struct defs_reader *r, const struct defs_node *node, void *target,
                            const void *arg)
{
    (void)arg;
    struct build *build = target;
    if (!defs_want(r, node, DEFS_MAP, "a map of names to schemas")) return false;
    if (node->n > RC_MAX_PROPERTIES)
        return defs_fail(r, node, RC_LIMIT, "more than %d properties", RC_MAX_PROPERTIES);
    struct flow_property *property = RC_NEW_ARRAY(r->arena, struct flow_property, node->n);
    if (!property) return defs_fail_arena(r, r->arena);
    bool ok = true;
    uint32_t n = 0;
    for (const struct defs_node *key = node->first; key; key = key->next, n++) {
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        property[n].name = defs_keep(r, key->text);
        property[n].schema = read_schema(r, key->value, build->depth + 1);
        r->place = place.up;
        if (!property[n].name.p || !property[n].schema) ok = false;
    }
    if (!ok) return false;
    build->schema.properties = property;
    build->schema.nproperties = n;
    return true;
}

static bool read_required(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    if (!defs_want(r, node, DEFS_LIST, "a list of names of properties")) return false;
    *(const struct defs_node **)target = node;
    return true;
}

static bool read_additional(struct defs_reader *r, const struct defs_node *node, void *target,
                            const void *arg)
{
    (void)arg;
    struct flow_schema *schema = target;
    bool more;
    if (node->kind == DEFS_MAP)
        return defs_fail(
            r, node, RC_UNSUPPORTED,
            "a schema for additional properties is not supported in this version; write true or false");
    if (!defs_read_bool(r, node, &more, NULL)) return false;
    schema->open = more;
    schema->closed = !more;
    return true;
}

static bool read_items(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    build->schema.items = read_schema(r, node, build->depth + 1);
    return build->schema.items != NULL;
}

static bool read_choices(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_schema *schema = target;
    struct cel_value list;
    if (!defs_want(r, node, DEFS_LIST, "a list of values")) return false;
    if (!node->n) return defs_fail(r, node, RC_INVALID, "lists no value: nothing would ever be valid");
    if (!defs_read_value(r, node, &list)) return false;
    schema->choices = list.v.items;
    schema->nchoices = list.n;
    return true;
}

static bool read_const(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct flow_schema *schema = target;
    struct cel_value *choice = RC_NEW(r->arena, struct cel_value);
    if (!choice) return defs_fail_arena(r, r->arena);
    if (schema->choices) return defs_fail(r, node, RC_INVALID, "'const' and 'enum' exclude each other");
    if (!defs_read_value(r, node, choice)) return false;
    schema->choices = choice;
    schema->nchoices = 1;
    return true;
}

static bool read_number(struct defs_reader *r, const struct defs_node *node, double *ret)
{
    struct defs_scalar scalar = {0};
    if (node->kind == DEFS_SCALAR) scalar = defs_scalar_of(node);
    if (scalar.kind != DEFS_IS_INT && scalar.kind != DEFS_IS_DOUBLE)
        return defs_fail(r, node, RC_INVALID, "must be a number, not %s", defs_node_text(node));
    *ret = scalar.kind == DEFS_IS_INT ? (double)scalar.i : scalar.d;
    return true;
}

/* arg: "exclusive" or NULL */
static bool read_min(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_schema *schema = target;
    if (schema->has_min)
        return defs_fail(r, node, RC_INVALID, "'minimum' and 'exclusiveMinimum' exclude each other");
    schema->has_min = true;
    schema->min_exclusive = arg != NULL;
    return read_number(r, node, &schema->min);
}

static bool read_max(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct flow_schema *schema = target;
    if (schema->has_max)
        return defs_fail(r, node, RC_INVALID, "'maximum' and 'exclusiveMaximum' exclude each other");
    schema->has_max = true;
    schema->max_exclusive = arg != NULL;
    return read_number(r, node, &schema->max);
}

static bool read_unique(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)target;
    (void)arg;
    bool unique;
    if (!defs_read_bool(r, node, &unique, NULL)) return false;
    return !unique ||
           defs_fail(r, node, RC_UNSUPPORTED, "uniqueItems: true is not supported in this version");
}

static bool read_default(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)target;
    (void)arg;
    struct cel_value value; /* for people: it is not filled in */
    return defs_read_value(r, node, &value);
}

/* ---- the table */

#define IN(member) offsetof(struct build, schema.member)
#define LATER(name)                                                                                          \
    {                                                                                                        \
        name, DEFS_LATER, NULL, 0, NULL                                                                      \
    }

static const struct defs_range length = {0, UINT32_MAX - 1, false};
static const struct defs_field schema_field[] = {
    {"type", DEFS_OPTIONAL, read_type, IN(types), NULL},
    {"properties", DEFS_OPTIONAL, read_properties, 0, NULL},
    {"required", DEFS_OPTIONAL, read_required, offsetof(struct build, required), NULL},
    {"additionalProperties", DEFS_OPTIONAL, read_additional, 0, NULL},
    {"items", DEFS_OPTIONAL, read_items, 0, NULL},
    {"enum", DEFS_OPTIONAL, read_choices, 0, NULL},
    {"const", DEFS_OPTIONAL, read_const, 0, NULL},
    {"minimum", DEFS_OPTIONAL, read_min, 0, NULL},
    {"exclusiveMinimum", DEFS_OPTIONAL, read_min, 0, "exclusive"},
    {"maximum", DEFS_OPTIONAL, read_max, 0, NULL},
    {"exclusiveMaximum", DEFS_OPTIONAL, read_max, 0, "exclusive"},
    {"minLength", DEFS_OPTIONAL, defs_read_count, IN(min_length), &length},
    {"maxLength", DEFS_OPTIONAL, defs_read_count, IN(max_length), &length},
    {"minItems", DEFS_OPTIONAL, defs_read_count, IN(min_length), &length},
    {"maxItems", DEFS_OPTIONAL, defs_read_count, IN(max_length), &length},
    {"uniqueItems", DEFS_OPTIONAL, read_unique, 0, NULL},
    {"title", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},
    {"description", DEFS_OPTIONAL, defs_read_ignored, 0, NULL},
    {"default", DEFS_OPTIONAL, read_default, 0, NULL},
    LATER("$schema"),
    LATER("$id"),
    LATER("$ref"),
    LATER("$defs"),
    LATER("$anchor"),
    LATER("$comment"),
    LATER("$dynamicRef"),
    LATER("$dynamicAnchor"),
    LATER("$vocabulary"),
    LATER("allOf"),
    LATER("anyOf"),
    LATER("oneOf"),
    LATER("not"),
    LATER("if"),
    LATER("then"),
    LATER("else"),
    LATER("dependentSchemas"),
    LATER("dependentRequired"),
    LATER("prefixItems"),
    LATER("contains"),
    LATER("minContains"),
    LATER("maxContains"),
    LATER("patternProperties"),
    LATER("propertyNames"),
    LATER("minProperties"),
    LATER("maxProperties"),
    LATER("unevaluatedItems"),
    LATER("unevaluatedProperties"),
    LATER("multipleOf"),
    LATER("pattern"),
    LATER("format"),
    LATER("contentEncoding"),
    LATER("contentMediaType"),
    LATER("contentSchema"),
    LATER("deprecated"),
    LATER("readOnly"),
    LATER("writeOnly"),
    LATER("examples"),
};
static const struct defs_table schema_table = DEFS_TABLE(schema_field);

/* ---- rules between keywords */

static bool check_applies(struct defs_reader *r, const struct defs_node *node,
                          const struct flow_schema *schema)
{
    static const struct {
        const char *keyword, *type;
        unsigned types;
    } rule[] = {
        {"properties", "object", FLOW_OBJECT},
        {"required", "object", FLOW_OBJECT},
        {"additionalProperties", "object", FLOW_OBJECT},
        {"items", "array", FLOW_ARRAY},
        {"minItems", "array", FLOW_ARRAY},
        {"maxItems", "array", FLOW_ARRAY},
        {"uniqueItems", "array", FLOW_ARRAY},
        {"minLength", "string", FLOW_STRING},
        {"maxLength", "string", FLOW_STRING},
        {"minimum", "integer or number", FLOW_INTEGER | FLOW_NUMBER},
        {"exclusiveMinimum", "integer or number", FLOW_INTEGER | FLOW_NUMBER},
        {"maximum", "integer or number", FLOW_INTEGER | FLOW_NUMBER},
        {"exclusiveMaximum", "integer or number", FLOW_INTEGER | FLOW_NUMBER},
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
        const struct defs_node *key = defs_node_key(node, rule[i].keyword);
        if (key && !(schema->types & rule[i].types))
            ok = defs_fail(r, key, RC_INVALID, "'%s' needs type: %s", rule[i].keyword, rule[i].type);
    }
    bool text = defs_node_key(node, "minLength") || defs_node_key(node, "maxLength");
    bool list = defs_node_key(node, "minItems") || defs_node_key(node, "maxItems");
    if (text && list)
        ok = defs_fail(r, node, RC_INVALID, "lengths of texts and of lists cannot be bounded in one schema");
    if (schema->has_min && schema->has_max && schema->min > schema->max)
        ok = defs_fail(r, node, RC_INVALID, "the minimum is above the maximum");
    if (schema->min_length > schema->max_length)
        ok = defs_fail(r, node, RC_INVALID, "the shortest length is above the longest");
    return ok;
}

static bool check_required(struct defs_reader *r, const struct build *build)
{
    bool ok = true;
    struct flow_property *property = (struct flow_property *)build->schema.properties; /* made here */
    for (const struct defs_node *name = build->required ? build->required->first : NULL; name;
         name = name->next) {
        struct rc_near near = {.wanted = name->text};
        uint32_t i = 0;
        while (i < build->schema.nproperties && !rc_sv_eq(property[i].name, name->text)) i++;
        if (name->kind == DEFS_SCALAR && i < build->schema.nproperties) {
            property[i].required = true;
            continue;
        }
        for (i = 0; i < build->schema.nproperties && !defs_is_full(r); i++)
            rc_near_try(&near, property[i].name);
        ok = defs_fail(r, name, RC_INVALID, "'%.*s' is none of the properties%s", RC_SV_ARG(name->text),
                       defs_hint(near.best).text);
    }
    return ok;
}

/* Every listed value must fit the rest of the schema; that also settles its kind of number. */
static bool check_choices(struct defs_reader *r, const struct defs_node *node, struct flow_schema *schema)
{
    struct flow_schema rest = *schema;
    rest.choices = NULL;
    rest.nchoices = 0;
    for (uint32_t i = 0; i < schema->nchoices; i++) {
        struct rc_error err;
        uint32_t n;
        if (flow_validate(&rest, (struct cel_value *)&schema->choices[i], &err, 1, &n) == RC_OK) continue;
        return defs_fail(r, node, RC_INVALID, "value %u of 'enum' or 'const' does not fit: it %s", i + 1,
                         err.text);
    }
    return true;
}

static const struct flow_schema *read_schema(struct defs_reader *r, const struct defs_node *node,
                                             unsigned depth)
{
    if (depth > RC_MAX_SCHEMA_DEPTH) {
        defs_say(r, node, RC_LIMIT, "schemas are nested deeper than %d levels", RC_MAX_SCHEMA_DEPTH);
        return NULL;
    }
    struct build build = {.depth = depth, .schema.max_length = UINT32_MAX};
    if (!defs_read_object(r, node, &schema_table, &build) || !check_applies(r, node, &build.schema) ||
        !check_required(r, &build) || !check_choices(r, node, &build.schema))
        return NULL;
    build.schema.type = flow_schema_type(&build.schema, r->arena);
    const struct flow_schema *schema = rc_copy(r->arena, &build.schema, sizeof build.schema);
    if (!schema || !schema->type) {
        defs_say_arena(r, r->arena);
        return NULL;
    }
    return schema;
}

const struct flow_schema *defs_read_schema(struct defs_reader *r, const struct defs_node *node)
{
    return read_schema(r, node, 1);
}
