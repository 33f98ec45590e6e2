/* Namespaces and types as small numbers. Few, and written by those who define flows; texts that are not there are never
 * kept, so that asking for anything costs no memory. */
#include "store/sqlite/db.h"

#include <stdlib.h>

enum { NAMES_MAX = 8192 }; /* beyond this the cache begins anew */

struct sq_name {
    struct sq_name *next;      /* of all */
    struct sq_name *same_hash; /* of those that share a place in by_text */
    uint64_t id, hash;
    uint32_t n;
    char text[];
};

/* FNV-1a (Fowler, Noll, Vo): spreads; what can get in here is not chosen by strangers. */
static uint64_t hash_of(struct rc_sv text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < text.n; i++) hash = (hash ^ (unsigned char)text.p[i]) * 0x100000001b3u;
    return hash;
}

void sq_names_forget(struct sq_conn *conn)
{
    struct sq_names *names = &conn->names;
    for (struct sq_name *name = names->first, *next; name; name = next) {
        next = name->next;
        free(name);
    }
    rc_map_free(&names->by_id);
    rc_map_free(&names->by_text);
    *names = (struct sq_names){0};
}

static const struct sq_name *keep(struct sq_conn *conn, uint64_t id, struct rc_sv text)
{
    if (conn->names.n >= NAMES_MAX) sq_names_forget(conn);
    struct sq_names *names = &conn->names;
    struct sq_name *name = malloc(sizeof *name + text.n);
    if (!name) return NULL;
    *name = (struct sq_name){.id = id, .hash = hash_of(text), .n = text.n};
    if (text.n) memcpy(name->text, text.p, text.n);
    name->same_hash = rc_map_get(&names->by_text, name->hash);
    if (rc_map_put(&names->by_id, id, name) != RC_OK) goto fail;
    if (rc_map_put(&names->by_text, name->hash, name) != RC_OK) {
        rc_map_remove(&names->by_id, id);
        goto fail;
    }
    name->next = names->first;
    names->first = name;
    names->n++;
    return name;
fail:
    free(name);
    return NULL;
}

/* *ret_id is 0 where there is no such name. */
static enum rc_status look_up(struct sq_conn *conn, struct rc_sv text, uint64_t *ret_id, struct rc_error *err)
{
    const struct sq_name *name = rc_map_get(&conn->names.by_text, hash_of(text));
    for (; name; name = name->same_hash) {
        if (!rc_sv_eq(text, (struct rc_sv){name->text, name->n})) continue;
        *ret_id = name->id;
        return RC_OK;
    }
    struct sq run = sq_start(conn, SQ_NAME_ID);
    sq_sv(&run, text);
    uint64_t id = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot read names", err);
    if (status != RC_OK) return status;
    if (id && !keep(conn, id, text)) return rc_fail(err, RC_NOMEM, "out of memory");
    *ret_id = id;
    return RC_OK;
}

enum rc_status sq_name_find(struct sq_conn *conn, struct rc_sv text, uint64_t *ret, struct rc_error *err)
{
    uint64_t id = 0;
    enum rc_status status = look_up(conn, text, &id, err);
    if (status != RC_OK) return status;
    if (!id) return rc_fail(err, RC_NOT_FOUND, "nothing is stored under the name '%.*s'", RC_SV_ARG(text));
    *ret = id;
    return RC_OK;
}

enum rc_status sq_name_make(struct sq_conn *conn, struct rc_sv text, uint64_t *ret, struct rc_error *err)
{
    uint64_t id = 0;
    enum rc_status status = look_up(conn, text, &id, err);
    if (status == RC_OK && !id) {
        struct sq run = sq_start(conn, SQ_NAME_ADD);
        sq_sv(&run, text);
        status = sq_done(&run, "cannot write a name", err);
        id = (uint64_t)sqlite3_last_insert_rowid(conn->db);
        if (status == RC_OK && !keep(conn, id, text)) status = rc_fail(err, RC_NOMEM, "out of memory");
    }
    if (status == RC_OK) *ret = id;
    return status;
}

enum rc_status sq_name_text(struct sq_conn *conn, uint64_t id, struct rc_sv *ret, struct rc_error *err)
{
    const struct sq_name *name = rc_map_get(&conn->names.by_id, id);
    if (!name) {
        struct sq run = sq_start(conn, SQ_NAME_TEXT);
        sq_u64(&run, id);
        bool found = sq_row(&run);
        if (found) name = keep(conn, id, sq_get_sv(&run, 0));
        enum rc_status status = sq_end(&run, "cannot read names", err);
        if (status != RC_OK) return status;
        if (!found)
            return rc_fail(err, RC_DAMAGED, "%s: name %llu is missing", conn->path, (unsigned long long)id);
        if (!name) return rc_fail(err, RC_NOMEM, "out of memory");
    }
    *ret = (struct rc_sv){name->text, name->n};
    return RC_OK;
}
