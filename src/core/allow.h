#pragma once
/* What may be done with a command (internal to core/): the guards of the actions, and which steps each is about. */
#include "core/command.h"

enum rc_target {
    RC_RETRYABLE,
    RC_CHECKABLE,
    RC_RESOLVABLE,
    RC_UNDOABLE,
    RC_NOT_UNDOABLE,
    RC_MAYBE_HAPPENED,
    RC_SKIPPABLE,
    RC_STANDING,      /* outside: it would be done a second time if the whole were done again */
    RC_MAYBE_STANDING /* nobody knows whether it does */
};
bool rc_is_target(const struct rc_command *, uint32_t at, enum rc_target);
bool rc_any_is(const struct rc_command *, enum rc_target);
