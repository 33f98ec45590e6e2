/* What operators do: POST /v1/commands/{id}/actions/{action}. */
#include "api/call.h"

#include "base/num.h"

#include <stddef.h>

struct act_body {
    struct rc_sv reason, actor, step, verdict, external_id, key;
    struct cel_value outputs;
};

static const struct api_field act_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct act_body, reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct act_body, actor)},
    {"step", API_TEXT, RC_MAX_NAME, false, offsetof(struct act_body, step)},
    {"verdict", API_TEXT, RC_MAX_NAME, false, offsetof(struct act_body, verdict)},
    {"external_id", API_TEXT, RC_MAX_EXTERNAL_ID, false, offsetof(struct act_body, external_id)},
    {"outputs", API_OBJECT, 0, false, offsetof(struct act_body, outputs)},
    {"key", API_TEXT, RC_MAX_KEY, false, offsetof(struct act_body, key)},
};
const struct api_shape api_act_shape = {act_fields, sizeof act_fields / sizeof *act_fields,
                                        sizeof(struct act_body)};

static enum rc_verdict verdict_of(struct rc_sv text)
{
    static const char *const name[] = {[RC_HAPPENED] = "happened",
                                       [RC_DID_NOT_HAPPEN] = "did_not_happen",
                                       [RC_ACCEPTED_AS_IS] = "accepted_as_is"};
    for (unsigned i = RC_HAPPENED; i <= RC_ACCEPTED_AS_IS; i++)
        if (rc_sv_is(text, name[i])) return (enum rc_verdict)i;
    return RC_VERDICT_NONE;
}

/* What belongs to resolve, and only there. */
static enum rc_status check_verdict(struct api_call *call, const struct act_body *body, enum rc_action action,
                                    enum rc_verdict verdict, struct rc_error *err)
{
    bool resolve = action == RC_ACTION_RESOLVE;
    if (resolve && verdict == RC_VERDICT_NONE)
        api_complain(call, "/verdict", "must be happened, did_not_happen or accepted_as_is");
    if (resolve && body->reason.n == 0) api_complain(call, "/reason", "is required: what is the evidence?");
    if (!resolve && body->verdict.n) api_complain(call, "/verdict", "belongs to the action resolve only");
    if (verdict != RC_HAPPENED && body->external_id.n)
        api_complain(call, "/external_id", "belongs to the verdict happened only");
    if (verdict != RC_HAPPENED && body->outputs.kind != CEL_NULL)
        api_complain(call, "/outputs", "belongs to the verdict happened only");
    return api_complaints(call, err);
}

/* If-Match holds the ETag of the command as the operator saw it; "*" or no header means any. */
static enum rc_status read_if_match(const struct api_call *call, uint32_t *ret_rev, struct rc_error *err)
{
    bool more;
    struct rc_sv header = http_header(call->exchange, "If-Match", &more);
    uint64_t rev;
    *ret_rev = 0;
    if (!header.p || (rc_sv_is(header, "*") && !more)) return RC_OK;
    if (more || header.n < 3 || header.p[0] != '"' || header.p[header.n - 1] != '"' ||
        !rc_parse_u64((struct rc_sv){header.p + 1, header.n - 2}, &rev) || rev == 0 || rev > UINT32_MAX)
        return rc_fail(err, RC_STALE, "If-Match must be the one ETag of the command, like \"7\"");
    *ret_rev = (uint32_t)rev;
    return RC_OK;
}

enum rc_status api_act(struct api_call *call, struct rc_error *err)
{
    const struct act_body *body = call->body;
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    if (status != RC_OK) return status;
    int action = rc_action_of(call->param[1]);
    if (action < 0)
        return rc_fail(err, RC_NOT_FOUND, "there is no action \"%.*s\"", RC_SV_ARG(call->param[1]));
    enum rc_verdict verdict = verdict_of(body->verdict);
    struct rc_sv actor = {0};
    status = api_actor(call, body->actor, &actor, err);
    if (status == RC_OK) status = check_verdict(call, body, (enum rc_action)action, verdict, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){.kind = RC_REQUEST_ACT,
                                        .u.act = {.seq = id.seq,
                                                  .check = id.check,
                                                  .act = {.action = (uint8_t)action,
                                                          .subject = call->who.name,
                                                          .actor = actor,
                                                          .reason = body->reason,
                                                          .step = body->step,
                                                          .verdict = (uint8_t)verdict,
                                                          .external_id = body->external_id,
                                                          .outputs = body->outputs,
                                                          .key = body->key}}};
    status = read_if_match(call, &call->request.u.act.act.expected_rev, err);
    if (status != RC_OK) return status;
    call->request.who = &call->who;
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_acted(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    if (call->request.replayed) api_add_field(call, "Idempotency-Replayed", "true");
    api_put_outline(call, &call->request.command);
    return RC_OK;
}
