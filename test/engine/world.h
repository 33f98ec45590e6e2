#pragma once
/* The world of the simulation (sim/world.h), as cmocka's setup and teardown. The flow is "one": create (a POST with a check) at dependency "out",
 * two at a time; "plain": without a check; "two": two steps. */
#include "sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int world_setup(void **state);
int world_teardown(void **state);
