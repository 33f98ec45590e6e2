#pragma once
/* The server's log: one line an event on stderr, as JSON, or as text on a terminal. Only server/, api/ and
 * the tools log; a library returns its errors. Thread-safe: a line is one write(2). Text may come from anybody: it cannot
 * begin a line of its own, nor reach the terminal that shows it. */
#include "base/error.h"

enum rc_log_level { RC_LOG_DEBUG, RC_LOG_INFO, RC_LOG_WARN, RC_LOG_ERROR };
enum rc_log_format { RC_LOG_AUTO, RC_LOG_TEXT, RC_LOG_JSON }; /* auto: text on a terminal, else JSON */

void rc_log_setup(enum rc_log_level least, enum rc_log_format);
/* Whether a line of this level leaves at all: for callers that would make one at some cost. */
bool rc_log_is_on(enum rc_log_level);
/* `event` is a fixed word ("started"); the rest says it in words. Cut at 2 KiB. */
void rc_log(enum rc_log_level, const char *event, const char *format, ...) RC_PRINTF(3, 4);

/* A member of the line, beside time, level, event and text: for machines. */
struct rc_log_field {
    const char *name;
    const char *text; /* NULL: the number; empty: the field is left out. Cut at 2 KiB */
    uint64_t number;
};
/* At most 16 KiB in all; a longer line only says that it was there. */
void rc_log_fields(enum rc_log_level, const char *event, const struct rc_log_field *, uint32_t n,
                   const char *format, ...) RC_PRINTF(5, 6);
