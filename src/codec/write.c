/* The streaming JSON writer. */
#include "codec/write.h"

static void begin(struct rc_json *json, struct rc_sv name)
{
    if (json->comma) rc_put_char(json->buf, ',');
    json->comma = true;
    if (!name.p) return;
    rc_put_json(json->buf, name);
    rc_put_char(json->buf, ':');
}

static void open(struct rc_json *json, struct rc_sv name, char bracket)
{
    begin(json, name);
    rc_put_char(json->buf, bracket);
    json->comma = false;
}

static void end(struct rc_json *json, char bracket)
{
    rc_put_char(json->buf, bracket);
    json->comma = true;
}

void rc_json_object(struct rc_json *json, const char *name)
{
    open(json, rc_sv_of(name), '{');
}

void rc_json_open_member(struct rc_json *json, struct rc_sv name)
{
    open(json, name, '{');
}

void rc_json_array(struct rc_json *json, const char *name)
{
    open(json, rc_sv_of(name), '[');
}

void rc_json_end_object(struct rc_json *json)
{
    end(json, '}');
}

void rc_json_end_array(struct rc_json *json)
{
    end(json, ']');
}

void rc_json_sv(struct rc_json *json, const char *name, struct rc_sv text)
{
    begin(json, rc_sv_of(name));
    rc_put_json(json->buf, text);
}

void rc_json_text(struct rc_json *json, const char *name, const char *text)
{
    rc_json_sv(json, name, rc_sv_of(text));
}

void rc_json_member(struct rc_json *json, struct rc_sv name, struct rc_sv text)
{
    begin(json, name);
    rc_put_json(json->buf, text);
}

void rc_json_maybe(struct rc_json *json, const char *name, struct rc_sv text)
{
    if (text.n) rc_json_sv(json, name, text);
}

void rc_json_u64(struct rc_json *json, const char *name, uint64_t number)
{
    begin(json, rc_sv_of(name));
    rc_put_u64(json->buf, number);
}

void rc_json_bool(struct rc_json *json, const char *name, bool value)
{
    begin(json, rc_sv_of(name));
    rc_put_text(json->buf, value ? "true" : "false");
}

void rc_json_null(struct rc_json *json, const char *name)
{
    begin(json, rc_sv_of(name));
    rc_put_text(json->buf, "null");
}

void rc_json_value(struct rc_json *json, const char *name, struct cel_value value)
{
    begin(json, rc_sv_of(name));
    cel_put_json(json->buf, value);
}

void rc_json_time(struct rc_json *json, const char *name, rc_us time)
{
    if (time == 0) {
        rc_json_null(json, name);
        return;
    }
    char text[RC_TIME_TEXT];
    uint32_t n = rc_format_time(time, text);
    begin(json, rc_sv_of(name));
    rc_put_char(json->buf, '"');
    rc_put(json->buf, (struct rc_sv){text, n});
    rc_put_char(json->buf, '"');
}

void rc_json_span(struct rc_json *json, const char *name, rc_us span)
{
    begin(json, rc_sv_of(name));
    rc_put_u64(json->buf, span / 1000);
    if (span % 1000) rc_put_format(json->buf, ".%03u", (unsigned)(span % 1000));
}

void rc_json_id(struct rc_json *json, const char *name, uint64_t seq, uint64_t nonce)
{
    char text[RC_ID_TEXT + 1];
    rc_id_format(rc_id_of(seq, nonce), text);
    begin(json, rc_sv_of(name));
    rc_put_char(json->buf, '"');
    rc_put(json->buf, (struct rc_sv){text, RC_ID_TEXT});
    rc_put_char(json->buf, '"');
}
