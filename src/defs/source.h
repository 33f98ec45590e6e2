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

/* Adds an error at a byte of the source; returns false, so that readers can end with it. Out of memory wins
 * over everything: it is kept alone. */
bool defs_complain(struct defs_errors *, const struct defs_source *, uint32_t byte, enum rc_status,
                   const char *pointer, const char *format, va_list);
bool defs_complain_at(struct defs_errors *, const struct defs_source *, uint32_t byte, enum rc_status,
                      const char *format, ...) RC_PRINTF(5, 6);
/* The arena refused. */
bool defs_complain_arena(struct defs_errors *, const struct defs_source *, const struct rc_arena *);

/* Checks size, UTF-8 and control characters, and indexes the text. False: the reason is in errors. */
RC_MUST
bool defs_source_open(struct defs_source *ret, struct defs_file, struct rc_arena *, struct defs_errors *);
/* Byte of the character with this number from 0; the end of the text where there are fewer. */
uint32_t defs_source_byte(const struct defs_source *, size_t character);
struct defs_position defs_source_position(const struct defs_source *, uint32_t byte);
