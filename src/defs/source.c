/* Text of one file: checked before the YAML library sees it, so that what it refuses has our words and
 * positions. */
#include "defs/source.h"

#include "base/utf8.h"

#include <stdio.h>

enum { STRIDE = 256 };

void defs_add_error(struct defs_errors *errors, const struct defs_source *source, uint32_t byte,
                    enum rc_status status, const char *pointer, const char *format, va_list args)
{
    struct rc_error err = {.status = status};
    vsnprintf(err.text, sizeof err.text, format, args);
    snprintf(err.pointer, sizeof err.pointer, "%s", pointer);
    snprintf(err.source, sizeof err.source, "%.*s", RC_SV_ARG(source->name));
    struct defs_position at = defs_source_position(source, byte);
    rc_error_at(&err, at.line, at.column);
    if (errors->n && errors->error[0].status == RC_NOMEM) return;
    if (status == RC_NOMEM) errors->n = errors->total = 0;
    errors->total++;
    if (errors->n < RC_MAX_DEF_ERRORS) errors->error[errors->n++] = err;
}

void defs_add_error_at(struct defs_errors *errors, const struct defs_source *source, uint32_t byte,
                       enum rc_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    defs_add_error(errors, source, byte, status, "", format, args);
    va_end(args);
}

void defs_add_error_of_arena(struct defs_errors *errors, const struct defs_source *source,
                             const struct rc_arena *arena)
{
    struct rc_error err = {0};
    enum rc_status status = rc_fail_arena(&err, arena);
    defs_add_error_at(errors, source, 0, status, "%s", err.text);
}

/* What YAML 1.2 calls printable, which also is what the library accepts. */
static bool is_printable(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f) || c == 0x85 ||
           (c >= 0xa0 && c != 0xfffe && c != 0xffff);
}

/* First byte that may not stand there, or the length of the text; fills the marks on the way. */
static uint32_t scan(struct defs_source *source, const char **ret_problem)
{
    struct rc_sv text = source->text;
    uint32_t at = 0, length = 0;
    for (uint32_t i = 0; at < text.n; i++, at += length) {
        if (i % STRIDE == 0) source->mark[source->nmarks++] = at;
        length = rc_utf8_length(text.p + at, text.n - at);
        *ret_problem = "is not UTF-8";
        if (length == 0) return at;
        *ret_problem = "is a control character, which YAML does not allow";
        if (!is_printable(rc_utf8_decode(text.p + at, length))) return at;
        if (text.p[at] == '\n') source->line[source->nlines++] = at + 1;
    }
    return at;
}

bool defs_source_open(struct defs_source *ret, struct defs_file file, struct rc_arena *arena,
                      struct defs_errors *errors)
{
    *ret = (struct defs_source){.name = file.source, .text = file.text};
    if (file.text.n > RC_MAX_DEF_FILE)
        return defs_complain_at(errors, ret, 0, RC_LIMIT, "the file is larger than %d bytes",
                                RC_MAX_DEF_FILE);
    if (rc_sv_starts(ret->text, RC_SV("\xef\xbb\xbf")))
        ret->text = (struct rc_sv){file.text.p + 3, file.text.n - 3};
    uint32_t newlines = 0;
    for (uint32_t i = 0; i < ret->text.n; i++) newlines += ret->text.p[i] == '\n';
    ret->line = rc_alloc(arena, (newlines + 1) * sizeof *ret->line);
    ret->mark = rc_alloc(arena, (ret->text.n / STRIDE + 1) * sizeof *ret->mark);
    if (!ret->line || !ret->mark) return defs_complain_arena(errors, ret, arena);
    ret->line[ret->nlines++] = 0;
    const char *problem;
    uint32_t at = scan(ret, &problem);
    if (at < ret->text.n)
        return defs_complain_at(errors, ret, at, RC_SYNTAX, "byte 0x%02x %s", (unsigned char)ret->text.p[at],
                                problem);
    return true;
}

uint32_t defs_source_byte(const struct defs_source *source, size_t character)
{
    struct rc_sv text = source->text;
    if (character / STRIDE >= source->nmarks) return text.n;
    uint32_t at = source->mark[character / STRIDE];
    for (size_t i = character % STRIDE; i > 0 && at < text.n; i--)
        at += rc_utf8_length(text.p + at, text.n - at);
    return at;
}

/* Index of the last entry that is not above `byte`. */
static uint32_t last_below(const uint32_t *entry, uint32_t n, uint32_t byte)
{
    uint32_t low = 0, high = n;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (entry[middle] <= byte)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static uint32_t character_at(const struct defs_source *source, uint32_t byte)
{
    uint32_t mark = last_below(source->mark, source->nmarks, byte), at = source->mark[mark];
    return mark * STRIDE + rc_utf8_count((struct rc_sv){source->text.p + at, byte - at});
}

struct defs_position defs_source_position(const struct defs_source *source, uint32_t byte)
{
    if (!source->nmarks) return (struct defs_position){1, 1}; /* an empty text, or one that is not indexed */
    uint32_t line = last_below(source->line, source->nlines, byte);
    uint32_t column = character_at(source, byte) - character_at(source, source->line[line]);
    return (struct defs_position){line + 1, column + 1};
}
