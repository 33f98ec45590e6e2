/* Reading the stored form of changes and causes: it goes through the one JSON parser and then checks every place. What the writers (record.c)
 * would not have written is RC_DAMAGED, because only a damaged file or a bug makes it. */
#include "codec/record.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/record_part.h"

/* Outputs may be as deep as any JSON, and stand in a row of a list. */
enum { DEPTH = RC_MAX_JSON_DEPTH + 2 };

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
    case RC_CHANGE_NODE: return RC_ROW_MAX;
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
    case RC_CHANGE_PINS: return 3;
    case RC_CHANGE_CLOCK:
    case RC_CHANGE_CHILD:
    case RC_CHANGE_PLACE: return 6;
    case RC_CHANGE_MOVE: return 5;
    case RC_CHANGE_PARENT: return 7;
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    }
    return 0;
}

static bool get_change(struct cel_value row, rc_us at, struct rc_arena *arena, struct rc_change *ret)
{
    struct reading in = {.from = row, .at = at};
    if (row.kind != CEL_LIST) return false;
    struct rc_change change = {.kind = (uint8_t)number(&in, item(&in, 0), RC_CHANGE_PINS)};
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
    case RC_CHANGE_CHILD: in.bad = !rc_get_child(row, &change.u.child); break;
    case RC_CHANGE_PARENT: in.bad = !rc_get_parent(row, &change.u.parent); break;
    case RC_CHANGE_PINS: in.bad = !rc_get_pins(row, arena, &change.u.pins); break;
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: return false; /* never stored */
    }
    bool of_node = change.kind >= RC_CHANGE_NODE && change.kind <= RC_CHANGE_FAULT;
    if (of_node || change.kind == RC_CHANGE_VOTES || change.kind == RC_CHANGE_CHILD)
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
