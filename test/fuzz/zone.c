/* Time zones from bytes of anybody: whatever is taken for a zone answers, and agrees with itself. */
#include "fuzz.h"

#include "cron/zone.h"

static void changes(const struct cron_zone *zone)
{
    struct zone_change change = {.at = 0};
    for (unsigned i = 0; i < 50 && change.at < INT64_C(253086595200); i++) {
        int64_t before = change.at;
        if (!zone_next_change(zone, before, &change)) break;
        FUZZ_LAW(change.at > before);
        FUZZ_LAW(change.offset > -26 * 3600 && change.offset < 26 * 3600);
    }
}

static void runs(const struct cron_zone *zone, const char *text)
{
    struct cron_expr expr;
    rc_us at = RC_SECONDS(1700000000);
    FUZZ_LAW(cron_parse(rc_sv_of(text), &expr, NULL) == RC_OK);
    for (unsigned i = 0; i < 4; i++) {
        rc_us next;
        if (!cron_next(&expr, zone, at, &next)) break;
        FUZZ_LAW(next > at);
        at = next;
    }
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    const struct cron_zone *zone = NULL;
    struct zone_tail tail;
    struct rc_error err = {0};
    enum rc_status status = cron_zone_read(input, arena, &zone, &err);
    FUZZ_LAW(status == RC_OK || status == RC_INVALID || status == RC_LIMIT || status == RC_NOMEM);
    if (zone_parse_tail(input, &tail)) FUZZ_LAW(tail.standard > -26 * 3600 && tail.standard < 26 * 3600);
    if (status != RC_OK) {
        FUZZ_LAW(err.text[0]);
        return;
    }
    changes(zone);
    runs(zone, "30 2 * * *");
    runs(zone, "*/20 * * * *");
}
