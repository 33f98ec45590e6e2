/* Definitions: few rows, written by people. */
#include "store/sqlite/db.h"

#include <stdlib.h>

static enum rc_status check_held(struct sq_conn *conn, const struct rc_definition *removed,
                                 struct rc_error *err)
{
    if (removed->kind != RC_DEF_FLOW) return RC_OK;
    struct sq run = sq_start(conn, SQ_DEF_HELD);
    sq_u64(&run, removed->kind);
    sq_sv(&run, removed->name);
    sq_u64(&run, rc_store_ended_states());
    uint64_t held = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot count commands", err);
    if (status == RC_OK && held)
        return rc_fail(err, RC_IN_USE, "the flow '%.*s' is held by %llu commands that have not ended",
                       RC_SV_ARG(removed->name), (unsigned long long)held);
    return status;
}

static enum rc_status stop(struct sq_conn *conn, const struct rc_definition *def, struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_DEF_STOP);
    sq_u64(&run, def->kind);
    sq_sv(&run, def->name);
    return sq_done(&run, "cannot write a definition", err);
}

struct defining {
    struct sq_store *store;
    struct sq_conn *conn;
    const struct rc_author *by;
    rc_us now;
};

static enum rc_status note(const struct defining *in, const struct rc_definition *def, enum rc_deed deed,
                           struct rc_error *err)
{
    struct rc_audit entry = {0};
    rc_arena_reset(in->store->text);
    enum rc_status status = rc_audit_of_definition(def, deed, in->by, in->store->text, &entry, err);
    return status == RC_OK ? sq_audit_add(in->conn, &entry, in->now, err) : status;
}

static enum rc_status take_out(const struct defining *in, const struct rc_definition *def,
                               struct rc_error *err)
{
    struct sq_conn *conn = in->conn;
    enum rc_status status = check_held(conn, def, err);
    if (status == RC_OK) status = stop(conn, def, err);
    if (status == RC_OK && sqlite3_changes(conn->db) == 0)
        return rc_fail(err, RC_NOT_FOUND, "'%.*s' is not in force", RC_SV_ARG(def->name));
    return status == RC_OK ? note(in, def, RC_DEED_REMOVE, err) : status;
}

static enum rc_status add(const struct defining *in, struct rc_definition *def, struct rc_error *err)
{
    struct sq_conn *conn = in->conn;
    struct sq run = sq_start(conn, SQ_DEF_VERSION);
    sq_u64(&run, def->kind);
    sq_sv(&run, def->name);
    uint64_t version = (sq_row(&run) ? sq_get_u64(&run, 0) : 0) + 1;
    enum rc_status status = sq_end(&run, "cannot read definitions", err);
    if (status == RC_OK) status = stop(conn, def, err);
    if (status != RC_OK) return status;

    unsigned char digest[16];
    sq_put_h128(def->digest, digest);
    run = sq_start(conn, SQ_DEF_ADD);
    sq_u64(&run, def->kind);
    sq_u64(&run, version);
    sq_sv(&run, def->name);
    sq_sv(&run, def->text);
    sq_sv(&run, def->source);
    sq_blob(&run, digest, sizeof digest);
    sq_u64(&run, in->now);
    status = sq_done(&run, "cannot write a definition", err);
    def->id = (uint64_t)sqlite3_last_insert_rowid(conn->db);
    def->version = (uint32_t)version;
    def->active = true;
    def->at = in->now;
    return status == RC_OK ? note(in, def, def->version == 1 ? RC_DEED_ADD : RC_DEED_CHANGE, err) : status;
}

static enum rc_status define(const struct defining *in, struct rc_definition *added, uint32_t nadded,
                             const struct rc_definition *removed, uint32_t nremoved, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; i < nremoved && status == RC_OK; i++) status = take_out(in, &removed[i], err);
    for (uint32_t i = 0; i < nadded && status == RC_OK; i++) status = add(in, &added[i], err);
    return status;
}

enum rc_status sq_define(struct rc_store *base, struct rc_definition *added, uint32_t nadded,
                         const struct rc_definition *removed, uint32_t nremoved, const struct rc_author *by,
                         rc_us now, struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    enum rc_status status = sq_room_check(store, err);
    if (status != RC_OK) return status;
    struct rc_definition *stored =
        calloc(nadded ? nadded : 1, sizeof *stored); /* written back on success only */
    if (!stored) return rc_fail(err, RC_NOMEM, "out of memory");
    if (nadded) memcpy(stored, added, nadded * sizeof *stored);
    const struct defining in = {store, &store->self.conn, by, now};
    status = sq_begin(store, err);
    if (status == RC_OK) status = sq_settle(store, define(&in, stored, nadded, removed, nremoved, err), err);
    if (status == RC_FULL) store->room.full = true;
    if (status == RC_OK && nadded) memcpy(added, stored, nadded * sizeof *stored);
    free(stored);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static enum rc_status definition_of(const struct sq *run, struct rc_arena *arena, struct rc_definition *ret,
                                    struct rc_error *err)
{
    *ret = (struct rc_definition){.id = sq_get_u64(run, 0),
                                  .kind = (uint8_t)sq_get_u64(run, 1),
                                  .active = sq_get_u64(run, 2) != 0,
                                  .version = (uint32_t)sq_get_u64(run, 3),
                                  .name = rc_copy_sv(arena, sq_get_sv(run, 4)),
                                  .text = rc_copy_sv(arena, sq_get_sv(run, 5)),
                                  .source = rc_copy_sv(arena, sq_get_sv(run, 6)),
                                  .digest = sq_h128(sq_get_sv(run, 7)),
                                  .at = sq_get_u64(run, 8)};
    return ret->name.p && ret->text.p && ret->source.p ? RC_OK : rc_fail_arena(err, arena);
}

/* Rows of a list whose length is not known before: a chain, then an array. */
struct found {
    struct found *next;
    struct rc_definition def;
};

enum rc_status sq_read_definitions(struct rc_reader *reader, struct rc_arena *arena,
                                   struct rc_definition **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct found *newest = NULL;
    uint32_t n = 0;
    enum rc_status status = RC_OK;
    struct sq run = sq_start(sq_conn_of(reader), SQ_DEF_LIVE);
    while (status == RC_OK && sq_row(&run)) {
        struct found *found = RC_NEW(arena, struct found);
        status = found ? definition_of(&run, arena, &found->def, err) : rc_fail_arena(err, arena);
        if (status != RC_OK) break;
        found->next = newest;
        newest = found;
        n++;
    }
    enum rc_status ended = sq_end(&run, "cannot read definitions", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    struct rc_definition *defs = RC_NEW_ARRAY(arena, struct rc_definition, n);
    if (!defs) return rc_fail_arena(err, arena);
    for (uint32_t i = n; i > 0; newest = newest->next) defs[--i] = newest->def;
    *ret = defs;
    *ret_n = n;
    return RC_OK;
}

enum rc_status sq_read_versions(struct rc_reader *reader, enum rc_def_kind kind, struct rc_sv name,
                                uint32_t before, struct rc_arena *arena, uint32_t cap,
                                struct rc_version **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_version *versions = RC_NEW_ARRAY(arena, struct rc_version, cap);
    if (!versions) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    struct sq run = sq_start(sq_conn_of(reader), SQ_DEF_VERSIONS);
    sq_u64(&run, rc_store_ended_states());
    sq_u64(&run, kind);
    sq_sv(&run, name);
    sq_u64(&run, before);
    sq_u64(&run, cap);
    for (; status == RC_OK && n < cap && sq_row(&run); n++) {
        status = definition_of(&run, arena, &versions[n].def, err);
        versions[n].commands = sq_get_u64(&run, 9);
        versions[n].open = sq_get_u64(&run, 10);
    }
    enum rc_status ended = sq_end(&run, "cannot read definitions", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    *ret = versions;
    *ret_n = n;
    return RC_OK;
}

enum rc_status sq_read_definition(struct rc_reader *reader, uint64_t id, struct rc_arena *arena,
                                  struct rc_definition *ret, struct rc_error *err)
{
    struct rc_definition def;
    struct sq run = sq_start(sq_conn_of(reader), SQ_DEF_AT);
    sq_u64(&run, id);
    bool found = sq_row(&run);
    enum rc_status status = found ? definition_of(&run, arena, &def, err) : RC_OK;
    enum rc_status ended = sq_end(&run, "cannot read a definition", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    if (!found) return rc_fail(err, RC_NOT_FOUND, "there is no definition %llu", (unsigned long long)id);
    *ret = def;
    return RC_OK;
}
