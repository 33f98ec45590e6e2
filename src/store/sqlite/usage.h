#pragma once
/* What namespaces hold, counted in the SQLite store. */
#include "store/sqlite/db.h"

/* By how much the usage of a namespace changes. */
struct sq_share {
    uint64_t ns;
    int64_t commands, open, bytes;
};
/* What a touched command does to it, with so many bytes more of its history. Within a transaction of the writer. */
RC_MUST
enum rc_status sq_share(struct sq_conn *, const struct rc_touched *, uint64_t bytes, struct sq_share *ret,
                        struct rc_error *);
/* Adds them up by namespace (the array is sorted) and to the table. Whoever takes commands out gives negative ones. */
RC_MUST
enum rc_status sq_write_usage(struct sq_conn *, struct sq_share *, uint32_t n, struct rc_error *);
