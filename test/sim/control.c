/* A library to be loaded before the server (LD_PRELOAD): negative controls of the proofs. It takes one protection away, so that a test can
 * show that its absence is found out. The server itself has no such switch.
 *
 *   CONTROL=early     commits are said to be done and are made only every 50th time: answers and requests go out before their commit
 *   CONTROL=forget    at the start no command is in flight, whatever the store says */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { EVERY = 50 };

static int call_step(sqlite3_stmt *stmt)
{
    static int (*real)(sqlite3_stmt *);
    if (!real) *(void **)(&real) = dlsym(RTLD_NEXT, "sqlite3_step");
    return real(stmt);
}

static bool is(const char *control)
{
    const char *wanted = getenv("CONTROL");
    return wanted && strcmp(wanted, control) == 0;
}

/* The transaction of a batch stays open over the next ones. Only the engine's thread writes, and with one handle. */
static struct {
    sqlite3 *db; /* NULL: no transaction is held */
    bool history, reading, writing;
    int n;
} held;

/* Whether the statement is said to be done. */
static bool is_held(sqlite3 *db, const char *sql)
{
    bool begins = strcmp(sql, "BEGIN IMMEDIATE") == 0, reads = strcmp(sql, "BEGIN") == 0,
         ends = strcmp(sql, "COMMIT") == 0 || strcmp(sql, "ROLLBACK") == 0;
    if (held.db == db && reads) return held.reading = true;
    if (held.db == db && held.reading && ends) return !(held.reading = false);
    if (strncmp(sql, "INSERT INTO history", 19) == 0) held.history = true;
    if (held.db == db && begins) return held.writing = true;
    if (strcmp(sql, "ROLLBACK") == 0 && held.db == db) {
        if (!held.writing) return true; /* the end of a view that the transaction looks like */
        held.db = NULL;
    }
    if (strcmp(sql, "COMMIT") != 0 || (!held.history && held.db != db)) return false;
    held.history = false;
    if (++held.n % EVERY) {
        held.db = db;
        held.writing = false;
        return true;
    }
    held.db = NULL;
    return false;
}

static int step_early(sqlite3_stmt *stmt, const char *sql)
{
    return is_held(sqlite3_db_handle(stmt), sql) ? SQLITE_DONE : call_step(stmt);
}

EXPORT int sqlite3_step(sqlite3_stmt *stmt)
{
    const char *sql = stmt ? sqlite3_sql(stmt) : NULL;
    if (sql && is("forget") && strstr(sql, "in_flight = 1 AND seq > ?")) return SQLITE_DONE;
    return sql && is("early") ? step_early(stmt, sql) : call_step(stmt);
}
