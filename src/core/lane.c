/* Admission to a lane. */
#include "core/lane.h"

struct stepping {
    struct rc_lane *lane;
    const struct rc_ask *ask;
    struct rc_out out;
};

static bool is_before(const struct rc_lane_entry *a, const struct rc_lane_entry *b)
{
    return a->order != b->order ? a->order < b->order : a->seq < b->seq;
}

void rc_lane_queue(struct rc_lane *lane, struct rc_lane_entry entry)
{
    bool full = lane->nwaiting == RC_LANE_WINDOW;
    const struct rc_lane_entry *last = lane->nwaiting ? &lane->waiting[lane->nwaiting - 1] : NULL;
    if ((lane->more || full) && (!last || is_before(last, &entry))) {
        lane->more = true; /* the store has it in its place */
        return;
    }
    if (full) {
        lane->more = true;
        lane->nwaiting--;
    }
    uint32_t place = lane->nwaiting;
    while (place > 0 && is_before(&entry, &lane->waiting[place - 1])) place--;
    memmove(&lane->waiting[place + 1], &lane->waiting[place], (lane->nwaiting - place) * sizeof entry);
    lane->waiting[place] = entry;
    lane->nwaiting++;
}

/* Out of one of both arrays; false where it is not there. */
static bool take_out(struct rc_lane_entry *list, uint16_t *io_n, uint64_t seq)
{
    for (uint32_t i = 0; i < *io_n; i++) {
        if (list[i].seq != seq) continue;
        memmove(&list[i], &list[i + 1], (*io_n - i - 1) * sizeof *list);
        --*io_n;
        return true;
    }
    return false;
}

static struct rc_ask *message(struct stepping *step, rc_message_kind kind, uint64_t seq)
{
    struct rc_ask *ask = &step->out.message[step->out.nmessage++];
    *ask = (struct rc_ask){.kind = kind,
                           .to = {.agg = RC_AGG_COMMAND, .id = seq},
                           .from = {.agg = RC_AGG_LANE, .id = step->lane->id},
                           .now = step->ask->now,
                           .wall = step->ask->wall,
                           .seed = step->ask->seed + step->out.nmessage};
    return ask;
}

bool rc_lane_may_grant(const struct rc_lane *lane)
{
    return lane->nwaiting && lane->nholders < lane->waiting[0].limit && lane->nholders < RC_MAX_LANE;
}

static void give(struct stepping *step, struct rc_lane_entry entry)
{
    step->lane->holder[step->lane->nholders++] = entry;
    (void)message(step, RC_MSG_GRANT, entry.seq);
}

static void give_what_is_free(struct stepping *step)
{
    struct rc_lane *lane = step->lane;
    while (rc_lane_may_grant(lane)) {
        struct rc_lane_entry first = lane->waiting[0];
        (void)take_out(lane->waiting, &lane->nwaiting, first.seq);
        give(step, first);
    }
}

/* The oldest one that stays unless it is told to go; NULL where less than `limit` do. */
static const struct rc_lane_entry *who_gives_way(const struct rc_lane *lane, uint16_t limit)
{
    const struct rc_lane_entry *oldest = NULL;
    uint32_t stay = lane->nwaiting;
    for (uint32_t i = 0; i < lane->nwaiting; i++)
        if (!oldest || lane->waiting[i].seq < oldest->seq) oldest = &lane->waiting[i];
    for (uint32_t i = 0; i < lane->nholders; i++) {
        const struct rc_lane_entry *one = &lane->holder[i];
        stay += !one->yields;
        if (!one->yields && (!oldest || one->seq < oldest->seq)) oldest = one;
    }
    return stay >= limit ? oldest : NULL;
}

static enum rc_status want(struct stepping *step, struct rc_error *err)
{
    struct rc_lane *lane = step->lane;
    const struct rc_ask *ask = step->ask;
    const struct rc_lane_entry entry = {
        .seq = ask->from.id, .order = ask->order, .limit = (uint16_t)ask->node};
    enum rc_lane_wish wish = (enum rc_lane_wish)ask->purpose;
    bool free = !lane->nwaiting && !lane->more && lane->nholders < entry.limit;
    if ((free || wish == RC_WISH_STAY) && lane->nholders < RC_MAX_LANE) {
        give(step, entry);
        return RC_OK;
    }
    if (wish == RC_WISH_STAY)
        return RC_OK; /* it is at work, and counts with its row when the lane is read again */
    if (wish == RC_WISH_REFUSE)
        return rc_fail(err, RC_LANE_FULL,
                       "%u with the same concurrency key are at work already, of %u that may be",
                       lane->nholders, entry.limit);
    const struct rc_lane_entry *oldest = wish == RC_WISH_REPLACE ? who_gives_way(lane, entry.limit) : NULL;
    if (oldest) message(step, RC_MSG_ACTION, oldest->seq)->u.act = ask->u.act;
    rc_lane_queue(lane, entry);
    give_what_is_free(step); /* it may have come before those whose smaller limit lets nobody in */
    return RC_OK;
}

static void leave(struct stepping *step)
{
    struct rc_lane *lane = step->lane;
    if (!take_out(lane->holder, &lane->nholders, step->ask->from.id))
        (void)take_out(lane->waiting, &lane->nwaiting, step->ask->from.id);
    give_what_is_free(step);
}

static void yield(struct stepping *step)
{
    for (uint32_t i = 0; i < step->lane->nholders; i++)
        if (step->lane->holder[i].seq == step->ask->from.id) step->lane->holder[i].yields = true;
}

enum rc_status rc_lane_step(const struct rc_lane *lane, const struct rc_ask *ask, struct rc_arena *arena,
                            struct rc_lane *ret_after, struct rc_out *ret_out, struct rc_error *err)
{
    struct stepping step = {.lane = ret_after, .ask = ask};
    if (rc_message_is_to(ask->kind) != RC_AGG_LANE)
        return rc_fail(err, RC_BUG, "message %u is none to a lane", ask->kind);
    *ret_after = *lane;
    step.out.message = RC_NEW_ARRAY(arena, struct rc_ask, RC_LANE_WINDOW + 1);
    if (!step.out.message) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    switch ((enum rc_to_lane)ask->kind) {
    case RC_MSG_LANE_WANT: status = want(&step, err); break;
    case RC_MSG_LANE_OFFER: give_what_is_free(&step); break;
    case RC_MSG_LANE_LEAVE: leave(&step); break;
    case RC_MSG_LANE_YIELD: yield(&step); break;
    }
    if (status == RC_OK) *ret_out = step.out;
    return status;
}
