/* Times and spans as text. Day arithmetic after Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms". */
#include "base/clock.h"

#include "base/num.h"

#include <stdio.h>
#include <time.h>

int64_t rc_days_from_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned yoe = (unsigned)(year - era * 400);
    unsigned doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

void rc_date_from_days(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = (unsigned)((int64_t)yoe + era * 400 + (*ret_month <= 2));
}

uint32_t rc_format_time(rc_us at, char ret_text[RC_TIME_TEXT])
{
    static const rc_us max = 253402300799999999u; /* end of year 9999 */
    if (at > max) at = max;
    unsigned year, month, day, second = (unsigned)(at / 1000000 % 86400);
    rc_date_from_days((int64_t)(at / 1000000 / 86400), &year, &month, &day);
    return (uint32_t)snprintf(ret_text, RC_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", year % 10000,
                              month % 100, day % 100, second / 3600 % 24, second / 60 % 60, second % 60,
                              (unsigned)(at % 1000000));
}

/* Exactly `count` digits at `at`. */
static bool digits(struct rc_sv text, uint32_t at, uint32_t count, unsigned *ret)
{
    uint64_t number;
    if (at > text.n || text.n - at < count || !rc_parse_u64((struct rc_sv){text.p + at, count}, &number))
        return false;
    *ret = (unsigned)number;
    return true;
}

static bool mark(struct rc_sv text, uint32_t at, char c)
{
    return at < text.n && text.p[at] == c;
}

static bool parse_offset(struct rc_sv text, uint32_t at, int64_t *ret_seconds)
{
    unsigned hour, minute;
    if (at + 1 == text.n && (text.p[at] | 0x20) == 'z') {
        *ret_seconds = 0;
        return true;
    }
    if (at + 6 != text.n || !digits(text, at + 1, 2, &hour) || !mark(text, at + 3, ':') ||
        !digits(text, at + 4, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ret_seconds = (int64_t)hour * 3600 + (int64_t)minute * 60;
    if (text.p[at] == '-') *ret_seconds = -*ret_seconds;
    return text.p[at] == '-' || text.p[at] == '+';
}

bool rc_parse_time(struct rc_sv text, rc_us *ret)
{
    static const unsigned char length[13] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second;
    if (!digits(text, 0, 4, &year) || !mark(text, 4, '-') || !digits(text, 5, 2, &month) ||
        !mark(text, 7, '-') || !digits(text, 8, 2, &day) || !(mark(text, 10, 'T') || mark(text, 10, 't')) ||
        !digits(text, 11, 2, &hour) || !mark(text, 13, ':') || !digits(text, 14, 2, &minute) ||
        !mark(text, 16, ':') || !digits(text, 17, 2, &second))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > length[month] || (month == 2 && day == 29 && !leap))
        return false;
    if (year < 1970 || hour > 23 || minute > 59 || second > 59) return false;
    uint32_t at = 19;
    unsigned micros = 0;
    if (mark(text, at, '.')) {
        uint32_t n = 0;
        for (at++; at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9'; n++)
            if (n < 6) micros = micros * 10 + (unsigned)(text.p[at + n] - '0');
        if (n == 0 || n > 9) return false;
        for (uint32_t i = n; i < 6; i++) micros *= 10;
        at += n;
    }
    int64_t offset;
    if (!parse_offset(text, at, &offset)) return false;
    int64_t seconds =
        rc_days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (seconds < 0) return false;
    *ret = (rc_us)seconds * 1000000 + micros;
    return true;
}

static const struct {
    char name[3];
    rc_us size;
} unit[] = {{"d", RC_SECONDS(86400)}, {"h", RC_SECONDS(3600)}, {"m", RC_SECONDS(60)},
            {"s", RC_SECONDS(1)},     {"ms", RC_MS(1)},        {"us", 1}};
enum { UNITS = sizeof unit / sizeof *unit };

bool rc_parse_span(struct rc_sv text, rc_us *ret)
{
    rc_us sum = 0;
    uint32_t at = 0;
    if (!text.n) return false; /* it may have no bytes at all */
    do {
        uint32_t from = at, name;
        while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9') at++;
        uint64_t number;
        if (!rc_parse_u64((struct rc_sv){text.p + from, at - from}, &number)) return false;
        for (name = at; at < text.n && text.p[at] >= 'a' && text.p[at] <= 'z';) at++;
        struct rc_sv word = {text.p + name, at - name};
        unsigned u = 0;
        while (u < UNITS && !rc_sv_is(word, unit[u].name)) u++;
        if (u == UNITS || __builtin_mul_overflow(number, unit[u].size, &number) ||
            __builtin_add_overflow(sum, number, &sum))
            return false;
    } while (at < text.n);
    *ret = sum;
    return true;
}

uint32_t rc_format_span(rc_us span, char ret_text[RC_SPAN_TEXT])
{
    char *out = ret_text;
    if (span == 0) return (uint32_t)snprintf(ret_text, RC_SPAN_TEXT, "0s");
    for (unsigned u = 0, parts = 0; u < UNITS && parts < 2; u++) {
        if (span < unit[u].size) continue;
        out += rc_format_u64(span / unit[u].size, out);
        for (const char *name = unit[u].name; *name;) *out++ = *name++;
        span %= unit[u].size;
        parts++;
    }
    *out = 0;
    return (uint32_t)(out - ret_text);
}

static rc_us read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t); /* cannot fail for these two clocks */
    return (rc_us)t.tv_sec * 1000000 + (rc_us)t.tv_nsec / 1000;
}

rc_us rc_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

rc_us rc_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
