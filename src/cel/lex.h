#pragma once
/* Tokens of an expression. */
#include "cel/value.h"

enum cel_token_kind {
    CEL_TOK_END,
    CEL_TOK_NAME,   /* identifier or word; text */
    CEL_TOK_QUOTED, /* `field`; text without the quotes */
    CEL_TOK_VALUE,  /* double, string, bytes, uint: value */
    CEL_TOK_INT,    /* value.v.u is the magnitude: the sign comes from the parser */
    CEL_TOK_MARK    /* operator or bracket; text */
};

struct cel_token {
    enum cel_token_kind kind;
    uint32_t at; /* byte offset */
    struct rc_sv text;
    struct cel_value value;
};

struct cel_lexer {
    struct rc_sv source; /* well-formed UTF-8; values and names borrow from it */
    uint32_t at;
    struct rc_arena *arena; /* for text with escapes */
    struct rc_error *err;
};

RC_MUST
enum rc_status cel_lex(struct cel_lexer *, struct cel_token *ret);

/* Decodes the escapes of a literal's inside (literal.c). `at` is its offset, for messages. */
RC_MUST
enum rc_status cel_unescape(struct cel_lexer *, struct rc_sv inside, uint32_t at, bool bytes,
                            struct rc_sv *ret);
