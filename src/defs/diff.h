#pragma once
/* What changed in a text, for people. */
#include "base/buf.h"

/* Lines that begin with "-" (only in old), "+" (only in new) or " " (three around each change), and
 * "@@ line N @@" (of the new text) before each group. By the longest common subsequence; texts that differ in
 * too many lines for that (RC_MAX_DIFF_CELLS) are shown whole, and no more than RC_MAX_DIFF bytes, with a last
 * line that says so. RC_NOMEM, RC_LIMIT: the arena refused. */
RC_MUST
enum rc_status defs_diff(struct rc_sv old, struct rc_sv new, struct rc_arena *, struct rc_sv *ret);
