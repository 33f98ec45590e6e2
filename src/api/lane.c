/* Lanes, for people: GET /v1/lanes. What is stored says who holds a place and who waits; the commands say which key it is. */
#include "api/call.h"

enum { SHOWN = 20, COUNTED = 200 };

/* The lanes behind `after` in which somebody holds a place or waits, ascending. */
static enum rc_status find_lanes(struct rc_reader *reader, uint64_t after, uint64_t *ret, uint32_t cap,
                                 uint32_t *ret_n, struct rc_error *err)
{
    static const uint8_t phases[] = {RC_WORK_LANE_WAITS, RC_WORK_LANE_HOLDS, RC_WORK_LANE_YIELDS};
    uint64_t some[sizeof phases][RC_MAX_PAGE];
    uint32_t n[sizeof phases], at[sizeof phases] = {0};
    for (unsigned i = 0; i < sizeof phases; i++) {
        enum rc_status status = rc_read_lanes_in(reader, phases[i], after, some[i], cap, &n[i], err);
        if (status != RC_OK) return status;
    }
    for (*ret_n = 0; *ret_n < cap; ++*ret_n) {
        uint64_t least = 0;
        for (unsigned i = 0; i < sizeof phases; i++)
            if (at[i] < n[i] && (!least || some[i][at[i]] < least)) least = some[i][at[i]];
        if (!least) break;
        for (unsigned i = 0; i < sizeof phases; i++) at[i] += at[i] < n[i] && some[i][at[i]] == least;
        ret[*ret_n] = least;
    }
    return RC_OK;
}

struct members { /* of a lane, in one phase */
    struct rc_work row[COUNTED];
    uint32_t n;
};
struct lane {
    uint64_t id;
    struct members holds, yields, waits;
    struct rc_command *one; /* of them */
};

static enum rc_status read_lane(struct rc_reader *reader, struct lane *lane, struct rc_error *err)
{
    struct {
        struct members *members;
        uint8_t phase;
        uint32_t cap;
    } parts[] = {{&lane->holds, RC_WORK_LANE_HOLDS, RC_MAX_LANE},
                 {&lane->yields, RC_WORK_LANE_YIELDS, RC_MAX_LANE},
                 {&lane->waits, RC_WORK_LANE_WAITS, COUNTED}};
    enum rc_status status = RC_OK;
    for (unsigned i = 0; i < 3 && status == RC_OK; i++)
        status = rc_read_work(reader, parts[i].phase, lane->id, NULL, UINT64_MAX, parts[i].members->row,
                              parts[i].cap, &parts[i].members->n, err);
    return status;
}

/* One that is in the lane still: it knows the key. NULL: all have left since. */
static enum rc_status find_one(struct api_call *call, struct rc_reader *reader, struct lane *lane,
                               struct rc_error *err)
{
    const struct members *const parts[] = {&lane->holds, &lane->yields, &lane->waits};
    lane->one = NULL;
    for (unsigned i = 0; i < 3; i++)
        for (uint32_t k = 0; k < parts[i]->n && k < SHOWN; k++) {
            struct api_loaded loaded = {0};
            enum rc_status status = api_load_seq(call, reader, parts[i]->row[k].seq, &loaded, err);
            if (status == RC_NOT_FOUND || status == RC_PURGED || status == RC_DAMAGED) continue;
            if (status != RC_OK) return status;
            if (loaded.command.place.lane != lane->id) continue;
            lane->one = rc_copy(call->arena, &loaded.command, sizeof loaded.command);
            return lane->one ? RC_OK : rc_fail_arena(err, call->arena);
        }
    return RC_OK;
}

static void put_members(struct api_call *call, struct rc_reader *reader, const char *name,
                        const struct members *some, const struct members *more)
{
    struct rc_json *json = &call->json;
    rc_json_array(json, name);
    for (uint32_t i = 0, shown = 0; i < some->n + (more ? more->n : 0) && shown < SHOWN; i++) {
        bool leaves = i >= some->n;
        const struct rc_work *work = leaves ? &more->row[i - some->n] : &some->row[i];
        struct rc_row row;
        if (rc_read_row(reader, work->seq, call->arena, &row, NULL) != RC_OK) continue; /* it has gone */
        shown++;
        rc_json_object(json, NULL);
        rc_json_id(json, "command", row.seq, row.nonce);
        rc_json_text(json, "state", rc_state_word(row.state).slug);
        if (more) rc_json_bool(json, "leaving", leaves);
        rc_json_time(json, "created", row.created);
        rc_json_time(json, "since", row.changed);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

static void put_lane(struct api_call *call, struct rc_reader *reader, const struct lane *lane)
{
    struct rc_json *json = &call->json;
    const struct rc_command *c = lane->one;
    rc_json_object(json, NULL);
    rc_json_sv(json, "flow", c->id.type);
    rc_json_sv(json, "namespace", c->id.ns);
    rc_json_sv(json, "key", c->place.key);
    rc_json_u64(json, "limit", c->place.limit);
    rc_json_u64(json, "holding", (uint64_t)lane->holds.n + lane->yields.n);
    put_members(call, reader, "holders", &lane->holds, &lane->yields);
    rc_json_u64(json, "queued", lane->waits.n);
    rc_json_bool(json, "more", lane->waits.n == COUNTED);
    put_members(call, reader, "first", &lane->waits, NULL);
    rc_json_end_object(json);
}

static enum rc_status put_lanes(struct api_call *call, struct rc_reader *reader, const uint64_t *ids,
                                uint32_t n, struct rc_error *err)
{
    struct lane *lane = RC_NEW(call->arena, struct lane);
    struct rc_sv key = api_query(call, "key"), type = api_query(call, "type");
    if (!lane) return rc_fail_arena(err, call->arena);
    rc_json_array(&call->json, "lanes");
    for (uint32_t i = 0; i < n; i++) {
        lane->id = ids[i];
        enum rc_status status = read_lane(reader, lane, err);
        if (status == RC_OK) status = find_one(call, reader, lane, err);
        if (status != RC_OK) return status;
        const struct rc_command *c = lane->one;
        if (!c || (call->who.ns.n && !rc_sv_eq(call->who.ns, c->id.ns))) continue;
        if ((key.p && !rc_sv_eq(key, c->place.key)) || (type.p && !rc_sv_eq(type, c->id.type))) continue;
        put_lane(call, reader, lane);
    }
    rc_json_end_array(&call->json);
    return RC_OK;
}

enum rc_status api_lanes(struct api_call *call, struct rc_error *err)
{
    uint64_t ids[RC_MAX_PAGE], after = 0, limit = 0;
    uint32_t n = 0;
    struct rc_reader *reader;
    enum rc_status status = api_query_number(call, "after", 0, INT64_MAX, 0, &after, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = find_lanes(reader, after, ids, (uint32_t)limit, &n, err);
    if (status == RC_OK) {
        api_begin(call, 200);
        rc_json_object(&call->json, NULL);
        status = put_lanes(call, reader, ids, n, err);
    }
    api_return(&call->job, reader);
    if (status != RC_OK) return status;
    if (n > 0 && n == limit)
        rc_json_sv(&call->json, "next", rc_text(call->scratch, "%llu", (unsigned long long)ids[n - 1]));
    else
        rc_json_null(&call->json, "next");
    rc_json_end_object(&call->json);
    return RC_OK;
}
