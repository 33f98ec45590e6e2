#pragma once
/* The writer's log, written in large pieces.
 *
 * SQLite writes each page of a commit with two small calls, one for the frame's head and one for the page. They lie one behind the other in
 * the log, so they are gathered here and written with one call before anything could miss them: before the log is synced, read, cut, measured
 * or closed by this connection, and where a write begins somewhere else. Readers on other connections look at the log only as far as its index
 * says, which SQLite moves on after the sync.
 *
 * That holds where every commit is synced (synchronous=FULL), so only such connections gather. */
#include <sqlite3.h>

struct sq_gather;

/* From now on the open log of this database is written through *ret; NULL where it has none yet, or where no memory is left: then it is written as
 * SQLite does it, which is slower and as safe. Free it when the database is closed. */
struct sq_gather *sq_gather_log(sqlite3 *);
void sq_gather_free(struct sq_gather *);
