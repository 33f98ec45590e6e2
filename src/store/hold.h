#pragma once
/* Holds: a store that is an older state of itself, or that came from elsewhere, says so, and nothing leaves before a person has seen
 * what may be missing. A part of the contract of store.h, with its rules on commits, readers and ownership.
 *
 * HOW A STORE KNOWS. A copy (rc_sqlite_backup) and an import (rc_sqlite_import) carry a mark with the time of their state. And
 * beside each store's file stands another one, PATH.life, which names the store and the last change that it has taken; it is
 * written behind each commit. A store that knows less than the file beside it is an older state; one that is not the store that
 * the file names, or that has no such file though it has lived, came from elsewhere. What is found is the store's mark until a hold
 * is begun. What nobody can find out so: the file and its .life went back together, as in a snapshot of a whole disk.
 *
 * A HOLD is a row: the window of which nothing is known (from the time of the state to the time when it was opened again), how far
 * the commands of that state have been looked through and what was found, and when it was released. At most one is not released. */
#include "base/clock.h"
#include "base/error.h"
#include "core/words.h"

struct rc_arena;
struct rc_author;
struct rc_reader;
struct rc_store;

struct rc_origin {
    uint8_t cause; /* enum rc_held; RC_HELD_NONE: the store is the one that stood here last, as it was */
    rc_us at;      /* of when its state is; 0: not known */
};
/* What opening the store has found, until a hold is begun. */
struct rc_origin rc_store_origin(const struct rc_store *);

struct rc_hold {
    uint64_t id, nonce; /* id: from 1, given by the store */
    uint8_t cause;      /* enum rc_held */
    rc_us from, until;  /* the window; from 0: not known */
    uint64_t seq;       /* commands up to this one are of the old state */
    uint64_t left;      /* commands below this one are still to be looked through; 0: none */
    uint64_t commands;  /* that were under way */
    uint64_t attempts;  /* of theirs that were out */
    uint64_t checks;    /* steps that will be asked for, */
    uint64_t repeats;   /* that will be repeated with the same key, */
    uint64_t reviews;   /* that wait for a person */
    uint64_t bulks;     /* that were running, and are paused */
    rc_us released;     /* 0: it holds */
    rc_us watch;        /* until when repeats are pointed out; 0 while it holds */
};

/* Whether this command is pointed out to whoever asks: it was made since the hold began, with a key that another life of the store may
 * have seen (*ret_new), or it is of the old state and had not ended then: another life may have gone on with it. Until the watch is over. */
bool rc_hold_points_out(const struct rc_hold *, uint64_t seq, bool ended, rc_us created, rc_us changed,
                        rc_us now, bool *ret_new);

struct rc_hold_write {
    const struct rc_hold *hold; /* id 0: it begins; else as it is after */
    const struct rc_author *by; /* NULL: the server itself */
    rc_us now;
};
/* Begins or releases one, in one durable commit with an entry of the audit. What begins takes the mark away and the place of one that
 * was not released, which counts as released then; of the others the oldest goes where there are RC_MAX_HOLDS. Essential;
 * statuses as rc_store_commit, RC_BUG where there is no such hold. *ret_id (may be NULL): its number. Progress comes with a batch
 * (rc_batch.hold). */
RC_MUST enum rc_status rc_store_hold(struct rc_store *, const struct rc_hold_write *, uint64_t *ret_id,
                                     struct rc_error *);
/* All of them, newest first; at most RC_MAX_HOLDS. */
RC_MUST enum rc_status rc_read_holds(struct rc_reader *, struct rc_arena *, struct rc_hold **ret,
                                     uint32_t *ret_n, struct rc_error *);
