/* fold(history) = state. */
#include "engine/load.h"

#include "base/limits.h"

enum rc_status rc_fold_one(const struct rc_record *record, struct rc_arena *arena, struct rc_command *command,
                           struct rc_error *err)
{
    if (record->rev != command->rev + 1)
        return rc_fail(err, RC_DAMAGED, "the history of command %llu has no record %u",
                       (unsigned long long)command->id.seq, command->rev + 1);
    for (uint32_t k = 0; k < record->nchanges; k++) {
        struct rc_change change = record->changes[k];
        const struct rc_identity identity = command->id;
        if (change.kind == RC_CHANGE_CREATE) change.u.create = &identity;
        enum rc_status status = rc_command_apply(command, &change, arena, err);
        if (status == RC_BUG && err) err->status = RC_DAMAGED;
        if (status != RC_OK) return status == RC_BUG ? RC_DAMAGED : status;
    }
    command->rev = record->rev;
    command->changed = record->at;
    return RC_OK;
}

enum rc_status rc_fold(const struct rc_record *records, uint32_t n, struct rc_arena *arena,
                       struct rc_command *command, struct rc_error *err)
{
    const uint64_t seq = command->id.seq, flow = command->id.flow;
    for (uint32_t i = 0; i < n; i++) {
        enum rc_status status = rc_fold_one(&records[i], arena, command, err);
        if (status != RC_OK) return status;
    }
    if (n && command->id.flow != flow)
        return rc_fail(err, RC_DAMAGED, "command %llu is not of the version that its history leads to",
                       (unsigned long long)seq);
    return n ? RC_OK : rc_fail(err, RC_DAMAGED, "command %llu has no history", (unsigned long long)seq);
}

static bool has_moved(const struct rc_record *record)
{
    for (uint32_t i = 0; i < record->nchanges; i++)
        if (record->changes[i].kind == RC_CHANGE_MOVE) return true;
    return false;
}

/* The flows of the moves in one record; of the first one also where it began. */
static enum rc_status find_flows(const struct flow_set *set, const struct rc_identity *id,
                                 struct rc_record *record, struct rc_arena *arena,
                                 const struct flow **io_first, struct rc_error *err)
{
    struct rc_change *own = rc_copy(arena, record->changes, record->nchanges * sizeof *own);
    if (!own) return rc_fail_arena(err, arena);
    for (uint32_t i = 0; i < record->nchanges; i++) {
        struct rc_move *move = &own[i].u.move;
        if (own[i].kind != RC_CHANGE_MOVE) continue;
        if (!*io_first) *io_first = flow_set_of(set, id->type, move->from);
        move->flow = flow_set_of(set, id->type, move->to);
        if (*io_first && move->flow) continue;
        return rc_fail(
            err, RC_DAMAGED,
            "command %llu has moved from version %u to %u of flow '%.*s', and one of them is missing",
            (unsigned long long)id->seq, move->from, move->to, RC_SV_ARG(id->type));
    }
    record->changes = own;
    return RC_OK;
}

enum rc_status rc_moves_find(const struct flow_set *set, const struct rc_identity *id,
                             struct rc_record *records, uint32_t n, struct rc_arena *arena,
                             const struct flow **ret_first, struct rc_error *err)
{
    const struct flow *first = NULL;
    enum rc_status status = RC_OK;
    for (uint32_t i = 0; status == RC_OK && i < n; i++)
        if (has_moved(&records[i])) status = find_flows(set, id, &records[i], arena, &first, err);
    if (status != RC_OK) return status;
    if (!first) first = flow_set_version(set, id->flow);
    if (!first)
        return rc_fail(err, RC_BUG, "version %llu of flow '%.*s' is not loaded", (unsigned long long)id->flow,
                       RC_SV_ARG(id->type));
    *ret_first = first;
    return RC_OK;
}

enum rc_status rc_load_history(struct rc_reader *reader, const struct flow_set *set, uint64_t seq,
                               struct rc_arena *arena, struct rc_command *ret, struct rc_record **ret_records,
                               uint32_t *ret_n, struct rc_error *err)
{
    *ret = (struct rc_command){0};
    enum rc_status status =
        rc_read_history(reader, seq, 0, RC_MAX_HISTORY, arena, &ret->id, ret_records, ret_n, err);
    return status == RC_OK ? rc_moves_find(set, &ret->id, *ret_records, *ret_n, arena, &ret->flow, err)
                           : status;
}

enum rc_status rc_load_command(struct rc_reader *reader, const struct flow_set *set, uint64_t seq,
                               struct rc_arena *arena, struct rc_command *ret, struct rc_record **ret_records,
                               uint32_t *ret_n, struct rc_error *err)
{
    struct rc_record *records;
    uint32_t n;
    struct rc_command command;
    enum rc_status status = rc_load_history(reader, set, seq, arena, &command, &records, &n, err);
    if (status == RC_OK) status = rc_fold(records, n, arena, &command, err);
    if (status != RC_OK) return status;
    *ret = command;
    if (ret_records) *ret_records = records;
    if (ret_n) *ret_n = n;
    return RC_OK;
}

uint32_t rc_work_rows(const struct rc_command *c, uint32_t at, struct rc_work ret[2])
{
    uint8_t phase = c->node[at].phase;
    const struct rc_times *times = &c->data[at].times;
    if (phase == RC_PHASE_ASKED || phase == RC_PHASE_CHILD)
        phase = times->due ? RC_PHASE_DELAYED : RC_PHASE_NONE;
    if (phase == RC_PHASE_READY || phase == RC_PHASE_DELAYED) {
        ret[0] = rc_work_of(c, at, phase, times->due);
        return 1;
    }
    if (phase != RC_PHASE_WAITING) return 0;
    ret[0] = (struct rc_work){.phase = phase,
                              .gate = rc_command_mailbox(c, at),
                              .order = times->first,
                              .seq = c->id.seq,
                              .node = at};
    if (!times->due) return 1;
    ret[1] = (struct rc_work){.phase = RC_PHASE_DELAYED, .order = times->due, .seq = c->id.seq, .node = at};
    return 2;
}

struct rc_work rc_work_of(const struct rc_command *c, uint32_t at, uint8_t phase, rc_us due)
{
    struct rc_work row = {.phase = phase, .order = due, .seq = c->id.seq, .node = at};
    if (phase == RC_PHASE_READY) row.gate = rc_node_gate(c, at);
    if (phase == RC_PHASE_DELAYED && at == 0 && rc_clock_is_wall(&c->clock, due)) row.gate = RC_CALENDAR;
    return row;
}
