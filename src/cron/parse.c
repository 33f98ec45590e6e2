/* Five-field cron expressions. */
#include "cron/cron.h"

struct field {
    const char *what;
    uint8_t low, high;
    const char *const *names; /* of `low` and those behind it; NULL: none */
    uint8_t nnames;
};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
static const struct field fields[FIELDS] = {{"minute", 0, 59, NULL, 0},
                                            {"hour", 0, 23, NULL, 0},
                                            {"day of the month", 1, 31, NULL, 0},
                                            {"month", 1, 12, months, 12},
                                            {"day of the week", 0, 7, weekdays, 7}};

struct reading {
    struct rc_sv text;
    uint32_t at;
    struct rc_error *err;
};

static enum rc_status placed(const struct reading *in, uint32_t at, enum rc_status status)
{
    if (in->err) in->err->column = at + 1;
    return status;
}
#define wrong(in, at, ...) placed(in, at, rc_fail((in)->err, RC_SYNTAX, __VA_ARGS__))

static char peek(const struct reading *in)
{
    return in->at < in->text.n ? in->text.p[in->at] : 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Three letters; the second word is in small ones. */
static bool same_word(const char *a, const char *b)
{
    for (unsigned i = 0; i < 3; i++)
        if ((char)(a[i] >= 'A' && a[i] <= 'Z' ? a[i] + 32 : a[i]) != b[i]) return false;
    return true;
}

static bool named(struct reading *in, const struct field *field, unsigned *ret)
{
    if (in->text.n - in->at < 3) return false;
    for (unsigned i = 0; i < field->nnames; i++) {
        if (!same_word(in->text.p + in->at, field->names[i])) continue;
        in->at += 3;
        *ret = field->low + i;
        return true;
    }
    return false;
}

static enum rc_status value(struct reading *in, const struct field *field, unsigned *ret)
{
    uint32_t from = in->at;
    unsigned n = 0;
    if (named(in, field, ret)) return RC_OK;
    while (is_digit(peek(in)) && n <= 1000) n = n * 10 + (unsigned)(in->text.p[in->at++] - '0');
    if (in->at == from || n < field->low || n > field->high)
        return wrong(in, from, "the %s is a number from %u to %u%s", field->what, field->low, field->high,
                     field->names ? ", or the first three letters of its name" : "");
    *ret = n;
    return RC_OK;
}

/* Behind '/'. */
static enum rc_status step_of(struct reading *in, const struct field *field, unsigned *ret)
{
    uint32_t from = in->at;
    unsigned n = 0;
    while (is_digit(peek(in)) && n <= 1000) n = n * 10 + (unsigned)(in->text.p[in->at++] - '0');
    if (in->at == from || n < 1 || n > field->high)
        return wrong(in, from, "the step of the %s is a number from 1 to %u", field->what, field->high);
    *ret = n;
    return RC_OK;
}

/* `*`, `a`, `a-b`, each with or without `/n`. */
static enum rc_status item(struct reading *in, const struct field *field, uint64_t *io_bits)
{
    unsigned low = field->low, high = field->high, step = 1;
    uint32_t from = in->at;
    enum rc_status status = RC_OK;
    bool all = peek(in) == '*', range = false;
    if (all) {
        in->at++;
    } else {
        status = value(in, field, &low);
        high = low;
        range = status == RC_OK && peek(in) == '-';
    }
    if (range) {
        in->at++;
        status = value(in, field, &high);
        bool to_sunday = field == &fields[WEEKDAY] && high == 0 && low; /* fri-sun */
        if (to_sunday) high = 7;
        if (status == RC_OK && high < low)
            return wrong(in, from, "this range of the %s ends before it begins", field->what);
    }
    if (status == RC_OK && peek(in) == '/') {
        in->at++;
        status = step_of(in, field, &step);
        if (!all && !range) high = field->high;
    }
    for (unsigned i = low; status == RC_OK && i <= high; i += step) *io_bits |= UINT64_C(1) << i;
    return status;
}

static enum rc_status list(struct reading *in, const struct field *field, uint64_t *ret)
{
    enum rc_status status;
    *ret = 0;
    do {
        status = item(in, field, ret);
    } while (status == RC_OK && peek(in) == ',' && ++in->at);
    if (status == RC_OK && in->at < in->text.n && !is_blank(peek(in)))
        return wrong(in, in->at, "this cannot stand in the %s", field->what);
    return status;
}

static void skip_blanks(struct reading *in)
{
    while (is_blank(peek(in))) in->at++;
}

/* Whether a day of the month is in one of the months, in some year. */
static bool ever_comes(const struct cron_expr *expr)
{
    static const uint8_t length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!expr->any_weekday) return true;
    for (unsigned month = 1; month <= 12; month++)
        if (expr->months >> month & 1 && expr->days & (uint32_t)((UINT64_C(2) << length[month - 1]) - 2))
            return true;
    return false;
}

enum rc_status cron_parse(struct rc_sv text, struct cron_expr *ret, struct rc_error *err)
{
    struct reading in = {text, 0, err};
    uint64_t bits[FIELDS] = {0};
    bool any[FIELDS] = {false};
    for (unsigned i = 0; i < FIELDS; i++) {
        skip_blanks(&in);
        if (in.at == text.n)
            return wrong(&in, in.at,
                         "the %s is missing: minute, hour, day of the month, month, day of the week",
                         fields[i].what);
        any[i] = peek(&in) == '*';
        enum rc_status status = list(&in, &fields[i], &bits[i]);
        if (status != RC_OK) return status;
    }
    skip_blanks(&in);
    if (in.at < text.n) return wrong(&in, in.at, "behind the %s there is nothing more", fields[WEEKDAY].what);
    struct cron_expr expr = {.minutes = bits[MINUTE],
                             .hours = (uint32_t)bits[HOUR],
                             .days = (uint32_t)bits[DAY],
                             .months = (uint16_t)bits[MONTH],
                             .weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
                             .any_day = any[DAY],
                             .any_weekday = any[WEEKDAY],
                             .any_hour = any[HOUR] && bits[HOUR] == (1u << 24) - 1};
    if (!ever_comes(&expr)) return wrong(&in, 0, "no such %s ever comes", fields[DAY].what);
    *ret = expr;
    return RC_OK;
}
