/* The audit of the memory store. */
#include "store/memory/disk.h"

#include <stdlib.h>

static const struct mem_audit *last_of(const struct rc_memory_disk *disk, const struct mem_audits *staged)
{
    if (staged->n) return staged->items[staged->n - 1];
    return disk->naudits ? disk->audits[disk->naudits - 1] : NULL;
}

static enum rc_status make_room(void **array, uint32_t *cap, uint32_t want, struct rc_error *err)
{
    if (want <= *cap) return RC_OK;
    uint32_t more = *cap * 2 > want ? *cap * 2 : want + 4;
    void *grown = realloc(*array, more * sizeof(void *));
    if (!grown) return rc_fail(err, RC_NOMEM, "out of memory");
    *array = grown;
    *cap = more;
    return RC_OK;
}

enum rc_status mem_audit_stage(struct rc_memory_disk *disk, struct mem_audits *staged,
                               const struct rc_audit *what, rc_us now, struct rc_error *err)
{
    void *items = staged->items, *audits = disk->audits;
    enum rc_status status = make_room(&items, &staged->cap, staged->n + 1, err);
    staged->items = items;
    if (status == RC_OK) status = make_room(&audits, &disk->cap_audits, disk->naudits + staged->n + 1, err);
    disk->audits = audits;
    if (status != RC_OK) return status;
    struct mem_audit *kept = malloc(sizeof *kept + what->data.n);
    if (!kept) return rc_fail(err, RC_NOMEM, "out of memory");
    const struct mem_audit *last = last_of(disk, staged);
    status = rc_audit_link(what, disk->naudits + staged->n + 1, now, last ? last->entry.hash : NULL,
                           &kept->entry, err);
    if (status != RC_OK) {
        free(kept);
        return status;
    }
    memcpy(kept->text, what->data.p, what->data.n);
    kept->entry.what.data.p = kept->text;
    staged->items[staged->n++] = kept;
    return RC_OK;
}

void mem_audit_publish(struct rc_memory_disk *disk, struct mem_audits *staged)
{
    for (uint32_t i = 0; i < staged->n; i++) disk->audits[disk->naudits++] = staged->items[i];
    disk->high.audit = disk->naudits;
    free(staged->items);
    *staged = (struct mem_audits){0};
}

void mem_audit_take_back(struct mem_audits *staged)
{
    for (uint32_t i = 0; i < staged->n; i++) free(staged->items[i]);
    free(staged->items);
    *staged = (struct mem_audits){0};
}

static enum rc_status copy_entry(const struct rc_memory_disk *disk, const struct mem_audit *from,
                                 struct rc_arena *arena, struct rc_audit_entry *ret, struct rc_error *err)
{
    const struct mem_command *command = rc_map_get(&disk->by_seq, from->entry.what.command);
    *ret = from->entry;
    const struct rc_purged *purged = mem_purged_at(disk, from->entry.what.command);
    ret->nonce = command ? command->nonce : purged ? purged->nonce : 0;
    ret->purged = purged != NULL;
    if (!from->entry.what.data.p) return RC_OK;
    ret->what.data = rc_copy_sv(arena, from->entry.what.data);
    return ret->what.data.p ? RC_OK : rc_fail_arena(err, arena);
}

enum rc_status mem_read_audit(struct rc_reader *reader, const struct rc_audit_page *page,
                              struct rc_arena *arena, uint32_t cap, struct rc_audit_entry **ret,
                              uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_audit_entry *entries = RC_NEW_ARRAY(arena, struct rc_audit_entry, cap);
    if (!entries) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = 0; i < disk->naudits && n < cap && status == RC_OK; i++) {
        const struct mem_audit *one = disk->audits[page->ascending ? i : disk->naudits - 1 - i];
        uint64_t number = one->entry.number;
        if (page->ascending ? number <= page->after : number >= page->before) continue;
        if (!page->ascending && page->command && one->entry.what.command != page->command) continue;
        status = copy_entry(disk, one, arena, &entries[n++], err);
    }
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = entries;
    *ret_n = n;
    return RC_OK;
}
