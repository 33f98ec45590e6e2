#include "kit.h"

#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

int kit_setup(void **state)
{
    struct kit *kit = calloc(1, sizeof *kit);
    if (!kit) return -1;
    kit->arena = rc_arena_new(0, 64 << 20);
    *state = kit;
    return kit->arena ? 0 : -1;
}

int kit_teardown(void **state)
{
    struct kit *kit = *state;
    rc_arena_free(kit->arena);
    free(kit);
    return 0;
}

enum rc_status kit_compile(struct kit *kit, const char *source, const struct cel_prog **ret)
{
    kit->err = (struct rc_error){0};
    return cel_compile(rc_sv_of(source), &kit->scope, kit->arena, ret, &kit->err);
}

enum rc_status kit_run(struct kit *kit, const char *source, struct cel_value *ret)
{
    const struct cel_prog *prog;
    enum rc_status status = kit_compile(kit, source, &prog);
    return status != RC_OK ? status : cel_eval(prog, &kit->env, kit->arena, ret, &kit->err);
}

const char *kit_json(struct kit *kit, struct cel_value value)
{
    struct rc_buf buf = rc_buf_in(kit->arena, 32 << 20);
    cel_put_json(&buf, value);
    assert_int_equal(buf.status, RC_OK);
    rc_put_char(&buf, 0);
    return buf.p;
}

void kit_gives(struct kit *kit, const char *source, const char *json)
{
    struct cel_value value = cel_null();
    enum rc_status status = kit_run(kit, source, &value);
    if (status != RC_OK)
        print_error("%s\n%u:%u: %s\n", source, kit->err.line, kit->err.column, kit->err.text);
    assert_int_equal(status, RC_OK);
    assert_string_equal(kit_json(kit, value), json);
}

void kit_fails(struct kit *kit, const char *source, enum rc_status wanted, unsigned line, unsigned column,
               const char *text)
{
    struct cel_value value = cel_null();
    enum rc_status status = kit_run(kit, source, &value);
    if (status != wanted || !strstr(kit->err.text, text) || (line && kit->err.line != line) ||
        (column && kit->err.column != column))
        print_error("%s\n%s at %u:%u: %s\n", source, rc_status_slug(status), kit->err.line, kit->err.column,
                    status == RC_OK ? kit_json(kit, value) : kit->err.text);
    assert_int_equal(status, wanted);
    assert_int_equal(kit->err.status, wanted);
    assert_non_null(strstr(kit->err.text, text));
    if (line) assert_int_equal(kit->err.line, line);
    if (column) assert_int_equal(kit->err.column, column);
}

struct cel_value kit_parse(struct kit *kit, const char *json)
{
    struct cel_value value = cel_null();
    enum rc_status status = rc_json_parse(rc_sv_of(json), kit->arena, &value, &kit->err);
    if (status != RC_OK) print_error("%s\n%s\n", json, kit->err.text);
    assert_int_equal(status, RC_OK);
    return value;
}
