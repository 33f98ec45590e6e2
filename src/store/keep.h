#pragma once
/* Keeping a store: checking a file and copying one. Of the SQLite store; part of the contract in store.h. Any thread, and any process:
 * both open the file as rc_sqlite_look does, beside a server or without one. While they read, the store's log cannot be begun anew
 * and grows with what is written meanwhile. */
#include "base/error.h"

struct rc_holdings {
    uint64_t commands, records, purged, entries; /* entries: of the audit */
    uint64_t bytes;                              /* of the file */
};

/* Reads all of the file and holds it against itself: SQLite's own check of its pages and indexes, then ours (histories are whole and
 * linked, keys, counts and work fit the commands, the chain of the audit). RC_DAMAGED says what does not fit; else as
 * rc_sqlite_look. */
RC_MUST enum rc_status rc_sqlite_check(const char *path, struct rc_holdings *ret, struct rc_error *);

/* Copies a store as it is at one moment into a new file, checks the copy and syncs it. The file is there whole or not at all; it
 * can be read and written by its owner only. The copy has no free pages: what was purged before is not in it.
 *
 * RC_IN_USE: the file is there, and `force` is false; or it is a store of its own (a log or a lock stands beside it), which is never
 * written over. RC_FULL, RC_IO; RC_DAMAGED where the store, and so the copy, does not pass the check. */
RC_MUST enum rc_status rc_sqlite_backup(const char *store, const char *to, bool force,
                                        struct rc_holdings *ret, struct rc_error *);
