/* Payload schemas: every keyword right and wrong, and what expressions see of them. */
#include "kit.h"

#define STEPS        "steps: [{ id: a, call: d, with: { method: GET, path: / } }]\n"
#define SCHEMA(text) "flow: f\npayload: " text "\n" STEPS

static const struct {
    const char *name, *yaml, *errors;
} wrong[] = {
    {"a text", SCHEMA("object"), "f.yaml:2:10: must be a map of fields, not text"},
    {"unknown", SCHEMA("{ tpye: object }"), "f.yaml:2:12: unknown field 'tpye'; did you mean 'type'?"},
    {"type", SCHEMA("{ type: int }"),
     "f.yaml:2:18: 'int' is none of null, boolean, integer, number, string, array, object"},
    {"type near", SCHEMA("{ type: integr }"),
     "f.yaml:2:18: 'integr' is none of null, boolean, integer, number, string, array, object; did you mean "
     "'integer'?"},
    {"types", SCHEMA("{ type: [string, nul, {}] }"),
     "f.yaml:2:27: 'nul' is none of null, boolean, integer, number, string, array, object; did you mean "
     "'null'?\n"
     "f.yaml:2:32: must be the name of a type, not a map"},
    {"no type", SCHEMA("{ type: [] }"), "f.yaml:2:18: names no type"},
    {"properties", SCHEMA("{ type: object, properties: [a] }"),
     "f.yaml:2:38: must be a map of names to schemas, not a list"},
    {"deep", SCHEMA("{ type: object, properties: { a: { type: array, items: { type: x } } } }"),
     "f.yaml:2:73: 'x' is none of null, boolean, integer, number, string, array, object"},
    {"required", SCHEMA("{ type: object, properties: { aa: {} }, required: [a, [b], aa] }"),
     "f.yaml:2:61: 'a' is none of the properties; did you mean 'aa'?\nf.yaml:2:64: '' is none of the "
     "properties"},
    {"required true", SCHEMA("{ type: object, required: true }"),
     "f.yaml:2:36: must be a list of names of properties, not true or false"},
    {"additional schema", SCHEMA("{ type: object, additionalProperties: { type: string } }"),
     "f.yaml:2:48: a schema for additional properties is not supported in this version; write true or false"},
    {"additional word", SCHEMA("{ type: object, additionalProperties: no }"),
     "f.yaml:2:48: must be true or false (without quotes), not 'no'"},
    {"items", SCHEMA("{ type: array, items: string }"), "f.yaml:2:32: must be a map of fields, not text"},
    {"enum", SCHEMA("{ enum: a }"), "f.yaml:2:18: must be a list of values, not text"},
    {"enum empty", SCHEMA("{ enum: [] }"), "f.yaml:2:18: lists no value: nothing would ever be valid"},
    {"enum unclear", SCHEMA("{ enum: [1, 010] }"),
     "f.yaml:2:22: '010': YAML versions read this number differently; write it in decimal like 10, 0.5 or "
     "1.5e3, or quote it to make it text"},
    {"enum of another type", SCHEMA("{ type: string, enum: [a, 1] }"),
     "f.yaml:2:10: value 2 of 'enum' or 'const' does not fit: it must be of type string, not integer"},
    {"const too long", SCHEMA("{ type: string, maxLength: 2, const: abc }"),
     "f.yaml:2:10: value 1 of 'enum' or 'const' does not fit: it must have at most 2 characters, and has 3"},
    {"const and enum", SCHEMA("{ const: 1, enum: [1] }"),
     "f.yaml:2:19: 'const' and 'enum' exclude each other"},
    {"minimum", SCHEMA("{ type: integer, minimum: one }"), "f.yaml:2:36: must be a number, not text"},
    {"minimum list", SCHEMA("{ type: integer, maximum: [] }"), "f.yaml:2:36: must be a number, not a list"},
    {"two minima", SCHEMA("{ type: integer, minimum: 1, exclusiveMinimum: 1 }"),
     "f.yaml:2:57: 'minimum' and 'exclusiveMinimum' exclude each other"},
    {"two maxima", SCHEMA("{ type: integer, maximum: 1, exclusiveMaximum: 1 }"),
     "f.yaml:2:57: 'maximum' and 'exclusiveMaximum' exclude each other"},
    {"old exclusive", SCHEMA("{ type: integer, exclusiveMinimum: true }"),
     "f.yaml:2:45: must be a number, not true or false"},
    {"minimum above", SCHEMA("{ type: integer, minimum: 2, maximum: 1 }"),
     "f.yaml:2:10: the minimum is above the maximum"},
    {"length", SCHEMA("{ type: string, minLength: -1, maxLength: 1.5 }"),
     "f.yaml:2:37: must be from 0 to 4294967294, not -1\nf.yaml:2:52: must be a whole number from 0 to "
     "4294967294, not a number"},
    {"length above", SCHEMA("{ type: array, minItems: 3, maxItems: 2 }"),
     "f.yaml:2:10: the shortest length is above the longest"},
    {"both lengths", SCHEMA("{ type: [array, string], minItems: 3, maxLength: 20 }"),
     "f.yaml:2:10: lengths of texts and of lists cannot be bounded in one schema"},
    {"unique", SCHEMA("{ type: array, uniqueItems: true }"),
     "f.yaml:2:38: uniqueItems: true is not supported in this version"},
    {"title", SCHEMA("{ title: [a] }"), "f.yaml:2:19: must be text, not a list"},
    {"default", SCHEMA("{ default: 0x1 }"),
     "f.yaml:2:21: '0x1': YAML versions read this number differently; write it in decimal like 10, 0.5 or "
     "1.5e3, or quote it to make it text"},
    {"needs object", SCHEMA("{ properties: {} }"), "f.yaml:2:12: 'properties' needs type: object"},
    {"needs object too", SCHEMA("{ type: array, required: [], additionalProperties: false }"),
     "f.yaml:2:25: 'required' needs type: object\nf.yaml:2:39: 'additionalProperties' needs type: object"},
    {"needs array", SCHEMA("{ type: string, items: {}, minItems: 1, maxItems: 1, uniqueItems: false }"),
     "f.yaml:2:26: 'items' needs type: array\nf.yaml:2:37: 'minItems' needs type: array\n"
     "f.yaml:2:50: 'maxItems' needs type: array\nf.yaml:2:63: 'uniqueItems' needs type: array"},
    {"needs string", SCHEMA("{ type: integer, minLength: 1, maxLength: 1 }"),
     "f.yaml:2:27: 'minLength' needs type: string\nf.yaml:2:41: 'maxLength' needs type: string"},
    {"needs number", SCHEMA("{ type: string, minimum: 1, exclusiveMaximum: 2 }"),
     "f.yaml:2:26: 'minimum' needs type: integer or number\nf.yaml:2:38: 'exclusiveMaximum' needs type: "
     "integer or number"},
#define LATER(word)                                                                                          \
    {                                                                                                        \
        word, SCHEMA("{ " word ": x }"), "f.yaml:2:12: field '" word "' is not supported in this version"    \
    }
    LATER("$schema"),
    LATER("$id"),
    LATER("$ref"),
    LATER("$defs"),
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
    LATER("$anchor"),
    LATER("$comment"),
    LATER("$dynamicRef"),
    LATER("$dynamicAnchor"),
    LATER("$vocabulary"),
};

static void test_wrong(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        kit_expect(*state, wrong[i].name, wrong[i].yaml, wrong[i].errors);
}

static const struct flow_schema *schema_of(struct kit *kit, const char *text)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    rc_put_format(&buf, "flow: f\npayload: %s\n" STEPS "%c", text, 0);
    return kit_flow(kit, buf.p)->payload;
}

static void test_every_keyword(void **state)
{
    struct kit *kit = *state;
    const struct flow_schema *s =
        schema_of(kit, "{ type: object, title: t, description: d, default: { a: [1] }, required: [b, a], "
                       "additionalProperties: false,"
                       " properties: { a: { type: string, minLength: 1, maxLength: 2, enum: [x, y] },"
                       " b: { type: [array, 'null'], items: { type: number, exclusiveMinimum: -1, maximum: "
                       "2.5 }, minItems: 0, maxItems: 9, uniqueItems: false },"
                       " c: { const: { z: 1, y: [true, null] } }, d: {} } }");
    assert_int_equal(s->types, FLOW_OBJECT);
    assert_true(s->closed && !s->open);
    assert_int_equal(s->nproperties, 4);
    assert_true(s->properties[0].required && s->properties[1].required && !s->properties[2].required);
    const struct flow_schema *a = s->properties[0].schema, *b = s->properties[1].schema,
                             *c = s->properties[2].schema;
    assert_int_equal(a->types, FLOW_STRING);
    assert_int_equal(a->min_length, 1);
    assert_int_equal(a->max_length, 2);
    assert_int_equal(a->nchoices, 2);
    assert_int_equal(b->types, FLOW_ARRAY | FLOW_NULL);
    assert_int_equal(b->max_length, 9);
    assert_true(b->items->has_min && b->items->min_exclusive && b->items->has_max &&
                !b->items->max_exclusive);
    assert_true(b->items->min == -1 && b->items->max == 2.5);
    assert_int_equal(c->nchoices, 1);
    struct cel_value expected = kit_value(kit->arena, "{'y': [true, null], 'z': 1}");
    assert_true(cel_equal(c->choices[0], expected));
    assert_int_equal(s->properties[3].schema->types, 0);
    assert_int_equal(s->properties[3].schema->max_length, UINT32_MAX);
    /* choices have the declared kind of number */
    a = schema_of(kit, "{ type: number, enum: [1, 2.5] }");
    assert_int_equal(a->choices[0].kind, CEL_DOUBLE);
    a = schema_of(kit, "{ type: integer, enum: [1.0] }");
    assert_int_equal(a->choices[0].kind, CEL_INT);
}

static void test_types(void **state)
{
    static const struct {
        const char *schema, *type;
    } types[] = {
        {"{}", "dyn"},
        {"{ type: 'null' }", "null"},
        {"{ type: boolean }", "bool"},
        {"{ type: integer }", "int"},
        {"{ type: number }", "double"},
        {"{ type: [number, integer] }", "double"},
        {"{ type: string }", "string"},
        {"{ type: [string, 'null'] }", "dyn"},
        {"{ type: array }", "list(dyn)"},
        {"{ type: array, items: { type: array, items: { type: integer } } }", "list(list(int))"},
        {"{ type: object }", "object{, …}"},
        {"{ type: object, additionalProperties: false }", "object{}"},
        {"{ type: object, properties: { b: {}, a: { type: string } } }", "object{b, a}"},
        {"{ type: object, properties: { a: {} }, additionalProperties: true }", "object{a, …}"},
    };
    struct kit *kit = *state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct rc_sv got = cel_type_text(schema_of(kit, types[i].schema)->type, kit->arena);
        if (!rc_sv_is(got, types[i].type))
            fail_msg("%s is %.*s, not %s", types[i].schema, RC_SV_ARG(got), types[i].type);
    }
}

static void test_limits(void **state)
{
    struct kit *kit = *state;
    for (int more = 0; more < 2; more++) { /* properties */
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\n" STEPS "payload:\n  type: object\n  properties:\n");
        for (int i = 0; i < RC_MAX_PROPERTIES + more; i++) rc_put_format(&buf, "    p%d: {}\n", i);
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:6:5: more than 1024 properties");
    for (int more = 0; more < 2; more++) { /* depth */
        struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
        rc_put_text(&buf, "flow: f\n" STEPS "payload: ");
        for (int i = 1; i < RC_MAX_SCHEMA_DEPTH + more; i++) rc_put_text(&buf, "{ type: array, items: ");
        rc_put_text(&buf, "{}");
        for (int i = 1; i < RC_MAX_SCHEMA_DEPTH + more; i++) rc_put_text(&buf, "}");
        assert_int_equal(kit_parse(kit, rc_buf_sv(&buf)), more ? RC_LIMIT : RC_OK);
    }
    assert_string_equal(kit_errors(kit), "f.yaml:3:362: schemas are nested deeper than 16 levels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {KIT_TEST(test_wrong), KIT_TEST(test_every_keyword),
                                       KIT_TEST(test_types), KIT_TEST(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
