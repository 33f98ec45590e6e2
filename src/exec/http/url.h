#pragma once
/* The address of an outgoing request as text. */
#include "cel/value.h"

/* Appends base + path + query. `path` is a string that begins with '/'; it is taken as it is (what templates
 * insert is percent-encoded already), except that bytes above 0x7f are percent-encoded. It must hold no
 * control byte, blank, '#' or backslash, and no "." or ".." segment, however encoded. `query` is a map, or
 * NULL; names and values are percent-encoded, a list repeats its name, values are scalars (null is refused:
 * leaving a condition out could ask for everything).
 * RC_INVALID names the field; RC_LIMIT: longer than RC_MAX_URL; RC_NOMEM. The text is terminated by a NUL. */
RC_MUST
enum rc_status http_url(struct rc_sv base, const struct cel_value *path, const struct cel_value *query,
                        struct rc_arena *, const char **ret_url, struct rc_error *);

/* Appends a scalar (string, number, bool, duration, timestamp) as text; false for anything else. */
RC_MUST
bool http_put_scalar(struct rc_buf *, const struct cel_value *);
