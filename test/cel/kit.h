#pragma once
/* What the tests of expressions share. cmocka wants these headers in this order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "cel/cel.h"

/* One test's arena: made in setup, freed in teardown; *state is it. */
int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

/* The arguments of most tests: an arena, what may be named, and the values behind it. */
struct kit {
    struct rc_arena *arena;
    struct cel_scope scope;
    struct cel_env env;
    struct rc_error err; /* of the last call */
};

/* Compiles; on success *ret is the program. */
enum rc_status kit_compile(struct kit *, const char *source, const struct cel_prog **ret);
/* Compiles and evaluates. */
enum rc_status kit_run(struct kit *, const char *source, struct cel_value *ret);
/* The value as JSON, terminated, in the arena. */
const char *kit_json(struct kit *, struct cel_value);
/* Runs and compares the value's JSON. */
void kit_gives(struct kit *, const char *source, const char *json);
/* Runs, and wants this status, this position (0: any) and this text somewhere in the message. */
void kit_fails(struct kit *, const char *source, enum rc_status, unsigned line, unsigned column,
               const char *text);
/* Parses JSON that must be fine. */
struct cel_value kit_parse(struct kit *, const char *json);
