/* What people ask of bulks: make one, run it, halt it. Each commits by itself. What a running one does stands in wave.c. */
#include "engine/state.h"

#include <stdlib.h>

enum { RUN_FIRST = 4096, RUN_MAX = 4 << 20, WAVE_FIRST = 16 << 10, WAVE_MAX = 64 << 20 };

/* ---- those that run -------------------------------------------------------------------------------------------------- */

void rc_bulk_run_free(struct rc_bulk_run *run)
{
    if (!run) return;
    rc_arena_free(run->arena);
    rc_arena_free(run->texts);
    free(run);
}

void rc_bulks_free(struct rc_engine *engine)
{
    for (unsigned i = 0; i < RC_MAX_BULKS; i++) {
        rc_bulk_run_free(engine->bulks[i]);
        engine->bulks[i] = NULL;
    }
}

enum rc_status rc_bulk_run_new(struct rc_engine *engine, uint64_t id, struct rc_bulk_run **ret,
                               struct rc_error *err)
{
    struct rc_bulk_run *run = calloc(1, sizeof *run);
    if (!run) return rc_fail(err, RC_NOMEM, "out of memory");
    run->arena = rc_arena_new(RUN_FIRST, RUN_MAX);
    run->texts = rc_arena_new(WAVE_FIRST, WAVE_MAX);
    enum rc_status status = run->arena && run->texts
                                ? rc_read_bulk(engine->reader, id, run->arena, &run->bulk, err)
                                : rc_fail(err, RC_NOMEM, "out of memory");
    if (status == RC_OK)
        *ret = run;
    else
        rc_bulk_run_free(run);
    return status;
}

static struct rc_bulk_run *find(const struct rc_engine *engine, uint64_t id)
{
    for (unsigned i = 0; i < RC_MAX_BULKS; i++)
        if (engine->bulks[i] && engine->bulks[i]->bulk.id == id) return engine->bulks[i];
    return NULL;
}

static struct rc_bulk_run **free_place(struct rc_engine *engine)
{
    for (unsigned i = 0; i < RC_MAX_BULKS; i++)
        if (!engine->bulks[i]) return &engine->bulks[i];
    return NULL;
}

/* Takes over what changes while it runs; its texts stay. */
static void follow(struct rc_bulk_run *run, const struct rc_bulk *now)
{
    struct rc_bulk bulk = *now;
    bulk.ns = run->bulk.ns;
    bulk.key = run->bulk.key;
    bulk.from = run->bulk.from;
    bulk.act = run->bulk.act;
    run->bulk = bulk;
}

/* ---- from the store ---------------------------------------------------------------------------------------------------- */

/* After an unknown commit: where the results of a wave were kept, the wave is over. */
static enum rc_status look_again(struct rc_engine *engine, struct rc_bulk_run *run, struct rc_arena *arena,
                                 struct rc_error *err)
{
    struct rc_bulk bulk;
    enum rc_status status = rc_read_bulk(engine->reader, run->bulk.id, arena, &bulk, err);
    if (status != RC_OK) return status;
    if (bulk.next != run->bulk.next || bulk.state == RC_BULK_DONE) run->open = false;
    follow(run, &bulk);
    run->due = engine->now;
    return RC_OK;
}

static enum rc_status read_running(struct rc_engine *engine, struct rc_arena *arena, struct rc_error *err)
{
    struct rc_bulk *bulks = NULL;
    uint32_t n = 0;
    enum rc_status status = rc_read_bulks(engine->reader, (struct rc_sv){0}, 1u << RC_BULK_RUNNING, 0, arena,
                                          RC_MAX_BULKS, &bulks, &n, err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) {
        struct rc_bulk_run **place = free_place(engine);
        if (find(engine, bulks[i].id) || !place) continue;
        status = rc_bulk_run_new(engine, bulks[i].id, place, err);
    }
    return status;
}

enum rc_status rc_bulks_read(struct rc_engine *engine, struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(RUN_FIRST, RC_MAX_BULKS * RUN_MAX);
    if (!arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = RC_OK;
    for (unsigned i = 0; status == RC_OK && i < RC_MAX_BULKS; i++)
        if (engine->bulks[i]) status = look_again(engine, engine->bulks[i], arena, err);
    if (status == RC_OK) status = read_running(engine, arena, err);
    rc_arena_free(arena);
    return status;
}

/* ---- making one -------------------------------------------------------------------------------------------------------- */

static void answer(struct rc_request *request, const struct rc_bulk *bulk)
{
    request->u.bulk.id = bulk->id;
    request->u.bulk.nonce = bulk->nonce;
}

/* RC_NOT_FOUND: the key is free. */
static enum rc_status find_made(struct rc_engine *engine, struct rc_request *request)
{
    const struct rc_bulk *asked = request->u.bulk.made;
    struct rc_error *err = &request->error;
    struct rc_bulk first;
    uint64_t id;
    enum rc_status status = rc_read_bulk_key(engine->reader, asked->ns, asked->key, &id, err);
    if (status == RC_OK) status = rc_read_bulk(engine->reader, id, engine->turn.arena, &first, err);
    if (status != RC_OK) return status;
    answer(request, &first);
    if (!rc_h128_eq(first.asked, asked->asked))
        return rc_fail(err, RC_KEY_CONFLICT,
                       "the key '%.*s' belongs to a bulk that was asked for differently",
                       RC_SV_ARG(asked->key));
    request->replayed = true;
    return RC_OK;
}

static enum rc_status make(struct rc_engine *engine, struct rc_request *request)
{
    const struct rc_bulk_order *by = &request->u.bulk.order;
    struct rc_bulk *bulk = request->u.bulk.made;
    rc_us now = engine->turn.now;
    enum rc_status status = find_made(engine, request);
    if (status != RC_NOT_FOUND) return status;
    bulk->id = 0;
    bulk->nonce = rc_mix(&engine->seed);
    bulk->rev = 1;
    bulk->state = RC_BULK_PREVIEW;
    bulk->created = bulk->changed = now;
    bulk->expires = now + RC_SECONDS(RC_BULK_PREVIEW_S);
    bulk->rate = RC_BULK_RATE;
    bulk->stop_percent = RC_BULK_STOP_PERCENT;
    bulk->act.subject = by->subject;
    bulk->act.actor = by->actor;
    bulk->act.reason = by->reason;
    const struct rc_bulk_event event = {.rev = 1,
                                        .state = RC_BULK_PREVIEW,
                                        .at = now,
                                        .subject = by->subject,
                                        .actor = by->actor,
                                        .reason = by->reason};
    const struct rc_bulk_write write = {
        .bulk = bulk,
        .made = true,
        .items = request->u.bulk.items,
        .nitems = bulk->total,
        .event = &event,
        .forget_before = now > RC_SECONDS(RC_BULK_FORGET_S) ? now - RC_SECONDS(RC_BULK_FORGET_S) : 0};
    uint64_t id = 0;
    status = rc_store_bulk(engine->ports.store, &write, &id, &request->error);
    bulk->id = id;
    if (status == RC_OK) answer(request, bulk);
    return status;
}

/* ---- orders ------------------------------------------------------------------------------------------------------------ */

static enum rc_status obey(struct rc_engine *engine, const struct rc_bulk *bulk, struct rc_request *request,
                           struct rc_bulk *ret)
{
    struct rc_bulk after;
    struct rc_bulk_event event;
    enum rc_status status =
        rc_bulk_obey(bulk, &request->u.bulk.order, engine->turn.now, &after, &event, &request->error);
    const struct rc_bulk_write write = {.bulk = &after, .event = &event};
    if (status == RC_OK) status = rc_store_bulk(engine->ports.store, &write, NULL, &request->error);
    if (status == RC_OK) *ret = after;
    return status;
}

/* Everything that can fail comes before the commit. */
static enum rc_status start(struct rc_engine *engine, const struct rc_bulk *bulk, struct rc_request *request)
{
    struct rc_error *err = &request->error;
    struct rc_bulk_run **place = free_place(engine), *run = NULL;
    struct rc_bulk after;
    enum rc_status status = rc_bulk_run_new(engine, bulk->id, &run, err);
    if (status != RC_OK) return status;
    struct rc_sv subject = rc_copy_sv(run->arena, request->u.bulk.order.subject),
                 actor = rc_copy_sv(run->arena, request->u.bulk.order.actor);
    if (!subject.p || !actor.p) status = rc_fail_arena(err, run->arena);
    if (status == RC_OK && !place)
        status = rc_fail(err, RC_BUSY, "%d bulks run already; that is how many may", RC_MAX_BULKS);
    if (status == RC_OK) status = obey(engine, bulk, request, &after);
    if (status != RC_OK) {
        rc_bulk_run_free(run);
        return status;
    }
    follow(run, &after);
    if (request->u.bulk.order.first) {
        run->bulk.act.subject = subject;
        run->bulk.act.actor = actor;
    }
    run->due = engine->now;
    *place = run;
    return RC_OK;
}

static enum rc_status give_order(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_bulk bulk, after;
    enum rc_status status =
        rc_read_bulk(engine->reader, request->u.bulk.id, engine->turn.arena, &bulk, &request->error);
    if (status == RC_OK && (uint32_t)bulk.nonce != request->u.bulk.check) status = RC_NOT_FOUND;
    if (status == RC_NOT_FOUND) (void)!rc_fail(&request->error, RC_NOT_FOUND, "there is no such bulk");
    if (status != RC_OK) return status;
    answer(request, &bulk);
    struct rc_bulk_run *run = find(engine, bulk.id);
    if (!run && request->u.bulk.order.to == RC_BULK_RUNNING) return start(engine, &bulk, request);
    status = obey(engine, &bulk, request, &after);
    if (status == RC_OK && run) follow(run, &after); /* a wave that is under way ends first */
    return status;
}

void rc_request_bulk(struct rc_engine *engine, struct rc_request *request)
{
    request->status = request->u.bulk.made ? make(engine, request) : give_order(engine, request);
}
