/* Batches made by hand. */
#include "made.h"

#include <stdio.h>
#include <stdlib.h>

static void *must(void *p)
{
    if (p) return p;
    fputs("out of memory\n", stderr);
    exit(1);
}

struct made_batch made_begin(struct rc_arena *arena, rc_us now)
{
    struct made_batch made = {.arena = arena,
                              .records = must(RC_NEW_ARRAY(arena, struct rc_record, MADE_RECORDS)),
                              .touched = must(RC_NEW_ARRAY(arena, struct rc_touched, MADE_MAX)),
                              .moves = must(RC_NEW_ARRAY(arena, struct rc_work_move, MADE_MAX))};
    made.batch = (struct rc_batch){.records = made.records, .touched = made.touched, .high_water = now};
    return made;
}

static struct cel_value text(struct rc_arena *arena, struct rc_sv sv)
{
    must(arena);
    return cel_string(sv);
}

struct made *made_new(struct rc_arena *arena, uint64_t seq, const char *key, rc_us now)
{
    struct made *made = must(RC_NEW(arena, struct made));
    struct cel_value *payload = must(RC_NEW_ARRAY(arena, struct cel_value, 6));
    struct cel_value *refs = must(RC_NEW_ARRAY(arena, struct cel_value, 6));
    struct rc_sv title =
        rc_text(arena,
                "Work on project %llu, as its owner has asked in the last week: mend what the "
                "nightly build found, and say so in the notes of the release that comes next",
                (unsigned long long)seq / 8);
    payload[0] = text(arena, RC_SV("project"));
    payload[1] = cel_int((int64_t)(seq / 8));
    payload[2] = text(arena, RC_SV("repo"));
    payload[3] = text(arena, rc_text(arena, "recourse/project-%llu", (unsigned long long)seq / 8));
    payload[4] = text(arena, RC_SV("title"));
    payload[5] = text(arena, title);
    refs[0] = text(arena, RC_SV("customer"));
    refs[1] = text(arena, rc_text(arena, "%llu", (unsigned long long)seq / 100));
    refs[2] = text(arena, RC_SV("origin"));
    refs[3] = text(arena, RC_SV("test"));
    refs[4] = text(arena, RC_SV("project"));
    refs[5] = text(arena, rc_text(arena, "%llu", (unsigned long long)seq / 8));
    uint64_t state = seq;
    made->command = (struct rc_command){.id = {.seq = seq,
                                               .nonce = rc_mix(&state),
                                               .flow = 1,
                                               .created = now,
                                               .ns = RC_SV("default"),
                                               .type = RC_SV("github.create_pr"),
                                               .key = rc_copy_sv(arena, rc_sv_of(key)),
                                               .subject = RC_SV("service:shop"),
                                               .actor = RC_SV("anna"),
                                               .payload_hash = {rc_mix(&state), rc_mix(&state)},
                                               .payload = {.kind = CEL_MAP, .n = 3, .v.items = payload},
                                               .refs = {.kind = CEL_MAP, .n = 3, .v.items = refs}},
                                        .changed = now};
    return made;
}

/* The record's row, its command's row, and where its step waits now. */
static void add(struct made_batch *batch, struct made *made, struct rc_ask *cause,
                const struct rc_change *changes, uint32_t nchanges, enum rc_state state, bool in_flight,
                const struct rc_work *work)
{
    struct rc_batch *out = &batch->batch;
    cause->now = out->high_water;
    batch->records[out->nrecords++] = (struct rc_record){.seq = made->command.id.seq,
                                                         .rev = ++made->command.rev,
                                                         .at = out->high_water,
                                                         .cause = cause,
                                                         .changes = changes,
                                                         .nchanges = nchanges};
    uint32_t at = 0;
    while (at < out->ntouched && batch->touched[at].command != &made->command) at++;
    struct rc_touched *touched = &batch->touched[at];
    if (at == out->ntouched) {
        batch->moves[at].before = made->work;
        *touched = (struct rc_touched){.command = &made->command,
                                       .created = made->command.rev == 1,
                                       .state_before = made->command.state,
                                       .in_flight_before = made->in_flight,
                                       .moves = &batch->moves[at],
                                       .nmoves = 1};
        out->ntouched++;
    }
    made->command.state = (uint8_t)state;
    made->command.changed = out->high_water;
    made->in_flight = touched->in_flight = in_flight;
    made->work = work ? *work : (struct rc_work){.phase = RC_PHASE_NONE};
    made->work.seq = made->command.id.seq;
    batch->moves[at].after = made->work;
}

static struct rc_change node_change(const struct made_batch *batch, enum rc_step_state state,
                                    enum rc_phase phase)
{
    return (struct rc_change){
        .kind = RC_CHANGE_NODE,
        .at = 1,
        .u.node = {
            .node = {.state = (uint8_t)state, .phase = (uint8_t)phase, .attempt = 1},
            .times = {.first = batch->batch.high_water, .due = batch->batch.high_water + RC_SECONDS(10)}}};
}

void made_submit(struct made_batch *batch, struct made *made, enum rc_state state, bool in_flight,
                 const struct rc_work *work)
{
    struct rc_ask *cause = must(RC_NEW(batch->arena, struct rc_ask));
    struct rc_change *changes = must(RC_NEW_ARRAY(batch->arena, struct rc_change, 3));
    *cause = (struct rc_ask){.kind = RC_MSG_SUBMIT, .u.submit = &made->command.id};
    changes[0] = (struct rc_change){.kind = RC_CHANGE_CREATE, .u.create = &made->command.id};
    changes[1] = node_change(batch, RC_STEP_ACTIVE, in_flight ? RC_PHASE_OPEN : RC_PHASE_READY);
    changes[2] = (struct rc_change){.kind = RC_CHANGE_STATE, .u.state = (uint8_t)state};
    add(batch, made, cause, changes, 3, state, in_flight, work);
}

void made_result(struct made_batch *batch, struct made *made, enum rc_state state, bool in_flight,
                 const struct rc_work *work)
{
    struct rc_ask *cause = must(RC_NEW(batch->arena, struct rc_ask));
    struct rc_result *result = must(RC_NEW(batch->arena, struct rc_result));
    struct rc_change *changes = must(RC_NEW_ARRAY(batch->arena, struct rc_change, 3));
    struct cel_value *outputs = must(RC_NEW_ARRAY(batch->arena, struct cel_value, 2));
    outputs[0] = cel_string(RC_SV("number"));
    outputs[1] = cel_int((int64_t)made->command.id.seq);
    *result = (struct rc_result){.reach = RC_ANSWERED, .usable = true, .status = 201, .took = RC_MS(12)};
    *cause = (struct rc_ask){
        .kind = RC_MSG_RESULT, .node = 1, .attempt = 1, .purpose = RC_ACT, .u.result = result};
    changes[0] = node_change(batch, RC_STEP_SUCCEEDED, RC_PHASE_NONE);
    changes[1] =
        (struct rc_change){.kind = RC_CHANGE_OUTPUTS,
                           .at = 1,
                           .u.outputs = {.outputs = {.kind = CEL_MAP, .n = 1, .v.items = outputs},
                                         .external_id = rc_text(batch->arena, "%llu",
                                                                (unsigned long long)made->command.id.seq)}};
    changes[2] = (struct rc_change){.kind = RC_CHANGE_STATE, .u.state = (uint8_t)state};
    add(batch, made, cause, changes, 3, state, in_flight, work);
}

void made_action(struct made_batch *batch, struct made *made, enum rc_state state, bool in_flight,
                 const struct rc_work *work)
{
    struct rc_ask *cause = must(RC_NEW(batch->arena, struct rc_ask));
    struct rc_act *act = must(RC_NEW(batch->arena, struct rc_act));
    struct rc_change *changes = must(RC_NEW_ARRAY(batch->arena, struct rc_change, 1));
    *act = (struct rc_act){.action = RC_ACTION_RETRY,
                           .expected_rev = made->command.rev,
                           .subject = RC_SV("user:bo"),
                           .actor = RC_SV("bo"),
                           .reason = RC_SV("the other side is up again"),
                           .outputs = cel_null()};
    *cause = (struct rc_ask){.kind = RC_MSG_ACTION, .u.act = act};
    changes[0] = (struct rc_change){.kind = RC_CHANGE_STATE, .u.state = (uint8_t)state};
    add(batch, made, cause, changes, 1, state, in_flight, work);
}
