/* JSON texts: whatever parses is written and parsed again to the same, and any bytes become a JSON string that parses. */
#include "fuzz.h"

#include "base/utf8.h"
#include "base/limits.h"
#include "codec/json_plain.h"

static bool same_cells(struct cel_value a, struct cel_value b)
{
    if (a.kind != b.kind) return false;
    if (a.kind == CEL_STRING) return rc_sv_eq(cel_text(a), cel_text(b));
    if (a.kind == CEL_DOUBLE || a.kind == CEL_INT) return a.v.u == b.v.u; /* to the bit */
    if (a.kind == CEL_BOOL) return a.v.b == b.v.b;
    uint32_t n = a.kind == CEL_MAP ? 2 * a.n : a.kind == CEL_LIST ? a.n : 0;
    if (a.n != b.n) return false;
    for (uint32_t i = 0; i < n; i++)
        if (!same_cells(a.v.items[i], b.v.items[i])) return false;
    return true;
}

static void as_string(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_buf text = rc_buf_in(arena, 1 << 20);
    rc_put_json(&text, input);
    FUZZ_LAW(text.status == RC_OK);
    struct cel_value back = fuzz_json(rc_buf_sv(&text), arena);
    FUZZ_LAW(back.kind == CEL_STRING);
    if (rc_utf8_valid(input)) FUZZ_LAW(rc_sv_eq(cel_text(back), input));
}

/* What is read without the library is read as the library reads it: whole numbers stay whole, and all the rest. */
static void as_library(struct rc_sv input, struct rc_arena *arena)
{
    struct cel_value plain, value;
    if (!rc_json_plain(input, RC_MAX_JSON_DEPTH, arena, &plain)) return;
    FUZZ_LAW(rc_json_library(input, RC_MAX_JSON_DEPTH, arena, &value, NULL) == RC_OK);
    FUZZ_LAW(same_cells(plain, value));
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct cel_value value;
    struct rc_error err = {0};
    if (input.n <= 1 << 16) as_string(input, arena);
    as_library(input, arena);
    enum rc_status status = rc_json_parse(input, arena, &value, &err);
    FUZZ_LAW(status == RC_OK || status == err.status);
    FUZZ_LAW(status == RC_OK || status == RC_SYNTAX || status == RC_LIMIT || status == RC_NOMEM);
    FUZZ_LAW(status == RC_OK || err.text[0]);
    if (status == RC_SYNTAX) FUZZ_LAW(err.line >= 1 && err.column >= 1);
    if (status != RC_OK) return;
    FUZZ_LAW(rc_utf8_valid(input));
    FUZZ_LAW(cel_not_json(value) == NULL);
    fuzz_value_laws(value, arena);
}
