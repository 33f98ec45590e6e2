#pragma once
/* Texts that go out with an attempt, and that come back: secrets are filled in here and masked here, and what others wrote is made
 * clean. Private to exec/. */
#include "exec/exec.h"

/* The secrets that one request has used. */
struct exec_secrets {
    rc_secret_fn *find; /* NULL: there are none */
    void *context;
    struct rc_arena *arena;
    struct rc_sv *text; /* that were filled in */
    uint32_t n, cap;
};

/* Appends a string or a secret text with its holes filled. RC_NOT_FOUND, or what `find` says; RC_NOMEM. No error text holds a
 * secret. The buffer keeps a status of its own. */
RC_MUST
enum rc_status exec_put_secret(struct exec_secrets *, struct rc_buf *, struct cel_value, struct rc_error *);

/* Writes '*' over every secret of at least 6 bytes (shorter ones stand everywhere by chance). The length stays. */
void exec_mask(struct rc_buf *, const struct rc_sv *secret, uint32_t nsecret);

/* `text` as well-formed UTF-8 of at most `limit` bytes: what is not well-formed becomes U+FFFD. Empty where
 * the arena refuses. */
struct rc_sv exec_clean_text(struct rc_arena *, struct rc_sv text, uint32_t limit);

/* "00-…-…-01" of W3C Trace Context, terminated: one trace a command, one span an attempt, both derived, so that a record names them
 * too. */
enum { EXEC_TRACE = 55 };
void exec_traceparent(const struct rc_effect *, char ret_text[EXEC_TRACE + 1]);
