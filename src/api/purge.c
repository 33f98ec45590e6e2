/* POST /v1/purge and /v1/compact.
 *
 * A request of a purge looks at a bounded number of commands, and purges at most RC_MAX_PURGE of them, in one commit; the
 * answer says where to go on. So nobody is held up for long, and what was done is done when the answer is there. */
#include "api/call.h"

#include <stddef.h>
#include <stdio.h>

enum { EXAMPLES = 5 };

struct purge_body {
    struct cel_value states;
    struct rc_sv type, ref, older_than, after, actor, reason;
    bool run;
};

static const struct api_field purge_fields[] = {
    {"states", API_LIST, RC_STATES, false, offsetof(struct purge_body, states)},
    {"type", API_TEXT, RC_MAX_NAME, false, offsetof(struct purge_body, type)},
    {"ref", API_TEXT, RC_MAX_NAME + 1 + RC_MAX_REF_VALUE, false, offsetof(struct purge_body, ref)},
    {"older_than", API_TEXT, RC_MAX_NAME, false, offsetof(struct purge_body, older_than)},
    {"after", API_TEXT, RC_ID_TEXT, false, offsetof(struct purge_body, after)},
    {"run", API_BOOL, 0, false, offsetof(struct purge_body, run)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct purge_body, actor)},
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct purge_body, reason)},
};
const struct api_shape api_purge_shape = {purge_fields, sizeof purge_fields / sizeof *purge_fields,
                                          sizeof(struct purge_body)};
static const struct api_field compact_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, 0},
};
const struct api_shape api_compact_shape = {compact_fields, sizeof compact_fields / sizeof *compact_fields,
                                            sizeof(struct rc_sv)};

/* ---- what is asked for --------------------------------------------------------------------------------- */

static void read_states(struct api_call *call, struct cel_value states, uint32_t *ret_bits)
{
    for (uint32_t i = 0; states.kind == CEL_LIST && i < states.n; i++) {
        struct cel_value one = states.v.items[i];
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/states/%u", i);
        int state = one.kind == CEL_STRING ? rc_state_of(cel_text(one)) : -1;
        if (state < 0 || !rc_state_ended((unsigned)state))
            api_complain(call, pointer, "must be a state in which a command has ended");
        else
            *ret_bits |= 1u << state;
    }
}

static void read_ref(struct api_call *call, struct rc_sv text, struct rc_purge_filter *filter)
{
    const char *equals = text.n ? memchr(text.p, '=', text.n) : NULL;
    if (text.n == 0) return;
    if (!equals || equals == text.p) {
        api_complain(call, "/ref", "is not written name=value");
        return;
    }
    filter->ref = (struct rc_sv){text.p, (uint32_t)(equals - text.p)};
    filter->value = (struct rc_sv){equals + 1, text.n - filter->ref.n - 1};
}

static enum rc_status read_filter(struct api_call *call, const struct purge_body *body,
                                  struct rc_purge_filter *ret, uint64_t *ret_after, struct rc_error *err)
{
    struct rc_id after = {0};
    rc_us span = 0, now = rc_clock_wall();
    *ret = (struct rc_purge_filter){.ns = call->who.ns, .type = body->type};
    api_refuse_empty(call, "/type", body->type);
    api_refuse_empty(call, "/ref", body->ref);
    api_refuse_empty(call, "/older_than", body->older_than);
    read_states(call, body->states, &ret->states);
    read_ref(call, body->ref, ret);
    if (body->older_than.n && (!rc_parse_span(body->older_than, &span) || span >= now))
        api_complain(call, "/older_than", "is no span of time like 90d or 12h");
    else if (body->older_than.n)
        ret->changed_before = now - span;
    if (body->after.n && (!rc_id_parse(body->after, &after) || after.check || after.shard))
        api_complain(call, "/after", "is not the `next` of an answer");
    if (!body->older_than.n && !body->ref.n)
        api_complain(call, "/older_than",
                     "or a ref is required, so that nobody purges everything by mistake");
    *ret_after = after.seq;
    return api_complaints(call, err);
}

/* ---- what is found ------------------------------------------------------------------------------------- */

struct found { /* lives in the call's own arena until its answer */
    struct rc_purge_row *rows;
    uint32_t n;
    uint64_t next;
};

static void put_found(struct api_call *call, const struct found *found, bool run)
{
    struct rc_json *json = &call->json;
    rc_us oldest = 0, newest = 0;
    for (uint32_t i = 0; i < found->n; i++) {
        rc_us changed = found->rows[i].changed;
        if (!oldest || changed < oldest) oldest = changed;
        if (changed > newest) newest = changed;
    }
    api_begin(call, 200);
    rc_json_object(json, NULL);
    rc_json_bool(json, "run", run);
    rc_json_u64(json, "matched", found->n);
    rc_json_u64(json, "purged", run ? call->request.u.purge.purged : 0);
    rc_json_time(json, "oldest", oldest);
    rc_json_time(json, "newest", newest);
    rc_json_array(json, "examples");
    for (uint32_t i = 0; i < found->n && i < EXAMPLES; i++) {
        const struct rc_purge_row *row = &found->rows[i];
        rc_json_object(json, NULL);
        rc_json_id(json, "id", row->seq, row->nonce);
        rc_json_sv(json, "type", row->type);
        rc_json_text(json, "state", rc_state_word(row->state).slug);
        rc_json_time(json, "changed", row->changed);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    if (found->next)
        rc_json_id(json, "next", found->next, 0);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
}

static enum rc_status post_purge(struct api_call *call, const struct purge_body *body,
                                 const struct rc_purge_filter *filter, const struct found *found,
                                 struct rc_error *err)
{
    struct rc_purge_one *ones = RC_NEW_ARRAY(call->arena, struct rc_purge_one, found->n);
    struct rc_author by = {.subject = call->who.name, .reason = body->reason};
    if (!ones) return rc_fail_arena(err, call->arena);
    enum rc_status status = api_actor(call, body->actor, &by.actor, err);
    if (status != RC_OK) return status;
    for (uint32_t i = 0; i < found->n; i++)
        ones[i] = (struct rc_purge_one){found->rows[i].seq, found->rows[i].rev};
    call->request = (struct rc_request){
        .kind = RC_REQUEST_PURGE, .u.purge = {.commands = ones, .n = found->n, .filter = *filter, .by = by}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_purge(struct api_call *call, struct rc_error *err)
{
    const struct purge_body *body = call->body;
    struct rc_purge_filter filter;
    struct rc_reader *reader;
    uint64_t after = 0;
    struct found *found = RC_NEW(call->arena, struct found);
    enum rc_status status =
        found ? read_filter(call, body, &filter, &after, err) : rc_fail_arena(err, call->arena);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_purgeable(reader, &filter, after, call->arena, body->run ? RC_MAX_PURGE : RC_MAX_LOOK,
                               &found->rows, &found->n, &found->next, err);
    api_return(&call->job, reader);
    if (status != RC_OK) return status;
    call->state = found;
    if (body->run && found->n) return post_purge(call, body, &filter, found, err);
    call->request.u.purge.purged = 0;
    put_found(call, found, body->run);
    return RC_OK;
}

enum rc_status api_purged(struct api_call *call, struct rc_error *err)
{
    (void)err;
    put_found(call, call->state, true);
    return RC_OK;
}

/* ---- compacting ---------------------------------------------------------------------------------------- */

enum rc_status api_compact(struct api_call *call, struct rc_error *err)
{
    call->request = (struct rc_request){.kind = RC_REQUEST_COMPACT};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_compacted(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_bool(&call->json, "compacted", true);
    rc_json_end_object(&call->json);
    return RC_OK;
}

/* ---- what is said of a purged command ------------------------------------------------------------------ */

enum rc_status api_say_purged(struct api_call *call, struct rc_id id, struct rc_error *err)
{
    struct rc_reader *reader;
    struct rc_purged left = {0};
    char text[RC_ID_TEXT + 1];
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_purged(reader, id.seq, &left, err);
    api_return(&call->job, reader);
    rc_id_format(id, text);
    if (status == RC_NOT_FOUND || (status == RC_OK && (id.shard || (uint32_t)left.nonce != id.check)))
        return rc_fail(err, RC_NOT_FOUND, "there is no command %s", text);
    return status == RC_OK ? rc_fail(err, RC_PURGED, "the command %s was purged", text) : status;
}
