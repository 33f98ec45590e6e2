#pragma once
/* An error's details. Every fallible function takes a struct rc_error * last; NULL means the caller wants the
 * status only. It is written on failure and left alone on success. Not shared between threads. */
#include "base/status.h"
#include "base/sv.h"

enum { RC_ERROR_TEXT = 512, RC_ERROR_POINTER = 192, RC_ERROR_SOURCE = 192 };

struct rc_error {
    enum rc_status status;
    char text[RC_ERROR_TEXT];       /* what is wrong and how to mend it; terminated, cut where too long */
    char pointer[RC_ERROR_POINTER]; /* JSON pointer (RFC 6901) of the field at fault, or empty */
    char source[RC_ERROR_SOURCE];   /* file of a definition, or empty */
    unsigned line, column;          /* from 1; 0 where there is no text position */
};

#define RC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Writes status and text (clearing pointer and position) and returns the status, so that a function can end
 * with `return rc_fail(err, RC_INVALID, "…")`. */
enum rc_status rc_fail(struct rc_error *err, enum rc_status, const char *format, ...) RC_PRINTF(3, 4);

/* Puts "prefix: " before the text that is there: each layer adds what it was doing. Returns the status, which is that of the text;
 * where whoever failed has left no text, the status's own stands there. */
enum rc_status rc_fail_prefix(struct rc_error *err, enum rc_status, const char *format, ...) RC_PRINTF(3, 4);

/* Sets the position of the error that is there. */
void rc_error_at(struct rc_error *err, unsigned line, unsigned column);

/* The error "out of memory" or "limit exceeded" of an arena that refused (see arena.h). */
struct rc_arena;
enum rc_status rc_fail_arena(struct rc_error *err, const struct rc_arena *);

#ifdef __clang_analyzer__ /* it sees one file at a time: tell it what these give back */
#define rc_fail(err, status, ...) (rc_fail(err, status, __VA_ARGS__), (status))
#define rc_fail_arena(err, arena) (rc_fail_arena(err, arena), RC_NOMEM)
#endif
