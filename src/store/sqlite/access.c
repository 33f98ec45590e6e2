/* Namespaces and tokens: few rows, made by people. */
#include "store/sqlite/db.h"

struct changing {
    struct sq_store *store;
    struct sq_conn *conn;
    const struct rc_access_change *change;
    rc_us now;
};

static enum rc_status no_namespace(struct rc_sv name, struct rc_error *err)
{
    return rc_fail(err, RC_NOT_FOUND, "there is no namespace '%.*s'", RC_SV_ARG(name));
}

/* ---- namespaces --------------------------------------------------------------------------------------------------- */

/* *ret_ns is 0 where the namespace is not there. */
static enum rc_status find_namespace(struct sq_conn *conn, struct rc_sv name, uint64_t *ret_ns,
                                     uint64_t *ret_all, struct rc_error *err)
{
    uint64_t ns = 0;
    enum rc_status status = sq_name_find(conn, name, &ns, err);
    if (status != RC_OK && status != RC_NOT_FOUND) return status;
    struct sq run = sq_start(conn, SQ_NS_COUNT);
    sq_u64(&run, ns);
    bool row = sq_row(&run);
    uint64_t all = row ? sq_get_u64(&run, 0) : 0;
    *ret_ns = row && sq_get_u64(&run, 1) ? ns : 0;
    if (ret_all) *ret_all = all;
    return sq_end(&run, "cannot read namespaces", err);
}

static enum rc_status add_namespace(const struct changing *in, struct rc_error *err)
{
    const struct rc_namespace *added = &in->change->ns;
    uint64_t ns, all;
    enum rc_status status = find_namespace(in->conn, added->name, &ns, &all, err);
    if (status != RC_OK) return status;
    if (ns) return rc_fail(err, RC_IN_USE, "there is a namespace '%.*s' already", RC_SV_ARG(added->name));
    if (all >= RC_MAX_NAMESPACES)
        return rc_fail(err, RC_LIMIT, "there are %d namespaces, which is the most", RC_MAX_NAMESPACES);
    status = sq_name_make(in->conn, added->name, &ns, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(in->conn, SQ_NS_ADD);
    sq_u64(&run, ns);
    sq_u64(&run, in->now);
    sq_u64(&run, added->max_open);
    sq_u64(&run, added->max_bytes);
    sq_u64(&run, added->max_rate);
    return sq_done(&run, "cannot write a namespace", err);
}

static enum rc_status set_namespace(const struct changing *in, struct rc_error *err)
{
    const struct rc_namespace *set = &in->change->ns;
    uint64_t ns;
    enum rc_status status = find_namespace(in->conn, set->name, &ns, NULL, err);
    if (status != RC_OK) return status;
    if (!ns) return no_namespace(set->name, err);
    struct sq run = sq_start(in->conn, SQ_NS_SET);
    sq_u64(&run, set->max_open);
    sq_u64(&run, set->max_bytes);
    sq_u64(&run, set->max_rate);
    sq_u64(&run, ns);
    return sq_done(&run, "cannot write a namespace", err);
}

static enum rc_status read_usage(struct sq_conn *conn, uint64_t ns, struct rc_usage *ret,
                                 struct rc_error *err)
{
    struct sq run = sq_start(conn, SQ_USAGE);
    sq_u64(&run, ns);
    struct rc_usage usage = {0};
    if (sq_row(&run))
        usage = (struct rc_usage){sq_get_u64(&run, 0), sq_get_u64(&run, 1), sq_get_u64(&run, 2)};
    enum rc_status status = sq_end(&run, "cannot read a namespace's usage", err);
    if (status == RC_OK) *ret = usage;
    return status;
}

static enum rc_status check_empty(const struct changing *in, uint64_t ns, struct rc_error *err)
{
    struct rc_sv name = in->change->ns.name;
    struct rc_usage usage = {0};
    enum rc_status status = read_usage(in->conn, ns, &usage, err);
    if (status == RC_OK && usage.commands)
        return rc_fail(err, RC_IN_USE, "%llu commands are stored in the namespace '%.*s'",
                       (unsigned long long)usage.commands, RC_SV_ARG(name));
    if (status != RC_OK) return status;
    struct sq run = sq_start(in->conn, SQ_NS_TOKENS);
    sq_sv(&run, name);
    sq_u64(&run, in->now);
    uint64_t tokens = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    status = sq_end(&run, "cannot count tokens", err);
    if (status == RC_OK && tokens)
        return rc_fail(err, RC_IN_USE, "%llu tokens that work are bound to the namespace '%.*s'",
                       (unsigned long long)tokens, RC_SV_ARG(name));
    return status;
}

static enum rc_status remove_namespace(const struct changing *in, struct rc_error *err)
{
    static const enum sq_statement drop[] = {SQ_USAGE_DROP, SQ_SIGNALS_OF_NS, SQ_NS_DROP};
    struct rc_sv name = in->change->ns.name;
    uint64_t ns;
    if (rc_sv_is(name, "default")) return rc_fail(err, RC_IN_USE, "the namespace 'default' is always there");
    enum rc_status status = find_namespace(in->conn, name, &ns, NULL, err);
    if (status == RC_OK && !ns) return no_namespace(name, err);
    if (status == RC_OK) status = check_empty(in, ns, err);
    for (size_t i = 0; i < sizeof drop / sizeof *drop && status == RC_OK; i++) {
        struct sq run = sq_start(in->conn, drop[i]);
        sq_u64(&run, ns);
        status = sq_done(&run, "cannot remove a namespace", err);
    }
    return status;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------- */

/* Room for one more: the oldest dead one goes where it must. */
static enum rc_status make_room(const struct changing *in, struct rc_error *err)
{
    struct sq run = sq_start(in->conn, SQ_TOKEN_COUNT);
    uint64_t n = sq_row(&run) ? sq_get_u64(&run, 0) : 0;
    enum rc_status status = sq_end(&run, "cannot count tokens", err);
    if (status != RC_OK || n < RC_MAX_TOKENS) return status;
    run = sq_start(in->conn, SQ_TOKEN_DROP_DEAD);
    sq_u64(&run, in->now);
    status = sq_done(&run, "cannot remove a token", err);
    if (status == RC_OK && sqlite3_changes(in->conn->db) != 1)
        return rc_fail(err, RC_LIMIT, "there are %d tokens that work, which is the most", RC_MAX_TOKENS);
    return status;
}

static enum rc_status add_token(const struct changing *in, struct rc_error *err)
{
    const struct rc_token *token = &in->change->token;
    uint64_t ns = 1;
    enum rc_status status = token->ns.n ? find_namespace(in->conn, token->ns, &ns, NULL, err) : RC_OK;
    if (status == RC_OK && !ns) return no_namespace(token->ns, err);
    if (status == RC_OK) status = make_room(in, err);
    if (status != RC_OK) return status;
    struct sq run = sq_start(in->conn, SQ_TOKEN_ADD);
    sq_u64(&run, token->id);
    sq_blob(&run, token->digest, sizeof token->digest);
    sq_sv(&run, token->subject);
    sq_sv(&run, token->author.p ? token->author : RC_SV(""));
    sq_sv(&run, token->ns.p ? token->ns : RC_SV(""));
    sq_u64(&run, token->role);
    sq_u64(&run, token->act_as);
    sq_u64(&run, in->now);
    sq_u64(&run, token->expires);
    return sq_done(&run, "cannot write a token", err);
}

/* *ret_done is false where it was revoked before. */
static enum rc_status revoke_token(const struct changing *in, bool *ret_done, struct rc_error *err)
{
    uint64_t id = in->change->token.id;
    struct sq run = sq_start(in->conn, SQ_TOKEN_REVOKE);
    sq_u64(&run, in->now);
    sq_u64(&run, id);
    enum rc_status status = sq_done(&run, "cannot write a token", err);
    *ret_done = sqlite3_changes(in->conn->db) == 1;
    if (status != RC_OK || *ret_done) return status;
    run = sq_start(in->conn, SQ_TOKEN_HAS);
    sq_u64(&run, id);
    bool found = sq_row(&run);
    status = sq_end(&run, "cannot read a token", err);
    return status == RC_OK && !found ? rc_fail(err, RC_NOT_FOUND, "there is no such token") : status;
}

/* ---- changing ----------------------------------------------------------------------------------------------------- */

static enum rc_status change(const struct changing *in, bool *ret_done, struct rc_error *err)
{
    *ret_done = true;
    switch ((enum rc_access_kind)in->change->kind) {
    case RC_ACCESS_NAMESPACE_ADD: return add_namespace(in, err);
    case RC_ACCESS_NAMESPACE_SET: return set_namespace(in, err);
    case RC_ACCESS_NAMESPACE_REMOVE: return remove_namespace(in, err);
    case RC_ACCESS_TOKEN_ADD: return add_token(in, err);
    case RC_ACCESS_TOKEN_REVOKE: return revoke_token(in, ret_done, err);
    }
    return rc_fail(err, RC_BUG, "there is no change %u of namespaces and tokens", in->change->kind);
}

static enum rc_status change_and_note(void *context, struct rc_error *err)
{
    const struct changing *in = context;
    struct rc_audit entry = {0};
    bool done = false;
    enum rc_status status = change(in, &done, err);
    if (status != RC_OK || !done) return status;
    rc_arena_reset(in->store->text);
    status = rc_audit_of_access(in->change, in->store->text, &entry, err);
    return status == RC_OK ? sq_audit_add(in->conn, &entry, in->now, err) : status;
}

enum rc_status sq_access(struct rc_store *base, const struct rc_access_change *wanted, rc_us now,
                         struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    struct changing in = {.store = store, .conn = &store->self.conn, .change = wanted, .now = now};
    return sq_transact(store, wanted->kind == RC_ACCESS_TOKEN_REVOKE, change_and_note, &in, err);
}

struct noting {
    struct sq_conn *conn;
    const struct rc_token_use *uses;
    uint32_t n;
};

static enum rc_status note_uses(void *context, struct rc_error *err)
{
    const struct noting *in = context;
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; i < in->n && status == RC_OK; i++) {
        struct sq run = sq_start(in->conn, SQ_TOKEN_USED);
        sq_u64(&run, in->uses[i].at);
        sq_u64(&run, in->uses[i].id);
        status = sq_done(&run, "cannot note the use of a token", err);
    }
    return status;
}

enum rc_status sq_tokens_used(struct rc_store *base, const struct rc_token_use *uses, uint32_t n,
                              struct rc_error *err)
{
    struct sq_store *store = sq_store_of(base);
    struct noting in = {&store->self.conn, uses, n};
    return sq_transact(store, false, note_uses, &in, err);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

enum rc_status sq_read_usage(struct rc_reader *reader, struct rc_sv ns, struct rc_usage *ret,
                             struct rc_error *err)
{
    struct sq_conn *conn = sq_conn_of(reader);
    uint64_t number;
    enum rc_status status = sq_name_find(conn, ns, &number, err);
    if (status == RC_OK) return read_usage(conn, number, ret, err);
    if (status != RC_NOT_FOUND) return status;
    *ret = (struct rc_usage){0};
    return RC_OK;
}

static enum rc_status namespace_of(const struct sq *run, struct rc_arena *arena, void *row,
                                   struct rc_error *err)
{
    struct rc_namespace *ret = row;
    *ret = (struct rc_namespace){.name = rc_copy_sv(arena, sq_get_sv(run, 0)),
                                 .created = sq_get_u64(run, 1),
                                 .max_open = sq_get_u64(run, 2),
                                 .max_bytes = sq_get_u64(run, 3),
                                 .max_rate = (uint32_t)sq_get_u64(run, 4),
                                 .usage = {sq_get_u64(run, 5), sq_get_u64(run, 6), sq_get_u64(run, 7)}};
    return ret->name.p ? RC_OK : rc_fail_arena(err, arena);
}

static enum rc_status token_of(const struct sq *run, struct rc_arena *arena, void *row, struct rc_error *err)
{
    struct rc_token *ret = row;
    struct rc_sv digest = sq_get_sv(run, 1);
    *ret = (struct rc_token){.id = sq_get_u64(run, 0),
                             .subject = rc_copy_sv(arena, sq_get_sv(run, 2)),
                             .author = rc_copy_sv(arena, sq_get_sv(run, 3)),
                             .ns = rc_copy_sv(arena, sq_get_sv(run, 4)),
                             .role = (uint8_t)sq_get_u64(run, 5),
                             .act_as = sq_get_u64(run, 6) != 0,
                             .created = sq_get_u64(run, 7),
                             .expires = sq_get_u64(run, 8),
                             .revoked = sq_get_u64(run, 9),
                             .used = sq_get_u64(run, 10)};
    if (digest.n != sizeof ret->digest)
        return rc_fail(err, RC_DAMAGED, "%s: the digest of a token is damaged", run->conn->path);
    memcpy(ret->digest, digest.p, digest.n);
    return ret->subject.p && ret->author.p && ret->ns.p ? RC_OK : rc_fail_arena(err, arena);
}

/* All rows of a statement, of which there are at most `most`, as an array in the arena. */
static enum rc_status read_all(struct sq_conn *conn, enum sq_statement which, uint32_t most, size_t size,
                               enum rc_status (*read)(const struct sq *, struct rc_arena *, void *,
                                                      struct rc_error *),
                               struct rc_arena *arena, void **ret, uint32_t *ret_n, struct rc_error *err)
{
    uint32_t n = 0, cap = 64;
    char *rows = rc_alloc(arena, cap * size);
    enum rc_status status = rows ? RC_OK : rc_fail_arena(err, arena);
    struct sq run = sq_start(conn, which);
    while (status == RC_OK && n < most && sq_row(&run)) {
        if (n == cap) {
            char *more = rc_alloc(arena, 2 * cap * size);
            if (more) memcpy(more, rows, n * size);
            rows = more;
            cap *= 2;
        }
        status = rows ? read(&run, arena, rows + n * size, err) : rc_fail_arena(err, arena);
        n++;
    }
    enum rc_status ended = sq_end(&run, "cannot read namespaces and tokens", status == RC_OK ? err : NULL);
    if (status != RC_OK || ended != RC_OK) return status != RC_OK ? status : ended;
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}

enum rc_status sq_read_namespaces(struct rc_reader *reader, struct rc_arena *arena, struct rc_namespace **ret,
                                  uint32_t *ret_n, struct rc_error *err)
{
    void *rows = NULL;
    enum rc_status status = read_all(sq_conn_of(reader), SQ_NS_ALL, RC_MAX_NAMESPACES,
                                     sizeof(struct rc_namespace), namespace_of, arena, &rows, ret_n, err);
    if (status == RC_OK) *ret = rows;
    return status;
}

enum rc_status sq_read_tokens(struct rc_reader *reader, struct rc_arena *arena, struct rc_token **ret,
                              uint32_t *ret_n, struct rc_error *err)
{
    void *rows = NULL;
    enum rc_status status = read_all(sq_conn_of(reader), SQ_TOKENS, RC_MAX_TOKENS, sizeof(struct rc_token),
                                     token_of, arena, &rows, ret_n, err);
    if (status == RC_OK) *ret = rows;
    return status;
}
