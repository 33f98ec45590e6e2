/* GET /v1/audit: what people did, newest first. */
#include "api/call.h"

enum { PAGE = 50 };

static enum rc_status read_page(struct api_call *call, struct rc_audit_page *page, uint64_t *ret_limit,
                                struct rc_error *err)
{
    struct rc_sv command = api_query(call, "command");
    struct rc_id id = {0};
    if (command.p && (!rc_id_parse(command, &id) || id.shard))
        return rc_fail(err, RC_SYNTAX, "the query parameter \"command\" must be the id of a command");
    page->command = id.seq;
    enum rc_status status = api_query_number(call, "before", 1, INT64_MAX, 0, &page->before, err);
    return status == RC_OK ? api_query_number(call, "limit", 1, RC_MAX_PAGE, PAGE, ret_limit, err) : status;
}

enum rc_status api_audit(struct api_call *call, struct rc_error *err)
{
    struct rc_audit_page page = {0};
    struct rc_audit_entry *entries = NULL;
    struct rc_reader *reader;
    uint64_t limit = 0;
    uint32_t n = 0;
    enum rc_status status = read_page(call, &page, &limit, err);
    if (status == RC_OK) status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_audit(reader, &page, call->arena, (uint32_t)limit, &entries, &n, err);
    api_return(&call->job, reader);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    struct rc_json *json = &call->json;
    rc_json_object(json, NULL);
    rc_json_array(json, "entries");
    for (uint32_t i = 0; i < n; i++) rc_audit_put_entry(json, &entries[i], call->arena);
    rc_json_end_array(json);
    if (n == limit && entries[n - 1].number > 1)
        rc_json_u64(json, "next", entries[n - 1].number);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}
