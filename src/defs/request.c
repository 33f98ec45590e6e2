/* Requests: everything about one that is known before it is sent is checked here. */
#include "defs/program.h"
#include "defs/worker.h"

#include "base/near.h"

struct build {
    struct rc_buf code;
    bool has_method, safe, may_have_body;
};

static const struct method {
    const char *name;
    bool safe, body;
} methods[] = {{"GET", true, false}, {"HEAD", true, false},  {"POST", false, true},
               {"PUT", false, true}, {"PATCH", false, true}, {"DELETE", false, true}};

static bool read_method(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    if (!defs_want(r, node, DEFS_SCALAR, "GET, HEAD, POST, PUT, PATCH or DELETE")) return false;
    struct rc_near near = {.wanted = node->text};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        rc_near_try(&near, rc_sv_of(methods[i].name));
        if (!rc_sv_is(node->text, methods[i].name)) continue;
        build->has_method = true;
        build->safe = methods[i].safe;
        build->may_have_body = methods[i].body;
        rc_put_format(&build->code, "{\"method\": \"%s\"", methods[i].name);
        return true;
    }
    return defs_fail(r, node, RC_INVALID, "must be GET, HEAD, POST, PUT, PATCH or DELETE, not '%.*s'%s",
                     RC_SV_ARG(node->text), defs_hint(near.best).text);
}

/* pchar of RFC 3986, 3.3, '/' and the letters of ${…}, which are looked at by the compiler. */
static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~!$&'()*+,;=:@/%", c));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Index behind an insertion at `at`, or `at` itself. The end of the braces was checked before. */
static uint32_t behind_insertion(struct rc_sv text, uint32_t at)
{
    if (text.n - at < 2 || text.p[at] != '$' || text.p[at + 1] != '{') return at;
    return defs_insertion_end(text, at + 2) + 1;
}

/* The literal parts of a path: what the other side would see otherwise than it is written is refused. */
static bool check_path(struct defs_reader *r, const struct defs_node *node)
{
    struct rc_sv text = node->text;
    uint32_t segment = 1, at = 0;
    if (!text.n || text.p[0] != '/')
        return defs_fail(r, node, RC_INVALID,
                         "a path begins with '/': it is joined to the dependency's base");
    for (; at <= text.n; at++) {
        bool end = at == text.n || text.p[at] == '/';
        struct rc_sv part = {text.p + segment, at < segment ? 0 : at - segment};
        if (end && (rc_sv_is(part, ".") || rc_sv_is(part, "..")))
            return defs_fail_byte(r, defs_node_byte(r->source, node, segment), RC_INVALID,
                                  "a path cannot have '.' and '..' segments");
        if (end) segment = at + 1;
        if (at == text.n) break;
        uint32_t behind = behind_insertion(text, at);
        if (behind > at) {
            at = behind - 1;
            continue;
        }
        bool escape =
            text.p[at] != '%' || (text.n - at > 2 && is_hex(text.p[at + 1]) && is_hex(text.p[at + 2]));
        if (is_path_char(text.p[at]) && escape) continue;
        return defs_fail_byte(r, defs_node_byte(r->source, node, at), RC_INVALID, "%s",
                              text.p[at] == '?' ? "a path has no '?': put the query under 'query'"
                                                : "this character must be percent-encoded in a path");
    }
    return true;
}

static bool read_path(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    rc_put_text(&build->code, ", \"path\": ");
    return defs_put_scalar(r, &build->code, node, DEFS_PATH, (struct defs_reach){.roots = r->roots}) &&
           check_path(r, node);
}

/* How the value of one entry is put; it has been found under the key of the map. */
typedef bool put_entry_fn(struct defs_reader *, struct rc_buf *, const struct defs_node *map,
                          const struct defs_node *key);

static bool put_entries(struct defs_reader *r, struct rc_buf *code, const struct defs_node *map,
                        put_entry_fn *put)
{
    bool ok = true;
    rc_put_char(code, '{');
    for (const struct defs_node *key = map->first; key; key = key->next) {
        struct defs_place place = {.up = r->place, .name = key->text};
        r->place = &place;
        if (key != map->first) rc_put_text(code, ", ");
        ok &= defs_put_key(r, code, key) && put(r, code, map, key);
        r->place = place.up;
    }
    rc_put_char(code, '}');
    return ok;
}

/* A list repeats the name. */
static bool put_query_value(struct defs_reader *r, struct rc_buf *code, const struct defs_node *map,
                            const struct defs_node *key)
{
    (void)map;
    const struct defs_node *node = key->value;
    struct defs_reach reach = {.roots = r->roots};
    if (node->kind != DEFS_LIST) return defs_put_scalar(r, code, node, DEFS_QUERY, reach);
    bool ok = true;
    rc_put_char(code, '[');
    for (const struct defs_node *item = node->first; item; item = item->next) {
        if (item != node->first) rc_put_text(code, ", ");
        ok &= defs_put_scalar(r, code, item, DEFS_TEXT, reach);
    }
    rc_put_char(code, ']');
    return ok;
}

static bool read_query(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    if (!defs_want(r, node, DEFS_MAP, "a map of names to texts")) return false;
    rc_put_text(&build->code, ", \"query\": ");
    return put_entries(r, &build->code, node, put_query_value);
}

/* A token of RFC 9110, 5.6.2. */
static bool is_token(struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return text.n > 0;
}

static bool check_header(struct defs_reader *r, const struct defs_node *map, const struct defs_node *key)
{
    if (!is_token(key->text))
        return defs_fail(r, key, RC_INVALID, "'%.*s' cannot be the name of a header", RC_SV_ARG(key->text));
    if (flow_header_reserved(key->text))
        return defs_fail(r, key, RC_INVALID, "the header '%.*s' is set by Recourse itself",
                         RC_SV_ARG(key->text));
    for (const struct defs_node *earlier = map->first; earlier != key; earlier = earlier->next)
        if (flow_header_same(earlier->text, key->text))
            return defs_fail(r, key, RC_INVALID, "the header '%.*s' is here twice", RC_SV_ARG(key->text));
    const struct defs_node *value = key->value;
    for (uint32_t i = 0; value->kind == DEFS_SCALAR && i < value->text.n; i++) {
        unsigned char c = (unsigned char)value->text.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return defs_fail(r, value, RC_INVALID, "a header has no line breaks");
    }
    return true;
}

static bool put_header(struct defs_reader *r, struct rc_buf *code, const struct defs_node *map,
                       const struct defs_node *key)
{
    struct defs_reach reach = {.roots = r->roots, .secrets = true};
    return check_header(r, map, key) && defs_put_scalar(r, code, key->value, DEFS_TEXT, reach);
}

bool defs_put_headers(struct defs_reader *r, struct rc_buf *code, const struct defs_node *map)
{
    if (!defs_want(r, map, DEFS_MAP, "a map of header names to texts")) return false;
    if (map->n > RC_MAX_OUT_HEADERS)
        return defs_fail(r, map, RC_LIMIT, "more than %d headers", RC_MAX_OUT_HEADERS);
    return put_entries(r, code, map, put_header);
}

static bool read_headers(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    rc_put_text(&build->code, ", \"headers\": ");
    return defs_put_headers(r, &build->code, node);
}

static bool read_body(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    struct build *build = target;
    if (build->has_method && !build->may_have_body)
        return defs_fail(r, node, RC_INVALID, "GET and HEAD have no body");
    rc_put_text(&build->code, ", \"body\": ");
    return defs_put_tree(r, &build->code, node, (struct defs_reach){.roots = r->roots});
}

static const struct defs_field request_field[] = {
    {"method", DEFS_REQUIRED, read_method, 0, NULL}, {"path", DEFS_REQUIRED, read_path, 0, NULL},
    {"query", DEFS_OPTIONAL, read_query, 0, NULL},   {"headers", DEFS_OPTIONAL, read_headers, 0, NULL},
    {"body", DEFS_OPTIONAL, read_body, 0, NULL},
};
static const struct defs_table request_table = DEFS_TABLE(request_field);

bool defs_add_ask(struct defs_reader *r, const struct defs_node *node, enum flow_dep_kind kind,
                  struct rc_sv program)
{
    struct defs_asks *asks = &r->asks;
    if (asks->n == asks->cap) {
        uint32_t cap = asks->cap ? 2 * asks->cap : 16;
        struct defs_ask *more = RC_NEW_ARRAY(r->arena, struct defs_ask, cap);
        if (!more) return defs_fail_arena(r, r->arena);
        if (asks->n) memcpy(more, asks->item, asks->n * sizeof *more);
        asks->item = more;
        asks->cap = cap;
    }
    asks->item[asks->n++] = (struct defs_ask){.dependency = r->calls,
                                              .kind = kind,
                                              .program = program,
                                              .at = defs_source_position(r->source, node->at)};
    return true;
}

bool defs_read_request(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    struct defs_request *request = target;
    if (node->kind == DEFS_MAP && defs_node_key(node, "program"))
        return defs_read_program_request(r, node, target, arg);
    if (node->kind == DEFS_MAP && defs_node_key(node, "task"))
        return defs_read_task_request(r, node, target, arg);
    struct build build = {.code = rc_buf_in(r->scratch, RC_MAX_EXPR)};
    bool ok = defs_read_object(r, node, &request_table, &build);
    request->safe = build.safe;
    rc_put_char(&build.code, '}');
    /* secrets are let into headers only: every piece elsewhere was compiled without them */
    return ok && defs_add_ask(r, node, FLOW_DEP_HTTP, (struct rc_sv){0}) &&
           defs_add_site(r, node, &build.code, (struct defs_reach){.roots = r->roots, .secrets = true},
                         &request->site);
}
