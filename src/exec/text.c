/* Secrets, masks, clean text and the trace of an attempt. */
#include "exec/text.h"

#include "base/random.h"
#include "base/utf8.h"
#include "cel/secret.h"

enum { SECRET_MIN = 6 };

static enum rc_status keep(struct exec_secrets *secrets, struct rc_sv text)
{
    if (secrets->n == secrets->cap) {
        uint32_t cap = secrets->cap ? 2 * secrets->cap : 4;
        struct rc_sv *more = RC_NEW_ARRAY(secrets->arena, struct rc_sv, cap);
        if (!more) return rc_arena_status(secrets->arena);
        if (secrets->n) memcpy(more, secrets->text, secrets->n * sizeof *more);
        secrets->text = more;
        secrets->cap = cap;
    }
    secrets->text[secrets->n++] = text;
    return RC_OK;
}

enum rc_status exec_put_secret(struct exec_secrets *secrets, struct rc_buf *buf, struct cel_value value,
                               struct rc_error *err)
{
    struct cel_secret_part part;
    for (uint32_t at = 0; cel_secret_next(value, &at, &part);) {
        struct rc_sv text = part.text;
        if (part.hole) {
            if (!secrets->find)
                return rc_fail(err, RC_NOT_FOUND, "secret '%.*s': no secrets are configured",
                               RC_SV_ARG(part.text));
            enum rc_status status = secrets->find(secrets->context, part.text, secrets->arena, &text, err);
            if (status != RC_OK) return status;
            if ((status = keep(secrets, text)) != RC_OK)
                return rc_fail(err, status, "%s", rc_status_text(status));
        }
        rc_put(buf, text);
    }
    return RC_OK;
}

void exec_mask(struct rc_buf *buf, const struct rc_sv *secret, uint32_t nsecret)
{
    for (uint32_t i = 0; buf->n && i < nsecret; i++) {
        if (secret[i].n < SECRET_MIN) continue;
        char *at = buf->p, *end = buf->p + buf->n;
        while ((at = memmem(at, (size_t)(end - at), secret[i].p, secret[i].n))) {
            memset(at, '*', secret[i].n);
            at += secret[i].n;
        }
    }
}

struct rc_sv exec_clean_text(struct rc_arena *arena, struct rc_sv text, uint32_t limit)
{
    static const char replacement[] = "\xef\xbf\xbd";
    struct rc_buf clean = rc_buf_in(arena, limit);
    for (uint32_t i = 0; i < text.n && clean.status == RC_OK;) {
        uint32_t n = rc_utf8_length(text.p + i, text.n - i);
        rc_put(&clean, n ? (struct rc_sv){text.p + i, n} : rc_sv_of(replacement));
        i += n ? n : 1;
    }
    return rc_buf_sv(&clean);
}

void exec_traceparent(const struct rc_effect *effect, char ret_text[EXEC_TRACE + 1])
{
    struct rc_sha256 hash;
    rc_sha256_init(&hash);
    rc_sha256_add_sv(&hash, RC_SV("recourse trace"));
    rc_sha256_add_u64(&hash, effect->of.shard);
    rc_sha256_add_u64(&hash, effect->of.id);
    struct rc_h128 trace = rc_sha256_h128(&hash);
    uint64_t state = effect->idempotency_key.hi ^ effect->idempotency_key.lo ^ effect->attempt;
    struct rc_h128 span = {.hi = rc_mix(&state)}; /* the key is a hash already */
    char digits[32];
    memcpy(ret_text, "00-", 3);
    rc_h128_hex(trace, ret_text + 3);
    ret_text[35] = '-';
    rc_h128_hex(span, digits);
    memcpy(ret_text + 36, digits, 16);
    memcpy(ret_text + 52, "-01", 4);
}
