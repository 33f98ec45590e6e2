/* A submission as a unit: same key and payload is the same command, another payload is a conflict, a new key is a new command. So is a key
 * that the flow lets be used again: the next generation. */
#include "engine/state.h"

void rc_outline_of(const struct rc_command *c, struct rc_outline *ret)
{
    *ret = (struct rc_outline){.seq = c->id.seq,
                               .nonce = c->id.nonce,
                               .rev = c->rev,
                               .state = c->state,
                               .created = c->id.created,
                               .changed = c->changed};
}

/* The key was used before, last by `hot`. A payload that a person has edited since is the same submission still: the originals are
 * asked, too. */
static void repeat(struct rc_engine *engine, struct rc_request *request, struct rc_hot *hot)
{
    rc_outline_of(&hot->command, &request->command);
    request->replayed = true;
    for (uint32_t i = 0; !rc_h128_eq(hot->command.id.payload_hash, request->u.submit.payload_hash); i++) {
        struct rc_link original = hot->command.id.original;
        enum rc_status status = RC_NOT_FOUND;
        if (original.seq && i < RC_MAX_ORIGINALS)
            status = rc_engine_command(engine, original.seq, &hot, &request->error);
        if (status == RC_NOT_FOUND || status == RC_PURGED) { /* of what was purged nobody knows the payload */
            request->status =
                rc_fail(&request->error, RC_KEY_CONFLICT,
                        "the key '%.*s' belongs to a command with another payload; nothing was stored",
                        RC_SV_ARG(request->u.submit.key));
            return;
        }
        if (status != RC_OK) {
            request->status = status;
            return;
        }
    }
    rc_outline_of(&hot->command, &request->command);
}

struct rc_hot *rc_submit_adopt(struct rc_engine *engine, struct rc_request *request, struct rc_identity *id)
{
    struct rc_hot *hot = RC_NEW(request->arena, struct rc_hot);
    id->seq = engine->next_seq;
    id->created = engine->turn.now;
    if (!hot) return NULL;
    hot->arena = request->arena;
    hot->command.id = *id;
    hot->command.flow = flow_set_version(rc_engine_set(engine), id->flow);
    if (!hot->command.flow || rc_cache_add(&engine->cache, hot) != RC_OK) return NULL;
    if (rc_cache_name(&engine->cache, hot) != RC_OK) {
        rc_cache_take_out(&engine->cache, hot);
        return NULL;
    }
    hot->request = request;
    request->arena = NULL;
    engine->next_seq++;
    return hot;
}

void rc_submit_take_back(struct rc_engine *engine, struct rc_hot *hot)
{
    hot->request->arena = hot->arena;
    engine->next_seq--;
    rc_cache_take_out(&engine->cache, hot);
}

static void create(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_hot *hot = rc_submit_adopt(engine, request, &request->u.submit);
    if (!hot) {
        request->status = rc_fail(&request->error, RC_NOMEM, "out of memory");
        return;
    }
    struct rc_identity *identity = rc_copy(engine->turn.arena, &hot->command.id, sizeof *identity);
    struct rc_ask ask = rc_engine_ask(engine, RC_MSG_SUBMIT,
                                      (struct rc_addr){.agg = RC_AGG_COMMAND, .id = hot->command.id.seq});
    ask.u.submit = identity;
    request->status = identity ? rc_unit_run(engine, &ask, &request->error)
                               : rc_fail_arena(&request->error, engine->turn.arena);
    if (request->status == RC_LANE_FULL) request->command = engine->holder;
    if (request->status != RC_OK) {
        rc_submit_take_back(engine, hot);
        return;
    }
    rc_quota_take(engine, hot->command.id.ns, false, request->bytes);
    rc_outline_of(&hot->command, &request->command);
}

enum rc_status rc_engine_last_of_key(struct rc_engine *engine, const struct rc_identity *id,
                                     struct rc_hot **ret, struct rc_error *err)
{
    struct rc_key_match match;
    *ret = rc_cache_find_key(&engine->cache, id);
    if (*ret) return RC_OK;
    enum rc_status status = rc_read_key(engine->reader, id->ns, id->type, id->key, &match, err);
    if (status == RC_OK) status = rc_engine_command(engine, match.seq, ret, err);
    if (status == RC_OK)
        (void)!rc_cache_name(&engine->cache, *ret); /* without memory it is looked up again */
    return status;
}

/* The last command of the key was purged. RC_NOT_FOUND where its flow lets the key be used again, as it would have if the
 * command were still there; else the key stays spent. */
static enum rc_status after_purged(struct rc_engine *engine, struct rc_identity *id, const struct flow *flow,
                                   struct rc_error *err)
{
    struct rc_key_match match;
    struct rc_purged left = {0};
    enum rc_status status = rc_read_key(engine->reader, id->ns, id->type, id->key, &match, err);
    if (status == RC_OK) status = rc_read_purged(engine->reader, match.seq, &left, err);
    if (status != RC_OK) return status;
    const struct rc_command last = {.state = left.state, .changed = left.changed};
    if (!flow || !rc_command_frees_key(&last, flow, engine->turn.now))
        return rc_fail(
            err, RC_PURGED,
            "the key '%.*s' was used by a command that has been purged; nothing was stored, and nothing ran",
            RC_SV_ARG(id->key));
    id->generation = left.generation + 1;
    return RC_NOT_FOUND;
}

void rc_request_submit(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_identity *id = &request->u.submit;
    struct rc_hot *last = NULL;
    id->generation = 1;
    enum rc_status status = rc_engine_last_of_key(engine, id, &last, &request->error);
    const struct flow *flow = flow_set_version(rc_engine_set(engine), id->flow);
    if (status == RC_PURGED) status = after_purged(engine, id, flow, &request->error);
    if (status != RC_OK && status != RC_NOT_FOUND) {
        request->status = status;
        return;
    }
    if (last && !(flow && rc_command_frees_key(&last->command, flow, engine->turn.now))) {
        repeat(engine, request, last);
        return;
    }
    if (last) id->generation = last->command.id.generation + 1;
    if (!engine->room)
        request->status =
            rc_fail(&request->error, RC_FULL,
                    "the disk is full: no new work is taken on; what is there can be read and settled");
    if (request->status == RC_OK && engine->ports.hold.refuses && rc_engine_held(engine))
        request->status =
            rc_fail(&request->error, RC_ON_HOLD,
                    "the store is held after it was restored: no new work is taken on until a person "
                    "releases it (recourse hold show)");
    if (request->status == RC_OK) request->status = rc_quota_check(engine, id->ns, false, request);
    if (request->status == RC_OK) create(engine, request);
}

void rc_request_notice(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_hot *last = NULL;
    request->u.submit.generation = 1;
    request->status = rc_engine_last_of_key(engine, &request->u.submit, &last, &request->error);
    bool told = request->status == RC_OK || request->status == RC_PURGED;
    if (told || request->status == RC_NOT_FOUND) request->status = RC_OK;
    if (told || request->status != RC_OK) return;
    if (!engine->room)
        request->status = rc_fail(&request->error, RC_FULL, "the disk is full: nobody can be told");
    else
        create(engine, request);
}
