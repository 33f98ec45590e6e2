/* Who asks, and in which namespace. With `auth = none` it is the subject "local", who may do everything: that is why the
 * address is of loopback then. With `auth = tokens` it is whoever has the secret of a token that works.
 *
 * Looking one up is one hash and one look into a map of the snapshot that the engine hands over at every change: a
 * revocation is in force when its request is answered. That a token was used is written down later, at most once a minute
 * for each, and no request waits for it. */
#include "api/call.h"

#include "secure/token.h"

#include <strings.h>

enum { USE_EVERY_US = 60 * 1000000 };

/* ---- who ----------------------------------------------------------------------------------------------- */

static struct rc_sv keep(char *ret, size_t size, struct rc_sv text)
{
    uint32_t n = text.n < size ? text.n : (uint32_t)size;
    if (n) memcpy(ret, text.p, n);
    return (struct rc_sv){ret, n};
}

const struct rc_known *api_known(const struct api_call *call)
{
    return call->known ? call->known : rc_engine_known(call->api->options.engine);
}

/* The text behind "Bearer". */
static enum rc_status read_bearer(const struct api_call *call, struct rc_sv *ret, struct rc_error *err)
{
    static const char scheme[] = "Bearer ";
    bool more;
    struct rc_sv header = http_header(call->exchange, "Authorization", &more);
    if (!header.p)
        return rc_fail(err, RC_UNAUTHENTICATED, "a token is needed: \"Authorization: Bearer rct_...\"");
    if (more) return rc_fail(err, RC_UNAUTHENTICATED, "there is more than one Authorization header");
    if (header.n < sizeof scheme || strncasecmp(header.p, scheme, sizeof scheme - 1) != 0)
        return rc_fail(err, RC_UNAUTHENTICATED, "the Authorization header must be \"Bearer\" and a token");
    *ret = (struct rc_sv){header.p + sizeof scheme - 1, header.n - (uint32_t)sizeof scheme + 1};
    return RC_OK;
}

static enum rc_status check_life(const struct rc_token *token, struct rc_error *err)
{
    if (token->revoked) return rc_fail(err, RC_UNAUTHENTICATED, "the token was revoked");
    if (token->expires && token->expires <= rc_clock_wall())
        return rc_fail(err, RC_UNAUTHENTICATED, "the token has expired");
    return RC_OK;
}

/* Whose token it is. That an id is not known and that a secret is wrong are told apart by nobody: ids are no secret, but
 * nobody needs help with guessing. */
static enum rc_status find_token(const struct api_call *call, const struct rc_token **ret,
                                 struct rc_error *err)
{
    struct rc_sv text;
    unsigned char hash[RC_TOKEN_HASH];
    uint64_t id = 0;
    enum rc_status status = read_bearer(call, &text, err);
    if (status != RC_OK) return status;
    if (!rc_token_parse(text, &id, hash))
        return rc_fail(err, RC_UNAUTHENTICATED, "this is no token: one is \"rct_\" and 81 characters");
    const struct rc_token *token = rc_known_token(api_known(call), id);
    if (!token || !rc_token_same(token->digest, hash))
        return rc_fail(err, RC_UNAUTHENTICATED, "the token is not known");
    status = check_life(token, err);
    if (status == RC_OK) *ret = token;
    return status;
}

enum rc_status api_token_works(const struct rc_api *api, uint64_t id, struct rc_error *err)
{
    if (!id) return RC_OK;
    const struct rc_token *token = rc_known_token(rc_engine_known(api->options.engine), id);
    return token ? check_life(token, err) : rc_fail(err, RC_UNAUTHENTICATED, "the token was revoked");
}

/* ---- uses ---------------------------------------------------------------------------------------------- */

/* On the engine's thread. */
static void noted(struct rc_receiver *receiver, struct rc_request *request)
{
    (void)request;
    struct api_uses *uses = (struct api_uses *)(void *)receiver;
    atomic_store_explicit(&uses->posted, false, memory_order_release);
}

void api_uses_open(struct api_uses *uses)
{
    uses->receiver.receive = noted;
    atomic_init(&uses->posted, false);
}

void api_uses_close(struct api_uses *uses)
{
    rc_map_free(&uses->last);
}

static void post_uses(struct rc_api *api)
{
    struct api_uses *uses = &api->uses;
    if (!uses->n || atomic_load_explicit(&uses->posted, memory_order_acquire)) return;
    memcpy(uses->leaving, uses->waiting, uses->n * sizeof *uses->leaving);
    uses->request = (struct rc_request){
        .kind = RC_REQUEST_USED, .u.used = {.uses = uses->leaving, .n = uses->n}, .owner = &uses->receiver};
    atomic_store_explicit(&uses->posted, true, memory_order_relaxed);
    if (rc_engine_post(api->options.engine, &uses->request) == RC_OK)
        uses->n = 0;
    else
        atomic_store_explicit(&uses->posted, false, memory_order_relaxed); /* it is busy: later */
}

/* The map holds when a use was noted last; a second after 1970 is never 0, which the map could not keep. */
static void note_use(struct rc_api *api, uint64_t token)
{
    struct api_uses *uses = &api->uses;
    rc_us now = rc_clock_wall();
    rc_us last = (rc_us)(uintptr_t)rc_map_get(&uses->last, token);
    if (last + USE_EVERY_US <= now && uses->n < API_USES &&
        rc_map_put(&uses->last, token, (void *)(uintptr_t)now) ==
            RC_OK) /* NOLINT(performance-no-int-to-ptr) */
        uses->waiting[uses->n++] = (struct rc_token_use){token, now};
    post_uses(api);
}

/* ---- may ----------------------------------------------------------------------------------------------- */

/* Where: the token's own namespace, or the one that the header names. */
static enum rc_status choose_namespace(struct api_call *call, struct rc_error *err)
{
    bool more;
    struct rc_sv named = http_header(call->exchange, "Recourse-Namespace", &more);
    if (more) return rc_fail(err, RC_SYNTAX, "there is more than one Recourse-Namespace header");
    if (!named.n) named = call->who.bound.n ? call->who.bound : RC_SV("default");
    if (named.n > RC_MAX_NAME)
        return rc_fail(err, RC_NOT_FOUND, "a namespace's name has at most %d bytes", RC_MAX_NAME);
    call->who.ns = keep(call->who_ns, sizeof call->who_ns, named);
    return RC_OK;
}

static enum rc_status recognize(struct api_call *call, struct rc_error *err)
{
    const struct rc_token *token = NULL;
    if (call->api->options.auth == RC_AUTH_NONE) {
        call->who = (struct rc_subject){.name = RC_SV(API_LOCAL), .role = RC_ROLE_ADMIN, .act_as = true};
        return RC_OK;
    }
    enum rc_status status = find_token(call, &token, err);
    if (status != RC_OK) return status;
    call->token = token->id;
    call->who = (struct rc_subject){.name = keep(call->who_name, sizeof call->who_name, token->subject),
                                    .bound = keep(call->who_bound, sizeof call->who_bound, token->ns),
                                    .role = token->role,
                                    .act_as = token->act_as};
    note_use(call->api, token->id);
    return RC_OK;
}

enum rc_status api_authorize(struct api_call *call, struct rc_error *err)
{
    call->who = (struct rc_subject){0};
    if (call->route->permission == RC_PERMIT_OPEN) return RC_OK;
    enum rc_status status = recognize(call, err);
    if (status == RC_OK) status = choose_namespace(call, err);
    if (status == RC_OK) status = api_may(call, NULL, err);
    if (status == RC_OK && !rc_known_namespace(api_known(call), call->who.ns))
        return rc_fail(err, RC_NOT_FOUND, "there is no namespace \"%.*s\"", RC_SV_ARG(call->who.ns));
    return status;
}

enum rc_status api_may(const struct api_call *call, const struct rc_object *object, struct rc_error *err)
{
    return rc_access(&call->who, call->route->permission, object, err);
}

enum rc_status api_actor(const struct api_call *call, struct rc_sv named, struct rc_sv *ret,
                         struct rc_error *err)
{
    const struct rc_object object = {.actor = named};
    enum rc_status status = api_may(call, &object, err);
    if (status == RC_OK) *ret = named.n ? named : call->who.name;
    return status;
}

/* ---- GET /v1/whoami ------------------------------------------------------------------------------------- */

enum rc_status api_whoami(struct api_call *call, struct rc_error *err)
{
    (void)err;
    const struct rc_subject *who = &call->who;
    const struct rc_token *token = call->token ? rc_known_token(api_known(call), call->token) : NULL;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_sv(json, "subject", who->name);
    rc_json_text(json, "role", rc_role_word(who->role).slug);
    rc_json_sv(json, "namespace", who->ns);
    rc_json_bool(json, "bound", who->bound.n > 0);
    rc_json_bool(json, "act_as", who->act_as);
    rc_json_array(json, "permissions");
    for (unsigned i = RC_PERMIT_OPEN + 1; i < RC_PERMISSIONS; i++)
        if (rc_access(who, (enum rc_permission)i, NULL, NULL) == RC_OK)
            rc_json_text(json, NULL, rc_permission_word(i).slug);
    rc_json_end_array(json);
    if (token) {
        char id[RC_TOKEN_ID_TEXT + 1];
        rc_token_id_format(token->id, id);
        rc_json_text(json, "token", id);
        rc_json_time(json, "expires", token->expires);
    } else {
        rc_json_null(json, "token");
        rc_json_null(json, "expires");
    }
    rc_json_end_object(json);
    return RC_OK;
}
