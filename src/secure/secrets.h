#pragma once
/* Secrets from a directory: one file a secret, named like it, as systemd's credentials are
 * (systemd.exec(5), LoadCredential=). A file is read each time its secret is needed, so that a rotated secret
 * is used at once and none is kept in memory. Nothing here logs or repeats a secret's text. */
#include "base/arena.h"
#include "base/error.h"

struct rc_secrets;

/* Opens the directory. RC_NOT_FOUND, RC_IO, RC_NOMEM; RC_FORBIDDEN where others may write to it. */
RC_MUST
enum rc_status rc_secrets_open(const char *directory, struct rc_secrets **ret, struct rc_error *);
void rc_secrets_close(struct rc_secrets *);

/* The text of a secret, copied into the arena, without a line end at its end. Has the type of rc_secret_fn;
 * `secrets` is a struct rc_secrets *, or NULL: there are none. Names are letters, digits, '_', '-' and '.', at
 * most RC_MAX_NAME, and do not begin with '.'. RC_INVALID (the name), RC_NOT_FOUND, RC_LIMIT (RC_MAX_SECRET),
 * RC_IO. Any thread. */
RC_MUST
enum rc_status rc_secrets_get(void *secrets, struct rc_sv name, struct rc_arena *, struct rc_sv *ret_text,
                              struct rc_error *);
