/* recourse eval: one expression, for a person who writes a definition. The same compiler and evaluator with the same
 * limits as for definitions; only the names it may use come from a file, and are of any type. */
#include "tool/tool.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/write.h"

enum { ARENA_FIRST = 64 << 10, ARENA = 256 << 20, MAX_TEXT = 16 << 20 };

enum rc_status tool_evaluate(struct rc_sv source, struct cel_value context, struct rc_arena *arena,
                             struct tool_value *ret, struct rc_error *err)
{
    const struct cel_prog *prog;
    if (context.kind != CEL_MAP && context.kind != CEL_NULL)
        return rc_fail(err, RC_INVALID, "the context is a %s; it must be an object",
                       cel_kind_name(context.kind));
    uint32_t n = context.kind == CEL_MAP ? context.n : 0;
    if (n > RC_MAX_CONTEXT)
        return rc_fail(err, RC_LIMIT, "the context has %u members; at most %d are taken", n, RC_MAX_CONTEXT);
    struct cel_field *roots = RC_NEW_ARRAY(arena, struct cel_field, n);
    struct cel_value *values = RC_NEW_ARRAY(arena, struct cel_value, n);
    if (!roots || !values) return rc_fail_arena(err, arena);
    for (size_t i = 0; i < n; i++) {
        roots[i] = (struct cel_field){cel_text(context.v.items[2 * i]), &cel_dyn};
        values[i] = context.v.items[2 * i + 1];
    }
    const struct cel_scope scope = {.roots = roots, .nroots = n};
    enum rc_status status = cel_compile(source, &scope, arena, &prog, err);
    if (status != RC_OK) return status;
    struct tool_value result = {.type = cel_type_text(cel_prog_type(prog), arena)};
    const struct cel_env env = {.roots = values, .nroots = n};
    status = cel_eval(prog, &env, arena, &result.value, err);
    if (status == RC_OK) *ret = result;
    return status;
}

void tool_put_json(struct rc_buf *buf, struct cel_value value)
{
    struct rc_buf plain = rc_buf_in(buf->arena, buf->limit);
    cel_put_json(&plain, value);
    struct rc_sv text = rc_buf_sv(&plain);
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        /* only inside strings; U+0080 to U+009F are two bytes, and C2 begins nothing that is shorter */
        bool del = text.p[i] == 0x7f,
             c1 = text.p[i] == '\xc2' && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;
        if (!del && !c1) continue;
        rc_put(buf, (struct rc_sv){text.p + from, i - from});
        rc_put_format(buf, "\\u%04x", (unsigned char)text.p[i + c1]);
        i += c1;
        from = i + 1;
    }
    rc_put(buf, (struct rc_sv){text.p + from, text.n - from});
    if (plain.status != RC_OK) buf->status = plain.status;
}

static int read_context(const char *path, struct rc_arena *arena, struct cel_value *ret, struct rc_error *err)
{
    struct rc_sv text;
    *ret = cel_null();
    if (!path) return CLI_OK;
    int fault = cli_read_file(arena, path, &text);
    if (fault != CLI_OK) return fault;
    enum rc_status status = rc_json_parse(text, arena, ret, err);
    if (status == RC_OK && ret->kind != CEL_MAP)
        status = rc_fail(err, RC_INVALID, "it must be an object, not a %s", cel_kind_name(ret->kind));
    if (status == RC_OK) return CLI_OK;
    fprintf(stderr, "recourse eval: %s", strcmp(path, "-") == 0 ? "standard input" : path);
    if (err->line) fprintf(stderr, ":%u:%u", err->line, err->column);
    fputs(": ", stderr);
    screen_sv(&(struct screen){.out = stderr}, rc_sv_of(err->text));
    fputc('\n', stderr);
    return status == RC_NOMEM ? CLI_ERROR : cli_exit_of(status);
}

static int fail(const struct cli_args *args, struct rc_sv source, const struct rc_error *err)
{
    struct screen screen;
    screen_open(&screen, stderr);
    if (cli_has(args, "json")) {
        cli_put_json_error(err);
    } else {
        fputs("recourse eval: ", stderr);
        if (err->line) fprintf(stderr, "%u:%u: ", err->line, err->column);
        screen_sv(&screen, rc_sv_of(err->text));
        fputc('\n', stderr);
        tool_put_place(&screen, source, err);
    }
    return err->status == RC_NOMEM ? CLI_ERROR : cli_exit_of(err->status);
}

static int evaluate(const struct cli_args *args, struct rc_arena *arena)
{
    struct rc_sv source = rc_sv_of(args->operand[0]);
    struct rc_error err = {0};
    struct cel_value context;
    struct tool_value result;
    int fault = read_context(cli_value(args, "context"), arena, &context, &err);
    if (fault != CLI_OK) return fault;
    if (tool_evaluate(source, context, arena, &result, &err) != RC_OK) return fail(args, source, &err);
    struct rc_buf buf = rc_buf_in(arena, MAX_TEXT);
    bool json = cli_has(args, "json"), type = cli_has(args, "type");
    if (json) rc_put_text(&buf, "{\"value\":");
    tool_put_json(&buf, result.value);
    if (json && type) rc_put_text(&buf, ",\"type\":");
    if (json && type) rc_put_json(&buf, result.type);
    if (json) rc_put_char(&buf, '}');
    if (!json && type) rc_put_format(&buf, "\ntype: %.*s", RC_SV_ARG(result.type));
    if (buf.status != RC_OK) {
        rc_fail(&err, buf.status, "the value is larger than %d bytes as JSON", MAX_TEXT);
        return fail(args, source, &err);
    }
    (void)fwrite(buf.p, 1, buf.n, stdout);
    fputc('\n', stdout);
    return CLI_OK;
}

int tool_eval(const struct cli_args *args)
{
    struct rc_arena *arena = rc_arena_new(ARENA_FIRST, ARENA);
    if (!arena) {
        fputs("recourse: out of memory\n", stderr);
        return CLI_ERROR;
    }
    int code = evaluate(args, arena);
    rc_arena_free(arena);
    return code;
}
