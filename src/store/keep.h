#pragma once
/* Keeping a store: checking a file and copying one. Of the SQLite store; part of the contract in store.h. Any thread, and any process:
 * both open the file as rc_sqlite_look does, beside a server or without one. While they read, the store's log cannot be begun anew
 * and grows with what is written meanwhile. */
#include "base/arena.h"
#include "base/error.h"
#include "store/audit.h"

struct rc_definition;
struct rc_high;
struct rc_identity;
struct rc_origin;
struct rc_namespace;
struct rc_purged;
struct rc_record;
struct rc_store;

struct rc_holdings {
    uint64_t commands, records, purged, entries; /* entries: of the audit */
    uint64_t bytes;                              /* of the file */
};

/* Reads all of the file and holds it against itself: SQLite's own check of its pages and indexes, then ours (histories are whole and
 * linked, keys, counts and work fit the commands, the chain of the audit). RC_DAMAGED says what does not fit; else as
 * rc_sqlite_look. */
RC_MUST enum rc_status rc_sqlite_check(const char *path, struct rc_holdings *ret, struct rc_error *);

/* Copies a store as it is at one moment into a new file, checks the copy and syncs it. The file is there whole or not at all; it
 * can be read and written by its owner only. The copy has no free pages: what was purged before is not in it. It is marked as a
 * copy (hold.h); a copy of a copy has the mark of the first.
 *
 * RC_IN_USE: the file is there, and `force` is false; or it is a store of its own (a log or a lock stands beside it), which is never
 * written over. RC_FULL, RC_IO; RC_DAMAGED where the store, and so the copy, does not pass the check. */
RC_MUST enum rc_status rc_sqlite_backup(const char *store, const char *to, bool force,
                                        struct rc_holdings *ret, struct rc_error *);

/* Puts a checked copy of the store `from` in the place of the store at `path`, which need not be there. What stood there stays a whole
 * store under another name, written to ret_kept (`room` bytes; empty: there was nothing). The store that is there then has the mark of a copy.
 * RC_LOCKED: a server has the store open; RC_IN_USE; else as rc_sqlite_backup: and the old store is where it was, unless moving it failed half
 * way, which no server takes for a new store. */
RC_MUST enum rc_status rc_sqlite_restore(const char *from, const char *path, char *ret_kept, size_t room,
                                         struct rc_holdings *ret, struct rc_error *);

/* Makes a store of a file that was filled under another name: checks it, syncs it and puts it in place as rc_sqlite_backup does. */
RC_MUST enum rc_status rc_sqlite_install(const char *part, const char *to, struct rc_holdings *ret,
                                         struct rc_error *);
/* Whether a new store may be made at this path: RC_IN_USE where something stands there. */
RC_MUST enum rc_status rc_sqlite_is_free(const char *path, struct rc_error *);

/* ---- exports ------------------------------------------------------------------------------------------ */

/* A history record as it is kept: its columns, and two texts in the format of codec/record.h. */
struct rc_stored {
    uint64_t change;
    uint32_t rev;
    rc_us at;
    uint8_t cause, purpose;
    uint32_t node;
    uint16_t attempt;
    struct rc_sv body, changes;
};
/* Texts are in the arena. RC_LIMIT: larger than RC_MAX_RECORD. */
RC_MUST
enum rc_status rc_store_encode(const struct rc_record *, struct rc_arena *, struct rc_stored *ret,
                               struct rc_error *);
/* The record of the command `identity`, which lives in the arena too; fills in its payload when it is the first one. */
RC_MUST
enum rc_status rc_store_decode(const struct rc_stored *, struct rc_identity *identity, struct rc_arena *,
                               struct rc_record *ret, struct rc_error *);

/* One row of an export as it is, into a store that is being made; commands come by rc_store_commit with batch.imported. */
struct rc_import { /* one of them; the others NULL */
    const struct rc_namespace *ns;
    const struct rc_definition *definition; /* with its id, version, active and time */
    const struct rc_purged *purged;
    const struct rc_audit_entry *entry;
    const struct rc_high *high;   /* counters that are higher than the store's; the audit's as it is */
    const struct rc_audit *note;  /* a new entry behind those that came */
    const struct rc_origin *mark; /* where the store comes from */
    const struct rc_stopped *stopped;
    rc_us now; /* of the note */
};
/* RC_INVALID where such a row is there already; else as rc_store_commit. */
RC_MUST enum rc_status rc_sqlite_import(struct rc_store *, const struct rc_import *, struct rc_error *);
/* What does not fit in an entry behind one with this hash (NULL: the first), or NULL. */
const char *rc_audit_fault(const struct rc_audit_entry *, const unsigned char *previous);
