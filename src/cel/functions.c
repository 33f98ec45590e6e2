/* Functions on texts, sizes and parts of times. */
#include "cel/run.h"

#include "base/utf8.h"
#include "cel/time.h"

static bool size_of(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                    struct cel_value *ret)
{
    struct cel_value of = args[0];
    if (of.kind != CEL_STRING && of.kind != CEL_BYTES && of.kind != CEL_LIST && of.kind != CEL_MAP)
        return cel_no_overload(run, node, args);
    if (of.kind == CEL_STRING) {
        if (!cel_spend(run, node, CEL_TEXT_STEPS(of.n))) return false;
        of.n = rc_utf8_count(cel_text(of));
    }
    *ret = cel_int(of.n);
    return true;
}

static bool search(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                   struct cel_value *ret)
{
    struct rc_sv text = cel_text(args[0]), part = cel_text(args[1]);
    if (args[0].kind != CEL_STRING || args[1].kind != CEL_STRING) return cel_no_overload(run, node, args);
    if (!cel_spend(run, node, CEL_TEXT_STEPS(text.n) + CEL_TEXT_STEPS(part.n))) return false;
    if (node->fn == CEL_FN_STARTS_WITH)
        *ret = cel_bool(rc_sv_starts(text, part));
    else if (node->fn == CEL_FN_ENDS_WITH)
        *ret = cel_bool(rc_sv_ends(text, part));
    else /* memmem is linear: no input makes it slow */
        *ret = cel_bool(part.n == 0 || (text.n > 0 && memmem(text.p, text.n, part.p, part.n)));
    return true;
}

/* ---- insertion into templates ---- */

static bool insert_text(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                        struct cel_value *ret)
{
    *ret = args[0];
    if (args[0].kind == CEL_STRING || args[0].kind == CEL_SECRET) return true;
    if (!cel_is_plain(args[0])) return cel_no_overload(run, node, args);
    return cel_plain_text(run, node, args[0], ret);
}

static bool stays(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* Everything but RFC 3986's unreserved characters is encoded: what is inserted cannot add a segment, a query
 * or a fragment, and cannot climb. */
static bool insert_segment(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                           struct cel_value *ret)
{
    static const char hex[] = "0123456789ABCDEF";
    struct cel_value text;
    if (args[0].kind == CEL_SECRET) return cel_no_overload(run, node, args);
    if (!insert_text(run, node, args, &text)) return false;
    uint64_t n = 0;
    for (uint32_t i = 0; i < text.n; i++) n += stays((unsigned char)text.v.text[i]) ? 1 : 3;
    if (text.n == 0 || rc_sv_is(cel_text(text), ".") || rc_sv_is(cel_text(text), ".."))
        return cel_raise(run, node, CEL_FAULT_SEGMENT, text, cel_null());
    if (!cel_spend(run, node, CEL_TEXT_STEPS(n))) return false;
    if (n > UINT32_MAX) return cel_raise(run, node, CEL_FAULT_MEMORY, text, text);
    *ret = text;
    if (n == text.n) return true;
    char *encoded = cel_take_text(run, node, n), *out = encoded;
    if (!encoded) return false;
    for (uint32_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.v.text[i];
        if (stays(c)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *ret = cel_string((struct rc_sv){encoded, (uint32_t)n});
    return true;
}

bool cel_text_function(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                       struct cel_value *ret)
{
    if (node->fn == CEL_FN_SIZE) return size_of(run, node, args, ret);
    if (node->fn == CEL_FN_TEXT) return insert_text(run, node, args, ret);
    if (node->fn == CEL_FN_SEGMENT) return insert_segment(run, node, args, ret);
    return search(run, node, args, ret);
}

/* ---- parts of times ---- */

bool cel_time_function(struct cel_run *run, const struct cel_node *node, const struct cel_value *args,
                       struct cel_value *ret)
{
    enum cel_time_part part = (enum cel_time_part)(node->fn - CEL_FN_YEAR);
    _Static_assert((int)CEL_FN_MILLISECONDS - (int)CEL_FN_YEAR == (int)CEL_PART_MILLISECONDS, "one order");
    int64_t number;
    int32_t offset = 0;
    if (args[0].kind == CEL_DURATION && node->n == 1 && cel_duration_part(args[0], part, &number)) {
        *ret = cel_int(number);
        return true;
    }
    if (args[0].kind != CEL_TIMESTAMP || (node->n == 2 && args[1].kind != CEL_STRING))
        return cel_no_overload(run, node, args);
    if (node->n == 2 && !cel_parse_offset(cel_text(args[1]), &offset))
        return cel_raise(run, node, CEL_FAULT_ZONE, args[1], cel_null());
    *ret = cel_int(cel_timestamp_part(args[0], part, offset));
    return true;
}
