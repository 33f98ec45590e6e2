/* GET /v1/hold and POST /v1/hold/release: what may be missing of a store that is an older state of itself, and going on from there.
 * And what is said of commands while repeats are pointed out. */
#include "api/call.h"

#include "base/clock.h"

#include <stddef.h>

#define WATCH_DEFAULT RC_SECONDS(7 * UINT64_C(86400))

struct release_body {
    struct rc_sv window, watch, actor, reason;
};

static const struct api_field release_fields[] = {
    {"window", API_TEXT, RC_ID_TEXT, true, offsetof(struct release_body, window)},
    {"watch", API_TEXT, RC_MAX_NAME, false, offsetof(struct release_body, watch)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct release_body, actor)},
    {"reason", API_TEXT, RC_MAX_REASON, true, offsetof(struct release_body, reason)},
};
const struct api_shape api_release_shape = {release_fields, sizeof release_fields / sizeof *release_fields,
                                            sizeof(struct release_body)};

/* ---- pointing out ------------------------------------------------------------------------------------------------ */

static const struct rc_hold *newest(const struct api_call *call)
{
    const struct rc_known *known = api_known(call);
    return known && known->nholds ? &known->holds[0] : NULL;
}

const struct rc_hold *api_held(const struct api_call *call)
{
    const struct rc_hold *hold = newest(call);
    return hold && !hold->released ? hold : NULL;
}

/* What was made since then has a key that another life of the store may have seen; what had not ended then may have been done by it. */
bool api_restored(const struct api_call *call, uint64_t seq, uint8_t state, rc_us created, rc_us changed,
                  struct rc_view_restored *ret)
{
    const struct rc_hold *hold = newest(call);
    if (!hold) return false;
    bool is_new;
    if (!rc_hold_points_out(hold, seq, rc_state_ended(state), created, changed, rc_clock_wall(), &is_new))
        return false;
    *ret = (struct rc_view_restored){
        .window = hold->id, .nonce = hold->nonce, .from = hold->from, .until = hold->until, .is_new = is_new};
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct found {
    struct rc_hold *holds;
    uint32_t n;
    uint64_t states[RC_STATES];
    uint32_t tokens; /* that work */
};

static enum rc_status read_all(struct api_call *call, struct found *ret, struct rc_error *err)
{
    struct rc_reader *reader;
    const struct rc_known *known = api_known(call);
    rc_us now = rc_clock_wall();
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_holds(reader, call->scratch, &ret->holds, &ret->n, err);
    if (status == RC_OK) status = rc_read_counts(reader, ret->states, err);
    api_return(&call->job, reader);
    ret->tokens = 0;
    for (uint32_t i = 0; i < known->ntokens; i++) ret->tokens += !rc_token_is_dead(&known->tokens[i], now);
    return status;
}

static void put_time(struct rc_json *json, const char *name, rc_us at)
{
    if (at)
        rc_json_time(json, name, at);
    else
        rc_json_null(json, name);
}

static void put_window(struct rc_json *json, const char *name, const struct rc_hold *hold)
{
    rc_json_object(json, name);
    rc_json_id(json, "id", hold->id, hold->nonce);
    rc_json_text(json, "cause", rc_held_word(hold->cause).slug);
    rc_json_text(json, "cause_text", rc_held_word(hold->cause).text);
    put_time(json, "from", hold->from);
    rc_json_time(json, "until", hold->until);
    rc_json_u64(json, "commands", hold->commands);
    rc_json_u64(json, "attempts", hold->attempts);
    rc_json_u64(json, "checks", hold->checks);
    rc_json_u64(json, "repeats", hold->repeats);
    rc_json_u64(json, "reviews", hold->reviews);
    rc_json_u64(json, "bulks", hold->bulks);
    put_time(json, "released", hold->released);
    put_time(json, "watch", hold->watch);
    rc_json_end_object(json);
}

/* Sentences for the person who decides: what follows from an older state, and what nobody can know. */
static void put_means(struct rc_json *json)
{
    static const char *const means[] = {
        "nothing leaves until the window is released; submissions and actions are stored, and wait",
        "commands that were submitted within the window are not in this store: their keys are new here, and "
        "what "
        "they did outside stands; a repeat of such a key is a new command, and is pointed out as restored",
        "what was under way when the window began may have been done since: it is unknown, and is asked for, "
        "repeated "
        "with the same key where the flow allows it, or left to a person",
        "commands that had ended or rested then may have been retried, rolled back or settled by people "
        "since; look at "
        "them before you act on them",
        "tokens that were revoked within the window work again, and changes of definitions and namespaces "
        "within it "
        "are gone",
    };
    rc_json_array(json, "means");
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) rc_json_text(json, NULL, means[i]);
    rc_json_end_array(json);
}

static void put_rest(struct rc_json *json, const struct found *found)
{
    static const uint8_t shown[] = {RC_FAILED, RC_REJECTED, RC_REVIEW, RC_PARTIAL};
    rc_json_object(json, "resting");
    for (size_t i = 0; i < sizeof shown; i++)
        rc_json_u64(json, rc_state_word(shown[i]).slug, found->states[shown[i]]);
    rc_json_end_object(json);
    rc_json_u64(json, "tokens", found->tokens);
}

static void put_all(struct api_call *call, const struct found *found)
{
    struct rc_json *json = &call->json;
    const struct rc_hold *hold = found->n && !found->holds[0].released ? &found->holds[0] : NULL;
    api_begin(call, 200);
    rc_json_object(json, NULL);
    rc_json_bool(json, "held", hold != NULL);
    rc_json_bool(json, "looking", hold && hold->left);
    if (hold) {
        put_window(json, "window", hold);
        put_means(json);
        put_rest(json, found);
    } else {
        rc_json_null(json, "window");
    }
    rc_json_array(json, "before");
    for (uint32_t i = hold ? 1 : 0; i < found->n; i++) put_window(json, NULL, &found->holds[i]);
    rc_json_end_array(json);
    rc_json_end_object(json);
}

enum rc_status api_hold(struct api_call *call, struct rc_error *err)
{
    struct found found = {0};
    enum rc_status status = read_all(call, &found, err);
    if (status == RC_OK) put_all(call, &found);
    return status;
}

/* ---- releasing --------------------------------------------------------------------------------------------------- */

enum rc_status api_release(struct api_call *call, struct rc_error *err)
{
    const struct release_body *body = call->body;
    struct rc_author by = {.subject = call->who.name, .reason = body->reason};
    struct rc_id id = {0};
    rc_us watch = WATCH_DEFAULT;
    enum rc_status status = api_actor(call, body->actor, &by.actor, err);
    if (status != RC_OK) return status;
    if (!rc_id_parse(body->window, &id) || id.shard)
        api_complain(call, "/window", "is not the id of a window");
    if (body->watch.n &&
        (!rc_parse_span(body->watch, &watch) || watch > RC_SECONDS(RC_MAX_WATCH_DAYS * UINT64_C(86400))))
        api_complain(call, "/watch", "must be a span of time up to %dd, like 7d", RC_MAX_WATCH_DAYS);
    if (!body->reason.n) api_complain(call, "/reason", "is required: what was looked at");
    status = api_complaints(call, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){
        .kind = RC_REQUEST_HOLD, .u.hold = {.id = id.seq, .check = id.check, .watch = watch, .by = by}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_released(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    if (call->request.replayed) api_add_field(call, "Idempotency-Replayed", "true");
    rc_json_object(&call->json, NULL);
    rc_json_bool(&call->json, "held", false);
    put_window(&call->json, "window", &call->request.u.hold.hold);
    rc_json_end_object(&call->json);
    return RC_OK;
}
