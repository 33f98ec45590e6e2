#pragma once
/* Numbers as text, the same in every locale. */
#include "base/sv.h"

enum { RC_NUM_TEXT = 32 };

/* Decimal text without a NUL into RC_NUM_TEXT bytes; returns its length. */
uint32_t rc_format_u64(uint64_t, char *ret_text);
uint32_t rc_format_i64(int64_t, char *ret_text);
/* Shortest decimal text that reads back as the same double, in the form of ECMAScript's Number::toString,
 * which RFC 8785 (canonical JSON) prescribes. Infinities and NaN are written as "Infinity", "-Infinity",
 * "NaN". */
uint32_t rc_format_double(double, char *ret_text);

/* The whole text must be the number: no blanks, no '+', nothing behind it, no overflow. False and untouched
 * otherwise. */
bool rc_parse_u64(struct rc_sv, uint64_t *ret);
bool rc_parse_i64(struct rc_sv, int64_t *ret);
/* Decimal notation with optional fraction and exponent ("1e308"); overflow is refused, underflow gives 0. */
bool rc_parse_double(struct rc_sv, double *ret);
