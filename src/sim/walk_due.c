/* When schedules are due, worked out once more: a walk through all minutes, with a table of zones and of the texts that lives write. Nothing
 * of it is src/cron's, which is what it is held against. */
#include "sim/walk.h"

/* ---- zones ------------------------------------------------------------------------------------------------------------ */

/* What their clocks show beside UTC, in minutes: at first, and from each change on. */
static const struct zone {
    const char *name;
    int32_t first;
    struct {
        int64_t at;
        int32_t offset;
    } change[WALK_CHANGES];
} zones[WALK_ZONES] = {
    {"Europe/Berlin", 60, {{1806195600, 120}, {1824944400, 60}, {1837645200, 120}, {1856394000, 60}}},
    {"America/New_York",
     -300,
     {{1805007600, -240}, {1825567200, -300}, {1836457200, -240}, {1857016800, -300}}},
    {"Australia/Lord_Howe",
     660,
     {{1806764400, 630}, {1822491000, 660}, {1838214000, 630}, {1853940600, 660}}},
    {"Asia/Kolkata", 330, {{1809109800, 330}, {1819650600, 330}, {1840645800, 330}, {1851186600, 330}}},
    {"UTC", 0, {{1803859200, 0}, {1811808000, 0}, {1830297600, 0}, {1846195200, 0}}},
};

const char *walk_zone_name(uint32_t zone)
{
    return zones[zone].name;
}

rc_us walk_zone_change(uint32_t zone, uint32_t i)
{
    return RC_SECONDS((rc_us)zones[zone].change[i].at);
}

static int64_t offset(const struct zone *zone, int64_t minute)
{
    int32_t found = zone->first;
    for (uint32_t i = 0; i < WALK_CHANGES && zone->change[i].at <= minute * 60; i++)
        found = zone->change[i].offset;
    return found;
}

/* ---- expressions ------------------------------------------------------------------------------------------------------ */

/* What a text names: all numbers from `from` to `to` in steps of `each`, in up to two stretches. */
struct field {
    const char *text;
    struct {
        uint8_t from, to, each;
    } part[2];
};

static const struct field minutes[WALK_MINUTES] = {{"0", {{0, 0, 1}}},
                                                   {"30", {{30, 30, 1}}},
                                                   {"*/15", {{0, 59, 15}}},
                                                   {"*/20", {{0, 59, 20}}},
                                                   {"0-59/30", {{0, 59, 30}}},
                                                   {"59", {{59, 59, 1}}},
                                                   {"10,40", {{10, 10, 1}, {40, 40, 1}}}};
static const struct field hours[WALK_HOURS] = {{"*", {{0, 23, 1}}},
                                               {"0-23", {{0, 23, 1}}},
                                               {"*/2", {{0, 23, 2}}},
                                               {"2", {{2, 2, 1}}},
                                               {"1-3", {{1, 3, 1}}},
                                               {"1,2", {{1, 1, 1}, {2, 2, 1}}},
                                               {"22-23,0-2", {{22, 23, 1}, {0, 2, 1}}}};

/* Which days: of the month, and of the week from Sunday (0). Where both are restricted, one of both is enough. */
static const struct days {
    const char *text;
    uint8_t from, to;
    uint8_t week; /* bits */
    bool either;
} days[WALK_DAYS] = {{"* * *", 1, 31, 0x7f, false},   {"* * sun", 1, 31, 0x01, false},
                     {"* * 0,6", 1, 31, 0x41, false}, {"28-31 * mon", 28, 31, 0x02, true},
                     {"1-7 * 7", 1, 7, 0x01, true},   {"* jan-dec *", 1, 31, 0x7f, false}};

const char *walk_minutes_text(uint32_t i)
{
    return minutes[i].text;
}

const char *walk_hours_text(uint32_t i)
{
    return hours[i].text;
}

const char *walk_days_text(uint32_t i)
{
    return days[i].text;
}

static bool names(const struct field *field, int64_t value)
{
    for (unsigned i = 0; i < 2; i++) {
        int64_t from = field->part[i].from, to = field->part[i].to, each = field->part[i].each;
        if (each && value >= from && value <= to && (value - from) % each == 0) return true;
    }
    return false;
}

struct plan {
    const struct zone *zone;
    const struct field *minute, *hour;
    const struct days *day;
    bool every_hour; /* none is named */
};

/* Takes a word and the blank behind it off, if a text begins so. */
static bool take_off(struct rc_sv *io_text, const char *word)
{
    uint32_t n = (uint32_t)strlen(word);
    if (!rc_sv_starts(*io_text, rc_sv_of(word)) || io_text->n <= n || io_text->p[n] != ' ') return false;
    *io_text = (struct rc_sv){io_text->p + n + 1, io_text->n - n - 1};
    return true;
}

/* "MINUTES HOURS DAYS", as this life has put it together. */
static struct plan plan_of(const struct flow_schedule *of)
{
    struct plan plan = {0};
    struct rc_sv text = of->cron;
    for (uint32_t i = 0; i < WALK_ZONES; i++)
        if (rc_sv_is(of->zone_name, zones[i].name)) plan.zone = &zones[i];
    for (uint32_t i = 0; i < WALK_MINUTES && !plan.minute; i++)
        if (take_off(&text, minutes[i].text)) plan.minute = &minutes[i];
    for (uint32_t i = 0; i < WALK_HOURS && plan.minute && !plan.hour; i++)
        if (take_off(&text, hours[i].text)) plan.hour = &hours[i];
    for (uint32_t i = 0; i < WALK_DAYS; i++)
        if (rc_sv_is(text, days[i].text)) plan.day = &days[i];
    plan.every_hour = plan.hour == hours;
    return plan;
}

/* What a clock on the wall shows, in minutes since the first of January 1970, is named. */
static bool fits(const struct plan *plan, int64_t local)
{
    int64_t day = local / 1440;
    unsigned year, month, of_month;
    if (!names(plan->minute, local % 60) || !names(plan->hour, local / 60 % 24)) return false;
    rc_date_from_days(day, &year, &month, &of_month);
    bool in_month = of_month >= plan->day->from && of_month <= plan->day->to;
    bool in_week = plan->day->week >> ((day + 4) % 7) & 1;
    return plan->day->either ? in_month || in_week : in_month && in_week;
}

/* A clock on the wall has shown this before: it was put back since, by less than a day. */
static bool was_shown(const struct plan *plan, int64_t minute, int64_t local)
{
    for (int64_t back = 1; back <= 180; back++)
        if (minute - back + offset(plan->zone, minute - back) == local) return true;
    return false;
}

static bool comes_at(const struct plan *plan, int64_t minute)
{
    int64_t local = minute + offset(plan->zone, minute), before = minute - 1 + offset(plan->zone, minute - 1);
    if (fits(plan, local) && (plan->every_hour || !was_shown(plan, minute, local))) return true;
    for (int64_t skipped = before + 1; skipped < local && !plan->every_hour; skipped++)
        if (fits(plan, skipped)) return true;
    return false;
}

bool walk_is_due(const struct flow_schedule *of, rc_us at)
{
    struct plan plan = plan_of(of);
    return plan.day && plan.zone && at % RC_SECONDS(60) == 0 &&
           comes_at(&plan, (int64_t)(at / RC_SECONDS(60)));
}

uint32_t walk_due_count(const struct flow_schedule *of, rc_us after, rc_us until)
{
    struct plan plan = plan_of(of);
    uint32_t n = 0;
    if (!plan.day || !plan.zone) return 0;
    for (rc_us minute = after / RC_SECONDS(60) + 1; minute * RC_SECONDS(60) <= until; minute++)
        n += comes_at(&plan, (int64_t)minute);
    return n;
}
