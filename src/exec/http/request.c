/* From a request value {method, path, query?, headers?, body?} to method, address, header lines and body.
 *
 * Header lines are made here in full and checked byte by byte (RFC 9110, 5.1 and 5.5), so that no value can
 * start a line of its own. What decides about framing, the connection and the attempt's identity belongs to
 * the sender and is refused from flows and dependencies. */
#include "exec/http/request.h"

#include "base/limits.h"
#include "cel/cel.h"
#include "exec/http/url.h"
#include "exec/text.h"
#include "flow/dependency.h"

enum { OWN_HEADERS = 8, LINES = RC_MAX_OUT_HEADERS + OWN_HEADERS };

struct line {
    struct rc_sv name;
    bool of_flow;
    struct curl_slist node;
};

struct builder {
    const struct rc_effect *effect;
    struct rc_arena *arena;
    struct rc_error *err;
    struct line *line;
    uint32_t nline;
    struct exec_secrets secrets;
};

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

static enum rc_status fail_full(struct builder *b, enum rc_status status)
{
    return rc_fail(b->err, status, "%s", rc_status_text(status));
}

/* ---- header lines ------------------------------------------------------------------------------------------------- */

static bool is_token(struct rc_sv name)
{
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return name.n > 0 && name.n <= RC_MAX_NAME;
}

static bool is_field_value(struct rc_sv value)
{
    for (uint32_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static enum rc_status check_name(struct builder *b, const struct cel_value *key)
{
    if (key->kind != CEL_STRING || !is_token(cel_text(*key)))
        return rc_fail(b->err, RC_INVALID, "headers: a name must be a token (RFC 9110) of at most %d bytes",
                       RC_MAX_NAME);
    struct rc_sv name = cel_text(*key);
    if (flow_header_reserved(name))
        return rc_fail(b->err, RC_INVALID, "headers.%.*s: this header is set by the sender alone",
                       RC_SV_ARG(name));
    return RC_OK;
}

static struct rc_sv trimmed(struct rc_sv text) /* RFC 9110, 5.5: blanks around a value are not part of it */
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t')) text.p++, text.n--;
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) text.n--;
    return text;
}

/* Adds "name: value", or replaces the line of that name. */
static enum rc_status add_line(struct builder *b, struct rc_sv name, struct rc_sv value, bool of_flow)
{
    struct rc_buf text = rc_buf_in(b->arena, RC_MAX_NAME + RC_MAX_OUT_HEADER + 4);
    rc_put(&text, name);
    rc_put_text(&text, value.n ? ": " : ";"); /* libcurl's way to say "present and empty" */
    rc_put(&text, value);
    rc_put_char(&text, '\0');
    if (text.status != RC_OK) return fail_full(b, text.status);
    struct line *line = b->line, *end = b->line + b->nline;
    while (line < end && !flow_header_same(name, line->name)) line++;
    if (line == end) {
        if (b->nline == LINES - OWN_HEADERS)
            return rc_fail(b->err, RC_LIMIT, "headers: more than %d", RC_MAX_OUT_HEADERS);
        b->nline++;
    } else if (line->of_flow == of_flow) {
        return rc_fail(b->err, RC_INVALID, "headers.%.*s: given twice", RC_SV_ARG(name));
    }
    *line = (struct line){.name = name, .of_flow = of_flow, .node.data = text.p};
    return RC_OK;
}

static enum rc_status add_header(struct builder *b, const struct cel_value *key,
                                 const struct cel_value *value, bool of_flow)
{
    enum rc_status status = check_name(b, key);
    if (status != RC_OK) return status;
    struct rc_sv name = cel_text(*key);
    struct rc_buf text = rc_buf_in(b->arena, RC_MAX_OUT_HEADER);
    if (value->kind == CEL_SECRET) {
        if ((status = exec_put_secret(&b->secrets, &text, *value, b->err)) != RC_OK)
            return rc_fail_prefix(b->err, status, "headers.%.*s", RC_SV_ARG(name));
    } else if (!http_put_scalar(&text, value)) {
        return rc_fail(b->err, RC_INVALID, "headers.%.*s: a %s cannot be a header", RC_SV_ARG(name),
                       cel_kind_name((enum cel_kind)value->kind));
    }
    if (text.status == RC_LIMIT)
        return rc_fail(b->err, RC_LIMIT, "headers.%.*s: longer than %d bytes", RC_SV_ARG(name),
                       RC_MAX_OUT_HEADER);
    if (text.status != RC_OK) return fail_full(b, text.status);
    if (!is_field_value(rc_buf_sv(&text)))
        return rc_fail(b->err, RC_INVALID, "headers.%.*s: has a line break or another control character",
                       RC_SV_ARG(name));
    return add_line(b, name, trimmed(rc_buf_sv(&text)), of_flow);
}

static enum rc_status add_headers(struct builder *b, const struct cel_value *map, bool of_flow)
{
    if (!map || map->kind == CEL_NULL) return RC_OK;
    if (map->kind != CEL_MAP) return rc_fail(b->err, RC_INVALID, "headers: must be a map");
    for (uint32_t i = 0; i < map->n; i++) {
        enum rc_status status = add_header(b, &map->v.items[2 * i], &map->v.items[2 * i + 1], of_flow);
        if (status != RC_OK) return status;
    }
    return RC_OK;
}

static enum rc_status add_dependency_headers(struct builder *b)
{
    const struct cel_prog *prog = b->effect->dependency->headers;
    if (!prog) return RC_OK;
    struct cel_value map;
    enum rc_status status = cel_eval(prog, &(struct cel_env){0}, b->arena, &map, b->err);
    if (status == RC_OK) status = add_headers(b, &map, false);
    return status == RC_OK
               ? RC_OK
               : rc_fail_prefix(b->err, status, "dependency %.*s", RC_SV_ARG(b->effect->dependency->name));
}

/* ---- headers of the sender ---------------------------------------------------------------------------------------- */

static bool has_line(const struct builder *b, const char *name)
{
    for (uint32_t i = 0; i < b->nline; i++)
        if (flow_header_same(b->line[i].name, rc_sv_of(name))) return true;
    return false;
}

static enum rc_status add_own(struct builder *b, const char *text)
{
    struct rc_sv copy = rc_copy_sv(b->arena, rc_sv_of(text));
    if (!copy.p) return fail_full(b, rc_arena_status(b->arena));
    b->line[b->nline++].node.data = (char *)copy.p; /* libcurl reads it only */
    return RC_OK;
}

static enum rc_status add_own_headers(struct builder *b, const struct http_request *request, bool json)
{
    enum rc_status status = RC_OK;
    char line[96];
    memcpy(line, "traceparent: ", 13);
    exec_traceparent(b->effect, line + 13);
    status = add_own(b, line);
    if (status == RC_OK) { /* on a GET too: by it the other side's log and our record name the same attempt */
        memcpy(line, "Idempotency-Key: ", 17);
        rc_h128_hex(b->effect->idempotency_key, line + 17);
        line[49] = '\0';
        status = add_own(b, line);
    }
    if (status == RC_OK && !has_line(b, "user-agent"))
        status = add_own(b, "User-Agent: recourse/" RC_VERSION);
    if (status == RC_OK && !has_line(b, "content-type")) {
        /* without a body: keep libcurl from adding the type of a form */
        status = add_own(b, !request->with_body ? "Content-Type:"
                            : json              ? "Content-Type: application/json"
                                                : "Content-Type: text/plain; charset=utf-8");
    }
    if (status == RC_OK) status = add_own(b, "Expect:"); /* no 100-continue: it would cost a round trip */
    return status;
}

/* ---- method and body ---------------------------------------------------------------------------------------------- */

static enum rc_status read_method(struct builder *b, const struct cel_value *value, const char **ret_method)
{
    for (size_t i = 0; value && value->kind == CEL_STRING && i < sizeof methods / sizeof *methods; i++) {
        if (!rc_sv_is(cel_text(*value), methods[i])) continue;
        *ret_method = methods[i];
        return RC_OK;
    }
    return rc_fail(b->err, RC_INVALID, "method: must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
}

/* The depth is that of values from JSON and from templates, which is bounded where they are made. */
static bool has_hole(const struct cel_value *value)
{
    uint32_t n = value->kind == CEL_LIST ? value->n : value->kind == CEL_MAP ? 2 * value->n : 0;
    for (uint32_t i = 0; i < n; i++)
        if (has_hole(&value->v.items[i])) return true;
    return value->kind == CEL_SECRET || value->kind == CEL_UNKNOWN;
}

static enum rc_status build_body(struct builder *b, const struct cel_value *value,
                                 struct http_request *request, bool *ret_json)
{
    if (!value) return RC_OK;
    if (strcmp(request->method, "HEAD") == 0) return rc_fail(b->err, RC_INVALID, "body: HEAD has none");
    if (has_hole(value)) return rc_fail(b->err, RC_INVALID, "body: a secret may stand in headers only");
    *ret_json = value->kind != CEL_STRING;
    request->with_body = true;
    if (*ret_json) {
        struct rc_buf text = rc_buf_in(b->arena, RC_MAX_BODY);
        cel_put_json(&text, *value);
        if (text.status == RC_NOMEM) return fail_full(b, RC_NOMEM);
        if (text.status != RC_OK) return rc_fail(b->err, RC_LIMIT, "body: more than %d bytes", RC_MAX_BODY);
        request->body = rc_buf_sv(&text);
    } else {
        request->body = cel_text(*value);
        if (request->body.n > RC_MAX_BODY)
            return rc_fail(b->err, RC_LIMIT, "body: more than %d bytes", RC_MAX_BODY);
    }
    return RC_OK;
}

static void link_lines(struct builder *b, struct http_request *request)
{
    for (uint32_t i = 0; i + 1 < b->nline; i++) b->line[i].node.next = &b->line[i + 1].node;
    request->headers = b->nline ? &b->line[0].node : NULL;
}

enum rc_status http_request_build(const struct rc_effect *effect, const struct rc_http_options *options,
                                  struct rc_arena *arena, struct http_request *ret, struct rc_error *err)
{
    struct builder b = {
        .effect = effect,
        .arena = arena,
        .err = err,
        .secrets = {.find = options->secret, .context = options->secret_context, .arena = arena}};
    struct http_request request = {0};
    const struct cel_value *value = &effect->request;
    if (value->kind != CEL_MAP) return rc_fail(err, RC_INVALID, "the request must be a map");
    b.line = RC_NEW_ARRAY(arena, struct line, LINES);
    if (!b.line) return fail_full(&b, rc_arena_status(arena));
    bool json = false;
    enum rc_status status = read_method(&b, cel_map_get(value, "method"), &request.method);
    if (status == RC_OK)
        status = http_url(effect->dependency->base, cel_map_get(value, "path"), cel_map_get(value, "query"),
                          arena, &request.url, err);
    if (status == RC_OK) status = build_body(&b, cel_map_get(value, "body"), &request, &json);
    if (status == RC_OK) status = add_dependency_headers(&b);
    if (status == RC_OK) status = add_headers(&b, cel_map_get(value, "headers"), true);
    if (status == RC_OK) status = add_own_headers(&b, &request, json);
    if (status != RC_OK) return status;
    link_lines(&b, &request);
    request.secret = b.secrets.text;
    request.nsecret = b.secrets.n;
    *ret = request;
    return RC_OK;
}
