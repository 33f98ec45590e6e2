#pragma once
/* Seals on pages (seal.c), and the log that another process has left (log.c). */
#include "store/sqlite/db.h"

enum {
    SQ_PAGE = 4096,
    SQ_SEAL = 8, /* bytes at a page's end: a number, little endian */
    SQ_LOG_HEAD = 32,
    SQ_FRAME_HEAD = 24,
    SQ_FRAME = SQ_FRAME_HEAD + SQ_PAGE
};

/* Negative control of the proofs: seals that do not fit are passed over. Never in production. */
extern bool sq_unsafe_no_seals;

/* The seal of page `number` (from 1) over its bytes but the last SQ_SEAL. */
uint64_t sq_seal(const unsigned char *page, uint64_t number);

static inline uint32_t sq_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* sqlite.org/fileformat2, "Checksum Algorithm"; n is a multiple of 8. */
void sq_log_add(uint32_t io_sum[2], const unsigned char *bytes, size_t n, bool big_endian);
/* Whether a frame follows from the checksum before it: the last 8 bytes of the head before. */
bool sq_log_fits(const unsigned char before[8], const unsigned char *head, const unsigned char *page,
                 bool big_endian);

/* Looks at the log of the store `path` before SQLite does. SQLite believes it up to the first frame that does not fit, and forgets
 * what stands behind: rightly, where a crash or a power cut tore the last transaction. RC_DAMAGED where it cannot be that: the log's
 * head does not fit, or whole transactions stand behind the frame that does not. *ret_lost: frames behind the last transaction that is
 * whole, which are left out; either nobody was told of them, or they are damaged. `note` (may be NULL): how far it must reach at
 * least. `settle`: writes what is there over itself and syncs
 * it (open.c says why); without it somebody may be writing meanwhile. */
RC_MUST
enum rc_status sq_log_check(const char *path, bool settle, const struct sq_note *, uint64_t *ret_lost,
                            struct rc_error *);

/* Takes out of the log what stands behind the last commit. RC_COMMIT_UNKNOWN: it does not look as it should. */
RC_MUST
enum rc_status sq_log_forget(struct sq_store *, struct rc_error *);

/* The page, or the frame of the log, for which this thread got SQLITE_IOERR_DATA last. */
struct sq_broken {
    bool log, refused; /* refused: the disk does not give it */
    uint64_t number;   /* from 1 */
};
struct sq_broken sq_broken(void);

/* Of the VFS below. A read that the disk refused is SQLITE_IOERR_READ: unix says SQLITE_IOERR_CORRUPTFS where errno is EIO, and SQLite makes
 * SQLITE_CORRUPT of that, as if the bytes had come and did not fit. (again.c) */
int sq_read(sqlite3_file *real, void *to, int n, sqlite3_int64 at);
/* A page of the database file whose read has failed, up to 250 ms long. SQLITE_IOERR_DATA: the disk does not give it, but gives others. */
int sq_read_again(sqlite3_file *real, void *to, sqlite3_int64 at);
