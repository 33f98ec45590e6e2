/* Telling people in the turn itself (notice.h). What the flow that tells them comes to tells nobody. */
#include "engine/state.h"

#include "base/id.h"
#include "core/people.h"
#include "core/tree.h"
#include "engine/prepare.h"

#include <stdlib.h>
#include <string.h>

enum { NOTICE_FIRST = 1024, NOTICE_MAX = 1 << 20 };

/* ---- what is told ------------------------------------------------------------------------------------------------------- */

static const char overdue[] = "overdue";

const char *rc_notice_reason(const struct rc_command *c, uint8_t state_before, uint8_t why_before, rc_us at)
{
    if (c->why == RC_WHY_DEADLINE && why_before != RC_WHY_DEADLINE)
        return overdue; /* whatever message came first behind the deadline */
    for (uint32_t i = 1; i < c->nnodes; i++) {
        if (!rc_is_asked(c, i) || c->data[i].times.first != at) continue;
        if (c->node[i].why == RC_WHY_VOID) return "void";
        return rc_step_at(c, i)->kind == FLOW_APPROVE ? "approval" : "question";
    }
    return c->state == RC_REVIEW && state_before != RC_REVIEW ? rc_state_word(RC_REVIEW).slug : NULL;
}

bool rc_notice_is_wanted(const struct rc_command *c, const char *reason)
{
    if (strcmp(reason, overdue) == 0) return c->why == RC_WHY_DEADLINE;
    if (strcmp(reason, rc_state_word(RC_REVIEW).slug) == 0) return c->state == RC_REVIEW;
    return rc_first_asked(c) != 0;
}

bool rc_notice_is_own(struct rc_engine *engine, const struct rc_command *c)
{
    struct rc_hot *hot;
    while (!rc_sv_eq(c->id.type, engine->ports.notify)) {
        uint64_t parent = c->parent.link.seq; /* a lower number: this ends */
        if (!parent || rc_engine_command(engine, parent, &hot, NULL) != RC_OK) return false;
        c = &hot->command;
    }
    return true;
}

/* {command, reason, link} */
static bool make_payload(const struct rc_engine *engine, const struct rc_identity *of, const char *reason,
                         struct rc_arena *arena, struct cel_value *ret)
{
    struct cel_value *pairs = RC_NEW_ARRAY(arena, struct cel_value, 6);
    char id[RC_ID_TEXT + 1];
    uint32_t bad;
    rc_id_format(rc_id_of(of->seq, of->nonce), id);
    struct rc_sv text = rc_text(arena, "%s", id);
    struct rc_sv link = rc_text(arena, "%.*s/v1/commands/%s", RC_SV_ARG(engine->ports.notify_url), id);
    if (!pairs || !text.p || !link.p) return false;
    pairs[0] = cel_string(RC_SV("command")), pairs[1] = cel_string(text);
    pairs[2] = cel_string(RC_SV("link")), pairs[3] = cel_string(link);
    pairs[4] = cel_string(RC_SV("reason")), pairs[5] = cel_string(rc_sv_of(reason));
    *ret = (struct cel_value){.kind = CEL_MAP, .n = 3, .v.items = pairs};
    return cel_map_sort(pairs, 3, &bad);
}

/* ---- the command that tells it -------------------------------------------------------------------------------------------- */

struct rc_sv rc_notice_key(struct rc_arena *arena, uint64_t seq, uint32_t rev)
{
    return rc_text(arena, "notify/%llu/%u", (unsigned long long)seq, rev);
}

static enum rc_status prepare(struct rc_engine *engine, const struct rc_identity *of, uint32_t rev,
                              const char *reason, struct rc_request *request, struct rc_error *err)
{
    struct rc_arena *arena = request->arena;
    struct rc_submission in = {.ns = rc_copy_sv(arena, of->ns),
                               .type = engine->ports.notify,
                               .subject = RC_SV("notify"),
                               .actor = RC_SV("notify"),
                               .key = rc_notice_key(arena, of->seq, rev)};
    struct rc_error found = {0};
    uint32_t n = 0;
    if (!make_payload(engine, of, reason, arena, &in.payload) || rc_arena_status(arena) != RC_OK)
        return rc_fail_arena(err, arena);
    request->bytes = (uint32_t)cel_size_bytes(in.payload);
    enum rc_status status =
        rc_prepare_submit(rc_engine_set(engine), &in, arena, &request->u.submit, &found, 1, &n);
    return status == RC_OK
               ? RC_OK
               : rc_fail(err, status, "the flow '%.*s' that tells people: %s%s%s", RC_SV_ARG(in.type),
                         found.pointer, found.pointer[0] ? ": " : "", found.text);
}

enum rc_status rc_notice_submit(struct rc_engine *engine, const struct rc_identity *of, uint32_t rev,
                                const char *reason, struct rc_error *err)
{
    struct rc_notice *notice = calloc(1, sizeof *notice);
    if (!notice) return rc_fail(err, RC_NOMEM, "out of memory");
    notice->next = engine->notices;
    engine->notices = notice;
    struct rc_request *request = &notice->request;
    *request =
        (struct rc_request){.kind = RC_REQUEST_SUBMIT, .arena = rc_arena_new(NOTICE_FIRST, NOTICE_MAX)};
    if (!request->arena) return rc_fail(err, RC_NOMEM, "out of memory");
    enum rc_status status = prepare(engine, of, rev, reason, request, err);
    if (status != RC_OK) return status;
    rc_request_notice(engine, request);
    if (request->status != RC_OK) *err = request->error;
    return request->status;
}

/* ---- a turn --------------------------------------------------------------------------------------------------------------- */

/* Trouble that passes is waited for; all else is a fault that shows, and is not tried again. */
static void tell(struct rc_engine *engine, const struct rc_command *c, const char *reason)
{
    struct rc_error error = {0};
    enum rc_status status = rc_notice_submit(engine, &c->id, c->rev, reason, &error);
    if (status == RC_OK) return;
    bool later = (rc_turn_passes(engine, status) || status == RC_LIMIT) && rc_untold_note(engine);
    if (!later) rc_engine_fault(engine, &error);
}

void rc_notices_submit(struct rc_engine *engine)
{
    uint32_t n = engine->turn.touched.n; /* what is submitted here tells nobody */
    if (!engine->ports.notify.n) return;
    for (uint32_t i = 0; i < n; i++) {
        const struct rc_touch *touch = &((const struct rc_touch *)engine->turn.touched.items)[i];
        const struct rc_command *c = &touch->hot->command;
        const char *reason = rc_notice_reason(c, touch->state, touch->why, engine->turn.now);
        if (reason && !rc_notice_is_own(engine, c)) tell(engine, c, reason);
    }
}

void rc_notices_end_turn(struct rc_engine *engine, bool refused)
{
    rc_untold_end_turn(engine, refused);
    for (struct rc_notice *notice; (notice = engine->notices);) {
        engine->notices = notice->next;
        rc_arena_free(notice->request.arena); /* where the turn was dropped */
        free(notice);
    }
}
