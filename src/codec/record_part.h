#pragma once
/* Parts of the stored form of changes (internal to codec/). */
#include "base/buf.h"
#include "core/change.h"
#include "core/people.h"

enum { RC_ROW_MAX = 2 + 15 }; /* places of the longest row of a change, that of a node */

void rc_put_place(struct rc_buf *, const struct rc_place *);
/* False where the row, a list, is not what was written. Borrows its text. */
RC_MUST bool rc_get_place(struct cel_value row, struct rc_place *ret);

void rc_put_move(struct rc_buf *, const struct rc_move *);
/* False where the row is not what was written, or the arena refused. The flow comes back NULL. */
RC_MUST bool rc_get_move(struct cel_value row, struct rc_arena *, struct rc_move *ret);
/* The same of children (record_child.c). */
void rc_put_child(struct rc_buf *, uint32_t node, const struct rc_child *);
RC_MUST bool rc_get_child(struct cel_value row, struct rc_child *ret);
void rc_put_parent(struct rc_buf *, const struct rc_parent *);
RC_MUST bool rc_get_parent(struct cel_value row, struct rc_parent *ret);
void rc_put_pins(struct rc_buf *, const struct rc_pins *);
/* False also where the arena refused. */
RC_MUST bool rc_get_pins(struct cel_value row, struct rc_arena *, struct rc_pins *ret);

void rc_put_votes(struct rc_buf *, uint32_t node, const struct rc_votes *, rc_us at);
/* False where the row is not what was written, or the arena refused. Borrows its text. */
RC_MUST bool rc_get_votes(struct cel_value row, rc_us at, struct rc_arena *, struct rc_votes *ret);
