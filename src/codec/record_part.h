#pragma once
/* Parts of the stored form of changes (internal to codec/). */
#include "base/buf.h"
#include "core/change.h"
#include "core/people.h"

void rc_put_place(struct rc_buf *, const struct rc_place *);
/* False where the row, a list, is not what was written. Borrows its text. */
RC_MUST bool rc_get_place(struct cel_value row, struct rc_place *ret);

void rc_put_move(struct rc_buf *, const struct rc_move *);
/* False where the row is not what was written, or the arena refused. The flow comes back NULL. */
RC_MUST bool rc_get_move(struct cel_value row, struct rc_arena *, struct rc_move *ret);

void rc_put_votes(struct rc_buf *, uint32_t node, const struct rc_votes *, rc_us at);
/* False where the row is not what was written, or the arena refused. Borrows its text. */
RC_MUST bool rc_get_votes(struct cel_value row, rc_us at, struct rc_arena *, struct rc_votes *ret);
