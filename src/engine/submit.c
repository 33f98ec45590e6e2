/* A submission as a unit: same key and payload is the same command, another payload is a conflict, a new key is a new command. */
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

/* The key was used before. */
static void repeat(struct rc_engine *engine, struct rc_request *request, uint64_t seq,
                   struct rc_h128 payload_hash)
{
    struct rc_hot *hot;
    request->status = rc_engine_command(engine, seq, &hot, &request->error);
    if (request->status != RC_OK) return;
    rc_outline_of(&hot->command, &request->command);
    request->replayed = true;
    if (!rc_h128_eq(payload_hash, request->u.submit.payload_hash))
        request->status =
            rc_fail(&request->error, RC_KEY_CONFLICT,
                    "the key '%.*s' belongs to a command with another payload; nothing was stored",
                    RC_SV_ARG(request->u.submit.key));
}

/* Makes the request's memory that of a command. */
static struct rc_hot *adopt(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_identity *id = &request->u.submit;
    struct rc_hot *hot = RC_NEW(request->arena, struct rc_hot);
    id->seq = engine->next_seq;
    id->created = engine->turn.now;
    if (!hot) return NULL;
    hot->arena = request->arena;
    hot->command.id = *id;
    hot->command.flow = flow_set_version(rc_engine_set(engine), id->flow);
    return hot->command.flow && rc_cache_add(&engine->cache, hot) == RC_OK ? hot : NULL;
}

void rc_submit_take_back(struct rc_engine *engine, struct rc_hot *hot)
{
    hot->request->arena = hot->arena;
    rc_cache_take_out(&engine->cache, hot);
}

static void create(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_hot *hot = adopt(engine, request);
    if (!hot) {
        request->status = rc_fail(&request->error, RC_NOMEM, "out of memory");
        return;
    }
    hot->request = request;
    request->arena = NULL;
    struct rc_identity *identity = rc_copy(engine->turn.arena, &hot->command.id, sizeof *identity);
    struct rc_ask ask = rc_engine_ask(engine, RC_MSG_SUBMIT,
                                      (struct rc_addr){.agg = RC_AGG_COMMAND, .id = hot->command.id.seq});
    ask.u.submit = identity;
    request->status = identity ? rc_unit_run(engine, &ask, &request->error)
                               : rc_fail_arena(&request->error, engine->turn.arena);
    if (request->status != RC_OK) {
        rc_submit_take_back(engine, hot);
        return;
    }
    engine->next_seq++;
    rc_outline_of(&hot->command, &request->command);
}

void rc_request_submit(struct rc_engine *engine, struct rc_request *request)
{
    const struct rc_identity *id = &request->u.submit;
    const struct rc_hot *hot = rc_cache_find_key(&engine->cache, id->ns, id->type, id->key);
    struct rc_key_match match;
    if (hot) {
        repeat(engine, request, hot->command.id.seq, hot->command.id.payload_hash);
        return;
    }
    enum rc_status status = rc_read_key(engine->reader, id->ns, id->type, id->key, &match, &request->error);
    if (status == RC_OK)
        repeat(engine, request, match.seq, match.payload_hash);
    else if (status != RC_NOT_FOUND)
        request->status = status;
    else if (!engine->room)
        request->status =
            rc_fail(&request->error, RC_FULL,
                    "the disk is full: no new work is taken on; what is there can be read and settled");
    else
        create(engine, request);
}
