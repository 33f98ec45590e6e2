/* Values as JSON text. What JSON has no word for becomes a string, so that every value can be shown. */
#include "cel/order.h"

#include "base/num.h"
#include "cel/secret.h"
#include "cel/time.h"

#include <math.h>

static void put_base64(struct rc_buf *buf, struct rc_sv bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    rc_put_char(buf, '"');
    for (uint32_t at = 0; at < bytes.n; at += 3) {
        uint32_t n = bytes.n - at < 3 ? bytes.n - at : 3, bits = 0;
        for (uint32_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < n ? (uint32_t)(unsigned char)bytes.p[at + i] : 0);
        char quad[4];
        memset(quad, '=', sizeof quad);
        for (uint32_t i = 0; i <= n; i++) quad[i] = digits[bits >> (18 - 6 * i) & 63];
        rc_put(buf, (struct rc_sv){quad, sizeof quad});
    }
    rc_put_char(buf, '"');
}

static void put_secret(struct rc_buf *buf, struct cel_value value)
{
    struct cel_secret_part part;
    for (uint32_t at = 0; cel_secret_next(value, &at, &part);) {
        if (part.hole) rc_put_text(buf, "secret(");
        rc_put(buf, part.text);
        if (part.hole) rc_put_char(buf, ')');
    }
}

/* With a fraction or an exponent, so that it comes back as a double. */
static void put_double(struct rc_buf *buf, double number)
{
    char text[RC_NUM_TEXT];
    struct rc_sv digits = {text, rc_format_double(number, text)};
    rc_put(buf, digits);
    bool whole = isfinite(number);
    for (uint32_t i = 0; i < digits.n; i++) whole &= digits.p[i] != '.' && digits.p[i] != 'e';
    if (whole) rc_put_text(buf, ".0");
}

/* The value as text without quotes; only what is no string, list or map. */
static void put_plain(struct rc_buf *buf, struct cel_value value)
{
    _Static_assert((int)CEL_TIME_TEXT >= (int)RC_NUM_TEXT, "room for both");
    char text[CEL_TIME_TEXT];
    switch ((enum cel_kind)value.kind) {
    case CEL_NULL: rc_put(buf, RC_SV("null")); break;
    case CEL_BOOL: rc_put(buf, value.v.b ? RC_SV("true") : RC_SV("false")); break;
    case CEL_INT: rc_put_i64(buf, value.v.i); break;
    case CEL_UINT: rc_put_u64(buf, value.v.u); break;
    case CEL_DOUBLE: put_double(buf, value.v.d); break;
    case CEL_DURATION: rc_put(buf, (struct rc_sv){text, cel_format_duration(value, text)}); break;
    case CEL_TIMESTAMP: rc_put(buf, (struct rc_sv){text, cel_format_timestamp(value, text)}); break;
    case CEL_UNKNOWN: rc_put(buf, RC_SV("unknown")); break;
    case CEL_SECRET: put_secret(buf, value); break;
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_KINDS: break;
    }
}

static void put_quoted(struct rc_buf *buf, struct cel_value value)
{
    if (value.kind == CEL_SECRET) { /* its literal parts may hold anything */
        struct rc_buf text = rc_buf_in(buf->arena, UINT32_MAX);
        put_secret(&text, value);
        if (text.status != RC_OK) buf->status = text.status;
        rc_put_json(buf, rc_buf_sv(&text));
        return;
    }
    rc_put_char(buf, '"');
    put_plain(buf, value);
    rc_put_char(buf, '"');
}

static void put_list(struct rc_buf *buf, struct cel_value list)
{
    rc_put_char(buf, '[');
    for (uint32_t i = 0; i < list.n && buf->status == RC_OK; i++) {
        if (i > 0) rc_put_char(buf, ',');
        cel_put_json(buf, list.v.items[i]);
    }
    rc_put_char(buf, ']');
}

static void put_map(struct rc_buf *buf, struct cel_value map)
{
    rc_put_char(buf, '{');
    for (uint32_t i = 0; i < map.n && buf->status == RC_OK; i++) {
        struct cel_value key = map.v.items[(size_t)2 * i];
        if (i > 0) rc_put_char(buf, ',');
        if (key.kind == CEL_STRING)
            rc_put_json(buf, cel_text(key));
        else
            put_quoted(buf, key);
        rc_put_char(buf, ':');
        cel_put_json(buf, map.v.items[(size_t)2 * i + 1]);
    }
    rc_put_char(buf, '}');
}

void cel_put_json(struct rc_buf *buf, struct cel_value value)
{
    switch ((enum cel_kind)value.kind) {
    case CEL_NULL:
    case CEL_BOOL:
    case CEL_INT:
    case CEL_UINT: put_plain(buf, value); break;
    case CEL_DOUBLE: isfinite(value.v.d) ? put_plain(buf, value) : put_quoted(buf, value); break;
    case CEL_STRING:
    case CEL_TYPE: rc_put_json(buf, cel_text(value)); break;
    case CEL_BYTES: put_base64(buf, cel_text(value)); break;
    case CEL_LIST: put_list(buf, value); break;
    case CEL_MAP: put_map(buf, value); break;
    case CEL_DURATION:
    case CEL_TIMESTAMP:
    case CEL_SECRET:
    case CEL_UNKNOWN: put_quoted(buf, value); break;
    case CEL_KINDS: break;
    }
}

const char *cel_not_json(struct cel_value value)
{
    const char *found = NULL;
    switch ((enum cel_kind)value.kind) {
    case CEL_NULL:
    case CEL_BOOL:
    case CEL_INT:
    case CEL_STRING: break;
    case CEL_DOUBLE: found = isfinite(value.v.d) ? NULL : "double"; break;
    case CEL_LIST:
        for (uint32_t i = 0; !found && i < value.n; i++) found = cel_not_json(value.v.items[i]);
        break;
    case CEL_MAP:
        for (uint32_t i = 0; !found && i < value.n; i++) {
            const struct cel_value *key = &value.v.items[(size_t)2 * i];
            bool name = key->kind == CEL_STRING && !(key->n && memchr(key->v.text, 0, key->n));
            found = name ? cel_not_json(key[1]) : "map with such keys";
        }
        break;
    case CEL_UINT:
    case CEL_BYTES:
    case CEL_DURATION:
    case CEL_TIMESTAMP:
    case CEL_TYPE:
    case CEL_SECRET:
    case CEL_UNKNOWN:
    case CEL_KINDS: found = cel_kind_name((enum cel_kind)value.kind); break;
    }
    return found;
}
