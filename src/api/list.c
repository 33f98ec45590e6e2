/* Lists of commands, newest first. A page looks at a bounded number of rows, so it may be short.
 *
 * A cursor is the number behind which a page begins, with a hash of the filter that it belongs to: a page of another list would
 * leave out what nobody asked to leave out. It is spelled like an id, so that nobody counts on its form. Because numbers of commands
 * only grow and a page goes down, rows that come or change while somebody pages are never shown twice, and none is left out that
 * fits all the time. */
#include "api/call.h"

#include "base/hash.h"
#include "base/sha.h"

#include <stdio.h>

enum rc_status api_read_words(struct rc_sv text, const char *what, int (*number_of)(struct rc_sv), int least,
                              uint64_t *ret_bits, struct rc_error *err)
{
    *ret_bits = 0;
    while (text.n) {
        const char *comma = memchr(text.p, ',', text.n);
        struct rc_sv name = {text.p, comma ? (uint32_t)(comma - text.p) : text.n};
        uint32_t skip = comma ? name.n + 1 : name.n;
        text = (struct rc_sv){text.p + skip, text.n - skip};
        int number = number_of(name);
        if (number < least)
            return rc_fail(err, RC_SYNTAX, "there is no %s \"%.*s\"", what, (int)(name.n > 64 ? 64 : name.n),
                           name.p);
        *ret_bits |= 1ull << number;
    }
    return RC_OK;
}

enum rc_status api_read_states(struct rc_sv text, uint32_t *ret_bits, struct rc_error *err)
{
    uint64_t bits = 0;
    enum rc_status status = api_read_words(text, "state", rc_state_of, 1, &bits, err);
    *ret_bits = (uint32_t)bits;
    return status;
}

/* ---- cursors ------------------------------------------------------------------------------------------- */

static uint32_t filter_check(const struct rc_filter *filter)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    const struct rc_sv texts[] = {filter->ns,    filter->type, filter->dependency, filter->owner,
                                  filter->actor, filter->ref,  filter->value};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) rc_sha256_add_sv(&sha, texts[i]);
    rc_sha256_add_u64(&sha, filter->states);
    rc_sha256_add_u64(&sha, filter->whys);
    rc_sha256_add_u64(&sha, filter->since);
    rc_sha256_add_u64(&sha, filter->until);
    return (uint32_t)rc_sha256_h128(&sha).lo;
}

static enum rc_status read_cursor(struct rc_sv text, struct rc_filter *filter, struct rc_error *err)
{
    struct rc_id id = {0};
    if (!text.p) return RC_OK;
    if (!rc_id_parse(text, &id) || id.shard || !id.seq)
        return rc_fail(err, RC_SYNTAX, "the cursor is not one that this server gave");
    if (id.check != filter_check(filter))
        return rc_fail(err, RC_SYNTAX,
                       "the cursor belongs to a list with another filter: leave the filter as it was, or "
                       "begin without a cursor");
    filter->before = id.seq;
    return RC_OK;
}

/* ---- the filter ---------------------------------------------------------------------------------------- */

static enum rc_status read_ref(struct rc_sv ref, struct rc_filter *filter, struct rc_error *err)
{
    if (!ref.p) return RC_OK;
    const char *equals = ref.n ? memchr(ref.p, '=', ref.n) : NULL;
    if (!equals || equals == ref.p) return rc_fail(err, RC_SYNTAX, "a ref is written name=value");
    filter->ref = (struct rc_sv){ref.p, (uint32_t)(equals - ref.p)};
    filter->value = (struct rc_sv){equals + 1, ref.n - filter->ref.n - 1};
    return RC_OK;
}

enum rc_status api_query_time(const struct api_call *call, const char *name, rc_us *ret, struct rc_error *err)
{
    struct rc_sv text = api_query(call, name);
    if (text.p && !rc_parse_time(text, ret))
        return rc_fail(err, RC_SYNTAX, "the query parameter \"%s\" must be a time like 2026-11-21T09:45:26Z",
                       name);
    return RC_OK;
}

static enum rc_status read_filter(const struct api_call *call, struct rc_filter *ret, struct rc_error *err)
{
    *ret = (struct rc_filter){.ns = call->who.ns,
                              .type = api_query(call, "type"),
                              .dependency = api_query(call, "dependency"),
                              .owner = api_query(call, "owner"),
                              .actor = api_query(call, "actor")};
    enum rc_status status = api_read_states(api_query(call, "state"), &ret->states, err);
    if (status == RC_OK)
        status = api_read_words(api_query(call, "why"), "reason", rc_why_of, 1, &ret->whys, err);
    if (status == RC_OK) status = api_query_time(call, "created_since", &ret->since, err);
    if (status == RC_OK) status = api_query_time(call, "created_until", &ret->until, err);
    if (status == RC_OK) status = read_ref(api_query(call, "ref"), ret, err);
    if (status == RC_OK) status = read_cursor(api_query(call, "cursor"), ret, err);
    return status;
}

enum rc_status api_filter_of(struct api_call *call, struct cel_value object, struct rc_filter *ret,
                             struct rc_error *err)
{
    const struct api_route *own = call->route;
    struct rc_sv kept[API_QUERY];
    char pointer[RC_ERROR_POINTER];
    memcpy(kept, call->query, sizeof kept);
    memset(call->query, 0, sizeof call->query);
    for (call->route = api_routes; call->route->handle != api_list; call->route++) {
    }
    for (uint32_t i = 0; i < object.n; i++) {
        struct rc_sv name = cel_text(object.v.items[2 * i]);
        struct cel_value value = object.v.items[2 * i + 1];
        int at = api_query_index(call->route, name);
        bool paging = rc_sv_is(name, "limit") || rc_sv_is(name, "cursor");
        snprintf(pointer, sizeof pointer, "/filter/%.*s", RC_SV_ARG(name));
        if (at < 0 || paging)
            api_complain(call, pointer, "is not known here");
        else if (value.kind != CEL_STRING)
            api_complain(call, pointer, "must be a string, as in the query of GET /v1/commands");
        else if (value.n > RC_MAX_FILTER)
            api_complain(call, pointer, "is longer than the %d bytes that are allowed", RC_MAX_FILTER);
        else if (!api_refuse_empty(call, pointer, cel_text(value)))
            call->query[at] = cel_text(value);
    }
    enum rc_status status = api_complaints(call, err);
    if (status == RC_OK) status = read_filter(call, ret, err);
    memcpy(call->query, kept, sizeof kept);
    call->route = own;
    if (status != RC_SYNTAX) return status;
    api_complain(call, "/filter", "%s", err->text);
    return api_complaints(call, err);
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

static struct rc_view_row view_of(const struct rc_row *row)
{
    return (struct rc_view_row){.seq = row->seq,
                                .nonce = row->nonce,
                                .ns = row->ns,
                                .type = row->type,
                                .key = row->key,
                                .actor = row->actor,
                                .state = row->state,
                                .in_flight = row->in_flight,
                                .rev = row->rev,
                                .created = row->created,
                                .changed = row->changed,
                                .standing = true,
                                .why = row->why,
                                .next = row->next,
                                .next_at = row->next_at,
                                .dependency = row->dependency,
                                .owner = row->owner,
                                .due = row->due};
}

enum rc_status api_list(struct api_call *call, struct rc_error *err)
{
    struct rc_filter filter;
    uint64_t limit, next = 0;
    struct rc_row *rows = NULL;
    uint32_t n = 0;
    struct rc_reader *reader;
    enum rc_status status = read_filter(call, &filter, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_list(reader, &filter, call->arena, (uint32_t)limit, &rows, &n, &next, err);
    api_return(&call->job, reader);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "commands");
    for (uint32_t i = 0; i < n; i++) {
        struct rc_view_row view = view_of(&rows[i]);
        struct rc_view_restored restored;
        if (api_restored(call, view.seq, view.state, view.created, view.changed, &restored))
            view.restored = &restored;
        rc_view_row(json, NULL, &view);
    }
    rc_json_end_array(json);
    if (next)
        rc_json_id(json, "next", next, filter_check(&filter));
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}
