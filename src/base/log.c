/* The log: a line is made whole and then leaves in one write, so that lines of several threads do not mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 2048, LINE_MAX_BYTES = 16 << 10 };

static _Atomic int least_level = RC_LOG_INFO;
static _Atomic bool as_json;
static const char *const level_name[] = {"debug", "info", "warn", "error"};

void rc_log_setup(enum rc_log_level least, enum rc_log_format format)
{
    least_level = (int)least;
    as_json = format == RC_LOG_JSON || (format == RC_LOG_AUTO && !isatty(STDERR_FILENO));
}

bool rc_log_is_on(enum rc_log_level level)
{
    return (int)level >= least_level;
}

/* What moves a cursor, turns the writing round or ends a line for somebody: DEL, U+0080 to U+009F, U+2028 to U+202E. */
static bool is_rude(const char *p, uint32_t n)
{
    unsigned char last = (unsigned char)p[n - 1];
    if (n == 1) return last == 0x7f;
    if (n == 2) return *p == '\xc2' && last < 0xa0;
    return n == 3 && p[0] == '\xe2' && p[1] == '\x80' && last >= 0xa8 && last <= 0xae;
}

/* Text that may come from anybody. As JSON the rest of the controls is escaped; as plain text they and what is no UTF-8
 * become '?', too. */
static void put_foreign(struct rc_buf *line, const char *text, bool json)
{
    char copy[TEXT_MAX];
    uint32_t n = 0, all = (uint32_t)strnlen(text, TEXT_MAX);
    for (uint32_t i = 0, length; i < all; i += length ? length : 1) {
        length = rc_utf8_length(text + i, all - i);
        bool bad = length == 0 || (unsigned char)text[i] < 0x20;
        if ((bad && !json) || (length && is_rude(text + i, length))) {
            copy[n++] = '?';
        } else {
            memcpy(copy + n, text + i, length ? length : 1);
            n += length ? length : 1;
        }
    }
    if (json)
        rc_put_json(line, (struct rc_sv){copy, n});
    else
        rc_put(line, (struct rc_sv){copy, n});
}

static void put_fields(struct rc_buf *line, const struct rc_log_field *field, uint32_t n, bool json)
{
    for (; n; n--, field++) { /* no fields are none at all: NULL */
        if (field->text && !*field->text) continue;
        rc_put_format(line, json ? ",\"%s\":" : " %s=", field->name);
        if (field->text)
            put_foreign(line, field->text, json);
        else
            rc_put_u64(line, field->number);
    }
}

static void put_line(struct rc_buf *line, enum rc_log_level level, const char *event, const char *text,
                     const struct rc_log_field *fields, uint32_t n)
{
    char time[RC_TIME_TEXT];
    bool json = as_json;
    rc_format_time(rc_clock_wall(), time);
    if (json)
        rc_put_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"text\":", time,
                      level_name[level], event);
    else
        rc_put_format(line, "%.8s %-5s %s: ", time + 11, level_name[level], event);
    put_foreign(line, text, json);
    put_fields(line, fields, n, json);
    rc_put_text(line, json ? "}\n" : "\n");
}

/* Without a buffer: whoever ends for want of memory has to have said at least that. */
static void put_bare_line(enum rc_log_level level, const char *event)
{
    char time[RC_TIME_TEXT], line[256];
    rc_format_time(rc_clock_wall(), time);
    int n = as_json ? snprintf(line, sizeof line,
                               "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\","
                               "\"text\":\"out of memory: there is none to say more\"}\n",
                               time, level_name[level], event)
                    : snprintf(line, sizeof line, "%.8s %-5s %s: out of memory: there is none to say more\n",
                               time + 11, level_name[level], event);
    if (n > 0 && (size_t)n < sizeof line && write(STDERR_FILENO, line, (size_t)n) < 0) { /* as below */
    }
}

static void log_text(enum rc_log_level level, const char *event, const struct rc_log_field *fields,
                     uint32_t n, const char *format, va_list args) __attribute__((format(printf, 5, 0)));
static void log_text(enum rc_log_level level, const char *event, const struct rc_log_field *fields,
                     uint32_t n, const char *format, va_list args)
{
    char text[TEXT_MAX];
    vsnprintf(text, sizeof text, format, args);
    struct rc_arena *arena = rc_arena_new(LINE_MAX_BYTES, 4 * LINE_MAX_BYTES);
    if (!arena) {
        put_bare_line(level, event);
        return;
    }
    struct rc_buf line = rc_buf_in(arena, LINE_MAX_BYTES);
    put_line(&line, level, event, text, fields, n);
    if (line.status != RC_OK) {
        line = rc_buf_in(arena, LINE_MAX_BYTES);
        put_line(&line, level, event, "a line that is too long to be shown", NULL, 0);
    }
    if (line.n && write(STDERR_FILENO, line.p, line.n) < 0) { /* stderr is gone: nowhere left to say so */
    }
    rc_arena_free(arena);
}

void rc_log(enum rc_log_level level, const char *event, const char *format, ...)
{
    if (!rc_log_is_on(level)) return;
    va_list args;
    va_start(args, format);
    log_text(level, event, NULL, 0, format, args);
    va_end(args);
}

void rc_log_fields(enum rc_log_level level, const char *event, const struct rc_log_field *fields, uint32_t n,
                   const char *format, ...)
{
    if (!rc_log_is_on(level)) return;
    va_list args;
    va_start(args, format);
    log_text(level, event, fields, n, format, args);
    va_end(args);
}
