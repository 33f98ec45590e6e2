/* Views for the plain sqlite3 shell: what the tables hold, with every code as its word and every time as text. Recourse itself does not
 * read them. */
#include "store/sqlite/db.h"

#include "core/change.h"

_Static_assert(RC_CAUSE_ACTION == 5 && RC_CHANGE_NODE == 2 && RC_CHANGE_FAULT == 5 && RC_CHANGE_MODE == 6 &&
                   RC_CHANGE_STATE == 7 && RC_DEF_FLOW == 1 && RC_DEF_DEPENDENCY == 2 && RC_AUDIT_ACTION == 0,
               "numbers in the views");

#define WORD(list, code) "(SELECT slug FROM word WHERE list = '" list "' AND code = " code ")"
#define TIME(column)     "strftime('%Y-%m-%dT%H:%M:%fZ', " column " / 1e6, 'unixepoch')"
/* item n of one change, which is a JSON array; what was left out is 0 (codec/record.h) */
#define ITEM(n)          "coalesce(c.value ->> " n ", 0)"

/* clang-format off */
const char sq_views[] =
    "CREATE VIEW commands AS SELECT seq,"
    "  (SELECT text FROM name WHERE id = command.ns) AS namespace,"
    "  (SELECT text FROM name WHERE id = command.type) AS type,"
    "  key,"
    "  " WORD("state", "state") " AS state,"
    "  in_flight, rev,"
    "  (SELECT name || ' ' || version FROM definition WHERE id = flow) AS flow,"
    "  " TIME("created") " AS created,"
    "  " TIME("changed") " AS changed,"
    "  subject, actor, refs,"
    "  (SELECT body FROM history WHERE change = first) AS payload"
    " FROM command;"

    "CREATE VIEW records AS SELECT change, command, rev,"
    "  " TIME("at") " AS at,"
    "  " WORD("cause", "cause") " AS cause,"
    "  node, attempt,"
    "  " WORD("purpose", "purpose") " AS purpose,"
    "  CASE cause WHEN 5 THEN " WORD("action", "json_extract(body, '$.action')") " END AS action,"
    "  CASE cause WHEN 5 THEN json_extract(body, '$.actor') END AS actor,"
    "  body, changes"
    " FROM history;"

    /* every change of every record, taken apart; value: the whole of it */
    "CREATE VIEW changes AS SELECT change, command, rev,"
    "  " TIME("at") " AS at,"
    "  c.key AS place,"
    "  " WORD("change", "c.value ->> 0") " AS kind,"
    "  CASE WHEN c.value ->> 0 BETWEEN 2 AND 5 THEN " ITEM("1") " END AS node,"
    "  CASE c.value ->> 0 WHEN 2 THEN " WORD("step", ITEM("2"))
    "                     WHEN 6 THEN " WORD("mode", ITEM("1"))
    "                     WHEN 7 THEN " WORD("state", ITEM("1")) " END AS state,"
    "  CASE c.value ->> 0 WHEN 2 THEN " WORD("phase", ITEM("3")) " END AS phase,"
    "  CASE c.value ->> 0 WHEN 2 THEN " WORD("why", ITEM("4"))
    "                     WHEN 6 THEN " WORD("why", ITEM("2")) " END AS why,"
    "  c.value AS value"
    " FROM history, json_each(history.changes) AS c;"

    "CREATE VIEW refs AS SELECT seq, r.key AS name, r.value AS value"
    " FROM command, json_each(command.refs) AS r;"

    "CREATE VIEW waiting AS SELECT " WORD("phase", "phase") " AS phase, gate, ord,"
    "  " TIME("ord") " AS at,"
    "  seq, node"
    " FROM work;"

    "CREATE VIEW definitions AS SELECT id,"
    "  CASE kind WHEN 1 THEN 'flow' WHEN 2 THEN 'dependency' END AS kind,"
    "  name, version, active, source,"
    "  " TIME("at") " AS at,"
    "  lower(hex(digest)) AS digest, text"
    " FROM definition;"

    "CREATE VIEW audit_entries AS SELECT number,"
    "  " TIME("at") " AS at,"
    "  " WORD("audit", "kind") " AS kind,"
    "  CASE kind WHEN 0 THEN " WORD("action", "action") " ELSE " WORD("deed", "action") " END AS action,"
    "  nullif(command, 0) AS command, rev, data, lower(hex(hash)) AS hash"
    " FROM audit;";
/* clang-format on */
