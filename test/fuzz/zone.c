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

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Inputs that are kept are text: digits behind a line "hex". Anything else is taken as it is. */
static struct rc_sv bytes_of(struct rc_sv input, struct rc_arena *arena)
{
    if (!rc_sv_starts(input, RC_SV("hex\n"))) return input;
    char *bytes = rc_alloc_zero(arena, input.n, 1);
    uint32_t n = 0;
    FUZZ_LAW(bytes);
    for (uint32_t i = 4; i < input.n; i++)
        if (digit(input.p[i]) >= 0) {
            bytes[n / 2] = (char)(bytes[n / 2] << 4 | digit(input.p[i]));
            n++;
        }
    return (struct rc_sv){bytes, n / 2};
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    const struct cron_zone *zone = NULL;
    struct zone_tail tail;
    input = bytes_of(input, arena);
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
