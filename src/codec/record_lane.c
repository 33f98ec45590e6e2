/* The stored form of a command's place in its lane: [60, 0, lane, limit, state, "key"]. */
#include "codec/record_part.h"

#include "base/limits.h"
#include "codec/write.h"

void rc_put_place(struct rc_buf *buf, const struct rc_place *place)
{
    rc_put_format(buf, "[%d,0,%llu,%u,%u,", RC_CHANGE_PLACE, (unsigned long long)place->lane, place->limit,
                  place->state);
    rc_put_json(buf, place->key);
    rc_put_char(buf, ']');
}

static bool number(const struct cel_value *value, int64_t max)
{
    return value->kind == CEL_INT && value->v.i >= 0 && value->v.i <= max;
}

bool rc_get_place(struct cel_value row, struct rc_place *ret)
{
    const struct cel_value *item = row.v.items;
    if (row.n != 6 || !number(&item[2], INT64_MAX) || !number(&item[3], RC_MAX_LANE) ||
        !number(&item[4], RC_PLACE_STATES - 1) || item[5].kind != CEL_STRING)
        return false;
    *ret = (struct rc_place){.lane = (uint64_t)item[2].v.i,
                             .limit = (uint16_t)item[3].v.i,
                             .state = (uint8_t)item[4].v.i,
                             .key = cel_text(item[5])};
    return true;
}
