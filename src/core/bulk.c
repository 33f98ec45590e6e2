/* What a bulk does next. */
#include "core/bulk.h"

#include "base/limits.h"
#include "core/core.h"

/* ---- what can be done to many --------------------------------------------------------------------------------------- */

const char *rc_bulk_why_not(const struct rc_act *act)
{
    switch ((enum rc_action)act->action) {
    case RC_ACTION_RETRY:
    case RC_ACTION_CHECK:
    case RC_ACTION_CANCEL:
    case RC_ACTION_ROLL_BACK:
    case RC_ACTION_SKIP:
    case RC_ACTION_ASSIGN:
    case RC_ACTION_NOTE:
    case RC_ACTION_APPROVE:
    case RC_ACTION_DENY:
    case RC_ACTION_ANSWER:
    case RC_ACTION_DUE: return NULL;
    case RC_ACTION_MOVE:
        return act->version ? NULL
                            : "name the version: many are moved to the one that their preview has shown";
    case RC_ACTION_EDIT: return "another payload is for one command at a time";
    case RC_ACTION_RESOLVE:
        return act->verdict == RC_ACCEPTED_AS_IS
                   ? NULL
                   : "what happened to a step is known of one command at a time: only accepted_as_is can be "
                     "said of many";
    case RC_ACTIONS: break;
    }
    return "there is no such action";
}

enum rc_status rc_command_would(const struct rc_command *command, const struct rc_act *act,
                                const struct flow_set *set, rc_us now, struct rc_arena *arena,
                                struct rc_out *ret, struct rc_error *err)
{
    struct rc_act own = *act; /* of what is looked at, as a bulk does it */
    own.expected_rev = command->rev;
    const struct rc_ask ask = {.kind = RC_MSG_ACTION,
                               .to = {.agg = RC_AGG_COMMAND, .id = command->id.seq},
                               .now = now,
                               .seed = 1,
                               .u.act = &own};
    return rc_command_step(command, &ask, set, arena, ret, err);
}

/* ---- orders --------------------------------------------------------------------------------------------------------- */

static const char *why_not_obey(const struct rc_bulk *bulk, const struct rc_bulk_order *order, rc_us now)
{
    bool preview = bulk->state == RC_BULK_PREVIEW;
    if (rc_bulk_ended(bulk->state)) return "the bulk has ended";
    if (order->to == RC_BULK_RUNNING && bulk->state == RC_BULK_RUNNING) return "the bulk is running already";
    if (order->to == RC_BULK_RUNNING && order->first != preview)
        return preview ? "the bulk has not been started: run it" : "the bulk was started before: resume it";
    if (order->to == RC_BULK_RUNNING && preview && now >= bulk->expires)
        return "the preview has expired: what it shows may not be true any more; make another one";
    if (bulk->rev >= RC_MAX_BULK_REVS && order->to != RC_BULK_CANCELLED)
        return "the bulk was paused and resumed too often: it can only be cancelled";
    return rc_bulk_may(bulk->state, order->to) ? NULL : "the bulk is not running";
}

enum rc_status rc_bulk_obey(const struct rc_bulk *bulk, const struct rc_bulk_order *order, rc_us now,
                            struct rc_bulk *ret, struct rc_bulk_event *ret_event, struct rc_error *err)
{
    if (order->expected_rev && order->expected_rev != bulk->rev)
        return rc_fail(err, RC_STALE, "the bulk is at revision %u, not %u: look at it again", bulk->rev,
                       order->expected_rev);
    const char *why_not = why_not_obey(bulk, order, now);
    if (why_not) return rc_fail(err, RC_REFUSED, "%s", why_not);
    struct rc_bulk after = *bulk;
    after.rev++;
    after.state = order->to;
    after.changed = now;
    if (order->to == RC_BULK_RUNNING) {
        after.wave = 0; /* from the smallest one again: a person has just meddled */
        if (order->rate) after.rate = order->rate;
        if (order->set_stop) after.stop_percent = order->stop_percent;
    }
    if (order->to == RC_BULK_RUNNING && order->first) {
        after.even_if_changed = order->even_if_changed;
        after.act.subject = order->subject;
        after.act.actor = order->actor;
    }
    *ret = after;
    *ret_event = (struct rc_bulk_event){.rev = after.rev,
                                        .state = after.state,
                                        .at = now,
                                        .subject = order->subject,
                                        .actor = order->actor,
                                        .reason = order->reason};
    return RC_OK;
}

/* ---- waves ---------------------------------------------------------------------------------------------------------- */

uint32_t rc_bulk_wave(const struct rc_bulk *bulk)
{
    static const uint8_t size[] = {1, 2, 5, 10, 20, 50, RC_MAX_BULK_RATE};
    enum { LAST = sizeof size / sizeof *size - 1 };
    uint32_t n = size[bulk->wave < LAST ? bulk->wave : LAST];
    return n < bulk->rate ? n : bulk->rate;
}

/* What the preview had said already is no surprise. */
static bool went_wrong(const struct rc_bulk_item *item)
{
    return item->result == RC_ITEM_FAILED || (item->result != RC_ITEM_DONE && item->allowed);
}

enum rc_status rc_bulk_advance(const struct rc_bulk *bulk, const struct rc_bulk_item *items, uint32_t n,
                               rc_us now, struct rc_arena *arena, struct rc_bulk *ret, bool *ret_changed,
                               struct rc_bulk_event *ret_event, struct rc_error *err)
{
    struct rc_bulk after = *bulk;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        after.count[RC_ITEM_OPEN]--;
        after.count[items[i].result]++;
        wrong += went_wrong(&items[i]);
    }
    after.next += n;
    after.wave++;
    after.changed = now;
    bool over = after.next >= after.total;
    bool bad = (uint64_t)wrong * 100 > (uint64_t)n * bulk->stop_percent;
    *ret_changed = bulk->state == RC_BULK_RUNNING && (over || bad);
    if (*ret_changed) {
        struct rc_bulk_event event = {.at = now};
        event.rev = ++after.rev;
        event.state = after.state = over ? RC_BULK_DONE : RC_BULK_STOPPED;
        if (!over) {
            event.reason = rc_text(arena, "%u of the %u items of this wave went wrong: more than %u %%",
                                   wrong, n, bulk->stop_percent);
            if (!event.reason.p) return rc_fail_arena(err, arena);
        }
        *ret_event = event;
    }
    *ret = after;
    return RC_OK;
}
