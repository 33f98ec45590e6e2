/* base + path + query. Templates have encoded what they inserted into the path; here the last check is made that
 * nothing in it leads out of the base. */
#include "exec/http/url.h"

#include "base/limits.h"

static bool is_unreserved(unsigned char c) /* RFC 3986, 2.3 */
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c));
}

static void put_percent(struct rc_buf *url, unsigned char c)
{
    static const char digit[] = "0123456789ABCDEF";
    const char text[3] = {'%', digit[c >> 4], digit[c & 15]};
    rc_put(url, (struct rc_sv){text, 3});
}

static void put_encoded(struct rc_buf *url, struct rc_sv text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        if (is_unreserved((unsigned char)text.p[i]))
            rc_put_char(url, text.p[i]);
        else
            put_percent(url, (unsigned char)text.p[i]);
    }
}

bool http_put_scalar(struct rc_buf *buf, const struct cel_value *value)
{
    switch ((enum cel_kind)value->kind) {
    case CEL_STRING: rc_put(buf, cel_text(*value)); return true;
    case CEL_BOOL:
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE: cel_put_json(buf, *value); return true;
    case CEL_DURATION:
    case CEL_TIMESTAMP: {
        uint32_t from = buf->n;
        cel_put_json(buf, *value); /* a string of plain characters: its quotes go */
        if (buf->status != RC_OK || buf->n < from + 2) return true;
        memmove(buf->p + from, buf->p + from + 1, buf->n - from - 2);
        buf->n -= 2;
        return true;
    }
    case CEL_NULL:
    case CEL_BYTES:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TYPE:
    case CEL_SECRET:
    case CEL_UNKNOWN:
    case CEL_KINDS: break;
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The byte that stands at i, percent-decoded; moves i behind it. */
static char decoded(struct rc_sv text, uint32_t *io_i)
{
    uint32_t i = (*io_i)++;
    if (text.p[i] != '%' || i + 2 >= text.n) return text.p[i];
    int high = hex_digit(text.p[i + 1]), low = hex_digit(text.p[i + 2]);
    if (high < 0 || low < 0) return text.p[i];
    *io_i = i + 3;
    return (char)(high << 4 | low);
}

/* Whether a segment is "." or "..", as a server sees it that decodes before it splits. */
static bool has_dot_segment(struct rc_sv path)
{
    unsigned length = 0, dots = 0;
    for (uint32_t i = 0; i < path.n;) {
        char c = decoded(path, &i);
        if (c == '/' || c == '\\') {
            if (length && length == dots && dots <= 2) return true;
            length = dots = 0;
        } else {
            length++;
            dots += c == '.';
        }
    }
    return length && length == dots && dots <= 2;
}

static enum rc_status put_path(struct rc_buf *url, const struct cel_value *value, struct rc_error *err)
{
    if (!value || value->kind != CEL_STRING) return rc_fail(err, RC_INVALID, "path: must be a string");
    struct rc_sv path = cel_text(*value);
    if (path.n == 0 || path.p[0] != '/') return rc_fail(err, RC_INVALID, "path: must begin with '/'");
    uint32_t end = 0; /* of the path proper: a literal query may follow */
    while (end < path.n && path.p[end] != '?') end++;
    if (has_dot_segment((struct rc_sv){path.p, end}))
        return rc_fail(err, RC_INVALID, "path: \".\" and \"..\" are not allowed as segments");
    for (uint32_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c <= ' ' || c == 0x7f || c == '#' || c == '\\')
            return rc_fail(err, RC_INVALID, "path: byte 0x%02x at position %u is not allowed", c, i + 1);
        if (c > 0x7f)
            put_percent(url, c);
        else
            rc_put_char(url, path.p[i]);
    }
    return RC_OK;
}

static enum rc_status put_pair(struct rc_buf *url, struct rc_sv name, const struct cel_value *value,
                               struct rc_error *err)
{
    struct rc_buf text = rc_buf_in(url->arena, RC_MAX_URL);
    if (!http_put_scalar(&text, value))
        return rc_fail(err, RC_INVALID, "query.%.*s: a %s cannot stand in an address", RC_SV_ARG(name),
                       cel_kind_name((enum cel_kind)value->kind));
    if (text.status != RC_OK) return rc_fail(err, text.status, "query.%.*s: too long", RC_SV_ARG(name));
    bool first = !url->n || !memchr(url->p, '?', url->n);
    rc_put_char(url, first ? '?' : '&');
    put_encoded(url, name);
    rc_put_char(url, '=');
    put_encoded(url, rc_buf_sv(&text));
    return RC_OK;
}

static enum rc_status put_query(struct rc_buf *url, const struct cel_value *query, struct rc_error *err)
{
    if (query->kind != CEL_MAP) return rc_fail(err, RC_INVALID, "query: must be a map");
    for (uint32_t i = 0; i < query->n; i++) {
        const struct cel_value *key = &query->v.items[2 * i], *value = key + 1;
        if (key->kind != CEL_STRING) return rc_fail(err, RC_INVALID, "query: a name must be a string");
        bool list = value->kind == CEL_LIST;
        const struct cel_value *item = list ? value->v.items : value;
        for (uint32_t k = 0; k < (list ? value->n : 1); k++) {
            enum rc_status status = put_pair(url, cel_text(*key), &item[k], err);
            if (status != RC_OK) return status;
            if (url->status != RC_OK) return RC_OK; /* full: http_url says so */
        }
    }
    return RC_OK;
}

enum rc_status http_url(struct rc_sv base, const struct cel_value *path, const struct cel_value *query,
                        struct rc_arena *arena, const char **ret_url, struct rc_error *err)
{
    struct rc_buf url = rc_buf_in(arena, RC_MAX_URL + 1);
    rc_put(&url, base);
    enum rc_status status = put_path(&url, path, err);
    if (status == RC_OK && query) status = put_query(&url, query, err);
    if (status != RC_OK) return status;
    rc_put_char(&url, '\0');
    if (url.status == RC_LIMIT)
        return rc_fail(err, RC_LIMIT, "the address is longer than %d bytes", RC_MAX_URL);
    if (url.status != RC_OK) return rc_fail(err, url.status, "%s", rc_status_text(url.status));
    *ret_url = url.p;
    return RC_OK;
}
