/* Conversions: int(), uint(), double(), string(), bytes(), bool(), duration(), timestamp(). */
#include "cel/run.h"

#include "base/num.h"
#include "base/utf8.h"
#include "cel/time.h"

#include <math.h>

static bool unconvertible(struct cel_run *run, const struct cel_node *node, struct cel_value from)
{
    return cel_raise(run, node, CEL_FAULT_CONVERT, from, cel_null());
}

static bool out_of_range(struct cel_run *run, const struct cel_node *node, struct cel_value from)
{
    return cel_raise(run, node, CEL_FAULT_RANGE, from, cel_null());
}

static bool to_int(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                   struct cel_value *ret)
{
    int64_t number = from.v.i;
    if (from.kind == CEL_UINT) {
        if (from.v.u > INT64_MAX) return out_of_range(run, node, from);
    } else if (from.kind == CEL_DOUBLE) {
        /* both ends open, so that no rounding can lead out */
        if (!(from.v.d > -0x1p63 && from.v.d < 0x1p63)) return out_of_range(run, node, from);
        number = (int64_t)from.v.d;
    } else if (from.kind == CEL_STRING) {
        if (!rc_parse_i64(cel_text(from), &number)) return unconvertible(run, node, from);
    } else if (from.kind != CEL_INT && from.kind != CEL_TIMESTAMP) {
        return cel_no_overload(run, node, &from);
    }
    *ret = cel_int(number);
    return true;
}

static bool to_uint(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                    struct cel_value *ret)
{
    uint64_t number = from.v.u;
    if (from.kind == CEL_INT) {
        if (from.v.i < 0) return out_of_range(run, node, from);
    } else if (from.kind == CEL_DOUBLE) {
        if (!(from.v.d >= 0 && from.v.d < 0x1p64)) return out_of_range(run, node, from);
        number = (uint64_t)from.v.d;
    } else if (from.kind == CEL_STRING) {
        if (!rc_parse_u64(cel_text(from), &number)) return unconvertible(run, node, from);
    } else if (from.kind != CEL_UINT) {
        return cel_no_overload(run, node, &from);
    }
    *ret = (struct cel_value){.kind = CEL_UINT, .v.u = number};
    return true;
}

/* What rc_format_double writes for these reads back. */
static bool special_double(struct rc_sv text, double *ret)
{
    bool minus = text.n > 0 && text.p[0] == '-';
    struct rc_sv word = {text.p + minus, text.n - minus};
    if (rc_sv_is(word, "Infinity") || rc_sv_is(word, "inf"))
        *ret = minus ? -(double)INFINITY : (double)INFINITY;
    else if (rc_sv_is(text, "NaN"))
        *ret = (double)NAN;
    else
        return false;
    return true;
}

static bool to_double(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                      struct cel_value *ret)
{
    double number = from.v.d;
    if (from.kind == CEL_INT)
        number = (double)from.v.i;
    else if (from.kind == CEL_UINT)
        number = (double)from.v.u;
    else if (from.kind == CEL_STRING) {
        if (!special_double(cel_text(from), &number) && !rc_parse_double(cel_text(from), &number))
            return unconvertible(run, node, from);
    } else if (from.kind != CEL_DOUBLE)
        return cel_no_overload(run, node, &from);
    *ret = cel_double(number);
    return true;
}

bool cel_is_plain(struct cel_value value)
{
    return cel_is_number(value) || value.kind == CEL_BOOL || value.kind == CEL_DURATION ||
           value.kind == CEL_TIMESTAMP;
}

bool cel_plain_text(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                    struct cel_value *ret)
{
    _Static_assert((int)CEL_TIME_TEXT >= (int)RC_NUM_TEXT, "room for both");
    char text[CEL_TIME_TEXT];
    uint32_t n = 0;
    if (from.kind == CEL_BOOL) {
        *ret = cel_string(from.v.b ? RC_SV("true") : RC_SV("false"));
        return true;
    }
    if (from.kind == CEL_INT) n = rc_format_i64(from.v.i, text);
    if (from.kind == CEL_UINT) n = rc_format_u64(from.v.u, text);
    if (from.kind == CEL_DOUBLE) n = rc_format_double(from.v.d, text);
    if (from.kind == CEL_DURATION) n = cel_format_duration(from, text);
    if (from.kind == CEL_TIMESTAMP) n = cel_format_timestamp(from, text);
    char *copy = cel_take_text(run, node, n);
    if (!copy) return false;
    memcpy(copy, text, n);
    *ret = cel_string((struct rc_sv){copy, n});
    return true;
}

static bool to_string(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                      struct cel_value *ret)
{
    if (cel_is_plain(from)) return cel_plain_text(run, node, from, ret);
    if (from.kind != CEL_STRING && from.kind != CEL_BYTES) return cel_no_overload(run, node, &from);
    if (!cel_spend(run, node, CEL_TEXT_STEPS(from.n))) return false;
    if (from.kind == CEL_BYTES && !rc_utf8_valid(cel_text(from))) return unconvertible(run, node, from);
    *ret = cel_string(cel_text(from));
    return true;
}

static bool to_bytes(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                     struct cel_value *ret)
{
    if (from.kind != CEL_STRING && from.kind != CEL_BYTES) return cel_no_overload(run, node, &from);
    *ret = from;
    ret->kind = CEL_BYTES;
    return true;
}

static bool to_bool(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                    struct cel_value *ret)
{
    static const char words[][6] = {"true", "True", "TRUE", "t", "1", "false", "False", "FALSE", "f", "0"};
    enum { WORDS = sizeof words / sizeof *words };
    *ret = from;
    if (from.kind == CEL_BOOL) return true;
    if (from.kind != CEL_STRING) return cel_no_overload(run, node, &from);
    unsigned i = 0;
    while (i < WORDS && !rc_sv_is(cel_text(from), words[i])) i++;
    *ret = cel_bool(i < WORDS / 2);
    return i < WORDS || unconvertible(run, node, from);
}

static bool to_duration(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                        struct cel_value *ret)
{
    *ret = from;
    if (from.kind == CEL_DURATION) return true;
    if (from.kind != CEL_STRING) return cel_no_overload(run, node, &from);
    return cel_parse_duration(cel_text(from), ret) || unconvertible(run, node, from);
}

static bool to_timestamp(struct cel_run *run, const struct cel_node *node, struct cel_value from,
                         struct cel_value *ret)
{
    *ret = from;
    if (from.kind == CEL_TIMESTAMP) return true;
    if (from.kind == CEL_INT) return cel_timestamp(from.v.i, ret) || out_of_range(run, node, from);
    if (from.kind != CEL_STRING) return cel_no_overload(run, node, &from);
    return cel_parse_timestamp(cel_text(from), ret) || unconvertible(run, node, from);
}

bool cel_convert(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                 struct cel_value *ret)
{
    if (node->fn == CEL_FN_TO_INT) return to_int(run, node, args[0], ret);
    if (node->fn == CEL_FN_TO_UINT) return to_uint(run, node, args[0], ret);
    if (node->fn == CEL_FN_TO_DOUBLE) return to_double(run, node, args[0], ret);
    if (node->fn == CEL_FN_TO_STRING) return to_string(run, node, args[0], ret);
    if (node->fn == CEL_FN_TO_BYTES) return to_bytes(run, node, args[0], ret);
    if (node->fn == CEL_FN_TO_BOOL) return to_bool(run, node, args[0], ret);
    if (node->fn == CEL_FN_TO_DURATION) return to_duration(run, node, args[0], ret);
    return to_timestamp(run, node, args[0], ret);
}
