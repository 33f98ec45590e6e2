/* The stored form of what commands know of each other: [80, node, child, nonce, state, stands] at the step that has started a command,
 * [81, 0, parent, nonce, node, round, told] in that command, [82, 0, [flow, …]] for the versions that it may start. */
#include "codec/record_part.h"

#include "base/limits.h"
#include "codec/write.h"

static bool number(const struct cel_value *value, int64_t max)
{
    return value->kind == CEL_INT && value->v.i >= 0 && value->v.i <= max;
}

void rc_put_child(struct rc_buf *buf, uint32_t node, const struct rc_child *child)
{
    rc_put_format(buf, "[%d,%u,%llu,%lld,%u,%u]", RC_CHANGE_CHILD, node, (unsigned long long)child->link.seq,
                  (long long)child->link.nonce, child->state, child->stands);
}

bool rc_get_child(struct cel_value row, struct rc_child *ret)
{
    const struct cel_value *item = row.v.items;
    if (row.n != 6 || !number(&item[2], INT64_MAX) || item[3].kind != CEL_INT ||
        !number(&item[4], RC_STATES - 1) || !number(&item[5], RC_STANDS_FOR_GOOD))
        return false;
    *ret = (struct rc_child){.link = {(uint64_t)item[2].v.i, (uint64_t)item[3].v.i},
                             .state = (uint8_t)item[4].v.i,
                             .stands = (uint8_t)item[5].v.i};
    return true;
}

void rc_put_parent(struct rc_buf *buf, const struct rc_parent *parent)
{
    rc_put_format(buf, "[%d,0,%llu,%lld,%u,%u,%u]", RC_CHANGE_PARENT, (unsigned long long)parent->link.seq,
                  (long long)parent->link.nonce, parent->node, parent->round, parent->told);
}

bool rc_get_parent(struct cel_value row, struct rc_parent *ret)
{
    const struct cel_value *item = row.v.items;
    if (row.n != 7 || !number(&item[2], INT64_MAX) || item[3].kind != CEL_INT ||
        !number(&item[4], RC_MAX_INSTANCES - 1) || !number(&item[5], UINT8_MAX) ||
        !number(&item[6], RC_STATES - 1))
        return false;
    *ret = (struct rc_parent){.link = {(uint64_t)item[2].v.i, (uint64_t)item[3].v.i},
                              .node = (uint32_t)item[4].v.i,
                              .round = (uint8_t)item[5].v.i,
                              .told = (uint8_t)item[6].v.i};
    return true;
}

void rc_put_pins(struct rc_buf *buf, const struct rc_pins *pins)
{
    rc_put_format(buf, "[%d,0,[", RC_CHANGE_PINS);
    for (uint32_t i = 0; i < pins->n; i++)
        rc_put_format(buf, "%s%llu", i ? "," : "", (unsigned long long)pins->flow[i]);
    rc_put_text(buf, "]]");
}

bool rc_get_pins(struct cel_value row, struct rc_arena *arena, struct rc_pins *ret)
{
    if (row.n != 3 || row.v.items[2].kind != CEL_LIST || row.v.items[2].n > RC_MAX_PINS) return false;
    const struct cel_value *list = &row.v.items[2];
    uint64_t *flow = RC_NEW_ARRAY(arena, uint64_t, list->n);
    if (!flow) return false;
    for (uint32_t i = 0; i < list->n; i++) {
        if (!number(&list->v.items[i], INT64_MAX)) return false;
        flow[i] = (uint64_t)list->v.items[i].v.i;
    }
    *ret = (struct rc_pins){flow, list->n};
    return true;
}
