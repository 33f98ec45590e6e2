#pragma once
/* The server's log: one line an event on stderr, as JSON, or as text on a terminal. Only server/, api/ and
 * the tools log; a library returns its errors. Thread-safe: a line is one write(2). */
#include "base/error.h"

enum rc_log_level { RC_LOG_DEBUG, RC_LOG_INFO, RC_LOG_WARN, RC_LOG_ERROR };
enum rc_log_format { RC_LOG_AUTO, RC_LOG_TEXT, RC_LOG_JSON }; /* auto: text on a terminal, else JSON */

void rc_log_setup(enum rc_log_level least, enum rc_log_format);
/* `event` is a fixed word ("started"); the rest says it in words. Cut at 2 KiB. */
void rc_log(enum rc_log_level, const char *event, const char *format, ...) RC_PRINTF(3, 4);
