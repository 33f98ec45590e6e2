/* The engine in its simulated world (world.h). */
#include "sim/world.h"

#include "base/limits.h"
#include "codec/json.h"
#include "defs/defs.h"
#include "exec/kind.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must_be(enum rc_status status, enum rc_status wanted)
{
    if (status != wanted) fprintf(stderr, "%s\n", rc_status_text(status));
    assert(status == wanted);
}

/* Whether the process is dead at this moment, or dies now. */
static bool dies(struct world *world, enum world_moment moment)
{
    if (world->dead || !world->dies_in || --world->dies_in) return world->dead;
    world->died_at = (uint8_t)moment;
    return world->dead = true;
}

/* ---- executor ------------------------------------------------------------------------------------------------------- */

struct notes {
    struct rc_exec exec;
    struct world *world;
};

static enum rc_status note_start(struct rc_exec *exec, const struct rc_start *start)
{
    struct world *world = ((struct notes *)exec)->world;
    if (world->refuse_start) return RC_NOMEM;
    if (dies(world, WORLD_BEFORE_START)) {
        rc_arena_free(start->arena);
        return RC_OK;
    }
    assert(world->nleft < WORLD_EFFECTS);
    world->left[world->nleft] = start->effect;
    world->left[world->nleft].request = cel_null();
    enum rc_status status = world->on_start ? world->on_start(world, world->nleft) : RC_OK;
    if (status != RC_OK) return status;
    world->nleft++;
    rc_arena_free(start->arena);
    (void)dies(world, WORLD_AFTER_START);
    return RC_OK;
}

static void note_close(struct rc_exec *exec)
{
    free(exec);
}

static const struct rc_exec_kind note_kind = {note_start, note_close};

/* ---- ports ---------------------------------------------------------------------------------------------------------- */

static void on_changed(void *context, const struct rc_outline *outline)
{
    struct world *world = context;
    if (world->dead) return;
    if (outline) world->changed = *outline;
    ++*(outline ? &world->nchanged : &world->nany);
}

static void on_reply(void *context, struct rc_request *request)
{
    struct world *world = context;
    *(bool *)request->owner = true;
    if (dies(world, WORLD_BEFORE_REPLY)) return;
    world->replies++;
    if (world->on_reply) world->on_reply(world, request);
    (void)dies(world, WORLD_AFTER_REPLY);
}

static void on_wake(void *context)
{
    (void)context;
}

static struct rc_memory_fate on_write(void *context)
{
    struct world *world = context;
    if (!world->dead && world->on_commit) world->on_commit(world);
    if (dies(world, WORLD_BEFORE_COMMIT)) return (struct rc_memory_fate){.status = RC_COMMIT_UNKNOWN};
    world->now += world->sync_takes;
    (void)dies(world, WORLD_AFTER_COMMIT);
    return (struct rc_memory_fate){RC_OK, true};
}

static enum rc_status open_store(struct world *world, bool can_die, struct rc_store **ret,
                                 struct rc_error *err)
{
    const struct rc_sqlite_options options = {.path = world->path, .reserve = 4096, .index_after = 3};
    if (world->path) return rc_sqlite_open(&options, ret, err);
    enum rc_status status = rc_memory_open(world->disk, ret, err);
    if (status == RC_OK && can_die) rc_memory_on_write(*ret, on_write, world);
    return status;
}

static enum rc_status on_reopen(void *context, struct rc_store *old, struct rc_store **ret,
                                struct rc_error *err)
{
    struct world *world = context;
    if (old) rc_store_close(old);
    world->store = NULL;
    if (dies(world, WORLD_AT_REOPEN)) return rc_fail(err, RC_IO, "the process is dead");
    if (world->shut_reopen) {
        world->shut_reopen--;
        return rc_fail(err, RC_IO, "the simulated store cannot be opened");
    }
    enum rc_status status = open_store(world, true, ret, err);
    world->store = status == RC_OK ? *ret : NULL;
    return status;
}

static struct rc_tick tick(const struct world *world)
{
    return (struct rc_tick){.monotonic = world->now, .wall = world_wall(world), .seed = world->now};
}

static void start(struct world *world)
{
    struct notes *notes = calloc(1, sizeof *notes);
    assert(notes);
    *notes = (struct notes){{&note_kind}, world};
    world->exec = &notes->exec;
    must_be(open_store(world, true, &world->store, &world->err), RC_OK);
    const struct rc_ports ports = {.store = world->store,
                                   .reopen = on_reopen,
                                   .exec = {world->exec},
                                   .reply = on_reply,
                                   .changed = on_changed,
                                   .wake = on_wake,
                                   .context = world,
                                   .suspects = world->suspects,
                                   .hold = world->hold,
                                   .bulk_without_keys = world->without_keys,
                                   .many_messages = world->many_messages};
    enum rc_status status = rc_engine_new(&ports, world->set, tick(world), &world->engine, &world->err);
    if (status != RC_OK) fprintf(stderr, "%s\n", world->err.text);
    must_be(status, RC_OK);
    if (world->on_boot) world->on_boot(world);
}

static void stop(struct world *world)
{
    rc_exec_close(world->exec);
    rc_engine_free(world->engine);
}

/* ---- definitions ---------------------------------------------------------------------------------------------------- */

/* The documents of a text, as rows and as what they mean. */
static struct rc_new_definition *parse(struct rc_sv text, struct rc_arena *arena, uint32_t *ret_n)
{
    static struct defs_errors errors;
    struct defs_file file = {.source = RC_SV("test"), .text = text};
    struct defs_one *found;
    enum rc_status status = defs_parse(file, arena, &found, ret_n, &errors);
    if (status != RC_OK) fprintf(stderr, "%u: %s\n", errors.error[0].line, errors.error[0].text);
    must_be(status, RC_OK);
    struct rc_new_definition *list = RC_NEW_ARRAY(arena, struct rc_new_definition, *ret_n);
    assert(list);
    for (uint32_t i = 0; i < *ret_n; i++)
        list[i] = (struct rc_new_definition){.row = {.kind = (uint8_t)found[i].kind,
                                                     .active = true,
                                                     .name = found[i].name,
                                                     .text = found[i].text,
                                                     .digest = found[i].digest},
                                             .flow = found[i].flow,
                                             .dependency = found[i].dependency};
    return list;
}

static void define(struct world *world, const char *text)
{
    uint32_t n;
    struct rc_new_definition *list = parse(rc_sv_of(text), world->arena, &n);
    struct rc_definition *rows = RC_NEW_ARRAY(world->arena, struct rc_definition, n);
    struct rc_store *store;
    assert(rows);
    for (uint32_t i = 0; i < n; i++) rows[i] = list[i].row;
    must_be(open_store(world, false, &store, &world->err), RC_OK);
    must_be(rc_store_define(store, rows, n, NULL, 0, NULL, 1, &world->err), RC_OK);
    rc_store_close(store);
    for (uint32_t i = 0; i < n; i++)
        if (rows[i].id <= WORLD_VERSIONS) world->parsed[rows[i].id - 1] = &list[i];
}

const struct flow *world_flow(struct world *world, uint64_t id)
{
    struct rc_definition row;
    uint32_t one;
    assert(id && id <= WORLD_VERSIONS);
    if (world->written[id - 1]) return world->written[id - 1];
    if (!world->parse_anew && world->parsed[id - 1]) return world->parsed[id - 1]->flow;
    if (rc_read_definition(rc_store_self(world->store), id, world->arena, &row, &world->err) != RC_OK)
        return NULL;
    struct flow *flow = parse(row.text, world->arena, &one)->flow;
    flow->id = id;
    flow->version = row.version;
    return world->written[id - 1] = flow;
}

/* What the disk says of definitions, as every start reads it. */
static void load_definitions(struct world *world)
{
    struct rc_store *store;
    struct rc_definition *rows;
    uint32_t n, one;
    must_be(open_store(world, false, &store, &world->err), RC_OK);
    must_be(rc_read_definitions(rc_store_self(store), world->arena, &rows, &n, &world->err), RC_OK);
    rc_store_close(store);
    struct rc_new_definition *list = RC_NEW_ARRAY(world->arena, struct rc_new_definition, n);
    assert(list);
    const struct rc_new_definition *parsed[WORLD_VERSIONS];
    memcpy(parsed, world->parsed, sizeof parsed);
    memset(world->parsed, 0, sizeof world->parsed);
    for (uint32_t i = 0; i < n; i++) {
        const struct rc_new_definition *found =
            rows[i].id <= WORLD_VERSIONS && !world->parse_anew ? parsed[rows[i].id - 1] : NULL;
        if (!found || !rc_h128_eq(found->row.digest, rows[i].digest)) /* numbers may be given again */
            found = parse(rows[i].text, world->arena, &one);
        if (rows[i].id <= WORLD_VERSIONS) world->parsed[rows[i].id - 1] = found;
        list[i] = *found;
        list[i].row = rows[i];
    }
    must_be(rc_set_make(list, n, world->arena, &world->set), RC_OK);
}

void world_crash(struct world *world)
{
    stop(world);
    world->dead = false;
    world->dies_in = 0;
    load_definitions(world);
    start(world);
}

void world_replace(struct world *world, struct rc_memory_disk *disk)
{
    world->dead = true; /* nobody is told anything any more */
    stop(world);
    rc_memory_disk_free(world->disk);
    world->disk = disk;
    world->dead = false;
    world->dies_in = 0;
    memset(world->written, 0, sizeof world->written); /* numbers of versions are given again */
    load_definitions(world);
    start(world);
}

struct world *world_open_at(const char *text, const char *path)
{
    struct world *world = calloc(1, sizeof *world);
    assert(world);
    world->path = path;
    world->disk = rc_memory_disk_new();
    world->arena = rc_arena_new(0, 256 << 20);
    world->suspects = calloc(1, sizeof *world->suspects);
    assert(world->disk && world->arena && world->suspects);
    if (text) define(world, text);
    load_definitions(world);
    start(world);
    return world;
}

struct world *world_open(const char *text)
{
    return world_open_at(text, NULL);
}

void world_close(struct world *world)
{
    stop(world);
    rc_memory_disk_free(world->disk);
    rc_arena_free(world->arena);
    free(world->suspects);
    free(world);
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

enum rc_status world_turn(struct world *world)
{
    return rc_engine_turn(world->engine, tick(world), &world->sleep, &world->err);
}

enum rc_status world_run(struct world *world)
{
    enum { ENOUGH = 10000 };
    enum rc_status status = world_turn(world);
    for (unsigned i = 0; world->sleep == 0 && i < ENOUGH; i++) status = world_turn(world);
    assert(world->sleep > 0); /* else it turns for ever */
    return status;
}

void world_later(struct world *world, rc_us span)
{
    world->now += span;
    (void)!world_run(world);
}

/* ---- requests ------------------------------------------------------------------------------------------------------- */

struct answered {
    struct rc_request request;
    bool answered;
};

static struct rc_request *new_request(enum rc_request_kind kind)
{
    struct answered *made = calloc(1, sizeof *made);
    assert(made);
    made->request.kind = kind;
    made->request.owner = &made->answered;
    made->request.arena = rc_arena_new(0, 4 << 20);
    assert(made->request.arena);
    return &made->request;
}

struct rc_request *world_submission(struct world *world, const char *type, const char *key,
                                    const char *payload)
{
    return world_submission_in(world, "default", type, key, payload);
}

struct rc_request *world_submission_in(struct world *world, const char *ns, const char *type, const char *key,
                                       const char *payload)
{
    struct rc_request *request = new_request(RC_REQUEST_SUBMIT);
    struct rc_submission in = {.ns = rc_sv_of(ns), .subject = RC_SV("test"), .actor = RC_SV("test")};
    uint32_t n;
    in.type = rc_copy_sv(request->arena, rc_sv_of(type));
    in.key = rc_copy_sv(request->arena, rc_sv_of(key));
    must_be(rc_json_parse(rc_sv_of(payload), request->arena, &in.payload, &world->err), RC_OK);
    must_be(rc_prepare_submit(rc_engine_definitions(world->engine), &in, request->arena, &request->u.submit,
                              &world->err, 1, &n),
            RC_OK);
    return request;
}

struct rc_request *world_action(struct world *world, uint64_t seq, enum rc_action action, const char *key)
{
    return world_action_with(seq, world_read(world, seq).id.nonce, action, key);
}

struct rc_request *world_action_with(uint64_t seq, uint64_t nonce, enum rc_action action, const char *key)
{
    struct rc_request *request = new_request(RC_REQUEST_ACT);
    request->u.act.seq = seq;
    request->u.act.check = (uint32_t)nonce;
    request->u.act.act = (struct rc_act){
        .action = (uint8_t)action, .actor = RC_SV("olga"), .reason = RC_SV("test"), .key = rc_sv_of(key)};
    return request;
}

struct rc_request *world_definition(const char *dependency, const char *text)
{
    struct rc_request *request = new_request(RC_REQUEST_DEFINE);
    if (text) {
        struct rc_sv own = rc_copy_sv(request->arena, rc_sv_of(text));
        request->u.define.added = parse(own, request->arena, &request->u.define.nadded);
        return request;
    }
    struct rc_definition *gone = RC_NEW(request->arena, struct rc_definition);
    assert(gone);
    gone->kind = RC_DEF_DEPENDENCY;
    gone->name = rc_sv_of(dependency);
    request->u.define.removed = gone;
    request->u.define.nremoved = 1;
    return request;
}

struct rc_request *world_order(uint64_t id, uint64_t nonce, enum rc_bulk_state to, bool first)
{
    struct rc_request *request = new_request(RC_REQUEST_BULK);
    request->u.bulk.id = id;
    request->u.bulk.check = (uint32_t)nonce;
    request->u.bulk.order = (struct rc_bulk_order){.to = (uint8_t)to,
                                                   .first = first,
                                                   .subject = RC_SV("token"),
                                                   .actor = RC_SV("olga"),
                                                   .reason = RC_SV("now")};
    return request;
}

struct rc_request *world_bulk(struct world *world, const char *key, struct rc_act act, const uint64_t *seqs,
                              uint32_t n)
{
    struct rc_request *request = world_order(0, 0, RC_BULK_PREVIEW, false);
    struct rc_bulk_item *items = RC_NEW_ARRAY(request->arena, struct rc_bulk_item, n);
    struct rc_bulk *bulk = RC_NEW(request->arena, struct rc_bulk);
    assert(items && bulk);
    for (uint32_t i = 0; i < n; i++) {
        struct rc_command command = world_read(world, seqs[i]);
        items[i] = (struct rc_bulk_item){.n = i + 1,
                                         .seq = seqs[i],
                                         .nonce = command.id.nonce,
                                         .rev = command.rev,
                                         .state = command.state};
        struct rc_out out;
        items[i].allowed = rc_command_would(&command, &act, rc_engine_definitions(world->engine), 1,
                                            request->arena, &out, NULL) == RC_OK;
        bulk->allowed += items[i].allowed;
    }
    bulk->ns = RC_SV("default");
    bulk->key = rc_sv_of(key);
    bulk->act = act;
    bulk->asked = (struct rc_h128){act.action, n};
    bulk->from = RC_SV("null");
    bulk->limit = bulk->total = bulk->count[RC_ITEM_OPEN] = n;
    request->u.bulk.made = bulk;
    request->u.bulk.items = items;
    return request;
}

struct rc_request *world_access(struct rc_access_change change)
{
    struct rc_request *request = new_request(RC_REQUEST_ACCESS);
    request->u.access = change;
    return request;
}

bool world_answered(const struct rc_request *request)
{
    return *(const bool *)request->owner;
}

void world_ask(struct world *world, struct rc_request *request)
{
    must_be(rc_engine_post(world->engine, request), RC_OK);
    assert(!*(bool *)request->owner);
    (void)!world_turn(world);
    assert(*(bool *)request->owner);
}

void world_free_request(struct rc_request *request)
{
    if (request->kind == RC_REQUEST_LEASE) rc_tasks_free(request->u.lease->tasks);
    rc_arena_free(request->arena);
    free(request); /* the first member of struct answered */
}

uint64_t world_submit(struct world *world, const char *type, const char *key)
{
    struct rc_request *request = world_submission(world, type, key, "{\"customer\": 7}");
    world_ask(world, request);
    if (request->status != RC_OK) fprintf(stderr, "%s\n", request->error.text);
    must_be(request->status, RC_OK);
    uint64_t seq = request->command.seq;
    world_free_request(request);
    return seq;
}
