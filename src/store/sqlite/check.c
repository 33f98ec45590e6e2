/* Holding a file against itself. Each row of the table below is a question that has no answer in a store that is whole. */
#include "store/sqlite/db.h"

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
    {"SELECT count(*) FROM command_key HAVING count(*) <> (SELECT count(*) FROM command) + (SELECT count(*)"
     " FROM purged)",
     "the keys are not those of the commands"},
    {"SELECT seq FROM purged WHERE seq IN (SELECT seq FROM command) LIMIT 1",
     "a command is purged and there"},
    {"SELECT seq FROM work WHERE seq NOT IN (SELECT seq FROM command) LIMIT 1",
     "a step of a command waits, and the command is not there"},
    {"SELECT seq FROM high WHERE seq < (SELECT coalesce(max(seq), 0) FROM command) OR seq < (SELECT"
     " coalesce(max(seq), 0) FROM purged) OR change < (SELECT coalesce(max(change), 0) FROM history)",
     "the store's counters are behind what is stored"},
};

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
    status = sq_read_begin(conn, err); /* one state for all of it */
    if (status == RC_OK) {
        status = sq_integrity(conn, "PRAGMA integrity_check(1)", err);
        if (status == RC_OK) status = ask_all(conn, err);
        if (status == RC_OK) status = check_audit(reader, &kept, err);
        if (status == RC_OK) status = count(conn, &kept, err);
        sq_read_end(conn);
    }
    rc_reader_close(reader);
    if (status == RC_OK) *ret = kept;
    return status;
}
