/* Escapes in text and bytes literals. Decoded text is never longer than its source. */
#include "cel/lex.h"

#include "base/utf8.h"
#include "cel/node.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
}

/* `count` digits of a base. */
static bool read_code(struct rc_sv text, uint32_t at, uint32_t count, int base, uint32_t *ret)
{
    uint32_t code = 0;
    if (text.n - at < count) return false;
    for (uint32_t i = 0; i < count; i++) {
        int digit = digit_of(text.p[at + i]);
        if (digit >= base) return false;
        code = code * (uint32_t)base + (uint32_t)digit;
    }
    *ret = code;
    return true;
}

/* One escape behind the backslash at text.p[*io_at]: writes what it means. False where it is none. */
static bool unescape_one(struct rc_sv text, uint32_t *io_at, bool bytes, char **io_out)
{
    static const char name[] = "abfnrtv\\?\"'`", meaning[] = "\a\b\f\n\r\t\v\\?\"'`";
    if (*io_at >= text.n) return false;
    char c = text.p[*io_at];
    const char *found = c ? strchr(name, c) : NULL;
    if (found) {
        *(*io_out)++ = meaning[found - name];
        ++*io_at;
        return true;
    }
    bool octal = c >= '0' && c <= '3', unicode = (c == 'u' || c == 'U') && !bytes;
    if (!octal && !unicode && (c | 0x20) != 'x') return false;
    uint32_t code, skip = octal ? 0 : 1, count = octal ? 3 : c == 'u' ? 4 : c == 'U' ? 8 : 2;
    if (*io_at + skip > text.n || !read_code(text, *io_at + skip, count, octal ? 8 : 16, &code)) return false;
    *io_at += skip + count;
    if (bytes) {
        *(*io_out)++ = (char)code;
        return true;
    }
    uint32_t n = rc_utf8_encode(code, *io_out);
    *io_out += n;
    return n > 0;
}

enum rc_status cel_unescape(struct cel_lexer *lex, struct rc_sv inside, uint32_t at, bool bytes,
                            struct rc_sv *ret)
{
    char *text = rc_alloc_text(lex->arena, inside.n), *out = text;
    if (!text) return rc_fail_arena(lex->err, lex->arena);
    for (uint32_t i = 0; i < inside.n;) {
        if (inside.p[i] != '\\') {
            *out++ = inside.p[i++];
            continue;
        }
        uint32_t from = i++;
        if (!unescape_one(inside, &i, bytes, &out))
            return cel_fail_at(
                lex->err, lex->source, at + from, RC_SYNTAX,
                bytes ? "unknown escape in bytes: known are \\xHH, \\OOO, \\n and the like"
                      : "unknown escape: known are \\xHH, \\uHHHH, \\UHHHHHHHH, \\OOO, \\n and the "
                        "like; a backslash itself is \\\\");
    }
    *ret = (struct rc_sv){text, (uint32_t)(out - text)};
    return RC_OK;
}
