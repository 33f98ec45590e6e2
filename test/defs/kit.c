#include "kit.h"

#include <stdio.h>
#include <stdlib.h>

int kit_open(void **state)
{
    struct kit *kit = calloc(1, sizeof *kit);
    if (!kit) return -1;
    kit->arena = rc_arena_new(0, (size_t)256 << 20);
    *state = kit;
    return kit->arena ? 0 : -1;
}

int kit_close(void **state)
{
    struct kit *kit = *state;
    rc_arena_free(kit->arena);
    free(kit);
    return 0;
}

enum rc_status kit_parse(struct kit *kit, struct rc_sv text)
{
    kit->one = NULL;
    kit->n = 0;
    return defs_parse((struct defs_file){RC_SV("f.yaml"), text}, kit->arena, &kit->one, &kit->n,
                      &kit->errors);
}

const char *kit_errors(struct kit *kit)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    for (uint32_t i = 0; i < kit->errors.n; i++) {
        const struct rc_error *err = &kit->errors.error[i];
        rc_put_format(&buf, "%s%s:%u:%u: %s", i ? "\n" : "", err->source, err->line, err->column, err->text);
    }
    rc_put_char(&buf, 0);
    assert_int_equal(buf.status, RC_OK);
    return buf.p;
}

void kit_expect(struct kit *kit, const char *name, const char *yaml, const char *errors)
{
    enum rc_status status = kit_parse(kit, rc_sv_of(yaml));
    const char *got = kit_errors(kit);
    if (strcmp(got, errors) != 0)
        fail_msg("%s\n--- expected\n%s\n--- got\n%s\n--- text\n%s", name, errors, got, yaml);
    assert_int_equal(status == RC_OK, *errors == 0);
    if (*errors) assert_int_equal(status, kit->errors.error[0].status);
    assert_true(kit->errors.total >= kit->errors.n);
}

void kit_expect_steps(struct kit *kit, const char *name, const char *steps, const char *errors)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 16);
    rc_put_format(&buf, "flow: f\nsteps:\n%s", steps);
    rc_put_char(&buf, 0);
    assert_int_equal(buf.status, RC_OK);
    kit_expect(kit, name, buf.p, errors);
}

const struct flow *kit_flow(struct kit *kit, const char *yaml)
{
    kit_expect(kit, "a flow", yaml, "");
    assert_int_equal(kit->n, 1);
    assert_int_equal(kit->one->kind, DEFS_FLOW);
    assert_non_null(kit->one->flow);
    return kit->one->flow;
}

const struct flow_dependency *kit_dependency(struct kit *kit, const char *yaml)
{
    kit_expect(kit, "a dependency", yaml, "");
    assert_int_equal(kit->n, 1);
    assert_int_equal(kit->one->kind, DEFS_DEPENDENCY);
    assert_non_null(kit->one->dependency);
    return kit->one->dependency;
}

struct cel_value kit_value(struct rc_arena *arena, const char *source)
{
    const struct cel_prog *prog;
    struct cel_scope scope = {0};
    struct cel_env env = {0};
    struct cel_value value;
    struct rc_error err = {0};
    if (cel_compile(rc_sv_of(source), &scope, arena, &prog, &err) != RC_OK) fail_msg("%s", err.text);
    if (cel_eval(prog, &env, arena, &value, &err) != RC_OK) fail_msg("%s", err.text);
    return value;
}

static const struct cel_prog *prog_of(const struct flow *flow, const char *place)
{
    for (unsigned i = 1; i < flow->nsites; i++)
        if (rc_sv_is(flow->sites[i].place, place)) return flow->sites[i].prog;
    fail_msg("there is no site '%s'", place);
    return NULL;
}

const char *kit_eval(struct kit *kit, const struct flow *flow, const char *place,
                     const char *const roots[FLOW_ROOTS])
{
    struct cel_value value[FLOW_ROOTS], result;
    for (unsigned i = 0; i < FLOW_ROOTS; i++)
        value[i] = roots[i] ? kit_value(kit->arena, roots[i]) : (struct cel_value){.kind = CEL_UNKNOWN};
    struct cel_env env = {.roots = value, .nroots = FLOW_ROOTS};
    struct rc_error err = {0};
    struct rc_buf buf = rc_buf_in(kit->arena, 1 << 20);
    if (cel_eval(prog_of(flow, place), &env, kit->arena, &result, &err) == RC_OK)
        cel_put_json(&buf, result);
    else
        rc_put_format(&buf, "error: %s", err.text);
    rc_put_char(&buf, 0);
    return buf.p;
}
