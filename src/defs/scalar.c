/* Scalars after the JSON schema of YAML 1.2 (yaml.org/spec/1.2.2, 10.2), strict where 1.1 disagrees. */
#include "defs/scalar.h"

#include "base/num.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -? (0 | [1-9][0-9]*) with at[0] the first byte behind it; false where it is something else. */
static bool takes_integer(struct rc_sv text, uint32_t *at)
{
    if (*at < text.n && text.p[*at] == '-') (*at)++;
    if (*at == text.n || !is_digit(text.p[*at])) return false;
    if (text.p[(*at)++] == '0') return *at == text.n || !is_digit(text.p[*at]);
    while (*at < text.n && is_digit(text.p[*at])) (*at)++;
    return true;
}

/* A JSON number with a fraction; an exponent needs one, because 1e5 is text in YAML 1.1. */
static bool is_fraction(struct rc_sv text)
{
    uint32_t at = 0, from;
    if (!takes_integer(text, &at) || at == text.n || text.p[at++] != '.') return false;
    for (from = at; at < text.n && is_digit(text.p[at]);) at++;
    if (at == from) return false;
    if (at == text.n) return true;
    if ((text.p[at++] | 0x20) != 'e') return false;
    if (at < text.n && (text.p[at] == '+' || text.p[at] == '-')) at++;
    for (from = at; at < text.n && is_digit(text.p[at]);) at++;
    return at > from && at == text.n;
}

/* Whether some YAML reads it as a number although JSON does not: 0x1f, 0o17, 010, 1_000, +1, .5, 1., 1e5. */
static bool is_number_elsewhere(struct rc_sv text)
{
    uint32_t at = 0, digits = 0, points = 0;
    if (at < text.n && (text.p[at] == '-' || text.p[at] == '+')) at++;
    if (text.n - at > 2 && text.p[at] == '0' && strchr("xXoObB", text.p[at + 1])) {
        for (at += 2; at < text.n; at++)
            if (!is_digit(text.p[at]) && text.p[at] != '_' &&
                !((text.p[at] | 0x20) >= 'a' && (text.p[at] | 0x20) <= 'f'))
                return false;
        return true;
    }
    for (; at < text.n && (is_digit(text.p[at]) || text.p[at] == '_' || text.p[at] == '.'); at++) {
        if (text.p[at] == '_' && !digits) return false;
        digits += is_digit(text.p[at]);
        points += text.p[at] == '.';
    }
    if (!digits || points > 1) return false;
    if (at < text.n && (text.p[at] | 0x20) == 'e') {
        at++;
        if (at < text.n && (text.p[at] == '-' || text.p[at] == '+')) at++;
        if (at == text.n) return false;
        while (at < text.n && is_digit(text.p[at])) at++;
    }
    return at == text.n;
}

static bool is_word(struct rc_sv text, const char *const *words)
{
    for (; *words; words++)
        if (rc_sv_is(text, *words)) return true;
    return false;
}

struct defs_scalar defs_scalar_of(const struct defs_node *node)
{
    static const char *const nothing[] = {"", "~", "null", NULL};
    static const char *const loud[] = {"Null", "NULL", "True", "TRUE", "False", "FALSE", NULL};
    static const char *const endless[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                          "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
    struct rc_sv text = node->text;
    struct defs_scalar scalar = {.kind = DEFS_IS_TEXT};
    if (node->style != DEFS_PLAIN) return scalar;
    if (is_word(text, nothing)) {
        scalar.kind = DEFS_IS_NULL;
    } else if (rc_sv_is(text, "true") || rc_sv_is(text, "false")) {
        scalar.kind = DEFS_IS_BOOL;
        scalar.b = text.n == 4;
    } else if (is_word(text, loud)) {
        scalar.kind = DEFS_IS_UNCLEAR;
        scalar.problem = "write it in lower case, or quote it to make it text";
    } else if (is_word(text, endless)) {
        scalar.kind = DEFS_IS_UNCLEAR;
        scalar.problem = "JSON has no such number; quote it to make it text";
    } else {
        uint32_t at = 0;
        bool integer = takes_integer(text, &at) && at == text.n;
        if (integer && rc_parse_i64(text, &scalar.i)) {
            scalar.kind = DEFS_IS_INT;
        } else if (!integer && is_fraction(text) && rc_parse_double(text, &scalar.d)) {
            scalar.kind = DEFS_IS_DOUBLE;
        } else if (integer || is_fraction(text)) {
            scalar.kind = DEFS_IS_UNCLEAR;
            scalar.problem = "the number is too large; quote it to make it text";
        } else if (is_number_elsewhere(text)) {
            scalar.kind = DEFS_IS_UNCLEAR;
            scalar.problem =
                "YAML versions read this number differently; write it in decimal like 10, 0.5 or "
                "1.5e3, or quote it to make it text";
        }
    }
    return scalar;
}
