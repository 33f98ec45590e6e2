/* From a request value {program, args?, input?, output?} to path, arguments, environment and input.
 *
 * The path must be listed twice: by the dependency, and by the operator of this server, whatever the definitions say. Arguments
 * come from values and are never split, joined or looked at: what a value holds is one argument. */
#include "exec/program/request.h"

#include "base/limits.h"
#include "cel/cel.h"
#include "flow/dependency.h"

enum { OWN_VARIABLES = 4, ENTRY_MAX = RC_MAX_NAME + 1 + RC_MAX_PROGRAM_VALUE + 1 };

struct builder {
    const struct rc_effect *effect;
    const struct rc_program_options *options;
    struct rc_arena *arena;
    struct rc_error *err;
    struct program_request request;
};

static enum rc_status fail_full(struct builder *b)
{
    return rc_fail_arena(b->err, b->arena);
}

/* A NUL cannot be passed on: what stands behind it would be lost without a word. */
static bool has_nul(struct rc_sv text)
{
    return text.n && memchr(text.p, '\0', text.n);
}

static enum rc_status keep(struct builder *b, struct rc_sv text, char **ret)
{
    struct rc_sv copy = rc_copy_sv(b->arena, text);
    if (!copy.p) return fail_full(b);
    *ret = (char *)copy.p; /* execve's type says that it is not const; nobody writes */
    return RC_OK;
}

/* ---- the program */

static enum rc_status find_program(struct builder *b, const struct cel_value *value)
{
    const struct flow_program *rules = &b->effect->dependency->program;
    struct rc_sv path = value && value->kind == CEL_STRING ? cel_text(*value) : (struct rc_sv){0};
    if (!path.n || path.p[0] != '/' || path.n > RC_MAX_PROGRAM_PATH || has_nul(path))
        return rc_fail(b->err, RC_INVALID, "program: must be an absolute path of at most %d bytes",
                       RC_MAX_PROGRAM_PATH);
    uint32_t i = 0;
    while (i < rules->npaths && !rc_sv_eq(rules->paths[i], path)) i++;
    if (i == rules->npaths)
        return rc_fail(b->err, RC_INVALID, "program: the dependency does not list %.*s", RC_SV_ARG(path));
    i = 0;
    while (i < b->options->nallowed && !rc_sv_is(path, b->options->allowed[i])) i++;
    if (i == b->options->nallowed)
        return rc_fail(b->err, RC_INVALID, "program: this server does not allow %.*s (--allow-program)",
                       RC_SV_ARG(path));
    char *text = NULL;
    enum rc_status status = keep(b, path, &text);
    if (status == RC_OK) b->request.path = text;
    return status;
}

static enum rc_status keep_argument(struct builder *b, const struct cel_value *value, uint32_t number,
                                    uint32_t *io_bytes, char **ret)
{
    if (value->kind != CEL_STRING)
        return rc_fail(b->err, RC_INVALID, "args: number %u is a %s, not text", number,
                       cel_kind_name((enum cel_kind)value->kind));
    struct rc_sv text = cel_text(*value);
    if (has_nul(text)) return rc_fail(b->err, RC_INVALID, "args: number %u has a NUL in it", number);
    if (text.n > RC_MAX_PROGRAM_ARG)
        return rc_fail(b->err, RC_LIMIT, "args: number %u is longer than %d bytes", number,
                       RC_MAX_PROGRAM_ARG);
    *io_bytes += text.n;
    if (*io_bytes > RC_MAX_PROGRAM_ARGV)
        return rc_fail(b->err, RC_LIMIT, "args: longer than %d bytes together", RC_MAX_PROGRAM_ARGV);
    return keep(b, text, ret);
}

static enum rc_status build_arguments(struct builder *b, const struct cel_value *list)
{
    if (list && list->kind != CEL_LIST) return rc_fail(b->err, RC_INVALID, "args: must be a list");
    uint32_t n = list ? list->n : 0, bytes = 0;
    if (n > RC_MAX_PROGRAM_ARGS) return rc_fail(b->err, RC_LIMIT, "args: more than %d", RC_MAX_PROGRAM_ARGS);
    char **argv = RC_NEW_ARRAY(b->arena, char *, (size_t)n + 2);
    if (!argv) return fail_full(b);
    enum rc_status status = keep(b, rc_sv_of(b->request.path), &argv[0]);
    for (uint32_t i = 0; i < n && status == RC_OK; i++)
        status = keep_argument(b, &list->v.items[i], i + 1, &bytes, &argv[i + 1]);
    b->request.argv = argv;
    return status;
}

/* ---- the environment: what the dependency lists, and who is asking */

static enum rc_status keep_variable(struct builder *b, struct rc_sv name, struct cel_value value, char **ret)
{
    struct rc_buf text = rc_buf_in(b->arena, ENTRY_MAX);
    rc_put(&text, name);
    rc_put_char(&text, '=');
    if (value.kind != CEL_STRING && value.kind != CEL_SECRET)
        return rc_fail(b->err, RC_INVALID, "environment.%.*s: a %s is not text", RC_SV_ARG(name),
                       cel_kind_name((enum cel_kind)value.kind));
    enum rc_status status = exec_put_secret(&b->request.secrets, &text, value, b->err);
    if (status != RC_OK) return rc_fail_prefix(b->err, status, "environment.%.*s", RC_SV_ARG(name));
    if (has_nul(rc_buf_sv(&text)))
        return rc_fail(b->err, RC_INVALID, "environment.%.*s: has a NUL in it", RC_SV_ARG(name));
    rc_put_char(&text, '\0');
    if (text.status == RC_LIMIT)
        return rc_fail(b->err, RC_LIMIT, "environment.%.*s: longer than %d bytes", RC_SV_ARG(name),
                       RC_MAX_PROGRAM_VALUE);
    if (text.status != RC_OK) return fail_full(b);
    *ret = text.p;
    return RC_OK;
}

static enum rc_status keep_own(struct builder *b, char **variable)
{
    static const char *const purpose[] = {[RC_ACT] = "act",
                                          [RC_CHECK] = "check",
                                          [RC_UNDO] = "undo",
                                          [RC_UNDO_CHECK] = "undo_check",
                                          [RC_REQUIRE] = "require"};
    const struct rc_effect *effect = b->effect;
    char key[32], trace[EXEC_TRACE + 1];
    rc_h128_hex(effect->idempotency_key, key);
    exec_traceparent(effect, trace);
    const struct rc_sv own[OWN_VARIABLES] = {
        rc_text(b->arena, "RECOURSE_IDEMPOTENCY_KEY=%.32s", key),
        rc_text(b->arena, "RECOURSE_ATTEMPT=%u", (unsigned)effect->attempt),
        rc_text(b->arena, "RECOURSE_PURPOSE=%s", purpose[effect->purpose]),
        rc_text(b->arena, "TRACEPARENT=%s", trace)};
    for (uint32_t i = 0; i < OWN_VARIABLES; i++) variable[i] = (char *)own[i].p;
    return rc_arena_status(b->arena) == RC_OK ? RC_OK : fail_full(b);
}

static enum rc_status build_environment(struct builder *b)
{
    const struct cel_prog *prog = b->effect->dependency->program.environment;
    struct cel_value map = {.kind = CEL_MAP};
    enum rc_status status = prog ? cel_eval(prog, &(struct cel_env){0}, b->arena, &map, b->err) : RC_OK;
    if (status != RC_OK) return rc_fail_prefix(b->err, status, "environment");
    if (map.kind != CEL_MAP || map.n > RC_MAX_PROGRAM_ENV)
        return rc_fail(b->err, RC_INVALID, "environment: must be a map of at most %d", RC_MAX_PROGRAM_ENV);
    char **variable = RC_NEW_ARRAY(b->arena, char *, (size_t)map.n + OWN_VARIABLES + 1);
    if (!variable) return fail_full(b);
    status = keep_own(b, variable);
    for (uint32_t i = 0; i < map.n && status == RC_OK; i++)
        status = keep_variable(b, cel_text(map.v.items[2 * i]), map.v.items[2 * i + 1],
                               &variable[OWN_VARIABLES + i]);
    b->request.envp = variable;
    return status;
}

/* ---- what goes in and comes out */

static enum rc_status build_input(struct builder *b, const struct cel_value *value)
{
    if (!value) return RC_OK;
    struct rc_buf text = rc_buf_in(b->arena, RC_MAX_BODY);
    if (value->kind == CEL_STRING)
        rc_put(&text, cel_text(*value));
    else
        cel_put_json(&text, *value);
    if (text.status == RC_LIMIT) return rc_fail(b->err, RC_LIMIT, "input: more than %d bytes", RC_MAX_BODY);
    if (text.status != RC_OK) return fail_full(b);
    b->request.has_input = true;
    b->request.input = rc_buf_sv(&text);
    return RC_OK;
}

static enum rc_status build_places(struct builder *b, const struct cel_value *output)
{
    struct rc_sv directory = b->effect->dependency->program.directory;
    char *text = NULL;
    enum rc_status status = keep(b, directory.n ? directory : RC_SV("/"), &text);
    if (status == RC_OK) b->request.directory = text;
    b->request.json = output && output->kind == CEL_STRING && rc_sv_is(cel_text(*output), "json");
    return status;
}

enum rc_status program_request_build(const struct rc_effect *effect, const struct rc_program_options *options,
                                     struct rc_arena *arena, struct program_request *ret,
                                     struct rc_error *err)
{
    struct builder b = {
        .effect = effect,
        .options = options,
        .arena = arena,
        .err = err,
        .request.secrets = {.find = options->secret, .context = options->secret_context, .arena = arena}};
    const struct cel_value *value = &effect->request;
    if (value->kind != CEL_MAP) return rc_fail(err, RC_INVALID, "the request must be a map");
    enum rc_status status = find_program(&b, cel_map_get(value, "program"));
    if (status == RC_OK) status = build_arguments(&b, cel_map_get(value, "args"));
    if (status == RC_OK) status = build_environment(&b);
    if (status == RC_OK) status = build_input(&b, cel_map_get(value, "input"));
    if (status == RC_OK) status = build_places(&b, cel_map_get(value, "output"));
    if (status == RC_OK) *ret = b.request;
    return status;
}
