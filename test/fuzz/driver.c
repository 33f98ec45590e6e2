/* The entry that libFuzzer and corpus.c call, and the laws that hold for any value. */
#include "fuzz.h"

#include "base/utf8.h"
#include "codec/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rc_arena *arena = rc_arena_new(0, FUZZ_MEMORY);
    if (arena && n <= UINT32_MAX) fuzz_input((struct rc_sv){(const char *)data, (uint32_t)n}, arena);
    rc_arena_free(arena);
    return 0;
}

void fuzz_broken(const char *file, int line, const char *law)
{
    fprintf(stderr, "%s:%d: a law does not hold: %s\n", file, line, law);
    abort();
}

struct rc_arena *fuzz_forever(void)
{
    static struct rc_arena *arena; /* still reachable at the end, so it is no leak */
    if (!arena) arena = rc_arena_new(0, FUZZ_MEMORY);
    FUZZ_LAW(arena != NULL);
    return arena;
}

struct rc_sv fuzz_line(struct rc_sv *io_text)
{
    const char *end = io_text->n ? memchr(io_text->p, '\n', io_text->n) : NULL;
    uint32_t n = end ? (uint32_t)(end - io_text->p) : io_text->n, eaten = n + (end != NULL);
    struct rc_sv line = {io_text->p, n};
    if (eaten) *io_text = (struct rc_sv){io_text->p + eaten, io_text->n - eaten};
    return line;
}

struct rc_sv fuzz_part(struct rc_sv *io_text, const char *mark)
{
    struct rc_sv whole = *io_text;
    while (io_text->n) {
        uint32_t before = whole.n - io_text->n;
        if (rc_sv_is(fuzz_line(io_text), mark)) return (struct rc_sv){whole.p, before};
    }
    return whole;
}

bool fuzz_same(struct cel_value a, struct cel_value b)
{
    if (a.kind != b.kind) return false;
    uint32_t cells = 0;
    switch ((enum cel_kind)a.kind) {
    case CEL_NULL: return true;
    case CEL_BOOL: return a.v.b == b.v.b;
    case CEL_INT:
    case CEL_UINT:
    case CEL_UNKNOWN: return a.v.u == b.v.u;
    case CEL_DOUBLE: return a.v.d == b.v.d || (isnan(a.v.d) && isnan(b.v.d));
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
    case CEL_SECRET: return rc_sv_eq(cel_text(a), cel_text(b));
    case CEL_DURATION:
    case CEL_TIMESTAMP: return a.v.i == b.v.i && a.n == b.n;
    case CEL_LIST: cells = a.n; break;
    case CEL_MAP: cells = 2 * a.n; break;
    case CEL_KINDS: return false;
    }
    if (a.n != b.n) return false;
    for (uint32_t i = 0; i < cells; i++)
        if (!fuzz_same(a.v.items[i], b.v.items[i])) return false;
    return true;
}

static struct rc_h128 hash_of(struct cel_value value)
{
    struct rc_sha256 sha;
    rc_sha256_init(&sha);
    cel_hash(value, &sha);
    return rc_sha256_h128(&sha);
}

void fuzz_value_laws(struct cel_value value, struct rc_arena *arena)
{
    struct cel_value copy, back;
    if (cel_copy(value, arena, &copy) != RC_OK) {
        FUZZ_LAW(rc_arena_status(arena) != RC_OK);
        return;
    }
    FUZZ_LAW(fuzz_same(value, copy));
    FUZZ_LAW(rc_h128_eq(hash_of(value), hash_of(copy)));
    struct rc_buf text = rc_buf_in(arena, 4 << 20);
    cel_put_json(&text, value);
    if (text.status != RC_OK) return;
    FUZZ_LAW(rc_utf8_valid(rc_buf_sv(&text)));
    enum rc_status status = rc_json_parse(rc_buf_sv(&text), arena, &back, NULL);
    if (status == RC_LIMIT || status == RC_NOMEM) return; /* deeper or more cells than JSON may have */
    if (cel_not_json(value)) {
        FUZZ_LAW(status == RC_OK || status == RC_SYNTAX); /* the texts of two keys may be the same */
        return;
    }
    FUZZ_LAW(status == RC_OK);
    FUZZ_LAW(fuzz_same(value, back));
    FUZZ_LAW(cel_equal(value, back) && cel_equal(back, value));
    FUZZ_LAW(rc_h128_eq(hash_of(value), hash_of(back)));
}

struct cel_value fuzz_json(struct rc_sv text, struct rc_arena *arena)
{
    struct cel_value value = cel_null();
    FUZZ_LAW(rc_json_parse(text, arena, &value, NULL) == RC_OK);
    return value;
}

void fuzz_is_json(const struct rc_buf *buf, struct rc_arena *arena)
{
    struct cel_value value;
    if (buf->status != RC_OK) return;
    enum rc_status status = rc_json_parse(rc_buf_sv(buf), arena, &value, NULL);
    FUZZ_LAW(status == RC_OK || status == RC_LIMIT || status == RC_NOMEM);
}
