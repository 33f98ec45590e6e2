/* What operators do: POST /v1/commands/{id}/actions/{action}. */
#include "api/act.h"
#include "api/submit.h"

#include "base/num.h"
#include "cel/time.h"
#include "engine/prepare.h"

#include <stddef.h>

static const struct api_field act_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct api_act_body, reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct api_act_body, actor)},
    {"step", API_TEXT, RC_MAX_PATH, false, offsetof(struct api_act_body, step)},
    {"verdict", API_TEXT, RC_MAX_NAME, false, offsetof(struct api_act_body, verdict)},
    {"external_id", API_TEXT, RC_MAX_EXTERNAL_ID, false, offsetof(struct api_act_body, external_id)},
    {"outputs", API_OBJECT, 0, false, offsetof(struct api_act_body, outputs)},
    {"key", API_TEXT, RC_MAX_KEY, false, offsetof(struct api_act_body, key)},
    {"owner", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct api_act_body, owner)},
    {"due", API_TEXT, CEL_TIME_TEXT, false, offsetof(struct api_act_body, due)},
    {"payload", API_ANY, 0, false, offsetof(struct api_act_body, payload)},
    {"refs", API_OBJECT, 0, false, offsetof(struct api_act_body, refs)},
    {"digest", API_TEXT, 32, false, offsetof(struct api_act_body, digest)},
    {"answer", API_TEXT, RC_MAX_ANSWER_TEXT, false, offsetof(struct api_act_body, answer)},
    {"version", API_NUMBER, UINT32_MAX - 1, false, offsetof(struct api_act_body, version), 1},
};
const struct api_shape api_act_shape = {act_fields, sizeof act_fields / sizeof *act_fields,
                                        sizeof(struct api_act_body)};

static enum rc_verdict verdict_of(struct rc_sv text)
{
    static const char *const name[] = {[RC_HAPPENED] = "happened",
                                       [RC_DID_NOT_HAPPEN] = "did_not_happen",
                                       [RC_ACCEPTED_AS_IS] = "accepted_as_is"};
    for (unsigned i = RC_HAPPENED; i <= RC_ACCEPTED_AS_IS; i++)
        if (rc_sv_is(text, name[i])) return (enum rc_verdict)i;
    return RC_VERDICT_NONE;
}

/* Members that mean something for some actions only, and that one of these cannot be without. */
struct member {
    const char *pointer;
    bool there;
    uint32_t of, needed_by; /* bits 1 << enum rc_action */
    const char *belongs, *needed;
};

static void check_members(struct api_call *call, const struct api_act_body *body, enum rc_action action)
{
    enum { RESOLVE = 1 << RC_ACTION_RESOLVE, EDIT = 1 << RC_ACTION_EDIT, ASSIGN = 1 << RC_ACTION_ASSIGN };
    enum {
        BACK = 1 << RC_ACTION_ROLL_BACK,
        CHECK = 1 << RC_ACTION_CHECK,
        SKIP = 1 << RC_ACTION_SKIP,
        RETRY = 1 << RC_ACTION_RETRY,
        DUE = 1 << RC_ACTION_DUE,
        ANSWER = 1 << RC_ACTION_ANSWER,
        MOVE = 1 << RC_ACTION_MOVE,
        DECIDE = 1 << RC_ACTION_APPROVE | 1 << RC_ACTION_DENY | ANSWER
    };
    const struct member members[] = {
        {"/reason", body->reason.n != 0, UINT32_MAX, RESOLVE | 1 << RC_ACTION_NOTE, "",
         action == RC_ACTION_NOTE ? "is required: it is the note" : "is required: what is the evidence?"},
        {"/step", body->step.n != 0, RETRY | CHECK | RESOLVE | SKIP | BACK | DECIDE, 0,
         "belongs to retry, check, resolve, skip, roll_back, approve, deny and answer", ""},
        {"/verdict", body->verdict.n != 0, RESOLVE, 0, "belongs to the action resolve only", ""},
        {"/payload", body->payload.kind != CEL_NULL, EDIT, EDIT, "belongs to the action edit only",
         "is required: the payload as it should be"},
        {"/refs", body->refs.kind != CEL_NULL, EDIT, 0, "belongs to the action edit only", ""},
        {"/owner", body->owner.p != NULL, ASSIGN, ASSIGN, "belongs to the action assign only",
         "is required; an empty text means nobody"},
        {"/due", body->due.p != NULL, DUE, DUE, "belongs to the action due only",
         "is required; an empty text means no time"},
        {"/digest", body->digest.n != 0, DECIDE | MOVE, 0, "belongs to approve, deny, answer and move", ""},
        {"/version", body->version.kind == CEL_INT, MOVE, 0, "belongs to the action move only", ""},
        {"/answer", body->answer.n != 0, ANSWER, ANSWER, "belongs to the action answer only",
         "is required: one of those that the step allows"},
    };
    for (unsigned i = 0; i < sizeof members / sizeof *members; i++) {
        const struct member *member = &members[i];
        if (member->there && !(member->of >> action & 1))
            api_complain(call, member->pointer, "%s", member->belongs);
        if (!member->there && member->needed_by >> action & 1)
            api_complain(call, member->pointer, "%s", member->needed);
    }
}

bool api_is_path(struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !memchr("_-.[]", c, 5)) return false;
    }
    return true;
}

static bool read_due(struct rc_sv text, rc_us *ret)
{
    struct cel_value time;
    *ret = 0;
    if (text.n == 0) return true;
    if (!cel_parse_timestamp(text, &time) || time.v.i < 0) return false;
    *ret = RC_SECONDS((uint64_t)time.v.i) + time.n / 1000;
    return true;
}

static enum rc_status check_body(struct api_call *call, const struct api_act_body *body,
                                 enum rc_action action, enum rc_verdict verdict, rc_us *ret_due,
                                 struct rc_error *err)
{
    check_members(call, body, action);
    struct rc_h128 digest;
    if (body->digest.n && !rc_h128_parse(body->digest, &digest))
        api_complain(call, "/digest", "must be the 32 hexadecimal digits that were shown with it");
    if (!api_is_path(body->step) || (body->step.p && !body->step.n)) /* nothing is not the whole */
        api_complain(call, "/step", "must be the id of a step, or its path, like orders[3].pay");
    if (action == RC_ACTION_RESOLVE && verdict == RC_VERDICT_NONE)
        api_complain(call, "/verdict", "must be happened, did_not_happen or accepted_as_is");
    if (!read_due(body->due, ret_due) && action == RC_ACTION_DUE)
        api_complain(call, "/due", "must be a time since 1970, like 2026-01-31T12:00:00Z");
    if (verdict != RC_HAPPENED && body->external_id.n)
        api_complain(call, "/external_id", "belongs to the verdict happened only");
    if (verdict != RC_HAPPENED && body->outputs.kind != CEL_NULL)
        api_complain(call, "/outputs", "belongs to the verdict happened only");
    return api_complaints(call, err);
}

enum rc_status api_read_if_match(const struct api_call *call, uint32_t *ret_rev, struct rc_error *err)
{
    bool more;
    struct rc_sv header = http_header(call->exchange, "If-Match", &more);
    uint64_t rev;
    *ret_rev = 0;
    if (!header.p || (rc_sv_is(header, "*") && !more)) return RC_OK;
    if (more || header.n < 3 || header.p[0] != '"' || header.p[header.n - 1] != '"' ||
        !rc_parse_u64((struct rc_sv){header.p + 1, header.n - 2}, &rev) || rev == 0 || rev > UINT32_MAX)
        return rc_fail(err, RC_STALE, "If-Match must be the one ETag of what was read, like \"7\"");
    *ret_rev = (uint32_t)rev;
    return RC_OK;
}

/* What a payload takes as text; it is not larger than its bound. */
static uint32_t bytes_of(struct api_call *call, struct cel_value payload)
{
    struct rc_buf text = rc_buf_in(call->scratch, RC_MAX_PAYLOAD);
    cel_put_json(&text, payload);
    return text.status == RC_OK ? text.n : RC_MAX_PAYLOAD;
}

/* The command that takes the place of the one with this id: its payload as the body says, or as it was. Where the command
 * is in another state than the person believes, the core says so. */
static enum rc_status make_successor(struct api_call *call, struct rc_id id, const struct api_act_body *body,
                                     struct rc_error *err)
{
    struct rc_api *api = call->api;
    struct api_loaded loaded = {0};
    enum rc_status status = api_load(call, id, &loaded, err);
    if (status != RC_OK) return status;
    const struct rc_identity *original = &loaded.command.id;
    bool edit = call->request.u.act.act.action == RC_ACTION_EDIT;
    if (!edit && loaded.command.state != RC_ROLLED_BACK)
        return RC_OK; /* a retry goes on with what is there */
    struct rc_submission in = {.subject = original->subject,
                               .actor = original->actor,
                               .payload = edit ? body->payload : original->payload,
                               .refs = body->refs.kind == CEL_MAP ? body->refs : original->refs};
    struct rc_identity *next = RC_NEW(call->arena, struct rc_identity);
    if (!next) return rc_fail_arena(err, call->arena);
    status = api_check_payload_size(call, in.payload, call->http.body.n, err);
    if (status != RC_OK) return status;
    status = rc_prepare_successor(rc_engine_definitions(api->options.engine), &loaded.command, &in,
                                  call->arena, next, call->desk->errors, API_ERRORS, &call->desk->nerrors);
    if (status == RC_NOT_FOUND)
        return rc_fail(err, RC_REFUSED, "its flow \"%.*s\" is not in force any more",
                       RC_SV_ARG(original->type));
    if (status != RC_OK) return api_prepare_failed(call, status, err);
    call->request.u.act.successor = next;
    call->request.bytes = bytes_of(call, in.payload);
    return RC_OK;
}

enum rc_status api_read_act(struct api_call *call, enum rc_action action, const struct api_act_body *body,
                            struct rc_act *ret, struct rc_error *err)
{
    enum rc_verdict verdict = verdict_of(body->verdict);
    struct rc_sv actor = {0};
    rc_us due = 0;
    enum rc_status status = api_actor(call, body->actor, &actor, err);
    if (status == RC_OK) status = check_body(call, body, action, verdict, &due, err);
    if (status != RC_OK) return status;
    *ret = (struct rc_act){.action = (uint8_t)action,
                           .subject = call->who.name,
                           .actor = actor,
                           .reason = body->reason,
                           .step = body->step,
                           .verdict = (uint8_t)verdict,
                           .external_id = body->external_id,
                           .outputs = body->outputs,
                           .key = body->key,
                           .owner = body->owner,
                           .due = due,
                           .answer = body->answer,
                           .version = body->version.kind == CEL_INT ? (uint32_t)body->version.v.i : 0};
    bool decides = action == RC_ACTION_APPROVE || action == RC_ACTION_DENY || action == RC_ACTION_ANSWER;
    if (decides) ret->role = (uint8_t)(call->who.role + 1);
    if (body->digest.n) (void)!rc_h128_parse(body->digest, &ret->digest);
    return RC_OK;
}

enum rc_status api_act(struct api_call *call, struct rc_error *err)
{
    const struct api_act_body *body = call->body;
    struct rc_sv key = body->key;
    struct rc_act act;
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    if (status == RC_OK) status = api_find_key(call, body->key, &key, err);
    if (status != RC_OK) return status;
    int action = rc_action_of(call->param[1]);
    if (action < 0)
        return rc_fail(err, RC_NOT_FOUND, "there is no action \"%.*s\"", RC_SV_ARG(call->param[1]));
    if (rc_sv_starts(key, RC_SV(RC_BULK_KEY)))
        api_complain(call, "/key", "begins with \"%s\", as only the keys of a bulk's items do", RC_BULK_KEY);
    status = api_read_act(call, (enum rc_action)action, body, &act, err);
    if (status != RC_OK) return status;
    act.key = key;
    call->request =
        (struct rc_request){.kind = RC_REQUEST_ACT, .u.act = {.seq = id.seq, .check = id.check, .act = act}};
    status = api_read_if_match(call, &call->request.u.act.act.expected_rev, err);
    if (status == RC_OK && (action == RC_ACTION_EDIT || action == RC_ACTION_RETRY))
        status = make_successor(call, id, body, err);
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
    api_put_acted(call, &call->request.command, call->request.successor);
    return RC_OK;
}
