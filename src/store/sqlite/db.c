/* One connection to the database file: its statements, and what SQLite's result codes mean here. All SQL that runs more
 * than once stands in the table below. */
#include "store/sqlite/db.h"

#include "store/sqlite/gather.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/seal.h"

#include <assert.h>
#include <errno.h>

/* Columns of command rows, in the order that list.c and read.c read them. */
#define COMMAND_COLUMNS                                                                                      \
    "nonce, flow, created, ns, type, key, subject, actor, payload_hash, refs, rev, first, last,"             \
    " generation, original, original_nonce"
#define ROW_COLUMNS                                                                                          \
    "seq, nonce, flow, state, in_flight, rev, created, changed, ns, type, key, actor, refs, why, next,"      \
    " next_at, dependency, owner, due"
#define AUDIT_COLUMNS                                                                                        \
    "number, at, kind, command, rev, action, digest, hash, salt, data,"                                      \
    " coalesce((SELECT nonce FROM command WHERE seq = command), (SELECT nonce FROM purged WHERE seq ="       \
    " command), 0), command IN (SELECT seq FROM purged)"
#define SIGNAL_COLUMNS "n, ns, name, id, key, asked, payload, at, command, nonce, node"
#define BULK_COLUMNS                                                                                         \
    "id, rev, state, nonce, ns, key, asked, act, source, most, more, created, expires, changed, total, "     \
    "allowed,"                                                                                               \
    " rate, stop_percent, even_if_changed, wave, next, done, refused, stale, failed"
#define PURGE_COLUMNS "seq, nonce, state, in_flight, rev, created, changed, ns, type, refs"
#define DEF_COLUMNS   "id, kind, active, version, name, text, source, digest, at"

#define SCHEDULE_COLUMNS                                                                                     \
    "flow, id, planned, accepted, paused, last, last_nonce, last_planned, started, missed, skipped, "        \
    "changed, fault"
#define HOLD_COLUMNS                                                                                         \
    "nonce, cause, since, until, seq, left, commands, attempts, checks, repeats, reviews, bulks, released, " \
    "watch"
static const char *const sql[SQ_STATEMENTS] = {
    [SQ_BEGIN] = "BEGIN IMMEDIATE",
    [SQ_BEGIN_READ] = "BEGIN",
    [SQ_COMMIT] = "COMMIT",
    [SQ_ROLLBACK] = "ROLLBACK",

    [SQ_RECORD_ADD] =
        "INSERT INTO history (change, command, prev, rev, at, cause, node, attempt, purpose, body, changes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_COMMAND_ADD] =
        "INSERT INTO command (seq, rev, state, in_flight, first, last, flow, created, changed, nonce, ns,"
        " type, key, subject, actor, payload_hash, refs, generation, original, original_nonce, why, next, "
        "next_at,"
        " dependency, owner, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_COMMAND_SET] =
        "UPDATE command SET rev = ?, state = ?, in_flight = ?, last = ?, changed = ?, why = ?, next = ?,"
        " next_at = ?, dependency = ?, owner = ?, due = ? WHERE seq = ?",
    [SQ_COMMAND_MOVE] = "UPDATE command SET flow = ? WHERE seq = ?",
    [SQ_COMMAND_END] = "SELECT rev, last FROM command WHERE seq = ?",
    [SQ_KEY_ADD] = "INSERT INTO command_key (place, more) VALUES (?, ?)",
    [SQ_KEYS_ADD] = "INSERT INTO command_key (place, more) VALUES " SQ_GROUP_OF("(?, ?)"),
    [SQ_REF_ADD] = "INSERT OR IGNORE INTO ref (place) VALUES (?)",
    [SQ_REFS_ADD] = "INSERT OR IGNORE INTO ref (place) VALUES " SQ_GROUP_OF("(?)"),
    /* two refs of a command may share a hash */
    [SQ_ATTENTION_ADD] = "INSERT OR IGNORE INTO attention (ref, state, seq) VALUES (?, ?, ?)",
    [SQ_ATTENTION_DROP] = "DELETE FROM attention WHERE ref = ? AND state = ? AND seq = ?",
    [SQ_WORK_ADD] = "INSERT INTO work (phase, gate, ord, seq, node) VALUES (?, ?, ?, ?, ?)",
    [SQ_WORKS_ADD] = "INSERT INTO work (phase, gate, ord, seq, node) VALUES " SQ_GROUP_OF("(?, ?, ?, ?, ?)"),
    [SQ_WORK_DROP] = "DELETE FROM work WHERE phase = ? AND gate = ? AND ord = ? AND seq = ? AND node = ?",
    [SQ_TALLY_ADD] = "INSERT INTO tally (flow, state, commands) VALUES (?, ?, ?)"
                     " ON CONFLICT DO UPDATE SET commands = commands + excluded.commands",
    [SQ_USAGE_ADD] =
        "INSERT INTO usage (ns, commands, open, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " commands = commands + excluded.commands, open = open + excluded.open, bytes = bytes + "
        "excluded.bytes",
    [SQ_HIGH_SET] = "UPDATE high SET seq = ?, change = ?, at = ?, untold = ?",
    [SQ_INDEXED_SET] = "UPDATE high SET indexed = ?",
    [SQ_SIGNAL_PUT] =
        "INSERT INTO signal (n, mailbox, place, ns, name, id, key, asked, payload, at, command, nonce, node)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET payload = "
        "excluded.payload,"
        " command = excluded.command, nonce = excluded.nonce, node = excluded.node",
    [SQ_SIGNALS_FORGET] = "DELETE FROM signal WHERE n < (SELECT min(n) FROM signal) + ?2 AND at < ?1",
    [SQ_SIGNALS_OF_NS] = "DELETE FROM signal WHERE ns = ?",
    [SQ_SIGNAL_KEY] = "SELECT " SIGNAL_COLUMNS " FROM signal WHERE place = ? AND at >= ? ORDER BY n DESC",
    [SQ_SIGNALS] =
        "SELECT " SIGNAL_COLUMNS " FROM signal WHERE mailbox = ? AND command = 0 AND n > ? AND at >= ?"
        " ORDER BY n LIMIT ?",
    [SQ_SIGNALS_ALL] =
        "SELECT " SIGNAL_COLUMNS " FROM signal WHERE ?1 = 0 AND n > ?2 AND at >= ?3 ORDER BY n LIMIT ?4",
    [SQ_SIGNAL_LAST] = "SELECT max(n) FROM signal",
    [SQ_SIGNALS_KEPT] = "SELECT count(*) FROM (SELECT 1 FROM signal INDEXED BY signal_kept_ns"
                        " WHERE ns = ? AND command = 0 AND at >= ? LIMIT ?)",
    [SQ_NAME_ADD] = "INSERT INTO name (text) VALUES (?)",

    [SQ_PURGE_ROW] =
        "SELECT rev, state, in_flight, last, flow, nonce, ns, type, key, refs, generation, changed"
        " FROM command WHERE seq = ?",
    [SQ_PURGE_RECORD] = "DELETE FROM history WHERE change = ? AND command = ? RETURNING prev,"
                        " coalesce(length(CAST(body AS BLOB)), 0) + length(CAST(changes AS BLOB))",
    [SQ_PURGE_REF] = "DELETE FROM ref WHERE place = ?",
    [SQ_PURGE_COMMAND] = "DELETE FROM command WHERE seq = ?",
    [SQ_PURGE_AUDIT] = "UPDATE audit SET salt = NULL, data = NULL WHERE command = ? AND command <> 0",
    [SQ_PURGE_SIGNALS] = "DELETE FROM signal WHERE command = ? AND command <> 0",
    [SQ_PURGE_BULK] = "UPDATE bulk_item SET undoes = NULL, fault = NULL WHERE seq = ?"
                      " AND (undoes IS NOT NULL OR fault IS NOT NULL)",
    [SQ_IMPORT_DEF] = "INSERT INTO definition (id, kind, active, version, name, text, source, digest, at)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_IMPORT_HIGH] = "UPDATE high SET seq = max(seq, ?), at = max(at, ?), audit = ?",
    [SQ_PURGED_ADD] = "INSERT INTO purged (seq, nonce, key, state, generation, changed, at)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [SQ_PURGED_AT] = "SELECT nonce, key, state, generation, changed, at FROM purged WHERE seq = ?",
    [SQ_PURGE_AFTER] = "SELECT " PURGE_COLUMNS " FROM command WHERE seq > ? ORDER BY seq LIMIT ?",
    [SQ_PURGE_REFS] =
        "SELECT " PURGE_COLUMNS " FROM ref CROSS JOIN command"
        " ON seq = ((place >> 35 << 12) | (place & 4095)) WHERE place BETWEEN ? AND ? ORDER BY place",
    [SQ_AUDIT_NUMBER] = "UPDATE high SET audit = audit + 1 RETURNING audit",
    [SQ_AUDIT_HASH] = "SELECT hash FROM audit WHERE number = ?",
    [SQ_AUDIT_ADD] = "INSERT INTO audit (number, at, kind, command, rev, action, digest, hash, salt, data)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_AUDIT_AFTER] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE number > ? ORDER BY number LIMIT ?",
    [SQ_AUDIT_BEFORE] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?",
    [SQ_AUDIT_OF] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE command = ? AND command <> 0 AND number < ?"
                    " ORDER BY number DESC LIMIT ?",

    [SQ_DEF_ADD] = "INSERT INTO definition (kind, active, version, name, text, source, digest, at)"
                   " VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
    [SQ_DEF_VERSION] = "SELECT max(version) FROM definition WHERE kind = ? AND name = ?",
    [SQ_DEF_STOP] = "UPDATE definition SET active = 0 WHERE kind = ? AND name = ? AND active",
    [SQ_DEF_HELD] =
        "SELECT coalesce(sum(commands), 0) FROM tally WHERE flow IN (SELECT id FROM definition WHERE kind = ?"
        " AND name = ?) AND NOT (? >> state & 1)",
    [SQ_DEF_LIVE] = "SELECT " DEF_COLUMNS " FROM definition WHERE active OR id IN"
                    " (SELECT flow FROM tally WHERE commands > 0 OR state = 0) ORDER BY id",
    [SQ_DEF_VERSIONS] =
        "SELECT " DEF_COLUMNS ", (SELECT coalesce(sum(commands), 0) FROM tally WHERE flow = definition.id),"
        " (SELECT coalesce(sum(commands), 0) FROM tally WHERE flow = definition.id AND NOT (? >> state & 1))"
        " FROM definition WHERE kind = ? AND name = ? AND version < ? ORDER BY version DESC LIMIT ?",
    [SQ_DEF_AT] = "SELECT " DEF_COLUMNS " FROM definition WHERE id = ?",

    [SQ_NS_ADD] = "INSERT INTO namespace (ns, created, max_open, max_bytes, max_rate) VALUES (?, ?, ?, ?, ?)"
                  " ON CONFLICT DO NOTHING",
    [SQ_NS_SET] = "UPDATE namespace SET max_open = ?, max_bytes = ?, max_rate = ? WHERE ns = ?",
    [SQ_NS_DROP] = "DELETE FROM namespace WHERE ns = ?",
    [SQ_NS_COUNT] = "SELECT count(*), coalesce(sum(ns = ?), 0) FROM namespace",
    [SQ_NS_TOKENS] =
        "SELECT count(*) FROM token WHERE ns = ? AND revoked = 0 AND (expires = 0 OR expires > ?)",
    [SQ_NS_ALL] =
        "SELECT name.text, created, max_open, max_bytes, max_rate, coalesce(commands, 0), coalesce(open, 0),"
        " coalesce(bytes, 0) FROM namespace CROSS JOIN name ON name.id = namespace.ns"
        " LEFT JOIN usage ON usage.ns = namespace.ns ORDER BY name.text",
    [SQ_USAGE_DROP] = "DELETE FROM usage WHERE ns = ?",
    [SQ_USAGE] = "SELECT commands, open, bytes FROM usage WHERE ns = ?",
    [SQ_TOKEN_ADD] =
        "INSERT INTO token (id, digest, subject, author, ns, role, act_as, created, expires, revoked, used)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
    [SQ_TOKEN_COUNT] = "SELECT count(*) FROM token",
    [SQ_TOKEN_DROP_DEAD] = "DELETE FROM token WHERE id = (SELECT id FROM token WHERE revoked > 0"
                           " OR (expires > 0 AND expires <= ?) ORDER BY created, id LIMIT 1)",
    [SQ_TOKEN_REVOKE] = "UPDATE token SET revoked = ? WHERE id = ? AND revoked = 0",
    [SQ_TOKEN_HAS] = "SELECT 1 FROM token WHERE id = ?",
    [SQ_TOKEN_USED] = "UPDATE token SET used = max(used, ?) WHERE id = ?",
    [SQ_TOKENS] =
        "SELECT id, digest, subject, author, ns, role, act_as, created, expires, revoked, used FROM token"
        " ORDER BY created, id",
    [SQ_BULK_ADD] = "INSERT INTO bulk (" BULK_COLUMNS ")"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_BULK_SET] = "UPDATE bulk SET rev = ?, state = ?, act = ?, changed = ?, rate = ?, stop_percent = ?, "
                    "even_if_changed = ?,"
                    " wave = ?, next = ?, done = ?, refused = ?, stale = ?, failed = ? WHERE id = ?",
    [SQ_BULK_ITEM_ADD] =
        "INSERT INTO bulk_item (bulk, n, seq, nonce, rev, state, allowed, why, undoes, result, fault, acted)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_BULK_ITEM_SET] = "UPDATE bulk_item SET result = ?, fault = ?, acted = ? WHERE bulk = ? AND n = ?",
    [SQ_BULK_EVENT_ADD] =
        "INSERT INTO bulk_event (bulk, rev, state, at, subject, actor, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [SQ_BULK_EXPIRED] = "SELECT id FROM bulk WHERE state = ? AND expires < ? ORDER BY id LIMIT ?",
    [SQ_BULK_DROP] = "DELETE FROM bulk WHERE id = ?",
    [SQ_BULK_ITEMS_DROP] = "DELETE FROM bulk_item WHERE bulk = ?",
    [SQ_BULK_EVENTS_DROP] = "DELETE FROM bulk_event WHERE bulk = ?",
    [SQ_BULK_AT] = "SELECT " BULK_COLUMNS " FROM bulk WHERE id = ?",
    [SQ_BULK_KEY] = "SELECT id FROM bulk WHERE ns = ? AND key = ?",
    [SQ_BULKS] = "SELECT " BULK_COLUMNS " FROM bulk WHERE id < ? AND (? = '' OR ns = ?) AND ? >> state & 1"
                 " ORDER BY id DESC LIMIT ?",
    [SQ_BULK_ITEMS] =
        "SELECT n, seq, nonce, rev, state, allowed, why, undoes, result, fault, acted FROM bulk_item"
        " WHERE bulk = ? AND n > ? AND ? >> result & 1 ORDER BY n LIMIT ?",
    [SQ_BULK_EVENTS] = "SELECT rev, state, at, subject, actor, reason FROM bulk_event"
                       " WHERE bulk = ? AND rev > ? ORDER BY rev LIMIT ?",

    [SQ_LIFE] = "SELECT life.id, cause, life.at, change, audit, high.at FROM life, high",
    [SQ_LIFE_UNMARK] = "UPDATE life SET id = abs(random() / 2) + 1, cause = 0, at = 0",
    [SQ_LIFE_MARK] = "UPDATE life SET cause = ?, at = ?",
    [SQ_SCHEDULE_SET] = "INSERT OR REPLACE INTO schedule (" SCHEDULE_COLUMNS
                        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_SCHEDULE_DROP] = "DELETE FROM schedule WHERE flow = ? AND id = ?",
    [SQ_SCHEDULES] = "SELECT " SCHEDULE_COLUMNS " FROM schedule WHERE flow > '' ORDER BY flow, id",
    [SQ_QUEUE_SET] = "INSERT OR REPLACE INTO queue (name, state, since, subject, actor, reason)"
                     " VALUES (?, ?, ?, ?, ?, ?)",
    [SQ_QUEUE_DROP] = "DELETE FROM queue WHERE name = ?",
    [SQ_QUEUE_COUNT] = "SELECT count(*) FROM queue WHERE name > '' AND name <> ?",
    [SQ_QUEUES] =
        "SELECT name, state, since, subject, actor, reason FROM queue WHERE name > '' ORDER BY name",
    [SQ_HOLD_ADD] = "INSERT INTO hold (" HOLD_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQ_HOLD_SET] = "UPDATE hold SET (" HOLD_COLUMNS ") = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " WHERE id = ?",
    [SQ_HOLD_END] = "UPDATE hold SET released = ? WHERE released = 0",
    [SQ_HOLD_FORGET] = "DELETE FROM hold WHERE id <= ?",
    [SQ_HOLDS] = "SELECT id, " HOLD_COLUMNS " FROM hold ORDER BY id DESC LIMIT ?",
    [SQ_HIGH_AT] = "UPDATE high SET at = max(at, ?)",

    [SQ_NAME_ID] = "SELECT id FROM name WHERE text = ?",
    [SQ_NAME_TEXT] = "SELECT text FROM name WHERE id = ?",
    [SQ_KEYS] = "SELECT place, more FROM command_key WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
    /* the number of the command as sq_place_seq finds it, for 23 bits of hash and 16 of seq */
    [SQ_KEY_RANGE] =
        "SELECT k.seq, ns, type, command.key, command.nonce, payload_hash, purged.key, purged.nonce"
        " FROM (SELECT place, (place >> 39 << 16) | (place & 65535) AS seq FROM command_key"
        "       WHERE place BETWEEN ? AND ? AND more = ?) AS k"
        " LEFT JOIN command ON command.seq = k.seq LEFT JOIN purged ON purged.seq = k.seq ORDER BY place "
        "DESC",
    [SQ_FRESH] = "SELECT seq, n.text, t.text, key, refs FROM command LEFT JOIN name AS n ON n.id = ns"
                 " LEFT JOIN name AS t ON t.id = type WHERE seq > ?",
    [SQ_FRESH_KEY] = "SELECT seq, ns, type, key, nonce, payload_hash, NULL, 0 FROM command"
                     " WHERE seq BETWEEN ? AND ? AND key = ? ORDER BY seq DESC",
    [SQ_INDEXED] = "SELECT indexed FROM high",
    [SQ_COMMAND_AT] = "SELECT " COMMAND_COLUMNS " FROM command WHERE seq = ?",
    [SQ_RECORD_AT] =
        "SELECT rev, prev, at, cause, node, attempt, purpose, body, changes FROM history WHERE change = ?",
    [SQ_RECORD_LINK] = "SELECT rev, prev FROM history WHERE change = ?",
    [SQ_WORK] =
        "SELECT ord, seq, node FROM work WHERE phase = ? AND gate = ? AND (ord, seq, node) > (?, ?, ?)"
        " AND ord <= ? ORDER BY ord, seq, node LIMIT ?",
    [SQ_GATE_NEXT] = "SELECT gate FROM work WHERE phase = ? AND gate > ? ORDER BY gate LIMIT 1",
    [SQ_IN_FLIGHT] =
        "SELECT seq FROM command INDEXED BY command_open WHERE (state <> 11 OR in_flight) AND state = ?"
        " AND in_flight = 1 AND seq > ? ORDER BY seq LIMIT ?",
    [SQ_ROW_AT] = "SELECT " ROW_COLUMNS " FROM command WHERE seq = ?",
    [SQ_ROWS_BEFORE] = "SELECT " ROW_COLUMNS " FROM command WHERE seq < ? AND seq > ?"
                       " ORDER BY seq DESC LIMIT ?",
    [SQ_OWNED_BEFORE] =
        "SELECT seq FROM command INDEXED BY command_owner WHERE owner = ? AND seq < ? AND seq > ?"
        " ORDER BY seq DESC LIMIT ?",
    [SQ_CREATED] = "SELECT seq, created FROM command WHERE seq <= ? ORDER BY seq DESC LIMIT 1",
    [SQ_OPEN_BEFORE] =
        "SELECT seq FROM command INDEXED BY command_open WHERE (state <> 11 OR in_flight) AND state = ?"
        " AND in_flight = ? AND seq < ? AND seq > ? ORDER BY seq DESC LIMIT ?",
    [SQ_ATTENTION_BEFORE] = "SELECT seq FROM attention WHERE ref = ? AND state = ? AND seq < ? AND seq > ?"
                            " ORDER BY seq DESC LIMIT ?",
    [SQ_REF_RANGE] = "SELECT place FROM ref WHERE place BETWEEN ? AND ? ORDER BY place DESC",
    [SQ_CHANGES] =
        "SELECT change, command, h.rev, at, cause, node, attempt, purpose, CASE cause WHEN ? THEN body END,"
        " changes, nonce, flow, ns, type, key FROM history AS h CROSS JOIN command ON seq = command"
        " WHERE change > ? ORDER BY change LIMIT ?",
    [SQ_COUNTS] = "SELECT state, sum(commands) FROM tally GROUP BY state",
    [SQ_HIGH] = "SELECT seq, change, at, audit, untold FROM high",
};
_Static_assert(SQ_PLACE_BITS == 23 && SQ_KEY_BUCKET == 16 && SQ_REF_BUCKET == 12,
               "places in SQ_KEY_RANGE and SQ_PURGE_REFS");
_Static_assert(RC_COMPLETED == 11,
               "the condition of index command_open; numbers are stored and never change");

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static enum rc_status status_of(sqlite3 *db, int code)
{
    if (code == SQLITE_IOERR_NOMEM) return RC_NOMEM;
    if (code == SQLITE_IOERR_DATA) return RC_DAMAGED;
    switch (code & 0xff) {
    case SQLITE_OK: return RC_OK;
    case SQLITE_NOMEM: return RC_NOMEM;
    case SQLITE_FULL: return RC_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT: return RC_DAMAGED;
    case SQLITE_IOERR: {
        /* SQLite says FULL for ENOSPC of write(2) only: not for a quota, and not for other calls */
        int cause = db ? sqlite3_system_errno(db) : 0;
        return cause == ENOSPC || cause == EDQUOT ? RC_FULL : RC_IO;
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH: return RC_IO;
    case SQLITE_INTERRUPT: return RC_OVERTIME; /* only readers are interrupted (open.c) */
    case SQLITE_TOOBIG: return RC_LIMIT;
    }
    return RC_BUG; /* a statement of ours that does not fit: constraint, misuse, range, schema … */
}

enum rc_status sq_fail(struct sq_conn *conn, int code, const char *doing, struct rc_error *err)
{
    enum rc_status status = status_of(conn->db, code);
    if (status == RC_OK) return RC_OK;
    if (code == SQLITE_IOERR_DATA) {
        struct sq_broken broken = sq_broken();
        return rc_fail(err, status, "%s%s: %s: is damaged: %s %llu %s", conn->path, broken.log ? "-wal" : "",
                       doing, broken.log ? "frame" : "page", (unsigned long long)broken.number,
                       broken.refused ? "cannot be read, though others can"
                                      : "is not what was written there");
    }
    const char *why = conn->db && sqlite3_extended_errcode(conn->db) == code ? sqlite3_errmsg(conn->db)
                                                                             : sqlite3_errstr(code);
    return rc_fail(err, status, "%s: %s: %s (SQLite %d)", conn->path, doing, why, code);
}

/* ---- connections -------------------------------------------------------------------------------------------------- */

/* wal_autocheckpoint=0: the writer says when (commit.c). secure_delete: Debian compiles it on, and it would write every
 * freed page. trusted_schema: nobody's views run functions of ours. */
static const char writer_setup[] =
    "PRAGMA secure_delete=OFF; PRAGMA foreign_keys=OFF; PRAGMA wal_autocheckpoint=0;"
    "PRAGMA cache_size=-16384; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
    "PRAGMA trusted_schema=OFF; PRAGMA journal_size_limit=-1;";
static const char reader_setup[] = "PRAGMA query_only=ON; PRAGMA cache_size=-4096; PRAGMA mmap_size=0;"
                                   "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;";

enum rc_status sq_conn_open(struct sq_conn *conn, const char *path, enum sq_kind kind, bool no_sync,
                            struct rc_error *err)
{
    *conn = (struct sq_conn){.path = path};
    /* SQLite must write to the log's index even where it only reads */
    int code = sq_open(path, SQLITE_OPEN_READWRITE, &conn->db);
    if (code != SQLITE_OK) return sq_fail(conn, code, "cannot open", err);
    sqlite3_extended_result_codes(conn->db, 1);
    /* a log is folded into a file that was found to be its own: open.c allows it then */
    code = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code != SQLITE_OK) return sq_fail(conn, code, "cannot be set up", err);
    sqlite3_busy_timeout(conn->db, SQ_BUSY_MS);
    enum rc_status status = sq_exec(conn, kind == SQ_WRITER ? writer_setup : reader_setup, err);
    if (status == RC_OK && kind == SQ_WRITER)
        status = sq_exec(conn, no_sync ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL", err);
    return status;
}

void sq_conn_close(struct sq_conn *conn)
{
    for (int i = 0; i < SQ_STATEMENTS; i++) sqlite3_finalize(conn->stmt[i]);
    sq_names_forget(conn);
    int code = sqlite3_close(conn->db);
    assert(code == SQLITE_OK); /* busy: a statement was forgotten */
    (void)code;
    sq_gather_free(conn->gather);
    conn->gather = NULL;
    conn->db = NULL;
}

enum rc_status sq_exec(struct sq_conn *conn, const char *text, struct rc_error *err)
{
    return sq_fail(conn, sqlite3_exec(conn->db, text, NULL, NULL, NULL), "cannot be set up", err);
}

/* ---- statements --------------------------------------------------------------------------------------------------- */

const char *sq_sql(enum sq_statement which)
{
    return sql[which];
}

struct sq sq_start(struct sq_conn *conn, enum sq_statement which)
{
    struct sq run = {.conn = conn, .stmt = conn->stmt[which], .code = SQLITE_OK};
    if (!run.stmt) {
        run.code = sqlite3_prepare_v3(conn->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &run.stmt, NULL);
        conn->stmt[which] = run.stmt;
    }
    return run;
}

static void bound(struct sq *run, int code)
{
    if (run->code == SQLITE_OK) run->code = code;
}

void sq_u64(struct sq *run, uint64_t number)
{
    bound(run, sqlite3_bind_int64(run->stmt, ++run->bound, (sqlite3_int64)number));
}

void sq_sv(struct sq *run, struct rc_sv text)
{
    bound(run, sqlite3_bind_text(run->stmt, ++run->bound, text.p ? text.p : "", (int)text.n, SQLITE_STATIC));
}

void sq_sv_or_null(struct sq *run, struct rc_sv text)
{
    bound(run,
          sqlite3_bind_text(run->stmt, ++run->bound, text.n ? text.p : NULL, (int)text.n, SQLITE_STATIC));
}

void sq_blob(struct sq *run, const void *bytes, uint32_t n)
{
    bound(run, sqlite3_bind_blob(run->stmt, ++run->bound, bytes, (int)n, SQLITE_STATIC));
}

bool sq_row(struct sq *run)
{
    if (run->code != SQLITE_OK && run->code != SQLITE_ROW) return false;
    run->code = sqlite3_step(run->stmt);
    return run->code == SQLITE_ROW;
}

uint64_t sq_get_u64(const struct sq *run, int column)
{
    return (uint64_t)sqlite3_column_int64(run->stmt, column);
}

struct rc_sv sq_get_sv(const struct sq *run, int column)
{
    const char *p = sqlite3_column_blob(run->stmt, column); /* text and blob alike: no copy, no conversion */
    return (struct rc_sv){p, p ? (uint32_t)sqlite3_column_bytes(run->stmt, column) : 0};
}

enum rc_status sq_end(struct sq *run, const char *doing, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    if (run->code != SQLITE_OK && run->code != SQLITE_ROW && run->code != SQLITE_DONE)
        status = sq_fail(run->conn, run->code, doing, err);
    sqlite3_reset(run->stmt);
    return status;
}

enum rc_status sq_done(struct sq *run, const char *doing, struct rc_error *err)
{
    sq_row(run);
    return sq_end(run, doing, err);
}

enum rc_status sq_read_begin(struct sq_conn *conn, struct rc_error *err)
{
    if (!sqlite3_get_autocommit(conn->db))
        sq_read_end(conn); /* the last one could not end, for want of memory */
    /* what ends it is there before it begins: a view that stays open keeps the log from being folded */
    struct sq end = sq_start(conn, SQ_ROLLBACK);
    if (end.code != SQLITE_OK) return sq_end(&end, "cannot begin to read", err);
    struct sq run = sq_start(conn, SQ_BEGIN_READ);
    return sq_done(&run, "cannot begin to read", err);
}

void sq_read_end(struct sq_conn *conn)
{
    /* nothing was written: this ends the view and cannot lose anything */
    struct sq run = sq_start(conn, SQ_ROLLBACK);
    enum rc_status status = sq_done(&run, "cannot end to read", NULL);
    (void)status;
}
