/* Namespaces and tokens in memory: arrays, found by walking. The usage is counted when somebody asks. */
#include "store/memory/disk.h"

#include <stdlib.h>

static enum rc_status nomem(struct rc_error *err)
{
    return rc_fail(err, RC_NOMEM, "out of memory");
}

static enum rc_status no_namespace(struct rc_sv name, struct rc_error *err)
{
    return rc_fail(err, RC_NOT_FOUND, "there is no namespace '%.*s'", RC_SV_ARG(name));
}

static struct mem_namespace *find_namespace(const struct rc_memory_disk *disk, struct rc_sv name)
{
    for (uint32_t i = 0; i < disk->nnamespaces; i++)
        if (rc_sv_eq(disk->namespaces[i]->ns.name, name)) return disk->namespaces[i];
    return NULL;
}

static struct rc_usage usage_of(const struct rc_memory_disk *disk, struct rc_sv name)
{
    struct rc_usage usage = {0};
    for (uint32_t i = 0; i < disk->ncommands; i++) {
        const struct mem_command *command = disk->commands[i];
        if (!rc_sv_eq(command->ns, name)) continue;
        usage.commands++;
        usage.open += !(rc_store_ended_states() >> command->state & 1);
        for (uint32_t j = 0; j < command->rev; j++)
            usage.bytes +=
                (uint64_t)command->records[j]->stored.body.n + command->records[j]->stored.changes.n;
    }
    return usage;
}

/* ---- namespaces --------------------------------------------------------------------------------------------------- */

static enum rc_status insert_namespace(struct rc_memory_disk *disk, const struct rc_namespace *added,
                                       rc_us now, struct rc_error *err)
{
    struct mem_namespace *kept = malloc(sizeof *kept + added->name.n);
    struct mem_namespace **all =
        realloc(disk->namespaces, ((size_t)disk->nnamespaces + 1) * sizeof(struct mem_namespace *));
    if (all) disk->namespaces = all;
    if (!kept || !all) {
        free(kept);
        return nomem(err);
    }
    char *at = kept->text;
    kept->ns = *added;
    kept->ns.name = mem_put_text(&at, added->name);
    kept->ns.created = now;
    uint32_t i = disk->nnamespaces++;
    for (; i > 0 && rc_sv_cmp(all[i - 1]->ns.name, kept->ns.name) > 0; i--) all[i] = all[i - 1];
    all[i] = kept;
    return RC_OK;
}

static enum rc_status add_namespace(struct rc_memory_disk *disk, const struct rc_namespace *added, rc_us now,
                                    struct rc_error *err)
{
    if (find_namespace(disk, added->name))
        return rc_fail(err, RC_IN_USE, "there is a namespace '%.*s' already", RC_SV_ARG(added->name));
    if (disk->nnamespaces >= RC_MAX_NAMESPACES)
        return rc_fail(err, RC_LIMIT, "there are %d namespaces, which is the most", RC_MAX_NAMESPACES);
    return insert_namespace(disk, added, now, err);
}

static enum rc_status set_namespace(struct rc_memory_disk *disk, const struct rc_namespace *set,
                                    struct rc_error *err)
{
    struct mem_namespace *found = find_namespace(disk, set->name);
    if (!found) return no_namespace(set->name, err);
    found->ns.max_open = set->max_open;
    found->ns.max_bytes = set->max_bytes;
    found->ns.max_rate = set->max_rate;
    return RC_OK;
}

static enum rc_status remove_namespace(struct rc_memory_disk *disk, struct rc_sv name, rc_us now,
                                       struct rc_error *err)
{
    uint64_t commands = usage_of(disk, name).commands, tokens = 0;
    uint32_t at = 0;
    if (rc_sv_is(name, "default")) return rc_fail(err, RC_IN_USE, "the namespace 'default' is always there");
    while (at < disk->nnamespaces && !rc_sv_eq(disk->namespaces[at]->ns.name, name)) at++;
    if (at == disk->nnamespaces) return no_namespace(name, err);
    for (uint32_t i = 0; i < disk->ntokens; i++)
        tokens +=
            rc_sv_eq(disk->tokens[i]->token.ns, name) && !rc_token_is_dead(&disk->tokens[i]->token, now);
    if (commands)
        return rc_fail(err, RC_IN_USE, "%llu commands are stored in the namespace '%.*s'",
                       (unsigned long long)commands, RC_SV_ARG(name));
    if (tokens)
        return rc_fail(err, RC_IN_USE, "%llu tokens that work are bound to the namespace '%.*s'",
                       (unsigned long long)tokens, RC_SV_ARG(name));
    mem_signals_of_namespace_drop(disk, name);
    free(disk->namespaces[at]);
    for (disk->nnamespaces--; at < disk->nnamespaces; at++) disk->namespaces[at] = disk->namespaces[at + 1];
    return RC_OK;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------- */

static enum rc_status drop_dead(struct rc_memory_disk *disk, rc_us now, struct rc_error *err)
{
    uint32_t at = 0;
    while (at < disk->ntokens && !rc_token_is_dead(&disk->tokens[at]->token, now)) at++;
    if (at == disk->ntokens)
        return rc_fail(err, RC_LIMIT, "there are %d tokens that work, which is the most", RC_MAX_TOKENS);
    free(disk->tokens[at]);
    for (disk->ntokens--; at < disk->ntokens; at++) disk->tokens[at] = disk->tokens[at + 1];
    return RC_OK;
}

static enum rc_status add_token(struct rc_memory_disk *disk, const struct rc_token *added, rc_us now,
                                struct rc_error *err)
{
    if (added->ns.n && !find_namespace(disk, added->ns)) return no_namespace(added->ns, err);
    for (uint32_t i = 0; i < disk->ntokens; i++)
        if (disk->tokens[i]->token.id == added->id)
            return rc_fail(err, RC_BUG, "there is a token with this id");
    struct mem_token *kept = malloc(sizeof *kept + (size_t)added->subject.n + added->author.n + added->ns.n);
    struct mem_token **all = realloc(disk->tokens, ((size_t)disk->ntokens + 1) * sizeof(struct mem_token *));
    if (all) disk->tokens = all;
    enum rc_status status = kept && all ? RC_OK : nomem(err);
    if (status == RC_OK && disk->ntokens >= RC_MAX_TOKENS) status = drop_dead(disk, now, err);
    if (status != RC_OK) {
        free(kept);
        return status;
    }
    char *at = kept->text;
    kept->token = *added;
    kept->token.subject = mem_put_text(&at, added->subject);
    kept->token.author = mem_put_text(&at, added->author);
    kept->token.ns = mem_put_text(&at, added->ns);
    kept->token.created = now;
    kept->token.revoked = kept->token.used = 0;
    uint32_t i = disk->ntokens++;
    for (; i > 0 && all[i - 1]->token.created == now && all[i - 1]->token.id > added->id; i--)
        all[i] = all[i - 1];
    all[i] = kept;
    return RC_OK;
}

static struct rc_token *find_token(const struct rc_memory_disk *disk, uint64_t id)
{
    for (uint32_t i = 0; i < disk->ntokens; i++)
        if (disk->tokens[i]->token.id == id) return &disk->tokens[i]->token;
    return NULL;
}

static enum rc_status revoke_token(struct rc_memory_disk *disk, uint64_t id, rc_us now, struct rc_error *err)
{
    struct rc_token *token = find_token(disk, id);
    if (!token) return rc_fail(err, RC_NOT_FOUND, "there is no such token");
    if (!token->revoked) token->revoked = now;
    return RC_OK;
}

/* ---- changing ----------------------------------------------------------------------------------------------------- */

static enum rc_status change(struct rc_memory_disk *disk, const struct rc_access_change *wanted, rc_us now,
                             struct rc_error *err)
{
    switch ((enum rc_access_kind)wanted->kind) {
    case RC_ACCESS_NAMESPACE_ADD: return add_namespace(disk, &wanted->ns, now, err);
    case RC_ACCESS_NAMESPACE_SET: return set_namespace(disk, &wanted->ns, err);
    case RC_ACCESS_NAMESPACE_REMOVE: return remove_namespace(disk, wanted->ns.name, now, err);
    case RC_ACCESS_TOKEN_ADD: return add_token(disk, &wanted->token, now, err);
    case RC_ACCESS_TOKEN_REVOKE: return revoke_token(disk, wanted->token.id, now, err);
    }
    return rc_fail(err, RC_BUG, "there is no change %u of namespaces and tokens", wanted->kind);
}

/* A revocation of what is revoked is no deed. */
static bool is_done(const struct rc_memory_disk *disk, const struct rc_access_change *wanted)
{
    const struct rc_token *token =
        wanted->kind == RC_ACCESS_TOKEN_REVOKE ? find_token(disk, wanted->token.id) : NULL;
    return token && token->revoked;
}

/* The entry of the audit first: it can be taken back. */
static enum rc_status change_and_note(struct rc_memory_disk *disk, const struct rc_access_change *wanted,
                                      rc_us now, struct rc_error *err)
{
    struct mem_audits audits = {0};
    struct rc_audit entry = {0};
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    if (!arena) return nomem(err);
    enum rc_status status = is_done(disk, wanted) ? RC_OK : rc_audit_of_access(wanted, arena, &entry, err);
    if (status == RC_OK && entry.data.n) status = mem_audit_stage(disk, &audits, &entry, now, err);
    if (status == RC_OK) status = change(disk, wanted, now, err);
    if (status == RC_OK)
        mem_audit_publish(disk, &audits);
    else
        mem_audit_take_back(&audits);
    rc_arena_free(arena);
    return status;
}

enum rc_status mem_access(struct rc_store *base, const struct rc_access_change *wanted, rc_us now,
                          struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    enum rc_status failure;
    if (!mem_begin(store, wanted->kind == RC_ACCESS_TOKEN_REVOKE, &failure, err)) return failure;
    enum rc_status status = change_and_note(store->disk, wanted, now, failure == RC_OK ? err : NULL);
    mem_end(store);
    return failure != RC_OK ? failure : status;
}

enum rc_status mem_tokens_used(struct rc_store *base, const struct rc_token_use *uses, uint32_t n,
                               struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    enum rc_status failure;
    if (!mem_begin(store, false, &failure, err)) return failure;
    for (uint32_t i = 0; i < n; i++) {
        struct rc_token *token = find_token(store->disk, uses[i].id);
        if (token && token->used < uses[i].at) token->used = uses[i].at;
    }
    mem_end(store);
    return failure;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

enum rc_status mem_read_namespaces(struct rc_reader *reader, struct rc_arena *arena,
                                   struct rc_namespace **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    uint32_t n = disk->nnamespaces;
    struct rc_namespace *rows = RC_NEW_ARRAY(arena, struct rc_namespace, n);
    bool fine = rows != NULL;
    for (uint32_t i = 0; i < n && fine; i++) {
        rows[i] = disk->namespaces[i]->ns;
        rows[i].usage = usage_of(disk, rows[i].name);
        rows[i].name = rc_copy_sv(arena, rows[i].name);
        fine = rows[i].name.p != NULL;
    }
    pthread_mutex_unlock(&disk->lock);
    if (!fine) return rc_fail_arena(err, arena);
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_usage(struct rc_reader *reader, struct rc_sv ns, struct rc_usage *ret,
                              struct rc_error *err)
{
    (void)err;
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    *ret = usage_of(disk, ns);
    pthread_mutex_unlock(&disk->lock);
    return RC_OK;
}

enum rc_status mem_read_tokens(struct rc_reader *reader, struct rc_arena *arena, struct rc_token **ret,
                               uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    uint32_t n = disk->ntokens;
    struct rc_token *rows = RC_NEW_ARRAY(arena, struct rc_token, n);
    bool fine = rows != NULL;
    for (uint32_t i = 0; i < n && fine; i++) {
        rows[i] = disk->tokens[i]->token;
        rows[i].subject = rc_copy_sv(arena, rows[i].subject);
        rows[i].author = rc_copy_sv(arena, rows[i].author);
        rows[i].ns = rc_copy_sv(arena, rows[i].ns);
        fine = rows[i].subject.p && rows[i].author.p && rows[i].ns.p;
    }
    pthread_mutex_unlock(&disk->lock);
    if (!fine) return rc_fail_arena(err, arena);
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

bool mem_access_new(struct rc_memory_disk *disk)
{
    return insert_namespace(disk, &(struct rc_namespace){.name = RC_SV("default")}, 0, NULL) == RC_OK;
}

void mem_access_free(struct rc_memory_disk *disk)
{
    for (uint32_t i = 0; i < disk->nnamespaces; i++) free(disk->namespaces[i]);
    for (uint32_t i = 0; i < disk->ntokens; i++) free(disk->tokens[i]);
    free(disk->namespaces);
    free(disk->tokens);
}
