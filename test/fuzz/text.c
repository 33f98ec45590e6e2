/* The small readers of base/: numbers, times, spans, ids, hashes. What is read is written and read again to the same. */
#include "fuzz.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/near.h"
#include "base/num.h"
#include "base/utf8.h"

static void numbers(struct rc_sv line)
{
    char text[RC_NUM_TEXT];
    uint64_t u, u2;
    int64_t i, i2;
    double d, d2;
    if (rc_parse_u64(line, &u))
        FUZZ_LAW(rc_parse_u64((struct rc_sv){text, rc_format_u64(u, text)}, &u2) && u2 == u);
    if (rc_parse_i64(line, &i))
        FUZZ_LAW(rc_parse_i64((struct rc_sv){text, rc_format_i64(i, text)}, &i2) && i2 == i);
    if (rc_parse_double(line, &d))
        FUZZ_LAW(rc_parse_double((struct rc_sv){text, rc_format_double(d, text)}, &d2) && d2 == d);
}

static void times(struct rc_sv line)
{
    char text[RC_TIME_TEXT], span[RC_SPAN_TEXT];
    rc_us t, t2;
    if (rc_parse_time(line, &t)) {
        uint32_t n = rc_format_time(t, text);
        FUZZ_LAW(n < RC_TIME_TEXT && text[n] == 0);
        FUZZ_LAW(rc_parse_time((struct rc_sv){text, n}, &t2) && t2 == t);
        int64_t days = (int64_t)(t / RC_SECONDS(86400));
        unsigned year = 0;
        unsigned month = 0, day = 0;
        rc_date_from_days(days, &year, &month, &day);
        FUZZ_LAW(rc_days_from_date(year, month, day) == days);
    }
    if (rc_parse_span(line, &t)) {
        uint32_t n = rc_format_span(t, span);
        FUZZ_LAW(n < RC_SPAN_TEXT && span[n] == 0);
        FUZZ_LAW(rc_parse_span((struct rc_sv){span, n}, &t2) && t2 <= t);
    }
}

static void names(struct rc_sv line)
{
    struct rc_id id, id2;
    struct rc_h128 hash, hash2;
    char text[RC_ID_TEXT + 1], hex[32];
    if (rc_id_parse(line, &id)) {
        rc_id_format(id, text);
        FUZZ_LAW(rc_id_parse(rc_sv_of(text), &id2) && id2.seq == id.seq && id2.check == id.check &&
                 id2.shard == id.shard);
    }
    if (rc_h128_parse(line, &hash)) {
        rc_h128_hex(hash, hex);
        FUZZ_LAW(rc_h128_parse((struct rc_sv){hex, sizeof hex}, &hash2) && rc_h128_eq(hash, hash2));
    }
}

static void points(struct rc_sv line)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < line.n; count++) {
        uint32_t n = rc_utf8_length(line.p + i, line.n - i);
        char again[4];
        if (!n) {
            FUZZ_LAW(!rc_utf8_valid(line));
            return;
        }
        FUZZ_LAW(rc_utf8_encode(rc_utf8_decode(line.p + i, n), again) == n &&
                 memcmp(again, line.p + i, n) == 0);
        i += n;
    }
    FUZZ_LAW(rc_utf8_valid(line) && rc_utf8_count(line) == count);
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_sv before = RC_SV("");
    (void)arena;
    for (unsigned i = 0; input.n && i < 16; i++) {
        struct rc_sv line = fuzz_line(&input);
        numbers(line);
        times(line);
        names(line);
        points(line);
        FUZZ_LAW(rc_distance(before, line) == rc_distance(line, before));
        if (line.n <= 64) FUZZ_LAW(rc_distance(line, line) == 0);
        before = line;
    }
}
