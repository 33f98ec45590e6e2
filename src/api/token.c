/* Tokens over HTTP: /v1/tokens. The secret of a new one is in the answer that makes it, and nowhere else, ever. */
#include "api/call.h"

#include "secure/token.h"

#include <stddef.h>

struct token_body {
    struct rc_sv subject, role, ns, expires, lifetime, reason;
    bool act_as;
};

static const struct api_field token_fields[] = {
    {"subject", API_TEXT, RC_MAX_ACTOR, true, offsetof(struct token_body, subject)},
    {"role", API_TEXT, RC_MAX_NAME, true, offsetof(struct token_body, role)},
    {"namespace", API_TEXT, RC_MAX_NAME, false, offsetof(struct token_body, ns)},
    {"act_as", API_BOOL, 0, false, offsetof(struct token_body, act_as)},
    {"expires", API_TEXT, RC_TIME_TEXT + 16, false, offsetof(struct token_body, expires)},
    {"lifetime", API_TEXT, RC_MAX_NAME, false, offsetof(struct token_body, lifetime)},
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct token_body, reason)},
};
const struct api_shape api_token_shape = {token_fields, sizeof token_fields / sizeof *token_fields,
                                          sizeof(struct token_body)};

/* ---- reading ------------------------------------------------------------------------------------------- */

static enum rc_status read_all(struct api_call *call, struct rc_token **ret, uint32_t *ret_n,
                               struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_tokens(reader, call->scratch, ret, ret_n, err);
    api_return(&call->job, reader);
    return status;
}

/* Who is bound to a namespace sees the tokens that are bound to it, too. */
static enum rc_status may_see(const struct api_call *call, const struct rc_token *token, struct rc_error *err)
{
    return api_may(call, &(struct rc_object){.what = "token", .ns = token->ns, .administered = true}, err);
}

static void put_token(struct rc_json *json, const char *name, const struct rc_token *token)
{
    char id[RC_TOKEN_ID_TEXT + 1];
    rc_token_id_format(token->id, id);
    rc_json_object(json, name);
    rc_json_text(json, "id", id);
    rc_json_sv(json, "subject", token->subject);
    rc_json_text(json, "role", rc_role_word(token->role).slug);
    if (token->ns.n)
        rc_json_sv(json, "namespace", token->ns);
    else
        rc_json_null(json, "namespace");
    rc_json_bool(json, "act_as", token->act_as);
    rc_json_bool(json, "works", !rc_token_is_dead(token, rc_clock_wall()));
    rc_json_time(json, "created", token->created);
    rc_json_sv(json, "created_by", token->author);
    rc_json_time(json, "expires", token->expires);
    rc_json_time(json, "used", token->used);
    rc_json_time(json, "revoked", token->revoked);
    rc_json_end_object(json);
}

enum rc_status api_tokens(struct api_call *call, struct rc_error *err)
{
    struct rc_token *all = NULL;
    uint32_t n = 0;
    enum rc_status status = read_all(call, &all, &n, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "tokens");
    for (uint32_t i = 0; i < n; i++)
        if (may_see(call, &all[i], NULL) == RC_OK) put_token(&call->json, NULL, &all[i]);
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}

/* The token of this id, if the caller may see it. In the scratch arena. */
static enum rc_status find(struct api_call *call, uint64_t id, struct rc_token *ret, struct rc_error *err)
{
    struct rc_token *all = NULL;
    uint32_t n = 0;
    enum rc_status status = read_all(call, &all, &n, err);
    if (status != RC_OK) return status;
    for (uint32_t i = 0; i < n; i++) {
        if (all[i].id != id) continue;
        *ret = all[i];
        return may_see(call, &all[i], err);
    }
    return rc_fail(err, RC_NOT_FOUND, "there is no such token");
}

static enum rc_status find_named(struct api_call *call, struct rc_token *ret, struct rc_error *err)
{
    uint64_t id;
    if (!rc_token_id_parse(call->param[0], &id)) return rc_fail(err, RC_NOT_FOUND, "there is no such token");
    return find(call, id, ret, err);
}

enum rc_status api_token(struct api_call *call, struct rc_error *err)
{
    struct rc_token token;
    enum rc_status status = find_named(call, &token, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    put_token(&call->json, NULL, &token);
    return RC_OK;
}

/* ---- making -------------------------------------------------------------------------------------------- */

static rc_us read_end(struct api_call *call, const struct token_body *body)
{
    rc_us end = 0, span = 0, now = rc_clock_wall();
    bool until = body->expires.p, lasts = body->lifetime.p; /* an empty one is wrong, and not for ever */
    if (until && lasts) api_complain(call, "/lifetime", "and /expires say the same twice");
    if (until && !rc_parse_time(body->expires, &end))
        api_complain(call, "/expires", "must be a time like 2027-01-31T12:00:00Z (RFC 3339)");
    else if (until && end <= now)
        api_complain(call, "/expires", "has passed");
    if (lasts && (!rc_parse_span(body->lifetime, &span) || span == 0))
        api_complain(call, "/lifetime", "must be a span of time like 90d or 12h");
    else if (lasts)
        end = span > INT64_MAX - now ? INT64_MAX : now + span;
    return end;
}

/* Who is bound to a namespace makes tokens for it, and for no other. */
static struct rc_sv read_namespace(struct api_call *call, const struct token_body *body)
{
    if (!body->ns.p) return call->who.bound;
    if (!body->ns.n) api_complain(call, "/namespace", "is empty: leave it out for all, or say which");
    if (call->who.bound.n && !rc_sv_eq(body->ns, call->who.bound))
        api_complain(call, "/namespace", "is not the one that you are bound to");
    return body->ns;
}

static enum rc_status read_new(struct api_call *call, struct rc_token *ret, struct rc_error *err)
{
    const struct token_body *body = call->body;
    int role = rc_role_of(body->role);
    if (role < 0) api_complain(call, "/role", "must be submitter, worker, viewer, operator or admin");
    *ret = (struct rc_token){.subject = body->subject,
                             .author = call->who.name,
                             .ns = read_namespace(call, body),
                             .role = role < 0 ? 0 : (uint8_t)role,
                             .act_as = body->act_as,
                             .expires = read_end(call, body)};
    const struct rc_access_change change = {.kind = RC_ACCESS_TOKEN_ADD, .token = *ret};
    struct rc_error wrong;
    if (rc_access_check(&change, &wrong) != RC_OK) api_complain(call, wrong.pointer, "%s", wrong.text);
    return api_complaints(call, err);
}

enum rc_status api_token_new(struct api_call *call, struct rc_error *err)
{
    const struct token_body *body = call->body;
    struct rc_token token;
    enum rc_status status = read_new(call, &token, err);
    if (status != RC_OK) return status;
    struct rc_author *by = RC_NEW(call->arena, struct rc_author);
    char *text = rc_alloc_text(call->arena, RC_TOKEN_TEXT + 1);
    if (!by || !text) return rc_fail_arena(err, call->arena);
    *by = (struct rc_author){.subject = call->who.name, .reason = body->reason};
    if (rc_token_make(&token.id, token.digest, text) != RC_OK)
        return rc_fail(err, RC_IO, "the kernel gives no random numbers");
    call->state = text;
    call->request = (struct rc_request){.kind = RC_REQUEST_ACCESS,
                                        .u.access = {.kind = RC_ACCESS_TOKEN_ADD, .by = by, .token = token}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_token_made(struct api_call *call, struct rc_error *err)
{
    struct rc_token token;
    char *text = call->state;
    enum rc_status status = find(call, call->request.u.access.token.id, &token, err);
    if (status != RC_OK) return status;
    api_begin(call, 201);
    api_add_field(call, "Cache-Control", "no-store");
    rc_json_object(&call->json, NULL);
    rc_json_text(&call->json, "secret", text);
    put_token(&call->json, "token", &token);
    rc_json_end_object(&call->json);
    explicit_bzero(text, RC_TOKEN_TEXT);
    return RC_OK;
}

/* ---- revoking ------------------------------------------------------------------------------------------ */

enum rc_status api_token_revoke(struct api_call *call, struct rc_error *err)
{
    struct rc_token token;
    enum rc_status status = find_named(call, &token, err);
    if (status == RC_OK) status = api_own_arena(call, err);
    if (status != RC_OK) return status;
    struct rc_author *by = RC_NEW(call->arena, struct rc_author);
    if (!by) return rc_fail_arena(err, call->arena);
    *by = (struct rc_author){.subject = call->who.name};
    call->request = (struct rc_request){
        .kind = RC_REQUEST_ACCESS,
        .u.access = {.kind = RC_ACCESS_TOKEN_REVOKE, .by = by, .token = {.id = token.id}}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_token_revoked(struct api_call *call, struct rc_error *err)
{
    struct rc_token token;
    uint64_t id = call->request.u.access.token.id;
    api_wake_token(call->api, id);
    api_stir_streams(call->api);
    enum rc_status status = find(call, id, &token, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    put_token(&call->json, NULL, &token);
    return RC_OK;
}
