/* Schedules of the memory store. */
#include "store/memory/disk.h"

#include <stdlib.h>

enum { DATA_MAX = 64 << 10 };

static struct rc_schedule *find(struct rc_memory_disk *disk, const struct rc_schedule *like)
{
    for (uint32_t i = 0; i < disk->nschedules; i++)
        if (strcmp(disk->schedules[i].flow, like->flow) == 0 && strcmp(disk->schedules[i].id, like->id) == 0)
            return &disk->schedules[i];
    return NULL;
}

enum rc_status mem_schedules_stage(struct rc_memory_disk *disk, const struct rc_batch *batch,
                                   struct mem_audits *audits, struct rc_error *err)
{
    enum rc_status status = RC_OK;
    if (!batch->nschedules) return RC_OK;
    struct rc_schedule *rows =
        realloc(disk->schedules, (disk->nschedules + batch->nschedules) * sizeof *rows);
    if (!rows) return rc_fail(err, RC_NOMEM, "out of memory");
    disk->schedules = rows;
    for (uint32_t i = 0; status == RC_OK && i < batch->nschedules; i++) {
        if (!batch->schedules[i].by) continue;
        struct rc_arena *arena = rc_arena_new(0, DATA_MAX);
        struct rc_audit entry = {0};
        if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
        status = rc_audit_of_schedule(&batch->schedules[i], arena, &entry, err);
        if (status == RC_OK) status = mem_audit_stage(disk, audits, &entry, batch->high_water, err);
        rc_arena_free(arena);
    }
    return status;
}

void mem_schedules_publish(struct rc_memory_disk *disk, const struct rc_batch *batch)
{
    for (uint32_t i = 0; i < batch->nschedules; i++) {
        const struct rc_schedule_write *write = &batch->schedules[i];
        struct rc_schedule *row = find(disk, write->row);
        if (write->gone) {
            if (row) *row = disk->schedules[--disk->nschedules];
            continue;
        }
        if (!row) row = &disk->schedules[disk->nschedules++];
        *row = *write->row;
    }
}

static int by_names(const void *a, const void *b)
{
    const struct rc_schedule *x = a, *y = b;
    int order = strcmp(x->flow, y->flow);
    return order ? order : strcmp(x->id, y->id);
}

enum rc_status mem_read_schedules(struct rc_reader *reader, struct rc_arena *arena, struct rc_schedule **ret,
                                  uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    uint32_t n = disk->nschedules;
    struct rc_schedule *rows = RC_NEW_ARRAY(arena, struct rc_schedule, n);
    if (rows && n) memcpy(rows, disk->schedules, n * sizeof *rows);
    pthread_mutex_unlock(&disk->lock);
    if (!rows) return rc_fail_arena(err, arena);
    qsort(rows, n, sizeof *rows, by_names);
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}
