#pragma once
/* The text of one file, and where in it something stands. Internal to defs/. */
#include "defs/defs.h"

#include <stdarg.h>

struct defs_source {
    struct rc_sv name, text; /* without a byte order mark */
    uint32_t *line;          /* byte where each line begins */
    uint32_t nlines;
    uint32_t *mark; /* byte of every DEFS_STRIDE-th character: makes characters and bytes cheap to convert */
    uint32_t nmarks;
};

/* Adds an error at a byte of the source. Out of memory wins over everything: it is kept alone. */
void defs_add_error(struct defs_errors *, const struct defs_source *, uint32_t byte, enum rc_status,
                    const char *pointer, const char *format, va_list);
void defs_add_error_at(struct defs_errors *, const struct defs_source *, uint32_t byte, enum rc_status,
                       const char *format, ...) RC_PRINTF(5, 6);
/* The arena refused. */
void defs_add_error_of_arena(struct defs_errors *, const struct defs_source *, const struct rc_arena *);

/* The same as expressions that are false, so that readers can end with them (and compilers see it). */
#define defs_complain_at(...)    (defs_add_error_at(__VA_ARGS__), false)
#define defs_complain_arena(...) (defs_add_error_of_arena(__VA_ARGS__), false)

/* Checks size, UTF-8 and control characters, and indexes the text. False: the reason is in errors. */
RC_MUST
bool defs_source_open(struct defs_source *ret, struct defs_file, struct rc_arena *, struct defs_errors *);
/* Byte of the character with this number from 0; the end of the text where there are fewer. */
uint32_t defs_source_byte(const struct defs_source *, size_t character);
struct defs_position defs_source_position(const struct defs_source *, uint32_t byte);
