/* When an expression comes next.
 *
 * The local minutes that it names are walked in their order, and each is brought to the moment at which a clock on the wall first shows it;
 * where none ever does, to the moment at which the clock jumps over it. Both never go back, so the first moment behind `after` is the answer.
 * An expression that names no hour has the second show of a minute, too: those are looked for in the hours that are there twice. */
#include "cron/zone.h"

#include "base/limits.h"

enum { DAY_S = 86400, REACH_S = 26 * 3600, DAYS_MAX = 366 * 41 };
#define LAST_SECOND INT64_C(253086595200) /* in 9990: times are below the year 10000 in every zone */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The moment for a local time that is given as if it were UTC. False: a clock jumps over it, and `ret` is when. */
static bool first_show(const struct cron_zone *zone, int64_t local, int64_t *ret)
{
    int64_t from = local - REACH_S, gap = local;
    int32_t offset = cron_offset(zone, from);
    struct zone_change change = {from, offset};
    bool more = true;
    for (int64_t begin = from; more && begin <= local + REACH_S;) {
        more = zone_next_change(zone, begin, &change);
        int64_t moment = local - offset;
        if (!more || moment < change.at) {
            *ret = moment >= begin ? moment : gap;
            return moment >= begin;
        }
        gap = begin = change.at;
        offset = change.offset;
    }
    *ret = gap;
    return false;
}

static bool fits_day(const struct cron_expr *expr, int64_t day)
{
    unsigned year, month, of_month;
    rc_date_from_days(day, &year, &month, &of_month);
    if (!(expr->months >> month & 1)) return false;
    bool in_month = expr->days >> of_month & 1;
    bool in_week = expr->weekdays >> (((day + 4) % 7 + 7) % 7) & 1;
    return expr->any_day || expr->any_weekday ? in_month && in_week : in_month || in_week;
}

/* The first moment behind `after` among the minutes of one local day. */
static bool in_day(const struct cron_expr *expr, const struct cron_zone *zone, int64_t day, int64_t after,
                   int64_t *ret)
{
    bool made_up = !expr->any_hour;
    for (unsigned hour = 0; hour < 24; hour++) {
        if (!(expr->hours >> hour & 1)) continue;
        int64_t end = day * DAY_S + (hour + 1) * INT64_C(3600);
        int64_t last;
        (void)first_show(zone, end - 60, &last);
        if (last <= after) continue; /* and none before it is behind */
        for (unsigned minute = 0; minute < 60; minute++) {
            int64_t moment;
            if (!(expr->minutes >> minute & 1)) continue;
            if (!first_show(zone, end - 3600 + minute * INT64_C(60), &moment) && !made_up) continue;
            if (moment <= after) continue;
            *ret = moment;
            return true;
        }
    }
    return false;
}

static bool fits_moment(const struct cron_expr *expr, int64_t local)
{
    int64_t day = floor_div(local, DAY_S), second = local - day * DAY_S;
    return expr->minutes >> (second / 60 % 60) & 1 && fits_day(expr, day);
}

/* The second shows of minutes, behind `after` and before `until`. */
static bool in_doubled(const struct cron_expr *expr, const struct cron_zone *zone, int64_t after,
                       int64_t until, int64_t *ret)
{
    struct zone_change change = {0};
    int64_t at = after - REACH_S;
    int32_t before = cron_offset(zone, at);
    for (; zone_next_change(zone, at, &change) && change.at < until; before = change.offset, at = change.at) {
        int64_t end =
            change.at + (before - change.offset); /* nothing is there twice where this is not behind it */
        int64_t local = floor_div(change.at + change.offset + 59, 60) * 60;
        for (; local - change.offset < end && local - change.offset < until; local += 60) {
            if (local - change.offset <= after || !fits_moment(expr, local)) continue;
            *ret = local - change.offset;
            return true;
        }
    }
    return false;
}

bool cron_next(const struct cron_expr *expr, const struct cron_zone *zone, rc_us after_us, rc_us *ret)
{
    if (after_us / 1000000 >= LAST_SECOND) return false;
    int64_t after = (int64_t)(after_us / 1000000), found = 0;
    int64_t day = floor_div(after + cron_offset(zone, after) - REACH_S, DAY_S);
    bool any = false;
    for (int64_t last = day + DAYS_MAX; !any && day <= last; day++)
        any = fits_day(expr, day) && in_day(expr, zone, day, after, &found);
    if (any && expr->any_hour) {
        int64_t second;
        if (in_doubled(expr, zone, after, found, &second)) found = second;
    }
    if (any) *ret = (rc_us)found * 1000000;
    return any && found < LAST_SECOND + DAYS_MAX * INT64_C(86400);
}
