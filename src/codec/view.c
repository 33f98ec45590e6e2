/* Commands, their steps and undo plans as JSON. */
#include "codec/view.h"

#include "codec/view_part.h"

enum { DISPLAY_BYTES = 512 };

struct rc_sv rc_view_step_name(const struct rc_command *command, uint32_t node)
{
    if (node == 0 || node >= command->nnodes) return RC_SV("the flow");
    return rc_node_step(command, node)->id;
}

void rc_view_step(struct rc_json *json, const struct rc_command *command, uint32_t node)
{
    if (node == 0 || node >= command->nnodes)
        rc_json_null(json, "step");
    else
        rc_json_sv(json, "step", rc_node_step(command, node)->id);
}

void rc_view_why(struct rc_json *json, unsigned why)
{
    if (why == RC_WHY_NONE) return;
    rc_json_text(json, "why", rc_why_word(why).slug);
    rc_json_text(json, "why_text", rc_why_word(why).text);
}

/* How urgent a state is for a person, so that a program need not know the states to show them. */
void rc_view_tone(struct rc_json *json, unsigned state)
{
    const char *tone = "plain";
    switch ((enum rc_state)state) {
    case RC_REVIEW:
    case RC_FAILED:
    case RC_REJECTED: tone = "bad"; break;
    case RC_WAITING:
    case RC_ROLLING_BACK:
    case RC_CANCELLING:
    case RC_PARTIAL: tone = "warn"; break;
    case RC_COMPLETED: tone = "good"; break;
    case RC_ABSENT:
    case RC_PENDING:
    case RC_RUNNING:
    case RC_ROLLED_BACK:
    case RC_CANCELLED:
    case RC_RESOLVED:
    case RC_STATES: break;
    }
    rc_json_text(json, "tone", tone);
}

void rc_view_step_tone(struct rc_json *json, unsigned state)
{
    const char *tone = "plain";
    switch ((enum rc_step_state)state) {
    case RC_STEP_REJECTED:
    case RC_STEP_FAILED:
    case RC_STEP_UNDO_FAILED: tone = "bad"; break;
    case RC_STEP_UNKNOWN:
    case RC_STEP_UNDO_UNKNOWN: tone = "warn"; break;
    case RC_STEP_SUCCEEDED: tone = "good"; break;
    case RC_STEP_IDLE:
    case RC_STEP_ACTIVE:
    case RC_STEP_SKIPPED:
    case RC_STEP_UNDOING:
    case RC_STEP_UNDONE:
    case RC_STEP_STATES: break;
    }
    rc_json_text(json, "tone", tone);
}

void rc_view_next(struct rc_json *json, unsigned next, rc_us at)
{
    rc_json_object(json, "next");
    rc_json_text(json, "code", rc_next_word(next).slug);
    rc_json_text(json, "text", rc_next_word(next).text);
    if (at) rc_json_time(json, "at", at);
    rc_json_end_object(json);
}

static void put_standing(struct rc_json *json, const struct rc_view_row *row)
{
    rc_view_why(json, row->why);
    rc_json_maybe(json, "dependency", row->dependency);
    rc_json_maybe(json, "owner", row->owner);
    if (row->due) rc_json_time(json, "due", row->due);
    rc_view_next(json, row->next, row->next_at);
}

static void put_restored(struct rc_json *json, const struct rc_view_restored *restored)
{
    if (!restored) return;
    rc_json_object(json, "restored");
    rc_json_text(json, "why", restored->is_new ? "new_key" : "open_then");
    rc_json_text(
        json, "text",
        restored->is_new
            ? "its key is new to this store, which was restored; it may have been used within the window"
            : "it had not ended in the state that was restored; it may have been done within the window");
    rc_json_id(json, "window", restored->window, restored->nonce);
    if (restored->from)
        rc_json_time(json, "from", restored->from);
    else
        rc_json_null(json, "from");
    rc_json_time(json, "until", restored->until);
    rc_json_end_object(json);
}

void rc_view_row(struct rc_json *json, const char *name, const struct rc_view_row *row)
{
    rc_json_object(json, name);
    rc_json_id(json, "id", row->seq, row->nonce);
    rc_json_maybe(json, "namespace", row->ns);
    rc_json_maybe(json, "type", row->type);
    rc_json_maybe(json, "key", row->key);
    rc_json_text(json, "state", rc_state_word(row->state).slug);
    rc_json_text(json, "display", rc_state_word(row->state).text);
    rc_view_tone(json, row->state);
    rc_json_bool(json, "ended", rc_state_ended(row->state));
    if (row->in_flight) rc_json_bool(json, "in_flight", true);
    rc_json_maybe(json, "actor", row->actor);
    rc_json_u64(json, "revision", row->rev);
    rc_json_time(json, "created", row->created);
    rc_json_time(json, "changed", row->changed);
    if (row->successor.seq) rc_json_id(json, "successor", row->successor.seq, row->successor.nonce);
    put_restored(json, row->restored);
    if (row->standing) put_standing(json, row);
    rc_json_end_object(json);
}

/* The first step in one of the states, or 0. */
static uint32_t first_in(const struct rc_command *command, const uint8_t *states, uint32_t n)
{
    for (uint32_t i = 1; i < command->nnodes; i++)
        for (uint32_t k = 0; k < n; k++)
            if (command->node[i].state == states[k]) return i;
    return 0;
}

/* What the clock says of a command is sharper than its state alone. */
static bool put_clock(struct rc_buf *buf, const struct rc_command *command, uint32_t step)
{
    char time[RC_TIME_TEXT];
    if (command->state == RC_PENDING && rc_command_waits_to_begin(command)) {
        rc_format_time(command->data[0].times.due, time);
        rc_put_format(buf, "starts at %s", time);
        return true;
    }
    if (command->state == RC_PENDING && rc_command_waits_in_lane(command)) {
        rc_put_format(buf, "waits for its turn: concurrency key %.*s", RC_SV_ARG(command->place.key));
        return true;
    }
    bool late =
        command->why == RC_WHY_DEADLINE &&
        (command->state == RC_REVIEW || command->state == RC_CANCELLED || command->state == RC_ROLLED_BACK);
    if (!late || step) return false;
    rc_put_format(buf, "%s: %s", rc_state_word(command->state).text, rc_why_word(RC_WHY_DEADLINE).text);
    return true;
}

void rc_view_display(struct rc_buf *buf, const struct rc_command *command)
{
    static const uint8_t open_ends[] = {RC_STEP_UNKNOWN, RC_STEP_UNDO_UNKNOWN, RC_STEP_UNDO_FAILED};
    static const uint8_t not_done[] = {RC_STEP_REJECTED, RC_STEP_FAILED, RC_STEP_UNKNOWN, RC_STEP_SKIPPED};
    uint32_t step = 0;
    if (command->state == RC_REVIEW) step = first_in(command, open_ends, sizeof open_ends);
    if (command->state == RC_PARTIAL) step = first_in(command, not_done, sizeof not_done);
    struct rc_sv name = rc_view_step_name(command, step);
    if (put_clock(buf, command, step)) return;
    if (step && command->state == RC_PARTIAL)
        rc_put_format(buf, "completed, but %.*s: %s", RC_SV_ARG(name),
                      rc_step_word(command->node[step].state).text);
    else if (command->state == RC_RESOLVED && command->why == RC_WHY_REPLACED)
        rc_put_text(buf, rc_why_word(RC_WHY_REPLACED).text);
    else if (step)
        rc_put_format(buf, "a person must decide: %.*s %s", RC_SV_ARG(name),
                      rc_step_word(command->node[step].state).text);
    else
        rc_put_text(buf, rc_state_word(command->state).text);
}

static void put_step(struct rc_json *json, const struct rc_command *command, uint32_t at)
{
    const struct rc_node *node = &command->node[at];
    const struct rc_data *data = &command->data[at];
    const struct flow_step *step = rc_node_step(command, at);
    rc_json_object(json, NULL);
    rc_json_sv(json, "id", step->id);
    rc_json_text(json, "kind", flow_kind_word(step->kind));
    rc_json_text(json, "state", rc_step_word(node->state).slug);
    rc_json_text(json, "display", rc_step_word(node->state).text);
    rc_view_step_tone(json, node->state);
    rc_view_why(json, node->why);
    rc_json_text(json, "phase", rc_phase_word(node->phase).slug);
    if (node->phase != RC_PHASE_NONE)
        rc_json_text(json, "purpose", rc_purpose_word(rc_node_purpose(command, at)).slug);
    if (node->phase == RC_PHASE_DELAYED) rc_json_time(json, "due", data->times.due);
    if (step->kind == FLOW_CALL)
        rc_json_sv(json, "dependency", command->flow->dependencies[step->call.dependency]);
    rc_json_bool(json, "critical", step->critical);
    rc_json_u64(json, "attempts", node->attempt);
    rc_json_u64(json, "tries", node->tries);
    rc_json_u64(json, "round", node->round);
    if (data->times.since) rc_json_time(json, "unknown_since", data->times.since);
    if (data->outputs.kind != CEL_NULL) rc_json_value(json, "outputs", data->outputs);
    rc_json_maybe(json, "external_id", data->external_id);
    rc_json_maybe(json, "error", data->fault);
    if (data->status) rc_json_u64(json, "status", data->status);
    rc_json_end_object(json);
}

void rc_view_clock(struct rc_json *json, const struct rc_clock *clock)
{
    if (clock->start) rc_json_time(json, "run_at", clock->start);
    if (clock->over) rc_json_time(json, "deadline", clock->over);
}

void rc_view_place(struct rc_json *json, const struct rc_place *place)
{
    static const char *const word[RC_PLACE_STATES] = {[RC_PLACE_NONE] = "not_yet",
                                                      [RC_PLACE_WAITS] = "waits",
                                                      [RC_PLACE_HOLDS] = "holds",
                                                      [RC_PLACE_YIELDS] = "holds",
                                                      [RC_PLACE_LEFT] = "left"};
    if (!place->lane) return;
    rc_json_object(json, "concurrency");
    rc_json_sv(json, "key", place->key);
    rc_json_u64(json, "limit", place->limit);
    rc_json_text(json, "place", place->state < RC_PLACE_STATES ? word[place->state] : "?");
    rc_json_end_object(json);
}

void rc_view_head(struct rc_json *json, const struct rc_command *command)
{
    const struct rc_identity *id = &command->id;
    rc_json_id(json, "id", id->seq, id->nonce);
    rc_json_sv(json, "namespace", id->ns);
    rc_json_sv(json, "type", id->type);
    rc_json_sv(json, "key", id->key);
    rc_json_text(json, "state", rc_state_word(command->state).slug);
    struct rc_buf display = rc_buf_in(json->buf->arena, DISPLAY_BYTES);
    rc_view_display(&display, command);
    rc_json_sv(json, "display", rc_buf_sv(&display));
    rc_view_tone(json, command->state);
    rc_json_bool(json, "ended", rc_state_ended(command->state));
    rc_json_sv(json, "actor", id->actor);
    rc_json_u64(json, "revision", command->rev);
    rc_json_time(json, "created", id->created);
    rc_json_time(json, "changed", command->changed);
    rc_json_maybe(json, "owner", command->owner);
    if (command->due) rc_json_time(json, "due", command->due);
    rc_view_clock(json, &command->clock);
    rc_view_place(json, &command->place);
    if (command->priority) rc_json_u64(json, "priority", command->priority);
    if (command->notes) rc_json_u64(json, "notes", command->notes);
    rc_json_u64(json, "generation", id->generation);
    if (id->original.seq) rc_json_id(json, "original", id->original.seq, id->original.nonce);
    if (command->successor.seq)
        rc_json_id(json, "successor", command->successor.seq, command->successor.nonce);
}

void rc_view_command(struct rc_json *json, const struct rc_command *command,
                     const struct rc_view_restored *restored)
{
    rc_json_object(json, NULL);
    rc_view_head(json, command);
    put_restored(json, restored);
    rc_json_sv(json, "subject", command->id.subject);
    rc_json_text(json, "mode", rc_mode_word(command->mode).slug);
    rc_view_why(json, command->why);
    rc_json_object(json, "flow");
    rc_json_sv(json, "name", command->flow->name);
    rc_json_u64(json, "version", command->flow->version);
    rc_json_end_object(json);
    rc_json_value(json, "payload", command->id.payload);
    rc_view_refs(json, command->id.refs);
    rc_json_array(json, "steps");
    for (uint32_t i = 1; i < command->nnodes; i++) put_step(json, command, i);
    rc_json_end_array(json);
    rc_json_end_object(json);
}

void rc_view_refs(struct rc_json *json, struct cel_value refs)
{
    if (refs.kind == CEL_MAP) {
        rc_json_value(json, "refs", refs);
        return;
    }
    rc_json_object(json, "refs");
    rc_json_end_object(json);
}

void rc_view_plan(struct rc_json *json, const struct rc_command *command, const uint32_t *nodes, uint32_t n)
{
    rc_json_object(json, NULL);
    rc_view_head(json, command);
    rc_json_array(json, "undo");
    for (uint32_t i = 0; i < n; i++) {
        const struct flow_step *step = rc_node_step(command, nodes[i]);
        rc_json_object(json, NULL);
        rc_json_sv(json, "step", step->id);
        if (step->kind == FLOW_CALL)
            rc_json_sv(json, "dependency", command->flow->dependencies[step->call.dependency]);
        rc_json_maybe(json, "external_id", command->data[nodes[i]].external_id);
        if (command->data[nodes[i]].outputs.kind != CEL_NULL)
            rc_json_value(json, "outputs", command->data[nodes[i]].outputs);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
    rc_json_end_object(json);
}
