/* Windows: a bounded, sorted piece of a queue that the store holds whole. */
#include "engine/state.h"

static int compare(const struct rc_work *a, const struct rc_work *b)
{
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    if (a->seq != b->seq) return a->seq < b->seq ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

static void make_room_behind(struct rc_window *window)
{
    if (window->at + window->n < RC_WINDOW) return;
    memmove(window->row, window->row + window->at, window->n * sizeof *window->row);
    window->at = 0;
}

void rc_window_add(struct rc_window *window, const struct rc_work *row)
{
    struct rc_work *first = window->row + window->at, *last = first + window->n;
    if (window->more && (!window->n || compare(row, last - 1) > 0))
        return; /* the store has it in its place */
    if (window->n == RC_WINDOW) {
        window->more = true;
        if (compare(row, last - 1) > 0) return;
        window->n--;
    }
    make_room_behind(window);
    first = window->row + window->at;
    uint32_t place = window->n; /* most come last */
    while (place > 0 && compare(row, first + place - 1) < 0) place--;
    memmove(first + place + 1, first + place, (window->n - place) * sizeof *first);
    first[place] = *row;
    window->n++;
}

void rc_window_remove(struct rc_window *window, uint64_t seq, uint32_t node, rc_us order)
{
    struct rc_work *first = window->row + window->at;
    for (uint32_t i = window->n; i-- > 0;) {
        if (first[i].seq != seq || first[i].node != node || first[i].order != order) continue;
        memmove(first + i, first + i + 1, (window->n - i - 1) * sizeof *first);
        window->n--;
        return;
    }
}

enum rc_status rc_window_fill(struct rc_window *window, struct rc_reader *reader, uint8_t phase,
                              uint64_t gate, struct rc_error *err)
{
    if (window->n || !window->more) return RC_OK;
    uint32_t n = 0;
    enum rc_status status =
        rc_read_work(reader, phase, gate, NULL, UINT64_MAX, window->row, RC_WINDOW, &n, err);
    if (status != RC_OK) return status;
    window->at = 0;
    window->n = n;
    window->more = n == RC_WINDOW;
    return RC_OK;
}
