/* Payloads against schemas: each keyword at its edge, pointers, bounds, and what is written to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow/schema.h"

#include <math.h>
#include <stdio.h>

#define ANY .max_length = UINT32_MAX

static const struct flow_schema any = {ANY}, text = {.types = FLOW_STRING, ANY},
                                whole = {.types = FLOW_INTEGER, ANY}, number = {.types = FLOW_NUMBER, ANY};

/* The first error as "pointer: text", or "". */
static const char *first(const struct flow_schema *schema, struct cel_value *value)
{
    static char line[RC_ERROR_TEXT + RC_ERROR_POINTER + 4];
    struct rc_error err;
    uint32_t n;
    enum rc_status status = flow_validate(schema, value, &err, 1, &n);
    assert_int_equal(status == RC_OK, n == 0);
    if (status == RC_OK) return "";
    assert_int_equal(status, RC_INVALID);
    assert_int_equal(err.status, RC_INVALID);
    snprintf(line, sizeof line, "%s: %s", err.pointer, err.text);
    return line;
}

static void expect(const struct flow_schema *schema, struct cel_value value, const char *error)
{
    assert_string_equal(first(schema, &value), error);
}

static struct cel_value list(struct cel_value *items, uint32_t n)
{
    return (struct cel_value){.kind = CEL_LIST, .n = n, .v.items = items};
}

static struct cel_value map(struct cel_value *pairs, uint32_t n)
{
    uint32_t bad;
    assert_true(cel_map_sort(pairs, n, &bad));
    return (struct cel_value){.kind = CEL_MAP, .n = n, .v.items = pairs};
}

#define S(literal) cel_string(RC_SV(literal))

static void test_types(void **state)
{
    (void)state;
    const struct cel_value values[] = {cel_null(), cel_bool(true), cel_int(1),  cel_double(1.5),
                                       S("x"),     list(NULL, 0),  map(NULL, 0)};
    static const unsigned bits[] = {FLOW_NULL,   FLOW_BOOLEAN, FLOW_INTEGER, FLOW_NUMBER,
                                    FLOW_STRING, FLOW_ARRAY,   FLOW_OBJECT};
    for (unsigned i = 0; i < 7; i++) {
        for (unsigned k = 0; k < 7; k++) {
            struct flow_schema schema = {.types = bits[k], ANY};
            struct cel_value value = values[i];
            bool fits = i == k || (bits[i] == FLOW_INTEGER && bits[k] == FLOW_NUMBER);
            assert_int_equal(*first(&schema, &value) == 0, fits);
        }
        struct flow_schema all = {.types = 127, ANY}, none = any;
        expect(&all, values[i], "");
        expect(&none, values[i], "");
    }
    expect(&text, cel_int(1), ": must be of type string, not integer");
    expect(&whole, cel_double(1.5), ": must be of type integer, not number");
    struct flow_schema either = {.types = FLOW_NULL | FLOW_STRING | FLOW_ARRAY, ANY};
    expect(&either, cel_bool(true), ": must be of type null or string or array, not boolean");
    static const uint8_t others[] = {CEL_UINT, CEL_BYTES,  CEL_DURATION, CEL_TIMESTAMP,
                                     CEL_TYPE, CEL_SECRET, CEL_UNKNOWN,  CEL_KINDS};
    for (size_t i = 0; i < sizeof others; i++)
        expect(&either, (struct cel_value){.kind = others[i]},
               ": must be of type null or string or array, not value that JSON does not have");
    expect(&whole, cel_double(NAN), ": must be of type integer, not number");
    expect(&whole, cel_double(INFINITY), ": must be of type integer, not number");
    expect(&whole, cel_double(1e300), ": must be of type integer, not number");
    expect(&whole, cel_double(-1e300), ": must be of type integer, not number");
    expect(&whole, cel_double(-0x1p63), "");
}

static struct cel_value after(const struct flow_schema *schema, struct cel_value value)
{
    assert_string_equal(first(schema, &value), "");
    return value;
}

/* Expressions see one kind of number per declared type. */
static void test_numbers_are_settled(void **state)
{
    (void)state;
    struct cel_value value = after(&number, cel_int(3));
    assert_true(value.kind == CEL_DOUBLE && value.v.d == 3);
    value = after(&number, cel_double(2.5));
    assert_true(value.kind == CEL_DOUBLE && value.v.d == 2.5);
    value = after(&whole, cel_double(-4.0));
    assert_true(value.kind == CEL_INT && value.v.i == -4);
    value = after(&whole, cel_double(-0x1p63));
    assert_true(value.kind == CEL_INT && value.v.i == INT64_MIN);
    expect(&whole, cel_double(0x1p63), ": must be of type integer, not number");
    value = after(&any, cel_int(3));
    assert_true(value.kind == CEL_INT);
    value = after(&any, cel_double(3));
    assert_true(value.kind == CEL_DOUBLE);
    struct flow_schema both = {.types = FLOW_NUMBER | FLOW_INTEGER, ANY};
    assert_int_equal(after(&both, cel_int(1)).kind, CEL_DOUBLE);
    assert_int_equal(after(&both, cel_double(1)).kind, CEL_DOUBLE);
    value = after(&number, cel_int(INT64_C(1) << 53));
    assert_true(value.v.d == 0x1p53);
    expect(&number, cel_int((INT64_C(1) << 53) + 1),
           ": has more digits than a number can hold; declare it as integer");
    expect(&number, cel_int(INT64_MAX), ": has more digits than a number can hold; declare it as integer");
    assert_int_equal(after(&number, cel_int(INT64_MIN)).kind, CEL_DOUBLE);
    /* deep in a tree too */
    struct cel_value items[] = {cel_int(1), cel_int(2)}, pairs[] = {S("l"), list(items, 2)};
    const struct flow_schema numbers = {.types = FLOW_ARRAY, .items = &number, ANY};
    const struct flow_property property = {RC_SV("l"), &numbers, true};
    const struct flow_schema object = {.types = FLOW_OBJECT, .properties = &property, .nproperties = 1, ANY};
    expect(&object, map(pairs, 1), "");
    assert_true(items[0].kind == CEL_DOUBLE && items[1].kind == CEL_DOUBLE && items[1].v.d == 2);
}

static void test_ranges(void **state)
{
    (void)state;
    struct flow_schema s = {
        .types = FLOW_INTEGER, .has_min = true, .has_max = true, .min = -1, .max = 2, ANY};
    expect(&s, cel_int(-1), "");
    expect(&s, cel_int(2), "");
    expect(&s, cel_int(-2), ": must be at least -1");
    expect(&s, cel_int(3), ": must be at most 2");
    s.min_exclusive = s.max_exclusive = true;
    expect(&s, cel_int(-1), ": must be greater than -1");
    expect(&s, cel_int(2), ": must be less than 2");
    expect(&s, cel_int(1), "");
    s.types = FLOW_NUMBER;
    s.min = 0.5;
    expect(&s, cel_double(0.5), ": must be greater than 0.5");
    expect(&s, cel_double(0.75), "");
    s.types |= FLOW_STRING; /* says nothing about text */
    expect(&s, S("x"), "");
}

static void test_lengths(void **state)
{
    (void)state;
    struct flow_schema s = {.types = FLOW_STRING | FLOW_ARRAY, .min_length = 2, .max_length = 3};
    expect(&s, S("\xc3\xa4\xf0\x9f\x98\x80"), ""); /* two characters */
    expect(&s, S("abc"), "");
    expect(&s, S("\xf0\x9f\x98\x80"), ": must have at least 2 characters, and has 1");
    expect(&s, S("abcd"), ": must have at most 3 characters, and has 4");
    struct cel_value items[4] = {{0}};
    expect(&s, list(items, 2), "");
    expect(&s, list(items, 1), ": must have at least 2 items, and has 1");
    expect(&s, list(items, 4), ": must have at most 3 items, and has 4");
}

static void test_choices(void **state)
{
    (void)state;
    const struct cel_value words[] = {S("a"), S("b")}, numbers[] = {cel_int(1), cel_int(2)},
                           one[] = {S("only")}, mixed[] = {S("a"), cel_null()};
    struct flow_schema s = {.choices = words, .nchoices = 2, ANY};
    expect(&s, S("b"), "");
    expect(&s, S("c"), ": must be one of \"a\", \"b\"");
    expect(&s, cel_int(1), ": must be one of \"a\", \"b\"");
    s.choices = numbers;
    expect(&s, cel_double(2), "");
    expect(&s, cel_int(3), ": must be one of 1, 2");
    s.choices = one;
    s.nchoices = 1;
    expect(&s, S("x"), ": must be \"only\"");
    s.choices = mixed;
    s.nchoices = 2;
    expect(&s, cel_null(), "");
    expect(&s, cel_bool(false), ": must be one of the 2 values that the schema lists");
    struct cel_value many[200];
    for (int i = 0; i < 200; i++) many[i] = cel_int(i);
    s.choices = many;
    s.nchoices = 200;
    expect(&s, cel_int(199), "");
    expect(&s, cel_int(200), ": must be one of the 200 values that the schema lists");
}

static void test_objects(void **state)
{
    (void)state;
    const struct flow_property properties[] = {{RC_SV("a"), &text, true}, {RC_SV("b~/"), &whole, false}};
    struct flow_schema s = {.types = FLOW_OBJECT, .properties = properties, .nproperties = 2, ANY};
    struct cel_value none[] = {S("x"), cel_null()};
    expect(&s, map(none, 1), "/a: is required");
    struct cel_value wrong[] = {S("b~/"), S("x"), S("a"), S("x")};
    expect(&s, map(wrong, 2), "/b~0~1: must be of type integer, not string");
    struct cel_value more[] = {S("a"), S("x"), S(""), cel_int(1)};
    expect(&s, map(more, 2), "");
    s.closed = true;
    expect(&s, map(more, 2), "/: is not a property of this object");
    s.properties = NULL;
    s.nproperties = 0;
    expect(&s, map(NULL, 0), "");
    expect(&s, map(none, 1), "/x: is not a property of this object");
}

/* Errors beyond those asked for are counted; none is written past the end. */
static void test_many_errors(void **state)
{
    (void)state;
    const struct flow_schema s = {.types = FLOW_ARRAY, .items = &text, ANY};
    struct cel_value items[100];
    for (int i = 0; i < 100; i++) items[i] = i % 2 ? S("fine") : cel_int(i);
    struct cel_value value = list(items, 100);
    struct rc_error errors[4] = {0};
    snprintf(errors[3].text, sizeof errors[3].text, "untouched");
    uint32_t n;
    assert_int_equal(flow_validate(&s, &value, errors, 3, &n), RC_INVALID);
    assert_int_equal(n, 50);
    assert_string_equal(errors[0].pointer, "/0");
    assert_string_equal(errors[2].pointer, "/4");
    assert_string_equal(errors[3].text, "untouched");
    assert_int_equal(flow_validate(&s, &value, NULL, 0, &n), RC_INVALID);
    assert_int_equal(n, 50);
}

/* As deep as a schema can be; and a payload that is deeper than its schema speaks of is not walked. */
static void test_depth(void **state)
{
    (void)state;
    struct flow_schema level[RC_MAX_SCHEMA_DEPTH];
    struct cel_value nested[RC_MAX_SCHEMA_DEPTH];
    for (int i = RC_MAX_SCHEMA_DEPTH - 1; i >= 0; i--) {
        bool last = i == RC_MAX_SCHEMA_DEPTH - 1;
        level[i] = (struct flow_schema){
            .types = last ? FLOW_STRING : FLOW_ARRAY, .items = last ? NULL : &level[i + 1], ANY};
        nested[i] = last ? cel_int(1) : list(&nested[i + 1], 1);
    }
    expect(&level[0], nested[0], "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: must be of type string, not integer");
    struct cel_value deep[1000];
    deep[999] = cel_null();
    for (int i = 998; i >= 0; i--) deep[i] = list(&deep[i + 1], 1);
    const struct flow_schema shallow = {.types = FLOW_ARRAY, .items = &any, ANY};
    expect(&shallow, deep[0], "");
}

/* A pointer that is too long is cut, not overrun. */
static void test_long_pointer(void **state)
{
    (void)state;
    static char name[4096];
    memset(name, '~', sizeof name);
    const struct flow_property property = {{name, sizeof name}, &text, false};
    const struct flow_schema s = {.types = FLOW_OBJECT, .properties = &property, .nproperties = 1, ANY};
    struct cel_value pairs[] = {cel_string((struct rc_sv){name, sizeof name}), cel_null()};
    struct cel_value value = map(pairs, 1);
    struct rc_error err;
    uint32_t n;
    assert_int_equal(flow_validate(&s, &value, &err, 1, &n), RC_INVALID);
    assert_int_equal(strlen(err.pointer), RC_ERROR_POINTER - 1);
    assert_memory_equal(err.pointer, "/~0~0", 5);
}

/* Without room there is no type, at whichever allocation it runs out. */
static void test_type_without_room(void **state)
{
    (void)state;
    const struct flow_property property = {RC_SV("a"), &text, false};
    const struct flow_schema schemas[] = {
        {.types = FLOW_ARRAY, ANY}, {.types = FLOW_OBJECT, .properties = &property, .nproperties = 1, ANY}};
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        unsigned refused = 0;
        const struct cel_type *type = NULL;
        for (size_t limit = 0; !type && limit < 4096; limit += 8) {
            struct rc_arena *arena = rc_arena_new(0, limit);
            type = flow_schema_type(&schemas[i], arena);
            refused += !type;
            if (type) assert_int_equal(type->kind, i ? CEL_T_OBJECT : CEL_T_LIST);
            rc_arena_free(arena);
        }
        assert_true(type && refused > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),        cmocka_unit_test(test_numbers_are_settled),
        cmocka_unit_test(test_ranges),       cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_choices),      cmocka_unit_test(test_objects),
        cmocka_unit_test(test_many_errors),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long_pointer), cmocka_unit_test(test_type_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
