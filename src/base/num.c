/* Locale-free numbers. The C library's conversions follow the process's locale, which an embedding program
 * may have set; so the decimal point is put in or taken out here. */
#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t rc_format_u64(uint64_t number, char *ret_text)
{
    char digits[20];
    uint32_t n = 0;
    do digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    for (uint32_t i = 0; i < n; i++) ret_text[i] = digits[n - 1 - i];
    return n;
}

uint32_t rc_format_i64(int64_t number, char *ret_text)
{
    if (number >= 0) return rc_format_u64((uint64_t)number, ret_text);
    ret_text[0] = '-';
    return 1 + rc_format_u64(0 - (uint64_t)number, ret_text + 1);
}

bool rc_parse_u64(struct rc_sv text, uint64_t *ret)
{
    uint64_t number = 0;
    if (text.n == 0) return false;
    for (uint32_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)(unsigned char)text.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *ret = number;
    return true;
}

bool rc_parse_i64(struct rc_sv text, int64_t *ret)
{
    bool minus = text.n && text.p[0] == '-';
    uint64_t size;
    if (!rc_parse_u64((struct rc_sv){text.p + minus, text.n - minus}, &size)) return false;
    if (size > (uint64_t)INT64_MAX + minus) return false;
    *ret = minus ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

static uint32_t run_of_digits(struct rc_sv text, uint32_t at)
{
    uint32_t n = 0;
    while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9') n++;
    return n;
}

/* digits [. digits] [e [sign] digits], or . digits: so that strtod sees no hexadecimal, no "inf", no blanks.
 */
static bool is_decimal(struct rc_sv text, uint32_t *ret_point)
{
    uint32_t at = text.n && text.p[0] == '-', whole = run_of_digits(text, at), part = 0;
    *ret_point = UINT32_MAX;
    at += whole;
    if (at < text.n && text.p[at] == '.') {
        *ret_point = at;
        part = run_of_digits(text, at + 1);
        at += 1 + part;
    }
    if (whole + part == 0) return false;
    if (at < text.n && (text.p[at] | 0x20) == 'e') {
        at++;
        if (at < text.n && (text.p[at] == '-' || text.p[at] == '+')) at++;
        uint32_t exponent = run_of_digits(text, at);
        if (exponent == 0) return false;
        at += exponent;
    }
    return at == text.n;
}

bool rc_parse_double(struct rc_sv text, double *ret)
{
    char copy[512];
    uint32_t point;
    if (text.n >= sizeof copy || !is_decimal(text, &point)) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    if (point != UINT32_MAX) copy[point] = localeconv()->decimal_point[0];
    double number = strtod(copy, NULL);
    if (isinf(number)) return false;
    *ret = number;
    return true;
}

/* Significant digits without point, and the position of the point counted from their left. */
static uint32_t shortest_digits(double number, char *ret_digits, int *ret_point)
{
    char text[40];
    for (int precision = 14; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, number);
        if (strtod(text, NULL) == number) break;
    }
    char *e = strchr(text, 'e');
    uint32_t n = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') ret_digits[n++] = *p;
    while (n > 1 && ret_digits[n - 1] == '0') n--;
    *ret_point = (int)strtol(e + 1, NULL, 10) + 1;
    return n;
}

uint32_t rc_format_double(double number, char *ret_text)
{
    if (isnan(number)) return (uint32_t)sprintf(ret_text, "NaN");
    if (isinf(number)) return (uint32_t)sprintf(ret_text, number < 0 ? "-Infinity" : "Infinity");
    if (number == 0) return (uint32_t)sprintf(ret_text, "0");
    char digits[24] = "0", *out = ret_text;
    int point;
    if (number < 0) *out++ = '-';
    int n = (int)shortest_digits(fabs(number), digits, &point);
    if (n <= point && point <= 21) { /* 1200 */
        memcpy(out, digits, (size_t)n);
        memset(out + n, '0', (size_t)(point - n));
        out += point;
    } else if (0 < point && point <= 21) { /* 1.2 */
        memcpy(out, digits, (size_t)point);
        out[point] = '.';
        memcpy(out + point + 1, digits + point, (size_t)(n - point));
        out += n + 1;
    } else if (-6 < point && point <= 0) { /* 0.0012 */
        memcpy(out, "0.", 2);
        memset(out + 2, '0', (size_t)-point);
        memcpy(out + 2 - point, digits, (size_t)n);
        out += 2 - point + n;
    } else { /* 1.2e+30 */
        *out++ = digits[0];
        if (n > 1) {
            *out++ = '.';
            memcpy(out, digits + 1, (size_t)(n - 1));
            out += n - 1;
        }
        out += sprintf(out, "e%+d", point - 1);
    }
    return (uint32_t)(out - ret_text);
}
