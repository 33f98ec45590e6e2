/* The lexer. Names, numbers, texts and marks as the language definition (langdef.md, "Syntax") has them. */
#include "cel/lex.h"

#include "base/num.h"
#include "cel/node.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool starts_name(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* The byte at an offset from the lexer's place, or NUL behind the end. */
static char peek(const struct cel_lexer *lex, uint32_t offset)
{
    size_t at = (size_t)lex->at + offset;
    if (at >= lex->source.n) return 0;
    return lex->source.p[at];
}

static void skip_blanks(struct cel_lexer *lex)
{
    for (char c; lex->at < lex->source.n; lex->at++) {
        c = peek(lex, 0);
        if (c == '/' && peek(lex, 1) == '/') {
            while (lex->at + 1 < lex->source.n && peek(lex, 1) != '\n') lex->at++;
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') {
            return;
        }
    }
}

static enum rc_status lex_hex(struct cel_lexer *lex, struct cel_token *token)
{
    uint64_t number = 0;
    uint32_t from = lex->at;
    for (lex->at += 2; is_hex(peek(lex, 0)); lex->at++) {
        char c = peek(lex, 0);
        if (number >> 60)
            return cel_fail_at(lex->err, lex->source, from, RC_SYNTAX,
                               "this number does not fit into 64 bits");
        number = number << 4 | (uint64_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    token->kind = CEL_TOK_INT;
    token->value = (struct cel_value){.kind = CEL_UINT, .v.u = number};
    return RC_OK;
}

static uint32_t count_digits(const struct cel_lexer *lex, uint32_t from)
{
    uint32_t n = 0;
    while (is_digit(peek(lex, from + n))) n++;
    return n;
}

static enum rc_status lex_decimal(struct cel_lexer *lex, struct cel_token *token)
{
    uint32_t from = lex->at, n = count_digits(lex, 0),
             part = peek(lex, n) == '.' ? count_digits(lex, n + 1) : 0;
    bool whole = part == 0;
    if (part) n += 1 + part;
    if ((peek(lex, n) | 0x20) == 'e') {
        uint32_t sign = peek(lex, n + 1) == '-' || peek(lex, n + 1) == '+';
        uint32_t digits = count_digits(lex, n + 1 + sign);
        if (digits) n += 1 + sign + digits;
        whole = whole && digits == 0;
    }
    struct rc_sv text = {lex->source.p + from, n};
    lex->at += n;
    if (whole) {
        uint64_t number;
        if (!rc_parse_u64(text, &number))
            return cel_fail_at(lex->err, lex->source, from, RC_SYNTAX,
                               "this number does not fit into 64 bits");
        token->kind = CEL_TOK_INT;
        token->value = (struct cel_value){.kind = CEL_UINT, .v.u = number};
        return RC_OK;
    }
    double number;
    if (!rc_parse_double(text, &number))
        return cel_fail_at(lex->err, lex->source, from, RC_SYNTAX, "this number is too large for a double");
    token->kind = CEL_TOK_VALUE;
    token->value = cel_double(number);
    return RC_OK;
}

static enum rc_status lex_number(struct cel_lexer *lex, struct cel_token *token)
{
    bool hex = peek(lex, 0) == '0' && (peek(lex, 1) | 0x20) == 'x' && is_hex(peek(lex, 2));
    enum rc_status status = hex ? lex_hex(lex, token) : lex_decimal(lex, token);
    if (status == RC_OK && token->kind == CEL_TOK_INT && (peek(lex, 0) | 0x20) == 'u') {
        lex->at++;
        token->kind = CEL_TOK_VALUE;
    }
    return status;
}

/* r"…", b'…', br"""…""": the length of the prefix before the quote, or UINT32_MAX where no text starts. */
static uint32_t text_prefix(const struct cel_lexer *lex, bool *ret_raw, bool *ret_bytes)
{
    uint32_t n = 0;
    *ret_bytes = (peek(lex, n) | 0x20) == 'b';
    n += *ret_bytes;
    *ret_raw = (peek(lex, n) | 0x20) == 'r';
    n += *ret_raw;
    return peek(lex, n) == '"' || peek(lex, n) == '\'' ? n : UINT32_MAX;
}

static enum rc_status lex_text(struct cel_lexer *lex, uint32_t prefix, bool raw, bool bytes,
                               struct cel_token *token)
{
    uint32_t from = lex->at;
    lex->at += prefix;
    char quote = peek(lex, 0);
    uint32_t width = peek(lex, 1) == quote && peek(lex, 2) == quote ? 3 : 1;
    lex->at += width;
    uint32_t inside = lex->at;
    bool escapes = false;
    for (;; lex->at++) {
        char c = peek(lex, 0);
        if (lex->at >= lex->source.n || (width == 1 && (c == '\n' || c == '\r')))
            return cel_fail_at(lex->err, lex->source, from, RC_SYNTAX, "this text has no closing %.*s",
                               (int)width, lex->source.p + from + prefix);
        if (c == '\\') {
            escapes = true;
            if (!raw) lex->at++;
        }
        if (c == quote && (width == 1 || (peek(lex, 1) == quote && peek(lex, 2) == quote))) break;
    }
    struct rc_sv text = {lex->source.p + inside, lex->at - inside};
    lex->at += width;
    if (escapes && !raw) {
        enum rc_status status = cel_unescape(lex, text, inside, bytes, &text);
        if (status != RC_OK) return status;
    }
    token->kind = CEL_TOK_VALUE;
    token->value = cel_string(text);
    if (bytes) token->value.kind = CEL_BYTES;
    return RC_OK;
}

static void lex_name(struct cel_lexer *lex, struct cel_token *token)
{
    uint32_t n = 0;
    while (starts_name(peek(lex, n)) || is_digit(peek(lex, n))) n++;
    token->kind = CEL_TOK_NAME;
    token->text = (struct rc_sv){lex->source.p + lex->at, n};
    lex->at += n;
}

static enum rc_status lex_quoted(struct cel_lexer *lex, struct cel_token *token)
{
    uint32_t n = 0;
    for (char c; c = peek(lex, n + 1), c != '`'; n++)
        if (!starts_name(c) && !is_digit(c) && (c == 0 || !strchr(".-/ ", c)))
            return cel_fail_at(lex->err, lex->source, lex->at, RC_SYNTAX,
                               "a name in backticks is made of letters, digits, '_', '.', '-', '/' and ' '");
    if (n == 0) return cel_fail_at(lex->err, lex->source, lex->at, RC_SYNTAX, "an empty name");
    token->kind = CEL_TOK_QUOTED;
    token->text = (struct rc_sv){lex->source.p + lex->at + 1, n};
    lex->at += n + 2;
    return RC_OK;
}

static enum rc_status lex_mark(struct cel_lexer *lex, struct cel_token *token)
{
    static const char two[][3] = {"==", "!=", "<=", ">=", "&&", "||"};
    uint32_t n = 0;
    for (unsigned i = 0; i < sizeof two / sizeof *two; i++)
        if (peek(lex, 0) == two[i][0] && peek(lex, 1) == two[i][1]) n = 2;
    if (n == 0 && peek(lex, 0) && strchr("+-*/%<>!?:.,()[]{}", peek(lex, 0))) n = 1;
    if (n == 0) {
        char c = peek(lex, 0);
        const char *hint = c == '='               ? "; equality is written '=='"
                           : c == '&' || c == '|' ? "; write it twice"
                                                  : "";
        if (c > ' ' && c < 0x7f)
            return cel_fail_at(lex->err, lex->source, lex->at, RC_SYNTAX, "unexpected '%c'%s", c, hint);
        return cel_fail_at(lex->err, lex->source, lex->at, RC_SYNTAX,
                           "unexpected character outside of a text");
    }
    token->kind = CEL_TOK_MARK;
    token->text = (struct rc_sv){lex->source.p + lex->at, n};
    lex->at += n;
    return RC_OK;
}

enum rc_status cel_lex(struct cel_lexer *lex, struct cel_token *ret)
{
    bool raw, bytes;
    skip_blanks(lex);
    *ret = (struct cel_token){.kind = CEL_TOK_END, .at = lex->at};
    if (lex->at >= lex->source.n) return RC_OK;
    char c = peek(lex, 0);
    uint32_t prefix = text_prefix(lex, &raw, &bytes);
    enum rc_status status = RC_OK;
    if (prefix != UINT32_MAX)
        status = lex_text(lex, prefix, raw, bytes, ret);
    else if (is_digit(c) || (c == '.' && is_digit(peek(lex, 1))))
        status = lex_number(lex, ret);
    else if (starts_name(c))
        lex_name(lex, ret);
    else if (c == '`')
        status = lex_quoted(lex, ret);
    else
        status = lex_mark(lex, ret);
    if (ret->kind == CEL_TOK_VALUE || ret->kind == CEL_TOK_INT)
        ret->text = (struct rc_sv){lex->source.p + ret->at, lex->at - ret->at};
    return status;
}
