#pragma once
/* A subset of CEL, the Common Expression Language (https://github.com/google/cel-spec, langdef.md): typed, no
 * loops, always ends. Left out: messages, optional values, regular expressions (matches), named time zones.
 * Pure: no I/O, no clock, no globals that change; any number of threads may evaluate one program at a time,
 * each with an arena of its own.
 *
 * The life of an expression: cel_compile (lexer → parser → type checker) once, when a definition is loaded;
 * cel_eval many times, each with the values of its roots. */
#include "cel/value.h"

/* ---- types
 * ----------------------------------------------------------------------------------------------------------
 */

/* A static type. DYN fits everything and is checked at run time. An object is a map whose keys are known:
 * reading a field that is not declared is a compile error with a hint. A field that may be missing (cel_field.missing) may be read
 * behind has(): in `has(r.f) && …`, `!has(r.f) || …`, `has(r.f) ? … : …`, and in what stands in such a part. */
enum cel_type_kind {
    CEL_T_DYN,
    CEL_T_NULL,
    CEL_T_BOOL,
    CEL_T_INT,
    CEL_T_UINT,
    CEL_T_DOUBLE,
    CEL_T_STRING,
    CEL_T_BYTES,
    CEL_T_DURATION,
    CEL_T_TIMESTAMP,
    CEL_T_TYPE,
    CEL_T_SECRET,
    CEL_T_LIST,  /* of item */
    CEL_T_MAP,   /* from key to item */
    CEL_T_OBJECT /* fields; at run time a map with string keys */
};

struct cel_type {
    enum cel_type_kind kind;
    const struct cel_type *key, *item;
    const struct cel_field *fields;
    uint32_t nfields;
    bool open; /* object: other fields may exist and are dyn */
};

struct cel_field {
    struct rc_sv name;
    const struct cel_type *type;
    const char *
        missing; /* of an object: why it may not be there ("it has an `if`"). It may be read then
                            only where has() guards it; NULL: it is always there */
};

extern const struct cel_type cel_dyn; /* the type that fits everything */

/* "list(int)", "object{repo, title}" … for messages. */
struct rc_sv cel_type_text(const struct cel_type *, struct rc_arena *);

/* ---- compile
 * -------------------------------------------------------------------------------------------------------- */

/* Names an expression may use. Root i gets its value from env.roots[i]. A root's name may have dots ("a.b"):
 * the longest declared prefix wins, as the language definition says. */
struct cel_scope {
    const struct cel_field *roots;
    uint32_t nroots;
    bool unchecked; /* skip the type checker: unknown names and overloads fail when evaluated */
    bool secrets;   /* secret('name') is allowed: the value leaves the process here */
    bool internal;  /* the functions of templates are allowed: see cel_compile */
};

struct cel_prog;

/* Compiles `source` (at most RC_MAX_EXPR bytes of UTF-8). The program lives in the arena and borrows nothing
 * from `source` or `scope` afterwards, except the cel_types. Errors: RC_SYNTAX, RC_INVALID (type errors,
 * unknown names: with a "did you mean"), RC_UNSUPPORTED (a CEL feature that is left out), RC_LIMIT, RC_NOMEM;
 * err has line and column in `source`.
 *
 * Functions that only scope.internal allows, for code made from templates:
 *   _text(x)     x as text for insertion in a string: string as it is; int, uint, double, bool, duration,
 * timestamp like string(x); anything else is an error that names the type. A secret becomes part of a secret
 * text _segment(x)  _text(x), percent-encoded as one path segment (RFC 3986, 3.3); empty, "." and ".." are
 * errors
 */
RC_MUST enum rc_status cel_compile(struct rc_sv source, const struct cel_scope *, struct rc_arena *,
                                   const struct cel_prog **ret_prog, struct rc_error *);

/* Static type of the program's value. */
const struct cel_type *cel_prog_type(const struct cel_prog *);
/* The source it was compiled from (a copy). */
struct rc_sv cel_prog_source(const struct cel_prog *);
/* Whether evaluating it may read root i. */
bool cel_prog_reads(const struct cel_prog *, uint32_t root);
/* Fields of root i that are there wherever a condition holds, because it asks has(root.field): the first `cap` of them. */
uint32_t cel_prog_proves(const struct cel_prog *, uint32_t root, struct rc_sv *field, uint32_t cap);

/* ---- evaluate
 * ------------------------------------------------------------------------------------------------------- */

struct cel_env {
    const struct cel_value
        *roots; /* as many as the scope had; CEL_UNKNOWN where there is no value: reading it is an error */
    uint32_t nroots;
    uint32_t cost_limit; /* 0: RC_MAX_EVAL_COST */
};

/* Evaluates. The value may borrow from the roots, the program and the arena. Errors: RC_EVAL (with line,
 * column and the actual values: "no such key 'ulr' in map with keys number, url"), RC_LIMIT (cost), RC_NOMEM.
 */
RC_MUST enum rc_status cel_eval(const struct cel_prog *, const struct cel_env *, struct rc_arena *,
                                struct cel_value *ret_value, struct rc_error *);
