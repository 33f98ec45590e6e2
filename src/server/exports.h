#pragma once
/* The format of exports (docs/records.md), as writing and reading share it. Internal to server/. */
#include "cel/value.h"
#include "store/store.h"

#include <stdio.h>

enum {
    EXPORT_FORMAT = 1,
    EXPORT_MAX_LINE = 16 << 20 /* bytes of one line: a record's texts as JSON strings */
};

/* Members of a line, taken one by one; the first that does not fit is kept, and one that nobody takes is one too many. */
struct line {
    struct cel_value value;
    uint32_t taken;
    const char *bad;
};

const struct cel_value *line_take(struct line *, const char *name); /* NULL: not there */
void line_refuse(struct line *, const char *name);
/* Texts of up to `max` bytes, whole numbers within bounds; empty or 0 where a member that is not required is missing. */
struct rc_sv line_text(struct line *, const char *name, uint32_t max, bool required);
uint64_t line_number(struct line *, const char *name, uint64_t least, uint64_t most, bool required);
bool line_bool(struct line *, const char *name);
rc_us line_time(struct line *, const char *name); /* RFC 3339; 0 for null */
bool line_hex(struct line *, const char *name, unsigned char *ret, uint32_t n,
              bool required); /* whether it is there */
uint64_t line_nonce(struct line *, const char *name, bool required);
struct rc_h128 line_h128(struct line *, const char *name);
/* All members of a queue that is stopped. */
struct rc_stopped line_stopped(struct line *);
/* The number of a word among the n of a closed list. */
uint8_t line_word(struct line *, const char *name, struct rc_word (*word)(unsigned), unsigned n);

/* Where what comes goes: a store that is being made. */
struct import_sink {
    void *context;
    enum rc_status (*row)(void *context, const struct rc_import *, struct rc_error *);
    enum rc_status (*command)(void *context, const struct rc_batch *, struct rc_error *);
    bool (*is_purged)(void *context, uint64_t seq);
};

struct import_end {
    struct rc_high high; /* as the head has it, and the number of entries that came */
    uint64_t entries, commands;
};

/* Takes all lines of an export. An error names `from` and the line. RC_INVALID, RC_SYNTAX, RC_NEWER, RC_LIMIT: what came is none. */
RC_MUST enum rc_status import_lines(FILE *, const char *from, const struct import_sink *,
                                    struct import_end *ret, struct rc_error *);
