#pragma once
/* Durations and timestamps. A duration is what fits 64 bits of nanoseconds (about 292 years either way), as
 * in the language's own implementations; a timestamp lies in the years 1 to 9999. Pure; errors are false. */
#include "cel/value.h"

enum { CEL_TIME_TEXT = 40 };

/* "1.5s"; what is out of range is shown all the same. Returns the length; no NUL is promised. */
uint32_t cel_format_duration(struct cel_value, char ret_text[CEL_TIME_TEXT]);
/* "2009-02-13T23:31:30.5Z" (RFC 3339). */
uint32_t cel_format_timestamp(struct cel_value, char ret_text[CEL_TIME_TEXT]);

/* "1h30m", "-1.5s", "0": numbers with units h, m, s, ms, us, µs, ns (the form of Go's ParseDuration, which
 * the language definition names). */
bool cel_parse_duration(struct rc_sv, struct cel_value *ret);
/* RFC 3339 with any offset and up to nine digits of fraction. */
bool cel_parse_timestamp(struct rc_sv, struct cel_value *ret);
/* "UTC", "+02:00", "-02:30", "02:00"; false for a named zone and for nonsense. */
bool cel_parse_offset(struct rc_sv, int32_t *ret_seconds);

struct cel_value cel_duration(int64_t nanoseconds);
bool cel_nanoseconds(struct cel_value duration, int64_t *ret);
/* False where seconds are out of range. */
bool cel_timestamp(int64_t seconds, struct cel_value *ret);

/* a + sign × b for duration and duration, timestamp and duration (either order when adding), timestamp minus
 * timestamp; the kinds are the caller's business. False where the result is out of range. */
bool cel_time_add(struct cel_value a, struct cel_value b, int sign, struct cel_value *ret);
/* -1, 0, 1 for two of one kind. */
int cel_time_order(struct cel_value a, struct cel_value b);

enum cel_time_part {
    CEL_PART_YEAR,
    CEL_PART_MONTH,        /* from 0 */
    CEL_PART_DAY_OF_YEAR,  /* from 0 */
    CEL_PART_DATE,         /* day of month from 1 */
    CEL_PART_DAY_OF_MONTH, /* from 0 */
    CEL_PART_DAY_OF_WEEK,  /* from 0, Sunday */
    CEL_PART_HOURS,
    CEL_PART_MINUTES,
    CEL_PART_SECONDS,
    CEL_PART_MILLISECONDS
};
/* Of a timestamp as clocks show it at an offset from UTC. */
int64_t cel_timestamp_part(struct cel_value, enum cel_time_part, int32_t offset);
/* Of a duration: the whole of it in hours, minutes or seconds, cut towards zero; the milliseconds within its
 * second. False where a duration has no such part. */
bool cel_duration_part(struct cel_value, enum cel_time_part, int64_t *ret);
