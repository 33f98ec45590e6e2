/* The attempts of a command, told from its history: an attempt begins with the record that opens the phase and
 * ends with the record of its result or its loss. The history is folded along the way, because what an attempt
 * was for depends on the state it began in. */
#include "codec/view.h"

/* Numbers the attempts that a record opened. */
static uint32_t count_opened(const struct rc_view_record *record)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < record->nchanges; i++)
        n += record->changes[i].kind == RC_CHANGE_NODE &&
             record->changes[i].u.node.node.phase == RC_PHASE_OPEN;
    return n;
}

static struct rc_view_attempt *find_open(struct rc_view_attempt *attempts, uint32_t n, uint32_t node,
                                         uint16_t attempt)
{
    while (n-- > 0)
        if (attempts[n].node == node && attempts[n].attempt == attempt && !attempts[n].ended)
            return &attempts[n];
    return NULL;
}

static enum rc_outcome outcome_of(const struct rc_view_attempt *attempt);

static void end_attempt(struct rc_view_attempt *attempt, const struct rc_command *command,
                        const struct rc_view_record *record)
{
    attempt->ended = record->at;
    attempt->lost = record->cause->kind == RC_MSG_LOST || record->cause->kind == RC_MSG_RESTORED;
    attempt->result = record->cause->kind == RC_MSG_RESULT ? record->cause->u.result : NULL;
    attempt->state = command->node[attempt->node].state;
    attempt->doubt = command->node[attempt->node].doubt;
    attempt->outcome = command->data[attempt->node].outcome;
    attempt->fault = outcome_of(attempt) == RC_OUT_SUCCEEDED ? RC_WHY_NONE : command->data[attempt->node].why;
    attempt->why = command->node[attempt->node].why;
}

/* Nobody waits for their answers any more. */
static void end_all(struct rc_view_attempt *attempts, uint32_t n, const struct rc_command *command,
                    const struct rc_view_record *record)
{
    for (uint32_t i = 0; i < n; i++)
        if (!attempts[i].ended) end_attempt(&attempts[i], command, record);
}

static enum rc_status apply_record(struct rc_command *command, const struct rc_view_record *record,
                                   struct rc_arena *arena, struct rc_error *err)
{
    for (uint32_t i = 0; i < record->nchanges; i++) {
        enum rc_status status = rc_command_apply(command, &record->changes[i], arena, err);
        if (status == RC_BUG) return rc_fail_prefix(err, RC_DAMAGED, "history record %u", record->rev);
        if (status != RC_OK) return status;
    }
    command->rev = record->rev;
    return RC_OK;
}

/* The attempts that `record` opened, seen in the state after it. */
static void begin_attempts(const struct rc_command *command, const struct rc_view_record *record,
                           struct rc_view_attempt *attempts, uint32_t *io_n)
{
    for (uint32_t i = 0; i < record->nchanges; i++) {
        const struct rc_change *change = &record->changes[i];
        if (change->kind != RC_CHANGE_NODE || change->u.node.node.phase != RC_PHASE_OPEN) continue;
        if (find_open(attempts, *io_n, change->at, change->u.node.node.attempt)) continue;
        enum rc_purpose purpose = rc_node_purpose(command, change->at);
        attempts[(*io_n)++] =
            (struct rc_view_attempt){.node = change->at,
                                     .attempt = change->u.node.node.attempt,
                                     .purpose = (uint8_t)purpose,
                                     .key = rc_idempotency_key(command, change->at, purpose),
                                     .rev = record->rev,
                                     .began = record->at};
    }
}

enum rc_status rc_view_attempts_of(const struct rc_command *command, const struct rc_view_record *records,
                                   uint32_t n, struct rc_arena *arena, struct rc_view_attempt **ret,
                                   uint32_t *ret_n, struct rc_error *err)
{
    uint32_t most = 0, found = 0;
    for (uint32_t i = 0; i < n; i++) most += count_opened(&records[i]);
    struct rc_view_attempt *attempts = RC_NEW_ARRAY(arena, struct rc_view_attempt, most);
    if (!attempts) return rc_fail_arena(err, arena);
    struct rc_command fold = {.id = command->id, .flow = rc_command_first_flow(command)};
    for (uint32_t i = 0; i < n; i++) {
        enum rc_status status = apply_record(&fold, &records[i], arena, err);
        if (status != RC_OK) return status;
        const struct rc_ask *cause = records[i].cause;
        if (cause->kind == RC_MSG_RESULT || cause->kind == RC_MSG_LOST) {
            struct rc_view_attempt *open = find_open(attempts, found, cause->node, cause->attempt);
            if (open) end_attempt(open, &fold, &records[i]);
        }
        if (cause->kind == RC_MSG_RESTORED) end_all(attempts, found, &fold, &records[i]);
        begin_attempts(&fold, &records[i], attempts, &found);
    }
    *ret = attempts;
    *ret_n = found;
    return RC_OK;
}

/* Read from what the core decided at the time: nobody judges the result again. */
static enum rc_outcome outcome_of(const struct rc_view_attempt *attempt)
{
    bool undo = attempt->purpose == RC_UNDO;
    switch ((enum rc_step_state)attempt->state) {
    case RC_STEP_SUCCEEDED:
    case RC_STEP_UNDONE: return RC_OUT_SUCCEEDED;
    case RC_STEP_UNDOING: /* what happened is undone at once where a roll back has waited for it */
        return undo ? (enum rc_outcome)attempt->outcome : RC_OUT_SUCCEEDED;
    case RC_STEP_IDLE:
    case RC_STEP_ACTIVE:
    case RC_STEP_UNKNOWN:
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_SKIPPED:
    case RC_STEP_UNDO_UNKNOWN:
    case RC_STEP_UNDO_FAILED: return (enum rc_outcome)attempt->outcome;
    case RC_STEP_STATES: break;
    }
    return RC_OUT_NONE;
}

/* What a check found out shows in where the step went. */
static enum rc_why answer_of(const struct rc_view_attempt *attempt)
{
    switch ((enum rc_step_state)attempt->state) {
    case RC_STEP_UNKNOWN:
    case RC_STEP_UNDO_UNKNOWN:
        return attempt->why == RC_WHY_CONTRADICTORY ? RC_WHY_CONTRADICTORY : RC_WHY_INCONCLUSIVE;
    case RC_STEP_SUCCEEDED:
    case RC_STEP_UNDONE: return RC_WHY_HAPPENED;
    case RC_STEP_UNDOING: return attempt->purpose == RC_CHECK ? RC_WHY_HAPPENED : RC_WHY_DID_NOT_HAPPEN;
    case RC_STEP_ACTIVE: return attempt->doubt ? RC_WHY_INCONCLUSIVE : RC_WHY_DID_NOT_HAPPEN;
    case RC_STEP_IDLE:
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_SKIPPED:
    case RC_STEP_UNDO_FAILED:
    case RC_STEP_STATES: break;
    }
    return RC_WHY_DID_NOT_HAPPEN;
}

struct rc_word rc_view_outcome(const struct rc_view_attempt *attempt)
{
    if (!attempt->ended) return (struct rc_word){"in_flight", "no answer yet"};
    if (attempt->lost) return rc_outcome_word(RC_OUT_UNKNOWN);
    enum rc_outcome outcome = outcome_of(attempt);
    switch ((enum rc_purpose)attempt->purpose) {
    case RC_ACT:
    case RC_UNDO: return rc_outcome_word(outcome);
    case RC_CHECK:
    case RC_UNDO_CHECK: return rc_why_word(answer_of(attempt));
    case RC_REQUIRE:
        if (outcome == RC_OUT_REJECTED) return rc_why_word(RC_WHY_REQUIRE);
        return (struct rc_word){"asked", "it asked whether the step may be done"};
    case RC_PURPOSES: break;
    }
    return rc_outcome_word(RC_OUT_NONE);
}
