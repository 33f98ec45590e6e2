/* Signals that are kept, for people: GET /v1/signals, and POST /v1/signals/{number}/delete. */
#include "api/call.h"

#include "base/num.h"

#include <stddef.h>

enum { READ = 50, ARENA_FIRST = 64 << 10, ARENA_MAX = 64 << 20 };

struct end_body {
    struct rc_sv reason, actor;
};
static const struct api_field end_fields[] = {
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct end_body, reason)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct end_body, actor)},
};
const struct api_shape api_signal_end_shape = {end_fields, sizeof end_fields / sizeof *end_fields,
                                               sizeof(struct end_body)};

/* ---- the list ------------------------------------------------------------------------------------------------------- */

struct wanted {
    struct rc_sv name, id;
    rc_us since, until; /* until 0: open */
    uint64_t after, limit;
};

static enum rc_status read_wanted(const struct api_call *call, struct wanted *ret, struct rc_error *err)
{
    ret->name = api_query(call, "name");
    ret->id = api_query(call, "id");
    enum rc_status status = api_query_time(call, "since", &ret->since, err);
    if (status == RC_OK) status = api_query_time(call, "until", &ret->until, err);
    if (status == RC_OK) status = api_query_number(call, "after", 0, INT64_MAX, 0, &ret->after, err);
    if (status == RC_OK) status = api_query_page(call, &ret->limit, err);
    rc_us kept = rc_engine_signals_since(call->api->options.engine, rc_clock_wall());
    if (ret->since < kept) ret->since = kept;
    return status;
}

static bool is_wanted(const struct api_call *call, const struct wanted *wanted,
                      const struct rc_signal *signal)
{
    return !signal->taken.seq && (!call->who.ns.n || rc_sv_eq(call->who.ns, signal->ns)) &&
           (!wanted->name.p || rc_sv_eq(wanted->name, signal->name)) &&
           (!wanted->id.p || rc_sv_eq(wanted->id, signal->id)) &&
           (!wanted->until || signal->at < wanted->until);
}

static struct rc_signal without_payload(const struct rc_signal *signal, struct rc_arena *arena)
{
    return (struct rc_signal){.number = signal->number,
                              .ns = rc_copy_sv(arena, signal->ns),
                              .name = rc_copy_sv(arena, signal->name),
                              .id = rc_copy_sv(arena, signal->id),
                              .key = rc_copy_sv(arena, signal->key),
                              .at = signal->at};
}

struct found {
    struct rc_signal *signal;
    uint32_t n;
    uint64_t next; /* where to go on; 0: at the end */
};

/* Those of one mailbox where the question names it, else all, of which a bounded number is looked at: a page may be short. */
static enum rc_status find(struct api_call *call, struct rc_reader *reader, const struct wanted *wanted,
                           struct rc_arena *page, struct found *ret, struct rc_error *err)
{
    bool one = call->who.ns.n && wanted->name.n && wanted->id.n;
    uint64_t mailbox = one ? rc_mailbox_id(call->who.ns, wanted->name, wanted->id) : 0;
    uint32_t read = READ;
    ret->signal = RC_NEW_ARRAY(call->arena, struct rc_signal, wanted->limit);
    ret->next = wanted->after;
    if (!ret->signal) return rc_fail_arena(err, call->arena);
    for (uint32_t looked = 0; read == READ && looked < RC_MAX_LOOK && ret->n < wanted->limit;
         looked += read) {
        struct rc_signal *rows = NULL;
        rc_arena_reset(page); /* of what came with them */
        enum rc_status status =
            rc_read_signals(reader, mailbox, wanted->since, ret->next, page, READ, &rows, &read, err);
        if (status != RC_OK) return status;
        for (uint32_t i = 0; i < read && ret->n < wanted->limit; i++) {
            ret->next = rows[i].number;
            if (is_wanted(call, wanted, &rows[i]))
                ret->signal[ret->n++] = without_payload(&rows[i], call->arena);
        }
    }
    if (read < READ && ret->n < wanted->limit) ret->next = 0;
    return rc_arena_status(call->arena) == RC_OK ? RC_OK : rc_fail_arena(err, call->arena);
}

enum rc_status api_signals(struct api_call *call, struct rc_error *err)
{
    struct wanted wanted = {0};
    struct found found = {0};
    struct rc_reader *reader;
    enum rc_status status = read_wanted(call, &wanted, err);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    struct rc_arena *page = rc_arena_new(ARENA_FIRST, ARENA_MAX);
    status = page ? find(call, reader, &wanted, page, &found, err) : rc_fail(err, RC_NOMEM, "out of memory");
    rc_arena_free(page);
    api_return(&call->job, reader);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "signals");
    for (uint32_t i = 0; i < found.n; i++) rc_view_listed_signal(json, &found.signal[i]);
    rc_json_end_array(json);
    if (found.next)
        rc_json_u64(json, "next", found.next);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}

/* ---- deleting one --------------------------------------------------------------------------------------------------- */

enum rc_status api_signal_end(struct api_call *call, struct rc_error *err)
{
    const struct end_body *body = call->body;
    struct rc_author by = {.subject = call->who.name, .reason = body->reason};
    uint64_t number = 0;
    if (!rc_parse_u64(call->param[0], &number) || !number || number > INT64_MAX)
        return rc_fail(err, RC_NOT_FOUND, "there is no signal with this number");
    enum rc_status status = api_actor(call, body->actor, &by.actor, err);
    if (status != RC_OK) return status;
    call->request = (struct rc_request){.kind = RC_REQUEST_SIGNAL_END,
                                        .u.signal_end = {.number = number, .ns = call->who.ns, .by = by}};
    call->parked = true;
    return api_post(call, err);
}

enum rc_status api_signal_ended(struct api_call *call, struct rc_error *err)
{
    (void)err;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_u64(&call->json, "number", call->request.u.signal_end.number);
    rc_json_text(&call->json, "state", "deleted");
    rc_json_end_object(&call->json);
    return RC_OK;
}
