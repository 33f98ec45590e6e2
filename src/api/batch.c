/* POST /v1/commands/batch: a body of lines (application/x-ndjson), each of them a submission. The good ones go to the
 * engine in one piece; the answer has a line for each and is written after the last one's reply. What is wrong
 * with a line is written down at once, since the next line's complaints take its place; nothing is posted before
 * every line has been read. */
#include "api/submit.h"
#include "codec/json.h"

struct line {
    /* its arena is NULL where nothing went to the engine, or where it was kept there */
    struct rc_request request;
    struct rc_sv type, key; /* in the call's arena: the request's own may be gone at its reply */
    struct rc_sv problem;   /* the answer, where the line was refused here; else p is NULL */
};
struct batch {
    struct line *lines;
    uint32_t n;
};

/* The next line that is not blank; false at the end. *io_number counts all lines from 1. */
static bool next_line(struct rc_sv *io_rest, uint32_t *io_number, struct rc_sv *ret)
{
    while (io_rest->n) {
        const char *end = memchr(io_rest->p, '\n', io_rest->n);
        struct rc_sv line = {io_rest->p, end ? (uint32_t)(end - io_rest->p) : io_rest->n};
        uint32_t skip = end ? line.n + 1 : line.n, blank = 0;
        *io_rest = (struct rc_sv){io_rest->p + skip, io_rest->n - skip};
        ++*io_number;
        while (blank < line.n && memchr(" \t\r", line.p[blank], 3)) blank++;
        if (blank == line.n) continue;
        *ret = line;
        return true;
    }
    return false;
}

/* A line that is too many is not counted further. */
static uint32_t count_lines(struct rc_sv body)
{
    struct rc_sv line;
    uint32_t n = 0, number = 0;
    while (n <= RC_MAX_BATCH && next_line(&body, &number, &line)) n++;
    return n;
}

static void free_lines(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        rc_arena_free(batch->lines[i].request.arena);
        batch->lines[i].request.arena = NULL;
    }
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void put_refusal(struct api_call *call, struct rc_buf *out, enum rc_status status,
                        const struct rc_error *err, const struct rc_outline *first)
{
    struct rc_json json = {.buf = out};
    rc_json_object(&json, NULL);
    rc_json_u64(&json, "status", (uint64_t)rc_status_http(status));
    api_put_problem(call, &json, "problem", status, err, API_LINE_ERRORS, first);
    rc_json_end_object(&json);
}

static void put_line(struct api_call *call, const struct line *line)
{
    const struct rc_request *request = &line->request;
    struct rc_json json = {.buf = &call->out};
    if (line->problem.p)
        rc_put(&call->out, line->problem);
    else if (request->status != RC_OK)
        put_refusal(call, &call->out, request->status, &request->error, &request->command);
    else {
        rc_json_object(&json, NULL);
        rc_json_u64(&json, "status", request->replayed ? 200 : 201);
        api_put_row(call, &json, "command", line->type, line->key, &request->command);
        rc_json_end_object(&json);
    }
    rc_put_char(&call->out, '\n');
}

enum rc_status api_batched(struct api_call *call, struct rc_error *err)
{
    struct batch *batch = call->state;
    bool known = true;
    for (uint32_t i = 0; i < batch->n; i++) known &= batch->lines[i].request.status != RC_COMMIT_UNKNOWN;
    api_begin(call, 200);
    call->content_type = "application/x-ndjson";
    for (uint32_t i = 0; i < batch->n && known; i++) put_line(call, &batch->lines[i]);
    free_lines(batch);
    return known ? RC_OK : rc_fail(err, RC_COMMIT_UNKNOWN, "a part of the batch may not have been kept");
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* One line to a request in an arena of its own, which the engine keeps where it makes a command of it. */
static enum rc_status read_line(struct api_call *call, struct rc_sv text, struct line *ret,
                                struct rc_error *err)
{
    struct api_submission in = {0};
    struct cel_value value;
    struct rc_arena *arena = api_input_arena(text.n);
    call->desk->nerrors = 0;
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status =
        rc_json_parse_within(text, call->api->options.limits.json_depth, arena, &value, err);
    if (status == RC_OK) status = api_decode(call, &api_submit_shape, value, "", &in, err);
    if (status == RC_OK) status = api_prepare(call, &in, text.n, arena, &ret->request, err);
    if (status == RC_OK) {
        ret->type = rc_copy_sv(call->arena, ret->request.u.submit.type);
        ret->key = rc_copy_sv(call->arena, ret->request.u.submit.key);
        if (!ret->type.p || !ret->key.p) status = rc_fail_arena(err, call->arena);
    }
    if (status == RC_OK) return RC_OK;
    ret->request.arena = NULL;
    rc_arena_free(arena);
    return status;
}

/* Keeps what is wrong with a line; a position in it becomes one in the body. */
static enum rc_status refuse_line(struct api_call *call, uint32_t number, enum rc_status status,
                                  struct rc_error *problem, struct line *ret, struct rc_error *err)
{
    struct rc_buf out = rc_buf_in(call->arena, API_MAX_INPUT);
    if (problem->line) problem->line = number;
    put_refusal(call, &out, status, problem, NULL);
    if (out.status != RC_OK) return rc_fail_arena(err, call->arena);
    ret->problem = rc_buf_sv(&out);
    return RC_OK;
}

/* Every line; *ret_first is the first of the requests, which are linked in their order. */
static enum rc_status read_lines(struct api_call *call, struct batch *batch, struct rc_request **ret_first,
                                 uint32_t *ret_n, struct rc_error *err)
{
    struct rc_request *first = NULL, **last = &first;
    struct rc_sv rest = call->http.body, text;
    uint32_t number = 0, n = 0;
    enum rc_status kept = RC_OK;
    for (uint32_t i = 0; kept == RC_OK && i < batch->n && next_line(&rest, &number, &text); i++) {
        struct line *line = &batch->lines[i];
        struct rc_error problem;
        enum rc_status status = read_line(call, text, line, &problem);
        if (status != RC_OK) {
            kept = refuse_line(call, number, status, &problem, line, err);
            continue;
        }
        *last = &line->request;
        last = &line->request.next;
        n++;
    }
    call->desk->nerrors = 0;
    *ret_first = first;
    *ret_n = n;
    return kept;
}

enum rc_status api_batch(struct api_call *call, struct rc_error *err)
{
    struct rc_request *first;
    uint32_t n = count_lines(call->http.body), nposted;
    if (http_header(call->exchange, "Idempotency-Key", NULL).p)
        return rc_fail(err, RC_INVALID,
                       "an Idempotency-Key header belongs to one command: give each line its \"key\"");
    if (n > RC_MAX_BATCH)
        return rc_fail(err, RC_LIMIT, "the batch has more than the %d lines that are allowed", RC_MAX_BATCH);
    struct batch *batch = RC_NEW(call->arena, struct batch);
    struct line *lines = RC_NEW_ARRAY(call->arena, struct line, n);
    if (!batch || !lines) return rc_fail_arena(err, call->arena);
    *batch = (struct batch){lines, n};
    call->state = batch;
    call->request = (struct rc_request){.arena = call->arena};
    enum rc_status status = read_lines(call, batch, &first, &nposted, err);
    if (status == RC_OK && !first) return api_batched(call, err);
    if (status == RC_OK) {
        call->parked = true;
        status = api_post_all(call, first, nposted, err);
    }
    if (status != RC_OK) free_lines(batch);
    return status;
}
