/* Purging as a request that stands alone: what memory holds of the commands goes first, and what is at work stays. */
#include "engine/state.h"

/* What a command has started goes with it or behind it: before that it may have to be rolled back. Parents have the lower numbers, and so
 * come first. */
static enum rc_status waits_for_parent(struct rc_engine *engine, const struct rc_purge *so_far,
                                       const struct rc_link *parent, bool *io_over, struct rc_error *err)
{
    struct rc_hot *hot;
    if (!parent->seq) return RC_OK;
    for (uint32_t i = 0; i < so_far->n; i++)
        if (so_far->commands[i].seq == parent->seq) return RC_OK;
    enum rc_status status = rc_engine_command(engine, parent->seq, &hot, err);
    if (status == RC_NOMEM || status == RC_IO) return status;
    *io_over = status == RC_PURGED || status == RC_NOT_FOUND;
    return RC_OK;
}

/* Whether the command is over, as the core sees it: nothing is out, nothing waits. Leaves nothing of it in memory then. */
static enum rc_status is_over(struct rc_engine *engine, const struct rc_purge *so_far,
                              const struct rc_purge_one *one, bool *ret_over, struct rc_error *err)
{
    struct rc_hot *hot = NULL;
    *ret_over = false;
    enum rc_status status = rc_engine_command(engine, one->seq, &hot, err);
    if (status == RC_NOMEM || status == RC_IO) return status;
    if (status != RC_OK) return RC_OK; /* gone already, or damaged: a person has to look at that one */
    const struct rc_command *c = &hot->command;
    bool over = !hot->touched && c->rev == one->rev && rc_state_ended(c->state);
    for (uint32_t i = 0; over && i < c->nnodes; i++) over = c->node[i].phase == RC_PHASE_NONE;
    if (over) status = waits_for_parent(engine, so_far, &c->parent.link, &over, err);
    if (status != RC_OK) return status;
    if (over) rc_cache_drop(&engine->cache, hot);
    *ret_over = over;
    return RC_OK;
}

void rc_request_purge(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_error *err = &request->error;
    uint32_t asked = request->u.purge.n;
    struct rc_purge_one *ones = RC_NEW_ARRAY(engine->turn.arena, struct rc_purge_one, asked);
    struct rc_purge purge = {
        .commands = ones, .filter = &request->u.purge.filter, .by = &request->u.purge.by};
    request->status = ones ? RC_OK : rc_fail_arena(err, engine->turn.arena);
    for (uint32_t i = 0; request->status == RC_OK && i < asked; i++) {
        bool over = false;
        request->status = is_over(engine, &purge, &request->u.purge.commands[i], &over, err);
        if (over) ones[purge.n++] = request->u.purge.commands[i];
    }
    request->u.purge.purged = 0;
    if (request->status != RC_OK || purge.n == 0) return;
    request->status =
        rc_store_purge(engine->ports.store, &purge, engine->turn.now, &request->u.purge.purged, err);
}
