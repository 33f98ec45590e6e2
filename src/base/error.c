/* Bounded error texts. */
#include "base/error.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

enum rc_status(rc_fail)(struct rc_error *err, enum rc_status status, const char *format, ...)
{
    if (!err) return status;
    va_list args;
    va_start(args, format);
    *err = (struct rc_error){.status = status};
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

enum rc_status rc_fail_prefix(struct rc_error *err, enum rc_status status, const char *format, ...)
{
    if (!err) return status;
    char old[RC_ERROR_TEXT];
    if (err->status == RC_OK) rc_fail(err, status, "%s", rc_status_text(status)); /* nobody said more */
    err->status = status;
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n + 2 >= sizeof err->text) return status;
    size_t room = sizeof err->text - (size_t)n - 3, tail = strnlen(old, room);
    memcpy(err->text + n, ": ", 2);
    memcpy(err->text + n + 2, old, tail);
    err->text[(size_t)n + 2 + tail] = 0;
    return status;
}

void rc_error_at(struct rc_error *err, unsigned line, unsigned column)
{
    if (!err) return;
    err->line = line;
    err->column = column;
}

enum rc_status(rc_fail_arena)(struct rc_error *err, const struct rc_arena *arena)
{
    if (rc_arena_status(arena) == RC_LIMIT)
        return rc_fail(err, RC_LIMIT, "needs more than the %zu bytes it may use", rc_arena_limit(arena));
    return rc_fail(err, RC_NOMEM, "out of memory");
}
