#pragma once
/* Values: what JSON and CEL speak of. An immutable tree of 16-byte cells.
 *
 * Text, list items and map entries are borrowed pointers into the arena in which the value was made (or into
 * constants); a value is valid as long as that arena. Nobody writes to a value once it has been handed on.
 * Every list is one array of cells and every map one array of key, value, key, value …, sorted by cel_key_cmp
 * without equal keys: so lookup is a binary search, equal maps have equal cells, and walking a value gives
 * its canonical order. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"

enum cel_kind {
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING, /* well-formed UTF-8 */
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_DURATION,  /* i seconds and n nanoseconds; both of the same sign as in protobuf: n is stored as int32
                      bits */
    CEL_TIMESTAMP, /* i seconds since 1970 and n (0 to 999999999) nanoseconds */
    CEL_TYPE,      /* the name of a type, as text */
    CEL_SECRET, /* the name of a secret, alone or inside text: a hole that only the sender fills; read it with
                      cel/secret.h */
    CEL_UNKNOWN, /* prove and rehearse: u is the number of the site that must be decided */
    CEL_KINDS
};

struct cel_value {
    uint8_t kind; /* enum cel_kind */
    uint8_t pad[3];
    uint32_t n; /* bytes of a text; items of a list; entries (pairs) of a map; nanoseconds */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double d;
        const char *text;
        const struct cel_value *items;
    } v;
};
_Static_assert(sizeof(struct cel_value) == 16, "a value is one cell");

static inline struct cel_value cel_null(void)
{
    return (struct cel_value){.kind = CEL_NULL};
}

static inline struct cel_value cel_bool(bool b)
{
    return (struct cel_value){.kind = CEL_BOOL, .v.b = b};
}

static inline struct cel_value cel_int(int64_t i)
{
    return (struct cel_value){.kind = CEL_INT, .v.i = i};
}

static inline struct cel_value cel_double(double d)
{
    return (struct cel_value){.kind = CEL_DOUBLE, .v.d = d};
}

static inline struct cel_value cel_string(struct rc_sv text)
{
    return (struct cel_value){.kind = CEL_STRING, .n = text.n, .v.text = text.p};
}

static inline struct rc_sv cel_text(struct cel_value value)
{
    return (struct rc_sv){value.v.text, value.n};
}

/* "int", "map", …: the type's name in CEL; static. */
const char *cel_kind_name(enum cel_kind);

/* Order of map keys: by value across int, uint and (integral) double, which are equal when their numbers are;
 * then bool, then string in byte order. */
int cel_key_cmp(struct cel_value a, struct cel_value b);

/* Sorts `n` pairs in place into a map's order. False when two keys are equal or a key is no bool, int, uint
 * or string; *ret_bad is then the index of a pair at fault. */
RC_MUST bool cel_map_sort(struct cel_value *pairs, uint32_t n, uint32_t *ret_bad);

/* The value behind a key, or NULL. `map` may be of any kind; what is no map has no keys. */
const struct cel_value *cel_map_find(const struct cel_value *map, struct cel_value key);
const struct cel_value *cel_map_get(const struct cel_value *map, const char *key);

/* CEL's `==` on values without errors: numbers compare across int, uint, double; NaN differs from itself. */
bool cel_equal(struct cel_value a, struct cel_value b);

/* Copies the whole tree, text included. RC_NOMEM or RC_LIMIT where the arena refuses. */
RC_MUST enum rc_status cel_copy(struct cel_value, struct rc_arena *, struct cel_value *ret_copy);

/* Adds the canonical form to a hash: sorted keys, and numbers by value, so that 1, 1.0 and 1e0 hash alike
 * (RFC 8785 has only one kind of number), but every other difference shows. */
void cel_hash(struct cel_value, struct rc_sha256 *);

/* JSON text that gives the same value when it is parsed, where cel_not_json finds nothing: sorted keys, and doubles with a fraction or an
 * exponent ("1.0"), so that they do not come back as integers. bytes become base64, durations
 * and timestamps strings as CEL's string() gives them, NaN and infinities strings, a secret "secret(NAME)",
 * keys that are no strings their text. Never fails; the buffer carries the status. */
void cel_put_json(struct rc_buf *, struct cel_value);

/* The name of a type in the tree that does not come back from JSON as what it was (bytes, uint, duration, timestamp, type, secret; NaN and
 * infinities as "double"); NULL where all of it does: null, bool, int, double, string, list, map with string keys (without
 * U+0000, which rc_json_parse refuses in a name). */
const char *cel_not_json(struct cel_value);

/* Length of the tree in cells and bytes, for bounds. */
uint64_t cel_size_bytes(struct cel_value);
