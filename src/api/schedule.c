/* Schedules: GET /v1/schedules and /v1/schedules/{flow}/{id}, and orders to one of them. What a schedule is stands in the definitions, how far
 * it has come in the store. */
#include "api/call.h"

#include "base/clock.h"
#include "core/schedule.h"
#include "engine/prepare.h"

#include <stddef.h>

enum { NEXT = 5 };

struct schedule_body {
    struct rc_sv reason, actor, key;
};
static const struct api_field order_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct schedule_body, reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct schedule_body, actor)},
    {"key", API_TEXT, RC_MAX_NAME, false, offsetof(struct schedule_body, key)},
};
const struct api_shape api_schedule_shape = {order_fields, sizeof order_fields / sizeof *order_fields,
                                             sizeof(struct schedule_body)};

static void put_time(struct rc_json *json, const char *name, rc_us at)
{
    if (at)
        rc_json_time(json, name, at);
    else
        rc_json_null(json, name);
}

/* The times to come, as far as nothing is in their way. */
static void put_next(struct rc_json *json, const struct flow_schedule *of, const struct rc_schedule *row)
{
    rc_us wall = rc_clock_wall(), at = row && row->planned > wall ? row->planned : wall;
    rc_json_array(json, "next");
    for (unsigned i = 0;
         i < NEXT && of->zone && !(row && row->paused) && cron_next(&of->expr, of->zone, at, &at); i++)
        rc_json_time(json, NULL, at);
    rc_json_end_array(json);
}

static void put_row(struct rc_json *json, const struct rc_schedule *row)
{
    static const struct rc_schedule none;
    const struct rc_schedule *of = row ? row : &none;
    rc_json_bool(json, "paused", of->paused);
    put_time(json, "planned", of->planned);
    rc_json_bool(json, "due", of->accepted > of->planned);
    if (of->last.seq)
        rc_json_id(json, "last", of->last.seq, of->last.nonce);
    else
        rc_json_null(json, "last");
    put_time(json, "last_planned", of->last_planned);
    rc_json_object(json, "runs");
    rc_json_u64(json, "started", of->started);
    rc_json_u64(json, "missed", of->missed);
    rc_json_u64(json, "left_out", of->skipped);
    rc_json_end_object(json);
    rc_json_maybe(json, "error", rc_sv_of(of->fault));
}

static void put_schedule(struct rc_json *json, const struct flow *flow, const struct flow_schedule *of,
                         const struct rc_schedule *row)
{
    static const char *const missed[] = {"latest", "skip", "all"}, *const overlap[] = {"skip", "allow",
                                                                                       "queue"};
    rc_json_object(json, NULL);
    rc_json_sv(json, "flow", flow->name);
    rc_json_sv(json, "id", of->id);
    rc_json_sv(json, "cron", of->cron);
    rc_json_sv(json, "zone", of->zone_name);
    rc_json_bool(json, "zone_known", of->zone != NULL);
    rc_json_sv(json, "namespace", of->ns);
    rc_json_text(json, "missed", missed[of->missed]);
    rc_json_text(json, "overlap", overlap[of->overlap]);
    put_row(json, row);
    put_next(json, of, row);
    rc_json_end_object(json);
}

struct rows {
    struct rc_schedule *row;
    uint32_t n;
};

static enum rc_status read_rows(struct api_call *call, struct rows *ret, struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_schedules(reader, call->scratch, &ret->row, &ret->n, err);
    api_return(&call->job, reader);
    return status;
}

static const struct rc_schedule *row_of(const struct rows *rows, const struct flow *flow,
                                        const struct flow_schedule *of)
{
    for (uint32_t i = 0; i < rows->n; i++)
        if (rc_sv_is(flow->name, rows->row[i].flow) && rc_sv_is(of->id, rows->row[i].id))
            return &rows->row[i];
    return NULL;
}

enum rc_status api_schedules(struct api_call *call, struct rc_error *err)
{
    const struct flow_set *set = rc_engine_definitions(call->api->options.engine);
    struct rows rows = {0};
    enum rc_status status = read_rows(call, &rows, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "schedules");
    for (uint32_t i = 0; i < set->nactive; i++)
        for (uint16_t k = 0; k < set->active[i]->nschedules; k++) {
            const struct flow_schedule *of = &set->active[i]->schedules[k];
            if (call->who.ns.n && !rc_sv_eq(of->ns, call->who.ns)) continue;
            put_schedule(&call->json, set->active[i], of, row_of(&rows, set->active[i], of));
        }
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}

/* The schedule that the path names. */
static enum rc_status find(struct api_call *call, const struct flow **ret_flow,
                           const struct flow_schedule **ret, struct rc_error *err)
{
    const struct flow *flow =
        flow_set_active(rc_engine_definitions(call->api->options.engine), call->param[0]);
    for (uint16_t i = 0; flow && i < flow->nschedules; i++) {
        const struct flow_schedule *of = &flow->schedules[i];
        if (!rc_sv_eq(of->id, call->param[1])) continue;
        *ret_flow = flow;
        *ret = of;
        return api_may(call, &(struct rc_object){.what = "schedule", .ns = of->ns}, err);
    }
    return rc_fail(err, RC_NOT_FOUND, "there is no such schedule in force");
}

static enum rc_status answer_with(struct api_call *call, struct rc_error *err)
{
    const struct flow *flow = NULL;
    const struct flow_schedule *of = NULL;
    struct rows rows = {0};
    enum rc_status status = find(call, &flow, &of, err);
    if (status == RC_OK) status = read_rows(call, &rows, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    put_schedule(&call->json, flow, of, row_of(&rows, flow, of));
    return RC_OK;
}

enum rc_status api_schedule(struct api_call *call, struct rc_error *err)
{
    return answer_with(call, err);
}

static enum rc_schedule_order order_of(const struct api_route *route)
{
    struct rc_sv path = rc_sv_of(route->path);
    if (rc_sv_ends(path, RC_SV("/pause"))) return RC_SCHEDULE_PAUSE;
    return rc_sv_ends(path, RC_SV("/resume")) ? RC_SCHEDULE_RESUME : RC_SCHEDULE_RUN;
}

enum rc_status api_schedule_order(struct api_call *call, struct rc_error *err)
{
    const struct schedule_body *body = call->body;
    const struct flow *flow = NULL;
    const struct flow_schedule *of = NULL;
    struct rc_author by = {.subject = call->who.name, .reason = body->reason};
    enum rc_schedule_order order = order_of(call->route);
    enum rc_status status = find(call, &flow, &of, err);
    if (status == RC_OK) status = api_actor(call, body->actor, &by.actor, err);
    if (status == RC_OK && body->key.p && (order != RC_SCHEDULE_RUN || !rc_is_name(body->key)))
        api_complain(call, "/key", "belongs to run, and has 1 to 64 letters, digits, '_', '-' and '.'");
    if (status == RC_OK) status = api_complaints(call, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){
        .kind = RC_REQUEST_SCHEDULE,
        .u.schedule = {.order = order, .flow = flow->name, .id = of->id, .key = body->key, .by = by}};
    call->parked = true;
    return api_post(call, err);
}

/* The state after it; of a run, its command. */
enum rc_status api_schedule_ordered(struct api_call *call, struct rc_error *err)
{
    bool again = call->request.replayed;
    if (call->request.u.schedule.order != RC_SCHEDULE_RUN) {
        enum rc_status status = answer_with(call, err);
        if (status == RC_OK && again) api_add_field(call, "Idempotency-Replayed", "true");
        return status;
    }
    const struct rc_outline *outline = &call->request.command;
    api_add_location(call, outline->seq, outline->nonce);
    if (again) api_add_field(call, "Idempotency-Replayed", "true");
    api_begin(call, again ? 200 : 201);
    api_put_outline(call, outline);
    return RC_OK;
}
