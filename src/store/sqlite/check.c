/* Holding a file against itself. Each row of the table below is a question that has no answer in a store that is whole. */
#include "base/id.h"
#include "base/limits.h"
#include "store/sqlite/seal.h"

#include <stdio.h>
#include <sys/stat.h>

struct question {
    const char *sql; /* gives a row only where something is wrong: a number that says where */
    const char *what;
};
static const struct question questions[] = {
    {"SELECT seq FROM command WHERE NOT EXISTS (SELECT 1 FROM history WHERE change = first AND"
     " history.command = seq AND history.rev = 1 AND prev = 0) LIMIT 1",
     "the history of a command has no beginning"},
    {"SELECT seq FROM command WHERE NOT EXISTS (SELECT 1 FROM history WHERE change = last AND"
     " history.command = seq AND history.rev = command.rev) LIMIT 1",
     "the history of a command has no end"},
    {"SELECT h.command FROM history AS h WHERE prev <> 0 AND NOT EXISTS (SELECT 1 FROM history AS p WHERE"
     " p.change = h.prev AND p.command = h.command AND p.rev = h.rev - 1) LIMIT 1",
     "the history of a command is torn"},
    {"SELECT count(*) FROM history HAVING count(*) <> (SELECT coalesce(sum(rev), 0) FROM command)",
     "the records are not those of the commands"},
    {"SELECT seq FROM command WHERE flow NOT IN (SELECT id FROM definition) LIMIT 1",
     "the definition of a command is missing"},
    {"SELECT flow FROM (SELECT flow, state, count(*) AS n FROM command GROUP BY flow, state) LEFT JOIN tally"
     " USING (flow, state) WHERE n IS NOT commands LIMIT 1",
     "the commands of a definition are counted wrong"},
    {"SELECT count(*) FROM command HAVING count(*) <> (SELECT coalesce(sum(commands), 0) FROM tally)",
     "the commands are counted wrong"},
    {"SELECT ns FROM (SELECT ns, count(*) AS n FROM command GROUP BY ns) LEFT JOIN usage USING (ns)"
     " WHERE n IS NOT commands LIMIT 1",
     "the commands of a namespace are counted wrong"},
    {"SELECT count(*) FROM command_key HAVING count(*) <> (SELECT count(*) FROM command WHERE seq <="
     " (SELECT indexed FROM high)) + (SELECT count(*) FROM purged)",
     "the keys are not those of the commands"},
    {"SELECT seq FROM attention AS a WHERE NOT EXISTS (SELECT 1 FROM command WHERE command.seq = a.seq AND"
     " command.state = a.state) LIMIT 1",
     "the refs of a command stand under a state that it is not in"},
    {"SELECT count(DISTINCT seq) FROM attention HAVING count(DISTINCT seq) <> (SELECT count(*) FROM command"
     " WHERE state IN (4, 5, 6, 8, 10, 12, 13) AND refs IS NOT NULL)",
     "the refs of commands that people look for are missing"},
    {"SELECT seq FROM purged WHERE seq IN (SELECT seq FROM command) LIMIT 1",
     "a command is purged and there"},
    {"SELECT seq FROM work WHERE seq NOT IN (SELECT seq FROM command) LIMIT 1",
     "a step of a command waits, and the command is not there"},
    {"SELECT seq FROM high WHERE seq < (SELECT coalesce(max(seq), 0) FROM command) OR seq < (SELECT"
     " coalesce(max(seq), 0) FROM purged) OR change < (SELECT coalesce(max(change), 0) FROM history)",
     "the store's counters are behind what is stored"},
    {"SELECT count(*) FROM life HAVING count(*) <> 1", "the row that says which store it is is missing"},
    {"SELECT count(*) FROM hold WHERE released = 0 HAVING count(*) > 1", "two holds are not released"},
};

_Static_assert(RC_REVIEW == 4 && RC_FAILED == 5 && RC_REJECTED == 6 && RC_ROLLED_BACK == 8 &&
                   RC_CANCELLED == 10 && RC_PARTIAL == 12 && RC_RESOLVED == 13 && RC_STATES == 14,
               "the states of sq_attention in the questions");

/* The first number that a statement gives; *ret_row: whether it gave one. */
static enum rc_status ask(struct sq_conn *conn, const char *sql, uint64_t *ret, bool *ret_row,
                          struct rc_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(stmt);
    *ret_row = code == SQLITE_ROW;
    if (*ret_row) *ret = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    if (code == SQLITE_ROW || code == SQLITE_DONE) return RC_OK;
    return sq_fail(conn, code, "cannot be checked", err);
}

static enum rc_status ask_all(struct sq_conn *conn, struct rc_error *err)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        uint64_t where = 0;
        bool wrong = false;
        enum rc_status status = ask(conn, questions[i].sql, &where, &wrong, err);
        if (status != RC_OK) return status;
        if (!wrong) continue;
        return rc_fail(err, RC_DAMAGED, "%s: is damaged: %s (at %llu)", conn->path, questions[i].what,
                       (unsigned long long)where);
    }
    return RC_OK;
}

/* ---- which table ---------------------------------------------------------------------------------------------------- */

/* Calls `take` with the name of each table, until it fails. */
static enum rc_status each_table(struct sq_conn *conn,
                                 enum rc_status (*take)(struct sq_conn *, const char *name, void *context,
                                                        struct rc_error *),
                                 void *context, struct rc_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(
        conn->db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid", -1, &stmt, NULL);
    enum rc_status status = RC_OK;
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(stmt);
        if (code != SQLITE_ROW) break;
        status = take(conn, (const char *)sqlite3_column_text(stmt, 0), context, err);
        if (status != RC_OK) break;
    }
    sqlite3_finalize(stmt);
    if (status != RC_OK) return status;
    return code == SQLITE_DONE ? RC_OK : sq_fail(conn, code, "cannot be checked", err);
}

/* What a check found: the names of the damaged tables, and of the first one what SQLite said of it. */
struct found {
    const char *check; /* PRAGMA */
    char tables[160], what[RC_ERROR_TEXT];
    bool others; /* a table other than `history` */
};

static enum rc_status check_table(struct sq_conn *conn, const char *name, void *context, struct rc_error *err)
{
    struct found *found = context;
    struct rc_error error = {0};
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA %s('%s')", found->check, name); /* names of ours: nothing to escape */
    enum rc_status status = sq_integrity(conn, sql, &error);
    if (status == RC_NOMEM) return rc_fail(err, status, "out of memory");
    if (status == RC_OK) return RC_OK;
    size_t n = strlen(found->tables);
    snprintf(found->tables + n, sizeof found->tables - n, "%s%s", n ? ", " : "", name);
    if (!n) memcpy(found->what, error.text, sizeof found->what);
    if (strcmp(name, "history") != 0) found->others = true;
    return RC_OK;
}

/* Whether the pages that are not used can be: what is written takes its pages from there. And new records have a place. */
static enum rc_status can_write(struct sq_conn *conn, struct rc_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool sound = true;
    int code = sqlite3_prepare_v2(conn->db, "PRAGMA quick_check", -1, &stmt, NULL);
    while (sound && code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        sound = !strstr((const char *)sqlite3_column_text(stmt, 0), "reelist");
    sqlite3_finalize(stmt);
    if (!sound) return rc_fail(err, RC_DAMAGED, "%s: is damaged: the list of its free pages", conn->path);
    uint64_t last;
    bool row;
    return ask(conn, "SELECT change FROM history ORDER BY change DESC LIMIT 1", &last, &row, err);
}

enum rc_status sq_check_tables(struct sq_conn *conn, struct rc_error *io_note, struct rc_error *err)
{
    struct found found = {.check = "quick_check"};
    struct rc_error whole = {0};
    enum rc_status status = sq_integrity(conn, "PRAGMA quick_check(1)", &whole);
    if (status == RC_OK) return RC_OK;
    if (status == RC_DAMAGED && each_table(conn, check_table, &found, &whole) == RC_OK && !found.others &&
        found.tables[0] && can_write(conn, &whole) == RC_OK) {
        rc_fail(io_note, RC_DAMAGED,
                "%s (in history); the commands that have records there cannot be read and are left alone, "
                "the others go on. "
                "`recourse doctor` names them",
                found.what);
        return RC_OK;
    }
    if (found.tables[0]) return rc_fail(err, status, "%s (in %s)", found.what, found.tables);
    if (err) *err = whole;
    return status;
}

/* The commands whose histories cannot be read, as text. */
static void name_commands(struct rc_reader *reader, char *to, size_t size)
{
    enum { NAMED = 8 };
    struct sq_conn *conn = sq_conn_of(reader);
    struct rc_arena *arena = rc_arena_new(1 << 16, 64 << 20);
    sqlite3_stmt *stmt = NULL;
    unsigned damaged = 0;
    size_t n = 0;
    *to = 0;
    int code = sqlite3_prepare_v2(conn->db, "SELECT seq, nonce FROM command ORDER BY seq", -1, &stmt, NULL);
    while (arena && code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW && n < size) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(stmt, 0);
        struct rc_identity identity;
        struct rc_record *records;
        uint32_t nrecords;
        rc_arena_reset(arena);
        enum rc_status status =
            sq_read_history(reader, seq, 0, RC_MAX_HISTORY, arena, &identity, &records, &nrecords, NULL);
        if (status != RC_DAMAGED || damaged++ >= NAMED) continue;
        char id[RC_ID_TEXT + 1];
        rc_id_format(rc_id_of(seq, (uint64_t)sqlite3_column_int64(stmt, 1)), id);
        n += (size_t)snprintf(to + n, size - n, "%s%.*s", n ? ", " : "", RC_ID_TEXT, id);
    }
    if (damaged > NAMED && n < size) snprintf(to + n, size - n, " and %u more", damaged - NAMED);
    sqlite3_finalize(stmt);
    rc_arena_free(arena);
}

static enum rc_status check_pages(struct rc_reader *reader, struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    struct found found = {.check = "integrity_check"};
    char commands[256];
    enum rc_status status = sq_integrity(conn, "PRAGMA integrity_check(1)", err);
    if (status != RC_DAMAGED) return status;
    if (each_table(conn, check_table, &found, NULL) != RC_OK || !found.tables[0]) return status;
    sq_read_end(conn); /* each history is read in a view of its own */
    name_commands(reader, commands, sizeof commands);
    enum rc_status again = sq_read_begin(conn, err);
    if (again != RC_OK) return again;
    return rc_fail(err, RC_DAMAGED, "%s (in %s%s%s)", found.what, found.tables,
                   commands[0] ? "; histories that cannot be read: of " : "", commands);
}

static enum rc_status check_audit(struct rc_reader *reader, struct rc_holdings *kept, struct rc_error *err)
{
    struct rc_audit_verdict verdict = {0};
    enum rc_status status = rc_audit_verify(reader, NULL, &verdict, err);
    if (status != RC_OK) return status;
    kept->entries = verdict.entries;
    if (!verdict.broken) return RC_OK;
    return rc_fail(err, RC_DAMAGED, "%s: the audit does not fit at entry %llu: %s", sq_conn_of(reader)->path,
                   (unsigned long long)verdict.broken, verdict.why);
}

static enum rc_status count(struct sq_conn *conn, struct rc_holdings *ret, struct rc_error *err)
{
    bool row;
    enum rc_status status = ask(conn, "SELECT count(*) FROM command", &ret->commands, &row, err);
    if (status == RC_OK) status = ask(conn, "SELECT count(*) FROM history", &ret->records, &row, err);
    if (status == RC_OK) status = ask(conn, "SELECT count(*) FROM purged", &ret->purged, &row, err);
    struct stat st;
    if (status == RC_OK && stat(conn->path, &st) == 0) ret->bytes = (uint64_t)st.st_size;
    return status;
}

enum rc_status rc_sqlite_check(const char *path, struct rc_holdings *ret, struct rc_error *err)
{
    struct rc_reader *reader = NULL;
    struct rc_holdings kept = {0};
    enum rc_status status = rc_sqlite_look(path, &reader, err);
    if (status != RC_OK) return status;
    struct sq_conn *conn = sq_conn_of(reader);
    struct sq_note note;
    uint64_t lost = 0;
    bool alone = sq_note_read(path, &note);
    status = sq_log_check(path, false, alone ? &note : NULL, &lost, err);
    if (status == RC_OK) status = sq_read_begin(conn, err); /* one state for all of it */
    if (status == RC_OK) {
        status = check_pages(reader, err);
        if (status == RC_OK) status = ask_all(conn, err);
        if (status == RC_OK) status = check_audit(reader, &kept, err);
        if (status == RC_OK) status = count(conn, &kept, err);
        sq_read_end(conn);
    }
    rc_reader_close(reader);
    if (status == RC_OK) *ret = kept;
    return status;
}
