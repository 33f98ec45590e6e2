/* What remote workers ask: POST /v1/work/lease, /v1/work/report and /v1/work/heartbeat; and queues for people: GET /v1/queues,
 * GET /v1/queues/{queue}, POST /v1/queues/{queue}/{order}.
 *
 * Who is bound to a namespace, or names one in the header, works for it alone; whoever may serve all and names none is given from each in
 * turn. A worker that has gone while it waited gets nothing; what was leased to it at that moment is given back. */
#include "api/call.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Empty: every namespace. */
static struct rc_sv scope_of(const struct api_call *call)
{
    bool named = http_header(call->exchange, "Recourse-Namespace", NULL).n > 0;
    return named || call->who.bound.n ? call->who.ns : (struct rc_sv){0};
}

/* A number that was decoded, within its bounds. */
static uint32_t number_of(struct cel_value value, uint32_t otherwise)
{
    return value.kind == CEL_INT ? (uint32_t)value.v.i : otherwise;
}

/* ---- leasing ------------------------------------------------------------------------------------------- */

struct lease_body {
    struct cel_value queues, capabilities, max;
    struct rc_sv worker;
};
static const struct api_field lease_fields[] = {
    {"queues", API_LIST, RC_MAX_LEASE_QUEUES, true, offsetof(struct lease_body, queues)},
    {"capabilities", API_LIST, RC_MAX_CAPABILITIES, false, offsetof(struct lease_body, capabilities)},
    {"worker", API_TEXT, RC_MAX_NAME, false, offsetof(struct lease_body, worker)},
    {"max", API_NUMBER, RC_MAX_LEASE_TASKS, false, offsetof(struct lease_body, max), 1},
};
const struct api_shape api_lease_shape = {lease_fields, sizeof lease_fields / sizeof *lease_fields,
                                          sizeof(struct lease_body)};

static enum rc_status read_names(struct api_call *call, struct cel_value list, const char *name,
                                 const struct rc_sv **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_sv *names = RC_NEW_ARRAY(call->arena, struct rc_sv, list.n);
    if (!names) return rc_fail_arena(err, call->arena);
    for (uint32_t i = 0; i < list.n; i++) {
        const struct cel_value *item = &list.v.items[i];
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/%s/%u", name, i);
        if (item->kind != CEL_STRING || !item->n || item->n > RC_MAX_NAME)
            api_complain(call, pointer, "must be a text of 1 to %d bytes", RC_MAX_NAME);
        else
            names[i] = cel_text(*item);
    }
    *ret = names;
    *ret_n = list.n;
    return RC_OK;
}

static void on_gone(void *context)
{
    struct api_call *call = context;
    atomic_store(&call->request.u.lease->gone, true);
}

enum rc_status api_lease(struct api_call *call, struct rc_error *err)
{
    const struct lease_body *body = call->body;
    struct cel_value none = {.kind = CEL_LIST};
    struct rc_lease_ask *ask = RC_NEW(call->arena, struct rc_lease_ask);
    if (!ask) return rc_fail_arena(err, call->arena);
    enum rc_status status = api_read_wait(call, err);
    if (status == RC_OK) status = read_names(call, body->queues, "queues", &ask->queues, &ask->nqueues, err);
    if (status == RC_OK)
        status = read_names(call, body->capabilities.kind == CEL_LIST ? body->capabilities : none,
                            "capabilities", &ask->capabilities, &ask->ncapabilities, err);
    if (status != RC_OK) return status;
    if (!ask->nqueues) api_complain(call, "/queues", "must name a queue");
    status = api_complaints(call, err);
    if (status != RC_OK) return status;
    ask->max = number_of(body->max, 1);
    ask->wait = RC_MS(call->wait.ms);
    ask->worker = body->worker;
    ask->ns = rc_copy_sv(call->arena, scope_of(call));
    if (!ask->ns.p && ask->ns.n) return rc_fail_arena(err, call->arena);
    atomic_init(&ask->gone, false);
    call->request = (struct rc_request){.kind = RC_REQUEST_LEASE, .u.lease = ask, .who = &call->who};
    call->parked = true;
    status = api_post(call, err);
    if (status == RC_OK && ask->wait)
        call->wait.watch = http_watch_end(call->api->http, call->exchange, on_gone, call);
    return status;
}

static void put_task(struct rc_json *json, const struct rc_task *task)
{
    char lease[RC_LEASE_TEXT + 1], key[33] = {0};
    const struct cel_value *name = cel_map_get(&task->request, "task");
    const struct cel_value *input = cel_map_get(&task->request, "input");
    rc_lease_format(&task->lease, lease);
    rc_h128_hex(task->idempotency_key, key);
    rc_json_object(json, NULL);
    rc_json_text(json, "lease", lease);
    rc_json_sv(json, "queue", task->queue);
    rc_json_sv(json, "task", name && name->kind == CEL_STRING ? cel_text(*name) : (struct rc_sv){0});
    rc_json_value(json, "input", input ? *input : cel_null());
    rc_json_text(json, "purpose", rc_purpose_word(task->purpose).slug);
    rc_json_text(json, "idempotency_key", key);
    rc_json_u64(json, "attempt", task->lease.attempt);
    rc_json_time(json, "deadline", task->deadline);
    rc_json_u64(json, "lease_ms", task->span / RC_MS(1));
    rc_json_id(json, "command", task->lease.command.seq, task->nonce);
    rc_json_sv(json, "namespace", task->ns);
    rc_json_sv(json, "type", task->type);
    rc_json_sv(json, "key", task->key);
    rc_json_sv(json, "step", task->step);
    rc_json_sv(json, "capability", task->capability);
    rc_json_end_object(json);
}

/* ---- giving back what nobody is there for any more ----------------------------------------------------------- */

struct given_back {
    struct rc_receiver receiver; /* first */
    struct rc_request request;
    struct rc_result result;
    struct rc_error error;
    struct rc_report_item item[];
};

/* On the engine's thread. */
static void given(struct rc_receiver *receiver, struct rc_request *request)
{
    (void)request;
    free(receiver);
}

/* Where there is no memory for it, the leases run out. */
static void give_back(struct api_call *call, const struct rc_lease_ask *ask)
{
    struct given_back *back = calloc(1, sizeof *back + ask->ntasks * sizeof *back->item);
    uint32_t n = 0;
    if (!back) return;
    back->receiver.receive = given;
    back->result = (struct rc_result){.reach = RC_NOT_SENT,
                                      .why = RC_WHY_RELEASED,
                                      .error = RC_SV("the worker had gone when its answer was to leave")};
    for (const struct rc_task *task = ask->tasks; task; task = task->next)
        back->item[n++] =
            (struct rc_report_item){.lease = task->lease, .result = &back->result, .error = &back->error};
    back->request = (struct rc_request){
        .kind = RC_REQUEST_REPORT, .u.report = {.items = back->item, .n = n}, .owner = &back->receiver};
    if (rc_engine_post(call->api->options.engine, &back->request) != RC_OK) free(back);
}

enum rc_status api_leased(struct api_call *call, struct rc_error *err)
{
    struct rc_lease_ask *ask = call->request.u.lease;
    (void)err;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "tasks");
    for (const struct rc_task *task = ask->tasks; task; task = task->next) put_task(json, task);
    rc_json_end_array(json);
    rc_json_bool(json, "draining", ask->draining);
    rc_json_end_object(json);
    if (atomic_load(&ask->gone) && ask->ntasks) give_back(call, ask);
    rc_tasks_free(ask->tasks);
    ask->tasks = NULL;
    return RC_OK;
}

/* ---- reports and heartbeats ----------------------------------------------------------------------------- */

static const struct api_field results_fields[] = {{"results", API_LIST, RC_MAX_LEASE_TASKS, true, 0}};
const struct api_shape api_report_shape = {results_fields, 1, sizeof(struct cel_value)};
static const struct api_field beats_fields[] = {{"heartbeats", API_LIST, RC_MAX_LEASE_TASKS, true, 0}};
const struct api_shape api_heartbeat_shape = {beats_fields, 1, sizeof(struct cel_value)};

struct item_body {
    struct rc_sv lease, outcome, error, progress;
    struct cel_value output, retry_after, extend;
};
enum { RETRY_AFTER_MOST = 86400 };
static const struct api_field result_fields[] = {
    {"lease", API_TEXT, RC_LEASE_TEXT, true, offsetof(struct item_body, lease)},
    {"outcome", API_TEXT, RC_MAX_NAME, true, offsetof(struct item_body, outcome)},
    {"output", API_ANY, 0, false, offsetof(struct item_body, output)},
    {"error", API_TEXT, RC_MAX_EXCERPT, false, offsetof(struct item_body, error)},
    {"retry_after", API_NUMBER, RETRY_AFTER_MOST, false, offsetof(struct item_body, retry_after)},
};
static const struct api_shape result_shape = {result_fields, sizeof result_fields / sizeof *result_fields,
                                              sizeof(struct item_body)};
static const struct api_field beat_fields[] = {
    {"lease", API_TEXT, RC_LEASE_TEXT, true, offsetof(struct item_body, lease)},
    {"progress", API_TEXT, RC_MAX_PROGRESS, false, offsetof(struct item_body, progress)},
    {"extend", API_NUMBER, RC_MAX_LEASE_S, false, offsetof(struct item_body, extend), 1},
};
static const struct api_shape beat_shape = {beat_fields, sizeof beat_fields / sizeof *beat_fields,
                                            sizeof(struct item_body)};

/* What a worker may say, and what it is as a result. */
static const struct said {
    uint8_t outcome; /* enum rc_outcome; none: it was not begun */
    uint16_t report; /* enum rc_report; 0: the same */
} says[] = {{RC_OUT_SUCCEEDED, RC_REPORT_DONE},
            {RC_OUT_REJECTED, RC_REPORT_REJECTED},
            {RC_OUT_FAILED, RC_REPORT_FAILED},
            {RC_OUT_UNKNOWN, RC_REPORT_UNKNOWN},
            {RC_OUT_NONE, 0}};

static const struct said *find_said(struct rc_sv word)
{
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (rc_sv_is(word, says[i].outcome ? rc_outcome_word(says[i].outcome).slug : "released"))
            return &says[i];
    return NULL;
}

static enum rc_status read_result(struct api_call *call, const struct item_body *body, const char *prefix,
                                  struct rc_report_item *item, struct rc_error *err)
{
    char pointer[64];
    const struct said *said = find_said(body->outcome);
    struct rc_result *result = RC_NEW(call->arena, struct rc_result);
    if (!result) return rc_fail_arena(err, call->arena);
    item->result = result;
    if (!said) {
        snprintf(pointer, sizeof pointer, "%s/outcome", prefix);
        api_complain(call, pointer, "must be succeeded, rejected, failed, unknown or released");
        return RC_OK;
    }
    *result = (struct rc_result){.reach = said->report ? RC_ANSWERED : RC_NOT_SENT,
                                 .why = said->report ? RC_WHY_NONE : RC_WHY_RELEASED,
                                 .usable = said->report != 0,
                                 .status = said->report,
                                 .retry_after = RC_SECONDS(number_of(body->retry_after, 0)),
                                 .headers = {.kind = CEL_MAP},
                                 .body = body->output};
    *(said->report ? &result->excerpt : &result->error) = body->error;
    return RC_OK;
}

static enum rc_status read_item(struct api_call *call, struct cel_value value, const char *name, uint32_t i,
                                struct rc_report_item *item, struct rc_error *err)
{
    char prefix[32], pointer[64];
    bool reports = call->route->body == &api_report_shape;
    struct item_body body = {.output = cel_null()};
    snprintf(prefix, sizeof prefix, "/%s/%u", name, i);
    item->error = RC_NEW(call->arena, struct rc_error);
    if (!item->error) return rc_fail_arena(err, call->arena);
    if (api_decode(call, reports ? &result_shape : &beat_shape, value, prefix, &body, err) != RC_OK)
        return RC_OK; /* the complaints are kept, and the other items looked at */
    if (!rc_lease_parse(body.lease, &item->lease)) {
        snprintf(pointer, sizeof pointer, "%s/lease", prefix);
        api_complain(call, pointer, "is no lease: give back what the lease call has given");
    }
    item->progress = body.progress;
    item->span = RC_SECONDS(number_of(body.extend, 0));
    return reports ? read_result(call, &body, prefix, item, err) : RC_OK;
}

/* One of several that makes no sense is refused by itself: what the others say is still true, and a worker that sends them again because
 * of it would be late with all of them. */
static void refuse_item(struct api_call *call, struct rc_report_item *item)
{
    item->status = api_complaints(call, item->error);
    item->refused = item->status != RC_OK;
    call->desk->nerrors = 0;
}

enum rc_status api_report(struct api_call *call, struct rc_error *err)
{
    bool reports = call->route->body == &api_report_shape;
    const char *name = reports ? "results" : "heartbeats";
    struct cel_value list = *(const struct cel_value *)call->body;
    struct rc_report_item *items = RC_NEW_ARRAY(call->arena, struct rc_report_item, list.n);
    struct rc_sv ns = rc_copy_sv(call->arena, scope_of(call));
    enum rc_status status = items ? RC_OK : rc_fail_arena(err, call->arena);
    if (status == RC_OK && !list.n) api_complain(call, reports ? "/results" : "/heartbeats", "is empty");
    for (uint32_t i = 0; status == RC_OK && i < list.n; i++) {
        status = read_item(call, list.v.items[i], name, i, &items[i], err);
        if (status == RC_OK && list.n > 1) refuse_item(call, &items[i]);
    }
    if (status == RC_OK) status = api_complaints(call, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){.kind = reports ? RC_REQUEST_REPORT : RC_REQUEST_HEARTBEAT,
                                        .u.report = {.items = items, .n = list.n, .ns = ns},
                                        .who = &call->who};
    call->parked = true;
    return api_post(call, err);
}

static void put_item(struct api_call *call, const struct rc_report_item *item)
{
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_u64(json, "status", item->status == RC_OK ? 200 : (uint64_t)rc_status_http(item->status));
    if (item->seq)
        rc_json_id(json, "command", item->seq, item->nonce);
    else
        rc_json_null(json, "command");
    if (item->status != RC_OK) {
        api_put_problem(call, json, "problem", item->status, item->error, 0, NULL);
    } else if (item->deadline) {
        rc_json_time(json, "deadline", item->deadline);
    }
    rc_json_end_object(json);
}

enum rc_status api_reported(struct api_call *call, struct rc_error *err)
{
    const struct rc_report_item *items = call->request.u.report.items;
    uint32_t n = call->request.u.report.n;
    if (n == 1 && items->status != RC_OK) { /* as if it had been asked alone */
        *err = *items->error;
        return items->status;
    }
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "results");
    for (uint32_t i = 0; i < n; i++) put_item(call, &items[i]);
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}
