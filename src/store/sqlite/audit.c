/* The audit in its table: appending within the transaction of what is recorded, and reading in pages. */
#include "store/sqlite/db.h"

/* The hash of the entry before, or no hash where it is not there: then the chain is broken already, which verifying shows; what
 * people do now is recorded all the same. */
static enum rc_status read_previous(struct sq_conn *conn, uint64_t number, unsigned char ret[RC_AUDIT_HASH],
                                    bool *ret_found, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_AUDIT_HASH);
    sq_u64(&run, number - 1);
    struct rc_sv hash = sq_row(&run) ? sq_get_sv(&run, 0) : (struct rc_sv){0};
    *ret_found = hash.n == RC_AUDIT_HASH;
    if (*ret_found) memcpy(ret, hash.p, RC_AUDIT_HASH);
    return sq_end(&run, "cannot read the audit", err);
}

static enum rc_status next_number(struct sq_conn *conn, uint64_t *ret, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_AUDIT_NUMBER);
    bool found = sq_row(&run);
    if (found) *ret = sq_get_u64(&run, 0);
    while (sq_row(&run)) {
    }
    enum rc_status status = sq_end(&run, "cannot count the audit", err);
    if (status != RC_OK || found) return status;
    return rc_fail(err, RC_DAMAGED, "%s: the store's counters are missing", conn->path);
}

enum rc_status sq_audit_add(struct sq_conn *conn, const struct rc_audit *what, rc_us now,
                            struct rc_error *err)
{
    struct rc_audit_entry entry = {0};
    unsigned char previous[RC_AUDIT_HASH];
    uint64_t number = 0;
    bool found = false;
    enum rc_status status = next_number(conn, &number, err);
    if (status == RC_OK) status = read_previous(conn, number, previous, &found, err);
    if (status == RC_OK) status = rc_audit_link(what, number, now, found ? previous : NULL, &entry, err);
    if (status != RC_OK) return status;
    return sq_audit_put(conn, &entry, err);
}

enum rc_status sq_audit_put(struct sq_conn *conn, const struct rc_audit_entry *entry, struct rc_error *err)
{
    const struct rc_audit *what = &entry->what;
    bool whole = what->data.p != NULL;
    struct sq run = sq_start(conn, SQ_AUDIT_ADD);
    sq_u64(&run, entry->number);
    sq_u64(&run, entry->at);
    sq_u64(&run, what->kind);
    sq_u64(&run, what->command);
    sq_u64(&run, what->rev);
    sq_u64(&run, what->action);
    sq_blob(&run, entry->digest, RC_AUDIT_HASH);
    sq_blob(&run, entry->hash, RC_AUDIT_HASH);
    sq_blob(&run, whole ? entry->salt : NULL, whole ? RC_AUDIT_SALT : 0);
    sq_sv_or_null(&run, what->data);
    return sq_done(&run, "cannot write the audit", err);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* A column that is not as long as it should be stays zero: no hash fits then. */
static void copy_bytes(const struct sq *run, int column, unsigned char *ret, uint32_t n)
{
    struct rc_sv bytes = sq_get_sv(run, column);
    if (bytes.n == n) memcpy(ret, bytes.p, n);
}

static enum rc_status entry_of(const struct sq *run, struct rc_arena *arena, struct rc_audit_entry *entry,
                               struct rc_error *err)
{
    struct rc_sv data = sq_get_sv(run, 9);
    *entry = (struct rc_audit_entry){.number = sq_get_u64(run, 0),
                                     .at = sq_get_u64(run, 1),
                                     .what = {.kind = (uint8_t)sq_get_u64(run, 2),
                                              .command = sq_get_u64(run, 3),
                                              .rev = (uint32_t)sq_get_u64(run, 4),
                                              .action = (uint8_t)sq_get_u64(run, 5)},
                                     .nonce = sq_get_u64(run, 10),
                                     .purged = sq_get_u64(run, 11) != 0};
    copy_bytes(run, 6, entry->digest, RC_AUDIT_HASH);
    copy_bytes(run, 7, entry->hash, RC_AUDIT_HASH);
    copy_bytes(run, 8, entry->salt, RC_AUDIT_SALT);
    if (!data.p) return RC_OK;
    entry->what.data = rc_copy_sv(arena, data);
    return entry->what.data.p ? RC_OK : rc_fail_arena(err, arena);
}

static struct sq start_page(struct sq_conn *conn, const struct rc_audit_page *page, uint32_t cap)
{
    struct sq run = sq_start(conn, page->ascending ? SQ_AUDIT_AFTER
                                   : page->command ? SQ_AUDIT_OF
                                                   : SQ_AUDIT_BEFORE);
    if (!page->ascending && page->command) sq_u64(&run, page->command);
    sq_u64(&run, page->ascending ? page->after : page->before);
    sq_u64(&run, cap);
    return run;
}

enum rc_status sq_read_audit(struct rc_reader *reader, const struct rc_audit_page *page,
                             struct rc_arena *arena, uint32_t cap, struct rc_audit_entry **ret,
                             uint32_t *ret_n, struct rc_error *err)
{
    struct rc_audit_entry *entries = RC_NEW_ARRAY(arena, struct rc_audit_entry, cap);
    if (!entries) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    struct sq run = start_page(sq_conn_of(reader), page, cap);
    while (status == RC_OK && n < cap && sq_row(&run)) status = entry_of(&run, arena, &entries[n++], err);
    enum rc_status ended = sq_end(&run, "cannot read the audit", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    *ret = entries;
    *ret_n = n;
    return RC_OK;
}
