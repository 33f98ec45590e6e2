#pragma once
#include "base/clock.h"
#include "world.h"

void tell_record(struct rc_buf *, const struct world_record *, const struct rc_command *);
void tell_effect(struct rc_buf *, const struct rc_effect *, const struct rc_command *);
void tell_explanation(struct rc_buf *, const struct rc_command *);
