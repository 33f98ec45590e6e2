/* Cron expressions of anybody: an error names a byte of the text; what is taken comes again and again, each time later, at a minute that it
 * names. */
#include "fuzz.h"

#include "cron/zone.h"

static const struct cron_zone half_hour = {.first = 1800};

static void comes(const struct cron_expr *expr, const struct cron_zone *zone, int64_t offset)
{
    rc_us at = RC_SECONDS(1700000000);
    for (unsigned i = 0; i < 4; i++) {
        rc_us next;
        FUZZ_LAW(cron_next(expr, zone, at, &next)); /* what never comes is refused */
        FUZZ_LAW(next > at && next % RC_SECONDS(60) == 0);
        int64_t local = (int64_t)(next / 1000000) + offset;
        FUZZ_LAW(expr->minutes >> (local / 60 % 60) & 1 && expr->hours >> (local / 3600 % 24) & 1);
        at = next;
    }
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    (void)arena;
    struct cron_expr expr;
    struct rc_error err = {0};
    enum rc_status status = cron_parse(input, &expr, &err);
    FUZZ_LAW(status == RC_OK || status == RC_SYNTAX);
    if (status != RC_OK) {
        FUZZ_LAW(err.text[0] && err.column >= 1 && err.column <= input.n + 1);
        return;
    }
    FUZZ_LAW(expr.minutes && expr.hours && expr.days && expr.months && expr.weekdays);
    comes(&expr, &cron_utc, 0);
    comes(&expr, &half_hour, 1800);
    FUZZ_LAW(!cron_is_zone_name(input) || input.n <= 64);
}
