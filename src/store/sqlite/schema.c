/* The tables, and the steps from one version of them to the next.
 *
 * What people wrote is text, codes are integers (spec/ gives them words; they stand in table `word`, so that the views
 * can be read with any sqlite3 shell). Times are microseconds since 1970.
 *
 * Layout: what a commit costs is the number of pages that it dirties, so rows go where the last ones went. `history`
 * is append-only and has no index: the rows of a command are a chain, each names its predecessor and the command's
 * row names the last. Keys and refs are indexed by buckets of commands (hash.h), many commands at once (fresh.c). */
#include "store/sqlite/db.h"

#include <stdio.h>

static const char tables[] =
    "CREATE TABLE history ("       /* one row per record; nothing is ever changed here */
    " change INTEGER PRIMARY KEY," /* number in the whole store */
    " command INTEGER NOT NULL,"
    " prev INTEGER NOT NULL," /* the command's record before; 0: this is its first */
    " rev INTEGER NOT NULL,"
    " at INTEGER NOT NULL,"
    " cause INTEGER NOT NULL,"
    " node INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " purpose INTEGER NOT NULL,"
    " body TEXT,"            /* rev 1: the payload */
    " changes TEXT NOT NULL" /* codec/record.h has the grammar */
    ") STRICT;"

    "CREATE TABLE command ("
    " seq INTEGER PRIMARY KEY,"
    " rev INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " in_flight INTEGER NOT NULL,"
    " first INTEGER NOT NULL," /* first and last change in history */
    " last INTEGER NOT NULL,"
    " flow INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " changed INTEGER NOT NULL,"
    " nonce INTEGER NOT NULL,"
    " ns INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " key TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " actor TEXT NOT NULL,"
    " payload_hash BLOB NOT NULL,"
    " refs TEXT,"
    " generation INTEGER NOT NULL," /* which use of its key */
    " original INTEGER NOT NULL,"   /* the command whose place it takes, and its nonce; 0: none */
    " original_nonce INTEGER NOT NULL,"
    " why INTEGER NOT NULL," /* of the step that the state hangs on, with what comes next and when */
    " next INTEGER NOT NULL,"
    " next_at INTEGER NOT NULL,"
    " dependency INTEGER NOT NULL," /* its number in name; 0: none */
    " owner TEXT,"
    " due INTEGER NOT NULL"
    ") STRICT;"
    /* completed commands are nearly all there are, and are found by going back from the newest */
    "CREATE INDEX command_open ON command (state, in_flight, seq) WHERE state <> 11 OR in_flight;"
    "CREATE INDEX command_owner ON command (owner, seq) WHERE owner IS NOT NULL;" /* few have one */

    "CREATE TABLE command_key (place INTEGER PRIMARY KEY, more INTEGER NOT NULL) STRICT;" /* db.h says what a place is */
    "CREATE TABLE ref (place INTEGER PRIMARY KEY) STRICT;"
    /* the refs of what people look for most: commands that rest and are not completed (sq_attention) */
    "CREATE TABLE attention (ref INTEGER NOT NULL, state INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (ref, state, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"

    "CREATE TABLE work ("
    " phase INTEGER NOT NULL, gate INTEGER NOT NULL, ord INTEGER NOT NULL, seq INTEGER NOT NULL, node "
    "INTEGER NOT NULL,"
    " PRIMARY KEY (phase, gate, ord, seq, node)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE signal ("
    " n INTEGER PRIMARY KEY," /* in the order of coming */
    " mailbox INTEGER NOT NULL,"
    " place INTEGER NOT NULL," /* a hash of namespace and key */
    " ns INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " asked BLOB NOT NULL," /* hash of name, id and payload */
    " payload TEXT,"        /* until it is taken */
    " at INTEGER NOT NULL,"
    " command INTEGER NOT NULL," /* that took it; 0: it is kept */
    " nonce INTEGER NOT NULL,"
    " node INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX signal_place ON signal (place);"
    "CREATE INDEX signal_ns ON signal (ns);"
    "CREATE INDEX signal_kept ON signal (mailbox, n) WHERE command = 0;"
    "CREATE INDEX signal_kept_ns ON signal (ns, at) WHERE command = 0;"
    "CREATE INDEX signal_taken ON signal (command) WHERE command <> 0;" /* so that a purge finds those of its commands */

    "CREATE TABLE namespace ("
    " ns INTEGER PRIMARY KEY," /* its number in name */
    " created INTEGER NOT NULL, max_open INTEGER NOT NULL, max_bytes INTEGER NOT NULL, max_rate INTEGER NOT "
    "NULL"
    ") STRICT;"
    "CREATE TABLE usage (ns INTEGER PRIMARY KEY, commands INTEGER NOT NULL, open INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL) STRICT;"
    "INSERT INTO name VALUES (1, 'default');"
    "INSERT INTO namespace VALUES (1, 0, 0, 0, 0);"

    "CREATE TABLE token ("
    " id INTEGER PRIMARY KEY,"
    " digest BLOB NOT NULL," /* SHA-256 of the secret */
    " subject TEXT NOT NULL,"
    " author TEXT NOT NULL,"
    " ns TEXT NOT NULL," /* '': all */
    " role INTEGER NOT NULL,"
    " act_as INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " used INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE tally (" /* how many commands of a flow's version are in a state */
    " flow INTEGER NOT NULL, state INTEGER NOT NULL, commands INTEGER NOT NULL,"
    " PRIMARY KEY (flow, state)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE definition ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind INTEGER NOT NULL,"
    " active INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " source TEXT NOT NULL,"
    " digest BLOB NOT NULL,"
    " at INTEGER NOT NULL,"
    " UNIQUE (kind, name, version)) STRICT;"
    "CREATE UNIQUE INDEX definition_active ON definition (kind, name) WHERE active;"

    "CREATE TABLE bulk ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " rev INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " nonce INTEGER NOT NULL,"
    " ns TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " asked BLOB NOT NULL,"
    " act TEXT NOT NULL,"    /* as the body of an action in history */
    " source TEXT NOT NULL," /* the filter as JSON */
    " most INTEGER NOT NULL,"
    " more INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL,"
    " changed INTEGER NOT NULL,"
    " total INTEGER NOT NULL,"
    " allowed INTEGER NOT NULL,"
    " rate INTEGER NOT NULL,"
    " stop_percent INTEGER NOT NULL,"
    " even_if_changed INTEGER NOT NULL,"
    " wave INTEGER NOT NULL,"
    " next INTEGER NOT NULL,"
    " done INTEGER NOT NULL,"
    " refused INTEGER NOT NULL,"
    " stale INTEGER NOT NULL,"
    " failed INTEGER NOT NULL,"
    " UNIQUE (ns, key)) STRICT;"
    "CREATE TABLE bulk_item ("
    " bulk INTEGER NOT NULL, n INTEGER NOT NULL, seq INTEGER NOT NULL, nonce INTEGER NOT NULL,"
    " rev INTEGER NOT NULL, state INTEGER NOT NULL, allowed INTEGER NOT NULL, why TEXT, undoes TEXT,"
    " result INTEGER NOT NULL, fault TEXT, acted INTEGER NOT NULL,"
    " PRIMARY KEY (bulk, n)) STRICT, WITHOUT ROWID;"
    /* so that a purge finds what outside systems said of its commands */
    "CREATE INDEX bulk_item_words ON bulk_item (seq) WHERE undoes IS NOT NULL OR fault IS NOT NULL;"
    "CREATE TABLE bulk_event ("
    " bulk INTEGER NOT NULL, rev INTEGER NOT NULL, state INTEGER NOT NULL, at INTEGER NOT NULL,"
    " subject TEXT, actor TEXT, reason TEXT,"
    " PRIMARY KEY (bulk, rev)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE schedule (" /* core/schedule.h */
    " flow TEXT NOT NULL, id TEXT NOT NULL, planned INTEGER NOT NULL, accepted INTEGER NOT NULL,"
    " paused INTEGER NOT NULL, last INTEGER NOT NULL, last_nonce INTEGER NOT NULL,"
    " last_planned INTEGER NOT NULL, started INTEGER NOT NULL, missed INTEGER NOT NULL,"
    " skipped INTEGER NOT NULL, changed INTEGER NOT NULL, fault TEXT,"
    " PRIMARY KEY (flow, id)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE queue (" /* those that are stopped: store/order.h */
    " name TEXT PRIMARY KEY, state INTEGER NOT NULL, since INTEGER NOT NULL, subject TEXT, actor TEXT,"
    " reason TEXT) STRICT, WITHOUT ROWID;"

    /* one row: numbers that never go back, whatever is deleted */
    "CREATE TABLE high (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, change INTEGER NOT "
    "NULL,"
    " at INTEGER NOT NULL, audit INTEGER NOT NULL,"
    " indexed INTEGER NOT NULL," /* up to this command command_key and ref have all (fresh.c) */
    " untold INTEGER NOT NULL"   /* from this change on somebody may not have been told yet; 0: all were */
    ") STRICT;"
    "INSERT INTO high VALUES (1, 0, 0, 0, 0, 0, 0);"

    "CREATE TABLE audit ("         /* store/audit.h; only salt and data ever change, to NULL */
    " number INTEGER PRIMARY KEY," /* from 1, without gaps */
    " at INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " command INTEGER NOT NULL," /* 0: none */
    " rev INTEGER NOT NULL,"
    " action INTEGER NOT NULL,"
    " digest BLOB NOT NULL,"
    " hash BLOB NOT NULL,"
    " salt BLOB,"
    " data TEXT"
    ") STRICT;"
    "CREATE INDEX audit_command ON audit (command) WHERE command <> 0;"

    "CREATE TABLE purged ("     /* what is left of a purged command */
    " seq INTEGER PRIMARY KEY," /* its place in command_key stays */
    " nonce INTEGER NOT NULL,"
    " key BLOB NOT NULL,"      /* hash of namespace, type and key */
    " state INTEGER NOT NULL," /* in which it had ended */
    " generation INTEGER NOT NULL,"
    " changed INTEGER NOT NULL,"
    " at INTEGER NOT NULL" /* when it was purged */
    ") STRICT;"

    /* one row: which store it is, and the mark of a copy (store/hold.h). A copy has the number of its original; the next hold gives it
     * another one */
    "CREATE TABLE life (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL,"
    " cause INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;"
    "INSERT INTO life VALUES (1, abs(random() / 2) + 1, 0, 0);"

    "CREATE TABLE hold ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " nonce INTEGER NOT NULL,"
    " cause INTEGER NOT NULL,"
    " since INTEGER NOT NULL," /* of when the state is; 0: not known */
    " until INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"  /* the last command of that state */
    " left INTEGER NOT NULL," /* commands below it are still to be looked through */
    " commands INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " checks INTEGER NOT NULL,"
    " repeats INTEGER NOT NULL,"
    " reviews INTEGER NOT NULL,"
    " bulks INTEGER NOT NULL,"
    " released INTEGER NOT NULL," /* 0: it holds */
    " watch INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE word (list TEXT NOT NULL, code INTEGER NOT NULL, slug TEXT NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (list, code)) STRICT, WITHOUT ROWID;";

/* Step n leads from version n to n + 1. A released step is never edited. */
struct migration {
    const char *parts[2];
};
static const struct migration migrations[] = {
    {{tables, sq_views}},
};
enum { VERSIONS = sizeof migrations / sizeof *migrations };
const uint32_t sq_schema_version = VERSIONS;

struct word {
    const char *list;
    uint32_t code;
    const char *slug, *text;
};
static const struct word words[] = {
#define RC_COMMAND_STATE(code, slug, ended, text) {"state", code, slug, text},
#define RC_STEP_STATE(code, slug, text)           {"step", code, slug, text},
#define RC_PHASE(code, slug, text)                {"phase", code, slug, text},
#define RC_BULK_STATE(code, slug, ended, text)    {"bulk", code, slug, text},
#include "states.def"
#define RC_OUTCOME(code, slug, text) {"outcome", code, slug, text},
#define RC_PURPOSE(code, slug, text) {"purpose", code, slug, text},
#define RC_MODE(code, slug, text)    {"mode", code, slug, text},
#define RC_ACTION(code, slug, text)  {"action", code, slug, text},
#define RC_CAUSE(code, slug, text)   {"cause", code, slug, text},
#define RC_WHY(code, slug, text)     {"why", code, slug, text},
#define RC_NEXT(code, slug, text)    {"next", code, slug, text},
#define RC_ROLE(code, slug, text)    {"role", code, slug, text},
#define RC_AUDIT(code, slug, text)   {"audit", code, slug, text},
#define RC_DEED(code, slug, text)    {"deed", code, slug, text},
#define RC_HELD(code, slug, text)    {"held", code, slug, text},
#define RC_ITEM(code, slug, text)    {"item", code, slug, text},
#include "words.def"
    {"phase", RC_WORK_LANE_WAITS, "lane_waits", "its turn in its lane has not come"},
    {"phase", RC_WORK_LANE_HOLDS, "lane_holds", "it holds a place in its lane"},
    {"phase", RC_WORK_LANE_YIELDS, "lane_yields", "it holds a place in its lane, and is leaving"},
    {"change", RC_CHANGE_CREATE, "create", "the command begins"},
    {"change", RC_CHANGE_NODE, "node", "control and times of a step"},
    {"change", RC_CHANGE_OUTPUTS, "outputs", "outputs and external id of a step"},
    {"change", RC_CHANGE_REQUEST, "request", "hash of the request of a round"},
    {"change", RC_CHANGE_FAULT, "fault", "last error of a step"},
    {"change", RC_CHANGE_MODE, "mode", "where the command is heading"},
    {"change", RC_CHANGE_STATE, "state", "state of the command"},
    {"change", RC_CHANGE_OWNER, "owner", "who looks after the command"},
    {"change", RC_CHANGE_DUE, "due", "until when it should be settled"},
    {"change", RC_CHANGE_NOTES, "note", "how many notes people have left"},
    {"change", RC_CHANGE_SUCCESSOR, "successor", "the command that takes its place"},
    {"change", RC_CHANGE_PLACE, "place", "its lane, and its place there"},
    {"change", RC_CHANGE_PRIORITY, "priority", "how urgent it is"},
    {"change", RC_CHANGE_BACK, "back", "what a roll back is bounded to"},
    {"change", RC_CHANGE_MOVE, "move", "the version of its flow"},
    {"change", RC_CHANGE_CHILD, "child", "the command that a step has started, and how it stands"},
    {"change", RC_CHANGE_PARENT, "parent", "the step that has started the command, and what it was told"},
    {"change", RC_CHANGE_PINS, "pins", "which versions of flows it may start"},
};

static enum rc_status read_version(struct sq_conn *conn, uint32_t *ret, struct rc_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, "PRAGMA user_version", -1, &stmt, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(stmt);
    uint32_t version = code == SQLITE_ROW ? (uint32_t)sqlite3_column_int(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    if (code != SQLITE_ROW) return sq_fail(conn, code, "cannot read the schema's version", err);
    *ret = version;
    return RC_OK;
}

static enum rc_status step(struct sq_conn *conn, uint32_t from, struct rc_error *err)
{
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %u; PRAGMA application_id = %d;", from + 1,
             SQ_APPLICATION_ID);
    enum rc_status status = sq_exec(conn, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; i < 2 && status == RC_OK; i++) status = sq_exec(conn, migrations[from].parts[i], err);
    if (status == RC_OK) status = sq_exec(conn, mark, err);
    if (status == RC_OK) status = sq_exec(conn, "COMMIT", err);
    /* what did not commit ends with the connection, which the caller closes */
    return status;
}

static enum rc_status too_new(const struct sq_conn *conn, uint32_t version, struct rc_error *err)
{
    return rc_fail(err, RC_NEWER,
                   "%s: written by a newer version of Recourse (schema %u; this one knows up to %u)",
                   conn->path, version, (unsigned)VERSIONS);
}

enum rc_status sq_check_version(struct sq_conn *conn, struct rc_error *err)
{
    uint32_t version = 0;
    enum rc_status status = read_version(conn, &version, err);
    if (status != RC_OK) return status;
    if (version > VERSIONS) return too_new(conn, version, err);
    if (version == VERSIONS) return RC_OK;
    return rc_fail(err, RC_UNSUPPORTED,
                   "%s: written by an older version of Recourse; start the server on it first", conn->path);
}

enum rc_status sq_migrate(struct sq_conn *conn, struct rc_error *err)
{
    uint32_t version = 0;
    enum rc_status status = read_version(conn, &version, err);
    if (status == RC_OK && version > VERSIONS) status = too_new(conn, version, err);
    for (; status == RC_OK && version < VERSIONS; version++) status = step(conn, version, err);
    return status;
}

static enum rc_status write_words(struct sq_conn *conn, sqlite3_stmt *stmt, struct rc_error *err)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct word *word = &words[i];
        sqlite3_bind_text(stmt, 1, word->list, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, word->code);
        sqlite3_bind_text(stmt, 3, word->slug, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 4, word->text, -1, SQLITE_STATIC);
        int code = sqlite3_step(stmt);
        sqlite3_reset(stmt);
        if (code != SQLITE_DONE) return sq_fail(conn, code, "cannot write the words", err);
    }
    return RC_OK;
}

enum rc_status sq_write_words(struct sq_conn *conn, struct rc_error *err)
{
    /* writes only what differs: opening a store that is up to date dirties no page */
    static const char text[] =
        "INSERT INTO word VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET slug = excluded.slug,"
        " text = excluded.text WHERE slug <> excluded.slug OR text <> excluded.text";
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL);
    if (code != SQLITE_OK) return sq_fail(conn, code, "cannot write the words", err);
    enum rc_status status = sq_exec(conn, "BEGIN IMMEDIATE", err);
    if (status == RC_OK) status = write_words(conn, stmt, err);
    sqlite3_finalize(stmt);
    if (status == RC_OK) status = sq_exec(conn, "COMMIT", err);
    return status;
}
