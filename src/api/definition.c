/* Definitions over HTTP: what is in force, its versions, and bringing new ones into force. */
#include "api/apply.h"
#include "api/call.h"

#include <stddef.h>
#include <stdio.h>

struct apply_body {
    struct cel_value files;
    struct rc_sv actor, reason;
    bool dry_run, prune;
};

static const struct api_field apply_fields[] = {
    {"files", API_LIST, RC_MAX_DEF_FILES, true, offsetof(struct apply_body, files)},
    {"dry_run", API_BOOL, 0, false, offsetof(struct apply_body, dry_run)},
    {"prune", API_BOOL, 0, false, offsetof(struct apply_body, prune)},
    {"actor", API_TEXT, RC_MAX_ACTOR, false, offsetof(struct apply_body, actor)},
    {"reason", API_TEXT, RC_MAX_REASON, false, offsetof(struct apply_body, reason)},
};
const struct api_shape api_apply_shape = {apply_fields, sizeof apply_fields / sizeof *apply_fields,
                                          sizeof(struct apply_body)};

static const struct api_field file_fields[] = {
    {"source", API_TEXT, RC_ERROR_SOURCE - 1, true, offsetof(struct defs_file, source)},
    {"text", API_TEXT, RC_MAX_DEF_FILE, true, offsetof(struct defs_file, text)},
};
static const struct api_shape file_shape = {file_fields, sizeof file_fields / sizeof *file_fields,
                                            sizeof(struct defs_file)};

/* ---- reading ------------------------------------------------------------------------------------------- */

static enum rc_status read_all(struct api_call *call, struct rc_definition **ret, uint32_t *ret_n,
                               struct rc_error *err)
{
    struct rc_reader *reader;
    const struct rc_shelf *shelf = &call->api->options.shelf;
    enum rc_status status = shelf->borrow(shelf->context, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_definitions(reader, call->arena, ret, ret_n, err);
    shelf->give_back(shelf->context);
    return status;
}

static void put_definition(struct rc_json *json, const struct rc_definition *row, bool with_text)
{
    char digest[32];
    rc_h128_hex(row->digest, digest);
    rc_json_object(json, NULL);
    rc_json_text(json, "kind", defs_kind_word(row->kind));
    rc_json_sv(json, "name", row->name);
    rc_json_u64(json, "version", row->version);
    rc_json_bool(json, "active", row->active);
    rc_json_sv(json, "source", row->source);
    rc_json_sv(json, "digest", (struct rc_sv){digest, sizeof digest});
    rc_json_time(json, "applied", row->at);
    if (with_text) rc_json_sv(json, "text", row->text);
    rc_json_end_object(json);
}

enum rc_status api_definitions(struct api_call *call, struct rc_error *err)
{
    struct rc_definition *rows = NULL;
    uint32_t n = 0;
    enum rc_status status = read_all(call, &rows, &n, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "definitions");
    for (uint32_t i = 0; i < n; i++)
        if (rows[i].active) put_definition(&call->json, &rows[i], false);
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}

enum rc_status api_definition(struct api_call *call, struct rc_error *err)
{
    struct rc_definition *rows = NULL;
    uint32_t n = 0, found = 0;
    struct rc_sv kind = call->param[0], name = call->param[1];
    enum rc_status status = read_all(call, &rows, &n, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    rc_json_object(&call->json, NULL);
    rc_json_array(&call->json, "versions");
    for (uint32_t i = n; i-- > 0;) { /* newest first */
        if (!rc_sv_eq(rows[i].name, name) || !rc_sv_is(kind, defs_kind_word(rows[i].kind))) continue;
        put_definition(&call->json, &rows[i], true);
        found++;
    }
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return found ? RC_OK : rc_fail(err, RC_NOT_FOUND, "there is no such definition");
}

/* ---- applying ------------------------------------------------------------------------------------------ */

static enum rc_status read_files(struct api_call *call, struct cel_value list, struct defs_file **ret,
                                 struct rc_error *err)
{
    struct defs_file *files = RC_NEW_ARRAY(call->arena, struct defs_file, list.n);
    if (!files) return rc_fail_arena(err, call->arena);
    for (uint32_t i = 0; i < list.n; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "/files/%u", i);
        enum rc_status status = api_decode(call, &file_shape, list.v.items[i], prefix, &files[i], err);
        if (status != RC_OK) return status;
    }
    *ret = files;
    return RC_OK;
}

/* Errors in definitions become the errors of the problem. */
static enum rc_status say_errors(struct api_call *call, const struct defs_errors *errors,
                                 enum rc_status status, struct rc_error *err)
{
    struct rc_api *api = call->api;
    api->nerrors = errors->n < API_ERRORS ? errors->n : API_ERRORS;
    memcpy(api->errors, errors->error, api->nerrors * sizeof *errors->error);
    if (errors->n) *err = errors->error[0];
    return status;
}

static void put_result(struct api_call *call, bool applied)
{
    static const char *const word[] = {
        [DEFS_ADD] = "add", [DEFS_CHANGE] = "change", [DEFS_KEEP] = "keep", [DEFS_REMOVE] = "remove"};
    const struct rc_apply *apply = call->state;
    struct rc_json *json = &call->json;
    api_begin(call, 200);
    rc_json_object(json, NULL);
    rc_json_bool(json, "applied", applied);
    rc_json_u64(json, "added", apply->added);
    rc_json_u64(json, "changed", apply->changed);
    rc_json_u64(json, "kept", apply->kept);
    rc_json_u64(json, "removed", apply->removed);
    rc_json_array(json, "changes");
    for (uint32_t i = 0; i < apply->n; i++) {
        const struct defs_change *change = &apply->changes[i];
        rc_json_object(json, NULL);
        rc_json_text(json, "change", word[change->what]);
        rc_json_text(json, "kind", defs_kind_word(change->kind));
        rc_json_sv(json, "name", change->name);
        if (change->new) rc_json_sv(json, "source", change->new->source);
        if (change->what == DEFS_CHANGE) rc_json_sv(json, "diff", change->diff);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    rc_json_end_object(json);
}

enum rc_status api_apply(struct api_call *call, struct rc_error *err)
{
    const struct apply_body *body = call->body;
    struct defs_file *files = NULL;
    const struct rc_shelf *shelf = &call->api->options.shelf;
    struct defs_errors *errors = RC_NEW(call->arena, struct defs_errors);
    struct rc_apply *apply = RC_NEW(call->arena, struct rc_apply);
    if (!errors || !apply) return rc_fail_arena(err, call->arena);
    enum rc_status status = read_files(call, body->files, &files, err);
    if (status != RC_OK) return status;
    status = rc_apply_plan(shelf, files, body->files.n, body->prune, call->arena, apply, &call->request,
                           errors, err);
    if (status != RC_OK) return errors->n ? say_errors(call, errors, status, err) : status;
    call->state = apply;
    struct rc_author *by = &call->request.u.define.by;
    *by = (struct rc_author){.subject = call->who.name, .reason = body->reason};
    status = api_actor(call, body->actor, &by->actor, err);
    if (status != RC_OK) return status;
    if (body->dry_run || apply->added + apply->changed + apply->removed == 0) {
        put_result(call, !body->dry_run);
        return RC_OK;
    }
    call->parked = true;
    return api_post(call, err);
}

/* The engine keeps the arena of definitions that came into force for as long as it lives, so that the plan in
 * it can still be read. */
enum rc_status api_applied(struct api_call *call, struct rc_error *err)
{
    (void)err;
    put_result(call, true);
    return RC_OK;
}
