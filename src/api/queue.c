/* Queues of workers, for people: what waits, for whom, and why; pausing, draining, resuming. The engine's thread answers from memory. */
#include "api/call.h"

#include <stddef.h>

struct order_body {
    struct rc_sv reason, actor;
};
static const struct api_field order_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct order_body, reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct order_body, actor)}};
const struct api_shape api_queue_shape = {order_fields, 2, sizeof(struct order_body)};

static enum rc_status ask_engine(struct api_call *call, struct rc_sv name, uint8_t state,
                                 const struct rc_author *by, struct rc_error *err)
{
    struct rc_queue_ask *ask = RC_NEW(call->arena, struct rc_queue_ask);
    if (!ask) return rc_fail_arena(err, call->arena);
    if (name.n > RC_MAX_NAME)
        return rc_fail(err, RC_NOT_FOUND, "a queue's name has at most %d bytes", RC_MAX_NAME);
    *ask = (struct rc_queue_ask){.name = rc_copy_sv(call->arena, name), .state = state, .author = *by};
    call->request = (struct rc_request){.kind = RC_REQUEST_QUEUE, .u.queue = ask, .who = &call->who};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_queues(struct api_call *call, struct rc_error *err)
{
    struct rc_sv name = strchr(call->route->path, '{') ? call->param[0] : (struct rc_sv){0};
    enum rc_status status = api_own_arena(call, err);
    return status == RC_OK ? ask_engine(call, name, RC_QUEUE_STATES, &(struct rc_author){0}, err) : status;
}

enum rc_status api_queue_order(struct api_call *call, struct rc_error *err)
{
    static const struct {
        const char *word;
        uint8_t state;
    } orders[] = {{"pause", RC_QUEUE_PAUSED}, {"drain", RC_QUEUE_DRAINING}, {"resume", RC_QUEUE_OPEN}};
    const struct order_body *body = call->body;
    struct rc_author by = {.subject = call->who.name, .reason = body->reason};
    enum rc_status status = api_actor(call, body->actor, &by.actor, err);
    if (status != RC_OK) return status;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (rc_sv_is(call->param[1], orders[i].word))
            return ask_engine(call, call->param[0], orders[i].state, &by, err);
    return rc_fail(err, RC_NOT_FOUND, "a queue knows pause, drain and resume");
}

static void put_line(struct rc_json *json, const struct rc_queue_line *line)
{
    rc_json_object(json, NULL);
    rc_json_sv(json, "dependency", line->dependency);
    rc_json_sv(json, "namespace", line->ns);
    rc_json_sv(json, "capability", line->capability);
    rc_json_u64(json, "steps", line->waiting);
    rc_json_bool(json, "more", line->more);
    rc_json_time(json, "oldest", line->oldest);
    rc_json_time(json, "last_asked", line->last_asked);
    if (line->why)
        rc_json_text(json, "why", line->why);
    else
        rc_json_null(json, "why");
    rc_json_end_object(json);
}

static void put_lease(struct rc_json *json, const struct rc_queue_lease *lease)
{
    rc_json_object(json, NULL);
    rc_json_id(json, "command", lease->seq, lease->nonce);
    rc_json_u64(json, "attempt", lease->attempt);
    rc_json_sv(json, "namespace", lease->ns);
    rc_json_sv(json, "worker", lease->worker);
    rc_json_sv(json, "progress", lease->progress);
    rc_json_time(json, "since", lease->since);
    rc_json_time(json, "deadline", lease->deadline);
    rc_json_end_object(json);
}

static void put_queue(struct rc_json *json, const struct rc_queue_ask *ask, const struct rc_queue_row *row)
{
    rc_json_object(json, NULL);
    rc_json_sv(json, "queue", row->name);
    rc_json_text(json, "state", rc_queue_word(row->state));
    if (row->state != RC_QUEUE_OPEN) {
        rc_json_time(json, "since", row->since);
        rc_json_sv(json, "by", row->by);
        rc_json_maybe(json, "reason", row->reason);
    }
    rc_json_u64(json, "leased", row->leased);
    rc_json_u64(json, "asking", row->asking);
    rc_json_array(json, "lines");
    for (uint32_t i = 0; i < row->nlines; i++) put_line(json, &row->lines[i]);
    rc_json_end_array(json);
    if (ask->name.n) {
        rc_json_array(json, "leases");
        for (uint32_t i = 0; i < ask->nleases; i++) put_lease(json, &ask->leases[i]);
        rc_json_end_array(json);
    }
    rc_json_end_object(json);
}

enum rc_status api_queues_read(struct api_call *call, struct rc_error *err)
{
    const struct rc_queue_ask *ask = call->request.u.queue;
    (void)err;
    api_begin(call, 200);
    if (ask->name.n && ask->nrows == 1) {
        put_queue(&call->json, ask, &ask->rows[0]);
        return RC_OK;
    }
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "queues");
    for (uint32_t i = 0; i < ask->nrows; i++) put_queue(&call->json, ask, &ask->rows[i]);
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}
