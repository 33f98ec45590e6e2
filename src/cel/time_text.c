/* Text forms of durations and timestamps. */
#include "cel/time.h"

#include "base/clock.h"
#include "base/num.h"

enum { BILLION = 1000000000 };

/* ".5" for 500000000; nothing for 0. */
static char *put_fraction(char *out, uint32_t nanoseconds)
{
    if (nanoseconds == 0) return out;
    *out++ = '.';
    for (uint32_t unit = BILLION / 10; nanoseconds > 0; unit /= 10) {
        *out++ = (char)('0' + nanoseconds / unit % 10);
        nanoseconds %= unit;
    }
    return out;
}

static char *put_digits(char *out, unsigned number, unsigned count)
{
    for (unsigned i = count; i > 0; i--, number /= 10) out[i - 1] = (char)('0' + number % 10);
    return out + count;
}

uint32_t cel_format_duration(struct cel_value duration, char ret_text[CEL_TIME_TEXT])
{
    char *out = ret_text;
    int32_t fraction = (int32_t)duration.n;
    if (duration.v.i < 0 || fraction < 0) *out++ = '-';
    out += rc_format_u64(duration.v.i < 0 ? 0 - (uint64_t)duration.v.i : (uint64_t)duration.v.i, out);
    out = put_fraction(out, (fraction < 0 ? 0 - (uint32_t)fraction : (uint32_t)fraction) % BILLION);
    *out++ = 's';
    return (uint32_t)(out - ret_text);
}

uint32_t cel_format_timestamp(struct cel_value at, char ret_text[CEL_TIME_TEXT])
{
    char *out = ret_text;
    static const enum cel_time_part part[] = {CEL_PART_YEAR,  CEL_PART_MONTH,   CEL_PART_DATE,
                                              CEL_PART_HOURS, CEL_PART_MINUTES, CEL_PART_SECONDS};
    for (unsigned i = 0; i < sizeof part / sizeof *part; i++) {
        if (i > 0) *out++ = "--T::"[i - 1];
        unsigned number = (unsigned)cel_timestamp_part(at, part[i], 0) + (part[i] == CEL_PART_MONTH);
        out = put_digits(out, number, i == 0 ? 4 : 2);
    }
    out = put_fraction(out, at.n % BILLION);
    *out++ = 'Z';
    return (uint32_t)(out - ret_text);
}

/* ---- reading ---- */

static bool is_digit(struct rc_sv text, uint32_t at)
{
    return at < text.n && text.p[at] >= '0' && text.p[at] <= '9';
}

static bool read_unit(struct rc_sv text, uint32_t *io_at, int64_t *ret)
{
    static const struct {
        char name[4];
        int64_t size;
    } unit[] = {
        {"ns", 1},       {"us", 1000},   {"\xc2\xb5s", 1000},          {"\xce\xbcs", 1000},
        {"ms", 1000000}, {"s", BILLION}, {"m", INT64_C(60) * BILLION}, {"h", INT64_C(3600) * BILLION}};
    uint32_t from = *io_at;
    while (*io_at < text.n && !is_digit(text, *io_at) && text.p[*io_at] != '.') ++*io_at;
    struct rc_sv name = {text.p + from, *io_at - from};
    for (unsigned i = 0; i < sizeof unit / sizeof *unit; i++)
        if (rc_sv_is(name, unit[i].name)) {
            *ret = unit[i].size;
            return true;
        }
    return false;
}

/* Nanoseconds of a fraction of a unit; the fraction is given as its first nine digits and the nine after
 * them. What is finer than a nanosecond is cut off. */
static int64_t fraction_of(int64_t unit, int64_t first, int64_t rest)
{
    int64_t seconds = unit / BILLION;
    return seconds > 0 ? first * seconds + rest * seconds / BILLION : first * unit / BILLION;
}

static int64_t read_nine(struct rc_sv text, uint32_t *io_at)
{
    int64_t number = 0;
    for (unsigned i = 0; i < 9; i++)
        number = number * 10 + (is_digit(text, *io_at) ? text.p[(*io_at)++] - '0' : 0);
    return number;
}

/* number [. fraction] unit; the sum is kept negative, where one more fits. */
static bool read_span(struct rc_sv text, uint32_t *io_at, int64_t *io_sum)
{
    int64_t whole = 0, first = 0, rest = 0, unit, number;
    uint32_t from = *io_at, points = 0;
    for (; is_digit(text, *io_at); ++*io_at)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_sub_overflow(whole, text.p[*io_at] - '0', &whole))
            return false;
    if (*io_at < text.n && text.p[*io_at] == '.') {
        points = 1;
        ++*io_at;
        first = read_nine(text, io_at);
        rest = read_nine(text, io_at);
        while (is_digit(text, *io_at)) ++*io_at;
    }
    if (*io_at - from == points || !read_unit(text, io_at, &unit)) return false; /* not one digit */
    if (__builtin_mul_overflow(whole, unit, &number) ||
        __builtin_sub_overflow(number, fraction_of(unit, first, rest), &number))
        return false;
    return !__builtin_add_overflow(*io_sum, number, io_sum);
}

bool cel_parse_duration(struct rc_sv text, struct cel_value *ret)
{
    uint32_t at = 0;
    bool minus = text.n > 0 && text.p[0] == '-';
    if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) at++;
    int64_t sum = 0;
    if (!(at + 1 == text.n && text.p[at] == '0')) {
        do
            if (!read_span(text, &at, &sum)) return false;
        while (at < text.n);
    }
    if (!minus && __builtin_sub_overflow(0, sum, &sum)) return false;
    *ret = cel_duration(sum);
    return true;
}

/* `count` digits at *io_at, then the mark (0: none). */
static bool read_field(struct rc_sv text, uint32_t *io_at, uint32_t count, char mark, unsigned *ret)
{
    *ret = 0;
    for (uint32_t i = 0; i < count; i++, ++*io_at) {
        if (!is_digit(text, *io_at)) return false;
        *ret = *ret * 10 + (unsigned)(text.p[*io_at] - '0');
    }
    if (mark == 0) return true;
    if (*io_at >= text.n) return false;
    char c = text.p[(*io_at)++];
    return c == mark || (mark == 'T' && c == 't');
}

bool cel_parse_offset(struct rc_sv text, int32_t *ret_seconds)
{
    uint32_t at = 0;
    unsigned hours, minutes;
    if (rc_sv_is(text, "UTC") || rc_sv_is(text, "Z") || rc_sv_is(text, "z")) {
        *ret_seconds = 0;
        return true;
    }
    bool minus = text.n > 0 && text.p[0] == '-';
    if (text.n > 0 && (text.p[0] == '-' || text.p[0] == '+')) at++;
    if (!read_field(text, &at, 2, ':', &hours) || !read_field(text, &at, 2, 0, &minutes) || at != text.n ||
        hours > 23 || minutes > 59)
        return false;
    int32_t seconds = (int32_t)(hours * 3600 + minutes * 60);
    *ret_seconds = minus ? -seconds : seconds;
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month];
}

bool cel_parse_timestamp(struct rc_sv text, struct cel_value *ret)
{
    uint32_t at = 0, fraction = 0;
    unsigned year, month, day, hour, minute, second;
    if (!read_field(text, &at, 4, '-', &year) || !read_field(text, &at, 2, '-', &month) ||
        !read_field(text, &at, 2, 'T', &day) || !read_field(text, &at, 2, ':', &hour) ||
        !read_field(text, &at, 2, ':', &minute) || !read_field(text, &at, 2, 0, &second))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    if (at < text.n && text.p[at] == '.') {
        uint32_t unit = BILLION, from = ++at;
        for (; is_digit(text, at); at++) fraction += (unit /= 10) * (uint32_t)(text.p[at] - '0');
        if (at == from || at - from > 9) return false;
    }
    struct rc_sv zone = {text.p + at, text.n - at};
    int32_t offset;
    if (zone.n == 0 || is_digit(zone, 0) || zone.p[0] == 'U' || !cel_parse_offset(zone, &offset))
        return false;
    int64_t seconds =
        rc_days_from_date(year, month, day) * 86400 + (int64_t)(hour * 3600 + minute * 60 + second) - offset;
    if (!cel_timestamp(seconds, ret)) return false;
    ret->n = fraction;
    return true;
}
