#pragma once
/* What the tests of definitions share: an arena per test, and errors as lines of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "defs/defs.h"

struct kit {
    struct rc_arena *arena;
    struct defs_one *one;
    uint32_t n;
    struct defs_errors errors;
};

int kit_open(void **state);
int kit_close(void **state);
#define KIT_TEST(function) cmocka_unit_test_setup_teardown(function, kit_open, kit_close)

/* Parses a text named "f.yaml". */
enum rc_status kit_parse(struct kit *, struct rc_sv text);
/* Every error as "file:line:column: text", joined by line feeds; "" where there is none. */
const char *kit_errors(struct kit *);
/* Parses and expects exactly these errors ("" for none); `name` is shown where it differs. */
void kit_expect(struct kit *, const char *name, const char *yaml, const char *errors);
/* The same of a flow with these steps, which begin in line 3. */
void kit_expect_steps(struct kit *, const char *name, const char *steps, const char *errors);
/* The flow of a text that has one; fails the test where it has errors. */
const struct flow *kit_flow(struct kit *, const char *yaml);
const struct flow_dependency *kit_dependency(struct kit *, const char *yaml);
/* The value of a site as JSON, or "error: …". Roots are JSON-like CEL sources; NULL: the root has no value. */
const char *kit_eval(struct kit *, const struct flow *, const char *place,
                     const char *const roots[FLOW_ROOTS]);
/* A CEL literal as a value. */
struct cel_value kit_value(struct rc_arena *, const char *source);
