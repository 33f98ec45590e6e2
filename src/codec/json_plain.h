#pragma once
/* Two ways to read the same JSON text. Private to codec/. */
#include "codec/json.h"

/* Reads what most texts are: well-formed, not large, without \u and without numbers that fit into no 64 bits. False: it is not
 * such a text, or something is wrong with it, or with the memory: the library says what. What it accepts, the library accepts with
 * the same value. */
RC_MUST bool rc_json_plain(struct rc_sv text, unsigned depth, struct rc_arena *, struct cel_value *ret_value);
/* rc_json_parse_within by the library alone. */
RC_MUST enum rc_status rc_json_library(struct rc_sv text, unsigned depth, struct rc_arena *,
                                       struct cel_value *ret_value, struct rc_error *);
