/* Values as trees: equality, copies, hashes, sizes.
 *
 * These walk recursively. A value is as deep as its JSON text (RC_MAX_JSON_DEPTH), an expression's literals
 * (RC_MAX_EXPR_DEPTH) or both at once inside one evaluation, so the depth is bounded by construction. */
#include "cel/order.h"

#include "base/limits.h"

#include <math.h>

const char *cel_kind_name(enum cel_kind kind)
{
    switch (kind) {
    case CEL_NULL: return "null_type";
    case CEL_BOOL: return "bool";
    case CEL_INT: return "int";
    case CEL_UINT: return "uint";
    case CEL_DOUBLE: return "double";
    case CEL_STRING: return "string";
    case CEL_BYTES: return "bytes";
    case CEL_LIST: return "list";
    case CEL_MAP: return "map";
    case CEL_DURATION: return "google.protobuf.Duration";
    case CEL_TIMESTAMP: return "google.protobuf.Timestamp";
    case CEL_TYPE: return "type";
    case CEL_SECRET: return "secret";
    case CEL_UNKNOWN: return "unknown";
    case CEL_KINDS: break;
    }
    return "unknown";
}

/* Cells behind a list or map. */
static uint32_t cells(struct cel_value value)
{
    return value.kind == CEL_LIST ? value.n : value.kind == CEL_MAP ? 2 * value.n : 0;
}

static bool has_text(struct cel_value value)
{
    return value.kind == CEL_STRING || value.kind == CEL_BYTES || value.kind == CEL_TYPE ||
           value.kind == CEL_SECRET;
}

/* Takes from the steps; false when they are used up. */
static bool spend(uint64_t *io_steps, uint64_t steps)
{
    if (*io_steps < steps) {
        *io_steps = 0;
        return false;
    }
    *io_steps -= steps;
    return true;
}

static bool equal_items(struct cel_value a, struct cel_value b, uint64_t *io_steps)
{
    if (a.n != b.n) return false;
    for (uint32_t i = 0; i < cells(a); i++)
        if (!cel_equal_within(a.v.items[i], b.v.items[i], io_steps)) return false;
    return true;
}

bool cel_equal_within(struct cel_value a, struct cel_value b, uint64_t *io_steps)
{
    if (!spend(io_steps, 1)) return false;
    if (cel_is_number(a) && cel_is_number(b)) return cel_number_order(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch ((enum cel_kind)a.kind) {
    case CEL_NULL: return true;
    case CEL_BOOL: return a.v.b == b.v.b;
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
    case CEL_SECRET:
        return a.n == b.n && spend(io_steps, CEL_TEXT_STEPS(a.n)) && rc_sv_eq(cel_text(a), cel_text(b));
    case CEL_LIST:
    case CEL_MAP: return equal_items(a, b, io_steps);
    case CEL_DURATION:
    case CEL_TIMESTAMP: return a.v.i == b.v.i && a.n == b.n;
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE:
    case CEL_UNKNOWN:
    case CEL_KINDS: break;
    }
    return a.v.u == b.v.u;
}

bool cel_equal(struct cel_value a, struct cel_value b)
{
    uint64_t steps = UINT64_MAX;
    return cel_equal_within(a, b, &steps);
}

enum rc_status cel_copy(struct cel_value value, struct rc_arena *arena, struct cel_value *ret_copy)
{
    if (has_text(value)) {
        struct rc_sv text = rc_copy_sv(arena, cel_text(value));
        if (!text.p) return rc_arena_status(arena);
        value.v.text = text.p;
    }
    if (cells(value) > 0) {
        struct cel_value *items = rc_alloc(arena, cells(value) * sizeof *items);
        if (!items) return rc_arena_status(arena);
        for (uint32_t i = 0; i < cells(value); i++) {
            enum rc_status status = cel_copy(value.v.items[i], arena, &items[i]);
            if (status != RC_OK) return status;
        }
        value.v.items = items;
    }
    *ret_copy = value;
    return RC_OK;
}

uint64_t cel_size_bytes(struct cel_value value)
{
    uint64_t size = sizeof value + (has_text(value) ? value.n : 0);
    for (uint32_t i = 0; i < cells(value); i++) size += cel_size_bytes(value.v.items[i]);
    return size;
}

/* A double that is a whole number hashes as that number. */
static struct cel_value canonical_number(struct cel_value value)
{
    if (value.kind == CEL_UINT && value.v.u <= INT64_MAX) return cel_int((int64_t)value.v.u);
    if (value.kind != CEL_DOUBLE || value.v.d != floor(value.v.d)) return value;
    if (value.v.d >= -0x1p63 && value.v.d < 0x1p63) return cel_int((int64_t)value.v.d);
    if (value.v.d >= 0x1p63 && value.v.d < 0x1p64)
        return (struct cel_value){.kind = CEL_UINT, .v.u = (uint64_t)value.v.d};
    return value;
}

/* A tag and a number of so many bytes, least first: short, because every submission is hashed. */
static void add_head(struct rc_sha256 *hash, uint8_t tag, uint64_t number, unsigned bytes)
{
    unsigned char head[9] = {tag};
    for (unsigned i = 0; i < bytes; i++) head[1 + i] = (unsigned char)(number >> 8 * i);
    rc_sha256_add(hash, head, 1 + bytes);
}

/* Every value starts with its kind, and what has a length says it: so no two trees give the same bytes. */
void cel_hash(struct cel_value value, struct rc_sha256 *hash)
{
    if (value.kind == CEL_DOUBLE && isnan(value.v.d)) value.v.d = (double)NAN;
    value = canonical_number(value);
    if (has_text(value)) {
        add_head(hash, value.kind, value.n, 4);
        rc_sha256_add(hash, value.v.text, value.n);
    } else if (value.kind == CEL_LIST || value.kind == CEL_MAP) {
        add_head(hash, value.kind, value.n, 4);
        for (uint32_t i = 0; i < cells(value); i++) cel_hash(value.v.items[i], hash);
    } else if (value.kind == CEL_NULL || value.kind == CEL_BOOL) {
        add_head(hash, value.kind, value.kind == CEL_BOOL && value.v.b, 1);
    } else {
        add_head(hash, value.kind, value.v.u, 8);
        if (value.kind == CEL_DURATION || value.kind == CEL_TIMESTAMP) add_head(hash, 0, value.n, 4);
    }
}
