/* The list of programs of a worker: which task is done by which program. It belongs to the host, like the worker's unit: nothing that a
 * flow says can add to it, or to the arguments. */
#include "tool/worker.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/write.h"

enum { TIMEOUT_DEFAULT_S = RC_MAX_TIMEOUT_S };

static enum rc_status wrong(const struct worker_program *program, const char *field, const char *what,
                            struct rc_error *err)
{
    return rc_fail(err, RC_INVALID, "task \"%.*s\": \"%s\" %s", RC_SV_ARG(program->task), field, what);
}

static bool is_path(struct rc_sv text)
{
    return text.n > 0 && text.n <= RC_MAX_PROGRAM_PATH && text.p[0] == '/' && !memchr(text.p, 0, text.n);
}

static enum rc_status read_args(struct worker_program *program, struct cel_value value, struct rc_error *err)
{
    bool ok = value.kind == CEL_LIST && value.n <= RC_MAX_PROGRAM_ARGS;
    for (uint32_t i = 0; ok && i < value.n; i++) ok = value.v.items[i].kind == CEL_STRING;
    if (!ok) return wrong(program, "args", "must be a list of texts", err);
    program->args = value;
    return RC_OK;
}

/* Any other would be taken for another one, or for what the worker itself tells the program. */
static bool is_variable(struct rc_sv name)
{
    return name.n && !memchr(name.p, '=', name.n) && !rc_sv_starts(name, RC_SV("RECOURSE_"));
}

/* Texts as they are: a list of this kind has no expressions. */
static enum rc_status read_environment(struct worker_program *program, struct cel_value value,
                                       struct rc_arena *arena, struct rc_error *err)
{
    static const struct cel_scope nothing;
    struct rc_buf code = rc_buf_in(arena, RC_MAX_EXPR);
    bool ok = value.kind == CEL_MAP && value.n <= RC_MAX_PROGRAM_ENV;
    for (uint32_t i = 0; ok && i < value.n; i++) ok = value.v.items[2 * (size_t)i + 1].kind == CEL_STRING;
    if (!ok) return wrong(program, "environment", "must be an object of texts", err);
    for (uint32_t i = 0; ok && i < value.n; i++) ok = is_variable(cel_text(value.v.items[2 * (size_t)i]));
    if (!ok)
        return wrong(program, "environment",
                     "has a name that is empty, has '=' in it or begins with RECOURSE_", err);
    cel_put_json(&code, value);
    if (code.status != RC_OK) return wrong(program, "environment", "is too large", err);
    return cel_compile(rc_buf_sv(&code), &nothing, arena, &program->dependency.program.environment, err);
}

static enum rc_status read_field(struct worker_program *program, struct rc_sv name, struct cel_value value,
                                 struct rc_arena *arena, struct rc_error *err)
{
    struct flow_program *runs = &program->dependency.program;
    struct rc_sv text = value.kind == CEL_STRING ? cel_text(value) : (struct rc_sv){0};
    if (rc_sv_is(name, "args")) return read_args(program, value, err);
    if (rc_sv_is(name, "environment")) return read_environment(program, value, arena, err);
    if (rc_sv_is(name, "program")) {
        struct rc_sv *path = RC_NEW(arena, struct rc_sv);
        if (!path) return rc_fail_arena(err, arena);
        if (!is_path(text)) return wrong(program, "program", "must be an absolute path", err);
        *path = text;
        runs->paths = path;
        runs->npaths = 1;
    } else if (rc_sv_is(name, "directory")) {
        if (!is_path(text)) return wrong(program, "directory", "must be an absolute path", err);
        runs->directory = text;
    } else if (rc_sv_is(name, "output")) {
        if (!rc_sv_is(text, "json") && !rc_sv_is(text, "text"))
            return wrong(program, "output", "must be json or text", err);
        program->output = rc_sv_is(text, "json") ? text : (struct rc_sv){0};
    } else if (rc_sv_is(name, "timeout")) {
        if (!rc_parse_span(text, &program->timeout) || !program->timeout ||
            program->timeout > RC_SECONDS(RC_MAX_TIMEOUT_S))
            return wrong(program, "timeout", "must be a time of up to an hour, like 30s", err);
    } else {
        return rc_fail(err, RC_INVALID, "task \"%.*s\": \"%.*s\" is not known here", RC_SV_ARG(program->task),
                       RC_SV_ARG(name));
    }
    return RC_OK;
}

static enum rc_status read_one(struct rc_sv task, struct cel_value value, struct rc_arena *arena,
                               struct worker_program *ret, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    *ret = (struct worker_program){
        .task = task,
        .timeout = RC_SECONDS(TIMEOUT_DEFAULT_S),
        .dependency = {.kind = FLOW_DEP_PROGRAM, .name = task, .program.grace = RC_SECONDS(5)}};
    if (value.kind != CEL_MAP)
        return rc_fail(err, RC_INVALID, "task \"%.*s\" must be an object", RC_SV_ARG(task));
    for (uint32_t i = 0; status == RC_OK && i < value.n; i++)
        status = read_field(ret, cel_text(value.v.items[2 * (size_t)i]), value.v.items[2 * (size_t)i + 1],
                            arena, err);
    if (status == RC_OK && !ret->dependency.program.npaths) status = wrong(ret, "program", "is missing", err);
    return status;
}

enum rc_status worker_programs_read(struct rc_sv text, struct rc_arena *arena, struct worker_programs *ret,
                                    struct rc_error *err)
{
    struct cel_value list;
    enum rc_status status = rc_json_parse(text, arena, &list, err);
    if (status != RC_OK) return status;
    if (list.kind != CEL_MAP || !list.n)
        return rc_fail(err, RC_INVALID, "must be an object: tasks, and the program of each");
    if (list.n > RC_MAX_PROGRAMS) return rc_fail(err, RC_LIMIT, "more than %d tasks", RC_MAX_PROGRAMS);
    *ret = (struct worker_programs){.item = RC_NEW_ARRAY(arena, struct worker_program, list.n),
                                    .paths = RC_NEW_ARRAY(arena, const char *, list.n)};
    if (!ret->item || !ret->paths) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; status == RC_OK && i < list.n; i++) {
        struct worker_program *program = &ret->item[ret->n++];
        status = read_one(cel_text(list.v.items[2 * (size_t)i]), list.v.items[2 * (size_t)i + 1], arena,
                          program, err);
        if (status != RC_OK) break;
        struct rc_sv path = rc_text(arena, "%.*s", RC_SV_ARG(program->dependency.program.paths[0]));
        if (!path.p) return rc_fail_arena(err, arena);
        ret->paths[i] = path.p; /* rc_text ends with NUL */
    }
    return status;
}

const struct worker_program *worker_program_of(const struct worker_programs *programs, struct rc_sv task)
{
    for (uint32_t i = 0; i < programs->n; i++)
        if (rc_sv_eq(programs->item[i].task, task)) return &programs->item[i];
    return NULL;
}

enum rc_status worker_program_request(const struct worker_program *program, struct cel_value input,
                                      struct rc_arena *arena, struct cel_value *ret, struct rc_error *err)
{
    enum { MOST = 4 << 20 };
    struct rc_buf buf = rc_buf_in(arena, MOST);
    struct rc_json json = {.buf = &buf};
    rc_json_object(&json, NULL);
    rc_json_sv(&json, "program", program->dependency.program.paths[0]);
    if (program->args.kind == CEL_LIST) rc_json_value(&json, "args", program->args);
    rc_json_value(&json, "input", input);
    if (program->output.n) rc_json_sv(&json, "output", program->output);
    rc_json_end_object(&json);
    if (buf.status != RC_OK) return rc_fail(err, buf.status, "the input is too large");
    return rc_json_parse(rc_buf_sv(&buf), arena, ret, err);
}
