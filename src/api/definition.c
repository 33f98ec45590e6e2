/* Definitions over HTTP: what is in force, its versions, and bringing new ones into force. */
#include "api/apply.h"
#include "api/call.h"
#include "base/num.h"
#include "defs/diff.h"

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
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_definitions(reader, call->arena, ret, ret_n, err);
    api_return(&call->job, reader);
    return status;
}

static void put_members(struct rc_json *json, const struct rc_definition *row)
{
    char digest[32];
    rc_h128_hex(row->digest, digest);
    rc_json_text(json, "kind", defs_kind_word(row->kind));
    rc_json_sv(json, "name", row->name);
    rc_json_u64(json, "version", row->version);
    rc_json_bool(json, "active", row->active);
    rc_json_sv(json, "source", row->source);
    rc_json_sv(json, "digest", (struct rc_sv){digest, sizeof digest});
    rc_json_time(json, "applied", row->at);
}

static void put_version(struct rc_json *json, const struct rc_version *version, bool with_text)
{
    rc_json_object(json, NULL);
    put_members(json, &version->def);
    if (version->def.kind == RC_DEF_FLOW) {
        rc_json_u64(json, "commands", version->commands);
        rc_json_u64(json, "not_ended", version->open);
    }
    if (with_text) rc_json_sv(json, "text", version->def.text);
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
    for (uint32_t i = 0; i < n; i++) {
        if (!rows[i].active) continue;
        rc_json_object(&call->json, NULL);
        put_members(&call->json, &rows[i]);
        rc_json_end_object(&call->json);
    }
    rc_json_end_array(&call->json);
    rc_json_end_object(&call->json);
    return RC_OK;
}

/* Versions of the definition in the path, below `before`, newest first. RC_NOT_FOUND where there is none. */
static enum rc_status read_versions(struct api_call *call, uint32_t before, uint32_t cap,
                                    struct rc_version **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_reader *reader;
    unsigned kind = RC_DEF_FLOW;
    while (kind <= RC_DEF_DEPENDENCY && !rc_sv_is(call->param[0], defs_kind_word(kind))) kind++;
    if (kind > RC_DEF_DEPENDENCY) return rc_fail(err, RC_NOT_FOUND, "there is no such kind of definition");
    enum rc_status status = api_borrow(&call->job, &reader, err);
    if (status != RC_OK) return status;
    status = rc_read_versions(reader, (enum rc_def_kind)kind, call->param[1], before, call->arena, cap, ret,
                              ret_n, err);
    api_return(&call->job, reader);
    return status;
}

enum rc_status api_definition(struct api_call *call, struct rc_error *err)
{
    struct rc_version *versions = NULL;
    uint64_t before, limit;
    uint32_t n = 0;
    enum rc_status status = api_query_number(call, "before", 1, UINT32_MAX, UINT32_MAX, &before, err);
    if (status == RC_OK) status = api_query_page(call, &limit, err);
    if (status == RC_OK) status = read_versions(call, (uint32_t)before, (uint32_t)limit, &versions, &n, err);
    if (status != RC_OK) return status;
    if (n == 0 && before == UINT32_MAX) return rc_fail(err, RC_NOT_FOUND, "there is no such definition");
    struct rc_json *json = &call->json;
    api_begin(call, 200);
    rc_json_object(json, NULL);
    rc_json_array(json, "versions");
    for (uint32_t i = 0; i < n; i++) put_version(json, &versions[i], false);
    rc_json_end_array(json);
    if (n == limit && versions[n - 1].def.version > 1)
        rc_json_u64(json, "next", versions[n - 1].def.version);
    else
        rc_json_null(json, "next");
    rc_json_end_object(json);
    return RC_OK;
}

static enum rc_status read_version(struct api_call *call, uint64_t number, struct rc_version *ret,
                                   struct rc_error *err)
{
    struct rc_version *versions = NULL;
    uint32_t n = 0;
    enum rc_status status = RC_OK;
    if (number > 0 && number < UINT32_MAX)
        status = read_versions(call, (uint32_t)number + 1, 1, &versions, &n, err);
    if (status != RC_OK) return status;
    if (n == 0 || versions[0].def.version != number)
        return rc_fail(err, RC_NOT_FOUND, "there is no such version");
    *ret = versions[0];
    return RC_OK;
}

static enum rc_status version_in_path(struct api_call *call, struct rc_version *ret, struct rc_error *err)
{
    uint64_t number;
    if (!rc_parse_u64(call->param[2], &number)) return rc_fail(err, RC_NOT_FOUND, "there is no such version");
    return read_version(call, number, ret, err);
}

enum rc_status api_version(struct api_call *call, struct rc_error *err)
{
    struct rc_version version;
    enum rc_status status = version_in_path(call, &version, err);
    if (status != RC_OK) return status;
    api_begin(call, 200);
    put_version(&call->json, &version, true);
    return RC_OK;
}

/* Against the version before it, or against `from`. The first version is all new. */
enum rc_status api_version_diff(struct api_call *call, struct rc_error *err)
{
    struct rc_version version, from = {0};
    uint64_t number;
    struct rc_sv diff;
    enum rc_status status = version_in_path(call, &version, err);
    if (status != RC_OK) return status;
    status = api_query_number(call, "from", 1, UINT32_MAX, version.def.version - 1, &number, err);
    if (status == RC_OK && number) status = read_version(call, number, &from, err);
    if (status != RC_OK) return status;
    if (defs_diff(from.def.text, version.def.text, call->arena, &diff) != RC_OK)
        return rc_fail_arena(err, call->arena);
    struct rc_json *json = &call->json;
    api_begin(call, 200);
    rc_json_object(json, NULL);
    put_members(json, &version.def);
    if (number)
        rc_json_u64(json, "from", number);
    else
        rc_json_null(json, "from");
    rc_json_bool(json, "same", rc_h128_eq(from.def.digest, version.def.digest));
    rc_json_sv(json, "diff", diff);
    rc_json_end_object(json);
    return RC_OK;
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
    struct api_desk *desk = call->desk;
    desk->nerrors = errors->n < API_ERRORS ? errors->n : API_ERRORS;
    memcpy(desk->errors, errors->error, desk->nerrors * sizeof *errors->error);
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
    struct defs_errors *errors = RC_NEW(call->arena, struct defs_errors);
    struct rc_apply *apply = RC_NEW(call->arena, struct rc_apply);
    if (!errors || !apply) return rc_fail_arena(err, call->arena);
    enum rc_status status = read_files(call, body->files, &files, err);
    if (status != RC_OK) return status;
    status = rc_apply_plan(&call->api->options.shelf, &call->api->options.floor, files, body->files.n,
                           body->prune, call->arena, apply, &call->request, errors, err);
    if (status != RC_OK) return errors->n ? say_errors(call, errors, status, err) : status;
    call->state = apply;
    struct rc_author *by = &call->request.u.define.by;
    *by = (struct rc_author){.subject = call->who.name, .reason = body->reason};
    status = api_actor(call, body->actor, &by->actor, err);
    if (status != RC_OK) return status;
    if (apply->added + apply->changed + apply->removed == 0) {
        put_result(call, !body->dry_run);
        return RC_OK;
    }
    call->request.u.define.dry = body->dry_run;
    call->parked = true;
    return api_post(call, err);
}

/* The engine keeps the arena of definitions that came into force for as long as it lives, so that the plan in
 * it can still be read. */
enum rc_status api_applied(struct api_call *call, struct rc_error *err)
{
    (void)err;
    put_result(call, !call->request.u.define.dry);
    return RC_OK;
}
