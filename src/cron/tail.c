/* The rule behind the last transition of a zone: a TZ string of POSIX, as RFC 8536 allows it in the footer (hours up to 167, names in angle
 * brackets): "CET-1CEST,M3.5.0,M10.5.0/3". */
#include "cron/zone.h"

enum { HOUR = 3600, DAY = 86400, LONGEST_OFFSET = 26 * HOUR - 1, LONGEST_TIME = 167 * HOUR + 3599 };

struct text {
    const char *p, *end;
};

static char peek(const struct text *text)
{
    return text->p < text->end ? *text->p : 0;
}

static bool take(struct text *text, char c)
{
    if (peek(text) != c || text->p == text->end) return false;
    text->p++;
    return true;
}

static bool number(struct text *text, int32_t max, int32_t *ret)
{
    int32_t n = 0;
    const char *from = text->p;
    while (peek(text) >= '0' && peek(text) <= '9' && n <= max) n = n * 10 + (*text->p++ - '0');
    *ret = n;
    return text->p > from && n <= max;
}

static bool name(struct text *text)
{
    const char *from = text->p;
    if (take(text, '<')) {
        while (text->p < text->end && *text->p != '>') text->p++;
        return text->p - from >= 4 && take(text, '>');
    }
    while ((peek(text) >= 'a' && peek(text) <= 'z') || (peek(text) >= 'A' && peek(text) <= 'Z')) text->p++;
    return text->p - from >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool clock_time(struct text *text, int32_t hours, int32_t *ret)
{
    bool negative = take(text, '-');
    if (!negative) (void)take(text, '+');
    int32_t h, m = 0, s = 0;
    if (!number(text, hours, &h)) return false;
    if (take(text, ':') && !number(text, 59, &m)) return false;
    if (text->p[-1] != ':' && take(text, ':') && !number(text, 59, &s)) return false;
    *ret = h * HOUR + m * 60 + s;
    if (negative) *ret = -*ret;
    return true;
}

/* POSIX counts offsets to the west. */
static bool offset(struct text *text, int32_t *ret)
{
    int32_t west;
    if (!clock_time(text, 25, &west)) return false;
    *ret = -west;
    return west >= -LONGEST_OFFSET && west <= LONGEST_OFFSET;
}

static bool rule_day(struct text *text, struct zone_rule *rule)
{
    int32_t a, b, c;
    if (take(text, 'M')) {
        if (!number(text, 12, &a) || !take(text, '.') || !number(text, 5, &b) || !take(text, '.') ||
            !number(text, 6, &c) || !a || !b)
            return false;
        *rule = (struct zone_rule){
            .kind = ZONE_DAY_WEEK, .month = (uint8_t)a, .week = (uint8_t)b, .weekday = (uint8_t)c};
        return true;
    }
    bool julian = take(text, 'J');
    if (!number(text, 365, &a) || (julian && !a)) return false;
    *rule = (struct zone_rule){.kind = julian ? ZONE_DAY_JULIAN : ZONE_DAY_ZERO, .day = (uint16_t)a};
    return true;
}

static bool rule(struct text *text, struct zone_rule *ret)
{
    if (!take(text, ',') || !rule_day(text, ret)) return false;
    ret->time = 2 * HOUR;
    return !take(text, '/') || clock_time(text, LONGEST_TIME / HOUR, &ret->time);
}

bool zone_parse_tail(struct rc_sv from, struct zone_tail *ret)
{
    struct text text = {from.p, from.p + from.n};
    struct zone_tail tail = {0};
    if (!from.n || !name(&text) || !offset(&text, &tail.standard)) return false;
    tail.dst = text.p < text.end;
    if (tail.dst) {
        if (!name(&text)) return false;
        tail.daylight = tail.standard + HOUR;
        if (peek(&text) != ',' && !offset(&text, &tail.daylight)) return false;
        if (!rule(&text, &tail.begin) || !rule(&text, &tail.end)) return false;
    }
    if (text.p != text.end) return false;
    *ret = tail;
    return true;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The beginning of the rule's day as if the clock showed UTC. */
static int64_t day_of(const struct zone_rule *rule, int64_t year)
{
    int64_t days = rc_days_from_date(year, 1, 1);
    if (rule->kind == ZONE_DAY_ZERO) return days + rule->day;
    if (rule->kind == ZONE_DAY_JULIAN) return days + rule->day - 1 + (is_leap(year) && rule->day >= 60);
    days = rc_days_from_date(year, rule->month, 1);
    int64_t next =
        rule->month == 12 ? rc_days_from_date(year + 1, 1, 1) : rc_days_from_date(year, rule->month + 1u, 1);
    int64_t weekday = ((days + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    days += (rule->weekday - weekday + 7) % 7 + 7 * (rule->week - 1);
    return days < next ? days : days - 7; /* the last one may be the fourth */
}

void zone_tail_year(const struct zone_tail *tail, int64_t year, struct zone_change ret[2])
{
    struct zone_change begin = {day_of(&tail->begin, year) * DAY + tail->begin.time - tail->standard,
                                tail->daylight};
    struct zone_change end = {day_of(&tail->end, year) * DAY + tail->end.time - tail->daylight,
                              tail->standard};
    bool first = begin.at <= end.at;
    ret[0] = first ? begin : end;
    ret[1] = first ? end : begin;
}
