/* JSON texts: whatever parses is written and parsed again to the same, and any bytes become a JSON string that parses. */
#include "fuzz.h"

#include "base/utf8.h"
#include "codec/json.h"

static void as_string(struct rc_sv input, struct rc_arena *arena)
{
    struct rc_buf text = rc_buf_in(arena, 1 << 20);
    rc_put_json(&text, input);
    FUZZ_LAW(text.status == RC_OK);
    struct cel_value back = fuzz_json(rc_buf_sv(&text), arena);
    FUZZ_LAW(back.kind == CEL_STRING);
    if (rc_utf8_valid(input)) FUZZ_LAW(rc_sv_eq(cel_text(back), input));
}

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct cel_value value;
    struct rc_error err = {0};
    if (input.n <= 1 << 16) as_string(input, arena);
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
