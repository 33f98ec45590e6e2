/* Commands as JSON. */
#include "codec/view.h"

#include "codec/view_part.h"

enum { DISPLAY_BYTES = 1024 };

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

/* What waits for a time, and not for another try, says so (rc_view_display has it of whole commands). */
static void put_row_display(struct rc_json *json, const struct rc_view_row *row)
{
    bool sleeps = row->standing && row->state == RC_WAITING && row->next == RC_NEXT_GOES_ON && row->next_at;
    bool workers = row->standing && (row->state == RC_PENDING || row->state == RC_RUNNING) &&
                   row->next == RC_NEXT_WORKER && row->dependency.n;
    struct rc_buf text = rc_buf_in(json->buf->arena, DISPLAY_BYTES);
    if (sleeps)
        rc_view_until(&text, row->next_at);
    else if (workers)
        rc_put_format(&text, "waits for a worker of %.*s", RC_SV_ARG(row->dependency));
    else
        rc_put_text(&text, rc_state_word(row->state).text);
    rc_json_sv(json, "display", rc_buf_sv(&text));
}

void rc_view_row(struct rc_json *json, const char *name, const struct rc_view_row *row)
{
    rc_json_object(json, name);
    rc_json_id(json, "id", row->seq, row->nonce);
    rc_json_maybe(json, "namespace", row->ns);
    rc_json_maybe(json, "type", row->type);
    rc_json_maybe(json, "key", row->key);
    rc_json_text(json, "state", rc_state_word(row->state).slug);
    put_row_display(json, row);
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
    rc_view_parent(json, &command->parent);
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
    const struct rc_view_page first = {.limit = RC_MAX_SHOWN_STEPS};
    rc_view_steps_page(json, command, &first, "steps_total", "steps_next");
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
