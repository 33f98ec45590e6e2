#pragma once
/* Recurring times: five-field cron expressions, and time zones from TZif files (RFC 8536) that somebody else has read. Pure: bytes and
 * times come in, times come out.
 *
 * An expression names minutes of the local day. What daylight saving does to them:
 * - a minute that is skipped comes once, at the moment behind the gap, together with all others of that gap;
 * - a minute that is there twice comes the first time only.
 * An expression whose hours are all (`*`) names no hour: its minutes come in every hour that passes, also in one that is there twice, and
 * none is made up for one that is skipped. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

struct cron_expr { /* bit n stands for the value n */
    uint64_t minutes;
    uint32_t hours, days;
    uint16_t months;
    uint8_t weekdays;          /* 0 is Sunday */
    bool any_day, any_weekday; /* begins with '*': where neither does, a day that fits one of both fits */
    /* begins with '*' and leaves none out: no hour is named, so that it comes by the time that passes */
    bool any_hour;
};

/* Minute, hour, day of the month, month, day of the week; numbers and names (jan, mon), `*`, lists, ranges and steps; 7 is Sunday, too.
 * RC_SYNTAX: err says what is wrong and err->column at which byte, from 1. Also where no day ever fits. */
RC_MUST enum rc_status cron_parse(struct rc_sv, struct cron_expr *ret, struct rc_error *);

struct cron_zone;

/* Reads a zone; what it keeps is in the arena. RC_INVALID where the bytes are no TZif file of version 1 to 4 without leap seconds,
 * RC_LIMIT where they are larger than RC_MAX_ZONE or RC_MAX_ZONE_TIMES; RC_NOMEM. */
RC_MUST enum rc_status cron_zone_read(struct rc_sv bytes, struct rc_arena *, const struct cron_zone **ret,
                                      struct rc_error *);
/* UTC. */
extern const struct cron_zone cron_utc;

/* The name of a zone as it stands in the database: "Europe/Berlin". No path leads out of it. */
bool cron_is_zone_name(struct rc_sv);

/* Seconds east of UTC at a time. */
int32_t cron_offset(const struct cron_zone *, int64_t at);

/* The first time behind `after`. False where there is none before the year 9990. */
RC_MUST bool cron_next(const struct cron_expr *, const struct cron_zone *, rc_us after, rc_us *ret);
