/* Writing the stored form of changes and causes, format 1 (codec/record.h has the grammar). It streams into a buffer and never fails on the
 * spot. Nothing here knows where the text is kept. */
#include "codec/record.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/record_part.h"
#include "codec/write.h"

/* Times are kept relative to the record's, because most are equal or near to it: 0 is none. */
static int64_t relative(rc_us t, rc_us at)
{
    if (t == 0) return 0;
    int64_t span = (int64_t)(t - at);
    return span >= 0 ? span + 1 : span;
}

/* A row of integers, without the zeros at its end. */
static void put_integers(struct rc_buf *buf, const int64_t *row, uint32_t n)
{
    while (n > 1 && row[n - 1] == 0) n--;
    for (uint32_t i = 0; i < n; i++) {
        rc_put_char(buf, i ? ',' : '[');
        rc_put_i64(buf, row[i]);
    }
    rc_put_char(buf, ']');
}

static void put_node(struct rc_buf *buf, const struct rc_change *change, rc_us at)
{
    const struct rc_node *node = &change->u.node.node;
    const struct rc_times *times = &change->u.node.times;
    const int64_t row[RC_ROW_MAX] = {
        RC_CHANGE_NODE,
        change->at,
        node->state,
        node->phase,
        node->why,
        node->attempt,
        node->tries,
        node->asks,
        node->round,
        node->undo_round,
        node->lost,
        node->cleared,
        node->doubt,
        relative(times->since, at),
        relative(times->first, at),
        relative(times->due, at),
        relative(times->keyed, at),
    };
    put_integers(buf, row, RC_ROW_MAX);
}

static void put_head(struct rc_buf *buf, const struct rc_change *change)
{
    rc_put_char(buf, '[');
    rc_put_u64(buf, change->kind);
    rc_put_char(buf, ',');
    rc_put_u64(buf, change->at);
}

static void put_outputs(struct rc_buf *buf, const struct rc_change *change)
{
    put_head(buf, change);
    bool id = change->u.outputs.external_id.n != 0;
    if (id || change->u.outputs.outputs.kind != CEL_NULL) {
        rc_put_char(buf, ',');
        cel_put_json(buf, change->u.outputs.outputs);
    }
    if (id) {
        rc_put_char(buf, ',');
        rc_put_json(buf, change->u.outputs.external_id);
    }
    rc_put_char(buf, ']');
}

static void put_request(struct rc_buf *buf, const struct rc_change *change)
{
    put_head(buf, change);
    if (!rc_h128_is_zero(change->u.request)) {
        char hex[32];
        rc_h128_hex(change->u.request, hex);
        rc_put_char(buf, ',');
        rc_put_json(buf, (struct rc_sv){hex, sizeof hex});
    }
    rc_put_char(buf, ']');
}

static void put_fault(struct rc_buf *buf, const struct rc_change *change)
{
    const uint64_t row[] = {change->u.fault.status, change->u.fault.why, change->u.fault.outcome};
    uint32_t n = 3;
    while (n > 0 && row[n - 1] == 0) n--;
    put_head(buf, change);
    if (n || change->u.fault.text.n) {
        rc_put_char(buf, ',');
        rc_put_json(buf, change->u.fault.text);
    }
    for (uint32_t i = 0; i < n; i++) {
        rc_put_char(buf, ',');
        rc_put_u64(buf, row[i]);
    }
    rc_put_char(buf, ']');
}

static void put_owner(struct rc_buf *buf, const struct rc_change *change)
{
    put_head(buf, change);
    if (change->u.owner.n) {
        rc_put_char(buf, ',');
        rc_put_json(buf, change->u.owner);
    }
    rc_put_char(buf, ']');
}

static void put_change(struct rc_buf *buf, const struct rc_change *change, rc_us at)
{
    switch ((enum rc_change_kind)change->kind) {
    case RC_CHANGE_CREATE: rc_put(buf, RC_SV("[1]")); break;
    case RC_CHANGE_NODE: put_node(buf, change, at); break;
    case RC_CHANGE_OUTPUTS: put_outputs(buf, change); break;
    case RC_CHANGE_REQUEST: put_request(buf, change); break;
    case RC_CHANGE_FAULT: put_fault(buf, change); break;
    case RC_CHANGE_MODE:
        put_integers(buf, (int64_t[]){RC_CHANGE_MODE, change->u.mode.mode, change->u.mode.why}, 3);
        break;
    case RC_CHANGE_STATE: put_integers(buf, (int64_t[]){RC_CHANGE_STATE, change->u.state}, 2); break;
    case RC_CHANGE_OWNER: put_owner(buf, change); break;
    case RC_CHANGE_DUE:
        put_integers(buf, (int64_t[]){RC_CHANGE_DUE, 0, relative(change->u.due, at)}, 3);
        break;
    case RC_CHANGE_NOTES: put_integers(buf, (int64_t[]){RC_CHANGE_NOTES, 0, change->u.notes}, 3); break;
    case RC_CHANGE_SUCCESSOR:
        put_integers(buf,
                     (int64_t[]){RC_CHANGE_SUCCESSOR, 0, (int64_t)change->u.successor.seq,
                                 (int64_t)change->u.successor.nonce},
                     4);
        break;
    case RC_CHANGE_CLOCK:
        put_integers(buf,
                     (int64_t[]){RC_CHANGE_CLOCK, 0, relative(change->u.clock.start, at),
                                 (int64_t)change->u.clock.deadline, relative(change->u.clock.over, at),
                                 change->u.clock.wall},
                     6);
        break;
    case RC_CHANGE_PLACE: rc_put_place(buf, &change->u.place); break;
    case RC_CHANGE_VOTES: rc_put_votes(buf, change->at, &change->u.votes, at); break;
    case RC_CHANGE_PRIORITY:
        put_integers(buf, (int64_t[]){RC_CHANGE_PRIORITY, 0, change->u.priority}, 3);
        break;
    case RC_CHANGE_BACK: put_integers(buf, (int64_t[]){RC_CHANGE_BACK, 0, change->u.back}, 3); break;
    case RC_CHANGE_MOVE: rc_put_move(buf, &change->u.move); break;
    case RC_CHANGE_CHILD: rc_put_child(buf, change->at, &change->u.child); break;
    case RC_CHANGE_PARENT: rc_put_parent(buf, &change->u.parent); break;
    case RC_CHANGE_PINS: rc_put_pins(buf, &change->u.pins); break;
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break; /* not of a history */
    }
}

void rc_put_changes(struct rc_buf *buf, const struct rc_change *changes, uint32_t n, rc_us at)
{
    rc_put_char(buf, '[');
    bool first = true;
    for (uint32_t i = 0; i < n; i++) {
        if (changes[i].kind == RC_CHANGE_GATE) continue;
        if (!first) rc_put_char(buf, ',');
        first = false;
        put_change(buf, &changes[i], at);
    }
    rc_put_char(buf, ']');
}

/* A cause's body: what says nothing is left out. */
static void put_number(struct rc_json *json, const char *name, uint64_t number)
{
    if (number) rc_json_u64(json, name, number);
}

static void put_result(struct rc_json *json, const struct rc_result *result)
{
    put_number(json, "reach", result->reach);
    put_number(json, "why", result->why);
    put_number(json, "usable", result->usable);
    put_number(json, "status", result->status);
    put_number(json, "retry_after", result->retry_after);
    rc_json_maybe(json, "excerpt", result->excerpt);
    rc_json_maybe(json, "error", result->error);
    put_number(json, "took", result->took);
}

static void put_digest(struct rc_json *json, struct rc_h128 digest)
{
    char hex[32];
    if (rc_h128_is_zero(digest)) return;
    rc_h128_hex(digest, hex);
    rc_json_sv(json, "digest", (struct rc_sv){hex, sizeof hex});
}

static void put_act(struct rc_json *json, const struct rc_act *act)
{
    rc_json_u64(json, "action", act->action);
    put_number(json, "expected_rev", act->expected_rev);
    rc_json_maybe(json, "subject", act->subject);
    rc_json_maybe(json, "actor", act->actor);
    rc_json_maybe(json, "reason", act->reason);
    rc_json_maybe(json, "step", act->step);
    put_number(json, "verdict", act->verdict);
    rc_json_maybe(json, "external_id", act->external_id);
    if (act->outputs.kind != CEL_NULL) rc_json_value(json, "outputs", act->outputs);
    rc_json_maybe(json, "key", act->key);
    rc_json_maybe(json, "owner", act->owner);
    put_number(json, "due", act->due);
    put_digest(json, act->digest);
    rc_json_maybe(json, "answer", act->answer);
    put_number(json, "version", act->version);
    put_number(json, "role", act->role);
}

void rc_put_cause(struct rc_buf *buf, const struct rc_ask *ask)
{
    struct rc_json json = {.buf = buf};
    switch ((enum rc_cause)ask->kind) {
    case RC_CAUSE_SUBMIT: cel_put_json(buf, ask->u.submit->payload); break;
    case RC_CAUSE_RESULT:
    case RC_CAUSE_LATE:
        rc_json_object(&json, NULL);
        put_result(&json, ask->u.result);
        rc_json_end_object(&json);
        break;
    case RC_CAUSE_ACTION:
        rc_json_object(&json, NULL);
        put_act(&json, ask->u.act);
        rc_json_end_object(&json);
        break;
    case RC_CAUSE_SIGNALLED:
        rc_json_object(&json, NULL);
        rc_json_sv(&json, "name", ask->u.signal->name);
        rc_json_sv(&json, "id", ask->u.signal->id);
        rc_json_sv(&json, "key", ask->u.signal->key);
        rc_json_end_object(&json);
        break;
    case RC_CAUSE_ADMIT:
    case RC_CAUSE_LOST:
    case RC_CAUSE_DUE:
    case RC_CAUSE_RESTORED:
    case RC_CAUSE_LANE:
    case RC_CAUSE_CHILD:
    case RC_CAUSES: break; /* the columns beside it say all */
    }
}
