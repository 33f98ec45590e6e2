/* Arithmetic and parts of times. Text forms are in time_text.c. */
#include "cel/time.h"

#include "base/clock.h"

enum { BILLION = 1000000000 };
#define FIRST_SECOND INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND  INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

struct cel_value cel_duration(int64_t nanoseconds)
{
    return (struct cel_value){
        .kind = CEL_DURATION, .n = (uint32_t)(int32_t)(nanoseconds % BILLION), .v.i = nanoseconds / BILLION};
}

bool cel_nanoseconds(struct cel_value duration, int64_t *ret)
{
    /* The fraction first: -9223372036 s alone fits, -9223372036.854775808 s does so only just. */
    int64_t seconds = duration.v.i, fraction = (int32_t)duration.n, sum;
    if (seconds < 0 && fraction < 0) {
        seconds++;
        fraction -= BILLION;
    }
    if (__builtin_mul_overflow(seconds, BILLION, &sum) || __builtin_add_overflow(sum, fraction, &sum))
        return false;
    *ret = sum;
    return true;
}

bool cel_timestamp(int64_t seconds, struct cel_value *ret)
{
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return false;
    *ret = (struct cel_value){.kind = CEL_TIMESTAMP, .v.i = seconds};
    return true;
}

static bool add_to_timestamp(struct cel_value at, int64_t nanoseconds, struct cel_value *ret)
{
    int64_t seconds = at.v.i + nanoseconds / BILLION, fraction = (int64_t)at.n + nanoseconds % BILLION;
    if (fraction < 0) {
        fraction += BILLION;
        seconds--;
    } else if (fraction >= BILLION) {
        fraction -= BILLION;
        seconds++;
    }
    if (!cel_timestamp(seconds, ret)) return false;
    ret->n = (uint32_t)fraction;
    return true;
}

bool cel_time_add(struct cel_value a, struct cel_value b, int sign, struct cel_value *ret)
{
    int64_t x, y;
    if (a.kind == CEL_TIMESTAMP && b.kind == CEL_TIMESTAMP) {
        int64_t fraction = (int64_t)a.n - (int64_t)b.n;
        if (__builtin_mul_overflow(a.v.i - b.v.i, BILLION, &x) || __builtin_add_overflow(x, fraction, &x))
            return false;
        *ret = cel_duration(x);
        return true;
    }
    if (a.kind == CEL_DURATION && b.kind == CEL_TIMESTAMP) {
        struct cel_value span = a;
        a = b;
        b = span;
    }
    if (!cel_nanoseconds(b, &y) || (sign < 0 && __builtin_sub_overflow(0, y, &y))) return false;
    if (a.kind == CEL_TIMESTAMP) return add_to_timestamp(a, y, ret);
    if (!cel_nanoseconds(a, &x) || __builtin_add_overflow(x, y, &x)) return false;
    *ret = cel_duration(x);
    return true;
}

int cel_time_order(struct cel_value a, struct cel_value b)
{
    if (a.v.i != b.v.i) return a.v.i < b.v.i ? -1 : 1;
    return ((int32_t)a.n > (int32_t)b.n) - ((int32_t)a.n < (int32_t)b.n);
}

int64_t cel_timestamp_part(struct cel_value at, enum cel_time_part part, int32_t offset)
{
    int64_t local = at.v.i + offset, second = local % 86400;
    if (second < 0) second += 86400;
    int64_t days = (local - second) / 86400;
    unsigned year, month, day;
    rc_date_from_days(days, &year, &month, &day);
    switch (part) {
    case CEL_PART_YEAR: return (int32_t)year; /* an offset can lead into the year 0 */
    case CEL_PART_MONTH: return month - 1;
    case CEL_PART_DAY_OF_YEAR: return days - rc_days_from_date((int32_t)year, 1, 1);
    case CEL_PART_DATE: return day;
    case CEL_PART_DAY_OF_MONTH: return day - 1;
    case CEL_PART_DAY_OF_WEEK: return ((days + 4) % 7 + 7) % 7; /* day 0 was a Thursday */
    case CEL_PART_HOURS: return second / 3600;
    case CEL_PART_MINUTES: return second / 60 % 60;
    case CEL_PART_SECONDS: return second % 60;
    case CEL_PART_MILLISECONDS: return at.n / 1000000;
    }
    return 0;
}

bool cel_duration_part(struct cel_value duration, enum cel_time_part part, int64_t *ret)
{
    switch (part) {
    case CEL_PART_HOURS: *ret = duration.v.i / 3600; return true;
    case CEL_PART_MINUTES: *ret = duration.v.i / 60; return true;
    case CEL_PART_SECONDS: *ret = duration.v.i; return true;
    case CEL_PART_MILLISECONDS: *ret = (int32_t)duration.n / 1000000; return true;
    case CEL_PART_YEAR:
    case CEL_PART_MONTH:
    case CEL_PART_DAY_OF_YEAR:
    case CEL_PART_DATE:
    case CEL_PART_DAY_OF_MONTH:
    case CEL_PART_DAY_OF_WEEK: break;
    }
    return false;
}
