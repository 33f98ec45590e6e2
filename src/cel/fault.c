/* Texts of faults, with the actual values cut to a readable length. */
#include "cel/run.h"

#include "base/limits.h"
#include "base/near.h"
#include "base/utf8.h"

enum { SHOWN_BYTES = 48, SHOWN_KEYS = 16 };

static void put_cut(struct rc_buf *buf, struct rc_sv text)
{
    uint32_t n = 0;
    while (n < text.n) {
        uint32_t length = rc_utf8_length(text.p + n, text.n - n);
        if (length == 0 || n + length > SHOWN_BYTES) break;
        n += length;
    }
    rc_put(buf, (struct rc_sv){text.p, n});
    if (n < text.n) rc_put_text(buf, "…");
}

static void put_key(struct rc_buf *buf, struct cel_value key)
{
    if (key.kind == CEL_STRING)
        put_cut(buf, cel_text(key));
    else
        cel_put_json(buf, key);
}

static void put_keys(struct rc_buf *buf, struct cel_value map)
{
    if (map.n == 0) {
        rc_put_text(buf, "an empty map");
        return;
    }
    rc_put_text(buf, map.n == 1 ? "map with key " : "map with keys ");
    for (uint32_t i = 0; i < map.n && i < SHOWN_KEYS; i++) {
        if (i > 0) rc_put_text(buf, ", ");
        put_key(buf, map.v.items[(size_t)2 * i]);
    }
    if (map.n > SHOWN_KEYS) rc_put_format(buf, " and %u more", map.n - SHOWN_KEYS);
}

/* The value, and its kind where that does not show. */
static void put_short(struct rc_buf *buf, struct cel_value value)
{
    switch ((enum cel_kind)value.kind) {
    case CEL_STRING:
        rc_put_char(buf, '\'');
        put_cut(buf, cel_text(value));
        rc_put_char(buf, '\'');
        return;
    case CEL_BYTES: rc_put_format(buf, "%u bytes", value.n); return;
    case CEL_LIST: rc_put_format(buf, "list of %u", value.n); return;
    case CEL_MAP: put_keys(buf, value); return;
    case CEL_TYPE:
        rc_put_text(buf, "type ");
        rc_put(buf, cel_text(value));
        return;
    case CEL_UNKNOWN: rc_put_text(buf, "a value that is not decided"); return;
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE:
        rc_put_text(buf, cel_kind_name((enum cel_kind)value.kind));
        rc_put_char(buf, ' ');
        break;
    case CEL_NULL:
    case CEL_BOOL:
    case CEL_DURATION:
    case CEL_TIMESTAMP:
    case CEL_SECRET:
    case CEL_KINDS: break;
    }
    cel_put_json(buf, value);
}

static void put_missing_key(struct rc_buf *buf, struct cel_value map, struct cel_value key)
{
    bool open = cel_map_find(&map, key); /* it is there, and nobody knows as what */
    rc_put_text(buf, open ? "nobody knows what became of " : "no such key ");
    put_short(buf, key);
    if (open) return;
    rc_put_text(buf, " in ");
    put_keys(buf, map);
    if (key.kind != CEL_STRING) return;
    struct rc_near near = {.wanted = cel_text(key)};
    for (uint32_t i = 0; i < map.n && i < RC_MAX_EVAL_COST; i++)
        if (map.v.items[(size_t)2 * i].kind == CEL_STRING)
            rc_near_try(&near, cel_text(map.v.items[(size_t)2 * i]));
    if (near.best.p) rc_put_format(buf, "; did you mean '%.*s'?", RC_SV_ARG(near.best));
}

static void put_operands(struct rc_buf *buf, const struct cel_fault *fault)
{
    put_short(buf, fault->a);
    if (fault->node->n < 2 || fault->node->op != CEL_OP_CALL) return;
    rc_put_text(buf, " and ");
    put_short(buf, fault->b);
}

/* "'+' …" for a node that is a call. */
static void put_function(struct rc_buf *buf, const struct cel_node *node)
{
    rc_put_char(buf, '\'');
    put_cut(buf, cel_text(node->value));
    rc_put_char(buf, '\'');
}

static void put_fault(struct rc_buf *buf, const struct cel_fault *fault)
{
    const struct cel_node *node = fault->node;
    const char *before = "", *after = "";
    switch (fault->kind) {
    case CEL_FAULT_OVERLOAD:
        if (node->op != CEL_OP_CALL) {
            rc_put_text(buf, "only a list or map can be walked through, this is ");
        } else {
            put_function(buf, node);
            rc_put_text(buf, " cannot be applied to ");
        }
        put_operands(buf, fault);
        return;
    case CEL_FAULT_UNKNOWN_NAME:
        rc_put_text(buf, "unknown name ");
        put_function(buf, node);
        return;
    case CEL_FAULT_UNKNOWN_FUNCTION:
        rc_put_text(buf, "unknown function ");
        put_function(buf, node);
        return;
    case CEL_FAULT_NO_VALUE:
        put_function(buf, node);
        rc_put_text(buf, " has no value here");
        return;
    case CEL_FAULT_FIELD:
        put_short(buf, fault->a);
        rc_put_text(buf, " has no field ");
        put_short(buf, fault->b);
        return;
    case CEL_FAULT_KEY: put_missing_key(buf, fault->a, fault->b); return;
    case CEL_FAULT_INDEX:
        rc_put_text(buf, "no index ");
        cel_put_json(buf, fault->b);
        rc_put_text(buf, " in a ");
        put_short(buf, fault->a);
        return;
    case CEL_FAULT_OVERFLOW:
        put_function(buf, node);
        rc_put_text(buf, " goes out of range with ");
        put_operands(buf, fault);
        return;
    case CEL_FAULT_CONVERT:
    case CEL_FAULT_RANGE:
        put_short(buf, fault->a);
        rc_put_text(buf,
                    fault->kind == CEL_FAULT_RANGE ? " is out of range for " : " cannot be converted by ");
        put_function(buf, node);
        return;
    case CEL_FAULT_NOT_BOOL: before = "bool is needed here, this is "; break;
    case CEL_FAULT_ZERO: before = "division by zero of "; break;
    case CEL_FAULT_KEY_KIND: before = "a map's key is bool, int, uint or string, not "; break;
    case CEL_FAULT_REPEATED: before = "the map has two keys that equal "; break;
    case CEL_FAULT_ZONE: after = " is no offset like '+02:00'; named time zones are not supported"; break;
    case CEL_FAULT_SEGMENT: after = " cannot be a segment of a path"; break;
    case CEL_FAULT_DEEP: rc_put_format(buf, "the result is nested deeper than %d", RC_MAX_JSON_DEPTH); return;
    case CEL_FAULT_LARGE: rc_put_format(buf, "the result has more than %d values", RC_MAX_JSON_CELLS); return;
    case CEL_FAULT_COST: rc_put_text(buf, "the evaluation takes more steps than it may"); return;
    case CEL_FAULT_MEMORY:
        rc_put_format(buf, "the evaluation needs more than the %d bytes it may use", RC_MAX_EVAL_BYTES);
        return;
    case CEL_FAULT_ARENA: return; /* rc_fail_arena has the words */
    }
    rc_put_text(buf, before);
    put_short(buf, fault->a);
    rc_put_text(buf, after);
}

enum rc_status cel_fail_fault(struct cel_run *run, struct rc_error *err)
{
    const struct cel_fault *fault = &run->fault;
    enum rc_status status = fault->kind >= CEL_FAULT_DEEP ? RC_LIMIT : RC_EVAL;
    if (fault->kind == CEL_FAULT_ARENA) return rc_fail_arena(err, run->arena);
    if (!err) return status;
    struct rc_buf text = rc_buf_in(run->arena, RC_ERROR_TEXT - 1);
    put_fault(&text, fault);
    return cel_fail_at(err, run->prog->source, fault->node->at, status, "%.*s", RC_SV_ARG(rc_buf_sv(&text)));
}
