#pragma once
/* Order of numbers and bounded equality, inside src/cel. */
#include "cel/value.h"

enum { CEL_UNORDERED = 2 };

static inline bool cel_is_number(struct cel_value value)
{
    return value.kind == CEL_INT || value.kind == CEL_UINT || value.kind == CEL_DOUBLE;
}

/* -1, 0, 1, or CEL_UNORDERED where one is NaN. Against a double the other side is converted to double first,
 * as the language's implementations do; so numbers above 2^53 may compare equal that are not. */
int cel_number_order(struct cel_value a, struct cel_value b);

/* Looking at this many bytes of text counts as one step. */
#define CEL_TEXT_STEPS(n) ((uint64_t)(n) >> 8)

/* cel_equal that takes a step per cell looked at from *io_steps. At 0 it gives up: the answer means nothing. */
bool cel_equal_within(struct cel_value a, struct cel_value b, uint64_t *io_steps);
