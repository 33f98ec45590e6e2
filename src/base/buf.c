/* Text buffers and the one JSON string writer. */
#include "base/buf.h"

#include "base/num.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

struct rc_buf rc_buf_in(struct rc_arena *arena, uint32_t limit)
{
    return (struct rc_buf){.arena = arena, .limit = limit};
}

/* Room for n more bytes, or NULL and a status. */
static char *room(struct rc_buf *buf, size_t n)
{
    if (buf->status != RC_OK) return NULL;
    if (n > buf->limit - buf->n) {
        buf->status = RC_LIMIT;
        return NULL;
    }
    if (n <= buf->cap - buf->n) return buf->p + buf->n;
    size_t cap = (size_t)buf->cap * 2 > buf->n + n ? (size_t)buf->cap * 2 : buf->n + n + 64;
    if (cap > buf->limit) cap = buf->limit;
    if (!buf->p || !rc_arena_extend(buf->arena, buf->p, buf->cap, cap)) {
        char *p = rc_alloc_text(buf->arena, cap);
        if (!p) {
            buf->status = rc_arena_status(buf->arena);
            return NULL;
        }
        if (buf->p) memcpy(p, buf->p, buf->n);
        buf->p = p;
    }
    buf->cap = (uint32_t)cap;
    return buf->p + buf->n;
}

void rc_put(struct rc_buf *buf, struct rc_sv text)
{
    char *p = text.n ? room(buf, text.n) : NULL;
    if (!p) return;
    memcpy(p, text.p, text.n);
    buf->n += text.n;
}

void rc_put_char(struct rc_buf *buf, char c)
{
    char *p = room(buf, 1);
    if (!p) return;
    *p = c;
    buf->n++;
}

void rc_put_text(struct rc_buf *buf, const char *text)
{
    rc_put(buf, rc_sv_of(text));
}

void rc_put_u64(struct rc_buf *buf, uint64_t number)
{
    char text[RC_NUM_TEXT];
    rc_put(buf, (struct rc_sv){text, rc_format_u64(number, text)});
}

void rc_put_i64(struct rc_buf *buf, int64_t number)
{
    char text[RC_NUM_TEXT];
    rc_put(buf, (struct rc_sv){text, rc_format_i64(number, text)});
}

void rc_put_format(struct rc_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : room(buf, (size_t)n + 1); /* vsnprintf writes a NUL too */
    if (p) {
        vsnprintf(p, (size_t)n + 1, format, again);
        buf->n += (uint32_t)n;
    }
    va_end(again);
}

static void put_escape(struct rc_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "btn.fr"; /* 0x08 to 0x0d; 0x0b has none */
    if (c == '"' || c == '\\')
        rc_put(buf, (struct rc_sv){(char[]){'\\', (char)c}, 2});
    else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
        rc_put(buf, (struct rc_sv){(char[]){'\\', names[c - 0x08]}, 2});
    else
        rc_put(buf, (struct rc_sv){(char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6});
}

/* How many bytes from `at` on are ASCII that stands for itself. */
static uint32_t plain_run(struct rc_sv text, uint32_t at)
{
    uint32_t n = 0;
    while (at + n < text.n) {
        signed char c = (signed char)text.p[at + n];
        if (c < 0x20 || c == '"' || c == '\\') break;
        n++;
    }
    return n;
}

void rc_put_json(struct rc_buf *buf, struct rc_sv text)
{
    rc_put_char(buf, '"');
    uint32_t run = 0, at = 0; /* [run, at) needs no escape and is not written yet */
    while ((at += plain_run(text, at)) < text.n) {
        unsigned char c = (unsigned char)text.p[at];
        uint32_t n = c < 0x80 ? 1 : rc_utf8_length(text.p + at, text.n - at);
        if (n && c >= 0x80) {
            at += n;
            continue;
        }
        rc_put(buf, (struct rc_sv){text.p + run, at - run});
        if (n)
            put_escape(buf, c);
        else
            rc_put(buf, RC_SV("\xef\xbf\xbd"));
        run = ++at;
    }
    if (run < at) rc_put(buf, (struct rc_sv){text.p + run, at - run});
    rc_put_char(buf, '"');
}
