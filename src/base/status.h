#pragma once
/* Status codes. The list is spec/status.def; nothing else names texts, HTTP statuses or retryability. */
#include <stdbool.h>

#define RC_MUST __attribute__((warn_unused_result))

enum rc_status {
#define RC_STATUS(code, slug, http, retry, text) code,
#include "status.def"
#undef RC_STATUS
    RC_STATUS_COUNT
};

/* Static strings and numbers of a code. Any value outside the list is answered as RC_BUG. Thread-safe. */
const char *rc_status_slug(enum rc_status);
const char *rc_status_text(enum rc_status);
int rc_status_http(enum rc_status);
bool rc_status_retryable(enum rc_status);

/* The code of a slug, for clients that read problem documents; RC_BUG where the slug is unknown. */
enum rc_status rc_status_of_slug(const char *slug);
