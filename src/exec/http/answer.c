/* Headers and body of an answer, from bytes to values. Everything here was written by somebody else: it is bounded
 * while it arrives, and what cannot be read makes the answer not usable, never the executor. */
#include "exec/http/answer.h"

#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "exec/text.h"

#include <strings.h>
#include <time.h>

enum {
    RETRY_AFTER_MAX = 30 * 24 * 60 * 60 /* seconds; more means "never", and the flow's own limits decide */
};

void http_intake_begin(struct http_intake *in, struct rc_arena *arena)
{
    *in = (struct http_intake){.head = rc_buf_in(arena, RC_MAX_IN_HEAD),
                               .body = rc_buf_in(arena, RC_MAX_ANSWER)};
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
size_t http_intake_header(char *p, size_t size, size_t n, void *context)
{
    struct http_intake *in = context;
    struct rc_sv line = {p, (uint32_t)(size * n)};
    if (in->head_done && (in->body.n || !rc_sv_starts(line, RC_SV("HTTP/")))) return line.n; /* a trailer */
    if (rc_sv_starts(line, RC_SV("HTTP/"))) { /* the first one, or the one after a 1xx answer */
        in->begun = true;
        in->head_done = false;
        in->head.n = 0;
        return line.n;
    }
    if (rc_sv_is(line, "\r\n") || rc_sv_is(line, "\n")) {
        in->head_done = true;
        return line.n;
    }
    rc_put(&in->head, line);
    in->head_full = in->head.status != RC_OK;
    return in->head_full ? 0 : line.n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
size_t http_intake_body(char *p, size_t size, size_t n, void *context)
{
    struct http_intake *in = context;
    struct rc_sv part = {p, (uint32_t)(size * n)};
    uint32_t room = in->body.limit - in->body.n;
    in->body_full = part.n > room;
    rc_put(&in->body, in->body_full ? (struct rc_sv){p, room} : part);
    if (in->body.status != RC_OK) in->body_full = true;
    return in->body_full ? 0 : part.n;
}

/* ---- headers ------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct rc_sv trimmed(struct rc_sv text)
{
    while (text.n && is_blank(text.p[0])) text.p++, text.n--;
    while (text.n && is_blank(text.p[text.n - 1])) text.n--;
    return text;
}

static void lower(char *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] - 'A' + 'a');
}

/* The next line as lower-case name and value; false at the end. *ret_fine is false for what is no header. */
static bool next_header(struct rc_buf *head, uint32_t *io_at, struct rc_sv *ret_name, struct rc_sv *ret_value,
                        bool *ret_fine)
{
    if (*io_at >= head->n) return false;
    char *line = head->p + *io_at;
    char *end = memchr(line, '\n', head->n - *io_at);
    uint32_t n = end ? (uint32_t)(end - line) : head->n - *io_at;
    *io_at += n + 1;
    char *colon = memchr(line, ':', n);
    *ret_fine = colon && colon > line && !is_blank(line[0]) && !is_blank(colon[-1]);
    if (!*ret_fine) return true;
    *ret_name = (struct rc_sv){line, (uint32_t)(colon - line)};
    lower(line, ret_name->n);
    *ret_value = trimmed((struct rc_sv){colon + 1, n - ret_name->n - 1});
    *ret_fine = rc_utf8_valid(*ret_name);
    return true;
}

static struct cel_value *find_pair(struct cel_value *pair, uint32_t n, struct rc_sv name)
{
    for (uint32_t i = 0; i < n; i++)
        if (rc_sv_eq(cel_text(pair[2 * i]), name)) return &pair[2 * i + 1];
    return NULL;
}

/* The head as a map, repeated names joined by ", " (RFC 9110, 5.3). NULL, or what is wrong with it. */
static const char *read_headers(struct http_intake *in, struct cel_value *ret_map)
{
    struct rc_arena *arena = in->head.arena;
    uint32_t lines = 0, n = 0, bad;
    for (uint32_t i = 0; i < in->head.n; i++) lines += in->head.p[i] == '\n';
    if (in->head_full || lines > RC_MAX_IN_HEADERS) return "the answer has too many headers";
    struct cel_value *pair = RC_NEW_ARRAY(arena, struct cel_value, 2 * (size_t)lines + 2);
    if (!pair) return rc_status_text(rc_arena_status(arena));
    struct rc_sv name = {0}, value = {0};
    bool fine;
    for (uint32_t at = 0; n <= lines && next_header(&in->head, &at, &name, &value, &fine);) {
        if (!fine) return "the answer has a malformed header";
        if (!rc_utf8_valid(value)) value = exec_clean_text(arena, value, RC_MAX_IN_HEAD);
        struct cel_value *before = find_pair(pair, n, name);
        if (before) {
            value = rc_text(arena, "%.*s, %.*s", (int)before->n, before->v.text, RC_SV_ARG(value));
            *before = cel_string(value);
        } else {
            pair[2 * n] = cel_string(name);
            pair[2 * n++ + 1] = cel_string(value);
        }
    }
    if (rc_arena_status(arena) != RC_OK) return rc_status_text(rc_arena_status(arena));
    if (!cel_map_sort(pair, n, &bad))
        return "the answer has a malformed header"; /* cannot be: names differ */
    *ret_map = (struct cel_value){.kind = CEL_MAP, .n = n, .v.items = pair};
    return NULL;
}

static struct rc_sv header(const struct cel_value *headers, const char *name)
{
    const struct cel_value *value = cel_map_get(headers, name);
    return value ? cel_text(*value) : (struct rc_sv){0};
}

/* Seconds, or a date (RFC 9110, 10.2.3); what is neither is no promise. */
static rc_us read_retry_after(struct rc_sv text)
{
    uint64_t seconds;
    char date[64];
    if (rc_parse_u64(text, &seconds))
        return RC_SECONDS(seconds < RETRY_AFTER_MAX ? seconds : RETRY_AFTER_MAX);
    if (text.n == 0 || text.n >= sizeof date) return 0;
    memcpy(date, text.p, text.n);
    date[text.n] = '\0';
    time_t then = curl_getdate(date, NULL), now = time(NULL);
    if (then == -1 || then <= now) return 0;
    return RC_SECONDS(then - now < RETRY_AFTER_MAX ? (uint64_t)(then - now) : RETRY_AFTER_MAX);
}

/* ---- body --------------------------------------------------------------------------------------------------------- */

static bool says_json(struct rc_sv type)
{
    const char *end = type.n ? memchr(type.p, ';', type.n) : NULL;
    if (end) type.n = (uint32_t)(end - type.p);
    type = trimmed(type);
    static const char whole[] = "application/json", suffix[] = "+json";
    const uint32_t n = sizeof whole - 1, m = sizeof suffix - 1;
    return (type.n == n && strncasecmp(type.p, whole, n) == 0) ||
           (type.n > m && strncasecmp(type.p + type.n - m, suffix, m) == 0);
}

/* NULL, or why the body cannot be used; may be written into the arena. */
static const char *read_body(struct http_intake *in, bool json, struct cel_value *ret_body)
{
    struct rc_sv text = rc_buf_sv(&in->body);
    if (text.n == 0) return NULL; /* null */
    if (json) {
        struct rc_error err;
        enum rc_status status = rc_json_parse(text, in->body.arena, ret_body, &err);
        if (status == RC_OK) return NULL;
        struct rc_sv why =
            rc_text(in->body.arena, "the answer is not JSON that can be read: %.150s", err.text);
        return why.p ? why.p : rc_status_text(status);
    }
    if (!rc_utf8_valid(text)) return "the answer is not UTF-8";
    *ret_body = cel_string(text);
    return NULL;
}

void http_answer_read(struct http_intake *in, const struct http_request *request, uint16_t status,
                      const char *cut, struct rc_result *ret)
{
    exec_mask(&in->head, request->secret, request->nsecret);
    exec_mask(&in->body, request->secret, request->nsecret);
    *ret = (struct rc_result){.reach = RC_ANSWERED, .status = status, .body = cel_null()};
    ret->headers = (struct cel_value){.kind = CEL_MAP};
    const char *why = read_headers(in, &ret->headers);
    ret->retry_after = read_retry_after(header(&ret->headers, "retry-after"));
    if (!why && in->body_full) why = "the answer is larger than is read";
    if (!why) why = cut;
    if (!why) why = read_body(in, says_json(header(&ret->headers, "content-type")), &ret->body);
    ret->usable = why == NULL;
    if (why) {
        ret->error = rc_sv_of(why);
        ret->body = cel_null();
    }
    if (why || status >= 400)
        ret->excerpt = exec_clean_text(in->body.arena, rc_buf_sv(&in->body), RC_MAX_EXCERPT);
}
