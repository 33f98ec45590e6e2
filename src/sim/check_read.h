#pragma once
/* Histories and journals from files; check.h has their formats. Everything is bounded and checked: what does not fit is refused with the
 * name of the file and the line. */
#include "sim/check.h"

enum {
    CHECK_MAX_FILE = 1 << 30, /* bytes of one file */
    CHECK_MAX_LINE = 2 << 20, /* bytes of one line */
    CHECK_MAX_LINES = 20000000
};

/* Reads a whole file into the arena. RC_NOT_FOUND, RC_IO, RC_LIMIT, RC_NOMEM; RC_INVALID where it is no regular file. */
RC_MUST enum rc_status check_read_file(const char *path, struct rc_arena *, struct check_text *ret,
                                       struct rc_error *);

struct check_history {
    struct check_call *calls;
    uint32_t ncalls;
    rc_us quiet, end;
};
/* Keys and hashes of payloads are made with the definitions of the set. RC_SYNTAX (no JSON), RC_INVALID, RC_LIMIT, RC_NOMEM. */
RC_MUST enum rc_status check_read_history(const struct check_text *files, uint32_t nfiles,
                                          const struct flow_set *, struct rc_arena *,
                                          struct check_history *ret, struct rc_error *);

struct check_journal {
    struct check_arrival *arrivals;
    uint32_t narrivals;
};
RC_MUST enum rc_status check_read_journal(const struct check_text *files, uint32_t nfiles, struct rc_arena *,
                                          struct check_journal *ret, struct rc_error *);
