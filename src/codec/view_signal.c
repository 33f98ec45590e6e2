/* What people see of signals, and of the steps that wait for them. */
#include "codec/view_part.h"

void rc_view_signal(struct rc_json *json, const struct rc_signal *signal)
{
    rc_json_object(json, "signal");
    rc_json_sv(json, "name", signal->name);
    rc_json_sv(json, "id", signal->id);
    rc_json_sv(json, "key", signal->key);
    rc_json_end_object(json);
}

void rc_view_waits(struct rc_json *json, const struct rc_command *command)
{
    rc_json_array(json, "waits_for");
    for (uint32_t i = 1; i < command->nnodes; i++) {
        if (command->node[i].phase != RC_PHASE_WAITING) continue;
        const struct rc_data *data = &command->data[i];
        rc_json_object(json, NULL);
        rc_view_step(json, command, i);
        rc_json_sv(json, "signal", rc_node_step(command, i)->wait.signal);
        rc_json_sv(json, "id", data->external_id);
        rc_json_time(json, "since", data->times.first);
        if (data->times.due) rc_json_time(json, "until", data->times.due);
        rc_json_end_object(json);
    }
    rc_json_end_array(json);
}

bool rc_view_waiting(struct rc_buf *buf, const struct rc_command *command)
{
    for (uint32_t i = 1; command->state == RC_WAITING && i < command->nnodes; i++) {
        if (command->node[i].phase != RC_PHASE_WAITING) continue;
        rc_put_format(buf, "waiting for the signal %.*s", RC_SV_ARG(rc_node_step(command, i)->wait.signal));
        return true;
    }
    return false;
}

void rc_view_listed_signal(struct rc_json *json, const struct rc_signal *signal)
{
    rc_json_object(json, NULL);
    rc_json_u64(json, "number", signal->number);
    rc_json_sv(json, "namespace", signal->ns);
    rc_json_sv(json, "name", signal->name);
    rc_json_sv(json, "id", signal->id);
    rc_json_sv(json, "key", signal->key);
    rc_json_time(json, "at", signal->at);
    rc_json_end_object(json);
}

void rc_view_kept_signal(struct rc_json *json, const struct rc_signal *signal)
{
    rc_json_object(json, NULL);
    rc_json_sv(json, "name", signal->name);
    rc_json_sv(json, "id", signal->id);
    rc_json_sv(json, "key", signal->key);
    rc_json_time(json, "at", signal->at);
    bool deleted = signal->taken.seq == RC_SIGNAL_DELETED;
    rc_json_text(json, "state", deleted ? "deleted" : signal->taken.seq ? "taken" : "kept");
    if (signal->taken.seq && !deleted) rc_json_id(json, "command", signal->taken.seq, signal->taken.nonce);
    rc_json_end_object(json);
}
