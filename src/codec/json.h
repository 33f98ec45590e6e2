#pragma once
/* JSON text to values (RFC 8259). The only user of the JSON library. Writing JSON is cel_put_json and
 * rc_put_json. */
#include "cel/value.h"

/* Parses one JSON text strictly: UTF-8, no duplicate keys, nothing behind the value, at most
 * RC_MAX_JSON_DEPTH deep and RC_MAX_JSON_CELLS values. Numbers without fraction and exponent that fit become
 * CEL_INT, others CEL_DOUBLE; a number too large for both is an error. The value borrows nothing from `text`.
 * Errors: RC_SYNTAX with line and column; RC_LIMIT; RC_NOMEM. Thread-safe (one arena per thread). */
RC_MUST enum rc_status rc_json_parse(struct rc_sv text, struct rc_arena *, struct cel_value *ret_value,
                                     struct rc_error *);
/* The same with a bound of its own on the nesting, for texts that we write around values that may be
 * RC_MAX_JSON_DEPTH deep themselves. */
RC_MUST enum rc_status rc_json_parse_within(struct rc_sv text, unsigned depth, struct rc_arena *,
                                            struct cel_value *ret_value, struct rc_error *);
