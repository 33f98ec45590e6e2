/* While a store holds, every command of the old state that was under way is told so, newest first, some in each turn; how far this has
 * come is committed with what it did. Until then its attempts that were out stay out: nobody else settles them. When all are looked
 * through, a person can release the hold, and everything goes on from there. */
#include "engine/state.h"

enum { PAGE = 256 }; /* commands of one turn */

/* ---- looking through ------------------------------------------------------------------------------------------------ */

static bool is_open(const struct rc_command *c, uint32_t at)
{
    return c->node[at].phase == RC_PHASE_OPEN;
}

/* What becomes of its steps now that they are unknown. */
static void count(struct rc_hold *hold, const struct rc_command *c)
{
    hold->commands++;
    for (uint32_t i = 0; i < c->nnodes; i++) {
        const struct rc_node *node = &c->node[i];
        bool unknown = node->state == RC_STEP_UNKNOWN || node->state == RC_STEP_UNDO_UNKNOWN;
        bool waits = node->phase == RC_PHASE_READY || node->phase == RC_PHASE_DELAYED;
        hold->checks += unknown && waits;
        hold->repeats += !unknown && waits;
        hold->reviews += unknown && node->phase == RC_PHASE_NONE && node->why == RC_WHY_RESTORED;
    }
}

/* It waits for a person, and no deadline of its is running that would act on it. */
static bool rests(const struct rc_command *c)
{
    bool live = c->state == RC_PENDING || c->state == RC_RUNNING || c->state == RC_WAITING ||
                c->state == RC_ROLLING_BACK || c->state == RC_CANCELLING;
    return !live && c->node[0].phase != RC_PHASE_DELAYED;
}

static enum rc_status tell(struct rc_engine *engine, uint64_t seq, struct rc_hold *hold, struct rc_error *err)
{
    struct rc_hot *hot;
    uint64_t open = 0;
    struct rc_ask ask =
        rc_engine_ask(engine, RC_MSG_RESTORED, (struct rc_addr){.agg = RC_AGG_COMMAND, .id = seq});
    ask.order = hold->from;
    enum rc_status status = rc_engine_command(engine, seq, &hot, err);
    if (status == RC_OK && rests(&hot->command)) return RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < hot->command.nnodes; i++) open += is_open(&hot->command, i);
    if (status == RC_OK) status = rc_unit_run(engine, &ask, err);
    if (status == RC_OK) status = rc_engine_command(engine, seq, &hot, err);
    if (status != RC_OK) return status;
    hold->attempts += open;
    count(hold, &hot->command);
    return RC_OK;
}

enum rc_status rc_hold_look_through(struct rc_engine *engine, struct rc_error *err)
{
    static const uint32_t open = 1u << RC_PENDING | 1u << RC_RUNNING | 1u << RC_WAITING |
                                 1u << RC_ROLLING_BACK | 1u << RC_CANCELLING | 1u << RC_REVIEW |
                                 1u << RC_FAILED | 1u << RC_REJECTED;
    struct rc_turn *turn = &engine->turn;
    struct rc_hold after = engine->hold;
    struct rc_row *rows = NULL;
    uint32_t n = 0;
    if (!rc_engine_held(engine) || !after.left) return RC_OK;
    const struct rc_filter filter = {.states = open, .before = after.left};
    uint32_t cap = engine->apart ? 1 : PAGE;
    enum rc_status status =
        rc_read_list(engine->reader, &filter, turn->arena, cap, &rows, &n, &after.left, err);
    for (uint32_t i = 0; status == RC_OK && i < n; i++) {
        struct rc_error error;
        enum rc_status told = tell(engine, rows[i].seq, &after, &error);
        if (rc_turn_passes(engine, told)) {
            after.left = rows[i].seq + 1;
            if (i == 0 && err) *err = error;
            if (i == 0) return told;
            break;
        }
        if (told != RC_OK)
            rc_engine_fault(engine, &error); /* it cannot be read: nothing of it can run either */
        turn->nunits++;
    }
    if (status != RC_OK) return status;
    turn->hold = after;
    turn->holds = true;
    return RC_OK;
}

/* ---- releasing ------------------------------------------------------------------------------------------------------ */

static enum rc_status release(struct rc_engine *engine, struct rc_request *request, struct rc_error *err)
{
    struct rc_hold after = engine->hold;
    const struct rc_hold_write write = {.hold = &after, .by = &request->u.hold.by, .now = engine->turn.now};
    after.released = engine->turn.now;
    after.watch = engine->turn.now + request->u.hold.watch;
    enum rc_status status = rc_store_hold(engine->ports.store, &write, NULL, err);
    if (status != RC_OK) return status;
    engine->hold = after;
    request->u.hold.hold = after;
    status = rc_engine_know(engine, err);
    if (status != RC_OK) engine->booted = false; /* it is stored; everything is read anew */
    return status;
}

/* The window that a person has seen is named by its id, which nobody can guess. */
void rc_request_hold(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_error *err = &request->error;
    const struct rc_hold *hold = &engine->hold;
    request->u.hold.hold = *hold;
    if (!hold->id || hold->id != request->u.hold.id || (uint32_t)hold->nonce != request->u.hold.check)
        request->status =
            rc_fail(err, RC_NOT_FOUND, "there is no such window, or a newer one has come: look again");
    else if (hold->released)
        request->replayed = true;
    else if (hold->left)
        request->status =
            rc_fail(err, RC_BUSY, "the commands of the old state are still being looked through");
    else
        request->status = release(engine, request, err);
}
