/* POST /v1/commands. */
#include "api/call.h"
#include "engine/prepare.h"

#include <stddef.h>

struct submit_body {
    struct rc_sv type, key, actor;
    struct cel_value payload, refs;
};

static const struct api_field submit_fields[] = {
    {"type", API_TEXT, RC_MAX_NAME, true, offsetof(struct submit_body, type)},
    {"key", API_TEXT, RC_MAX_KEY, false, offsetof(struct submit_body, key)},
    {"payload", API_ANY, 0, true, offsetof(struct submit_body, payload)},
    {"refs", API_OBJECT, 0, false, offsetof(struct submit_body, refs)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct submit_body, actor)},
};
const struct api_shape api_submit_shape = {submit_fields, sizeof submit_fields / sizeof *submit_fields,
                                           sizeof(struct submit_body)};

/* The key of header and body, which must agree. A header in quotes is a structured field's string. */
static enum rc_status find_key(struct api_call *call, struct rc_sv in_body, struct rc_sv *ret,
                               struct rc_error *err)
{
    bool more;
    struct rc_sv header = http_header(call->exchange, "Idempotency-Key", &more);
    if (more) return rc_fail(err, RC_SYNTAX, "there is more than one Idempotency-Key header");
    if (header.n >= 2 && header.p[0] == '"' && header.p[header.n - 1] == '"')
        header = (struct rc_sv){header.p + 1, header.n - 2};
    if (header.n > RC_MAX_KEY)
        return rc_fail(err, RC_INVALID, "the Idempotency-Key header is longer than %d bytes", RC_MAX_KEY);
    if (header.n && in_body.n && !rc_sv_eq(header, in_body)) {
        api_complain(call, "/key", "differs from the Idempotency-Key header");
        return api_complaints(call, err);
    }
    if (in_body.n || header.n == 0) {
        *ret = in_body;
        return RC_OK;
    }
    *ret = rc_copy_sv(call->arena, header); /* the header ends with the exchange */
    return ret->p ? RC_OK : rc_fail_arena(err, call->arena);
}

/* The payload as it would be stored. A body that is not larger than the bound cannot hold a larger payload. */
static enum rc_status check_size(struct api_call *call, struct cel_value payload, struct rc_error *err)
{
    if (call->http.body.n <= RC_MAX_PAYLOAD) return RC_OK;
    struct rc_buf text = rc_buf_in(call->api->scratch, RC_MAX_PAYLOAD);
    cel_put_json(&text, payload);
    if (text.status == RC_LIMIT)
        return rc_fail(err, RC_LIMIT, "the payload has more than the %d bytes that are allowed",
                       RC_MAX_PAYLOAD);
    return text.status == RC_OK ? RC_OK : rc_fail(err, text.status, "out of memory");
}

static void keep_text(char *ret, size_t size, struct rc_sv text)
{
    size_t n = text.n < size ? text.n : size - 1;
    memcpy(ret, text.p, n);
    ret[n] = 0;
}

enum rc_status api_submit(struct api_call *call, struct rc_error *err)
{
    const struct submit_body *body = call->body;
    struct rc_api *api = call->api;
    struct rc_submission submission = {.ns = RC_SV("default"),
                                       .type = body->type,
                                       .subject = call->subject,
                                       .actor = body->actor.n ? body->actor : call->subject,
                                       .payload = body->payload,
                                       .refs = body->refs};
    enum rc_status status = find_key(call, body->key, &submission.key, err);
    if (status == RC_OK) status = check_size(call, body->payload, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){.kind = RC_REQUEST_SUBMIT};
    status = rc_prepare_submit(rc_engine_definitions(api->options.engine), &submission, call->arena,
                               &call->request.u.submit, api->errors, API_ERRORS, &api->nerrors);
    if (status != RC_OK) {
        if (api->nerrors > API_ERRORS) api->nerrors = API_ERRORS;
        *err = api->errors[0];
        if (status == RC_NOT_FOUND || status == RC_NOMEM) api->nerrors = 0;
        return status;
    }
    keep_text(call->type, sizeof call->type, call->request.u.submit.type);
    keep_text(call->key, sizeof call->key, call->request.u.submit.key);
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_submitted(struct api_call *call, struct rc_error *err)
{
    (void)err;
    const struct rc_outline *outline = &call->request.command;
    char path[API_FIELD_TEXT];
    api_command_path(path, outline->seq, outline->nonce);
    api_begin(call, call->request.replayed ? 200 : 201);
    api_put_outline(call, outline);
    api_add_field(call, "Location", "%s", path);
    return RC_OK;
}
