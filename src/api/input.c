/* Paths, queries and bodies of requests to decoded values. */
#include "api/call.h"

#include "base/near.h"
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { POINTER_BYTES = RC_ERROR_POINTER, INPUT_FIRST = 1024 };

/* ---- path ---------------------------------------------------------------------------------------------- */

/* The text up to the next slash; both move behind it. */
static struct rc_sv take_segment(struct rc_sv *io_rest)
{
    const char *slash = io_rest->n ? memchr(io_rest->p, '/', io_rest->n) : NULL;
    uint32_t n = slash ? (uint32_t)(slash - io_rest->p) : io_rest->n;
    struct rc_sv segment = {io_rest->p, n};
    uint32_t skip = slash ? n + 1 : n;
    *io_rest = (struct rc_sv){io_rest->p + skip, io_rest->n - skip};
    return segment;
}

bool api_match(const char *pattern, struct rc_sv path, struct rc_sv *ret_param)
{
    struct rc_sv want = rc_sv_of(pattern);
    uint32_t n = 0;
    if (path.n > 1 && path.p[path.n - 1] == '/') return false;
    while (want.n && path.n) {
        struct rc_sv a = take_segment(&want), b = take_segment(&path);
        bool variable = a.n && a.p[0] == '{';
        if (variable ? b.n == 0 || n == API_PARAMS : !rc_sv_eq(a, b)) return false;
        if (variable) ret_param[n++] = b;
    }
    return want.n == 0 && path.n == 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

enum rc_status api_unescape(struct rc_sv text, bool plus_is_blank, struct rc_arena *arena, struct rc_sv *ret,
                            struct rc_error *err)
{
    char *out = rc_alloc_text(arena, text.n);
    if (!out) return rc_fail_arena(err, arena);
    uint32_t n = 0;
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '+' && plus_is_blank) c = ' ';
        if (c == '%') {
            int high = i + 2 < text.n ? hex(text.p[i + 1]) : -1,
                low = i + 2 < text.n ? hex(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return rc_fail(err, RC_SYNTAX, "a '%%' is not followed by two hexadecimal digits");
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = c;
    }
    if (!rc_utf8_valid((struct rc_sv){out, n}))
        return rc_fail(err, RC_SYNTAX, "the address holds bytes that are not UTF-8");
    *ret = (struct rc_sv){out, n};
    return RC_OK;
}

/* ---- query --------------------------------------------------------------------------------------------- */

/* What is empty would say "all", and is most likely a variable of a script that is not set. */
static const char empty[] = "is empty: leave it out, or say which";

int api_query_index(const struct api_route *route, struct rc_sv name)
{
    for (int i = 0; i < API_QUERY && route->query[i]; i++)
        if (rc_sv_is(name, route->query[i])) return i;
    return -1;
}

/* The nearest of those that are known here, else all of them. */
static enum rc_status unknown_parameter(struct api_call *call, struct rc_sv name, struct rc_error *err)
{
    const char *const *known = call->route->query;
    struct rc_buf text = rc_buf_in(call->arena, RC_ERROR_TEXT);
    struct rc_near near = {.wanted = name};
    for (int i = 0; i < API_QUERY && known[i]; i++) {
        rc_put_format(&text, "%s%s", i ? ", " : "; known here: ", known[i]);
        rc_near_try(&near, rc_sv_of(known[i]));
    }
    struct rc_sv hint = text.n ? rc_buf_sv(&text) : RC_SV("; this address takes none");
    if (near.best.p) hint = rc_text(call->arena, "; did you mean \"%.*s\"?", RC_SV_ARG(near.best));
    return rc_fail(err, RC_SYNTAX, "the query parameter \"%.*s\" is not known here%.*s", RC_SV_ARG(name),
                   RC_SV_ARG(hint));
}

static enum rc_status read_pair(struct api_call *call, struct rc_sv pair, struct rc_error *err)
{
    const char *equals = memchr(pair.p, '=', pair.n);
    struct rc_sv name = {pair.p, equals ? (uint32_t)(equals - pair.p) : pair.n}, value = RC_SV("");
    if (equals) value = (struct rc_sv){equals + 1, pair.n - name.n - 1};
    enum rc_status status = api_unescape(name, true, call->arena, &name, err);
    if (status != RC_OK) return status;
    int at = api_query_index(call->route, name);
    if (at < 0) return unknown_parameter(call, name, err);
    if (call->query[at].p)
        return rc_fail(err, RC_SYNTAX, "the query parameter \"%.*s\" stands there twice", RC_SV_ARG(name));
    if (!value.n) return rc_fail(err, RC_SYNTAX, "the query parameter \"%.*s\" %s", RC_SV_ARG(name), empty);
    return api_unescape(value, true, call->arena, &call->query[at], err);
}

enum rc_status api_read_query(struct api_call *call, struct rc_error *err)
{
    struct rc_sv rest = call->http.query;
    while (rest.n) {
        const char *end = memchr(rest.p, '&', rest.n);
        struct rc_sv pair = {rest.p, end ? (uint32_t)(end - rest.p) : rest.n};
        uint32_t skip = end ? pair.n + 1 : pair.n;
        rest = (struct rc_sv){rest.p + skip, rest.n - skip};
        if (pair.n == 0) continue;
        enum rc_status status = read_pair(call, pair, err);
        if (status != RC_OK) return status;
    }
    return RC_OK;
}

struct rc_sv api_query(const struct api_call *call, const char *name)
{
    int at = api_query_index(call->route, rc_sv_of(name));
    return at < 0 ? (struct rc_sv){0} : call->query[at];
}

enum rc_status api_query_number(const struct api_call *call, const char *name, uint64_t least, uint64_t most,
                                uint64_t otherwise, uint64_t *ret, struct rc_error *err)
{
    struct rc_sv text = api_query(call, name);
    uint64_t number = otherwise;
    if (text.p && (!rc_parse_u64(text, &number) || number < least || number > most))
        return rc_fail(err, RC_SYNTAX, "the query parameter \"%s\" must be a number from %llu to %llu", name,
                       (unsigned long long)least, (unsigned long long)most);
    *ret = number;
    return RC_OK;
}

/* ---- body ---------------------------------------------------------------------------------------------- */

void api_complain(struct api_call *call, const char *pointer, const char *format, ...)
{
    struct api_desk *desk = call->desk;
    if (desk->nerrors == API_ERRORS) return;
    struct rc_error *one = &desk->errors[desk->nerrors++];
    char text[RC_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)rc_fail(one, RC_INVALID, "%s", text);
    snprintf(one->pointer, sizeof one->pointer, "%s", pointer);
}

bool api_refuse_empty(struct api_call *call, const char *pointer, struct rc_sv text)
{
    bool refused = text.p && !text.n;
    if (refused) api_complain(call, pointer, "%s", empty);
    return refused;
}

enum rc_status api_complaints(struct api_call *call, struct rc_error *err)
{
    const struct api_desk *desk = call->desk;
    if (desk->nerrors == 0) return RC_OK;
    const struct rc_error *first = &desk->errors[0];
    const char *of = *first->pointer ? first->pointer : "the body"; /* as a whole */
    return rc_fail(err, first->status, "%s: %s", of, first->text);
}

static const char *type_text(enum api_type type)
{
    switch (type) {
    case API_TEXT: return "a string";
    case API_BOOL: return "true or false";
    case API_OBJECT: return "an object";
    case API_LIST: return "an array";
    case API_NUMBER: return "a whole number";
    case API_COUNT: return "a whole number from 0 on";
    case API_ANY: break;
    }
    return "a value";
}

static void decode_one(struct api_call *call, const struct api_field *field, const struct cel_value *value,
                       const char *pointer, void *ret)
{
    static const uint8_t kind[] = {[API_TEXT] = CEL_STRING, [API_BOOL] = CEL_BOOL,  [API_OBJECT] = CEL_MAP,
                                   [API_LIST] = CEL_LIST,   [API_NUMBER] = CEL_INT, [API_COUNT] = CEL_INT};
    void *at = (char *)ret + field->offset;
    bool below = field->type == API_COUNT && value->kind == CEL_INT && value->v.i < 0;
    if (below || (field->type != API_ANY && value->kind != kind[field->type])) {
        api_complain(call, pointer, "must be %s", type_text(field->type));
        return;
    }
    if ((field->type == API_TEXT || field->type == API_LIST) && value->n > field->max) {
        api_complain(call, pointer, "is longer than the %u %s that are allowed", field->max,
                     field->type == API_TEXT ? "bytes" : "items");
        return;
    }
    if (field->type == API_NUMBER &&
        (value->v.i < (int64_t)field->least || value->v.i > (int64_t)field->max)) {
        api_complain(call, pointer, "must be from %u to %u", field->least, field->max);
        return;
    }
    if (field->type == API_TEXT)
        *(struct rc_sv *)at = cel_text(*value);
    else if (field->type == API_BOOL)
        *(bool *)at = value->v.b;
    else if (field->type == API_COUNT)
        *(uint64_t *)at = (uint64_t)value->v.i;
    else
        *(struct cel_value *)at = *value;
}

static const struct api_field *find_field(const struct api_shape *shape, struct rc_sv name)
{
    for (uint32_t i = 0; i < shape->n; i++)
        if (rc_sv_is(name, shape->fields[i].name)) return &shape->fields[i];
    return NULL;
}

/* A JSON pointer to a member (RFC 6901: '~' and '/' in names are escaped), cut where it is too long. */
static void point_at(char ret_pointer[POINTER_BYTES], const char *prefix, struct rc_sv name)
{
    size_t n = (size_t)snprintf(ret_pointer, POINTER_BYTES, "%s/", prefix);
    for (uint32_t i = 0; i < name.n && n + 3 < POINTER_BYTES; i++) {
        char c = name.p[i];
        if (c == '~' || c == '/') ret_pointer[n++] = '~';
        ret_pointer[n++] = (char)(c == '~' ? '0' : c == '/' ? '1' : c);
    }
    ret_pointer[n < POINTER_BYTES ? n : POINTER_BYTES - 1] = 0;
}

enum rc_status api_decode(struct api_call *call, const struct api_shape *shape, struct cel_value value,
                          const char *prefix, void *ret, struct rc_error *err)
{
    char pointer[POINTER_BYTES];
    if (value.kind != CEL_MAP) {
        api_complain(call, prefix, "must be an object");
        return api_complaints(call, err);
    }
    for (uint32_t i = 0; i < value.n; i++) {
        struct rc_sv name = cel_text(value.v.items[2 * i]);
        const struct cel_value *member = &value.v.items[2 * i + 1];
        const struct api_field *field = find_field(shape, name);
        point_at(pointer, prefix, name);
        if (!field)
            api_complain(call, pointer, "is not known here");
        else if (member->kind != CEL_NULL || field->type == API_ANY)
            decode_one(call, field, member, pointer, ret);
    }
    for (uint32_t i = 0; i < shape->n; i++) {
        const struct api_field *field = &shape->fields[i];
        const struct cel_value *member = cel_map_get(&value, field->name);
        if (!field->required || (member && (member->kind != CEL_NULL || field->type == API_ANY))) continue;
        point_at(pointer, prefix, rc_sv_of(field->name));
        api_complain(call, pointer, "is required");
    }
    return api_complaints(call, err);
}

/* Whether the body comes as it is: "identity" is no coding, and nothing else is decoded here. */
static bool is_plain(const struct http_exchange *exchange)
{
    bool more;
    struct rc_sv coding = http_header(exchange, "Content-Encoding", &more);
    return !more && (!coding.n || (coding.n == 8 && strncasecmp(coding.p, "identity", 8) == 0));
}

/* Whether a Content-Type is this one, parameters aside. */
static bool is_media(struct rc_sv type, const char *name)
{
    uint32_t n = (uint32_t)strlen(name);
    if (type.n < n || strncasecmp(type.p, name, n) != 0) return false;
    return type.n == n || type.p[n] == ';' || type.p[n] == ' ';
}

struct rc_arena *api_input_arena(uint32_t n)
{
    return rc_arena_new(INPUT_FIRST + 2 * (size_t)n, API_MAX_INPUT);
}

enum rc_status api_own_arena(struct api_call *call, struct rc_error *err)
{
    struct rc_arena *arena = api_input_arena(0);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    call->arena = arena;
    return RC_OK;
}

enum rc_status api_read_body(struct api_call *call, struct rc_error *err)
{
    const struct api_shape *shape = call->route->body;
    const char *media = shape->lines ? "application/x-ndjson" : "application/json";
    if (!is_media(http_header(call->exchange, "Content-Type", NULL), media))
        return rc_fail(err, RC_MEDIA, "the body must be sent as \"Content-Type: %s\"", media);
    if (!is_plain(call->exchange))
        return rc_fail(err, RC_MEDIA, "the body must be sent as it is, without a Content-Encoding");
    if (shape->lines) return RC_OK;
    struct cel_value value;
    enum rc_status status =
        rc_json_parse_within(call->http.body, call->api->options.limits.json_depth, call->arena, &value, err);
    if (status != RC_OK) return status;
    void *body = rc_alloc_zero(call->arena, 1, shape->size);
    if (!body) return rc_fail_arena(err, call->arena);
    status = api_decode(call, shape, value, "", body, err);
    if (status == RC_OK) call->body = body;
    return status;
}
