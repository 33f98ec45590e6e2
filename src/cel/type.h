#pragma once
/* Static types, inside src/cel. */
#include "cel/cel.h"

/* What an empty list holds: dyn, but every type holds it, so that `[] + [1]` is a list of int. */
extern const struct cel_type cel_nothing;

/* A type without parts; list and map are of dyn. Static. */
const struct cel_type *cel_type_of(enum cel_type_kind);
/* Of what a list or map holds and what its keys are; dyn where nothing is said. */
const struct cel_type *cel_type_item(const struct cel_type *);
const struct cel_type *cel_type_key(const struct cel_type *);
const struct cel_type *cel_type_field(const struct cel_type *object, struct rc_sv name); /* or NULL */

bool cel_type_is_number(const struct cel_type *);
/* Whether a value of one may also be a value of the other: dyn may be anything. */
bool cel_type_fits(const struct cel_type *, const struct cel_type *);
/* The same, where any number may also meet any other, and null anything: what `==` and `in` allow. */
bool cel_type_comparable(const struct cel_type *, const struct cel_type *);
/* The one of both that every value of the other is of too, or NULL where neither is. */
const struct cel_type *cel_type_join(const struct cel_type *, const struct cel_type *);
