/* Purging from the memory store. What can fail comes first. */
#include "store/memory/disk.h"

#include <stdlib.h>

const struct rc_purged *mem_find_purged(const struct rc_memory_disk *disk, struct rc_h128 key)
{
    const struct rc_purged *newest = NULL;
    for (uint32_t i = 0; i < disk->npurged; i++)
        if (rc_h128_eq(disk->purged[i].key, key) && (!newest || disk->purged[i].seq > newest->seq))
            newest = &disk->purged[i];
    return newest;
}

const struct rc_purged *mem_purged_at(const struct rc_memory_disk *disk, uint64_t seq)
{
    for (uint32_t i = 0; i < disk->npurged; i++)
        if (disk->purged[i].seq == seq) return &disk->purged[i];
    return NULL;
}

static bool may_go(const struct mem_command *command, uint32_t rev)
{
    return command && command->rev == rev && !command->in_flight &&
           rc_store_ended_states() >> command->state & 1;
}

/* Out of the chain of those that share its key's hash, and out of the map where it was the only one. It may be gone already
 * (rc_memory_forget_keys). */
static void forget_key(struct rc_memory_disk *disk, struct mem_command *command)
{
    struct mem_command *head = rc_map_get(&disk->by_key, command->key_hash), **at = &head;
    while (*at && *at != command) at = &(*at)->same_key;
    if (!*at) return;
    *at = command->same_key;
    rc_map_remove(&disk->by_key, command->key_hash);
    /* there is a place for it: one was just given back */
    if (head && rc_map_put(&disk->by_key, command->key_hash, head) != RC_OK) abort();
}

static void drop(struct rc_memory_disk *disk, struct mem_command *command, rc_us now)
{
    uint32_t at = 0;
    while (disk->commands[at] != command) at++;
    memmove(disk->commands + at, disk->commands + at + 1,
            (disk->ncommands - at - 1) * sizeof(struct mem_command *));
    disk->ncommands--;
    disk->purged[disk->npurged++] =
        (struct rc_purged){.seq = command->seq,
                           .nonce = command->nonce,
                           .state = command->state,
                           .generation = command->generation,
                           .changed = command->changed,
                           .at = now,
                           .key = rc_purged_key(command->ns, command->type, command->key)};
    for (uint32_t i = 0; i < disk->naudits; i++) {
        struct rc_audit_entry *entry = &disk->audits[i]->entry;
        if (entry->what.command != command->seq) continue;
        entry->what.data = (struct rc_sv){0};
        memset(entry->salt, 0, sizeof entry->salt);
    }
    for (struct mem_bulk *bulk = disk->bulks; bulk; bulk = bulk->older)
        for (uint32_t i = 0; i < bulk->bulk.total; i++)
            if (bulk->items[i].seq == command->seq)
                bulk->items[i].undoes = bulk->items[i].fault = (struct rc_sv){0};
    mem_signals_of_command_drop(disk, command->seq);
    forget_key(disk, command);
    rc_map_remove(&disk->by_seq, command->seq);
    for (uint32_t i = 0; i < command->rev; i++) free(command->records[i]);
    free(command->records);
    free(command);
}

static enum rc_status stage(struct rc_memory_disk *disk, const struct rc_purge *purge, rc_us now,
                            struct mem_audits *audits, uint32_t *ret_n, struct rc_error *err)
{
    uint64_t first = 0, last = 0;
    for (uint32_t i = 0; i < purge->n; i++) {
        const struct mem_command *command = rc_map_get(&disk->by_seq, purge->commands[i].seq);
        if (!may_go(command, purge->commands[i].rev)) continue;
        if (!(*ret_n)++) first = command->seq;
        last = command->seq;
    }
    if (*ret_n == 0) return RC_OK;
    struct rc_purged *grown = realloc(disk->purged, ((size_t)disk->npurged + *ret_n) * sizeof *grown);
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    if (grown) disk->purged = grown;
    struct rc_audit entry = {0};
    enum rc_status status = grown && arena ? RC_OK : rc_fail(err, RC_NOMEM, "out of memory");
    if (status == RC_OK) status = rc_audit_of_purge(purge, *ret_n, first, last, arena, &entry, err);
    if (status == RC_OK) status = mem_audit_stage(disk, audits, &entry, now, err);
    rc_arena_free(arena);
    return status;
}

enum rc_status mem_purge(struct rc_store *base, const struct rc_purge *purge, rc_us now, uint32_t *ret_n,
                         struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    struct rc_memory_disk *disk = store->disk;
    struct mem_audits audits = {0};
    uint32_t n = 0;
    enum rc_status failure;
    if (!mem_begin(store, true, &failure, err)) return failure;
    enum rc_status status = stage(disk, purge, now, &audits, &n, failure == RC_OK ? err : NULL);
    for (uint32_t i = 0; status == RC_OK && n && i < purge->n; i++) {
        struct mem_command *command = rc_map_get(&disk->by_seq, purge->commands[i].seq);
        if (may_go(command, purge->commands[i].rev)) drop(disk, command, now);
    }
    if (status == RC_OK)
        mem_audit_publish(disk, &audits);
    else
        mem_audit_take_back(&audits);
    mem_end(store);
    if (failure == RC_OK && status == RC_OK) *ret_n = n;
    return failure != RC_OK ? failure : status;
}

enum rc_status mem_read_purged(struct rc_reader *reader, uint64_t seq, struct rc_purged *ret,
                               struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    const struct rc_purged *found = mem_purged_at(disk, seq);
    if (found) *ret = *found;
    pthread_mutex_unlock(&disk->lock);
    return found ? RC_OK : rc_fail(err, RC_NOT_FOUND, "no command %llu was purged", (unsigned long long)seq);
}

static enum rc_status fits(const struct mem_command *command, const struct rc_purge_filter *filter,
                           struct rc_arena *arena, bool *ret, struct rc_error *err)
{
    struct cel_value refs = cel_null();
    *ret = filter->states >> command->state & 1 && (!command->in_flight || filter->unended) &&
           command->changed < filter->changed_before &&
           (!filter->ns.n || rc_sv_eq(filter->ns, command->ns)) &&
           (!filter->type.n || rc_sv_eq(filter->type, command->type));
    if (!*ret || !filter->ref.n) return RC_OK;
    enum rc_status status = rc_store_decode_refs(command->refs, arena, &refs, err);
    *ret = status == RC_OK && rc_store_has_ref(refs, filter->ref, filter->value);
    return status;
}

enum rc_status mem_read_purgeable(struct rc_reader *reader, const struct rc_purge_filter *filter,
                                  uint64_t after, struct rc_arena *arena, uint32_t cap,
                                  struct rc_purge_row **ret, uint32_t *ret_n, uint64_t *ret_next,
                                  struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_purge_row *rows = RC_NEW_ARRAY(arena, struct rc_purge_row, cap);
    if (!rows) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0, i = 0, looks = 0;
    uint64_t next = after;
    pthread_mutex_lock(&disk->lock);
    for (; i < disk->ncommands && n < cap && looks < RC_MAX_LOOK && status == RC_OK; i++) {
        const struct mem_command *command = disk->commands[i];
        bool fit = false;
        if (command->seq <= after) continue;
        looks++;
        next = command->seq;
        status = fits(command, filter, arena, &fit, err);
        if (status != RC_OK || !fit) continue;
        struct rc_sv type = rc_copy_sv(arena, command->type);
        if (!type.p) status = rc_fail_arena(err, arena);
        rows[n++] = (struct rc_purge_row){.seq = command->seq,
                                          .nonce = command->nonce,
                                          .rev = command->rev,
                                          .state = command->state,
                                          .created = command->created,
                                          .changed = command->changed,
                                          .type = type};
    }
    bool end = i == disk->ncommands;
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = rows;
    *ret_n = n;
    *ret_next = end ? 0 : next;
    return RC_OK;
}
