/* Requests of HTTP/1.1 (http_parse.h). Lines are found with memchr and looked at once, when the head is complete. */
#include "api/http_parse.h"

#include "base/num.h"

#include <strings.h>

static enum http_found refuse(struct http_refusal *ret, enum rc_status status, const char *why)
{
    *ret = (struct http_refusal){.status = status, .why = why};
    return HTTP_REFUSED;
}

/* "the body is larger than", 1048576, "bytes" */
static enum http_found refuse_over(struct http_refusal *ret, enum rc_status status, const char *why,
                                   uint64_t most, const char *unit)
{
    *ret = (struct http_refusal){status, why, most, unit};
    return HTTP_REFUSED;
}

static enum http_found malformed(struct http_refusal *ret, const char *why)
{
    return refuse(ret, RC_SYNTAX, why);
}

/* ---- characters ---------------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool is_tchar(char c)
{
    return is_alnum(c) || c == '-' || is_one_of(c, "_!#$%&'*+.^`|~");
}

static bool is_target_char(char c)
{
    return is_alnum(c) || is_one_of(c, "/-._~?=&%:+,;@!$'()*[]");
}

static bool is_host_char(char c)
{
    return is_alnum(c) || is_one_of(c, ".-:[]_~%!$&'()*+,;=");
}

/* Visible characters, blanks, tabs, and bytes above ASCII (obs-text). */
static bool is_value_char(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 0x20 && u != 0x7f) || u == '\t';
}

static bool all(struct rc_sv text, bool (*is)(char))
{
    for (uint32_t i = 0; i < text.n; i++)
        if (!is(text.p[i])) return false;
    return true;
}

bool http_is_token(struct rc_sv text)
{
    return text.n && all(text, is_tchar);
}

bool http_same_name(struct rc_sv text, const char *name)
{
    return text.n == strlen(name) && strncasecmp(text.p, name, text.n) == 0;
}

static struct rc_sv trim(struct rc_sv text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t')) text = (struct rc_sv){text.p + 1, text.n - 1};
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t')) text.n--;
    return text;
}

static struct http_span span_of(const char *bytes, struct rc_sv part)
{
    return (struct http_span){(uint16_t)(part.p - bytes), (uint16_t)part.n};
}

/* ---- the end of a head --------------------------------------------------------------------------------- */

enum { METHOD_ROOM = 64 }; /* of a request line, beside its target */

/* Whether the request line is the one at this place. */
static bool is_first(const char *bytes, uint32_t at)
{
    return at == 0 || (at == 2 && bytes[0] == '\r');
}

/* A method, or the one empty line before it. */
static bool begins_well(const char *bytes, uint32_t n, uint32_t at)
{
    if (at == 0 && n && bytes[0] == '\r') return n == 1 || bytes[1] == '\n';
    return !is_first(bytes, at) || at == n || is_tchar(bytes[at]) || bytes[at] == '\r' || bytes[at] == '\n';
}

static enum http_found refuse_line(struct http_refusal *ret, const struct http_bounds *bounds)
{
    uint64_t most = (uint64_t)bounds->target + METHOD_ROOM;
    return refuse_over(ret, RC_TARGET_TOO_LONG, "the request line is longer than", most, "bytes");
}

/* The line that is not complete yet. */
static enum http_found look_at_rest(const char *bytes, uint32_t n, uint32_t at,
                                    const struct http_bounds *bounds, struct http_refusal *ret)
{
    if (is_first(bytes, at) && n - at > bounds->target + METHOD_ROOM) return refuse_line(ret, bounds);
    if (n > bounds->head)
        return refuse_over(ret, RC_HEAD_TOO_LARGE, "the headers are larger than", bounds->head, "bytes");
    return HTTP_MORE;
}

enum http_found http_head_find(const char *bytes, uint32_t n, const struct http_bounds *bounds,
                               uint32_t *io_at, struct http_refusal *ret)
{
    uint32_t most = n < bounds->head ? n : bounds->head;
    for (uint32_t at = *io_at;;) {
        if (!begins_well(bytes, n, at))
            return malformed(ret, "this is no request of HTTP (and this port does not speak TLS)");
        const char *end = at < most ? memchr(bytes + at, '\n', most - at) : NULL;
        if (!end) {
            *io_at = at;
            return look_at_rest(bytes, n, at, bounds, ret);
        }
        uint32_t next = (uint32_t)(end - bytes) + 1;
        if (next - at < 2 || end[-1] != '\r') return malformed(ret, "a line does not end in CR LF");
        if (next - at == 2 && at > 0) {
            if (at == 2) return malformed(ret, "there is no request line");
            *io_at = next;
            return HTTP_WHOLE;
        }
        if (is_first(bytes, at) && next - at > bounds->target + METHOD_ROOM) return refuse_line(ret, bounds);
        at = next;
    }
}

/* ---- request line -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {{"GET", HTTP_GET},       {"POST", HTTP_POST},   {"HEAD", HTTP_HEAD},      {"PUT", HTTP_PUT},
               {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH}, {"OPTIONS", HTTP_OPTIONS}};

static enum http_found read_method(struct rc_sv text, struct http_head *head, struct http_refusal *ret)
{
    for (unsigned i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!rc_sv_is(text, methods[i].name)) continue;
        head->method = methods[i].method;
        return HTTP_WHOLE;
    }
    if (!http_is_token(text)) return malformed(ret, "the request line is not METHOD TARGET HTTP/1.1");
    return refuse(ret, RC_NOT_IMPLEMENTED, "the server does not know this method");
}

/* "http://host:port" of an absolute target; *io_target is then what follows it. */
static enum http_found take_authority(const char *bytes, struct rc_sv *io_target, struct http_head *head,
                                      struct http_refusal *ret)
{
    static const char *const scheme[] = {"http://", "https://"};
    for (unsigned i = 0; i < sizeof scheme / sizeof *scheme; i++) {
        uint32_t n = (uint32_t)strlen(scheme[i]), skip = n;
        if (io_target->n <= n || strncasecmp(io_target->p, scheme[i], n) != 0) continue;
        while (skip < io_target->n && !is_one_of(io_target->p[skip], "/?")) skip++;
        struct rc_sv host = {io_target->p + n, skip - n};
        if (!host.n || !all(host, is_host_char)) break;
        head->host = span_of(bytes, host);
        *io_target = (struct rc_sv){io_target->p + skip, io_target->n - skip};
        return HTTP_WHOLE;
    }
    return malformed(ret, "the request target is neither a path nor an address of http");
}

static enum http_found read_target(const char *bytes, struct rc_sv target, const struct http_bounds *bounds,
                                   struct http_head *head, struct http_refusal *ret)
{
    if (target.n > bounds->target)
        return refuse_over(ret, RC_TARGET_TOO_LONG, "the request target is longer than", bounds->target,
                           "bytes");
    if (!all(target, is_target_char))
        return malformed(ret, "the request target has a character that must be percent-encoded");
    if (target.n == 0 || target.p[0] != '/') {
        enum http_found found = take_authority(bytes, &target, head, ret);
        if (found != HTTP_WHOLE) return found;
    }
    const char *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
    uint32_t n = mark ? (uint32_t)(mark - target.p) : target.n;
    head->path = span_of(bytes, (struct rc_sv){target.p, n});
    if (mark) head->query = span_of(bytes, (struct rc_sv){mark + 1, target.n - n - 1});
    return HTTP_WHOLE;
}

static enum http_found read_version(struct rc_sv text, bool *ret_old, struct http_refusal *ret)
{
    bool version = text.n == 8 && rc_sv_starts(text, RC_SV("HTTP/")) && text.p[6] == '.' &&
                   text.p[5] >= '0' && text.p[5] <= '9' && text.p[7] >= '0' && text.p[7] <= '9';
    if (!version) return malformed(ret, "the request line is not METHOD TARGET HTTP/1.1");
    if (text.p[5] != '1') return refuse(ret, RC_HTTP_VERSION, "the server speaks HTTP/1.1");
    *ret_old = text.p[7] == '0';
    return HTTP_WHOLE;
}

static enum http_found read_request_line(const char *bytes, struct rc_sv line,
                                         const struct http_bounds *bounds, struct http_head *head,
                                         bool *ret_old, struct http_refusal *ret)
{
    const char *first = memchr(line.p, ' ', line.n), *second = line.n ? memrchr(line.p, ' ', line.n) : NULL;
    if (!first || !second || first == second)
        return malformed(ret, "the request line is not METHOD TARGET HTTP/1.1");
    const char *end = line.p + line.n;
    enum http_found found =
        read_version((struct rc_sv){second + 1, (uint32_t)(end - second - 1)}, ret_old, ret);
    if (found == HTTP_WHOLE)
        found = read_method((struct rc_sv){line.p, (uint32_t)(first - line.p)}, head, ret);
    if (found != HTTP_WHOLE) return found;
    return read_target(bytes, (struct rc_sv){first + 1, (uint32_t)(second - first - 1)}, bounds, head, ret);
}

/* ---- header lines -------------------------------------------------------------------------------------- */

/* What has been seen of the headers that decide about framing. */
struct seen {
    unsigned lengths, codings, hosts;
    bool old; /* HTTP/1.0 */
};

static bool has_word(struct rc_sv list, const char *word)
{
    while (list.n) {
        const char *comma = memchr(list.p, ',', list.n);
        uint32_t n = comma ? (uint32_t)(comma - list.p) : list.n, skip = comma ? n + 1 : n;
        if (http_same_name(trim((struct rc_sv){list.p, n}), word)) return true;
        list = (struct rc_sv){list.p + skip, list.n - skip};
    }
    return false;
}

static enum http_found read_length(struct rc_sv value, struct http_head *head, struct http_refusal *ret)
{
    for (uint32_t i = 0; i < value.n; i++)
        if (value.p[i] < '0' || value.p[i] > '9') return malformed(ret, "Content-Length is not a number");
    if (!rc_parse_u64(value, &head->length)) return malformed(ret, "Content-Length is not a number");
    return HTTP_WHOLE;
}

static enum http_found read_known(const char *bytes, struct rc_sv name, struct rc_sv value, struct seen *seen,
                                  struct http_head *head, struct http_refusal *ret)
{
    if (http_same_name(name, "Host")) {
        if (seen->hosts++) return malformed(ret, "there must be exactly one Host header");
        if (!all(value, is_host_char)) return malformed(ret, "the Host header is no name of a host");
        if (!head->host.n) head->host = span_of(bytes, value);
    } else if (http_same_name(name, "Content-Length")) {
        if (seen->lengths++) return malformed(ret, "there is more than one Content-Length");
        return read_length(value, head, ret);
    } else if (http_same_name(name, "Transfer-Encoding")) {
        if (seen->codings++) return malformed(ret, "there is more than one Transfer-Encoding");
        head->chunked = http_same_name(value, "chunked");
        if (!head->chunked)
            return refuse(ret, RC_NOT_IMPLEMENTED, "the only transfer coding that is understood is chunked");
    } else if (http_same_name(name, "Connection")) {
        head->last |= has_word(value, "close");
    } else if (http_same_name(name, "Expect")) {
        head->expects = http_same_name(value, "100-continue");
        if (!head->expects)
            return refuse(ret, RC_EXPECTATION, "the only expectation that is understood is 100-continue");
    }
    return HTTP_WHOLE;
}

/* Name and value of a line. */
static enum http_found split(struct rc_sv line, struct rc_sv *ret_name, struct rc_sv *ret_value,
                             struct http_refusal *ret)
{
    if (line.p[0] == ' ' || line.p[0] == '\t') return malformed(ret, "a header line is folded");
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon) return malformed(ret, "a header line has no colon");
    *ret_name = (struct rc_sv){line.p, (uint32_t)(colon - line.p)};
    *ret_value = trim((struct rc_sv){colon + 1, line.n - ret_name->n - 1});
    if (!http_is_token(*ret_name)) return malformed(ret, "a header's name is not a token");
    if (!all(*ret_value, is_value_char)) return malformed(ret, "a header's value has a control character");
    return HTTP_WHOLE;
}

static enum http_found read_line(const char *bytes, struct rc_sv line, const struct http_bounds *bounds,
                                 struct seen *seen, struct http_head *head, struct http_refusal *ret)
{
    struct rc_sv name, value;
    if (head->nlines == bounds->lines || head->nlines == HTTP_MOST_LINES)
        return refuse_over(ret, RC_HEAD_TOO_LARGE, "the headers have more than", head->nlines, "lines");
    enum http_found found = split(line, &name, &value, ret);
    if (found != HTTP_WHOLE) return found;
    head->line[head->nlines++] = (struct http_line){span_of(bytes, name), span_of(bytes, value)};
    return read_known(bytes, name, value, seen, head, ret);
}

static enum http_found refuse_body(struct http_refusal *ret, uint64_t most)
{
    return refuse_over(ret, RC_LIMIT, "the body is larger than", most, "bytes");
}

/* What the headers say together. */
static enum http_found check(const struct seen *seen, const struct http_bounds *bounds,
                             struct http_head *head, struct http_refusal *ret)
{
    if (seen->hosts == 0 && !seen->old) return malformed(ret, "there must be exactly one Host header");
    if (head->chunked && seen->lengths)
        return malformed(ret, "Content-Length and Transfer-Encoding must not stand together");
    if (head->chunked && seen->old) return malformed(ret, "HTTP/1.0 has no Transfer-Encoding");
    if (head->length > bounds->body) return refuse_body(ret, bounds->body);
    head->old = seen->old;
    head->last |= seen->old;
    head->expects &= !seen->old && (head->chunked || head->length);
    return HTTP_WHOLE;
}

/* The next line, without its end. */
static struct rc_sv take_line(const char *bytes, uint32_t n, uint32_t *io_at)
{
    const char *end = memchr(bytes + *io_at, '\n', n - *io_at); /* there is one: the head has been found */
    struct rc_sv line = {bytes + *io_at, (uint32_t)(end - bytes) - 1 - *io_at};
    *io_at += line.n + 2;
    return line;
}

enum http_found http_head_read(const char *bytes, uint32_t n, const struct http_bounds *bounds,
                               struct http_head *ret, struct http_refusal *ret_refusal)
{
    struct seen seen = {0};
    uint32_t at = bytes[0] == '\r' ? 2 : 0;
    ret->method = HTTP_OTHER;
    ret->path = ret->query = ret->host = (struct http_span){0};
    ret->nlines = 0;
    ret->n = n;
    ret->length = 0;
    ret->chunked = ret->last = ret->expects = false;
    struct rc_sv line = take_line(bytes, n, &at);
    enum http_found found = read_request_line(bytes, line, bounds, ret, &seen.old, ret_refusal);
    while (found == HTTP_WHOLE && (line = take_line(bytes, n, &at)).n)
        found = read_line(bytes, line, bounds, &seen, ret, ret_refusal);
    return found == HTTP_WHOLE ? check(&seen, bounds, ret, ret_refusal) : found;
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

enum { CHUNK_LINE, CHUNK_DATA, CHUNK_END, TRAILER };

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Size and extensions; these are looked at and forgotten (RFC 9112 section 7.1.1). */
static bool read_size(struct rc_sv line, uint32_t *ret)
{
    uint32_t size = 0, i = 0;
    for (; i < line.n && i < 8 && hex(line.p[i]) >= 0; i++) size = size << 4 | (uint32_t)hex(line.p[i]);
    struct rc_sv rest = {line.p + i, line.n - i};
    if (i == 0 || (rest.n && trim(rest).p[0] != ';') || !all(rest, is_value_char)) return false;
    *ret = size;
    return true;
}

static enum http_found chunk_line(struct http_chunks *chunks, struct rc_sv line, uint64_t most,
                                  struct http_refusal *ret)
{
    if (chunks->state == TRAILER) {
        struct rc_sv name, value;
        if (line.n == 0) return HTTP_WHOLE;
        return split(line, &name, &value, ret) == HTTP_WHOLE ? HTTP_MORE : HTTP_REFUSED;
    }
    if (!read_size(line, &chunks->left)) return malformed(ret, "a chunk's size is not a number");
    if (chunks->left > most - chunks->n) return refuse_body(ret, most);
    chunks->state = chunks->left ? CHUNK_DATA : TRAILER;
    return HTTP_MORE;
}

/* A line of the framing; *ret_n is what it takes, 0 where it is not complete. */
static enum http_found take_chunk_line(struct http_chunks *chunks, struct rc_sv raw, uint64_t most,
                                       uint32_t *ret_n, struct http_refusal *ret)
{
    uint32_t room = chunks->state == TRAILER ? HTTP_MAX_TRAILER - chunks->trailer : HTTP_MAX_CHUNK;
    const char *end = raw.n ? memchr(raw.p, '\n', raw.n) : NULL;
    uint32_t n = end ? (uint32_t)(end - raw.p) + 1 : raw.n;
    *ret_n = 0;
    if (n > room)
        return chunks->state == TRAILER
                   ? refuse_over(ret, RC_HEAD_TOO_LARGE, "the trailers are larger than", HTTP_MAX_TRAILER,
                                 "bytes")
                   : refuse_over(ret, RC_SYNTAX, "the line before a chunk is longer than", HTTP_MAX_CHUNK,
                                 "bytes");
    if (!end) return HTTP_MORE;
    if (n < 2 || end[-1] != '\r') return malformed(ret, "a line does not end in CR LF");
    if (chunks->state == TRAILER) chunks->trailer += n;
    *ret_n = n;
    return chunk_line(chunks, (struct rc_sv){raw.p, n - 2}, most, ret);
}

/* Data goes to the end of what is decoded; *ret_n is what was taken of the raw bytes. */
static enum http_found take_data(struct http_chunks *chunks, char *bytes, struct rc_sv raw, uint32_t *ret_n,
                                 struct http_refusal *ret)
{
    *ret_n = 0;
    if (chunks->state == CHUNK_DATA) {
        uint32_t n = raw.n < chunks->left ? raw.n : chunks->left;
        memmove(bytes + chunks->n, raw.p, n);
        chunks->n += n;
        chunks->left -= n;
        if (!chunks->left) chunks->state = CHUNK_END;
        *ret_n = n;
        return HTTP_MORE;
    }
    if (raw.n && (raw.p[0] != '\r' || (raw.n > 1 && raw.p[1] != '\n')))
        return malformed(ret, "a chunk is longer than its size");
    if (raw.n < 2) return HTTP_MORE;
    chunks->state = CHUNK_LINE;
    *ret_n = 2;
    return HTTP_MORE;
}

enum http_found http_chunks_read(struct http_chunks *chunks, char *bytes, uint32_t *io_n, uint64_t most,
                                 struct http_refusal *ret)
{
    uint32_t at = chunks->n, taken = 1; /* the raw bytes begin behind the decoded ones */
    enum http_found found = HTTP_MORE;
    while (found == HTTP_MORE && taken) {
        struct rc_sv raw = {bytes + at, *io_n - at};
        bool data = chunks->state == CHUNK_DATA || chunks->state == CHUNK_END;
        found = data ? take_data(chunks, bytes, raw, &taken, ret)
                     : take_chunk_line(chunks, raw, most, &taken, ret);
        at += taken;
    }
    memmove(bytes + chunks->n, bytes + at, *io_n - at);
    *io_n -= at - chunks->n;
    return found;
}
