/* Answers of the HTTP server: heads, bodies, problems. Those without an end: http_stream.c. */
#include "api/http_inside.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEAD_ROOM = 1024, SMALL_OUT = 16 << 10 /* needs no leave */, MAX_OUT = 1 << 30 };

/* ---- bytes --------------------------------------------------------------------------------------------- */

bool http_may_buffer(const struct http_server *server, uint64_t more)
{
    uint64_t most = server->options.max_buffers;
    return !most || server->buffered + more <= most;
}

bool http_reserve(struct http_exchange *conn, size_t more)
{
    size_t cap = conn->out_cap, need = conn->out_n + more;
    if (need <= cap) return true;
    if (need > MAX_OUT) return false;
    cap = cap ? 2 * cap : need;
    while (cap < need) cap *= 2;
    if (cap > SMALL_OUT && !http_may_buffer(conn->server, cap - conn->out_cap)) return false;
    char *out = realloc(conn->out, cap);
    if (!out) return false;
    conn->server->buffered += cap - conn->out_cap;
    conn->out = out;
    conn->out_cap = (uint32_t)cap;
    return true;
}

/* Within what was reserved. */
void http_add(struct http_exchange *conn, const char *bytes, size_t n)
{
    if (n) memcpy(conn->out + conn->out_n, bytes, n);
    conn->out_n += (uint32_t)n;
}

void http_add_text(struct http_exchange *conn, const char *text)
{
    http_add(conn, text, strlen(text));
}

static void add_number(struct http_exchange *conn, uint32_t number)
{
    char text[RC_NUM_TEXT];
    http_add(conn, text, rc_format_u64(number, text));
}

bool http_put(struct http_exchange *conn, struct rc_sv bytes)
{
    if (!http_reserve(conn, bytes.n)) return false;
    http_add(conn, bytes.p, bytes.n);
    return true;
}

/* ---- heads --------------------------------------------------------------------------------------------- */

static const char *phrase_of(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } row[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].status == status) return row[i].phrase;
    return "Unknown";
}

/* "Date: Sat, 21 Nov 2026 09:45:26 GMT" (RFC 9110 section 5.6.7), made once a second. */
static const char *date_line(struct http_server *server)
{
    static const char day_name[] = "ThuFriSatSunMonTueWed";
    static const char month_name[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    if (now == server->date_of) return server->date;
    unsigned year, month, day, second = (unsigned)(now % 86400);
    rc_date_from_days(now / 86400, &year, &month, &day);
    snprintf(server->date, sizeof server->date, "Date: %.3s, %02u %.3s %04u %02u:%02u:%02u GMT\r\n",
             day_name + 3 * (now / 86400 % 7), day % 100, month_name + 3 * (month - 1), year % 10000,
             second / 3600 % 24, second / 60 % 60, second % 60);
    server->date_of = now;
    return server->date;
}

/* A value that would break out of its line is left out with its header. */
static bool is_safe(const struct http_field *field)
{
    return !strpbrk(field->value, "\r\n") && http_is_token(rc_sv_of(field->name));
}

size_t http_head_room(const struct http_field *fields, uint32_t nfields)
{
    size_t n = HEAD_ROOM;
    for (uint32_t i = 0; i < nfields; i++) n += strlen(fields[i].name) + strlen(fields[i].value) + 4;
    return n;
}

/* Within what was reserved: HEAD_ROOM and the size of the fields. The empty line is the caller's. */
void http_add_head(struct http_exchange *conn, int status, const struct http_field *fields, uint32_t nfields,
                   bool post)
{
    http_add(conn, "HTTP/1.1 ", 9);
    add_number(conn, (uint32_t)status);
    http_add(conn, " ", 1);
    http_add_text(conn, phrase_of(status));
    http_add(conn, "\r\n", 2);
    for (uint32_t i = 0; i < nfields; i++) {
        if (!is_safe(&fields[i])) continue;
        http_add_text(conn, fields[i].name);
        http_add(conn, ": ", 2);
        http_add_text(conn, fields[i].value);
        http_add(conn, "\r\n", 2);
    }
    /* what a browser may show as a page of its own: it must not guess at the type, nor keep a copy */
    if (!post) http_add_text(conn, "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
    http_add_text(conn, date_line(conn->server));
    if (conn->last) http_add_text(conn, "Connection: close\r\n");
}

/* ---- one answer ---------------------------------------------------------------------------------------- */

static void answer(struct http_exchange *conn, enum http_method method, int status,
                   const struct http_field *fields, uint32_t nfields, struct rc_sv body)
{
    uint32_t sent = method == HTTP_HEAD ? 0 : body.n;
    if (!http_reserve(conn, http_head_room(fields, nfields) + sent)) {
        http_drop(conn); /* not even that much memory */
        return;
    }
    http_add_head(conn, status, fields, nfields, method == HTTP_POST);
    http_add_text(conn, "Content-Length: ");
    add_number(conn, body.n);
    http_add(conn, "\r\n\r\n", 4);
    http_add(conn, body.p, sent);
    http_answered(conn);
}

void http_answer(struct http_exchange *conn, int status, const struct http_field *fields, uint32_t nfields,
                 struct rc_sv body)
{
    answer(conn, conn->head->method, status, fields, nfields, body);
}

void http_refuse(struct http_exchange *conn, struct http_refusal refusal)
{
    char body[512], bound[64] = "";
    int status = rc_status_http(refusal.status);
    const char *slug = rc_status_slug(refusal.status);
    if (refusal.unit)
        snprintf(bound, sizeof bound, " %llu %s", (unsigned long long)refusal.most, refusal.unit);
    int n = snprintf(
        body, sizeof body,
        "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":\"%s%s\"}",
        slug, rc_status_text(refusal.status), status, slug, refusal.why, bound);
    const struct http_field fields[] = {{"Content-Type", "application/problem+json"}, {"Retry-After", "1"}};
    conn->last = conn->refused = true;
    conn->server->stats.refused++;
    answer(conn, HTTP_OTHER, status, fields, rc_status_retryable(refusal.status) ? 2 : 1,
           (struct rc_sv){body, (uint32_t)n});
}

void http_drop(struct http_exchange *conn)
{
    http_end_exchange(conn);
}

void http_last(struct http_exchange *conn)
{
    conn->last = true;
}

struct rc_sv http_header(const struct http_exchange *conn, const char *name, bool *ret_more)
{
    struct rc_sv found = {0};
    size_t n = strlen(name);
    if (ret_more) *ret_more = false;
    for (uint32_t i = 0; i < conn->head->nlines; i++) {
        const struct http_line *line = &conn->head->line[i];
        if (line->name.n != n ||
            !http_same_name((struct rc_sv){conn->in + line->name.at, line->name.n}, name))
            continue;
        if (!found.p)
            found = (struct rc_sv){conn->in + line->value.at, line->value.n};
        else if (ret_more)
            *ret_more = true;
    }
    return found;
}
