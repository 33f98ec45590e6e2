/* Orders in the memory store. */
#include "store/memory/disk.h"

#include <stdlib.h>

enum { DATA_MAX = 64 << 10, PAYLOAD_MAX = 4 << 20 };

/* ---- queues --------------------------------------------------------------------------------------------------------- */

static struct mem_stopped *new_stopped(const struct rc_stopped *from)
{
    size_t n = (size_t)from->queue.n + from->by.subject.n + from->by.actor.n + from->by.reason.n;
    struct mem_stopped *kept = malloc(sizeof *kept + n);
    if (!kept) return NULL;
    char *at = kept->text;
    kept->stopped = *from;
    kept->stopped.queue = mem_put_text(&at, from->queue);
    kept->stopped.by.subject = mem_put_text(&at, from->by.subject);
    kept->stopped.by.actor = mem_put_text(&at, from->by.actor);
    kept->stopped.by.reason = mem_put_text(&at, from->by.reason);
    return kept;
}

/* Where the queue stands, or would. */
static uint32_t place_of(const struct rc_memory_disk *disk, struct rc_sv queue, bool *ret_there)
{
    uint32_t at = 0;
    while (at < disk->nstopped && rc_sv_cmp(disk->stopped[at]->stopped.queue, queue) < 0) at++;
    *ret_there = at < disk->nstopped && rc_sv_eq(disk->stopped[at]->stopped.queue, queue);
    return at;
}

static enum rc_status order_queue(struct rc_memory_disk *disk, const struct rc_order *order, rc_us now,
                                  struct rc_error *err)
{
    bool there;
    uint32_t at = place_of(disk, order->queue, &there);
    if (order->state == RC_QUEUE_OPEN) {
        if (!there) return RC_OK;
        free(disk->stopped[at]);
        disk->nstopped--;
        for (; at < disk->nstopped; at++) disk->stopped[at] = disk->stopped[at + 1];
        return RC_OK;
    }
    if (!there && disk->nstopped >= RC_MAX_STOPPED) return rc_order_full(err);
    struct mem_stopped **all =
        realloc(disk->stopped, ((size_t)disk->nstopped + 1) * sizeof(struct mem_stopped *));
    if (all) disk->stopped = all;
    struct mem_stopped *kept =
        all ? new_stopped(&(struct rc_stopped){order->queue, order->state, now, order->by}) : NULL;
    if (!kept) return rc_fail(err, RC_NOMEM, "out of memory");
    if (there) {
        free(all[at]);
    } else {
        for (uint32_t i = disk->nstopped++; i > at; i--) all[i] = all[i - 1];
    }
    all[at] = kept;
    return RC_OK;
}

/* ---- signals -------------------------------------------------------------------------------------------------------- */

static enum rc_status end_signal(struct rc_memory_disk *disk, const struct rc_signal *kept,
                                 struct rc_arena *arena, struct rc_error *err)
{
    struct rc_signal signal = *kept;
    struct mem_signals staged = {0};
    signal.taken = (struct rc_link){.seq = RC_SIGNAL_DELETED};
    enum rc_status status =
        mem_signals_stage(disk, &(struct rc_signals){.signals = &signal, .n = 1}, &staged, arena, err);
    if (status == RC_OK) mem_signals_publish(disk, &staged, 0);
    return status;
}

/* ---- both ----------------------------------------------------------------------------------------------------------- */

static enum rc_status carry_out(struct rc_memory_disk *disk, const struct rc_order *order, rc_us now,
                                struct rc_arena *arena, struct mem_audits *audits, struct rc_error *err)
{
    const struct rc_signal *signal = NULL;
    struct rc_audit entry = {0};
    if (order->kind == RC_ORDER_SIGNAL) {
        signal = mem_signal_at(disk, order->signal);
        if (!signal || signal->taken.seq || (order->ns.n && !rc_sv_eq(order->ns, signal->ns)))
            return rc_order_no_signal(err);
    }
    /* the entry first: it can be taken back */
    enum rc_status status = rc_audit_of_order(order, signal, arena, &entry, err);
    if (status == RC_OK) status = mem_audit_stage(disk, audits, &entry, now, err);
    if (status != RC_OK) return status;
    return signal ? end_signal(disk, signal, arena, err) : order_queue(disk, order, now, err);
}

enum rc_status mem_order(struct rc_store *base, const struct rc_order *order, rc_us now, struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    struct mem_audits audits = {0};
    enum rc_status failure;
    if (!mem_begin(store, true, &failure, err)) return failure;
    struct rc_error *say = failure == RC_OK ? err : NULL;
    struct rc_arena *arena = rc_arena_new(0, DATA_MAX + PAYLOAD_MAX);
    enum rc_status status = arena ? carry_out(store->disk, order, now, arena, &audits, say)
                                  : rc_fail(say, RC_NOMEM, "out of memory");
    if (status == RC_OK)
        mem_audit_publish(store->disk, &audits);
    else
        mem_audit_take_back(&audits);
    rc_arena_free(arena);
    mem_end(store);
    return failure != RC_OK ? failure : status;
}

enum rc_status mem_read_stopped(struct rc_reader *reader, struct rc_arena *arena, struct rc_stopped **ret,
                                uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    uint32_t n = disk->nstopped;
    struct rc_stopped *rows = RC_NEW_ARRAY(arena, struct rc_stopped, n);
    for (uint32_t i = 0; i < n && rows; i++) {
        rows[i] = disk->stopped[i]->stopped;
        rows[i].queue = rc_copy_sv(arena, rows[i].queue);
        rows[i].by.subject = rc_copy_sv(arena, rows[i].by.subject);
        rows[i].by.actor = rc_copy_sv(arena, rows[i].by.actor);
        rows[i].by.reason = rc_copy_sv(arena, rows[i].by.reason);
    }
    pthread_mutex_unlock(&disk->lock);
    if (rc_arena_status(arena) != RC_OK) return rc_fail_arena(err, arena);
    *ret = rows;
    *ret_n = n;
    return RC_OK;
}

bool mem_stopped_copy(struct rc_memory_disk *disk, const struct rc_memory_disk *from)
{
    disk->stopped = calloc((size_t)from->nstopped + 1, sizeof(struct mem_stopped *));
    for (uint32_t i = 0; disk->stopped && i < from->nstopped; i++) {
        struct mem_stopped *kept = new_stopped(&from->stopped[i]->stopped);
        if (!kept) return false;
        disk->stopped[disk->nstopped++] = kept;
    }
    return disk->stopped != NULL;
}

void mem_stopped_free(struct rc_memory_disk *disk)
{
    for (uint32_t i = 0; i < disk->nstopped; i++) free(disk->stopped[i]);
    free(disk->stopped);
}
