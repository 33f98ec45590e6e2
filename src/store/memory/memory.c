/* Life of the memory store: the disk and its handles. */
#include "store/memory/disk.h"

#include <assert.h>
#include <stdlib.h>

static enum rc_status nothing_to_do(struct rc_store *base, struct rc_error *err)
{
    (void)base;
    (void)err;
    return RC_OK;
}

static enum rc_status open_reader(struct rc_store *base, struct rc_reader **ret, struct rc_error *err)
{
    struct rc_reader *reader = malloc(sizeof *reader);
    if (!reader) return rc_fail(err, RC_NOMEM, "out of memory");
    *reader = (struct rc_reader){.driver = base->driver, .store = base};
    *ret = reader;
    return RC_OK;
}

static void close_reader(struct rc_reader *reader)
{
    free(reader);
}

static void close_store(struct rc_store *base)
{
    struct mem_store *store = mem_store_of(base);
    pthread_mutex_lock(&store->disk->lock);
    store->disk->in_use = false;
    pthread_mutex_unlock(&store->disk->lock);
    free(store);
}

static enum rc_status room(struct rc_store *base, struct rc_error *err)
{
    return mem_store_of(base)->disk->full ? rc_fail(err, RC_FULL, "the simulated disk is full") : RC_OK;
}

static void nothing_follows(struct rc_store *base)
{
    (void)base;
}

static const struct rc_driver driver = {
    .commit = mem_commit,
    .room = room,
    .follow_up = nothing_follows,
    .idle = nothing_to_do,
    .define = mem_define,
    .purge = mem_purge,
    .compact = nothing_to_do,
    .access = mem_access,
    .tokens_used = mem_tokens_used,
    .bulk = mem_bulk,
    .order = mem_order,
    .origin = mem_origin,
    .hold = mem_hold,
    .reader_open = open_reader,
    .reader_close = close_reader,
    .close = close_store,
    .key = mem_read_key,
    .history = mem_read_history,
    .work = mem_read_work,
    .signal_key = mem_read_signal_key,
    .signals = mem_read_signals,
    .signal_last = mem_read_signal_last,
    .signals_kept = mem_read_signals_kept,
    .stopped = mem_read_stopped,
    .work_count = mem_read_work_count,
    .gates = mem_read_gates,
    .schedules = mem_read_schedules,
    .in_flight = mem_read_in_flight,
    .list = mem_read_list,
    .audit = mem_read_audit,
    .row = mem_read_row,
    .purged = mem_read_purged,
    .purgeable = mem_read_purgeable,
    .changes = mem_read_changes,
    .counts = mem_read_counts,
    .definitions = mem_read_definitions,
    .versions = mem_read_versions,
    .definition = mem_read_definition,
    .namespaces = mem_read_namespaces,
    .usage = mem_read_usage,
    .tokens = mem_read_tokens,
    .high = mem_read_high,
    .holds = mem_read_holds,
    .bulk_at = mem_read_bulk,
    .bulk_key = mem_read_bulk_key,
    .bulks = mem_read_bulks,
    .bulk_items = mem_read_bulk_items,
    .bulk_events = mem_read_bulk_events,
};

struct rc_memory_disk *rc_memory_disk_new(void)
{
    struct rc_memory_disk *disk = calloc(1, sizeof *disk);
    if (disk && pthread_mutex_init(&disk->lock, NULL) != 0) {
        free(disk);
        disk = NULL;
    }
    if (disk && !mem_access_new(disk)) {
        rc_memory_disk_free(disk);
        disk = NULL;
    }
    return disk;
}

void rc_memory_disk_free(struct rc_memory_disk *disk)
{
    if (!disk) return;
    assert(!disk->in_use);
    for (uint32_t i = 0; i < disk->ncommands; i++) {
        struct mem_command *command = disk->commands[i];
        for (uint32_t j = 0; j < command->rev; j++) free(command->records[j]);
        free(command->records);
        free(command);
    }
    for (uint32_t i = 0; i < disk->ndefs; i++) free(disk->defs[i]);
    for (uint32_t i = 0; i < disk->naudits; i++) free(disk->audits[i]);
    free(disk->audits);
    mem_bulks_free(disk->bulks);
    free(disk->purged);
    free(disk->schedules);
    mem_stopped_free(disk);
    mem_work_free(disk->work);
    mem_signals_free(&disk->signals);
    mem_access_free(disk);
    rc_map_free(&disk->by_seq);
    rc_map_free(&disk->by_key);
    free(disk->commands);
    free(disk->defs);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}

enum rc_status rc_memory_open(struct rc_memory_disk *disk, struct rc_store **ret, struct rc_error *err)
{
    struct mem_store *store = calloc(1, sizeof *store);
    if (!store) return rc_fail(err, RC_NOMEM, "out of memory");
    store->base.driver = store->self.driver = &driver;
    store->base.self = &store->self;
    store->self.store = &store->base;
    store->disk = disk;
    pthread_mutex_lock(&disk->lock);
    bool taken = disk->in_use;
    disk->in_use = true;
    pthread_mutex_unlock(&disk->lock);
    if (taken) {
        free(store);
        return rc_fail(err, RC_LOCKED, "the memory store is in use by another handle");
    }
    *ret = &store->base;
    return RC_OK;
}

void rc_memory_fail_next(struct rc_store *base, enum rc_status status, bool kept)
{
    assert(base->driver == &driver);
    struct mem_store *store = mem_store_of(base);
    store->fail = status;
    store->kept = kept;
}

void rc_memory_on_write(struct rc_store *base, rc_memory_fate_fn *fate, void *context)
{
    assert(base->driver == &driver);
    struct mem_store *store = mem_store_of(base);
    store->fate = fate;
    store->context = context;
}

void rc_memory_full(struct rc_memory_disk *disk, bool full)
{
    disk->full = full;
}

void rc_memory_forget_keys(struct rc_memory_disk *disk)
{
    rc_map_free(&disk->by_key);
}

/* ---- writes ----------------------------------------------------------------------------------------------------- */

bool mem_begin(struct mem_store *store, bool essential, enum rc_status *ret_failure, struct rc_error *err)
{
    struct rc_memory_fate fate = {store->fail, store->kept};
    if (fate.status == RC_OK && store->fate) fate = store->fate(store->context);
    if (fate.status == RC_OK && store->disk->full && !essential) fate.status = RC_FULL;
    store->fail = RC_OK;
    *ret_failure = fate.status == RC_OK ? RC_OK : rc_fail(err, fate.status, "the simulated disk failed");
    if (fate.status != RC_OK && !(fate.status == RC_COMMIT_UNKNOWN && fate.kept)) return false;
    pthread_mutex_lock(&store->disk->lock);
    return true;
}

void mem_end(struct mem_store *store)
{
    pthread_mutex_unlock(&store->disk->lock);
}
