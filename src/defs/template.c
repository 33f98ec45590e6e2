/* Templates to CEL source. "a${x}b" becomes ("a" + (_text(x) + "b")), a tree becomes list and map literals. */
#include "defs/template.h"

#include "base/num.h"
#include "base/utf8.h"
#include "defs/scope.h"

struct part { /* of a scalar: literal text, or what stands between ${ and } */
    bool insertion;
    uint32_t at; /* in the scalar's value; of an insertion, behind the brace */
    struct rc_sv text;
};

struct parts {
    struct part *part;
    uint32_t n;
};

/* ---- splitting */

/* Index behind the string literal that begins with the quote at `at`. */
static uint32_t behind_string(struct rc_sv text, uint32_t at)
{
    char quote = text.p[at];
    bool raw = at > 0 && (text.p[at - 1] | 0x20) == 'r';
    uint32_t width = text.n - at >= 3 && text.p[at + 1] == quote && text.p[at + 2] == quote ? 3 : 1;
    for (at += width; at < text.n; at++) {
        if (text.p[at] == '\\' && !raw) {
            at++;
        } else if (text.p[at] == quote &&
                   (width == 1 || (text.n - at >= 3 && text.p[at + 1] == quote && text.p[at + 2] == quote))) {
            return at + width;
        }
    }
    return text.n;
}

uint32_t defs_insertion_end(struct rc_sv text, uint32_t at)
{
    uint32_t depth = 0;
    while (at < text.n) {
        char c = text.p[at];
        if (c == '"' || c == '\'') {
            at = behind_string(text, at);
            continue;
        }
        if (c == '/' && at + 1 < text.n && text.p[at + 1] == '/') { /* a comment, up to the end of the line */
            while (at < text.n && text.p[at] != '\n') at++;
            continue;
        }
        if (c == '}' && depth == 0) return at;
        depth += (c == '{') - (unsigned)(c == '}');
        at++;
    }
    return text.n < at ? text.n : at;
}

static uint32_t count_insertions(struct rc_sv text)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < text.n; i++) n += text.p[i] == '$' && text.p[i + 1] == '{';
    return n;
}

static bool has_insertion(struct rc_sv text)
{
    return count_insertions(text) > 0;
}

static void flush_literal(struct parts *parts, struct rc_buf *literal, uint32_t at)
{
    if (!literal->n) return;
    parts->part[parts->n++] = (struct part){.at = at, .text = rc_buf_sv(literal)};
    *literal = rc_buf_in(literal->arena, literal->limit);
}

static bool split(struct defs_reader *r, const struct defs_node *node, struct parts *ret)
{
    struct rc_sv text = node->text;
    struct rc_buf literal = rc_buf_in(r->scratch, RC_MAX_DEF_FILE);
    struct parts parts = {
        rc_alloc(r->scratch, (2 * (size_t)count_insertions(text) + 1) * sizeof(struct part)), 0};
    if (!parts.part) return defs_fail_arena(r, r->scratch);
    uint32_t i = 0, from = 0;
    while (i < text.n) {
        struct rc_sv rest = {text.p + i, text.n - i};
        if (rc_sv_starts(rest, RC_SV("$${"))) {
            rc_put_text(&literal, "${");
            i += 3;
        } else if (rc_sv_starts(rest, RC_SV("${"))) {
            flush_literal(&parts, &literal, from);
            uint32_t end = defs_insertion_end(text, i + 2);
            if (end == text.n)
                return defs_fail_byte(r, defs_node_byte(r->source, node, i), RC_SYNTAX,
                                      "'${' without its '}' (write '$${' for the text itself)");
            parts.part[parts.n++] = (struct part){true, i + 2, {text.p + i + 2, end - i - 2}};
            i = from = end + 1;
        } else {
            rc_put_char(&literal, text.p[i++]);
        }
    }
    if (literal.status != RC_OK) return defs_fail_arena(r, r->scratch);
    flush_literal(&parts, &literal, from);
    *ret = parts;
    return true;
}

/* ---- compiling */

/* Byte offset of a line and column within an expression. */
static uint32_t offset_of(struct rc_sv text, unsigned line, unsigned column)
{
    uint32_t at = 0;
    for (; line > 1 && at < text.n; at++) line -= text.p[at] == '\n';
    for (; column > 1 && at < text.n; column--) {
        uint32_t length = rc_utf8_length(text.p + at, text.n - at);
        at += length ? length : 1;
    }
    return at < text.n ? at : text.n;
}

/* What is read of a child is checked again beside its flow. */
static bool keep_read(struct defs_reader *r, struct rc_sv piece, uint32_t byte)
{
    if (r->nreads == r->cap_reads) {
        uint32_t cap = r->cap_reads ? 2 * r->cap_reads : 8;
        struct flow_read *more = RC_NEW_ARRAY(r->scratch, struct flow_read, cap);
        if (!more) return defs_fail_arena(r, r->scratch);
        if (r->nreads) memcpy(more, r->reads, r->nreads * sizeof *more);
        r->reads = more;
        r->cap_reads = cap;
    }
    struct defs_position at = defs_source_position(r->source, byte);
    struct rc_sv source = defs_keep(r, piece);
    if (!source.p) return false;
    r->reads[r->nreads++] = (struct flow_read){source, at.line, at.column};
    return true;
}

/* Compiles a piece as the author wrote it, which begins at byte `at` of the scalar's value, for its errors and
 * its type. */
static bool check_piece(struct defs_reader *r, const struct defs_node *node, struct rc_sv piece, uint32_t at,
                        struct defs_reach reach, const struct cel_type **ret)
{
    struct defs_scope scope;
    struct rc_error err = {0};
    const struct cel_prog *prog;
    enum rc_status status =
        cel_compile(piece, defs_scope_of_piece(r, reach, &scope), r->scratch, &prog, &err);
    if (status == RC_OK) {
        *ret = cel_prog_type(prog);
        return !(reach.roots & DEFS_ROOT(CHILD)) || keep_read(r, piece, defs_node_byte(r->source, node, at));
    }
    if (status == RC_NOMEM) return defs_fail_arena(r, r->scratch);
    uint32_t byte = defs_node_byte(r->source, node, at + offset_of(piece, err.line, err.column));
    return defs_fail_byte(r, byte, status, "%s", err.text);
}

bool defs_compile(struct defs_reader *r, const struct defs_node *node, const struct rc_buf *code,
                  struct defs_reach reach, const struct cel_prog **ret)
{
    if (code->status == RC_NOMEM) return defs_fail_arena(r, code->arena);
    if (code->status != RC_OK)
        return defs_fail(r, node, RC_LIMIT, "text and expressions together are longer than %d bytes",
                         RC_MAX_EXPR);
    struct defs_scope scope;
    struct rc_error err = {0};
    enum rc_status status =
        cel_compile(rc_buf_sv(code), defs_scope_of_site(r, reach, &scope), r->arena, ret, &err);
    if (status == RC_OK) return true;
    if (status == RC_NOMEM) return defs_fail_arena(r, r->arena);
    return defs_fail(r, node, status, "%s", err.text); /* a limit: every piece alone was fine */
}

static bool keep_site(struct defs_reader *r, const struct defs_node *node, const struct cel_prog *prog,
                      flow_site *ret)
{
    if (r->nsites == RC_MAX_SITES)
        return defs_fail(r, node, RC_LIMIT, "the flow has more than %d expressions", RC_MAX_SITES - 1);
    if (r->nsites == r->cap_sites) {
        uint32_t cap = r->cap_sites ? 2 * r->cap_sites : 64;
        struct flow_site_info *more = RC_NEW_ARRAY(r->scratch, struct flow_site_info, cap);
        if (!more) return defs_fail_arena(r, r->scratch);
        if (r->nsites) memcpy(more, r->sites, r->nsites * sizeof *more);
        r->sites = more;
        r->cap_sites = cap;
    }
    if (r->nsites == 0) r->nsites = 1; /* 0 means none */
    struct defs_position at = defs_source_position(r->source, node->at);
    struct rc_sv place = defs_place_text(r);
    if (!place.p) return defs_fail_arena(r, r->arena);
    *ret = (flow_site)r->nsites;
    r->sites[r->nsites++] =
        (struct flow_site_info){.prog = prog, .place = place, .line = at.line, .column = at.column};
    return true;
}

bool defs_add_site(struct defs_reader *r, const struct defs_node *node, const struct rc_buf *code,
                   struct defs_reach reach, flow_site *ret)
{
    const struct cel_prog *prog = NULL;
    return defs_compile(r, node, code, reach, &prog) && keep_site(r, node, prog, ret);
}

/* ---- scalars and trees */

static bool is_textual(enum cel_type_kind kind)
{
    switch (kind) {
    case CEL_T_DYN:
    case CEL_T_BOOL:
    case CEL_T_INT:
    case CEL_T_UINT:
    case CEL_T_DOUBLE:
    case CEL_T_STRING:
    case CEL_T_DURATION:
    case CEL_T_TIMESTAMP:
    case CEL_T_SECRET: return true;
    case CEL_T_NULL:
    case CEL_T_BYTES:
    case CEL_T_TYPE:
    case CEL_T_LIST:
    case CEL_T_MAP:
    case CEL_T_OBJECT: break;
    }
    return false;
}

/* Whether the scalar is one insertion that keeps its type. */
static bool is_whole(const struct parts *parts, enum defs_use use)
{
    return parts->n == 1 && parts->part->insertion && (use == DEFS_VALUE || use == DEFS_QUERY);
}

/* What a known type cannot become is found now; dyn is looked at when it is evaluated. */
static bool check_parts(struct defs_reader *r, const struct defs_node *node, const struct parts *parts,
                        enum defs_use use, struct defs_reach reach)
{
    bool ok = true, whole = is_whole(parts, use);
    for (uint32_t i = 0; i < parts->n && !defs_is_full(r); i++) {
        const struct part *part = &parts->part[i];
        const struct cel_type *type = NULL;
        if (!part->insertion) continue;
        if (!check_piece(r, node, part->text, part->at, reach, &type)) {
            ok = false;
            continue;
        }
        bool list = whole && use == DEFS_QUERY && type->kind == CEL_T_LIST;
        if (is_textual(type->kind) || list || (whole && use == DEFS_VALUE)) continue;
        struct rc_sv name = cel_type_text(type, r->scratch);
        ok = defs_fail_byte(r, defs_node_byte(r->source, node, part->at), RC_INVALID,
                            "this is of type %.*s, and text cannot be made of that", RC_SV_ARG(name));
    }
    return ok && !defs_is_full(r);
}

static void put_part(struct rc_buf *code, const struct part *part, const char *function)
{
    if (!part->insertion) {
        rc_put_json(code, part->text); /* JSON's escapes are CEL's */
        return;
    }
    rc_put_text(code, function);
    rc_put_char(code, '(');
    rc_put(code, part->text);
    rc_put_text(code, memmem(part->text.p, part->text.n, "//", 2) ? "\n)" : ")"); /* behind a comment */
}

/* Halves, so that the syntax tree is not as deep as the text has parts. */
static void put_sum(struct rc_buf *code, const struct part *part, uint32_t n, const char *function)
{
    if (n == 1) {
        put_part(code, part, function);
        return;
    }
    rc_put_char(code, '(');
    put_sum(code, part, n / 2, function);
    rc_put_text(code, " + ");
    put_sum(code, part + n / 2, n - n / 2, function);
    rc_put_char(code, ')');
}

static bool put_text(struct defs_reader *r, struct rc_buf *code, const struct defs_node *node,
                     enum defs_use use, struct defs_reach reach)
{
    struct parts parts = {0};
    if (!split(r, node, &parts) || !check_parts(r, node, &parts, use, reach)) return false;
    const char *function = is_whole(&parts, use) ? "" : use == DEFS_PATH ? "_segment" : "_text";
    if (parts.n == 0)
        rc_put_text(code, "\"\"");
    else
        put_sum(code, parts.part, parts.n, function);
    return true;
}

static void put_double(struct rc_buf *code, double number)
{
    char text[RC_NUM_TEXT];
    struct rc_sv digits = {text, rc_format_double(number, text)};
    rc_put(code, digits);
    if (!memchr(digits.p, '.', digits.n) && !memchr(digits.p, 'e', digits.n)) rc_put_text(code, ".0");
}

bool defs_put_scalar(struct defs_reader *r, struct rc_buf *code, const struct defs_node *node,
                     enum defs_use use, struct defs_reach reach)
{
    if (!defs_want(r, node, DEFS_SCALAR, "text or a single value")) return false;
    struct defs_scalar scalar = defs_scalar_of(node);
    if (use != DEFS_VALUE && scalar.kind == DEFS_IS_NULL)
        return defs_fail(r, node, RC_INVALID, "must be text, not nothing");
    if (use != DEFS_VALUE) return put_text(r, code, node, use, reach);
    switch (scalar.kind) {
    case DEFS_IS_TEXT: return put_text(r, code, node, use, reach);
    case DEFS_IS_NULL: rc_put_text(code, "null"); break;
    case DEFS_IS_BOOL: rc_put_text(code, scalar.b ? "true" : "false"); break;
    case DEFS_IS_INT: rc_put_i64(code, scalar.i); break;
    case DEFS_IS_DOUBLE: put_double(code, scalar.d); break;
    case DEFS_IS_UNCLEAR:
        return defs_fail(r, node, RC_INVALID, "'%.*s': %s", RC_SV_ARG(node->text), scalar.problem);
    }
    return true;
}

bool defs_put_key(struct defs_reader *r, struct rc_buf *code, const struct defs_node *key)
{
    if (has_insertion(key->text)) return defs_fail(r, key, RC_INVALID, "a key cannot hold ${…}");
    rc_put_json(code, key->text);
    rc_put_text(code, ": ");
    return true;
}

/* Recursion is bounded by the nesting of YAML. */
bool defs_put_tree(struct defs_reader *r, struct rc_buf *code, const struct defs_node *node,
                   struct defs_reach reach)
{
    if (node->kind == DEFS_SCALAR) return defs_put_scalar(r, code, node, DEFS_VALUE, reach);
    bool ok = true, list = node->kind == DEFS_LIST;
    uint32_t i = 0;
    rc_put_char(code, list ? '[' : '{');
    for (const struct defs_node *child = node->first; child; child = child->next, i++) {
        struct defs_place place = {.up = r->place, .item = list, .index = i};
        if (!list) place.name = child->text;
        r->place = &place;
        if (i) rc_put_text(code, ", ");
        if (!list) ok &= defs_put_key(r, code, child);
        ok &= defs_put_tree(r, code, list ? child : child->value, reach);
        r->place = place.up;
    }
    rc_put_char(code, list ? ']' : '}');
    return ok;
}

/* ---- fields */

static bool read_condition(struct defs_reader *r, const struct defs_node *node, unsigned roots,
                           flow_site *target)
{
    if (!defs_want(r, node, DEFS_SCALAR, "an expression that is true or false")) return false;
    if (defs_scalar_of(node).kind == DEFS_IS_NULL)
        return defs_fail(r, node, RC_INVALID, "must be an expression, not nothing");
    if (has_insertion(node->text))
        return defs_fail(r, node, RC_SYNTAX, "a condition is a bare expression: leave out '${' and '}'");
    const struct cel_type *type = NULL;
    struct defs_reach reach = {.roots = roots};
    if (!check_piece(r, node, node->text, 0, reach, &type)) return false;
    if (type->kind != CEL_T_BOOL && type->kind != CEL_T_DYN)
        return defs_fail(r, node, RC_INVALID, "a condition must be true or false; this is of type %.*s",
                         RC_SV_ARG(cel_type_text(type, r->scratch)));
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    rc_put(&code, node->text);
    return defs_add_site(r, node, &code, reach, target);
}

bool defs_read_condition(struct defs_reader *r, const struct defs_node *node, void *target, const void *arg)
{
    (void)arg;
    return read_condition(r, node, r->roots, target);
}

bool defs_read_condition_of_answer(struct defs_reader *r, const struct defs_node *node, void *target,
                                   const void *arg)
{
    (void)arg;
    return read_condition(r, node, r->roots | DEFS_ROOT(RESPONSE), target);
}

bool defs_read_text_template(struct defs_reader *r, const struct defs_node *node, void *target,
                             const void *arg)
{
    (void)arg;
    struct defs_reach reach = {.roots = r->roots};
    struct rc_buf code = rc_buf_in(r->scratch, RC_MAX_EXPR);
    return defs_put_scalar(r, &code, node, DEFS_TEXT, reach) && defs_add_site(r, node, &code, reach, target);
}
