/* What a turn has changed and not committed. Changes are applied at once, in place, and each leaves its inverse behind: dropping a unit, or
 * the whole turn, is putting the inverses back, newest first. When the commit has come through there is nothing to do. */
#include "engine/mail.h"

void *rc_list_add(struct rc_list *list, struct rc_arena *arena, size_t size)
{
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 64;
        char *items = rc_alloc(arena, cap * size);
        if (!items) return NULL;
        if (list->n) memcpy(items, list->items, list->n * size);
        list->items = items;
        list->cap = cap;
    }
    return (char *)list->items + size * list->n++;
}

struct rc_mark rc_overlay_mark(const struct rc_engine *engine)
{
    const struct rc_turn *turn = &engine->turn;
    return (struct rc_mark){turn->undo.n,      turn->records.n, turn->touched.n, turn->effects.n,
                            turn->schedules.n, turn->signals.n, turn->listens.n, engine->nborn};
}

static void undo_one(const struct rc_undo *undo)
{
    if (undo->lane) {
        *undo->lane = *undo->lane_before;
        return;
    }
    if (undo->planner) {
        undo->planner->row = *undo->row;
        undo->planner->fresh = undo->fresh;
        undo->planner->next = 0; /* to be looked at again */
        return;
    }
    if (undo->door) {
        rc_gate_apply(&undo->door->gate, &undo->inverse);
        return;
    }
    if (undo->inverse.kind != RC_CHANGE_CREATE) rc_command_restore(&undo->hot->command, &undo->inverse);
    undo->hot->command.rev = undo->rev;
    undo->hot->command.changed = undo->changed;
}

void rc_overlay_undo(struct rc_engine *engine, struct rc_mark mark)
{
    struct rc_turn *turn = &engine->turn;
    const struct rc_undo *undo = turn->undo.items;
    const struct rc_touch *touched = turn->touched.items;
    while (turn->undo.n > mark.undo) undo_one(&undo[--turn->undo.n]);
    while (turn->touched.n > mark.touched) touched[--turn->touched.n].hot->touched = 0;
    turn->records.n = mark.records;
    turn->effects.n = mark.effects;
    turn->schedules.n = mark.schedules;
    turn->signals.n = mark.signals;
    turn->listens.n = mark.listens;
}

/* ---- commands ------------------------------------------------------------------------------------------------------- */

static enum rc_status nomem(struct rc_engine *engine, struct rc_error *err)
{
    return rc_fail_arena(err, engine->turn.arena);
}

static struct rc_before as_it_waits(const struct rc_command *c, uint32_t at)
{
    struct rc_before before = {.due = c->data[at].times.due, .phase = c->node[at].phase};
    bool other = before.phase == RC_PHASE_ASKED || before.phase == RC_PHASE_CHILD;
    if (other) before.phase = before.due ? RC_PHASE_DELAYED : RC_PHASE_NONE;
    if (before.phase == RC_PHASE_READY) before.gate = rc_node_gate(c, at);
    if (before.phase != RC_PHASE_WAITING) return before;
    before.since = c->data[at].times.first;
    before.mailbox = rc_command_mailbox(c, at);
    return before;
}

/* Notes once a turn how the command was. */
static enum rc_status touch(struct rc_engine *engine, struct rc_hot *hot, bool created, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    if (hot->touched) return RC_OK;
    const struct rc_command *c = &hot->command;
    struct rc_before *nodes = created ? NULL : RC_NEW_ARRAY(turn->arena, struct rc_before, c->nnodes);
    if (!created && !nodes) return nomem(engine, err);
    for (uint32_t i = 0; !created && i < c->nnodes; i++) nodes[i] = as_it_waits(c, i);
    struct rc_touch *touch = rc_list_add(&turn->touched, turn->arena, sizeof *touch);
    if (!touch) return nomem(engine, err);
    *touch = (struct rc_touch){.hot = hot,
                               .nodes = nodes,
                               .nnodes = created ? 0 : c->nnodes,
                               .flow = c->id.flow,
                               .place = created ? (struct rc_place){0} : c->place,
                               .state = created ? (uint8_t)RC_ABSENT : c->state,
                               .why = created ? (uint8_t)RC_WHY_NONE : c->why,
                               .in_flight = !created && rc_command_in_flight(c)};
    hot->touched = turn->touched.n;
    return RC_OK;
}

static enum rc_status note(struct rc_engine *engine, struct rc_undo undo, struct rc_error *err)
{
    struct rc_undo *slot = rc_list_add(&engine->turn.undo, engine->turn.arena, sizeof *slot);
    if (!slot) return nomem(engine, err);
    *slot = undo;
    return RC_OK;
}

/* Takes back no change, but that a record was added. */
static struct rc_undo as_it_is(struct rc_hot *hot)
{
    return (struct rc_undo){.hot = hot,
                            .rev = hot->command.rev,
                            .changed = hot->command.changed,
                            .inverse = {.kind = RC_CHANGE_CREATE}};
}

static enum rc_status apply_one(struct rc_engine *engine, struct rc_hot *hot, const struct rc_change *change,
                                struct rc_error *err)
{
    struct rc_command *c = &hot->command;
    struct rc_undo undo = as_it_is(hot);
    if (change->kind != RC_CHANGE_CREATE) undo.inverse = rc_command_inverse(c, change);
    enum rc_status status = note(engine, undo, err);
    return status == RC_OK ? rc_command_apply(c, change, hot->arena, err) : status;
}

/* What follows from a message within its unit (a place that was free at once) is part of the same event: one record. */
static struct rc_record *same_event(struct rc_turn *turn, uint64_t seq)
{
    struct rc_record *records = turn->records.items;
    for (uint32_t i = turn->records.n; i-- > turn->unit_records;)
        if (records[i].seq == seq) return &records[i];
    return NULL;
}

static enum rc_status extend_record(struct rc_engine *engine, struct rc_record *record,
                                    const struct rc_out *out, struct rc_error *err)
{
    uint32_t n = record->nchanges + out->nchange;
    struct rc_change *all = rc_alloc(engine->turn.arena, n * sizeof *all);
    if (!all) return nomem(engine, err);
    memcpy(all, record->changes, record->nchanges * sizeof *all);
    if (out->nchange) memcpy(all + record->nchanges, out->change, out->nchange * sizeof *all);
    record->changes = all;
    record->nchanges = n;
    return RC_OK;
}

static enum rc_status add_record(struct rc_engine *engine, struct rc_command *c, const struct rc_ask *cause,
                                 const struct rc_out *out, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    struct rc_record *record = rc_list_add(&turn->records, turn->arena, sizeof *record);
    struct rc_ask *own = rc_copy(turn->arena, cause, sizeof *cause);
    if (!record || !own) return nomem(engine, err);
    c->rev++;
    c->changed = turn->now;
    *record = (struct rc_record){.seq = c->id.seq,
                                 .rev = c->rev,
                                 .at = turn->now,
                                 .cause = own,
                                 .changes = out->change,
                                 .nchanges = out->nchange};
    return RC_OK;
}

enum rc_status rc_overlay_apply(struct rc_engine *engine, struct rc_hot *hot, const struct rc_ask *cause,
                                const struct rc_out *out, struct rc_error *err)
{
    /* what a person did is on record, also where it changed nothing; so is a report that came too late */
    bool person = cause->kind == RC_MSG_ACTION && cause->from.agg == 0;
    if (out->nchange == 0 && !person && cause->kind != RC_MSG_LATE) return RC_OK;
    bool created = out->nchange && out->change[0].kind == RC_CHANGE_CREATE;
    enum rc_status status = touch(engine, hot, created, err);
    if (status == RC_OK && out->nchange == 0) status = note(engine, as_it_is(hot), err);
    for (uint32_t i = 0; status == RC_OK && i < out->nchange; i++)
        status = apply_one(engine, hot, &out->change[i], err);
    if (status != RC_OK) return status;
    struct rc_record *record = same_event(&engine->turn, hot->command.id.seq);
    return record ? extend_record(engine, record, out, err)
                  : add_record(engine, &hot->command, cause, out, err);
}

enum rc_status rc_overlay_gate(struct rc_engine *engine, struct rc_door *door, const struct rc_change *change,
                               struct rc_error *err)
{
    struct rc_undo undo = {.door = door, .inverse = {.kind = RC_CHANGE_GATE}};
    undo.inverse.u.gate.in_use = door->gate.in_use;
    undo.inverse.u.gate.backlog = door->gate.backlog;
    undo.inverse.u.gate.closed = door->gate.closed;
    enum rc_status status = note(engine, undo, err);
    if (status == RC_OK) rc_gate_apply(&door->gate, change);
    return status;
}

enum rc_status rc_overlay_lane(struct rc_engine *engine, struct rc_lane *lane, const struct rc_lane *after,
                               struct rc_error *err)
{
    const struct rc_lane *before = rc_copy(engine->turn.arena, lane, sizeof *lane);
    if (!before) return nomem(engine, err);
    enum rc_status status = note(engine, (struct rc_undo){.lane = lane, .lane_before = before}, err);
    if (status == RC_OK) *lane = *after;
    return status;
}

enum rc_status rc_overlay_schedule(struct rc_engine *engine, struct rc_planner *planner,
                                   const struct rc_schedule *after, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    struct rc_schedule *before = rc_copy(turn->arena, &planner->row, sizeof *before);
    if (!before) return nomem(engine, err);
    enum rc_status status =
        note(engine, (struct rc_undo){.planner = planner, .row = before, .fresh = planner->fresh}, err);
    if (status != RC_OK) return status;
    struct rc_schedule_write *write = rc_list_add(&turn->schedules, turn->arena, sizeof *write);
    if (!write) return nomem(engine, err);
    *write = (struct rc_schedule_write){.row = after};
    planner->row = *after;
    planner->fresh = false;
    planner->touched = true;
    planner->next = 0;
    return RC_OK;
}

/* ---- the batch ------------------------------------------------------------------------------------------------------ */

static bool waits(uint8_t phase)
{
    return phase == RC_PHASE_READY || phase == RC_PHASE_DELAYED;
}

/* Where a step waited. A wait for a signal has a second row where its time is limited. */
static struct rc_work row_of(const struct rc_command *c, uint32_t at, const struct rc_before *before)
{
    if (before->phase == RC_PHASE_READY)
        return (struct rc_work){
            .phase = before->phase, .gate = before->gate, .order = before->due, .seq = c->id.seq, .node = at};
    if (before->phase != RC_PHASE_WAITING) return rc_work_of(c, at, before->phase, before->due);
    return (struct rc_work){.phase = before->phase,
                            .gate = before->mailbox,
                            .order = before->since,
                            .seq = c->id.seq,
                            .node = at};
}

static struct rc_work limit_of(const struct rc_command *c, uint32_t at, const struct rc_before *before)
{
    bool limited = before->phase == RC_PHASE_WAITING && before->due;
    return limited ? rc_work_of(c, at, RC_PHASE_DELAYED, before->due) : (struct rc_work){0};
}

static bool has_moved(const struct rc_before *before, const struct rc_before *after)
{
    bool did = waits(before->phase) || before->phase == RC_PHASE_WAITING,
         does = waits(after->phase) || after->phase == RC_PHASE_WAITING;
    if (!did && !does) return false;
    return before->phase != after->phase || before->due != after->due || before->since != after->since ||
           before->mailbox != after->mailbox || before->gate != after->gate;
}

static enum rc_status moves_of(struct rc_engine *engine, const struct rc_touch *touch, struct rc_touched *ret,
                               struct rc_error *err)
{
    const struct rc_command *c = &touch->hot->command;
    struct rc_work_move *moves = NULL;
    uint32_t most = c->nnodes > touch->nnodes ? c->nnodes : touch->nnodes; /* it may have moved */
    for (uint32_t i = 0; i < most; i++) {
        struct rc_before before = touch->nodes && i < touch->nnodes ? touch->nodes[i] : (struct rc_before){0};
        struct rc_before after = i < c->nnodes ? as_it_waits(c, i) : (struct rc_before){0};
        if (!has_moved(&before, &after)) continue;
        if (!moves) moves = RC_NEW_ARRAY(engine->turn.arena, struct rc_work_move, 2 * (size_t)(most - i) + 1);
        if (!moves) return nomem(engine, err);
        moves[ret->nmoves++] = (struct rc_work_move){row_of(c, i, &before), row_of(c, i, &after)};
        struct rc_work_move limit = {limit_of(c, i, &before), limit_of(c, i, &after)};
        if (limit.before.phase || limit.after.phase) moves[ret->nmoves++] = limit;
    }
    struct rc_work_move place = {rc_place_row_of(c, &touch->place), rc_place_row_of(c, &c->place)};
    if (place.before.phase != place.after.phase) {
        if (!moves) moves = RC_NEW_ARRAY(engine->turn.arena, struct rc_work_move, 1);
        if (!moves) return nomem(engine, err);
        moves[ret->nmoves++] = place;
    }
    ret->moves = moves;
    return RC_OK;
}

/* A row may have moved several times in a turn: the last one counts, and each that a person has moved has its entry in the audit. */
static struct rc_schedule_write *last_of_each(struct rc_turn *turn, uint32_t *ret_n)
{
    struct rc_schedule_write *all = turn->schedules.items;
    uint32_t n = 0;
    for (uint32_t i = 0; i < turn->schedules.n; i++) {
        bool again = false;
        for (uint32_t k = i + 1; k < turn->schedules.n && !again && !all[i].by; k++)
            again = strcmp(all[k].row->flow, all[i].row->flow) == 0 &&
                    strcmp(all[k].row->id, all[i].row->id) == 0;
        if (!again) all[n++] = all[i];
    }
    *ret_n = n;
    return all;
}

enum rc_status rc_overlay_batch(struct rc_engine *engine, struct rc_batch *ret, struct rc_error *err)
{
    struct rc_turn *turn = &engine->turn;
    const struct rc_touch *touches = turn->touched.items;
    struct rc_touched *touched = RC_NEW_ARRAY(turn->arena, struct rc_touched, turn->touched.n);
    uint32_t n = 0;
    bool new_work = turn->effects.n > 0;
    uint32_t nschedules = 0;
    struct rc_schedule_write *schedules = last_of_each(turn, &nschedules);
    if (!touched) return nomem(engine, err);
    for (uint32_t i = 0; i < turn->touched.n; i++) {
        const struct rc_touch *touch = &touches[i];
        struct rc_touched *row = &touched[n++];
        new_work |= touch->nodes == NULL;
        *row = (struct rc_touched){
            .command = &touch->hot->command,
            .created = touch->nodes == NULL,
            .state_before = touch->state,
            .flow_before = touch->nodes && touch->flow != touch->hot->command.id.flow ? touch->flow : 0,
            .in_flight_before = touch->in_flight,
            .in_flight = rc_command_in_flight(&touch->hot->command)};
        rc_command_standing(row->command, &row->standing);
        enum rc_status status = moves_of(engine, touch, row, err);
        if (status != RC_OK) return status;
    }
    *ret = (struct rc_batch){.records = turn->records.items,
                             .nrecords = turn->records.n,
                             .touched = touched,
                             .ntouched = n,
                             .high_water = turn->now,
                             .untold = rc_untold_batch(engine),
                             .schedules = schedules,
                             .nschedules = nschedules,
                             .essential = !new_work,
                             .signals = rc_mail_batch(engine),
                             .hold = turn->holds ? &turn->hold : NULL};
    return RC_OK;
}
