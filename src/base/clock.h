#pragma once
/* Engine time: microseconds since 1970-01-01T00:00:00Z that never go back. Pure code gets it from outside. */
#include "base/sv.h"

typedef uint64_t rc_us;

#define RC_MS(n)      ((rc_us)(n)*1000u)
#define RC_SECONDS(n) ((rc_us)(n)*1000000u)

enum { RC_TIME_TEXT = 28, RC_SPAN_TEXT = 32 };

/* "2026-11-21T09:45:26.123456Z" (RFC 3339), terminated; returns the length. */
uint32_t rc_format_time(rc_us, char ret_text[RC_TIME_TEXT]);
/* Reads RFC 3339 with any offset and up to nine digits of fraction; years 1970 to 9999. */
bool rc_parse_time(struct rc_sv, rc_us *ret);
/* "90s", "1h30m", "250ms", "30d": number and unit (us, ms, s, m, h, d), repeated, largest unit first not
 * required. */
bool rc_parse_span(struct rc_sv, rc_us *ret);
/* "1h30m", "250ms", "0s": the two largest units, rounded down, terminated; returns the length. For people. */
uint32_t rc_format_span(rc_us, char ret_text[RC_SPAN_TEXT]);

/* Days since 1970-01-01 in the proleptic Gregorian calendar, and back; years 1 to 9999, month and day from 1.
 */
int64_t rc_days_from_date(int64_t year, unsigned month, unsigned day);
void rc_date_from_days(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day);

/* Wall clock and monotonic clock of the machine, for the composition root and the tools; pure code never
 * calls these. */
rc_us rc_clock_wall(void);
rc_us rc_clock_monotonic(void);
