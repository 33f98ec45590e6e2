/* Bulks in memory. What can fail comes first: a write is there or not. */
#include "store/memory/disk.h"

#include <stdlib.h>

enum { BULK_FIRST = 4096, BULK_MAX = 64 << 20, EVENTS = RC_MAX_BULK_REVS + 2 };

void mem_bulks_free(struct mem_bulk *bulk)
{
    for (struct mem_bulk *older; bulk; bulk = older) {
        older = bulk->older;
        rc_arena_free(bulk->arena);
        free(bulk);
    }
}

static struct mem_bulk *find(const struct rc_memory_disk *disk, uint64_t id)
{
    struct mem_bulk *bulk = disk->bulks;
    while (bulk && bulk->bulk.id != id) bulk = bulk->older;
    return bulk;
}

static struct mem_bulk *find_key(const struct rc_memory_disk *disk, struct rc_sv ns, struct rc_sv key)
{
    struct mem_bulk *bulk = disk->bulks;
    while (bulk && !(rc_sv_eq(bulk->bulk.ns, ns) && rc_sv_eq(bulk->bulk.key, key))) bulk = bulk->older;
    return bulk;
}

/* ---- copies: sticky, the arena says at the end whether all was copied ------------------------------------------------- */

static void keep(struct rc_arena *arena, struct rc_sv *io_text)
{
    *io_text = io_text->n ? rc_copy_sv(arena, *io_text) : (struct rc_sv){0};
}

static struct rc_bulk_item copy_item(const struct rc_bulk_item *item, struct rc_arena *arena)
{
    struct rc_bulk_item copy = *item;
    keep(arena, &copy.why);
    keep(arena, &copy.undoes);
    keep(arena, &copy.fault);
    return copy;
}

static struct rc_bulk_event copy_event(const struct rc_bulk_event *event, struct rc_arena *arena)
{
    struct rc_bulk_event copy = *event;
    keep(arena, &copy.subject);
    keep(arena, &copy.actor);
    keep(arena, &copy.reason);
    return copy;
}

static enum rc_status copied(struct rc_arena *arena, struct rc_error *err)
{
    return rc_arena_status(arena) == RC_OK ? RC_OK : rc_fail_arena(err, arena);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void forget(struct rc_memory_disk *disk, rc_us before)
{
    for (struct mem_bulk **at = &disk->bulks; *at;) {
        struct mem_bulk *bulk = *at;
        if (bulk->bulk.state != RC_BULK_PREVIEW || bulk->bulk.expires >= before) {
            at = &bulk->older;
            continue;
        }
        *at = bulk->older;
        bulk->older = NULL;
        mem_bulks_free(bulk);
    }
}

static enum rc_status fill(struct mem_bulk *bulk, const struct rc_bulk_write *what, struct rc_error *err)
{
    struct rc_arena *arena = bulk->arena;
    bulk->bulk = *what->bulk;
    keep(arena, &bulk->bulk.ns);
    keep(arena, &bulk->bulk.key);
    keep(arena, &bulk->bulk.from);
    bulk->items = RC_NEW_ARRAY(arena, struct rc_bulk_item, what->nitems);
    bulk->events = RC_NEW_ARRAY(arena, struct rc_bulk_event, EVENTS);
    if (!bulk->items || !bulk->events) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < what->nitems; i++) bulk->items[i] = copy_item(&what->items[i], arena);
    bulk->events[bulk->nevents++] = copy_event(what->event, arena);
    enum rc_status status = copied(arena, err);
    return status == RC_OK ? rc_store_encode_act(&what->bulk->act, arena, &bulk->act, err) : status;
}

static enum rc_status make(struct rc_memory_disk *disk, const struct rc_bulk_write *what, uint64_t *io_id,
                           struct rc_error *err)
{
    if (find_key(disk, what->bulk->ns, what->bulk->key)) return rc_fail(err, RC_BUG, "the key is taken");
    struct mem_bulk *bulk = calloc(1, sizeof *bulk);
    if (!bulk) return rc_fail(err, RC_NOMEM, "out of memory");
    bulk->arena = rc_arena_new(BULK_FIRST, BULK_MAX);
    enum rc_status status = bulk->arena ? fill(bulk, what, err) : rc_fail(err, RC_NOMEM, "out of memory");
    if (status != RC_OK) {
        mem_bulks_free(bulk);
        return status;
    }
    if (what->forget_before) forget(disk, what->forget_before);
    *io_id = bulk->bulk.id = ++disk->nbulks;
    bulk->older = disk->bulks;
    disk->bulks = bulk;
    return RC_OK;
}

static enum rc_status change(struct mem_bulk *bulk, const struct rc_bulk_write *what, struct rc_error *err)
{
    struct rc_sv faults[RC_MAX_BULK], act;
    struct rc_bulk_event event = {0};
    if (!bulk) return rc_fail(err, RC_BUG, "the bulk is not there");
    if (what->event && bulk->nevents == EVENTS) return rc_fail(err, RC_BUG, "the bulk changed too often");
    for (uint32_t i = 0; i < what->nitems; i++) {
        faults[i] = what->items[i].fault;
        keep(bulk->arena, &faults[i]);
        if (what->items[i].n > bulk->bulk.total) return rc_fail(err, RC_BUG, "the bulk has no such item");
    }
    if (what->event) event = copy_event(what->event, bulk->arena);
    enum rc_status status = copied(bulk->arena, err);
    if (status == RC_OK) status = rc_store_encode_act(&what->bulk->act, bulk->arena, &act, err);
    if (status != RC_OK) return status;
    struct rc_bulk after = *what->bulk;
    after.ns = bulk->bulk.ns;
    after.key = bulk->bulk.key;
    after.from = bulk->bulk.from;
    bulk->bulk = after;
    bulk->act = act;
    for (uint32_t i = 0; i < what->nitems; i++) {
        struct rc_bulk_item *item = &bulk->items[what->items[i].n - 1];
        item->result = what->items[i].result;
        item->acted = what->items[i].acted;
        item->fault = faults[i];
    }
    if (what->event) bulk->events[bulk->nevents++] = event;
    return RC_OK;
}

/* The entry of the audit first: it can be taken back. */
static enum rc_status write(struct rc_memory_disk *disk, const struct rc_bulk_write *what, uint64_t *io_id,
                            struct rc_error *err)
{
    struct mem_audits audits = {0};
    struct rc_audit entry;
    struct rc_arena *arena = rc_arena_new(0, 1 << 20);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = RC_OK;
    if (rc_bulk_by_person(what)) {
        status = rc_audit_of_bulk(what, arena, &entry, err);
        if (status == RC_OK) status = mem_audit_stage(disk, &audits, &entry, what->event->at, err);
    }
    if (status == RC_OK)
        status = what->made ? make(disk, what, io_id, err) : change(find(disk, *io_id), what, err);
    if (status == RC_OK)
        mem_audit_publish(disk, &audits);
    else
        mem_audit_take_back(&audits);
    rc_arena_free(arena);
    return status;
}

enum rc_status mem_bulk(struct rc_store *base, const struct rc_bulk_write *what, uint64_t *io_id,
                        struct rc_error *err)
{
    struct mem_store *store = mem_store_of(base);
    enum rc_status failure;
    if (!mem_begin(store, !what->made, &failure, err)) return failure;
    enum rc_status status = write(store->disk, what, io_id, failure == RC_OK ? err : NULL);
    mem_end(store);
    return failure != RC_OK ? failure : status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static enum rc_status copy_bulk(const struct mem_bulk *from, struct rc_arena *arena, struct rc_bulk *ret,
                                struct rc_error *err)
{
    *ret = from->bulk;
    ret->count[RC_ITEM_OPEN] = ret->total;
    for (unsigned result = RC_ITEM_DONE; result < RC_ITEM_RESULTS; result++)
        ret->count[RC_ITEM_OPEN] -= ret->count[result];
    keep(arena, &ret->ns);
    keep(arena, &ret->key);
    keep(arena, &ret->from);
    struct rc_sv act = rc_copy_sv(arena, from->act); /* what is read of it stays where it is */
    enum rc_status status = copied(arena, err);
    return status == RC_OK ? rc_store_decode_act(act, arena, &ret->act, err) : status;
}

enum rc_status mem_read_bulk(struct rc_reader *reader, uint64_t id, struct rc_arena *arena,
                             struct rc_bulk *ret, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_bulk copy;
    pthread_mutex_lock(&disk->lock);
    const struct mem_bulk *bulk = find(disk, id);
    enum rc_status status = bulk
                                ? copy_bulk(bulk, arena, &copy, err)
                                : rc_fail(err, RC_NOT_FOUND, "there is no bulk %llu", (unsigned long long)id);
    pthread_mutex_unlock(&disk->lock);
    if (status == RC_OK) *ret = copy;
    return status;
}

enum rc_status mem_read_bulk_key(struct rc_reader *reader, struct rc_sv ns, struct rc_sv key,
                                 uint64_t *ret_id, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    pthread_mutex_lock(&disk->lock);
    const struct mem_bulk *bulk = find_key(disk, ns, key);
    if (bulk) *ret_id = bulk->bulk.id;
    pthread_mutex_unlock(&disk->lock);
    return bulk ? RC_OK : rc_fail(err, RC_NOT_FOUND, "no bulk has this key");
}

enum rc_status mem_read_bulks(struct rc_reader *reader, struct rc_sv ns, uint32_t states, uint64_t before,
                              struct rc_arena *arena, uint32_t cap, struct rc_bulk **ret, uint32_t *ret_n,
                              struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_bulk *bulks = RC_NEW_ARRAY(arena, struct rc_bulk, cap);
    if (!bulks) return rc_fail_arena(err, arena);
    enum rc_status status = RC_OK;
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    for (const struct mem_bulk *bulk = disk->bulks; bulk && n < cap && status == RC_OK; bulk = bulk->older) {
        if (bulk->bulk.id >= before || !(states >> bulk->bulk.state & 1)) continue;
        if (!ns.n || rc_sv_eq(ns, bulk->bulk.ns)) status = copy_bulk(bulk, arena, &bulks[n++], err);
    }
    pthread_mutex_unlock(&disk->lock);
    if (status != RC_OK) return status;
    *ret = bulks;
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_bulk_items(struct rc_reader *reader, uint64_t id, uint32_t results, uint32_t after,
                                   struct rc_arena *arena, uint32_t cap, struct rc_bulk_item **ret,
                                   uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_bulk_item *items = RC_NEW_ARRAY(arena, struct rc_bulk_item, cap);
    if (!items) return rc_fail_arena(err, arena);
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    const struct mem_bulk *bulk = find(disk, id);
    for (uint32_t i = after; bulk && i < bulk->bulk.total && n < cap; i++)
        if (results >> bulk->items[i].result & 1) items[n++] = copy_item(&bulk->items[i], arena);
    pthread_mutex_unlock(&disk->lock);
    enum rc_status status = copied(arena, err);
    if (status != RC_OK) return status;
    *ret = items;
    *ret_n = n;
    return RC_OK;
}

enum rc_status mem_read_bulk_events(struct rc_reader *reader, uint64_t id, uint32_t after,
                                    struct rc_arena *arena, uint32_t cap, struct rc_bulk_event **ret,
                                    uint32_t *ret_n, struct rc_error *err)
{
    struct rc_memory_disk *disk = mem_disk_of(reader);
    struct rc_bulk_event *events = RC_NEW_ARRAY(arena, struct rc_bulk_event, cap);
    if (!events) return rc_fail_arena(err, arena);
    uint32_t n = 0;
    pthread_mutex_lock(&disk->lock);
    const struct mem_bulk *bulk = find(disk, id);
    for (uint32_t i = 0; bulk && i < bulk->nevents && n < cap; i++)
        if (bulk->events[i].rev > after) events[n++] = copy_event(&bulk->events[i], arena);
    pthread_mutex_unlock(&disk->lock);
    enum rc_status status = copied(arena, err);
    if (status != RC_OK) return status;
    *ret = events;
    *ret_n = n;
    return RC_OK;
}
