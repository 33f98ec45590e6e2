/* A running bulk, wave by wave. Its items are requests like a client's, with a key of their own each: whatever crash comes between an
 * action and the record of its result, the action is found done when it is asked for again. */
#include "engine/state.h"

#include "base/id.h"

#include <stdio.h>

enum { WAVE_US = 1000000, AGAIN_US = 500000 }; /* a wave a second; after trouble that passes */

/* ---- reading a wave ------------------------------------------------------------------------------------------------------ */

static void prepare(const struct rc_engine *engine, struct rc_bulk_run *run, struct rc_wave_item *slot,
                    const struct rc_bulk_item *item)
{
    const struct rc_bulk *bulk = &run->bulk;
    char id[RC_ID_TEXT + 1];
    rc_id_format(rc_id_of(bulk->id, bulk->nonce), id);
    *slot = (struct rc_wave_item){.run = run, .item = *item};
    snprintf(slot->key, sizeof slot->key, RC_BULK_KEY "%s/%u", id, item->n);
    struct rc_act act = bulk->act;
    if (!bulk->even_if_changed) act.expected_rev = item->rev;
    if (!engine->ports.bulk_without_keys) act.key = rc_sv_of(slot->key);
    slot->request = (struct rc_request){
        .kind = RC_REQUEST_ACT,
        .arena = run->texts,
        .u.act = {.seq = item->seq, .check = (uint32_t)item->nonce, .act = act},
        .item = slot,
    };
}

static enum rc_status read_wave(const struct rc_engine *engine, struct rc_bulk_run *run, struct rc_error *err)
{
    struct rc_bulk_item *items = NULL;
    uint32_t n = 0;
    rc_arena_reset(run->texts);
    enum rc_status status = rc_read_bulk_items(engine->reader, run->bulk.id, 0, run->bulk.next, run->texts,
                                               rc_bulk_wave(&run->bulk), &items, &n, err);
    if (status != RC_OK) return status;
    for (uint32_t i = 0; i < n; i++) prepare(engine, run, &run->item[i], &items[i]);
    run->n = n;
    run->open = true;
    run->began = engine->now;
    return RC_OK;
}

/* ---- posting -------------------------------------------------------------------------------------------------------------- */

/* Those that are not settled, in their order, before what was there. */
static void post(struct rc_bulk_run *run, struct rc_request **io_requests)
{
    for (uint32_t i = run->n; i-- > 0;) {
        struct rc_wave_item *slot = &run->item[i];
        if (slot->posted || slot->settled) continue;
        slot->posted = true;
        slot->request.next = *io_requests;
        *io_requests = &slot->request;
    }
}

void rc_waves_post(struct rc_engine *engine, struct rc_request **io_requests)
{
    if (!engine->room || rc_engine_held(engine) || atomic_load(&engine->draining)) return;
    for (unsigned i = 0; i < RC_MAX_BULKS; i++) {
        struct rc_bulk_run *run = engine->bulks[i];
        struct rc_error error;
        if (!run || run->due > engine->now) continue;
        if (!run->open && run->bulk.state == RC_BULK_RUNNING && read_wave(engine, run, &error) != RC_OK) {
            rc_engine_fault(engine, &error);
            run->due = engine->now + AGAIN_US;
        }
        if (run->open) post(run, io_requests);
    }
}

/* ---- results -------------------------------------------------------------------------------------------------------------- */

/* Trouble that passes: nothing is known to have happened, so the item is asked for again. */
static bool passes(enum rc_status status)
{
    return status == RC_NOMEM || status == RC_IO || status == RC_FULL || status == RC_BUSY ||
           status == RC_COMMIT_UNKNOWN || status == RC_STOPPING;
}

static enum rc_item_result result_of(enum rc_status status)
{
    if (status == RC_OK) return RC_ITEM_DONE;
    if (status == RC_STALE) return RC_ITEM_STALE;
    bool own = status == RC_SET_ASIDE || rc_status_http(status) >= 500;
    return own ? RC_ITEM_FAILED : RC_ITEM_REFUSED;
}

void rc_wave_settle(struct rc_engine *engine, struct rc_wave_item *slot)
{
    const struct rc_request *request = &slot->request;
    slot->posted = false;
    if (passes(request->status)) {
        slot->run->due = engine->now + AGAIN_US;
        return;
    }
    slot->settled = true;
    slot->item.result = (uint8_t)result_of(request->status);
    slot->item.acted = engine->now;
    slot->item.fault = request->status == RC_OK ? (struct rc_sv){0} : rc_sv_of(request->error.text);
}

static bool over(const struct rc_bulk_run *run)
{
    for (uint32_t i = 0; i < run->n; i++)
        if (!run->item[i].settled) return false;
    return run->open;
}

static enum rc_status record(struct rc_engine *engine, struct rc_bulk_run *run, struct rc_error *err)
{
    struct rc_bulk_item items[RC_MAX_BULK_RATE];
    struct rc_bulk after;
    struct rc_bulk_event event;
    bool changed = false;
    for (uint32_t i = 0; i < run->n; i++) items[i] = run->item[i].item;
    enum rc_status status =
        rc_bulk_advance(&run->bulk, items, run->n, engine->now, run->texts, &after, &changed, &event, err);
    const struct rc_bulk_write write = {
        .bulk = &after, .items = items, .nitems = run->n, .event = changed ? &event : NULL};
    if (status == RC_OK) status = rc_store_bulk(engine->ports.store, &write, NULL, err);
    if (status == RC_OK) run->bulk = after;
    return status;
}

void rc_waves_record(struct rc_engine *engine)
{
    for (unsigned i = 0; i < RC_MAX_BULKS && engine->booted; i++) {
        struct rc_bulk_run *run = engine->bulks[i];
        struct rc_error error;
        if (run && over(run) && run->due <= engine->now) {
            enum rc_status status = record(engine, run, &error);
            run->open = status != RC_OK;
            run->due = status == RC_OK ? run->began + WAVE_US : engine->now + AGAIN_US;
            if (status == RC_COMMIT_UNKNOWN) engine->booted = false;
            if (status != RC_OK && !passes(status)) rc_engine_fault(engine, &error);
        }
        if (run && !run->open && run->bulk.state != RC_BULK_RUNNING) {
            rc_bulk_run_free(run);
            engine->bulks[i] = NULL;
        }
    }
}

rc_us rc_waves_sleep(const struct rc_engine *engine)
{
    rc_us sleep = UINT64_MAX;
    if (rc_engine_held(engine) || atomic_load(&engine->draining)) return sleep; /* no wave begins any more */
    for (unsigned i = 0; i < RC_MAX_BULKS; i++) {
        const struct rc_bulk_run *run = engine->bulks[i];
        if (!run) continue;
        rc_us left = run->due > engine->now ? run->due - engine->now : 0;
        if (left < sleep) sleep = left;
    }
    return sleep;
}
