/* POST /v1/commands. */
#include "api/submit.h"
#include "cel/time.h"
#include "engine/prepare.h"

#include <stddef.h>

static const struct api_field submit_fields[] = {
    {"type", API_TEXT, RC_MAX_NAME, true, offsetof(struct api_submission, type)},
    {"key", API_TEXT, RC_MAX_KEY, false, offsetof(struct api_submission, key)},
    {"payload", API_ANY, 0, true, offsetof(struct api_submission, payload)},
    {"refs", API_OBJECT, 0, false, offsetof(struct api_submission, refs)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct api_submission, actor)},
    {"run_at", API_TEXT, CEL_TIME_TEXT, false, offsetof(struct api_submission, run_at)},
    {"run_in", API_TEXT, RC_SPAN_TEXT, false, offsetof(struct api_submission, run_in)},
    {"deadline", API_TEXT, RC_SPAN_TEXT, false, offsetof(struct api_submission, deadline)},
    {"priority", API_NUMBER, RC_MAX_PRIORITY, false, offsetof(struct api_submission, priority), 0},
};
const struct api_shape api_submit_shape = {submit_fields, sizeof submit_fields / sizeof *submit_fields,
                                           sizeof(struct api_submission)};
const struct api_shape api_batch_shape = {submit_fields, sizeof submit_fields / sizeof *submit_fields,
                                          sizeof(struct api_submission), true};

/* The key of header and body, which must agree. A header in quotes is a structured field's string. */
enum rc_status api_find_key(struct api_call *call, struct rc_sv in_body, struct rc_sv *ret,
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

enum rc_status api_check_payload_size(struct api_call *call, struct cel_value payload, uint32_t nbytes,
                                      struct rc_error *err)
{
    /* a text that is not larger than the bound cannot hold a larger payload */
    if (nbytes <= RC_MAX_PAYLOAD) return RC_OK;
    struct rc_buf text = rc_buf_in(call->scratch, RC_MAX_PAYLOAD);
    cel_put_json(&text, payload);
    if (text.status == RC_LIMIT)
        return rc_fail(err, RC_LIMIT, "the payload has more than the %d bytes that are allowed",
                       RC_MAX_PAYLOAD);
    return text.status == RC_OK ? RC_OK : rc_fail(err, text.status, "out of memory");
}

enum rc_status api_prepare_failed(struct api_call *call, enum rc_status status, struct rc_error *err)
{
    struct api_desk *desk = call->desk;
    if (desk->nerrors > API_ERRORS) desk->nerrors = API_ERRORS;
    if (status != RC_NOT_FOUND && status != RC_NOMEM) return api_complaints(call, err);
    *err = desk->errors[0];
    desk->nerrors = 0;
    return status;
}

static void read_span(struct api_call *call, const char *pointer, struct rc_sv text, rc_us *ret)
{
    if (text.p && (!rc_parse_span(text, ret) || !*ret))
        api_complain(call, pointer, "must be a span above 0, like 90s, 30m, 2h30m or 7d");
}

/* When it is to begin, and until when it has to be through. */
static enum rc_status read_times(struct api_call *call, const struct api_submission *in,
                                 struct rc_submission *ret, struct rc_error *err)
{
    uint32_t before = call->desk->nerrors;
    read_span(call, "/run_in", in->run_in, &ret->run_in);
    read_span(call, "/deadline", in->deadline, &ret->deadline);
    if (in->run_at.p && (!rc_parse_time(in->run_at, &ret->run_at) || !ret->run_at))
        api_complain(call, "/run_at", "must be a time since 1970, like 2026-01-31T12:00:00Z");
    return call->desk->nerrors == before ? RC_OK : api_complaints(call, err);
}

static enum rc_status read_priority(struct api_call *call, struct cel_value value, struct rc_submission *ret,
                                    struct rc_error *err)
{
    if (value.kind == CEL_NULL) return RC_OK; /* the flow's */
    if (value.kind != CEL_INT || value.v.i < 0 || value.v.i > RC_MAX_PRIORITY) {
        api_complain(call, "/priority", "must be a whole number from 0 to 9");
        return api_complaints(call, err);
    }
    ret->priority = (uint8_t)value.v.i;
    ret->has_priority = true;
    return RC_OK;
}

enum rc_status api_prepare(struct api_call *call, const struct api_submission *in, uint32_t nbytes,
                           struct rc_arena *arena, struct rc_request *ret, struct rc_error *err)
{
    struct rc_api *api = call->api;
    struct rc_sv actor = {0};
    enum rc_status status = api_actor(call, in->actor, &actor, err);
    if (status == RC_OK) status = api_check_payload_size(call, in->payload, nbytes, err);
    if (status != RC_OK) return status;
    /* the command outlives the call */
    struct rc_submission submission = {.ns = rc_copy_sv(arena, call->who.ns),
                                       .type = in->type,
                                       .subject = rc_copy_sv(arena, call->who.name),
                                       .actor = rc_copy_sv(arena, actor),
                                       .key = in->key,
                                       .payload = in->payload,
                                       .refs = in->refs};
    if (!submission.ns.p || !submission.subject.p || !submission.actor.p) return rc_fail_arena(err, arena);
    status = read_times(call, in, &submission, err);
    if (status == RC_OK) status = read_priority(call, in->priority, &submission, err);
    if (status != RC_OK) return status;
    *ret = (struct rc_request){.kind = RC_REQUEST_SUBMIT, .arena = arena, .bytes = nbytes};
    status = rc_prepare_submit(rc_engine_definitions(api->options.engine), &submission, arena, &ret->u.submit,
                               call->desk->errors, API_ERRORS, &call->desk->nerrors);
    return status == RC_OK ? RC_OK : api_prepare_failed(call, status, err);
}

static void keep_text(char *ret, size_t size, struct rc_sv text)
{
    size_t n = text.n < size ? text.n : size - 1;
    memcpy(ret, text.p, n);
    ret[n] = 0;
}

enum rc_status api_submit(struct api_call *call, struct rc_error *err)
{
    struct api_submission in = *(const struct api_submission *)call->body;
    enum rc_status status = api_read_wait(call, err);
    if (status == RC_OK) status = api_find_key(call, in.key, &in.key, err);
    if (status == RC_OK) status = api_prepare(call, &in, call->http.body.n, call->arena, &call->request, err);
    if (status != RC_OK) return status;
    keep_text(call->type, sizeof call->type, call->request.u.submit.type);
    keep_text(call->key, sizeof call->key, call->request.u.submit.key);
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_submitted(struct api_call *call, struct rc_error *err)
{
    const struct rc_outline *outline = &call->request.command;
    int status = call->request.replayed ? 200 : 201;
    api_add_location(call, outline->seq, outline->nonce);
    if (call->request.replayed) api_add_field(call, "Idempotency-Replayed", "true");
    if (call->wait.ms) {
        struct rc_id id = rc_id_of(outline->seq, outline->nonce);
        return api_answer_when_rested(call, id, status, err);
    }
    api_begin(call, status);
    api_put_outline(call, outline);
    return RC_OK;
}
