#pragma once
/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Pure. */
#include "base/sv.h"

/* Bytes of the well-formed sequence at text (n bytes are there), or 0 where it is not well-formed. */
uint32_t rc_utf8_length(const char *text, uint32_t n);
/* Code point of the well-formed sequence at text of the given length. */
uint32_t rc_utf8_decode(const char *text, uint32_t length);
/* Writes up to 4 bytes and returns how many; 0 for what is no code point. */
uint32_t rc_utf8_encode(uint32_t code_point, char ret_bytes[4]);
/* Whether all of it is well-formed. */
bool rc_utf8_valid(struct rc_sv);
/* Number of code points of well-formed text. */
uint32_t rc_utf8_count(struct rc_sv);
