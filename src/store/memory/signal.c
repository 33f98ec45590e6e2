/* Signals in memory, in the order of their numbers. */
#include "store/memory/disk.h"

#include <stdlib.h>

struct mem_signal {
    struct rc_signal signal; /* but for its payload; texts stand behind the struct */
    struct rc_sv payload;    /* as text */
    uint64_t mailbox;        /* rc_mailbox_id: a digest, asked of every signal in every search */
    char text[];
};

static struct mem_signal *new_signal(const struct rc_signal *from, struct rc_sv payload)
{
    size_t n = (size_t)from->ns.n + from->name.n + from->id.n + from->key.n + payload.n;
    struct mem_signal *kept = malloc(sizeof *kept + n);
    if (!kept) return NULL;
    char *at = kept->text;
    kept->signal = *from;
    kept->signal.payload = cel_null();
    kept->signal.ns = mem_put_text(&at, from->ns);
    kept->signal.name = mem_put_text(&at, from->name);
    kept->signal.id = mem_put_text(&at, from->id);
    kept->signal.key = mem_put_text(&at, from->key);
    kept->payload = mem_put_text(&at, payload);
    kept->mailbox = rc_mailbox_id(from->ns, from->name, from->id);
    return kept;
}

static enum rc_status stage(const struct rc_signals *signals, struct mem_signals *staged,
                            struct rc_arena *arena, struct rc_error *err)
{
    for (uint32_t i = 0; i < signals->n; i++) {
        struct rc_sv payload = {0};
        rc_arena_reset(arena);
        enum rc_status status = rc_store_encode_signal(&signals->signals[i], arena, &payload, err);
        if (status != RC_OK) return status;
        struct mem_signal *kept = new_signal(&signals->signals[i], payload);
        if (!kept) return rc_fail(err, RC_NOMEM, "out of memory");
        staged->list[staged->n++] = kept;
    }
    return RC_OK;
}

enum rc_status mem_signals_stage(struct rc_memory_disk *disk, const struct rc_signals *signals,
                                 struct mem_signals *ret, struct rc_arena *arena, struct rc_error *err)
{
    if (!signals->n && !signals->since) return RC_OK;
    struct mem_signal **all =
        realloc(disk->signals.list, ((size_t)disk->signals.n + signals->n + 1) * sizeof(struct mem_signal *));
    if (!all) return rc_fail(err, RC_NOMEM, "out of memory");
    disk->signals.list = all;
    ret->list = calloc(signals->n + 1, sizeof(struct mem_signal *));
    if (!ret->list) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = stage(signals, ret, arena, err);
    if (status != RC_OK) mem_signals_free(ret);
    return status;
}

static void put(struct mem_signals *all, struct mem_signal *kept)
{
    uint32_t at = all->n;
    while (at > 0 && all->list[at - 1]->signal.number >= kept->signal.number) at--;
    if (at < all->n && all->list[at]->signal.number == kept->signal.number) {
        free(all->list[at]);
    } else {
        for (uint32_t i = all->n; i > at; i--) all->list[i] = all->list[i - 1];
        all->n++;
    }
    all->list[at] = kept;
}

static void forget(struct mem_signals *all, bool (*goes)(const struct rc_signal *, const void *),
                   const void *context)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n; i++)
        if (goes(&all->list[i]->signal, context))
            free(all->list[i]);
        else
            all->list[n++] = all->list[i];
    all->n = n;
}

static bool is_older(const struct rc_signal *signal, const void *since)
{
    return signal->at < *(const rc_us *)since;
}

static bool is_in(const struct rc_signal *signal, const void *ns)
{
    return rc_sv_eq(signal->ns, *(const struct rc_sv *)ns);
}

void mem_signals_publish(struct rc_memory_disk *disk, struct mem_signals *staged, rc_us since)
{
    for (uint32_t i = 0; i < staged->n; i++) put(&disk->signals, staged->list[i]);
    staged->n = 0;
    mem_signals_free(staged);
    if (since) forget(&disk->signals, is_older, &since);
}

static bool was_taken_by(const struct rc_signal *signal, const void *seq)
{
    return signal->taken.seq == *(const uint64_t *)seq;
}

const struct rc_signal *mem_signal_at(const struct rc_memory_disk *disk, uint64_t number)
{
    for (uint32_t i = 0; i < disk->signals.n; i++)
        if (disk->signals.list[i]->signal.number == number) return &disk->signals.list[i]->signal;
    return NULL;
}

void mem_signals_of_command_drop(struct rc_memory_disk *disk, uint64_t seq)
{
    forget(&disk->signals, was_taken_by, &seq);
}

void mem_signals_of_namespace_drop(struct rc_memory_disk *disk, struct rc_sv ns)
{
    forget(&disk->signals, is_in, &ns);
}

void mem_signals_free(struct mem_signals *signals)
{
    for (uint32_t i = 0; i < signals->n; i++) free(signals->list[i]);
    free(signals->list);
    *signals = (struct mem_signals){0};
}

bool mem_signals_copy(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->signals.list = calloc(from->signals.n + 1, sizeof(struct mem_signal *));
    for (uint32_t i = 0; disk->signals.list && i < from->signals.n; i++) {
        struct mem_signal *kept = new_signal(&from->signals.list[i]->signal, from->signals.list[i]->payload);
        if (!kept) return false;
        disk->signals.list[disk->signals.n++] = kept;
    }
    return disk->signals.list != NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static enum rc_status get(const struct mem_signal *kept, struct rc_arena *arena, struct rc_signal *ret,
                          struct rc_error *err)
{
    *ret = kept->signal;
    struct rc_sv *const texts[] = {&ret->ns, &ret->name, &ret->id, &ret->key};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*texts[i] = rc_copy_sv(arena, *texts[i])).p) return rc_fail_arena(err, arena);
    struct rc_sv payload = rc_copy_sv(arena, kept->payload);
    if (!payload.p) return rc_fail_arena(err, arena);
    return rc_store_decode_signal(payload, arena, &ret->payload, err);
}

enum rc_status mem_read_signal_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv key, rc_us since,
                                   struct rc_arena *arena, struct rc_signal *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    enum rc_status status = RC_NOT_FOUND;
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = disk->signals.n; i > 0 && status == RC_NOT_FOUND; i--) {
        const struct rc_signal *one = &disk->signals.list[i - 1]->signal;
        if (one->at >= since && rc_sv_eq(one->ns, ns) && rc_sv_eq(one->key, key))
            status = get(disk->signals.list[i - 1], arena, ret, err);
    }
    pthread_mutex_unlock(&disk->lock);
    return status == RC_NOT_FOUND ? rc_fail(err, status, "there is no signal with this key") : status;
}

enum rc_status mem_read_signals(struct rc_reader *reader, uint64_t mailbox, rc_us since, uint64_t after,
                                struct rc_arena *arena, uint32_t cap, struct rc_signal **ret, uint32_t *ret_n,
                                struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_signal *signals = RC_NEW_ARRAY(arena, struct rc_signal, cap);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    if (!signals) return rc_fail_arena(err, arena);
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = 0; i < disk->signals.n && n < cap && status == RC_OK; i++) {
        const struct rc_signal *one = &disk->signals.list[i]->signal;
        bool of_it = !one->taken.seq && disk->signals.list[i]->mailbox == mailbox;
        if (one->number <= after || one->at < since || (mailbox && !of_it)) continue;
        status = get(disk->signals.list[i], arena, &signals[n++], err);
    }
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = signals;
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_signal_last(struct rc_reader *reader, uint64_t *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    (void)err;
    pthread_mutex_lock(&disk->lock);
    *ret = disk->signals.n ? disk->signals.list[disk->signals.n - 1]->signal.number : 0;
    pthread_mutex_unlock(&disk->lock);
    return RC_OK;
}

enum rc_status mem_read_signals_kept(struct rc_reader *reader, struct rc_sv ns, rc_us since, uint32_t most,
                                     uint32_t *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    uint32_t n = 0;
    (void)err;
    pthread_mutex_lock(&disk->lock);
    for (uint32_t i = 0; i < disk->signals.n && n < most; i++) {
        const struct rc_signal *one = &disk->signals.list[i]->signal;
        n += !one->taken.seq && one->at >= since && rc_sv_eq(one->ns, ns);
    }
    pthread_mutex_unlock(&disk->lock);
    *ret = n;
    return RC_OK;
}
