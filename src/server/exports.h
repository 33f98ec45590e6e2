#pragma once
/* The format of exports (docs/records.md), as writing and reading share it. Internal to server/. */
#include "cel/value.h"
#include "store/store.h"

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
/* The number of a word among the n of a closed list. */
uint8_t line_word(struct line *, const char *name, struct rc_word (*word)(unsigned), unsigned n);
