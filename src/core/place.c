/* A command's place in its lane. Commands of a flow with the same concurrency key share a lane (core/lane.h), and at most so many of them are
 * at work. A command asks for its place when its time has come, before anything of it is looked at; it holds it through failures and reviews,
 * and leaves when it has ended. Whoever sets an ended one to work again asks for a place again, and is refused where none is free.
 *
 * The place is part of the command, and the rows of a lane follow from it (engine/load.h): so a lane is what its commands say, after a
 * restart, a crash and a restore. */
#include "core/draft.h"

bool rc_place_eq(const struct rc_place *a, const struct rc_place *b)
{
    return a->lane == b->lane && a->limit == b->limit && a->state == b->state && rc_sv_eq(a->key, b->key);
}

rc_us rc_command_order(const struct rc_command *c)
{
    rc_us older = (rc_us)c->priority * RC_PRIORITY_STEP;
    return c->id.created > older ? c->id.created - older : 1;
}

uint64_t rc_lane_id(struct rc_sv ns, struct rc_sv flow, struct rc_sv key)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, ns);
    rc_sha256_add_sv(&sha, flow);
    rc_sha256_add_sv(&sha, key);
    uint64_t id = rc_sha256_h128(&sha).hi & INT64_MAX;
    return id ? id : 1;
}

static void tell_lane(struct rc_draft *draft, struct rc_ask ask)
{
    const struct rc_command *c = &draft->c;
    ask.to = (struct rc_addr){.agg = RC_AGG_LANE, .id = c->place.lane};
    ask.node = c->place.limit;
    ask.order = rc_command_order(c);
    rc_draft_message(draft, ask);
}

void rc_place_submit(struct rc_draft *draft)
{
    const struct rc_identity *id = draft->ask->u.submit;
    struct rc_command *c = &draft->c;
    c->priority = id->priority;
    if (id->lane && c->flow->lane.limit)
        c->place = (struct rc_place){.lane = id->lane, .key = id->lane_key, .limit = c->flow->lane.limit};
}

/* How the command that has to give way is cancelled: as by a person, whose name is that of the one that takes its place. */
static const struct rc_act *way_of_leaving(struct rc_draft *draft)
{
    static const char reason[] = "a newer command with the same concurrency key takes its place";
    struct rc_act *act = RC_NEW(draft->arena, struct rc_act);
    if (!act) {
        rc_draft_fail(draft, rc_fail_arena(draft->err, draft->arena));
        return NULL;
    }
    act->action = RC_ACTION_CANCEL;
    act->subject = draft->c.id.subject;
    act->actor = draft->c.id.actor;
    act->reason = (struct rc_sv){reason, sizeof reason - 1};
    act->outputs = cel_null();
    return act;
}

/* A time that has come cannot be refused: then it waits. */
static enum rc_lane_wish wish_of(const struct rc_draft *draft)
{
    switch ((enum flow_when_full)draft->c.flow->lane.when_full) {
    case FLOW_FULL_QUEUE: break;
    case FLOW_FULL_REFUSE: return draft->ask->kind == RC_MSG_DUE ? RC_WISH_QUEUE : RC_WISH_REFUSE;
    case FLOW_FULL_REPLACE: return RC_WISH_REPLACE;
    }
    return RC_WISH_QUEUE;
}

void rc_command_start(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    if (!c->place.lane) {
        rc_clock_begin(draft);
        return;
    }
    enum rc_lane_wish wish = wish_of(draft);
    c->node[0].phase = RC_PHASE_NONE; /* it waits for no time any more */
    c->data[0].times.due = 0;
    c->place.state = RC_PLACE_WAITS;
    tell_lane(draft, (struct rc_ask){.kind = RC_MSG_LANE_WANT,
                                     .purpose = (uint8_t)wish,
                                     .u.act = wish == RC_WISH_REPLACE ? way_of_leaving(draft) : NULL});
}

void rc_place_grant(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    if (c->place.state != RC_PLACE_WAITS) return; /* it has its place, or wants none any more */
    c->place.state = RC_PLACE_HOLDS;
    if (c->mode == RC_MODE_FORWARD) rc_clock_begin(draft);
}

/* It had ended, and is set to work again. */
static void come_back(struct rc_draft *draft)
{
    /* what a parent asks for may be part of a fact, which is never refused */
    bool person = draft->ask->kind == RC_MSG_ACTION && !rc_child_is_asked(draft);
    draft->c.place.state = RC_PLACE_HOLDS;
    tell_lane(draft, (struct rc_ask){.kind = RC_MSG_LANE_WANT,
                                     .purpose = (uint8_t)(person ? RC_WISH_REFUSE : RC_WISH_STAY)});
}

void rc_place_settle(struct rc_draft *draft)
{
    struct rc_command *c = &draft->c;
    struct rc_place *place = &c->place;
    if (!place->lane || place->state == RC_PLACE_NONE) return;
    bool ended = rc_state_ended(rc_command_derive(c));
    if (place->state == RC_PLACE_LEFT) {
        if (!ended) come_back(draft);
    } else if (ended) {
        place->state = RC_PLACE_LEFT;
        tell_lane(draft, (struct rc_ask){.kind = RC_MSG_LANE_LEAVE});
        return;
    }
    bool goes = c->mode == RC_MODE_CANCEL || (c->mode == RC_MODE_ROLL_BACK && !c->back);
    if (place->state == RC_PLACE_WAITS &&
        goes) { /* in doubt since a restore: that is settled without a place */
        place->state = RC_PLACE_NONE;
        tell_lane(draft, (struct rc_ask){.kind = RC_MSG_LANE_LEAVE});
        return;
    }
    if (place->state != RC_PLACE_HOLDS || !goes) return;
    place->state = RC_PLACE_YIELDS;
    tell_lane(draft, (struct rc_ask){.kind = RC_MSG_LANE_YIELD});
}
