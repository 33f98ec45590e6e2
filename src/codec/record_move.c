/* Stored form of moves to another version of the flow. */
#include "codec/record_part.h"

#include "base/limits.h"
#include "codec/write.h"

enum { RUN = 3 };

static uint32_t run_from(const struct rc_move *move, uint32_t at)
{
    uint32_t n = 1;
    while (at + n < move->nwas && move->was[at + n] == move->was[at] + n) n++;
    return n;
}

void rc_put_move(struct rc_buf *buf, const struct rc_move *move)
{
    const uint64_t head[] = {RC_CHANGE_MOVE, 0, move->from, move->to};
    for (unsigned i = 0; i < sizeof head / sizeof *head; i++) {
        rc_put_char(buf, i ? ',' : '[');
        rc_put_u64(buf, head[i]);
    }
    rc_put(buf, RC_SV(",["));
    rc_put_u64(buf, move->nwas);
    for (uint32_t i = 0, n; i < move->nwas; i += n) {
        n = 1;
        if (move->was[i] == RC_NOWHERE) continue;
        n = run_from(move, i);
        const uint64_t run[RUN] = {i, move->was[i], n};
        for (unsigned k = 0; k < RUN; k++) {
            rc_put_char(buf, ',');
            rc_put_u64(buf, run[k]);
        }
    }
    rc_put(buf, RC_SV("]]"));
}

static bool get_number(const struct cel_value *value, uint64_t most, uint32_t *ret)
{
    if (value->kind != CEL_INT || value->v.i < 0 || (uint64_t)value->v.i > most) return false;
    *ret = (uint32_t)value->v.i;
    return true;
}

bool rc_get_move(struct cel_value row, struct rc_arena *arena, struct rc_move *ret)
{
    struct rc_move move = {0};
    if (row.n != 5) return false;
    const struct cel_value *runs = &row.v.items[4];
    if (!get_number(&row.v.items[2], UINT32_MAX - 1, &move.from) ||
        !get_number(&row.v.items[3], UINT32_MAX - 1, &move.to) || runs->kind != CEL_LIST || !runs->n ||
        (runs->n - 1) % RUN || !get_number(&runs->v.items[0], RC_MAX_INSTANCES, &move.nwas) || !move.nwas)
        return false;
    uint32_t *was = RC_NEW_ARRAY(arena, uint32_t, move.nwas);
    if (!was) return false;
    for (uint32_t i = 0; i < move.nwas; i++) was[i] = RC_NOWHERE;
    for (uint32_t i = 1; i < runs->n; i += RUN) {
        uint32_t first, from, n;
        if (!get_number(&runs->v.items[i], move.nwas - 1, &first) ||
            !get_number(&runs->v.items[i + 1], RC_MAX_INSTANCES - 1, &from) ||
            !get_number(&runs->v.items[i + 2], move.nwas - first, &n))
            return false;
        for (uint32_t k = 0; k < n; k++) was[first + k] = from + k;
    }
    move.was = was;
    *ret = move;
    return true;
}
