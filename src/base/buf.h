#pragma once
/* Bounded text buffer in an arena. Appending never fails on the spot: the first refusal makes the buffer keep
 * its status and drop what follows, so that a writer checks once, at the end. */
#include "base/arena.h"

struct rc_buf {
    struct rc_arena *arena;
    char *p;
    uint32_t n, cap, limit;
    enum rc_status status; /* RC_OK, RC_LIMIT or RC_NOMEM */
};

/* An empty buffer that takes at most `limit` bytes. */
struct rc_buf rc_buf_in(struct rc_arena *, uint32_t limit);
void rc_put(struct rc_buf *, struct rc_sv);
void rc_put_char(struct rc_buf *, char);
void rc_put_text(struct rc_buf *, const char *);
void rc_put_i64(struct rc_buf *, int64_t);
void rc_put_u64(struct rc_buf *, uint64_t);
void rc_put_format(struct rc_buf *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with quotes (RFC 8259; only what must be escaped is). Bytes that are not UTF-8 become U+FFFD.
 */
void rc_put_json(struct rc_buf *, struct rc_sv);

static inline struct rc_sv rc_buf_sv(const struct rc_buf *buf)
{
    return (struct rc_sv){buf->p, buf->n};
}
