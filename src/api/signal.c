/* POST /v1/signals: what has happened outside, for whoever waits for it. */
#include "api/submit.h"
#include "engine/prepare.h"

#include <stddef.h>

struct signal_body {
    struct rc_sv name, id, key;
    struct cel_value payload;
};

static const struct api_field signal_fields[] = {
    {"name", API_TEXT, RC_MAX_NAME, true, offsetof(struct signal_body, name)},
    {"id", API_TEXT, RC_MAX_EXTERNAL_ID, true, offsetof(struct signal_body, id)},
    {"key", API_TEXT, RC_MAX_KEY, false, offsetof(struct signal_body, key)},
    {"payload", API_ANY, 0, false, offsetof(struct signal_body, payload)},
};
const struct api_shape api_signal_shape = {signal_fields, sizeof signal_fields / sizeof *signal_fields,
                                           sizeof(struct signal_body)};

static enum rc_status check_size(struct api_call *call, struct cel_value payload, struct rc_error *err)
{
    struct rc_buf text = rc_buf_in(call->scratch, RC_MAX_SIGNAL);
    cel_put_json(&text, payload);
    if (text.status == RC_LIMIT)
        return rc_fail(err, RC_LIMIT, "the payload of a signal has at most %d bytes", RC_MAX_SIGNAL);
    return text.status == RC_OK ? RC_OK : rc_fail(err, text.status, "out of memory");
}

static struct rc_h128 hash_of(const struct signal_body *body)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    rc_sha256_add_sv(&sha, body->name);
    rc_sha256_add_sv(&sha, body->id);
    cel_hash(body->payload, &sha);
    return rc_sha256_h128(&sha);
}

enum rc_status api_signal(struct api_call *call, struct rc_error *err)
{
    struct signal_body body = *(const struct signal_body *)call->body;
    enum rc_status status = api_find_key(call, body.key, &body.key, err);
    if (status == RC_OK) status = check_size(call, body.payload, err);
    if (status != RC_OK) return status;
    if (!rc_is_name(body.name))
        api_complain(call, "/name", "must be 1 to %d letters, digits, '_', '-' and '.'", RC_MAX_NAME);
    if (!rc_is_label(body.id, RC_MAX_EXTERNAL_ID))
        api_complain(call, "/id", "must be 1 to %d bytes of text without control characters",
                     RC_MAX_EXTERNAL_ID);
    if (!body.key.n)
        api_complain(call, "/key",
                     "is required, here or as Idempotency-Key: the same key is the same signal");
    else if (!rc_is_label(body.key, RC_MAX_KEY))
        api_complain(call, "/key", "must be 1 to %d bytes of text without control characters", RC_MAX_KEY);
    status = api_complaints(call, err);
    if (status != RC_OK) return status;
    struct rc_sv ns = rc_copy_sv(call->arena, call->who.ns);
    if (!ns.p) return rc_fail_arena(err, call->arena);
    call->request = (struct rc_request){.kind = RC_REQUEST_SIGNAL,
                                        .arena = call->arena,
                                        .u.signal.signal = {.ns = ns,
                                                            .name = body.name,
                                                            .id = body.id,
                                                            .key = body.key,
                                                            .asked = hash_of(&body),
                                                            .payload = body.payload}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_signalled(struct api_call *call, struct rc_error *err)
{
    (void)err;
    if (call->request.replayed) api_add_field(call, "Idempotency-Replayed", "true");
    api_begin(call, call->request.replayed ? 200 : 201);
    rc_view_kept_signal(&call->json, &call->request.u.signal.signal);
    return RC_OK;
}
