/* Payloads against their schema. Recursion follows the schema, whose depth is bounded when it is read; what
 * the schema does not speak of is not walked. */
#include "flow/schema.h"

#include "base/num.h"
#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct place { /* where in the payload: a chain on the stack */
    const struct place *up;
    bool item; /* of an array, by index; else a property, by name */
    uint32_t index;
    struct rc_sv name;
};

struct report {
    struct rc_error *errors;
    uint32_t cap, n;
    bool partly; /* what is CEL_UNKNOWN will be known later */
};

static const struct {
    unsigned type;
    const char *text;
} type_name[] = {{FLOW_NULL, "null"},     {FLOW_BOOLEAN, "boolean"}, {FLOW_INTEGER, "integer"},
                 {FLOW_NUMBER, "number"}, {FLOW_STRING, "string"},   {FLOW_ARRAY, "array"},
                 {FLOW_OBJECT, "object"}};
enum { TYPES = sizeof type_name / sizeof *type_name };

static void put_char(char *text, uint32_t *n, char c)
{
    if (*n + 1 < RC_ERROR_POINTER) text[(*n)++] = c;
}

/* JSON pointer (RFC 6901), cut where it is too long. */
static void put_pointer(const struct place *place, char *text, uint32_t *n)
{
    if (!place->up) return; /* the root is the empty pointer */
    put_pointer(place->up, text, n);
    put_char(text, n, '/');
    char digits[RC_NUM_TEXT];
    struct rc_sv part = place->name;
    if (place->item) part = (struct rc_sv){digits, rc_format_u64(place->index, digits)};
    for (uint32_t i = 0; i < part.n; i++) {
        if (part.p[i] == '~' || part.p[i] == '/') {
            put_char(text, n, '~');
            put_char(text, n, part.p[i] == '~' ? '0' : '1');
        } else {
            put_char(text, n, part.p[i]);
        }
    }
}

static void complain(struct report *report, const struct place *place, const char *format, ...)
    RC_PRINTF(3, 4);
static void complain(struct report *report, const struct place *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (report->n < report->cap) {
        struct rc_error *err = &report->errors[report->n];
        uint32_t n = 0;
        *err = (struct rc_error){.status = RC_INVALID};
        vsnprintf(err->text, sizeof err->text, format, args);
        put_pointer(place, err->pointer, &n);
    }
    va_end(args);
    report->n++;
}

/* The bit of a value's own type; an integral double is an integer too (JSON Schema has one kind of number).
 */
static unsigned type_of(const struct cel_value *value)
{
    switch ((enum cel_kind)value->kind) {
    case CEL_NULL: return FLOW_NULL;
    case CEL_BOOL: return FLOW_BOOLEAN;
    case CEL_INT: return FLOW_INTEGER;
    case CEL_DOUBLE: {
        double d = value->v.d;
        return d == floor(d) && d >= -0x1p63 && d < 0x1p63 ? FLOW_INTEGER : FLOW_NUMBER;
    }
    case CEL_STRING: return FLOW_STRING;
    case CEL_LIST: return FLOW_ARRAY;
    case CEL_MAP: return FLOW_OBJECT;
    case CEL_UINT:
    case CEL_BYTES:
    case CEL_DURATION:
    case CEL_TIMESTAMP:
    case CEL_TYPE:
    case CEL_SECRET:
    case CEL_UNKNOWN:
    case CEL_KINDS: break; /* JSON has none of these */
    }
    return 0;
}

static const char *name_of(unsigned type)
{
    for (unsigned i = 0; i < TYPES; i++)
        if (type_name[i].type == type) return type_name[i].text;
    return "value that JSON does not have";
}

static bool check_type(struct report *report, const struct place *place, const struct flow_schema *schema,
                       const struct cel_value *value)
{
    unsigned type = type_of(value), wanted = schema->types;
    if (wanted & FLOW_NUMBER) wanted |= FLOW_INTEGER;
    if (!schema->types || (type & wanted)) return true;
    char list[96];
    int n = 0;
    for (unsigned i = 0; i < TYPES; i++)
        if (schema->types & type_name[i].type)
            n += snprintf(list + n, sizeof list - (size_t)n, "%s%s", n ? " or " : "", type_name[i].text);
    complain(report, place, "must be of type %s, not %s", list, name_of(type));
    return false;
}

/* One kind of number per declared type: see schema.h. */
static bool settle_number(struct report *report, const struct place *place, const struct flow_schema *schema,
                          struct cel_value *value)
{
    if (value->kind == CEL_INT && (schema->types & FLOW_NUMBER)) {
        double d = (double)value->v.i;
        if (d >= 0x1p63 || (int64_t)d != value->v.i) {
            complain(report, place, "has more digits than a number can hold; declare it as integer");
            return false;
        }
        *value = cel_double(d);
    } else if (value->kind == CEL_DOUBLE && (schema->types & FLOW_INTEGER) &&
               !(schema->types & FLOW_NUMBER)) {
        *value = cel_int((int64_t)value->v.d); /* its type was checked: it is integral and fits */
    }
    return true;
}

static void check_range(struct report *report, const struct place *place, const struct flow_schema *schema,
                        double number)
{
    char limit[RC_NUM_TEXT];
    if (schema->has_min && (schema->min_exclusive ? number <= schema->min : number < schema->min)) {
        uint32_t n = rc_format_double(schema->min, limit);
        complain(report, place, "must be %s %.*s", schema->min_exclusive ? "greater than" : "at least",
                 (int)n, limit);
    }
    if (schema->has_max && (schema->max_exclusive ? number >= schema->max : number > schema->max)) {
        uint32_t n = rc_format_double(schema->max, limit);
        complain(report, place, "must be %s %.*s", schema->max_exclusive ? "less than" : "at most", (int)n,
                 limit);
    }
}

static void check_length(struct report *report, const struct place *place, const struct flow_schema *schema,
                         uint32_t length, const char *unit)
{
    if (length < schema->min_length)
        complain(report, place, "must have at least %u %s, and has %u", schema->min_length, unit, length);
    if (length > schema->max_length)
        complain(report, place, "must have at most %u %s, and has %u", schema->max_length, unit, length);
}

static bool is_known(const struct cel_value *value)
{
    uint32_t n = value->kind == CEL_LIST ? value->n : value->kind == CEL_MAP ? 2 * value->n : 0;
    for (uint32_t i = 0; i < n; i++)
        if (!is_known(&value->v.items[i])) return false;
    return value->kind != CEL_UNKNOWN;
}

/* "a", "b", 3: false where they are not all short texts and integers. */
static bool list_choices(const struct flow_schema *schema, char *text, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < schema->nchoices; i++) {
        struct cel_value choice = schema->choices[i];
        const char *comma = i ? ", " : "";
        int more = -1;
        if (choice.kind == CEL_STRING)
            more = snprintf(text + n, size - n, "%s\"%.*s\"", comma, RC_SV_ARG(cel_text(choice)));
        else if (choice.kind == CEL_INT)
            more = snprintf(text + n, size - n, "%s%lld", comma, (long long)choice.v.i);
        if (more < 0 || (size_t)more >= size - n) return false;
        n += (size_t)more;
    }
    return true;
}

static void check_choice(struct report *report, const struct place *place, const struct flow_schema *schema,
                         const struct cel_value *value)
{
    char list[RC_ERROR_TEXT / 2];
    for (uint32_t i = 0; i < schema->nchoices; i++)
        if (cel_equal(schema->choices[i], *value)) return;
    if (!schema->nchoices || !is_known(value)) return;
    if (list_choices(schema, list, sizeof list))
        complain(report, place, "must be %s%s", schema->nchoices == 1 ? "" : "one of ", list);
    else
        complain(report, place, "must be one of the %u values that the schema lists", schema->nchoices);
}

static void check(struct report *, const struct place *, const struct flow_schema *, struct cel_value *);

static const struct flow_property *property_of(const struct flow_schema *schema, struct rc_sv name)
{
    for (uint32_t i = 0; i < schema->nproperties; i++)
        if (rc_sv_eq(schema->properties[i].name, name)) return &schema->properties[i];
    return NULL;
}

static void check_object(struct report *report, const struct place *place, const struct flow_schema *schema,
                         const struct cel_value *map)
{
    struct cel_value *entry = (struct cel_value *)map->v.items; /* numbers may be settled: see schema.h */
    for (uint32_t i = 0; i < schema->nproperties; i++) {
        const struct flow_property *property = &schema->properties[i];
        const struct cel_value *found = cel_map_find(map, cel_string(property->name));
        struct place below = {.up = place, .name = property->name};
        if (!found && property->required) complain(report, &below, "is required");
        if (found) check(report, &below, property->schema, entry + (found - map->v.items));
    }
    for (uint32_t i = 0; schema->closed && i < map->n; i++) {
        struct rc_sv name = cel_text(entry[2 * i]);
        if (!property_of(schema, name))
            complain(report, &(struct place){.up = place, .name = name}, "is not a property of this object");
    }
}

static void check_array(struct report *report, const struct place *place, const struct flow_schema *schema,
                        const struct cel_value *list)
{
    struct cel_value *item = (struct cel_value *)list->v.items; /* as above */
    check_length(report, place, schema, list->n, "items");
    for (uint32_t i = 0; schema->items && i < list->n; i++)
        check(report, &(struct place){.up = place, .item = true, .index = i}, schema->items, &item[i]);
}

static void check(struct report *report, const struct place *place, const struct flow_schema *schema,
                  struct cel_value *value)
{
    if (report->partly && value->kind == CEL_UNKNOWN) return;
    if (!check_type(report, place, schema, value)) return;
    if (!settle_number(report, place, schema, value)) return;
    check_choice(report, place, schema, value);
    if (value->kind == CEL_INT) check_range(report, place, schema, (double)value->v.i);
    if (value->kind == CEL_DOUBLE) check_range(report, place, schema, value->v.d);
    if (value->kind == CEL_STRING)
        check_length(report, place, schema, rc_utf8_count(cel_text(*value)), "characters");
    if (value->kind == CEL_LIST) check_array(report, place, schema, value);
    if (value->kind == CEL_MAP) check_object(report, place, schema, value);
}

enum rc_status flow_validate_known(const struct flow_schema *schema, struct cel_value *value,
                                   struct rc_error *err)
{
    struct report report = {.errors = err, .cap = 1, .partly = true};
    check(&report, &(struct place){0}, schema, value);
    return report.n ? RC_INVALID : RC_OK;
}

enum rc_status flow_validate(const struct flow_schema *schema, struct cel_value *value,
                             struct rc_error *errors, uint32_t nerrors, uint32_t *ret_n)
{
    struct report report = {.errors = errors, .cap = nerrors};
    check(&report, &(struct place){0}, schema, value);
    *ret_n = report.n;
    return report.n ? RC_INVALID : RC_OK;
}
