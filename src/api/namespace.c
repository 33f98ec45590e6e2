/* Namespaces over HTTP: /v1/namespaces. */
#include "api/call.h"

#include <stddef.h>

struct namespace_body {
    struct rc_sv name;
    uint64_t max_open, max_bytes, max_rate;
    struct rc_sv reason;
};

static const struct api_field namespace_fields[] = {
    {"name", API_TEXT, RC_MAX_NAME, true, offsetof(struct namespace_body, name)},
    {"max_open", API_COUNT, 0, false, offsetof(struct namespace_body, max_open)},
    {"max_bytes", API_COUNT, 0, false, offsetof(struct namespace_body, max_bytes)},
    {"max_rate", API_COUNT, 0, false, offsetof(struct namespace_body, max_rate)},
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct namespace_body, reason)},
};
enum { FIELDS = sizeof namespace_fields / sizeof *namespace_fields };
const struct api_shape api_namespace_shape = {namespace_fields, FIELDS, sizeof(struct namespace_body)};
/* the same without its name, which stands in the path */
const struct api_shape api_quotas_shape = {namespace_fields + 1, FIELDS - 1, sizeof(struct namespace_body)};

/* ---- reading ------------------------------------------------------------------------------------------- */

static enum rc_status read_all(struct api_call *call, struct rc_namespace **ret, uint32_t *ret_n,
                               struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_namespaces(reader, call->scratch, ret, ret_n, err);
    api_return(&call->job, reader);
    return status;
}

static enum rc_status may_see(const struct api_call *call, const struct rc_namespace *ns,
                              struct rc_error *err)
{
    return api_may(call, &(struct rc_object){.what = "namespace", .ns = ns->name, .administered = true}, err);
}

static void put_quota(struct rc_json *json, const char *name, uint64_t most)
{
    if (most)
        rc_json_u64(json, name, most);
    else
        rc_json_null(json, name);
}

static void put_namespace(struct rc_json *json, const struct rc_namespace *ns)
{
    rc_json_object(json, NULL);
    rc_json_sv(json, "name", ns->name);
    rc_json_time(json, "created", ns->created);
    put_quota(json, "max_open", ns->max_open);
    put_quota(json, "max_bytes", ns->max_bytes);
    put_quota(json, "max_rate", ns->max_rate);
    rc_json_object(json, "usage");
    rc_json_u64(json, "commands", ns->usage.commands);
    rc_json_u64(json, "open_commands", ns->usage.open);
    rc_json_u64(json, "bytes", ns->usage.bytes);
    rc_json_end_object(json);
    rc_json_end_object(json);
}

enum rc_status api_namespaces(struct api_call *call, struct rc_error *err)
{
    struct rc_namespace *all = NULL;
    uint32_t n = 0;
    enum rc_status status = read_all(call, &all, &n, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "namespaces");
    for (uint32_t i = 0; i < n; i++)
        if (may_see(call, &all[i], NULL) == RC_OK) put_namespace(&call->json, &all[i]);
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}

static enum rc_status answer_with(struct api_call *call, int status, struct rc_sv name, struct rc_error *err)
{
    struct rc_namespace *all = NULL;
    uint32_t n = 0;
    enum rc_status read = read_all(call, &all, &n, err);
    if (read != RC_OK) return read;
    for (uint32_t i = 0; i < n; i++) {
        if (!rc_sv_eq(all[i].name, name)) continue;
        read = may_see(call, &all[i], err);
        if (read != RC_OK) return read;
        api_begin(call, status);
        put_namespace(&call->json, &all[i]);
        return RC_OK;
    }
    return rc_fail(err, RC_NOT_FOUND, "there is no such namespace");
}

enum rc_status api_namespace(struct api_call *call, struct rc_error *err)
{
    return answer_with(call, 200, call->param[0], err);
}

/* ---- changing ------------------------------------------------------------------------------------------ */

static enum rc_status post(struct api_call *call, enum rc_access_kind kind, struct rc_sv name,
                           const struct namespace_body *body, struct rc_error *err)
{
    if (name.n > RC_MAX_NAME) return rc_fail(err, RC_NOT_FOUND, "there is no such namespace");
    if (body->max_rate > RC_MAX_RATE) api_complain(call, "/max_rate", "is more than %d", RC_MAX_RATE);
    enum rc_status status = api_complaints(call, err);
    if (status != RC_OK) return status;
    struct rc_author *by = RC_NEW(call->arena, struct rc_author);
    if (!by) return rc_fail_arena(err, call->arena);
    *by = (struct rc_author){.subject = call->who.name, .reason = body->reason};
    call->request = (struct rc_request){.kind = RC_REQUEST_ACCESS,
                                        .u.access = {.kind = (uint8_t)kind,
                                                     .by = by,
                                                     .ns = {.name = name,
                                                            .max_open = body->max_open,
                                                            .max_bytes = body->max_bytes,
                                                            .max_rate = (uint32_t)body->max_rate}}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_namespace_new(struct api_call *call, struct rc_error *err)
{
    const struct namespace_body *body = call->body;
    return post(call, RC_ACCESS_NAMESPACE_ADD, body->name, body, err);
}

enum rc_status api_namespace_made(struct api_call *call, struct rc_error *err)
{
    return answer_with(call, 201, call->request.u.access.ns.name, err);
}

enum rc_status api_namespace_set(struct api_call *call, struct rc_error *err)
{
    return post(call, RC_ACCESS_NAMESPACE_SET, call->param[0], call->body, err);
}

enum rc_status api_namespace_was_set(struct api_call *call, struct rc_error *err)
{
    return answer_with(call, 200, call->request.u.access.ns.name, err);
}

enum rc_status api_namespace_remove(struct api_call *call, struct rc_error *err)
{
    enum rc_status status = api_own_arena(call, err);
    struct rc_sv name = status == RC_OK ? rc_copy_sv(call->arena, call->param[0]) : (struct rc_sv){0};
    if (status != RC_OK) return status;
    if (!name.p) return rc_fail_arena(err, call->arena);
    return post(call, RC_ACCESS_NAMESPACE_REMOVE, name, &(struct namespace_body){0}, err);
}

enum rc_status api_namespace_removed(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_sv(&call->json, "removed", call->request.u.access.ns.name);
    rc_json_end_object(&call->json);
    return RC_OK;
}
