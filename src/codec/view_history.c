/* History records and attempts as JSON. */
#include "base/num.h"
#include "codec/view_part.h"

void rc_view_result(struct rc_json *json, const struct rc_result *result)
{
    static const char *const reach[] = {
        [RC_NOT_SENT] = "not_sent", [RC_SENT] = "sent", [RC_ANSWERED] = "answered"};
    rc_json_text(json, "reach", result->reach <= RC_ANSWERED ? reach[result->reach] : "?");
    if (result->reach == RC_ANSWERED) {
        rc_json_u64(json, "status", result->status);
        rc_json_bool(json, "usable", result->usable);
    } else {
        rc_view_why(json, result->why);
    }
    rc_json_maybe(json, "error", result->error);
    rc_json_maybe(json, "excerpt", result->excerpt);
    if (result->retry_after) rc_json_span(json, "retry_after_ms", result->retry_after);
    rc_json_span(json, "took_ms", result->took);
}

static const char *verdict_name(unsigned verdict)
{
    switch ((enum rc_verdict)verdict) {
    case RC_VERDICT_NONE: return "none";
    case RC_HAPPENED: return "happened";
    case RC_DID_NOT_HAPPEN: return "did_not_happen";
    case RC_ACCEPTED_AS_IS: return "accepted_as_is";
    }
    return "?";
}

/* The key of an item says which bulk it was: "bulk/ID/N". */
static void put_bulk(struct rc_json *json, struct rc_sv key)
{
    enum { PREFIX = sizeof RC_BULK_KEY - 1, NUMBER = PREFIX + RC_ID_TEXT + 1 };
    uint64_t item;
    if (!rc_sv_starts(key, RC_SV(RC_BULK_KEY)) || key.n <= NUMBER || key.p[NUMBER - 1] != '/') return;
    if (!rc_parse_u64((struct rc_sv){key.p + NUMBER, key.n - NUMBER}, &item)) return;
    rc_json_object(json, "bulk");
    rc_json_sv(json, "id", (struct rc_sv){key.p + PREFIX, RC_ID_TEXT});
    rc_json_u64(json, "item", item);
    rc_json_end_object(json);
}

void rc_view_act(struct rc_json *json, const struct rc_act *act)
{
    rc_json_text(json, "action", rc_action_word(act->action).slug);
    rc_json_sv(json, "subject", act->subject);
    rc_json_sv(json, "actor", act->actor);
    rc_json_sv(json, "reason", act->reason);
    rc_json_maybe(json, "step", act->step);
    if (act->verdict != RC_VERDICT_NONE) rc_json_text(json, "verdict", verdict_name(act->verdict));
    rc_json_maybe(json, "external_id", act->external_id);
    if (act->outputs.kind != CEL_NULL) rc_json_value(json, "outputs", act->outputs);
    rc_json_maybe(json, "key", act->key);
    put_bulk(json, act->key);
    if (act->action == RC_ACTION_ASSIGN) rc_json_sv(json, "owner", act->owner);
    if (act->action == RC_ACTION_DUE) rc_json_time(json, "due", act->due);
    if (act->version) rc_json_u64(json, "version", act->version);
    rc_view_decision(json, act);
}

/* What a worker said too late: whoever has to settle the step wants to know it. */
static void put_said(struct rc_json *json, const struct rc_result *result)
{
    const char *said = "released";
    if (result->reach == RC_ANSWERED) {
        enum rc_outcome outcome = result->status == RC_REPORT_DONE       ? RC_OUT_SUCCEEDED
                                  : result->status == RC_REPORT_REJECTED ? RC_OUT_REJECTED
                                  : result->status == RC_REPORT_FAILED   ? RC_OUT_FAILED
                                                                         : RC_OUT_UNKNOWN;
        said = rc_outcome_word(outcome).slug;
    }
    rc_json_text(json, "said", said);
    rc_json_maybe(json, "error", result->error);
    rc_json_maybe(json, "excerpt", result->excerpt);
}

static void put_cause(struct rc_json *json, const struct rc_command *command, const struct rc_ask *cause)
{
    rc_json_object(json, "cause");
    rc_json_text(json, "kind", rc_cause_word(cause->kind).slug);
    rc_json_text(json, "text", rc_cause_word(cause->kind).text);
    bool late = cause->kind == RC_MSG_LATE;
    bool of_attempt = cause->kind == RC_MSG_RESULT || cause->kind == RC_MSG_LOST || late;
    if (of_attempt || cause->kind == RC_MSG_ADMIT || cause->kind == RC_MSG_DUE ||
        cause->kind == RC_MSG_SIGNALLED || cause->kind == RC_MSG_CHILD)
        rc_view_step(json, command, cause->node);
    if (of_attempt) {
        rc_json_u64(json, "attempt", cause->attempt);
        rc_json_text(json, "purpose", rc_purpose_word(cause->purpose).slug);
    }
    if (cause->kind == RC_MSG_SIGNALLED && cause->u.signal) rc_view_signal(json, cause->u.signal);
    if (late && cause->u.result) put_said(json, cause->u.result);
    if (cause->kind == RC_MSG_RESULT && cause->u.result) rc_view_result(json, cause->u.result);
    if (cause->kind == RC_MSG_ACTION && cause->u.act) rc_view_act(json, cause->u.act);
    rc_json_end_object(json);
}

/* A step for workers waits for one that asks, and not for a place at its dependency. */
static const char *phase_text(const struct rc_command *command, const struct rc_change *change)
{
    unsigned phase = change->u.node.node.phase;
    bool known = change->at < command->nnodes;
    if (phase == RC_PHASE_READY && known && rc_node_step(command, change->at)->call.worker)
        return "waits for a worker";
    return rc_phase_word((enum rc_phase)phase).text;
}

static void put_node_change(struct rc_json *json, const struct rc_command *command,
                            const struct rc_change *change)
{
    const struct rc_node *node = &change->u.node.node;
    rc_view_step(json, command, change->at);
    rc_json_text(json, "state", rc_step_word(node->state).slug);
    rc_json_text(json, "phase", rc_phase_word(node->phase).slug);
    if (node->phase != RC_PHASE_NONE) rc_json_text(json, "phase_text", phase_text(command, change));
    rc_view_why(json, node->why);
    rc_json_u64(json, "attempt", node->attempt);
    rc_json_u64(json, "tries", node->tries);
    rc_json_u64(json, "round", node->round);
    if (rc_phase_has_time(node->phase, change->u.node.times.due))
        rc_json_time(json, "due", change->u.node.times.due);
}

/* What was decided of a line or a pair that nobody named shows in the block around it. */
static bool is_inside(const struct rc_command *command, const struct rc_change *change)
{
    if (change->kind != RC_CHANGE_NODE || change->at == 0 || change->at >= command->nnodes) return false;
    return !rc_node_step(command, change->at)->id.n;
}

static const char *change_word(unsigned kind)
{
    static const char *const name[] = {
        [RC_CHANGE_CREATE] = "created",  [RC_CHANGE_NODE] = "step",     [RC_CHANGE_OUTPUTS] = "outputs",
        [RC_CHANGE_REQUEST] = "request", [RC_CHANGE_FAULT] = "error",   [RC_CHANGE_MODE] = "mode",
        [RC_CHANGE_STATE] = "state",     [RC_CHANGE_GATE] = "gate",     [RC_CHANGE_OWNER] = "owner",
        [RC_CHANGE_DUE] = "due",         [RC_CHANGE_NOTES] = "note",    [RC_CHANGE_SUCCESSOR] = "successor",
        [RC_CHANGE_CLOCK] = "clock",     [RC_CHANGE_PLACE] = "place",   [RC_CHANGE_PRIORITY] = "priority",
        [RC_CHANGE_BACK] = "back",       [RC_CHANGE_VOTES] = "votes",   [RC_CHANGE_MOVE] = "move",
        [RC_CHANGE_CHILD] = "child",     [RC_CHANGE_PARENT] = "parent", [RC_CHANGE_PINS] = "versions"};
    return kind < sizeof name / sizeof *name && name[kind] ? name[kind] : "?";
}

static void put_change(struct rc_json *json, const struct rc_command *command, const struct rc_change *change)
{
    rc_json_object(json, NULL);
    rc_json_text(json, "kind", change_word(change->kind));
    switch ((enum rc_change_kind)change->kind) {
    case RC_CHANGE_CREATE:
    case RC_CHANGE_SCHEDULE:
    case RC_CHANGE_GATE: break;
    case RC_CHANGE_NODE: put_node_change(json, command, change); break;
    case RC_CHANGE_OUTPUTS:
        rc_view_step(json, command, change->at);
        rc_json_value(json, change->u.outputs.outputs.kind == CEL_LIST ? "items" : "outputs",
                      change->u.outputs.outputs);
        rc_json_maybe(json, "external_id", change->u.outputs.external_id);
        break;
    case RC_CHANGE_REQUEST: {
        char hex[32];
        rc_h128_hex(change->u.request, hex);
        rc_view_step(json, command, change->at);
        rc_json_sv(json, "hash", (struct rc_sv){hex, sizeof hex});
        break;
    }
    case RC_CHANGE_FAULT:
        rc_view_step(json, command, change->at);
        rc_json_sv(json, "error", change->u.fault.text);
        if (change->u.fault.status) rc_json_u64(json, "status", change->u.fault.status);
        break;
    case RC_CHANGE_MODE:
        rc_json_text(json, "mode", rc_mode_word(change->u.mode.mode).slug);
        rc_view_why(json, change->u.mode.why);
        break;
    case RC_CHANGE_STATE: rc_json_text(json, "state", rc_state_word(change->u.state).slug); break;
    case RC_CHANGE_OWNER: rc_json_sv(json, "owner", change->u.owner); break;
    case RC_CHANGE_DUE: rc_json_time(json, "due", change->u.due); break;
    case RC_CHANGE_NOTES: rc_json_u64(json, "notes", change->u.notes); break;
    case RC_CHANGE_SUCCESSOR:
        rc_json_id(json, "successor", change->u.successor.seq, change->u.successor.nonce);
        break;
    case RC_CHANGE_CLOCK: rc_view_clock(json, &change->u.clock); break;
    case RC_CHANGE_PLACE: rc_view_place(json, &change->u.place); break;
    case RC_CHANGE_PRIORITY: rc_json_u64(json, "priority", change->u.priority); break;
    case RC_CHANGE_BACK:
        if (change->u.back) rc_view_step(json, command, change->u.back);
        break;
    case RC_CHANGE_MOVE:
        rc_json_u64(json, "from", change->u.move.from);
        rc_json_u64(json, "to", change->u.move.to);
        break;
    case RC_CHANGE_VOTES: rc_view_votes(json, command, change->at, &change->u.votes); break;
    case RC_CHANGE_CHILD:
        rc_view_step(json, command, change->at);
        if (change->u.child.link.seq) {
            rc_json_id(json, "child", change->u.child.link.seq, change->u.child.link.nonce);
            rc_json_text(json, "state", rc_state_word(change->u.child.state).slug);
        }
        break;
    case RC_CHANGE_PARENT:
        rc_view_parent(json, &change->u.parent);
        rc_json_text(json, "told", rc_state_word(change->u.parent.told).slug);
        break;
    case RC_CHANGE_PINS: rc_json_u64(json, "flows", change->u.pins.n); break;
    }
    rc_json_end_object(json);
}

void rc_view_record(struct rc_json *json, const struct rc_command *now, const struct rc_view_record *record)
{
    const struct rc_command then = rc_command_then(now, record->rev), *command = &then;
    rc_json_object(json, NULL);
    rc_json_u64(json, "revision", record->rev);
    rc_json_u64(json, "change", record->change);
    rc_json_time(json, "at", record->at);
    put_cause(json, command, record->cause);
    rc_json_array(json, "changes");
    for (uint32_t i = 0; i < record->nchanges; i++)
        if (!is_inside(command, &record->changes[i])) put_change(json, command, &record->changes[i]);
    rc_json_end_array(json);
    rc_json_end_object(json);
}

void rc_view_attempt_members(struct rc_json *json, const struct rc_command *command,
                             const struct rc_view_attempt *attempt)
{
    const struct rc_command then = rc_command_then(command, attempt->rev);
    rc_view_step(json, &then, attempt->node);
    rc_json_u64(json, "attempt", attempt->attempt);
    rc_json_text(json, "purpose", rc_purpose_word(attempt->purpose).slug);
    char key[32];
    rc_h128_hex(attempt->key, key);
    rc_json_sv(json, "idempotency_key", (struct rc_sv){key, sizeof key}); /* what the other side's log has */
    rc_json_time(json, "began", attempt->began);
    rc_json_time(json, "ended", attempt->ended);
    struct rc_word outcome = rc_view_outcome(attempt);
    rc_json_text(json, "outcome", outcome.slug);
    rc_json_text(json, "outcome_text", outcome.text);
    if (attempt->result) rc_view_result(json, attempt->result);
    bool does = attempt->purpose == RC_ACT || attempt->purpose == RC_UNDO;
    if (does && attempt->result && attempt->result->reach == RC_ANSWERED) rc_view_why(json, attempt->fault);
    if (attempt->lost) rc_view_why(json, attempt->fault == RC_WHY_RESTORED ? RC_WHY_RESTORED : RC_WHY_CRASH);
}

void rc_view_attempt(struct rc_json *json, const struct rc_command *command,
                     const struct rc_view_attempt *attempt)
{
    rc_json_object(json, NULL);
    rc_view_attempt_members(json, command, attempt);
    rc_json_end_object(json);
}
