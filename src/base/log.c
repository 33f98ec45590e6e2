/* The log: a line is made whole and then leaves in one write, so that lines of several threads do not mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static _Atomic int least_level = RC_LOG_INFO;
static _Atomic bool as_json;
static const char *const level_name[] = {"debug", "info", "warn", "error"};

void rc_log_setup(enum rc_log_level least, enum rc_log_format format)
{
    least_level = (int)least;
    as_json = format == RC_LOG_JSON || (format == RC_LOG_AUTO && !isatty(STDERR_FILENO));
}

static void put_line(struct rc_buf *line, enum rc_log_level level, const char *event, const char *text)
{
    char time[RC_TIME_TEXT];
    rc_format_time(rc_clock_wall(), time);
    if (!as_json) {
        rc_put_format(line, "%.8s %-5s %s: %s\n", time + 11, level_name[level], event, text);
        return;
    }
    rc_put_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"text\":", time,
                  level_name[level], event);
    rc_put_json(line, rc_sv_of(text));
    rc_put_text(line, "}\n");
}

void rc_log(enum rc_log_level level, const char *event, const char *format, ...)
{
    if ((int)level < least_level) return;
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct rc_arena *arena = rc_arena_new(8 * LINE_MAX_BYTES, 8 * LINE_MAX_BYTES);
    if (!arena) return; /* no memory to say so */
    struct rc_buf line = rc_buf_in(arena, 7 * LINE_MAX_BYTES);
    put_line(&line, level, event, text);
    if (line.n && write(STDERR_FILENO, line.p, line.n) < 0) { /* stderr is gone: nowhere left to say so */
    }
    rc_arena_free(arena);
}
