#pragma once
/* The writer's files, written in large pieces.
 *
 * SQLite writes a page at a time: into the log with two small calls, one for the frame's head and one for the page, and when it folds the log, page
 * after page into the database. Most of these writes lie one behind the other, so they are gathered here and written with one call before anything
 * could miss them: before the file is synced, read, cut, measured or closed by this connection, and where a write begins somewhere else.
 *
 * Readers on other connections look at the log only as far as its index says, and at a page of the database only where the log has none that is
 * newer; SQLite moves both marks after the sync. That holds where every commit is synced (synchronous=FULL): only such connections gather. The one
 * mark that moves without a sync is that of a fold that ends early because a reader looks at an older state (walCheckpoint() in SQLite's wal.c):
 * from the lock that it does not get on, nothing is gathered. */
#include <sqlite3.h>
#include <stdbool.h>

struct sq_gather;
enum sq_gathered {
    SQ_GATHER_LOG = SQLITE_FCNTL_JOURNAL_POINTER,
    SQ_GATHER_DATABASE = SQLITE_FCNTL_FILE_POINTER
};

/* From now on this file of the connection is written through what is returned. NULL where it is not open yet, or where no memory is left: then it is
 * written as SQLite does it, which is slower and as safe. */
struct sq_gather *sq_gather_begin(sqlite3 *, enum sq_gathered);
/* Ends it. What has not been put out by now is dropped, and false is returned: it must belong to something that failed. NULL is allowed. */
bool sq_gather_end(struct sq_gather *);
/* The same once the connection is closed, and the file with it. */
void sq_gather_free(struct sq_gather *);
