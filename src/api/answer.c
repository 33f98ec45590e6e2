/* Answers: bodies, headers and problems (RFC 9457). */
#include "api/call.h"

#include "base/num.h"

#include <stdarg.h>
#include <stdio.h>

void api_begin(struct api_call *call, int status)
{
    call->status = status;
    call->content_type = "application/json";
    call->out = rc_buf_in(call->scratch, API_MAX_ANSWER);
    call->json = (struct rc_json){.buf = &call->out};
}

void api_add_field(struct api_call *call, const char *name, const char *format, ...)
{
    if (call->nfields == API_FIELDS) return;
    char *text = call->field_text[call->nfields];
    va_list args;
    va_start(args, format);
    vsnprintf(text, API_FIELD_TEXT, format, args);
    va_end(args);
    call->field[call->nfields++] = (struct http_field){name, text};
}

/* The same of what is text already: most answers have such fields, and formatting is not free. */
static void add_text_field(struct api_call *call, const char *name, const char *value, size_t n)
{
    if (call->nfields == API_FIELDS || n >= API_FIELD_TEXT) return;
    char *text = call->field_text[call->nfields];
    memcpy(text, value, n);
    text[n] = 0;
    call->field[call->nfields++] = (struct http_field){name, text};
}

static bool has_field(const struct api_call *call, const char *name)
{
    for (uint32_t i = 0; i < call->nfields; i++)
        if (strcmp(call->field[i].name, name) == 0) return true;
    return false;
}

void api_add_etag(struct api_call *call, uint32_t rev)
{
    char text[RC_NUM_TEXT + 2] = "\"";
    uint32_t n = rc_format_u64(rev, text + 1);
    text[n + 1] = '"';
    add_text_field(call, "ETag", text, n + 2);
}

void api_command_path(char ret_text[API_FIELD_TEXT], uint64_t seq, uint64_t nonce)
{
    static const char path[] = "/v1/commands/";
    memcpy(ret_text, path, sizeof path - 1);
    rc_id_format(rc_id_of(seq, nonce), ret_text + sizeof path - 1);
}

void api_add_location(struct api_call *call, uint64_t seq, uint64_t nonce)
{
    char path[API_FIELD_TEXT];
    api_command_path(path, seq, nonce);
    add_text_field(call, "Location", path, strlen(path));
}

void api_free_arenas(struct api_call *call)
{
    const struct rc_api *api = call->api;
    if (call->arena != call->scratch && call->arena != api->scratch) rc_arena_free(call->arena);
    if (call->scratch != api->scratch)
        rc_arena_free(call->scratch);
    else
        rc_arena_reset(call->scratch);
    call->arena = call->scratch = NULL;
}

void api_end(struct api_call *call)
{
    struct rc_api *api = call->api;
    api_trace_end(call);
    api_free_arenas(call);
    rc_known_drop(call->known);
    call->next = api->free;
    api->free = call;
}

/* Before the exchange ends. */
static void unwatch(struct api_call *call)
{
    if (call->wait.entered) api_stop_waiting(call);
    http_unwatch(call->watch);
    call->watch = NULL;
}

void api_send(struct api_call *call)
{
    char held[RC_ID_TEXT + 1];
    const struct rc_hold *hold = call->api->options.engine ? api_held(call) : NULL;
    struct http_field fields[API_FIELDS + 3];
    memcpy(fields, call->field, sizeof call->field);
    uint32_t n = call->nfields;
    fields[n++] = (struct http_field){"Content-Type", call->content_type};
    fields[n++] = (struct http_field){"X-Request-Id", call->request_id};
    if (hold) {
        rc_id_format(rc_id_of(hold->id, hold->nonce), held);
        fields[n++] = (struct http_field){"Recourse-Hold", held};
    }
    unwatch(call);
    call->api->problems += call->trouble;
    http_answer(call->exchange, call->status, fields, n, rc_buf_sv(&call->out));
    api_end(call);
}

void api_drop(struct api_call *call)
{
    unwatch(call);
    http_drop(call->exchange);
    call->status = 0;
    api_end(call);
}

static void put_position(struct rc_json *json, const struct rc_error *err)
{
    if (err->source[0]) rc_json_text(json, "source", err->source);
    if (!err->line) return;
    rc_json_u64(json, "line", err->line);
    rc_json_u64(json, "column", err->column);
}

static void put_errors(const struct api_call *call, struct rc_json *json, uint32_t most)
{
    rc_json_array(json, "errors");
    for (uint32_t i = 0; i < call->desk->nerrors && i < most; i++) {
        const struct rc_error *one = &call->desk->errors[i];
        rc_json_object(json, NULL);
        rc_json_text(json, "pointer", one->pointer);
        rc_json_text(json, "detail", one->text);
        put_position(json, one);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

void api_put_problem(struct api_call *call, struct rc_json *json, const char *name, enum rc_status status,
                     const struct rc_error *err, uint32_t errors, const struct rc_outline *first)
{
    rc_json_object(json, name);
    char type[64];
    snprintf(type, sizeof type, "/problems/%s", rc_status_slug(status));
    rc_json_text(json, "type", type);
    rc_json_text(json, "title", rc_status_text(status));
    rc_json_u64(json, "status", (uint64_t)rc_status_http(status));
    rc_json_text(json, "code", rc_status_slug(status));
    rc_json_text(json, "detail", err->text);
    if (!name) rc_json_text(json, "request_id", call->request_id);
    put_position(json, err);
    if (call->desk->nerrors) put_errors(call, json, errors);
    if (status == RC_KEY_CONFLICT && call->route && call->route->handle == api_bulk_make) {
        api_put_bulk_path(call, json);
    } else if ((status == RC_KEY_CONFLICT || status == RC_LANE_FULL) && first && first->seq) {
        char path[API_FIELD_TEXT];
        api_command_path(path, first->seq, first->nonce);
        if (!name) api_about(call, first->seq, first->nonce);
        rc_json_text(json, "command", path);
    }
    rc_json_end_object(json);
}

/* What a problem needs of memory is small and bounded: where even that is refused, the status line says all. */
static void compose_problem(struct api_call *call, enum rc_status status, const struct rc_error *err)
{
    call->trouble = true;
    api_begin(call, rc_status_http(status));
    call->content_type = "application/problem+json";
    if (call->retry_after && !has_field(call, "Retry-After"))
        api_add_field(call, "Retry-After", "%u", call->retry_after);
    if (rc_status_retryable(status) && !has_field(call, "Retry-After"))
        api_add_field(call, "Retry-After", "1");
    if (status == RC_UNAUTHENTICATED) api_add_field(call, "WWW-Authenticate", "Bearer realm=\"recourse\"");
    api_put_problem(call, &call->json, NULL, status, err, API_ERRORS, &call->request.command);
    if (call->out.status != RC_OK) call->out.n = 0;
}

void api_compose(struct api_call *call, enum rc_status status, const struct rc_error *err)
{
    struct rc_error large;
    if (status == RC_OK && call->out.status != RC_OK) {
        status = call->out.status == RC_LIMIT
                     ? rc_fail(&large, RC_LIMIT, "the answer is larger than %d bytes", API_MAX_ANSWER)
                     : rc_fail(&large, RC_NOMEM, "out of memory");
        err = &large;
        call->nfields = 0;
        rc_arena_reset(call->scratch);
    }
    /* whatever we said might be wrong, or is: that it did not happen now. The client asks again with its key */
    bool wrong = status == RC_COMMIT_UNKNOWN || (call->done && rc_status_http(status) >= 500);
    call->ending = wrong ? API_DROPPED : API_ANSWERED;
    if (status != RC_OK && !wrong) compose_problem(call, status, err);
}

void api_put_row(const struct api_call *call, struct rc_json *json, const char *name, struct rc_sv type,
                 struct rc_sv key, const struct rc_outline *outline)
{
    struct rc_view_restored restored;
    bool told =
        api_restored(call, outline->seq, outline->state, outline->created, outline->changed, &restored);
    rc_view_row(json, name,
                &(struct rc_view_row){.seq = outline->seq,
                                      .nonce = outline->nonce,
                                      .type = type,
                                      .key = key,
                                      .state = outline->state,
                                      .rev = outline->rev,
                                      .created = outline->created,
                                      .changed = outline->changed,
                                      .restored = told ? &restored : NULL});
}

void api_put_outline(struct api_call *call, const struct rc_outline *outline)
{
    api_about(call, outline->seq, outline->nonce);
    api_put_row(call, &call->json, NULL, rc_sv_of(call->type), rc_sv_of(call->key), outline);
    api_add_etag(call, outline->rev);
}

void api_put_acted(struct api_call *call, const struct rc_outline *outline, struct rc_link successor)
{
    rc_view_row(&call->json, NULL,
                &(struct rc_view_row){.seq = outline->seq,
                                      .nonce = outline->nonce,
                                      .state = outline->state,
                                      .rev = outline->rev,
                                      .created = outline->created,
                                      .changed = outline->changed,
                                      .successor = successor});
    api_add_etag(call, outline->rev);
}
