#pragma once
/* Tokens of the API as texts: rct_ID_SECRET. ID is 16 hexadecimal digits and no secret: it is what lists show, so that a
 * token that was found somewhere can be revoked. SECRET is 256 random bits from the kernel as 64 digits.
 *
 * What is stored is SHA-256 of the secret. A slow password hash (bcrypt, Argon2) protects secrets that somebody can guess;
 * 2^256 random values cannot be tried, however fast the hash is, and a fast one may stand on the path of every request. */
#include "base/status.h"
#include "base/sv.h"

enum { RC_TOKEN_TEXT = 85, RC_TOKEN_ID_TEXT = 16, RC_TOKEN_HASH = 32 };

/* A new token. *ret_id is from 1 to 2^63 - 1. The text is terminated; whoever has shown it wipes it (explicit_bzero). RC_IO
 * where the kernel gives no random numbers. */
RC_MUST
enum rc_status rc_token_make(uint64_t *ret_id, unsigned char ret_hash[RC_TOKEN_HASH],
                             char ret_text[RC_TOKEN_TEXT + 1]);
/* Reads a text back to id and hash; false for what is no token. */
RC_MUST
bool rc_token_parse(struct rc_sv text, uint64_t *ret_id, unsigned char ret_hash[RC_TOKEN_HASH]);
/* Takes the same time whatever they hold. */
RC_MUST
bool rc_token_same(const unsigned char a[RC_TOKEN_HASH], const unsigned char b[RC_TOKEN_HASH]);

/* 16 digits and a NUL; and back, false for anything else. */
void rc_token_id_format(uint64_t id, char ret_text[RC_TOKEN_ID_TEXT + 1]);
RC_MUST
bool rc_token_id_parse(struct rc_sv text, uint64_t *ret_id);
