/* The snapshot, and the requests that change what is in it. */
#include "engine/access.h"

#include "engine/prepare.h"
#include "engine/state.h"

#include <stdio.h>

/* at its bounds: 10,000 tokens of about 450 bytes, read twice while arrays grow */
enum { KNOWN_FIRST = 8 << 10, KNOWN_MAX = 32 << 20 };

/* ---- the snapshot ------------------------------------------------------------------------------------------------- */

static enum rc_status fill(struct rc_reader *reader, struct rc_known *known, struct rc_error *err)
{
    struct rc_token *tokens = NULL;
    struct rc_namespace *namespaces = NULL;
    struct rc_hold *holds = NULL;
    enum rc_status status = rc_read_tokens(reader, known->arena, &tokens, &known->ntokens, err);
    if (status == RC_OK)
        status = rc_read_namespaces(reader, known->arena, &namespaces, &known->nnamespaces, err);
    if (status == RC_OK) status = rc_read_holds(reader, known->arena, &holds, &known->nholds, err);
    for (uint32_t i = 0; status == RC_OK && i < known->ntokens; i++)
        if (rc_map_put(&known->by_id, tokens[i].id, &tokens[i]) != RC_OK)
            status = rc_fail(err, RC_NOMEM, "out of memory");
    known->tokens = tokens;
    known->namespaces = namespaces;
    known->holds = holds;
    return status;
}

enum rc_status rc_known_read(struct rc_reader *reader, struct rc_known **ret, struct rc_error *err)
{
    struct rc_arena *arena = rc_arena_new(KNOWN_FIRST, KNOWN_MAX);
    struct rc_known *known = arena ? RC_NEW(arena, struct rc_known) : NULL;
    if (!known) {
        rc_arena_free(arena);
        return rc_fail(err, RC_NOMEM, "out of memory");
    }
    known->arena = arena;
    atomic_init(&known->holders, 1);
    enum rc_status status = fill(reader, known, err);
    if (status == RC_OK)
        *ret = known;
    else
        rc_known_drop(known);
    return status;
}

struct rc_known *rc_known_hold(struct rc_known *known)
{
    atomic_fetch_add_explicit(&known->holders, 1, memory_order_relaxed);
    return known;
}

void rc_known_drop(struct rc_known *known)
{
    if (!known || atomic_fetch_sub_explicit(&known->holders, 1, memory_order_acq_rel) != 1) return;
    rc_map_free(&known->by_id);
    rc_arena_free(known->arena); /* it lives in there itself */
}

const struct rc_token *rc_known_token(const struct rc_known *known, uint64_t id)
{
    return rc_map_get(&known->by_id, id);
}

const struct rc_namespace *rc_known_namespace(const struct rc_known *known, struct rc_sv name)
{
    uint32_t low = 0, high = known->nnamespaces;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = rc_sv_cmp(name, known->namespaces[middle].name);
        if (order == 0) return &known->namespaces[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* For the one thread that reads: it keeps the last one it was given. */
struct rc_known *rc_engine_known(struct rc_engine *engine)
{
    struct rc_known *fresh = atomic_load_explicit(&engine->known_fresh, memory_order_relaxed);
    if (fresh && (fresh = atomic_exchange_explicit(&engine->known_fresh, NULL, memory_order_acquire))) {
        rc_known_drop(engine->known_read);
        engine->known_read = fresh;
    }
    return engine->known_read;
}

enum rc_status rc_engine_know(struct rc_engine *engine, struct rc_error *err)
{
    struct rc_known *known = NULL;
    enum rc_status status = rc_known_read(engine->reader, &known, err);
    if (status != RC_OK) return status;
    rc_known_drop(engine->known);
    engine->known = known;
    /* one that nobody has fetched yet is not needed any more */
    rc_known_drop(atomic_exchange_explicit(&engine->known_fresh, rc_known_hold(known), memory_order_acq_rel));
    return RC_OK;
}

void rc_engine_know_nothing(struct rc_engine *engine)
{
    rc_known_drop(engine->known);
    rc_known_drop(engine->known_read);
    rc_known_drop(atomic_load(&engine->known_fresh));
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

static enum rc_status complain(struct rc_error *err, const char *pointer, const char *text)
{
    enum rc_status status = rc_fail(err, RC_INVALID, "%s", text);
    if (err) snprintf(err->pointer, sizeof err->pointer, "%s", pointer);
    return status;
}

enum rc_status rc_access_check(const struct rc_access_change *change, struct rc_error *err)
{
    const struct rc_token *token = &change->token;
    bool added = change->kind == RC_ACCESS_NAMESPACE_ADD;
    if (added && !rc_is_name(change->ns.name))
        return complain(err, "/name", "a namespace's name is 1 to 64 letters, digits, '_', '-' and '.'");
    if (change->ns.max_rate > RC_MAX_RATE)
        return complain(err, "/max_rate", "at most 1000000 new commands per second can be counted");
    if (change->kind != RC_ACCESS_TOKEN_ADD) return RC_OK;
    if (!rc_is_label(token->subject, RC_MAX_ACTOR))
        return complain(err, "/subject", "a subject is 1 to 128 bytes of text without control characters");
    return RC_OK;
}

/* What this turn puts into a namespace is not in the store yet. */
static bool is_being_filled(const struct rc_engine *engine, struct rc_sv ns)
{
    const struct rc_touch *touched = engine->turn.touched.items;
    for (uint32_t i = 0; i < engine->turn.touched.n; i++)
        if (touched[i].nodes == NULL && rc_sv_eq(touched[i].hot->command.id.ns, ns)) return true;
    return false;
}

void rc_request_access(struct rc_engine *engine, struct rc_request *request)
{
    const struct rc_access_change *change = &request->u.access;
    struct rc_error *err = &request->error;
    bool removes = change->kind == RC_ACCESS_NAMESPACE_REMOVE;
    request->status = rc_access_check(change, err);
    if (request->status == RC_OK && removes && is_being_filled(engine, change->ns.name))
        request->status = rc_fail(err, RC_IN_USE, "a command is being stored in the namespace '%.*s'",
                                  RC_SV_ARG(change->ns.name));
    if (request->status == RC_OK)
        request->status = rc_store_access(engine->ports.store, change, engine->turn.now, err);
    if (request->status != RC_OK) return;
    if (removes) rc_quotas_forget(engine);
    request->status = rc_engine_know(engine, err);
    /* it is stored, but who asks is still answered by what was known before: nothing is said, and everything is read anew */
    if (request->status != RC_OK)
        request->status = rc_fail(err, RC_COMMIT_UNKNOWN, "it is stored, and memory could not follow");
}

void rc_request_used(struct rc_engine *engine, struct rc_request *request)
{
    request->status =
        rc_store_tokens_used(engine->ports.store, request->u.used.uses, request->u.used.n, &request->error);
}
