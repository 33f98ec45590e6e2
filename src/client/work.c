/* A worker's calls. */
#include "client/work.h"

#include "codec/write.h"

#include <stdio.h>

enum { BODY_MOST = 16 << 20 };

static struct rc_sv text_of(const struct cel_value *object, const char *name)
{
    const struct cel_value *value = cel_map_get(object, name);
    return value && value->kind == CEL_STRING ? cel_text(*value) : (struct rc_sv){0};
}

static uint32_t number_of(const struct cel_value *object, const char *name)
{
    const struct cel_value *value = cel_map_get(object, name);
    return value && value->kind == CEL_INT && value->v.i > 0 && value->v.i <= UINT32_MAX
               ? (uint32_t)value->v.i
               : 0;
}

static enum rc_status post(struct rc_client *client, const char *path, const struct rc_buf *body,
                           struct rc_arena *arena, struct rc_client_answer *ret, struct rc_error *err)
{
    if (body->status != RC_OK) return rc_fail(err, body->status, "the request is too large");
    const struct rc_client_call call = {.method = "POST", .path = path, .body = rc_buf_sv(body)};
    return rc_client_do(client, &call, arena, ret, err);
}

static void put_names(struct rc_json *json, const char *member, const char *const *names, uint32_t n)
{
    rc_json_array(json, member);
    for (uint32_t i = 0; i < n; i++) rc_json_text(json, NULL, names[i]);
    rc_json_end_array(json);
}

static void read_task(const struct cel_value *from, struct rc_client_task *ret)
{
    const struct cel_value *input = cel_map_get(from, "input");
    *ret = (struct rc_client_task){.lease = text_of(from, "lease"),
                                   .task = text_of(from, "task"),
                                   .purpose = text_of(from, "purpose"),
                                   .idempotency_key = text_of(from, "idempotency_key"),
                                   .command = text_of(from, "command"),
                                   .ns = text_of(from, "namespace"),
                                   .key = text_of(from, "key"),
                                   .step = text_of(from, "step"),
                                   .input = input ? *input : cel_null(),
                                   .attempt = number_of(from, "attempt"),
                                   .lease_ms = number_of(from, "lease_ms")};
}

enum rc_status rc_client_lease(struct rc_client *client, const struct rc_client_ask *ask,
                               struct rc_arena *arena, struct rc_client_tasks *ret, struct rc_error *err)
{
    char path[64];
    struct rc_buf body = rc_buf_in(arena, BODY_MOST);
    struct rc_json json = {.buf = &body};
    struct rc_client_answer answer = {0};
    rc_json_object(&json, NULL);
    put_names(&json, "queues", ask->queues, ask->nqueues);
    put_names(&json, "capabilities", ask->capabilities, ask->ncapabilities);
    if (ask->worker) rc_json_text(&json, "worker", ask->worker);
    rc_json_u64(&json, "max", ask->max ? ask->max : 1);
    rc_json_end_object(&json);
    snprintf(path, sizeof path, "/v1/work/lease?wait=%us", ask->wait_s);
    enum rc_status status = post(client, path, &body, arena, &answer, err);
    if (status != RC_OK) return status;
    const struct cel_value *tasks = cel_map_get(&answer.body, "tasks"),
                           *draining = cel_map_get(&answer.body, "draining");
    uint32_t n = tasks && tasks->kind == CEL_LIST ? tasks->n : 0;
    struct rc_client_task *item = RC_NEW_ARRAY(arena, struct rc_client_task, n);
    if (!item) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < n; i++) read_task(&tasks->v.items[i], &item[i]);
    *ret = (struct rc_client_tasks){item, n, draining && draining->kind == CEL_BOOL && draining->v.b};
    return RC_OK;
}

static void put_report(struct rc_json *json, const struct rc_client_report *report)
{
    rc_json_object(json, NULL);
    rc_json_sv(json, "lease", report->lease);
    rc_json_text(json, "outcome", report->outcome);
    if (report->output.kind != CEL_NULL) rc_json_value(json, "output", report->output);
    if (report->error.n) rc_json_sv(json, "error", report->error);
    if (report->retry_after_s) rc_json_u64(json, "retry_after", report->retry_after_s);
    rc_json_end_object(json);
}

enum rc_status rc_client_report(struct rc_client *client, struct rc_client_report *reports, uint32_t n,
                                struct rc_arena *arena, struct rc_error *err)
{
    struct rc_buf body = rc_buf_in(arena, BODY_MOST);
    struct rc_json json = {.buf = &body};
    struct rc_client_answer answer = {0};
    rc_json_object(&json, NULL);
    rc_json_array(&json, "results");
    for (uint32_t i = 0; i < n; i++) put_report(&json, &reports[i]);
    rc_json_end_array(&json);
    rc_json_end_object(&json);
    enum rc_status status = post(client, "/v1/work/report", &body, arena, &answer, err);
    const struct cel_value *results = cel_map_get(&answer.body, "results");
    for (uint32_t i = 0; i < n; i++) {
        bool told = status == RC_OK && results && results->kind == CEL_LIST && i < results->n;
        reports[i].status = told ? (int)number_of(&results->v.items[i], "status") : answer.status;
    }
    return status;
}

enum rc_status rc_client_heartbeat(struct rc_client *client, const struct rc_sv *leases, uint32_t n,
                                   struct rc_arena *arena, struct rc_error *err)
{
    struct rc_buf body = rc_buf_in(arena, BODY_MOST);
    struct rc_json json = {.buf = &body};
    struct rc_client_answer answer = {0};
    rc_json_object(&json, NULL);
    rc_json_array(&json, "heartbeats");
    for (uint32_t i = 0; i < n; i++) {
        rc_json_object(&json, NULL);
        rc_json_sv(&json, "lease", leases[i]);
        rc_json_end_object(&json);
    }
    rc_json_end_array(&json);
    rc_json_end_object(&json);
    return post(client, "/v1/work/heartbeat", &body, arena, &answer, err);
}
