#pragma once
/* Parts of the stored form of changes (internal to codec/). */
#include "base/buf.h"
#include "core/change.h"

void rc_put_place(struct rc_buf *, const struct rc_place *);
/* False where the row, a list, is not what was written. Borrows its text. */
RC_MUST bool rc_get_place(struct cel_value row, struct rc_place *ret);
