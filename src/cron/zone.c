/* TZif files (RFC 8536), read from bytes of anybody: every count is held against what is there before it is used. Of a file of version 2 or
 * later the second block counts, whose times have 64 bits; then the rule in its footer. */
#include "cron/zone.h"

#include "base/limits.h"

enum { HEAD = 44, TYPE = 6, LONGEST_OFFSET = 26 * 3600 - 1, YEAR_S = 31556952 };

const struct cron_zone cron_utc = {0};

struct bytes {
    const unsigned char *p;
    uint32_t n;
};

struct head {
    uint32_t isut, isstd, leap, time, type, chars;
    char version;
};

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t get64(const unsigned char *p)
{
    return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4));
}

static void skip(struct bytes *from, uint32_t n)
{
    from->p += n;
    from->n -= n;
}

static enum rc_status damaged(struct rc_error *err, const char *what)
{
    return rc_fail(err, RC_INVALID, "this is no TZif file of a time zone: %s", what);
}

static enum rc_status read_head(struct bytes *from, struct head *ret, struct rc_error *err)
{
    if (from->n < HEAD || memcmp(from->p, "TZif", 4) != 0) return damaged(err, "its head is missing");
    const unsigned char *p = from->p + 20;
    *ret = (struct head){get32(p),      get32(p + 4),  get32(p + 8),    get32(p + 12),
                         get32(p + 16), get32(p + 20), (char)from->p[4]};
    skip(from, HEAD);
    if (ret->version != 0 && (ret->version < '2' || ret->version > '4'))
        return damaged(err, "its version is not known");
    if (ret->time > RC_MAX_ZONE_TIMES)
        return rc_fail(err, RC_LIMIT, "a time zone has at most %d transitions", RC_MAX_ZONE_TIMES);
    if (ret->leap) return damaged(err, "zones with leap seconds are not supported");
    if (ret->type == 0 || ret->type > 256 || ret->chars > 4096 || ret->isut > 256 || ret->isstd > 256)
        return damaged(err, "its counts make no sense");
    return RC_OK;
}

/* Bytes of a block whose times have so many bytes. */
static uint32_t block(const struct head *head, uint32_t size)
{
    return head->time * (size + 1) + head->type * TYPE + head->chars + head->isstd + head->isut;
}

static enum rc_status read_block(struct bytes from, const struct head *head, uint32_t size,
                                 struct rc_arena *arena, struct cron_zone *zone, struct rc_error *err)
{
    const unsigned char *times = from.p, *which = times + head->time * size, *types = which + head->time;
    int64_t *time = RC_NEW_ARRAY(arena, int64_t, head->time);
    int32_t *offset = RC_NEW_ARRAY(arena, int32_t, head->time);
    int32_t of[256];
    if (!time || !offset) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < head->type; i++) {
        of[i] = (int32_t)get32(types + i * TYPE);
        if (of[i] < -LONGEST_OFFSET || of[i] > LONGEST_OFFSET)
            return damaged(err, "an offset is longer than a day");
    }
    for (uint32_t i = 0; i < head->time; i++) {
        time[i] = size == 8 ? get64(times + i * 8) : (int32_t)get32(times + i * 4);
        if (which[i] >= head->type) return damaged(err, "a transition names a type that is not there");
        if (i && time[i] <= time[i - 1]) return damaged(err, "its transitions are not in order");
        offset[i] = of[which[i]];
    }
    zone->time = time;
    zone->offset = offset;
    zone->n = head->time;
    zone->first = of[0];
    return RC_OK;
}

static enum rc_status read_footer(struct bytes from, struct cron_zone *zone, struct rc_error *err)
{
    const unsigned char *end = from.n > 1 && from.p[0] == '\n' ? memchr(from.p + 1, '\n', from.n - 1) : NULL;
    if (!end) return damaged(err, "its footer is missing");
    struct rc_sv text = {(const char *)from.p + 1, (uint32_t)(end - from.p - 1)};
    zone->has_tail = text.n != 0;
    if (zone->has_tail && !zone_parse_tail(text, &zone->tail)) return damaged(err, "its footer is no rule");
    return RC_OK;
}

enum rc_status cron_zone_read(struct rc_sv bytes, struct rc_arena *arena, const struct cron_zone **ret,
                              struct rc_error *err)
{
    struct bytes from = {(const unsigned char *)bytes.p, bytes.n};
    struct head head;
    if (bytes.n > RC_MAX_ZONE)
        return rc_fail(err, RC_LIMIT, "a time zone's file has at most %d bytes", RC_MAX_ZONE);
    struct cron_zone *zone = RC_NEW(arena, struct cron_zone);
    if (!zone) return rc_fail_arena(err, arena);
    enum rc_status status = read_head(&from, &head, err);
    bool second = status == RC_OK && head.version != 0;
    if (second) {
        if (from.n < block(&head, 4)) return damaged(err, "it is cut off");
        skip(&from, block(&head, 4));
        status = read_head(&from, &head, err);
    }
    if (status != RC_OK) return status;
    uint32_t size = second ? 8 : 4, length = block(&head, size);
    if (from.n < length) return damaged(err, "it is cut off");
    status = read_block(from, &head, size, arena, zone, err);
    skip(&from, length);
    if (status == RC_OK && second) status = read_footer(from, zone, err);
    if (status == RC_OK) *ret = zone;
    return status;
}

bool cron_is_zone_name(struct rc_sv name)
{
    if (!name.n || name.n > RC_MAX_NAME || name.p[0] == '/' || name.p[name.n - 1] == '/') return false;
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!strchr("/_-+", c) || !c)) return false;
        if (c == '/' && name.p[i + 1] == '/') return false; /* it does not end with one */
    }
    return true;
}

/* How many transitions are at or before the time. */
static uint32_t passed(const struct cron_zone *zone, int64_t at)
{
    uint32_t low = 0, high = zone->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->time[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t zone_year_of(int64_t seconds)
{
    int64_t year = 1970 + seconds / YEAR_S; /* near, and put right */
    while (rc_days_from_date(year, 1, 1) * 86400 > seconds) year--;
    while (rc_days_from_date(year + 1, 1, 1) * 86400 <= seconds) year++;
    return year;
}

static int32_t tail_offset(const struct zone_tail *tail, int64_t at)
{
    if (!tail->dst) return tail->standard;
    int64_t year = zone_year_of(at);
    struct zone_change change[2];
    for (int64_t y = year + 1; y >= year - 1; y--) { /* rules reach over the end of a year */
        zone_tail_year(tail, y, change);
        if (change[1].at <= at) return change[1].offset;
        if (change[0].at <= at) return change[0].offset;
    }
    return tail->standard;
}

int32_t cron_offset(const struct cron_zone *zone, int64_t at)
{
    uint32_t n = passed(zone, at);
    if (n == zone->n && zone->has_tail) return tail_offset(&zone->tail, at);
    return n ? zone->offset[n - 1] : zone->first;
}

bool zone_next_change(const struct cron_zone *zone, int64_t after, struct zone_change *ret)
{
    uint32_t n = passed(zone, after);
    if (n < zone->n) {
        *ret = (struct zone_change){zone->time[n], zone->offset[n]};
        return true;
    }
    if (!zone->has_tail || !zone->tail.dst) return false;
    int64_t year = zone_year_of(after);
    struct zone_change change[2];
    for (int64_t y = year - 1; y <= year + 2; y++) {
        zone_tail_year(&zone->tail, y, change);
        for (int i = 0; i < 2; i++) {
            if (change[i].at <= after) continue;
            *ret = change[i];
            return true;
        }
    }
    return false;
}
