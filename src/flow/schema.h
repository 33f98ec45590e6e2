#pragma once
/* Payload schemas: a named subset of JSON Schema 2020-12 (json-schema.org/draft/2020-12): type, properties,
 * required, additionalProperties (true or false), items, enum, const, minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum, minLength, maxLength, minItems, maxItems, uniqueItems (false only), description, title,
 * default (not filled in). Immutable, shared. */
#include "base/limits.h"
#include "cel/cel.h"

enum flow_type { /* bits: "type" may be a list */
                 FLOW_NULL = 1,
                 FLOW_BOOLEAN = 2,
                 FLOW_INTEGER = 4,
                 FLOW_NUMBER = 8,
                 FLOW_STRING = 16,
                 FLOW_ARRAY = 32,
                 FLOW_OBJECT = 64
};

struct flow_property {
    struct rc_sv name;
    const struct flow_schema *schema;
    bool required;
};

struct flow_schema {
    unsigned types; /* 0: any */
    const struct flow_property *properties;
    uint32_t nproperties;
    bool closed; /* additionalProperties: false */
    bool open;   /* additionalProperties: true was said: expressions may read what is not declared */
    const struct flow_schema *items;
    const struct cel_value *choices; /* enum, or const as a single one */
    uint32_t nchoices;
    bool has_min, has_max, min_exclusive, max_exclusive;
    double min, max;
    uint32_t min_length, max_length; /* code points, or items of an array; max 0xffffffff: none */
    const struct cel_type *type;     /* what expressions see */
};

/* The type that expressions see, made from the keywords of this schema and the `type` of those below it.
 * Optional properties have their type like required ones: reading one that is not there is an error when
 * evaluated, has() asks. Several types at once are dyn. An object with properties has exactly these unless
 * `open`, so that a misspelt one is found when the flow is loaded. NULL when the arena refuses. */
RC_MUST
const struct cel_type *flow_schema_type(const struct flow_schema *, struct rc_arena *);

/* Checks a value, and gives its numbers the one kind that expressions see: doubles where the schema says
 * "number", ints where it says "integer" (1.0 is one); that is the only thing it writes to. An integer that
 * no double can hold is an error where "number" is declared. The first `nerrors` errors are written (each
 * with a JSON pointer), *ret_n is how many there are in all. RC_OK, or RC_INVALID when there is any. Recurses
 * as deep as the schema is. */
RC_MUST enum rc_status flow_validate(const struct flow_schema *, struct cel_value *value,
                                     struct rc_error *errors, uint32_t nerrors, uint32_t *ret_n);
/* The same of a value of which not all is known yet: what is CEL_UNKNOWN fits. The first error is written. */
RC_MUST enum rc_status flow_validate_known(const struct flow_schema *, struct cel_value *value,
                                           struct rc_error *);
