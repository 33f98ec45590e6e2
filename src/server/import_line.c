/* One line of an export while it is read: each member is taken once and held against what it may be. */
#include "server/exports.h"

#include "base/limits.h"

enum { HEX_MAX = 2 * RC_AUDIT_HASH };

const struct cel_value *line_take(struct line *line, const char *name)
{
    const struct cel_value *found = cel_map_get(&line->value, name);
    line->taken += found != NULL;
    return found;
}

void line_refuse(struct line *line, const char *name)
{
    if (!line->bad) line->bad = name;
}

struct rc_sv line_text(struct line *line, const char *name, uint32_t max, bool required)
{
    const struct cel_value *found = line_take(line, name);
    if (!found && !required) return (struct rc_sv){0};
    if (!found || found->kind != CEL_STRING || cel_text(*found).n > max) {
        line_refuse(line, name);
        return (struct rc_sv){0};
    }
    return cel_text(*found);
}

uint64_t line_number(struct line *line, const char *name, uint64_t least, uint64_t most, bool required)
{
    const struct cel_value *found = line_take(line, name);
    if (!found && !required) return 0;
    if (!found || found->kind != CEL_INT || found->v.i < 0 || (uint64_t)found->v.i < least ||
        (uint64_t)found->v.i > most) {
        line_refuse(line, name);
        return 0;
    }
    return (uint64_t)found->v.i;
}

bool line_bool(struct line *line, const char *name)
{
    const struct cel_value *found = line_take(line, name);
    if (!found || found->kind != CEL_BOOL) line_refuse(line, name);
    return found && found->kind == CEL_BOOL && found->v.b;
}

rc_us line_time(struct line *line, const char *name)
{
    const struct cel_value *found = line_take(line, name);
    rc_us time = 0;
    if (found && found->kind == CEL_NULL) return 0;
    if (!found || found->kind != CEL_STRING || !rc_parse_time(cel_text(*found), &time))
        line_refuse(line, name);
    return time;
}

bool line_hex(struct line *line, const char *name, unsigned char *ret, uint32_t n, bool required)
{
    struct rc_sv text = line_text(line, name, HEX_MAX, required);
    if (!text.p && !required) return false;
    bool fits = rc_unhex(text, ret, n);
    if (!fits) line_refuse(line, name);
    return fits;
}

uint64_t line_nonce(struct line *line, const char *name, bool required)
{
    unsigned char bytes[8] = {0};
    uint64_t nonce = 0;
    (void)line_hex(line, name, bytes, sizeof bytes, required);
    for (size_t i = 0; i < sizeof bytes; i++) nonce = nonce << 8 | bytes[i];
    return nonce;
}

struct rc_h128 line_h128(struct line *line, const char *name)
{
    struct rc_h128 hash = {0};
    if (!rc_h128_parse(line_text(line, name, HEX_MAX, true), &hash)) line_refuse(line, name);
    return hash;
}

/* The member of a closed list of words. */
uint8_t line_word(struct line *line, const char *name, struct rc_word (*word)(unsigned), unsigned n)
{
    struct rc_sv text = line_text(line, name, RC_MAX_NAME, true);
    for (unsigned i = 0; i < n; i++)
        if (rc_sv_is(text, word(i).slug)) return (uint8_t)i;
    line_refuse(line, name);
    return 0;
}

struct rc_stopped line_stopped(struct line *line)
{
    struct rc_stopped row = {.queue = line_text(line, "name", RC_MAX_NAME, true),
                             .state = line_bool(line, "draining") ? RC_QUEUE_DRAINING : RC_QUEUE_PAUSED,
                             .since = line_time(line, "since"),
                             .by = {.subject = line_text(line, "subject", RC_MAX_ACTOR, false),
                                    .actor = line_text(line, "actor", RC_MAX_ACTOR, false),
                                    .reason = line_text(line, "reason", RC_MAX_REASON, false)}};
    if (!row.queue.n) line_refuse(line, "name");
    return row;
}
