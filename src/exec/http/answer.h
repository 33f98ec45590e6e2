#pragma once
/* What comes back: collected while it arrives, then read into a result. */
#include "exec/http/request.h"

/* Bounded: a head above RC_MAX_IN_HEAD or a body above RC_MAX_ANSWER stops the transfer. */
struct http_intake {
    struct rc_buf head; /* header lines of the final answer, without its status line */
    struct rc_buf body;
    bool begun;     /* a status line came */
    bool head_done; /* the empty line after the headers came */
    bool head_full, body_full;
};

/* Everything is kept in `arena`, that of the answer. */
void http_intake_begin(struct http_intake *, struct rc_arena *);
/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; the context is the intake. */
size_t http_intake_header(char *p, size_t size, size_t n, void *context);
size_t http_intake_body(char *p, size_t size, size_t n, void *context);

/* Makes the result of a final answer (status 200 or above, head done or too large). `cut` says why the body is
 * not whole; NULL when it is. Never fails: what cannot be read makes it not usable. */
void http_answer_read(struct http_intake *, const struct http_request *, uint16_t status, const char *cut,
                      struct rc_result *ret);
