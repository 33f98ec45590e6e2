#pragma once
/* Core types as stored JSON, format 1: what a history record is made of.
 *
 * Changes are a JSON array of arrays of integer codes and texts, one per change. Integers, because they are short;
 * JSON, because SQLite's own functions can read it (the views in the schema do). Trailing nulls and zeros of a row
 * may be left out.
 *   [1]                   create; the identity stands in the command's row, its payload in the cause's body
 *   [2, node, state, phase, why, attempt, tries, asks, round, undo_round, lost, cleared, doubt, since,
 *     first, due, keyed]
 *                         control and times of a node; what a node is in the flow is fixed by the flow; times in µs
 *                         relative to the record's: 0 is none, else t - at, plus 1 where that is >= 0
 *   [3, node, outputs, external id]
 *   [4, node, hash in hex]
 *   [5, node, text, status, why, outcome]
 *   [6, mode, why]
 *   [7, state]
 *   [9, 0, owner]         0 in the place of a node: these are the command's
 *   [10, 0, due]          in µs relative to the record's time, as above
 *   [11, 0, notes]
 *   [12, 0, seq, nonce]   the successor; the nonce is an unsigned number's bits
 *   [50, node, [[kind, role, at, "subject", "actor", "answer"], …]]
 *                         who has decided there; at in µs relative to the record's time
 *   [70, 0, from, to, [instances, first, was, n, …]]
 *                         versions; how many instances the new one has, and runs of those that were there before:
 *                         `n` of them, from `first` on, had the numbers from `was` on
 *   [40, 0, start, deadline, over, wall]
 *                         when it begins (start, over: as times above; deadline: a span in µs)
 * A cause's body is what people or outside systems wrote: the payload of a submission as canonical JSON; of a result
 * {"reach", "why", "usable", "status", "retry_after", "excerpt", "error", "took"} as far as set (headers and a usable
 * body are not kept: the outputs are); of an action its fields; empty for the rest. */
#include "core/core.h"

/* Writers never fail; the buffer carries the status. */
void rc_put_changes(struct rc_buf *, const struct rc_change *, uint32_t n, rc_us at);
void rc_put_cause(struct rc_buf *, const struct rc_ask *);

/* RC_DAMAGED where the text is not what the writers write; RC_NOMEM. Everything lives in the arena. CREATE
 * comes back with identity NULL: the caller fills it in. */
RC_MUST enum rc_status rc_get_changes(struct rc_sv text, rc_us at, struct rc_arena *, struct rc_change **ret,
                                      uint32_t *ret_n, struct rc_error *);
/* Kind, node, attempt, purpose come from the caller (columns); this fills the body (u). */
RC_MUST enum rc_status rc_get_cause(struct rc_sv text, struct rc_arena *, struct rc_ask *io_ask,
                                    struct rc_error *);
