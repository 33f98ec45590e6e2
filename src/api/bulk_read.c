/* Reading bulks: lists, one with its history, its items with what their commands are now. */
#include "api/bulk.h"

#include "base/clock.h"

enum { PAGE = 50 };

/* ---- items -------------------------------------------------------------------------------------------------------------- */

/* Each with the row of its command, where that is there still. */
static enum rc_status put_items(struct api_call *call, struct rc_reader *reader, struct rc_json *json,
                                const struct rc_bulk_item *items, uint32_t n, struct rc_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        struct rc_row row;
        enum rc_status status = rc_read_row(reader, items[i].seq, call->arena, &row, err);
        if (status != RC_OK && status != RC_NOT_FOUND) return status;
        struct rc_view_row now = {0};
        if (status == RC_OK)
            now = (struct rc_view_row){.seq = row.seq,
                                       .nonce = row.nonce,
                                       .type = row.type,
                                       .key = row.key,
                                       .state = row.state,
                                       .in_flight = row.in_flight,
                                       .rev = row.rev,
                                       .created = row.created,
                                       .changed = row.changed};
        rc_view_bulk_item(json, &items[i], status == RC_OK ? &now : NULL);
    }
    return RC_OK;
}

/* "items" and "next" of one page. */
static enum rc_status put_page(struct api_call *call, struct rc_reader *reader, struct rc_json *json,
                               const struct rc_bulk *bulk, uint32_t results, uint32_t after, uint32_t limit,
                               struct rc_error *err)
{
    struct rc_bulk_item *items = NULL;
    uint32_t n = 0;
    enum rc_status status =
        rc_read_bulk_items(reader, bulk->id, results, after, call->arena, limit, &items, &n, err);
    if (status != RC_OK) return status;
    rc_json_array(json, "items");
    status = put_items(call, reader, json, items, n, err);
    rc_json_end_array(json);
    if (n == limit && items[n - 1].n < bulk->total)
        rc_json_u64(json, "next", items[n - 1].n);
    else
        rc_json_null(json, "next");
    return status;
}

/* ---- one ------------------------------------------------------------------------------------------------------------------ */

static enum rc_status put_one(struct api_call *call, struct rc_reader *reader, int status_code, uint64_t id,
                              bool items, struct rc_error *err)
{
    struct rc_bulk bulk;
    struct rc_bulk_event *events = NULL;
    uint32_t n = 0, part = 0;
    enum rc_status status = rc_read_bulk(reader, id, call->arena, &bulk, err);
    struct rc_bulk_event *all = RC_NEW_ARRAY(call->arena, struct rc_bulk_event, RC_MAX_BULK_REVS + 2);
    if (!all) return rc_fail_arena(err, call->arena);
    do {
        if (status == RC_OK)
            status = rc_read_bulk_events(reader, id, n ? all[n - 1].rev : 0, call->arena, RC_MAX_PAGE,
                                         &events, &part, err);
        if (status != RC_OK) return status;
        if (part > RC_MAX_BULK_REVS + 2 - n) part = RC_MAX_BULK_REVS + 2 - n;
        if (part) memcpy(all + n, events, part * sizeof *all);
        n += part;
    } while (part == RC_MAX_PAGE);
    api_begin(call, status_code);
    api_add_etag(call, bulk.rev);
    rc_us now = rc_clock_wall();
    if (!items) {
        rc_view_bulk(&call->json, NULL, &bulk, now, all, n);
        return RC_OK;
    }
    rc_json_object(&call->json, NULL);
    rc_view_bulk(&call->json, "bulk", &bulk, now, all, n);
    status = put_page(call, reader, &call->json, &bulk, 0, 0, PAGE, err);
    rc_json_end_object(&call->json);
    return status;
}

enum rc_status api_put_bulk(struct api_call *call, int status_code, uint64_t id, bool items,
                            struct rc_error *err)
{
    struct rc_reader *reader;
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = put_one(call, reader, status_code, id, items, err);
    api_return(&call->job, reader);
    return status;
}

enum rc_status api_find_bulk(struct api_call *call, struct rc_reader *reader, struct rc_bulk *ret,
                             struct rc_error *err)
{
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    if (status == RC_OK) status = rc_read_bulk(reader, id.seq, call->arena, ret, err);
    if (status == RC_NOT_FOUND || (status == RC_OK && (uint32_t)ret->nonce != id.check))
        return rc_fail(err, RC_NOT_FOUND, "there is no such bulk");
    return status == RC_OK ? api_may(call, &(struct rc_object){.what = "bulk", .ns = ret->ns}, err) : status;
}

enum rc_status api_bulk_get(struct api_call *call, struct rc_error *err)
{
    struct rc_reader *reader;
    struct rc_bulk bulk;
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = api_find_bulk(call, reader, &bulk, err);
    if (status == RC_OK) status = put_one(call, reader, 200, bulk.id, false, err);
    api_return(&call->job, reader);
    return status;
}

/* ---- lists ---------------------------------------------------------------------------------------------------------------- */

enum rc_status api_bulk_items(struct api_call *call, struct rc_error *err)
{
    struct rc_reader *reader;
    struct rc_bulk bulk;
    uint64_t after = 0, limit = 0, results = 0;
    enum rc_status status = api_read_words(api_query(call, "result"), "result", rc_item_of, 0, &results, err);
    if (status == RC_OK) status = api_query_number(call, "after", 0, RC_MAX_BULK, 0, &after, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = api_find_bulk(call, reader, &bulk, err);
    if (status == RC_OK) {
        api_begin(call, 200);
        rc_json_object(&call->json, NULL);
        status = put_page(call, reader, &call->json, &bulk, (uint32_t)results, (uint32_t)after,
                          (uint32_t)limit, err);
        rc_json_end_object(&call->json);
    }
    api_return(&call->job, reader);
    return status;
}

enum rc_status api_bulk_list(struct api_call *call, struct rc_error *err)
{
    struct rc_reader *reader;
    struct rc_bulk *bulks = NULL;
    uint64_t before = 0, limit = 0, states = 0;
    uint32_t n = 0;
    enum rc_status status =
        api_read_words(api_query(call, "state"), "state", rc_bulk_state_of, 0, &states, err);
    if (status == RC_OK) status = api_read_cursor(api_query(call, "before"), &before, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_bulks(reader, call->who.ns, (uint32_t)states, before, call->arena, (uint32_t)limit,
                           &bulks, &n, err);
    api_return(&call->job, reader);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "bulks");
    rc_us now = rc_clock_wall();
    for (uint32_t i = 0; i < n; i++) rc_view_bulk(json, NULL, &bulks[i], now, NULL, 0);
    rc_json_end_array(json);
    if (n == limit && bulks[n - 1].id > 1)
        rc_json_id(json, "next", bulks[n - 1].id, 0);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}
