/* Signals: one that comes as a unit, and what the engine shows a mailbox of itself: signals from the store and from this turn, and who
 * listens, from the rows of work and from this turn. What the turn changes is appended to its list, so that dropping a unit is making
 * the list shorter again. */
#include "engine/mail.h"

/* Signals that are older count as forgotten. */
rc_us rc_engine_signals_since(const struct rc_engine *engine, rc_us now)
{
    rc_us age = engine->ports.signal_age ? engine->ports.signal_age
                                         : RC_SECONDS(RC_MAX_SIGNAL_DAYS * UINT64_C(86400));
    return now > age ? now - age : 0;
}

static rc_us kept_since(const struct rc_engine *engine)
{
    return rc_engine_signals_since(engine, engine->turn.now);
}

struct rc_signals rc_mail_batch(const struct rc_engine *engine)
{
    const struct rc_list *list = &engine->turn.signals;
    return (struct rc_signals){
        .signals = list->items, .n = list->n, .since = list->n ? kept_since(engine) : 0};
}

/* The newest form of a signal that this turn has touched; NULL: it has not. */
static const struct rc_signal *in_turn(const struct rc_engine *engine, uint64_t number)
{
    const struct rc_signal *signals = engine->turn.signals.items;
    for (uint32_t i = engine->turn.signals.n; i > 0; i--)
        if (signals[i - 1].number == number) return &signals[i - 1];
    return NULL;
}

/* ---- who listens ---------------------------------------------------------------------------------------------------- */

/* Whether the row is true still, and of this very mailbox. */
static enum rc_status listens(struct rc_engine *engine, const struct rc_work *row,
                              const struct rc_signal *signal, struct rc_mailbox *io_mailbox,
                              struct rc_error *err)
{
    struct rc_hot *hot;
    struct rc_error error = {0};
    enum rc_status status = rc_engine_command(engine, row->seq, &hot, &error);
    if (status == RC_DAMAGED || status == RC_PURGED || status == RC_NOT_FOUND)
        return RC_OK; /* the next one, then */
    if (status != RC_OK) {
        if (err) *err = error;
        return status;
    }
    if (!rc_command_listens(&hot->command, row->node, signal)) return RC_OK;
    io_mailbox->listener = (struct rc_link){row->seq, hot->command.id.nonce};
    io_mailbox->node = row->node;
    return RC_OK;
}

static enum rc_status find_listener(struct rc_engine *engine, const struct rc_signal *signal,
                                    struct rc_mailbox *io_mailbox, struct rc_error *err)
{
    enum { PAGE = 16 };
    struct rc_work rows[PAGE], last, *after = NULL;
    enum rc_status status = RC_OK;
    for (uint32_t n = PAGE; n == PAGE && status == RC_OK && !io_mailbox->listener.seq; after = &last) {
        status =
            rc_read_work(engine->reader, RC_PHASE_WAITING, io_mailbox->id, after, 0, rows, PAGE, &n, err);
        for (uint32_t i = 0; status == RC_OK && i < n && !io_mailbox->listener.seq; i++)
            status = listens(engine, &rows[i], signal, io_mailbox, err);
        if (n) last = rows[n - 1];
    }
    const struct rc_work *now = engine->turn.listens.items;
    for (uint32_t i = 0; status == RC_OK && i < engine->turn.listens.n && !io_mailbox->listener.seq; i++)
        if (now[i].gate == io_mailbox->id) status = listens(engine, &now[i], signal, io_mailbox, err);
    return status;
}

/* ---- what is kept --------------------------------------------------------------------------------------------------- */

static bool is_kept_for(const struct rc_signal *signal, const struct rc_signal *like)
{
    return !signal->taken.seq && rc_sv_eq(signal->ns, like->ns) && rc_sv_eq(signal->name, like->name) &&
           rc_sv_eq(signal->id, like->id);
}

static void count_in(struct rc_mailbox *mailbox, const struct rc_signal *signal)
{
    mailbox->kept++;
    if (!mailbox->oldest || signal->number < mailbox->oldest->number) mailbox->oldest = signal;
}

/* Of those that are stored at most `most` are looked for: the oldest one, or whether there is room for another one. */
static enum rc_status find_kept(struct rc_engine *engine, const struct rc_signal *like, uint32_t most,
                                struct rc_mailbox *io_mailbox, struct rc_error *err)
{
    uint64_t after = 0;
    for (uint32_t n = most; n == most && io_mailbox->kept < most;) {
        struct rc_signal *stored = NULL;
        enum rc_status status = rc_read_signals(engine->reader, io_mailbox->id, kept_since(engine), after,
                                                engine->turn.arena, most, &stored, &n, err);
        if (status != RC_OK) return status;
        for (uint32_t i = 0; i < n; i++) {
            after = stored[i].number;
            if (!in_turn(engine, after) && is_kept_for(&stored[i], like)) count_in(io_mailbox, &stored[i]);
        }
    }
    const struct rc_signal *now = engine->turn.signals.items;
    for (uint32_t i = 0; i < engine->turn.signals.n; i++)
        if (is_kept_for(&now[i], like) && in_turn(engine, now[i].number) == &now[i])
            count_in(io_mailbox, &now[i]);
    return RC_OK;
}

/* What this turn has kept counts, too, also where it has been taken since. */
static enum rc_status check_namespace(struct rc_engine *engine, const struct rc_signal *signal,
                                      struct rc_error *err)
{
    const struct rc_signal *now = engine->turn.signals.items;
    uint32_t n = 0;
    enum rc_status status =
        rc_read_signals_kept(engine->reader, signal->ns, kept_since(engine), RC_MAX_SIGNALS_OF_NS, &n, err);
    if (status != RC_OK) return status;
    for (uint32_t i = 0; i < engine->turn.signals.n; i++)
        n += !now[i].taken.seq && now[i].at == engine->turn.now && rc_sv_eq(now[i].ns, signal->ns);
    if (n < RC_MAX_SIGNALS_OF_NS) return RC_OK;
    return rc_fail(
        err, RC_QUOTA,
        "the namespace '%.*s' keeps %d signals that nothing has waited for, which is the most; see "
        "recourse signals",
        RC_SV_ARG(signal->ns), RC_MAX_SIGNALS_OF_NS);
}

/* ---- a message to a mailbox ----------------------------------------------------------------------------------------- */

/* What a step listens for, as if it were a signal. */
static enum rc_status begin_to_listen(struct rc_engine *engine, const struct rc_ask *ask,
                                      struct rc_signal *ret_like, struct rc_link *ret_from,
                                      struct rc_error *err)
{
    struct rc_hot *hot;
    enum rc_status status = rc_engine_command(engine, ask->from.id, &hot, err);
    if (status != RC_OK) return status;
    const struct rc_command *c = &hot->command;
    struct rc_work *row = rc_list_add(&engine->turn.listens, engine->turn.arena, sizeof *row);
    if (!row) return rc_fail_arena(err, engine->turn.arena);
    *row =
        (struct rc_work){.phase = RC_PHASE_WAITING, .gate = ask->to.id, .seq = c->id.seq, .node = ask->node};
    *ret_like = (struct rc_signal){.ns = c->id.ns,
                                   .name = rc_node_step(c, ask->node)->wait.signal,
                                   .id = c->data[ask->node].external_id};
    *ret_from = (struct rc_link){c->id.seq, c->id.nonce};
    return RC_OK;
}

static enum rc_status keep(struct rc_engine *engine, const struct rc_signal *signal, struct rc_error *err)
{
    if (!signal->number) return RC_OK;
    struct rc_signal *row = rc_list_add(&engine->turn.signals, engine->turn.arena, sizeof *row);
    if (!row) return rc_fail_arena(err, engine->turn.arena);
    *row = *signal;
    return RC_OK;
}

enum rc_status rc_engine_mail(struct rc_engine *engine, const struct rc_ask *ask, struct rc_out *out,
                              struct rc_error *err)
{
    struct rc_mailbox mailbox = {.id = ask->to.id};
    struct rc_signal like = {0}, signal;
    struct rc_link from = {0};
    enum rc_status status = RC_OK;
    if (ask->kind == RC_MSG_SIGNAL)
        status = find_listener(engine, ask->u.signal, &mailbox, err);
    else
        status = begin_to_listen(engine, ask, &like, &from, err);
    if (status == RC_OK && !mailbox.listener.seq)
        status = ask->kind == RC_MSG_SIGNAL
                     ? find_kept(engine, ask->u.signal, RC_MAX_SIGNALS_KEPT, &mailbox, err)
                     : find_kept(engine, &like, 1, &mailbox, err);
    bool is_new = ask->kind == RC_MSG_SIGNAL && ask->from.agg != RC_AGG_COMMAND;
    if (status == RC_OK && is_new && !mailbox.listener.seq)
        status = check_namespace(engine, ask->u.signal, err);
    if (status == RC_OK) status = rc_mailbox_step(&mailbox, ask, from, engine->turn.arena, &signal, out, err);
    return status == RC_OK ? keep(engine, &signal, err) : status;
}

/* ---- a request ------------------------------------------------------------------------------------------------------ */

/* The signal with this key, as it is now; RC_NOT_FOUND. */
static enum rc_status find_same(struct rc_engine *engine, const struct rc_signal *signal,
                                struct rc_signal *ret, struct rc_error *err)
{
    const struct rc_signal *now = engine->turn.signals.items;
    for (uint32_t i = engine->turn.signals.n; i > 0; i--)
        if (rc_sv_eq(now[i - 1].key, signal->key) && rc_sv_eq(now[i - 1].ns, signal->ns)) {
            *ret = now[i - 1];
            return RC_OK;
        }
    return rc_read_signal_key(engine->reader, signal->ns, signal->key, kept_since(engine), engine->turn.arena,
                              ret, err);
}

static bool is_a_namespace(const struct rc_engine *engine, struct rc_sv name)
{
    for (uint32_t i = 0; engine->known && i < engine->known->nnamespaces; i++)
        if (rc_sv_eq(engine->known->namespaces[i].name, name)) return true;
    return false;
}

static enum rc_status may_be_taken_in(const struct rc_engine *engine, const struct rc_signal *signal,
                                      struct rc_error *err)
{
    if (!is_a_namespace(engine, signal->ns))
        return rc_fail(err, RC_NOT_FOUND, "there is no namespace '%.*s'", RC_SV_ARG(signal->ns));
    if (!engine->room)
        return rc_fail(err, RC_FULL,
                       "the disk is full: nothing new is taken on; send the signal again later");
    if (rc_engine_held(engine))
        return rc_fail(
            err, RC_ON_HOLD,
            "the store is held after it was restored: signals are not taken in until a person releases "
            "it (recourse hold show)");
    return RC_OK;
}

void rc_request_signal(struct rc_engine *engine, struct rc_request *request)
{
    struct rc_signal *asked = &request->u.signal.signal, same = {0};
    struct rc_error *err = &request->error;
    asked->taken = (struct rc_link){0};
    request->status = find_same(engine, asked, &same, err);
    request->replayed = request->status == RC_OK;
    if (request->replayed) {
        asked->taken = same.taken;
        asked->at = same.at;
        if (!rc_h128_eq(same.asked, asked->asked))
            request->status =
                rc_fail(err, RC_KEY_CONFLICT, "the key '%.*s' belongs to another signal; nothing was stored",
                        RC_SV_ARG(asked->key));
    }
    if (request->status != RC_NOT_FOUND) return;
    request->status = may_be_taken_in(engine, asked, err);
    if (request->status != RC_OK) return;
    struct rc_ask ask = rc_engine_ask(
        engine, RC_MSG_SIGNAL,
        (struct rc_addr){.agg = RC_AGG_MAILBOX, .id = rc_mailbox_id(asked->ns, asked->name, asked->id)});
    asked->number = engine->next_signal;
    asked->at = engine->turn.now;
    struct rc_signal *signal = rc_copy(engine->turn.arena, asked, sizeof *signal);
    ask.u.signal = signal;
    request->status = signal ? rc_unit_run(engine, &ask, err) : rc_fail_arena(err, engine->turn.arena);
    if (request->status != RC_OK) return;
    engine->next_signal++;
    const struct rc_signal *now = in_turn(engine, asked->number);
    if (now) asked->taken = now->taken;
}

/* What this turn has kept is not in the store yet, and what it has handed over is still kept there. */
void rc_request_signal_end(struct rc_engine *engine, struct rc_request *request)
{
    const struct rc_order order = {.kind = RC_ORDER_SIGNAL,
                                   .signal = request->u.signal_end.number,
                                   .ns = request->u.signal_end.ns,
                                   .by = request->u.signal_end.by};
    if (in_turn(engine, order.signal))
        request->status =
            rc_fail(&request->error, RC_BUSY, "the signal moves in this very moment: ask again");
    else
        request->status = rc_store_order(engine->ports.store, &order, engine->turn.now, &request->error);
}
