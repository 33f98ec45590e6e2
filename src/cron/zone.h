#pragma once
/* What is known of a zone; private to cron/. Times are seconds since 1970. */
#include "cron/cron.h"

enum zone_day { ZONE_DAY_JULIAN, ZONE_DAY_ZERO, ZONE_DAY_WEEK };

/* When a year's daylight saving begins or ends, as POSIX writes it. */
struct zone_rule {
    uint8_t kind; /* enum zone_day */
    uint16_t day; /* of the year: 1 to 365 without February 29 (julian), 0 to 365 with it (zero) */
    uint8_t month, week, weekday; /* week 5 is the last */
    int32_t time; /* seconds from the beginning of that day, by the clock that was valid until then */
};

/* What holds behind the last transition of the file. */
struct zone_tail {
    bool dst; /* there are two offsets, and the rules; else only `standard` */
    int32_t standard, daylight;
    struct zone_rule begin, end;
};

struct cron_zone {
    const int64_t *time;   /* ascending: from then on */
    const int32_t *offset; /* this one is valid */
    uint32_t n;
    int32_t first; /* before the first one */
    bool has_tail;
    struct zone_tail tail;
};

/* The footer of a TZif file. False where it is none. */
RC_MUST bool zone_parse_tail(struct rc_sv, struct zone_tail *ret);
/* The two transitions of a year by the rules: moment and offset from then on, in order of time. */
struct zone_change {
    int64_t at;
    int32_t offset;
};
void zone_tail_year(const struct zone_tail *, int64_t year, struct zone_change ret[2]);
/* The first transition behind `after`. False where there is none. */
bool zone_next_change(const struct cron_zone *, int64_t after, struct zone_change *ret);
/* The year of a moment, in UTC. */
int64_t zone_year_of(int64_t seconds);
