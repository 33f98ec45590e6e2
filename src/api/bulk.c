/* Bulks: a preview is made, and orders are given to it. Nothing is done to any command here: the engine does that, item by item,
 * once somebody has said run. */
#include "api/bulk.h"

#include "api/act.h"
#include "api/submit.h"

#include <stddef.h>
#include <stdio.h>

/* ---- what is read from bodies ----------------------------------------------------------------------------------------- */

struct bulk_body {
    struct api_act_body act;
    struct rc_sv action;
    struct cel_value ids, filter, limit;
};
static const struct api_field bulk_fields[] = {
    {"action", API_TEXT, RC_MAX_NAME, true, offsetof(struct bulk_body, action)},
    {"ids", API_LIST, RC_MAX_BULK, false, offsetof(struct bulk_body, ids)},
    {"filter", API_OBJECT, 0, false, offsetof(struct bulk_body, filter)},
    {"limit", API_NUMBER, RC_MAX_BULK, true, offsetof(struct bulk_body, limit), 1},
    {"reason", API_TEXT, RC_MAX_REASON, true, offsetof(struct bulk_body, act.reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct bulk_body, act.actor)},
    {"key", API_TEXT, RC_MAX_KEY, false, offsetof(struct bulk_body, act.key)},
    {"step", API_TEXT, RC_MAX_PATH, false, offsetof(struct bulk_body, act.step)},
    {"verdict", API_TEXT, RC_MAX_NAME, false, offsetof(struct bulk_body, act.verdict)},
    {"owner", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct bulk_body, act.owner)},
    {"due", API_TEXT, RC_MAX_NAME, false, offsetof(struct bulk_body, act.due)},
    {"answer", API_TEXT, RC_MAX_ANSWER_TEXT, false, offsetof(struct bulk_body, act.answer)},
    {"version", API_NUMBER, UINT32_MAX - 1, false, offsetof(struct bulk_body, act.version), 1},
};
const struct api_shape api_bulk_shape = {bulk_fields, sizeof bulk_fields / sizeof *bulk_fields,
                                         sizeof(struct bulk_body)};

static enum rc_status read_action(struct api_call *call, const struct bulk_body *body, struct rc_act *ret,
                                  struct rc_error *err)
{
    struct rc_act act = {0};
    int action = rc_action_of(body->action);
    if (body->act.reason.n == 0)
        api_complain(call, "/reason", "is required: it stands in every command's history");
    if (action < 0) {
        api_complain(call, "/action", "there is no action \"%.*s\"", RC_SV_ARG(body->action));
        return api_complaints(call, err);
    }
    if (action == RC_ACTION_EDIT) { /* what it needs has no place in a bulk */
        const struct rc_act edit = {.action = RC_ACTION_EDIT};
        api_complain(call, "/action", "%s", rc_bulk_why_not(&edit));
        return api_complaints(call, err);
    }
    enum rc_status status = api_read_act(call, (enum rc_action)action, &body->act, &act, err);
    if (status != RC_OK) return status;
    const char *why_not = rc_bulk_why_not(&act);
    const char *about = act.action == RC_ACTION_MOVE ? "/version" : "/verdict";
    if (why_not) api_complain(call, about, "%s", why_not);
    if (action == RC_ACTION_RETRY && body->act.step.n)
        api_complain(call, "/step", "a retry of many tries all that has failed in each");
    act.key = (struct rc_sv){0}; /* it is the bulk's; items have their own */
    *ret = act;
    return api_complaints(call, err);
}

static enum rc_status read_selection(struct api_call *call, const struct bulk_body *body,
                                     struct rc_filter *filter, struct api_selection *ret,
                                     struct rc_error *err)
{
    bool by_filter = body->filter.kind == CEL_MAP, by_ids = body->ids.kind == CEL_LIST;
    ret->limit = (uint32_t)body->limit.v.i;
    if (by_filter == by_ids) api_complain(call, "/ids", "either this or a filter says which commands");
    if (by_ids && body->ids.n > ret->limit)
        api_complain(call, "/ids", "are %u, more than the limit of %u", body->ids.n, ret->limit);
    enum rc_status status = api_complaints(call, err);
    if (status == RC_OK && by_filter) status = api_filter_of(call, body->filter, filter, err);
    ret->ids = body->ids;
    ret->filter = by_filter ? filter : NULL;
    return status;
}

/* Who asks for the same under the same key gets the same bulk. */
static struct rc_h128 hash_of(const struct bulk_body *body)
{
    const struct rc_sv texts[] = {body->action,      body->act.reason, body->act.actor, body->act.step,
                                  body->act.verdict, body->act.owner,  body->act.due,   body->act.answer};
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) rc_sha256_add_sv(&sha, texts[i]);
    cel_hash(body->ids, &sha);
    cel_hash(body->filter, &sha);
    cel_hash(body->limit, &sha);
    if (body->act.version.kind == CEL_INT) cel_hash(body->act.version, &sha);
    return rc_sha256_h128(&sha);
}

static enum rc_status read_key(struct api_call *call, struct rc_sv in_body, struct rc_sv *ret,
                               struct rc_error *err)
{
    enum rc_status status = api_find_key(call, in_body, ret, err);
    if (status != RC_OK || ret->n) return status;
    api_complain(call, "/key",
                 "is required, here or as the header Idempotency-Key: so that a repeat makes no second bulk");
    return api_complaints(call, err);
}

/* ---- making one --------------------------------------------------------------------------------------------------------- */

enum rc_status api_bulk_make(struct api_call *call, struct rc_error *err)
{
    const struct bulk_body *body = call->body;
    struct api_selection want = {0};
    struct rc_filter filter = {0};
    struct rc_bulk_item *items = NULL;
    struct rc_bulk *bulk = RC_NEW(call->arena, struct rc_bulk);
    struct rc_buf from = rc_buf_in(call->arena, RC_MAX_BODY);
    if (!bulk) return rc_fail_arena(err, call->arena);
    enum rc_status status = read_key(call, body->act.key, &bulk->key, err);
    if (status == RC_OK) status = read_action(call, body, &want.act, err);
    if (status == RC_OK) status = read_selection(call, body, &filter, &want, err);
    if (status == RC_OK) status = api_bulk_members(call, &want, bulk, &items, err);
    cel_put_json(&from, want.filter ? body->filter : cel_null());
    if (status == RC_OK && from.status != RC_OK)
        status = rc_fail(err, from.status, "the filter cannot be kept");
    if (status != RC_OK) return status;
    bulk->ns = call->who.ns;
    bulk->act = want.act;
    bulk->asked = hash_of(body);
    bulk->from = rc_buf_sv(&from);
    bulk->limit = want.limit;
    call->request = (struct rc_request){
        .kind = RC_REQUEST_BULK,
        .u.bulk = {
            .made = bulk,
            .items = items,
            .order = {.subject = want.act.subject, .actor = want.act.actor, .reason = want.act.reason}}};
    call->parked = true;
    return api_post(call, err);
}

static void path_of(const struct api_call *call, char ret_path[API_FIELD_TEXT])
{
    char id[RC_ID_TEXT + 1];
    rc_id_format(rc_id_of(call->request.u.bulk.id, call->request.u.bulk.nonce), id);
    snprintf(ret_path, API_FIELD_TEXT, "/v1/bulk/%s", id);
}

void api_put_bulk_path(const struct api_call *call, struct rc_json *json)
{
    char path[API_FIELD_TEXT];
    path_of(call, path);
    rc_json_text(json, "bulk", path);
}

enum rc_status api_bulk_made(struct api_call *call, struct rc_error *err)
{
    char path[API_FIELD_TEXT];
    path_of(call, path);
    api_add_field(call, "Location", "%s", path);
    if (call->request.replayed) api_add_field(call, "Idempotency-Replayed", "true");
    return api_put_bulk(call, call->request.replayed ? 200 : 201, call->request.u.bulk.id, true, err);
}

/* ---- orders --------------------------------------------------------------------------------------------------------------- */

struct order_body {
    struct rc_sv reason, actor;
    struct cel_value rate, stop_percent;
    bool even_if_changed;
};
static const struct api_field order_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct order_body, reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct order_body, actor)},
    {"rate", API_NUMBER, RC_MAX_BULK_RATE, false, offsetof(struct order_body, rate), 1},
    {"stop_percent", API_NUMBER, 100, false, offsetof(struct order_body, stop_percent), 0},
    {"even_if_changed", API_BOOL, 0, false, offsetof(struct order_body, even_if_changed)},
};
const struct api_shape api_order_shape = {order_fields, sizeof order_fields / sizeof *order_fields,
                                          sizeof(struct order_body)};

static const struct verb {
    const char *name;
    uint8_t to;
    bool first; /* from the preview */
} verbs[] = {
    {"/run", RC_BULK_RUNNING, true},
    {"/pause", RC_BULK_PAUSED, false},
    {"/resume", RC_BULK_RUNNING, false},
    {"/cancel", RC_BULK_CANCELLED, false},
};

/* By the end of the route's path. */
static const struct verb *verb_of(const struct api_route *route)
{
    unsigned i = 0;
    while (!rc_sv_ends(rc_sv_of(route->path), rc_sv_of(verbs[i].name))) i++;
    return &verbs[i];
}

static enum rc_status read_order(struct api_call *call, const struct verb *verb, struct rc_bulk_order *ret,
                                 struct rc_error *err)
{
    const struct order_body *body = call->body;
    bool runs = verb->to == RC_BULK_RUNNING, set_stop = body->stop_percent.kind == CEL_INT;
    if (!runs && body->rate.kind != CEL_NULL) api_complain(call, "/rate", "belongs to run and resume");
    if (!runs && body->stop_percent.kind != CEL_NULL)
        api_complain(call, "/stop_percent", "belongs to run and resume");
    if (!verb->first && body->even_if_changed) api_complain(call, "/even_if_changed", "belongs to run");
    *ret = (struct rc_bulk_order){.to = verb->to,
                                  .first = verb->first,
                                  .subject = call->who.name,
                                  .reason = body->reason,
                                  .rate = body->rate.kind == CEL_INT ? (uint32_t)body->rate.v.i : 0,
                                  .stop_percent = (uint8_t)(set_stop ? body->stop_percent.v.i : 0),
                                  .set_stop = set_stop,
                                  .even_if_changed = body->even_if_changed};
    enum rc_status status = api_complaints(call, err);
    if (status == RC_OK) status = api_actor(call, body->actor, &ret->actor, err);
    return status == RC_OK ? api_read_if_match(call, &ret->expected_rev, err) : status;
}

static enum rc_status check_there(struct api_call *call, struct rc_error *err)
{
    struct rc_reader *reader;
    struct rc_bulk bulk;
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = api_find_bulk(call, reader, &bulk, err);
    api_return(&call->job, reader);
    return status;
}

enum rc_status api_bulk_order(struct api_call *call, struct rc_error *err)
{
    struct rc_bulk_order order;
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    if (status == RC_OK) status = check_there(call, err);
    if (status == RC_OK) status = read_order(call, verb_of(call->route), &order, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){.kind = RC_REQUEST_BULK,
                                        .u.bulk = {.order = order, .id = id.seq, .check = id.check}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_bulk_ordered(struct api_call *call, struct rc_error *err)
{
    return api_put_bulk(call, 200, call->request.u.bulk.id, false, err);
}
