#pragma once
#include "base/clock.h"
#include "world.h"

void tell_record(struct rc_buf *, const struct world_record *, const struct rc_command *);
/* What stands of a child: enum rc_stands. */
const char *tell_stands(unsigned stands);
void tell_effect(struct rc_buf *, const struct rc_effect *, const struct rc_command *);
void tell_explanation(struct rc_buf *, const struct rc_command *);
/* What a roll back to a step would undo; empty: of the whole. */
RC_MUST enum rc_status tell_move_plan(struct rc_buf *, const struct rc_command *,
                                      const struct rc_move_plan *);
enum rc_status tell_undo_plan(struct rc_buf *, const struct rc_command *, struct rc_sv step,
                              struct rc_arena *, struct rc_error *);
