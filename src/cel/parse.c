/* The parser: recursive descent, with precedence climbing for the binary operators. Its recursion and the
 * tree's depth are bounded by RC_MAX_EXPR_DEPTH; macros become nodes here. Names are not resolved yet. */
#include "cel/builtin.h"
#include "cel/lex.h"
#include "cel/node.h"

#include "base/limits.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct parser {
    struct cel_lexer lex;
    struct cel_token token; /* the next one, not consumed yet */
    struct rc_arena *arena;
    struct rc_error *err;
    uint32_t depth, nodes;
};

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum rc_status try_status = (call);                                                                  \
        if (try_status != RC_OK) return try_status;                                                          \
    } while (0)

static enum rc_status parse_expr(struct parser *, struct cel_node **ret);

/* ---- tokens ---- */

static enum rc_status advance(struct parser *parser)
{
    return cel_lex(&parser->lex, &parser->token);
}

static bool at_mark(const struct parser *parser, const char *mark)
{
    return parser->token.kind == CEL_TOK_MARK && rc_sv_is(parser->token.text, mark);
}

static bool at_word(const struct parser *parser, const char *word)
{
    return parser->token.kind == CEL_TOK_NAME && rc_sv_is(parser->token.text, word);
}

static enum rc_status fail_here(struct parser *parser, const char *wanted)
{
    struct rc_sv source = parser->lex.source;
    uint32_t at = parser->token.at;
    if (parser->token.kind == CEL_TOK_END)
        return cel_fail_at(parser->err, source, at, RC_SYNTAX, "the expression ends where %s is expected",
                           wanted);
    uint32_t n = parser->lex.at - at < 40 ? parser->lex.at - at : 40;
    return cel_fail_at(parser->err, source, at, RC_SYNTAX, "found '%.*s' where %s is expected", (int)n,
                       source.p + at, wanted);
}

static enum rc_status unsupported(struct parser *parser, const char *what)
{
    return cel_fail_at(parser->err, parser->lex.source, parser->token.at, RC_UNSUPPORTED,
                       "%s are not supported in this version", what);
}

static enum rc_status expect(struct parser *parser, const char *mark, const char *wanted)
{
    if (!at_mark(parser, mark)) return fail_here(parser, wanted);
    return advance(parser);
}

/* ---- nodes ---- */

static enum rc_status make(struct parser *parser, enum cel_op op, uint32_t at, struct cel_node **ret)
{
    if (++parser->nodes > RC_MAX_EXPR_NODES) {
        (void)cel_fail_at(parser->err, parser->lex.source, at, RC_LIMIT,
                          "the expression has more than %d parts", RC_MAX_EXPR_NODES);
        return RC_LIMIT;
    }
    struct cel_node *node = RC_NEW(parser->arena, struct cel_node);
    if (!node) {
        enum rc_status status = rc_fail_arena(parser->err, parser->arena);
        assert(status != RC_OK); /* callers rely on a node */
        return status;
    }
    node->op = (uint8_t)op;
    node->at = at;
    node->depth = 1;
    *ret = node;
    return RC_OK;
}

static enum rc_status too_deep(struct parser *parser, uint32_t at)
{
    (void)cel_fail_at(parser->err, parser->lex.source, at, RC_LIMIT,
                      "the expression is nested deeper than %d", RC_MAX_EXPR_DEPTH);
    return RC_LIMIT;
}

/* Hangs a child behind the last one. Walking there is quadratic only in calls, which have few arguments;
 * lists and maps pass `tail`. */
static enum rc_status adopt_at(struct parser *parser, struct cel_node *node, struct cel_node ***tail,
                               struct cel_node *child)
{
    **tail = child;
    *tail = &child->next;
    node->n++;
    if (child->depth >= node->depth) node->depth = (uint16_t)(child->depth + 1);
    return node->depth > RC_MAX_EXPR_DEPTH ? too_deep(parser, child->at) : RC_OK;
}

static enum rc_status adopt(struct parser *parser, struct cel_node *node, struct cel_node *child)
{
    struct cel_node **tail = &node->first;
    while (*tail) tail = &(*tail)->next;
    return adopt_at(parser, node, &tail, child);
}

/* ---- macros ---- */

static const struct {
    char name[12];
    uint8_t op;
    uint8_t max; /* arguments; the least is 2 */
} macro[] = {{"all", CEL_OP_ALL, 2},
             {"exists", CEL_OP_EXISTS, 2},
             {"exists_one", CEL_OP_ONE, 2},
             {"map", CEL_OP_EACH, 3},
             {"filter", CEL_OP_FILTER, 2}};

/* target.all(x, p): the call's first argument must be a plain name, which becomes the node's value. */
static enum rc_status expand_method(struct parser *parser, struct cel_node *node)
{
    unsigned i = 0;
    while (i < sizeof macro / sizeof *macro && !rc_sv_is(cel_text(node->value), macro[i].name)) i++;
    if (i == sizeof macro / sizeof *macro) return RC_OK;
    struct cel_node *target = node->first, *variable = target->next;
    if (node->n < 3 || node->n > macro[i].max + 1u || variable->op != CEL_OP_NAME || variable->absolute)
        return cel_fail_at(parser->err, parser->lex.source, node->at, RC_SYNTAX,
                           "%s takes the name of a variable and an expression over it: LIST.%s(x, …)",
                           macro[i].name, macro[i].name);
    node->op = macro[i].op;
    node->value = variable->value;
    target->next = variable->next;
    node->n--;
    return RC_OK;
}

static enum rc_status expand_call(struct parser *parser, struct cel_node *node)
{
    if (!rc_sv_is(cel_text(node->value), "has")) return RC_OK;
    if (node->n != 1 || node->first->op != CEL_OP_SELECT)
        return cel_fail_at(parser->err, parser->lex.source, node->at, RC_SYNTAX,
                           "has takes a field, as in has(payload.title)");
    struct cel_node *select = node->first;
    node->op = CEL_OP_HAS;
    node->at = select->at;
    node->first = select->first;
    node->value = select->value;
    return RC_OK;
}

/* ---- primaries ---- */

/* expr, expr … up to a closing mark, which is consumed. */
static enum rc_status parse_arguments(struct parser *parser, struct cel_node *node, const char *closing,
                                      bool trailing)
{
    struct cel_node **tail = &node->first;
    while (*tail) tail = &(*tail)->next;
    while (!at_mark(parser, closing)) {
        struct cel_node *item = NULL;
        TRY(parse_expr(parser, &item));
        TRY(adopt_at(parser, node, &tail, item));
        if (!at_mark(parser, ",")) break;
        TRY(advance(parser));
        if (at_mark(parser, closing) && !trailing) return fail_here(parser, "an argument");
    }
    return expect(parser, closing, closing[0] == ']' ? "',' or ']'" : "',' or ')'");
}

static enum rc_status parse_list(struct parser *parser, struct cel_node **ret)
{
    TRY(make(parser, CEL_OP_LIST, parser->token.at, ret));
    TRY(advance(parser));
    if (at_mark(parser, "?")) return unsupported(parser, "optional values");
    return parse_arguments(parser, *ret, "]", true);
}

static enum rc_status parse_map(struct parser *parser, struct cel_node **ret)
{
    TRY(make(parser, CEL_OP_MAP, parser->token.at, ret));
    struct cel_node **tail = &(*ret)->first, *item = NULL;
    TRY(advance(parser));
    while (!at_mark(parser, "}")) {
        if (at_mark(parser, "?")) return unsupported(parser, "optional values");
        TRY(parse_expr(parser, &item));
        TRY(adopt_at(parser, *ret, &tail, item));
        TRY(expect(parser, ":", "':'"));
        TRY(parse_expr(parser, &item));
        TRY(adopt_at(parser, *ret, &tail, item));
        if (!at_mark(parser, ",")) break;
        TRY(advance(parser));
    }
    return expect(parser, "}", "',' or '}'");
}

static bool constant_word(struct rc_sv word, struct cel_value *ret)
{
    if (rc_sv_is(word, "null"))
        *ret = cel_null();
    else if (rc_sv_is(word, "true") || rc_sv_is(word, "false"))
        *ret = cel_bool(word.n == 4);
    else
        return false;
    return true;
}

static bool is_reserved(struct rc_sv word)
{
    static const char words[][10] = {"in",      "as",        "break",  "const",  "continue", "else",
                                     "for",     "function",  "if",     "import", "let",      "loop",
                                     "package", "namespace", "return", "var",    "void",     "while"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (rc_sv_is(word, words[i])) return true;
    return false;
}

/* A name, a call or a constant word; `.name` is absolute. */
static enum rc_status parse_name(struct parser *parser, struct cel_node **ret)
{
    uint32_t at = parser->token.at;
    bool absolute = at_mark(parser, ".");
    if (absolute) TRY(advance(parser));
    struct rc_sv name = parser->token.text;
    struct cel_value value;
    if (parser->token.kind != CEL_TOK_NAME) return fail_here(parser, absolute ? "a name" : "a value");
    if (!absolute && constant_word(name, &value)) {
        TRY(make(parser, CEL_OP_CONST, at, ret));
        (*ret)->value = value;
        return advance(parser);
    }
    if (is_reserved(name))
        return cel_fail_at(parser->err, parser->lex.source, parser->token.at, RC_SYNTAX,
                           "'%.*s' is a reserved word", RC_SV_ARG(name));
    TRY(make(parser, CEL_OP_NAME, at, ret));
    struct cel_node *node = *ret;
    node->absolute = absolute;
    node->value = cel_string(name);
    TRY(advance(parser));
    if (at_mark(parser, "{")) return unsupported(parser, "messages (Name{field: value})");
    if (!at_mark(parser, "(")) return RC_OK;
    node->op = CEL_OP_CALL;
    TRY(advance(parser));
    TRY(parse_arguments(parser, node, ")", false));
    return expand_call(parser, node);
}

/* A number without or with a sign. */
static enum rc_status parse_int(struct parser *parser, uint32_t at, bool minus, struct cel_node **ret)
{
    uint64_t size = parser->token.value.v.u;
    if (size > (uint64_t)INT64_MAX + minus)
        return cel_fail_at(parser->err, parser->lex.source, parser->token.at, RC_SYNTAX,
                           "this number does not fit into an int; with a 'u' behind it, it is a uint");
    TRY(make(parser, CEL_OP_CONST, at, ret));
    (*ret)->value = cel_int(minus ? (int64_t)(0 - size) : (int64_t)size);
    return advance(parser);
}

static enum rc_status parse_primary(struct parser *parser, struct cel_node **ret)
{
    uint32_t at = parser->token.at;
    if (parser->token.kind == CEL_TOK_INT) return parse_int(parser, at, false, ret);
    if (parser->token.kind == CEL_TOK_VALUE) {
        TRY(make(parser, CEL_OP_CONST, at, ret));
        (*ret)->value = parser->token.value;
        return advance(parser);
    }
    if (at_mark(parser, "[")) return parse_list(parser, ret);
    if (at_mark(parser, "{")) return parse_map(parser, ret);
    if (!at_mark(parser, "(")) return parse_name(parser, ret);
    TRY(advance(parser));
    TRY(parse_expr(parser, ret));
    return expect(parser, ")", "')'");
}

/* ---- members and operators ---- */

/* .field, .method(…) */
static enum rc_status parse_dot(struct parser *parser, struct cel_node *target, struct cel_node **ret)
{
    TRY(advance(parser));
    uint32_t at = parser->token.at;
    if (at_mark(parser, "?")) return unsupported(parser, "optional fields (.?)");
    bool quoted = parser->token.kind == CEL_TOK_QUOTED;
    struct rc_sv name = parser->token.text;
    struct cel_value word;
    if ((parser->token.kind != CEL_TOK_NAME && !quoted) ||
        (!quoted && (constant_word(name, &word) || rc_sv_is(name, "in"))))
        return fail_here(parser, "the name of a field");
    TRY(make(parser, CEL_OP_SELECT, at, ret));
    struct cel_node *node = *ret;
    node->value = cel_string(name);
    TRY(adopt(parser, node, target));
    TRY(advance(parser));
    if (quoted || !at_mark(parser, "(")) {
        if (!quoted && at_mark(parser, "{")) return unsupported(parser, "messages (Name{field: value})");
        return RC_OK;
    }
    node->op = CEL_OP_METHOD;
    TRY(advance(parser));
    TRY(parse_arguments(parser, node, ")", false));
    return expand_method(parser, node);
}

static enum rc_status parse_index(struct parser *parser, struct cel_node *target, struct cel_node **ret)
{
    struct cel_node *index = NULL;
    TRY(make(parser, CEL_OP_CALL, parser->token.at, ret));
    TRY(advance(parser));
    if (at_mark(parser, "?")) return unsupported(parser, "optional fields ([?])");
    TRY(parse_expr(parser, &index));
    (*ret)->value = cel_string(RC_SV("[]"));
    (*ret)->fn = CEL_FN_INDEX;
    TRY(adopt(parser, *ret, target));
    TRY(adopt(parser, *ret, index));
    return expect(parser, "]", "']'");
}

static enum rc_status parse_suffixes(struct parser *parser, struct cel_node **io)
{
    for (;;) {
        struct cel_node *target = *io;
        if (at_mark(parser, "."))
            TRY(parse_dot(parser, target, io));
        else if (at_mark(parser, "["))
            TRY(parse_index(parser, target, io));
        else
            return RC_OK;
    }
}

static enum rc_status wrap(struct parser *parser, enum cel_fn fn, struct rc_sv name, uint32_t at,
                           struct cel_node **io)
{
    struct cel_node *node = NULL;
    TRY(make(parser, CEL_OP_CALL, at, &node));
    node->fn = (uint8_t)fn;
    node->value = cel_string(name);
    TRY(adopt(parser, node, *io));
    *io = node;
    return RC_OK;
}

/* One '-' right before a number belongs to it, so that the least int can be written. */
static enum rc_status parse_unary(struct parser *parser, struct cel_node **ret)
{
    uint32_t at = parser->token.at, count = 0;
    bool minus = at_mark(parser, "-");
    const char *mark = minus ? "-" : "!";
    for (; at_mark(parser, mark); count++) TRY(advance(parser));
    bool number = minus && count > 0 &&
                  (parser->token.kind == CEL_TOK_INT ||
                   (parser->token.kind == CEL_TOK_VALUE && parser->token.value.kind == CEL_DOUBLE));
    if (number) {
        count--;
        if (parser->token.kind == CEL_TOK_VALUE) parser->token.value.v.d = -parser->token.value.v.d;
    }
    if (number && parser->token.kind == CEL_TOK_INT)
        TRY(parse_int(parser, at, true, ret));
    else
        TRY(parse_primary(parser, ret));
    TRY(parse_suffixes(parser, ret));
    for (; count > 0; count--)
        TRY(wrap(parser, minus ? CEL_FN_NEG : CEL_FN_NOT, minus ? RC_SV("-") : RC_SV("!"), at, ret));
    return RC_OK;
}

/* Binary operators with their rank; a higher one binds tighter. */
static const struct {
    char mark[3];
    uint8_t rank, fn, op;
} binary[] = {
    {"||", 1, 0, CEL_OP_OR},           {"&&", 2, 0, CEL_OP_AND},          {"==", 3, CEL_FN_EQ, CEL_OP_CALL},
    {"!=", 3, CEL_FN_NE, CEL_OP_CALL}, {"<", 3, CEL_FN_LT, CEL_OP_CALL},  {"<=", 3, CEL_FN_LE, CEL_OP_CALL},
    {">", 3, CEL_FN_GT, CEL_OP_CALL},  {">=", 3, CEL_FN_GE, CEL_OP_CALL}, {"in", 3, CEL_FN_IN, CEL_OP_CALL},
    {"+", 4, CEL_FN_ADD, CEL_OP_CALL}, {"-", 4, CEL_FN_SUB, CEL_OP_CALL}, {"*", 5, CEL_FN_MUL, CEL_OP_CALL},
    {"/", 5, CEL_FN_DIV, CEL_OP_CALL}, {"%", 5, CEL_FN_MOD, CEL_OP_CALL}};
enum { BINARIES = sizeof binary / sizeof *binary };

/* The binary operator that comes next and ranks at least `rank`, or BINARIES. */
static unsigned next_binary(const struct parser *parser, unsigned rank)
{
    if (parser->token.kind != CEL_TOK_MARK && !at_word(parser, "in")) return BINARIES;
    unsigned i = 0;
    while (i < BINARIES && !rc_sv_is(parser->token.text, binary[i].mark)) i++;
    return i < BINARIES && binary[i].rank >= rank ? i : BINARIES;
}

/* Chains of one logical operator become one node; everything else is left-associative. */
static enum rc_status parse_binary(struct parser *parser, unsigned rank, struct cel_node **ret)
{
    TRY(parse_unary(parser, ret));
    struct cel_node *chain = NULL, **tail = NULL;
    for (unsigned i; (i = next_binary(parser, rank)) < BINARIES;) {
        struct cel_node *left = *ret, *right = NULL, *node = NULL;
        struct rc_sv text = parser->token.text;
        uint32_t at = parser->token.at;
        TRY(advance(parser));
        TRY(parse_binary(parser, binary[i].rank + 1u, &right));
        if (chain && left == chain && chain->op == binary[i].op) {
            TRY(adopt_at(parser, chain, &tail, right));
            continue;
        }
        TRY(make(parser, (enum cel_op)binary[i].op, at, &node));
        node->fn = binary[i].fn;
        node->value = cel_string(text);
        tail = &node->first;
        TRY(adopt_at(parser, node, &tail, left));
        TRY(adopt_at(parser, node, &tail, right));
        chain = binary[i].op == CEL_OP_CALL ? NULL : node;
        *ret = node;
    }
    return RC_OK;
}

static enum rc_status parse_conditional(struct parser *parser, struct cel_node **ret)
{
    struct cel_node *condition = NULL, *then = NULL, *otherwise = NULL;
    TRY(parse_binary(parser, 1, &condition));
    *ret = condition;
    uint32_t at = parser->token.at;
    if (!at_mark(parser, "?")) return RC_OK;
    TRY(advance(parser));
    TRY(parse_binary(parser, 1, &then));
    TRY(expect(parser, ":", "':'"));
    TRY(parse_expr(parser, &otherwise));
    TRY(make(parser, CEL_OP_COND, at, ret));
    TRY(adopt(parser, *ret, condition));
    TRY(adopt(parser, *ret, then));
    return adopt(parser, *ret, otherwise);
}

static enum rc_status parse_expr(struct parser *parser, struct cel_node **ret)
{
    if (parser->depth >= RC_MAX_EXPR_DEPTH) return too_deep(parser, parser->token.at);
    parser->depth++;
    enum rc_status status = parse_conditional(parser, ret);
    parser->depth--;
    return status;
}

enum rc_status cel_parse(struct rc_sv source, struct rc_arena *arena, struct cel_node **ret,
                         struct rc_error *err)
{
    struct parser parser = {
        .lex = {.source = source, .arena = arena, .err = err}, .arena = arena, .err = err};
    struct cel_node *root = NULL;
    TRY(advance(&parser));
    TRY(parse_expr(&parser, &root));
    if (parser.token.kind != CEL_TOK_END) return fail_here(&parser, "an operator or the end");
    *ret = root;
    return RC_OK;
}

/* ---- positions ---- */

void cel_position(struct rc_sv source, uint32_t at, unsigned *ret_line, unsigned *ret_column)
{
    unsigned line = 1, column = 1;
    for (uint32_t i = 0; i < at && i < source.n; i++) {
        if (source.p[i] == '\n') {
            line++;
            column = 1;
        } else {
            column += ((unsigned char)source.p[i] & 0xc0) != 0x80;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

enum rc_status cel_fail_at(struct rc_error *err, struct rc_sv source, uint32_t at, enum rc_status status,
                           const char *format, ...)
{
    char text[RC_ERROR_TEXT];
    unsigned line, column;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cel_position(source, at, &line, &column);
    rc_fail(err, status, "%s", text);
    rc_error_at(err, line, column);
    return status;
}
