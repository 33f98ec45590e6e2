/* Holds in memory, and the mark that a test puts on a disk. */
#include "store/memory/disk.h"

struct rc_origin mem_origin(const struct rc_store *base)
{
    struct rc_memory_disk *disk = ((const struct mem_store *)(const void *)base)->disk;
    pthread_mutex_lock(&disk->lock);
    struct rc_origin mark = disk->mark;
    pthread_mutex_unlock(&disk->lock);
    return mark;
}

void rc_memory_come_from(struct rc_memory_disk *disk, struct rc_origin mark)
{
    pthread_mutex_lock(&disk->lock);
    disk->mark = mark;
    pthread_mutex_unlock(&disk->lock);
}

struct rc_hold *mem_find_hold(struct rc_memory_disk *disk, uint64_t id)
{
    for (uint32_t i = 0; i < disk->nholds; i++)
        if (disk->holds[i].id == id) return &disk->holds[i];
    return NULL;
}

enum rc_status mem_check_hold(struct rc_memory_disk *disk, const struct rc_hold *hold, struct rc_error *err)
{
    if (mem_find_hold(disk, hold->id)) return RC_OK;
    return rc_fail(err, RC_BUG, "there is no hold %llu", (unsigned long long)hold->id);
}

static uint64_t begin(struct rc_memory_disk *disk, const struct rc_hold *hold)
{
    for (uint32_t i = 0; i < disk->nholds; i++)
        if (!disk->holds[i].released) disk->holds[i].released = hold->until;
    if (disk->nholds < RC_MAX_HOLDS) disk->nholds++;
    for (uint32_t i = disk->nholds - 1; i > 0; i--) disk->holds[i] = disk->holds[i - 1];
    disk->holds[0] = *hold;
    disk->mark = (struct rc_origin){0};
    return disk->holds[0].id = ++disk->last_hold;
}

static enum rc_status write(struct rc_memory_disk *disk, const struct rc_hold_write *what, uint64_t *io_id,
                            struct rc_error *err)
{
    struct mem_audits audits = {0};
    struct rc_audit entry = {0};
    struct rc_hold *there = mem_find_hold(disk, what->hold->id);
    if (what->hold->id && !there) return mem_check_hold(disk, what->hold, err);
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = rc_audit_of_hold(what, arena, &entry, err);
    if (status == RC_OK) status = mem_audit_stage(disk, &audits, &entry, what->now, err);
    rc_arena_free(arena);
    if (status != RC_OK) {
        mem_audit_take_back(&audits);
        return status;
    }
    mem_audit_publish(disk, &audits);
    if (there)
        *there = *what->hold;
    else
        *io_id = begin(disk, what->hold);
    if (what->now > disk->high.high_water) disk->high.high_water = what->now;
    return RC_OK;
}

enum rc_status mem_hold(struct rc_store *base, const struct rc_hold_write *what, uint64_t *io_id,
                        struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    enum rc_status failure;
    if (!mem_begin(store, true, &failure, err)) return failure;
    enum rc_status status = write(store->disk, what, io_id, failure == RC_OK ? err : NULL);
    mem_end(store);
    return failure != RC_OK ? failure : status;
}

enum rc_status mem_read_holds(struct rc_reader *reader, struct rc_arena *arena, struct rc_hold **ret,
                              uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    uint32_t n = disk->nholds;
    struct rc_hold *holds = rc_copy(arena, disk->holds, (n + !n) * sizeof *holds);
    pthread_mutex_unlock(&disk->lock);
    if (!holds) return rc_fail_arena(err, arena);
    *ret = holds;
    *ret_n = n;
    return RC_OK;
}
