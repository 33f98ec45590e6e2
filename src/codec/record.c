/* Stored form of changes and causes, format 1 (codec/record.h has the grammar).
 *
 * Writing streams into a buffer and never fails on the spot. Reading goes through the one JSON parser and then checks
 * every place: what the writers would not have written is RC_DAMAGED, because only a damaged file or a bug makes it.
 * Nothing here knows where the text is kept. */
#include "codec/record.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/record_part.h"
#include "codec/write.h"

/* Outputs may be as deep as any JSON, and stand in a row of a list. */
enum { NODE_FIELDS = 15, ROW_MAX = 2 + NODE_FIELDS, DEPTH = RC_MAX_JSON_DEPTH + 2 };

/* ---- writing ------------------------------------------------------------------------------------------------------ */

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
    const int64_t row[ROW_MAX] = {
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
    put_integers(buf, row, ROW_MAX);
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
    case RC_CAUSES: break; /* the columns beside it say all */
    }
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* One row of changes, or one cause, while it is taken apart. The first thing that does not fit makes it bad; what is
 * read after that is worth nothing and is thrown away. */
struct reading {
    struct cel_value from; /* a list or a map */
    rc_us at;
    bool bad;
};

static const struct cel_value none = {.kind = CEL_NULL};

static const struct cel_value *item(const struct reading *in, uint32_t place)
{
    return place < in->from.n ? &in->from.v.items[place] : &none;
}

static const struct cel_value *member(const struct reading *in, const char *name)
{
    const struct cel_value *value = cel_map_get(&in->from, name);
    return value ? value : &none;
}

/* A number in [0, max]; 0 where it was left out. */
static uint64_t number(struct reading *in, const struct cel_value *value, uint64_t max)
{
    if (value->kind == CEL_NULL) return 0;
    if (value->kind == CEL_INT && value->v.i >= 0 && (uint64_t)value->v.i <= max) return (uint64_t)value->v.i;
    in->bad = true;
    return 0;
}

/* An unsigned number that was written as a signed one. */
static uint64_t bits(struct reading *in, const struct cel_value *value)
{
    if (value->kind == CEL_INT) return (uint64_t)value->v.i;
    in->bad |= value->kind != CEL_NULL;
    return 0;
}

static struct rc_sv text(struct reading *in, const struct cel_value *value)
{
    if (value->kind == CEL_STRING) return cel_text(*value);
    in->bad |= value->kind != CEL_NULL;
    return (struct rc_sv){0};
}

static rc_us absolute(struct reading *in, const struct cel_value *value)
{
    if (value->kind == CEL_NULL) return 0;
    if (value->kind != CEL_INT) {
        in->bad = true;
        return 0;
    }
    int64_t span = value->v.i;
    return span == 0 ? 0 : in->at + (rc_us)(span > 0 ? span - 1 : span);
}

static uint8_t byte(struct reading *in, uint32_t place, uint32_t members)
{
    return (uint8_t)number(in, item(in, place), members - 1);
}

static void get_node(struct reading *in, struct rc_change *change)
{
    change->u.node.node = (struct rc_node){
        .state = byte(in, 2, RC_STEP_STATES),
        .phase = byte(in, 3, RC_PHASES),
        .why = byte(in, 4, RC_WHYS),
        .attempt = (uint16_t)number(in, item(in, 5), UINT16_MAX),
        .tries = (uint16_t)number(in, item(in, 6), UINT16_MAX),
        .asks = (uint16_t)number(in, item(in, 7), UINT16_MAX),
        .round = byte(in, 8, 256),
        .undo_round = byte(in, 9, 256),
        .lost = byte(in, 10, 256),
        .cleared = byte(in, 11, 256),
        .doubt = byte(in, 12, 256),
    };
    change->u.node.times = (struct rc_times){
        .since = absolute(in, item(in, 13)),
        .first = absolute(in, item(in, 14)),
        .due = absolute(in, item(in, 15)),
        .keyed = absolute(in, item(in, 16)),
    };
}

static void get_request(struct reading *in, struct rc_change *change)
{
    struct rc_sv hex = text(in, item(in, 2));
    change->u.request = (struct rc_h128){0};
    if (hex.n && !rc_h128_parse(hex, &change->u.request)) in->bad = true;
}

/* How many places a row may have, by kind. */
static uint32_t longest_row(enum rc_change_kind kind)
{
    switch (kind) {
    case RC_CHANGE_CREATE: return 1;
    case RC_CHANGE_NODE: return ROW_MAX;
    case RC_CHANGE_REQUEST: return 3;
    case RC_CHANGE_OUTPUTS: return 4;
    case RC_CHANGE_FAULT: return 6;
    case RC_CHANGE_MODE: return 3;
    case RC_CHANGE_STATE: return 2;
    case RC_CHANGE_OWNER:
    case RC_CHANGE_DUE:
    case RC_CHANGE_PRIORITY:
    case RC_CHANGE_BACK:
    case RC_CHANGE_VOTES:
    case RC_CHANGE_NOTES: return 3;
    case RC_CHANGE_SUCCESSOR: return 4;
    case RC_CHANGE_CLOCK:
    case RC_CHANGE_PLACE: return 6;
    case RC_CHANGE_MOVE: return 5;
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    }
    return 0;
}

static bool get_change(struct cel_value row, rc_us at, struct rc_arena *arena, struct rc_change *ret)
{
    struct reading in = {.from = row, .at = at};
    if (row.kind != CEL_LIST) return false;
    struct rc_change change = {.kind = (uint8_t)number(&in, item(&in, 0), RC_CHANGE_BACK)};
    if (in.bad || row.n == 0 || row.n > longest_row((enum rc_change_kind)change.kind)) return false;
    switch ((enum rc_change_kind)change.kind) {
    case RC_CHANGE_CREATE: break;
    case RC_CHANGE_NODE: get_node(&in, &change); break;
    case RC_CHANGE_OUTPUTS:
        change.u.outputs.outputs = *item(&in, 2);
        change.u.outputs.external_id = text(&in, item(&in, 3));
        break;
    case RC_CHANGE_REQUEST: get_request(&in, &change); break;
    case RC_CHANGE_FAULT:
        change.u.fault.text = text(&in, item(&in, 2));
        change.u.fault.status = (uint16_t)number(&in, item(&in, 3), UINT16_MAX);
        change.u.fault.why = byte(&in, 4, RC_WHYS);
        change.u.fault.outcome = byte(&in, 5, RC_OUTCOMES);
        break;
    case RC_CHANGE_MODE:
        change.u.mode.mode = byte(&in, 1, RC_MODES);
        change.u.mode.why = byte(&in, 2, RC_WHYS);
        break;
    case RC_CHANGE_STATE: change.u.state = byte(&in, 1, RC_STATES); break;
    case RC_CHANGE_OWNER: change.u.owner = text(&in, item(&in, 2)); break;
    case RC_CHANGE_DUE: change.u.due = absolute(&in, item(&in, 2)); break;
    case RC_CHANGE_NOTES: change.u.notes = (uint32_t)number(&in, item(&in, 2), UINT32_MAX); break;
    case RC_CHANGE_SUCCESSOR:
        change.u.successor.seq = number(&in, item(&in, 2), INT64_MAX);
        change.u.successor.nonce = bits(&in, item(&in, 3));
        break;
    case RC_CHANGE_CLOCK:
        change.u.clock = (struct rc_clock){.start = absolute(&in, item(&in, 2)),
                                           .deadline = number(&in, item(&in, 3), INT64_MAX),
                                           .over = absolute(&in, item(&in, 4)),
                                           .wall = byte(&in, 5, 2)};
        break;
    case RC_CHANGE_PLACE: in.bad = !rc_get_place(row, &change.u.place); break;
    case RC_CHANGE_VOTES: in.bad = !rc_get_votes(row, at, arena, &change.u.votes); break;
    case RC_CHANGE_MOVE: in.bad = !rc_get_move(row, arena, &change.u.move); break;
    case RC_CHANGE_PRIORITY: change.u.priority = byte(&in, 2, RC_MAX_PRIORITY + 1); break;
    case RC_CHANGE_BACK: change.u.back = (uint32_t)number(&in, item(&in, 2), RC_MAX_INSTANCES - 1); break;
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: return false; /* never stored */
    }
    bool of_node = change.kind >= RC_CHANGE_NODE && change.kind <= RC_CHANGE_FAULT;
    if (of_node || change.kind == RC_CHANGE_VOTES)
        change.at = (uint32_t)number(&in, item(&in, 1), RC_MAX_INSTANCES - 1);
    if (in.bad) return false;
    *ret = change;
    return true;
}

static enum rc_status damaged(struct rc_error *err, const char *what, uint32_t place)
{
    return rc_fail(err, RC_DAMAGED, "the stored %s is not what this version writes (at place %u)", what,
                   place);
}

/* A text that does not parse is damaged like one that does not fit. */
static enum rc_status parse(struct rc_sv from, const char *what, struct rc_arena *arena,
                            struct cel_value *ret, struct rc_error *err)
{
    enum rc_status status = rc_json_parse_within(from, DEPTH, arena, ret, err);
    if (status == RC_OK || status == RC_NOMEM) return status;
    if (status == RC_LIMIT && rc_arena_status(arena) != RC_OK) return status;
    return rc_fail(err, RC_DAMAGED, "the stored %s is no JSON", what);
}

enum rc_status rc_get_changes(struct rc_sv from, rc_us at, struct rc_arena *arena, struct rc_change **ret,
                              uint32_t *ret_n, struct rc_error *err)
{
    struct cel_value list = cel_null();
    enum rc_status status = parse(from, "list of changes", arena, &list, err);
    if (status != RC_OK) return status;
    if (list.kind != CEL_LIST) return damaged(err, "list of changes", 0);
    struct rc_change *changes = RC_NEW_ARRAY(arena, struct rc_change, list.n);
    if (!changes) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < list.n; i++)
        if (!get_change(list.v.items[i], at, arena,
                        &changes[i])) /* what there was no room for says nothing */
            return rc_arena_status(arena) == RC_OK ? damaged(err, "list of changes", i)
                                                   : rc_fail_arena(err, arena);
    *ret = changes;
    *ret_n = list.n;
    return RC_OK;
}

static void get_result(struct reading *in, struct rc_result *result)
{
    *result = (struct rc_result){
        .reach = (uint8_t)number(in, member(in, "reach"), RC_ANSWERED),
        .why = (uint8_t)number(in, member(in, "why"), RC_WHYS - 1),
        .usable = number(in, member(in, "usable"), 1) != 0,
        .status = (uint16_t)number(in, member(in, "status"), UINT16_MAX),
        .retry_after = number(in, member(in, "retry_after"), INT64_MAX),
        .excerpt = text(in, member(in, "excerpt")),
        .error = text(in, member(in, "error")),
        .took = number(in, member(in, "took"), INT64_MAX),
    };
}

static void get_act(struct reading *in, struct rc_act *act)
{
    *act = (struct rc_act){
        .action = (uint8_t)number(in, member(in, "action"), RC_ACTIONS - 1),
        .expected_rev = (uint32_t)number(in, member(in, "expected_rev"), UINT32_MAX),
        .subject = text(in, member(in, "subject")),
        .actor = text(in, member(in, "actor")),
        .reason = text(in, member(in, "reason")),
        .step = text(in, member(in, "step")),
        .verdict = (uint8_t)number(in, member(in, "verdict"), RC_ACCEPTED_AS_IS),
        .external_id = text(in, member(in, "external_id")),
        .outputs = *member(in, "outputs"),
        .key = text(in, member(in, "key")),
        .owner = text(in, member(in, "owner")),
        .due = number(in, member(in, "due"), INT64_MAX),
        .answer = text(in, member(in, "answer")),
        .role = (uint8_t)number(in, member(in, "role"), RC_ROLES),
        .version = (uint32_t)number(in, member(in, "version"), UINT32_MAX),
    };
    struct rc_sv digest = text(in, member(in, "digest"));
    if (digest.n && !rc_h128_parse(digest, &act->digest)) in->bad = true;
}

enum rc_status rc_get_cause(struct rc_sv from, struct rc_arena *arena, struct rc_ask *io_ask,
                            struct rc_error *err)
{
    bool submit = io_ask->kind == RC_MSG_SUBMIT;
    bool result = io_ask->kind == RC_MSG_RESULT || io_ask->kind == RC_MSG_LATE;
    bool signal = io_ask->kind == RC_MSG_SIGNALLED;
    if (!submit && !result && !signal && io_ask->kind != RC_MSG_ACTION)
        return from.n ? damaged(err, "cause", 0) : RC_OK;
    struct reading in = {0};
    enum rc_status status = parse(from, "cause", arena, &in.from, err);
    if (status != RC_OK) return status;
    if (!submit && in.from.kind != CEL_MAP) return damaged(err, "cause", 0);

    if (submit) {
        struct rc_identity *identity = RC_NEW(arena, struct rc_identity);
        if (!identity) return rc_fail_arena(err, arena);
        identity->payload = in.from;
        io_ask->u.submit = identity;
    } else if (result) {
        struct rc_result *out = RC_NEW(arena, struct rc_result);
        if (!out) return rc_fail_arena(err, arena);
        get_result(&in, out);
        io_ask->u.result = out;
    } else if (signal) {
        struct rc_signal *out = RC_NEW(arena, struct rc_signal);
        if (!out) return rc_fail_arena(err, arena);
        *out = (struct rc_signal){.name = text(&in, member(&in, "name")), .payload = cel_null()};
        out->id = text(&in, member(&in, "id")), out->key = text(&in, member(&in, "key"));
        io_ask->u.signal = out;
    } else {
        struct rc_act *out = RC_NEW(arena, struct rc_act);
        if (!out) return rc_fail_arena(err, arena);
        get_act(&in, out);
        io_ask->u.act = out;
    }
    return in.bad ? damaged(err, "cause", 0) : RC_OK;
}
