#pragma once
/* Putting a file in its place, so that it is there whole or not at all, also after the power was cut. */
#include "base/error.h"

/* A file that was filled under another name of the same folder is synced and renamed over `to`, and the folder is synced; only with
 * RC_OK is it there for good. RC_FULL, RC_IO: what is at `to` is the old file or the new one, nothing where there was nothing; the caller removes `part`.
 * (fsync(2): "does not necessarily ensure that the entry in the directory containing the file has also reached disk".) */
RC_MUST
enum rc_status rc_place(const char *part, const char *to, struct rc_error *);
