/* Reading commands: lists, one, its history, its explanation, its undo plan. Each answer comes from one
 * reader's snapshot per question; a list looks at a bounded number of rows. */
#include "api/call.h"
#include "engine/load.h"

#include <stdio.h>

enum { PAGE = 50 };

/* Rows of a page where nobody asks for a number. */
static uint32_t page(const struct api_call *call)
{
    uint32_t most = call->api->options.limits.page;
    return most < PAGE ? most : PAGE;
}

enum rc_status api_param_id(const struct api_call *call, struct rc_id *ret, struct rc_error *err)
{
    if (!rc_id_parse(call->param[0], ret))
        return rc_fail(err, RC_NOT_FOUND, "\"%.*s\" is no id of a command",
                       (int)(call->param[0].n > 64 ? 64 : call->param[0].n), call->param[0].p);
    return RC_OK;
}

static enum rc_status load(struct api_call *call, struct rc_reader *reader, uint64_t seq,
                           struct api_loaded *ret, struct rc_error *err)
{
    return rc_load_command(reader, rc_engine_definitions(call->api->options.engine), seq, call->arena,
                           &ret->command, &ret->records, &ret->n, err);
}

enum rc_status api_load(struct api_call *call, struct rc_id id, struct api_loaded *ret, struct rc_error *err)
{
    struct rc_reader *reader;
    char text[RC_ID_TEXT + 1];
    const struct rc_shelf *shelf = &call->api->options.shelf;
    enum rc_status status = shelf->borrow(shelf->context, &reader, err);
    if (status != RC_OK) return status;
    status = load(call, reader, id.seq, ret, err);
    shelf->give_back(shelf->context);
    if (status == RC_PURGED) return api_say_purged(call, id, err);
    /* a wrong check is another command's id, or a guess */
    if (status == RC_NOT_FOUND ||
        (status == RC_OK && (id.shard != 0 || (uint32_t)ret->command.id.nonce != id.check))) {
        rc_id_format(id, text);
        return rc_fail(err, RC_NOT_FOUND, "there is no command %s", text);
    }
    if (status != RC_OK) return status;
    return api_may(call, &(struct rc_object){.what = "command", .ns = ret->command.id.ns}, err);
}

static enum rc_status load_by_id(struct api_call *call, struct api_loaded *ret, struct rc_error *err)
{
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    return status == RC_OK ? api_load(call, id, ret, err) : status;
}

void api_put_command(struct api_call *call, int status, const struct api_loaded *loaded)
{
    api_begin(call, status);
    api_add_etag(call, loaded->command.rev);
    rc_view_command(&call->json, &loaded->command);
}

enum rc_status api_get(struct api_call *call, struct rc_error *err)
{
    struct rc_id id;
    enum rc_status status = api_param_id(call, &id, err);
    if (status == RC_OK) status = api_read_wait(call, err);
    return status == RC_OK ? api_answer_when_rested(call, id, 200, err) : status;
}

enum rc_status api_get_by_key(struct api_call *call, struct rc_error *err)
{
    struct rc_sv type = api_query(call, "type"), key = api_query(call, "key");
    if (!type.n || !key.n) return rc_fail(err, RC_SYNTAX, "the query parameters type and key are required");
    struct rc_reader *reader;
    struct rc_key_match match;
    struct api_loaded loaded = {0};
    const struct rc_shelf *shelf = &call->api->options.shelf;
    enum rc_status status = shelf->borrow(shelf->context, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_key(reader, call->who.ns, type, key, &match, err);
    if (status == RC_OK) status = load(call, reader, match.seq, &loaded, err);
    shelf->give_back(shelf->context);
    if (status == RC_NOT_FOUND) return rc_fail(err, RC_NOT_FOUND, "no command of this type has this key");
    if (status != RC_OK) return status;
    api_put_command(call, 200, &loaded);
    return RC_OK;
}

/* ---- list ---------------------------------------------------------------------------------------------- */

enum rc_status api_read_states(struct rc_sv text, uint32_t *ret_bits, struct rc_error *err)
{
    *ret_bits = 0;
    while (text.n) {
        const char *comma = memchr(text.p, ',', text.n);
        struct rc_sv name = {text.p, comma ? (uint32_t)(comma - text.p) : text.n};
        uint32_t skip = comma ? name.n + 1 : name.n;
        text = (struct rc_sv){text.p + skip, text.n - skip};
        int state = rc_state_of(name);
        if (state <= RC_ABSENT) return rc_fail(err, RC_SYNTAX, "there is no state \"%.*s\"", RC_SV_ARG(name));
        *ret_bits |= 1u << state;
    }
    return RC_OK;
}

/* A cursor is the place behind which a page begins, spelled like an id so that nobody counts on its form. */
enum rc_status api_read_cursor(struct rc_sv text, uint64_t *ret_before, struct rc_error *err)
{
    struct rc_id id = {0};
    if (text.p && (!rc_id_parse(text, &id) || id.check || id.shard || !id.seq))
        return rc_fail(err, RC_SYNTAX, "the cursor is not one that this server gave");
    *ret_before = id.seq;
    return RC_OK;
}

static enum rc_status read_filter(struct api_call *call, struct rc_filter *ret, struct rc_error *err)
{
    *ret = (struct rc_filter){.ns = call->who.ns, .type = api_query(call, "type")};
    enum rc_status status = api_read_states(api_query(call, "state"), &ret->states, err);
    if (status == RC_OK) status = api_read_cursor(api_query(call, "before"), &ret->before, err);
    struct rc_sv ref = api_query(call, "ref");
    if (status != RC_OK || !ref.p) return status;
    const char *equals = ref.n ? memchr(ref.p, '=', ref.n) : NULL;
    if (!equals || equals == ref.p) return rc_fail(err, RC_SYNTAX, "a ref is written name=value");
    ret->ref = (struct rc_sv){ref.p, (uint32_t)(equals - ref.p)};
    ret->value = (struct rc_sv){equals + 1, ref.n - ret->ref.n - 1};
    return RC_OK;
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
        bool paging = rc_sv_is(name, "limit") || rc_sv_is(name, "before");
        snprintf(pointer, sizeof pointer, "/filter/%.*s", RC_SV_ARG(name));
        if (at < 0 || paging)
            api_complain(call, pointer, "is not known here");
        else if (value.kind != CEL_STRING)
            api_complain(call, pointer, "must be a string, as in the query of GET /v1/commands");
        else if (value.n > RC_MAX_FILTER)
            api_complain(call, pointer, "is longer than the %d bytes that are allowed", RC_MAX_FILTER);
        else
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

static void put_list(struct rc_json *json, const struct rc_row *rows, uint32_t n, uint64_t next)
{
    rc_json_object(json, NULL);
    rc_json_array(json, "commands");
    for (uint32_t i = 0; i < n; i++)
        rc_view_row(json, NULL,
                    &(struct rc_view_row){.seq = rows[i].seq,
                                          .nonce = rows[i].nonce,
                                          .ns = rows[i].ns,
                                          .type = rows[i].type,
                                          .key = rows[i].key,
                                          .actor = rows[i].actor,
                                          .state = rows[i].state,
                                          .in_flight = rows[i].in_flight,
                                          .rev = rows[i].rev,
                                          .created = rows[i].created,
                                          .changed = rows[i].changed});
    rc_json_end_array(json);
    if (next)
        rc_json_id(json, "next", next, 0);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
}

enum rc_status api_list(struct api_call *call, struct rc_error *err)
{
    struct rc_filter filter;
    uint64_t limit, next = 0;
    struct rc_row *rows = NULL;
    uint32_t n = 0;
    struct rc_reader *reader;
    const struct rc_shelf *shelf = &call->api->options.shelf;
    enum rc_status status = read_filter(call, &filter, err);
    if (status == RC_OK)
        status = api_query_number(call, "limit", 1, call->api->options.limits.page, page(call), &limit, err);
    if (status == RC_OK) status = shelf->borrow(shelf->context, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_list(reader, &filter, call->arena, (uint32_t)limit, &rows, &n, &next, err);
    shelf->give_back(shelf->context);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    put_list(&call->json, rows, n, next);
    return RC_OK;
}

/* ---- history and explanation --------------------------------------------------------------------------- */

static struct rc_view_record view_of(const struct rc_record *record)
{
    return (struct rc_view_record){.rev = record->rev,
                                   .change = record->change,
                                   .at = record->at,
                                   .cause = record->cause,
                                   .changes = record->changes,
                                   .nchanges = record->nchanges};
}

enum rc_status api_history(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    uint64_t after, limit;
    enum rc_status status = api_query_number(call, "after", 0, UINT32_MAX, 0, &after, err);
    if (status == RC_OK)
        status = api_query_number(call, "limit", 1, call->api->options.limits.page, page(call), &limit, err);
    if (status == RC_OK) status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "records");
    uint32_t i = 0, shown = 0, last = 0;
    for (; i < loaded.n && shown < limit; i++) {
        if (loaded.records[i].rev <= after) continue;
        struct rc_view_record view = view_of(&loaded.records[i]);
        rc_view_record(json, &loaded.command, &view);
        last = view.rev;
        shown++;
    }
    rc_json_end_array(json);
    if (i < loaded.n)
        rc_json_u64(json, "next", last);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}

enum rc_status api_explain(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_explanation facts;
    struct rc_view_attempt *attempts = NULL;
    uint32_t n = 0;
    enum rc_status status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    struct rc_view_record *views = RC_NEW_ARRAY(call->arena, struct rc_view_record, loaded.n);
    if (!views) return rc_fail_arena(err, call->arena);
    for (uint32_t i = 0; i < loaded.n; i++) views[i] = view_of(&loaded.records[i]);
    status = rc_view_attempts_of(&loaded.command, views, loaded.n, call->arena, &attempts, &n, err);
    if (status != RC_OK) return status;
    rc_command_explain(&loaded.command, &facts);
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_explain(&call->json, &loaded.command, &facts, attempts, n);
    return RC_OK;
}

enum rc_status api_actions(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    struct rc_explanation facts;
    enum rc_status status = load_by_id(call, &loaded, err);
    if (status != RC_OK) return status;
    rc_command_explain(&loaded.command, &facts);
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_actions(&call->json, &loaded.command, &facts);
    return RC_OK;
}

enum rc_status api_preview(struct api_call *call, struct rc_error *err)
{
    struct api_loaded loaded = {0};
    uint32_t *nodes = NULL, n = 0;
    enum rc_status status = load_by_id(call, &loaded, err);
    if (status == RC_OK) status = rc_command_undo_plan(&loaded.command, call->arena, &nodes, &n, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    api_add_etag(call, loaded.command.rev);
    rc_view_plan(&call->json, &loaded.command, nodes, n);
    return RC_OK;
}
