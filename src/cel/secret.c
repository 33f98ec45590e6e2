/* Secret texts: literal text with holes that only the sender fills (secret.h has the form). */
#include "cel/secret.h"

enum { MARK = 0xff };

static uint32_t until_mark(struct rc_sv text, uint32_t from)
{
    const char *end = from < text.n ? memchr(text.p + from, MARK, text.n - from) : NULL;
    return end ? (uint32_t)(end - text.p) : text.n;
}

bool cel_secret_next(struct cel_value value, uint32_t *io_at, struct cel_secret_part *ret)
{
    struct rc_sv text = cel_text(value);
    uint32_t at = *io_at, end = until_mark(text, at);
    if (at >= text.n) return false;
    bool plain = at == 0 && end == text.n; /* no mark at all */
    if (end > at) {
        *ret = (struct cel_secret_part){plain && value.kind == CEL_SECRET, {text.p + at, end - at}};
        *io_at = end;
        return true;
    }
    end = until_mark(text, at + 1);
    *ret = (struct cel_secret_part){true, {text.p + at + 1, end - at - 1}};
    *io_at = end + 1;
    return true;
}

static bool is_bare(struct cel_value value)
{
    return value.kind == CEL_SECRET && until_mark(cel_text(value), 0) == value.n;
}

enum rc_status cel_secret_join(struct cel_value a, struct cel_value b, struct rc_arena *arena,
                               struct cel_value *ret)
{
    uint64_t n = (uint64_t)a.n + b.n + (is_bare(a) ? 2 : 0) + (is_bare(b) ? 2 : 0);
    if (n > UINT32_MAX) return RC_LIMIT;
    char *text = rc_alloc_text(arena, n), *out = text;
    if (!text) return rc_arena_status(arena);
    const struct cel_value part[2] = {a, b};
    for (unsigned i = 0; i < 2; i++) {
        bool bare = is_bare(part[i]);
        if (bare) *out++ = (char)MARK;
        if (part[i].n) memcpy(out, part[i].v.text, part[i].n);
        out += part[i].n;
        if (bare) *out++ = (char)MARK;
    }
    *ret = (struct cel_value){.kind = CEL_SECRET, .n = (uint32_t)n, .v.text = text};
    return RC_OK;
}
