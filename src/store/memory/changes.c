/* The store's whole sequence of changes, found by walking: each command's records ascend, and the earliest of all are kept. */
#include "store/memory/disk.h"

/* The numbers of a command's records ascend: the first one above `after`. */
static uint32_t first_behind(const struct mem_command *command, uint64_t after)
{
    uint32_t low = 0, high = command->rev;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (command->records[middle]->stored.change > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct mem_change {
    const struct mem_command *command;
    uint32_t record;
    uint64_t change;
};

/* Puts one into an ascending array of at most cap, dropping what is beyond; false: there is no place for it. */
static bool keep_earliest(struct mem_change *list, uint32_t *io_n, uint32_t cap, struct mem_change one)
{
    uint32_t at = *io_n;
    while (at > 0 && list[at - 1].change > one.change) at--;
    if (at == cap) return false;
    if (*io_n == cap) --*io_n;
    memmove(list + at + 1, list + at, (*io_n - at) * sizeof *list);
    list[at] = one;
    ++*io_n;
    return true;
}

static enum rc_status news_of(const struct mem_change *change, struct rc_arena *arena, struct rc_news *ret,
                              struct rc_error *err)
{
    const struct mem_command *command = change->command;
    *ret = (struct rc_news){.seq = command->seq,
                            .nonce = command->nonce,
                            .flow = command->flow,
                            .ns = rc_copy_sv(arena, command->ns),
                            .type = rc_copy_sv(arena, command->type),
                            .key = rc_copy_sv(arena, command->key)};
    if (!ret->ns.p || !ret->type.p || !ret->key.p) return rc_fail_arena(err, arena);
    return rc_store_news(&command->records[change->record]->stored, arena, ret, err);
}

enum rc_status mem_read_changes(struct rc_reader *reader, uint64_t after, struct rc_arena *arena,
                                uint32_t cap, struct rc_news **ret, uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_news *news = RC_NEW_ARRAY(arena, struct rc_news, cap);
    struct mem_change *list = RC_NEW_ARRAY(arena, struct mem_change, cap);
    if (!news || !list) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = 0; i < disk->ncommands; i++) {
        const struct mem_command *command = disk->commands[i];
        for (uint32_t k = first_behind(command, after); k < command->rev; k++) {
            struct mem_change one = {command, k, command->records[k]->stored.change};
            if (!keep_earliest(list, &n, cap, one)) break;
        }
    }
    for (uint32_t i = 0; i < n && status == RC_OK; i++) status = news_of(&list[i], arena, &news[i], err);
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = news;
    *ret_n = n;
    return RC_OK;
}
